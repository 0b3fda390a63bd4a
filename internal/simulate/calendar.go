package simulate

import (
	"math/rand/v2"
	"sort"
	"time"
)

// A span is a stretch of time in which something may call: seconds after the start of the
// data. Spans of a list are in order and do not overlap.
type span struct {
	from, to float64
	boot     int // how often the host was started before
}

// clip returns what lies of spans between two times.
func clip(spans []span, from, to float64) []span {
	if len(spans) == 0 || from <= spans[0].from && to >= spans[len(spans)-1].to {
		return spans
	}
	var out []span
	for _, s := range spans {
		s.from, s.to = max(s.from, from), min(s.to, to)
		if s.from < s.to {
			out = append(out, s)
		}
	}
	return out
}

// cross returns the stretches that lie in both lists, with the boots of a.
func cross(a, b []span) []span {
	var out []span
	for _, s := range a {
		for i := sort.Search(len(b), func(i int) bool { return b[i].to > s.from }); i < len(b) && b[i].from < s.to; i++ {
			out = append(out, span{max(s.from, b[i].from), min(s.to, b[i].to), s.boot})
		}
	}
	return out
}

// daily returns the hours from and to of every day, or of working days only.
func daily(start time.Time, length, from, to float64, workdays bool) []span {
	midnight := start.Truncate(24 * time.Hour)
	var out []span
	for d := -1; ; d++ {
		day := midnight.AddDate(0, 0, d)
		base := day.Sub(start).Seconds()
		if base > length {
			return clip(out, 0, length)
		}
		if w := day.Weekday(); workdays && (w == time.Saturday || w == time.Sunday) {
			continue
		}
		out = append(out, span{from: base + from*3600, to: base + to*3600})
	}
}

// A habit is when a machine is on and its user works.
type habit struct{ awake, active []span }

// habits draws when a host of a kind is on and used. offset is the local time's.
func habits(r *rand.Rand, k kind, start time.Time, length, offset float64) habit {
	local := start.Add(time.Duration(offset * float64(time.Second)))
	whole := []span{{from: 0, to: length}}
	if k&(winServer|linServer|iot) != 0 {
		on := reboots(r, whole, 0.05)
		return habit{awake: on, active: on}
	}
	begins, ends := between(r, 6.8, 9.8), between(r, 15.5, 19)
	day := daily(local, length, begins, ends, true)
	var work, on []span
	for _, s := range day {
		if chance(r, 0.06) { // away for the day
			continue
		}
		s.from += between(r, -1500, 1500)
		s.to += between(r, -3000, 3000)
		work = append(work, s)
		if k&laptop == 0 {
			on = append(on, span{from: s.from - between(r, 60, 900), to: s.to + between(r, 60, 1200)})
			continue
		}
		// The lid is closed now and then: lunch, meetings, the way home.
		for t := s.from - 120; t < s.to+600; {
			stay := logNormal(r, 5400, 0.8)
			on = append(on, span{from: t, to: min(t+stay, s.to+600)})
			t += stay + logNormal(r, 900, 0.9)
		}
	}
	if k&(laptop|mac) != 0 && chance(r, 0.5) { // evenings at home
		for _, s := range daily(local, length, between(r, 19.2, 20.5), between(r, 21, 23), false) {
			if chance(r, 0.6) {
				on = append(on, s)
				work = append(work, s)
			}
		}
	}
	on, work = ordered(on, length), ordered(work, length)
	if k&laptop == 0 && chance(r, 0.55) { // never switched off
		on = whole
	}
	// Whoever works pauses.
	var busy []span
	for _, s := range work {
		for t := s.from + between(r, 0, 600); t < s.to; {
			stay := logNormal(r, 1700, 0.8)
			busy = append(busy, span{from: t, to: min(t+stay, s.to)})
			t += stay + logNormal(r, 500, 0.9)
		}
	}
	on = reboots(r, on, 0.2)
	return habit{awake: on, active: cross(on, busy)}
}

// ordered sorts spans, joins those that touch and cuts them to the data.
func ordered(spans []span, length float64) []span {
	sort.Slice(spans, func(i, j int) bool { return spans[i].from < spans[j].from })
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
		} else {
			out = append(out, s)
		}
	}
	return clip(out, 0, length)
}

// reboots cuts spans where the host starts again: aDay times, and at some of the pauses.
func reboots(r *rand.Rand, spans []span, aDay float64) []span {
	var out []span
	boot := 0
	for i, s := range spans {
		if i > 0 && s.from-spans[i-1].to > 4*3600 && chance(r, 0.5) {
			boot++
		}
		s.boot = boot
		if n := (s.to - s.from) / 86400 * aDay; chance(r, n) && s.to-s.from > 3600 {
			at := between(r, s.from+600, s.to-900)
			out = append(out, span{s.from, at, boot})
			boot++
			s = span{at + between(r, 45, 400), s.to, boot}
		}
		out = append(out, s)
	}
	return out
}
