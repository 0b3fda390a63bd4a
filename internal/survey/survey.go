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
	Parallel      func(n int, f func(worker, i int)) // calls f for the numbers below n, side by side
	Workers       int
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

	group, host, dest, process uint32
}

// A Survey is what one look found.
type Survey struct {
	Found  []Sighting // by falling score, then by group and destination
	Tested int        // rows that were timed
	Rows   int        // rows with calls in the time that was looked at
	Hosts  int

	fleet *fleet
	model *rank.Model
	best  map[uint32]int // the first of Found of a group
	tops  []*unit        // by number of the group: the destination with the most calls
}

// Of returns what is known of a group: its best found sighting, else the destination that it
// calls most; nil when the survey saw no call of the group.
func (s *Survey) Of(groupKey []byte) *Sighting {
	group := s.fleet.groups.of[string(groupKey)]
	if i, ok := s.best[group]; ok {
		return &s.Found[i]
	}
	if int(group) >= len(s.tops) || s.tops[group] == nil {
		return nil
	}
	g := s.fleet.sighting(s.tops[group], s.model)
	return &g
}

// Run looks at the rows of tables, in which a group is in one table.
func Run(ctx context.Context, tables []*timeline.Table, c Config) (*Survey, error) {
	f := newFleet(c.EndNanos)
	parts := make([][]timeline.Row, len(tables))
	c.Parallel(len(tables), func(_, i int) { parts[i] = tables[i].All() })
	infos := make([][]info, len(tables))
	for i, rows := range parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		infos[i] = f.see(rows)
	}
	f.count()

	workers := make([]*looker, max(1, c.Workers))
	for i := range workers {
		workers[i] = &looker{c: &c, fleet: f}
	}
	units := make([][]unit, len(tables))
	c.Parallel(len(tables), func(worker, i int) {
		if ctx.Err() == nil {
			units[i] = workers[worker].table(tables[i], parts[i], infos[i])
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Survey{Hosts: f.hosts.len(), fleet: f, model: c.Model, best: map[uint32]int{}, tops: make([]*unit, f.groups.len()+1)}
	var tested, found []*unit
	for i := range units {
		for j := range units[i] {
			u := &units[i][j]
			s.Rows++
			if u.tested {
				tested = append(tested, u)
			}
			if u.top {
				s.tops[u.info.group] = u
			}
		}
	}
	s.Tested = len(tested)
	correct(tested)
	for _, u := range tested {
		if u.q <= c.MaxFalse {
			u.found = true
			f.timer(u)
			found = append(found, u)
		}
	}
	f.countTimers()
	siblings(found)
	s.Found = make([]Sighting, len(found))
	c.Parallel(len(found), func(_, i int) { s.Found[i] = f.sighting(found[i], c.Model) })
	slices.SortFunc(s.Found, compare)
	for i := range s.Found {
		if _, ok := s.best[s.Found[i].group]; !ok {
			s.best[s.Found[i].group] = i
		}
	}
	s.cases()
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
	slices.SortFunc(tested, func(a, b *unit) int { return cmp.Compare(a.timing.PValue, b.timing.PValue) })
	q := 1.0
	for i := len(tested) - 1; i >= 0; i-- {
		q = min(q, tested[i].timing.PValue*float64(len(tested))/float64(i+1))
		tested[i].q = q
	}
}

// A unit is a group and a destination, or several of its destinations, while the survey runs.
type unit struct {
	row     *timeline.Row // the one with the most calls
	info    info          // of that row
	scope   Scope
	members []int // rows of the group
	calls   int64
	failed  int64
	first   int64
	last    int64
	firstOf int64 // first call ever, which may be older than the look
	tested  bool
	found   bool
	top     bool
	timing  timing.Result
	q       float64

	siblings int // other found units of the caller on the same timer

	sourceBytes, destBytes   float64
	sourceSpread, destSpread float64
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
	calls    []timeline.Call
	one      []timeline.Call
	times    timing.Calls
	sizes    []int64
}

// Bounds of the rows that are taken together, beyond which a group is too busy for its whole
// to tell anything.
const (
	maxTogether      = 24
	maxTogetherCalls = timeline.MaxCalls
)

// table returns the units of one table. rows of a group stand together.
func (l *looker) table(t *timeline.Table, rows []timeline.Row, infos []info) []unit {
	var units []unit
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && rows[to].Group == rows[from].Group {
			to++
		}
		units = l.group(units, t, rows[from:to], infos[from:to])
		from = to
	}
	return units
}

// group appends the units of one group.
func (l *looker) group(units []unit, t *timeline.Table, rows []timeline.Row, infos []info) []unit {
	start := len(units)
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(infos[a].unit, infos[b].unit), cmp.Compare(a, b)) })
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && infos[order[to]].unit == infos[order[from]].unit {
			to++
		}
		if u, ok := l.unit(t, rows, infos, order[from:to], OneDestination); ok {
			units = append(units, u)
		}
		from = to
	}
	own := units[start:]
	if len(own) == 0 {
		return units
	}
	top := 0
	for i := range own {
		if own[i].calls > own[top].calls || own[i].calls == own[top].calls && own[i].less(&own[top]) {
			top = i
		}
	}
	own[top].top = true
	if len(own) > 1 {
		l.together(own, t, rows, infos)
	}
	return units
}

// less orders units of one group by their destination.
func (u *unit) less(v *unit) bool {
	if c := bytes.Compare(u.row.Text, v.row.Text); c != 0 {
		return c < 0
	}
	return u.row.Destination.Less(v.row.Destination)
}

// together times the destinations of a group that belong to one registrable domain, all of
// them, and those that hardly any other host calls: an implant that goes round among its servers keeps its timer, and none of the
// servers sees it. Where the whole tells much more than each part, the destination that is
// called most stands for all.
func (l *looker) together(own []unit, t *timeline.Table, rows []timeline.Row, infos []info) {
	byDomain := map[uint32][]int{}
	for i := range own {
		byDomain[own[i].info.dest] = append(byDomain[own[i].info.dest], i)
	}
	for i := range own { // in order of units, not of the map
		if members := byDomain[own[i].info.dest]; members[0] == i && len(members) > 1 && len(members) < len(own) {
			l.merge(own, members, t, rows, infos, OneDomain)
		}
	}
	all, rare := make([]int, len(own)), []int(nil)
	for i := range all {
		all[i] = i
		if l.fleet.isRare(own[i].info.dest) {
			rare = append(rare, i)
		}
	}
	scope := WholeGroup
	if len(byDomain) == 1 {
		scope = OneDomain
	}
	l.merge(own, all, t, rows, infos, scope)
	if len(rare) > 1 && len(rare) < len(own) {
		l.merge(own, rare, t, rows, infos, RareDestinations)
	}
}

// betterTogether is how much smaller the p-value of several destinations must be than that of
// the best of them.
const betterTogether = 1e-3

func (l *looker) merge(own []unit, members []int, t *timeline.Table, rows []timeline.Row, infos []info, scope Scope) {
	if len(members) > maxTogether {
		return
	}
	var calls int64
	var of []int
	most, least := members[0], 1.0
	for _, m := range members {
		calls += own[m].calls
		of = append(of, own[m].members...)
		if own[m].calls > own[most].calls || own[m].calls == own[most].calls && own[m].less(&own[most]) {
			most = m
		}
		if own[m].tested {
			least = min(least, own[m].timing.PValue)
		}
	}
	if calls > maxTogetherCalls || least < 1e-12 {
		return
	}
	slices.Sort(of)
	of = slices.Compact(of) // a domain that was merged has its members' rows, too
	u, ok := l.unit(t, rows, infos, of, scope)
	if !ok || !u.tested || u.timing.PValue > betterTogether*least {
		return
	}
	u.row, u.info, u.top = own[most].row, own[most].info, own[most].top
	own[most] = u
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
		l.calls = t.Calls(l.calls, r, after, end)
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
		if r.Calls > rows[best].Calls || r.Calls == rows[best].Calls && r.Destination.Less(rows[best].Destination) {
			best = m
		}
	}
	if len(l.calls) == 0 {
		return u, false
	}
	if len(members) > 1 {
		slices.SortStableFunc(l.calls, func(a, b timeline.Call) int { return cmp.Compare(a.Millis, b.Millis) })
	}
	u.scope, u.members = scope, slices.Clone(members)
	u.row, u.info = &rows[best], infos[best]
	u.first, u.last = l.calls[0].Millis*1e6, l.calls[len(l.calls)-1].Millis*1e6
	u.q = 1
	u.timing = timing.Result{PValue: 1, Callbacks: len(l.calls)}
	if len(l.calls) < timing.MinCalls {
		return u, true
	}
	u.tested = true
	u.timing = l.time(l.calls)
	l.agents(&u)
	if u.timing.PValue <= timing.MaxPValue { // else nobody asks for more of the row
		l.payload(&u)
	}
	return u, true
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
func (l *looker) agents(u *unit) {
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
		if r.PValue *= float64(several + 1); r.PValue < u.timing.PValue {
			u.timing = r
		}
	}
}

// payload measures how alike the bytes of calls are.
func (l *looker) payload(u *unit) {
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
		slices.Sort(l.sizes)
		median = float64(l.sizes[n/2])
		return median, float64(l.sizes[n*9/10]-l.sizes[n/10]) / median
	}
	u.sourceBytes, u.sourceSpread = measure(func(c *timeline.Call) int64 { return c.SourceBytes })
	u.destBytes, u.destSpread = measure(func(c *timeline.Call) int64 { return c.DestBytes })
}
