//go:build cgo

// Pages measures the dashboards: it fills a store with two weeks of hourly runs and their
// findings, and with the events of the last window, starts the program over it, and has Debian's
// Chromium open the pages and use them (web/test/e2e/bench.ts, which prints the tables).
//
//	go run ./bench/pages
//
// Only the times at which all of this was differ from one call to the next.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"fresnel/internal/store"
	"fresnel/internal/store/duckdb"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	perRun := flag.Int("findings", 298, "findings of a run; there are 336 runs")
	events := flag.Int("events", 1_000_000, "events of the last six hours")
	dir := flag.String("dir", "", "folder of the store; empty for a new one; one with runs is not filled")
	program := flag.String("program", "", "the program; empty builds it")
	rounds := flag.Int("rounds", 9, "how often each page is opened, and each thing done on it")
	starts := flag.Int("starts", 3, "how often the program is started for the pages that are opened first after it")
	fillOnly := flag.Bool("fill", false, "fill the store, and measure nothing")
	flag.Parse()
	temp, err := os.MkdirTemp("", "pages-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if *program == "" {
		*program = filepath.Join(temp, "fresnel")
		build := exec.Command("go", "build", "-trimpath", "-o", *program, "./cmd/fresnel")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("go build: %w", err)
		}
	}
	if *dir == "" {
		*dir = filepath.Join(temp, "data")
	}
	if err := fill(context.Background(), *dir, *perRun, *events); err != nil || *fillOnly {
		return err
	}
	path, err := filepath.Abs(*program)
	if err != nil {
		return err
	}
	data, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	test := exec.Command("npx", "playwright", "test", "-c", "test/e2e/bench.config.ts")
	test.Dir = "web"
	test.Env = append(os.Environ(), "FRESNEL="+path, "BENCH_DATA="+data, "BENCH_ROUNDS="+strconv.Itoa(*rounds), "BENCH_STARTS="+strconv.Itoa(*starts))
	test.Stdout, test.Stderr = os.Stdout, os.Stderr
	return test.Run()
}

// fill stores runs up to the last whole hour, unless there are some, and says what that took.
func fill(ctx context.Context, dir string, perRun, events int) (err error) {
	o := duckdb.DefaultOptions()
	o.Dir, o.Now, o.Log = dir, time.Now, slog.New(slog.DiscardHandler)
	s, err := duckdb.Open(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := s.LastRun(ctx); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	begun := time.Now()
	end := begun.Truncate(time.Hour).Unix()
	var bytes int64
	for n := range runs {
		r, findings := runOf(n, end-int64(runs-1-n)*3600, perRun)
		for i := range findings {
			bytes += int64(len(findings[i].Doc))
		}
		if err := s.SaveRun(ctx, r, findings, store.SliceChange{}); err != nil {
			return err
		}
	}
	took := time.Since(begun)
	begun = time.Now()
	if err := appendEvents(ctx, s, end, perRun, events); err != nil {
		return err
	}
	size, err := s.Size(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("stored %d findings of %d runs (%d B each) in %v and %d events in %v: %d MB\n", runs*perRun, runs, bytes/int64(runs*perRun),
		took.Round(time.Millisecond), size.Events, time.Since(begun).Round(time.Millisecond), size.Bytes>>20)
	return nil
}
