// Package jsontext turns JSON text of any shape into one document a line: documents printed
// over several lines, or one behind the other without line ends, arrays of documents, and
// whole answers of a search, whose documents are the elements of hits.hits.
//
// It looks only for where documents begin and end; whether they are well-formed is for
// whoever reads the lines.
package jsontext

import (
	"bytes"
	"io"
)

// peekBytes is how much of a text is looked at to tell its shape.
const peekBytes = 64 << 10

// Lines returns text with one document a line. Where it has that shape already, as far as
// its first 64 KiB tell, or is no JSON, that is text itself, or what was peeked of it and
// the rest. head is the start of the text as far as it is known without reading it.
//
// The errors of text are passed on behind all that could be read before them. A text that
// ends within a list of documents gives ErrCut.
func Lines(head []byte, text io.Reader) io.Reader {
	shape := shapeOf(head, false)
	if shape == unknown {
		peeked := make([]byte, peekBytes)
		n, err := 0, error(nil)
		for n < len(peeked) && err == nil {
			var k int
			k, err = text.Read(peeked[n:])
			n += k
		}
		if err != nil {
			text = failed{err}
		}
		text = io.MultiReader(bytes.NewReader(peeked[:n]), text)
		shape = shapeOf(peeked[:n], true)
	}
	if shape == perLine {
		return text
	}
	return newReshaper(text)
}

// Head returns the start of a text with one document a line, where text is the start of it
// as it is. Its last line may be cut.
func Head(text []byte) []byte {
	if shapeOf(text, true) == perLine {
		return text
	}
	lines, _ := io.ReadAll(newReshaper(bytes.NewReader(text))) // the only error is ErrCut: it is a head
	return lines
}

// failed is a text that ended in an error.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// A shape is how documents stand in a text.
type shape uint8

const (
	unknown shape = iota // more of the text must be seen
	perLine              // one document a line, or no JSON at all
	free                 // any other way
)

// recordSeparator stands before each document of a JSON text sequence (RFC 7464).
const recordSeparator = 0x1e

// shapeOf tells the shape of a text by its head. When the head is all that can be known, it
// does not answer unknown.
func shapeOf(head []byte, all bool) shape {
	head = bytes.TrimLeft(head, "\ufeff \t\r\n")
	switch {
	case len(head) == 0 && !all:
		return unknown
	case len(head) == 0:
		return perLine
	case head[0] == '[', head[0] == recordSeparator:
		return free
	case head[0] != '{':
		return perLine
	}
	line, rest, whole := bytes.Cut(head, []byte("\n"))
	first, r := firstOf(line)
	switch {
	case r.lists:
		return free
	case first != nil:
		// Behind it stands nothing, the next document, or rubbish, which stays in its line.
		if next := bytes.TrimLeft(line[len(first):], " \t\r"); len(next) > 0 && (next[0] == '{' || next[0] == ',') {
			return free
		}
		return perLine
	case !all:
		return unknown
	case !whole: // one line that is longer than what is known of it
		if isAnswer(line) {
			return free
		}
		return perLine
	}
	// Either the first document goes on in the second line, or its line is damaged. In the
	// second case a good line will follow; in the first, what is a whole document by itself
	// is indented.
	for line := range bytes.Lines(rest) {
		if !bytes.HasPrefix(line, []byte(`{"`)) {
			continue
		}
		line = bytes.TrimRight(line, " \t\r\n")
		if first, r := firstOf(line); len(first) == len(line) && !r.lists {
			return perLine
		}
	}
	return free
}

// firstOf reads line, which starts with an object, and returns that when it ends there.
func firstOf(line []byte) ([]byte, *reshaper) {
	r := &reshaper{keep: true}
	r.step(line)
	if r.documents == 0 {
		return nil, r
	}
	return r.out[:bytes.IndexByte(r.out, '\n')], r
}

// isAnswer reports whether an object starts like the answer of a search.
func isAnswer(text []byte) bool {
	text = bytes.TrimLeft(text[1:], " \t")
	for _, key := range []string{`"took"`, `"_scroll_id"`, `"pit_id"`, `"_shards"`, `"is_partial"`} {
		if bytes.HasPrefix(text, []byte(key)) {
			return true
		}
	}
	return false
}
