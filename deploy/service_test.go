//go:build integration

package deploy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fresnel/internal/testkit"
)

// An output is what a process says, while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until the process has said what a pattern finds, and returns its first group.
func (o *output) await(t *testing.T, pattern string) string {
	t.Helper()
	return o.awaitFor(t, 30*time.Second, pattern)
}

func (o *output) awaitFor(t *testing.T, most time.Duration, pattern string) string {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	for began := time.Now(); time.Since(began) < most; time.Sleep(20 * time.Millisecond) {
		if m := wanted.FindStringSubmatch(o.String()); m != nil {
			return m[1]
		}
	}
	t.Fatalf("got no %q within %v in\n%s", pattern, most, o.String())
	return ""
}

// TestServiceUnderItsUnit runs the built program under what the unit forbids it, as an unprivileged
// user where that is possible, and goes through the first steps of docs/serve.md.
func TestServiceUnderItsUnit(t *testing.T) {
	root := testkit.Root(t)
	built := filepath.Join(root, "build", "fresnel")
	if _, err := os.Stat(built); err != nil {
		t.Fatalf("%v (make build makes it)", err)
	}
	dir, err := os.MkdirTemp("", "fresnel-unit-") // the user of the service may enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	const nobody = 65534
	data := filepath.Join(dir, "data")
	for _, path := range []string{dir, data} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		if err := os.Chown(data, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	program(t, "systemd-analyze")
	place := filepath.Join(dir, "fresnel")
	if out, err := exec.Command("cp", built, place).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	settings := write(t, filepath.Join(dir, "fresnel.yaml"), placed(t, read(t, "fresnel.yaml"), map[string]string{
		"/var/lib/fresnel": data, "127.0.0.1:8440": "127.0.0.1:0", "127.0.0.1:8441": "127.0.0.1:0",
	}))

	out := &output{}
	cmd := exec.Command(program(t, "python3"), "testdata/sandbox.py", "systemd/fresnel.service", place, "serve", "--config", settings)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if t.Failed() {
			t.Logf("the service wrote:\n%s", out)
		}
	})
	ingest := out.await(t, `for shippers \(_bulk\): (\S+)\n`)
	api := out.await(t, `API: (\S+)\n`)
	old := out.await(t, `password: (\S+) `)

	// What the docs say to do first, with what they say to send.
	page := read(t, filepath.Join(root, "docs", "serve.md"))
	step := func(section string) string {
		t.Helper()
		m := regexp.MustCompile("(?s)\n## " + section + "\n.*?```sh\n(.*?)```").FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("serve.md: got no command below %q, want one", section)
		}
		command := placed(t, strings.ReplaceAll(m[1], "http://127.0.0.1:8440", api), map[string]string{"curl ": "curl --silent --show-error "})
		return shell(t, fmt.Sprintf("OLD=%q; NEW=%q\n%s", old, "a new password of some length", command))
	}
	step("First login")
	var key struct {
		Key     struct{ ID string }
		Secret  string
		Encoded string
	}
	if answer := step("Keys"); json.Unmarshal([]byte(answer), &key) != nil || key.Secret == "" || key.Key.ID == "" {
		t.Fatalf("got %s, want a key", answer)
	}

	send := func(authorization string) int {
		t.Helper()
		body, err := os.Open("testdata/documents/filebeat.ndjson")
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ingest+"/_bulk", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-ndjson")
		req.Header.Set("Authorization", authorization)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if got := send("ApiKey " + key.Encoded); got != http.StatusOK {
		t.Errorf("events with the key: got %d, want 200", got)
	}
	if got := send("ApiKey bm86a2V5"); got != http.StatusUnauthorized {
		t.Errorf("events with a wrong key: got %d, want 401", got)
	}
	if answer := step("Runs and late events"); !strings.Contains(answer, `"by_hand":true`) {
		t.Errorf("got %s, want a run", answer)
	}
	text := shell(t, "curl --silent --show-error --fail "+api+"/metrics")
	for _, want := range []string{
		"\nfresnel_store_events 2\n", "\nprocess_start_time_seconds ", `outcome="known"} 1`, `fresnel_ingest_requests_total{route="bulk",status="401"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics: got no %q in\n%s", want, text)
		}
	}
	checked := exec.Command(program(t, "promtool"), "check", "metrics")
	checked.Stdin = strings.NewReader(text)
	if report, err := checked.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, report)
	}

	// As ExecReload and the end of the unit.
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	out.await(t, `(settings reloaded)`)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after SIGTERM: got %v, want code 0", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("after SIGTERM: got no end within TimeoutStopSec")
	}
	// UMask: nobody else can read what is kept.
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) == 0 {
		t.Error("got an empty folder, want a database")
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got mode %v, want none for others", e.Name(), info.Mode())
		}
	}
}

// TestSandbox shows that what runs under the unit's bans is banned, or the test above would show
// nothing.
func TestSandbox(t *testing.T) {
	program(t, "systemd-analyze")
	const probe = `
import mmap, os, socket
def refused(f):
    try:
        f()
    except OSError:
        return True
assert refused(lambda: socket.socket(socket.AF_UNIX)), "AF_UNIX"
assert refused(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)), "written and run"
assert refused(lambda: os.chroot("/")), "chroot"
assert refused(lambda: os.setpriority(os.PRIO_PROCESS, 0, 1)), "@resources"
socket.socket(socket.AF_INET6)
print("as it should be")
`
	out, err := exec.CommandContext(t.Context(), program(t, "python3"), "testdata/sandbox.py", "systemd/fresnel.service", "/usr/bin/env", "python3", "-c", probe).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "as it should be") {
		t.Errorf("got %v\n%s", err, out)
	}
}
