// Package series turns events into vectors over time buckets.
//
// A Table gathers the events of many groups, in any order, into sums per bucket; a run
// looks at it through a window and sees one Series per group. The package knows neither
// files nor the clock: the end of a window is a parameter.
package series

// A Series is one group as one run sees it. All vectors have one element per bucket of the
// window; bucket 0 is the newest.
type Series struct {
	Counts           []int64   // events
	SourceBytes      []float64 // mean source.bytes per event; 0 in an empty bucket
	DestinationBytes []float64 // mean destination.bytes per event; 0 in an empty bucket
}
