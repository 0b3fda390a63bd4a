// Bulk measures what the service takes in: it starts the program over a new folder, sends it
// _bulk requests of documents of Elastic Defend's shape, several at a time, and prints events a second, and
// events a second of the processor time of the program alone, until the last one is acknowledged.
//
//	go run ./bench/bulk -program build/fresnel
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fresnel/internal/testkit/telemetry"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bulk:", err)
		os.Exit(1)
	}
}

func run() error {
	program := flag.String("program", "build/fresnel", "the program")
	events := flag.Int("events", 600_000, "events of a round")
	size := flag.Int("bytes", 1300, "about how long a document is, at most 1750")
	batch := flag.Int("batch", 2000, "events of a request")
	senders := flag.Int("senders", 4, "requests at a time")
	rounds := flag.Int("rounds", 3, "rounds, plain and gzip in turn")
	flag.Parse()

	plain, packed, docBytes, err := bodies(*events, *batch, *size)
	if err != nil {
		return err
	}
	fmt.Printf("%d documents of %d bytes, %d in a request, %d requests at a time\n", *events, docBytes, *batch, *senders)
	for range *rounds {
		for _, c := range []struct {
			encoding string
			bodies   [][]byte
		}{{"", plain}, {"gzip", packed}} {
			wall, processor, err := round(*program, c.encoding, c.bodies, *senders)
			if err != nil {
				return err
			}
			name := c.encoding
			if name == "" {
				name = "plain"
			}
			n := float64(*events)
			fmt.Printf("%-5s  %.3f M events/s, %.3f M a second of processor (%.0f MB of documents)\n",
				name, n/wall.Seconds()/1e6, n/processor.Seconds()/1e6, n*float64(docBytes)/processor.Seconds()/1e6)
		}
	}
	return nil
}

// optional are parts of documents that detection does not look at.
var optional = []*regexp.Regexp{
	regexp.MustCompile(`,"data_stream":\{[^}]*\}`),
	regexp.MustCompile(`"agent":\{[^}]*\},`),
	regexp.MustCompile(`"Ext":\{"ancestry":.*?\}\]\},`),
	regexp.MustCompile(`"os":\{"Ext":\{[^}]*\}[^}]*\},`),
}

// bodies returns the bodies of requests, plain and packed.
func bodies(events, batch, size int) (plain, packed [][]byte, docBytes int, err error) {
	g := telemetry.New(telemetry.Spec{
		Seed: 1, Start: time.Now().Add(-time.Hour), Span: time.Hour, Events: events,
		Hosts: 400, Processes: 25, Destinations: 5000,
	})
	var body, doc []byte
	total := 0
	for i := range events {
		doc = g.AppendECS(doc[:0])
		for _, part := range optional {
			if len(doc) > size {
				doc = part.ReplaceAll(doc, nil)
			}
		}
		total += len(doc)
		body = append(append(body, "{\"create\":{}}\n"...), doc...)
		if (i+1)%batch != 0 && i != events-1 {
			continue
		}
		plain = append(plain, bytes.Clone(body))
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		if err != nil {
			return nil, nil, 0, err
		}
		if _, err := z.Write(body); err != nil {
			return nil, nil, 0, err
		}
		if err := z.Close(); err != nil {
			return nil, nil, 0, err
		}
		packed = append(packed, b.Bytes())
		body = body[:0]
	}
	if !json.Valid(doc) {
		return nil, nil, 0, fmt.Errorf("got a shortened document that is no JSON: %s", doc)
	}
	return plain, packed, total / events, nil
}

var listening = regexp.MustCompile(`for shippers \(_bulk\): (http://\S+)`)

// round starts the program, sends all and ends it.
func round(program, encoding string, bodies [][]byte, senders int) (wall, processor time.Duration, err error) {
	dir, err := os.MkdirTemp("", "bulk-bench")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var log output
	cmd := exec.Command(program, "serve", "--data", dir, "--listen", "127.0.0.1:0", "--ingest", "127.0.0.1:0")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		err = errors.Join(err, cmd.Wait())
	}()
	var address string
	for begun := time.Now(); address == ""; time.Sleep(10 * time.Millisecond) {
		if m := listening.FindStringSubmatch(log.String()); m != nil {
			address = m[1]
		} else if time.Since(begun) > 30*time.Second {
			return 0, 0, fmt.Errorf("got no address in 30 s:\n%s", log.String())
		}
	}
	begun, before := time.Now(), processorTime(cmd.Process.Pid)
	var next atomic.Int64
	errs := make([]error, senders)
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(bodies)) && errs[i] == nil; n = next.Add(1) - 1 {
				errs[i] = send(address, encoding, bodies[n])
			}
		})
	}
	group.Wait()
	wall, processor = time.Since(begun), processorTime(cmd.Process.Pid)-before
	return wall, processor, errors.Join(errs...)
}

// send sends a request until it is taken.
func send(address, encoding string, body []byte) error {
	for {
		r, err := http.NewRequest(http.MethodPost, address+"/logs/_bulk", bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-ndjson")
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case err != nil:
			return err
		case resp.StatusCode == http.StatusTooManyRequests:
			time.Sleep(50 * time.Millisecond)
		case resp.StatusCode != http.StatusOK || !bytes.Contains(text[:min(len(text), 100)], []byte(`"errors":false`)):
			return fmt.Errorf("got %s and %.300s, want 200 without errors", resp.Status, text)
		default:
			return nil
		}
	}
}

// processorTime returns what a process has used so far: fields 14 and 15 of its stat, in hundredths of a second.
func processorTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// output collects what a process says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
