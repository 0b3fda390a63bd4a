package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/store"
)

// Strips is how the strips of a list of cases are to be read.
type Strips struct {
	From    time.Time `json:"from" doc:"begin of the first bucket: of a time range with too many events that of its newest part"`
	Step    int64     `json:"step_s" min:"1" doc:"length of a bucket"`
	Buckets int       `json:"buckets" min:"1"`
}

// stripEvents is about how many events strips look at: half a second of reading.
const stripEvents = 5_000_000

// stripsOf returns strips over the newest part of s, of which as many events are as may be looked
// at, when those that are kept are spread evenly.
func stripsOf(s span, most int, size store.Size) *Strips {
	length := max(1, s.to-s.from)
	if over := float64(size.NewestNanos-size.OldestNanos) / 1e9; size.Events > stripEvents && over > 0 {
		length = max(1, min(length, int64(over*stripEvents/float64(size.Events))))
	}
	step := (length + int64(most) - 1) / int64(most)
	n := (length + step - 1) / step
	return &Strips{From: at(max(firstSecond, s.to+1-n*step)), Step: step, Buckets: int(n)}
}

// A strip counts the calls of one finding.
type strip struct {
	group  *groupMatch
	to     func(e *event.Event) bool
	counts []int
}

// strips counts calls of findings, bucket by bucket, and returns the counts in their order; nil for
// a finding whose calls cannot be told from others. All are counted in one look at the events.
func (a *API) strips(ctx context.Context, s *Strips, of []*seen) ([][]int, error) {
	var keys, missing []store.FindingKey
	var kept []store.Finding
	for _, one := range of {
		key := store.FindingKey{RunEnd: one.runEnd, ID: one.id.String()}
		keys = append(keys, key)
		f, err := a.index.finding(one.runEnd, one.place, one.id)
		if err != nil {
			return nil, err
		}
		if f != nil {
			kept = append(kept, *f)
		} else {
			missing = append(missing, key)
		}
	}
	found, err := a.o.Store.FindingsOf(ctx, missing)
	if err != nil {
		return nil, err
	}
	found = append(found, kept...)
	byKey := map[store.FindingKey]*strip{}
	// Of most events the group is told by a host that has no strip.
	first := groupLists(a.o.GroupBy())[0][0]
	byFirst, others := map[string][]*strip{}, []*strip(nil)
	for i := range found {
		f := &found[i]
		doc, err := readStored(f)
		if err != nil {
			return nil, err
		}
		group, err := a.groupMatch(f, doc)
		if p := (*problem)(nil); errors.As(err, &p) && p.status == http.StatusNotFound {
			continue
		} else if err != nil {
			return nil, err
		}
		one := &strip{group, destinationMatch(doc), make([]int, s.Buckets)}
		byKey[store.FindingKey{RunEnd: f.RunEnd, ID: f.ID}] = one
		if first.Kind() == event.KindText && group.fields[0] == first {
			byFirst[group.values[0]] = append(byFirst[group.values[0]], one)
		} else {
			others = append(others, one)
		}
	}
	filter, err := a.o.Tuner.Filter(Edit{})
	if err != nil {
		return nil, err
	}
	from := s.From.Unix()
	count := func(list []*strip, e *event.Event) {
		for _, one := range list {
			if one.group.has(e) && one.to(e) && filter.Timed(e) {
				one.counts[(e.TimeNanos/1e9-from)/s.Step]++
			}
		}
	}
	if err := a.events(ctx, span{from, from + int64(s.Buckets)*s.Step - 1}, func(e *event.Event) {
		if len(byFirst) > 0 {
			count(byFirst[*e.Text(first)], e)
		}
		count(others, e)
	}); err != nil {
		return nil, err
	}
	counts := make([][]int, len(keys))
	for i, key := range keys {
		if one := byKey[key]; one != nil {
			counts[i] = one.counts
		}
	}
	return counts, nil
}
