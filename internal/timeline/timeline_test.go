package timeline

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A model is a table as plain as it can be: a list for each row.
type model struct {
	rows    map[uint64]*modelRow
	dropped int64
}

type modelRow struct {
	Row
	calls  []modelCall
	base   int64
	agents []uint32
}

type modelCall struct {
	tick int64
	Call
}

func rounded(n int64, mantissa int) int64 {
	if n <= 0 {
		return 0
	}
	step := int64(1)
	for n/step >= 2<<mantissa {
		step *= 2
	}
	return min(n/step*step, (2<<mantissa-1)<<30)
}

func (m *model) add(o *observed, text string) {
	tick := o.TimeNanos / TickNanos
	r := m.rows[o.Row]
	if r == nil {
		nanos := tick * TickNanos
		r = &modelRow{base: tick, Row: Row{Hash: o.Row, Group: o.Group, Text: []byte(text), FirstNanos: nanos, LastNanos: nanos}}
		m.rows[o.Row] = r
	}
	if tick-r.base < -1<<31 || tick-r.base >= 1<<31 {
		m.dropped++
		return
	}
	r.Calls++
	r.FirstNanos, r.LastNanos = min(r.FirstNanos, tick*TickNanos), max(r.LastNanos, tick*TickNanos)
	c := modelCall{tick, Call{
		Millis: tick * 10, SourceBytes: rounded(o.SourceBytes, 9), DestBytes: rounded(o.DestBytes, 8), Failed: o.Failed,
	}}
	if o.Failed {
		r.Failed++
	}
	if o.Agent != 0 {
		at := slices.Index(r.agents, o.Agent)
		if at < 0 {
			at = len(r.agents)
			r.agents = append(r.agents, o.Agent)
		}
		c.Agent = uint8(min(at+1, 7))
	}
	if len(r.calls) == 2048 {
		r.sort()
		var kept []modelCall
		for i := range r.calls {
			if i/128%2 == 1 {
				kept = append(kept, r.calls[i])
				if i%128 == 0 {
					kept[len(kept)-1].Hole = true
				}
			}
		}
		r.calls = kept
	}
	r.calls = append(r.calls, c)
}

func (r *modelRow) sort() {
	slices.SortStableFunc(r.calls, func(a, b modelCall) int { return cmp.Compare(a.tick, b.tick) })
}

// check compares a table with the model.
func (m *model) check(t *testing.T, table *Table) {
	t.Helper()
	if table.Rows() != len(m.rows) || table.Dropped() != m.dropped {
		t.Errorf("got %d rows, %d dropped, want %d and %d", table.Rows(), table.Dropped(), len(m.rows), m.dropped)
	}
	rows := table.All()
	if !slices.IsSortedFunc(rows, func(a, b Row) int { return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Hash, b.Hash)) }) {
		t.Error("the rows are not sorted by group and hash")
	}
	for i := range rows {
		want := m.rows[rows[i].Hash]
		if want == nil {
			t.Fatalf("row %x is not expected", rows[i].Hash)
		}
		if diff := gocmp.Diff(want.Row, rows[i], cmpopts.IgnoreUnexported(Row{}), cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("row %x (-want +got):\n%s", want.Hash, diff)
		}
		want.sort()
		// All calls, and those of a stretch without its first moment and with its last.
		middle := want.calls[len(want.calls)/3].tick * TickNanos
		for _, span := range [][2]int64{{math.MinInt64, math.MaxInt64}, {middle, want.calls[len(want.calls)*2/3].tick * TickNanos}} {
			var calls []Call
			for _, c := range want.calls {
				if nanos := c.tick * TickNanos; nanos > span[0] && nanos <= span[1] {
					calls = append(calls, c.Call)
				}
			}
			if got := table.Calls(nil, &rows[i], span[0], span[1]); !slices.Equal(got, calls) {
				t.Errorf("row %x, %d to %d: got %d calls, want %d; or they differ:\n%s", want.Hash, span[0], span[1], len(got), len(calls), gocmp.Diff(calls, got))
			}
		}
	}
}

// TestAgainstModel feeds tables and models random observations.
func TestAgainstModel(t *testing.T) {
	for _, c := range []struct {
		name     string
		rows, n  int
		disorder string
	}{
		{"a call a row", 500, 500, ""},
		{"rows of all lengths", 60, 20_000, ""},
		{"rows that are thinned again and again", 2, 30_000, ""},
		{"some calls are late", 3, 20_000, "late"},
		{"the newest first", 3, 20_000, "backwards"},
		{"any order", 3, 20_000, "any"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, uint64(c.n+c.rows)))
			observations := make([]observed, c.n)
			at := int64(1_700_000_000e9)
			for i := range observations {
				at += rng.Int64N(1 << rng.IntN(34)) // up to 17 s
				row := uint64(rng.IntN(1 + rng.IntN(c.rows)))
				o := &observations[i]
				*o = observed{
					Group: row / 3 << 40, Row: row << 20, TimeNanos: at, SourceBytes: rng.Int64N(1 << rng.IntN(45)), DestBytes: rng.Int64N(1 << rng.IntN(45)),
					Failed: rng.IntN(4) == 0,
				}
				if rng.IntN(3) > 0 {
					o.Agent = uint32(row)<<8 | uint32(1+rng.IntN(1+int(row%11)))
				}
				if c.disorder == "late" && rng.IntN(10) == 0 {
					o.TimeNanos -= rng.Int64N(3600e9)
				}
			}
			switch c.disorder {
			case "backwards":
				slices.Reverse(observations)
			case "any":
				rng.Shuffle(c.n, func(i, j int) { observations[i], observations[j] = observations[j], observations[i] })
			}
			m, table := &model{rows: map[uint64]*modelRow{}}, NewTable(0)
			var b Batch
			for i := range observations {
				o := &observations[i]
				text := fmt.Sprint("row ", o.Row, " call ", i)
				m.add(o, text)
				o.addTo(table, &b, text)
				if rng.IntN(200) == 0 || i == len(observations)-1 {
					if table.Apply(&b); b.Len() == 0 {
						t.Fatal("a batch is empty after it was applied, before Reset")
					}
					b.Reset()
				}
			}
			m.check(t, table)
		})
	}
}

// TestOrderOfRows holds that neither the order of the rows' first calls nor what stands
// between the calls of a row shows.
func TestOrderOfRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	byRow := make([][]observed, 40)
	for row := range byRow {
		for i := range 100 * (1 + row) {
			byRow[row] = append(byRow[row], observed{Group: uint64(row % 5), Row: rand.New(rand.NewPCG(9, uint64(row))).Uint64(), TimeNanos: int64(i) * 61e9, Agent: uint32(1 + i%9)})
		}
	}
	var first string
	for range 3 {
		var b Batch
		table := NewTable(0)
		at := make([]int, len(byRow))
		for left := 100 * 40 * 41 / 2; left > 0; {
			row := rng.IntN(len(byRow))
			if at[row] < len(byRow[row]) {
				byRow[row][at[row]].addTo(table, &b, fmt.Sprint("text of row ", row))
				at[row]++
				left--
			}
		}
		table.Apply(&b)
		seen := ""
		for _, r := range table.All() {
			calls := table.Calls(nil, &r, math.MinInt64, math.MaxInt64)
			r.id = 0
			seen += fmt.Sprint(r, calls)
		}
		if first == "" {
			first = seen
		}
		if seen != first {
			t.Fatal("tables of the same calls differ")
		}
	}
}

// TestGapsAreTrue holds that of calls that came in order no two stand side by side, without a
// hole between them, between which one was forgotten.
func TestGapsAreTrue(t *testing.T) {
	const n = 50_000
	table := NewTable(0)
	var b Batch
	for i := range int64(n) {
		(&observed{Row: 1, TimeNanos: i * 1e9}).addTo(table, &b, "")
	}
	table.Apply(&b)
	rows := table.All()
	calls := table.Calls(nil, &rows[0], -1, math.MaxInt64)
	if rows[0].Calls != n || rows[0].FirstNanos != 0 || rows[0].LastNanos != (n-1)*1e9 {
		t.Errorf("got %d calls from %d to %d, want %d from 0 to %d", rows[0].Calls, rows[0].FirstNanos, rows[0].LastNanos, n, int64((n-1)*1e9))
	}
	if len(calls) > MaxCalls || len(calls) < MaxCalls/2 {
		t.Errorf("got %d calls, want %d to %d", len(calls), MaxCalls/2, MaxCalls)
	}
	holes := 0
	for i := 1; i < len(calls); i++ {
		whole := calls[i].Millis-calls[i-1].Millis == 1000
		if calls[i].Hole {
			holes++
		}
		if whole == calls[i].Hole {
			t.Fatalf("calls at %d and %d ms: hole is %v", calls[i-1].Millis, calls[i].Millis, calls[i].Hole)
		}
	}
	if calls[len(calls)-1].Millis != (n-1)*1000 || holes > MaxCalls/thinBlock {
		t.Errorf("got a last call at %d ms and %d holes, want the newest call and at most %d", calls[len(calls)-1].Millis, holes, MaxCalls/thinBlock)
	}
}

func TestPackBytes(t *testing.T) {
	check := func(n int64) {
		for _, mantissa := range []int{destMantissa, sourceMantissa} {
			w := packBytes(n, mantissa)
			got := unpackBytes(w, mantissa)
			if got != rounded(n, mantissa) {
				t.Fatalf("%d bytes, %d bits: got %d, want %d", n, mantissa, got, rounded(n, mantissa))
			}
			if w >= 1<<(5+mantissa) {
				t.Fatalf("%d bytes, %d bits: %x takes too many bits", n, mantissa, w)
			}
			if n >= 0 && n < 1<<39 && (got > n || float64(n-got) > float64(n)/float64(int(1)<<mantissa)) {
				t.Fatalf("%d bytes, %d bits: got %d, want it less than a part in %d smaller", n, mantissa, got, 1<<mantissa)
			}
			if more := packBytes(max(n, n+1), mantissa); more < w {
				t.Fatalf("%d bytes, %d bits: one more is less", n, mantissa)
			}
		}
	}
	for n := int64(-2); n < 5000; n++ {
		check(n)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		check(rng.Int64N(1<<62) >> rng.IntN(62))
	}
	for shift := range 63 {
		check(1<<shift - 1)
		check(1 << shift)
	}
	check(math.MaxInt64)
	check(math.MinInt64)
}

func TestSpan(t *testing.T) {
	const span = int64(1) << 31 * TickNanos // to either side of the first call: 248 days
	const start = 1_700_000_000e9
	m, table := &model{rows: map[uint64]*modelRow{}}, NewTable(0)
	var b Batch
	for _, after := range []int64{0, span - 1, -span, span, -span - TickNanos, 240 * 86400e9, -240 * 86400e9, 3 * span} {
		o := &observed{Row: 5, TimeNanos: start + after}
		m.add(o, "")
		o.addTo(table, &b, "")
	}
	table.Apply(&b)
	m.check(t, table)
	if table.Dropped() != 3 || table.All()[0].Calls != 5 {
		t.Errorf("got %d dropped, %d calls, want 3 and 5", table.Dropped(), table.All()[0].Calls)
	}
}

// TestMaxBytes holds that a full table takes no new rows, goes on counting those that it has,
// and drops what it has no place for.
func TestMaxBytes(t *testing.T) {
	const most = 1 << 20
	table := NewTable(most)
	var b Batch
	want := map[uint64]int64{}
	apply := func(first, rows, calls int) {
		for i := range calls {
			for row := first; row < first+rows; row++ {
				(&observed{Row: uint64(row) << 20, TimeNanos: int64(i) * 1e9}).addTo(table, &b, "some text of forty bytes, more or less..")
				want[uint64(row)<<20]++
				if b.Len() == 1000 {
					table.Apply(&b)
					b.Reset()
				}
			}
		}
		table.Apply(&b)
		b.Reset()
	}
	apply(1, 20, 10)
	apply(100, 10_000, 2)
	rows := table.Rows()
	if rows >= 10_020 || rows < 2000 {
		t.Errorf("got %d rows in %d bytes, want fewer than come, and at least 2000", rows, most)
	}
	// What one batch may bring: a thousand rows with their chunks, and arrays that double.
	if table.Bytes() > 2*most {
		t.Errorf("got %d bytes, want about %d", table.Bytes(), most)
	}
	full := table.Bytes()
	apply(1, 20, 3000) // rows that are there, beyond their place
	if table.Rows() != rows || table.Bytes() != full {
		t.Errorf("a full table grew from %d rows and %d bytes to %d and %d", rows, full, table.Rows(), table.Bytes())
	}
	var counted, kept, came int64
	for _, n := range want {
		came += n
	}
	for _, r := range table.All() {
		if r.Calls != want[r.Hash] {
			t.Errorf("row %x: got %d calls, want %d", r.Hash, r.Calls, want[r.Hash])
		}
		counted += r.Calls
		kept += int64(len(table.Calls(nil, &r, -1, math.MaxInt64)))
	}
	// Nothing is thinned here, so that what is not kept is dropped.
	if table.Dropped() != came-kept || counted >= came {
		t.Errorf("got %d dropped, want %d of %d calls", table.Dropped(), came-kept, came)
	}
}

// TestFullTableThins holds that a row of a full table that has all its places goes on.
func TestFullTableThins(t *testing.T) {
	var b Batch
	table := NewTable(0)
	for i := range int64(10 * MaxCalls) {
		(&observed{Row: 1, TimeNanos: i * 1e9}).addTo(table, &b, "")
		if i == MaxCalls {
			table.Apply(&b) // the row has all its chunks
			b.Reset()
			table.maxBytes = 1
		}
	}
	table.Apply(&b)
	rows := table.All()
	calls := table.Calls(nil, &rows[0], -1, math.MaxInt64)
	if newest := calls[len(calls)-1].Millis; newest != (10*MaxCalls-1)*1000 || table.Dropped() != 0 {
		t.Errorf("got a last call at %d ms and %d dropped, want %d and none", newest, table.Dropped(), (10*MaxCalls-1)*1000)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// filled returns a table of rows with so many calls each, one by one in turn.
func filled(rows, calls int) *Table {
	table := NewTable(0)
	var b Batch
	text := make([]byte, 120) // host, process, address: as long as in the simulated day
	names := make([]Name, rows)
	for row := range names {
		names[row] = Name{uint64(row / 4), uint64(row) * 0x9e3779b97f4a7c15, text}
	}
	numbers := table.Numbers(nil, names)
	for i := range calls {
		for row := range rows {
			b.Add(numbers[row], &Observation{TimeNanos: int64(i) * 60e9, SourceBytes: 500, DestBytes: 900, Agent: uint32(row%2) * 7})
			if b.Len() == 4096 {
				table.Apply(&b)
				b.Reset()
			}
		}
	}
	table.Apply(&b)
	return table
}

func TestBytes(t *testing.T) {
	for _, c := range []struct{ rows, calls int }{{20_000, 1}, {20_000, 8}, {2000, 300}, {100, 5000}} {
		before := heap()
		table := filled(c.rows, c.calls)
		took := heap() - before
		if got := table.Bytes(); math.Abs(float64(got-took)) > 0.2*float64(took)+1<<17 {
			t.Errorf("%d rows of %d calls: Bytes says %d, the heap has grown by %d", c.rows, c.calls, got, took)
		}
		runtime.KeepAlive(table)
	}
}

// BenchmarkApply measures the memory of a row with its text and its calls, and the time of an
// observation.
func BenchmarkApply(b *testing.B) {
	for _, c := range []struct{ rows, calls int }{{100_000, 1}, {100_000, 8}, {5000, 200}, {500, 2000}, {50, 20_000}} {
		b.Run(fmt.Sprintf("rows=%d/calls=%d", c.rows, c.calls), func(b *testing.B) {
			var bytes int64
			for b.Loop() {
				table := filled(c.rows, c.calls)
				bytes = table.Bytes()
			}
			b.ReportMetric(float64(bytes)/float64(c.rows), "B/row")
			b.ReportMetric(float64(bytes)/float64(c.rows*min(c.calls, MaxCalls)), "B/call")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.rows*c.calls), "ns/observation")
		})
	}
}

// BenchmarkCalls measures reading a row.
func BenchmarkCalls(b *testing.B) {
	table := filled(100, 2000)
	rows := table.All()
	var dst []Call
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		dst = table.Calls(dst[:0], &rows[i%len(rows)], -1, math.MaxInt64)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/call")
}

// FuzzThin makes calls of two rows, in any order, until they are thinned some times, and
// compares what is kept with the model.
func FuzzThin(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 2, 0, 0, 0}, uint16(5000))
	f.Add([]byte{255, 255, 255, 255, 9, 1, 0, 128, 0, 0, 0, 7}, uint16(9000))
	f.Add([]byte{0, 0, 0, 0}, uint16(3000))
	f.Fuzz(func(t *testing.T, steps []byte, n uint16) {
		if len(steps) < 4 {
			return
		}
		m, table := &model{rows: map[uint64]*modelRow{}}, NewTable(0)
		var b Batch
		at := int64(0)
		for i := range int(n % 10_000) {
			step := steps[i*4%(len(steps)/4*4):]
			word := binary.LittleEndian.Uint32(step)
			at += int64(int32(word)>>(word&15)) * 1e6 // back and forth, by up to 25 days
			o := &observed{Row: uint64(word>>4&1) << 20, TimeNanos: at + int64(i)*3e6, Agent: word >> 28, Failed: word&32 != 0, SourceBytes: int64(word), DestBytes: int64(i)}
			m.add(o, "x")
			o.addTo(table, &b, "x")
		}
		table.Apply(&b)
		for hash, r := range m.rows {
			if len(r.calls) == 0 {
				t.Errorf("row %x has no calls", hash)
			}
		}
		m.check(t, table)
	})
}
