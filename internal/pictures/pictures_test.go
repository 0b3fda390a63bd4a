package pictures

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"fresnel/internal/beacon"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/plot"
)

const end = findingtest.RunEnd * int64(1e9)

func calls(n int, every time.Duration) *Calls {
	c := &Calls{EndNanos: end, Total: n, FailedKnown: true}
	for i := range n {
		c.TimesNanos = append(c.TimesNanos, end-int64(n-1-i)*int64(every))
		c.Sent, c.Received, c.Failed = append(c.Sent, 100), append(c.Received, int64(i)), append(c.Failed, i%10 == 3)
	}
	return c
}

func find(t *testing.T, all []*plot.Picture, id string) *plot.Picture {
	t.Helper()
	i := slices.IndexFunc(all, func(p *plot.Picture) bool { return p.ID == id })
	if i < 0 {
		t.Fatalf("got no picture %s", id)
	}
	return all[i]
}

func TestCallsAreToldInTheNoteAndInWords(t *testing.T) {
	for _, c := range []struct {
		name          string
		source        Source
		heading, note string
		alt           string
	}{
		{"calls of minutes", Source{Result: findingtest.Ranked(), Calls: calls(40, time.Minute)}, "Callbacks over time", "40 calls, 4 without an answer; up to the end of the run", "from 2026-01-01 05:21:00 to 2026-01-01 06:00:00"},
		{"calls of days, in the zone", Source{Result: findingtest.Ranked(), Calls: calls(40, 3*time.Hour), Zone: time.FixedZone("", 3600)}, "Callbacks by time of day", "40 calls, 4 without an answer; up to the end of the run", "to 2026-01-01 07:00:00"},
		{"one call", Source{Result: findingtest.Ranked(), Calls: calls(1, time.Hour)}, "Callbacks over time", "1 call, 0 without an answer; up to the end of the run", "from 2026-01-01 05:59:00"},
		{"those of the trace", Source{Result: findingtest.Ranked()}, "Callbacks over time", "72 calls; up to the end of the run", ""},
		{"more than are drawn", Source{Result: findingtest.Ranked(), Calls: &Calls{EndNanos: end, TimesNanos: []int64{end}, Failed: []bool{false}, Total: 7}}, "Callbacks over time", "7 calls, the newest 1 are drawn; up to the end of the run", ""},
	} {
		p := OfCalls(c.source)[0]
		if p.Heading != c.heading || p.Note != c.note || !strings.Contains(p.Alt, c.note) || !strings.Contains(p.Alt, c.alt) {
			t.Errorf("%s: got %q, %q, %q; want %q, %q, and %q in the words", c.name, p.Heading, p.Note, p.Alt, c.heading, c.note, c.alt)
		}
	}
}

func TestThePeriodOfTheModelIsInTheGaps(t *testing.T) {
	modelled, tested := findingtest.Ranked(), findingtest.Quarter()
	for name, c := range map[string]struct {
		source Source
		want   string
	}{
		"of the model":           {Source{Result: modelled, Calls: calls(50, 5*time.Minute)}, "model: 5m ±2.1 %"},
		"of the tests otherwise": {Source{Result: tested}, "period 15m"},
	} {
		p := find(t, OfCalls(c.source), "gaps")
		if !strings.Contains(string(p.SVG()), c.want) {
			t.Errorf("%s: got %s, want %q in it", name, p.SVG(), c.want)
		}
	}
}

func TestGapsAreToldAsFinelyAsThePeriod(t *testing.T) {
	for every, want := range map[time.Duration]string{
		15930 * time.Millisecond: "39 gaps: half are at most 16s, a tenth at most 16s, a tenth at least 16s",
		4470 * time.Millisecond:  "39 gaps: half are at most 4.5s, a tenth at most 4.5s, a tenth at least 4.5s",
		30 * time.Millisecond:    "39 gaps: half are at most 30ms, a tenth at most 30ms, a tenth at least 30ms",
	} {
		p := find(t, OfCalls(Source{Result: findingtest.Ranked(), Calls: calls(40, every)}), "gaps")
		if p.Note != want {
			t.Errorf("a call every %v: got %q, want %q", every, p.Note, want)
		}
	}
}

func TestBytesOfCallsStandWhereTheWindowHasNone(t *testing.T) {
	r := findingtest.Unseen()
	all := OfCalls(Source{Result: r, Calls: calls(600, time.Hour)})
	sent, received := find(t, all, "sent-calls"), find(t, all, "received-calls")
	if sent.Note != "of the newest 500 calls" {
		t.Errorf("got %q, want the newest 500", sent.Note)
	}
	n, sum := 0, 0.0
	for i, v := range sent.Values {
		if v != 0 {
			n++
			sum += received.Values[i]
		}
		if v != 0 && v != 100 {
			t.Errorf("bucket %d: got %v, want the mean of calls of 100 bytes", i, v)
		}
	}
	if n != 500 || sum != 500*(100+599)/2 || len(sent.Values) > 1001 {
		t.Errorf("got %d of %d buckets with %v bytes received, want one for each call", n, len(sent.Values), sum)
	}
	last := int((float64(end)/1e9 - sent.Across.First) / sent.Across.Step)
	if last != len(sent.Values)-1 || received.Values[last] != 599 {
		t.Errorf("got the newest call in bucket %d of %d with %v bytes", last, len(sent.Values), received.Values[last])
	}
	if all := OfCalls(Source{Result: findingtest.Ranked(), Calls: calls(20, time.Hour)}); len(all) != 3 {
		t.Errorf("got %d pictures beside a window, want no bytes of calls", len(all))
	}
	if all := OfCalls(Source{Result: r}); len(all) != 1 || all[0].ID != "stretches" {
		t.Errorf("got %d pictures of what is not known, want when the timer ran", len(all))
	}
}

func TestPicturesOfTheWindowSayWhatTheTestsMeasured(t *testing.T) {
	all := OfWindow(Source{Result: findingtest.Ranked(), Params: beacon.DefaultParams(), Prefix: "a-"})
	sent, counts, auto := find(t, all, "a-sent"), find(t, all, "a-counts"), find(t, all, "a-autocovariance")
	for _, c := range []struct{ got, want string }{
		{sent.Note, "varies little: by "}, {sent.Note, "the test wants at most 5%"}, {sent.Alt, "The test looked at values from "},
		{counts.Note, "not tested: too few values"}, {counts.Alt, " of 360 buckets have events, at most "},
		{auto.Note, "the test wants 0.7"}, {sent.Of, "ws-0142"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("got %q, want %q in it", c.got, c.want)
		}
	}
	if len(counts.Values) != 360 || counts.Across.Step != 60 || counts.Across.Hi != float64(findingtest.RunEnd+1) {
		t.Errorf("got %d values across %+v, want 360 minutes up to the end of the run", len(counts.Values), counts.Across)
	}
	if all := OfWindow(Source{Result: findingtest.Unseen(), Params: beacon.DefaultParams()}); all != nil {
		t.Errorf("got %d pictures of a window without events", len(all))
	}
}

func TestWhatIsNoNumberIsNotDrawn(t *testing.T) {
	r := findingtest.Ranked()
	r.Trace.SourceBytes[3], r.Trace.Autocovariance[2] = math.NaN(), math.Inf(1)
	for _, p := range OfWindow(Source{Result: r, Params: beacon.DefaultParams()}) {
		if s := string(p.SVG()); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
			t.Errorf("%s: got a number that is none in %s", p.ID, s)
		}
	}
	if !math.IsNaN(r.Trace.SourceBytes[3]) {
		t.Error("the trace was changed")
	}
}
