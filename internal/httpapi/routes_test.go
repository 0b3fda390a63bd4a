package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"fresnel/internal/auth"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
)

// ranked is the id of findingtest.Ranked in the last run.
func ranked() string { return finding.ID(findingtest.Ranked()) }

// joint is what stands before one more parameter of a target.
func joint(target string) string {
	if strings.Contains(target, "?") {
		return "&"
	}
	return "?"
}

// TestEveryRoute asks for every operation once as who may, and once as who may not, and holds
// the answers to the document.
func TestEveryRoute(t *testing.T) {
	s := open(t, Limits{})
	asked := map[string]bool{}
	key := into[NewKeyAnswer](s.ask("anna", "POST", "/api/v1/keys", `{"name":"k","scopes":["read"]}`), http.StatusCreated)
	for _, row := range []struct {
		operation, target, body string
		status                  int
	}{
		{"listFindings", "/api/v1/findings", "", 200},
		{"exportFindings", "/api/v1/findings.ndjson", "", 200},
		{"getFinding", "/api/v1/findings/" + ranked(), "", 200},
		{"getFindingPictures", "/api/v1/findings/" + ranked() + "/pictures?tz=Europe/Berlin", "", 200},
		{"getFindingSeries", "/api/v1/findings/" + ranked() + "/series", "", 200},
		{"getFindingDestinations", "/api/v1/findings/" + ranked() + "/destinations", "", 200},
		{"getFindingEvents", "/api/v1/findings/" + ranked() + "/events", "", 200},
		{"getFindingCallbacks", "/api/v1/findings/" + ranked() + "/callbacks", "", 200},
		{"getFindingHistory", "/api/v1/findings/" + ranked() + "/history", "", 200},
		{"getFindingReport", "/api/v1/findings/" + ranked() + "/report", "", 200},
		{"listCases", "/api/v1/cases", "", 200},
		{"getCase", "/api/v1/cases/" + findingtest.Ranked().Row.Case, "", 200},
		{"getOverview", "/api/v1/overview", "", 200},
		{"listHosts", "/api/v1/hosts", "", 200},
		{"listProcesses", "/api/v1/processes", "", 200},
		{"listRuns", "/api/v1/runs", "", 200},
		{"getRun", "/api/v1/runs/2026-01-01T06:00:00Z", "", 200},
		{"makeRun", "/api/v1/runs", `{"end":"2026-01-01T06:00:00Z"}`, 201},
		{"getMe", "/api/v1/me", "", 200},
		{"listUsers", "/api/v1/users", "", 200},
		{"createUser", "/api/v1/users", `{"name":"dora","role":"viewer"}`, 201},
		{"getUser", "/api/v1/users/dora", "", 200},
		{"changeUser", "/api/v1/users/dora", `{"role":"analyst"}`, 200},
		{"resetPassword", "/api/v1/users/dora/password", `{}`, 200},
		{"endSessions", "/api/v1/users/dora/sessions", "", 204},
		{"removeUser", "/api/v1/users/dora", "", 204},
		{"listKeys", "/api/v1/keys", "", 200},
		{"createKey", "/api/v1/keys", `{"name":"a shipper","scopes":["ingest"],"expires_at":"2027-01-01T00:00:00Z"}`, 201},
		{"revokeKey", "/api/v1/keys/" + key.Key.ID, "", 204},
		{"getAudit", "/api/v1/audit", "", 200},
		{"listInputs", "/api/v1/inputs", "", 200},
		{"getConfig", "/api/v1/config", "", 200},
		{"saveConfig", "/api/v1/config", `{"set":{"beacon.max_jitter":"0.2"}}`, 200},
		{"tryConfig", "/api/v1/whatif", `{"end":"2026-01-01T06:00:00Z","set":{"beacon.max_jitter":"0.3"}}`, 200},
		{"forgetConfig", "/api/v1/config/beacon.max_jitter", "", 200},
		{"getFilter", "/api/v1/filter", "", 200},
		{"previewFilter", "/api/v1/filter/preview", `{"end":"2026-01-01T06:00:00Z","set":{"filter.enabled":"true"}}`, 200},
		{"getVersion", "/api/v1/version", "", 200},
		{"listFields", "/api/v1/fields", "", 200},
		{"listFieldValues", "/api/v1/fields/process.name/values", "", 200},
		{"getOpenAPI", "/api/openapi.json", "", 200},
		{"getHealth", "/healthz", "", 200},
		{"getReadiness", "/readyz", "", 200},
		{"changePassword", "/api/v1/me/password", `{"old":"` + password + `","password":"staple staple staple"}`, 204},
		{"login", "/api/v1/login", `{"name":"carl","password":"` + password + `"}`, 200},
		{"logout", "/api/v1/logout", "", 204},
	} {
		t.Run(row.operation, func(t *testing.T) {
			var r *route
			for _, one := range s.api.routes() {
				if one.id == row.operation {
					r = &one
				}
			}
			if r == nil {
				t.Fatal("there is no such operation")
			}
			s.t = t
			asked[row.operation] = true
			if r.want != 0 {
				s.ask("", r.method, row.target, row.body).refused(http.StatusUnauthorized, "no_credentials")
				for _, user := range []auth.NewUser{{Name: "bob", Role: auth.Viewer}, {Name: "carl", Role: auth.Analyst}} {
					p := &auth.Principal{Kind: auth.KindUser, Role: user.Role}
					if !p.Can(r.want) {
						s.ask(user.Name, r.method, row.target, row.body).refused(http.StatusForbidden, "forbidden")
					}
				}
			}
			a := s.ask("anna", r.method, row.target, row.body)
			if a.Code != row.status {
				t.Errorf("got status %d, want %d: %s", a.Code, row.status, a.text)
			}
			if row.operation != "getOpenAPI" && a.Code != http.StatusNoContent && a.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("got Cache-Control %q, want no-store", a.Header().Get("Cache-Control"))
			}
			if r.method == http.MethodGet && row.status == http.StatusOK {
				if h := s.ask("anna", http.MethodHead, row.target, ""); h.Code != http.StatusOK {
					t.Errorf("got status %d for HEAD, want 200", h.Code)
				}
			}
			s.ask("anna", r.method, row.target+joint(row.target)+"surely_unknown=1", row.body).refused(http.StatusBadRequest, "unknown_parameter")
			for _, method := range []string{"OPTIONS", "TRACE", "PUT"} {
				if method == "PUT" && strings.HasSuffix(row.operation, "Config") { // which has it at this path
					continue
				}
				if b := s.ask("anna", method, row.target, ""); b.Code != http.StatusMethodNotAllowed || !strings.Contains(b.Header().Get("Allow"), r.method) {
					t.Errorf("%s: got status %d and Allow %q, want 405 and %s", method, b.Code, b.Header().Get("Allow"), r.method)
				}
			}
			if r.op.body != nil {
				for body, code := range map[string]string{"": "bad_json", "{": "bad_json", "[]": "bad_json", "null": "bad_json", `{"surely_unknown":1}`: "unknown_field", "{}{}": "bad_json", "\xff{}": "bad_json"} {
					s.ask("anna", r.method, row.target, body, "Content-Type", "application/json").refused(http.StatusBadRequest, code)
				}
				s.ask("anna", r.method, row.target, row.body, "Content-Type", "text/plain").refused(http.StatusUnsupportedMediaType, "unsupported_media_type")
				s.ask("anna", r.method, row.target, row.body, "Content-Type", "application/json; charset=latin1").refused(http.StatusUnsupportedMediaType, "unsupported_media_type")
				s.ask("anna", r.method, row.target, row.body, "Content-Encoding", "gzip").refused(http.StatusUnsupportedMediaType, "unsupported_media_type")
				s.ask("anna", r.method, row.target, strings.Repeat(" ", 1<<20+1)).refused(http.StatusRequestEntityTooLarge, "too_large")
			}
		})
	}
	for _, r := range s.api.routes() {
		if !asked[r.id] {
			t.Errorf("%s was not asked for", r.id)
		}
	}
}
