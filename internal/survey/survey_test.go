package survey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fresnel/internal/event"
	"fresnel/internal/rank"
	"fresnel/internal/timeline"
)

const (
	second = int64(time.Second)
	hour   = int64(time.Hour)
	start  = 1_700_000_000 * second // of all worlds
)

// A world is telemetry that is made by hand.
type world struct {
	rng    *rand.Rand
	events []event.Event
	names  map[string]netip.Addr
}

func newWorld(seed uint64) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 1)), names: map[string]netip.Addr{}}
}

// address returns the address of a name, the next one of 203.0.113.0/24 when it is new.
func (w *world) address(name string) netip.Addr {
	a, ok := w.names[name]
	if !ok {
		a = netip.AddrFrom4([4]byte{203, 0, 113, byte(len(w.names))})
		w.names[name] = a
	}
	return a
}

// call adds a call, so long after the start. The destination is a name or an address.
func (w *world) call(host, process, destination string, after float64, change ...func(*event.Event)) {
	e := event.Event{
		TimeNanos: start + int64(after*1e9), HostName: host, ProcessName: process,
		SourceBytes: 400, DestinationBytes: 900, DestinationPort: 443, NetworkTransport: "tcp",
	}
	if a, err := netip.ParseAddr(destination); err == nil {
		e.DestinationIP = a
	} else {
		e.DestinationDomain, e.DestinationIP = destination, w.address(destination)
	}
	for _, f := range change {
		f(&e)
	}
	w.events = append(w.events, e)
}

// loop adds n callbacks of a sleep loop, each to one of the destinations at random.
func (w *world) loop(host, process string, from, period, jitter float64, n int, destinations []string, change ...func(*event.Event)) {
	for range n {
		w.call(host, process, destinations[w.rng.IntN(len(destinations))], from, change...)
		from += period*(1+jitter*(2*w.rng.Float64()-1)) + 0.05
	}
}

// stray adds n calls at random times of a stretch.
func (w *world) stray(host, process, destination string, from, to float64, n int) {
	for range n {
		w.call(host, process, destination, from+(to-from)*w.rng.Float64())
	}
}

func dest(names ...string) []string { return names }

// side runs f for the numbers below n on several goroutines.
func side(workers int) func(int, func(worker, i int)) {
	return func(n int, f func(worker, i int)) {
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := w; i < n; i += workers {
					f(w, i)
				}
			})
		}
		wg.Wait()
	}
}

// look surveys the world at an end, so long after the start.
func (w *world) look(t testing.TB, after, lookback time.Duration) *Survey {
	return w.lookWith(t, after, lookback, 1, 1)
}

func (w *world) lookWith(t testing.TB, after, lookback time.Duration, tables, workers int) *Survey {
	t.Helper()
	s, err := Run(t.Context(), w.gather(tables), Config{
		EndNanos: start + int64(after), LookbackNanos: int64(lookback), MaxFalse: 0.05, Model: rank.Default(),
		Workers: workers, Parallel: side(workers),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) gather(n int) []*timeline.Table {
	tables := make([]*timeline.Table, n)
	for i := range tables {
		tables[i] = timeline.NewTable(0)
	}
	for i := range w.events {
		e := &w.events[i]
		h, _ := e.Hash(0, event.HostName)
		h, _ = e.Hash(h, event.ProcessName)
		Add(tables[h%uint64(n)], e, h, hostProcess{})
	}
	return tables
}

func key(host, process string) []byte {
	return hostProcess{}.AppendKey(nil, &event.Event{HostName: host, ProcessName: process})
}

// of returns the found sightings of a process of a host.
func (s *Survey) of(host, process string) (found []*Sighting) {
	for i := range s.Found {
		if string(s.Found[i].GroupKey) == string(key(host, process)) {
			found = append(found, &s.Found[i])
		}
	}
	return found
}

// the returns the one found sighting of a process of a host.
func (s *Survey) the(t *testing.T, host, process string) *Sighting {
	t.Helper()
	found := s.of(host, process)
	if len(found) != 1 {
		t.Fatalf("%s on %s: found %d times, want once", process, host, len(found))
	}
	return found[0]
}

// office is a world of eight hosts with a browser, a tool that all have, and an implant on one.
func office() *world {
	w := newWorld(2) // among those of 1 one false discovery, as may be at a rate of 5 %
	for i := range 8 {
		host := fmt.Sprint("ws-", i)
		for _, site := range dest("news.example.com", "shop.example.org", "www.example.net") {
			w.stray(host, "browser", site, 0, 24*3600, 30)
		}
		w.loop(host, "tool", 100+float64(i), 600, .02, 140, dest("updates.vendor.com"), func(e *event.Event) {
			e.ProcessHashSHA256, e.TLSClientJA3, e.UserAgent = "aa", "1234", "tool/1"
			e.SignatureTrusted, e.SignatureSubjectName = event.True, "Vendor"
		})
	}
	w.loop("ws-3", "implant", 3600, 300, .2, 200, dest("198.51.100.7"), func(e *event.Event) { e.ProcessHashSHA256 = "bb" })
	return w
}

func TestFacts(t *testing.T) {
	w := office()
	w.call("ws-4", "browser", "img.example.org", 50, func(e *event.Event) { e.DestinationIP = w.address("news.example.com") }) // a shared address
	w.call("ws-5", "implant", "lone.example.info", 7000, func(e *event.Event) { e.ProcessHashSHA256 = "cc" })
	s := w.look(t, 26*time.Hour, 27*time.Hour)
	implant, tool := s.the(t, "ws-3", "implant"), s.the(t, "ws-3", "tool")
	if s.Hosts != 8 || len(s.Found) != 9 {
		t.Errorf("got %d hosts, %d found, want 8 and the 9 timers", s.Hosts, len(s.Found))
	}
	type facts struct {
		Hosts, HostsOfDestination, HostsOfAddress, HostsOfProcess, HostsOfProcessDestination     int
		ProcessDestinations, ProcessLoneDestinations, ProcessLoneTimers, HostDestinations, Names int
		HostsOfHash, HashesOfProcess, HostsOfJA3, HostsOfUserAgent, Siblings                     int
	}
	of := func(g *Sighting) facts {
		x := &g.Facts
		return facts{
			x.Hosts, x.HostsOfDestination, x.HostsOfAddress, x.HostsOfProcess, x.HostsOfProcessDestination,
			x.ProcessDestinations, x.ProcessLoneDestinations, x.ProcessLoneTimers, x.HostDestinations, x.NamesOfAddress,
			x.HostsOfHash, x.HashesOfProcess, x.HostsOfJA3, x.HostsOfUserAgent, x.Siblings,
		}
	}
	if diff := gocmp.Diff(facts{8, 1, 1, 2, 1, 2, 2, 1, 1, 0, 1, 2, 0, 0, 0}, of(implant)); diff != "" {
		t.Errorf("implant (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(facts{8, 8, 8, 8, 8, 1, 0, 0, 1, 1, 8, 1, 8, 8, 0}, of(tool)); diff != "" {
		t.Errorf("tool (-want +got):\n%s", diff)
	}
	if news := s.Of(key("ws-4", "browser")); news.Found || news.Facts.HostsOfDestination != 8 || news.Facts.HostDestinations != 3 {
		t.Errorf("browser: got found %v, %d hosts, %d destinations, want 8 and 3 registrable domains", news.Found, news.Facts.HostsOfDestination, news.Facts.HostDestinations)
	}
	// 24 rows of browsers, one shared address, 8 of the tool, and the implants' two.
	if want := 8. / 35; math.Abs(tool.Facts.SignatureShare-want) > 1e-9 || math.Abs(tool.Facts.NamedShare-34./35) > 1e-9 {
		t.Errorf("got signature share %v and named share %v, want %v and %v", tool.Facts.SignatureShare, tool.Facts.NamedShare, want, 34./35)
	}
	x := &implant.Facts
	if x.SourceBytes != 400 || x.DestinationBytes != 900 || x.SourceBytesSpread != 0 || x.FailedShare != 0 || x.Callbacks != 200 || implant.Calls != 200 {
		t.Errorf("got bytes %v, %v, spread %v, failed %v, %d callbacks, %d calls", x.SourceBytes, x.DestinationBytes, x.SourceBytesSpread, x.FailedShare, x.Callbacks, implant.Calls)
	}
	if x.SignatureTrusted != event.Unknown || tool.Facts.SignatureTrusted != event.True || tool.Facts.SignatureSubject != "Vendor" || tool.Domain != "updates.vendor.com" || tool.Port != 443 {
		t.Errorf("tool: got %v, %q, %q, %d", tool.Facts.SignatureTrusted, tool.Facts.SignatureSubject, tool.Domain, tool.Port)
	}
	if !slices.IsSortedFunc(s.Found, compare) {
		t.Error("what was found is not sorted by score")
	}
}

func TestFirstSightings(t *testing.T) {
	w := newWorld(2)
	w.call("ws-0", "browser", "a.example.com", 0)     // the data begin
	w.call("ws-1", "agent", "b.example.com", 3600)    // the process is older than the look
	w.call("ws-2", "other", "c2.example.net", 2*3600) // so is the destination
	w.loop("ws-1", "agent", 50*3600, 300, .1, 80, dest("c2.example.net"))
	w.call("ws-9", "late", "c2.example.net", 100*3600) // after the end
	s := w.look(t, 60*time.Hour, 24*time.Hour)
	g := s.the(t, "ws-1", "agent")
	x := g.Facts
	got := []float64{x.HostFirst, x.ProcessFirst, x.DestinationFirst, x.RowFirst, x.DataSeconds}
	if want := []float64{3600, 3600, 2 * 3600, 50 * 3600, 60 * 3600}; !slices.Equal(got, want) {
		t.Errorf("first seconds of host, process, destination, row, and length: got %v, want %v", got, want)
	}
	if x.Hosts != 3 || x.HostsOfDestination != 2 {
		t.Errorf("got %d hosts, %d of the destination, want 3 and 2: what comes after the end is not there", x.Hosts, x.HostsOfDestination)
	}
}

// TestEdges holds that calls at the end of the look are in it, and those at its beginning, after
// its end and before are not.
func TestEdges(t *testing.T) {
	w := newWorld(3)
	for i := range 40 {
		w.call("ws-1", "agent", "192.0.2.1", float64(i)*600, func(e *event.Event) {
			if i%2 == 0 {
				e.DestinationBytes = 0 // not answered
			}
		})
	}
	s := w.look(t, 20*600*time.Second, 10*600*time.Second)
	g := s.the(t, "ws-1", "agent")
	if g.Timing.Callbacks != 10 || g.Calls != 10 || g.FirstNanos != start+11*600*second || g.LastNanos != start+20*600*second || g.Facts.FailedShare != 0.5 {
		t.Errorf("got %d callbacks, %d calls from %d to %d s, a share of %v failed, want 10 from 6600 to 12000 s, half failed",
			g.Timing.Callbacks, g.Calls, (g.FirstNanos-start)/second, (g.LastNanos-start)/second, g.Facts.FailedShare)
	}
	if s := w.look(t, 5*time.Minute, time.Minute); s.Rows != 0 || s.Of(key("ws-1", "agent")) != nil || len(s.Found) != 0 {
		t.Errorf("a look without calls: got %d rows, %v", s.Rows, s.Of(key("ws-1", "agent")))
	}
}

func TestOf(t *testing.T) {
	w := office()
	s := w.look(t, 26*time.Hour, 27*time.Hour)
	if g := s.Of(key("ws-3", "implant")); g == nil || !g.Found || g.Case < 0 || g.Address.String() != "198.51.100.7" || g != s.of("ws-3", "implant")[0] {
		t.Errorf("a found group: got %+v", g)
	}
	w.stray("ws-1", "browser", "most.example.com", 0, 24*3600, 60)
	w.stray("ws-9", "shy", "192.0.2.5", 0, 24*3600, 2)
	s = w.look(t, 26*time.Hour, 27*time.Hour)
	if g := s.Of(key("ws-1", "browser")); g == nil || g.Found || g.Case != -1 || g.Domain != "most.example.com" || g.Calls != 60 || !g.Tested {
		t.Errorf("a group that is not found: got %+v, want the destination that it calls most", g)
	}
	if first, again := s.Of(key("ws-1", "browser")), s.Of(key("ws-1", "browser")); first != again {
		t.Error("a group without a finding has another sighting each time")
	}
	if g := s.Of(key("ws-9", "shy")); g == nil || g.Found || g.Tested || g.QValue != 1 || g.Timing.PValue != 1 {
		t.Errorf("a group with too few calls: got %+v", g)
	}
	if g := s.Of(key("ws-1", "unknown")); g != nil {
		t.Errorf("an unknown group: got %+v", g)
	}
}

func TestCases(t *testing.T) {
	w := office()
	for i, host := range dest("ws-1", "ws-2", "ws-5") { // one C2 on three hosts
		w.loop(host, "spread", float64(i)*500, 120, .3, 200, dest("c2.example.info"))
	}
	for i, server := range dest("192.0.2.1", "192.0.2.2", "192.0.2.3") { // one implant moves on
		w.loop("ws-6", "mover", float64(i)*7*3600, 240, .1, 100, dest(server))
	}
	w.loop("ws-6", "mover", 0, 3000, .1, 28, dest("192.0.2.9")) // another timer of the same process
	w.loop("ws-7", "mover", 0, 240, .1, 100, dest("192.0.2.77"))
	s := w.look(t, 26*time.Hour, 27*time.Hour)
	cases := map[string]int{}
	for i := range s.Found {
		g := &s.Found[i]
		cases[fmt.Sprint(g.Facts.HostName, " ", g.Facts.ProcessName, " ", cmp.Or(g.Domain, g.Address.String()))] = g.Case
	}
	same := func(rows ...string) {
		t.Helper()
		for _, r := range rows {
			if c, ok := cases[r]; !ok || c != cases[rows[0]] {
				t.Errorf("%q: found %v, case %d, want that of %q, %d", r, ok, c, rows[0], cases[rows[0]])
			}
		}
	}
	same("ws-1 spread c2.example.info", "ws-2 spread c2.example.info", "ws-5 spread c2.example.info")
	same("ws-6 mover 192.0.2.1", "ws-6 mover 192.0.2.2", "ws-6 mover 192.0.2.3")
	var tools []string
	for i := range 8 {
		tools = append(tools, fmt.Sprintf("ws-%d tool updates.vendor.com", i))
	}
	same(tools...)
	different := map[int]string{}
	for _, r := range dest("ws-1 spread c2.example.info", "ws-6 mover 192.0.2.1", "ws-6 mover 192.0.2.9", "ws-7 mover 192.0.2.77", tools[0], "ws-3 implant 198.51.100.7") {
		if other, ok := different[cases[r]]; ok {
			t.Errorf("%q and %q have one case", other, r)
		}
		different[cases[r]] = r
	}
	// Numbers are in the order of the best rows.
	next := 0
	for i := range s.Found {
		if c := s.Found[i].Case; c > next || c < 0 {
			t.Fatalf("row %d has case %d before case %d was begun", i, c, next)
		} else if c == next {
			next++
		}
	}
	for _, g := range s.of("ws-6", "mover") {
		want := 2
		if g.Address.String() == "192.0.2.9" {
			want = 0
		}
		if g.Facts.Siblings != want {
			t.Errorf("%s: got %d siblings, want %d", g.Address, g.Facts.Siblings, want)
		}
	}
}

// TestSpread holds that of the rows of a process in one case all but the best are lowered, each
// with the reason.
func TestSpread(t *testing.T) {
	w := newWorld(31)
	for i, server := range dest("192.0.2.1", "192.0.2.2", "192.0.2.3") {
		w.loop("ws-6", "mover", float64(i)*20_000, 200, .1, 80, dest(server))
	}
	s := w.look(t, 24*time.Hour, 24*time.Hour)
	rows := s.of("ws-6", "mover")
	if len(rows) != 3 {
		t.Fatalf("found %d rows, want 3", len(rows))
	}
	for i, g := range rows {
		at := slices.IndexFunc(g.Assessment.Reasons, func(r rank.Reason) bool { return r.Code == "case" })
		switch {
		case i == 0 && at >= 0:
			t.Errorf("the best row was lowered: %+v", g.Assessment.Reasons)
		case i > 0 && (at < 0 || g.Assessment.Reasons[at].Points != -furtherRow*float64(i)):
			t.Errorf("row %d: got reasons %+v, want %v points for the case", i, g.Assessment.Reasons, -furtherRow*float64(i))
		case g.Assessment.Score != rank.Default().Score(g.Assessment.Points):
			t.Errorf("row %d: got a score of %v, want that of %v points", i, g.Assessment.Score, g.Assessment.Points)
		}
	}
}

// TestSiblings holds the neighbours by period to a comparison of each with each.
func TestSiblings(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	var found []*unit
	for range 300 {
		u := &unit{info: &info{host: uint64(rng.IntN(4)), process: uint64(rng.IntN(2))}, timer: &timer{}}
		u.timer.Period = math.Round(math.Exp(rng.Float64()*5)) * float64(rng.IntN(8)) // some are equal, some 0
		u.first = int64(rng.IntN(100))
		u.last = u.first + int64(rng.IntN(40))
		found = append(found, u)
	}
	siblings(found)
	for i, u := range found {
		want := 0
		for _, v := range found {
			p, q := u.timer.Period, v.timer.Period
			shared := min(u.last, v.last) - max(u.first, v.first)
			if u != v && *u.info == *v.info && q <= p*samePeriod && p <= q*samePeriod && 10*shared < min(u.last-u.first, v.last-v.first) {
				want++
			}
		}
		if u.siblings != want {
			t.Fatalf("unit %d, %v s: got %d siblings, want %d", i, u.timer.Period, u.siblings, want)
		}
	}
}

func TestScopes(t *testing.T) {
	servers := dest("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
	names := dest("a.c2.example.com", "b.c2.example.com", "c.c2.example.com", "d.c2.example.com")
	for _, c := range []struct {
		name   string
		make   func(w *world)
		scope  Scope
		calls  int64
		domain string // of the row; empty for an address
	}{
		{"one of four servers at random", func(w *world) {
			w.loop("ws-1", "implant", 0, 60, .1, 60, servers)
		}, WholeGroup, 60, ""},
		{"the servers of a process that also calls what others call", func(w *world) {
			w.loop("ws-1", "implant", 0, 60, .1, 60, servers)
			w.stray("ws-1", "implant", "www.example.org", 0, 3600, 150)
		}, RareDestinations, 60, ""},
		{"names of one domain", func(w *world) {
			w.loop("ws-1", "implant", 0, 60, .1, 60, names)
		}, OneDomain, 60, "example.com"},
		{"names of one domain among others", func(w *world) {
			w.loop("ws-1", "implant", 0, 60, .1, 60, names)
			w.stray("ws-1", "implant", "www.example.org", 0, 3600, 150)
			w.stray("ws-1", "implant", "lone.example.info", 0, 3600, 150)
		}, OneDomain, 60, "example.com"},
		{"one name with many addresses", func(w *world) {
			for i := range 60 {
				w.call("ws-1", "implant", "c2.example.com", 60.05*float64(i), func(e *event.Event) {
					e.DestinationIP = netip.AddrFrom4([4]byte{198, 51, 100, byte(w.rng.IntN(20))})
				})
			}
		}, OneDestination, 60, "c2.example.com"},
		{"one server", func(w *world) {
			w.loop("ws-1", "implant", 0, 60, .1, 60, servers[:1])
			w.stray("ws-1", "implant", "192.0.2.200", 0, 3600, 20)
		}, OneDestination, 60, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(11)
			for i := range 5 {
				w.stray(fmt.Sprint("ws-", 2+i), "browser", "www.example.org", 0, 3600, 30)
			}
			c.make(w)
			g := w.look(t, 24*time.Hour, 25*time.Hour).the(t, "ws-1", "implant")
			if g.Scope != c.scope || g.Calls != c.calls {
				t.Errorf("got %d calls to one %s, want %d to one %s", g.Calls, g.Scope, c.calls, c.scope)
			}
			if math.Abs(g.Timing.Period-60) > 2 {
				t.Errorf("period: got %v s, want 60 s", g.Timing.Period)
			}
			domain := g.Domain
			if c.scope == OneDomain && domain != "" {
				domain = domain[len("a.c2."):]
			}
			if domain != c.domain || c.domain == "" && !slices.Contains(servers, g.Address.String()) {
				t.Errorf("got %q at %s, want one of the servers", g.Domain, g.Address)
			}
		})
	}
}

// TestMergedTwice holds that the calls of a domain that was taken together count once when
// the whole group is, too.
func TestMergedTwice(t *testing.T) {
	whole := 0
	for seed := range uint64(60) {
		w := newWorld(seed)
		w.loop("ws-1", "implant", 0, 60, .1, 40, dest("a.example.com", "b.example.com", "c.example.com", "192.0.2.1"))
		s := w.look(t, 24*time.Hour, 25*time.Hour)
		for _, g := range s.of("ws-1", "implant") {
			if g.Scope == WholeGroup {
				whole++
				if g.Calls != 40 || g.Timing.Callbacks != 40 {
					t.Errorf("seed %d: got %d calls, %d callbacks, want 40", seed, g.Calls, g.Timing.Callbacks)
				}
			}
		}
	}
	if whole < 30 {
		t.Errorf("%d of 60 groups were found as a whole", whole)
	}
}

// TestAgents holds that processes of one name are told apart, each of which sleeps exactly 5.1 s.
func TestAgents(t *testing.T) {
	sighting := func(id func(e *event.Event, agent int)) *Sighting {
		w := newWorld(5)
		for agent, from := range []float64{0.3, 1.9, 3.3} {
			for i := range 200 {
				w.call("ws-1", "implant", "192.0.2.1", from+float64(i)*(5.1+0.013*float64(agent)), func(e *event.Event) { id(e, agent) })
			}
		}
		return w.look(t, time.Hour, time.Hour).Of(key("ws-1", "implant"))
	}
	exact := func(g *Sighting) bool { return math.Abs(g.Timing.Period-5.1) < 0.05 && g.Timing.Jitter < 0.01 }
	for name, id := range map[string]func(*event.Event, int){
		"entity id": func(e *event.Event, agent int) { e.ProcessEntityID = fmt.Sprint("{", agent, "}") },
		"pid":       func(e *event.Event, agent int) { e.ProcessPID = int64(1000 + agent) },
	} {
		if g := sighting(id); !exact(g) || g.Timing.Callbacks != 200 || g.Calls != 600 {
			t.Errorf("%s: got a period of %v s, jitter %v, %d callbacks, %d calls, want 5.1 s of 200, and 600 calls", name, g.Timing.Period, g.Timing.Jitter, g.Timing.Callbacks, g.Calls)
		}
	}
	if g := sighting(func(*event.Event, int) {}); exact(g) {
		t.Errorf("agents that nothing tells apart: got a period of %v s of %d callbacks; is the series too easy?", g.Timing.Period, g.Timing.Callbacks)
	}
}

// TestCorrect holds q-values to the definition of Benjamini and Hochberg: the least, over all
// p-values that are not smaller, of the p-value times how many tests there are over how many
// p-values are as small.
func TestCorrect(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for n := range 60 {
		var units []*unit
		for range n {
			p := math.Pow(rng.Float64(), 4)
			if rng.IntN(3) == 0 {
				p = float64(1+rng.IntN(4)) / 4 // some are equal
			}
			units = append(units, &unit{p: p})
		}
		correct(units)
		for _, u := range units {
			want := 1.0
			for _, v := range units {
				if v.p < u.p {
					continue
				}
				as := 0
				for _, o := range units {
					if o.p <= v.p {
						as++
					}
				}
				want = min(want, v.p*float64(n)/float64(as))
			}
			if math.Abs(u.q-want) > 1e-12 {
				t.Fatalf("%d tests, p-value %v: got q-value %v, want %v", n, u.p, u.q, want)
			}
		}
	}
}

// TestOrder holds that neither the number of tables, nor that of workers, nor the order of the
// events shows in the results.
func TestOrder(t *testing.T) {
	w := office()
	// Ties: raw addresses with as many calls, whose rows say the same.
	for i := range 12 {
		for _, host := range dest("ws-1", "ws-2", "ws-3") {
			w.stray(host, "scanner", fmt.Sprint("192.0.2.", 20-i), 0, 80_000, 10)
		}
	}
	w.loop("ws-4", "roundrobin", 0, 90, .1, 300, dest("192.0.2.101", "192.0.2.102", "192.0.2.103"))
	w.loop("ws-5", "domains", 0, 90, .1, 60, dest("a.example.com", "b.example.com", "c.example.com", "d.example.com", "192.0.2.104"))
	ignore := cmpopts.IgnoreUnexported(Sighting{})
	addresses := cmpopts.EquateComparable(netip.Addr{})
	want := w.lookWith(t, 26*time.Hour, 27*time.Hour, 1, 1)
	if len(want.Found) < 12 {
		t.Fatalf("found %d, want the timers of the world", len(want.Found))
	}
	for _, c := range []struct {
		tables, workers int
		shuffled        bool
	}{{1, 1, true}, {2, 1, false}, {7, 1, false}, {7, 3, false}, {16, 2, true}} {
		if c.shuffled {
			w.rng.Shuffle(len(w.events), func(i, j int) { w.events[i], w.events[j] = w.events[j], w.events[i] })
		}
		got := w.lookWith(t, 26*time.Hour, 27*time.Hour, c.tables, c.workers)
		if got.Tested != want.Tested || got.Rows != want.Rows || got.Hosts != want.Hosts {
			t.Errorf("%+v: got %d tested of %d rows, %d hosts, want %d, %d, %d", c, got.Tested, got.Rows, got.Hosts, want.Tested, want.Rows, want.Hosts)
		}
		if diff := gocmp.Diff(want.Found, got.Found, ignore, addresses); diff != "" {
			t.Errorf("%+v: found (-want +got):\n%s", c, diff)
		}
		for k := range want.tops {
			if diff := gocmp.Diff(want.Of([]byte(k)), got.Of([]byte(k)), ignore, addresses); diff != "" {
				t.Errorf("%+v: group %q (-want +got):\n%s", c, k, diff)
			}
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, office().gather(3), Config{EndNanos: start + 24*hour, LookbackNanos: 24 * hour, Model: rank.Default(), Workers: 2, Parallel: side(2)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestNothing(t *testing.T) {
	s := newWorld(1).look(t, time.Hour, time.Hour)
	if len(s.Found) != 0 || s.Rows != 0 || s.Tested != 0 || s.Hosts != 0 || s.Of(key("ws-1", "x")) != nil {
		t.Errorf("got %+v of no events", s)
	}
}

// TestWithoutProcesses surveys events as Zeek has them: no names of hosts and processes.
func TestWithoutProcesses(t *testing.T) {
	w := newWorld(8)
	for i := range byte(3) {
		for k := range 60 {
			w.call("", "", "198.51.100.7", float64(60*k)+w.rng.Float64(), func(e *event.Event) { e.SourceIP = netip.AddrFrom4([4]byte{10, 0, 0, i}) })
		}
	}
	tables := []*timeline.Table{timeline.NewTable(0)}
	for i := range w.events {
		h, _ := w.events[i].Hash(0, event.SourceIP)
		Add(tables[0], &w.events[i], h, bySource{})
	}
	s, err := Run(t.Context(), tables, Config{EndNanos: start + 24*hour, LookbackNanos: 24 * hour, MaxFalse: 0.05, Model: rank.Default(), Workers: 1, Parallel: side(1)})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Found) != 3 || s.Hosts != 3 {
		t.Fatalf("got %d found, %d hosts, want 3 and 3", len(s.Found), s.Hosts)
	}
	for i := range s.Found {
		g := &s.Found[i]
		if g.Case != 0 || g.Facts.HostsOfDestination != 3 || g.Facts.HostsOfProcess != 0 || !g.Source.IsValid() {
			t.Errorf("%s: got case %d, %d hosts of the destination, %d of the process, want 0, 3, 0", g.Source, g.Case, g.Facts.HostsOfDestination, g.Facts.HostsOfProcess)
		}
	}
}

type bySource struct{}

func (bySource) AppendKey(dst []byte, e *event.Event) []byte { return e.AppendKey(dst, event.SourceIP) }

// TestNth holds nth against sorting.
func TestNth(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for n := 1; n < 400; n = n*5/4 + 1 {
		for _, c := range []struct {
			name string
			of   func(i int) int64
		}{
			{"all the same", func(int) int64 { return 7 }},
			{"rising", func(i int) int64 { return int64(i) }},
			{"falling", func(i int) int64 { return int64(-i) }},
			{"few different ones", func(int) int64 { return rng.Int64N(3) }},
			{"random", func(int) int64 { return rng.Int64N(1 << 40) }},
			{"the least in the middle, again and again", func(i int) int64 { return int64(max(i-n/2, n/2-i)) }},
		} {
			s := make([]int64, n)
			for i := range s {
				s[i] = c.of(i)
			}
			sorted := slices.Sorted(slices.Values(s))
			for _, k := range []int{0, n / 10, n / 2, n * 9 / 10, n - 1} {
				if got := nth(s, k); got != sorted[k] {
					t.Errorf("%s, %d of %d: got %d, want %d", c.name, k, n, got, sorted[k])
				}
			}
			if slices.Sort(s); !slices.Equal(s, sorted) {
				t.Errorf("%s, %d: other numbers than before", c.name, n)
			}
		}
	}
}
