package main

import (
	"math"

	"fresnel/bench/worlds"
	"fresnel/internal/beacon"
	"fresnel/internal/evaluate"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/series"
)

// referenceEvery is the schedule of the reference, in seconds.
const referenceEvery = 3600

// batchEvents is how many events go to the table at once.
const batchEvents = 4096

// A reference looks at events as the reference statistics do: its filter, its default
// parameters, a run an hour.
type reference struct {
	filter      *filter.Filter
	params      beacon.Params
	table       *series.Table
	batch       series.Batch
	key         []byte
	first, last int64 // times of kept events, nanoseconds
}

// A flagged is a group that a run at least found beaconing.
type flagged struct {
	subject evaluate.Subject
	score   int   // the highest beaconing_score
	first   int64 // end of the first run that flagged it, seconds since 1970 UTC
}

func newReference() (*reference, error) {
	f, err := filter.Compile(filter.Default())
	if err != nil {
		return nil, err
	}
	p := beacon.DefaultParams()
	length := int64(p.TimeBucketLength) // which divides the hour and the window
	return &reference{
		filter: f, params: p, first: math.MaxInt64, last: math.MinInt64,
		table: series.NewTable(series.Config{
			Grid:           series.Grid{BucketSeconds: length, CellBuckets: referenceEvery / length},
			SummaryEntries: 1, // whom a group called is not asked for
		}),
	}, nil
}

func (r *reference) add(e *event.Event, hash uint64) {
	if !r.filter.Keeps(e) {
		return
	}
	r.first, r.last = min(r.first, e.TimeNanos), max(r.last, e.TimeNanos)
	r.key = worlds.Keys{}.AppendKey(r.key[:0], e)
	group := r.table.Numbers(nil, []series.Name{{Hash: hash, Key: r.key}})[0]
	r.batch.Add(group, &series.Observation{TimeNanos: e.TimeNanos, SourceBytes: e.SourceBytes, DestinationBytes: e.DestinationBytes})
	if r.batch.Len() == batchEvents {
		r.table.Apply(&r.batch)
		r.batch.Reset()
	}
}

// run runs the schedule from the first full window to the end of the events.
func (r *reference) run() (map[string]*flagged, error) {
	r.table.Apply(&r.batch)
	r.batch.Reset()
	found := map[string]*flagged{}
	if r.last < r.first {
		return found, nil
	}
	a, err := beacon.NewAnalyzer(r.params)
	if err != nil {
		return nil, err
	}
	up := func(second int64) int64 { return (second + referenceEvery - 1) / referenceEvery * referenceEvery }
	last := up(r.last / 1e9)
	first := min((r.first/1e9+r.params.WindowSeconds()-1)/referenceEvery*referenceEvery, last)
	view := r.table.View(r.params.NumberBucketsInRange, int64(r.params.TimeBucketLength))
	for end := first; end <= last; end += referenceEvery {
		view.Each(end, func(w *series.Window) {
			if err != nil || !r.params.Enough(w.Interval, w.NonEmptyBuckets) {
				return
			}
			var yes bool
			if yes, err = a.IsBeaconing(&w.Series); err != nil || !yes {
				return
			}
			var s beacon.Stats
			if err = a.Analyze(&w.Series, &s); err != nil {
				return
			}
			g := found[string(w.Key())]
			if g == nil {
				g = &flagged{subject: worlds.Keys{}.Subject(w.Key()), first: end}
				found[string(w.Key())] = g
			}
			g.score = max(g.score, s.BeaconingScore)
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
