package httpapi

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"math"
	"net/http"
	"slices"

	"fresnel/internal/store"
)

// findingsParams are what a list of findings is asked for with.
type findingsParams struct {
	queryParams
	spanParams
	oneRunParams
	viewParams
	pageParams
	Sort   string `query:"sort" enum:"event.risk_score,fresnel.run.end,@timestamp,host.name,process.name,fresnel.destination,fresnel.timing.period_s,fresnel.timing.jitter,fresnel.timing.callbacks,beacon_stats.beaconing_score" default:"event.risk_score" doc:"field to order by; documents without it come last. Among equals: by falling risk score, the newest run first, by id"`
	Order  string `query:"order" enum:"desc,asc" default:"desc" doc:"the largest first, or the smallest"`
	Limit  int    `query:"limit" min:"1" max:"500" default:"50" doc:"most findings in the answer"`
	Facets bool   `query:"facets" default:"false" doc:"true counts all findings that are wanted by their hosts, processes, destinations and levels as well"`
}

// FindingList is a page of findings.
type FindingList struct {
	Reach
	Total    int        `json:"total" min:"0" doc:"findings that are wanted, on all pages"`
	Findings []Document `json:"findings"`
	Facets   *Facets    `json:"facets,omitempty"`
	Next     string     `json:"next,omitempty" doc:"page of the next request; missing on the last page"`
}

// Facets count the findings of a list.
type Facets struct {
	Levels       Levels  `json:"levels"`
	Hosts        []Facet `json:"hosts" doc:"the ten with the most findings"`
	Processes    []Facet `json:"processes" doc:"the ten with the most findings"`
	Destinations []Facet `json:"destinations" doc:"the ten with the most findings"`
}

// A Facet is a value and how many findings have it.
type Facet struct {
	Value    string   `json:"value"`
	Findings int      `json:"findings" min:"1"`
	MaxScore *float64 `json:"max_score,omitempty" doc:"highest risk score; missing when none has one"`
}

func (a *API) listFindings(ctx context.Context, c *call, p *findingsParams, _ *none) (*FindingList, error) {
	q, err := p.parse(a)
	if err != nil {
		return nil, err
	}
	hash := asked("findings", p.Q, p.From, p.To, p.Run, p.View, p.Sort, p.Order)
	after, further, err := p.read(hash)
	if err != nil {
		return nil, err
	}
	l := &look{all: p.View == "all", query: q, now: c.now}
	if further {
		l.span, l.now = span{after.From, after.To}, at(after.Now)
	} else if l.span, err = p.oneRunParams.span(&p.spanParams, c.now); err != nil {
		return nil, err
	}

	best := &page{limit: p.Limit + min(p.Limit, mostAhead), order: order{field: p.Sort, falling: p.Order == "desc"}}
	if further {
		best.after = &row{key: key{after.Place.Has, after.Place.Text, after.Place.Number}, seen: &seen{entry: &entry{score: after.Place.Score}, runEnd: after.Place.At}}
		copy(best.after.id[:], after.Place.ID)
	}
	list := &FindingList{}
	var count counts
	list.Reach, err = a.each(ctx, l, func(s *seen) (bool, error) {
		list.Total++
		if p.Facets {
			count.add(s)
		}
		best.add(s)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	rows := best.sorted()
	following := rows[min(p.Limit, len(rows)):]
	rows = rows[:len(rows)-len(following)]
	if list.Findings, err = a.documents(ctx, findingsOf(rows)); err != nil {
		return nil, err
	}
	if len(following) > 0 {
		a.ahead.push(findingsOf(following))
		last := rows[len(rows)-1]
		list.Next = token{Asked: hash, From: l.from, To: l.to, Now: l.now.Unix(), Place: place{
			Has: last.key.has, Text: last.key.text, Number: last.key.number, Score: last.score, At: last.runEnd, ID: last.id[:],
		}}.String()
	}
	if p.Facets {
		list.Facets = count.facets()
	}
	return list, nil
}

// topFacets is how many values of each kind are listed.
const topFacets = 10

// An order is what findings are ordered by.
type order struct {
	field   string
	falling bool
}

// A key is what one finding is ordered by: a text or a number.
type key struct {
	has    bool
	text   string
	number float64
}

func (o order) keyOf(s *seen) key {
	text := func(s string) key { return key{has: s != "", text: s} }
	number := func(n float64) key { // below 0 there is none
		if n < 0 {
			return key{}
		}
		return key{has: true, number: n}
	}
	switch o.field {
	case "fresnel.run.end":
		return key{has: true, number: float64(s.runEnd)}
	case "@timestamp":
		return key{has: s.timestamp != 0, number: float64(s.timestamp / 1000)} // exact for 285 years
	case "host.name":
		return text(s.text(s.host()))
	case "process.name":
		return text(s.text(s.process))
	case "fresnel.destination":
		return text(s.text(s.destination()))
	case "fresnel.timing.period_s":
		return number(s.period)
	case "fresnel.timing.jitter":
		return number(s.jitter)
	case "fresnel.timing.callbacks":
		return number(float64(s.callbacks))
	case "beacon_stats.beaconing_score":
		return number(float64(s.tests))
	}
	return number(s.score)
}

// A row is a finding in its place.
type row struct {
	key key
	*seen
}

func findingsOf(rows []*row) []*seen {
	all := make([]*seen, len(rows))
	for i, r := range rows {
		all[i] = r.seen
	}
	return all
}

// compare orders rows as they are listed. No two are equal: a run has an id once.
func (o order) compare(a, b *row) int {
	if a.key.has != b.key.has {
		if a.key.has {
			return -1
		}
		return 1
	}
	c := cmp.Or(cmp.Compare(a.key.number, b.key.number), cmp.Compare(a.key.text, b.key.text))
	if o.falling {
		c = -c
	}
	return cmp.Or(c, cmp.Compare(b.score, a.score), cmp.Compare(b.runEnd, a.runEnd), bytes.Compare(a.id[:], b.id[:]))
}

// A page keeps the first rows behind a place, the last of them on top.
type page struct {
	order order
	after *row // nil for the first page
	limit int
	rows  []*row
}

// Len implements heap.Interface.
func (p *page) Len() int { return len(p.rows) }

// Less implements heap.Interface.
func (p *page) Less(i, j int) bool { return p.order.compare(p.rows[i], p.rows[j]) > 0 }

// Swap implements heap.Interface.
func (p *page) Swap(i, j int) { p.rows[i], p.rows[j] = p.rows[j], p.rows[i] }

// Push implements heap.Interface.
func (p *page) Push(x any) { p.rows = append(p.rows, x.(*row)) }

// Pop implements heap.Interface.
func (p *page) Pop() any {
	last := p.rows[len(p.rows)-1]
	p.rows = p.rows[:len(p.rows)-1]
	return last
}

// add adds a finding, which it does not keep but copies.
func (p *page) add(s *seen) {
	r := row{key: p.order.keyOf(s), seen: s}
	if p.after != nil && p.order.compare(&r, p.after) <= 0 {
		return
	}
	full := len(p.rows) == p.limit
	if full && p.order.compare(&r, p.rows[0]) > 0 {
		return
	}
	seen := *s
	kept := &row{r.key, &seen} // on the heap only from here on
	if !full {
		heap.Push(p, kept)
		return
	}
	p.rows[0] = kept
	heap.Fix(p, 0)
}

func (p *page) sorted() []*row {
	slices.SortFunc(p.rows, p.order.compare)
	return p.rows
}

// counts count findings by what they have.
type counts struct {
	crowd
	levels Levels
}

func (c *counts) add(s *seen) {
	c.levels.add(s.score)
	c.crowd.add(s)
}

func (c *counts) facets() *Facets {
	hosts, processes, destinations := map[uint32]*Facet{}, map[uint32]*Facet{}, map[uint32]*Facet{}
	for _, w := range c.all {
		for _, one := range []struct {
			by    map[uint32]*Facet
			value uint32
		}{{hosts, w.host()}, {processes, w.process}, {destinations, w.destination()}} {
			if one.value == 0 {
				continue
			}
			facet := one.by[one.value]
			if facet == nil {
				facet = &Facet{Value: c.texts[one.value]}
				one.by[one.value] = facet
			}
			facet.Findings += w.documents
			facet.MaxScore = higher(facet.MaxScore, w.score)
		}
	}
	return &Facets{Levels: c.levels, Hosts: top(hosts, topFacets), Processes: top(processes, topFacets), Destinations: top(destinations, topFacets)}
}

// higher returns the higher of a score, which may be missing, and that of a finding.
func higher(a *float64, score float64) *float64 {
	if score < 0 || a != nil && *a >= score {
		return a
	}
	kept := score // on the heap only from here on
	return &kept
}

// scoreOf returns a score for comparisons; one that is missing is the lowest.
func scoreOf(score *float64) float64 {
	if score == nil {
		return math.Inf(-1)
	}
	return *score
}

// top returns the n facets with the most findings, then by score and value.
func top[K comparable](by map[K]*Facet, n int) []Facet {
	all := make([]Facet, 0, len(by))
	for _, f := range by {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Facet) int {
		return cmp.Or(cmp.Compare(b.Findings, a.Findings), cmp.Compare(scoreOf(b.MaxScore), scoreOf(a.MaxScore)), cmp.Compare(a.Value, b.Value))
	})
	return all[:min(n, len(all))]
}

// exportParams are what an export is asked for with.
type exportParams struct {
	queryParams
	spanParams
	oneRunParams
	viewParams
}

// exportFindings writes documents as they are read, one on a line, the newest run first.
func (a *API) exportFindings(ctx context.Context, c *call, p *exportParams) error {
	q, err := p.parse(a)
	if err != nil {
		return err
	}
	l := &look{all: p.View == "all", query: q, now: c.now}
	if l.span, err = p.oneRunParams.span(&p.spanParams, c.now); err != nil {
		return err
	}
	s := c.stream(`attachment; filename="findings.ndjson"`)
	if c.r.Method == http.MethodHead {
		return nil
	}
	_, err = a.read(ctx, l, func(one *store.Finding, _ bool) (bool, error) { return true, s.line(one.Doc) })
	if err != nil {
		return err
	}
	return s.flush()
}

// A stream is an answer that is written while it is made.
type stream struct {
	c       *call
	control *http.ResponseController
	pending []byte
}

// streamBytes is how much of a stream is written at once.
const streamBytes = 64 << 10

// stream begins an answer.
func (c *call) stream(disposition string) *stream {
	h := c.w.Header()
	h.Set("Content-Type", c.route.op.content)
	h.Set("Content-Disposition", disposition)
	return &stream{c: c, control: http.NewResponseController(c.w)}
}

func (s *stream) line(text []byte) error {
	s.pending = append(append(s.pending, text...), '\n')
	if len(s.pending) < streamBytes {
		return nil
	}
	return s.flush()
}

// flush writes what is pending. A client that does not read it in time is given up: it holds
// a place.
func (s *stream) flush() error {
	s.c.started = true
	_ = s.control.SetWriteDeadline(s.c.a.o.Now().Add(s.c.a.o.Limits.Send)) // not every writer has one
	if _, err := s.c.w.Write(s.pending); err != nil {
		return err
	}
	s.pending = s.pending[:0]
	_ = s.control.Flush()
	return nil
}
