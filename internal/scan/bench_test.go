package scan

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fresnel/internal/beacon"
	"fresnel/internal/detect"
	"fresnel/internal/files"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/source/all"
	"fresnel/internal/testkit/telemetry"
)

// telemetryFile writes n events of a kind into a file of the benchmark.
func telemetryFile(b *testing.B, kind string, n int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), kind)
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	g := telemetry.New(telemetry.Spec{
		Seed: 1, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Span: 6 * time.Hour, Events: n,
		Hosts: 400, Processes: 25, Destinations: 600,
	})
	w := bufio.NewWriterSize(f, 1<<20)
	line := telemetry.AppendZeekHeader(nil)
	if kind == "ecs" {
		line = nil
	}
	for range n {
		if kind == "ecs" {
			line = g.AppendECS(line)
		} else {
			line = g.AppendZeek(line)
		}
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
		line = line[:0]
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkScan reads, decodes, gathers and detects: the whole of a scan but for its output.
func BenchmarkScan(b *testing.B) {
	filterAll := filter.Default()
	filterAll.Enabled = false
	every, err := filter.Compile(filterAll)
	if err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		kind   string
		events int
	}{{"zeek", 3_000_000}, {"ecs", 500_000}} {
		path := telemetryFile(b, bb.kind, bb.events)
		found, _ := files.Expand([]string{path})
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/workers=%d", bb.kind, workers), func(b *testing.B) {
				b.SetBytes(found[0].Size)
				for b.Loop() {
					s, err := Run(b.Context(), Options{
						Files: found, Formats: all.Formats,
						Options: detect.Options{
							Filter: every, Params: beacon.DefaultParams(), Runs: detect.Runs{Mode: detect.Schedule, Every: 3600}, Workers: workers,
						},
					}, func(*finding.Result) error { return nil })
					if err != nil {
						b.Fatal(err)
					}
					if s.Events != int64(bb.events) || s.Bad != 0 {
						b.Fatalf("got %d events and %d bad records, want %d events", s.Events, s.Bad, bb.events)
					}
				}
				b.ReportMetric(float64(b.N*bb.events)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}
