package plot

import (
	"strings"

	"fresnel/internal/human"
)

// A Stretch is a time in which calls came at one period.
type Stretch struct {
	FirstNanos, LastNanos int64
	PeriodSeconds         float64
}

// Stretches draws each stretch as a line from its first call to its last, at the height of its
// period: pauses are gaps, changes of the period steps. The window, of which the other
// pictures tell, is shaded where it is in sight.
func Stretches(c Caption, stretches []Stretch, w Window) *Picture {
	if len(stretches) == 0 {
		return empty(c, "no calls on a timer")
	}
	first, last := stretches[0].FirstNanos, stretches[0].LastNanos
	longest := 0.0
	for _, s := range stretches {
		first, last = min(first, s.FirstNanos), max(last, s.LastNanos)
		longest = max(longest, s.PeriodSeconds)
	}
	last = max(last, first+1e9)
	unit, name := 1.0, " s"
	switch {
	case longest >= 3*3600:
		unit, name = 3600, " h"
	case longest >= 180:
		unit, name = 60, " min"
	}
	p := begin()
	x := p.times(first, last, w.Zone)
	y := p.values(0, longest*1.15/unit, false, func(v float64) string { return human.Number(v) + name })
	if from, to := max(w.start(), first), min(w.EndNanos, last); from < to {
		p.band(x.at(float64(from)), top, x.at(float64(to))-x.at(float64(from)), p.base()-top)
		p.text(left+plotWidth, top-6, "end", muted, "shaded: the window of the run")
	}
	var d strings.Builder
	for _, s := range stretches {
		from := x.at(float64(s.FirstNanos))
		d.WriteString("M" + num(from) + " " + num(y.at(s.PeriodSeconds/unit)) + "h" + num(max(x.at(float64(s.LastNanos))-from, 0)))
	}
	p.path(line+` stroke-width="5" stroke-linecap="round"`, d.String())
	return p.end(c)
}
