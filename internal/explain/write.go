package explain

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/human"
)

// A Style says how a result is written.
type Style struct {
	Width int  // columns of the terminal; 0: 100
	Color bool // escape sequences for colours
	ASCII bool // nothing beyond ASCII, except in the values of logs
}

// Write writes all that is known of a group for a person: who it is, a sentence for each test,
// what the timing model found and the reasons of the rank for each destination, every number
// of the result document and, where there is a trace, a sparkline of the counts and a histogram
// of the gaps between callbacks. rs are the results of the group, at least one: the first is
// the one whose numbers are shown, all say what there is of their rows. p are the parameters
// that they were computed with.
func Write(w io.Writer, rs []*finding.Result, p beacon.Params, st Style) error {
	if st.Width <= 0 {
		st.Width = 100
	}
	r := rs[0]
	d := &writer{out: bufio.NewWriter(w), Style: st}
	d.identity(r, p)
	d.sentences(Sentences(r, p))
	for i, r := range rs {
		if r.Row != nil && (i == 0 || r.Row.Found) {
			d.row(r.Row)
		}
	}
	d.numbers(r)
	if r.Trace != nil {
		d.counts(r.Trace)
		d.gaps(r.Trace, Near(r.Row))
	}
	return d.out.Flush()
}

type writer struct {
	out *bufio.Writer
	Style
}

func (d *writer) paint(text, color string) string {
	if !d.Color {
		return text
	}
	return human.Paint(text, color)
}

func (d *writer) line(parts ...string) {
	d.out.WriteString(strings.TrimRight(strings.Join(parts, ""), " ")) // a bufio.Writer keeps its error for Flush
	d.out.WriteByte('\n')
}

// heading writes a heading and what is to be said beside it.
func (d *writer) heading(head, text string) {
	for i, l := range wrap(head+"  "+text, d.Width) {
		if rest, ok := strings.CutPrefix(l, head); ok && i == 0 {
			l = d.paint(head, human.Bold) + rest
		}
		d.line(l)
	}
}

// rows writes names and values below one another, long values on several lines.
func (d *writer) rows(rows [][2]string) {
	all := make([]entry, len(rows))
	for i, r := range rows {
		all[i] = entry{name: r[0], text: r[1]}
	}
	d.entries(all)
}

func (d *writer) entries(rows []entry) {
	name := 0
	for _, r := range rows {
		name = max(name, human.Width(r.name))
	}
	for _, r := range rows {
		for i, text := range wrap(r.text, max(d.Width-name-4, 16)) {
			head := ""
			if i == 0 {
				head = r.name
			}
			d.line("  ", d.paint(human.Pad(head, name, false), human.Dim), "  ", d.paint(text, r.color))
		}
	}
}

// wrap breaks safe text between words, and words where they are longer than a line.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		for human.Width(word) > width {
			head := human.Shorten(word, width, "")
			if line != "" {
				lines, line = append(lines, line), ""
			}
			if head == "" {
				break
			}
			lines, word = append(lines, head), word[len(head):]
		}
		switch {
		case line == "":
			line = word
		case human.Width(line)+1+human.Width(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

func (d *writer) identity(r *finding.Result, p beacon.Params) {
	color := human.Red
	if !r.Found() {
		color = human.Bold
	}
	var names []string
	for _, v := range r.Group.Values {
		names = append(names, human.Safe(v))
	}
	sep := " · "
	if d.ASCII {
		sep = ", "
	}
	for _, l := range wrap(strings.Join(names, sep), d.Width) {
		d.line(d.paint(l, color))
	}
	rows := [][2]string{}
	for i, f := range r.Group.Fields {
		rows = append(rows, [2]string{f.String(), human.Safe(r.Group.Values[i])})
	}
	start := (r.RunEnd - p.WindowSeconds()) * 1e9
	rows = append(rows,
		[2]string{"window", fmt.Sprintf("%s to %s UTC (%s in %s of %s)", human.Time(start), human.Time(r.RunEnd*1e9),
			human.Seconds(p.WindowSeconds()), human.Plural(int64(p.NumberBucketsInRange), "bucket"), human.Seconds(int64(p.TimeBucketLength)))},
		[2]string{"callbacks", human.Count(r.Events)},
		[2]string{"first seen", human.Time(r.FirstNanos) + " UTC"},
		[2]string{"last seen", human.Time(r.LastNanos) + " UTC"},
	)
	if len(r.Destinations) > 0 {
		var all []string
		for _, a := range r.Destinations {
			all = append(all, fmt.Sprintf("%s (%s)", a.IP, human.Count(a.Count)))
		}
		rows = append(rows, [2]string{"destinations", strings.Join(all, ", ")})
	}
	d.rows(append(rows, Details(r)...))
	d.line()
}

// Details returns the names and the safe values of what r knows of its process.
func Details(r *finding.Result) [][2]string {
	var rows [][2]string
	add := func(f event.Field, value string) {
		if value != "" {
			rows = append(rows, [2]string{f.String(), human.Safe(value)})
		}
	}
	yes := func(t event.Tristate) string {
		return map[event.Tristate]string{event.True: "yes", event.False: "no"}[t]
	}
	x := r.Details
	add(event.ProcessExecutable, x.ProcessExecutable)
	add(event.ProcessHashSHA256, x.ProcessHashSHA256)
	add(event.ProcessParentHashSHA256, x.ProcessParentHashSHA256)
	add(event.SignatureExists, yes(x.SignatureExists))
	add(event.SignatureTrusted, yes(x.SignatureTrusted))
	add(event.SignatureValid, yes(x.SignatureValid))
	add(event.SignatureStatus, x.SignatureStatus)
	add(event.SignatureSubjectName, x.SignatureSubjectName)
	return rows
}

func (d *writer) sentences(lines []Line) {
	d.line(d.paint("WHY", human.Bold))
	for _, l := range lines {
		mark, color := "-", human.Dim
		switch {
		case l.Fired && d.ASCII:
			mark, color = "*", human.Yellow
		case l.Fired:
			mark, color = "●", human.Yellow
		case l.Tested && d.ASCII:
			mark, color = "o", ""
		case l.Tested:
			mark, color = "○", ""
		}
		if l.Fired && l.Test == "verdict" {
			color = human.Red
		}
		for i, text := range wrap(l.Text, max(d.Width-24, 16)) {
			head, m := l.Test, mark
			if i > 0 {
				head, m = "", " "
			}
			d.line("  ", d.paint(m, color), " ", human.Pad(head, 18, false), "  ", text)
		}
	}
	d.line()
}

// row writes what the timing model and the rank say of one destination.
func (d *writer) row(w *finding.Row) {
	sign := "±"
	if d.ASCII {
		sign = "+-"
	}
	d.heading("DESTINATION", Where(w))
	color := ""
	switch finding.RiskLevel(w.Assessment.Score) {
	case finding.HighRisk:
		color = human.Red
	case finding.MediumRisk:
		color = human.Yellow
	default:
	}
	rows := []entry{
		{name: "risk", text: finding.Risk(w.Assessment.Score) + " of 100", color: color},
		{name: "timing", text: Timer(w, sign)},
		{name: "seen", text: human.Time(w.FirstNanos) + " to " + human.Time(w.LastNanos) + " UTC"},
	}
	if hours := Hours(w); hours != "" {
		rows = append(rows, entry{name: "active hours", text: hours + " UTC"})
	}
	for i, text := range Regimes(w) {
		name := ""
		if i == 0 {
			name = "ran"
		}
		rows = append(rows, entry{name: name, text: text})
	}
	if w.Case != "" {
		rows = append(rows, entry{name: "case", text: w.Case + ", " + human.Plural(int64(w.CaseRows), "row")})
	}
	d.entries(rows)
	d.line("  ", d.paint("points", human.Dim))
	points := 0
	for _, r := range w.Assessment.Reasons {
		points = max(points, len(finding.Points(r.Points)))
	}
	good, bad := w.For()
	for _, r := range append(good, bad...) {
		color := human.Yellow
		if r.Points < 0 {
			color = human.Cyan
		}
		for i, text := range wrap(human.Safe(r.Text), max(d.Width-points-6, 16)) {
			head := ""
			if i == 0 {
				head = finding.Points(r.Points)
			}
			d.line("    ", d.paint(human.Pad(head, points, true), color), "  ", text)
		}
	}
	if len(w.Assessment.Reasons) == 0 {
		d.line("    none")
	}
	d.line()
}

// An entry is a name and what stands beside it, in a colour.
type entry struct{ name, text, color string }

// numbers writes the numbers of the document under their public names, in full precision.
func (d *writer) numbers(r *finding.Result) {
	d.line(d.paint("BEACON_STATS", human.Bold))
	d.rows(Numbers(r))
	d.line()
}

// Numbers returns every number and flag of beacon_stats under its public name, as the document
// writes it.
func Numbers(r *finding.Result) [][2]string {
	var rows [][2]string
	for _, c := range finding.Columns(r.Group.Fields) {
		name, ok := strings.CutPrefix(c.Name, "beacon_stats.")
		value := string(c.Append(nil, r))
		if !ok || value == "" {
			continue
		}
		if strings.HasSuffix(name, ".upper") { // stands behind its .lower
			rows[len(rows)-1][1] += ", " + value + "]"
			continue
		}
		if n, ok := strings.CutSuffix(name, ".lower"); ok {
			name, value = n, "["+value
		}
		rows = append(rows, [2]string{name, value})
	}
	return rows
}

func (d *writer) counts(t *finding.Trace) {
	columns := human.Columns(t.Counts, max(d.Width-4, 16))
	if len(columns) == 0 {
		return
	}
	var most int64
	for _, c := range t.Counts {
		most = max(most, c)
	}
	seconds := float64(len(t.Counts)) * float64(t.BucketSeconds) / float64(len(columns))
	d.heading("COUNTS", fmt.Sprintf("oldest left, about %s a column, at most %s in a bucket", human.Seconds(int64(seconds+0.5)), human.Count(most)))
	d.line("  ", d.paint(human.Sparkline(columns, d.ASCII), human.Cyan))
	d.line()
}

func (d *writer) gaps(t *finding.Trace, near time.Duration) {
	h := Gaps(t.TimesNanos, 16, near)
	if h.Total == 0 {
		return
	}
	head := fmt.Sprintf("median %s, 80%% within %s to %s", human.Duration(h.Median), human.Duration(h.P10), human.Duration(h.P90))
	if t.TimesDropped > 0 {
		head += fmt.Sprintf(" (%s left out)", human.Plural(t.TimesDropped, "callback"))
	}
	d.heading("GAPS BETWEEN CALLBACKS", head)
	var most int64
	for _, n := range h.Bins {
		most = max(most, n)
	}
	bar := "█"
	if d.ASCII {
		bar = "#"
	}
	var labels []string
	label := 0
	for i := range h.Bins {
		s := h.Label(i)
		labels = append(labels, s)
		label = max(label, len(s))
	}
	digits := max(len(human.Count(most)), len(human.Count(h.Above)))
	room := max(d.Width-label-digits-8, 8)
	for i, n := range h.Bins {
		length := int(float64(n)/float64(max(most, 1))*float64(room) + 0.5)
		if n > 0 {
			length = max(length, 1)
		}
		d.line("  ", human.Pad(labels[i], label, true), "  ", human.Pad(human.Count(n), digits, true), "  ", d.paint(strings.Repeat(bar, length), human.Cyan))
	}
	if h.Above > 0 {
		d.line("  ", human.Pad("more", label, true), "  ", human.Pad(human.Count(h.Above), digits, true))
	}
	d.line()
}
