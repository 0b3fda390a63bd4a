package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fresnel/internal/event"
	"fresnel/internal/store"
)

var comparables = cmpopts.EquateComparable(event.Event{}, netip.Addr{})

func check[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return // the quick way
	}
	if diff := cmp.Diff(want, got, comparables, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got)\n%s", what, diff)
	}
}

// set gives a field one of several values.
func set(e *event.Event, f event.Field, variant int) {
	switch f.Kind() {
	case event.KindText:
		*e.Text(f) = []string{"x", f.String() + " and so long that it does not fit into twelve bytes", "twelve bytes", "grüße", "'; DROP TABLE event --"}[variant%5]
	case event.KindIP:
		e.SetIP(f, netip.MustParseAddr([]string{"10.0.0.1", "2001:db8::1", "::", "255.255.255.255", "fe80::1"}[variant%5]))
	case event.KindBool:
		e.SetBool(f, event.TristateOf(variant%2 == 0))
	case event.KindCount, event.KindTime:
		n := []int64{1, -1, math.MaxInt64, math.MinInt64, 1 << 40}[variant%5]
		if f == event.SourcePort || f == event.DestinationPort {
			n = []int64{1, 53, 65535, 443, 32768}[variant%5]
		}
		e.SetCount(f, n)
	}
}

func fields(t *testing.T, p *Place) {
	var want []event.Event
	for variant := range 5 {
		var whole event.Event
		for _, f := range event.Fields() {
			var e event.Event
			set(&e, f, variant)
			set(&whole, f, variant)
			want = append(want, e)
		}
		want = append(want, whole, event.Event{})
	}
	p.append(t, want...)
	check(t, "all events", p.all(t), want)
	p.Reopen(t, time.Minute)
	check(t, "all events after it was opened again", p.all(t), want)
}

func anyBytes(t *testing.T, p *Place) {
	var want []event.Event
	for _, text := range []string{"\xff", "\x00", "a\x00b", "host\xc3", "\xed\xa0\x80", "\uFFFD", "a long text that ends with half a character \xf0\x9f", "\xffand a long one that begins with none", "\n\t\"\\"} {
		for _, f := range event.Fields() {
			var e event.Event
			if to := e.Text(f); to != nil {
				*to = text
				want = append(want, e)
			}
		}
	}
	p.append(t, want...)
	check(t, "all events", p.all(t), want)
}

// numbered returns n events of successive seconds from start on, with some variety.
func numbered(start, n int) []event.Event {
	all := make([]event.Event, n)
	for i := range all {
		k := start + i
		all[i] = event.Event{
			TimeNanos: int64(k) * 1e9, SourceBytes: int64(k), HostName: fmt.Sprint("host-", k%7), ProcessName: fmt.Sprint("process-", k%11),
			SourceIP: netip.AddrFrom4([4]byte{10, 0, 0, byte(k % 7)}), DestinationIP: netip.AddrFrom4([4]byte{192, 0, 2, byte(k)}), DestinationPort: uint16(k), EventCategory: "network",
		}
	}
	return all
}

func order(t *testing.T, p *Place) {
	var want []event.Event
	// More than fit into one block, times that go back, and a few at a time.
	for _, n := range []int{3, 1, 5000, 17, 2048, 2047, 1} {
		events := numbered(10_000-len(want), n)
		p.append(t, events...)
		want = append(want, events...)
	}
	check(t, "all events", p.all(t), want)
	p.Reopen(t, time.Minute)
	more := numbered(0, 10)
	p.append(t, more...)
	want = append(want, more...)
	check(t, "all events, of two times open", p.all(t), want)
	p.Reopen(t, 2*time.Hour)
	p.append(t, more...)
	want = append(want, more...)
	check(t, "all events, of two pieces", p.all(t), want)
	scan, err := p.In(t.Context(), math.MinInt64, math.MaxInt64, store.Newest)
	check(t, "events of all times", Read(t, scan, err), want)
}

func reuse(t *testing.T, p *Place) {
	b := Batch(numbered(0, 100)...)
	if err := p.Append(t.Context(), b, nil); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	second := numbered(500, 50)
	for i := range second {
		b.Add(&second[i], "label", 0)
	}
	if err := p.Append(t.Context(), b, nil); err != nil {
		t.Fatal(err)
	}
	check(t, "all events", p.all(t), append(numbered(0, 100), second...))
	if err := p.Append(t.Context(), &store.Batch{}, nil); err != nil {
		t.Errorf("an empty batch: got %v, want nothing done", err)
	}
}

func edges(t *testing.T, p *Place) {
	var all []event.Event
	for _, ts := range []int64{5, 10, 11, 20, 21, 10, -3, 0, math.MinInt64, math.MaxInt64} {
		all = append(all, event.Event{TimeNanos: ts, HostName: fmt.Sprint(ts)})
	}
	p.append(t, all...)
	for _, tt := range []struct {
		after, to int64
		want      []int64
	}{
		{10, 20, []int64{11, 20}},
		{9, 10, []int64{10, 10}},
		{10, 10, nil},
		{20, 10, nil},
		{12, 19, nil},
		{-4, 0, []int64{-3, 0}},
		{math.MinInt64, 5, []int64{5, -3, 0}},
		{21, math.MaxInt64, []int64{math.MaxInt64}},
		{math.MaxInt64, math.MaxInt64, nil},
	} {
		scan, err := p.In(t.Context(), tt.after, tt.to, store.Newest)
		var got []int64
		for _, e := range Read(t, scan, err) {
			got = append(got, e.TimeNanos)
			if e.HostName != fmt.Sprint(e.TimeNanos) {
				t.Errorf("got host %q at %d", e.HostName, e.TimeNanos)
			}
		}
		check(t, fmt.Sprintf("after %d and up to %d", tt.after, tt.to), got, tt.want)
	}
}

func snapshot(t *testing.T, p *Place) {
	want := numbered(0, 5000)
	p.append(t, want...)
	in, err := p.In(t.Context(), -1, math.MaxInt64, store.Newest)
	if err != nil {
		t.Fatal(err)
	}
	since, err := p.Since(t.Context(), 0, store.Newest, store.Forever)
	if err != nil {
		t.Fatal(err)
	}
	p.append(t, numbered(0, 5000)...)
	check(t, "events of a span", Read(t, in, nil), want)
	check(t, "events since the beginning", Read(t, since, nil), want)
}

func positions(t *testing.T, p *Place) {
	at := func() store.Position {
		t.Helper()
		pos, err := p.Position(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return pos
	}
	var places []store.Position
	places = append(places, at())
	if places[0] != 0 {
		t.Errorf("position of an empty store: got %d, want 0", places[0])
	}
	var events [][]event.Event
	for i, n := range []int{10, 3000, 1, 20} {
		if i == 2 {
			p.Reopen(t, 2*time.Hour) // into another piece
		}
		e := numbered(1000*i, n)
		p.append(t, e...)
		events = append(events, e)
		places = append(places, at())
	}
	if !slices.IsSorted(places) || len(slices.Compact(slices.Clone(places))) != len(places) {
		t.Errorf("got positions %v, want growing ones", places)
	}
	p.Reopen(t, time.Minute)
	if got := at(); got != places[4] {
		t.Errorf("position after it was opened again: got %d, want %d", got, places[4])
	}
	for i := range places {
		for j := i; j < len(places); j++ {
			want := slices.Concat(events[i:j]...)
			scan, err := p.Since(t.Context(), places[i], places[j], store.Forever)
			check(t, fmt.Sprintf("from position %d to %d", i, j), Read(t, scan, err), want)
			if len(want) > 0 {
				middle := want[len(want)/2].TimeNanos
				early := slices.DeleteFunc(slices.Clone(want), func(e event.Event) bool { return e.TimeNanos > middle })
				scan, err := p.Since(t.Context(), places[i], places[j], middle)
				check(t, fmt.Sprintf("from position %d to %d, to the time %d", i, j, middle), Read(t, scan, err), early)
			}
			if i == 0 {
				scan, err := p.In(t.Context(), -1, math.MaxInt64, places[j])
				check(t, fmt.Sprintf("of all times up to position %d", j), Read(t, scan, err), want)
			}
		}
	}
	scan, err := p.Since(t.Context(), store.Newest, store.Newest, store.Forever)
	check(t, "behind all events", Read(t, scan, err), nil)
}

func blocks(t *testing.T, p *Place) {
	want := numbered(0, 20_000)
	p.append(t, want...)
	scan, err := p.Since(t.Context(), 0, store.Newest, store.Forever)
	if err != nil {
		t.Fatal(err)
	}
	var all []store.Block
	for {
		b, err := scan.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	if err := scan.Close(); err != nil {
		t.Error(err)
	}
	parts := make([][]event.Event, len(all))
	var wg sync.WaitGroup
	for i, b := range all {
		wg.Go(func() { b.Each(func(e *event.Event) { parts[i] = append(parts[i], Clone(e)) }) })
	}
	wg.Wait()
	check(t, "all events", slices.Concat(parts...), want)
}

func marks(t *testing.T, p *Place) {
	expect := func(want ...store.Mark) {
		t.Helper()
		got, err := p.Marks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		check(t, "marks", got, want)
	}
	put := func(b *store.Batch, m ...store.Mark) {
		t.Helper()
		if err := p.Append(t.Context(), b, m); err != nil {
			t.Fatal(err)
		}
	}
	expect()
	put(Batch(numbered(0, 3)...), store.Mark{Source: "/var/log/b", Place: "1"}, store.Mark{Source: "/var/log/a\xff", Place: "2\x00"})
	put(&store.Batch{}, store.Mark{Source: "/var/log/b", Place: "3"})
	put(nil, store.Mark{Source: "/var/log/c", Place: ""}, store.Mark{Source: "/var/log/c", Place: "a place of more than twelve bytes"})
	want := []store.Mark{{Source: "/var/log/a\xff", Place: "2\x00"}, {Source: "/var/log/b", Place: "3"}, {Source: "/var/log/c", Place: "a place of more than twelve bytes"}}
	expect(want...)
	p.Reopen(t, 2*time.Hour)
	expect(want...)
	put(Batch(numbered(0, 3)...), store.Mark{Source: "/var/log/b", Place: "4"}) // in another piece
	want[1].Place = "4"
	expect(want...)
	p.Reopen(t, time.Minute)
	expect(want...)
	if n := len(p.all(t)); n != 6 {
		t.Errorf("got %d events beside the marks, want 6", n)
	}
}

func ids(t *testing.T, p *Place) {
	b := &store.Batch{}
	add := func(id uint64) {
		b.Add(&event.Event{TimeNanos: int64(id % 1000), SourceBytes: int64(b.Len())}, "", id)
	}
	put := func(ids ...uint64) {
		t.Helper()
		b.Reset()
		for _, id := range ids {
			add(id)
		}
		if err := p.Append(t.Context(), b, nil); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(ids []uint64, want []bool) {
		t.Helper()
		known := make([]bool, len(ids))
		for i := range known {
			known[i] = !want[i] // they are set either way
		}
		if err := p.HasIDs(t.Context(), ids, known); err != nil {
			t.Fatal(err)
		}
		check(t, "known ids", known, want)
	}
	expect([]uint64{1, 0}, []bool{false, false})
	put(1, 2, 0, 0, math.MaxUint64, 2)
	expect([]uint64{1, 2, 3, 0, math.MaxUint64}, []bool{true, true, false, false, true})
	put(3, 1, 0)
	p.Reopen(t, time.Minute)
	put(2, 4, 3)
	p.Reopen(t, 2*time.Hour)
	put(4, 5) // in another piece
	expect([]uint64{1, 2, 3, 4, 5, 6}, []bool{true, true, true, true, true, false})
	var got []int64
	for _, e := range p.all(t) {
		got = append(got, e.TimeNanos)
	}
	check(t, "events by their ids", got, []int64{1, 2, 0, 0, math.MaxUint64 % 1000, 3, 0, 4, 5})

	// The same from many at once.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			b := &store.Batch{}
			for id := range uint64(500) {
				b.Add(&event.Event{TimeNanos: 77}, "", 1000+id)
			}
			if err := p.Append(t.Context(), b, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	scan, err := p.In(t.Context(), 76, 77, store.Newest)
	if n := len(Read(t, scan, err)); n != 500 {
		t.Errorf("got %d events of 500 ids that each came 8 times, want 500", n)
	}
}

func calledOff(t *testing.T, p *Place) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := p.Append(ctx, Batch(numbered(0, 10)...), []store.Mark{{Source: "s", Place: "p"}})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that of the context", err)
	}
	want := 10
	if err != nil {
		want = 0
	}
	if n := len(p.all(t)); n != want {
		t.Errorf("got %d events after an Append that returned %v, want %d", n, err, want)
	}
	if m, _ := p.Marks(t.Context()); len(m) != want/10 {
		t.Errorf("got %d marks after an Append that returned %v, want %d", len(m), err, want/10)
	}
}

func concurrent(t *testing.T, p *Place) {
	const writers, batches, rows = 8, 20, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			b := &store.Batch{}
			for i := range batches {
				b.Reset()
				for k := range rows {
					b.Add(&event.Event{TimeNanos: int64(i), HostName: fmt.Sprint("host-", w), UserName: fmt.Sprint(w, i, k%3), SourceBytes: int64(k)}, "", 0)
				}
				if err := p.Append(t.Context(), b, []store.Mark{{Source: fmt.Sprint(w), Place: fmt.Sprint(i)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			counts := map[string]int{}
			for _, e := range p.all(t) {
				counts[e.HostName]++
			}
			for host, n := range counts {
				if n%rows != 0 {
					t.Errorf("a reader saw %d events of %s, want whole batches of %d", n, host, rows)
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	wg.Wait()
	close(stop)
	readers.Wait()
	next := map[string]int{}
	for _, e := range p.all(t) {
		i, k := next[e.HostName]/rows, next[e.HostName]%rows
		if e.TimeNanos != int64(i) || e.SourceBytes != int64(k) {
			t.Fatalf("event %d of %s: got that of batch %d, row %d", next[e.HostName], e.HostName, e.TimeNanos, e.SourceBytes)
		}
		next[e.HostName]++
	}
	for w := range writers {
		if n := next[fmt.Sprint("host-", w)]; n != batches*rows {
			t.Errorf("got %d events of writer %d, want %d", n, w, batches*rows)
		}
	}
	m, err := p.Marks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range m {
		if m.Place != fmt.Sprint(batches-1) {
			t.Errorf("got mark %v, want place %d", m, batches-1)
		}
	}
	if len(m) != writers {
		t.Errorf("got %d marks, want %d", len(m), writers)
	}
}

// daily appends events of some hours, each in a piece of its own, and returns them.
func (p *Place) daily(t *testing.T, hours int) (all [][]event.Event) {
	t.Helper()
	for h := range hours {
		if h > 0 {
			p.Reopen(t, time.Hour)
		}
		var events []event.Event
		for i := range 100 {
			events = append(events, event.Event{TimeNanos: p.Now.Add(time.Duration(i) * time.Second).UnixNano(), HostName: fmt.Sprint("host-", h)})
		}
		p.append(t, events...)
		all = append(all, events)
	}
	return all
}

func retention(t *testing.T, p *Place) {
	all := p.daily(t, 5)
	retain := func(before time.Time, maxBytes int64, want int64) {
		t.Helper()
		n, err := p.Retain(t.Context(), before, maxBytes)
		if err != nil {
			t.Fatal(err)
		}
		if n != want {
			t.Errorf("got %d events forgotten, want %d", n, want)
		}
	}
	retain(time.Time{}, 0, 0)
	retain(time.Unix(0, all[1][99].TimeNanos), 0, 100) // one event of the second hour may stay, so all do
	check(t, "events that stay", p.all(t), slices.Concat(all[1:]...))
	retain(time.Unix(0, all[1][99].TimeNanos+1), 0, 100)
	check(t, "events that stay", p.all(t), slices.Concat(all[2:]...))
	size, err := p.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if size.Events != 300 || size.OldestNanos != all[2][0].TimeNanos {
		t.Errorf("got %d events, the oldest of %d, want 300 and %d", size.Events, size.OldestNanos, all[2][0].TimeNanos)
	}
	// What else there is, however large, does not count.
	p.save(t, &store.Run{End: 1000}, made(1000, 2000), store.SliceChange{Add: []store.Slice{{Parts: [][]byte{make([]byte, 1<<20)}}}})
	more, err := p.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if more.Bytes <= size.Bytes || more.EventBytes != size.EventBytes {
		t.Errorf("got %d bytes, %d of events, after a run was saved, want more than %d, and %d", more.Bytes, more.EventBytes, size.Bytes, size.EventBytes)
	}
	retain(time.Time{}, size.EventBytes, 0)
	retain(time.Time{}, size.EventBytes-1, 100)
	p.Reopen(t, 0)
	check(t, "events that stay, after it was opened again", p.all(t), slices.Concat(all[3:]...))
	if n, err := p.Retain(t.Context(), time.Time{}, 1); err != nil || n < 100 {
		t.Errorf("got %d events forgotten and %v, want all that are not being added to", n, err)
	}
	check(t, "findings", len(p.findings(t, 0, 2000, math.MaxInt)), 2000)
	// What is appended afterwards has its place behind all that ever was.
	before, err := p.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	added := numbered(0, 10)
	p.append(t, added...)
	scan, err := p.Since(t.Context(), before, store.Newest, store.Forever)
	check(t, "events since", Read(t, scan, err), added)
}

func retentionUnderScan(t *testing.T, p *Place) {
	want := slices.Concat(p.daily(t, 3)...)
	var scans []store.Scan
	for range 2 {
		scan, err := p.Since(t.Context(), 0, store.Newest, store.Forever)
		if err != nil {
			t.Fatal(err)
		}
		scans = append(scans, scan)
	}
	if n, err := p.Retain(t.Context(), p.Now, 0); err != nil || n != 200 {
		t.Fatalf("got %d events forgotten and %v, want 200", n, err)
	}
	if n := len(p.all(t)); n != 100 {
		t.Errorf("got %d events after some were forgotten, want 100", n)
	}
	check(t, "events of a scan from before", Read(t, scans[0], nil), want)
	if err := scans[1].Close(); err != nil {
		t.Error(err)
	}
	if n := len(p.all(t)); n != 100 {
		t.Errorf("got %d events after the scans, want 100", n)
	}
}

func size(t *testing.T, p *Place) {
	got, err := p.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got.Bytes = 0
	check(t, "size of an empty store", got, store.Size{})
	p.append(t, event.Event{TimeNanos: 20}, event.Event{TimeNanos: -7})
	p.append(t, event.Event{TimeNanos: 9})
	for range 2 {
		if got, err = p.Size(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got.EventBytes <= 0 || got.Bytes < got.EventBytes {
			t.Errorf("got %d bytes, %d of events, want some", got.Bytes, got.EventBytes)
		}
		got.Bytes, got.EventBytes = 0, 0
		check(t, "size", got, store.Size{Events: 3, OldestNanos: -7, NewestNanos: 20})
		p.Reopen(t, time.Minute)
	}
}
