package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/source"
	"fresnel/internal/store"
)

func TestOptionsAreChecked(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(o *Options)
		want   string
	}{
		{"no name", func(o *Options) { o.Name = "" }, `name: got "", want one without /`},
		{"a name with a slash", func(o *Options) { o.Name = "a/b" }, `name: got "a/b", want one without /`},
		{"no paths", func(o *Options) { o.Paths = nil }, "paths: got none, want files, folders or patterns"},
		{"standard input", func(o *Options) { o.Paths = []string{"-"} }, `paths: got ["-"], want files, folders or patterns`},
		{"no time between looks", func(o *Options) { o.PollEvery = 0 }, "poll_every: got 0s, want more than 0s"},
		{"no store", func(o *Options) { o.Appender = nil }, "got no store or no clock, want both"},
		{"an unknown format", func(o *Options) { o.Format = "cef" }, `format: got "cef", want one of zeek, suricata`},
		{"an unknown map", func(o *Options) { o.Format = "delimited:cef" }, `format delimited:cef: delimited: got the map "cef", want one of`},
		{"a mark that is no JSON", func(o *Options) { o.Marks = []store.Mark{{Source: "tail/logs/0", Place: "x"}} }, `mark "tail/logs/0": invalid character`},
		{"a mark of a later version", func(o *Options) { o.Marks = []store.Mark{{Source: "tail/logs/0", Place: `{"path":"a","more":1}`}} }, `mark "tail/logs/0": json: unknown field "more"`},
		{"a mark without a number", func(o *Options) { o.Marks = []store.Mark{{Source: "tail/logs/x", Place: `{}`}} }, `mark "tail/logs/x": want a number from 0 to 10000000 at its end`},
		{"a mark that cannot be", func(o *Options) { o.Marks = []store.Mark{{Source: "tail/logs/1", Place: `{"path":"a","offset":-1}`}} }, `want a path and counts from 0`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newWorld(t, documents).options
			tt.change(&o)
			_, err := New(o)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "input ") {
				t.Errorf("got the error %v, want %q in it", err, tt.want)
			}
		})
	}
}

// logged checks how often a line with all of the texts was logged.
func (w *world) logged(want int, texts ...string) {
	w.Helper()
	got := 0
	for line := range strings.Lines(w.log.String()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			got++
		}
	}
	if got != want {
		w.Errorf("got %d lines with %q in the log, want %d", got, texts, want)
	}
}

func TestBadLinesAreCountedAndTheFirstAreLogged(t *testing.T) {
	w := newWorld(t, documents)
	for i := range 10 {
		w.write("a.log", 2)
		w.add("a.log", "{\"rubbish\n"+fmt.Sprintf("{\"@timestamp\":\"no time %d\"}\n", i))
		w.write("a.log", 1)
		w.step()
	}
	w.complete()
	if w.shelf.counts.Bad != 20 || w.shelf.counts.Lines != 50 || w.shelf.counts.Events != 30 {
		t.Errorf("got the counts %+v, want 20 bad lines of 50 and 30 events", w.shelf.counts)
	}
	w.logged(5, "bad records", "count=2", "a.log")
	w.logged(1, "bad records", `line 3: got \"{\\\"rubbish\"`)
	w.logged(1, "bad records", `line 8: got`)
}

func TestLongLinesArePassedOver(t *testing.T) {
	w := newWorld(t, documents)
	long := strings.Repeat("x", 1<<20)
	write := func(n int) {
		for range n {
			w.add("a.log", long)
		}
	}
	w.write("a.log", 1)
	write(9)
	w.add("a.log", "\n")
	w.write("a.log", 1)
	w.step()
	write(6)
	w.step()
	write(6)
	w.step()
	w.restart()
	w.step()
	write(3)
	w.step()
	if got := w.tail.texts[0].Offset; got > 10<<20 {
		t.Errorf("got %d bytes stored, want none of a line that goes on", got)
	}
	w.add("a.log", "\n")
	w.write("a.log", 1)
	w.wait()
	w.complete()
	if w.shelf.counts.Bad != 2 || w.shelf.counts.Lines != 5 {
		t.Errorf("got the counts %+v, want 2 bad lines of 5", w.shelf.counts)
	}
	text, err := os.ReadFile(w.path("a.log"))
	w.check(err)
	w.archive("b/b.log.gz", w.next(1, true)+string(text[len(text)-(4<<20):])+strings.Repeat(long, 9))
	w.lines-- // of the last line of a.log, which is in b.log.gz again
	w.wait()
	if w.shelf.counts.Bad != 4 || w.shelf.counts.Lines != 9 {
		t.Errorf("got the counts %+v, want 4 bad lines of 9", w.shelf.counts)
	}
	w.logged(2, "bad records", "a line of more than 8 MiB") // of b.log.gz another is the first
}

func TestALineWithoutAnEndDoesNotHoldUpOthers(t *testing.T) {
	w := newWorld(t, documents)
	w.bounds = func(b *bounds) { b.block, b.round = 1000, 5000 }
	w.archive("old.log.gz", w.next(1, true)+strings.Repeat("x", 50<<20)+"\n"+w.next(1, false))
	w.now = w.now.Add(2 * settled)
	w.restart()
	rounds := 0
	for more := true; more; rounds++ {
		var err error
		more, err = w.tail.round(w.Context(), w.now)
		w.check(err)
	}
	if rounds < 5 {
		t.Errorf("got a line of 50 MiB read in %d rounds, want many", rounds)
	}
	w.complete()
	if w.shelf.counts.Bad != 1 || w.shelf.counts.Lines != 3 {
		t.Errorf("got the counts %+v, want one bad line of 3", w.shelf.counts)
	}
}

// TestAFileThatHasLostItsEndIsReadOn takes away the end of a log that was read, as a power
// failure does.
func TestAFileThatHasLostItsEndIsReadOn(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := newWorld(t, documents)
		w.write("a.log", 100)
		w.step()
		if restart {
			w.restart()
		}
		text, err := os.ReadFile(w.path("a.log"))
		w.check(err)
		w.check(os.Truncate(w.path("a.log"), int64(len(text)*7/10))) // within a line
		w.touch("a.log")
		w.step()
		w.write("a.log", 10)
		w.step()
		w.logged(0, "has lost its end")
		w.now = w.now.Add(settleTime)
		w.step()
		w.logged(1, "has lost its end", fmt.Sprint("bytes_read=", len(text)), fmt.Sprint("bytes_left=", len(text)*7/10))
		w.write("a.log", 50)
		w.step()
		w.restart()
		w.write("a.log", 10)
		w.step()
		w.complete()
	}
}

func TestAFileThatIsCopiedToWhereItWasIsReadOn(t *testing.T) {
	w := newWorld(t, documents)
	w.write("a.log", 100)
	w.step()
	text, err := os.ReadFile(w.path("a.log"))
	w.check(err)
	for range 3 {
		w.check(os.Truncate(w.path("a.log"), 0)) // the same file
		w.add("a.log", string(text[:len(text)/2]))
		w.step()
		w.add("a.log", string(text[len(text)/2:]))
		w.write("a.log", 10)
		w.now = w.now.Add(settleTime)
		w.step()
		text, err = os.ReadFile(w.path("a.log"))
		w.check(err)
	}
	w.complete()
}

// TestATextThatBeginsWithALongLineIsKnownByIt has nothing else to be known by.
func TestATextThatBeginsWithALongLineIsKnownByIt(t *testing.T) {
	w := newWorld(t, documents)
	w.options.Format = "ecs"
	w.add("a.log", strings.Repeat("x", 9<<20)+"\n")
	w.write("a.log", 1)
	w.step()
	w.restart()
	w.rename("a.log", "b.log")
	w.write("b.log", 1)
	w.step()
	w.compress("b.log", "c.log.gz")
	w.remove("b.log")
	w.restart()
	w.wait()
	w.complete()
	if w.shelf.counts.Bad != 1 {
		t.Errorf("got %d bad records, want 1", w.shelf.counts.Bad)
	}
}

func TestALinkToAFolderThatIsReadIsNoProblem(t *testing.T) {
	w := newWorld(t, documents)
	w.write("a/a.log", 1)
	w.check(os.Symlink(w.path("a"), w.path("b")))
	w.check(os.Symlink(w.dir, w.path("a/c")))
	w.step()
	w.complete()
	if s := w.shelf.state; s.Problems != 0 || s.Files != 1 {
		t.Errorf("got the state %+v, want one file and no problem", s)
	}
}

func TestWhatCannotBeReadIsToldOnceAndTriedAgain(t *testing.T) {
	w := newWorld(t, documents)
	w.options.Paths = []string{w.path("logs"), w.path("none/*.log"), w.path("file.log")}
	w.add("logs/utf16.log", "\xff\xfea\x00\n\x00")
	w.add("logs/cut.log.gz", string(compressed(t, "x.gz", w.next(100, false))[:300]))
	w.add("logs/rubbish.log.gz", "\x1f\x8b\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07")
	w.add("logs/end.log.gz", string(compressed(t, "x.gz", w.next(3, false)))+"rubbish")
	w.check(os.Symlink("nowhere", w.path("logs/link.log")))
	w.write("logs/good.log", 3)
	w.wait()
	problems := []string{"utf16.log", "cut.log.gz", "rubbish.log.gz", "end.log.gz", "link.log", "none/*.log", "file.log"}
	for _, p := range problems {
		w.logged(1, "cannot be read", p)
	}
	if w.shelf.state.Problems != len(problems) {
		t.Errorf("got %d problems, want %d", w.shelf.state.Problems, len(problems))
	}
	w.remove("logs/utf16.log")
	w.add("logs/utf16.log", w.next(1, true))
	w.remove("logs/link.log")
	w.write("logs/link.log", 1)
	w.write("file.log", 1)
	w.write("none/a.log", 1)
	w.archive("logs/cut.log.gz", func() string {
		var b strings.Builder
		for n := range 100 {
			b.WriteString(documents.line(n))
		}
		return b.String()
	}())
	w.remove("logs/rubbish.log.gz")
	w.wait()
	w.complete()
	if w.shelf.state.Problems != 1 {
		t.Errorf("got %d problems, want the one of end.log.gz: %v", w.shelf.state.Problems, w.tail.told)
	}
}

func TestAFileWhoseInputRefusesItIsTriedAgain(t *testing.T) {
	w := newWorld(t, table)
	w.options.Format = "delimited:table"
	w.options.Source.Delimited = map[string]source.ColumnMap{"table": tableFormat}
	w.add("a.log", "time,source\n1,2\n")
	w.wait()
	w.logged(1, "cannot be read", "header: got")
	w.remove("a.log")
	w.write("a.log", 2)
	w.wait()
	w.complete()
}

func TestFilesThatNoInputKnowsAreCounted(t *testing.T) {
	w := newWorld(t, documents)
	w.add("a.txt", "prose\n")
	w.add("b.txt", strings.Repeat("prose\n", 20_000))
	w.add("c.txt", "") // nothing is known of it
	w.write("d.log", 1)
	w.wait()
	w.logged(1, "no input knows", "count=2", "a.txt")
	if s := w.shelf.state; s.Unknown != 2 || s.Problems != 0 || s.Files != 1 {
		t.Errorf("got the state %+v, want 2 unknown files", s)
	}
	w.remove("a.txt")
	w.add("c.txt", w.next(2, true))
	w.write("a.txt", 1)
	w.wait()
	w.complete()
	if w.shelf.state.Unknown != 1 {
		t.Errorf("got %d unknown files, want 1", w.shelf.state.Unknown)
	}
}

func TestAFullStoreIsTriedAgain(t *testing.T) {
	w := newWorld(t, documents)
	w.bounds = func(b *bounds) { b.block, b.batch, b.most = 700, 7, 20 }
	full := true
	w.shelf.fail = func(int) (bool, error) {
		if full {
			return true, fmt.Errorf("disk: %w", store.ErrFull)
		}
		return false, nil
	}
	w.write("a.log", 100)
	for range 5 {
		w.step()
	}
	if w.shelf.appends != 5 {
		t.Errorf("got %d tries in 5 looks, want one in each", w.shelf.appends)
	}
	if s := w.shelf.state; !s.Stalled || !errors.Is(s.LastError, store.ErrFull) || s.Behind == 0 || !s.CaughtUp.IsZero() {
		t.Errorf("got the state %+v, want it stalled and behind", s)
	}
	if got := w.shelf.counts; got.Events != 0 {
		t.Errorf("got the counts %+v, want none before they are stored", got)
	}
	full = false
	w.step()
	w.complete()
	if s := w.shelf.state; s.Stalled || s.LastError != nil || s.Behind != 0 || !s.CaughtUp.Equal(w.now) {
		t.Errorf("got the state %+v, want it caught up", s)
	}
	w.logged(1, "the store does not take what was read")
	w.logged(1, "the store takes what is read again")
}

func TestTextsAreForgottenAndTheirMarksUsedAgain(t *testing.T) {
	w := newWorld(t, documents)
	w.bounds = func(b *bounds) { b.lost = 5 }
	for i := range 100 {
		w.write(fmt.Sprintf("%d.log", i), 2)
		w.step()
		if i > 2 {
			w.remove(fmt.Sprintf("%d.log", i-2))
		}
		w.now = w.now.Add(forgetAfter / 2)
		w.step()
		if i%7 == 0 {
			w.restart()
		}
	}
	w.complete()
	if got := len(w.shelf.marks); got > 16 {
		t.Errorf("got %d marks, want no more than of 5 that are remembered and few that are there", got)
	}
	if got := len(w.tail.texts); got > 16 {
		t.Errorf("got %d texts, want few", got)
	}
}

func TestFilesThatAreKeptOpenAreBounded(t *testing.T) {
	w := newWorld(t, documents)
	w.bounds = func(b *bounds) { b.open, b.inputs = 10, 20 }
	for range 3 {
		for i := range 100 {
			w.write(fmt.Sprintf("%d/a.log", i), 1)
		}
		w.step()
		decoders := 0
		for _, x := range w.tail.texts {
			if x.decoder != nil {
				decoders++
			}
		}
		if s := w.shelf.state; s.Open > 10 || s.Files != 100 || decoders > 20 {
			t.Errorf("got the state %+v and %d decoders, want 100 files, at most 10 open and 20 decoders", s, decoders)
		}
	}
	w.complete()
	w.now = w.now.Add(2 * quiet)
	w.step()
	if s := w.shelf.state; s.Open != 0 {
		t.Errorf("got %d files open after a long silence, want none", s.Open)
	}
}

func TestTheClockIsSetBack(t *testing.T) {
	w := newWorld(t, table)
	w.options.Format = "delimited:table"
	w.options.Source.Delimited = map[string]source.ColumnMap{"table": tableFormat}
	now := w.now
	w.options.Now = func() time.Time { now = now.Add(time.Second); return now } // to list folders takes long
	w.add("a.log", "time,source\n1,2\n")
	w.write("c.log", 1)
	w.step()
	w.now = w.now.Add(-2 * time.Hour)
	w.remove("a.log")
	w.write("a.log", 2)
	w.write("b.log", 2)
	line := w.next(1, false)
	w.add("c.log", line[:len(line)-1])
	w.step()
	w.now = w.now.Add(2 * linger)
	w.step()
	w.complete()
}

// TestGrowingFilesDoNotWaitForOldOnes: an archive is read in pieces.
func TestGrowingFilesDoNotWaitForOldOnes(t *testing.T) {
	w := newWorld(t, documents)
	w.bounds = func(b *bounds) { b.block, b.round = 1000, 5000 }
	w.write("new.log", 1)
	w.step()
	w.archive("old.log.gz", w.next(1000, true))
	w.check(os.Chtimes(w.path("old.log.gz"), epoch, epoch))
	for i := range 5 {
		w.write("new.log", 1)
		n := w.lines - 1
		w.now = w.now.Add(time.Second)
		more, err := w.tail.round(t.Context(), w.now)
		w.check(err)
		if last := w.shelf.events[len(w.shelf.events)-1].second; !more || last == n {
			t.Fatalf("look %d: got all read, want the old file unfinished", i)
		}
		found := false
		for _, e := range w.shelf.events {
			found = found || e.second == n
		}
		if !found {
			t.Errorf("look %d: got the line that was added unread", i)
		}
		if w.shelf.state.Behind == 0 {
			t.Errorf("look %d: got nothing behind, want the rest of the old file", i)
		}
	}
	w.step()
	w.complete()
}

func TestWithoutTheRightToAFolderItsFilesStay(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root has every right")
	}
	w := newWorld(t, documents)
	w.write("a/a.log", 3)
	w.step()
	w.check(os.Chmod(w.path("a"), 0))
	w.step()
	w.step()
	w.check(os.Chmod(w.path("a"), 0o755))
	w.write("a/a.log", 3)
	w.step()
	w.complete()
	w.logged(0, "gone or another")
}

// An endless store takes all and counts.
type endless struct {
	events atomic.Int64
	err    error
}

func (e *endless) Append(_ context.Context, b *store.Batch, _ []store.Mark) error {
	if e.err != nil {
		return e.err
	}
	e.events.Add(int64(b.Len()))
	return nil
}

func TestRunLooksAgainAndAgainUntilItsContextEnds(t *testing.T) {
	w := newWorld(t, documents)
	w.write("a.log", 3)
	synctest.Test(t, func(t *testing.T) {
		e := &endless{}
		o := w.options
		o.Appender, o.Observe, o.Now, o.PollEvery = e, nil, time.Now, time.Minute
		tail, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- tail.Run(ctx) }()
		time.Sleep(time.Second)
		if got := e.events.Load(); got != 3 {
			t.Errorf("got %d events at once, want 3", got)
		}
		w.write("a.log", 2)
		time.Sleep(time.Second)
		if got := e.events.Load(); got != 3 {
			t.Errorf("got %d events before the next look, want 3", got)
		}
		time.Sleep(time.Minute)
		if got := e.events.Load(); got != 5 {
			t.Errorf("got %d events after it, want 5", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("got the error %v, want none", err)
		}
	})
}

func TestRunEndsWhenTheStoreIsClosed(t *testing.T) {
	w := newWorld(t, documents)
	w.write("a.log", 3)
	o := w.options
	o.Appender = &endless{err: fmt.Errorf("duck: %w", store.ErrClosed)}
	tail, err := New(o)
	w.check(err)
	if err := tail.Run(t.Context()); !errors.Is(err, store.ErrClosed) || !strings.HasPrefix(err.Error(), `input "logs"`) {
		t.Errorf("got the error %v, want that the store is closed", err)
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", source.MaxLineBytes+1)
	for _, tt := range []struct {
		name, text string
		passed     int64 // before
		want       []string
		rest       string
	}{
		{"nothing", "", 0, nil, ""},
		{"lines", "a\nbb\n\nccc\n", 0, []string{"a\nbb\n\n", "ccc\n"}, ""},
		{"a line without an end", "a\nbb", 0, []string{"a\n"}, "bb"},
		{"a line that is longer than a block", "abcdefghijklmnopqrstuvw\nb\n", 0, []string{"abcdefghijklmnopqrstuvw\nb\n"}, ""},
		{"a line that is too long", "a\n" + long + "\nb\n", 0, []string{"a\n", fmt.Sprint(len(long) + 1), "b\n"}, ""},
		{"a line that is too long without an end", "a\n" + long, 0, []string{"a\n", fmt.Sprint("passed ", len(long))}, ""},
		{"the end of a line that is too long", "aaa\nb\n", 7, []string{"11", "b\n"}, ""},
		{"the middle of a line that is too long", "aaa", 7, []string{"passed 10"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := lines{block: 8}
			l.reset(iotest.DataErrReader(strings.NewReader(tt.text)), tt.passed)
			var got []string
			for {
				text, passed, err := l.next()
				if err != nil {
					if !errors.Is(err, io.EOF) {
						t.Fatal(err)
					}
					break
				}
				if passed > 0 {
					got = append(got, fmt.Sprint(passed))
				} else if text != nil {
					got = append(got, string(text))
				}
			}
			if l.passed > 0 {
				got = append(got, fmt.Sprint("passed ", l.passed))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("pieces (-want +got):\n%s", diff)
			}
			if string(l.rest()) != tt.rest {
				t.Errorf("got the rest %q, want %q", l.rest(), tt.rest)
			}
		})
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nbb\n\nccc"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, block uint8) {
		l := lines{block: 1 + int(block)}
		l.reset(iotest.HalfReader(bytes.NewReader(text)), 0)
		var got []byte
		for {
			piece, _, err := l.next()
			if err != nil {
				break
			}
			if len(piece) == 0 || piece[len(piece)-1] != '\n' {
				t.Fatalf("got the piece %q, want whole lines", piece)
			}
			got = append(got, piece...)
		}
		if bytes.IndexByte(l.rest(), '\n') >= 0 || !bytes.Equal(append(got, l.rest()...), text) {
			t.Fatalf("got %q and %q, want %q in whole lines", got, l.rest(), text)
		}
	})
}

func FuzzMark(f *testing.F) {
	f.Add("tail/logs/3", `{"path":"/a.log","format":"zeek","offset":10,"line":1,"head":10,"print":"00","file":{"inode":{"device":1,"number":2},"size":3,"modified":4},"at":5}`)
	f.Fuzz(func(t *testing.T, source, text string) {
		p, slot, err := placeOf("logs", store.Mark{Source: source, Place: text})
		if slot == noSlot || err != nil {
			return
		}
		place := &p
		if p.Path == "" {
			place = nil
		}
		m, err := markOf("logs", slot, place)
		if err != nil {
			t.Fatal(err)
		}
		again, slotAgain, err := placeOf("logs", m)
		if err != nil || again != p || slotAgain != slot {
			t.Fatalf("got %+v, %d and %v, want %+v and %d", again, slotAgain, err, p, slot)
		}
	})
}
