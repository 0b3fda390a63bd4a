package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/finding/findingtest"
	"fresnel/internal/store"
)

func TestPackHasWhatWasAdded(t *testing.T) {
	for _, n := range []int{0, 1, packTogether - 1, packTogether, packTogether + 1, 3*packTogether + 5} {
		var p packer
		want := make([]string, n)
		for i := range want {
			want[i] = fmt.Sprintf(`{"number":%d,"text":%q}`, i, strings.Repeat("x", i*7%300))
			if i == 2 {
				want[i] = ""
			}
			p.add(&store.Finding{Doc: []byte(want[i]), Group: fmt.Sprintf("group %d", i%3)})
		}
		packed := p.pack()
		for i := range want {
			if got, group, err := packed.at(i); string(got) != want[i] || group != fmt.Sprintf("group %d", i%3) || err != nil {
				t.Errorf("document %d of %d: got %s of %s and error %v, want %s", i, n, got, group, err, want[i])
			}
		}
	}
	broken := &pack{blocks: [][]byte{{200, 1, 2, 3}}, ends: [][2]uint32{{5, 5}}}
	if doc, _, err := broken.at(0); err == nil {
		t.Errorf("got %s, want an error", doc)
	}
}

// TestAPackKeepsNothingElse: a pack is kept for as long as its run, what it was made of is not.
func TestAPackKeepsNothingElse(t *testing.T) {
	run := &runRead{findings: make([]read, 100)}
	run.add(&store.Finding{Doc: []byte("{}")})
	rest := weak.Make(&run.findings[0])
	packed := run.pack()
	runtime.GC()
	if rest.Value() != nil {
		t.Error("got what was read of the findings in memory, want it gone")
	}
	runtime.KeepAlive(packed)
}

// TestTheOldestRunsHaveNoRoomForDocuments gives an index room for the documents of some runs.
func TestTheOldestRunsHaveNoRoomForDocuments(t *testing.T) {
	s := open(t, Limits{})
	fill(t, s.store, 3)
	runs, err := s.store.RunsIn(t.Context(), firstSecond, lastSecond, 8)
	if err != nil || len(runs) != 8 {
		t.Fatalf("got %d runs and error %v", len(runs), err)
	}
	x := newIndex(s.store, 1000)
	kept := func() (n, bytes int) {
		for i := range runs {
			if run := x.byEnd[runs[i].End]; run != nil && run.docs != nil {
				n++
				bytes += run.docs.bytes
				if n <= i {
					t.Errorf("got the documents of run %d and not of a newer one", i)
				}
			}
		}
		return n, bytes
	}
	for i := range runs {
		if i == 3 {
			x.mostPacked = x.packed + x.packed/6
		}
		if _, _, err := x.of(t.Context(), x.begin(), runs[i:i+1]); err != nil {
			t.Fatal(err)
		}
		if n, bytes := kept(); n != min(i+1, 3) || bytes != x.packed {
			t.Errorf("after %d runs: got the documents of %d with %d bytes, want the three newest with %d", i+1, n, bytes, x.packed)
		}
	}
	first := x.byEnd[runs[0].End].all
	for _, tt := range []struct {
		name  string
		end   int64
		place int
		id    findingID
		want  bool
	}{
		{"one that is there", runs[0].End, 2, first[2].id, true},
		{"another id at its place", runs[0].End, 2, first[1].id, false},
		{"a place behind the last", runs[0].End, 3, first[2].id, false},
		{"a run without room", runs[7].End, 0, x.byEnd[runs[7].End].all[0].id, false},
		{"a run that there is not", 77, 0, first[0].id, false},
	} {
		f, err := x.finding(tt.end, tt.place, tt.id)
		if (f != nil) != tt.want || err != nil {
			t.Errorf("%s: got %v and error %v", tt.name, f, err)
		}
		if f == nil {
			continue
		}
		if got, err := s.store.FindingsOf(t.Context(), []store.FindingKey{{RunEnd: f.RunEnd, ID: f.ID}}); err != nil || len(got) != 1 || !cmp.Equal(got[0], *f) {
			t.Errorf("%s: got %v, want %v (error %v)", tt.name, f, got, err)
		}
	}
	x.forgetBefore(runs[1].End)
	if n, bytes := kept(); n != 2 || bytes != x.packed {
		t.Errorf("got %d runs with %d bytes of %d, want two once others are forgotten", n, bytes, x.packed)
	}
}

// TestKeptAnswersAreThoseOfDocuments asks an API that has all in memory, one that reads each document
// from the store, and one whose query only documents answer, and again after a run was replaced.
func TestKeptAnswersAreThoseOfDocuments(t *testing.T) {
	if testing.Short() {
		t.Skip("numbers more than goroutines: left to the tests without the race detector")
	}
	s := open(t, Limits{})
	fill(t, s.store, 7)
	const only = "fresnel.id: *" // which entries do not know, and all documents have
	answer := func(target, q string) any {
		t.Helper()
		text, err := json.Marshal(into[any](s.get(target+"&q="+url.QueryEscape(q)), http.StatusOK))
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
		delete(out, "next") // which has a hash of the query
		return out
	}
	all := func() {
		for _, target := range []string{
			"/api/v1/findings?facets=true&from=now-14d", "/api/v1/findings?facets=true&view=all&from=now-14d&limit=60",
			"/api/v1/findings?facets=true&view=all&from=now-14d&sort=host.name&order=asc", "/api/v1/findings?view=all&from=now-14d&sort=fresnel.timing.period_s",
			"/api/v1/findings?view=all&from=now-14d&sort=fresnel.destination", "/api/v1/findings?view=all&from=now-2d&sort=beacon_stats.beaconing_score&order=asc",
			"/api/v1/findings?view=all&from=now-2d&sort=fresnel.timing.callbacks", "/api/v1/findings?view=all&from=now-2d&sort=@timestamp",
			"/api/v1/overview?from=now-14d", "/api/v1/overview?from=now-14d&points=340", "/api/v1/overview?from=now-6h",
			"/api/v1/hosts?from=now-14d", "/api/v1/hosts?from=now-14d&view=all", "/api/v1/processes?from=now-14d&view=all", "/api/v1/cases?from=now-14d",
		} {
			for _, q := range []string{"", "host.name: host-0* and fresnel.timing.callbacks >= 100", "not process.name: *-3.exe or fresnel.timing.period_s < 100", "@timestamp < now-1d and fresnel.run.end >= now-9d"} {
				both := only
				if q != "" {
					both = "(" + q + ") and " + only
				}
				s.api.index = newIndex(s.store, s.api.o.Limits.Findings)
				kept := answer(target, q)
				again := answer(target, q)
				s.api.index = newIndex(s.store, s.api.o.Limits.Findings)
				s.api.index.mostPacked = 0
				read := answer(target, q)
				for name, got := range map[string]any{"asked again": again, "with documents from the store": read, "by documents": answer(target, both)} {
					if diff := cmp.Diff(kept, got); diff != "" {
						t.Errorf("%s of %q, %s: (-kept +got)\n%.2000s", target, q, name, diff)
					}
				}
			}
		}
	}
	all()
	s.api.index = newIndex(s.store, s.api.o.Limits.Findings)
	target := "/api/v1/findings?from=now-6h&view=all&limit=100"
	before := answer(target, "")
	replaceRun(t, s.store, int64(findingtest.RunEnd))
	after := answer(target, "")
	s.api.index = newIndex(s.store, s.api.o.Limits.Findings)
	if diff := cmp.Diff(answer(target, only), after); diff != "" || cmp.Equal(before, after) {
		t.Errorf("after another run took the place of the last: (-by documents +kept)\n%.2000s", diff)
	}
}

// TestNewestIsThatOfTheStore asks for findings by their ids: of runs that are in the index, that are
// not, and that have been replaced since.
func TestNewestIsThatOfTheStore(t *testing.T) {
	s := open(t, Limits{})
	fill(t, s.store, 3)
	runs, err := s.store.RunsIn(t.Context(), firstSecond, lastSecond, 6)
	if err != nil || len(runs) != 6 {
		t.Fatalf("got %d runs and error %v", len(runs), err)
	}
	x := newIndex(s.store, 1000)
	for i := range 4 {
		if _, _, err := x.of(t.Context(), x.begin(), runs[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	id := func(run int) string {
		one := ""
		if err := s.store.FindingsIn(t.Context(), runs[run].End, runs[run].End, func(f *store.Finding) bool { one = f.ID; return false }); err != nil {
			t.Fatal(err)
		}
		return one
	}
	ask := func(name, id string, want bool) {
		t.Helper()
		got, err := x.newest(t.Context(), id)
		if (got != nil) != want || err != nil {
			t.Errorf("%s: got %v and error %v", name, got, err)
		}
		if got == nil {
			return
		}
		if of, err := s.store.Finding(t.Context(), id); err != nil || !cmp.Equal(of, got) {
			t.Errorf("%s: got %v, want %v (error %v)", name, got, of, err)
		}
	}
	ask("of the latest run", id(0), true)
	ask("of another run", id(3), true)
	ask("of a run that is not in the index", id(4), false)
	ask("of none", strings.Repeat("0", 64), false)
	ask("no id", "x", false)
	old := id(1)
	replaceRun(t, s.store, runs[0].End)
	ask("of a run behind one that was replaced", old, false)
	if runs, err = s.store.RunsIn(t.Context(), firstSecond, lastSecond, 6); err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.of(t.Context(), x.begin(), runs[:1]); err != nil {
		t.Fatal(err)
	}
	ask("of a run behind the new one", old, true)
	x.byEnd[runs[2].End].docs = nil
	ask("of a run without room for documents", id(2), false)
}

// replaceRun saves a run again: its findings are in the other order, with other scores.
func replaceRun(t *testing.T, s store.Store, end int64) {
	t.Helper()
	var all []store.Finding
	if err := s.FindingsIn(t.Context(), end, end, func(f *store.Finding) bool {
		one := *f
		one.Doc = []byte(strings.Replace(string(f.Doc), `.exe"`, `.bat"`, 1))
		all = append([]store.Finding{one}, all...)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if len(all) < 2 {
		t.Fatalf("got %d findings, want some", len(all))
	}
	if err := s.SaveRun(t.Context(), &store.Run{End: end, Findings: int64(len(all)), Events: 1, StartedAt: at(end + 9)}, all, store.SliceChange{}); err != nil {
		t.Fatal(err)
	}
}
