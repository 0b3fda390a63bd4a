package plot

import (
	"slices"
	"strings"
	"time"

	"fresnel/internal/human"
)

// Calls are what a raster is drawn from.
type Calls struct {
	TimesNanos []int64 // sorted
	Failed     []bool  // which of them were not answered; nil where that is not known
}

const day = 24 * time.Hour

// rows are the lines of a raster: of a round length, they are read like lines of text and begin
// at round times of the clock of a zone.
type rows struct {
	zone   *time.Location
	start  int64 // of the first row; of rows of a day, its date as one of UTC
	length time.Duration
	n      int
}

// ByDay reports whether the rows of a raster of a span are days: beyond a day and a half, so
// that working hours stand in columns.
func ByDay(fromNanos, toNanos int64) bool { return toNanos-fromNanos > int64(day+day/2) }

func rowsOf(fromNanos, toNanos int64, zone *time.Location) rows {
	if ByDay(fromNanos, toNanos) {
		r := rows{zone: zone, length: day}
		r.start, _ = date(in(fromNanos, zone))
		last, _ := date(in(toNanos-1, zone))
		r.n = int((last-r.start)/int64(day)) + 1
		return r
	}
	r := rows{zone: zone, length: timeStep(time.Duration(max(1, toNanos-fromNanos)), 8)}
	shift := ahead(fromNanos, zone)
	r.start = floor(fromNanos+shift, int64(r.length)) - shift
	r.n = max(1, int((toNanos-r.start+int64(r.length)-1)/int64(r.length)))
	return r
}

// date returns the day of a time as a time of UTC, and how far the clock has gone on that day.
// Where the clock is put forward an hour of it stays empty, where it is put back one is there
// twice: what is done at nine stands at nine all the year.
func date(t time.Time) (midnight, clock int64) {
	year, month, d := t.Date()
	hour, minute, second := t.Clock()
	return time.Date(year, month, d, 0, 0, 0, 0, time.UTC).UnixNano(), int64(hour*3600+minute*60+second)*1e9 + int64(t.Nanosecond())
}

// place returns the row of a time, and its part of the row.
func (r rows) place(nanos int64) (row int, part float64) {
	at := nanos - r.start
	rest := at % int64(r.length)
	if r.length == day {
		var midnight int64
		midnight, rest = date(in(nanos, r.zone))
		at = midnight - r.start
	}
	if at < 0 {
		return -1, 0
	}
	if row = int(at / int64(r.length)); row >= r.n {
		return r.n - 1, 1 // the last second of a window belongs to it
	}
	return row, float64(rest) / float64(r.length)
}

func (r rows) name(row int, span time.Duration) string {
	at := r.start + int64(row)*int64(r.length)
	if r.length == day {
		return in(at, time.UTC).Format("2 Jan")
	}
	return clock(in(at, r.zone), r.length, span)
}

// A raster is a canvas with rows.
type raster struct {
	*canvas
	rows
	x    axis // parts of a row
	tall float64
}

func newRaster(fromNanos, toNanos int64, zone *time.Location, tall bool) raster {
	p := raster{canvas: begin(), rows: rowsOf(fromNanos, toNanos, zone), x: axis{0, 1, left, left + plotWidth}}
	p.high = most
	if !tall {
		p.high = max(least, min(most, top+bottom+float64(16*p.n))) // rows that can be told apart, on one screen
	}
	p.tall = (p.base() - top) / float64(p.n)
	var lines strings.Builder
	each := (p.n + 23) / 24 // labels that do not touch
	for row := range p.n {
		lines.WriteString(horizontal(p.foot(row)))
		if row%each == 0 {
			p.text(left-6, p.foot(row)-p.tall/2+4, "end", muted, p.name(row, time.Duration(toNanos-fromNanos)))
		}
	}
	step := timeStep(p.length, 6)
	for t := time.Duration(0); t <= p.length; t += step {
		at := p.x.at(float64(t) / float64(p.length))
		lines.WriteString("M" + num(at) + " " + num(p.base()) + "v4")
		p.text(min(at, left+plotWidth-14), p.below(), "middle", muted, p.column(t))
	}
	p.path(grid, lines.String())
	return p
}

// foot is the lower edge of a row.
func (p raster) foot(row int) float64 { return top + p.tall*float64(row+1) - 1 }

// column names a place in every row.
func (p raster) column(t time.Duration) string {
	switch {
	case t == day:
		return "24:00"
	case p.length == day:
		return time.Unix(0, int64(t)).UTC().Format("15:04")
	case t == 0:
		return "+0"
	}
	return "+" + human.Duration(t)
}

// Raster draws every call as a tick, in rows of a round length: a rhythm that divides it stands
// in columns, pauses are gaps. A call that was not answered is half as high. A tall one has the
// height of two other pictures, to stand beside them.
func Raster(c Caption, calls Calls, fromNanos, toNanos int64, zone *time.Location, tall bool) *Picture {
	p := newRaster(fromNanos, toNanos, zone, tall)
	if len(calls.TimesNanos) == 0 {
		p.text(left+plotWidth/2, (top+p.base())/2, "middle", muted, "no callback of it is kept")
		return p.end(c)
	}
	var paths [2]strings.Builder
	var last [2]struct {
		row, tick int
		x         float64
	}
	last[0].row, last[1].row = -1, -1
	var ticks []Tick
	for i, nanos := range calls.TimesNanos {
		row, part := p.place(nanos)
		if row < 0 {
			continue
		}
		kind, high := 0, 0.74
		if calls.Failed != nil && calls.Failed[i] {
			kind, high = 1, 0.4
		}
		x := halved(p.x.at(part))
		l := &last[kind]
		if l.row == row && l.x == x { // ticks of one place are one
			ticks[l.tick].Calls++
			continue
		}
		l.row, l.x, l.tick = row, x, len(ticks)
		ticks = append(ticks, Tick{nanos, 1, kind == 1})
		paths[kind].WriteString("M" + num(x) + " " + num(p.foot(row)-1) + "v" + num(-p.tall*high))
	}
	// Thinner where they stand close, so that the gaps between them are still seen.
	stroke := ` stroke-width="` + num(min(max(plotWidth*float64(p.n)/float64(len(calls.TimesNanos))/3, 0.6), 1.6)) + `"`
	p.path(`class="answered" `+line+stroke, paths[0].String())
	p.path(`class="unanswered" `+late+stroke, paths[1].String())
	out := p.end(c)
	out.Ticks, out.Rows = ticks, p.n
	return out
}

// RasterOfCounts draws the buckets of a window in rows, where the times of calls are not known:
// the higher, the more calls. It begins with the first bucket that has any.
func RasterOfCounts(c Caption, counts []int64, w Window, tall bool) *Picture {
	for len(counts) > 0 && counts[len(counts)-1] == 0 {
		counts = counts[:len(counts)-1]
	}
	if len(counts) == 0 {
		return empty(c, "no callback of it is kept")
	}
	start := w.EndNanos - int64(len(counts))*w.BucketSeconds*1e9
	p := newRaster(start, w.EndNanos-1e9, w.Zone, tall)
	largest := float64(slices.Max(counts))
	perRow := max(int(int64(p.length)/1e9/w.BucketSeconds), 1)
	group := max(1, perRow/(2*plotWidth)) // buckets that share a mark
	wide := max(float64(group)*float64(w.BucketSeconds)*1e9/float64(p.length)*plotWidth, 1)
	var d strings.Builder
	for b := len(counts) - 1; b >= 0; b -= group {
		n := slices.Max(counts[max(0, b-group+1) : b+1])
		if n == 0 {
			continue
		}
		row, part := p.place(start + int64(len(counts)-1-b)*w.BucketSeconds*1e9)
		x, high := p.x.at(part), max(p.tall*0.74*float64(n)/largest, 1.5)
		d.WriteString("M" + num(x) + " " + num(p.foot(row)-1) + "v" + num(-high) + "h" + num(min(wide, max(left+plotWidth-x, 1))) + "v" + num(high) + "z")
	}
	p.path(fill, d.String())
	return p.end(c)
}
