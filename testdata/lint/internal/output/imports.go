// Package output imports an input.
package output

import _ "fresnel/internal/source/ecs"
