package main

import (
	"fresnel/internal/evaluate"
	"fresnel/internal/event"
	"fresnel/internal/simulate"
)

// A nullKind is one kind of calls at random times, made by hosts that do nothing else. Its
// p-values tell whether the timing model's are right: nearly all other telemetry has timers in
// it that nobody has labelled.
type nullKind struct{ name, class string }

var nulls = []nullKind{
	{"Poisson, one size", "steady-noise"},
	{"people's sessions, log-normal gaps", "sessions"},
	{"bursts and exponential pauses", "bursts"},
	{"heavy tails", "heavy-tail"},
	{"log-normal gaps, hours", "remote-desktop"},
}

// nullsPerHost is how many callers a host has, on average.
const nullsPerHost = 10

// A null is what came of it.
type null struct {
	nullKind
	calibration evaluate.Calibration
}

func (k nullKind) run(seeds []uint64, set settings) (*null, error) {
	var rows []evaluate.Row
	for _, seed := range seeds {
		sc := simulate.Default()
		sc.Name, sc.Hosts, sc.Sensor.Identity = "null", 60, false
		sc.Software, sc.Tools = nil, nil
		sc.PerHost = map[string]float64{k.class: nullsPerHost}
		w, err := newWatch(set)
		if err != nil {
			return nil, err
		}
		if _, err := sc.Run(seed, func(e *event.Event) error {
			w.add(e)
			return nil
		}); err != nil {
			return nil, err
		}
		s, err := w.look(sc.Start.Add(sc.Length), 1)
		if err != nil {
			return nil, err
		}
		for i := range s.Found {
			rows = append(rows, evaluate.Row{PValues: []float64{s.Found[i].Timing.PValue}})
		}
	}
	r, err := evaluate.Rows(rows, evaluate.Truth{})
	if err != nil {
		return nil, err
	}
	return &null{k, r.Calibration}, nil
}
