package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fresnel/internal/config"
	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/httpapi"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
)

// A tuner holds the settings of a running service: those of the file, the environment and flags,
// and between the file and the environment what people saved through the API.
type tuner struct {
	records  store.Records
	schedule *schedule.Schedule
	log      *slog.Logger
	loaded   atomic.Pointer[config.Loaded] // in force

	mu      sync.Mutex     // held while settings change; guards what follows
	saved   []savedSetting // by key
	problem error          // why nothing that is saved counts; nil when it does
}

var _ httpapi.Tuner = (*tuner)(nil)

// A savedSetting is the record of a setting that a person saved.
type savedSetting struct {
	Key   string    `json:"-"`
	Value string    `json:"value"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// savedKind is the kind of the records of saved settings.
const savedKind = "setting"

// origin says where the value came from.
func (s *savedSetting) origin() string {
	return fmt.Sprintf("set by %s at %s in the service", s.By, s.At.UTC().Format(time.RFC3339))
}

func (s *savedSetting) record() (store.Record, error) {
	data, err := json.Marshal(s)
	return store.Record{Kind: savedKind, ID: s.Key, Data: data}, err
}

// openTuner adds to settings what people saved. Where the two do not go together, as after a
// change of the file, the service starts without all that was saved: who can change that needs
// the service.
func openTuner(ctx context.Context, records store.Records, loaded *config.Loaded, log *slog.Logger) (*tuner, error) {
	t := &tuner{records: records, log: log}
	t.loaded.Store(loaded)
	list, err := records.Records(ctx, savedKind)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		s := savedSetting{Key: r.ID}
		if err := json.Unmarshal(r.Data, &s); err != nil {
			return nil, fmt.Errorf("saved setting %s: %w", r.ID, err)
		}
		t.saved = append(t.saved, s)
	}
	with, err := withSaved(loaded, t.saved)
	if t.problem = err; err != nil {
		for _, line := range messages(err) {
			log.Error("what was saved in the service does not count", "err", line)
		}
		return t, nil
	}
	t.loaded.Store(with)
	return t, nil
}

// withSaved returns settings with others that were saved in place of those that were.
func withSaved(loaded *config.Loaded, saved []savedSetting) (*config.Loaded, error) {
	var errs []error
	for _, s := range saved { // of a later version of the program, or an earlier one
		if err := config.Tunable(s.Key); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return loaded.Again(func(from *config.Sources) {
		from.Saved = nil
		for _, s := range saved {
			from.Saved = append(from.Saved, [2]string{s.origin(), s.Key + "=" + s.Value})
		}
	})
}

// use makes settings count. t.mu is held.
func (t *tuner) use(loaded *config.Loaded) ([]config.Change, error) {
	what, err := detection(&loaded.Config)
	if err != nil {
		return nil, err
	}
	changes := t.loaded.Load().Diff(loaded)
	t.schedule.Reload(what)
	t.loaded.Store(loaded)
	for _, c := range changes {
		when := "with the next run"
		if !c.Detection() {
			when = "with the next start"
		}
		t.log.Info("setting changed", "key", c.Key, "from", c.From, "to", c.To, "counts", when)
	}
	return changes, nil
}

// reload reads the settings again at each signal. What the detection looks for changes with
// the next run; other settings that differ are named, and count from the next start on.
func (t *tuner) reload(ctx context.Context, hup <-chan os.Signal, load func() (*config.Loaded, error)) error {
	for {
		select {
		case <-hup:
		case <-ctx.Done():
			return nil
		}
		changes, err := t.again(load)
		if err != nil {
			for _, line := range messages(err) {
				t.log.Error("settings not reloaded, the old ones stay", "err", line)
			}
			continue
		}
		t.log.Info("settings reloaded", "changed", len(changes))
	}
}

func (t *tuner) again(load func() (*config.Loaded, error)) ([]config.Change, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	loaded, err := load()
	if err == nil {
		loaded, err = withSaved(loaded, t.saved)
	}
	if err != nil {
		return nil, err
	}
	changes, err := t.use(loaded)
	if err == nil {
		t.problem = nil
	}
	return changes, err
}

// Saved implements httpapi.Tuner.
func (t *tuner) Saved() (list []httpapi.SavedSetting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	loaded := t.loaded.Load()
	for _, s := range t.saved {
		one := httpapi.SavedSetting{Key: s.Key, Value: s.Value, By: s.By, At: s.At, InForce: t.problem == nil && loaded.Has(s.Key, s.origin())}
		for _, p := range problemsOf(t.problem) {
			if p.Key == s.Key || strings.HasPrefix(p.Key, s.Key+".") {
				one.Problem = p.Message
			}
		}
		list = append(list, one)
	}
	return list
}

// Save implements httpapi.Tuner.
func (t *tuner) Save(ctx context.Context, set map[string]string, forget []string, e store.Entry) ([]httpapi.SettingChange, error) {
	if err := tunable(set); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	next := slices.Clone(t.saved)
	var put, remove []store.Record
	for _, key := range forget {
		if !slices.ContainsFunc(next, func(s savedSetting) bool { return s.Key == key }) {
			return nil, fmt.Errorf("saved setting %.200q: %w", key, store.ErrNotFound)
		}
		next = slices.DeleteFunc(next, func(s savedSetting) bool { return s.Key == key })
		remove = append(remove, store.Record{Kind: savedKind, ID: key})
	}
	for key, value := range set {
		next = slices.DeleteFunc(next, func(s savedSetting) bool { return s.Key == key })
		s := savedSetting{Key: key, Value: value, By: e.User, At: e.At}
		r, err := s.record()
		if err != nil {
			return nil, err
		}
		next, put = append(next, s), append(put, r)
	}
	slices.SortFunc(next, func(a, b savedSetting) int { return cmp.Compare(a.Key, b.Key) })

	before := t.loaded.Load()
	loaded, problem := withSaved(before, next)
	switch {
	case problem == nil:
	case t.problem == nil || len(set) > 0:
		return nil, &httpapi.SettingsError{Problems: problemsOf(problem)}
	default: // one of several that are in the way is gone, and nothing else changes
		loaded = before
	}
	changes := settingChanges(before.Diff(loaded))
	detail, err := json.Marshal(map[string]any{"changes": changes})
	if err != nil {
		return nil, err
	}
	e.Detail = string(detail)
	if err := t.records.Change(ctx, put, remove, e); err != nil {
		return nil, err
	}
	t.saved, t.problem = next, problem
	_, err = t.use(loaded)
	return changes, err
}

// tunable returns what is wrong with the keys of settings.
func tunable(set map[string]string) error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if err := config.Tunable(key); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return &httpapi.SettingsError{Problems: problemsOf(errors.Join(errs...))}
}

// problemsOf takes the errors of settings apart.
func problemsOf(err error) (list []httpapi.SettingProblem) {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			list = append(list, problemsOf(one)...)
		}
		return list
	}
	var one *config.Error
	if errors.As(err, &one) {
		return []httpapi.SettingProblem{{Key: one.Key, Message: one.Problem}}
	}
	return []httpapi.SettingProblem{{Message: err.Error()}}
}

func settingChanges(changes []config.Change) []httpapi.SettingChange {
	list := []httpapi.SettingChange{}
	for _, c := range changes {
		list = append(list, httpapi.SettingChange(c))
	}
	return list
}

// with returns the settings in force with others.
func (t *tuner) with(set map[string]string) (before, tried *config.Loaded, err error) {
	if err := tunable(set); err != nil {
		return nil, nil, err
	}
	before = t.loaded.Load()
	tried, err = before.Again(func(from *config.Sources) {
		for _, key := range slices.Sorted(maps.Keys(set)) {
			from.Flags = append(from.Flags, [2]string{"the request", key + "=" + set[key]})
		}
	})
	if err != nil {
		err = &httpapi.SettingsError{Problems: problemsOf(err)}
	}
	return before, tried, err
}

// Try implements httpapi.Tuner.
func (t *tuner) Try(ctx context.Context, set map[string]string, end int64) (*httpapi.Trial, error) {
	before, tried, err := t.with(set)
	if err != nil {
		return nil, err
	}
	old, err := detection(&before.Config)
	if err != nil {
		return nil, err
	}
	what, err := detection(&tried.Config)
	if err != nil {
		return nil, err
	}
	what.MaxBytes = min(what.MaxBytes, old.MaxBytes) // who may try need not be one who may have all memory
	changes := before.Diff(tried)
	anew := slices.ContainsFunc(changes, func(c config.Change) bool { return strings.HasPrefix(c.Key, "filter.") })
	made, err := t.schedule.Try(ctx, what, end, anew)
	if errors.Is(err, schedule.ErrTooMuch) {
		return nil, &httpapi.SettingsError{Problems: []httpapi.SettingProblem{{Key: "group_by", Message: fmt.Sprintf("got other fields, and %v: want at most %d events", err, schedule.MaxAnew)}}}
	}
	if err != nil {
		return nil, err
	}
	out := &httpapi.Trial{Run: made.Run, Findings: made.Findings, Filter: filterOf(tried, &what), Outcomes: made.Filter, Anew: made.Anew, Days: made.Days}
	if out.DaysBefore, err = t.schedule.Days(ctx, old, end); err != nil {
		return nil, err
	}
	out.Settings.Changes = settingChanges(changes)
	out.Settings.YAML, err = config.YAML(set)
	return out, err
}

// Filter implements httpapi.Tuner.
func (t *tuner) Filter(set map[string]string) (*httpapi.Filter, error) {
	_, tried, err := t.with(set)
	if err != nil {
		return nil, err
	}
	what, err := detection(&tried.Config)
	if err != nil {
		return nil, err
	}
	return filterOf(tried, &what), nil
}

// filterOf returns the filter of settings, from which what was made.
func filterOf(loaded *config.Loaded, what *detect.Options) *httpapi.Filter {
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
		d.Sets = append(d.Sets, httpapi.FilterSet{
			Name: name, BuiltIn: slices.Contains(builtIn, name), Values: append([]string{}, values...), Added: append([]string{}, change.Add...),
			Removed: append([]string{}, change.Remove...), Replaced: change.Replace != nil, Clauses: append([]string{}, users[name]...),
			Origin: loaded.Origin("filter.sets." + name),
		})
	}
	return d
}
