package bulk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"fresnel/internal/ingest"
)

// A repeated is a text that comes n times.
type repeated struct {
	text string
	n    int
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	total := 0
	for total < len(p) {
		if r.at == len(r.text) {
			r.at, r.n = 0, r.n-1
		}
		if r.n <= 0 {
			return total, io.EOF
		}
		n := copy(p[total:], r.text[r.at:])
		r.at += n
		total += n
	}
	return total, nil
}

func TestHostileBodies(t *testing.T) {
	const pair = "{\"index\":{}}\n{}\n"
	many := strings.Repeat("{\"index\":{}}\n"+doc+"\n", 2000)
	var wide bytes.Buffer
	w, err := zstd.NewWriter(&wide, zstd.WithWindowSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, &repeated{text: many, n: 100}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	cut := packed(t, "gzip", many)
	for _, tt := range []struct {
		name, encoding string
		body           io.Reader
		status         int
		want           string
	}{
		{"gzip that is cut off", "gzip", bytes.NewReader(cut[:len(cut)-10]), 400, fmt.Sprintf("the body is cut off: got %d bytes of gzip, want the end of the stream", len(cut)-10)},
		{"gzip that is cut off in its header", "gzip", bytes.NewReader(cut[:5]), 400, "the body is cut off: got 5 bytes of gzip, want the end of the stream"},
		{"no gzip at all", "gzip", nil, 400, "the body is cut off: got 0 bytes of gzip, want the end of the stream"},
		{"gzip with something behind it", "gzip", io.MultiReader(bytes.NewReader(cut), strings.NewReader(strings.Repeat("rubbish", 9))), 400, "the body cannot be decoded as gzip: gzip: invalid header"},
		{"plain text said to be gzip", "gzip", strings.NewReader(pair), 400, "the body cannot be decoded as gzip: gzip: invalid header"},
		{"gzip with a wrong checksum", "gzip", bytes.NewReader(append(bytes.Clone(cut[:len(cut)-8]), 0, 0, 0, 0, 0, 0, 0, 0)), 400, "the body cannot be decoded as gzip: gzip: invalid checksum"},
		{"plain text said to be deflate", "deflate", strings.NewReader(pair), 400, "the body cannot be decoded as deflate: zlib: invalid header"},
		{"deflate that is cut off", "deflate", bytes.NewReader(packed(t, "deflate", pair)[:10]), 400, "the body is cut off: got 10 bytes of deflate, want the end of the stream"},
		{"plain text said to be zstd", "zstd", strings.NewReader(pair), 400, "the body cannot be decoded as zstd: invalid input: magic number mismatch"},
		{"zstd with a wide window", "zstd", &wide, 400, "the body cannot be decoded: want a zstd window of at most 8388608 bytes"},
		{"an encoding that is not known", "br", strings.NewReader(pair), 415, "Content-Encoding header [br] is not supported, want gzip, deflate, zstd or identity"},
		{"gzip twice", "gzip, gzip", strings.NewReader(pair), 415, "Content-Encoding header [gzip, gzip] is not supported, want gzip, deflate, zstd or identity"},
		{"a body whose connection breaks", "", io.MultiReader(strings.NewReader(pair), iotest.ErrReader(io.ErrUnexpectedEOF)), 400, "the body ends before its end: got 16 bytes, then unexpected EOF"},
		{"gzip whose connection breaks", "gzip", io.MultiReader(bytes.NewReader(cut[:50]), iotest.ErrReader(io.ErrUnexpectedEOF)), 400, "the body ends before its end: got 50 bytes, then unexpected EOF"},
		{"a body that is too long and says so", "", strings.NewReader(strings.Repeat(" ", 9<<20)), 413, "entity content is too long [9437184] for the configured buffer limit [8388608]: bytes of the body"},
		{"a body that is too long", "", &repeated{text: many, n: 1000}, 413, "entity content is too long [8388609] for the configured buffer limit [8388608]: bytes of the body"},
		{"an endless document", "", io.MultiReader(strings.NewReader("{\"index\":{}}\n"), &repeated{text: "x", n: 1 << 30}), 413, "entity content is too long [8388609] for the configured buffer limit [8388608]: bytes of the body"},
		{"an endless action", "", &repeated{text: "x", n: 1 << 30}, 400, "Malformed action/metadata line [1], expected at most 1048576 bytes"},
		{"a long body of little gzip", "gzip", bytes.NewReader(packed(t, "gzip", strings.Repeat(many, 110))), 413, "bytes of the decoded body"},
		{"a gzip bomb", "gzip", bytes.NewReader(packed(t, "gzip", "{\"index\":{}}\n"+strings.Repeat("\x00", 14<<20))), 413, "bytes of compressed body may unpack to"},
		{"a zstd bomb", "zstd", bytes.NewReader(packed(t, "zstd", "{\"index\":{}}\n"+strings.Repeat("\x00", 14<<20))), 413, "bytes of compressed body may unpack to"},
		{"ids without end", "", &repeated{text: "{\"index\":{\"_id\":\"" + strings.Repeat("x", 400) + "\"}}\n{}\n", n: 10000}, 413, "for the configured buffer limit [1048576]: bytes to remember for the answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := handler(t, nothing, func(o *Options) { o.MaxBodyBytes, o.MaxDecodedBytes, o.MaxAnswerBytes = 8<<20, 16<<20, 1<<20 })
			for range 2 { // with what the first has left behind, too
				w := ask(t, h, "POST /_bulk", tt.body, "Content-Encoding: "+tt.encoding)
				reason, _ := look(t, w.Body.String(), "error", "reason").(string)
				reason, _, _ = strings.Cut(reason, " (")
				if w.Code != tt.status || !strings.HasSuffix(reason, tt.want) {
					t.Errorf("got %d %.300s, want %d %s", w.Code, w.Body, tt.status, tt.want)
				}
				seeker, ok := tt.body.(io.Seeker)
				if !ok {
					break
				}
				seeker.Seek(0, io.SeekStart)
			}
			if w := ask(t, h, "POST /_bulk", bytes.NewReader(cut), "Content-Encoding: gzip"); w.Code != 200 {
				t.Errorf("a good request behind it: got %d %s", w.Code, w.Body)
			}
		})
	}
}

// TestStoredBefore checks that a client is told what is stored of a request that failed.
func TestStoredBefore(t *testing.T) {
	m := &memory{}
	h := handler(t, m, func(o *Options) { o.MaxDocs = 2 })
	w := ask(t, h, "POST /i/_bulk", strings.NewReader(strings.Repeat("{\"index\":{}}\n{}\n", 5)+"rubbish\n"))
	want := "Malformed action/metadata line [11], expected a JSON object but found [rubbish] (4 documents before it are stored; sent again, those with an _id are kept once)"
	if got := look(t, w.Body.String(), "error", "reason"); w.Code != 400 || got != want || len(m.docs) != 4 {
		t.Errorf("got %d %v with %d documents, want 400 %s", w.Code, got, len(m.docs), want)
	}
}

func TestManyReasons(t *testing.T) {
	h := handler(t, sinkFunc(func(_ context.Context, docs []ingest.Document, outcomes []ingest.Outcome) error {
		for i, d := range docs {
			outcomes[i] = ingest.Outcome{Status: ingest.Rejected, Reason: "got " + string(d.Source) + strings.Repeat(" and so on", 100)}
		}
		return nil
	}), func(o *Options) { o.MaxAnswerBytes = 1 << 20 })
	var body strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&body, "{\"index\":{}}\n{\"n\":%d}\n", i)
	}
	got := items(t, ask(t, h, "POST /i/_bulk", strings.NewReader(body.String())))
	if len(got) != 3000 || !strings.Contains(got[999], `got {"n":999} and so on`) || len(got[999]) > 600 || !strings.HasSuffix(got[1000], "for more reasons than are kept") || got[2999] != got[1000] {
		t.Errorf("got %d items: %s, %s, %s", len(got), got[999], got[1000], got[2999])
	}
}

// TestManyNames checks that index names count as what is remembered.
func TestManyNames(t *testing.T) {
	var body strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&body, "{\"index\":{\"_index\":\"name-%d\"}}\n{}\n", i)
	}
	m := &memory{}
	if got := items(t, ask(t, handler(t, m, nil), "POST /i/_bulk", strings.NewReader(body.String()))); got[2999] != "index name-2999/* 201 created" || m.docs[1234] != "name-1234/ {}" {
		t.Errorf("got %s, %s", got[2999], m.docs[1234])
	}
	if w := ask(t, handler(t, m, func(o *Options) { o.MaxAnswerBytes = 100 << 10 }), "POST /i/_bulk", strings.NewReader(body.String())); w.Code != 413 {
		t.Errorf("got %d, want 413", w.Code)
	}
}

// TestMemory sends 200 MB and watches what is held.
func TestMemory(t *testing.T) {
	line := "{\"create\":{}}\n{\"message\":\"" + strings.Repeat("x", 1200) + "\"}\n"
	var most, count atomic.Int64
	h := handler(t, sinkFunc(func(_ context.Context, docs []ingest.Document, _ []ingest.Outcome) error {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		most.Store(max(most.Load(), int64(stats.HeapAlloc)))
		count.Add(int64(len(docs)))
		return nil
	}), func(o *Options) { o.MaxBodyBytes = 1 << 30 })
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 200 << 20 / len(line)
	w := ask(t, h, "POST /i/_bulk?filter_path=errors", &repeated{text: line, n: n})
	if w.Body.String() != `{"errors":false}` || count.Load() != int64(n) {
		t.Errorf("got %d %s, %d documents, want %d", w.Code, w.Body, count.Load(), n)
	}
	if held := most.Load() - int64(before.HeapAlloc); held > 16<<20 {
		t.Errorf("got %d bytes held, want at most a few blocks", held)
	}
}

func TestPlaces(t *testing.T) {
	inside, leave := make(chan bool), make(chan bool)
	h := handler(t, sinkFunc(func(context.Context, []ingest.Document, []ingest.Outcome) error {
		inside <- true
		<-leave
		return nil
	}), func(o *Options) { o.MaxRequests = 2 })
	const body = "{\"index\":{}}\n{}\n"
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if w := ask(t, h, "POST /_bulk", strings.NewReader(body)); w.Code != 200 {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		})
		<-inside
	}
	w := ask(t, h, "POST /_bulk", strings.NewReader(body))
	want := `"type":"es_rejected_execution_exception","reason":"rejected execution of coordinating operation: 2 requests are being served, no more at a time"},"status":429}`
	if w.Code != 429 || !strings.HasSuffix(w.Body.String(), want) || w.Header().Get("Retry-After") != "1" {
		t.Errorf("one too many: got %d %s %v", w.Code, w.Body, w.Header())
	}
	if n := h.Serving(); n != 2 {
		t.Errorf("got %d requests that are served, want 2", n)
	}
	if w := ask(t, h, "GET /", nil); w.Code != 200 {
		t.Errorf("without documents: got %d", w.Code)
	}
	close(leave)
	group.Wait()
	group.Go(func() { <-inside })
	if w := ask(t, h, "POST /i/_doc", strings.NewReader("{}")); w.Code != 201 {
		t.Errorf("when there is room again: got %d %s", w.Code, w.Body)
	}
	group.Wait()
}

// A pipes is a listener whose connections are pipes, which know the clock of synctest.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error {
	close(p)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// serve runs f with a way to connect to a server of h, all in a bubble with a clock of its own.
func serve(t *testing.T, sink ingest.Sink, change func(*Options), f func(t *testing.T, dial func() net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		listener := make(pipes)
		server := &http.Server{Handler: handler(t, sink, change)}
		done := make(chan error)
		go func() { done <- server.Serve(listener) }()
		f(t, func() net.Conn {
			here, there := net.Pipe()
			listener <- there
			return here
		})
		server.Close()
		<-done
		time.Sleep(time.Second) // of the bubble: the server lingers over a connection it ends
	})
}

func TestSlowClients(t *testing.T) {
	for _, tt := range []struct {
		name   string
		length int
		pause  time.Duration // between bytes; 0 is for ever
	}{
		{"a client that stops sending", 1000000, 0},
		{"a client that stops shortly before its end", 100, 0},
		{"a client that sends drop by drop", 1000000, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			serve(t, nothing, nil, func(t *testing.T, dial func() net.Conn) {
				conn := dial()
				began := time.Now()
				var group sync.WaitGroup
				group.Go(func() {
					fmt.Fprintf(conn, "POST /i/_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{\"index\":{}}\n", tt.length)
					for tt.pause > 0 {
						time.Sleep(tt.pause)
						if _, err := io.WriteString(conn, " "); err != nil {
							return
						}
					}
				})
				in := bufio.NewReader(conn)
				w, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Body.Close()
				text, _ := io.ReadAll(w.Body)
				if took := time.Since(began); w.StatusCode != http.StatusRequestTimeout || took != time.Minute {
					t.Errorf("got %d %s after %v, want 408 after a minute", w.StatusCode, text, took)
				}
				if reason, _ := look(t, string(text), "error", "reason").(string); !strings.HasSuffix(reason, "want more of it within 1m0s and at least 4096 bytes a second") {
					t.Errorf("got reason %q", reason)
				}
				if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil || time.Since(began) > 61*time.Second {
					t.Errorf("got %q, %v behind the answer after %v, want the connection closed", rest, err, time.Since(began))
				}
				conn.Close()
				group.Wait()
			})
		})
	}
}

// TestPatience checks that neither a slow but steady client nor a slow sink is cut off, and
// that a deadline does not outlast its request.
func TestPatience(t *testing.T) {
	slow := sinkFunc(func(ctx context.Context, _ []ingest.Document, _ []ingest.Outcome) error {
		select {
		case <-time.After(5 * time.Minute):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	serve(t, slow, func(o *Options) { o.MaxDocs = 400 }, func(t *testing.T, dial func() net.Conn) {
		conn := dial()
		in := bufio.NewReader(conn)
		pair := "{\"index\":{}}\n{\"a\":\"" + strings.Repeat("x", 5<<10) + "\"}\n"
		for range 2 {
			go func() {
				fmt.Fprintf(conn, "POST /i/_bulk?filter_path=errors HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 500*len(pair))
				for range 500 {
					time.Sleep(time.Second)
					io.WriteString(conn, pair)
				}
			}()
			w, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(w.Body)
			w.Body.Close()
			if w.StatusCode != http.StatusOK || string(text) != `{"errors":false}` {
				t.Errorf("got %d %s", w.StatusCode, text)
			}
			time.Sleep(time.Hour)
		}
		conn.Close()
	})
}

// TestDeafClients checks that clients that do not read their answers, or hardly, do not keep
// their places.
func TestDeafClients(t *testing.T) {
	for _, tt := range []struct {
		name        string
		docs        int
		pause       time.Duration // between 64 KiB that are read; 0 is for ever
		least, most time.Duration
	}{
		{"a short answer", 100, 0, time.Minute, time.Minute},
		{"a long answer", 10000, 0, time.Minute, time.Minute},
		{"a long answer drop by drop", 100_000, 20 * time.Second, time.Minute + time.Second, 4 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tallies atomic.Int64
			serve(t, nothing, func(o *Options) { o.MaxRequests, o.Observe = 1, func(Tally) { tallies.Add(1) } }, func(t *testing.T, dial func() net.Conn) {
				deaf := dial()
				body := strings.Repeat("{\"index\":{}}\n{}\n", tt.docs)
				fmt.Fprintf(deaf, "POST /i/_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				var group sync.WaitGroup
				group.Go(func() {
					for n := int64(64 << 10); tt.pause > 0 && n > 0; {
						time.Sleep(tt.pause)
						n, _ = io.CopyN(io.Discard, deaf, n)
					}
				})
				began := time.Now()
				for tallies.Load() == 0 && time.Since(began) <= tt.most {
					time.Sleep(time.Second)
					synctest.Wait()
				}
				if took := time.Since(began); took < tt.least || took > tt.most {
					t.Errorf("got the place free after %v, want %v to %v", took, tt.least, tt.most)
				}
				deaf.Close()
				group.Wait()

				conn := dial()
				io.WriteString(conn, "POST /i/_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n{\"index\":{}}\n{}\n")
				w, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil || w.StatusCode != http.StatusOK {
					t.Fatalf("the next client: got %v, %v", w, err)
				}
				w.Body.Close()
				conn.Close()
			})
		})
	}
}

// TestRefusedUnread checks that a client that sends much reads why it is refused, and that
// one that waits for leave to send gets an answer instead.
func TestRefusedUnread(t *testing.T) {
	var awaited atomic.Int64
	server := httptest.NewServer(handler(t, nothing, func(o *Options) {
		o.Authorize = func(*http.Request) error { return &Refusal{Status: http.StatusUnauthorized} }
		o.Observe = func(tally Tally) { awaited.Store(tally.BytesReceived) }
	}))
	defer server.Close()
	client := server.Client()
	client.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
	for _, expect := range []string{"", "100-continue"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/_bulk", &repeated{text: "{\"index\":{}}\n{}\n", n: 500000})
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Expect", expect)
		w, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(w.Body)
		w.Body.Close()
		if w.StatusCode != http.StatusUnauthorized || err != nil || look(t, string(text), "status") != 401.0 {
			t.Errorf("Expect %q: got %d %s, %v", expect, w.StatusCode, text, err)
		}
		if sent := awaited.Load() > 0; sent != (expect == "") {
			t.Errorf("Expect %q: got %d bytes of the body", expect, awaited.Load())
		}
	}
}

// TestRefusedUnsent checks that a client that is refused and does not send its body need not
// wait long for its answer.
func TestRefusedUnsent(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		want          int
	}{
		{"too long a body", "POST /i/_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n", http.StatusRequestEntityTooLarge},
		{"too long a body, of which some is sent", "POST /i/_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n{", http.StatusRequestEntityTooLarge},
		{"an encoding that is not known", "POST /i/_bulk HTTP/1.1\r\nHost: x\r\nContent-Encoding: br\r\nContent-Length: 10\r\n\r\n", http.StatusUnsupportedMediaType},
		{"a question with a body", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			serve(t, nothing, nil, func(t *testing.T, dial func() net.Conn) {
				conn := dial()
				defer conn.Close()
				began := time.Now()
				go io.WriteString(conn, tt.request)
				w, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				w.Body.Close()
				if took := time.Since(began); w.StatusCode != tt.want || took != discardPatience {
					t.Errorf("got %d after %v, want %d after %v", w.StatusCode, took, tt.want, discardPatience)
				}
			})
		})
	}
}

// TestManyClients runs good and bad clients side by side.
func TestManyClients(t *testing.T) {
	m := &memory{}
	server := httptest.NewServer(handler(t, m, func(o *Options) { o.MaxDocs, o.BatchBytes, o.MaxLineBytes, o.MaxRequests = 50, 8<<10, 4<<10, 1000 }))
	defer server.Close()
	const clients, requests, each = 32, 5, 100
	var group sync.WaitGroup
	for c := range clients {
		group.Go(func() {
			for n := range requests {
				var body strings.Builder
				for i := range each {
					fmt.Fprintf(&body, "{\"create\":{\"_id\":\"%d-%d-%d\"}}\n{\"client\":%d}\n", c, n, i, c)
				}
				encoding := []string{"", "gzip", "zstd", "deflate"}[c%4]
				text := packed(t, encoding, body.String())
				if c%8 == 7 {
					text = text[:len(text)-20] // and is never whole
				}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+fmt.Sprintf("/i%d/_bulk", c), bytes.NewReader(text))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Encoding", encoding)
				w, err := server.Client().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				answer, _ := io.ReadAll(w.Body)
				w.Body.Close()
				created := bytes.Count(answer, fmt.Appendf(nil, `"_index":"i%d","_id":"%d-%d-`, c, c, n))
				if want := c%8 != 7; want != (w.StatusCode == http.StatusOK) || want && created != each {
					t.Errorf("client %d: got %d with %d created: %.300s", c, w.StatusCode, created, answer)
				}
			}
		})
	}
	group.Wait()
	seen := map[string]int{}
	for _, d := range m.docs {
		index, rest, _ := strings.Cut(d, "/")
		id, source, _ := strings.Cut(rest, " ")
		client, _, _ := strings.Cut(id, "-")
		if index != "i"+client || source != `{"client":`+client+"}" {
			t.Fatalf("got %q: texts of two requests were mixed", d)
		}
		seen[client]++
	}
	for c := range clients {
		if got := seen[fmt.Sprint(c)]; c%8 != 7 && got != requests*each {
			t.Errorf("client %d: got %d documents, want %d", c, got, requests*each)
		}
	}
}

// TestGone checks that a client that goes away while its documents are put ends the Put.
func TestGone(t *testing.T) {
	inside, ended := make(chan bool), make(chan error)
	server := httptest.NewServer(handler(t, sinkFunc(func(ctx context.Context, _ []ingest.Document, _ []ingest.Outcome) error {
		inside <- true
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}), nil))
	defer server.Close()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "POST /i/_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n{\"index\":{}}\n{}\n")
	<-inside
	conn.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
