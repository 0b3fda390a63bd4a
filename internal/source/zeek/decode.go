package zeek

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"net/netip"

	"fresnel/internal/event"
	"fresnel/internal/jsonlines"
	"fresnel/internal/source"
	"fresnel/internal/source/parse"
)

// A decoder turns the lines of one input into events, or into names.
type decoder struct {
	in      *input
	scanner *jsonlines.Scanner // for JSON
	seen    columnSet          // that the line has; for JSON
	layout  *layout            // of the block before

	// The record that is being read. Names of a dns log's record are in e as well: the
	// client in SourceIP, the name in DestinationDomain.
	e       event.Event
	uid     []byte
	answers [][]byte
	scratch []byte // unescaped text of the record

	words words // known in the rows of layout
}

var _ source.Decoder = (*decoder)(nil)

// Decode decodes the lines of block.
func (d *decoder) Decode(block []byte, state any, out source.Sink) (lines int) {
	if d.in.form == jsonForm {
		return d.decodeJSON(block, out)
	}
	l := state.(*layout)
	if l != d.layout {
		d.blank(l.kind)
		d.layout, d.words = l, words{}
	}
	skipped := 0
	for i := 0; i < len(block); lines++ {
		end, next := len(block), len(block)
		if n := bytes.IndexByte(block[i:], '\n'); n >= 0 {
			end, next = i+n, i+n+1
			if n > 0 && block[end-1] == '\r' {
				end--
			}
		}
		if end == i || block[i] == '#' {
			i = next
			continue
		}
		switch l.use {
		case decodeRows:
			if at, ok := d.row(l, block, i, end); ok {
				d.finish(out)
			} else if !bytes.Equal(block[i:end], l.head) {
				d.bad(l, block[i:end], at, lines, out)
			}
		case skipRows:
			skipped++
		case refuseRows:
			out.Bad(source.RecordError{Line: lines, Got: l.got, Want: l.want})
		}
		i = next
	}
	if skipped > 0 {
		out.Skip(reasons[l.kind], skipped)
	}
	return lines
}

// blank forgets the record, before the first of a log of kind k.
func (d *decoder) blank(k logKind) {
	d.e = event.Event{EventCategory: "network"}
	if k == httpLog {
		d.e.NetworkProtocol = "http"
	}
	d.uid, d.answers, d.scratch = nil, d.answers[:0], d.scratch[:0]
}

// wholeRow stands in the place of a column for an error of the whole row.
const wholeRow = -1

// row reads the row b[i:end], whose end is followed by a line end or the end of b. When ok
// is false, at is the index of the column that cannot be read, or wholeRow.
//
// Every step of the plan gives its column a value in each row, so that nothing of the row
// before is left.
func (d *decoder) row(l *layout, b []byte, i, end int) (at int, ok bool) {
	d.scratch = d.scratch[:0]
	for s := 0; ; s++ {
		if s, i = d.quick(l, b, s, i, end); s == len(l.steps) {
			break
		}
		if i > end {
			return wholeRow, false
		}
		step := &l.steps[s]
		j := fieldEnd(b, i, end, l.seps)
		field := b[i:j]
		if step.text {
			field = d.plain(l, step.column, field)
		}
		if !d.set(step.column, field) && (step.column == timeColumn || !l.missing(field)) {
			return step.index, false
		}
		if isWord(step.column) && j < end {
			d.words.learn(b, i, l.seps, step.column, d.e.Text(event.Field(step.column)))
		}
		i = j + 1
	}
	// The columns behind are counted and not read.
	behind := 0
	if i <= end {
		behind = 1 + bytes.Count(b[i:end], l.sep[:])
	}
	return wholeRow, behind == l.behind
}

// eachByte times a byte is that byte in each of eight.
const eachByte = 0x0101010101010101

// fieldEnd returns where the field that starts at i ends: at the next separator, or at end.
// It reads words of b across end.
func fieldEnd(b []byte, i, end int, seps uint64) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:]) ^ seps
		// The lowest bit that is set is right; a carry may set wrong ones above it.
		if m := (w - eachByte) &^ w & (0x80 * eachByte); m != 0 {
			return min(i+bits.TrailingZeros64(m)>>3, end)
		}
		if i+8 >= end {
			return end
		}
	}
	for i < end && b[i] != byte(seps) {
		i++
	}
	return i
}

// skipColumns returns where the column starts that is n behind the one that starts at i;
// above end when the row has no such column. It reads words of b across end.
func skipColumns(b []byte, i, end int, seps uint64, n int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:]) ^ seps
		m := ^((w&(0x7f*eachByte) + 0x7f*eachByte) | w | 0x7f*eachByte) // no carries: all bits are right
		if c := bits.OnesCount64(m); c < n {
			if n -= c; i+8 >= end {
				return end + 1
			}
			continue
		}
		for ; n > 1; n-- {
			m &= m - 1
		}
		return min(i+bits.TrailingZeros64(m)>>3+1, end+1)
	}
	for ; i < end; i++ {
		if b[i] == byte(seps) {
			if n--; n == 0 {
				return i + 1
			}
		}
	}
	return end + 1
}

// quick takes steps for as long as the values have the shape that nearly all have, or are
// words that are known. It begins with step s, and i is where the column behind that of the
// step before starts. It returns the step that set must take and where its column starts,
// above end when the row has none; len(l.steps) when there is no such step. It decides the
// same as set does, eight bytes of b at a time and without a branch on the length of a
// number. What it gave the event before it saw that set must look, set overwrites.
func (d *decoder) quick(l *layout, b []byte, s, i, end int) (step, at int) {
	steps, seps := l.steps, l.seps
	for ; s < len(steps); s++ {
		step := &steps[s]
		if step.skip == 1 {
			i = fieldEnd(b, i, end, seps) + 1
		} else if step.skip > 0 {
			i = skipColumns(b, i, end, seps, step.skip)
		}
		if i > end || i+24 > len(b) { // the words that are read here would cross the end of the block
			return s, i
		}
		text := b[i : i+24]
		j := i
		switch step.column {
		case timeColumn: // 1588205199.824375
			nanos, ok := parse.UnixTime(text[:17])
			if !ok {
				return s, i
			}
			d.e.TimeNanos = nanos
			j += 17
		case column(event.SourceIP), column(event.DestinationIP):
			addr, n := quickIP((*[20]byte)(text))
			ip := netip.AddrFrom4([4]byte{byte(addr >> 24), byte(addr >> 16), byte(addr >> 8), byte(addr)})
			if step.column == column(event.SourceIP) {
				d.e.SourceIP = ip
			} else {
				d.e.DestinationIP = ip
			}
			j += n
		case column(event.SourceBytes), column(event.DestinationBytes):
			count, n := quickCount(binary.LittleEndian.Uint64(text))
			if step.column == column(event.SourceBytes) {
				d.e.SourceBytes = int64(count)
			} else {
				d.e.DestinationBytes = int64(count)
			}
			j += n
		case column(event.SourcePort), column(event.DestinationPort):
			port, n := quickCount(binary.LittleEndian.Uint64(text))
			if port > math.MaxUint16 {
				return s, i
			}
			if step.column == column(event.SourcePort) {
				d.e.SourcePort = uint16(port)
			} else {
				d.e.DestinationPort = uint16(port)
			}
			j += n
		case column(event.NetworkTransport), column(event.NetworkProtocol), column(event.ConnectionState): // isWord
			key, n := wordKey(binary.LittleEndian.Uint64(text), seps)
			w := d.words.at(key, step.column)
			if w.key != key || w.column != step.column {
				return s, i
			}
			*w.field = w.value
			i += n + 1
			continue
		default:
			return s, i
		}
		if j == i || j > end || j < end && b[j] != byte(seps) {
			return s, i
		}
		i = j + 1
	}
	return s, i
}

// notDigits returns a word with the top bit of each byte set that is no digit in w, and
// the values of the digits.
func notDigits(w uint64) (marks, values uint64) {
	x := w ^ '0'*eachByte
	return ((x&(0x7f*eachByte) + 0x76*eachByte) | x) & (0x80 * eachByte), x
}

// quickCount returns the number of up to eight digits at the start of w and how many of its
// bytes are digits.
func quickCount(w uint64) (count uint64, digits int) {
	marks, x := notDigits(w)
	bit := bits.TrailingZeros64(marks) &^ 7 // 64 when all are digits
	x <<= (64 - bit) & 63                   // the digits behind as many zeros as are missing to eight
	x = (x*10 + x>>8) & 0x00ff00ff00ff00ff
	x = (x*100 + x>>16) & 0x0000ffff0000ffff
	return (x*10_000 + x>>32) & 0xffffffff, bit >> 3
}

// quickIP returns the IPv4 address at the start of b and its length; 0 when there is none
// or when nothing follows it in the first 16 bytes.
func quickIP(b *[20]byte) (addr uint32, length int) {
	low, _ := notDigits(binary.LittleEndian.Uint64(b[:8]))
	high, _ := notDigits(binary.LittleEndian.Uint64(b[8:]))
	// One bit for each byte that is no digit: the dots, then what follows the address.
	const gather = 0x0102040810204080 // moves the lowest bits of eight bytes into the highest byte
	marks := (low>>7)*gather>>56 | (high>>7)*gather>>56<<8
	p0 := bits.TrailingZeros64(marks)
	marks &= marks - 1
	p1 := bits.TrailingZeros64(marks)
	marks &= marks - 1
	p2 := bits.TrailingZeros64(marks)
	marks &= marks - 1
	if marks == 0 {
		return 0, 0
	}
	p3 := bits.TrailingZeros64(marks)
	if b[p0&15] != '.' || b[p1&15] != '.' || b[p2&15] != '.' {
		return 0, 0
	}
	n0, n1, n2, n3 := p0, p1-p0-1, p2-p1-1, p3-p2-1
	v0, ok0 := octet(b, 0, n0)
	v1, ok1 := octet(b, p0+1, n1)
	v2, ok2 := octet(b, p1+1, n2)
	v3, ok3 := octet(b, p2+1, n3)
	if (n0|n1|n2|n3)&^3 != 0 || ok0&ok1&ok2&ok3>>63 == 0 {
		return 0, 0
	}
	return v0<<24 | v1<<16 | v2<<8 | v3, p3
}

// octet returns the value of the n digits at i of b, n up to 3, and a number whose highest
// bit is set when they are one part of an IPv4 address.
func octet(b *[20]byte, i, n int) (value uint32, ok uint64) {
	w := (binary.LittleEndian.Uint32(b[i&15:]) ^ '0'*0x01010101) << (32 - 8*n&31) // the last digit is in the highest byte
	value = w>>24 + w>>16&0xff*10 + w>>8&0xff*100
	least := octetLeast[n&3]
	return value, uint64(value-least) - uint64(256-least) // up to 255 and without leading zeros
}

// octetLeast are the smallest values of parts of an address by their digits; no digits are
// no part.
var octetLeast = [4]uint32{256, 0, 10, 100}

// plain returns what stands for itself in a text column: nothing for a missing value, the
// first of a list of protocols, no escapes. The answers of DNS it hands on one by one, but
// for the last.
func (d *decoder) plain(l *layout, c column, b []byte) []byte {
	if l.missing(b) {
		b = nil
	}
	switch c {
	case answersColumn:
		d.answers = d.answers[:0]
		for {
			i := bytes.IndexByte(b, l.set)
			if i < 0 {
				return b
			}
			d.set(c, b[:i])
			b = b[i+1:]
		}
	case column(event.NetworkProtocol):
		b = firstOf(b, l.set)
	}
	if bytes.IndexByte(b, '\\') < 0 {
		return b
	}
	start := len(d.scratch)
	d.scratch = unescape(d.scratch, b)
	return d.scratch[start:]
}

// missing reports whether the field b says that there is no value.
func (l *layout) missing(b []byte) bool {
	return string(b) == string(l.unset) || string(b) == string(l.empty)
}

// firstOf returns the first element of a list of protocols. One behind a dash was ruled out
// by Zeek later on.
func firstOf(b []byte, separator byte) []byte {
	for {
		first, rest := b, []byte(nil)
		if i := bytes.IndexByte(b, separator); i >= 0 {
			first, rest = b[:i], b[i+1:]
		}
		if len(first) == 0 || first[0] != '-' {
			return first
		}
		b = rest
	}
}

// timeColumn is the one that no record can be without.
const timeColumn = column(event.Timestamp)

// set reads b as the value of column c. When it reports false the column has no value.
// Texts always have one.
func (d *decoder) set(c column, b []byte) (ok bool) {
	e := &d.e
	switch c {
	case timeColumn:
		if e.TimeNanos, ok = parse.UnixTime(b); !ok {
			e.TimeNanos, ok = otherTime(b)
		}
		return ok
	case column(event.SourceIP):
		e.SourceIP, ok = parse.IP(b)
		return ok
	case column(event.DestinationIP):
		e.DestinationIP, ok = parse.IP(b)
		return ok
	case column(event.SourceBytes):
		e.SourceBytes, ok = parse.Count(b)
		return ok
	case column(event.DestinationBytes):
		e.DestinationBytes, ok = parse.Count(b)
		return ok
	case column(event.SourcePort):
		e.SourcePort, ok = parse.Port(b)
		return ok
	case column(event.DestinationPort):
		e.DestinationPort, ok = parse.Port(b)
		return ok
	case column(event.Duration):
		e.DurationNanos, ok = parse.UnixTime(b)
		return ok
	case column(event.NetworkTransport):
		e.NetworkTransport = parse.Text(b)
	case column(event.NetworkProtocol):
		e.NetworkProtocol = parse.Text(b)
		if e.NetworkProtocol == "ssl" {
			e.NetworkProtocol = "tls"
		}
	case column(event.ConnectionState):
		e.ConnectionState = parse.Text(b)
	case column(event.DestinationDomain):
		e.DestinationDomain = parse.Text(b)
	case column(event.UserAgent):
		e.UserAgent = parse.Text(b)
	case column(event.TLSServerName):
		e.TLSServerName = parse.Text(b)
	case column(event.TLSClientJA3):
		e.TLSClientJA3 = parse.Text(b)
	case uidColumn:
		d.uid = b
	case answersColumn:
		d.answers = append(d.answers, b)
	}
	return true
}

// isText reports whether the values of c are texts.
func isText(c column) bool {
	return c >= column(event.NumFields) || event.Field(c).Kind() == event.KindText
}

// otherTime reads the times that are not in seconds: RFC 3339, and milliseconds, which
// Zeek writes where JSON::TS_MILLIS is set. They are told from seconds by their size: the
// latest time in seconds is in the year 2262, which in milliseconds is April 1970.
func otherTime(b []byte) (nanos int64, ok bool) {
	if nanos, ok = parse.RFC3339(b); ok {
		return nanos, true
	}
	const millisecond = 1_000_000
	if millis, ok := parse.Count(b); ok && millis <= math.MaxInt64/millisecond {
		return millis * millisecond, true
	}
	return 0, false
}

// wanted says what would have been right in column c.
func wanted(c column) string {
	switch {
	case c == timeColumn:
		return "a time, in seconds since 1970 or as in RFC 3339"
	case c == column(event.Duration):
		return "seconds"
	case c == column(event.SourcePort), c == column(event.DestinationPort):
		return "a port"
	case isText(c):
		return "a text"
	case event.Field(c).Kind() == event.KindIP:
		return "an IP address"
	}
	return "a count"
}

// bad reports the row of a line that cannot be read.
func (d *decoder) bad(l *layout, row []byte, at, line int, out source.Sink) {
	if at == wholeRow {
		out.Bad(source.RecordError{
			Line: line,
			Got:  fmt.Sprintf("%d columns", 1+bytes.Count(row, l.sep[:])),
			Want: fmt.Sprintf("%d as in the header", len(l.names)),
		})
		return
	}
	i := 0
	if at > 0 {
		i = skipColumns(row, 0, len(row), l.seps, at)
	}
	field := row[i:fieldEnd(row, i, len(row), l.seps)]
	for _, s := range l.steps {
		if s.index == at {
			out.Bad(source.RecordError{Line: line, Field: l.names[at], Got: source.Shorten(field), Want: wanted(s.column)})
		}
	}
}

// finish hands on the record that was read.
func (d *decoder) finish(out source.Sink) {
	e := &d.e
	in := d.in
	if in.naming {
		d.give(out)
		return
	}
	if in.byUID || in.byAnswer {
		in.names.name(e, in, d.uid)
	}
	out.Event(e)
}

// give adds what the record says to the names.
func (d *decoder) give(out source.Sink) {
	e, names, folder := &d.e, d.in.names, d.in.folder
	if d.in.kind == dnsLog {
		lost := 0
		for _, a := range d.answers {
			if addr, ok := parse.IP(a); ok && e.DestinationDomain != "" {
				lost += names.addAnswer(folder, e.SourceIP, addr, e.TimeNanos, e.DestinationDomain)
			}
		}
		if lost > 0 {
			out.Skip(reasonAnswers, lost)
		}
		return
	}
	key, ok := uidKeyOf(folder, d.uid)
	if !ok {
		return
	}
	if lost := names.addUID(key, d.in.kind, e); lost > 0 {
		out.Skip(reasonUIDs, lost)
	}
}
