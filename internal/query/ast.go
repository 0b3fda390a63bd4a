package query

import (
	"slices"
	"strings"
)

// A Node is a part of a query: an All, And, Or, Not, Is, Contains, Range, Exists or Nested.
//
// Fields are named with dots, and a document has a field whether its objects are nested or
// its keys have dots in them. A field may have several values: those of an array, and of
// objects in an array. A clause holds when one of the values fulfils it. null is no value.
type Node interface{ node() }

// All matches every document.
type All struct{}

// And matches what all of its nodes match. It has two or more, and none of them is an And.
type And struct{ Nodes []Node }

// Or matches what one or more of its nodes match. It has two or more, and none of them is an Or.
type Or struct{ Nodes []Node }

// Not matches what its node does not match, which is not a Not.
type Not struct{ Node Node }

// Is matches documents of which a field has a value: "host.name: ws-*".
//
// A value without stars, a Literal, is compared with
//   - texts, of which it must be the whole, whatever the case of ASCII letters;
//   - numbers, when Literal.Number says that it is one;
//   - true and false, when Literal.Bool says so;
//   - texts that are IP addresses, when Literal.Network has a network that they lie in;
//   - texts that are times as of RFC 3339, when Literal.Time has a span that they lie in.
//
// A value with stars is compared with texts alone, also from the first letter to the last and
// whatever the case.
type Is struct {
	Field Pattern
	Value Pattern
}

// Contains matches documents that have Value in some field: "chrome". It holds where Is does
// for the field "*", and where a text has a part that Value matches.
type Contains struct{ Value Pattern }

// Range matches documents of which a field has a value beyond, or up to, a bound:
// "event.risk_score >= 70".
//
// The bound is a number, which is compared with numbers, an IP address, compared with texts
// that are addresses (IPv4 as the ::ffff:0:0/96 of IPv6), or a time, compared with texts that
// are times. Four digits are a number and a year. A time is a span: less is before its begin,
// less or equal before its end, greater from its end on, greater or equal from its begin on.
type Range struct {
	Field Pattern
	Op    Op
	Bound Literal
}

// Exists matches documents that have a value in a field, or in a field below it:
// "process: *" holds where there is a process.name.
type Exists struct{ Field Pattern }

// Nested matches documents that have an object in a field which Node matches by itself; its
// fields are named from there: "fresnel.reasons: {code: folder and points > 10}". Without it,
// one element of an array may fulfil the one clause and another element the other.
type Nested struct {
	Field string
	Node  Node
}

func (All) node()      {}
func (And) node()      {}
func (Or) node()       {}
func (Not) node()      {}
func (Is) node()       {}
func (Contains) node() {}
func (Range) node()    {}
func (Exists) node()   {}
func (Nested) node()   {}

// An Op is a comparison.
type Op uint8

// The comparisons.
const (
	Less Op = iota
	LessOrEqual
	Greater
	GreaterOrEqual
)

var ops = [...]string{"<", "<=", ">", ">="}

// String returns o as it is written.
func (o Op) String() string { return ops[o] }

// A Pattern is a text that may have stars, each of which stands for any text, also none. Its
// elements are the texts between the stars: "power*.exe" is {"power", ".exe"}, and what has
// no star has one element. No two stars are neighbours. Fields compare by case, values do not.
type Pattern []string

// Literal returns the text of p when it has no stars.
func (p Pattern) Literal() (Literal, bool) {
	if len(p) != 1 {
		return "", false
	}
	return Literal(p[0]), true
}

// source returns p for messages and lists, where it does not matter what a star is.
func (p Pattern) source() string { return strings.Join(p, "*") }

// covers reports whether p matches the whole of text, by case. It takes a time that is
// linear in the length of text, times a small constant.
func (p Pattern) covers(text string) bool {
	first, last := p[0], p[len(p)-1]
	if len(p) == 1 {
		return text == first
	}
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range p[1 : len(p)-1] { // the leftmost place is as good as any other
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

// fieldOf returns the field that all clauses of n ask for, when they are such as can be
// written as a list of values: "field: (a or not b*)".
func fieldOf(n Node) (Pattern, bool) {
	switch n := n.(type) {
	case Is:
		return n.Field, true
	case Exists:
		return n.Field, true
	case Not:
		return fieldOf(n.Node)
	case And:
		return commonField(n.Nodes)
	case Or:
		return commonField(n.Nodes)
	}
	return nil, false
}

func commonField(nodes []Node) (Pattern, bool) {
	field, ok := fieldOf(nodes[0])
	for _, n := range nodes[1:] {
		if !ok {
			return nil, false
		}
		var other Pattern
		if other, ok = fieldOf(n); !slices.Equal(field, other) {
			return nil, false
		}
	}
	return field, ok
}
