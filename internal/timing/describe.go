package timing

import (
	"math"
	"slices"
)

// describe fills in what the timer looks like.
func (a *Analyzer) describe(r *Result, l *level, best test) {
	r.Kind = Sleep
	period, low, high := l.spread()
	switch {
	case best == testPeak && (high-low > period || l.near(low, high) < 0.5):
		if p, _ := a.peak(l, 0); p.ratio > 0 {
			from, to := binEdge(p.from), binEdge(p.to)
			period, low, high = (from+to)/2, from, to
		}
		r.Kind = Mixture
	case best == testGrowth || l.grows():
		r.Kind = Growing
	default:
		if l.isClock(period) {
			r.Kind = Clock
		}
	}
	r.Period = period
	if period > 0 {
		r.Jitter = min(1, (high-low)/2/period)
	}
	for _, t := range l.times {
		r.Hours |= 1 << ((t%86_400_000 + 86_400_000) % 86_400_000 / 3_600_000)
	}
	if r.Kind == Growing {
		r.Regimes = []Regime{{l.times[0], l.times[len(l.times)-1], len(l.times), period}}
		return
	}
	a.regimes(r, l)
}

// spread returns the middle of the gaps that are neither pauses nor cut short by other calls,
// and their range.
//
// The period is the median of the half of the gaps that lie closest together (in logarithms):
// strays make gaps shorter and losses make them longer, the timer's own stay.
func (l *level) spread() (period, low, high float64) {
	s := l.steady
	if len(s) == 0 {
		return 0, 0, 0
	}
	from, to := closestHalf(s)
	core := s[from:to]
	period = quantile(core, 0.5)
	// All gaps that may be the timer's: within three times the core's half width, but not
	// as far as gaps in which a callback is missing.
	width := max(3*(core[len(core)-1]-core[0])/2, 0.02*period)
	from, _ = slices.BinarySearch(s, period-width)
	to, _ = slices.BinarySearch(s, math.Nextafter(min(period+width, 1.95*period), math.Inf(1)))
	near := s[from:to]
	if len(near) == 0 {
		near = core
	}
	return quantile(near, 0.5), quantile(near, 0.03), quantile(near, 0.97)
}

// near returns the share of the gaps, pauses apart, from low to high.
func (l *level) near(low, high float64) float64 {
	n := 0
	for _, g := range l.steady {
		if g >= low && g <= high {
			n++
		}
	}
	return float64(n) / float64(max(1, len(l.steady)))
}

// grows reports that nearly every gap is longer than the one before, by much in all: back-off
// by a summand, whose factors fall to 1.
func (l *level) grows() bool {
	n := len(l.gaps)
	if n < 6 || l.gaps[0] == 0 || l.gaps[n-1] < 3*l.gaps[0] {
		return false
	}
	longer := 0
	for i := 1; i < n; i++ {
		if l.gaps[i] > l.gaps[i-1] {
			longer++
		}
	}
	return 10*longer >= 9*(n-1)
}

// isClock reports that callbacks come at set times: all at the same phase of a period that
// divides the hour or the day, closer than a loop that sleeps so long would keep it.
func (l *level) isClock(period float64) bool {
	n := len(l.times)
	if n < 10 { // too few to tell a clock from a loop that loses no time
		return false
	}
	times := l.times[max(0, n-maxClockCalls):]
	last := int64(0)
	for _, round := range [...]float64{3600, 60, 30, 10, 5} {
		p := math.Round(period/round) * round
		if p < 5 || math.Abs(p-period) > 0.02*p+0.5 || math.Mod(86400, p) != 0 && math.Mod(p, 3600) != 0 {
			continue
		}
		millis := int64(p * 1000)
		if millis == last {
			continue
		}
		last = millis
		var x, y, early, late float64
		drift := 0.0
		quarter := len(times) / 4
		for i, t := range times {
			sin, cos := math.Sincos(2 * math.Pi * float64((t%millis+millis)%millis) / float64(millis))
			x += cos
			y += sin
			if i > 0 { // the phase, followed round the circle
				if d := math.Mod(float64(t-times[i-1]), float64(millis)); d > float64(millis)/2 {
					drift += d - float64(millis)
				} else {
					drift += d
				}
			}
			switch {
			case i < quarter:
				early += drift
			case i >= len(times)-quarter:
				late += drift
			}
		}
		// A loop drifts, by the time that each call takes if by nothing else; a clock stays.
		moved := math.Abs(late-early) / float64(max(1, quarter))
		if math.Hypot(x, y)/float64(len(times)) > 0.98 && moved < max(500, 5*float64(len(times))) {
			return true
		}
	}
	return false
}

// maxClockCalls is how many callbacks isClock looks at.
const maxClockCalls = 256

// regimes splits the callbacks where the timer pauses or changes its period, and counts the
// callbacks that are missing within.
func (a *Analyzer) regimes(r *Result, l *level) {
	const most = 64 // regimes that are listed; the last one takes the rest
	period := r.Period
	start := 0
	flush := func(end int) { // callbacks start..end-1
		if end-start >= 3 || len(r.Regimes) == 0 && end == len(l.times) {
			r.Regimes = append(r.Regimes, Regime{l.times[start], l.times[end-1], end - start, regimePeriod(a, l, start, end)})
		}
		start = end
	}
	tolerance := 1.3 + 2*r.Jitter
	near := func(i int, p float64) bool {
		g := l.gaps[i]
		return g < p*tolerance && g > p/tolerance
	}
	for i, g := range l.gaps {
		if g == 0 || near(i, period) {
			continue
		}
		// A gap of another length: the first of a new period, a pause, a lost callback, or a stray.
		run := 4 // gaps alike that make a period
		if g < period {
			run = int(min(24, max(8, period/g))) // a task or retries make several short ones, in less than a period
		}
		if i+run <= len(l.gaps) && r.Kind != Mixture && len(r.Regimes) < most {
			p := l.gaps[i]
			same := p > 0
			for j := i + 1; j < i+run && same; j++ {
				same = near(j, p) && l.gaps[j] > 0
			}
			if same {
				flush(i + 1)
				period = p
				continue
			}
		}
		if g > max(l.cut, period*3) && len(r.Regimes) < most {
			flush(i + 1)
			continue
		}
		if k := math.Round(g / period); k >= 2 {
			r.Missed += int(k) - 1
		}
	}
	flush(len(l.times))
}

// regimePeriod is the median gap of callbacks start..end-1.
func regimePeriod(a *Analyzer, l *level, start, end int) float64 {
	s := a.running[:0]
	for _, g := range l.gaps[start:max(start, end-1)] {
		if g > 0 {
			s = append(s, g)
		}
	}
	a.running = s
	if len(s) == 0 {
		return 0
	}
	a.sorter.sort(s)
	return quantile(s, 0.5)
}
