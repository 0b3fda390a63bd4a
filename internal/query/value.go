package query

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

func newIs(value Pattern) test {
	if l, ok := value.Literal(); ok {
		return newEqual(l)
	}
	return newGlob(value)
}

func newContains(value Pattern) test {
	parts := slices.Concat(Pattern{""}, value, Pattern{""})
	if l, ok := value.Literal(); ok {
		return eitherOf{newGlob(parts), newEqual(l)}
	}
	return newGlob(parts)
}

// equal holds for what a literal means.
type equal struct {
	text      string // in lower case
	number    number
	isNumber  bool
	word      kind // kindTrue or kindFalse when it is one; else kindNull, which no value that is asked has
	network   netip.Prefix
	isNetwork bool
	time      Time
	isTime    bool
}

func newEqual(l Literal) *equal {
	e := &equal{text: string(appendLower(nil, []byte(l)))}
	e.number, e.isNumber = parseNumber([]byte(l))
	if is, ok := l.Bool(); ok {
		if e.word = kindFalse; is {
			e.word = kindTrue
		}
	}
	e.network, e.isNetwork = l.Network()
	e.time, e.isTime = l.Time()
	return e
}

func (e *equal) holds(d *Document, value uint32, now time.Time) bool {
	n := &d.nodes[value]
	switch n.kind {
	case kindFalse, kindTrue:
		return n.kind == e.word
	case kindNumber:
		if !e.isNumber {
			return false
		}
		number, _ := parseNumber(d.text[n.start:n.end])
		return number.compare(e.number) == 0
	case kindString:
		var buf [256]byte
		text := d.textOf(n, buf[:0])
		if equalLower(text, e.text) {
			return true
		}
		if e.isNetwork {
			a, ok := parseAddress(text)
			return ok && contains(e.network, a)
		}
		if e.isTime {
			at, ok := parseMoment(text)
			if !ok {
				return false
			}
			begin, end := e.time.Span(now)
			return !at.Before(begin) && at.Before(end)
		}
	}
	return false
}

// bound holds for what lies on one side of a bound.
type bound struct {
	op        Op
	number    number
	isNumber  bool
	address   netip.Addr
	isAddress bool
	time      Time
	isTime    bool
}

func newBound(r Range) *bound {
	b := &bound{op: r.Op}
	b.number, b.isNumber = parseNumber([]byte(r.Bound))
	b.address, b.isAddress = parseAddress([]byte(r.Bound))
	b.time, b.isTime = r.Bound.Time()
	return b
}

func (b *bound) holds(d *Document, value uint32, now time.Time) bool {
	n := &d.nodes[value]
	switch {
	case n.kind == kindNumber && b.isNumber:
		number, _ := parseNumber(d.text[n.start:n.end])
		return b.op.holds(number.compare(b.number))
	case n.kind == kindString && (b.isAddress || b.isTime):
		var buf [256]byte
		text := d.textOf(n, buf[:0])
		if b.isAddress {
			a, ok := parseAddress(text)
			x, y := a.As16(), b.address.As16()
			return ok && b.op.holds(bytes.Compare(x[:], y[:]))
		}
		at, ok := parseMoment(text)
		if !ok {
			return false
		}
		begin, end := b.time.Span(now)
		switch b.op {
		case Less:
			return at.Before(begin)
		case LessOrEqual:
			return at.Before(end)
		case Greater:
			return !at.Before(end)
		}
		return !at.Before(begin)
	}
	return false
}

// holds reports whether a comparison with this outcome fulfils o.
func (o Op) holds(compared int) bool {
	switch o {
	case Less:
		return compared < 0
	case LessOrEqual:
		return compared <= 0
	case Greater:
		return compared > 0
	}
	return compared >= 0
}

// glob holds for texts that a pattern with stars matches.
type glob struct {
	first, last string   // in lower case
	middle      [][]byte // in lower case, in their order
	least       int      // bytes that such a text has
}

func newGlob(p Pattern) *glob {
	g := &glob{}
	for i, part := range p {
		low := appendLower(nil, []byte(part))
		g.least += len(low)
		switch {
		case i == 0:
			g.first = string(low)
		case i == len(p)-1:
			g.last = string(low)
		case len(low) > 0:
			g.middle = append(g.middle, low)
		}
	}
	return g
}

// holds takes a time that is linear in the length of the text: of each part the first place
// behind the part before it is as good as any other.
func (g *glob) holds(d *Document, value uint32, _ time.Time) bool {
	n := &d.nodes[value]
	if n.kind != kindString || int(n.end-n.start) < g.least { // escapes make it longer, never shorter
		return false
	}
	var buf, low [256]byte
	text := d.textOf(n, buf[:0])
	if len(text) < g.least || !equalLower(text[:len(g.first)], g.first) || !equalLower(text[len(text)-len(g.last):], g.last) {
		return false
	}
	if len(g.middle) == 0 {
		return true
	}
	text = appendLower(low[:0], text[len(g.first):len(text)-len(g.last)])
	for _, part := range g.middle {
		i := bytes.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

// lower returns c, in lower case if it is an ASCII letter. Other letters stay as they are: so
// they do in the engines that queries are translated for.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// appendLower appends text in lower case, eight bytes at a time.
func appendLower(dst, text []byte) []byte {
	for len(text) >= 8 {
		w := binary.LittleEndian.Uint64(text)
		low := w &^ highs
		// The high bit of each byte from 'A' on, and not of those behind 'Z' and beyond ASCII.
		upper := (low + (0x80-'A')*ones) &^ (low + (0x80-'Z'-1)*ones) &^ w & highs
		dst = binary.LittleEndian.AppendUint64(dst, w|upper>>2) // a letter and its other case differ by 0x20
		text = text[8:]
	}
	for _, c := range text {
		dst = append(dst, lower(c))
	}
	return dst
}

// equalLower reports whether text in lower case is low.
func equalLower(text []byte, low string) bool {
	if len(text) != len(low) {
		return false
	}
	for i, c := range text {
		if lower(c) != low[i] {
			return false
		}
	}
	return true
}
