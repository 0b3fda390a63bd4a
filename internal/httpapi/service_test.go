package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/auth"
	"fresnel/internal/finding/findingtest"
)

func TestRuns(t *testing.T) {
	s := open(t, Limits{})
	var ends []string
	for next := ""; ; {
		l := into[RunList](s.get("/api/v1/runs?limit=2"+next), http.StatusOK)
		for _, r := range l.Runs {
			ends = append(ends, r.End.Format(time.RFC3339))
		}
		if l.Next == "" {
			break
		}
		next = "&page=" + l.Next
	}
	if diff := cmp.Diff([]string{"2026-01-01T06:00:00Z", "2026-01-01T05:00:00Z", "2026-01-01T04:00:00Z"}, ends); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if l := into[RunList](s.get("/api/v1/runs?from=2026-01-01T04:00:00Z&to=2026-01-01T05:59:00Z"), http.StatusOK); len(l.Runs) != 2 {
		t.Errorf("got %d runs, want 2", len(l.Runs))
	}
	want := Run{
		End: at(findingtest.RunEnd), StartedAt: at(findingtest.RunEnd + 120), FinishedAt: at(findingtest.RunEnd + 121),
		Events: 4321, Groups: 90, Rows: 120, Timed: 40, Hidden: 3, Findings: 8,
	}
	for _, end := range []string{"2026-01-01T06:00:00Z", "2026-01-01T07:00:00%2B01:00", "2026-01-01T06:00:00.000Z"} {
		if diff := cmp.Diff(want, into[Run](s.get("/api/v1/runs/"+end), http.StatusOK)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", end, diff)
		}
	}
	s.get("/api/v1/runs/2026-01-01T06:00:01Z").refused(http.StatusNotFound, "not_found")
	s.get("/api/v1/runs/2026-01-01T06:00:00.5Z").refused(http.StatusNotFound, "not_found")
	for _, end := range []string{"1767247200", "2026-01-01", "0001-01-01T00:00:00Z", "now"} {
		s.get("/api/v1/runs/"+end).refused(http.StatusBadRequest, "bad_parameter")
	}
}

func TestRunByHand(t *testing.T) {
	s := open(t, Limits{})
	s.as("bob") // writes an entry
	r := into[Run](s.ask("anna", "POST", "/api/v1/runs", `{"end":"2026-01-01T06:05:00Z"}`), http.StatusCreated)
	if !r.ByHand || r.Events != int64(len(calls())-1) || r.Findings == 0 {
		t.Errorf("got %+v, want a run over all events but the first", r)
	}
	if diff := cmp.Diff(r, into[Run](s.get("/api/v1/runs/2026-01-01T06:05:00Z"), http.StatusOK)); diff != "" {
		t.Errorf("(-made +stored)\n%s", diff)
	}
	trail := into[Trail](s.ask("anna", "GET", "/api/v1/audit?limit=1", ""), http.StatusOK)
	want := TrailEntry{Number: trail.Entries[0].Number, At: s.now.UTC(), User: "anna", From: "192.0.2.1", Action: "run.make", Subject: "2026-01-01T06:05:00Z"}
	if diff := cmp.Diff(want, trail.Entries[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, row := range []struct{ name, body, code, field string }{
		{"a time to come", `{"end":"2026-01-01T06:10:01Z"}`, "bad_value", "end"},
		{"parts of a second", `{"end":"2026-01-01T06:00:00.5Z"}`, "bad_value", "end"},
		{"before 1970", `{"end":"1969-12-31T23:00:00Z"}`, "bad_value", "end"},
		{"a number", `{"end":1767247200}`, "bad_value", "end"},
		{"another text", `{"end":"now"}`, "bad_value", "end"},
		{"null", `{"end":null}`, "bad_value", "end"},
		{"nothing", `{}`, "missing_field", "end"},
		{"twice", `{"end":"2026-01-01T06:00:00Z","end":"2026-01-01T06:00:00Z"}`, "bad_value", "end"},
		{"in capitals", `{"End":"2026-01-01T06:00:00Z"}`, "unknown_field", "End"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.t = t
			if e := s.ask("anna", "POST", "/api/v1/runs", row.body).refused(http.StatusBadRequest, row.code); e.Field != row.field {
				t.Errorf("got field %q, want %q", e.Field, row.field)
			}
		})
	}
	s.t = t
	s.api.hand <- struct{}{} // another is being made
	if a := s.ask("anna", "POST", "/api/v1/runs", `{"end":"2026-01-01T06:05:00Z"}`); a.Header().Get("Retry-After") != "5" {
		t.Errorf("got Retry-After %q, want 5", a.Header().Get("Retry-After"))
	} else {
		a.refused(http.StatusTooManyRequests, "busy")
	}
}

func TestLogin(t *testing.T) {
	s := open(t, Limits{})
	a := s.ask("", "POST", "/api/v1/login", `{"name":"bob","password":"`+password+`"}`)
	want := Me{Kind: "user", Name: "bob", Role: auth.Viewer, Permissions: []string{"self", "read"}}
	if diff := cmp.Diff(want, into[Me](a, http.StatusOK)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	cookie := a.Result().Cookies()[0]
	header := []string{"Cookie", cookie.Name + "=" + cookie.Value}
	if diff := cmp.Diff(want, into[Me](s.ask("", "GET", "/api/v1/me", "", header...), http.StatusOK)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if a := s.ask("", "POST", "/api/v1/logout", "", header...); a.Code != http.StatusNoContent {
		t.Errorf("got status %d, want 204", a.Code)
	}
	s.ask("", "GET", "/api/v1/me", "", header...).refused(http.StatusUnauthorized, "session_ended")

	a = s.ask("", "POST", "/api/v1/login", `{"name":"bob","password":"wrong"}`)
	a.refused(http.StatusUnauthorized, "wrong_credentials")
	if len(a.Header().Values("WWW-Authenticate")) == 0 {
		t.Error("got no WWW-Authenticate with 401")
	}
	s.ask("", "POST", "/api/v1/login", `{"name":"bob","password":"`+password+`"}`, "Sec-Fetch-Site", "cross-site").refused(http.StatusForbidden, "cross_origin")
	for range 5 {
		s.ask("", "POST", "/api/v1/login", `{"name":"carl","password":"wrong"}`)
	}
	a = s.ask("", "POST", "/api/v1/login", `{"name":"carl","password":"`+password+`"}`)
	if a.refused(http.StatusTooManyRequests, "too_many_logins"); a.Header().Get("Retry-After") == "" {
		t.Error("got no Retry-After with 429")
	}
	s.ask("", "GET", "/api/v1/me", "", "Authorization", "Digest x").refused(http.StatusUnauthorized, "unreadable_credentials")
	s.ask("anna", "POST", "/api/v1/users", `{"name":"dora","role":"viewer"}`, "Sec-Fetch-Site", "cross-site").refused(http.StatusForbidden, "cross_origin")
}

func TestPasswords(t *testing.T) {
	s := open(t, Limits{})
	made := into[NewUserAnswer](s.ask("anna", "POST", "/api/v1/users", `{"name":"dora","role":"analyst"}`), http.StatusCreated)
	if made.Password == "" || !made.User.MustChange {
		t.Fatalf("got %+v, want a random password that must be changed", made)
	}
	dora := []string{"Authorization", basic("dora", made.Password)}
	s.ask("", "GET", "/api/v1/findings", "", dora...).refused(http.StatusForbidden, "password_change_required")
	if me := into[Me](s.ask("", "GET", "/api/v1/me", "", dora...), http.StatusOK); !me.MustChange || len(me.Permissions) != 1 {
		t.Errorf("got %+v, want self alone", me)
	}
	s.ask("", "POST", "/api/v1/me/password", `{"old":"wrong","password":"staple staple staple"}`, dora...).refused(http.StatusForbidden, "wrong_old_password")
	if e := s.ask("", "POST", "/api/v1/me/password", `{"old":"`+made.Password+`","password":"short"}`, dora...).refused(http.StatusBadRequest, "bad_value"); e.Field != "password" || strings.Contains(e.Message, "short\"") {
		t.Errorf("got %+v, want an error of the password that does not show it", e)
	}
	if a := s.ask("", "POST", "/api/v1/me/password", `{"old":"`+made.Password+`","password":"staple staple staple"}`, dora...); a.Code != http.StatusNoContent {
		t.Fatalf("got status %d, want 204: %s", a.Code, a.text)
	}
	if a := s.ask("", "GET", "/api/v1/findings", "", "Authorization", basic("dora", "staple staple staple")); a.Code != http.StatusOK {
		t.Errorf("got status %d, want 200", a.Code)
	}
	given := into[PasswordAnswer](s.ask("anna", "POST", "/api/v1/users/dora/password", `{"password":"another another"}`), http.StatusOK)
	random := into[PasswordAnswer](s.ask("anna", "POST", "/api/v1/users/dora/password", `{}`), http.StatusOK)
	if given.Password != "" || random.Password == "" {
		t.Errorf("got %q and %q, want the one that was made alone", given.Password, random.Password)
	}
	key := into[NewKeyAnswer](s.ask("anna", "POST", "/api/v1/keys", `{"name":"k","scopes":["read"]}`), http.StatusCreated)
	s.ask("", "POST", "/api/v1/me/password", `{"old":"x","password":"staple staple staple"}`, "Authorization", "ApiKey "+key.Encoded).refused(http.StatusBadRequest, "bad_value")
}

func TestUsers(t *testing.T) {
	s := open(t, Limits{})
	if l := into[UserList](s.ask("anna", "GET", "/api/v1/users", ""), http.StatusOK); len(l.Users) != 3 || l.Users[0].Name != "anna" {
		t.Errorf("got %+v, want anna, bob and carl", l.Users)
	}
	if u := into[auth.User](s.ask("anna", "PATCH", "/api/v1/users/bob", `{"disabled":true}`), http.StatusOK); !u.Disabled || u.Role != auth.Viewer {
		t.Errorf("got %+v, want bob disabled", u)
	}
	if u := into[auth.User](s.ask("anna", "PATCH", "/api/v1/users/bob", `{"role":"analyst"}`), http.StatusOK); !u.Disabled || u.Role != auth.Analyst {
		t.Errorf("got %+v, want an analyst", u)
	}
	for _, row := range []struct {
		name, method, target, body string
		status                     int
		code, field                string
	}{
		{"a name that is taken", "POST", "/api/v1/users", `{"name":"bob","role":"viewer"}`, 409, "exists", ""},
		{"a name that is none", "POST", "/api/v1/users", `{"name":"Bob Smith","role":"viewer"}`, 400, "bad_value", "name"},
		{"a role that there is not", "POST", "/api/v1/users", `{"name":"eve","role":"root"}`, 400, "bad_value", "role"},
		{"no role", "POST", "/api/v1/users", `{"name":"eve"}`, 400, "missing_field", "role"},
		{"a short password", "POST", "/api/v1/users", `{"name":"eve","role":"viewer","password":"x"}`, 400, "bad_value", "password"},
		{"no change", "PATCH", "/api/v1/users/bob", `{}`, 400, "bad_value", ""},
		{"two changes", "PATCH", "/api/v1/users/bob", `{"role":"viewer","disabled":false}`, 400, "bad_value", ""},
		{"a text for a boolean", "PATCH", "/api/v1/users/bob", `{"disabled":"true"}`, 400, "bad_value", "disabled"},
		{"the last admin, to be a viewer", "PATCH", "/api/v1/users/anna", `{"role":"viewer"}`, 409, "last_admin", ""},
		{"the last admin, to be removed", "DELETE", "/api/v1/users/anna", "", 409, "last_admin", ""},
		{"nobody", "DELETE", "/api/v1/users/nobody", "", 404, "not_found", ""},
		{"nobody's password", "POST", "/api/v1/users/nobody/password", "{}", 404, "not_found", ""},
		{"a name of other bytes", "GET", "/api/v1/users/%00%ff", "", 400, "bad_parameter", "name"},
		{"sessions of nobody", "DELETE", "/api/v1/users/nobody/sessions", "", 404, "not_found", ""},
		{"no key", "DELETE", "/api/v1/keys/key_x", "", 404, "not_found", ""},
		{"a key for nothing", "POST", "/api/v1/keys", `{"name":"k","scopes":[]}`, 400, "bad_value", "scopes"},
		{"a scope of nothing", "POST", "/api/v1/keys", `{"name":"k","scopes":[null]}`, 400, "bad_value", "scopes"},
		{"a scope in no list", "POST", "/api/v1/keys", `{"name":"k","scopes":"read"}`, 400, "bad_value", "scopes"},
		{"a key that has expired", "POST", "/api/v1/keys", `{"name":"k","scopes":["read"],"expires_at":"2025-01-01T00:00:00Z"}`, 400, "bad_value", "expires_at"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.t = t
			if e := s.ask("anna", row.method, row.target, row.body).refused(row.status, row.code); e.Field != row.field {
				t.Errorf("got field %q, want %q: %s", e.Field, row.field, e.Message)
			}
		})
	}
	s.t = t
	if a := s.ask("carl", "DELETE", "/api/v1/users/carl/sessions", ""); a.Code != http.StatusNoContent {
		t.Errorf("got status %d for one's own sessions, want 204", a.Code)
	}
	delete(s.cookies, "carl")
	s.ask("carl", "DELETE", "/api/v1/users/anna/sessions", "").refused(http.StatusForbidden, "forbidden")
}

func TestKeysAreUsed(t *testing.T) {
	s := open(t, Limits{})
	key := into[NewKeyAnswer](s.ask("anna", "POST", "/api/v1/keys", `{"name":"dash","scopes":["read"],"expires_at":"2026-02-01T00:00:00Z"}`), http.StatusCreated)
	for _, header := range []string{"ApiKey " + key.Encoded, "Bearer " + key.Encoded, basic(key.Key.ID, key.Secret)} {
		if a := s.ask("", "GET", "/api/v1/findings", "", "Authorization", header); a.Code != http.StatusOK {
			t.Errorf("got status %d, want 200", a.Code)
		}
		s.ask("", "GET", "/api/v1/users", "", "Authorization", header).refused(http.StatusForbidden, "forbidden")
	}
	me := into[Me](s.ask("", "GET", "/api/v1/me", "", "Authorization", "ApiKey "+key.Encoded), http.StatusOK)
	if diff := cmp.Diff(Me{Kind: "key", Name: "dash", KeyID: key.Key.ID, Scopes: []auth.Scope{auth.ScopeRead}, Permissions: []string{"self", "read"}}, me); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	list := s.ask("anna", "GET", "/api/v1/keys", "")
	if l := into[KeyList](list, http.StatusOK); len(l.Keys) != 1 || l.Keys[0].LastUsed.IsZero() || strings.Contains(list.text, key.Secret) {
		t.Errorf("got %s, want the key without its secret", list.text)
	}
}

func TestAuditIsPaged(t *testing.T) {
	s := open(t, Limits{})
	s.as("anna") // writes an entry
	var actions []string
	for next := ""; ; {
		l := into[Trail](s.ask("anna", "GET", "/api/v1/audit?limit=2"+next, ""), http.StatusOK)
		for _, e := range l.Entries {
			actions = append(actions, e.User+" "+e.Action+" "+e.Subject)
		}
		if l.Next == nil {
			break
		}
		next = "&before=" + strconv.FormatInt(*l.Next, 10)
	}
	want := []string{"anna session.begin anna", "(program) user.create bob", "(program) user.create carl", "(program) user.create anna"}
	if diff := cmp.Diff(want, actions); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestServiceTellsOfItself(t *testing.T) {
	s := open(t, Limits{})
	if l := into[InputList](s.get("/api/v1/inputs"), http.StatusOK); len(l.Inputs) != 2 || l.Inputs[0].Counts["stored"] != 12 || l.Inputs[1].LastError == "" || l.Inputs[1].Counts == nil {
		t.Errorf("got %+v, want both inputs", l.Inputs)
	}
	c := into[Config](s.get("/api/v1/config"), http.StatusOK)
	told := map[string]string{}
	for _, one := range c.Settings {
		told[one.Key] = fmt.Sprint(one.Value, " by ", one.Origin, ", tunable ", one.Tunable, ", bounds ", one.Bounds != nil)
	}
	for key, want := range map[string]string{
		"serve.listen": "127.0.0.1:1 by --set, tunable false, bounds false", "beacon.max_jitter": "0 by default, tunable true, bounds true",
	} {
		if told[key] != want {
			t.Errorf("%s: got %q, want %q", key, told[key], want)
		}
	}
	if len(c.Weights) < 50 || c.Weights[0].Bounds.Max == nil {
		t.Errorf("got %+v, want the points of all levels", c.Weights)
	}
	v := into[Version](s.get("/api/v1/version"), http.StatusOK)
	if v.Product != "fresnel" || v.Version != "1.2.3" || !v.Now.Equal(s.now) || v.Store.Events != int64(len(calls())) || v.Store.Oldest == nil {
		t.Errorf("got %+v, want what runs here", v)
	}
	s.inputs = nil
	if l := into[InputList](s.get("/api/v1/inputs"), http.StatusOK); l.Inputs == nil {
		t.Error("got null, want an empty list")
	}
}
