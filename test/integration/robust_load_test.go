//go:build integration

package integration

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// span is the most events of a batch: the i-th event of the n-th batch of a sender has
// n*span+i bytes, from which robust_stored.py tells which events are stored.
const span = 8192

// A sender sends batches of events, whose host is its name, to a service that may end at any
// moment and come back elsewhere.
type sender struct {
	name   string
	ids    bool             // each event has an id, and a batch is sent until it is acknowledged
	gzip   bool             // bodies are compressed
	most   int              // events of a batch, at most; it has half of them at least
	age    time.Duration    // of the events
	clock  func() time.Time // nil for the true time
	rest   time.Duration    // between batches
	target *target
	random *rand.Rand

	sent     []batch      // of the last one more may be sent; they are looked at after run has returned
	events   atomic.Int64 // acknowledged
	refusals atomic.Int64 // in a row
	errors   []string     // refusals that are none of want of time or room
}

// A batch is what is known of some events.
type batch struct {
	events  int
	outcome outcome
}

// An outcome is what the service said of a batch.
type outcome uint8

const (
	unknown outcome = iota // the service went away, or said that it does not know
	acknowledged
	refused // for want of time or room
)

// A target is where a service is, "" while there is none.
type target struct{ url atomic.Value }

func (t *target) set(url string) { t.url.Store(url) }

func (t *target) get() string {
	url, _ := t.url.Load().(string)
	return url
}

// run sends until ctx ends.
func (s *sender) run(ctx context.Context) {
	s.random = rand.New(rand.NewPCG(1, uint64(len(s.name))<<32|uint64(s.name[len(s.name)-1])))
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	var body, packed bytes.Buffer
	packer, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // the level is sound
	for ctx.Err() == nil {
		url := s.target.get()
		if url == "" {
			pause(ctx, 5*time.Millisecond)
			continue
		}
		if n := len(s.sent); n == 0 || !s.ids || s.sent[n-1].outcome == acknowledged {
			s.sent = append(s.sent, batch{events: s.most - s.random.IntN(s.most/2+1)})
			s.write(&body)
			if s.gzip {
				packed.Reset()
				packer.Reset(&packed)
				_, _ = packer.Write(body.Bytes()) // into memory
				_ = packer.Close()
			}
		}
		content := body.Bytes()
		if s.gzip {
			content = packed.Bytes()
		}
		last := &s.sent[len(s.sent)-1]
		last.outcome = s.post(ctx, client, url, content)
		switch last.outcome {
		case acknowledged:
			s.refusals.Store(0)
			s.events.Add(int64(last.events))
			pause(ctx, s.rest)
		case refused:
			s.refusals.Add(1)
			pause(ctx, 50*time.Millisecond)
		case unknown:
			pause(ctx, 5*time.Millisecond)
		}
	}
}

// write writes the newest batch.
func (s *sender) write(body *bytes.Buffer) {
	body.Reset()
	number := int64(len(s.sent))
	at := time.Now()
	if s.clock != nil {
		at = s.clock()
	}
	at = at.Add(-s.age)
	for i := range s.sent[number-1].events {
		n := number*span + int64(i)
		if s.ids {
			fmt.Fprintf(body, `{"index":{"_index":"robust","_id":"%s-%d"}}`+"\n", s.name, n)
		} else {
			body.WriteString(`{"create":{"_index":"robust"}}` + "\n")
		}
		body.Write(appendEvent(body.AvailableBuffer(), s.name, "load.exe", at.Add(time.Duration(i)*time.Microsecond), n, i))
	}
}

// appendEvent appends an event of n bytes as a line of ECS.
func appendEvent(b []byte, host, process string, at time.Time, n int64, i int) []byte {
	b = at.UTC().AppendFormat(append(b, `{"@timestamp":"`...), "2006-01-02T15:04:05.000000Z")
	b = append(append(b, `","event":{"category":["network"]},"host":{"name":"`...), host...)
	b = append(append(b, `"},"process":{"name":"`...), process...)
	b = strconv.AppendInt(append(b, `"},"source":{"ip":"10.1.2.3","port":`...), int64(1024+i%60000), 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), n, 10)
	b = strconv.AppendInt(append(b, `},"destination":{"ip":"45.77.12.`...), int64(i%250), 10)
	return append(b, `","port":443,"bytes":1500}}`+"\n"...)
}

// post sends a batch.
func (s *sender) post(ctx context.Context, client *http.Client, url string, body []byte) outcome {
	// The request is not broken off when ctx ends: that it was not answered would say nothing.
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, url+"/_bulk?filter_path=errors,items.*.error,items.*.status", bytes.NewReader(body))
	if err != nil {
		s.errors = append(s.errors, err.Error())
		return unknown
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	if s.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := client.Do(req)
	if err != nil {
		return unknown
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return unknown
	case resp.StatusCode == http.StatusTooManyRequests:
		return refused
	case resp.StatusCode == http.StatusServiceUnavailable:
		return unknown
	case resp.StatusCode != http.StatusOK:
		s.errors = append(s.errors, resp.Status+" "+string(text))
		return unknown
	}
	var answer struct {
		Errors bool
		Items  []map[string]struct {
			Status int
			Error  json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		s.errors = append(s.errors, err.Error())
		return unknown
	}
	if !answer.Errors {
		return acknowledged
	}
	for _, item := range answer.Items {
		for _, it := range item {
			if it.Error != nil && it.Status != http.StatusTooManyRequests && it.Status != http.StatusServiceUnavailable {
				s.errors = append(s.errors, fmt.Sprintf("%d %s", it.Status, it.Error))
			}
		}
	}
	return unknown // some of it may be stored
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// A load is senders at work.
type load struct {
	*target
	senders []*sender
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// send starts senders; halt ends them. They are ended at the end of the test.
func send(t testing.TB, senders ...*sender) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{target: &target{}, senders: senders, cancel: cancel}
	for _, s := range senders {
		s.target = l.target
		l.done.Go(func() { s.run(ctx) })
	}
	t.Cleanup(l.halt)
	return l
}

// halt ends the senders. Requests that are under way are answered before.
func (l *load) halt() {
	l.cancel()
	l.done.Wait()
}

// acknowledged returns how many events were.
func (l *load) acknowledged() (n int64) {
	for _, s := range l.senders {
		n += s.events.Load()
	}
	return n
}

// A stored is what is stored of a batch.
type stored struct {
	Host     string
	Batch    int
	Count    int // of events
	Distinct int // of their numbers
}

// export returns what the database of a service that has ended holds, by host and batch.
func export(t *testing.T, data string) map[string]map[int]stored {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "export")
	run(t, path(t), path(t, "build", "fresnel"), "export", "--data", data, dir)
	all := map[string]map[int]stored{}
	decode(t, run(t, path(t), installed(t, "venv", "bin", "python"), path(t, "test", "integration", "robust_stored.py"), dir), func(s *stored) {
		if all[s.Host] == nil {
			all[s.Host] = map[int]stored{}
		}
		all[s.Host][s.Batch] = *s
	})
	return all
}

// check holds what was acknowledged against what is stored: each event of an acknowledged
// batch once, and of others none or all, unless a batch is more than the service puts at a time.
func (l *load) check(t *testing.T, all map[string]map[int]stored) {
	t.Helper()
	const putTogether = 5000 // bulk.DefaultOptions().MaxDocs
	for _, s := range l.senders {
		counts := map[outcome]int{}
		whole := 0 // batches of an unknown outcome that are stored
		for i, b := range s.sent {
			got := all[s.name][i+1]
			counts[b.outcome]++
			switch {
			case got.Count != got.Distinct:
				t.Errorf("%s, batch %d of %d events (outcome %d): got %d events for %d numbers, want each once", s.name, i+1, b.events, b.outcome, got.Count, got.Distinct)
			case b.outcome == acknowledged && got.Count != b.events:
				t.Errorf("%s, batch %d: got %d of %d events, want all, as they were acknowledged", s.name, i+1, got.Count, b.events)
			case b.outcome == refused && got.Count != 0 && !s.ids:
				t.Errorf("%s, batch %d: got %d of %d events, want none, as they were refused", s.name, i+1, got.Count, b.events)
			case got.Count != 0 && got.Count != b.events && b.events <= putTogether:
				t.Errorf("%s, batch %d: got %d of %d events, want none or all", s.name, i+1, got.Count, b.events)
			case b.outcome == unknown && got.Count > 0:
				whole++
			}
		}
		if n := len(all[s.name]); n > len(s.sent) {
			t.Errorf("%s: got events of %d batches, want those of %d", s.name, n, len(s.sent))
		}
		for _, e := range s.errors[:min(3, len(s.errors))] {
			t.Errorf("%s: got the answer %.300s", s.name, e)
		}
		t.Logf("%s: %d events acknowledged in %d batches; %d batches refused, %d not answered, of which %d are stored",
			s.name, s.events.Load(), counts[acknowledged], counts[refused], counts[unknown], whole)
	}
}

// A writer appends events to a file that is followed, line by line and by pieces of lines, and
// rotates it.
type writer struct {
	dir   string
	host  string
	lines int64 // whole ones so far
	err   error
}

// run writes until ctx ends, and then the end of the line that it is at.
func (w *writer) run(ctx context.Context, pauses time.Duration) {
	random := rand.New(rand.NewPCG(7, 7))
	live := filepath.Join(w.dir, "conn.log")
	var f *os.File
	defer func() {
		if f != nil {
			f.Close()
		}
	}()
	var text []byte
	for rotated := 0; ; {
		if f == nil {
			if f, w.err = os.OpenFile(live, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); w.err != nil {
				return
			}
		}
		for range 20 + random.IntN(60) {
			text = appendEvent(text, w.host, "tail.exe", time.Now(), span+w.lines, int(w.lines))
			w.lines++
		}
		whole := ctx.Err() != nil || random.IntN(4) == 0
		n := len(text)
		if !whole {
			n -= random.IntN(min(n, 150))
		}
		if _, w.err = f.Write(text[:n]); w.err != nil {
			return
		}
		text = append(text[:0], text[n:]...)
		if ctx.Err() != nil {
			return
		}
		if whole && random.IntN(40) == 0 {
			f.Close()
			f = nil
			rotated++
			if w.err = os.Rename(live, live+"."+strconv.Itoa(rotated)); w.err != nil {
				return
			}
		}
		pause(ctx, pauses)
	}
}

// write writes whole lines.
func (w *writer) write(t *testing.T, lines int) {
	t.Helper()
	var text []byte
	for range lines {
		text = appendEvent(text, w.host, "tail.exe", time.Now(), span+w.lines, int(w.lines))
		w.lines++
	}
	f, err := os.OpenFile(filepath.Join(w.dir, "conn.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
}

// check holds the lines against what is stored.
func (w *writer) check(t *testing.T, all map[string]map[int]stored) {
	t.Helper()
	if w.err != nil {
		t.Error(w.err)
	}
	count, distinct := int64(0), int64(0)
	for _, s := range all[w.host] {
		count += int64(s.Count)
		distinct += int64(s.Distinct)
	}
	if count != w.lines || distinct != w.lines {
		t.Errorf("got %d events of %d different lines of followed files, want %d, each once", count, distinct, w.lines)
		for b := range int(w.lines/span) + 1 {
			if s := all[w.host][b+1]; s.Count != span || s.Distinct != span {
				t.Logf("lines %d to %d: got %d events of %d lines", b*span, (b+1)*span-1, s.Count, s.Distinct)
			}
		}
	}
	t.Logf("%d lines of followed files", w.lines)
}

// settings writes a settings file.
func settings(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "fresnel.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// message is what a line of a log says, without the numbers behind it.
var message = regexp.MustCompile(`level=(WARN|ERROR) msg=("(?:[^"\\]|\\.)*"|\S+)( err(?:or)?=("(?:[^"\\]|\\.)*"|\S+))?`)

// problems returns what a log tells of that is wrong, and how often.
func problems(log string) map[string]int {
	all := map[string]int{}
	for line := range strings.Lines(log) {
		if m := message.FindString(line); m != "" {
			all[m]++
		} else if !strings.HasPrefix(line, "time=") && !strings.HasPrefix(line, "fresnel:") {
			all[strings.TrimSpace(line)]++ // of a crash
		}
	}
	return all
}

// memory returns the resident memory of the service, now and at its most, in MiB.
func (s *service) memory(t testing.TB) (now, most int64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "VmRSS:":
			now = kb >> 10
		case "VmHWM:":
			most = kb >> 10
		}
	}
	return now, most
}
