package explain

import (
	"math"
	"slices"
	"strconv"
	"time"

	"fresnel/internal/finding"
	"fresnel/internal/human"
)

// A Histogram counts the gaps between callbacks in bins of equal width.
type Histogram struct {
	Bins   []int64
	Start  time.Duration // lower edge of the first bin
	Width  time.Duration // of a bin
	Above  int64         // gaps beyond the last bin
	Total  int64
	Median time.Duration
	P10    time.Duration // a tenth of the gaps is no longer
	P90    time.Duration
}

// Label returns the lower edge of bin i, as fine as the bins are.
func (h Histogram) Label(i int) string {
	edge := h.Start + time.Duration(i)*h.Width
	if h.Width >= time.Second {
		return human.Duration(edge)
	}
	minutes := edge.Truncate(time.Minute)
	seconds := strconv.FormatFloat((edge-minutes).Seconds(), 'f', -1, 64) + "s"
	switch minutes {
	case 0:
		return seconds
	case edge:
		return human.Duration(edge)
	}
	return human.Duration(minutes) + " " + seconds
}

// widths that a person reads easily.
var widths = []time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// Near returns how long gaps may be to be drawn beside the period that the timing model found in a
// row; 0 where it found none.
func Near(w *finding.Row) time.Duration {
	if w == nil || !w.Found {
		return 0
	}
	return time.Duration(w.Timing.Period * (1 + max(0.25, 2*w.Timing.Jitter)) * float64(time.Second))
}

// Gaps returns the histogram of the gaps between callbacks, whose times are in
// nanoseconds and sorted, in at most bins bins. The bins begin at the first round time that
// leaves out nothing. Where a few long silences would crowd all others into one bin they end
// behind the 98th percentile, and where most gaps are no longer than near, at near: pauses would
// press a rhythm into one bin. What is longer is in Above. It is empty with fewer than two
// callbacks.
func Gaps(times []int64, bins int, near time.Duration) Histogram {
	if len(times) < 2 || bins < 2 {
		return Histogram{}
	}
	gaps := make([]time.Duration, len(times)-1)
	for i := range gaps {
		gaps[i] = max(0, time.Duration(times[i+1]-times[i]))
	}
	slices.Sort(gaps)
	at := func(q float64) time.Duration { return gaps[int(math.Floor(q*float64(len(gaps)-1)+0.5))] }
	h := Histogram{Total: int64(len(gaps)), Median: at(0.5), P10: at(0.1), P90: at(0.9)}

	lo, hi := gaps[0], gaps[len(gaps)-1]
	if p98 := at(0.98); hi > 4*p98 && p98 > 0 {
		hi = p98
	}
	if near > 0 && h.Median <= near {
		hi = min(hi, max(near, lo))
	}
	// A beacon without jitter has all its gaps within milliseconds; bins much finer than
	// its period would make noise look like spread, as would bins finer than the times are known.
	least := h.Median / 400
	whole := 0
	for _, t := range times {
		if t%int64(time.Second) == 0 {
			whole++
		}
	}
	if whole > len(times)/2 { // of times that are known better hardly any is
		least = max(least, time.Second)
	}
	for _, w := range widths {
		h.Width = w
		h.Start = lo.Truncate(w)
		if w >= least && int64((hi-h.Start)/w)+1 <= int64(bins) {
			break
		}
	}
	for int64((hi-h.Start)/h.Width)+1 > int64(bins) { // longer than years
		h.Width *= 2
		h.Start = lo.Truncate(h.Width)
	}
	h.Bins = make([]int64, (hi-h.Start)/h.Width+1)
	for _, g := range gaps {
		if i := int64((g - h.Start) / h.Width); i < int64(len(h.Bins)) {
			h.Bins[i]++
		} else {
			h.Above++
		}
	}
	return h
}
