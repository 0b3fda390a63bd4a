// Package scan finds the beacons in files: it reads and decodes them side by side, gathers
// the events that pass the filter into tables, and looks at these through the windows of
// the schedule. It owns the goroutines; what it answers does not depend on how they are
// scheduled.
package scan

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/files"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/rank"
	"fresnel/internal/source"
	"fresnel/internal/survey"
)

// Options say what to scan, and for what.
type Options struct {
	Files    []files.File
	Problems []files.Problem // paths that gave no file
	Stdin    *os.File
	Formats  []source.Format // in the order of detection
	Inputs   []string        // names of formats, with ":map" where the format takes one; empty for all of them
	Source   source.Options  // Fields are filled in by Run

	Filter  *filter.Filter
	Rank    *Rank         // nil for the reference statistics alone
	GroupBy []event.Field // empty for host and process where there is a process, else both addresses
	Params  beacon.Params
	Runs    Runs

	All      bool           // results of groups that are not beaconing too
	Only     *finding.Group // no other group; nil for all
	Pictures Pictures       // what results carry beside their numbers
	Strict   bool           // the first bad record ends the scan
	BadShown int            // how many bad records the Summary names

	Workers  int   // goroutines that decode; 0 for one per processor
	MaxBytes int64 // of the tables' memory; 0 for no bound
	Progress *Progress
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

// Pictures say what a result carries for pictures.
type Pictures uint8

// What a result can carry.
const (
	NoPictures Pictures = iota
	Counts              // the vectors
	Callbacks           // the vectors, the autocovariances, and the times of callbacks
)

// Progress is filled while a scan runs; whoever shows it may read it at any time.
type Progress struct {
	Bytes  atomic.Int64 // read, as they lie on disk
	Events atomic.Int64 // decoded
	Total  atomic.Int64 // bytes of all files; 0 when it is not known
	Runs   atomic.Int64 // done
}

// ErrStrict is the error of a strict scan that found a bad record.
var ErrStrict = errors.New("bad record")

// A Summary says what a scan saw.
type Summary struct {
	Files    int             // read
	Unknown  []string        // files in folders that no input knows
	Problems []files.Problem // files that could not be read, or not to their ends
	Failed   int             // files that were named and could not be read at all
	Formats  map[string]int  // files by the name of their input
	Unneeded map[string]int  // files with nothing that this run needs, by the name of their input

	Events   int64            // decoded
	Bad      int64            // records that could not be decoded
	BadShown []string         // the first of them: file: line: field: got, want
	Skipped  map[string]int64 // records that are no network events, by input and reason

	Filter       []int64          // events by outcome of the filter
	NoGroup      map[string]int64 // events that lack a field to group by, by that field
	OutOfRange   int64            // events whose time no window can hold
	OutsideRuns  int64            // events outside the one window of --end
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

// Run scans and hands every result to emit, one run after the other, those of a run by
// falling score, then by group. The Summary is filled as far as the scan came, even when
// there is an error.
func Run(ctx context.Context, o Options, emit func(*finding.Result) error) (*Summary, error) {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	s := &Summary{
		Formats: map[string]int{}, Unneeded: map[string]int{}, Skipped: map[string]int64{}, NoGroup: map[string]int64{},
		Problems: slices.Clone(o.Problems),
		First:    math.MaxInt64, Last: math.MinInt64, Filter: make([]int64, len(o.Filter.Outcomes())),
	}
	for _, p := range o.Problems {
		if p.Named {
			s.Failed++
		}
	}
	plan, err := newPlan(o.Params, o.Runs)
	if err != nil {
		return s, err
	}
	keys := newKeys(o.GroupBy)
	o.Source.Fields = o.Filter.Fields() | keys.fields() | statisticsFields
	if o.Rank != nil {
		o.Source.Fields |= o.Rank.Filter.Fields() | survey.Fields
	}
	g := newGathering(&o, plan, keys, s)
	if err := g.files(ctx); err != nil {
		return s, err
	}
	for _, sh := range g.shards {
		s.Groups += sh.table.Groups()
		s.Dropped += sh.table.Dropped()
		if sh.calls != nil {
			s.Rows += sh.calls.Rows()
			s.CallsDropped += sh.calls.Dropped()
		}
	}
	s.DetailsLost = g.details.Lost()
	d := detection{o: &o, plan: plan, keys: keys, shards: g.shards, details: g.details, summary: s, firstCall: g.firstCall, lastCall: g.lastCall}
	return s, d.run(ctx, emit)
}

// statisticsFields are the fields that the statistics and the result document need.
var statisticsFields = event.SetOf(append([]event.Field{
	event.Timestamp, event.Ingested, event.SourceBytes, event.DestinationBytes, event.DestinationIP,
}, detailFields...)...)

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
