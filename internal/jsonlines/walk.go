package jsonlines

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// An open container on the way down to a value.
type container struct {
	kind   byte    // '{' or '['
	wanted *wanted // what is wanted below it; nil for nothing
}

// walk parses line byte by byte and, while the layout still has room, teaches it. It
// reports whether line is one JSON object; s.err says why not.
func (s *Scanner) walk(line []byte) bool {
	learn := s.layout.begin()
	var stack [maxDepth]container
	depth := 0
	at := s.schema.root // what is wanted at the next value
	i := 0
	if len(line) == 0 || line[0] != '{' {
		return s.fail(line, 0, "a JSON object")
	}

value:
	if i = skipSpace(line, i); i >= len(line) {
		return s.fail(line, i, "a value")
	}
	switch c := line[i]; c {
	case '{', '[':
		if depth == maxDepth {
			return s.fail(line, i, "at most 128 levels of nesting")
		}
		stack[depth] = container{c, at}
		depth++
		if learn {
			s.layout.enter(c)
		}
		i = skipSpace(line, i+1)
		if i < len(line) && line[i] == c+2 { // '}' is '{'+2 and ']' is '['+2
			goto closing
		}
		if c == '{' {
			goto key
		}
		goto value
	case '"':
		end := stringEnd(line, i+1)
		if end < 0 {
			return s.fail(line, i, `a closing "`)
		}
		if at != nil && at.slot >= 0 && !s.addString(at.slot, line[i+1:end]) {
			return s.fail(line, i, "a string with valid escapes")
		}
		if learn {
			s.layout.scalar(line, i+1, end, at)
		}
		i = end + 1
	default:
		end := bareEnd(line, i)
		kind, ok := bareKind(line[i:end])
		if !ok {
			return s.fail(line, i, "a value")
		}
		if at != nil && at.slot >= 0 {
			s.values = append(s.values, Value{at.slot, kind, line[i:end]})
		}
		if learn {
			s.layout.scalar(line, i, end, at)
		}
		i = end
	}

after:
	if i = skipSpace(line, i); i >= len(line) {
		return s.fail(line, i, ", or a closing bracket")
	}
	if top := stack[depth-1]; line[i] == ',' {
		at = top.wanted
		i++
		if top.kind == '[' {
			goto value
		}
		i = skipSpace(line, i)
		goto key
	} else if line[i] != top.kind+2 {
		return s.fail(line, i, ", or a closing bracket")
	}

closing:
	i++
	depth--
	if learn {
		s.layout.leave()
	}
	if depth > 0 {
		goto after
	}
	if i != len(line) {
		return s.fail(line, i, "the end of the line after the document")
	}
	if learn {
		s.layout.end(line)
	}
	return true

key:
	if i >= len(line) || line[i] != '"' {
		return s.fail(line, i, "a key")
	}
	end := stringEnd(line, i+1)
	if end < 0 {
		return s.fail(line, i, `a closing "`)
	}
	name := line[i+1 : end]
	at = stack[depth-1].wanted
	if at != nil {
		if bytes.IndexByte(name, '\\') >= 0 {
			var ok bool
			if s.keys, ok = unescape(s.keys[:0], name); !ok {
				return s.fail(line, i, "a key with valid escapes")
			}
			at = at.descend(s.keys)
		} else {
			at = at.descend(name)
		}
	}
	if learn {
		s.layout.key(name)
	}
	if i = skipSpace(line, end+1); i >= len(line) || line[i] != ':' {
		return s.fail(line, i, ":")
	}
	i++
	goto value
}

// addString adds a string value; raw stands between its quotes. It reports whether the
// escapes are valid.
func (s *Scanner) addString(slot int, raw []byte) bool {
	if bytes.IndexByte(raw, '\\') >= 0 {
		start := len(s.scratch)
		var ok bool
		if s.scratch, ok = unescape(s.scratch, raw); !ok {
			return false
		}
		raw = s.scratch[start:len(s.scratch):len(s.scratch)]
	}
	s.values = append(s.values, Value{slot, String, raw})
	return true
}

func skipSpace(line []byte, i int) int {
	for i < len(line) && isSpace(line[i]) {
		i++
	}
	return i
}

// stringEnd returns the index of the quote that closes the string whose content starts at
// start; -1 when there is none.
func stringEnd(line []byte, start int) int {
	for i := start; ; i++ {
		n := bytes.IndexByte(line[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		b := i
		for b > start && line[b-1] == '\\' {
			b--
		}
		if (i-b)%2 == 0 { // the backslashes before the quote escape one another
			return i
		}
	}
}

// bare tells which bytes a number or a word is made of.
var bare = func() (set [256]bool) {
	for _, c := range "0123456789+-.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		set[c] = true
	}
	return set
}()

// bareEnd returns where the number or word that starts at i ends.
func bareEnd(line []byte, i int) int {
	for i < len(line) && bare[line[i]] {
		i++
	}
	return i
}

// bareKind tells what a scalar without quotes is. The grammar of numbers is left to whoever
// wants the number.
func bareKind(b []byte) (Kind, bool) {
	if len(b) == 0 {
		return Null, false
	}
	switch c := b[0]; {
	case c == '-' || c >= '0' && c <= '9':
		return Number, true
	case c == 't':
		return True, string(b) == "true"
	case c == 'f':
		return False, string(b) == "false"
	}
	return Null, string(b) == "null"
}

// unescape appends the string whose escaped form is raw. As encoding/json does, it turns
// half a surrogate pair into U+FFFD.
func unescape(dst, raw []byte) ([]byte, bool) {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			continue
		}
		if i++; i == len(raw) {
			return dst, false
		}
		switch c := raw[i]; c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(raw[i+1:])
			if !ok {
				return dst, false
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(utf8.RuneError), false
				if i+2 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					low, ok = hex4(raw[i+3:])
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, false
		}
	}
	return dst, true
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
