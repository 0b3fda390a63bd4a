// Package beacon computes the reference statistics: does a group call out on a timer, and
// with payloads of a constant size?
//
// It is pure: no I/O, no clock, no goroutines. Source of every formula:
// docs/beacon-statistics.md.
package beacon

import (
	"errors"
	"fmt"
	"math"
)

// Params are the parameters of the statistics. Their public names are the yaml names,
// letter for letter those of the reference. Default files and docs take the doc tags.
type Params struct {
	NumberBucketsInRange            int        `yaml:"number_buckets_in_range" doc:"time buckets that the window is split into"`
	TimeBucketLength                int        `yaml:"time_bucket_length" doc:"length of a bucket in seconds; the window is number_buckets_in_range times as long"`
	NumberDestinationIPs            int        `yaml:"number_destination_ips" doc:"destination addresses reported per group"`
	MaxBeaconingBytesCov            float64    `yaml:"max_beaconing_bytes_cov" doc:"largest standard deviation / mean of the bytes per event for the two bytes tests"`
	MaxBeaconingCountRV             float64    `yaml:"max_beaconing_count_rv" doc:"largest standard deviation / mean of the bucket counts for the count test"`
	TruncateAt                      [2]float64 `yaml:"truncate_at" doc:"lower and upper quantile that bound the values which the bytes and count tests look at"`
	MinBeaconingCountAutocovariance float64    `yaml:"min_beaconing_count_autocovariance" doc:"smallest autocorrelation of the bucket counts for the periodic test"`
	MaxJitter                       float64    `yaml:"max_jitter" doc:"jitter allowed, as a share of the period"`
	MinNumberPeriods                int        `yaml:"min_number_periods" doc:"repeats of the period that must be visible"`
	MinNotEmpty                     float64    `yaml:"min_not_empty" doc:"share of buckets that must be filled for the count test"`
}

// DefaultParams returns the parameters of the reference: a window of 6 hours in buckets of
// one minute.
func DefaultParams() Params {
	return Params{
		NumberBucketsInRange:            360,
		TimeBucketLength:                60,
		NumberDestinationIPs:            10,
		MaxBeaconingBytesCov:            0.05,
		MaxBeaconingCountRV:             0.1,
		TruncateAt:                      [2]float64{0.1, 0.8},
		MinBeaconingCountAutocovariance: 0.7,
		MaxJitter:                       0,
		MinNumberPeriods:                6,
		MinNotEmpty:                     0.5,
	}
}

// Bounds that keep a run within memory: a window of a year of minutes, and summaries of
// 2000 addresses; and one that keeps the beginning of a window, in nanoseconds, within 64
// bits: a window of 100 years.
const (
	MaxBuckets        = 600_000
	maxWindowSeconds  = 100 * 365 * 86400
	maxDestinationIPs = 1000
)

// Validate returns everything that is wrong with p, joined; nil when p is sound.
func (p Params) Validate() error {
	var errs []error
	want := func(ok bool, name string, got any, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: got %v, want %s", name, got, want))
		}
	}
	finite := func(f float64) bool { return f >= 0 && !math.IsInf(f, 0) } // false for NaN
	want(p.NumberBucketsInRange >= 1 && p.NumberBucketsInRange <= MaxBuckets, "number_buckets_in_range", p.NumberBucketsInRange, fmt.Sprintf("1 to %d buckets", MaxBuckets))
	want(p.TimeBucketLength >= 1 && p.TimeBucketLength <= 86400, "time_bucket_length", p.TimeBucketLength, "1 to 86400 seconds")
	want(len(errs) > 0 || p.WindowSeconds() <= maxWindowSeconds, "time_bucket_length", p.TimeBucketLength,
		fmt.Sprintf("a window of at most 100 years, which %d buckets are up to %d seconds", p.NumberBucketsInRange, maxWindowSeconds/max(1, p.NumberBucketsInRange)))
	want(p.NumberDestinationIPs >= 1 && p.NumberDestinationIPs <= maxDestinationIPs, "number_destination_ips", p.NumberDestinationIPs, fmt.Sprintf("1 to %d", maxDestinationIPs))
	want(finite(p.MaxBeaconingBytesCov), "max_beaconing_bytes_cov", p.MaxBeaconingBytesCov, "0 or more")
	want(finite(p.MaxBeaconingCountRV), "max_beaconing_count_rv", p.MaxBeaconingCountRV, "0 or more")
	lo, hi := p.TruncateAt[0], p.TruncateAt[1]
	want(lo >= 0 && lo <= hi && hi <= 1, "truncate_at", p.TruncateAt, "two quantiles, 0 <= lower <= upper <= 1")
	want(p.MinBeaconingCountAutocovariance >= -1 && p.MinBeaconingCountAutocovariance <= 1, "min_beaconing_count_autocovariance", p.MinBeaconingCountAutocovariance, "-1 to 1")
	want(p.MaxJitter >= 0 && p.MaxJitter <= 1, "max_jitter", p.MaxJitter, "0 to 1, a share of the period")
	want(p.MinNumberPeriods >= 1, "min_number_periods", p.MinNumberPeriods, "1 or more")
	want(p.MinNotEmpty >= 0 && p.MinNotEmpty <= 1, "min_not_empty", p.MinNotEmpty, "0 to 1, a share of the buckets")
	return errors.Join(errs...)
}

// WindowSeconds is the length of the window: buckets times their length.
func (p Params) WindowSeconds() int64 {
	return int64(p.NumberBucketsInRange) * int64(p.TimeBucketLength)
}

// Enough reports whether a group has enough events for the tests: interval is the number of
// buckets from the first with events to the last, both included, nonEmpty those with events.
func (p Params) Enough(interval, nonEmpty int) bool {
	return interval >= 2*p.MinNumberPeriods && nonEmpty >= p.MinNumberPeriods+1
}
