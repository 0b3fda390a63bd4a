package beacon

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"fresnel/internal/series"
)

// every returns n buckets with count events in each period-th of them, the newest included.
func every(n, period int, count int64) []int64 {
	return fill(n, func(t int) int64 {
		if t%period == 0 {
			return count
		}
		return 0
	})
}

// withBytes gives each event the same bytes.
func withBytes(counts []int64, source, destination float64) *series.Series {
	s := &series.Series{Counts: counts, SourceBytes: make([]float64, len(counts)), DestinationBytes: make([]float64, len(counts))}
	for t, c := range counts {
		if c != 0 {
			s.SourceBytes[t], s.DestinationBytes[t] = source, destination
		}
	}
	return s
}

func TestAnalyze(t *testing.T) {
	bytesOnly := Stats{Enough: true, IsBeaconing: true, LowSourceBytesVariation: true, LowDestinationBytesVariation: true,
		MeanSourceBytes: 500, SourceBytesPercentiles: [2]float64{500, 500}, SourceBytesTested: true,
		MeanDestinationBytes: 900, DestinationBytesPercentiles: [2]float64{900, 900}, DestinationBytesTested: true}
	with := func(change func(*Stats)) Stats {
		st := bytesOnly
		change(&st)
		return st
	}
	for _, test := range []struct {
		name   string
		series *series.Series
		want   Stats
	}{
		{"no event at all", withBytes(make([]int64, 360), 0, 0), Stats{}},
		{"one event in the oldest bucket", withBytes(append(make([]int64, 359), 1), 1, 1), Stats{Interval: 1, NonEmptyBuckets: 1}},
		{"six filled buckets are too few", withBytes(append(make([]int64, 336), every(24, 4, 1)...), 500, 900), Stats{Interval: 21, NonEmptyBuckets: 6}},
		{"an interval of eleven buckets is too short", withBytes(append(every(11, 1, 1), make([]int64, 349)...), 500, 900), Stats{Interval: 11, NonEmptyBuckets: 11}},
		{"one event every five buckets", withBytes(every(360, 5, 1), 500, 900), with(func(st *Stats) {
			st.BeaconingScore, st.Periodic = 3, true
			st.Interval, st.NonEmptyBuckets = 356, 72
			st.SourceBytesBuckets, st.DestinationBytesBuckets = 72, 72
			st.Autocovariance, st.MaxAutocovariancePeriod = 1, 5
		})},
		{"three events in every bucket", withBytes(every(360, 1, 3), 500, 900), with(func(st *Stats) {
			st.BeaconingScore, st.Periodic, st.LowCountVariation, st.CountTested = 3, true, true, true
			st.Interval, st.NonEmptyBuckets = 360, 360
			st.SourceBytesBuckets, st.DestinationBytesBuckets = 360, 360
			st.MeanCounts, st.CountsPercentiles = 3, [2]float64{3, 3}
			st.Autocovariance, st.MaxAutocovariancePeriod = 1, 2
		})},
		{"bytes that are no finite number count as missing", withBytes(every(360, 5, 1), math.NaN(), math.Inf(1)), Stats{
			Enough: true, IsBeaconing: true, BeaconingScore: 1, Periodic: true, Interval: 356, NonEmptyBuckets: 72,
			Autocovariance: 1, MaxAutocovariancePeriod: 5}},
		{"counts too large for exact sums", withBytes(every(360, 5, math.MaxInt64), 0, 0), Stats{
			Enough: true, IsBeaconing: true, BeaconingScore: 1, Periodic: true, Interval: 356, NonEmptyBuckets: 72,
			Autocovariance: 1, MaxAutocovariancePeriod: 5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Analyze(test.series, DefaultParams())
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestAnalyzeRefusesVectorsOfAnotherLength(t *testing.T) {
	w, err := NewAnalyzer(DefaultParams())
	if err != nil {
		t.Fatal(err)
	}
	whole, short := make([]float64, 360), make([]float64, 359)
	for _, s := range []*series.Series{
		{},
		{Counts: make([]int64, 361), SourceBytes: whole, DestinationBytes: whole},
		{Counts: make([]int64, 360), SourceBytes: short, DestinationBytes: whole},
		{Counts: make([]int64, 360), SourceBytes: whole, DestinationBytes: short},
	} {
		st := Stats{Interval: 7}
		if err := w.Analyze(s, &st); !errors.Is(err, ErrLength) {
			t.Errorf("got error %v, want ErrLength", err)
		}
		if st != (Stats{}) {
			t.Errorf("got %+v, want nothing", st)
		}
	}
}

func TestNewAnalyzerRefusesUnsoundParameters(t *testing.T) {
	p := DefaultParams()
	p.MaxJitter = math.NaN()
	if w, err := NewAnalyzer(p); err == nil || w != nil {
		t.Errorf("got %v and error %v, want an error", w, err)
	}
	if _, err := Analyze(&series.Series{}, Params{}); err == nil {
		t.Error("got no error, want one for empty parameters")
	}
}

func TestAutocovariancesAreThoseOfTheLastGroup(t *testing.T) {
	w, err := NewAnalyzer(DefaultParams())
	if err != nil {
		t.Fatal(err)
	}
	if r := w.Autocovariances(); r != nil {
		t.Errorf("got %v before any group, want nil", r)
	}
	var st Stats
	if err := w.Analyze(withBytes(every(360, 5, 1), 1, 1), &st); err != nil {
		t.Fatal(err)
	}
	r := w.Autocovariances()
	if len(r) != 356/6+1 || r[st.MaxAutocovariancePeriod] != st.Autocovariance {
		t.Errorf("got %d of them, with %v at period %d, want %d and %v", len(r), r[st.MaxAutocovariancePeriod], st.MaxAutocovariancePeriod, 356/6+1, st.Autocovariance)
	}
	if err := w.Analyze(withBytes(make([]int64, 360), 0, 0), &st); err != nil {
		t.Fatal(err)
	}
	if r := w.Autocovariances(); r != nil {
		t.Errorf("got %v after a group with too few events, want nil", r)
	}
}

func TestAnalyzerDoesNotAllocate(t *testing.T) {
	for _, jitter := range []float64{0, 0.2} {
		p := DefaultParams()
		p.MaxJitter = jitter
		w, err := NewAnalyzer(p)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(3, 3))
		var groups []*series.Series
		for _, shape := range shapes {
			groups = append(groups, randomSeries(r, shape.count(r, p.NumberBucketsInRange)))
		}
		all := func() {
			var st Stats
			for _, s := range groups {
				if err := w.Analyze(s, &st); err != nil {
					t.Fatal(err)
				}
			}
		}
		all() // the scratch memory grows
		if n := testing.AllocsPerRun(3, all); n != 0 {
			t.Errorf("max_jitter %v: got %v allocations, want none", jitter, n)
		}
	}
}

func TestSelectRankAgreesWithSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, order := range []struct {
		name  string
		value func(i, n int) float64
	}{
		{"random", func(int, int) float64 { return r.Float64() }},
		{"few values", func(int, int) float64 { return float64(r.IntN(3)) }},
		{"equal", func(int, int) float64 { return 7 }},
		{"ascending", func(i, _ int) float64 { return float64(i) }},
		{"descending", func(i, _ int) float64 { return float64(-i) }},
		{"organ pipe", func(i, n int) float64 { return float64(min(i, n-i)) }},
		{"inverted organ pipe", func(i, n int) float64 { return float64(max(i, n-i)) }},
	} {
		t.Run(order.name, func(t *testing.T) {
			for _, n := range []int{1, 2, 16, 17, 100, 5000} {
				v := make([]float64, n)
				for i := range v {
					v[i] = order.value(i, n)
				}
				sorted := slices.Sorted(slices.Values(v))
				for _, k := range []int{0, n / 10, n / 2, n * 8 / 10, n - 1} {
					s := slices.Clone(v)
					if got := selectRank(s, k); got != sorted[k] {
						t.Errorf("rank %d of %d: got %v, want %v", k, n, got, sorted[k])
					}
					if k > 0 && slices.Max(s[:k]) > s[k] || slices.Min(s[k:]) < s[k] {
						t.Errorf("rank %d of %d does not part the others", k, n)
					}
				}
			}
		})
	}
}
