package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"fresnel/internal/store"
)

func (p *Place) save(t testing.TB, r *store.Run, findings []store.Finding, change store.SliceChange) {
	t.Helper()
	if err := p.SaveRun(t.Context(), r, findings, change); err != nil {
		t.Fatal(err)
	}
}

func runs(t *testing.T, p *Place) {
	if _, err := p.LastRun(t.Context()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("LastRun of an empty store: got %v, want ErrNotFound", err)
	}
	run := func(end int64) store.Run {
		return store.Run{
			End: end, StartedAt: time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC), FinishedAt: time.Date(2026, 3, 1, 12, 0, 9, 0, time.UTC),
			Events: 1, Groups: 2, Rows: 3, Timed: 4, Hidden: 5, Late: 6, Dropped: 7, Findings: 8, ByHand: true, InPlace: true,
		}
	}
	second := run(2000)
	for _, end := range []int64{3000, 1000, 2000} {
		r := run(end)
		p.save(t, &r, nil, store.SliceChange{})
	}
	second.Groups = 99
	p.save(t, &second, nil, store.SliceChange{})
	for range 2 {
		last, err := p.LastRun(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		check(t, "last run", *last, run(3000))
		for _, tt := range []struct {
			from, to int64
			limit    int
			want     []store.Run
		}{
			{math.MinInt64, math.MaxInt64, 10, []store.Run{run(3000), second, run(1000)}},
			{1000, 2000, 10, []store.Run{second, run(1000)}},
			{1001, 2999, 10, []store.Run{second}},
			{1000, 3000, 2, []store.Run{run(3000), second}},
			{1000, 3000, 0, nil},
			{3001, 9000, 10, nil},
		} {
			got, err := p.RunsIn(t.Context(), tt.from, tt.to, tt.limit)
			if err != nil {
				t.Fatal(err)
			}
			check(t, fmt.Sprintf("runs from %d to %d, at most %d", tt.from, tt.to, tt.limit), got, tt.want)
		}
		p.Reopen(t, time.Minute)
	}
}

// made returns findings of a run.
func made(end int64, n int) []store.Finding {
	all := make([]store.Finding, n)
	for i := range all {
		all[i] = store.Finding{
			ID: fmt.Sprintf("%d-%d", end, n-i), RunEnd: end, Group: fmt.Sprint("host\x1f\xffprocess-", i), Score: float64(i)/2 - 1,
			Doc: fmt.Appendf(nil, `{"end":%d,"n":%d,"text":"grüße and more than twelve bytes"}`, end, i),
		}
	}
	return all
}

func (p *Place) findings(t testing.TB, from, to int64, limit int) (all []store.Finding) {
	t.Helper()
	if err := p.FindingsIn(t.Context(), from, to, func(f *store.Finding) bool {
		all = append(all, *f)
		return len(all) < limit
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func findings(t *testing.T, p *Place) {
	const many = math.MaxInt
	check(t, "findings of an empty store", p.findings(t, 0, math.MaxInt64, many), nil)
	first, second, third := made(1000, 3), made(2000, 2500), made(3000, 1)
	p.save(t, &store.Run{End: 3000}, third, store.SliceChange{})
	p.save(t, &store.Run{End: 1000}, made(1000, 7), store.SliceChange{})
	p.save(t, &store.Run{End: 2000}, second, store.SliceChange{})
	p.save(t, &store.Run{End: 1000}, first, store.SliceChange{}) // instead of the one before
	p.save(t, &store.Run{End: 1500}, nil, store.SliceChange{})
	for range 2 {
		check(t, "all findings", p.findings(t, math.MinInt64, math.MaxInt64, many), slices.Concat(third, second, first))
		check(t, "findings of two runs", p.findings(t, 1000, 2000, many), slices.Concat(second, first))
		check(t, "findings of one run", p.findings(t, 1001, 2999, many), second)
		check(t, "the first findings", p.findings(t, 1000, 3000, 3), slices.Concat(third, second[:2]))
		p.Reopen(t, time.Minute)
	}
	// f may use the store, and keep what it is given.
	if err := p.FindingsIn(t.Context(), 3000, 3000, func(f *store.Finding) bool {
		got, err := p.Finding(t.Context(), f.ID)
		if err != nil {
			t.Error(err)
			return false
		}
		check(t, "finding", got, f)
		p.save(t, &store.Run{End: 4000}, nil, store.SliceChange{})
		return true
	}); err != nil {
		t.Error(err)
	}
	p.save(t, &store.Run{End: 2000}, nil, store.SliceChange{})
	check(t, "findings of a run that has none any more", p.findings(t, 2000, 2000, many), nil)
}

func findingsByKey(t *testing.T, p *Place) {
	of := func(keys ...store.FindingKey) []store.Finding {
		t.Helper()
		all, err := p.FindingsOf(t.Context(), keys)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(all, func(a, b store.Finding) int {
			return cmp.Or(cmp.Compare(a.RunEnd, b.RunEnd), cmp.Compare(a.ID, b.ID))
		})
		return all
	}
	check(t, "of an empty store", of(store.FindingKey{RunEnd: 1000, ID: "x"}), nil)
	x := store.Finding{ID: "x", RunEnd: 1000, Group: "g\x00", Score: 5, Doc: []byte(`{"a":1}`)}
	y := store.Finding{ID: "y", RunEnd: 1000, Group: "h", Score: -1, Doc: []byte(`{}`)}
	later := store.Finding{ID: "x", RunEnd: 2000, Group: "g\x00", Score: 7, Doc: []byte(`{"a":2}`)} // the same id in another run
	p.save(t, &store.Run{End: 2000}, []store.Finding{later}, store.SliceChange{})
	p.save(t, &store.Run{End: 1000}, []store.Finding{y, x}, store.SliceChange{})
	for range 2 {
		check(t, "of no keys", of(), nil)
		check(t, "of one run", of(store.FindingKey{RunEnd: 1000, ID: "x"}), []store.Finding{x})
		check(t, "of two runs", of(store.FindingKey{RunEnd: 2000, ID: "x"}, store.FindingKey{RunEnd: 1000, ID: "y"}), []store.Finding{y, later})
		check(t, "of what is not there", of(store.FindingKey{RunEnd: 2000, ID: "y"}, store.FindingKey{RunEnd: 1500, ID: "x"}), nil)
		p.Reopen(t, time.Minute)
	}
	p.save(t, &store.Run{End: 1000}, []store.Finding{y}, store.SliceChange{})
	check(t, "of a run that was replaced", of(store.FindingKey{RunEnd: 1000, ID: "x"}, store.FindingKey{RunEnd: 2000, ID: "x"}), []store.Finding{later})
}

func latestFinding(t *testing.T, p *Place) {
	if _, err := p.Finding(t.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	old := store.Finding{ID: "x", RunEnd: 1000, Group: "g", Score: 5, Doc: []byte("{}")}
	latest := store.Finding{ID: "x", RunEnd: 2000, Group: "g", Score: 7, Doc: []byte(`{"a":1}`)}
	p.save(t, &store.Run{End: 2000}, []store.Finding{latest}, store.SliceChange{})
	p.save(t, &store.Run{End: 1000}, []store.Finding{old}, store.SliceChange{})
	expect := func(want store.Finding) {
		t.Helper()
		got, err := p.Finding(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		check(t, "finding", *got, want)
	}
	expect(latest)
	p.save(t, &store.Run{End: 2000}, nil, store.SliceChange{})
	expect(old)
}

func forgottenRuns(t *testing.T, p *Place) {
	forget := func(before, want int64) {
		t.Helper()
		if n, err := p.ForgetRuns(t.Context(), before); err != nil || n != want {
			t.Fatalf("got %d runs forgotten and %v, want %d", n, err, want)
		}
	}
	forget(math.MaxInt64, 0)
	of := map[int64][]store.Finding{1000: made(1000, 3), 2000: made(2000, 2500), 3000: nil, 4000: made(4000, 5000), 5000: made(5000, 2)}
	of[1000][2].ID, of[4000][7].ID, of[5000][1].ID = "x", "x", "x"
	slice := store.SliceChange{Add: []store.Slice{{End: 1000, Parts: [][]byte{[]byte("part")}}}}
	for _, end := range []int64{5000, 3000, 1000, 4000, 2000} { // those of old windows may be made last
		p.save(t, &store.Run{End: end}, of[end], slice)
		slice = store.SliceChange{}
	}
	record := store.Record{Kind: "user", ID: "a", Data: []byte("1")}
	if err := p.Change(t.Context(), []store.Record{record}, nil, store.Entry{At: time.Unix(1, 0).UTC(), Action: "user.create"}); err != nil {
		t.Fatal(err)
	}
	expect := func(ends ...int64) {
		t.Helper()
		for range 2 {
			runs, err := p.RunsIn(t.Context(), math.MinInt64, math.MaxInt64, 10)
			if err != nil {
				t.Fatal(err)
			}
			var got []int64
			var want, found []store.Finding
			for _, r := range runs {
				got = append(got, r.End)
			}
			for _, end := range ends {
				want = append(want, of[end]...)
			}
			check(t, "ends of runs", got, ends)
			check(t, "findings", p.findings(t, math.MinInt64, math.MaxInt64, math.MaxInt), want)
			// Those that are there are found by their keys.
			var keys []store.FindingKey
			for end := int64(1000); end <= 5000; end += 1000 {
				keys = append(keys, store.FindingKey{RunEnd: end, ID: "x"})
			}
			if found, err = p.FindingsOf(t.Context(), keys); err != nil {
				t.Fatal(err)
			}
			want = slices.DeleteFunc(want, func(f store.Finding) bool { return f.ID != "x" })
			slices.SortFunc(found, func(a, b store.Finding) int { return cmp.Compare(b.RunEnd, a.RunEnd) })
			check(t, "findings by their keys", found, want)
			p.Reopen(t, time.Minute)
		}
	}
	expect(5000, 4000, 3000, 2000, 1000)
	forget(1000, 0)
	forget(1001, 1)
	expect(5000, 4000, 3000, 2000)
	if _, err := p.Finding(t.Context(), "1000-3"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a finding of a run that is forgotten: got %v, want ErrNotFound", err)
	}
	called, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := p.ForgetRuns(called, 9000); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("called off: got %d runs forgotten and %v, want none and that error", n, err)
	}
	expect(5000, 4000, 3000, 2000)
	forget(4000, 2)
	expect(5000, 4000)
	p.save(t, &store.Run{End: 2000}, of[2000], store.SliceChange{}) // it may be made again
	expect(5000, 4000, 2000)
	forget(math.MaxInt64, 2)
	forget(math.MaxInt64, 0)
	expect(5000)
	if last, err := p.LastRun(t.Context()); err != nil || last.End != 5000 {
		t.Errorf("got the last run %v and %v, want that of 5000", last, err)
	}
	p.save(t, &store.Run{End: 6000}, nil, store.SliceChange{})
	forget(5001, 1)
	expect(6000)
	// Nothing else goes.
	slicesLeft, err := p.Slices(t.Context())
	if err != nil || len(slicesLeft) != 1 {
		t.Fatalf("got slices %v and %v, want one", slicesLeft, err)
	}
	if data, err := p.SliceData(t.Context(), slicesLeft[0].ID, 0); err != nil || string(data) != "part" {
		t.Errorf("got the slice %q and %v, want it as it was", data, err)
	}
	users, err := p.Records(t.Context(), "user")
	if err != nil {
		t.Fatal(err)
	}
	check(t, "records", users, []store.Record{record})
	if entries, err := p.Trail(t.Context(), 0, 10); err != nil || len(entries) != 1 {
		t.Errorf("got entries %v and %v, want one", entries, err)
	}
}

func slicesOfRuns(t *testing.T, p *Place) {
	list := func() []store.Slice {
		t.Helper()
		all, err := p.Slices(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	check(t, "slices of an empty store", list(), nil)
	large := make([]byte, 3<<20)
	for i := range large {
		large[i] = byte(i * i >> 3)
	}
	p.save(t, &store.Run{End: 1000}, nil, store.SliceChange{Add: []store.Slice{
		{After: 20, Through: 30, End: 1000, Level: 0, FirstNanos: 5, LastNanos: 6, Parts: [][]byte{[]byte("c")}},
		{After: 0, Through: 10, End: 900, Level: 2, FirstNanos: -1, LastNanos: 2, Parts: [][]byte{[]byte("a"), {}, large}},
		{After: 10, Through: 20, End: 950, Level: 1, FirstNanos: 3, LastNanos: 4},
	}})
	got := list()
	if len(got) != 3 {
		t.Fatalf("got %d slices, want 3", len(got))
	}
	a, b, c := got[0].ID, got[1].ID, got[2].ID
	want := []store.Slice{
		{ID: a, After: 0, Through: 10, End: 900, Level: 2, FirstNanos: -1, LastNanos: 2, Count: 3},
		{ID: b, After: 10, Through: 20, End: 950, Level: 1, FirstNanos: 3, LastNanos: 4},
		{ID: c, After: 20, Through: 30, End: 1000, FirstNanos: 5, LastNanos: 6, Count: 1},
	}
	check(t, "slices", got, want)
	data := func(id int64, part int, want []byte) {
		t.Helper()
		got, err := p.SliceData(t.Context(), id, part)
		if want == nil {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("part %d of slice %d: got %v, want ErrNotFound", part, id, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("part %d of slice %d: got %d other bytes, want %d", part, id, len(got), len(want))
		}
	}
	for range 2 {
		data(a, 0, []byte("a"))
		data(a, 1, []byte{})
		data(a, 2, large)
		data(a, 3, nil)
		data(a, -1, nil)
		data(b, 0, nil)
		data(c, 0, []byte("c"))
		data(c+100, 0, nil)
		p.Reopen(t, time.Minute)
	}
	p.save(t, &store.Run{End: 1100}, nil, store.SliceChange{Remove: []int64{a, c, c + 100}, Add: []store.Slice{{After: 30, End: 1100, Parts: [][]byte{[]byte("d")}}}})
	got = list()
	if len(got) != 2 || got[0].ID != b || got[1].ID <= c {
		t.Fatalf("got slices %v, want %d and a new one", got, b)
	}
	data(a, 0, nil)
	data(got[1].ID, 0, []byte("d"))
	last := got[1].ID
	p.save(t, &store.Run{End: 1100}, nil, store.SliceChange{Remove: []int64{b, last}})
	p.Reopen(t, time.Minute)
	p.save(t, &store.Run{End: 1100}, nil, store.SliceChange{Add: []store.Slice{{}}})
	if got = list(); len(got) != 1 || got[0].ID <= last {
		t.Fatalf("got slices %v, want one with a number that none had", got)
	}
	// Some have no events.
	p.save(t, &store.Run{End: 1200}, nil, store.SliceChange{Remove: []int64{got[0].ID}, Add: []store.Slice{
		{After: 9, Through: 9, End: 30}, {After: 9, Through: 20, End: 40}, {After: 9, Through: 9, End: 20}, {After: 4, Through: 9, End: 10},
	}})
	var ends []int64
	for _, sl := range list() {
		ends = append(ends, sl.End)
	}
	check(t, "ends of slices", ends, []int64{10, 20, 30, 40})
}

func records(t *testing.T, p *Place) {
	rec := func(kind, id, data string) store.Record {
		return store.Record{Kind: kind, ID: id, Data: []byte(data)}
	}
	change := func(put, remove []store.Record) {
		t.Helper()
		if err := p.Change(t.Context(), put, remove); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(kind string, want ...store.Record) {
		t.Helper()
		got, err := p.Records(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "records of kind "+kind, got, want)
	}
	expect("user")
	change([]store.Record{rec("user", "b", "1"), rec("user", "a", `{"name":"with more than twelve bytes"}`), rec("key", "a", "3"), rec("user", "c\xff", "\xff")}, nil)
	expect("user", rec("user", "a", `{"name":"with more than twelve bytes"}`), rec("user", "b", "1"), rec("user", "c\xff", "\xff"))
	expect("key", rec("key", "a", "3"))
	change([]store.Record{rec("user", "a", "5"), rec("user", "a", "6")}, []store.Record{rec("user", "b", ""), rec("user", "nobody", "")})
	for range 2 {
		expect("user", rec("user", "a", "6"), rec("user", "c\xff", "\xff"))
		expect("key", rec("key", "a", "3"))
		p.Reopen(t, time.Minute)
	}
}

func trail(t *testing.T, p *Place) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	entry := func(n int64) store.Entry {
		return store.Entry{Number: n, At: at.Add(time.Duration(n)), User: "ada", From: "192.0.2.1", Action: "user.create", Subject: fmt.Sprint("user-", n), Detail: `{"role":"viewer"}`}
	}
	for n := int64(1); n <= 5; n += 2 {
		a, b := entry(n), entry(n+1)
		a.Number, b.Number = 0, 77 // the store gives them
		if err := p.Change(t.Context(), []store.Record{{Kind: "user", ID: fmt.Sprint(n)}}, nil, a, b); err != nil {
			t.Fatal(err)
		}
		p.Reopen(t, time.Minute)
	}
	for _, tt := range []struct {
		before int64
		limit  int
		want   []store.Entry
	}{
		{0, 2, []store.Entry{entry(6), entry(5)}},
		{5, 2, []store.Entry{entry(4), entry(3)}},
		{3, 10, []store.Entry{entry(2), entry(1)}},
		{1, 10, nil},
		{0, 0, nil},
	} {
		got, err := p.Trail(t.Context(), tt.before, tt.limit)
		if err != nil {
			t.Fatal(err)
		}
		check(t, fmt.Sprintf("entries before %d, at most %d", tt.before, tt.limit), got, tt.want)
	}
}

func closed(t *testing.T, p *Place) {
	p.append(t, numbered(0, 10)...)
	scan, err := p.Since(t.Context(), 0, store.Newest, store.Forever)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Append":     func() error { return p.Append(ctx, Batch(numbered(0, 1)...), nil) },
		"Marks":      func() error { _, err := p.Marks(ctx); return err },
		"HasIDs":     func() error { return p.HasIDs(ctx, []uint64{1}, make([]bool, 1)) },
		"Position":   func() error { _, err := p.Position(ctx); return err },
		"In":         func() error { _, err := p.In(ctx, 0, 1, store.Newest); return err },
		"Since":      func() error { _, err := p.Since(ctx, 0, store.Newest, store.Forever); return err },
		"Next":       func() error { _, err := scan.Next(ctx); return err },
		"SaveRun":    func() error { return p.SaveRun(ctx, &store.Run{}, nil, store.SliceChange{}) },
		"ForgetRuns": func() error { _, err := p.ForgetRuns(ctx, 0); return err },
		"LastRun":    func() error { _, err := p.LastRun(ctx); return err },
		"Slices":     func() error { _, err := p.Slices(ctx); return err },
		"Change":     func() error { return p.Change(ctx, nil, nil) },
		"Size":       func() error { _, err := p.Size(ctx); return err },
		"Retain":     func() error { _, err := p.Retain(ctx, time.Time{}, 0); return err },
	} {
		if err := call(); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: got %v, want ErrClosed", name, err)
		}
	}
	if err := scan.Close(); err != nil {
		t.Errorf("Close of a scan: %v", err)
	}
	p.start(t)
	check(t, "all events", p.all(t), numbered(0, 10))
}
