package main

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"fresnel/internal/evaluate"
)

//go:embed page.md.tmpl
var pageText string

// A measured is a data set with what was found in its worlds.
type measured struct {
	*dataset
	worlds []*world
}

// A page is what docs/accuracy.md is made from.
type page struct {
	Quick    bool
	Sets     []*measured
	Captures []*seen // nil when they are not here
	Filtered []*seen // the normal days once more, with the default filter; nil for the others
	Nulls    []*null
	Known    string // what the reference statistics make of known beacons, in detail

	settings settings
	fitted   string // what the model was fitted on
}

// read reads what other commands wrote: what the model was fitted on, and the test's page. It
// fails when the model was fitted on a seed that is reported.
func (p *page) read() error {
	// The model names it itself, or the report of the fit does.
	for _, x := range []struct{ path, begin string }{{"internal/rank/model.yaml", "# Fitted by: "}, {"docs/ranking-fit.md", "Fitted on "}} {
		text, err := os.ReadFile(x.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, x.begin) && p.fitted == "" {
				p.fitted = strings.TrimSpace(line)
			}
		}
	}
	if err := p.heldOut(); err != nil {
		return err
	}
	known, err := os.ReadFile(filepath.Join("internal", "scan", "testdata", "known-beacons.md"))
	p.Known = strings.TrimSpace(string(known))
	return err
}

func (p *page) write(w io.Writer) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

// What the model was fitted on stands in a list: scenarios/day.yaml@pairs:1-3,capture:/data/m57.
var (
	fittedWorlds   = regexp.MustCompile(`([\w-]+)\.yaml(?:@(\w+))?:(\d+)(?:-(\d+))?`)
	fittedCaptures = regexp.MustCompile("capture:([^\\s,`]+)")
)

// heldOut fails when the model was fitted on a seed that may be reported, and when nothing tells
// what it was fitted on.
func (p *page) heldOut() error {
	worlds := fittedWorlds.FindAllStringSubmatch(p.fitted, -1)
	if len(worlds) == 0 {
		return errors.New("neither internal/rank/model.yaml nor docs/ranking-fit.md tells what the model was fitted on; run make fit")
	}
	for _, m := range worlds {
		last, err := strconv.ParseUint(cmp.Or(m[4], m[3]), 10, 64)
		if err != nil {
			return err
		}
		if last > lastOfTuning {
			return fmt.Errorf("the model was fitted on %s, want no seed after %d, so that what is reported was not seen", m[0], lastOfTuning)
		}
	}
	return nil
}

// inFit reports whether the model was fitted on a folder of captures.
func (p *page) inFit(folder string) bool {
	for _, m := range fittedCaptures.FindAllStringSubmatch(p.fitted, -1) {
		if filepath.Base(m[1]) == folder {
			return true
		}
	}
	return false
}

// FittedOn is the table of what the model was fitted on.
func (p *page) FittedOn() string {
	t := newTable("scenario", "view", "seeds")
	for _, m := range fittedWorlds.FindAllStringSubmatch(p.fitted, -1) {
		seeds := m[3]
		if m[4] != "" {
			seeds += " to " + m[4]
		}
		t.row(m[1], cmp.Or(m[2], "as it is"), seeds)
	}
	return t.String()
}

// CapturesInFit names the captures that the model was fitted on.
func (p *page) CapturesInFit() string {
	var names []string
	for _, m := range fittedCaptures.FindAllStringSubmatch(p.fitted, -1) {
		names = append(names, filepath.Base(m[1]))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// nameOf is the name of a capture, marked when the fit saw it.
func (p *page) nameOf(s *seen) string {
	if p.inFit(s.capture.folder) {
		return s.capture.name() + " ‡"
	}
	return s.capture.name()
}

// Seeds tells the seeds of the worlds of a scenario.
func (p *page) Seeds(scenario string) string {
	s := p.of(scenario).seeds
	if len(s) == 1 {
		return fmt.Sprint(s[0])
	}
	return fmt.Sprintf("%d to %d", s[0], s[len(s)-1])
}

// MaxFalse is the rate of false discoveries, in percent.
func (p *page) MaxFalse() string { return fmt.Sprintf("%g %%", p.settings.maxFalse*100) }

// MinScore is the threshold of the list.
func (p *page) MinScore() string { return fmt.Sprintf("%g", p.settings.minScore) }

// PerDay is how many rows a host shows.
func (p *page) PerDay() string { return fmt.Sprintf("%g", p.settings.perDay) }

func (p *page) of(name string) *measured {
	return p.Sets[slices.IndexFunc(p.Sets, func(m *measured) bool { return m.name == name || m.scenario == name })]
}

// A table is a table of Markdown.
type table struct{ b strings.Builder }

func newTable(heads ...string) *table {
	t := &table{}
	t.row(heads...)
	t.row(slices.Repeat([]string{"---"}, len(heads))...)
	return t
}

func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", "\\|")
	}
	fmt.Fprintf(&t.b, "| %s |\n", strings.Join(cells, " | "))
}

func (t *table) String() string { return strings.TrimSuffix(t.b.String(), "\n") }

// mean returns the mean of the values that are defined.
func mean(ws []*world, f func(w *world) evaluate.Value) evaluate.Value {
	sum, n := 0.0, 0
	for _, w := range ws {
		if v := f(w); v.Defined() {
			sum += float64(v)
			n++
		}
	}
	if n == 0 {
		return evaluate.Undefined
	}
	return evaluate.Value(sum / float64(n))
}

// of3 writes a value with three digits.
func of3(v evaluate.Value) string {
	if !v.Defined() {
		return "–"
	}
	return fmt.Sprintf("%.3f", float64(v))
}

func (m *measured) averagePrecision(i int) evaluate.Value {
	return mean(m.worlds, func(w *world) evaluate.Value { return w.by[i].AveragePrecision })
}

func (m *measured) atBudget(i int) evaluate.Value {
	return mean(m.worlds, func(w *world) evaluate.Value { return w.by[i].RecallAtBudget })
}

// inRows is the recall in the first rows.
func (m *measured) inRows(i, rows int) evaluate.Value {
	return mean(m.worlds, func(w *world) evaluate.Value { return recallIn(w.by[i].Result, rows) })
}

func recallIn(r *evaluate.Result, rows int) evaluate.Value {
	for _, t := range r.Top {
		if t.Rows == rows {
			return t.Recall
		}
	}
	return evaluate.Undefined
}

// listed is how many rows a host and a day a detector shows.
func (m *measured) listed(i int) evaluate.Value {
	return mean(m.worlds, func(w *world) evaluate.Value { return evaluate.Value(float64(w.by[i].Listed) / w.hostDays) })
}

// found counts the implants in any row, of all worlds.
func (m *measured) found(i int) (found, implants int) {
	for _, w := range m.worlds {
		found += w.by[i].Found
		implants += w.implants
	}
	return found, implants
}

// SideBySide is the table of all simulated data sets.
func (p *page) SideBySide() string {
	t := newTable("data", "detector", "average precision", "recall at 5 false per 1,000 benign groups", "first 10 rows", "first 20", "first 50", "first 100", "found in any row", "rows a host and day")
	for _, m := range p.Sets {
		for i, detector := range detectorNames {
			name := ""
			if i == 0 {
				name = "**" + m.name + "**"
			}
			found, implants := m.found(i)
			t.row(name, detector, of3(m.averagePrecision(i)), of3(m.atBudget(i)), of3(m.inRows(i, 10)), of3(m.inRows(i, 20)), of3(m.inRows(i, 50)), of3(m.inRows(i, 100)),
				fmt.Sprintf("%d of %d", found, implants), fmt.Sprintf("%.2f", float64(m.listed(i))))
			if i == fresnel {
				in := func(rows int) string {
					return of3(mean(m.worlds, func(w *world) evaluate.Value { return recallIn(w.cases, rows) }))
				}
				t.row("", "Fresnel, cases", of3(mean(m.worlds, func(w *world) evaluate.Value { return w.cases.AveragePrecision })),
					of3(mean(m.worlds, func(w *world) evaluate.Value { return w.cases.RecallAtBudget })), in(10), in(20), in(50), in(100), "",
					fmt.Sprintf("%.2f", float64(mean(m.worlds, func(w *world) evaluate.Value { return evaluate.Value(float64(w.cases.Rows) / w.hostDays) }))))
			}
		}
	}
	return t.String()
}

// Worlds tells how large the worlds are.
func (p *page) Worlds() string {
	t := newTable("data", "seeds", "events a world", "groups looked at", "implants", "host-days")
	for _, m := range p.Sets {
		size := func(f func(w *world) int) string {
			lo, hi := f(m.worlds[0]), f(m.worlds[0])
			for _, w := range m.worlds {
				lo, hi = min(lo, f(w)), max(hi, f(w))
			}
			if lo == hi {
				return thousands(lo)
			}
			return thousands(lo) + " to " + thousands(hi)
		}
		t.row(m.name, p.Seeds(m.name), size(func(w *world) int { return w.events }), size(func(w *world) int { return w.groups }),
			size(func(w *world) int { return w.implants }), fmt.Sprintf("%.0f", m.worlds[0].hostDays))
	}
	return t.String()
}

// EachWorld is the spread between worlds of one data set.
func (p *page) EachWorld() string {
	t := newTable("data", "seed", "Fresnel: average precision", "recall at 5 false per 1,000", "first 50 rows", "first 100", "found", "reference: average precision", "RITA: average precision")
	for _, m := range p.Sets {
		for _, w := range m.worlds {
			one := &measured{m.dataset, []*world{w}}
			t.row(m.name, fmt.Sprint(w.seed), of3(one.averagePrecision(fresnel)), of3(one.atBudget(fresnel)), of3(one.inRows(fresnel, 50)), of3(one.inRows(fresnel, 100)),
				fmt.Sprintf("%d of %d", w.by[fresnel].Found, w.implants), of3(one.averagePrecision(referenceStatistics)), of3(one.averagePrecision(ritaScore)))
		}
	}
	return t.String()
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Targets holds the targets of issue 4 against what was measured.
func (p *page) Targets() string {
	t := newTable("target", "data", "wanted", "measured", "")
	verdict := func(met bool) string {
		if met {
			return "met"
		}
		return "**missed**"
	}
	least := func(what, data string, want float64, got evaluate.Value) {
		t.row(what, data, fmt.Sprintf("at least %g", want), of3(got), verdict(float64(got) >= want))
	}
	for _, name := range []string{"day, hosts", "day, network", "plain day, hosts", "plain day, network", "quiet day, hosts", "quiet day, network"} {
		m := p.of(name)
		least("average precision", name, 0.99, m.averagePrecision(fresnel))
		least("recall at 5 false positives per 1,000 benign groups", name, 0.99, m.atBudget(fresnel))
	}
	m := p.of("enterprise")
	least("average precision", m.name, 0.6, m.averagePrecision(fresnel))
	least("implants in the first 50 rows", m.name, 0.62, m.inRows(fresnel, 50))
	least("implants in the first 100 rows", m.name, 0.75, m.inRows(fresnel, 100))

	m = p.of("bot-week")
	fewest := slices.MinFunc(m.worlds, func(a, b *world) int { return a.by[fresnel].Found - b.by[fresnel].Found })
	t.row("series of a bot's week found, in the worst week", m.name, "at least 34 of 36", fmt.Sprintf("%d of %d", fewest.by[fresnel].Found, fewest.implants), verdict(fewest.implants-fewest.by[fresnel].Found <= 2))
	least("average precision", m.name, 0.9, m.averagePrecision(fresnel))

	m = p.of("internet-noise")
	worst := m.worlds[0]
	for _, w := range m.worlds {
		if w.placeOf(fresnel) > worst.placeOf(fresnel) {
			worst = w
		}
	}
	t.row("row of the one real beacon, in the worst noise", m.name, "5th or before", ordinal(worst.placeOf(fresnel)), verdict(worst.placeOf(fresnel) <= 5))

	if p.Captures == nil {
		t.row("rows a host and day on normal days", "captures", "at most 2", "not measured: the captures are not here", "")
		return t.String()
	}
	for _, s := range p.normal() {
		measured := s.rate(fresnel)
		if n := s.filtered.flags(); n > 0 {
			measured += fmt.Sprintf("; the reference flags %d groups", n)
		}
		t.row("rows a host and day on a normal day", p.nameOf(s.unfiltered), "at most 2", measured, verdict(s.met()))
	}
	return t.String()
}

// ordinal writes a place in a list; that behind all others stands for none.
func ordinal(n int) string {
	if n == notInList {
		return "in no row"
	}
	return fmt.Sprintf("row %d", n)
}

// Noise tells where the one beacon in noise stands in each list.
func (p *page) Noise() string {
	t := newTable("seed", "Fresnel", "reference", "RITA")
	for _, w := range p.of("internet-noise").worlds {
		t.row(fmt.Sprint(w.seed), ordinal(w.placeOf(fresnel)), ordinal(w.placeOf(referenceStatistics)), ordinal(w.placeOf(ritaScore)))
	}
	return t.String()
}

// Delays is the table of times to the first detection.
func (p *page) Delays() string {
	t := newTable("detector", "where in the list", "implants of "+fmt.Sprint(func() int { _, n := p.of("day, hosts").found(fresnel); return n }()), "median", "9 in 10 within")
	for i, name := range detectorNames {
		for _, x := range []struct {
			where string
			of    func(w *world) evaluate.Delay
		}{{"anywhere", func(w *world) evaluate.Delay { return w.anywhere[i] }}, {fmt.Sprintf("first %d rows", inFirst), func(w *world) evaluate.Delay { return w.early[i] }}} {
			if i == referenceStatistics && x.where != "anywhere" {
				continue // thousands of its rows have the same score
			}
			ws := p.of("day, hosts").worlds
			n := 0
			for _, w := range ws {
				n += x.of(w).Implants
			}
			t.row(name, x.where, fmt.Sprint(n), hours(mean(ws, func(w *world) evaluate.Value { return x.of(w).Median })), hours(mean(ws, func(w *world) evaluate.Value { return x.of(w).P90 })))
		}
	}
	return t.String()
}

func hours(v evaluate.Value) string {
	if !v.Defined() {
		return "–"
	}
	return fmt.Sprintf("%.1f h", float64(v)/3600)
}

// Calibration is how often p-values of calls at random times were small.
func (p *page) Calibration() string {
	heads := []string{"calls", "rows"}
	for _, s := range p.Nulls[0].calibration.Shares {
		heads = append(heads, fmt.Sprintf("p ≤ %g", s.P))
	}
	t := newTable(heads...)
	all, counts := 0, make([]int, len(heads)-2)
	line := func(name string, n int, counts []int) {
		cells := []string{name, thousands(n)}
		for _, c := range counts {
			cells = append(cells, fmt.Sprintf("%.4f", float64(c)/float64(max(1, n))))
		}
		t.row(cells...)
	}
	for _, n := range p.Nulls {
		own := make([]int, len(counts))
		for i, s := range n.calibration.Shares {
			own[i] = s.Count
			counts[i] += s.Count
		}
		all += n.calibration.PValues
		line(n.name, n.calibration.PValues, own)
	}
	line("all", all, counts)
	return t.String()
}

// Missed is the table of implants that are in no row, and why.
func (p *page) Missed() string {
	t := newTable("world", "framework", "period", "jitter", "why")
	for _, m := range p.Sets {
		for _, w := range m.worlds {
			for _, i := range w.missed {
				t.row(i.world, i.implant.Framework, seconds(i.implant.Period), percent(i.implant.Jitter), i.why)
			}
		}
	}
	return t.String()
}

// MissedCount counts them by reason.
func (p *page) MissedCount() string {
	hidden, untimed, all := 0, 0, 0
	for _, m := range p.Sets {
		for _, w := range m.worlds {
			for _, i := range w.missed {
				all++
				if i.hidden {
					hidden++
				} else {
					untimed++
				}
			}
		}
	}
	return fmt.Sprintf("%d: %d that the timing model did not find, and %d that it found but that are not among the rows that their hosts show", all, untimed, hidden)
}

func seconds(s float64) string { return fmt.Sprintf("%.4g s", s) }

func percent(share float64) string { return fmt.Sprintf("%.0f %%", share*100) }

// InTop is what stands among the first rows of the enterprises and is no implant.
func (p *page) InTop() string {
	names := []string{"enterprise", "enterprise-b", "day, hosts"}
	sums := make([]map[string]float64, len(names))
	total := map[string]float64{}
	for i, name := range names {
		sums[i] = map[string]float64{}
		m := p.of(name)
		for _, w := range m.worlds {
			for kind, n := range w.inTop {
				sums[i][kind] += float64(n) / float64(len(m.worlds))
				total[kind] += float64(n)
			}
		}
	}
	kinds := slices.SortedFunc(maps.Keys(total), func(a, b string) int {
		return cmp.Or(cmp.Compare(total[b], total[a]), strings.Compare(a, b))
	})
	t := newTable(append([]string{"kind"}, names...)...)
	for _, k := range kinds {
		cells := []string{k}
		for i := range names {
			cells = append(cells, fmt.Sprintf("%.1f", sums[i][k]))
		}
		t.row(cells...)
	}
	return t.String()
}

// Cells is Fresnel's recall by framework, jitter and period in one data set.
func (m *measured) Cells() string {
	type kind struct{ framework, jitter, period string }
	var order []kind
	sums := map[kind]evaluate.Cell{}
	for _, w := range m.worlds {
		for _, c := range w.by[fresnel].Cells {
			k := kind{c.Framework, c.Jitter, c.Period}
			s, ok := sums[k]
			if !ok {
				order = append(order, k)
			}
			s.Implants, s.Found = s.Implants+c.Implants, s.Found+c.Found
			sums[k] = s
		}
	}
	jitters := []string{"0%", "to 10%", "to 30%", "to 50%", "above 50%"}
	periods := []string{"unknown", "to 1m", "to 10m", "to 1h", "to 6h", "above 6h"}
	slices.SortFunc(order, func(a, b kind) int {
		return cmp.Or(strings.Compare(a.framework, b.framework), cmp.Compare(slices.Index(jitters, a.jitter), slices.Index(jitters, b.jitter)), cmp.Compare(slices.Index(periods, a.period), slices.Index(periods, b.period)))
	})
	t := newTable("framework", "jitter", "period", "found")
	for _, k := range order {
		t.row(k.framework, k.jitter, k.period, fmt.Sprintf("%d of %d", sums[k].Found, sums[k].Implants))
	}
	return t.String()
}

// Name is the heading of m.
func (m *measured) Name() string { return m.name }

// Beacons is the table of the known beacons of captures.
func (p *page) Beacons() string {
	t := newTable("capture", "beacon", "period", "Fresnel: score, row", "reference: score, row", "RITA: score, row")
	for _, s := range p.Captures {
		for _, im := range s.truth.Implants {
			cells := []string{p.nameOf(s), im.Name, seconds(im.Period)}
			if im.Period == 0 {
				cells[2] = "none"
			}
			for i, rows := range s.rows {
				form := "%.1f"
				if i == ritaScore {
					form = "%.3f"
				}
				score, from, to, ok := place(rows, im.Name)
				switch {
				case !ok:
					cells = append(cells, "**missed**")
				case from == to:
					cells = append(cells, fmt.Sprintf(form+", %d of %d", score, from, len(rows)))
				default:
					cells = append(cells, fmt.Sprintf(form+", %d to %d of %d", score, from, to, len(rows)))
				}
			}
			t.row(cells...)
		}
	}
	return t.String()
}

// InShort sums up the captures with beacons: those that the fit saw, and the others.
func (p *page) InShort() string {
	t := newTable("captures", "detector", "known beacons found", "on the first row", "in the first 5 rows", "average precision, mean of the captures", "false rows")
	for _, group := range []struct {
		name  string
		inFit bool
	}{{"not seen by the fit", false}, {"seen by the fit ‡", true}} {
		for i, name := range detectorNames {
			found, first, five, all, falseRows := 0, 0, 0, 0, 0
			sum, n := 0.0, 0
			for _, s := range p.Captures {
				if len(s.truth.Implants) == 0 || p.inFit(s.capture.folder) != group.inFit {
					continue
				}
				sum += float64(s.by[i].AveragePrecision)
				n++
				falseRows += s.falseRows(i)
				for _, im := range s.truth.Implants {
					all++
					if _, _, to, ok := place(s.rows[i], im.Name); ok {
						found++
						if to == 1 {
							first++
						}
						if to <= 5 {
							five++
						}
					}
				}
			}
			if n > 0 {
				t.row(group.name, name, fmt.Sprintf("%d of %d", found, all), fmt.Sprint(first), fmt.Sprint(five), fmt.Sprintf("%.3f", sum/float64(n)), fmt.Sprint(falseRows))
			}
		}
	}
	return t.String()
}

// falseRows counts the benign rows that a detector shows by default.
func (s *seen) falseRows(i int) int {
	n := 0
	for k := range s.rows[i] {
		if len(s.rows[i][k].Implants) == 0 && (i != ritaScore || s.rows[i][k].Score >= ritaShown) {
			n++
		}
	}
	return n
}

// MissedInCaptures names the beacons of captures that are in no row of Fresnel.
func (p *page) MissedInCaptures() string {
	var b strings.Builder
	for _, s := range p.Captures {
		for _, im := range s.truth.Implants {
			if _, _, _, ok := place(s.rows[fresnel], im.Name); !ok {
				fmt.Fprintf(&b, "- %s: %s, every %s.\n", p.nameOf(s), im.Name, seconds(im.Period))
			}
		}
	}
	if b.Len() == 0 {
		return "None of them is missed."
	}
	return "In no row of Fresnel:\n\n" + strings.TrimSuffix(b.String(), "\n")
}

// A normalDay is a capture without a beacon, seen without the filter and with it.
type normalDay struct{ unfiltered, filtered *seen }

func (p *page) normal() (days []normalDay) {
	for i, s := range p.Filtered {
		if s != nil {
			days = append(days, normalDay{p.Captures[i], s})
		}
	}
	return days
}

// rate is how many rows a host and day a detector shows with the default filter.
func (d normalDay) rate(i int) string {
	if d.filtered.nothing != "" {
		return d.filtered.nothing
	}
	return d.filtered.rate(i)
}

func (d normalDay) met() bool {
	return d.filtered.nothing != "" || float64(d.filtered.by[fresnel].Listed)/(float64(d.filtered.capture.hosts)*max(1, d.filtered.days)) <= 2
}

// flags is how many groups the reference flags.
func (s *seen) flags() int { return len(s.rows[referenceStatistics]) }

// rate is how many rows a host and day a detector shows. Less than a day counts as one.
func (s *seen) rate(i int) string {
	if s.nothing != "" {
		return "–"
	}
	n := s.by[i].Listed
	return fmt.Sprintf("%.2f (%d)", float64(n)/(float64(s.capture.hosts)*max(1, s.days)), n)
}

// Normal is the table of normal days.
func (p *page) Normal() string {
	t := newTable("capture", "hosts", "length", "filter", "groups", "Fresnel", "reference", "RITA")
	for _, d := range p.normal() {
		for _, x := range []struct {
			filter string
			s      *seen
		}{{"default", d.filtered}, {"off", d.unfiltered}} {
			cells := []string{p.nameOf(d.unfiltered), fmt.Sprint(d.unfiltered.capture.hosts), fmt.Sprintf("%.1f h", d.unfiltered.days*24), x.filter}
			if x.s.nothing != "" {
				t.row(append(cells, "0: "+x.s.nothing, "–", "–", "–")...)
				continue
			}
			t.row(append(cells, thousands(x.s.truth.Groups), x.s.rate(fresnel), x.s.rate(referenceStatistics), x.s.rate(ritaScore))...)
		}
	}
	return t.String()
}

// FirstFalse are the first rows of normal days.
func (p *page) FirstFalse() string {
	t := newTable("capture", "row", "score")
	for _, d := range p.normal() {
		if d.filtered.nothing != "" {
			continue
		}
		for _, r := range d.filtered.by[fresnel].TopFalse[:min(3, len(d.filtered.by[fresnel].TopFalse))] {
			t.row(p.nameOf(d.filtered), r.Name, fmt.Sprintf("%.1f", r.Score))
		}
	}
	return t.String()
}
