package timing

import (
	"math"
	"slices"
)

// A sorter sorts positive numbers, faster than by comparing: most of what that takes is to guess
// wrong which of two is the smaller.
type sorter struct {
	keys, other []uint64
}

const (
	sortLeast = 64 // fewer are sorted by comparing
	digitBits = 8
	digits    = 3
	// What is left of a number's bits holds 64 octaves from sortFrom on and a part in 2^18 of each:
	// all gaps from 10^-4 to 10^14 seconds that differ by more than four millionths.
	sortShift = 52 - (digits*digitBits - 6)
	sortMoves = 4 // of a number by one place, on average, above which comparing is better
)

// sortFrom is the least number that is sorted without comparing, as bits.
var sortFrom = math.Float64bits(math.Ldexp(1, -14))

// sort sorts s, whose numbers are above 0.
func (a *sorter) sort(s []float64) {
	if len(s) < sortLeast {
		slices.Sort(s)
		return
	}
	// Bits of numbers above 0 compare as they do.
	a.keys = slices.Grow(a.keys[:0], len(s))[:len(s)]
	a.other = slices.Grow(a.other[:0], len(s))[:len(s)]
	from, to := a.keys, a.other
	var counts [digits][1 << digitBits]uint32
	for i, g := range s {
		bits := math.Float64bits(g)
		from[i] = bits
		key := (max(bits, sortFrom) - sortFrom) >> sortShift
		for d := range counts {
			counts[d][key>>(d*digitBits)&(1<<digitBits-1)]++
		}
	}
	for d := range counts {
		count := &counts[d]
		shift := sortShift + d*digitBits
		first := (max(from[0], sortFrom) - sortFrom) >> shift & (1<<digitBits - 1)
		if count[first] == uint32(len(s)) { // all have the same digit
			continue
		}
		sum := uint32(0)
		for i, n := range count {
			count[i] = sum
			sum += n
		}
		for _, bits := range from {
			at := &count[(max(bits, sortFrom)-sortFrom)>>shift&(1<<digitBits-1)]
			to[*at] = bits
			*at++
		}
		from, to = to, from
	}
	// Numbers that are nearly the same may stand the wrong way round.
	moves := sortMoves * len(s)
	for i := 1; i < len(from); i++ {
		bits := from[i]
		j := i
		for ; j > 0 && from[j-1] > bits; j-- {
			from[j] = from[j-1]
		}
		from[j] = bits
		if moves -= i - j; moves < 0 {
			slices.Sort(from)
			break
		}
	}
	for i, bits := range from {
		s[i] = math.Float64frombits(bits)
	}
}
