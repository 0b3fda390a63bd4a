package series

import (
	"encoding/binary"
	"net/netip"
)

// An Observation is what a Table keeps of one event.
type Observation struct {
	Key              []byte // identity of the group
	Hash             uint64 // of Key, by a function that spreads well
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

// Add appends a copy of o.
func (b *Batch) Add(o *Observation) {
	r := record{
		time: o.TimeNanos, ingested: o.IngestedNanos, source: o.SourceBytes, dest: o.DestinationBytes,
		hash: o.Hash, at: uint32(len(b.bytes)), key: uint32(len(o.Key)), details: o.Details,
	}
	b.bytes = append(b.bytes, o.Key...)
	switch ip := o.DestinationIP; {
	case ip.Is4():
		a := ip.As4()
		r.ip, r.family = binary.BigEndian.Uint32(a[:]), 4
	case ip.IsValid():
		a := ip.As16()
		b.bytes = append(b.bytes, a[:]...)
		r.family = 6
	}
	b.records = append(b.records, r)
}
