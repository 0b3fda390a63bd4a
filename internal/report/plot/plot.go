// Package plot draws the pictures of a result as SVG: pure functions from data to bytes.
//
// A picture stands for itself: its heading, its axes and a text alternative are in it, so that
// it can be cut out of a page. Colours are CSS variables with a fallback: a page sets --ink,
// --muted, --grid, --data, --mark and --band for light and dark, and without a page the light
// ones hold. They are told apart without colour vision: marks differ in form, too. Vectors
// have bucket 0 the newest; pictures have the newest at the right. All texts are safe text
// (human.Safe); they are escaped here.
package plot

import (
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"fresnel/internal/human"
)

// A Caption is what is written in and about a picture.
type Caption struct {
	ID      string // unique in the page; letters, digits and -
	Heading string
	Note    string // the main numbers, beside the heading
	Alt     string // the text alternative: what is seen, with the main numbers
}

// The size of a picture and the room around what is drawn, in units of the viewBox. Pictures
// are narrow, so that their texts can be read on a phone.
const (
	width, height            = 560, 240
	left, right, top, bottom = 58, 14, 56, 30
	plotWidth, plotHeight    = width - left - right, height - top - bottom
)

// Styles of the marks.
const (
	ink   = "fill:var(--ink,#1b1f24)"
	muted = "fill:var(--muted,#5b6570)"
	grid  = "stroke:var(--grid,#dfe4e8);stroke-width:1;fill:none"
	fill  = "fill:var(--data,#0072b2)"
	line  = "stroke:var(--data,#0072b2);fill:none"
	mark  = "stroke:var(--mark,#c24d00);stroke-width:1.5;stroke-dasharray:5 3;fill:none"
	point = "fill:var(--mark,#c24d00)"
	band  = "fill:var(--band,#009e73);fill-opacity:.16;stroke:var(--band,#009e73);stroke-opacity:.55;stroke-width:1"
)

type canvas struct{ strings.Builder }

// num writes a coordinate with at most one decimal: finer is not seen.
func num(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

func begin(c Caption) *canvas {
	p := &canvas{}
	id := html.EscapeString(c.ID)
	p.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 240" role="img" aria-labelledby="` + id + `-t ` + id + `-d" font-family="system-ui,-apple-system,'Segoe UI',sans-serif" font-size="12">` +
		`<title id="` + id + `-t">` + html.EscapeString(c.Heading) + `</title><desc id="` + id + `-d">` + html.EscapeString(c.Alt) + `</desc>`)
	p.WriteString(`<text x="4" y="16" font-weight="600" font-size="13" style="` + ink + `">` + html.EscapeString(c.Heading) + `</text>`)
	p.text(4, 33, "start", muted, human.Shorten(c.Note, 88, "…"))
	return p
}

func (p *canvas) end() []byte {
	p.WriteString("</svg>")
	return []byte(p.String())
}

func (p *canvas) text(x, y float64, anchor, style, s string) {
	p.WriteString(`<text x="` + num(x) + `" y="` + num(y) + `"`)
	if anchor != "start" {
		p.WriteString(` text-anchor="` + anchor + `"`)
	}
	p.WriteString(` style="` + style + `">` + html.EscapeString(s) + `</text>`)
}

func (p *canvas) path(style, d string) {
	if d != "" {
		p.WriteString(`<path style="` + style + `" d="` + d + `"/>`)
	}
}

func (p *canvas) rect(style string, x, y, w, h float64) {
	p.WriteString(`<rect style="` + style + `" x="` + num(x) + `" y="` + num(y) + `" width="` + num(w) + `" height="` + num(h) + `"/>`)
}

func horizontal(y float64) string { return "M" + num(left) + " " + num(y) + "h" + num(plotWidth) }

// empty says in the middle of the picture why nothing is drawn.
func (p *canvas) empty(s string) []byte {
	p.path(grid, horizontal(height-bottom))
	p.text(left+plotWidth/2, top+plotHeight/2, "middle", muted, s)
	return p.end()
}

// An axis maps values to coordinates.
type axis struct{ lo, hi, from, to float64 }

func (a axis) at(v float64) float64 { return a.from + (v-a.lo)/(a.hi-a.lo)*(a.to-a.from) }

// niceStep returns 1, 2 or 5 times a power of ten, so that about n steps fill span.
func niceStep(span float64, n int) float64 {
	raw := span / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, f := range []float64{1, 2, 5} {
		if raw <= f*power*1.0001 {
			return f * power
		}
	}
	return 10 * power
}

// values draws the lines and labels of a vertical axis from lo to at least hi, and returns it.
// whole keeps the steps whole numbers.
func (p *canvas) values(lo, hi float64, whole bool, label func(float64) string) axis {
	if !(hi > lo) {
		hi = lo + 1
	}
	step := niceStep(hi-lo, 4)
	if whole {
		step = max(1, step)
	}
	first, last := math.Floor(lo/step), math.Ceil(hi/step-1e-9)
	a := axis{first * step, last * step, height - bottom, top}
	var d strings.Builder
	for k := first; k <= last; k++ {
		y := a.at(k * step)
		d.WriteString(horizontal(y))
		p.text(left-6, y+4, "end", muted, label(k*step))
	}
	p.path(grid, d.String())
	return a
}

var timeSteps = []time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 28 * 24 * time.Hour, 91 * 24 * time.Hour,
}

func timeStep(span time.Duration, most int) time.Duration {
	for _, s := range timeSteps {
		if int64(span/s) <= int64(most) {
			return s
		}
	}
	return span / time.Duration(most)
}

// clock returns a time of an axis of the given step and span: of day, or the day itself where
// the steps are days and, where there are several days, at midnight.
func clock(nanos int64, step, span time.Duration) string {
	const day = 24 * time.Hour
	t := time.Unix(0, nanos).UTC()
	switch {
	case step >= day || span > day && t.Truncate(day).Equal(t):
		return t.Format("Jan 2")
	case step >= time.Minute:
		return t.Format("15:04")
	}
	return t.Format("15:04:05")
}

// times draws the labels of a horizontal axis of UTC times.
func (p *canvas) times(startNanos, endNanos int64) axis {
	a := axis{float64(startNanos), float64(endNanos), left, left + plotWidth}
	step := timeStep(time.Duration(endNanos-startNanos), 7)
	n := int64(step)
	first := startNanos / n * n
	if first < startNanos {
		first += n
	}
	var d strings.Builder
	for t := first; t <= endNanos; t += n {
		x := a.at(float64(t))
		d.WriteString("M" + num(x) + " " + num(height-bottom) + "v4")
		p.text(min(max(x, left+10), left+plotWidth-12), height-bottom+17, "middle", muted, clock(t, step, time.Duration(endNanos-startNanos)))
	}
	p.path(grid, d.String())
	return a
}

// A Window is the stretch of time that vectors cover.
type Window struct {
	EndNanos      int64 // the newest moment of bucket 0
	BucketSeconds int64
	Buckets       int
}

func (w Window) start() int64 { return w.EndNanos - int64(w.Buckets)*w.BucketSeconds*1e9 }

// columns returns how many columns of the picture n elements take, one each unless that is
// finer than half a unit, and the column of element i of a vector whose element 0 is the
// newest.
func columns(n int) (count int, of func(i int) int) {
	count = min(n, 2*plotWidth)
	return count, func(i int) int { return count - 1 - int(int64(i)*int64(count)/int64(n)) }
}

// rowName returns the time at which a row of a timeline begins.
func rowName(nanos int64, length, span time.Duration) string {
	const day = 24 * time.Hour
	t := time.Unix(0, nanos).UTC()
	switch {
	case length >= day:
		return t.Format("Jan 2")
	case span > day:
		return t.Format("02 15:04")
	case length >= time.Minute:
		return t.Format("15:04")
	}
	return t.Format("15:04:05")
}

// Timeline draws every callback as a tick, in rows of a round length that read like lines of
// text: a period that divides the length stands in columns. Without times, whose nanoseconds
// are sorted, it draws buckets: the higher, the more callbacks.
func Timeline(c Caption, times []int64, counts []int64, w Window) []byte {
	p := begin(c)
	start := w.start()
	span := time.Duration(w.EndNanos - start)
	if span <= 0 {
		return p.empty("no window")
	}
	length := timeStep(span, 8)
	rows := int((span + length - 1) / length)
	x := axis{0, float64(length), left, left + plotWidth}
	rowHeight := float64(plotHeight) / float64(rows)
	base := func(row int) float64 { return top + rowHeight*float64(row+1) - 1 }

	var lines, ticks strings.Builder
	for row := range rows {
		lines.WriteString("M" + num(left) + " " + num(base(row)) + "H" + num(x.at(float64(min(length, span-time.Duration(row)*length)))))
		p.text(left-6, base(row)-rowHeight/2+4, "end", muted, rowName(start+int64(row)*int64(length), length, span))
	}
	step := timeStep(length, 6)
	for t := time.Duration(0); t <= length; t += step {
		lines.WriteString("M" + num(x.at(float64(t))) + " " + num(height-bottom) + "v4")
		label := "+" + human.Duration(t)
		if t == 0 {
			label = "+0"
		}
		p.text(min(x.at(float64(t)), left+plotWidth-14), height-bottom+17, "middle", muted, label)
	}
	p.path(grid, lines.String())

	if len(times) > 0 {
		tall := num(-(rowHeight * 0.72))
		last := ""
		for _, t := range times {
			at := t - start
			if at < 0 || at > int64(span) {
				continue
			}
			row := min(int(at/int64(length)), rows-1)
			m := "M" + num(math.Round(x.at(float64(at-int64(row)*int64(length)))*2)/2) + " " + num(base(row)-1)
			if m != last { // ticks of one place are one
				ticks.WriteString(m + "v" + tall)
				last = m
			}
		}
		// Thinner where they stand close, so that the gaps between them are still seen.
		stroke := min(max(plotWidth*float64(rows)/float64(len(times))/3, 0.6), 1.6)
		p.path(line+";stroke-width:"+num(stroke), ticks.String())
		return p.end()
	}
	var most int64 = 1
	for _, n := range counts {
		most = max(most, n)
	}
	perRow := max(int(int64(length)/1e9/w.BucketSeconds), 1)
	group := max(1, perRow/(2*plotWidth)) // buckets that share a mark
	for b := len(counts) - 1; b >= 0; b -= group {
		var n int64
		for _, v := range counts[max(0, b-group+1) : b+1] {
			n = max(n, v)
		}
		at := int64(len(counts)-1-b) * w.BucketSeconds * 1e9
		if row := min(int(at/int64(length)), rows-1); n > 0 {
			x0 := x.at(float64(at - int64(row)*int64(length)))
			wide := max(float64(group)*float64(w.BucketSeconds)*1e9/float64(length)*plotWidth, 1)
			high := max(rowHeight*0.72*float64(n)/float64(most), 1.5)
			ticks.WriteString("M" + num(x0) + " " + num(base(row)-1) + "v" + num(-high) + "h" + num(wide) + "v" + num(high) + "z")
		}
	}
	p.path(fill, ticks.String())
	return p.end()
}

// Bins are the bins of a histogram over times.
type Bins struct {
	Counts       []int64
	Start, Width time.Duration
	Label        func(i int) string // of the lower edge of bin i
	Above        int64              // beyond the last bin
}

// Histogram draws a histogram of durations. mark is a duration to mark, with its name; 0 is none.
func Histogram(c Caption, b Bins, marked time.Duration, name string) []byte {
	p := begin(c)
	if len(b.Counts) == 0 {
		return p.empty("no two callbacks with times")
	}
	var most int64
	for _, n := range b.Counts {
		most = max(most, n)
	}
	y := p.values(0, float64(most), true, func(v float64) string { return human.Count(int64(v)) })
	x := axis{0, float64(max(len(b.Counts), 8)), left, left + plotWidth}
	shift := max(0, 8-len(b.Counts)) / 2 // few bins stand in the middle
	at := func(i float64) float64 { return x.at(i + float64(shift)) }
	wide := at(1) - at(0)
	var d, ticks strings.Builder
	for i, n := range b.Counts {
		if n > 0 {
			d.WriteString("M" + num(at(float64(i))+min(1, wide*0.1)) + " " + num(y.from) + "V" + num(min(y.at(float64(n)), y.from-1)) + "h" + num(wide-min(2, wide*0.2)) + "V" + num(y.from) + "z")
		}
	}
	every := 1
	for (len(b.Counts)+1)/every > 7 {
		every++
	}
	last := ""
	for i := 0; i <= len(b.Counts); i += every {
		ticks.WriteString("M" + num(at(float64(i))) + " " + num(y.from) + "v4")
		if label := b.Label(i); label != last { // two units do not tell 2h from 2h 0m 30s
			p.text(min(at(float64(i)), left+plotWidth-14), height-bottom+17, "middle", muted, label)
			last = label
		}
	}
	p.path(grid, ticks.String())
	p.path(fill, d.String())
	if pos := float64(marked-b.Start) / float64(b.Width); marked > 0 && pos >= 0 && pos <= float64(len(b.Counts)) {
		p.path(mark, "M"+num(at(pos))+" "+num(y.from)+"V"+num(top-4))
		p.beside(at(pos), top-6, name)
	}
	if b.Above > 0 {
		p.text(left+plotWidth, top-6, "end", muted, human.Count(b.Above)+" longer →")
	}
	return p.end()
}

// beside writes the label of a mark at x above the plot, as far in as it takes to fit.
func (p *canvas) beside(x, y float64, s string) {
	half := 4 * float64(human.Width(s))
	p.text(min(max(x, left+half), left+plotWidth-half), y, "middle", "font-weight:600;"+point, s)
}

// Bytes draws the mean bytes of each bucket with events as a dot, the band of the values that
// the test looked at, and their mean as a line. band and mean are left out unless tested. A
// few values far above all others are drawn as triangles at the upper edge, so that they do
// not press the others flat.
func Bytes(c Caption, values []float64, w Window, tested bool, bounds [2]float64, mean float64) []byte {
	p := begin(c)
	limit, above := limitOf(values)
	if limit == 0 {
		return p.empty("no bytes are known")
	}
	x := p.times(w.start(), w.EndNanos)
	y := p.values(0, limit, false, human.Bytes)
	if tested {
		hi, lo := max(y.at(bounds[1]), y.to), y.at(bounds[0])
		p.rect(band, left, hi-1, plotWidth, max(lo-hi, 0)+2)
		p.path(mark, horizontal(max(y.at(mean), y.to)))
	}
	count, of := columns(len(values))
	place := axis{0, float64(count), x.from, x.to}
	var dots, peaks strings.Builder
	last := ""
	for i := len(values) - 1; i >= 0; i-- {
		v := values[i]
		if v == 0 {
			continue
		}
		at := place.at(float64(of(i)) + 0.5)
		if v > y.lo+(y.hi-y.lo)*1.0001 {
			peaks.WriteString("M" + num(at-4) + " " + num(top+7) + "l4-7l4 7z")
			continue
		}
		if m := "M" + num(at) + " " + num(y.at(v)) + "h0"; m != last {
			dots.WriteString(m)
			last = m
		}
	}
	p.path(line+";stroke-width:4;stroke-linecap:round", dots.String())
	p.path(point, peaks.String())
	if above > 0 {
		p.text(left+plotWidth, top-6, "end", muted, "▲ "+human.Count(int64(above))+" above, up to "+human.Bytes(slices.Max(values)))
	}
	return p.end()
}

// limitOf returns the largest value to draw to scale, and how many lie above it: all unless
// the largest is more than three times as large as most of them.
func limitOf(values []float64) (limit float64, above int) {
	var s []float64
	for _, v := range values {
		if v > 0 {
			s = append(s, v)
		}
	}
	slices.Sort(s)
	if len(s) == 0 {
		return 0, 0
	}
	limit = s[len(s)-1]
	if p95 := s[(len(s)-1)*95/100]; limit > 3*p95 {
		limit = 1.25 * p95
		step := niceStep(limit, 4) // as the axis will be drawn
		edge := math.Ceil(limit/step-1e-9) * step
		for _, v := range s {
			if v > edge*1.0001 {
				above++
			}
		}
	}
	return limit, above
}

// Counts draws the events of each bucket as a bar and, when the count test looked at them, the
// band of its values.
func Counts(c Caption, counts []int64, w Window, tested bool, bounds [2]float64) []byte {
	p := begin(c)
	if len(counts) == 0 {
		return p.empty("no counts")
	}
	count, of := columns(len(counts))
	heights := make([]int64, count)
	var most int64
	for i, n := range counts {
		heights[of(i)] = max(heights[of(i)], n)
		most = max(most, n)
	}
	x := p.times(w.start(), w.EndNanos)
	y := p.values(0, float64(most), true, func(v float64) string { return human.Count(int64(v)) })
	if tested {
		p.rect(band, left, y.at(bounds[1])-1, plotWidth, y.at(bounds[0])-y.at(bounds[1])+2)
	}
	place := axis{0, float64(count), x.from, x.to}
	wide := max(place.at(1)-place.at(0), 0.8)
	var d strings.Builder
	for i := 0; i < count; {
		n, j := heights[i], i+1
		for j < count && heights[j] == n {
			j++ // neighbours of one height are one bar
		}
		if n > 0 {
			d.WriteString("M" + num(place.at(float64(i))) + " " + num(y.from) + "V" + num(min(y.at(float64(n)), y.from-1)) + "h" + num(wide*float64(j-i)) + "V" + num(y.from) + "z")
		}
		i = j
	}
	p.path(fill, d.String())
	return p.end()
}

// Autocovariance draws r by period in buckets, from element 2, the threshold of the test as a
// line, and the chosen period.
func Autocovariance(c Caption, r []float64, bucketSeconds int64, threshold float64, period int, fired bool) []byte {
	p := begin(c)
	if len(r) < 3 {
		return p.empty("too few events for a period")
	}
	lo := 0.0
	for _, v := range r[2:] {
		lo = min(lo, v)
	}
	y := p.values(max(-1, math.Floor(lo*4)/4), 1, false, human.Number)
	x := axis{1.5, float64(len(r)) - 0.5, left, left + plotWidth}
	step := timeStep(time.Duration(int64(len(r))*bucketSeconds)*time.Second, 8)
	var ticks strings.Builder
	for t := step; ; t += step {
		at := t.Seconds() / float64(bucketSeconds)
		if at > x.hi {
			break
		}
		if at >= x.lo {
			ticks.WriteString("M" + num(x.at(at)) + " " + num(y.from) + "v4")
			p.text(min(x.at(at), left+plotWidth-14), height-bottom+17, "middle", muted, human.Duration(t))
		}
	}
	p.path(grid, ticks.String())

	count := min(len(r)-2, 2*plotWidth)
	wide := float64(plotWidth) / float64(count)
	best := make([]float64, count)
	for i := range best {
		best[i] = math.Inf(-1)
	}
	for i, v := range r[2:] {
		k := int(int64(i) * int64(count) / int64(len(r)-2))
		best[k] = max(best[k], v)
	}
	zero := y.at(0)
	bar := func(x0, v float64) string {
		return "M" + num(x0+wide*0.15) + " " + num(zero) + "V" + num(y.at(max(v, y.lo))) + "h" + num(max(wide*0.7, 0.5)) + "V" + num(zero) + "z"
	}
	var d strings.Builder
	for k, v := range best {
		d.WriteString(bar(left+wide*float64(k), v))
	}
	p.path(fill+";fill-opacity:.55", d.String())
	p.path(mark, horizontal(y.at(threshold)))
	if period >= 2 && period < len(r) {
		k := int(int64(period-2) * int64(count) / int64(len(r)-2))
		style := fill
		if fired {
			style = point
		}
		p.path(style, bar(left+wide*float64(k), r[period]))
		p.beside(left+wide*(float64(k)+0.5), top-6, human.Seconds(int64(period)*bucketSeconds))
	}
	return p.end()
}

// Spark draws columns, the oldest first, without any text: an ornament beside numbers.
func Spark(columns []float32) []byte {
	const wide, high = 120, 20
	var most float32
	for _, v := range columns {
		most = max(most, v)
	}
	var d strings.Builder
	for i, v := range columns {
		if v > 0 {
			step := wide / float64(len(columns))
			h := max(float64(v/most)*(high-2), 1)
			d.WriteString("M" + num(float64(i)*step) + " " + num(high) + "v" + num(-h) + "h" + num(step*0.8) + "v" + num(h) + "z")
		}
	}
	return []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 20" class="spark" aria-hidden="true"><path style="` + fill + `" d="` + d.String() + `"/></svg>`)
}
