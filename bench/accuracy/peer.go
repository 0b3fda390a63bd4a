package main

import (
	"net/netip"
	"slices"
	"strings"

	"fresnel/bench/worlds"
	"fresnel/internal/evaluate"
	"fresnel/internal/event"
	"fresnel/internal/rita"
)

const (
	daySeconds = 86_400

	// leastDay is how much of a day, in seconds, a further window has at least: the score of a
	// short one means little.
	leastDay = daySeconds / 2

	// ritaShown is the lowest score that RITA rates at all: its indicator is 20 of 100 there.
	ritaShown = 0.5
)

// A peer computes RITA's score of pairs: of a source and an address, or of a host, a process
// and an address where there are processes.
type peer struct {
	pairs       map[uint64]*pair
	first, last int64 // seconds since 1970 UTC
	any         bool
}

// A pair is what RITA scores. Where no address is known, as in logs of HTTP alone, the name
// stands for it.
type pair struct {
	subject       evaluate.Subject
	starts, sizes []int64 // seconds since 1970 UTC, bytes sent
}

// A scored is a pair with a score.
type scored struct {
	subject evaluate.Subject
	score   float64
}

func newPeer() *peer { return &peer{pairs: map[uint64]*pair{}} }

// add adds the call of e, whose group has the given hash. It keeps nothing of e but copies.
func (p *peer) add(e *event.Event, group uint64) {
	hash := group
	if worlds.ByProcess(e) {
		hash, _ = e.Hash(hash, event.DestinationIP)
	}
	if !e.DestinationIP.IsValid() {
		hash, _ = e.Hash(hash, event.DestinationDomain)
	}
	second := e.TimeNanos / 1e9
	if !p.any {
		p.first, p.last, p.any = second, second, true
	}
	p.first, p.last = min(p.first, second), max(p.last, second)
	of := p.pairs[hash]
	if of == nil {
		of = &pair{}
		if e.DestinationIP != (netip.Addr{}) {
			of.subject.IP = e.DestinationIP.String()
		} else {
			of.subject.Domain = strings.Clone(e.DestinationDomain)
		}
		if worlds.ByProcess(e) {
			of.subject.Host, of.subject.Process = strings.Clone(e.HostName), strings.Clone(e.ProcessName)
		} else {
			of.subject.Source = e.SourceIP.String()
		}
		p.pairs[hash] = of
	}
	of.starts = append(of.starts, second)
	of.sizes = append(of.sizes, e.SourceBytes)
}

// scores returns the pairs with a score by what is known up to a time, each with the best of
// its days: the last 24 hours, those before, and so on.
func (p *peer) scores(until int64) []scored {
	var all []scored
	last := min(p.last, until)
	for _, of := range p.pairs {
		best := -1.0
		for end := last; end == last || end-p.first >= leastDay; end -= daySeconds {
			lo, hi, from := rita.Window(p.first, end)
			var starts, sizes []int64
			for i, t := range of.starts {
				if t >= from && t <= hi {
					starts, sizes = append(starts, t), append(sizes, of.sizes[i])
				}
			}
			if s, ok := rita.Score(starts, sizes, lo, hi); ok {
				best = max(best, s.Score)
			}
		}
		if best >= 0 {
			all = append(all, scored{of.subject, best})
		}
	}
	slices.SortFunc(all, func(a, b scored) int {
		return strings.Compare(nameOf(a.subject), nameOf(b.subject))
	})
	return all
}
