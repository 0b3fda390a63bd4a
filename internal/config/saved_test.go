package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/config"
)

func TestSavedSettingsStandBetweenFileAndEnvironment(t *testing.T) {
	l := load(t, config.Sources{
		File: "my.yaml", FileData: []byte("beacon: {max_jitter: 0.1, min_not_empty: 0.4, min_number_periods: 4}\n"),
		Saved: [][2]string{
			{"set by anna", "beacon.max_jitter=0.2"}, {"set by bob", "beacon.min_not_empty=0.3"}, {"set by bob", "rank.weights.folder.temp=40"},
		},
		Env: []string{"FRESNEL_BEACON_MIN_NOT_EMPTY=0.2"},
	})
	b := l.Config.Beacon
	if b.MaxJitter != 0.2 || b.MinNotEmpty != 0.2 || b.MinNumberPeriods != 4 || l.Config.Rank.Weights["folder"]["temp"] != 40 {
		t.Errorf("got max_jitter %v, min_not_empty %v, min_number_periods %v and weights %v, want 0.2, 0.2, 4 and 6", b.MaxJitter, b.MinNotEmpty, b.MinNumberPeriods, l.Config.Rank.Weights)
	}
	for key, want := range map[string]string{
		"beacon.max_jitter": "set by anna", "beacon.min_not_empty": "FRESNEL_BEACON_MIN_NOT_EMPTY", "beacon.min_number_periods": "my.yaml:1",
		"rank.weights.folder.temp": "set by bob",
	} {
		if got := l.Origin(key); got != want {
			t.Errorf("origin of %s: got %q, want %q", key, got, want)
		}
	}
	for key, want := range map[string]bool{"beacon.max_jitter": true, "beacon": true, "beacon.max": false, "beacon.min_not_empty": false} {
		if got := l.Has(key, "set by anna"); got != want {
			t.Errorf("%s has what anna set: got %v, want %v", key, got, want)
		}
	}
	_, err := config.Load(config.Sources{Saved: [][2]string{{"set by anna", "beacon.max_jitter=2"}}})
	if want := "set by anna: beacon.max_jitter: got 2, want 0 to 1, a share of the period"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAgainLoadsTheSameTexts(t *testing.T) {
	l := load(t, config.Sources{File: "gone.yaml", FileData: []byte("beacon: {max_jitter: 0.1}\n"), Set: []string{"beacon.min_not_empty=0.3"}})
	changed, err := l.Again(func(s *config.Sources) { s.Flags = append(s.Flags, [2]string{"a trial", "beacon.min_not_empty=0.2"}) })
	if err != nil {
		t.Fatal(err)
	}
	if b := changed.Config.Beacon; b.MaxJitter != 0.1 || b.MinNotEmpty != 0.2 || changed.File != "gone.yaml" || changed.Origin("beacon.min_not_empty") != "a trial" {
		t.Errorf("got %v and %v of %s, want 0.1 and 0.2 of gone.yaml", b.MaxJitter, b.MinNotEmpty, changed.File)
	}
	again, err := l.Again(func(*config.Sources) {})
	if err != nil {
		t.Fatal(err)
	}
	if d := l.Diff(again); d != nil {
		t.Errorf("got the changes %v, want none", d)
	}
	if _, err := l.Again(func(s *config.Sources) { s.Set = []string{"beacon.max_jitter=x"} }); err == nil {
		t.Error("got no error for what is not sound")
	}
}

func TestTunable(t *testing.T) {
	for _, key := range []string{
		"beacon.max_jitter", "beacon.truncate_at", "detector", "group_by", "timing.lookback", "limits.memory_mb", "rank.min_score", "rank.weights", "rank.weights.folder.temp",
		"filter.enabled", "filter.exclude", "filter.sets.common_processes.add", "filter.sets.my-own_set.replace",
	} {
		if err := config.Tunable(key); err != nil {
			t.Errorf("%s: got %v, want no error", key, err)
		}
	}
	for key, want := range map[string]string{
		"":                    ": got an unknown key, want the key of a setting, such as beacon.max_jitter",
		"beacon":              "beacon: got an unknown key, want the key of a setting, such as beacon.max_jitter",
		"beacon.max_jiter":    "beacon.max_jiter: got an unknown key, want beacon.max_jitter",
		"max_jitter":          "max_jitter: got an unknown key, want beacon.max_jitter",
		"beacon.max_jitter=1": "beacon.max_jitter=1: got an unknown key, want beacon.max_jitter",
		"beacon.max_jitter.x": "beacon.max_jitter.x: got an unknown key, want beacon.max_jitter",
		"filter.sets.a=b.add": "filter.sets.a=b.add: got an unknown key, want filter.sets.NAME.add",
		"filter.sets.my.":     "filter.sets.my.: got an unknown key, want the key of a setting, such as beacon.max_jitter",
		"schedule.every":      "schedule.every: got a setting of the service, want one of what detection looks for: beacon, filter, detector, timing, rank, group_by, limits",
		"store.dir":           "store.dir: got a setting of the service, want one of what detection looks for: beacon, filter, detector, timing, rank, group_by, limits",
		"inputs.tail.a.paths": "inputs.tail.a.paths: got a setting of the service, want one of what detection looks for: beacon, filter, detector, timing, rank, group_by, limits",
		"\x00":                `"\x00": got an unknown key, want the key of a setting, such as beacon.max_jitter`,
		"rank.weights.a b.c":  "rank.weights.a b.c: got an unknown key, want the key of a setting, such as beacon.max_jitter",
		"x":                   "x: got an unknown key, want the key of a setting, such as beacon.max_jitter",
	} {
		err := config.Tunable(key)
		if one := new(config.Error); !errors.As(err, &one) || strings.TrimPrefix(want, ": ") != err.Error() {
			t.Errorf("%q: got %v, want %s", key, err, want)
		}
	}
}

func TestYAMLOfSettingsLoadsAsThey(t *testing.T) {
	set := map[string]string{
		"beacon.max_jitter": "0.2", "beacon.truncate_at": "[0.2, 0.9]", "rank.weights.folder.temp": "40", "rank.weights.folder.programs": "-1.5",
		"filter.sets.common_processes.add": "[a.exe, 'b c.exe']", "filter.exclude": "[{name: mine, where: {user.name: set}}]", "group_by": "[host.name]",
		"filter.sets.true.replace": "[x]",
	}
	text, err := config.YAML(set)
	if err != nil {
		t.Fatal(err)
	}
	const want = `beacon:
  max_jitter: 0.2
  truncate_at: [0.2, 0.9]
filter:
  exclude: [{name: mine, where: {user.name: set}}]
  sets:
    common_processes:
      add: [a.exe, 'b c.exe']
    "true":
      replace: [x]
group_by: [host.name]
rank:
  weights:
    folder:
      programs: -1.5
      temp: 40
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var saved [][2]string
	for key, value := range set {
		saved = append(saved, [2]string{"saved", key + "=" + value})
	}
	a, b := load(t, config.Sources{Saved: saved}), load(t, config.Sources{File: "f.yaml", FileData: []byte(text)})
	if d := a.Diff(b); d != nil {
		t.Errorf("got the changes %v, want none", d)
	}
	if text, err := config.YAML(nil); text != "" || err != nil {
		t.Errorf("got %q and %v of no settings, want nothing", text, err)
	}
	if _, err := config.YAML(map[string]string{"group_by": "[x"}); err == nil {
		t.Error("got no error for what is no YAML")
	}
}
