// Package telemetry writes made-up network events in the layouts of real shippers, for
// benchmarks: many groups of uneven size, in order of time, the same for the same seed.
package telemetry

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// A Generator writes one event after the other.
type Generator struct {
	rng    *rand.Rand
	start  time.Time
	step   time.Duration
	n      int64
	hosts  int
	procs  int
	remote int
}

// Spec says what is generated.
type Spec struct {
	Seed         uint64
	Start        time.Time
	Span         time.Duration
	Events       int // over which the span is spread
	Hosts        int
	Processes    int // different names
	Destinations int
}

// New returns a generator for s.
func New(s Spec) *Generator {
	return &Generator{
		rng:   rand.New(rand.NewPCG(s.Seed, 1)),
		start: s.Start, step: s.Span / time.Duration(max(1, s.Events)),
		hosts: s.Hosts, procs: s.Processes, remote: s.Destinations,
	}
}

// skewed returns a number below n, small ones more often.
func (g *Generator) skewed(n int) int {
	f := g.rng.Float64()
	return int(f * f * float64(n))
}

func (g *Generator) next() (t time.Time, host, proc, dst, sport int, sent, received int64) {
	t = g.start.Add(time.Duration(g.n) * g.step)
	g.n++
	host, proc, dst = g.skewed(g.hosts), g.skewed(g.procs), g.skewed(g.remote)
	return t, host, proc, dst, 1024 + g.rng.IntN(60000), int64(200 + g.rng.IntN(4000)), int64(500 + g.rng.IntN(90000))
}

func address(first, n int) string {
	return strconv.Itoa(first) + "." + strconv.Itoa(n>>16&255) + "." + strconv.Itoa(n>>8&255) + "." + strconv.Itoa(n&255)
}

// AppendZeekHeader appends the header lines of a conn.log.
func AppendZeekHeader(dst []byte) []byte {
	return append(dst, "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#open\t2026-01-01-00-00-00\n"+
		"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n"+
		"#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]\n"...)
}

// AppendZeek appends one line of a Zeek conn.log, about 150 bytes.
func (g *Generator) AppendZeek(dst []byte) []byte {
	t, host, _, remote, sport, sent, received := g.next()
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	dst = strconv.AppendInt(dst, t.Unix(), 10)
	dst = fmt.Appendf(dst, ".%06d\tC", t.Nanosecond()/1000)
	for range 17 {
		dst = append(dst, letters[g.rng.IntN(len(letters))])
	}
	return fmt.Appendf(dst, "\t%s\t%d\t%s\t443\ttcp\tssl\t%d.%06d\t%d\t%d\tSF\tT\tF\t0\tShADadfF\t%d\t%d\t%d\t%d\t-\n",
		address(10, host), sport, address(93, remote), g.rng.IntN(20), g.rng.IntN(1000000), sent, received,
		sent/400+3, sent+160, received/1200+3, received+200)
}

// AppendECS appends one document of Elastic Defend's network events, about 1.3 KB.
func (g *Generator) AppendECS(dst []byte) []byte {
	t, host, proc, remote, sport, sent, received := g.next()
	at := t.UTC().Format("2006-01-02T15:04:05.000Z")
	pid := 1000 + host*7 + proc
	dst = fmt.Appendf(dst, `{"@timestamp":"%s","agent":{"id":"3f9c1b52-6a0d-4c9e-8f2e-%012x","type":"endpoint","version":"8.17.0"},`, at, host)
	dst = fmt.Appendf(dst, `"process":{"Ext":{"ancestry":["ZmFrZS1hbmNlc3Rvci0%08x","ZmFrZS1yb290LTAwMDA"],"code_signature":[{"trusted":true,"subject_name":"Example Software GmbH","exists":true,"status":"trusted"}]},"name":"proc-%d.exe","pid":%d,"entity_id":"M2Y5YzFiNTItNmEwZC00YzllLThmMmUt%06x%06x","executable":"C:\\Program Files\\Example %d\\proc-%d.exe","code_signature":{"trusted":true,"subject_name":"Example Software GmbH","exists":true,"status":"trusted"}},`, pid, proc, pid, host, proc, proc, proc)
	dst = fmt.Appendf(dst, `"destination":{"address":"%s","port":443,"bytes":%d,"ip":"%s","geo":{"country_iso_code":"DE"}},"source":{"address":"%s","port":%d,"bytes":%d,"ip":"%s"},"message":"Endpoint network event",`,
		address(93, remote), received, address(93, remote), address(10, host), sport, sent, address(10, host))
	dst = fmt.Appendf(dst, `"network":{"transport":"tcp","type":"ipv4","direction":"egress"},"host":{"hostname":"host-%05d","os":{"Ext":{"variant":"Windows 11 Pro"},"kernel":"23H2 (10.0.22631.4037)","name":"Windows","family":"windows","type":"windows","version":"23H2","platform":"windows","full":"Windows 11 Pro 23H2"},"ip":["%s","127.0.0.1","::1"],"name":"host-%05d","id":"%032x","mac":["00-50-56-%02x-%02x-%02x"],"architecture":"x86_64"},`,
		host, address(10, host), host, host, host>>16&255, host>>8&255, host&255)
	return fmt.Appendf(dst, `"event":{"agent_id_status":"verified","sequence":%d,"ingested":"%s","created":"%s","kind":"event","module":"endpoint","action":"disconnect_received","id":"N%015x+","category":["network"],"type":["end"],"dataset":"endpoint.events.network","outcome":"unknown"},"user":{"domain":"EXAMPLE","name":"user%d","id":"S-1-5-21-1-2-3-%d"},"data_stream":{"namespace":"default","type":"logs","dataset":"endpoint.events.network"},"ecs":{"version":"8.10.0"}}`+"\n",
		g.n, at, at, g.n, host, host)
}
