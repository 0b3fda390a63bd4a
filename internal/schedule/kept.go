package schedule

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"fresnel/internal/detect"
	"fresnel/internal/store"
)

// Who tries settings tries others a moment later, most of which ask other things of the same events.
// So what a trial gathered is kept for the next one, which reads no event again where
//   - its window, its filters and what else decides what is gathered are the same,
//   - it looks back on the same slices, or anew on events of which none has been forgotten,
//   - and no event has come since that is in the window or before it.

// A keep is what a trial gathered, and what it was gathered of.
type keep struct {
	*gathered
	end     int64
	anew    bool
	oldest  int64          // time of the oldest event that the store had
	slices  []int64        // that it looks back on
	through store.Position // of the newest event that was there
	used    time.Time
}

// A kept holds one keep, while no trial uses it. The zero value is empty. It is safe for concurrent
// use.
type kept struct {
	mu  sync.Mutex
	one *keep
}

// What is kept at most, and for how long after its last use.
const (
	keptBytes = 256 << 20
	keptTime  = 2 * time.Minute
)

// take takes what is kept, nil when nothing is.
func (k *kept) take() *keep {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.one
	k.one = nil
	return one
}

// put keeps one instead of what was kept.
func (k *kept) put(one *keep, now time.Time) {
	if one.g.Bytes() > keptBytes {
		one = nil
	} else {
		one.used = now
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.one = one
}

func (k *kept) drop() { k.take() }

// expire drops what was not used for a while.
func (k *kept) expire(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.one != nil && now.Sub(k.one.used) > keptTime {
		k.one = nil
	}
}

// again returns what is kept, and what is to be looked at of it by some options; nil where nothing is
// kept that a trial could look at. What is kept is dropped then: both would take too much memory.
func (s *Schedule) again(ctx context.Context, o detect.Options, list []store.Slice, how manner, size store.Size) (*keep, *detect.Gathering, error) {
	k := s.kept.take()
	if k == nil || k.end != o.Runs.End || k.anew != how.anew || k.oldest != size.OldestNanos || !slices.Equal(k.slices, idsOf(list)) {
		return nil, nil, nil
	}
	g, ok := k.g.Again(o)
	if !ok {
		return nil, nil, nil
	}
	through, err := s.o.Store.Position(ctx)
	late := false
	if err == nil {
		late, err = s.late(ctx, k.through, through, (k.end+1)*1e9)
	}
	switch {
	case err != nil: // it is as true as it was
		s.kept.put(k, k.used)
		return nil, nil, err
	case late:
		return nil, nil, nil
	}
	k.through = through
	return k, g, nil
}

func idsOf(list []store.Slice) []int64 {
	ids := make([]int64, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids
}

// maxSince is how many new events are looked at to find that what is kept is still true. With more,
// gathering again costs little more.
const maxSince = 200_000

// late reports whether an event up to a time may have come between two positions.
func (s *Schedule) late(ctx context.Context, after, through store.Position, nanos int64) (late bool, err error) {
	if through == after {
		return false, nil
	}
	if through-after > maxSince {
		return true, nil
	}
	scan, err := s.o.Store.Since(ctx, after, through, nanos)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, scan.Close()) }()
	_, err = scan.Next(ctx)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}
