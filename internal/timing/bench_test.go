package timing

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkAnalyze(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{8, 40, 100, 500, 2000} {
		var random, timer []*Calls
		for range 64 {
			random = append(random, poisson(rng, n))
			timer = append(timer, makeBeacon(rng, beaconSpec{period: 60, jitter: 0.3}, float64(60*n)))
		}
		for name, calls := range map[string][]*Calls{"random": random, "timer": timer} {
			b.Run(fmt.Sprintf("%s/calls=%d", name, n), func(b *testing.B) {
				var a Analyzer
				b.ReportAllocs()
				for i := range b.N {
					a.Analyze(calls[i%len(calls)])
				}
			})
		}
	}
}
