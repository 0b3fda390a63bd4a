package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"fresnel/internal/schedule"
	"fresnel/internal/testkit"
)

// TestDocs runs every example of docs/api.md.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Limits{})
	variables := map[string]string{"URL": "http://fresnel.test", "PASSWORD": password}
	cookies := map[string]string{} // by file
	asked := map[string]bool{}
	n := 0
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(page), -1) {
		for command := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", " ")) {
			n++
			r, jar := curl(t, command, variables, cookies)
			w := httptest.NewRecorder()
			s.api.ServeHTTP(w, r)
			if w.Code >= 300 {
				t.Errorf("%s: got status %d: %s", command, w.Code, w.Body)
			}
			if err := conforms(s.api, r, w); err != nil {
				t.Errorf("%s: %v", command, err)
			}
			_, path := s.api.mux.Handler(r)
			asked[path] = true
			for _, c := range w.Result().Cookies() {
				cookies[jar] = c.Name + "=" + c.Value
			}
			var answer struct {
				Encoded  string
				Findings []json.RawMessage
			}
			if json.Unmarshal(w.Body.Bytes(), &answer) == nil {
				if answer.Encoded != "" {
					variables["KEY"] = answer.Encoded
				}
				for _, f := range answer.Findings {
					if id := namedOf(t, f).Fresnel.ID; id == ranked() { // whose events are there
						variables["ID"] = id
					}
				}
			}
		}
	}
	if n != 33 {
		t.Errorf("got %d examples, want 33: the test no longer reads the page", n)
	}
	for _, path := range []string{"/api/v1/whatif", "/api/v1/findings/{id}/callbacks", "/api/v1/findings/{id}/pictures", "/api/v1/config/{key}", "/api/v1/cases", "/api/v1/fields/{name}/values"} {
		if !asked[path] {
			t.Errorf("%s was not asked for", path)
		}
	}
	l := DefaultLimits()
	if l.Findings != 500_000 || l.Heavy != 4 || l.Wait != 5*time.Second || schedule.MaxAnew != 5_000_000 || stripEvents != 5_000_000 {
		t.Error("the page tells of other bounds than there are")
	}
}

// curl returns the request that a command line sends, and the file that it keeps cookies in.
func curl(t *testing.T, command string, variables, cookies map[string]string) (r *http.Request, jar string) {
	t.Helper()
	args := words(t, command, variables)
	if args[0] != "curl" || args[1] != "--fail-with-body" {
		t.Fatalf("got %q, want curl --fail-with-body", command)
	}
	var target, method string
	var data []string
	get := false
	headers := http.Header{}
	for i := 2; i < len(args); i++ {
		value := func() string {
			i++
			return args[i]
		}
		switch a := args[i]; a {
		case "-G":
			get = true
		case "-X":
			method = value()
		case "-H":
			name, text, _ := strings.Cut(value(), ": ")
			headers.Set(name, text)
		case "-u":
			headers.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(value())))
		case "-c":
			jar = value()
		case "-b":
			headers.Set("Cookie", cookies[value()])
		case "-d":
			data = append(data, value())
		case "--data-urlencode":
			name, text, _ := strings.Cut(value(), "=")
			data = append(data, name+"="+url.QueryEscape(text))
		default:
			if strings.HasPrefix(a, "-") || target != "" {
				t.Fatalf("%s: got %q, want what this test knows of curl", command, a)
			}
			target = a
		}
	}
	body := strings.Join(data, "&")
	switch {
	case get:
		target, body = target+"?"+body, ""
	case method == "" && body != "":
		method = http.MethodPost
	}
	if method == "" {
		method = http.MethodGet
	}
	r = httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header = headers
	return r, jar
}

// words splits a command line as a shell does.
func words(t *testing.T, line string, variables map[string]string) (all []string) {
	t.Helper()
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c != '\'':
			word.WriteByte(c)
		case quote == 0 && (c == ' ' || c == '\n'):
			if inWord {
				all = append(all, word.String())
				word.Reset()
				inWord = false
			}
		case c == '\\':
			i++
			word.WriteByte(line[i])
		case c == '$':
			name := regexp.MustCompile(`^[A-Z]+`).FindString(line[i+1:])
			if variables[name] == "" {
				t.Fatalf("%s: got $%s, which no answer before it has given", line, name)
			}
			word.WriteString(variables[name])
			i += len(name)
			inWord = true
		case c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inWord = c, true
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		all = append(all, word.String())
	}
	return all
}
