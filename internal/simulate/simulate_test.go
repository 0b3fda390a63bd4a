package simulate

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/labels"
	"fresnel/internal/testkit"
)

// near fails the test unless got lies within a share of want.
func near(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if math.Abs(got-want) > share*math.Abs(want) {
		t.Errorf("%s: got %v, want %v +- %v %%", what, got, want, 100*share)
	}
}

// TestGapModels holds each model against its stated distribution: mean and bounds of 20,000 gaps.
func TestGapModels(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name       string
		g          gaps
		low, high  float64
		mean, sd   float64 // 0: not looked at
		wholeNanos bool
	}{
		{"cobalt strike", below(900, 0.25), 675, 900, 787.5, 225 / math.Sqrt(12), false},
		{"cobalt strike 90 %", below(60, 0.9), 6, 60, 33, 54 / math.Sqrt(12), false},
		{"sliver", added(60, 0.5), 60, 90, 75, 30 / math.Sqrt(12), false},
		{"havoc", about(2, 0.15), 1.7, 2.3, 2, 0.6 / math.Sqrt(12), false},
		{"caldera", about(45, 1.0/3), 30, 60, 45, 30 / math.Sqrt(12), false},
		{"merlin", added(30, 0.1), 30, 33, 31.5, 3 / math.Sqrt(12), false},
		{"poseidon", gaps{kind: gapLattice, period: 100, jitter: 0.5}, 51, 148, 0, 0, true},
		{"empire", gaps{kind: gapInteger, period: 60, jitter: 0.5}, 30, 89, 59.5, 60 / math.Sqrt(12), true},
		{"empire without jitter", gaps{kind: gapInteger, period: 5}, 5, 5, 5, 0, true},
		{"covenant of 5 s, 10 %", gaps{kind: gapRounded, period: 5, jitter: 0.1}, 5, 5, 5, 0, true},
		{"covenant of 100 s, 20 %", gaps{kind: gapRounded, period: 100, jitter: 0.2}, 81, 119, 100, 0, true},
		{"dnscat2", fixed(1), 1, 1, 1, 0, false},
		{"poisson", poisson(300), 0, inf, 300, 300, false},
		{"log-normal", spread(100, 0.5), 0, inf, 100 * math.Exp(0.125), 0, false},
		{"bot", gaps{kind: gapPauses, period: 240, jitter: 0.1}, 216, 240 * 1.1 * 8, 240 * (1 + 4.0/11), 0, false},
	} {
		r := stream(1, c.name)
		var sum, squares float64
		const n = 20000
		for range n {
			d := c.g.next(r, 0)
			if d < c.low-1e-9 || d > c.high+1e-9 {
				t.Fatalf("%s: got %v, want %v to %v", c.name, d, c.low, c.high)
			}
			if c.wholeNanos && d != math.Floor(d) {
				t.Fatalf("%s: got %v, want whole seconds", c.name, d)
			}
			sum += d
			squares += d * d
		}
		mean := sum / n
		if c.mean > 0 {
			near(t, c.name+": mean", mean, c.mean, 0.02)
		}
		if c.sd > 0 {
			near(t, c.name+": standard deviation", math.Sqrt(squares/n-mean*mean), c.sd, 0.03)
		}
	}
}

// TestSchedules holds the models that are a fixed sequence against it.
func TestSchedules(t *testing.T) {
	r := stream(1)
	for _, c := range []struct {
		name string
		g    gaps
		want []float64
	}{
		{"fibonacci", gaps{kind: gapFibonacci, period: 10, high: 60}, []float64{10, 10, 20, 30, 50, 60, 60}},
		{"timesyncd", doubling(32, 256), []float64{32, 64, 128, 256, 256}},
		{"back-off", backoff(5, 40, 0), []float64{5, 10, 20, 40, 5, 10}},
		{"meterpreter", gaps{kind: gapRamp, period: 10}, []float64{0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 1, 1.1}},
	} {
		for i, want := range c.want {
			if got := c.g.next(r, 0); math.Abs(got-want) > 1e-9 {
				t.Errorf("%s: gap %d: got %v, want %v", c.name, i, got, want)
			}
		}
	}
	ramp := gaps{kind: gapRamp, period: 10, n: 98}
	for i, want := range []float64{9.9, 10, 10} {
		if got := ramp.next(r, 0); math.Abs(got-want) > 1e-9 {
			t.Errorf("meterpreter: gap %d: got %v, want %v", 99+i, got, want)
		}
	}
	even := map[bool]int{}
	lattice := gaps{kind: gapLattice, period: 100, jitter: 0.5}
	for range 1000 { // even k lengthens, odd k shortens
		d := int(lattice.next(r, 0))
		even[d >= 100 && d%2 != 0 || d < 100 && d%2 == 0]++
	}
	if even[true] > 0 {
		t.Errorf("poseidon: got %d gaps off the lattice, want none", even[true])
	}
	c := clock(300, 5)
	for now := 17.0; now < 10000; {
		now += c.next(r, now)
		if off := math.Mod(now, 300); off > 5 {
			t.Fatalf("clock: got a call %v s after the tick, want at most 5", off)
		}
	}
}

func load(t testing.TB, name string) *Scenario {
	t.Helper()
	sc, err := Load(filepath.Join(testkit.Root(t), "scenarios", name))
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// digest runs a scenario and returns a hash of its events and labels, and their number.
func digest(t *testing.T, sc *Scenario, seed uint64) (sum uint64, n int) {
	t.Helper()
	h := fnv.New64a()
	var line []byte
	l, err := sc.Run(seed, func(e *event.Event) error {
		n++
		line = AppendECS(line[:0], e)
		_, err := h.Write(line)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Write(h); err != nil {
		t.Fatal(err)
	}
	return h.Sum64(), n
}

func TestRunIsDeterministic(t *testing.T) {
	sc := load(t, "small.yaml")
	a, n := digest(t, sc, 1)
	b, _ := digest(t, sc, 1)
	if a != b {
		t.Error("the same seed gave other events")
	}
	if other, _ := digest(t, sc, 2); other == a {
		t.Error("another seed gave the same events")
	}
	if n < 3000 {
		t.Errorf("got %d events, want at least 3000", n)
	}
}

// TestGolden pins the first events and all implants of a world.
func TestGolden(t *testing.T) {
	sc := load(t, "small.yaml")
	var out []byte
	n := 0
	l, err := sc.Run(1, func(e *event.Event) error {
		if n++; n <= 12 {
			out = AppendECS(out, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out = fmt.Appendf(out, "%d events, %d labels\n", n, len(l.Labels))
	l.Labels = slices.DeleteFunc(l.Labels, func(l labels.Label) bool { return l.Implant == "" })
	var b bytes.Buffer
	if err := l.Write(&b); err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "testdata/small.golden", append(out, b.Bytes()...))
}

type rowOf struct {
	host, process, source string
	dest                  netip.Addr
	domain                string
}

// TestScenarios runs every scenario of the repository that is not too long for a test, and
// holds its labels against its events.
func TestScenarios(t *testing.T) {
	for _, c := range []struct {
		file     string
		implants int // at least
		events   int // at least
	}{{"small.yaml", 3, 3000}, {"day.yaml", 49, 300_000}, {"bot-week.yaml", 1, 50_000}, {"internet-noise.yaml", 1, 100_000}} {
		t.Run(c.file, func(t *testing.T) {
			sc := load(t, c.file)
			rows := make(map[rowOf][]int64)
			last := int64(0)
			n := 0
			start, end := sc.Start.UnixNano(), sc.Start.Add(sc.Length).UnixNano()
			l, err := sc.Run(3, func(e *event.Event) error {
				n++
				if e.TimeNanos < last || e.TimeNanos < start || e.TimeNanos >= end {
					return fmt.Errorf("event %d: time %d after %d is out of order or outside the data", n, e.TimeNanos, last)
				}
				last = e.TimeNanos
				if !e.DestinationIP.IsValid() || e.DestinationIP.IsPrivate() || e.DestinationPort == 0 {
					return fmt.Errorf("event %d: bad destination %v:%d", n, e.DestinationIP, e.DestinationPort)
				}
				k := rowOf{e.HostName, e.ProcessName, "", e.DestinationIP, e.DestinationDomain}
				if sc.Sensor.View == ViewNetwork {
					k.source = e.SourceIP.String()
				}
				rows[k] = append(rows[k], e.TimeNanos)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if n < c.events {
				t.Errorf("got %d events, want at least %d", n, c.events)
			}
			implants := make(map[string]bool)
			benign := 0
			for _, l := range l.Labels {
				k := rowOf{l.Host, l.Process, l.Source, netip.MustParseAddr(l.Dest), l.Domain}
				if sc.Sensor.View == ViewNetwork {
					k.domain = l.Domain
				}
				calls := rows[k]
				if len(calls) < l.Callbacks {
					t.Errorf("label %+v: got %d events, want at least its callbacks", l, len(calls))
				}
				if len(calls) > 0 {
					first := int64(math.Round((l.First - float64(sc.Start.Unix())) * 1e6))
					if !slices.ContainsFunc(calls, func(at int64) bool { d := (at-start)/1000 - first; return d >= -1 && d <= 1 }) {
						t.Errorf("label %+v: no event at its first callback", l)
					}
				}
				if l.Implant != "" {
					implants[l.Implant] = true
				} else {
					benign++
				}
			}
			if len(implants) < c.implants {
				t.Errorf("got %d implants, want at least %d", len(implants), c.implants)
			}
			if benign < 10*c.implants {
				t.Errorf("got %d benign timers, want many more than implants", benign)
			}
			if len(rows) < 25*len(implants) {
				t.Errorf("got %d rows for %d implants, want many more", len(rows), len(implants))
			}
		})
	}
}

// TestBotWeek holds the shape of the week of a bot: 36 series, one after the other.
func TestBotWeek(t *testing.T) {
	l, err := load(t, "bot-week.yaml").Run(5, func(*event.Event) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	var first []float64
	for _, l := range l.Labels {
		if l.Implant != "" {
			first = append(first, l.First)
			if l.Callbacks < 20 {
				t.Errorf("series to %s: got %d callbacks, want 20 or more", l.Dest, l.Callbacks)
			}
		}
	}
	if len(first) != 36 {
		t.Errorf("got %d series, want 36", len(first))
	}
	if d := slices.Max(first) - slices.Min(first); d < 5*86400 {
		t.Errorf("the servers were first called within %v s, want them spread over the week", d)
	}
}

// TestLabelsCountCallbacks runs one implant without trouble: each event of its row is a callback.
func TestLabelsCountCallbacks(t *testing.T) {
	sc, err := Parse([]byte(`
name: one
length: 12h
hosts: 1
fleet: {desktop: 0, laptop: 0, developer: 0, windows-server: 1, linux-server: 0, mac: 0}
implants:
  rows: [{framework: cobalt-strike, period: 60s, jitter: 0.5, process: lonely.exe, raw: true}]
`))
	if err != nil {
		t.Fatal(err)
	}
	var times []float64
	l, err := sc.Run(1, func(e *event.Event) error {
		if e.ProcessName == "lonely.exe" {
			times = append(times, float64(e.TimeNanos)/1e9)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(l.Labels, func(l labels.Label) bool { return l.Implant != "" })
	got := l.Labels[i]
	if got.Callbacks != len(times) || math.Abs(got.First-times[0]) > 1e-5 || math.Abs(got.Last-times[len(times)-1]) > 1e-5 {
		t.Errorf("got %d callbacks from %v to %v, want %d from %v to %v", got.Callbacks, got.First, got.Last, len(times), times[0], times[len(times)-1])
	}
	if got.Period != 60 || got.Jitter != 0.5 || !*got.Beacon || !*got.Periodic || got.Domain != "" {
		t.Errorf("got label %+v", got)
	}
	// 12 h of U[30, 60] s and what a call takes.
	near(t, "callbacks", float64(len(times)), 43200/45.4, 0.03)
}

// TestStreamsAreApart adds an implant and wants the events of everything else unchanged.
func TestStreamsAreApart(t *testing.T) {
	const base = "name: apart\nlength: 6h\nstart: 2026-03-02T08:00:00Z\nhosts: 6\n"
	run := func(text string) map[string]int {
		sc, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		all := make(map[string]int)
		if _, err := sc.Run(9, func(e *event.Event) error { all[string(AppendECS(nil, e))]++; return nil }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	without := run(base)
	with := run(base + "implants: {rows: [{framework: sliver, period: 60s, injected: false, process: extra.exe}]}\n")
	for line := range without {
		if with[line] == 0 {
			t.Fatalf("an implant moved an event of something else: %s", line)
		}
	}
	if len(with) < len(without)+100 {
		t.Errorf("got %d more events, want those of the implant", len(with)-len(without))
	}
}

// TestEnterprise looks at what a world is promised to be, in a smaller one of the same make.
func TestEnterprise(t *testing.T) {
	sc := load(t, "enterprise.yaml")
	sc.Hosts, sc.Length = 150, 24*time.Hour
	type tool struct{ host, process string }
	hostsOf := make(map[string]map[string]bool) // destination -> hosts
	signed := make(map[tool]event.Tristate)
	path := make(map[tool]string)
	l, err := sc.Run(11, func(e *event.Event) error {
		d := e.DestinationIP.String() + e.DestinationDomain
		if hostsOf[d] == nil {
			hostsOf[d] = make(map[string]bool)
		}
		hostsOf[d][e.HostName] = true
		k := tool{e.HostName, e.ProcessName}
		signed[k] = e.SignatureTrusted
		path[k] = e.ProcessExecutable
		if e.ProcessEntityID == "" || e.ProcessPID == 0 || len(e.ProcessHashSHA256) != 64 || e.ProcessExecutable == "" {
			return fmt.Errorf("event of %s without identity", e.ProcessName)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rare, alone, good, files := 0, make(map[tool]bool), 0, 0
	implants, injected, late := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	for _, l := range l.Labels {
		switch {
		case l.Framework == "rare-poller":
			k := tool{l.Host, l.Process}
			if alone[k] {
				continue
			}
			rare++
			alone[k] = true
			if len(hostsOf[l.Dest+l.Domain]) != 1 {
				t.Errorf("rare poller %s calls %s, as do others", l.Process, l.Dest)
			}
			if signed[k] == event.True {
				good++
			}
			if strings.Contains(path[k], "Program Files") {
				files++
			}
		case l.Implant != "" && !strings.HasSuffix(l.Implant, "b"):
			implants[l.Implant] = true
			if slices.Contains(busyNames, l.Process) {
				injected[l.Implant] = true
			}
			if l.First > float64(sc.Start.Unix())+3600 {
				late[l.Implant] = true
			}
		}
	}
	near(t, "hosts with a tool of their own", float64(rare), 0.334*150, 0.25) // some hosts are off all day
	near(t, "signed rare tools", float64(good), 0.65*float64(rare), 0.35)
	near(t, "rare tools below Program Files", float64(files), 0.6*float64(rare), 0.35)
	if n := len(implants); n < 38 || n > 40 {
		t.Errorf("got %d implants, want 40", n)
	}
	if n := len(injected); n < 11 || n > 20 {
		t.Errorf("got %d implants in busy common processes, want a third of 40", n)
	}
	if n := len(late); n < 20 || n > 38 {
		t.Errorf("got %d implants that come later, want more than half of 40", n)
	}
}

// TestCrowd wants programs of the crowd on many hosts, most of their servers called by one, and implants that
// bear the name of a program that other hosts run.
func TestCrowd(t *testing.T) {
	hosts := make(map[string]map[string]bool) // by program
	callers := make(map[netip.Addr]map[string]bool)
	add := func(m map[string]bool, host string) map[string]bool {
		if m == nil {
			m = make(map[string]bool)
		}
		m[host] = true
		return m
	}
	sc := load(t, "crowd.yaml")
	truth, err := sc.Run(3, func(e *event.Event) error {
		hosts[e.ProcessName] = add(hosts[e.ProcessName], e.HostName)
		callers[e.DestinationIP] = add(callers[e.DestinationIP], e.HostName)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	many, alone := 0, 0
	for _, of := range hosts {
		if len(of) >= 10 {
			many++
		}
	}
	for _, of := range callers {
		if len(of) == 1 {
			alone++
		}
	}
	if many < 20 {
		t.Errorf("got %d programs that 10 hosts run, want at least 20", many)
	}
	if share := float64(alone) / float64(len(callers)); share < 0.4 || share > 0.95 {
		t.Errorf("got %.2f of the addresses called by one host, want most and not all", share)
	}
	disguised := make(map[string]bool)
	for _, l := range truth.Labels {
		if l.Implant != "" && len(hosts[l.Process]) >= 5 {
			disguised[l.Implant] = true
		}
	}
	if n := len(disguised); n < 12 {
		t.Errorf("got %d implants in programs that 5 hosts run, want at least 12", n)
	}
}

// TestNoSurfaceGivesImplantsAway compares what rare benign pollers and implants look like in
// their names and ports: no ending and no port is one side's own.
func TestNoSurfaceGivesImplantsAway(t *testing.T) {
	ending := func(domain string) string { return domain[strings.LastIndexByte(domain, '.')+1:] }
	r := rand.New(rand.NewPCG(1, 1))
	good, bad := make(map[string]int), make(map[string]int)
	const n = 20000
	for range n {
		good[ending(pollerServer(r).domain)]++
		bad[ending(domainName(r))]++
	}
	good["com"] += good[""] * good["com"] / (n - good[""]) // those without a name left out
	for e, b := range bad {
		g := good[e]
		if b > 200 && math.Abs(math.Log(float64(g)/float64(b))) > 0.35 {
			t.Errorf("ending %q: got %d of benign pollers, %d of implants", e, g, b)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"hosts: many", `line 1: hosts: got "many", want a whole number`},
		{"name: x\nhots: 3", "line 2: hots: got an unknown key, want one of name, note, start,"},
		{"sensor:\n  view: hosts\n  idenity: true", "line 3: sensor.idenity: got an unknown key, want one of view, identity,"},
		{"implants:\n  frameworks:\n    cobalt: 3", "line 3: implants.frameworks.cobalt: got an unknown key, want one of apollo,"},
		{"implants:\n  rows:\n    - {framework: sliver, peroid: 60s}", "line 3: implants.rows[0].peroid: got an unknown key"},
		{"implants: {rows: [{framework: nosuch}]}", `implants.rows[0].framework: got "nosuch", want one of cobalt-strike,`},
		{"implants: {rows: [{framework: sliver, jitter: 1.5}]}", "implants.rows[0].jitter: got 1.5, want 0 to 1"},
		{"length: 3x", `line 1: length: got "3x", want a duration such as 90s, 6h or 3d`},
		{"start: yesterday", `line 1: start: got "yesterday", want a time such as`},
		{"hosts: 3\nhosts: 4", "line 2: hosts: got the key twice, want it once"},
		{"sensor: {names: 2}", "sensor.names: got 2, want 0 to 1"},
		{"sensor: {view: both}", "sensor.view: got both, want hosts or network"},
		{"software: [windows, lotus]", "software[1]: got lotus, want one of windows,"},
		{"fleet: {toaster: 1}", "line 1: fleet.toaster: got an unknown key, want one of desktop,"},
		{"per_host: [1]", "line 1: per_host: got a list, want names and numbers"},
		{"noise: {pairs: 10}", "noise.sources: got 0, want 1 or more"},
		{"crowd: {programs: -1}", "crowd.programs: got -1, want 0 to 100000"},
		{"crowd: {shared: 0.5}", "crowd.servers: got 0, want 1 to 100000, or 0 where none is shared"},
		{"implants: {disguised: 0.5}", "implants.disguised: got 0.5, want 0 without crowd.programs"},
		{"bots: [{servers: 0, period: 1m, dwell: 1h}]", "bots[0].servers: got 0, want 1 to 10000"},
		{"- 1", "line 1: scenario: got a list, want keys and values"},
	} {
		if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got error %v, want one with %q", c.text, err, c.want)
		}
	}
	if _, err := Parse(nil); err != nil {
		t.Errorf("an empty file: got error %v, want the defaults", err)
	}
	if d, err := parseDuration("1.5d"); err != nil || d != 36*time.Hour {
		t.Errorf("1.5d: got %v, %v", d, err)
	}
}

// TestClassesAreMade wants each class that a scenario can name, and no other, to have a maker.
func TestClassesAreMade(t *testing.T) {
	for class := range Default().PerHost {
		if perHost[class].add == nil {
			t.Errorf("per_host.%s: nothing makes it", class)
		}
	}
	if got, want := len(perHost), len(Default().PerHost); got != want {
		t.Errorf("got %d makers, want one for each of %d classes", got, want)
	}
}

func TestEveryScenarioLoads(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testkit.Root(t), "scenarios", "*.yaml"))
	if err != nil || len(files) < 6 {
		t.Fatalf("got %d scenarios (%v), want at least 6", len(files), err)
	}
	for _, f := range files {
		if _, err := Load(f); err != nil {
			t.Error(err)
		}
	}
}

func TestZeekWriter(t *testing.T) {
	e := event.Event{
		TimeNanos: 1_700_000_000_000_123_000, DurationNanos: 1_500_000_000, SourceIP: netip.MustParseAddr("10.0.0.1"), DestinationIP: netip.MustParseAddr("93.184.216.34"),
		SourcePort: 50000, DestinationPort: 443, SourceBytes: 12, DestinationBytes: 34, NetworkTransport: "tcp", NetworkProtocol: "tls", ConnectionState: "SF", TLSServerName: "a.example",
	}
	var conn, ssl strings.Builder
	z := NewZeekWriter(&conn, &ssl)
	z.Write(&e)
	e.ConnectionState, e.TLSServerName = "S0", ""
	z.Write(&e)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(conn.String()), "\n")
	tail := func(s string) string { // without the uid
		f := strings.Split(s, "\t")
		return f[0] + " " + strings.Join(f[2:], " ")
	}
	for i, want := range []string{
		"1700000000.000123 10.0.0.1 50000 93.184.216.34 443 tcp ssl 1.500000 12 34 SF",
		"1700000000.000123 10.0.0.1 50000 93.184.216.34 443 tcp ssl - 0 0 S0",
	} {
		if got := tail(lines[len(lines)-2+i]); got != want {
			t.Errorf("conn.log: got %q, want %q", got, want)
		}
	}
	if n := strings.Count(ssl.String(), "a.example"); n != 1 {
		t.Errorf("ssl.log: got %d records, want 1", n)
	}
}

func TestZeekWriterKeepsErrors(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	if err := NewZeekWriter(w, nil).Close(); err == nil {
		t.Error("got no error of a writer that takes nothing")
	}
}

func BenchmarkRun(b *testing.B) {
	sc := load(b, "day.yaml")
	n := 0
	for b.Loop() {
		if _, err := sc.Run(1, func(*event.Event) error { n++; return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
