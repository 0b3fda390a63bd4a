// Package newstore imports what it must not know.
package newstore

import (
	_ "fresnel/internal/detect"
)
