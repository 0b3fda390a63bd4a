package survey

import (
	"math"
	"math/bits"
)

// An entry says that a value was seen with a key, and when first. Both are hashes.
type entry struct {
	key, value uint64
	first      int64
}

// A tally counts the different values of each key. Entries are added, then it is sealed, then
// it can be asked. What it is made of depends on the order of the entries; what it answers
// does not.
type tally struct {
	entries []entry // each key and value once, when sealed
	keys    []ofKey
	slots   []uint32 // keys + 1 by hash, open addressing, a power of two; nil before it is sealed
}

// An ofKey is what a tally knows of a key.
type ofKey struct {
	key    uint64
	first  int64
	values int
}

// add notes a value of a key, unless one of them is not known.
func (t *tally) add(key, value uint64, first int64) {
	if key != 0 && value != 0 {
		t.entries = append(t.entries, entry{key, value, first})
	}
}

// seal makes t ready to be asked, with its own entries and those of others.
func (t *tally) seal(others ...*tally) {
	n := len(t.entries)
	for _, o := range others {
		n += len(o.entries)
	}
	own := t.entries
	t.entries = make([]entry, 0, n)
	slots, shift := newSlots(n)
	t.once(own, slots, shift)
	for _, o := range others {
		t.once(o.entries, slots, shift)
	}

	t.slots, shift = newSlots(len(t.entries))
	mask := uint64(len(t.slots) - 1)
	t.keys = t.keys[:0]
	for i := range t.entries {
		e := &t.entries[i]
		at := e.key >> shift
		for ; t.slots[at] != 0 && t.keys[t.slots[at]-1].key != e.key; at = (at + 1) & mask {
		}
		if t.slots[at] == 0 {
			t.keys = append(t.keys, ofKey{key: e.key, first: e.first})
			t.slots[at] = uint32(len(t.keys))
		}
		k := &t.keys[t.slots[at]-1]
		k.values++
		k.first = min(k.first, e.first)
	}
}

// once adds entries, those of one key and value as one with the first time of all.
func (t *tally) once(entries []entry, slots []uint32, shift int) {
	mask := uint64(len(slots) - 1)
	for i := range entries {
		e := &entries[i]
		at := (e.key ^ bits.RotateLeft64(e.value, 32)) * 0x9e3779b97f4a7c15 >> shift
		for ; slots[at] != 0; at = (at + 1) & mask {
			if of := &t.entries[slots[at]-1]; of.key == e.key && of.value == e.value {
				break
			}
		}
		if slots[at] == 0 {
			t.entries = append(t.entries, *e)
			slots[at] = uint32(len(t.entries))
			continue
		}
		of := &t.entries[slots[at]-1]
		of.first = min(of.first, e.first)
	}
}

// newSlots returns room for n numbers by a hash shifted to the right.
func newSlots(n int) (slots []uint32, shift int) {
	size := bits.Len(uint(n + n/2)) // from 1/3 to 2/3 of them are taken
	return make([]uint32, 1<<max(size, 1)), 64 - max(size, 1)
}

// of returns how many values a key has, and the first time of all of them.
func (t *tally) of(key uint64) (n int, first int64) {
	if len(t.slots) == 0 {
		return 0, math.MaxInt64
	}
	mask := uint64(len(t.slots) - 1)
	for at := key >> (64 - bits.Len64(mask)); t.slots[at] != 0; at = (at + 1) & mask {
		if k := &t.keys[t.slots[at]-1]; k.key == key {
			return k.values, k.first
		}
	}
	return 0, math.MaxInt64
}

func (t *tally) count(key uint64) int {
	n, _ := t.of(key)
	return n
}
