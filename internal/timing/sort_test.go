package timing

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSort sorts gaps of all kinds and lengths, and those that the digits do not tell apart.
func TestSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, kind := range []struct {
		name string
		make func() float64
	}{
		{"exponential", func() float64 { return max(1e-4, 60*rng.ExpFloat64()) }},
		{"timer", func() float64 { return 300 + rng.Float64()*1e-5 }},
		{"equal", func() float64 { return 60 }},
		{"two", func() float64 { return []float64{math.Nextafter(60, 0), 60}[rng.IntN(2)] }},
		{"wide", func() float64 { return math.Exp(rng.NormFloat64() * 20) }},
		{"extreme", func() float64 {
			return []float64{math.SmallestNonzeroFloat64, 1e-300, 1e-4, 1, 1e16, math.MaxFloat64, math.Inf(1)}[rng.IntN(7)]
		}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			var s sorter
			for n := range 600 {
				got := make([]float64, n)
				for i := range got {
					got[i] = kind.make()
				}
				want := slices.Sorted(slices.Values(got))
				if s.sort(got); !slices.Equal(got, want) {
					t.Fatalf("got %d numbers in the order %v, want %v", n, got, want)
				}
			}
		})
	}
}

// BenchmarkSort measures the gaps of random calls.
func BenchmarkSort(b *testing.B) {
	for _, n := range []int{64, 100, 500} {
		for _, by := range []struct {
			name string
			sort func([]float64)
		}{{"comparing", slices.Sort[[]float64]}, {"digits", new(sorter).sort}} {
			b.Run(fmt.Sprintf("gaps=%d/by=%s", n, by.name), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				all := make([]float64, 64*n)
				for i := range all {
					all[i] = max(1e-4, 60*rng.ExpFloat64())
				}
				s := make([]float64, n)
				for i := 0; b.Loop(); i++ {
					copy(s, all[i%64*n:])
					by.sort(s)
				}
			})
		}
	}
}
