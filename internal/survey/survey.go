package survey

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"net/netip"
	"slices"

	"fresnel/internal/event"
	"fresnel/internal/rank"
	"fresnel/internal/timeline"
	"fresnel/internal/timing"
)

// Config says how a survey looks.
type Config struct {
	EndNanos      int64 // calls after it are not there
	LookbackNanos int64 // calls this long before the end, and older, are not looked at; but they count for first sightings
	MaxFalse      float64
	Model         *rank.Model

	// Parallel calls f for the numbers below n, no two at a time for one worker, which are the
	// numbers below Workers. Nil calls f for one after the other.
	Parallel func(n int, f func(worker, i int))
	Workers  int
}

// inTurn is what Parallel does where it is nil.
func inTurn(n int, f func(worker, i int)) {
	for i := range n {
		f(0, i)
	}
}

// A Scope says how much one row takes together.
type Scope uint8

// The scopes.
const (
	OneDestination   Scope = iota // calls to one name, or to one address without a name
	OneDomain                     // to all names of one registrable domain
	WholeGroup                    // to all destinations of the group
	RareDestinations              // to all destinations of the group that hardly any other host calls
)

var scopeNames = [...]string{"destination", "domain", "group", "rare destinations"}

// String returns the word of documents for s.
func (s Scope) String() string { return scopeNames[s] }

// A Sighting is one row of the survey: a group and one of its destinations.
type Sighting struct {
	GroupKey []byte
	Scope    Scope
	Source   netip.Addr // of the first call
	Address  netip.Addr // of the destination, the one that was called most
	Domain   string     // empty when no name is known
	Port     uint16
	Calls    int64 // all attempts, also those that are not kept; where some were outside of the look, those in it that are kept
	Found    bool  // the timing model says that a timer calls, at the chosen rate of false discoveries

	FirstNanos, LastNanos int64 // of the calls that were looked at
	Timing                timing.Result
	QValue                float64
	Tested                bool // enough callbacks to be timed
	Facts                 rank.Facts
	Assessment            rank.Assessment
	Case                  int // number of the case, from 0 on; sightings of the same case have the same; -1 for those that are not found

	host, dest, process uint64
}

// A Survey is what one look found.
type Survey struct {
	Found  []Sighting // by falling score, then by group and destination
	Tested int        // rows that were timed
	Rows   int        // rows with calls in the time that was looked at
	Hosts  int

	fleet  *fleet
	model  *rank.Model
	wanted map[uint64]bool // processes whose destinations are counted
	asked  int
	found  []*unit
	rows   [][]timeline.Row
	infos  [][]info

	parallel func(n int, f func(worker, i int))

	best      map[string]int       // the first of Found, by key of the group
	tops      map[string]*unit     // by key of a group without any: the destination with the most calls
	sightings map[string]*Sighting // of tops, those that were asked for
}

// Of returns what is known of a group: its best found sighting, else the destination that it
// calls most; nil when the survey saw no call of the group. It is the same each time, and not changed
// by whoever asks. It is not safe for concurrent use.
func (s *Survey) Of(groupKey []byte) *Sighting {
	if i, ok := s.best[string(groupKey)]; ok {
		return &s.Found[i]
	}
	u := s.tops[string(groupKey)]
	if u == nil {
		return nil
	}
	g := s.sightings[string(groupKey)]
	if g == nil {
		s.Want(groupKey)
		g = new(s.fleet.sighting(u, s.model))
		s.sightings[string(groupKey)] = g
	}
	return g
}

// Want prepares for Of of some groups, which costs less than one after the other.
func (s *Survey) Want(groupKeys ...[]byte) {
	missing := false
	for _, key := range groupKeys {
		if u := s.tops[string(key)]; u != nil && u.info.process != 0 && !s.fleet.counted[u.info.process] {
			s.wanted[u.info.process] = true
			missing = true
		}
	}
	if !missing {
		return
	}
	wanted := s.wanted
	if s.asked++; s.asked > 1 { // all, so that it ends
		wanted = nil
	}
	s.fleet.processes(wanted, s.found, s.infos, s.rows, s.parallel)
}

// Run looks at the rows of tables, in which a group is in one table.
func Run(ctx context.Context, tables []*timeline.Table, c Config) (*Survey, error) {
	if c.Parallel == nil {
		c.Parallel = inTurn
	}
	rows := make([][]timeline.Row, len(tables))
	infos := make([][]info, len(tables))
	parts := make([]*census, len(tables))
	c.Parallel(len(tables), func(_, i int) {
		rows[i] = tables[i].All()
		parts[i] = &census{fleet: fleet{end: c.EndNanos}}
		infos[i] = parts[i].see(rows[i])
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := newFleet(parts, c.Parallel)

	workers := make([]*looker, max(1, c.Workers))
	for i := range workers {
		workers[i] = &looker{c: &c, fleet: f}
	}
	looked := make([]looked, len(tables))
	c.Parallel(len(tables), func(worker, i int) {
		if ctx.Err() == nil {
			looked[i] = workers[worker].table(tables[i], rows[i], infos[i])
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Survey{Hosts: f.hostCount, fleet: f, model: c.Model, best: map[string]int{}, tops: map[string]*unit{}, sightings: map[string]*Sighting{}}
	var tested, found []*unit
	for i := range looked {
		s.Rows += looked[i].rows
		for j := range looked[i].units {
			u := &looked[i].units[j]
			if u.tested {
				tested = append(tested, u)
			}
			if u.top {
				s.tops[string(readOutline(u.row.Text).key)] = u
			}
		}
	}
	s.Tested = len(tested)
	correct(tested)
	for _, u := range tested {
		if u.q <= c.MaxFalse {
			u.found = true
			found = append(found, u)
		}
	}
	wanted := map[uint64]bool{}
	for _, u := range found {
		wanted[u.info.process] = true
	}
	f.processes(wanted, found, infos, rows, c.Parallel)
	s.wanted, s.found, s.rows, s.infos, s.parallel = wanted, found, rows, infos, c.Parallel
	siblings(found)
	s.Found = make([]Sighting, len(found))
	c.Parallel(len(found), func(_, i int) { s.Found[i] = f.sighting(found[i], c.Model) })
	slices.SortFunc(s.Found, compare)
	s.cases()
	s.spread()
	slices.SortFunc(s.Found, compare)
	for i := range s.Found {
		if _, ok := s.best[string(s.Found[i].GroupKey)]; !ok {
			s.best[string(s.Found[i].GroupKey)] = i
		}
	}
	return s, nil
}

// compare orders sightings by falling score, then by group and destination.
func compare(a, b Sighting) int {
	return cmp.Or(
		cmp.Compare(b.Assessment.Points, a.Assessment.Points),
		cmp.Compare(b.Calls, a.Calls),
		bytes.Compare(a.GroupKey, b.GroupKey),
		cmp.Compare(a.Domain, b.Domain),
		a.Address.Compare(b.Address),
	)
}

// correct fills in the q-values of units, as Benjamini and Hochberg (1995) do.
func correct(tested []*unit) {
	slices.SortFunc(tested, func(a, b *unit) int { return cmp.Compare(a.p, b.p) })
	q := 1.0
	for i := len(tested) - 1; i >= 0; i-- {
		q = min(q, tested[i].p*float64(len(tested))/float64(i+1))
		tested[i].q = q
	}
}

// A unit is a group and a destination, or several of its destinations, while the survey runs.
// There are as many as rows, so it is small.
type unit struct {
	row     *timeline.Row // the one with the most calls
	info    *info         // of that row
	calls   int64
	failed  int64
	first   int64
	last    int64
	firstOf int64 // first call ever, which may be older than the look
	p, q    float64
	timer   *timer // nil unless there may be one

	callbacks       int32
	failedCallbacks int32
	siblings        int // other found units of the caller on the same timer
	scope           Scope
	tested          bool
	found           bool
	top             bool
}

// A timer is what is said of the few units that may have one.
type timer struct {
	timing.Result

	sourceBytes, destBytes   float64
	sourceSpread, destSpread float64
}

// timing returns what the timing model says of u.
func (u *unit) timing() timing.Result {
	if u.timer != nil {
		return u.timer.Result
	}
	return timing.Result{PValue: u.p, Callbacks: int(u.callbacks), Failed: int(u.failedCallbacks)}
}

// period returns the period of u in seconds; 0 when it has no timer.
func (u *unit) period() float64 {
	if u.timer == nil {
		return 0
	}
	return u.timer.Period
}

// take takes what the timing model says of u.
func (u *unit) take(r *timing.Result) {
	u.p, u.callbacks, u.failedCallbacks, u.timer = r.PValue, int32(r.Callbacks), int32(r.Failed), nil
	if r.PValue <= timing.MaxPValue { // else it says no more
		u.timer = &timer{Result: *r}
	}
}

// nameOf returns the name of an event's destination, empty when none is known.
func nameOf(e *event.Event) string {
	return cmp.Or(e.DestinationDomain, e.TLSServerName)
}

// A looker times the rows of one table.
type looker struct {
	c     *Config
	fleet *fleet

	analyzer timing.Analyzer
	loaded   []timeline.Call // of the rows of a group
	spans    []span          // where those of a row are
	calls    []timeline.Call
	sorted   []timeline.Call
	places   []uint64
	one      []timeline.Call
	times    timing.Calls
	sizes    []int64
	order    []int
	parts    []part
}

// Bounds of the rows that are taken together, beyond which a group is too busy for its whole
// to tell anything.
const (
	maxTogether      = 24
	maxTogetherCalls = timeline.MaxCalls
	maxLoaded        = 1 << 16 // calls of one group that are kept at hand
)

// A span is where the calls of a row stand in a list; not known yet when to is 0.
type span struct{ from, to int }

// callsOf appends the calls of row i of a group that are in the look to dst. A row is read from its table once.
func (l *looker) callsOf(dst []timeline.Call, t *timeline.Table, rows []timeline.Row, i int) []timeline.Call {
	s := &l.spans[i]
	if s.to == 0 {
		if len(l.loaded) >= maxLoaded {
			return t.Calls(dst, &rows[i], l.c.EndNanos-l.c.LookbackNanos, l.c.EndNanos)
		}
		s.from = len(l.loaded)
		l.loaded = t.Calls(l.loaded, &rows[i], l.c.EndNanos-l.c.LookbackNanos, l.c.EndNanos)
		s.to = len(l.loaded)
	}
	return append(dst, l.loaded[s.from:s.to]...)
}

// looked is what a looker made of a table.
type looked struct {
	units []unit // those that were timed, and of each group the one with the most calls
	rows  int    // destinations of groups with calls in the look
}

// table looks at one table. rows of a group stand together.
func (l *looker) table(t *timeline.Table, rows []timeline.Row, infos []info) (out looked) {
	units := 0 // about
	for i := range rows {
		if rows[i].Calls >= timing.MinCalls || i == 0 || rows[i].Group != rows[i-1].Group {
			units++
		}
	}
	out.units = make([]unit, 0, units)
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && rows[to].Group == rows[from].Group {
			to++
		}
		l.group(&out, t, rows[from:to], infos[from:to])
		from = to
	}
	return out
}

// A part is the rows of a group that are one destination.
type part struct {
	members []int // rows, in order
	calls   int64 // of the rows, at all times
	dest    uint64
	text    []byte
	unit    int // place among the units, -1 when it was not looked at closely
}

// less orders the parts of a group by their destination.
func (p *part) less(q *part) bool { return bytes.Compare(p.text, q.text) < 0 }

// group looks at one group.
func (l *looker) group(out *looked, t *timeline.Table, rows []timeline.Row, infos []info) {
	after, end := l.c.EndNanos-l.c.LookbackNanos, l.c.EndNanos
	l.loaded, l.spans = l.loaded[:0], slices.Grow(l.spans[:0], len(rows))[:len(rows)]
	clear(l.spans)
	order := l.order[:0]
	for i := range rows {
		if rows[i].FirstNanos <= end && rows[i].LastNanos > after { // else no call is in the look
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(infos[a].unit, infos[b].unit), bytes.Compare(rows[a].Text, rows[b].Text))
	})
	l.order = order
	parts := l.parts[:0]
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && infos[order[to]].unit == infos[order[from]].unit {
			to++
		}
		p := part{members: order[from:to], dest: infos[order[from]].dest, text: rows[order[from]].Text, unit: -1}
		for _, m := range p.members {
			p.calls += rows[m].Calls
		}
		parts = append(parts, p)
		from = to
	}
	l.parts = parts
	if len(parts) == 0 {
		return
	}
	most := 0
	for i := range parts {
		if p := &parts[i]; p.calls > parts[most].calls || p.calls == parts[most].calls && p.less(&parts[most]) {
			most = i
		}
	}
	start := len(out.units)
	for i := range parts {
		if parts[i].calls < timing.MinCalls && i != most {
			out.rows++ // nothing to be timed, and mostly one of very many
			continue
		}
		if u, ok := l.unit(t, rows, infos, parts[i].members, OneDestination); ok {
			out.rows++
			u.top = i == most
			parts[i].unit = len(out.units)
			out.units = append(out.units, u)
		}
	}
	if len(parts) > 1 && len(out.units) > start {
		l.together(out, parts, t, rows, infos)
	}
}

// together times the destinations of a group that belong to one registrable domain, all of
// them, and those that hardly any other host calls: an implant that goes round among its
// servers keeps its timer, and none of the servers sees it. Where the whole tells much more
// than each part, the destination that is called most stands for all.
func (l *looker) together(out *looked, parts []part, t *timeline.Table, rows []timeline.Row, infos []info) {
	byDomain := map[uint64][]int{}
	rare := []int(nil)
	for i := range parts {
		byDomain[parts[i].dest] = append(byDomain[parts[i].dest], i)
		if len(rare) <= maxTogether && l.fleet.isRare(parts[i].dest) {
			rare = append(rare, i)
		}
	}
	for i := range parts { // in order of parts, not of the map
		if members := byDomain[parts[i].dest]; members[0] == i && len(members) > 1 && len(members) < len(parts) {
			l.merge(out, parts, members, t, rows, infos, OneDomain)
		}
	}
	if len(parts) <= maxTogether {
		all := make([]int, len(parts))
		for i := range all {
			all[i] = i
		}
		scope := WholeGroup
		if len(byDomain) == 1 {
			scope = OneDomain
		}
		l.merge(out, parts, all, t, rows, infos, scope)
	}
	if len(rare) > 1 && len(rare) < len(parts) {
		l.merge(out, parts, rare, t, rows, infos, RareDestinations)
	}
}

// betterTogether is how much smaller the p-value of several destinations must be than that of
// the best of them.
const betterTogether = 1e-3

func (l *looker) merge(out *looked, parts []part, members []int, t *timeline.Table, rows []timeline.Row, infos []info, scope Scope) {
	if len(members) > maxTogether {
		return
	}
	var calls int64
	var of []int
	most, least := members[0], 1.0
	for _, m := range members {
		p := &parts[m]
		calls += p.calls
		of = append(of, p.members...)
		if p.calls > parts[most].calls || p.calls == parts[most].calls && p.less(&parts[most]) {
			most = m
		}
		if p.unit >= 0 && out.units[p.unit].tested {
			least = min(least, out.units[p.unit].p)
		}
	}
	if calls > maxTogetherCalls || calls < timing.MinCalls || least < 1e-12 {
		return
	}
	u, ok := l.unit(t, rows, infos, of, scope)
	if !ok || !u.tested || u.p > betterTogether*least {
		return
	}
	best := parts[most].members[0]
	for _, m := range parts[most].members[1:] {
		if rows[m].Calls > rows[best].Calls {
			best = m
		}
	}
	u.row, u.info = &rows[best], &infos[best]
	if at := parts[most].unit; at >= 0 {
		u.top = out.units[at].top
		out.units[at] = u
		return
	}
	parts[most].unit = len(out.units)
	out.units = append(out.units, u)
}

// unit times rows of a group together; ok is false when they have no call in the look.
func (l *looker) unit(t *timeline.Table, rows []timeline.Row, infos []info, members []int, scope Scope) (u unit, ok bool) {
	l.calls = l.calls[:0]
	best := members[0]
	u.firstOf = math.MaxInt64
	after, end := l.c.EndNanos-l.c.LookbackNanos, l.c.EndNanos
	for _, m := range members {
		r := &rows[m]
		from := len(l.calls)
		l.calls = l.callsOf(l.calls, t, rows, m)
		if r.FirstNanos > after && r.LastNanos <= end {
			u.calls += r.Calls
			u.failed += r.Failed
		} else {
			for i := range l.calls[from:] {
				u.calls++
				if l.calls[from+i].Failed {
					u.failed++
				}
			}
		}
		u.firstOf = min(u.firstOf, r.FirstNanos)
		if r.Calls > rows[best].Calls || r.Calls == rows[best].Calls && bytes.Compare(r.Text, rows[best].Text) < 0 {
			best = m
		}
	}
	if len(l.calls) == 0 {
		return u, false
	}
	if len(members) > 1 {
		l.sort()
	}
	u.scope = scope
	u.row, u.info = &rows[best], &infos[best]
	u.first, u.last = l.calls[0].Millis*1e6, l.calls[len(l.calls)-1].Millis*1e6
	u.p, u.q, u.callbacks = 1, 1, int32(len(l.calls))
	if len(l.calls) < timing.MinCalls {
		return u, true
	}
	u.tested = true
	r := l.time(l.calls)
	l.agents(&r)
	u.take(&r)
	if u.timer != nil {
		l.payload(u.timer)
	}
	return u, true
}

// sort sorts the calls by time, those of one time in the order that they have. Numbers that
// hold both are sorted instead of the calls, which are larger.
func (l *looker) sort() {
	first := l.calls[0].Millis
	for i := range l.calls {
		first = min(first, l.calls[i].Millis)
	}
	const placeBits = 24              // the others hold 34 years
	if len(l.calls) >= 1<<placeBits { // thousands of addresses of one name, all of them busy
		slices.SortStableFunc(l.calls, func(a, b timeline.Call) int { return cmp.Compare(a.Millis, b.Millis) })
		return
	}
	l.places = l.places[:0]
	for i := range l.calls {
		l.places = append(l.places, uint64(l.calls[i].Millis-first)<<placeBits|uint64(i))
	}
	slices.Sort(l.places)
	l.sorted = l.sorted[:0]
	for _, p := range l.places {
		l.sorted = append(l.sorted, l.calls[p&(1<<placeBits-1)])
	}
	l.calls, l.sorted = l.sorted, l.calls
}

// time gives calls to the timing model.
func (l *looker) time(calls []timeline.Call) timing.Result {
	c := &l.times
	c.Millis = c.Millis[:0]
	failed, holes := c.Failed[:0], c.Holes[:0]
	anyFailed, anyHole := false, false
	for i := range calls {
		c.Millis = append(c.Millis, calls[i].Millis)
		failed = append(failed, calls[i].Failed)
		holes = append(holes, calls[i].Hole)
		anyFailed = anyFailed || calls[i].Failed
		anyHole = anyHole || calls[i].Hole
	}
	view := timing.Calls{Millis: c.Millis}
	if anyFailed {
		view.Failed = failed
	}
	if anyHole {
		view.Holes = holes
	}
	c.Failed, c.Holes = failed, holes
	return l.analyzer.Analyze(&view)
}

// agents times the calls of each process of the same name by itself: several at a time hide
// each other's timers.
func (l *looker) agents(best *timing.Result) {
	var count [8]int
	for i := range l.calls {
		count[l.calls[i].Agent]++
	}
	several := 0
	for agent := 1; agent < len(count); agent++ {
		if count[agent] >= 2*timing.MinCalls {
			several++
		}
	}
	if several < 2 {
		return
	}
	for agent := 1; agent < len(count); agent++ {
		if count[agent] < 2*timing.MinCalls {
			continue
		}
		l.one = l.one[:0]
		for i := range l.calls {
			if int(l.calls[i].Agent) == agent {
				l.one = append(l.one, l.calls[i])
			}
		}
		r := l.time(l.one)
		if r.PValue *= float64(several + 1); r.PValue < best.PValue {
			*best = r
		}
	}
}

// payload measures how alike the bytes of calls are.
func (l *looker) payload(t *timer) {
	measure := func(of func(*timeline.Call) int64) (median, spread float64) {
		l.sizes = l.sizes[:0]
		for i := range l.calls {
			if n := of(&l.calls[i]); n > 0 {
				l.sizes = append(l.sizes, n)
			}
		}
		n := len(l.sizes)
		if n == 0 {
			return 0, 0
		}
		median = float64(nth(l.sizes, n/2))
		return median, float64(nth(l.sizes, n*9/10)-nth(l.sizes, n/10)) / median
	}
	t.sourceBytes, t.sourceSpread = measure(func(c *timeline.Call) int64 { return c.SourceBytes })
	t.destBytes, t.destSpread = measure(func(c *timeline.Call) int64 { return c.DestBytes })
}

// nth returns what would stand at place k of s if it were sorted, and reorders s.
func nth(s []int64, k int) int64 {
	const most = 32 // parts; sizes that somebody chose so that each is hardly smaller are sorted
	for range most {
		p := s[len(s)/2]
		// Those below p to the front, then those like it. Which ones they are is chance: no jump
		// depends on it.
		below := 0
		for i, n := range s {
			s[i], s[below] = s[below], n
			step := 0
			if n < p {
				step = 1
			}
			below += step
		}
		if k < below {
			s = s[:below]
			continue
		}
		s, k = s[below:], k-below
		like := 0
		for i, n := range s {
			s[i], s[like] = s[like], n
			step := 0
			if n == p {
				step = 1
			}
			like += step
		}
		if k < like {
			return p
		}
		s, k = s[like:], k-like
	}
	slices.Sort(s)
	return s[k]
}
