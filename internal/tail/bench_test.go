package tail

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/all"
	"fresnel/internal/testkit/telemetry"
)

// telemetryFile writes n events of a kind into a file of the benchmark.
func telemetryFile(b *testing.B, kind string, n int, compressed bool) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), kind+".log")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	g := telemetry.New(telemetry.Spec{
		Seed: 1, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Span: 6 * time.Hour, Events: n,
		Hosts: 400, Processes: 25, Destinations: 600,
	})
	buffered := bufio.NewWriterSize(f, 1<<20)
	var w io.Writer = buffered
	if compressed {
		z := gzip.NewWriter(buffered)
		defer func() {
			if z.Close() != nil || buffered.Flush() != nil {
				b.Fatal("the archive could not be written")
			}
		}()
		w = z
	}
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
	if err := buffered.Flush(); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkTail reads a file that is there before, decodes it and makes batches of it.
func BenchmarkTail(b *testing.B) {
	for _, bb := range []struct {
		name, kind string
		events     int
		gzip       bool
	}{{"zeek", "zeek", 1_000_000, false}, {"ecs", "ecs", 200_000, false}, {"zeek.gz", "zeek", 1_000_000, true}} {
		path := telemetryFile(b, bb.kind, bb.events, bb.gzip)
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(info.Size())
			b.ReportAllocs()
			for b.Loop() {
				e := &endless{}
				now := info.ModTime().Add(time.Hour)
				t, err := New(Options{
					Name: "logs", Paths: []string{path}, Formats: all.Formats, Source: source.Options{Fields: event.AllFields},
					Appender: e, PollEvery: DefaultPollEvery, Now: func() time.Time { return now },
				})
				if err != nil {
					b.Fatal(err)
				}
				for more := true; more; {
					if more, err = t.round(b.Context(), now); err != nil {
						b.Fatal(err)
					}
				}
				t.close()
				if got := e.events.Load(); got != int64(bb.events) {
					b.Fatalf("got %d events, want %d", got, bb.events)
				}
			}
			b.ReportMetric(float64(b.N*bb.events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkRound looks at many files in which nothing has changed.
func BenchmarkRound(b *testing.B) {
	for _, name := range []string{"folders are listed", "between"} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, documents)
			for i := range 1000 {
				w.add(fmt.Sprintf("%d/%d.log", i%26, i), w.next(1, true))
			}
			w.step()
			if name == "between" {
				w.tail.listAgain = w.now.Add(time.Hour)
			}
			for b.Loop() {
				if _, err := w.tail.round(b.Context(), w.now); err != nil {
					b.Fatal(err)
				}
			}
			w.complete()
		})
	}
}
