// Package httpapi imports what it must not know.
package httpapi

import (
	_ "fresnel/internal/detect"
)
