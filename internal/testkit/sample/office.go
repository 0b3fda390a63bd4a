package sample

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A program is software on the machines of the office.
type program struct {
	name, path, signer string // no signer: it is not signed
	hosts              []int  // machines that it runs on, by number; none for all
	anHour             float64
	servers            []int // its addresses, by number
	sent, received     int   // bytes of a usual connection
}

// machines is how many machines run the agent: ws-01 to ws-08, srv-build, srv-files.
const machines = 10

// programs are what runs in an office and calls out when its users do something.
var programs = []program{
	{"chrome.exe", `C:\Program Files\Google\Chrome\Application`, "Google LLC", nil, 14, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2400, 48000},
	{"Teams.exe", `C:\Program Files\WindowsApps\MSTeams`, "Microsoft Corporation", []int{0, 1, 2, 3, 4, 5, 6, 7}, 5, []int{20, 21, 22}, 3100, 9000},
	{"OneDrive.exe", `C:\Program Files\Microsoft OneDrive`, "Microsoft Corporation", []int{0, 1, 2, 3, 4, 5, 6, 7}, 2.5, []int{23, 24}, 8000, 6000},
	{"svchost.exe", `C:\Windows\System32`, "Microsoft Windows Publisher", nil, 3, []int{25, 26, 27, 28}, 900, 5200},
	{"thunderbird.exe", `C:\Program Files\Mozilla Thunderbird`, "Mozilla Corporation", []int{1, 2, 4}, 6, []int{30, 31}, 1400, 7000},
	{"git.exe", `C:\Program Files\Git\mingw64\bin`, "Johannes Schindelin", []int{3, 6, 8}, 2, []int{32}, 5200, 90000},
	{"python.exe", `C:\Python313`, "Python Software Foundation", []int{3, 8}, 1.5, []int{33, 34, 35}, 1100, 250000},
	{"KeePassXC.exe", `C:\Program Files\KeePassXC`, "DroidMonkey Apps, LLC", []int{0, 5}, 0.3, []int{36}, 700, 3000},
	{"7zFM.exe", `C:\Program Files\7-Zip`, "", []int{7}, 0.2, []int{37}, 400, 1800},
}

// timers are programs that call out on a timer and mean no harm: what they send and get
// is not of one size.
var timers = []struct {
	program
	host    int
	start   float64 // minutes into the day
	minutes int     // from one call to the next
	jitter  time.Duration
}{
	{program{"AcmeInventory.exe", `C:\Program Files\Acme\Inventory`, "Acme Software GmbH", nil, 0, []int{40}, 5200, 900}, 8, 3.4, 20, time.Second},
	{program{"WeatherWidget.exe", `C:\Program Files\WeatherWidget`, "Sunny Apps Ltd.", nil, 0, []int{41, 42}, 600, 14000}, 5, 431.2, 15, 20 * time.Second},
}

// The implants.
var (
	spoolhost  = program{name: "spoolhost.exe", path: `C:\Users\mkeller\AppData\Local\Temp`}
	officeSync = program{name: "OfficeSync.exe", path: `C:\ProgramData\OfficeSync`, signer: "Northgate Trading s.r.o."}
)

func hostName(i int) string {
	switch i {
	case 8:
		return "srv-build"
	case 9:
		return "srv-files"
	}
	return fmt.Sprintf("ws-%02d", i+1)
}

// office returns the events of the machines that run the agent.
func office() []byte {
	rng := rand.New(rand.NewPCG(2026, 3))
	var lines []line
	add := func(at time.Time, host int, p program, server, sent, received int) {
		lines = append(lines, line{at, document(rng, len(lines), at, host, p, server, sent, received)})
	}
	work := func(host int) (from, to time.Time) { // servers work day and night
		if host >= 8 {
			return clock(0, 0, 0), clock(24, 0, 0)
		}
		return clock(7, 10+7*host, 0), clock(16, 20+9*host, 0)
	}
	for _, p := range programs {
		hosts := p.hosts
		for i := range machines {
			if p.hosts == nil {
				hosts = append(hosts, i)
			}
		}
		for _, host := range hosts {
			from, to := work(host)
			rate := p.anHour
			if host >= 8 {
				rate /= 4 // nobody sits there
			}
			for _, at := range nowAndThen(rng, from, to, rate) {
				server := p.servers[rng.IntN(len(p.servers))]
				add(at, host, p, server, about(rng, p.sent, 0.9), about(rng, p.received, 0.9))
			}
		}
	}
	for _, t := range timers {
		from := Day.Add(time.Duration(t.start * float64(time.Minute)))
		for i, at := range onATimer(rng, from, clock(23, 50, 0), time.Duration(t.minutes)*time.Minute, t.jitter) {
			add(at, t.host, t.program, t.servers[i%len(t.servers)], about(rng, t.sent, 0.6), about(rng, t.received, 0.7))
		}
	}

	// The first implant keeps its period to a few seconds, misses three calls while the
	// machine is busy, and is given tasks (a second connection, of another size) as long as
	// its operator works.
	for i, at := range onATimer(rng, clock(8, 12, 30), clock(23, 55, 0), 5*time.Minute, 4*time.Second) {
		if i == 31 || i == 58 || i == 59 {
			continue
		}
		add(at, 3, spoolhost, 60, about(rng, 1184, 0.01), about(rng, 436, 0.01))
		if i%29 == 17 && at.Before(clock(17, 0, 0)) {
			add(at.Add(time.Duration(5+rng.IntN(15))*time.Second), 3, spoolhost, 60, 9000+rng.IntN(60000), 700+rng.IntN(900))
		}
	}
	// The second calls twice a minute, from its installation until the machine is shut down.
	for _, at := range onATimer(rng, clock(9, 31, 10), clock(19, 2, 0), 30*time.Second, 2*time.Second) {
		add(at, 6, officeSync, 61, about(rng, 612, 0.02), about(rng, 2048, 0.02))
	}
	return join("", lines)
}

// document returns an event as Elastic Defend writes one at the end of a connection, with
// the fields that most analysts look at.
func document(rng *rand.Rand, n int, at time.Time, host int, p program, server, sent, received int) string {
	name := hostName(host)
	pid := 2000 + host*100 + len(p.name)*37
	signature := `"exists":false`
	if p.signer != "" {
		signature = fmt.Sprintf(`"exists":true,"status":"trusted","subject_name":"%s","trusted":true`, p.signer)
	}
	entity := base64.RawStdEncoding.EncodeToString(fmt.Appendf(nil, "%s-%d-%s", name, pid, p.name))
	return fmt.Sprintf(`{"@timestamp":"%s","agent":{"type":"endpoint","version":"8.17.0"},`+
		`"process":{"name":"%s","pid":%d,"entity_id":"%s","executable":"%s","code_signature":{%s}},`+
		`"destination":{"address":"%s","port":443,"bytes":%d,"ip":"%s"},"source":{"address":"10.20.1.%d","port":%d,"bytes":%d,"ip":"10.20.1.%d"},`+
		`"network":{"transport":"tcp","type":"ipv4","direction":"egress"},"host":{"name":"%s","os":{"type":"windows","version":"23H2"},"ip":["10.20.1.%d","127.0.0.1","::1"]},`+
		`"event":{"sequence":%d,"ingested":"%s","kind":"event","module":"endpoint","action":"disconnect_received","category":["network"],"type":["end"],"dataset":"endpoint.events.network"},`+
		`"user":{"name":"%s"},"ecs":{"version":"8.10.0"}}`,
		at.Format("2006-01-02T15:04:05.000Z"), p.name, pid, entity, strings.ReplaceAll(p.path+`\`+p.name, `\`, `\\`), signature,
		address(server), received, address(server), 11+host, 49152+rng.IntN(16000), sent, 11+host,
		name, 11+host, n, at.Add(40*time.Second).Format("2006-01-02T15:04:05Z"), user(host))
}

func user(host int) string {
	return []string{"aschulz", "bwagner", "cbraun", "mkeller", "efischer", "fweber", "gmeyer", "hkoch", "build", "SYSTEM"}[host]
}
