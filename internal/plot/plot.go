// Package plot draws the pictures of findings as SVG: pure functions from data to marks.
//
// The report and the pages of the service show the same marks: the report each picture for
// itself, with its heading and a text alternative in it, so that it can be cut out of a page
// (SVG); the pages what stands below a heading of their own (Bare). Colours are CSS variables
// with a fallback: a page sets --ink, --muted, --grid, --data, --mark, --mark-ink and --band
// for light and dark, and without a page the light ones hold. They stand in presentation
// attributes, never in style: a Content-Security-Policy without unsafe-inline lets these be.
// Marks are told apart without colour vision: they differ in form, too. Vectors have bucket 0
// the newest; pictures have the newest at the right. All texts are safe text (human.Safe);
// they are escaped here.
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
	Of      string // whose picture it is, behind the heading; may be empty
	Note    string // the main numbers, below the heading
	Alt     string // the text alternative: what is seen, with the main numbers
}

// A Picture is what was drawn, and where values stand in it.
type Picture struct {
	Caption
	Across Across // what lies across; the zero value where it is not values at even steps
	Values []float64
	Unit   Unit   // of Values
	Ticks  []Tick // of a raster, in the order of their times
	Rows   int    // of a raster

	high  float64 // of the viewBox
	marks string
}

// Across says where the elements of Values lie: from one edge of the plot to the other are the
// values Lo to Hi, element i begins at First + i*Step, or lies around it where Kind is Period.
// Times are seconds since 1970 UTC, all else is seconds.
type Across struct {
	Kind                Kind
	Lo, Hi, First, Step float64
}

// A Kind says what lies across.
type Kind string

// The kinds.
const (
	Time   Kind = "time"
	Gap    Kind = "gap"
	Period Kind = "period"
)

// A Unit says how values are written.
type Unit string

// The units.
const (
	Count  Unit = "count"
	Byte   Unit = "bytes"
	Number Unit = "number"
)

// A Tick is a mark of a raster: the calls that fall on one place.
type Tick struct {
	Nanos  int64 // of the first
	Calls  int
	Failed bool
}

// An Area is a rectangle in units of the viewBox.
type Area struct{ X, Y, Width, Height float64 }

// Frame is what Bare shows.
func (p *Picture) Frame() Area { return Area{0, cut, width, p.high - cut} }

// Plot is where values are drawn.
func (p *Picture) Plot() Area { return Area{left, top, plotWidth, p.high - top - bottom} }

// Tall reports whether the picture takes the room of two others, one above the other.
func (p *Picture) Tall() bool { return p.high > (least+most)/2 }

const fonts = ` font-family="system-ui,-apple-system,'Segoe UI',sans-serif" font-size="12"`

func viewBox(a Area) string {
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="` + num(a.X) + " " + num(a.Y) + " " + num(a.Width) + " " + num(a.Height) + `" role="img"`
}

// SVG returns the picture as it stands for itself.
func (p *Picture) SVG() []byte {
	id := html.EscapeString(p.ID)
	heading := p.Heading
	if p.Of != "" {
		heading += " · " + human.Shorten(p.Of, max(12, 74-human.Width(p.Heading)), "…")
	}
	return []byte(viewBox(Area{0, 0, width, p.high}) + ` aria-labelledby="` + id + `-t ` + id + `-d"` + fonts + `>` +
		`<title id="` + id + `-t">` + html.EscapeString(heading) + `</title><desc id="` + id + `-d">` + html.EscapeString(p.Alt) + `</desc>` +
		`<text x="4" y="16" font-weight="600" font-size="13" ` + ink + `>` + html.EscapeString(heading) + `</text>` +
		`<text x="4" y="33" ` + muted + `>` + html.EscapeString(human.Shorten(p.Note, 88, "…")) + `</text>` +
		p.marks + "</svg>")
}

// Bare returns the picture without what is written above it, for a page that writes it itself.
func (p *Picture) Bare() []byte {
	return []byte(viewBox(p.Frame()) + ` aria-label="` + html.EscapeString(p.Heading+". "+p.Alt) + `"` + fonts + `>` + p.marks + "</svg>")
}

// The size of a picture and the room around what is drawn, in units of the viewBox. Pictures
// are narrow, so that their texts can be read on a phone.
const (
	width                    = 560
	least                    = 276 // height of a picture that needs no more
	most                     = 596 // and of one that stands beside two others, with what is between them
	cut                      = 36  // above it stand the heading and the note
	left, right, top, bottom = 58, 14, 56, 30
	plotWidth                = width - left - right
)

// Attributes of the marks.
const (
	ink   = `fill="var(--ink,#1b1f24)"`
	muted = `fill="var(--muted,#5b6570)"`
	grid  = `stroke="var(--grid,#dfe4e8)" fill="none"`
	fill  = `fill="var(--data,#0072b2)"`
	faint = fill + ` fill-opacity=".55"`
	line  = `stroke="var(--data,#0072b2)" fill="none"`
	dots  = line + ` stroke-width="4" stroke-linecap="round"`
	late  = `stroke="var(--mark,#c24d00)" fill="none"`
	mark  = `stroke="var(--mark,#c24d00)" stroke-width="1.5" stroke-dasharray="5 3" fill="none"`
	point = `fill="var(--mark,#c24d00)"`
	told  = `fill="var(--mark-ink,#a84300)" font-weight="600"`
	shade = `fill="var(--band,#009e73)" fill-opacity=".16" stroke="var(--band,#009e73)" stroke-opacity=".55"`
)

// A canvas is a picture that is being drawn.
type canvas struct {
	strings.Builder
	high float64
}

func begin() *canvas { return &canvas{high: least} }

func (p *canvas) base() float64  { return p.high - bottom }
func (p *canvas) below() float64 { return p.high - bottom + 17 } // where labels of a horizontal axis stand

// end returns the picture that was drawn.
func (p *canvas) end(c Caption) *Picture {
	return &Picture{Caption: c, high: p.high, marks: p.String()}
}

// halved is a coordinate to half a unit: two marks that are wider and nearer to each other are one.
func halved(f float64) float64 { return math.Round(f*2) / 2 }

// num writes a coordinate with at most one decimal: finer is not seen.
func num(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

func (p *canvas) text(x, y float64, anchor, attributes, s string) {
	p.WriteString(`<text x="` + num(x) + `" y="` + num(y) + `"`)
	if anchor != "start" {
		p.WriteString(` text-anchor="` + anchor + `"`)
	}
	p.WriteString(" " + attributes + ">" + html.EscapeString(s) + `</text>`)
}

func (p *canvas) path(attributes, d string) {
	if d != "" {
		p.WriteString(`<path ` + attributes + ` d="` + d + `"/>`)
	}
}

// band draws the range of values that was looked at.
func (p *canvas) band(x, y, w, h float64) {
	p.WriteString(`<rect ` + shade + ` x="` + num(x) + `" y="` + num(y) + `" width="` + num(w) + `" height="` + num(h) + `"/>`)
}

func horizontal(y float64) string { return "M" + num(left) + " " + num(y) + "h" + num(plotWidth) }

// empty returns a picture that says in the middle of the picture why nothing is drawn.
func empty(c Caption, s string) *Picture {
	p := begin()
	p.path(grid, horizontal(p.base()))
	p.text(left+plotWidth/2, (top+p.base())/2, "middle", muted, s)
	return p.end(c)
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
	a := axis{first * step, last * step, p.base(), top}
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
func clock(t time.Time, step, span time.Duration) string {
	hour, minute, second := t.Clock()
	switch {
	case step >= day || span > day && hour == 0 && minute == 0 && second == 0:
		return t.Format("2 Jan")
	case step >= time.Minute:
		return t.Format("15:04")
	}
	return t.Format("15:04:05")
}

// in returns a time in a zone; nil is UTC.
func in(nanos int64, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	return time.Unix(0, nanos).In(zone)
}

// ahead returns how far the clock of a zone is ahead of UTC, in nanoseconds.
func ahead(nanos int64, zone *time.Location) int64 {
	_, seconds := in(nanos, zone).Zone()
	return int64(seconds) * 1e9
}

// floor returns the greatest multiple of n that is not above v.
func floor(v, n int64) int64 {
	rest := v % n
	if rest < 0 {
		rest += n
	}
	return v - rest
}

// times draws the labels of a horizontal axis of times, at round times of the clock of a zone.
func (p *canvas) times(startNanos, endNanos int64, zone *time.Location) axis {
	a := axis{float64(startNanos), float64(endNanos), left, left + plotWidth}
	span := time.Duration(endNanos - startNanos)
	step := timeStep(span, 7)
	var d strings.Builder
	for local := floor(startNanos+ahead(startNanos, zone), int64(step)); ; local += int64(step) {
		t := local - ahead(local-ahead(local, zone), zone) // the clock may be put forward or back on the way
		if t > endNanos {
			break
		}
		if t < startNanos {
			continue
		}
		x := a.at(float64(t))
		d.WriteString("M" + num(x) + " " + num(p.base()) + "v4")
		p.text(min(max(x, left+10), left+plotWidth-12), p.below(), "middle", muted, clock(in(t, zone), step, span))
	}
	p.path(grid, d.String())
	return a
}

// A Window is the stretch of time that vectors cover.
type Window struct {
	EndNanos      int64 // the newest moment of bucket 0
	BucketSeconds int64
	Buckets       int
	Zone          *time.Location // whose clock is shown; nil is UTC
}

func (w Window) start() int64 { return w.EndNanos - int64(w.Buckets)*w.BucketSeconds*1e9 }

// across says where the buckets lie.
func (w Window) across() Across {
	start := float64(w.start()) / 1e9
	return Across{Kind: Time, Lo: start, Hi: float64(w.EndNanos) / 1e9, First: start, Step: float64(w.BucketSeconds)}
}

// columns returns how many columns of the picture n elements take, one each unless that is
// finer than half a unit, and the column of element i of a vector whose element 0 is the
// newest.
func columns(n int) (count int, of func(i int) int) {
	count = min(n, 2*plotWidth)
	return count, func(i int) int { return count - 1 - int(int64(i)*int64(count)/int64(n)) }
}

// Bins are the bins of a histogram over times.
type Bins struct {
	Counts       []int64
	Start, Width time.Duration
	Label        func(i int) string // of the lower edge of bin i
	Above        int64              // beyond the last bin
}

// A Peak is where a histogram is expected to have one.
type Peak struct {
	At     time.Duration // 0 is nowhere
	Spread float64       // to both sides, as a share of At
	Name   string
}

// Histogram draws a histogram of durations, with the peak that a model expects.
func Histogram(c Caption, b Bins, peak Peak) *Picture {
	if len(b.Counts) == 0 {
		return empty(c, "no two callbacks with times")
	}
	p := begin()
	y := p.values(0, float64(slices.Max(b.Counts)), true, func(v float64) string { return human.Count(int64(v)) })
	// Few bins stand in the middle, and the peak is in the picture where it is near.
	n := max(len(b.Counts), 8)
	shift := (n - len(b.Counts)) / 2
	lo := float64(b.Start) - float64(shift)*float64(b.Width)
	x := axis{lo, lo + float64(n)*float64(b.Width), left, left + plotWidth}
	at := func(i int) float64 { return x.at(float64(b.Start) + float64(i)*float64(b.Width)) }
	wide := float64(plotWidth) / float64(n)
	var d, ticks strings.Builder
	for i, n := range b.Counts {
		if n > 0 {
			d.WriteString("M" + num(at(i)+min(1, wide*0.1)) + " " + num(y.from) + "V" + num(min(y.at(float64(n)), y.from-1)) + "h" + num(wide-min(2, wide*0.2)) + "V" + num(y.from) + "z")
		}
	}
	every := 1
	for (len(b.Counts)+1)/every > 7 {
		every++
	}
	last := ""
	for i := 0; i <= len(b.Counts); i += every {
		ticks.WriteString("M" + num(at(i)) + " " + num(y.from) + "v4")
		if label := b.Label(i); label != last { // two units do not tell 2h from 2h 0m 30s
			p.text(min(at(i), left+plotWidth-14), p.below(), "middle", muted, label)
			last = label
		}
	}
	p.path(grid, ticks.String())
	middle := float64(peak.At)
	from, to := max(x.lo, middle*(1-peak.Spread)), min(x.hi, middle*(1+peak.Spread))
	if middle > 0 && from < to {
		p.band(x.at(from), top, x.at(to)-x.at(from), p.base()-top)
	}
	p.path(fill, d.String())
	right, above := float64(left+plotWidth), float64(top-6)
	if middle > 0 && middle >= x.lo && middle <= x.hi {
		p.path(mark, "M"+num(x.at(middle))+" "+num(y.from)+"V"+num(top-4))
		p.beside(x.at(middle), above, peak.Name)
		above = top + 12
		if at := x.at(middle); at > right-90 {
			right = at - 6 // not across the line
		}
	}
	if b.Above > 0 {
		p.text(right, above, "end", muted, human.Count(b.Above)+" longer →")
	}
	out := p.end(c)
	out.Across = Across{Kind: Gap, Lo: x.lo / 1e9, Hi: x.hi / 1e9, First: b.Start.Seconds(), Step: b.Width.Seconds()}
	out.Unit = Count
	for _, n := range b.Counts {
		out.Values = append(out.Values, float64(n))
	}
	return out
}

// beside writes the label of a mark at x above the plot, as far in as it takes to fit.
func (p *canvas) beside(x, y float64, s string) {
	half := 4 * float64(human.Width(s))
	p.text(min(max(x, left+half), left+plotWidth-half), y, "middle", told, s)
}

// A Tested is what a test made of values: the band of those that it looked at, and their mean.
type Tested struct {
	Band [2]float64
	Mean float64
}

// Bytes draws the mean bytes of each bucket with events as a dot and, when a test looked at
// them, its band as an area and the mean as a line. A few values far above all others are drawn
// as triangles at the upper edge, so that they do not press the others flat.
func Bytes(c Caption, values []float64, w Window, tested *Tested) *Picture {
	limit, above := limitOf(values)
	if limit == 0 {
		return empty(c, "no bytes are known")
	}
	p := begin()
	x := p.times(w.start(), w.EndNanos, w.Zone)
	y := p.values(0, limit, false, human.Bytes)
	if tested != nil {
		inside := func(v float64) float64 { return min(max(y.at(v), y.to), y.from) }
		hi, lo := inside(tested.Band[1]), inside(tested.Band[0])
		p.band(left, hi-1, plotWidth, max(lo-hi, 0)+2)
		p.path(mark, horizontal(inside(tested.Mean)))
	}
	count, of := columns(len(values))
	place := axis{0, float64(count), x.from, x.to}
	var points, peaks strings.Builder
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
		if m := "M" + num(halved(at)) + " " + num(halved(y.at(v))) + "h0"; m != last {
			points.WriteString(m)
			last = m
		}
	}
	p.path(dots, points.String())
	p.path(point, peaks.String())
	if above > 0 {
		p.text(left+plotWidth, top-6, "end", muted, "▲ "+human.Count(int64(above))+" above, up to "+human.Bytes(slices.Max(values)))
	}
	out := p.end(c)
	out.Across, out.Values, out.Unit = w.across(), oldestFirst(values), Byte
	return out
}

func oldestFirst[T int64 | float64](values []T) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[len(values)-1-i] = float64(v)
	}
	return out
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
func Counts(c Caption, counts []int64, w Window, tested *Tested) *Picture {
	if len(counts) == 0 {
		return empty(c, "no counts")
	}
	p := begin()
	count, of := columns(len(counts))
	heights := make([]int64, count)
	for i, n := range counts {
		heights[of(i)] = max(heights[of(i)], n)
	}
	x := p.times(w.start(), w.EndNanos, w.Zone)
	y := p.values(0, float64(slices.Max(counts)), true, func(v float64) string { return human.Count(int64(v)) })
	if tested != nil {
		p.band(left, y.at(tested.Band[1])-1, plotWidth, y.at(tested.Band[0])-y.at(tested.Band[1])+2)
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
	out := p.end(c)
	out.Across, out.Values, out.Unit = w.across(), oldestFirst(counts), Count
	return out
}

// Autocovariance draws r by period in buckets, from element 2, the threshold of the test as a
// line, and the chosen period.
func Autocovariance(c Caption, r []float64, bucketSeconds int64, threshold float64, period int, fired bool) *Picture {
	if len(r) < 3 {
		return empty(c, "too few events for a period")
	}
	p := begin()
	lo := min(0, slices.Min(r[2:]))
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
			p.text(min(x.at(at), left+plotWidth-14), p.below(), "middle", muted, human.Duration(t))
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
	p.path(faint, d.String())
	p.path(mark, horizontal(y.at(threshold)))
	p.text(left+plotWidth, y.at(threshold)-4, "end", told, human.Number(threshold))
	if period >= 2 && period < len(r) {
		k := int(int64(period-2) * int64(count) / int64(len(r)-2))
		attributes := fill
		if fired {
			attributes = point
		}
		p.path(attributes, bar(left+wide*float64(k), r[period]))
		p.beside(left+wide*(float64(k)+0.5), top-6, human.Seconds(int64(period)*bucketSeconds))
	}
	bucket := float64(bucketSeconds)
	out := p.end(c)
	out.Across = Across{Kind: Period, Lo: x.lo * bucket, Hi: x.hi * bucket, First: 2 * bucket, Step: bucket}
	out.Values, out.Unit = slices.Clone(r[2:]), Number
	return out
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
	return []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 20" class="spark" aria-hidden="true"><path ` + fill + ` d="` + d.String() + `"/></svg>`)
}
