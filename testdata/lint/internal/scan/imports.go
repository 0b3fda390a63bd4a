// Package scan imports an input, a report, and what is for tests.
package scan

import (
	_ "fresnel/internal/report"
	_ "fresnel/internal/source/all"
	_ "fresnel/internal/testkit"
)
