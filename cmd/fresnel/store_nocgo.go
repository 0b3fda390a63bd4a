//go:build !cgo

package main

import (
	"errors"
	"log/slog"

	"fresnel/internal/config"
)

// openStore says that this program has no database.
func openStore(*config.Config, string, bool, *slog.Logger) (database, error) {
	return nil, errors.New("this program was built without its database (CGO_ENABLED=0), which serve, run, export and import need; scan does not")
}
