package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func ask(t *testing.T, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler(next).ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	page := ask(t, "GET", "/").Body.String()
	script := regexp.MustCompile(`/assets/[^"]+\.js`).FindString(page)
	styles := regexp.MustCompile(`/assets/[^"]+\.css`).FindString(page)
	if script == "" || styles == "" {
		t.Fatalf("got a page without a script or styles of its own: %s", page)
	}
	const kept, asked = "public, max-age=31536000, immutable", "no-cache"
	for _, c := range []struct {
		name, method, path string
		status             int
		kind, cache        string
	}{
		{"the first page", "GET", "/", 200, "text/html; charset=utf-8", asked},
		{"a page of the dashboards", "GET", "/hosts?q=x", 200, "text/html; charset=utf-8", asked},
		{"a page below another", "GET", "/findings/" + strings.Repeat("0", 64), 200, "text/html; charset=utf-8", asked},
		{"its head alone", "HEAD", "/hosts", 200, "text/html; charset=utf-8", asked},
		{"a script", "GET", script, 200, "text/javascript; charset=utf-8", kept},
		{"styles", "GET", styles, 200, "text/css; charset=utf-8", kept},
		{"the icon", "GET", "/favicon.svg", 200, "image/svg+xml", asked},
		{"a script of another version", "GET", "/assets/index-0.js", 404, "text/plain; charset=utf-8", ""},
		{"a file that there is not", "GET", "/robots.txt", 404, "text/plain; charset=utf-8", ""},
		{"no file outside", "GET", "/../embed.go", 404, "text/plain; charset=utf-8", ""},
		{"another method", "POST", "/", 405, "text/plain; charset=utf-8", ""},
		{"the API", "GET", "/api/v1/me", http.StatusTeapot, "", ""},
		{"the API without a slash", "GET", "/api", http.StatusTeapot, "", ""},
		{"what changes something", "POST", "/api/v1/login", http.StatusTeapot, "", ""},
		{"a probe", "GET", "/healthz", http.StatusTeapot, "", ""},
		{"another probe", "GET", "/readyz", http.StatusTeapot, "", ""},
		{"metrics", "GET", "/metrics", http.StatusTeapot, "", ""},
		{"a page whose name begins like the API", "GET", "/apis", 200, "text/html; charset=utf-8", asked},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := ask(t, c.method, c.path)
			if r.Code != c.status || r.Header().Get("Content-Type") != c.kind || r.Header().Get("Cache-Control") != c.cache {
				t.Errorf("got %d, %q, %q, want %d, %q, %q", r.Code, r.Header().Get("Content-Type"), r.Header().Get("Cache-Control"), c.status, c.kind, c.cache)
			}
		})
	}
}

func TestHandlerTellsWhatABrowserHas(t *testing.T) {
	etag := ask(t, "GET", "/").Header().Get("ETag")
	if r := ask(t, "GET", "/hosts", "If-None-Match", etag); r.Code != http.StatusNotModified {
		t.Errorf("got %d for the tag %s, want 304", r.Code, etag)
	}
	if r := ask(t, "GET", "/", "If-None-Match", `"other"`); r.Code != http.StatusOK {
		t.Errorf("got %d for another tag, want 200", r.Code)
	}
}

func TestHandlerCompressesForThoseWhoTakeIt(t *testing.T) {
	plain := ask(t, "GET", "/")
	want := plain.Body.String()
	for accepts, zipped := range map[string]bool{"gzip, deflate, br": true, "GZIP;q=0.5": true, "br, gzip; q=0": false, "gzip;q=0.000": false, "br": false, "": false} {
		t.Run(accepts, func(t *testing.T) {
			r := ask(t, "GET", "/", "Accept-Encoding", accepts)
			if got := r.Header().Get("Content-Encoding") == "gzip"; got != zipped {
				t.Fatalf("got %v, want %v", got, zipped)
			}
			if r.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("got Vary %q, want Accept-Encoding", r.Header().Get("Vary"))
			}
			if same := r.Header().Get("ETag") == plain.Header().Get("ETag"); same == zipped {
				t.Errorf("got the tag %s for both, want one for each", r.Header().Get("ETag"))
			}
			if !zipped {
				return
			}
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(z); err != nil || string(got) != want {
				t.Errorf("got %q, %v, want the page", got, err)
			}
		})
	}
}

// The policy of the server runs nothing that is written into a page, and lets nothing be
// fetched from elsewhere.
func TestPageKeepsThePolicy(t *testing.T) {
	page := ask(t, "GET", "/").Body.String()
	for _, bad := range []string{"<style", " style=", " onload=", "http://", "https://", "<script>"} {
		if strings.Contains(page, bad) {
			t.Errorf("got a page with %q, want none", bad)
		}
	}
}

func TestLoadRefusesABuildThatIsNone(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"no page":                   {"dist/favicon.svg": {Data: []byte("<svg/>")}},
		"a file of no known type":   {"dist/index.html": {}, "dist/x.unheardof": {}},
		"nothing that was embedded": {},
	} {
		t.Run(name, func(t *testing.T) {
			if files, err := load(files); err == nil {
				t.Errorf("got %d files, want an error", len(files))
			}
		})
	}
}
