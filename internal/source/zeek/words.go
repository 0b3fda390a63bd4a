package zeek

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"fresnel/internal/event"
)

// words are the short texts that stand in column after column of the same few, such as tcp,
// ssl and SF, and what the event is given for each. A text is read the long way once; from
// then on it is found by its bytes, in one word of the row.
//
// A place that is taken stays so until the layout changes: of ever new texts most are read
// the long way, and none is kept.
type words [1 << wordBits]word

const wordBits = 6

type word struct {
	key    uint64  // of the text, see wordKey; 0 where the place is free
	column column  // that it stands in
	length int     // of the text and its separator
	field  *string // of the event
	value  string  // that the field is given
}

// isWord reports whether the texts of c are few and mostly short.
func isWord(c column) bool {
	return c == column(event.NetworkTransport) || c == column(event.NetworkProtocol) || c == column(event.ConnectionState)
}

// wordKey returns the text that starts at i with its separator, the first byte the lowest;
// 0 when they are longer than eight bytes.
func wordKey(b []byte, i int, seps uint64) uint64 {
	if i+8 > len(b) {
		return 0
	}
	w := binary.LittleEndian.Uint64(b[i:])
	x := w ^ seps
	m := (x - eachByte) &^ x & (0x80 * eachByte) // the lowest bit that is set is right, as in fieldEnd
	if m == 0 {
		return 0
	}
	return w & (m ^ (m - 1))
}

// at returns the place of the text of column c with the given key.
func (w *words) at(key uint64, c column) *word {
	return &w[(key+uint64(c))*0x9e3779b97f4a7c15>>(64-wordBits)]
}

// find returns the word of column c that starts at i; nil when it is not known.
func (w *words) find(b []byte, i int, seps uint64, c column) *word {
	key := wordKey(b, i, seps)
	if p := w.at(key, c); p.key == key && p.column == c && key != 0 {
		return p
	}
	return nil
}

// learn keeps that field was given its value for the text of column c that starts at i and
// lies within its row, as the separator behind it does.
func (w *words) learn(b []byte, i int, seps uint64, c column, field *string) {
	key := wordKey(b, i, seps)
	if p := w.at(key, c); key != 0 && p.key == 0 {
		*p = word{key, c, (bits.Len64(key) + 7) / 8, field, strings.Clone(*field)}
	}
}
