package main

import (
	"cmp"
	"maps"
	"slices"

	"fresnel/internal/survey"
)

// shown returns what a scan shows of what the timing model found, by falling score: the best rows
// of each host, so many for each day of its data.
func (set settings) shown(found []survey.Sighting) (list []survey.Sighting) {
	budget := survey.Budget{PerDay: set.perDay}
	for i := range found {
		if g := &found[i]; g.Assessment.Score >= set.minScore && budget.Allows(g) {
			list = append(list, *g)
		}
	}
	return list
}

// withFlagged adds what a scan shows of groups that the reference flags: their best row, else
// the destination that they call most.
func withFlagged(shown []survey.Sighting, s *survey.Survey, flagged map[string]*flagged) []survey.Sighting {
	type place struct{ group, destination string }
	placeOf := func(g *survey.Sighting) place {
		return place{string(g.GroupKey), cmp.Or(g.Domain, g.Address.String())}
	}
	listed := map[place]bool{}
	for i := range shown {
		listed[placeOf(&shown[i])] = true
	}
	list := slices.Clone(shown)
	for _, key := range slices.Sorted(maps.Keys(flagged)) {
		if g := s.Of([]byte(key)); g != nil && !listed[placeOf(g)] {
			list = append(list, *g)
		}
	}
	slices.SortStableFunc(list, func(a, b survey.Sighting) int { return cmp.Compare(b.Assessment.Score, a.Assessment.Score) })
	return list
}
