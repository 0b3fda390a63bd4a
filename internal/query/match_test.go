package query_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/query"
)

// documents are asked by the rows of matches.
var documents = []struct{ name, text string }{
	{"ranked", string(finding.AppendJSON(nil, findingtest.Ranked()))},
	{"browser", string(finding.AppendJSON(nil, findingtest.Browser()))},
	{"dotted", `{"@timestamp":"2025-12-31T23:59:59.999Z","host.name":"WS-0007","process":{"name":"Power\u0053hell.exe","args":["-enc","x\"y"],"parent.name":"cmd.exe","exit":null},
		"destination":{"ip":["10.1.2.3","2001:DB8::5"],"port":8443,"bytes":9007199254740993},"event":{"risk_score":70.0}}`},
	{"rows", `{"rows":[{"code":"a","points":5},{"code":"b","points":9,"tags":[{"k":1},{"k":"2"}]}],"none":[],"nothing":{},"empty":"","deep":[[{"x":"y"}]],"flag":true,"flags":[false,null],"year":"2026-01-01T00:00:00+01:00"}`},
}

// matches says which documents queries match; "" is none.
var matches = []struct{ name, query, want string }{
	{"all", "", "ranked browser dotted rows"},
	{"a text, whatever its case", "process.name: POWERSHELL.EXE", "dotted"},
	{"a text must be the whole", "process.name: powershell", ""},
	{"other than ASCII letters compare by case", "process.name: powerſhell.exe", ""},
	{"names of fields compare by case", "Process.name: *", ""},
	{"a key with dots", "host.name: ws-0007", "dotted"},
	{"a key with dots within an object", "process.parent.name: cmd.exe", "dotted"},
	{"any element of an array", "process.args: x\\\"y", "dotted"},
	{"any element of an array of arrays", "deep.x: y", "rows"},
	{"any object of an array", "rows.code: b", "rows"},
	{"elements by themselves", "rows: {code: a and points >= 9}", ""},
	{"elements together", "rows.code: a and rows.points >= 9", "rows"},
	{"one element that has it all", "rows: {code: b and points: 9}", "rows"},
	{"not, of an element", "rows: {not code: b}", "rows"},
	{"not, of all elements", "rows: * and not rows: {points > 9}", "rows"},
	{"an array in an element", "rows: {tags: {k: 2}}", "rows"},
	{"an element without that", "rows: {code: a and tags: *}", ""},
	{"one object is as good as an array of it", "process: {name: powershell.exe and parent.name: cmd.exe}", "dotted"},
	{"what is no object is none of nested", "flag: {x: *} or rows.code: {x: *}", ""},
	{"free text in an element", "rows: {a}", "rows"},
	{"an object has no value", "process: powershell.exe", ""},
	{"a number", "destination.port: 8443", "dotted"},
	{"a number written in another way", "destination.port: 8.443e3 and event.risk_score: 70", "dotted"},
	{"a number is not a part of it", "destination.port: 844", ""},
	{"a whole number beyond 2^53", "destination.bytes: 9007199254740993 and not destination.bytes: 9007199254740992", "dotted"},
	{"a number in a text is text", "rows.tags.k: 2 and not rows.tags.k: 2.0", "rows"},
	{"stars do not look at numbers", "destination.port: 84*", ""},
	{"a range of numbers", "event.risk_score >= 70 and event.risk_score < 90", "dotted"},
	{"a range without its bound", "event.risk_score > 70 or event.risk_score < 70", "ranked"},
	{"a range does not look at text", "rows.code > 0", ""},
	{"true", "flag: true", "rows"},
	{"false, in an array", "flags: FALSE", "rows"},
	{"true is not a text", "flag: t*", ""},
	{"existence", "process.exit: * or none: * or nothing: *", ""},
	{"existence of false and of the empty text", "flags: * and empty: *", "rows"},
	{"existence of an object", "destination: *", "dotted"},
	{"missing", "not process: *", "rows"},
	{"the empty text", `empty: ""`, "rows"},
	{"a prefix", "process.name: power*", "dotted"},
	{"a suffix", "process.name: *.exe", "ranked browser dotted"},
	{"stars in the middle", "process.name: p*r*exe", "dotted"},
	{"texts between stars do not overlap", "process.name: powers*shell.exe", ""},
	{"texts between stars in their order", "process.name: *shell*power*", ""},
	{"stars match text only", "@timestamp: 2025*", "dotted"},
	{"a path of Windows", `process.executable: "c:\\users\\m.ito\\appdata\\roaming\\updater.exe"`, "ranked"},
	{"a path of Windows with stars", `process.executable: *\\roaming\\*.exe`, "ranked"},
	{"a field with a star at its end", "process.*: cmd.exe", "dotted"},
	{"a field with a star at its begin", "*.name: cmd.exe", "dotted"},
	{"a field with a star in its middle", "p*.name: cmd.exe", "dotted"},
	{"any field", "*: cmd.exe", "dotted"},
	{"existence of any of several fields", "fresnel.timing*: *", "ranked"},
	{"fields with stars are values, not objects", "rows*: *", "rows"},
	{"an address", "destination.ip: 10.1.2.3", "dotted"},
	{"an address in another spelling", "destination.ip: 2001:db8:0:0::5 and destination.ip: ::ffff:10.1.2.3", "dotted"},
	{"a network", "destination.ip: 10.0.0.0/8", "dotted"},
	{"a network with bits of a host", "destination.ip: 10.9.9.9/8", "dotted"},
	{"another network", "destination.ip: 10.2.0.0/16", ""},
	{"a network of IPv6", "destination.ip: 2001:db8::/32", "dotted"},
	{"the IPv4 part of IPv6", "destination.ip: ::ffff:10.0.0.0/104 or beacon_stats.destination_ips: ::/0", "ranked browser dotted"},
	{"an address with stars is text", "destination.ip: 10.1.*", "dotted"},
	{"a range of addresses", "destination.ip > 10.1.2.2 and destination.ip <= 10.1.2.3", "dotted"},
	{"a time", `@timestamp: "2026-01-01T00:59:59.999+01:00"`, "dotted"},
	{"a second", "@timestamp: 2025-12-31T23:59:59Z", "dotted"},
	{"a day", "@timestamp: 2025-12-31", "dotted"},
	{"a month and a year", "@timestamp: 2025-12 and @timestamp: 2025", "dotted"},
	{"up to a day holds the day", "@timestamp <= 2025-12-31", "dotted"},
	{"before a day", "@timestamp < 2025-12-31", ""},
	{"behind a day", "@timestamp > 2025-12-31", "ranked browser"},
	{"a time with an offset", "year < 2026 and year >= 2025-12-31T23:00", "rows"},
	{"the last hour", "@timestamp >= now-1h", "ranked browser"},
	{"today", "@timestamp: now/d", "ranked browser"},
	{"before today", "@timestamp < now/d", "dotted"},
	{"free text", "WINDOWS or shell", "dotted"},
	{"free text of several words", "runs from a folder", "ranked"},
	{"free text looks at numbers and addresses as a whole", "8443 and 10.0.0.0/8 and not 844", "dotted"},
	{"free text with stars", "power*exe", "dotted"},
	{"free text with stars is a part", "ower*ex", "dotted"},
	{"free text with an escape in the document", `"x\"y"`, "dotted"},
	{"no free text in keys", "destination", "ranked"},
	{"and, or, not", "not (process.name: *.exe or flag: true)", ""},
	{"a list of values", "host.name: (ws-0007 or ws-0142 and not ws-01*)", "dotted"},
	{"all of a list", "process.args: (-enc and x*)", "dotted"},
	{"the worked example", "host.name: ws-* and event.risk_score >= 70 and not process.name: (chrome.exe or power*)", "ranked"},
	{"a reason", "fresnel.reasons: {code: folder and points > 10}", "ranked"},
	{"no such reason", "fresnel.reasons: {code: folder and points > 12}", ""},
}

func TestMatch(t *testing.T) {
	for _, row := range matches {
		t.Run(row.name, func(t *testing.T) {
			q := parse(t, row.query)
			var got []string
			for _, doc := range documents {
				d, err := query.NewDocument([]byte(doc.text))
				if err != nil {
					t.Fatal(err)
				}
				if q.Match(d, now) {
					got = append(got, doc.name)
				}
				compareWithReference(t, q, doc.text)
			}
			if !slices.Equal(got, strings.Fields(row.want)) {
				t.Errorf("%s: got %q, want %q", row.query, got, row.want)
			}
			checkRoundTrip(t, q)
		})
	}
}

func TestMatchTakesTimeThatIsLinear(t *testing.T) {
	// Each part between stars nearly matches at every place. With backtracking, or a search that
	// starts again at every letter, this takes minutes.
	text := strings.Repeat("a", 3<<20)
	d, err := query.NewDocument([]byte(`{"a":"` + text + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Repeat("a", 200) + "b"
	for _, q := range []string{
		"a: " + strings.Repeat("*a", 4000) + "b*",
		"a: *" + strings.Repeat(part+"*", 40),
		strings.Repeat("a", 8000) + "b",
		strings.Repeat("a*", 4000) + "b",
		strings.Repeat("*a", 4000) + "*b: a",
	} {
		start := time.Now()
		if parse(t, q).Match(d, now) {
			t.Errorf("%.20s... matches", q)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%.20s...: got %v, want some milliseconds", q, took)
		}
	}
}

func TestMatchAllocatesLittle(t *testing.T) {
	text := []byte(documents[0].text)
	var d query.Document
	for _, row := range []struct {
		query string
		want  float64
	}{
		{"host.name: ws-0142 and event.risk_score > 99 or process.executable: *x* and process.*: y or @timestamp < now-1d/d", 0},
		{"fresnel.reasons: {code: x or points: 1.5} or nothing to be found", 0},
		{"fresnel.destination.ip: 10.0.0.0/8", 1}, // netip parses a string
	} {
		q := parse(t, row.query)
		got := testing.AllocsPerRun(100, func() {
			if d.Reset(text) != nil || q.Match(&d, now) {
				t.Errorf("%s matches", row.query)
			}
		})
		if got > row.want {
			t.Errorf("%s: got %v allocations, want at most %v", row.query, got, row.want)
		}
	}
}
