package beacon

import (
	"errors"
	"fmt"
	"math"

	"fresnel/internal/series"
)

// ErrLength tells that a vector of a series has not one element per bucket of the window.
var ErrLength = errors.New("vector length")

// An Analyzer computes the statistics of one group after another. It keeps scratch memory,
// so that analyzing a group allocates nothing once the memory has grown to what the groups
// need: some tens of kilobytes at the default parameters, with jitter at most 64 MiB. It is
// for one goroutine at a time.
type Analyzer struct {
	p         Params
	divisors  divisors
	filled    []int32   // non-empty buckets, ascending, counted from the newest one with events
	values    []float64 // the non-zero values of the vector that is tested
	scratch   []float64 // values in another order, or those in the band
	histogram []int32
	classes   []uint8

	covariance covariance
	computed   bool // covariance.r is of the last group
}

// NewAnalyzer returns an analyzer for p, or everything that is wrong with p.
func NewAnalyzer(p Params) (*Analyzer, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Analyzer{p: p}, nil
}

// Analyze runs the four beacon tests on the series of one group.
//
// The vectors of s have p.NumberBucketsInRange elements each, bucket 0 the newest; the
// bytes are means per event. Bytes are looked at only in buckets with events, and there
// those that are no finite number count as missing, that is as 0. Periods are in buckets.
// A group with too few events is no error: only IsBeaconing (false), Interval and
// NonEmptyBuckets are set. Analyze returns ErrLength when a vector has another length. It
// neither keeps nor changes s and overwrites all of out.
//
// Source: docs/beacon-statistics.md, sections 3 to 6.
func (w *Analyzer) Analyze(s *series.Series, out *Stats) error {
	*out = Stats{}
	a, b, err := w.begin(s)
	if err != nil {
		return err
	}
	out.Interval = b - a
	out.NonEmptyBuckets = len(w.filled)
	if out.Enough = w.p.Enough(out.Interval, out.NonEmptyBuckets); !out.Enough {
		return nil
	}

	source := w.bytesTest(s.SourceBytes[a:b])
	out.SourceBytesBuckets = source.buckets
	out.SourceBytesTested = source.tested
	out.LowSourceBytesVariation = source.low
	out.MeanSourceBytes = source.mean
	out.StdDevSourceBytes = math.Sqrt(source.variance)
	out.SourceBytesPercentiles = source.band

	destination := w.bytesTest(s.DestinationBytes[a:b])
	out.DestinationBytesBuckets = destination.buckets
	out.DestinationBytesTested = destination.tested
	out.LowDestinationBytesVariation = destination.low
	out.MeanDestinationBytes = destination.mean
	out.StdDevDestinationBytes = math.Sqrt(destination.variance)
	out.DestinationBytesPercentiles = destination.band

	counts := w.countTest(s.Counts[a:b])
	out.CountTested = counts.tested
	out.LowCountVariation = counts.low
	out.MeanCounts = counts.mean
	out.VarianceCounts = counts.variance
	out.CountsPercentiles = counts.band

	out.Autocovariance, out.MaxAutocovariancePeriod = w.autocovariance(s.Counts[a:b])
	w.computed = true
	out.Periodic = out.Autocovariance >= w.p.MinBeaconingCountAutocovariance

	for _, yes := range [...]bool{out.LowCountVariation || out.Periodic, out.LowSourceBytesVariation, out.LowDestinationBytesVariation} {
		if yes {
			out.BeaconingScore++
		}
	}
	out.IsBeaconing = out.BeaconingScore > 0
	return nil
}

// IsBeaconing returns what Analyze would set Stats.IsBeaconing to, for a fraction of the work
// where that is false, as it is for most groups. Errors are those of Analyze.
func (w *Analyzer) IsBeaconing(s *series.Series) (bool, error) {
	a, b, err := w.begin(s)
	if err != nil || !w.p.Enough(b-a, len(w.filled)) {
		return false, err
	}
	if w.lowBytes(s.SourceBytes[a:b]) || w.lowBytes(s.DestinationBytes[a:b]) || w.countTest(s.Counts[a:b]).low {
		return true, nil
	}
	limit := w.p.MinBeaconingCountAutocovariance
	if limit > 0 && w.reach((b-a)/w.p.MinNumberPeriods) == 0 && !w.covariance.reaches(limit, s.Counts[a:b], w) {
		return false, nil
	}
	r, _ := w.autocovariance(s.Counts[a:b])
	return r >= limit, nil
}

// begin checks s and finds its non-empty buckets: the first of them and the one after the
// last.
func (w *Analyzer) begin(s *series.Series) (a, b int, err error) {
	w.computed = false
	n := w.p.NumberBucketsInRange
	if len(s.Counts) != n || len(s.SourceBytes) != n || len(s.DestinationBytes) != n {
		return 0, 0, fmt.Errorf("%w: got %d counts, %d source bytes and %d destination bytes, want %d of each",
			ErrLength, len(s.Counts), len(s.SourceBytes), len(s.DestinationBytes), n)
	}
	a, b = w.fill(s)
	return a, b, nil
}

// Autocovariances returns R(p) of the last group, by period p in buckets (0 and 1 are
// unused): a picture of what Autocovariance is the largest of. It is nil when none was
// computed, and valid until the next Analyze.
func (w *Analyzer) Autocovariances() []float64 {
	if !w.computed {
		return nil
	}
	return w.covariance.r
}

// Analyze runs the four beacon tests on the series of one group, with the parameters p. Who
// has many groups uses an Analyzer.
func Analyze(s *series.Series, p Params) (Stats, error) {
	w, err := NewAnalyzer(p)
	if err != nil {
		return Stats{}, err
	}
	var st Stats
	err = w.Analyze(s, &st)
	return st, err
}

// fill lists the non-empty buckets and returns the first of them and the one after the last;
// 0, 0 when there is none.
func (w *Analyzer) fill(s *series.Series) (a, b int) {
	listed := s.Filled
	if listed == nil {
		listed = w.find(s.Counts)
	}
	k := len(listed)
	filled := grow(&w.filled, k)
	if k == 0 {
		return 0, 0
	}
	first, last := listed[0], listed[k-1]
	for i, t := range listed {
		filled[i] = t - first
	}
	return int(first), int(last) + 1
}

// find returns what Series.Filled is for counts, in w.filled.
func (w *Analyzer) find(counts []int64) []int32 {
	filled := grow(&w.filled, len(counts))
	k := 0
	for i, c := range counts { // written so that it compiles to no jump
		filled[k] = int32(i)
		one := 0
		if c != 0 {
			one = 1
		}
		k += one
	}
	return filled[:k]
}

// grow gives *s a length of n, with what stands in it when it need not be allocated anew.
func grow[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		*s = make([]T, n)
	}
	*s = (*s)[:n]
	return *s
}
