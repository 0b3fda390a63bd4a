// Package timing tells from the times of calls whether a timer makes them, and which.
//
// The reference statistics (package beacon) look at counts in buckets, and a sleep loop with
// jitter is lost to them. This package looks at the gaps between calls. It is pure: no
// clock, no I/O, no goroutines.
package timing

import "math"

// MinCalls is the least number of callbacks that can be tested: three gaps.
const MinCalls = 4

// baseMerge is how close, in seconds, calls are always one callback: the connections that a
// client opens side by side.
const baseMerge = 0.3

// MaxCalls is how many calls of a series are looked at; of a longer one the newest.
const MaxCalls = 4096

// Calls are the calls of one series, oldest first.
type Calls struct {
	Millis []int64 // when, milliseconds since any origin, rising
	Failed []bool  // not answered; nil when none was
	Holes  []bool  // calls are missing just before this one, because they were not kept; nil for nowhere
}

// A Kind is what the timer is.
type Kind uint8

// The kinds.
const (
	None    Kind = iota
	Sleep        // a loop that sleeps: gaps are alike, their sum drifts
	Clock        // calls at set times of the clock
	Mixture      // a timer among other calls, or several timers
	Growing      // gaps grow by a factor or a summand: back-off
)

var kindNames = [...]string{"", "sleep", "clock", "mixture", "growing"}

// String returns the word of documents for k; empty for None.
func (k Kind) String() string { return kindNames[k] }

// A Regime is a stretch of calls with one period, between pauses or changes of the period.
type Regime struct {
	FirstMillis, LastMillis int64
	Callbacks               int
	PeriodSeconds           float64
}

// A Result is what a series of calls looks like.
type Result struct {
	Kind      Kind    // None where PValue is above MaxPValue
	PValue    float64 // probability that calls at random times, as many, look as much like a timer
	Period    float64 // seconds: the median gap between callbacks of the timer
	Jitter    float64 // half the width of the gaps' range over the period, 0 to 1
	Callbacks int     // a burst of retries counted once
	Missed    int     // callbacks that the timer should have made in its regimes
	Merged    float64 // seconds: calls closer than this were taken for one callback
	Failed    int     // callbacks of which no attempt was answered
	Regimes   []Regime
	Hours     uint32 // bit h: there were callbacks in hour h of the day, when the origin is midnight UTC
}

// An Analyzer has the memory that Analyze works in. It is not safe for concurrent use.
type Analyzer struct {
	stretches    Calls
	level        [3]level
	running      []float64
	summed       []int32
	hist, across []int32
	places       []int32
	gaps         []uint64
	sorter       sorter
}

// A level is a series after calls closer than a threshold were merged into callbacks.
type level struct {
	merge  float64   // seconds
	times  []int64   // first call of each callback
	at     []float64 // the same in seconds, moved by a fraction of a tick
	failed int       // callbacks without an answered call
	gaps   []float64 // seconds between callbacks; 0 across a hole
	sorted []float64 // the gaps that are not 0, sorted
	steady []float64 // of these, the ones that are not pauses
	cut    float64   // gaps above are pauses; +Inf where there are none
	width  float64   // of steady, see widthOf; 0 where there are too few to tell
	heavy  bool      // whether steady may be heavy-tailed
}

// Analyze looks at calls. With fewer than MinCalls callbacks the result has Kind None and
// PValue 1. Of more than 2*screenBlocks*screenBlock calls three stretches are looked at first, and
// the whole only where these may have a timer. It neither keeps nor changes the slices of c.
func (a *Analyzer) Analyze(c *Calls) Result {
	if len(c.Millis) > 2*screenBlocks*screenBlock {
		if p := a.screen(c); p > MaxPValue {
			return Result{PValue: p, Callbacks: len(c.Millis)}
		}
	}
	score, best, lv, steady := a.score(c)
	if lv == nil {
		return Result{PValue: 1, Callbacks: len(a.level[0].times)}
	}
	p := finalP(len(a.level[0].times), score)
	if p > MaxPValue {
		return Result{PValue: p, Callbacks: len(a.level[0].times), Failed: a.level[0].failed}
	}
	if steady != nil { // the callbacks of a timer tell more of it than the calls around them
		lv, best = steady, testShape
	}
	r := Result{PValue: p, Callbacks: len(lv.times), Merged: lv.merge, Failed: lv.failed}
	a.describe(&r, lv, best)
	return r
}

// A long series is looked at in some stretches of it first: its beginning, its middle and its
// end. Most have no timer, and the whole is looked at when these may have one.
const (
	screenBlocks = 3
	screenBlock  = 96
)

// screen returns the p-value of stretches of a series.
func (a *Analyzer) screen(c *Calls) float64 {
	s := &a.stretches
	s.Millis, s.Failed, s.Holes = s.Millis[:0], nil, s.Holes[:0]
	for i := range screenBlocks {
		from := i * (len(c.Millis) - screenBlock) / (screenBlocks - 1)
		for j := from; j < from+screenBlock; j++ {
			s.Millis = append(s.Millis, c.Millis[j])
			s.Holes = append(s.Holes, j == from || c.Holes != nil && c.Holes[j])
		}
	}
	score, _, lv, _ := a.score(s)
	if lv == nil {
		return 1
	}
	return finalP(len(a.level[0].times), score)
}

// MaxPValue is the p-value above which a Result says nothing of a timer.
const MaxPValue = 0.2

// A test is one of the statistics.
type test uint8

const (
	testShape  test = iota // all gaps are alike
	testLocal              // neighbouring gaps are alike
	testPeak               // many pairs of calls are the same time apart
	testGrowth             // each gap is the one before times a factor
	testCount
)

// score returns the greatest -log10 of a test's own p-value over all tests and levels, the
// test and the level that gave it. steady is the level whose gaps are most alike, nil unless
// they are so beyond doubt.
func (a *Analyzer) score(c *Calls) (score float64, best test, lv, steady *level) {
	levels := a.levels(c)
	alike := 0.0
	for i := range levels {
		l := &levels[i]
		if len(l.times) < MinCalls {
			continue
		}
		for _, t := range [...]test{testShape, testLocal, testGrowth} {
			stat, n := a.statistic(t, l)
			if n < MinCalls-1 {
				continue
			}
			s := testScore(t, n, stat)
			if s > score || lv == nil {
				score, best, lv = s, t, l
			}
			if t == testShape && s > alike {
				alike, steady = s, l
			}
		}
	}
	// Merging would only take calls away from peaks. Finding them costs most, and less where they
	// need not be told that the other tests outdo.
	if l := &levels[0]; l.peakGaps() >= peakLeastGaps {
		p, n := a.peak(l, nullTests[testPeak].statistic(l.peakGaps(), score, ratioScore))
		if s := testScore(testPeak, n, p.ratio); s > score {
			score, best, lv = s, testPeak, l
		}
	}
	if alike < max(clearScore, score/2) {
		steady = nil
	}
	return score, best, lv, steady
}

// clearScore is the score of testShape from which gaps are alike beyond doubt.
const clearScore = 8

// statistic returns a test's statistic on a level and the number of gaps that it saw.
func (a *Analyzer) statistic(t test, l *level) (stat float64, n int) {
	switch t {
	case testShape:
		return a.shape(l)
	case testLocal:
		return a.local(l)
	case testPeak:
		p, n := a.peak(l, 0)
		return p.ratio, n
	default:
		return a.growth(l)
	}
}

// levels fills a.level and returns those that differ.
func (a *Analyzer) levels(c *Calls) []level {
	from := max(0, len(c.Millis)-MaxCalls)
	millis := c.Millis[from:]
	tick := int64(1)
	if len(millis) >= MinCalls {
		tick = 1000
		for _, t := range millis {
			if t%1000 != 0 {
				tick = 1
				break
			}
		}
	}
	base := baseMerge
	if tick > 1 {
		base = 0
	}
	failed := func(i int) bool { return c.Failed != nil && c.Failed[from+i] }
	hole := func(i int) bool { return c.Holes != nil && i > 0 && c.Holes[from+i] }
	dither := float64(tick) / 1000
	a.level[0].fill(millis, failed, hole, base, dither, &a.sorter)
	l0 := &a.level[0]
	count := 1
	if len(l0.gaps) >= 6 {
		jumps, n := l0.jumps()
		for _, m := range jumps[:n] {
			l := &a.level[count]
			l.fill(millis, failed, hole, m, dither, &a.sorter)
			if len(l.times) >= MinCalls {
				count++
			}
		}
	}
	for i := range a.level[:count] {
		a.level[i].cutPauses()
		a.level[i].measure()
	}
	return a.level[:count]
}

// fill merges calls that are at most merge seconds after the one before.
//
// Times are known only to a tick, and gaps of equal ticks would look more alike than they
// are: every time is moved by a fraction of a tick that looks random and depends on the
// call's place alone.
func (l *level) fill(millis []int64, failed, hole func(int) bool, merge, tick float64, sort *sorter) {
	l.merge, l.failed = merge, 0
	l.times, l.at, l.gaps = l.times[:0], l.at[:0], l.gaps[:0]
	answered := true
	limit := int64(merge * 1000)
	start := 0.0
	for i, t := range millis {
		if i > 0 && t-millis[i-1] <= limit && !hole(i) {
			answered = answered || !failed(i)
			continue
		}
		if !answered {
			l.failed++
		}
		answered = !failed(i)
		at := float64(t)/1000 + tick*fraction(uint64(i)*0x9e3779b97f4a7c15+uint64(t))
		if len(l.times) > 0 {
			if hole(i) {
				l.gaps = append(l.gaps, 0)
			} else {
				l.gaps = append(l.gaps, max(at-start, 1e-4))
			}
		}
		l.times, l.at = append(l.times, t), append(l.at, at)
		start = at
	}
	if !answered {
		l.failed++
	}
	l.sorted = l.sorted[:0]
	for _, g := range l.gaps {
		if g > 0 {
			l.sorted = append(l.sorted, g)
		}
	}
	sort.sort(l.sorted)
}

// fraction returns a number in [0, 1) that depends on x as if it were random (splitmix64).
func fraction(x uint64) float64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11) / (1 << 53)
}

// jumps returns the thresholds, at most two, at which the gaps fall most clearly into short
// and long ones: between retries of a callback and the wait for the next.
func (l *level) jumps() (at [2]float64, n int) {
	s := l.sorted
	var found [2]struct{ ratio, at float64 }
	for i := max(1, len(s)/6); i < len(s)-max(2, len(s)/12); i++ {
		ratio := s[i] / s[i-1]
		if ratio < 1.5 {
			continue
		}
		at := math.Sqrt(s[i] * s[i-1])
		switch {
		case ratio > found[0].ratio:
			found[1] = found[0]
			found[0].ratio, found[0].at = ratio, at
		case ratio > found[1].ratio:
			found[1].ratio, found[1].at = ratio, at
		}
	}
	for _, f := range found {
		if f.ratio > 0 {
			at[n] = f.at
			n++
		}
	}
	return at, n
}

// cutPauses finds the length above which a gap is a pause: nights, hosts that were off.
func (l *level) cutPauses() {
	l.steady, l.cut = l.sorted, math.Inf(1)
	n := len(l.sorted)
	if n < 6 {
		return
	}
	// Pauses stand apart from the other gaps; the long end of heavy-tailed gaps does not.
	limit := 5 * quantile(l.sorted, 0.6)
	for at := max(MinCalls-1, n-max(3, n/12)); at < n; at++ {
		if l.sorted[at] > limit && l.sorted[at] >= 2*l.sorted[at-1] {
			l.steady, l.cut = l.sorted[:at], l.sorted[at-1]*1.4
			return
		}
	}
}

// quantile returns a quantile of sorted values, interpolated.
func quantile(s []float64, q float64) float64 {
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}
