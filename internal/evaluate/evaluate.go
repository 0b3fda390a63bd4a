// Package evaluate tells how good a detector is: it joins what a detector says with labels, and
// computes from the joined rows how many implants were found, how soon, how high in the list,
// and among how much else. docs/evaluation.md defines every number.
//
// The same metrics serve any detector whose answers can be written as rows with a score.
package evaluate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// A Row is one row of the list that a detector gives to an analyst.
type Row struct {
	Name  string  // for people
	Score float64 // the higher, the earlier in the list

	Implants []string  // names of those that the row shows; a row without any is benign
	Unlisted bool      // below the threshold: not in the list, of use for the calibration only
	First    float64   // when the row was first in a list, seconds since 1970; 0 is unknown
	Periodic bool      // its timing is known to be periodic, benign or not
	PValues  []float64 // what the detector said of its timing, one for each look at it

	labelled, undecided bool // what Verdict says of one of its documents
}

// An Implant is what is to be found.
type Implant struct {
	Name      string  `json:"name"`
	Framework string  `json:"framework,omitempty"` // "" is unknown
	Period    float64 `json:"period_s,omitempty"`  // 0 is unknown
	Jitter    float64 `json:"jitter,omitempty"`    // share of the period
	First     float64 `json:"first_s,omitempty"`   // first callback, seconds since 1970; 0 is unknown
}

// Truth is what is known of the telemetry.
type Truth struct {
	Implants []Implant
	Groups   int     // those that were looked at; 0 is unknown
	Hosts    int     // 0 is unknown
	Days     float64 // length of the telemetry; 0 is unknown
}

// A Value is a number, or NaN where it is not defined, as a share of nothing. JSON has null for
// that.
type Value float64

// Undefined is the Value of what cannot be told.
var Undefined = Value(math.NaN())

// Defined reports whether v is a number.
func (v Value) Defined() bool { return !math.IsNaN(float64(v)) }

// MarshalJSON writes the number or null.
func (v Value) MarshalJSON() ([]byte, error) {
	if !v.Defined() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(v))
}

func ratio(a, b float64) Value {
	if b <= 0 {
		return Undefined
	}
	return Value(a / b)
}

// A Result tells how good a list of rows is. docs/evaluation.md defines its numbers.
type Result struct {
	Implants       int   `json:"implants"`
	Found          int   `json:"found"`
	Recall         Value `json:"recall"`
	Rows           int   `json:"rows"`
	FalsePositives int   `json:"false_positives"`

	AveragePrecision Value `json:"average_precision"`
	Top              []Top `json:"top"`
	RecallAtBudget   Value `json:"recall_at_5_false_positives_per_1000_groups"`

	FalsePer1000Groups   Value `json:"false_positives_per_1000_groups"`
	FalsePer1000HostDays Value `json:"false_positives_per_1000_hosts_a_day"`

	FirstDetection Delay       `json:"time_to_first_detection"`
	Calibration    Calibration `json:"calibration"`

	ByFramework []Cell `json:"recall_by_framework"`
	ByJitter    []Cell `json:"recall_by_jitter"`
	ByPeriod    []Cell `json:"recall_by_period"`
	Cells       []Cell `json:"recall_by_framework_jitter_period"`

	Curve    []Point   `json:"curve"`
	Missed   []Implant `json:"missed"`
	TopFalse []Named   `json:"top_false_positives"` // at most 10
}

// Top is the recall in the first rows of the list.
type Top struct {
	Rows   int   `json:"rows"`
	Recall Value `json:"recall"`
}

// A Point of the precision-recall curve is what holds with all rows of at least a score.
type Point struct {
	Score          float64 `json:"score"`
	Recall         Value   `json:"recall"`
	Precision      Value   `json:"precision"`
	FalsePositives int     `json:"false_positives"`
}

// A Delay is the time from an implant's first callback to the first list that shows it.
type Delay struct {
	Implants int   `json:"implants"` // that were found, and of which both times are known
	Median   Value `json:"median_s"`
	P90      Value `json:"p90_s"`
}

// A Cell is the recall of implants of one kind.
type Cell struct {
	Framework string `json:"framework,omitempty"`
	Jitter    string `json:"jitter,omitempty"`
	Period    string `json:"period,omitempty"`
	Implants  int    `json:"implants"`
	Found     int    `json:"found"`
}

// A Named is a row by name.
type Named struct {
	Name  string  `json:"name"`
	Score float64 `json:"score"`
}

// Calibration tells how often the p-value of traffic that is no beacon was as small as it may
// be by chance.
type Calibration struct {
	PValues int     `json:"p_values"`
	Shares  []Share `json:"shares"`

	sorted []float64
}

// A Share is the share of p-values that were at most P.
type Share struct {
	P     float64 `json:"p"`
	Count int     `json:"count"`
	Share Value   `json:"share"`
}

var (
	topRows    = []int{10, 20, 50, 100}
	thresholds = []float64{0.001, 0.003, 0.01, 0.03, 0.1}
)

const (
	budgetPer1000 = 5 // false positives per 1,000 benign groups at which the recall is told
	falseShown    = 10
)

// Rows computes the metrics of rows, in any order, against what is true. Every implant of a row
// must be one of truth's. The result does not depend on the order of rows with the same score.
func Rows(rows []Row, truth Truth) (*Result, error) {
	e := evaluation{index: make(map[string]int, len(truth.Implants)), found: make([]bool, len(truth.Implants)), first: make([]float64, len(truth.Implants))}
	for i, m := range truth.Implants {
		if _, twice := e.index[m.Name]; twice {
			return nil, fmt.Errorf("implant %q: got two of this name, want one", m.Name)
		}
		e.index[m.Name] = i
	}
	r := &Result{
		Implants: len(truth.Implants), Calibration: calibrate(rows),
		// Not nil: JSON has an empty list where there is nothing.
		ByFramework: []Cell{}, ByJitter: []Cell{}, ByPeriod: []Cell{}, Cells: []Cell{}, Curve: []Point{}, Missed: []Implant{}, TopFalse: []Named{},
	}
	listed := make([]*Row, 0, len(rows))
	for i := range rows {
		row := &rows[i]
		if row.Unlisted {
			continue
		}
		if math.IsNaN(row.Score) {
			return nil, fmt.Errorf("row %q: got no number for its score", row.Name)
		}
		for _, name := range row.Implants {
			if _, ok := e.index[name]; !ok {
				return nil, fmt.Errorf("row %q: implant %q is not among the implants", row.Name, name)
			}
		}
		listed = append(listed, row)
	}
	slices.SortStableFunc(listed, func(a, b *Row) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Name, b.Name))
	})
	r.Rows = len(listed)
	for _, row := range listed {
		if len(row.Implants) == 0 && len(r.TopFalse) < falseShown {
			r.TopFalse = append(r.TopFalse, Named{row.Name, row.Score})
		}
	}
	e.walk(r, listed, truth)
	for i, m := range truth.Implants {
		if !e.found[i] {
			r.Missed = append(r.Missed, m)
		}
	}
	r.FirstDetection = e.delay(truth)
	e.cells(r, truth)
	return r, nil
}

// An evaluation is what is known while walking down the list.
type evaluation struct {
	index map[string]int // of implants, by name
	found []bool
	first []float64 // when a list first had the implant; 0 is unknown
}

// walk goes down the list, one score after the other, and computes what depends on order.
func (e *evaluation) walk(r *Result, listed []*Row, truth Truth) {
	total := float64(len(truth.Implants))
	benign := float64(truth.Groups - len(truth.Implants))
	budget := -1 // none
	if truth.Groups > 0 && benign > 0 {
		budget = int(benign) * budgetPer1000 / 1000
	}
	inTop := make([]float64, len(topRows)) // implants, as expected over the orders of ties
	inBudget, sum := 0.0, 0.0
	for start := 0; start < len(listed); {
		end := start
		for end < len(listed) && listed[end].Score == listed[start].Score {
			end++
		}
		// Rows of this score that are benign, and that show each implant that no row above did.
		wrong, fresh := 0, map[int]int{}
		for _, row := range listed[start:end] {
			if len(row.Implants) == 0 {
				wrong++
			}
			for _, i := range e.implants(row) {
				if !e.found[i] {
					fresh[i]++
				}
				if row.First > 0 && (e.first[i] == 0 || row.First < e.first[i]) {
					e.first[i] = row.First
				}
			}
		}
		for _, i := range sortedKeys(fresh) {
			for k, n := range topRows {
				inTop[k] += chance(end-start, fresh[i], n-start)
			}
			switch {
			case r.FalsePositives+wrong <= budget:
				inBudget++
			case r.FalsePositives <= budget: // the budget ends within this score
				inBudget += chance(wrong+fresh[i], fresh[i], budget-r.FalsePositives+1)
			}
			e.found[i] = true
		}
		r.Found += len(fresh)
		r.FalsePositives += wrong
		p := Point{listed[start].Score, ratio(float64(r.Found), total), ratio(float64(r.Found), float64(r.Found+r.FalsePositives)), r.FalsePositives}
		if len(fresh) > 0 {
			sum += float64(len(fresh)) * float64(p.Precision)
		}
		// Between two points the precision falls along a line of constant recall, which says no more.
		if len(fresh) > 0 || end == len(listed) {
			r.Curve = append(r.Curve, p)
		}
		start = end
	}
	r.Recall = ratio(float64(r.Found), total)
	r.AveragePrecision = ratio(sum, total)
	for k, n := range topRows {
		r.Top = append(r.Top, Top{n, ratio(inTop[k], total)})
	}
	r.RecallAtBudget, r.FalsePer1000Groups = Undefined, Undefined
	if budget >= 0 {
		r.RecallAtBudget = ratio(inBudget, total)
		r.FalsePer1000Groups = ratio(float64(r.FalsePositives)*1000, benign)
	}
	r.FalsePer1000HostDays = ratio(float64(r.FalsePositives)*1000, float64(truth.Hosts)*truth.Days)
}

// implants returns the numbers of the implants of a row, each once.
func (e *evaluation) implants(row *Row) []int {
	var all []int
	for _, name := range row.Implants {
		if i := e.index[name]; !slices.Contains(all, i) {
			all = append(all, i)
		}
	}
	return all
}

func sortedKeys(m map[int]int) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// chance returns how likely one at least of m rows is among the first n of rows rows that stand
// in a random order.
func chance(rows, m, n int) float64 {
	if n <= 0 || m <= 0 {
		return 0
	}
	none := 1.0
	for i := range n {
		if rows-m-i <= 0 {
			return 1
		}
		none *= float64(rows-m-i) / float64(rows-i)
	}
	return 1 - none
}

// delay computes the times to the first detection.
func (e *evaluation) delay(truth Truth) Delay {
	var all []float64
	for i, m := range truth.Implants {
		if e.found[i] && e.first[i] > 0 && m.First > 0 {
			all = append(all, e.first[i]-m.First)
		}
	}
	slices.Sort(all)
	return Delay{len(all), quantile(all, 0.5), quantile(all, 0.9)}
}

// quantile returns the smallest of sorted values that a share q of them does not exceed.
func quantile(sorted []float64, q float64) Value {
	if len(sorted) == 0 {
		return Undefined
	}
	return Value(sorted[max(int(math.Ceil(q*float64(len(sorted))-1e-9))-1, 0)])
}

// calibrate looks at the p-values of rows that are neither of an implant nor periodic.
func calibrate(rows []Row) Calibration {
	var all []float64
	for i := range rows {
		if len(rows[i].Implants) == 0 && !rows[i].Periodic {
			all = append(all, rows[i].PValues...)
		}
	}
	slices.Sort(all)
	c := Calibration{PValues: len(all), sorted: all}
	for _, p := range thresholds {
		n := c.atMost(p)
		c.Shares = append(c.Shares, Share{p, n, ratio(float64(n), float64(len(all)))})
	}
	return c
}

// atMost counts the p-values that are at most p.
func (c Calibration) atMost(p float64) int {
	n, _ := slices.BinarySearchFunc(c.sorted, p, func(v, p float64) int {
		if v <= p {
			return -1
		}
		return 1
	})
	return n
}

// A band is a range of values up to most, which belongs to it.
type band struct {
	most float64
	name string
}

var (
	jitterBands = []band{{0, "0%"}, {0.1, "to 10%"}, {0.3, "to 30%"}, {0.5, "to 50%"}, {math.Inf(1), "above 50%"}}
	periodBands = []band{{0, "unknown"}, {60, "to 1m"}, {600, "to 10m"}, {3600, "to 1h"}, {6 * 3600, "to 6h"}, {math.Inf(1), "above 6h"}}
)

// of returns the number of the band that v is in.
func of(bands []band, v float64) int {
	return slices.IndexFunc(bands, func(b band) bool { return v <= b.most })
}

// cells counts the implants by what they are.
func (e *evaluation) cells(r *Result, truth Truth) {
	type kind struct {
		framework      string
		jitter, period int // -1 is any
	}
	all := map[kind]*Cell{}
	count := func(k kind, found bool) {
		c := all[k]
		if c == nil {
			c = &Cell{Framework: k.framework}
			if k.jitter >= 0 {
				c.Jitter = jitterBands[k.jitter].name
			}
			if k.period >= 0 {
				c.Period = periodBands[k.period].name
			}
			all[k] = c
		}
		c.Implants++
		if found {
			c.Found++
		}
	}
	for i, m := range truth.Implants {
		framework := m.Framework
		if framework == "" {
			framework = "unknown"
		}
		j, p := of(jitterBands, m.Jitter), of(periodBands, m.Period)
		for _, k := range []kind{{framework, -1, -1}, {"", j, -1}, {"", -1, p}, {framework, j, p}} {
			count(k, e.found[i])
		}
	}
	kinds := make([]kind, 0, len(all))
	for k := range all {
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, func(a, b kind) int {
		return cmp.Or(cmp.Compare(a.framework, b.framework), cmp.Compare(a.jitter, b.jitter), cmp.Compare(a.period, b.period))
	})
	for _, k := range kinds {
		switch c := *all[k]; {
		case k.framework == "" && k.period < 0:
			r.ByJitter = append(r.ByJitter, c)
		case k.framework == "":
			r.ByPeriod = append(r.ByPeriod, c)
		case k.jitter < 0:
			r.ByFramework = append(r.ByFramework, c)
		default:
			r.Cells = append(r.Cells, c)
		}
	}
}
