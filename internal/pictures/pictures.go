// Package pictures draws a finding: which pictures there are of it, and what stands beside them.
// The report and the pages of the service have theirs from here, so that both show the same.
package pictures

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"fresnel/internal/beacon"
	"fresnel/internal/explain"
	"fresnel/internal/finding"
	"fresnel/internal/human"
	"fresnel/internal/plot"
)

// Calls are those of a group to the destination of a finding, the oldest first.
type Calls struct {
	EndNanos    int64 // up to when they were looked for: the end of a run
	TimesNanos  []int64
	Sent        []int64 // bytes of each; 0 where the event does not say
	Received    []int64
	Failed      []bool // not answered
	FailedKnown bool   // the events tell whether they were answered
	Total       int    // with those that are not here, the oldest
}

// A Source is what the pictures of a finding are drawn from.
type Source struct {
	Result *finding.Result // what a run says; its Row may be nil
	Params beacon.Params
	Calls  *Calls         // nil where they are not known by themselves: then those of the trace stand for them
	Zone   *time.Location // whose clock is shown; nil is UTC
	Prefix string         // of the ids, which are unique in a page
}

// bins is how many bins a histogram of gaps has at most.
const bins = 40

// caption returns a caption whose text alternative is its note and what is said beside.
func (s *Source) caption(id, heading, note, alt string) plot.Caption {
	var names []string
	for _, v := range s.Result.Group.Values {
		names = append(names, human.Safe(v))
	}
	return plot.Caption{ID: s.Prefix + id, Heading: heading, Of: strings.Join(names, ", "), Note: note, Alt: strings.TrimSpace(note + ". " + alt)}
}

// timed reports whether the timing model found a timer: then two pictures stand beside that of the
// calls.
func (s *Source) timed() bool { return s.Result.Row != nil && s.Result.Row.Found }

func (s *Source) time(nanos int64) string {
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	return time.Unix(0, nanos).In(zone).Format("2006-01-02 15:04:05")
}

// window is the window of the run whose trace s has.
func (s *Source) window() plot.Window {
	t := s.Result.Trace
	return plot.Window{EndNanos: (s.Result.RunEnd + 1) * 1e9, BucketSeconds: t.BucketSeconds, Buckets: len(t.Counts), Zone: s.Zone}
}

// OfCalls draws when the group called: every call, the gaps between them, and when its timer ran;
// and what the newest calls carried, where the window of the run has none of them.
func OfCalls(s Source) (all []*plot.Picture) {
	var times []int64
	switch t := s.Result.Trace; {
	case s.Calls != nil:
		times = s.Calls.TimesNanos
		all = append(all, s.raster(plot.Calls{TimesNanos: times, Failed: s.Calls.Failed}, s.Calls.EndNanos))
	case t != nil && len(t.TimesNanos) > 0:
		times = t.TimesNanos
		all = append(all, s.raster(plot.Calls{TimesNanos: times}, s.Result.RunEnd*1e9))
	case t != nil:
		c := s.caption("callbacks", "Callbacks over time", human.Plural(s.Result.Events, "call")+" in buckets of "+human.Seconds(t.BucketSeconds)+": no times were kept", "Each row is a stretch of time.")
		all = append(all, plot.RasterOfCounts(c, t.Counts, s.window(), s.timed()))
	}
	if s.Calls != nil || s.Result.Trace != nil {
		all = append(all, s.gaps(times))
	}
	if s.timed() {
		all = append(all, s.stretches())
	}
	if s.Result.Trace == nil && s.Calls != nil && len(s.Calls.TimesNanos) > 0 {
		all = append(all, s.carried()...)
	}
	return all
}

func (s *Source) raster(calls plot.Calls, end int64) *plot.Picture {
	n := len(calls.TimesNanos)
	from := end - int64(time.Minute)
	if n > 0 {
		from = min(from, calls.TimesNanos[0])
	}
	note := human.Plural(int64(n), "call")
	if c := s.Calls; c != nil {
		note = human.Plural(int64(c.Total), "call")
		if c.Total > n {
			note += ", the newest " + human.Count(int64(n)) + " are drawn"
		}
		if failed := count(c.Failed); c.FailedKnown {
			note += ", " + human.Count(int64(failed)) + " without an answer"
		}
	}
	note += "; up to the end of the run"
	heading := "Callbacks over time"
	if plot.ByDay(from, end) {
		heading = "Callbacks by time of day"
	}
	alt := fmt.Sprintf("Each row is a stretch of time, each tick a call, from %s to %s.", s.time(from), s.time(end))
	return plot.Raster(s.caption("callbacks", heading, note, alt), calls, from, end, s.Zone, s.timed())
}

func count(all []bool) (n int) {
	for _, is := range all {
		if is {
			n++
		}
	}
	return n
}

// gaps draws how long it is from one call to the next, with the period and the jitter of the
// timing model, or the period of the tests where it found none.
func (s *Source) gaps(times []int64) *plot.Picture {
	w := s.Result.Row
	h := explain.Gaps(times, bins, explain.Near(w))
	note := "no two calls with times"
	if h.Total > 0 {
		note = fmt.Sprintf("%s: half are at most %s, a tenth at most %s, a tenth at least %s", human.Plural(h.Total, "gap"), length(h.Median), length(h.P10), length(h.P90))
	}
	peak, alt := plot.Peak{}, ""
	if s.timed() {
		says := finding.Every(w.Timing.Period) + " " + finding.Jitter(w.Timing.Jitter, "±")
		peak = plot.Peak{At: time.Duration(w.Timing.Period * float64(time.Second)), Spread: w.Timing.Jitter, Name: "model: " + says}
		alt = "The timing model says " + says + "."
	} else if t := s.Result.Trace; t != nil {
		if seconds, atMost := finding.PeriodSeconds(&s.Result.Stats, t.BucketSeconds); seconds > 0 && !atMost {
			peak = plot.Peak{At: time.Duration(seconds) * time.Second, Name: "period " + human.Seconds(seconds)}
			alt = "The tests say " + human.Seconds(seconds) + "."
		}
	}
	return plot.Histogram(s.caption("gaps", "Time between callbacks", note, alt), plot.Bins{Counts: h.Bins, Start: h.Start, Width: h.Width, Label: h.Label, Above: h.Above}, peak)
}

// length returns a gap as finely as the period beside it, to which it is compared.
func length(gap time.Duration) string {
	if gap < 100*time.Millisecond {
		return human.Duration(gap)
	}
	return finding.Every(gap.Seconds())
}

// stretches draws when the timer of the row ran.
func (s *Source) stretches() *plot.Picture {
	w := s.Result.Row
	note := fmt.Sprintf("every %s %s, %s to %s", finding.Every(w.Timing.Period), finding.Jitter(w.Timing.Jitter, "±"), human.Plural(int64(w.Timing.Callbacks), "callback"), human.Shorten(w.Place(), 40, "…"))
	var all []plot.Stretch
	for _, g := range w.Timing.Regimes {
		all = append(all, plot.Stretch{FirstNanos: g.FirstMillis * 1e6, LastNanos: g.LastMillis * 1e6, PeriodSeconds: g.PeriodSeconds})
	}
	window := plot.Window{EndNanos: (s.Result.RunEnd + 1) * 1e9, BucketSeconds: int64(s.Params.TimeBucketLength), Buckets: s.Params.NumberBucketsInRange, Zone: s.Zone}
	return plot.Stretches(s.caption("stretches", "Period over time", note, "A line for each stretch of calls at one period."), all, window)
}

// mostCarried is of how many calls the bytes are drawn.
const mostCarried = 500

// carried draws what the newest calls carried.
func (s *Source) carried() []*plot.Picture {
	c := s.Calls
	first := max(0, len(c.TimesNanos)-mostCarried)
	times := c.TimesNanos[first:]
	newest := times[len(times)-1] / 1e9
	// A minute, or what a thousand buckets take; they end behind the newest call.
	bucket := max(60, (newest-times[0]/1e9)/1000+1)
	w := plot.Window{EndNanos: (newest/bucket + 1) * bucket * 1e9, BucketSeconds: bucket, Zone: s.Zone}
	w.Buckets = int((w.EndNanos-times[0]-1)/(bucket*1e9)) + 1
	calls, sent, received := make([]float64, w.Buckets), make([]float64, w.Buckets), make([]float64, w.Buckets)
	for i, t := range times {
		b := (w.EndNanos - 1 - t) / (bucket * 1e9)
		calls[b]++
		sent[b] += float64(c.Sent[first+i])
		received[b] += float64(c.Received[first+i])
	}
	for b, n := range calls {
		if n > 0 {
			sent[b], received[b] = sent[b]/n, received[b]/n
		}
	}
	note := "of the newest " + human.Plural(int64(len(times)), "call")
	draw := func(id, heading string, values []float64) *plot.Picture {
		return plot.Bytes(s.caption(id, heading, note, means(values)), values, w, nil)
	}
	return []*plot.Picture{draw("sent-calls", "Bytes sent, mean per call", sent), draw("received-calls", "Bytes received, mean per call", received)}
}

// means says of which buckets a picture of bytes is.
func means(values []float64) string {
	used := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return v == 0 })
	if len(used) == 0 {
		return "No bytes are known."
	}
	return fmt.Sprintf("Means of %s, from %s to %s.", human.Plural(int64(len(used)), "bucket"), human.Bytes(slices.Min(used)), human.Bytes(slices.Max(used)))
}

// OfWindow draws what the four tests looked at: all that the group called in the window of the
// run. It draws nothing without a trace.
func OfWindow(s Source) []*plot.Picture {
	r, t := s.Result, s.Result.Trace
	if t == nil {
		return nil
	}
	st, w := &r.Stats, s.window()
	lines := explain.Sentences(r, s.Params)
	bucket := human.Seconds(t.BucketSeconds)

	var most int64
	busy := 0
	for _, n := range t.Counts {
		if most = max(most, n); n > 0 {
			busy++
		}
	}
	var tested *plot.Tested
	if st.CountTested {
		tested = &plot.Tested{Band: st.CountsPercentiles, Mean: st.MeanCounts}
	}
	alt := fmt.Sprintf("%d of %s have events, at most %s.", busy, human.Plural(int64(len(t.Counts)), "bucket"), human.Count(most))
	if tested != nil {
		alt += fmt.Sprintf(" The test looked at counts from %s to %s.", human.Number(tested.Band[0]), human.Number(tested.Band[1]))
	}
	counts := plot.Counts(s.caption("counts", "Events per "+bucket, verdict(lines[2], human.Number(st.MeanCounts)), alt), t.Counts, w, tested)

	note := "too few events for a period"
	if st.Enough {
		note = fmt.Sprintf("%s at %s, the test wants %s", human.Number(st.Autocovariance), human.Seconds(int64(st.MaxAutocovariancePeriod)*t.BucketSeconds), human.Number(s.Params.MinBeaconingCountAutocovariance))
	}
	autocovariance := plot.Autocovariance(s.caption("autocovariance", "Autocovariance of the counts, by period", note, "A bar for each period that was tried; the dashed line is what the test wants."),
		finite(t.Autocovariance), t.BucketSeconds, s.Params.MinBeaconingCountAutocovariance, st.MaxAutocovariancePeriod, st.Periodic)

	return []*plot.Picture{
		autocovariance, counts,
		s.bytes("sent", "Bytes sent, mean per event", lines[0], t.SourceBytes, &plot.Tested{Band: st.SourceBytesPercentiles, Mean: st.MeanSourceBytes}),
		s.bytes("received", "Bytes received, mean per event", lines[1], t.DestinationBytes, &plot.Tested{Band: st.DestinationBytesPercentiles, Mean: st.MeanDestinationBytes}),
	}
}

func (s *Source) bytes(id, heading string, l explain.Line, values []float64, tested *plot.Tested) *plot.Picture {
	values = finite(values)
	alt := means(values)
	if l.Tested {
		alt += fmt.Sprintf(" The test looked at values from %s to %s.", human.Bytes(tested.Band[0]), human.Bytes(tested.Band[1]))
	}
	note := verdict(l, human.Bytes(tested.Mean))
	if !l.Tested {
		tested = nil
	}
	return plot.Bytes(s.caption(id, heading, note, alt), values, s.window(), tested)
}

// verdict says what a test of variation measured.
func verdict(l explain.Line, mean string) string {
	if !l.Tested {
		return "not tested: too few values"
	}
	word := "varies"
	if l.Fired {
		word = "varies little"
	}
	return fmt.Sprintf("%s: by %s of the mean %s, the test wants at most %s", word, human.Percent(l.Value), mean, human.Percent(l.Limit))
}

// finite puts 0 for what is no number.
func finite(values []float64) []float64 {
	out := slices.Clone(values)
	for i, v := range out {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out[i] = 0
		}
	}
	return out
}
