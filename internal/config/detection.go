package config

import (
	"time"

	"fresnel/internal/detect"
	"fresnel/internal/filter"
)

// Detect returns what to look for, as the settings say; its Runs and Workers are left to the
// caller. It stands here, below all that detects, so that tests and benchmarks of these look for
// the same.
func (c Config) Detect() (detect.Options, error) {
	compiled, err := filter.Compile(c.Filter)
	if err != nil {
		return detect.Options{}, err
	}
	o := detect.Options{Filter: compiled, GroupBy: c.GroupFields(), Params: c.Beacon, MaxBytes: c.Limits.MemoryMB << 20}
	if c.Detector != DetectorFresnel {
		return o, nil
	}
	remote, err := filter.Compile(c.Filter.Remote())
	if err != nil {
		return detect.Options{}, err
	}
	model, err := c.Rank.Model()
	if err != nil {
		return detect.Options{}, err
	}
	o.Rank = &detect.Rank{
		Filter: remote, Lookback: int64(c.Timing.Lookback / time.Second),
		MaxFalse: c.Timing.MaxFalseDiscoveryRate, MinScore: c.Rank.MinScore, PerDay: c.Rank.RowsPerHostDay, Model: model,
	}
	return o, nil
}
