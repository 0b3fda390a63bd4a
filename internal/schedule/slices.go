package schedule

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"fresnel/internal/detect"
	"fresnel/internal/store"
)

// Runs look back over days without reading the events of days again: each run leaves a slice,
// the calls that came since the run before. The slices of a day are put together into one, and
// those that nobody looks at any more into one that only knows who called whom since when.
const (
	ofRun  = 0 // a slice's level
	ofDay  = 1
	ofPast = 2
)

// day is how many slices of runs become one.
func (s *Schedule) day() int { return max(2, int(24*time.Hour/s.o.Every)) }

// past returns the slices that a look by some settings looks back on, and those that go because
// they cannot be looked back on any more.
func (s *Schedule) past(ctx context.Context, o *detect.Options, how manner) (list []store.Slice, change store.SliceChange, err error) {
	if o.Rank == nil || how.anew {
		return nil, change, nil
	}
	if list, err = s.o.Store.Slices(ctx); err != nil || len(list) == 0 {
		return nil, change, err
	}
	by, err := s.groupedBy(ctx, list[len(list)-1])
	switch {
	case err != nil:
		return nil, change, err
	case by == groupBy(o):
		return list, change, nil
	case how.trial:
		return nil, change, ErrTooMuch
	}
	// Who called whom is told of other groups than now: it is made anew of the events that are kept.
	s.o.Log.Warn("looking back begins anew: group_by was changed", "from", by, "to", groupBy(o), "slices", len(list))
	for _, slice := range list {
		change.Remove = append(change.Remove, slice.ID)
	}
	return nil, change, nil
}

// back gathers the calls that a run looks back on, those of slices and those since then, and adds to
// w how the slices change.
func (s *Schedule) back(ctx context.Context, w *gathered, o *detect.Options, list []store.Slice, how manner) error {
	var after store.Slice // where the last slice ends: the new one begins there
	if len(list) > 0 {
		after = list[len(list)-1]
	}
	end := o.Runs.End
	var added []store.Slice
	if end > after.End {
		slice, late, err := s.slice(ctx, o, after, end)
		if err != nil {
			return err
		}
		w.late = late
		if !how.byHand { // a run by hand looks between the hours, and leaves the slices as they are
			w.change.Add = append(w.change.Add, slice)
		}
		added = append(added, slice)
	}
	for _, slice := range append(list, added...) {
		if slice.FirstNanos > end*1e9 {
			continue
		}
		if err := s.merge(ctx, w.g, o, slice); err != nil {
			return err
		}
	}
	if how.byHand {
		return nil
	}
	return s.compact(ctx, o, list, end, &w.change)
}

// slice makes the slice of a run: the events up to its end that are in no slice before. late
// is the number of those that are older than the end of the run before.
func (s *Schedule) slice(ctx context.Context, o *detect.Options, before store.Slice, end int64) (slice store.Slice, late int64, err error) {
	g, err := s.calls(o)
	if err != nil {
		return slice, 0, err
	}
	through, err := s.o.Store.Position(ctx)
	if err != nil {
		return slice, 0, err
	}
	// Those that came late, then those of the time since then, whenever they came.
	border := before.End * 1e9
	take := gatherer{g: g, workers: o.Workers}
	if before.Through > 0 {
		since, err := s.o.Store.Since(ctx, before.Through, through, border)
		if err != nil {
			return slice, 0, err
		}
		if late, err = take.all(ctx, since); err != nil {
			return slice, 0, err
		}
	}
	in, err := s.o.Store.In(ctx, border, end*1e9, through)
	if err != nil {
		return slice, 0, err
	}
	if _, err = take.all(ctx, in); err != nil {
		return slice, 0, err
	}
	g.Seal()
	if slice, err = packed(g.Slice(math.MinInt64, 0), o); err != nil {
		return slice, 0, err
	}
	slice.After, slice.Through, slice.End, slice.Level = before.Through, through, end, ofRun
	return slice, late, nil
}

// calls returns a gathering of calls alone.
func (s *Schedule) calls(o *detect.Options) (*detect.Gathering, error) {
	c := *o
	c.Takes = detect.CallsOnly
	c.Runs = detect.Runs{Mode: detect.Schedule, Every: int64(s.o.Every / time.Second)}
	return detect.New(c)
}

// compact puts slices together. There are at most two days of slices of runs, as many slices
// of days as a look is days long, and one of the past.
func (s *Schedule) compact(ctx context.Context, o *detect.Options, list []store.Slice, end int64, change *store.SliceChange) error {
	var runs, old []store.Slice
	horizon := end - o.Rank.Lookback
	for _, slice := range list {
		switch {
		case slice.Level == ofRun:
			runs = append(runs, slice)
		case slice.End <= horizon || slice.Level == ofPast:
			old = append(old, slice)
		}
	}
	if day := s.day(); len(runs) >= 2*day {
		if err := s.join(ctx, o, runs[:day], ofDay, math.MinInt64, 0, change); err != nil {
			return err
		}
	}
	if len(old) > 1 {
		forget := time.Unix(end, 0).Add(-s.o.Remember).UnixNano()
		return s.join(ctx, o, old, ofPast, horizon*1e9, forget, change)
	}
	return nil
}

// join makes one slice of several that follow each other, with the calls after a time, and
// the rows that were called after another.
func (s *Schedule) join(ctx context.Context, o *detect.Options, list []store.Slice, level int, afterNanos, sinceNanos int64, change *store.SliceChange) error {
	g, err := s.calls(o)
	if err != nil {
		return err
	}
	for _, slice := range list {
		if err := s.merge(ctx, g, o, slice); err != nil {
			return err
		}
		change.Remove = append(change.Remove, slice.ID)
	}
	g.Seal()
	joined, err := packed(g.Slice(afterNanos, sinceNanos), o)
	if err != nil {
		return err
	}
	last := list[len(list)-1]
	joined.After, joined.Through, joined.End, joined.Level = list[0].After, last.Through, last.End, level
	change.Add = append(change.Add, joined)
	return nil
}

// packed returns a slice as a store keeps it: its parts, compressed, and behind them by which
// fields its groups are.
func packed(data detect.Slice, o *detect.Options) (store.Slice, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return store.Slice{}, err
	}
	slice := store.Slice{FirstNanos: data.FirstNanos, LastNanos: data.LastNanos, Parts: make([][]byte, len(data.Parts), len(data.Parts)+1)}
	var group errgroup.Group
	group.SetLimit(o.Workers)
	for i, part := range data.Parts {
		group.Go(func() error {
			slice.Parts[i] = z.EncodeAll(part, nil)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return slice, err
	}
	slice.Parts = append(slice.Parts, []byte(groupBy(o)))
	slice.Count = len(slice.Parts)
	return slice, z.Close()
}

// groupBy names the fields that groups are by; "" for the automatic ones.
func groupBy(o *detect.Options) string {
	var names []string
	for _, f := range o.GroupBy {
		names = append(names, f.String())
	}
	return strings.Join(names, ",")
}

// groupedBy returns what groupBy said when a slice was made.
func (s *Schedule) groupedBy(ctx context.Context, slice store.Slice) (string, error) {
	b, err := s.part(ctx, slice, slice.Count-1)
	return string(b), err
}

// part returns a part of a slice, from the store where slice itself has none.
func (s *Schedule) part(ctx context.Context, slice store.Slice, i int) ([]byte, error) {
	if slice.Parts != nil {
		return slice.Parts[i], nil
	}
	b, err := s.o.Store.SliceData(ctx, slice.ID, i)
	if err != nil {
		return nil, fmt.Errorf("slice %d: %w", slice.ID, err)
	}
	return b, nil
}

// merge gives the calls of a slice to g.
func (s *Schedule) merge(ctx context.Context, g *detect.Gathering, o *detect.Options, slice store.Slice) error {
	z, err := zstd.NewReader(nil)
	if err != nil {
		return err
	}
	defer z.Close()
	data := detect.Slice{FirstNanos: slice.FirstNanos, LastNanos: slice.LastNanos, Parts: make([][]byte, slice.Count-1)}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.Workers)
	for i := range data.Parts {
		group.Go(func() error {
			b, err := s.part(ctx, slice, i)
			if err == nil {
				data.Parts[i], err = z.DecodeAll(b, nil)
			}
			return err
		})
	}
	err = group.Wait()
	if err == nil {
		err = g.Merge(data)
	}
	if err != nil {
		return fmt.Errorf("slice %d: %w", slice.ID, err)
	}
	return nil
}
