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
	var crowd crowd
	names := newBook()
	type two [2]string
	pairs := [3]map[two]bool{{}, {}, {}}
	documents := [3]map[string]int{{}, {}, {}}
	findings := [3]map[string]int{{}, {}, {}}
	scores, last := [3]map[string]float64{{}, {}, {}}, [3]map[string]int64{{}, {}, {}}
	fields := map[string]string{}
	one := func(kind string, n int) uint32 {
		if i := rng.IntN(n + 1); i > 0 {
			return names.number(fmt.Sprint(kind, i))
		}
		return 0
	}
	for i := range int64(5000) {
		group := rng.Uint32N(40)
		s := &seen{entry: &entry{group: group, score: float64(rng.IntN(100)) - 1}, runEnd: 5000 - i, newest: rng.IntN(3) == 0}
		s.hostName, s.process, s.domain = names.number(fmt.Sprint("h", group%7)), names.number(fmt.Sprint("p", group%5)), names.number(fmt.Sprint("d", group))
		if rng.IntN(4) == 0 {
			s.hostName, s.source, s.process, s.domain, s.address = one("h", 7), one("10.0.0.", 3), one("p", 5), one("d", 40), one("192.0.2.", 3)
		}
		s.texts = names.texts
		if w := crowd.add(s); w.parties != s.parties {
			t.Fatalf("got %+v of %+v", w, s.entry)
		}
		host := s.text(s.hostName)
		if host == "" && s.source != 0 {
			host = addressKey + s.text(s.source)
		}
		fields[host] = s.hostField()
		values := [3]string{host, s.text(s.process), s.text(s.destination())}
		for i, v := range values {
			documents[i][v]++
			if s.newest {
				findings[i][v]++
			}
			if documents[i][v] == 1 {
				scores[i][v], last[i][v] = s.score, s.runEnd
			}
			scores[i][v] = max(scores[i][v], s.score)
			if other := values[(i+1)%3]; v != "" && other != "" {
				pairs[i][two{v, other}] = true
			}
		}
	}
	g := crowd.gather()
	for i, text := range g.hosts.texts {
		if text != "" && g.fields[i] != fields[text] {
			t.Errorf("%q: got the field %s, want %s", text, g.fields[i], fields[text])
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
			if tally.findings != findings[i][text] || tally.score != scores[i][text] || tally.last != last[i][text] {
				t.Errorf("kind %d, %q: got %+v, want %d findings, score %v, last run %d", i, text, tally, findings[i][text], scores[i][text], last[i][text])
			}
			if tally.documents != documents[i][text] || text != "" && tally.others != want {
				t.Errorf("kind %d, %q: got %d documents and %v others, want %d and %v", i, text, tally.documents, tally.others, documents[i][text], want)
			}
		}
	}
}
