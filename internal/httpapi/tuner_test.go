package httpapi

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"fresnel/internal/config"
	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
)

// A tuner is a Tuner that is as little as the tests of this package need; cmd has the one that
// is used, and tests it through the API.
type tuner struct {
	plan    *schedule.Schedule
	records store.Records
	force   *config.Loaded
	saved   []SavedSetting
	waits   chan struct{} // Try waits for it, where it is not nil
}

func newTuner(t testing.TB, plan *schedule.Schedule, records store.Records, set ...string) *tuner {
	t.Helper()
	loaded, err := config.Load(config.Sources{Set: set})
	if err != nil {
		t.Fatal(err)
	}
	return &tuner{plan: plan, records: records, force: loaded}
}

func (u *tuner) with(edit Edit) (*config.Loaded, error) {
	for _, key := range edit.Forget {
		if !slices.ContainsFunc(u.saved, func(s SavedSetting) bool { return s.Key == key }) {
			return nil, store.ErrNotFound
		}
	}
	set := edit.Set
	loaded, err := u.force.Again(func(from *config.Sources) {
		for _, key := range sortedKeys(set) {
			from.Flags = append(from.Flags, [2]string{"test", key + "=" + set[key]})
		}
	})
	if err == nil {
		return loaded, nil
	}
	problems := &SettingsError{}
	for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
		var e *config.Error
		if errors.As(one, &e) {
			problems.Problems = append(problems.Problems, SettingProblem{Key: e.Key, Message: e.Problem})
		}
	}
	return nil, problems
}

func (u *tuner) Settings() (list []Setting) {
	for _, v := range u.force.Values() {
		one := Setting{Key: v.Key, Value: v.Value, Default: v.Default, Origin: v.From, Doc: v.Doc, Tunable: config.Tunable(v.Key) == nil}
		if b, ok := config.BoundsOf(v.Key); ok {
			bounds := Bounds(b)
			one.Bounds = &bounds
		}
		list = append(list, one)
	}
	return list
}

func (u *tuner) Weights() (list []Weight, err error) {
	for _, w := range config.Weights() {
		list = append(list, Weight{Key: w.Key, Piece: w.Piece, Level: w.Level, Doc: w.Doc, Points: w.Default, Default: w.Default, Origin: "default", Bounds: Bounds(w.Bounds)})
	}
	return list, nil
}

// detection returns what c looks for.
func detection(c *config.Config) (detect.Options, error) {
	o, err := c.Detect()
	o.Workers = 2
	return o, err
}

func (u *tuner) Filter(edit Edit) (*Filter, error) {
	loaded, err := u.with(edit)
	if err != nil {
		return nil, err
	}
	o, err := detection(&loaded.Config)
	if err != nil {
		return nil, err
	}
	c := &loaded.Config.Filter
	f := &Filter{Match: o.Filter.Match, Timed: o.Filter.Keeps, Detail: FilterDetail{Enabled: c.Enabled, Clauses: []FilterClause{}, Sets: []FilterSet{}}}
	if o.Rank != nil {
		f.Timed = func(e *event.Event) bool { return o.Filter.Keeps(e) || o.Rank.Filter.Keeps(e) }
	}
	for i, one := range o.Filter.Outcomes() {
		side := "otherwise"
		if c.Enabled && i < len(c.Exclude)+len(c.Include) {
			side = "exclude"
			if one.Kept {
				side = "include"
			}
		}
		f.Outcomes = append(f.Outcomes, FilterOutcome{Name: one.Name, Side: side, Rule: one.Rule, Kept: one.Kept})
	}
	return f, nil
}

func (u *tuner) Try(ctx context.Context, edit Edit, end int64) (*Trial, error) {
	if u.waits != nil {
		u.waits <- struct{}{}
		<-u.waits
	}
	loaded, err := u.with(edit)
	if err != nil {
		return nil, err
	}
	o, err := detection(&loaded.Config)
	if err != nil {
		return nil, err
	}
	f, err := u.Filter(edit)
	if err != nil {
		return nil, err
	}
	anew := slices.ContainsFunc(sortedKeys(edit.Set), func(key string) bool { return strings.HasPrefix(key, "filter.") })
	made, err := u.plan.Try(ctx, o, end, anew)
	if err != nil {
		return nil, err
	}
	t := &Trial{Run: made.Run, Findings: made.Findings, Filter: f, Outcomes: made.Filter, Anew: made.Anew, Days: made.Days, DaysBefore: made.Days}
	for _, c := range u.force.Diff(loaded) {
		t.Settings.Changes = append(t.Settings.Changes, SettingChange(c))
	}
	t.Settings.YAML, err = config.YAML(edit.Set)
	return t, err
}

func (u *tuner) Saved() []SavedSetting { return u.saved }

func (u *tuner) Save(ctx context.Context, edit Edit, e store.Entry) ([]SettingChange, error) {
	loaded, err := u.with(edit)
	if err != nil {
		return nil, err
	}
	u.saved = slices.DeleteFunc(u.saved, func(s SavedSetting) bool { return slices.Contains(edit.Forget, s.Key) })
	if err := u.records.Change(ctx, nil, nil, e); err != nil {
		return nil, err
	}
	for _, key := range sortedKeys(edit.Set) {
		u.saved = append(u.saved, SavedSetting{Key: key, Value: edit.Set[key], By: e.User, At: e.At, InForce: true})
	}
	var changes []SettingChange
	for _, c := range u.force.Diff(loaded) {
		changes = append(changes, SettingChange(c))
	}
	return changes, nil
}
