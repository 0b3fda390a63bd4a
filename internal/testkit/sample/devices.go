package sample

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A site is something on the internet that the devices talk to.
type site struct {
	domain  string
	servers []int // its addresses, by number
	port    int
}

var sites = []site{
	{"updates.printer.example", []int{70}, 443},
	{"cdn.tv.example", []int{71, 72, 73, 74}, 443},
	{"time.example", []int{75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86}, 123},
	{"api.thermostat.example", []int{87, 88}, 443},
	{"www.example", []int{89, 90, 91, 92, 93}, 443},
	{"static.guest.example", []int{94, 95, 96, 97, 98, 99, 100, 101}, 443},
}

// relay is what the camera calls every ten minutes.
var relay = site{"cam-relay.example", []int{110}, 443}

// devices returns what Zeek saw of the devices that run no agent.
func devices() (conn, dns, ssl []byte) {
	z := zeek{rng: rand.New(rand.NewPCG(2026, 9))}
	for device := 20; device < 40; device++ { // printers, a camera, screens, telephones of guests
		for i, s := range sites {
			for _, at := range nowAndThen(z.rng, clock(0, 0, 0), clock(24, 0, 0), 0.15+0.25*float64((device+i)%3)) {
				z.connection(at, device, s, about(z.rng, 1500, 0.9), about(z.rng, 30000, 0.95))
			}
		}
	}
	for _, at := range onATimer(z.rng, clock(3, 7, 40), clock(23, 59, 0), 10*time.Minute, 3*time.Second) {
		z.connection(at, 31, relay, about(z.rng, 2210, 0.01), about(z.rng, 5120, 0.02))
	}
	return join(head("conn", "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents",
			"time string addr port addr port enum string interval count count string bool bool count string count count count count set[string]"), z.conn),
		join(head("dns", "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto query qtype_name rcode_name answers TTLs",
			"time string addr port addr port enum string string string vector[string] vector[interval]"), z.dns),
		join(head("ssl", "ts uid id.orig_h id.orig_p id.resp_h id.resp_p version cipher server_name established",
			"time string addr port addr port string string string bool"), z.ssl)
}

func head(path, fields, types string) string {
	return "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t" + path + "\n#open\t2026-03-03-00-00-00\n" +
		"#fields\t" + strings.ReplaceAll(fields, " ", "\t") + "\n#types\t" + strings.ReplaceAll(types, " ", "\t") + "\n"
}

// zeek gathers the lines of its logs.
type zeek struct {
	rng            *rand.Rand
	conn, dns, ssl []line
	resolved       map[string]time.Time // when a device last asked for a domain
}

func (z *zeek) uid() string {
	const letters = "abcdefghijkmnpqrstuvwxyz23456789"
	id := []byte("C")
	for range 8 { // shorter than Zeek's, for the sake of the repository
		id = append(id, letters[z.rng.IntN(len(letters))])
	}
	return string(id)
}

func stamp(t time.Time) string {
	return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
}

// connection adds a connection to s, and the question for its address when the answer to
// an earlier one is old.
func (z *zeek) connection(at time.Time, device int, s site, sent, received int) {
	server := address(s.servers[z.rng.IntN(len(s.servers))])
	if z.resolved == nil {
		z.resolved = map[string]time.Time{}
	}
	asked := fmt.Sprint(device, server)
	if last, ok := z.resolved[asked]; !ok || at.Sub(last) > 6*time.Hour {
		z.resolved[asked] = at
		t := at.Add(-30 * time.Millisecond)
		z.dns = append(z.dns, line{t, fmt.Sprintf("%s\t%s\t10.20.9.%d\t%d\t10.20.9.1\t53\tudp\t%s\tA\tNOERROR\t%s\t300.000000",
			stamp(t), z.uid(), device, 40000+z.rng.IntN(20000), s.domain, server)})
	}
	uid, port := z.uid(), 40000+z.rng.IntN(20000)
	if s.port == 123 { // one packet each way
		z.conn = append(z.conn, line{at, fmt.Sprintf("%s\t%s\t10.20.9.%d\t%d\t%s\t123\tudp\tntp\t0.0%d\t48\t48\tSF\tT\tF\t0\tDd\t1\t76\t1\t76\t-",
			stamp(at), uid, device, port, server, 10+z.rng.IntN(80))})
		return
	}
	z.conn = append(z.conn, line{at, fmt.Sprintf("%s\t%s\t10.20.9.%d\t%d\t%s\t%d\ttcp\tssl\t%d.%02d\t%d\t%d\tSF\tT\tF\t0\tShADadfF\t%d\t%d\t%d\t%d\t-",
		stamp(at), uid, device, port, server, s.port, z.rng.IntN(9), z.rng.IntN(100), sent, received,
		sent/700+4, sent+sent/700*40+160, received/1400+4, received+received/1400*40+160)})
	z.ssl = append(z.ssl, line{at.Add(20 * time.Millisecond), fmt.Sprintf("%s\t%s\t10.20.9.%d\t%d\t%s\t%d\tTLSv13\tTLS_AES_128_GCM_SHA256\t%s\tT",
		stamp(at.Add(20*time.Millisecond)), uid, device, port, server, s.port, s.domain)})
}
