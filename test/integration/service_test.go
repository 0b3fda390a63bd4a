//go:build integration

package integration

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A service is `fresnel serve` as a process of its own.
type service struct {
	api, bulk string // base URLs
	data      string // folder of the database
	password  string // of admin, where this start made it
	stderr    *output
	cmd       *exec.Cmd
	ended     chan struct{}
	err       error // of the process, once it has ended
	killed    bool  // by the test
}

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

var (
	listening = regexp.MustCompile(`fresnel: (API|for shippers \(_bulk\)): (\S+)`)
	passwords = regexp.MustCompile(`password: (\S+)`)
)

// adminPassword is that of admin once login has changed the first one.
const adminPassword = "a password for tests"

// serve starts the service on ports of its own choice, over a folder that may hold data from
// an earlier start, and waits until it is ready. It is killed at the end of the test.
func serve(t testing.TB, data string, args ...string) *service {
	t.Helper()
	s, err := start(t, data, args...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func start(t testing.TB, data string, args ...string) (*service, error) {
	t.Helper()
	s := launch(t, data, nil, args...)
	return s, s.ready()
}

// launch starts the process, with more in its environment, and does not wait. FRESNEL_PROGRAM
// may name another program than make builds, such as one of go build -race.
func launch(t testing.TB, data string, env []string, args ...string) *service {
	t.Helper()
	program, err := filepath.Abs(cmp.Or(os.Getenv("FRESNEL_PROGRAM"), "../../build/fresnel"))
	if err != nil {
		t.Fatal(err)
	}
	s := &service{data: data, stderr: &output{}, ended: make(chan struct{})}
	s.cmd = exec.Command(program, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--ingest", "127.0.0.1:0"}, args...)...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "FRESNEL_") {
			s.cmd.Env = append(s.cmd.Env, v)
		}
	}
	s.cmd.Env = append(append(s.cmd.Env, "XDG_CONFIG_HOME="+t.TempDir()), env...)
	s.cmd.Stderr = s.stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		killed := s.killed
		s.kill()
		if t.Failed() && !killed {
			t.Logf("the service said:\n%s", endsOf(s.stderr.String(), 60))
		}
	})
	return s
}

// ready waits until the service answers that it is.
func (s *service) ready() error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		select {
		case <-s.ended:
			return fmt.Errorf("the service ended: %w\n%s", s.err, s.stderr)
		default:
		}
		for _, m := range listening.FindAllStringSubmatch(s.stderr.String(), -1) {
			if m[1] == "API" {
				s.api = m[2]
			} else {
				s.bulk = m[2]
			}
		}
		if m := passwords.FindStringSubmatch(s.stderr.String()); m != nil {
			s.password = m[1]
		}
		if s.api == "" || s.bulk == "" {
			continue
		}
		resp, err := http.Get(s.api + "/readyz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("the service is not ready after 30 s\n%s", s.stderr)
}

// endsOf returns the first and the last lines of a text: what a program dies of stands before all its stacks.
func endsOf(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	if len(all) > 2*lines {
		all = slices.Concat(all[:lines], []string{"..."}, all[len(all)-lines:])
	}
	return strings.Join(all, "\n")
}

// kill ends the service as a power cut ends a program.
func (s *service) kill() {
	s.killed = true
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// stop ends the service as an administrator does, and returns how long it took.
func (s *service) stop(t testing.TB) time.Duration {
	t.Helper()
	begun := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		t.Fatal("the service runs a minute after SIGTERM")
	}
	if s.err != nil {
		t.Errorf("the service ended with %v, want exit code 0\n%s", s.err, s.stderr)
	}
	return time.Since(begun)
}

// metric returns the value of a metric, with its labels as they are written.
func (s *service) metric(t testing.TB, name string) float64 {
	t.Helper()
	resp, err := http.Get(s.api + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	return 0
}

// events returns how many events are stored.
func (s *service) events(t testing.TB) int64 {
	t.Helper()
	return int64(s.metric(t, "fresnel_store_events"))
}

// A client talks to the API.
type client struct {
	http.Client
	base string
}

// login returns a client of the first user. After the first start the password is changed, as
// it must be.
func (s *service) login(t testing.TB) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{Client: http.Client{Jar: jar, Timeout: time.Minute}, base: s.api + "/api/v1"}
	if s.password == "" {
		c.call(t, http.MethodPost, "/login", map[string]string{"name": "admin", "password": adminPassword}, nil)
		return c
	}
	c.call(t, http.MethodPost, "/login", map[string]string{"name": "admin", "password": s.password}, nil)
	c.call(t, http.MethodPost, "/me/password", map[string]string{"old": s.password, "password": adminPassword}, nil)
	s.password = ""
	return c
}

// call sends a request that must succeed and reads its answer into out, which may be nil.
func (c *client) call(t testing.TB, method, path string, in, out any) {
	t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, c.base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= 300 {
		t.Fatalf("%s %s: got %s\n%s", method, path, resp.Status, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%s %s: %v\n%s", method, path, err, text)
		}
	}
}
