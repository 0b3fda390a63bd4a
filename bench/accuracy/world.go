package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"fresnel/bench/worlds"
	"fresnel/internal/evaluate"
	"fresnel/internal/event"
	"fresnel/internal/labels"
	"fresnel/internal/rank"
	"fresnel/internal/simulate"
	"fresnel/internal/survey"
	"fresnel/internal/timing"
)

// The detectors, in the order of all tables.
const (
	fresnel = iota
	referenceStatistics
	ritaScore
	detectors
)

var detectorNames = [detectors]string{"Fresnel", "reference", "RITA"}

// A dataset is a simulated set of worlds.
type dataset struct {
	name     string // heading
	scenario string // file in scenarios
	network  bool   // seen by a sensor on the network
	byLabel  bool   // each label is an implant of its own
	seeds    []uint64

	delays bool // look every lookEvery too
	hosts  int  // where the scenario has none
	large  bool // millions of events
}

// lookEvery is the time from one look to the next where the time to first detection is told.
const lookEvery = time.Hour

// inFirst is how far an analyst reads where the time to first detection is told.
const inFirst = 20

// A measure is what a detector did in one world.
type measure struct {
	*evaluate.Result
	Listed int // rows that it shows by default, of implants or not
}

// A missedImplant is an implant without any row, and why.
type missedImplant struct {
	implant evaluate.Implant
	world   string
	why     string
	hidden  bool // found by the timing model, and not shown
}

// A world is what the detectors did in one world.
type world struct {
	seed     uint64
	events   int
	groups   int // that the timing model looked at
	hostDays float64
	implants int
	by       [detectors]measure
	cases    *evaluate.Result // of Fresnel, when a case is read as one row

	anywhere, early [detectors]evaluate.Delay // early: within the first rows of a list; of those that make lists by rank
	missed          []missedImplant
	places          [detectors]int // of the last row that may be the first one of the one implant; 0 where there are several
	inTop           map[string]int // what is no implant in the first 100 rows, by kind
}

// settings are what Fresnel does by default.
type settings struct {
	model    *rank.Model
	lookback time.Duration
	maxFalse float64
	minScore float64
	perDay   float64
}

// notInList is the place of what is in no row.
const notInList = math.MaxInt

func (w *world) placeOf(detector int) int { return w.places[detector] }

// A watch hands the events of a world to the detectors.
type watch struct {
	set       settings
	calls     *worlds.Calls
	reference *reference
	peer      *peer
	groups    map[uint64]struct{}
	events    int
}

func newWatch(set settings) (*watch, error) {
	calls, err := worlds.NewCalls()
	if err != nil {
		return nil, err
	}
	ref, err := newReference()
	if err != nil {
		return nil, err
	}
	return &watch{set: set, calls: calls, reference: ref, peer: newPeer(), groups: map[uint64]struct{}{}}, nil
}

func (w *watch) add(e *event.Event) {
	w.events++
	group, ok := w.calls.Add(e)
	if !ok { // nor does the reference look at it then, which asks for more
		return
	}
	w.groups[group] = struct{}{}
	w.reference.add(e, group)
	w.peer.add(e, group)
}

// look surveys what came so far.
func (w *watch) look(end time.Time, maxFalse float64) (*survey.Survey, error) {
	return w.calls.Survey(survey.Config{
		EndNanos: end.UnixNano(), LookbackNanos: w.set.lookback.Nanoseconds(), MaxFalse: maxFalse, Model: w.set.model,
	})
}

// A snapshot is what the detectors that look when asked say at one time.
type snapshot struct {
	end    time.Time
	found  []survey.Sighting
	scored []scored
}

// lists are what the detectors said of a world.
type lists struct {
	shown      []survey.Sighting // by falling score: the list of a scan
	found      []survey.Sighting // by the timing model, shown or not
	everything []survey.Sighting // that was timed, found or not
	shots      []snapshot        // of what the timing model found and shows, and of RITA
	flagged    map[string]*flagged
}

// run makes a world and lets the detectors look at it.
func (d *dataset) run(seed uint64, set settings) (*world, error) {
	sc, err := simulate.Load("scenarios/" + d.scenario + ".yaml")
	if err != nil {
		return nil, err
	}
	if d.network {
		worlds.SeeFromNetwork(sc)
	}
	w, err := newWatch(set)
	if err != nil {
		return nil, err
	}
	var shots []snapshot
	end := sc.Start.Add(sc.Length)
	next := sc.Start.Add(lookEvery)
	shot := func(at time.Time) (*survey.Survey, error) {
		s, err := w.look(at, set.maxFalse)
		if err != nil {
			return nil, err
		}
		shots = append(shots, snapshot{at, set.shown(s.Found), w.peer.scores(at.Unix())})
		return s, nil
	}
	truth, err := sc.Run(seed, func(e *event.Event) error {
		for ; d.delays && next.Before(end) && e.TimeNanos > next.UnixNano(); next = next.Add(lookEvery) {
			if _, err := shot(next); err != nil {
				return err
			}
		}
		w.add(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	last, err := shot(end)
	if err != nil {
		return nil, err
	}
	flagged, err := w.reference.run()
	if err != nil {
		return nil, err
	}
	list := withFlagged(shots[len(shots)-1].found, last, flagged)
	everything, err := w.look(end, 1)
	if err != nil {
		return nil, err
	}
	hosts := cmp.Or(sc.Hosts, d.hosts)
	out := &world{seed: seed, events: w.events, groups: len(w.groups), hostDays: float64(hosts) * sc.Length.Hours() / 24}
	j := newJoin(truth, d.byLabel)
	j.truth.Groups, j.truth.Hosts, j.truth.Days = len(w.groups), hosts, sc.Length.Hours()/24
	return out, j.judge(out, d, &lists{list, last.Found, everything.Found, shots, flagged})
}

// A join knows the truth of rows.
type join struct {
	rows   *evaluate.Matcher // by group and destination
	groups *evaluate.Matcher // by group: its rows show an implant when one of its destinations does
	kinds  *evaluate.Matcher // of what is no implant
	labels *labels.File
	truth  evaluate.Truth
}

func newJoin(f *labels.File, byLabel bool) *join {
	named, whole, kinds := *f, *f, *f
	named.Labels, whole.Labels, kinds.Labels = slices.Clone(f.Labels), nil, nil
	for i := range named.Labels {
		l := &named.Labels[i]
		if l.Beacon == nil || !*l.Beacon {
			kind := *l
			kind.Implant, kind.Beacon = cmp.Or(kind.Framework, "other"), new(bool)
			*kind.Beacon = true
			kinds.Labels = append(kinds.Labels, kind)
			continue
		}
		if byLabel || l.Implant == "" { // the matcher's own names would differ between the two
			l.Implant = fmt.Sprintf("%d: %s", i+1, nameOf(evaluate.Subject{Host: l.Host, Process: l.Process, Source: l.Source, IP: l.Dest, Domain: l.Domain}))
		}
	}
	for _, l := range named.Labels {
		if l.Process != "" { // else the group is a pair, and has a destination
			l.Dest, l.Domain, l.Port = "", "", 0
		}
		whole.Labels = append(whole.Labels, l)
	}
	j := &join{rows: evaluate.NewMatcher(&named), groups: evaluate.NewMatcher(&whole), kinds: evaluate.NewMatcher(&kinds), labels: &named}
	j.truth = j.rows.Truth()
	return j
}

// row returns a row of a list, and false for one that is not to be scored.
func row(m *evaluate.Matcher, s evaluate.Subject, score float64) (evaluate.Row, bool) {
	v := m.Match(s)
	return evaluate.Row{Name: nameOf(s), Score: score, Implants: v.Implants, Periodic: v.Periodic}, !v.Undecided
}

// sightings returns the rows of Fresnel.
func (j *join) sightings(found []survey.Sighting) (rows []evaluate.Row) {
	for i := range found {
		g := &found[i]
		r, ok := row(j.rows, worlds.SubjectOfSighting(g), g.Assessment.Score)
		r.PValues = []float64{g.Timing.PValue}
		if ok {
			rows = append(rows, r)
		}
	}
	return rows
}

// flagged returns the rows of the reference.
func (j *join) flagged(all map[string]*flagged) (rows []evaluate.Row) {
	for _, g := range all {
		if r, ok := row(j.groups, g.subject, float64(g.score)); ok {
			r.First = float64(g.first)
			rows = append(rows, r)
		}
	}
	return rows
}

// scored returns the rows of RITA.
func (j *join) scored(all []scored) (rows []evaluate.Row) {
	for _, g := range all {
		if r, ok := row(j.rows, g.subject, g.score); ok {
			rows = append(rows, r)
		}
	}
	return rows
}

// judge fills in out.
func (j *join) judge(out *world, d *dataset, l *lists) error {
	all := [detectors][]evaluate.Row{
		fresnel: j.sightings(l.shown), referenceStatistics: j.flagged(l.flagged), ritaScore: j.scored(l.shots[len(l.shots)-1].scored),
	}
	out.implants = len(j.truth.Implants)
	for i, rows := range all {
		r, err := evaluate.Rows(rows, j.truth)
		if err != nil {
			return err
		}
		listed := 0
		for k := range rows {
			if i != ritaScore || rows[k].Score >= ritaShown {
				listed++
			}
		}
		out.by[i] = measure{r, listed}
		if len(j.truth.Implants) == 1 {
			out.places[i] = notInList
			if _, _, to, ok := place(rows, j.truth.Implants[0].Name); ok {
				out.places[i] = to
			}
		}
	}
	out.anywhere[referenceStatistics] = out.by[referenceStatistics].FirstDetection
	if d.delays {
		if err := j.delays(out, l.shots); err != nil {
			return err
		}
	}
	out.inTop = j.inTop(l.shown)
	out.missed = j.missed(out.by[fresnel].Missed, l)
	for i := range out.missed {
		out.missed[i].world = fmt.Sprintf("%s, seed %d", d.name, out.seed)
	}
	var err error
	out.cases, err = evaluate.Rows(j.cases(l.shown), j.truth)
	return err
}

// cases returns a row for each case of Fresnel: its best row, which shows what one of its rows
// does.
func (j *join) cases(found []survey.Sighting) (rows []evaluate.Row) {
	at := map[int]int{}
	for i := range found { // by falling score
		g := &found[i]
		r, ok := row(j.rows, worlds.SubjectOfSighting(g), g.Assessment.Score)
		if !ok {
			continue
		}
		k, ok := at[g.Case]
		if !ok || g.Case < 0 { // what the reference alone flags is in no case
			at[g.Case] = len(rows)
			rows = append(rows, r)
			continue
		}
		rows[k].Implants = append(rows[k].Implants, r.Implants...)
	}
	return rows
}

// delays fills in how long it took until an implant was first in a list, and among its first
// rows.
func (j *join) delays(out *world, shots []snapshot) error {
	var anywhere, early [detectors][]evaluate.Row
	for _, s := range shots {
		for i, rows := range map[int][]evaluate.Row{fresnel: j.sightings(s.found), ritaScore: j.scored(s.scored)} {
			slices.SortStableFunc(rows, func(a, b evaluate.Row) int {
				return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(len(a.Implants), len(b.Implants)), cmp.Compare(a.Name, b.Name))
			})
			for k, r := range rows {
				r.First = float64(s.end.Unix())
				if i == ritaScore && r.Score < ritaShown {
					continue
				}
				anywhere[i] = append(anywhere[i], r)
				if k < inFirst {
					early[i] = append(early[i], r)
				}
			}
		}
	}
	for _, i := range []int{fresnel, ritaScore} {
		for _, x := range []struct {
			rows []evaluate.Row
			to   *evaluate.Delay
		}{{anywhere[i], &out.anywhere[i]}, {early[i], &out.early[i]}} {
			r, err := evaluate.Rows(x.rows, j.truth)
			if err != nil {
				return err
			}
			*x.to = r.FirstDetection
		}
	}
	return nil
}

// topRows is how many rows inTop looks at.
const topRows = 100

// inTop counts by kind what is no implant among the first rows of Fresnel.
func (j *join) inTop(found []survey.Sighting) map[string]int {
	counts := map[string]int{}
	for i := range found[:min(topRows, len(found))] {
		s := worlds.SubjectOfSighting(&found[i])
		if len(j.rows.Match(s).Implants) > 0 {
			continue
		}
		kind := "without a label"
		if of := j.kinds.Match(s).Implants; len(of) > 0 {
			kind = of[0]
		}
		counts[kind]++
	}
	return counts
}

// missed tells of implants that are in no row of Fresnel why they are not.
func (j *join) missed(all []evaluate.Implant, l *lists) []missedImplant {
	least := map[string]float64{}
	for _, r := range j.sightings(l.everything) {
		for _, name := range r.Implants {
			if p, ok := least[name]; !ok || r.PValues[0] < p {
				least[name] = r.PValues[0]
			}
		}
	}
	hidden := map[string]float64{}
	for _, r := range j.sightings(l.found) {
		for _, name := range r.Implants {
			if s, ok := hidden[name]; !ok || r.Score > s {
				hidden[name] = r.Score
			}
		}
	}
	// The p-value that the rate of false discoveries asks for: that of the last row it lets in.
	bound := 0.0
	for i := range l.found {
		bound = max(bound, l.found[i].Timing.PValue)
	}
	calls := map[string]int{}
	most := map[string]int{}
	for i := range j.labels.Labels {
		label := &j.labels.Labels[i]
		calls[label.Implant] += label.Callbacks
		most[label.Implant] = max(most[label.Implant], label.Callbacks)
	}
	var missed []missedImplant
	for _, im := range all {
		m := missedImplant{implant: im}
		p, tested := least[im.Name]
		score, low := hidden[im.Name]
		of := ""
		if n := calls[im.Name]; n > 0 {
			of = fmt.Sprintf(" in %d callbacks", n)
		}
		switch {
		case low:
			m.hidden = true
			m.why = fmt.Sprintf("found, with a score of %.0f, and not among the rows that its host shows", score)
		case !tested:
			m.why = fmt.Sprintf("no destination with the %d callbacks that a test needs: %d at most", timing.MinCalls, most[im.Name])
		case p <= bound:
			m.why = fmt.Sprintf("seen%s only together with other calls of its process", of)
		default:
			m.why = fmt.Sprintf("p-value %s%s, where %s was needed", small(p), of, small(bound))
		}
		missed = append(missed, m)
	}
	return missed
}

// small writes a p-value.
func small(p float64) string {
	if p > 0 && p < 0.0001 {
		return fmt.Sprintf("%.0e", p)
	}
	return fmt.Sprintf("%.2g", math.Max(p, 0))
}
