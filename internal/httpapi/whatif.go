package httpapi

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"fresnel/internal/store"
)

// WhatIf is what a run would say with other settings, beside what it says.
type WhatIf struct {
	End          time.Time       `json:"end" doc:"of the window"`
	ComparedWith string          `json:"compared_with" enum:"stored,settings" doc:"what before is: the run that is stored, or where there is none, what the settings in force would make of the window"`
	LookedBack   string          `json:"looked_back" enum:"runs,events" doc:"what the timing model looked back on: calls that earlier runs took, by the filter that they had; or, for another filter or group_by, all events that are kept. With more than five million events another filter sees what earlier runs took, and has its whole effect only after timing.lookback"`
	Before       WhatIfSide      `json:"before"`
	After        WhatIfSide      `json:"after"`
	Unchanged    int             `json:"unchanged" doc:"findings that are as they were"`
	Appear       WhatIfList      `json:"appear" doc:"findings that are not there before, the best first"`
	Go           WhatIfList      `json:"go" doc:"findings that are no longer there, the best first"`
	Move         WhatIfList      `json:"move" doc:"findings whose risk score, tests or destination are others, by falling change of the score"`
	Filter       []WhatIfOutcome `json:"filter" doc:"events of the window by what the filter says with the settings of the request"`
	Changes      []SettingChange `json:"changes" doc:"of the settings in force, by key"`
	YAML         string          `json:"yaml" doc:"the settings of the request as a settings file has them"`
	TookMillis   int64           `json:"took_ms"`
}

// WhatIfSide is what a run counts.
type WhatIfSide struct {
	Events      int64   `json:"events" doc:"looked at"`
	Groups      int64   `json:"groups" doc:"with events in the window"`
	Rows        int64   `json:"rows" doc:"groups and their destinations"`
	Timed       int64   `json:"timed" doc:"of these, with enough callbacks for the timing model"`
	Hidden      int64   `json:"hidden" doc:"findings of the timing model below rank.min_score or beyond rank.rows_per_host_day"`
	Findings    int     `json:"findings"`
	Levels      Levels  `json:"levels" doc:"findings by their levels"`
	Hosts       int     `json:"hosts" doc:"with findings"`
	Cases       int     `json:"cases"`
	Days        float64 `json:"days" doc:"of events that the findings are about; less than one counts as one"`
	ADay        float64 `json:"findings_a_day"`
	AHostDay    float64 `json:"findings_a_host_day" doc:"of the hosts with findings"`
	BusiestHost string  `json:"busiest_host,omitempty" doc:"the one with the most findings"`
	OfBusiest   int     `json:"findings_of_busiest_host"`
}

// WhatIfOutcome is how many events a clause of the filter decides.
type WhatIfOutcome struct {
	Name   string `json:"name" doc:"of the clause, or a sentence for events that no clause decides"`
	Side   string `json:"side" enum:"exclude,include,otherwise"`
	Kept   bool   `json:"kept" doc:"it lets events in"`
	Events int64  `json:"events"`
}

// WhatIfList is some of the findings that are not what they were.
type WhatIfList struct {
	Total    int         `json:"total" min:"0"`
	Findings []WhatIfRow `json:"findings" doc:"at most 200"`
}

// WhatIfRow is a finding before and after.
type WhatIfRow struct {
	Host        string      `json:"host" doc:"a name or, where there is none, an address"`
	Process     string      `json:"process"`
	Destination string      `json:"destination" doc:"a name, an address, or empty where the finding is of all destinations"`
	Group       []string    `json:"group" doc:"values of the fields that make the group"`
	Before      *WhatIfPast `json:"before,omitempty" doc:"missing for one that appears"`
	After       *WhatIfPast `json:"after,omitempty" doc:"missing for one that goes"`
}

// WhatIfPast is what is said of a finding before or after.
type WhatIfPast struct {
	ID          string         `json:"id" doc:"of the document"`
	Place       int            `json:"place" min:"1" doc:"in the list of the run, which is ordered by falling risk score"`
	Level       string         `json:"level" enum:"high,medium,some,low,unranked"`
	Score       *float64       `json:"risk_score,omitempty" min:"0" max:"100"`
	Tests       *int           `json:"beaconing_score,omitempty" doc:"points of the four tests"`
	Period      *float64       `json:"period_s,omitempty"`
	Jitter      *float64       `json:"jitter,omitempty"`
	Callbacks   *int           `json:"callbacks,omitempty"`
	Destination string         `json:"destination"`
	Case        string         `json:"case,omitempty" doc:"id of the case"`
	Reasons     []WhatIfReason `json:"reasons" doc:"by falling size of their points"`
}

// WhatIfReason is one fact and what it is worth.
type WhatIfReason struct {
	Code   string  `json:"code"`
	Text   string  `json:"text"`
	Points float64 `json:"points" doc:"above 0 when it speaks for a beacon"`
}

// maxDifferences bounds each of the lists of a WhatIf.
const maxDifferences = 200

func (a *API) whatIf(ctx context.Context, c *call, _ *none, b *TrialRequest) (*WhatIf, error) {
	end, edit, err := b.window(c)
	if err != nil {
		return nil, err
	}
	t, err := a.o.Tuner.Try(ctx, edit, end)
	if err != nil {
		return nil, err
	}
	w := &WhatIf{End: at(end), ComparedWith: "stored", LookedBack: "runs", Changes: append([]SettingChange{}, t.Settings.Changes...), YAML: t.Settings.YAML}
	if t.Anew {
		w.LookedBack = "events"
	}
	run, findings, err := a.storedRun(ctx, end)
	if err != nil {
		return nil, err
	}
	if run == nil {
		w.ComparedWith = "settings"
		now, err := a.o.Tuner.Try(ctx, Edit{}, end)
		if err != nil {
			return nil, err
		}
		run, findings = now.Run, now.Findings
	}
	r := newReader()
	before, err := r.lines(findings)
	if err != nil {
		return nil, err
	}
	after, err := r.lines(t.Findings)
	if err != nil {
		return nil, err
	}
	w.Before, w.After = sideOf(run, before, t.DaysBefore), sideOf(t.Run, after, t.Days)
	if err := w.compare(before, after); err != nil {
		return nil, err
	}
	w.Filter = []WhatIfOutcome{}
	for i, o := range t.Filter.Outcomes {
		w.Filter = append(w.Filter, WhatIfOutcome{o.Name, o.Side, o.Kept, t.Outcomes[i]})
	}
	w.TookMillis = a.o.Now().Sub(c.now).Milliseconds()
	return w, nil
}

// storedRun returns the run that ends at a time and its findings in their order; nil when there
// is none.
func (a *API) storedRun(ctx context.Context, end int64) (*store.Run, []store.Finding, error) {
	runs, err := a.o.Store.RunsIn(ctx, end, end, 1)
	if err != nil || len(runs) == 0 {
		return nil, nil, err
	}
	var all []store.Finding
	err = a.o.Store.FindingsIn(ctx, end, end, func(f *store.Finding) bool {
		all = append(all, *f)
		return len(all) < a.o.Limits.Findings
	})
	return &runs[0], all, err
}

// A line is a finding in the list of a run.
type line struct {
	*store.Finding
	facts
	place   int    // from 1 on
	group   string // the values of its group
	matched bool   // with a line of the other list
}

func (r *reader) lines(findings []store.Finding) ([]line, error) {
	all := make([]line, len(findings))
	for i := range findings {
		f := &findings[i]
		all[i] = line{Finding: f, place: i + 1, group: f.Group[:strings.LastIndexByte(f.Group, 0)+1]}
		var err error
		if all[i].facts, err = r.read(f); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// past returns what is said of l.
func (l *line) past() (*WhatIfPast, error) {
	s, err := readStored(l.Finding)
	if err != nil {
		return nil, err
	}
	p := &WhatIfPast{
		ID: l.ID, Place: l.place, Level: levelOf(l.Score), Score: scoreOrNone(l.Score), Tests: l.tests.whole(), Period: l.period.float(), Jitter: l.jitter.float(),
		Callbacks: l.callbacks.whole(), Destination: l.destination(), Case: l.caseID, Reasons: []WhatIfReason{},
	}
	for _, r := range s.Fresnel.Reasons {
		p.Reasons = append(p.Reasons, WhatIfReason{r.Code, r.Text, r.Points})
	}
	return p, nil
}

// A shift is a finding before and after; one of them is nil where it appears or goes.
type shift struct{ before, after *line }

// row returns what is shown of m.
func (m shift) row() (r WhatIfRow, err error) {
	l := cmp.Or(m.after, m.before)
	r = WhatIfRow{Host: l.host(), Process: l.process, Destination: l.destination(), Group: strings.Split(strings.TrimSuffix(l.group, "\x00"), "\x00")}
	if m.before != nil {
		if r.Before, err = m.before.past(); err != nil {
			return r, err
		}
	}
	if m.after != nil {
		r.After, err = m.after.past()
	}
	return r, err
}

// by is how far the score goes.
func (m shift) by() float64 { return math.Abs(max(0, m.after.Score) - max(0, m.before.Score)) }

// sameScore is how far scores may be apart: rows that are thinned differ in the last digits
// when they are looked at in other pieces.
const sameScore = 0.01

// same reports whether the finding is as it was.
func (m shift) same() bool {
	return (m.before.Score < 0) == (m.after.Score < 0) && m.by() < sameScore && m.before.tests == m.after.tests && m.before.destination() == m.after.destination()
}

// pairs finds the findings that are in both lists: those of one group and destination, then
// those of one group whose destination is another, or is named only once.
func pairs(before, after []line) (all []shift) {
	for _, key := range []func(*line) string{
		func(l *line) string { return l.Group },
		func(l *line) string { return l.group },
	} {
		byKey := map[string][]*line{}
		for i := range before {
			if l := &before[i]; !l.matched {
				byKey[key(l)] = append(byKey[key(l)], l)
			}
		}
		for i := range after {
			l := &after[i]
			if of := byKey[key(l)]; len(of) > 0 && !l.matched {
				byKey[key(l)] = of[1:]
				l.matched, of[0].matched = true, true
				all = append(all, shift{of[0], l})
			}
		}
	}
	return all
}

// compare fills in the lists of w.
func (w *WhatIf) compare(before, after []line) error {
	var changed []shift
	for _, m := range pairs(before, after) {
		if m.same() {
			w.Unchanged++
		} else {
			changed = append(changed, m)
		}
	}
	slices.SortFunc(changed, func(a, b shift) int {
		return cmp.Or(cmp.Compare(b.by(), a.by()), cmp.Compare(a.after.place, b.after.place))
	})
	lists := []struct {
		to  *WhatIfList
		all []shift
	}{{&w.Appear, unmatched(after, func(l *line) shift { return shift{after: l} })}, {&w.Go, unmatched(before, func(l *line) shift { return shift{before: l} })}, {&w.Move, changed}}
	for _, l := range lists {
		l.to.Total, l.to.Findings = len(l.all), []WhatIfRow{}
		for _, m := range l.all[:min(len(l.all), maxDifferences)] {
			one, err := m.row()
			if err != nil {
				return err
			}
			l.to.Findings = append(l.to.Findings, one)
		}
	}
	return nil
}

func unmatched(lines []line, as func(*line) shift) (all []shift) {
	for i := range lines {
		if !lines[i].matched {
			all = append(all, as(&lines[i]))
		}
	}
	return all
}

// sideOf counts the findings of a run.
func sideOf(r *store.Run, lines []line, days float64) WhatIfSide {
	s := WhatIfSide{Events: r.Events, Groups: r.Groups, Rows: r.Rows, Timed: r.Timed, Hidden: r.Hidden, Findings: len(lines), Days: days}
	hosts, cases := map[string]int{}, map[string]bool{}
	for i := range lines {
		l := &lines[i]
		s.Levels.add(l.Score)
		if host := l.host(); host != "" {
			hosts[host]++
		}
		if l.caseID != "" {
			cases[l.caseID] = true
		}
	}
	s.Hosts, s.Cases = len(hosts), len(cases)
	for _, host := range sortedKeys(hosts) { // of two as busy the first by name
		if n := hosts[host]; n > s.OfBusiest {
			s.BusiestHost, s.OfBusiest = host, n
		}
	}
	s.ADay = float64(len(lines)) / days
	if s.Hosts > 0 {
		s.AHostDay = s.ADay / float64(s.Hosts)
	}
	return s
}
