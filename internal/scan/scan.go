// Package scan finds the beacons in files: it reads and decodes them side by side and hands
// the events to package detect, in the order of the files whatever goroutine is first.
package scan

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"sync/atomic"

	"fresnel/internal/detect"
	"fresnel/internal/files"
	"fresnel/internal/finding"
	"fresnel/internal/source"
)

// Options say what to scan, and for what.
type Options struct {
	detect.Options // its Workers decode, too

	Files    []files.File
	Problems []files.Problem // paths that gave no file
	Stdin    *os.File
	Formats  []source.Format // in the order of detection
	Inputs   []string        // names of formats, with ":map" where the format takes one; empty for all of them
	Source   source.Options  // Fields are filled in by Run

	Strict   bool // the first bad record ends the scan
	BadShown int  // how many bad records the Summary names
	Progress *Progress
}

// Progress is filled while a scan runs; whoever shows it may read it at any time.
type Progress struct {
	Bytes  atomic.Int64 // read, as they lie on disk
	Events atomic.Int64 // decoded
	Total  atomic.Int64 // bytes of all files; 0 when it is not known
	Runs   atomic.Int64 // done
}

// ErrStrict is the error of a strict scan that found a bad record.
var ErrStrict = errors.New("bad record")

// A Summary says what a scan saw.
type Summary struct {
	Files    int             // read
	Unknown  []string        // files in folders that no input knows
	Problems []files.Problem // files that could not be read, or not to their ends
	Failed   int             // files that were named and could not be read at all
	Formats  map[string]int  // files by the name of their input
	Unneeded map[string]int  // files with nothing that this run needs, by the name of their input

	Events   int64            // decoded
	Bad      int64            // records that could not be decoded
	BadShown []string         // the first of them: file: line: field: got, want
	Skipped  map[string]int64 // records that are no network events, by input and reason

	detect.Summary
}

// Run scans and hands every result to emit, one run after the other, those of a run by
// falling score, then by group. The Summary is filled as far as the scan came, even when
// there is an error.
func Run(ctx context.Context, o Options, emit func(*finding.Result) error) (*Summary, error) {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	o.RunsDone = &o.Progress.Runs
	s := &Summary{Formats: map[string]int{}, Unneeded: map[string]int{}, Skipped: map[string]int64{}, Problems: slices.Clone(o.Problems)}
	for _, p := range o.Problems {
		if p.Named {
			s.Failed++
		}
	}
	events, err := detect.New(o.Options)
	if err != nil {
		return s, err
	}
	defer func() { s.Summary = events.Summary() }()
	o.Source.Fields = events.Fields()
	if err := newGathering(&o, events, s).files(ctx); err != nil {
		return s, err
	}
	return s, events.Detect(ctx, emit)
}
