package suricata

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/sourcetest"
	"fresnel/internal/testkit"
)

var (
	all = source.Options{Fields: event.AllFields}
	ip  = netip.MustParseAddr
)

func at(s string) int64 {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t.UnixNano()
}

const (
	flowRecord = `{"timestamp":"2021-06-06T17:00:00.000000+0200","flow_id":7,"in_iface":"eth0","event_type":"flow","src_ip":"192.168.1.2","src_port":50000,"dest_ip":"203.0.113.9","dest_port":443,` +
		`"proto":"TCP","app_proto":"tls","flow":{"pkts_toserver":5,"pkts_toclient":4,"bytes_toserver":700,"bytes_toclient":5200,"start":"2021-06-06T16:38:55.855844+0200","end":"2021-06-06T16:38:56.963027+0200",` +
		`"age":1,"state":"closed","reason":"timeout"},"tcp":{"state":"closed"},"host":"sensor"}`
	netflowRecord = `{"timestamp":"2021-06-06T17:00:00.000000+0200","flow_id":8,"event_type":"netflow","src_ip":"2001:db8::1","dest_ip":"2001:db8::2","proto":"IPv6-ICMP",` +
		`"netflow":{"pkts":2,"bytes":140,"start":"2021-06-06T16:38:55+0200","end":"2021-06-06T16:38:54+0200","age":0}}`
	tlsRecord  = `{"timestamp":"x","flow_id":7,"event_type":"tls","src_ip":"192.168.1.2","tls":{"sni":"c2.example","ja3":{"hash":"b720","string":"770"}}}`
	httpRecord = `{"timestamp":"x","flow_id":7,"event_type":"http","http":{"hostname":"%s","http_user_agent":"curl/8","url":"/"}}`
	dnsRecord  = `{"timestamp":"x","flow_id":1,"event_type":"dns","src_ip":"192.168.1.%d","src_port":40000,"dest_ip":"192.168.1.1","dest_port":53,` +
		`"dns":{"type":"answer","rrname":"%s","answers":[{"rrname":"%[2]s","rrtype":"CNAME","rdata":"alias.example"},{"rrname":"alias.example","rrtype":"A","rdata":"203.0.113.9"}],"grouped":{"A":["203.0.113.9"]}}}`
)

var flowEvent = event.Event{
	TimeNanos: at("2021-06-06T14:38:55.855844Z"), DurationNanos: 1107183e3, HostName: "sensor", SourceIP: ip("192.168.1.2"), SourcePort: 50000,
	DestinationIP: ip("203.0.113.9"), DestinationPort: 443, SourceBytes: 700, DestinationBytes: 5200, NetworkTransport: "tcp", NetworkProtocol: "tls",
	ConnectionState: "closed", EventCategory: "network",
}

func TestDecode(t *testing.T) {
	named := func(f func(e *event.Event)) event.Event {
		e := flowEvent
		f(&e)
		return e
	}
	dns := func(client int, name string) string { return fmt.Sprintf(dnsRecord, client, name) }
	http := func(host string) string { return fmt.Sprintf(httpRecord, host) }
	for _, tt := range []struct {
		name    string
		records []string
		want    event.Event
		skipped map[string]int
	}{
		{"a flow", []string{flowRecord}, flowEvent, nil},
		{"a flow out of a search", []string{`{"_index":"s","_source":` + flowRecord + `}`}, flowEvent, nil},
		{
			"one direction of a netflow, whose clock was set back", []string{netflowRecord}, event.Event{
				TimeNanos: at("2021-06-06T14:38:55Z"), SourceIP: ip("2001:db8::1"), DestinationIP: ip("2001:db8::2"), SourceBytes: 140, NetworkTransport: "ipv6-icmp", EventCategory: "network",
			}, nil,
		},
		{
			"a protocol that failed, a rare transport and no start", []string{strings.NewReplacer(`"tls"`, `"failed"`, `"start"`, `"x"`, `"TCP"`, `"PIM"`).Replace(flowRecord)},
			named(func(e *event.Event) {
				e.NetworkProtocol, e.TimeNanos, e.DurationNanos, e.NetworkTransport = "", at("2021-06-06T15:00:00Z"), 0, "pim"
			}), nil,
		},
		{
			"the names of TLS come first", []string{dns(2, "asked.example"), http("host.example"), tlsRecord, flowRecord},
			named(func(e *event.Event) {
				e.DestinationDomain, e.TLSServerName, e.TLSClientJA3, e.UserAgent = "c2.example", "c2.example", "b720", "curl/8"
			}), map[string]int{"event type tls": 1, "event type http": 1, "event type dns": 1},
		},
		{
			"then the host of HTTP, the first one", []string{http("host.example"), http("other.example"), dns(2, "asked.example"), flowRecord},
			named(func(e *event.Event) { e.DestinationDomain, e.UserAgent = "host.example", "curl/8" }), map[string]int{"event type http": 2, "event type dns": 1},
		},
		{
			"a host that is an address is no name: then what this client asked for last", []string{http("203.0.113.9"), dns(2, "old.example"), dns(2, "asked.example"), dns(3, "other.example"), flowRecord},
			named(func(e *event.Event) { e.DestinationDomain, e.UserAgent = "asked.example", "curl/8" }), map[string]int{"event type http": 1, "event type dns": 3},
		},
		{
			"then what any client asked for", []string{dns(3, "other.example"), flowRecord},
			named(func(e *event.Event) { e.DestinationDomain = "other.example" }), map[string]int{"event type dns": 1},
		},
		{
			"an answer in the direction of its packet, in the shape of version 1", []string{
				`{"event_type":"dns","src_ip":"192.168.1.1","src_port":53,"dest_ip":"192.168.1.2","dest_port":4000,"dns":{"type":"answer","rrname":"v1.example","rrtype":"A","rdata":"203.0.113.9"}}`,
				dns(3, "other.example"), flowRecord,
			}, named(func(e *event.Event) { e.DestinationDomain = "v1.example" }), map[string]int{"event type dns": 2},
		},
		{
			"an answer in the shape of version 3, and QUIC", []string{
				`{"event_type":"dns","src_ip":"192.168.1.2","dns":{"version":3,"type":"response","queries":[{"rrname":"v3.example"}],"answers":[{"rrname":"v3.example","rdata":"203.0.113.9"}]}}`,
				`{"event_type":"quic","flow_id":7,"quic":{"version":"1","ja3":{"hash":"q"}}}`, flowRecord,
			}, named(func(e *event.Event) { e.DestinationDomain, e.TLSClientJA3 = "v3.example", "q" }), map[string]int{"event type dns": 1, "event type quic": 1},
		},
		{
			"other records are counted by type", []string{`{"event_type":"alert"}`, `{"event_type":"alert"}`, `{"a":1}`, `{"event_type":"stats","stats":{}}`, "", flowRecord},
			flowEvent, map[string]int{"event type alert": 2, "event type stats": 1, "no event type": 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := []byte(strings.Join(tt.records, "\n"))
			r := sourcetest.Read(t, Format, all, "eve.json", text)
			if diff := cmp.Diff([]event.Event{tt.want}, r.Events, sourcetest.Compare...); diff != "" || r.Lines != len(tt.records) || len(r.Bad) > 0 {
				t.Errorf("%d lines, bad records %q (-want +got)\n%s", r.Lines, r.Messages(), diff)
			}
			if len(tt.skipped)+len(r.Skipped) > 0 {
				if diff := cmp.Diff(tt.skipped, r.Skipped); diff != "" {
					t.Errorf("skipped (-want +got)\n%s", diff)
				}
			}
			sourcetest.Check(t, Format, all, "eve.json", text)
		})
	}
}

func TestNamesOfNetflowAreForBothDirections(t *testing.T) {
	records := []string{strings.Replace(tlsRecord, `"flow_id":7`, `"flow_id":8`, 1), netflowRecord, netflowRecord}
	r := sourcetest.Read(t, Format, all, "eve.json", []byte(strings.Join(records, "\n")))
	for i, e := range r.Events {
		if e.TLSServerName != "c2.example" {
			t.Errorf("event %d: got %q, want c2.example", i, e.TLSServerName)
		}
	}
}

func TestDecodeBadRecords(t *testing.T) {
	for _, tt := range []struct{ name, text, old, new, want string }{
		{"no JSON", flowRecord, flowRecord, `[]`, `line 1: got "[]", want a JSON object at byte 0`},
		{"an address that is none", flowRecord, `192.168.1.2`, `192.168.1`, `line 1: src_ip: got "192.168.1", want an IP address`},
		{"no address", netflowRecord, `dest_ip`, `x`, `line 1: dest_ip: got "", want an IP address`},
		{"a port that is none", flowRecord, `443`, `-1`, `line 1: dest_port: got "-1", want a port`},
		{"a count that is none", flowRecord, `5200`, `52.5`, `line 1: flow.bytes_toclient: got "52.5", want a count`},
		{"a start that is none", netflowRecord, `2021-06-06T16:38:55+0200`, `now`, `line 1: netflow.start: got "now", want a time`},
		{"an end that is none", flowRecord, `2021-06-06T16:38:56`, `2021-06-06T16:38:60`, `line 1: flow.end: got "2021-06-06T16:38:60.963027+0200", want a time`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := sourcetest.Read(t, Format, all, "eve.json", []byte(strings.Replace(tt.text, tt.old, tt.new, 1)))
			if diff := cmp.Diff([]string{tt.want}, r.Messages()); diff != "" || len(r.Events) != 0 {
				t.Errorf("%d events (-want +got)\n%s", len(r.Events), diff)
			}
		})
	}
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"a flow", flowRecord + "\n", true},
		{"statistics first", `{"timestamp":"2021-06-06T16:38:55+0200","event_type":"stats","stats":{"uptime":5}}` + "\n", true},
		{"ECS of Filebeat", `{"@timestamp":"2021-06-06T16:38:55Z","suricata":{"eve":{"event_type":"flow","flow_id":1}},"source":{"ip":"1.2.3.4"}}` + "\n", false},
		{"Zeek", `{"ts":1.5,"uid":"C","id.orig_h":"1.2.3.4"}` + "\n", false},
		{"Sysmon", `{"EventID":3,"SourceName":"Microsoft-Windows-Sysmon","@timestamp":"2021-06-06T16:38:55Z"}` + "\n", false},
		{"text", "event_type flow\n", false},
		{"nothing", "", false},
	} {
		if got := detect(sourcetest.Head("eve.json", []byte(tt.text))); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestIoTDay(t *testing.T) {
	text := sourcetest.File(t, testkit.Shared(t, "data/suricata-iot-day/eve.json.gz"))
	if !detect(sourcetest.Head("eve.json", text)) {
		t.Error("Detect: got false, want true")
	}
	sourcetest.Check(t, Format, all, "eve.json", text)
	r := sourcetest.Read(t, Format, all, "eve.json", text)
	if r.Lines != 4193 || len(r.Events) != 3512 || len(r.Bad) != 0 {
		t.Errorf("got %d lines, %d events and bad records %q, want 4193, 3512 and none", r.Lines, len(r.Events), r.Messages())
	}
	if diff := cmp.Diff(map[string]int{"event type dns": 680, "event type tls": 1}, r.Skipped); diff != "" {
		t.Errorf("skipped (-want +got)\n%s", diff)
	}
	// As in labels.json.
	pairs := r.CountBy(func(e *event.Event) string {
		return fmt.Sprintf("%v %v %d %s", e.SourceIP, e.DestinationIP, e.DestinationPort, e.NetworkTransport)
	})
	for pair, want := range map[string]int{
		"216.245.221.83 192.168.1.129 80 tcp": 287, "192.168.1.129 122.248.234.231 8760 udp": 50, "192.168.1.129 122.248.252.67 9765 udp": 50,
	} {
		if pairs[pair] != want {
			t.Errorf("%s: got %d events, want %d", pair, pairs[pair], want)
		}
	}
	// The flow of its one tls record is not in the file.
	named := r.CountBy(func(e *event.Event) string { return e.DestinationDomain })
	if named["www.myedimax.com"] < 50 {
		t.Errorf("got the domains %v, want 50 flows to www.myedimax.com or more, by its dns answers", named)
	}
}

func TestNamesAreBounded(t *testing.T) {
	n := newNames(3, 2)
	id := func(i int) []byte { return fmt.Append(nil, i) }
	lost := 0
	for i := range 10 {
		lost += n.addTLS(id(i), fmt.Sprint("name", i), "")
	}
	if lost != 7 || len(n.flows.values) != 3 || len(n.flows.order) != 3 {
		t.Errorf("got %d lost and %d kept, want 7 and 3", lost, len(n.flows.values))
	}
	e := event.Event{DestinationIP: ip("1.2.3.4")}
	n.name(&e, id(6))
	if e.TLSServerName != "" {
		t.Errorf("got %q for a flow whose names made room, want none", e.TLSServerName)
	}
	n.name(&e, id(7))
	if e.TLSServerName != "name7" {
		t.Errorf("got %q, want name7", e.TLSServerName)
	}
	if lost := n.addTLS(id(10), "name10", ""); lost != 0 {
		t.Error("got the names of a flow that was read counted as lost, want them not")
	}
	n.end(id(8))
	if lost := n.addTLS(id(11), "name11", ""); lost != 0 || len(n.flows.values) != 3 {
		t.Errorf("got %d lost and %d kept, want 0 and 3", lost, len(n.flows.values))
	}
	lost = 0
	for i := range 5 {
		lost += n.addAnswer(ip("10.0.0.1"), netip.AddrFrom4([4]byte{1, 1, 1, byte(i)}), "q")
	}
	if lost != 6 || len(n.byClient.values) != 2 || len(n.anyClient.values) != 2 {
		t.Errorf("got %d lost and %d kept, want 6 and 2", lost, len(n.byClient.values))
	}
	n.addTLS(id(20), strings.Repeat("x", 300), "")
	e = event.Event{}
	n.name(&e, id(20))
	if e.TLSServerName != "" {
		t.Errorf("got a name of %d bytes, want none of more than %d", len(e.TLSServerName), maxNameBytes)
	}
}

func TestExampleOfTheDocs(t *testing.T) {
	r := sourcetest.Read(t, Format, all, "eve.json", sourcetest.Example(t, "suricata.md", "json", 0))
	if len(r.Events) != 1 || r.Events[0].DestinationDomain != "c2.example" || r.Events[0].SourceBytes != 700 || r.Events[0].TimeNanos != at("2021-06-06T14:38:55.855844Z") {
		t.Errorf("got %+v, want the event that the page tells of", r.Events)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(strings.Join([]string{fmt.Sprintf(dnsRecord, 2, "a.example"), tlsRecord, fmt.Sprintf(httpRecord, "h"), flowRecord, netflowRecord}, "\n"))
	f.Add(`{"event_type":"dns","dns":{"rrname":"x","rdata":"::1"}}` + "\n\n{\n")
	f.Fuzz(func(t *testing.T, text string) {
		sourcetest.Check(t, Format, all, "eve.json", []byte(text))
	})
}

func BenchmarkDecode(b *testing.B) {
	records := strings.Join([]string{fmt.Sprintf(dnsRecord, 2, "a.example"), tlsRecord, flowRecord, flowRecord, netflowRecord}, "\n") + "\n"
	sourcetest.Benchmark(b, Format, all, "eve.json", []byte(strings.Repeat(records, 1000)))
}

func TestLessIsRememberedOfAFileThatGrows(t *testing.T) {
	for _, growing := range []bool{false, true} {
		in := sourcetest.Open(t, Format, source.Options{Growing: growing}, "eve.json", nil)
		n := in.NewDecoder().(*decoder).names
		if got := n.flows.most == growingFlows && n.byClient.most == growingAnswers && n.anyClient.most == growingAnswers; got != growing {
			t.Errorf("growing %v: got room for %d flows and %d answers", growing, n.flows.most, n.byClient.most)
		}
	}
}
