// Package jsonlines reads the wanted scalars of JSON documents, one document a line.
//
// A Schema names the paths that are wanted: keys joined by dots, so that
// {"host":{"name":"x"}} and {"host.name":"x"} and every mixture of the two have the path
// host.name. Arrays are transparent: each element of {"ip":["a","b"]} is a value of ip, and
// [{"ip":"a"},{"ip":"b"}] below "x" gives two values of x.ip.
//
// The documents of one shipper have few layouts: the same keys in the same order, only the
// values change. A Scanner learns the text between the values (layout.go) and from then on
// compares it instead of parsing it. What it answers does not depend on what it has
// learned.
//
// Checked are the structure, the keys and the wanted values. Of a value that nobody wants
// only its end is looked for: control characters or bad escapes in a skipped string, and
// the grammar of a skipped number, are let through.
package jsonlines

import (
	"errors"
	"fmt"
	"strings"
)

// A Kind is the kind of a JSON scalar.
type Kind uint8

// The kinds of scalars.
const (
	Null Kind = iota
	False
	True
	Number
	String
)

// A Value is one wanted scalar of a document.
type Value struct {
	Slot int    // of its path, as given to NewSchema
	Kind Kind   // of the scalar
	Text []byte // a string without its quotes and escapes, a number as written; valid until the next Scan and as long as the line is
}

// A Schema says which paths are wanted. It is safe for concurrent use.
type Schema struct {
	root *wanted
}

// A wanted is a node of the tree of wanted paths.
type wanted struct {
	key      string
	slot     int // of the path that ends here; -1 when none does
	children []*wanted
}

// NewSchema returns a schema of paths and their slots, which are 0 or more. Several paths
// may share a slot.
func NewSchema(slots map[string]int) *Schema {
	root := &wanted{slot: -1}
	for path, slot := range slots {
		at := root
		for key := range strings.SplitSeq(path, ".") {
			next := at.child([]byte(key))
			if next == nil {
				next = &wanted{key: key, slot: -1}
				at.children = append(at.children, next)
			}
			at = next
		}
		at.slot = slot
	}
	return &Schema{root: root}
}

// child returns the node below w for one key without dots; nil when nothing below it is
// wanted.
func (w *wanted) child(key []byte) *wanted {
	for _, c := range w.children {
		if len(c.key) == len(key) && c.key == string(key) {
			return c
		}
	}
	return nil
}

// descend returns the node below w for a key that may hold dots.
func (w *wanted) descend(key []byte) *wanted {
	if w == nil {
		return nil
	}
	for i, c := range key {
		if c == '.' {
			if w = w.child(key[:i]); w == nil {
				return nil
			}
			return w.descend(key[i+1:])
		}
	}
	return w.child(key)
}

// maxDepth bounds the nesting of a document.
const maxDepth = 128

// A SyntaxError says where and why a line is not a JSON object.
type SyntaxError struct {
	Offset int    // bytes from the start of the line
	Got    string // quoted, or "the end of the line"
	Want   string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("byte %d: got %s, want %s", e.Offset, e.Got, e.Want)
}

// Wanted says what an error of Scan wanted, and where: "a value at byte 12".
func Wanted(err error) string {
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		return err.Error()
	}
	return fmt.Sprintf("%s at byte %d", syntax.Want, syntax.Offset)
}

// A Scanner reads documents. It is used by one goroutine at a time and allocates nothing in
// the steady state.
type Scanner struct {
	schema  *Schema
	values  []Value
	scratch []byte // unescaped strings of the current document
	keys    []byte // unescaped keys
	layout  layout
	err     SyntaxError
}

// NewScanner returns a scanner for the paths of schema.
func NewScanner(schema *Schema) *Scanner {
	return &Scanner{schema: schema, layout: newLayout()}
}

// Scan reads one document and returns its wanted values in the order in which they stand
// there. The caller must not change them. Both the slice and the texts are valid until the next Scan, and no longer than
// line is. The error, when there is one, is a *SyntaxError that the next Scan overwrites.
func (s *Scanner) Scan(line []byte) ([]Value, error) {
	s.values, s.scratch = s.values[:0], s.scratch[:0]
	line = trim(line)
	if s.match(line) {
		return s.values, nil
	}
	s.values, s.scratch = s.values[:0], s.scratch[:0]
	if !s.walk(line) {
		return nil, &s.err
	}
	return s.values, nil
}

func trim(line []byte) []byte {
	for len(line) > 0 && isSpace(line[len(line)-1]) {
		line = line[:len(line)-1]
	}
	for len(line) > 0 && isSpace(line[0]) {
		line = line[1:]
	}
	return line
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// fail records a syntax error at offset i of line and returns false.
func (s *Scanner) fail(line []byte, i int, want string) bool {
	got := "the end of the line"
	if i < len(line) {
		got = fmt.Sprintf("%q", line[i:min(len(line), i+16)])
	}
	s.err = SyntaxError{Offset: i, Got: got, Want: want}
	return false
}
