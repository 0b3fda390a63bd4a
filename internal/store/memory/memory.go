// Package memory is a store that keeps everything in memory and nothing after it: for tests of
// what uses a store.
package memory

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/store"
)

// A Store keeps everything in memory.
type Store struct {
	mu       sync.Mutex
	closed   bool
	blocks   []*block
	position store.Position
	ids      map[uint64]bool
	marks    map[string]store.Mark
	runs     map[int64]store.Run
	findings map[int64][]store.Finding
	slices   []store.Slice
	lastID   int64
	records  map[string]map[string]store.Record
	trail    []store.Entry
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	return &Store{
		ids: map[uint64]bool{}, marks: map[string]store.Mark{}, runs: map[int64]store.Run{},
		findings: map[int64][]store.Finding{}, records: map[string]map[string]store.Record{},
	}
}

// A block is what came with one Append.
type block struct {
	events   []event.Event
	labels   []string
	position store.Position
}

// lock locks s, unless ctx has ended or s is closed.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	return nil
}

// Append implements store.Events.
func (s *Store) Append(ctx context.Context, b *store.Batch, marks []store.Mark) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.position++
	kept := &block{position: s.position}
	for i := range b.Rows {
		if id := b.Rows[i].ID; id != 0 {
			if s.ids[id] {
				continue
			}
			s.ids[id] = true
		}
		e, label := b.Event(i) // its texts do not share the memory that the batch uses again
		kept.events = append(kept.events, e)
		kept.labels = append(kept.labels, label)
	}
	s.blocks = append(s.blocks, kept)
	for _, m := range marks {
		s.marks[m.Source] = m
	}
	return nil
}

// Marks implements store.Events.
func (s *Store) Marks(ctx context.Context) ([]store.Mark, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var all []store.Mark
	for _, m := range s.marks {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b store.Mark) int { return cmp.Compare(a.Source, b.Source) })
	return all, nil
}

// HasIDs implements store.Events.
func (s *Store) HasIDs(ctx context.Context, ids []uint64, known []bool) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for i, id := range ids {
		known[i] = known[i] || s.ids[id]
	}
	return nil
}

// Position implements store.Events.
func (s *Store) Position(ctx context.Context) (store.Position, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return s.position, nil
}

// In implements store.Events.
func (s *Store) In(ctx context.Context, afterNanos, toNanos int64, through store.Position) (store.Scan, error) {
	return s.scan(ctx, 0, through, func(e *event.Event) bool { return e.TimeNanos > afterNanos && e.TimeNanos <= toNanos })
}

// Since implements store.Events.
func (s *Store) Since(ctx context.Context, after, through store.Position) (store.Scan, error) {
	return s.scan(ctx, after, through, func(*event.Event) bool { return true })
}

func (s *Store) scan(ctx context.Context, after, through store.Position, keep func(*event.Event) bool) (store.Scan, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var sc scan
	for _, b := range s.blocks {
		if b.position <= after || b.position > through {
			continue
		}
		var kept events
		for i := range b.events {
			if keep(&b.events[i]) {
				kept = append(kept, b.events[i])
			}
		}
		if len(kept) > 0 {
			sc.left = append(sc.left, kept)
		}
	}
	return &sc, nil
}

type scan struct{ left []events }

func (s *scan) Next(ctx context.Context) (store.Block, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(s.left) == 0 {
		return nil, io.EOF
	}
	b := s.left[0]
	s.left = s.left[1:]
	return b, nil
}

func (s *scan) Close() error { return nil }

type events []event.Event

func (b events) Len() int { return len(b) }

func (b events) Each(f func(e *event.Event)) {
	for i := range b {
		e := b[i]
		f(&e)
	}
}

// SaveRun implements store.Runs.
func (s *Store) SaveRun(ctx context.Context, r *store.Run, findings []store.Finding, change store.SliceChange) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, f := range findings {
		if f.RunEnd != r.End {
			return fmt.Errorf("finding %s: got one of the run at %d, want %d", f.ID, f.RunEnd, r.End)
		}
	}
	s.runs[r.End] = *r
	s.findings[r.End] = slices.Clone(findings)
	s.slices = slices.DeleteFunc(s.slices, func(sl store.Slice) bool { return slices.Contains(change.Remove, sl.ID) })
	for _, sl := range change.Add {
		s.lastID++
		sl.ID, sl.Count = s.lastID, len(sl.Parts)
		s.slices = append(s.slices, sl)
	}
	slices.SortStableFunc(s.slices, func(a, b store.Slice) int { return cmp.Compare(a.End, b.End) })
	return nil
}

// LastRun implements store.Runs.
func (s *Store) LastRun(ctx context.Context) (*store.Run, error) {
	runs, err := s.RunsIn(ctx, -1<<62, 1<<62, 1)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("a run: %w", store.ErrNotFound)
	}
	return &runs[0], nil
}

// RunsIn implements store.Runs.
func (s *Store) RunsIn(ctx context.Context, fromEnd, toEnd int64, limit int) ([]store.Run, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var runs []store.Run
	for end, r := range s.runs {
		if end >= fromEnd && end <= toEnd {
			runs = append(runs, r)
		}
	}
	slices.SortFunc(runs, func(a, b store.Run) int { return cmp.Compare(b.End, a.End) })
	return runs[:min(len(runs), limit)], nil
}

// FindingsIn implements store.Runs.
func (s *Store) FindingsIn(ctx context.Context, fromEnd, toEnd int64, f func(*store.Finding) bool) error {
	runs, err := s.RunsIn(ctx, fromEnd, toEnd, 1<<62)
	if err != nil {
		return err
	}
	for _, r := range runs {
		s.mu.Lock()
		list := s.findings[r.End]
		s.mu.Unlock()
		for _, one := range list {
			if !f(&one) {
				return nil
			}
		}
	}
	return nil
}

// Finding implements store.Runs.
func (s *Store) Finding(ctx context.Context, id string) (*store.Finding, error) {
	var found *store.Finding
	err := s.FindingsIn(ctx, -1<<62, 1<<62, func(f *store.Finding) bool {
		if f.ID == id {
			found = f
		}
		return found == nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("finding %q: %w", id, store.ErrNotFound)
	}
	return found, err
}

// Slices implements store.Runs.
func (s *Store) Slices(ctx context.Context) ([]store.Slice, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	list := slices.Clone(s.slices)
	for i := range list {
		list[i].Parts = nil
	}
	return list, nil
}

// SliceData implements store.Runs.
func (s *Store) SliceData(ctx context.Context, id int64, part int) ([]byte, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, sl := range s.slices {
		if sl.ID == id && part >= 0 && part < len(sl.Parts) {
			return sl.Parts[part], nil
		}
	}
	return nil, fmt.Errorf("part %d of slice %d: %w", part, id, store.ErrNotFound)
}

// Records implements store.Records.
func (s *Store) Records(ctx context.Context, kind string) ([]store.Record, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var list []store.Record
	for _, r := range s.records[kind] {
		r.Data = slices.Clone(r.Data)
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b store.Record) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// Change implements store.Records.
func (s *Store) Change(ctx context.Context, put, remove []store.Record, trail ...store.Entry) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, r := range remove {
		delete(s.records[r.Kind], r.ID)
	}
	for _, r := range put {
		if s.records[r.Kind] == nil {
			s.records[r.Kind] = map[string]store.Record{}
		}
		r.Data = slices.Clone(r.Data)
		s.records[r.Kind][r.ID] = r
	}
	for _, e := range trail {
		e.Number = int64(len(s.trail) + 1)
		s.trail = append(s.trail, e)
	}
	return nil
}

// Trail implements store.Records.
func (s *Store) Trail(ctx context.Context, before int64, limit int) ([]store.Entry, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var list []store.Entry
	for i := len(s.trail) - 1; i >= 0 && len(list) < limit; i-- {
		if before == 0 || s.trail[i].Number < before {
			list = append(list, s.trail[i])
		}
	}
	return list, nil
}

// Size implements store.Store. Bytes is the number of events: there is no medium.
func (s *Store) Size(ctx context.Context) (store.Size, error) {
	if err := s.lock(ctx); err != nil {
		return store.Size{}, err
	}
	defer s.mu.Unlock()
	var size store.Size
	for _, b := range s.blocks {
		for i := range b.events {
			nanos := b.events[i].TimeNanos
			if size.Events == 0 || nanos < size.OldestNanos {
				size.OldestNanos = nanos
			}
			size.NewestNanos = max(size.NewestNanos, nanos)
			size.Events++
		}
	}
	size.Bytes = size.Events
	return size, nil
}

// Retain implements store.Store. Its large pieces are what came with one Append, the newest of
// which stays.
func (s *Store) Retain(ctx context.Context, before time.Time, maxBytes int64) (forgotten int64, err error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	total := int64(0)
	for _, b := range s.blocks {
		total += int64(len(b.events))
	}
	kept := s.blocks[:0]
	for i, b := range s.blocks {
		old := !before.IsZero()
		for j := range b.events {
			old = old && b.events[j].TimeNanos < before.UnixNano()
		}
		if last := i == len(s.blocks)-1; !last && (old || maxBytes > 0 && total > maxBytes) {
			total -= int64(len(b.events))
			forgotten += int64(len(b.events))
			continue
		}
		kept = append(kept, b)
	}
	s.blocks = kept
	return forgotten, nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
