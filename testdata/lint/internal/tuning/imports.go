// Package tuning imports a store, which its caller gives it.
package tuning

import _ "fresnel/internal/store/memory"
