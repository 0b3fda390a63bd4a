package explain

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"fresnel/internal/beacon"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/human"
	"fresnel/internal/testkit"
	"fresnel/internal/timing"
)

func with(r *finding.Result, change func(s *beacon.Stats)) *finding.Result {
	change(&r.Stats)
	return r
}

func TestSentences(t *testing.T) {
	five, fast, browser, few := findingtest.FiveMinute, findingtest.Fast, findingtest.Browser, findingtest.Few
	for _, c := range []struct {
		name string
		r    *finding.Result
		test string
		want string
	}{
		{"steady bytes", five(), "source bytes", "Fired: the bytes sent hardly vary, 412 B on average with a standard deviation of 2.27 B (0.55% of the mean; the limit is 5%)."},
		{"bytes that vary", fast(), "destination bytes", "Did not fire: the bytes received vary too much, 2.15 kB on average with a standard deviation of 341 B (15.88% of the mean; the limit is 5%)."},
		{"no bytes at all", with(five(), func(s *beacon.Stats) {
			s.SourceBytesTested, s.SourceBytesBuckets, s.LowSourceBytesVariation = false, 0, false
		}), "source bytes",
			"Not tested: no event says how many bytes were sent."},
		{"bytes in too few buckets", with(five(), func(s *beacon.Stats) {
			s.DestinationBytesTested, s.DestinationBytesBuckets, s.LowDestinationBytesVariation = false, 6, false
		}), "destination bytes",
			"Not tested: only 6 buckets have events with bytes received, and more than 6 are needed."},
		{"bytes in one bucket", with(five(), func(s *beacon.Stats) {
			s.DestinationBytesTested, s.DestinationBytesBuckets, s.LowDestinationBytesVariation = false, 1, false
		}), "destination bytes",
			"Not tested: only 1 bucket has events with bytes received, and more than 6 are needed."},
		{"steady counts", fast(), "counts", "Fired: the callbacks come at a steady rate, 4 callbacks per bucket of 1m on average with a standard deviation of 0 (0% of the mean; the limit is 10%), so that the period is no longer than a bucket."},
		{"counts that vary", with(fast(), func(s *beacon.Stats) { s.LowCountVariation, s.VarianceCounts = false, 4 }), "counts",
			"Did not fire: the rate of callbacks is not steady, 4 callbacks per bucket of 1m on average with a standard deviation of 2 (50% of the mean; the limit is 10%)."},
		{"one callback in each bucket", with(fast(), func(s *beacon.Stats) { s.MeanCounts = 1 }), "counts",
			"Fired: the callbacks come at a steady rate, 1 callback per bucket of 1m on average with a standard deviation of 0 (0% of the mean; the limit is 10%), so that the period is no longer than a bucket."},
		{"too many empty buckets", five(), "counts", "Not tested: 72 of 356 buckets of 1m hold events (20.22%), and more than 50% are needed to look for callbacks faster than a bucket."},
		{"counts that repeat", five(), "periodic", "Fired: the counts repeat, autocovariance 1 at a period of 5m (5 buckets); the least is 0.7."},
		{"counts that do not change", with(fast(), func(s *beacon.Stats) { s.Periodic, s.MaxAutocovariancePeriod, s.Autocovariance = true, 2, 1 }), "periodic",
			"Fired: the counts repeat, autocovariance 1 at a period of 2m (2 buckets); the least is 0.7. They hardly change from bucket to bucket, which repeats at any period: the count test tells more."},
		{"counts that do not repeat", browser(), "periodic", "Did not fire: the counts do not repeat well enough, at best with an autocovariance 0.1605 at a period of 45m (45 buckets); the least is 0.7. Periods up to 56m were tried, which is as long as 6 repeats allow."},
		{"three points", five(), "verdict", "Beaconing with a score of 3 of 3: a point each for its timing, the bytes sent and the bytes received. It calls out every 5m."},
		{"two points", fast(), "verdict", "Beaconing with a score of 2 of 3: a point each for its timing and the bytes sent. It calls out at least every 1m."},
		{"one point", findingtest.Quarter(), "verdict", "Beaconing with a score of 1 of 3: a point for its timing. It calls out every 15m."},
		{"no point", browser(), "verdict", "Not beaconing: none of the four tests fired."},
		{"too few events for a verdict", few(), "verdict", "Not beaconing: events in 3 buckets over 241 buckets, too few to tell. The tests need 7 buckets with events, and 12 from the first to the last (6 repeats)."},
		{"no event at all", findingtest.Unseen(), "verdict", "Not beaconing: the group has no event in the window."},
		{"too few events for the periodic test", few(), "periodic", notTested},
		{"too few events for the bytes tests", few(), "source bytes", notTested},
		{"too few events for the count test", few(), "counts", notTested},
	} {
		lines := Sentences(c.r, beacon.DefaultParams())
		i := slices.IndexFunc(lines, func(l Line) bool { return l.Test == c.test })
		if got := lines[i].Text; got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
		if l := lines[i]; l.Fired != (strings.HasPrefix(c.want, "Fired") || strings.HasPrefix(c.want, "Beaconing")) {
			t.Errorf("%s: got fired %t", c.name, l.Fired)
		} else if c.test != "verdict" && l.Tested == strings.HasPrefix(c.want, "Not tested") {
			t.Errorf("%s: got tested %t", c.name, l.Tested)
		}
	}
}

func TestWriteGolden(t *testing.T) {
	crowded := findingtest.Fast()
	crowded.Trace.TimesDropped = 12
	for _, c := range []struct {
		name string
		rs   []*finding.Result
		st   Style
	}{
		{"five-minute", []*finding.Result{findingtest.FiveMinute()}, Style{}},
		{"fast-60-ascii", []*finding.Result{crowded}, Style{Width: 60, ASCII: true}},
		{"quarter-80-colours", []*finding.Result{findingtest.Quarter()}, Style{Width: 80, Color: true}},
		{"few", []*finding.Result{findingtest.Few()}, Style{Width: 80}},
		{"hostile", []*finding.Result{findingtest.Hostile()}, Style{Width: 80}},
		{"ranked", []*finding.Result{findingtest.Ranked(), findingtest.More(), findingtest.Untimed()}, Style{}},
		{"ranked-60-ascii", []*finding.Result{findingtest.Ranked()}, Style{Width: 60, ASCII: true}},
		{"ranked-colours", []*finding.Result{findingtest.Ranked()}, Style{Width: 80, Color: true}},
		{"unseen", []*finding.Result{findingtest.Unseen()}, Style{Width: 80}},
		{"untimed", []*finding.Result{findingtest.Untimed()}, Style{Width: 80}},
		{"hostile-row", []*finding.Result{findingtest.HostileRow()}, Style{Width: 80}},
	} {
		var b bytes.Buffer
		if err := Write(&b, c.rs, beacon.DefaultParams(), c.st); err != nil {
			t.Fatal(err)
		}
		testkit.Golden(t, "testdata/"+c.name+".txt", b.Bytes())
		for line := range strings.SplitSeq(b.String(), "\n") {
			if w := human.Width(line); !c.st.Color && c.st.Width > 0 && w > c.st.Width {
				t.Errorf("%s: got a line of %d columns: %q", c.name, w, line)
			}
			if strings.ContainsAny(line, "\u202e\r") || !c.st.Color && strings.Contains(line, "\x1b") {
				t.Errorf("%s: got a control character in %q", c.name, line)
			}
		}
	}
}

func TestTimer(t *testing.T) {
	change := func(change func(w *finding.Row)) *finding.Row {
		w := findingtest.Ranked().Row
		change(w)
		return w
	}
	for _, c := range []struct {
		name string
		w    *finding.Row
		want string
	}{
		{"a sleep loop", findingtest.Ranked().Row, "Found: a loop that sleeps between its calls, every 5m ±2.1 %, 285 callbacks in 291 calls, 3 missed, 2 without an answer. " +
			"Calls at random times look as much like a timer with a probability of less than 1e-9 (less than 1e-9 over all rows that were timed)."},
		{"no retries", change(func(w *finding.Row) { w.Calls, w.Timing.Kind = 285, timing.Clock }), "Found: calls at set times of the clock, every 5m ±2.1 %, 285 callbacks, 3 missed, 2 without an answer. " +
			"Calls at random times look as much like a timer with a probability of less than 1e-9 (less than 1e-9 over all rows that were timed)."},
		{"too few calls", findingtest.Untimed().Row, "Not timed: 3 callbacks, and 4 are needed."},
		{"nothing that looks like a timer", change(func(w *finding.Row) { w.Found, w.PValue, w.QValue = false, 0.0131, 0.4567 }),
			"No timer found in 285 callbacks in 291 calls. Calls at random times look as much like a timer with a probability of 0.013 (0.46 over all rows that were timed)."},
	} {
		if got := Timer(c.w, "±"); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestHours(t *testing.T) {
	for _, c := range []struct {
		hours uint32
		want  string
	}{
		{1<<24 - 1, "all"},
		{0, ""},
		{1<<0 | 1<<1 | 1<<2 | 1<<14 | 1<<23, "00-02, 14, 23"},
		{1<<22 | 1<<23, "22-23"},
	} {
		w := findingtest.Ranked().Row
		w.Timing.Hours = c.hours
		if got := Hours(w); got != c.want {
			t.Errorf("%b: got %q, want %q", c.hours, got, c.want)
		}
	}
}

func TestRegimesAreBounded(t *testing.T) {
	w := findingtest.Ranked().Row
	for range 30 {
		w.Timing.Regimes = append(w.Timing.Regimes, w.Timing.Regimes[0])
	}
	got := Regimes(w)
	if len(got) != mostRegimes+1 || got[mostRegimes] != "and 24 more" {
		t.Errorf("got %q", got)
	}
	if got := Regimes(findingtest.Untimed().Row); got != nil {
		t.Errorf("without a timer: got %q", got)
	}
}

func TestNumbersAreAllOfTheDocument(t *testing.T) {
	r := findingtest.FiveMinute()
	doc := string(finding.AppendJSON(nil, r))
	rows := Numbers(r)
	if len(rows) != 20 {
		t.Errorf("got %d numbers, want 20", len(rows))
	}
	for _, row := range rows {
		if !strings.Contains(doc, `"`+row[0]+`":`+strings.ReplaceAll(row[1], ", ", ",")) && row[0] != "destination_ips" {
			t.Errorf("%s: %s is not in %s", row[0], row[1], doc)
		}
	}
}

func TestGaps(t *testing.T) {
	second := int64(time.Second)
	steady := func(n int, gap func(i int) int64) []int64 {
		times := []int64{0}
		for i := range n {
			times = append(times, times[i]+gap(i))
		}
		return times
	}
	for _, c := range []struct {
		name  string
		times []int64
		bins  int
		near  time.Duration
		want  Histogram
	}{
		{"no callback", nil, 10, 0, Histogram{}},
		{"one callback has no gap", []int64{5}, 10, 0, Histogram{}},
		{"a clock without jitter fills one bin", steady(10, func(int) int64 { return 60 * second }), 10, 0,
			Histogram{Bins: []int64{10}, Start: time.Minute, Width: time.Second, Total: 10, Median: time.Minute, P10: time.Minute, P90: time.Minute}},
		{"jitter spreads", steady(11, func(i int) int64 { return int64(50+i) * second }), 10, 0,
			Histogram{Bins: []int64{2, 2, 2, 2, 2, 1}, Start: 50 * time.Second, Width: 2 * time.Second, Total: 11, Median: 55 * time.Second, P10: 51 * time.Second, P90: 59 * time.Second}},
		{"a long silence is left out", append(steady(99, func(int) int64 { return 10 * second }), 1e6*second), 10, 0,
			Histogram{Bins: []int64{99}, Start: 10 * time.Second, Width: time.Second, Above: 1, Total: 100, Median: 10 * time.Second, P10: 10 * time.Second, P90: 10 * time.Second}},
		{"times that are known to the millisecond have finer bins", steady(10, func(i int) int64 { return 60*second + int64(i)*1e6 }), 10, 0,
			Histogram{Bins: []int64{10}, Start: time.Minute, Width: 200 * time.Millisecond, Total: 10, Median: 60*time.Second + 5*time.Millisecond, P10: 60*time.Second + time.Millisecond, P90: 60*time.Second + 8*time.Millisecond}},
		{"a few times that are known better do not make finer bins", append(steady(40, func(i int) int64 { return int64(4+i%3) * second }), 1e6*second+1, 1e6*second+4e9+2), 40, 0,
			Histogram{Bins: []int64{15, 13, 13}, Start: 4 * time.Second, Width: time.Second, Above: 1, Total: 42, Median: 5 * time.Second, P10: 4 * time.Second, P90: 6 * time.Second}},
		{"pauses are only counted beside a period", steady(20, func(i int) int64 { return 60 * second * (1 + 9*int64(i/15)) }), 40, 75 * time.Second,
			Histogram{Bins: append([]int64{15}, make([]int64, 15)...), Start: time.Minute, Width: time.Second, Above: 5, Total: 20, Median: time.Minute, P10: time.Minute, P90: 10 * time.Minute}},
		{"unless most gaps are longer", steady(20, func(i int) int64 { return 60 * second * (1 + 9*int64(min(1, i/5))) }), 10, 75 * time.Second,
			Histogram{Bins: []int64{5, 0, 0, 0, 0, 0, 0, 0, 0, 15}, Start: time.Minute, Width: time.Minute, Total: 20, Median: 10 * time.Minute, P10: time.Minute, P90: 10 * time.Minute}},
		{"all at once", []int64{7, 7, 7}, 10, 0, Histogram{Bins: []int64{2}, Width: time.Millisecond, Total: 2}},
		{"times that run backwards count as none", []int64{9, 5}, 10, 0, Histogram{Bins: []int64{1}, Width: time.Millisecond, Total: 1}},
	} {
		got := Gaps(c.times, c.bins, c.near)
		if !slices.Equal(got.Bins, c.want.Bins) || got.Start != c.want.Start || got.Width != c.want.Width || got.Above != c.want.Above ||
			got.Total != c.want.Total || got.Median != c.want.Median || got.P10 != c.want.P10 || got.P90 != c.want.P90 {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestLabelsOfBins(t *testing.T) {
	for _, c := range []struct {
		h    Histogram
		i    int
		want string
	}{
		{Histogram{Start: time.Minute, Width: 5 * time.Second}, 2, "1m 10s"},
		{Histogram{Start: 12 * time.Second, Width: 500 * time.Millisecond}, 1, "12.5s"},
		{Histogram{Start: time.Minute, Width: 500 * time.Millisecond}, 1, "1m 0.5s"},
		{Histogram{Start: time.Minute, Width: 500 * time.Millisecond}, 0, "1m"},
		{Histogram{Width: time.Millisecond}, 3, "0.003s"},
	} {
		if got := c.h.Label(c.i); got != c.want {
			t.Errorf("%+v: got %q, want %q", c, got, c.want)
		}
	}
}

func FuzzGaps(f *testing.F) {
	f.Add(int64(0), int64(5), int64(1e18), 10)
	f.Fuzz(func(t *testing.T, a, b, c int64, bins int) {
		times := []int64{a, b, c}
		slices.Sort(times)
		bins %= 1000
		h := Gaps(times, bins, time.Duration(c))
		sum := h.Above
		for _, n := range h.Bins {
			sum += n
		}
		if sum != h.Total || len(h.Bins) > max(bins, 0) {
			t.Errorf("%v in %d bins: got %+v", times, bins, h)
		}
	})
}
