package delimited

import (
	"bytes"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/sourcetest"
	"fresnel/internal/testkit"
)

// with returns the options of a run that reads all files by m.
func with(m source.ColumnMap) source.Options {
	return source.Options{Fields: event.AllFields, Map: "test", Delimited: map[string]source.ColumnMap{"test": m}}
}

// at returns the nanoseconds of a time in RFC 3339.
func at(s string) int64 {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t.UnixNano()
}

var (
	ip = netip.MustParseAddr

	// simple is the map of tests that are about the text, not about the map.
	simple = source.ColumnMap{
		Separator: ",", Header: true, Time: "unix",
		Columns: map[string]string{"t": "@timestamp", "p": "process.name", "b": "source.bytes"},
	}
)

func TestDecode(t *testing.T) {
	network := func(e event.Event) event.Event {
		e.EventCategory = "network"
		return e
	}
	quoted := simple
	quoted.Quote = true
	commented := simple
	commented.Comment = "#"
	plain := network(event.Event{TimeNanos: 1e9, ProcessName: "a", SourceBytes: 5})
	for _, tt := range []struct {
		name string
		m    source.ColumnMap
		text string
		want []event.Event
	}{
		{"the header says where the columns are", simple, "x,b,t,p\n-,5,1,a\n", []event.Event{plain}},
		{"columns behind the last that is looked at may lack", simple, "t,p,b,x\n1,a,5\n", []event.Event{plain}},
		{"the last line needs no line end", simple, "t,p,b\n1,a,5", []event.Event{plain}},
		{"lines may end as on Windows, and a byte order mark may stand first", simple, "\xef\xbb\xbft,p,b\r\n1,a,5\r\n", []event.Event{plain}},
		{"spaces around columns are no part of them", simple, "t, p ,b\n 1, a ,5\n", []event.Event{plain}},
		{"files put together have the header again", simple, "t,p,b\n1,a,5\nt,p,b\n1,a,5\n", []event.Event{plain, plain}},
		{"comments and empty lines are passed over, before the header too", commented, "# x\n\nt,p,b\n#1,a,5\n1,a,5\n\n", []event.Event{plain}},
		{"a file without lines has no header", simple, "", nil},
		{"a quoted column holds separators and quotes", quoted, "t,\"p\",b\n1,\"a, \"\"b\"\"\",5\n\"1\",a ,\"5\"\n", []event.Event{
			network(event.Event{TimeNanos: 1e9, ProcessName: `a, "b"`, SourceBytes: 5}), plain,
		}},
		{"an empty column is missing", simple, "t,p,b\n1,a,\n", []event.Event{network(event.Event{TimeNanos: 1e9, ProcessName: "a"})}},
		{
			"columns without a header have numbers, and the separator is a tab", source.ColumnMap{
				Time: "unix_ms", Missing: []string{"-", "N/A"}, Duration: "ms",
				Columns:   map[string]string{"1": "@timestamp", "3": "event.duration", "2": "destination.address", "4": "network.transport", "5": "user.name"},
				Constants: map[string]string{"source.ip": "10.0.0.1", "host.name": "h", "destination.port": "80", "event.category": "firewall"},
			},
			"1600000000123\t1.2.3.4\t1.5\t6\t-\n1600000000123.25\texample.org\t-\tTCP\tu\n1\t[2001:db8::1]\t0\tFoo\tN/A\n",
			[]event.Event{
				{
					TimeNanos: 1600000000123e6, SourceIP: ip("10.0.0.1"), HostName: "h", DestinationPort: 80, EventCategory: "firewall",
					DestinationIP: ip("1.2.3.4"), DurationNanos: 15e5, NetworkTransport: "tcp",
				},
				{
					TimeNanos: 1600000000123e6 + 25e4, SourceIP: ip("10.0.0.1"), HostName: "h", DestinationPort: 80, EventCategory: "firewall",
					DestinationDomain: "example.org", NetworkTransport: "tcp", UserName: "u",
				},
				{
					TimeNanos: 1e6, SourceIP: ip("10.0.0.1"), HostName: "h", DestinationPort: 80, EventCategory: "firewall",
					DestinationIP: ip("2001:db8::1"), NetworkTransport: "foo",
				},
			},
		},
		{
			"a separator may have several characters", source.ColumnMap{
				Separator: " | ", Time: "rfc3339", Columns: map[string]string{"1": "@timestamp", "2": "process.executable"},
			},
			"2024-05-06T07:08:09+02:00 | C:\\x\\y.exe\n2024-05-06 07:08:09 | /usr/bin/z | more\n",
			[]event.Event{
				network(event.Event{TimeNanos: at("2024-05-06T05:08:09Z"), ProcessExecutable: `C:\x\y.exe`, ProcessName: "y.exe"}),
				network(event.Event{TimeNanos: at("2024-05-06T07:08:09Z"), ProcessExecutable: "/usr/bin/z", ProcessName: "z"}),
			},
		},
		{
			"a date and a time are joined, and the zone has summer time", source.ColumnMap{
				Separator: ";", Header: true, Time: "02/01/2006 15:04:05", Zone: "Europe/Berlin", Duration: "clock",
				Columns: map[string]string{"Time": "@timestamp", "Date": "@timestamp", "L": "event.duration", "S": "process.code_signature.trusted"},
			},
			"Date;L;Time;S\n06/07/2024;01:02;12:00:00;true\n06/01/2024;1:00:00.5;12:00:00;0\n",
			[]event.Event{
				network(event.Event{TimeNanos: at("2024-07-06T10:00:00Z"), DurationNanos: 62e9, SignatureTrusted: event.True}),
				network(event.Event{TimeNanos: at("2024-01-06T11:00:00Z"), DurationNanos: 36005e8, SignatureTrusted: event.False}),
			},
		},
		{
			"years are counted on where the time has none", source.ColumnMap{
				Time: "Jan _2 15:04:05", Year: 2023, Columns: map[string]string{"1": "@timestamp"},
			},
			"Dec 31 23:59:59\nJan  1 00:00:00\nDec 31 23:59:59\nJan  2 00:00:00\nFeb 29 00:00:00\nAug  1 00:00:00\nNov  1 00:00:00\nJan  1 00:00:00\n",
			[]event.Event{
				network(event.Event{TimeNanos: at("2023-12-31T23:59:59Z")}),
				network(event.Event{TimeNanos: at("2024-01-01T00:00:00Z")}),
				network(event.Event{TimeNanos: at("2023-12-31T23:59:59Z")}),
				network(event.Event{TimeNanos: at("2024-01-02T00:00:00Z")}),
				network(event.Event{TimeNanos: at("2024-02-29T00:00:00Z")}),
				network(event.Event{TimeNanos: at("2024-08-01T00:00:00Z")}),
				network(event.Event{TimeNanos: at("2024-11-01T00:00:00Z")}),
				network(event.Event{TimeNanos: at("2025-01-01T00:00:00Z")}),
			},
		},
		{
			"a pattern finds columns where no separator does", source.ColumnMap{
				Pattern: `^(?P<t>\d+) (?P<s>[\d.]+):(?P<sp>\d+) -> (?P<d>[\d.]+)(?: \((?P<n>[^)]*)\))?`, Time: "unix",
				Columns: map[string]string{"t": "@timestamp", "s": "source.ip", "sp": "source.port", "d": "destination.ip", "n": "destination.domain"},
			},
			"1 10.0.0.1:99 -> 1.2.3.4\nnothing\n2 10.0.0.1:99 -> 1.2.3.4 (ünï.example)\n",
			[]event.Event{
				network(event.Event{TimeNanos: 1e9, SourceIP: ip("10.0.0.1"), SourcePort: 99, DestinationIP: ip("1.2.3.4")}),
				network(event.Event{TimeNanos: 2e9, SourceIP: ip("10.0.0.1"), SourcePort: 99, DestinationIP: ip("1.2.3.4"), DestinationDomain: "ünï.example"}),
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := sourcetest.Read(t, Format, with(tt.m), "x.txt", []byte(tt.text))
			if diff := cmp.Diff(tt.want, r.Events, sourcetest.Compare...); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(r.Bad) > 0 {
				t.Errorf("bad records: got %q, want none", r.Messages())
			}
			sourcetest.Check(t, Format, with(tt.m), "x.txt", []byte(tt.text))
		})
	}
}

func TestDecodeBadRecords(t *testing.T) {
	m := source.ColumnMap{
		Separator: ",", Quote: true, Time: "01.02 15:04:05", Duration: "s",
		Columns: map[string]string{
			"1": "@timestamp", "2": "source.ip", "3": "destination.port", "4": "source.bytes", "5": "event.duration", "6": "process.code_signature.exists",
		},
	}
	for _, tt := range []struct{ name, line, want string }{
		{"too few columns", `10.30 01:02:03,1.2.3.4`, `line 1: got 2 columns, want at least 6`},
		{"no time", `,1.2.3.4,1,1,1,1`, `line 1: 1: got "", want a time like "01.02 15:04:05" of 1972`},
		{"a date that is none", `02.30 01:02:03,1.2.3.4,1,1,1,1`, `line 1: 1: got "02.30 01:02:03", want a time like "01.02 15:04:05" of 1972`},
		{"an address that is none", `10.30 01:02:03,1.2.3.400,1,1,1,1`, `line 1: 2: got "1.2.3.400", want an IP address`},
		{"a port that is none", `10.30 01:02:03,1.2.3.4,65536,1,1,1`, `line 1: 3: got "65536", want a port`},
		{"a count below 0", `10.30 01:02:03,1.2.3.4,1,-1,1,1`, `line 1: 4: got "-1", want a count`},
		{"a duration below 0", `10.30 01:02:03,1.2.3.4,1,1,-0.5,1`, `line 1: 5: got "-0.5", want a duration in numbers`},
		{"neither true nor false", `10.30 01:02:03,1.2.3.4,1,1,1,2`, `line 1: 6: got "2", want true or false`},
		{"an open quote", `10.30 01:02:03,"1.2.3.4,1,1,1,1`, `line 1: got a quote that does not end on its line, want it closed`},
		{"text behind a quote", `10.30 01:02:03,"1.2.3.4"x,1,1,1,1`, `line 1: got text behind a closing quote, want a separator`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := sourcetest.Read(t, Format, with(m), "x.txt", []byte(tt.line+"\n"))
			if diff := cmp.Diff([]string{tt.want}, r.Messages()); diff != "" || len(r.Events) != 0 {
				t.Errorf("%d events, messages (-want +got)\n%s", len(r.Events), diff)
			}
		})
	}
	t.Run("February 29 of a year without one", func(t *testing.T) {
		m := source.ColumnMap{Time: "01.02 15:04:05", Year: 2023, Columns: map[string]string{"1": "@timestamp"}}
		r := sourcetest.Read(t, Format, with(m), "x.txt", []byte("02.29 01:02:03\n"))
		if diff := cmp.Diff([]string{`line 1: 1: got "02.29 01:02:03", want a time like "01.02 15:04:05" of 2023`}, r.Messages()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestNewRefusesBadMaps(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    source.ColumnMap
		want string // the lines of the error
	}{
		{"nothing said", source.ColumnMap{}, `columns: got none for @timestamp, want one
time: got "", want unix, unix_ms, rfc3339 or a Go layout with day and hour, such as "2006-01-02 15:04:05"`},
		{"a pattern and what it replaces", source.ColumnMap{
			Pattern: `(?P<t>x)\b(`, Separator: ",", Time: "unix", Columns: map[string]string{"t": "@timestamp"},
		}, "pattern: got separator, header or quote beside it, want it alone\npattern: got \"(?P<t>x)\\\\b(\", want a regular expression (RE2): error parsing regexp: missing closing ): `(?P<t>x)\\b(`"},
		{"a pattern with a word boundary", source.ColumnMap{
			Pattern: `(?P<t>x)\b`, Time: "unix", Columns: map[string]string{"t": "@timestamp"},
		}, `pattern: got "(?P<t>x)\\b", want a pattern without \b and \B`},
		{"columns that are not there", source.ColumnMap{
			Pattern: `(?P<t>x)(y)(?P<z>z)`, Time: "unix", Columns: map[string]string{"t": "@timestamp", "u": "user.name"},
		}, `columns: got "u", want a named group of the pattern: t, z`},
		{"names without a header", source.ColumnMap{
			Time: "unix", Columns: map[string]string{"t": "@timestamp"}, Keep: map[string][]string{"0": {"x"}, "2": {}},
		}, `keep: 2: got no value, want the values of a line that is an event
columns: got "t", want a number from 1 to 10000, for the text has no header
columns: got "0", want a number from 1 to 10000, for the text has no header`},
		{"fields that are none or twice there", source.ColumnMap{
			Time: "unix", Columns: map[string]string{"1": "@timestamp", "2": "user.name", "3": "user.name"}, Constants: map[string]string{"user.name": "x", "source.ip": "x"},
		}, `columns: 3: got user.name a second time, want one column for it
constants: source.ip: got "x", want an IP address
constants: user.name: got a column for it as well, want one of the two`},
		{"times that cannot be", source.ColumnMap{
			Time: "2006-01-02 15:04:05", Start: "x", Zone: "Middle/Earth", Year: 5, Duration: "unix", Columns: map[string]string{"1": "@timestamp"},
		}, `start: got "x", want none, for it is for unix and unix_ms alone
zone: got "Middle/Earth", want a zone of the tz database, such as Europe/Berlin
year: got 5, want none, for the time "2006-01-02 15:04:05" has a year
duration: got "unix", want one of ns, us, ms, s, clock, for a column is mapped to event.duration`},
		{"a layout of another language", source.ColumnMap{
			Time: "yyyy-MM-dd", Columns: map[string]string{"1": "@timestamp", "2": "event.duration"},
		}, `time: got "yyyy-MM-dd", want unix, unix_ms, rfc3339 or a Go layout with day and hour, such as "2006-01-02 15:04:05"
duration: got "", want one of ns, us, ms, s, clock, for a column is mapped to event.duration`},
		{"the zone of this machine, which is another on the next", source.ColumnMap{
			Time: "2006-01-02 15:04:05", Zone: "Local", Columns: map[string]string{"1": "@timestamp"},
		}, `zone: got "Local", want a zone of the tz database, such as Europe/Berlin`},
		{"a zone by its name alone", source.ColumnMap{
			Time: "2006-01-02 15:04:05 MST", Columns: map[string]string{"1": "@timestamp"},
		}, `time: got "2006-01-02 15:04:05 MST", want a zone as an offset (-0700), or none and the key zone: names such as CET have no one meaning`},
		{"a zone for a time that has one", source.ColumnMap{
			Time: "rfc3339", Zone: "Europe/Berlin", Year: 2024, Columns: map[string]string{"1": "@timestamp"},
		}, `zone: got "Europe/Berlin", want none, for the time "rfc3339" has a zone
year: got 2024, want none, for the time "rfc3339" has a year`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Format.New(with(tt.m))
			var want []string
			for _, line := range strings.Split(tt.want, "\n") {
				want = append(want, "delimited: test: "+line)
			}
			if diff := cmp.Diff(strings.Join(want, "\n"), fmt.Sprint(err)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	_, err := Format.New(source.Options{Map: "nothing"})
	if want := `delimited: got the map "nothing", want one of proxifier`; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOpenRefusesFiles(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"columns that the header lacks", "t,q\n1,2\n", `map test: header: got "t, q", want also b, p`},
		{"a column that the header has twice", "t,p,b,p\n1,2\n", `map test: header: got "p" twice, want it once`},
	} {
		s, err := Format.New(with(simple))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Open(source.File{Head: sourcetest.Head("x.csv", []byte(tt.text))})
		if fmt.Sprint(err) != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	s, err := Format.New(source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Open(source.File{Head: sourcetest.Head("x.csv", []byte("a,b\n"))})
	if want := "no ready map knows the shape of this text, want --input delimited:NAME with one of proxifier"; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"a closed connection", "[10.30 16:49:06] a b.exe *64 - h:1 close, 0 bytes sent, 0 bytes received, lifetime <1 sec\n", true},
		{"an opened connection behind other lines", "Proxifier\r\n\r\n[10.30 16:49:06] a.exe - h:1 open through proxy p:1 HTTPS\r\n", true},
		{"JSON", `{"a":"[10.30 16:49:06] a.exe - h:1 open directly"}` + "\n", false},
		{"Zeek", "#separator \\x09\n#path\tconn\n1.0\tC1\n", false},
		{"CSV", "time,host\n1,x\n", false},
		{"nothing", "", false},
	} {
		if got := Format.Detect(sourcetest.Head("x.log", []byte(tt.text))); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestProxifier(t *testing.T) {
	text := sourcetest.File(t, testkit.Shared(t, "data/proxifier-desktop-oct/Proxifier.log.gz"))
	if !Format.Detect(sourcetest.Head("Proxifier.log", text)) {
		t.Fatal("Detect: got false, want true")
	}
	o := source.Options{Fields: event.AllFields, Delimited: map[string]source.ColumnMap{
		"proxifier": {Year: 2016, Zone: "Asia/Hong_Kong", Constants: map[string]string{"host.name": "desk"}},
	}}
	sourcetest.Check(t, Format, o, "Proxifier.log", text)
	r := sourcetest.Read(t, Format, o, "Proxifier.log", text)
	if r.Lines != 10108 || len(r.Events) != 4901 || len(r.Bad) != 0 {
		t.Errorf("got %d lines, %d events and bad records %q, want 10108, 4901 and none", r.Lines, len(r.Events), r.Messages())
	}
	if diff := cmp.Diff(map[string]int{`what "open"`: 4902, `what "error"`: 304, "a line that does not match the pattern": 1}, r.Skipped); diff != "" {
		t.Errorf("skipped (-want +got)\n%s", diff)
	}
	processes := r.CountBy(func(e *event.Event) string { return e.ProcessName })
	if processes["chrome.exe"] < 4000 || processes["svchost.exe"] == 0 || processes["sublime_text.exe"] == 0 {
		t.Errorf("got the processes %v, want chrome.exe, and svchost.exe without its *64", processes)
	}
	want := event.Event{
		TimeNanos: at("2016-10-30T08:49:06Z"), HostName: "desk", ProcessName: "chrome.exe", NetworkTransport: "tcp", EventCategory: "network",
		DestinationDomain: "proxy.cse.cuhk.edu.hk", DestinationPort: 5070, SourceBytes: 1228,
	}
	if diff := cmp.Diff(want, r.Events[12], sourcetest.Compare...); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var longest int64
	for _, e := range r.Events {
		longest = max(longest, e.DurationNanos)
		if e.DestinationIP.IsValid() == (e.DestinationDomain != "") {
			t.Fatalf("got the address %v and the name %q, want one of the two", e.DestinationIP, e.DestinationDomain)
		}
	}
	if longest < 3600e9 || longest > 5*3600e9 {
		t.Errorf("got a longest connection of %v, want one of the hours that the log spans", time.Duration(longest))
	}

	r = sourcetest.Read(t, Format, source.Options{Fields: event.AllFields}, "Proxifier.log", text)
	if e := r.Events[0]; e.TimeNanos != at("1972-10-30T16:49:06Z") || e.HostName != "proxifier" {
		t.Errorf("without settings: got %v on %q, want 1972-10-30T16:49:06Z on proxifier", time.Unix(0, e.TimeNanos).UTC(), e.HostName)
	}
}

func TestC2FrameworkTiming(t *testing.T) {
	dir := testkit.Shared(t, "data/c2-framework-timing")
	m := source.ColumnMap{
		Separator: ",", Header: true, Time: "unix", Start: "2024-01-01T00:00:00Z",
		Columns:   map[string]string{"seconds": "@timestamp"},
		Keep:      map[string][]string{"event": {"connection"}},
		Constants: map[string]string{"source.ip": "10.0.0.1", "destination.ip": "203.0.113.1"},
	}
	for name, want := range map[string][2]int{"covenant": {1, 165}, "empire": {606, 598}, "merlin": {138, 140}, "posh": {249, 242}} {
		file := name + "_beaconing_0.events.csv.gz"
		text := sourcetest.File(t, filepath.Join(dir, file))
		r := sourcetest.Read(t, Format, with(m), file, text)
		if got := [2]int{len(r.Events), r.Skipped[`event "request"`]}; got != want || len(r.Bad) != 0 {
			t.Errorf("%s: got %v connections and requests and bad records %q, want %v and none", name, got, r.Messages(), want)
		}
		if e := r.Events[0]; e.TimeNanos != at(m.Start) || e.DestinationIP != ip("203.0.113.1") {
			t.Errorf("%s: got %+v, want it at %s", name, e, m.Start)
		}
		sourcetest.Check(t, Format, with(m), file, text)
	}
}

// documented returns the maps of a yaml block of the docs.
func documented(t testing.TB, n int) map[string]source.ColumnMap {
	var config struct {
		Inputs struct {
			Delimited map[string]source.ColumnMap `yaml:"delimited"`
		} `yaml:"inputs"`
	}
	d := yaml.NewDecoder(bytes.NewReader(sourcetest.Example(t, "delimited.md", "yaml", n)))
	d.KnownFields(true)
	if err := d.Decode(&config); err != nil {
		t.Fatal(err)
	}
	return config.Inputs.Delimited
}

func TestExamplesOfTheDocs(t *testing.T) {
	if _, err := Format.New(source.Options{Delimited: documented(t, 0)}); err != nil {
		t.Error(err)
	}
	o := source.Options{Fields: event.AllFields, Delimited: documented(t, 1), Map: "nfdump"}
	r := sourcetest.Read(t, Format, o, "flows.csv", sourcetest.Example(t, "delimited.md", "", 0))
	want := []event.Event{
		{
			TimeNanos: at("2024-05-06T07:08:09Z"), DurationNanos: 225e7, SourceIP: ip("10.0.0.1"), DestinationIP: ip("203.0.113.7"), SourcePort: 50123,
			DestinationPort: 443, NetworkTransport: "tcp", ConnectionState: "...AP.SF", SourceBytes: 1200, DestinationBytes: 5400, EventCategory: "network",
		},
		{
			TimeNanos: at("2024-05-06T07:08:10Z"), SourceIP: ip("2001:db8::1"), DestinationIP: ip("2001:db8::2"), SourcePort: 5353,
			DestinationPort: 53, NetworkTransport: "udp", ConnectionState: "........", SourceBytes: 80, EventCategory: "network",
		},
	}
	if diff := cmp.Diff(want, r.Events, sourcetest.Compare...); diff != "" || len(r.Bad) > 0 {
		t.Errorf("bad records %q (-want +got)\n%s", r.Messages(), diff)
	}
}

func TestSkipReasonsAreBounded(t *testing.T) {
	m := simple
	m.Keep = map[string][]string{"k": {"x"}}
	var text strings.Builder
	text.WriteString("t,p,b,k\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "1,a,5,%d\n", i)
	}
	r := sourcetest.Read(t, Format, with(m), "x.csv", []byte(text.String()))
	if len(r.Skipped) != maxReasons+1 || r.Skipped["a value that is not kept"] != 1000-maxReasons {
		t.Errorf("got %d reasons, want %d", len(r.Skipped), maxReasons+1)
	}
}

func TestFieldsThatNobodyLooksAtAreNotRead(t *testing.T) {
	o := with(simple)
	o.Fields = event.SetOf(event.Timestamp, event.ProcessName)
	r := sourcetest.Read(t, Format, o, "x.csv", []byte("t,p,b\n1,a,no number\n"))
	if len(r.Events) != 1 || r.Events[0].ProcessName != "a" {
		t.Errorf("got %v and bad records %q, want one event", r.Events, r.Messages())
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("t,p,b\n1,a,5\n\"1\",\"a\"\"\",\"5\"\r\n\n#x\n")
	f.Add("[10.30 16:49:06] chrome.exe *64 - [::1]:5070 close, 1228 bytes (1.19 KB) sent, 0 bytes received, lifetime 01:00:01\n[02.29 16:49:06] a - b:1 error : x\n")
	f.Add("12.31 23:59:59\t5\n01.01 00:00:00\t\n")
	quoted := simple
	quoted.Quote, quoted.Comment, quoted.Missing = true, "#", []string{"-"}
	yearless := source.ColumnMap{Time: "01.02 15:04:05", Duration: "clock", Columns: map[string]string{"1": "@timestamp", "2": "event.duration"}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, o := range []source.Options{with(quoted), with(yearless), {Fields: event.AllFields, Map: "proxifier"}} {
			sourcetest.Check(t, Format, o, "x.log", []byte(text))
		}
	})
}

func BenchmarkDecodeCSV(b *testing.B) {
	var text strings.Builder
	text.WriteString("ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt\n")
	for i := range 5000 {
		fmt.Fprintf(&text, "2024-05-06 07:%02d:%02d,2024-05-06 07:08:11,%d.250,10.0.%d.%d,203.0.113.7,%d,443,TCP,...AP.SF,0,0,10,%d,8,5400\n", i/60%60, i%60, i%9, i%256, i%251, 40000+i, i*7)
	}
	o := source.Options{Fields: event.AllFields, Delimited: documented(b, 1), Map: "nfdump"}
	sourcetest.Benchmark(b, Format, o, "flows.csv", []byte(text.String()))
}

func BenchmarkDecodeProxifier(b *testing.B) {
	var text strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&text, "[10.30 16:%02d:%02d] chrome.exe - proxy.cse.cuhk.edu.hk:5070 open through proxy proxy.cse.cuhk.edu.hk:5070 HTTPS\n", i/60, i%60)
		fmt.Fprintf(&text, "[10.30 16:%02d:%02d] chrome.exe *64 - proxy.cse.cuhk.edu.hk:5070 close, %d bytes (1.19 KB) sent, %d bytes received, lifetime 00:%02d\n", i/60, i%60, i, i*3, i%60)
	}
	sourcetest.Benchmark(b, Format, source.Options{Fields: event.AllFields}, "Proxifier.log", []byte(text.String()))
}
