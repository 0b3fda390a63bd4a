package tuning

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fresnel/internal/config"
	"fresnel/internal/httpapi"
	"fresnel/internal/schedule"
)

// with returns the settings in force, and these after an edit. Its error is all that is wrong.
func (t *Tuner) with(edit httpapi.Edit) (before, tried *config.Loaded, err error) {
	t.mu.Lock()
	before = t.Loaded()
	rest, err := t.without(edit.Forget)
	t.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	from := before
	var errs []error
	if len(edit.Forget) > 0 {
		if from, err = withSaved(before, rest); err != nil {
			from, errs = before, append(errs, err)
		}
	}
	tried, err = from.Again(func(from *config.Sources) {
		for _, key := range slices.Sorted(maps.Keys(edit.Set)) {
			if err := config.Tunable(key); err != nil {
				errs = append(errs, err)
				continue
			}
			from.Flags = append(from.Flags, [2]string{"the request", key + "=" + edit.Set[key]})
		}
	})
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, nil, &httpapi.SettingsError{Problems: problemsOf(err)}
	}
	return before, tried, nil
}

// Try implements httpapi.Tuner.
func (t *Tuner) Try(ctx context.Context, edit httpapi.Edit, end int64) (*httpapi.Trial, error) {
	before, tried, err := t.with(edit)
	if err != nil {
		return nil, err
	}
	old, err := before.Config.Detect()
	if err != nil {
		return nil, err
	}
	what, err := tried.Config.Detect()
	if err != nil {
		return nil, err
	}
	what.MaxBytes = min(what.MaxBytes, old.MaxBytes) // who may try need not be one who may have all memory
	changes := before.Diff(tried)
	anew := slices.ContainsFunc(changes, func(c config.Change) bool { return strings.HasPrefix(c.Key, "filter.") })
	made, err := t.schedule.Try(ctx, what, end, anew)
	if errors.Is(err, schedule.ErrTooMuch) {
		e := &config.Error{Key: "group_by", Problem: fmt.Sprintf("got other fields, and %v, want at most %d events", err, schedule.MaxAnew)}
		return nil, &httpapi.SettingsError{Problems: problemsOf(e)}
	}
	if err != nil {
		return nil, err
	}
	out := &httpapi.Trial{Run: made.Run, Findings: made.Findings, Filter: t.filterOf(tried, &what), Outcomes: made.Filter, Anew: made.Anew, Days: made.Days}
	if out.DaysBefore, err = t.schedule.Days(ctx, old, end); err != nil {
		return nil, err
	}
	out.Settings.Changes = settingChanges(changes)
	out.Settings.YAML, err = config.YAML(edit.Set)
	return out, err
}
