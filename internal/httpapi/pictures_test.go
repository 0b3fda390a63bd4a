package httpapi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/store"
)

func picturesOf(s *site, id, params string) PictureList {
	return into[PictureList](s.get("/api/v1/findings/"+id+"/pictures"+params), http.StatusOK)
}

func ids(l PictureList) string {
	var all []string
	for _, p := range l.Pictures {
		all = append(all, p.Of+" "+p.ID)
	}
	return strings.Join(all, ", ")
}

const ofBoth = "calls callbacks, calls gaps, calls stretches, window autocovariance, window counts, window sent, window received"

// marks returns what is drawn in a picture, without what only one of two showings has.
func marks(svg string) string {
	svg = regexp.MustCompile(`^<svg[^>]*>`).ReplaceAllString(svg, "")
	return regexp.MustCompile(`^<title.*?</desc><text[^>]*>[^<]*</text><text[^>]*>[^<]*</text>`).ReplaceAllString(svg, "")
}

// TestPagesAndReportShowTheSame holds that both have the same pictures with the same marks.
func TestPagesAndReportShowTheSame(t *testing.T) {
	s := open(t, Limits{})
	for _, r := range []*finding.Result{findingtest.Ranked(), findingtest.More(), moved(findingtest.Ranked(), 1), findingtest.Fast()} {
		id := finding.ID(r)
		page := picturesOf(s, id, "")
		text := s.get("/api/v1/findings/" + id + "/report").text
		inReport := regexp.MustCompile(`(?s)<figure[^>]*>(<svg.*?</svg>)</figure>`).FindAllStringSubmatch(text, -1)
		if len(inReport) != len(page.Pictures) || len(inReport) < 6 {
			t.Fatalf("%v: got %d pictures in the report and %d on the page (%s), want as many", r.Group.Values, len(inReport), len(page.Pictures), ids(page))
		}
		for i, p := range page.Pictures {
			if got := inReport[i][1]; marks(got) != marks(p.SVG) || len(marks(p.SVG)) < 100 {
				t.Errorf("%v, %s: the report has\n%s\nand the page\n%s", r.Group.Values, p.ID, got, p.SVG)
			}
		}
	}
}

func TestPicturesOfAFinding(t *testing.T) {
	s := open(t, Limits{})
	l := picturesOf(s, ranked(), "")
	if got := ids(l); got != ofBoth {
		t.Errorf("got pictures %s, want %s", got, ofBoth)
	}
	if w := l.Window; w == nil || w.ID != ranked() || !w.RunEnd.Equal(at(findingtest.RunEnd)) || len(w.Tests) != 5 || !w.Tests[0].Fired {
		t.Errorf("got window %+v, want that of the run and its tests", l.Window)
	}
	calls := into[CallbackList](s.get("/api/v1/findings/"+ranked()+"/callbacks"), http.StatusOK)
	series := into[Series](s.get("/api/v1/findings/"+ranked()+"/series"), http.StatusOK)
	raster, gaps, counts, sent := l.Pictures[0], l.Pictures[1], l.Pictures[4], l.Pictures[5]
	n, at := 0, raster.Ticks.First
	for i := range raster.Ticks.Gaps {
		at += raster.Ticks.Gaps[i]
	}
	for _, k := range raster.Ticks.Calls {
		n += k
	}
	if len(raster.Ticks.Calls) == 0 {
		n = len(raster.Ticks.Gaps) + 1
	}
	if last := calls.From.UnixMilli() + calls.Millis[calls.Total-1]; n != calls.Total || at > last || at < last-60_000 {
		t.Errorf("got ticks of %d calls up to %d, want the %d up to %d", n, at, calls.Total, last)
	}
	drawn := strings.Count(regexp.MustCompile(`class="answered"[^>]* d="([^"]*)"`).FindStringSubmatch(raster.SVG)[1], "M")
	if drawn != len(raster.Ticks.Gaps)+1-len(raster.Ticks.Failed) {
		t.Errorf("got %d marks of calls that were answered, want one for each of the %d ticks that is", drawn, len(raster.Ticks.Gaps)+1)
	}
	if !strings.Contains(raster.Note, "72 calls, 0 without an answer") || raster.Heading != "Callbacks over time" {
		t.Errorf("got %q: %q", raster.Heading, raster.Note)
	}
	var all float64
	for _, v := range gaps.Values {
		all += v
	}
	if !strings.Contains(gaps.SVG, "model: 5m ±2.1 %") || all == 0 || all > 71 {
		t.Errorf("got %v gaps in %s, want at most 71 and the period of the model", all, gaps.SVG)
	}
	if counts.Across.First != float64(series.Start.Unix()) || counts.Across.Step != 60 || len(counts.Values) != 360 || counts.Unit != "count" {
		t.Errorf("got %d %s across %+v, want a count for each bucket", len(counts.Values), counts.Unit, counts.Across)
	}
	for i, v := range counts.Values {
		if v != float64(series.Counts[i]) || sent.Values[i] != series.SourceBytes[i] {
			t.Fatalf("bucket %d: got %v events with %v bytes, want %d with %v", i, v, sent.Values[i], series.Counts[i], series.SourceBytes[i])
		}
	}
	if counts.Width != 560 || counts.Height != 240 || counts.Plot.Y < 36 || counts.Plot.X+counts.Plot.Width > counts.Width {
		t.Errorf("got %v by %v with the plot at %+v", counts.Width, counts.Height, counts.Plot)
	}
}

func TestPicturesAreOfTheClockOfTheViewer(t *testing.T) {
	s := open(t, Limits{})
	utc, kolkata := picturesOf(s, ranked(), "?tz=UTC").Pictures, picturesOf(s, ranked(), "?tz=Asia%2FKolkata").Pictures
	for i, want := range []string{"", "", "", "", ">11:00<", ">11:00<", ">11:00<"} {
		if want != "" && (strings.Contains(utc[i].SVG, want) || !strings.Contains(kolkata[i].SVG, want)) {
			t.Errorf("%s: got no clock that is five and a half hours ahead", kolkata[i].ID)
		}
	}
	if utc[0].SVG == kolkata[0].SVG || utc[1].SVG != kolkata[1].SVG {
		t.Error("want other rows of calls, and the same gaps")
	}
	for _, zone := range []string{"", "Local", "Europe/Nowhere", "../../etc/passwd", "UTC\x00", "<b>", "+05:30"} {
		e := s.get("/api/v1/findings/"+ranked()+"/pictures?tz="+url.QueryEscape(zone)).refused(http.StatusBadRequest, "bad_parameter")
		if e.Field != "tz" || !strings.Contains(e.Message, "Europe/Berlin") {
			t.Errorf("%q: got %+v, want a name that would do", zone, e)
		}
	}
}

func TestPicturesOfWhatTheWindowDoesNotHold(t *testing.T) {
	s := open(t, Limits{})
	unseen := finding.ID(findingtest.Unseen())
	l := picturesOf(s, unseen, "")
	if l.Window != nil || ids(l) != "calls callbacks, calls gaps, calls stretches" || !strings.Contains(l.Pictures[0].SVG, "no callback of it is kept") {
		t.Errorf("got %s and window %+v, want pictures of nothing", ids(l), l.Window)
	}
	// It called the day before: what the calls carried is shown of those.
	r := findingtest.Unseen()
	var b store.Batch
	for i := range int64(20) {
		e := event.Event{
			TimeNanos: (findingtest.RunEnd - 86400 + 300*i) * 1e9, HostName: r.Group.Values[0], ProcessName: r.Group.Values[1], DestinationIP: r.Row.Address,
			SourceBytes: 100 + i, ConnectionState: "S0",
		}
		b.Add(&e, "test", 0)
	}
	if err := s.store.Append(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	l = picturesOf(s, unseen, "")
	if l.Window != nil || ids(l) != "calls callbacks, calls gaps, calls stretches, calls sent-calls, calls received-calls" {
		t.Fatalf("got %s and window %+v, want pictures of the calls", ids(l), l.Window)
	}
	if n := l.Pictures[0].Note; !strings.HasPrefix(n, "20 calls, 20 without an answer") || len(l.Pictures[0].Ticks.Failed) != 20 {
		t.Errorf("got %q, want 20 calls without an answer", n)
	}
	if values := l.Pictures[3].Values; values[0] != 100 || values[len(values)-1] != 119 {
		t.Errorf("got %v, want the bytes of the calls", values)
	}
	// A run before saw it in its window.
	earlier := findingtest.Unseen()
	earlier.RunEnd -= 17 * 3600
	earlier.Stats.NonEmptyBuckets = 20
	save(t, s.store, earlier.RunEnd, []*finding.Result{earlier})
	s.api.index = newIndex(s.store, s.api.o.Limits.Findings)
	l = picturesOf(s, unseen, "")
	if l.Window == nil || l.Window.ID != finding.ID(earlier) || !l.Window.RunEnd.Equal(at(earlier.RunEnd)) || !strings.HasSuffix(ids(l), "calls received-calls, window autocovariance, window counts, window sent, window received") {
		t.Errorf("got %s of %+v, want the window of the run that saw it", ids(l), l.Window)
	}
}

// TestPicturesOfHostileNames holds that what logs say is text in a picture, and that a page whose
// policy forbids styles and scripts in attributes shows all of it.
func TestPicturesOfHostileNames(t *testing.T) {
	s := open(t, Limits{})
	hostile := findingtest.HostileRow()
	var b store.Batch
	b.Add(&event.Event{
		TimeNanos: (findingtest.RunEnd - 60) * 1e9, HostName: hostile.Group.Values[0], ProcessName: hostile.Group.Values[1], DestinationIP: netip.MustParseAddr("203.0.113.9"),
	}, "test", 0)
	if err := s.store.Append(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{finding.ID(hostile), ranked()} {
		for _, p := range picturesOf(s, id, "").Pictures {
			d := xml.NewDecoder(bytes.NewReader([]byte(p.SVG)))
			for {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s: %v\n%s", p.ID, err, p.SVG)
				}
				e, ok := token.(xml.StartElement)
				for _, a := range e.Attr {
					if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") {
						t.Errorf("%s: got an attribute %s", p.ID, a.Name.Local)
					}
				}
				if name := e.Name.Local; ok && name != "svg" && name != "text" && name != "path" && name != "rect" {
					t.Errorf("%s: got an element %s", p.ID, name)
				}
			}
			if strings.ContainsAny(p.SVG+p.Note+p.Alt, "\u202e\x1b") {
				t.Errorf("%s: got what is not shown, or misleads, in %s", p.ID, p.SVG)
			}
		}
	}
}
