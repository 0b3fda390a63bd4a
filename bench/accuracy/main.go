// Command accuracy writes docs/accuracy.md: what Fresnel, the reference statistics and RITA's
// score find, side by side, in simulated worlds and in labelled captures.
//
// Run it from the root of the repository: make accuracy
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"fresnel/bench/worlds"
	"fresnel/internal/config"
)

// lastOfTuning is the last seed that models are fitted on or chosen by (bench/fit): what is
// reported comes from later ones.
const lastOfTuning = 199

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func run() error {
	out := flag.String("out", "docs/accuracy.md", "`file` to write")
	quick := flag.Bool("quick", false, "one world of each kind, in a minute")
	days := flag.String("seeds", "201-205", "`seeds` of days, weeks of a bot and noise: first-last")
	enterprises := flag.String("enterprise-seeds", "201-202", "`seeds` of enterprises; each takes a minute of a core")
	flag.Parse()
	short, err := seeds(*days)
	if err != nil {
		return fmt.Errorf("-seeds: %w", err)
	}
	long, err := seeds(*enterprises)
	if err != nil {
		return fmt.Errorf("-enterprise-seeds: %w", err)
	}
	if *quick {
		short, long = short[:1], long[:1]
	}
	c := config.Default()
	model, err := c.Rank.Model()
	if err != nil {
		return err
	}
	p := &page{Quick: *quick, settings: settings{model, c.Timing.Lookback, c.Timing.MaxFalseDiscoveryRate, c.Rank.MinScore, c.Rank.RowsPerHostDay}}
	if err := p.read(); err != nil {
		return err
	}
	if err := p.measure(datasets(short, long)); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := p.write(&b); err != nil {
		return err
	}
	return os.WriteFile(*out, b.Bytes(), 0o644)
}

// seeds reads first-last, or one seed.
func seeds(text string) ([]uint64, error) {
	all, err := worlds.Seeds(text)
	if err != nil {
		return nil, err
	}
	if all[0] <= lastOfTuning {
		return nil, fmt.Errorf("got %d, want %d or more: models are fitted on and chosen by those before", all[0], lastOfTuning+1)
	}
	return all, nil
}

// datasets returns the simulated worlds that are looked at.
func datasets(short, long []uint64) []*dataset {
	return []*dataset{
		{name: "day, hosts", scenario: "day", seeds: short, delays: true},
		{name: "day, network", scenario: "day", network: true, seeds: short},
		{name: "plain day, hosts", scenario: "plain", seeds: short},
		{name: "plain day, network", scenario: "plain", network: true, seeds: short},
		{name: "quiet day, hosts", scenario: "quiet", seeds: short},
		{name: "quiet day, network", scenario: "quiet", network: true, seeds: short},
		{name: "enterprise", scenario: "enterprise", large: true, seeds: long},
		{name: "enterprise-b", scenario: "enterprise-b", large: true, seeds: long},
		{name: "bot-week", scenario: "bot-week", byLabel: true, seeds: short, hosts: 1},
		{name: "internet-noise", scenario: "internet-noise", seeds: short, hosts: 60},
	}
}

// measure runs every world and every capture, side by side.
func (p *page) measure(sets []*dataset) error {
	p.Sets = make([]*measured, len(sets))
	set := p.settings
	var first, jobs []func() error // the large ones first, so that no processor waits for the last of them
	note := func(start time.Time, format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%s in %s\n", fmt.Sprintf(format, args...), time.Since(start).Round(10*time.Millisecond))
	}
	for i, d := range sets {
		p.Sets[i] = &measured{dataset: d, worlds: make([]*world, len(d.seeds))}
		for k, seed := range d.seeds {
			job := func() error {
				start := time.Now()
				w, err := d.run(seed, set)
				if err != nil {
					return fmt.Errorf("%s, seed %d: %w", d.name, seed, err)
				}
				p.Sets[i].worlds[k] = w
				note(start, "%s, seed %d: %d events, %d groups", d.name, seed, w.events, w.groups)
				return nil
			}
			if d.large {
				first = append(first, job)
			} else {
				jobs = append(jobs, job)
			}
		}
	}
	if dir, ok := shared(); ok {
		p.Captures = make([]*seen, len(captures))
		p.Filtered = make([]*seen, len(captures))
		for i := range captures {
			c := &captures[i]
			jobs = append(jobs, func() (err error) {
				start := time.Now()
				if p.Captures[i], err = c.look(dir, false, set); err == nil && c.hosts > 0 {
					p.Filtered[i], err = c.look(dir, true, set)
				}
				note(start, "%s", c.name())
				return err
			})
		}
	}
	p.Nulls = make([]*null, len(nulls))
	for i := range nulls {
		jobs = append(jobs, func() (err error) {
			start := time.Now()
			p.Nulls[i], err = nulls[i].run(sets[0].seeds, set)
			note(start, "null: %s", nulls[i].name)
			return err
		})
	}
	jobs = append(first, jobs...)
	errs := make([]error, len(jobs))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(jobs); i = int(next.Add(1)) - 1 {
				errs[i] = jobs[i]()
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}
