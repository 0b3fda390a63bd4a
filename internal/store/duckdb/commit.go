//go:build cgo

package duckdb

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"fresnel/internal/store"
)

// Append stores the events of b and the marks together with what others append at the same
// time. When ctx ends before they are being stored, nothing is; after that it waits for the outcome.
func (s *Store) Append(ctx context.Context, b *store.Batch, marks []store.Mark) error {
	if b == nil {
		b = &store.Batch{}
	}
	if b.Len() == 0 && len(marks) == 0 {
		return s.alive()
	}
	r := &request{batch: b, marks: marks, done: make(chan error, 1)}
	if err := s.queue.add(ctx, r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if s.queue.cancel(r) {
			return ctx.Err()
		}
		return <-r.done
	}
}

// commitAll stores what is appended until the queue is closed.
func (s *Store) commitAll() {
	defer close(s.ended)
	var took, ready time.Duration // of the last commit; until the next one
	for {
		requests := s.queue.take(took/2, ready)
		if requests == nil {
			return
		}
		if len(requests) == 0 {
			continue
		}
		begun := s.o.Now()
		err := s.commit(requests)
		for _, r := range requests {
			r.done <- err
		}
		// Many small requests do not make many small commits, and a lone client does not wait
		// for others who do not come.
		took = max(0, s.o.Now().Sub(begun))
		ready = min(s.o.CommitEvery, 4*took)
		if s.finished != nil {
			s.finish()
		}
		if s.fresh >= s.maxFresh {
			s.reopen()
		}
	}
}

// finish writes the log of the file that is not written to any more into it, and closes it.
func (s *Store) finish() {
	f := s.finished
	s.finished = nil
	defer s.release(f)
	s.shut(f)
}

// maxFresh is after how many events the file that they go to is closed and opened again. The engine keeps
// what it knows of each row group that it has written or read, outside of its memory limit, for as long
// as the file is open: 0.8 bytes an event, 300 MB for a file of 8 GiB. Of a file that was opened again it
// knows a tenth of that, and what is read.
const maxFresh = 1 << 24

// reopen closes the file that is written to, so that whoever asks for it next opens it. When it cannot be,
// it is tried again half as many events later: an export may take minutes, and trying takes shutWait.
func (s *Store) reopen() {
	s.fresh = s.maxFresh / 2
	if s.room(0, spareForEvents) != nil {
		return // to write the log into the file takes room
	}
	s.mu.Lock()
	f := s.last()
	s.mu.Unlock()
	if s.shut(f) {
		s.fresh = 0
	}
}

// shut writes the log of a file into it, and closes it unless somebody asks it for long. It reports whether it
// did.
func (s *Store) shut(f *file) (ok bool) {
	ctx := context.Background() // of no single caller's
	err := s.use(func(e *engine) error {
		return e.do(func(c *conn) (err error) {
			if err := s.withFile(ctx, c, f, func() error { return c.patient(ctx, "CHECKPOINT "+f.name) }); err != nil {
				return err
			}
			ok, err = s.detachSoon(ctx, c, f)
			return err
		})
	})
	if err != nil {
		// Nothing is lost: the log is read when the file is opened next.
		s.o.Log.Warn("a log could not be written into its file", "file", f.path, "error", err)
	}
	if ok {
		trimHeap()
	}
	return ok
}

// shutWait is how long who asks a file is waited for before it is closed: for a window of a scan, not for
// an export. Who comes meanwhile waits as well, and so do commits.
const shutWait = time.Second

// detachSoon closes a file once nobody uses it, unless that takes too long. It reports whether it did.
func (s *Store) detachSoon(ctx context.Context, c *conn, f *file) (bool, error) {
	s.attaching.Lock()
	defer s.attaching.Unlock()
	f.closing = true
	late := false
	defer time.AfterFunc(s.shutWait, func() {
		s.attaching.Lock()
		defer s.attaching.Unlock()
		late = true
		s.unpinned.Broadcast()
	}).Stop()
	defer func() {
		f.closing = false
		s.unpinned.Broadcast()
	}()
	for f.pins > 0 {
		if late {
			return false, nil
		}
		s.unpinned.Wait()
	}
	if s.writer.f == f {
		s.writer.close()
	}
	err := s.detach(ctx, c, f)
	return err == nil, err
}

// commit stores requests, all of them or none.
func (s *Store) commit(requests []*request) error {
	var k content
	s.mu.Lock()
	before := uint64(0)
	if f := s.last(); f != nil {
		before = f.last
	}
	s.mu.Unlock()
	err := s.use(func(e *engine) (err error) {
		k, err = s.writer.write(e, requests)
		return err
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.last()
	switch {
	case err == nil:
		f.content = k
		s.fresh += int(k.last - before)
	case isFatal(err) && f != nil && k.last > before && f.last == k.last:
		// What the database says after its restart holds: all is there.
	default:
		return err
	}
	s.ids.add(&s.committing, s.o.Now())
	for _, r := range requests {
		for _, m := range r.marks {
			s.marks[m.Source] = m.Place
		}
	}
	return nil
}

const (
	// How many texts of one kind, and bytes of them, a generation has: a scan knows all of one at a time.
	maxNumbers     = 1 << 19
	maxNumberBytes = 1 << 27

	// After how many marks those that others replaced are deleted: they take about 100 bytes each.
	maxMarks = 100_000
)

// numbering gives the texts of one table of tuples their numbers. It knows them by a hash of
// 128 bits, and so need not fetch them from memory to compare.
type numbering struct {
	slots []numbered // open addressing, a power of two
	n     int        // texts
	bytes int        // of them
	next  uint32
}

type numbered struct {
	hash   textHash
	number uint32
	used   bool
}

// A textHash stands for a text: the hash of its batch, and one more. Nobody outside knows the seeds, so nobody can
// make two texts of one hash.
type textHash [2]uint64

var textSeed = maphash.MakeSeed()

// number returns the number of a text, and whether it is new.
func (n *numbering) number(h textHash) (number uint32, fresh bool) {
	if (n.n+1)*3 > len(n.slots)*2 {
		old := n.slots
		n.slots = make([]numbered, max(1024, 2*len(old)))
		for _, s := range old {
			if s.used {
				*n.slot(s.hash) = s
			}
		}
	}
	s := n.slot(h)
	if s.used {
		return s.number, false
	}
	*s = numbered{h, n.next, true}
	n.next++
	n.n++
	return s.number, true
}

func (n *numbering) slot(h textHash) *numbered {
	mask := uint64(len(n.slots) - 1)
	for i := h[0] & mask; ; i = (i + 1) & mask {
		if s := &n.slots[i]; !s.used || s.hash == h {
			return s
		}
	}
}

// A writer writes to the last file. Its zero state, after drop, is that nothing is open; after close it
// has the numbers of texts still.
type writer struct {
	s *Store
	f *file // that the rest is for, or nil

	e      *engine
	c      *conn
	event  *table
	mark   *table
	tuples [numTuples]*table

	numberings [numTuples]numbering
	fresh      bool                // a generation begins with the next event
	marked     int                 // marks that were put since those replaced were taken out
	hashes     []textHash          // scratch
	places     [numTuples][]uint32 // scratch: numbers in the file by those of a batch
}

func newWriter(s *Store) *writer { return &writer{s: s} }

// drop closes all without storing, and forgets the numbers of texts.
func (w *writer) drop() {
	w.close()
	*w = writer{s: w.s, hashes: w.hashes, places: w.places}
}

// close closes all without storing.
func (w *writer) close() {
	if w.c == nil {
		return
	}
	for _, t := range append(w.tuples[:], w.event, w.mark) {
		if t != nil {
			t.close()
		}
	}
	w.e.put(w.c)
	w.e, w.c, w.event, w.mark, w.tuples = nil, nil, nil, nil, [numTuples]*table{}
}

// prepare opens what is needed to write to f.
func (w *writer) prepare(ctx context.Context, e *engine, f *file) (err error) {
	if w.f == f && w.c != nil {
		return nil
	}
	if w.f != f {
		w.drop()
	}
	if w.c, err = e.get(); err != nil {
		return err
	}
	w.e = e
	if err := w.s.withFile(ctx, w.c, f, func() error {
		if w.event, err = w.c.table(f.name, "event"); err != nil {
			return err
		}
		if w.mark, err = w.c.table(f.name, "mark"); err != nil {
			return err
		}
		for i := range tupleTables {
			if w.tuples[i], err = w.c.table(f.name, tupleTables[i].name); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if w.f != f {
		w.f = f
		w.begin()
	}
	return nil
}

// begin begins a generation.
func (w *writer) begin() {
	w.fresh = true
	for i := range w.numberings {
		w.numberings[i] = numbering{next: w.f.tuples[i]}
	}
}

// write stores requests, all of them or none. It returns what the file that events go to holds
// then, or should have held.
func (w *writer) write(e *engine, requests []*request) (k content, err error) {
	ctx := context.Background() // of no single caller's
	if err := w.room(ctx, e, bytesOf(requests)); err != nil {
		return k, err
	}
	f, err := w.s.fileToWrite(ctx, e)
	if err != nil {
		return k, err
	}
	defer func() {
		if err != nil {
			w.drop() // and with it the numbers of texts that are not stored
		}
	}()
	if err := w.prepare(ctx, e, f); err != nil {
		return k, err
	}
	for i := range w.numberings {
		if n := &w.numberings[i]; n.n >= w.s.maxNumbers || n.bytes >= maxNumberBytes {
			w.begin()
			break
		}
	}
	k = f.content // which only the committer changes
	fresh := sizeOf(f.path+".wal") == 0
	w.s.committing.reset()
	err = w.c.transaction(ctx, func() error {
		if w.fresh {
			g := generation{event: k.last + 1}
			for i := range g.tuples {
				g.tuples[i] = w.numberings[i].next
			}
			k.generations = append(slices.Clip(k.generations), g) // scans have the old ones
			if err := w.c.exec(ctx, fmt.Sprintf("INSERT INTO %s.generation VALUES (%d, %d, %d, %d)", f.name, g.event, g.tuples[callers], g.tuples[callees], g.tuples[kinds])); err != nil {
				return err
			}
		}
		if w.marked >= w.s.maxMarks {
			if err := w.cleanMarks(ctx); err != nil {
				return err
			}
		}
		for _, r := range requests {
			if err := w.add(r.batch, &k); err != nil {
				return err
			}
			if len(r.marks) > 0 {
				w.marked += len(r.marks)
				if err := putMarks(w.mark, r.marks); err != nil {
					return err
				}
			}
		}
		for _, t := range append(w.tuples[:], w.event) {
			if err := t.flush(); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		w.fresh = false
		w.s.logBegun(fresh)
	}
	return k, err
}

// cleanMarks takes out of their table the marks that others replaced.
func (w *writer) cleanMarks(ctx context.Context) error {
	w.s.mu.Lock()
	marks := sortedMarks(w.s.marks)
	w.s.mu.Unlock()
	w.marked = 0
	if err := w.c.exec(ctx, "DELETE FROM "+w.f.name+".mark"); err != nil {
		return err
	}
	return putMarks(w.mark, marks)
}

// add gives a batch to the tables, and counts it in k.
func (w *writer) add(b *store.Batch, k *content) error {
	if b.Len() == 0 {
		return nil
	}
	for i, tuple := range [numTuples]*store.Tuple{&b.Callers, &b.Callees, &b.Kinds} {
		texts, hashes := tuple.Texts(), tuple.Hashes()
		n := &w.numberings[i]
		w.hashes, w.places[i] = w.hashes[:0], w.places[i][:0]
		for j, text := range texts {
			w.hashes = append(w.hashes, textHash{hashes[j], maphash.String(textSeed, text)})
		}
		for j, h := range w.hashes {
			number, fresh := n.number(h)
			if fresh {
				n.bytes += len(texts[j])
				if err := putTuple(w.tuples[i], tupleTables[i].fields, number, texts[j]); err != nil {
					return err
				}
			}
			w.places[i] = append(w.places[i], number)
		}
		k.tuples[i] = n.next
	}
	for rows := b.Rows; len(rows) > 0; {
		rest, err := w.addRows(rows, k)
		if err != nil {
			return err
		}
		rows = rest
	}
	return nil
}

// addRows gives the table of events as many rows as fit into its chunk, and returns the rest.
func (w *writer) addRows(rows []store.Row, k *content) (rest []store.Row, err error) {
	t := w.event
	n, ts, ingested, duration := cells[uint64](t, 0), cells[int64](t, 1), cells[int64](t, 2), cells[int64](t, 3)
	sbytes, dbytes, id := cells[int64](t, 4), cells[int64](t, 5), cells[uint64](t, 6)
	caller, callee, kind, sport := cells[uint32](t, 7), cells[uint32](t, 8), cells[uint32](t, 9), cells[uint16](t, 10)
	at, read := t.n, 0
	for ; read < len(rows) && at < chunkRows; read++ {
		r := &rows[read]
		if r.ID != 0 && (w.s.ids.has(r.ID) || !w.s.committing.add(r.ID)) {
			continue // stored already, or by another request of this commit
		}
		k.last++
		k.oldest, k.newest = min(k.oldest, r.TimeNanos), max(k.newest, r.TimeNanos)
		n[at], ts[at], ingested[at], duration[at] = k.last, r.TimeNanos, r.IngestedNanos, r.DurationNanos
		sbytes[at], dbytes[at], id[at] = r.SourceBytes, r.DestinationBytes, r.ID
		caller[at], callee[at], kind[at] = w.places[callers][r.Caller], w.places[callees][r.Callee], w.places[kinds][r.Kind]
		sport[at] = r.SourcePort
		at++
	}
	t.n = at
	if at == chunkRows {
		err = t.hand()
	}
	return rows[read:], err
}

// fileToWrite returns the file that the next events belong to, and begins one when it is time.
func (s *Store) fileToWrite(ctx context.Context, e *engine) (*file, error) {
	now := s.o.Now()
	s.mu.Lock()
	old := s.last()
	marks := sortedMarks(s.marks)
	s.mu.Unlock()
	// One that was begun in the future was begun by a wrong clock, and would not end for as long.
	if old != nil && !now.Before(old.begun) && now.Sub(old.begun) < s.o.SliceEvery && old.bytes() < s.o.SliceBytes {
		return old, nil
	}
	number, first := 1, uint64(1)
	if old != nil {
		number, first = old.number+1, old.last+1
	}
	s.writer.drop()
	s.fresh = 0
	f := newFile(s.o.Dir, number)
	if err := e.do(func(c *conn) error { return f.create(ctx, c, now, first, marks) }); err != nil {
		return nil, err
	}
	s.attaching.Lock()
	f.writable = true
	if old != nil {
		old.writable = false
	}
	s.attaching.Unlock()
	s.mu.Lock()
	s.files = append(s.files, f)
	if old != nil {
		old.refs++ // until finish
	}
	s.mu.Unlock()
	s.finished = old
	return f, nil
}
