package query

import (
	"strings"
	"time"
)

// A Time is a moment as a query names it, and as Elasticsearch reads it: a date or time of
// any precision ("2026-01", "2026-01-01T06:00", in UTC when it names no zone), or "now", or
// a date with || behind it; behind the last two may stand what is added, taken away, and
// rounded to: now-1h, now/d, 2026-01-31||+1M/M. Units are y M w d h m s.
type Time struct {
	at    time.Time // when now is not set
	now   bool
	unit  byte // what at is precise to; 0 for a moment
	maths []step
}

// A step is one thing that is done to a time.
type step struct {
	amount int64 // of units that are added; 0 rounds
	unit   byte
}

const (
	// maxSteps bounds what one comparison costs.
	maxSteps = 16
	// maxSeconds is what a step may add: no time leaves what time.Time can count.
	maxSeconds = 10_000 * 366 * 24 * 3600
)

// seconds returns the length of a unit, of the longest month and year; 0 when it is none.
func seconds(unit byte) int64 {
	switch unit {
	case 'y':
		return 366 * 86400
	case 'M':
		return 31 * 86400
	case 'w':
		return 7 * 86400
	case 'd':
		return 86400
	case 'h', 'H':
		return 3600
	case 'm':
		return 60
	case 's':
		return 1
	}
	return 0
}

// Time returns the time that l is.
func (l Literal) Time() (Time, bool) {
	text := string(l)
	if rest, ok := strings.CutPrefix(text, "now"); ok {
		maths, ok := parseMaths(rest)
		return Time{now: true, maths: maths}, ok
	}
	date, rest, _ := strings.Cut(text, "||")
	t, ok := parseDate(date)
	if !ok {
		return Time{}, false
	}
	t.maths, ok = parseMaths(rest)
	return t, ok
}

// parseMaths reads what stands behind now or ||: "-1h+30m/d". Without a number it is one.
func parseMaths(text string) ([]step, bool) {
	var steps []step
	for text != "" {
		op := text[0]
		text = text[1:]
		s := step{}
		switch op {
		case '+', '-':
			digits := 0
			for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
				if s.amount = 10*s.amount + int64(text[digits]-'0'); s.amount > maxSeconds {
					return nil, false
				}
				digits++
			}
			if text = text[digits:]; digits == 0 {
				s.amount = 1
			}
		case '/':
		default:
			return nil, false
		}
		if text == "" || len(steps) == maxSteps {
			return nil, false
		}
		s.unit, text = text[0], text[1:]
		if length := seconds(s.unit); length == 0 || s.amount > maxSeconds/length {
			return nil, false
		}
		if op == '-' {
			s.amount = -s.amount
		}
		if op == '/' || s.amount != 0 {
			steps = append(steps, s)
		}
	}
	return steps, true
}

// layouts are the forms of dates, by what they are precise to.
var layouts = []struct {
	layout string
	unit   byte
}{
	{"2006", 'y'}, {"2006-01", 'M'}, {"2006-01-02", 'd'}, {"2006-01-02T15", 'h'}, {"2006-01-02T15:04", 'm'}, {"2006-01-02T15:04:05", 's'},
}

// parseDate reads a date or a time. A blank may stand for the T, as people write it.
func parseDate(text string) (Time, bool) {
	const day = len("2006-01-02")
	if len(text) < len("2006") || len(text) > len("2006-01-02T15:04:05.000000000+00:00") || text[0] < '0' || text[0] > '9' {
		return Time{}, false
	}
	clock, zone := text, ""
	if len(text) > day {
		if text[day] != 'T' && text[day] != ' ' {
			return Time{}, false
		}
		if i := strings.LastIndexAny(text, "Z+-"); i > day {
			clock, zone = text[:i], text[i:]
		}
		clock = clock[:day] + "T" + clock[day+1:]
	}
	for _, form := range layouts {
		unit := form.unit
		if unit == 's' && strings.Contains(clock, ".") {
			unit = 0 // time.Parse takes a fraction behind the seconds
		} else if len(clock) != len(form.layout) {
			continue
		}
		layout := form.layout
		if zone != "" {
			layout += "Z07:00"
		}
		at, err := time.Parse(layout, clock+zone)
		return Time{at: at.UTC(), unit: unit}, err == nil
	}
	return Time{}, false
}

// Span returns the first moment of t and the first after it. A moment takes one nanosecond,
// a date all of its day, and what is rounded (now/d) all of what it is rounded to.
func (t Time) Span(now time.Time) (begin, end time.Time) {
	begin = t.at
	if t.now {
		begin = now.UTC()
	}
	last := begin
	if t.unit != 0 && len(t.maths) == 0 {
		last = add(begin, 1, t.unit).Add(-1)
	}
	for _, s := range t.maths {
		if s.amount != 0 {
			begin, last = add(begin, s.amount, s.unit), add(last, s.amount, s.unit)
			continue
		}
		begin = floor(begin, s.unit)
		last = add(floor(last, s.unit), 1, s.unit).Add(-1)
	}
	return begin, last.Add(1)
}

// add adds n units to t. The day of the month stays, or becomes the last one where the month
// has no such day.
func add(t time.Time, n int64, unit byte) time.Time {
	months := int(n)
	switch unit {
	case 'y':
		months *= 12
	case 'M':
	default:
		return time.Unix(t.Unix()+n*seconds(unit), int64(t.Nanosecond())).UTC()
	}
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	days := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), days)-1)
}

// floor returns the begin of the unit that t is in. Weeks begin on Monday.
func floor(t time.Time, unit byte) time.Time {
	switch unit {
	case 'y':
		return time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	case 'M':
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	case 'w', 'd':
		day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		if unit == 'w' {
			day = day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
		}
		return day
	}
	at, length := t.Unix(), seconds(unit)
	return time.Unix(at-(at%length+length)%length, 0).UTC()
}

// parseMoment returns the time of a document: RFC 3339, with its zone.
func parseMoment(text []byte) (t time.Time, ok bool) {
	if len(text) < len("2006-01-02T15:04:05Z") || text[4] != '-' || text[10] != 'T' {
		return t, false
	}
	err := t.UnmarshalText(text)
	return t, err == nil
}
