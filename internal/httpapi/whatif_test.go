package httpapi

import (
	"encoding/json"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/store"
	"fresnel/internal/survey"
	"fresnel/internal/timeline"
)

// tryOn returns the body of a request that tries settings.
func tryOn(t testing.TB, end int64, set map[string]string) string {
	t.Helper()
	if set == nil {
		set = map[string]string{}
	}
	body, err := json.Marshal(TrialRequest{End: at(end), Set: set})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestWhatIf(t *testing.T) {
	s, end := openSimulated(t)
	ask := func(end int64, set map[string]string) WhatIf {
		t.Helper()
		w := into[WhatIf](s.ask("carl", "POST", "/api/v1/whatif", tryOn(t, end, set)), http.StatusOK)
		if w.Before.Findings != w.Unchanged+w.Go.Total+w.Move.Total || w.After.Findings != w.Unchanged+w.Appear.Total+w.Move.Total {
			t.Errorf("%v: got %d findings before and %d after, of which %d are the same, %d go, %d appear, %d move: that does not add up", set,
				w.Before.Findings, w.After.Findings, w.Unchanged, w.Go.Total, w.Appear.Total, w.Move.Total)
		}
		return w
	}
	stored := s.get("/api/v1/findings.ndjson?view=all&from=2020-01-01").text

	t.Run("with the settings in force nothing changes", func(t *testing.T) {
		w := ask(end, nil)
		if w.ComparedWith != "stored" || w.LookedBack != "runs" || w.Unchanged < 5 || w.Appear.Total+w.Go.Total+w.Move.Total != 0 || len(w.Changes) != 0 || w.YAML != "" {
			t.Errorf("got %+v, want some findings that are the same", w)
		}
		if d := cmp.Diff(w.Before, w.After); d != "" {
			t.Errorf("(-before +after)\n%s", d)
		}
		if w.After.Days != 7 || w.After.Hosts == 0 || math.Abs(w.After.AHostDay*float64(w.After.Hosts)*w.After.Days-float64(w.After.Findings)) > 1e-9 || w.After.OfBusiest == 0 {
			t.Errorf("got %+v, want findings of seven days by host", w.After)
		}
		var events int64
		for _, o := range w.Filter {
			events += o.Events
		}
		if events != w.After.Events || events == 0 {
			t.Errorf("got %d events by outcome of the filter, want %d", events, w.After.Events)
		}
	})
	t.Run("a higher least score lets findings go", func(t *testing.T) {
		w := ask(end, map[string]string{"rank.min_score": "99"})
		if w.Go.Total == 0 || w.Appear.Total != 0 || w.After.Hidden <= w.Before.Hidden {
			t.Fatalf("got %+v, want findings that go", w)
		}
		one := w.Go.Findings[0]
		if one.After != nil || one.Before == nil || one.Before.Place < 1 || one.Before.Score == nil || len(one.Before.Reasons) == 0 || one.Host == "" || one.Destination == "" || len(one.Group) != 2 {
			t.Errorf("got %+v, want what was said before", one)
		}
		if d := cmp.Diff([]SettingChange{{"rank.min_score", "0", "99"}}, w.Changes); d != "" || w.YAML != "rank:\n  min_score: 99\n" {
			t.Errorf("got the YAML %q and changes (-want +got)\n%s", w.YAML, d)
		}
	})
	t.Run("another weight moves scores", func(t *testing.T) {
		w := ask(end, map[string]string{"rank.weights.timing": "{certain: 20, sure: 20, strong: 11}"})
		if w.Move.Total == 0 {
			t.Fatalf("got %+v, want scores that move", w)
		}
		for i, one := range w.Move.Findings {
			if one.Before == nil || one.After == nil || change(one) < sameScore && one.Before.Destination == one.After.Destination {
				t.Errorf("got %+v, want a score before and another after", one)
			}
			if i > 0 && change(one) > change(w.Move.Findings[i-1])+1e-9 {
				t.Errorf("got a change of %v behind one of %v, want them falling", change(one), change(w.Move.Findings[i-1]))
			}
		}
	})
	t.Run("a clause that leaves out a destination lets its findings go", func(t *testing.T) {
		first := into[FindingList](s.get("/api/v1/findings?limit=1"), http.StatusOK).Findings[0]
		ip := namedOf(t, first).Fresnel.Destination.IP
		w := ask(end, map[string]string{"filter.exclude": `[{name: known, where: {destination.ip: ` + ip + `}}]`})
		if w.LookedBack != "events" || w.Go.Total == 0 {
			t.Errorf("got %+v, want findings that go", w)
		}
		for _, o := range w.Filter {
			if o.Name == "known" && (o.Events == 0 || o.Side != "exclude" || o.Kept) {
				t.Errorf("got %+v, want events left out", o)
			}
		}
	})
	t.Run("another parameter changes the tests", func(t *testing.T) {
		w := ask(end, map[string]string{"beacon.max_beaconing_bytes_cov": "0", "beacon.max_beaconing_count_rv": "0", "beacon.min_beaconing_count_autocovariance": "1"})
		if w.Go.Total+w.Move.Total == 0 {
			t.Errorf("got %+v, want findings of fewer tests", w)
		}
	})
	t.Run("without a run it is compared with the settings in force", func(t *testing.T) {
		w := ask(end-1800, map[string]string{"rank.min_score": "99"})
		if w.ComparedWith != "settings" || w.Go.Total == 0 || w.Before.Findings <= w.After.Findings {
			t.Errorf("got %+v, want findings that go", w)
		}
		if w := ask(end-1800, nil); w.Unchanged != w.Before.Findings || w.Unchanged == 0 {
			t.Errorf("got %+v, want the same", w)
		}
	})
	if again := s.get("/api/v1/findings.ndjson?view=all&from=2020-01-01").text; again != stored {
		t.Error("what is stored has changed")
	}
	if runs := into[RunList](s.get("/api/v1/runs?from=2020-01-01"), http.StatusOK); len(runs.Runs) != 5 {
		t.Errorf("got %d runs, want the 5 that were there", len(runs.Runs))
	}
}

func change(r WhatIfRow) float64 {
	of := func(p *WhatIfPast) float64 {
		if p.Score == nil {
			return 0
		}
		return *p.Score
	}
	return math.Abs(of(r.After) - of(r.Before))
}

func TestWhatIfIsRefused(t *testing.T) {
	s := open(t, Limits{})
	for _, row := range []struct{ name, body, code, field string }{
		{"a time to come", `{"end":"2026-01-01T06:10:01Z","set":{}}`, "bad_value", "end"},
		{"parts of a second", `{"end":"2026-01-01T06:00:00.5Z","set":{}}`, "bad_value", "end"},
		{"no end", `{"set":{}}`, "missing_field", "end"},
		{"no settings", `{"end":"2026-01-01T06:00:00Z"}`, "missing_field", "set"},
		{"a list of settings", `{"end":"2026-01-01T06:00:00Z","set":["beacon.max_jitter=0.2"]}`, "bad_value", "set"},
		{"a number for a text", `{"end":"2026-01-01T06:00:00Z","set":{"beacon.max_jitter":0.2}}`, "bad_value", "set"},
		{"more settings than there are", `{"end":"2026-01-01T06:00:00Z","set":{` + strings.Repeat(`"a":"1",`, 3) + many(501) + `}}`, "bad_value", "set"},
		{"settings that are not sound", `{"end":"2026-01-01T06:00:00Z","set":{"beacon.max_jitter":"2","beacon.no_such":"1","rank.min_score":"x"}}`, "bad_settings", "set"},
	} {
		for _, target := range []string{"/api/v1/whatif", "/api/v1/filter/preview"} {
			t.Run(row.name+" "+target, func(t *testing.T) {
				s.t = t
				e := s.ask("carl", "POST", target, row.body).refused(http.StatusBadRequest, row.code)
				if e.Field != row.field {
					t.Errorf("got field %q, want %q", e.Field, row.field)
				}
				if row.code == "bad_settings" {
					var keys []string
					for _, p := range e.Settings {
						keys = append(keys, p.Key)
					}
					if d := cmp.Diff([]string{"beacon.no_such", "rank.min_score", "beacon.max_jitter"}, keys); d != "" {
						t.Errorf("keys (-want +got)\n%s", d)
					}
				}
			})
		}
	}
}

// many returns n fields of an object.
func many(n int) string {
	var fields []string
	for i := range n {
		fields = append(fields, `"key`+strings.Repeat("x", i)+`":"1"`)
	}
	return strings.Join(fields, ",")
}

func TestWhatIfsComeOneByOne(t *testing.T) {
	l := DefaultLimits()
	l.Waiting, l.Wait = 1, 10*time.Millisecond
	s := open(t, l)
	s.tuner.waits = make(chan struct{})
	s.as("carl")
	done := make(chan answer)
	go func() {
		done <- s.ask("carl", "POST", "/api/v1/whatif", tryOn(t, findingtest.RunEnd, nil))
	}()
	<-s.tuner.waits
	if a := s.ask("carl", "POST", "/api/v1/whatif", tryOn(t, findingtest.RunEnd, nil)); a.Header().Get("Retry-After") == "" {
		t.Error("got no Retry-After")
	} else {
		a.refused(http.StatusTooManyRequests, "busy")
	}
	if a := s.get("/api/v1/findings"); a.Code != http.StatusOK {
		t.Errorf("got status %d for a list meanwhile, want 200", a.Code)
	}
	s.tuner.waits <- struct{}{}
	into[WhatIf](<-done, http.StatusOK)
}

func TestPairs(t *testing.T) {
	of := func(keys ...string) (lines []line) {
		for i, key := range keys {
			group, destination, _ := strings.Cut(key, " ")
			f := &store.Finding{ID: key, Group: group + "\x00" + destination, Score: 50}
			lines = append(lines, line{Finding: f, facts: facts{domain: destination}, place: i + 1, group: group + "\x00"})
		}
		return lines
	}
	for _, tt := range []struct {
		name          string
		before, after []string
		want          []string
	}{
		{"the same", []string{"a x", "a y", "b"}, []string{"b", "a y", "a x"}, []string{"b=b", "a y=a y", "a x=a x"}},
		{"the timing model now finds a destination", []string{"a"}, []string{"a x"}, []string{"a=a x"}},
		{"and two of them", []string{"a"}, []string{"a x", "a y"}, []string{"a=a x"}},
		{"another destination, beside one that stays", []string{"a x", "a y"}, []string{"a y", "a z"}, []string{"a y=a y", "a x=a z"}},
		{"none", nil, []string{"a"}, nil},
		{"others", []string{"a x"}, []string{"b x"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range pairs(of(tt.before...), of(tt.after...)) {
				got = append(got, p.before.ID+"="+p.after.ID)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestFilterPreview(t *testing.T) {
	s, end := openSimulated(t)
	ask := func(set map[string]string) FilterPreview {
		t.Helper()
		p := into[FilterPreview](s.ask("bob", "POST", "/api/v1/filter/preview", tryOn(t, end, set)), http.StatusOK)
		var before, after int64
		for _, c := range p.Clauses {
			before, after = before+c.Before, after+c.After
		}
		if before != p.Events || after != p.Events || p.KeptAfter != p.KeptBefore+p.NewlyKept-p.NewlyLeftOut {
			t.Errorf("%v: got %+v: it does not add up", set, p)
		}
		return p
	}
	same := ask(nil)
	if same.Events == 0 || same.NewlyKept+same.NewlyLeftOut != 0 || len(same.Examples) != 0 || !same.From.Equal(at(end+1-6*3600)) || !same.To.Equal(at(end)) {
		t.Errorf("got %+v, want six hours without a change", same)
	}
	first := into[FindingList](s.get("/api/v1/findings?limit=1"), http.StatusOK).Findings[0]
	ip, process := namedOf(t, first).Fresnel.Destination.IP, namedOf(t, first).Process.Name
	less := ask(map[string]string{"filter.exclude": `[{name: known, where: {destination.ip: ` + ip + `}}, {name: other-actions, remove: true}]`})
	changes := map[string]string{}
	for _, c := range less.Clauses {
		changes[c.Name] = c.Change
		if c.Name == "known" && (c.After < less.NewlyLeftOut || c.Before != 0 || c.Side != "exclude" || c.Kept || c.Rule != "destination.ip in "+ip) {
			t.Errorf("got %+v, want the events that are left out", c)
		}
	}
	if changes["known"] != "new" || changes["other-actions"] != "gone" || changes["not-network"] != "none" || less.NewlyLeftOut == 0 {
		t.Errorf("got the changes %v and %d events left out, want one clause that is new and one that is gone", changes, less.NewlyLeftOut)
	}
	if e := less.Examples[0]; e.Kept || e.Process != process || e.Events == 0 || e.Clause != "known" || e.Host == "" {
		t.Errorf("got %+v, want events of %s", e, process)
	}
	more := ask(map[string]string{"filter.exclude": `[{name: common-processes, where: {process.name: none}}]`})
	if more.NewlyKept == 0 || !more.Examples[0].Kept || len(more.Examples) > 20 || !more.ExamplesWhole {
		t.Errorf("got %+v, want events that are newly kept", more)
	}
	for _, c := range more.Clauses {
		if want := map[bool]string{true: "changed", false: "none"}[c.Name == "common-processes"]; c.Change != want {
			t.Errorf("got %+v, want the change %s", c, want)
		}
	}
	if off := ask(map[string]string{"filter.enabled": "false"}); off.KeptAfter != off.Events {
		t.Errorf("got %+v, want all events kept", off)
	}
}

func TestConfigIsSaved(t *testing.T) {
	s := open(t, Limits{})
	s.as("anna")
	for _, row := range []struct{ name, body, code, field string }{
		{"none", `{"set":{}}`, "bad_value", "set"},
		{"none, and none to forget", `{"set":{},"forget":[]}`, "bad_value", "set"},
		{"null for a value", `{"set":{"beacon.max_jitter":null}}`, "bad_value", "set"},
		{"null for a key", `{"set":{},"forget":[null]}`, "bad_value", "forget"},
		{"one to set and to forget", `{"set":{"beacon.max_jitter":"0.2"},"forget":["beacon.max_jitter"]}`, "bad_value", "forget"},
		{"one to forget twice", `{"set":{},"forget":["beacon.max_jitter","beacon.max_jitter"]}`, "bad_value", "forget"},
		{"unsound ones", `{"set":{"beacon.max_jitter":"x"}}`, "bad_settings", "set"},
		{"one field more", `{"set":{"beacon.max_jitter":"0.2"},"end":"now"}`, "unknown_field", "end"},
	} {
		if e := s.ask("anna", "PUT", "/api/v1/config", row.body).refused(http.StatusBadRequest, row.code); e.Field != row.field {
			t.Errorf("%s: got field %q, want %q", row.name, e.Field, row.field)
		}
	}
	a := into[ConfigAnswer](s.ask("anna", "PUT", "/api/v1/config", `{"set":{"beacon.max_jitter":"0.2","rank.min_score":"10"}}`), http.StatusOK)
	if d := cmp.Diff([]SettingChange{{"beacon.max_jitter", "0", "0.2"}, {"rank.min_score", "0", "10"}}, a.Changes); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	want := []SavedSetting{{Key: "beacon.max_jitter", Value: "0.2", By: "anna", At: s.now.UTC(), InForce: true}, {Key: "rank.min_score", Value: "10", By: "anna", At: s.now.UTC(), InForce: true}}
	if d := cmp.Diff(want, into[Config](s.get("/api/v1/config"), http.StatusOK).Saved); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if a := into[ConfigAnswer](s.ask("anna", "DELETE", "/api/v1/config/rank.min_score", ""), http.StatusOK); len(a.Saved) != 1 || a.Changes == nil {
		t.Errorf("got %+v, want one that stays", a)
	}
	s.ask("anna", "DELETE", "/api/v1/config/rank.min_score", "").refused(http.StatusNotFound, "not_found")
	s.ask("anna", "DELETE", "/api/v1/config/%ff", "").refused(http.StatusBadRequest, "bad_parameter")
	for _, path := range []string{"whatif", "filter/preview"} {
		s.ask("anna", "POST", "/api/v1/"+path, `{"end":"2026-01-01T06:00:00Z","set":{},"forget":["rank.min_score"]}`).refused(http.StatusNotFound, "not_found")
	}
	s.ask("anna", "PUT", "/api/v1/config", `{"set":{},"forget":["rank.min_score"]}`).refused(http.StatusNotFound, "not_found")
	into[FilterPreview](s.ask("anna", "POST", "/api/v1/filter/preview", `{"end":"2026-01-01T06:00:00Z","set":{},"forget":["beacon.max_jitter"]}`), http.StatusOK)
	if a := into[ConfigAnswer](s.ask("anna", "PUT", "/api/v1/config", `{"set":{"rank.min_score":"5"},"forget":["beacon.max_jitter"]}`), http.StatusOK); len(a.Saved) != 1 || a.Saved[0].Key != "rank.min_score" {
		t.Errorf("got %+v, want one in place of the other", a)
	}
	if a := into[ConfigAnswer](s.ask("anna", "PUT", "/api/v1/config", `{"set":{},"forget":["rank.min_score"]}`), http.StatusOK); len(a.Saved) != 0 {
		t.Errorf("got %+v, want none", a)
	}
	var got []string
	for _, e := range into[Trail](s.ask("anna", "GET", "/api/v1/audit", ""), http.StatusOK).Entries {
		if strings.HasPrefix(e.Action, "config.") {
			got = append(got, e.User+" "+e.Action+" "+e.Subject)
		}
	}
	if d := cmp.Diff([]string{"anna config.remove rank.min_score", "anna config.save rank.min_score, beacon.max_jitter", "anna config.remove rank.min_score", "anna config.save beacon.max_jitter, rank.min_score"}, got); d != "" {
		t.Errorf("trail (-want +got)\n%s", d)
	}
	s.store.fail(store.ErrFull)
	s.ask("anna", "PUT", "/api/v1/config", `{"set":{"beacon.max_jitter":"0.3"}}`).refused(http.StatusInsufficientStorage, "full")
	if got := listOf([]string{"a", "b", "c", "d", "e", "f", "g"}); got != "a, b, c, d, e and 2 more" {
		t.Errorf("got %q, want five keys", got)
	}
}

// oneKey is the key of all groups.
type oneKey struct{}

func (oneKey) AppendKey(dst []byte, _ *event.Event) []byte { return append(dst, 'k') }

// TestUnanswered holds that what is said of a call here is what the timing model is told.
func TestUnanswered(t *testing.T) {
	for _, state := range []string{"", "S0", "S1", "S2", "S3", "SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH", "new", "established", "closed", "bypassed"} {
		for bits := range 4 {
			e := event.Event{TimeNanos: 1e18, HostName: "h", DestinationIP: netip.MustParseAddr("198.51.100.9"), ConnectionState: state, SourceBytes: int64(bits & 1), DestinationBytes: int64(bits >> 1)}
			table := timeline.NewTable(0)
			survey.Add(table, &e, 1, oneKey{})
			rows := table.All()
			calls := table.Calls(nil, &rows[0], 0, math.MaxInt64)
			if failed, known := unanswered(&e); failed != calls[0].Failed || known != (state != "" || bits != 0) {
				t.Errorf("state %q, %d bytes out, %d back: got failed %v and known %v, want %v", state, e.SourceBytes, e.DestinationBytes, failed, known, calls[0].Failed)
			}
		}
	}
}

func TestCallbacks(t *testing.T) {
	s := open(t, Limits{})
	var want []int64
	from := int64(findingtest.RunEnd - 7*86400)
	add := func(change func(*event.Event), nanos ...int64) {
		t.Helper()
		var b store.Batch
		e := calls()[2]
		change(&e)
		for _, n := range nanos {
			e.TimeNanos = n
			b.Add(&e, "test", 0)
		}
		if err := s.store.Append(t.Context(), &b, nil); err != nil {
			t.Fatal(err)
		}
	}
	id := "/api/v1/findings/" + finding.ID(findingtest.Ranked()) + "/callbacks"
	before := into[CallbackList](s.get(id), http.StatusOK)
	if before.Total == 0 || len(before.Millis) != before.Total || before.Dropped != 0 || !before.From.Equal(at(from)) || !before.To.Equal(at(findingtest.RunEnd)) {
		t.Fatalf("got %+v, want the calls of seven days", before)
	}
	want = append(want, before.Millis...)

	// Out of order, at both edges, and one that was not answered.
	add(func(e *event.Event) { e.ConnectionState = "SF" }, (findingtest.RunEnd+1)*1e9-1, from*1e9, from*1e9-1, (findingtest.RunEnd+1)*1e9)
	add(func(e *event.Event) { e.ConnectionState = "REJ" }, (from+60)*1e9+999_999_999)
	want = append(append([]int64{0, 60_999}, want...), 7*86400_000+999)
	got := into[CallbackList](s.get(id), http.StatusOK)
	if d := cmp.Diff(want, got.Millis); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if d := cmp.Diff([]int{1}, got.Failed); d != "" || !got.FailedKnown {
		t.Errorf("known: %v, failed (-want +got)\n%s", got.FailedKnown, d)
	}
	if n := len(got.Millis); len(got.Sent) != n || len(got.Received) != n || got.Sent[0] != 410 || got.Received[n-1] != 1370 {
		t.Errorf("got %v sent and %v received, want the bytes of each of %d calls", got.Sent, got.Received, n)
	}
	if part := into[CallbackList](s.get(id+"?from=2025-12-25T06:00:30Z&to=2025-12-25T06:01:30Z"), http.StatusOK); len(part.Millis) != 1 || part.Millis[0] != 30_999 {
		t.Errorf("got %+v, want one call after 30 s", part)
	}

	// What the filter leaves out is not looked at by the timing model either.
	add(func(e *event.Event) { e.ConnectionState, e.EventCategory = "SF", "file" }, (from+90)*1e9)
	s.tuner = newTuner(t, s.tuner.plan, s.store)
	s.api.o.Tuner = s.tuner
	if filtered := into[CallbackList](s.get(id), http.StatusOK); filtered.Total == got.Total+1 {
		t.Errorf("got %d calls, want fewer than %d", filtered.Total, got.Total+1)
	}

	s.tuner = newTuner(t, s.tuner.plan, s.store, "filter.enabled=false")
	s.api.o.Tuner = s.tuner
	var nanos []int64
	for i := range int64(2*maxRaster + 7) {
		nanos = append(nanos, (from+3600)*1e9+i*1e9)
	}
	add(func(*event.Event) {}, nanos...)
	full := into[CallbackList](s.get(id), http.StatusOK)
	if len(full.Millis) != maxRaster || full.Total-full.Dropped != maxRaster || full.Millis[maxRaster-1] != 7*86400_000+999 || full.Millis[0] < (3600+maxRaster)*1000 {
		t.Errorf("got %d of %d calls, %d dropped, from %d on, want the newest", len(full.Millis), full.Total, full.Dropped, full.Millis[0])
	}
}
