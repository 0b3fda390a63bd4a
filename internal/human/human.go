// Package human turns numbers, times and texts of logs into what a person reads on a
// terminal or in a page.
//
// Everything a log says is hostile: Safe is the one place that makes it harmless for a
// terminal. The package knows no clock and no locale; times are UTC.
package human

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Units of Duration, largest first.
var units = []struct {
	length time.Duration
	name   string
}{
	{24 * time.Hour, "d"},
	{time.Hour, "h"},
	{time.Minute, "m"},
	{time.Second, "s"},
	{time.Millisecond, "ms"},
}

// Duration returns d in its two largest units: "5m", "1h 30m", "2d 3h", "45s", "250ms". What is
// smaller than a millisecond is "0s".
func Duration(d time.Duration) string {
	if d < 0 {
		if d == math.MinInt64 {
			d++ // its negative does not fit
		}
		return "-" + Duration(-d)
	}
	for i, u := range units {
		if d < u.length {
			continue
		}
		s := strconv.FormatInt(int64(d/u.length), 10) + u.name
		if i+1 < len(units) && u.length > time.Second { // 1s 250ms says no more than 1s
			if rest := d % u.length / units[i+1].length; rest > 0 {
				s += " " + strconv.FormatInt(int64(rest), 10) + units[i+1].name
			}
		}
		return s
	}
	return "0s"
}

// Seconds returns a number of seconds as Duration does.
func Seconds(s int64) string {
	const most = math.MaxInt64 / int64(time.Second)
	return Duration(time.Duration(max(-most, min(s, most))) * time.Second)
}

// Time returns nanoseconds since 1970 as "2026-01-01 06:00:00" in UTC.
func Time(nanos int64) string { return time.Unix(0, nanos).UTC().Format("2006-01-02 15:04:05") }

// ShortTime returns nanoseconds since 1970 as "01-01 06:00" in UTC.
func ShortTime(nanos int64) string { return time.Unix(0, nanos).UTC().Format("01-02 15:04") }

// Count returns n with its thousands apart: "1,234,567".
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, c := range []byte(s) {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Plural returns n and its noun: "1 event", "2 events".
func Plural(n int64, noun string) string { return Count(n) + " " + Noun(n, noun) }

// Noun returns the noun that goes with n, which stands elsewhere. The plural takes an s, or ies
// for y behind a consonant.
func Noun(n int64, noun string) string {
	switch {
	case n == 1:
		return noun
	case strings.HasSuffix(noun, "y") && len(noun) > 1 && !strings.ContainsRune("aeiou", rune(noun[len(noun)-2])):
		return noun[:len(noun)-1] + "ies"
	}
	return noun + "s"
}

// Number returns f with at most four significant digits, and all digits of a whole part that
// has more: "0.9812", "412.5", "12345". What is not zero never looks like it.
func Number(f float64) string {
	switch a := math.Abs(f); {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return strconv.FormatFloat(f, 'g', -1, 64)
	case a >= 1e15 || (a > 0 && a < 1e-4):
		return strconv.FormatFloat(f, 'e', 2, 64)
	case a >= 1000:
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 4, 64)
}

// Percent returns a share as a percentage with at most four significant digits: "5%",
// "12.5%", "0.05%". What is no number is "no share".
func Percent(share float64) string {
	if math.IsNaN(share) || math.IsInf(share, 0) {
		return "no share"
	}
	return Number(math.Round(share*1e4)/100) + "%"
}

// Bytes returns a number of bytes in units of 1000: "512 B", "1.4 kB", "3.05 MB".
func Bytes(f float64) string {
	names := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	i := 0
	for math.Abs(f) >= 999.5 && i < len(names)-1 {
		f /= 1000
		i++
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if len(s) > 4 {
		s = strconv.FormatFloat(f, 'g', 3, 64)
	}
	return s + " " + names[i]
}
