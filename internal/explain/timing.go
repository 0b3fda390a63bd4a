package explain

import (
	"fmt"
	"strconv"
	"strings"

	"fresnel/internal/finding"
	"fresnel/internal/human"
	"fresnel/internal/timing"
)

// kinds say what a timer is.
var kinds = map[timing.Kind]string{
	timing.Sleep:   "a loop that sleeps between its calls",
	timing.Clock:   "calls at set times of the clock",
	timing.Mixture: "a timer among other calls",
	timing.Growing: "gaps that grow from call to call",
}

// Timer says in a sentence or two what the timing model makes of the calls of a row. sign is "±"
// or, in ASCII, "+-".
func Timer(w *finding.Row, sign string) string {
	t := &w.Timing
	calls := human.Plural(int64(t.Callbacks), "callback")
	if w.Calls != int64(t.Callbacks) {
		calls += " in " + human.Plural(w.Calls, "call")
	}
	if !w.Found && t.Callbacks < timing.MinCalls {
		return fmt.Sprintf("Not timed: %s, and %d are needed.", calls, timing.MinCalls)
	}
	chance := fmt.Sprintf("Calls at random times look as much like a timer with a probability of %s (%s over all rows that were timed).",
		probability(w.PValue), probability(w.QValue))
	if !w.Found {
		return "No timer found in " + calls + ". " + chance
	}
	return fmt.Sprintf("Found: %s, every %s %s, %s, %s missed, %s without an answer. %s", kinds[t.Kind], finding.Every(t.Period), finding.Jitter(t.Jitter, sign),
		calls, human.Count(int64(t.Missed)), human.Count(int64(t.Failed)), chance)
}

// probability writes a probability in as many digits as matter: "0.013", "4e-160", and, where
// numbers end, "below 1e-300".
func probability(p float64) string {
	switch {
	case p < 1e-9: // extrapolated so far that more digits would say nothing
		return "less than 1e-9"
	case p < 1e-3:
		return strconv.FormatFloat(p, 'g', 1, 64)
	}
	return strconv.FormatFloat(p, 'g', 2, 64)
}

// mostRegimes bounds the stretches that are told.
const mostRegimes = 8

// Regimes says when the timer of a row ran, a text for each stretch between pauses or changes
// of its period; the last text tells how many more there are. It is empty without a timer.
func Regimes(w *finding.Row) (texts []string) {
	if !w.Found {
		return nil
	}
	for i, g := range w.Timing.Regimes {
		if i == mostRegimes {
			texts = append(texts, "and "+human.Count(int64(len(w.Timing.Regimes)-i))+" more")
			break
		}
		texts = append(texts, fmt.Sprintf("%s to %s UTC, %s, every %s", human.Time(g.FirstMillis*1e6), human.Time(g.LastMillis*1e6),
			human.Plural(int64(g.Callbacks), "callback"), finding.Every(g.PeriodSeconds)))
	}
	return texts
}

// Hours names the hours of the day, in UTC, in which a row's timer called: "08-17", "00-05, 14";
// "all" for the whole day. It is empty without a timer.
func Hours(w *finding.Row) string {
	const all = 1<<24 - 1
	switch hours := w.Timing.Hours; {
	case !w.Found || hours&all == 0:
		return ""
	case hours&all == all:
		return "all"
	}
	var parts []string
	for h := 0; h < 24; h++ {
		if w.Timing.Hours>>h&1 == 0 {
			continue
		}
		from := h
		for h < 23 && w.Timing.Hours>>(h+1)&1 != 0 {
			h++
		}
		if h == from {
			parts = append(parts, fmt.Sprintf("%02d", h))
		} else {
			parts = append(parts, fmt.Sprintf("%02d-%02d", from, h))
		}
	}
	return strings.Join(parts, ", ")
}

// Taken says what a row took together, beside the destination that it names; empty when it is
// that destination alone.
func Taken(w *finding.Row) string {
	return map[string]string{
		"domain":            "all names of its registrable domain",
		"group":             "all destinations of the group",
		"rare destinations": "all destinations of the group that hardly any other host calls",
	}[w.Scope]
}

// Where names the destination of a row with its address, its port, and what was taken together.
func Where(w *finding.Row) string {
	s := "-"
	if d := w.Destination(); d != "" {
		s = human.Safe(d)
	}
	if w.Domain != "" && w.Address.IsValid() {
		s += " (" + human.Safe(w.Address.String()) + ")"
	}
	if w.Port != 0 {
		s += fmt.Sprintf(", port %d", w.Port)
	}
	if more := Taken(w); more != "" {
		s += ", and " + more
	}
	return s
}
