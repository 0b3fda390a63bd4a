package survey

import "math"

// cases gives the found sightings that belong together the same case: one destination called
// by several hosts, and several destinations that one group calls on the same timer.
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
	type key struct{ a, b uint32 }
	byDest := map[key]int{}
	byGroup := map[uint32][]int{}
	for i := range s.Found {
		f := &s.Found[i]
		k := key{f.dest, f.process}
		if j, ok := byDest[k]; ok {
			join(i, j)
		} else {
			byDest[k] = i
		}
		for _, j := range byGroup[f.group] {
			if alike(f, &s.Found[j]) {
				join(i, j)
				break
			}
		}
		if len(byGroup[f.group]) < 64 {
			byGroup[f.group] = append(byGroup[f.group], i)
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

// alike reports that two timers of one group may be one: their periods are within a fifth,
// and neither destination is one that many hosts call.
func alike(a, b *Sighting) bool {
	p, q := a.Timing.Period, b.Timing.Period
	if p <= 0 || q <= 0 || math.Abs(math.Log(p/q)) > 0.2 {
		return false
	}
	few := func(s *Sighting) bool { return s.Facts.HostsOfDestination <= max(3, s.Facts.Hosts/50) }
	return few(a) && few(b)
}
