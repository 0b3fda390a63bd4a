// Package delimited reads any text of one event a line, cut into columns by a separator or
// by a regular expression, as a column map tells.
package delimited

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	// A zone must mean the same on every machine, those without a tz database too.
	_ "time/tzdata"

	"fresnel/internal/source"
)

// Format is the input "delimited".
var Format = source.Format{
	Name:    "delimited",
	Summary: "text cut into columns by a map of the configuration (delimited:NAME); Proxifier logs",
	Detect:  func(h source.Head) bool { return readyFor(h) != "" },
	New:     newInput,
}

// reader is the source.Source of a run.
type reader struct {
	plans map[string]*plan
	name  string // of the map for all files; "" when each is read by the ready map that knows it
}

// newInput checks all maps of the run, so that a bad one is said even when no file needs it.
func newInput(o source.Options) (source.Source, error) {
	r := &reader{plans: map[string]*plan{}, name: o.Map}
	var errs []error
	all := merge(o.Delimited)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p, err := newPlan(all[name], o.Fields)
		if err != nil {
			for _, e := range unjoin(err) {
				errs = append(errs, fmt.Errorf("delimited: %s: %w", name, e))
			}
			continue
		}
		r.plans[name] = p
	}
	if _, ok := all[o.Map]; o.Map != "" && !ok {
		errs = append(errs, fmt.Errorf("delimited: got the map %q, want one of %s", o.Map, strings.Join(slices.Sorted(maps.Keys(all)), ", ")))
	}
	return r, errors.Join(errs...)
}

func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

// Plan reads all files in one phase.
func (r *reader) Plan(files []source.File) []int { return make([]int, len(files)) }

// Open finds the map of the file and the columns that its first line names.
func (r *reader) Open(f source.File) (source.Input, error) {
	name := r.name
	if name == "" {
		name = readyFor(f.Head)
	}
	p, ok := r.plans[name]
	if !ok {
		return nil, fmt.Errorf("no ready map knows the shape of this text, want --input delimited:NAME with one of %s",
			strings.Join(slices.Sorted(maps.Keys(r.plans)), ", "))
	}
	l, err := p.layout(f.Head.Text)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", name, err)
	}
	return input{l}, nil
}

// input is one file.
type input struct{ *layout }

// Split takes all of text as one block: no line changes the meaning of those behind it.
func (in input) Split(text []byte) (n int, state any) { return len(text), nil }

// Ordered is true where the year of a line follows from the lines before it.
func (in input) Ordered() bool { return in.yearless }

func (in input) NewDecoder() source.Decoder { return newDecoder(in.layout) }
