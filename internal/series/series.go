// Package series turns events into vectors over time buckets.
//
// A Table gathers the events of many groups, in any order, into sums per bucket; a View
// goes through a table window by window and shows each group as a Series. The package
// knows neither files nor the clock: where windows end is a parameter.
package series

// A Series is one group as one run sees it. All vectors have one element per bucket of the
// window; bucket 0 is the newest.
type Series struct {
	Counts           []int64   // events
	SourceBytes      []float64 // mean source.bytes per event; 0 in an empty bucket
	DestinationBytes []float64 // mean destination.bytes per event; 0 in an empty bucket

	// Filled lists the buckets with events, ascending; nil when nobody has listed them. Most
	// groups have few: who knows them need not look for them in the counts.
	Filled []int32
}
