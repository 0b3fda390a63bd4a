//go:build integration

package deploy_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fresnel/internal/auth"
	"fresnel/internal/bulk"
	"fresnel/internal/store"
	"fresnel/internal/store/memory"
	"fresnel/internal/testkit"
)

// A labelled store knows the labels of its events.
type labelled struct {
	*memory.Store
	mu   sync.Mutex
	seen map[string]bool
}

func (l *labelled) Append(ctx context.Context, b *store.Batch, marks []store.Mark) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b.Rows {
		_, label := b.Event(i)
		l.seen[label] = true
	}
	return l.Store.Append(ctx, b, marks)
}

func (l *labelled) labels() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.seen))
}

// A receiver is the endpoint over TLS, with one key.
type receiver struct {
	store     *labelled
	authority string   // file of its certificate
	url       *url.URL // of it
	id        string   // of the key, with its secret
	secret    string
	answers   chan int     // a status for each request of documents
	failing   atomic.Int64 // requests that are still to go wrong
}

// receive opens a receiver. wrong answers the requests that are to go wrong.
func receive(t *testing.T, wrong http.HandlerFunc) *receiver {
	t.Helper()
	s := &labelled{Store: memory.New(time.Now), seen: map[string]bool{}}
	c := auth.DefaultConfig()
	c.Records, c.Log, c.Now = s, slog.New(slog.DiscardHandler), time.Now
	a, err := auth.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := a.CreateKey(t.Context(), auth.Program(), auth.NewKey{Name: "shipper", Scopes: []auth.Scope{auth.ScopeIngest}})
	if err != nil {
		t.Fatal(err)
	}
	h := endpoint(t, s, func(r *http.Request) error {
		p, err := a.Authenticate(r)
		if err == nil {
			err = p.Check(auth.Ingest)
		}
		if err != nil {
			return &bulk.Refusal{Status: http.StatusUnauthorized}
		}
		return nil
	})
	r := &receiver{store: s, id: key.ID, secret: key.Secret, answers: make(chan int, 1000)}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.failing.Add(-1) >= 0 {
			wrong(w, req)
			return
		}
		seen := &seeing{ResponseWriter: w}
		h.ServeHTTP(seen, req)
		r.answers <- seen.status
	}))
	t.Cleanup(server.Close)
	r.authority = filepath.Join(t.TempDir(), "ca.pem")
	write(t, r.authority, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	if r.url, err = url.Parse(server.URL); err != nil {
		t.Fatal(err)
	}
	return r
}

// seeing is a ResponseWriter that sees the status.
type seeing struct {
	http.ResponseWriter
	status int
}

func (s *seeing) WriteHeader(status int) { s.status = status; s.ResponseWriter.WriteHeader(status) }

func (s *seeing) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// await waits until n events are stored, and wants all requests answered by 200.
func (r *receiver) await(t *testing.T, n int) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		events := stored(t, r.store.Store)
		if len(events) >= n {
			return
		}
		select {
		case status := <-r.answers:
			if status != http.StatusOK {
				t.Fatalf("got a request answered by %d, want 200", status)
			}
		case <-late:
			t.Fatalf("got %d events after a minute, want %d", len(events), n)
		}
	}
}

// conn returns a line of Zeek's conn.log that is told from others by its bytes.
func conn(n int) string {
	return fmt.Sprintf(`{"ts":1767225602.5,"uid":"C%d","id.orig_h":"10.1.2.3","id.orig_p":49164,"id.resp_h":"203.0.113.9","id.resp_p":443,"proto":"tcp","service":"ssl","duration":1.5,"orig_bytes":%d,"resp_bytes":4000,"conn_state":"SF"}`, n, n)
}

func conns(from, to int) (text string, events []string) {
	for n := from; n < to; n++ {
		text += conn(n) + "\n"
		events = append(events, fmt.Sprintf("00:00:02.5 10.1.2.3 203.0.113.9:443 %d/4000", n))
	}
	return text, events
}

// ship starts a daemon with its file, changed as little as can be, to read a log that is returned.
func ship(t *testing.T, d daemon, r *receiver, more map[string]string) (log string, stop func()) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "conn.log")
	texts := map[string]string{
		"/opt/zeek/logs/current/conn.log": log, d.authority: r.authority, `"key_id"`: `"` + r.id + `"`, `"secret"`: `"` + r.secret + `"`,
		"fresnel.example": r.url.Hostname(), "8441": r.url.Port(), d.pause[0]: d.pause[1],
	}
	for from, to := range more {
		texts[from] = to
	}
	text, _ := conns(0, 100)
	write(t, log, text)
	var out strings.Builder
	cmd := d.command(t, dir, placed(t, read(t, d.file), texts), d.run...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = cmd.Process.Signal(syscall.SIGTERM)
		killed := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer killed.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", d.name, err, out.String())
		}
		if t.Failed() {
			t.Logf("%s wrote:\n%s", d.name, out.String())
		}
	}
	t.Cleanup(stop)
	return log, stop
}

// TestShips runs the daemons with the files of this folder against the endpoint, over TLS and with
// a key: each line arrives once, though the first requests end without an answer.
func TestShips(t *testing.T) {
	for _, d := range daemons {
		t.Run(d.name, func(t *testing.T) {
			r := receive(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			r.failing.Store(2)
			log, stop := ship(t, d, r, nil)
			_, want := conns(0, 100)
			r.await(t, 100)

			f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			text, more := conns(100, 150)
			if _, err := f.WriteString(text); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			r.await(t, 150)
			stop() // and sends nothing again
			got := stored(t, r.store.Store)
			slices.Sort(got)
			want = append(want, more...)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got the events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if labels := r.store.labels(); !slices.Equal(labels, []string{"zeek"}) {
				t.Errorf("got the labels %q, want zeek", labels)
			}
		})
	}
}

// TestRefused shows what becomes of a request that is answered by 429: syslog-ng sends it again,
// rsyslog writes it into a file, from which the command in the docs sends it.
func TestRefused(t *testing.T) {
	refuse := func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"error":{"type":"es_rejected_execution_exception","reason":"busy"},"status":429}`)
	}
	for _, d := range daemons {
		t.Run(d.name, func(t *testing.T) {
			r := receive(t, refuse)
			r.failing.Store(1)
			if d.name == "syslog-ng" {
				ship(t, d, r, nil)
				r.await(t, 100)
				return
			}
			file := filepath.Join(t.TempDir(), "refused.json")
			const named = "/var/spool/rsyslog/fresnel-refused.json"
			_, stop := ship(t, d, r, map[string]string{named: file})
			for began := time.Now(); ; time.Sleep(50 * time.Millisecond) { // nothing else tells of it
				if info, err := os.Stat(file); err == nil && info.Size() > 0 {
					break
				} else if time.Since(began) > time.Minute || !errors.Is(err, os.ErrNotExist) && err != nil {
					t.Fatalf("got no refused requests after a minute: %v", err)
				}
			}
			stop()
			before := len(stored(t, r.store.Store))
			if before >= 100 {
				t.Fatalf("got %d events, want some of them refused", before)
			}
			page := read(t, filepath.Join(testkit.Root(t), "docs", "inputs", "rsyslog.md"))
			m := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(page)
			if m == nil {
				t.Fatal("rsyslog.md: got no command, want one")
			}
			command := placed(t, m[1], map[string]string{
				named: file, d.authority: r.authority, "key_id:secret": r.id + ":" + r.secret, "fresnel.example": r.url.Hostname(), "8441": r.url.Port(),
			})
			for range 2 { // it may be given twice
				shell(t, command)
				if got := len(stored(t, r.store.Store)); got != 100 {
					t.Errorf("after the command of the docs: got %d events, want 100", got)
				}
			}
		})
	}
}

// shell runs commands as a user would, and returns what they write.
func shell(t *testing.T, commands string) string {
	t.Helper()
	program(t, "jq")
	program(t, "curl")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", commands).CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, out)
	}
	return string(out)
}
