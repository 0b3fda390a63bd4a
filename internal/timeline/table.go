// Package timeline keeps when each group called each destination, compactly and bounded: the
// calls that the timing model looks at.
//
// A row is a group and a destination. A call takes eight bytes: its time to the hundredth of
// a second, its bytes to a part in 256, whether it was answered, and which of up to
// seven processes of one name made it. A row keeps at most MaxCalls; one that has more is
// thinned: of every two stretches of its calls one is forgotten, and where one was is
// remembered, so that no gap is taken for one that it is not. Only a call that comes late, into
// a stretch that was forgotten, stands beside what was kept. What is counted stays exact.
package timeline

import (
	"math"
	"math/bits"
	"slices"
	"unsafe"
)

// MaxCalls bounds the calls that are kept of a row.
const MaxCalls = 2048

// thinBlock is how many neighbouring calls are kept, and then forgotten, when a row is thinned.
const thinBlock = 128

// TickNanos is the resolution of the times of calls.
const TickNanos = 10_000_000

// A Name is what a table knows a row by.
type Name struct {
	Group uint64 // hash of the group's key
	Row   uint64 // hash of the group's key and the destination; stands for them
	Text  []byte // what the row is, for whoever reads the table; that of the first name is kept
}

// An Observation is one event, as a table takes it in.
type Observation struct {
	TimeNanos   int64
	SourceBytes int64
	DestBytes   int64
	Agent       uint32 // hash of what tells processes of one name apart; 0 when nothing does
	Failed      bool   // the call was not answered
}

// A record is an observation as it waits for its table, without pointers.
type record struct {
	tick  int64
	row   uint32
	word  uint32 // of the call, without its agent
	agent uint32
}

// A Batch is a list of observations on its way to a table.
type Batch struct {
	records []record
}

// Add adds an observation of the row with a number in the table, 0 for one that found no room.
func (b *Batch) Add(row uint32, o *Observation) {
	word := packBytes(o.SourceBytes, sourceMantissa)<<sourceAt | packBytes(o.DestBytes, destMantissa)
	if o.Failed {
		word |= failedBit
	}
	if len(b.records) == cap(b.records) {
		b.records = slices.Grow(b.records, 1)
	}
	b.records = b.records[:len(b.records)+1]
	// Field by field: a record made elsewhere and copied here would be read before it is
	// written back to the cache, which stalls.
	r := &b.records[len(b.records)-1]
	r.tick, r.row, r.word, r.agent = o.TimeNanos/TickNanos, row, word, o.Agent
}

// Len returns the number of observations.
func (b *Batch) Len() int { return len(b.records) }

// Reset empties b.
func (b *Batch) Reset() { b.records = b.records[:0] }

// A call is packed into a tick and a word:
// bit 31 failed, bit 30 a hole before it, bits 27..29 agent, bits 13..26 source bytes, 0..12 destination bytes.
type call struct {
	tick uint32 // since the row's base
	word uint32
}

const (
	failedBit = 1 << 31
	holeBit   = 1 << 30
	agentAt   = 27
	sourceAt  = 13
	maxAgents = 7
)

// packBytes writes n as a floating-point number of 5 bits of exponent and the given bits of
// mantissa, rounded down; from 2^39 (8 bits) or 2^40 (9 bits) on it is the greatest of them.
func packBytes(n int64, mantissa int) uint32 {
	if n <= 0 {
		return 0
	}
	shift := max(0, bits.Len64(uint64(n))-mantissa-1)
	if shift == 0 && n < 1<<mantissa {
		return uint32(n)
	}
	if shift > 30 {
		return 1<<(5+mantissa) - 1
	}
	return uint32(shift+1)<<mantissa | uint32(n>>shift)&(1<<mantissa-1)
}

func unpackBytes(w uint32, mantissa int) int64 {
	shift := w >> mantissa
	m := int64(w & (1<<mantissa - 1))
	if shift == 0 {
		return m
	}
	return (m | 1<<mantissa) << (shift - 1)
}

const (
	sourceMantissa = 9
	destMantissa   = 8
)

// A row is kept in the table's memory; Row is what is read of it. It is one line of the
// processor's cache, with all that most calls change.
type row struct {
	hash        uint64
	base        int64  // tick of offset 0
	first, last int64  // ticks of all calls, kept or not
	total       int64  // calls
	agents      uint32 // place in the list of agents, 0 for none
	head, tail  uint32 // chunks
	used, size  uint16 // calls in the tail chunk, and its room
	kept        uint16
}

// A label is the rest of a row.
type label struct {
	group  uint64
	text   []byte
	failed int64 // calls that were not answered
}

// Calls lie in chunks in one long array of pages: a chunk's first place holds the number of
// the next chunk and its own room.
const (
	pageCalls  = 1 << 14
	firstChunk = 4
	maxChunk   = 128
)

// A Table gathers calls by row. It is used by one goroutine at a time.
type Table struct {
	maxBytes int64
	slots    []uint32 // rows + 1 by hash, open addressing, a power of two
	rows     []row
	labels   []label // of the rows
	pages    [][]call
	free     uint32 // next free place in the last page, as a place in all
	arena    []byte // where texts are cut from
	size     int64
	agents   [][maxAgents]uint32
	dropped  int64
	scratch  []call
	one      Batch  // scratch of Add
	touched  uint32 // keeps the compiler from leaving out a read that is made for the cache
}

// NewTable returns an empty table that takes about maxBytes at most; 0 for no bound.
func NewTable(maxBytes int64) *Table {
	return &Table{maxBytes: maxBytes, slots: make([]uint32, 64), agents: make([][maxAgents]uint32, 1)}
}

// Rows returns the number of rows.
func (t *Table) Rows() int { return len(t.rows) }

// Dropped returns how many calls found the table at its bound, or no place in their row.
func (t *Table) Dropped() int64 { return t.dropped }

// Bytes returns about how much memory the table takes.
func (t *Table) Bytes() int64 {
	return int64(len(t.slots))*4 + int64(cap(t.rows))*int64(unsafe.Sizeof(row{})) + int64(cap(t.labels))*int64(unsafe.Sizeof(label{})) + int64(len(t.pages))*pageCalls*8 + t.size + int64(cap(t.agents))*4*maxAgents
}

// Numbers appends to dst the numbers of the rows with some names, by which a Batch adds to them. Rows that
// are new are there then; 0 is the number of one that finds no room.
func (t *Table) Numbers(dst []uint32, names []Name) []uint32 {
	// Each of the loops waits for memory that the one before it found the place of. The turns of a
	// loop do not depend on each other, so that the processor waits for many at a time.
	first := len(dst)
	mask := uint64(len(t.slots) - 1)
	for i := range names {
		dst = append(dst, t.slots[names[i].Row>>20&mask])
	}
	touched := uint32(0)
	for _, id := range dst[first:] {
		if id != 0 {
			touched += t.rows[id-1].tail
		}
	}
	t.touched = touched
	full := t.full()
	for i, id := range dst[first:] {
		n := &names[i]
		if id != 0 && t.rows[id-1].hash == n.Row {
			continue
		}
		if id = t.find(n.Row); id == 0 && !full {
			id = t.insert(n)
		}
		dst[first+i] = id
	}
	return dst
}

func (t *Table) full() bool { return t.maxBytes > 0 && t.Bytes() >= t.maxBytes }

// Apply adds the observations of b in their order.
func (t *Table) Apply(b *Batch) {
	// As in Numbers, memory is waited for before it is needed.
	touched := uint32(0)
	for i := range b.records {
		if id := b.records[i].row; id != 0 {
			touched += t.rows[id-1].tail
		}
	}
	for i := range b.records {
		if id := b.records[i].row; id != 0 && t.rows[id-1].head != 0 {
			r := &t.rows[id-1]
			touched += t.at(r.tail + uint32(r.used)).tick
		}
	}
	t.touched = touched
	full := t.full()
	for i := range b.records {
		if r := &b.records[i]; r.row == 0 {
			t.dropped++
		} else {
			t.add(r.row, r, full)
		}
	}
}

// Add adds one observation of the row with a name.
func (t *Table) Add(n Name, o *Observation) {
	t.one.Reset()
	t.one.Add(t.Numbers(nil, []Name{n})[0], o)
	t.Apply(&t.one)
}

func (t *Table) find(hash uint64) uint32 {
	mask := uint64(len(t.slots) - 1)
	for i := hash >> 20 & mask; ; i = (i + 1) & mask {
		id := t.slots[i]
		if id == 0 || t.rows[id-1].hash == hash {
			return id
		}
	}
}

// insert adds the row with a name that find has not found. It has no call, and no time of one.
func (t *Table) insert(n *Name) uint32 {
	if 4*(len(t.rows)+1) > 3*len(t.slots) {
		t.slots = make([]uint32, 2*len(t.slots))
		for i := range t.rows {
			t.place(t.rows[i].hash, uint32(i+1))
		}
	}
	t.rows = append(t.rows, row{hash: n.Row, first: math.MaxInt64, last: math.MinInt64})
	t.labels = append(t.labels, label{group: n.Group, text: t.keep(n.Text)})
	id := uint32(len(t.rows))
	t.place(n.Row, id)
	return id
}

func (t *Table) place(hash uint64, id uint32) {
	mask := uint64(len(t.slots) - 1)
	i := hash >> 20 & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = id
}

// keep returns a copy of text that lives as long as the table.
func (t *Table) keep(text []byte) []byte {
	if len(text) > cap(t.arena)-len(t.arena) {
		t.arena = make([]byte, 0, max(64<<10, len(text)))
		t.size += int64(cap(t.arena))
	}
	at := len(t.arena)
	t.arena = append(t.arena, text...)
	return t.arena[at:len(t.arena):len(t.arena)]
}

// offset returns a time as calls have it; false when it is eight months away from the first
// call that was kept.
func (r *row) offset(tick int64) (uint32, bool) {
	if r.kept == 0 {
		r.base = tick - 1<<31
	}
	offset := tick - r.base
	return uint32(offset), offset >= 0 && offset <= math.MaxUint32
}

// add adds one call to a row.
func (t *Table) add(id uint32, o *record, full bool) {
	r := &t.rows[id-1]
	offset, ok := r.offset(o.tick)
	if !ok {
		t.dropped++
		return
	}
	r.total++
	r.first, r.last = min(r.first, o.tick), max(r.last, o.tick)
	c := call{offset, o.word}
	if o.word&failedBit != 0 {
		t.labels[id-1].failed++
	}
	if o.agent != 0 {
		c.word |= t.agent(r, o.agent) << agentAt
	}
	t.put(r, c, full)
}

// put keeps a call.
func (t *Table) put(r *row, c call, full bool) {
	if r.kept == MaxCalls {
		t.thin(r)
	}
	if r.used == r.size {
		if r.head != 0 && t.at(r.tail).tick != 0 { // a chunk that thinning left empty
			r.tail = t.at(r.tail).tick
			r.used, r.size = 0, uint16(t.at(r.tail).word)
		} else {
			if full {
				t.dropped++
				return
			}
			t.grow(r)
		}
	}
	r.used++
	r.kept++
	*t.at(r.tail + uint32(r.used)) = c
}

// agent returns the number of an agent in its row, 1 to maxAgents; those that find no place share the last.
func (t *Table) agent(r *row, hash uint32) uint32 {
	if r.agents == 0 {
		t.agents = append(t.agents, [maxAgents]uint32{})
		r.agents = uint32(len(t.agents) - 1)
	}
	list := &t.agents[r.agents]
	for i := range list {
		switch list[i] {
		case hash:
			return uint32(i + 1)
		case 0:
			list[i] = hash
			return uint32(i + 1)
		}
	}
	return maxAgents
}

// at returns the call at a place; places begin at 1.
func (t *Table) at(place uint32) *call {
	return &t.pages[place/pageCalls][place%pageCalls]
}

// grow gives a row another chunk.
func (t *Table) grow(r *row) {
	room := uint32(firstChunk)
	if r.head != 0 {
		room = min(uint32(r.size)*2, maxChunk)
	}
	if t.free == 0 || t.free%pageCalls+room+1 > pageCalls || t.free/pageCalls == uint32(len(t.pages)) {
		t.free = uint32(len(t.pages)) * pageCalls
		t.pages = append(t.pages, make([]call, pageCalls))
		if t.free == 0 {
			t.free = 1 // no chunk has the number 0
		}
	}
	place := t.free
	t.free += room + 1
	*t.at(place) = call{word: room}
	if r.head == 0 {
		r.head = place
	} else {
		t.at(r.tail).tick = place
	}
	r.tail, r.used, r.size = place, 0, uint16(room)
}

// load appends the kept calls of a row to dst, in the order in which they came.
func (t *Table) load(dst []call, r *row) []call {
	for place, left := r.head, uint32(r.kept); left > 0; {
		room := min(t.at(place).word, left)
		page := t.pages[place/pageCalls]
		from := place%pageCalls + 1
		dst = append(dst, page[from:from+room]...)
		left -= room
		place = t.at(place).tick
	}
	return dst
}

// thin forgets half of the calls of a row.
func (t *Table) thin(r *row) {
	s := t.load(t.scratch[:0], r)
	slices.SortStableFunc(s, compareCalls)
	kept := s[:0]
	for from := thinBlock; from < len(s); from += 2 * thinBlock { // the newest stay
		block := s[from:min(from+thinBlock, len(s))]
		block[0].word |= holeBit
		kept = append(kept, block...)
	}
	place, used := r.head, uint32(0)
	for _, c := range kept {
		if used == t.at(place).word {
			place, used = t.at(place).tick, 0
		}
		used++
		*t.at(place + used) = c
	}
	r.tail, r.used, r.size = place, uint16(used), uint16(t.at(place).word)
	r.kept = uint16(len(kept))
	t.scratch = s
}

func compareCalls(a, b call) int {
	switch {
	case a.tick < b.tick:
		return -1
	case a.tick > b.tick:
		return 1
	}
	return 0
}
