package beacon

import (
	"math"
	"math/bits"
)

// jittered is the scratch memory of the autocovariance with jitter.
type jittered struct {
	counts   []float64
	sum, sqr []float64 // covariance.sum and sqr
	products products

	before  []int32   // how many buckets with events stand before bucket t, by t
	pairs   []float64 // sum of u[t]*u[s] over pairs of buckets with events, by shift
	changes []uint64  // a bit for each shift whose sums differ from those of the shift before

	candidates []candidate
	scores     []float64 // of the candidates
	near       []nearby
	sums       []sums // for the plain evaluation: those of the divisors of a period, and of the period
}

// nearby gathers the sums for the divisors of a period that have the same reach.
type nearby struct {
	reach int
	sums  sums
}

// A candidate is a shift of a window, or several neighbouring ones that give the same sums.
type candidate struct {
	shift int // the smallest of them; the next candidate begins where it ends
	y, xy float64
}

// sums are those of squares of x and of y and of their products over the windows of a period.
type sums struct{ x, y, xy float64 }

func (s *sums) add(x float64, c *candidate) {
	s.x += x
	s.y += c.y
	s.xy += c.xy
}

// addAll adds v to each sum.
func (s *sums) addAll(v float64) {
	s.x += v
	s.y += v
	s.xy += v
}

// A window is one position of a period: its x begins at bucket y+period, its y for the
// shift j at bucket y-j.
type window struct {
	windows
	y      int
	x      float64 // sum of squares of x
	centre *centre
}

// withJitter computes R(p) for any J. It is not ok when the sums of products would need too
// much memory.
func (c *covariance) withJitter(n, maxPeriod int, origin int64, w *Analyzer) (ok bool) {
	j := &c.jittered
	j.prepare(c, n, origin)
	sparse := origin == 0 && 10*len(w.filled) < n // from there on all shifts are sooner done than the changes are found
	if sparse {
		j.countBefore(n, w.filled)
	}
	j.products.end = 0

	rigid := 1 // periods up to this one have no shifts
	for rigid < maxPeriod && w.reach(rigid+1) == 0 {
		rigid++
	}
	if rigid > 1 {
		c.lagSums(n, rigid, origin, w.filled)
	}
	for p := 2; p <= maxPeriod; p++ {
		ws := windowsOf(n, p, w.reach(p))
		if ws.count == 0 {
			w.foldAll(p, 1, true)
			continue
		}
		if ws.reach == 0 {
			r, exact := c.straight(p, n, origin)
			w.foldAll(p, r, exact)
			continue
		}
		if !sparse && p > j.products.end && !j.products.build(c.u, p, maxPeriod, w) {
			return false
		}
		m := c.centreOf(&ws, p, origin)
		divisors := w.divisors.of(p)
		near := j.near[:0]
		for _, d := range divisors {
			if reach := w.reach(int(d)); len(near) == 0 || near[len(near)-1].reach != reach {
				near = append(near, nearby{reach: reach})
			}
		}
		j.near = near
		var own sums
		at := window{windows: ws, centre: &m}
		empty := 0
		for k := range ws.count {
			at.y = ws.reach + k*p
			sx, qx := j.sum[at.y+2*p]-j.sum[at.y+p], j.sqr[at.y+2*p]-j.sqr[at.y+p]
			at.x = m.product(qx, 2*sx)
			var best int
			if sparse {
				if j.before[at.y+2*p] == j.before[at.y-ws.reach] {
					empty++
					continue
				}
				best = j.sparseCandidates(&at, sx, c.u, w.filled)
			} else {
				best = j.denseCandidates(&at, sx)
			}
			own.add(at.x, &j.candidates[best])
			j.addNear(&at)
		}
		if empty > 0 { // in those x = y = -mean
			v := float64(empty) * m.product(0, 0)
			own.addAll(v)
			for i := range near {
				near[i].sums.addAll(v)
			}
		}
		c.fold(p, own)
		i := 0
		for _, d := range divisors {
			if near[i].reach != w.reach(int(d)) {
				i++
			}
			c.fold(int(d), near[i].sums)
		}
	}
	return true
}

// prepare takes over the counts, and the prefix sums as floats.
func (j *jittered) prepare(c *covariance, n int, origin int64) {
	counts := grow(&j.counts, n)
	for t, v := range c.u {
		counts[t] = float64(v + origin)
	}
	sum, sqr := grow(&j.sum, n+1), grow(&j.sqr, n+1)
	for t := range sum {
		sum[t], sqr[t] = float64(c.sum[t]), float64(c.sqr[t])
	}
}

// countBefore fills before.
func (j *jittered) countBefore(n int, filled []int32) {
	before := grow(&j.before, n+1)
	t := 0
	for k, i := range filled {
		for ; t <= int(i); t++ {
			before[t] = int32(k)
		}
	}
	for ; t <= n; t++ {
		before[t] = int32(len(filled))
	}
}

// products holds sums of products of buckets at a distance, for several periods.
type products struct {
	sums    []float64 // sum of u[s]*u[s-lag] over s < t, at t*width + lag-first
	reverse []float64 // u, the oldest bucket first, and zeros
	width   int       // number of lags
	first   int       // smallest lag
	end     int       // last period that the lags are enough for
}

// maxProducts bounds the memory for sums of products: 64 MiB.
const maxProducts = 64 << 20 / 8

// build makes the sums for the period p and as many after it as there is memory for. It
// returns false when there is not even enough for p.
//
// The window of period p at y, with shift j, multiplies buckets at the distance p+j; its x
// ends at y+2p whatever the shift. So the sums that all its shifts need stand side by side.
func (s *products) build(u []int64, p, maxPeriod int, w *Analyzer) bool {
	n := len(u)
	most := maxProducts / (n + 1)
	s.first = p - w.reach(p)
	width := func(end int) int { return end + w.reach(end) + 1 - s.first }
	if width(p) > most {
		return false
	}
	s.end = p
	for s.end < maxPeriod && 2*(s.end+1)+w.reach(s.end+1) <= n && width(s.end+1) <= most {
		s.end++
	}
	s.width = width(s.end)

	reverse := grow(&s.reverse, n+s.first+s.width)
	clear(reverse[n:])
	for t, v := range u {
		reverse[n-1-t] = float64(v)
	}
	all := grow(&s.sums, (n+1)*s.width)
	row := all[:s.width]
	clear(row)
	for t := range u {
		next := all[(t+1)*s.width:][:len(row)]
		past := reverse[n-1-t+s.first:][:len(row)] // u[t-lag], by lag
		v := float64(u[t])
		for l, sum := range row {
			next[l] = sum + float64(v*past[l])
		}
		row = next
	}
	return true
}

// denseCandidates sets candidates to all shifts of the window and returns the index of the
// one with the largest correlation; sx is the sum of the window's x.
func (j *jittered) denseCandidates(at *window, sx float64) (best int) {
	p, reach, s := at.period, at.reach, &j.products
	size := 2*reach + 1
	candidates := grow(&j.candidates, size)
	lag := p - reach - s.first
	begin, end := s.sums[(at.y+p)*s.width+lag:][:size], s.sums[(at.y+2*p)*s.width+lag:][:size]
	low := at.y - reach
	sum0, sum1 := j.sum[low:][:size], j.sum[low+p:][:size]
	sqr0, sqr1 := j.sqr[low:][:size], j.sqr[low+p:][:size]
	m := *at.centre
	scores := grow(&j.scores, size)
	top := int64(math.MinInt64)
	for i := range candidates {
		k := size - 1 - i
		sy, qy := sum1[k]-sum0[k], sqr1[k]-sqr0[k]
		y, xy := m.product(qy, 2*sy), m.product(end[i]-begin[i], sx+sy)
		candidates[i] = candidate{shift: i - reach, y: y, xy: xy}
		score := at.x // r = 1
		if y != 0 {
			score = xy * math.Abs(xy) / y
		}
		scores[i] = score
		if key := order(score); key > top { // compiles to no jump, that would often be guessed wrong
			top = key
		}
	}
	return j.bestCorrelation(at, unorder(top))
}

// sparseCandidates sets candidates to the shifts of the window that differ in their sums
// from the shift before, and returns the index of the one with the largest correlation; sx
// is the sum of the window's x. u is the counts.
func (j *jittered) sparseCandidates(at *window, sx float64, u []int64, filled []int32) (best int) {
	p, reach, m := at.period, at.reach, at.centre
	candidates := j.candidates[:0]
	s := at.y + reach // where y begins, for the smallest shift
	ys := filled[j.before[at.y-reach]:j.before[at.y+reach+p]]
	if len(ys) == 0 {
		candidates = append(candidates, candidate{-reach, m.product(0, 0), m.product(0, sx)})
		j.candidates = candidates
		return 0
	}
	pairs, changes := grow(&j.pairs, 2*reach+1), grow(&j.changes, (2*reach+1+63)/64)
	clear(pairs)
	clear(changes)
	// Change k is that of the step to the shift k-reach. A step on, y begins one bucket earlier.
	change := func(k int) {
		if uint(k) < uint(len(pairs)) {
			changes[k/64] |= 1 << (k % 64)
		}
	}
	xs := filled[j.before[at.y+p]:j.before[at.y+2*p]]
	for _, y := range ys {
		k := s - int(y)
		change(k)     // y comes in
		change(k + p) // y goes out
		for _, x := range xs {
			if k := int(x-y) - p + reach; uint(k) < uint(len(pairs)) {
				pairs[k] += float64(u[x] * u[y])
				change(k)
				change(k + 1)
			}
		}
	}
	changes[0] |= 1
	for i, word := range changes {
		for ; word != 0; word &= word - 1 {
			k := i*64 + bits.TrailingZeros64(word)
			sy, qy := j.sum[s-k+p]-j.sum[s-k], j.sqr[s-k+p]-j.sqr[s-k]
			candidates = append(candidates, candidate{k - reach, m.product(qy, 2*sy), m.product(pairs[k], sx+sy)})
		}
	}
	j.candidates = candidates
	scores := grow(&j.scores, len(candidates))
	top := math.Inf(-1)
	for i := range candidates {
		scores[i] = at.x // r = 1
		if c := &candidates[i]; c.y != 0 {
			scores[i] = c.xy * math.Abs(c.xy) / c.y
		}
		top = max(top, scores[i])
	}
	return j.bestCorrelation(at, top)
}

// order returns a whole number that is larger for a larger f.
func order(f float64) int64 {
	b := int64(math.Float64bits(f))
	return b ^ int64(uint64(b>>63)>>1)
}

// unorder returns the number that order made o of.
func unorder(o int64) float64 {
	return math.Float64frombits(uint64(o ^ int64(uint64(o>>63)>>1)))
}

// bestCorrelation returns the candidate with the largest correlation, given the largest of
// the scores; these order candidates as the correlations do, being r*|r|*x.
func (j *jittered) bestCorrelation(at *window, top float64) (best int) {
	if at.x == 0 { // all correlations are 1
		return 0
	}
	candidates := j.candidates
	scores := j.scores[:len(candidates)]
	least := top - tie*at.x
	for scores[best] < least {
		best++
	}
	tied := false
	for i := best + 1; i < len(scores); i++ {
		if scores[i] >= least && (candidates[i].y != candidates[best].y || candidates[i].xy != candidates[best].xy) {
			tied = true // but for rounding, and the choice matters
		}
	}
	if !tied {
		return best
	}
	largest := math.Inf(-1)
	for i := range candidates {
		if scores[i] < least {
			continue
		}
		for shift := candidates[i].shift; shift < j.endOf(i, at.reach); shift++ {
			if r := correlation(plainSums(j.counts, at.y+at.period, at.y-shift, at.period, at.centre.mean)); r > largest {
				best, largest = i, r
			}
		}
	}
	return best
}

// addNear adds, for the divisors of each reach, the candidate within it that has the largest
// sum of products.
func (j *jittered) addNear(at *window) {
	if len(j.near) == 0 {
		return
	}
	candidates := j.candidates
	middle := at.reach
	if len(candidates) != 2*at.reach+1 { // not one for each shift
		middle = 0
		for middle+1 < len(candidates) && candidates[middle+1].shift <= 0 {
			middle++
		}
	}
	lo, hi := middle, middle
	for i := range j.near {
		near := &j.near[i]
		for candidates[lo].shift > -near.reach {
			lo--
		}
		for hi+1 < len(candidates) && candidates[hi+1].shift <= near.reach {
			hi++
		}
		best := lo
		if lo < hi && at.x != 0 { // without x all products are 0: the first
			best = j.bestProduct(at, lo, hi, near.reach)
		}
		near.sums.add(at.x, &candidates[best])
	}
}

// bestProduct returns the index of the candidate with the largest sum of products, of those
// from lo to hi, of which shifts up to reach count.
func (j *jittered) bestProduct(at *window, lo, hi, reach int) int {
	candidates := j.candidates[:hi+1]
	best, tied := lo, false
	first := candidates[lo]
	near := tie * (at.x + first.y)
	xy := first.xy
	for i := lo + 1; i < len(candidates); i++ {
		c := &candidates[i]
		if c.xy < xy-near {
			continue
		}
		if c.xy > xy+near {
			best, xy, tied = i, c.xy, false
			near = tie * (at.x + c.y)
			continue
		}
		tied = tied || c.y != candidates[best].y || c.xy != candidates[best].xy
		if c.xy > xy {
			best, xy = i, c.xy
		}
	}
	if !tied {
		return best
	}
	near = tie * (at.x + candidates[best].y)
	largest := math.Inf(-1)
	for i := lo; i < len(candidates); i++ {
		if candidates[i].xy < xy-near {
			continue
		}
		for shift := max(candidates[i].shift, -reach); shift < min(j.endOf(i, at.reach), reach+1); shift++ {
			if _, _, v := plainSums(j.counts, at.y+at.period, at.y-shift, at.period, at.centre.mean); v > largest {
				best, largest = i, v
			}
		}
	}
	return best
}

// endOf returns the shift after those of candidate i.
func (j *jittered) endOf(i, reach int) int {
	if i+1 < len(j.candidates) {
		return j.candidates[i+1].shift
	}
	return reach + 1
}
