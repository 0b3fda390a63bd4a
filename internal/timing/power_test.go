package timing

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A loop is a timer, and what happens to its callbacks.
type loop struct {
	gap    func(rng *rand.Rand, i int) float64 // seconds from callback i to the next
	hours  float64                             // how long it is watched
	lost   float64                             // share of the callbacks that are not made
	stray  float64                             // calls at random times, as a share of the callbacks
	off    float64                             // share of the time in one pause
	tasks  float64                             // share of the callbacks that are followed by a burst of calls
	work   bool                                // silent from 17 to 8 o'clock
	whole  bool                                // times are known to the second
	agents int                                 // loops at a time, 0 for one
}

// calls returns what is seen of l. Every sleep takes 50 ms and some more for the call itself.
func (l loop) calls(rng *rand.Rand) *Calls {
	var times []float64
	window := l.hours * 3600
	for range max(1, l.agents) {
		t := 0.0
		for i := 0; t < window; i++ {
			if day := math.Mod(t, 86400); l.work && (day < 8*3600 || day >= 17*3600) {
				t += math.Mod(8*3600-day+86400, 86400)
				continue
			}
			if i == 0 {
				t += rng.Float64() * l.gap(rng, 0) // agents begin at different times
			}
			if rng.Float64() >= l.lost {
				times = append(times, t)
			}
			if rng.Float64() < l.tasks {
				for u, n := t, 1+rng.IntN(20); n > 0; n-- {
					u += 0.2 + rng.ExpFloat64()*2
					times = append(times, u)
				}
			}
			t += l.gap(rng, i) + 0.05 + rng.ExpFloat64()*0.1
		}
	}
	for range int(float64(len(times)) * l.stray) {
		times = append(times, rng.Float64()*window)
	}
	slices.Sort(times)
	c := &Calls{}
	for _, t := range times {
		switch {
		case t > 0.3*window && t < (0.3+l.off)*window:
		case l.whole:
			c.Millis = append(c.Millis, int64(t)*1000)
		default:
			c.Millis = append(c.Millis, int64(t*1000))
		}
	}
	return c
}

// The models of frameworks, in c2-timing.md.

// plusMinus is U[T(1-j), T(1+j)].
func plusMinus(period, jitter float64) func(*rand.Rand, int) float64 {
	return func(rng *rand.Rand, _ int) float64 { return period * (1 + jitter*(2*rng.Float64()-1)) }
}

// below is U[T(1-j), T], as Cobalt Strike has it.
func below(period, jitter float64) func(*rand.Rand, int) float64 {
	return func(rng *rand.Rand, _ int) float64 { return period * (1 - jitter*rng.Float64()) }
}

// above is T + U[0, J) with J in seconds, as Sliver has it.
func above(period, seconds float64) func(*rand.Rand, int) float64 {
	return func(rng *rand.Rand, _ int) float64 { return period + seconds*rng.Float64() }
}

// lattice is a whole number of seconds, as Poseidon and Covenant have it.
func lattice(period, jitter float64) func(*rand.Rand, int) float64 {
	return func(rng *rand.Rand, _ int) float64 { return math.Trunc(period * (1 + jitter*(2*rng.Float64()-1))) }
}

// ramp grows from 0.1 s by 0.1 s up to 10 s and begins again at a task, as Meterpreter does.
func ramp() func(*rand.Rand, int) float64 {
	step := 0
	return func(rng *rand.Rand, i int) float64 {
		if i == 0 || rng.Float64() < 0.002 {
			step = 0
		}
		step++
		return min(10, 0.1*float64(step))
	}
}

// changes sleeps 60 s, and an hour from callback 60 on.
func changes(rng *rand.Rand, i int) float64 {
	if i < 60 {
		return plusMinus(60, 0.2)(rng, i)
	}
	return plusMinus(3600, 0.2)(rng, i)
}

// slower sleeps 60 s, and five minutes from callback 240 on.
func slower(rng *rand.Rand, i int) float64 {
	if i < 240 {
		return plusMinus(60, 0.7)(rng, i)
	}
	return plusMinus(300, 0.7)(rng, i)
}

// grows multiplies the gap by a factor from 10 s on, up to an hour, and begins again.
func grows(factor float64) func(*rand.Rand, int) float64 {
	steps := int(math.Log(360)/math.Log(factor)) + 1
	return func(rng *rand.Rand, i int) float64 {
		return 10 * math.Pow(factor, float64(i%steps)) * (1 + 0.02*rng.Float64())
	}
}

// down sleeps 60 s; from callback 100 to 115 the server is away and each sleep is twice the one
// before, up to half an hour.
func down(rng *rand.Rand, i int) float64 {
	t := plusMinus(60, 0.2)(rng, i)
	if i >= 100 && i < 115 {
		return min(1800, t*math.Pow(2, float64(i-99)))
	}
	return t
}

// A condition is a timer, with the least share of its series that must have p <= 0.01.
type condition struct {
	name  string
	loop  loop
	least float64
}

// conditions are those of c2-timing.md: the table of statistics, the frameworks, and what a
// simulator must cover.
func conditions() []condition {
	all := []condition{}
	const fiveMinutes = "300 s ± %g %%, 6 h%s"
	for _, c := range []struct {
		what  string
		loop  loop
		least [4]float64 // by jitter
	}{
		{"", loop{}, [4]float64{1, 1, 1, .9}},
		{", 10 % lost", loop{lost: .1}, [4]float64{1, 1, 1, .85}},
		{", 20 % lost", loop{lost: .2}, [4]float64{1, 1, .95, .7}},
		{", 20 % strays", loop{stray: .2}, [4]float64{1, 1, 1, .6}},
		{", as many strays", loop{stray: 1}, [4]float64{1, .85, .05, .02}},
		{", off a third of the time", loop{off: .35}, [4]float64{1, 1, 1, .7}},
		{", two at a time", loop{agents: 2}, [4]float64{1, .95, .75, .4}},
		{", every tenth with a task", loop{tasks: .1}, [4]float64{1, 1, .95, .7}},
		{", whole seconds", loop{whole: true}, [4]float64{1, 1, 1, .9}},
	} {
		for i, jitter := range []float64{0, .1, .3, .9} {
			l := c.loop
			l.gap, l.hours = plusMinus(300, jitter), 6
			all = append(all, condition{fmt.Sprintf(fiveMinutes, jitter*100, c.what), l, c.least[i]})
		}
	}
	return append(all, []condition{
		{"1 h ± 50 %, 24 h, 20 % strays", loop{gap: plusMinus(3600, .5), hours: 24, stray: .2}, .8},
		{"8 h ± 50 %, 7 days", loop{gap: plusMinus(8*3600, .5), hours: 168}, .9},
		{"12 h, 7 days", loop{gap: plusMinus(12*3600, 0), hours: 168}, 1},
		{"12 h ± 20 %, 7 days", loop{gap: plusMinus(12*3600, .2), hours: 168}, .95},
		{"24 h ± 10 %, 14 days", loop{gap: plusMinus(24*3600, .1), hours: 336}, 1},
		{"900 s - 25 %, 24 h (Cobalt Strike)", loop{gap: below(900, .25), hours: 24}, 1},
		{"60 s - 90 %, 6 h", loop{gap: below(60, .9), hours: 6}, 1},
		{"60 s + 30 s, 6 h (Sliver)", loop{gap: above(60, 30), hours: 6}, 1},
		{"30 s to 60 s, 6 h (Caldera)", loop{gap: above(30, 30), hours: 6}, 1},
		{"10 s ± 23 % in whole seconds, 1 h (Poseidon)", loop{gap: lattice(10, .23), hours: 1}, 1},
		{"5 s ± 10 % in whole seconds, 1 h (Covenant)", loop{gap: lattice(5, .1), hours: 1}, 1},
		{"2 s ± 15 %, 1 h (Havoc)", loop{gap: plusMinus(2, .15), hours: 1}, 1},
		{"1 s, 30 min (dnscat2)", loop{gap: plusMinus(1, 0), hours: .5}, 1},
		{"0.1 s growing to 10 s, again at each task, 2 h (Meterpreter)", loop{gap: ramp(), hours: 2}, 1},
		{"60 s, then 1 h, ± 20 %, 24 h", loop{gap: changes, hours: 24}, 1},
		{"60 s, then 5 min, ± 70 %, 12 h", loop{gap: slower, hours: 12}, .6},
		{"60 s ± 20 %, 12 h, server down for 15 calls with doubling sleeps", loop{gap: down, hours: 12}, 1},
		{"300 s ± 20 %, 3 days, working hours", loop{gap: plusMinus(300, .2), hours: 72, work: true}, 1},
		{"1 h ± 20 %, 4 days, working hours", loop{gap: plusMinus(3600, .2), hours: 96, work: true}, .95},
		{"growing by 1.618 (Fibonacci), from 10 s to 1 h again and again", loop{gap: grows(1.618), hours: 24}, 1},
		{"doubling from 10 s to 1 h again and again", loop{gap: grows(2), hours: 24}, 1},
	}...)
}

// TestPower holds the share of the timers that are found to the bounds of their condition, and
// with -update writes the shares into the documentation.
func TestPower(t *testing.T) {
	rounds := 100
	if *update {
		rounds = 1000
	}
	var docs bytes.Buffer
	docs.WriteString("| timer | calls | p ≤ 0.1 | 0.01 | 0.0001 |\n|---|---|---|---|---|\n")
	levels := [...]float64{0.1, 0.01, 0.0001}
	var a Analyzer
	for i, c := range conditions() {
		rng := rand.New(rand.NewPCG(3, uint64(i)))
		var counts [len(levels)]int
		calls := 0
		for range rounds {
			series := c.loop.calls(rng)
			calls += len(series.Millis)
			p := a.Analyze(series).PValue
			for j, level := range levels {
				if p <= level {
					counts[j]++
				}
			}
		}
		fmt.Fprintf(&docs, "| %s | %d |", c.name, calls/rounds)
		for j := range levels {
			fmt.Fprintf(&docs, " %.2f |", float64(counts[j])/float64(rounds))
		}
		docs.WriteString("\n")
		if found := float64(counts[1]) / float64(rounds); found < c.least {
			t.Errorf("%s: found %.2f at p <= 0.01, want at least %v", c.name, found, c.least)
		}
	}
	writeDocs(t, "power", docs.Bytes())
}
