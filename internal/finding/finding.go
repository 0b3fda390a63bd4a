// Package finding holds what a run says of a group: the result document, its schema and
// its id.
package finding

import (
	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/series"
)

// A Group is the identity of a group: the fields that events were grouped by and their
// values as text.
type Group struct {
	Fields []event.Field
	Values []string
}

// Details are what the group's newest event in the window says of its process. Empty ones
// are left out of the document.
type Details struct {
	ProcessExecutable       string
	ProcessHashSHA256       string
	ProcessParentHashSHA256 string
	SignatureExists         event.Tristate
	SignatureTrusted        event.Tristate
	SignatureValid          event.Tristate
	SignatureStatus         string
	SignatureSubjectName    string
}

// A Destination is an address that a group called, and how often.
type Destination = series.Destination

// A Result is what one run says of one group.
type Result struct {
	RunEnd int64 // end of the run's window, seconds since 1970 UTC
	Group  Group

	FirstNanos    int64 // oldest event of the group in the window
	LastNanos     int64 // newest event of the group in the window: the document's @timestamp
	IngestedNanos int64 // newest event.ingested; 0 when there is none

	Events       int64         // events of the group in the window
	Destinations []Destination // at most number_destination_ips, by falling count, then address
	Details      Details
	Stats        beacon.Stats

	Row    *Row   // what the timing model and the rank say; nil when they were not asked, or know nothing
	Others []*Row // the group's other rows that the timing model found, by falling score; nil where they have results of their own
	Trace  *Trace // what pictures are drawn from; nil unless asked for
}

// A Trace is what the pictures of a result are drawn from. Vectors have one element per
// bucket of the window, bucket 0 the newest.
type Trace struct {
	BucketSeconds    int64
	Counts           []int64
	SourceBytes      []float64 // mean per event
	DestinationBytes []float64 // mean per event
	Autocovariance   []float64 // by period in buckets; elements 0 and 1 are unused; empty when none was computed
	TimesNanos       []int64   // callback times, oldest first; nil when they were not kept
	TimesDropped     int64     // callbacks whose times were not kept, because their bucket held too many
}

// A Test is one of the four tests, as it is named in lists.
type Test struct {
	Word  string // of three letters, whose first letters differ: src, dst, cnt, per
	Name  string // for people
	Fired bool
}

// Tests returns the four tests in the order of the document, and which of them fired.
func Tests(s *beacon.Stats) [4]Test {
	return [4]Test{
		{"src", "steady source bytes", s.LowSourceBytesVariation},
		{"dst", "steady destination bytes", s.LowDestinationBytesVariation},
		{"cnt", "steady counts", s.LowCountVariation},
		{"per", "periodic", s.Periodic},
	}
}

// PeriodSeconds is the period that the tests speak of, in seconds, under buckets of the given
// length. It is 0 when no test speaks of one. When atMost is set, the period is no longer than
// that but may be shorter: the count test sees callbacks in every bucket, and a constant
// vector, which repeats in any period, is reported at the smallest, 2.
func PeriodSeconds(s *beacon.Stats, bucketSeconds int64) (seconds int64, atMost bool) {
	switch {
	case s.LowCountVariation && (!s.Periodic || s.MaxAutocovariancePeriod == 2):
		return bucketSeconds, true
	case s.Periodic:
		return int64(s.MaxAutocovariancePeriod) * bucketSeconds, false
	}
	return 0, false
}
