package plot

import (
	"math"
	"strings"

	"fresnel/internal/human"
)

// A ShareLine is a line of a picture of shares.
type ShareLine struct {
	Points [][2]float64 // across and up, from 0 to 1
	Dashed bool
}

// smallestShare is where a logarithmic axis of shares begins; what is smaller is drawn there.
const smallestShare = 1e-4

// Shares draws lines between two shares, which go from 0 to 1, or over four powers of ten to 1
// when logarithmic is set. across and up name the axes.
func Shares(c Caption, across, up string, logarithmic bool, lines ...ShareLine) *Picture {
	p := begin()
	ticks := []float64{0, 0.25, 0.5, 0.75, 1}
	scale := func(v float64) float64 { return v }
	if logarithmic {
		ticks = []float64{smallestShare, 1e-3, 1e-2, 1e-1, 1}
		scale = func(v float64) float64 { return 1 + math.Log10(max(v, smallestShare))/4 }
	}
	x, y := axis{0, 1, left, left + plotWidth}, axis{0, 1, p.base(), top}
	var d strings.Builder
	for _, v := range ticks {
		at := scale(v)
		d.WriteString(horizontal(y.at(at)) + "M" + num(x.at(at)) + " " + num(y.from) + "v4")
		p.text(left-6, y.at(at)+4, "end", muted, human.Percent(v))
		p.text(min(x.at(at), left+plotWidth-14), p.below(), "middle", muted, human.Percent(v))
	}
	p.path(grid, d.String())
	empty := true
	for _, l := range lines {
		var d strings.Builder
		for i, v := range l.Points {
			command := "L"
			if i == 0 {
				command = "M"
			}
			d.WriteString(command + num(x.at(scale(v[0]))) + " " + num(y.at(scale(v[1]))))
		}
		if l.Dashed {
			p.path(mark, d.String())
		} else {
			p.path(line+` stroke-width="2" stroke-linejoin="round"`, d.String())
			empty = empty && len(l.Points) == 0
		}
	}
	p.text(left, top-6, "start", muted, up)
	p.text(left+plotWidth, p.base()-6, "end", muted, across)
	if empty {
		p.text(left+plotWidth/2, (top+p.base())/2, "middle", muted, "nothing to draw")
	}
	return p.end(c)
}
