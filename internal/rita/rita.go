// Package rita computes the beacon score of RITA v5, the strongest free peer, as a baseline to
// compare with. It is written from formulas, not from that program's code, and it is pure.
//
// Source: ../shared/spec/rita-score.md.
package rita

import (
	"math"
	"slices"
)

const (
	daySeconds  = 86_400
	hourSeconds = 3600

	minSeconds     = 4          // distinct seconds with a connection
	maxConnections = daySeconds // fewer than this: more is a strobe, which has a score of its own

	bars        = 24
	minFilled   = 6  // non-empty bars, for a duration score
	minBimodal  = 11 // non-empty bars, for a bimodal histogram score
	fullRun     = 12 // neighbouring non-empty bars that count as all day long
	minQuartile = 10 // Q3-Q1 below which the skew is taken as none
)

// Scores are the parts of the score of a pair and their mean, all from 0 to 1 in thousandths.
type Scores struct {
	Timestamp float64 // evenness of the gaps between connections
	DataSize  float64 // evenness of the sizes
	Duration  float64 // how much of the window the connections cover
	Histogram float64 // evenness of the connections over the window
	Score     float64
}

// Window returns the window that RITA scores in a dataset whose connections start from first
// to last (seconds since 1970): from lo to hi, at most a day. Connections are chosen by the
// whole clock hour, so those from the second from on take part, which may be up to 59 min 59 s
// before lo.
func Window(first, last int64) (lo, hi, from int64) {
	lo = max(first, last-daySeconds)
	hour := lo % hourSeconds
	if hour < 0 {
		hour += hourSeconds
	}
	return lo, last, lo - hour
}

// Score scores the connections of one pair of a source and a destination in the window from lo
// to hi: their starts in seconds since 1970, in any order, and the bytes that the originator
// sent in each, on the level of IP. A start before lo counts as of the first of the 24 bars of
// the window, one after hi as of the last. It is false for a pair that RITA does not score:
// with connections in fewer than 4 seconds, with 86,400 connections or more, or in a window
// without a length. Score keeps and changes neither slice.
func Score(starts, sizes []int64, lo, hi int64) (Scores, bool) {
	if len(starts) < minSeconds || len(starts) >= maxConnections || hi <= lo {
		return Scores{}, false
	}
	starts = slices.Sorted(slices.Values(starts))
	gaps := make([]int64, 0, len(starts)-1)
	for i, t := range starts[1:] {
		if t > starts[i] {
			gaps = append(gaps, t-starts[i])
		}
	}
	if len(gaps)+1 < minSeconds {
		return Scores{}, false
	}
	counts := histogram(starts, lo, hi)
	s := Scores{
		Timestamp: spread(gaps, 1),
		DataSize:  spread(sizes, 0),
		Duration:  duration(counts, starts[len(starts)-1]-starts[0], hi-lo),
		Histogram: max(flat(counts), bimodal(counts)),
	}
	s.Score = s.mean()
	return s, true
}

// mean returns the mean of the four parts.
func (s Scores) mean() float64 {
	// In whole thousandths: a mean of floats could fall on the wrong side of a half.
	sum := 0
	for _, part := range []float64{s.Timestamp, s.DataSize, s.Duration, s.Histogram} {
		sum += int(math.Round(part * 1000))
	}
	return float64((sum+2)/4) / 1000
}

// spread tells how close to one another and how symmetric values are. withoutMedian is what
// the closeness is where the median is below 1, so that nothing can be divided by it.
func spread(values []int64, withoutMedian float64) float64 {
	n := len(values)
	if n < 3 {
		return 0
	}
	v := make([]float64, n)
	for i, x := range values {
		v[i] = float64(x)
	}
	slices.Sort(v)
	q1, q2, q3 := median(v[:n/2]), median(v), median(v[n-n/2:])
	skew := 0.0
	if q3-q1 >= minQuartile && q2 != q1 && q2 != q3 {
		skew = (q1 + q3 - 2*q2) / (q3 - q1)
	}
	closeness := withoutMedian
	if q2 >= 1 {
		for i, x := range v {
			v[i] = math.Abs(x - q2)
		}
		slices.Sort(v)
		closeness = max(0, (q2-median(v))/q2)
	}
	return nearest((1 - math.Abs(skew) + closeness) / 2)
}

// median returns the median of sorted values.
func median(v []float64) float64 {
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// histogram counts starts in bars of equal length from lo to hi, which are real numbers of
// seconds long.
func histogram(starts []int64, lo, hi int64) (counts [bars]int) {
	for _, t := range starts {
		at := max(t-lo, 0)
		counts[min(at*bars/(hi-lo), bars-1)]++
	}
	return counts
}

func filledBars(counts [bars]int) (n int) {
	for _, c := range counts {
		if c > 0 {
			n++
		}
	}
	return n
}

// longestRun returns the longest run of non-empty bars on the ring of all bars.
func longestRun(counts [bars]int) (longest int) {
	run := 0
	for i := range 2 * bars {
		if counts[i%bars] == 0 {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return min(longest, bars)
}

// duration is the larger of the covered share of the window and of the share of a working day
// that the connections go on for without an empty bar.
func duration(counts [bars]int, covered, window int64) float64 {
	if filledBars(counts) < minFilled {
		return 0
	}
	return max(up(covered, window), up(int64(longestRun(counts)), fullRun))
}

// flat is 1 for bars of one height, and falls with their coefficient of variation.
func flat(counts [bars]int) float64 {
	sum := 0
	for _, c := range counts {
		sum += c
	}
	mean := float64(sum) / bars
	squares := 0.0
	for _, c := range counts {
		squares += (float64(c) - mean) * (float64(c) - mean)
	}
	cv := math.Sqrt(squares/bars) / mean
	if cv > 1 {
		return 0
	}
	return nearest(1 - cv)
}

// bimodal is the share of non-empty bars that have one of two heights, give or take 5 % of the
// tallest.
func bimodal(counts [bars]int) float64 {
	filled := filledBars(counts)
	if filled < minBimodal {
		return 0
	}
	width := (slices.Max(counts[:]) + 19) / 20
	sizes := map[int]int{}
	for _, c := range counts {
		if c > 0 {
			sizes[c/width]++
		}
	}
	first, second := 0, 0
	for _, n := range sizes {
		if n > first {
			first, second = n, first
		} else {
			second = max(second, n)
		}
	}
	return min(nearest(float64(first+second)/float64(filled-1)), 1)
}

// nearest rounds to thousandths, halves up.
func nearest(x float64) float64 { return math.Floor(x*1000+0.5) / 1000 }

// up returns a/b rounded up to thousandths, and at most 1.
func up(a, b int64) float64 { return min(float64((a*1000+b-1)/b)/1000, 1) }
