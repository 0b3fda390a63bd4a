package httpapi

import (
	"cmp"
	"context"
	"slices"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/pictures"
	"fresnel/internal/store"
)

// CallbackList is when a group called a destination.
type CallbackList struct {
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	Total       int       `json:"total" min:"0" doc:"calls in the time range"`
	Dropped     int       `json:"dropped" min:"0" doc:"calls that are not in the answer, the oldest"`
	Millis      []int64   `json:"millis" doc:"from from to each call, in milliseconds, the oldest first; at most 50000"`
	Sent        []int64   `json:"source_bytes" doc:"that each of these calls sent; 0 where the event does not say"`
	Received    []int64   `json:"destination_bytes" doc:"that each of these calls received; 0 where the event does not say"`
	Failed      []int     `json:"failed" doc:"which of these were not answered, by their place in millis, from 0 on"`
	FailedKnown bool      `json:"failed_known" doc:"false when the events do not tell whether calls were answered"`
}

// maxRaster bounds the calls of an answer: seven days of one every twelve seconds.
const maxRaster = 50_000

// lookback is how far back the calls of a finding are looked at by themselves.
const lookback = 7 * day

// A callback is one call.
type callback struct {
	nanos          int64
	sent, received int64 // bytes
	failed         bool
}

// week is the time in which the calls of a finding are looked at by themselves.
func week(f *store.Finding) span {
	return span{max(firstSecond, f.RunEnd-int64(lookback/time.Second)), f.RunEnd}
}

// callbacks returns the calls of a finding in a part of time, the newest maxRaster at most.
func (a *API) callbacks(ctx context.Context, f *store.Finding, s *stored, part span) (*pictures.Calls, error) {
	group, err := a.groupMatch(f, s)
	if err != nil {
		return nil, err
	}
	filter, err := a.o.Tuner.Filter(Edit{})
	if err != nil {
		return nil, err
	}
	destination := destinationMatch(s)
	out := &pictures.Calls{EndNanos: part.to * 1e9}
	var calls []callback
	newest := func() { // leaves the newest ones, in order
		slices.SortStableFunc(calls, func(a, b callback) int { return cmp.Compare(a.nanos, b.nanos) })
		calls = slices.Delete(calls, 0, max(0, len(calls)-maxRaster))
	}
	if err := a.events(ctx, part, func(e *event.Event) {
		if !group.has(e) || !destination(e) || !filter.Timed(e) {
			return
		}
		out.Total++
		failed, known := unanswered(e)
		out.FailedKnown = out.FailedKnown || known
		if calls = append(calls, callback{e.TimeNanos, e.SourceBytes, e.DestinationBytes, failed}); len(calls) == 2*maxRaster {
			newest()
		}
	}); err != nil {
		return nil, err
	}
	newest()
	for _, c := range calls {
		out.TimesNanos, out.Failed = append(out.TimesNanos, c.nanos), append(out.Failed, c.failed)
		out.Sent, out.Received = append(out.Sent, c.sent), append(out.Received, c.received)
	}
	return out, nil
}

func (a *API) findingCallbacks(ctx context.Context, c *call, p *historyParams, _ *none) (*CallbackList, error) {
	f, s, err := a.finding(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	part, err := p.span(c.now, week(f))
	if err != nil {
		return nil, err
	}
	calls, err := a.callbacks(ctx, f, s, part)
	if err != nil {
		return nil, err
	}
	list := &CallbackList{
		From: at(part.from), To: at(part.to), Total: calls.Total, Dropped: calls.Total - len(calls.TimesNanos), FailedKnown: calls.FailedKnown,
		Millis: []int64{}, Sent: append([]int64{}, calls.Sent...), Received: append([]int64{}, calls.Received...), Failed: []int{},
	}
	for i, nanos := range calls.TimesNanos {
		list.Millis = append(list.Millis, nanos/1e6-part.from*1000)
		if calls.Failed[i] {
			list.Failed = append(list.Failed, i)
		}
	}
	return list, nil
}

// unanswered reports whether a call was not answered, and whether its event tells: as the timing
// model sees it, which a test holds.
func unanswered(e *event.Event) (failed, known bool) {
	switch e.ConnectionState {
	case "":
		return e.DestinationBytes == 0 && e.SourceBytes > 0, e.DestinationBytes > 0 || e.SourceBytes > 0
	case "S0", "REJ", "SH", "RSTOS0", "RSTRH":
		return true, true
	case "new": // Suricata's word for one side only
		return e.DestinationBytes == 0, true
	}
	return false, true
}
