package beacon

import "math"

// covariance is the scratch memory of the autocovariance of one group. Buckets are counted
// from the newest one with events, so that the interval is [0, n).
//
// Counts are whole numbers. Taken from a whole number near their mean, as u, their sums, the
// sums of their squares and the sums of their products at a distance are whole numbers too,
// and exact: all windows, shifts and periods share them as prefix sums, and equal sums make
// equal numbers, so that ties are ties. Only the last step, from u to the distance from the
// mean of a period, is rounded (see centre).
type covariance struct {
	r     []float64 // R(p), the running mean of the correlations
	folds []float64 // how many correlations R(p) is the mean of
	exact []bool    // all of them are 1 and not rounded: perfect correlation

	u    []int64 // counts less the whole number origin; the counts themselves where that is 0
	own  []int64 // memory for u
	sum  []int64 // sum of u[:t], by t
	sqr  []int64 // sum of u[:t] squared, by t
	lags []int64 // sum of u[t]*u[t+p] over all windows, by p; without jitter

	packed []int64 // see lagSums

	jittered jittered
}

// maxExact bounds the sums: below it a float64 holds every whole number.
const maxExact = 1 << 53

// tie is the relative difference below which two candidates count as tied: far above the
// rounding of either way to compute them, far below what tells counts apart.
const tie = 1e-11

// autocovariance returns the largest R(p) for the counts of the interval and its period; the
// smallest period on ties.
func (w *Analyzer) autocovariance(counts []int64) (largest float64, period int) {
	c := &w.covariance
	n := len(counts)
	maxPeriod := n / w.p.MinNumberPeriods
	clear(grow(&c.r, maxPeriod+1))
	clear(grow(&c.folds, maxPeriod+1))
	for i := range grow(&c.exact, maxPeriod+1) {
		c.exact[i] = true
	}
	w.divisors.upTo(maxPeriod)

	origin, ok := c.shift(counts)
	if ok {
		if w.reach(maxPeriod) == 0 {
			c.withoutJitter(n, maxPeriod, origin, w)
		} else {
			ok = c.withJitter(n, maxPeriod, origin, w)
		}
	}
	if ok {
		largest, period, ok = c.largest()
	}
	if !ok {
		w.plain(counts)
		largest, period = math.Inf(-1), 0
		for p := 2; p < len(c.r); p++ {
			if c.r[p] > largest {
				largest, period = c.r[p], p
			}
		}
	}
	return largest, period
}

// reach returns how far a window may be shifted for a period of p buckets.
func (w *Analyzer) reach(p int) int { return int(w.p.MaxJitter * float64(p)) }

// largest returns the largest R(p) and the smallest period that has it. It is not ok when
// rounding could have broken a tie.
func (c *covariance) largest() (r float64, period int, ok bool) {
	r = math.Inf(-1)
	for p := 2; p < len(c.r); p++ {
		if c.r[p] > r {
			r, period = c.r[p], p
		}
	}
	for p := 2; p < len(c.r); p++ {
		if c.r[p] >= r-tie && p != period && !(c.exact[p] && c.exact[period]) {
			return r, period, false
		}
	}
	return r, period, true
}

// shift fills u and its prefix sums and returns the whole number that u is counted from. It
// is not ok when a sum could exceed maxExact.
func (c *covariance) shift(counts []int64) (origin int64, ok bool) {
	n := len(counts)
	var total, most, signs int64
	for _, k := range counts {
		most = max(most, k)
		signs |= k
		total += k
	}
	if signs < 0 || most > maxExact/int64(n) { // total may be wrong, most is not
		return 0, false
	}
	if 4*float64(n)*float64(most)*float64(most) >= maxExact {
		return 0, false
	}
	origin = (total + int64(n)/2) / int64(n)
	c.u = counts
	if origin != 0 {
		c.u = grow(&c.own, n)
		for t, k := range counts {
			c.u[t] = k - origin
		}
	}
	sum, sqr := grow(&c.sum, n+1)[:len(c.u)+1], grow(&c.sqr, n+1)[:len(c.u)+1]
	var s, q int64
	sum[0], sqr[0] = 0, 0
	for t, v := range c.u {
		s += v
		q += v * v
		sum[t+1], sqr[t+1] = s, q
	}
	return origin, true
}

// fold takes the correlation of s into R(p).
func (c *covariance) fold(p int, s sums) {
	if s.xy != s.x || s.x != s.y {
		c.exact[p] = c.exact[p] && s.x*s.y == 0
	}
	c.foldValue(p, correlation(s.x, s.y, s.xy))
}

// foldValue takes the correlation r into R(p).
func (c *covariance) foldValue(p int, r float64) {
	c.folds[p]++
	c.r[p] += (r - c.r[p]) / c.folds[p]
}

// windows is how the interval is cut for one period. Window k, for the shift j, compares x,
// the period buckets from reach+(k+1)*period, with y, those from reach+k*period-j.
type windows struct {
	period   int
	reach    int // largest shift
	count    int // of windows
	from, to int // buckets that the mean of the period is taken over; from >= to for none
}

func windowsOf(n, period, reach int) windows {
	w := windows{period: period, reach: reach}
	if last := n - 2*period - reach; last >= 0 {
		w.count = last/period + 1
		w.from = reach + period
		w.to = reach + (w.count-1)*period
		if last-(w.count-1)*period == period-1 {
			w.to += period // only then the buckets of the last x take part
		}
	}
	return w
}

// A centre turns sums over size elements of u into sums over their distances from the mean
// of the period. That mean is origin + whole + rest, whole being a whole number and rest at
// most one half in size: the step by whole is exact, and as no whole number but 0 is nearer
// to 0 than to rest, the step by rest cannot cancel.
type centre struct {
	mean        float64 // of the counts
	whole, rest float64
	moved       bool    // whole is not 0, as it mostly is
	once, twice float64 // size*whole*whole, 2*size*whole
	last        float64 // size*rest*rest
}

// centreOf returns the centre for the mean of w, for sums over size elements.
func (c *covariance) centreOf(w *windows, size int, origin int64) centre {
	var m centre
	whole := -origin // for a mean of 0
	if w.from < w.to {
		n := int64(w.to - w.from)
		s := c.sum[w.to] - c.sum[w.from]
		m.mean = float64(s+origin*n) / float64(n)
		whole = 0
		if 2*s > n || 2*s < -n {
			whole = int64(math.Round(float64(s) / float64(n))) // one too far does no harm
		}
		m.rest = float64(s-whole*n) / float64(n)
	}
	if whole != 0 {
		m.moved = true
		m.whole = float64(whole)
		m.once = float64(size) * m.whole * m.whole
		m.twice = 2 * float64(size) * m.whole
	}
	m.last = float64(float64(size)*m.rest) * m.rest
	return m
}

// product returns sum((u-mean)*(v-mean)) from uv = sum(u*v) and s = sum(u) + sum(v).
func (m *centre) product(uv, s float64) float64 {
	if m.moved {
		uv = uv - float64(m.whole*s) + m.once
		s -= m.twice
	}
	return uv - float64(m.rest*s) + m.last
}

// withoutJitter computes R(p) for J = 0: the windows of a period touch, so that their sums
// are sums over one range, and the divisors of a period get the same sums as the period.
func (c *covariance) withoutJitter(n, maxPeriod int, origin int64, w *Analyzer) {
	c.lagSums(n, maxPeriod, origin, w.filled)
	for p := 2; p <= maxPeriod; p++ {
		r, exact := c.straight(p, n, origin)
		w.foldAll(p, r, exact)
	}
}

// straight returns the correlation over the windows of period p without shifts. exact tells
// that it is 1, and not by rounding.
func (c *covariance) straight(p, n int, origin int64) (r float64, exact bool) {
	xx, yy, xy := c.straightSums(p, n, origin)
	root := math.Sqrt(xx * yy)
	if root == 0 {
		return 1, true
	}
	return xy / root, xy == xx && xx == yy
}

// straightSums returns what straight is computed from: zeros when there is no window.
func (c *covariance) straightSums(p, n int, origin int64) (xx, yy, xy float64) {
	whole := n / p
	if whole < 2 {
		return 0, 0, 0
	}
	size := (whole - 1) * p // elements that are compared
	from, to := p, (whole-2)*p
	if n-whole*p == p-1 {
		to += p // see windowsOf
	}
	sx, sy := c.sum[size+p]-c.sum[p], c.sum[size]
	xx, yy, xy = float64(c.sqr[size+p]-c.sqr[p]), float64(c.sqr[size]), float64(c.lags[p])
	var s int64
	if from < to {
		s = c.sum[to] - c.sum[from]
	}
	if span := int64(to - from); span > 0 && 2*s <= span && 2*s >= -span {
		// What centreOf and product do when the mean is next to origin, as it mostly is.
		rest := float64(s) / float64(span)
		last := float64(float64(size)*rest) * rest
		return xx - float64(rest*float64(2*sx)) + last, yy - float64(rest*float64(2*sy)) + last, xy - float64(rest*float64(sx+sy)) + last
	}
	w := windowsOf(n, p, 0)
	m := c.centreOf(&w, size, origin)
	return m.product(xx, float64(2*sx)), m.product(yy, float64(2*sy)), m.product(xy, float64(sx+sy))
}

// reaches reports whether the correlation of any period may reach limit, above 0, without
// shifts. R(p) is a mean of correlations: where none reaches the limit, no R(p) does. It is
// far cheaper than R(p), and false for most groups.
func (c *covariance) reaches(limit float64, counts []int64, w *Analyzer) bool {
	n := len(counts)
	maxPeriod := n / w.p.MinNumberPeriods
	if c.pairsBelow(limit, counts, w) {
		return false
	}
	origin, ok := c.shift(counts)
	if !ok {
		return true
	}
	c.lagSums(n, maxPeriod, origin, w.filled)
	limit *= 1 - 1e-9 // more than rounding can do
	square := limit * limit
	for p := 2; p <= maxPeriod; p++ {
		xx, yy, xy := c.straightSums(p, n, origin)
		if product := xx * yy; product <= 0 || xy > 0 && xy*xy >= square*product {
			return true
		}
	}
	return false
}

// pairsBelow reports that the correlation of no period can reach limit, as far as the sums of
// products of few counts can tell by themselves.
//
// For a period p of which W windows are in the interval, with the mean m, the sum of
// (x-m)*(y-m) over the size = (W-1)*p elements that are compared is
//
//	sum(x*y) - m*(sum(x)+sum(y)) + m*m*size <= sum(x*y) - 2*m*m*span + m*m*size <= sum(x*y)
//
// since no count is below 0, the span >= (W-3)*p elements that m is taken over are among the x
// and among the y, and size <= 2*span where W >= 5. The sums of squares are least around the
// mean of the x and that of the y. As n < (W+1)*p, the x take in the buckets from n/W to
// n*W/(W+1) and the y those to n*(W-1)/(W+1): for all periods, since W is least for the
// longest.
func (c *covariance) pairsBelow(limit float64, counts []int64, w *Analyzer) bool {
	n, windows := len(counts), w.p.MinNumberPeriods
	if windows < 5 || 4*len(w.filled) > n {
		return false
	}
	maxPeriod, xTo, yTo := n/windows, n*windows/(windows+1), n*(windows-1)/(windows+1)
	most := int64(n) // of a count; more could make the sums overflow, and is not few
	var total, x, xx, y, yy int64
	for _, i := range w.filled {
		t, k := int(i), counts[i]
		if k < 0 || k > most {
			return false
		}
		total += k
		if t >= maxPeriod && t < xTo {
			x += k
			xx += k * k
		}
		if t < yTo {
			y += k
			yy += k * k
		}
	}
	squares := max(0, float64(xx)-float64(x)*float64(x)/float64(xTo-maxPeriod)) * max(0, float64(yy)-float64(y)*float64(y)/float64(yTo))
	least := limit * (1 - 1e-9) * math.Sqrt(squares)
	if 2*float64(total)*float64(total) > least*float64(n) {
		return false // the sums of products are about total*total/n, and the largest is often twice that
	}
	for _, xy := range c.pairLags(counts, maxPeriod, w.filled)[2:] {
		if float64(xy) >= least {
			return false
		}
	}
	return true
}

// foldAll takes r into R(p) and into R(d) of all divisors d of p.
func (w *Analyzer) foldAll(p int, r float64, exact bool) {
	c := &w.covariance
	c.foldValue(p, r)
	if !exact {
		c.exact[p] = false
	}
	for _, d := range w.divisors.of(p) {
		c.foldValue(int(d), r)
		if !exact {
			c.exact[d] = false
		}
	}
}
