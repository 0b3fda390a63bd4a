//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"fresnel/internal/testkit"
)

// A bytesOpinion is what DuckDB says of the mean bytes per event of a group's buckets.
type bytesOpinion struct {
	Bounds  [2]*float64
	Buckets int // where they are not 0
}

// An opinion is what DuckDB says of a group.
type opinion struct {
	Group               [2]string
	NonEmptyBuckets     int `json:"non_empty_buckets"`
	Interval            int
	Source, Destination bytesOpinion
}

// A document is what of a result is compared.
type document struct {
	Host        struct{ Name string }
	Process     struct{ Name string }
	Source      struct{ IP string }
	Destination struct{ IP string }
	Stats       struct {
		NonEmptyBuckets             int `json:"non_empty_buckets"`
		Interval                    int
		SourceBytesPercentiles      *[2]float64 `json:"source_bytes_percentiles"`
		DestinationBytesPercentiles *[2]float64 `json:"destination_bytes_percentiles"`
	} `json:"beacon_stats"`
}

func decode[T any](t *testing.T, text []byte, each func(*T)) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		v := new(T)
		if err := json.Unmarshal(lines.Bytes(), v); err != nil {
			t.Fatalf("%v in %s", err, lines.Bytes())
		}
		each(v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// minNumberPeriods is the default of min_number_periods: bytes are tested in more buckets.
const minNumberPeriods = 6

// TestDuckDBReadsTheSame lets DuckDB read what the program reads, sum up by group and
// bucket, and compares what follows from the sums: the buckets with events, and the bounds of
// the mean bytes.
func TestDuckDBReadsTheSame(t *testing.T) {
	for _, kind := range []string{"zeek", "ecs"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "events.log")
			text := run(t, path(t), "go", "run", "./bench/gen", "-kind", kind, "-events", "150000", "-span", "8h", "-hosts", "30", "-processes", "20", "-destinations", "60")
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
			// The window begins and ends within the events, on no whole minute.
			const end, seconds = "2026-01-01T07:01:13Z", "1767250873"
			want := map[[2]string]opinion{}
			decode(t, run(t, dir, installed(t, "venv", "bin", "python"), path(t, "test", "integration", "sums.py"), kind, file, seconds),
				func(o *opinion) { want[o.Group] = *o })
			if len(want) < 400 {
				t.Fatalf("got %d groups of DuckDB, want hundreds", len(want))
			}

			groups, bounds := 0, 0
			decode(t, run(t, dir, path(t, "build", "fresnel"), "scan", "-q", "--no-filter", "--all", "--end", end, "-o", "ndjson", file), func(d *document) {
				key := [2]string{d.Host.Name, d.Process.Name}
				if kind == "zeek" {
					key = [2]string{d.Source.IP, d.Destination.IP}
				}
				o, ok := want[key]
				if !ok {
					t.Errorf("%v: DuckDB has no such group", key)
					return
				}
				groups++
				if d.Stats.NonEmptyBuckets != o.NonEmptyBuckets || d.Stats.Interval != o.Interval {
					t.Errorf("%v: got %d buckets within %d, want %d within %d", key, d.Stats.NonEmptyBuckets, d.Stats.Interval, o.NonEmptyBuckets, o.Interval)
				}
				for _, b := range []struct {
					name string
					got  *[2]float64
					want bytesOpinion
				}{{"source bytes", d.Stats.SourceBytesPercentiles, o.Source}, {"destination bytes", d.Stats.DestinationBytesPercentiles, o.Destination}} {
					if b.got == nil || b.want.Buckets <= minNumberPeriods {
						continue // not tested
					}
					bounds++
					testkit.Near(t, key[0]+", "+key[1]+": "+b.name+", lower bound", b.got[0], *b.want.Bounds[0], 1e-9)
					testkit.Near(t, key[0]+", "+key[1]+": "+b.name+", upper bound", b.got[1], *b.want.Bounds[1], 1e-9)
				}
			})
			if groups != len(want) {
				t.Errorf("got %d groups, want the %d of DuckDB", groups, len(want))
			}
			if bounds < groups {
				t.Errorf("got bounds of bytes %d times in %d groups, want them compared more often", bounds, groups)
			}
			t.Logf("%d groups, %d pairs of bounds agree", groups, bounds)
		})
	}
}
