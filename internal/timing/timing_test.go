package timing

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// every makes n calls from start on, in seconds, the given gaps apart in turn.
func every(n int, start float64, gaps ...float64) *Calls {
	c := &Calls{}
	for i := range n {
		c.Millis = append(c.Millis, int64(math.Round(start*1000)))
		start += gaps[i%len(gaps)]
	}
	return c
}

// without leaves calls out.
func without(c *Calls, at ...int) *Calls {
	kept := &Calls{}
	for i, t := range c.Millis {
		if !slices.Contains(at, i) {
			kept.Millis = append(kept.Millis, t)
		}
	}
	return kept
}

// retried makes n callbacks a period apart, each of several attempts of which the last one is
// answered.
func retried(n int, period float64, attempts ...float64) *Calls {
	rng := rand.New(rand.NewPCG(2, 3))
	c := &Calls{}
	for i := range n {
		for j, after := range attempts {
			c.Millis = append(c.Millis, int64(1000*(period*float64(i)+after+0.05*rng.Float64())))
			c.Failed = append(c.Failed, j < len(attempts)-1)
		}
	}
	return c
}

// cron makes n calls at times of the clock, up to two seconds late.
func cron(n int, period float64) *Calls {
	rng := rand.New(rand.NewPCG(2, 4))
	c := &Calls{}
	for i := range n {
		c.Millis = append(c.Millis, int64(1000*(period*float64(i)+0.5+1.5*rng.Float64())))
	}
	return c
}

// merged makes the calls of several series one.
func merged(series ...*Calls) *Calls {
	c := &Calls{}
	for _, s := range series {
		c.Millis = append(c.Millis, s.Millis...)
	}
	slices.Sort(c.Millis)
	return c
}

// growing makes n calls whose gaps are the answers of gap.
func growing(n int, gap func(i int) float64) *Calls {
	i := -1
	return gaps(n, 1, func() float64 { i++; return gap(i) })
}

func failing(c *Calls) *Calls {
	c.Failed = slices.Repeat([]bool{true}, len(c.Millis))
	return c
}

func holes(c *Calls, at ...int) *Calls {
	c.Holes = make([]bool, len(c.Millis))
	for _, i := range at {
		c.Holes[i] = true
	}
	return c
}

// seen makes the calls of a loop.
func seen(l loop) *Calls { return l.calls(rand.New(rand.NewPCG(1, 7))) }

func fibonacci(i int) float64 { return math.Round(math.Pow(math.Phi, float64(i+4)) / math.Sqrt(5)) }

func TestDescription(t *testing.T) {
	const free = -1 // anything will do
	for _, c := range []struct {
		name    string
		calls   *Calls
		kind    Kind
		period  float64 // within 3 %
		jitter  float64 // within 0.03
		missed  int
		failed  int
		regimes []float64 // their periods, within a tenth
		hours   uint32    // 0 for free
	}{
		{"a loop that sleeps a minute", every(50, 3600, 60.05), Sleep, 60.05, 0, 0, 0, []float64{60}, 1 << 1},
		{"the least that can be told", every(4, 7201, 60.05), Sleep, 60.05, 0, 0, 0, []float64{60}, 1 << 2},
		{"a second", every(300, 0.1, 1.01), Sleep, 1.01, 0, 0, 0, []float64{1}, 0},
		{"half a day", every(14, 0.1, 43_200.5), Sleep, 43_200, 0, 0, 0, []float64{43_200}, 1<<0 | 1<<12},
		{"jitter to both sides", seen(loop{gap: plusMinus(300, .2), hours: 48}), Sleep, 300, .18, 0, 0, []float64{300}, 1<<24 - 1},
		{"jitter to one side", seen(loop{gap: below(300, .2), hours: 48}), Sleep, 270, .1, 0, 0, []float64{270}, 0},
		{"added jitter", seen(loop{gap: above(60, 30), hours: 24}), Sleep, 75, .19, 0, 0, []float64{75}, 0},
		{"jitter of nine tenths", seen(loop{gap: plusMinus(60, .9), hours: 24}), Sleep, free, free, free, 0, nil, 0},
		{"callbacks that are lost, two of them in a row", without(every(60, 0, 60.05), 5, 17, 18, 40), Sleep, 60.05, 0, 4, 0, []float64{60}, 0},
		{"some strays", merged(every(100, 5, 60.05), every(9, 17, 611.3)), Sleep, 60.05, 0, free, 0, []float64{60}, 0},
		{"cron every five minutes", cron(60, 300), Clock, 300, 0, 0, 0, []float64{300}, 0},
		{"cron every hour", cron(60, 3600), Clock, 3600, 0, 0, 0, []float64{3600}, 1<<24 - 1},
		{"nights without a call", seen(loop{gap: plusMinus(300, .1), hours: 96, work: true}), Sleep, 300, .09, 0, 0, []float64{300, 300, 300, 300}, 1<<17 - 1<<8},
		{"a host that is off", seen(loop{gap: plusMinus(300, .1), hours: 24, off: .35}), Sleep, 300, .09, 0, 0, []float64{300, 300}, 0},
		{"another sleep after an hour", merged(every(60, 0, 60.05), every(24, 60*60.05+540, 600.05)), Sleep, 60.05, 0, 0, 0, []float64{60, 600}, 0},
		{"tasks are no other sleep", seen(loop{gap: plusMinus(45, .3), hours: 8, tasks: .05}), Sleep, 45, .28, 0, 0, []float64{free}, 0},
		{"gaps that double", growing(12, func(i int) float64 { return 5 * math.Pow(2, float64(i)) }), Growing, free, free, 0, 0, []float64{free}, 0},
		{"gaps of Fibonacci", growing(14, fibonacci), Growing, free, free, 0, 0, []float64{free}, 0},
		{"side by side connections are one callback", retried(50, 60.05, 0, .02, .1), Sleep, 60.05, 0, 0, 0, []float64{60}, 0},
		{"no callback is answered", failing(every(50, 0, 60.05)), Sleep, 60.05, 0, 0, 50, []float64{60}, 0},
		{"a hole before the first call", holes(every(50, 0, 60.05), 0), Sleep, 60.05, 0, 0, 0, []float64{60}, 0},
		{"holes are no gaps", holes(without(every(60, 0, 60.05), 20, 21, 22, 40), 20, 37), Sleep, 60.05, 0, 0, 0, []float64{60}, 0},
		{"before the origin of time", every(50, -1e6, 60.05), Sleep, 60.05, 0, 0, 0, []float64{60}, 0},
		{"a period of years", every(10, 1e12, 1e12), Sleep, 1e12, 0, 0, 0, []float64{1e12}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a Analyzer
			r := a.Analyze(c.calls)
			if r.PValue > 1e-6 {
				t.Errorf("p-value: got %v, want at most 1e-6", r.PValue)
			}
			if r.Kind != c.kind {
				t.Errorf("kind: got %q, want %q", r.Kind, c.kind)
			}
			if c.period != free && math.Abs(r.Period-c.period) > 0.03*c.period {
				t.Errorf("period: got %v s, want %v s", r.Period, c.period)
			}
			if c.jitter != free && math.Abs(r.Jitter-c.jitter) > 0.03 {
				t.Errorf("jitter: got %v, want %v", r.Jitter, c.jitter)
			}
			if c.missed != free && r.Missed != c.missed {
				t.Errorf("missed: got %d, want %d", r.Missed, c.missed)
			}
			if r.Failed != c.failed {
				t.Errorf("failed: got %d, want %d", r.Failed, c.failed)
			}
			if c.hours != 0 && r.Hours != c.hours {
				t.Errorf("hours: got %024b, want %024b", r.Hours, c.hours)
			}
			if c.regimes == nil {
				return
			}
			if len(r.Regimes) != len(c.regimes) {
				t.Fatalf("regimes: got %v, want %d", r.Regimes, len(c.regimes))
			}
			for i, p := range c.regimes {
				if p != free && math.Abs(r.Regimes[i].PeriodSeconds-p) > 0.1*p {
					t.Errorf("regime %d: got %v, want a period of %v s", i, r.Regimes[i], p)
				}
			}
		})
	}
}

// What real captures taught: series whose gaps lie near no median.
func TestCaptures(t *testing.T) {
	agents := []*Calls{every(200, 0.3, 5.1), every(200, 1.9, 5.1), every(200, 3.1, 5.1)}
	var a Analyzer
	for _, c := range []struct {
		name   string
		calls  *Calls
		failed int
	}{
		{"four attempts every 80.06 s, as Hakai makes them", retried(100, 80.06, 0, 7.2, 15.8, 32.4), 300},
		{"9 s and 14 s in turn", every(100, 0.12, 9.03, 14.02), 0},
		{"three agents of 5.1 s in processes of one name", merged(agents...), 0},
		{"a timer among as many strays", seen(loop{gap: plusMinus(300, 0), hours: 24, stray: 1}), 0},
	} {
		r := a.Analyze(c.calls)
		if r.PValue > 1e-6 || r.Kind == None {
			t.Errorf("%s: got %q with p = %v, want a timer with p <= 1e-6", c.name, r.Kind, r.PValue)
		}
		if r.Merged < 1 && r.Failed != c.failed { // merging makes an answered callback of all attempts
			t.Errorf("%s: got %d failed callbacks, want %d", c.name, r.Failed, c.failed)
		}
	}
}

func TestNothingToTell(t *testing.T) {
	same := &Calls{Millis: slices.Repeat([]int64{1_700_000_000_000}, 100)}
	var a Analyzer
	a.Analyze(every(500, 0, 60)) // what an analyzer did before does not show
	for _, c := range []struct {
		name      string
		calls     *Calls
		callbacks int
	}{
		{"no call", &Calls{}, 0},
		{"one call", &Calls{Millis: []int64{5}}, 1},
		{"three calls", every(3, 0, 60), 3},
		{"calls at one time", same, 1},
		{"calls side by side", every(100, 0, 0.2), 1},
		{"three callbacks of many calls", every(60, 0, append(slices.Repeat([]float64{0.1}, 19), 60)...), 3},
	} {
		if diff := cmp.Diff(Result{PValue: 1, Callbacks: c.callbacks}, a.Analyze(c.calls)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestLongSeries(t *testing.T) {
	long := seen(loop{gap: plusMinus(10, .3), hours: 13})
	long.Millis = long.Millis[:MaxCalls+1]
	long.Failed = make([]bool, MaxCalls+1)
	long.Failed[0], long.Failed[9] = true, true
	holes(long, 0, 5)
	newest := &Calls{Millis: long.Millis[1:], Failed: long.Failed[1:], Holes: long.Holes[1:]}
	var a Analyzer
	want := a.Analyze(newest)
	if diff := cmp.Diff(want, a.Analyze(long)); diff != "" {
		t.Errorf("one call more than is looked at (-newest +all):\n%s", diff)
	}
	if want.Callbacks != MaxCalls || want.Failed != 1 {
		t.Errorf("got %d callbacks, %d failed, want %d and 1", want.Callbacks, want.Failed, MaxCalls)
	}
}

// TestRandomIsNotDescribed holds that a series that looks like no timer has no period.
func TestRandomIsNotDescribed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var a Analyzer
	plain := 0
	for range 100 {
		r := a.Analyze(random(10, 3600, 1)(rng, 50))
		if r.PValue <= MaxPValue {
			continue
		}
		plain++
		r.Failed, r.Callbacks, r.PValue = 0, 0, 0
		if diff := cmp.Diff(Result{}, r); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	}
	if plain < 60 {
		t.Errorf("%d of 100 random series have a p-value above %v, want about 80", plain, MaxPValue)
	}
}

func TestAllocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var series []*Calls
	for range 32 {
		series = append(series, random(10, 3600, 1)(rng, 200), loop{gap: plusMinus(60, .3), hours: 4}.calls(rng))
	}
	var a Analyzer
	for _, c := range series {
		a.Analyze(c)
	}
	for i, c := range series {
		regimes := len(a.Analyze(c).Regimes)
		if got, most := testing.AllocsPerRun(10, func() { a.Analyze(c) }), float64(regimes); got > most { // for their list, which grows
			t.Errorf("series %d with %d regimes: %v allocations, want at most %v", i, regimes, got, most)
		}
	}
}

// mostMillis is how far from 1970 an event can be, whose nanoseconds have 64 bits.
const mostMillis = math.MaxInt64 / 1_000_000

// FuzzAnalyze makes calls of any bytes: eight of a time, or two of a gap, with flags.
func FuzzAnalyze(f *testing.F) {
	for _, c := range []*Calls{
		every(20, 0, 60.05), every(20, 1.7e9, 9, 14), every(30, -3, 0, 0, 1e12), retried(8, 80.06, 0, 7.2, 15.8, 32.4),
		growing(12, func(i int) float64 { return 5 * math.Pow(2, float64(i)) }),
		{Millis: []int64{-mostMillis, -5, 0, 7, 1 << 40, 1 << 42, mostMillis - 1, mostMillis}},
	} {
		var data []byte
		for i, t := range c.Millis {
			data = binary.LittleEndian.AppendUint64(data, uint64(t))
			data = append(data, byte(i))
		}
		f.Add(data, false)
	}
	f.Add([]byte("\x10\x00\x10\x00\x10\x00\x20\x40\x10\x80\x10\x01"), true)
	f.Fuzz(func(t *testing.T, data []byte, short bool) {
		c := &Calls{}
		add := func(t int64, flags byte) {
			c.Millis = append(c.Millis, t)
			c.Failed = append(c.Failed, flags&1 != 0)
			c.Holes = append(c.Holes, flags&6 == 6)
		}
		for at := int64(0); short && len(data) >= 2; data = data[2:] {
			at += int64(data[0]) << (data[1] >> 3) // up to 255 * 2^31 ms
			add(min(at, mostMillis), data[1])
		}
		for ; len(data) >= 9; data = data[9:] {
			add(int64(binary.LittleEndian.Uint64(data))%(mostMillis+1), data[8])
		}
		slices.Sort(c.Millis)
		before := &Calls{slices.Clone(c.Millis), slices.Clone(c.Failed), slices.Clone(c.Holes)}
		var a Analyzer
		r := a.Analyze(c)
		if !reflect.DeepEqual(c, before) {
			t.Error("the calls were changed")
		}
		if !(r.PValue > 0 && r.PValue <= 1) {
			t.Errorf("p-value: got %v, want more than 0, at most 1", r.PValue)
		}
		if r.Callbacks < 0 || r.Callbacks > len(c.Millis) || r.Failed < 0 || r.Failed > r.Callbacks {
			t.Errorf("got %d callbacks, %d failed, of %d calls", r.Callbacks, r.Failed, len(c.Millis))
		}
		if !(r.Period >= 0 && r.Period <= math.MaxFloat64 && r.Jitter >= 0 && r.Jitter <= 1) || r.Missed < 0 {
			t.Errorf("got period %v, jitter %v, %d missed", r.Period, r.Jitter, r.Missed)
		}
		if r.PValue <= MaxPValue != (r.Kind != None) || r.Kind > Growing || r.Hours>>24 != 0 {
			t.Errorf("got kind %q, hours %b with p-value %v", r.Kind, r.Hours, r.PValue)
		}
		last, callbacks := int64(math.MinInt64), 0
		for _, g := range r.Regimes {
			if g.FirstMillis < last || g.LastMillis < g.FirstMillis || !(g.PeriodSeconds >= 0) {
				t.Errorf("regimes: got %v", r.Regimes)
			}
			last = g.LastMillis
			callbacks += g.Callbacks
		}
		if callbacks > r.Callbacks {
			t.Errorf("the regimes have %d of %d callbacks", callbacks, r.Callbacks)
		}
		if again := a.Analyze(c); !reflect.DeepEqual(r, again) {
			t.Errorf("once more: got %v, want %v", again, r)
		}
	})
}
