package delimited

import (
	"bytes"
	"errors"
)

var (
	errOpenQuote   = errors.New("got a quote that does not end on its line, want it closed")
	errBehindQuote = errors.New("got text behind a closing quote, want a separator")
)

// A cutter cuts the columns off a line one by one.
type cutter struct {
	separator []byte
	first     byte // of separator
	quote     bool
	scratch   []byte // for columns with quotes in quotes, of one line
}

func newCutter(separator []byte, quote bool) *cutter {
	return &cutter{separator: separator, first: separator[0], quote: quote}
}

// next returns the first column of line, and the rest of line behind the separator. more
// is false when there was no separator: the column was the last. Spaces around a column are
// no part of it unless they are quoted.
func (c *cutter) next(line []byte) (column, rest []byte, more bool, err error) {
	if c.quote {
		i := 0
		for i < len(line) && line[i] == ' ' {
			i++
		}
		if i < len(line) && line[i] == '"' {
			return c.quoted(line[i+1:])
		}
	}
	end := bytes.IndexByte(line, c.first)
	if len(c.separator) > 1 {
		end = bytes.Index(line, c.separator)
	}
	if end < 0 {
		return trimSpaces(line), nil, false, nil
	}
	return trimSpaces(line[:end]), line[end+len(c.separator):], true, nil
}

// quoted is next for a column behind its opening quote.
func (c *cutter) quoted(line []byte) (column, rest []byte, more bool, err error) {
	end := bytes.IndexByte(line, '"')
	if end < 0 {
		return nil, nil, false, errOpenQuote
	}
	column = line[:end]
	start, whole := len(c.scratch), true
	for end+1 < len(line) && line[end+1] == '"' { // two quotes stand for one
		c.scratch = append(c.scratch, line[:end+1]...)
		line = line[end+2:]
		if end = bytes.IndexByte(line, '"'); end < 0 {
			return nil, nil, false, errOpenQuote
		}
		whole = false
	}
	if !whole {
		c.scratch = append(c.scratch, line[:end]...)
		column = c.scratch[start:]
	}
	rest = line[end+1:]
	if next := bytes.Index(rest, c.separator); next >= 0 && len(trimSpaces(rest[:next])) == 0 {
		return column, rest[next+len(c.separator):], true, nil
	}
	if len(trimSpaces(rest)) == 0 {
		return column, nil, false, nil
	}
	return nil, nil, false, errBehindQuote
}

func trimSpaces(b []byte) []byte {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}
