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

// TestWriteSample writes the page where SAMPLE_REPORT says, to look at it in a browser.
func TestWriteSample(t *testing.T) {
	path := os.Getenv("SAMPLE_REPORT")
	if path == "" {
		t.Skip("needs SAMPLE_REPORT, the file to write")
	}
	if err := os.WriteFile(path, []byte(write(t, page(everyKind()...))), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestHostileValuesStayText(t *testing.T) {
	p := page(findingtest.Hostile())
	p.Inputs = []string{"<script>alert(3)</script>", "\u202elog"}
	p.Command, p.Settings = "<b>", [][2]string{{"<i>", "\x1b[2J"}}
	got := write(t, p)
	for _, never := range []string{"<img", "<script", "<b>\u202e", "<i>\x1b", "\u202e", "\x1b", "\x00", "ZgotmplZ"} {
		if i := strings.Index(got, never); i >= 0 {
			t.Errorf("got %q in the page: ...%q", never, got[max(0, i-40):min(len(got), i+60)])
		}
	}
	for _, want := range []string{"&lt;img src=x onerror=alert(1)&gt;\\u202egpj.exe\\x1b[31m", "&lt;script&gt;alert(3)", `\u202elog`} {
		if !strings.Contains(got, want) {
			t.Errorf("got no %q in the page", want)
		}
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	got := write(t, page(everyKind()...))
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
		for i, svg := range Pictures(r, beacon.DefaultParams(), "x") {
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
