// Package report writes findings as one HTML page that stands for itself: no script, no
// network, its pictures drawn into it.
//
// All that logs say is hostile. It reaches the page as safe text (human.Safe) through
// html/template or through package plot, which escapes it; a strict Content-Security-Policy
// stands behind that.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/explain"
	"fresnel/internal/finding"
	"fresnel/internal/human"
	"fresnel/internal/pictures"
	"fresnel/internal/plot"
	"fresnel/internal/rank"
)

// Bounds that keep a page readable.
const (
	DefaultDetailed = 50   // findings with a section of their own
	listed          = 2000 // rows of the ranked list
)

// A Page is what a report says.
type Page struct {
	Product  string // the program's name
	Version  string // the program's version
	Command  string // how it was called; may be empty
	Inputs   []string
	Params   beacon.Params
	Settings [][2]string // names and values of what else was set, as the filter
	Summary  finding.Summary

	// Findings are the rows in their order, best first. Those with a Trace have pictures. The
	// page folds cases.
	Findings []*finding.Ranked
	// Calls are those to the destination of a result, of results of which they are known by
	// themselves; the pictures of others are of all that the group called in the window.
	Calls map[*finding.Result]*pictures.Calls
	// Top is how many of them are listed; 0 is as many as a page bears.
	Top int
	// Detailed is how many of them have a section of their own; 0 is DefaultDetailed.
	Detailed int
}

//go:embed page.html.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// Write writes the page to w. It is the same for the same Page: no clock is read.
func Write(w io.Writer, page Page) error {
	if page.Detailed == 0 {
		page.Detailed = DefaultDetailed
	}
	return pageTemplate.Execute(w, view(page))
}

// The types below are what the template shows: every text is safe, every number is written out.
type pageView struct {
	Product, Version, Command string
	Title                     string
	Facts                     []fact
	Ranked                    bool     // there are rows of the timing model and the rank
	Columns                   []string // of the groups
	Span                      int      // columns of the list behind the first
	Runs                      bool     // there were several
	Destinations              bool     // a group does not tell its destination by itself
	Rows                      []row
	Nothing                   string
	More                      string // groups that are not listed; empty for none
	Findings                  []section
	NotDetailed               int // listed groups without a section
	Params, Settings          [][2]string
	Inputs                    []string
}

type fact struct{ Value, Name string }

type row struct {
	Rank         int
	Anchor       string // empty when the group has no section
	Score        int
	Beaconing    bool
	Values       []string
	Period       string
	Callbacks    string
	First, Last  string // to the second
	FirstShort   string
	LastShort    string
	Destinations string
	Tests        [4]finding.Test
	Runs         string
	Spark        template.HTML

	// Of the timing model and the rank; Risk is empty without them.
	Risk, Level string
	Destination string
	Jitter      string
	Pro, Contra []reason // the first ones
	Case        string   // who else is in the case; empty for nobody
}

// A reason is a fact and its points, for and against.
type reason struct {
	Points, Text string
	Contra       bool
	Width, X     string // of its bar, in percent
}

type drawn struct {
	SVG  template.HTML
	Tall bool
}

type section struct {
	row
	Labels   []string
	Interval string
	Verdict  string
	Why      []explain.Line
	Who      [][2]string
	Numbers  [][2]string
	Pictures []drawn
	Note     string // about the pictures

	Timer        string
	Where        string
	Missed       string // empty without a timer
	Failed       string
	Hours        string
	Stretches    []string
	Reasons      []reason
	CaseID       string
	CaseColumns  []string
	CaseRows     []row
	NotOfTheCase int // rows of the case that are not here
}

func view(page Page) pageView {
	s := page.Summary
	v := pageView{
		Product: human.Safe(page.Product), Version: human.Safe(page.Version), Command: human.Safe(page.Command),
		Runs: s.Runs > 1, Params: params(page.Params),
	}
	for _, in := range page.Inputs {
		v.Inputs = append(v.Inputs, human.Safe(in))
	}
	for _, set := range page.Settings {
		v.Settings = append(v.Settings, [2]string{human.Safe(set[0]), human.Safe(set[1])})
	}

	all := page.Findings
	v.Ranked = s.Rows > 0 || slices.ContainsFunc(all, func(g *finding.Ranked) bool { return g.Result.Row != nil })
	found := 0
	for _, g := range all {
		if g.Result.Found() {
			found++
		}
	}
	noun := "beaconing group"
	if v.Ranked {
		noun = "finding"
	}
	v.Title = human.Plural(int64(found), noun)
	if found == 0 {
		v.Title = "No " + noun
	}
	page.Findings = finding.Fold(all)
	if folded := len(page.Findings); folded < len(all) {
		v.Facts = append(v.Facts, fact{human.Count(int64(folded)), "when rows of a case are one"})
	}
	if v.Ranked {
		v.Facts = append(v.Facts, counted(s.Rows, "row", " of a group and a destination"), fact{human.Count(s.Timed), "timed"})
		if s.Hidden > 0 {
			v.Facts = append(v.Facts, fact{human.Count(s.Hidden), "hidden by rank.min_score or rank.rows_per_host_day"})
		}
	}
	v.Facts = append(v.Facts, counted(s.Groups, "group", ""))
	if s.Runs > 1 {
		v.Facts = append(v.Facts, counted(s.Findings, "finding", v.ofRuns()))
	}
	v.Facts = append(v.Facts,
		counted(int64(s.Runs), "run", " over "+human.Seconds(page.Params.WindowSeconds())),
		counted(s.EventsRead, "event", " read"), fact{human.Count(s.EventsKept), "kept by the filter"})
	if s.BadRecords > 0 {
		v.Facts = append(v.Facts, counted(s.BadRecords, "bad record", ""))
	}
	if s.LastNanos != 0 {
		v.Facts = append(v.Facts, fact{human.Time(s.FirstNanos), "first event, UTC"}, fact{human.Time(s.LastNanos), "last event, UTC"})
	}
	v.Nothing = "No group calls out on a timer that the four tests can see."
	if v.Ranked {
		v.Nothing = "No group calls out on a timer that the timing model or the four tests can see."
	}

	v.Columns = finding.GroupLabels(page.Findings)
	v.Destinations = slices.ContainsFunc(page.Findings, func(g *finding.Ranked) bool {
		return !slices.Contains(g.Result.Group.Fields, event.DestinationIP)
	})
	v.Span = 9 + len(v.Columns)
	if v.Runs {
		v.Span++
	}
	most := listed
	if page.Top > 0 {
		most = min(most, page.Top)
	}
	for i, g := range page.Findings {
		if i == most {
			what := "more group"
			if v.Ranked {
				what = "more row"
			}
			v.More = human.Plural(int64(len(page.Findings)-most), what)
			break
		}
		r := rowOf(i+1, g, page)
		if i < page.Detailed {
			r.Anchor = fmt.Sprintf("finding-%d", i+1)
			v.Findings = append(v.Findings, sectionOf(r, g, page))
		}
		v.Rows = append(v.Rows, r)
	}
	v.NotDetailed = len(v.Rows) - len(v.Findings)
	return v
}

// ofRuns says what the findings of several runs are beside those of the title.
func (v *pageView) ofRuns() string {
	if v.Ranked {
		return " over all runs"
	}
	return ""
}

// counted is the fact of n things and what is said of them.
func counted(n int64, noun, rest string) fact {
	return fact{human.Count(n), human.Noun(n, noun) + rest}
}

// params returns the public names of the parameters and their values.
func params(p beacon.Params) [][2]string {
	var rows [][2]string
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		rows = append(rows, [2]string{v.Type().Field(i).Tag.Get("yaml"), fmt.Sprint(v.Field(i).Interface())})
	}
	return rows
}

func rowOf(rank int, g *finding.Ranked, page Page) row {
	r := g.Result
	s := &r.Stats
	v := row{
		Rank: rank, Score: s.BeaconingScore, Beaconing: s.IsBeaconing,
		Period: "–", Callbacks: human.Count(r.Events), First: human.Time(r.FirstNanos), Last: human.Time(r.LastNanos), Destinations: "–",
		FirstShort: human.ShortTime(r.FirstNanos), LastShort: human.ShortTime(r.LastNanos),
		Tests: finding.Tests(s),
		Runs:  fmt.Sprintf("%d/%d", g.Runs, page.Summary.Runs),
	}
	for _, value := range r.Group.Values {
		v.Values = append(v.Values, human.Safe(value))
	}
	if w := r.Row; w != nil {
		v.rank(g)
		if w.Found {
			v.Period = finding.Every(w.Timing.Period)
		}
	}
	if v.Destination == "" {
		v.Destination, v.Jitter = v.Destinations, "–"
	}
	if seconds, atMost := finding.PeriodSeconds(s, int64(page.Params.TimeBucketLength)); seconds > 0 && v.Period == "–" {
		v.Period = human.Seconds(seconds)
		if atMost {
			v.Period = "≤ " + v.Period
		}
	}
	if d := r.Destinations; len(d) > 0 {
		v.Destinations = d[0].IP.String()
		if len(d) > 1 {
			v.Destinations += fmt.Sprintf(" +%d", len(d)-1)
		}
	}
	if g.Counts != nil {
		v.Spark = template.HTML(plot.Spark(g.Counts)) // #nosec G203 -- numbers only
	}
	return v
}

// How many reasons the list shows of each side.
const (
	listedFor     = 4
	listedAgainst = 2
)

// rank fills in what the timing model and the rank say.
func (v *row) rank(g *finding.Ranked) {
	w := g.Result.Row
	v.Risk = finding.Risk(w.Assessment.Score)
	v.Level = [...]string{finding.LowRisk: "low", finding.SomeRisk: "some", finding.MediumRisk: "medium", finding.HighRisk: "high"}[finding.RiskLevel(w.Assessment.Score)]
	v.Destination, v.Jitter = w.Place(), "–"
	v.Callbacks = human.Count(int64(w.Timing.Callbacks))
	v.First, v.Last = human.Time(w.FirstNanos), human.Time(w.LastNanos)
	v.FirstShort, v.LastShort = human.ShortTime(w.FirstNanos), human.ShortTime(w.LastNanos)
	if w.Found {
		v.Jitter = finding.Jitter(w.Timing.Jitter, "±")
	}
	if !g.Result.Stats.IsBeaconing {
		v.Runs = "–" // the timing model looks once, at the end of the data
	}
	pro, contra := w.For()
	v.Pro, v.Contra = reasons(pro[:min(listedFor, len(pro))]), reasons(contra[:min(listedAgainst, len(contra))])
	const namedInList = 8
	if names := g.Members(); len(names) > 0 {
		rest := ""
		if len(names) > namedInList {
			names, rest = names[:namedInList], ", …"
		}
		v.Case = fmt.Sprintf("+%d in this case: %s%s", len(g.Case), strings.Join(names, ", "), rest)
	}
}

// reasons returns reasons as they are shown, with bars whose length is relative to the
// largest.
func reasons(rs []rank.Reason) (shown []reason) {
	most := 0.0
	for _, r := range rs {
		most = max(most, math.Abs(r.Points))
	}
	for _, r := range rs {
		width := 0.0
		if most > 0 {
			width = 50 * math.Abs(r.Points) / most
		}
		x := 50.0
		if r.Points < 0 {
			x -= width
		}
		shown = append(shown, reason{
			Points: finding.Points(r.Points), Text: human.Safe(r.Text), Contra: r.Points < 0,
			Width: strconv.FormatFloat(width, 'f', 1, 64), X: strconv.FormatFloat(x, 'f', 1, 64),
		})
	}
	return shown
}

// rank fills in what the timing model and the rank say in detail.
func (sec *section) rank(g *finding.Ranked, page Page) {
	w := g.Result.Row
	sec.Timer, sec.Where = explain.Timer(w, "±"), explain.Where(w)
	if w.Found {
		sec.Missed, sec.Failed = human.Count(int64(w.Timing.Missed)), human.Count(int64(w.Timing.Failed))
	}
	sec.Hours, sec.Stretches = explain.Hours(w), explain.Regimes(w)
	pro, contra := w.For()
	sec.Reasons = reasons(slices.Concat(pro, contra))
	if len(g.Case) == 0 {
		return
	}
	sec.CaseID, sec.NotOfTheCase = w.Case, max(0, w.CaseRows-1-len(g.Case))
	sec.CaseColumns = finding.GroupLabels(g.Case)
	for i, m := range g.Case {
		sec.CaseRows = append(sec.CaseRows, rowOf(i+1, m, page))
	}
}

func sectionOf(v row, g *finding.Ranked, page Page) section {
	r, p := g.Result, page.Params
	sec := section{row: v, Interval: human.Seconds(int64(r.Stats.Interval) * int64(p.TimeBucketLength)), Numbers: explain.Numbers(r)}
	for _, f := range r.Group.Fields {
		sec.Labels = append(sec.Labels, finding.Label(f))
	}
	if r.Row != nil {
		sec.rank(g, page)
	}
	lines := explain.Sentences(r, p)
	for _, l := range lines {
		if l.Test == "verdict" {
			sec.Verdict = l.Text
		} else {
			sec.Why = append(sec.Why, l)
		}
	}
	for i, f := range r.Group.Fields {
		sec.Who = append(sec.Who, [2]string{f.String(), v.Values[i]})
	}
	if r.IngestedNanos != 0 {
		sec.Who = append(sec.Who, [2]string{event.Ingested.String(), human.Time(r.IngestedNanos)})
	}
	sec.Who = append(sec.Who, explain.Details(r)...)
	var all []string
	for _, d := range r.Destinations {
		all = append(all, fmt.Sprintf("%s (%s)", d.IP, human.Count(d.Count)))
	}
	if len(all) > 0 {
		sec.Who = append(sec.Who, [2]string{"destinations", strings.Join(all, ", ")})
	}
	end := r.RunEnd * 1e9
	sec.Who = append(sec.Who, [2]string{"window", fmt.Sprintf("%s to %s UTC", human.Time(end-p.WindowSeconds()*1e9), human.Time(end))})
	for _, picture := range Pictures(r, p, page.Calls[r], v.Anchor) {
		sec.Pictures = append(sec.Pictures, drawn{template.HTML(picture.SVG()), picture.Tall()}) // #nosec G203 -- package plot escapes all texts
	}
	sec.Note = about(r, page.Calls[r] != nil)
	return sec
}

// Pictures draws the pictures of a result as they stand in its section: when it called, and what
// the tests looked at in the window of its run. calls may be nil. Their ids begin with prefix.
func Pictures(r *finding.Result, p beacon.Params, calls *pictures.Calls, prefix string) []*plot.Picture {
	s := pictures.Source{Result: r, Params: p, Calls: calls, Prefix: prefix + "-"}
	return slices.Concat(pictures.OfCalls(s), pictures.OfWindow(s))
}

// about says of what the pictures of a result are, and what is not in them.
func about(r *finding.Result, calls bool) string {
	var notes []string
	switch {
	case calls && r.Trace == nil:
		notes = append(notes, "The pictures are of the calls to the destination, up to a week back.")
	case calls:
		notes = append(notes, "The times and the gaps are those of the calls to the destination, up to a week back.")
	case r.Row != nil && r.Trace != nil:
		notes = append(notes, "The times and the gaps are those of all that the group called in the window of the run; the period is that of the calls to the destination.")
	}
	switch {
	case r.Trace == nil && r.Stats.NonEmptyBuckets == 0:
		notes = append(notes, "No pictures of the window: the group has no event in the window of the run. The timing model sees further back.")
	case r.Trace == nil:
		notes = append(notes, "No pictures of the window: the vectors of this group were not kept.")
	case r.Row != nil:
		notes = append(notes, "The other pictures tell of all that the group called in the window of the run.")
	}
	if t := r.Trace; !calls && t != nil && t.TimesDropped > 0 && len(t.TimesNanos) > 0 {
		notes = append(notes, "Left out of the times and the gaps: "+human.Plural(t.TimesDropped, "callback")+" of crowded buckets.")
	}
	return strings.Join(notes, " ")
}
