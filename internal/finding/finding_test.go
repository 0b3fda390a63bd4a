package finding_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
)

func group(fields []event.Field, values ...string) *finding.Result {
	r := findingtest.Few()
	r.Group = finding.Group{Fields: fields, Values: values}
	return r
}

func TestID(t *testing.T) {
	hostProcess := []event.Field{event.HostName, event.ProcessName}
	base := group(hostProcess, "a", "b")
	id := finding.ID(base)
	if len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "" {
		t.Fatalf("got %q, want 64 hexadecimal digits", id)
	}
	same := group([]event.Field{event.ProcessName, event.HostName}, "b", "a")
	same.RunEnd += 3600
	same.Events++
	if got := finding.ID(same); got != id {
		t.Errorf("the same group and time in a later run: got %s, want %s", got, id)
	}
	newer := group(hostProcess, "a", "b")
	newer.LastNanos++
	for name, other := range map[string]*finding.Result{
		"a newer event":                newer,
		"other values":                 group(hostProcess, "a", "c"),
		"the values swapped":           group(hostProcess, "b", "a"),
		"a boundary moved":             group(hostProcess, "ab", ""),
		"other fields":                 group([]event.Field{event.HostName, event.UserName}, "a", "b"),
		"one field less":               group(hostProcess[:1], "a"),
		"a value that looks like more": group(hostProcess[:1], "a\x0cprocess.name\x01b"),
	} {
		if finding.ID(other) == id {
			t.Errorf("%s: got the same id", name)
		}
	}
	var doc struct {
		Own struct{ ID string } `json:"fresnel"`
	}
	if err := json.Unmarshal(finding.AppendJSON(nil, base), &doc); err != nil || doc.Own.ID != id {
		t.Errorf("id in the document: got %q, %v, want %q", doc.Own.ID, err, id)
	}
}

func TestCompare(t *testing.T) {
	var rs []*finding.Result
	for _, c := range []struct {
		score     int
		host, prc string
	}{{1, "a", "z"}, {3, "b", "b"}, {3, "b", "a"}, {0, "a", "a"}, {3, "a", "c"}} {
		r := group([]event.Field{event.HostName, event.ProcessName}, c.host, c.prc)
		r.Stats.BeaconingScore = c.score
		rs = append(rs, r)
	}
	slices.SortFunc(rs, finding.Compare)
	var got []string
	for _, r := range rs {
		got = append(got, fmt.Sprint(r.Stats.BeaconingScore, r.Group.Values))
	}
	if want := "3[a c] 3[b a] 3[b b] 1[a z] 0[a a]"; strings.Join(got, " ") != strings.ReplaceAll(want, "[", " [") {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestColumns(t *testing.T) {
	for name, r := range results() {
		if name == "the largest and the smallest times" {
			continue // its document and its columns are the same text, which the reader below would not find
		}
		var doc any
		d := json.NewDecoder(strings.NewReader(string(finding.AppendJSON(nil, r))))
		d.UseNumber()
		if err := d.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, c := range finding.Columns(r.Group.Fields) {
			if seen[c.Name] {
				t.Errorf("%s: column %q: twice or without a label", name, c.Name)
			}
			seen[c.Name] = true
			v := doc
			for key := range strings.SplitSeq(c.Name, ".") {
				switch x := v.(type) {
				case map[string]any:
					v = x[key]
				case []any:
					v = x[map[string]int{"lower": 0, "upper": 1}[key]]
				}
			}
			want := ""
			switch x := v.(type) {
			case nil:
			case []any:
				want = strings.Trim(fmt.Sprint(x...), "[]")
			default:
				want = fmt.Sprint(x)
			}
			got := string(c.Append(nil, r))
			if c.Text {
				got = strings.ToValidUTF8(got, "\ufffd")
			}
			if r.Group.Fields != nil && c.Name == "event.ingested" && slices.Contains(r.Group.Fields, event.Ingested) {
				continue // a group's time is its nanoseconds in flat form
			}
			if got != want {
				t.Errorf("%s: column %s: got %q, want %q as in the document", name, c.Name, got, want)
			}
		}
	}
}

func TestEveryFieldHasALabel(t *testing.T) {
	for _, f := range event.Fields() {
		if finding.Label(f) == "" {
			t.Errorf("%s has none", f)
		}
	}
}

func TestRankingKeepsTheBestRunOfAGroup(t *testing.T) {
	k := finding.Ranking{Traces: 1}
	add := func(process string, end int64, score int) {
		r := findingtest.FiveMinute()
		r.Group.Values = []string{"h", process}
		r.RunEnd, r.Stats.BeaconingScore, r.Stats.IsBeaconing = end, score, score > 0
		k.Add(r)
		r.Trace.Counts[0], r.Group.Values[0], r.Destinations[0].Count = -1, "changed by its owner", -1
	}
	add("late", 100, 2)
	add("late", 200, 2)
	add("early", 100, 3)
	add("early", 200, 1)
	add("never", 100, 0)
	add("last", 200, 3)

	var got []string
	for _, g := range k.Ranked() {
		r := g.Result
		got = append(got, fmt.Sprintf("%s %d@%d runs %d trace %t", r.Group.Values[1], r.Stats.BeaconingScore, r.RunEnd, g.Runs, r.Trace != nil))
		if r.Group.Values[0] != "h" || r.Destinations[0].Count < 0 || len(g.Counts) != 60 || r.Trace != nil && r.Trace.Counts[0] < 0 {
			t.Errorf("%v is not a copy", r.Group)
		}
	}
	want := []string{"early 3@100 runs 2 trace true", "last 3@200 runs 1 trace false", "late 2@200 runs 2 trace false", "never 0@100 runs 0 trace false"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
