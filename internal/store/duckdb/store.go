//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"fresnel/internal/store"
)

// A Store is a folder of DuckDB files. Its process alone has it.
type Store struct {
	o    Options
	lock *folderLock

	// Whoever uses the engine holds gate for reading; it is replaced, after an error that it
	// does not survive, by whoever holds gate for writing. Nothing of a caller's runs under it.
	gate   sync.RWMutex
	engine *engine // nil when it could not be started again
	closed bool

	mu     sync.Mutex
	files  []*file // by number; events go to the last one
	doomed []*file
	marks  map[string]string

	attaching sync.Mutex // taken before mu
	unpinned  sync.Cond  // of attaching: a file has one statement less, or is not being closed any more
	attached  []*file
	uses      int64

	ids    recentIDs
	queue  queue
	writer *writer // used by the committer, under gate

	maxNumbers int                                     // of one kind in a generation; less in tests
	maxMarks   int                                     // that are written before those replaced are taken out; less in tests
	maxFresh   int                                     // less in tests
	maxKnown   int64                                   // less in tests
	shutWait   time.Duration                           // less in tests
	free       func(dir string) (bytes int64, ok bool) // freeBytes; another in tests

	// Of the committer alone:
	committing idSet         // ids of the commit under way
	finished   *file         // the last but one, until its log is written into it
	fresh      int           // events that were stored since the last file was opened
	ended      chan struct{} // closed at the end

	main    sync.Mutex // one goroutine at a time writes to main.duckdb
	numbers numbers
	known   knownRuns
}

var _ store.Store = (*Store)(nil)

const (
	mainFile = "main.duckdb"
	tempName = mainFile + ".tmp" // nobody else calls a folder so, and it is emptied: a store may be opened in a home folder
	mainName = "main_file"       // in the engine

	// maxAttached bounds how many files of events are open, beside the last one: each takes
	// file handles.
	maxAttached = 32
	// maxKnown bounds of how many events those files are, unless more are asked at a time: what the engine
	// knows of their row groups takes up to 0.8 bytes each, outside of its memory limit.
	maxKnown = 1 << 27
)

// Open opens the store in a folder, or makes one. A folder that another process uses is a
// store.ErrLocked. Whoever opens a store closes it.
func Open(o Options) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", o.Dir, err)
	}
	return s, nil
}

func open(o Options) (*Store, error) {
	if o.Existing {
		if _, err := os.Stat(filepath.Join(o.Dir, mainFile)); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("got no %s there, want the folder of a store", mainFile)
		}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil { // what callers and their destinations are is nobody else's business
		return nil, err
	}
	lock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	if o.TempDir, err = tempFolder(o); err != nil {
		lock.release()
		return nil, err
	}
	s := &Store{o: o, lock: lock, marks: map[string]string{}, maxNumbers: maxNumbers, maxMarks: maxMarks, maxFresh: maxFresh, maxKnown: maxKnown, shutWait: shutWait, free: freeBytes, ended: make(chan struct{})}
	s.unpinned.L = &s.attaching
	s.queue.init(o.CommitRows)
	s.writer = newWriter(s)
	if err := s.load(); err != nil {
		if s.engine != nil {
			s.engine.close()
		}
		lock.release()
		return nil, err
	}
	go s.commitAll()
	return s, nil
}

// tempFolder makes an empty folder for what DuckDB does not keep in memory: two instances in one
// folder would take each other's files for their own. Each store has one name for it, so that what a killed
// process left is removed.
func tempFolder(o Options) (string, error) {
	dir := filepath.Join(o.Dir, tempName)
	if o.TempDir != "" {
		path, err := filepath.Abs(o.Dir)
		if err != nil {
			return "", err
		}
		dir = filepath.Join(o.TempDir, fmt.Sprintf("store-%08x", crc32.ChecksumIEEE([]byte(path))))
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// load starts the engine and looks at all files.
func (s *Store) load() error {
	files, err := listFiles(s.o.Dir)
	if err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	ctx := context.Background()
	return s.engine.do(func(c *conn) error {
		for i, f := range files {
			f.writable = i == len(files)-1
			if err := s.look(ctx, c, f); err != nil {
				return err
			}
		}
		s.files = files
		f := s.last()
		if f == nil {
			return nil
		}
		if err := s.withFile(ctx, c, f, func() (err error) {
			s.marks, err = c.marks(ctx, f.name)
			return err
		}); err != nil {
			return err
		}
		return s.loadIDs(ctx, c)
	})
}

// look sets what is known of a file.
func (s *Store) look(ctx context.Context, c *conn, f *file) error {
	return s.withFile(ctx, c, f, func() error {
		k, err := c.look(ctx, f.name)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(f.path), err)
		}
		s.mu.Lock()
		f.content = k
		s.mu.Unlock()
		return nil
	})
}

// loadIDs learns the ids of the newest events.
func (s *Store) loadIDs(ctx context.Context, c *conn) error {
	now := s.o.Now()
	for _, f := range slices.Backward(s.files) {
		// One that was begun before may end in the last day.
		left := uint64(max(0, maxIDs-s.ids.young.n))
		if now.Sub(f.begun) > s.o.SliceEvery+idAge || left == 0 {
			break
		}
		if err := s.withFile(ctx, c, f, func() error {
			return c.stream(ctx, func(ch *chunk) error {
				for _, id := range column[uint64](ch, 0) {
					s.ids.young.add(id)
				}
				return nil
			}, fmt.Sprintf("SELECT id FROM %s.event WHERE id <> 0 AND n > %d", f.name, max(f.last, left)-left))
		}); err != nil {
			return err
		}
	}
	s.ids.begun = now
	return nil
}

// listFiles returns the files of events of a folder in their order, and removes what an interrupted
// process left of others.
func listFiles(dir string) ([]*file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []*file
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), "events-")
		if !ok {
			continue
		}
		if unfinished, _, ok := strings.Cut(e.Name(), ".new"); ok {
			remove(filepath.Join(dir, unfinished+".new"))
			continue
		}
		number, ok := strings.CutSuffix(name, ".duckdb")
		if n, err := strconv.Atoi(number); ok && err == nil && n > 0 {
			files = append(files, newFile(dir, n))
		}
	}
	slices.SortFunc(files, func(a, b *file) int { return a.number - b.number })
	return files, nil
}

// start starts an engine with main.duckdb and the last file of events.
func (s *Store) start() error {
	e, err := startEngine(s.o.MemoryLimitMB, s.o.Threads, s.o.TempDir)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := e.do(func(c *conn) error { return s.openMain(ctx, c) }); err != nil {
		e.close()
		return fmt.Errorf("%s: %w", mainFile, err)
	}
	s.engine = e
	return nil
}

// last returns the file that events go to, or nil; the caller holds mu, or is alone.
func (s *Store) last() *file {
	if len(s.files) == 0 {
		return nil
	}
	return s.files[len(s.files)-1]
}

// use runs f with the engine. When f meets an error that the engine does not survive, another
// one is started.
func (s *Store) use(f func(e *engine) error) error {
	for range 2 {
		s.gate.RLock()
		if s.closed {
			s.gate.RUnlock()
			return store.ErrClosed
		}
		e := s.engine
		var err error
		if e != nil {
			err = f(e)
		}
		s.gate.RUnlock()
		if e != nil && !isFatal(err) {
			return err
		}
		if restarted := s.restart(e); e != nil || restarted != nil {
			return errors.Join(err, restarted)
		}
	}
	return errors.New("duckdb: could not be started")
}

func isFatal(err error) bool {
	var e *engineError
	return errors.As(err, &e) && e.fatal()
}

// restart replaces an engine by a new one, unless it has been replaced already.
func (s *Store) restart(old *engine) error {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed || s.engine != old {
		return nil
	}
	if old != nil {
		s.o.Log.Warn("the database is opened again after an error", "dir", s.o.Dir)
		s.writer.drop()
		old.close()
		s.engine = nil
	}
	s.attaching.Lock()
	s.mu.Lock()
	f := s.last()
	for _, f := range s.attached {
		f.attached = false
	}
	s.attached = nil
	s.mu.Unlock()
	s.attaching.Unlock()
	if err := s.start(); err != nil || f == nil {
		return err
	}
	if err := s.engine.do(func(c *conn) error { return s.look(context.Background(), c, f) }); err != nil {
		s.engine.close()
		s.engine = nil
		return err
	}
	return nil
}

// withFile runs f while a file of events is attached.
func (s *Store) withFile(ctx context.Context, c *conn, f *file, do func() error) error {
	if err := s.pin(ctx, c, f); err != nil {
		return err
	}
	defer s.unpin(f)
	return do()
}

// pin attaches a file of events, which stays attached until it is unpinned.
func (s *Store) pin(ctx context.Context, c *conn, f *file) error {
	s.attaching.Lock()
	defer s.attaching.Unlock()
	for f.closing {
		s.unpinned.Wait()
	}
	if !f.attached {
		if err := s.makeRoom(ctx, c, f); err != nil {
			return err
		}
		// A log is what a killed process left: reading it is work that is done once.
		readOnly := !f.writable && sizeOf(f.path+".wal") == 0
		if err := c.attach(ctx, f.path, f.name, readOnly); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(f.path), err)
		}
		f.attached = true
		s.attached = append(s.attached, f)
	}
	f.pins++
	s.uses++
	f.used = s.uses
	return nil
}

func (s *Store) unpin(f *file) {
	s.attaching.Lock()
	defer s.attaching.Unlock()
	f.pins--
	s.unpinned.Broadcast()
}

// makeRoom detaches the files that were not used for longest when many are attached, or large ones, so
// that another can be.
func (s *Store) makeRoom(ctx context.Context, c *conn, other *file) error {
	for {
		var idle *file
		var known int64
		s.mu.Lock()
		for _, f := range append(slices.Clip(s.attached), other) {
			if f.writable {
				continue
			}
			known += f.events()
			if f != other && f.pins == 0 && (idle == nil || f.used < idle.used) {
				idle = f
			}
		}
		s.mu.Unlock()
		if len(s.attached) < maxAttached && known <= s.maxKnown || idle == nil { // when more are in use there are more
			return nil
		}
		if err := s.detach(ctx, c, idle); err != nil {
			return err
		}
	}
}

// detach closes a file that nobody uses; the caller holds attaching.
func (s *Store) detach(ctx context.Context, c *conn, f *file) error {
	if !f.attached {
		return nil
	}
	if err := c.exec(ctx, "DETACH "+f.name); err != nil {
		return err
	}
	f.attached = false
	s.attached = slices.DeleteFunc(s.attached, func(g *file) bool { return g == f })
	return nil
}

// Close stores what has been handed to Append, and closes all files.
func (s *Store) Close() error {
	s.queue.close()
	<-s.ended
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.closed = true
	if s.engine != nil {
		s.writer.drop()
		if err := s.engine.do(s.tidy); err != nil {
			// Nothing is lost: the logs are read when the store is opened next.
			s.o.Log.Warn("logs could not be written into their files", "dir", s.o.Dir, "error", err)
		}
		s.engine.close()
		s.engine = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.doomed {
		remove(f.path)
	}
	err := os.RemoveAll(s.o.TempDir)
	s.lock.release()
	return err
}

// tidy writes the logs of all files into them.
func (s *Store) tidy(c *conn) error {
	var errs []error
	for _, f := range s.attached {
		if f.writable {
			errs = append(errs, c.patient(context.Background(), "CHECKPOINT "+f.name))
		}
	}
	return errors.Join(append(errs, c.patient(context.Background(), "CHECKPOINT "+mainName))...)
}

// Size tells what the files take.
func (s *Store) Size(context.Context) (store.Size, error) {
	if err := s.alive(); err != nil {
		return store.Size{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	size := store.Size{EventBytes: s.eventBytes()}
	size.Bytes = size.EventBytes + s.mainBytes()
	for _, f := range s.files {
		if f.events() == 0 {
			continue
		}
		if size.Events == 0 {
			size.OldestNanos, size.NewestNanos = f.oldest, f.newest
		}
		size.Events += f.events()
		size.OldestNanos, size.NewestNanos = min(size.OldestNanos, f.oldest), max(size.NewestNanos, f.newest)
	}
	return size, nil
}

// eventBytes returns what the files of events take; the caller holds mu.
func (s *Store) eventBytes() int64 {
	var bytes int64
	for _, f := range s.files {
		bytes += f.bytes()
	}
	return bytes
}

func (s *Store) mainBytes() int64 {
	path := filepath.Join(s.o.Dir, mainFile)
	return sizeOf(path) + sizeOf(path+".wal")
}

// alive returns store.ErrClosed after Close.
func (s *Store) alive() error {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	return nil
}

// Retain deletes files, never the one that events go to: those whose events are all of a time
// before the given one, and then the oldest until those that stay take no more than maxBytes.
func (s *Store) Retain(ctx context.Context, before time.Time, maxBytes int64) (int64, error) {
	if err := s.alive(); err != nil {
		return 0, err
	}
	var gone int64
	var unused []*file
	s.mu.Lock()
	bytes := s.eventBytes()
	var kept []*file
	for i, f := range s.files {
		if i < len(s.files)-1 {
			// A clock that runs ahead must not keep a file for ever: no event counts as newer than its file.
			newest := min(f.newest, s.files[i+1].begun.UnixNano())
			if !before.IsZero() && newest < before.UnixNano() || maxBytes > 0 && bytes > maxBytes {
				gone += f.events()
				bytes -= f.bytes()
				f.doomed = true
				s.doomed = append(s.doomed, f)
				if f.refs == 0 {
					unused = append(unused, f)
				}
				continue
			}
		}
		kept = append(kept, f)
	}
	s.files = kept
	s.mu.Unlock()
	var errs []error
	for _, f := range unused {
		errs = append(errs, s.delete(ctx, f))
	}
	return gone, errors.Join(errs...)
}

// delete deletes a doomed file that nobody uses.
func (s *Store) delete(ctx context.Context, f *file) error {
	return s.use(func(e *engine) error {
		return e.do(func(c *conn) error {
			s.attaching.Lock()
			defer s.attaching.Unlock()
			// On a full disk it cannot be closed in order, and what for: it goes all the same.
			err := s.detach(ctx, c, f)
			remove(f.path)
			s.mu.Lock()
			s.doomed = slices.DeleteFunc(s.doomed, func(g *file) bool { return g == f })
			s.mu.Unlock()
			return err
		})
	})
}

// release gives up files that a scan or an export held by their refs.
func (s *Store) release(files ...*file) {
	var unused []*file
	s.mu.Lock()
	for _, f := range files {
		if f.refs--; f.refs == 0 && f.doomed {
			unused = append(unused, f)
		}
	}
	s.mu.Unlock()
	for _, f := range unused {
		if err := s.delete(context.Background(), f); err != nil && !errors.Is(err, store.ErrClosed) {
			s.o.Log.Warn("a file of forgotten events could not be deleted", "file", f.path, "error", err)
		}
	}
}

// logBegun is called after a commit. It makes the name of a log that was not there before durable:
// DuckDB sees to what stands in the log alone.
func (s *Store) logBegun(fresh bool) {
	if !fresh {
		return
	}
	if err := syncFolder(s.o.Dir); err != nil {
		s.o.Log.Warn("the name of a new log may not outlive a power failure", "dir", s.o.Dir, "error", err)
	}
}

// Waiting returns how many events wait for their commit.
func (s *Store) Waiting() int {
	_, rows, _ := s.queue.look()
	return rows
}

// Marks returns all marks.
func (s *Store) Marks(context.Context) ([]store.Mark, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return sortedMarks(s.marks), nil
}

func sortedMarks(marks map[string]string) []store.Mark {
	all := make([]store.Mark, 0, len(marks))
	for source, place := range marks {
		all = append(all, store.Mark{Source: source, Place: place})
	}
	slices.SortFunc(all, func(a, b store.Mark) int { return strings.Compare(a.Source, b.Source) })
	return all
}

// HasIDs tells which ids are stored. It knows those of the last day, of as many events as maxIDs.
func (s *Store) HasIDs(_ context.Context, ids []uint64, known []bool) error {
	if err := s.alive(); err != nil {
		return err
	}
	s.ids.look(ids, known)
	return nil
}
