package httpapi

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestGatheringCountsWhatThereIs gives a gathering findings whose groups change what they are, and
// counts them in the plain way beside it.
func TestGatheringCountsWhatThereIs(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	g := newGathering()
	type two [2]string
	pairs := [3]map[two]bool{{}, {}, {}}
	documents := [3]map[string]int{{}, {}, {}}
	one := func(kind string, n int) string {
		if i := rng.IntN(n + 1); i > 0 {
			return fmt.Sprint(kind, i)
		}
		return ""
	}
	for range 5000 {
		s := &seen{group: rng.Uint64N(40), score: -1}
		s.hostName, s.process, s.domain = fmt.Sprint("h", s.group%7), fmt.Sprint("p", s.group%5), fmt.Sprint("d", s.group)
		if rng.IntN(4) == 0 {
			s.hostName, s.source, s.process, s.domain, s.address = one("h", 7), one("10.0.0.", 3), one("p", 5), one("d", 40), one("192.0.2.", 3)
		}
		w := g.add(s)
		if hostOf(g.hosts.texts[w.host]) != s.host() || g.processes.texts[w.process] != s.process || g.places.texts[w.place] != s.destination() || w.host != 0 && g.fields[w.host] != s.hostField() {
			t.Fatalf("got %+v of %+v", w, s.facts)
		}
		values := [3]string{hostKey(s), s.process, s.destination()}
		for i, v := range values {
			documents[i][v]++
			if other := values[(i+1)%3]; v != "" && other != "" {
				pairs[i][two{v, other}] = true
			}
		}
	}
	others := func(pairs map[two]bool, side int, value string) (n int) {
		for p := range pairs {
			if p[side] == value {
				n++
			}
		}
		return n
	}
	for i, kind := range []struct {
		of     tallies
		texts  []string
		others [2][2]int // the pairs that count, and the side of them
	}{
		{g.ofHost, g.hosts.texts, [2][2]int{{0, 0}, {2, 1}}},
		{g.ofProcess, g.processes.texts, [2][2]int{{0, 1}, {1, 0}}},
		{g.ofPlace, g.places.texts, [2][2]int{{2, 0}, {1, 1}}},
	} {
		for n, text := range kind.texts {
			tally := kind.of[n]
			want := [2]int{others(pairs[kind.others[0][0]], kind.others[0][1], text), others(pairs[kind.others[1][0]], kind.others[1][1], text)}
			if tally.documents != documents[i][text] || text != "" && tally.others != want {
				t.Errorf("kind %d, %q: got %d documents and %v others, want %d and %v", i, text, tally.documents, tally.others, documents[i][text], want)
			}
		}
	}
}
