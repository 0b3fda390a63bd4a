package fit

import "math"

// A system is the slope and the curvature of the loss, first of the cells and worlds, then of
// the parameters and worlds.
type system struct {
	size int
	g    []float64
	h    []float64 // size x size, the lower half and its mirror
}

func newSystem(size int) *system {
	return &system{size, make([]float64, size), make([]float64, size*size)}
}

// solve goes to the smallest loss by Newton's method. start may be nil.
func (p *problem) solve(start *state) state {
	s := state{theta: make([]float64, len(p.free)), bias: make([]float64, p.worlds)}
	copy(s.theta, p.prior)
	if start != nil {
		copy(s.theta, start.theta)
		copy(s.bias, start.bias)
	}
	for i, t := range s.theta {
		s.theta[i] = p.within(i, t)
	}
	scores := p.scores(s.theta, make([]float64, len(p.weight)))
	if p.opts.Loss == Logistic && start == nil {
		p.startBias(&s)
	}
	s.loss = p.loss(s, scores)
	rounds := p.opts.MaxRounds
	if rounds == 0 {
		rounds = 100
	}
	trial := state{theta: make([]float64, len(s.theta)), bias: make([]float64, len(s.bias))}
	trialScores := make([]float64, len(scores))
	for s.rounds < rounds {
		sys := p.toParameters(p.derivatives(s, scores), s.theta)
		move, gain := p.step(sys, s.theta)
		if gain < 1e-9*(1+math.Abs(s.loss)) {
			break
		}
		s.rounds++
		// The loss is convex and move leads downhill: some share of it makes the loss smaller.
		t := 1.0
		for ; t > 1e-10; t /= 2 {
			for i := range trial.theta {
				trial.theta[i] = p.within(i, s.theta[i]+t*move[i])
			}
			for i := range trial.bias {
				trial.bias[i] = s.bias[i] + t*move[len(s.theta)+i]
			}
			p.scores(trial.theta, trialScores)
			trial.loss = p.loss(trial, trialScores)
			if trial.loss <= s.loss-1e-4*t*gain {
				break
			}
		}
		if trial.loss >= s.loss {
			break // no digits are left
		}
		s.theta, trial.theta = trial.theta, s.theta
		s.bias, trial.bias = trial.bias, s.bias
		s.loss = trial.loss
		scores, trialScores = trialScores, scores
	}
	return s
}

// within returns the value of a parameter that is nearest to t within its bounds.
func (p *problem) within(i int, t float64) float64 {
	if !p.free[i] {
		t = max(t, 0)
	}
	if most := p.opts.MaxStep; most > 0 {
		t = max(-most, min(t, most))
	}
	return t
}

// startBias sets the bias of each world to what its rows alone make likely.
func (p *problem) startBias(s *state) {
	positive, all := make([]float64, p.worlds), make([]float64, p.worlds)
	for i, w := range p.weight {
		all[p.world[i]] += w
		if p.truth[i] {
			positive[p.world[i]] += w
		}
	}
	for i := range s.bias {
		s.bias[i] = math.Log((positive[i] + 0.5) / (all[i] - positive[i] + 0.5))
	}
}

// loss returns the loss of s with what the prior costs.
func (p *problem) loss(s state, scores []float64) float64 {
	sum := 0.0
	for i, t := range s.theta {
		d := t - p.prior[i]
		sum += p.l2[i] * d * d / 2
	}
	if p.opts.Loss == Logistic {
		for _, b := range s.bias {
			sum += biasL2 * b * b / 2
		}
		for i, x := range scores {
			x += s.bias[p.world[i]]
			if p.truth[i] {
				x = -x
			}
			sum += p.weight[i] * softplus(x)
		}
		return sum
	}
	p.eachWorld(func(_, lo, hi int) {
		above := p.logSum(scores, lo, hi)
		for i := lo; i < hi; i++ {
			if p.truth[i] {
				sum += p.weight[i] * softplus(above-scores[i])
			}
		}
	})
	return sum
}

// biasL2 keeps the bias of a world without beacons finite.
const biasL2 = 1e-4

// eachWorld calls f with the range of rows of each world.
func (p *problem) eachWorld(f func(world, lo, hi int)) {
	for lo := 0; lo < len(p.world); {
		hi := lo
		for hi < len(p.world) && p.world[hi] == p.world[lo] {
			hi++
		}
		f(p.world[lo], lo, hi)
		lo = hi
	}
}

// logSum returns the logarithm of the sum of exp(score) over the rows that are no beacons;
// -infinity when there are none.
func (p *problem) logSum(scores []float64, lo, hi int) float64 {
	most := math.Inf(-1)
	for i := lo; i < hi; i++ {
		if !p.truth[i] {
			most = max(most, scores[i])
		}
	}
	if math.IsInf(most, -1) {
		return most
	}
	sum := 0.0
	for i := lo; i < hi; i++ {
		if !p.truth[i] {
			sum += p.weight[i] * math.Exp(scores[i]-most)
		}
	}
	return most + math.Log(sum)
}

// derivatives returns slope and curvature of the loss over the rows, by cells and worlds.
func (p *problem) derivatives(s state, scores []float64) *system {
	sys := newSystem(p.cells + p.worlds)
	if p.opts.Loss == Logistic {
		for i, x := range scores {
			q := logistic(x + s.bias[p.world[i]])
			slope := q
			if p.truth[i] {
				slope = q - 1
			}
			p.addRow(sys, i, p.weight[i]*slope, p.weight[i]*q*(1-q), p.cells+p.world[i])
		}
		for i, b := range s.bias {
			j := p.cells + i
			sys.g[j] += biasL2 * b
			sys.h[j*sys.size+j] += biasL2
		}
		mirror(sys)
		return sys
	}
	// Of a beacon at x among others with shares q of exp(score): the slope is r (mean - x), the
	// curvature r (spread of the others) + r (1 - r) (mean - x)(mean - x)', r = logistic(log sum - score).
	mean, share := make([]float64, p.cells), make([]float64, p.cells)
	p.eachWorld(func(_, lo, hi int) {
		above := p.logSum(scores, lo, hi)
		total := 0.0 // of r
		for i := lo; i < hi; i++ {
			if p.truth[i] {
				total += p.weight[i] * logistic(above-scores[i])
			}
		}
		if total == 0 {
			return
		}
		clear(mean)
		clear(share)
		sum := 0.0 // of r (1 - r); share is that of r (1 - r) x
		for i := lo; i < hi; i++ {
			if p.truth[i] {
				r := logistic(above - scores[i])
				curve := p.weight[i] * r * (1 - r)
				p.addRow(sys, i, -p.weight[i]*r, curve, -1)
				p.spread(share, i, curve)
				sum += curve
				continue
			}
			q := p.weight[i] * math.Exp(scores[i]-above)
			p.addRow(sys, i, total*q, total*q, -1)
			p.spread(mean, i, q)
		}
		outer(sys, mean, mean, sum-total)
		outer(sys, mean, share, -1)
		outer(sys, share, mean, -1)
	})
	mirror(sys)
	return sys
}

// negligible curvature is left out: of a million rows it adds up to a thousandth of what the
// prior has by default, and only where the next step leads depends on it, not where the last one ends.
const negligible = 1e-9

// spread adds x to the cells of a row.
func (p *problem) spread(sum []float64, row int, x float64) {
	for _, c := range p.rows[row*p.width : (row+1)*p.width] {
		if int(c) < p.cells {
			sum[c] += x
		}
	}
}

// addRow adds the cells of a row to slope and lower half of the curvature; bias is the place
// of the row's bias, or -1.
func (p *problem) addRow(sys *system, row int, slope, curve float64, bias int) {
	cells := p.rows[row*p.width : (row+1)*p.width] // of rising number
	for _, c := range cells {
		if int(c) < p.cells {
			sys.g[c] += slope
		}
	}
	if bias >= 0 {
		sys.g[bias] += slope
	}
	if curve < negligible {
		return
	}
	for i, c := range cells {
		if int(c) == p.cells {
			continue
		}
		line := sys.h[int(c)*sys.size:]
		for _, d := range cells[:i+1] {
			if int(d) < p.cells {
				line[d] += curve
			}
		}
	}
	if bias >= 0 {
		line := sys.h[bias*sys.size:]
		for _, c := range cells {
			if int(c) < p.cells {
				line[c] += curve
			}
		}
		line[bias] += curve
	}
}

// outer adds factor x y' to the lower half of the curvature.
func outer(sys *system, x, y []float64, factor float64) {
	for i, a := range x {
		if a == 0 {
			continue
		}
		line := sys.h[i*sys.size : i*sys.size+i+1]
		for j := range line {
			line[j] += factor * a * y[j]
		}
	}
}

func mirror(sys *system) {
	for i := range sys.size {
		for j := range i {
			sys.h[j*sys.size+i] = sys.h[i*sys.size+j]
		}
	}
}

// toParameters turns a system of cells into one of parameters, and adds the prior's.
func (p *problem) toParameters(cells *system, theta []float64) *system {
	n := len(p.free)
	out := newSystem(n + p.worlds)
	// half = h T: columns of parameters.
	half := make([]float64, cells.size*out.size)
	for i := range cells.size {
		line, to := cells.h[i*cells.size:(i+1)*cells.size], half[i*out.size:(i+1)*out.size]
		for c := range p.cells {
			for _, s := range p.steps[c] {
				to[s] += p.sign[c] * line[c]
			}
		}
		copy(to[n:], line[p.cells:])
	}
	add := func(to int, factor float64, from int) {
		out.g[to] += factor * cells.g[from]
		dst, src := out.h[to*out.size:(to+1)*out.size], half[from*out.size:(from+1)*out.size]
		for j, v := range src {
			dst[j] += factor * v
		}
	}
	for c := range p.cells {
		for _, s := range p.steps[c] {
			add(s, p.sign[c], c)
		}
	}
	for w := range p.worlds {
		add(n+w, 1, p.cells+w)
	}
	for i := range n {
		out.g[i] += p.l2[i] * (theta[i] - p.prior[i])
		out.h[i*out.size+i] += p.l2[i]
	}
	return out
}

// step returns the move that makes the quadratic of the system smallest within the bounds, and
// how much smaller that is. It goes from parameter to parameter until none moves.
func (p *problem) step(sys *system, theta []float64) (move []float64, gain float64) {
	n := sys.size
	move = make([]float64, n)
	slope := append([]float64(nil), sys.g...)
	for range 2000 {
		largest := 0.0
		for i := range n {
			h := sys.h[i*n+i] + 1e-10
			d := -slope[i] / h
			if i < len(theta) {
				d = p.within(i, theta[i]+move[i]+d) - theta[i] - move[i]
			}
			if d == 0 {
				continue
			}
			move[i] += d
			largest = max(largest, d*d*h)
			for j, v := range sys.h[i*n : (i+1)*n] {
				slope[j] += d * v
			}
		}
		if largest < 1e-12 {
			break
		}
	}
	for i, m := range move {
		gain -= m * (sys.g[i] + slope[i]) / 2
	}
	return move, gain
}
