package simulate

import (
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
)

// stream returns the random numbers of one part of a world. Each part has a stream of its
// own, derived from the seed and the part's name, so that a change of one part does not move
// the others.
func stream(seed uint64, parts ...string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, strconv.FormatUint(seed, 16)) // a hash never fails
	for _, p := range parts {
		_, _ = h.Write([]byte{0})
		_, _ = io.WriteString(h, p)
	}
	x := h.Sum64()
	return rand.New(rand.NewPCG(mix(x), mix(x^0x9e3779b97f4a7c15)))
}

// mix spreads the bits of x: the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func between(r *rand.Rand, low, high float64) float64 { return low + r.Float64()*(high-low) }

func logNormal(r *rand.Rand, median, sigma float64) float64 {
	return median * math.Exp(sigma*r.NormFloat64())
}

// logBetween returns a number of low to high, each factor as likely as the next.
func logBetween(r *rand.Rand, low, high float64) float64 {
	return low * math.Pow(high/low, r.Float64())
}

func oneOf[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// around rounds x up or down so that its mean is x: 0.3 is 1 in three of ten times.
func around(r *rand.Rand, x float64) int {
	whole := math.Floor(x)
	if chance(r, x-whole) {
		whole++
	}
	return int(whole)
}

// quota returns n answers of which a share is yes, in any order.
func quota(r *rand.Rand, n int, share float64) []bool {
	yes := make([]bool, n)
	for i := range min(n, int(math.Round(share*float64(n)))) {
		yes[i] = true
	}
	r.Shuffle(n, func(i, j int) { yes[i], yes[j] = yes[j], yes[i] })
	return yes
}
