// Package finding imports what stands above it.
package finding

import _ "fresnel/internal/scan"
