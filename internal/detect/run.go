package detect

import (
	"context"
	"math"
	"slices"

	"fresnel/internal/beacon"
	"fresnel/internal/finding"
	"fresnel/internal/series"
	"fresnel/internal/timeline"
)

// A detection looks at the gathered tables run by run.
type detection struct {
	o       *Options
	plan    plan
	keys    keys
	shards  []*shard
	details *series.Dictionary
	summary *Summary

	calls               []*timeline.Table // that the looks look at
	firstCall, lastCall int64             // of the events in them
	looked              []*look
	surveyed            *surveyed // nil when nobody looks again

	views   []*series.View
	workers []*analysis
}

// An analysis is one goroutine's memory for the statistics.
type analysis struct {
	analyzer *beacon.Analyzer
	results  []*finding.Result
	keys     []string // of the groups of results, when there is a look
	err      error
}

func (d *detection) run(ctx context.Context, emit func(*finding.Result) error) error {
	first, newest := d.summary.First, d.summary.Last
	if d.lastCall >= d.firstCall { // the rank sees events that the statistics do not
		first, newest = min(first, d.firstCall), max(newest, d.lastCall)
	}
	if newest < first {
		return nil
	}
	d.views = make([]*series.View, len(d.shards))
	d.o.each(len(d.shards), func(_, i int) {
		d.views[i] = d.shards[i].table.View(d.plan.params.NumberBucketsInRange, int64(d.plan.params.TimeBucketLength))
	})
	for range d.o.Workers {
		a, err := beacon.NewAnalyzer(d.plan.params)
		if err != nil {
			return err
		}
		d.workers = append(d.workers, &analysis{analyzer: a})
	}
	switch d.plan.runs.Mode {
	case At:
		return d.once(ctx, d.plan.runs.End, emit)
	case Latest:
		if d.summary.Last >= d.summary.First {
			newest = d.summary.Last
		}
		return d.once(ctx, d.plan.grid.End(d.plan.grid.Bucket(newest)), emit)
	default:
	}
	if err := d.looks(ctx, d.plan.at(newest/1e9)); err != nil {
		return err
	}
	if err := d.schedule(ctx, emit); err != nil {
		return err
	}
	for { // looks behind the last run
		end, ok := d.nextLook()
		if !ok {
			return nil
		}
		if err := d.window(ctx, end, emit); err != nil {
			return err
		}
	}
}

// once looks at one window.
func (d *detection) once(ctx context.Context, end int64, emit func(*finding.Result) error) error {
	if err := d.looks(ctx, end); err != nil {
		return err
	}
	return d.window(ctx, end, emit)
}

// schedule looks at the windows of the schedule that have events for the statistics, and at
// those that end with a look.
func (d *detection) schedule(ctx context.Context, emit func(*finding.Result) error) error {
	if d.summary.Last < d.summary.First {
		return nil
	}
	last := d.plan.at(d.summary.Last / 1e9)
	end := min(d.plan.first(d.summary.First/1e9), last)
	for {
		if next, ok := d.nextLook(); ok && next < end { // while there was nothing to see
			if err := d.window(ctx, next, emit); err != nil {
				return err
			}
			continue
		}
		if end > last {
			return nil
		}
		if err := d.window(ctx, end, emit); err != nil {
			return err
		}
		end += d.plan.runs.Every
		if next, idle := d.idle(); idle { // nothing to see until then
			if next == math.MaxInt64 {
				return nil
			}
			end = max(end, d.plan.at(next))
		}
	}
}

// idle reports that no view has a group with events in the last window, and when the next
// one comes.
func (d *detection) idle() (next int64, idle bool) {
	next = math.MaxInt64
	for _, v := range d.views {
		n, idle := v.Idle()
		if !idle {
			return 0, false
		}
		next = min(next, n)
	}
	return next, true
}

// window looks at all groups in the window that ends at end.
func (d *detection) window(ctx context.Context, end int64, emit func(*finding.Result) error) error {
	for _, w := range d.workers {
		w.results, w.keys = w.results[:0], w.keys[:0]
	}
	look := d.lookAt(end)
	d.o.each(len(d.views), func(worker, i int) {
		if w := d.workers[worker]; w.err == nil && ctx.Err() == nil {
			w.err = d.view(w, d.views[i], end, look)
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, w := range d.workers {
		if w.err != nil {
			return w.err
		}
	}
	d.summary.Runs++
	d.o.RunsDone.Add(1)
	var results []*finding.Result
	byKey := map[string]*finding.Result{}
	for _, w := range d.workers {
		results = append(results, w.results...)
		for i, key := range w.keys {
			byKey[key] = w.results[i]
		}
	}
	results = d.rank(results, byKey, end)
	slices.SortFunc(results, finding.Compare)
	for _, r := range results {
		d.summary.Results++
		if r.Found() {
			d.summary.Findings++
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

// view adds the results of one table to those of w. Groups that a look at the same end found
// have a result whatever the statistics say.
func (d *detection) view(w *analysis, v *series.View, end int64, look *look) (err error) {
	p := &d.plan.params
	wanted := func(key []byte) bool { return look != nil && look.end == end && look.found[string(key)] != nil }
	v.Each(end, func(win *series.Window) {
		if err != nil {
			return
		}
		if !d.o.All && !wanted(win.Key()) {
			if !p.Enough(win.Interval, win.NonEmptyBuckets) {
				return
			}
			var found bool
			if found, err = w.analyzer.IsBeaconing(&win.Series); !found {
				return
			}
		}
		var stats beacon.Stats
		if err = w.analyzer.Analyze(&win.Series, &stats); err != nil {
			return
		}
		r := &finding.Result{RunEnd: end, Group: d.keys.group(win.Key()), Events: win.Events, Stats: stats, Details: readDetails(d.details.Text(win.Details()))}
		r.FirstNanos, r.LastNanos, r.IngestedNanos = win.Times()
		if stats.Enough {
			r.Destinations = win.Destinations(p.NumberDestinationIPs)
		}
		if d.o.Pictures != NoPictures {
			r.Trace = d.trace(w, win)
		}
		w.results = append(w.results, r)
		if look != nil {
			w.keys = append(w.keys, string(win.Key()))
		}
	})
	return err
}

func (d *detection) trace(w *analysis, win *series.Window) *finding.Trace {
	t := &finding.Trace{
		BucketSeconds:    int64(d.plan.params.TimeBucketLength),
		Counts:           slices.Clone(win.Counts),
		SourceBytes:      slices.Clone(win.SourceBytes),
		DestinationBytes: slices.Clone(win.DestinationBytes),
	}
	if d.o.Pictures == Callbacks {
		t.Autocovariance = slices.Clone(w.analyzer.Autocovariances())
		t.TimesNanos, t.TimesDropped = win.CallbackTimes()
	}
	return t
}
