package delimited

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/parse"
)

var (
	bom     = []byte("\xef\xbb\xbf")
	newline = []byte("\n")
)

const (
	address = "destination.address" // ECS: an address or a name, whichever it is

	// unknownYear is the year of the first line where the map says none: a leap year, so
	// that February 29 is a date, and so far back that nobody takes it for the real one.
	unknownYear = 1972

	// maxColumn bounds the number of a column that a map may name.
	maxColumn = 10_000
)

// A use is what the value of a column is for.
type use uint8

const (
	useNothing use = iota // besides a Keep
	useTime
	useIngested
	useDuration
	useText
	useLower // a text that ECS wants in lower case
	useTransport
	useExecutable
	useIP
	useAddress
	usePort
	useCount
	useBool
)

// A slot is a column that is looked at.
type slot struct {
	name  string
	use   use
	field event.Field
	keep  map[string]bool // the values that let a line pass; nil for all
	group int             // number of its group in the pattern
}

// A plan is a ColumnMap made ready. It is safe for concurrent use.
type plan struct {
	separator []byte
	header    bool
	comment   []byte
	quote     bool
	pattern   *pattern // nil when a separator cuts
	slots     []slot   // sorted by name, or in the order of the groups of the pattern
	base      event.Event
	missing   [][]byte

	clock    clock
	yearless bool
	unit     int64 // of durations, in nanoseconds; 0 for a clock
	nameFrom bool  // process.name is made from process.executable
}

// A clock says how the text of a time is read.
type clock struct {
	unit   int64 // of a count since start, in nanoseconds; 0 for text
	start  int64
	layout string // "" for RFC 3339
	zone   *time.Location
	year   int
	plain  bool // layout is like RFC 3339 without a zone, in UTC
}

// units are the names for units of counts.
var units = map[string]int64{"unix": 1e9, "unix_ms": 1e6, "s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1}

// newPlan checks and prepares c. The error joins all that is wrong with it.
func newPlan(c source.ColumnMap, wanted event.FieldSet) (*plan, error) {
	p := &plan{header: c.Header, comment: []byte(c.Comment), quote: c.Quote}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	var groups []string
	if c.Pattern != "" {
		if c.Separator != "" || c.Header || c.Quote {
			bad("pattern: got separator, header or quote beside it, want it alone")
		}
		var err error
		if p.pattern, groups, err = compilePattern(c.Pattern); err != nil {
			bad("pattern: %w", err)
		}
	} else {
		p.separator = []byte(cmp.Or(c.Separator, "\t"))
		if strings.ContainsAny(c.Separator, "\n\r") || c.Quote && strings.Contains(c.Separator, `"`) {
			bad("separator: got %q, want one without line ends and, with quote, without quotes", c.Separator)
		}
	}
	if strings.ContainsAny(c.Comment, "\n\r") {
		bad("comment: got %q, want the start of a line", c.Comment)
	}
	for _, m := range c.Missing {
		p.missing = append(p.missing, []byte(m))
	}

	// The slots, by name; a column without a use may still decide about the line.
	fields := map[string]bool{}
	timed := 0
	for _, name := range slices.Sorted(maps.Keys(c.Columns)) {
		s := slot{name: name}
		target := c.Columns[name]
		if err := s.setUse(target); err != nil {
			bad("columns: %s: %w", name, err)
			continue
		}
		if s.use == useTime {
			timed++
		} else if fields[target] {
			bad("columns: %s: got %s a second time, want one column for it", name, target)
		}
		fields[target] = true
		p.slots = append(p.slots, s)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Keep)) {
		i := slices.IndexFunc(p.slots, func(s slot) bool { return s.name == name })
		if i < 0 {
			i = len(p.slots)
			p.slots = append(p.slots, slot{name: name})
		}
		p.slots[i].keep = map[string]bool{}
		for _, v := range c.Keep[name] {
			p.slots[i].keep[v] = true
		}
		if len(c.Keep[name]) == 0 {
			bad("keep: %s: got no value, want the values of a line that is an event", name)
		}
	}
	if timed == 0 {
		bad("columns: got none for @timestamp, want one")
	}
	p.resolve(c, groups, bad)

	if err := p.clock.set(c); err != nil {
		errs = append(errs, unjoin(err)...)
	}
	p.yearless = p.clock.year != 0
	p.setDuration(c, fields["event.duration"], bad)

	p.base.EventCategory = "network"
	for _, name := range slices.Sorted(maps.Keys(c.Constants)) {
		if fields[name] {
			bad("constants: %s: got a column for it as well, want one of the two", name)
			continue
		}
		if err := p.setConstant(name, c.Constants[name]); err != nil {
			bad("constants: %s: %w", name, err)
		}
	}
	if fields["event.category"] {
		p.base.EventCategory = ""
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}

	p.nameFrom = fields["process.executable"] && !fields["process.name"] && p.base.ProcessName == "" && wanted.Has(event.ProcessName)
	for i := range p.slots {
		p.slots[i].unuse(wanted, p.nameFrom)
	}
	p.slots = slices.DeleteFunc(p.slots, func(s slot) bool { return s.use == useNothing && s.keep == nil })
	if p.pattern != nil {
		slices.SortFunc(p.slots, func(a, b slot) int { return a.group - b.group })
		for _, s := range p.slots {
			p.pattern.want(s.group)
		}
	}
	return p, nil
}

// setUse finds out what a column mapped to target is for.
func (s *slot) setUse(target string) error {
	if target == address {
		s.use, s.field = useAddress, event.DestinationIP
		return nil
	}
	f, err := event.ParseField(target)
	if err != nil {
		return fmt.Errorf("%w, or %s", err, address)
	}
	s.field = f
	switch f {
	case event.Timestamp:
		s.use = useTime
	case event.Ingested:
		s.use = useIngested
	case event.Duration:
		s.use = useDuration
	case event.SourcePort, event.DestinationPort:
		s.use = usePort
	case event.NetworkProtocol:
		s.use = useLower
	case event.NetworkTransport:
		s.use = useTransport
	case event.ProcessExecutable:
		s.use = useExecutable
	default:
		s.use = map[event.Kind]use{event.KindText: useText, event.KindIP: useIP, event.KindCount: useCount, event.KindBool: useBool}[f.Kind()]
	}
	return nil
}

// unuse takes the use from a slot that this run does not look at.
func (s *slot) unuse(wanted event.FieldSet, nameFrom bool) {
	switch {
	case s.use == useTime,
		s.use == useAddress && wanted.Has(event.DestinationDomain),
		s.use == useExecutable && nameFrom,
		wanted.Has(s.field):
		return
	}
	s.use = useNothing
}

// resolve finds the columns of a pattern, and checks those that have numbers.
func (p *plan) resolve(c source.ColumnMap, groups []string, bad func(string, ...any)) {
	for i := range p.slots {
		s := &p.slots[i]
		switch {
		case c.Pattern != "":
			if groups == nil {
				return // the pattern is bad itself
			}
			if s.group = slices.Index(groups, s.name); s.name == "" || s.group < 0 {
				bad("columns: got %q, want a named group of the pattern: %s", s.name, strings.Join(named(groups), ", "))
			}
		case !c.Header:
			if n, err := strconv.Atoi(s.name); err != nil || n < 1 || n > maxColumn || strconv.Itoa(n) != s.name {
				bad("columns: got %q, want a number from 1 to %d, for the text has no header", s.name, maxColumn)
			}
		}
	}
}

func named(groups []string) []string {
	return slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return g == "" })
}

// set reads the settings of the time.
func (k *clock) set(c source.ColumnMap) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	k.zone = time.UTC
	hasZone, hasYear := true, true
	switch c.Time {
	case "unix", "unix_ms":
		k.unit = units[c.Time]
	case "rfc3339":
	default:
		k.layout = c.Time
		differ := func(other time.Time) bool { return reference.Format(c.Time) != other.Format(c.Time) }
		if !differ(reference.AddDate(0, 0, 1)) || !differ(reference.Add(time.Hour)) {
			bad(`time: got %q, want unix, unix_ms, rfc3339 or a Go layout with day and hour, such as "2006-01-02 15:04:05"`, c.Time)
		} else if _, err := time.Parse(c.Time, reference.Format(c.Time)); err != nil {
			bad("time: got %q, want a Go layout that reads what it writes: %w", c.Time, err)
		}
		in := func(name string, seconds int) string {
			return reference.In(time.FixedZone(name, seconds)).Add(-time.Duration(seconds) * time.Second).Format(c.Time)
		}
		if in("A", 0) != in("B", 0) && in("A", 0) == in("A", 3600) { // CET would silently be read as UTC
			bad(`time: got %q, want a zone as an offset (-0700), or none and the key zone: names such as CET have no one meaning`, c.Time)
		}
		hasYear = differ(reference.AddDate(1, 0, 0))
		hasZone = differ(reference.In(time.FixedZone("", 3600)).Add(-time.Hour))
	}
	if c.Start != "" {
		start, ok := parse.RFC3339([]byte(c.Start))
		switch {
		case k.unit == 0:
			bad("start: got %q, want none, for it is for unix and unix_ms alone", c.Start)
		case !ok:
			bad("start: got %q, want a time such as 2024-05-06T00:00:00Z", c.Start)
		}
		k.start = start
	}
	if c.Zone != "" {
		zone, err := time.LoadLocation(c.Zone)
		switch {
		case hasZone:
			bad("zone: got %q, want none, for the time %q has a zone", c.Zone, c.Time)
		case err != nil, zone == time.Local: // that of the machine is another on the next
			bad("zone: got %q, want a zone of the tz database, such as Europe/Berlin", c.Zone)
		default:
			k.zone = zone
		}
	}
	switch {
	case c.Year != 0 && hasYear:
		bad("year: got %d, want none, for the time %q has a year", c.Year, c.Time)
	case c.Year != 0 && (c.Year < 1970 || c.Year > 2200):
		bad("year: got %d, want one from 1970 to 2200", c.Year)
	case !hasYear && c.Year == 0:
		k.year = unknownYear
	case !hasYear:
		k.year = c.Year
	}
	switch strings.Replace(k.layout, "T", " ", 1) {
	case "2006-01-02 15:04:05", "2006-01-02 15:04:05.000", "2006-01-02 15:04:05.000000":
		k.plain = k.zone == time.UTC
	}
	return errors.Join(errs...)
}

// reference is a time whose parts all differ.
var reference = time.Date(2021, 10, 23, 14, 45, 56, 0, time.UTC)

func (p *plan) setDuration(c source.ColumnMap, mapped bool, bad func(string, ...any)) {
	switch unit, ok := units[c.Duration]; {
	case c.Duration == "" && !mapped, c.Duration == "clock":
	case ok && !strings.HasPrefix(c.Duration, "unix"):
		p.unit = unit
	default:
		bad(`duration: got %q, want one of ns, us, ms, s, clock, for a column is mapped to event.duration`, c.Duration)
	}
}

// setConstant sets a field of the event that all others begin as.
func (p *plan) setConstant(name, value string) error {
	f, err := event.ParseField(name)
	if err != nil {
		return err
	}
	b := []byte(value)
	var ok bool
	switch f {
	case event.SourceIP, event.DestinationIP:
		var a netip.Addr
		a, ok = parse.IP(b)
		p.base.SetIP(f, a)
	case event.SourcePort, event.DestinationPort:
		var n uint16
		n, ok = parse.Port(b)
		p.base.SetCount(f, int64(n))
	default:
		text := p.base.Text(f)
		if text == nil {
			return errors.New("want a field of text, an address or a port")
		}
		*text = value
		ok = value != ""
	}
	if !ok {
		return fmt.Errorf("got %q, want %s", value, map[event.Kind]string{
			event.KindText: "some text", event.KindIP: "an IP address", event.KindCount: "a port",
		}[f.Kind()])
	}
	return nil
}

// A layout is a plan for one file: its slots are in the order of the columns.
type layout struct {
	*plan
	slots []slot
	at    []int  // by column: its slot, or none
	names []byte // the header line, passed over wherever it stands
}

// layout finds the columns of the text that begins with head.
func (p *plan) layout(head []byte) (*layout, error) {
	l := &layout{plan: p, slots: slices.Clone(p.slots)}
	if p.pattern != nil {
		return l, nil
	}
	columns := make([]int, len(l.slots)) // of the slots
	if !p.header {
		for i, s := range l.slots {
			columns[i], _ = strconv.Atoi(s.name)
			columns[i]--
		}
		l.arrange(columns)
		return l, nil
	}
	line, ok := p.headerLine(head)
	if !ok {
		return l, nil // no line but comments: nothing to read
	}
	cut := newCutter(p.separator, p.quote)
	var names []string
	for rest, more := line, true; more; {
		var name []byte
		var err error
		if name, rest, more, err = cut.next(rest); err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		names = append(names, string(name))
	}
	var missing []string
	for i, s := range l.slots {
		columns[i] = slices.Index(names, s.name)
		if columns[i] < 0 {
			missing = append(missing, s.name)
		} else if slices.Contains(names[columns[i]+1:], s.name) {
			return nil, fmt.Errorf("header: got %q twice, want it once", s.name)
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("header: got %s, want also %s", shortList(names), strings.Join(missing, ", "))
	}
	l.names = bytes.Clone(line)
	l.arrange(columns)
	return l, nil
}

// shortList shows the columns of a header, which may be no header at all.
func shortList(names []string) string { return source.Shorten([]byte(strings.Join(names, ", "))) }

// headerLine returns the first line of head that is neither empty nor a comment.
func (p *plan) headerLine(head []byte) (line []byte, ok bool) {
	for rest := bytes.TrimPrefix(head, bom); len(rest) > 0; {
		line, rest, _ = bytes.Cut(rest, newline)
		line = bytes.TrimSuffix(line, []byte("\r"))
		if !p.passes(line) {
			return line, true
		}
	}
	return nil, false
}

// passes reports whether a line is passed over.
func (p *plan) passes(line []byte) bool {
	return len(line) == 0 || len(p.comment) > 0 && bytes.HasPrefix(line, p.comment)
}

// arrange puts the slots in the order of their columns.
func (l *layout) arrange(columns []int) {
	order := make([]int, len(l.slots))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return columns[a] - columns[b] })
	slots := make([]slot, len(order))
	for i, k := range order {
		slots[i] = l.slots[k]
		for len(l.at) < columns[k] {
			l.at = append(l.at, none)
		}
		l.at = append(l.at, i)
	}
	l.slots = slots
}
