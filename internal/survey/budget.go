package survey

import "fresnel/internal/identity"

// A Budget bounds the rows that each host shows, so that a list of many hosts can be finished. The
// fleet's best rows need no room of their hosts: a host may have more than its share of what is wrong.
type Budget struct {
	PerDay float64 // rows of a host for each day of its data; 0 for no bound

	spent map[string]int
	all   int
}

const (
	highScore   = 60 // the score from which a row is always shown
	manyServers = 6  // from how many other servers on a timer moves, so that all of them are shown
)

// Allows counts a row and reports whether there is still room for it. It is asked for the best
// rows first.
func (b *Budget) Allows(g *Sighting) bool {
	if b.PerDay == 0 || g.Facts.Siblings >= manyServers {
		return true
	}
	hosts := [2]string{g.Facts.HostName}
	if hosts[0] == "" {
		hosts[0] = g.Source.String()
		if !identity.Inside(g.Source) { // which end is one's own host, the addresses do not tell
			hosts[1] = g.Address.String()
		}
	}
	// Half a day of data is not half a list.
	room := b.PerDay * max(1, (g.Facts.DataSeconds-g.Facts.HostFirst)/86400)
	full := false
	for _, host := range hosts {
		full = full || host != "" && float64(b.spent[host]+1) > room
	}
	if g.Facts.HostName != "" { // of addresses nobody knows which are hosts of the fleet
		fleet := b.PerDay * float64(g.Facts.Hosts) * max(1, g.Facts.DataSeconds/86400)
		switch n := float64(b.all + 1); {
		case n <= fleet/2:
			full = false
		case n > fleet: // all hosts together keep to their room, too
			full = true
		}
	}
	if full && g.Assessment.Score < highScore {
		return false
	}
	b.all++
	if b.spent == nil {
		b.spent = map[string]int{}
	}
	for _, host := range hosts {
		b.spent[host]++
	}
	return true
}
