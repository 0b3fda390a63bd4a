// Package storetest holds what every store must do.
package storetest

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/store"
)

// An Opener opens one place for a store, which is empty at first, with a clock. It is called
// again after the store has been closed, and then finds what was stored.
type Opener func(now func() time.Time) (store.Store, error)

// Run tests a store. Each call of place returns another place. The stores that it opens begin
// a new piece, which Retain can take away, after an hour.
func Run(t *testing.T, place func(t *testing.T) Opener) {
	for _, tt := range []struct {
		name string
		test func(t *testing.T, p *Place)
	}{
		{"every field of an event comes back", fields},
		{"any bytes of a text come back", anyBytes},
		{"events come back in the order in which they were appended", order},
		{"a batch may be used again after it was appended", reuse},
		{"a span of time has one edge inside and one outside", edges},
		{"a scan sees nothing that is appended after it began", snapshot},
		{"events up to a position, and those since", positions},
		{"blocks may be worked on side by side", blocks},
		{"marks replace those of the same source", marks},
		{"an event with a known id is stored once", ids},
		{"nothing is stored of what is called off, or all", calledOff},
		{"many append at once, and readers see whole batches", concurrent},
		{"the oldest events are forgotten", retention},
		{"a scan is read to its end whatever is forgotten", retentionUnderScan},
		{"the size counts events", size},
		{"a run replaces one of the same end", runs},
		{"findings come by run and in their order", findings},
		{"findings by their keys", findingsByKey},
		{"a finding is that of the latest run", latestFinding},
		{"the oldest runs are forgotten with their findings", forgottenRuns},
		{"slices are added and removed with a run", slicesOfRuns},
		{"records are put and removed", records},
		{"the trail grows", trail},
		{"what is closed says so", closed},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, Open(t, place(t))) })
	}
}

// A Place is a store, opened, with its clock.
type Place struct {
	store.Store
	Now  time.Time
	open Opener
}

// Open opens a store, and closes it at the end of the test.
func Open(t testing.TB, open Opener) *Place {
	t.Helper()
	p := &Place{Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), open: open}
	p.start(t)
	t.Cleanup(func() {
		if err := p.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

func (p *Place) start(t testing.TB) {
	t.Helper()
	now := p.Now // a store has a clock that stands until it is opened again
	s, err := p.open(func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	p.Store = s
}

// Reopen closes the store and opens it again some time later.
func (p *Place) Reopen(t testing.TB, later time.Duration) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p.Now = p.Now.Add(later)
	p.start(t)
}

// byColumn tests that a block whose events lie in columns has the same there as it hands out.
func byColumn(t testing.TB, b store.Block, handed []event.Event) {
	t.Helper()
	columnar, ok := b.(store.Columnar)
	if !ok {
		return
	}
	c := columnar.Columns()
	if c.Len() != len(handed) {
		t.Errorf("got %d events by column, want %d", c.Len(), len(handed))
		return
	}
	var e event.Event // with the fields of the one before
	for i := range handed {
		if c.Event(&e, i); e != handed[i] {
			t.Errorf("event %d of a block: got %+v by column, want %+v", i, e, handed[i])
			return
		}
	}
}

// Batch returns events as a batch, without ids.
func Batch(events ...event.Event) *store.Batch {
	b := &store.Batch{}
	for i := range events {
		b.Add(&events[i], "", 0)
	}
	return b
}

// Read reads a scan to its end and closes it. The events are copies.
func Read(t testing.TB, scan store.Scan, err error) []event.Event {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var all []event.Event
	for {
		b, err := scan.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n := len(all)
		b.Each(func(e *event.Event) { all = append(all, Clone(e)) })
		byColumn(t, b, all[n:])
		if got := len(all) - n; got != b.Len() || got == 0 {
			t.Errorf("a block of %d events handed out %d, want all and at least one", b.Len(), got)
		}
	}
	if err := scan.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	return all
}

// Clone returns a copy of e that shares no memory with it.
func Clone(e *event.Event) event.Event {
	c := *e
	for _, f := range event.Fields() {
		if text := c.Text(f); text != nil {
			*text = strings.Clone(*text)
		}
	}
	return c
}

// append appends events without ids.
func (p *Place) append(t testing.TB, events ...event.Event) {
	t.Helper()
	if err := p.Append(t.Context(), Batch(events...), nil); err != nil {
		t.Fatal(err)
	}
}

// all returns all events.
func (p *Place) all(t testing.TB) []event.Event {
	t.Helper()
	scan, err := p.Since(t.Context(), 0, store.Newest, store.Forever)
	return Read(t, scan, err)
}
