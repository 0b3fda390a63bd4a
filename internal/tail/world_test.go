package tail

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/all"
	"fresnel/internal/store"
)

// A kind is a format of the lines that a world writes. Each line has a number, which is its
// time in seconds.
type kind struct {
	header string
	line   func(number int) string
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	documents = kind{"", func(n int) string {
		return fmt.Sprintf(`{"@timestamp":%q,"event":{"category":["network"]},"source":{"ip":"10.0.0.1"},"destination":{"ip":"203.0.113.9"}}`, epoch.Add(time.Duration(n)*time.Second).Format(time.RFC3339)) + "\n"
	}}
	connections = kind{
		"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tconn_state\n",
		func(n int) string {
			return fmt.Sprintf("%d.000000\tCuid%d\t10.0.0.1\t%d\t203.0.113.9\t443\ttcp\tSF\n", epoch.Unix()+int64(n), n, n%60000)
		},
	}
	table = kind{"time,source,destination\n", func(n int) string {
		return fmt.Sprintf("%s,10.0.0.1,203.0.113.9\n", epoch.Add(time.Duration(n)*time.Second).Format("01-02 15:04:05"))
	}}
)

// tableFormat reads lines of the kind table: the year of each follows from the lines before.
var tableFormat = source.ColumnMap{
	Separator: ",", Header: true, Time: "01-02 15:04:05", Year: 2026,
	Columns: map[string]string{"time": "@timestamp", "source": "source.ip", "destination": "destination.ip"},
}

// A shelf is a store that applies events and marks at once or not at all.
type shelf struct {
	events  []stored
	marks   map[string]store.Mark
	appends int
	counts  Counts
	state   State

	fail   func(n int) (before bool, err error) // what the n-th Append, from 0, says, before or after it is applied
	failed bool
}

// A stored is what is looked at of an event.
type stored struct {
	second   int
	name     string // tls.client.server_name
	domain   string
	label    string
	category string
}

func (s *shelf) Append(_ context.Context, b *store.Batch, marks []store.Mark) error {
	n := s.appends
	s.appends++
	var err error
	if s.fail != nil {
		var before bool
		if before, err = s.fail(n); err != nil {
			s.failed = true
			if before {
				return err
			}
		}
	}
	sources := map[string]bool{}
	for _, m := range marks {
		if sources[m.Source] {
			return fmt.Errorf("got two marks of %s at once, want one", m.Source)
		}
		sources[m.Source] = true
		s.marks[m.Source] = m
	}
	for _, r := range b.Rows {
		var e event.Event
		store.Fill(&e, event.CalleeFields, strings.Clone(b.Callees.Texts()[r.Callee]))
		label := store.Fill(&e, event.KindFields, strings.Clone(b.Kinds.Texts()[r.Kind]))
		s.events = append(s.events, stored{
			second: int(time.Duration(r.TimeNanos-epoch.UnixNano()) / time.Second),
			name:   e.TLSServerName, domain: e.DestinationDomain, label: label, category: e.EventCategory,
		})
	}
	return err
}

// Stored implements Observer.
func (s *shelf) Stored(c *Counts) {
	s.counts.Bytes += c.Bytes
	s.counts.Lines += c.Lines
	s.counts.Events += c.Events
	s.counts.Bad += c.Bad
	for reason, n := range c.Skipped {
		s.counts.Skipped[reason] += n
	}
}

// Round implements Observer.
func (s *shelf) Round(state State) { s.state = state }

// A world is a folder in which things happen while a Tail looks at it.
type world struct {
	testing.TB
	dir     string
	now     time.Time
	kind    kind
	lines   int // written so far
	shelf   *shelf
	tail    *Tail
	options Options
	bounds  func(*bounds)
	other   bool // a system where files have no identity
	log     bytes.Buffer
	stepped func() // called at the end of each step
}

func newWorld(t testing.TB, k kind) *world {
	w := &world{
		TB: t, dir: t.TempDir(), now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), kind: k,
		shelf: &shelf{marks: map[string]store.Mark{}, counts: Counts{Skipped: map[string]int64{}}},
	}
	w.options = Options{
		Name: "logs", Paths: []string{w.dir}, Formats: all.Formats, Source: source.Options{Fields: event.AllFields}, Label: "here",
		Appender: w.shelf, Observe: w.shelf, PollEvery: DefaultPollEvery, Now: func() time.Time { return w.now },
		Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})),
	}
	t.Cleanup(func() {
		if w.tail != nil {
			w.tail.close()
		}
		if t.Failed() {
			text := strings.ReplaceAll(w.log.String(), w.dir+"/", "")
			t.Logf("log, at most the end of it:\n%s", text[max(0, len(text)-8000):])
		}
	})
	return w
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// touch sets the time of a file: the clock of the world goes on with all that happens.
func (w *world) touch(name string) {
	w.Helper()
	w.now = w.now.Add(time.Millisecond)
	w.check(os.Chtimes(w.path(name), w.now, w.now))
}

// add appends text to a file.
func (w *world) add(name, text string) {
	w.Helper()
	w.check(os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	f, err := os.OpenFile(w.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	w.check(err)
	_, err = f.WriteString(text)
	w.check(err)
	w.check(f.Close())
	w.touch(name)
}

// next returns n new lines, with a header where they are the first of their file.
func (w *world) next(n int, first bool) string {
	var b strings.Builder
	if first {
		b.WriteString(w.kind.header)
	}
	for range n {
		b.WriteString(w.kind.line(w.lines))
		w.lines++
	}
	return b.String()
}

// write appends n new lines to a file.
func (w *world) write(name string, n int) {
	w.Helper()
	info, err := os.Stat(w.path(name))
	w.add(name, w.next(n, err != nil || info.Size() == 0))
}

func (w *world) rename(from, to string) {
	w.Helper()
	w.check(os.MkdirAll(filepath.Dir(w.path(to)), 0o755))
	w.check(os.Rename(w.path(from), w.path(to)))
}

func (w *world) remove(name string) {
	w.Helper()
	w.check(os.Remove(w.path(name)))
}

func (w *world) copy(from, to string) {
	w.Helper()
	text, err := os.ReadFile(w.path(from))
	w.check(err)
	w.check(os.MkdirAll(filepath.Dir(w.path(to)), 0o755))
	w.check(os.WriteFile(w.path(to), text, 0o644))
	w.touch(to)
}

func (w *world) truncate(name string) {
	w.Helper()
	w.check(os.Truncate(w.path(name), 0))
	w.touch(name)
}

// compress makes an archive of a file, which stays.
func (w *world) compress(from, to string) {
	w.Helper()
	text, err := os.ReadFile(w.path(from))
	w.check(err)
	w.archive(to, string(text))
}

func (w *world) archive(name, text string) {
	w.Helper()
	w.check(os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	w.check(os.WriteFile(w.path(name), compressed(w, name, text), 0o644))
	w.touch(name)
}

func compressed(t testing.TB, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&b)
	if strings.HasSuffix(name, ".zst") {
		var err error
		if z, err = zstd.NewWriter(&b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// restart ends the Tail, and begins with what is stored.
func (w *world) restart() {
	w.Helper()
	if w.tail != nil {
		w.tail.close()
	}
	o := w.options
	o.Marks = slices.Collect(maps.Values(w.shelf.marks))
	o.Marks = append(o.Marks, store.Mark{Source: "tail/other/0", Place: "of another"})
	var err error
	w.tail, err = New(o)
	w.check(err)
	if w.bounds != nil {
		w.bounds(&w.tail.bounds)
	}
	w.tail.anonymous = w.other
}

var errCrash = errors.New("crash")

// step lets a second go by and has the Tail look until there is nothing left to read. Where
// the store crashes, so does the Tail.
func (w *world) step() {
	w.Helper()
	if w.tail == nil {
		w.restart()
	}
	w.now = w.now.Add(time.Second)
	for more := true; more; {
		var err error
		more, err = w.tail.round(w.Context(), w.now)
		w.check(err)
		if w.shelf.failed {
			w.shelf.failed = false
			if errors.Is(w.tail.refused, errCrash) {
				w.restart()
				more = true
			}
		}
	}
	if w.stepped != nil {
		w.stepped()
	}
}

// wait lets so much time go by that everything is read.
func (w *world) wait() {
	w.Helper()
	for range 3 {
		w.now = w.now.Add(2 * linger)
		w.step()
		w.step()
	}
}

// complete checks that each line became one event.
func (w *world) complete() {
	w.Helper()
	seen := map[int]int{}
	for _, e := range w.shelf.events {
		seen[e.second]++
		if e.label != "here" || e.category != "network" {
			w.Fatalf("got the event %+v, want its label and its category", e)
		}
	}
	var missing, twice []int
	for n := range w.lines {
		switch seen[n] {
		case 0:
			missing = append(missing, n)
		case 1:
		default:
			twice = append(twice, n)
		}
		delete(seen, n)
	}
	if missing != nil || twice != nil || len(seen) > 0 {
		w.Fatalf("got %d events: the lines %v are missing, %v came more than once, %v were never written", len(w.shelf.events), missing, twice, seen)
	}
}
