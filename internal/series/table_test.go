package series

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	seed       = maphash.MakeSeed()
	dictionary = NewDictionary(1 << 20)
)

// An observed event and the key of its group.
type observed struct {
	key string
	Observation
}

func (o *observed) addTo(t *Table, b *Batch) {
	b.Add(t.Numbers(nil, []Name{{maphash.String(seed, o.key), []byte(o.key)}})[0], &o.Observation)
}

func observe(group string, second float64, source, dest int64, ip, details string) observed {
	o := observed{group, Observation{
		TimeNanos:   int64(second * 1e9),
		SourceBytes: source, DestinationBytes: dest, Details: dictionary.Number([]byte(details)),
	}}
	if ip != "" {
		o.DestinationIP = netip.MustParseAddr(ip)
	}
	return o
}

// shown is a Window as it can be kept.
type shown struct {
	Key                      string
	Counts                   []int64
	Source, Dest             []float64
	Filled                   []int32
	NonEmpty, Interval       int
	Events                   int64
	Oldest, Newest, Ingested int64
	Details                  string
	Destinations             []Destination
	CallbackTimes            []int64
}

func show(w *Window, k int) shown {
	s := shown{
		Key: string(w.Key()), Counts: slices.Clone(w.Counts), Source: slices.Clone(w.SourceBytes), Dest: slices.Clone(w.DestinationBytes),
		Filled: slices.Clone(w.Filled), NonEmpty: w.NonEmptyBuckets, Interval: w.Interval, Events: w.Events, Details: dictionary.Text(w.Details()), Destinations: w.Destinations(k),
	}
	s.Oldest, s.Newest, s.Ingested = w.Times()
	s.CallbackTimes, _ = w.CallbackTimes()
	return s
}

func windowAt(t *Table, n int, length, end int64, k int) map[string]shown {
	out := map[string]shown{}
	t.View(n, length).Each(end, func(w *Window) { out[string(w.Key())] = show(w, k) })
	return out
}

// plain answers what a window should, straight from the events.
func plain(events []observed, n int, length, end int64, k int) map[string]shown {
	out := map[string]shown{}
	ips := map[string]map[netip.Addr]int64{}
	for _, o := range events {
		b := int64(math.Floor(float64(end-int64(math.Floor(float64(o.TimeNanos)/1e9))) / float64(length)))
		if b < 0 || b >= int64(n) {
			continue
		}
		key := o.key
		s, ok := out[key]
		if !ok {
			s = shown{Key: key, Counts: make([]int64, n), Source: make([]float64, n), Dest: make([]float64, n), Oldest: math.MaxInt64}
			ips[key] = map[netip.Addr]int64{}
		}
		s.Counts[b]++
		s.Source[b] += float64(o.SourceBytes)
		s.Dest[b] += float64(o.DestinationBytes)
		s.Events++
		s.Oldest = min(s.Oldest, o.TimeNanos)
		if o.TimeNanos >= s.Newest {
			s.Newest, s.Details = o.TimeNanos, dictionary.Text(o.Details)
		}
		s.Ingested = max(s.Ingested, o.IngestedNanos)
		s.CallbackTimes = append(s.CallbackTimes, o.TimeNanos)
		if o.DestinationIP.IsValid() {
			ips[key][o.DestinationIP]++
		}
		out[key] = s
	}
	for key, s := range out {
		first, last := n, 0
		for b, c := range s.Counts {
			if c > 0 {
				s.Source[b] /= float64(c)
				s.Dest[b] /= float64(c)
				s.Filled = append(s.Filled, int32(b))
				s.NonEmpty++
				first, last = min(first, b), max(last, b)
			}
		}
		s.Interval = last - first + 1
		for ip, c := range ips[key] {
			s.Destinations = append(s.Destinations, Destination{ip, c})
		}
		slices.SortFunc(s.Destinations, func(a, b Destination) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), a.IP.Compare(b.IP))
		})
		s.Destinations = s.Destinations[:min(k, len(s.Destinations))]
		slices.Sort(s.CallbackTimes)
		out[key] = s
	}
	return out
}

var same = []gocmp.Option{cmpopts.EquateEmpty(), gocmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmpopts.EquateApprox(1e-12, 0)}

func build(cfg Config, events []observed) *Table {
	t := NewTable(cfg)
	var b Batch
	for i := range events {
		events[i].addTo(t, &b)
		if b.Len() == 97 {
			t.Apply(&b)
			b.Reset()
		}
	}
	t.Apply(&b)
	return t
}

// TestWindowsAgreeWithThePlainSums slides windows of several shapes over events in and out
// of order and holds each to sums made straight from the events.
func TestWindowsAgreeWithThePlainSums(t *testing.T) {
	for _, tt := range []struct {
		name          string
		n             int
		length, every int64
		offset        int64
		disorder      bool
	}{
		{"hourly runs over an hour of minutes", 60, 60, 3600, 0, false},
		{"hourly runs, events in disorder", 60, 60, 3600, 0, true},
		{"a step that is no multiple of the bucket", 40, 60, 450, 0, true},
		{"a window that is no multiple of the step", 7, 60, 600, 0, true},
		{"buckets of a second", 500, 1, 250, 0, false},
		{"ends off the minute", 30, 60, 1800, 17, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			var events []observed
			for range 4000 {
				o := observe(fmt.Sprint("g", rng.IntN(12)), float64(100000+rng.IntN(12000))+float64(rng.IntN(4))/4, int64(rng.IntN(900)), int64(rng.IntN(9000)), fmt.Sprint("203.0.113.", rng.IntN(5)), fmt.Sprint("d", rng.IntN(3)))
				if rng.IntN(9) == 0 {
					o.DestinationIP = netip.MustParseAddr(fmt.Sprint("2001:db8::", rng.IntN(3)))
				}
				if rng.IntN(9) == 0 {
					o.DestinationIP = netip.Addr{}
				}
				if rng.IntN(3) > 0 {
					o.IngestedNanos = o.TimeNanos + int64(rng.IntN(1e9))
				}
				switch rng.IntN(20) {
				case 0:
					o.SourceBytes = -o.SourceBytes
				case 1:
					o.DestinationBytes <<= 30
				}
				events = append(events, o)
			}
			if !tt.disorder {
				slices.SortStableFunc(events, func(a, b observed) int { return cmp.Compare(a.TimeNanos, b.TimeNanos) })
			}
			bucket := gcd(tt.length, tt.every)
			window := int64(tt.n) * tt.length
			grid := Grid{OffsetSeconds: tt.offset % bucket, BucketSeconds: bucket, CellBuckets: gcd(window, tt.every) / bucket}
			if tt.offset != 0 {
				grid.CellBuckets = 1
			}
			table := build(Config{Grid: grid, SummaryEntries: 20, CellTimes: 10000}, events)
			view := table.View(tt.n, tt.length)
			groups := 0
			for end := (int64(100000)/tt.every)*tt.every + tt.offset; end < 112000+window+tt.every; end += tt.every {
				got := map[string]shown{}
				view.Each(end, func(w *Window) { got[string(w.Key())] = show(w, 10) })
				want := plain(events, tt.n, tt.length, end, 10)
				if diff := gocmp.Diff(want, got, same...); diff != "" {
					t.Fatalf("end %d (-want +got):\n%s", end, diff)
				}
				groups += len(got)
			}
			if groups < 30 {
				t.Errorf("got %d groups in all windows, want more", groups)
			}
			if next, idle := view.Idle(); !idle || next != math.MaxInt64 {
				t.Errorf("got %d, %v after the last window, want the end", next, idle)
			}
		})
	}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func TestBucketEdges(t *testing.T) {
	const end = 1767247200 // 2026-01-01T06:00:00Z
	events := []observed{
		observe("at end", end, 1, 1, "", ""),
		observe("half a second after end", end+0.5, 1, 1, "", ""),
		observe("a second after end", end+1, 1, 1, "", ""),
		observe("58.999 before", end-58.999, 1, 1, "", ""),
		observe("a bucket before", end-60, 1, 1, "", ""),
		observe("the oldest second", end-359*60-59, 1, 1, "", ""),
		observe("a second too old", end-360*60, 1, 1, "", ""),
	}
	got := windowAt(build(Config{Grid: Grid{BucketSeconds: 60, CellBuckets: 60}, SummaryEntries: 20}, events), 360, 60, end, 10)
	want := map[string]int{"at end": 0, "half a second after end": 0, "58.999 before": 0, "a bucket before": 1, "the oldest second": 359}
	for group, bucket := range want {
		if w, ok := got[group]; !ok || w.Counts[bucket] != 1 {
			t.Errorf("%s: got %v, want one event in bucket %d", group, w.Counts, bucket)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d groups, want %d", len(got), len(want))
	}
}

func TestIdleSkipsTheGapsBetweenEvents(t *testing.T) {
	v := build(Config{Grid: Grid{BucketSeconds: 60, CellBuckets: 60}, SummaryEntries: 2}, []observed{
		observe("a", 1000, 0, 0, "", ""), observe("b", 1e9, 0, 0, "", ""), observe("a", 2e9, 0, 0, "", ""),
	}).View(60, 60)
	var ends []int64
	for {
		next, idle := v.Idle()
		if next == math.MaxInt64 {
			break
		}
		end := (next + 3599) / 3600 * 3600
		if !idle {
			end = ends[len(ends)-1] + 3600
		}
		ends = append(ends, end)
		v.Each(end, func(*Window) {})
	}
	if len(ends) != 6 { // each event is in one window, and one more finds that it is not in the next
		t.Errorf("got windows at %v, want 6", ends)
	}
}

// TestLargePoints holds sums at the edges of what a chunk has room for.
func TestLargePoints(t *testing.T) {
	const most = 1<<packedBytes - 1
	for _, tt := range []struct {
		name         string
		source, dest int64
		count        int
		wide         uint32
	}{
		{"bytes that just fit", most, most, 1, 0},
		{"source bytes that do not", most + 1, 0, 1, 1},
		{"destination bytes that do not", 0, most + 1, 1, 1},
		{"negative source bytes", -1, 0, 1, 1},
		{"negative destination bytes", 0, -1, 1, 1},
		{"as many events as fit", 1, 2, 1<<packedCount - 1, 0},
		{"more events", 1, 2, 1 << packedCount, 1},
		{"the largest bytes", math.MaxInt64, math.MinInt64, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var events []observed
			for range tt.count {
				events = append(events, observe("g", 30, tt.source, tt.dest, "", ""))
			}
			events = append(events, observe("g", 90, 3, 4, "", ""))
			table := build(Config{Grid: Grid{BucketSeconds: 60}}, events)
			got := windowAt(table, 2, 60, 120, 1)["g"]
			want := shown{
				Counts: []int64{1, int64(tt.count)}, Source: []float64{3, float64(tt.source)}, Dest: []float64{4, float64(tt.dest)}, Filled: []int32{0, 1},
			}
			if diff := gocmp.Diff(want, shown{Counts: got.Counts, Source: got.Source, Dest: got.Dest, Filled: got.Filled}, same...); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if table.wide.used != tt.wide {
				t.Errorf("got %d wide points, want %d", table.wide.used, tt.wide)
			}
		})
	}
}

func TestSpaceSaving(t *testing.T) {
	var events []observed
	add := func(ip string, n int) {
		for range n {
			events = append(events, observe("g", 30, 0, 0, ip, ""))
		}
	}
	add("10.0.0.1", 5)
	add("10.0.0.2", 3)
	add("2001:db8::1", 2)
	add("10.0.0.4", 1)
	add("10.0.0.5", 1) // replaces 10.0.0.4, the smallest, and takes its count + 1
	got := windowAt(build(Config{Grid: Grid{BucketSeconds: 60}, SummaryEntries: 4}, events), 10, 60, 60, 4)["g"].Destinations
	want := []Destination{
		{netip.MustParseAddr("10.0.0.1"), 5}, {netip.MustParseAddr("10.0.0.2"), 3},
		{netip.MustParseAddr("10.0.0.5"), 2}, {netip.MustParseAddr("2001:db8::1"), 2},
	}
	if diff := gocmp.Diff(want, got, same...); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDisorderDoesNotCostMemory(t *testing.T) {
	table := NewTable(Config{Grid: Grid{BucketSeconds: 60, CellBuckets: 60}, SummaryEntries: 20})
	rng := rand.New(rand.NewPCG(1, 2))
	var b Batch
	for range 200_000 {
		o := observe("g", float64(60*rng.IntN(360)+30), 1, 1, "203.0.113.9", "")
		b.Reset()
		o.addTo(table, &b)
		table.Apply(&b)
	}
	if n := int(table.points.used) * chunkPoints; n > 1000 {
		t.Errorf("got room for %d points, want at most 1000 for 360 buckets", n)
	}
	if n := table.wide.used; n > 1000 {
		t.Errorf("got room for %d wide points, want at most 1000 for 360 buckets", n)
	}
	got := windowAt(table, 360, 60, 21600, 1)["g"]
	if got.Events != 200_000 || got.NonEmpty != 360 || got.Destinations[0].Count != 200_000 {
		t.Errorf("got %d events in %d buckets to %v", got.Events, got.NonEmpty, got.Destinations)
	}
}

func TestBoundDropsAndCounts(t *testing.T) {
	table := NewTable(Config{Grid: Grid{BucketSeconds: 60, CellBuckets: 60}, SummaryEntries: 20, MaxBytes: 1 << 20})
	var b Batch
	for i := range 20_000 {
		o := observe(fmt.Sprint("group ", i), 30, 1, 1, "203.0.113.9", "")
		o.addTo(table, &b)
		if b.Len() == 100 {
			table.Apply(&b)
			b.Reset()
		}
	}
	if table.Dropped() == 0 || table.Dropped()+int64(table.Groups()) != 20_000 {
		t.Errorf("got %d groups and %d dropped events, want 20000 in all", table.Groups(), table.Dropped())
	}
	if table.Bytes() > 2<<20 {
		t.Errorf("got %d bytes, want about 1 MiB", table.Bytes())
	}
}

// TestMemoryOfManyGroups holds the memory that the issue allows: below 1 KB for a group with
// 7 events and 1.5 KB for one with 20.
func TestMemoryOfManyGroups(t *testing.T) {
	for _, tt := range []struct{ events, most int }{{7, 1000}, {20, 1500}} {
		const groups = 100_000
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		table := NewTable(Config{Grid: Grid{BucketSeconds: 60, CellBuckets: 60}, SummaryEntries: 20})
		rng := rand.New(rand.NewPCG(3, 4))
		var b Batch
		key := make([]byte, 32)
		for e := range tt.events {
			for g := range groups {
				binary.LittleEndian.PutUint64(key, uint64(g))
				b.Add(table.Numbers(nil, []Name{{maphash.Bytes(seed, key), key}})[0], &Observation{
					TimeNanos: int64(e*21600/tt.events+rng.IntN(60)) * 1e9, SourceBytes: 1,
					DestinationIP: netip.AddrFrom4([4]byte{93, byte(rng.IntN(4)), 1, 1}),
				})
			}
			table.Apply(&b)
			b.Reset()
		}
		b = Batch{}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if got := int(after.HeapAlloc-before.HeapAlloc) / groups; got > tt.most {
			t.Errorf("%d events: got %d bytes a group, want at most %d", tt.events, got, tt.most)
		} else {
			t.Logf("%d events: %d bytes a group, %d by its own account", tt.events, got, table.Bytes()/groups)
		}
		runtime.KeepAlive(table)
	}
}

func TestDivisor(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200_000 {
		n := 1 + rng.Int64N(1<<rng.IntN(33))
		x := rng.Uint64N(1 << (1 + rng.IntN(32)))
		for _, x := range []uint64{x, x / uint64(n) * uint64(n), max(1, x/uint64(n)*uint64(n)) - 1} {
			if got := newDivisor(n).of(x); got != x/uint64(n) {
				t.Fatalf("%d/%d: got %d, want %d", x, n, got, x/uint64(n))
			}
		}
	}
}

func TestDictionaryIsBounded(t *testing.T) {
	d := NewDictionary(1000)
	first := d.Number([]byte("first"))
	for i := range 100 {
		d.Number(fmt.Append(nil, "number ", i))
	}
	if d.Number([]byte("first")) != first || d.Text(first) != "first" || d.Text(0) != "" {
		t.Error("the first string is not kept")
	}
	if d.Number([]byte("last")) != 0 || d.Lost() == 0 || d.bytes > 1000 {
		t.Errorf("got %d bytes and %d lost, want at most 1000 bytes and the rest lost", d.bytes, d.Lost())
	}
}

func BenchmarkApply(b *testing.B) {
	for _, groups := range []int{2_000, 100_000} {
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			const tables = 64
			var ts []*Table
			for range tables {
				ts = append(ts, NewTable(Config{Grid: Grid{BucketSeconds: 60, CellBuckets: 60}, SummaryEntries: 20}))
			}
			rng := rand.New(rand.NewPCG(3, 4))
			batches := make([]Batch, tables)
			n := 0
			for b.Loop() {
				key := make([]byte, 32)
				f := rng.Float64()
				binary.LittleEndian.PutUint64(key, uint64(f*f*float64(groups)))
				h := maphash.Bytes(seed, key)
				s := h % tables
				batches[s].Add(ts[s].Numbers(nil, []Name{{h, key}})[0], &Observation{TimeNanos: int64(n) * 1000 * 50, SourceBytes: 1, DestinationIP: netip.AddrFrom4([4]byte{93, byte(rng.IntN(4)), 1, 1})})
				if batches[s].Len() == 2048 {
					ts[s].Apply(&batches[s])
					batches[s].Reset()
				}
				n++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// TestCellsComeInAnyOrder holds a table of many cells against the same events in order, and
// would take minutes if the place of each cell were searched for from the newest one.
func TestCellsComeInAnyOrder(t *testing.T) {
	cfg := Config{Grid: Grid{BucketSeconds: 60, CellBuckets: 1}, SummaryEntries: 4, CellTimes: 4}
	const cells = 200_000
	var ordered []observed
	for i := range cells {
		ordered = append(ordered, observe("g", float64(60*i+1), 1, 1, "192.0.2.1", fmt.Sprint(i%7)))
	}
	end := int64(60 * cells / 2)
	want := windowAt(build(cfg, ordered), 360, 60, end, 2)
	for _, order := range []struct {
		name    string
		arrange func(events []observed)
	}{
		{"newest first", slices.Reverse[[]observed]},
		{"random", func(e []observed) {
			r := rand.New(rand.NewPCG(7, 7))
			r.Shuffle(len(e), func(i, j int) { e[i], e[j] = e[j], e[i] })
		}},
	} {
		t.Run(order.name, func(t *testing.T) {
			events := slices.Clone(ordered)
			order.arrange(events)
			got := windowAt(build(cfg, events), 360, 60, end, 2)
			for _, s := range [...]map[string]shown{got, want} {
				slices.Sort(s["g"].CallbackTimes)
			}
			if diff := gocmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
