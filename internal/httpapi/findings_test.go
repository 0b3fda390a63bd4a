package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/store"
)

// A named is a document, as far as tests look at it.
type named struct {
	Event struct {
		RiskScore *float64 `json:"risk_score"`
	} `json:"event"`
	Host struct {
		Name string `json:"name"`
	} `json:"host"`
	Process struct {
		Name string `json:"name"`
	} `json:"process"`
	Fresnel struct {
		ID  string `json:"id"`
		Run struct {
			End time.Time `json:"end"`
		} `json:"run"`
		Destination struct {
			IP string `json:"ip"`
		} `json:"destination"`
		Timing struct {
			Period *float64 `json:"period_s"`
		} `json:"timing"`
	} `json:"fresnel"`
}

func namedOf(t testing.TB, d []byte) named {
	t.Helper()
	var n named
	if err := json.Unmarshal(d, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// UnmarshalJSON keeps the document as it is.
func (d *Document) UnmarshalJSON(text []byte) error {
	*d = slices.Clone(text)
	return nil
}

// UnmarshalJSON keeps the event as it is.
func (e *Event) UnmarshalJSON(text []byte) error {
	*e = slices.Clone(text)
	return nil
}

// listed returns host, run and score of each document.
func listed(t testing.TB, l FindingList) (lines []string) {
	t.Helper()
	for _, d := range l.Findings {
		n := namedOf(t, d)
		score := "-"
		if n.Event.RiskScore != nil {
			score = finding.Risk(*n.Event.RiskScore)
		}
		lines = append(lines, fmt.Sprintf("%s %s %s", n.Host.Name, n.Fresnel.Run.End.Format("15:04"), score))
	}
	return lines
}

func TestLatestIsTheNewestOfEachGroupAndDestination(t *testing.T) {
	s := open(t, Limits{})
	l := into[FindingList](s.get("/api/v1/findings"), http.StatusOK)
	want := []string{
		"=cmd|' /C calc'!A0 06:00 93", "ws-0142 06:00 93", "ws-0311 06:00 90", "srv-sharepoint-01.corp.example.com 06:00 87",
		"ws-0021 06:00 56", "ws-0142 06:00 32", " 06:00 -", "srv-sharepoint-01.corp.example.com 06:00 -",
	}
	got := listed(t, l)
	slices.Sort(got[6:]) // in the order of their ids
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if l.Total != len(want) || l.Next != "" || !l.Complete || !l.From.Equal(s.now.Add(-24*time.Hour)) || !l.To.Equal(s.now) {
		t.Errorf("got %d in all from %v to %v, complete %v, want %d of the last day", l.Total, l.From, l.To, l.Complete, len(want))
	}
	l = into[FindingList](s.get("/api/v1/findings?to=2026-01-01T05:59:59Z"), http.StatusOK)
	if l.Total != 6 || !strings.Contains(listed(t, l)[0], "05:00") {
		t.Errorf("got %d, want the 6 of the run before: %v", l.Total, listed(t, l))
	}
}

func TestTheNewestCountsAlsoWhereItIsNotWanted(t *testing.T) {
	s := open(t, Limits{})
	const old = `fresnel.run.end < "2026-01-01T06:00:00Z"`
	if l := into[FindingList](s.get("/api/v1/findings?q="+url.QueryEscape(old)), http.StatusOK); l.Total != 0 {
		t.Errorf("got %d of the latest, want none: an older document of a group is not its latest", l.Total)
	}
	if l := into[FindingList](s.get("/api/v1/findings?view=all&q="+url.QueryEscape(old)), http.StatusOK); l.Total != 12 {
		t.Errorf("got %d of all, want the 12 of the two runs before", l.Total)
	}
}

func TestTimeRanges(t *testing.T) {
	s := open(t, Limits{})
	for _, row := range []struct {
		name, params string
		want         int // of all
	}{
		{"a day back by itself", "", 20},
		{"relative to now", "from=now-75m", 14},
		{"both ends are included", "from=2026-01-01T05:00:00Z&to=2026-01-01T06:00:00Z", 14},
		{"a second less at the end", "from=2026-01-01T05:00:00Z&to=2026-01-01T05:59:59Z", 6},
		{"a second less at the begin", "from=2026-01-01T05:00:01Z&to=2026-01-01T06:00:00Z", 8},
		{"a date is the whole day", "from=2026-01-01&to=2026-01-01", 20},
		{"an offset", "from=2026-01-01T06:00:00%2B01:00&to=2026-01-01T06:00:00%2B01:00", 6},
		{"an end by itself looks back a day", "to=2026-01-02T05:00:00Z", 14},
		{"a begin by itself goes to now", "from=2026-01-01T06:00:00Z", 8},
		{"from the first time there is", "from=1970&to=9999", 20},
		{"rounded", "from=now/h", 8},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.t = t
			if l := into[FindingList](s.get("/api/v1/findings?view=all&"+row.params), http.StatusOK); l.Total != row.want {
				t.Errorf("got %d from %v to %v, want %d", l.Total, l.From, l.To, row.want)
			}
		})
	}
}

func TestTheTimeRangeOfNowIsNoError(t *testing.T) {
	s := open(t, Limits{})
	s.now = s.now.Add(123456789) // within a second
	into[FindingList](s.get("/api/v1/findings?from=now"), http.StatusOK)
	if l := into[FindingList](s.get("/api/v1/findings?from=now&to=now"), http.StatusOK); !l.From.Equal(l.To) {
		t.Errorf("got from %v to %v, want one second", l.From, l.To)
	}
}

func TestFindingsRefuse(t *testing.T) {
	s := open(t, Limits{})
	for _, row := range []struct{ name, params, code, field, message string }{
		{"an unknown parameter", "limits=5", "unknown_parameter", "limits", `got "limits", want one of: q, from, to, run, view, page, sort, order, limit, facets`},
		{"a parameter twice", "limit=5&limit=6", "bad_parameter", "limit", "limit: got it 2 times, want it once"},
		{"a limit beyond the largest", "limit=501", "bad_parameter", "limit", `limit: got "501", want a whole number from 1 to 500`},
		{"a limit of nothing", "limit=0", "bad_parameter", "limit", ""},
		{"a limit with a sign", "limit=%2B5", "bad_parameter", "limit", ""},
		{"a limit with a zero before it", "limit=05", "bad_parameter", "limit", ""},
		{"an empty limit", "limit=", "bad_parameter", "limit", ""},
		{"a limit that no number holds", "limit=99999999999999999999", "bad_parameter", "limit", ""},
		{"an unknown view", "view=newest", "bad_parameter", "view", `view: got "newest", want one of: latest, all`},
		{"an unknown order", "sort=host", "bad_parameter", "sort", ""},
		{"no boolean", "facets=yes", "bad_parameter", "facets", `facets: got "yes", want true or false`},
		{"no time", "from=yesterday", "bad_parameter", "from", `from: got "yesterday", want a time such as 2026-01-31T06:00:00Z, 2026-01-31, now-24h or now/d`},
		{"a time that begins as one", "from=2026-13", "bad_parameter", "from", ""},
		{"an empty time", "to=", "bad_parameter", "to", ""},
		{"a time before 1970", "from=1969-12-31", "bad_parameter", "from", `from: got "1969-12-31", want a time from 1970 to 9999`},
		{"a time beyond 9999", "to=now%2B9000y", "bad_parameter", "to", ""},
		{"a range that ends before it begins", "from=now&to=now-1h", "bad_parameter", "from", "from: got 2026-01-01T06:10:00Z, want a time that is not after to, 2026-01-01T05:10:00Z"},
		{"a run that is no time", "run=latest", "bad_parameter", "run", `run: got "latest", want the end of a run, such as 2026-01-31T06:00:00Z`},
		{"a run on no day", "run=2026-02-30T06:00:00Z", "bad_parameter", "run", `run: got "2026-02-30T06:00:00Z", want the end of a run, such as 2026-01-31T06:00:00Z`},
		{"a run between seconds", "run=2026-01-01T06:00:00.5Z", "bad_parameter", "run", ""},
		{"a run and a time range", "run=2026-01-01T06:00:00Z&from=now-1h", "bad_parameter", "run", "run: got it with from or to, want one or the other"},
		{"a page that is none", "page=abc", "bad_page", "page", ""},
		{"a page with other letters", "page=a%2Fb", "bad_parameter", "page", ""},
		{"a broken escape", "q=%zz", "bad_parameter", "", `query string: got "q=%zz", want pairs of names and values with % escapes`},
		{"a semicolon", "q=a;limit=5", "bad_parameter", "", ""},
		{"bytes that are no UTF-8", "q=%ff", "bad_parameter", "q", ""},
		{"a query that is too long", "q=" + strings.Repeat("a", 9000), "bad_parameter", "q", "q: got 9000 characters, want at most 8192"},
		{"a query of too many bytes", "q=" + url.QueryEscape(strings.Repeat("ä", 5000)), "bad_query", "q", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.t = t
			e := s.get("/api/v1/findings?"+row.params).refused(http.StatusBadRequest, row.code)
			if e.Field != row.field || row.message != "" && e.Message != row.message {
				t.Errorf("got field %q and message %q, want %q and %q", e.Field, e.Message, row.field, row.message)
			}
		})
	}
}

func TestFindingsOfOneRun(t *testing.T) {
	s := open(t, Limits{})
	s.now = s.now.Add(60 * day) // a run is looked at however old it is
	for hours := range int64(3) {
		end := findingtest.RunEnd - hours*3600
		var want []string
		for _, r := range found(hours) {
			want = append(want, finding.ID(r))
		}
		run := url.QueryEscape(at(end).In(time.FixedZone("", 3600)).Format(time.RFC3339))
		var got []string
		for page := ""; ; {
			l := into[FindingList](s.get("/api/v1/findings?limit=3&run="+run+page), http.StatusOK)
			for _, d := range l.Findings {
				got = append(got, namedOf(t, d).Fresnel.ID)
			}
			if l.Total != len(want) || !l.From.Equal(at(end)) || !l.To.Equal(at(end)) {
				t.Fatalf("got %d findings from %v to %v, want %d of the run", l.Total, l.From, l.To, len(want))
			}
			if page = "&page=" + l.Next; l.Next == "" {
				break
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if n := strings.Count(s.get("/api/v1/findings.ndjson?run="+run).text, "\n"); n != len(want) {
			t.Errorf("got %d lines, want %d", n, len(want))
		}
	}
	if l := into[FindingList](s.get("/api/v1/findings?run=2025-01-01T06:00:00Z"), http.StatusOK); l.Total != 0 || l.Findings == nil {
		t.Errorf("got %+v, want an empty list for a run that there is not", l)
	}
	next := into[FindingList](s.get("/api/v1/findings?limit=3&run=2026-01-01T06:00:00Z"), http.StatusOK).Next
	s.get("/api/v1/findings?limit=3&run=2026-01-01T05:00:00Z&page="+next).refused(http.StatusBadRequest, "bad_page")
}

func TestValuesOfFields(t *testing.T) {
	s := open(t, Limits{})
	ask := func(field, params string) FieldValues {
		t.Helper()
		return into[FieldValues](s.get("/api/v1/fields/"+field+"/values?"+params), http.StatusOK)
	}
	// Each value is what so many findings have by a query.
	for _, row := range []struct{ field, params string }{
		{"host.name", ""}, {"process.name", ""}, {"source.ip", ""}, {"fresnel.destination.domain", ""}, {"fresnel.destination.ip", ""}, {"destination.ip", ""},
		{"fresnel.case.id", ""}, {"fresnel.reasons.code", "limit=100"}, {"beacon_stats.destination_ips", ""}, {"beacon_stats.is_beaconing", ""}, {"fresnel.timing.kind", ""},
		{"process.name", "prefix=UPD"}, {"fresnel.timing.kind", "prefix=Sl"}, {"fresnel.reasons.code", "prefix=F&limit=1"},
	} {
		got := ask(row.field, row.params)
		if got.Field != row.field || !got.Complete || len(got.Values) == 0 {
			t.Errorf("%s?%s: got %+v, want some values", row.field, row.params, got)
		}
		for i, v := range got.Values {
			q := url.QueryEscape(row.field + `: "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v.Value) + `"`)
			if l := into[FindingList](s.get("/api/v1/findings?from=now-14d&q="+q), http.StatusOK); l.Total != v.Findings {
				t.Errorf("%s: got %d findings of %q, want %d", row.field, v.Findings, v.Value, l.Total)
			}
			if i > 0 && v.Findings > got.Values[i-1].Findings {
				t.Errorf("%s: got %+v, want them by falling number of findings", row.field, got.Values)
			}
			params, err := url.ParseQuery(row.params)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(strings.ToLower(v.Value), strings.ToLower(params.Get("prefix"))) {
				t.Errorf("%s?%s: got %q", row.field, row.params, v.Value)
			}
		}
	}
	few, many := ask("fresnel.reasons.code", "limit=2"), ask("fresnel.reasons.code", "limit=100")
	if len(few.Values) != 2 || !few.More || many.More || !cmp.Equal(few.Values, many.Values[:2]) {
		t.Errorf("got %+v, want the first two of %+v", few, many)
	}
	if none := ask("process.name", "prefix=nothing+begins+so"); none.Values == nil || len(none.Values) != 0 || none.More {
		t.Errorf("got %+v, want no values", none)
	}
	if none := ask("process.name", "to=2025-01-01"); len(none.Values) != 0 {
		t.Errorf("got %+v before there were findings", none)
	}
	for field, status := range map[string]int{"no.field": 404, "fresnel": 404, "%00": 404, "event.risk_score": 400, "@timestamp": 400, "fresnel.reasons": 400} {
		if a := s.get("/api/v1/fields/" + field + "/values"); a.Code != status {
			t.Errorf("%s: got status %d, want %d: %s", field, a.Code, status, a.text)
		}
	}
}

func TestQueriesAreRefusedWithTheirPlace(t *testing.T) {
	s := open(t, Limits{})
	at := func(n int) *int { return &n }
	for _, row := range []struct {
		name, query string
		want        Error
	}{
		{"a field that there is not, behind letters of two bytes", `host.name: "Müllers PC" and hots.name: x`, Error{
			Code: "bad_query", Field: "q", Position: at(28), Length: 9, Suggestion: "did you mean host.name?",
			Message: "column 29: got hots.name, want a known field; did you mean host.name?",
		}},
		{"something missing at the end", `host.name: ws-1 and`, Error{
			Code: "bad_query", Field: "q", Position: at(19), Message: "column 20: got the end of the query, want a field or a value",
		}},
		{"two things", `hots.name: x or event.risk: 3`, Error{
			Code: "bad_query", Field: "q", Position: at(0), Length: 9, Suggestion: "did you mean host.name?", Message: "column 1: got hots.name, want a known field; did you mean host.name?",
			Others: []QueryError{{Position: 16, Length: 10, Message: "column 17: got event.risk, want a known field"}},
		}},
		{"a list of objects asked for a value", `fresnel.reasons: x`, Error{
			Code: "bad_query", Field: "q", Position: at(0), Length: 15, Suggestion: "did you mean fresnel.reasons.code or fresnel.reasons.points or fresnel.reasons.text?",
			Message: "column 1: got fresnel.reasons, want one of the fields below it; did you mean fresnel.reasons.code or fresnel.reasons.points or fresnel.reasons.text?",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.t = t
			for _, path := range []string{"/api/v1/findings", "/api/v1/findings.ndjson", "/api/v1/overview", "/api/v1/hosts", "/api/v1/processes", "/api/v1/cases"} {
				got := s.get(path+"?q="+url.QueryEscape(row.query)).refused(http.StatusBadRequest, "bad_query")
				if diff := cmp.Diff(row.want, got); diff != "" {
					t.Errorf("%s (-want +got)\n%s", path, diff)
				}
			}
		})
	}
	if l := into[FindingList](s.get("/api/v1/findings?q="+url.QueryEscape("fresnel.reasons: {code: folder and points > 10}")), http.StatusOK); l.Total == 0 {
		t.Error("got nothing for a query of objects, want some")
	}
}

// TestPagesMakeTheWhole holds that pages one after the other are the whole list, in every order.
func TestPagesMakeTheWhole(t *testing.T) {
	s := open(t, Limits{})
	sorts := strings.Split(lookup(schemaOf(t, s, "listFindings", "sort"), "x").(string), ",")
	for _, sort := range sorts {
		for _, order := range []string{"desc", "asc"} {
			target := "/api/v1/findings?view=all&sort=" + url.QueryEscape(sort) + "&order=" + order
			whole := into[FindingList](s.get(target+"&limit=500"), http.StatusOK)
			if whole.Total != 20 || len(whole.Findings) != 20 || whole.Next != "" {
				t.Fatalf("%s: got %d of %d, want 20", target, len(whole.Findings), whole.Total)
			}
			var all []Document
			next := ""
			for pages := 0; ; pages++ {
				l := into[FindingList](s.get(target+"&limit=3"+next), http.StatusOK)
				if all = append(all, l.Findings...); l.Total != 20 || pages > 10 {
					t.Fatalf("%s: got %d in all after %d pages, want 20", target, l.Total, pages)
				}
				if l.Next == "" {
					break
				}
				next = "&page=" + l.Next
			}
			if diff := cmp.Diff(texts(whole.Findings), texts(all)); diff != "" {
				t.Errorf("%s: (-whole +pages)\n%s", target, diff)
			}
		}
	}
}

// schemaOf returns the values of a parameter under "x", with commas.
func schemaOf(t *testing.T, s *site, operation, name string) map[string]any {
	t.Helper()
	for _, r := range s.api.routes() {
		for _, p := range r.op.params {
			if r.id == operation && p.name == name {
				return map[string]any{"x": strings.Join(p.enum, ",")}
			}
		}
	}
	t.Fatalf("%s has no parameter %s", operation, name)
	return nil
}

func texts(docs []Document) (all []string) {
	for _, d := range docs {
		all = append(all, string(d))
	}
	return all
}

func TestOrders(t *testing.T) {
	s := open(t, Limits{})
	ordered := func(sort, order string) []named {
		var all []named
		for _, d := range into[FindingList](s.get("/api/v1/findings?view=all&sort="+url.QueryEscape(sort)+"&order="+order+"&limit=500"), http.StatusOK).Findings {
			all = append(all, namedOf(t, d))
		}
		return all
	}
	for _, row := range []struct {
		sort string
		less func(a, b named) bool // of an ascending list, b cannot stand before a
	}{
		{"host.name", func(a, b named) bool { return a.Host.Name <= b.Host.Name || b.Host.Name == "" || a.Host.Name == "" }},
		{"process.name", func(a, b named) bool { return a.Process.Name <= b.Process.Name || b.Process.Name == "" }},
		{"fresnel.run.end", func(a, b named) bool { return !a.Fresnel.Run.End.After(b.Fresnel.Run.End) }},
		{"event.risk_score", func(a, b named) bool {
			return b.Event.RiskScore == nil || a.Event.RiskScore != nil && *a.Event.RiskScore <= *b.Event.RiskScore
		}},
		{"fresnel.timing.period_s", func(a, b named) bool {
			return b.Fresnel.Timing.Period == nil || a.Fresnel.Timing.Period != nil && *a.Fresnel.Timing.Period <= *b.Fresnel.Timing.Period
		}},
	} {
		up, down := ordered(row.sort, "asc"), ordered(row.sort, "desc")
		for i := range len(up) - 1 {
			if !row.less(up[i], up[i+1]) {
				t.Errorf("%s: got %+v before %+v", row.sort, up[i], up[i+1])
			}
		}
		if cmp.Equal(up[0], down[0]) && row.sort != "process.name" {
			t.Errorf("%s: got the same first document up and down", row.sort)
		}
	}
	if all := ordered("event.risk_score", "asc"); all[0].Event.RiskScore == nil || all[len(all)-1].Event.RiskScore != nil {
		t.Error("got documents without a score before others, want them last in either order")
	}
}

func TestPagesGoTogetherWhileRunsAreMade(t *testing.T) {
	s := open(t, Limits{})
	first := into[FindingList](s.get("/api/v1/findings?view=all&limit=15"), http.StatusOK)
	s.now = s.now.Add(2 * time.Hour)
	save(t, s.store, findingtest.RunEnd+3600, found(-1))
	second := into[FindingList](s.get("/api/v1/findings?view=all&limit=15&page="+first.Next), http.StatusOK)
	if second.Total != 20 || len(second.Findings) != 5 || !second.To.Equal(first.To) {
		t.Errorf("got %d of %d up to %v, want the 5 that are left of the first page's time range", len(second.Findings), second.Total, second.To)
	}
	if fresh := into[FindingList](s.get("/api/v1/findings?view=all&limit=15"), http.StatusOK); fresh.Total != 26 {
		t.Errorf("got %d, want 26 with the new run", fresh.Total)
	}
	for _, other := range []string{"view=latest", "view=all&sort=host.name", "view=all&order=asc", "view=all&q=ws-0142", "view=all&from=now-1h"} {
		e := s.get("/api/v1/findings?"+other+"&page="+first.Next).refused(http.StatusBadRequest, "bad_page")
		if e.Field != "page" {
			t.Errorf("%s: got field %q, want page", other, e.Field)
		}
	}
	for _, forged := range []string{`{}`, `null`, `[]`, `{"a":0,"f":5,"t":4}`, `{"a":"x"}`} {
		s.get("/api/v1/findings?page="+base64.RawURLEncoding.EncodeToString([]byte(forged))).refused(http.StatusBadRequest, "bad_page")
	}
}

func TestFacets(t *testing.T) {
	s := open(t, Limits{})
	l := into[FindingList](s.get("/api/v1/findings?facets=true&limit=1"), http.StatusOK)
	score := func(f float64) *float64 { return &f }
	ranked, sharepoint, sync := findingtest.Ranked().Row.Assessment.Score, findingtest.Case()[2].Row.Assessment.Score, 55.5
	want := &Facets{
		Levels: Levels{High: 4, Medium: 1, Some: 1, Unranked: 2},
		Hosts: []Facet{
			{"ws-0142", 2, score(ranked)}, {"srv-sharepoint-01.corp.example.com", 2, score(sharepoint)},
			{"=cmd|' /C calc'!A0", 1, score(ranked)}, {"ws-0311", 1, score(findingtest.Case()[1].Row.Assessment.Score)}, {"ws-0021", 1, &sync}, {"10.20.0.31", 1, nil},
		},
		Processes: []Facet{
			{"updater.exe", 4, score(ranked)}, {findingtest.HostileRow().Group.Values[1], 1, score(ranked)}, {"sync-agent.exe", 1, &sync}, {"WindowsTelemetryRelay.exe", 1, nil},
		},
		Destinations: []Facet{
			{"cdn-sync.example.net", 4, score(ranked)}, {findingtest.HostileRow().Row.Domain, 1, score(ranked)}, {"2001:db8::5", 1, score(31.5)}, {"198.51.100.77", 1, nil},
		},
	}
	if diff := cmp.Diff(want, l.Facets); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if l := into[FindingList](s.get("/api/v1/findings"), http.StatusOK); l.Facets != nil {
		t.Error("got facets that nobody asked for")
	}
}

func TestNoMoreFindingsAreLookedAtThanAllowed(t *testing.T) {
	limits := DefaultLimits()
	limits.Findings = 10 // the last run has 8, the one before 6
	s := open(t, limits)
	l := into[FindingList](s.get("/api/v1/findings?view=all"), http.StatusOK)
	if l.Complete || l.Total != 10 || l.From.Format("15:04") != "05:00" {
		t.Errorf("got %d from %v, complete %v, want 10 and the run at 05:00 as the last that was looked at", l.Total, l.From, l.Complete)
	}
	o := into[Overview](s.get("/api/v1/overview"), http.StatusOK)
	if o.Complete || o.Documents != 10 {
		t.Errorf("overview: got %d, complete %v, want 10", o.Documents, o.Complete)
	}
}

func TestExportWritesEachDocumentOnALine(t *testing.T) {
	s := open(t, Limits{})
	a := s.get("/api/v1/findings.ndjson?view=all&q=" + url.QueryEscape("host.name: ws-*"))
	var want [][]byte
	for hours := range int64(3) {
		for _, r := range found(hours) {
			if strings.HasPrefix(r.Group.Values[0], "ws-") {
				want = append(want, finding.AppendJSON(nil, r))
			}
		}
	}
	if diff := cmp.Diff(string(bytes.Join(want, []byte("\n")))+"\n", a.text); diff != "" || a.Code != http.StatusOK {
		t.Errorf("got status %d (-want +got)\n%s", a.Code, diff)
	}
	if h := a.Header(); h.Get("Content-Type") != "application/x-ndjson" || !strings.Contains(h.Get("Content-Disposition"), "attachment") || h.Get("Cache-Control") != "no-store" {
		t.Errorf("got headers %v, want those of a download", h)
	}
	if a := s.get("/api/v1/findings.ndjson?q=nothing-has-this"); a.Code != http.StatusOK || a.text != "" {
		t.Errorf("got status %d and %q for nothing, want 200 and nothing", a.Code, a.text)
	}
}

func TestExportThatFailsIsBrokenOff(t *testing.T) {
	s := open(t, Limits{})
	fill(t, s.store, 3) // more than is written at once
	broken := errors.New("the disk is gone")
	n := 0
	s.api.o.Store = &middle{s.store, func() error {
		if n++; n > 500 {
			return broken
		}
		return nil
	}}
	server := httptest.NewServer(s.api)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/findings.ndjson?view=all&from=1970", nil)
	if err != nil {
		t.Fatal(err)
	}
	s.now = time.Now() // deadlines of connections are real
	r.Header.Set("Authorization", basic("bob", password))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || bytes.Count(text, []byte("\n")) > 500 || len(text) == 0 {
		t.Errorf("got %d lines and error %v, want an answer that is cut", bytes.Count(text, []byte("\n")), err)
	}
}

// A middle store fails among the findings.
type middle struct {
	store.Store
	fail func() error
}

func (m *middle) FindingsIn(ctx context.Context, from, to int64, f func(*store.Finding) bool) error {
	var failed error
	err := m.Store.FindingsIn(ctx, from, to, func(one *store.Finding) bool {
		if failed = m.fail(); failed != nil {
			return false
		}
		return f(one)
	})
	return errors.Join(failed, err)
}

func TestErrorsOfTheStore(t *testing.T) {
	s := open(t, Limits{})
	s.as("bob")
	s.as("anna")
	for _, row := range []struct {
		err    error
		status int
		code   string
	}{
		{errors.New("sector 7 unreadable"), http.StatusInternalServerError, "internal"},
		{fmt.Errorf("read: %w", store.ErrClosed), http.StatusServiceUnavailable, "closing"},
		{fmt.Errorf("query: %w", context.DeadlineExceeded), http.StatusServiceUnavailable, "too_slow"},
	} {
		s.store.fail(row.err)
		for _, target := range []string{"/api/v1/findings", "/api/v1/findings.ndjson", "/api/v1/overview", "/api/v1/cases", "/api/v1/hosts"} {
			if e := s.get(target).refused(row.status, row.code); strings.Contains(e.Message, "sector") {
				t.Errorf("%s: got %q, want nothing of the inside", target, e.Message)
			}
		}
		s.get("/readyz").refused(http.StatusServiceUnavailable, "not_ready")
	}
	s.store.fail(store.ErrFull)
	s.ask("anna", "POST", "/api/v1/users", `{"name":"dora","role":"viewer"}`).refused(http.StatusInsufficientStorage, "full")
	s.ask("anna", "POST", "/api/v1/runs", `{"end":"2026-01-01T06:00:00Z"}`).refused(http.StatusInsufficientStorage, "full")
	s.store.fail(nil)
	if a := s.get("/readyz"); a.Code != http.StatusOK {
		t.Errorf("got status %d, want ready again", a.Code)
	}
}

func TestADamagedDocumentIsTold(t *testing.T) {
	s := open(t, Limits{})
	bad := store.Finding{ID: strings.Repeat("a", 64), RunEnd: findingtest.RunEnd + 1, Group: "x", Score: 3, Doc: []byte(`{"host":`)}
	if err := s.store.SaveRun(t.Context(), &store.Run{End: bad.RunEnd}, []store.Finding{bad}, store.SliceChange{}); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/api/v1/findings?facets=true", "/api/v1/findings?q=x", "/api/v1/overview", "/api/v1/cases", "/api/v1/hosts", "/api/v1/findings/" + bad.ID} {
		s.get(target).refused(http.StatusInternalServerError, "internal")
	}
}

// A slow store waits for the end of the request.
type slow struct{ store.Store }

func (slow) FindingsIn(ctx context.Context, _, _ int64, _ func(*store.Finding) bool) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestRequestsThatReadMuchShareTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := DefaultLimits()
		limits.Heavy, limits.Waiting, limits.Wait, limits.Timeout = 2, 3, 5*time.Second, 8*time.Second
		s := open(t, limits)
		s.as("bob")
		s.api.index = newIndex(slow{s.store}, limits.Findings)
		codes := make(chan string, 10)
		ask := func() {
			go func() {
				a := s.get("/api/v1/findings")
				e := into[Failure](a, a.Code).Error
				codes <- fmt.Sprintf("%s %d %s %s", time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), a.Code, e.Code, a.Header().Get("Retry-After"))
			}()
			synctest.Wait()
		}
		for range 6 { // two read, three wait, one is too many
			ask()
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		close(codes)
		var got []string
		for c := range codes {
			got = append(got, c)
		}
		want := []string{"0s 429 busy 5", "5s 429 busy 1", "5s 429 busy 1", "5s 429 busy 1", "8s 503 too_slow 1", "8s 503 too_slow 1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if a := s.get("/api/v1/me"); a.Code != http.StatusOK {
			t.Errorf("got status %d for what reads little, want 200", a.Code)
		}
	})
}

func TestAPlaceIsGivenToWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := DefaultLimits()
		limits.Heavy = 1
		g := newGate(1, limits)
		leave, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		entered := make(chan error)
		go func() {
			leave, err := g.enter(t.Context())
			if err == nil {
				leave()
			}
			entered <- err
		}()
		time.Sleep(time.Second)
		leave()
		if err := <-entered; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		leave, _ = g.enter(ctx)
		defer leave()
		cancel()
		if _, err := g.enter(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want that the client is gone", err)
		}
	})
}

func TestAnswersAreWholeLines(t *testing.T) {
	s := open(t, Limits{})
	sc := bufio.NewScanner(strings.NewReader(s.get("/api/v1/findings").text))
	sc.Buffer(nil, 1<<20)
	for n := 0; sc.Scan(); n++ {
		if n > 0 {
			t.Errorf("got a second line %q, want one with its end", sc.Text())
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("got an API of nothing, want an error")
	}
}
