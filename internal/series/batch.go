package series

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// An Observation is what a Table keeps of one event.
type Observation struct {
	TimeNanos        int64 // between MinNanos and MaxNanos
	IngestedNanos    int64 // 0 when missing
	SourceBytes      int64
	DestinationBytes int64
	DestinationIP    netip.Addr // the zero Addr when missing
	Details          uint32     // of a Dictionary; that of a group's newest event is kept
}

// A Batch holds observations on their way to a Table, in order. The zero value is an empty batch.
type Batch struct {
	records []record
	ip6     [][16]byte // IPv6 addresses of the records
}

type record struct {
	time, ingested int64
	source, dest   int64
	group          uint32
	details        uint32
	ip             uint32 // IPv4 address, or the number of an IPv6 address in ip6
	family         uint8  // 0 without an address, 4 or 6
}

// Len returns the number of observations in b.
func (b *Batch) Len() int { return len(b.records) }

// Reset empties b and keeps its memory.
func (b *Batch) Reset() { b.records, b.ip6 = b.records[:0], b.ip6[:0] }

// Add adds an observation of the group with a number in the table, 0 for one that found no room.
func (b *Batch) Add(group uint32, o *Observation) {
	if len(b.records) == cap(b.records) {
		b.records = slices.Grow(b.records, 1)
	}
	b.records = b.records[:len(b.records)+1]
	// Field by field: a record made elsewhere and copied here would be read before it is
	// written back to the cache, which stalls.
	r := &b.records[len(b.records)-1]
	r.time, r.ingested = o.TimeNanos, o.IngestedNanos
	r.source, r.dest = o.SourceBytes, o.DestinationBytes
	r.group, r.details = group, o.Details
	switch {
	case o.DestinationIP.Is4():
		a := o.DestinationIP.As4()
		r.ip, r.family = binary.BigEndian.Uint32(a[:]), 4
	case o.DestinationIP.IsValid():
		r.ip, r.family = uint32(len(b.ip6)), 6
		b.ip6 = append(b.ip6, o.DestinationIP.As16())
	default:
		r.family = 0
	}
}
