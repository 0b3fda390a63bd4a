// Package fit finds the points of a rank from rows of which the truth is known.
//
// The rank is additive: each piece of evidence is at one of a few levels, and each level has
// points. Fit looks for the points that put the beacons first, under the rules that the
// pieces state: no points against the side of a level, and none against the order of the
// levels. It is pure and deterministic.
package fit

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"fresnel/internal/rank"
)

// Data are rows of which the truth is known.
type Data struct {
	Levels   []uint8   // one per piece and row, row by row, as rank.Levels appends them
	Positive []bool    // one per row: whether it is a beacon
	Weight   []float64 // one per row; nil: all 1. Rows of one implant share a weight of 1
	World    []int     // one per row, from 0: which data set it comes from; nil: one world
}

// A Loss is what a fit makes small.
type Loss int

// The losses.
const (
	// TopHeavy is, for each beacon, the logarithm of 1 + the number of others that stand above it
	// in its world, each counted by exp(its points - the beacon's). So what is
	// near the top counts, which is what average precision asks for, and worlds of any size and
	// share of beacons go together.
	TopHeavy Loss = iota

	// Logistic is the logarithm of the probability of the truth of each row, where each world
	// has a bias of its own.
	Logistic
)

// Options say how to fit.
type Options struct {
	Loss Loss

	// L2 is the weight of the squares of the differences from Prior: 1/variance of what one
	// expects of the step from one level to the next. 0 takes 1.
	L2 float64

	// Doubt multiplies L2 by piece; nil: 1 for all. More than 1 is for what the worlds of the data
	// may not show as it is elsewhere.
	Doubt []float64

	// PositiveWeight multiplies the weight of beacons in the logistic loss; 0 takes 1.
	PositiveWeight float64

	// Prior are the points that a level has as long as the rows say nothing of it, as
	// rank.Model.ByLevel returns them; nil: none.
	Prior [][]float64

	// MaxStep bounds the step from one level to the next, and the points of levels without order:
	// what never happens in the honest part of the rows would otherwise decide alone. 0: no bound.
	MaxStep float64

	// MaxRounds bounds the steps; 0 takes 100. A dozen are usual.
	MaxRounds int
}

// Weights are the result of a fit.
type Weights struct {
	Bias   float64     // so that the rows hold as many beacons as 1/(1+exp(-points)) sums up to
	Points [][]float64 // by piece and level, level 1 first, as rank.NewModel takes them
	Loss   float64     // at the end, with what Prior costs
	Rounds int         // steps that were made
}

// Fit returns the points that make the loss of the data smallest.
//
// The loss is convex and the rules are linear, so there is one smallest value; Fit goes there
// by Newton's method under bounds. Rows at equal levels are put together first. Memory is a
// few times that of the levels.
func Fit(pieces []rank.Piece, data Data, opts Options) (Weights, error) {
	p, err := newProblem(pieces, data, opts)
	if err != nil {
		return Weights{}, err
	}
	s := p.solve(nil)
	return p.weights(s), nil
}

// Scores returns the points of each row.
func (w Weights) Scores(data Data) []float64 {
	n := len(w.Points)
	scores := make([]float64, len(data.Positive))
	for i := range scores {
		sum := w.Bias
		for j, level := range data.Levels[i*n : (i+1)*n] {
			if level > 0 {
				sum += w.Points[j][level-1]
			}
		}
		scores[i] = sum
	}
	return scores
}

// check returns what is wrong with the data.
func check(pieces []rank.Piece, data Data, opts Options) error {
	n := len(data.Positive)
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(data.Levels) != n*len(pieces) {
		fail("levels: got %d, want %d rows of %d", len(data.Levels), n, len(pieces))
	} else {
		for i, level := range data.Levels {
			if p := pieces[i%len(pieces)]; int(level) > len(p.Levels) {
				fail("levels: row %d: %s: got level %d, want at most %d", i/len(pieces), p.Name, level, len(p.Levels))
				break
			}
		}
	}
	if data.Weight != nil {
		if len(data.Weight) != n {
			fail("weight: got %d, want %d", len(data.Weight), n)
		}
		if i := slices.IndexFunc(data.Weight, func(w float64) bool { return !(w >= 0) || math.IsInf(w, 1) }); i >= 0 {
			fail("weight: row %d: got %v, want 0 or more", i, data.Weight[i])
		}
	}
	if data.World != nil {
		if len(data.World) != n {
			fail("world: got %d, want %d", len(data.World), n)
		}
		if i := slices.IndexFunc(data.World, func(w int) bool { return w < 0 || w >= max(n, 1) }); i >= 0 {
			fail("world: row %d: got %d, want 0 to %d", i, data.World[i], max(n, 1)-1)
		}
	}
	if !slices.Contains(data.Positive, true) || !slices.Contains(data.Positive, false) {
		fail("positive: got rows of one kind, want both")
	}
	if opts.Doubt != nil && len(opts.Doubt) != len(pieces) {
		fail("doubt: got %d, want %d", len(opts.Doubt), len(pieces))
	}
	if opts.L2 < 0 || opts.PositiveWeight < 0 || opts.MaxStep < 0 || opts.MaxRounds < 0 {
		fail("options: got a number below 0, want 0 or more")
	}
	if opts.Prior != nil {
		if len(opts.Prior) != len(pieces) {
			fail("prior: got %d pieces, want %d", len(opts.Prior), len(pieces))
		} else {
			for i, p := range pieces {
				if len(opts.Prior[i]) != len(p.Levels) {
					fail("prior: %s: got %d levels, want %d", p.Name, len(opts.Prior[i]), len(p.Levels))
				}
			}
		}
	}
	return errors.Join(errs...)
}
