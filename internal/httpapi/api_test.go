package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"fresnel/internal/auth"
	"fresnel/internal/beacon"
	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
	"fresnel/internal/store/memory"
)

// now is ten minutes after the last run.
const now = findingtest.RunEnd + 600

const password = "correct horse battery"

// A site is an API over a store with three runs and some events, and its users: anna, an
// admin, carl, an analyst, and bob, a viewer.
type site struct {
	t       testing.TB
	api     *API
	store   *failing
	auth    *auth.Auth
	tuner   *tuner
	inputs  []Input
	now     time.Time
	cookies map[string]string // by user
}

// A failing store fails while err is set.
type failing struct {
	store.Store
	mu  sync.Mutex
	err error
}

func (f *failing) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *failing) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *failing) FindingsIn(ctx context.Context, from, to int64, each func(*store.Finding) bool) error {
	n := 0
	err := f.Store.FindingsIn(ctx, from, to, func(one *store.Finding) bool {
		n++
		return each(one) && f.failure() == nil
	})
	if f.failure() != nil {
		err = f.failure()
	}
	return err
}

func (f *failing) FindingsOf(ctx context.Context, keys []store.FindingKey) ([]store.Finding, error) {
	if err := f.failure(); err != nil {
		return nil, err
	}
	return f.Store.FindingsOf(ctx, keys)
}

func (f *failing) Size(ctx context.Context) (store.Size, error) {
	if err := f.failure(); err != nil {
		return store.Size{}, err
	}
	return f.Store.Size(ctx)
}

func (f *failing) Change(ctx context.Context, put, remove []store.Record, trail ...store.Entry) error {
	if err := f.failure(); err != nil {
		return err
	}
	return f.Store.Change(ctx, put, remove, trail...)
}

// moved returns r as a run says it that ended so many hours before.
func moved(r *finding.Result, hours int64) *finding.Result {
	r.RunEnd -= hours * 3600
	r.LastNanos -= hours * 3600e9
	if r.Row != nil && r.Row.LastNanos > r.LastNanos {
		r.Row.LastNanos = r.LastNanos
	}
	return r
}

// found returns what a run found that ended so many hours before the last.
func found(hours int64) []*finding.Result {
	all := append(findingtest.Case(), findingtest.More(), findingtest.Fast(), findingtest.Quarter())
	if hours == 0 {
		all = append(all, findingtest.Unseen(), findingtest.HostileRow())
	}
	for _, r := range all {
		moved(r, hours)
	}
	slices.SortFunc(all, finding.Compare)
	return all
}

func save(t testing.TB, s store.Store, end int64, results []*finding.Result) {
	t.Helper()
	var findings []store.Finding
	for _, r := range results {
		findings = append(findings, schedule.Stored(r))
	}
	run := &store.Run{
		End: end, StartedAt: time.Unix(end+120, 0), FinishedAt: time.Unix(end+121, 0), Events: 4321, Groups: 90, Rows: 120, Timed: 40, Hidden: 3,
		Findings: int64(len(findings)),
	}
	if err := s.SaveRun(t.Context(), run, findings, store.SliceChange{}); err != nil {
		t.Fatal(err)
	}
}

// calls returns the events of the group of findingtest.FiveMinute, and others.
func calls() []event.Event {
	var all []event.Event
	base := event.Event{
		HostName: "ws-0142", ProcessName: "updater.exe", SourceIP: netip.MustParseAddr("10.1.0.142"), DestinationIP: netip.MustParseAddr("203.0.113.9"),
		SourcePort: 50123, DestinationPort: 8443, SourceBytes: 410, DestinationBytes: 1370, DestinationDomain: "cdn-sync.example.net",
		NetworkTransport: "tcp", EventCategory: "network", EventAction: "connection_attempted",
	}
	for _, nanos := range findingtest.FiveMinute().Trace.TimesNanos {
		e := base
		e.TimeNanos = nanos
		all = append(all, e)
	}
	for i := range int64(10) { // elsewhere
		e := base
		e.TimeNanos = (findingtest.RunEnd - 3000 + 60*i) * 1e9
		e.DestinationIP, e.DestinationDomain, e.DestinationPort = netip.MustParseAddr("198.51.100.9"), "", 443
		all = append(all, e)
	}
	for i, host := range []string{"ws-0311", "ws-0007"} { // others
		e := base
		e.TimeNanos, e.HostName, e.ProcessName = (findingtest.RunEnd-9000+int64(i))*1e9, host, "other.exe"
		all = append(all, e)
		e.DestinationIP = netip.MustParseAddr("198.51.100.9")
		all = append(all, e)
	}
	e := base // what has no process is of the group of its addresses
	e.TimeNanos, e.HostName, e.ProcessName, e.SourceIP, e.DestinationIP = (findingtest.RunEnd-100)*1e9, "", "", netip.MustParseAddr("10.20.0.31"), netip.MustParseAddr("198.51.100.77")
	all = append(all, e)
	e.ProcessName, e.HostName = "x.exe", "ws-0001" // and what has one is not
	return append(all, e)
}

func open(t testing.TB, limits Limits) *site {
	t.Helper()
	return openOver(t, limits, memory.New(func() time.Time { return time.Unix(now, 0) }))
}

// openOver returns a site over an empty store.
func openOver(t testing.TB, limits Limits, empty store.Store) *site {
	t.Helper()
	s := &site{t: t, now: time.Unix(now, 0), cookies: map[string]string{}}
	clock := func() time.Time { return s.now }
	s.store = &failing{Store: empty}
	for hours := int64(2); hours >= 0; hours-- {
		save(t, s.store, findingtest.RunEnd-hours*3600, found(hours))
	}
	var b store.Batch
	for _, e := range calls() {
		b.Add(&e, "test", 0)
	}
	if err := s.store.Append(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)

	c := auth.DefaultConfig()
	c.Records, c.Log, c.Now, c.PasswordCost = s.store, log, clock, auth.Cost{MemoryKiB: 8, Passes: 1, Threads: 1}
	c.IdleLifetime = c.Lifetime
	var err error
	if s.auth, err = auth.Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, u := range []auth.NewUser{{Name: "anna", Role: auth.Admin}, {Name: "carl", Role: auth.Analyst}, {Name: "bob", Role: auth.Viewer}} {
		u.Password = password
		if _, err := s.auth.CreateUser(t.Context(), auth.Program(), u); err != nil {
			t.Fatal(err)
		}
	}

	everything, err := filter.Compile(filter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := schedule.New(schedule.Options{
		Store: s.store, Detect: detect.Options{Filter: everything, Params: beacon.DefaultParams(), Workers: 2}, Every: time.Hour, Log: log, Now: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.inputs = []Input{{Name: "bulk", Kind: "bulk", Health: "ok", LastEvent: s.now, Counts: map[string]int64{"stored": 12}}, {Name: "zeek", Kind: "tail", Health: "failing", LastError: "conn.log: no such file", ErrorAt: s.now}}
	s.tuner = newTuner(t, plan, s.store, "detector=reference", "filter.enabled=false", "serve.listen=127.0.0.1:1")
	api, err := New(Options{
		Store: s.store, Auth: s.auth, Detector: plan, Tuner: s.tuner, Inputs: func() []Input { return s.inputs },
		Params: beacon.DefaultParams, GroupBy: func() []event.Field { return nil },
		Product: "fresnel", Version: "1.2.3", Now: clock, Log: log, Limits: limits,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.api = api
	return s
}

// An answer is what was answered, and the request.
type answer struct {
	*httptest.ResponseRecorder
	t    testing.TB
	text string
}

// as returns the headers with which a user asks.
func (s *site) as(user string) []string {
	if user == "" {
		return nil
	}
	if s.cookies[user] == "" {
		r := httptest.NewRequest(http.MethodPost, "http://fresnel.test/api/v1/login", nil)
		w := httptest.NewRecorder()
		if _, err := s.auth.Login(w, r, user, password); err != nil {
			s.t.Fatal(err)
		}
		s.cookies[user] = auth.CookieName + "=" + w.Result().Cookies()[0].Value
	}
	return []string{"Cookie", s.cookies[user]}
}

// ask sends a request of a user and holds the answer to the OpenAPI document.
func (s *site) ask(user, method, target, body string, headers ...string) answer {
	s.t.Helper()
	r := httptest.NewRequest(method, "http://fresnel.test"+target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for h := append(s.as(user), headers...); len(h) > 0; h = h[2:] {
		r.Header.Set(h[0], h[1])
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	a := answer{w, s.t, w.Body.String()}
	for _, c := range w.Result().Cookies() {
		s.cookies[user] = auth.CookieName + "=" + c.Value
	}
	if err := conforms(s.api, r, w); err != nil {
		s.t.Errorf("%s %s: %d: %v\n%.2000s", method, target, w.Code, err, a.text)
	}
	return a
}

// get asks for something as the viewer.
func (s *site) get(target string) answer {
	s.t.Helper()
	return s.ask("bob", "GET", target, "")
}

// into reads an answer that must have a status.
func into[T any](a answer, status int) T {
	a.t.Helper()
	var v T
	if a.Code != status {
		a.t.Fatalf("got status %d, want %d: %s", a.Code, status, a.text)
	}
	if err := json.Unmarshal([]byte(a.text), &v); err != nil {
		a.t.Fatalf("%v: %s", err, a.text)
	}
	return v
}

// refused returns the error of an answer that must have a status and a code.
func (a answer) refused(status int, code string) Error {
	a.t.Helper()
	e := into[Failure](a, status).Error
	if e.Code != code {
		a.t.Errorf("got code %q, want %q: %s", e.Code, code, a.text)
	}
	return e
}

// A described document and the schemas that were compiled from it.
type described struct {
	mu       sync.Mutex
	doc      map[string]any
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

var documents sync.Map // of APIs

func describedBy(api *API) (*described, error) {
	if d, ok := documents.Load(api); ok {
		return d.(*described), nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.doc))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("openapi.json", v); err != nil {
		return nil, err
	}
	d := &described{doc: v.(map[string]any), compiler: c, schemas: map[string]*jsonschema.Schema{}}
	documents.Store(api, d)
	return d, nil
}

// pointer returns a JSON pointer.
func pointer(keys ...string) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(k))
	}
	return b.String()
}

func (d *described) schema(keys ...string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := "openapi.json#" + pointer(keys...)
	if d.schemas[at] == nil {
		s, err := d.compiler.Compile(at)
		if err != nil {
			return nil, err
		}
		d.schemas[at] = s
	}
	return d.schemas[at], nil
}

func lookup(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

// conforms holds an answer to what the document says of it.
func conforms(api *API, r *http.Request, w *httptest.ResponseRecorder) error {
	d, err := describedBy(api)
	if err != nil {
		return err
	}
	_, path := api.mux.Handler(r)
	method := strings.ToLower(r.Method)
	if method == "head" {
		method = "get"
	}
	keys := []string{"paths", path, method, "responses", strconv.Itoa(w.Code)}
	response := lookup(d.doc, keys...)
	if lookup(d.doc, keys[:3]...) == nil || strings.Contains(w.Body.String(), "no_such_path") { // no operation: the answer has the shape of all errors
		if w.Code != 404 && w.Code != 405 {
			return fmt.Errorf("got status %d of no operation", w.Code)
		}
		keys = []string{"components", "responses", "NotFound"}
		response = lookup(d.doc, keys...)
	}
	if response == nil {
		return fmt.Errorf("status %d is not documented for %s %s", w.Code, method, path)
	}
	if to, ok := lookup(response, "$ref").(string); ok {
		keys = strings.Split(strings.TrimPrefix(to, "#/"), "/")
		response = lookup(d.doc, keys...)
	}
	content, _ := lookup(response, "content").(map[string]any)
	if content == nil {
		if w.Body.Len() > 0 {
			return fmt.Errorf("got a body, want none")
		}
		return nil
	}
	media := w.Header().Get("Content-Type")
	if content[media] == nil {
		return fmt.Errorf("Content-Type %q is not documented, want one of %v", media, content)
	}
	if kind, _, _ := mime.ParseMediaType(media); kind != "application/json" || r.Method == http.MethodHead {
		return nil
	}
	schema, err := d.schema(append(slices.Clone(keys), "content", media, "schema")...)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}
