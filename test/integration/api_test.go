//go:build integration

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// simulatedDay writes the events of scenarios/small.yaml, so long and up to now, and returns the
// file.
func simulatedDay(t *testing.T, dir string, length time.Duration) string {
	t.Helper()
	scenario, err := os.ReadFile(path(t, "scenarios", "small.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const six = "\nlength: 6h\n"
	if !bytes.Contains(scenario, []byte(six)) {
		t.Fatalf("small.yaml: got no %q", six)
	}
	scenario = bytes.Replace(scenario, []byte(six), fmt.Appendf(nil, "\nlength: %s\n", length), 1)
	file := filepath.Join(dir, "scenario.yaml")
	if err := os.WriteFile(file, scenario, 0o600); err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Add(-length).UTC().Format("2006-01-02T15:04:05Z")
	run(t, dir, path(t, "build", "fresnel"), "simulate", "--quiet", "--scenario", file, "--seed", "3", "--start", begin, "--out", "simulated")
	return filepath.Join(dir, "simulated", "events.ndjson")
}

// bulkOf makes a bulk request of lines.
func bulkOf(lines []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(lines) {
		b.WriteString("{\"create\":{}}\n")
		b.Write(line)
	}
	return b.Bytes()
}

// sendLines sends lines to an index, which must take all of them.
func (s *service) sendLines(t *testing.T, index string, lines []byte) {
	t.Helper()
	resp, err := http.Post(s.bulk+"/"+index+"/_bulk?filter_path=errors", "application/x-ndjson", bytes.NewReader(bulkOf(lines)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != `{"errors":false}` {
		t.Fatalf("got %s, %v, want no errors", text, err)
	}
}

// conformance is what schemathesis reports.
type conformance struct {
	ExitCode   int `json:"exit_code"`
	Operations struct{ Selected, Tested, Errored int }
	TestCases  struct{ Generated int } `json:"test_cases"`
	Failures   []json.RawMessage
	Errors     []json.RawMessage
	Rates      map[string]map[string]struct{ Accepted int } `json:"valid_rates"`
}

// accepted returns how many requests of an operation were answered by what it is for.
func (c *conformance) accepted(operation string) (n int) {
	for _, phase := range c.Rates[operation] {
		n += phase.Accepted
	}
	return n
}

// schemathesis runs it over the document of the API.
func schemathesis(t *testing.T, s *service, config string, args ...string) (c conformance) {
	t.Helper()
	dir := t.TempDir()
	file, report := filepath.Join(dir, "schemathesis.toml"), filepath.Join(dir, "report.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, installed(t, "venv", "bin", "schemathesis"), append([]string{
		"--no-color", "--config-file", file, "run", s.api + "/api/openapi.json", "--report", "json", "--report-json-path", report,
	}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	text, unread := os.ReadFile(report)
	if unread != nil {
		t.Fatalf("%v, %v\n%s", err, unread, out)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if err != nil || len(c.Failures) > 0 || len(c.Errors) > 0 {
		long := regexp.MustCompile(`(0{50,}|(%[0-9A-F]{2}){30,})`) // of values at their bounds
		t.Errorf("%v\n%s", err, long.ReplaceAll(out, []byte("...")))
	}
	if c.Operations.Tested == 0 || c.Operations.Tested != c.Operations.Selected {
		t.Errorf("got %d of %d operations tested, want all", c.Operations.Tested, c.Operations.Selected)
	}
	t.Logf("%d operations, %d requests", c.Operations.Tested, c.TestCases.Generated)
	return c
}

// What is not asked of the API: to take all values that have the shape of a right one (a page
// of another request, a time to come that is past), which no schema can say; and to answer
// wrong passwords by nothing but 401, as there is a bound on them (TestAPIAsksWhoItIs does).
const schemathesisConfig = `
seed = 1
workers = 1
continue-on-failure = true
hooks = %q
warnings = false

[generation]
deterministic = true
with-security-parameters = false
max-examples = %d

[checks.positive_data_acceptance]
enabled = false

[checks.ignored_auth]
enabled = false

[dictionaries.finding]
values = [%q]

[[operations]]
include-path-regex = "/findings/\\{id\\}"
parameters = { "path.id" = { dictionary = "finding", probability = 0.8 } }
`

// TestAPIConforms has schemathesis call the API as its document says it can be, and hold the
// answers to the document, over a store that has events and findings.
func TestAPIConforms(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, filepath.Join(dir, "data"))
	admin := s.login(t)
	lines, err := os.ReadFile(simulatedDay(t, dir, 6*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s.sendLines(t, "simulated", lines)
	admin.call(t, http.MethodPost, "/runs", map[string]string{"end": time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)}, nil)
	var list struct {
		Findings []struct{ Fresnel struct{ ID string } }
	}
	admin.call(t, http.MethodGet, "/findings?limit=1", nil, &list)
	if len(list.Findings) == 0 {
		t.Fatal("got no findings, want some for the API to tell of")
	}
	config := func(examples int) string {
		return fmt.Sprintf(schemathesisConfig, path(t, "test", "integration", "clients", "api_hooks.py"), examples, list.Findings[0].Fresnel.ID)
	}

	t.Run("as an admin", func(t *testing.T) {
		home, err := url.Parse(s.api)
		if err != nil {
			t.Fatal(err)
		}
		session := admin.Jar.Cookies(home)[0]
		args := []string{"-H", "Cookie: " + session.String()}
		for _, ends := range ownSession {
			args = append(args, "--exclude-operation-id", ends)
		}
		c := schemathesis(t, s, config(25), args...)
		for _, operation := range []string{
			"GET /api/v1/findings", "GET /api/v1/findings.ndjson", "GET /api/v1/findings/{id}", "GET /api/v1/findings/{id}/series", "GET /api/v1/findings/{id}/destinations",
			"GET /api/v1/findings/{id}/events", "GET /api/v1/findings/{id}/history", "GET /api/v1/findings/{id}/report", "GET /api/v1/overview", "POST /api/v1/runs", "POST /api/v1/keys", "POST /api/v1/users",
		} {
			if c.accepted(operation) == 0 {
				t.Errorf("%s: got no answer but errors, want some that can be held to the document", operation)
			}
		}
		admin.call(t, http.MethodGet, "/me", nil, nil) // that it is still who it was
	})
	t.Run("what ends a session", func(t *testing.T) {
		admin.call(t, http.MethodPost, "/users", map[string]string{"name": "second", "role": "analyst", "password": "another password"}, nil)
		args := []string{"--auth", "second:another password", "--phases", "coverage,fuzzing"}
		for _, ends := range ownSession {
			args = append(args, "--include-operation-id", ends)
		}
		schemathesis(t, s, config(10), args...)
	})
	t.Run("with an API key", func(t *testing.T) {
		schemathesis(t, s, config(10), "-H", "Authorization: ApiKey "+admin.key(t, "read", "write").Encoded, "--exclude-operation-id", "login")
	})
	if strings.Contains(s.stderr.String(), "panic") {
		t.Error("the service panicked")
	}
}

// ownSession are the operations that end the session of whoever calls them.
var ownSession = []string{"login", "logout", "changePassword", "endSessions"}

// TestAPIAsksWhoItIs calls every operation that needs to know who calls as nobody, as somebody
// with a wrong key, and with the key of a shipper.
func TestAPIAsksWhoItIs(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "data"))
	shipper := s.login(t).key(t, "ingest")
	resp, err := http.Get(s.api + "/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Security    []map[string][]string
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{"login": true, "logout": true, "getOpenAPI": true, "getHealth": true, "getReadiness": true}
	self := []string{"getMe", "changePassword", "endSessions"} // a shipper is somebody
	parameter := regexp.MustCompile(`\{\w+\}`)
	for place, methods := range document.Paths {
		for method, o := range methods {
			if len(o.Security) == 0 {
				if !open[o.OperationID] {
					t.Errorf("%s: got it open to everybody", o.OperationID)
				}
				continue
			}
			wants := []struct {
				authorization string
				status        int
				code          string
			}{
				{"", http.StatusUnauthorized, "no_credentials"},
				{"ApiKey a2V5X25vYm9keTpub3RoaW5n", http.StatusUnauthorized, "wrong_credentials"},
				{"ApiKey " + shipper.Encoded, http.StatusForbidden, "forbidden"},
			}
			if slices.Contains(self, o.OperationID) {
				wants = wants[:2]
			}
			for _, want := range wants {
				req, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(method), s.api+parameter.ReplaceAllString(place, "2026-01-01T00:00:00Z"), strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/json")
				if want.authorization != "" {
					req.Header.Set("Authorization", want.authorization)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				var answer struct{ Error struct{ Code string } }
				err = json.NewDecoder(resp.Body).Decode(&answer)
				resp.Body.Close()
				if err != nil || resp.StatusCode != want.status || answer.Error.Code != want.code {
					t.Errorf("%s %s with %q: got %s, %q, %v, want %d, %q", method, place, want.authorization, resp.Status, answer.Error.Code, err, want.status, want.code)
				}
			}
		}
	}
}
