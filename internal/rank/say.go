package rank

import (
	"strconv"

	"fresnel/internal/human"
)

// longestName bounds the columns that a name out of a log takes in a reason.
const longestName = 60

// name appends a name out of a log, made harmless.
func name(b []byte, s string) []byte {
	return append(b, human.Shorten(human.Safe(s), longestName, "...")...)
}

func count(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

// percent appends a share: "4 %", "0.5 %".
func percent(b []byte, share float64) []byte {
	p, digits := share*100, 0
	if p < 2.95 && p >= 0.05 {
		digits = 1
	}
	b = strconv.AppendFloat(b, p, 'f', digits, 64)
	return append(b, " %"...)
}

// span appends a number of seconds in the unit that a person would use, with three digits at
// most where that is possible: "4.5 s", "201 s", "30 min", "123 h".
func span(b []byte, seconds float64) []byte {
	switch {
	case seconds < 9.95:
		b = strconv.AppendFloat(b, float64(int64(seconds*10+0.5))/10, 'f', -1, 64)
		return append(b, " s"...)
	case seconds < 999.5:
		b = strconv.AppendInt(b, int64(seconds+0.5), 10)
		return append(b, " s"...)
	case seconds < 3*hour:
		b = strconv.AppendInt(b, int64(seconds/60+0.5), 10)
		return append(b, " min"...)
	case seconds < 1000*hour:
		b = strconv.AppendInt(b, int64(seconds/hour+0.5), 10)
		return append(b, " h"...)
	}
	b = strconv.AppendInt(b, int64(min(seconds/day+0.5, 1e9)), 10)
	return append(b, " days"...)
}

// while appends how long before or after something is: "40 minutes", "5 hours", "3 days".
func while(b []byte, seconds float64) []byte {
	n, unit := seconds/60, " minute"
	switch {
	case seconds >= 2*day:
		n, unit = seconds/day, " day"
	case seconds >= 2*hour:
		n, unit = seconds/hour, " hour"
	}
	whole := int64(min(n+0.5, 1e9))
	b = strconv.AppendInt(b, whole, 10)
	b = append(b, unit...)
	if whole != 1 {
		b = append(b, 's')
	}
	return b
}

// bytesOf appends a number of bytes: "512 B", "1.4 kB".
func bytesOf(b []byte, n float64) []byte { return append(b, human.Bytes(n)...) }

// hosts appends how many hosts of all do something: "only this host of 412 talks to it", "3 of
// 412 hosts talk to it".
func hosts(b []byte, n, of int, does, do string) []byte {
	if n == 1 {
		b = append(b, "only this host of "...)
		b = count(b, of)
		b = append(b, ' ')
		return append(b, does...)
	}
	b = count(b, n)
	b = append(b, " of "...)
	b = count(b, of)
	b = append(b, " hosts "...)
	return append(b, do...)
}

// fixed says a text for each level; the first is that of level 1.
func fixed(texts ...string) func([]byte, view, uint8) []byte {
	return func(b []byte, _ view, level uint8) []byte { return append(b, texts[level-1]...) }
}
