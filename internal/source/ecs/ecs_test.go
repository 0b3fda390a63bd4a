package ecs

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/sourcetest"
	"fresnel/internal/survey"
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

const second1 = `"@timestamp":"1970-01-01T00:00:01Z"`

// TestDecode holds for each document the one event that it is.
func TestDecode(t *testing.T) {
	type e = event.Event
	for _, tt := range []struct {
		name, text string
		want       e
	}{
		{"nested objects", `{` + second1 + `,"host":{"name":"h"},"process":{"name":"p","parent":{"name":"q","hash":{"sha256":"x"}}}}`, e{HostName: "h", ProcessName: "p", ProcessParentName: "q", ProcessParentHashSHA256: "x"}},
		{"dotted keys", `{` + second1 + `,"host.name":"h","process.name":"p","process.parent.name":"q","process.parent.hash.sha256":"x"}`, e{HostName: "h", ProcessName: "p", ProcessParentName: "q", ProcessParentHashSHA256: "x"}},
		{"a mixture of both", `{` + second1 + `,"host":{"name":"h"},"process.parent":{"name":"q","hash.sha256":"x"},"process":{"name":"p"}}`, e{HostName: "h", ProcessName: "p", ProcessParentName: "q", ProcessParentHashSHA256: "x"}},
		{"a hit of a search", `{"_index":"i","_score":1,"_source":{` + second1 + `,"host":{"name":"h"}},"sort":[1]}`, e{HostName: "h"}},
		{"every field", `{` + second1 + `,"event":{"ingested":"1970-01-01T00:00:02Z","duration":3,"action":"a","category":"network"},"source":{"ip":"10.0.0.1","port":4,"bytes":5},"destination":{"ip":"2001:db8::1","port":6,"bytes":7,"domain":"d"},` +
			`"host":{"name":"h"},"user":{"name":"u"},"process":{"name":"p","pid":8,"entity_id":"i","executable":"C:\\p","hash":{"sha256":"s"},"parent":{"name":"q","hash":{"sha256":"r"}},"code_signature":{"exists":true,"trusted":false,"valid":true,"status":"ok","subject_name":"n"}},` +
			`"network":{"transport":"tcp","protocol":"tls"},"zeek":{"connection":{"state":"SF"}},"tls":{"client":{"server_name":"sni","ja3":"j"}},"user_agent":{"original":"ua"}}`, e{
			IngestedNanos: 2e9, DurationNanos: 3, EventAction: "a", EventCategory: "network", SourceIP: ip("10.0.0.1"), SourcePort: 4, SourceBytes: 5, DestinationIP: ip("2001:db8::1"), DestinationPort: 6, DestinationBytes: 7,
			DestinationDomain: "d", HostName: "h", UserName: "u", ProcessName: "p", ProcessPID: 8, ProcessEntityID: "i", ProcessExecutable: `C:\p`, ProcessHashSHA256: "s", ProcessParentName: "q", ProcessParentHashSHA256: "r",
			SignatureExists: event.True, SignatureTrusted: event.False, SignatureValid: event.True, SignatureStatus: "ok", SignatureSubjectName: "n",
			NetworkTransport: "tcp", NetworkProtocol: "tls", ConnectionState: "SF", TLSServerName: "sni", TLSClientJA3: "j", UserAgent: "ua",
		}},

		{"the smallest of several texts", `{` + second1 + `,"destination":{"domain":["b.example","a.example","c.example"]}}`, e{DestinationDomain: "a.example"}},
		{"the smallest of several numbers", `{` + second1 + `,"source":{"bytes":[7,-3,"5"],"port":[9,8]}}`, e{SourceBytes: -3, SourcePort: 8}},
		{"the smallest of several times", `{"@timestamp":["1970-01-01T00:00:02Z",1000,"1970-01-01T00:00:03Z"]}`, e{}},
		{"the smallest of several booleans", `{` + second1 + `,"process":{"code_signature":[{"trusted":true},{"trusted":false}]}}`, e{SignatureTrusted: event.False}},
		{"the smallest of several addresses, IPv4 as IPv4-mapped", `{` + second1 + `,"source":{"ip":["10.0.0.9","::ffff:10.0.0.2","2001:db8::1"]},"destination":{"ip":["2001:db8::1","::1","10.0.0.9"]}}`, e{SourceIP: ip("10.0.0.2"), DestinationIP: ip("::1")}},
		{"a field that stands there twice", `{` + second1 + `,"host":{"name":"b"},"host.name":"a"}`, e{HostName: "a"}},
		{"network first among the categories", `{` + second1 + `,"event":{"category":["network","host"]}}`, e{EventCategory: "network"}},
		{"network last among the categories", `{` + second1 + `,"event":{"category":["host","process","network"]}}`, e{EventCategory: "network"}},
		{"categories without network", `{` + second1 + `,"event":{"category":["process","host"]}}`, e{EventCategory: "host"}},
		{"nulls and empty arrays", `{` + second1 + `,"host":{"name":null},"source":{"ip":null,"bytes":null},"destination":{"ip":[null,"10.0.0.1"],"bytes":[]},"process":null}`, e{DestinationIP: ip("10.0.0.1")}},
		{"empty strings", `{` + second1 + `,"host":{"name":""},"source":{"ip":"","bytes":"","port":""},"event":{"ingested":""}}`, e{}},

		{"a time with a zone", `{"@timestamp":"1970-01-01T02:00:01+02:00"}`, e{}},
		{"a time with a long fraction", `{"@timestamp":"1970-01-01T00:00:01.0000000019Z"}`, e{TimeNanos: 1e9 + 1}},
		{"milliseconds", `{"@timestamp":1767225603500}`, e{TimeNanos: 1767225603500e6}},
		{"milliseconds in a string", `{"@timestamp":"1767225603500"}`, e{TimeNanos: 1767225603500e6}},
		{"milliseconds with a fraction", `{"@timestamp":1767225603500.123456789}`, e{TimeNanos: 1767225603500123456}},
		{"milliseconds with an exponent", `{"@timestamp":1.767225603500E12}`, e{TimeNanos: 1767225603500e6}},
		{"milliseconds before 1970", `{"@timestamp":-1500.5}`, e{TimeNanos: -1500500e3}},
		{"numbers in strings", `{` + second1 + `,"source":{"bytes":"12","port":"80"},"process":{"pid":"-1"}}`, e{SourceBytes: 12, SourcePort: 80, ProcessPID: -1}},
		{"numbers with a fraction", `{` + second1 + `,"source":{"bytes":12.9,"port":443.0},"destination":{"bytes":-1.9}}`, e{SourceBytes: 12, SourcePort: 443, DestinationBytes: -1}},
		{"numbers with an exponent", `{` + second1 + `,"source":{"bytes":1.5e3},"destination":{"bytes":"2E+3"}}`, e{SourceBytes: 1500, DestinationBytes: 2000}},
		{"the largest numbers", `{` + second1 + `,"source":{"bytes":9223372036854775807},"destination":{"bytes":9007199254740993.0}}`, e{SourceBytes: 9223372036854775807, DestinationBytes: 9007199254740993}},
		{"negative bytes", `{` + second1 + `,"source":{"bytes":-5}}`, e{SourceBytes: -5}},
		{"booleans in strings", `{` + second1 + `,"process":{"code_signature":{"exists":"true","trusted":"false","valid":""}}}`, e{SignatureExists: event.True, SignatureTrusted: event.False, SignatureValid: event.False}},
		{"a number where a text is wanted", `{` + second1 + `,"host":{"name":17}}`, e{HostName: "17"}},
		{"an address with a zone", `{` + second1 + `,"source":{"ip":"fe80::1%eth0"}}`, e{SourceIP: ip("fe80::1")}},
		{"escapes in a text", `{` + second1 + `,"process":{"name":"a\u00e9\"\\\n.exe"}}`, e{ProcessName: "aé\"\\\n.exe"}},
		{"words of the network in other letters", `{` + second1 + `,"network":{"transport":["TCP","UDP"],"protocol":["TLS","http"]}}`, e{NetworkTransport: "tcp", NetworkProtocol: "http"}},
		{"a transport by its number", `{` + second1 + `,"network":{"transport":"17"}}`, e{NetworkTransport: "udp"}},
		{"a transport that nobody knows", `{` + second1 + `,"network":{"transport":"Pigeon"}}`, e{NetworkTransport: "Pigeon"}},

		{"host.hostname where host.name is missing", `{` + second1 + `,"host":{"hostname":"h"}}`, e{HostName: "h"}},
		{"host.hostname where host.name is there", `{` + second1 + `,"host":{"hostname":"a","name":"b"}}`, e{HostName: "b"}},
		{"the state of a flow by Filebeat", `{` + second1 + `,"suricata":{"eve":{"flow":{"state":"closed"}}}}`, e{ConnectionState: "closed"}},
		{"the signatures that Elastic Defend has beside the first", `{` + second1 + `,"process":{"Ext":{"code_signature":[{"exists":true}]}}}`, e{}},
		{"the name that a lookup asks for", `{` + second1 + `,"dns":{"question":{"name":"d"}}}`, e{}},
		{"fields of another object", `{` + second1 + `,"observer":{"host":{"name":"x"}},"x":{"process":{"name":"x"}},"host":{"os":{"name":"x"}},"process":{"parent":{"pid":1}}}`, e{}},
		{"a flow that is final", `{` + second1 + `,"flow":{"final":true}}`, e{}},
		{"an update that is a whole document", `{"doc":{` + second1 + `,"host":{"name":"h"}},"doc_as_upsert":true}`, e{HostName: "h"}},
		{"a document that has a doc", `{` + second1 + `,"host":{"name":"h"},"doc":{"@timestamp":"x","host":{"name":"a"}},"doc_as_upsert":true}`, e{HostName: "h"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want.TimeNanos == 0 {
				tt.want.TimeNanos = 1e9
			}
			text := []byte("\ufeff" + tt.text + "\r\n \n\n" + tt.text)
			r := sourcetest.CheckSigned(t, Format, all, "x.json", text)
			if diff := cmp.Diff([]event.Event{tt.want, tt.want}, r.Events, sourcetest.Compare...); diff != "" {
				t.Errorf("bad records %q, skipped %v (-want +got)\n%s", r.Messages(), r.Skipped, diff)
			}
		})
	}
}

func TestOnlyWantedFieldsAreRead(t *testing.T) {
	text := []byte(`{` + second1 + `,"source":{"ip":"x","bytes":"x"},"host":{"hostname":"h"},"process":{"name":"p"}}`)
	r := sourcetest.CheckSigned(t, Format, source.Options{Fields: event.SetOf(event.ProcessName)}, "x.json", text)
	if diff := cmp.Diff([]event.Event{{TimeNanos: 1e9, ProcessName: "p"}}, r.Events, sourcetest.Compare...); diff != "" {
		t.Errorf("bad records %q (-want +got)\n%s", r.Messages(), diff)
	}
}

func TestBadRecordsDoNotLoseGoodOnes(t *testing.T) {
	good := `{` + second1 + `}`
	for _, tt := range []struct{ name, text, want string }{
		{"no JSON", `what`, `line 2: got "what", want a JSON object at byte 0`},
		{"a line that is cut off", good[:20], `line 2: got "{\"@timestamp\":\"1970-", want a closing " at byte 14`},
		{"an array", `[1]`, `line 2: got "[1]", want a JSON object at byte 0`},
		{"no time", `{"host":{"name":"h"}}`, `line 2: @timestamp: got none, want a time`},
		{"no time in an index that is none", `{"index":1}`, `line 2: @timestamp: got none, want a time`},
		{"a time that is none", `{"@timestamp":"yesterday"}`, `line 2: @timestamp: got "yesterday", want a time: RFC 3339 or milliseconds since 1970`},
		{"a time that is a boolean", `{"@timestamp":true}`, `line 2: @timestamp: got "true", want a time: RFC 3339 or milliseconds since 1970`},
		{"a time that is too late", `{"@timestamp":9223372036855}`, `line 2: @timestamp: got "9223372036855", want a time: RFC 3339 or milliseconds since 1970`},
		{"an address that is none", `{` + second1 + `,"source":{"ip":"10.0.0"}}`, `line 2: source.ip: got "10.0.0", want an IP address`},
		{"an address that is a number", `{` + second1 + `,"destination":{"ip":[1]}}`, `line 2: destination.ip: got "1", want an IP address`},
		{"a number that is none", `{` + second1 + `,"source":{"bytes":"1x"}}`, `line 2: source.bytes: got "1x", want a whole number`},
		{"a number as Go writes it", `{` + second1 + `,"source":{"bytes":"0x1p4"}}`, `line 2: source.bytes: got "0x1p4", want a whole number`},
		{"a number that is a boolean", `{` + second1 + `,"process":{"pid":false}}`, `line 2: process.pid: got "false", want a whole number`},
		{"a number that is too large", `{` + second1 + `,"source":{"bytes":1e19}}`, `line 2: source.bytes: got "1e19", want a whole number`},
		{"infinity", `{` + second1 + `,"source":{"bytes":"-Infinity"}}`, `line 2: source.bytes: got "-Infinity", want a whole number`},
		{"a number with two points", `{` + second1 + `,"source":{"bytes":"1.2.3"}}`, `line 2: source.bytes: got "1.2.3", want a whole number`},
		{"a port that is too large", `{` + second1 + `,"destination":{"port":65536}}`, `line 2: destination.port: got "65536", want a port, 0 to 65535`},
		{"a boolean that is none", `{` + second1 + `,"process":{"code_signature":{"trusted":"yes"}}}`, `line 2: process.code_signature.trusted: got "yes", want true or false`},
		{"a bad value in a whole document of an update", `{"doc":{"@timestamp":"x"},"doc_as_upsert":true}`, `line 2: @timestamp: got "x", want a time: RFC 3339 or milliseconds since 1970`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := sourcetest.CheckSigned(t, Format, all, "x.json", []byte(good+"\n"+tt.text+"\n"+good+"\n"))
			if diff := cmp.Diff([]string{tt.want}, r.Messages()); diff != "" || len(r.Events) != 2 {
				t.Errorf("%d events, want 2 (-want +got)\n%s", len(r.Events), diff)
			}
		})
	}
}

func TestSkips(t *testing.T) {
	document := `{` + second1 + `}`
	text := strings.Join([]string{
		`{"index":{"_index":"logs","_id":"1"}}`, document,
		`{ "create" : {} }`, document,
		`{"delete":{"_index":"logs","_id":"1"}}`,
		`{"update":{"_id":"1"}}`, `{"doc":{` + second1 + `,"host":{"name":"h"}}}`,
		`{"update":{"_id":"1"}}`, `{"doc":{"host":{"name":"h"}},"doc_as_upsert":true}`,
		`{"update":{"_id":"1"}}`, `{"script":{"source":"ctx._source.n++"},"upsert":{` + second1 + `}}`,
		`{` + second1 + `,"flow":{"final":false}}`,
	}, "\n")
	r := sourcetest.CheckSigned(t, Format, all, "x.json", []byte(text))
	want := map[string]int{"_bulk action": 6, "_bulk update": 3, "flow that is not final": 1}
	if diff := cmp.Diff(want, r.Skipped); diff != "" || len(r.Bad) != 0 || len(r.Events) != 2 {
		t.Errorf("%d events, want 2, bad records %q (-want +got)\n%s", len(r.Events), r.Messages(), diff)
	}
}

// TestShippers reads a document of each kind that the shippers write: bare, and in every
// shape that documents are exported in.
func TestShippers(t *testing.T) {
	for _, tt := range []struct {
		file    string
		want    []event.Event
		skipped map[string]int
	}{
		{"elastic-defend.ndjson", []event.Event{
			{
				TimeNanos: at("2026-01-01T00:00:01.1Z"), IngestedNanos: at("2026-01-01T00:00:09Z"), HostName: "ws-17", UserName: "kim", ProcessName: "updater.exe", ProcessPID: 4711,
				ProcessEntityID: "M2Y5YzFiNTItNDcxMS0xNzY3MjI1NzAw", ProcessExecutable: `C:\Users\kim\AppData\Roaming\updater.exe`, SignatureExists: event.True, SignatureTrusted: event.False,
				SignatureStatus: "errorUntrustedRoot", SignatureSubjectName: "Zweig & Söhne", NetworkProtocol: "dns", EventAction: "lookup_requested", EventCategory: "network",
			},
			{
				TimeNanos: at("2026-01-01T00:00:01.234Z"), IngestedNanos: at("2026-01-01T00:00:09Z"), HostName: "ws-17", UserName: "kim", ProcessName: "updater.exe", ProcessPID: 4711,
				ProcessEntityID: "M2Y5YzFiNTItNDcxMS0xNzY3MjI1NzAw", ProcessExecutable: `C:\Users\kim\AppData\Roaming\updater.exe`, SignatureExists: event.True, SignatureTrusted: event.False,
				SignatureStatus: "errorUntrustedRoot", SignatureSubjectName: "Zweig & Söhne", NetworkTransport: "tcp", EventAction: "connection_attempted", EventCategory: "network",
				SourceIP: ip("10.1.2.3"), SourcePort: 50123, DestinationIP: ip("203.0.113.9"), DestinationPort: 443,
			},
			{
				TimeNanos: at("2026-01-01T00:00:03.5Z"), IngestedNanos: at("2026-01-01T00:00:09Z"), HostName: "ws-17", UserName: "kim", ProcessName: "updater.exe", ProcessPID: 4711,
				ProcessEntityID: "M2Y5YzFiNTItNDcxMS0xNzY3MjI1NzAw", ProcessExecutable: `C:\Users\kim\AppData\Roaming\updater.exe`, SignatureExists: event.True, SignatureTrusted: event.False,
				SignatureStatus: "errorUntrustedRoot", SignatureSubjectName: "Zweig & Söhne", NetworkTransport: "tcp", EventAction: "disconnect_received", EventCategory: "network",
				SourceIP: ip("10.1.2.3"), SourcePort: 50123, SourceBytes: 1532, DestinationIP: ip("203.0.113.9"), DestinationPort: 443, DestinationBytes: 84210,
			},
		}, map[string]int{}},
		{"packetbeat.ndjson", []event.Event{
			{
				TimeNanos: at("2026-01-01T00:01:00.3Z"), DurationNanos: 50e6, HostName: "gw-1", SourceIP: ip("10.1.2.3"), SourcePort: 50124, DestinationIP: ip("203.0.113.9"), DestinationPort: 443, DestinationDomain: "c2.example",
				NetworkTransport: "tcp", NetworkProtocol: "tls", TLSServerName: "c2.example", TLSClientJA3: "b7202231ff2db28363c109cedc6d1642", EventCategory: "network",
			},
			{
				TimeNanos: at("2026-01-01T00:01:10Z"), DurationNanos: 9750123456, HostName: "gw-1", SourceIP: ip("10.1.2.3"), SourcePort: 50124, SourceBytes: 2048, DestinationIP: ip("203.0.113.9"), DestinationPort: 443, DestinationBytes: 4096,
				NetworkTransport: "tcp", ProcessName: "curl", ProcessPID: 881, ProcessExecutable: "/usr/bin/curl", EventAction: "network_flow", EventCategory: "network",
			},
		}, map[string]int{"flow that is not final": 1}},
		{"winlogbeat.ndjson", []event.Event{{
			TimeNanos: at("2026-01-01T00:02:00.567Z"), IngestedNanos: at("2026-01-01T00:02:04.123456789Z"), HostName: "ws-18.example", UserName: "kim", ProcessName: "rundll32.exe", ProcessPID: 6020, ProcessEntityID: "{b3b3-0001}",
			ProcessExecutable: `C:\Windows\System32\rundll32.exe`, SourceIP: ip("10.1.2.4"), SourcePort: 50200, DestinationIP: ip("198.51.100.7"), DestinationPort: 443, DestinationDomain: "cdn.example",
			NetworkTransport: "tcp", NetworkProtocol: "https", EventAction: "Network connection detected (rule: NetworkConnect)", EventCategory: "network",
		}}, map[string]int{}},
	} {
		text := sourcetest.File(t, filepath.Join("testdata", tt.file))
		documents := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
		joined := bytes.Join(documents, []byte(","))
		var pretty bytes.Buffer
		for _, d := range documents {
			if err := json.Indent(&pretty, d, "", "    "); err != nil {
				t.Fatal(err)
			}
			pretty.WriteString("\r\n")
		}
		answer := `{"took":1,"timed_out":false,"_shards":{"total":1,"successful":1},"hits":{"total":{"value":3},"hits":[` + string(joined) + `]}}`
		var prettyAnswer bytes.Buffer
		if err := json.Indent(&prettyAnswer, []byte(answer), "", "  "); err != nil {
			t.Fatal(err)
		}
		for shape, text := range map[string][]byte{
			"documents":                                 text,
			"documents in _source":                      []byte(`{"_source":` + string(bytes.Join(documents, []byte("}\n{\"_source\":"))) + `}`),
			"a _bulk body":                              []byte("{\"index\":{}}\n" + string(bytes.Join(documents, []byte("\n{\"create\":{}}\n"))) + "\n"),
			"documents printed over several lines":      pretty.Bytes(),
			"an array":                                  []byte("[" + string(joined) + "]"),
			"an array with a document a line":           []byte("[\n" + string(bytes.Join(documents, []byte(",\n"))) + "\n]\n"),
			"an answer of a search":                     []byte(answer),
			"an answer printed over several lines":      prettyAnswer.Bytes(),
			"documents without line ends between them":  bytes.Join(documents, nil),
			"documents behind a byte order mark":        append([]byte("\ufeff"), text...),
			"documents with CRLF and blank lines":       bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n\r\n")),
			"an array, printed, behind white space":     append([]byte("\n\n  [\n"), append(joined, "\n]"...)...),
			"a JSON text sequence, a separator in each": []byte("\x1e" + string(bytes.Join(documents, []byte("\n\x1e")))),
		} {
			t.Run(tt.file+"/"+shape, func(t *testing.T) {
				if shape == "documents in _source" && bytes.HasPrefix(documents[0], []byte(`{"_index"`)) {
					t.Skip("they are in _source already")
				}
				if !detect(sourcetest.Head("x.json", text)) {
					t.Error("Detect: got false, want true")
				}
				lines := sourcetest.Reshape(t, Format, all, "x.json", text)
				r := sourcetest.CheckSigned(t, Format, all, "x.json", lines)
				delete(r.Skipped, "_bulk action")
				if diff := cmp.Diff(tt.want, r.Events, sourcetest.Compare...); diff != "" {
					t.Errorf("bad records %q (-want +got)\n%s", r.Messages(), diff)
				}
				if diff := cmp.Diff(tt.skipped, r.Skipped); diff != "" {
					t.Errorf("skipped (-want +got)\n%s", diff)
				}
			})
		}
	}
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"a document", `{"@timestamp":1}`, true},
		{"a document printed over several lines", "{\n  \"@timestamp\": 1\n}", true},
		{"a hit", `{"_index":"x","_source":{}}`, true},
		{"an answer whose documents begin behind the head", `{"_scroll_id":"` + strings.Repeat("x", 70_000) + `","took":1,"hits":{"hits":[{"_source":{}}]}}`, true},
		{"a _bulk body whose document has its time behind the head", `{"index":{"_index":"x"}}` + "\n" + `{"message":"` + strings.Repeat("x", 70_000) + `"}`, true},
		{"an action behind a byte order mark", "\ufeff{\"create\":{}}\n", true},
		{"JSON without a time", `{"a":1}`, false},
		{"an index of something else", `{"index":1}`, false},
		{"text that mentions a time", `"@timestamp" is a field`, false},
		{"nothing", "", false},
	} {
		if got := detect(sourcetest.Head("x.json", []byte(tt.text))); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestReferenceEvents(t *testing.T) {
	text := sourcetest.File(t, testkit.Shared(t, "data/reference-vectors/events.ndjson.gz"))
	r := sourcetest.Read(t, Format, all, "events.ndjson.gz", text)
	if len(r.Events) != 51_492 || len(r.Bad) != 0 || len(r.Skipped) != 0 {
		t.Errorf("got %d events, %d bad records, skipped %v, want 51492 events", len(r.Events), len(r.Bad), r.Skipped)
	}
}

func TestExamplesOfTheDocs(t *testing.T) {
	want := event.Event{
		TimeNanos: at("2026-01-01T00:00:03.5Z"), HostName: "ws-17", ProcessName: "updater.exe", SourceIP: ip("10.1.2.3"), SourceBytes: 1532,
		DestinationIP: ip("203.0.113.9"), DestinationPort: 443, DestinationBytes: 84210, EventAction: "disconnect_received", EventCategory: "network",
	}
	later := want
	later.TimeNanos = at("2026-01-01T00:01:03.5Z")
	for n, want := range [][]event.Event{{want}, {want, later}} {
		text := sourcetest.Reshape(t, Format, all, "x.json", sourcetest.Example(t, "ecs.md", "json", n))
		r := sourcetest.Read(t, Format, all, "x.json", text)
		if diff := cmp.Diff(want, r.Events, sourcetest.Compare...); diff != "" {
			t.Errorf("example %d: bad records %q (-want +got)\n%s", n, r.Messages(), diff)
		}
	}
}

// TestDecodingAllocatesNothing covers what the benchmark's documents do not have.
func TestDecodingAllocatesNothing(t *testing.T) {
	text := []byte(strings.Repeat(`{"index":{}}`+"\n"+`{"@timestamp":1767225603500.5,"source":{"bytes":"1.5e3","ip":["::1","10.0.0.1"]},"destination":{"bytes":1.9,"port":"443","domain":["b.example","a.example"]},"network":{"transport":"TCP","protocol":["TLS","HTTP"]},"host":{"hostname":"a\"b"},"process":{"pid":"7","entity_id":"e\\1","parent":{"name":"p"}},"tls":{"client":{"server_name":"a.example","ja3":"0a"}},"user_agent":{"original":"a \"b\""},"flow":{"final":true}}`+"\n", 100))
	for name, fields := range map[string]event.FieldSet{
		"all": event.AllFields, "reference": sourcetest.ReferenceFields, "rank": sourcetest.ReferenceFields | survey.Fields,
	} {
		d := sourcetest.Open(t, Format, source.Options{Fields: fields}, "x.json", text).NewDecoder()
		var out sourcetest.Discard
		for range 100 { // until it has learned what there is to learn
			d.Decode(text, nil, &out)
		}
		if allocs := testing.AllocsPerRun(10, func() { d.Decode(text, nil, &out) }); allocs != 0 || out.BadRecords != 0 {
			t.Errorf("%s: got %v allocations and %d bad records, want none", name, allocs, out.BadRecords)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"elastic-defend.ndjson", "packetbeat.ndjson", "winlogbeat.ndjson"} {
		f.Add(sourcetest.File(f, filepath.Join("testdata", name)))
	}
	f.Add([]byte("{\"index\":{}}\n{\"@timestamp\":1.5e3,\"event.category\":[\"a\",\"network\"]}\n\ufeff{\"doc\":{\"@timestamp\":\"x\"},\"doc_as_upsert\":true}\r\n[\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		sourcetest.CheckSigned(t, Format, all, "x.json", text)
		s, err := Format.New(all)
		if err != nil {
			t.Fatal(err)
		}
		// What is reshaped are lines as any others.
		file := source.File{Path: "x.json", Head: sourcetest.Head("x.json", text)}
		var lines bytes.Buffer
		_, _ = lines.ReadFrom(s.(source.Reshaper).Reshape(file, bytes.NewReader(text))) // a cut list is no matter here
		sourcetest.CheckSigned(t, Format, all, "x.json", lines.Bytes())
	})
}

func TestManyByteOrderMarks(t *testing.T) {
	text := bytes.Repeat([]byte("\ufeff"), 1<<20)
	text = append(text, `{"@timestamp":"2026-01-01T00:00:00Z"}`+"\n"...)
	if r := sourcetest.Read(t, Format, source.Options{Fields: event.AllFields}, "x.ndjson", text); len(r.Events) != 1 {
		t.Errorf("got %d events and bad records %v, want one event", len(r.Events), r.Messages())
	}
}
