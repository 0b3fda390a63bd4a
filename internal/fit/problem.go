package fit

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"

	"fresnel/internal/rank"
)

// A problem is what is made small: the loss over rows, of parameters under bounds.
//
// A cell is a level of a piece, of those that can have points. A parameter is a step from a
// level to the next (a step is never negative), or, of pieces without order, the points of
// a level themselves. The points of a cell are a sum of parameters, or the negative of one.
type problem struct {
	opts   Options
	pieces []rank.Piece
	cells  int
	first  []int     // by piece: the cell of its level 1
	steps  [][]int   // by cell: the parameters that its points are made of; none for plain levels
	sign   []float64 // by cell: of its points
	free   []bool    // by parameter: whether it may be negative
	prior  []float64 // by parameter
	l2     []float64 // by parameter

	// Rows, each with a weight; equal ones are one row. Sorted by world.
	width  int      // cells of a row
	rows   []uint16 // width cells each, rising; cells itself, which has no points, where the level is 0 or plain
	weight []float64
	truth  []bool
	world  []int // by row
	worlds int
}

// A state are the parameters, and the bias of each world for the logistic loss.
type state struct {
	theta  []float64
	bias   []float64
	loss   float64
	rounds int
}

func newProblem(pieces []rank.Piece, data Data, opts Options) (*problem, error) {
	if err := check(pieces, data, opts); err != nil {
		return nil, err
	}
	p := &problem{opts: opts, pieces: pieces, width: len(pieces)}
	for i, piece := range pieces {
		p.first = append(p.first, p.cells)
		p.addCells(piece, opts.Prior, i)
		p.cells += len(piece.Levels)
		l2 := cmp.Or(opts.L2, 1)
		if opts.Doubt != nil {
			l2 *= opts.Doubt[i]
		}
		for len(p.l2) < len(p.free) {
			p.l2 = append(p.l2, l2)
		}
	}
	p.gather(data)
	return p, nil
}

// addCells makes the cells and parameters of a piece.
func (p *problem) addCells(piece rank.Piece, prior [][]float64, index int) {
	n := len(piece.Levels)
	base := len(p.steps)
	p.steps = append(p.steps, make([][]int, n)...)
	p.sign = append(p.sign, make([]float64, n)...)
	want := func(l int) float64 {
		if l < 0 || l >= n || prior == nil || piece.Levels[l].Side == rank.Plain {
			return 0
		}
		return prior[index][l]
	}
	if piece.Free {
		for l, level := range piece.Levels {
			if level.Side == rank.Plain {
				continue
			}
			p.sign[base+l] = 1
			p.steps[base+l] = []int{len(p.free)}
			p.free = append(p.free, true)
			p.prior = append(p.prior, want(l))
		}
		return
	}
	// Against: the points of a level are less the steps from it up to the plain one.
	var so []int
	for l := n - 1; l >= 0; l-- {
		if piece.Levels[l].Side != rank.Against {
			continue
		}
		next := 0.0
		if l+1 < n && piece.Levels[l+1].Side == rank.Against {
			next = want(l + 1)
		}
		so = append(so, len(p.free))
		p.free = append(p.free, false)
		p.prior = append(p.prior, max(next-want(l), 0))
		p.steps[base+l] = slices.Clone(so)
		p.sign[base+l] = -1
	}
	// For: the points of a level are the steps up to it.
	so = nil
	for l, level := range piece.Levels {
		if level.Side != rank.For {
			continue
		}
		before := 0.0
		if l > 0 && piece.Levels[l-1].Side == rank.For {
			before = want(l - 1)
		}
		so = append(so, len(p.free))
		p.free = append(p.free, false)
		p.prior = append(p.prior, max(want(l)-before, 0))
		p.steps[base+l] = slices.Clone(so)
		p.sign[base+l] = 1
	}
}

// gather puts equal rows together.
func (p *problem) gather(data Data) {
	n := len(data.Positive)
	seed := maphash.MakeSeed() // only finds equal rows: what comes out does not depend on it
	byHash := make(map[uint64][]int32, n/4)
	var from []int32 // row of data that a row was made of
	worldOf := func(i int) int {
		if data.World == nil {
			return 0
		}
		return data.World[i]
	}
	for i := range n {
		w := 1.0
		if data.Weight != nil {
			w = data.Weight[i]
		}
		if data.Positive[i] && p.opts.Loss == Logistic {
			w *= cmp.Or(p.opts.PositiveWeight, 1)
		}
		p.worlds = max(p.worlds, worldOf(i)+1)
		if w == 0 {
			continue
		}
		levels := data.Levels[i*p.width : (i+1)*p.width]
		h := maphash.Bytes(seed, levels)
		at := int32(-1)
		for _, j := range byHash[h] {
			o := int(from[j])
			if data.Positive[o] == data.Positive[i] && worldOf(o) == worldOf(i) && slices.Equal(levels, data.Levels[o*p.width:(o+1)*p.width]) {
				at = j
				break
			}
		}
		if at < 0 {
			at = int32(len(from))
			byHash[h] = append(byHash[h], at)
			from = append(from, int32(i))
			p.weight = append(p.weight, 0)
		}
		p.weight[at] += w
	}
	order := make([]int32, len(from))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(worldOf(int(from[a])), worldOf(int(from[b]))) })
	weight := make([]float64, len(order))
	p.rows = make([]uint16, 0, len(order)*p.width)
	for k, j := range order {
		o := int(from[j])
		weight[k] = p.weight[j]
		p.truth = append(p.truth, data.Positive[o])
		p.world = append(p.world, worldOf(o))
		for i, level := range data.Levels[o*p.width : (o+1)*p.width] {
			cell := uint16(p.cells)
			if level > 0 && len(p.steps[p.first[i]+int(level)-1]) > 0 {
				cell = uint16(p.first[i] + int(level) - 1)
			}
			p.rows = append(p.rows, cell)
		}
	}
	p.weight = weight
}

// points returns the points of each cell, and the 0 of what is no cell.
func (p *problem) points(theta []float64) []float64 {
	points := make([]float64, p.cells+1)
	for c, steps := range p.steps {
		for _, s := range steps {
			points[c] += p.sign[c] * theta[s]
		}
	}
	return points
}

// scores returns the points of each row, without a bias.
func (p *problem) scores(theta []float64, dst []float64) []float64 {
	points := p.points(theta)
	for i := range p.weight {
		sum := 0.0
		for _, c := range p.rows[i*p.width : (i+1)*p.width] {
			sum += points[c]
		}
		dst[i] = sum
	}
	return dst
}

// without returns p as if nothing were known of a piece.
func (p *problem) without(piece int) *problem {
	q := *p
	q.rows, q.steps = slices.Clone(p.rows), slices.Clone(p.steps)
	for i := piece; i < len(q.rows); i += q.width {
		q.rows[i] = uint16(p.cells)
	}
	for l := range p.pieces[piece].Levels {
		q.steps[p.first[piece]+l] = nil
	}
	return &q
}

// weights returns what Fit does of a state.
func (p *problem) weights(s state) Weights {
	w := Weights{Points: make([][]float64, len(p.pieces)), Loss: s.loss, Rounds: s.rounds}
	points := p.points(s.theta)
	for i, piece := range p.pieces {
		w.Points[i] = points[p.first[i] : p.first[i]+len(piece.Levels) : p.first[i]+len(piece.Levels)]
	}
	w.Bias = p.calibrate(p.scores(s.theta, make([]float64, len(p.weight))))
	return w
}

// calibrate returns the bias with which the probabilities of all rows sum up to the weight of
// the beacons.
func (p *problem) calibrate(scores []float64) float64 {
	positive := 0.0
	for i, w := range p.weight {
		if p.truth[i] {
			positive += w
		}
	}
	lo, hi := -60.0, 60.0
	for range 60 {
		mid, sum := (lo+hi)/2, 0.0
		for i, s := range scores {
			sum += p.weight[i] * logistic(s+mid)
		}
		if sum < positive {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus returns log(1 + exp(x)).
func softplus(x float64) float64 {
	if x > 30 {
		return x
	}
	return math.Log1p(math.Exp(x))
}
