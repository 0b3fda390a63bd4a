package series

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// An Observation is what a Table keeps of one event.
type Observation struct {
	Hash             uint64 // of the group's key, by a function that spreads well
	TimeNanos        int64  // between MinNanos and MaxNanos
	IngestedNanos    int64  // 0 when missing
	SourceBytes      int64
	DestinationBytes int64
	DestinationIP    netip.Addr // the zero Addr when missing
	Details          uint32     // of a Dictionary; that of a group's newest event is kept
}

// A Batch holds observations on their way to a Table, in order. It keeps copies, so that
// whoever fills it can go on to the next event. The zero value is an empty batch.
type Batch struct {
	records []record
	bytes   []byte // key and IPv6 address of each record
}

type record struct {
	time, ingested int64
	source, dest   int64
	hash           uint64
	at, key        uint32 // where the key is in bytes, and its length; an IPv6 address follows it
	details        uint32
	ip             uint32 // IPv4 address
	family         uint8  // 0 without an address, 4 or 6
}

// Len returns the number of observations in b.
func (b *Batch) Len() int { return len(b.records) }

// Reset empties b and keeps its memory.
func (b *Batch) Reset() { b.records, b.bytes = b.records[:0], b.bytes[:0] }

// Key returns a slice to append a key to, for Add.
func (b *Batch) Key() []byte { return b.bytes }

// Add adds an observation of the group whose key has been appended to what Key returned.
func (b *Batch) Add(key []byte, o *Observation) {
	at := len(b.bytes)
	b.bytes = key
	if len(b.records) == cap(b.records) {
		b.records = slices.Grow(b.records, 1)
	}
	b.records = b.records[:len(b.records)+1]
	// Field by field: a record made elsewhere and copied here would be read before it is
	// written back to the cache, which stalls.
	r := &b.records[len(b.records)-1]
	r.time, r.ingested = o.TimeNanos, o.IngestedNanos
	r.source, r.dest = o.SourceBytes, o.DestinationBytes
	r.hash = o.Hash
	r.at, r.key = uint32(at), uint32(len(key)-at)
	r.details = o.Details
	switch {
	case o.DestinationIP.Is4():
		a := o.DestinationIP.As4()
		r.ip, r.family = binary.BigEndian.Uint32(a[:]), 4
	case o.DestinationIP.IsValid():
		a := o.DestinationIP.As16()
		b.bytes = append(b.bytes, a[:]...)
		r.family = 6
	default:
		r.family = 0
	}
}
