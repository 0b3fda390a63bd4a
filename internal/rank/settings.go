package rank

import (
	"errors"
	"fmt"
)

// Config holds the settings of the rank.
type Config struct {
	RowsPerHostDay float64 `yaml:"rows_per_host_day" doc:"of the findings of the timing model alone, how many a host shows for each day of the data: its best ones; 0 shows all. A score of 60 or more is always shown, and so are the best rows of a fleet (half of what all its hosts may show, whichever host they are of), what the reference flags and all servers of a timer that moves among more than six"`
	MinScore       float64 `yaml:"min_score" doc:"findings of the timing model alone with a lower event.risk_score are left out, 0 to 100"`
	Weights        Weights `yaml:"weights" type:"points by piece and level" doc:"points instead of the fitted ones, by piece and level; docs/ranking.md lists them. Points against the side or the order of the levels are refused"`
}

// DefaultConfig returns the settings of a user who sets nothing.
func DefaultConfig() Config { return Config{RowsPerHostDay: 2} }

// Validate returns everything that is wrong with c, joined; each error begins with its key.
func (c Config) Validate() error {
	_, err := c.Model()
	if !(c.MinScore >= 0 && c.MinScore <= 100) {
		err = errors.Join(fmt.Errorf("min_score: got %v, want 0 to 100", c.MinScore), err)
	}
	if !(c.RowsPerHostDay >= 0 && c.RowsPerHostDay <= 1e6) {
		err = errors.Join(fmt.Errorf("rows_per_host_day: got %v, want 0 to 1000000", c.RowsPerHostDay), err)
	}
	return err
}

// Model returns the shipped model with the changes of c.
func (c Config) Model() (*Model, error) {
	m, errs := Default(), []error(nil)
	changed, err := m.With(c.Weights)
	if err == nil {
		return changed, nil
	}
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		errs = append(errs, fmt.Errorf("weights.%w", e))
	}
	return nil, errors.Join(errs...)
}
