// Package config holds the settings: their defaults, the three ways to set them (a YAML
// file, the environment, flags), the check of what was set, and where each value came from.
//
// A setting is a field of Config or of a struct in it. Its key is the yaml names on the way
// to it, joined by dots; its one description is the doc tag. The default file, the
// reference in docs/configuration.md and the names of environment variables are made from
// these.
package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/rank"
	"fresnel/internal/source"
	"fresnel/internal/timing"
)

// Config holds all settings.
type Config struct {
	Beacon   beacon.Params `yaml:"beacon" doc:"the statistics: window, limits of the tests"`
	Filter   filter.Config `yaml:"filter" doc:"which events are looked at; docs/filter.md describes the clauses"`
	Detector string        `yaml:"detector" doc:"fresnel times and ranks every destination beside the reference statistics; reference gives these alone"`
	Timing   Timing        `yaml:"timing" doc:"the timing model of the detector fresnel"`
	Rank     rank.Config   `yaml:"rank" doc:"how findings are ranked"`
	GroupBy  []string      `yaml:"group_by" doc:"event fields whose values together make a group; [] takes host.name and process.name for events with a process, source.ip and destination.ip for others"`
	Schedule Schedule      `yaml:"schedule" doc:"when runs are"`
	Inputs   Inputs        `yaml:"inputs" doc:"how files are read"`
	Limits   Limits        `yaml:"limits" doc:"bounds of memory and of what is shown"`
	Serve    Serve         `yaml:"serve" doc:"how the service is reached"`
	Ingest   Ingest        `yaml:"ingest" doc:"how shippers send events to the service"`
	Store    Store         `yaml:"store" doc:"what the service keeps, and where"`
}

// The detectors.
const (
	DetectorFresnel   = "fresnel"
	DetectorReference = "reference"
)

// Timing says what the timing model looks at.
type Timing struct {
	Lookback              time.Duration `yaml:"lookback" doc:"time before the end of the last run in which calls are timed; longer data are looked at in several stretches of it"`
	MaxFalseDiscoveryRate float64       `yaml:"max_false_discovery_rate" doc:"share of the findings of the timing model that may be calls at random times, up to 0.2"`
}

// Schedule says when runs are.
type Schedule struct {
	Every   time.Duration `yaml:"every" doc:"time from the end of one run's window to that of the next"`
	Delay   time.Duration `yaml:"delay" doc:"time that the service waits after the end of a window for events that come late"`
	CatchUp time.Duration `yaml:"catch_up" doc:"how far back the service makes up for runs that it missed"`
}

// Inputs says how files are read.
type Inputs struct {
	Strict    bool                        `yaml:"strict" doc:"true ends at the first bad record instead of counting it"`
	Tail      map[string]Tail             `yaml:"tail" doc:"files and folders that the service follows as they grow, by name"`
	Delimited map[string]source.ColumnMap `yaml:"delimited" type:"column maps by name" doc:"how texts are cut into columns and what these mean; docs/inputs/delimited.md describes the keys of a map"`
}

// A Tail is files that are followed.
type Tail struct {
	Paths []string `yaml:"paths" doc:"files, folders (with all below them) and patterns"`
	Input string   `yaml:"input" doc:"what the files are, as for --input; empty finds out"`
	Label string   `yaml:"label" doc:"kept with each event, as the index is of those that shippers send"`
}

// Limits are bounds of memory and of what is shown.
type Limits struct {
	MemoryMB       int64 `yaml:"memory_mb" doc:"memory that the sums of all groups may take, in MiB; events that would need more are dropped and counted"`
	MaxErrorsShown int   `yaml:"max_errors_shown" doc:"bad records that are named; all are counted"`
}

// Default returns the settings of a user who sets nothing.
func Default() Config {
	return Config{
		Beacon:   beacon.DefaultParams(),
		Filter:   filter.Default(),
		Detector: DetectorFresnel,
		Rank:     rank.DefaultConfig(),
		Timing:   Timing{Lookback: 7 * 24 * time.Hour, MaxFalseDiscoveryRate: 0.05},
		Schedule: Schedule{Every: time.Hour, Delay: 120 * time.Second, CatchUp: 7 * 24 * time.Hour},
		Limits:   Limits{MemoryMB: 8192, MaxErrorsShown: 5},
		Serve:    defaultServe(),
		Ingest:   defaultIngest(),
		Store:    defaultStore(),
	}
}

// maxErrorsShown bounds what is kept of bad records: one can be some hundred bytes.
const maxErrorsShown = 100_000

// Validate returns everything that is wrong with c, joined; nil when c is sound. Each error
// begins with its key and a colon. The column maps are checked by their input.
func (c Config) Validate() error {
	var errs []error
	errs = append(errs, under("beacon", c.Beacon.Validate())...)
	errs = append(errs, under("filter", c.Filter.Validate())...)
	if c.Detector != DetectorFresnel && c.Detector != DetectorReference {
		errs = append(errs, fmt.Errorf("detector: got %q, want %s or %s", c.Detector, DetectorFresnel, DetectorReference))
	}
	if l := c.Timing.Lookback; l < time.Minute || l%time.Second != 0 || l > maxLookback {
		errs = append(errs, fmt.Errorf("timing.lookback: got %s, want whole seconds, 1m to %s", duration(l), duration(maxLookback)))
	}
	if f := c.Timing.MaxFalseDiscoveryRate; !(f > 0 && f <= timing.MaxPValue) {
		errs = append(errs, fmt.Errorf("timing.max_false_discovery_rate: got %v, want above 0 and at most %v", f, timing.MaxPValue))
	}
	errs = append(errs, under("rank", c.Rank.Validate())...)
	for i, name := range c.GroupBy {
		if f, err := event.ParseField(name); err != nil {
			errs = append(errs, fmt.Errorf("group_by: %w", err))
		} else if f == event.Timestamp {
			errs = append(errs, fmt.Errorf("group_by: got %q, want a field that events share", name))
		}
		if slices.Contains(c.GroupBy[:i], name) {
			errs = append(errs, fmt.Errorf("group_by: got %q twice, want it once", name))
		}
	}
	if e := c.Schedule.Every; e < time.Second || e%time.Second != 0 || e > maxEvery {
		errs = append(errs, fmt.Errorf("schedule.every: got %s, want whole seconds, 1s to %s", duration(e), duration(maxEvery)))
	}
	errs = append(errs, under("schedule", errors.Join(
		checkDuration("delay", c.Schedule.Delay, 0, 24*time.Hour),
		checkDuration("catch_up", c.Schedule.CatchUp, 0, maxLookback)))...)
	for _, name := range slices.Sorted(maps.Keys(c.Inputs.Tail)) {
		if len(c.Inputs.Tail[name].Paths) == 0 {
			errs = append(errs, fmt.Errorf("inputs.tail.%s.paths: got none, want files, folders or patterns", name))
		}
	}
	errs = append(errs, under("serve", c.Serve.validate())...)
	errs = append(errs, under("ingest", c.Ingest.validate())...)
	errs = append(errs, under("store", c.Store.validate(c.Schedule.CatchUp))...)
	if n := c.Limits.MemoryMB; n < 64 || n > 1<<20 {
		errs = append(errs, fmt.Errorf("limits.memory_mb: got %d, want 64 to %d", n, 1<<20))
	}
	if n := c.Limits.MaxErrorsShown; n < 0 || n > maxErrorsShown {
		errs = append(errs, fmt.Errorf("limits.max_errors_shown: got %d, want 0 to %d", n, maxErrorsShown))
	}
	return errors.Join(errs...)
}

// maxLookback is 200 days: the time of a call is kept relative to the first of its row.
const maxLookback = 200 * 24 * time.Hour

// maxEvery is a year.
const maxEvery = 365 * 24 * time.Hour

// GroupFields returns the fields of GroupBy, which Validate has found sound; none means
// automatic.
func (c Config) GroupFields() []event.Field {
	var fields []event.Field
	for _, name := range c.GroupBy {
		if f, err := event.ParseField(name); err == nil {
			fields = append(fields, f)
		}
	}
	return fields
}

// under puts section in front of the keys that joined errors begin with.
func under(section string, err error) []error {
	errs := unjoin(err)
	for i, e := range errs {
		errs[i] = fmt.Errorf("%s.%w", section, e)
	}
	return errs
}

// unjoin takes joined errors apart.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var errs []error
	for _, one := range joined.Unwrap() {
		errs = append(errs, unjoin(one)...)
	}
	return errs
}
