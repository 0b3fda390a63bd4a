package timing

import "math"

// nullLevels are the probabilities at which the tables of null hold a statistic.
var nullLevels = [...]float64{0.5, 0.2, 0.1, 0.03, 0.01, 0.003, 0.001}

// A nullRow holds the values that a statistic of calls at random times exceeds with the
// probabilities of nullLevels.
type nullRow [len(nullLevels)]float64

// nullLogs are the logarithms of nullSizes.
var nullLogs = func() (logs [len(nullSizes)]float64) {
	for i, n := range nullSizes {
		logs[i] = math.Log(float64(n))
	}
	return logs
}()

// score returns -log10 of the probability that the statistic of n random gaps exceeds stat.
// Beyond the table it goes on as straight as its last part, which for log-likelihood ratios
// is what theory says, but no steeper than most: where a statistic is nearly always 0 the end
// of its table is, by chance.
func (t *nullTable) score(n int, stat, most float64) float64 {
	x := math.Log(float64(n))
	i := 0
	for i+2 < len(nullSizes) && n >= nullSizes[i+1] {
		i++
	}
	a, b := nullLogs[i], nullLogs[i+1]
	w := min(1, max(0, (x-a)/(b-a)))
	at := func(j int) float64 { return (1-w)*t[i][j] + w*t[i+1][j] }
	last := len(nullLevels) - 1
	if stat <= at(0) {
		return 0
	}
	to := 1
	for to < last && stat >= at(to) {
		to++
	}
	from := to - 1
	if stat >= at(last) {
		from = last - 2
	}
	low, high := at(from), at(to)
	p, q := -math.Log10(nullLevels[from]), -math.Log10(nullLevels[to])
	if stat >= high {
		slope := most
		if high > low {
			slope = min(slope, (q-p)/(high-low))
		}
		return q + (stat-high)*slope
	}
	return p + (stat-low)/(high-low)*(q-p)
}

// A nullTable has a row for each of nullSizes.
type nullTable [len(nullSizes)]nullRow

// testScore returns -log10 of a test's own p-value. Under chance a likelihood ratio of e^x has a
// probability of e^-x at most.
func testScore(t test, n int, stat float64) float64 {
	return nullTests[t].score(n, stat, 1/math.Ln10)
}

// leastP keeps p-values above 0, so that they can be multiplied and have logarithms.
const leastP = 1e-300

// finalP turns the greatest score of the tests of n callbacks into a p-value: several
// chances to look like a timer make it more likely that one of them does.
func finalP(n int, score float64) float64 {
	return max(leastP, math.Pow(10, -nullFinal.score(n-1, score, 1)))
}
