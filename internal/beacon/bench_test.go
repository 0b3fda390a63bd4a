package beacon

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"fresnel/internal/series"
)

// BenchmarkAnalyze takes turns over some groups of a shape, so that no branch is learnt by
// heart.
func BenchmarkAnalyze(b *testing.B) {
	dense := func(r *rand.Rand, n int) []int64 {
		return fill(n, func(int) int64 { return 1 + r.Int64N(12) })
	}
	filled := func(k int) func(r *rand.Rand, n int) []int64 {
		return func(r *rand.Rand, n int) []int64 {
			counts := make([]int64, n)
			for _, t := range r.Perm(n)[:k] {
				counts[t] = 1 + r.Int64N(2)
			}
			return counts
		}
	}
	for _, bench := range []struct {
		name    string
		buckets int
		jitter  float64
		counts  func(r *rand.Rand, n int) []int64
	}{
		{"filled=all/jitter=0", 360, 0, dense},
		{"filled=all/jitter=0.2", 360, 0.2, dense},
		{"filled=7/jitter=0", 360, 0, filled(7)},
		{"filled=20/jitter=0", 360, 0, filled(20)},
		{"filled=50/jitter=0", 360, 0, filled(50)},
		{"filled=7/jitter=0.2", 360, 0.2, filled(7)},
		{"filled=20/jitter=0.2", 360, 0.2, filled(20)},
		{"filled=50/jitter=0.2", 360, 0.2, filled(50)},
		{"filled=all/jitter=0/buckets=1440", 1440, 0, dense},
		{"filled=all/jitter=0.2/buckets=1440", 1440, 0.2, dense},
	} {
		b.Run(bench.name, func(b *testing.B) {
			p := DefaultParams()
			p.NumberBucketsInRange = bench.buckets
			p.MaxJitter = bench.jitter
			w, err := NewAnalyzer(p)
			if err != nil {
				b.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 2))
			groups := make([]*series.Series, 64)
			for i := range groups {
				counts := bench.counts(r, bench.buckets)
				groups[i] = &series.Series{Counts: counts, SourceBytes: make([]float64, len(counts)), DestinationBytes: make([]float64, len(counts))}
				for t, c := range counts {
					if c > 0 {
						groups[i].SourceBytes[t] = 400 + r.Float64()*200
						groups[i].DestinationBytes[t] = 900 + r.ExpFloat64()*50
					}
				}
			}
			var st Stats
			for _, s := range groups { // lets the scratch memory grow
				if err := w.Analyze(s, &st); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := w.Analyze(groups[i%len(groups)], &st); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "groups/s")
		})
	}
}

// BenchmarkIsBeaconing looks at groups of which hardly any is beaconing.
func BenchmarkIsBeaconing(b *testing.B) {
	for _, filled := range []int{7, 20, 50, 80, 120, 200} {
		b.Run(fmt.Sprintf("filled=%d", filled), func(b *testing.B) {
			w, err := NewAnalyzer(DefaultParams())
			if err != nil {
				b.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 2))
			groups := make([]*series.Series, 64)
			for i := range groups {
				s := &series.Series{Counts: make([]int64, 360), SourceBytes: make([]float64, 360), DestinationBytes: make([]float64, 360)}
				for _, t := range r.Perm(360)[:filled] {
					s.Counts[t], s.SourceBytes[t], s.DestinationBytes[t] = 1, 4000*r.Float64(), 90000*r.Float64()
				}
				groups[i] = s
				s.Filled = slices.Clone(w.find(s.Counts))
			}
			i := 0
			for b.Loop() {
				if _, err := w.IsBeaconing(groups[i%len(groups)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "groups/s")
		})
	}
}
