package series

import "sync"

// A Dictionary numbers byte strings that many events share, so that what stands in each
// event need be kept only once. It is safe for concurrent use.
type Dictionary struct {
	mu      sync.RWMutex
	strings []string
	numbers map[string]uint32
	bytes   int64
	bound   int64
	lost    int64
}

// NewDictionary returns a dictionary that holds up to bound bytes, with the empty string as
// number 0.
func NewDictionary(bound int64) *Dictionary {
	return &Dictionary{strings: []string{""}, numbers: map[string]uint32{"": 0}, bound: bound}
}

// Number returns the number of b, 0 when it is new and the dictionary is full.
func (d *Dictionary) Number(b []byte) uint32 {
	d.mu.RLock()
	n, ok := d.numbers[string(b)]
	d.mu.RUnlock()
	if ok {
		return n
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n, ok := d.numbers[string(b)]; ok {
		return n
	}
	const overhead = 64 // of the map and the slice, about
	if d.bytes += int64(len(b)) + overhead; d.bytes > d.bound {
		d.bytes -= int64(len(b)) + overhead
		d.lost++
		return 0
	}
	n = uint32(len(d.strings))
	s := string(b)
	d.strings = append(d.strings, s)
	d.numbers[s] = n
	return n
}

// Text returns the string with number n.
func (d *Dictionary) Text(n uint32) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.strings[n]
}

// Bytes returns about how much memory the strings take.
func (d *Dictionary) Bytes() int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.bytes
}

// Lost returns how often Number found no room.
func (d *Dictionary) Lost() int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.lost
}
