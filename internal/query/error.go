package query

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"fresnel/internal/human"
)

// An Error says what is wrong with a query, and where.
type Error struct {
	Offset int    // bytes from the begin of the query
	Length int    // bytes of what is wrong; 0 where something is missing
	Line   int    // from 1 on
	Column int    // in characters, from 1 on
	Got    string // as it stands there, or what it is
	Want   string
	Hint   string // what to write instead; "" when there is nothing to say

	query string
}

// newError returns the error for query[offset:end].
func newError(query string, offset, end int, got, want, hint string) *Error {
	start := strings.LastIndexByte(query[:offset], '\n') + 1
	return &Error{
		Offset: offset, Length: end - offset,
		Line: 1 + strings.Count(query[:offset], "\n"), Column: 1 + utf8.RuneCountInString(query[start:offset]),
		Got: got, Want: want, Hint: hint, query: query,
	}
}

// Error returns what is wrong on one line, safe for a terminal.
func (e *Error) Error() string {
	var b strings.Builder
	if strings.Contains(e.query, "\n") {
		fmt.Fprintf(&b, "line %d, ", e.Line)
	}
	fmt.Fprintf(&b, "column %d: got %s, want %s", e.Column, human.Safe(e.Got), human.Safe(e.Want))
	if e.Hint != "" {
		b.WriteString("; " + human.Safe(e.Hint))
	}
	return b.String()
}

const (
	caretColumns = 76 // of the first line of Caret
	caretBefore  = 40 // of these, what is shown before the place when not all fits
)

// Caret returns two lines for a terminal: the line of the query that is wrong, and below it a
// mark under what is wrong. Of a long line it shows the part around the mark.
func (e *Error) Caret() string {
	start := strings.LastIndexByte(e.query[:e.Offset], '\n') + 1
	line, rest := e.query[start:e.Offset], e.query[e.Offset:]
	rest, _, _ = strings.Cut(rest, "\n")
	wrong := human.Safe(rest[:min(e.Length, len(rest))])
	before := []rune(human.Safe(line))
	prefix := ""
	if len(before) > caretBefore {
		prefix, before = "...", before[len(before)-caretBefore:]
	}
	shown := prefix + string(before)
	width := human.Width(shown)
	mark := max(1, min(human.Width(wrong), caretColumns-width))
	return human.Shorten(shown+human.Safe(rest), caretColumns, "...") + "\n" + strings.Repeat(" ", width) + "^" + strings.Repeat("~", mark-1)
}
