package timing

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkAnalyze measures series without and with a timer: series/s a core, ns a call.
func BenchmarkAnalyze(b *testing.B) {
	for _, n := range []int{8, 40, 100, 500, 2000} {
		for _, kind := range []struct {
			name string
			make func(*rand.Rand) *Calls
		}{
			{"random", func(rng *rand.Rand) *Calls { return poisson(rng, n) }},
			{"timer", loop{gap: plusMinus(60, 0.3), hours: float64(n) / 60}.calls},
		} {
			b.Run(fmt.Sprintf("%s/calls=%d", kind.name, n), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 1))
				var series []*Calls
				for range 64 {
					series = append(series, kind.make(rng))
				}
				var a Analyzer
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					a.Analyze(series[i%len(series)])
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "series/s")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/call")
			})
		}
	}
}
