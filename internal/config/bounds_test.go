package config_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fresnel/internal/config"
)

// TestBoundsAreThoseThatAreChecked sets each setting to its bounds, and beyond.
func TestBoundsAreThoseThatAreChecked(t *testing.T) {
	sound := func(key, value string) bool {
		t.Helper()
		_, err := config.Load(config.Sources{Set: []string{key + "=" + value}})
		return err == nil
	}
	without := []string{"filter.sets", "filter.include", "filter.exclude", "rank.weights"} // lists of clauses, and mappings
	n := 0
	for _, k := range config.Keys() {
		b, ok := config.BoundsOf(k.Name)
		if want := config.Tunable(k.Name) == nil && !slices.ContainsFunc(without, func(w string) bool { return strings.HasPrefix(k.Name, w) }); ok != want {
			t.Errorf("%s has bounds: got %v, want %v", k.Name, ok, want)
		}
		if !ok {
			continue
		}
		n++
		text := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
		nearby := 1e-6 // beyond a bound
		switch b.Kind {
		case config.KindWhole:
			nearby = 1
		case config.KindPair:
			text = func(f float64) string { return fmt.Sprintf("[%v, %v]", f, f) }
		case config.KindDuration:
			text = func(f float64) string { return (time.Duration(f) * time.Second).String() }
			nearby = 1
		case config.KindList:
			text = nil
		}
		if b.Min != nil {
			if sound(k.Name, text(*b.Min)) == b.MinExcluded || sound(k.Name, text(*b.Min-nearby)) || !sound(k.Name, text(*b.Min+nearby)) {
				t.Errorf("%s: got another lower bound than %v", k.Name, *b.Min)
			}
		}
		if b.Max != nil {
			if !sound(k.Name, text(*b.Max)) || sound(k.Name, text(*b.Max+nearby)) {
				t.Errorf("%s: got another upper bound than %v", k.Name, *b.Max)
			}
		} else if b.Min != nil && !sound(k.Name, text(math.MaxInt32)) {
			t.Errorf("%s: got an upper bound, want none", k.Name)
		}
		for _, choice := range b.Choices {
			if b.Kind == config.KindList {
				choice = "[" + choice + "]"
			}
			if !sound(k.Name, choice) {
				t.Errorf("%s: got %s refused, want it as a choice", k.Name, choice)
			}
		}
		if b.Choices != nil && sound(k.Name, "surely_none") {
			t.Errorf("%s: got another choice", k.Name)
		}
		if b.Kind == config.KindSwitch && !(sound(k.Name, "true") && sound(k.Name, "false")) {
			t.Errorf("%s: got no switch", k.Name)
		}
	}
	if n != 20 {
		t.Errorf("got %d settings with bounds, want 20", n)
	}
}

func TestWeightsAreSettings(t *testing.T) {
	all := config.Weights()
	if len(all) < 50 {
		t.Fatalf("got %d points, want those of all pieces", len(all))
	}
	for _, w := range all {
		if err := config.Tunable(w.Key); err != nil {
			t.Errorf("%s: %v", w.Key, err)
		}
		l := load(t, config.Sources{Set: []string{fmt.Sprintf("%s=%v", w.Key, w.Default)}})
		model, err := l.Config.Rank.Model()
		if err != nil || model.Weights()[w.Piece][w.Level] != w.Default || w.Doc == "" {
			t.Errorf("%s: got %v, want the shipped points", w.Key, err)
		}
		for _, beyond := range []float64{*w.Bounds.Min - 0.1, *w.Bounds.Max + 0.1} {
			if _, err := config.Load(config.Sources{Set: []string{fmt.Sprintf("%s=%v", w.Key, beyond)}}); err == nil || !strings.Contains(err.Error(), w.Key) {
				t.Errorf("%s: got %v for %v, want an error of it", w.Key, err, beyond)
			}
		}
	}
}

func TestDetectIsWhatTheSettingsSay(t *testing.T) {
	l := load(t, config.Sources{Set: []string{
		"beacon.max_jitter=0.2", "group_by=[host.name]", "limits.memory_mb=64", "timing.lookback=2h", "timing.max_false_discovery_rate=0.1", "rank.min_score=7", "rank.rows_per_host_day=3",
		"rank.weights.folder.temp=9",
	}})
	o, err := l.Config.Detect()
	if err != nil {
		t.Fatal(err)
	}
	r := o.Rank
	if o.Params.MaxJitter != 0.2 || len(o.GroupBy) != 1 || o.MaxBytes != 64<<20 || o.Filter == nil || r == nil || r.Filter == nil || r.Lookback != 7200 || r.MaxFalse != 0.1 || r.MinScore != 7 || r.PerDay != 3 || r.Model.Weights()["folder"]["temp"] != 9 {
		t.Errorf("got %+v and %+v, want what was set", o, r)
	}
	reference, err := load(t, config.Sources{Set: []string{"detector=reference"}}).Config.Detect()
	if err != nil || reference.Rank != nil {
		t.Errorf("got %+v and %v, want no rank", reference.Rank, err)
	}
	for _, wrong := range []func(c *config.Config){
		func(c *config.Config) { c.Filter.Exclude[0].Where = nil },
		func(c *config.Config) { c.Rank.Weights = map[string]map[string]float64{"folder": {"temp": -1}} },
	} {
		c := config.Default()
		wrong(&c)
		if _, err := c.Detect(); err == nil {
			t.Errorf("got no error for settings that Validate refuses")
		}
	}
}
