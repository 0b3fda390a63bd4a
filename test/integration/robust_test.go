//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestRobustKill kills the service fifty times while it is sent to, follows files and makes
// runs, and counts what is stored afterwards.
func TestRobustKill(t *testing.T) {
	const kills = 50
	data, logs := filepath.Join(t.TempDir(), "data"), t.TempDir()
	config := settings(t, fmt.Sprintf(`
schedule: {every: 1s, delay: 0s, catch_up: 10m}
inputs: {tail: {growing: {paths: [%q]}}}
store: {memory_mb: 512}
`, logs))
	// The events of senders lie outside of the windows, so that runs are short and many.
	const age = 20 * time.Hour
	l := send(t,
		&sender{name: "ids-a", ids: true, most: 200, age: age},
		&sender{name: "ids-b", ids: true, most: 8000, age: age, rest: 150 * time.Millisecond}, // more than are put together
		&sender{name: "ids-c", ids: true, most: 2000, age: age, rest: 50 * time.Millisecond, gzip: true},
		&sender{name: "plain-a", most: 20, age: age},
		&sender{name: "plain-b", most: 1000, age: age, rest: 20 * time.Millisecond, gzip: true},
		&sender{name: "plain-c", most: 4000, age: age, rest: 100 * time.Millisecond},
	)
	ctx, halt := context.WithCancel(t.Context())
	defer halt()
	w := &writer{dir: logs, host: "followed"}
	var writing sync.WaitGroup
	writing.Go(func() { w.run(ctx, 10*time.Millisecond) })

	random := rand.New(rand.NewPCG(3, 3))
	upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
	problem := map[string]int{}
	said := func(s *service) {
		for text, n := range problems(s.stderr.String()) {
			problem[text] += n
		}
	}
	starting := time.Duration(0)
	s := serve(t, data, "--config", config, "--set", "schedule.catch_up=0s")
	s.login(t)
	sendBeacon(t, s)
	s.madeRun(t) // from which on none is left out
	s.stop(t)
	s = serve(t, data, "--config", config)
	begun := time.Now()
	for n := 1; n <= kills; n++ {
		l.set(s.bulk)
		if n%5 == 2 {
			time.Sleep(1200*time.Millisecond + upTo(1200*time.Millisecond)) // in the midst of runs, which begin after a second
		} else {
			time.Sleep(upTo(400 * time.Millisecond))
		}
		s.kill()
		l.set("")
		said(s)
		if n%5 == 0 { // once more, while it starts
			n++
			s = launch(t, data, nil, "--config", config)
			time.Sleep(upTo(200 * time.Millisecond))
			s.kill()
			said(s)
		}
		at := time.Now()
		s = serve(t, data, "--config", config)
		starting += time.Since(at)
	}
	l.set(s.bulk)
	time.Sleep(500 * time.Millisecond)
	l.halt()
	halt()
	writing.Wait()
	s.caughtUp(t, "growing")
	s.madeRun(t)
	checkRuns(t, s, 3)
	s.stop(t)
	said(s)
	t.Logf("%d kills in %v, of which the service was starting for %v", kills, time.Since(begun).Round(time.Second), starting.Round(time.Second))
	for text, n := range problem {
		t.Logf("%d times in logs: %s", n, text)
	}
	all := export(t, data)
	l.check(t, all)
	w.check(t, all)
}

// sendBeacon sends the events of six hours of a beacon, for runs to find.
func sendBeacon(t *testing.T, s *service) {
	t.Helper()
	now := time.Now()
	var text []byte
	for at := now.Add(-6 * time.Hour); at.Before(now); at = at.Add(5 * time.Minute) {
		text = append(text, "{\"create\":{}}\n"...)
		text = appendEvent(text, "host-with-a-beacon", "beacon.exe", at, 1000, 7)
	}
	s.post(t, text)
}

// madeRun waits until the service has made a run since its start.
func (s *service) madeRun(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); s.metric(t, `fresnel_runs_total{outcome="stored"}`) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("got no run, want one")
		}
	}
}

// caughtUp waits until a followed input is read to its end.
func (s *service) caughtUp(t *testing.T, input string) {
	t.Helper()
	for quiet, deadline := 0, time.Now().Add(20*time.Second); quiet < 5; time.Sleep(400 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("input %s is still behind", input)
		}
		if s.metric(t, fmt.Sprintf("fresnel_ingest_behind_bytes{input=%q}", input)) == 0 {
			quiet++
		} else {
			quiet = 0
		}
	}
}

// checkRuns checks that each run that is stored is so with all that it found.
func checkRuns(t *testing.T, s *service, atLeast int) {
	t.Helper()
	var runs struct {
		Runs []struct {
			End      time.Time
			Findings int
		}
		Next string
	}
	c := s.login(t)
	c.call(t, http.MethodGet, "/runs?limit=500", nil, &runs)
	if len(runs.Runs) < atLeast || runs.Next != "" {
		t.Errorf("got %d runs, want %d to 500", len(runs.Runs), atLeast)
	}
	found := 0
	for i, r := range runs.Runs {
		at := url.QueryEscape(r.End.Format(time.RFC3339))
		var findings struct{ Total int }
		c.call(t, http.MethodGet, "/findings?view=all&limit=1&from="+at+"&to="+at, nil, &findings)
		if findings.Total != r.Findings {
			t.Errorf("run at %s: got %d findings, want %d as it says", r.End, findings.Total, r.Findings)
		}
		if i > 0 && !r.End.Equal(runs.Runs[i-1].End.Add(-time.Second)) {
			t.Errorf("got a run at %s after one at %s, want one every second", runs.Runs[i-1].End, r.End)
		}
		found += r.Findings
	}
	if found == 0 {
		t.Error("got no findings, want those of the beacon")
	}
	t.Logf("%d runs with %d findings", len(runs.Runs), found)
}

// post sends a body to _bulk, which must be taken as a whole.
func (s *service) post(t *testing.T, body []byte) {
	t.Helper()
	one := &sender{name: "one"}
	if got := one.post(t.Context(), http.DefaultClient, s.bulk, body); got != acknowledged {
		t.Fatalf("got outcome %d, want the events acknowledged; errors: %q", got, one.errors)
	}
}

// drained is how long the service may take to end.
const drained = 10 * time.Second

func TestRobustSIGTERM(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	l := send(t,
		&sender{name: "ids", ids: true, most: 500},
		&sender{name: "plain", most: 3000},
		&sender{name: "gzip", most: 3000, gzip: true},
		&sender{name: "tiny", most: 1},
	)
	for _, tt := range []struct {
		name      string
		idle      int // connections that send nothing
		unhurried int // that begin a body and do not go on
	}{
		{"under load", 0, 0},
		{"under load, once more", 0, 0},
		{"under load and with clients that keep it waiting", 300, 20},
	} {
		s := serve(t, data, "--set", "schedule.every=1s", "--set", "schedule.delay=0s")
		for range tt.idle {
			dial(t, s.bulk)
			dial(t, s.api)
		}
		for range tt.unhurried {
			fmt.Fprint(dial(t, s.bulk), "POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{")
			fmt.Fprint(dial(t, s.api), "POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
		}
		l.set(s.bulk)
		time.Sleep(1500 * time.Millisecond)
		before := l.acknowledged()
		took := s.stop(t)
		l.set("")
		t.Logf("%s: ended in %v, with %d events acknowledged before and %d on the way", tt.name, took.Round(time.Millisecond), before, l.acknowledged()-before)
		if took > drained {
			t.Errorf("%s: took %v to end, want at most %v", tt.name, took, drained)
		}
		if before == 0 {
			t.Errorf("%s: got no event acknowledged, want some", tt.name)
		}
		for text := range problems(s.stderr.String()) {
			t.Errorf("%s: got in the log: %s", tt.name, text)
		}
	}
	l.halt()
	l.check(t, export(t, data))
}

// dial opens a connection to a base URL.
func dial(t *testing.T, base string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(base, "http://"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRobustSIGHUP(t *testing.T) {
	t.Parallel()
	config := settings(t, "beacon: {max_jitter: 0.2}\n")
	s := serve(t, filepath.Join(t.TempDir(), "data"), "--config", config)
	c := s.login(t)
	for _, step := range []struct {
		name, text string
		want       []string // in the log
		jitter     string
	}{
		{
			"another value", "beacon: {max_jitter: 0.3}\n",
			[]string{`msg="setting changed" key=beacon.max_jitter from=0.2 to=0.3 counts="with the next run"`, `msg="settings reloaded" changed=1`}, "0.3",
		},
		{
			"a key that there is not", "beacon: {max_jiter: 0.4}\n",
			[]string{`level=ERROR msg="settings not reloaded, the old ones stay"`, "max_jiter"}, "0.3",
		},
		{
			"several bad values", "beacon: {max_jitter: 7}\ningest: {max_requests: 0}\n",
			[]string{"beacon.max_jitter: got 7", "ingest.max_requests: got 0", "the old ones stay"}, "0.3",
		},
		{
			"no YAML", "beacon: {max_jitter\n",
			[]string{"the old ones stay"}, "0.3",
		},
		{
			"what counts with the next start", "beacon: {max_jitter: 0.3}\nstore: {memory_mb: 999}\n",
			[]string{`key=store.memory_mb from=1024 to=999 counts="with the next start"`, `msg="settings reloaded" changed=1`}, "0.3",
		},
		{
			"back", "beacon: {max_jitter: 0.2}\n",
			[]string{`key=beacon.max_jitter from=0.3 to=0.2`, `key=store.memory_mb from=999 to=1024`, `msg="settings reloaded" changed=2`}, "0.2",
		},
	} {
		if err := os.WriteFile(config, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := len(s.stderr.String())
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		said := ""
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			said = s.stderr.String()[before:]
			if containsAll(said, step.want) {
				break
			}
		}
		if !containsAll(said, step.want) {
			t.Errorf("%s: got the log\n%s\nwant in it %q", step.name, said, step.want)
		}
		var got struct {
			Settings []struct{ Key, Value string }
		}
		c.call(t, http.MethodGet, "/config", nil, &got)
		for _, v := range got.Settings {
			if v.Key == "beacon.max_jitter" && v.Value != step.jitter {
				t.Errorf("%s: got beacon.max_jitter %s, want %s", step.name, v.Value, step.jitter)
			}
		}
	}
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	sendBeacon(t, s)
	s.stop(t)
}

// TestRobustSIGHUPCertificate puts another certificate where the service has its own, and then none.
func TestRobustSIGHUPCertificate(t *testing.T) {
	cert, key := certificate(t)
	trust(t, cert)
	s := serve(t, filepath.Join(t.TempDir(), "data"), "--set", fmt.Sprintf("serve.tls_cert=%q", cert), "--set", fmt.Sprintf("serve.tls_key=%q", key))
	served := func() string {
		t.Helper()
		var both string
		for _, base := range []string{s.api, s.bulk} {
			c, err := tls.Dial("tcp", strings.TrimPrefix(base, "https://"), &tls.Config{InsecureSkipVerify: true}) // which one it is, is what is asked
			if err != nil {
				t.Fatal(err)
			}
			both += string(c.ConnectionState().PeerCertificates[0].Signature)
			c.Close()
		}
		return both
	}
	reload := func(want string) {
		t.Helper()
		before := len(s.stderr.String())
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(5 * time.Second); !strings.Contains(s.stderr.String()[before:], want); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("got the log\n%s\nwant in it %s", s.stderr.String()[before:], want)
			}
		}
	}
	first := served()
	otherCert, otherKey := certificate(t)
	for from, to := range map[string]string{otherCert: cert, otherKey: key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	reload(`msg="settings reloaded"`)
	second := served()
	if second == first {
		t.Error("got the same certificate, want the other one at both addresses")
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	reload(`level=ERROR msg="settings not reloaded, the old ones stay" err="serve.tls_cert: open`)
	if served() != second {
		t.Error("got another certificate, want that of before, since there is none")
	}
	s.kill()
}

// TestRobustRetention starts a service again, which is to keep findings for an hour then.
func TestRobustRetention(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data)
	c := s.login(t)
	now := time.Now().UTC().Truncate(time.Second)
	for _, age := range []time.Duration{3 * time.Hour, 2 * time.Hour, time.Minute} {
		c.call(t, http.MethodPost, "/runs", map[string]time.Time{"end": now.Add(-age)}, nil)
	}
	s.stop(t)
	s = serve(t, data, "--set", "store.keep_findings=1h", "--set", "store.keep_events=1h", "--set", "schedule.catch_up=1h")
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(s.stderr.String(), "runs=2"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got the log\n%s\nwant in it that two runs are forgotten", s.stderr)
		}
	}
	c = s.login(t)
	var runs struct{ Runs []struct{ End time.Time } }
	c.call(t, http.MethodGet, "/runs", nil, &runs)
	if len(runs.Runs) != 1 || !runs.Runs[0].End.Equal(now.Add(-time.Minute)) {
		t.Errorf("got the runs %v, want the one of a minute before %s", runs.Runs, now)
	}
	var trail struct{ Entries []struct{ Action string } }
	c.call(t, http.MethodGet, "/audit", nil, &trail)
	made := 0
	for _, e := range trail.Entries {
		if e.Action == "run.make" {
			made++
		}
	}
	if made != 3 {
		t.Errorf("got %d runs in the trail %v, want all that were made", made, trail.Entries)
	}
	s.stop(t)
}

// TestRobustSIGHUPAtStart asks for the settings to be read again while the service starts.
func TestRobustSIGHUPAtStart(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := launch(t, data, nil)
	for {
		if _, err := os.Stat(filepath.Join(data, "lock")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := s.ready(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(s.stderr.String(), `msg="settings reloaded" changed=0`); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got the log\n%s\nwant in it that the settings are reloaded", s.stderr)
		}
	}
	s.stop(t)
}

func containsAll(text string, want []string) bool {
	for _, w := range want {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

func TestRobustTwoServices(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := serve(t, data)
	refuses(t, data, []string{"in use by another process", fmt.Sprint(first.cmd.Process.Pid)})
	sendBeacon(t, first)
	first.kill()
	sendBeacon(t, serve(t, data)) // the lock ended with its process
}

func TestRobustListen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	for _, tt := range []struct{ key, flag, address string }{
		{"serve.listen", "--listen", "0.0.0.0:0"},
		{"serve.listen", "--listen", ":0"},
		{"serve.listen", "--listen", "[::]:0"},
		{"ingest.listen", "--ingest", "0.0.0.0:0"},
	} {
		refuses(t, data, []string{tt.key + ": got", "without TLS", "--insecure"}, tt.flag, tt.address)
	}
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want no database of a service that refused to start", err)
	}
	s := serve(t, data, "--listen", "0.0.0.0:0", "--ingest", "0.0.0.0:0", "--insecure")
	for _, key := range []string{"serve.listen", "ingest.listen"} {
		if want := `level=WARN msg="insecure: passwords, keys and events can be read and changed on the way" setting=` + key; !strings.Contains(s.stderr.String(), want) {
			t.Errorf("got the log\n%s\nwant in it %s", s.stderr.String(), want)
		}
	}
	one := &sender{name: "one"}
	if one.post(t.Context(), http.DefaultClient, s.bulk, []byte("{}")); len(one.errors) != 1 || !strings.HasPrefix(one.errors[0], "401") {
		t.Errorf("got %q of the endpoint for shippers without a key, want 401: others can reach it", one.errors)
	}
	s.login(t)
}

// TestRobustForeignPage sends events as a browser does for a page that somebody looks at on the machine of the service.
func TestRobustForeignPage(t *testing.T) {
	t.Parallel()
	s := serve(t, filepath.Join(t.TempDir(), "data"))
	for site, want := range map[string]int{"cross-site": http.StatusForbidden, "": http.StatusCreated} { // a program says nothing of sites
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.bulk+"/logs/_doc", strings.NewReader(`{"@timestamp":"2026-01-01T00:00:00Z"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "text/plain")
		if site != "" {
			req.Header.Set("Sec-Fetch-Site", site)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Sec-Fetch-Site %q: got %s, want %d", site, resp.Status, want)
		}
	}
	if n := s.events(t); n != 1 {
		t.Errorf("got %d events, want that of the program", n)
	}
}

// refuses starts a service that must not start.
func refuses(t *testing.T, data string, want []string, args ...string) {
	t.Helper()
	s, err := start(t, data, args...)
	var exit *exec.ExitError
	switch {
	case err == nil:
		t.Errorf("%q: got a service, want it to refuse", args)
		s.kill()
	case !errors.As(err, &exit) || exit.ExitCode() != 1:
		t.Errorf("%q: got %v, want exit code 1", args, err)
	case !containsAll(s.stderr.String(), want):
		t.Errorf("%q: got\n%s\nwant in it %q", args, s.stderr, want)
	case strings.Count(s.stderr.String(), "\n") > 2:
		t.Errorf("%q: got\n%s\nwant a line", args, s.stderr)
	default:
		t.Logf("%q: %s", args, strings.TrimSpace(s.stderr.String()))
	}
}
