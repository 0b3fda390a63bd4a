package httpapi

import (
	"context"
	"errors"
	"math"
	"time"
	_ "time/tzdata" // the answer does not depend on what the machine knows of zones

	"golang.org/x/sync/errgroup"

	"fresnel/internal/finding"
	"fresnel/internal/pictures"
	"fresnel/internal/plot"
	"fresnel/internal/store"
)

// pictureParams are what the pictures of a finding are asked for with.
type pictureParams struct {
	idParams
	Zone string `query:"tz" default:"UTC" maxlen:"64" doc:"the zone whose clock the pictures show, by its IANA name such as Europe/Berlin"`
}

// PictureList is what the pictures of a finding show, as the report has them.
type PictureList struct {
	Pictures []Picture      `json:"pictures"`
	Window   *PictureWindow `json:"window,omitempty" doc:"of the pictures of a window; missing where no event of one is kept"`
}

// PictureWindow is the window that the tests looked at.
type PictureWindow struct {
	ID     string     `json:"id" doc:"of the finding of the run; where the run itself saw no event in its window, that of the newest run that did"`
	RunEnd time.Time  `json:"run_end"`
	Tests  []TestLine `json:"tests" doc:"the four tests, and the verdict at the end"`
}

// Picture is one of them.
type Picture struct {
	ID      string       `json:"id" doc:"says what it is of"`
	Of      string       `json:"of" enum:"calls,window" doc:"calls: to the destination, up to a week back; window: all that the group called in the window"`
	Heading string       `json:"heading"`
	Note    string       `json:"note" doc:"the main numbers"`
	Alt     string       `json:"alt" doc:"what is seen, in words"`
	SVG     string       `json:"svg" doc:"a document of SVG without heading and note. Its colours are the CSS variables --ink, --muted, --grid, --data, --mark, --mark-ink and --band, with a fallback each"`
	Width   float64      `json:"width" doc:"in units of its viewBox"`
	Height  float64      `json:"height"`
	Tall    bool         `json:"tall" doc:"it takes the room of two others, one above the other"`
	Plot    PictureArea  `json:"plot" doc:"where values are drawn, in units of its viewBox"`
	Across  *PictureAxis `json:"across,omitempty" doc:"where values lie; missing where they do not lie at even steps"`
	Values  []float64    `json:"values" doc:"from the left to the right"`
	Unit    string       `json:"unit,omitempty" enum:"count,bytes,number" doc:"of values"`
	Ticks   *Ticks       `json:"ticks,omitempty" doc:"of a picture of calls"`
}

// PictureArea is a rectangle.
type PictureArea struct {
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

// PictureAxis says where values lie.
type PictureAxis struct {
	Kind  string  `json:"kind" enum:"time,gap,period" doc:"time: a value lies from a time on, gap: from a length of time on, period: around one"`
	Lo    float64 `json:"lo_s" doc:"what the left edge of the plot stands for, in seconds: since 1970 UTC where it is a time"`
	Hi    float64 `json:"hi_s" doc:"what the right edge stands for"`
	First float64 `json:"first_s" doc:"of the first value"`
	Step  float64 `json:"step_s" doc:"from one value to the next"`
}

// Ticks are the marks of a picture of calls, in the order of their times. What was answered has a
// path of the class answered, what was not one of the class unanswered, each with a move for each tick.
type Ticks struct {
	First  int64   `json:"first_ms" doc:"the first one, milliseconds since 1970 UTC"`
	Gaps   []int64 `json:"gaps_ms" doc:"from each to the next"`
	Calls  []int   `json:"calls" doc:"how many calls fall on each; empty where it is one each"`
	Rows   int     `json:"rows" min:"1" doc:"lines of the picture, of one height"`
	Failed []int   `json:"failed" doc:"which were not answered, from 0 on"`
}

// looked returns what pictures of a finding are drawn from: the calls to its destination, and what
// its group called in the window of its run, read side by side. The result has the row of the
// finding, and no trace where no event of the window is kept.
func (a *API) looked(ctx context.Context, f *store.Finding, s *stored) (calls *pictures.Calls, r *finding.Result, err error) {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		calls, err = a.callbacks(gctx, f, s, week(f))
		return err
	})
	g.Go(func() (err error) {
		if s.Stats.NonEmptyBuckets == 0 { // the run said so
			return nil
		}
		r, err = a.trace(gctx, f, s)
		return unlessNone(err)
	})
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	if r == nil {
		group, _, err := a.groupOf(f, s)
		if err != nil {
			return nil, nil, err
		}
		r = &finding.Result{Group: group}
	}
	r.RunEnd, r.Row, r.Others = f.RunEnd, s.row(), nil
	return calls, r, nil
}

// unlessNone returns err unless it says that no event of a window is kept.
func unlessNone(err error) error {
	if p := new(problem); errors.As(err, &p) && p.body.Code == "no_events" {
		return nil
	}
	return err
}

func (a *API) findingPictures(ctx context.Context, c *call, p *pictureParams, _ *none) (*PictureList, error) {
	zone, err := time.LoadLocation(p.Zone)
	if err != nil || p.Zone == "" || p.Zone == "Local" {
		return nil, invalid("bad_parameter", "tz", quote(p.Zone), "the IANA name of a zone such as Europe/Berlin")
	}
	f, s, err := a.finding(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	calls, r, err := a.looked(ctx, f, s)
	if err != nil {
		return nil, err
	}
	params := a.o.Params()
	list := &PictureList{Pictures: []Picture{}}
	draw := func(of string, all []*plot.Picture) {
		for _, one := range all {
			list.Pictures = append(list.Pictures, pictureOf(of, one))
		}
	}
	draw("calls", pictures.OfCalls(pictures.Source{Result: r, Params: params, Calls: calls, Zone: zone}))
	id := f.ID
	if r.Trace == nil {
		if id, r, err = a.lastSeen(ctx, c, f, s); err != nil || r == nil {
			return list, err
		}
	}
	draw("window", pictures.OfWindow(pictures.Source{Result: r, Params: params, Zone: zone}))
	list.Window = &PictureWindow{ID: id, RunEnd: at(r.RunEnd), Tests: testLines(r, params)}
	return list, nil
}

// lastSeen returns what the group of a finding called in the window of the newest other run that
// saw it, and the id of the finding of that run; nil where no event of one is kept.
func (a *API) lastSeen(ctx context.Context, c *call, f *store.Finding, s *stored) (id string, r *finding.Result, err error) {
	const most = 4 // of windows that are read for it
	var runs []*seen
	if _, err := a.past(ctx, c, f, &spanParams{}, func(one *seen) {
		if one.runEnd != f.RunEnd && one.nonEmpty > 0 && len(runs) < most {
			kept := *one
			runs = append(runs, &kept)
		}
	}); err != nil {
		return "", nil, err
	}
	for _, one := range runs {
		run := *f
		run.RunEnd = one.runEnd
		r, err := a.trace(ctx, &run, s)
		if err := unlessNone(err); err != nil {
			return "", nil, err
		}
		if err == nil {
			r.RunEnd = one.runEnd
			return one.id.String(), r, nil
		}
	}
	return "", nil, nil
}

func pictureOf(of string, p *plot.Picture) Picture {
	frame, area := p.Frame(), p.Plot()
	out := Picture{
		ID: p.ID, Of: of, Heading: p.Heading, Note: p.Note, Alt: p.Alt, SVG: string(p.Bare()), Width: frame.Width, Height: frame.Height, Tall: p.Tall(),
		Plot: PictureArea(area), Values: []float64{}, Unit: string(p.Unit),
	}
	if len(p.Values) > 0 {
		a := p.Across
		out.Across = &PictureAxis{string(a.Kind), a.Lo, a.Hi, a.First, a.Step}
	}
	digits := map[plot.Unit]float64{plot.Count: 1, plot.Byte: 10, plot.Number: 1e4}[p.Unit] // as fine as it is told
	for _, v := range p.Values {
		out.Values = append(out.Values, math.Round(v*digits)/digits)
	}
	if len(p.Ticks) == 0 {
		return out
	}
	t := &Ticks{Rows: p.Rows, First: p.Ticks[0].Nanos / 1e6, Gaps: []int64{}, Calls: []int{}, Failed: []int{}}
	several := false
	for i, tick := range p.Ticks {
		if i > 0 {
			t.Gaps = append(t.Gaps, tick.Nanos/1e6-p.Ticks[i-1].Nanos/1e6)
		}
		if tick.Failed {
			t.Failed = append(t.Failed, i)
		}
		t.Calls = append(t.Calls, tick.Calls)
		several = several || tick.Calls > 1
	}
	if !several {
		t.Calls = []int{}
	}
	out.Ticks = t
	return out
}
