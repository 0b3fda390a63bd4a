package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"fresnel/internal/auth"
)

// A route is one operation of the API. The table of all is in routes.go.
type route struct {
	method, path string
	id           string // of the operation, for clients that are generated
	tag          string // of a group of operations
	want         auth.Permission
	reads        reads
	status       int // of an answer that is no error; 0 for 200, or for 204 where there is no answer
	summary      string
	doc          string
	also         []int // statuses beside those that follow from the rest
	links        []link
	op           operation
}

// A link says that the answer of one operation names what others are about.
type link struct {
	to    []string // operations
	param string   // of these
	at    string   // where the answer has its value, as a JSON pointer
}

// reads tell what an operation reads beside small things.
type reads uint8

const (
	readsLittle reads = iota
	readsMuch         // findings or events
	readsStream       // findings, as fast as the client takes them
	readsWindow       // all events of a window, and makes findings of them
)

// An operation is what serves a route, and the types that it is described by.
type operation struct {
	params  []parameter
	body    reflect.Type // nil for none
	answer  reflect.Type // nil for none in JSON
	content string       // media type of an answer that is not JSON
	serve   func(c *call) error
	err     error // a mistake in the types
}

// none stands for parameters, a body or an answer that is not there.
type none struct{}

// A call is one request that is being served.
type call struct {
	a       *API
	w       http.ResponseWriter
	r       *http.Request
	route   *route
	by      *auth.Principal // nil where nobody need be known
	now     time.Time
	started bool // the answer has been begun: an error can only break it off
}

// jsonOf makes an operation of a function from parameters and a body to an answer.
func jsonOf[P, B, A any](f func(ctx context.Context, c *call, params *P, body *B) (*A, error)) operation {
	op := operation{}
	op.params, op.err = parametersOf(reflect.TypeFor[P]())
	if t := reflect.TypeFor[B](); t != reflect.TypeFor[none]() {
		op.body = t
	}
	if t := reflect.TypeFor[A](); t != reflect.TypeFor[none]() {
		op.answer = t
	}
	op.serve = func(c *call) error {
		var params P
		var body B
		if err := readParameters(c.r, op.params, reflect.ValueOf(&params).Elem()); err != nil {
			return err
		}
		if op.body != nil {
			if err := readBody(c.w, c.r, c.a.o.Limits.BodyBytes, reflect.ValueOf(&body).Elem()); err != nil {
				return err
			}
		}
		ctx, leave, err := c.enter()
		if err != nil {
			return err
		}
		answer, err := f(ctx, c, &params, &body)
		leave()
		if err != nil {
			return err
		}
		c.started = true
		if op.answer == nil {
			c.w.WriteHeader(http.StatusNoContent)
			return nil
		}
		writeJSON(c.w, c.route.code(), answer)
		return nil
	}
	return op
}

// contentOf makes an operation of a function that writes an answer which is not JSON. It sets
// call.started when it begins to.
func contentOf[P any](content string, f func(ctx context.Context, c *call, params *P) error) operation {
	op := operation{content: content}
	op.params, op.err = parametersOf(reflect.TypeFor[P]())
	op.serve = func(c *call) error {
		var params P
		if err := readParameters(c.r, op.params, reflect.ValueOf(&params).Elem()); err != nil {
			return err
		}
		ctx, leave, err := c.enter()
		if err != nil {
			return err
		}
		defer leave()
		return f(ctx, c, &params)
	}
	return op
}

// enter takes a place where the route needs one, and bounds the time of what is read.
func (c *call) enter() (ctx context.Context, leave func(), err error) {
	ctx = c.r.Context()
	switch c.route.reads {
	case readsMuch, readsWindow:
		places := c.a.gate
		if c.route.reads == readsWindow {
			places = c.a.trials
		}
		release, err := places.enter(ctx)
		if err != nil {
			return ctx, nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, c.a.o.Limits.Timeout)
		return ctx, func() { cancel(); release() }, nil
	case readsStream: // the client may take its time, and must not keep others waiting
		leave, err = c.a.streams.enter(ctx)
		return ctx, leave, err
	}
	return ctx, func() {}, nil
}

// code is the status of an answer that is no error.
func (r *route) code() int {
	switch {
	case r.status != 0:
		return r.status
	case r.op.answer == nil && r.op.content == "":
		return http.StatusNoContent
	}
	return http.StatusOK
}

// newMux returns what serves a table of routes.
func (a *API) newMux(table []route) (*http.ServeMux, error) {
	byPath := map[string]map[string]http.Handler{}
	for i := range table {
		r := &table[i]
		if r.op.err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.method, r.path, r.op.err)
		}
		if byPath[r.path] == nil {
			byPath[r.path] = map[string]http.Handler{}
		}
		byPath[r.path][r.method] = a.handler(r)
	}
	mux := http.NewServeMux()
	for path, methods := range byPath {
		mux.Handle(path, byMethod(methods))
	}
	mux.HandleFunc("/", nowhere)
	return mux, nil
}

// byMethod serves the methods of one path.
func byMethod(methods map[string]http.Handler) http.Handler {
	var allowed []string
	for m := range methods {
		allowed = append(allowed, m)
		if m == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		if h := methods[method]; h != nil {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, refuse(http.StatusMethodNotAllowed, "method_not_allowed", "got %s, want %s", quote(r.Method), strings.Join(allowed, " or ")))
	})
}

// handler serves one route.
func (a *API) handler(route *route) http.Handler {
	h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{a: a, w: w, r: r, route: route, by: auth.From(r.Context()), now: a.o.Now().UTC()}
		if err := route.op.serve(c); err != nil {
			c.fail(err)
		}
	}))
	if route.want != 0 {
		h = a.o.Auth.Require(route.want, func(w http.ResponseWriter, _ *http.Request, r auth.Refusal) {
			writeProblem(w, &problem{status: r.Status, body: Error{Code: r.Type, Message: r.Reason}})
		}, h)
	}
	return h
}

// fail answers with an error, and logs what is not the client's.
func (c *call) fail(err error) {
	gone := c.r.Context().Err() != nil
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError && !gone {
		c.a.o.Log.Error("request not served", "route", c.route.method+" "+c.route.path, "status", p.status, "err", err)
	}
	if c.started {
		panic(http.ErrAbortHandler) // as net/http has it: the client sees that the answer is cut
	}
	if refusal, ok := auth.Refuse(err); ok {
		refusal.SetHeaders(c.w.Header(), c.r)
	}
	if errors.Is(err, context.Canceled) && gone {
		return
	}
	writeProblem(c.w, p)
}
