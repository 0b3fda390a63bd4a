// Package series imports what the core must not know.
package series

import (
	_ "fresnel/internal/filter"
	_ "golang.org/x/sync/errgroup"
)
