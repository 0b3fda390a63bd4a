package timeline

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// random returns n observations of a few rows, in order of time, some of them late.
func random(rng *rand.Rand, n int) (all []observed) {
	nanos := int64(1_700_000_000e9)
	for range n {
		nanos += rng.Int64N(20e9)
		row := rng.Uint64N(9)
		o := observed{Group: row / 3, Row: row<<20 | row, TimeNanos: nanos, SourceBytes: rng.Int64N(5000), DestBytes: rng.Int64N(90000), Failed: rng.IntN(9) == 0}
		if rng.IntN(20) == 0 {
			o.TimeNanos -= rng.Int64N(3600e9)
		}
		if row%2 == 0 {
			o.Agent = uint32(1 + rng.IntN(maxAgents))
		}
		all = append(all, o)
	}
	return all
}

// An observed is an observation of a row with some hashes.
type observed struct {
	Group, Row             uint64
	TimeNanos              int64
	SourceBytes, DestBytes int64
	Agent                  uint32
	Failed                 bool
}

func (o *observed) addTo(t *Table, b *Batch, text string) {
	row := t.Numbers(nil, []Name{{o.Group, o.Row, []byte(text)}})[0]
	b.Add(row, &Observation{o.TimeNanos, o.SourceBytes, o.DestBytes, o.Agent, o.Failed})
}

func fed(all []observed) *Table {
	t := NewTable(0)
	var b Batch
	for i := range all {
		all[i].addTo(t, &b, textOf(&all[i]))
	}
	t.Apply(&b)
	return t
}

func textOf(o *observed) string { return string([]byte{'r', byte(o.Row), byte(o.Row >> 20)}) }

// merged merges slices into a new table.
func merged(t testing.TB, list ...[]byte) *Table {
	t.Helper()
	table := NewTable(0)
	for _, slice := range list {
		var places []Place
		err := EachStored(slice, func(at int, s *Stored) error {
			row := uint64(s.Text[1])
			places = append(places, Place{row / 3, row<<20 | row, at})
			return nil
		})
		if err := errors.Join(err, table.Merge(slice, places)); err != nil {
			t.Fatal(err)
		}
	}
	return table
}

// contents returns what can be read of a table.
func contents(t *Table) (rows []Row, calls [][]Call) {
	rows = t.All()
	for i := range rows {
		calls = append(calls, t.Calls(nil, &rows[i], -1<<62, 1<<62))
	}
	return rows, calls
}

var whole = cmpopts.IgnoreUnexported(Row{})

func TestMergedSlicesAreTheTable(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		all := random(rng, 30_000) // some 3,300 calls a row: thinned in the whole, not in a slice
		var list [][]byte
		for rest := all; len(rest) > 0; {
			n := min(len(rest), 1+rng.IntN(6000))
			list = append(list, fed(rest[:n]).AppendSlice(nil, -1<<62, 0))
			rest = rest[n:]
		}
		wantRows, wantCalls := contents(fed(all))
		gotRows, gotCalls := contents(merged(t, list...))
		if d := gocmp.Diff(wantRows, gotRows, whole); d != "" {
			t.Fatalf("seed %d: rows (-want +got):\n%s", seed, d)
		}
		if d := gocmp.Diff(wantCalls, gotCalls); d != "" {
			t.Fatalf("seed %d: calls (-want +got):\n%s", seed, d)
		}
	}
}

func TestASliceForgetsCallsAndNotRows(t *testing.T) {
	all := random(rand.New(rand.NewPCG(1, 1)), 2000)
	middle := all[1000].TimeNanos
	table := fed(all)
	wantRows, wantCalls := contents(table)
	gotRows, gotCalls := contents(merged(t, table.AppendSlice(nil, middle, 0)))
	if d := gocmp.Diff(wantRows, gotRows, whole); d != "" {
		t.Fatalf("rows (-want +got):\n%s", d)
	}
	for i := range wantCalls {
		wantCalls[i] = slices.DeleteFunc(wantCalls[i], func(c Call) bool { return c.Millis*1e6 <= middle })
	}
	renumbered := cmpopts.IgnoreFields(Call{}, "Agent") // those of forgotten calls have no number
	if d := gocmp.Diff(wantCalls, gotCalls, renumbered); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
	// Years later the row takes calls again.
	none := merged(t, table.AppendSlice(nil, 1<<62, 0))
	late := observed{Group: 0, Row: 1<<20 | 1, TimeNanos: middle + 5*365*86400e9}
	var b Batch
	late.addTo(none, &b, textOf(&late))
	none.Apply(&b)
	rows, calls := contents(none)
	for i := range rows {
		want := 0
		if rows[i].Hash == late.Row {
			want = 1
		}
		if len(calls[i]) != want {
			t.Errorf("row %x: got %d calls, want %d", rows[i].Hash, len(calls[i]), want)
		}
	}
	if none.Dropped() != 0 {
		t.Errorf("got %d calls dropped, want none", none.Dropped())
	}
}

func TestAFullTableMergesNoNewRows(t *testing.T) {
	all := random(rand.New(rand.NewPCG(2, 1)), 500)
	slice := fed(all).AppendSlice(nil, -1<<62, 0)
	table := NewTable(1)
	if err := EachStored(slice, func(at int, s *Stored) error { return table.Merge(slice, []Place{{0, uint64(s.Text[1]), at}}) }); err != nil {
		t.Fatal(err)
	}
	if table.Rows() != 0 || table.Dropped() != int64(len(all)) {
		t.Errorf("got %d rows and %d calls dropped, want 0 and %d", table.Rows(), table.Dropped(), len(all))
	}
}

func FuzzSlice(f *testing.F) {
	f.Add(fed(random(rand.New(rand.NewPCG(3, 1)), 200)).AppendSlice(nil, -1<<62, 0))
	f.Add([]byte{3, 'a', 'b', 'c', 1, 0, 2, 0, 9, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, slice []byte) {
		table := NewTable(0)
		err := EachStored(slice, func(at int, s *Stored) error { return table.Merge(slice, []Place{{1, uint64(len(s.Text)), at}}) })
		if err != nil {
			if !errors.Is(err, errSlice) {
				t.Fatalf("got %v, want %v", err, errSlice)
			}
			return
		}
		// What was read can be written and read again.
		if err := EachStored(table.AppendSlice(nil, -1<<62, 0), func(int, *Stored) error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
}
