package metrics

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"fresnel/internal/bulk"
	"fresnel/internal/ingest"
	"fresnel/internal/store"
	"fresnel/internal/store/memory"
	"fresnel/internal/tail"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func TestInputs(t *testing.T) {
	m := New(memory.New(clock), nil, clock)
	m.Add(Bulk, "bulk")
	zeek := m.Tail("zeek")
	if m.CaughtUp() {
		t.Error("got caught up, want files that were not read yet")
	}
	m.Request(bulk.Tally{Status: 200, Stored: 5, Rejected: 1, Passed: 2, BytesDecoded: 100})
	m.Request(bulk.Tally{Status: 429})
	zeek.Stored(&tail.Counts{Bytes: 10, Events: 3, Bad: 1, Skipped: map[string]int64{"a": 1, "b": 2}})
	zeek.Round(tail.State{Behind: 7, Stalled: true, LastError: errors.New("no room"), CaughtUp: now})
	want := []Input{
		{Name: "bulk", Kind: "bulk", Events: 5, Bad: 1, Passed: 2, Bytes: 100, LastEvent: now, LastError: "events come faster than they can be stored, and are refused", ErrorAt: now},
		{Name: "zeek", Kind: "tail", Events: 3, Bad: 1, Passed: 3, Bytes: 10, Behind: 7, LastEvent: now, LastError: "no room", ErrorAt: now, CaughtUp: now},
	}
	if d := gocmp.Diff(want, m.Inputs()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if !m.CaughtUp() {
		t.Error("got not caught up, want all files read")
	}
	for _, tt := range []struct {
		tally bulk.Tally
		want  string
	}{
		{bulk.Tally{Status: 429, Failed: fmt.Errorf("%w: disk", ingest.ErrFull)}, "there is no room left to store events"},
		{bulk.Tally{Status: 200, Stored: 2, Refused: 3, Failed: ingest.ErrBusy}, "events come faster than they can be stored, and are refused"},
		{bulk.Tally{Status: 503, Failed: errors.New("broken")}, "events could not be stored; the log says why"},
		{bulk.Tally{Status: 400}, "events could not be stored; the log says why"}, // it says nothing of the store
	} {
		m.Request(tt.tally)
		if got := m.Inputs()[0].LastError; got != tt.want {
			t.Errorf("after %+v: got the error %q, want %q", tt.tally, got, tt.want)
		}
	}
	m.Request(bulk.Tally{Status: 200, Stored: 1})
	zeek.Round(tail.State{Problems: 1})
	in := m.Inputs()
	if in[0].LastError != "" || !in[0].ErrorAt.IsZero() {
		t.Errorf("after a request that was stored: got the error %q since %v, want none", in[0].LastError, in[0].ErrorAt)
	}
	if want := "some files or folders cannot be read"; in[1].LastError != want {
		t.Errorf("got the error %q, want %q", in[1].LastError, want)
	}
}

func TestHandler(t *testing.T) {
	m := New(memory.New(clock), &store.Run{End: 7200, Findings: 3}, clock)
	served := func() string {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return w.Body.String()
	}
	for _, line := range []string{`fresnel_last_run_end_seconds 7200`, `fresnel_last_run{of="findings"} 3`, `fresnel_runs_total{outcome="failed"} 0`, `fresnel_store_events 0`, `fresnel_store_event_bytes 0`} {
		if !strings.Contains(served(), line+"\n") {
			t.Errorf("at the start: got no line %s", line)
		}
	}
	m.Run(&store.Run{End: 10800, StartedAt: now, FinishedAt: now.Add(3 * time.Second), Late: 4}, nil)
	m.Run(nil, errors.New("it fails"))
	for _, line := range []string{
		`fresnel_last_run_end_seconds 10800`, `fresnel_runs_total{outcome="stored"} 1`, `fresnel_runs_total{outcome="failed"} 1`,
		`fresnel_late_events_total 4`, `fresnel_run_seconds_sum 3`,
	} {
		if !strings.Contains(served(), line+"\n") {
			t.Errorf("after two runs: got no line %s", line)
		}
	}
}

func TestQueues(t *testing.T) {
	m := New(memory.New(clock), nil, clock)
	waiting := int64(7)
	m.Queues(func() int64 { return waiting }, func() int64 { return 2 })
	for range 2 { // they are asked for each time
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		for _, line := range []string{fmt.Sprintf("fresnel_ingest_waiting_events %d", waiting), "fresnel_ingest_open_requests 2"} {
			if !strings.Contains(w.Body.String(), line+"\n") {
				t.Errorf("got no line %s", line)
			}
		}
		waiting = 0
	}
}
