package fit_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"fresnel/internal/fit"
	"fresnel/internal/rank"
	"fresnel/internal/testkit"
)

// pieces returns n ordered pieces of two levels against, a plain one and two for, and a free
// one at the end.
func pieces(n int) []rank.Piece {
	var all []rank.Piece
	for i := range n {
		all = append(all, rank.Piece{Name: fmt.Sprintf("piece%d", i), Levels: []rank.Level{
			{Name: "a", Side: rank.Against}, {Name: "b", Side: rank.Against}, {Name: "c"}, {Name: "d", Side: rank.For}, {Name: "e", Side: rank.For},
		}})
	}
	return append(all, rank.Piece{Name: "free", Free: true, Levels: []rank.Level{{Name: "x", Side: rank.For}, {Name: "y"}, {Name: "z", Side: rank.For}}})
}

// truth returns the points that rows of draw are made by: piece 0 counts most, the last ordered
// piece not at all.
func truth(all []rank.Piece) [][]float64 {
	points := make([][]float64, len(all))
	ordered := len(all) - 1
	for i := range ordered {
		strength := 1 - float64(i)/float64(max(ordered-1, 1))
		points[i] = []float64{-2 * strength, -strength, 0, strength, 2 * strength}
	}
	points[ordered] = []float64{1, 0, -1}
	return points
}

// draw makes rows whose chance to be positive is that of the points.
func draw(all []rank.Piece, points [][]float64, rows, worlds int, bias float64, seed uint64) fit.Data {
	r := rand.New(rand.NewPCG(seed, 1))
	var d fit.Data
	for range rows {
		sum := bias
		for i, p := range all {
			level := r.IntN(len(p.Levels) + 1)
			if level > 0 {
				sum += points[i][level-1]
			}
			d.Levels = append(d.Levels, uint8(level))
		}
		world := 0
		if worlds > 1 {
			world = r.IntN(worlds)
			sum += float64(world) // worlds differ in how many positives they have
		}
		d.World = append(d.World, world)
		d.Positive = append(d.Positive, r.Float64() < 1/(1+math.Exp(-sum)))
	}
	return d
}

func mustFit(t testing.TB, all []rank.Piece, d fit.Data, o fit.Options) fit.Weights {
	t.Helper()
	w, err := fit.Fit(all, d, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// sound fails the test unless w keeps the rules of the pieces.
func sound(t testing.TB, all []rank.Piece, w fit.Weights) {
	t.Helper()
	for i, p := range all {
		for j, l := range p.Levels {
			got := w.Points[i][j]
			switch {
			case l.Side == rank.Plain && got != 0:
				t.Errorf("%s.%s: got %v, want 0", p.Name, l.Name, got)
			case p.Free:
			case l.Side == rank.Against && got > 0, l.Side == rank.For && got < 0:
				t.Errorf("%s.%s: got %v, against its side", p.Name, l.Name, got)
			case j > 0 && got < w.Points[i][j-1]:
				t.Errorf("%s.%s: got %v, less than the level before, %v", p.Name, l.Name, got, w.Points[i][j-1])
			}
		}
	}
}

func TestFitRecoversPoints(t *testing.T) {
	all := pieces(4)
	want := truth(all)
	for _, tt := range []struct {
		name   string
		opts   fit.Options
		worlds int
	}{
		{"logistic, one world", fit.Options{Loss: fit.Logistic}, 1},
		{"logistic, worlds of different shares", fit.Options{Loss: fit.Logistic}, 4},
		{"top-heavy, worlds of different shares", fit.Options{Loss: fit.TopHeavy}, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := draw(all, want, 60_000, tt.worlds, -3, 1)
			w := mustFit(t, all, d, tt.opts)
			sound(t, all, w)
			for i := range want {
				for j := range want[i] {
					if math.Abs(w.Points[i][j]-want[i][j]) > 0.35 {
						t.Errorf("%s.%s: got %.2f, want %.2f", all[i].Name, all[i].Levels[j].Name, w.Points[i][j], want[i][j])
					}
				}
			}
			if w.Rounds > 30 {
				t.Errorf("got %d rounds, want a few", w.Rounds)
			}
		})
	}
}

func TestFitBeatsNothing(t *testing.T) {
	all := pieces(6)
	train, held := draw(all, truth(all), 20_000, 3, -8, 2), draw(all, truth(all), 20_000, 3, -8, 3)
	nothing := fit.MeanAveragePrecision(fit.Weights{Points: make([][]float64, 0)}, fit.Data{Positive: held.Positive, World: held.World})
	best := fit.MeanAveragePrecision(fit.Weights{Points: truth(all)}, held)
	for _, loss := range []fit.Loss{fit.Logistic, fit.TopHeavy} {
		w := mustFit(t, all, train, fit.Options{Loss: loss})
		if got := fit.MeanAveragePrecision(w, held); got < 5*nothing || got < 0.9*best {
			t.Errorf("loss %d: got average precision %.3f, want near %.3f of the true points and above %.3f of none", loss, got, best, nothing)
		}
	}
}

// TestFitKeepsOrder draws rows that speak against the rules: the best that is allowed is 0.
func TestFitKeepsOrder(t *testing.T) {
	all := pieces(2)
	wrong := [][]float64{{2, 1, 0, -1, -2}, {-2, -1, 0, 2, 1}, {1, 0, -1}}
	for _, loss := range []fit.Loss{fit.Logistic, fit.TopHeavy} {
		w := mustFit(t, all, draw(all, wrong, 20_000, 2, -5, 4), fit.Options{Loss: loss})
		sound(t, all, w)
		for j, got := range w.Points[0] {
			if got != 0 {
				t.Errorf("loss %d: %s.%s: got %v, want 0: rows speak against the order", loss, all[0].Name, all[0].Levels[j].Name, got)
			}
		}
		if d, e := w.Points[1][3], w.Points[1][4]; math.Abs(d-e) > 1e-9 || d < 1 || d > 2 {
			t.Errorf("loss %d: got %v and %v, want one number between 1 and 2", loss, d, e)
		}
	}
}

// TestFitIsSmallest compares with the loss as its definition has it, around what was found.
func TestFitIsSmallest(t *testing.T) {
	all := pieces(2)
	d := draw(all, truth(all), 400, 2, -3, 5)
	d.Weight = make([]float64, len(d.Positive))
	for i := range d.Weight {
		d.Weight[i] = 0.5 + float64(i%3)
	}
	w := mustFit(t, all, d, fit.Options{})
	got := plainLoss(all, d, w.Points)
	testkit.Near(t, "loss", w.Loss, got, 1e-9)
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 { // no allowed place nearby is better
		other := make([][]float64, len(w.Points))
		for i := range other {
			other[i] = slices.Clone(w.Points[i])
		}
		i := r.IntN(len(all))
		j := r.IntN(len(all[i].Levels))
		other[i][j] += r.NormFloat64() * math.Pow(10, -4*r.Float64())
		if !allowed(all, other) {
			continue
		}
		if l := plainLoss(all, d, other); l < got-1e-7 {
			t.Fatalf("%s.%s: %v in place of %v makes the loss %v, less than %v", all[i].Name, all[i].Levels[j].Name, other[i][j], w.Points[i][j], l, got)
		}
	}
}

// plainLoss is the top-heavy loss, as its definition has it.
func plainLoss(all []rank.Piece, d fit.Data, points [][]float64) float64 {
	scores := fit.Weights{Points: points}.Scores(d)
	sum := 0.0
	for i, positive := range d.Positive {
		if !positive {
			continue
		}
		above := 1.0
		for k := range scores {
			if !d.Positive[k] && d.World[k] == d.World[i] {
				above += d.Weight[k] * math.Exp(scores[k]-scores[i])
			}
		}
		sum += d.Weight[i] * math.Log(above)
	}
	for i, p := range all {
		if p.Free {
			sum += (points[i][0]*points[i][0] + points[i][2]*points[i][2]) / 2
			continue
		}
		for j := range p.Levels {
			switch {
			case j < 2:
				step := points[i][j+1] - points[i][j]
				sum += step * step / 2
			case j > 2:
				step := points[i][j] - points[i][j-1]
				sum += step * step / 2
			}
		}
	}
	return sum
}

func allowed(all []rank.Piece, points [][]float64) bool {
	for i, p := range all {
		for j, l := range p.Levels {
			v := points[i][j]
			if l.Side == rank.Plain && v != 0 || !p.Free && (l.Side == rank.Against && v > 0 || l.Side == rank.For && v < 0 || j > 0 && v < points[i][j-1]) {
				return false
			}
		}
	}
	return true
}

func TestFitKeepsPriorOfUnseenLevels(t *testing.T) {
	all := pieces(2)
	d := draw(all, truth(all), 5000, 1, -3, 6)
	for i := 1; i < len(d.Levels); i += 3 { // piece1 is never known
		d.Levels[i] = 0
	}
	prior := [][]float64{{0, 0, 0, 0, 0}, {-3, -1, 0, 0.5, 2}, {0, 0, 0}}
	w := mustFit(t, all, d, fit.Options{Prior: prior})
	for j, want := range prior[1] {
		if math.Abs(w.Points[1][j]-want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", all[1].Levels[j].Name, w.Points[1][j], want)
		}
	}
}

func TestFitBoundsSteps(t *testing.T) {
	all := pieces(2)
	w := mustFit(t, all, draw(all, truth(all), 5000, 1, -3, 6), fit.Options{MaxStep: 0.5})
	sound(t, all, w)
	for j, want := range []float64{-1, -0.5, 0, 0.5, 1} { // the true ones are twice as large
		testkit.Near(t, all[0].Levels[j].Name, w.Points[0][j], want, 1e-9)
	}
	testkit.Near(t, "without order", w.Points[2][0], 0.5, 1e-9)
}

// TestFitOfShares holds that one row of weight 3 is three rows, and that rows in another
// order are the same rows.
func TestFitOfShares(t *testing.T) {
	all := pieces(2)
	d := draw(all, truth(all), 3000, 2, -3, 7)
	var weighed, written fit.Data
	for i, positive := range d.Positive {
		n := 1 + i%3
		row := d.Levels[i*3 : i*3+3]
		weighed.Levels = append(weighed.Levels, row...)
		weighed.Positive = append(weighed.Positive, positive)
		weighed.World = append(weighed.World, d.World[i])
		weighed.Weight = append(weighed.Weight, float64(n))
		for range n {
			written.Levels = append(slices.Clone(row), written.Levels...)
			written.Positive = append([]bool{positive}, written.Positive...)
			written.World = append([]int{d.World[i]}, written.World...)
		}
	}
	for _, loss := range []fit.Loss{fit.Logistic, fit.TopHeavy} {
		a, b := mustFit(t, all, weighed, fit.Options{Loss: loss}), mustFit(t, all, written, fit.Options{Loss: loss})
		for i := range a.Points {
			for j := range a.Points[i] {
				if math.Abs(a.Points[i][j]-b.Points[i][j]) > 1e-4 {
					t.Errorf("loss %d: piece %d level %d: got %v with weights, %v with rows", loss, i, j, a.Points[i][j], b.Points[i][j])
				}
			}
		}
	}
}

func TestBiasIsCalibrated(t *testing.T) {
	all := pieces(3)
	d := draw(all, truth(all), 20_000, 1, -4, 8)
	w := mustFit(t, all, d, fit.Options{})
	sum, want := 0.0, 0.0
	for i, s := range w.Scores(d) {
		sum += 1 / (1 + math.Exp(-s))
		if d.Positive[i] {
			want++
		}
	}
	testkit.Near(t, "expected positives", sum, want, 1e-6)
}

func TestCheck(t *testing.T) {
	all := pieces(1)
	for _, tt := range []struct {
		name string
		data fit.Data
		opts fit.Options
		want string
	}{
		{"too few levels", fit.Data{Levels: []uint8{1}, Positive: []bool{true, false}}, fit.Options{}, "levels: got 1, want 2 rows of 2"},
		{"a level that is none", fit.Data{Levels: []uint8{1, 1, 6, 1}, Positive: []bool{true, false}}, fit.Options{}, "levels: row 1: piece0: got level 6, want at most 5"},
		{"a negative weight", fit.Data{Levels: make([]uint8, 4), Positive: []bool{true, false}, Weight: []float64{1, -1}}, fit.Options{}, "weight: row 1: got -1, want 0 or more"},
		{"a world that is none", fit.Data{Levels: make([]uint8, 4), Positive: []bool{true, false}, World: []int{0, 2}}, fit.Options{}, "world: row 1: got 2, want 0 to 1"},
		{"rows of one kind", fit.Data{Levels: make([]uint8, 4), Positive: []bool{true, true}}, fit.Options{}, "positive: got rows of one kind, want both"},
		{"another prior", fit.Data{Levels: make([]uint8, 4), Positive: []bool{true, false}}, fit.Options{Prior: [][]float64{{1}, {1, 2, 3}}}, "prior: piece0: got 1 levels, want 5"},
	} {
		if _, err := fit.Fit(all, tt.data, tt.opts); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestAveragePrecision(t *testing.T) {
	for _, tt := range []struct {
		name     string
		scores   []float64
		positive []bool
		weight   []float64
		want     float64
	}{
		{"all above", []float64{3, 2, 1}, []bool{true, true, false}, nil, 1},
		{"second and third", []float64{1, 3, 2}, []bool{true, false, true}, nil, (1.0/2 + 2.0/3) / 2},
		{"equal scores stand together", []float64{1, 1, 1, 1}, []bool{true, false, false, false}, nil, 0.25},
		{"two rows of one implant", []float64{4, 3, 2}, []bool{true, false, true}, []float64{0.5, 1, 0.5}, 0.5*1 + 0.5*0.5},
	} {
		testkit.Near(t, tt.name, fit.AveragePrecision(tt.scores, tt.positive, tt.weight), tt.want, 1e-12)
	}
	if got := fit.AveragePrecision([]float64{1}, []bool{false}, nil); !math.IsNaN(got) {
		t.Errorf("without a positive: got %v, want NaN", got)
	}
}

func TestLeaveOut(t *testing.T) {
	all := pieces(4)
	lines, err := fit.LeaveOut(all, draw(all, truth(all), 20_000, 2, -7, 9), draw(all, truth(all), 20_000, 2, -7, 10), fit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 1+len(all) || lines[0].Piece != "" {
		t.Fatalf("got %+v, want a line with all and one for each piece", lines)
	}
	if lines[1].Piece != "piece0" || lines[1].AveragePrecision > 0.8*lines[0].AveragePrecision || lines[1].Loss <= lines[0].Loss {
		t.Errorf("got %+v first, want piece0, which counts most", lines[1])
	}
	for _, l := range lines {
		if l.Piece == "piece3" && math.Abs(l.AveragePrecision-lines[0].AveragePrecision) > 0.01 {
			t.Errorf("piece3 counts nothing: got %.4f without it, %.4f with it", l.AveragePrecision, lines[0].AveragePrecision)
		}
	}
}

// BenchmarkFit fits rows of the real pieces: most alike, as rows without a timer are.
func BenchmarkFit(b *testing.B) {
	all := rank.Pieces()
	for _, rows := range []int{100_000, 1_000_000} {
		d := realistic(all, rows)
		for _, loss := range []fit.Loss{fit.TopHeavy, fit.Logistic} {
			b.Run(fmt.Sprintf("rows=%d/loss=%d", rows, loss), func(b *testing.B) {
				for b.Loop() {
					mustFit(b, all, d, fit.Options{Loss: loss})
				}
			})
		}
	}
}

func realistic(all []rank.Piece, rows int) fit.Data {
	r := rand.New(rand.NewPCG(1, 1))
	points := rank.Default().ByLevel()
	var d fit.Data
	for i := range rows {
		sum := -8.0
		for j, p := range all {
			level := uint8(r.IntN(len(p.Levels)+3) % (len(p.Levels) + 1))
			if i%2 == 0 && r.IntN(10) > 0 {
				level = 1 // half of the rows are nearly all alike
			}
			if level > 0 {
				sum += points[j][level-1]
			}
			d.Levels = append(d.Levels, level)
		}
		d.World = append(d.World, i*20/rows)
		d.Positive = append(d.Positive, r.Float64() < 1/(1+math.Exp(-sum)))
	}
	return d
}
