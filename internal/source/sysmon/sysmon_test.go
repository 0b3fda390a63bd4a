package sysmon

import (
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
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
	flat3 = `{"EventID":3,"SourceName":"Microsoft-Windows-Sysmon","Hostname":"ws5","host":"collector","EventTime":"2020-09-19 21:18:16","@timestamp":"2020-09-20T01:18:17.044Z",` +
		`"UtcTime":"2020-09-20 01:18:16.318","ProcessId":"9076","ProcessID":4,"ProcessGuid":"{b3}","Image":"C:\\Windows\\InstallUtil.exe","User":"SHIRE\\pg","Protocol":"tcp","Initiated":"true",` +
		`"SourceIp":"172.18.39.5","SourcePort":"63102","DestinationIp":"10.10.10.5","DestinationPort":"80","DestinationHostname":"-"}`
	flat5156 = `{"EventID":5156,"SourceName":"Microsoft-Windows-Security-Auditing","Hostname":"ws5","@timestamp":"2020-09-20T01:17:07.378Z","EventTime":"2020-09-19 21:17:04","ProcessId":"3596",` +
		`"Application":"\\device\\harddiskvolume2\\agent.exe","Direction":"%%14593","Protocol":"17","SourceAddress":"172.18.38.5","SourcePort":"58241","DestAddress":"168.63.129.16","DestPort":"53"}`
)

var (
	event3 = event.Event{
		TimeNanos: at("2020-09-20T01:18:16.318Z"), HostName: "ws5", UserName: "pg", ProcessName: "InstallUtil.exe", ProcessExecutable: `C:\Windows\InstallUtil.exe`,
		ProcessPID: 9076, ProcessEntityID: "{b3}", SourceIP: ip("172.18.39.5"), SourcePort: 63102, DestinationIP: ip("10.10.10.5"), DestinationPort: 80,
		NetworkTransport: "tcp", EventCategory: "network",
	}
	event5156 = event.Event{
		TimeNanos: at("2020-09-20T01:17:07.378Z"), HostName: "ws5", ProcessName: "agent.exe", ProcessExecutable: `\device\harddiskvolume2\agent.exe`,
		ProcessPID: 3596, SourceIP: ip("172.18.38.5"), SourcePort: 58241, DestinationIP: ip("168.63.129.16"), DestinationPort: 53,
		NetworkTransport: "udp", EventCategory: "network",
	}
)

func TestDecode(t *testing.T) {
	change := func(e event.Event, f func(e *event.Event)) event.Event {
		f(&e)
		return e
	}
	for _, tt := range []struct {
		name, text string
		want       event.Event
	}{
		{"Sysmon by NXLog", flat3, event3},
		{"the Security log by NXLog", flat5156, event5156},
		{
			"Sysmon by Winlogbeat 6, whose host.name is the collector", `{"@timestamp":"2019-05-18T20:36:46.254Z","event_id":3,"source_name":"Microsoft-Windows-Sysmon","computer_name":"ws5",` +
				`"host":{"name":"collector"},"process_id":1368,"user":{"name":"SYSTEM"},"event_data":{"UtcTime":"2020-09-20 01:18:16.318","ProcessId":"9076","ProcessGuid":"{b3}",` +
				`"Image":"C:\\Windows\\InstallUtil.exe","User":"SHIRE\\pg","Protocol":"tcp","Initiated":"true","SourceIp":"172.18.39.5","SourcePort":"63102","DestinationIp":"10.10.10.5","DestinationPort":"80"}}`,
			event3,
		},
		{
			"the Security log by Winlogbeat 7, out of a search", `{"_index":"w","_source":{"@timestamp":"2020-09-20T01:17:07.378Z","event":{"code":5156,"provider":"Microsoft-Windows-Security-Auditing","kind":"event"},` +
				`"host":{"name":"ws5"},"winlog":{"event_id":5156,"provider_name":"Microsoft-Windows-Security-Auditing","event_data":{"ProcessID":"3596","Application":"\\device\\harddiskvolume2\\agent.exe",` +
				`"Protocol":"17","SourceAddress":"172.18.38.5","SourcePort":"58241","DestAddress":"168.63.129.16","DestPort":"53"}}}}`,
			event5156,
		},
		{
			"a connection that was accepted: Sysmon says the near side first", strings.Replace(strings.Replace(flat3, `"Initiated":"true"`, `"Initiated":false`, 1), `"DestinationHostname":"-"`, `"DestinationHostname":"far"`, 1),
			change(event3, func(e *event.Event) {
				e.SourceIP, e.SourcePort, e.DestinationIP, e.DestinationPort = e.DestinationIP, e.DestinationPort, e.SourceIP, e.SourcePort
			}),
		},
		{"a connection that was accepted: 5156 says the far side first", strings.Replace(flat5156, "%%14593", "%%14592", 1), event5156},
		{
			"a name of the destination", strings.Replace(flat3, `"DestinationHostname":"-"`, `"DestinationHostname":"c2.example"`, 1),
			change(event3, func(e *event.Event) { e.DestinationDomain = "c2.example" }),
		},
		{
			"no time of its own", strings.Replace(flat3, `"2020-09-20 01:18:16.318"`, `"-"`, 1),
			change(event3, func(e *event.Event) { e.TimeNanos = at("2020-09-20T01:18:17.044Z") }),
		},
		{
			"times in milliseconds", strings.Replace(flat5156, `"2020-09-20T01:17:07.378Z"`, `1600000000123,"event.ingested":1600000000124`, 1),
			change(event5156, func(e *event.Event) { e.TimeNanos, e.IngestedNanos = 1600000000123e6, 1600000000124e6 }),
		},
		{
			"long IPv6 addresses and the process System", strings.NewReplacer(`172.18.39.5`, `fe80:0:0:0:6c96:34e3:33cb:dbba`, `C:\\Windows\\InstallUtil.exe`, "System", `"pg"`, "").Replace(flat3),
			change(event3, func(e *event.Event) {
				e.SourceIP, e.ProcessName, e.ProcessExecutable = ip("fe80::6c96:34e3:33cb:dbba"), "System", "System"
			}),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := []byte("\n" + tt.text + "\r\n")
			r := sourcetest.Read(t, Format, all, "x.json", text)
			if diff := cmp.Diff([]event.Event{tt.want}, r.Events, sourcetest.Compare...); diff != "" || r.Lines != 2 {
				t.Errorf("%d lines, bad records %q, skipped %v (-want +got)\n%s", r.Lines, r.Messages(), r.Skipped, diff)
			}
			if !detect(sourcetest.Head("x.json", text)) {
				t.Error("Detect: got false, want true")
			}
			sourcetest.Check(t, Format, all, "x.json", text)
		})
	}
}

func TestDecodeBadRecords(t *testing.T) {
	for _, tt := range []struct{ name, text, old, new, want string }{
		{"no JSON", flat3, flat3, `{"EventID":3`, `line 1: got "{\"EventID\":3", want , or a closing bracket at byte 12`},
		{"an event id that is none", flat3, `"EventID":3`, `"EventID":"x"`, `line 1: event id: got "x", want a number`},
		{"a time that is none", flat3, `2020-09-20 01:18:16.318`, `2020-09-31 01:18:16.318`, `line 1: UtcTime: got "2020-09-31 01:18:16.318", want a time`},
		{"no time", flat5156, `"@timestamp"`, `"x"`, `line 1: @timestamp: got "", want a time`},
		{"no address", flat3, `"SourceIp"`, `"x"`, `line 1: SourceIp: got "", want an IP address`},
		{"an address that is none", flat5156, `"DestAddress":"168`, `"DestAddress":"x`, `line 1: DestAddress: got "x.63.129.16", want an IP address`},
		{"a port that is none", flat3, `"80"`, `"65536"`, `line 1: DestinationPort: got "65536", want a port`},
		{"a process id that is none", flat3, `"9076"`, `"0x10"`, `line 1: ProcessId: got "0x10", want a count`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := sourcetest.Read(t, Format, all, "x.json", []byte(strings.Replace(tt.text, tt.old, tt.new, 1)))
			if diff := cmp.Diff([]string{tt.want}, r.Messages()); diff != "" || len(r.Events) != 0 {
				t.Errorf("%d events (-want +got)\n%s", len(r.Events), diff)
			}
		})
	}
}

func TestDecodeSkips(t *testing.T) {
	text := strings.Join([]string{
		`{"EventID":1,"SourceName":"Microsoft-Windows-Sysmon"}`,
		`{"winlog":{"event_id":"5158"}}`, `{"event_id":5158}`,
		`{"EventID":3,"SourceName":"Microsoft-Windows-Kernel-General"}`,
		`{"a":1}`,
	}, "\n")
	r := sourcetest.Read(t, Format, all, "x.json", []byte(text))
	want := map[string]int{"event 1": 1, "event 5158": 2, "event 3 or 5156 of another log": 1, "no event id": 1}
	if diff := cmp.Diff(want, r.Skipped); diff != "" || len(r.Bad)+len(r.Events) != 0 {
		t.Errorf("bad records %q (-want +got)\n%s", r.Messages(), diff)
	}
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"other events of Sysmon first", `{"EventID":1,"SourceName":"Microsoft-Windows-Sysmon"}` + "\n", true},
		{"the Security log of Winlogbeat 7", `{"winlog":{"provider_name":"Microsoft-Windows-Security-Auditing","event_id":"4624"}}` + "\n", true},
		{"Sysmon mapped to ECS", `{"@timestamp":"x","event":{"code":"3","category":["network"],"provider":"Microsoft-Windows-Sysmon"},"winlog":{"event_id":"3"},"source":{"ip":"1.2.3.4"}}` + "\n", false},
		{"another log of Windows", `{"EventID":7036,"SourceName":"Service Control Manager"}` + "\n", false},
		{"ECS", `{"@timestamp":"2026-01-01T00:00:00Z","host":{"name":"h"},"process":{"name":"p"},"event":{"category":"network"}}` + "\n", false},
		{"Zeek", `{"ts":1.5,"uid":"C","id.orig_h":"1.2.3.4"}` + "\n", false},
		{"Suricata", `{"timestamp":"2021-06-06T16:26:27.431769+0200","event_type":"flow","src_ip":"1.2.3.4"}` + "\n", false},
		{"text", "EventID 3\n", false},
		{"nothing", "", false},
	} {
		if got := detect(sourcetest.Head("x.json", []byte(tt.text))); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestEmpire(t *testing.T) {
	dir := testkit.Shared(t, "data/otrf-endpoint-empire")
	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	var beacon []int64
	for _, path := range files {
		name := filepath.Base(path)
		text := sourcetest.File(t, path)
		if !detect(sourcetest.Head(name, text)) {
			t.Errorf("%s: Detect: got false, want true", name)
		}
		sourcetest.Check(t, Format, all, name, text)
		r := sourcetest.Read(t, Format, all, name, text)
		if len(r.Events) != r.Lines {
			t.Errorf("%s: got %d events, bad records %q and skipped %v, want %d events", name, len(r.Events), r.Messages(), r.Skipped, r.Lines)
		}
		got[strings.TrimSuffix(name, ".ndjson.gz")] = len(r.Events)
		for _, e := range r.Events {
			if e.HostName == "" || e.ProcessName == "" || strings.ContainsAny(e.ProcessName, `\/`) || e.NetworkTransport != "tcp" && e.NetworkTransport != "udp" {
				t.Fatalf("%s: got %+v, want host, process and transport", name, e)
			}
			if name == "empire_mimikatz_logonpasswords.ndjson.gz" && e.ProcessEntityID != "" && e.ProcessName == "powershell.exe" && e.DestinationIP == ip("10.10.10.5") {
				beacon = append(beacon, e.TimeNanos)
			}
			// The clock of HR001 is behind; its own time is taken all the same.
			if year, day := time.Unix(0, e.TimeNanos).UTC().Year(), time.Unix(0, e.TimeNanos).UTC().YearDay(); strings.HasPrefix(name, "empire_wdigest") && e.ProcessEntityID != "" &&
				strings.HasPrefix(e.HostName, "HR001") && (year != 2019 || day != 127) {
				t.Errorf("%s: got %v, want 2019-05-07", name, time.Unix(0, e.TimeNanos).UTC())
			}
		}
	}
	want := map[string]int{
		"covenant_installutil": 78, "covenant_psremoting_grunt": 615, "empire_dllinjection_LoadLibrary_CreateRemoteThread": 1392, "empire_enable_rdp": 188,
		"empire_mimikatz_logonpasswords": 301, "empire_monologue_netntlm_downgrade": 144, "empire_psinject_PEinjection": 284, "empire_wdigest_downgrade": 158,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got)\n%s", diff)
	}
	// As in labels.json: 35 events, the median interval 5.111 s.
	slices.Sort(beacon)
	var intervals []int64
	for i := 1; i < len(beacon); i++ {
		intervals = append(intervals, beacon[i]-beacon[i-1])
	}
	slices.Sort(intervals)
	if len(beacon) != 35 || intervals[17] < 5100e6 || intervals[17] > 5120e6 {
		t.Errorf("got %d callbacks with the intervals %v, want 35 with a median of 5.111 s", len(beacon), intervals)
	}
}

func TestEveryPathHasASlot(t *testing.T) {
	slots := slices.Sorted(maps.Keys(data))
	slots = append(slots, slices.Sorted(maps.Keys(envelope))...)
	slices.Sort(slots)
	if len(slices.Compact(slots)) != numSlots {
		t.Errorf("got the slots %v, want %d", slots, numSlots)
	}
}

func TestExampleOfTheDocs(t *testing.T) {
	r := sourcetest.Read(t, Format, all, "x.json", sourcetest.Example(t, "sysmon.md", "json", 0))
	if len(r.Events) != 1 || r.Events[0].ProcessName != "rundll32.exe" || r.Events[0].HostName != "ws5.example" || r.Events[0].TimeNanos != at("2020-09-20T01:18:16.318Z") ||
		r.Events[0].DestinationIP != ip("203.0.113.5") || r.Events[0].UserName != "kim" {
		t.Errorf("got %+v, want the event that the page tells of", r.Events)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(flat3 + "\n" + flat5156)
	f.Add(`{"winlog":{"event_id":"3","event_data":{"UtcTime":"2020-09-20 01:18:16.318","Initiated":false,"SourceIp":"::1"}}}` + "\n\n{\n")
	f.Fuzz(func(t *testing.T, text string) {
		sourcetest.Check(t, Format, all, "x.json", []byte(text))
	})
}

func BenchmarkDecode(b *testing.B) {
	text := strings.Repeat(flat3+"\n"+flat5156+"\n", 2000)
	sourcetest.Benchmark(b, Format, all, "x.json", []byte(text))
}
