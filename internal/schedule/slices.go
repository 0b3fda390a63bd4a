package schedule

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/klauspost/compress/zstd"

	"fresnel/internal/detect"
	"fresnel/internal/event"
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

// look gives g the calls that the run looks back on, and returns how the slices change.
func (s *Schedule) look(ctx context.Context, g *detect.Gathering, o *detect.Options, r *store.Run) (store.SliceChange, error) {
	var change store.SliceChange
	list, err := s.o.Store.Slices(ctx)
	if err != nil {
		return change, err
	}
	var after store.Slice // where the last slice ends: the new one begins there
	if len(list) > 0 {
		after = list[len(list)-1]
	}
	var added []store.Slice
	if r.End > after.End {
		slice, late, err := s.slice(ctx, o, after, r.End)
		if err != nil {
			return change, err
		}
		r.Late = late
		if !r.ByHand { // a run by hand looks between the hours, and leaves the slices as they are
			change.Add = append(change.Add, slice)
		}
		added = append(added, slice)
	}
	for _, slice := range append(list, added...) {
		if slice.FirstNanos > r.End*1e9 {
			continue
		}
		data, err := s.load(ctx, slice)
		if err == nil {
			err = g.Merge(data)
		}
		if err != nil {
			return change, fmt.Errorf("slice %d: %w", slice.ID, err)
		}
	}
	if !r.ByHand {
		err = s.compact(ctx, o, list, r.End, &change)
	}
	return change, err
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
		since, err := s.o.Store.Since(ctx, before.Through, through)
		if err != nil {
			return slice, 0, err
		}
		if late, err = take.all(ctx, since, func(e *event.Event) bool { return e.TimeNanos <= border }); err != nil {
			return slice, 0, err
		}
	}
	in, err := s.o.Store.In(ctx, border, end*1e9, through)
	if err != nil {
		return slice, 0, err
	}
	if _, err = take.all(ctx, in, nil); err != nil {
		return slice, 0, err
	}
	g.Seal()
	if slice, err = packed(g.Slice(math.MinInt64, 0)); err != nil {
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
		data, err := s.load(ctx, slice)
		if err == nil {
			err = g.Merge(data)
		}
		if err != nil {
			return fmt.Errorf("slice %d: %w", slice.ID, err)
		}
		change.Remove = append(change.Remove, slice.ID)
	}
	g.Seal()
	joined, err := packed(g.Slice(afterNanos, sinceNanos))
	if err != nil {
		return err
	}
	last := list[len(list)-1]
	joined.After, joined.Through, joined.End, joined.Level = list[0].After, last.Through, last.End, level
	change.Add = append(change.Add, joined)
	return nil
}

// packed returns a slice as a store keeps it.
func packed(data detect.Slice) (store.Slice, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return store.Slice{}, err
	}
	slice := store.Slice{FirstNanos: data.FirstNanos, LastNanos: data.LastNanos, Count: len(data.Parts), Parts: make([][]byte, len(data.Parts))}
	for i, part := range data.Parts {
		slice.Parts[i] = z.EncodeAll(part, nil)
	}
	return slice, z.Close()
}

// load returns the data of a slice, from the store where slice itself has none.
func (s *Schedule) load(ctx context.Context, slice store.Slice) (detect.Slice, error) {
	data := detect.Slice{FirstNanos: slice.FirstNanos, LastNanos: slice.LastNanos, Parts: make([][]byte, slice.Count)}
	z, err := zstd.NewReader(nil)
	if err != nil {
		return data, err
	}
	defer z.Close()
	for i := range data.Parts {
		var part []byte
		if slice.Parts != nil {
			part = slice.Parts[i]
		} else if part, err = s.o.Store.SliceData(ctx, slice.ID, i); err != nil {
			return data, err
		}
		if data.Parts[i], err = z.DecodeAll(part, nil); err != nil {
			return data, err
		}
	}
	return data, nil
}
