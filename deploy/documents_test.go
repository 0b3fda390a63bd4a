package deploy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"fresnel/internal/bulk"
	"fresnel/internal/event"
	"fresnel/internal/ingest"
	"fresnel/internal/source/all"
	"fresnel/internal/store"
	"fresnel/internal/store/memory"
)

// endpoint returns what shippers send to, over a store.
func endpoint(t *testing.T, s interface {
	Append(ctx context.Context, b *store.Batch, marks []store.Mark) error
	HasIDs(ctx context.Context, ids []uint64, known []bool) error
}, authorize func(*http.Request) error) http.Handler {
	t.Helper()
	docs, err := ingest.New(ingest.Options{Formats: all.Formats, Store: s, MaxWaiting: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	o := bulk.DefaultOptions()
	o.Now, o.Log, o.Authorize = time.Now, slog.New(slog.DiscardHandler), authorize
	h, err := bulk.New(docs, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// stored returns the events of a store in the order in which they came, a line for each.
func stored(t *testing.T, s *memory.Store) (events []string) {
	t.Helper()
	scan, err := s.Since(t.Context(), 0, store.Newest, store.Forever)
	if err != nil {
		t.Fatal(err)
	}
	defer scan.Close()
	for {
		block, err := scan.Next(t.Context())
		if err == io.EOF {
			return events
		}
		if err != nil {
			t.Fatal(err)
		}
		block.Each(func(e *event.Event) { events = append(events, line(e)) })
	}
}

// line returns what is looked at of an event.
func line(e *event.Event) string {
	out := fmt.Sprintf("%s %s %s:%d %d/%d", time.Unix(0, e.TimeNanos).UTC().Format("15:04:05.999"), e.SourceIP, e.DestinationIP, e.DestinationPort, e.SourceBytes, e.DestinationBytes)
	for _, text := range []string{e.HostName, e.ProcessName, e.DestinationDomain} {
		if text != "" {
			out += " " + text
		}
	}
	return out
}

// TestDocuments sends to the endpoint what shippers send with the settings of this folder:
// requests made by hand after what their documentation and their sources say, all of them about
// one connection that began at 00:00:02.5. Those of rsyslog and syslog-ng are as they were seen.
func TestDocuments(t *testing.T) {
	const (
		created = http.StatusCreated // stored, or passed over as no connection
		known   = http.StatusConflict
	)
	for _, tt := range []struct {
		shipper string // and what it tells of
		what    string
		answers []int
		want    []string
	}{
		{"filebeat", "a line of Zeek, a name and a flow of Suricata, and the first once more", []int{created, created, created, known}, []string{
			"00:00:02.5 10.1.2.3 203.0.113.9:443 120/4000",
			"00:00:02.5 10.1.2.3 203.0.113.9:443 120/4000 c2.example",
		}},
		{"packetbeat", "a flow that ended and one that goes on", []int{created, created}, []string{"00:00:02.5 10.1.2.3 203.0.113.9:443 120/4000 sensor-1 curl"}},
		{"winlogbeat", "Sysmon's events 3 and 1", []int{created, created}, []string{"00:00:02.5 10.1.2.3 203.0.113.9:443 0/0 ws5.example rundll32.exe"}},
		{"elastic-agent", "Sysmon's event 3 and a flow", []int{created, created}, []string{
			"00:00:02.5 10.1.2.3 203.0.113.9:443 0/0 ws5.example rundll32.exe",
			"00:00:02.5 10.1.2.3 203.0.113.9:443 120/4000 sensor-1 curl",
		}},
		{"vector", "a line of Zeek's conn log and one of its dns log", []int{created, created}, []string{"00:00:02.5 10.1.2.3 203.0.113.9:443 120/4000"}},
		{"fluent-bit", "a line of Zeek", []int{created}, []string{"00:00:02.5 10.1.2.3 203.0.113.9:443 120/4000"}},
		{"logstash", "a line of Zeek, and Elastic Defend through an agent: at its end", []int{created, created}, []string{
			"00:00:02.5 10.1.2.3 203.0.113.9:443 120/4000",
			"00:00:04 10.1.2.3 203.0.113.9:443 120/4000 ws-17 updater.exe",
		}},
		{"rsyslog", "a line of Zeek", []int{created}, []string{"00:00:02.5 10.1.2.3 203.0.113.9:443 120/4000"}},
		{"syslog-ng", "a line of Zeek", []int{created}, []string{"00:00:02.5 10.1.2.3 203.0.113.9:443 120/4000"}},
	} {
		t.Run(tt.shipper+": "+tt.what, func(t *testing.T) {
			s := memory.New(time.Now)
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/_bulk", strings.NewReader(read(t, filepath.Join("testdata", "documents", tt.shipper+".ndjson"))))
			r.Header.Set("Content-Type", "application/x-ndjson")
			endpoint(t, s, nil).ServeHTTP(w, r)
			var answer struct {
				Items []map[string]struct{ Status int }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
				t.Fatalf("got %d, %v, %s", w.Code, err, w.Body)
			}
			var answers []int
			for _, item := range answer.Items {
				for _, result := range item {
					answers = append(answers, result.Status)
				}
			}
			if diff := gocmp.Diff(tt.answers, answers); diff != "" {
				t.Errorf("statuses (-want +got):\n%s\n%s", diff, w.Body)
			}
			if diff := gocmp.Diff(tt.want, stored(t, s)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
