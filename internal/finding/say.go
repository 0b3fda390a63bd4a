package finding

import (
	"math"
	"strconv"
	"time"

	"fresnel/internal/human"
	"fresnel/internal/rank"
)

// Risk returns a score of 0 to 100 for people, a whole number.
func Risk(score float64) string { return strconv.Itoa(int(math.Round(score))) }

// A Level tells how much a score weighs, for colours.
type Level uint8

// The levels.
const (
	LowRisk Level = iota
	SomeRisk
	MediumRisk
	HighRisk
)

// RiskLevel returns the level of a score of 0 to 100.
func RiskLevel(score float64) Level {
	switch {
	case score >= 70:
		return HighRisk
	case score >= 40:
		return MediumRisk
	case score >= 10:
		return SomeRisk
	}
	return LowRisk
}

// Points returns points with their sign, as fine as it takes to tell them apart: "+20", "+2.5",
// "-0.7".
func Points(points float64) string {
	digits := 1
	switch a := math.Abs(points); {
	case a >= 9.95:
		digits = 0
	case a < 0.0995:
		digits = 2
	}
	scale := math.Pow10(digits)
	s := strconv.FormatFloat(math.Round(points*scale)/scale+0, 'f', -1, 64) // +0: no negative zero
	if points >= 0 {
		return "+" + s
	}
	return s
}

// Jitter returns a share of the period behind sign, which is "±" or, in ASCII, "+-": "±4 %".
func Jitter(share float64, sign string) string {
	percent, digits := share*100, 0
	if percent < 2.95 && percent >= 0.05 {
		digits = 1
	}
	return sign + strconv.FormatFloat(percent, 'f', digits, 64) + " %"
}

// Every returns a period that was measured, no finer than it is known: "4.5s", "5m", "29m 30s".
func Every(seconds float64) string {
	d := time.Duration(min(seconds, 1e9) * float64(time.Second))
	switch {
	case d < 10*time.Second-50*time.Millisecond:
		return strconv.FormatFloat(math.Round(seconds*10)/10, 'f', -1, 64) + "s"
	case d < 10*time.Minute:
		d = d.Round(time.Second)
	case d < 30*time.Minute:
		d = d.Round(10 * time.Second)
	case d < time.Hour:
		d = d.Round(30 * time.Second)
	default:
		d = d.Round(time.Minute)
	}
	return human.Duration(d)
}

// For returns the reasons for and against a beacon, each by falling size of their points.
func (w *Row) For() (reasons, against []rank.Reason) {
	for _, r := range w.Assessment.Reasons {
		if r.Points > 0 {
			reasons = append(reasons, r)
		} else {
			against = append(against, r)
		}
	}
	return reasons, against
}

// Place is Destination in safe text. Where several destinations were timed together, it is the
// one that was called most, and " +more" says that there are others; "-" is none.
func (w *Row) Place() string {
	s := human.Safe(w.Destination())
	if s == "" {
		s = "-"
	}
	if w.Scope != OneDestination {
		s += " +more"
	}
	return s
}

// OneDestination is the Scope of a row that took no destinations together.
const OneDestination = "destination"

// Seen returns the times of the first and the last call that r speaks of, in nanoseconds: of
// its row where it has one.
func (r *Result) Seen() (first, last int64) {
	if w := r.Row; w != nil {
		return w.FirstNanos, w.LastNanos
	}
	return r.FirstNanos, r.LastNanos
}
