// Package newinput imports another input, and an output.
package newinput

import (
	_ "fresnel/internal/output"
	_ "fresnel/internal/source/zeek"
)
