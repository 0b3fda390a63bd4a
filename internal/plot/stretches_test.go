package plot

import (
	"testing"

	"fresnel/internal/testkit"
)

func TestStretchesGolden(t *testing.T) {
	const day = 86400e9
	week := []Stretch{
		{hour.EndNanos - 7*day, hour.EndNanos - 4*day, 300},
		{hour.EndNanos - 2*day, hour.EndNanos - day/2, 300},
		{hour.EndNanos - day/2, hour.EndNanos, 900},
	}
	for name, picture := range map[string]*Picture{
		"stretches":            Stretches(caption("stretches"), week, Window{EndNanos: hour.EndNanos, BucketSeconds: 60, Buckets: 360}),
		"stretches-of-a-call":  Stretches(caption("stretches"), []Stretch{{5e9, 5e9, 0}}, hour),
		"stretches-of-seconds": Stretches(caption("stretches"), []Stretch{{0, 600e9, 4.5}}, hour),
		"stretches-of-nothing": Stretches(caption("stretches"), nil, hour),
	} {
		svg := picture.SVG()
		testkit.Golden(t, "testdata/"+name+".svg", append(svg, '\n'))
	}
}
