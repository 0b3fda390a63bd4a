package beacon

import "math"

// The plain evaluation: every sum taken over the buckets themselves, in their order and in
// doubles, as the reference does it. It decides where candidates are tied but for rounding,
// and takes over where counts are too large for exact sums.

// plainSums returns the sums of squares of x, of y and of their products, for the window
// whose x begins at bucket x and whose y begins at bucket y.
func plainSums(counts []float64, x, y, period int, mean float64) (xx, yy, xy float64) {
	xs, ys := counts[x:x+period], counts[y:y+period]
	for t, v := range xs {
		a, b := v-mean, ys[t]-mean
		xx += float64(a * a)
		yy += float64(b * b)
		xy += float64(a * b)
	}
	return xx, yy, xy
}

// correlation is C / sqrt(X*Y), 1 where the root is 0.
func correlation(xx, yy, xy float64) float64 {
	if root := math.Sqrt(xx * yy); root != 0 {
		return xy / root
	}
	return 1
}

// plain computes R(p) for all periods.
func (w *Analyzer) plain(counts []int64) {
	c := &w.covariance
	clear(c.r)
	clear(c.folds)
	n := len(counts)
	x := grow(&c.jittered.counts, n)
	for t, k := range counts {
		x[t] = float64(k)
	}
	for p := 2; p < len(c.r); p++ {
		ws := windowsOf(n, p, w.reach(p))
		mean := 0.0
		if ws.from < ws.to {
			for _, v := range x[ws.from:ws.to] {
				mean += v
			}
			mean /= float64(ws.to - ws.from)
		}
		divisors := w.divisors.of(p)
		sums := grow(&c.jittered.sums, len(divisors)+1) // those of p last
		clear(sums)
		shifts := grow(&c.jittered.candidates, 2*ws.reach+1)
		for k := range ws.count {
			y := ws.reach + k*p
			best, bestR := 0, math.Inf(-1)
			var xx float64
			for i := range shifts {
				s := &shifts[i]
				xx, s.y, s.xy = plainSums(x, y+p, y+ws.reach-i, p, mean)
				if r := correlation(xx, s.y, s.xy); r > bestR {
					best, bestR = i, r
				}
			}
			sums[len(divisors)].add(xx, &shifts[best])
			for i, d := range divisors {
				reach := w.reach(int(d))
				near := shifts[ws.reach-reach : ws.reach+reach+1]
				best := 0
				for i := range near {
					if near[i].xy > near[best].xy {
						best = i
					}
				}
				sums[i].add(xx, &near[best])
			}
		}
		for i, d := range divisors {
			c.fold(int(d), sums[i])
		}
		c.fold(p, sums[len(divisors)])
	}
}
