package schedule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"fresnel/internal/config"
	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/files"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/scan"
	"fresnel/internal/simulate"
	"fresnel/internal/source/all"
	"fresnel/internal/store"
	"fresnel/internal/store/memory"
)

// settings are the default ones.
func settings(t testing.TB) detect.Options {
	t.Helper()
	c := config.Default()
	o, err := c.Detect()
	if err != nil {
		t.Fatal(err)
	}
	o.Workers = 2
	return o
}

// A world is a simulated day and a file of it.
type world struct {
	path   string
	events []event.Event
}

func simulated(t testing.TB, length time.Duration) *world {
	t.Helper()
	sc, err := simulate.Load("../../scenarios/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sc.Length = length
	w := &world{path: filepath.Join(t.TempDir(), "events.ndjson")}
	var text []byte
	if _, err := sc.Run(5, func(e *event.Event) error {
		text = simulate.AppendECS(text, e)
		w.events = append(w.events, *e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return w
}

// start returns the hour in which the events begin.
func (w *world) start() time.Time {
	return time.Unix(0, w.events[0].TimeNanos).UTC().Truncate(time.Hour)
}

// scanned returns the documents of one run over the file.
func (w *world) scanned(t testing.TB, end int64) (docs []string) {
	t.Helper()
	list, problems := files.Expand([]string{w.path})
	o := settings(t)
	o.Runs = detect.Runs{Mode: detect.At, End: end}
	_, err := scan.Run(t.Context(), scan.Options{Options: o, Files: list, Problems: problems, Formats: all.Formats}, func(r *finding.Result) error {
		docs = append(docs, string(finding.AppendJSON(nil, r)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// A feed appends the events of a world to a store as time goes by.
type feed struct {
	world *world
	store store.Store
	next  int
	now   time.Time
}

// until appends the events up to a time, which becomes now.
func (f *feed) until(t testing.TB, now time.Time) {
	t.Helper()
	f.now = now
	var b store.Batch
	for ; f.next < len(f.world.events) && f.world.events[f.next].TimeNanos <= now.UnixNano(); f.next++ {
		b.Add(&f.world.events[f.next], "test", 0)
		if b.Len() == 500 {
			f.append(t, &b)
		}
	}
	f.append(t, &b)
}

func (f *feed) append(t testing.TB, b *store.Batch) {
	t.Helper()
	if err := f.store.Append(t.Context(), b, nil); err != nil {
		t.Fatal(err)
	}
	b.Reset()
}

func (f *feed) schedule(t testing.TB, change func(*Options)) *Schedule {
	t.Helper()
	o := Options{
		Store: f.store, Detect: settings(t), Every: time.Hour, Delay: 2 * time.Minute, CatchUp: 7 * 24 * time.Hour, Remember: 180 * 24 * time.Hour,
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return f.now },
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ran returns a feed of the first hours of a world into a store, and a schedule of it that has made the
// runs that were due then: the last one's end is returned, too.
func (w *world) ran(t testing.TB, hours int, into store.Store, change func(*Options)) (f *feed, s *Schedule, end time.Time) {
	t.Helper()
	f = &feed{world: w, store: into}
	s = f.schedule(t, change)
	end = w.start().Add(time.Duration(hours) * time.Hour)
	f.until(t, end.Add(2*time.Minute))
	due(t, s)
	return f, s, end
}

// due makes all runs that are due and returns their ends.
func due(t testing.TB, s *Schedule) (ends []int64) {
	t.Helper()
	for {
		before := s.Next()
		wait, err := s.step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if wait > 0 {
			return ends
		}
		if s.Next() != before || len(ends) == 0 {
			ends = append(ends, s.Next())
		}
	}
}

// stored returns the documents of a run.
func stored(t testing.TB, s store.Store, end int64) (docs []string) {
	t.Helper()
	if err := s.FindingsIn(t.Context(), end, end, func(f *store.Finding) bool {
		docs = append(docs, string(f.Doc))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return docs
}

// TestRunsFindWhatScanFinds runs a day hour by hour, and holds each run against a scan that
// ends at the same time, document for document.
func TestRunsFindWhatScanFinds(t *testing.T) {
	if testing.Short() {
		t.Skip("numbers more than goroutines: left to the tests without the race detector")
	}
	w := simulated(t, 30*time.Hour) // long enough for the slices of a day to be put together
	start := w.start()
	for _, tt := range []struct {
		name  string
		every int // hours between looks of the schedule: the others are made up for
	}{
		{"every hour", 1},
		{"in time for every fifth hour only", 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &feed{world: w, store: memory.New(time.Now)}
			s := f.schedule(t, nil)
			found := 0
			for h := tt.every; h <= 30; h += tt.every {
				end := start.Add(time.Duration(h) * time.Hour)
				f.until(t, end.Add(2*time.Minute))
				got := due(t, s)
				var want []int64
				for i := range tt.every {
					want = append(want, end.Add(time.Duration(i+1-tt.every)*time.Hour).Unix())
				}
				if !slices.Equal(got, want) {
					t.Fatalf("hour %d: got runs at %d, want %d", h, got, want)
				}
				if h%5 != 0 {
					continue
				}
				docs := stored(t, f.store, end.Unix())
				if d := gocmp.Diff(w.scanned(t, end.Unix()), docs); d != "" {
					t.Fatalf("hour %d: scan (-) and run (+):\n%s", h, d)
				}
				found += len(docs)
			}
			if found < 10 {
				t.Errorf("got %d findings in all, want enough to compare", found)
			}
		})
	}
}

func TestSlicesArePutTogether(t *testing.T) {
	w := simulated(t, 8*time.Hour)
	start := w.start()
	f := &feed{world: w, store: memory.New(time.Now)}
	s := f.schedule(t, func(o *Options) { o.Every = 2 * time.Hour })
	day := 12
	f.until(t, start.Add(8*time.Hour))
	levels := func() (n [3]int) {
		list, err := f.store.Slices(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, sl := range list {
			n[sl.Level]++
			if i > 0 && (sl.After != list[i-1].Through || sl.End <= list[i-1].End) {
				t.Fatalf("slice %d begins at %d, want %d, where the one before ends", i, sl.After, list[i-1].Through)
			}
		}
		return n
	}
	for i := range 2*day + 1 {
		f.now = start.Add(time.Duration(i+1)*2*time.Hour + 2*time.Minute)
		due(t, s)
	}
	if got, want := levels(), ([3]int{day + 1, 1, 0}); got != want {
		t.Errorf("after two days: got %d slices of runs, days and the past, want %d", got, want)
	}
	// Long after the last call only who called whom is left, and nothing is found.
	f.now = start.Add(10 * 24 * time.Hour)
	due(t, s)
	if got := levels(); got[2] != 1 || got[1] > 8 || got[0] >= 2*day {
		t.Errorf("after ten days: got %d slices of runs, days and the past, want at most %d, 8 and 1", got, 2*day-1)
	}
	last, err := f.store.LastRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if last.Rows == 0 {
		t.Error("got no rows, want those of the past")
	}
}

// TestWhatWasCalledBeforeIsNotNew calls two destinations for six hours: one that was called forty days ago,
// of which no event is kept any more, and one that was not. Only what goes beyond Remember is forgotten.
func TestWhatWasCalledBeforeIsNotNew(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	const later = 40 * 24 * time.Hour
	for _, tt := range []struct {
		name     string
		remember time.Duration
		known    bool
	}{
		{"within what is remembered", 60 * 24 * time.Hour, true},
		{"beyond it", 35 * 24 * time.Hour, false},
	} {
		f := &feed{world: &world{}, now: start}
		f.store = memory.New(func() time.Time { return f.now }) // it forgets by pieces of its own times
		s := f.schedule(t, func(o *Options) { o.Every, o.Remember = 24*time.Hour, tt.remember })
		call := func(at time.Time, address string) {
			var b store.Batch
			for n := range 72 {
				b.Add(&event.Event{
					TimeNanos: at.Add(time.Duration(n) * 5 * time.Minute).UnixNano(), EventCategory: "network", HostName: "ws-01", ProcessName: "updater.exe",
					SourceIP: netip.MustParseAddr("10.0.0.5"), DestinationIP: netip.MustParseAddr(address), DestinationPort: 443, SourceBytes: 500, DestinationBytes: 900,
				}, "", 0)
			}
			f.append(t, &b)
		}
		day := func(n int) time.Time { return start.Add(time.Duration(n) * 24 * time.Hour) }
		call(day(1).Add(-6*time.Hour), "45.1.2.3")
		for n := 1; n < 40; n++ {
			f.now = day(n).Add(2 * time.Minute)
			due(t, s)
			call(day(n), "45.1.2.99") // the host is there all the time
		}
		if gone, err := f.store.Retain(t.Context(), day(38), 0); err != nil || gone < 72 {
			t.Fatalf("%s: got %d events forgotten and %v, want those of the first day at least", tt.name, gone, err)
		}
		call(start.Add(later).Add(-6*time.Hour), "45.1.2.3")
		call(start.Add(later).Add(-6*time.Hour), "45.1.2.4")
		f.now = start.Add(later).Add(2 * time.Minute)
		due(t, s)
		got := map[string]bool{} // whether a destination is told as new
		for _, doc := range stored(t, f.store, start.Add(later).Unix()) {
			var d struct {
				Fresnel struct {
					Destination struct{ IP string }
					Reasons     []struct{ Code string }
				}
			}
			if err := json.Unmarshal([]byte(doc), &d); err != nil {
				t.Fatal(err)
			}
			got[d.Fresnel.Destination.IP] = slices.ContainsFunc(d.Fresnel.Reasons, func(r struct{ Code string }) bool { return r.Code == "new_row" })
		}
		if diff := gocmp.Diff(map[string]bool{"45.1.2.3": !tt.known, "45.1.2.4": true, "45.1.2.99": false}, got); diff != "" {
			t.Errorf("%s: what is new (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestLateEventsCountInTheNextRun(t *testing.T) {
	w := simulated(t, 6*time.Hour)
	start := w.start()
	f, s, _ := w.ran(t, 3, memory.New(time.Now), nil)
	// The events of the fourth hour come in the middle of the fifth.
	f.now = start.Add(4*time.Hour + 2*time.Minute)
	due(t, s)
	f.until(t, start.Add(5*time.Hour+2*time.Minute))
	due(t, s)
	runs, err := f.store.RunsIn(t.Context(), 0, 1<<40, 10)
	if err != nil {
		t.Fatal(err)
	}
	fourth, late := 0, 0
	for i := range w.events {
		switch nanos := w.events[i].TimeNanos; {
		case nanos > start.Add(4*time.Hour).UnixNano():
		case nanos > start.Add(3*time.Hour+2*time.Minute).UnixNano():
			late++
		case nanos > start.Add(3*time.Hour).UnixNano():
			fourth++
		}
	}
	if runs[0].Late != int64(late) || runs[1].Late != 0 {
		t.Errorf("got %d and %d late events in the fifth and the fourth run, want %d and none", runs[0].Late, runs[1].Late, late)
	}
	if late == 0 || fourth == 0 {
		t.Fatalf("got %d late events and %d others, want some of both", late, fourth)
	}
	end := start.Add(5 * time.Hour).Unix()
	if d := gocmp.Diff(w.scanned(t, end), stored(t, f.store, end)); d != "" {
		t.Errorf("scan (-) and run (+):\n%s", d)
	}
}

// A failing store fails one kind of call.
type failing struct {
	store.Store
	save bool
}

var errFails = errors.New("it fails")

func (f *failing) SaveRun(ctx context.Context, r *store.Run, l []store.Finding, c store.SliceChange) error {
	if f.save {
		return errFails
	}
	return f.Store.SaveRun(ctx, r, l, c)
}

func TestARunThatFailsIsMadeAgain(t *testing.T) {
	w := simulated(t, 2*time.Hour)
	start := w.start()
	bad := &failing{Store: memory.New(time.Now), save: true}
	f := &feed{world: w, store: bad}
	var told []error
	s := f.schedule(t, func(o *Options) { o.Done = func(_ *store.Run, err error) { told = append(told, err) } })
	f.until(t, start.Add(time.Hour+2*time.Minute))
	if _, err := s.step(t.Context()); !errors.Is(err, errFails) {
		t.Fatalf("got %v, want %v", err, errFails)
	}
	bad.save = false
	if got, want := due(t, s), []int64{start.Add(time.Hour).Unix()}; !slices.Equal(got, want) {
		t.Errorf("got runs at %d, want %d", got, want)
	}
	if len(told) != 2 || !errors.Is(told[0], errFails) || told[1] != nil {
		t.Errorf("got %v told, want the error and none", told)
	}
}

func TestRunAt(t *testing.T) {
	w := simulated(t, 4*time.Hour)
	start := w.start()
	f, s, _ := w.ran(t, 3, memory.New(time.Now), nil)
	f.until(t, start.Add(4*time.Hour))
	before, err := f.store.Slices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end := start.Add(3*time.Hour + 30*time.Minute).Unix()
	r, err := s.RunAt(t.Context(), end)
	if err != nil {
		t.Fatal(err)
	}
	if !r.ByHand || r.End != end {
		t.Errorf("got a run at %d, by hand: %v; want one by hand at %d", r.End, r.ByHand, end)
	}
	if d := gocmp.Diff(w.scanned(t, end), stored(t, f.store, end)); d != "" {
		t.Errorf("scan (-) and run (+):\n%s", d)
	}
	after, err := f.store.Slices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(before, after); d != "" {
		t.Errorf("slices changed (-before +after):\n%s", d)
	}
	if _, err := s.RunAt(t.Context(), start.Add(9*time.Hour).Unix()); !errors.Is(err, ErrLater) {
		t.Errorf("got %v, want %v", err, ErrLater)
	}
	f.now = start.Add(4*time.Hour + 2*time.Minute)
	if got, want := due(t, s), []int64{start.Add(4 * time.Hour).Unix()}; !slices.Equal(got, want) {
		t.Errorf("after a run by hand: got runs at %d, want %d", got, want)
	}
}

// TestARunOfTheScheduleIsMadeOnce makes runs of the schedule once more by hand.
func TestARunOfTheScheduleIsMadeOnce(t *testing.T) {
	w := simulated(t, 4*time.Hour)
	start := w.start()
	f, s, last := w.ran(t, 3, memory.New(time.Now), nil)
	for _, end := range []time.Time{last.Add(-time.Hour), last, last} {
		r, err := s.RunAt(t.Context(), end.Unix())
		if err != nil {
			t.Fatal(err)
		}
		if !r.ByHand || !r.InPlace {
			t.Errorf("got the run %+v, want one by hand in the place of one of the schedule", r)
		}
	}
	f.until(t, start.Add(4*time.Hour))
	f.now = start.Add(4*time.Hour + 2*time.Minute)
	if got, want := due(t, s), []int64{start.Add(4 * time.Hour).Unix()}; !slices.Equal(got, want) {
		t.Errorf("got runs at %d, want %d", got, want)
	}
}

func TestTrace(t *testing.T) {
	w := simulated(t, 6*time.Hour)
	start := w.start()
	f := &feed{world: w, store: memory.New(time.Now)}
	s := f.schedule(t, nil)
	f.until(t, start.Add(6*time.Hour))
	group := finding.Group{Fields: []event.Field{event.HostName, event.ProcessName}, Values: []string{w.events[0].HostName, w.events[0].ProcessName}}
	end := start.Add(6 * time.Hour).Unix()
	r, err := s.Trace(t.Context(), group, end)
	if err != nil {
		t.Fatal(err)
	}
	if r.Trace == nil || len(r.Trace.Counts) != 360 || r.Events == 0 || !slices.Equal(r.Group.Values, group.Values) {
		t.Errorf("got %+v, want a trace of the group", r)
	}
	group.Values[1] = "nobody.exe"
	if _, err := s.Trace(t.Context(), group, end); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v, want %v", err, store.ErrNotFound)
	}
}

func TestRunsTooFarBackAreLeftOut(t *testing.T) {
	w := simulated(t, 2*time.Hour)
	start := w.start()
	f := &feed{world: w, store: memory.New(time.Now)}
	var log bytes.Buffer
	s := f.schedule(t, func(o *Options) {
		o.CatchUp = 3 * time.Hour
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	f.until(t, start.Add(20*time.Hour))
	got := due(t, s)
	if len(got) != 3 || got[0] != start.Add(17*time.Hour).Unix() {
		t.Errorf("got runs at %d, want the last three that are due", got)
	}
	if !bytes.Contains(log.Bytes(), []byte("runs left out")) {
		t.Errorf("got the log %q, want it to say what was left out", log.String())
	}
}

func TestRunsWaitForInputs(t *testing.T) {
	w := simulated(t, 2*time.Hour)
	start := w.start()
	f := &feed{world: w, store: memory.New(time.Now)}
	ready := false
	s := f.schedule(t, func(o *Options) { o.Ready = func() bool { return ready } })
	f.until(t, start.Add(time.Hour+2*time.Minute))
	s.begun = f.now
	if wait, err := s.step(t.Context()); err != nil || wait != readyPause {
		t.Fatalf("before inputs are read: got a wait of %v and %v, want %v", wait, err, readyPause)
	}
	ready = true
	if got := due(t, s); len(got) != 1 {
		t.Errorf("got runs at %d, want one", got)
	}
	ready = false
	f.now = f.now.Add(readyWait)
	f.until(t, start.Add(2*time.Hour+2*time.Minute))
	if got := due(t, s); len(got) != 1 {
		t.Errorf("after a long wait: got runs at %d, want one", got)
	}
}

func TestRunEnds(t *testing.T) {
	f := &feed{world: &world{}, store: memory.New(time.Now), now: time.Unix(1e9, 0)}
	s := f.schedule(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

func TestNewChecksItsOptions(t *testing.T) {
	for _, o := range []Options{{Every: time.Millisecond}, {Every: 1500 * time.Millisecond}, {Every: time.Hour, Delay: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("every %v, delay %v: got no error", o.Every, o.Delay)
		}
	}
}

func TestTryStoresNothing(t *testing.T) {
	f, s, last := simulated(t, 6*time.Hour).ran(t, 6, memory.New(time.Now), nil)
	end := last.Unix()
	want := stored(t, f.store, end)
	docs := func(o detect.Options) (docs []string) {
		trial, err := s.Try(t.Context(), o, end, false)
		if err != nil {
			t.Fatal(err)
		}
		return documents(trial)
	}
	if d := gocmp.Diff(want, docs(settings(t))); d != "" {
		t.Errorf("by the settings of the run: stored (-) and tried (+):\n%s", d)
	}
	o := settings(t)
	r := *o.Rank
	r.MinScore = 90
	o.Rank = &r
	if got := docs(o); len(got) >= len(want) {
		t.Errorf("by a higher least score: got %d findings, want fewer than %d", len(got), len(want))
	}
	if d := gocmp.Diff(want, stored(t, f.store, end)); d != "" {
		t.Errorf("what is stored changed (-before +after):\n%s", d)
	}
}

// documents returns the documents of a trial.
func documents(trial *Trial) (docs []string) {
	for i := range trial.Findings {
		docs = append(docs, string(trial.Findings[i].Doc))
	}
	return docs
}

// TestTryOfAnotherFilter leaves out whom a finding of the timing model calls: what slices hold of
// it was gathered before.
func TestTryOfAnotherFilter(t *testing.T) {
	w := simulated(t, 6*time.Hour)
	start := w.start()
	f := &feed{world: w, store: memory.New(time.Now)}
	s := f.schedule(t, nil)
	for h := 1; h <= 6; h++ {
		f.until(t, start.Add(time.Duration(h)*time.Hour+2*time.Minute))
		due(t, s)
	}
	end := start.Add(6 * time.Hour).Unix()
	var before struct {
		Fresnel struct {
			Destination struct{ IP string }
		}
	}
	stored := stored(t, f.store, end)
	if err := json.Unmarshal([]byte(stored[0]), &before); err != nil || before.Fresnel.Destination.IP == "" {
		t.Fatalf("got %v and %+v, want a finding of the timing model first", err, before)
	}
	c := filter.Default()
	c.Exclude = append(c.Exclude, filter.Clause{Name: "known", Where: filter.Conditions{{Field: event.DestinationIP, Op: filter.In, Values: []string{before.Fresnel.Destination.IP}}}})
	o := settings(t)
	var err error
	if o.Filter, err = filter.Compile(c); err != nil {
		t.Fatal(err)
	}
	r := *o.Rank
	if r.Filter, err = filter.Compile(c.Remote()); err != nil {
		t.Fatal(err)
	}
	o.Rank = &r
	for _, anew := range []bool{false, true} {
		trial, err := s.Try(t.Context(), o, end, anew)
		if err != nil {
			t.Fatal(err)
		}
		stays := slices.ContainsFunc(documents(trial), func(doc string) bool {
			return strings.Contains(doc, `"destination":{"ip":"`+before.Fresnel.Destination.IP+`"`)
		})
		if trial.Anew != anew || stays == anew {
			t.Errorf("anew %v: got %v, and a finding of who is left out: %v", anew, trial.Anew, stays)
		}
		known := slices.IndexFunc(o.Filter.Outcomes(), func(one filter.Outcome) bool { return one.Name == "known" })
		var all int64
		for _, n := range trial.Filter {
			all += n
		}
		if trial.Filter[known] == 0 || all != trial.Run.Events || trial.Days != 1 {
			t.Errorf("anew %v: got %v of %d events left out, of %v days, want some of all, of one", anew, trial.Filter, trial.Run.Events, trial.Days)
		}
	}
	// By the settings of the run it is the same either way.
	trial, err := s.Try(t.Context(), settings(t), end, true)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(stored, documents(trial)); d != "" {
		t.Errorf("stored (-) and tried on events (+):\n%s", d)
	}
}

func TestDays(t *testing.T) {
	const end = 1e9
	o := settings(t)
	reference := o
	reference.Rank = nil
	for _, tt := range []struct {
		name string
		o    *detect.Options
		size store.Size
		want float64
	}{
		{"no events", &o, store.Size{}, 1},
		{"some hours", &o, store.Size{Events: 1, OldestNanos: (end - 3600) * 1e9}, 1},
		{"two days and a half", &o, store.Size{Events: 1, OldestNanos: (end - 216_000) * 1e9}, 2.5},
		{"a month", &o, store.Size{Events: 1, OldestNanos: (end - 30*86400) * 1e9}, 7},
		{"a month, of the reference, which sees six hours", &reference, store.Size{Events: 1, OldestNanos: (end - 30*86400) * 1e9}, 1},
		{"events to come", &o, store.Size{Events: 1, OldestNanos: (end + 86400) * 1e9}, 1},
	} {
		if got := days(tt.o, end, tt.size); got != tt.want {
			t.Errorf("%s: got %v days, want %v", tt.name, got, tt.want)
		}
	}
}

func TestTryOfOtherGroups(t *testing.T) {
	var log bytes.Buffer
	f, s, end := simulated(t, 3*time.Hour).ran(t, 3, memory.New(time.Now), func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	o := settings(t)
	o.GroupBy = []event.Field{event.HostName, event.UserName}
	trial, err := s.Try(t.Context(), o, end.Unix(), false)
	if err != nil {
		t.Fatal(err)
	}
	if !trial.Anew || trial.Run.Groups == 0 {
		t.Errorf("got a look anew: %v, of %d groups, want one of some", trial.Anew, trial.Run.Groups)
	}
	if log.Len() > 0 {
		t.Errorf("got the log %q, want none of what is not kept", log.String())
	}
	f.store = &many{Store: f.store}
	s = f.schedule(t, nil)
	if _, err := s.Try(t.Context(), o, end.Unix(), true); !errors.Is(err, ErrTooMuch) {
		t.Errorf("of too many events: got %v, want %v", err, ErrTooMuch)
	}
	if trial, err := s.Try(t.Context(), settings(t), end.Unix(), true); err != nil || trial.Anew {
		t.Errorf("of too many events by another filter: got %+v and %v, want a look at slices", trial, err)
	}
}

// A many store says that it has more events than a trial looks at.
type many struct{ store.Store }

func (m *many) Size(ctx context.Context) (store.Size, error) {
	size, err := m.Store.Size(ctx)
	size.Events = MaxAnew + 1
	return size, err
}

// TestTryWhileSlicesArePutTogether loses a slice between the list of slices and its data.
func TestTryWhileSlicesArePutTogether(t *testing.T) {
	lost := &losing{Store: memory.New(time.Now)}
	_, s, end := simulated(t, 3*time.Hour).ran(t, 3, lost, nil)
	for _, times := range []int{1, 5} {
		lost.times = times
		if _, err := s.Try(t.Context(), settings(t), end.Unix(), false); (err != nil) != (times == 5) {
			t.Errorf("lost %d times: got %v", times, err)
		}
	}
}

// A losing store does not find the data of a slice some times.
type losing struct {
	store.Store
	times int
}

func (l *losing) SliceData(ctx context.Context, id int64, part int) ([]byte, error) {
	if l.times > 0 {
		l.times--
		return nil, store.ErrNotFound
	}
	return l.Store.SliceData(ctx, id, part)
}

func TestOtherGroupsBeginAnew(t *testing.T) {
	w := simulated(t, 6*time.Hour)
	start := w.start()
	f := &feed{world: w, store: memory.New(time.Now)}
	s := f.schedule(t, nil)
	for h := 1; h <= 5; h++ {
		f.until(t, start.Add(time.Duration(h)*time.Hour+2*time.Minute))
		due(t, s)
	}
	o := settings(t)
	o.GroupBy = []event.Field{event.HostName, event.UserName}
	s.Reload(o)
	f.until(t, start.Add(6*time.Hour+2*time.Minute))
	due(t, s)
	list, err := f.store.Slices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].FirstNanos > start.Add(time.Minute).UnixNano() {
		t.Fatalf("got %d slices, want one of all events", len(list))
	}
	end := start.Add(6 * time.Hour).Unix()
	var want []string
	paths, _ := files.Expand([]string{w.path})
	o.Runs = detect.Runs{Mode: detect.At, End: end}
	if _, err := scan.Run(t.Context(), scan.Options{Options: o, Files: paths, Formats: all.Formats}, func(r *finding.Result) error {
		want = append(want, string(finding.AppendJSON(nil, r)))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(want, stored(t, f.store, end)); d != "" || len(want) == 0 {
		t.Errorf("scan (-) and run (+), of %d:\n%s", len(want), d)
	}
}
