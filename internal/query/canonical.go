package query

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// canonical returns the text of a query.
func canonical(n Node) string {
	var w writer
	w.node(n, loose)
	return w.String()
}

// How tightly what stands around a node binds.
const (
	loose  = iota
	orred  // an Or needs no parentheses
	anded  // an Or does
	negate // so does an And
)

type writer struct {
	strings.Builder
}

func (w *writer) node(n Node, around int) {
	if field, ok := fieldOf(n); ok && isList(n) {
		w.name(field)
		w.WriteString(": (")
		w.values(n, loose)
		w.WriteByte(')')
		return
	}
	switch n := n.(type) {
	case All:
		w.WriteByte('*')
	case And:
		w.join(n.Nodes, " and ", anded, around)
	case Or:
		w.join(n.Nodes, " or ", orred, around)
	case Not:
		w.WriteString("not ")
		w.node(n.Node, negate)
	case Contains:
		w.pattern(n.Value)
	case Is:
		w.name(n.Field)
		w.WriteString(": ")
		w.pattern(n.Value)
	case Exists:
		w.name(n.Field)
		w.WriteString(": *")
	case Range:
		w.name(n.Field)
		fmt.Fprintf(w, " %v ", n.Op)
		w.pattern(Pattern{string(n.Bound)})
	case Nested:
		w.name(Pattern{n.Field})
		w.WriteString(": {")
		w.node(n.Node, loose)
		w.WriteByte('}')
	}
}

func isList(n Node) bool {
	switch n.(type) {
	case And, Or:
		return true
	}
	return false
}

// join writes nodes with a keyword between them. Neighbours that ask for the same field become
// one list of values.
func (w *writer) join(nodes []Node, keyword string, binds, around int) {
	if around > binds {
		w.WriteByte('(')
		defer w.WriteByte(')')
	}
	for i := 0; i < len(nodes); {
		if i > 0 {
			w.WriteString(keyword)
		}
		end := i + 1
		if field, ok := fieldOf(nodes[i]); ok {
			for end < len(nodes) {
				if other, ok := fieldOf(nodes[end]); !ok || !slices.Equal(field, other) {
					break
				}
				end++
			}
		}
		switch {
		case end == i+1:
			w.node(nodes[i], binds)
		case binds == anded:
			w.node(And{nodes[i:end]}, binds)
		default:
			w.node(Or{nodes[i:end]}, binds)
		}
		i = end
	}
}

// values writes a node without its field.
func (w *writer) values(n Node, around int) {
	list := func(nodes []Node, keyword string, binds int) {
		if around > binds {
			w.WriteByte('(')
			defer w.WriteByte(')')
		}
		for i, n := range nodes {
			if i > 0 {
				w.WriteString(keyword)
			}
			w.values(n, binds)
		}
	}
	switch n := n.(type) {
	case And:
		list(n.Nodes, " and ", anded)
	case Or:
		list(n.Nodes, " or ", orred)
	case Not:
		w.WriteString("not ")
		w.values(n.Node, negate)
	case Exists:
		w.WriteByte('*')
	case Is:
		w.pattern(n.Value)
	}
}

// name writes a field, pattern a value: as words where it can be, in quotes where it cannot,
// and with escapes where it has stars. A field is one word.
func (w *writer) name(p Pattern) { w.either(p, false) }

func (w *writer) pattern(p Pattern) { w.either(p, true) }

func (w *writer) either(p Pattern, blanks bool) {
	text, ok := p.Literal()
	switch {
	case !ok:
		w.escaped(p, blanks)
	case isWords(string(text)) && (blanks || strings.IndexByte(string(text), ' ') < 0):
		w.WriteString(string(text))
	default:
		w.WriteByte('"')
		for _, r := range text {
			if r == '"' || r == '\\' {
				w.WriteByte('\\')
			}
			w.rune(r, unicode.IsPrint(r))
		}
		w.WriteByte('"')
	}
}

// isWords reports whether text, as it is, is read as a value and as that value.
func isWords(text string) bool {
	for word := range strings.SplitSeq(text, " ") {
		first, _ := utf8.DecodeRuneInString(word)
		if word == "" || isKeyword(word) || foreign[word] != "" || isQuote(first) {
			return false
		}
	}
	for _, r := range text {
		if !unicode.IsPrint(r) || isEscaped(r) {
			return false
		}
	}
	return true
}

func isKeyword(word string) bool {
	return slices.ContainsFunc(keywords[:], func(k string) bool { return strings.EqualFold(k, word) })
}

// isEscaped tells the characters that have a backslash before them outside of quotes.
func isEscaped(r rune) bool {
	return r < utf8.RuneSelf && (isSpecial(byte(r)) || r == '*' || r == '\\')
}

// escaped writes a pattern that has stars.
func (w *writer) escaped(p Pattern, blanks bool) {
	const wild = -1 // a star, beside the runes of the text
	var word []rune
	flush := func() {
		text := string(word) // of a star it makes U+FFFD, which is in no keyword
		for i, r := range word {
			switch {
			case r == wild:
				w.WriteByte('*')
			case i == 0 && isKeyword(text):
				w.WriteByte('\\')
				w.WriteRune(r)
			case isEscaped(r):
				w.WriteByte('\\')
				w.WriteRune(r)
			default:
				w.rune(r, unicode.IsPrint(r) && r != ' ' && (i > 0 || foreign[text] == "" && !isQuote(r)))
			}
		}
		word = word[:0]
	}
	for i, part := range p {
		if i > 0 {
			word = append(word, wild)
		}
		for k, r := range part {
			// A blank separates words. One without a word on either side is not read as it is.
			last := i == len(p)-1 && k == len(part)-1
			if r == ' ' && blanks && len(word) > 0 && !last {
				flush()
				w.WriteByte(' ')
				continue
			}
			word = append(word, r)
		}
	}
	flush()
}

// rune writes r, or its escape.
func (w *writer) rune(r rune, plain bool) {
	switch {
	case plain:
		w.WriteRune(r)
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		fmt.Fprintf(w, `\u%04x\u%04x`, high, low)
	default:
		fmt.Fprintf(w, `\u%04x`, r)
	}
}
