package filter

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"fresnel/internal/event"
)

// A Filter is a Config made fast. It is safe for concurrent use.
type Filter struct {
	steps     []step
	needs     []need   // of the clauses, in the order in which they are asked, see Outcome
	alone     []Filter // each step as a filter that answers 1 where it holds, see Holding
	otherwise int      // the outcome when no clause matches
	outcomes  []Outcome
	fields    event.FieldSet
}

// An Outcome is one of the answers of a Filter.
type Outcome struct {
	Name string // of the clause that decided, or a sentence when none did
	Kept bool   // the event is looked at
	Rule string // the conditions of the clause; "" when none decided
}

// A step is one condition of one clause. The steps of all clauses stand in one list, in
// the order in which they are asked.
type step struct {
	test    test
	negated bool
	present bool // negated text only: the field must have a value as well
	last    bool // of its clause: when it holds, outcome is the answer
	field   event.Field
	bools   uint8 // bit of each Tristate that is wanted
	fail    int   // the step to go on with when this one does not hold
	outcome int

	text      string
	texts     *texts
	wildcards *wildcards
	networks  *networks
	counts    []int64 // sorted
}

// A test is how a step looks at its field. Cheap ones come first: within a clause the steps
// are sorted by it.
type test uint8

const (
	testTextExists test = iota
	testIPExists
	testExists
	testBool
	testOneText
	testFewTexts
	testNetworks
	testCount
	testManyTexts
	testWildcards
)

// Compile returns the filter that c describes. It validates c.
func Compile(c Config) (*Filter, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Filter{}
	if !c.Enabled {
		f.outcomes = []Outcome{{Name: "no filter", Kept: true}}
		return f, nil
	}
	b := &compiler{config: c, filter: f, networks: make(map[string]*networks)}
	for _, clause := range c.Exclude {
		b.clause(clause, false)
	}
	for _, clause := range c.Include {
		b.clause(clause, true)
	}
	f.byParts()
	f.otherwise = len(f.outcomes)
	if len(c.Include) == 0 {
		f.outcomes = append(f.outcomes, Outcome{Name: "no exclude clause matched", Kept: true})
	} else {
		f.outcomes = append(f.outcomes, Outcome{Name: "no include clause matched"})
	}
	return f, nil
}

type compiler struct {
	config   Config
	filter   *Filter
	networks map[string]*networks // by their values: clauses share them
}

func (b *compiler) clause(c Clause, kept bool) {
	f := b.filter
	var steps []step
	for _, cond := range c.Where {
		steps = append(steps, b.step(cond))
		f.fields = f.fields.With(cond.Field)
	}
	steps = fuse(steps)
	slices.SortStableFunc(steps, func(x, y step) int { return cmp.Compare(x.test, y.test) })
	for i := range steps {
		steps[i].fail = len(f.steps) + len(steps)
		steps[i].outcome = len(f.outcomes)
		steps[i].last = i == len(steps)-1
	}
	f.steps = append(f.steps, steps...)
	f.outcomes = append(f.outcomes, Outcome{Name: c.Name, Kept: kept, Rule: c.String()})
}

// fuse makes one step of two that ask whether a text exists and is not one of several, the
// usual way to exclude: each step costs every event some nanoseconds.
func fuse(steps []step) []step {
	for i, s := range steps {
		if !s.negated || s.test != testFewTexts && s.test != testManyTexts {
			continue
		}
		exists := slices.IndexFunc(steps, func(other step) bool {
			return other.test == testTextExists && !other.negated && other.field == s.field
		})
		if exists >= 0 {
			steps[i].present = true
			return fuse(slices.Delete(steps, exists, exists+1))
		}
	}
	return steps
}

// step compiles one condition. Validate has seen it: values parse.
func (b *compiler) step(cond Condition) step {
	s := step{field: cond.Field, negated: cond.Op.Negated()}
	values, _ := b.config.Values(cond)
	op, kind := cond.Op.Positive(), cond.Field.Kind()
	switch {
	case op == Exists:
		switch kind {
		case event.KindText:
			s.test = testTextExists
		case event.KindIP:
			s.test = testIPExists
		default:
			s.test = testExists
		}
	case op == Wildcard:
		s.test = testWildcards
		s.wildcards = newWildcards(values, b.config.IgnoreCase)
	case kind == event.KindIP: // an address is a network of one
		s.test = testNetworks
		s.networks = b.network(values)
	case kind == event.KindCount:
		s.test = testCount
		for _, v := range values {
			n, _ := strconv.ParseInt(v, 10, 64)
			s.counts = append(s.counts, n)
		}
		slices.Sort(s.counts)
	case kind == event.KindBool:
		s.test = testBool
		for _, v := range values {
			s.bools |= 1 << event.TristateOf(v == "true")
		}
	default:
		s.texts = newTexts(values, b.config.IgnoreCase)
		s.test = testFewTexts
		switch {
		case len(values) == 1 && !b.config.IgnoreCase:
			s.test, s.text = testOneText, values[0]
		case s.texts.many != nil:
			s.test = testManyTexts
		}
	}
	return s
}

func (b *compiler) network(values []string) *networks {
	key := strings.Join(values, " ")
	if n := b.networks[key]; n != nil {
		return n
	}
	var spans []span
	for _, v := range values {
		s, _ := parseNetwork(v)
		spans = append(spans, s)
	}
	n := newNetworks(spans)
	b.networks[key] = n
	return n
}

// Fields returns the fields that the filter looks at.
func (f *Filter) Fields() event.FieldSet { return f.fields }

// Outcomes returns the answers that Match can give: those of the exclude clauses, those of
// the include clauses, and the one when none matched.
func (f *Filter) Outcomes() []Outcome { return slices.Clone(f.outcomes) }

// Equal reports whether f and g were compiled of what says the same in the same words.
func (f *Filter) Equal(g *Filter) bool { return f == g || reflect.DeepEqual(f, g) }

// Keeps reports whether f keeps e.
func (f *Filter) Keeps(e *event.Event) bool { return f.outcomes[f.Match(e)].Kept }

// Match returns the index into Outcomes of the answer for e: the first exclude clause that
// matches, or else the first include clause, or else the last outcome. It allocates nothing.
func (f *Filter) Match(e *event.Event) int {
	steps := f.steps
	for i := 0; i < len(steps); {
		s := &steps[i]
		var holds bool
		switch s.test {
		case testTextExists:
			holds = *e.Text(s.field) != ""
		case testIPExists:
			holds = e.IP(s.field) != netip.Addr{}
		case testExists:
			holds = e.Has(s.field)
		case testBool:
			holds = s.bools>>e.Bool(s.field)&1 == 1
		case testOneText:
			holds = *e.Text(s.field) == s.text
		case testFewTexts, testManyTexts:
			text := *e.Text(s.field)
			if s.present && text == "" {
				i = s.fail
				continue
			}
			holds = s.texts.mayHave(text) && s.texts.has(text)
		case testNetworks:
			holds = s.networks.has(e.IP(s.field))
		case testCount:
			_, holds = slices.BinarySearch(s.counts, e.Count(s.field))
		case testWildcards:
			text := *e.Text(s.field)
			holds = text != "" && s.wildcards.match(text)
		}
		switch {
		case holds == s.negated:
			i = s.fail
		case s.last:
			return s.outcome
		default:
			i++
		}
	}
	return f.otherwise
}
