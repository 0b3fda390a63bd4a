// Package schedule makes the runs of a service: at every whole multiple of a frequency it
// looks at the window that ends there, once a delay has passed in which late events may come.
// Runs that were missed are made up for, in order. What a run found and what later runs need
// of it to look back are stored together or not at all.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fresnel/internal/detect"
	"fresnel/internal/finding"
	"fresnel/internal/store"
)

// Options say when runs are, and what they look for.
type Options struct {
	Store  store.Store
	Detect detect.Options // its Runs are set by the schedule
	Every  time.Duration  // from one run's end to the next, whole seconds
	Delay  time.Duration  // from the end of a window to its run

	// CatchUp bounds how far behind the newest window runs are made up for.
	CatchUp time.Duration
	// Remember is how long it is known that a group called a destination after it did last,
	// longer than events are kept: what was there before is not new.
	Remember time.Duration

	// Ready says that the files that are followed have been read to their ends since the start:
	// until then, and no longer than readyWait, runs wait for the events in them. Nil is ready.
	Ready func() bool

	Log *slog.Logger
	Now func() time.Time
	// Done is told of every run that was stored, and of every one that could not be made.
	Done func(r *store.Run, err error)
}

// A Schedule makes runs, one at a time.
type Schedule struct {
	o      Options
	detect atomic.Pointer[detect.Options] // of the next run
	mu     sync.Mutex                     // held by a run
	next   atomic.Int64                   // end of the run that comes next, for Next
	begun  time.Time                      // of Run
	kept   kept                           // of trials
}

// New returns a schedule that has not begun.
func New(o Options) (*Schedule, error) {
	if o.Every < time.Second || o.Every%time.Second != 0 {
		return nil, fmt.Errorf("frequency: got %s, want whole seconds, at least 1s", o.Every)
	}
	if o.Delay < 0 {
		return nil, fmt.Errorf("delay: got %s, want 0s or more", o.Delay)
	}
	if o.Done == nil {
		o.Done = func(*store.Run, error) {}
	}
	s := &Schedule{o: o}
	s.Reload(o.Detect)
	return s, nil
}

// How long to wait before looking again: while there is no event, while inputs are being read,
// after a run that failed, and at most, since timers do not know when the clock is set or the
// machine has slept; and how long to wait for inputs at most.
const (
	idlePause   = 5 * time.Second
	readyPause  = time.Second
	readyWait   = 15 * time.Minute
	failedPause = 30 * time.Second
	clockPause  = 10 * time.Second
)

// ErrLater is the error of a run whose end is still to come.
var ErrLater = errors.New("its end is still to come")

// Run makes runs until ctx ends. A run that fails is tried again.
func (s *Schedule) Run(ctx context.Context) error {
	s.begun = s.o.Now()
	for {
		wait, err := s.step(ctx)
		switch {
		case ctx.Err() != nil: // it may be why there is an error
			return nil //nolint:nilerr // the end was asked for
		case err != nil:
			s.o.Log.Error("run failed", "err", err, "again_in", failedPause)
			wait = failedPause
		case wait <= 0:
			continue
		default:
			wait = min(wait, clockPause)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

// Next returns the end of the run that comes next, in seconds; 0 while none is known.
func (s *Schedule) Next() int64 { return s.next.Load() }

// step makes the run that is due, or returns how long to wait for it.
func (s *Schedule) step(ctx context.Context) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	s.kept.expire(now)
	if s.o.Ready != nil && !s.o.Ready() && now.Sub(s.begun) < readyWait {
		return readyPause, nil
	}
	end, err := s.due(ctx)
	if err != nil {
		return 0, err
	}
	if end == 0 { // no event yet
		return idlePause, nil
	}
	s.next.Store(end)
	if wait := time.Unix(end, 0).Add(s.o.Delay).Sub(now); wait > 0 {
		return wait, nil
	}
	_, err = s.make(ctx, end, false)
	return 0, err
}

// due returns the end of the next run: behind the last one, or the first whose window can
// hold an event. It is 0 when there are no events.
func (s *Schedule) due(ctx context.Context) (int64, error) {
	every := int64(s.o.Every / time.Second)
	last, err := s.last(ctx)
	if err != nil {
		return 0, err
	}
	end := last/every*every + every
	if last == 0 {
		size, err := s.o.Store.Size(ctx)
		if err != nil || size.Events == 0 {
			return 0, err
		}
		end = (size.OldestNanos/1e9 + every) / every * every
	}
	oldest := s.o.Now().Add(-s.o.CatchUp).Unix()
	if first := (oldest + every - 1) / every * every; end < first {
		s.o.Log.Warn("runs left out: they are further back than is made up for", "from", time.Unix(end, 0).UTC(), "to", time.Unix(first-every, 0).UTC())
		end = first
	}
	return end, nil
}

// last returns the end of the last run of the schedule; 0 when there was none.
func (s *Schedule) last(ctx context.Context) (int64, error) {
	const few = 256 // runs by hand that may be newer
	runs, err := s.o.Store.RunsIn(ctx, 0, math.MaxInt64, few)
	if err != nil {
		return 0, err
	}
	for _, r := range runs {
		if r.OfSchedule() {
			return r.End, nil
		}
	}
	return 0, nil
}

// RunAt makes one run by hand. A run of the same end is replaced. The schedule goes on behind those
// that are in the place of its own.
func (s *Schedule) RunAt(ctx context.Context, end int64) (*store.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.o.Now().Unix() < end {
		return nil, fmt.Errorf("run at %s: %w", time.Unix(end, 0).UTC().Format(time.RFC3339), ErrLater)
	}
	return s.make(ctx, end, true)
}

// Reload changes what the next runs look for.
func (s *Schedule) Reload(o detect.Options) {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	s.detect.Store(&o)
}

// Trace looks once more at one group in the window of a run, for pictures: the result has the
// reference statistics and a Trace. It is store.ErrNotFound when no event of the group in the
// window passes the filter, or none is kept any more.
func (s *Schedule) Trace(ctx context.Context, group finding.Group, end int64) (*finding.Result, error) {
	o := *s.detect.Load()
	o.Rank, o.Only, o.All, o.Pictures = nil, &group, true, detect.Callbacks
	o.Runs = detect.Runs{Mode: detect.At, End: end}
	g, err := detect.New(o)
	if err != nil {
		return nil, err
	}
	if _, err := s.window(ctx, &gatherer{g: g, workers: o.Workers}, &o); err != nil {
		return nil, err
	}
	var result *finding.Result
	err = g.Detect(ctx, func(r *finding.Result) error {
		result = r
		return nil
	})
	if err == nil && result == nil {
		err = fmt.Errorf("events of the group: %w", store.ErrNotFound)
	}
	return result, err
}

// window gathers the events that the statistics of a run look at, and ends the gathering.
func (s *Schedule) window(ctx context.Context, take *gatherer, o *detect.Options) (events int64, err error) {
	// A bucket holds the whole last second of its window.
	scan, err := s.o.Store.In(ctx, windowBegin(o), (o.Runs.End+1)*1e9, store.Newest)
	if err != nil {
		return 0, err
	}
	if events, err = take.all(ctx, scan); err != nil {
		return 0, err
	}
	take.g.Seal()
	return events, nil
}

// windowBegin returns the time behind which the events of a window are.
func windowBegin(o *detect.Options) int64 { return (o.Runs.End - o.Params.WindowSeconds() - 1) * 1e9 }

// make makes a run and stores it. s.mu is held.
func (s *Schedule) make(ctx context.Context, end int64, byHand bool) (*store.Run, error) {
	r, err := s.run(ctx, end, byHand)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("run at %s: %w", time.Unix(end, 0).UTC().Format(time.RFC3339), err)
	}
	s.o.Done(r, err)
	return r, err
}

func (s *Schedule) run(ctx context.Context, end int64, byHand bool) (*store.Run, error) {
	s.kept.drop() // the run needs the memory, and leaves another slice to look back on
	l, err := s.look(ctx, *s.detect.Load(), end, manner{byHand: byHand})
	if err != nil {
		return nil, err
	}
	if byHand {
		before, err := s.o.Store.RunsIn(ctx, end, end, 1)
		if err != nil {
			return nil, err
		}
		l.run.InPlace = len(before) > 0 && before[0].OfSchedule()
	}
	return l.run, s.o.Store.SaveRun(ctx, l.run, l.findings, l.change)
}

// A look is what a run finds, before it is stored.
type look struct {
	run      *store.Run
	findings []store.Finding
	filter   []int64 // events of the window by outcome of the filter
	change   store.SliceChange
}

// A manner is how a look is made.
type manner struct {
	byHand bool // between the hours: it leaves the slices as they are
	trial  bool // nothing is stored of it
	anew   bool // it looks back on the events that are kept, not on slices
}

func (s *Schedule) look(ctx context.Context, o detect.Options, end int64, how manner) (*look, error) {
	started := s.o.Now().UTC()
	o.Runs = detect.Runs{Mode: detect.At, End: end}
	list, change, err := s.past(ctx, &o, how)
	if err != nil {
		return nil, err
	}
	w, err := s.gather(ctx, o, list, change, how)
	if err != nil {
		return nil, err
	}
	return s.judge(ctx, w.g, w, &store.Run{End: end, StartedAt: started, ByHand: how.byHand})
}

// A gathered is what a look looks at.
type gathered struct {
	g            *detect.Gathering
	events, late int64
	filter       []int64 // events of the window by outcome of the filter
	change       store.SliceChange
}

// gather gathers the events of the window of a run, and what it looks back on: a list of slices.
func (s *Schedule) gather(ctx context.Context, o detect.Options, list []store.Slice, change store.SliceChange, how manner) (w *gathered, err error) {
	// A trial without slices makes none: the events tell it all.
	all := how.trial && len(list) == 0
	if !all {
		o.Takes = detect.StatisticsOnly
	}
	w = &gathered{change: change}
	if w.g, err = detect.New(o); err != nil {
		return nil, err
	}
	take := &gatherer{g: w.g, workers: o.Workers}
	switch {
	case o.Rank == nil:
	case all:
		before, err := s.o.Store.In(ctx, 0, windowBegin(&o), store.Newest)
		if err != nil {
			return nil, err
		}
		if _, err = take.all(ctx, before); err != nil {
			return nil, err
		}
	default:
		if err := s.back(ctx, w, &o, list, how); err != nil {
			return nil, err
		}
	}
	before := slices.Clone(w.g.Summary().Filter)
	if w.events, err = s.window(ctx, take, &o); err != nil {
		return nil, err
	}
	w.filter = slices.Clone(w.g.Summary().Filter)
	for i, n := range before {
		w.filter[i] -= n
	}
	return w, nil
}

// judge looks at what was gathered, at g, which is that of w or the same again, and fills in the run.
func (s *Schedule) judge(ctx context.Context, g *detect.Gathering, w *gathered, r *store.Run) (*look, error) {
	r.Events, r.Late = w.events, w.late
	l := &look{run: r, filter: w.filter, change: w.change}
	err := g.Detect(ctx, func(f *finding.Result) error {
		if f.Found() {
			l.findings = append(l.findings, Stored(f))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sum := g.Summary()
	r.Groups, r.Rows, r.Timed, r.Hidden, r.Findings = int64(sum.Groups), int64(sum.Rows), int64(sum.Timed), int64(sum.Hidden), int64(len(l.findings))
	r.Dropped = sum.Dropped + sum.CallsDropped
	r.FinishedAt = s.o.Now().UTC()
	return l, nil
}

// Stored returns a result as a store keeps it.
func Stored(r *finding.Result) store.Finding {
	f := store.Finding{ID: finding.ID(r), RunEnd: r.RunEnd, Score: r.Risk(), Doc: finding.AppendJSON(nil, r)}
	for _, v := range r.Group.Values {
		f.Group += v + "\x00"
	}
	if r.Row != nil && r.Row.Found {
		f.Group += r.Row.Destination()
	}
	return f
}
