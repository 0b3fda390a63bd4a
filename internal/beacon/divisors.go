package beacon

// divisors holds for every period the divisors that share in it: d with 2 <= d < floor(p/2).
type divisors struct {
	all   []int32 // of all periods, ascending for each
	start []int32 // of period p: all[start[p]:start[p+1]]
}

// upTo makes the divisors of all periods to last known.
func (d *divisors) upTo(last int) {
	if len(d.start) >= last+2 {
		return
	}
	start := make([]int32, last+2)
	for q := 2; q <= last/2; q++ {
		for p := 2 * q; p <= last; p += q {
			if q < p/2 {
				start[p+1]++
			}
		}
	}
	for p := range last + 1 {
		start[p+1] += start[p]
	}
	all := make([]int32, start[last+1])
	next := append([]int32(nil), start...)
	for q := 2; q <= last/2; q++ {
		for p := 2 * q; p <= last; p += q {
			if q < p/2 {
				all[next[p]] = int32(q)
				next[p]++
			}
		}
	}
	d.all, d.start = all, start
}

// of returns the divisors of period p.
func (d *divisors) of(p int) []int32 { return d.all[d.start[p]:d.start[p+1]] }
