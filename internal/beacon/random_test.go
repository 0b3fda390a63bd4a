package beacon

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"fresnel/internal/series"
)

// shapes are kinds of groups, as their counts by bucket.
var shapes = []struct {
	name  string
	count func(r *rand.Rand, n int) []int64
}{
	{"constant", func(r *rand.Rand, n int) []int64 {
		k := r.Int64N(4)
		return fill(n, func(int) int64 { return k })
	}},
	{"uniform", func(r *rand.Rand, n int) []int64 {
		most := 1 + r.Int64N(20)
		return fill(n, func(int) int64 { return r.Int64N(most + 1) })
	}},
	{"all filled", func(r *rand.Rand, n int) []int64 {
		return fill(n, func(int) int64 { return 3 + r.Int64N(9) })
	}},
	{"sparse", func(r *rand.Rand, n int) []int64 {
		share, most := r.Float64()*0.2, 1+r.Int64N(3)
		return fill(n, func(int) int64 {
			if r.Float64() < share {
				return 1 + r.Int64N(most)
			}
			return 0
		})
	}},
	{"periodic", func(r *rand.Rand, n int) []int64 {
		period, phase, k := 1+r.IntN(n/2+1), r.IntN(n), 1+r.Int64N(3)
		return fill(n, func(t int) int64 {
			if (t+phase)%period == 0 {
				return k
			}
			return 0
		})
	}},
	{"periodic with jitter and losses", func(r *rand.Rand, n int) []int64 {
		counts := make([]int64, n)
		period, jitter, loss := 2+r.IntN(n/4+1), r.Float64()*0.4, r.Float64()*0.3
		for t := r.IntN(period); t < n; t += period {
			at := t + int(float64(period)*jitter*(r.Float64()-0.5))
			if at >= 0 && at < n && r.Float64() >= loss {
				counts[at] += 1 + r.Int64N(2)
			}
		}
		return counts
	}},
	{"a repeated pattern", func(r *rand.Rand, n int) []int64 {
		pattern := make([]int64, 1+r.IntN(12))
		for i := range pattern {
			pattern[i] = r.Int64N(3)
		}
		return fill(n, func(t int) int64 { return pattern[t%len(pattern)] })
	}},
	{"a step", func(r *rand.Rand, n int) []int64 {
		at, low, high := r.IntN(n), r.Int64N(3), r.Int64N(2000)
		return fill(n, func(t int) int64 {
			if t < at {
				return low
			}
			return high + r.Int64N(2)
		})
	}},
	{"a spike", func(r *rand.Rand, n int) []int64 {
		counts := fill(n, func(int) int64 { return 1 + r.Int64N(2) })
		counts[r.IntN(n)] = r.Int64N(1_000_000)
		return counts
	}},
	{"large", func(r *rand.Rand, n int) []int64 {
		base := r.Int64N(1_000_000)
		return fill(n, func(int) int64 { return base + r.Int64N(1000) })
	}},
	{"huge", func(r *rand.Rand, n int) []int64 {
		return fill(n, func(int) int64 { return r.Int64N(1 << r.IntN(62)) })
	}},
	{"bursts", func(r *rand.Rand, n int) []int64 {
		counts := make([]int64, n)
		for range 1 + r.IntN(6) {
			for t, end := r.IntN(n), r.IntN(n); t < min(end, n); t++ {
				counts[t] += r.Int64N(3)
			}
		}
		return counts
	}},
}

func fill(n int, count func(t int) int64) []int64 {
	counts := make([]int64, n)
	for t := range counts {
		counts[t] = count(t)
	}
	return counts
}

// randomSeries gives counts the bytes of one of several kinds.
func randomSeries(r *rand.Rand, counts []int64) *series.Series {
	s := &series.Series{Counts: counts, SourceBytes: randomBytes(r, counts), DestinationBytes: randomBytes(r, counts)}
	if r.IntN(2) == 0 {
		s.Filled = []int32{}
		for t, c := range counts {
			if c != 0 {
				s.Filled = append(s.Filled, int32(t))
			}
		}
	}
	return s
}

func randomBytes(r *rand.Rand, counts []int64) []float64 {
	v := make([]float64, len(counts))
	kind, base, missing := r.IntN(6), 1+r.IntN(5000), r.Float64()
	for t, c := range counts {
		if c == 0 {
			continue
		}
		switch kind {
		case 0: // none
		case 1:
			v[t] = float64(base)
		case 2:
			v[t] = float64(base) + float64(r.IntN(10))/float64(c)
		case 3:
			v[t] = r.ExpFloat64() * float64(base)
		case 4: // some are missing
			if r.Float64() > missing {
				v[t] = float64(base + r.IntN(3))
			}
		case 5: // some are negative
			v[t] = float64(r.IntN(21) - 10)
		}
	}
	return v
}

// randomParams are parameters for windows of n buckets.
func randomParams(r *rand.Rand, n int) Params {
	p := DefaultParams()
	p.NumberBucketsInRange = n
	p.MinNumberPeriods = 1 + r.IntN(8)
	switch r.IntN(4) {
	case 0:
		p.MaxJitter = 0
	case 1:
		p.MaxJitter = float64(r.IntN(11)) / 10
	default:
		p.MaxJitter = r.Float64() * r.Float64()
	}
	lower, upper := float64(r.IntN(11))/10, r.Float64()
	p.TruncateAt = [2]float64{min(lower, upper), max(lower, upper)}
	p.MinNotEmpty = float64(r.IntN(11)) / 10
	return p
}

// compare holds w, an analyzer for p, to the reference.
func compare(t *testing.T, w *Analyzer, s *series.Series, p Params) {
	t.Helper()
	var got Stats
	flagged, err := w.IsBeaconing(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Analyze(s, &got); err != nil {
		t.Fatal(err)
	}
	want, r := reference(s, p)
	failed := false
	check := func(what string, got, want any, ok bool) {
		if !ok {
			failed = true
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	// What is 0 but for rounding has no relative difference: scale is what it is the rest of.
	near := func(what string, got, want, scale float64) {
		d := math.Abs(got - want)
		check(what, got, want, got == want || d <= 1e-9*max(math.Abs(got), math.Abs(want)) || d <= 1e-13*scale)
	}
	const unit = 10 // a correlation is a rest of 1, and the reference adds hundreds of rounded products for it
	pair := func(what string, got, want [2]float64) { check(what, got, want, got == want) }

	check("interval, non-empty buckets, enough", []any{got.Interval, got.NonEmptyBuckets, got.Enough}, []any{want.Interval, want.NonEmptyBuckets, want.Enough},
		got.Interval == want.Interval && got.NonEmptyBuckets == want.NonEmptyBuckets && got.Enough == want.Enough)
	check("tested", []any{got.SourceBytesBuckets, got.DestinationBytesBuckets, got.SourceBytesTested, got.DestinationBytesTested, got.CountTested},
		[]any{want.SourceBytesBuckets, want.DestinationBytesBuckets, want.SourceBytesTested, want.DestinationBytesTested, want.CountTested},
		got.SourceBytesBuckets == want.SourceBytesBuckets && got.DestinationBytesBuckets == want.DestinationBytesBuckets &&
			got.SourceBytesTested == want.SourceBytesTested && got.DestinationBytesTested == want.DestinationBytesTested && got.CountTested == want.CountTested)
	near("mean source bytes", got.MeanSourceBytes, want.MeanSourceBytes, want.StdDevSourceBytes)
	near("standard deviation of source bytes", got.StdDevSourceBytes, want.StdDevSourceBytes, math.Abs(want.MeanSourceBytes))
	pair("source bytes percentiles", got.SourceBytesPercentiles, want.SourceBytesPercentiles)
	near("mean destination bytes", got.MeanDestinationBytes, want.MeanDestinationBytes, want.StdDevDestinationBytes)
	near("standard deviation of destination bytes", got.StdDevDestinationBytes, want.StdDevDestinationBytes, math.Abs(want.MeanDestinationBytes))
	pair("destination bytes percentiles", got.DestinationBytesPercentiles, want.DestinationBytesPercentiles)
	near("mean counts", got.MeanCounts, want.MeanCounts, 0)
	near("variance of counts", got.VarianceCounts, want.VarianceCounts, want.MeanCounts*want.MeanCounts)
	pair("counts percentiles", got.CountsPercentiles, want.CountsPercentiles)
	near("autocovariance", got.Autocovariance, want.Autocovariance, unit)
	check("period", got.MaxAutocovariancePeriod, want.MaxAutocovariancePeriod, got.MaxAutocovariancePeriod == want.MaxAutocovariancePeriod)
	check("IsBeaconing", flagged, want.IsBeaconing, flagged == want.IsBeaconing)
	check("tests and score", got, want, got.IsBeaconing == want.IsBeaconing && got.BeaconingScore == want.BeaconingScore &&
		got.LowSourceBytesVariation == want.LowSourceBytesVariation && got.LowDestinationBytesVariation == want.LowDestinationBytesVariation &&
		got.LowCountVariation == want.LowCountVariation && got.Periodic == want.Periodic)
	if r == nil {
		check("autocovariances", w.Autocovariances(), nil, w.Autocovariances() == nil)
	} else {
		check("number of autocovariances", len(w.Autocovariances()), len(r), len(w.Autocovariances()) == len(r))
		for period := 2; period < len(r) && !failed; period++ {
			near(fmt.Sprintf("R(%d)", period), w.Autocovariances()[period], r[period], unit)
		}
	}
	if failed {
		t.Logf("parameters %+v\ncounts %v", p, s.Counts)
	}
}

// TestAnalyzeAgainstReference compares many random groups; FuzzAnalyzeAgainstReference looks
// for more.
func TestAnalyzeAgainstReference(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 2
	}
	for i, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for round := 0; round < rounds && !t.Failed(); round++ {
				n := 1 + r.IntN(300)
				if round == 0 {
					n = 1500
				}
				p := randomParams(r, n)
				w, err := NewAnalyzer(p)
				if err != nil {
					t.Fatal(err)
				}
				for range 10 {
					compare(t, w, randomSeries(r, shape.count(r, n)), p)
				}
			}
		})
	}
}

func FuzzAnalyzeAgainstReference(f *testing.F) {
	for i := range shapes {
		f.Add(uint64(i), uint16(100+10*i), uint8(i), []byte{})
	}
	f.Add(uint64(1), uint16(12), uint8(0), []byte("\x01\x00\x02\x01\x00\x02\x01\x00\x02\x01\x00\x02"))
	f.Fuzz(func(t *testing.T, seed uint64, buckets uint16, shape uint8, counts []byte) {
		r := rand.New(rand.NewPCG(seed, 2))
		n := 1 + int(buckets)%400
		p := randomParams(r, n)
		var v []int64
		if len(counts) == 0 {
			v = shapes[int(shape)%len(shapes)].count(r, n)
		} else { // small counts that the fuzzer chooses
			v = fill(n, func(t int) int64 { return int64(counts[t%len(counts)] % 8) })
		}
		w, err := NewAnalyzer(p)
		if err != nil {
			t.Fatal(err)
		}
		s := randomSeries(r, v)
		compare(t, w, s, p)
		compare(t, w, s, p) // nothing is left over from the first time
	})
}
