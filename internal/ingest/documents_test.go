package ingest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"fresnel/internal/event"
	"fresnel/internal/source/all"
	"fresnel/internal/store"
)

// A shelf is the part of a store that documents go to.
type shelf struct {
	events []event.Event
	labels []string
	ids    map[uint64]bool
	err    error
}

func (s *shelf) Append(_ context.Context, b *store.Batch, _ []store.Mark) error {
	if s.err != nil {
		return s.err
	}
	for i := range b.Rows {
		e, label := b.Event(i)
		s.events = append(s.events, e)
		s.labels = append(s.labels, label)
		s.ids[b.Rows[i].ID] = true
	}
	return nil
}

func (s *shelf) HasIDs(_ context.Context, ids []uint64, known []bool) error {
	for i, id := range ids {
		known[i] = id != 0 && s.ids[id]
	}
	return nil
}

func TestPut(t *testing.T) {
	const ecs = `{"@timestamp":"2026-01-01T00:00:00Z","host":{"name":"h"},"process":{"name":"p"},"destination":{"ip":"192.0.2.1"}}`
	for _, tt := range []struct {
		name string
		docs []Document
		want []Outcome
		kept int
	}{
		{"an ECS event is stored", []Document{{Source: []byte(ecs)}}, []Outcome{{Status: Stored}}, 1},
		{"an id is stored once, also within a request", []Document{
			{Source: []byte(ecs), ID: "1", Index: "a"}, {Source: []byte(ecs), ID: "1", Index: "a"}, {Source: []byte(ecs), ID: "1", Index: "b"}, {Source: []byte(ecs), ID: "2", Index: "a"},
		}, []Outcome{{Status: Stored}, {Status: Known}, {Status: Stored}, {Status: Stored}}, 3},
		{"an id is known once its document is stored, not when it was refused", []Document{
			{Source: []byte(`{"@timestamp":"yesterday"}`), ID: "1"}, {Source: []byte(ecs), ID: "1"}, {Source: []byte(ecs), ID: "1"},
		}, []Outcome{{Rejected, `@timestamp: got "yesterday", want a time: RFC 3339 or milliseconds since 1970`}, {Status: Stored}, {Status: Known}}, 1},
		{"what is more or less than one document is rejected as a whole", []Document{
			{Source: []byte(ecs)}, {Source: []byte(ecs + "\n" + ecs)}, {Source: []byte(ecs + "\n{\"@timestamp\":\"yesterday\"}")}, {Source: []byte("")}, {Source: []byte(" \t")},
		}, []Outcome{{Status: Stored}, {Rejected, "got 2 lines, want one JSON object"}, {Rejected, "got 2 lines, want one JSON object"}, {Rejected, "got a blank line, want one JSON object"}, {Rejected, "got a blank line, want one JSON object"}}, 1},
		{"events without an id are all stored", []Document{{Source: []byte(ecs)}, {Source: []byte(ecs)}}, []Outcome{{Status: Stored}, {Status: Stored}}, 2},
		{"a bad time is rejected and loses nothing else", []Document{
			{Source: []byte(`{"@timestamp":"yesterday"}`)}, {Source: []byte(ecs)},
		}, []Outcome{{Rejected, `@timestamp: got "yesterday", want a time: RFC 3339 or milliseconds since 1970`}, {Status: Stored}}, 1},
		{"what is no JSON is rejected", []Document{{Source: []byte("hello")}}, []Outcome{{Rejected, `got "hello", want an event of a known input`}}, 0},
		{"a Suricata flow and a Suricata alert in one index", []Document{
			{Index: "s", Source: []byte(`{"timestamp":"2026-01-01T00:00:00.000000+0000","flow_id":1,"event_type":"flow","src_ip":"10.0.0.1","src_port":1,"dest_ip":"192.0.2.1","dest_port":443,"proto":"TCP","flow":{"bytes_toserver":1,"bytes_toclient":2,"start":"2026-01-01T00:00:00.000000+0000","state":"closed"}}`)},
			{Index: "s", Source: []byte(`{"timestamp":"2026-01-01T00:00:00.000000+0000","flow_id":1,"event_type":"alert","src_ip":"10.0.0.1","dest_ip":"192.0.2.1","proto":"TCP"}`)},
		}, []Outcome{{Status: Stored}, {Passed, "event type alert"}}, 1},
		{"Zeek logs of all kinds in one index, which do not say what they are", []Document{
			{Index: "z", Source: []byte(`{"ts":1767225600.5,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"192.0.2.1","id.resp_p":53,"proto":"udp","trans_id":5,"query":"example.org"}`)},
			{Index: "z", Source: []byte(`{"ts":1767225600.5,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"192.0.2.1","id.resp_p":53,"proto":"udp","conn_state":"SF"}`)},
		}, []Outcome{{Passed, "zeek log of a kind without connections"}, {Status: Stored}}, 1},
		{"inputs may change within an index", []Document{
			{Index: "m", Source: []byte(ecs)},
			{Index: "m", Source: []byte(`{"ts":1767225600.5,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"192.0.2.1","id.resp_p":443,"proto":"tcp","conn_state":"SF","orig_bytes":1,"resp_bytes":2}`)},
			{Index: "m", Source: []byte(ecs)},
		}, []Outcome{{Status: Stored}, {Status: Stored}, {Status: Stored}}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &shelf{ids: map[uint64]bool{}}
			d, err := New(Options{Formats: all.Formats, Store: s, MaxWaiting: 100})
			if err != nil {
				t.Fatal(err)
			}
			got := make([]Outcome, len(tt.docs))
			for i := range got {
				got[i] = Outcome{Rejected, "before"} // all are set
			}
			if err := d.Put(t.Context(), tt.docs, got); err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			if len(s.events) != tt.kept {
				t.Errorf("got %d events stored, want %d", len(s.events), tt.kept)
			}
		})
	}
}

// TestNamesOfManyIndices sends to one index after the other, as senders do who begin one a day.
func TestNamesOfManyIndices(t *testing.T) {
	s := &shelf{ids: map[uint64]bool{}}
	d, err := New(Options{Formats: all.Formats, Store: s, MaxWaiting: 100})
	if err != nil {
		t.Fatal(err)
	}
	put := func(index, kind, more string) {
		t.Helper()
		doc := Document{Index: index, Source: fmt.Appendf(nil, `{"timestamp":"2026-01-01T00:00:00.000000+0000","flow_id":1,"event_type":%q,"src_ip":"10.0.0.1","src_port":1,"dest_ip":"192.0.2.1","dest_port":443,"proto":"TCP",%s}`, kind, more)}
		if err := d.Put(t.Context(), []Document{doc}, make([]Outcome, 1)); err != nil {
			t.Fatal(err)
		}
	}
	flow := func(index string) (name string) {
		t.Helper()
		put(index, "flow", `"flow":{"start":"2026-01-01T00:00:00.000000+0000","state":"closed"}`)
		return s.events[len(s.events)-1].TLSServerName
	}
	put("always", "tls", `"tls":{"sni":"example.org"}`)
	for day := range 3 * maxOrdered {
		put(fmt.Sprint("day-", day), "tls", `"tls":{"sni":"example.org"}`)
		put("always", "tls", `"tls":{"sni":"example.org"}`)
	}
	if n := len(d.ordered); n != maxOrdered {
		t.Errorf("got %d decoders that know names, want %d", n, maxOrdered)
	}
	for index, want := range map[string]string{"always": "example.org", fmt.Sprint("day-", 3*maxOrdered-1): "example.org", "day-0": ""} {
		if got := flow(index); got != want {
			t.Errorf("index %s: got the name %q, want %q", index, got, want)
		}
	}
}

func TestPutRefuses(t *testing.T) {
	docs := []Document{{Source: []byte(`{"@timestamp":"2026-01-01T00:00:00Z"}`)}}
	s := &shelf{ids: map[uint64]bool{}, err: fmt.Errorf("write: %w", store.ErrFull)}
	d, err := New(Options{Formats: all.Formats, Store: s, MaxWaiting: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), docs, make([]Outcome, 1)); !errors.Is(err, ErrFull) {
		t.Errorf("a full store: got %v, want %v", err, ErrFull)
	}
	if !d.waiting.TryAcquire(1) {
		t.Fatal("a refused document still waits")
	}
	if err := d.Put(t.Context(), docs, make([]Outcome, 1)); !errors.Is(err, ErrBusy) {
		t.Errorf("beyond MaxWaiting: got %v, want %v", err, ErrBusy)
	}
}

// slowly is a store that looks around while it stores.
type slowly struct {
	nothing
	look func()
}

func (s slowly) Append(context.Context, *store.Batch, []store.Mark) error {
	s.look()
	return nil
}

func TestWaiting(t *testing.T) {
	var d *Documents
	meanwhile := int64(0)
	d, err := New(Options{Formats: all.Formats, Store: slowly{look: func() { meanwhile = d.Waiting() }}, MaxWaiting: 10})
	if err != nil {
		t.Fatal(err)
	}
	doc := Document{Source: []byte(`{"@timestamp":"2026-01-01T00:00:00Z","event":{"category":["network"]}}`)}
	if err := d.Put(t.Context(), []Document{doc, doc, doc}, make([]Outcome, 3)); err != nil {
		t.Fatal(err)
	}
	if meanwhile != 3 || d.Waiting() != 0 {
		t.Errorf("got %d documents that wait while they are stored and %d behind that, want 3 and none", meanwhile, d.Waiting())
	}
}

func BenchmarkPut(b *testing.B) {
	doc := []byte(`{"@timestamp":"2026-01-01T00:00:00Z","event":{"category":["network"],"action":"connection_attempted"},"host":{"name":"workstation-17","os":{"type":"windows","version":"10.0.19045"}},"process":{"name":"svchost.exe","pid":4711,"entity_id":"MTc2NzIyNTYwMC00NzEx","executable":"C:\\Windows\\System32\\svchost.exe"},"source":{"ip":"10.1.2.3","port":49152,"bytes":812},"destination":{"ip":"192.0.2.77","port":443,"bytes":5120,"domain":"updates.example.org"},"network":{"transport":"tcp","protocol":"tls"},"user":{"name":"SYSTEM"}}`)
	docs := make([]Document, 5000)
	for i := range docs {
		docs[i] = Document{Source: doc, Index: "logs"}
	}
	d, err := New(Options{Formats: all.Formats, Store: nothing{}, MaxWaiting: 1e6})
	if err != nil {
		b.Fatal(err)
	}
	outcomes := make([]Outcome, len(docs))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Put(b.Context(), docs, outcomes); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(docs))/b.Elapsed().Seconds(), "docs/s")
}

// nothing stores nothing.
type nothing struct{}

func (nothing) Append(context.Context, *store.Batch, []store.Mark) error { return nil }
func (nothing) HasIDs(context.Context, []uint64, []bool) error           { return nil }
