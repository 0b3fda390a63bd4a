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

// countLogs are the logarithms of numbers of gaps.
var countLogs = func() (logs [MaxCalls]float64) {
	for n := range logs {
		logs[n] = math.Log(float64(n))
	}
	return logs
}()

// row returns the row for n gaps, between those of the table.
func (t *nullTable) row(n int) (row nullRow) {
	i := 0
	for i+2 < len(nullSizes) && n >= nullSizes[i+1] {
		i++
	}
	a, b := nullLogs[i], nullLogs[i+1]
	w := min(1, max(0, (countLogs[n]-a)/(b-a)))
	for j := range row {
		row[j] = (1-w)*t[i][j] + w*t[i+1][j]
	}
	return row
}

// nullScores are -log10 of nullLevels.
var nullScores = func() (scores [len(nullLevels)]float64) {
	for i, p := range nullLevels {
		scores[i] = -math.Log10(p)
	}
	return scores
}()

// score returns -log10 of the probability that the statistic of n random gaps exceeds stat.
// Beyond the table it goes on as straight as its last part, which for log-likelihood ratios
// is what theory says, but no steeper than most: where a statistic is nearly always 0 the end
// of its table is, by chance.
func (t *nullTable) score(n int, stat, most float64) float64 {
	row := t.row(n)
	if stat <= row[0] {
		return 0
	}
	const last = len(nullLevels) - 1
	if stat >= row[last] {
		return nullScores[last] + (stat-row[last])*row.slope(most)
	}
	to := 1
	for stat >= row[to] {
		to++
	}
	low, high := row[to-1], row[to]
	p, q := nullScores[to-1], nullScores[to]
	return p + (stat-low)/(high-low)*(q-p)
}

// slope is how much each unit of the statistic adds beyond the table.
func (row *nullRow) slope(most float64) float64 {
	const last = len(nullLevels) - 1
	if low, high := row[last-2], row[last]; high > low {
		return min(most, (nullScores[last]-nullScores[last-2])/(high-low))
	}
	return most
}

// statistic returns the least statistic of n random gaps with a score, the other way round.
func (t *nullTable) statistic(n int, score, most float64) float64 {
	row := t.row(n)
	const last = len(nullLevels) - 1
	if score >= nullScores[last] {
		return row[last] + (score-nullScores[last])/row.slope(most)
	}
	if score < nullScores[0] {
		return row[0]
	}
	to := 1
	for score >= nullScores[to] {
		to++
	}
	return row[to-1] + (score-nullScores[to-1])/(nullScores[to]-nullScores[to-1])*(row[to]-row[to-1])
}

// A nullTable has a row for each of nullSizes.
type nullTable [len(nullSizes)]nullRow

// testScore returns -log10 of a test's own p-value. Under chance a likelihood ratio of e^x has a
// probability of e^-x at most.
func testScore(t test, n int, stat float64) float64 {
	return nullTests[t].score(n, stat, ratioScore)
}

// ratioScore is -log10 of the probability that each unit of a log-likelihood ratio stands for.
const ratioScore = 1 / math.Ln10

// leastP keeps p-values above 0, so that they can be multiplied and have logarithms.
const leastP = 1e-300

// finalP turns the greatest score of the tests of n callbacks into a p-value: several
// chances to look like a timer make it more likely that one of them does.
func finalP(n int, score float64) float64 {
	return max(leastP, math.Pow(10, -nullFinal.score(n-1, score, 1)))
}
