package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/rank"
	"fresnel/internal/series"
	"fresnel/internal/timeline"
)

// TestPlaces holds that a row is introduced once to each table, and again when four others have come to
// its set.
func TestPlaces(t *testing.T) {
	p := newPlaces(leastSets)
	const apart = leastSets << 8
	row := func(i int) uint64 { return 5<<8 + uint64(i)*apart }
	check := func(i int, takes, news kinds, fresh bool) (place uint16) {
		t.Helper()
		place, gotNews, gotFresh := p.of(row(i), takes)
		if gotNews != news || gotFresh != fresh {
			t.Errorf("row %d: got news %b, fresh %v, want %b, %v", i, gotNews, gotFresh, news, fresh)
		}
		return place
	}
	first := check(0, ofCalls, ofCalls, true)
	if check(0, ofCalls|ofStatistics, ofStatistics, false) != first || check(0, ofCalls|ofStatistics, 0, false) != first {
		t.Error("the first row has two places")
	}
	for i := 1; i < placeWays; i++ {
		check(i, ofStatistics, ofStatistics, true)
	}
	if check(0, ofStatistics, 0, false) != first {
		t.Error("the first of four rows has another place")
	}
	if check(4, ofStatistics, ofStatistics, true) != first {
		t.Error("the fifth row has not the place of the oldest")
	}
	check(1, ofStatistics, 0, false)
	check(0, ofStatistics, ofStatistics, true)
}

// TestPlaceOfAnother holds that a row that nobody takes for the statistics is not given the group of the
// row that had its place: its calls would not stay in their order.
func TestPlaceOfAnother(t *testing.T) {
	table, calls := series.NewTable(series.Config{Grid: series.Grid{BucketSeconds: 60}, SummaryEntries: 1}), timeline.NewTable(0)
	b := &batch{places: newPlaces(leastSets), text: []byte("keytextmore")}
	b.intros = []intro{{group: 1 << 40, row: 2, key: 3, text: 4, fresh: true}, {group: 3 << 40, row: 4, at: 7, text: 4, fresh: true}}
	b.add(1e9, 0, 1, 1, netip.Addr{}, ofStatistics|ofCalls|introduction|placed)
	b.add(2e9, 0, 1, 1, netip.Addr{}, ofStatistics|ofCalls|placed)
	b.add(3e9, 0, 1, 1, netip.Addr{}, ofCalls|introduction|placed)
	b.add(4e9, 0, 1, 1, netip.Addr{}, ofCalls|placed)
	var m mover
	m.find(b, table, calls)
	for i, want := range [][2]uint32{{1, 1}, {1, 1}, {0, 2}, {0, 2}} {
		if got := m.found[i]; got.group != want[0] || got.row != want[1] {
			t.Errorf("item %d: got group %d and row %d, want %v", i, got.group, got.row, want)
		}
	}
}

// TestRowsThatComeBack holds what comes of events of more rows than there are places for, in blocks of two
// workers, with numbers of all sizes, of which some are for the calls alone.
func TestRowsThatComeBack(t *testing.T) {
	const rounds = 3
	const hosts = leastSets * placeWays * shardCount // each with three destinations: places become more once
	destinations := [3]netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("198.51.100.3")}
	all, err := filter.Compile(filter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	some, err := filter.Compile(filter.Config{Enabled: true, Exclude: []filter.Clause{
		{Name: "calls-alone", Where: filter.Conditions{{Field: event.DestinationIP, Op: filter.In, Values: []string{"198.51.100.3"}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Options{
		Filter: some, Rank: &Rank{Filter: all, Lookback: 86400, Model: rank.Default(), MaxFalse: 0.05},
		Params: beacon.DefaultParams(), Runs: Runs{Mode: At, End: 1_800_000_000}, All: true, Pictures: Callbacks, Workers: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	workers := [2]*Worker{g.Worker(), g.Worker()}
	rng := rand.New(rand.NewPCG(1, 2))
	const begin = 1_800_000_000 - 21600 + 30
	for round := range rounds {
		order := rng.Perm(hosts)
		for block := range 16 {
			w := workers[rng.IntN(2)]
			for _, host := range order[block*len(order)/16 : (block+1)*len(order)/16] {
				for d, ip := range destinations {
					w.Event(&event.Event{
						TimeNanos: int64(begin+round*3600+d/2) * 1e9, ProcessExecutable: fmt.Sprint(d), IngestedNanos: int64(host % 3 * (round + 1)), HostName: fmt.Sprint("h", host), ProcessName: "p",
						DestinationIP: ip, SourceBytes: int64(host%2)<<33 + int64(round), DestinationBytes: int64(d),
					})
				}
			}
			w.Deliver(int64(round*16 + block))
		}
	}
	for _, w := range workers {
		w.Close()
	}
	g.Seal()
	rows := 0
	for _, s := range g.shards {
		for _, r := range s.calls.All() {
			if r.Calls != rounds || r.FirstNanos/1e9 < begin || r.FirstNanos/1e9 > begin+2 {
				t.Fatalf("got a row of %d calls from %d on", r.Calls, r.FirstNanos/1e9)
			}
			calls := s.calls.Calls(nil, &r, math.MinInt64, math.MaxInt64)
			for i, c := range calls {
				if c.Millis != r.FirstNanos/1e6+int64(i)*3600_000 || c.SourceBytes&0xff != int64(i) && c.SourceBytes != 1<<33 {
					t.Fatalf("got calls %v", calls)
				}
			}
			rows++
		}
	}
	if rows != 3*hosts {
		t.Errorf("got %d rows, want three for each of %d hosts", rows, hosts)
	}
	groups := 0
	if err := g.Detect(t.Context(), func(r *finding.Result) error {
		groups++
		var host int
		fmt.Sscanf(r.Group.Values[0], "h%d", &host)
		var source, dest float64
		for i := range r.Trace.SourceBytes {
			source += r.Trace.SourceBytes[i] * float64(r.Trace.Counts[i])
			dest += r.Trace.DestinationBytes[i] * float64(r.Trace.Counts[i])
		}
		if r.Events != 2*rounds || source != float64(2*(rounds*int64(host%2)<<33+3)) || dest != rounds || r.IngestedNanos != int64(host%3*rounds) {
			t.Fatalf("%s: got %d events, %g and %g bytes, ingested %d", r.Group.Values[0], r.Events, source, dest, r.IngestedNanos)
		}
		if r.Details.ProcessExecutable != "1" { // of two events at the same time the later one is the newest
			t.Fatalf("%s: got details of event %s, want those of 1", r.Group.Values[0], r.Details.ProcessExecutable)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if groups != hosts {
		t.Errorf("got %d groups, want %d", groups, hosts)
	}
}

// TestFullTablesDropTheSame holds that what finds no room does not depend on which worker has which block, nor on
// when it brings it.
func TestFullTablesDropTheSame(t *testing.T) {
	all, err := filter.Compile(filter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var first []string
	for seed := range uint64(4) {
		g, err := New(Options{
			Filter: all, Rank: &Rank{Filter: all, Lookback: 86400, Model: rank.Default(), MaxFalse: 0.05},
			Params: beacon.DefaultParams(), Runs: Runs{Mode: At, End: 1_800_000_000}, All: true, Workers: 1, MaxBytes: 4 << 20,
		})
		if err != nil {
			t.Fatal(err)
		}
		const blocks, events = 300, 400
		var take sync.Mutex
		next := int64(0)
		var wait sync.WaitGroup
		rng := rand.New(rand.NewPCG(seed, 1))
		for range 1 + seed {
			pause := time.Duration(rng.IntN(300)) * time.Microsecond
			wait.Go(func() {
				w := g.Worker()
				defer w.Close()
				for {
					take.Lock()
					block := next
					next++
					take.Unlock()
					if block >= blocks {
						return
					}
					in := rand.New(rand.NewPCG(uint64(block), 2))
					for range events {
						host := in.IntN(40_000)
						w.Event(&event.Event{
							TimeNanos: (1_800_000_000 - in.Int64N(20_000)) * 1e9, HostName: fmt.Sprint("h", host), ProcessName: "p",
							DestinationIP: netip.AddrFrom4([4]byte{198, 51, 100, byte(in.IntN(3))}), SourceBytes: 1,
						})
					}
					time.Sleep(pause)
					w.Deliver(block)
				}
			})
		}
		wait.Wait()
		g.Seal()
		var got []string
		if err := g.Detect(t.Context(), func(r *finding.Result) error {
			got = append(got, fmt.Sprint(r.Group.Values, r.Events))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		s := g.Summary()
		got = append(got, fmt.Sprint(s.Dropped, s.CallsDropped, s.Groups, s.Rows))
		if s.Dropped == 0 || s.CallsDropped == 0 || s.Groups < 1000 {
			t.Fatalf("got %d and %d dropped, %d groups, want some of each", s.Dropped, s.CallsDropped, s.Groups)
		}
		slices.Sort(got)
		if first == nil {
			first = got
		} else if !slices.Equal(got, first) {
			t.Errorf("%d workers: got another answer than one, %s and %s in short", 1+seed, got[0], first[0])
		}
	}
}

// TestLongNamesDoNotWait holds that what waits for the tables is bounded where a few events are megabytes.
func TestLongNamesDoNotWait(t *testing.T) {
	all, err := filter.Compile(filter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Options{
		Filter: all, Rank: &Rank{Filter: all, Lookback: 86400, Model: rank.Default(), MaxFalse: 0.05},
		Params: beacon.DefaultParams(), Runs: Runs{Mode: At, End: 1_800_000_000}, Workers: 1, MaxBytes: 16 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := g.Worker()
	long := strings.Repeat("x", 1<<20)
	for block := range int64(20 * shardCount) { // less than the batches that are enough
		w.Event(&event.Event{TimeNanos: 1_799_999_000e9, HostName: fmt.Sprint(long, block), ProcessName: "p", DestinationIP: netip.MustParseAddr("198.51.100.1")})
		w.Deliver(block)
		for _, s := range g.shards {
			waiting := 0
			for _, b := range s.filling {
				waiting += cap(b.text)
			}
			if waiting > 3*applyBytes {
				t.Fatalf("block %d: got %d MiB of texts that wait in a shard", block, waiting>>20)
			}
		}
	}
	w.Close()
	g.Seal()
	if s := g.Summary(); s.Dropped == 0 || s.Groups == 0 {
		t.Errorf("got %d groups, %d events dropped, want some of each", s.Groups, s.Dropped)
	}
}
