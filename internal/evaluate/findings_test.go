package evaluate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// doc returns a document of the run that ends at an hour of 2026-01-01: who, in JSON, its
// beacon_stats and the rest of its fresnel.
func doc(hour int, who, stats, more string) string {
	return fmt.Sprintf(`{"@timestamp":"2026-01-01T00:00:00.000Z",%s,"beacon_stats":{%s},"fresnel":{"id":"x","run":{"end":"2026-01-01T%02d:00:00Z"},%s"schema":"1"}}`+"\n", who, stats, hour, more)
}

const (
	midnight = 1767225600 // 2026-01-01T00:00:00Z
	ws1      = `"host":{"name":"ws-1"},"process":{"name":"a.exe"}`
	pair     = `"source":{"ip":"10.0.0.5"},"destination":{"ip":"192.0.2.3"}`
	three    = `"is_beaconing":true,"beaconing_score":3,"destination_ips":["192.0.2.1","192.0.2.9"]`
	few      = `"is_beaconing":false,"interval":1,"non_empty_buckets":1`
)

func risk(score, who string) string { return `"event":{"risk_score":` + score + `},` + who }

func TestFindings(t *testing.T) {
	labels := `{"host":"ws-1","process":"a.exe","dst":"192.0.2.1","beacon":true,"implant":"one"},
		{"host":"ws-1","process":"a.exe","dst":"192.0.2.7","beacon":null},
		{"src":"10.0.0.5","dst":"192.0.2.3","beacon":false,"periodic":true}`
	timed := func(destination string, p float64) string {
		return fmt.Sprintf(`"destination":{%s},"timing":{"kind":"sleep","p_value":%v},`, destination, p)
	}
	for _, tt := range []struct {
		name    string
		docs    string
		options Options
		want    []Row
		left    Counts
	}{
		{"the highest score of all runs, the first of them, all p-values",
			doc(8, risk("40", ws1), three, timed(`"ip":"192.0.2.1"`, 0.02)) + doc(6, risk("30.5", ws1), three, timed(`"ip":"192.0.2.1"`, 0.04)) + doc(7, risk("90", ws1), three, timed(`"ip":"192.0.2.1"`, 0.01)),
			Options{},
			[]Row{{Name: "ws-1, a.exe -> 192.0.2.1", Score: 90, Implants: []string{"one"}, First: midnight + 6*3600, PValues: []float64{0.02, 0.04, 0.01}}}, Counts{}},
		{"the reference's score where there is no other, the whole group by its contacts",
			doc(6, ws1, three, ""), Options{},
			[]Row{{Name: "ws-1, a.exe", Score: 3, Implants: []string{"one"}, First: midnight + 6*3600}}, Counts{}},
		{"a pair of addresses",
			doc(6, pair, three, ""), Options{},
			[]Row{{Name: "10.0.0.5 -> 192.0.2.3", Score: 3, Periodic: true, First: midnight + 6*3600}}, Counts{}},
		{"a domain is one destination, wherever it is",
			doc(6, risk("50", ws1), few, `"destination":{"ip":"192.0.2.50","domain":"X.test"},`) + doc(7, risk("60", ws1), few, `"destination":{"ip":"192.0.2.51","domain":"x.test","port":443},`),
			Options{},
			[]Row{{Name: "ws-1, a.exe -> x.test", Score: 60, First: midnight + 6*3600}}, Counts{}},
		{"rows by falling score, then name",
			doc(6, risk("5", ws1), few, `"destination":{"ip":"192.0.2.52"},`) + doc(6, risk("7", ws1), few, `"destination":{"ip":"192.0.2.53"},`) + doc(6, risk("5", ws1), few, `"destination":{"ip":"192.0.2.51"},`),
			Options{},
			[]Row{{Name: "ws-1, a.exe -> 192.0.2.53", Score: 7, First: midnight + 6*3600}, {Name: "ws-1, a.exe -> 192.0.2.51", Score: 5, First: midnight + 6*3600}, {Name: "ws-1, a.exe -> 192.0.2.52", Score: 5, First: midnight + 6*3600}}, Counts{}},
		{"what is not to be scored is left out",
			doc(6, risk("50", ws1), few, `"destination":{"ip":"192.0.2.7"},`), Options{}, nil, Counts{Undecided: 1}},
		{"without a label, left out where that is asked for",
			doc(6, risk("50", ws1), few, `"destination":{"ip":"192.0.2.8"},`) + doc(6, pair, three, ""), Options{IgnoreUnlabelled: true},
			[]Row{{Name: "10.0.0.5 -> 192.0.2.3", Score: 3, Periodic: true, First: midnight + 6*3600}}, Counts{Unlabelled: 1}},
		{"below the threshold in one run, then in all",
			doc(6, risk("10", ws1), few, timed(`"ip":"192.0.2.1"`, 0.5)) + doc(7, risk("20", ws1), few, timed(`"ip":"192.0.2.1"`, 0.25)) + doc(6, pair, few, ""), Options{MinScore: 20},
			[]Row{{Name: "ws-1, a.exe -> 192.0.2.1", Score: 20, Implants: []string{"one"}, First: midnight + 7*3600, PValues: []float64{0.5, 0.25}}, {Name: "10.0.0.5 -> 192.0.2.3", Periodic: true, Unlisted: true}}, Counts{}},
		{"other groups",
			doc(6, `"host":{"name":"ws-1"},"user":{"name":"eve"}`, three, "") + doc(6, `"host":{"name":"ws-1"},"user":{"name":"bob"}`, few, ""), Options{GroupBy: []string{"host.name", "user.name"}},
			[]Row{{Name: "ws-1, eve", Score: 3, Implants: []string{"one"}, First: midnight + 6*3600}, {Name: "ws-1, bob", First: midnight + 6*3600}}, Counts{}},
		{"empty lines", "\n" + doc(6, pair, three, "") + "\n", Options{},
			[]Row{{Name: "10.0.0.5 -> 192.0.2.3", Score: 3, Periodic: true, First: midnight + 6*3600}}, Counts{}},
		{"nothing", "", Options{}, nil, Counts{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := NewFindings(NewMatcher(read(t, labels)), tt.options)
			if err := f.Read(strings.NewReader(tt.docs)); err != nil {
				t.Fatal(err)
			}
			rows, left := f.Rows()
			if diff := cmp.Diff(tt.want, rows, cmpopts.IgnoreUnexported(Row{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if left != tt.left {
				t.Errorf("left out: got %+v, want %+v", left, tt.left)
			}
		})
	}
}

func TestFindingsSayWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name, docs string
		options    Options
		want       string
	}{
		{"no JSON", "\nfoo", Options{}, `line 2: want a document of fresnel scan --output ndjson: invalid character 'o' in literal false (expecting 'a')`},
		{"another form of output", "[", Options{}, `line 1: want a document of fresnel scan --output ndjson: unexpected end of JSON input`},
		{"an event", `{"host":{"name":"ws-1"}}`, Options{}, `line 1: fresnel.run.end: got none, want the document of a finding`},
		{"no statistics", `{"host":{"name":"ws-1"},"fresnel":{"run":{"end":"2026-01-01T06:00:00Z"}}}`, Options{}, `line 1: beacon_stats: got none, want the document of a finding`},
		{"a score in words", doc(6, risk(`"high"`, ws1), few, ""), Options{}, `line 1: event.risk_score: got string, want a number`},
		{"a p-value that is none", doc(6, ws1, few, `"timing":{"p_value":1.5},`), Options{}, `line 1: fresnel.timing.p_value: got 1.5, want 0 to 1`},
		{"no group", doc(6, `"user":{"name":"eve"}`, few, ""), Options{}, `line 1: got neither host.name and process.name nor source.ip; want --group-by with the fields that the scan grouped by`},
		{"not this group", doc(6, ws1, few, ""), Options{GroupBy: []string{"host.name", "user.name"}}, `line 1: user.name: got none, want the fields that --group-by names`},
		{"a long line", strings.Repeat(" ", maxDocumentBytes+1), Options{}, `line 1: got more than 16777216 bytes, want a document of fresnel scan --output ndjson`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := NewFindings(NewMatcher(read(t, "")), tt.options).Read(strings.NewReader(tt.docs))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func FuzzFindings(f *testing.F) {
	f.Add(doc(6, risk("40", ws1), three, `"destination":{"ip":"192.0.2.1"},"timing":{"p_value":0.1},`))
	f.Add(doc(6, pair, few, ""))
	f.Fuzz(func(t *testing.T, docs string) {
		m := NewMatcher(read(t, `{"host":"ws-1","process":"a.exe","dst":"192.0.2.1","beacon":true,"implant":"one"}`))
		findings := NewFindings(m, Options{})
		if findings.Read(strings.NewReader(docs)) != nil {
			return
		}
		rows, _ := findings.Rows()
		r, err := Rows(rows, m.Truth())
		if err != nil {
			t.Fatal(err)
		}
		if r.Found+len(r.Missed) != r.Implants || r.AveragePrecision < 0 || r.AveragePrecision > 1 {
			t.Errorf("got %+v", r)
		}
	})
}
