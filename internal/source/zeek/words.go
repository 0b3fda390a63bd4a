package zeek

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"fresnel/internal/event"
)

// words are short texts that row after row has, such as tcp, ssl and SF, and what the event
// is given for each. Such a text is read the long way once; from then on it is found by its
// bytes and those of its separator, eight at most.
//
// A place that is taken stays so until the layout changes: of ever new texts most are read
// the long way, and few are kept.
type words [1 << wordBits]word

const wordBits = 6

type word struct {
	key    uint64  // of the text, see wordKey; 0 where the place is free
	column column  // that it stands in; 0 where the place is free, which is none of words
	field  *string // of the event
	value  string  // that the field is given
}

// isWord reports whether the texts of c are few and mostly short.
func isWord(c column) bool {
	return c == column(event.NetworkTransport) || c == column(event.NetworkProtocol) || c == column(event.ConnectionState)
}

// wordKey returns the text at the start of w with its separator, the first byte the lowest,
// and the length of the text; a key of 0 when w does not hold all of it.
func wordKey(w, seps uint64) (key uint64, length int) {
	x := w ^ seps
	m := (x - eachByte) &^ x & (0x80 * eachByte) // the lowest bit that is set is right, as in fieldEnd
	if m == 0 {
		return 0, 0
	}
	return w & (m ^ (m - 1)), bits.TrailingZeros64(m) >> 3
}

// at returns the place of the text of column c with the given key.
func (w *words) at(key uint64, c column) *word {
	return &w[(key+uint64(c))*0x9e3779b97f4a7c15>>(64-wordBits)]
}

// learn keeps that field was given its value for the text of column c that starts at i,
// which a separator follows within the row.
func (w *words) learn(b []byte, i int, seps uint64, c column, field *string) {
	if i+8 > len(b) {
		return
	}
	key, _ := wordKey(binary.LittleEndian.Uint64(b[i:]), seps)
	if p := w.at(key, c); key != 0 && p.key == 0 {
		*p = word{key, c, field, strings.Clone(*field)}
	}
}
