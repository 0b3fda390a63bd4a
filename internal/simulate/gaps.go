package simulate

import (
	"math"
	"math/rand/v2"
)

// A gapKind is a model of the time from one call to the next. Comments give the distribution
// for the period T and the jitter j; U[a, b] is uniform.
type gapKind uint8

const (
	gapFixed     gapKind = iota // T
	gapBelow                    // U[T(1-j), T]
	gapAbout                    // U[T(1-j), T(1+j)]
	gapAdded                    // T + U[0, jT)
	gapLattice                  // k = random mod 100j; T(1+k/100) for even k, T(1-k/100) for odd; whole seconds, cut off
	gapInteger                  // whole seconds of U[(1-j)T, (1+j)T)
	gapRounded                  // T + or - a whole number below round(jT), whole seconds
	gapRamp                     // n-th empty poll: 10 ms x n below the 10th, then 100 ms x n, at most T
	gapFibonacci                // T x 1, 1, 2, 3, 5, ... up to high
	gapDoubling                 // T x 1, 2, 4, ... up to high, where it stays
	gapBackoff                  // T x 1, 2, 4, ... up to high, then from T again
	gapNormal                   // normal: mean T, standard deviation jT
	gapPauses                   // U[T(1-j), T(1+j)]; one in eleven is 2 to 8 times as long
	gapTwo                      // T and high in turn, each +- j
	gapClock                    // on the clock: a multiple of T, shifted by phase, then a run time noise of up to jT
	gapPoisson                  // exponential, mean T
	gapLogNormal                // median T, sigma j
	gapHeavy                    // Pareto from T with exponent j, cut off at high
	gapBursts                   // on/off: some calls U[0, 2] s apart, then exponential with mean T
)

// gaps says when the next call is due.
type gaps struct {
	kind   gapKind
	period float64 // T, seconds
	jitter float64 // j
	high   float64 // seconds
	phase  float64 // seconds, of gapClock
	n      int     // calls since the start of the program
}

// next returns the seconds from a call at now to the next. It never returns less than 1 ms.
func (g *gaps) next(r *rand.Rand, now float64) float64 {
	g.n++
	t, j := g.period, g.jitter
	var d float64
	switch g.kind {
	case gapFixed:
		d = t
	case gapBelow:
		d = between(r, t*(1-j), t)
	case gapAbout:
		d = between(r, t*(1-j), t*(1+j))
	case gapAdded:
		d = t + r.Float64()*j*t
	case gapLattice:
		k := 0
		if percent := int(100*j + 0.5); percent > 0 {
			k = r.IntN(percent)
		}
		share := float64(k) / 100
		if k%2 == 1 {
			share = -share
		}
		d = math.Floor(t*(1+share) + 1e-9) // 128.99... of floats is 129
	case gapInteger:
		d = math.Floor(between(r, t*(1-j), t*(1+j)))
	case gapRounded:
		d = math.Round(t)
		if n := int(math.RoundToEven(t * j)); n > 0 {
			d += float64(r.IntN(n)) * float64(1-2*r.IntN(2))
		}
	case gapRamp:
		d = 0.01 * float64(g.n)
		if g.n >= 10 {
			d = 0.1 * float64(g.n)
		}
		d = min(d, t)
	case gapFibonacci:
		a, b := 1.0, 1.0
		for i := 1; i < g.n && t*a < g.high; i++ {
			a, b = b, a+b
		}
		d = min(t*a, g.high)
	case gapDoubling:
		d = min(t*math.Exp2(float64(min(g.n-1, 40))), g.high)
	case gapBackoff:
		d = t * math.Exp2(float64(min(g.n-1, 40)))
		if d >= g.high {
			d, g.n = g.high, 0
		}
		d *= between(r, 1-j, 1+j)
	case gapNormal:
		d = max(t*(1+j*r.NormFloat64()), t/10)
	case gapPauses:
		d = between(r, t*(1-j), t*(1+j))
		if r.IntN(11) == 0 {
			d *= between(r, 2, 8)
		}
	case gapTwo:
		d = t
		if g.n%2 == 0 {
			d = g.high
		}
		d *= between(r, 1-j, 1+j)
	case gapClock:
		tick := math.Floor((now-g.phase)/t)*t + g.phase
		d = tick + t + r.Float64()*j*t - now
	case gapPoisson:
		d = t * r.ExpFloat64()
	case gapLogNormal:
		d = logNormal(r, t, j)
	case gapHeavy:
		d = min(t*math.Pow(1-r.Float64(), -1/j), g.high)
	case gapBursts:
		d = 2 * r.Float64()
		if r.IntN(6) == 0 {
			d = t * r.ExpFloat64()
		}
	}
	return max(d, 0.001)
}

// loops reports whether the program sleeps between its calls, so that what a call takes is
// added to the gap and the phase drifts.
func (g *gaps) loops() bool { return g.kind < gapClock }

func fixed(period float64) gaps      { return gaps{kind: gapFixed, period: period} }
func about(period, j float64) gaps   { return gaps{kind: gapAbout, period: period, jitter: j} }
func added(period, j float64) gaps   { return gaps{kind: gapAdded, period: period, jitter: j} }
func below(period, j float64) gaps   { return gaps{kind: gapBelow, period: period, jitter: j} }
func normal(period, sd float64) gaps { return gaps{kind: gapNormal, period: period, jitter: sd} }
func poisson(period float64) gaps    { return gaps{kind: gapPoisson, period: period} }
func spread(median, sigma float64) gaps {
	return gaps{kind: gapLogNormal, period: median, jitter: sigma}
}
func bursts(pause float64) gaps { return gaps{kind: gapBursts, period: pause} }
func clock(period, noise float64) gaps {
	return gaps{kind: gapClock, period: period, jitter: noise / period}
}
func heavy(least, alpha, most float64) gaps {
	return gaps{kind: gapHeavy, period: least, jitter: alpha, high: most}
}
func doubling(first, last float64) gaps { return gaps{kind: gapDoubling, period: first, high: last} }
func backoff(first, last, j float64) gaps {
	return gaps{kind: gapBackoff, period: first, high: last, jitter: j}
}
