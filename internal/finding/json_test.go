package finding_test

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

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

func rowOfEveryField() *finding.Result {
	r := everyField()
	r.Row = findingtest.Ranked().Row
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
		"all that the rank can say":          findingtest.Ranked(),
		"a further destination of a group":   findingtest.More(),
		"several destinations of a group":    findingtest.Several(),
		"a group outside of the window":      findingtest.Unseen(),
		"a row of which little is known":     findingtest.Untimed(),
		"a row that attacks who shows it":    findingtest.HostileRow(),
		"a row of a group by every field":    rowOfEveryField(),
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
	ranked := string(finding.AppendJSON(nil, findingtest.Ranked()))
	several := string(finding.AppendJSON(nil, findingtest.Several()))
	untimed := string(finding.AppendJSON(nil, findingtest.Untimed()))
	for _, c := range []struct{ name, doc, old, replacement string }{
		{"a field nobody knows", good, `"periodic":`, `"periodical":`},
		{"a missing field", good, `"periodic":true,`, ``},
		{"a number as text", good, `"interval":356`, `"interval":"356"`},
		{"half a bucket", good, `"interval":356`, `"interval":356.5`},
		{"a score of four", good, `"beaconing_score":3`, `"beaconing_score":4`},
		{"a beacon with too few events", few, `"is_beaconing":false`, `"is_beaconing":true`},
		{"a name for an address", good, `["203.0.113.9"]`, `["example.com"]`},
		{"a time in another zone", good, `Z","event"`, `+01:00","event"`},
		{"a score above 100", ranked, `"risk_score":93.4`, `"risk_score":193.4`},
		{"a row without a score", ranked, `"risk_score":93.40109905087813,`, ``},
		{"a score without a row", good, `"event":{`, `"event":{"risk_score":50.0,`},
		{"a row without its destination", untimed, `"destination":{"scope":"destination"},`, ``},
		{"a row without reasons", untimed, `,"reasons":[]`, ``},
		{"a scope nobody knows", ranked, `"scope":"destination"`, `"scope":"internet"`},
		{"a port that is none", ranked, `"port":8443`, `"port":84430`},
		{"an empty name", ranked, `"domain":"cdn-sync.example.net"`, `"domain":""`},
		{"a kind nobody knows", ranked, `"kind":"sleep"`, `"kind":"nap"`},
		{"a period of nothing", ranked, `"period_s":299.973`, `"period_s":0.0`},
		{"a jitter above the period", ranked, `"jitter":0.0207`, `"jitter":1.5`},
		{"a probability above 1", untimed, `"p_value":1.0`, `"p_value":1.5`},
		{"a period where no timer was found", untimed, `"found":false`, `"found":false,"period_s":5.0`},
		{"a timer without its regimes", ranked, `"regimes"`, `"regime"`},
		{"an hour of no day", ranked, `"active_hours":[0,`, `"active_hours":[24,`},
		{"a reason without points", ranked, `,"points":20.0`, ``},
		{"a reason without a name", ranked, `"code":"signer"`, `"code":""`},
		{"another destination without a score", several, `"risk_score":31.5,`, ``},
		{"another destination without a timer", several, `"kind":"growing",`, ``},
		{"no other destination", ranked, `"schema":"1"`, `"schema":"1","other_destinations":[]`},
		{"a case without an id", ranked, `"id":"b8cf43113d9c41d97e074f3058fe2396",`, ``},
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
		"all that the rank can say", "a further destination of a group", "several destinations of a group", "a group outside of the window",
		"a row of which little is known", "a row that attacks who shows it",
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
		row := map[string]any{}
		if r.Row != nil {
			row = rowOf(r.Row)
		}
		if diff := cmp.Diff(row, pick(got, "event.risk_score", rowKeys...)); diff != "" {
			t.Errorf("%s: row (-want +got):\n%s", name, diff)
		}
		others, _ := pick(got, "fresnel.other_destinations")["fresnel.other_destinations"].([]any)
		if len(others) != len(r.Others) {
			t.Errorf("%s: got %d other destinations, want %d", name, len(others), len(r.Others))
			continue
		}
		for i, w := range r.Others {
			other := map[string]any{"fresnel": others[i], "event": others[i]}
			if diff := cmp.Diff(rowOf(w), pick(other, "event.risk_score", rowKeys...)); diff != "" {
				t.Errorf("%s: other row %d (-want +got):\n%s", name, i, diff)
			}
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

// pick returns what stands at paths, leaving out what is not there.
func pick(doc map[string]any, path string, more ...string) map[string]any {
	picked := map[string]any{}
	for _, path := range append([]string{path}, more...) {
		var v any = doc
		for key := range strings.SplitSeq(path, ".") {
			object, _ := v.(map[string]any)
			v = object[key]
		}
		if v != nil {
			picked[path] = v
		}
	}
	return picked
}

var rowKeys = []string{"fresnel.destination", "fresnel.timing", "fresnel.reasons", "fresnel.case"}

// rowOf is what a document says of a row, out of maps.
func rowOf(w *finding.Row) map[string]any {
	at := func(nanos int64) string {
		layout := "2006-01-02T15:04:05.000Z"
		if nanos%1e6 != 0 {
			layout = "2006-01-02T15:04:05.000000Z"
		}
		return time.Unix(0, nanos).UTC().Format(layout)
	}
	destination := map[string]any{"scope": w.Scope}
	if w.Address.IsValid() {
		destination["ip"] = w.Address.String()
	}
	if w.Domain != "" {
		destination["domain"] = w.Domain
	}
	if w.Port != 0 {
		destination["port"] = float64(w.Port)
	}
	timer := map[string]any{
		"found": w.Found, "p_value": w.PValue, "q_value": w.QValue, "calls": float64(w.Calls), "callbacks": float64(w.Timing.Callbacks),
		"first": at(w.FirstNanos), "last": at(w.LastNanos),
	}
	if w.Found {
		hours, regimes := []any{}, []any{}
		for h := range 24 {
			if w.Timing.Hours&(1<<h) != 0 {
				hours = append(hours, float64(h))
			}
		}
		for _, g := range w.Timing.Regimes {
			regimes = append(regimes, map[string]any{
				"first": at(g.FirstMillis * 1e6), "last": at(g.LastMillis * 1e6), "callbacks": float64(g.Callbacks), "period_s": g.PeriodSeconds,
			})
		}
		for k, v := range map[string]any{
			"kind": w.Timing.Kind.String(), "period_s": w.Timing.Period, "jitter": w.Timing.Jitter,
			"missed": float64(w.Timing.Missed), "failed": float64(w.Timing.Failed), "active_hours": hours, "regimes": regimes,
		} {
			timer[k] = v
		}
	}
	reasons := []any{}
	for _, reason := range w.Assessment.Reasons {
		reasons = append(reasons, map[string]any{"code": reason.Code, "text": reason.Text, "points": reason.Points})
	}
	row := map[string]any{"event.risk_score": w.Assessment.Score, "fresnel.destination": destination, "fresnel.timing": timer, "fresnel.reasons": reasons}
	if w.Case != "" {
		row["fresnel.case"] = map[string]any{"id": w.Case, "rows": float64(w.CaseRows)}
	}
	return row
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
		r.Row = findingtest.Ranked().Row
		r.Row.Domain, r.Row.Assessment.Reasons[0].Text, r.Row.Timing.Period = host, process, number
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
		for key, s := range map[string]string{`"host":{"name":`: host, `"process":{"name":`: process, `"text":`: process, `"domain":`: host} {
			want, _ := json.Marshal(s)
			if !bytes.Contains(doc, append([]byte(key), want...)) && (key != `"domain":` || host != "") {
				t.Errorf("%s: %q is not escaped as encoding/json does: %s", key, s, doc)
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

// TestEncoder holds that documents of rows that come again, and of more rows than are remembered,
// are those of AppendJSON.
func TestEncoder(t *testing.T) {
	var e finding.Encoder
	write := func(r *finding.Result) {
		t.Helper()
		if diff := cmp.Diff(string(finding.AppendJSON([]byte("x"), r)), string(e.Append([]byte("x"), r))); diff != "" {
			t.Errorf("AppendJSON and Append differ:\n%s", diff)
		}
	}
	results := []*finding.Result{findingtest.FiveMinute(), findingtest.Ranked(), findingtest.Several(), findingtest.Untimed()}
	for range 3 {
		for _, r := range results {
			r.RunEnd += 3600
			write(r)
		}
	}
	for i := range 5000 {
		r := findingtest.Ranked()
		r.Row.Calls = int64(i)
		if i%1000 > 2 { // comparing takes a while
			e.Append(nil, r)
			continue
		}
		write(r)
		write(results[1])
	}
}
