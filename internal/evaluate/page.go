package evaluate

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"

	"fresnel/internal/human"
	"fresnel/internal/plot"
)

//go:embed page.html.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// WritePage writes the report as an HTML page that stands for itself, with the precision-recall
// curve and the calibration of the p-values as pictures. by names the program and its version.
func (r *Report) WritePage(w io.Writer, by string) error {
	return pageTemplate.Execute(w, struct {
		Title, By string
		Facts     [][2]string
		Tables    []table
		Pictures  []template.HTML
	}{
		Title: "Evaluation: " + human.Safe(r.Dataset), By: human.Safe(by), Facts: r.facts(), Tables: r.tables(),
		Pictures: []template.HTML{
			template.HTML(r.drawCurve().SVG()),        // #nosec G203 -- package plot escapes all texts
			template.HTML(r.Calibration.draw().SVG()), // #nosec G203 -- package plot escapes all texts
		},
	})
}

// drawCurve draws precision over recall as steps: the area below them is the average precision.
func (r *Result) drawCurve() *plot.Picture {
	note := fmt.Sprintf("average precision %s, %d of %d implants found", number(r.AveragePrecision), r.Found, r.Implants)
	var points [][2]float64
	recall := 0.0
	for _, p := range r.Curve {
		if p.Recall.Defined() {
			points = append(points, [2]float64{recall, float64(p.Precision)}, [2]float64{float64(p.Recall), float64(p.Precision)})
			recall = float64(p.Recall)
		}
	}
	return plot.Shares(plot.Caption{ID: "curve", Heading: "Precision and recall", Note: note, Alt: "Precision over recall, going down the list: " + note + "."},
		"recall", "precision", false, plot.ShareLine{Points: points})
}

// draw draws the share of p-values at most p over p; where they are calibrated it follows the
// dashed line.
func (c Calibration) draw() *plot.Picture {
	note := human.Plural(int64(c.PValues), "p-value") + " of traffic that is no beacon"
	var points [][2]float64
	if c.PValues > 0 {
		for i := -16; i <= 0; i++ { // four a power of ten
			p := math.Pow(10, float64(i)/4)
			points = append(points, [2]float64{p, float64(c.atMost(p)) / float64(c.PValues)})
		}
	}
	alt := "Share of p-values at most p, over p. The dashed line is where calibrated ones lie."
	for _, s := range c.Shares {
		alt += fmt.Sprintf(" %s: %s.", human.Percent(s.P), percent(s.Share))
	}
	return plot.Shares(plot.Caption{ID: "calibration", Heading: "Calibration", Note: note, Alt: alt},
		"p", "share of p-values at most p", true, plot.ShareLine{Points: [][2]float64{{0, 0}, {1, 1}}, Dashed: true}, plot.ShareLine{Points: points})
}
