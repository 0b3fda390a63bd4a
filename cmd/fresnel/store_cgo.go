//go:build cgo

package main

import (
	"log/slog"
	"time"

	"fresnel/internal/config"
	"fresnel/internal/store/duckdb"
)

// openStore opens the database in a folder. Unless existing is set it is made when it is not there.
func openStore(c *config.Config, dir string, existing bool, log *slog.Logger) (database, error) {
	ownFiles()
	o := duckdb.DefaultOptions()
	o.Dir, o.Existing, o.Now, o.Log = dir, existing, time.Now, log
	o.CommitEvery, o.MemoryLimitMB = c.Store.CommitEvery, int(c.Store.MemoryMB)
	if c.Store.KeepGB > 0 { // files small enough that the bound can be kept by whole files
		o.SliceBytes = min(o.SliceBytes, max(64<<20, c.Store.KeepGB<<30/8))
	}
	return duckdb.Open(o)
}
