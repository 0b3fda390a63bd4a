//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	// hostileMemory is what the service may take, in MiB, whatever is sent to it, when 256 MiB
	// are for the database.
	hostileMemory = 900
	// hostilePatience is how long another client waits for an answer meanwhile, at most.
	hostilePatience = 2 * time.Second
)

// A guest is a client that behaves, and notes how long it waits for answers.
type guest struct {
	service *service
	api     *client
	mu      sync.Mutex
	waits   []time.Duration
	errors  []string
	large   bool // the service took more memory than it may
	sender  sender
}

// run sends some events, and asks the API something, again and again.
func (g *guest) run(ctx context.Context) {
	bulk := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}} // each has to be let in
	for ctx.Err() == nil {
		g.sender.sent = append(g.sender.sent, batch{events: 50})
		last := &g.sender.sent[len(g.sender.sent)-1]
		var body bytes.Buffer
		g.sender.write(&body)
		begun := time.Now()
		last.outcome = g.sender.post(ctx, bulk, g.service.bulk, body.Bytes())
		g.note(time.Since(begun), last.outcome == acknowledged, "_bulk: outcome %d, %q", last.outcome, g.sender.errors)
		if last.outcome == acknowledged {
			g.sender.events.Add(int64(last.events))
		}

		begun = time.Now()
		resp, err := g.api.Get(g.api.base + "/inputs")
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		g.note(time.Since(begun), err == nil && resp.StatusCode == http.StatusOK, "/inputs: %v", err)
		pause(ctx, 20*time.Millisecond)
	}
}

func (g *guest) note(wait time.Duration, ok bool, format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waits = append(g.waits, wait)
	if !ok {
		g.errors = append(g.errors, fmt.Sprintf(format, args...))
	}
}

// since reports how it went since the last call.
func (g *guest) since(t *testing.T, name string) {
	t.Helper()
	g.mu.Lock()
	for begun := time.Now(); len(g.waits) < 4 && time.Since(begun) < 20*time.Second; {
		g.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		g.mu.Lock()
	}
	defer g.mu.Unlock()
	now, most := g.service.memory(t)
	if len(g.waits) == 0 {
		t.Errorf("%s: got no answer for a client that behaves", name)
		return
	}
	slices.Sort(g.waits)
	longest := g.waits[len(g.waits)-1]
	t.Logf("%-34s others: %3d answers in %v, at most %v; memory %d MiB, at most %d", name+":",
		len(g.waits), g.waits[len(g.waits)/2].Round(time.Millisecond), longest.Round(time.Millisecond), now, most)
	if longest > hostilePatience {
		t.Errorf("%s: a client that behaves waited %v, want at most %v", name, longest, hostilePatience)
	}
	if most > hostileMemory && !g.large {
		g.large = true
		t.Errorf("%s: got %d MiB of memory, want at most %d", name, most, hostileMemory)
	}
	for _, e := range g.errors[:min(3, len(g.errors))] {
		t.Errorf("%s: a client that behaves got: %s", name, e)
	}
	g.waits, g.errors = nil, nil
}

// TestRobustHostile sends what nobody should send, and looks whether others are still served
// and memory stays bounded.
func TestRobustHostile(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data, "--set", "store.memory_mb=256", "--set", "schedule.every=5s", "--set", "schedule.delay=0s")
	g := &guest{service: s, api: s.login(t), sender: sender{name: "guest"}}
	ctx, halt := context.WithCancel(t.Context())
	var others sync.WaitGroup
	others.Go(func() { g.run(ctx) })
	defer others.Wait()
	defer halt()
	time.Sleep(500 * time.Millisecond)
	g.since(t, "alone")

	// These stay to the end.
	for range 1000 {
		dial(t, s.bulk)
	}
	for range 200 {
		dial(t, s.api)
	}
	time.Sleep(time.Second)
	g.since(t, "1200 idle connections")
	var slow sync.WaitGroup
	defer slow.Wait()
	slowHeaders := &trickles{}
	for i := range 200 {
		base := s.bulk
		if i%2 == 0 {
			base = s.api
		}
		c := dial(t, base)
		slow.Go(func() { slowHeaders.run(ctx, c, "POST /_bulk HTTP/1.1\r\nHost: a\r\nX-Long: ") })
	}
	slowBodies := &trickles{}
	for i := range 40 {
		c := dial(t, s.bulk)
		begin := "POST /_bulk HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100000000\r\n"
		if i%2 == 0 { // enough for the largest block, and then slowly
			begin += strings.Repeat("{\"create\":{}}\n{\"a\":\""+strings.Repeat("x", 900_000)+"\"}\n", 5)
		}
		slow.Go(func() { slowBodies.run(ctx, c, begin+"{\"create\":{}}\n{") })
	}
	for range 40 {
		c := dial(t, s.api)
		slow.Go(func() {
			slowBodies.run(ctx, c, "POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
		})
	}
	time.Sleep(time.Second)
	began := time.Now()
	g.since(t, "200 slow headers, 80 slow bodies")

	const action = "{\"create\":{}}\n"
	good := action + string(appendEvent(nil, "hostile", "x.exe", time.Now(), 1, 1))
	bomb := zipped(t, 1<<30, []byte("\x00"))
	lines := zipped(t, 400<<20, []byte(good))
	deep := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
	array := `{"@timestamp":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}"
	fields := &strings.Builder{}
	for i := range 60_000 {
		fmt.Fprintf(fields, `"f%d":%d,`, i, i)
	}
	var whole bytes.Buffer
	z := gzip.NewWriter(&whole)
	fmt.Fprint(z, strings.Repeat(good, 2000))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		times    int
		encoding string
		body     func() io.Reader
		want     []int // statuses
	}{
		{"gzip cut off", 200, "gzip", text(whole.Bytes()[:whole.Len()/2]), []int{400}},
		{"gzip cut off in its header", 200, "gzip", text(whole.Bytes()[:5]), []int{400}},
		{"no gzip", 200, "gzip", text([]byte(strings.Repeat(good, 10))), []int{400}},
		{"a gzip bomb of zeros", 40, "gzip", text(bomb), []int{400, 413}},
		{"a gzip bomb of events", 4, "gzip", text(lines), []int{413}},
		{"an endless action", 20, "", endless("", "a"), []int{400, 413, 0}},
		{"an endless document", 10, "", endless(action, "a"), []int{413, 0}},
		{"endless events", 4, "", endless("", good), []int{413, 0}},
		{"endless blank lines", 10, "", endless("", "\n"), []int{413, 0}},
		{"endless actions", 10, "", endless("", "{\"delete\":{\"_id\":\"a\"}}\n"), []int{413, 0}},
		{"documents nested 100,000 deep", 20, "", text([]byte(strings.Repeat(action+deep+"\n"+action+array+"\n", 5))), []int{200}},
		{"an action nested 100,000 deep", 20, "", text([]byte(`{"index":` + deep + "}\n" + deep + "\n")), []int{400}},
		{"documents of 60,000 fields", 20, "", text([]byte(strings.Repeat(action+"{"+fields.String()+"\"z\":1}\n", 5))), []int{200}},
		{"bytes of no meaning", 100, "", text(bytes.Repeat([]byte{0xff, 0x00, 0x0a, 0x80}, 10_000)), []int{400}},
	} {
		statuses := s.hostile(t, tt.times, tt.encoding, tt.body)
		for status, n := range statuses {
			if !slices.Contains(tt.want, status) {
				t.Errorf("%s: got status %d %d times, want one of %d", tt.name, status, n, tt.want)
			}
		}
		g.since(t, tt.name)
	}

	tiny := s.tinyBulks(t, 10_000)
	g.since(t, fmt.Sprintf("10000 bulks of one event in %v", tiny.Round(time.Millisecond)))

	for _, tt := range []struct {
		name, text string
		want       string
	}{
		{"a header of 1 MiB", "GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + strings.Repeat("x", 1<<20), "431"},
		{"100,000 headers", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-A: b\r\n", 100_000), "431"},
		{"a path of 1 MiB", "GET /" + strings.Repeat("x", 1<<20), "414 431 400"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x7f", 500) + "\r\n\r\n", "400"},
		{"two lengths", "POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nContent-Length: 20\r\n\r\n", "400"},
		{"a length that is none", "POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400"},
		{"a length of 2^63", "POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", "413 404 405 400"},
		{"a length and chunks", "POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400 404 405"},
		{"bad chunks", "POST /_bulk HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "400 404 405"},
	} {
		for range 3 {
			for _, base := range []string{s.bulk, s.api} {
				status, err := raw(base, tt.text)
				if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) { // who is not read to the end may miss the answer
					t.Errorf("%s: %v", tt.name, err)
				} else if err == nil && !strings.Contains(tt.want, status) {
					t.Errorf("%s: got status %q, want one of %s", tt.name, status, tt.want)
				}
			}
		}
		g.since(t, tt.name)
	}

	for _, tt := range []struct {
		name, method, path, body string
	}{
		{"a long query", http.MethodGet, "/findings?q=" + strings.Repeat("a", 50_000), ""},
		{"a query nested deep", http.MethodGet, "/findings?q=" + strings.Repeat("%28", 15_000), ""},
		{"a query of many terms", http.MethodGet, "/findings?q=" + strings.Repeat("a+or+", 10_000) + "a", ""},
		{"a body of 20 MB", http.MethodPost, "/runs", `{"end":"` + strings.Repeat("x", 20<<20) + `"}`},
		{"a body nested deep", http.MethodPost, "/runs", `{"end":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}"},
	} {
		for range 5 {
			req, err := http.NewRequestWithContext(ctx, tt.method, g.api.base+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			resp, err := g.api.Do(req)
			if err != nil {
				t.Logf("%s: %v", tt.name, err)
				continue
			}
			answer, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode < 400 || resp.StatusCode >= 500 || len(answer) > 2000 {
				t.Errorf("%s: got %s and %.300s, want a short answer that says what is wrong", tt.name, resp.Status, answer)
			}
		}
		g.since(t, tt.name)
	}

	// Headers must have come within ten seconds.
	for slowHeaders.open.Load() > 0 && time.Since(began) < 20*time.Second {
		time.Sleep(100 * time.Millisecond)
	}
	g.since(t, "to the end of slow headers")
	if n := slowHeaders.open.Load(); n > 0 {
		t.Errorf("got %d connections of slow headers still open after 20 s, want none", n)
	}
	t.Logf("connections of slow bodies still open: %d", slowBodies.open.Load())
	halt()
	others.Wait()
	slow.Wait()
	if took := s.stop(t); took > drained {
		t.Errorf("took %v to end, want at most %v", took, drained)
	} else {
		t.Logf("ended in %v", took.Round(time.Millisecond))
	}
	if n := strings.Count(s.stderr.String(), "\n"); n > 200 {
		t.Errorf("got %d lines in the log, want few: who sends rubbish must not fill it", n)
	}
	for text, n := range problems(s.stderr.String()) {
		t.Logf("%d times in the log: %.200s", n, text)
		if strings.Contains(text, "panic") || strings.HasPrefix(text, "level=ERROR") {
			t.Errorf("got in the log: %s", text)
		}
	}
	(&load{senders: []*sender{&g.sender}}).check(t, export(t, data))
}

// trickles are connections on which a client sends a byte now and then.
type trickles struct{ open atomic.Int64 }

func (l *trickles) run(ctx context.Context, c net.Conn, begin string) {
	l.open.Add(1)
	defer l.open.Add(-1)
	if _, err := io.WriteString(c, begin); err != nil {
		return
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, c)
	}()
	for {
		select {
		case <-gone:
			return
		case <-ctx.Done():
			c.Close()
			<-gone
			return
		case <-time.After(300 * time.Millisecond):
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
		}
	}
}

// zipped returns the gzip of a text, again and again, of so many bytes.
func zipped(t *testing.T, size int64, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(z, &repeated{text: bytes.Repeat(b, 1+(1<<20)/len(b))}, size); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A repeated reads a text again and again.
type repeated struct {
	text []byte
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

func text(b []byte) func() io.Reader { return func() io.Reader { return bytes.NewReader(b) } }

// endless is a body without an end, of which no more than 300 MB are sent.
func endless(begin, again string) func() io.Reader {
	long := []byte(strings.Repeat(again, 1+(1<<20)/len(again)))
	return func() io.Reader {
		return io.MultiReader(strings.NewReader(begin), io.LimitReader(&repeated{text: long}, 300<<20))
	}
}

// hostile sends a body some times, four at a time, and returns how often which status was
// answered, 0 for none.
func (s *service) hostile(t *testing.T, times int, encoding string, body func() io.Reader) map[int]int {
	t.Helper()
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	defer client.CloseIdleConnections()
	statuses := map[int]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	left := make(chan struct{}, times)
	for range times {
		left <- struct{}{}
	}
	close(left)
	for range 4 {
		group.Go(func() {
			for range left {
				status := 0
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.bulk+"/hostile/_bulk", body())
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Content-Encoding", encoding)
				if resp, err := client.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					status = resp.StatusCode
				}
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return statuses
}

// tinyBulks sends bulks of one event, sixteen at a time, and returns how long it took.
func (s *service) tinyBulks(t *testing.T, n int) time.Duration {
	t.Helper()
	begun := time.Now()
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	var next, bad atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			one := sender{name: "tiny"}
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if one.post(t.Context(), client, s.bulk, appendEvent([]byte("{\"create\":{}}\n"), "tiny", "x.exe", time.Now(), i, int(i))) != acknowledged {
					bad.Add(1)
				}
			}
		})
	}
	group.Wait()
	if bad.Load() > 0 {
		t.Errorf("got %d of %d tiny bulks not acknowledged, want none", bad.Load(), n)
	}
	return time.Since(begun)
}

// raw sends a text and returns the status of the answer.
func raw(base, text string) (string, error) {
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(base, "http://"), 5*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	go func() { _, _ = io.WriteString(c, text) }() // it may be refused before its end
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return "", err
	}
	_, status, _ := strings.Cut(strings.TrimSpace(line), " ")
	status, _, _ = strings.Cut(status, " ")
	return status, nil
}
