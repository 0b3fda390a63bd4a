package scan

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"

	"fresnel/internal/beacon"
	"fresnel/internal/detect"
	"fresnel/internal/finding"
	"fresnel/internal/testkit"
)

// vectorsEnd is the end of the run of the reference vectors.
var vectorsEnd = time.Date(2026, 1, 1, 6, 0, 0, 0, time.UTC).Unix()

// A vectorSet is what the original answers under one set of parameters.
type vectorSet struct {
	params beacon.Params
	stats  map[[2]string]map[string]any // beacon_stats by host and process
}

// lines returns the lines of a gzip file.
func lines(t testing.TB, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var all []string
	s := bufio.NewScanner(z)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		all = append(all, s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return all
}

func vectorSets(t *testing.T, dir string) map[int]*vectorSet {
	t.Helper()
	sets := map[int]*vectorSet{}
	for i, line := range lines(t, filepath.Join(dir, "expected.ndjson.gz")) {
		var want struct {
			Set        int             `json:"set"`
			Parameters json.RawMessage `json:"parameters"`
			Host       string          `json:"host.name"`
			Process    string          `json:"process.name"`
			Stats      map[string]any  `json:"beacon_stats"`
		}
		if err := json.Unmarshal([]byte(line), &want); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		s := sets[want.Set]
		if s == nil {
			s = &vectorSet{beacon.DefaultParams(), map[[2]string]map[string]any{}}
			// The public names of parameters are the yaml names, and JSON is YAML.
			d := yaml.NewDecoder(bytes.NewReader(want.Parameters))
			d.KnownFields(true)
			if err := d.Decode(&s.params); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			sets[want.Set] = s
		}
		s.stats[[2]string{want.Host, want.Process}] = want.Stats
	}
	return sets
}

// A vectorEvent is an event of the reference vectors as encoding/json sees it.
type vectorEvent struct {
	Timestamp   time.Time `json:"@timestamp"`
	Event       struct{ Ingested *time.Time }
	Host        struct{ Name string }
	Process     struct{ Name string }
	Destination struct{ IP addresses }
}

// addresses decodes an address, a list of them, or none.
type addresses []netip.Addr

func (a *addresses) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]netip.Addr)(a))
	}
	*a = make(addresses, 1)
	return json.Unmarshal(b, &(*a)[0])
}

// A vectorGroup is what the events of a group in a window say beside the statistics.
type vectorGroup struct {
	newest    time.Time
	addresses map[string]int // by their one spelling: events
}

// vectorGroups counts addresses plainly: of several in an event the smallest counts.
func vectorGroups(t *testing.T, events []vectorEvent, p beacon.Params) map[[2]string]*vectorGroup {
	t.Helper()
	groups := map[[2]string]*vectorGroup{}
	for _, e := range events {
		if age := vectorsEnd - e.Timestamp.Unix(); age < 0 || age >= p.WindowSeconds() {
			continue
		}
		key := [2]string{e.Host.Name, e.Process.Name}
		g := groups[key]
		if g == nil {
			g = &vectorGroup{addresses: map[string]int{}}
			groups[key] = g
		}
		if e.Timestamp.After(g.newest) {
			g.newest = e.Timestamp
		}
		if len(e.Destination.IP) > 0 {
			as16 := func(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }
			least := slices.MinFunc(e.Destination.IP, func(a, b netip.Addr) int { return as16(a).Compare(as16(b)) })
			g.addresses[least.Unmap().String()]++
		}
	}
	return groups
}

// TestReferenceVectors holds the documents of the whole pipeline, from files to JSON,
// against what the original's own scripts answered: every group, every field, every number.
func TestReferenceVectors(t *testing.T) {
	t.Run("cut", func(t *testing.T) {
		holdVectors(t, filepath.Join(testkit.Root(t), "testdata", "reference-vectors"))
	})
	t.Run("whole", func(t *testing.T) {
		holdVectors(t, testkit.Shared(t, "data/reference-vectors"))
	})
}

func holdVectors(t *testing.T, dir string) {
	path := filepath.Join(dir, "events.ndjson.gz")
	var events []vectorEvent
	for i, line := range lines(t, path) {
		var e vectorEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: line %d: %v", path, i+1, err)
		}
		events = append(events, e)
	}
	sets := vectorSets(t, dir)
	if len(sets) != 9 {
		t.Errorf("got %d sets of parameters, want 9", len(sets))
	}
	for _, number := range slices.Sorted(maps.Keys(sets)) {
		t.Run(fmt.Sprintf("set %d", number), func(t *testing.T) {
			set := sets[number]
			o := every(t, path)
			o.Params = set.params
			o.Runs = detect.Runs{Mode: detect.At, End: vectorsEnd}
			text, s := documents(t, o)
			if s.Events != int64(len(events)) || s.Bad != 0 || s.OutOfRange != 0 || s.Runs != 1 {
				t.Errorf("got %d events, %d bad, %d out of range, %d runs; want %d, none, none, 1", s.Events, s.Bad, s.OutOfRange, s.Runs, len(events))
			}
			groups := vectorGroups(t, events, set.params)
			seen := map[[2]string]bool{}
			for line := range strings.Lines(text) {
				var got struct {
					Timestamp time.Time `json:"@timestamp"`
					Host      struct{ Name string }
					Process   struct{ Name string }
					Stats     map[string]any `json:"beacon_stats"`
				}
				if err := json.Unmarshal([]byte(line), &got); err != nil {
					t.Fatalf("%v: %s", err, line)
				}
				key := [2]string{got.Host.Name, got.Process.Name}
				want, ok := set.stats[key]
				switch {
				case !ok:
					t.Errorf("%v: got a document, want none", key)
					continue
				case seen[key]:
					t.Errorf("%v: got two documents, want one", key)
				}
				seen[key] = true
				if g := groups[key]; !got.Timestamp.Equal(g.newest) {
					t.Errorf("%v: got @timestamp %v, want %v", key, got.Timestamp, g.newest)
				}
				compareStats(t, key, got.Stats, want, groups[key], set.params.NumberDestinationIPs)
			}
			for key := range set.stats {
				if !seen[key] {
					t.Errorf("%v: got no document, want one", key)
				}
			}
		})
	}
}

// compareStats compares beacon_stats field by field: the same fields, numbers within 1e-9.
func compareStats(t *testing.T, key [2]string, got, want map[string]any, g *vectorGroup, k int) {
	t.Helper()
	got, want = maps.Clone(got), maps.Clone(want)
	gotIPs, gotAny := got["destination_ips"].([]any)
	wantIPs, wantAny := want["destination_ips"].([]any)
	delete(got, "destination_ips")
	delete(want, "destination_ips")
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("%v: beacon_stats differ (-want +got):\n%s", key, diff)
	}
	if gotAny != wantAny || len(gotIPs) != len(wantIPs) {
		t.Errorf("%v: destination_ips: got %v, want %v", key, gotIPs, wantIPs)
		return
	}
	names := func(list []any) (s []string) {
		for _, v := range list {
			s = append(s, v.(string))
		}
		return s
	}
	ours, theirs := names(gotIPs), names(wantIPs)
	for i, ip := range ours {
		if g.addresses[ip] == 0 || slices.Contains(ours[:i], ip) {
			t.Errorf("%v: destination_ips: got %v, want addresses of the group, each once", key, ours)
		}
	}
	counts := func(ips []string) (n []int) {
		for _, ip := range ips {
			n = append(n, g.addresses[ip])
		}
		return n
	}
	falling := func(a, b int) int { return b - a }
	highest := slices.SortedFunc(maps.Values(g.addresses), falling)
	highest = highest[:min(k, len(highest))]
	switch n := len(g.addresses); {
	case n <= k: // a set; in ours, by falling count
		if diff := cmp.Diff(slices.Sorted(slices.Values(theirs)), slices.Sorted(slices.Values(ours))); diff != "" {
			t.Errorf("%v: destination_ips differ (-want +got):\n%s", key, diff)
		}
		fallthrough
	case n <= 2*k: // counts are exact: the highest, ties in any order
		if gotAny && !slices.Equal(counts(ours), highest) {
			t.Errorf("%v: destination_ips: got %v with %v events, want those with %v", key, ours, counts(ours), highest)
		}
	default: // of more than 2K the summary's order of events decides, in the original too
	}
}

// TestReferenceVectorsHoweverTheyLie reads the vectors in other orders and files.
func TestReferenceVectorsHoweverTheyLie(t *testing.T) {
	dir := filepath.Join(testkit.Root(t), "testdata", "reference-vectors")
	events := lines(t, filepath.Join(dir, "events.ndjson.gz"))
	rand.New(rand.NewPCG(9, 0)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	shuffled := t.TempDir()
	for i, name := range []string{"0.ndjson", "1.ndjson.gz", "2.ndjson.zst", "3.json"} {
		var b strings.Builder
		for n := i; n < len(events); n += 4 {
			b.WriteString(events[n] + "\n")
		}
		write(t, filepath.Join(shuffled, "below", name), b.String())
	}
	for number, set := range vectorSets(t, dir) {
		t.Run(fmt.Sprintf("set %d", number), func(t *testing.T) {
			run := func(workers int, path string) string {
				o := every(t, path)
				o.Params, o.Workers = set.params, workers
				o.Runs = detect.Runs{Mode: detect.At, End: vectorsEnd}
				results, _ := scanned(t, o)
				for _, r := range results {
					if distinct := len(r.Destinations); distinct == set.params.NumberDestinationIPs && distinct < 10 {
						r.Destinations = nil // of more than 2K addresses the order of events decides
					}
				}
				return encoded(results)
			}
			want := run(1, filepath.Join(dir, "events.ndjson.gz"))
			for _, workers := range []int{1, 2, 5} {
				same(t, run(workers, filepath.Join(dir, "events.ndjson.gz")), want)
				same(t, run(workers, shuffled), want)
			}
			// The schedule comes to the same end, by cells that are put together.
			o := every(t, shuffled)
			o.Params = set.params
			var at []*finding.Result
			if _, err := Run(t.Context(), o, func(r *finding.Result) error {
				if r.RunEnd == vectorsEnd {
					if distinct := len(r.Destinations); distinct == set.params.NumberDestinationIPs && distinct < 10 {
						r.Destinations = nil
					}
					at = append(at, r)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			same(t, encoded(at), want)
		})
	}
}
