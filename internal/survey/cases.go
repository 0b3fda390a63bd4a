package survey

import (
	"cmp"
	"math"
	"slices"

	"fresnel/internal/rank"
)

// cases gives the found sightings that belong together the same case: one destination called
// by several hosts, and several destinations that one process of a host calls on the same timer.
func (s *Survey) cases() {
	parent := make([]int, len(s.Found))
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	join := func(i, j int) {
		i, j = root(i), root(j)
		if i != j {
			parent[max(i, j)] = min(i, j) // the best sighting leads its case
		}
	}
	type key struct{ a, b uint64 }
	byDest := map[key]int{}
	byCaller := map[key][]int{}
	for i := range s.Found {
		f := &s.Found[i]
		k := key{f.dest, f.process}
		if j, ok := byDest[k]; ok {
			join(i, j)
		} else {
			byDest[k] = i
		}
		caller := key{f.host, f.process}
		for _, j := range byCaller[caller] {
			if alike(f, &s.Found[j]) {
				join(i, j)
				break
			}
		}
		if len(byCaller[caller]) < maxAlike {
			byCaller[caller] = append(byCaller[caller], i)
		}
	}
	numbers := map[int]int{}
	for i := range s.Found {
		r := root(i)
		if _, ok := numbers[r]; !ok {
			numbers[r] = len(numbers)
		}
		s.Found[i].Case = numbers[r]
	}
}

// spread lowers the further rows that a process of a host has in one case, so that the case
// stands where its best row does and leaves the places below to others.
func (s *Survey) spread() {
	type place struct {
		number        int
		host, process uint64
	}
	above := map[place]int{}
	for i := range s.Found { // the best first
		g := &s.Found[i]
		if g.process == 0 { // who calls is not known: every pair of addresses stands for itself
			continue
		}
		p := place{g.Case, g.host, g.process}
		if n := above[p]; n > 0 {
			a := &g.Assessment
			off := -furtherRow * float64(min(n, 3))
			a.Points += off
			a.Score = s.model.Score(a.Points)
			a.Reasons = append(a.Reasons, rank.Reason{Code: "case", Text: "another destination of the same case stands above", Points: off})
			slices.SortStableFunc(a.Reasons, func(a, b rank.Reason) int { return cmp.Compare(math.Abs(b.Points), math.Abs(a.Points)) })
		}
		above[p]++
	}
}

// furtherRow is the points that each row of the same case above takes away, up to three.
const furtherRow = 6

// maxAlike bounds the rows of one caller that another is compared with.
const maxAlike = 256

// alike reports that two timers of one caller may be one: their periods are within a fifth,
// and neither destination is one that many hosts call.
func alike(a, b *Sighting) bool {
	p, q := a.Timing.Period, b.Timing.Period
	if p <= 0 || q <= 0 || math.Abs(math.Log(p/q)) > math.Log(samePeriod) {
		return false
	}
	few := func(s *Sighting) bool { return s.Facts.HostsOfDestination <= max(3, s.Facts.Hosts/50) }
	return few(a) && few(b)
}

// siblings counts for each found unit the other destinations that its caller called on a timer
// of about the same period before this one began or after it ended: the servers that an
// implant moves among. Destinations that are called side by side are not counted.
func siblings(found []*unit) {
	type caller struct{ host, process uint64 }
	by := map[caller][]*unit{}
	for _, u := range found {
		c := caller{u.info.host, u.info.process}
		by[c] = append(by[c], u)
	}
	for _, of := range by {
		// By period; of a caller with very many the nearest ones are looked at.
		slices.SortFunc(of, func(a, b *unit) int {
			return cmp.Or(cmp.Compare(a.period(), b.period()), cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last))
		})
		for i, u := range of {
			for j := max(0, i-maxAlike); j < min(len(of), i+maxAlike); j++ {
				v := of[j]
				if v == u || v.period() > u.period()*samePeriod || u.period() > v.period()*samePeriod {
					continue
				}
				overlap := min(u.last, v.last) - max(u.first, v.first)
				if overlap*10 < min(u.last-u.first, v.last-v.first) {
					u.siblings++
				}
			}
		}
	}
}

// samePeriod is the factor within which two periods are about the same.
const samePeriod = 1.2
