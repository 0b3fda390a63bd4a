package evaluate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"fresnel/internal/human"
)

// A Report is what is shown of an evaluation.
type Report struct {
	Dataset string `json:"dataset"`
	Counts
	*Result
}

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// missedShown is how many missed implants the text names.
const missedShown = 20

// percent writes a share, "–" for one of nothing.
func percent(v Value) string {
	if !v.Defined() {
		return "–"
	}
	return human.Percent(float64(v))
}

func number(v Value) string {
	if !v.Defined() {
		return "–"
	}
	return human.Number(float64(v))
}

func seconds(v Value) string {
	switch {
	case !v.Defined():
		return "–"
	case v < 0:
		return "0s" // found within its first moment: run ends are rounder than callbacks
	}
	return human.Seconds(int64(v))
}

// facts returns the main numbers, a name and a value each.
func (r *Report) facts() [][2]string {
	facts := [][2]string{
		{"implants found", fmt.Sprintf("%d of %d, %s", r.Found, r.Implants, percent(r.Recall))},
		{"average precision", number(r.AveragePrecision)},
	}
	for _, t := range r.Top {
		facts = append(facts, [2]string{fmt.Sprintf("recall in the first %d rows", t.Rows), percent(t.Recall)})
	}
	return append(facts, [][2]string{
		{fmt.Sprintf("recall at %d false positives per 1,000 benign groups", budgetPer1000), percent(r.RecallAtBudget)},
		{"rows", human.Count(int64(r.Rows))},
		{"false positives", human.Count(int64(r.FalsePositives))},
		{"false positives per 1,000 benign groups", number(r.FalsePer1000Groups)},
		{"false positives per 1,000 hosts a day", number(r.FalsePer1000HostDays)},
		{"time to first detection, median", seconds(r.FirstDetection.Median)},
		{"time to first detection, 90%", seconds(r.FirstDetection.P90)},
		{"rows left out: not to be scored", human.Count(int64(r.Undecided))},
		{"rows left out: without a label", human.Count(int64(r.Unlabelled))},
	}...)
}

// A table is what is shown in rows under a head. Its texts are safe (human.Safe).
type table struct {
	Title string
	Head  []string
	Rows  [][]string
}

// tables returns the tables of the report that have rows.
func (r *Report) tables() []table {
	recall := func(c Cell) []string {
		return []string{fmt.Sprintf("%d/%d", c.Found, c.Implants), percent(ratio(float64(c.Found), float64(c.Implants)))}
	}
	by := func(what string, cells []Cell, of func(Cell) string) table {
		t := table{Title: "Recall by " + what, Head: []string{what, "found", "recall"}}
		for _, c := range cells {
			t.Rows = append(t.Rows, append([]string{human.Safe(of(c))}, recall(c)...))
		}
		return t
	}
	all := []table{
		by("framework", r.ByFramework, func(c Cell) string { return c.Framework }),
		by("jitter", r.ByJitter, func(c Cell) string { return c.Jitter }),
		by("period", r.ByPeriod, func(c Cell) string { return c.Period }),
	}
	cross := table{Title: "Recall by framework, jitter and period", Head: []string{"framework", "jitter", "period", "found", "recall"}}
	for _, c := range r.Cells {
		cross.Rows = append(cross.Rows, append([]string{human.Safe(c.Framework), c.Jitter, c.Period}, recall(c)...))
	}
	calibration := table{Title: "Calibration: " + human.Plural(int64(r.Calibration.PValues), "p-value") + " of traffic that is no beacon", Head: []string{"p at most", "expected", "seen", "count"}}
	if r.Calibration.PValues > 0 {
		for _, s := range r.Calibration.Shares {
			calibration.Rows = append(calibration.Rows, []string{human.Number(s.P), human.Percent(s.P), percent(s.Share), human.Count(int64(s.Count))})
		}
	}
	missed := table{Title: "Missed", Head: []string{"implant", "framework", "period", "jitter"}}
	for i, m := range r.Missed {
		if i == missedShown {
			missed.Rows = append(missed.Rows, []string{human.Plural(int64(len(r.Missed)-i), "more implant"), "", "", ""})
			break
		}
		period := "unknown"
		if m.Period > 0 {
			period = human.Duration(time.Duration(min(m.Period, math.MaxInt32) * float64(time.Second)))
		}
		missed.Rows = append(missed.Rows, []string{human.Safe(m.Name), human.Safe(cmp.Or(m.Framework, "unknown")), period, human.Percent(m.Jitter)})
	}
	wrong := table{Title: "First false positives", Head: []string{"row", "score"}}
	for _, f := range r.TopFalse {
		wrong.Rows = append(wrong.Rows, []string{human.Safe(f.Name), human.Number(f.Score)})
	}
	var shown []table
	for _, t := range append(all, cross, calibration, missed, wrong) {
		if len(t.Rows) > 0 {
			shown = append(shown, t)
		}
	}
	return shown
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if r.Dataset != "" {
		fmt.Fprintf(t, "dataset\t%s\n", human.Safe(r.Dataset))
	}
	for _, f := range r.facts() {
		fmt.Fprintf(t, "%s\t%s\n", f[0], f[1])
	}
	for _, table := range r.tables() {
		// An empty line ends the columns of what is above it.
		fmt.Fprintf(t, "\n%s\n", table.Title)
		for _, row := range append([][]string{table.Head}, table.Rows...) {
			fmt.Fprintf(t, "  %s\n", strings.Join(row, "\t"))
		}
	}
	return t.Flush()
}
