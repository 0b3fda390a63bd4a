package config

import (
	"slices"
	"time"

	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/rank"
	"fresnel/internal/timing"
)

// Bounds are the values that a setting of what detection looks for may have by itself; together
// with others it may have fewer, as Validate says.
type Bounds struct {
	Kind        string   // number, whole, pair, duration, switch, choice or list
	Min, Max    *float64 // of a number, of both of a pair, of a duration in seconds; nil for none
	MinExcluded bool     // Min itself is too small
	Step        float64  // that makes a difference; 0 where there are no steps
	Choices     []string // of a choice, and of the elements of a list
}

// The kinds of settings that have bounds.
const (
	KindNumber   = "number"
	KindWhole    = "whole"
	KindPair     = "pair"
	KindDuration = "duration"
	KindSwitch   = "switch"
	KindChoice   = "choice"
	KindList     = "list"
)

func between(kind string, least, most, step float64) Bounds {
	return Bounds{Kind: kind, Min: &least, Max: &most, Step: step}
}

func from(kind string, least, step float64) Bounds {
	return Bounds{Kind: kind, Min: &least, Step: step}
}

// bounds are those of settings by key; Validate checks what they say, which a test holds.
var bounds = map[string]Bounds{
	"beacon.number_buckets_in_range":            between(KindWhole, 1, beacon.MaxBuckets, 1),
	"beacon.time_bucket_length":                 between(KindWhole, 1, 86400, 1),
	"beacon.number_destination_ips":             between(KindWhole, 1, 1000, 1),
	"beacon.max_beaconing_bytes_cov":            from(KindNumber, 0, 0.01),
	"beacon.max_beaconing_count_rv":             from(KindNumber, 0, 0.01),
	"beacon.truncate_at":                        between(KindPair, 0, 1, 0.05),
	"beacon.min_beaconing_count_autocovariance": between(KindNumber, -1, 1, 0.01),
	"beacon.max_jitter":                         between(KindNumber, 0, 1, 0.01),
	"beacon.min_number_periods":                 from(KindWhole, 1, 1),
	"beacon.min_not_empty":                      between(KindNumber, 0, 1, 0.01),
	"filter.enabled":                            {Kind: KindSwitch},
	"filter.ignore_case":                        {Kind: KindSwitch},
	"detector":                                  {Kind: KindChoice, Choices: []string{DetectorFresnel, DetectorReference}},
	"timing.lookback":                           between(KindDuration, 60, float64(maxLookback/time.Second), 3600),
	"timing.max_false_discovery_rate":           excluded(between(KindNumber, 0, timing.MaxPValue, 0.001)),
	"rank.rows_per_host_day":                    between(KindNumber, 0, 1e6, 0.5),
	"rank.min_score":                            between(KindNumber, 0, 100, 1),
	"group_by":                                  {Kind: KindList, Choices: groupable()},
	"limits.memory_mb":                          between(KindWhole, 64, 1<<20, 64),
	"limits.max_errors_shown":                   between(KindWhole, 0, maxErrorsShown, 1),
}

func excluded(b Bounds) Bounds {
	b.MinExcluded = true
	return b
}

// groupable returns the fields that groups can be by.
func groupable() (names []string) {
	for _, f := range event.Fields() {
		if f != event.Timestamp {
			names = append(names, f.String())
		}
	}
	slices.Sort(names)
	return names
}

// BoundsOf returns the bounds of a setting; ok is false for one that has none, as a list of
// clauses, and for one that is not of what detection looks for.
func BoundsOf(key string) (b Bounds, ok bool) {
	b, ok = bounds[key]
	return b, ok
}

// A Weight is the points of a level of a piece of evidence, as a setting. Levels that are plain,
// which have none, are no settings.
type Weight struct {
	Key, Piece, Level, Doc string
	Default                float64
	Bounds                 Bounds
}

// Weights returns all of them in the order of the pieces.
func Weights() (all []Weight) {
	points := rank.Default().Weights()
	for i := range rank.Pieces() {
		p := &rank.Pieces()[i]
		for l, level := range p.Levels {
			if level.Side == rank.Plain {
				continue
			}
			least, greatest := p.Range(l)
			all = append(all, Weight{
				Key: "rank.weights." + p.Name + "." + level.Name, Piece: p.Name, Level: level.Name, Doc: level.Doc,
				Default: points[p.Name][level.Name], Bounds: between(KindNumber, least, greatest, 0.1),
			})
		}
	}
	return all
}
