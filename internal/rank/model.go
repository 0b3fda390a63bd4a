package rank

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// Weights are points by the names of piece and level: changes to those of a model.
type Weights map[string]map[string]float64

// A Model gives points to evidence. It is not changed after it was made, and may be used by
// several goroutines.
type Model struct {
	bias   float64     // points of a row of which nothing is known
	scale  float64     // points that multiply the odds of the score by e
	points [][]float64 // by piece and level; level 0 has none
}

// An Assessment is what a model says of a row.
type Assessment struct {
	Score   float64  // 0 to 100: 100 / (1 + exp(-Points/scale)), which rises with Points up to the last digit
	Points  float64  // the sum of the bias and the points of all pieces
	Reasons []Reason // by falling size of their points, then in the order of Pieces; those without points are left out
}

// A Reason is one fact and what it is worth.
type Reason struct {
	Code   string  // name of the piece
	Text   string  // the fact in words, harmless on a terminal
	Points float64 // above 0 when it speaks for a beacon
}

// NewModel returns a model of the given points: one slice for each of Pieces, in their order,
// of a number for each level from 1 on. Its errors are those of Read.
func NewModel(bias, scale float64, points [][]float64) (*Model, error) {
	if len(points) != len(pieces) {
		return nil, fmt.Errorf("pieces: got %d, want %d", len(points), len(pieces))
	}
	m := &Model{bias: bias, scale: scale, points: make([][]float64, len(pieces))}
	for i, p := range pieces {
		if len(points[i]) != len(p.Levels) {
			return nil, fmt.Errorf("%s: got %d levels, want %d", p.Name, len(points[i]), len(p.Levels))
		}
		m.points[i] = append([]float64{0}, points[i]...)
	}
	if err := errors.Join(m.validate(m.Weights())...); err != nil {
		return nil, err
	}
	return m, nil
}

//go:embed model.yaml
var shipped string

var defaultModel = sync.OnceValues(func() (*Model, error) { return Read(strings.NewReader(shipped)) })

// Default returns the model that is shipped.
func Default() *Model {
	m, err := defaultModel()
	if err != nil {
		panic("model.yaml: " + err.Error()) // embedded; a test reads it
	}
	return m
}

// document is the form of a model in YAML.
type document struct {
	Bias   *float64  `yaml:"bias"`
	Scale  *float64  `yaml:"scale"`
	Pieces yaml.Node `yaml:"pieces"`
}

// Read reads a model in the form that WriteYAML writes. Every piece and level that can have
// points must be there and no other. Errors are joined, each with its piece and level.
func Read(r io.Reader) (*Model, error) {
	dec := yaml.NewDecoder(r)
	dec.KnownFields(true)
	var d document
	if err := dec.Decode(&d); err != nil {
		return nil, err
	}
	if d.Bias == nil || d.Scale == nil {
		return nil, errors.New("got no bias or no scale, want both")
	}
	var weights Weights
	if err := d.Pieces.Decode(&weights); err != nil {
		return nil, fmt.Errorf("pieces: %w", err)
	}
	m := &Model{bias: *d.Bias, scale: *d.Scale, points: make([][]float64, len(pieces))}
	var errs []error
	for i, p := range pieces {
		m.points[i] = make([]float64, 1+len(p.Levels))
		for _, l := range p.Levels {
			if _, ok := weights[p.Name][l.Name]; !ok && l.Side != Plain {
				errs = append(errs, fmt.Errorf("%s.%s: got nothing, want points", p.Name, l.Name))
			}
		}
	}
	errs = append(errs, m.apply(weights)...)
	if len(errs) == 0 {
		errs = m.validate(weights)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return m, nil
}

// With returns a model with other points where w has some. Errors are joined, one for each level
// that is wrong; each begins with piece and level. Points that are against the side of their
// level, or against the order of the levels, are errors.
func (m *Model) With(w Weights) (*Model, error) {
	changed := &Model{bias: m.bias, scale: m.scale, points: make([][]float64, len(m.points))}
	for i := range m.points {
		changed.points[i] = slices.Clone(m.points[i])
	}
	errs := changed.apply(w)
	if err := errors.Join(append(errs, changed.validate(w)...)...); err != nil {
		return nil, err
	}
	return changed, nil
}

// apply sets the points that w names. What it does not know is an error.
func (m *Model) apply(w Weights) (errs []error) {
	for _, piece := range sortedKeys(w) {
		i := slices.IndexFunc(pieces, func(p Piece) bool { return p.Name == piece })
		if i < 0 {
			errs = append(errs, fmt.Errorf("%s: got an unknown piece, want one of %s", shorten(piece), pieceNames()))
			continue
		}
		for _, level := range sortedKeys(w[piece]) {
			l := slices.IndexFunc(pieces[i].Levels, func(l Level) bool { return l.Name == level })
			if l < 0 {
				errs = append(errs, fmt.Errorf("%s.%s: got an unknown level, want one of %s", piece, shorten(level), levelNames(pieces[i])))
				continue
			}
			m.points[i][1+l] = w[piece][level]
		}
	}
	return errs
}

// most bounds points: more than this decides alone, and infinities have no order.
const most = 50

// Range returns the fewest and the most points that level l of p may have, whatever those of its
// neighbours are.
func (p *Piece) Range(l int) (least, greatest float64) {
	side := p.Levels[l].Side
	if side == Plain {
		return 0, 0
	}
	least, greatest = -most, most
	if side == For && !p.Free {
		least = 0
	}
	if side == Against && !p.Free {
		greatest = 0
	}
	return least, greatest
}

// validate returns everything that is wrong with m: one error for each level that is wrong, and
// where two are against each other, for the one that has its points from w.
func (m *Model) validate(w Weights) (errs []error) {
	if !(math.Abs(m.bias) <= most) {
		errs = append(errs, fmt.Errorf("bias: got %v, want -%d to %d", m.bias, most, most))
	}
	if !(m.scale >= 0.1 && m.scale <= 100) {
		errs = append(errs, fmt.Errorf("scale: got %v, want 0.1 to 100", m.scale))
	}
	for i, p := range pieces {
		wrong := make([]bool, len(p.Levels))
		for j, l := range p.Levels {
			got := m.points[i][1+j]
			fail := func(j int, want string, args ...any) {
				wrong[j] = true
				errs = append(errs, fmt.Errorf("%s.%s: got %v, want "+want, append([]any{p.Name, p.Levels[j].Name, m.points[i][1+j]}, args...)...))
			}
			switch {
			case !(math.Abs(got) <= most):
				fail(j, "-%d to %d", most, most)
			case l.Side == Plain && got != 0:
				fail(j, "0: the level says nothing")
			case p.Free:
			case l.Side == Against && got > 0:
				fail(j, "at most 0: the level speaks against a beacon")
			case l.Side == For && got < 0:
				fail(j, "at least 0: the level speaks for a beacon")
			case j > 0 && got < m.points[i][j] && !wrong[j-1]:
				if _, ok := w[p.Name][l.Name]; ok {
					fail(j, "at least %v, the points of %s", m.points[i][j], p.Levels[j-1].Name)
				} else {
					fail(j-1, "at most %v, the points of %s", got, l.Name)
				}
			}
		}
	}
	return errs
}

// WriteYAML writes m as Read reads it, its numbers with three digits after the point. The lines
// of header stand at the beginning, as a comment.
func (m *Model) WriteYAML(w io.Writer, header string) error {
	var b strings.Builder
	for line := range strings.Lines(header) {
		b.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	fmt.Fprintf(&b, "bias: %s\nscale: %s\npieces:\n", number(m.bias), number(m.scale))
	for i, p := range pieces {
		fmt.Fprintf(&b, "  %s:\n", p.Name)
		for j, l := range p.Levels {
			if l.Side != Plain {
				fmt.Fprintf(&b, "    %s: %s\n", l.Name, number(m.points[i][1+j]))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// number writes f with three digits after the point at most.
func number(f float64) string {
	return strconv.FormatFloat(math.Round(f*1000)/1000+0, 'f', -1, 64) // +0: no negative zero
}

// Weights returns the points of all levels of m.
func (m *Model) Weights() Weights {
	w := make(Weights, len(pieces))
	for i, p := range pieces {
		w[p.Name] = make(map[string]float64, len(p.Levels))
		for j, l := range p.Levels {
			w[p.Name][l.Name] = m.points[i][1+j]
		}
	}
	return w
}

// ByLevel returns a copy of the points of m by piece and level, as NewModel takes them.
func (m *Model) ByLevel() [][]float64 {
	points := make([][]float64, len(m.points))
	for i := range points {
		points[i] = slices.Clone(m.points[i][1:])
	}
	return points
}

// Bias returns the points of a row of which nothing is known.
func (m *Model) Bias() float64 { return m.bias }

// Scale returns the points that multiply the odds of the score by e.
func (m *Model) Scale() float64 { return m.scale }

// Points returns the sum of the bias and the points of all evidence. It does not allocate.
func (m *Model) Points(f *Facts) float64 {
	v := viewOf(f)
	sum := m.bias
	for i := range pieces {
		sum += m.points[i][pieces[i].level(v)]
	}
	return sum
}

// Score turns points into a score of 0 to 100.
func (m *Model) Score(points float64) float64 { return 100 / (1 + math.Exp(-points/m.scale)) }

// Assess returns the score of a row and the reasons for it.
func (m *Model) Assess(f *Facts) Assessment {
	v := viewOf(f)
	sum := m.bias
	var (
		found [maxPieces]struct {
			piece  uint8
			end    int // of its text
			points float64
		}
		text [1024]byte
	)
	n, said := 0, text[:0]
	var order [maxPieces]uint8 // of found, by falling size of points
	for i := range pieces {
		level := pieces[i].level(v)
		points := m.points[i][level]
		sum += points
		if points == 0 {
			continue
		}
		said = pieces[i].say(said, v, level)
		found[n].piece, found[n].end, found[n].points = uint8(i), len(said), points
		at := n
		for ; at > 0 && math.Abs(found[order[at-1]].points) < math.Abs(points); at-- {
			order[at] = order[at-1]
		}
		order[at] = uint8(n)
		n++
	}
	a := Assessment{Score: m.Score(sum), Points: sum, Reasons: make([]Reason, n)}
	texts := string(said) // one allocation for all
	for i, o := range order[:n] {
		start := 0
		if o > 0 {
			start = found[o-1].end
		}
		a.Reasons[i] = Reason{pieces[found[o].piece].Name, texts[start:found[o].end], found[o].points}
	}
	return a
}

// maxPieces bounds the number of pieces; a test holds it.
const maxPieces = 64

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func pieceNames() string {
	all := make([]string, len(pieces))
	for i, p := range pieces {
		all[i] = p.Name
	}
	return strings.Join(all, ", ")
}

func levelNames(p Piece) string {
	all := make([]string, len(p.Levels))
	for i, l := range p.Levels {
		all[i] = l.Name
	}
	return strings.Join(all, ", ")
}

// shorten returns a name that a user wrote for an error: as it is, or quoted and cut.
func shorten(s string) string {
	const longest = 64
	if len(s) > longest {
		s = s[:longest] + "..."
	}
	if q := strconv.Quote(s); len(q) > len(s)+2 || strings.ContainsAny(s, " .:") || s == "" {
		return q
	}
	return s
}
