//go:build integration && linux

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRobustFullDisk fills the disk of the service. What does not fit is refused, what was
// acknowledged stays, over a restart and a kill too, and it goes on when there is room again. The database
// never meets the end of the disk: DuckDB 1.5.6 has been seen to destroy its own memory when it did.
func TestRobustFullDisk(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		size, ballast int64 // MiB
	}{
		{"small", 64, 24},
		{"larger than a log", 192, 128}, // the log of a file is 64 MiB long at most; the export takes the room of the ballast
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fillDisk(t, tt.size, tt.ballast)
		})
	}
}

func fillDisk(t *testing.T, size, ballastSize int64) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%dm", size)); err != nil {
		t.Fatalf("no file system of a known size can be mounted here: %v (the tests of make test-integration need root)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, ballastSize<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := t.TempDir()
	config := settings(t, `
schedule: {every: 2s, delay: 0s, catch_up: 2s}
inputs: {tail: {growing: {paths: ["`+logs+`"]}}}
`)
	data := filepath.Join(disk, "data")
	s := serve(t, data, "--config", config)
	c := s.login(t)
	l := send(t,
		&sender{name: "ids", ids: true, most: 2000},
		&sender{name: "plain", most: 4000, gzip: true},
		&sender{name: "tiny", most: 2, rest: 5 * time.Millisecond},
	)
	l.set(s.bulk)

	w := &writer{dir: logs, host: "followed"}
	full := func(name string) {
		t.Helper()
		refusal := s.refusal(t)
		if refusal.status != http.StatusTooManyRequests || refusal.retryAfter == "" || !strings.Contains(refusal.body, "cluster_block_exception") {
			t.Errorf("%s: got %d, Retry-After %q and %s, want 429 with a cluster_block_exception", name, refusal.status, refusal.retryAfter, refusal.body)
		}
		for _, probe := range []string{"/healthz", "/readyz"} {
			resp, err := http.Get(s.api + probe)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK { // the API can be asked, which says what is wrong
				t.Errorf("%s: got %s of %s, want 200", name, resp.Status, probe)
			}
		}
		type input struct {
			Name, Health string
			LastError    string `json:"last_error"`
		}
		var inputs struct{ Inputs []input }
		// Requests of an event or two may still find room, and then the input is well for a moment.
		for range 20 {
			c.call(t, http.MethodGet, "/inputs", nil, &inputs)
			if !slices.ContainsFunc(inputs.Inputs, func(in input) bool { return in.Name == "bulk" && in.Health == "ok" }) {
				break
			}
			s.refusal(t)
		}
		for _, in := range inputs.Inputs {
			if in.Name == "growing" && w.lines > 0 && (in.Health != "failing" || !strings.Contains(in.LastError, "no room")) {
				t.Errorf("%s: got health %s of files that are followed and %q, want them failing for want of room", name, in.Health, in.LastError)
			}
			if in.Name == "bulk" && (in.Health != "failing" || !strings.Contains(in.LastError, "no room")) {
				t.Errorf("%s: got health %s of the input bulk and %q, want it failing for want of room", name, in.Health, in.LastError)
			}
		}
		want := l.acknowledged() // asked before: a few more may find room
		if stored := s.events(t); stored < want {
			t.Errorf("%s: got %d events, want the %d at least that were acknowledged", name, stored, want)
		}
	}
	l.untilRefused(t)
	full("full")

	// Requests of one event still find room where larger ones do not; in the end none does.
	before := l.acknowledged()
	time.Sleep(2 * time.Second)
	t.Logf("%d more events found room", l.acknowledged()-before)
	full("still full")

	l.set("")
	s.kill()
	var err error
	if s, err = start(t, data, "--config", config); err != nil {
		t.Fatalf("after a kill: %v", err)
	}
	c = s.login(t)
	l.set(s.bulk)
	l.untilRefused(t)
	full("after a kill")

	l.set("")
	if took := s.stop(t); took > drained {
		t.Errorf("took %v to end, want at most %v", took, drained)
	}
	if s, err = start(t, data, "--config", config); err != nil {
		t.Fatalf("after a restart: %v", err)
	}
	c = s.login(t)
	l.set(s.bulk)
	l.untilRefused(t)
	full("after a restart")

	w.write(t, 5000)
	time.Sleep(3 * time.Second)
	full("with a file that is followed")

	before = l.acknowledged()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	removed := time.Now()
	for l.acknowledged() < before+20_000 {
		if time.Since(removed) > 10*time.Second {
			t.Fatalf("got %d events acknowledged in 10 s with room, want 20000", l.acknowledged()-before)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("20000 events acknowledged %v after there was room", time.Since(removed).Round(time.Millisecond))
	l.halt()
	s.caughtUp(t, "growing")
	s.stop(t)
	for text, n := range problems(s.stderr.String()) {
		t.Logf("%d times in the log: %s", n, text)
		if strings.Contains(text, "opened again") {
			t.Errorf("got a database that met the end of the disk, want room left for what it must write")
		}
	}
	all := export(t, data)
	l.check(t, all)
	w.check(t, all)
}

// A refusal is the answer to events that are not taken.
type refusal struct {
	status     int
	retryAfter string
	body       string
}

// refusal sends events until they find no room: each time a log is written into its file there is a little again.
func (s *service) refusal(t *testing.T) (r refusal) {
	t.Helper()
	var body bytes.Buffer
	for i := range 5000 {
		body.WriteString("{\"create\":{}}\n")
		body.Write(appendEvent(body.AvailableBuffer(), "no-room", "x.exe", time.Now(), int64(i), i))
	}
	for range 100 {
		resp, err := http.Post(s.bulk+"/_bulk", "application/x-ndjson", bytes.NewReader(body.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(text) {
			t.Errorf("got %s, want JSON", text)
		}
		if r = (refusal{resp.StatusCode, resp.Header.Get("Retry-After"), string(text[:min(len(text), 500)])}); r.status != http.StatusOK {
			break
		}
	}
	return r
}

// untilRefused waits until a sender was refused five times in a row.
func (l *load) untilRefused(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		for _, s := range l.senders {
			if s.refusals.Load() >= 5 {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %d events acknowledged and no refusal, want the disk full", l.acknowledged())
		}
	}
}
