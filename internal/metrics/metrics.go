// Package metrics counts what a service does, for Prometheus and for the API.
package metrics

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"fresnel/internal/bulk"
	"fresnel/internal/ingest"
	"fresnel/internal/store"
	"fresnel/internal/tail"
)

// Bulk is the name of the input that shippers send to.
const Bulk = "bulk"

// Metrics are the numbers of one service. They are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	now      func() time.Time

	events   *prometheus.CounterVec // by input and outcome
	bytes    *prometheus.CounterVec // by input
	requests *prometheus.CounterVec // by route and status
	took     *prometheus.HistogramVec
	behind   *prometheus.GaugeVec // by input
	runs     *prometheus.CounterVec
	runTook  prometheus.Histogram
	late     prometheus.Counter
	lastRun  *prometheus.GaugeVec // numbers of the last run, by what they count
	lastEnd  prometheus.Gauge

	mu     sync.Mutex
	inputs map[string]*Input
}

// An Input is how one way in stands.
type Input struct {
	Name      string
	Kind      string // "bulk" or "tail"
	Events    int64  // stored since the start
	Bad       int64  // records that are not what they should be
	Passed    int64  // records that are no network events
	Bytes     int64
	Behind    int64     // bytes that are still to be read
	LastEvent time.Time // when one was stored last; zero for never
	LastError string    // of what is wrong now; "" when nothing is
	ErrorAt   time.Time // when that began
	CaughtUp  time.Time // when there was nothing left to read last, of files; zero for never
}

// New returns metrics that ask for the size of s when they are read. last is the run before
// the start, nil when there was none.
func New(s store.Store, last *store.Run, now func() time.Time) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), now: now, inputs: map[string]*Input{}}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(g)
		return g
	}
	m.events = counter("fresnel_ingest_events_total", "Records by input and by what became of them: stored, known, passed, rejected, refused.", "input", "outcome")
	m.bytes = counter("fresnel_ingest_bytes_total", "Bytes of text that were read, decompressed.", "input")
	m.requests = counter("fresnel_ingest_requests_total", "Requests to the ingest endpoint.", "route", "status")
	m.behind = gauge("fresnel_ingest_behind_bytes", "Bytes of files that are still to be read.", "input")
	m.took = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "fresnel_ingest_request_seconds", Help: "Time from the start of a request to its answer, which comes when its events are durable.",
		Buckets: []float64{0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30},
	}, []string{"route"})
	m.runs = counter("fresnel_runs_total", "Runs by outcome: stored, failed.", "outcome")
	m.runTook = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "fresnel_run_seconds", Help: "Time that a run took.", Buckets: []float64{0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800},
	})
	m.late = prometheus.NewCounter(prometheus.CounterOpts{Name: "fresnel_late_events_total", Help: "Events that came after the run whose window they belong to."})
	m.lastRun = gauge("fresnel_last_run", "Numbers of the last run: events, groups, rows, timed, findings, dropped.", "of")
	m.lastEnd = prometheus.NewGauge(prometheus.GaugeOpts{Name: "fresnel_last_run_end_seconds", Help: "End of the window of the last run, seconds since 1970 UTC."})
	m.registry.MustRegister(m.took, m.runTook, m.late, m.lastEnd, &size{store: s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, outcome := range []string{"stored", "failed"} { // there from the start on, so that the first one shows as a rise
		m.runs.WithLabelValues(outcome)
	}
	if last != nil {
		m.last(last)
	}
	return m
}

// Handler answers with all numbers in the text form of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Add makes an input known before anything comes from it. Kind is "bulk" or "tail".
func (m *Metrics) Add(name, kind string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inputs[name] = &Input{Name: name, Kind: kind}
	m.bytes.WithLabelValues(name)
	for _, outcome := range []string{"stored", "known", "passed", "rejected", "refused"} {
		m.events.WithLabelValues(name, outcome)
	}
}

// Queues makes known how much of shippers is under way: documents that wait to be stored, and
// requests with documents. Both are asked for when the numbers are read.
func (m *Metrics) Queues(documents, requests func() int64) {
	for _, g := range []struct {
		name, help string
		n          func() int64
	}{
		{"fresnel_ingest_waiting_events", "Documents of shippers that wait to be stored; ingest.max_waiting bounds them.", documents},
		{"fresnel_ingest_open_requests", "Requests with documents that are being served; ingest.max_requests bounds them.", requests},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, func() float64 { return float64(g.n()) }))
	}
}

// Inputs returns how all inputs stand, by name.
func (m *Metrics) Inputs() []Input {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Input, 0, len(m.inputs))
	for _, in := range m.inputs {
		all = append(all, *in)
	}
	slices.SortFunc(all, func(a, b Input) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	return all
}

// CaughtUp reports that all files that are followed have been read to their ends once.
func (m *Metrics) CaughtUp() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, in := range m.inputs {
		if in.Kind == "tail" && in.CaughtUp.IsZero() {
			return false
		}
	}
	return true
}

// Request counts a request of a shipper; Bulk has been added.
func (m *Metrics) Request(t bulk.Tally) {
	m.requests.WithLabelValues(t.Route, strconv.Itoa(t.Status)).Inc()
	m.took.WithLabelValues(t.Route).Observe(t.Took.Seconds())
	m.bytes.WithLabelValues(Bulk).Add(float64(t.BytesDecoded))
	for _, o := range []struct {
		name string
		n    int64
	}{{"stored", t.Stored}, {"known", t.Known}, {"passed", t.Passed}, {"rejected", t.Rejected}, {"refused", t.Refused}} {
		if o.n > 0 {
			m.events.WithLabelValues(Bulk, o.name).Add(float64(o.n))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	in := m.inputs[Bulk]
	in.Events += t.Stored
	in.Bad += t.Rejected
	in.Passed += t.Passed
	in.Bytes += t.BytesDecoded
	if t.Stored > 0 {
		in.LastEvent = m.now()
	}
	switch {
	case errors.Is(t.Failed, ingest.ErrFull):
		in.fails("there is no room left to store events", m.now())
	case errors.Is(t.Failed, ingest.ErrBusy), t.Status == http.StatusTooManyRequests:
		in.fails("events come faster than they can be stored, and are refused", m.now())
	case t.Failed != nil:
		in.fails("events could not be stored; the log says why", m.now())
	case t.Stored > 0:
		in.fails("", m.now())
	}
}

// fails notes what is wrong, "" for nothing.
func (in *Input) fails(text string, now time.Time) {
	if text != in.LastError {
		in.LastError, in.ErrorAt = text, now
	}
	if text == "" {
		in.ErrorAt = time.Time{}
	}
}

// Tail adds an input of files and returns its observer.
func (m *Metrics) Tail(name string) tail.Observer {
	m.Add(name, "tail")
	return &tailed{m, name}
}

type tailed struct {
	m    *Metrics
	name string
}

func (t *tailed) Stored(c *tail.Counts) {
	m := t.m
	skipped := int64(0)
	for _, n := range c.Skipped {
		skipped += n
	}
	m.bytes.WithLabelValues(t.name).Add(float64(c.Bytes))
	m.events.WithLabelValues(t.name, "stored").Add(float64(c.Events))
	m.events.WithLabelValues(t.name, "rejected").Add(float64(c.Bad))
	m.events.WithLabelValues(t.name, "passed").Add(float64(skipped))
	m.mu.Lock()
	defer m.mu.Unlock()
	in := m.inputs[t.name]
	in.Events += c.Events
	in.Bad += c.Bad
	in.Passed += skipped
	in.Bytes += c.Bytes
	if c.Events > 0 {
		in.LastEvent = m.now()
	}
}

func (t *tailed) Round(s tail.State) {
	t.m.behind.WithLabelValues(t.name).Set(float64(s.Behind))
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	in := t.m.inputs[t.name]
	in.Behind, in.CaughtUp = s.Behind, s.CaughtUp
	switch {
	case s.Stalled && s.LastError != nil:
		in.fails(s.LastError.Error(), t.m.now())
	case s.Problems > 0:
		in.fails("some files or folders cannot be read", t.m.now())
	default:
		in.fails("", t.m.now())
	}
}

// Run counts a run, nil when it failed.
func (m *Metrics) Run(r *store.Run, err error) {
	if err != nil {
		m.runs.WithLabelValues("failed").Inc()
		return
	}
	m.runs.WithLabelValues("stored").Inc()
	m.runTook.Observe(r.FinishedAt.Sub(r.StartedAt).Seconds())
	m.late.Add(float64(r.Late))
	m.last(r)
}

// last notes the numbers of the last run.
func (m *Metrics) last(r *store.Run) {
	m.lastEnd.Set(float64(r.End))
	for of, n := range map[string]int64{"events": r.Events, "groups": r.Groups, "rows": r.Rows, "timed": r.Timed, "findings": r.Findings, "dropped": r.Dropped} {
		m.lastRun.WithLabelValues(of).Set(float64(n))
	}
}

// A size tells what the store takes, when it is asked.
type size struct{ store store.Store }

var (
	storeBytes  = prometheus.NewDesc("fresnel_store_bytes", "Bytes of disk that the store takes.", nil, nil)
	eventBytes  = prometheus.NewDesc("fresnel_store_event_bytes", "Bytes of disk that events take: those that store.keep_gb bounds.", nil, nil)
	storeEvents = prometheus.NewDesc("fresnel_store_events", "Events in the store.", nil, nil)
	storeOldest = prometheus.NewDesc("fresnel_store_oldest_event_seconds", "Time of the oldest event, seconds since 1970 UTC; 0 without events.", nil, nil)
	storeNewest = prometheus.NewDesc("fresnel_store_newest_event_seconds", "Time of the newest event, seconds since 1970 UTC; 0 without events.", nil, nil)
)

// Describe implements prometheus.Collector.
func (*size) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{storeBytes, eventBytes, storeEvents, storeOldest, storeNewest} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *size) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // Collect is given none
	defer cancel()
	s, err := c.store.Size(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(storeBytes, err)
		return
	}
	for _, v := range []struct {
		desc *prometheus.Desc
		n    float64
	}{{storeBytes, float64(s.Bytes)}, {eventBytes, float64(s.EventBytes)}, {storeEvents, float64(s.Events)}, {storeOldest, float64(s.OldestNanos) / 1e9}, {storeNewest, float64(s.NewestNanos) / 1e9}} {
		out <- prometheus.MustNewConstMetric(v.desc, prometheus.GaugeValue, v.n)
	}
}
