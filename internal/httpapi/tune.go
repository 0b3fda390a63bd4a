package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/store"
)

// A Tuner knows the settings of what detection looks for: it tries others, and keeps those that
// people save. Settings are values in YAML by their keys, as the settings file has them; what is
// wrong with them is a *SettingsError. It is safe for concurrent use.
type Tuner interface {
	// Settings returns all settings in force, in the order of the settings file.
	Settings() []Setting
	// Weights returns the points in force, in the order of the pieces of evidence.
	Weights() ([]Weight, error)
	// Filter returns the filter after an edit, or the one in force.
	Filter(edit Edit) (*Filter, error)
	// Try looks at the window of the run that ends at end, seconds since 1970 UTC, with the
	// settings after an edit, or with those in force. It stores nothing.
	Try(ctx context.Context, edit Edit, end int64) (*Trial, error)
	// Saved returns what people have saved, by key.
	Saved() []SavedSetting
	// Save makes an edit count at once, and keeps it. e is who does it, and when; it goes into
	// the trail with the changes as its Detail. Nothing is done when there is an error.
	Save(ctx context.Context, edit Edit, e store.Entry) ([]SettingChange, error)
}

// An Edit changes settings. No key is in it twice. One to be forgotten that is not saved is
// store.ErrNotFound.
type Edit struct {
	Set    map[string]string // values in YAML by their keys
	Forget []string          // keys of settings that are saved, which no longer count
}

// Bounds are the values that a setting may have by itself; together with others it may have fewer.
type Bounds struct {
	Kind        string   `json:"kind" enum:"number,whole,pair,duration,switch,choice,list" doc:"whole: a whole number; pair: two numbers, the second not below the first; duration: bounds are in seconds, values such as 168h; list: of some of the choices"`
	Min         *float64 `json:"min,omitempty" doc:"missing where there is none"`
	Max         *float64 `json:"max,omitempty" doc:"missing where there is none"`
	MinExcluded bool     `json:"min_excluded,omitempty" doc:"min itself is too small"`
	Step        float64  `json:"step,omitzero" doc:"that makes a difference; other values are taken as well"`
	Choices     []string `json:"choices,omitempty"`
}

// Weight is the points of a level of a piece of evidence, which can be set by their key.
type Weight struct {
	Key     string  `json:"key" doc:"such as rank.weights.folder.temp"`
	Piece   string  `json:"piece"`
	Level   string  `json:"level"`
	Doc     string  `json:"doc" doc:"when a finding is at this level"`
	Points  float64 `json:"points" doc:"in force"`
	Default float64 `json:"default" doc:"points that are shipped"`
	Origin  string  `json:"origin" doc:"where the points came from: default, the file, who saved them, the environment or a flag"`
	Bounds  Bounds  `json:"bounds" doc:"also, unless the levels of the piece have no order, no level may have fewer points than the one before"`
}

// A Trial is what a run would say with other settings.
type Trial struct {
	Run      *store.Run
	Findings []store.Finding // in the order of a run
	Filter   *Filter         // that was tried
	Outcomes []int64         // events of the window by outcome of Filter
	Anew     bool            // the timing model looked back on events, not on what earlier runs left of them
	Settings Difference

	Days       float64 // of events that the findings are about; less than one counts as one
	DaysBefore float64 // likewise, with the settings in force
}

// A Difference is how settings differ from those in force.
type Difference struct {
	Changes []SettingChange
	YAML    string // of what was set, as a settings file has it
}

// SettingChange is a setting that is not what it was.
type SettingChange struct {
	Key  string `json:"key"`
	From string `json:"from" doc:"as YAML on one line; empty where it was not set"`
	To   string `json:"to" doc:"as YAML on one line; empty where it is not set"`
}

// SavedSetting is a setting that a person saved.
type SavedSetting struct {
	Key     string    `json:"key"`
	Value   string    `json:"value" doc:"as YAML, as it was given"`
	By      string    `json:"by" doc:"who saved it, as in the trail"`
	At      time.Time `json:"at"`
	InForce bool      `json:"in_force" doc:"false where the environment or a flag has another value, or something is wrong with it"`
	Problem string    `json:"problem,omitempty" doc:"what is wrong with it since the settings around it, or the program, are others: then nothing that was saved counts"`
}

// SettingProblem is what is wrong with one setting.
type SettingProblem struct {
	Key     string `json:"key"`
	Message string `json:"message" doc:"what was got, and what was wanted"`
	Got     string `json:"got,omitempty" doc:"the part of the message that says what was got"`
	Want    string `json:"want,omitempty" doc:"the part of the message that says what was wanted"`
}

// A SettingsError is everything that is wrong with settings.
type SettingsError struct{ Problems []SettingProblem }

// Error returns the first problem and how many others there are.
func (e *SettingsError) Error() string {
	if len(e.Problems) == 0 {
		return "the settings are not sound"
	}
	text := e.Problems[0].Key + ": " + e.Problems[0].Message
	if n := len(e.Problems) - 1; n > 0 {
		text = fmt.Sprintf("%s; and %d more", text, n)
	}
	return text
}

// problem is the answer to e.
func (e *SettingsError) problem() *problem {
	p := refuse(http.StatusBadRequest, "bad_settings", "%v", e)
	const most = 100
	p.body.Field, p.body.Settings = "set", e.Problems[:min(len(e.Problems), most)]
	return p
}

// TrialRequest says which settings are tried, and on what.
type TrialRequest struct {
	End    time.Time         `json:"end" doc:"end of the window of a run; whole seconds, not to come. The run need not have been made"`
	Set    map[string]string `json:"set" doc:"values in YAML by their keys, such as beacon.max_jitter: \"0.2\"; only of what detection looks for. Others are as they are in force"`
	Forget []string          `json:"forget,omitempty" doc:"keys of settings that were saved, which do not count"`
}

// window checks b, and returns the end of the window and what is tried.
func (b *TrialRequest) window(c *call) (end int64, edit Edit, err error) {
	switch {
	case b.End.Nanosecond() != 0 || b.End.Unix() < firstSecond:
		return 0, edit, invalid("bad_value", "end", b.End.Format(time.RFC3339Nano), "whole seconds, from 1970 on")
	case b.End.After(c.now):
		return 0, edit, invalid("bad_value", "end", b.End.Format(time.RFC3339), "a time that is not to come; now is "+c.now.Format(time.RFC3339))
	}
	edit, err = editOf(b.Set, b.Forget)
	return b.End.Unix(), edit, err
}

// maxSet bounds the settings of one request.
const maxSet = 500

// editOf returns the edit that a request asks for.
func editOf(set map[string]string, forget []string) (Edit, error) {
	if n := len(set) + len(forget); n > maxSet {
		return Edit{}, invalid("bad_value", "set", fmt.Sprintf("%d settings", n), fmt.Sprintf("at most %d with those to forget", maxSet))
	}
	for i, key := range forget {
		if _, ok := set[key]; ok || slices.Contains(forget[:i], key) {
			return Edit{}, invalid("bad_value", "forget", quote(key)+" twice", "each key once, in set or in forget")
		}
	}
	return Edit{set, forget}, nil
}

// Config is the settings in force.
type Config struct {
	Settings []Setting      `json:"settings" doc:"in the order of the settings file"`
	Weights  []Weight       `json:"weights" doc:"the points of the rank, in the order of the pieces of evidence; levels that are plain, which always have 0, are left out"`
	Saved    []SavedSetting `json:"saved" doc:"what people saved, by key: it comes after the settings file, and before the environment and flags"`
}

func (a *API) config(context.Context, *call, *none, *none) (*Config, error) {
	weights, err := a.o.Tuner.Weights()
	if err != nil {
		return nil, err
	}
	return &Config{append([]Setting{}, a.o.Tuner.Settings()...), append([]Weight{}, weights...), a.saved()}, nil
}

func (a *API) saved() []SavedSetting {
	all := []SavedSetting{}
	for _, s := range a.o.Tuner.Saved() {
		s.At = s.At.UTC()
		all = append(all, s)
	}
	return all
}

// ConfigRequest saves settings, and forgets others that were saved.
type ConfigRequest struct {
	Set    map[string]string `json:"set" doc:"values in YAML by their keys, such as beacon.max_jitter: \"0.2\"; only of what detection looks for. What was saved of other keys stays"`
	Forget []string          `json:"forget,omitempty" doc:"keys of settings that were saved: from then on the settings file counts again, or the default"`
}

// ConfigAnswer is what saving has changed.
type ConfigAnswer struct {
	Changes []SettingChange `json:"changes" doc:"of the settings in force, by key"`
	Saved   []SavedSetting  `json:"saved" doc:"everything that is saved, by key"`
}

func (a *API) saveConfig(ctx context.Context, c *call, _ *none, b *ConfigRequest) (*ConfigAnswer, error) {
	edit, err := editOf(b.Set, b.Forget)
	if err != nil {
		return nil, err
	}
	if len(edit.Set)+len(edit.Forget) == 0 {
		return nil, invalid("bad_value", "set", "none", "settings by their keys")
	}
	action := "config.save"
	if len(edit.Set) == 0 {
		action = "config.remove"
	}
	return a.save(ctx, edit, c.entry(action, listOf(slices.Concat(sortedKeys(b.Set), b.Forget)), nil))
}

// configParams name a setting.
type configParams struct {
	Key string `path:"key" maxlen:"200" doc:"such as beacon.max_jitter"`
}

func (a *API) forgetConfig(ctx context.Context, c *call, p *configParams, _ *none) (*ConfigAnswer, error) {
	return a.save(ctx, Edit{Forget: []string{p.Key}}, c.entry("config.remove", p.Key, nil))
}

func (a *API) save(ctx context.Context, edit Edit, e store.Entry) (*ConfigAnswer, error) {
	changes, err := a.o.Tuner.Save(ctx, edit, e)
	if err != nil {
		return nil, err
	}
	return &ConfigAnswer{append([]SettingChange{}, changes...), a.saved()}, nil
}

// listOf returns the keys of settings for the trail, cut where they are many.
func listOf(keys []string) string {
	const most = 5
	text := ""
	for i, key := range keys[:min(len(keys), most)] {
		if i > 0 {
			text += ", "
		}
		text += key
	}
	if n := len(keys) - most; n > 0 {
		text = fmt.Sprintf("%s and %d more", text, n)
	}
	return text
}

// A Filter is which events are looked at.
type Filter struct {
	Detail   FilterDetail
	Outcomes []FilterOutcome
	Match    func(e *event.Event) int  // which of the outcomes is that of e
	Timed    func(e *event.Event) bool // the timing model looks at e
}

// A FilterOutcome is an answer of a filter.
type FilterOutcome struct {
	Name string // of the clause that decides, or a sentence where none does
	Side string // exclude, include, or otherwise where no clause decides
	Rule string // the conditions of the clause; "" where none decides
	Kept bool
}
