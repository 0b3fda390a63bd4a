package beacon

import (
	"math"
	"slices"
)

// variation is the outcome of one of the tests for low variation.
type variation struct {
	buckets        int  // with a value other than 0
	tested, low    bool // low: the variation is low
	mean, variance float64
	band           [2]float64
}

// bytesTest tests v, the mean bytes per event over the interval.
func (w *Analyzer) bytesTest(v []float64) variation {
	w.takeValues(v)
	t := variation{buckets: len(w.values)}
	if t.buckets <= w.p.MinNumberPeriods {
		return t
	}
	t.band = w.band(w.values)
	w.test(&t, len(v)-t.buckets, w.p.MaxBeaconingBytesCov)
	return t
}

// lowBytes returns what bytesTest does for low, mostly without sorting values.
func (w *Analyzer) lowBytes(v []float64) bool {
	w.takeValues(v)
	return len(w.values) > w.p.MinNumberPeriods && w.mayBeSteady() && w.bytesTest(v).low
}

// mayBeSteady is false only for values whose variation cannot be low.
//
// Where it is low, no more than a quarter of the values in the band are further than two
// standard deviations from their mean (Chebyshev), that is than 2*MaxBeaconingBytesCov of
// it. So three quarters of the band lie between two numbers of which one is at most
// steadyRatio times the other.
func (w *Analyzer) mayBeSteady() bool {
	c := 2 * w.p.MaxBeaconingBytesCov * (1 + 1e-9)
	if 1+c >= steadyRatio*(1-c) {
		return true // not as narrow as that
	}
	n := len(w.values)
	band := rank(w.p.TruncateAt[1], n) - rank(w.p.TruncateAt[0], n) + 1
	// Eight classes an octave, as the exponent and the first bits of the fraction say. Two
	// numbers as near as that are at most three classes apart, for three whole classes
	// between them would make at least 16/13. Classes that are octaves apart share a
	// place, which can only make more seem near to each other.
	var classes [64]int32
	for _, x := range w.values {
		if x <= 0 {
			return true
		}
		classes[math.Float64bits(x)>>49&63]++
	}
	near := classes[61] + classes[62] + classes[63]
	for i, k := range classes {
		near += k
		if 4*int(near) >= 3*band {
			return true
		}
		near -= classes[(i+61)&63]
	}
	return false
}

// steadyRatio is 16/13, the least ratio between the ends of three neighbouring classes of
// mayBeSteady.
const steadyRatio = 16.0 / 13

// takeValues sets w.values to the values of v that are not 0.
func (w *Analyzer) takeValues(v []float64) {
	values := grow(&w.values, len(w.filled))
	n := 0
	for _, i := range w.filled {
		x := v[i]
		values[n] = x
		if x != 0 && x-x == 0 { // neither an infinity nor NaN
			n++
		}
	}
	w.values = values[:n]
}

// countTest tests the counts over the interval.
func (w *Analyzer) countTest(counts []int64) variation {
	t := variation{buckets: len(w.filled)}
	if float64(t.buckets) <= math.Floor(w.p.MinNotEmpty*float64(len(counts))) {
		return t
	}
	values := grow(&w.values, len(w.filled))
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	for k, i := range w.filled {
		c := counts[i]
		least, most = min(least, c), max(most, c)
		values[k] = float64(c)
	}
	if least >= 0 && most < int64(2*len(values)) {
		t.band = w.countBand(counts, int(most))
	} else {
		t.band = w.band(values)
	}
	w.test(&t, len(counts)-len(values), w.p.MaxBeaconingCountRV)
	return t
}

// test looks at those of w.values that lie in the band, and at as many zeros besides: their
// mean, their variance, and whether that is at most limit times the mean.
func (w *Analyzer) test(t *variation, zeros int, limit float64) {
	lo, hi := t.band[0], t.band[1]
	inside := grow(&w.scratch, len(w.values))
	n := 0
	for _, x := range w.values { // written so that it compiles to no jump
		inside[n] = x
		in := 0
		if x >= lo {
			in = 1
		}
		if x > hi {
			in = 0
		}
		n += in
	}
	inside = inside[:n]
	sum := 0.0
	for _, x := range inside {
		sum += x
	}
	if lo > 0 || hi < 0 {
		zeros = 0 // they are in the band only where some bytes are negative
	}
	all := float64(n + zeros)
	mean := sum / all
	squares := float64(float64(zeros)*mean) * mean
	for _, x := range inside {
		d := x - mean
		squares += float64(d * d)
	}
	t.tested = true
	t.mean = mean
	t.variance = squares / all
	t.low = math.Sqrt(t.variance) <= limit*math.Abs(mean)
}

// rank returns where the quantile q of n values stands among them in ascending order.
func rank(q float64, n int) int {
	return min(int(math.Floor(q*float64(n)+0.5)), n-1)
}

// bins is the number of classes of equal width that band sorts values into.
const bins = 256

// band returns the bounds of the values for both quantiles. It keeps the order of values.
//
// It counts the values in classes, so that only the class of a bound needs to be looked
// into; where one class has nearly all of them, that is a selection among all.
func (w *Analyzer) band(values []float64) (band [2]float64) {
	low, high := values[0], values[0]
	for _, x := range values {
		if x < low {
			low = x
		}
		if x > high {
			high = x
		}
	}
	if low == high {
		return [2]float64{low, low}
	}
	// Rounding keeps the order: x <= y implies x-low <= y-low and so on.
	scale := (bins - 1) / (high - low)
	if len(values) < 64 || scale == 0 || scale-scale != 0 { // the range is no finite number, or its inverse is none
		s := grow(&w.scratch, len(values))
		copy(s, values)
		lower, upper := rank(w.p.TruncateAt[0], len(s)), rank(w.p.TruncateAt[1], len(s))
		if len(s) <= fewValues {
			sortFew(s)
			return [2]float64{s[lower], s[upper]}
		}
		hi := selectRank(s, upper)
		// What stands before the upper bound is not larger than it now.
		return [2]float64{selectRank(s[:upper+1], lower), hi}
	}
	h := grow(&w.histogram, bins)
	clear(h)
	class := grow(&w.classes, len(values))
	for i, x := range values {
		c := uint8((x - low) * scale)
		class[i] = c
		h[c]++
	}
	for k, q := range w.p.TruncateAt {
		left := rank(q, len(values))
		c := 0
		for ; left >= int(h[c]); c++ {
			left -= int(h[c])
		}
		s := grow(&w.scratch, len(values))
		n := 0
		for i, x := range values {
			s[n] = x
			if int(class[i]) == c {
				n++
			}
		}
		band[k] = selectRank(s[:n], left)
	}
	return band
}

// countBand is band for counts from 0 to most, which is at most about as large as there are
// counts: those are sorted by counting them.
func (w *Analyzer) countBand(counts []int64, most int) (band [2]float64) {
	h := grow(&w.histogram, most+1)
	clear(h)
	for _, i := range w.filled {
		h[counts[i]]++
	}
	for k, q := range w.p.TruncateAt {
		left := int32(rank(q, len(w.filled)))
		c := 0
		for ; left >= h[c]; c++ {
			left -= h[c]
		}
		band[k] = float64(c)
	}
	return band
}

// selectRank returns the element that has index k once s is sorted, and puts it there, the
// ones that are not larger before and those not smaller after it. The elements are no NaN.
//
// It is quickselect with the median of three as pivot. Equal elements are split evenly, and
// after 2*log2(n) rounds that did not help enough it sorts what is left, so that no order of
// the elements makes it quadratic.
func selectRank(s []float64, k int) float64 {
	first, last := 0, len(s)-1
	rounds := 2
	for n := len(s); n > 1; n /= 2 {
		rounds += 2
	}
	for last-first > 16 {
		if rounds == 0 {
			break
		}
		rounds--
		pivot := median(s[first], s[first+(last-first)/2], s[last])
		// Hoare's partition: s[first..j] <= pivot <= s[i..last], and what is between equals it.
		i, j := first, last
		for i <= j {
			for s[i] < pivot {
				i++
			}
			for s[j] > pivot {
				j--
			}
			if i <= j {
				s[i], s[j] = s[j], s[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			last = j
		case k >= i:
			first = i
		default:
			return s[k]
		}
	}
	if last-first < fewValues {
		sortFew(s[first : last+1])
	} else {
		slices.Sort(s[first : last+1])
	}
	return s[k]
}

// fewValues is up to how many values sortFew beats other ways to order them.
const fewValues = 32

// sortFew sorts s by insertion. The elements are no NaN.
func sortFew(s []float64) {
	for i := 1; i < len(s); i++ {
		x, k := s[i], i
		for ; k > 0 && s[k-1] > x; k-- {
			s[k] = s[k-1]
		}
		s[k] = x
	}
}

func median(a, b, c float64) float64 {
	if a > b {
		a, b = b, a
	}
	if c <= a {
		return a
	}
	return min(b, c)
}
