//go:build cgo

package duckdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	lib "github.com/duckdb/duckdb-go-bindings"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fresnel/internal/event"
	"fresnel/internal/store"
	"fresnel/internal/store/storetest"
)

// options returns options for a folder of the test's own.
func options(t testing.TB) Options {
	o := DefaultOptions()
	o.Dir = filepath.Join(t.TempDir(), "store")
	o.MemoryLimitMB = 256
	o.Threads = 2
	o.CommitEvery = 20 * time.Millisecond
	o.Now = time.Now
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	return o
}

func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func appendEvents(t testing.TB, s *Store, events ...event.Event) {
	t.Helper()
	if err := s.Append(t.Context(), storetest.Batch(events...), nil); err != nil {
		t.Fatal(err)
	}
}

func readAll(t testing.TB, s *Store) []event.Event {
	t.Helper()
	scan, err := s.Since(t.Context(), 0, store.Newest, store.Forever)
	return storetest.Read(t, scan, err)
}

func compare(t testing.TB, what string, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return // the quick way
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(event.Event{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got)\n%s", what, diff)
	}
}

// A clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		o := options(t)
		o.SliceEvery = time.Hour
		return func(now func() time.Time) (store.Store, error) {
			o.Now = now
			return Open(o)
		}
	})
}

func TestValidate(t *testing.T) {
	err := Options{MemoryLimitMB: 63, CommitEvery: -1}.Validate()
	want := `folder: got none, want one
memory limit: got 63 MB, want at least 64
threads: got 0, want at least 1
commit every: got -1ns, want 0 or more
commit rows: got 0, want at least 1
slice every: got 0s, want more than 0
slice bytes: got 0, want at least 1048576
clock: got none, want one
log: got none, want one`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := options(t).Validate(); err != nil {
		t.Errorf("options of the tests: %v", err)
	}
	if _, err := Open(Options{}); err == nil || !strings.HasPrefix(err.Error(), "store: folder: got none") {
		t.Errorf("Open: got %v, want what is wrong", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		harm func(t *testing.T, o Options)
		want string
	}{
		{"a newer main.duckdb", func(t *testing.T, o Options) {
			alter(t, filepath.Join(o.Dir, mainFile), "UPDATE f.meta SET version = 2")
		}, "main.duckdb: got schema version 2, want 1: another version of the program wrote it"},
		{"a newer file of events", func(t *testing.T, o Options) {
			alter(t, filepath.Join(o.Dir, "events-000001.duckdb"), "UPDATE f.meta SET version = 7")
		}, "events-000001.duckdb: got schema version 7, want 1: another version of the program wrote it"},
		{"a file of events that is none", func(t *testing.T, o Options) {
			if err := os.WriteFile(filepath.Join(o.Dir, "events-000001.duckdb"), bytes.Repeat([]byte("no database "), 2000), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "events-000001.duckdb: duckdb: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			s := openStore(t, o)
			appendEvents(t, s, event.Event{TimeNanos: 1})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tt.harm(t, o)
			_, err := Open(o)
			if err == nil || !strings.HasPrefix(err.Error(), "store "+o.Dir+": "+tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if _, again := Open(o); again == nil || again.Error() != err.Error() {
				t.Errorf("a second time: got %v, want the same: %v", again, err)
			}
		})
	}
}

// alter changes a file of a closed store.
func alter(t *testing.T, path, sql string) {
	t.Helper()
	e, err := startEngine(64, 1, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	if err := e.do(func(c *conn) error {
		if err := c.attach(t.Context(), path, "f", false); err != nil {
			return err
		}
		return c.exec(t.Context(), sql)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestUnfinishedFilesAreRemoved(t *testing.T) {
	o := options(t)
	s := openStore(t, o)
	appendEvents(t, s, event.Event{TimeNanos: 1})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"events-000002.duckdb.new", "events-000002.duckdb.new.wal"} {
		if err := os.WriteFile(filepath.Join(o.Dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = openStore(t, o)
	if left, _ := filepath.Glob(filepath.Join(o.Dir, "*.new*")); len(left) > 0 {
		t.Errorf("got %q left, want none", left)
	}
	compare(t, "events", readAll(t, s), []event.Event{{TimeNanos: 1}})
}

// TestOnlyFilesOfItsOwnAreRemoved opens a store where somebody keeps other things.
func TestOnlyFilesOfItsOwnAreRemoved(t *testing.T) {
	o := options(t)
	others := filepath.Join(o.Dir, "tmp", "others")
	if err := os.MkdirAll(filepath.Dir(others), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(others, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(o.Dir, tempName, "left by a process that was killed")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, o)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v for %s, want it gone", err, left)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(others); err != nil {
		t.Errorf("got %v, want what is not the store's to stay", err)
	}
}

func TestOnlyWhatIsThereIsOpened(t *testing.T) {
	o := options(t)
	o.Existing = true
	if _, err := Open(o); err == nil || err.Error() != "store "+o.Dir+": got no main.duckdb there, want the folder of a store" {
		t.Errorf("got %v, want that there is none", err)
	}
	if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no folder made", err)
	}
	o.Existing = false
	s := openStore(t, o)
	appendEvents(t, s, event.Event{TimeNanos: 1})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.Existing = true
	compare(t, "events", readAll(t, openStore(t, o)), []event.Event{{TimeNanos: 1}})
}

func TestManyFiles(t *testing.T) {
	const files = 3*maxAttached/2 + 1
	c := &clock{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	o := options(t)
	o.Now, o.SliceEvery = c.Now, time.Hour
	s := openStore(t, o)
	var want []event.Event
	for i := range files {
		e := event.Event{TimeNanos: int64(i), HostName: fmt.Sprint("host-", i)}
		appendEvents(t, s, e)
		want = append(want, e)
		c.add(time.Hour)
	}
	for range 2 {
		if len(s.files) != files {
			t.Fatalf("got %d files, want %d", len(s.files), files)
		}
		compare(t, "events", readAll(t, s), want)
		if n := len(s.attached); n > maxAttached {
			t.Errorf("got %d files attached, want at most %d", n, maxAttached)
		}
		s.maxKnown = 5 // an event in each file
		compare(t, "events of large files", readAll(t, s), want)
		if n := len(s.attached); n > 6 {
			t.Errorf("got %d files attached, want at most five, and the last one", n)
		}
		scan, err := s.In(t.Context(), 4, 6, store.Newest)
		if n := len(scan.(*scanner).parts); n != 2 {
			t.Errorf("got a scan of %d files, want the two with events of its times", n)
		}
		compare(t, "events of two files", storetest.Read(t, scan, err), want[5:7])
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, o)
	}
	if logs, _ := filepath.Glob(filepath.Join(o.Dir, "*.wal")); len(logs) > 0 {
		t.Errorf("got the logs %q after Close, want none", logs)
	}
}

func TestAFileIsBegunBySize(t *testing.T) {
	o := options(t)
	o.SliceBytes = 1 << 20
	s := openStore(t, o)
	want := 0
	for len(s.files) < 3 {
		b := &store.Batch{}
		for i := range 10_000 {
			b.Add(&event.Event{TimeNanos: int64(want + i), DurationNanos: int64(i*i) * 0x1e3779b97f4a7c15}, "", 0)
		}
		want += b.Len()
		if err := s.Append(t.Context(), b, nil); err != nil {
			t.Fatal(err)
		}
		if want > 1_000_000 {
			t.Fatal("got no third file after a million events")
		}
	}
	if n := len(readAll(t, s)); n != want {
		t.Errorf("got %d events, want %d", n, want)
	}
	// By size, the oldest go first.
	oldest := s.files[0]
	size, err := s.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.Retain(t.Context(), time.Time{}, size.EventBytes-1)
	if err != nil || n != oldest.events() {
		t.Errorf("got %d events forgotten and %v, want the %d of the oldest file", n, err, oldest.events())
	}
	if _, err := os.Stat(oldest.path); !os.IsNotExist(err) {
		t.Errorf("got %v for the oldest file, want that it is gone", err)
	}
}

// TestAClockThatRanAhead is set right again.
func TestAClockThatRanAhead(t *testing.T) {
	o := options(t)
	now := &clock{now: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)}
	o.Now = now.Now
	s := openStore(t, o)
	appendEvents(t, s, event.Event{TimeNanos: 1})
	now.add(-10 * 365 * 24 * time.Hour)
	for i := range int64(3) {
		appendEvents(t, s, event.Event{TimeNanos: 2 + i})
		now.add(o.SliceEvery)
	}
	if n := len(s.files); n != 4 {
		t.Errorf("got %d files, want one from before, and one a day", n)
	}
	if n, err := s.Retain(t.Context(), now.Now(), 0); n != 3 || err != nil {
		t.Errorf("got %d events forgotten and %v, want 3", n, err)
	}
}

// TestGenerations has more texts than a generation takes.
func TestGenerations(t *testing.T) {
	o := options(t)
	s := openStore(t, o)
	s.maxNumbers = 50
	var want []event.Event
	number := 0
	for range 3 {
		for i := range 40 {
			var events []event.Event
			for k := range 300 {
				if k%7 == 0 {
					number++
				}
				events = append(events, event.Event{
					TimeNanos: int64(len(want) + k), HostName: fmt.Sprint("host-", number-k%13), TLSServerName: fmt.Sprint("server-", (number+i)%90), EventAction: fmt.Sprint("action-", i),
				})
			}
			appendEvents(t, s, events...)
			want = append(want, events...)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, o)
		s.maxNumbers = 50
	}
	if n := len(s.files[0].generations); n < 20 {
		t.Errorf("got %d generations, want many", n)
	}
	compare(t, "all events", readAll(t, s), want)
	// Few of a generation's texts are wanted here, and then in the next one.
	for _, span := range [][2]int{{5, 8}, {290, 320}, {1000, 5000}, {len(want) - 2, len(want)}} {
		scan, err := s.In(t.Context(), int64(span[0]-1), int64(span[1]-1), store.Newest)
		compare(t, fmt.Sprint("events from ", span), storetest.Read(t, scan, err), want[span[0]:span[1]])
	}
}

func TestAScanEndsAtItsPositionWithinAnEarlierGeneration(t *testing.T) {
	s := openStore(t, options(t))
	s.maxNumbers = 1 // each commit begins a generation
	events := func(n int) (all []event.Event) {
		for i := range n {
			all = append(all, event.Event{TimeNanos: int64(i), HostName: fmt.Sprint("host-", i)})
		}
		return all
	}
	want := events(10)
	appendEvents(t, s, want...)
	appendEvents(t, s, events(7)...)
	scan, err := s.Since(t.Context(), 0, 4, store.Forever)
	compare(t, "since, up to the 4th", storetest.Read(t, scan, err), want[:4])
	scan, err = s.In(t.Context(), -1, 100, 4)
	compare(t, "in, up to the 4th", storetest.Read(t, scan, err), want[:4])
}

func TestFewOfManyTexts(t *testing.T) {
	s := openStore(t, options(t))
	var want []event.Event
	for i := range 70_000 { // several windows of one generation
		want = append(want, event.Event{TimeNanos: int64(i), HostName: fmt.Sprint("host-", i%10_000), UserAgent: strings.Repeat("x", i%10_000%300)})
	}
	appendEvents(t, s, want...)
	for _, span := range [][2]int{{0, 1}, {34_999, 35_003}, {100, 2000}, {0, 40_000}, {69_999, 70_000}} {
		scan, err := s.In(t.Context(), int64(span[0]-1), int64(span[1]-1), store.Newest)
		compare(t, fmt.Sprint("events from ", span), storetest.Read(t, scan, err), want[span[0]:span[1]])
	}
}

// restart does what an error does that the engine does not survive.
func restart(t *testing.T, s *Store) {
	t.Helper()
	s.gate.RLock()
	e := s.engine
	s.gate.RUnlock()
	if err := s.restart(e); err != nil {
		t.Fatal(err)
	}
}

// TestTheLastFileIsOpenedAgain: what the engine knows of a file grows with it for as long as it is open.
func TestTheLastFileIsOpenedAgain(t *testing.T) {
	o := options(t)
	s := openStore(t, o)
	s.maxFresh = 1000
	var want []event.Event
	add := func(n int) {
		t.Helper()
		var events []event.Event
		for range n {
			events = append(events, event.Event{TimeNanos: int64(len(want)), HostName: fmt.Sprint("host-", len(want)%300)})
			want = append(want, events[len(events)-1])
		}
		appendEvents(t, s, events...)
	}
	closed := func() { // waits for it
		t.Helper()
		s.attaching.Lock()
		defer s.attaching.Unlock()
		late := false
		defer time.AfterFunc(10*time.Second, func() {
			s.attaching.Lock()
			defer s.attaching.Unlock()
			late = true
			s.unpinned.Broadcast()
		}).Stop()
		for s.files[0].attached {
			if late {
				t.Fatal("got the file open for 10 s, want it closed after so many events")
			}
			s.unpinned.Wait()
		}
	}
	opened := func(what string) {
		t.Helper()
		s.attaching.Lock()
		defer s.attaching.Unlock()
		if !s.files[0].attached {
			t.Errorf("%s: got the file closed, want it open", what)
		}
	}
	add(999)
	opened("few events")
	add(1)
	closed()
	if size := sizeOf(s.files[0].path + ".wal"); size > 0 {
		t.Errorf("got a log of %d bytes, want it in the file", size)
	}
	compare(t, "events", readAll(t, s), want)

	// An export may ask it for long.
	if err := s.use(func(e *engine) error {
		return e.do(func(c *conn) error {
			return s.withFile(t.Context(), c, s.files[0], func() error {
				s.shutWait = time.Millisecond
				add(1000)
				add(1)
				opened("while it is asked")
				return nil
			})
		})
	}); err != nil {
		t.Fatal(err)
	}
	s.shutWait = time.Hour
	add(1000)
	closed()

	// Who comes while it is being closed waits, and does not keep it open.
	var reading sync.WaitGroup
	ctx, halt := context.WithCancel(t.Context())
	for range 4 {
		reading.Go(func() {
			for ctx.Err() == nil {
				scan, err := s.Since(t.Context(), 0, store.Newest, store.Forever)
				for err == nil {
					_, err = scan.Next(t.Context())
				}
				if !errors.Is(err, io.EOF) {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 10 {
		add(1000)
	}
	halt()
	reading.Wait()
	add(1000)
	closed()
	if n := len(s.files[0].generations); n != 1 {
		t.Errorf("got %d generations, want the texts stored once", n)
	}
	compare(t, "all events", readAll(t, s), want)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	compare(t, "all events after a restart", readAll(t, openStore(t, o)), want)
}

func TestTheEngineMayBeReplaced(t *testing.T) {
	o := options(t)
	s := openStore(t, o)
	var want []event.Event
	add := func(n int) {
		var events []event.Event
		for range n {
			events = append(events, event.Event{TimeNanos: int64(len(want)), HostName: fmt.Sprint("host-", len(want)%3000)})
			want = append(want, events[len(events)-1])
		}
		appendEvents(t, s, events...)
	}
	add(100)
	restart(t, s)
	add(windowEvents)
	scan, err := s.Since(t.Context(), 0, store.Newest, store.Forever)
	if err != nil {
		t.Fatal(err)
	}
	first, err := scan.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := len(want)
	restart(t, s)
	got := make([]event.Event, 0, n)
	first.Each(func(e *event.Event) { got = append(got, storetest.Clone(e)) })
	got = append(got, storetest.Read(t, scan, nil)...)
	compare(t, "a scan from before", got, want)
	add(10)
	if err := s.SaveRun(t.Context(), &store.Run{End: 1}, nil, store.SliceChange{}); err != nil {
		t.Error(err)
	}
	compare(t, "all events", readAll(t, s), want)
}

func TestAFatalErrorIsSurvived(t *testing.T) {
	s := openStore(t, options(t))
	appendEvents(t, s, event.Event{TimeNanos: 1})
	fatal := &engineError{kind: lib.ErrorTypeFatal, text: "FATAL Error: for the test"}
	for _, err := range []error{
		s.use(func(*engine) error { return fatal }),
		s.use(func(*engine) error { return fmt.Errorf("with a word before: %w", fatal) }),
	} {
		if !errors.Is(err, fatal) {
			t.Errorf("got %v, want the error", err)
		}
	}
	appendEvents(t, s, event.Event{TimeNanos: 2})
	compare(t, "events", readAll(t, s), []event.Event{{TimeNanos: 1}, {TimeNanos: 2}})

	// While the file cannot be opened, nothing goes, and then all goes again.
	path := s.files[0].path
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.use(func(*engine) error { return fatal }); !errors.Is(err, fatal) {
		t.Errorf("got %v, want the error", err)
	}
	if err := s.Append(t.Context(), storetest.Batch(event.Event{TimeNanos: 3}), nil); err == nil {
		t.Error("got no error without the file, want one")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, s, event.Event{TimeNanos: 4})
	compare(t, "events", readAll(t, s), []event.Event{{TimeNanos: 1}, {TimeNanos: 2}, {TimeNanos: 4}})
}

func TestAScanCanBeCalledOff(t *testing.T) {
	s := openStore(t, options(t))
	appendEvents(t, s, event.Event{TimeNanos: 1}, event.Event{TimeNanos: 2})
	scan, err := s.Since(t.Context(), 0, store.Newest, store.Forever)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := scan.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that of the context", err)
	}
	compare(t, "the same scan afterwards", storetest.Read(t, scan, nil), []event.Event{{TimeNanos: 1}, {TimeNanos: 2}})
}

func TestALongStatementIsBrokenOff(t *testing.T) {
	s := openStore(t, options(t))
	ctx, cancel := context.WithCancel(t.Context())
	const long = "SELECT count(*) FROM range(100000) a, range(100000) b WHERE a.range * b.range % 7 = 3"
	err := s.read(func(c *conn) error {
		time.AfterFunc(20*time.Millisecond, cancel)
		return c.exec(ctx, long)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that of the context", err)
	}
	n := int64(0)
	if err := s.read(func(c *conn) error { return c.query(t.Context(), one(&n), "SELECT count(*) FROM range(7)") }); err != nil || n != 7 {
		t.Errorf("afterwards: got %d and %v, want 7", n, err)
	}
}

func TestAStreamMayFailOnItsWay(t *testing.T) {
	s := openStore(t, options(t))
	rows := 0
	err := s.read(func(c *conn) error {
		return c.stream(t.Context(), func(ch *chunk) error { rows += ch.n; return nil },
			"SELECT CAST(CASE WHEN range < 500000 THEN '1' ELSE 'x' END AS INTEGER) FROM range(1000000)")
	})
	var e *engineError
	if !errors.As(err, &e) || !strings.Contains(e.text, "Could not convert string 'x'") {
		t.Errorf("got %v after %d rows, want that x is no number", err, rows)
	}
	if rows == 0 {
		t.Error("got no rows before the error, want some")
	}
}

func TestRoomOfSlicesIsUsedAgain(t *testing.T) {
	o := options(t)
	s := openStore(t, o)
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i * 2654435761 >> 13)
	}
	var most int64
	for i := range int64(60) {
		var change store.SliceChange
		if i >= 4 {
			change.Remove = []int64{i - 3}
		}
		data[i]++
		change.Add = []store.Slice{{Parts: [][]byte{data, data}}}
		if err := s.SaveRun(t.Context(), &store.Run{End: i}, nil, change); err != nil {
			t.Fatal(err)
		}
		most = max(most, s.mainBytes())
	}
	if list, err := s.Slices(t.Context()); err != nil || len(list) != 4 {
		t.Errorf("got %d slices and %v, want 4", len(list), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("main.duckdb with its log: at most %d MiB, at the end %d MiB, of 120 MiB that went through it", most>>20, s.mainBytes()>>20)
	if got := s.mainBytes(); got > 40<<20 || most > 110<<20 {
		t.Errorf("got %d bytes at the end and %d at most, want about those of 8 parts, and of a log", got, most)
	}
}

// TestRoomOfFindingsIsUsedAgain forgets runs as new ones are made, and opens what it has as it is
// left by a process that is killed, and by one that ends.
func TestRoomOfFindingsIsUsedAgain(t *testing.T) {
	o := options(t)
	s := openStore(t, o)
	const runs, keep, each = 400, 20, 1000
	random := rand.New(rand.NewPCG(1, 2))
	through, most := 0, int64(0)
	for end := range int64(runs) {
		findings := make([]store.Finding, each)
		for i := range findings {
			doc := make([]byte, 0, 300)
			for len(doc) < 280 {
				doc = strconv.AppendUint(doc, random.Uint64(), 36) // what does not compress
			}
			through += len(doc)
			findings[i] = store.Finding{ID: fmt.Sprintf("%d-%d", end, i), RunEnd: end, Doc: doc}
		}
		if err := s.SaveRun(t.Context(), &store.Run{End: end}, findings, store.SliceChange{}); err != nil {
			t.Fatal(err)
		}
		if n, err := s.ForgetRuns(t.Context(), end-keep+1); err != nil || n != min(1, max(0, end-keep+1)) {
			t.Fatalf("got %d runs forgotten and %v, want the one that is too old", n, err)
		}
		most = max(most, s.mainBytes())
	}
	expect := func(s *Store) {
		t.Helper()
		var ends, want []int64
		if err := s.FindingsIn(t.Context(), 0, math.MaxInt64, func(f *store.Finding) bool {
			if n := len(ends); n%each == 0 {
				ends = append(ends, f.RunEnd)
			} else {
				ends = append(ends, ends[n-1])
			}
			return f.ID == fmt.Sprintf("%d-%d", ends[len(ends)-1], (len(ends)-1)%each)
		}); err != nil {
			t.Fatal(err)
		}
		for end := int64(runs - 1); end >= runs-keep; end-- {
			want = append(want, slices.Repeat([]int64{end}, each)...)
		}
		compare(t, "the ends of runs, for each finding in its place", ends, want)
	}
	expect(s)
	killed := o
	killed.Dir = filepath.Join(t.TempDir(), "killed")
	if err := os.CopyFS(killed.Dir, os.DirFS(o.Dir)); err != nil {
		t.Fatal(err)
	}
	if sizeOf(filepath.Join(killed.Dir, mainFile+".wal")) == 0 {
		t.Error("got no log, want one to be read again")
	}
	expect(openStore(t, killed))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("main.duckdb with its log: at most %d MiB, at the end %d MiB, of %d MiB that went through it", most>>20, s.mainBytes()>>20, through>>20)
	if got := s.mainBytes(); got > 30<<20 || most > 95<<20 {
		t.Errorf("got %d bytes at the end and %d at most, want about those of the runs that are kept and of a row group, and of a log", got, most)
	}
	expect(openStore(t, o))
}

// TestRunsAreForgottenInPieces meets a disk that fills up on the way.
func TestRunsAreForgottenInPieces(t *testing.T) {
	s := openStore(t, options(t))
	findings := make([]store.Finding, findingsPage/2)
	for i := range findings {
		findings[i] = store.Finding{ID: fmt.Sprint(i), Doc: []byte("{}")}
	}
	ends := func() (list []int64) {
		t.Helper()
		runs, err := s.RunsIn(t.Context(), 0, math.MaxInt64, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			list = append(list, r.End)
			n := 0
			if err := s.FindingsIn(t.Context(), r.End, r.End, func(*store.Finding) bool { n++; return true }); err != nil || n != len(findings) {
				t.Errorf("run %d: got %d findings and %v, want all %d", r.End, n, err, len(findings))
			}
		}
		return list
	}
	for end := range int64(8) {
		if err := s.SaveRun(t.Context(), &store.Run{End: end}, findings, store.SliceChange{}); err != nil {
			t.Fatal(err)
		}
	}
	var seen [][]int64
	s.free = func(string) (int64, bool) { // which is asked before each piece
		seen = append(seen, ends())
		return 1 << 40 >> (20 * (len(seen) / 3)), true
	}
	n, err := s.ForgetRuns(t.Context(), 100)
	if n != 4 || !errors.Is(err, store.ErrFull) {
		t.Errorf("got %d runs forgotten and %v, want two pieces of two and ErrFull", n, err)
	}
	compare(t, "runs that are left before each piece", seen, [][]int64{{7, 6, 5, 4, 3, 2, 1, 0}, {7, 6, 5, 4, 3, 2}, {7, 6, 5, 4}})
	s.free = freeBytes
	if n, err := s.ForgetRuns(t.Context(), 100); n != 3 || err != nil {
		t.Errorf("got %d runs forgotten and %v, want 3", n, err)
	}
	compare(t, "runs that are left", ends(), []int64{7})
}

// TestASliceThatGoesMeanwhileIsNotFound reads slices while runs replace them.
func TestASliceThatGoesMeanwhileIsNotFound(t *testing.T) {
	s := openStore(t, options(t))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := int64(0); ctx.Err() == nil; i++ {
			change := store.SliceChange{Remove: []int64{i}, Add: []store.Slice{{End: i, Parts: [][]byte{[]byte("part")}}}}
			if err := s.SaveRun(t.Context(), &store.Run{End: 1}, nil, change); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for ctx.Err() == nil {
		list, err := s.Slices(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, slice := range list {
			if _, err := s.SliceData(t.Context(), slice.ID, 0); err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatalf("got %v, want the data or ErrNotFound", err)
			}
		}
	}
	wg.Wait()
}

func TestExportAndImport(t *testing.T) {
	c := &clock{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	o := options(t)
	o.Now, o.SliceEvery = c.Now, time.Hour
	s := openStore(t, o)
	var want []event.Event
	for file := range 2 {
		b := &store.Batch{}
		for i := range 5000 {
			e := event.Event{TimeNanos: int64(1_700_000_000+file*5000-i) * 1e9, SourceBytes: int64(i), HostName: fmt.Sprint("host-", i%17), DestinationPort: 443}
			if i == 77 {
				for _, f := range event.Fields() {
					fill(&e, f)
				}
			}
			want = append(want, e)
			b.Add(&e, fmt.Sprint("logs-", i%3), uint64(file*10_000+i+1))
		}
		for _, e := range []event.Event{{TimeNanos: math.MinInt64 + 1}, {TimeNanos: math.MaxInt64}, {TimeNanos: 5, HostName: "no utf-8: \xff"}} {
			want = append(want, e)
			b.Add(&e, "", 0)
		}
		if err := s.Append(t.Context(), b, nil); err != nil {
			t.Fatal(err)
		}
		c.add(time.Hour)
	}
	dir := t.TempDir()
	n, err := s.Export(t.Context(), dir, math.MinInt64, math.MaxInt64)
	if err != nil || n != int64(len(want)) {
		t.Fatalf("Export: got %d events and %v, want %d", n, err, len(want))
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 2 || filepath.Base(files[1]) != "events-000002.parquet" {
		t.Errorf("got the files %q, want one for each of the store's", files)
	}
	for i := range want {
		want[i].HostName = strings.ToValidUTF8(want[i].HostName, "\uFFFD")
		want[i].TimeNanos = max(math.MinInt64+2, min(math.MaxInt64-1, want[i].TimeNanos))
	}
	o2 := options(t)
	s2 := openStore(t, o2)
	for round, stored := range []int{len(want), len(want) + 6} { // those without an id come again
		n, err = s2.Import(t.Context(), dir)
		if err != nil || n != int64(len(want)) {
			t.Fatalf("Import: got %d events and %v, want %d", n, err, len(want))
		}
		got := readAll(t, s2)
		if len(got) != stored {
			t.Fatalf("round %d: got %d events, want %d", round, len(got), stored)
		}
		compare(t, "imported events", got[:len(want)], want)
	}
	// A second export tells labels and ids as well.
	again := t.TempDir()
	if _, err := s2.Export(t.Context(), again, 1_700_000_000*1e9, math.MaxInt64); err != nil {
		t.Fatal(err)
	}
	var labels, ids int64
	distinct := func(to *int64, what string) {
		t.Helper()
		if err := s.read(func(c *conn) error {
			return c.query(t.Context(), one(to), "SELECT count(DISTINCT "+what+") FROM read_parquet("+quote(filepath.Join(again, "*.parquet"))+")")
		}); err != nil {
			t.Fatal(err)
		}
	}
	distinct(&labels, `"_index"`)
	distinct(&ids, `"event.id_hash"`)
	if labels != 3 || ids != 4999 { // of the second file, all but the event with a time of its own
		t.Errorf("got %d labels and %d ids in the second export, want 3 and 4999", labels, ids)
	}
}

// fill gives a field some value.
func fill(e *event.Event, f event.Field) {
	switch f.Kind() {
	case event.KindText:
		*e.Text(f) = "of " + f.String()
	case event.KindIP:
		e.SetIP(f, netip.MustParseAddr("2001:db8::1"))
	case event.KindBool:
		e.SetBool(f, event.True)
	case event.KindCount, event.KindTime:
		e.SetCount(f, 4711)
	}
}

func TestImportRefuses(t *testing.T) {
	s := openStore(t, options(t))
	for _, tt := range []struct {
		name, sql, want string
	}{
		{"a file without a time", `SELECT 'a' AS "host.name"`, `got no column "@timestamp", want one`},
		{"columns of other types", `SELECT 'now' AS "@timestamp", 1 AS "host.name", ['a'] AS "source.ip", 'x' AS "source.bytes", 1 AS "process.code_signature.trusted"`,
			`column "@timestamp": got the type VARCHAR, want a timestamp, or nanoseconds since 1970 as BIGINT
column "source.ip": got the type VARCHAR[], want VARCHAR
column "source.bytes": got the type VARCHAR, want an integer
column "host.name": got the type INTEGER, want VARCHAR
column "process.code_signature.trusted": got the type INTEGER, want BOOLEAN`},
		{"an event without a time", `SELECT unnest([TIMESTAMP '2026-01-01', NULL]) AS "@timestamp"`, `row 2: column "@timestamp": got NULL, want a time`},
		{"an address that is none", `SELECT TIMESTAMP '2026-01-01' AS "@timestamp", '10.0.0.256' AS "source.ip"`, `row 1: field "source.ip": got "10.0.0.256", want an IP address`},
		{"a port that is none", `SELECT TIMESTAMP '2026-01-01' AS "@timestamp", 65536 AS "source.port"`, `duckdb: Conversion Error: `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "it's.parquet")
			copyTo(t, s, tt.sql, path)
			n, err := s.Import(t.Context(), path)
			if want := path + ": " + tt.want; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %d events and %v, want %s", n, err, want)
			}
		})
	}
	if n := len(readAll(t, s)); n != 0 {
		t.Errorf("got %d events stored, want none", n)
	}
	dir := t.TempDir()
	if _, err := s.Import(t.Context(), dir); err == nil || err.Error() != dir+": got no files *.parquet, want at least one" {
		t.Errorf("an empty folder: got %v", err)
	}
	if _, err := s.Import(t.Context(), filepath.Join(dir, "missing.parquet")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: got %v", err)
	}
}

func copyTo(t *testing.T, s *Store, sql, path string) {
	t.Helper()
	if err := s.read(func(c *conn) error {
		return c.exec(t.Context(), fmt.Sprintf("COPY (%s) TO %s (FORMAT parquet)", sql, quote(path)))
	}); err != nil {
		t.Fatal(err)
	}
}

func TestImportOfOthers(t *testing.T) {
	s := openStore(t, options(t))
	path := filepath.Join(t.TempDir(), "others.parquet")
	copyTo(t, s, `SELECT TIMESTAMPTZ '2026-01-01 00:00:01.5+00' AS "@timestamp", 7::UTINYINT AS "source.bytes", 'x' AS "message", '::ffff:10.0.0.1' AS "source.ip", NULL::BOOLEAN AS "process.code_signature.valid"`, path)
	if n, err := s.Import(t.Context(), path); err != nil || n != 1 {
		t.Fatalf("got %d events and %v, want one", n, err)
	}
	got := readAll(t, s)
	want := event.Event{TimeNanos: time.Date(2026, 1, 1, 0, 0, 1, 5e8, time.UTC).UnixNano(), SourceBytes: 7}
	want.SetIP(event.SourceIP, got[0].SourceIP)
	compare(t, "events", got, []event.Event{want})
	if got[0].SourceIP.String() != "10.0.0.1" {
		t.Errorf("got source %v, want 10.0.0.1", got[0].SourceIP)
	}
}

// TestMarksDoNotPileUp puts the same marks again and again.
func TestMarksDoNotPileUp(t *testing.T) {
	o := options(t)
	s := openStore(t, o)
	s.maxMarks = 50
	var want []store.Mark
	put := func(round int) {
		t.Helper()
		for i := range 10 {
			m := store.Mark{Source: fmt.Sprint("tail/", i), Place: fmt.Sprint(round)}
			if err := s.Append(t.Context(), storetest.Batch(event.Event{TimeNanos: int64(round)}), []store.Mark{m}); err != nil {
				t.Fatal(err)
			}
			want[i] = m
		}
	}
	want = make([]store.Mark, 10)
	for round := range 30 {
		if round == 20 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openStore(t, o)
			s.maxMarks = 50
		}
		put(round)
		got, err := s.Marks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "marks", got, want)
	}
	n := int64(0)
	if err := s.read(func(c *conn) error { return c.query(t.Context(), one(&n), "SELECT count(*) FROM events1.mark") }); err != nil || n > 2*50 {
		t.Errorf("got %d rows for 10 marks and %v, want at most 100", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, o)
	got, err := s.Marks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "marks after all was opened again", got, want)
}

func TestAppendWaitsForRoom(t *testing.T) {
	var q queue
	q.init(10)
	of := func(rows int) *request {
		return &request{batch: storetest.Batch(make([]event.Event, rows)...)}
	}
	first := of(35)
	for _, r := range []*request{first, of(5)} {
		if err := q.add(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error)
	go func() { waits <- q.add(ctx, of(1)) }()
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("a full queue: got %v, want that of the context", err)
	}
	go func() { waits <- q.add(t.Context(), of(20)) }()
	if !q.cancel(first) || q.cancel(first) {
		t.Error("a waiting request could not be taken out once, and once only")
	}
	if err := <-waits; err != nil {
		t.Errorf("with room: got %v", err)
	}
	if got := q.take(0, 0); len(got) != 2 || q.rows != 0 {
		t.Errorf("got %d requests and %d rows left, want 2 and none", len(got), q.rows)
	}
	// One that is larger than the queue goes into an empty one.
	if err := q.add(t.Context(), of(1000)); err != nil {
		t.Error(err)
	}
	go func() { waits <- q.add(t.Context(), of(1)) }()
	q.close()
	if err := <-waits; err != nil && !errors.Is(err, store.ErrClosed) {
		t.Errorf("a closed queue: got %v, want ErrClosed", err)
	}
	if got := q.take(time.Hour, time.Hour); len(got) != 1 {
		t.Errorf("got %d requests after the end, want the one that was there", len(got))
	}
	if got := q.take(time.Hour, time.Hour); got != nil {
		t.Errorf("got %d requests, want the end", len(got))
	}
}

func TestEnoughIsNotWaitedWith(t *testing.T) {
	var q queue
	q.init(10)
	if err := q.add(t.Context(), &request{batch: storetest.Batch(make([]event.Event, 10)...)}); err != nil {
		t.Fatal(err)
	}
	if got := q.take(time.Hour, time.Hour); len(got) != 1 { // else the test ends late
		t.Errorf("got %d requests, want 1", len(got))
	}
}

func TestRecentIDs(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var r recentIDs
	add := func(id uint64, now time.Time) {
		var s idSet
		s.add(id)
		r.add(&s, now)
	}
	add(1, now)
	add(2, now.Add(23*time.Hour))
	add(3, now.Add(24*time.Hour))
	add(4, now.Add(47*time.Hour))
	for _, tt := range []struct {
		id   uint64
		want bool
	}{{1, true}, {2, true}, {3, true}, {4, true}, {5, false}} {
		if got := r.has(tt.id); got != tt.want {
			t.Errorf("id %d: got %v, want %v", tt.id, got, tt.want)
		}
	}
	add(5, now.Add(48*time.Hour))
	if r.has(1) || r.has(2) || !r.has(3) || !r.has(4) || !r.has(5) {
		t.Error("got others than the ids of a day and a half")
	}
}

// FuzzIDSet holds the set against a map.
func FuzzIDSet(f *testing.F) {
	f.Add([]byte{1, 2, 3, 1, 255, 0})
	f.Fuzz(func(t *testing.T, ids []byte) {
		var s idSet
		want := map[uint64]bool{}
		for i, b := range ids {
			for k := range 300 {
				id := uint64(b)<<(i%50) + uint64(k)*uint64(i) + 1
				if got := s.add(id); got == want[id] {
					t.Fatalf("add %d: got %v, want %v", id, got, !want[id])
				}
				want[id] = true
				if s.has(id+1) != want[id+1] || !s.has(id) {
					t.Fatalf("has %d: got %v, want %v", id+1, !want[id+1], want[id+1])
				}
			}
		}
		if s.n != len(want) {
			t.Errorf("got %d ids, want %d", s.n, len(want))
		}
		s.reset()
		if s.n != 0 || s.has(1) {
			t.Error("got ids after reset")
		}
	})
}
