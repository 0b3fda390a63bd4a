package survey

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A tally answers what maps do, whatever the order of the entries and however they are spread over parts.
func TestTally(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 3, 100, 20_000} {
		values, first := map[uint64]map[uint64]bool{}, map[uint64]int64{}
		parts := make([]*tally, 4)
		for i := range parts {
			parts[i] = &tally{}
		}
		var whole tally
		for range n {
			// Some keys have one value, some thousands; hosts are counted with themselves as the value.
			key, value, at := mix(1, uint64(math.Pow(float64(n), r.Float64()))), mix(2, r.Uint64N(3000)), r.Int64N(1000)-500
			if r.IntN(4) == 0 {
				value = key
			}
			if values[key] == nil {
				values[key], first[key] = map[uint64]bool{}, at
			}
			values[key][value], first[key] = true, min(first[key], at)
			to := &whole
			if i := r.IntN(len(parts) + 1); i > 0 {
				to = parts[i-1]
			}
			to.add(key, value, at)
		}
		whole.add(0, 7, -1000) // not known
		whole.add(7, 0, -1000)
		whole.seal(parts...)
		if len(whole.keys) != len(values) {
			t.Fatalf("%d entries: got %d keys, want %d", n, len(whole.keys), len(values))
		}
		pairs := 0
		for key := range values {
			if count, at := whole.of(key); count != len(values[key]) || at != first[key] {
				t.Fatalf("%d entries, key %x: got %d values from %d on, want %d from %d on", n, key, count, at, len(values[key]), first[key])
			}
			pairs += len(values[key])
		}
		if len(whole.entries) != pairs {
			t.Errorf("%d entries: got %d keys and values, want %d", n, len(whole.entries), pairs)
		}
		if count, at := whole.of(mix(3, 3)); count != 0 || at != math.MaxInt64 {
			t.Errorf("%d entries: an unknown key has %d values from %d on", n, count, at)
		}
	}
}
