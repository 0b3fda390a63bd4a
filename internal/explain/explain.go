// Package explain says in plain sentences why each test did or did not fire for a group, and
// writes a result with all its numbers for a terminal.
package explain

import (
	"fmt"
	"math"

	"fresnel/internal/beacon"
	"fresnel/internal/finding"
	"fresnel/internal/human"
)

// A Line is what is to be said of one test.
type Line struct {
	Test   string // "source bytes", "destination bytes", "counts", "periodic"; "verdict" for the whole
	Name   string // of the field in the result document
	Fired  bool
	Tested bool // there was enough to look at
	Text   string

	// Value is what was measured, NaN where it was not tested; Limit is what it is compared with: at
	// most this much fires the tests of variation, at least this much the one of periods. The verdict
	// has neither.
	Value, Limit float64
}

// Sentences returns a line for each of the four tests, in the order of the document, and then
// one for the whole. p are the parameters that r was computed with.
func Sentences(r *finding.Result, p beacon.Params) []Line {
	s := &r.Stats
	lines := []Line{
		{Test: "source bytes", Name: "low_source_bytes_variation", Fired: s.LowSourceBytesVariation, Tested: s.SourceBytesTested, Text: bytesSentence(s, p, "sent",
			s.SourceBytesTested, s.SourceBytesBuckets, s.LowSourceBytesVariation, s.MeanSourceBytes, s.StdDevSourceBytes)},
		{Test: "destination bytes", Name: "low_destination_bytes_variation", Fired: s.LowDestinationBytesVariation, Tested: s.DestinationBytesTested, Text: bytesSentence(s, p, "received",
			s.DestinationBytesTested, s.DestinationBytesBuckets, s.LowDestinationBytesVariation, s.MeanDestinationBytes, s.StdDevDestinationBytes)},
		{Test: "counts", Name: "low_count_variation", Fired: s.LowCountVariation, Tested: s.CountTested, Text: countSentence(s, p)},
		{Test: "periodic", Name: "periodic", Fired: s.Periodic, Tested: s.Enough, Text: periodicSentence(s, p)},
	}
	for i, n := range [][2]float64{
		{s.StdDevSourceBytes / math.Abs(s.MeanSourceBytes), p.MaxBeaconingBytesCov},
		{s.StdDevDestinationBytes / math.Abs(s.MeanDestinationBytes), p.MaxBeaconingBytesCov},
		{math.Sqrt(s.VarianceCounts) / math.Abs(s.MeanCounts), p.MaxBeaconingCountRV},
		{s.Autocovariance, p.MinBeaconingCountAutocovariance},
	} {
		lines[i].Value, lines[i].Limit = n[0], n[1]
		if !lines[i].Tested || math.IsInf(n[0], 0) {
			lines[i].Value = math.NaN()
		}
	}
	return append(lines, Line{Test: "verdict", Name: "is_beaconing", Fired: s.IsBeaconing, Tested: s.Enough, Text: verdict(s, p), Value: math.NaN(), Limit: math.NaN()})
}

const notTested = "Not tested: the group has too few events for any test."

func bytesSentence(s *beacon.Stats, p beacon.Params, verb string, tested bool, buckets int, fired bool, mean, deviation float64) string {
	switch {
	case !s.Enough:
		return notTested
	case !tested && buckets == 0:
		return fmt.Sprintf("Not tested: no event says how many bytes were %s.", verb)
	case !tested:
		return fmt.Sprintf("Not tested: only %s with bytes %s, and more than %d are needed.", bucketsHave(buckets), verb, p.MinNumberPeriods)
	}
	limit := human.Percent(p.MaxBeaconingBytesCov)
	if fired {
		return fmt.Sprintf("Fired: the bytes %s hardly vary, %s on average with a standard deviation of %s (%s of the mean; the limit is %s).",
			verb, human.Bytes(mean), human.Bytes(deviation), human.Percent(deviation/math.Abs(mean)), limit)
	}
	return fmt.Sprintf("Did not fire: the bytes %s vary too much, %s on average with a standard deviation of %s (%s of the mean; the limit is %s).",
		verb, human.Bytes(mean), human.Bytes(deviation), human.Percent(deviation/math.Abs(mean)), limit)
}

func bucketsHave(n int) string {
	if n == 1 {
		return "1 bucket has events"
	}
	return human.Count(int64(n)) + " buckets have events"
}

func countSentence(s *beacon.Stats, p beacon.Params) string {
	bucket := human.Seconds(int64(p.TimeBucketLength))
	if !s.Enough {
		return notTested
	}
	if !s.CountTested {
		return fmt.Sprintf("Not tested: %d of %d buckets of %s hold events (%s), and more than %s are needed to look for callbacks faster than a bucket.",
			s.NonEmptyBuckets, s.Interval, bucket, human.Percent(float64(s.NonEmptyBuckets)/float64(s.Interval)), human.Percent(p.MinNotEmpty))
	}
	deviation := math.Sqrt(s.VarianceCounts)
	noun := "callbacks"
	if s.MeanCounts == 1 {
		noun = "callback"
	}
	numbers := fmt.Sprintf("%s %s per bucket of %s on average with a standard deviation of %s (%s of the mean; the limit is %s)",
		human.Number(s.MeanCounts), noun, bucket, human.Number(deviation), human.Percent(deviation/math.Abs(s.MeanCounts)), human.Percent(p.MaxBeaconingCountRV))
	if s.LowCountVariation {
		return "Fired: the callbacks come at a steady rate, " + numbers + ", so that the period is no longer than a bucket."
	}
	return "Did not fire: the rate of callbacks is not steady, " + numbers + "."
}

func periodicSentence(s *beacon.Stats, p beacon.Params) string {
	if !s.Enough {
		return notTested
	}
	period := human.Seconds(int64(s.MaxAutocovariancePeriod) * int64(p.TimeBucketLength))
	numbers := fmt.Sprintf("autocovariance %s at a period of %s (%s)", human.Number(s.Autocovariance), period, human.Plural(int64(s.MaxAutocovariancePeriod), "bucket"))
	limit := human.Number(p.MinBeaconingCountAutocovariance)
	if s.Periodic {
		text := fmt.Sprintf("Fired: the counts repeat, %s; the least is %s.", numbers, limit)
		if _, atMost := finding.PeriodSeconds(s, int64(p.TimeBucketLength)); atMost {
			text += " They hardly change from bucket to bucket, which repeats at any period: the count test tells more."
		}
		return text
	}
	longest := human.Seconds(int64(s.Interval/max(p.MinNumberPeriods, 1)) * int64(p.TimeBucketLength))
	allow := human.Plural(int64(p.MinNumberPeriods), "repeat") + " allow"
	if p.MinNumberPeriods == 1 {
		allow += "s"
	}
	return fmt.Sprintf("Did not fire: the counts do not repeat well enough, at best with an %s; the least is %s. Periods up to %s were tried, which is as long as %s.",
		numbers, limit, longest, allow)
}

func verdict(s *beacon.Stats, p beacon.Params) string {
	if s.NonEmptyBuckets == 0 {
		return "Not beaconing: the group has no event in the window."
	}
	if !s.Enough {
		have := fmt.Sprintf("Not beaconing: events in %s over %s, too few to tell.",
			human.Plural(int64(s.NonEmptyBuckets), "bucket"), human.Plural(int64(s.Interval), "bucket"))
		return have + fmt.Sprintf(" The tests need %d buckets with events, and %d from the first to the last (%s).",
			p.MinNumberPeriods+1, 2*p.MinNumberPeriods, human.Plural(int64(p.MinNumberPeriods), "repeat"))
	}
	if !s.IsBeaconing {
		return "Not beaconing: none of the four tests fired."
	}
	var points []string
	if s.LowCountVariation || s.Periodic {
		points = append(points, "its timing")
	}
	if s.LowSourceBytesVariation {
		points = append(points, "the bytes sent")
	}
	if s.LowDestinationBytesVariation {
		points = append(points, "the bytes received")
	}
	list := points[0]
	for i, point := range points[1:] {
		if i == len(points)-2 {
			list += " and "
		} else {
			list += ", "
		}
		list += point
	}
	text := fmt.Sprintf("Beaconing with a score of %d of 3: a point each for %s.", s.BeaconingScore, list)
	if len(points) == 1 {
		text = fmt.Sprintf("Beaconing with a score of 1 of 3: a point for %s.", list)
	}
	seconds, atMost := finding.PeriodSeconds(s, int64(p.TimeBucketLength))
	switch {
	case seconds == 0:
	case atMost:
		text += " It calls out at least every " + human.Seconds(seconds) + "."
	default:
		text += " It calls out every " + human.Seconds(seconds) + "."
	}
	return text
}
