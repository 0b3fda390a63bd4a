// Package detect turns events into findings: it gathers the events that pass the filter into
// tables, side by side, and looks at these through the windows of the schedule. Where events
// come from is not its business, nor is when. What it answers does not depend on how the
// goroutines that gather are scheduled, as long as blocks of events keep their order.
package detect

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/rank"
	"fresnel/internal/series"
	"fresnel/internal/survey"
	"fresnel/internal/timeline"
)

// Options say what to look for.
type Options struct {
	Filter  *filter.Filter
	Rank    *Rank         // nil for the reference statistics alone
	GroupBy []event.Field // empty for host and process where there is a process, else both addresses
	Params  beacon.Params
	Runs    Runs

	All      bool           // results of groups that are not beaconing too
	Only     *finding.Group // no other group; nil for all
	Takes    Takes          // what becomes of events
	Pictures Pictures       // what results carry beside their numbers

	Workers  int           // goroutines that look; 0 for one per processor
	MaxBytes int64         // of the tables' memory; 0 for no bound
	RunsDone *atomic.Int64 // counts runs while they are made; may be nil
}

// Rank says how destinations are timed and ranked.
type Rank struct {
	Filter   *filter.Filter // which events are looked at
	Lookback int64          // seconds before the end of a look that it sees
	MaxFalse float64        // rate of false discoveries, up to timing.MaxPValue
	MinScore float64        // findings of the timing model below it are left out
	PerDay   float64        // and so are all but the best of a host, so many for each day of its data; 0 for no bound
	Model    *rank.Model
}

// Takes say what a Gathering takes of events.
type Takes uint8

// What can be taken.
const (
	Everything     Takes = iota
	StatisticsOnly       // the sums that the reference statistics need; calls come by Merge, if at all
	CallsOnly            // the calls that the timing model needs, for a Slice
)

// Pictures say what a result carries for pictures.
type Pictures uint8

// What a result can carry.
const (
	NoPictures Pictures = iota
	Counts              // the vectors
	Callbacks           // the vectors, the autocovariances, and the times of callbacks
)

// A Summary says what was gathered and found.
type Summary struct {
	Filter       []int64          // events by outcome of the filter
	NoGroup      map[string]int64 // events that lack a field to group by, by that field
	OutOfRange   int64            // events whose time no window can hold
	OutsideRuns  int64            // events outside the one window of --end
	OutsideTimed int64            // of these, events that the timing model looked at
	DetailsLost  int64            // details of processes that found no more room, and are missing in results
	Dropped      int64            // events that would have needed more memory than allowed
	CallsDropped int64            // calls that found no room for their times
	First, Last  int64            // times of the events that were gathered, nanoseconds; Last < First when there were none
	Groups       int
	Rows         int // groups and their destinations
	Timed        int // of these, the ones with enough callbacks for the timing model, in all looks
	Hidden       int // findings of the timing model below the least score
	Runs         int
	Results      int // emitted
	Findings     int // of these, beaconing
}

// A Gathering takes events into tables and looks at them: make Workers, one for each
// goroutine, give them events and Deliver block by block, Close them, and Detect.
type Gathering struct {
	o       Options
	plan    plan
	keys    keys
	shards  []*shard
	details *series.Dictionary
	kept    []bool // by outcome of the filter

	sharedMu sync.Mutex
	shared   *shared // what events that are gathered share; nil before the first that do

	surveyed *surveyed // of all that Again made of one Gathering; nil until then

	mu                  sync.Mutex // held by Close of a Worker
	summary             Summary
	firstCall, lastCall int64 // times of the events that the rank takes, nanoseconds
}

// New returns a Gathering without events.
func New(o Options) (*Gathering, error) {
	o.complete()
	p, err := newPlan(o.Params, o.Runs)
	if err != nil {
		return nil, err
	}
	g := &Gathering{
		o: o, plan: p, keys: newKeys(o.GroupBy), details: series.NewDictionary(detailsBytes),
		firstCall: math.MaxInt64, lastCall: math.MinInt64,
		summary: Summary{NoGroup: map[string]int64{}, First: math.MaxInt64, Last: math.MinInt64, Filter: make([]int64, len(o.Filter.Outcomes()))},
	}
	for _, outcome := range o.Filter.Outcomes() {
		g.kept = append(g.kept, outcome.Kept)
	}
	cfg := series.Config{Grid: p.grid, SummaryEntries: 2 * o.Params.NumberDestinationIPs, MaxBytes: o.MaxBytes / shardCount}
	if o.Pictures == Callbacks {
		cfg.CellTimes = maxCellTimes
	}
	for i := range shardCount {
		g.shards = append(g.shards, newShard(i, cfg, o.Rank != nil))
	}
	return g, nil
}

// complete fills in what may be left out.
func (o *Options) complete() {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.RunsDone == nil {
		o.RunsDone = new(atomic.Int64)
	}
}

// detailsBytes bounds the memory of all different details of processes.
const detailsBytes = 256 << 20

// maxCellTimes bounds the callback times that are kept of a group in a cell, for pictures.
const maxCellTimes = 8192

// statisticsFields are the fields that the statistics and the result document need.
var statisticsFields = event.SetOf(append([]event.Field{
	event.Timestamp, event.Ingested, event.SourceBytes, event.DestinationBytes, event.DestinationIP,
}, detailFields...)...)

// Fields are the fields of events that the gathering looks at.
func (g *Gathering) Fields() event.FieldSet {
	fields := g.o.Filter.Fields() | g.keys.fields() | statisticsFields
	if g.o.Rank != nil {
		fields |= g.o.Rank.Filter.Fields() | survey.Fields
	}
	return fields
}

// Seal ends the gathering. All Workers have been closed.
func (g *Gathering) Seal() {
	movers := make([]mover, g.o.Workers)
	g.o.each(len(g.shards), func(worker, i int) { g.shards[i].finish(&movers[worker]) })
	g.shared = nil
	s := &g.summary
	for _, sh := range g.shards {
		s.Groups += sh.table.Groups()
		s.Dropped += sh.table.Dropped()
		if sh.calls != nil {
			s.Rows += sh.calls.Rows()
			s.CallsDropped += sh.calls.Dropped()
		}
	}
	s.DetailsLost = g.details.Lost()
}

// Detect looks at what was gathered and hands every result to emit, one run after the
// other, those of a run by falling score, then by group.
func (g *Gathering) Detect(ctx context.Context, emit func(*finding.Result) error) error {
	tables := make([]*timeline.Table, len(g.shards))
	for i, s := range g.shards {
		tables[i] = s.calls
	}
	d := detection{
		o: &g.o, plan: g.plan, keys: g.keys, shards: g.shards, details: g.details, summary: &g.summary,
		calls: tables, firstCall: g.firstCall, lastCall: g.lastCall, surveyed: g.surveyed,
	}
	return d.run(ctx, emit)
}

// Again returns a Gathering of the events of g, for another Detect by other options: those may
// differ in all that is not yet asked while events are gathered. ok is false when they would gather
// something else. g is sealed, and has not been looked at itself; what it gives is looked at one
// after the other, since tables are used by one look at a time.
func (g *Gathering) Again(o Options) (again *Gathering, ok bool) {
	o.complete()
	o.Takes = g.o.Takes
	p, err := newPlan(o.Params, o.Runs)
	if err != nil || !g.o.gathersAs(&o) {
		return nil, false
	}
	if g.surveyed == nil {
		g.surveyed = &surveyed{}
	}
	return &Gathering{
		o: o, plan: p, keys: g.keys, shards: g.shards, details: g.details, kept: g.kept, surveyed: g.surveyed,
		summary: g.summary, firstCall: g.firstCall, lastCall: g.lastCall,
	}, true
}

// gathersAs reports whether o gathers of the same events what p does.
func (o *Options) gathersAs(p *Options) bool {
	if !o.Filter.Equal(p.Filter) || (o.Rank == nil) != (p.Rank == nil) || o.Rank != nil && !o.Rank.Filter.Equal(p.Rank.Filter) {
		return false
	}
	// Of the parameters, New and newPlan look at these.
	a, b := &o.Params, &p.Params
	return a.TimeBucketLength == b.TimeBucketLength && a.NumberBucketsInRange == b.NumberBucketsInRange && a.NumberDestinationIPs == b.NumberDestinationIPs &&
		slices.Equal(o.GroupBy, p.GroupBy) && o.Runs == p.Runs && o.Only == p.Only && o.Takes == p.Takes && o.Pictures == p.Pictures && o.MaxBytes == p.MaxBytes
}

// Bytes returns about how much memory is taken by what was gathered.
func (g *Gathering) Bytes() int64 {
	n := g.details.Bytes()
	if g.surveyed != nil && g.surveyed.Survey != nil {
		n += int64(g.summary.Rows) * surveyBytes
	}
	for _, s := range g.shards {
		n += s.table.Bytes()
		if s.calls != nil {
			n += s.calls.Bytes()
		}
	}
	return n
}

// Summary says what was gathered and found so far. Nobody gathers at the same time.
func (g *Gathering) Summary() Summary { return g.summary }

// each calls f for the numbers below n, side by side, and returns when all calls have. No two
// calls for the same worker, from 0 to Workers-1, run at the same time.
func (o *Options) each(n int, f func(worker, i int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for worker := range min(o.Workers, n) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(worker, i)
			}
		})
	}
	wait.Wait()
}
