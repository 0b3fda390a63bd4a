package schedule

import (
	"context"
	"errors"
	"runtime"

	"fresnel/internal/detect"
	"fresnel/internal/store"
)

// A Trial is what a run would say by other settings.
type Trial struct {
	Run      *store.Run // as it would be stored
	Findings []store.Finding
	Filter   []int64 // events of the window by outcome of the filter
	Days     float64 // as the schedule's Days says
	Anew     bool    // the timing model looked back on events, and not on what earlier runs left of them
}

// MaxAnew is how many events a store may have for a trial to look back on all of them.
const MaxAnew = 5_000_000

// ErrTooMuch is the error of a trial by another GroupBy over more events than MaxAnew.
var ErrTooMuch = errors.New("more events are stored than can be looked at anew")

// Try looks at the window of a run by other settings, and stores nothing.
//
// Runs look back on slices, whose calls are those that the filter took when a slice was made.
// With anew the timing model looks back on the events that are kept, so that it sees what
// another filter takes of them; but slices are looked back on all the same where there are more
// than MaxAnew events. Trial.Anew tells which it was.
func (s *Schedule) Try(ctx context.Context, o detect.Options, end int64, anew bool) (*Trial, error) {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	size, err := s.o.Store.Size(ctx)
	if err != nil {
		return nil, err
	}
	how := manner{byHand: true, trial: true, anew: anew && size.Events <= MaxAnew}
	l, err := s.try(ctx, o, end, how, size)
	if errors.Is(err, ErrTooMuch) && size.Events <= MaxAnew {
		how.anew = true
		l, err = s.try(ctx, o, end, how, size)
	}
	if err != nil {
		return nil, err
	}
	return &Trial{Run: l.run, Findings: l.findings, Filter: l.filter, Days: days(&o, end, size), Anew: how.anew && o.Rank != nil}, nil
}

// try looks again where a run has put slices together meanwhile.
func (s *Schedule) try(ctx context.Context, o detect.Options, end int64, how manner, size store.Size) (l *look, err error) {
	o.Runs = detect.Runs{Mode: detect.At, End: end}
	for range 3 {
		if l, err = s.tryOnce(ctx, o, how, size); !errors.Is(err, store.ErrNotFound) {
			break
		}
	}
	return l, err
}

func (s *Schedule) tryOnce(ctx context.Context, o detect.Options, how manner, size store.Size) (*look, error) {
	started := s.o.Now().UTC()
	list, _, err := s.past(ctx, &o, how)
	if err != nil {
		return nil, err
	}
	k, g, err := s.again(ctx, o, list, how, size)
	if err != nil {
		return nil, err
	}
	if k == nil {
		k = &keep{end: o.Runs.End, anew: how.anew, oldest: size.OldestNanos, slices: idsOf(list)}
		if k.through, err = s.o.Store.Position(ctx); err != nil {
			return nil, err
		}
		if k.gathered, err = s.gather(ctx, o, list, store.SliceChange{}, how); err != nil {
			return nil, err
		}
		g, _ = k.g.Again(o) // by the options of k itself: it is there
	}
	l, err := s.judge(ctx, g, k.gathered, &store.Run{End: o.Runs.End, StartedAt: started, ByHand: how.byHand})
	s.kept.put(k, s.o.Now()) // also where nobody waits any more: the next trial is on its way
	return l, err
}

// Days returns how many days of events what a run finds by some settings is about: less than
// one counts as one.
func (s *Schedule) Days(ctx context.Context, o detect.Options, end int64) (float64, error) {
	size, err := s.o.Store.Size(ctx)
	return days(&o, end, size), err
}

func days(o *detect.Options, end int64, size store.Size) float64 {
	if size.Events == 0 {
		return 1
	}
	seconds := o.Params.WindowSeconds()
	if o.Rank != nil {
		seconds = max(seconds, o.Rank.Lookback)
	}
	return max(1, float64(min(seconds, end-size.OldestNanos/1e9))/86400)
}
