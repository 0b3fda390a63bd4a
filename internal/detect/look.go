package detect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"slices"

	"fresnel/internal/finding"
	"fresnel/internal/rank"
	"fresnel/internal/survey"
)

// A look is what the timing model and the rank say at the end of one run. A look sees further
// back than the window of the statistics, so there is one at the end of the data and, where
// the data are longer than it sees, one before each of its beginnings.
type look struct {
	end    int64 // seconds since 1970 UTC
	survey *survey.Survey
	cases  []caseOf
	found  map[string][]*survey.Sighting // by key of the group, best first
	rows   map[*survey.Sighting]*finding.Row
	shown  bool
}

// A caseOf is a case of a look.
type caseOf struct {
	id   string
	rows int
}

// looks surveys the calls at each end, the last one being the end of the last run.
func (d *detection) looks(ctx context.Context, last int64) error {
	if d.o.Rank == nil || d.lastCall < d.firstCall {
		return nil
	}
	step := d.o.Rank.Lookback
	if every := d.plan.runs.Every; d.plan.runs.Mode == Schedule {
		step = max(step/every*every, every) // looks are at the ends of runs
	}
	for end := last; ; end -= step {
		s, err := d.survey(ctx, end)
		if err != nil {
			return err
		}
		d.summary.Timed += s.Tested
		l := &look{end: end, survey: s, found: map[string][]*survey.Sighting{}, rows: map[*survey.Sighting]*finding.Row{}}
		l.cases = casesOf(d.keys, s)
		budget := survey.Budget{PerDay: d.o.Rank.PerDay}
		for i := range s.Found { // the best first
			g := &s.Found[i]
			if g.Assessment.Score < d.o.Rank.MinScore || !budget.Allows(g) {
				d.summary.Hidden++
				continue
			}
			key := string(g.GroupKey)
			l.found[key] = append(l.found[key], g)
		}
		d.looked = append(d.looked, l)
		if d.plan.runs.Mode != Schedule || (end-d.o.Rank.Lookback)*1e9 <= d.firstCall {
			break
		}
	}
	slices.Reverse(d.looked)
	return nil
}

// A surveyed is the last survey of a Gathering that is looked at again and again: settings that only
// the reference statistics ask for leave it as it is, and it takes most of the time.
type surveyed struct {
	*survey.Survey
	end      int64
	lookback int64
	maxFalse float64
	model    *rank.Model
}

// surveyBytes is about what a row takes in a survey.
const surveyBytes = 300

// survey surveys the calls at an end, or returns what it has of it.
func (d *detection) survey(ctx context.Context, end int64) (*survey.Survey, error) {
	r, last := d.o.Rank, d.surveyed
	if last != nil && last.Survey != nil && last.end == end && last.lookback == r.Lookback && last.maxFalse == r.MaxFalse && reflect.DeepEqual(last.model, r.Model) {
		return last.Survey, nil
	}
	s, err := survey.Run(ctx, d.calls, survey.Config{
		EndNanos: end * 1e9, LookbackNanos: r.Lookback * 1e9,
		MaxFalse: r.MaxFalse, Model: r.Model, Parallel: d.o.each, Workers: d.o.Workers,
	})
	if err == nil && last != nil {
		*last = surveyed{s, end, r.Lookback, r.MaxFalse, r.Model}
	}
	return s, err
}

// casesOf returns the cases of a survey by their numbers. The id of a case is a hash of the
// group and the destination of its best row.
func casesOf(k keys, s *survey.Survey) (cases []caseOf) {
	for i := range s.Found {
		g := &s.Found[i]
		for g.Case >= len(cases) {
			cases = append(cases, caseOf{})
		}
		c := &cases[g.Case]
		if c.rows++; c.rows == 1 {
			h := sha256.New()
			for _, v := range k.group(g.GroupKey).Values {
				h.Write([]byte(v))
				h.Write([]byte{0})
			}
			h.Write([]byte(g.Domain))
			if g.Domain == "" {
				h.Write(g.Address.AsSlice())
			}
			c.id = hex.EncodeToString(h.Sum(nil)[:16])
		}
	}
	return cases
}

// lookAt returns the first look at or after the end of a run; nil when there is none.
func (d *detection) lookAt(end int64) *look {
	for _, l := range d.looked {
		if l.end >= end {
			return l
		}
	}
	return nil
}

// nextLook returns the end of the first look that was not shown, and false when there is none.
func (d *detection) nextLook() (end int64, ok bool) {
	for _, l := range d.looked {
		if !l.shown {
			return l.end, true
		}
	}
	return 0, false
}

// row returns what documents say of a sighting: all that show the same sighting share it, and
// whoever says something else changes a copy.
func (l *look) row(g *survey.Sighting) *finding.Row {
	if w := l.rows[g]; w != nil {
		return w
	}
	w := &finding.Row{
		Address: g.Address, Domain: g.Domain, Port: g.Port, Scope: g.Scope.String(),
		Found: g.Found, Calls: g.Calls, FirstNanos: g.FirstNanos, LastNanos: g.LastNanos,
		Timing: g.Timing, PValue: g.Timing.PValue, QValue: g.QValue, Assessment: g.Assessment, Facts: &g.Facts,
	}
	if g.Case >= 0 {
		w.Case, w.CaseRows = l.cases[g.Case].id, l.cases[g.Case].rows
	}
	l.rows[g] = w
	return w
}

// rank gives the results of the run that ends at end their rows, and adds results for what
// the timing model alone found.
func (d *detection) rank(results []*finding.Result, byKey map[string]*finding.Result, end int64) []*finding.Result {
	l := d.lookAt(end)
	if l == nil {
		return results
	}
	keys := make([][]byte, 0, len(byKey))
	for key := range byKey {
		keys = append(keys, []byte(key))
	}
	l.survey.Want(keys...)
	for key, r := range byKey {
		if g := l.survey.Of([]byte(key)); g != nil {
			r.Row = l.row(g)
		}
	}
	if l.end != end {
		for _, r := range byKey { // what the model found is told at the look itself
			if r.Row != nil && r.Row.Found && !r.Stats.IsBeaconing {
				w := *r.Row
				w.Found = false
				r.Row = &w
			}
		}
		return results
	}
	l.shown = true
	for key, found := range l.found {
		first := byKey[key]
		for i, g := range found {
			if i == 0 && first != nil {
				first.Row = l.row(g)
				continue
			}
			if d.o.All && i > 0 { // one result for each group and run
				first.Others = append(first.Others, l.row(g))
				continue
			}
			r := &finding.Result{RunEnd: end, Group: d.keys.group(g.GroupKey), FirstNanos: g.FirstNanos, LastNanos: g.LastNanos}
			if first != nil {
				c := *first
				c.Group = r.Group
				r = &c
			} else if i == 0 {
				first = r
			}
			r.Row = l.row(g)
			if i > 0 {
				w := *r.Row
				w.More = true
				r.Row = &w
			}
			results = append(results, r)
		}
	}
	return results
}
