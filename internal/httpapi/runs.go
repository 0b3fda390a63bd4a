package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"fresnel/internal/store"
)

// runsParams are what the list of runs is asked for with.
type runsParams struct {
	spanParams
	pageParams
	Limit int `query:"limit" min:"1" max:"500" default:"100" doc:"most runs in the answer"`
}

// RunList is a page of runs.
type RunList struct {
	From    time.Time  `json:"from"`
	To      time.Time  `json:"to"`
	NextRun *time.Time `json:"next_run,omitempty" doc:"end of the window of the run that comes next"`
	Runs    []Run      `json:"runs" doc:"the newest first"`
	Next    string     `json:"next,omitempty" doc:"page of the next request; missing on the last page"`
}

// Run is one look at a window.
type Run struct {
	End        time.Time `json:"end" doc:"of the window"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Events     int64     `json:"events" doc:"looked at"`
	Groups     int64     `json:"groups" doc:"with events in the window"`
	Rows       int64     `json:"rows" doc:"groups and their destinations"`
	Timed      int64     `json:"timed" doc:"of these, with enough callbacks for the timing model"`
	Hidden     int64     `json:"hidden" doc:"findings of the timing model below rank.min_score or beyond rank.rows_per_host_day"`
	Late       int64     `json:"late" doc:"events since the run before that were older than its window's end"`
	Dropped    int64     `json:"dropped" doc:"events and calls that found no room in memory"`
	Findings   int64     `json:"findings"`
	ByHand     bool      `json:"by_hand"`
}

// RunOf returns a run as the API tells of it.
func RunOf(r *store.Run) Run {
	return Run{
		End: at(r.End), StartedAt: r.StartedAt.UTC(), FinishedAt: r.FinishedAt.UTC(), Events: r.Events, Groups: r.Groups, Rows: r.Rows, Timed: r.Timed,
		Hidden: r.Hidden, Late: r.Late, Dropped: r.Dropped, Findings: r.Findings, ByHand: r.ByHand,
	}
}

func (a *API) listRuns(ctx context.Context, c *call, p *runsParams, _ *none) (*RunList, error) {
	hash := asked("runs", p.From, p.To)
	after, further, err := p.read(hash)
	if err != nil {
		return nil, err
	}
	part := span{after.From, after.To}
	if !further {
		if part, err = p.span(c.now, back(c.now, twoWeeks)); err != nil {
			return nil, err
		}
	}
	to := part.to
	if further {
		to = min(to, after.Place.At)
	}
	runs, err := a.o.Store.RunsIn(ctx, part.from, to, p.Limit+1) // one more tells that there are more
	if err != nil {
		return nil, err
	}
	list := &RunList{From: at(part.from), To: at(part.to), Runs: []Run{}}
	if next := a.o.Detector.Next(); next > 0 {
		end := at(next)
		list.NextRun = &end
	}
	for i := range runs[:min(len(runs), p.Limit)] {
		list.Runs = append(list.Runs, RunOf(&runs[i]))
	}
	if len(runs) > p.Limit {
		list.Next = token{Asked: hash, From: part.from, To: part.to, Now: c.now.Unix(), Place: place{At: runs[p.Limit].End}}.String()
	}
	return list, nil
}

// runParams name a run.
type runParams struct {
	End time.Time `path:"end" doc:"end of the window"`
}

func (a *API) getRun(ctx context.Context, _ *call, p *runParams, _ *none) (*Run, error) {
	runs, err := a.o.Store.RunsIn(ctx, p.End.Unix(), p.End.Unix(), 1)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 || p.End.Nanosecond() != 0 {
		return nil, refuse(http.StatusNotFound, "not_found", "there is no run whose window ends at %s", p.End.Format(time.RFC3339Nano))
	}
	r := RunOf(&runs[0])
	return &r, nil
}

// RunRequest asks for a run by hand.
type RunRequest struct {
	End time.Time `json:"end" doc:"of the window; whole seconds, not to come. A run of the same end is replaced"`
}

// makeRun makes a run by hand. One at a time: each takes all the processors there are.
func (a *API) makeRun(ctx context.Context, c *call, _ *none, b *RunRequest) (*Run, error) {
	switch {
	case b.End.Nanosecond() != 0 || b.End.Unix() < firstSecond:
		return nil, invalid("bad_value", "end", b.End.Format(time.RFC3339Nano), "whole seconds, from 1970 on")
	case b.End.After(c.now):
		return nil, invalid("bad_value", "end", b.End.Format(time.RFC3339), "a time that is not to come; now is "+c.now.Format(time.RFC3339))
	}
	select {
	case a.hand <- struct{}{}:
		defer func() { <-a.hand }()
	default:
		return nil, busy(5 * time.Second)
	}
	// First the trail: nothing that a person did is missing there, whatever becomes of the run.
	end := b.End.UTC().Format(time.RFC3339)
	if err := a.o.Store.Change(ctx, nil, nil, c.entry("run.make", end, nil)); err != nil {
		return nil, fmt.Errorf("trail: %w", err)
	}
	r, err := a.o.Detector.RunAt(ctx, b.End.Unix())
	if err != nil {
		return nil, err
	}
	made := RunOf(r)
	return &made, nil
}

// entry makes an entry of the trail. Nothing secret may be among the details.
func (c *call) entry(action, subject string, detail map[string]any) store.Entry {
	e := store.Entry{At: c.now, User: c.by.Actor(), Action: action, Subject: subject}
	if c.by.From.IsValid() {
		e.From = c.by.From.String()
	}
	if text, err := json.Marshal(detail); err == nil && len(detail) > 0 {
		e.Detail = string(text)
	}
	return e
}
