package finding_test

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/testkit"
)

func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(finding.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("finding.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("finding.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func check(s *jsonschema.Schema, doc []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func everyField() *finding.Result {
	r := findingtest.FiveMinute()
	r.Group = finding.Group{}
	for _, f := range event.Fields() {
		if f == event.Timestamp {
			continue
		}
		v := map[event.Kind]string{event.KindText: "t", event.KindIP: "2001:db8::1", event.KindCount: "443", event.KindBool: "true", event.KindTime: "1767247200000000001"}[f.Kind()]
		r.Group.Fields = append(r.Group.Fields, f)
		r.Group.Values = append(r.Group.Values, v)
	}
	return r
}

func results() map[string]*finding.Result {
	ports := findingtest.Fast()
	ports.Group = finding.Group{
		Fields: []event.Field{event.ProcessPID, event.HostName, event.DestinationDomain, event.DestinationPort},
		Values: []string{"4711", "ws-0142", "cdn.example.net", "443"},
	}
	ports.Details = findingtest.FiveMinute().Details
	return map[string]*finding.Result{
		"a beacon of a process":              findingtest.FiveMinute(),
		"a beacon of two addresses":          findingtest.Fast(),
		"other group fields beside details":  ports,
		"a group that is not beaconing":      findingtest.Browser(),
		"a group with too few events":        findingtest.Few(),
		"values that attack who shows them":  findingtest.Hostile(),
		"a group by every field there is":    everyField(),
		"a group by nothing":                 {RunEnd: 1, LastNanos: 1e9, Stats: findingtest.Fast().Stats},
		"the largest and the smallest times": {RunEnd: math.MaxInt32, LastNanos: math.MinInt64, IngestedNanos: math.MaxInt64, Stats: findingtest.Few().Stats},
	}
}

func TestDocumentsKeepToTheSchema(t *testing.T) {
	s := schema(t)
	for name, r := range results() {
		doc := finding.AppendJSON(nil, r)
		if err := check(s, doc); err != nil {
			t.Errorf("%s: %v\n%s", name, err, doc)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	good := string(finding.AppendJSON(nil, findingtest.FiveMinute()))
	few := string(finding.AppendJSON(nil, findingtest.Few()))
	for _, c := range []struct{ name, doc, old, replacement string }{
		{"a field nobody knows", good, `"periodic":`, `"periodical":`},
		{"a missing field", good, `"periodic":true,`, ``},
		{"a number as text", good, `"interval":356`, `"interval":"356"`},
		{"half a bucket", good, `"interval":356`, `"interval":356.5`},
		{"a score of four", good, `"beaconing_score":3`, `"beaconing_score":4`},
		{"a beacon with too few events", few, `"is_beaconing":false`, `"is_beaconing":true`},
		{"a name for an address", good, `["203.0.113.9"]`, `["example.com"]`},
		{"a time in another zone", good, `Z","event"`, `+01:00","event"`},
		{"another version", good, `"schema":"1"`, `"schema":"2"`},
	} {
		doc := strings.Replace(c.doc, c.old, c.replacement, 1)
		if doc == c.doc {
			t.Fatalf("%s: %q is not in %s", c.name, c.old, c.doc)
		}
		if check(s, []byte(doc)) == nil {
			t.Errorf("%s: got no error for %s", c.name, doc)
		}
	}
}

func TestAppendJSONGolden(t *testing.T) {
	var b []byte
	for _, name := range []string{
		"a beacon of a process", "a beacon of two addresses", "other group fields beside details",
		"a group with too few events", "values that attack who shows them", "a group by every field there is",
	} {
		b = append(finding.AppendJSON(b, results()[name]), '\n')
	}
	testkit.Golden(t, "testdata/documents.ndjson", b)
}

// The plain second version: the document out of maps.
func TestAppendJSONAgainstMaps(t *testing.T) {
	for name, r := range results() {
		var got map[string]any
		if err := json.Unmarshal(finding.AppendJSON(nil, r), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := r.Stats
		stats := map[string]any{"is_beaconing": s.IsBeaconing, "interval": float64(s.Interval), "non_empty_buckets": float64(s.NonEmptyBuckets)}
		if s.Enough {
			ips := []any{}
			for _, d := range r.Destinations {
				ips = append(ips, d.IP.String())
			}
			for k, v := range map[string]any{
				"beaconing_score": float64(s.BeaconingScore), "low_source_bytes_variation": s.LowSourceBytesVariation,
				"low_destination_bytes_variation": s.LowDestinationBytesVariation, "low_count_variation": s.LowCountVariation, "periodic": s.Periodic,
				"mean_source_bytes": s.MeanSourceBytes, "std_dev_source_bytes": s.StdDevSourceBytes,
				"source_bytes_percentiles": []any{s.SourceBytesPercentiles[0], s.SourceBytesPercentiles[1]},
				"mean_destination_bytes":   s.MeanDestinationBytes, "std_dev_destination_bytes": s.StdDevDestinationBytes,
				"destination_bytes_percentiles": []any{s.DestinationBytesPercentiles[0], s.DestinationBytesPercentiles[1]},
				"mean_counts":                   s.MeanCounts, "variance_counts": s.VarianceCounts,
				"counts_percentiles": []any{s.CountsPercentiles[0], s.CountsPercentiles[1]},
				"autocovariance":     s.Autocovariance, "max_autocovariance_period": float64(s.MaxAutocovariancePeriod), "destination_ips": ips,
			} {
				stats[k] = v
			}
		}
		if diff := cmp.Diff(stats, got["beacon_stats"]); diff != "" {
			t.Errorf("%s: beacon_stats (-want +got):\n%s", name, diff)
		}
		for i, f := range r.Group.Fields {
			var v any = got
			for key := range strings.SplitSeq(f.String(), ".") {
				v = v.(map[string]any)[key]
			}
			want := any(r.Group.Values[i])
			switch f.Kind() {
			case event.KindCount:
				want = 443.0
				if f == event.ProcessPID && r.Group.Values[i] == "4711" {
					want = 4711.0
				}
			case event.KindBool:
				want = true
			case event.KindTime:
				want = "2026-01-01T06:00:00.000000001Z"
			}
			if v != want {
				t.Errorf("%s: %s: got %v, want %v", name, f, v, want)
			}
		}
	}
}

func TestTimesAreAsFineAsNeeded(t *testing.T) {
	for _, c := range []struct {
		nanos int64
		want  string
	}{
		{1767225600e9, "2026-01-01T00:00:00.000Z"},
		{1767225600e9 + 5e6, "2026-01-01T00:00:00.005Z"},
		{1767225600e9 + 5e3, "2026-01-01T00:00:00.000005Z"},
		{1767225600e9 + 5, "2026-01-01T00:00:00.000000005Z"},
		{-5, "1969-12-31T23:59:59.999999995Z"},
	} {
		r := findingtest.Few()
		r.LastNanos = c.nanos
		if doc := string(finding.AppendJSON(nil, r)); !strings.HasPrefix(doc, `{"@timestamp":"`+c.want+`"`) {
			t.Errorf("%d: got %s, want %s", c.nanos, doc, c.want)
		}
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("ws-01", "a\x00\u2028<>&\xff\"\\", `C:\x`, 0.1, int64(5), int64(7))
	f.Add("", "", "", -1e300, int64(math.MinInt64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, host, process, executable string, number float64, at, end int64) {
		r := findingtest.FiveMinute()
		r.Group.Values = []string{host, process}
		r.Details.ProcessExecutable = executable
		r.Stats.MeanSourceBytes = number
		r.LastNanos, r.RunEnd = at, end%1e11
		doc := finding.AppendJSON(nil, r)
		var got struct {
			Host    struct{ Name string }
			Process struct{ Name, Executable string }
			Stats   struct {
				Mean *float64 `json:"mean_source_bytes"`
			} `json:"beacon_stats"`
		}
		if err := json.Unmarshal(doc, &got); err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		for _, s := range []string{host, process} {
			want, _ := json.Marshal(s)
			if !bytes.Contains(doc, append([]byte(`"name":`), want...)) {
				t.Errorf("%q is not escaped as encoding/json does: %s", s, doc)
			}
		}
		if math.IsNaN(number) || math.IsInf(number, 0) {
			if got.Stats.Mean != nil {
				t.Errorf("got %v for %v, want null", *got.Stats.Mean, number)
			}
		} else if got.Stats.Mean == nil || *got.Stats.Mean != number {
			t.Errorf("got %v, want %v", got.Stats.Mean, number)
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	r := findingtest.FiveMinute()
	r.Trace = nil
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = finding.AppendJSON(dst[:0], r)
	}
	b.SetBytes(int64(len(dst)))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
}

func TestAddressesHaveOneSpelling(t *testing.T) {
	r := findingtest.FiveMinute()
	r.Destinations = []finding.Destination{{IP: netip.MustParseAddr("::ffff:192.0.2.1")}, {IP: netip.MustParseAddr("2001:0DB8::0001")}, {IP: netip.MustParseAddr("fe80::1%a\"b")}}
	want := `"destination_ips":["192.0.2.1","2001:db8::1","fe80::1"]`
	if doc := string(finding.AppendJSON(nil, r)); !strings.Contains(doc, want) {
		t.Errorf("got %s, want %s", doc, want)
	}
}
