// Package httpapi is the HTTP API of the service: JSON under /api/v1, described by an OpenAPI
// 3.1 document at /api/openapi.json, and what probes ask, /healthz and /readyz.
//
// One table (routes.go) says for each operation its path, what a client needs to be allowed it,
// and the function that serves it. The parameters, the body and the answer of an operation are
// Go types: requests are read and checked by them, and the document is made of them, so that
// neither can differ from what is served.
//
// Requests are refused rather than guessed at: unknown parameters and fields, and values that do
// not fit, are errors that say what was got and what was wanted. All errors have one shape
// (Error).
//
// # Bounds
//
// What a request may cost is in Limits. Lists look at Limits.Findings findings at most, the newest
// first, and say so ("complete": false); they keep no more than a page of them. Of as many
// findings the facts that lists are ordered, grouped and mostly filtered by are kept in memory,
// about 200 bytes each (index.go), and the documents of the newest runs packed in 64 MB (pack.go):
// documents are read where a query asks for more, and for the page that is shown where they are
// not packed, of which 32 MB are kept (documents.go). Operations that read findings or
// events share Limits.Heavy places; what-ifs have one place of their own.
package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"fresnel/internal/auth"
	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/store"
)

// A Detector makes runs. It is safe for concurrent use.
type Detector interface {
	// Trace returns what the run that ends at end, seconds since 1970 UTC, says of one group,
	// with its Trace filled and without a Row. It is store.ErrNotFound when no event of the group
	// in the window is kept.
	Trace(ctx context.Context, group finding.Group, end int64) (*finding.Result, error)
	// RunAt makes and stores one run by hand.
	RunAt(ctx context.Context, end int64) (*store.Run, error)
	// Next returns the end of the run that comes next, in seconds; 0 while none is known.
	Next() int64
}

// An Input is one way in which events come, and how it is.
type Input struct {
	Name      string           `json:"name" doc:"unique among all inputs"`
	Kind      string           `json:"kind" doc:"such as bulk or tail"`
	Health    string           `json:"health" enum:"ok,idle,failing" doc:"idle: nothing has come for a while; failing: the last attempt ended in an error"`
	LastEvent time.Time        `json:"last_event,omitzero" doc:"when the last event came; missing when none has"`
	Counts    map[string]int64 `json:"counts" doc:"since the start: events by what became of them, and whatever else the input counts"`
	LastError string           `json:"last_error,omitempty"`
	ErrorAt   time.Time        `json:"error_at,omitzero" doc:"when last_error was"`
}

// A Setting is one setting in force.
type Setting struct {
	Key     string  `json:"key" doc:"such as beacon.max_jitter"`
	Value   string  `json:"value" doc:"as YAML on one line; never a secret"`
	Default string  `json:"default" doc:"as YAML on one line; empty for settings of a name of the user's choice"`
	Origin  string  `json:"origin" doc:"where the value came from: default, the file, who saved it, the environment or a flag"`
	Doc     string  `json:"doc" doc:"what the setting means"`
	Tunable bool    `json:"tunable" doc:"it says what detection looks for, and can be tried and saved"`
	Bounds  *Bounds `json:"bounds,omitempty" doc:"missing where it is not tunable, or a list of clauses or a mapping"`
}

// Options are what an API is made from. All but Limits are needed.
type Options struct {
	Store    store.Store
	Auth     *auth.Auth
	Detector Detector
	Tuner    Tuner

	// What is asked anew with each request, since settings can be loaded again.
	Inputs  func() []Input
	Params  func() beacon.Params
	GroupBy func() []event.Field // as detect.Options.GroupBy

	Product string // the program's name
	Version string
	Now     func() time.Time
	Log     *slog.Logger
	Limits  Limits // zero for DefaultLimits
}

// Limits bound what requests may cost.
type Limits struct {
	BodyBytes int64         // of a request
	Heavy     int           // requests that read findings or events, at a time
	Streams   int           // exports, at a time
	Waiting   int           // others that wait for one of these places
	Wait      time.Duration // how long
	Timeout   time.Duration // that a request may read for
	Findings  int           // that one request looks at, the newest first, and whose facts are kept in memory
	Send      time.Duration // that a client may take to read a piece of a long answer
}

// DefaultLimits returns the limits that suit two cores and a few people.
func DefaultLimits() Limits {
	return Limits{BodyBytes: 1 << 20, Heavy: 4, Streams: 2, Waiting: 64, Wait: 5 * time.Second, Timeout: time.Minute, Findings: 500_000, Send: 30 * time.Second}
}

func (l Limits) validate() error {
	var errs []error
	for _, n := range []struct {
		name string
		got  int64
	}{
		{"BodyBytes", l.BodyBytes}, {"Heavy", int64(l.Heavy)}, {"Streams", int64(l.Streams)}, {"Waiting", int64(l.Waiting)}, {"Wait", int64(l.Wait)},
		{"Timeout", int64(l.Timeout)}, {"Findings", int64(l.Findings)}, {"Send", int64(l.Send)},
	} {
		if n.got <= 0 {
			errs = append(errs, fmt.Errorf("limits: %s: got %d, want more than 0", n.name, n.got))
		}
	}
	return errors.Join(errs...)
}

// An API serves requests. It is safe for concurrent use.
type API struct {
	o       Options
	mux     *http.ServeMux
	gate    *gate         // before what reads much
	trials  *gate         // before what-ifs, which take all the processors there are
	streams *gate         // before what is read as fast as a client takes it
	hand    chan struct{} // held by a run by hand
	index   *index
	ahead   ahead
	fields  []Field  // that queries may name
	names   []string // of these, without lists of objects
	doc     []byte   // OpenAPI
	etag    string   // of doc
}

// New returns the handler of the API.
func New(o Options) (*API, error) {
	if o.Store == nil || o.Auth == nil || o.Detector == nil || o.Tuner == nil || o.Inputs == nil || o.Params == nil || o.GroupBy == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("httpapi: got options that lack something, want all of them")
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if err := o.Limits.validate(); err != nil {
		return nil, err
	}
	a := &API{o: o, gate: newGate(o.Limits.Heavy, o.Limits), trials: newGate(1, o.Limits), streams: newGate(o.Limits.Streams, o.Limits), hand: make(chan struct{}, 1), ahead: newAhead(), index: newIndex(o.Store, o.Limits.Findings)}
	var err error
	if a.fields, err = fieldsOf(finding.Schema); err != nil {
		return nil, fmt.Errorf("schema of findings: %w", err)
	}
	for _, f := range a.fields {
		if f.Type != "objects" {
			a.names = append(a.names, f.Name)
		}
	}
	table := a.routes()
	if a.doc, err = document(table, o); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	a.etag = etagOf(a.doc)
	if a.mux, err = a.newMux(table); err != nil {
		return nil, err
	}
	return a, nil
}

// Forget gives up the memory of runs whose end, in seconds, is before the given one: the store has
// forgotten them.
func (a *API) Forget(beforeEnd int64) { a.index.forgetBefore(beforeEnd) }

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for segment := range strings.SplitSeq(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/") {
		if segment == "." || segment == ".." { // which ServeMux redirects, by a page for people
			nowhere(w, r)
			return
		}
	}
	if strings.Contains(r.URL.EscapedPath(), "//") {
		nowhere(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// nowhere answers for paths that there are not.
func nowhere(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, refuse(http.StatusNotFound, "no_such_path", "there is nothing at this path: /api/openapi.json says what there is"))
}
