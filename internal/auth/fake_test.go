package auth

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"fresnel/internal/store"
	"fresnel/internal/store/memory"
)

// A fake keeps records in memory, and refuses changes while it is told to.
type fake struct {
	*memory.Store

	mu      sync.Mutex
	changes int
	err     error
}

var _ store.Records = (*fake)(nil)

func newFake() *fake { return &fake{Store: memory.New(time.Now)} }

func (f *fake) Change(ctx context.Context, put, remove []store.Record, trail ...store.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.changes++
	return f.Store.Change(ctx, put, remove, trail...)
}

func (f *fake) refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fake) changed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changes
}

// entries returns the trail, oldest first.
func (f *fake) entries(t testing.TB) []store.Entry {
	t.Helper()
	list, err := f.Trail(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// actions returns the trail as "user action subject detail", oldest first.
func (f *fake) actions(t testing.TB) []string {
	t.Helper()
	var list []string
	for _, e := range f.entries(t) {
		text := e.User + " " + e.Action + " " + e.Subject
		if e.Detail != "" {
			text += " " + e.Detail
		}
		list = append(list, text)
	}
	return list
}

func (f *fake) kind(t testing.TB, kind string) []store.Record {
	t.Helper()
	list, err := f.Records(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// cheap is a cost with which tests need not wait.
var cheap = Cost{MemoryKiB: 8, Passes: 1, Threads: 1}

func testConfig(records store.Records) Config {
	c := DefaultConfig()
	c.Records, c.Log, c.Now, c.PasswordCost = records, slog.New(slog.DiscardHandler), time.Now, cheap
	return c
}

func open(t testing.TB, c Config) *Auth {
	t.Helper()
	a, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const (
	annasPassword = "correct horse battery"
	bobsPassword  = "staple staple staple"
)

// withUsers returns an Auth with anna, an admin, and bob, a viewer.
func withUsers(t testing.TB, records store.Records) *Auth {
	t.Helper()
	a := open(t, testConfig(records))
	for _, n := range []NewUser{{Name: "anna", Role: Admin, Password: annasPassword}, {Name: "bob", Role: Viewer, Password: bobsPassword}} {
		if _, err := a.CreateUser(t.Context(), Program(), n); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// request returns a request from an address, with headers in pairs.
func request(method, from string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://fresnel.test/api/v1/findings", nil)
	r.RemoteAddr = from + ":40000"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// login logs in and returns the cookie, as a header.
func login(t testing.TB, a *Auth, name, password string) string {
	t.Helper()
	w := httptest.NewRecorder()
	if _, err := a.Login(w, request("POST", "192.0.2.7"), name, password); err != nil {
		t.Fatalf("login of %s: %v", name, err)
	}
	return cookieOf(t, w)
}

func cookieOf(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got %d cookies, want 1", len(cookies))
	}
	return cookies[0].Name + "=" + cookies[0].Value
}

// who returns the name of whom a cookie stands for, or the error.
func who(a *Auth, cookie string) string {
	p, err := a.Authenticate(request("GET", "192.0.2.7", "Cookie", cookie))
	if err != nil {
		return err.Error()
	}
	return p.Name
}
