package zeek

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/parse"
	"fresnel/internal/testkit"
)

// typical are the fields that most runs look at.
var typical = event.SetOf(event.Timestamp, event.SourceIP, event.DestinationIP, event.SourceBytes, event.DestinationBytes)

var compareAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// tsv writes a log: each line's columns stand between spaces, "_" is an empty column.
func tsv(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		if strings.HasPrefix(l, "#separator") {
			b.WriteString(l + "\n")
			continue
		}
		fields := strings.Fields(l)
		for i := range fields {
			fields[i] = strings.ReplaceAll(fields[i], "_sp_", " ")
		}
		b.WriteString(strings.Join(fields, "\t") + "\n")
	}
	return b.String()
}

const (
	connFields = "#fields ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state"
	connRow    = "1588205199.824375 CXY1 10.0.0.1 49164 93.184.216.34 443 tcp ssl 1.5 120 4000 SF"
)

func connEvent() event.Event {
	return event.Event{
		TimeNanos: 1588205199824375000, DurationNanos: 1500000000,
		SourceIP: netip.MustParseAddr("10.0.0.1"), SourcePort: 49164, SourceBytes: 120,
		DestinationIP: netip.MustParseAddr("93.184.216.34"), DestinationPort: 443, DestinationBytes: 4000,
		NetworkTransport: "tcp", NetworkProtocol: "tls", ConnectionState: "SF", EventCategory: "network",
	}
}

func with(change func(*event.Event)) event.Event {
	e := connEvent()
	change(&e)
	return e
}

func TestConnLogs(t *testing.T) {
	header := func(fields string) string { return tsv("#separator \\x09", "#path conn", fields) }
	for _, c := range []struct {
		name, body string
		want       []event.Event
		bad        []source.RecordError
		skipped    map[string]int
	}{
		{name: "the fields in their usual order", body: header(connFields) + tsv(connRow), want: []event.Event{connEvent()}},
		{name: "the fields in another order", body: header("#fields conn_state resp_bytes orig_bytes id.resp_h id.orig_h ts uid proto") +
			tsv("SF 4000 120 93.184.216.34 10.0.0.1 1588205199.824375 C1 tcp"),
			want: []event.Event{with(func(e *event.Event) {
				e.DurationNanos, e.SourcePort, e.DestinationPort, e.NetworkProtocol = 0, 0, 0, ""
			})}},
		{name: "columns that nobody knows", body: header(connFields+" label detailed-label") + tsv(connRow+" Malicious C_sp_C"), want: []event.Event{connEvent()}},
		{name: "no #path", body: tsv("#separator \\x09", connFields, connRow), want: []event.Event{connEvent()}},
		{name: "no # line but #fields", body: tsv(connFields, connRow), want: []event.Event{connEvent()}},
		{name: "Windows line ends", body: strings.ReplaceAll(header(connFields)+tsv(connRow), "\n", "\r\n"), want: []event.Event{connEvent()}},
		{name: "a byte order mark", body: "\ufeff" + header(connFields) + tsv(connRow), want: []event.Event{connEvent()}},
		{name: "no line end at the end", body: strings.TrimSuffix(header(connFields)+tsv(connRow), "\n"), want: []event.Event{connEvent()}},
		{name: "#close and remarks", body: header(connFields) + "# remark\n" + tsv(connRow) + "#close\t2023-01-05-18-51-07\n\n" + tsv(connRow), want: []event.Event{connEvent(), connEvent()}},
		{name: "unset fields", body: header(connFields) + tsv("1588205199.824375 - - - - - - - - - - -"),
			want: []event.Event{{TimeNanos: 1588205199824375000, EventCategory: "network"}}},
		{name: "other marks for unset and empty", body: tsv("#separator \\x09", "#unset_field NULL", "#empty_field NONE", "#path conn", connFields) +
			tsv("1588205199.824375 NULL 10.0.0.1 49164 93.184.216.34 443 tcp NONE NULL NULL NULL -"),
			want: []event.Event{with(func(e *event.Event) {
				e.NetworkProtocol, e.DurationNanos, e.SourceBytes, e.DestinationBytes, e.ConnectionState = "", 0, 0, 0, "-"
			})}},
		{name: "an unset mark that #fields stands before", body: tsv("#separator \\x09", "#path conn", connFields, "#unset_field NULL") +
			tsv("1588205199.824375 C 10.0.0.1 49164 93.184.216.34 443 tcp ssl 1.5 120 4000 NULL"),
			want: []event.Event{with(func(e *event.Event) { e.ConnectionState = "" })}},
		{name: "another separator", body: "#separator |\n#path|conn\n" + strings.ReplaceAll(connFields, " ", "|") + "\n" + strings.ReplaceAll(connRow, " ", "|") + "\n", want: []event.Event{connEvent()}},
		{name: "a list of services", body: header(connFields) + tsv(strings.Replace(connRow, "ssl", "http,ssl", 1)),
			want: []event.Event{with(func(e *event.Event) { e.NetworkProtocol = "http" })}},
		{name: "a list of services with another separator", body: tsv("#separator \\x09", "#set_separator ;", "#path conn", connFields, strings.Replace(connRow, "ssl", "ssl;http", 1)),
			want: []event.Event{connEvent()}},
		{name: "a service that was ruled out", body: header(connFields) + tsv(strings.Replace(connRow, "ssl", "-smtp,ssl", 1)), want: []event.Event{connEvent()}},
		{name: "an escaped byte", body: header(connFields) + tsv(strings.Replace(connRow, "SF", `S\x09F\x2c\q`, 1)),
			want: []event.Event{with(func(e *event.Event) { e.ConnectionState = "S\tF,\\q" })}},
		{name: "IPv6", body: header(connFields) + tsv(strings.Replace(connRow, "10.0.0.1", "FE80::1%eth0", 1)),
			want: []event.Event{with(func(e *event.Event) { e.SourceIP = netip.MustParseAddr("fe80::1") })}},
		{name: "two headers with other layouts in one file",
			body: header(connFields) + tsv(connRow, "#close 2020") + header("#fields id.resp_h id.orig_h ts conn_state") + tsv("1.1.1.1 10.0.0.1 7.5 S0"),
			want: []event.Event{connEvent(), {TimeNanos: 7500000000, SourceIP: netip.MustParseAddr("10.0.0.1"), DestinationIP: netip.MustParseAddr("1.1.1.1"), ConnectionState: "S0", EventCategory: "network"}}},
		{name: "another log in the same file is skipped and counted",
			body: tsv("#separator \\x09", "#path dns", "#fields ts uid query answers", "1.5 C a.b -", "2.5 C a.b -") + header(connFields) + tsv(connRow),
			want: []event.Event{connEvent()}, skipped: map[string]int{"zeek dns log within another": 2}},
		{name: "names of columns without #", body: strings.ReplaceAll(strings.TrimPrefix(connFields, "#fields ")+"\n"+connRow+"\n"+strings.TrimPrefix(connFields, "#fields ")+"\n"+connRow+"\n", " ", "|"),
			want: []event.Event{connEvent(), connEvent()}},
		{name: "RFC 3339", body: header(connFields) + tsv(strings.Replace(connRow, "1588205199.824375", "2020-04-30T00:06:39.824375Z", 1)), want: []event.Event{connEvent()}},
		{name: "a bad field, and the next line goes on", body: header(connFields) + tsv(strings.Replace(connRow, "120", "-1x", 1), connRow),
			want: []event.Event{connEvent()}, bad: []source.RecordError{{Line: 4, Field: "orig_bytes", Got: `"-1x"`, Want: "a count"}}},
		{name: "a bad address", body: header(connFields) + tsv(strings.Replace(connRow, "10.0.0.1", "10.0.0.256", 1)),
			bad: []source.RecordError{{Line: 4, Field: "id.orig_h", Got: `"10.0.0.256"`, Want: "an IP address"}}},
		{name: "no time", body: header(connFields) + tsv(strings.Replace(connRow, "1588205199.824375", "-", 1)),
			bad: []source.RecordError{{Line: 4, Field: "ts", Got: `"-"`, Want: "a time, in seconds since 1970 or as in RFC 3339"}}},
		{name: "a column too many", body: header(connFields) + tsv(connRow+" x"),
			bad: []source.RecordError{{Line: 4, Got: "13 columns", Want: "12 as in the header"}}},
		{name: "a column too few", body: header(connFields) + tsv(strings.TrimSuffix(connRow, " SF"), connRow), want: []event.Event{connEvent()},
			bad: []source.RecordError{{Line: 4, Got: "11 columns", Want: "12 as in the header"}}},
		{name: "one column", body: header(connFields) + "x\n" + tsv(connRow), want: []event.Event{connEvent()},
			bad: []source.RecordError{{Line: 4, Field: "ts", Got: `"x"`, Want: "a time, in seconds since 1970 or as in RFC 3339"}}},
		{name: "rows before any header", body: tsv("#separator \\x09", connRow) + header(connFields) + tsv(connRow), want: []event.Event{connEvent()},
			bad: []source.RecordError{{Line: 2, Got: "a row", Want: "a line #fields before it"}}},
		{name: "no column ts", body: header("#fields id.orig_h id.resp_h conn_state") + tsv("10.0.0.1 10.0.0.2 SF"),
			bad: []source.RecordError{{Line: 4, Got: "#fields without ts", Want: "a column ts"}}},
		{name: "a separator of two bytes", body: "#separator \\x09\\x09\n#path\tconn\n" + tsv(connFields, connRow),
			bad: []source.RecordError{{Line: 4, Got: `#separator "\\x09\\x09"`, Want: "a separator of one byte"}}},
	} {
		for _, cut := range []cut{whole, everyRow, someRows} {
			t.Run(fmt.Sprintf("%s, cut %d", c.name, cut), func(t *testing.T) {
				got := read(t, event.AllFields, cut, text{"logs/conn.log", c.body})
				if diff := cmp.Diff(c.want, got.events, compareAddr, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.bad, got.bad, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("bad records (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.skipped, got.skipped, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("skipped (-want +got):\n%s", diff)
				}
				if want := strings.Count(strings.TrimSuffix(c.body, "\n"), "\n") + 1; got.lines != want {
					t.Errorf("got %d lines, want %d", got.lines, want)
				}
			})
		}
	}
}

func TestOnlyTheWantedFieldsAreRead(t *testing.T) {
	body := tsv("#separator \\x09", "#path conn", connFields, strings.Replace(connRow, "49164", "no_port", 1))
	got := read(t, typical, whole, text{"conn.log", body})
	want := []event.Event{with(func(e *event.Event) {
		e.SourcePort, e.DestinationPort, e.DurationNanos = 0, 0, 0
		e.NetworkTransport, e.NetworkProtocol, e.ConnectionState = "", "", ""
	})}
	if diff := cmp.Diff(want, got.events, compareAddr); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	const rest = `"uid":"CXY1","id.orig_h":"10.0.0.1","id.orig_p":49164,"id.resp_h":"93.184.216.34","id.resp_p":443,"proto":"tcp","service":"ssl","duration":1.5,"orig_bytes":120,"resp_bytes":4000,"conn_state":"SF"}`
	for _, c := range []struct {
		name, body string
		want       []event.Event
		bad        []source.RecordError
		skipped    map[string]int
	}{
		{name: "dotted keys", body: `{"ts":1588205199.824375,` + rest, want: []event.Event{connEvent()}},
		{name: "underscores", body: strings.ReplaceAll(`{"ts":1588205199.824375,`+rest, "id.", "id_"), want: []event.Event{connEvent()}},
		{name: "nested keys", body: `{"ts":1588205199.824375,"id":{"orig_h":"10.0.0.1","orig_p":49164,"resp_h":"93.184.216.34","resp_p":443},` +
			`"proto":"tcp","service":"ssl","duration":1.5,"orig_bytes":120,"resp_bytes":4000,"conn_state":"SF"}`, want: []event.Event{connEvent()}},
		{name: "RFC 3339", body: `{"ts":"2020-04-30T00:06:39.824375Z",` + rest, want: []event.Event{connEvent()}},
		{name: "a zone", body: `{"ts":"2020-04-30T02:06:39.824375+02:00",` + rest, want: []event.Event{connEvent()}},
		{name: "seconds in a string", body: `{"ts":"1588205199.824375",` + rest, want: []event.Event{connEvent()}},
		{name: "milliseconds", body: `{"ts":1588205199824,` + rest, want: []event.Event{with(func(e *event.Event) { e.TimeNanos = 1588205199824000000 })}},
		{name: "a short duration with an exponent", body: `{"ts":1588205199.824375,` + strings.Replace(rest, "1.5", "9.5367431640625e-07", 1),
			want: []event.Event{with(func(e *event.Event) { e.DurationNanos = 953 })}},
		{name: "null and missing", body: `{"ts":7.25,"id.orig_h":"10.0.0.1","conn_state":"S0","orig_bytes":null}`,
			want: []event.Event{{TimeNanos: 7250000000, SourceIP: netip.MustParseAddr("10.0.0.1"), ConnectionState: "S0", EventCategory: "network"}}},
		{name: "services in an array", body: `{"ts":1588205199.824375,` + strings.Replace(rest, `"ssl"`, `["ssl","http"]`, 1), want: []event.Event{connEvent()}},
		{name: "services in a text", body: `{"ts":1588205199.824375,` + strings.Replace(rest, `"ssl"`, `"ssl,http"`, 1), want: []event.Event{connEvent()}},
		{name: "lines of several logs", body: `{"_path":"dns","ts":1.5,"query":"x"}` + "\n" + `{"_path":"conn","ts":1588205199.824375,` + rest + "\n" + `{"@stream":"weird","ts":1}`,
			want: []event.Event{connEvent()}, skipped: map[string]int{"zeek dns log within another": 1, "zeek log of a kind without connections": 1}},
		{name: "the path at the end", body: `{"ts":1588205199.824375,` + strings.TrimSuffix(rest, "}") + `,"_path":"conn"}`, want: []event.Event{connEvent()}},
		{name: "no object, empty lines and a bad field", body: `{"ts":1588205199.824375,` + rest + "\r\n\n  \n[1]\n" + `{"ts":1,"id.orig_p":70000,"conn_state":"SF"}` + "\n" + `{"ts":true,"conn_state":"SF"}` + "\n" + `{"conn_state":"SF"}`,
			want: []event.Event{connEvent()},
			bad: []source.RecordError{
				{Line: 4, Got: `"[1]"`, Want: "a JSON object at byte 0"},
				{Line: 5, Field: "id.orig_p", Got: `"70000"`, Want: "a port"},
				{Line: 6, Field: "ts", Got: "true", Want: "a time, in seconds since 1970 or as in RFC 3339"},
				{Line: 7, Field: "ts", Got: "nothing", Want: "a time, in seconds since 1970 or as in RFC 3339"},
			}},
	} {
		for _, cut := range []cut{whole, everyRow, someRows} {
			t.Run(fmt.Sprintf("%s, cut %d", c.name, cut), func(t *testing.T) {
				if !Format.Detect(fileOf(text{"x", c.body}).Head) {
					t.Fatal("not detected")
				}
				got := read(t, event.AllFields, cut, text{"logs/conn.log", c.body})
				for i := range got.bad {
					got.bad[i].Want, _, _ = strings.Cut(got.bad[i].Want, ":")
				}
				if diff := cmp.Diff(c.want, got.events, compareAddr); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.bad, got.bad, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("bad records (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.skipped, got.skipped, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("skipped (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"a header", "#separator \\x09\n#path\tweird\n", true},
		{"a header without #separator", "#fields\tts\tuid\n", true},
		{"column names", "ts|uid|id.orig_h|id.orig_p|id.resp_h\n", true},
		{"JSON with a path", `{"_path":"capture_loss","ts":1.5}`, true},
		{"JSON of a connection", `{"ts":1.5,"id":{"orig_h":"1.2.3.4"}}`, true},
		{"nothing", "", false},
		{"remarks alone", "# hello\n# world\n", false},
		{"a CSV", "time,host,source\n1,2,3\n", false},
		{"JSON of ECS", `{"@timestamp":"2026-01-01T00:00:00Z","source":{"ip":"1.2.3.4"}}`, false},
		{"JSON of Suricata", `{"timestamp":"2026-01-01T00:00:00Z","event_type":"flow"}`, false},
		{"binary", "\x1f\x8b\x00\x00", false},
	} {
		if got := Format.Detect(source.Head{Text: []byte(c.text)}); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPlan(t *testing.T) {
	log := func(path string) string { return "#separator \\x09\n#path\t" + path + "\n#fields\tts\tuid\n" }
	const domain = 1 << event.DestinationDomain
	for _, c := range []struct {
		name   string
		fields event.FieldSet
		files  []text
		want   []int
	}{
		{"logs beside connections are read first", domain, []text{{"a/conn.log", log("conn")}, {"a/dns.log", log("dns")}, {"a/ssl.log", log("ssl")}, {"a/http.log", log("http")}}, []int{1, 0, 0, 0}},
		{"logs that name nothing that is wanted are not read", typical, []text{{"a/conn.log", log("conn")}, {"a/dns.log", log("dns")}, {"a/ssl.log", log("ssl")}, {"a/http.log", log("http")}}, []int{1, -1, -1, -1}},
		{"JA3 is in ssl alone", 1 << event.TLSClientJA3, []text{{"a/conn.log", log("conn")}, {"a/dns.log", log("dns")}, {"a/ssl.log", log("ssl")}, {"a/http.log", log("http")}}, []int{1, -1, 0, -1}},
		{"another folder is another matter", domain, []text{{"a/conn.log", log("conn")}, {"b/dns.log", log("dns")}, {"b/http.log", log("http")}}, []int{1, -1, 1}},
		{"rotated names", domain, []text{{"a/conn.10:00:00-11:00:00.log.gz", log("conn")}, {"a/conn.2023-01-01-00-00-00.log", log("conn")}, {"a/dns.10:00:00-11:00:00.log.gz", log("dns")}}, []int{1, 1, 0}},
		{"logs of other kinds are not read", domain, []text{{"a/weird.log", log("weird")}, {"a/files.10:00:00-11:00:00.log", log("files")}, {"a/x509.log.gz", log("x509")}}, []int{-1, -1, -1}},
		{"logs of other kinds with a name that does not say so are read to the end", domain, []text{{"a/all.log", log("weird")}, {"-", log("dns")}}, []int{1, 1}},
	} {
		src, err := Format.New(source.Options{Fields: c.fields})
		if err != nil {
			t.Fatal(err)
		}
		var files []source.File
		for _, f := range c.files {
			files = append(files, fileOf(f))
		}
		if diff := cmp.Diff(c.want, src.Plan(files)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestNames(t *testing.T) {
	conn := tsv("#separator \\x09", "#path conn", "#fields ts uid id.orig_h id.resp_h conn_state",
		"1 C1 10.0.0.1 1.1.1.1 SF", "1 C2 10.0.0.1 1.1.1.1 SF", "1 C3 10.0.0.1 1.1.1.1 SF", "1 C4 10.0.0.2 1.1.1.1 SF", "1 C5 10.0.0.1 9.9.9.9 SF", "1 - 10.0.0.1 - SF")
	ssl := tsv("#separator \\x09", "#path ssl", "#fields ts uid server_name ja3",
		"2 C1 late.example j2", "1 C1 sni.example j1")
	http := tsv("#separator \\x09", "#path http", "#fields ts uid id.orig_h host user_agent",
		"1 C1 10.0.0.1 host.example a", "3 C2 10.0.0.1 third.example c", "2 C2 10.0.0.1 first.example Mozilla\\x2c_sp_4", "2 C2 10.0.0.1 second.example b", "x C2 10.0.0.1 bad.example b")
	dns := tsv("#separator \\x09", "#path dns", "#fields ts id.orig_h query answers",
		"5 10.0.0.1 new.example cname.example,1.1.1.1,1.1.1.2", "1 10.0.0.1 old.example 1.1.1.1", "9 10.0.0.9 any.example 1.1.1.1", "9 10.0.0.1 - 9.9.9.9", "9 10.0.0.1 none.example -")
	type row struct{ Domain, ServerName, JA3, Agent string }
	want := []row{
		{"sni.example", "sni.example", "j1", "a"},
		{"first.example", "", "", "Mozilla, 4"},
		{"new.example", "", "", ""},
		{"any.example", "", "", ""},
		{},
		{},
	}
	for _, cut := range []cut{whole, everyRow} {
		got := read(t, event.AllFields, cut, text{"a/conn.log", conn}, text{"a/ssl.log", ssl}, text{"a/http.log", http}, text{"a/dns.log", dns})
		var rows []row
		for _, e := range got.events {
			rows = append(rows, row{e.DestinationDomain, e.TLSServerName, e.TLSClientJA3, e.UserAgent})
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("cut %d (-want +got):\n%s", cut, diff)
		}
		if len(got.bad) != 1 || got.bad[0].Field != "ts" {
			t.Errorf("got bad records %v, want one, for ts", got.bad)
		}
	}
	t.Run("without addresses among the fields", func(t *testing.T) {
		got := read(t, event.SetOf(event.Timestamp, event.DestinationDomain), whole, text{"a/conn.log", conn}, text{"a/ssl.log", ssl}, text{"a/dns.log", dns})
		if d := got.events[0].DestinationDomain; d != "sni.example" {
			t.Errorf("got %q, want sni.example", d)
		}
		if d := got.events[2].DestinationDomain; d != "new.example" {
			t.Errorf("got %q, want new.example", d)
		}
	})
	t.Run("in JSON", func(t *testing.T) {
		got := read(t, event.AllFields, whole,
			text{"a/conn.log", `{"ts":1,"uid":"C1","id.orig_h":"10.0.0.1","id.resp_h":"1.1.1.1","conn_state":"SF"}` + "\n" + `{"ts":1,"uid":"C2","id.orig_h":"10.0.0.1","id.resp_h":"1.1.1.2","conn_state":"SF"}`},
			text{"a/ssl.log", `{"ts":1,"uid":"C1","id.orig_h":"10.0.0.1","server_name":"sni.example","ja3":"j1"}`},
			text{"a/dns.log", `{"ts":1,"uid":"C9","id.orig_h":"10.0.0.1","query":"name.example","answers":["cname","1.1.1.2"]}`})
		if len(got.events) != 2 || got.events[0].DestinationDomain != "sni.example" || got.events[1].DestinationDomain != "name.example" || got.events[0].TLSClientJA3 != "j1" {
			t.Errorf("got %+v", got.events)
		}
	})
	t.Run("another folder's names are not taken", func(t *testing.T) {
		got := read(t, event.AllFields, whole, text{"a/conn.log", conn}, text{"b/conn.log", conn}, text{"b/ssl.log", ssl})
		if d := got.events[0].DestinationDomain; d != "" {
			t.Errorf("got %q, want none", d)
		}
		if d := got.events[6].DestinationDomain; d != "sni.example" {
			t.Errorf("got %q, want sni.example", d)
		}
	})
}

func TestHTTPAlone(t *testing.T) {
	body := tsv("#separator \\x09", "#path http", "#fields ts uid id.orig_h id.orig_p id.resp_h id.resp_p host user_agent request_body_len response_body_len",
		"1.5 C1 10.0.0.1 1234 1.1.1.1 80 a.example curl/8 10 -")
	got := read(t, event.AllFields, whole, text{"a/http.log", body})
	want := []event.Event{{
		TimeNanos: 1500000000, SourceIP: netip.MustParseAddr("10.0.0.1"), SourcePort: 1234, DestinationIP: netip.MustParseAddr("1.1.1.1"), DestinationPort: 80,
		SourceBytes: 10, DestinationDomain: "a.example", UserAgent: "curl/8", NetworkProtocol: "http", EventCategory: "network",
	}}
	if diff := cmp.Diff(want, got.events, compareAddr); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNamesAreBoundedAndDoNotDependOnTheOrder(t *testing.T) {
	var rows []string
	for i := range 3000 {
		rows = append(rows, fmt.Sprintf("%d.5 C%d host%d.example agent", i%700, i%1500, i%900))
	}
	fill := func(order func(int) int) (map[uidKey]uidNames, int) {
		n := newNames(640, 640)
		lost := 0
		for i := range rows {
			f := strings.Fields(rows[order(i)])
			nanos, ok := parse.UnixTime([]byte(f[0]))
			if !ok {
				t.Fatalf("got %q, want seconds", f[0])
			}
			key, _ := uidKeyOf(1, []byte(f[1]))
			lost += n.addUID(key, httpLog, &event.Event{TimeNanos: nanos, DestinationDomain: f[2], UserAgent: f[3]})
		}
		kept := map[uidKey]uidNames{}
		for i := range n.uids.shards {
			for k, e := range n.uids.shards[i].entries {
				kept[k] = e.value
			}
		}
		return kept, lost
	}
	forth, lost := fill(func(i int) int { return i })
	if len(forth) == 0 || len(forth) > 640 || lost == 0 {
		t.Errorf("got %d names and %d lost, want 1 to 640 and some", len(forth), lost)
	}
	for name, order := range map[string]func(int) int{
		"back":     func(i int) int { return len(rows) - 1 - i },
		"shuffled": func(i int) int { return i * 1237 % len(rows) },
	} {
		got, l := fill(order)
		if l != lost || len(got) != len(forth) {
			t.Errorf("%s: got %d names and %d lost, want %d and %d", name, len(got), l, len(forth), lost)
		}
		for k, v := range forth {
			if got[k] != v {
				t.Fatalf("%s: got %v, want %v", name, got[k], v)
			}
		}
	}
}

func TestAgingNamesForgetTheOldest(t *testing.T) {
	const bound = 640
	n := newAgingNames(bound, bound)
	uid := func(i int) uidKey {
		key, _ := uidKeyOf(1, fmt.Append(nil, "C", i))
		return key
	}
	for i := range 10 * bound {
		n.addUID(uid(0), sslLog, &event.Event{TimeNanos: int64(i), TLSServerName: fmt.Sprint(i)})
		if lost := n.addUID(uid(i), httpLog, &event.Event{TimeNanos: int64(i), DestinationDomain: fmt.Sprint(i)}); lost != 0 {
			t.Fatalf("got %d lost, want none: to forget is no loss", lost)
		}
	}
	kept := 0
	for i := range n.uids.shards {
		kept += len(n.uids.shards[i].entries) + len(n.uids.shards[i].older)
	}
	if kept > 2*bound {
		t.Errorf("got %d names, want at most %d", kept, 2*bound)
	}
	for i := 10*bound - bound/4; i < 10*bound; i++ {
		if v, ok := n.uids.get(uid(i)); !ok || v.http.a.Value() != fmt.Sprint(i) {
			t.Fatalf("got %v for one of the newest, want its name", v)
		}
	}
	if _, ok := n.uids.get(uid(1)); ok {
		t.Error("got the oldest kept, want it forgotten")
	}
	if v, _ := n.uids.get(uid(0)); v.tls.a.Value() != "0" {
		t.Errorf("got %q for what was added again and again, want its first name", v.tls.a.Value())
	}
}

// TestPlanIsAskedAgain has the logs of a folder appear one by one, as Zeek begins them.
func TestPlanIsAskedAgain(t *testing.T) {
	s, err := newRun(source.Options{Fields: event.AllFields, Growing: true})
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, text string) source.File {
		return source.File{Path: "/logs/" + name, Dir: "/logs", Head: source.Head{Name: name, Text: []byte(text)}}
	}
	dns := file("dns.log", "#fields\tts\tuid\tid.orig_h\tid.resp_h\tquery\tanswers\n")
	conn := file("conn.log", "#fields\tts\tuid\tid.orig_h\tid.resp_h\tproto\tconn_state\n")
	ssl := file("ssl.log", "#fields\tts\tuid\tid.orig_h\tid.resp_h\tserver_name\n")
	for i, tt := range []struct {
		files []source.File
		want  []int
	}{
		{[]source.File{dns}, []int{unread}},
		{[]source.File{conn, dns}, []int{eventsPhase, namesPhase}},
		{[]source.File{ssl}, []int{namesPhase}},
	} {
		if got := s.Plan(tt.files); !slices.Equal(got, tt.want) {
			t.Errorf("call %d: got the phases %v, want %v", i, got, tt.want)
		}
	}
	in, err := s.Open(conn)
	if err != nil {
		t.Fatal(err)
	}
	if in := in.(*input); !in.byUID || !in.byAnswer {
		t.Error("got no names for connections, want those of all logs that came")
	}
}

// TestSharedData reads every Zeek log of the shared data.
func TestSharedData(t *testing.T) {
	for _, c := range []struct {
		path string
		want int
	}{
		{"apt29-zeek-json/day1-NASHUA-conn.ndjson.gz", 0},
		{"apt29-zeek-json/day1-SCRANTON-conn.ndjson.gz", 0},
		{"apt29-zeek-json/day2-NEWYORK-conn.ndjson.gz", 314},
		{"apt29-zeek-json/day2-UTICA-A-conn.ndjson.gz", 353},
		{"apt29-zeek-json/day2-UTICA-D-conn.ndjson.gz", 357},
		{"bab0-apt-http/conn.log.gz", 323},
		{"ctu-normal-days/ctu-normal-40-day1.conn.log.labeled.gz", 5663},
		{"ctu-normal-days/ctu-normal-43-day1.conn.log.labeled.gz", 9048},
		{"emotet-icedid/2018-11-14-emotet-icedid.conn.log.gz", 205},
		{"iot23-hakai-torii/CTU-IoT-Malware-Capture-8-1.conn.labeled.psv.gz", 10403},
		{"iot23-hakai-torii/CTU-IoT-Malware-Capture-20-1.conn.labeled.psv.gz", 3209},
		{"m57-office-day/conn.log.gz", 8462},
		{"njrat-reconnect/conn.log.labeled.gz", 992},
		{"rat-short-pcaps/caldera-manx-udp.conn.log.gz", 23},
		{"rat-short-pcaps/caldera-ragdoll.conn.log.gz", 12},
		{"rat-short-pcaps/quasarrat.conn.log.gz", 249},
		{"rita-http-24h/http.log.gz", 27204},
		{"rita-http-proxy-beacon/conn.log.gz", 463},
	} {
		t.Run(c.path, func(t *testing.T) {
			body := load(t, testkit.Shared(t, filepath.Join("data", c.path)))
			tx := text{c.path, body}
			if !Format.Detect(fileOf(tx).Head) {
				t.Fatal("not detected")
			}
			got := read(t, event.AllFields, someRows, tx)
			want := c.want
			if want == 0 { // JSON: every line is a connection
				want = strings.Count(body, "\n")
			}
			if len(got.events) != want || len(got.bad) != 0 || total(got.skipped) != 0 {
				t.Errorf("got %d events, bad %v, skipped %v, want %d events", len(got.events), got.bad, got.skipped, want)
			}
			for _, e := range got.events {
				if !e.SourceIP.IsValid() || !e.DestinationIP.IsValid() || e.TimeNanos == 0 {
					t.Fatalf("got %+v, want addresses and a time", e)
				}
			}
			few := read(t, typical, whole, tx)
			for i, e := range few.events {
				g := got.events[i]
				if e.TimeNanos != g.TimeNanos || e.SourceIP != g.SourceIP || e.DestinationIP != g.DestinationIP || e.SourceBytes != g.SourceBytes || e.DestinationBytes != g.DestinationBytes {
					t.Fatalf("event %d: got %+v with few fields, %+v with all", i, e, g)
				}
			}
		})
	}
}

func TestSharedDataNames(t *testing.T) {
	dir := testkit.Shared(t, "data/rita-http-proxy-beacon")
	var texts []text
	for _, n := range []string{"conn.log.gz", "dns.log.gz", "http.log.gz", "ssl.log.gz"} {
		path := filepath.Join(dir, n)
		texts = append(texts, text{path, load(t, path)})
	}
	got := read(t, event.AllFields, someRows, texts...)
	domains := map[string]int{}
	ja3 := 0
	for _, e := range got.events {
		domains[e.DestinationDomain]++
		if e.TLSClientJA3 != "" {
			ja3++
		}
	}
	t.Logf("%v, ja3 %d, bad %v", domains, ja3, got.bad)
	if len(got.events) != 463 || domains["www.honestimnotevil.com"] != 397 || domains["www.google.com"] != 10 || ja3 != 407 {
		t.Errorf("got %d events, domains %v, %d with JA3, want 463, 397 calls of www.honestimnotevil.com, 10 of www.google.com, 407", len(got.events), domains, ja3)
	}

	skipped, first := readSide(t, event.AllFields, texts...)
	again, second := readSide(t, event.AllFields, texts...)
	if diff := cmp.Diff(skipped, again); diff != "" {
		t.Errorf("skipped, side by side and again (-first +second):\n%s", diff)
	}
	for i := range first.uids.shards {
		if !maps.Equal(first.uids.shards[i].entries, second.uids.shards[i].entries) ||
			!maps.Equal(first.byClient.shards[i].entries, second.byClient.shards[i].entries) ||
			!maps.Equal(first.anyClient.shards[i].entries, second.anyClient.shards[i].entries) {
			t.Fatal("names depend on which goroutine was first")
		}
	}
}

func TestDocsExample(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "inputs", "zeek.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("got no example in the page, want one")
	}
	got := read(t, event.AllFields, whole, text{"conn.log", example})
	if diff := cmp.Diff([]event.Event{connEvent()}, got.events, compareAddr); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestQuickDecidesAsSet compares the two ways to read a column.
func TestQuickDecidesAsSet(t *testing.T) {
	usual := map[string]bool{"1588205199.824375": true, "0.0.0.0": true, "1.2.3.4": true, "10.20.30.40": true, "255.255.255.255": true, "192.168.199.7": true, "0": true, "1": true, "12": true, "123": true, "1234567": true}
	for c, values := range map[column][]string{
		timeColumn: {"1588205199.824375", "9999999999.999999", "158820519x.824375", "1588205199,824375", "1588205199.82437", "1588205199.8243751", "-"},
		column(event.SourceIP): {"0.0.0.0", "1.2.3.4", "10.20.30.40", "255.255.255.255", "192.168.199.7", "256.1.1.1", "1.1.1.256", "01.2.3.4", "1.2.3.04", "1.2.3.00", "1.002.3.4", "1.2.3",
			"1.2.3.4.5", "1..2.3", "1.2.3.", ".1.2.3", "1.2.3.4x", "1.2.3.999", "1111.2.3.4", "1.2.3.1234", "::1", "fe80::1", "-", "", "1-2.3.4", "1.2.3\xb14"},
		column(event.SourceBytes): {"0", "1", "12", "123", "1234567", "12345678", "123456789012", "9223372036854775808", "-1", "1x", "x", "-", "", "007", "1\xb02"},
	} {
		for _, v := range values {
			slow, quick := &decoder{}, &decoder{}
			ok := slow.set(c, []byte(v))
			b := []byte(v + "\tand what follows behind it")
			j := quickly(quick, b, len(b), c)
			if j == 0 {
				if usual[v] {
					t.Errorf("%q: is not read the quick way", v)
				}
				continue
			}
			if !ok || j != len(v) {
				t.Errorf("%q: got %d bytes, want %d %v", v, j, len(v), ok)
			}
			if diff := cmp.Diff(slow.e, quick.e, compareAddr); diff != "" {
				t.Errorf("%q (-set +quick):\n%s", v, diff)
			}
		}
	}
}

// TestWords reads each row twice: the texts of the second are known.
func TestWords(t *testing.T) {
	header := []string{"#separator \\x09", "#unset_field -", "#path conn", "#fields ts proto id.orig_h service conn_state uid"}
	texts := []string{"tcp", "udp", "-", "(empty)", "_", "ssl", "SSL", "a,b", "-a,b", ",", "a\\x2cb", "\\x", "seven_7", "eight__8", "longer_than_eight"}
	for i := range 100 { // more than are kept
		texts = append(texts, fmt.Sprintf("t%d", i))
	}
	var once, twice []string
	// The last header gives texts another meaning, to the decoder of the first.
	for _, unset := range []string{"-", "-", "t1"} {
		header[1] = "#unset_field " + unset
		once, twice = append(once, header...), append(twice, header...)
		for _, text := range texts {
			row := fmt.Sprintf("1588205199.824375 %s 10.0.0.1 %s %s C12345678901234567890", text, text, text)
			once, twice = append(once, row), append(twice, row, row)
		}
	}
	all := read(t, event.AllFields, everyRow, text{"conn.log", tsv(once...)}).events
	got := read(t, event.AllFields, whole, text{"conn.log", tsv(twice...)})
	if len(all) != 3*len(texts) || len(got.events) != 2*len(all) {
		t.Fatalf("got %d and %d events, bad %v, want %d and %d", len(all), len(got.events), got.bad, 3*len(texts), 6*len(texts))
	}
	for i, want := range all {
		for _, e := range got.events[2*i : 2*i+2] {
			if diff := cmp.Diff(want, e, compareAddr); diff != "" {
				t.Errorf("%q (-alone +again):\n%s", texts[i%len(texts)], diff)
			}
		}
	}
	for i, want := range map[int][3]string{
		0: {"tcp", "tcp", "tcp"}, 2: {}, 3: {}, 5: {"ssl", "tls", "ssl"}, 7: {"a,b", "a", "a,b"}, 10: {"a,b", "a,b", "a,b"},
		2*len(texts) + 2: {"-", "", "-"}, 2*len(texts) + 16: {},
	} {
		if e := all[i]; [3]string{e.NetworkTransport, e.NetworkProtocol, e.ConnectionState} != want {
			t.Errorf("%q: got %q, %q, %q, want %q", texts[i%len(texts)], e.NetworkTransport, e.NetworkProtocol, e.ConnectionState, want)
		}
	}
}
