// Package plot imports what it draws.
package plot

import _ "fresnel/internal/finding"
