package timing

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

func lognormal(rng *rand.Rand, n int, sigma float64) *Calls {
	var c Calls
	t := 0.0
	for range n {
		t += 60 * math.Exp(rng.NormFloat64()*sigma)
		c.Millis = append(c.Millis, int64(t*1000))
	}
	return &c
}

// sessions: bursts of page loads.
func sessions(rng *rand.Rand, n int) *Calls {
	var c Calls
	t := 0.0
	for len(c.Millis) < n {
		t += rng.ExpFloat64() * 1800
		pages := 1 + rng.IntN(12)
		for range pages {
			t += 2 + rng.ExpFloat64()*40
			u := t
			for range 1 + rng.IntN(5) {
				u += rng.ExpFloat64() * 0.8
				c.Millis = append(c.Millis, int64(u*1000))
			}
			t = u
		}
	}
	c.Millis = c.Millis[:n]
	return &c
}

func onoff(rng *rand.Rand, n int) *Calls {
	var c Calls
	t, off := 0.0, 0.0
	for range n {
		if t > off {
			t += rng.ExpFloat64() * 3600
			off = t + 600 + rng.Float64()*1200
		}
		t += rng.ExpFloat64() * 20
		c.Millis = append(c.Millis, int64(t*1000))
	}
	return &c
}

type beaconSpec struct {
	period, jitter float64
	oneSided       bool
	lost, stray    float64
	off            float64 // share of window in one pause
	burst          bool
	agents         int
}

func makeBeacon(rng *rand.Rand, b beaconSpec, window float64) *Calls {
	var times []float64
	agents := max(1, b.agents)
	for range agents {
		t := rng.Float64() * b.period
		for t < window {
			if rng.Float64() >= b.lost {
				times = append(times, t)
				if b.burst {
					u := t
					for range rng.IntN(4) {
						u += 1 + rng.Float64()*b.period/8
						times = append(times, u)
					}
				}
			}
			j := b.jitter * (2*rng.Float64() - 1)
			if b.oneSided {
				j = -b.jitter * rng.Float64()
			}
			t += b.period*(1+j) + 0.05 + rng.ExpFloat64()*0.1
		}
	}
	n := len(times)
	for range int(float64(n) * b.stray) {
		times = append(times, rng.Float64()*window)
	}
	var c Calls
	from := window * 0.3
	for _, t := range times {
		if t > from && t < from+b.off*window {
			continue
		}
		c.Millis = append(c.Millis, int64(t*1000))
	}
	sortInts(c.Millis)
	return &c
}

func sortInts(v []int64) {
	for i := 1; i < len(v); i++ {
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
}

func TestPower(t *testing.T) {
	if os.Getenv("POWER") == "" {
		t.Skip("POWER not set")
	}
	var a Analyzer
	rng := rand.New(rand.NewPCG(3, 4))
	show := func(name string, f func() *Calls) {
		const rounds = 400
		var ps []float64
		var by [4]int
		n := 0
		for range rounds {
			c := f()
			n += len(c.Millis)
			_, best, _ := a.score(c)
			by[best]++
			ps = append(ps, a.PValue(c))
		}
		at := func(p float64) float64 {
			k := 0
			for _, v := range ps {
				if v <= p {
					k++
				}
			}
			return float64(k) / rounds
		}
		fmt.Printf("%-44s n=%5d  p<=.1 %.3f .01 %.3f 1e-4 %.3f 1e-6 %.3f  best %v\n", name, n/rounds, at(.1), at(.01), at(1e-4), at(1e-6), by)
	}
	for _, n := range []int{6, 12, 30, 100, 400} {
		show("null poisson", func() *Calls { return poisson(rng, n) })
		show("null lognormal 1", func() *Calls { return lognormal(rng, n, 1) })
		show("null lognormal 1.5", func() *Calls { return lognormal(rng, n, 1.5) })
		show("null sessions", func() *Calls { return sessions(rng, n) })
		show("null onoff", func() *Calls { return onoff(rng, n) })
	}
	for _, w := range []struct {
		period, window float64
	}{{300, 21600}, {60, 86400}, {3600, 86400}, {12 * 3600, 7 * 86400}} {
		for _, j := range []float64{0, .2, .5, .9} {
			base := beaconSpec{period: w.period, jitter: j}
			one := func(name string, f func(b *beaconSpec)) {
				b := base
				f(&b)
				show(fmt.Sprintf("T=%v j=%v %s", w.period, j, name), func() *Calls { return makeBeacon(rng, b, w.window) })
			}
			one("clean", func(b *beaconSpec) {})
			one("onesided", func(b *beaconSpec) { b.oneSided = true })
			one("lost .1", func(b *beaconSpec) { b.lost = .1 })
			one("lost .3", func(b *beaconSpec) { b.lost = .3 })
			one("stray .2", func(b *beaconSpec) { b.stray = .2 })
			one("stray 1", func(b *beaconSpec) { b.stray = 1 })
			one("stray 3", func(b *beaconSpec) { b.stray = 3 })
			one("off .35", func(b *beaconSpec) { b.off = .35 })
			one("burst", func(b *beaconSpec) { b.burst = true })
			one("3 agents", func(b *beaconSpec) { b.agents = 3 })
		}
	}
}
