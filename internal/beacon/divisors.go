package beacon

// divisors holds for every period the divisors that share in it: d with 2 <= d < floor(p/2).
type divisors struct {
	all   []int32 // of all periods, ascending for each
	start []int32 // of period p: all[start[p]:start[p+1]]
}

// upTo makes the divisors of all periods to max known.
func (d *divisors) upTo(max int) {
	if len(d.start) >= max+2 {
		return
	}
	start := make([]int32, max+2)
	for q := 2; q <= max/2; q++ {
		for p := 2 * q; p <= max; p += q {
			if q < p/2 {
				start[p+1]++
			}
		}
	}
	for p := range max + 1 {
		start[p+1] += start[p]
	}
	all := make([]int32, start[max+1])
	next := append([]int32(nil), start...)
	for q := 2; q <= max/2; q++ {
		for p := 2 * q; p <= max; p += q {
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
