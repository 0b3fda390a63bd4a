package beacon

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fresnel/internal/series"
	"fresnel/internal/testkit"
)

// vectorsEnd is the run's time of the reference vectors.
var vectorsEnd = time.Date(2026, 1, 1, 6, 0, 0, 0, time.UTC).Unix()

type vectorEvent struct {
	time                          int64 // whole seconds
	sourceBytes, destinationBytes int64
}

type vectorGroup struct{ host, process string }

// vectorExpectation is one line of expected.ndjson.gz.
type vectorExpectation struct {
	Set        int              `json:"set"`
	Parameters vectorParameters `json:"parameters"`
	Host       string           `json:"host.name"`
	Process    string           `json:"process.name"`
	Stats      map[string]any   `json:"beacon_stats"`
}

// vectorParameters are the parameters as expected.ndjson.gz spells them.
type vectorParameters struct {
	NumberBucketsInRange            *int        `json:"number_buckets_in_range"`
	TimeBucketLength                *int        `json:"time_bucket_length"`
	NumberDestinationIPs            *int        `json:"number_destination_ips"`
	MaxBeaconingBytesCov            *float64    `json:"max_beaconing_bytes_cov"`
	MaxBeaconingCountRV             *float64    `json:"max_beaconing_count_rv"`
	TruncateAt                      *[2]float64 `json:"truncate_at"`
	MinBeaconingCountAutocovariance *float64    `json:"min_beaconing_count_autocovariance"`
	MaxJitter                       *float64    `json:"max_jitter"`
	MinNumberPeriods                *int        `json:"min_number_periods"`
	MinNotEmpty                     *float64    `json:"min_not_empty"`
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (v vectorParameters) params() Params {
	p := DefaultParams()
	set(&p.NumberBucketsInRange, v.NumberBucketsInRange)
	set(&p.TimeBucketLength, v.TimeBucketLength)
	set(&p.NumberDestinationIPs, v.NumberDestinationIPs)
	set(&p.MaxBeaconingBytesCov, v.MaxBeaconingBytesCov)
	set(&p.MaxBeaconingCountRV, v.MaxBeaconingCountRV)
	set(&p.TruncateAt, v.TruncateAt)
	set(&p.MinBeaconingCountAutocovariance, v.MinBeaconingCountAutocovariance)
	set(&p.MaxJitter, v.MaxJitter)
	set(&p.MinNumberPeriods, v.MinNumberPeriods)
	set(&p.MinNotEmpty, v.MinNotEmpty)
	return p
}

// smallest decodes a number, several numbers (the smallest counts) or a missing value.
type smallest int64

func (s *smallest) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		var list []int64
		if err := json.Unmarshal(b, &list); err != nil || len(list) == 0 {
			return err
		}
		least := list[0]
		for _, v := range list {
			least = min(least, v)
		}
		*s = smallest(least)
		return nil
	}
	return json.Unmarshal(b, (*int64)(s))
}

func readLines(t *testing.T, path string, line func([]byte) error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(z)
	for n := 1; ; n++ {
		b, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(b)) > 0 {
			if err := line(b); err != nil {
				t.Fatalf("%s: line %d: %v", path, n, err)
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func readEvents(t *testing.T, path string) map[vectorGroup][]vectorEvent {
	groups := map[vectorGroup][]vectorEvent{}
	readLines(t, path, func(b []byte) error {
		var e struct {
			Timestamp   time.Time `json:"@timestamp"`
			Host        struct{ Name string }
			Process     struct{ Name string }
			Source      struct{ Bytes smallest }
			Destination struct{ Bytes smallest }
		}
		if err := json.Unmarshal(b, &e); err != nil {
			return err
		}
		g := vectorGroup{e.Host.Name, e.Process.Name}
		groups[g] = append(groups[g], vectorEvent{e.Timestamp.Unix(), int64(e.Source.Bytes), int64(e.Destination.Bytes)})
		return nil
	})
	return groups
}

func buildSeries(events []vectorEvent, p Params) *series.Series {
	n := p.NumberBucketsInRange
	source, destination := make([]int64, n), make([]int64, n)
	s := &series.Series{Counts: make([]int64, n), SourceBytes: make([]float64, n), DestinationBytes: make([]float64, n)}
	for _, e := range events {
		age := vectorsEnd - e.time
		if age < 0 || age >= p.WindowSeconds() {
			continue
		}
		b := age / int64(p.TimeBucketLength)
		s.Counts[b]++
		source[b] += e.sourceBytes
		destination[b] += e.destinationBytes
	}
	for b, c := range s.Counts {
		if c != 0 {
			s.SourceBytes[b] = float64(source[b]) / float64(c)
			s.DestinationBytes[b] = float64(destination[b]) / float64(c)
		}
	}
	return s
}

// document is st as expected.ndjson.gz spells it, without destination_ips.
func document(st *Stats) map[string]any {
	d := map[string]any{
		"is_beaconing":      st.IsBeaconing,
		"interval":          float64(st.Interval),
		"non_empty_buckets": float64(st.NonEmptyBuckets),
	}
	if !st.Enough {
		return d
	}
	d["beaconing_score"] = float64(st.BeaconingScore)
	d["low_source_bytes_variation"] = st.LowSourceBytesVariation
	d["low_destination_bytes_variation"] = st.LowDestinationBytesVariation
	d["low_count_variation"] = st.LowCountVariation
	d["periodic"] = st.Periodic
	d["mean_source_bytes"] = st.MeanSourceBytes
	d["std_dev_source_bytes"] = st.StdDevSourceBytes
	d["source_bytes_percentiles"] = []any{st.SourceBytesPercentiles[0], st.SourceBytesPercentiles[1]}
	d["mean_destination_bytes"] = st.MeanDestinationBytes
	d["std_dev_destination_bytes"] = st.StdDevDestinationBytes
	d["destination_bytes_percentiles"] = []any{st.DestinationBytesPercentiles[0], st.DestinationBytesPercentiles[1]}
	d["mean_counts"] = st.MeanCounts
	d["variance_counts"] = st.VarianceCounts
	d["counts_percentiles"] = []any{st.CountsPercentiles[0], st.CountsPercentiles[1]}
	d["autocovariance"] = st.Autocovariance
	d["max_autocovariance_period"] = float64(st.MaxAutocovariancePeriod)
	return d
}

// TestReferenceVectors holds the numbers of the original for the cut of its vectors in the
// repository, and for the whole of them where the shared data are.
func TestReferenceVectors(t *testing.T) {
	t.Run("cut", func(t *testing.T) {
		holdVectors(t, filepath.Join(testkit.Root(t), "testdata", "reference-vectors"))
	})
	t.Run("whole", func(t *testing.T) {
		holdVectors(t, testkit.Shared(t, "data/reference-vectors"))
	})
}

func holdVectors(t *testing.T, dir string) {
	groups := readEvents(t, filepath.Join(dir, "events.ndjson.gz"))
	analyzers := map[Params]*Analyzer{}
	listed := map[Params]map[vectorGroup]bool{}
	readLines(t, filepath.Join(dir, "expected.ndjson.gz"), func(line []byte) error {
		var want vectorExpectation
		if err := json.Unmarshal(line, &want); err != nil {
			return err
		}
		delete(want.Stats, "destination_ips")
		p := want.Parameters.params()
		if analyzers[p] == nil {
			w, err := NewAnalyzer(p)
			if err != nil {
				return err
			}
			analyzers[p], listed[p] = w, map[vectorGroup]bool{}
		}
		g := vectorGroup{want.Host, want.Process}
		listed[p][g] = true
		s := buildSeries(groups[g], p)
		var fast Stats
		if err := analyzers[p].Analyze(s, &fast); err != nil {
			return err
		}
		plain, _ := reference(s, p)
		for version, st := range map[string]*Stats{"Analyze": &fast, "reference": &plain} {
			if diff := cmp.Diff(want.Stats, document(st), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
				t.Errorf("set %d, %v: %s differs (-want +got):\n%s", want.Set, g, version, diff)
			}
		}
		return nil
	})
	if len(analyzers) != 9 {
		t.Errorf("got %d sets of parameters, want 9", len(analyzers))
	}
	for p, w := range analyzers {
		for g, events := range groups {
			if listed[p][g] {
				continue
			}
			var st Stats
			if err := w.Analyze(buildSeries(events, p), &st); err != nil {
				t.Fatal(err)
			}
			if st.NonEmptyBuckets != 0 {
				t.Errorf("%v with %+v: got %d non-empty buckets, want none", g, p, st.NonEmptyBuckets)
			}
		}
	}
}
