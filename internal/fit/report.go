package fit

import (
	"cmp"
	"math"
	"slices"

	"fresnel/internal/rank"
)

// AveragePrecision returns the mean, over the weight of the positives from the top, of the
// share of positives among all that stand as high. Rows of equal score stand together, so
// that no order of the input is better than another. weight may be nil: all 1. Without a
// positive it is not a number.
func AveragePrecision(scores []float64, positive []bool, weight []float64) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	hits, all, sum := 0.0, 0.0, 0.0
	for lo := 0; lo < len(order); {
		hi, found := lo, 0.0
		for hi < len(order) && scores[order[hi]] == scores[order[lo]] {
			i, w := order[hi], 1.0
			if weight != nil {
				w = weight[i]
			}
			all += w
			if positive[i] {
				found += w
			}
			hi++
		}
		hits += found
		if found > 0 {
			sum += found * hits / all
		}
		lo = hi
	}
	if hits == 0 {
		return math.NaN()
	}
	return sum / hits
}

// MeanAveragePrecision returns the mean of the average precision of each world of data that
// has a beacon.
func MeanAveragePrecision(w Weights, data Data) float64 {
	scores := w.Scores(data)
	byWorld := make(map[int][]int)
	worlds := 0
	for i := range scores {
		world := 0
		if data.World != nil {
			world = data.World[i]
		}
		byWorld[world] = append(byWorld[world], i)
		worlds = max(worlds, world+1)
	}
	sum, n := 0.0, 0
	for world := range worlds {
		rows := byWorld[world]
		s, t, weight := make([]float64, len(rows)), make([]bool, len(rows)), make([]float64, len(rows))
		for k, i := range rows {
			s[k], t[k], weight[k] = scores[i], data.Positive[i], 1
			if data.Weight != nil {
				weight[k] = data.Weight[i]
			}
		}
		if ap := AveragePrecision(s, t, weight); !math.IsNaN(ap) {
			sum += ap
			n++
		}
	}
	return sum / float64(n)
}

// A LeftOut says what a piece of evidence is worth: what becomes of a fit without it.
type LeftOut struct {
	Piece            string  // empty: nothing was left out
	AveragePrecision float64 // mean over the worlds of the held-out data
	Loss             float64 // on the data of the fit
}

// LeaveOut fits train with all pieces, and again without each of them, and tells how well the
// fits do on held. The first line of the report is that with all; the others stand by rising
// average precision, so that the piece which is missed most comes first.
func LeaveOut(pieces []rank.Piece, train, held Data, opts Options) ([]LeftOut, error) {
	full, err := newProblem(pieces, train, opts)
	if err != nil {
		return nil, err
	}
	if err := check(pieces, held, Options{}); err != nil {
		return nil, err
	}
	best := full.solve(nil)
	w := full.weights(best)
	lines := []LeftOut{{"", MeanAveragePrecision(w, held), w.Loss}}
	for i := range pieces {
		without := full.without(i)
		w := without.weights(without.solve(&best))
		lines = append(lines, LeftOut{pieces[i].Name, MeanAveragePrecision(w, held), w.Loss})
	}
	slices.SortStableFunc(lines[1:], func(a, b LeftOut) int { return cmp.Compare(a.AveragePrecision, b.AveragePrecision) })
	return lines, nil
}
