package httpapi

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"fresnel/internal/event"
)

// FilterDetail is the filter: which events are looked at.
type FilterDetail struct {
	Enabled    bool           `json:"enabled" doc:"false looks at every event"`
	IgnoreCase bool           `json:"ignore_case" doc:"texts are compared without regard to the case of ASCII letters"`
	Clauses    []FilterClause `json:"clauses" doc:"in the order in which they are asked: those that exclude, then those that include. The first that matches decides"`
	Sets       []FilterSet    `json:"sets" doc:"by name"`
}

// FilterClause is one clause of the filter: it matches an event when all its conditions hold.
type FilterClause struct {
	Name       string            `json:"name"`
	Side       string            `json:"side" enum:"exclude,include"`
	Dropped    bool              `json:"dropped,omitempty" doc:"the clause is one of the default filter that the settings leave out"`
	Rule       string            `json:"rule" doc:"the conditions in words"`
	Conditions []FilterCondition `json:"conditions"`
	Origin     string            `json:"origin" doc:"where the clause came from: default, the file, who saved it, the environment or a flag"`
}

// FilterCondition compares a field of an event with values.
type FilterCondition struct {
	Field  string   `json:"field"`
	Op     string   `json:"op" enum:"in,not_in,wildcard,not_wildcard,network,not_network,exists,not exists"`
	Values []string `json:"values" doc:"literals, and names of sets behind a $; a literal that begins with $ has two"`
}

// FilterSet is a named set of values that conditions refer to.
type FilterSet struct {
	Name     string   `json:"name"`
	BuiltIn  bool     `json:"built_in"`
	Values   []string `json:"values" doc:"what is in it, after the changes of the settings"`
	Added    []string `json:"added" doc:"values that the settings add"`
	Removed  []string `json:"removed" doc:"values that the settings remove"`
	Replaced bool     `json:"replaced" doc:"the settings put other values, or none, in place of the built-in ones"`
	Original []string `json:"original" doc:"what is in it without changes; empty for a set that is not built in"`
	Clauses  []string `json:"clauses" doc:"names of the clauses that refer to it"`
	Saved    []string `json:"saved" doc:"keys of its changes that people saved, which can be forgotten"`
	Origin   string   `json:"origin" doc:"where its changes came from: default where there are none"`
}

func (a *API) filter(context.Context, *call, *none, *none) (*FilterDetail, error) {
	f, err := a.o.Tuner.Filter(Edit{})
	if err != nil {
		return nil, err
	}
	return &f.Detail, nil
}

// FilterPreview is what a filter does with the events of a window, before and after a change.
type FilterPreview struct {
	From          time.Time       `json:"from" doc:"begin of the window"`
	To            time.Time       `json:"to" doc:"end of the window"`
	Events        int64           `json:"events" doc:"in the window"`
	KeptBefore    int64           `json:"kept_before" doc:"events that the filter in force keeps"`
	KeptAfter     int64           `json:"kept_after" doc:"events that the filter with the settings of the request keeps"`
	NewlyKept     int64           `json:"newly_kept"`
	NewlyLeftOut  int64           `json:"newly_left_out"`
	Clauses       []ClauseCount   `json:"clauses" doc:"in the order in which they are asked, then those that are no longer there"`
	Examples      []FilterExample `json:"examples" doc:"who calls whom in events that are newly kept or left out, by falling number of events, at most 20"`
	ExamplesWhole bool            `json:"examples_complete" doc:"false when there are more kinds of examples than are told apart"`
}

// ClauseCount is how many events a clause decided.
type ClauseCount struct {
	Name   string `json:"name" doc:"of the clause, or a sentence for events that no clause decides"`
	Side   string `json:"side" enum:"exclude,include,otherwise"`
	Rule   string `json:"rule" doc:"the conditions in words; where they change, those of the request"`
	Kept   bool   `json:"kept" doc:"it lets events in"`
	Change string `json:"change" enum:"none,new,gone,changed" doc:"of the clause; a set that it refers to can change all the same"`
	Before int64  `json:"before" doc:"events that it decided with the filter in force: that none before it matched"`
	After  int64  `json:"after" doc:"events that it decided with the settings of the request"`
}

// FilterExample is a kind of events that a change of the filter keeps or leaves out.
type FilterExample struct {
	Kept        bool   `json:"kept" doc:"newly kept, or else newly left out"`
	Process     string `json:"process"`
	Destination string `json:"destination" doc:"a name, or an address"`
	Clause      string `json:"clause" doc:"that decides now"`
	Events      int64  `json:"events"`
	Host        string `json:"host" doc:"of one of the events"`
}

// Bounds of what a preview shows and tells apart.
const (
	maxExamples = 20
	maxKinds    = 20_000
)

func (a *API) previewFilter(ctx context.Context, c *call, _ *none, b *TrialRequest) (*FilterPreview, error) {
	end, edit, err := b.window(c)
	if err != nil {
		return nil, err
	}
	before, err := a.o.Tuner.Filter(Edit{})
	if err != nil {
		return nil, err
	}
	after, err := a.o.Tuner.Filter(edit)
	if err != nil {
		return nil, err
	}
	type kind struct {
		kept                 bool
		process, destination string
		outcome              int
	}
	type example struct {
		events int64
		host   string
	}
	kinds := map[kind]*example{}
	p := &FilterPreview{
		From: at(max(firstSecond, end+1-a.o.Params().WindowSeconds())), To: at(end), Clauses: []ClauseCount{}, Examples: []FilterExample{}, ExamplesWhole: true,
	}
	counts := [2][]int64{make([]int64, len(before.Outcomes)), make([]int64, len(after.Outcomes))}
	if err := a.events(ctx, span{p.From.Unix(), end}, func(e *event.Event) {
		x, y := before.Match(e), after.Match(e)
		counts[0][x]++
		counts[1][y]++
		kept := after.Outcomes[y].Kept
		switch {
		case before.Outcomes[x].Kept == kept:
			return
		case kept:
			p.NewlyKept++
		default:
			p.NewlyLeftOut++
		}
		k := kind{kept: kept, process: e.ProcessName, destination: nameOf(e), outcome: y}
		if k.destination == "" && e.DestinationIP.IsValid() {
			k.destination = e.DestinationIP.String()
		}
		one := kinds[k]
		if one == nil {
			if len(kinds) == maxKinds {
				p.ExamplesWhole = false
				return
			}
			k.process, k.destination = strings.Clone(k.process), strings.Clone(k.destination)
			one = &example{host: strings.Clone(e.HostName)}
			if one.host == "" && e.SourceIP.IsValid() {
				one.host = e.SourceIP.String()
			}
			kinds[k] = one
		}
		one.events++
	}); err != nil {
		return nil, err
	}

	p.Clauses = clauseCounts(before.Outcomes, after.Outcomes, counts)
	for _, c := range p.Clauses {
		p.Events += c.Before
	}
	for i, o := range before.Outcomes {
		if o.Kept {
			p.KeptBefore += counts[0][i]
		}
	}
	for i, o := range after.Outcomes {
		if o.Kept {
			p.KeptAfter += counts[1][i]
		}
	}
	for k, one := range kinds {
		p.Examples = append(p.Examples, FilterExample{
			Kept: k.kept, Process: k.process, Destination: k.destination, Clause: after.Outcomes[k.outcome].Name, Events: one.events, Host: one.host,
		})
	}
	slices.SortFunc(p.Examples, func(a, b FilterExample) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Process, b.Process), cmp.Compare(a.Destination, b.Destination), cmp.Compare(a.Clause, b.Clause))
	})
	p.Examples = p.Examples[:min(len(p.Examples), maxExamples)]
	return p, nil
}

// clauseCounts puts the outcomes of two filters side by side.
func clauseCounts(before, after []FilterOutcome, counts [2][]int64) []ClauseCount {
	same := func(a, b FilterOutcome) bool { return a.Side == b.Side && (a.Name == b.Name || a.Side == "otherwise") }
	var all []ClauseCount
	for i, o := range after {
		c := ClauseCount{Name: o.Name, Side: o.Side, Rule: o.Rule, Kept: o.Kept, Change: "new", After: counts[1][i]}
		if k := slices.IndexFunc(before, func(b FilterOutcome) bool { return same(o, b) }); k >= 0 {
			c.Before, c.Change = counts[0][k], "none"
			if before[k] != o {
				c.Change = "changed"
			}
		}
		all = append(all, c)
	}
	for k, b := range before {
		if !slices.ContainsFunc(after, func(o FilterOutcome) bool { return same(o, b) }) {
			all = append(all, ClauseCount{Name: b.Name, Side: b.Side, Rule: b.Rule, Kept: b.Kept, Change: "gone", Before: counts[0][k]})
		}
	}
	return all
}
