package httpapi

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/query"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
)

// everything are the results of all kinds that there are.
func everything() []*finding.Result {
	return append(found(0), findingtest.Few(), findingtest.Untimed(), findingtest.Browser(), findingtest.Hostile(), moved(findingtest.Unseen(), 5))
}

// queries are such as the index knows the answers to.
var indexedQueries = []string{
	"", "*", "host.name: ws-0142", "host.name: WS-*", "not host.name: ws-*", "host.name: *", "process.name: (updater.exe or *Relay*)", "source.ip: 10.20.0.0/16",
	"destination.ip: 198.51.100.77", "fresnel.destination.ip: 203.0.113.9", "fresnel.destination.ip >= 203.0.113.0", "fresnel.destination.domain: *.example.net", `fresnel.destination.domain: *alert*`,
	"event.risk_score >= 90", "event.risk_score: 55.5", "event.risk_score: *", "not event.risk_score: *", "event.risk_score < 56 and not host.name: ws-0142",
	"fresnel.case.id: b8cf43113d9c41d97e074f3058fe2396", "fresnel.case.id: *", "fresnel.timing.period_s > 299 and fresnel.timing.period_s < 300", "fresnel.timing.jitter <= 0.0207",
	"fresnel.timing.callbacks: 285", "fresnel.timing.callbacks < 100", "beacon_stats.beaconing_score: 3", "beacon_stats.beaconing_score >= 1 or host.name: ws-0007",
	`@timestamp >= "2026-01-01T05:55:18.989773Z"`, `@timestamp: "2026-01-01T05:55:18.989773Z"`, `@timestamp: 2026-01-01`, "@timestamp >= now-20m", "fresnel.timing.first < 2026", `fresnel.timing.last: "2026-01-01T05:55"`,
	`fresnel.run.end: "2026-01-01T06:00:00Z"`, "fresnel.run.end < now-1h", "host.name: true", `process.name: "<img src=x onerror=alert(1)>\u202egpj.exe\u001b[31m"`,
}

// TestIndexAnswersAsDocumentsDo holds that entries say of a query what the whole document does.
func TestIndexAnswersAsDocumentsDo(t *testing.T) {
	s := open(t, Limits{})
	r, b := newReader(), newBook()
	answered := 0
	for _, text := range indexedQueries {
		q, err := query.Parse(text)
		if err == nil {
			err = q.Check(s.api.names)
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		wanted := conditionOf(q, s.now)
		if wanted == nil {
			t.Errorf("%q: got a query that needs documents, want one that entries answer", text)
			continue
		}
		for range 2 { // what has been asked of a text is asked again
			for _, result := range everything() {
				f := schedule.Stored(result)
				one, err := r.finding(&f, 1)
				if err != nil {
					t.Fatal(err)
				}
				whole, err := query.NewDocument(f.Doc)
				if err != nil {
					t.Fatal(err)
				}
				var e entry
				b.entry(&e, &one)
				want := q.Match(whole, s.now)
				if got := wanted(&e, b.texts, f.RunEnd); got != want {
					t.Errorf("%q of %v: got %v, want %v: %+v", text, result.Group.Values, got, want, e)
				}
				if want && text != "" {
					answered++
				}
			}
		}
	}
	if answered < len(indexedQueries) {
		t.Errorf("got %d matches, want queries that match something", answered)
	}
}

func TestQueriesThatNeedDocuments(t *testing.T) {
	s := open(t, Limits{})
	for _, text := range []string{
		"chrome", "process.*: chrome", "process: *", "fresnel.reasons: {code: folder}", "process.executable: x", "@timestamp: 2026-01-01*", "event.risk_score: 9*", "not (host.name: a or x)",
		"host.name: a and beacon_stats.periodic: true", "user.name: *",
	} {
		q, err := query.Parse(text)
		if err == nil {
			err = q.Check(s.api.names)
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if conditionOf(q, s.now) != nil {
			t.Errorf("%q: got a query that entries answer, want one that needs documents", text)
		}
	}
}

// TestBothWaysToReadAreTheSame holds that what is read by documents is what the index has.
func TestBothWaysToReadAreTheSame(t *testing.T) {
	s := open(t, Limits{})
	fill(t, s.store, 4)
	all, err := query.Parse("fresnel.id: *") // which facts do not know
	if err != nil {
		t.Fatal(err)
	}
	for _, view := range []bool{false, true} {
		type plain struct {
			group                  int // how many others came before it
			end                    int64
			newest                 bool
			numbers                [6]float64
			timestamp, first, last int64
			texts                  [7]string
			id                     findingID
		}
		gather := func(q *query.Query, group string) (list []plain) {
			l := &look{span: span{firstSecond, lastSecond}, all: view, group: group, query: q, now: s.now}
			order := map[uint32]int{}
			if _, err := s.api.each(t.Context(), l, func(one *seen) (bool, error) {
				e := one.entry
				if _, ok := order[e.group]; !ok {
					order[e.group] = len(order)
				}
				p := plain{
					group: order[e.group], end: one.runEnd, newest: one.newest, timestamp: e.timestamp, first: e.first, last: e.last, id: e.id,
					numbers: [6]float64{e.score, e.period, e.jitter, float64(e.callbacks), float64(e.nonEmpty), float64(e.tests)},
				}
				for i, n := range []uint32{e.hostName, e.source, e.process, e.domain, e.address, e.target, e.caseID} {
					p.texts[i] = one.text(n)
				}
				list = append(list, p)
				return true, nil
			}); err != nil {
				t.Fatal(err)
			}
			return list
		}
		for group, most := range map[string]int{"": 4 * 14 * 24, "host-001\x00process-1.exe\x00": 14 * 24, "host-001\x00": 0} {
			if !view {
				most = min(most, 4)
			}
			byIndex, byDocuments := gather(nil, group), gather(all, group)
			if diff := cmp.Diff(byDocuments, byIndex, cmp.AllowUnexported(plain{})); diff != "" || len(byIndex) > most || most > 0 && len(byIndex) == 0 {
				t.Errorf("group %q, view of all: %v, %d by the index (-documents +index)\n%.3000s", group, view, len(byIndex), diff)
			}
		}
	}
}

// A counting store counts how often findings are read.
type counting struct {
	store.Store
	mu    sync.Mutex
	reads map[string]int // by the ends of the first and last run, from findingtest.RunEnd on
}

func (c *counting) FindingsIn(ctx context.Context, from, to int64, f func(*store.Finding) bool) error {
	c.mu.Lock()
	c.reads[fmt.Sprintf("%d to %d", from-findingtest.RunEnd, to-findingtest.RunEnd)]++
	c.mu.Unlock()
	return c.Store.FindingsIn(ctx, from, to, f)
}

func TestRunsAreReadOnce(t *testing.T) {
	s := open(t, Limits{})
	c := &counting{Store: s.store, reads: map[string]int{}}
	s.api.index = newIndex(c, 1000)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() { s.ask("", "GET", "/api/v1/overview", "", "Authorization", basic("bob", password)) })
	}
	wait.Wait()
	last := int64(findingtest.RunEnd)
	if diff := cmp.Diff(map[string]int{"-7200 to 0": 1}, c.reads); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// A run that replaces another is seen, also when it has as many findings.
	again := found(0)
	again[0].Group.Values = []string{"ws-9999", "new.exe"}
	s.now = s.now.Add(1)
	var findings []store.Finding
	for _, r := range again {
		findings = append(findings, schedule.Stored(r))
	}
	if err := s.store.SaveRun(t.Context(), &store.Run{End: last, StartedAt: s.now, FinishedAt: s.now, Findings: int64(len(findings))}, findings, store.SliceChange{}); err != nil {
		t.Fatal(err)
	}
	if o := into[Overview](s.get("/api/v1/overview?q=host.name:ws-9999"), 200); o.Documents != 1 || c.reads["0 to 0"] != 1 {
		t.Errorf("got %d documents after the reads %v, want the run read again", o.Documents, c.reads)
	}
}

func TestNobodyWaitsForWhatIsReadAhead(t *testing.T) {
	s := open(t, Limits{})
	c := &counting{Store: s.store, reads: map[string]int{}}
	s.api.index = newIndex(c, 1000)
	if err := s.api.readAhead(t.Context()); err != nil || len(c.reads) == 0 {
		t.Fatalf("got %d reads and error %v, want some", len(c.reads), err)
	}
	clear(c.reads)
	if o := into[Overview](s.get("/api/v1/overview?from=now-14d"), 200); o.Documents == 0 || len(c.reads) != 0 {
		t.Errorf("got %d documents after the reads %v, want some after none", o.Documents, c.reads)
	}
	s.store.fail(errors.New("sector 7 unreadable"))
	s.api.index = newIndex(c, 1000)
	if err := s.api.readAhead(t.Context()); err == nil {
		t.Error("got no error, want that of the store")
	}
}

func TestRunsAreReadTogether(t *testing.T) {
	s := open(t, Limits{})
	const ends = 10
	for i := range int64(ends) {
		var findings []store.Finding
		for k := range 3 {
			r := moved(findingtest.Ranked(), -100-i)
			r.Group.Values = []string{fmt.Sprintf("host-%d-%d", i, k), "p.exe"}
			findings = append(findings, schedule.Stored(r))
		}
		if err := s.store.SaveRun(t.Context(), &store.Run{End: findings[0].RunEnd, Findings: 3}, findings, store.SliceChange{}); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := s.store.RunsIn(t.Context(), findingtest.RunEnd+1, lastSecond, 100)
	if err != nil || len(runs) != ends {
		t.Fatalf("got %d runs and error %v, want %d", len(runs), err, ends)
	}
	for _, tt := range []struct {
		name  string
		most  int
		known []int // runs that are there
		want  int   // runs that are there once the first was asked for
	}{
		{"all of them", 1000, nil, ends},
		{"as many as have room", 7, nil, 2},
		{"one that has no room", 2, nil, 1},
		{"up to one that is there", 1000, []int{4}, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &counting{Store: s.store, reads: map[string]int{}}
			x := newIndex(c, tt.most)
			for _, i := range tt.known {
				if _, _, err := x.of(t.Context(), x.begin(), runs[i:i+1]); err != nil {
					t.Fatal(err)
				}
			}
			clear(c.reads)
			entries, texts, err := x.of(t.Context(), x.begin(), runs)
			if err != nil || len(entries.all) != 3 || texts[entries.all[2].hostName] != "host-9-2" {
				t.Fatalf("got %d entries and error %v, want those of the newest run", len(entries.all), err)
			}
			if len(x.byEnd) != tt.want || len(c.reads) != 1 {
				t.Errorf("got %d runs after the reads %v, want %d after one", len(x.byEnd), c.reads, tt.want)
			}
			for i := range runs {
				entries, texts, ok := x.have(x.begin(), &runs[i])
				if ok && texts[entries.all[1].hostName] != fmt.Sprintf("host-%d-1", ends-1-i) {
					t.Errorf("run %d: got %s, want its own findings", i, texts[entries.all[1].hostName])
				}
			}
		})
	}
	// Runs that say that they have fewer findings than they have.
	lying := slices.Clone(runs)
	for i := range lying {
		lying[i].Findings = 0
	}
	x := newIndex(s.store, 10)
	entries, _, err := x.of(t.Context(), x.begin(), lying)
	if err != nil || len(entries.all) != 3 || len(x.byEnd) != 3 || x.size != 9 {
		t.Errorf("got %d entries, %d runs with %d and error %v, want the three whole runs that there is room for", len(entries.all), len(x.byEnd), x.size, err)
	}
}

func TestShelf(t *testing.T) {
	var s shelf
	id := func(n byte) findingID { return findingID{n} }
	big := make(Document, shelfBytes/4)
	for end := range int64(4) {
		s.put(s.state(), end, id(1), big)
	}
	s.get(0, id(1)) // so that it is not the one that goes
	s.put(s.state(), 4, id(1), big)
	if s.get(0, id(1)) == nil || s.get(1, id(1)) != nil || s.get(4, id(1)) == nil || s.bytes != shelfBytes {
		t.Errorf("got %d bytes of %d runs, want the one that was not asked for longest gone", s.bytes, len(s.byEnd))
	}
	state := s.state()
	s.drop(4)
	s.put(state, 4, id(1), big)
	if s.get(4, id(1)) != nil || s.bytes != shelfBytes*3/4 {
		t.Errorf("got a document that was read before its run was dropped, and %d bytes", s.bytes)
	}
	s.put(s.state(), 0, id(1), Document("{}"))
	if len(s.get(0, id(1))) != len(big) || s.get(0, id(2)) != nil {
		t.Error("got another document, want the one that was there")
	}
	s.put(s.state(), 9, id(1), make(Document, shelfBytes+1))
	if s.bytes != 0 || len(s.byEnd) != 0 {
		t.Errorf("got %d bytes, want none of a document that is larger than all", s.bytes)
	}
	for end := range int64(4) {
		s.put(s.state(), end, id(1), Document("{}"))
	}
	state = s.state()
	s.dropBefore(3)
	s.put(state, 2, id(1), Document("{}"))
	if len(s.byEnd) != 1 || s.get(3, id(1)) == nil || s.bytes != 2 {
		t.Errorf("got %d runs with %d bytes, want the one that is not before", len(s.byEnd), s.bytes)
	}
}

func TestIndexForgetsWhatWasNotAskedForLongest(t *testing.T) {
	s := open(t, Limits{})
	for i := range int64(10) {
		r := moved(findingtest.Ranked(), -100-i)
		r.Group.Values = []string{fmt.Sprintf("host-%d", i), "p.exe"}
		save(t, s.store, r.RunEnd, []*finding.Result{r, r, r})
	}
	x := newIndex(s.store, 20)
	runs, err := s.store.RunsIn(t.Context(), findingtest.RunEnd+1, lastSecond, 100)
	if err != nil || len(runs) != 10 {
		t.Fatalf("got %d runs and error %v, want 10", len(runs), err)
	}
	slices.Reverse(runs)
	for i := range runs {
		entries, texts, err := x.of(t.Context(), x.begin(), runs[i:i+1])
		if err != nil || len(entries.all) != 3 || texts[entries.all[0].hostName] != fmt.Sprintf("host-%d", i) {
			t.Fatalf("run %d: got %d entries and error %v", i, len(entries.all), err)
		}
		if _, _, err := x.of(t.Context(), x.begin(), runs[:1]); err != nil { // which is asked for all the time
			t.Fatal(err)
		}
		if x.size > x.most {
			t.Errorf("got %d entries, want at most %d", x.size, x.most)
		}
	}
	total := 0
	for _, run := range x.byEnd {
		total += len(run.all)
	}
	if x.size != total || x.byEnd[runs[0].End] == nil || x.byEnd[runs[9].End] == nil || x.byEnd[runs[1].End] != nil {
		t.Errorf("got size %d of %d entries, and runs %v, want the ones asked for last", x.size, total, len(x.byEnd))
	}
	b := x.begin()
	for i := range 100 {
		b.number(strings.Repeat("x", i))
	}
	if now := x.begin(); len(now.texts) != 1 || now == b || x.size != 0 || x.packed != 0 {
		t.Errorf("got %d texts, want those of runs that are gone to be forgotten", len(now.texts))
	}
	// A look that had begun before goes on with the numbers that it has.
	entries, texts, err := x.of(t.Context(), b, runs[3:4])
	if err != nil || len(entries.all) != 3 || texts[entries.all[0].hostName] != "host-3" || int(entries.all[0].hostName) >= len(b.texts) || x.size != 0 {
		t.Errorf("got %d entries and error %v, want three in the old book", len(entries.all), err)
	}
}

// TestForgottenRunsAreGone asks for runs, and again once the store has forgotten them.
func TestForgottenRunsAreGone(t *testing.T) {
	s := open(t, Limits{})
	x, last := s.api.index, int64(findingtest.RunEnd)
	x.mostPacked = 0 // what is packed goes with the entries, what is on the shelf does not
	old := moved(findingtest.Ranked(), 1)
	old.Group.Values = []string{"ws-gone", "p.exe"} // which no other run has
	save(t, s.store, old.RunEnd, []*finding.Result{old})
	count := func(want, runs int) {
		t.Helper()
		if list := into[FindingList](s.get("/api/v1/findings?from=now-14d&view=all"), 200); list.Total != want || len(list.Findings) != want {
			t.Errorf("got %d findings of %d, want %d", len(list.Findings), list.Total, want)
		}
		if o := into[Overview](s.get("/api/v1/overview?from=now-14d"), 200); o.Documents != want || o.Runs != runs {
			t.Errorf("got %d documents of %d runs, want %d of %d", o.Documents, o.Runs, want, runs)
		}
	}
	of := func(end int64) int { return len(x.byEnd[end].all) }
	count(len(found(0))+1+len(found(2)), 3)
	one := "/api/v1/findings/" + finding.ID(old)
	into[FindingDetail](s.get(one), 200)
	if len(x.byEnd) != 3 || len(x.shelf.byEnd) != 3 || of(old.RunEnd) != 1 {
		t.Fatalf("got %d runs in the index and %d on the shelf, want three", len(x.byEnd), len(x.shelf.byEnd))
	}
	entries, docs := weak.Make(x.byEnd[old.RunEnd]), weak.Make(x.shelf.byEnd[old.RunEnd])
	if n, err := s.store.ForgetRuns(t.Context(), last); n != 2 || err != nil {
		t.Fatalf("got %d runs forgotten and %v, want 2", n, err)
	}
	count(len(found(0)), 1) // whether the API has been told or not
	s.get(one).refused(404, "not_found")
	s.api.Forget(last)
	count(len(found(0)), 1)
	if len(x.byEnd) != 1 || x.size != of(last) || len(x.shelf.byEnd) != 1 || x.shelf.bytes != x.shelf.byEnd[last].bytes {
		t.Errorf("got %d runs with %d entries in the index, %d with %d bytes on the shelf, want the last one alone", len(x.byEnd), x.size, len(x.shelf.byEnd), x.shelf.bytes)
	}
	runtime.GC()
	if entries.Value() != nil || docs.Value() != nil {
		t.Error("got entries and documents of a forgotten run in memory")
	}
	runtime.KeepAlive(s)
}

func TestIndexTellsErrors(t *testing.T) {
	s := open(t, Limits{})
	x := newIndex(s.store, 20)
	broken := errors.New("broken")
	s.store.fail(broken)
	if _, _, err := x.of(t.Context(), x.begin(), []store.Run{{End: findingtest.RunEnd}}); !errors.Is(err, broken) {
		t.Errorf("got error %v, want that of the store", err)
	}
	s.store.fail(nil)
	bad := schedule.Stored(findingtest.Ranked())
	bad.ID, bad.RunEnd = "not an id", 99
	if err := s.store.SaveRun(t.Context(), &store.Run{End: 99}, []store.Finding{bad}, store.SliceChange{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.of(t.Context(), x.begin(), []store.Run{{End: 99}}); err == nil || !strings.Contains(err.Error(), "not an id") {
		t.Errorf("got error %v, want one of the id", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x.loading <- struct{}{}
	if _, _, err := x.of(ctx, x.begin(), []store.Run{{End: 5}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that the client is gone", err)
	}
}
