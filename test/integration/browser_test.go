//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What page.mjs tells of a page.
type told struct {
	Console, Requests, Dialogs []string
	Widths                     []struct {
		Width, ScrollWidth int
		Title, Text        string
		Images, Scripts    int
		Pictures           []struct {
			Width, Height float64
			Strokes       int // of its paths
			Words         int // pieces of text
		}
	}
}

func open(t *testing.T, page string, widths ...string) (seen told) {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v (make test-integration installs it)", err)
	}
	t.Setenv("CHROMIUM", chromium)
	// The script lies beside the modules that it imports.
	script, err := os.ReadFile(path(t, "test", "integration", "page.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(filepath.Dir(installed(t, "node_modules")), "page.mjs")
	if err := os.WriteFile(copied, script, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(run(t, t.TempDir(), "node", append([]string{copied, page}, widths...)...), &seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

const hostile = `<img src=x onerror="alert(1)"><script>alert(2)</script>.exe`

// hostileEvents writes a beacon of a process with a hostile name.
func hostileEvents(t *testing.T, file string) {
	t.Helper()
	name, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i := range 72 {
		at := time.Date(2026, 3, 3, 12, 5*i, 30, 0, time.UTC).Format(time.RFC3339)
		fmt.Fprintf(&text, `{"@timestamp":%q,"host":{"name":"ws-09"},"process":{"name":%s},"source":{"ip":"10.20.1.99","bytes":700},`+
			`"destination":{"ip":"28.9.9.9","bytes":1100},"event":{"category":"network","action":"disconnect_received"}}`+"\n", at, name)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReportInABrowser(t *testing.T) {
	for detector, pictures := range map[string]int{
		"reference": 5 * 6, // of the sample and the hostile one; timeline, intervals, bytes twice, counts, autocovariance
		"fresnel":   6 * 7, // and the period over time; one more is found
	} {
		t.Run(detector, func(t *testing.T) { reportInABrowser(t, detector, pictures) })
	}
}

func reportInABrowser(t *testing.T, detector string, pictures int) {
	dir := t.TempDir()
	events, page := filepath.Join(dir, "hostile.ndjson"), filepath.Join(dir, "page.html")
	hostileEvents(t, events)
	run(t, dir, path(t, "build", "fresnel"), "scan", "-q", "--detector", detector, "--report", page, path(t, "testdata", "sample"), events)
	seen := open(t, page, "1280", "400")

	if len(seen.Console) > 0 {
		t.Errorf("got %q on the console, want nothing", seen.Console)
	}
	if len(seen.Dialogs) > 0 {
		t.Errorf("got dialogs %q: what a log said was run", seen.Dialogs)
	}
	for _, url := range seen.Requests {
		if !strings.HasPrefix(url, "file:") || !strings.HasSuffix(url, "/page.html") {
			t.Errorf("got a request for %s, want none but for the page", url)
		}
	}
	if len(seen.Requests) != 2 {
		t.Errorf("got %d requests, want one for each width", len(seen.Requests))
	}
	for _, w := range seen.Widths {
		if w.ScrollWidth > w.Width {
			t.Errorf("at %d pixels the page is %d wide, want no scrolling to the side", w.Width, w.ScrollWidth)
		}
		if w.Images != 0 || w.Scripts != 0 {
			t.Errorf("at %d pixels: got %d images and %d scripts, want none", w.Width, w.Images, w.Scripts)
		}
		for _, want := range []string{hostile, "spoolhost.exe", "OfficeSync.exe", "10.20.9.31", "28.186.80.191"} {
			if !strings.Contains(w.Text, want) {
				t.Errorf("at %d pixels: the page does not show %q", w.Width, want)
			}
		}
		if len(w.Pictures) != pictures {
			t.Errorf("at %d pixels: got %d pictures, want %d", w.Width, len(w.Pictures), pictures)
		}
		for i, p := range w.Pictures {
			if p.Width < 250 || p.Height < 100 || p.Strokes < 10 || p.Words < 5 {
				t.Errorf("at %d pixels: picture %d: got %.0f x %.0f with %d strokes and %d words, want one to look at", w.Width, i+1, p.Width, p.Height, p.Strokes, p.Words)
			}
		}
	}
}
