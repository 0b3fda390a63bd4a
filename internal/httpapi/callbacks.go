package httpapi

import (
	"cmp"
	"context"
	"slices"
	"time"

	"fresnel/internal/event"
)

// CallbackList is when a group called a destination.
type CallbackList struct {
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	Total       int       `json:"total" min:"0" doc:"calls in the time range"`
	Dropped     int       `json:"dropped" min:"0" doc:"calls that are not in the answer, the oldest"`
	Seconds     []int64   `json:"seconds" doc:"from from to each call, the oldest first; at most 50000"`
	Failed      []int     `json:"failed" doc:"which of these were not answered, by their place in seconds, from 0 on"`
	FailedKnown bool      `json:"failed_known" doc:"false when the events do not tell whether calls were answered"`
}

// maxRaster bounds the calls of an answer: seven days of one every twelve seconds.
const maxRaster = 50_000

// lookback is how far back the calls of a finding are looked at by themselves.
const lookback = 7 * day

// A callback is one call.
type callback struct {
	nanos  int64
	failed bool
}

func (a *API) findingCallbacks(ctx context.Context, c *call, p *historyParams, _ *none) (*CallbackList, error) {
	f, s, err := a.finding(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	part, err := p.span(c.now, span{max(firstSecond, f.RunEnd-int64(lookback/time.Second)), f.RunEnd})
	if err != nil {
		return nil, err
	}
	group, err := a.groupMatch(f, s)
	if err != nil {
		return nil, err
	}
	filter, err := a.o.Tuner.Filter(nil)
	if err != nil {
		return nil, err
	}
	destination := destinationMatch(s)
	list := &CallbackList{From: at(part.from), To: at(part.to), Seconds: []int64{}, Failed: []int{}}
	var calls []callback
	newest := func() { // leaves the newest ones, in order
		slices.SortStableFunc(calls, func(a, b callback) int { return cmp.Compare(a.nanos, b.nanos) })
		calls = slices.Delete(calls, 0, max(0, len(calls)-maxRaster))
	}
	if err := a.events(ctx, part, func(e *event.Event) {
		if !group.has(e) || !destination(e) || !filter.Timed(e) {
			return
		}
		list.Total++
		failed, known := unanswered(e)
		list.FailedKnown = list.FailedKnown || known
		if calls = append(calls, callback{e.TimeNanos, failed}); len(calls) == 2*maxRaster {
			newest()
		}
	}); err != nil {
		return nil, err
	}
	newest()
	list.Dropped = list.Total - len(calls)
	for i, c := range calls {
		list.Seconds = append(list.Seconds, c.nanos/1e9-part.from)
		if c.failed {
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
