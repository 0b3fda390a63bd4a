package detect

import (
	"fmt"

	"fresnel/internal/beacon"
	"fresnel/internal/series"
)

// Runs say which windows are looked at.
type Runs struct {
	Mode  Mode
	Every int64 // seconds from one run to the next, for Schedule
	End   int64 // of the one run, in seconds since 1970 UTC, for At
}

// A Mode is a way to choose the windows.
type Mode uint8

// The modes.
const (
	Schedule Mode = iota // as the schedule would have run, on whole multiples of Every
	At                   // one run at End
	Latest               // one run that ends with the bucket of the newest event
)

// A plan is how the runs lie on a grid of stored buckets and cells.
type plan struct {
	runs   Runs
	params beacon.Params
	grid   series.Grid
}

func newPlan(p beacon.Params, r Runs) (plan, error) {
	length, window := int64(p.TimeBucketLength), p.WindowSeconds()
	pl := plan{runs: r, params: p}
	switch r.Mode {
	case Schedule:
		if r.Every <= 0 {
			return pl, fmt.Errorf("every: got %d s, want at least 1 s", r.Every)
		}
		// All windows begin and end on multiples of Every, their buckets on multiples of both.
		bucket := gcd(length, r.Every)
		pl.grid = series.Grid{BucketSeconds: bucket, CellBuckets: gcd(window, r.Every) / bucket}
	case At:
		pl.grid = series.Grid{BucketSeconds: length, OffsetSeconds: (r.End%length + length) % length}
	case Latest:
		// Where the window begins is known only when the newest event is: every bucket is a
		// cell of its own, so that it can begin anywhere.
		pl.grid = series.Grid{BucketSeconds: length, CellBuckets: 1}
	}
	return pl, nil
}

// first returns the end of the first scheduled window: the last whose window holds the
// oldest event, so that the window is full but for less than Every, and no event is in none.
func (p plan) first(oldest int64) int64 {
	return (oldest + p.params.WindowSeconds() - 1) / p.runs.Every * p.runs.Every
}

// at returns the first scheduled end that is not before second.
func (p plan) at(second int64) int64 {
	return (second + p.runs.Every - 1) / p.runs.Every * p.runs.Every
}

// holds reports whether a run can see an event at a time.
func (p *plan) holds(nanos int64) bool {
	if p.runs.Mode != At {
		return true
	}
	b := p.grid.Bucket(nanos)
	last := p.grid.Bucket(p.runs.End * 1e9)
	return b <= last && b > last-int64(p.params.NumberBucketsInRange)
}

// looksAt reports whether a look of the timing model can learn from an event at a time: older
// ones tell since when something is there.
func (p *plan) looksAt(nanos int64) bool {
	return p.runs.Mode != At || nanos <= p.runs.End*1e9
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
