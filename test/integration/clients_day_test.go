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
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// found returns the documents of the run that ends at a time, as the service has them.
func (c *client) found(t *testing.T, end time.Time) string {
	t.Helper()
	at := end.UTC().Format(time.RFC3339)
	query := url.Values{"view": {"all"}, "from": {at}, "to": {at}}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, c.base+"/findings.ndjson?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %s, %v\n%s", resp.Status, err, text)
	}
	return string(text)
}

// ran waits until the service has made the run that ends at a time by itself, and all before it.
func (c *client) ran(t *testing.T, end time.Time) {
	t.Helper()
	var list struct{ Runs []struct{ End time.Time } }
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		c.call(t, http.MethodGet, "/runs?limit=1", nil, &list)
		if len(list.Runs) == 1 && !list.Runs[0].End.Before(end) {
			return
		}
	}
	t.Fatalf("got the runs %v after a minute, want one that ends at %v", list.Runs, end)
}

// runAt has the service make a run.
func (c *client) runAt(t *testing.T, end time.Time) {
	t.Helper()
	c.call(t, http.MethodPost, "/runs", map[string]string{"end": end.UTC().Format(time.RFC3339)}, nil)
}

// followed are the arguments for a service that follows a file.
func followed(file string) []string {
	return []string{"--set", fmt.Sprintf("inputs.tail={day: {paths: [%q]}}", file)}
}

// TestClientsDay puts a simulated day into the service, by each way in and by both, and holds
// what its runs find to what a scan of the same events finds, line for line. Exported and
// imported, the events give the same again.
func TestClientsDay(t *testing.T) {
	dir := t.TempDir()
	file := simulatedDay(t, dir, 24*time.Hour)
	lines, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	last := time.Now().Add(-2 * time.Minute).UTC().Truncate(time.Hour) // of the schedule, with its delay
	scans := map[time.Time]string{}
	scanned := func(t *testing.T, end time.Time) string {
		t.Helper()
		if scans[end] == "" {
			scans[end] = string(run(t, dir, path(t, "build", "fresnel"), "scan", "-q", "--end", end.Format(time.RFC3339), "-o", "ndjson", file))
			if n := bytes.Count([]byte(scans[end]), []byte("\n")); n < 5 {
				t.Fatalf("got %d documents of the scan that ends at %v, want some to compare", n, end)
			}
		}
		return scans[end]
	}
	check := func(t *testing.T, c *client, end time.Time) {
		t.Helper()
		if d := cmp.Diff(scanned(t, end), c.found(t, end)); d != "" {
			t.Errorf("the run that ends at %v differs from a scan (-scan +run):\n%s", end, d)
		}
	}

	t.Run("files", func(t *testing.T) {
		s := serve(t, filepath.Join(t.TempDir(), "data"), followed(file)...)
		c := s.login(t)
		c.ran(t, last) // after all that it had missed
		for _, back := range []time.Duration{0, 5 * time.Hour, 15 * time.Hour} {
			check(t, c, last.Add(-back))
		}
		if got, want := s.events(t), int64(bytes.Count(lines, []byte("\n"))); got != want {
			t.Errorf("got %d events, want the %d of the file", got, want)
		}
	})

	t.Run("bulk and files", func(t *testing.T) {
		// Each host by one way alone, which is how it is; and both at the same time.
		var sent, written []byte
		for line := range bytes.Lines(lines) {
			var e struct{ Host struct{ Name string } }
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			if e.Host.Name[len(e.Host.Name)-1]%2 == 0 {
				sent = append(sent, line...)
			} else {
				written = append(written, line...)
			}
		}
		if len(sent) == 0 || len(written) == 0 {
			t.Fatalf("got %d bytes to send and %d to write, want some of both", len(sent), len(written))
		}
		half := filepath.Join(t.TempDir(), "half.ndjson")
		if err := os.WriteFile(half, written, 0o600); err != nil {
			t.Fatal(err)
		}
		s := serve(t, filepath.Join(t.TempDir(), "data"), followed(half)...)
		s.sendLines(t, "day", sent)
		s.await(t, int64(bytes.Count(lines, []byte("\n"))))
		c := s.login(t)
		c.runAt(t, last)
		check(t, c, last)
	})

	t.Run("bulk, and once more from an export", func(t *testing.T) {
		s := serve(t, filepath.Join(t.TempDir(), "data"))
		s.sendLines(t, "day", lines)
		c := s.login(t)
		c.runAt(t, last)
		check(t, c, last)
		s.stop(t)
		checkStored(t, s.data, map[string]string{"day": file})

		exported, data := filepath.Join(t.TempDir(), "export"), filepath.Join(t.TempDir(), "data")
		run(t, dir, path(t, "build", "fresnel"), "export", "--data", s.data, exported)
		run(t, dir, path(t, "build", "fresnel"), "import", "--data", data, exported)
		checkStored(t, data, map[string]string{"day": file})
		s = serve(t, data)
		c = s.login(t)
		c.ran(t, last) // by itself: all events were there at the start
		check(t, c, last)
	})
}
