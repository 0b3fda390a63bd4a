// Package bulk imports what it must not know.
package bulk

import (
	_ "fresnel/internal/schedule"
)
