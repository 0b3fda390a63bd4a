package timing

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// A family makes n calls that no timer makes.
type family struct {
	name string
	make func(rng *rand.Rand, n int) *Calls
	// most is the share that may have p <= 0.01, by calibrationSizes. 0.01 and less is as
	// it should be; more is a known failing that must not become worse.
	most [5]float64
}

var families = []family{
	{"random, 3 s to 4 h apart", random(3, 4*3600, 1), [5]float64{.01, .01, .012, .01, .01}},
	{"random, 3 s to 10 s apart, known to 10 ms", random(3, 10, 10), [5]float64{.01, .012, .01, .01, .01}},
	{"random, 0.3 s to 1 s apart, known to 10 ms", random(.3, 1, 10), [5]float64{.012, .015, .012, .07, .4}},
	{"random, 10 min to 4 h apart, whole seconds", random(600, 4*3600, 1000), [5]float64{.01, .01, .01, .01, .01}},
	{"random, 10 s to 10 min apart, whole seconds", random(10, 600, 1000), [5]float64{.011, .011, .01, .02, .016}},
	{"random, in working hours, days alike", workingHours, [5]float64{.01, .01, .012, .09, .06}},
	{"log-normal gaps, sigma 1.5", logNormal(1.5), [5]float64{.01, .01, .01, .01, .01}},
	{"log-normal gaps, sigma 1", logNormal(1), [5]float64{.013, .012, .022, .08, .1}},
	{"Pareto gaps, index 1.1, no mean to speak of", heavyTails, [5]float64{.01, .01, .01, .01, .01}},
	{"Pareto gaps with a least one, index 0.6 to 1.3", leastGap, [5]float64{.03, .09, .06, .015, .02}},
	{"browsing sessions", sessions, [5]float64{.005, .006, .01, .025, .035}},
	{"bursts of 10 to 30 min, an hour apart", bursts, [5]float64{.005, .01, .01, .01, .012}},
	{"bursts of a few calls up to 2 s apart", clumps, [5]float64{.05, .05, .05, .09, .05}},
}

var (
	calibrationSizes  = [...]int{6, 12, 30, 100, 400}
	calibrationLevels = [...]float64{0.1, 0.03, 0.01, 0.003, 0.001}
)

// random makes calls at random times, at rates whose logarithms are uniform, known to a tick.
func random(least, most float64, tickMillis int64) func(*rand.Rand, int) *Calls {
	return func(rng *rand.Rand, n int) *Calls {
		mean := least * math.Exp(rng.Float64()*math.Log(most/least))
		return gaps(n, tickMillis, func() float64 { return rng.ExpFloat64() * mean })
	}
}

func logNormal(sigma float64) func(*rand.Rand, int) *Calls {
	return func(rng *rand.Rand, n int) *Calls {
		return gaps(n, 1, func() float64 { return 60 * math.Exp(rng.NormFloat64()*sigma) })
	}
}

func heavyTails(rng *rand.Rand, n int) *Calls {
	return gaps(n, 1, func() float64 { return 5 * min(1e6, math.Pow(1-rng.Float64(), -1/1.1)-1) })
}

func leastGap(rng *rand.Rand, n int) *Calls {
	least, index := 5*math.Exp(rng.Float64()*math.Log(24)), 0.6+0.7*rng.Float64()
	return gaps(n, 10, func() float64 { return min(30_000, least*math.Pow(1-rng.Float64(), -1/index)) })
}

func clumps(rng *rand.Rand, n int) *Calls {
	pause := 300 * math.Exp(rng.Float64()*math.Log(17))
	return gaps(n, 10, func() float64 {
		if rng.IntN(6) == 0 {
			return rng.ExpFloat64() * pause
		}
		return 2 * rng.Float64()
	})
}

// gaps makes n calls that are the answers of next apart, in seconds.
func gaps(n int, tickMillis int64, next func() float64) *Calls {
	c, t := &Calls{}, 0.0
	for range n {
		t += next()
		c.Millis = append(c.Millis, int64(t*1000)/tickMillis*tickMillis)
	}
	return c
}

// workingHours makes calls at random times between about 8 and 17 o'clock.
func workingHours(rng *rand.Rand, n int) *Calls {
	mean := 60 * math.Exp(rng.Float64()*math.Log(60))
	c, t, evening := &Calls{}, (8+8*rng.Float64())*3600, 17*3600.0
	for range n {
		t += rng.ExpFloat64() * mean
		for t > evening {
			morning := math.Ceil(evening/86400)*86400 + (8+rng.NormFloat64()/2)*3600
			t += morning - evening
			evening = morning + (9+rng.NormFloat64()/2)*3600
		}
		c.Millis = append(c.Millis, int64(t*1000))
	}
	return c
}

// sessions makes visits of several pages, each of several calls.
func sessions(rng *rand.Rand, n int) *Calls {
	c, t := &Calls{}, 0.0
	for len(c.Millis) < n {
		t += rng.ExpFloat64() * 1800
		for range 1 + rng.IntN(12) {
			t += 2 + rng.ExpFloat64()*40
			for range 1 + rng.IntN(5) {
				t += rng.ExpFloat64() * 0.8
				c.Millis = append(c.Millis, int64(t*1000))
			}
		}
	}
	c.Millis = c.Millis[:n]
	return c
}

func bursts(rng *rand.Rand, n int) *Calls {
	c, t, off := &Calls{}, 0.0, 0.0
	for range n {
		if t > off {
			t += rng.ExpFloat64() * 3600
			off = t + 600 + rng.Float64()*1200
		}
		t += rng.ExpFloat64() * 20
		c.Millis = append(c.Millis, int64(t*1000))
	}
	return c
}

// TestCalibration holds the share of series without a timer that have small p-values to the
// bounds of their family, and with -update writes the shares into the documentation.
func TestCalibration(t *testing.T) {
	rounds := func(n int) int { return min(1500, 80_000/n) }
	if *update {
		rounds = func(n int) int { return min(20_000, 1_200_000/n) }
	}
	var docs bytes.Buffer
	docs.WriteString("| no timer | callbacks | p ≤ 0.1 | 0.03 | 0.01 | 0.003 | 0.001 |\n|---|---|---|---|---|---|---|\n")
	var a Analyzer
	for _, f := range families {
		for i, n := range calibrationSizes {
			rng := rand.New(rand.NewPCG(5, uint64(n)))
			var counts [len(calibrationLevels)]int
			for range rounds(n) {
				p := a.Analyze(f.make(rng, n)).PValue
				for j, level := range calibrationLevels {
					if p <= level {
						counts[j]++
					}
				}
			}
			name := f.name
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(&docs, "| %s | %d |", name, n)
			for j, level := range calibrationLevels {
				fmt.Fprintf(&docs, " %.2g |", float64(counts[j])/float64(rounds(n)))
				// Where a family is about right its other levels are, too.
				most := f.most[i] * level / 0.01
				if f.most[i] > 0.02 && level != 0.01 {
					continue
				}
				// Chance, and a third for a model that is tuned without being made worse.
				expected := most * float64(rounds(n))
				if limit := 1.35*expected + 3*math.Sqrt(expected) + 1; float64(counts[j]) > limit {
					t.Errorf("%s, %d callbacks: %d of %d series have p <= %v, want at most %.0f", f.name, n, counts[j], rounds(n), level, limit)
				}
			}
			docs.WriteString("\n")
			// A p-value that is never small is not calibrated either.
			if got := float64(counts[0]) / float64(rounds(n)); f.name == families[0].name && got < 0.05 {
				t.Errorf("%s, %d callbacks: a share of %.3f has p <= 0.1, want about 0.1", f.name, n, got)
			}
		}
	}
	writeDocs(t, "calibration", docs.Bytes())
}

// writeDocs replaces a block of docs/timing.md with -update.
func writeDocs(t *testing.T, block string, text []byte) {
	if !*update {
		return
	}
	const path = "../../docs/timing.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := []byte("<!-- "+block+" -->\n"), []byte("<!-- end of "+block+" -->")
	from, to := bytes.Index(page, begin), bytes.Index(page, end)
	if from < 0 || to < from {
		t.Fatalf("%s: no block %q", path, block)
	}
	from += len(begin)
	page = append(page[:from:from], append(text, page[to:]...)...)
	if err := os.WriteFile(path, page, 0o644); err != nil {
		t.Fatal(err)
	}
}
