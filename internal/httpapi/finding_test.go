package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/rank"
	"fresnel/internal/report"
	"fresnel/internal/schedule"
	"fresnel/internal/source"
	"fresnel/internal/source/ecs"
	"fresnel/internal/store"
)

func at1(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestFindingTellsWhichRunsSawIt(t *testing.T) {
	s := open(t, Limits{})
	for _, row := range []struct {
		name, params      string
		result            *finding.Result
		runs              int
		first, last, from string
	}{
		{"two weeks back", "", findingtest.Ranked(), 3, "2026-01-01T04:00:00Z", "2026-01-01T06:00:00Z", "2025-12-18T06:00:00Z"},
		{"an older one, and what came after it", "", moved(findingtest.Ranked(), 1), 3, "2026-01-01T04:00:00Z", "2026-01-01T06:00:00Z", "2025-12-18T05:00:00Z"},
		{"a shorter time", "?from=now-75m", findingtest.Ranked(), 2, "2026-01-01T05:00:00Z", "2026-01-01T06:00:00Z", "2026-01-01T04:55:00Z"},
		{"a time without it", "?from=now-1m", findingtest.Ranked(), 1, "2026-01-01T06:00:00Z", "2026-01-01T06:00:00Z", "2026-01-01T06:09:00Z"},
		{"another destination of the group", "", findingtest.More(), 3, "2026-01-01T04:00:00Z", "2026-01-01T06:00:00Z", "2025-12-18T06:00:00Z"},
		{"one that only the last run saw", "", findingtest.Unseen(), 1, "2026-01-01T06:00:00Z", "2026-01-01T06:00:00Z", "2025-12-18T06:00:00Z"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.t = t
			d := into[FindingDetail](s.get("/api/v1/findings/"+finding.ID(row.result)+row.params), http.StatusOK)
			want := Seen{
				Reach:    Reach{From: at1(row.from), To: at1("2026-01-01T06:10:00Z"), Complete: true},
				FirstRun: at1(row.first), LastRun: at1(row.last), Runs: row.runs,
			}
			if diff := cmp.Diff(want, d.Seen); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if string(d.Finding) != string(finding.AppendJSON(nil, row.result)) {
				t.Errorf("got %s, want the document as it was stored", d.Finding)
			}
			var group []GroupValue
			for i, f := range row.result.Group.Fields {
				group = append(group, GroupValue{f.String(), row.result.Group.Values[i]})
			}
			if diff := cmp.Diff(group, d.Group); diff != "" {
				t.Errorf("group (-want +got)\n%s", diff)
			}
		})
	}
}

func TestFindingsThatThereAreNot(t *testing.T) {
	s := open(t, Limits{})
	for _, below := range []string{"", "/pictures", "/series", "/destinations", "/events", "/history", "/report"} {
		s.get("/api/v1/findings/"+strings.Repeat("0", 64)+below).refused(http.StatusNotFound, "not_found")
		for _, id := range []string{"x", "%2e%2e", "%00", "%ff", strings.Repeat("A", 64), strings.Repeat("0", 65)} {
			if a := s.get("/api/v1/findings/" + id + below); a.Code != http.StatusBadRequest {
				t.Errorf("%s%s: got status %d, want 400", id, below, a.Code)
			}
		}
	}
	s.get("/api/v1/cases/"+strings.Repeat("0", 32)).refused(http.StatusNotFound, "not_found")
	s.get("/api/v1/cases/x").refused(http.StatusBadRequest, "bad_parameter")
	s.get("/api/v1/nothing").refused(http.StatusNotFound, "no_such_path")
	s.get("/").refused(http.StatusNotFound, "no_such_path")
	for _, path := range []string{"/api/v1/findings/", "/api//v1/findings", "/api/v1/./findings", "/api/v1/x/../findings", "/api/v1/findings/.."} {
		s.get(path).refused(http.StatusNotFound, "no_such_path")
	}
}

func TestSeries(t *testing.T) {
	s := open(t, Limits{})
	got := into[Series](s.get("/api/v1/findings/"+ranked()+"/series"), http.StatusOK)
	if len(got.Counts) != 360 || len(got.SourceBytes) != 360 || len(got.DestinationBytes) != 360 || got.BucketSeconds != 60 || !got.Start.Equal(at1("2026-01-01T00:00:01Z")) {
		t.Fatalf("got %d buckets of %d s from %v, want 360 of 60 from a second after midnight", len(got.Counts), got.BucketSeconds, got.Start)
	}
	var events int64
	for i, n := range got.Counts {
		events += n
		begin := got.Start.Add(time.Duration(i) * time.Minute)
		want := int64(0)
		for _, e := range calls() {
			if e.HostName == "ws-0142" && !time.Unix(0, e.TimeNanos).Before(begin) && time.Unix(0, e.TimeNanos).Before(begin.Add(time.Minute)) {
				want++
			}
		}
		if n != want {
			t.Errorf("bucket %d from %v: got %d events, want %d", i, begin, n, want)
		}
		if n > 0 != (got.SourceBytes[i] == 410) || n > 0 != (got.DestinationBytes[i] == 1370) {
			t.Errorf("bucket %d: got %v and %v bytes for %d events", i, got.SourceBytes[i], got.DestinationBytes[i], n)
		}
	}
	if events != 82 || len(got.CallbacksMillis) != 82 || !slices.IsSorted(got.CallbacksMillis) || got.CallbacksDropped != 0 {
		t.Errorf("got %d events and %d times, want the 82 of the group", events, len(got.CallbacksMillis))
	}
	if got.CallbacksMillis[0] != findingtest.FiveMinute().Trace.TimesNanos[0]/1e6 {
		t.Errorf("got %d as the first callback, want %d", got.CallbacksMillis[0], findingtest.FiveMinute().Trace.TimesNanos[0]/1e6)
	}
	if h := got.Intervals; h == nil || h.Total != 81 || h.Median < 295 || h.Median > 305 {
		t.Errorf("got %+v, want 81 intervals of about five minutes", h)
	}
	var fields []string
	for _, line := range got.Tests {
		fields = append(fields, line.Field)
	}
	if diff := cmp.Diff([]string{"low_source_bytes_variation", "low_destination_bytes_variation", "low_count_variation", "periodic", "is_beaconing"}, fields); diff != "" {
		t.Errorf("tests (-want +got)\n%s", diff)
	}
	if l := got.Tests[0]; !l.Fired || !l.Tested || l.Value == nil || *l.Value != 0 || *l.Limit != 0.05 || l.Text == "" {
		t.Errorf("got %+v, want bytes that do not vary, of at most 5%%", l)
	}
	if l := got.Tests[2]; l.Tested || l.Value != nil || l.Limit == nil {
		t.Errorf("got %+v, want a test of counts that was not made", l)
	}
	if len(got.Autocovariance) == 0 {
		t.Error("got no autocovariance")
	}
}

func TestSeriesOfWhatIsNotThere(t *testing.T) {
	s := open(t, Limits{})
	for _, below := range []string{"/series", "/report"} {
		s.get("/api/v1/findings/"+finding.ID(findingtest.Quarter())+below).refused(http.StatusNotFound, "no_events")
	}
	s.get("/api/v1/findings/"+finding.ID(findingtest.Unseen())+"/series").refused(http.StatusNotFound, "no_events")
	s.api.o.GroupBy = func() []event.Field { return []event.Field{event.HostName} }
	for _, below := range []string{"/pictures", "/series", "/report", "/events", "/destinations"} {
		s.get("/api/v1/findings/"+ranked()+below).refused(http.StatusNotFound, "grouped_otherwise")
	}
	if d := into[FindingDetail](s.get("/api/v1/findings/"+ranked()), http.StatusOK); len(d.Group) != 0 {
		t.Errorf("got %v, want no group", d.Group)
	}
	if h := into[History](s.get("/api/v1/findings/"+ranked()+"/history"), http.StatusOK); h.Total != 3 {
		t.Errorf("got %d runs, want the past all the same", h.Total)
	}
}

func TestGroupsAreKnownByTheirIDs(t *testing.T) {
	s := open(t, Limits{})
	odd := findingtest.Ranked()
	odd.Group.Values = []string{"a\xff\xfe", "b\x01"} // no UTF-8: the document says something else
	for _, r := range append(found(0), odd) {
		f := schedule.Stored(r)
		st, err := readStored(&f)
		if err != nil {
			t.Fatal(err)
		}
		g, list, err := s.api.groupOf(&f, st)
		if err != nil {
			t.Errorf("%v: %v", r.Group.Values, err)
			continue
		}
		if diff := cmp.Diff(r.Group, g); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if pair := r.Group.Fields[0] == event.SourceIP; pair != (list == 1) {
			t.Errorf("%v: got list %d, want that of its fields", r.Group.Values, list)
		}
	}
}

// TestRowsAreReadFromDocuments holds that what is read from a document writes the same document.
func TestRowsAreReadFromDocuments(t *testing.T) {
	for _, r := range append(findingtest.Case(), findingtest.More(), findingtest.Untimed(), findingtest.HostileRow(), findingtest.Fast(), findingtest.Unseen()) {
		f := schedule.Stored(r)
		st, err := readStored(&f)
		if err != nil {
			t.Fatal(err)
		}
		again := *r
		again.Row = st.row()
		if again.Row != nil {
			again.Row.More = r.Row.More // a part of the id alone
		}
		if diff := cmp.Diff(string(f.Doc), string(finding.AppendJSON(nil, &again))); diff != "" {
			t.Errorf("%v (-want +got)\n%s", r.Group.Values, diff)
		}
		if r.Row == nil {
			continue
		}
		want := *r.Row
		want.Assessment.Points, want.More = 0, false // not in the document
		if want.Case == "" {
			want.CaseRows = 0
		}
		want.Assessment.Reasons = append([]rank.Reason(nil), want.Assessment.Reasons...)
		if diff := cmp.Diff(&want, st.row(), cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%v (-want +got)\n%s", r.Group.Values, diff)
		}
	}
}

// eventsOf asks for all pages of the events of a finding.
func eventsOf(t *testing.T, s *site, id, params string, limit int) (all []string) {
	t.Helper()
	next := ""
	for {
		l := into[EventList](s.get(fmt.Sprintf("/api/v1/findings/%s/events?limit=%d%s%s", id, limit, params, next)), http.StatusOK)
		for _, e := range l.Events {
			all = append(all, string(e))
		}
		if len(all) > l.Total {
			t.Fatalf("got %d events and more, want %d", len(all), l.Total)
		}
		if l.Next == "" {
			if len(all) != l.Total {
				t.Fatalf("got %d events on all pages, want %d", len(all), l.Total)
			}
			return all
		}
		next = "&page=" + url.QueryEscape(l.Next)
	}
}

func TestEventsOfAFinding(t *testing.T) {
	s := open(t, Limits{})
	for _, row := range []struct {
		name   string
		result *finding.Result
		params string
		want   func(e *event.Event) bool
		events int
	}{
		{"to its destination", findingtest.Ranked(), "", func(e *event.Event) bool {
			return e.HostName == "ws-0142" && e.DestinationDomain == "cdn-sync.example.net"
		}, 72},
		{"of all its group", findingtest.Ranked(), "&scope=group", func(e *event.Event) bool { return e.HostName == "ws-0142" }, 82},
		{"in a part of the window", findingtest.Ranked(), "&scope=group&from=2026-01-01T05:15:00Z&to=2026-01-01T05:20:00Z", func(e *event.Event) bool {
			return e.HostName == "ws-0142" && e.TimeNanos >= at1("2026-01-01T05:15:00Z").UnixNano() && e.TimeNanos < at1("2026-01-01T05:20:01Z").UnixNano()
		}, 6},
		{"of a pair of addresses, not those of a process", findingtest.Fast(), "", func(e *event.Event) bool {
			return e.HostName == "" && e.SourceIP.String() == "10.20.0.31"
		}, 1},
		{"of one that called before the window", findingtest.Unseen(), "", func(*event.Event) bool { return false }, 0},
		{"of a time before there were any", findingtest.Ranked(), "&from=1970&to=1971", func(*event.Event) bool { return false }, 0},
		{"of all the time there is", findingtest.Ranked(), "&from=1970&to=9999", func(e *event.Event) bool {
			return e.HostName == "ws-0142" && e.DestinationDomain == "cdn-sync.example.net"
		}, 72},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.t = t
			for _, order := range []string{"asc", "desc"} {
				var want []event.Event
				for _, e := range calls() {
					if row.want(&e) {
						want = append(want, e)
					}
				}
				slices.SortStableFunc(want, func(a, b event.Event) int {
					c := int(min(1, max(-1, a.TimeNanos-b.TimeNanos)))
					if order == "desc" {
						c = -c
					}
					return c
				})
				var lines []string
				for i := range want {
					lines = append(lines, string(eventOf(&want[i])))
				}
				if len(lines) != row.events {
					t.Fatalf("the test expects %d events, want %d", len(lines), row.events)
				}
				for _, limit := range []int{500, 7} {
					got := eventsOf(t, s, finding.ID(row.result), row.params+"&order="+order, limit)
					if diff := cmp.Diff(lines, got, cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("order %s, %d a page (-want +got)\n%s", order, limit, diff)
					}
				}
			}
		})
	}
}

func TestEventsOfOneTimeArePagedInTheirOrder(t *testing.T) {
	s := open(t, Limits{})
	var b store.Batch
	for i := range 25 {
		e := event.Event{
			TimeNanos: (findingtest.RunEnd - 60) * 1e9, HostName: "ws-0142", ProcessName: "updater.exe", DestinationIP: netip.MustParseAddr("203.0.113.9"),
			SourceBytes: int64(i + 1),
		}
		b.Add(&e, "test", 0)
	}
	if err := s.store.Append(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	for _, order := range []string{"asc", "desc"} {
		whole := eventsOf(t, s, ranked(), "&order="+order, 500)
		for _, limit := range []int{1, 4, 10} {
			if diff := cmp.Diff(whole, eventsOf(t, s, ranked(), "&order="+order, limit)); diff != "" || len(whole) != 97 {
				t.Errorf("order %s, %d a page, %d in all (-whole +pages)\n%s", order, limit, len(whole), diff)
			}
		}
	}
	l := into[EventList](s.get("/api/v1/findings/"+ranked()+"/events?limit=5"), http.StatusOK)
	s.get("/api/v1/findings/"+ranked()+"/events?order=asc&page="+l.Next).refused(http.StatusBadRequest, "bad_page")
	s.get("/api/v1/findings/"+finding.ID(findingtest.More())+"/events?page="+l.Next).refused(http.StatusBadRequest, "bad_page")
}

func TestDestinationMatch(t *testing.T) {
	ip, other := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.10")
	for _, row := range []struct {
		name, domain, scope string
		e                   event.Event
		want                bool
	}{
		{"the address of a destination without a name", "", "destination", event.Event{DestinationIP: ip, DestinationDomain: "any.example.net"}, true},
		{"another address", "", "destination", event.Event{DestinationIP: other}, false},
		{"the name, at another address and in capitals", "a.example.net", "destination", event.Event{DestinationIP: other, TLSServerName: "A.example.NET"}, true},
		{"another name at the address", "a.example.net", "destination", event.Event{DestinationIP: ip, DestinationDomain: "b.example.net"}, false},
		{"no name at the address", "a.example.net", "destination", event.Event{DestinationIP: ip}, true},
		{"another name of the registrable domain", "a.example.co.uk", "domain", event.Event{DestinationIP: other, DestinationDomain: "x.y.example.co.uk"}, true},
		{"the registrable domain itself", "a.example.co.uk", "domain", event.Event{DestinationIP: other, DestinationDomain: "example.co.uk"}, true},
		{"a name that only ends alike", "a.example.co.uk", "domain", event.Event{DestinationIP: ip, DestinationDomain: "badexample.co.uk"}, false},
		{"any, where all of the group are taken together", "a.example.net", "group", event.Event{DestinationIP: other}, true},
		{"any, where the rare ones are", "a.example.net", "rare destinations", event.Event{DestinationIP: other}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := findingtest.Ranked()
			r.Row.Domain, r.Row.Scope = row.domain, row.scope
			f := schedule.Stored(r)
			st, err := readStored(&f)
			if err != nil {
				t.Fatal(err)
			}
			if got := destinationMatch(st)(&row.e); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestDestinations(t *testing.T) {
	s := open(t, Limits{})
	for _, limit := range []int{20, 1} {
		got := into[DestinationList](s.get(fmt.Sprintf("/api/v1/findings/%s/destinations?limit=%d", ranked(), limit)), http.StatusOK)
		want := []Destination{
			{
				IP: "203.0.113.9", OfFinding: true, Events: 72, SourceBytes: 72 * 410, DestinationBytes: 72 * 1370, Names: []string{"cdn-sync.example.net"}, Ports: []int{8443},
				Hosts: 3, OtherHosts: []string{"ws-0007", "ws-0311"},
			},
			{
				IP: "198.51.100.9", Events: 10, SourceBytes: 4100, DestinationBytes: 13700, Names: []string{}, Ports: []int{443},
				Hosts: 3, OtherHosts: []string{"ws-0007", "ws-0311"}, First: at1("2026-01-01T05:10:00Z"), Last: at1("2026-01-01T05:19:00Z"), FirstOfAll: at1("2026-01-01T03:30:00Z"),
			},
		}
		times := findingtest.FiveMinute().Trace.TimesNanos
		want[0].First, want[0].Last = time.Unix(0, times[0]).UTC(), time.Unix(0, times[len(times)-1]).UTC()
		want[0].FirstOfAll = want[0].First
		if diff := cmp.Diff(want[:min(limit, 2)], got.Destinations); diff != "" || got.Total != 2 {
			t.Errorf("%d in all (-want +got)\n%s", got.Total, diff)
		}
	}
}

func TestHistory(t *testing.T) {
	s := open(t, Limits{})
	got := into[History](s.get("/api/v1/findings/"+ranked()+"/history"), http.StatusOK)
	row := findingtest.Ranked().Row
	var want []Past
	three := 3
	for hours := range int64(3) {
		r := moved(findingtest.Ranked(), hours)
		want = append(want, Past{
			RunEnd: at(r.RunEnd), ID: finding.ID(r), Level: "high", Score: &row.Assessment.Score, Tests: &three, Period: &row.Timing.Period,
			Jitter: &row.Timing.Jitter, Callbacks: &row.Timing.Callbacks, NonEmpty: &r.Stats.NonEmptyBuckets, Case: row.Case,
		})
	}
	if diff := cmp.Diff(want, got.Runs); diff != "" || got.Total != 3 || !got.Complete {
		t.Errorf("%d in all (-want +got)\n%s", got.Total, diff)
	}
	got = into[History](s.get("/api/v1/findings/"+finding.ID(findingtest.Fast())+"/history?from=now-1h"), http.StatusOK)
	if len(got.Runs) != 1 || got.Runs[0].Score != nil || got.Runs[0].Level != "unranked" {
		t.Errorf("got %+v, want one without a score", got.Runs)
	}
}

func TestReport(t *testing.T) {
	s := open(t, Limits{})
	a := s.get("/api/v1/findings/" + ranked() + "/report")
	for _, want := range []string{"<!DOCTYPE html>", "ws-0142", "cdn-sync.example.net", "signed by nobody", "<svg", "4,321", "serve.listen", "every 5m"} {
		if !strings.Contains(a.text, want) {
			t.Errorf("got a page without %q", want)
		}
	}
	if strings.Contains(a.text, "timing.lookback") || strings.Contains(a.text, "<script") {
		t.Error("got a setting that is as by default, or a script")
	}
	if h := a.Header(); h.Get("Content-Security-Policy") != reportPolicy || h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("got headers %v, want a strict policy", h)
	}
	a = s.get("/api/v1/findings/" + finding.ID(findingtest.Unseen()) + "/report")
	if a.Code != http.StatusOK || !strings.Contains(a.text, "sync-agent.exe") {
		t.Errorf("got status %d for what the run did not see in its window either, want a page", a.Code)
	}

	hostile := findingtest.HostileRow()
	var b store.Batch
	b.Add(&event.Event{
		TimeNanos: (findingtest.RunEnd - 60) * 1e9, HostName: hostile.Group.Values[0], ProcessName: hostile.Group.Values[1],
		DestinationIP: netip.MustParseAddr("203.0.113.9"), ProcessExecutable: hostile.Details.ProcessExecutable,
	}, "test", 0)
	if err := s.store.Append(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	a = s.get("/api/v1/findings/" + finding.ID(hostile) + "/report")
	for _, wrong := range []string{"<img", "<script", "\u202e", "\x1b"} {
		if strings.Contains(a.text, wrong) || a.Code != http.StatusOK {
			t.Errorf("got status %d and a page with %q, want what logs say as text", a.Code, wrong)
		}
	}
	if report.DefaultDetailed < 1 {
		t.Error("a report has no section")
	}
}

// TestEventsAreReadAgain holds that what is written as ECS is read as the same event.
func TestEventsAreReadAgain(t *testing.T) {
	src, err := ecs.Format.New(source.Options{Fields: event.AllFields})
	if err != nil {
		t.Fatal(err)
	}
	in, err := src.Open(source.File{Head: source.Head{Text: []byte("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	full := event.Event{
		TimeNanos: 1767247200123456789, IngestedNanos: 1767247201e9, DurationNanos: 5, SourceIP: netip.MustParseAddr("10.0.0.1"), DestinationIP: netip.MustParseAddr("2001:db8::1"),
		SourcePort: 1, DestinationPort: 65535, SourceBytes: 7, DestinationBytes: 8, HostName: `h"\`, UserName: "u", ProcessName: "p", ProcessPID: 9, ProcessEntityID: "e",
		ProcessExecutable: "x", ProcessHashSHA256: "s", ProcessParentName: "pp", ProcessParentHashSHA256: "ps", SignatureExists: event.True, SignatureTrusted: event.False,
		SignatureValid: event.True, SignatureStatus: "st", SignatureSubjectName: "su", DestinationDomain: "d", NetworkTransport: "tcp", NetworkProtocol: "tls",
		ConnectionState: "SF", TLSServerName: "n", TLSClientJA3: "j", UserAgent: "<script>", EventAction: "a", EventCategory: "network",
	}
	all := []event.Event{full, {}, {TimeNanos: 1}, {TimeNanos: 1, SourceBytes: 1}, {TimeNanos: 1, DestinationBytes: 1}}
	for _, f := range event.Fields() { // each by itself
		one := event.Event{TimeNanos: 1767247200e9}
		switch f.Kind() {
		case event.KindText:
			*one.Text(f) = "tcp"
		case event.KindIP:
			one.SetIP(f, netip.MustParseAddr("10.0.0.1"))
		case event.KindBool:
			one.SetBool(f, event.False)
		default:
			one.SetCount(f, 4321)
		}
		if f != event.Timestamp && f != event.Ingested {
			all = append(all, one)
		}
	}
	schema := eventSchema()
	for _, e := range all {
		text := eventOf(&e)
		if !json.Valid(text) {
			t.Fatalf("got %s, want JSON", text)
		}
		keys(t, schema, text)
		if e.TimeNanos == 0 {
			continue
		}
		var got []event.Event
		in.NewDecoder().Decode(append(text, '\n'), nil, sink(func(e *event.Event) {
			one := *e
			for _, f := range event.Fields() {
				if p := one.Text(f); p != nil {
					*p = strings.Clone(*p)
				}
			}
			got = append(got, one)
		}))
		if diff := cmp.Diff([]event.Event{e}, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s (-want +got)\n%s", text, diff)
		}
	}
	if !bytes.Contains(eventOf(&full), []byte(`"category":["network"]`)) {
		t.Error("got a category that is no list")
	}
}

// keys holds that every key of a document is in the schema.
func keys(t *testing.T, schema object, text []byte) {
	t.Helper()
	var v object
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for key, child := range v {
		below, ok := schema["properties"].(object)[key].(object)
		if !ok {
			t.Errorf("%s: the key %s is not in the schema", text, key)
			continue
		}
		if _, isObject := child.(object); isObject {
			inner, err := json.Marshal(child)
			if err != nil {
				t.Fatal(err)
			}
			keys(t, below, inner)
		}
	}
}

type sink func(*event.Event)

func (s sink) Event(e *event.Event)   { s(e) }
func (s sink) Bad(source.RecordError) {}
func (s sink) Skip(string, int)       {}
