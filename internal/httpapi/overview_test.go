package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
)

func TestOverview(t *testing.T) {
	s := open(t, Limits{})
	o := into[Overview](s.get("/api/v1/overview?from=2026-01-01T00:00:00Z&top=2"), http.StatusOK)
	if o.Runs != 3 || o.Documents != 20 || o.Findings != 8 || o.Hosts != 6 || o.Processes != 4 || o.Destinations != 4 || o.Cases != 1 || !o.Complete {
		t.Errorf("got %+v", o)
	}
	if o.StepSeconds != 3600 || len(o.Steps) != 7 {
		t.Fatalf("got %d steps of %d s, want 7 of an hour, as runs are", len(o.Steps), o.StepSeconds)
	}
	want := []Step{
		{At: at1("2026-01-01T04:00:00Z"), Documents: 6, Levels: Levels{High: 3, Some: 1, Unranked: 2}, Hosts: 4, Processes: 2},
		{At: at1("2026-01-01T05:00:00Z"), Documents: 6, Levels: Levels{High: 3, Some: 1, Unranked: 2}, Hosts: 4, Processes: 2},
		{At: at1("2026-01-01T06:00:00Z"), Documents: 8, Levels: Levels{High: 4, Medium: 1, Some: 1, Unranked: 2}, Hosts: 6, Processes: 4},
	}
	if diff := cmp.Diff(want, o.Steps[4:]); diff != "" {
		t.Errorf("steps (-want +got)\n%s", diff)
	}
	score := findingtest.Ranked().Row.Assessment.Score
	sharepoint := findingtest.Case()[2].Row.Assessment.Score
	hosts := []TopHost{
		{Host: "srv-sharepoint-01.corp.example.com", Field: "host.name", Processes: 2, Findings: 2, MaxScore: &sharepoint, Steps: []int{0, 0, 0, 0, 2, 2, 2}},
		{Host: "ws-0142", Field: "host.name", Processes: 1, Findings: 2, MaxScore: &score, Steps: []int{0, 0, 0, 0, 1, 1, 1}},
	}
	if diff := cmp.Diff(hosts, o.TopHosts); diff != "" {
		t.Errorf("hosts (-want +got)\n%s", diff)
	}
	processes := []TopProcess{
		{Process: "updater.exe", Hosts: 3, Findings: 4, MaxScore: &score, Steps: []int{0, 0, 0, 0, 3, 3, 3}},
		{Process: findingtest.Hostile().Group.Values[1], Hosts: 1, Findings: 1, MaxScore: &score, Steps: []int{0, 0, 0, 0, 0, 0, 1}},
	}
	if diff := cmp.Diff(processes, o.TopProcesses); diff != "" {
		t.Errorf("processes (-want +got)\n%s", diff)
	}
	places := []TopPlace{
		{Destination: "cdn-sync.example.net", Hosts: 4, Findings: 4, MaxScore: &score},
		{Destination: findingtest.HostileRow().Row.Domain, Hosts: 1, Findings: 1, MaxScore: &score},
	}
	if diff := cmp.Diff(places, o.TopPlaces); diff != "" {
		t.Errorf("destinations (-want +got)\n%s", diff)
	}
	matrix := []MatrixEntry{
		{Host: "srv-sharepoint-01.corp.example.com", Process: "updater.exe", Documents: 3, MaxScore: &sharepoint},
		{Host: "ws-0142", Process: "updater.exe", Documents: 6, MaxScore: &score},
	}
	if diff := cmp.Diff(matrix, o.Matrix); diff != "" {
		t.Errorf("matrix (-want +got)\n%s", diff)
	}
	if o := into[Overview](s.get("/api/v1/overview?q="+url.QueryEscape("host.name: ws-0021")), http.StatusOK); o.Documents != 1 || o.Hosts != 1 || o.Levels.Medium != 1 {
		t.Errorf("got %+v, want the one finding of the host", o)
	}
	if o := into[Overview](s.get("/api/v1/overview?from=1970&to=9999&points=400"), http.StatusOK); len(o.Steps) > 400 || o.Documents != 20 {
		t.Errorf("got %d steps and %d documents, want 20 documents in at most 400", len(o.Steps), o.Documents)
	}
}

func TestSteps(t *testing.T) {
	for _, row := range []struct {
		name          string
		s             span
		most          int
		least         int64
		length, first int64
		n             int
	}{
		{"a day by half hours", span{0, 86399}, 48, 0, 1800, 0, 48},
		{"one second more", span{0, 86400}, 48, 0, 3600, 0, 25},
		{"not on a step", span{1799, 86400}, 48, 3600, 3600, 0, 25},
		{"a moment", span{120, 120}, 2, 0, 60, 120, 1},
		{"a moment, with steps as long as runs are apart", span{7200, 7200}, 48, 3600, 3600, 7200, 1},
		{"all the time there is", span{firstSecond, lastSecond}, 2, 0, 604800 << 18, 0, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			length, first, n := stepOf(row.s, row.most, row.least)
			if length != row.length || first != row.first || n != row.n {
				t.Errorf("got %d steps of %d from %d, want %d of %d from %d", n, length, first, row.n, row.length, row.first)
			}
			if first > row.s.from || first+int64(n)*length <= row.s.to {
				t.Errorf("got steps from %d to %d, want all of %v", first, first+int64(n)*length, row.s)
			}
		})
	}
}

func TestHostsAndProcesses(t *testing.T) {
	s := open(t, Limits{})
	l := into[HostList](s.get("/api/v1/hosts?view=all&limit=2"), http.StatusOK)
	score := findingtest.Ranked().Row.Assessment.Score
	want := []Host{
		{
			Host: "ws-0142", Field: "host.name", MaxScore: &score, Findings: 2, Documents: 6, Processes: 1, Destinations: 2, Levels: Levels{High: 1, Some: 1},
			FirstRun: at1("2026-01-01T04:00:00Z"), LastRun: at1("2026-01-01T06:00:00Z"),
		},
		{
			Host: findingtest.Hostile().Group.Values[0], Field: "host.name", MaxScore: &score, Findings: 1, Documents: 1, Processes: 1, Destinations: 1, Levels: Levels{High: 1},
			FirstRun: at1("2026-01-01T06:00:00Z"), LastRun: at1("2026-01-01T06:00:00Z"),
		},
	}
	if diff := cmp.Diff(want, l.Hosts); diff != "" || l.Total != 6 {
		t.Errorf("%d in all (-want +got)\n%s", l.Total, diff)
	}
	var names []string
	for next := ""; ; {
		l := into[HostList](s.get("/api/v1/hosts?view=all&limit=2"+next), http.StatusOK)
		for _, h := range l.Hosts {
			names = append(names, h.Field+" "+h.Host)
		}
		if l.Next == "" {
			break
		}
		next = "&page=" + l.Next
	}
	wantNames := []string{
		"host.name ws-0142", "host.name =cmd|' /C calc'!A0", "host.name ws-0311", "host.name srv-sharepoint-01.corp.example.com", "host.name ws-0021", "source.ip 10.20.0.31",
	}
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	p := into[ProcessList](s.get("/api/v1/processes"), http.StatusOK)
	if len(p.Processes) != 4 || p.Processes[0].Process != "updater.exe" || p.Processes[0].Hosts != 3 || p.Processes[0].Destinations != 2 || p.Processes[0].Findings != 4 {
		t.Errorf("got %+v, want updater.exe of three hosts first", p.Processes)
	}
	s.get("/api/v1/processes?page="+into[HostList](s.get("/api/v1/hosts?limit=1"), 200).Next).refused(http.StatusBadRequest, "bad_page")
}

func TestCases(t *testing.T) {
	s := open(t, Limits{})
	l := into[CaseList](s.get("/api/v1/cases?singles=false"), http.StatusOK)
	if l.Total != 1 || len(l.Cases) != 1 {
		t.Fatalf("got %d cases, want 1", l.Total)
	}
	c := l.Cases[0]
	score := findingtest.Ranked().Row.Assessment.Score
	first, last := at1("2025-12-30T13:55:18Z"), at1("2026-01-01T05:55:18.989773Z")
	want := CaseLine{
		ID: findingtest.Ranked().Row.Case, Level: "high", MaxScore: &score, Findings: 3,
		Hosts: []string{"srv-sharepoint-01.corp.example.com", "ws-0142", "ws-0311"}, Processes: []string{"updater.exe"}, Destinations: []string{"cdn-sync.example.net"},
		First: &first, Last: &last, Lead: finding.AppendJSON(nil, findingtest.Ranked()),
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	all := into[CaseList](s.get("/api/v1/cases"), http.StatusOK)
	if all.Total != 6 || len(all.Cases) != 6 {
		t.Errorf("got %d, want the case and the five findings that are in none", all.Total)
	}
	if few := into[CaseList](s.get("/api/v1/cases?limit=2"), http.StatusOK); few.Total != 6 || len(few.Cases) != 2 || !cmp.Equal(few.Cases, all.Cases[:2]) {
		t.Errorf("got %d of %d, want the first 2 of 6", len(few.Cases), few.Total)
	}
	d := into[CaseDetail](s.get("/api/v1/cases/"+c.ID+"?limit=2"), http.StatusOK)
	if diff := cmp.Diff(want, d.Case); diff != "" || d.Total != 3 || len(d.Findings) != 2 || !d.RunEnd.Equal(at(findingtest.RunEnd)) {
		t.Errorf("got %d findings of %d of %v (-want +got)\n%s", len(d.Findings), d.Total, d.RunEnd, diff)
	}
	var runs []CaseInRun
	for hours := range int64(3) {
		runs = append(runs, CaseInRun{RunEnd: at(findingtest.RunEnd - hours*3600), Findings: 3, MaxScore: &score})
	}
	if diff := cmp.Diff(runs, d.Runs); diff != "" {
		t.Errorf("runs (-want +got)\n%s", diff)
	}
	s.get("/api/v1/cases/"+c.ID+"?to=2026-01-01T03:00:00Z").refused(http.StatusNotFound, "not_found")
}

func TestManyCases(t *testing.T) {
	s := open(t, Limits{})
	var all []store.Finding
	for i := range 2000 {
		r := findingtest.Unseen()
		r.RunEnd += 60
		r.Group.Values = []string{fmt.Sprintf("host-%04d", i), "a.exe"}
		r.Row.Assessment.Score = float64(i*7919%2000) / 20
		if i%3 == 0 {
			r.Row.Case, r.Row.CaseRows = fmt.Sprintf("%032x", i%250), 3
		}
		all = append(all, schedule.Stored(r))
	}
	if err := s.store.SaveRun(t.Context(), &store.Run{End: findingtest.RunEnd + 60}, all, store.SliceChange{}); err != nil {
		t.Fatal(err)
	}
	many := into[CaseList](s.get("/api/v1/cases?limit=200"), http.StatusOK)
	few := into[CaseList](s.get("/api/v1/cases?limit=3"), http.StatusOK)
	if diff := cmp.Diff(many.Cases[:3], few.Cases); diff != "" || many.Total != few.Total {
		t.Errorf("%d and %d in all (-many +few)\n%s", many.Total, few.Total, diff)
	}
	for i, c := range many.Cases {
		if n := namedOf(t, c.Lead); *n.Event.RiskScore != *c.MaxScore || i > 0 && *c.MaxScore > *many.Cases[i-1].MaxScore {
			t.Fatalf("case %d: got score %v with a lead of %v", i, *c.MaxScore, *n.Event.RiskScore)
		}
		if !slices.IsSorted(c.Hosts) {
			t.Errorf("case %d: got hosts %v, want them in order", i, c.Hosts)
		}
	}
}

// TestStrips holds the strips of cases to what the callbacks of their leads say.
func TestStrips(t *testing.T) {
	s := open(t, Limits{})
	if plain := into[CaseList](s.get("/api/v1/cases"), http.StatusOK); plain.Strips != nil || plain.Cases[0].Strip != nil {
		t.Errorf("got %+v, want no strips", plain.Strips)
	}
	var total int
	for _, params := range []string{"strip=96", "strip=1", "strip=7&from=now-3h", "strip=96&from=now-14d", "strip=96&from=2026-01-01T06:00:00Z&to=2026-01-01T06:00:00Z"} {
		l := into[CaseList](s.get("/api/v1/cases?"+params), http.StatusOK)
		if l.Strips == nil || l.Strips.Buckets < 1 || l.Strips.Buckets > 96 {
			t.Fatalf("%s: got %+v, want strips", params, l.Strips)
		}
		end := l.Strips.From.Add(time.Duration(l.Strips.Buckets) * time.Duration(l.Strips.Step) * time.Second).Add(-time.Second)
		if !end.Equal(l.To) || l.Strips.From.After(l.From.Add(time.Second)) || l.From.Sub(l.Strips.From) > time.Duration(l.Strips.Step)*time.Second {
			t.Errorf("%s: got strips from %v to %v, want the time range from %v to %v", params, l.Strips.From, end, l.From, l.To)
		}
		for _, c := range l.Cases {
			if len(c.Strip) != l.Strips.Buckets {
				t.Fatalf("%s: got %d buckets, want %d", params, len(c.Strip), l.Strips.Buckets)
			}
			want := make([]int, l.Strips.Buckets)
			times := url.Values{"from": {l.Strips.From.Format(time.RFC3339)}, "to": {end.Format(time.RFC3339)}}
			calls := into[CallbackList](s.get("/api/v1/findings/"+namedOf(t, c.Lead).Fresnel.ID+"/callbacks?"+times.Encode()), http.StatusOK)
			for _, m := range calls.Millis {
				want[m/1000/l.Strips.Step]++
				total++
			}
			if d := cmp.Diff(want, c.Strip); d != "" {
				t.Errorf("%s, %s (-callbacks +strip)\n%s", params, c.Hosts, d)
			}
		}
	}
	if total < 100 {
		t.Errorf("got %d calls in all strips, want some", total)
	}

	s.api.o.GroupBy = func() []event.Field { return []event.Field{event.ProcessName} } // changed since
	if l := into[CaseList](s.get("/api/v1/cases?strip=96"), http.StatusOK); len(l.Cases) == 0 || l.Cases[0].Strip != nil {
		t.Errorf("got %+v, want no strip of groups that are no longer told apart", l.Cases)
	}
	s.store.fail(store.ErrClosed)
	if a := s.get("/api/v1/cases?strip=96"); a.Code < 500 {
		t.Errorf("got status %d, want an error of the store", a.Code)
	}
}

func TestStripsOfManyEvents(t *testing.T) {
	const hour = 3600
	year := store.Size{Events: 365 * 24 * 1_000_000, OldestNanos: 1e18, NewestNanos: 1e18 + 365*24*hour*1e9} // a million an hour
	few := year
	few.Events = 1000
	to := int64(1e9) + 365*24*hour
	for _, tt := range []struct {
		name  string
		size  store.Size
		hours int64 // of the range
		want  int64 // seconds that are looked at
	}{
		{"few events", few, 14 * 24, 14 * 24 * hour},
		{"many, in a short range", year, 1, hour},
		{"many, in a long range", year, 14 * 24, 5 * hour},
		{"no events", store.Size{}, 24, 24 * hour},
	} {
		s := stripsOf(span{to - tt.hours*hour, to}, 96, tt.size)
		if got := int64(s.Buckets) * s.Step; got < tt.want || got >= tt.want+s.Step || s.Buckets > 96 || s.From.Unix()+got-1 != to {
			t.Errorf("%s: got %d buckets of %d s from %v, want %d s up to %v", tt.name, s.Buckets, s.Step, s.From, tt.want, at(to))
		}
	}
	if s := stripsOf(span{0, 193}, 96, few); s.From.Unix() != 0 {
		t.Errorf("got %+v, want it to begin in 1970", s)
	}
}
