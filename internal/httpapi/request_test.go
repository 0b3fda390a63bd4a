package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/auth"
	"fresnel/internal/finding/findingtest"
)

// A sampleBody has a field of each kind that bodies have.
type sampleBody struct {
	Name     string       `json:"name"`
	Scopes   []auth.Scope `json:"scopes,omitempty"`
	Role     *auth.Role   `json:"role,omitempty"`
	Disabled *bool        `json:"disabled,omitempty"`
	At       time.Time    `json:"at,omitzero"`
}

func TestBodies(t *testing.T) {
	for _, row := range []struct{ name, body, message string }{
		{"all fields", ` {"name":"x","scopes":["read"],"role":"viewer","disabled":false,"at":"2026-01-01T00:00:00+01:00"} `, ""},
		{"what must be there", `{"name":""}`, ""},
		{"not what must be there", `{"role":"viewer"}`, "name: got nothing, want a text"},
		{"an unknown field", `{"name":"x","label":1}`, `got "label", want one of: name, scopes, role, disabled, at`},
		{"a known field in other letters", `{"Name":"x"}`, `got "Name", want one of: name, scopes, role, disabled, at`},
		{"a field twice", `{"name":"x","name":"x"}`, "name: got it twice, want it once"},
		{"null", `{"name":null}`, "name: got null, want a text"},
		{"a number for a text", `{"name":5}`, "name: got a number, want a text"},
		{"an object for a text", `{"name":{"a":{}}}`, "name: got an object, want a text"},
		{"a text for a list", `{"name":"x","scopes":"read"}`, `scopes: got "read", want a list of texts`},
		{"a list with null in it", `{"name":"x","scopes":["read",null]}`, "scopes: got a list with null in it, want a list of texts"},
		{"a list of numbers", `{"name":"x","scopes":[1]}`, "scopes: got a list, want a list of texts"},
		{"a text for a boolean", `{"name":"x","disabled":"no"}`, `disabled: got "no", want true or false`},
		{"no time", `{"name":"x","at":"today"}`, `at: got "today", want a time such as 2026-01-31T06:00:00Z`},
		{"a list", `["name"]`, "body: got a list, want a JSON object"},
		{"a text", `"name"`, "body: got a text, want a JSON object"},
		{"nothing", ``, "body: got what is no JSON, want one JSON object: unexpected end of JSON input"},
		{"half of it", `{"name":`, "body: got what is no JSON, want one JSON object: unexpected end of JSON input"},
		{"two of them", `{"name":"x"}{}`, "body: got what is no JSON, want one JSON object: invalid character '{' after top-level value"},
		{"deep nesting", `{"name":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, "body: got what is no JSON, want one JSON object: invalid character '[' exceeded max depth"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var b sampleBody
			err := readObject([]byte(row.body), reflect.ValueOf(&b).Elem())
			if got := errorText(err); got != row.message {
				t.Errorf("got %q, want %q", got, row.message)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzBody holds that what is taken is what encoding/json reads, and that no text is too much.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"name":"x","scopes":["read"],"role":"viewer","disabled":false,"at":"2026-01-01T00:00:00+01:00"}`, `{"name":"\u0000"}`, `{"na\u006de":"x"}`, `{`, `[]`, `{"name":"x",}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, want sampleBody
		if readObject(text, reflect.ValueOf(&got).Elem()) != nil {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("%q was taken: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", text, diff)
		}
	})
}

// FuzzRequest holds that no path and no parameters make an answer that is not documented, or
// one that says that the service failed.
func FuzzRequest(f *testing.F) {
	id := "/api/v1/findings/" + ranked()
	for _, path := range []string{
		"/api/v1/findings", "/api/v1/findings.ndjson", id, id + "/series", id + "/events", id + "/destinations", id + "/history", id + "/report",
		"/api/v1/cases", "/api/v1/cases/" + findingtest.Ranked().Row.Case, "/api/v1/overview", "/api/v1/hosts", "/api/v1/processes", "/api/v1/runs", "/api/v1/runs/2026-01-01T06:00:00Z",
		"/api/v1/audit", "/api/v1/users/bob", "/api/v1/keys", "/api/v1/fields", "/readyz", "/",
	} {
		f.Add(path, "")
		f.Add(path, "from=now-7d%2Fd&to=now&limit=3&q=host.name:+ws-*+and+event.risk_score%3E50&sort=host.name&order=asc")
	}
	f.Add("/api/v1/findings", "page=eyJhIjowfQ&view=all&facets=true")
	f.Add("/api/v1/overview", "from=1970&to=9999-12-31T23:59:59Z&points=2")
	s := open(f, Limits{})
	cookie := s.as("anna")[1]
	f.Fuzz(func(t *testing.T, path, params string) {
		r := httptest.NewRequest(http.MethodGet, "http://fresnel.test/", nil)
		u, err := r.URL.Parse("http://fresnel.test/" + strings.TrimPrefix(path, "/"))
		if err != nil {
			return
		}
		r.URL = u
		r.URL.RawQuery = params
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Errorf("%q %q: got status %d: %s", path, params, w.Code, w.Body)
		}
		if err := conforms(s.api, r, w); err != nil {
			t.Errorf("%q %q: %v", path, params, err)
		}
	})
}

func TestRequestsSideBySide(t *testing.T) {
	s := open(t, Limits{})
	for _, user := range []string{"anna", "bob", "carl"} {
		s.as(user)
	}
	id := "/api/v1/findings/" + ranked()
	var wait sync.WaitGroup
	for i := range 20 {
		for _, target := range []string{
			"/api/v1/findings?facets=true", "/api/v1/findings.ndjson", id, id + "/series", id + "/events", id + "/destinations", "/api/v1/cases", "/api/v1/overview", "/api/v1/fields", "/api/openapi.json",
		} {
			wait.Go(func() {
				if a := s.ask([]string{"anna", "bob", "carl"}[i%3], http.MethodGet, target, ""); a.Code != http.StatusOK && a.Code != http.StatusTooManyRequests {
					t.Errorf("%s: got status %d: %s", target, a.Code, a.text)
				}
			})
		}
	}
	wait.Wait()
}
