package tuning

import (
	"slices"
	"strings"

	"fresnel/internal/config"
	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/httpapi"
)

// Filter implements httpapi.Tuner.
func (t *Tuner) Filter(edit httpapi.Edit) (*httpapi.Filter, error) {
	_, tried, err := t.with(edit)
	if err != nil {
		return nil, err
	}
	what, err := tried.Config.Detect()
	if err != nil {
		return nil, err
	}
	return t.filterOf(tried, &what), nil
}

// filterOf returns the filter of settings, from which what was made.
func (t *Tuner) filterOf(loaded *config.Loaded, what *detect.Options) *httpapi.Filter {
	c := &loaded.Config.Filter
	f := &httpapi.Filter{Match: what.Filter.Match, Timed: what.Filter.Keeps}
	if what.Rank != nil {
		f.Timed = func(e *event.Event) bool { return what.Filter.Keeps(e) || what.Rank.Filter.Keeps(e) }
	}
	for i, o := range what.Filter.Outcomes() {
		side := "otherwise"
		switch {
		case !c.Enabled:
		case i < len(c.Exclude):
			side = "exclude"
		case i < len(c.Exclude)+len(c.Include):
			side = "include"
		}
		f.Outcomes = append(f.Outcomes, httpapi.FilterOutcome{Name: o.Name, Side: side, Rule: o.Rule, Kept: o.Kept})
	}
	f.Detail = filterDetail(loaded)
	for i := range f.Detail.Sets {
		set := &f.Detail.Sets[i]
		set.Saved = t.savedBelow("filter.sets." + set.Name)
	}
	return f
}

func filterDetail(loaded *config.Loaded) httpapi.FilterDetail {
	c := &loaded.Config.Filter
	d := httpapi.FilterDetail{Enabled: c.Enabled, IgnoreCase: c.IgnoreCase, Clauses: []httpapi.FilterClause{}, Sets: []httpapi.FilterSet{}}
	users := map[string][]string{} // of sets
	for _, s := range []struct {
		side        string
		now, normal filter.Clauses
	}{{"exclude", c.Exclude, filter.Default().Exclude}, {"include", c.Include, filter.Default().Include}} {
		add := func(clause filter.Clause, dropped bool) {
			one := httpapi.FilterClause{
				Name: clause.Name, Side: s.side, Dropped: dropped, Rule: clause.String(), Conditions: []httpapi.FilterCondition{},
				Origin: loaded.Origin("filter." + s.side + "." + clause.Name),
			}
			for _, cond := range clause.Where {
				one.Conditions = append(one.Conditions, httpapi.FilterCondition{Field: cond.Field.String(), Op: cond.Op.String(), Values: append([]string{}, cond.Values...)})
				for _, v := range cond.Values {
					if name, ok := strings.CutPrefix(v, "$"); ok && !dropped && !slices.Contains(users[name], clause.Name) {
						users[name] = append(users[name], clause.Name)
					}
				}
			}
			d.Clauses = append(d.Clauses, one)
		}
		for _, clause := range s.now {
			add(clause, false)
		}
		for _, clause := range s.normal {
			if !slices.ContainsFunc(s.now, func(c filter.Clause) bool { return c.Name == clause.Name }) {
				add(clause, true)
			}
		}
	}
	builtIn := filter.BuiltinSets()
	names := slices.Clone(builtIn)
	for name := range c.Sets {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		values, ok := c.Set(name)
		if !ok {
			continue
		}
		change := c.Sets[name]
		original, _ := filter.Default().Set(name)
		d.Sets = append(d.Sets, httpapi.FilterSet{
			Name: name, BuiltIn: slices.Contains(builtIn, name), Values: append([]string{}, values...), Added: append([]string{}, change.Add...),
			Removed: append([]string{}, change.Remove...), Replaced: change.Replace != nil, Original: append([]string{}, original...),
			Clauses: append([]string{}, users[name]...), Origin: loaded.Origin("filter.sets." + name),
		})
	}
	return d
}
