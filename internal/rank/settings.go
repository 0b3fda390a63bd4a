package rank

import (
	"errors"
	"fmt"
)

// Config holds the settings of the rank.
type Config struct {
	MinScore float64 `yaml:"min_score" doc:"findings of the timing model alone with a lower event.risk_score are left out, 0 to 100"`
	Weights  Weights `yaml:"weights" type:"points by piece and level" doc:"points instead of the fitted ones, by piece and level; docs/ranking.md lists them. Points against the side or the order of the levels are refused"`
}

// Validate returns everything that is wrong with c, joined; each error begins with its key.
func (c Config) Validate() error {
	_, err := c.Model()
	if !(c.MinScore >= 0 && c.MinScore <= 100) {
		err = errors.Join(fmt.Errorf("min_score: got %v, want 0 to 100", c.MinScore), err)
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
