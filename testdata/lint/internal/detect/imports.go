// Package detect imports what it must not know.
package detect

import (
	_ "fresnel/internal/scan"
)
