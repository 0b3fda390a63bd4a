package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fresnel/bench/worlds"
	"fresnel/internal/beacon"
	"fresnel/internal/config"
	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/files"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/scan"
	"fresnel/internal/simulate"
	sources "fresnel/internal/source/all"
)

// TestWatchIsAScan holds that a world that is looked at in memory gives the same lists as a scan
// of its files, for Fresnel and for the reference.
func TestWatchIsAScan(t *testing.T) {
	sc, err := simulate.Load("../../scenarios/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	model, err := c.Rank.Model()
	if err != nil {
		t.Fatal(err)
	}
	set := settings{model, c.Timing.Lookback, c.Timing.MaxFalseDiscoveryRate, c.Rank.MinScore, c.Rank.RowsPerHostDay}
	w, err := newWatch(set)
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	if _, err := sc.Run(1, func(e *event.Event) error {
		text = simulate.AppendECS(text, e)
		w.add(e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}

	found := map[string]float64{}
	s, err := w.look(sc.Start.Add(sc.Length), set.maxFalse)
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]int{}
	all, err := w.reference.run()
	if err != nil {
		t.Fatal(err)
	}
	shown := set.shown(s.Found)
	if len(shown) >= len(s.Found) {
		t.Fatalf("all %d rows are shown: nothing to compare the bound of a host by", len(shown))
	}
	list := withFlagged(shown, s, all)
	for i := range list {
		found[nameOf(worlds.SubjectOfSighting(&list[i]))] = list[i].Assessment.Score
	}
	for _, g := range all {
		flags[nameOf(g.subject)] = g.score
	}

	wantFound, wantFlags := map[string]float64{}, map[string]int{}
	ref, err := filter.Compile(filter.Default())
	if err != nil {
		t.Fatal(err)
	}
	remote, err := filter.Compile(filter.Default().Remote())
	if err != nil {
		t.Fatal(err)
	}
	paths, problems := files.Expand([]string{path})
	tapped := 0
	sum, err := scan.Run(t.Context(), scan.Options{
		Files: paths, Problems: problems, Formats: tap(sources.Formats, func(*event.Event) { tapped++ }),
		Options: detect.Options{
			Filter: ref, Params: beacon.DefaultParams(), Runs: detect.Runs{Mode: detect.Schedule, Every: referenceEvery},
			Rank: &detect.Rank{Filter: remote, Lookback: int64(set.lookback.Seconds()), MaxFalse: set.maxFalse, MinScore: set.minScore, PerDay: set.perDay, Model: model},
		},
	}, func(r *finding.Result) error {
		who := worlds.SubjectOf(r.Group.Fields, r.Group.Values)
		if r.Stats.IsBeaconing {
			wantFlags[nameOf(who)] = max(wantFlags[nameOf(who)], r.Stats.BeaconingScore)
		}
		if r.Row != nil {
			who.Domain, who.IP = r.Row.Domain, r.Row.Address.String()
			wantFound[nameOf(who)] = r.Row.Assessment.Score
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(wantFound) < 20 || len(wantFlags) < 5 {
		t.Fatalf("the scan found %d rows and %d groups, too few to compare", len(wantFound), len(wantFlags))
	}
	if int64(tapped) != sum.Events || tapped != w.events {
		t.Errorf("got %d events from the tap and %d in memory, want the %d of the scan", tapped, w.events, sum.Events)
	}
	for name, score := range wantFound {
		if got, ok := found[name]; !ok || math.Abs(got-score) > 1e-9 {
			t.Errorf("%s: got score %v (found %v), want %v", name, got, ok, score)
		}
	}
	for name, score := range wantFlags {
		if flags[name] != score {
			t.Errorf("%s: got the reference's score %d, want %d", name, flags[name], score)
		}
	}
	if len(found) != len(wantFound) || len(flags) != len(wantFlags) {
		t.Errorf("got %d rows and %d groups, want %d and %d", len(found), len(flags), len(wantFound), len(wantFlags))
	}
}

func TestSeedsOfTheFitAreRefused(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"199", "got 199, want 200 or more"},
		{"1-205", "got 1, want 200 or more"},
		{"205-201", `got "205-201", want first-last`},
		{"x", `got "x", want first-last`},
	} {
		if _, err := seeds(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.text, err, tt.want)
		}
	}
	got, err := seeds("201-203")
	if err != nil || len(got) != 3 || got[0] != 201 {
		t.Errorf("got %v, %v, want 201 to 203", got, err)
	}
	p := &page{fitted: "Fitted by: go run ./bench/fit -train scenarios/day.yaml:1-6,scenarios/day.yaml@pairs:98-201,capture:/x/m57-office-day -l2 1"}
	if err := p.heldOut(); err == nil || !strings.Contains(err.Error(), "fitted on day.yaml@pairs:98-201") {
		t.Errorf("got %v, want that 201 is named", err)
	}
	if err := new(page).heldOut(); err == nil {
		t.Error("got no error for a model of which nothing is known")
	}
	if !p.inFit("m57-office-day") || p.inFit("rita-http-24h") {
		t.Error("want m57-office-day to be in the fit, and rita-http-24h not")
	}
}
