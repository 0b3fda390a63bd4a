package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Parse reads a query. An empty one matches every document. The error is an *Error.
func Parse(text string) (*Query, error) {
	if len(text) > MaxBytes {
		at := MaxBytes
		for !utf8.RuneStart(text[at]) {
			at--
		}
		return nil, newError(text, at, at, fmt.Sprintf("a query of %d bytes", len(text)), fmt.Sprintf("at most %d", MaxBytes), "")
	}
	p := &parser{text: text}
	for i, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
			return nil, p.fail(i, i+1, "a byte that is no UTF-8", "UTF-8", "")
		}
	}
	root := Node(All{})
	if p.skip(); p.at < len(text) {
		t, err := p.or(nil)
		if err != nil {
			return nil, err
		}
		if p.skip(); p.at < len(text) {
			return nil, p.unexpected(`"and", "or" or the end of the query`)
		}
		root = t.node
	}
	q := &Query{text: text, root: root, canonical: canonical(root), matcher: compile(root), uses: p.uses}
	if n := len(q.canonical); n > MaxBytes {
		return nil, p.fail(len(text), len(text), fmt.Sprintf("a query of %d bytes in its canonical form", n), fmt.Sprintf("at most %d", MaxBytes), "")
	}
	return q, nil
}

// A parser is a recursive descent over the text. Its functions leave at behind what they read.
type parser struct {
	text    string
	at      int
	open    int // parentheses, braces and nots that are open
	clauses int
	prefix  string // of fields within a Nested: its path and a dot
	uses    []use
}

// A tree is a part of a query that has been read.
type tree struct {
	node  Node
	depth int // nodes within one another
}

// maxOpen bounds the recursion. Each node may need parentheses of its own and behind a field,
// so that no canonical form of MaxDepth nodes comes near it.
const maxOpen = 3 * MaxDepth

func (p *parser) fail(start, end int, got, want, hint string) error {
	return newError(p.text, start, end, got, want, hint)
}

// unexpected is the error for what stands at p.at.
func (p *parser) unexpected(want string) error { return p.unexpectedHint(want, "") }

func (p *parser) unexpectedHint(want, hint string) error {
	end := p.tokenEnd(p.at)
	if end == p.at {
		return p.fail(p.at, p.at, "the end of the query", want, hint)
	}
	return p.fail(p.at, end, p.text[p.at:end], want, hint)
}

// tokenEnd returns where what stands at i ends, for messages.
func (p *parser) tokenEnd(i int) int {
	switch rest := p.text[i:]; {
	case rest == "":
		return i
	case rest[0] == '"':
		if end := strings.IndexByte(rest[1:], '"'); end >= 0 {
			return i + end + 2
		}
		return len(p.text)
	case strings.HasPrefix(rest, "<="), strings.HasPrefix(rest, ">="):
		return i + 2
	case isSpecial(rest[0]):
		return i + 1
	}
	for i < len(p.text) && !p.isSpace(i) && !isSpecial(p.text[i]) {
		i++
	}
	return i
}

// enter opens one more level of nesting at p.at.
func (p *parser) enter() error {
	if p.open++; p.open > maxOpen {
		return p.fail(p.at, p.at+1, "too much nesting", fmt.Sprintf("at most %d levels", MaxDepth), "")
	}
	return nil
}

// or reads clauses with and, or and not between them. When field is not nil, they are values
// of it.
func (p *parser) or(field Pattern) (tree, error) {
	start := p.at
	operands, err := p.chain("or", func() (tree, error) { return p.and(field) })
	if err != nil || len(operands) == 1 {
		return operands[0], err
	}
	var nodes []Node
	deepest := 0
	for _, t := range operands {
		if n, ok := t.node.(Or); ok { // it is taken over
			nodes, deepest = append(nodes, n.Nodes...), max(deepest, t.depth-1)
		} else {
			nodes, deepest = append(nodes, t.node), max(deepest, t.depth)
		}
	}
	return p.within(start, Or{nodes}, deepest)
}

func (p *parser) and(field Pattern) (tree, error) {
	start := p.at
	operands, err := p.chain("and", func() (tree, error) { return p.not(field) })
	if err != nil || len(operands) == 1 {
		return operands[0], err
	}
	var nodes []Node
	deepest := 0
	for _, t := range operands {
		if n, ok := t.node.(And); ok {
			nodes, deepest = append(nodes, n.Nodes...), max(deepest, t.depth-1)
		} else {
			nodes, deepest = append(nodes, t.node), max(deepest, t.depth)
		}
	}
	return p.within(start, And{nodes}, deepest)
}

// chain reads one or more operands with a keyword between them.
func (p *parser) chain(keyword string, operand func() (tree, error)) ([]tree, error) {
	var operands []tree
	for {
		t, err := operand()
		operands = append(operands, t)
		if err != nil {
			return operands, err
		}
		p.skip()
		length := p.keyword(p.at, keyword)
		if length == 0 {
			return operands, nil
		}
		p.at += length
	}
}

// within returns a node that stands above others.
func (p *parser) within(start int, n Node, below int) (tree, error) {
	if below == MaxDepth {
		return tree{}, p.fail(start, p.at, "too much nesting", fmt.Sprintf("at most %d levels", MaxDepth), "")
	}
	return tree{n, below + 1}, nil
}

func (p *parser) not(field Pattern) (tree, error) {
	p.skip()
	start := p.at
	length := p.keyword(start, "not")
	if length == 0 {
		return p.operand(field)
	}
	if err := p.enter(); err != nil {
		return tree{}, err
	}
	p.at += length
	t, err := p.not(field)
	if err != nil {
		return tree{}, err
	}
	p.open--
	if n, ok := t.node.(Not); ok { // not not a is a
		return tree{n.Node, t.depth - 1}, nil
	}
	return p.within(start, Not{t.node}, t.depth)
}

// operand reads a clause, a value of field, or a whole query in parentheses.
func (p *parser) operand(field Pattern) (tree, error) {
	want := "a field or a value"
	if field != nil {
		want = "a value"
	}
	for _, word := range keywords {
		if n := p.keyword(p.at, word); n > 0 {
			hint := fmt.Sprintf("the word itself is written \"%s\"", p.text[p.at:p.at+n])
			if word == "not" {
				hint += ", its negation is not " + field.source() + ": VALUE"
			}
			return tree{}, p.unexpectedHint(want, hint)
		}
	}
	colons := valueColons
	if field == nil {
		colons = fieldColons
	}
	switch p.peekWord(colons) {
	case '(':
		return p.group(field, want)
	case 0, ')', '{', '}', ':', '<', '>':
		return tree{}, p.unexpected(want)
	}
	if field == nil {
		return p.clause()
	}
	return p.value(field)
}

// group reads what stands in parentheses.
func (p *parser) group(field Pattern, want string) (tree, error) {
	if err := p.enter(); err != nil {
		return tree{}, err
	}
	open := p.at
	p.at++
	if p.skip(); p.peek() == ')' {
		return tree{}, p.unexpected(want)
	}
	t, err := p.or(field)
	if err != nil {
		return tree{}, err
	}
	return t, p.close(open, ')')
}

// close reads the bracket that ends what open began.
func (p *parser) close(open int, bracket byte) error {
	p.skip()
	if p.peek() != bracket {
		return p.unexpectedHint(`"and", "or" or `+string(bracket), fmt.Sprintf("the %c in column %d is open", p.text[open], newError(p.text, open, open, "", "", "").Column))
	}
	p.at++
	p.open--
	return nil
}

// clause reads free text, or a field and what is asked of it.
func (p *parser) clause() (tree, error) {
	l, err := p.literal(fieldColons)
	if err != nil {
		return tree{}, err
	}
	p.skip()
	c := p.peek()
	if c != ':' && c != '<' && c != '>' {
		p.at = l.end
		if p.uses = append(p.uses, use{pattern: l.pattern, start: l.start, end: l.end, freeText: true}); isStar(l.pattern) {
			return p.leaf(l, All{})
		}
		return p.leaf(l, Contains{l.pattern})
	}
	if l.lastWord > l.start {
		return tree{}, p.fail(l.lastWord, l.end, p.text[l.lastWord:l.end], `"and" or "or" before it`, "")
	}
	if len(l.pattern) == 1 && l.pattern[0] == "" {
		return tree{}, p.fail(l.start, l.end, p.text[l.start:l.end], "the name of a field", "")
	}
	u := use{prefix: p.prefix, pattern: l.pattern, start: l.start, end: l.end}
	defer func(i int) { p.uses[i] = u }(len(p.uses)) // before those within it
	p.uses = append(p.uses, u)
	if c != ':' {
		return p.bound(l.pattern)
	}
	p.at++
	p.skip()
	want := "a value of " + l.pattern.source()
	switch p.peekWord(valueColons) {
	case '{':
		u.as = asObject
		return p.nested(l)
	case '(':
		return p.group(l.pattern, want)
	case '<', '>':
		end := p.tokenEnd(p.at)
		return tree{}, p.fail(p.at, end, p.text[p.at:end], want, fmt.Sprintf("a range is written %s %s BOUND", l.pattern.source(), p.text[p.at:end]))
	case 0, ')', '}', ':':
		return tree{}, p.unexpectedHint(want, "any value is written *")
	}
	t, err := p.value(l.pattern)
	if _, ok := t.node.(Exists); ok {
		u.as = asAny
	}
	return t, err
}

// value reads one value of a field.
func (p *parser) value(field Pattern) (tree, error) {
	for _, word := range keywords {
		if p.keyword(p.at, word) > 0 {
			return p.operand(field) // which says what is wrong
		}
	}
	l, err := p.valueLiteral()
	switch {
	case err != nil:
		return tree{}, err
	case isStar(l.pattern):
		return p.leaf(l, Exists{field})
	}
	return p.leaf(l, Is{field, l.pattern})
}

// valueLiteral reads a literal that is no field.
func (p *parser) valueLiteral() (literal, error) {
	l, err := p.literal(valueColons)
	if err != nil {
		return l, err
	}
	if p.skip(); p.peek() == ':' {
		if l.lastWord > l.start && p.text[l.lastWord] > '9' { // else it is rather a time of day than a field
			return l, p.fail(l.lastWord, p.at+1, p.text[l.lastWord:p.at+1], `"and" or "or" before it`, "a value with blanks and a colon is written in quotes")
		}
		return l, p.unexpectedHint("the end of the value", "a value with a colon is written in quotes, or with \\: for :")
	}
	p.at = l.end
	return l, nil
}

// bound reads an operator and what a field is compared with.
func (p *parser) bound(field Pattern) (tree, error) {
	op := map[string]Op{"<": Less, "<=": LessOrEqual, ">": Greater, ">=": GreaterOrEqual}[p.text[p.at:p.tokenEnd(p.at)]]
	p.at = p.tokenEnd(p.at)
	p.skip()
	const want = "a number, a time or an IP address"
	switch p.peekWord(valueColons) {
	case 0, '(', ')', '{', '}', ':', '<', '>':
		return tree{}, p.unexpected(want)
	}
	l, err := p.valueLiteral()
	if err != nil {
		return tree{}, err
	}
	b, ok := l.pattern.Literal()
	if ok {
		_, isNumber := b.Number()
		_, isAddress := parseAddress([]byte(b))
		_, isTime := b.Time()
		ok = isNumber || isAddress || isTime
	}
	if !ok {
		return tree{}, p.fail(l.start, l.end, p.text[l.start:l.end], want, "times are such as 2026-01-31, \"2026-01-31T06:00:00Z\", now-1h, now/d")
	}
	return p.leaf(l, Range{field, op, b})
}

// nested reads a query about the objects in a field.
func (p *parser) nested(field literal) (tree, error) {
	path, ok := field.pattern.Literal()
	if !ok {
		return tree{}, p.fail(field.start, field.end, p.text[field.start:field.end], "a field without stars before {", "")
	}
	if err := p.enter(); err != nil {
		return tree{}, err
	}
	open := p.at
	p.at++
	if p.skip(); p.peek() == '}' {
		return tree{}, p.unexpected("a field or a value")
	}
	defer func(prefix string) { p.prefix = prefix }(p.prefix)
	p.prefix += string(path) + "."
	t, err := p.or(nil)
	if err != nil {
		return tree{}, err
	}
	if err := p.close(open, '}'); err != nil {
		return tree{}, err
	}
	if err := p.count(field); err != nil {
		return tree{}, err
	}
	return p.within(field.start, Nested{string(path), t.node}, t.depth)
}

// leaf returns a clause that has no clauses in it.
func (p *parser) leaf(l literal, n Node) (tree, error) { return tree{n, 1}, p.count(l) }

func (p *parser) count(l literal) error {
	if p.clauses++; p.clauses > MaxClauses {
		return p.fail(l.start, l.end, "another clause", fmt.Sprintf("at most %d", MaxClauses), "")
	}
	return nil
}

func isStar(p Pattern) bool { return len(p) == 2 && p[0] == "" && p[1] == "" }
