//go:build cgo

package duckdb

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"
)

// Options say where a store lies and what it may take.
type Options struct {
	Dir           string // its folder; made when it is not there
	Existing      bool   // nothing is made: Dir holds a store, or Open returns an error
	MemoryLimitMB int    // what DuckDB may take for queries and its cache; scans and the numbers of texts that events share come on top
	Threads       int    // of DuckDB
	TempDir       string // where DuckDB puts what does not fit into its memory, in a folder of its own; "" is Dir

	CommitEvery time.Duration // how long an Append may wait for others to share its commit
	CommitRows  int           // how many events are not waited with any longer
	SliceEvery  time.Duration // after how long a new file of events is begun
	SliceBytes  int64         // or at which size; a fraction of what Retain is to leave of events, since it takes whole files

	Now func() time.Time
	Log *slog.Logger
}

// DefaultOptions returns options that lack Dir, Now and Log.
func DefaultOptions() Options {
	return Options{
		MemoryLimitMB: 1024,
		Threads:       runtime.GOMAXPROCS(0),
		CommitEvery:   200 * time.Millisecond,
		CommitRows:    50_000,
		SliceEvery:    24 * time.Hour,
		SliceBytes:    8 << 30,
	}
}

// Validate returns everything that is wrong with o.
func (o Options) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.Dir != "", "folder: got none, want one")
	check(o.MemoryLimitMB >= 64, "memory limit: got %d MB, want at least 64", o.MemoryLimitMB)
	check(o.Threads >= 1, "threads: got %d, want at least 1", o.Threads)
	check(o.CommitEvery >= 0, "commit every: got %v, want 0 or more", o.CommitEvery)
	check(o.CommitRows >= 1, "commit rows: got %d, want at least 1", o.CommitRows)
	check(o.SliceEvery > 0, "slice every: got %v, want more than 0", o.SliceEvery)
	check(o.SliceBytes >= 1<<20, "slice bytes: got %d, want at least 1048576", o.SliceBytes) // an empty file takes a good part of that
	check(o.Now != nil, "clock: got none, want one")
	check(o.Log != nil, "log: got none, want one")
	return errors.Join(errs...)
}
