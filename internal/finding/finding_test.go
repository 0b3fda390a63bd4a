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
		for _, c := range slices.Concat(finding.Columns(r.Group.Fields), finding.RankedColumns()) {
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
				want = flat(x)
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

// flat is the flat form of a list: addresses with blanks between them, or reasons.
func flat(list []any) string {
	var all []string
	sep := " "
	for _, v := range list {
		if reason, ok := v.(map[string]any); ok {
			points, err := reason["points"].(json.Number).Float64()
			if err != nil {
				return err.Error()
			}
			v, sep = fmt.Sprintf("%s (%s)", reason["text"], finding.Points(points)), "; "
		}
		all = append(all, fmt.Sprint(v))
	}
	return strings.Join(all, sep)
}

func TestEveryFieldHasALabel(t *testing.T) {
	for _, f := range event.Fields() {
		if finding.Label(f) == "" {
			t.Errorf("%s has none", f)
		}
	}
}

func TestWordsForPeople(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{finding.Risk(99.5), "100"},
		{finding.Risk(0.4), "0"},
		{finding.Points(20), "+20"},
		{finding.Points(12.4), "+12"},
		{finding.Points(9.94), "+9.9"},
		{finding.Points(9.96), "+10"},
		{finding.Points(2.5), "+2.5"},
		{finding.Points(-0.7), "-0.7"},
		{finding.Points(0.04), "+0.04"},
		{finding.Points(-0.001), "0"},
		{finding.Jitter(0, "±"), "±0 %"},
		{finding.Jitter(0.0207, "±"), "±2.1 %"},
		{finding.Jitter(0.04, "+-"), "+-4 %"},
		{finding.Jitter(1, "±"), "±100 %"},
		{finding.Every(0.25), "0.3s"},
		{finding.Every(4.52), "4.5s"},
		{finding.Every(9.96), "10s"},
		{finding.Every(300.02), "5m"},
		{finding.Every(201.4), "3m 21s"},
		{finding.Every(599.7), "10m"},
		{finding.Every(1798.3), "30m"},
		{finding.Every(43190), "12h"},
		{finding.Every(1e300), "11574d 1h"},
		{findingtest.Ranked().Row.Place(), "cdn-sync.example.net"},
		{findingtest.More().Row.Place(), "2001:db8::5 +more"},
		{findingtest.Untimed().Row.Place(), "-"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	if strings.ContainsAny(findingtest.HostileRow().Row.Place(), "\x1b\u202e\n") {
		t.Error("a destination is not safe text")
	}
}

func TestReasonsForAndAgainst(t *testing.T) {
	reasons, against := findingtest.Ranked().Row.For()
	var got []string
	for _, r := range append(reasons, against...) {
		got = append(got, r.Code)
	}
	if want := []string{"timing", "folder", "signer", "destination_hosts", "period", "new_row", "jitter"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// ranking returns a ranking of results with room for traces.
func ranking(traces int, rs ...*finding.Result) *finding.Ranking {
	k := &finding.Ranking{Traces: traces}
	for _, r := range rs {
		k.Add(r)
	}
	return k
}

func TestRankingPutsTheRiskFirst(t *testing.T) {
	flagged := findingtest.FiveMinute() // three points, and not ranked
	flagged.Group.Values = []string{"a", "a"}
	var got []string
	for _, g := range ranking(0, flagged, findingtest.Untimed(), findingtest.More(), findingtest.Ranked(), findingtest.Unseen()).Ranked() {
		got = append(got, fmt.Sprint(g.Result.Group.Values, g.Result.Risk() > 0, g.Runs))
	}
	want := []string{"[ws-0142 updater.exe] true 1", "[ws-0021 sync-agent.exe] true 1", "[ws-0142 updater.exe] true 1", "[ws-0007 onedrive.exe] false 0", "[a a] false 1"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestRankingPrefersTheRunThatFoundATimer(t *testing.T) {
	found, before := findingtest.Ranked(), findingtest.Ranked()
	found.Stats.IsBeaconing, found.Stats.BeaconingScore, found.Stats.NonEmptyBuckets = false, 0, 3
	before.Stats.IsBeaconing, before.Stats.BeaconingScore, before.Row.Found = false, 0, false
	before.RunEnd -= 3600
	for _, rs := range [][]*finding.Result{{before, found}, {found, before}} {
		if g := ranking(0, rs...).Ranked()[0]; !g.Result.Row.Found || g.Runs != 1 {
			t.Errorf("got found %t in %d runs, want the run that found it", g.Result.Row.Found, g.Runs)
		}
	}
}

func TestRankingTakesOtherRowsApart(t *testing.T) {
	var got []string
	for _, g := range ranking(1, findingtest.Several()).Ranked() {
		r := g.Result
		got = append(got, fmt.Sprintf("%s %t %d %s", r.Row.Place(), r.Row.More, len(r.Others), finding.ID(r)[:8]))
	}
	var want []string
	for _, r := range []*finding.Result{findingtest.Ranked(), findingtest.More()} {
		want = append(want, fmt.Sprintf("%s %t 0 %s", r.Row.Place(), r.Row.More, finding.ID(r)[:8]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestMembersAreNamedByWhatDiffers(t *testing.T) {
	row := func(values ...string) *finding.Ranked {
		r := findingtest.Ranked()
		r.Group = finding.Group{Fields: []event.Field{event.HostName, event.ProcessName, event.DestinationDomain}, Values: values}
		return &finding.Ranked{Result: r}
	}
	g := row("ws-01", "a.exe", "one.example")
	g.Case = []*finding.Ranked{row("ws-01", "a.exe", "two.example"), row("ws-01", "b.exe", "one.example"), row("ws-02", "a.exe", "one.example")}
	if got, want := g.Members(), []string{"two.example", "b.exe", "ws-02"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFoldPutsACaseBehindItsFirstRow(t *testing.T) {
	all := ranking(0, append(findingtest.Case(), findingtest.More(), findingtest.Unseen(), findingtest.Few())...).Ranked()
	other := findingtest.Ranked() // a further destination of the first row, in its case
	other.Row.Address, other.Row.Domain, other.Row.More = findingtest.More().Row.Address, "", true
	other.Row.Assessment.Score = 80
	all = append(all, ranking(0, other).Ranked()...)

	folded := finding.Fold(all)
	var got []string
	for _, g := range folded {
		got = append(got, fmt.Sprintf("%s %d", g.Result.Group.Values[0], len(g.Case)))
	}
	if want := []string{"ws-0142 3", "ws-0021 0", "ws-0142 0", "ws-0007 0"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := folded[0].Members(), []string{"ws-0311", "srv-sharepoint-01.corp.example.com", "2001:db8::5"}; !slices.Equal(got, want) {
		t.Errorf("members: got %q, want %q", got, want)
	}
	if all[0].Case != nil {
		t.Error("Fold changed what it was given")
	}
}

func TestRankingKeepsTracesOfFirstRowsOfCases(t *testing.T) {
	k := finding.Ranking{Traces: 2}
	for i := range 20 { // enough for traces to be dropped several times
		r := findingtest.Ranked()
		r.Group.Values = []string{fmt.Sprint("host", i), "updater.exe"}
		r.Row.Assessment.Score -= float64(i)
		k.Add(r)
	}
	last := findingtest.Quarter()
	last.Row = findingtest.Unseen().Row
	k.Add(last)
	folded := finding.Fold(k.Ranked())
	if len(folded) != 2 || folded[0].Result.Trace == nil || folded[1].Result.Trace == nil {
		t.Errorf("got %d rows and traces %t, %t, want two with traces", len(folded), folded[0].Result.Trace != nil, folded[1].Result.Trace != nil)
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
