package query

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of a document.
const (
	maxDocumentBytes = 4 << 20 // what is noted of each value takes up to 14 times as much as its text
	maxDocumentDepth = 128
)

// A Document is a JSON object that queries can be asked of. It is read once, whatever is
// asked then and how often; internal/jsonlines is faster where the few fields are known
// before, and tells neither the elements of an array apart nor all texts there are.
//
// Between two calls of Reset a Document may be used concurrently.
type Document struct {
	text  []byte
	nodes []node // in the order of the text: each before those below it
	open  []uint32
}

type kind uint8

const (
	kindNull kind = iota
	kindFalse
	kindTrue
	kindNumber
	kindString
	kindObject
	kindArray
)

// A node is one value of a document.
type node struct {
	kind       kind
	escaped    bool   // the string has escapes
	keyEscaped bool   // the key has escapes
	key        uint32 // the key of a member: text[key:keyEnd], without quotes
	keyEnd     uint32
	start      uint32 // of the text of a scalar, a string without its quotes
	end        uint32
	next       uint32 // the node behind this one and all that are below it
}

// NewDocument reads one JSON object. It keeps text, which must not change as long as the
// document is used. Errors say where, what was got and what was wanted.
func NewDocument(text []byte) (*Document, error) {
	d := &Document{}
	if err := d.Reset(text); err != nil {
		return nil, err
	}
	return d, nil
}

// Reset makes d the document of another text, as NewDocument does, in the memory that d has.
// After an error d is an object without members.
func (d *Document) Reset(text []byte) error {
	d.text, d.nodes, d.open = text, d.nodes[:0], d.open[:0]
	if len(text) > maxDocumentBytes {
		return d.refuse(fmt.Errorf("got a document of %d bytes, want at most %d", len(text), maxDocumentBytes))
	}
	i := skipBlanks(text, 0)
	if i == len(text) || text[i] != '{' {
		return d.fail(i, "a JSON object")
	}
	var n node // the next value, with its key if it is a member
	for {
		i = skipBlanks(text, i)
		if i == len(text) {
			return d.fail(i, "a value")
		}
		switch c := text[i]; c {
		case '{', '[':
			if len(d.open) == maxDocumentDepth {
				return d.fail(i, fmt.Sprintf("at most %d levels of nesting", maxDocumentDepth))
			}
			if n.kind = kindObject; c == '[' {
				n.kind = kindArray
			}
			d.open = append(d.open, uint32(len(d.nodes)))
			d.nodes = append(d.nodes, n)
			if i = skipBlanks(text, i+1); i < len(text) && text[i] == c+2 { // '}' is '{'+2 and ']' is '['+2
				break // out of the switch: there is no value to read
			}
			n = node{}
			if c == '{' {
				var err error
				if i, err = d.key(i, &n); err != nil {
					return err
				}
			}
			continue
		case '"':
			end, escaped, ok := scanString(text, i+1)
			if !ok {
				return d.fail(end, "a string that ends, without control characters and with the escapes of JSON")
			}
			n.kind, n.escaped, n.start, n.end = kindString, escaped, uint32(i+1), uint32(end)
			d.add(n)
			i = end + 1
		default:
			end, ok := scanBare(text, i, &n.kind)
			if !ok {
				return d.fail(i, "a value")
			}
			n.start, n.end = uint32(i), uint32(end)
			d.add(n)
			i = end
		}
		for { // behind a value, or before the end of an empty object or array
			if i = skipBlanks(text, i); i == len(text) {
				return d.fail(i, "a comma or a closing bracket")
			}
			top := &d.nodes[d.open[len(d.open)-1]]
			closing := byte('}')
			if top.kind == kindArray {
				closing = ']'
			}
			if text[i] == ',' {
				i++
				n = node{}
				if closing == '}' {
					var err error
					if i, err = d.key(skipBlanks(text, i), &n); err != nil {
						return err
					}
				}
				break
			}
			if text[i] != closing {
				return d.fail(i, "a comma or a closing bracket")
			}
			top.next = uint32(len(d.nodes))
			i++
			if d.open = d.open[:len(d.open)-1]; len(d.open) == 0 {
				if i = skipBlanks(text, i); i < len(text) {
					return d.fail(i, "nothing behind the object")
				}
				return nil
			}
		}
	}
}

func (d *Document) add(n node) {
	n.next = uint32(len(d.nodes)) + 1
	d.nodes = append(d.nodes, n)
}

// key reads a key and its colon into n and returns where they end.
func (d *Document) key(i int, n *node) (int, error) {
	if i == len(d.text) || d.text[i] != '"' {
		return i, d.fail(i, "a key in quotes")
	}
	end, escaped, ok := scanString(d.text, i+1)
	if !ok {
		return i, d.fail(end, "a key that ends, without control characters and with the escapes of JSON")
	}
	n.key, n.keyEnd, n.keyEscaped = uint32(i+1), uint32(end), escaped
	if i = skipBlanks(d.text, end+1); i == len(d.text) || d.text[i] != ':' {
		return i, d.fail(i, "a colon")
	}
	return i + 1, nil
}

func (d *Document) fail(i int, want string) error {
	got := "the end of the text"
	if i < len(d.text) {
		got = fmt.Sprintf("%q", d.text[i:min(len(d.text), i+16)])
	}
	return d.refuse(fmt.Errorf("byte %d: got %s, want %s", i, got, want))
}

// refuse leaves nothing of what has been read and returns err.
func (d *Document) refuse(err error) error {
	d.nodes = append(d.nodes[:0], node{kind: kindObject, next: 1})
	return err
}

func skipBlanks(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	return i
}

// scanBare returns where the number or word at i ends, and its kind.
func scanBare(text []byte, i int, k *kind) (end int, ok bool) {
	var word string
	switch text[i] {
	case 'n':
		word, *k = "null", kindNull
	case 'f':
		word, *k = "false", kindFalse
	case 't':
		word, *k = "true", kindTrue
	default:
		*k = kindNumber
		return numberEnd(text, i)
	}
	end = i + len(word)
	return end, end <= len(text) && string(text[i:end]) == word
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// scanString returns where the string whose text begins at i ends: at its closing quote, or,
// when it is not well-formed, at what is wrong. It looks at eight bytes at a time.
func scanString(text []byte, i int) (end int, escaped, ok bool) {
	for {
		for i+8 <= len(text) {
			w := binary.LittleEndian.Uint64(text[i:])
			quote, backslash := w^'"'*ones, w^'\\'*ones
			// The lowest bit that is set tells the first byte below 0x20, quote or backslash:
			// a borrow goes wrong above such a byte only.
			found := ((w-0x20*ones)&^w | (quote-ones)&^quote | (backslash-ones)&^backslash) & highs
			if found != 0 {
				i += bits.TrailingZeros64(found) / 8
				break
			}
			i += 8
		}
		for i < len(text) && text[i] >= 0x20 && text[i] != '"' && text[i] != '\\' {
			i++
		}
		switch {
		case i == len(text) || text[i] < 0x20:
			return i, escaped, false
		case text[i] == '"':
			return i, escaped, true
		}
		escaped = true
		length := escapeLength(text[i:])
		if length == 0 {
			return i, escaped, false
		}
		i += length
	}
}

// escapeLength returns how long the escape is that text begins with; 0 when it is none.
func escapeLength(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(text[2:]); ok {
			return 6
		}
	}
	return 0
}

func hex4[T ~string | ~[]byte](text T) (rune, bool) {
	if len(text) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendUnescaped appends the string whose well-formed escaped form is raw. Half a surrogate
// pair becomes U+FFFD, as in encoding/json.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		switch c := raw[i+1]; c {
		case 'u':
			r, _ := hex4(raw[i+2:])
			i += 6
			if utf16.IsSurrogate(r) {
				low := rune(utf8.RuneError)
				if i+1 < len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
					low, _ = hex4(raw[i+2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
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
		default:
			dst = append(dst, c)
		}
		i += 2
	}
	return dst
}

// keyOf returns the key of a member.
func (d *Document) keyOf(n *node) []byte {
	key := d.text[n.key:n.keyEnd]
	if n.keyEscaped {
		key = appendUnescaped(nil, key)
	}
	return key
}

// textOf returns the text of a string, which it takes apart in buf where it has escapes.
func (d *Document) textOf(n *node, buf []byte) []byte {
	raw := d.text[n.start:n.end]
	if n.escaped {
		raw = appendUnescaped(buf, raw)
	}
	return raw
}
