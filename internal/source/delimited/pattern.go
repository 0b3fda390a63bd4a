package delimited

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// A pattern is a regular expression in RE2 syntax of which some groups are wanted. It is
// safe for concurrent use.
//
// The package regexp allocates a slice for every match and looks at each byte several
// times; a matcher reads a line once and allocates nothing. It follows the same rules: the
// leftmost match, and of several that begin there the one that Perl would find.
type pattern struct {
	prog    *syntax.Prog
	slots   []int          // by capture number of prog: index in the places, or -1
	places  int            // two for each wanted group: where it begins and ends
	bounds  []rune         // the first rune of each class: runes that no instruction tells apart
	ascii   [128]uint16    // the class of an ASCII byte
	anchors syntax.EmptyOp // what the text must begin with
}

// compilePattern compiles expr. names returns the names of its groups, in their order; ""
// for a group without one.
func compilePattern(expr string) (p *pattern, names []string, err error) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, nil, fmt.Errorf("got %q, want a regular expression (RE2): %w", expr, err)
	}
	names = re.CapNames()
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, nil, fmt.Errorf("got %q, want a regular expression (RE2): %w", expr, err)
	}
	p = &pattern{prog: prog, slots: make([]int, 2*len(names)), anchors: prog.StartCond()}
	for i := range p.slots {
		p.slots[i] = -1
	}
	if err := p.classify(); err != nil {
		return nil, nil, fmt.Errorf("got %q, want %w", expr, err)
	}
	return p, names, nil
}

// want makes group number g, which counts from 1, the next of the wanted groups.
func (p *pattern) want(g int) {
	p.slots[2*g], p.slots[2*g+1] = p.places, p.places+1
	p.places += 2
}

// classify divides the runes into classes.
func (p *pattern) classify() error {
	bounds := []rune{0}
	for i := range p.prog.Inst {
		in := &p.prog.Inst[i]
		switch in.Op {
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0 {
				return errors.New(`a pattern without \b and \B`)
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if len(in.Rune) == 1 {
				// A single rune may stand for its other cases as well.
				for _, r := range folds(in.Rune[0]) {
					bounds = append(bounds, r, r+1)
				}
				continue
			}
			for k := 0; k < len(in.Rune); k += 2 {
				bounds = append(bounds, in.Rune[k], in.Rune[k+1]+1)
			}
		}
	}
	slices.Sort(bounds)
	p.bounds = slices.Compact(bounds)
	if len(p.bounds) > 1<<15 {
		return errors.New("a simpler pattern")
	}
	for b := range p.ascii {
		p.ascii[b] = uint16(p.class(rune(b)))
	}
	return nil
}

// class returns the class of r.
func (p *pattern) class(r rune) int {
	i, found := slices.BinarySearch(p.bounds, r)
	if found {
		return i
	}
	return i - 1
}

const (
	// maxStates bounds the memory of a matcher: text made to need more states than this
	// makes it forget them and begin anew.
	maxStates = 1000
	// none is the row of a thread that begins here.
	none = -1
)

// A matcher finds a pattern in lines. It is used by one goroutine at a time.
//
// It is an automaton whose states are made when a line first needs them. A state stands for
// the threads of a Pike machine in order of preference; the places where the groups of each
// thread begin and end are a row of numbers beside it. What a thread may do without reading
// is done together with the next rune, for the threads that survive it alone: so most runes
// leave the rows as they are.
type matcher struct {
	*pattern
	states  map[string]*state
	start   *state
	rows    []int32 // of the threads of the present state, places numbers each
	next    []int32 // room for those of the next state
	found   []int32 // the places of the best match so far
	visited []bool  // by instruction, while a transition is made
	threads []thread
	key     []byte
}

// A state is a list of threads.
type state struct {
	threads []uint32      // the instructions where they go on, the preferred first
	next    []*transition // by class; nil when not yet made
	final   *move         // to the places of the match when the text ends here; nil when there is none
	fresh   bool          // a match may begin here
	here    syntax.EmptyOp
}

// A transition is what one rune does.
type transition struct {
	to    *state
	moves []move // by thread of to; nil when all rows stay as they are
	match *move  // to the places of a match that ends before the rune; nil when there is none
}

// A move tells from which row a row is made, and which of its places are here.
type move struct {
	from int
	set  []int
}

// A thread is a thread in the making.
type thread struct {
	pc uint32
	move
}

func newMatcher(p *pattern) *matcher {
	n := len(p.prog.Inst)
	m := &matcher{
		pattern: p,
		rows:    make([]int32, n*p.places),
		next:    make([]int32, n*p.places),
		found:   make([]int32, p.places),
		visited: make([]bool, n),
	}
	m.reset()
	return m
}

const (
	atBegin = syntax.EmptyBeginText | syntax.EmptyBeginLine
	atEnd   = syntax.EmptyEndText | syntax.EmptyEndLine
)

// reset forgets all states.
func (m *matcher) reset() {
	m.states = map[string]*state{}
	m.start = m.newState(nil, true, atBegin)
}

// match reports whether the pattern is in line. The result holds two numbers for each wanted
// group, where it begins and ends, below 0 when it took no part; it is valid until the next
// call.
func (m *matcher) match(line []byte) ([]int32, bool) {
	matched := false
	s := m.start
	for i := 0; i < len(line); {
		var class int
		width := 1
		if b := line[i]; b < utf8.RuneSelf {
			class = int(m.ascii[b])
		} else {
			var r rune
			r, width = utf8.DecodeRune(line[i:])
			class = m.class(r)
		}
		t := s.next[class]
		if t == nil {
			t = m.transition(s, class)
		}
		if t.match != nil {
			m.move(m.found, *t.match, i)
			matched = true
		}
		if t.moves != nil {
			for k, mv := range t.moves {
				m.move(m.next[k*m.places:(k+1)*m.places], mv, i)
			}
			m.rows, m.next = m.next, m.rows
		}
		s = t.to
		if len(s.threads) == 0 && !s.fresh {
			return m.found, matched
		}
		i += width
	}
	if s.final != nil {
		m.move(m.found, *s.final, len(line))
		matched = true
	}
	return m.found, matched
}

// move makes row from one of the rows.
func (m *matcher) move(row []int32, mv move, at int) {
	if mv.from == none {
		for k := range row {
			row[k] = -1
		}
	} else {
		copy(row, m.rows[mv.from*m.places:])
	}
	for _, k := range mv.set {
		row[k] = int32(at)
	}
}

// transition makes the transition from s by the runes of class.
func (m *matcher) transition(s *state, class int) *transition {
	if len(m.states) >= maxStates {
		m.reset()
	}
	t := &transition{match: m.followAll(s, m.bounds[class], s.here)}
	var pcs []uint32
	same := len(m.threads) == len(s.threads)
	for i, th := range m.threads {
		pcs = append(pcs, th.pc)
		t.moves = append(t.moves, th.move)
		same = same && th.from == i && th.set == nil
	}
	if same {
		t.moves = nil
	}
	fresh := s.fresh && t.match == nil && m.anchors&syntax.EmptyBeginText == 0
	m.key = append(m.key[:0], 0)
	if fresh {
		m.key[0] = 1
	}
	for _, pc := range pcs {
		m.key = binary.LittleEndian.AppendUint32(m.key, pc)
	}
	if t.to = m.states[string(m.key)]; t.to == nil {
		key := string(m.key)
		t.to = m.newState(pcs, fresh, 0)
		m.states[key] = t.to
	}
	s.next[class] = t
	return t
}

func (m *matcher) newState(pcs []uint32, fresh bool, here syntax.EmptyOp) *state {
	s := &state{threads: pcs, next: make([]*transition, len(m.bounds)), fresh: fresh, here: here}
	s.final = m.followAll(s, endOfText, here|atEnd)
	return s
}

// endOfText is no rune.
const endOfText = -1

// followAll finds the threads behind s and r, and the match that ends before r, nil for none.
func (m *matcher) followAll(s *state, r rune, here syntax.EmptyOp) (match *move) {
	clear(m.visited)
	m.threads = m.threads[:0]
	for i, pc := range s.threads {
		if match = m.follow(pc, r, here, move{from: i}); match != nil {
			return match // what is less preferred does not count
		}
	}
	if s.fresh {
		match = m.follow(uint32(m.prog.Start), r, here, move{from: none})
	}
	return match
}

// follow adds the threads that the instruction pc leads to by r. Where it leads to a match
// without r, it returns the way there, and nothing that is less preferred counts.
func (m *matcher) follow(pc uint32, r rune, here syntax.EmptyOp, way move) (match *move) {
	if m.visited[pc] {
		return nil
	}
	m.visited[pc] = true
	in := &m.prog.Inst[pc]
	switch in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		if match = m.follow(in.Out, r, here, way); match != nil {
			return match
		}
		return m.follow(in.Arg, r, here, way)
	case syntax.InstNop:
		return m.follow(in.Out, r, here, way)
	case syntax.InstCapture:
		if k := m.slots[in.Arg]; k >= 0 {
			way.set = append(slices.Clip(way.set), k)
		}
		return m.follow(in.Out, r, here, way)
	case syntax.InstEmptyWidth:
		if op := syntax.EmptyOp(in.Arg); here&op != op {
			return nil
		}
		return m.follow(in.Out, r, here, way)
	case syntax.InstMatch:
		return &way
	case syntax.InstFail:
		return nil
	}
	if r != endOfText && in.MatchRune(r) && !slices.ContainsFunc(m.threads, func(t thread) bool { return t.pc == in.Out }) {
		m.threads = append(m.threads, thread{in.Out, way})
	}
	return nil
}

// folds returns r and the runes that differ from it in case only.
func folds(r rune) []rune {
	all := []rune{r}
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		all = append(all, f)
	}
	return all
}
