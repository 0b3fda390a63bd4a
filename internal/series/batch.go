package series

import (
	"encoding/binary"
	"math"
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
	bytes   []byte  // keys and IPv6 addresses of the records
	groups  *Groups // that records refer to
}

type record struct {
	time, ingested int64
	source, dest   int64
	hash           uint64
	at, key        uint32 // where the key is in bytes, and its length; a number of groups where that is inGroups
	details        uint32
	ip             uint32 // IPv4 address, or where the IPv6 address is in bytes
	family         uint8  // 0 without an address, 4 or 6
}

// inGroups stands for the length of a key that is in the Groups of the batch.
const inGroups = math.MaxUint32

// Groups are groups by numbers of their own, which observations can refer to: their keys are written
// down once, and a table looks for each of them once. Several numbers may be of one group. While tables
// take observations of them, nothing is added.
type Groups struct {
	keys []byte
	ends []int    // of the keys, by number
	ids  []uint32 // in the table that has the group; 0 as long as it is not known
}

// Add adds a group and returns its number.
func (g *Groups) Add(key []byte) uint32 {
	g.keys = append(g.keys, key...)
	g.ends = append(g.ends, len(g.keys))
	g.ids = append(g.ids, 0)
	return uint32(len(g.ids) - 1)
}

func (g *Groups) key(n uint32) []byte {
	if n == 0 {
		return g.keys[:g.ends[0]]
	}
	return g.keys[g.ends[n-1]:g.ends[n]]
}

// Len returns the number of observations in b.
func (b *Batch) Len() int { return len(b.records) }

// Reset empties b and keeps its memory.
func (b *Batch) Reset() { b.records, b.bytes, b.groups = b.records[:0], b.bytes[:0], nil }

// Key returns a slice to append a key to, for Add.
func (b *Batch) Key() []byte { return b.bytes }

// Add adds an observation of the group whose key has been appended to what Key returned.
func (b *Batch) Add(key []byte, o *Observation) {
	at := len(b.bytes)
	b.bytes = key
	b.add(uint32(at), uint32(len(key)-at), o)
}

// AddTo adds an observation of one of some groups: the same ones as before, until Reset, and all
// observations of one number come to the same table.
func (b *Batch) AddTo(groups *Groups, number uint32, o *Observation) {
	b.groups = groups
	b.add(number, inGroups, o)
}

func (b *Batch) add(at, key uint32, o *Observation) {
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
	r.at, r.key = at, key
	r.details = o.Details
	switch {
	case o.DestinationIP.Is4():
		a := o.DestinationIP.As4()
		r.ip, r.family = binary.BigEndian.Uint32(a[:]), 4
	case o.DestinationIP.IsValid():
		a := o.DestinationIP.As16()
		r.ip, r.family = uint32(len(b.bytes)), 6
		b.bytes = append(b.bytes, a[:]...)
	default:
		r.family = 0
	}
}

// key returns the key of a record's group.
func (b *Batch) key(r *record) []byte {
	if r.key == inGroups {
		return b.groups.key(r.at)
	}
	return b.bytes[r.at : r.at+r.key]
}
