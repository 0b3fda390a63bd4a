package jsontext

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
)

// ErrCut is the error of a text that ends within a list of documents. The documents before
// are good.
var ErrCut = errors.New("the text ends within a list of documents: it is cut off or still being written")

const (
	// chunkBytes is how much text is read at a time.
	chunkBytes = 64 << 10

	// holdBytes bounds what is kept of a document that may turn out to be the answer of a
	// search: what stands in one before its documents is a few hundred bytes, but for ids of
	// scrolls. A document that is longer than this is handed on as it comes.
	holdBytes = 1 << 20

	// maxLists bounds how deep answers may stand within answers.
	maxLists = 8
)

// A state says where in the text a reshaper is.
type state uint8

const (
	between  state = iota // documents: at depth base
	inside                // a document
	inString              // of a document
	inEscape              // behind a backslash of a string
	inIndent              // at the start of a line of a document
	inScalar              // a document that is neither object nor array nor string
)

// A list is an array of documents that stands within an object, the answer.
type list struct {
	depth int // within the array
	base  int // around the answer
}

// A reshaper hands on the documents of a text, one a line.
//
// Line ends within a document become spaces and the indentation behind them is left out;
// within a string, where JSON has none, a line end cuts the document there, so that it
// alone is bad. A document whose end is missing does not swallow the next one where
// indentation shows that one begins.
type reshaper struct {
	text io.Reader
	in   []byte
	err  error // of text

	out  []byte
	read int // of out: handed on
	done int // of out: may be handed on

	state     state
	depth     int // open containers
	base      int // of these, around the documents
	lists     bool
	documents int
	open      []list

	keep bool // the document is written; false behind what ends it early, and behind the list of an answer

	// Of the document that is being read.
	held   bool // it may be an answer: it is not handed on yet
	start  int  // of it in out, while it is held
	answer int  // depth at which the key "hits" would make it one
	hits   bool // within the object "hits" at that depth

	// Columns count from 0; -1 where something stands before.
	column int  // between documents and in an indentation: of what comes next
	begin  int  // of the document
	quoted bool // the indentation is within a string
	flat   bool // documents are printed over several lines without indentation
	stair  bool // a line of the document is indented

	arrays uint64 // bit depth%64 tells that the container there is an array
}

func newReshaper(text io.Reader) *reshaper {
	return &reshaper{text: text, in: make([]byte, chunkBytes), keep: true}
}

// Read implements io.Reader.
func (r *reshaper) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.read == r.done {
		if r.err != nil {
			return 0, r.err
		}
		r.out = append(r.out[:0], r.out[r.read:]...)
		r.start -= r.read
		r.read = 0
		var n int
		n, r.err = r.text.Read(r.in)
		r.step(r.in[:n])
		if r.err != nil {
			r.finish()
		}
		if r.held = r.held && len(r.out)-r.start <= holdBytes; r.held {
			r.done = r.start
		} else {
			r.done = len(r.out)
		}
	}
	n := copy(p, r.out[r.read:r.done])
	r.read += n
	return n, nil
}

// finish is called at the end of the text.
func (r *reshaper) finish() {
	if errors.Is(r.err, io.EOF) && r.base > 0 {
		r.err = ErrCut
	}
	if r.state != between {
		r.end()
	}
}

// The bytes that matter in each state.
var (
	insideStops = stops("\"{}[]\n")
	scalarStops = stops(" \t\r\n,\"{}[]")
)

func stops(set string) (t [256]bool) {
	for i := range len(set) {
		t[set[i]] = true
	}
	return t
}

// stringStop returns the index of the first quote, backslash or line end in b from i on, and
// len(b) when there is none. It looks at eight bytes at a time.
func stringStop(b []byte, i int) int {
	const (
		ones        = 0x0101010101010101
		quotes      = '"' * ones
		backslashes = '\\' * ones
		lineEnds    = '\n' * ones
	)
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		q, s, n := w^quotes, w^backslashes, w^lineEnds
		// The lowest of the top bits that are set here is that of the first byte that is 0.
		if zero := ((q-ones)&^q | (s-ones)&^s | (n-ones)&^n) & (0x80 * ones); zero != 0 {
			return i + bits.TrailingZeros64(zero)/8
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] != '\n' {
		i++
	}
	return i
}

// step reads in, the next bytes of the text.
func (r *reshaper) step(in []byte) {
	from := 0 // in[from:i] belongs to the document and is not in out yet
	i := 0
	for i < len(in) {
		c := in[i]
		switch r.state {
		case between:
			from = i
			if r.between(c); r.state != inScalar {
				i++
			}
			if r.state == between || r.state == inside && !r.keep {
				from = i
			}

		case inside:
			for !insideStops[c] {
				if i++; i == len(in) {
					break
				}
				c = in[i]
			}
			if i == len(in) {
				break
			}
			switch c {
			case '"':
				r.state = inString
				i++
			case '{', '[':
				if r.held && (r.depth == r.answer || r.hits && r.depth == r.answer+1) {
					r.write(in[from:i])
					if from = i; r.opens(c) {
						from = i + 1
					}
				}
				r.enter(c)
				i++
			case '}', ']':
				r.depth--
				i++
				if r.depth == r.base {
					r.write(in[from:i])
					from = i
					r.end()
				} else {
					r.answer = min(r.answer, r.depth)
					r.hits = r.hits && r.depth > r.answer
				}
			case '\n':
				r.write(in[from:i])
				r.write(space)
				i++
				from = i
				r.state, r.column = inIndent, 0
			}

		case inString:
			if i = stringStop(in, i); i == len(in) {
				break
			}
			switch in[i] {
			case '"':
				i++
				if r.state = inside; r.depth == r.base {
					r.write(in[from:i])
					from = i
					r.end()
				}
			case '\\':
				i++
				r.state = inEscape
			case '\n':
				r.write(in[from:i])
				i++
				from = i
				r.cut()
			}

		case inEscape:
			if r.state = inString; c != '\n' {
				i++
			}

		case inIndent:
			for i < len(in) && (in[i] == ' ' || in[i] == '\t') {
				r.column++
				i++
			}
			if i == len(in) {
				from = i
				break
			}
			switch c = in[i]; c {
			case '\n':
				r.column = 0
				i++
			case '\r':
				i++
			default:
				if r.state = inside; r.quoted {
					r.state, r.quoted = inString, false
				}
				r.margin(c)
			}
			from = i

		case inScalar:
			for !scalarStops[c] {
				if i++; i == len(in) {
					break
				}
				c = in[i]
			}
			if i < len(in) {
				r.write(in[from:i])
				from = i
				r.end()
			}
		}
	}
	r.write(in[from:])
}

var space = []byte{' '}

// write appends part of the document.
func (r *reshaper) write(b []byte) {
	if r.keep {
		r.out = append(r.out, b...)
	}
}

// between looks at the byte c behind a document.
func (r *reshaper) between(c byte) {
	switch c {
	case '\n':
		r.column = 0
	case ' ', '\t':
		if r.column >= 0 {
			r.column++
		}
	case '\r', recordSeparator, 0xef, 0xbb, 0xbf: // the last three are a byte order mark
	case ',':
		r.column = -1
	case '{':
		r.begins(inside)
		r.held = true
		r.enter(c)
		r.answer, r.hits = r.depth, false
	case '"':
		r.begins(inString)
	case '[':
		r.base++
		r.depth, r.lists, r.column = r.base, true, -1
	case '}', ']':
		if c == '}' || r.base == 0 { // closes nothing: a bad document
			r.out = append(r.out, c)
			r.end()
			return
		}
		if last := len(r.open) - 1; last >= 0 && r.open[last].depth == r.depth { // what is left of the answer
			r.base, r.open = r.open[last].base, r.open[:last]
			r.state, r.keep, r.begin = inside, false, -1
		} else {
			r.base--
		}
		r.depth--
		r.column = -1
	default:
		r.begins(inScalar)
	}
}

// begins starts a document.
func (r *reshaper) begins(s state) {
	r.state, r.start, r.begin, r.stair = s, len(r.out), r.column, false
}

// end ends the document.
func (r *reshaper) end() {
	if r.keep {
		r.out = append(r.out, '\n')
		r.documents++
	}
	r.keep, r.held, r.state, r.depth, r.column = true, false, between, r.base, -1
}

// cut ends a document at a line end within a string. The rest of it is passed over, where
// the string goes on: whoever forgot to escape the line end wrote a quote behind it.
func (r *reshaper) cut() {
	whole := r.depth == r.base // a document that is a string
	depth := r.depth
	r.end()
	if r.column = 0; !whole {
		r.state, r.keep, r.quoted, r.depth = inIndent, false, true, depth
	}
}

// margin looks at the first byte c of a line of a document.
func (r *reshaper) margin(c byte) {
	switch {
	case r.column > r.begin:
		r.stair = true
	case c == '}' || c == ']':
	case c == '{' && !r.flat && (r.stair || !r.continues()): // the next document: this one has no end
		column := r.column
		r.end()
		r.column = column
	case r.keep:
		r.flat = true
	}
}

// enter opens a container of the document.
func (r *reshaper) enter(c byte) {
	r.depth++
	bit := uint64(1) << (r.depth % 64)
	if r.arrays &^= bit; c == '[' {
		r.arrays |= bit
	}
}

// continues reports whether an object may come next in the document: behind a colon, or in
// an array behind its bracket or a comma.
func (r *reshaper) continues() bool {
	b := trimRight(r.out[max(r.start, 0):])
	if !r.keep || len(b) == 0 {
		return false
	}
	last := b[len(b)-1]
	return last == ':' || (last == '[' || last == ',') && r.arrays>>(r.depth%64)&1 == 1
}

// opens reports whether c, the bracket that is next, opens the documents of an answer. If
// so, it forgets what it has of the answer.
func (r *reshaper) opens(c byte) bool {
	switch key := r.key(); {
	case key == `"hits"` && c == '{' && !r.hits:
		r.hits = true
	case key == `"hits"` && c == '[' && r.hits, key == `"responses"` && c == '[' && !r.hits:
		if len(r.open) == maxLists {
			return false
		}
		r.open = append(r.open, list{r.depth + 1, r.base})
		r.out = r.out[:r.start]
		r.base, r.state, r.held, r.lists, r.column = r.depth+1, between, false, true, -1
		return true
	case (key == `"response"` || key == `"rawResponse"`) && c == '{' && !r.hits:
		r.answer = r.depth + 1
	}
	return false
}

// key returns the key, in its quotes, of the value that comes next; "" within an array.
func (r *reshaper) key() string {
	b := trimRight(r.out[r.start:])
	if b[len(b)-1] != ':' { // b starts with {
		return ""
	}
	b = trimRight(b[:len(b)-1])
	if b[len(b)-1] != '"' {
		return ""
	}
	for _, key := range []string{`"hits"`, `"responses"`, `"response"`, `"rawResponse"`} {
		if bytes.HasSuffix(b, []byte(key)) && b[len(b)-len(key)-1] != '\\' {
			return key
		}
	}
	return ""
}

func trimRight(b []byte) []byte {
	for len(b) > 1 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}
