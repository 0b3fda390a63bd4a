package main

import (
	"cmp"
	"maps"
	"slices"

	"fresnel/internal/identity"
	"fresnel/internal/survey"
)

// manyServers is as in a scan: all servers that a timer moves among are shown.
const manyServers = 6

// shown returns what a scan shows of what the timing model found, by falling score: the best rows
// of each host, so many for each day of its data.
func (set settings) shown(found []survey.Sighting) (list []survey.Sighting) {
	spent := map[string]int{}
	for i := range found {
		g := &found[i]
		if g.Assessment.Score < set.minScore {
			continue
		}
		if set.perDay > 0 && g.Facts.Siblings < manyServers {
			hosts := hostsOf(g)
			room := set.perDay * max(1, (g.Facts.DataSeconds-g.Facts.HostFirst)/daySeconds)
			if slices.ContainsFunc(hosts, func(h string) bool { return float64(spent[h]+1) > room }) {
				continue
			}
			for _, h := range hosts {
				spent[h]++
			}
		}
		list = append(list, *g)
	}
	return list
}

// hostsOf returns whose rows g is among. Of two addresses outside, either may be one's own host.
func hostsOf(g *survey.Sighting) []string {
	switch {
	case g.Facts.HostName != "":
		return []string{g.Facts.HostName}
	case identity.Inside(g.Source):
		return []string{g.Source.String()}
	}
	return []string{g.Source.String(), g.Address.String()}
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
