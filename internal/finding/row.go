package finding

import (
	"net/netip"
	"slices"

	"fresnel/internal/rank"
	"fresnel/internal/timing"
)

// A Row is what the timing model and the rank say of a group's calls to one destination.
type Row struct {
	Address netip.Addr // of the destination, the one that was called most
	Domain  string     // of the destination; empty when no name is known
	Port    uint16     // 0 when it is not known
	Scope   string     // what was timed together: destination, domain, or group

	Found                 bool  // the timing model found a timer
	Calls                 int64 // all attempts
	FirstNanos, LastNanos int64 // first and last call
	Timing                timing.Result
	PValue, QValue        float64 // by itself, and corrected over all rows; 1 when it was not timed

	Assessment rank.Assessment
	Facts      *rank.Facts // what the assessment was made from; not part of the document

	Case     string // id of the case; empty when it is in none
	CaseRows int    // rows of the case

	// More is set when another result of the same run and group carries a row with a higher score.
	More bool
}

// Found reports whether r is a finding: the reference flags the group, or the timing model
// found a timer.
func (r *Result) Found() bool { return r.Stats.IsBeaconing || r.Row != nil && r.Row.Found }

// Risk is the score of the row; -1 when r has none.
func (r *Result) Risk() float64 {
	if r.Row == nil {
		return -1
	}
	return r.Row.Assessment.Score
}

// Destination names the destination of a row for people: its domain, else its address.
func (w *Row) Destination() string {
	if w.Domain != "" {
		return w.Domain
	}
	if w.Address.IsValid() {
		return w.Address.String()
	}
	return ""
}

// appendRow appends what the document says of r's row under its own key.
func appendRow(dst []byte, w *Row) []byte {
	dst = append(dst, `"destination":{`...)
	if w.Address.IsValid() {
		dst = append(dst, `"ip":"`...)
		dst = appendIP(dst, w.Address)
		dst = append(dst, `",`...)
	}
	if w.Domain != "" {
		dst = append(dst, `"domain":`...)
		dst = appendString(dst, w.Domain)
		dst = append(dst, ',')
	}
	if w.Port != 0 {
		dst = append(dst, `"port":`...)
		dst = appendInt(dst, int64(w.Port))
		dst = append(dst, ',')
	}
	dst = append(dst, `"scope":"`...)
	dst = append(dst, w.Scope...)
	dst = append(dst, `"},"timing":{"found":`...)
	dst = appendBool(dst, w.Found)
	t := &w.Timing
	if w.Found {
		dst = append(dst, `,"kind":"`...)
		dst = append(dst, t.Kind.String()...)
		dst = append(dst, `","period_s":`...)
		dst = appendFloat(dst, t.Period)
		dst = append(dst, `,"jitter":`...)
		dst = appendFloat(dst, t.Jitter)
	}
	dst = append(dst, `,"p_value":`...)
	dst = appendFloat(dst, w.PValue)
	dst = append(dst, `,"q_value":`...)
	dst = appendFloat(dst, w.QValue)
	dst = append(dst, `,"calls":`...)
	dst = appendInt(dst, w.Calls)
	dst = append(dst, `,"callbacks":`...)
	dst = appendInt(dst, int64(t.Callbacks))
	if w.Found {
		dst = append(dst, `,"missed":`...)
		dst = appendInt(dst, int64(t.Missed))
		dst = append(dst, `,"failed":`...)
		dst = appendInt(dst, int64(t.Failed))
		dst = append(dst, `,"active_hours":[`...)
		for h, comma := 0, false; h < 24; h++ {
			if t.Hours>>h&1 == 0 {
				continue
			}
			if comma {
				dst = append(dst, ',')
			}
			dst, comma = appendInt(dst, int64(h)), true
		}
		dst = append(dst, ']')
	}
	dst = append(dst, `,"first":"`...)
	dst = appendTime(dst, w.FirstNanos)
	dst = append(dst, `","last":"`...)
	dst = appendTime(dst, w.LastNanos)
	dst = append(dst, '"')
	if w.Found {
		dst = append(dst, `,"regimes":[`...)
		for i, g := range t.Regimes {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, `{"first":"`...)
			dst = appendTime(dst, g.FirstMillis*1e6)
			dst = append(dst, `","last":"`...)
			dst = appendTime(dst, g.LastMillis*1e6)
			dst = append(dst, `","callbacks":`...)
			dst = appendInt(dst, int64(g.Callbacks))
			dst = append(dst, `,"period_s":`...)
			dst = appendFloat(dst, g.PeriodSeconds)
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	dst = append(dst, `},"reasons":[`...)
	for i, reason := range w.Assessment.Reasons {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"code":"`...)
		dst = append(dst, reason.Code...)
		dst = append(dst, `","text":`...)
		dst = appendString(dst, reason.Text)
		dst = append(dst, `,"points":`...)
		dst = appendFloat(dst, reason.Points)
		dst = append(dst, '}')
	}
	dst = append(dst, ']')
	if w.Case != "" {
		dst = append(dst, `,"case":{"id":"`...)
		dst = append(dst, w.Case...)
		dst = append(dst, `","rows":`...)
		dst = appendInt(dst, int64(w.CaseRows))
		dst = append(dst, '}')
	}
	return dst
}

func (w *Row) clone() *Row {
	c := *w
	c.Assessment.Reasons = slices.Clone(w.Assessment.Reasons)
	return &c
}
