package scan

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fresnel/internal/beacon"
	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/files"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/source"
	"fresnel/internal/source/all"
	"fresnel/internal/testkit"
)

// A setting is a way in which an analyst would look at a capture.
type setting struct {
	name    string
	buckets int
	length  int // seconds a bucket
	jitter  float64
	every   int64 // seconds from run to run
}

var (
	byDefault  = setting{"default", 360, 60, 0, 3600}
	withJitter = setting{"jitter 0.2", 360, 60, 0.2, 3600}
	dayLong    = setting{"24 h", 1440, 60, 0, 3600}
	quarter    = setting{"15 s", 1440, 15, 0, 3600}
	quarterJ   = setting{"15 s, jitter 0.2", 1440, 15, 0.2, 3600}
	five       = setting{"5 s", 360, 5, 0, 300}
	fiveJ      = setting{"5 s, jitter 0.2", 360, 5, 0.2, 300}
	one        = setting{"1 s", 360, 1, 0, 60}
	oneJ       = setting{"1 s, jitter 0.2", 360, 1, 0.2, 60}

	days  = []setting{byDefault, withJitter, dayLong}
	short = []setting{byDefault, five, fiveJ, one, oneJ}
)

// A verdict is what became of a pair under one setting.
type verdict string

const (
	byTiming verdict = "timing" // the count test or the periodic one fired in a run at least
	byBytes  verdict = "bytes"  // no more than sizes that do not vary: nothing about a timer
	missed   verdict = "missed"
)

// A capture is a scan of a part of one folder.
type capture struct {
	folder   string
	name     string // in the table, where a folder has several
	files    []string
	label    func(l *label) bool // the labels that belong to it; nil for all
	filter   string
	inputs   []string
	maps     map[string]source.ColumnMap
	groupBy  []event.Field
	settings []setting

	events, bad int64 // read

	// beacons are the verdicts on the labelled beacons, one for each setting.
	beacons map[string][]verdict
}

// The filters of captures.
const (
	filterOn   = "default"
	filterOff  = "off"
	sysmonOnly = "Sysmon event 3"
	event5156  = "Security event 5156"
)

// timingMap reads c2-framework-timing: seconds from the start of the capture and what
// begins there. The author has taken the addresses away.
func timingMap(what string) map[string]source.ColumnMap {
	return map[string]source.ColumnMap{"timing": {
		Separator: ",", Header: true, Time: "unix", Start: "2026-01-01T00:00:00Z",
		Columns:   map[string]string{"seconds": "@timestamp"},
		Keep:      map[string][]string{"event": {what}},
		Constants: map[string]string{"source.ip": "10.0.0.1", "destination.ip": "203.0.113.1"},
	}}
}

func framework(name, what string, events int64, verdicts ...verdict) capture {
	return capture{
		folder: "c2-framework-timing", name: name, files: []string{name + "_beaconing_0.events.csv.gz"},
		label:  func(l *label) bool { return l.Capture == name+"_beaconing_0" },
		filter: filterOff, inputs: []string{"delimited:timing"}, maps: timingMap(what), settings: short,
		events: events, beacons: map[string][]verdict{"10.0.0.1 203.0.113.1": verdicts},
	}
}

// endpoint is one file of otrf-endpoint-empire, seen through one of the two logs in it.
func endpoint(name, from string, events int64, beacons map[string][]verdict) capture {
	return capture{
		folder: "otrf-endpoint-empire", name: name + ", " + from, files: []string{name + ".ndjson.gz"},
		label:  func(l *label) bool { return l.Capture == name && l.Source == from },
		filter: from, settings: short, events: events, beacons: beacons,
	}
}

// A label is an entry of a labels.json.
type label struct {
	Capture, View, Source, Host, Process, Src, Dst string
	Beacon                                         *bool
	Periodic                                       bool
	Period                                         float64 `json:"period_s"`
	Measured                                       struct {
		Events int
		Low    float64 `json:"interval_p10_s"`
		High   float64 `json:"interval_p90_s"`
	}
}

// group returns the values that the events of l are grouped by.
func (l *label) group() string {
	switch {
	case l.Host != "":
		return l.Host + " " + l.Process
	case strings.HasPrefix(l.Src, "0 ("):
		return "10.0.0.1 203.0.113.1"
	}
	return l.Src + " " + l.Dst
}

func (l *label) isBeacon() bool { return l.Beacon != nil && *l.Beacon }

func (l *label) what() string {
	switch {
	case l.Beacon == nil:
		return "not scored"
	case l.isBeacon() && l.Periodic:
		return "**beacon**"
	case l.isBeacon():
		return "**C2**, irregular"
	case l.Periodic:
		return "benign, periodic"
	}
	return "no beacon"
}

// An outcome of a group under one setting.
type seen struct {
	runs      int // with events of the group
	found     int // beaconing
	timing    int // by the count test or the periodic one
	count     int
	periodic  int
	source    int
	dest      int
	rank      int // among the groups that were found; 0 when it was not
	best      *finding.Result
	interval  int     // the longest
	filled    int     // the most
	enough    bool    // in a run at least
	covar     float64 // the highest autocovariance
	variation float64 // the lowest std/mean of counts that were tested
}

func (s *seen) verdict() verdict {
	switch {
	case s == nil || s.found == 0:
		return missed
	case s.timing > 0:
		return byTiming
	}
	return byBytes
}

func (s *seen) add(r *finding.Result) {
	st := &r.Stats
	s.runs++
	s.interval, s.filled = max(s.interval, st.Interval), max(s.filled, st.NonEmptyBuckets)
	if !st.Enough {
		return
	}
	if !s.enough {
		s.covar, s.variation = st.Autocovariance, math.Inf(1)
	}
	s.enough = true
	s.covar = max(s.covar, st.Autocovariance)
	if st.CountTested {
		s.variation = min(s.variation, math.Sqrt(st.VarianceCounts)/st.MeanCounts)
	}
	for _, fired := range []struct {
		test bool
		n    *int
	}{{st.IsBeaconing, &s.found}, {st.LowCountVariation, &s.count}, {st.Periodic, &s.periodic}, {st.LowSourceBytesVariation, &s.source}, {st.LowDestinationBytesVariation, &s.dest}} {
		if fired.test {
			*fired.n++
		}
	}
	if st.LowCountVariation || st.Periodic {
		s.timing++
	}
}

// cell tells in the table what became of l under a setting.
func (s *seen) cell(l *label, set setting, groups int) string {
	p := beacon.DefaultParams()
	missed := "not found: "
	if l.isBeacon() {
		missed = "missed: "
	}
	switch {
	case s == nil:
		return missed + "the filter lets no event of it in"
	case s.found == 0 && !s.enough && s.filled < p.MinNumberPeriods+1:
		return fmt.Sprintf("%s%d buckets with events, %d needed", missed, s.filled, p.MinNumberPeriods+1)
	case s.found == 0 && !s.enough:
		return fmt.Sprintf("%s%d buckets long, %d needed", missed, s.interval, 2*p.MinNumberPeriods)
	case s.timing == 0:
		why := fmt.Sprintf("autocovariance %.3f", s.covar)
		switch longest := s.interval / p.MinNumberPeriods * set.length; {
		case l.Period > float64(longest):
			why = fmt.Sprintf("longer than the longest period tried, %d s", longest)
		case l.Period > 0 && l.Period < float64(2*set.length) && math.IsInf(s.variation, 1):
			why += ", too few buckets filled to test counts"
		case !math.IsInf(s.variation, 1):
			why = fmt.Sprintf("counts vary by %.2f, %s", s.variation, why)
		}
		if s.found == 0 {
			return missed + why
		}
		return fmt.Sprintf("bytes only:%s of %d, #%d/%d; %s", s.tests(), s.runs, s.rank, groups, why)
	}
	return fmt.Sprintf("**found**:%s of %d, %s, #%d/%d", s.tests(), s.runs, s.reported(l.Period, set), s.rank, groups)
}

// reported tells the period that the best run reports, and how it stands to the true one, in
// seconds, 0 when there is none.
func (s *seen) reported(period float64, set setting) string {
	seconds, atMost := finding.PeriodSeconds(&s.best.Stats, int64(set.length))
	text := fmt.Sprintf("%d s", seconds)
	if atMost {
		text = "≤ " + text
	}
	off := func(times float64) bool { return math.Abs(float64(seconds)-times*period) > float64(set.length) }
	times := math.Round(float64(seconds) / period)
	switch {
	case seconds == 0:
		return "no period in its best run"
	case period == 0:
	case atMost:
		if period > float64(seconds)*1.1 {
			text += " (wrong)"
		}
	case !off(1):
	case times >= 2 && times <= 12 && float64(set.length) < period/4 && !off(times):
		text += fmt.Sprintf(" (%g times)", times)
	default:
		text += " (wrong)"
	}
	return text
}

// tests returns the tests that fired, each with the number of runs.
func (s *seen) tests() string {
	var b strings.Builder
	for _, t := range []struct {
		letter string
		n      int
	}{{"P", s.periodic}, {"C", s.count}, {"S", s.source}, {"D", s.dest}} {
		if t.n > 0 {
			fmt.Fprintf(&b, " %s%d", t.letter, t.n)
		}
	}
	return b.String()
}

// options returns how to scan c under a setting.
func (c *capture) options(t *testing.T, dir string, set setting) Options {
	t.Helper()
	paths := []string{filepath.Join(dir, c.folder)}
	if len(c.files) > 0 {
		paths = nil
		for _, f := range c.files {
			paths = append(paths, filepath.Join(dir, c.folder, f))
		}
	}
	found, problems := files.Expand(paths)
	p := beacon.DefaultParams()
	p.NumberBucketsInRange, p.TimeBucketLength, p.MaxJitter = set.buckets, set.length, set.jitter
	cfg := filter.Default()
	switch c.filter {
	case filterOn:
	case filterOff:
		cfg.Enabled = false
	case sysmonOnly:
		cfg.Include = nil
		cfg.Exclude = filter.Clauses{{Name: "5156", Where: filter.Conditions{{Field: event.ProcessExecutable, Op: filter.Wildcard, Values: []string{`\device\*`}}}}}
	case event5156:
		cfg.Include = nil
		cfg.Exclude = filter.Clauses{{Name: "sysmon", Where: filter.Conditions{{Field: event.ProcessExecutable, Op: filter.NotWildcard, Values: []string{`\device\*`}}}}}
	default:
		t.Fatalf("no filter %q", c.filter)
	}
	compiled, err := filter.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Files: found, Problems: problems, Formats: all.Formats, Inputs: c.inputs, Source: source.Options{Delimited: c.maps},
		Options:  detect.Options{Filter: compiled, GroupBy: c.groupBy, Params: p, Runs: detect.Runs{Mode: detect.Schedule, Every: set.every}, All: true},
		BadShown: 5,
	}
}

// keyOf returns the values of a group. Labels do not tell capitals from small letters.
func keyOf(r *finding.Result) string { return strings.ToLower(strings.Join(r.Group.Values, " ")) }

// look scans c and returns its groups, and how many of them were found.
func (c *capture) look(t *testing.T, dir string, set setting) (groups map[string]*seen, found int) {
	t.Helper()
	groups = map[string]*seen{}
	var ranking finding.Ranking
	s, err := Run(t.Context(), c.options(t, dir, set), func(r *finding.Result) error {
		key := keyOf(r)
		if groups[key] == nil {
			groups[key] = new(seen)
		}
		groups[key].add(r)
		if r.Stats.IsBeaconing {
			ranking.Add(r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Events != c.events || s.Bad != c.bad || len(s.Problems) > 0 || s.OutOfRange > 0 {
		t.Errorf("%s %s: got %d events, %d bad records %q, %d out of range, problems %v; want %d, %d, none, none",
			c.folder, c.name, s.Events, s.Bad, s.BadShown, s.OutOfRange, s.Problems, c.events, c.bad)
	}
	ranked := ranking.Ranked()
	for i, r := range ranked {
		g := groups[keyOf(r.Result)]
		g.rank, g.best = i+1, r.Result
	}
	return groups, len(ranked)
}

// labels returns the labels of c, those of one group together, in their order.
func (c *capture) labels(t *testing.T, dir string) (groups []string, byGroup map[string][]*label) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, c.folder, "labels.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Labels []*label }
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%s: %v", c.folder, err)
	}
	byGroup = map[string][]*label{}
	for _, l := range doc.Labels {
		if c.label != nil && !c.label(l) {
			continue
		}
		g := l.group()
		if byGroup[g] == nil {
			groups = append(groups, g)
		}
		byGroup[g] = append(byGroup[g], l)
	}
	return groups, byGroup
}

// tally counts the groups that were found under one setting, by what their labels say.
type tally struct {
	found, beacons, benign, unscored, unlabelled int
	timing                                       int // of benign and unlabelled ones, by timing
}

// TestKnownBeacons scans every folder of the shared data as an analyst would with the reference
// statistics alone, and holds what is found and what is missed. bench/accuracy takes its golden
// file over into docs/accuracy.md.
func TestKnownBeacons(t *testing.T) {
	dir := testkit.Shared(t, "data")
	intro, err := os.ReadFile(filepath.Join("testdata", "known-beacons.intro.md"))
	if err != nil {
		t.Fatal(err)
	}
	var tables strings.Builder
	type line struct {
		folder, filter string
		set            setting
	}
	var order []line
	tallies := map[line]*tally{}
	var sums verdicts
	heading, ran := "", 0
	for i := range captures {
		c := &captures[i]
		t.Run(c.folder+" "+c.name, func(t *testing.T) {
			ran++
			groups, byGroup := c.labels(t, dir)
			if c.folder != heading {
				heading = c.folder
				fmt.Fprintf(&tables, "\n#### %s\n", heading)
			}
			title := fmt.Sprintf("%s events, filter %s", thousands(c.events), c.filter)
			if c.filter == sysmonOnly || c.filter == event5156 {
				title = fmt.Sprintf("%s events in the file, only %s looked at", thousands(c.events), c.filter)
			}
			if c.name != "" {
				title = c.name + ": " + title
			}
			if len(c.groupBy) > 0 {
				var names []string
				for _, f := range c.groupBy {
					names = append(names, f.String())
				}
				title += ", grouped by " + strings.Join(names, ", ")
			}
			fmt.Fprintf(&tables, "\n%s.\n\n", title)

			columns := make([]map[string]*seen, len(c.settings))
			found := make([]int, len(c.settings))
			for i, set := range c.settings {
				columns[i], found[i] = c.look(t, dir, set)
				at := line{c.folder, c.filter, set}
				if tallies[at] == nil {
					tallies[at] = new(tally)
					order = append(order, at)
				}
				count(tallies[at], columns[i], byGroup)
			}
			if c.filter == filterOff && c.maps == nil || c.filter == sysmonOnly {
				on := *c
				on.filter = filterOn
				at := line{c.folder, filterOn, byDefault}
				if tallies[at] == nil {
					tallies[at] = new(tally)
					order = append(order, at)
				}
				let, _ := on.look(t, dir, byDefault)
				count(tallies[at], let, byGroup)
			}
			var known int
			if len(groups) > 0 {
				fmt.Fprint(&tables, "| pair | what | period (10th to 90th percentile of gaps) | calls |")
				for _, set := range c.settings {
					fmt.Fprintf(&tables, " %s |", set.name)
				}
				fmt.Fprintf(&tables, "\n|---|---|---|---|%s\n", strings.Repeat("---|", len(c.settings)))
			} else {
				fmt.Fprintln(&tables, "Nothing in it is labelled: all of it is ordinary software.")
			}
			for _, g := range groups {
				labels := byGroup[g]
				l := labels[0]
				between := " → "
				if l.Host != "" {
					between = ": "
				}
				calls := 0
				for _, l := range labels {
					calls += l.Measured.Events
				}
				fmt.Fprintf(&tables, "| %s | %s | %s | %d |", strings.Replace(g, " ", between, 1), l.what(), l.periods(), calls)
				var got []verdict
				for i, set := range c.settings {
					s := columns[i][strings.ToLower(g)]
					got = append(got, s.verdict())
					fmt.Fprintf(&tables, " %s |", s.cell(l, set, found[i]))
				}
				fmt.Fprintln(&tables)
				if !l.isBeacon() {
					continue
				}
				known++
				for i, set := range c.settings {
					s := columns[i][strings.ToLower(g)]
					sums.add(set.name, got[i], s != nil && s.enough)
				}
				if !slices.Equal(got, c.beacons[g]) {
					t.Errorf("%s: got %q, want %q", g, got, c.beacons[g])
				}
			}
			if known != len(c.beacons) {
				t.Errorf("got %d labelled beacons, want %d", known, len(c.beacons))
			}
		})
	}
	if t.Failed() || ran < len(captures) {
		return // -run picked some: no whole page to compare
	}
	var b strings.Builder
	b.Write(intro)
	b.WriteString("\n### The labelled beacons in short\n\nPairs by what became of them. Not every folder is scanned with every setting.\n\n| setting | found by timing | bytes only | missed | of these, in no run enough of it to be tested |\n|---|---|---|---|---|\n")
	for _, name := range sums.order {
		n := sums.count[name]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", name, n[byTiming], n[byBytes], n[missed], sums.short[name])
	}
	b.WriteString("\n### What else is found\n\nGroups that a run at least found beaconing, by what the labels say of them.\n\n" +
		"| folder | filter | setting | groups found | labelled beacons | labelled benign | not scored | unlabelled | the last three, by timing |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, at := range order {
		n := tallies[at]
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %d | %d | %d | %d |\n", at.folder, at.filter, at.set.name, n.found, n.beacons, n.benign, n.unscored, n.unlabelled, n.timing)
	}
	b.WriteString("\n### Pair by pair\n")
	b.WriteString(tables.String())
	testkit.Golden(t, filepath.Join("testdata", "known-beacons.md"), []byte(b.String()))
}

func count(n *tally, groups map[string]*seen, labels map[string][]*label) {
	for g, s := range groups {
		if s.found == 0 {
			continue
		}
		n.found++
		var known []*label
		for name, l := range labels {
			if strings.EqualFold(name, g) {
				known = l
			}
		}
		switch {
		case known == nil:
			n.unlabelled++
		case known[0].Beacon == nil:
			n.unscored++
		case known[0].isBeacon():
			n.beacons++
			continue
		default:
			n.benign++
		}
		if s.timing > 0 {
			n.timing++
		}
	}
}

// verdicts counts verdicts on beacons by the name of the setting.
type verdicts struct {
	order []string
	count map[string]map[verdict]int
	short map[string]int // missed, and in no run enough of it to be tested
}

func (v *verdicts) add(setting string, got verdict, enough bool) {
	if v.count == nil {
		v.count, v.short = map[string]map[verdict]int{}, map[string]int{}
	}
	if !enough {
		v.short[setting]++
	}
	if v.count[setting] == nil {
		v.count[setting] = map[verdict]int{}
		v.order = append(v.order, setting)
	}
	v.count[setting][got]++
}

func (l *label) periods() string {
	if l.Period == 0 {
		return "none"
	}
	return fmt.Sprintf("%g s (%.4g to %.4g s)", l.Period, l.Measured.Low, l.Measured.High)
}

func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
