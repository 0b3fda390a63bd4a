package output

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/human"
	"fresnel/internal/rank"
)

// table gathers all results and writes one row a group on Close, or one a group and
// destination where they are ranked. Its memory is bounded by the number of rows it is given.
type table struct {
	w       io.Writer
	o       Options
	ranking finding.Ranking
}

var _ Writer = (*table)(nil)

func newTable(w io.Writer, o Options) Writer { return &table{w: w, o: o} }

func (t *table) Write(r *finding.Result) error {
	t.ranking.Add(r)
	return nil
}

// A column is one column of the table in several forms, the widest first. What does not fit
// is shown in a later form, or shortened to its limit, or not at all.
type column struct {
	forms  []form
	legend []string // of each form; nil when it needs none
	right  bool
	left   bool // shortened at its beginning: the end of a domain tells whose it is
	color  func(g *finding.Ranked) string
	shape

	cells []string // of the current form
	width int
}

// A shape is how much of a column is shown.
type shape struct {
	form   int
	limit  int // columns of the terminal; 0: as wide as its longest cell
	hidden bool
}

type form struct {
	head string
	text func(rank int, g *finding.Ranked) string
}

// A step makes one column narrower.
type step struct {
	column *column
	shape
}

func (t *table) Close(s finding.Summary) error {
	out := bufio.NewWriterSize(t.w, bufferBytes)
	all := t.ranking.Ranked()
	rows, ranked := all, false
	for _, g := range all {
		ranked = ranked || g.Result.Row != nil
	}
	if t.o.Top > 0 {
		rows = finding.Fold(all)
	}
	var more []*finding.Ranked // that are not shown
	if n := t.o.Top; n > 0 && len(rows) > n {
		rows, more = rows[:n], rows[n:]
	}
	legend := ""
	if len(rows) > 0 {
		columns, steps := t.columns(rows, s, ranked)
		for _, c := range columns {
			c.render(rows, t.tail())
		}
		if t.o.Width > 0 {
			t.fit(columns, steps, rows)
		}
		t.write(out, columns, rows)
		if len(more) > 0 {
			out.WriteString(t.paint(t.more(more), human.Dim))
			out.WriteByte('\n')
		}
		out.WriteByte('\n')
		for _, c := range columns {
			if !c.hidden && c.legend != nil {
				legend = c.legend[c.form]
			}
		}
	}
	for _, line := range t.summary(s, all, legend) {
		out.WriteString(line)
		out.WriteByte('\n')
	}
	return out.Flush()
}

// more says what is not shown.
func (t *table) more(rest []*finding.Ranked) string {
	text := human.Plural(int64(len(rest)), "more row")
	if risk := rest[0].Result.Risk(); risk >= 0 {
		text += ", risk " + finding.Risk(risk) + " and below"
	}
	text += ": --top 0 shows all"
	if t.o.Width > 0 {
		text = human.Shorten(text, t.o.Width, t.tail())
	}
	return text
}

// fit takes steps until the columns fit the terminal, then takes back those that turn out to
// be needless behind the greater ones that followed, the most important first.
func (t *table) fit(columns []*column, steps []step, rows []*finding.Ranked) {
	set := func(c *column, st shape) {
		c.shape = st
		c.render(rows, t.tail())
	}
	var taken []step
	var before []shape
	for _, st := range steps {
		if total(columns) <= t.o.Width {
			break
		}
		taken, before = append(taken, st), append(before, st.column.shape)
		set(st.column, st.shape)
	}
	bound := map[*column]bool{} // columns with a later step that is still needed
	for i := len(taken) - 1; i >= 0; i-- {
		c := taken[i].column
		if bound[c] {
			continue
		}
		if set(c, before[i]); total(columns) > t.o.Width {
			set(c, taken[i].shape)
			bound[c] = true
		}
	}
}

func (t *table) tail() string {
	if t.o.ASCII {
		return "..."
	}
	return "…"
}

const gap = "  "

func total(columns []*column) int {
	w := -len(gap)
	for _, c := range columns {
		if !c.hidden {
			w += c.width + len(gap)
		}
	}
	return w
}

func (c *column) render(rows []*finding.Ranked, tail string) {
	f := c.forms[c.form]
	c.cells = make([]string, len(rows))
	c.width = human.Width(f.head)
	for i, g := range rows {
		c.cells[i] = f.text(i+1, g)
		switch {
		case c.limit > 0 && c.left:
			c.cells[i] = shortenLeft(c.cells[i], c.limit, tail)
		case c.limit > 0:
			c.cells[i] = human.Shorten(c.cells[i], c.limit, tail)
		}
		c.width = max(c.width, human.Width(c.cells[i]))
	}
	if c.limit > 0 {
		c.width = min(c.width, max(c.limit, 4))
	}
}

// shortenLeft returns s in at most width columns, its beginning replaced by tail where it is
// longer.
func shortenLeft(s string, width int, tail string) string {
	over := human.Width(s) - width
	if over <= 0 {
		return human.Shorten(s, width, tail) // which bounds marks without a width
	}
	if human.Width(tail) >= width {
		tail = ""
	}
	over += human.Width(tail)
	for i, r := range s {
		if over <= 0 {
			return human.Shorten(tail+s[i:], width, "")
		}
		over -= human.Width(string(r))
	}
	return tail
}

func (t *table) write(out *bufio.Writer, columns []*column, rows []*finding.Ranked) {
	columns = slices.DeleteFunc(slices.Clone(columns), func(c *column) bool { return c.hidden })
	indent := len(gap)
	if columns[0].forms[0].head == "#" {
		indent = columns[0].width + len(gap)
	}
	line := func(cell func(c *column) (text, color string)) {
		var b strings.Builder
		for i, c := range columns {
			if i > 0 {
				b.WriteString(gap)
			}
			text, color := cell(c)
			text = human.Pad(text, c.width, c.right)
			if i == len(columns)-1 {
				text = strings.TrimRight(text, " ")
			}
			b.WriteString(t.paint(text, color))
		}
		out.WriteString(strings.TrimRight(b.String(), " "))
		out.WriteByte('\n')
	}
	line(func(c *column) (string, string) { return human.Shorten(c.forms[c.form].head, c.width, ""), human.Dim })
	for i, g := range rows {
		line(func(c *column) (string, string) {
			if c.color == nil {
				return c.cells[i], ""
			}
			return c.cells[i], c.color(g)
		})
		for _, text := range t.below(g, t.room(indent)) {
			out.WriteString(strings.Repeat(" ", indent))
			out.WriteString(t.paint(text, human.Dim))
			out.WriteByte('\n')
		}
	}
}

// room is the width of a line behind an indent; 0 is unbounded.
func (t *table) room(indent int) int {
	if t.o.Width <= 0 {
		return 0
	}
	return max(t.o.Width-indent, 1)
}

// How many reasons stand below a row at most.
const (
	reasonsFor     = 5
	reasonsAgainst = 2
)

// below returns the lines below a row: its reasons, and who else is in its case. width is 0
// where it is unbounded.
func (t *table) below(g *finding.Ranked, width int) (lines []string) {
	w := g.Result.Row
	if w == nil {
		return nil
	}
	if text := t.reasons(w, width); text != "" {
		lines = append(lines, text)
	}
	if n := len(g.Case); n > 0 {
		lines = append(lines, t.members(n, g.Members(), width))
	}
	return lines
}

// inColumns are the reasons whose facts stand in the columns of the table: where the line is
// short, others tell more.
var inColumns = []string{"timing", "callbacks", "period", "jitter"}

// reasons says what speaks for a row and then what speaks against it, the largest points
// first, as many as fit, and of each side one in any case.
func (t *table) reasons(w *finding.Row, width int) string {
	good, bad := w.For()
	sep := " · "
	if t.o.ASCII {
		sep = " | "
	}
	all := strings.Join(append(say(good, reasonsFor), say(bad, reasonsAgainst)...), sep)
	if width <= 0 || human.Width(all) <= width {
		return all
	}
	pro, contra := say(others(good), reasonsFor), say(others(bad), reasonsAgainst)

	chosen, left := []string{}, width
	add := func(text string) {
		if len(chosen) > 0 {
			left -= human.Width(sep)
		}
		chosen, left = append(chosen, text), left-human.Width(text)
	}
	reserved := 0 // for the first reason against, which is shortened before one for is left out
	if len(pro) > 0 && len(contra) > 0 {
		reserved = human.Width(sep) + min(human.Width(contra[0]), max(20, width/4))
	}
	for i, text := range pro {
		if i == 0 {
			text = human.Shorten(text, max(left-reserved, width/2), t.tail())
		} else if human.Width(sep)+human.Width(text) > left-reserved {
			break
		}
		add(text)
	}
	for i, text := range contra {
		room := left
		if len(chosen) > 0 {
			room -= human.Width(sep)
		}
		if i == 0 {
			text = human.Shorten(text, room, t.tail())
		} else if human.Width(text) > room {
			break
		}
		add(text)
	}
	return strings.Join(chosen, sep)
}

// say returns the texts of the first reasons.
func say(reasons []rank.Reason, most int) (texts []string) {
	for _, r := range reasons[:min(most, len(reasons))] {
		texts = append(texts, finding.Points(r.Points)+" "+human.Safe(r.Text))
	}
	return texts
}

// others returns the reasons whose facts stand in no column; all when there are no such.
func others(reasons []rank.Reason) []rank.Reason {
	rest := slices.DeleteFunc(slices.Clone(reasons), func(r rank.Reason) bool { return slices.Contains(inColumns, r.Code) })
	if len(rest) == 0 {
		return reasons
	}
	return rest
}

// members names the n further rows of a case, as many as fit; an ellipsis stands for the
// others.
func (t *table) members(n int, names []string, width int) string {
	text := fmt.Sprintf("(+%d in this case: ", n)
	for i, name := range names {
		more := name
		if i > 0 {
			more = ", " + name
		}
		rest := ")"
		if i < len(names)-1 {
			rest = ", " + t.tail() + ")"
		}
		if width > 0 && human.Width(text)+human.Width(more)+human.Width(rest) > width {
			if i == 0 {
				return human.Shorten(text+name, max(width-1, 1), t.tail()) + ")"
			}
			return text + ", " + t.tail() + ")"
		}
		text += more
	}
	return text + ")"
}

func (t *table) paint(text, color string) string {
	if !t.o.Color {
		return text
	}
	return human.Paint(text, color)
}

// columns returns the columns in their order and the steps that make them narrower, the least
// important first.
func (t *table) columns(rows []*finding.Ranked, s finding.Summary, ranked bool) ([]*column, []step) {
	if ranked {
		return t.rankedColumns(rows, s)
	}
	rank := rankColumn()
	score := &column{right: true, color: scoreColor, forms: []form{{"SCORE", func(_ int, g *finding.Ranked) string { return fmt.Sprint(g.Result.Stats.BeaconingScore) }}}}
	groups := groupColumns(rows)
	period := &column{right: true, forms: []form{{"PERIOD", func(_ int, g *finding.Ranked) string { return t.period(g) }}}}
	interval := &column{right: true, forms: []form{{"INTERVAL", func(_ int, g *finding.Ranked) string {
		return human.Seconds(int64(g.Result.Stats.Interval) * t.o.BucketSeconds)
	}}}}
	callbacks := &column{right: true, forms: []form{
		{"CALLBACKS", func(_ int, g *finding.Ranked) string { return human.Count(g.Result.Events) }},
		{"CALLS", func(_ int, g *finding.Ranked) string { return human.Count(g.Result.Events) }},
	}}
	first, last := seenColumns()
	destinations := &column{forms: []form{
		{"DESTINATIONS", func(_ int, g *finding.Ranked) string { return destinations(g) }},
		{"DESTS", func(_ int, g *finding.Ranked) string { return fmt.Sprint(len(g.Result.Destinations)) }},
	}}
	tests := t.testsColumn()
	runs := &column{right: true, forms: []form{{"RUNS", func(_ int, g *finding.Ranked) string { return fmt.Sprintf("%d/%d", g.Runs, s.Runs) }}}}
	spark := t.sparkColumn()

	columns := append([]*column{rank, score}, groups...)
	columns = append(columns, period, interval, callbacks, first, last)
	if slices.ContainsFunc(rows, func(g *finding.Ranked) bool {
		return !slices.Contains(g.Result.Group.Fields, event.DestinationIP)
	}) {
		columns = append(columns, destinations)
	}
	columns = append(columns, tests)
	if s.Runs > 1 {
		columns = append(columns, runs)
	}
	if slices.ContainsFunc(rows, func(g *finding.Ranked) bool { return g.Counts != nil }) {
		columns = append(columns, spark)
	}

	steps := []step{
		{spark, shape{form: 1}},
		{first, shape{form: 1}},
		{last, shape{form: 1}},
		{callbacks, shape{form: 1}},
		{spark, shape{form: 2}},
		{interval, shape{hidden: true}},
		{tests, shape{form: 1}},
	}
	limit := func(columns ...int) {
		for i := range groups {
			steps = append(steps, step{groups[i], shape{limit: columns[min(i, len(columns)-1)]}})
		}
	}
	limit(30)
	steps = append(steps, step{spark, shape{form: 3}}, step{first, shape{hidden: true}})
	limit(22)
	steps = append(steps, step{destinations, shape{limit: 18}})
	limit(16, 20)
	steps = append(steps, step{spark, shape{form: 4}})
	steps = append(steps, step{last, shape{hidden: true}})
	limit(14, 16)
	steps = append(steps, step{spark, shape{hidden: true}})
	limit(12, 14)
	steps = append(steps, step{destinations, shape{limit: 15}}, step{rank, shape{hidden: true}})
	limit(10, 12)
	steps = append(steps, step{runs, shape{hidden: true}}, step{destinations, shape{form: 1}}, step{tests, shape{form: 1, hidden: true}})
	limit(8, 10)
	steps = append(steps, step{destinations, shape{form: 1, hidden: true}}, step{callbacks, shape{form: 1, hidden: true}})
	limit(6)
	return columns, append(steps, step{period, shape{hidden: true}})
}

// rankedColumns are the columns of results with rows of the rank.
func (t *table) rankedColumns(rows []*finding.Ranked, s finding.Summary) ([]*column, []step) {
	number := rankColumn()
	risk := &column{right: true, color: riskColor, forms: []form{{"RISK", func(_ int, g *finding.Ranked) string {
		if g.Result.Row == nil {
			return "-"
		}
		return finding.Risk(g.Result.Risk())
	}}}}
	groups := groupColumns(rows)
	destination := &column{left: true, forms: []form{{"DESTINATION", func(_ int, g *finding.Ranked) string { return place(g) }}}}
	period := &column{right: true, forms: []form{{"PERIOD", func(_ int, g *finding.Ranked) string {
		if w := g.Result.Row; w != nil && w.Found {
			return finding.Every(w.Timing.Period)
		}
		return t.period(g)
	}}}}
	jitter := &column{right: true, forms: []form{{"JITTER", func(_ int, g *finding.Ranked) string {
		w := g.Result.Row
		switch {
		case w == nil || !w.Found:
			return "-"
		case t.o.ASCII:
			return finding.Jitter(w.Timing.Jitter, "+-")
		}
		return finding.Jitter(w.Timing.Jitter, "±")
	}}}}
	calls := func(_ int, g *finding.Ranked) string {
		if w := g.Result.Row; w != nil {
			return human.Count(int64(w.Timing.Callbacks))
		}
		return human.Count(g.Result.Events)
	}
	callbacks := &column{right: true, forms: []form{{"CALLBACKS", calls}, {"CALLS", calls}}}
	first, last := seenColumns()
	tests := t.testsColumn()
	runs := &column{right: true, forms: []form{{"RUNS", func(_ int, g *finding.Ranked) string {
		if g.Result.Row != nil && !g.Result.Stats.IsBeaconing {
			return "-" // the timing model looks once, at the end of the data
		}
		return fmt.Sprintf("%d/%d", g.Runs, s.Runs)
	}}}}
	spark := t.sparkColumn()

	columns := append([]*column{number, risk}, groups...)
	if slices.ContainsFunc(rows, func(g *finding.Ranked) bool { return !slices.Contains(g.Result.Group.Values, place(g)) }) {
		columns = append(columns, destination)
	}
	columns = append(columns, period, jitter, callbacks, first, last, tests)
	if s.Runs > 1 {
		columns = append(columns, runs)
	}
	if slices.ContainsFunc(rows, func(g *finding.Ranked) bool { return g.Counts != nil }) {
		columns = append(columns, spark)
	}

	var steps []step
	narrow := func(c *column, st shape) { steps = append(steps, step{c, st}) }
	names := func(group, place int) { // of the groups and of the destination
		for _, c := range groups {
			narrow(c, shape{limit: group})
		}
		narrow(destination, shape{limit: place})
	}
	narrow(spark, shape{form: 1})
	narrow(first, shape{form: 1})
	narrow(last, shape{form: 1})
	narrow(callbacks, shape{form: 1})
	narrow(spark, shape{form: 2})
	narrow(tests, shape{form: 1})
	names(32, 40)
	narrow(spark, shape{form: 3})
	narrow(first, shape{form: 1, hidden: true})
	names(24, 32)
	narrow(spark, shape{form: 4})
	narrow(spark, shape{form: 4, hidden: true})
	names(20, 26)
	narrow(runs, shape{hidden: true})
	narrow(last, shape{form: 1, hidden: true})
	names(16, 22)
	narrow(tests, shape{form: 1, hidden: true})
	names(13, 19)
	narrow(callbacks, shape{form: 1, hidden: true})
	names(11, 15)
	narrow(jitter, shape{hidden: true})
	names(8, 12)
	narrow(number, shape{hidden: true})
	names(6, 10)
	narrow(period, shape{hidden: true})
	names(4, 8)
	return columns, steps
}

// place names the destination of a row.
func place(g *finding.Ranked) string {
	if w := g.Result.Row; w != nil {
		return w.Place()
	}
	return destinations(g)
}

func rankColumn() *column {
	return &column{right: true, forms: []form{{"#", func(rank int, _ *finding.Ranked) string { return fmt.Sprint(rank) }}}}
}

func seenColumns() (first, last *column) {
	seen := func(head string, nanos func(g *finding.Ranked) int64) *column {
		return &column{forms: []form{
			{head, func(_ int, g *finding.Ranked) string { return human.Time(nanos(g)) }},
			{head, func(_ int, g *finding.Ranked) string { return human.ShortTime(nanos(g)) }},
		}}
	}
	return seen("FIRST SEEN", func(g *finding.Ranked) int64 { first, _ := g.Result.Seen(); return first }),
		seen("LAST SEEN", func(g *finding.Ranked) int64 { _, last := g.Result.Seen(); return last })
}

func (t *table) testsColumn() *column {
	return &column{legend: []string{legend(false), legend(true)}, forms: []form{
		{"TESTS", func(_ int, g *finding.Ranked) string { return t.tests(g, " ") }},
		{"TESTS", func(_ int, g *finding.Ranked) string { return t.tests(g, "") }},
	}}
}

func (t *table) sparkColumn() *column {
	spark := &column{color: func(*finding.Ranked) string { return human.Cyan }}
	for _, n := range []int{30, 20, 12, 10, 6} { // divisors of the columns that a Ranking keeps
		spark.forms = append(spark.forms, form{"COUNTS", func(_ int, g *finding.Ranked) string {
			return human.Sparkline(human.Narrow(g.Counts, n), t.o.ASCII)
		}})
	}
	return spark
}

// groupColumns returns a column for each place in the values of the groups.
func groupColumns(rows []*finding.Ranked) (columns []*column) {
	labels := finding.GroupLabels(rows)
	for i, label := range labels {
		var fields []event.Field
		for _, g := range rows {
			if by := g.Result.Group.Fields; i < len(by) && !slices.Contains(fields, by[i]) {
				fields = append(fields, by[i])
			}
		}
		c := &column{forms: []form{{strings.ToUpper(label), func(_ int, g *finding.Ranked) string { return value(g, i) }}}}
		c.right = !slices.ContainsFunc(fields, func(f event.Field) bool { return f.Kind() != event.KindCount })
		if i == len(labels)-1 || slices.Contains(fields, event.ProcessName) {
			c.color = func(g *finding.Ranked) string {
				if g.Result.Found() {
					return human.Bold
				}
				return ""
			}
		}
		columns = append(columns, c)
	}
	return columns
}

func scoreColor(g *finding.Ranked) string {
	switch g.Result.Stats.BeaconingScore {
	case 3:
		return human.Red
	case 2:
		return human.Yellow
	case 0:
		return human.Dim
	}
	return ""
}

func riskColor(g *finding.Ranked) string {
	switch finding.RiskLevel(g.Result.Risk()) {
	case finding.HighRisk:
		return human.Red
	case finding.MediumRisk:
		return human.Yellow
	case finding.LowRisk:
		return human.Dim
	}
	return ""
}

func value(g *finding.Ranked, i int) string {
	if i < len(g.Result.Group.Values) {
		if s := human.Safe(g.Result.Group.Values[i]); s != "" {
			return s
		}
	}
	return "-"
}

func (t *table) period(g *finding.Ranked) string {
	seconds, atMost := finding.PeriodSeconds(&g.Result.Stats, t.o.BucketSeconds)
	switch {
	case seconds == 0:
		return "-"
	case atMost && t.o.ASCII:
		return "<= " + human.Seconds(seconds)
	case atMost:
		return "≤ " + human.Seconds(seconds)
	}
	return human.Seconds(seconds)
}

// destinations names the address called most, and how many more there are.
func destinations(g *finding.Ranked) string {
	d := g.Result.Destinations
	switch len(d) {
	case 0:
		return "-"
	case 1:
		return d[0].IP.String()
	}
	return fmt.Sprintf("%s +%d", d[0].IP, len(d)-1)
}

// tests names the tests that fired, in words, or in one letter each when sep is empty.
func (t *table) tests(g *finding.Ranked, sep string) string {
	no := "·"
	if t.o.ASCII {
		no = "-"
	}
	var words []string
	for _, test := range finding.Tests(&g.Result.Stats) {
		switch {
		case sep == "" && test.Fired:
			words = append(words, strings.ToUpper(test.Word[:1]))
		case sep == "":
			words = append(words, no)
		case test.Fired:
			words = append(words, test.Word)
		default:
			words = append(words, " "+no+" ")
		}
	}
	return strings.Join(words, sep)
}

// legend says what the words of tests mean, its parts divided by bars; letters is set for the
// form of one letter each.
func legend(letters bool) string {
	var parts []string
	for _, test := range finding.Tests(&beacon.Stats{}) {
		word := test.Word
		if letters {
			word = strings.ToUpper(word[:1])
		}
		parts = append(parts, word+" "+test.Name)
	}
	return "tests: " + strings.Join(parts, "|")
}

// summary returns the lines below the table. The legend's parts are divided by bars.
func (t *table) summary(s finding.Summary, rows []*finding.Ranked, legend string) []string {
	var found int64
	for _, g := range rows {
		if g.Runs > 0 {
			found++
		}
	}
	facts := []string{fmt.Sprintf("%s of %s beaconing", human.Count(found), human.Plural(s.Groups, "group"))}
	if s.Rows > 0 {
		facts = []string{
			fmt.Sprintf("%s of %s found", human.Count(found), human.Plural(s.Rows, "row")),
			human.Count(s.Timed) + " timed",
			human.Plural(s.Groups, "group"),
		}
		if s.Hidden > 0 {
			facts = slices.Insert(facts, 2, human.Count(s.Hidden)+" hidden by rank.min_score or rank.rows_per_host_day")
		}
	}
	facts = append(facts, fmt.Sprintf("%s over %s", human.Plural(int64(s.Runs), "run"), human.Seconds(s.WindowSeconds)))
	if s.Runs > 1 {
		facts = append(facts, human.Plural(s.Findings, "finding"))
	}
	facts = append(facts, human.Plural(s.EventsRead, "event")+" read", human.Count(s.EventsKept)+" kept by the filter")
	if s.BadRecords > 0 {
		facts = append(facts, human.Plural(s.BadRecords, "bad record"))
	}
	lines := t.wrap(facts)
	if found > 0 {
		if legend != "" {
			lines = append(lines, t.wrap(strings.Split(legend, "|"))...)
		}
		return lines
	}
	return append(lines, t.wrap([]string{t.nothing(s)})...)
}

// nothing says why nothing was found and what to try, most fundamental reason first.
func (t *table) nothing(s finding.Summary) string {
	switch {
	case s.EventsRead == 0 && s.BadRecords > 0:
		return "No event could be read. Is it the right --input? The first bad records are named above."
	case s.EventsRead == 0:
		return "No event was read. Is the path right, and the --input? Empty files and files of other kinds give none."
	case s.Hidden > 0:
		return "All that the timing model found has a risk below rank.min_score; --set rank.min_score=0 shows it, --all shows all groups."
	case s.Rows > 0:
		return "No group calls out on a timer that the timing model or the four tests can see. --all shows all groups; " +
			"--set timing.max_false_discovery_rate=0.2 takes weaker timers for found; a timer shows from four callbacks in timing.lookback on."
	case s.EventsKept == 0:
		return "The filter let no event through. --explain-filter tells which clause threw them out, --no-filter switches it off."
	case s.Groups == 0:
		return "No event that the filter kept is in a group of a window: all lack a field of --group-by, lie outside of the window of --end, or outside of 1970 to 2105. The notes tell which."
	}
	return "No group calls out on a timer that the four tests can see. --all shows all groups; --set beacon.max_jitter=0.2 allows for jitter; " +
		"a period that is not beacon.min_number_periods times in the window needs a longer one (beacon.number_buckets_in_range, beacon.time_bucket_length)."
}

// wrap joins facts and breaks the lines at the width of the terminal, between facts where
// possible, else between words.
func (t *table) wrap(facts []string) []string {
	width := t.o.Width
	if width <= 0 {
		width = 160 // read by people even when it is piped
	}
	sep := " · "
	if t.o.ASCII {
		sep = ", "
	}
	var lines []string
	line := ""
	add := func(sep, text string) {
		switch {
		case line == "":
			line = text
		case human.Width(line)+human.Width(sep)+human.Width(text) <= width:
			line += sep + text
		default:
			lines, line = append(lines, line), text
		}
	}
	for _, f := range facts {
		if human.Width(f) <= width {
			add(sep, f)
			continue
		}
		for i, word := range strings.Fields(f) {
			if i == 0 {
				add(sep, word)
			} else {
				add(" ", word)
			}
		}
	}
	return append(lines, line)
}
