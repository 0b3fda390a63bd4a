package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"fresnel/internal/beacon"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
)

func page(rs ...*finding.Result) Page {
	k := finding.Ranking{Traces: 100}
	for _, r := range rs {
		k.Add(r)
	}
	return Page{
		Product: "beacons", Version: "1.2.3", Command: "beacons scan --end latest logs/", Inputs: []string{"logs/2026-01-01/conn.log.gz (zeek)"},
		Params: beacon.DefaultParams(), Settings: [][2]string{{"filter", "default"}},
		Summary:  finding.Summary{EventsRead: 1234567, EventsKept: 45678, Groups: 1204, Runs: 1, Findings: 3, WindowSeconds: 21600, FirstNanos: 1767225600e9, LastNanos: 1767247200e9},
		Findings: k.Ranked(),
	}
}

func write(t testing.TB, p Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func everyKind() []*finding.Result {
	untimed := findingtest.Fast()
	untimed.Group.Fields, untimed.Group.Values = findingtest.FiveMinute().Group.Fields, []string{"ws-0311", "without-times.exe"}
	untimed.Trace.TimesNanos, untimed.Trace.TimesDropped = nil, untimed.Events
	fast := findingtest.Fast()
	fast.Group.Fields = untimed.Group.Fields
	return []*finding.Result{findingtest.FiveMinute(), fast, findingtest.Quarter(), findingtest.Hostile(), findingtest.Browser(), findingtest.Few(), untimed}
}

// ranked are results with rows of every kind.
func ranked() []*finding.Result {
	hostile := findingtest.HostileRow()
	hostile.Row.Assessment.Score = 48
	return append(findingtest.Case(), findingtest.Several(), findingtest.Unseen(), hostile, findingtest.Untimed(), findingtest.Quarter())
}

func rankedPage() Page {
	p := page(ranked()...)
	p.Summary.Rows, p.Summary.Timed, p.Summary.Hidden, p.Summary.Runs = 1712, 803, 4, 19
	return p
}

func TestRankedPage(t *testing.T) {
	got := write(t, rankedPage())
	for _, want := range []string{
		"<h1>7 findings</h1>", "<b>1,712</b><span>rows of a group and a destination</span>", "<b>4</b><span>hidden by rank.min_score or rank.rows_per_host_day</span>",
		`aria-label="risk 93 of 100"`, "<bdi>cdn-sync.example.net</bdi>", "±2.1 %",
		"&#43;2 in this case: ws-0311, srv-sharepoint-01.corp.example.com",
		"Found: a loop that sleeps between its calls, every 5m ±2.1 %",
		`<li><b>&#43;20</b><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><path class="axis" d="M50 0v10"/><rect x="50.0" y="1" width="50.0" height="8"/></svg><bdi>called 285 times, every 300 s &#43;-2.1 %`,
		`<li class="contra"><b>-7.3</b>`,
		"The same case", "<bdi>ws-0311</bdi>", "Case b8cf43113d9c41d97e074f3058fe2396.",
		"The tests of the reference", "No pictures of the window: the group has no event in the window", "2001:db8::5, port 443, and all destinations of the group that hardly any other host calls",
		"<dt>calls</dt><dd>2025-12-30 13:55:18 to 2025-12-31 06:55:18 UTC, 204 callbacks, every 5m</dd>",
		`id="finding-1-stretches-t"`, "Nothing is known of it that gives points",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got no %q in the page", want)
		}
	}
	if n := strings.Count(got, "<section"); n != 6 {
		t.Errorf("got %d sections, want 6: a case is one", n)
	}
	// The list begins with the highest risk, and what has none comes last.
	if m := regexp.MustCompile(`<tr><td class="n">(\d+)</td><td class="n">(?:–|<span class="risk [a-z]+"[^>]*>(\d+)</span>)`).FindAllStringSubmatch(got, -1); len(m) != 6 || m[0][2] != "93" || m[5][2] != "" {
		t.Errorf("got rows %q", m)
	}
}

func TestTopOfAPage(t *testing.T) {
	p := rankedPage()
	p.Top = 2
	got := write(t, p)
	if n := strings.Count(got, "<section"); n != 2 {
		t.Errorf("got %d sections, want 2", n)
	}
	if !strings.Contains(got, "Not listed: 4 more rows.") || strings.Contains(got, "shown in detail below") {
		t.Error("the page does not say that 4 rows are missing, or says that some have no section")
	}
}

func TestNothingRanked(t *testing.T) {
	p := page()
	p.Summary.Rows = 5
	if got := write(t, p); !strings.Contains(got, "<h1>No finding</h1>") || !strings.Contains(got, "the timing model or the four tests can see") {
		t.Errorf("got %s", got)
	}
}

// TestWriteSample writes the page where SAMPLE_REPORT says, to look at it in a browser.
func TestWriteSample(t *testing.T) {
	path := os.Getenv("SAMPLE_REPORT")
	if path == "" {
		t.Skip("needs SAMPLE_REPORT, the file to write")
	}
	if err := os.WriteFile(path, []byte(write(t, rankedPage())), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestHostileValuesStayText(t *testing.T) {
	inCase := findingtest.HostileRow()
	inCase.Group.Values = []string{"<img src=y>", "\u202e\x1b[31m"}
	inCase.Row.Case = "b8cf43113d9c41d97e074f3058fe2396"
	p := page(findingtest.Hostile(), findingtest.HostileRow(), findingtest.Ranked(), inCase)
	p.Inputs = []string{"<script>alert(3)</script>", "\u202elog"}
	p.Command, p.Settings = "<b>", [][2]string{{"<i>", "\x1b[2J"}}
	got := write(t, p)
	for _, never := range []string{"<img", "<script", "<b>\u202e", "<i>\x1b", "\u202e", "\x1b", "\x00", "ZgotmplZ"} {
		if i := strings.Index(got, never); i >= 0 {
			t.Errorf("got %q in the page: ...%q", never, got[max(0, i-40):min(len(got), i+60)])
		}
	}
	for _, want := range []string{"&lt;img src=x onerror=alert(1)&gt;\\u202egpj.exe\\x1b[31m", "&lt;script&gt;alert(3)", `\u202elog`, "alert(4)&lt;/script&gt;\\u202e\\x1b[2Jmoc.elpmaxe\\r\\nspoofed", "alert(5)&gt;\\u202e"} {
		if !strings.Contains(got, want) {
			t.Errorf("got no %q in the page", want)
		}
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	got := write(t, page(append(everyKind(), ranked()...)...))
	for _, never := range []string{"<script", "<link", "<iframe", "src=\"", "url(", "@import", "javascript:"} {
		if strings.Contains(got, never) {
			t.Errorf("got %q in the page", never)
		}
	}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(got, -1) {
		if !strings.HasPrefix(m[1], "#") || !strings.Contains(got, `id="`+m[1][1:]+`"`) {
			t.Errorf("got a link to %q, want only links to what is in the page", m[1])
		}
	}
	if !strings.Contains(got, `content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"`) {
		t.Error("got no strict Content-Security-Policy")
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(got, -1) {
		if ids[m[1]] {
			t.Errorf("id %q is there twice", m[1])
		}
		ids[m[1]] = true
	}
}

func TestEveryNumberIsInThePage(t *testing.T) {
	r := findingtest.FiveMinute()
	got := write(t, page(r))
	for _, c := range finding.Columns(r.Group.Fields) {
		name, ok := strings.CutPrefix(c.Name, "beacon_stats.")
		if !ok || strings.HasSuffix(name, ".upper") {
			continue
		}
		name = strings.TrimSuffix(name, ".lower")
		if value := string(c.Append(nil, r)); !regexp.MustCompile(`<dt>` + name + `</dt><dd>\[?` + regexp.QuoteMeta(value)).MatchString(got) {
			t.Errorf("%s: got no %s in the page", name, value)
		}
	}
	for _, want := range []string{"<dt>max_jitter</dt><dd>0</dd>", "<dt>truncate_at</dt><dd>[0.1 0.8]</dd>", "conn.log.gz", "beacons 1.2.3", "2026-01-01 00:00:00 to 2026-01-01 06:00:00 UTC"} {
		if !strings.Contains(got, want) {
			t.Errorf("got no %q in the page", want)
		}
	}
}

func TestPicturesAreWellFormed(t *testing.T) {
	rs := everyKind()
	empty := findingtest.Few()
	empty.Trace = &finding.Trace{BucketSeconds: 60}
	huge := findingtest.Fast()
	huge.Trace.Counts = make([]int64, 100_000)
	huge.Trace.SourceBytes = make([]float64, 100_000)
	huge.Trace.DestinationBytes = make([]float64, 100_000)
	huge.Trace.Autocovariance = make([]float64, 50_000)
	for i := range huge.Trace.Counts {
		huge.Trace.Counts[i], huge.Trace.SourceBytes[i] = int64(i%7), float64(i)
	}
	for _, r := range append(rs, empty, huge) {
		for i, picture := range Pictures(r, beacon.DefaultParams(), nil, "x") {
			svg := picture.SVG()
			d := xml.NewDecoder(bytes.NewReader(svg))
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%v: picture %d: %v\n%s", r.Group.Values, i, err, svg)
				}
			}
			if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
				t.Errorf("%v: picture %d has a number that is none", r.Group.Values, i)
			}
			if !bytes.Contains(svg, []byte("<title")) || !bytes.Contains(svg, []byte("<desc")) {
				t.Errorf("%v: picture %d has no text alternative", r.Group.Values, i)
			}
			if len(svg) > 40_000 {
				t.Errorf("%v: picture %d: got %d bytes", r.Group.Values, i, len(svg))
			}
		}
	}
}

func TestFiftyFindingsArePageOfAFewMegabytes(t *testing.T) {
	k := finding.Ranking{Traces: 50}
	for i := range 300 {
		r := everyKind()[i%3]
		r.Group.Fields, r.Group.Values = findingtest.FiveMinute().Group.Fields, []string{fmt.Sprintf("ws-%04d", i), "updater.exe"}
		k.Add(r)
	}
	p := page()
	p.Findings = k.Ranked()
	got := write(t, p)
	if len(got) > 3_000_000 {
		t.Errorf("got %d bytes", len(got))
	}
	if n := strings.Count(got, "<section"); n != 50 {
		t.Errorf("got %d sections, want 50", n)
	}
	if n := strings.Count(got, "<tr>"); n != 301 {
		t.Errorf("got %d rows, want 300 and the head", n)
	}
	if !strings.Contains(got, "The first 50 are shown in detail below.") || strings.Contains(got, "No pictures") {
		t.Error("the first 50 have no pictures, or nobody says that they are 50")
	}
	t.Logf("%d bytes", len(got))
}

func TestNothingFound(t *testing.T) {
	got := write(t, page())
	if !strings.Contains(got, "<h1>No beaconing group</h1>") || !strings.Contains(got, "No group calls out") {
		t.Errorf("got %s", got)
	}
}

func BenchmarkWrite(b *testing.B) {
	p := page(findingtest.FiveMinute())
	b.ReportAllocs()
	for b.Loop() {
		if err := Write(io.Discard, p); err != nil {
			b.Fatal(err)
		}
	}
}
