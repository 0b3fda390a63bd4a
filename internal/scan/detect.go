package scan

import (
	"context"
	"math"
	"slices"

	"fresnel/internal/beacon"
	"fresnel/internal/finding"
	"fresnel/internal/series"
)

// A detection looks at the gathered tables run by run.
type detection struct {
	o       *Options
	plan    plan
	keys    keys
	shards  []*shard
	details *series.Dictionary
	summary *Summary

	views   []*series.View
	workers []*worker
}

// A worker of a detection has its own memory for the statistics.
type worker struct {
	analyzer *beacon.Analyzer
	results  []*finding.Result
	err      error
}

func (d *detection) run(ctx context.Context, emit func(*finding.Result) error) error {
	if d.summary.Last < d.summary.First {
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
		d.workers = append(d.workers, &worker{analyzer: a})
	}
	oldest, newest := d.summary.First/1e9, d.summary.Last/1e9
	switch d.plan.runs.Mode {
	case At:
		return d.window(ctx, d.plan.runs.End, emit)
	case Latest:
		return d.window(ctx, d.plan.grid.End(d.plan.grid.Bucket(d.summary.Last)), emit)
	default:
	}
	last := d.plan.at(newest)
	for end := min(d.plan.first(oldest), last); end <= last; {
		if err := d.window(ctx, end, emit); err != nil {
			return err
		}
		end += d.plan.runs.Every
		if next, idle := d.idle(); idle { // nothing to see until then
			if next == math.MaxInt64 {
				break
			}
			end = max(end, d.plan.at(next))
		}
	}
	return nil
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
		w.results = w.results[:0]
	}
	d.o.each(len(d.views), func(worker, i int) {
		if w := d.workers[worker]; w.err == nil && ctx.Err() == nil {
			w.err = d.view(w, d.views[i], end)
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
	d.o.Progress.Runs.Add(1)
	var results []*finding.Result
	for _, w := range d.workers {
		results = append(results, w.results...)
	}
	slices.SortFunc(results, finding.Compare)
	for _, r := range results {
		d.summary.Results++
		if r.Stats.IsBeaconing {
			d.summary.Findings++
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

// view adds the results of one table to those of w.
func (d *detection) view(w *worker, v *series.View, end int64) (err error) {
	p := &d.plan.params
	v.Each(end, func(win *series.Window) {
		if err != nil {
			return
		}
		if !d.o.All {
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
	})
	return err
}

func (d *detection) trace(w *worker, win *series.Window) *finding.Trace {
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
