package tuning

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/config"
	"fresnel/internal/event"
	"fresnel/internal/httpapi"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
	"fresnel/internal/store/memory"
)

// A tuned is a Tuner over a store, and what it logs.
type tuned struct {
	*Tuner
	t     *testing.T
	store store.Store
	now   time.Time
	log   bytes.Buffer
}

// openTuned starts a tuner over a store with settings of a file and the environment.
func openTuned(t *testing.T, s store.Store, file string, env ...string) *tuned {
	t.Helper()
	u := &tuned{t: t, store: s, now: time.Date(2026, 1, 1, 6, 10, 0, 0, time.UTC)}
	log := slog.New(slog.NewTextHandler(&u.log, nil))
	var err error
	if u.Tuner, err = Open(t.Context(), s, fromFile(t, file, env...), log); err != nil {
		t.Fatal(err)
	}
	what, err := u.Loaded().Config.Detect()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := schedule.New(schedule.Options{Store: s, Detect: what, Every: time.Hour, Log: log, Now: func() time.Time { return u.now }})
	if err != nil {
		t.Fatal(err)
	}
	u.Steer(plan)
	return u
}

func fromFile(t *testing.T, file string, env ...string) *config.Loaded {
	t.Helper()
	loaded, err := config.Load(config.Sources{File: "my.yaml", FileData: []byte(file), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func (u *tuned) save(set map[string]string, forget ...string) ([]httpapi.SettingChange, error) {
	return u.Save(u.t.Context(), httpapi.Edit{Set: set, Forget: forget}, store.Entry{At: u.now, User: "anna", Action: "config.save", Subject: "some"})
}

func (u *tuned) mustSave(set map[string]string, forget ...string) []httpapi.SettingChange {
	u.t.Helper()
	changes, err := u.save(set, forget...)
	if err != nil {
		u.t.Fatal(err)
	}
	return changes
}

// value returns a setting in force and where it came from.
func (u *tuned) value(key string) string {
	for _, v := range u.Loaded().Values() {
		if v.Key == key {
			return v.Value + " " + v.From
		}
	}
	return "none"
}

const byAnna = "set by anna at 2026-01-01T06:10:00Z in the service"

func TestSavedSettingsStay(t *testing.T) {
	s := memory.New(time.Now)
	const file = "beacon: {max_jitter: 0.1, min_not_empty: 0.4}\n"
	u := openTuned(t, s, file, "FRESNEL_BEACON_MIN_NOT_EMPTY=0.3")
	changes := u.mustSave(map[string]string{"beacon.max_jitter": "0.2", "beacon.min_not_empty": "0.2", "filter.exclude": "[{name: mine, where: {user.name: x}}]"})
	if len(changes) != 2 || changes[0] != (httpapi.SettingChange{Key: "beacon.max_jitter", From: "0.1", To: "0.2"}) {
		t.Errorf("got %+v, want the jitter and the clauses changed", changes)
	}
	check := func(u *tuned) {
		t.Helper()
		for key, want := range map[string]string{"beacon.max_jitter": "0.2 " + byAnna, "beacon.min_not_empty": "0.3 FRESNEL_BEACON_MIN_NOT_EMPTY"} {
			if got := u.value(key); got != want {
				t.Errorf("%s: got %s, want %s", key, got, want)
			}
		}
		want := []httpapi.SavedSetting{
			{Key: "beacon.max_jitter", Value: "0.2", By: "anna", At: u.now, InForce: true},
			{Key: "beacon.min_not_empty", Value: "0.2", By: "anna", At: u.now},
			{Key: "filter.exclude", Value: "[{name: mine, where: {user.name: x}}]", By: "anna", At: u.now, InForce: true},
		}
		if d := cmp.Diff(want, u.Saved()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	}
	check(u)
	trail, err := s.Trail(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	var detail struct{ Changes []httpapi.SettingChange }
	if err := json.Unmarshal([]byte(trail[0].Detail), &detail); err != nil || trail[0].User != "anna" {
		t.Fatalf("got %+v and %v, want an entry of anna", trail[0], err)
	}
	if d := cmp.Diff(changes, detail.Changes); d != "" {
		t.Errorf("changes (-made +in the trail)\n%s", d)
	}

	u = openTuned(t, s, file, "FRESNEL_BEACON_MIN_NOT_EMPTY=0.3") // a new start
	check(u)
	reloaded, err := u.again(func() (*config.Loaded, error) { // SIGHUP
		return fromFile(t, "beacon: {max_jitter: 0.15, min_number_periods: 7}\n", "FRESNEL_BEACON_MIN_NOT_EMPTY=0.3"), nil
	})
	if err != nil || len(reloaded) != 1 || reloaded[0].Key != "beacon.min_number_periods" {
		t.Errorf("got the changes %v and %v, want that of min_number_periods alone", reloaded, err)
	}
	check(u)
	if !strings.Contains(u.log.String(), "key=beacon.min_number_periods from=6 to=7 counts=\"with the next run\"") {
		t.Errorf("got the log %q, want the change in it", u.log.String())
	}

	if changes := u.mustSave(nil, "beacon.max_jitter"); len(changes) != 1 || changes[0].To != "0.15" {
		t.Errorf("got %+v, want the value of the file", changes)
	}
	if got := u.value("beacon.max_jitter"); got != "0.15 my.yaml:1" {
		t.Errorf("got %s, want that of the file", got)
	}
	if _, err := u.save(nil, "beacon.max_jitter"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v, want %v", err, store.ErrNotFound)
	}
	if list, err := s.Records(t.Context(), kind); err != nil || len(list) != 2 {
		t.Errorf("got %d records and %v, want the two that stay", len(list), err)
	}
}

func TestUnsoundSettingsAreNotSaved(t *testing.T) {
	u := openTuned(t, memory.New(time.Now), "")
	problem := func(key, got, want string) httpapi.SettingProblem {
		return httpapi.SettingProblem{Key: key, Message: "got " + got + ", want " + want, Got: got, Want: want}
	}
	for _, tt := range []struct {
		name string
		set  map[string]string
		want []httpapi.SettingProblem
	}{
		{"all that is wrong", map[string]string{"beacon.max_jitter": "2", "beacon.min_not_empty": "x", "rank.min_score": "10"}, []httpapi.SettingProblem{
			problem("beacon.min_not_empty", `"x"`, "a number"), problem("beacon.max_jitter", "2", "0 to 1, a share of the period"),
		}},
		{"keys first, and what is wrong with others", map[string]string{"beacon.max_jitter": "2", "schedule.every": "1m", "beacon.max_jiter": "1"}, []httpapi.SettingProblem{
			problem("beacon.max_jiter", "an unknown key", "beacon.max_jitter"),
			problem("schedule.every", "a setting of the service", "one of what detection looks for: beacon, filter, detector, timing, rank, group_by, limits"),
			problem("beacon.max_jitter", "2", "0 to 1, a share of the period"),
		}},
		{"a clause", map[string]string{"filter.exclude": "[{name: a, where: {no.field: x}}]"}, []httpapi.SettingProblem{
			problem("filter.exclude.a.where.no.field", "an unknown field", "an event field, such as destination.ip"),
			problem("filter.exclude.a.where", "no condition", "one or more"),
		}},
		{"weights, each by itself", map[string]string{
			"rank.weights.folder.temp": "-1", "rank.weights.timing.none": "1", "rank.weights.timing.sure": "99", "rank.weights.kind.slep": "1", "rank.min_score": "101",
		}, []httpapi.SettingProblem{
			problem("rank.min_score", "101", "0 to 100"),
			problem("rank.weights.kind.slep", "an unknown level", "one of sleep, clock, mixture, growing"),
			problem("rank.weights.timing.none", "1", "at most 0: the level speaks against a beacon"),
			problem("rank.weights.timing.sure", "99", "-50 to 50"),
			problem("rank.weights.folder.temp", "-1", "at least 0: the level speaks for a beacon"),
		}},
		{"an alias", map[string]string{"group_by": "&a [host.name]"}, []httpapi.SettingProblem{problem("group_by", "an anchor or alias", "the value itself")}},
		{"a value that reads as an error", map[string]string{"detector": `"x, want y"`}, []httpapi.SettingProblem{problem("detector", `"x, want y"`, "fresnel or reference")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, saveErr := u.save(tt.set)
			_, filterErr := u.Filter(httpapi.Edit{Set: tt.set})
			_, tryErr := u.Try(t.Context(), httpapi.Edit{Set: tt.set}, u.now.Unix())
			for _, err := range []error{saveErr, filterErr, tryErr} {
				var e *httpapi.SettingsError
				if !errors.As(err, &e) {
					t.Fatalf("got %v, want an error of settings", err)
				}
				if d := cmp.Diff(tt.want, e.Problems); d != "" {
					t.Errorf("(-want +got)\n%s", d)
				}
			}
		})
	}
	if list := u.Saved(); len(list) != 0 || u.value("rank.min_score") != "0 default" {
		t.Errorf("got %+v saved, want nothing", list)
	}
}

// TestSetsAreChangedAndPutBack removes values of a set of the filter, empties it, and undoes both.
func TestSetsAreChangedAndPutBack(t *testing.T) {
	s := memory.New(time.Now)
	u := openTuned(t, s, "")
	keeps := func(edit httpapi.Edit, process string) bool {
		t.Helper()
		f, err := u.Filter(edit)
		if err != nil {
			t.Fatal(err)
		}
		e := event.Event{ProcessName: process, SourceIP: netip.MustParseAddr("10.0.0.1"), DestinationIP: netip.MustParseAddr("28.1.2.3"), EventCategory: "network"}
		return f.Outcomes[f.Match(&e)].Kept
	}
	set := func() httpapi.FilterSet {
		t.Helper()
		f, err := u.Filter(httpapi.Edit{})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(f.Detail.Sets, func(s httpapi.FilterSet) bool { return s.Name == "common_processes" })
		return f.Detail.Sets[i]
	}
	const add, remove, replace = "filter.sets.common_processes.add", "filter.sets.common_processes.remove", "filter.sets.common_processes.replace"
	before := set()
	for _, step := range []struct {
		name                  string
		edit                  httpapi.Edit
		chrome, mine, firefox bool // what is looked at afterwards
		saved                 []string
	}{
		{"two are removed", httpapi.Edit{Set: map[string]string{remove: "[chrome.exe, firefox.exe]"}}, true, true, true, []string{remove}},
		{"one of them comes back, another is added", httpapi.Edit{Set: map[string]string{remove: "[chrome.exe]", add: "[mine.exe]"}}, true, false, false, []string{add, remove}},
		{"emptied", httpapi.Edit{Set: map[string]string{replace: "[]"}, Forget: []string{add, remove}}, true, true, true, []string{replace}},
		{"replaced", httpapi.Edit{Set: map[string]string{replace: "[mine.exe]"}}, true, false, true, []string{replace}},
		{"undone", httpapi.Edit{Forget: []string{replace}}, false, true, false, []string{}},
	} {
		for _, now := range []string{"tried", "saved"} {
			edit := step.edit
			if now == "saved" {
				if _, err := u.save(step.edit.Set, step.edit.Forget...); err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				edit = httpapi.Edit{}
			}
			for process, want := range map[string]bool{"chrome.exe": step.chrome, "mine.exe": step.mine, "firefox.exe": step.firefox} {
				if got := keeps(edit, process); got != want {
					t.Errorf("%s, %s: got %s looked at: %v, want %v", step.name, now, process, got, want)
				}
			}
		}
		if got := set(); !slices.Equal(got.Saved, step.saved) || !slices.Equal(got.Original, before.Values) {
			t.Errorf("%s: got %v saved and %d values without changes, want %v and %d", step.name, got.Saved, len(got.Original), step.saved, len(before.Values))
		}
	}
	if d := cmp.Diff(before, set()); d != "" {
		t.Errorf("the set at the end (-before +after)\n%s", d)
	}
	trail, err := s.Trail(t.Context(), 0, 10)
	if err != nil || len(trail) != 5 || !strings.Contains(trail[0].Detail, `"key":"`+replace+`","from":"[mine.exe]","to":""`) {
		t.Errorf("got %+v and %v, want five entries with what there was before", trail, err)
	}
	for name, edit := range map[string]httpapi.Edit{
		"what is not saved":            {Forget: []string{add}},
		"what is not saved beside set": {Forget: []string{add}, Set: map[string]string{"beacon.max_jitter": "0.1"}},
	} {
		_, saveErr := u.save(edit.Set, edit.Forget...)
		_, filterErr := u.Filter(edit)
		if !errors.Is(saveErr, store.ErrNotFound) || !errors.Is(filterErr, store.ErrNotFound) {
			t.Errorf("%s: got %v and %v, want %v", name, saveErr, filterErr, store.ErrNotFound)
		}
	}
	u.mustSave(map[string]string{"filter.sets.ours.replace": "[o.exe]", "filter.exclude": "[{name: mine, where: {process.name: $ours}}]"})
	if _, err := u.Filter(httpapi.Edit{Forget: []string{"filter.sets.ours.replace"}}); err == nil {
		t.Error("got no error without a set that a clause names")
	}
}

func TestSettingsHaveTheirBounds(t *testing.T) {
	u := openTuned(t, memory.New(time.Now), "rank: {weights: {folder: {temp: 7}}}\n")
	bounds := map[string]string{}
	for _, s := range u.Settings() {
		text := ""
		if s.Bounds != nil {
			text = s.Bounds.Kind
		}
		bounds[s.Key] = fmt.Sprint(s.Tunable, " ", text)
	}
	for key, want := range map[string]string{
		"beacon.max_jitter": "true number", "beacon.truncate_at": "true pair", "timing.lookback": "true duration", "detector": "true choice", "filter.enabled": "true switch",
		"group_by": "true list", "filter.exclude": "true ", "rank.weights.folder.temp": "true ", "serve.listen": "false ", "schedule.every": "false ",
	} {
		if bounds[key] != want {
			t.Errorf("%s: got %q, want %q", key, bounds[key], want)
		}
	}
	weights, err := u.Weights()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range weights {
		points, origin := w.Default, "default"
		if w.Key == "rank.weights.folder.temp" {
			points, origin = 7, "my.yaml:1"
		}
		if w.Points != points || w.Origin != origin || *w.Bounds.Min > w.Default || *w.Bounds.Max < w.Default {
			t.Errorf("got %+v, want %v points from %s within the bounds", w, points, origin)
		}
	}
}

// TestSavedSettingsThatNoLongerGo changes the file so that what was saved is not sound with it.
func TestSavedSettingsThatNoLongerGo(t *testing.T) {
	s := memory.New(time.Now)
	u := openTuned(t, s, "filter: {sets: {ours: {replace: [a.exe]}}}\n")
	u.mustSave(map[string]string{
		"filter.exclude": "[{name: mine, where: {process.name: $ours}}]", "rank.min_score": "10", "filter.include": "[{name: theirs, where: {process.name: $ours}}]",
	})

	u = openTuned(t, s, "")
	if !strings.Contains(u.log.String(), "what was saved in the service does not count") || u.value("rank.min_score") != "0 default" {
		t.Errorf("got min_score %s and the log %q, want none of what was saved", u.value("rank.min_score"), u.log.String())
	}
	for _, one := range u.Saved() {
		if one.InForce || (one.Problem == "") != (one.Key == "rank.min_score") {
			t.Errorf("got %+v, want a problem of the clauses", one)
		}
	}
	if _, err := u.save(map[string]string{"beacon.max_jitter": "0.2"}); err == nil {
		t.Error("got no error beside what is not sound")
	}
	if changes := u.mustSave(nil, "filter.exclude"); len(changes) != 0 {
		t.Errorf("got %v, want no change while others are in the way", changes)
	}
	if changes := u.mustSave(nil, "filter.include"); len(changes) != 1 || u.value("rank.min_score") != "10 "+byAnna {
		t.Errorf("got %v and min_score %s, want it to count again", changes, u.value("rank.min_score"))
	}
	if one := u.Saved()[0]; !one.InForce || one.Problem != "" {
		t.Errorf("got %+v, want it in force", one)
	}

	// A file that does not go with what is saved is not taken.
	u.mustSave(map[string]string{"filter.sets.ours.replace": "[b.exe]", "filter.exclude": "[{name: mine, where: {process.name: $ours}}]"})
	if _, err := u.again(func() (*config.Loaded, error) {
		return fromFile(t, "filter: {exclude: [{name: mine, where: {user.name: x}}], sets: {ours: {remove: [c.exe], replace: [c.exe]}}}\n"), nil
	}); err == nil || !strings.Contains(err.Error(), "filter.sets.ours") {
		t.Errorf("got %v, want an error of the set", err)
	}
	if got := u.value("filter.sets.ours.replace"); got != "[b.exe] "+byAnna {
		t.Errorf("got %s, want what was saved", got)
	}
}

func TestNothingIsSavedWithoutItsTrail(t *testing.T) {
	s := &full{Store: memory.New(time.Now)}
	u := openTuned(t, s, "")
	s.err = store.ErrFull
	if _, err := u.save(map[string]string{"beacon.max_jitter": "0.2"}); !errors.Is(err, store.ErrFull) {
		t.Errorf("got %v, want %v", err, store.ErrFull)
	}
	if len(u.Saved()) != 0 || u.value("beacon.max_jitter") != "0 default" {
		t.Errorf("got %v and the jitter %s, want nothing saved", u.Saved(), u.value("beacon.max_jitter"))
	}
}

// A full store takes no records while err is set.
type full struct {
	store.Store
	err error
}

func (f *full) Change(ctx context.Context, put, remove []store.Record, trail ...store.Entry) error {
	if f.err != nil {
		return f.err
	}
	return f.Store.Change(ctx, put, remove, trail...)
}

func TestRecordsOfOtherVersions(t *testing.T) {
	s := memory.New(time.Now)
	put := func(data string) {
		if err := s.Change(t.Context(), []store.Record{{Kind: kind, ID: "beacon.no_longer", Data: []byte(data)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	put(`{"value":"1","by":"anna","at":"2026-01-01T00:00:00Z"}`)
	if u := openTuned(t, s, ""); len(u.Saved()) != 1 || u.Saved()[0].Problem == "" {
		t.Errorf("got %+v, want a setting with a problem", u.Saved())
	}
	put(`not JSON`)
	if _, err := Open(t.Context(), s, fromFile(t, ""), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "beacon.no_longer") {
		t.Errorf("got %v, want an error of the record", err)
	}
}

func TestFilterIsTold(t *testing.T) {
	u := openTuned(t, memory.New(time.Now), "filter:\n  sets: {common_processes: {add: [a.exe], remove: [chrome.exe]}}\n  exclude: [{name: not-network, remove: true}]\n")
	u.mustSave(map[string]string{"filter.exclude": "[{name: mine, where: {process.name: [$ours, $$x], user.name: {exists: false}}}]", "filter.sets.ours.replace": "[o.exe]"})
	f, err := u.Filter(httpapi.Edit{})
	if err != nil {
		t.Fatal(err)
	}
	clauses := map[string]httpapi.FilterClause{}
	var order []string
	for _, c := range f.Detail.Clauses {
		clauses[c.Name] = c
		order = append(order, c.Name)
	}
	if want := []string{"no-destination", "other-actions", "common-processes", "mine", "not-network", "private-source", "remote-only-processes"}; !slices.Equal(order, want) {
		t.Errorf("got the clauses %v, want %v", order, want)
	}
	want := httpapi.FilterClause{
		Name: "mine", Side: "exclude", Rule: "process.name in [$ours, $$x] and user.name is missing", Origin: byAnna,
		Conditions: []httpapi.FilterCondition{{Field: "process.name", Op: "in", Values: []string{"$ours", "$$x"}}, {Field: "user.name", Op: "not exists", Values: []string{}}},
	}
	if d := cmp.Diff(want, clauses["mine"]); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if c := clauses["not-network"]; !c.Dropped || c.Origin != "my.yaml:3" {
		t.Errorf("got %+v, want a clause that the file drops", c)
	}
	for _, set := range f.Detail.Sets {
		switch set.Name {
		case "common_processes":
			if !set.BuiltIn || !slices.Contains(set.Values, "a.exe") || slices.Contains(set.Values, "chrome.exe") || set.Origin != "my.yaml:2" || !slices.Equal(set.Clauses, []string{"common-processes"}) {
				t.Errorf("got %+v, want the changes of the file", set)
			}
		case "ours":
			if d := cmp.Diff(httpapi.FilterSet{Name: "ours", Values: []string{"o.exe"}, Added: []string{}, Removed: []string{}, Replaced: true, Original: []string{}, Saved: []string{"filter.sets.ours.replace"}, Clauses: []string{"mine"}, Origin: byAnna}, set); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		default:
			if set.Origin != config.FromDefault || set.Replaced {
				t.Errorf("got %+v, want a built-in set", set)
			}
		}
	}
	for name, tt := range map[string]struct {
		e           event.Event
		kept, timed bool
	}{
		"a common process calls out": {event.Event{ProcessName: "a.exe", SourceIP: netip.MustParseAddr("10.0.0.1"), DestinationIP: netip.MustParseAddr("28.1.2.3"), EventCategory: "network"}, false, true},
		"another one":                {event.Event{ProcessName: "b.exe", SourceIP: netip.MustParseAddr("10.0.0.1"), DestinationIP: netip.MustParseAddr("28.1.2.3"), EventCategory: "network"}, true, true},
		"nobody":                     {event.Event{ProcessName: "b.exe"}, false, false},
	} {
		if o := f.Outcomes[f.Match(&tt.e)]; o.Kept != tt.kept || f.Timed(&tt.e) != tt.timed {
			t.Errorf("%s: got kept %v by %s and timed %v, want %v and %v", name, o.Kept, o.Name, f.Timed(&tt.e), tt.kept, tt.timed)
		}
	}
	for _, o := range f.Outcomes {
		if (o.Side == "include") != o.Kept || (o.Side == "otherwise") != (o.Rule == "") {
			t.Errorf("got %+v, want its side", o)
		}
	}
	off, err := u.Filter(httpapi.Edit{Set: map[string]string{"filter.enabled": "false", "detector": "reference"}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]httpapi.FilterOutcome{{Name: "no filter", Side: "otherwise", Kept: true}}, off.Outcomes); d != "" || !off.Timed(&event.Event{}) {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestTrialsOfOtherFiltersLookAnew(t *testing.T) {
	s := memory.New(time.Now)
	u := openTuned(t, s, "limits: {memory_mb: 64}\n")
	var b store.Batch
	for i := range int64(60) {
		b.Add(&event.Event{
			TimeNanos: u.now.Add(-time.Duration(i) * time.Minute).UnixNano(), HostName: "ws-1", ProcessName: "b.exe", SourceIP: netip.MustParseAddr("10.0.0.1"),
			DestinationIP: netip.MustParseAddr("28.1.2.3"), DestinationPort: 443, SourceBytes: 500, DestinationBytes: 900, EventCategory: "network",
		}, "test", 0)
	}
	if err := s.Append(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		set      map[string]string
		anew     bool
		findings int
	}{
		{"the settings in force", nil, false, 1},
		{"another parameter, and more memory than the service may have", map[string]string{"beacon.max_jitter": "0.1", "limits.memory_mb": "1048576"}, false, 1},
		{"another filter", map[string]string{"filter.exclude": "[{name: mine, where: {destination.ip: 28.1.2.3}}]"}, true, 0},
		{"other groups", map[string]string{"group_by": "[host.name]"}, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := u.Try(t.Context(), httpapi.Edit{Set: tt.set}, u.now.Unix())
			if err != nil {
				t.Fatal(err)
			}
			var events int64
			for _, n := range got.Outcomes {
				events += n
			}
			if got.Anew != tt.anew || len(got.Findings) != tt.findings || events != 60 || got.Run.Events != 60 || got.Days != 1 || got.DaysBefore != 1 || len(got.Settings.Changes) != len(tt.set) {
				t.Errorf("got anew %v, %d findings of %d events, changes %v; want %v, %d of 60 and %d changes", got.Anew, len(got.Findings), events, got.Settings.Changes, tt.anew, tt.findings, len(tt.set))
			}
		})
	}
}
