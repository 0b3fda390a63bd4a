package httpapi

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"fresnel/internal/config"
	"fresnel/internal/event"
	"fresnel/internal/schedule"
	"fresnel/internal/simulate"
	"fresnel/internal/store"
)

// openSimulated returns a site with simulated telemetry beside its own, and the settings that
// are the default ones. Runs of its last two hours have been made; end is the end of the last.
func openSimulated(t testing.TB) (s *site, end int64) {
	t.Helper()
	s = open(t, Limits{})
	sc, err := simulate.Load("../../scenarios/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	var last int64
	if _, err := sc.Run(5, func(e *event.Event) error {
		b.Add(e, "test", 0)
		last = max(last, e.TimeNanos)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Append(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	end = last/1e9/3600*3600 + 3600
	s.now = time.Unix(end+600, 0)
	c := config.Default()
	what, err := detection(&c)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := schedule.New(schedule.Options{Store: s.store, Every: time.Hour, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now }, Detect: what})
	if err != nil {
		t.Fatal(err)
	}
	s.tuner = newTuner(t, plan, s.store)
	s.api.o.Detector, s.api.o.Tuner = plan, s.tuner
	for _, at := range []int64{end - 3600, end} {
		if _, err := plan.RunAt(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	return s, end
}

// TestSimulatedHours asks for all there is of each finding that real runs make of simulated
// telemetry.
func TestSimulatedHours(t *testing.T) {
	s, _ := openSimulated(t)
	l := into[FindingList](s.get("/api/v1/findings?limit=100"), http.StatusOK)
	if l.Total < 5 {
		t.Fatalf("got %d findings, want the three implants and more", l.Total)
	}
	drawn := 0
	for _, d := range slices.Concat(l.Findings[:3], l.Findings[len(l.Findings)-2:]) { // those of the rank, and of the tests alone
		id := "/api/v1/findings/" + namedOf(t, d).Fresnel.ID
		detail := into[FindingDetail](s.get(id), http.StatusOK)
		if len(detail.Group) != 2 {
			t.Errorf("%s: got group %v, want two values", id, detail.Group)
		}
		if a := s.get(id + "/series"); a.Code == http.StatusOK {
			drawn++
		} else {
			a.refused(http.StatusNotFound, "no_events")
		}
		if l := picturesOf(s, strings.TrimPrefix(id, "/api/v1/findings/"), ""); len(l.Pictures) < 3 {
			t.Errorf("%s: got pictures %s", id, ids(l))
		}
		if h := into[History](s.get(id+"/history"), http.StatusOK); h.Total != detail.Seen.Runs {
			t.Errorf("%s: got %d runs, want %d", id, h.Total, detail.Seen.Runs)
		}
		events := into[EventList](s.get(id+"/events"), http.StatusOK)
		group := into[EventList](s.get(id+"/events?scope=group"), http.StatusOK)
		places := into[DestinationList](s.get(id+"/destinations?limit=100"), http.StatusOK)
		ofFinding := slices.ContainsFunc(places.Destinations, func(d Destination) bool { return d.OfFinding })
		if events.Total == 0 || group.Total < events.Total || places.Total == 0 || !ofFinding {
			t.Errorf("%s: got %d events of the finding, %d of the group, to %d destinations, its own among them: %v", id, events.Total, group.Total, places.Total, ofFinding)
		}
		if calls := into[CallbackList](s.get(id+"/callbacks"), http.StatusOK); calls.Total == 0 || len(calls.Millis) != calls.Total || !slices.IsSorted(calls.Millis) {
			t.Errorf("%s: got %d callbacks and %d times, want as many, in order", id, calls.Total, len(calls.Millis))
		}
		if a := s.get(id + "/report"); a.Code != http.StatusOK {
			t.Errorf("%s: got status %d for a report, want 200: %s", id, a.Code, a.text)
		}
	}
	if drawn == 0 {
		t.Error("got no series of any finding")
	}
	for _, c := range into[CaseList](s.get("/api/v1/cases?singles=false"), http.StatusOK).Cases {
		if d := into[CaseDetail](s.get("/api/v1/cases/"+c.ID), http.StatusOK); d.Case.Findings == 0 || len(d.Runs) == 0 {
			t.Errorf("case %s: got %+v, want its findings", c.ID, d.Case)
		}
	}
}
