package httpapi

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"fresnel/internal/store"
)

// overviewParams are what the overview is asked for with.
type overviewParams struct {
	queryParams
	spanParams
	Points int `query:"points" min:"2" max:"400" default:"48" doc:"most steps that the time range is split into; they are no shorter than from one run to the next"`
	Top    int `query:"top" min:"1" max:"50" default:"20" doc:"hosts, processes and destinations that are told of"`
}

// Overview is what there is to see in a time range. Findings are counted once for each group
// and destination, whatever the number of runs that saw it; documents are of all runs.
type Overview struct {
	Reach
	NextRun      *time.Time    `json:"next_run,omitempty" doc:"end of the window of the run that comes next"`
	Runs         int           `json:"runs" min:"0" doc:"that have documents"`
	Documents    int           `json:"documents" min:"0"`
	Findings     int           `json:"findings" min:"0"`
	Levels       Levels        `json:"levels" doc:"findings by the level of their newest document"`
	Hosts        int           `json:"hosts" min:"0"`
	Processes    int           `json:"processes" min:"0" doc:"names of processes"`
	Destinations int           `json:"destinations" min:"0"`
	Cases        int           `json:"cases" min:"0"`
	StepSeconds  int64         `json:"step_s" min:"1"`
	Steps        []Step        `json:"steps" doc:"the oldest first"`
	TopHosts     []TopHost     `json:"top_hosts" doc:"by falling number of processes, then risk score, findings and name"`
	TopProcesses []TopProcess  `json:"top_processes" doc:"by falling number of findings, then risk score, hosts and name"`
	TopPlaces    []TopPlace    `json:"top_destinations" doc:"by falling risk score, then number of hosts, findings and name"`
	Matrix       []MatrixEntry `json:"matrix" doc:"documents of the top hosts and top processes together; pairs without any are missing"`
}

// Step is a part of the time range, by the ends of runs.
type Step struct {
	At        time.Time `json:"at" doc:"begin"`
	Documents int       `json:"documents"`
	Levels    Levels    `json:"levels" doc:"documents by their levels"`
	Hosts     int       `json:"hosts"`
	Processes int       `json:"processes"`
}

// TopHost is a host with findings.
type TopHost struct {
	Host      string   `json:"host"`
	Field     string   `json:"field" enum:"host.name,source.ip" doc:"field of documents that holds it"`
	Processes int      `json:"processes" doc:"names of processes with findings"`
	Findings  int      `json:"findings"`
	MaxScore  *float64 `json:"max_score,omitempty" doc:"highest risk score; missing when none has one"`
	Steps     []int    `json:"steps" doc:"names of processes with findings, step by step"`
}

// TopProcess is a process with findings.
type TopProcess struct {
	Process  string   `json:"process"`
	Hosts    int      `json:"hosts"`
	Findings int      `json:"findings"`
	MaxScore *float64 `json:"max_score,omitempty" doc:"highest risk score; missing when none has one"`
	Steps    []int    `json:"steps" doc:"hosts with findings of it, step by step"`
}

// TopPlace is a destination with findings.
type TopPlace struct {
	Destination string   `json:"destination" doc:"a domain, or an address"`
	Hosts       int      `json:"hosts"`
	Findings    int      `json:"findings"`
	MaxScore    *float64 `json:"max_score,omitempty" doc:"highest risk score; missing when none has one"`
}

// MatrixEntry is a host and a process together.
type MatrixEntry struct {
	Host      string   `json:"host"`
	Process   string   `json:"process"`
	Documents int      `json:"documents" min:"1"`
	MaxScore  *float64 `json:"max_score,omitempty"`
}

// names give texts numbers from 1 on; 0 is no text.
type names struct {
	numbers map[string]uint32
	texts   []string
}

func newNames() *names { return &names{numbers: map[string]uint32{"": 0}, texts: []string{""}} }

func (n *names) number(text string) uint32 {
	if i, ok := n.numbers[text]; ok {
		return i
	}
	i := uint32(len(n.texts))
	n.numbers[text] = i
	n.texts = append(n.texts, text)
	return i
}

// A tally is what is counted of one host, process or destination.
type tally struct {
	documents, findings int
	score               float64 // highest; -1 without one
	others              [2]int  // distinct values of two other kinds that it has findings with
	first, last         int64   // runs
	levels              Levels  // of findings
}

// tallies count by number. All memory is bounded by the number of documents that are looked at.
type tallies []tally

func (t *tallies) of(number uint32) *tally {
	for int(number) >= len(*t) {
		*t = append(*t, tally{score: -1})
	}
	return &(*t)[number]
}

// add counts what was counted of one who.
func (t *tally) add(w *who) {
	if t.documents == 0 {
		t.first = w.first
	}
	t.documents += w.documents
	t.findings += w.findings
	t.score = max(t.score, w.score)
	t.first, t.last = min(t.first, w.first), max(t.last, w.last)
	t.levels.High += w.levels.High
	t.levels.Medium += w.levels.Medium
	t.levels.Some += w.levels.Some
	t.levels.Low += w.levels.Low
	t.levels.Unranked += w.levels.Unranked
}

// A who is what was counted of one group and destination. Nearly all documents of one have the same
// parties; where others come, there is another who.
type who struct {
	parties
	documents, findings int
	score               float64 // highest; -1 without one
	first, last         int64   // runs
	levels              Levels  // of findings
	caseID              uint32  // of its last document
	course              *course // for the overview
}

// A crowd counts the findings of a look by who they are.
type crowd struct {
	all     []*who
	byGroup []*who   // that of the last document
	texts   []string // for the numbers of all
}

// add counts a finding and returns who it is.
func (c *crowd) add(s *seen) *who {
	if int(s.group) >= len(c.byGroup) {
		c.byGroup = append(c.byGroup, make([]*who, int(s.group)+1-len(c.byGroup))...)
	}
	w := c.byGroup[s.group]
	if w == nil || w.parties != s.parties {
		w = &who{parties: s.parties, score: -1, last: s.runEnd} // the newest run comes first
		c.byGroup[s.group], c.texts = w, s.texts
		c.all = append(c.all, w)
	}
	w.documents++
	w.score = max(w.score, s.score)
	w.first = s.runEnd
	if s.newest {
		w.findings++
		w.levels.add(s.score)
	}
	return w
}

// A pair is two numbers.
type pair struct{ a, b uint32 }

// A gathering is a crowd by hosts, processes and destinations, which have numbers of their own.
type gathering struct {
	hosts, processes, places   *names
	ofHost, ofProcess, ofPlace tallies
	fields                     []string // of hosts: the field that holds them, by number
}

// gather gathers a crowd. Who is there twice is counted as one.
func (c *crowd) gather() *gathering {
	g := &gathering{hosts: newNames(), processes: newNames(), places: newNames()}
	hostProcess, hostPlace, processPlace := map[pair]struct{}{}, map[pair]struct{}{}, map[pair]struct{}{}
	for _, w := range c.all {
		host, process, place := g.hosts.number(c.hostKey(w)), g.processes.number(c.texts[w.process]), g.places.number(c.texts[w.destination()])
		for len(g.fields) < len(g.hosts.texts) {
			g.fields = append(g.fields, w.hostField())
		}
		if w.course != nil {
			w.course.host, w.course.process = host, process
		}
		h, p, d := g.ofHost.of(host), g.ofProcess.of(process), g.ofPlace.of(place)
		h.add(w)
		p.add(w)
		d.add(w)
		if isNew(hostProcess, pair{host, process}) {
			h.others[0]++
			p.others[0]++
		}
		if isNew(hostPlace, pair{host, place}) {
			h.others[1]++
			d.others[0]++
		}
		if isNew(processPlace, pair{process, place}) {
			p.others[1]++
			d.others[1]++
		}
	}
	return g
}

// isNew adds p to a set and reports whether it was not there.
func isNew(set map[pair]struct{}, p pair) bool {
	if _, ok := set[p]; ok || p.a == 0 || p.b == 0 {
		return false
	}
	set[p] = struct{}{}
	return true
}

// hostKey tells hosts apart: one that is an address and one that is named so are two. hostOf returns
// the host of a key.
func (c *crowd) hostKey(w *who) string {
	if w.hostName != 0 || w.source == 0 {
		return c.texts[w.hostName]
	}
	return addressKey + c.texts[w.source]
}

// addressKey is no begin of a name that is a text out of JSON.
const addressKey = "\xff"

func hostOf(key string) string { return strings.TrimPrefix(key, addressKey) }

// ordered returns the numbers of those with documents, in an order.
func (t tallies) ordered(compare func(a, b uint32) int) []uint32 {
	var all []uint32
	for i := range t {
		if i > 0 && t[i].documents > 0 {
			all = append(all, uint32(i))
		}
	}
	slices.SortFunc(all, compare)
	return all
}

// scoreOrNone returns a score, which is -1 for none.
func scoreOrNone(score float64) *float64 { return higher(nil, score) }

// steps are the lengths of a step in seconds that people read easily.
var steps = []int64{60, 300, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 7 * 86400}

// stepOf returns the length of the steps of s, at least so many seconds, and the begin of the
// first, a whole multiple. There are no more than most of them, which is at least 2.
func stepOf(s span, most int, least int64) (length, first int64, n int) {
	for i := 0; ; i++ {
		if i < len(steps) {
			length = steps[i]
		} else {
			length *= 2
		}
		first = s.from / length * length
		if n = int((s.to-first)/length) + 1; n <= most && length >= least {
			return length, first, n
		}
	}
}

// maxRunsAsked is how many runs tell how far they are apart.
const maxRunsAsked = 50

// apart returns how far runs are apart, in seconds: with shorter steps, those between two runs
// would look as if nothing had been found.
func apart(runs []store.Run) int64 {
	least, last := int64(0), int64(0) // the newest first
	for _, r := range runs {
		if !r.OfSchedule() {
			continue
		}
		if gap := last - r.End; last != 0 && (least == 0 || gap < least) {
			least = gap
		}
		last = r.End
	}
	return least
}

// A visit is how often a host and a process were seen together in a step, and the highest risk score.
type visit struct {
	step, documents int
	score           float64
}

// A course is the visits of a host and a process, step by step, the newest first.
type course struct {
	host, process uint32 // their numbers, once the crowd is gathered
	visits        []visit
}

// add counts a document of a step, which is none before which one has been counted.
func (c *course) add(step int, score float64) {
	if n := len(c.visits); n == 0 || c.visits[n-1].step != step {
		c.visits = append(c.visits, visit{step: step, score: -1})
	}
	v := &c.visits[len(c.visits)-1]
	v.documents++
	v.score = max(v.score, score)
}

// courses are those of hosts and processes, by the numbers of their texts.
type courses map[[2]uint32]*course

func (c courses) of(w *who) *course {
	// A host that is an address and one that is named so are two.
	key := [2]uint32{w.hostName << 1, w.process}
	if w.hostName == 0 {
		key[0] = w.source<<1 | 1
	}
	if c[key] == nil {
		c[key] = &course{}
	}
	return c[key]
}

func (a *API) overview(ctx context.Context, c *call, p *overviewParams, _ *none) (*Overview, error) {
	q, err := p.parse(a)
	if err != nil {
		return nil, err
	}
	l := &look{all: true, query: q, now: c.now}
	if l.span, err = p.span(c.now, back(c.now, day)); err != nil {
		return nil, err
	}
	runs, err := a.o.Store.RunsIn(ctx, l.from, l.to, maxRunsAsked)
	if err != nil {
		return nil, err
	}
	length, first, n := stepOf(l.span, p.Points, apart(runs))
	out := &Overview{StepSeconds: length, Steps: make([]Step, n)}
	for i := range out.Steps {
		out.Steps[i].At = at(first + int64(i)*length)
	}
	if next := a.o.Detector.Next(); next > 0 {
		end := at(next)
		out.NextRun = &end
	}

	var all crowd
	ways := courses{}
	cases := map[uint32]struct{}{}
	lastRun := int64(-1)
	out.Reach, err = a.each(ctx, l, func(s *seen) (bool, error) {
		w := all.add(s)
		out.Documents++
		if s.runEnd != lastRun {
			out.Runs++
			lastRun = s.runEnd
		}
		if s.newest {
			out.Findings++
			out.Levels.add(s.score)
		}
		if s.caseID != w.caseID && s.caseID != 0 {
			w.caseID = s.caseID
			cases[s.caseID] = struct{}{}
		}
		i := int((s.runEnd - first) / length)
		out.Steps[i].Documents++
		out.Steps[i].Levels.add(s.score)
		if w.course == nil {
			w.course = ways.of(w)
		}
		w.course.add(i, s.score)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	g := all.gather()
	out.Hosts, out.Processes, out.Destinations, out.Cases = len(g.hosts.texts)-1, len(g.processes.texts)-1, len(g.places.texts)-1, len(cases)
	list := slices.Collect(maps.Values(ways))
	out.count(list)
	out.tops(g, list, p.Top)
	return out, nil
}

// count counts hosts and processes step by step.
func (o *Overview) count(ways []*course) {
	for _, kind := range []struct {
		of func(*course) uint32
		to func(*Step) *int
	}{
		{func(c *course) uint32 { return c.host }, func(s *Step) *int { return &s.Hosts }},
		{func(c *course) uint32 { return c.process }, func(s *Step) *int { return &s.Processes }},
	} {
		// Those of one follow each other, so that it is enough to know who was counted last.
		slices.SortFunc(ways, func(a, b *course) int { return cmp.Compare(kind.of(a), kind.of(b)) })
		last := make([]uint32, len(o.Steps))
		for _, c := range ways {
			n := kind.of(c)
			for i := range c.visits {
				if step := c.visits[i].step; last[step] != n { // 0 is no text, and not counted
					last[step] = n
					*kind.to(&o.Steps[step])++
				}
			}
		}
	}
}

// tops fills in the n first of each kind.
func (o *Overview) tops(g *gathering, ways []*course, n int) {
	hosts := g.ofHost.ordered(func(a, b uint32) int {
		x, y := &g.ofHost[a], &g.ofHost[b]
		return cmp.Or(cmp.Compare(y.others[0], x.others[0]), cmp.Compare(y.score, x.score), cmp.Compare(y.findings, x.findings), cmp.Compare(g.hosts.texts[a], g.hosts.texts[b]))
	})
	hosts = hosts[:min(n, len(hosts))]
	processes := g.ofProcess.ordered(func(a, b uint32) int {
		x, y := &g.ofProcess[a], &g.ofProcess[b]
		return cmp.Or(cmp.Compare(y.findings, x.findings), cmp.Compare(y.score, x.score), cmp.Compare(y.others[0], x.others[0]), cmp.Compare(g.processes.texts[a], g.processes.texts[b]))
	})
	processes = processes[:min(n, len(processes))]
	places := g.ofPlace.ordered(func(a, b uint32) int {
		x, y := &g.ofPlace[a], &g.ofPlace[b]
		return cmp.Or(cmp.Compare(y.score, x.score), cmp.Compare(y.others[0], x.others[0]), cmp.Compare(y.findings, x.findings), cmp.Compare(g.places.texts[a], g.places.texts[b]))
	})
	places = places[:min(n, len(places))]

	o.TopHosts, o.TopProcesses, o.TopPlaces, o.Matrix = []TopHost{}, []TopProcess{}, []TopPlace{}, []MatrixEntry{}
	hostRows, processRows := map[uint32]int{}, map[uint32]int{}
	for i, h := range hosts {
		t := &g.ofHost[h]
		hostRows[h] = i
		o.TopHosts = append(o.TopHosts, TopHost{
			Host: hostOf(g.hosts.texts[h]), Field: g.fields[h], Processes: t.others[0], Findings: t.findings,
			MaxScore: scoreOrNone(t.score), Steps: make([]int, len(o.Steps)),
		})
	}
	for i, p := range processes {
		t := &g.ofProcess[p]
		processRows[p] = i
		o.TopProcesses = append(o.TopProcesses, TopProcess{
			Process: g.processes.texts[p], Hosts: t.others[0], Findings: t.findings, MaxScore: scoreOrNone(t.score), Steps: make([]int, len(o.Steps)),
		})
	}
	for _, d := range places {
		t := &g.ofPlace[d]
		o.TopPlaces = append(o.TopPlaces, TopPlace{Destination: g.places.texts[d], Hosts: t.others[0], Findings: t.findings, MaxScore: scoreOrNone(t.score)})
	}
	cells := map[pair]visit{}
	for _, c := range ways {
		host, ofTop := hostRows[c.host]
		process, ofTopToo := processRows[c.process]
		if !ofTop && !ofTopToo {
			continue
		}
		sum := visit{score: -1}
		for i := range c.visits {
			v := &c.visits[i]
			if ofTop && c.process != 0 {
				o.TopHosts[host].Steps[v.step]++
			}
			if ofTopToo && c.host != 0 {
				o.TopProcesses[process].Steps[v.step]++
			}
			sum.documents += v.documents
			sum.score = max(sum.score, v.score)
		}
		if ofTop && ofTopToo {
			cells[pair{uint32(host), uint32(process)}] = sum
		}
	}
	for i := range o.TopHosts {
		for j := range o.TopProcesses {
			if c, ok := cells[pair{uint32(i), uint32(j)}]; ok {
				o.Matrix = append(o.Matrix, MatrixEntry{Host: o.TopHosts[i].Host, Process: o.TopProcesses[j].Process, Documents: c.documents, MaxScore: scoreOrNone(c.score)})
			}
		}
	}
}

// entityParams are what lists of hosts and processes are asked for with.
type entityParams struct {
	queryParams
	spanParams
	viewParams
	pageParams
	Limit int `query:"limit" min:"1" max:"500" default:"100" doc:"most entries in the answer"`
}

// HostList is a page of hosts with findings.
type HostList struct {
	Reach
	Total int    `json:"total" min:"0" doc:"on all pages"`
	Hosts []Host `json:"hosts" doc:"by falling risk score, then number of findings and name"`
	Next  string `json:"next,omitempty" doc:"page of the next request; missing on the last page"`
}

// Host is a host with findings.
type Host struct {
	Host         string    `json:"host"`
	Field        string    `json:"field" enum:"host.name,source.ip" doc:"field of documents that holds it"`
	MaxScore     *float64  `json:"max_score,omitempty" doc:"highest risk score; missing when none has one"`
	Findings     int       `json:"findings" doc:"each group and destination once"`
	Documents    int       `json:"documents"`
	Processes    int       `json:"processes"`
	Destinations int       `json:"destinations"`
	Levels       Levels    `json:"levels" doc:"findings by their levels"`
	FirstRun     time.Time `json:"first_run" doc:"end of the first run of the time range with a finding"`
	LastRun      time.Time `json:"last_run"`
}

// ProcessList is a page of processes with findings.
type ProcessList struct {
	Reach
	Total     int       `json:"total" min:"0" doc:"on all pages"`
	Processes []Process `json:"processes" doc:"by falling risk score, then number of findings and name"`
	Next      string    `json:"next,omitempty" doc:"page of the next request; missing on the last page"`
}

// Process is a name of processes with findings.
type Process struct {
	Process      string    `json:"process"`
	MaxScore     *float64  `json:"max_score,omitempty" doc:"highest risk score; missing when none has one"`
	Findings     int       `json:"findings" doc:"each group and destination once"`
	Documents    int       `json:"documents"`
	Hosts        int       `json:"hosts"`
	Destinations int       `json:"destinations"`
	Levels       Levels    `json:"levels" doc:"findings by their levels"`
	FirstRun     time.Time `json:"first_run" doc:"end of the first run of the time range with a finding"`
	LastRun      time.Time `json:"last_run"`
}

// entities gathers what is wanted and returns the numbers of a page of it.
func (a *API) entities(ctx context.Context, c *call, p *entityParams, kind string, of func(*gathering) (tallies, *names)) (g *gathering, reach Reach, total int, page []uint32, next string, err error) {
	fail := func(err error) (*gathering, Reach, int, []uint32, string, error) {
		return nil, Reach{}, 0, nil, "", err
	}
	q, err := p.parse(a)
	if err != nil {
		return fail(err)
	}
	hash := asked(kind, p.Q, p.From, p.To, p.View)
	after, further, err := p.read(hash)
	if err != nil {
		return fail(err)
	}
	l := &look{all: p.View == "all", query: q, now: c.now}
	if further {
		l.span, l.now = span{after.From, after.To}, at(after.Now)
	} else if l.span, err = p.span(c.now, back(c.now, day)); err != nil {
		return fail(err)
	}
	var crowd crowd
	reach, err = a.each(ctx, l, func(s *seen) (bool, error) {
		crowd.add(s)
		return true, nil
	})
	if err != nil {
		return fail(err)
	}
	g = crowd.gather()
	t, texts := of(g)
	all := t.ordered(func(a, b uint32) int {
		x, y := &t[a], &t[b]
		return cmp.Or(cmp.Compare(y.score, x.score), cmp.Compare(y.findings, x.findings), cmp.Compare(texts.texts[a], texts.texts[b]))
	})
	from := min(after.Place.Skip, len(all))
	to := min(from+p.Limit, len(all))
	if to < len(all) {
		next = token{Asked: hash, From: l.from, To: l.to, Now: l.now.Unix(), Place: place{Skip: to}}.String()
	}
	return g, reach, len(all), all[from:to], next, nil
}

func (a *API) listHosts(ctx context.Context, c *call, p *entityParams, _ *none) (*HostList, error) {
	g, reach, total, page, next, err := a.entities(ctx, c, p, "hosts", func(g *gathering) (tallies, *names) { return g.ofHost, g.hosts })
	if err != nil {
		return nil, err
	}
	list := &HostList{Reach: reach, Total: total, Next: next, Hosts: make([]Host, len(page))}
	for i, n := range page {
		t := &g.ofHost[n]
		list.Hosts[i] = Host{
			Host: hostOf(g.hosts.texts[n]), Field: g.fields[n], MaxScore: scoreOrNone(t.score), Findings: t.findings, Documents: t.documents,
			Processes: t.others[0], Destinations: t.others[1], Levels: t.levels, FirstRun: at(t.first), LastRun: at(t.last),
		}
	}
	return list, nil
}

func (a *API) listProcesses(ctx context.Context, c *call, p *entityParams, _ *none) (*ProcessList, error) {
	g, reach, total, page, next, err := a.entities(ctx, c, p, "processes", func(g *gathering) (tallies, *names) { return g.ofProcess, g.processes })
	if err != nil {
		return nil, err
	}
	list := &ProcessList{Reach: reach, Total: total, Next: next, Processes: make([]Process, len(page))}
	for i, n := range page {
		t := &g.ofProcess[n]
		list.Processes[i] = Process{
			Process: g.processes.texts[n], MaxScore: scoreOrNone(t.score), Findings: t.findings, Documents: t.documents,
			Hosts: t.others[0], Destinations: t.others[1], Levels: t.levels, FirstRun: at(t.first), LastRun: at(t.last),
		}
	}
	return list, nil
}
