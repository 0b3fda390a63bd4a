package query

import (
	"slices"
	"time"
)

// A matcher is a node made fast. It is asked of one object of a document.
type matcher interface {
	match(d *Document, object uint32, now time.Time) bool
}

// A test is what a clause asks of one value.
type test interface {
	holds(d *Document, value uint32, now time.Time) bool
}

// compile returns the matcher of n.
func compile(n Node) matcher {
	switch n := n.(type) {
	case And:
		return allOf(compileAll(n.Nodes))
	case Or:
		return compileOr(n.Nodes)
	case Not:
		return noneOf{compile(n.Node)}
	case Contains:
		return anywhere{newContains(n.Value)}
	}
	if field, t, ok := compileClause(n); ok {
		return clauseOf(field, t)
	}
	return everything{}
}

func compileAll(nodes []Node) []matcher {
	ms := make([]matcher, len(nodes))
	for i, n := range nodes {
		ms[i] = compile(n)
	}
	return ms
}

// compileOr makes one clause of neighbours that ask for the same field, so that a list of
// values looks for its field once.
func compileOr(nodes []Node) matcher {
	var ms anyOf
	for i := 0; i < len(nodes); {
		field, t, ok := compileClause(nodes[i])
		if !ok {
			ms = append(ms, compile(nodes[i]))
			i++
			continue
		}
		tests := eitherOf{t}
		for i++; i < len(nodes); i++ {
			next, t, ok := compileClause(nodes[i])
			if !ok || !slices.Equal(next, field) {
				break
			}
			tests = append(tests, t)
		}
		if len(tests) > 1 {
			t = tests
		}
		ms = append(ms, clauseOf(field, t))
	}
	if len(ms) == 1 {
		return ms[0]
	}
	return ms
}

// compileClause returns the field of a clause that has one, and what it asks of it.
func compileClause(n Node) (Pattern, test, bool) {
	switch n := n.(type) {
	case Is:
		return n.Field, newIs(n.Value), true
	case Range:
		return n.Field, newBound(n), true
	case Exists:
		return n.Field, exists{}, true
	case Nested:
		return Pattern{n.Field}, nested{compile(n.Node)}, true
	}
	return nil, nil, false
}

func clauseOf(field Pattern, t test) matcher {
	if path, ok := field.Literal(); ok {
		return clause{string(path), t}
	}
	return wildClause{field, t}
}

type everything struct{}

func (everything) match(*Document, uint32, time.Time) bool { return true }

type allOf []matcher

func (a allOf) match(d *Document, object uint32, now time.Time) bool {
	for _, m := range a {
		if !m.match(d, object, now) {
			return false
		}
	}
	return true
}

type anyOf []matcher

func (a anyOf) match(d *Document, object uint32, now time.Time) bool {
	for _, m := range a {
		if m.match(d, object, now) {
			return true
		}
	}
	return false
}

type noneOf struct{ matcher }

func (n noneOf) match(d *Document, object uint32, now time.Time) bool {
	return !n.matcher.match(d, object, now)
}

// A clause asks for the field of one name.
type clause struct {
	path string
	test test
}

func (c clause) match(d *Document, object uint32, now time.Time) bool {
	return d.find(object, c.path, c.test, now)
}

// find reports whether a value of path, from an object on, fulfils t.
func (d *Document) find(object uint32, path string, t test, now time.Time) bool {
	for i := object + 1; i < d.nodes[object].next; i = d.nodes[i].next {
		key := d.keyOf(&d.nodes[i])
		switch {
		case len(key) > len(path) || string(key) != path[:len(key)]:
		case len(key) == len(path):
			if d.try(i, t, now) {
				return true
			}
		case path[len(key)] == '.':
			if d.findBelow(i, path[len(key)+1:], t, now) {
				return true
			}
		}
	}
	return false
}

// findBelow looks into an object, or into those of an array.
func (d *Document) findBelow(value uint32, path string, t test, now time.Time) bool {
	switch d.nodes[value].kind {
	case kindObject:
		return d.find(value, path, t, now)
	case kindArray:
		for i := value + 1; i < d.nodes[value].next; i = d.nodes[i].next {
			if d.findBelow(i, path, t, now) {
				return true
			}
		}
	}
	return false
}

// try reports whether a value, or an element of it, fulfils t.
func (d *Document) try(value uint32, t test, now time.Time) bool {
	if d.nodes[value].kind != kindArray {
		return t.holds(d, value, now)
	}
	for i := value + 1; i < d.nodes[value].next; i = d.nodes[i].next {
		if d.try(i, t, now) {
			return true
		}
	}
	return false
}

// A wildClause asks for all fields whose name fits.
type wildClause struct {
	field Pattern
	test  test
}

func (c wildClause) match(d *Document, object uint32, now time.Time) bool {
	var buf [128]byte
	return c.members(d, object, buf[:0], now)
}

// members looks at all scalars below an object. What cannot begin as the field does is not
// looked into. path is the name of the object with a dot behind it; nothing at the top.
func (c wildClause) members(d *Document, object uint32, path []byte, now time.Time) bool {
	length := len(path)
	for i := object + 1; i < d.nodes[object].next; i = d.nodes[i].next {
		path = append(path[:length], d.keyOf(&d.nodes[i])...)
		common := min(len(path), len(c.field[0]))
		if string(path[:common]) == c.field[0][:common] && c.search(d, i, path, now) {
			return true
		}
	}
	return false
}

// search looks at a value of the field path, and at all below it.
func (c wildClause) search(d *Document, value uint32, path []byte, now time.Time) bool {
	switch n := &d.nodes[value]; n.kind {
	case kindObject:
		return c.members(d, value, append(path, '.'), now)
	case kindArray:
		for i := value + 1; i < n.next; i = d.nodes[i].next {
			if c.search(d, i, path, now) {
				return true
			}
		}
		return false
	}
	return c.field.covers(string(path)) && c.test.holds(d, value, now)
}

// anywhere asks for all fields at once.
type anywhere struct{ test test }

func (a anywhere) match(d *Document, object uint32, now time.Time) bool {
	for i := object + 1; i < d.nodes[object].next; i++ {
		if a.test.holds(d, i, now) {
			return true
		}
	}
	return false
}

// eitherOf holds where one of its tests does.
type eitherOf []test

func (e eitherOf) holds(d *Document, value uint32, now time.Time) bool {
	for _, t := range e {
		if t.holds(d, value, now) {
			return true
		}
	}
	return false
}

// exists holds for what is not null, and for objects that have such a thing in them.
type exists struct{}

func (exists) holds(d *Document, value uint32, _ time.Time) bool {
	for i := value; i < d.nodes[value].next; i++ {
		if k := d.nodes[i].kind; k != kindNull && k != kindObject && k != kindArray {
			return true
		}
	}
	return false
}

type nested struct{ matcher matcher }

func (n nested) holds(d *Document, value uint32, now time.Time) bool {
	return d.nodes[value].kind == kindObject && n.matcher.match(d, value, now)
}
