package httpapi

import (
	"cmp"
	"context"
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

func (t *tally) add(s *seen) {
	t.documents++
	t.score = max(t.score, s.score)
	if t.documents == 1 { // the newest run comes first
		t.last = s.runEnd
	}
	t.first = s.runEnd
	if s.newest {
		t.findings++
		t.levels.add(s.score)
	}
}

// A pair is two numbers.
type pair struct{ a, b uint32 }

// A gathering counts findings by hosts, processes and destinations.
type gathering struct {
	hosts, processes, places   *names
	ofHost, ofProcess, ofPlace tallies
	hostProcess, hostPlace     map[pair]struct{}
	processPlace               map[pair]struct{}
	fields                     []string        // of hosts: the field that holds them, by number
	who                        map[uint64]*who // by group and destination
}

// A who says who a group and destination are. Nearly all documents of one say the same, so that
// only the first has to be looked up.
type who struct {
	hostName, source, processName, destination string
	host, process, place                       uint32 // their numbers

	// For the overview: where its last document was counted.
	step   int
	visit  *weight // nil for nowhere yet
	caseID string
}

// is reports whether s is of the same host, process and destination. Texts out of an index are equal
// at a glance.
func (w *who) is(s *seen, destination string) bool {
	return w.hostName == s.hostName && w.source == s.source && w.processName == s.process && w.destination == destination
}

func newGathering() *gathering {
	return &gathering{
		hosts: newNames(), processes: newNames(), places: newNames(),
		hostProcess: map[pair]struct{}{}, hostPlace: map[pair]struct{}{}, processPlace: map[pair]struct{}{}, who: map[uint64]*who{},
	}
}

// isNew adds p to a set and reports whether it was not there.
func isNew(set map[pair]struct{}, p pair) bool {
	if _, ok := set[p]; ok || p.a == 0 || p.b == 0 {
		return false
	}
	set[p] = struct{}{}
	return true
}

// add counts a finding and returns who it is.
func (g *gathering) add(s *seen) *who {
	destination := s.destination()
	w := g.who[s.group]
	known := w != nil && w.is(s, destination)
	if !known {
		// A host that is an address and one that is named so are two.
		w = &who{
			hostName: s.hostName, source: s.source, processName: s.process, destination: destination,
			host: g.hosts.number(hostKey(s)), process: g.processes.number(s.process), place: g.places.number(destination),
		}
		g.who[s.group] = w
		for len(g.fields) < len(g.hosts.texts) {
			g.fields = append(g.fields, s.hostField())
		}
	}
	h, p, d := g.ofHost.of(w.host), g.ofProcess.of(w.process), g.ofPlace.of(w.place)
	h.add(s)
	p.add(s)
	d.add(s)
	if known {
		return w
	}
	if isNew(g.hostProcess, pair{w.host, w.process}) {
		h.others[0]++
		p.others[0]++
	}
	if isNew(g.hostPlace, pair{w.host, w.place}) {
		h.others[1]++
		d.others[0]++
	}
	if isNew(g.processPlace, pair{w.process, w.place}) {
		p.others[1]++
		d.others[1]++
	}
	return w
}

// hostKey tells hosts apart; hostOf returns the host of a key.
func hostKey(s *seen) string {
	if s.hostName != "" || s.source == "" {
		return s.hostName
	}
	return addressKey + s.source
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
		if r.ByHand {
			continue
		}
		if gap := last - r.End; last != 0 && (least == 0 || gap < least) {
			least = gap
		}
		last = r.End
	}
	return least
}

// A visit is a host and a process in a step.
type visit struct {
	step          int
	host, process uint32
}

// A weight is how often a host and a process were seen together, and the highest risk score.
type weight struct {
	documents int
	score     float64
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

	g := newGathering()
	visits := map[visit]*weight{}
	cases := map[string]struct{}{}
	lastRun := int64(-1)
	out.Reach, err = a.each(ctx, l, func(s *seen) (bool, error) {
		w := g.add(s)
		out.Documents++
		if s.runEnd != lastRun {
			out.Runs++
			lastRun = s.runEnd
		}
		if s.newest {
			out.Findings++
			out.Levels.add(s.score)
		}
		if s.caseID != w.caseID && s.caseID != "" {
			w.caseID = s.caseID
			cases[s.caseID] = struct{}{}
		}
		i := int((s.runEnd - first) / length)
		out.Steps[i].Documents++
		out.Steps[i].Levels.add(s.score)
		if w.visit == nil || w.step != i {
			v := visit{i, w.host, w.process}
			if visits[v] == nil {
				visits[v] = &weight{score: -1}
			}
			w.step, w.visit = i, visits[v]
		}
		w.visit.documents++
		w.visit.score = max(w.visit.score, s.score)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	out.Hosts, out.Processes, out.Destinations, out.Cases = len(g.hosts.texts)-1, len(g.processes.texts)-1, len(g.places.texts)-1, len(cases)
	out.count(visits)
	out.tops(g, visits, p.Top)
	return out, nil
}

// count counts hosts and processes step by step.
func (o *Overview) count(visits map[visit]*weight) {
	hosts, processes := map[visit]struct{}{}, map[visit]struct{}{}
	for v := range visits {
		hosts[visit{step: v.step, host: v.host}] = struct{}{}
		processes[visit{step: v.step, process: v.process}] = struct{}{}
	}
	for v := range hosts {
		if v.host != 0 {
			o.Steps[v.step].Hosts++
		}
	}
	for v := range processes {
		if v.process != 0 {
			o.Steps[v.step].Processes++
		}
	}
}

// tops fills in the n first of each kind.
func (o *Overview) tops(g *gathering, visits map[visit]*weight, n int) {
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
	cells := map[pair]weight{}
	for v, w := range visits {
		host, ofTop := hostRows[v.host]
		process, ofTopToo := processRows[v.process]
		if ofTop && v.process != 0 {
			o.TopHosts[host].Steps[v.step]++
		}
		if ofTopToo && v.host != 0 {
			o.TopProcesses[process].Steps[v.step]++
		}
		if ofTop && ofTopToo {
			p := pair{uint32(host), uint32(process)}
			c, ok := cells[p]
			if !ok {
				c.score = -1
			}
			cells[p] = weight{c.documents + w.documents, max(c.score, w.score)}
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
	g = newGathering()
	reach, err = a.each(ctx, l, func(s *seen) (bool, error) {
		g.add(s)
		return true, nil
	})
	if err != nil {
		return fail(err)
	}
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
