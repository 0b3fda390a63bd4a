// Package tuning holds the settings of a running service: those of the file, the environment and
// flags, and between the file and the environment what people saved through the API. It tries
// others, and makes those that are saved count.
package tuning

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
	"fresnel/internal/httpapi"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
)

// A Tuner holds the settings. It is safe for concurrent use.
type Tuner struct {
	records  store.Records
	schedule *schedule.Schedule
	log      *slog.Logger
	loaded   atomic.Pointer[config.Loaded] // in force

	mu      sync.Mutex // held while settings change; guards what follows
	saved   []saved    // by key
	problem error      // why nothing that is saved counts; nil when it does
}

var _ httpapi.Tuner = (*Tuner)(nil)

// A saved is the record of a setting that a person saved.
type saved struct {
	Key   string    `json:"-"`
	Value string    `json:"value"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// kind is the kind of the records of saved settings.
const kind = "setting"

// origin says where the value came from.
func (s *saved) origin() string {
	return fmt.Sprintf("set by %s at %s in the service", s.By, s.At.UTC().Format(time.RFC3339))
}

func (s *saved) record() (store.Record, error) {
	data, err := json.Marshal(s)
	return store.Record{Kind: kind, ID: s.Key, Data: data}, err
}

// Open adds to settings what people saved. Where the two do not go together, as after a change of
// the file, the settings are those without all that was saved, and log says why: who can change
// that needs the service.
func Open(ctx context.Context, records store.Records, loaded *config.Loaded, log *slog.Logger) (*Tuner, error) {
	t := &Tuner{records: records, log: log}
	t.loaded.Store(loaded)
	list, err := records.Records(ctx, kind)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		s := saved{Key: r.ID}
		if err := json.Unmarshal(r.Data, &s); err != nil {
			return nil, fmt.Errorf("saved setting %s: %w", r.ID, err)
		}
		t.saved = append(t.saved, s)
	}
	with, err := withSaved(loaded, t.saved)
	if t.problem = err; err != nil {
		for _, one := range unjoin(err) {
			log.Error("what was saved in the service does not count", "err", one)
		}
		return t, nil
	}
	t.loaded.Store(with)
	return t, nil
}

// Loaded returns the settings in force.
func (t *Tuner) Loaded() *config.Loaded { return t.loaded.Load() }

// Steer makes settings that change count in the runs of s, which were made of those in force. It
// comes before all that changes or tries settings.
func (t *Tuner) Steer(s *schedule.Schedule) { t.schedule = s }

// withSaved returns settings with others that were saved in place of those that were. Its error is
// all that is wrong.
func withSaved(loaded *config.Loaded, list []saved) (*config.Loaded, error) {
	var errs []error
	with, err := loaded.Again(func(from *config.Sources) {
		from.Saved = nil
		for _, s := range list {
			if err := config.Tunable(s.Key); err != nil { // of a later version of the program, or an earlier one
				errs = append(errs, err)
				continue
			}
			from.Saved = append(from.Saved, [2]string{s.origin(), s.Key + "=" + s.Value})
		}
	})
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return with, nil
}

// use makes settings count. t.mu is held.
func (t *Tuner) use(loaded *config.Loaded) ([]config.Change, error) {
	what, err := loaded.Config.Detect()
	if err != nil {
		return nil, err
	}
	changes := t.Loaded().Diff(loaded)
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

// Reload reads the settings again at each signal, until ctx ends. What the detection looks for
// changes with the next run; other settings that differ are named, and count from the next start
// on.
func (t *Tuner) Reload(ctx context.Context, signals <-chan os.Signal, load func() (*config.Loaded, error)) error {
	for {
		select {
		case <-signals:
		case <-ctx.Done():
			return nil
		}
		changes, err := t.again(load)
		if err != nil {
			for _, one := range unjoin(err) {
				t.log.Error("settings not reloaded, the old ones stay", "err", one)
			}
			continue
		}
		t.log.Info("settings reloaded", "changed", len(changes))
	}
}

func (t *Tuner) again(load func() (*config.Loaded, error)) ([]config.Change, error) {
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

// Settings implements httpapi.Tuner.
func (t *Tuner) Settings() (list []httpapi.Setting) {
	for _, v := range t.Loaded().Values() {
		s := httpapi.Setting{Key: v.Key, Value: v.Value, Default: v.Default, Origin: v.From, Doc: v.Doc, Tunable: config.Tunable(v.Key) == nil}
		if b, ok := config.BoundsOf(v.Key); ok {
			s.Bounds = boundsOf(b)
		}
		list = append(list, s)
	}
	return list
}

// Weights implements httpapi.Tuner.
func (t *Tuner) Weights() (list []httpapi.Weight, err error) {
	loaded := t.Loaded()
	model, err := loaded.Config.Rank.Model()
	if err != nil {
		return nil, err
	}
	points := model.Weights()
	for _, w := range config.Weights() {
		origin := config.FromDefault // and not that of the mapping that other points stand in
		if _, ok := loaded.Config.Rank.Weights[w.Piece][w.Level]; ok {
			origin = loaded.Origin(w.Key)
		}
		list = append(list, httpapi.Weight{
			Key: w.Key, Piece: w.Piece, Level: w.Level, Doc: w.Doc, Points: points[w.Piece][w.Level], Default: w.Default, Origin: origin, Bounds: *boundsOf(w.Bounds),
		})
	}
	return list, nil
}

func boundsOf(b config.Bounds) *httpapi.Bounds {
	converted := httpapi.Bounds(b)
	return &converted
}

// Saved implements httpapi.Tuner.
func (t *Tuner) Saved() (list []httpapi.SavedSetting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	loaded := t.Loaded()
	problems := problemsOf(t.problem)
	for _, s := range t.saved {
		one := httpapi.SavedSetting{Key: s.Key, Value: s.Value, By: s.By, At: s.At, InForce: t.problem == nil && loaded.Has(s.Key, s.origin())}
		for _, p := range problems {
			if p.Key == s.Key || strings.HasPrefix(p.Key, s.Key+".") {
				one.Problem = p.Message
			}
		}
		list = append(list, one)
	}
	return list
}

// savedBelow returns the keys below a section that are saved.
func (t *Tuner) savedBelow(section string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := []string{}
	for _, s := range t.saved {
		if strings.HasPrefix(s.Key, section+".") {
			list = append(list, s.Key)
		}
	}
	return list
}

// without returns what is saved but for some keys, each of which must be there. t.mu is held.
func (t *Tuner) without(forget []string) ([]saved, error) {
	next := slices.Clone(t.saved)
	for _, key := range forget {
		is := func(s saved) bool { return s.Key == key }
		if !slices.ContainsFunc(next, is) {
			return nil, fmt.Errorf("saved setting %.200q: %w", key, store.ErrNotFound)
		}
		next = slices.DeleteFunc(next, is)
	}
	return next, nil
}

// Save implements httpapi.Tuner.
func (t *Tuner) Save(ctx context.Context, edit httpapi.Edit, e store.Entry) ([]httpapi.SettingChange, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next, err := t.without(edit.Forget)
	if err != nil {
		return nil, err
	}
	var put, remove []store.Record
	for _, key := range edit.Forget {
		remove = append(remove, store.Record{Kind: kind, ID: key})
	}
	for _, key := range slices.Sorted(maps.Keys(edit.Set)) {
		next = slices.DeleteFunc(next, func(s saved) bool { return s.Key == key })
		s := saved{Key: key, Value: edit.Set[key], By: e.User, At: e.At}
		r, err := s.record()
		if err != nil {
			return nil, err
		}
		next, put = append(next, s), append(put, r)
	}
	slices.SortFunc(next, func(a, b saved) int { return cmp.Compare(a.Key, b.Key) })

	before := t.Loaded()
	loaded, problem := withSaved(before, next)
	switch {
	case problem == nil:
	case t.problem == nil || len(edit.Set) > 0:
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

// unjoin takes joined errors apart.
func unjoin(err error) (list []error) {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, one := range joined.Unwrap() {
		list = append(list, unjoin(one)...)
	}
	return list
}

// problemsOf tells the errors of settings.
func problemsOf(err error) (list []httpapi.SettingProblem) {
	for _, err := range unjoin(err) {
		var one *config.Error
		if !errors.As(err, &one) {
			list = append(list, httpapi.SettingProblem{Message: err.Error()})
			continue
		}
		got, want := one.GotWant()
		list = append(list, httpapi.SettingProblem{Key: one.Key, Message: one.Problem, Got: got, Want: want})
	}
	return list
}

func settingChanges(changes []config.Change) []httpapi.SettingChange {
	list := []httpapi.SettingChange{}
	for _, c := range changes {
		list = append(list, httpapi.SettingChange(c))
	}
	return list
}
