package plot

import (
	"bytes"
	"testing"

	"fresnel/internal/testkit"
)

func TestShares(t *testing.T) {
	steps := [][2]float64{{0, 1}, {0.5, 1}, {0.5, 0.75}, {1, 0.75}}
	small := [][2]float64{{0, 0}, {0.001, 0.002}, {0.1, 0.1}, {1, 1}}
	for name, picture := range map[string]*Picture{
		"shares":             Shares(caption("shares"), "recall", "precision", false, ShareLine{Points: steps}),
		"shares-logarithmic": Shares(caption("shares"), "p", "<share>", true, ShareLine{Points: [][2]float64{{0, 0}, {1, 1}}, Dashed: true}, ShareLine{Points: small}),
		"shares-of-nothing":  Shares(caption("shares"), "recall", "precision", false, ShareLine{Points: [][2]float64{{0, 0}, {1, 1}}, Dashed: true}, ShareLine{}),
	} {
		svg := picture.SVG()
		testkit.Golden(t, "testdata/"+name+".svg", append(svg, '\n'))
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("%s: got a number that is none", name)
		}
	}
}
