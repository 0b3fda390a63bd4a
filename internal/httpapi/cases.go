package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"
)

// casesParams are what the list of cases is asked for with.
type casesParams struct {
	queryParams
	spanParams
	Singles bool `query:"singles" default:"true" doc:"findings that are in no case as well, each as a case of its own without an id"`
	Limit   int  `query:"limit" min:"1" max:"200" default:"50" doc:"most cases in the answer"`
	Strip   int  `query:"strip" min:"0" max:"96" default:"0" doc:"most buckets of the strips; 0 for no strips, which spares a look at the events of the time range"`
}

// CaseList is the cases that an analyst would look at first.
type CaseList struct {
	Reach
	Total  int        `json:"total" min:"0" doc:"cases, also those that are not in the answer"`
	Cases  []CaseLine `json:"cases" doc:"by falling risk score, then the newest run first, then by id"`
	Strips *Strips    `json:"strips,omitempty" doc:"of the cases, where they were asked for"`
}

// CaseLine is a case: the findings of one command-and-control server or of one implant, each
// group and destination by its newest document.
type CaseLine struct {
	ID           string     `json:"id,omitempty" doc:"missing for a finding that is in no case"`
	Level        string     `json:"level" enum:"high,medium,some,low,unranked"`
	MaxScore     *float64   `json:"max_score,omitempty"`
	Findings     int        `json:"findings" min:"1"`
	Hosts        []string   `json:"hosts" doc:"at most 20"`
	Processes    []string   `json:"processes" doc:"at most 20"`
	Destinations []string   `json:"destinations" doc:"at most 20"`
	First        *time.Time `json:"first,omitempty" doc:"first call that the timing model saw"`
	Last         *time.Time `json:"last,omitempty"`
	Lead         Document   `json:"lead" doc:"the finding with the highest risk score"`
	Strip        []int      `json:"strip,omitempty" doc:"calls of the lead, its group to its destination, that the timing model looks at, bucket by bucket, the oldest first; missing where strips were not asked for, or group_by has changed since"`
}

// maxMembers is how many hosts, processes and destinations of a case are named.
const maxMembers = 20

// A gathered is a case while its findings are read.
type gathered struct {
	CaseLine
	first, last int64 // nanoseconds; 0 for none
	lead        seen
}

// before orders cases as they are listed.
func (g *gathered) before(o *gathered) int {
	return cmp.Or(cmp.Compare(o.lead.score, g.lead.score), cmp.Compare(o.lead.runEnd, g.lead.runEnd), bytes.Compare(g.lead.id[:], o.lead.id[:]))
}

// member adds a value to a short list without doubles.
func member(list []string, value string) []string {
	if value == "" || len(list) == maxMembers || slices.Contains(list, value) {
		return list
	}
	return append(list, value)
}

func (g *gathered) add(s *seen) {
	g.Findings++
	g.Hosts, g.Processes, g.Destinations = member(g.Hosts, s.text(s.host())), member(g.Processes, s.text(s.process)), member(g.Destinations, s.text(s.destination()))
	if s.first != 0 && (g.first == 0 || s.first < g.first) {
		g.first = s.first
	}
	g.last = max(g.last, s.last)
	if g.Findings == 1 || s.score > g.lead.score || s.score == g.lead.score && s.runEnd == g.lead.runEnd && bytes.Compare(s.id[:], g.lead.id[:]) < 0 {
		g.lead = *s
	}
}

// line returns g as it is shown, with the document of its lead.
func (g *gathered) line(lead Document) CaseLine {
	out := g.CaseLine
	out.Level, out.MaxScore, out.Lead = levelOf(g.lead.score), scoreOrNone(g.lead.score), lead
	if g.first != 0 {
		first, last := time.Unix(0, g.first).UTC(), time.Unix(0, g.last).UTC()
		out.First, out.Last = &first, &last
	}
	for _, list := range []*[]string{&out.Hosts, &out.Processes, &out.Destinations} {
		*list = append([]string{}, *list...)
		slices.Sort(*list)
	}
	return out
}

func (a *API) listCases(ctx context.Context, c *call, p *casesParams, _ *none) (*CaseList, error) {
	q, err := p.parse(a)
	if err != nil {
		return nil, err
	}
	l := &look{query: q, now: c.now}
	if l.span, err = p.span(c.now, back(c.now, day)); err != nil {
		return nil, err
	}
	list := &CaseList{Cases: []CaseLine{}}
	var all []*gathered
	byID := map[uint32]*gathered{}
	list.Reach, err = a.each(ctx, l, func(s *seen) (bool, error) {
		g := byID[s.caseID]
		if g == nil || s.caseID == 0 {
			if s.caseID == 0 && !p.Singles {
				return true, nil
			}
			g = &gathered{CaseLine: CaseLine{ID: s.text(s.caseID)}}
			all = append(all, g)
			if s.caseID != 0 {
				byID[s.caseID] = g
			}
		}
		g.add(s)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, (*gathered).before)
	list.Total = len(all)
	all = all[:min(len(all), p.Limit)]
	var leads []*seen
	for _, g := range all {
		leads = append(leads, &g.lead)
	}
	if _, err := a.documents(ctx, leads); err != nil {
		return nil, err
	}
	counts := make([][]int, len(leads))
	if p.Strip > 0 {
		size, err := a.o.Store.Size(ctx)
		if err != nil {
			return nil, err
		}
		list.Strips = stripsOf(l.span, p.Strip, size)
		if counts, err = a.strips(ctx, list.Strips, leads); err != nil {
			return nil, err
		}
	}
	for i, g := range all {
		if g.lead.doc != nil { // else its run has been replaced meanwhile
			g.Strip = counts[i]
			list.Cases = append(list.Cases, g.line(g.lead.doc))
		}
	}
	return list, nil
}

// caseParams are what a case is asked for with.
type caseParams struct {
	ID string `path:"id" pattern:"^[0-9a-f]{32}$" want:"32 hexadecimal digits, the fresnel.case.id of a document" doc:"fresnel.case.id of a document"`
	spanParams
	Limit int `query:"limit" min:"1" max:"500" default:"100" doc:"most findings in the answer"`
}

// CaseDetail is a case as the newest run of the time range that knows it under its id tells it.
type CaseDetail struct {
	Reach
	Case     CaseLine    `json:"case"`
	RunEnd   time.Time   `json:"run_end"`
	Total    int         `json:"total" min:"1" doc:"findings of the run"`
	Findings []Document  `json:"findings" doc:"by falling risk score, then by id"`
	Runs     []CaseInRun `json:"runs" doc:"the newest first, at most 2000"`
}

// CaseInRun is what one run said of a case.
type CaseInRun struct {
	RunEnd   time.Time `json:"run_end"`
	Findings int       `json:"findings"`
	MaxScore *float64  `json:"max_score,omitempty"`
}

func (a *API) getCase(ctx context.Context, c *call, p *caseParams, _ *none) (*CaseDetail, error) {
	l := &look{all: true, now: c.now}
	var err error
	if l.span, err = p.span(c.now, back(c.now, twoWeeks)); err != nil {
		return nil, err
	}
	g := &gathered{CaseLine: CaseLine{ID: p.ID}}
	best := &page{limit: p.Limit, order: order{field: "event.risk_score", falling: true}}
	out := &CaseDetail{}
	out.Reach, err = a.each(ctx, l, func(s *seen) (bool, error) {
		if s.text(s.caseID) != p.ID {
			return true, nil
		}
		end := at(s.runEnd)
		if n := len(out.Runs); n == 0 || !out.Runs[n-1].RunEnd.Equal(end) {
			if n == maxHistory {
				return false, nil
			}
			out.Runs = append(out.Runs, CaseInRun{RunEnd: end})
		}
		in := &out.Runs[len(out.Runs)-1]
		in.Findings++
		in.MaxScore = higher(in.MaxScore, s.score)
		if len(out.Runs) == 1 {
			out.Total++
			g.add(s)
			best.add(s)
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	if out.Total > 0 {
		if out.Findings, err = a.documents(ctx, findingsOf(best.sorted())); err != nil {
			return nil, err
		}
	}
	if len(out.Findings) == 0 { // or the run has been replaced meanwhile
		return nil, refuse(http.StatusNotFound, "not_found", "no run from %s to %s knows a case of the id %s", out.From.Format(time.RFC3339), out.To.Format(time.RFC3339), p.ID)
	}
	out.Case, out.RunEnd = g.line(out.Findings[0]), out.Runs[0].RunEnd
	return out, nil
}
