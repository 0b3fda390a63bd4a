//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"

	"fresnel/internal/event"
	"fresnel/internal/store"
)

// windowEvents is how many events a scan asks for at a time. It holds no transaction open
// between them, so that neither a slow reader nor the end of a file is in anybody's way.
const windowEvents = 4 * rowGroupRows

// A scanner reads the events of some files as they stood when it began, and of these those of some
// numbers and times.
type scanner struct {
	s        *Store
	parts    []scanPart
	after    uint64 // events up to this number are passed over, or have been handed out
	from, to int64  // times, both included

	blocks []*block
	tuples *tuples // that the next events refer to, those up to end
	end    uint64  // the last wanted event of a generation
	skip   uint64  // the last event of that generation
	pool   pool
	closed bool
}

// A scanPart is a file, as it stood when the scan began.
type scanPart struct {
	f *file
	content
}

// Position returns the number of the last event.
func (s *Store) Position(context.Context) (store.Position, error) {
	if err := s.alive(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.last(); f != nil {
		return store.Position(f.last), nil
	}
	return 0, nil
}

// In returns the events of a span of time.
func (s *Store) In(_ context.Context, afterNanos, toNanos int64, through store.Position) (store.Scan, error) {
	if afterNanos >= toNanos {
		through = 0
	}
	sc := &scanner{s: s, from: afterNanos + 1, to: toNanos}
	return sc, sc.begin(through, func(f *file) bool { return f.newest >= sc.from && f.oldest <= sc.to })
}

// Since returns the events after a position, up to a time.
func (s *Store) Since(_ context.Context, after, through store.Position, toNanos int64) (store.Scan, error) {
	sc := &scanner{s: s, after: uint64(after), from: math.MinInt64, to: toNanos}
	return sc, sc.begin(through, func(f *file) bool { return f.oldest <= toNanos })
}

// begin holds the files that are wanted for events up to a position.
func (sc *scanner) begin(through store.Position, wanted func(*file) bool) error {
	if err := sc.s.alive(); err != nil {
		return err
	}
	sc.s.mu.Lock()
	defer sc.s.mu.Unlock()
	for _, f := range sc.s.files {
		k := f.content
		k.last = min(k.last, uint64(through))
		if k.last >= k.first && k.last > sc.after && wanted(f) {
			f.refs++
			sc.parts = append(sc.parts, scanPart{f, k})
		}
	}
	return nil
}

// Close ends the scan.
func (sc *scanner) Close() error {
	sc.done()
	return nil
}

// done releases the files that have not been read to their end.
func (sc *scanner) done() {
	sc.closed = true
	for len(sc.parts) > 0 {
		sc.pass()
	}
	sc.blocks = nil
}

// pass ends the first file.
func (sc *scanner) pass() {
	sc.s.release(sc.parts[0].f)
	sc.parts, sc.tuples, sc.end = sc.parts[1:], nil, 0
}

// Next returns the next block.
func (sc *scanner) Next(ctx context.Context) (store.Block, error) {
	if sc.closed {
		return nil, store.ErrClosed
	}
	for len(sc.blocks) == 0 {
		if len(sc.parts) == 0 {
			return nil, io.EOF
		}
		p := &sc.parts[0]
		if sc.after = max(sc.after, p.first-1); sc.after >= p.last {
			sc.pass()
			continue
		}
		if err := sc.s.use(func(e *engine) error {
			return e.do(func(c *conn) error {
				return sc.s.withFile(ctx, c, p.f, func() error { return sc.window(ctx, c, p) })
			})
		}); err != nil {
			return nil, fmt.Errorf("%s: %w", p.f.name, err)
		}
	}
	b := sc.blocks[0]
	sc.blocks = sc.blocks[1:]
	return b, nil
}

// where returns the condition for the events of the scan after one and up to another.
func (sc *scanner) where(after, last uint64) string {
	w := fmt.Sprintf("n > %d AND n <= %d", after, last)
	if sc.from > math.MinInt64 {
		w += fmt.Sprintf(" AND ts >= %d", sc.from)
	}
	if sc.to < math.MaxInt64 {
		w += fmt.Sprintf(" AND ts <= %d", sc.to)
	}
	return w
}

// window reads the blocks of the next events of a file.
func (sc *scanner) window(ctx context.Context, c *conn, p *scanPart) error {
	if sc.after >= sc.end {
		if err := sc.generation(ctx, c, p); err != nil || sc.tuples == nil {
			return err
		}
	}
	last := min(sc.after+windowEvents, sc.end)
	var blocks []*block
	if err := c.stream(ctx, func(ch *chunk) error {
		b, err := newBlock(ch, sc.tuples)
		blocks = append(blocks, b)
		return err
	}, fmt.Sprintf("SELECT ts, ingested, duration, sbytes, dbytes, caller, callee, kind, sport FROM %s.event WHERE %s", p.f.name, sc.where(sc.after, last))); err != nil {
		return err
	}
	sc.blocks, sc.after = blocks, last
	if last == sc.end {
		sc.after, sc.tuples = sc.skip, nil // blocks have them still
	}
	return nil
}

// generation goes to the next wanted event of a file within one generation, and loads the tuples for
// those that follow; where none is wanted, to the end of the generation.
func (sc *scanner) generation(ctx context.Context, c *conn, p *scanPart) error {
	sc.tuples = nil
	i := 0
	for i+1 < len(p.generations) && p.generations[i+1].event <= sc.after+1 {
		i++
	}
	first, end, skip := p.generations[i].tuples, p.tuples, p.last
	if i+1 < len(p.generations) {
		end, skip = p.generations[i+1].tuples, min(skip, p.generations[i+1].event-1)
	}
	var count int64
	var after, last uint64
	if err := c.query(ctx, func(ch *chunk) error {
		if count = column[int64](ch, 0)[0]; count > 0 {
			after, last = column[uint64](ch, 1)[0]-1, column[uint64](ch, 2)[0]
		}
		return nil
	}, fmt.Sprintf("SELECT count(*), min(n), max(n) FROM %s.event WHERE %s", p.f.name, sc.where(sc.after, skip))); err != nil {
		return err
	}
	if count == 0 {
		sc.after = skip
		return nil
	}
	var wanted [numTuples]string
	for i := range wanted {
		if count < int64(end[i]-first[i])/2 {
			wanted[i] = sc.where(after, last)
		}
	}
	t := &tuples{}
	var err error
	sc.pool.programs = nil
	if t.callers, err = load[caller](ctx, c, p.f.name, callers, first[callers], end[callers], wanted[callers], &sc.pool); err != nil {
		return err
	}
	if t.callees, err = load[callee](ctx, c, p.f.name, callees, first[callees], end[callees], wanted[callees], &sc.pool); err != nil {
		return err
	}
	if t.kinds, err = load[kind](ctx, c, p.f.name, kinds, first[kinds], end[kinds], wanted[kinds], &sc.pool); err != nil {
		return err
	}
	sc.tuples, sc.after, sc.end, sc.skip = t, after, last, skip
	return nil
}

// A tuples is what the events of a generation refer to.
type tuples struct {
	callers *known[caller]
	callees *known[callee]
	kinds   *known[kind]
}

// Len implements event.Shared.
func (t *tuples) Len() (callers, callees, kinds int) {
	return len(t.callers.parts), len(t.callees.parts), len(t.kinds.parts)
}

// Caller implements event.Shared.
func (t *tuples) Caller(e *event.Event, place uint32) { t.callers.parts[place].give(e, &given{}) }

// Callee implements event.Shared.
func (t *tuples) Callee(e *event.Event, place uint32) { t.callees.parts[place].give(e, &given{}) }

// Kind implements event.Shared.
func (t *tuples) Kind(e *event.Event, place uint32) { t.kinds.parts[place].give(e, &given{}) }

// A block is the events of a chunk, copied from it: whoever works on blocks may take his time.
type block struct {
	columns event.Columns
	tuples  *tuples // that the columns share
}

func newBlock(ch *chunk, t *tuples) (*block, error) {
	b := &block{tuples: t}
	k := &b.columns
	k.Shared, k.SourcePort = t, slices.Clone(column[uint16](ch, 8))
	wide := make([]int64, 5*ch.n)
	for i, to := range []*[]int64{&k.TimeNanos, &k.IngestedNanos, &k.DurationNanos, &k.SourceBytes, &k.DestinationBytes} {
		*to, wide = wide[:ch.n:ch.n], wide[ch.n:]
		copy(*to, column[int64](ch, i))
	}
	places := make([]uint32, 3*ch.n)
	k.Caller, k.Callee, k.Kind = places[:ch.n:ch.n], places[ch.n:2*ch.n:2*ch.n], places[2*ch.n:]
	ok := t.callers.all(k.Caller, column[uint32](ch, 5)) && t.callees.all(k.Callee, column[uint32](ch, 6)) && t.kinds.all(k.Kind, column[uint32](ch, 7))
	if !ok {
		return nil, errors.New("got an event that refers to texts that are not there, want them in its generation")
	}
	return b, nil
}

// Len returns the number of events.
func (b *block) Len() int { return b.columns.Len() }

// Columns implements store.Columnar.
func (b *block) Columns() *event.Columns { return &b.columns }

// Each hands out the events.
func (b *block) Each(f func(e *event.Event)) {
	var e event.Event
	var before given
	touched := 0
	k := &b.columns
	for begin := 0; begin < k.Len(); begin += eachRows {
		end := min(begin+eachRows, k.Len())
		// The parts lie all over memory. Waiting for many of them at a time takes a fraction of
		// waiting for one after the other.
		for i := begin; i < end; i++ {
			touched += b.tuples.callers.parts[k.Caller[i]].touch() + b.tuples.callees.parts[k.Callee[i]].touch()
		}
		for i := begin; i < end; i++ {
			k.Numbers(&e, i)
			b.tuples.callers.parts[k.Caller[i]].give(&e, &before)
			b.tuples.callees.parts[k.Callee[i]].give(&e, &before)
			b.tuples.kinds.parts[k.Kind[i]].give(&e, &before)
			f(&e)
		}
	}
	runtime.KeepAlive(touched)
}

const eachRows = 32
