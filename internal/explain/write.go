package explain

import (
	"bufio"
	"fmt"
	"io"
	"strings"

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

// Write writes all that is known of r for a person: who it is, a sentence for each test, every
// number of the result document and, where r has a trace, a sparkline of the counts and a
// histogram of the gaps between callbacks. p are the parameters that r was computed with.
func Write(w io.Writer, r *finding.Result, p beacon.Params, st Style) error {
	if st.Width <= 0 {
		st.Width = 100
	}
	d := &writer{out: bufio.NewWriter(w), Style: st}
	d.identity(r, p)
	d.sentences(Sentences(r, p))
	d.numbers(r)
	if r.Trace != nil {
		d.counts(r.Trace)
		d.gaps(r.Trace)
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
	name := 0
	for _, r := range rows {
		name = max(name, human.Width(r[0]))
	}
	for _, r := range rows {
		for i, text := range wrap(r[1], max(d.Width-name-4, 16)) {
			head := ""
			if i == 0 {
				head = r[0]
			}
			d.line("  ", d.paint(human.Pad(head, name, false), human.Dim), "  ", text)
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
	if !r.Stats.IsBeaconing {
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

func (d *writer) gaps(t *finding.Trace) {
	h := Gaps(t.TimesNanos, 16)
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
