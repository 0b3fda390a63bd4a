package delimited

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/parse"
)

// maxReasons bounds how many different values of columns are told apart in the reasons of
// skipped lines.
const maxReasons = 100

// decoder decodes the blocks of one file.
type decoder struct {
	*layout
	cutter  *cutter
	matcher *matcher
	values  [][]byte // by slot
	e       event.Event

	lastText  []byte // the time decoded last, and its value: neighbours often share it
	lastNanos int64
	year      int // of the line before, where a time has none
	month     time.Month
	joined    []byte // a time of several columns
	lower     []byte // texts in lower case

	reasons map[string]string // by column and value
	reason  []byte
	line    int
	out     source.Sink
}

func newDecoder(l *layout) *decoder {
	d := &decoder{layout: l, values: make([][]byte, len(l.slots)), year: l.clock.year, reasons: map[string]string{}}
	if l.pattern != nil {
		d.matcher = newMatcher(l.pattern)
	} else {
		d.cutter = newCutter(l.separator, l.quote)
	}
	return d
}

// Decode decodes the lines of block.
func (d *decoder) Decode(block []byte, _ any, out source.Sink) (lines int) {
	d.out = out
	for rest := block; len(rest) > 0; lines++ {
		var line []byte
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			line, rest = rest[:end], rest[end+1:]
		} else {
			line, rest = rest, nil
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		line = bytes.TrimPrefix(line, bom) // of the first line; files joined have it within
		if d.passes(line) || d.names != nil && bytes.Equal(line, d.names) {
			continue
		}
		d.line = lines
		if d.cut(line) && d.kept() && d.fill() {
			out.Event(&d.e)
		}
	}
	d.out = nil
	return lines
}

func (d *decoder) bad(field, got, want string) bool {
	d.out.Bad(source.RecordError{Line: d.line, Field: field, Got: got, Want: want})
	return false
}

// cut finds the values of the slots. It reports whether line has them.
func (d *decoder) cut(line []byte) bool {
	if d.matcher != nil {
		places, ok := d.matcher.match(line)
		if !ok {
			d.out.Skip("a line that does not match the pattern", 1)
			return false
		}
		for i := range d.values {
			d.values[i] = nil
			if from, to := places[2*i], places[2*i+1]; from >= 0 {
				d.values[i] = line[from:to]
			}
		}
		return true
	}
	d.cutter.scratch = d.cutter.scratch[:0]
	more := true
	for n, at := range d.at {
		if !more {
			return d.bad("", fmt.Sprintf("%d columns", n), fmt.Sprintf("at least %d", len(d.at)))
		}
		var value []byte
		var err error
		if value, line, more, err = d.cutter.next(line); err != nil {
			got, want, _ := strings.Cut(err.Error(), ", want ")
			return d.bad("", strings.TrimPrefix(got, "got "), want)
		}
		if at != none {
			d.values[at] = value
		}
	}
	return true
}

// kept reports whether the line is one that is kept.
func (d *decoder) kept() bool {
	for i := range d.slots {
		if keep := d.slots[i].keep; keep != nil && !keep[parse.Text(d.values[i])] {
			d.out.Skip(d.because(d.slots[i].name, d.values[i]), 1)
			return false
		}
	}
	return true
}

// because returns the reason for skipping a line with a value that is not kept.
func (d *decoder) because(column string, value []byte) string {
	d.reason = append(append(append(d.reason[:0], column...), ' '), value...)
	if r, ok := d.reasons[string(d.reason)]; ok {
		return r
	}
	if len(d.reasons) >= maxReasons || len(d.reason) > 2*maxReasons {
		return "a value that is not kept"
	}
	r := column + " " + source.Shorten(value)
	d.reasons[string(d.reason)] = r
	return r
}

// fill makes the event from the values. It reports whether they are good.
func (d *decoder) fill() bool {
	d.e = d.base
	d.lower = d.lower[:0]
	d.joined = d.joined[:0]
	times := 0
	for i := range d.slots {
		s, b := &d.slots[i], d.values[i]
		if s.use == useNothing || d.isMissing(b) {
			continue
		}
		if s.use == useTime {
			if times++; times > 1 {
				d.joined = append(d.joined, ' ')
			}
			d.joined = append(d.joined, b...)
			continue
		}
		if want := d.fillOne(s, b); want != "" {
			return d.bad(s.name, source.Shorten(b), want)
		}
	}
	// The time last: an unwinding of years goes by good lines alone.
	nanos, ok := d.time(d.joined)
	if !ok {
		return d.bad(d.timeName(), source.Shorten(d.joined), d.clock.want(d.year))
	}
	d.e.TimeNanos = nanos
	if d.nameFrom {
		d.e.ProcessName = parse.BaseName(d.e.ProcessExecutable)
	}
	return true
}

func (d *decoder) isMissing(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	for _, m := range d.missing {
		if len(m) == len(b) && string(m) == string(b) {
			return true
		}
	}
	return false
}

// fillOne fills the field of a slot. It returns what the value should have been, "" when
// it is good.
func (d *decoder) fillOne(s *slot, b []byte) (want string) {
	ok := true
	switch s.use {
	case useText:
		*d.e.Text(s.field) = parse.Text(b)
	case useExecutable:
		d.e.ProcessExecutable = parse.Text(b)
	case useLower:
		*d.e.Text(s.field) = parse.Lower(b, &d.lower)
	case useTransport:
		if name, known := parse.Transport(b); known {
			d.e.NetworkTransport = name
		} else {
			d.e.NetworkTransport = parse.Lower(b, &d.lower)
		}
	case useIP:
		var a netip.Addr
		a, ok = parse.IP(b)
		d.e.SetIP(s.field, a)
		want = "an IP address"
	case useAddress:
		if n := len(b); n > 2 && b[0] == '[' && b[n-1] == ']' { // an IPv6 address that stood before a port
			b = b[1 : n-1]
		}
		if a, isIP := parse.IP(b); isIP {
			d.e.DestinationIP = a
		} else {
			d.e.DestinationDomain = parse.Text(b)
		}
	case usePort:
		var n uint16
		n, ok = parse.Port(b)
		d.e.SetCount(s.field, int64(n))
		want = "a port"
	case useCount:
		var n int64
		n, ok = parse.Count(b)
		d.e.SetCount(s.field, n)
		want = "a count"
	case useBool:
		var v event.Tristate
		v, ok = truth(b)
		d.e.SetBool(s.field, v)
		want = "true or false"
	case useDuration:
		if d.unit == 0 {
			d.e.DurationNanos, ok = clockDuration(b)
			want = "a duration such as 01:02:03"
		} else {
			d.e.DurationNanos, ok = scaled(b, d.unit)
			ok = ok && d.e.DurationNanos >= 0
			want = "a duration in numbers"
		}
	case useIngested:
		d.e.IngestedNanos, ok = d.clock.read(b, d.year)
		want = d.clock.want(d.year)
	}
	if ok {
		return ""
	}
	return want
}

func truth(b []byte) (v event.Tristate, ok bool) {
	switch string(b) {
	case "true", "True", "TRUE", "1", "yes", "T", "t":
		return event.True, true
	case "false", "False", "FALSE", "0", "no", "F", "f":
		return event.False, true
	}
	return event.Unknown, false
}

// time reads the time of a line, and in a text without years finds its year: a month more
// than half a year before that of the line before is one of the next year.
func (d *decoder) time(b []byte) (nanos int64, ok bool) {
	if len(b) > 0 && bytes.Equal(b, d.lastText) {
		return d.lastNanos, true
	}
	year := d.year
	if d.yearless {
		t, err := time.Parse(d.clock.layout, parse.Text(b))
		if err != nil {
			return 0, false
		}
		if d.month != 0 {
			switch between := t.Month() - d.month; {
			case between < -6:
				year++
			case between > 6:
				year--
			}
		}
		if nanos, ok = d.clock.read(b, year); ok {
			d.year, d.month = year, t.Month()
		}
	} else {
		nanos, ok = d.clock.read(b, 0)
	}
	if ok {
		d.lastText, d.lastNanos = append(d.lastText[:0], b...), nanos
	}
	return nanos, ok
}

// timeName returns the name of the column of the time, for messages.
func (d *decoder) timeName() string {
	var names []string
	for _, s := range d.slots {
		if s.use == useTime {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ", ")
}

// read returns the time that b spells, in nanoseconds since 1970 UTC. year is for layouts
// without one.
func (k *clock) read(b []byte, year int) (nanos int64, ok bool) {
	if k.unit != 0 {
		n, ok := scaled(b, k.unit)
		sum := n + k.start
		return sum, ok && (sum > n) == (k.start > 0)
	}
	if k.layout == "" {
		return parse.RFC3339(b)
	}
	if last := len(b) - 1; k.plain && last+1 == len(k.layout) && b[10] == k.layout[10] && b[last]-'0' <= 9 {
		if nanos, ok = parse.RFC3339(b); ok { // four times as fast as the package time
			return nanos, true
		}
	}
	t, err := time.ParseInLocation(k.layout, parse.Text(b), k.zone)
	if err != nil {
		return 0, false
	}
	if k.year != 0 {
		month, day := t.Month(), t.Day()
		hour, minute, second := t.Clock()
		if t = time.Date(year, month, day, hour, minute, second, t.Nanosecond(), t.Location()); t.Day() != day {
			return 0, false // February 29
		}
	}
	if y := t.Year(); y < 1678 || y > 2261 { // beyond what nanoseconds hold
		return 0, false
	}
	return t.UnixNano(), true
}

// want says what a time looks like.
func (k *clock) want(year int) string {
	switch {
	case k.unit == 1e9:
		return "a time in seconds"
	case k.unit != 0:
		return "a time in milliseconds"
	case k.layout == "":
		return "a time in RFC 3339"
	case k.year != 0:
		return fmt.Sprintf("a time like %q of %d", k.layout, year)
	}
	return fmt.Sprintf("a time like %q", k.layout)
}

// scaled returns in nanoseconds the number b of units, which may have a fraction.
func scaled(b []byte, unit int64) (nanos int64, ok bool) {
	if unit == 1e9 {
		return parse.UnixTime(b)
	}
	whole, fraction := b, []byte(nil)
	if i := bytes.IndexByte(b, '.'); i >= 0 {
		whole, fraction = b[:i], b[i:]
	}
	n, ok := parse.Count(whole)
	const most = 1<<63 - 1
	if !ok || n >= most/unit {
		return 0, false
	}
	if fraction != nil {
		if nanos, ok = parse.UnixTime(fraction); !ok || nanos >= 1e9 {
			return 0, false
		}
	}
	return n*unit + nanos/(1e9/unit), true
}

// clockDuration reads a duration such as 05, 04:05, 03:04:05 or 03:04:05.678.
func clockDuration(b []byte) (nanos int64, ok bool) {
	var seconds int64
	for parts := 1; ; parts++ {
		i := bytes.IndexByte(b, ':')
		if i < 0 {
			break
		}
		n, ok := parse.Count(b[:i])
		if !ok || n > 1e6 || parts == 3 {
			return 0, false
		}
		seconds = (seconds + n) * 60
		b = b[i+1:]
	}
	last, ok := parse.UnixTime(b)
	if !ok || last < 0 || last > 1e6*1e9 {
		return 0, false
	}
	return seconds*1e9 + last, true
}
