// Demo runs the service over a day that ends now, for whoever has just cloned the repository, and
// says what to look at. The day is that of 60 simulated hosts, and that of the bundled sample.
//
//	make demo
//	make demo DEMO_ARGS="-listen 127.0.0.1:9440 -ingest 127.0.0.1:9441"
//
// It is in Go, and runs the program that make builds, so that it needs nothing more than that did.
package main

import (
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	// Ctrl-C reaches the service too; it takes the second signal for the first.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil && !interrupted {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// delay is how long after the end of a window the service makes its run (schedule.delay).
const delay = 2 * time.Minute

func run(ctx context.Context) (err error) {
	program := flag.String("program", "build/fresnel", "the program")
	listen := flag.String("listen", "127.0.0.1:8440", "`address` of the pages")
	ingest := flag.String("ingest", "127.0.0.1:8441", "`address` for shippers")
	flag.Parse()
	for _, address := range []string{*listen, *ingest} {
		if err := free(ctx, address); err != nil {
			return err
		}
	}
	if err := os.MkdirAll("build", 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("build", "demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	end := time.Now().Add(-delay).Truncate(time.Hour) // of the last run
	const day = 24 * time.Hour
	simulate := exec.CommandContext(ctx, *program, "simulate", "--scenario", "scenarios/day.yaml", "--seed", "7", "--quiet",
		"--start", end.Add(-day).UTC().Format(time.RFC3339), "--out", filepath.Join(dir, "day"))
	simulate.Stderr = os.Stderr
	if err := simulate.Run(); err != nil {
		return fmt.Errorf("%s simulate: %w", *program, err)
	}
	if err := shift("testdata/sample", filepath.Join(dir, "office"), end.Sub(sampleEnd)); err != nil {
		return err
	}
	s, err := start(ctx, *program, dir, *listen, *ingest)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.show(ctx, end); err != nil {
		return err
	}
	<-s.ended
	return s.failure()
}

// free reports that an address can be listened at.
func free(ctx context.Context, address string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken: end what listens there, or choose others, as with\n"+
			`  make demo DEMO_ARGS="-listen 127.0.0.1:9440 -ingest 127.0.0.1:9441"`, address)
	}
	if err != nil {
		return err
	}
	return l.Close()
}

// sampleEnd is when the day of the sample is over.
var sampleEnd = time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)

// times are those of the sample: in the first column of a Zeek log, and in JSON.
var times = regexp.MustCompile(`(?m)^\d{10}\b|\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\b`)

// shift copies a folder of gzip files, unpacked, with later times. At its own times the sample
// would be of no use here: the service forgets events of months ago, makes runs for the last
// week alone, and its pages open on the last six hours.
func shift(from, to string, by time.Duration) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		text, err := unpacked(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		text = times.ReplaceAllStringFunc(text, func(old string) string { return later(old, by) })
		return os.WriteFile(filepath.Join(to, strings.TrimSuffix(name, ".gz")), []byte(text), 0o600)
	})
}

func unpacked(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(z)
	return string(text), err
}

// later returns a time that times found, moved.
func later(old string, by time.Duration) string {
	if seconds, err := strconv.ParseInt(old, 10, 64); err == nil {
		return strconv.FormatInt(seconds+int64(by/time.Second), 10)
	}
	const layout = "2006-01-02T15:04:05"
	t, err := time.Parse(layout, old)
	if err != nil { // it is no time
		return old
	}
	return t.Add(by).Format(layout)
}
