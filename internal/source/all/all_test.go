package all

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/sourcetest"
	"fresnel/internal/testkit"
)

// detect returns the name of the first format that knows a text; "" when none does.
func detect(name string, text []byte) string {
	for _, f := range Formats {
		if f.Detect(sourcetest.Head(name, text)) {
			return f.Name
		}
	}
	return ""
}

// Documents of each input that reads JSON, as they stand in a line.
const (
	zeekDocument     = `{"ts":1588205199.82437,"uid":"Cvf4","id.orig_h":"10.0.1.6","id.orig_p":54243,"id.resp_h":"10.0.0.4","id.resp_p":53,"proto":"udp","orig_bytes":39,"conn_state":"SF"}`
	suricataDocument = `{"timestamp":"2021-06-06T17:00:00.000000+0200","flow_id":7,"event_type":"flow","src_ip":"10.1.2.3","src_port":50000,"dest_ip":"203.0.113.9","dest_port":443,"proto":"TCP","flow":{"start":"2021-06-06T16:38:55.855844+0200"}}`
	sysmonDocument   = `{"EventID":3,"SourceName":"Microsoft-Windows-Sysmon","Hostname":"ws5","@timestamp":"2020-09-20T01:18:17.044Z","UtcTime":"2020-09-20 01:18:16.318","Image":"C:\\a.exe","SourceIp":"10.1.2.3","DestinationIp":"203.0.113.5"}`
	winlogDocument   = `{"@timestamp":"2020-09-20T01:17:07.378Z","host":{"name":"ws5"},"winlog":{"event_id":5156,"provider_name":"Microsoft-Windows-Security-Auditing","event_data":{"Application":"\\a.exe","SourceAddress":"10.1.2.3","DestAddress":"203.0.113.5"}}}`
	defendDocument   = `{"@timestamp":"2026-01-01T00:00:03.5Z","event":{"category":["network"],"action":"disconnect_received"},"host":{"name":"ws-17"},"process":{"name":"a.exe"},"source":{"ip":"10.1.2.3"},"destination":{"ip":"203.0.113.9"}}`
	mappedDocument   = `{"@timestamp":"2026-01-01T00:02:00.567Z","event":{"code":"3","provider":"Microsoft-Windows-Sysmon","category":["network"]},"winlog":{"event_id":"3","provider_name":"Microsoft-Windows-Sysmon"},"process":{"name":"a.exe"},"source":{"ip":"10.1.2.4"},"destination":{"ip":"198.51.100.7"}}`
	moduleDocument   = `{"@timestamp":"2026-01-01T00:02:00.567Z","event":{"module":"suricata","category":["network"]},"suricata":{"eve":{"event_type":"flow","flow_id":"7","flow":{"state":"closed"}}},"source":{"ip":"10.1.2.4"},"destination":{"ip":"198.51.100.7"}}`
)

func inSource(document string) string {
	return `{"_index":"x","_id":"1","_score":1.0,"_source":` + document + `,"sort":[1]}`
}

// shapes are the ways in which JSON documents are exported.
var shapes = []struct {
	name  string
	shape func(document string) string
}{
	{"one a line", func(d string) string { return d + "\n" + d + "\n" }},
	{"in _source", func(d string) string { return inSource(d) + "\n" + inSource(d) + "\n" }},
	{"an array", func(d string) string { return "[" + d + "," + d + "]" }},
	{"an array with one a line", func(d string) string { return "[\n" + d + ",\n" + d + "\n]\n" }},
	{"printed over several lines", func(d string) string { return indent(d) + "\n" + indent(d) + "\n" }},
	{"an array printed over several lines", func(d string) string { return indent("["+d+","+d+"]") + "\n" }},
	{"without line ends between them", func(d string) string { return d + d }},
	{"an answer of a search", func(d string) string { return answer(inSource(d) + "," + inSource(d)) }},
	{"an answer printed over several lines", func(d string) string { return indent(answer(inSource(d))) }},
	{"a long answer", func(d string) string { return answer(strings.Repeat(inSource(d)+",", 1000) + inSource(d)) }},
	{"two answers", func(d string) string { return answer(inSource(d)) + "\n" + answer(inSource(d)) + "\n" }},
}

func answer(hits string) string {
	return `{"took":3,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"total":{"value":2,"relation":"eq"},"max_score":1.0,"hits":[` + hits + `]}}`
}

func indent(text string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
		panic(err)
	}
	return b.String()
}

// TestDetectKnowsJSONInEveryShape also reads what was detected: all documents are events.
func TestDetectKnowsJSONInEveryShape(t *testing.T) {
	for _, tt := range []struct{ name, document, want string }{
		{"Suricata", suricataDocument, "suricata"},
		{"Sysmon by NXLog", sysmonDocument, "sysmon"},
		{"the Security log by Winlogbeat", winlogDocument, "sysmon"},
		{"Elastic Defend", defendDocument, "ecs"},
		{"Elastic Defend with dotted keys", `{"@timestamp":1767225603500,"event.category":"network","host.name":"ws-17","destination.ip":"203.0.113.9"}`, "ecs"},
		{"Sysmon mapped to ECS", mappedDocument, "ecs"},
		{"Suricata by Filebeat", moduleDocument, "ecs"},
	} {
		for _, s := range shapes {
			t.Run(tt.name+"/"+s.name, func(t *testing.T) {
				text := []byte(s.shape(tt.document))
				if got := detect("x.json", text); got != tt.want {
					t.Fatalf("got %q, want %q", got, tt.want)
				}
				for _, f := range Formats {
					if f.Name != tt.want {
						continue
					}
					o := source.Options{Fields: event.AllFields}
					r := sourcetest.Read(t, f, o, "x.json", sourcetest.Reshape(t, f, o, "x.json", text))
					if want := bytes.Count(text, []byte(`_source`)); len(r.Events) == 0 || want > 0 && len(r.Events) != want || len(r.Bad) > 0 || len(r.Skipped) > 0 {
						t.Errorf("got %d events, bad records %q, skipped %v, want every document an event", len(r.Events), r.Messages(), r.Skipped)
					}
				}
			})
		}
	}
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"Zeek as text", "#separator \\x09\n#set_separator\t,\n#path\tconn\n#fields\tts\tuid\tid.orig_h\n", "zeek"},
		{"Zeek as text without marks", "ts|uid|id.orig_h|id.orig_p|id.resp_h|id.resp_p|proto|orig_bytes|conn_state\n", "zeek"},
		{"Zeek as JSON", zeekDocument + "\n", "zeek"},
		{"Zeek as JSON with the time of its arrival", `{"@timestamp":"2026-01-01T00:00:00Z",` + zeekDocument[1:] + "\n", "zeek"},
		{"Zeek by Filebeat", `{"@timestamp":"2026-01-01T00:00:00Z","zeek":{"connection":{"state":"SF"}},"source":{"ip":"10.0.0.1"}}` + "\n", "ecs"},
		{"Suricata with statistics first", `{"timestamp":"2021-06-06T16:26:27.431769+0200","event_type":"stats","stats":{}}` + "\n", "suricata"},
		{"Sysmon behind other events", `{"EventID":1,"SourceName":"Microsoft-Windows-Sysmon","@timestamp":"2020-09-20T01:18:17Z"}` + "\n" + sysmonDocument, "sysmon"},
		{"a _bulk body of ECS", `{"index":{"_index":"x"}}` + "\n" + defendDocument + "\n", "ecs"},
		{"a _bulk body of Sysmon", `{"index":{"_index":"x"}}` + "\n" + sysmonDocument + "\n", "sysmon"},
		{"ECS with a long first document", `{"message":"` + strings.Repeat("x", 40_000) + `",` + defendDocument[1:], "ecs"},
		{"ECS whose first line is the end of one", `"}}` + "\n" + defendDocument + "\n", "ecs"},
		{"ECS behind a byte order mark", "\ufeff" + defendDocument, "ecs"},
		{"Proxifier", "[10.30 16:49:06] chrome.exe - proxy.cse.cuhk.edu.hk:5070 open through proxy proxy.cse.cuhk.edu.hk:5070 HTTPS\n", "delimited"},
		{"JSON of something else", `{"name":"x","version":"1.0.0","dependencies":{}}`, ""},
		{"an array of something else", `[{"a":1},{"a":2}]`, ""},
		{"CSV", "time,host,bytes\n1,h,2\n", ""},
		{"prose", "The field @timestamp has the time of an event.\n", ""},
		{"nothing", "", ""},
		{"bytes", "\x00\x01\x02\xff\xfe", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := detect("x", []byte(tt.text)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestDetectKnowsSharedData looks at every file of the shared captures.
func TestDetectKnowsSharedData(t *testing.T) {
	dir := testkit.Shared(t, "data")
	inputs := []struct {
		path *regexp.Regexp // of a file below dir
		want string
	}{
		{regexp.MustCompile(`/(README\.md|UPSTREAM-LICENSE|labels\.json)$|^README\.md$`), ""},
		{regexp.MustCompile(`\.pcap\.gz$|\.csv\.gz$`), ""},
		{regexp.MustCompile(`^reference-vectors/events\.ndjson\.gz$`), "ecs"},
		{regexp.MustCompile(`^reference-vectors/expected\.ndjson\.gz$`), ""}, // results, not events
		{regexp.MustCompile(`^otrf-[^/]*/[^/]*\.ndjson\.gz$`), "sysmon"},
		{regexp.MustCompile(`/eve\.json\.gz$`), "suricata"},
		{regexp.MustCompile(`/Proxifier\.log\.gz$`), "delimited"},
		{regexp.MustCompile(`(conn|dns|ssl|http)(\.log|\.labeled|\.log\.labeled|\.conn\.labeled\.psv|\.labeled\.psv|\.ndjson|\.log)\.gz$`), "zeek"},
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		for _, in := range inputs {
			if in.path.MatchString(filepath.ToSlash(name)) {
				if got := detect(d.Name(), sourcetest.File(t, path)); got != in.want {
					t.Errorf("%s: got %q, want %q", name, got, in.want)
				}
				return nil
			}
		}
		t.Errorf("%s: got a file that the test does not know", name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNamesDiffer holds for the list what help texts and --input rely on.
func TestNamesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Formats {
		if f.Name == "" || f.Summary == "" || seen[f.Name] || strings.ContainsAny(f.Name, ":, ") {
			t.Errorf("got the name %q and the summary %q, want a word that no other input has, and a line", f.Name, f.Summary)
		}
		seen[f.Name] = true
	}
}

func FuzzDetect(f *testing.F) {
	for _, document := range []string{zeekDocument, suricataDocument, sysmonDocument, winlogDocument, defendDocument, mappedDocument} {
		for _, s := range shapes[:len(shapes)-2] {
			f.Add([]byte(s.shape(document)))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		name := detect("x", text)
		for _, format := range Formats {
			if format.Name != name {
				continue
			}
			s, err := format.New(source.Options{Fields: event.AllFields})
			if err != nil {
				t.Fatal(err)
			}
			if r, ok := s.(source.Reshaper); ok {
				file := source.File{Path: "x", Head: sourcetest.Head("x", text)}
				_, _ = io.Copy(io.Discard, r.Reshape(file, bytes.NewReader(text))) // a cut list is no matter here
			}
		}
	})
}
