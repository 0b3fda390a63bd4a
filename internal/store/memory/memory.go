// Package memory is a store that keeps all in memory and forgets it at its end: for the tests of
// what works with a store, and plain enough to hold the others against.
package memory

import (
	"cmp"
	"context"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/store"
)

// pieceAge is how long events are added to one piece, which Retain takes away whole.
const pieceAge = time.Hour

// What Size counts for each, roughly.
const (
	eventBytes   = 200
	findingBytes = 100
)

// A Store keeps all in memory.
type Store struct {
	now func() time.Time

	mu       sync.RWMutex
	closed   bool
	pieces   []piece
	position store.Position
	ids      map[uint64]bool
	marks    map[string]string
	runs     []saved // by end
	slices   []store.Slice
	slice    int64 // the last one's number
	records  map[key][]byte
	trail    []store.Entry
}

// A piece is events that came one after the other.
type piece struct {
	begun  time.Time
	first  store.Position // of the first of them
	events []event.Event  // it only grows, so that scans may have its beginning
}

type saved struct {
	run      store.Run
	findings []store.Finding
}

type key struct{ kind, id string }

var _ store.Store = (*Store)(nil)

// New returns an empty store with a clock.
func New(now func() time.Time) *Store {
	return &Store{now: now, ids: map[uint64]bool{}, marks: map[string]string{}, records: map[key][]byte{}}
}

// write runs f alone.
func (s *Store) write(ctx context.Context, f func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	f()
	return nil
}

// read runs f while nothing changes.
func (s *Store) read(f func()) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	f()
	return nil
}

// Close ends the store.
func (s *Store) Close() error { return s.write(context.Background(), func() { s.closed = true }) }

// Append appends events.
func (s *Store) Append(ctx context.Context, b *store.Batch, marks []store.Mark) error {
	return s.write(ctx, func() {
		if b != nil && b.Len() > 0 {
			s.append(b)
		}
		for _, m := range marks {
			s.marks[m.Source] = m.Place
		}
	})
}

func (s *Store) append(b *store.Batch) {
	now := s.now()
	if n := len(s.pieces); n == 0 || now.Sub(s.pieces[n-1].begun) >= pieceAge {
		s.pieces = append(s.pieces, piece{begun: now, first: s.position + 1})
	}
	p := &s.pieces[len(s.pieces)-1]
	for i := range b.Rows {
		if id := b.Rows[i].ID; id != 0 {
			if s.ids[id] {
				continue
			}
			s.ids[id] = true
		}
		e, _ := b.Event(i) // its texts outlive the batch's use for others
		p.events = append(p.events, e)
		s.position++
	}
}

// Marks returns the marks.
func (s *Store) Marks(context.Context) ([]store.Mark, error) {
	var all []store.Mark
	err := s.read(func() {
		for source, place := range s.marks {
			all = append(all, store.Mark{Source: source, Place: place})
		}
	})
	slices.SortFunc(all, func(a, b store.Mark) int { return strings.Compare(a.Source, b.Source) })
	return all, err
}

// HasIDs tells which ids are stored.
func (s *Store) HasIDs(_ context.Context, ids []uint64, known []bool) error {
	return s.read(func() {
		for i, id := range ids {
			known[i] = s.ids[id]
		}
	})
}

// Position returns how many events were ever stored.
func (s *Store) Position(context.Context) (store.Position, error) {
	var p store.Position
	err := s.read(func() { p = s.position })
	return p, err
}

// In returns the events of a span of time.
func (s *Store) In(_ context.Context, afterNanos, toNanos int64, through store.Position) (store.Scan, error) {
	return s.scan(0, through, func(e *event.Event) bool { return e.TimeNanos > afterNanos && e.TimeNanos <= toNanos })
}

// Since returns the events between two positions, up to a time.
func (s *Store) Since(_ context.Context, after, through store.Position, toNanos int64) (store.Scan, error) {
	return s.scan(after, through, func(e *event.Event) bool { return e.TimeNanos <= toNanos })
}

func (s *Store) scan(after, through store.Position, wanted func(*event.Event) bool) (store.Scan, error) {
	sc := &scan{s: s, wanted: wanted}
	err := s.read(func() {
		for _, p := range s.pieces {
			before := p.first - 1
			from, to := max(after, before)-before, max(min(through, before+store.Position(len(p.events))), before)-before
			if from < to {
				sc.parts = append(sc.parts, p.events[from:to])
			}
		}
	})
	return sc, err
}

// A scan reads what is wanted of some events.
type scan struct {
	s      *Store
	parts  [][]event.Event
	wanted func(*event.Event) bool
}

const blockEvents = 1000

func (sc *scan) Next(ctx context.Context) (store.Block, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := sc.s.read(func() {}); err != nil {
		return nil, err
	}
	b := &block{}
	for len(b.events) < blockEvents && len(sc.parts) > 0 {
		if len(sc.parts[0]) == 0 {
			sc.parts = sc.parts[1:]
			continue
		}
		if e := &sc.parts[0][0]; sc.wanted(e) {
			b.events = append(b.events, *e)
		}
		sc.parts[0] = sc.parts[0][1:]
	}
	if len(b.events) == 0 {
		return nil, io.EOF
	}
	return b, nil
}

func (sc *scan) Close() error {
	sc.parts = nil
	return nil
}

// A block is some events. By column, each shares its values with itself alone.
type block struct{ events []event.Event }

// Len implements store.Block.
func (b *block) Len() int { return len(b.events) }

// Each implements store.Block.
func (b *block) Each(f func(e *event.Event)) {
	for i := range b.events {
		f(&b.events[i])
	}
}

// Columns implements store.Columnar.
func (b *block) Columns() *event.Columns {
	c := &event.Columns{Shared: (*shared)(b)}
	for i := range b.events {
		e, place := &b.events[i], uint32(i)
		c.TimeNanos, c.IngestedNanos, c.DurationNanos = append(c.TimeNanos, e.TimeNanos), append(c.IngestedNanos, e.IngestedNanos), append(c.DurationNanos, e.DurationNanos)
		c.SourceBytes, c.DestinationBytes, c.SourcePort = append(c.SourceBytes, e.SourceBytes), append(c.DestinationBytes, e.DestinationBytes), append(c.SourcePort, e.SourcePort)
		c.Caller, c.Callee, c.Kind = append(c.Caller, place), append(c.Callee, place), append(c.Kind, place)
	}
	return c
}

// shared are the values of the events of a block.
type shared block

// Len implements event.Shared, as do those behind it.
func (s *shared) Len() (callers, callees, kinds int) {
	return len(s.events), len(s.events), len(s.events)
}

func (s *shared) Caller(e *event.Event, place uint32) { s.set(e, place, event.CallerFields) }
func (s *shared) Callee(e *event.Event, place uint32) { s.set(e, place, event.CalleeFields) }
func (s *shared) Kind(e *event.Event, place uint32)   { s.set(e, place, event.KindFields) }

func (s *shared) set(e *event.Event, place uint32, fields []event.Field) {
	for _, f := range fields {
		e.SetKey(string(s.events[place].AppendKey(nil, f)), f)
	}
}

// Size counts what is there.
func (s *Store) Size(context.Context) (store.Size, error) {
	size := store.Size{OldestNanos: math.MaxInt64, NewestNanos: math.MinInt64}
	err := s.read(func() {
		for _, p := range s.pieces {
			size.Events += int64(len(p.events))
			for i := range p.events {
				size.OldestNanos = min(size.OldestNanos, p.events[i].TimeNanos)
				size.NewestNanos = max(size.NewestNanos, p.events[i].TimeNanos)
			}
		}
		size.EventBytes = s.eventBytes()
		size.Bytes = size.EventBytes + s.otherBytes()
	})
	if size.Events == 0 {
		size.OldestNanos, size.NewestNanos = 0, 0
	}
	return size, err
}

func (s *Store) eventBytes() int64 {
	var n int64
	for _, p := range s.pieces {
		n += int64(len(p.events)) * eventBytes
	}
	return n
}

func (s *Store) otherBytes() int64 {
	var n int64
	for _, r := range s.runs {
		for _, f := range r.findings {
			n += findingBytes + int64(len(f.Doc))
		}
	}
	for _, sl := range s.slices {
		for _, p := range sl.Parts {
			n += int64(len(p))
		}
	}
	return n
}

// Retain forgets pieces, never the last one.
func (s *Store) Retain(ctx context.Context, before time.Time, maxBytes int64) (int64, error) {
	var gone int64
	err := s.write(ctx, func() {
		bytes := s.eventBytes()
		var kept []piece
		for i, p := range s.pieces {
			newest := int64(math.MinInt64)
			for k := range p.events {
				newest = max(newest, p.events[k].TimeNanos)
			}
			old := !before.IsZero() && newest < before.UnixNano()
			if i < len(s.pieces)-1 && (old || maxBytes > 0 && bytes > maxBytes) {
				gone += int64(len(p.events))
				bytes -= int64(len(p.events)) * eventBytes
				continue
			}
			kept = append(kept, p)
		}
		s.pieces = kept
	})
	return gone, err
}

// SaveRun stores a run.
func (s *Store) SaveRun(ctx context.Context, r *store.Run, findings []store.Finding, change store.SliceChange) error {
	return s.write(ctx, func() {
		save := saved{run: *r}
		for _, f := range findings {
			f.RunEnd = r.End
			save.findings = append(save.findings, clone(f))
		}
		i, found := slices.BinarySearchFunc(s.runs, r.End, func(a saved, end int64) int { return cmp.Compare(a.run.End, end) })
		if found {
			s.runs[i] = save
		} else {
			s.runs = slices.Insert(s.runs, i, save)
		}
		s.slices = slices.DeleteFunc(s.slices, func(sl store.Slice) bool { return slices.Contains(change.Remove, sl.ID) })
		for _, sl := range change.Add {
			s.slice++
			sl.ID, sl.Count = s.slice, len(sl.Parts)
			sl.Parts = slices.Clone(sl.Parts)
			for k, part := range sl.Parts {
				sl.Parts[k] = slices.Clone(part)
			}
			s.slices = append(s.slices, sl)
		}
		slices.SortStableFunc(s.slices, func(a, b store.Slice) int { return cmp.Compare(a.End, b.End) })
	})
}

func clone(f store.Finding) store.Finding {
	f.Doc = slices.Clone(f.Doc)
	return f
}

// LastRun returns the run with the latest end.
func (s *Store) LastRun(context.Context) (*store.Run, error) {
	r, err := s.RunsIn(context.Background(), math.MinInt64, math.MaxInt64, 1)
	if err != nil {
		return nil, err
	}
	if len(r) == 0 {
		return nil, store.ErrNotFound
	}
	return &r[0], nil
}

// RunsIn returns runs, newest first.
func (s *Store) RunsIn(_ context.Context, fromEnd, toEnd int64, limit int) ([]store.Run, error) {
	var all []store.Run
	err := s.read(func() {
		for _, r := range slices.Backward(s.runs) {
			if r.run.End >= fromEnd && r.run.End <= toEnd && len(all) < limit {
				all = append(all, r.run)
			}
		}
	})
	return all, err
}

// ForgetRuns forgets runs, all at once: they are gone before anybody could wait.
func (s *Store) ForgetRuns(ctx context.Context, beforeEnd int64) (int64, error) {
	n := 0
	err := s.write(ctx, func() {
		for n < len(s.runs)-1 && s.runs[n].run.End < beforeEnd {
			n++
		}
		s.runs = slices.Delete(s.runs, 0, n)
	})
	return int64(n), err
}

// FindingsIn hands out findings.
func (s *Store) FindingsIn(ctx context.Context, fromEnd, toEnd int64, f func(*store.Finding) bool) error {
	var all []store.Finding
	if err := s.read(func() {
		for _, r := range slices.Backward(s.runs) {
			if r.run.End >= fromEnd && r.run.End <= toEnd {
				all = append(all, r.findings...)
			}
		}
	}); err != nil {
		return err
	}
	for _, found := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if found = clone(found); !f(&found) {
			break
		}
	}
	return nil
}

// FindingsOf returns findings by their keys.
func (s *Store) FindingsOf(ctx context.Context, keys []store.FindingKey) ([]store.Finding, error) {
	var all []store.Finding
	for _, k := range keys {
		if err := s.FindingsIn(ctx, k.RunEnd, k.RunEnd, func(f *store.Finding) bool {
			if f.ID == k.ID {
				all = append(all, *f)
			}
			return f.ID != k.ID
		}); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Finding returns a finding of the latest run that has it.
func (s *Store) Finding(ctx context.Context, id string) (*store.Finding, error) {
	var found *store.Finding
	if err := s.FindingsIn(ctx, math.MinInt64, math.MaxInt64, func(f *store.Finding) bool {
		if f.ID == id {
			found = f
		}
		return found == nil
	}); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, store.ErrNotFound
	}
	return found, nil
}

// Slices returns the slices.
func (s *Store) Slices(context.Context) ([]store.Slice, error) {
	var all []store.Slice
	err := s.read(func() {
		all = slices.Clone(s.slices)
		for i := range all {
			all[i].Parts = nil
		}
	})
	return all, err
}

// SliceData returns a part of a slice.
func (s *Store) SliceData(_ context.Context, id int64, part int) ([]byte, error) {
	data, found := []byte(nil), false
	if err := s.read(func() {
		for _, sl := range s.slices {
			if sl.ID == id && part >= 0 && part < sl.Count {
				data, found = slices.Clone(sl.Parts[part]), true
			}
		}
	}); err != nil {
		return nil, err
	}
	if !found {
		return nil, store.ErrNotFound
	}
	return data, nil
}

// Records returns records by id.
func (s *Store) Records(_ context.Context, kind string) ([]store.Record, error) {
	var all []store.Record
	err := s.read(func() {
		for k, data := range s.records {
			if k.kind == kind {
				all = append(all, store.Record{Kind: kind, ID: k.id, Data: slices.Clone(data)})
			}
		}
	})
	slices.SortFunc(all, func(a, b store.Record) int { return strings.Compare(a.ID, b.ID) })
	return all, err
}

// Change changes records.
func (s *Store) Change(ctx context.Context, put, remove []store.Record, trail ...store.Entry) error {
	return s.write(ctx, func() {
		for _, r := range remove {
			delete(s.records, key{r.Kind, r.ID})
		}
		for _, r := range put {
			s.records[key{r.Kind, r.ID}] = slices.Clone(r.Data)
		}
		for _, e := range trail {
			e.Number = int64(len(s.trail)) + 1
			s.trail = append(s.trail, e)
		}
	})
}

// Trail returns entries, newest first.
func (s *Store) Trail(_ context.Context, before int64, limit int) ([]store.Entry, error) {
	var all []store.Entry
	err := s.read(func() {
		for _, e := range slices.Backward(s.trail) {
			if (before == 0 || e.Number < before) && len(all) < limit {
				all = append(all, e)
			}
		}
	})
	return all, err
}
