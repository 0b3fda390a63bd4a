package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/explain"
	"fresnel/internal/finding"
	"fresnel/internal/human"
	"fresnel/internal/pictures"
	"fresnel/internal/rank"
	"fresnel/internal/report"
	"fresnel/internal/store"
	"fresnel/internal/timing"
)

// A stored is a document, as far as it is needed to show what a run said.
type stored struct {
	Timestamp time.Time `json:"@timestamp"`
	Event     struct {
		RiskScore float64 `json:"risk_score"`
	} `json:"event"`
	Stats struct {
		NonEmptyBuckets int          `json:"non_empty_buckets"`
		DestinationIPs  []netip.Addr `json:"destination_ips"`
	} `json:"beacon_stats"`
	Fresnel struct {
		Destination *struct {
			IP     netip.Addr `json:"ip"`
			Domain string     `json:"domain"`
			Port   uint16     `json:"port"`
			Scope  string     `json:"scope"`
		} `json:"destination"`
		Timing struct {
			Found       bool      `json:"found"`
			Kind        string    `json:"kind"`
			Period      float64   `json:"period_s"`
			Jitter      float64   `json:"jitter"`
			PValue      float64   `json:"p_value"`
			QValue      float64   `json:"q_value"`
			Calls       int64     `json:"calls"`
			Callbacks   int       `json:"callbacks"`
			Missed      int       `json:"missed"`
			Failed      int       `json:"failed"`
			ActiveHours []int     `json:"active_hours"`
			First       time.Time `json:"first"`
			Last        time.Time `json:"last"`
			Regimes     []struct {
				First     time.Time `json:"first"`
				Last      time.Time `json:"last"`
				Callbacks int       `json:"callbacks"`
				Period    float64   `json:"period_s"`
			} `json:"regimes"`
		} `json:"timing"`
		Reasons []struct {
			Code   string  `json:"code"`
			Text   string  `json:"text"`
			Points float64 `json:"points"`
		} `json:"reasons"`
		Case struct {
			ID   string `json:"id"`
			Rows int    `json:"rows"`
		} `json:"case"`
	} `json:"fresnel"`
}

func readStored(f *store.Finding) (*stored, error) {
	s := &stored{}
	if err := json.Unmarshal(f.Doc, s); err != nil {
		return nil, badDocument(f, err)
	}
	return s, nil
}

// row returns what the timing model and the rank said; nil when they said nothing.
func (s *stored) row() *finding.Row {
	d, t := s.Fresnel.Destination, &s.Fresnel.Timing
	if d == nil {
		return nil
	}
	w := &finding.Row{
		Address: d.IP, Domain: d.Domain, Port: d.Port, Scope: d.Scope,
		Found: t.Found, Calls: t.Calls, FirstNanos: t.First.UnixNano(), LastNanos: t.Last.UnixNano(),
		Timing: timing.Result{PValue: t.PValue, Period: t.Period, Jitter: t.Jitter, Callbacks: t.Callbacks, Missed: t.Missed, Failed: t.Failed},
		PValue: t.PValue, QValue: t.QValue,
		Assessment: rank.Assessment{Score: s.Event.RiskScore},
		Case:       s.Fresnel.Case.ID, CaseRows: s.Fresnel.Case.Rows,
	}
	for _, k := range []timing.Kind{timing.Sleep, timing.Clock, timing.Mixture, timing.Growing} {
		if k.String() == t.Kind {
			w.Timing.Kind = k
		}
	}
	for _, h := range t.ActiveHours {
		w.Timing.Hours |= 1 << h
	}
	for _, g := range t.Regimes {
		w.Timing.Regimes = append(w.Timing.Regimes, timing.Regime{FirstMillis: g.First.UnixMilli(), LastMillis: g.Last.UnixMilli(), Callbacks: g.Callbacks, PeriodSeconds: g.Period})
	}
	for _, r := range s.Fresnel.Reasons {
		w.Assessment.Reasons = append(w.Assessment.Reasons, rank.Reason{Code: r.Code, Text: r.Text, Points: r.Points})
	}
	return w
}

// groupLists returns the lists of fields that events are grouped by. The first whose fields an
// event has is taken.
func groupLists(by []event.Field) [][]event.Field {
	if len(by) > 0 {
		return [][]event.Field{by}
	}
	return [][]event.Field{{event.HostName, event.ProcessName}, {event.SourceIP, event.DestinationIP}}
}

// groupOf returns the group of a finding, and the number of the list that it is grouped by. A
// document does not say which of its fields these were: its id does.
func (a *API) groupOf(f *store.Finding, s *stored) (finding.Group, int, error) {
	for i, fields := range groupLists(a.o.GroupBy()) {
		values := strings.SplitN(f.Group, "\x00", len(fields)+1) // each has a zero behind it
		if len(values) != len(fields)+1 {
			continue
		}
		r := finding.Result{Group: finding.Group{Fields: fields, Values: values[:len(fields)]}, LastNanos: s.Timestamp.UnixNano()}
		if finding.ID(&r) == f.ID {
			return r.Group, i, nil
		}
		if r.Row = s.row(); r.Row != nil {
			if r.Row.More = true; finding.ID(&r) == f.ID {
				return r.Group, i, nil
			}
		}
	}
	return finding.Group{}, 0, refuse(http.StatusNotFound, "grouped_otherwise", "the finding was grouped by other fields than group_by has now: its events cannot be told from others")
}

// idParams name a finding.
type idParams struct {
	ID string `path:"id" pattern:"^[0-9a-f]{64}$" want:"64 hexadecimal digits, the fresnel.id of a document" doc:"fresnel.id of a document"`
}

// finding returns a finding by its id.
func (a *API) finding(ctx context.Context, id string) (*store.Finding, *stored, error) {
	f, err := a.index.newest(ctx, id)
	if f == nil && err == nil {
		f, err = a.o.Store.Finding(ctx, id)
	}
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			err = refuse(http.StatusNotFound, "not_found", "there is no finding of the id %s", id)
		}
		return nil, nil, err
	}
	s, err := readStored(f)
	return f, s, err
}

// FindingDetail is one finding.
type FindingDetail struct {
	ID      string       `json:"id"`
	Level   string       `json:"level" enum:"high,medium,some,low,unranked" doc:"of the risk score"`
	Group   []GroupValue `json:"group" doc:"what the group is; empty when group_by has changed since"`
	Finding Document     `json:"finding"`
	Seen    Seen         `json:"seen"`
}

// GroupValue is one of the values that make a group.
type GroupValue struct {
	Field string `json:"field"`
	Value string `json:"value"`
}

// Seen says which runs saw the same group and destination.
type Seen struct {
	Reach
	FirstRun time.Time `json:"first_run" doc:"end of the first run of the time range that saw it"`
	LastRun  time.Time `json:"last_run"`
	Runs     int       `json:"runs" min:"1" doc:"how many of the time range saw it"`
}

// historyParams are what the past of a finding is asked for with.
type historyParams struct {
	idParams
	spanParams
}

// twoWeeks is how far back the past of a finding is looked at by itself.
const twoWeeks = 14 * day

// past hands out the findings of the group and destination of f, the newest first.
func (a *API) past(ctx context.Context, c *call, f *store.Finding, p *spanParams, each func(*seen)) (Reach, error) {
	s, err := p.span(c.now, span{max(firstSecond, f.RunEnd-int64(twoWeeks/time.Second)), max(f.RunEnd, c.now.Unix())})
	if err != nil {
		return Reach{}, err
	}
	return a.each(ctx, &look{span: s, all: true, group: f.Group}, func(one *seen) (bool, error) {
		each(one)
		return true, nil
	})
}

func (a *API) getFinding(ctx context.Context, c *call, p *historyParams, _ *none) (*FindingDetail, error) {
	f, s, err := a.finding(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	d := &FindingDetail{ID: f.ID, Level: levelOf(f.Score), Finding: f.Doc, Group: []GroupValue{}}
	if g, _, err := a.groupOf(f, s); err == nil {
		for i, field := range g.Fields {
			d.Group = append(d.Group, GroupValue{field.String(), g.Values[i]})
		}
	}
	d.Seen = Seen{FirstRun: at(f.RunEnd), LastRun: at(f.RunEnd)}
	d.Seen.Reach, err = a.past(ctx, c, f, &p.spanParams, func(one *seen) {
		if d.Seen.FirstRun = at(one.runEnd); d.Seen.Runs == 0 { // the newest comes first
			d.Seen.LastRun = d.Seen.FirstRun
		}
		d.Seen.Runs++
	})
	d.Seen.Runs = max(1, d.Seen.Runs) // its own, where the time range does not have it
	return d, err
}

// History is how a finding went from run to run.
type History struct {
	Reach
	Total int    `json:"total" min:"0" doc:"runs that saw it"`
	Runs  []Past `json:"runs" doc:"the newest first, at most 2000"`
}

// A Past is what one run said of a group and destination.
type Past struct {
	RunEnd    time.Time `json:"run_end"`
	ID        string    `json:"id" doc:"of the document"`
	Level     string    `json:"level" enum:"high,medium,some,low,unranked"`
	Score     *float64  `json:"risk_score,omitempty" min:"0" max:"100"`
	Tests     *int      `json:"beaconing_score,omitempty" doc:"points of the four tests"`
	Period    *float64  `json:"period_s,omitempty"`
	Jitter    *float64  `json:"jitter,omitempty"`
	Callbacks *int      `json:"callbacks,omitempty"`
	NonEmpty  *int      `json:"non_empty_buckets,omitempty" doc:"buckets of the window with events"`
	Case      string    `json:"case,omitempty" doc:"id of the case"`
}

const maxHistory = 2000

func (a *API) findingHistory(ctx context.Context, c *call, p *historyParams, _ *none) (*History, error) {
	f, _, err := a.finding(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	h := &History{Runs: []Past{}}
	h.Reach, err = a.past(ctx, c, f, &p.spanParams, func(one *seen) {
		if h.Total++; h.Total > maxHistory {
			return
		}
		h.Runs = append(h.Runs, Past{
			RunEnd: at(one.runEnd), ID: one.id.String(), Level: levelOf(one.score), Score: higher(nil, one.score), Case: one.text(one.caseID),
			Tests: numberOf(float64(one.tests)).whole(), Period: numberOf(one.period).float(), Jitter: numberOf(one.jitter).float(),
			Callbacks: numberOf(float64(one.callbacks)).whole(), NonEmpty: numberOf(float64(one.nonEmpty)).whole(),
		})
	})
	return h, err
}

func (n number) float() *float64 {
	if !n.ok {
		return nil
	}
	return &n.value
}

func (n number) whole() *int {
	if !n.ok {
		return nil
	}
	i := int(n.value)
	return &i
}

// trace returns what the pictures of a finding are drawn from.
func (a *API) trace(ctx context.Context, f *store.Finding, s *stored) (*finding.Result, error) {
	g, _, err := a.groupOf(f, s)
	if err != nil {
		return nil, err
	}
	r, err := a.o.Detector.Trace(ctx, g, f.RunEnd)
	if errors.Is(err, store.ErrNotFound) || err == nil && (r == nil || r.Trace == nil) {
		return nil, errNoEvents()
	}
	return r, err
}

func errNoEvents() *problem {
	return refuse(http.StatusNotFound, "no_events", "no event of the group in the window of the run is kept: they were forgotten, or the timing model saw it further back")
}

// Series is what the pictures of a finding are drawn from: all that its group called in the
// window of its run.
type Series struct {
	RunEnd           time.Time  `json:"run_end"`
	Start            time.Time  `json:"start" doc:"begin of the first bucket"`
	BucketSeconds    int64      `json:"bucket_s" min:"1"`
	Counts           []int64    `json:"counts" doc:"events per bucket, the oldest first"`
	SourceBytes      []float64  `json:"source_bytes" doc:"mean per event of each bucket, the oldest first"`
	DestinationBytes []float64  `json:"destination_bytes" doc:"mean per event of each bucket, the oldest first"`
	Autocovariance   []float64  `json:"autocovariance" doc:"of the counts by period in buckets: the first element is that of period 0, which says nothing, as that of period 1; empty where none was computed"`
	CallbacksMillis  []int64    `json:"callbacks_ms" doc:"times of the callbacks, milliseconds since 1970 UTC, the oldest first; the newest 20000 at most"`
	CallbacksDropped int64      `json:"callbacks_dropped" doc:"callbacks whose times are not there: of crowded buckets, or older ones"`
	Intervals        *Intervals `json:"intervals,omitempty" doc:"between callbacks; missing with fewer than two"`
	Tests            []TestLine `json:"tests" doc:"the four tests, and the verdict at the end"`
}

// Intervals is a histogram of the gaps between callbacks.
type Intervals struct {
	Start  float64 `json:"start_s" doc:"lower edge of the first bin"`
	Width  float64 `json:"width_s" doc:"of a bin"`
	Bins   []int64 `json:"bins"`
	Above  int64   `json:"above" doc:"gaps beyond the last bin"`
	Total  int64   `json:"total"`
	Median float64 `json:"median_s"`
	P10    float64 `json:"p10_s" doc:"a tenth of the gaps is no longer"`
	P90    float64 `json:"p90_s"`
}

// TestLine is what is to be said of one test.
type TestLine struct {
	Field  string   `json:"field" doc:"its name under beacon_stats"`
	Fired  bool     `json:"fired"`
	Tested bool     `json:"tested" doc:"there was enough to look at"`
	Value  *float64 `json:"value,omitempty" doc:"what was measured; missing where it was not tested"`
	Limit  *float64 `json:"limit,omitempty" doc:"what value is compared with: at most this much fires the tests of variation, at least this much the one of periods"`
	Text   string   `json:"text" doc:"a sentence for people"`
}

// Bounds of pictures.
const (
	maxCallbacks  = 20_000
	histogramBins = 40
)

func (a *API) findingSeries(ctx context.Context, _ *call, p *idParams, _ *none) (*Series, error) {
	f, s, err := a.finding(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	r, err := a.trace(ctx, f, s)
	if err != nil {
		return nil, err
	}
	t := r.Trace
	out := &Series{
		RunEnd: at(f.RunEnd), BucketSeconds: t.BucketSeconds,
		Start:  at(f.RunEnd + 1 - int64(len(t.Counts))*t.BucketSeconds), // the newest bucket holds the whole last second
		Counts: reversed(t.Counts), SourceBytes: finite(reversed(t.SourceBytes)), DestinationBytes: finite(reversed(t.DestinationBytes)),
		Autocovariance: finite(append([]float64{}, t.Autocovariance...)), CallbacksMillis: []int64{}, CallbacksDropped: t.TimesDropped,
	}
	times := t.TimesNanos
	if over := len(times) - maxCallbacks; over > 0 {
		times = times[over:]
		out.CallbacksDropped += int64(over)
	}
	for _, nanos := range times {
		out.CallbacksMillis = append(out.CallbacksMillis, nanos/1e6)
	}
	if h := explain.Gaps(t.TimesNanos, histogramBins, 0); h.Total > 0 {
		out.Intervals = &Intervals{
			Start: h.Start.Seconds(), Width: h.Width.Seconds(), Bins: h.Bins, Above: h.Above, Total: h.Total,
			Median: h.Median.Seconds(), P10: h.P10.Seconds(), P90: h.P90.Seconds(),
		}
	}
	out.Tests = testLines(r, a.o.Params())
	return out, nil
}

// testLines says of each test what it measured.
func testLines(r *finding.Result, p beacon.Params) []TestLine {
	known := func(f float64) *float64 {
		if math.IsNaN(f) {
			return nil
		}
		return &f
	}
	var lines []TestLine
	for _, l := range explain.Sentences(r, p) {
		lines = append(lines, TestLine{Field: l.Name, Fired: l.Fired, Tested: l.Tested, Text: l.Text, Value: known(l.Value), Limit: known(l.Limit)})
	}
	return lines
}

// reversed returns values the other way round: bucket 0 is the newest.
func reversed[T any](values []T) []T {
	out := make([]T, len(values))
	for i, v := range values {
		out[len(values)-1-i] = v
	}
	return out
}

// finite puts 0 for what is no number, which JSON cannot write.
func finite(values []float64) []float64 {
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			values[i] = 0
		}
	}
	return values
}

// reportPolicy lets the page of a report do nothing but show itself: its styles stand in it.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

// findingReport writes a finding as a page for people. What it says of the timer and the rank
// is what the run said; the pictures are drawn from the events that are kept.
func (a *API) findingReport(ctx context.Context, c *call, p *idParams) error {
	f, s, err := a.finding(ctx, p.ID)
	if err != nil {
		return err
	}
	calls, r, err := a.looked(ctx, f, s)
	if err != nil {
		return err
	}
	if r.Trace == nil {
		if s.Stats.NonEmptyBuckets > 0 || r.Row == nil { // forgotten since
			return errNoEvents()
		}
		r.FirstNanos, r.LastNanos = r.Row.FirstNanos, r.Row.LastNanos // the run saw no event in its window either
	}
	page := report.Page{
		Product: a.o.Product, Version: a.o.Version, Params: a.o.Params(), Detailed: 1,
		Summary:  finding.Summary{Groups: 1, Runs: 1, Findings: 1, WindowSeconds: a.o.Params().WindowSeconds()},
		Findings: []*finding.Ranked{{Result: r, Runs: 1}}, Calls: map[*finding.Result]*pictures.Calls{r: calls},
	}
	if r.Trace != nil {
		page.Findings[0].Counts = human.Columns(r.Trace.Counts, sparkColumns)
	}
	runs, err := a.o.Store.RunsIn(ctx, f.RunEnd, f.RunEnd, 1)
	if err != nil {
		return err
	}
	for _, run := range runs {
		sum := &page.Summary
		sum.EventsRead, sum.EventsKept = run.Events, run.Events
		sum.Groups, sum.Rows, sum.Timed, sum.Hidden, sum.Findings = run.Groups, run.Rows, run.Timed, run.Hidden, run.Findings
	}
	for _, set := range a.o.Tuner.Settings() {
		if set.Origin != "default" && !strings.HasPrefix(set.Key, "beacon.") {
			page.Settings = append(page.Settings, [2]string{set.Key, "set by " + set.Origin})
		}
	}
	var text bytes.Buffer
	if err := report.Write(&text, page); err != nil {
		return fmt.Errorf("report of %s: %w", f.ID, err)
	}
	c.started = true
	h := c.w.Header()
	h.Set("Content-Type", c.route.op.content)
	h.Set("Content-Security-Policy", reportPolicy)
	h.Set("Content-Length", strconv.Itoa(text.Len()))
	_, _ = c.w.Write(text.Bytes()) // a client that is gone needs no answer
	return nil
}

// sparkColumns is how many columns the picture of counts in the list of a report has.
const sparkColumns = 60
