// Bulk measures what the service takes in: it starts the program over a new folder, sends it
// _bulk requests of documents of Elastic Defend's shape, several at a time, and prints events a second, and
// events a second of the processor time of the program alone, until the last one is acknowledged.
// No run is due meanwhile: it waits for late events as long as settings allow. Several programs are measured in
// turn. What stands behind the flags is given to the program.
//
//	go run ./bench/bulk -program build/fresnel
//	go run ./bench/bulk -program old/fresnel,build/fresnel
//	go run ./bench/bulk -rounds 1 -encodings plain -- --cpu-profile bulk.prof
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
	programs := flag.String("program", "build/fresnel", "the program, or several, separated by commas")
	encodings := flag.String("encodings", "plain,gzip", "the encodings, in turn")
	events := flag.Int("events", 600_000, "events of a round")
	size := flag.Int("bytes", 1300, "about how long a document is, at most 1750")
	batch := flag.Int("batch", 2000, "events of a request")
	senders := flag.Int("senders", 4, "requests at a time")
	rounds := flag.Int("rounds", 3, "rounds, each of all encodings and programs")
	flag.Parse()

	plain, packed, docBytes, err := bodies(*events, *batch, *size)
	if err != nil {
		return err
	}
	fmt.Printf("%d documents of %d bytes, %d in a request, %d requests at a time\n", *events, docBytes, *batch, *senders)
	bodies := map[string][][]byte{"plain": plain, "gzip": packed}
	for range *rounds {
		for encoding := range strings.SplitSeq(*encodings, ",") {
			for program := range strings.SplitSeq(*programs, ",") {
				r := round{program: program, args: flag.Args(), encoding: encoding, bodies: bodies[encoding], senders: *senders}
				wall, processor, err := r.run()
				if err != nil {
					return err
				}
				n := float64(*events)
				fmt.Printf("%s: %-5s  %.3f M events/s, %.3f M a second of processor (%.0f MB of documents)\n",
					program, encoding, n/wall.Seconds()/1e6, n/processor.Seconds()/1e6, n*float64(docBytes)/processor.Seconds()/1e6)
			}
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

// A round is one program over a new folder.
type round struct {
	program  string
	args     []string
	encoding string // plain or gzip
	bodies   [][]byte
	senders  int
}

// run starts the program, sends all and ends it.
func (r *round) run() (wall, processor time.Duration, err error) {
	if len(r.bodies) == 0 {
		return 0, 0, fmt.Errorf("encoding: got %q, want plain or gzip", r.encoding)
	}
	dir, err := os.MkdirTemp("", "bulk-bench")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var log output
	cmd := exec.Command(r.program, append([]string{
		"serve", "--data", dir, "--listen", "127.0.0.1:0", "--ingest", "127.0.0.1:0",
		"--set", "schedule.delay=24h",
	}, r.args...)...)
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
	errs := make([]error, r.senders)
	var group sync.WaitGroup
	for i := range r.senders {
		group.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(r.bodies)) && errs[i] == nil; n = next.Add(1) - 1 {
				errs[i] = send(address, r.encoding, r.bodies[n])
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
		if encoding != "plain" {
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
