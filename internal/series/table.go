package series

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

// Config says what a Table keeps.
type Config struct {
	Grid Grid

	// SummaryEntries is the size of the Space-Saving summary of destination addresses that
	// is kept per group and cell.
	SummaryEntries int

	// CellTimes is how many callback times are kept per group and cell; 0 for none.
	CellTimes int

	// MaxBytes bounds the memory of the table; 0 for no bound. A table that has reached it
	// drops the events that would need more.
	MaxBytes int64
}

// A Table gathers the events of many groups into sums per bucket. Its memory is bounded by
// the groups and their non-empty buckets, cells and addresses, not by the events. A table
// is used by one goroutine at a time; whoever works on several tables side by side gives
// each group to one of them, by its hash.
type Table struct {
	cfg    Config
	slots  []slot // open addressing, a power of two
	groups arena[group]
	points arena[pointChunk]
	wide   arena[point] // points that are too large for a pointChunk
	cells  arena[cell]
	ips    arena[ipChunk]
	times  arena[callbacks]
	chunks arena[timeChunk]
	keys   byteArena

	ip6   [][16]byte // IPv6 addresses by their number in ipEntry
	ip6Of map[[16]byte]uint32

	// far finds the cells of the groups that have many and whose events come in disorder.
	far map[farCell]uint32

	perBucket, perCell divisor // for Grid.Bucket and Grid.cell

	touched uint32  // keeps the compiler from leaving out reads that are made for the cache
	sorted  []point // scratch of settle
	dropped int64
	sealed  bool
}

// A farCell names a cell of a group.
type farCell struct {
	group  *group
	number uint32
}

// farCellBytes is about what one entry of Table.far takes.
const farCellBytes = 48

type slot struct {
	tag   uint32 // upper half of the hash
	group uint32 // 0 when the slot is free
}

// A group has its last point and its newest cell inline, since most events belong to those of
// the event before them. It is two lines of the processor's cache.
type group struct {
	open     point
	key      key
	first    uint32 // chunk with the oldest points
	cell     cell   // the one with the highest number
	newest   uint32 // chunk with the newest points
	total    uint32 // points in all chunks, of which all but the newest are full
	limit    uint32 // of total, where a disordered group is settled
	disorder bool   // points are not ascending, or a bucket has several
	far      bool   // its cells but the one with the highest number are in Table.far, their list is in disorder
}

// A key is the key of a group: itself where it is short enough to save a way through
// memory, otherwise the span where it lies.
type key struct {
	length uint32
	bytes  [16]byte // the key, or the slab and place of the span
}

// A point is the sums of one bucket. A bucket with more than 2^32-1 events has several.
type point struct {
	bucket, count uint32
	source, dest  int64
}

const chunkPoints = 5

// A pointChunk holds points packed, so that it is one line of the processor's cache: points
// are what a table has most of.
type pointChunk struct {
	sums    [chunkPoints]uint64 // count, source and dest, see Table.pack
	buckets [chunkPoints]uint32
	next    uint32 // the chunk behind this one
}

// Bits of a packed point. A count of 0 tells that the rest is a number in Table.wide.
const (
	packedBytes = 28 // for each of source and dest
	packedCount = 64 - 2*packedBytes
)

// pack returns the sums of p as they stand in a chunk.
func (t *Table) pack(p *point) uint64 {
	if p.count < 1<<packedCount && uint64(p.source) < 1<<packedBytes && uint64(p.dest) < 1<<packedBytes { // and not negative
		return uint64(p.count)<<(2*packedBytes) | uint64(p.source)<<packedBytes | uint64(p.dest)
	}
	id := t.wide.add()
	*t.wide.at(id) = *p
	return uint64(id)
}

// isWide reports whether packed sums are a number in Table.wide.
func isWide(sums uint64) bool { return sums>>(2*packedBytes) == 0 }

// unpack returns the point i of a chunk.
func (t *Table) unpack(chunk *pointChunk, i uint32) point {
	const mask = 1<<packedBytes - 1
	sums := chunk.sums[i]
	if isWide(sums) {
		return *t.wide.at(uint32(sums))
	}
	return point{chunk.buckets[i], uint32(sums >> (2 * packedBytes)), int64(sums >> packedBytes & mask), int64(sums & mask)}
}

// A cell is what is kept of one group for the stretch of one cell. The cells of a group are
// a list by falling numbers; Seal turns it round behind the first, which has the highest.
type cell struct {
	newest, oldest int64 // times of events
	ingested       int64 // newest event.ingested
	number         uint32
	next           uint32
	details        uint32 // of the newest event
	entries        uint32 // addresses in the summary
	first          [2]ipEntry
	more           uint32 // chunk with the last addresses
	times          uint32 // callbacks; 0 when none were kept
}

// An ipEntry counts one address of a summary: an IPv4 address as it is, or the number of an
// IPv6 address.
type ipEntry struct {
	ip    uint32
	count uint32 // the upper bit is set for IPv6
}

const (
	isIP6    = 1 << 31
	maxCount = isIP6 - 1
)

type ipChunk struct {
	entries [4]ipEntry
	next    uint32
}

// Callbacks are the callback times of a cell.
type callbacks struct {
	chunk uint32 // with the last times
	kept  uint32
	lost  uint32 // how many were not kept
}

const chunkTimes = 15

type timeChunk struct {
	times [chunkTimes]int64
	next  uint32
}

// NewTable returns an empty table.
func NewTable(cfg Config) *Table {
	return &Table{
		cfg:       cfg,
		perBucket: newDivisor(cfg.Grid.BucketSeconds),
		perCell:   newDivisor(max(1, cfg.Grid.CellBuckets)),
		slots:     make([]slot, 64),
		ip6Of:     map[[16]byte]uint32{},
	}
}

// Groups returns the number of groups.
func (t *Table) Groups() int { return int(t.groups.used) }

// Dropped returns the number of events that found the table at its bound.
func (t *Table) Dropped() int64 { return t.dropped }

// Bytes returns about how much memory the table takes.
func (t *Table) Bytes() int64 {
	return int64(len(t.slots))*8 + t.groups.bytes() + t.points.bytes() + t.wide.bytes() + t.cells.bytes() + t.ips.bytes() + t.times.bytes() + t.chunks.bytes() +
		t.keys.size + int64(len(t.ip6))*64 + int64(len(t.far))*farCellBytes
}

// A Name is what a table knows a group by.
type Name struct {
	Hash uint64 // of the key, by a function that spreads well
	Key  []byte
}

// Numbers appends to dst the numbers of the groups with some names, by which a Batch adds to them. Groups
// that are new are there then; 0 is the number of one that finds no room.
//
// Each of its loops waits for memory that the one before it has found out the place of. The
// turns of a loop do not depend on each other and do little, so that the processor waits for
// many at a time; it does not while it guesses what to do with what it waits for, therefore
// the memory is touched first and looked at in a loop of its own.
func (t *Table) Numbers(dst []uint32, names []Name) []uint32 {
	if t.sealed {
		panic("series: Numbers after Seal") // a mistake of the program, not of its input
	}
	touched := uint32(0)
	mask := uint32(len(t.slots) - 1)
	for i := range names {
		touched += t.slots[uint32(names[i].Hash>>32)&mask].tag
	}
	first := len(dst)
	for i := range names {
		dst = append(dst, t.candidate(uint32(names[i].Hash>>32)))
	}
	for _, id := range dst[first:] {
		if id != 0 {
			touched += t.groups.at(id).key.length
		}
	}
	t.touched = touched
	full := t.full()
	for i, id := range dst[first:] {
		n := &names[i]
		if id != 0 && t.is(&t.groups.at(id).key, n.Key) {
			continue
		}
		if id = t.lookup(n); id == 0 && !full {
			id = t.insert(n)
		}
		dst[first+i] = id
	}
	return dst
}

func (t *Table) full() bool { return t.cfg.MaxBytes > 0 && t.Bytes() >= t.cfg.MaxBytes }

// Apply adds the observations of b in their order.
func (t *Table) Apply(b *Batch) {
	if t.sealed {
		panic("series: Apply after Seal") // as in Numbers
	}
	// As in Numbers, what add will need is brought into the processor's cache first.
	touched := uint32(0)
	for i := range b.records {
		if id := b.records[i].group; id != 0 {
			g := t.groups.at(id)
			touched += g.open.bucket + g.total // a field in each line of the cache
		}
	}
	for i := range b.records {
		if id := b.records[i].group; id != 0 {
			if chunk := t.groups.at(id).newest; chunk != 0 { // the next point will go there
				touched += t.points.at(chunk).next
			}
		}
	}
	t.touched = touched
	full := t.full()
	for i := range b.records {
		r := &b.records[i]
		if r.group == 0 || !t.add(t.groups.at(r.group), r, b.ip6, full) {
			t.dropped++
		}
	}
}

// candidate returns the first group with a tag, 0 when there is none.
func (t *Table) candidate(tag uint32) uint32 {
	mask := uint32(len(t.slots) - 1)
	for i := tag & mask; ; i = (i + 1) & mask {
		if s := t.slots[i]; s.group == 0 || s.tag == tag {
			return s.group
		}
	}
}

// lookup returns the group with a name, 0 when there is none.
func (t *Table) lookup(n *Name) uint32 {
	tag := uint32(n.Hash >> 32)
	mask := uint32(len(t.slots) - 1)
	for i := tag & mask; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s.group == 0 {
			return 0
		}
		if s.tag == tag && t.is(&t.groups.at(s.group).key, n.Key) {
			return s.group
		}
	}
}

// is reports whether k is the key b.
func (t *Table) is(k *key, b []byte) bool {
	return int(k.length) == len(b) && bytes.Equal(t.key(k), b)
}

// key returns the bytes of k.
func (t *Table) key(k *key) []byte {
	if int(k.length) <= len(k.bytes) {
		return k.bytes[:k.length]
	}
	return t.keys.at(span{binary.LittleEndian.Uint32(k.bytes[:]), binary.LittleEndian.Uint32(k.bytes[4:]), k.length})
}

// keep returns a key with the bytes b.
func (t *Table) keep(b []byte) key {
	k := key{length: uint32(len(b))}
	if copy(k.bytes[:], b) < len(b) {
		s := t.keys.add(b)
		binary.LittleEndian.PutUint32(k.bytes[:], s.slab)
		binary.LittleEndian.PutUint32(k.bytes[4:], s.at)
	}
	return k
}

// insert adds the group with a name that lookup has not found.
func (t *Table) insert(n *Name) uint32 {
	if int(t.groups.used)*4 >= len(t.slots)*3 {
		old := t.slots
		t.slots = make([]slot, 2*len(old))
		for _, s := range old {
			if s.group != 0 {
				t.place(s)
			}
		}
	}
	id := t.groups.add()
	g := t.groups.at(id)
	g.key = t.keep(n.Key)
	g.limit = settleAt
	t.place(slot{uint32(n.Hash >> 32), id})
	return id
}

func (t *Table) place(s slot) {
	mask := uint32(len(t.slots) - 1)
	i := s.tag & mask
	for t.slots[i].group != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}

// add adds one event to its group; its IPv6 address, when it has one, is in ip6. With full it reports false instead of taking memory for a new bucket.
func (t *Table) add(g *group, r *record, ip6 [][16]byte, full bool) bool {
	bucket := t.bucket(r.time)
	if p := &g.open; p.bucket != bucket || p.count == 0 || p.count == 1<<32-1 {
		if full && p.count > 0 {
			return false
		}
		if p.count == 0 {
			g.cell = cell{number: t.cell(bucket), oldest: math.MaxInt64}
		} else {
			t.flush(g)
			g.disorder = g.disorder || bucket <= g.open.bucket
		}
		g.open = point{bucket: bucket}
	}
	g.open.count++
	g.open.source += r.source
	g.open.dest += r.dest

	c := t.cellOf(g, t.cell(bucket))
	c.oldest = min(c.oldest, r.time)
	c.ingested = max(c.ingested, r.ingested)
	if r.time >= c.newest { // of two at the same time the later in the input is the newest
		c.newest = r.time
		c.details = r.details
	}
	switch r.family {
	case 4:
		t.count(c, r.ip, 0)
	case 6:
		t.count(c, t.ip6Number(ip6[r.ip]), isIP6)
	}
	if t.cfg.CellTimes > 0 {
		t.keepTime(c, r.time)
	}
	return true
}

// bucket is Grid.Bucket without a division.
func (t *Table) bucket(nanos int64) uint32 {
	g := &t.cfg.Grid
	return uint32(t.perBucket.of(uint64(nanos/1e9 - g.OffsetSeconds + g.BucketSeconds - 1)))
}

// cell is Grid.cell without a division.
func (t *Table) cell(bucket uint32) uint32 {
	g := &t.cfg.Grid
	if g.CellBuckets == 0 {
		return 0
	}
	return uint32(t.perCell.of(uint64(bucket) + uint64(g.CellBuckets) - 1))
}

// flush moves the open point of g into its chunks. The caller sets the next one; until then
// g.open is the last point in the chunks.
func (t *Table) flush(g *group) {
	i := g.total % chunkPoints
	if i == 0 {
		id := t.points.add()
		if g.newest == 0 {
			g.first = id
		} else {
			t.points.at(g.newest).next = id
		}
		g.newest = id
	}
	chunk := t.points.at(g.newest)
	chunk.buckets[i], chunk.sums[i] = g.open.bucket, t.pack(&g.open)
	g.total++
	if g.total >= g.limit && g.disorder {
		t.settle(g)
		g.limit = max(settleAt, 2*g.total)
	}
}

// settleAt is how many points a disordered group gathers before it is settled.
const settleAt = 64

// settle sorts the points of g and makes one of those of the same bucket, so that the
// memory of a group whose events come in disorder stays within twice its buckets.
func (t *Table) settle(g *group) {
	t.sorted = t.sorted[:0]
	for id := g.first; id != 0; {
		chunk := t.points.at(id)
		n := uint32(chunkPoints)
		if id == g.newest {
			n = (g.total-1)%chunkPoints + 1
		}
		for i := range n {
			t.sorted = append(t.sorted, t.unpack(chunk, i))
			if isWide(chunk.sums[i]) {
				t.wide.free = append(t.wide.free, uint32(chunk.sums[i]))
			}
		}
		t.points.free = append(t.points.free, id)
		id = chunk.next
	}
	slices.SortFunc(t.sorted, func(a, b point) int { return cmp.Compare(a.bucket, b.bucket) })
	merged := t.sorted[:1]
	for _, p := range t.sorted[1:] {
		last := &merged[len(merged)-1]
		if sum := uint64(last.count) + uint64(p.count); last.bucket == p.bucket && sum < 1<<32 {
			last.count = uint32(sum)
			last.source += p.source
			last.dest += p.dest
		} else {
			merged = append(merged, p)
		}
	}
	g.first, g.newest, g.total, g.disorder = 0, 0, 0, false
	for _, g.open = range merged {
		t.flush(g)
	}
}

// cellOf returns the cell of g with a number, a new one if need be.
func (t *Table) cellOf(g *group, number uint32) *cell {
	if g.cell.number == number {
		return &g.cell
	}
	if g.cell.number < number {
		id := t.cells.add()
		*t.cells.at(id) = g.cell
		if g.far {
			t.far[farCell{g, g.cell.number}] = id
		}
		g.cell = cell{number: number, next: id, oldest: math.MaxInt64}
		return &g.cell
	}
	if g.far {
		return t.farCell(g, number)
	}
	before := &g.cell.next
	for steps := 0; *before != 0; steps++ {
		if steps == farSteps {
			t.setFar(g)
			return t.farCell(g, number)
		}
		c := t.cells.at(*before)
		if c.number == number {
			return c
		}
		if c.number < number {
			break
		}
		before = &c.next
	}
	id := t.cells.add() // arenas never move what they hold: before stays valid
	c := t.cells.at(id)
	*c = cell{number: number, next: *before, oldest: math.MaxInt64}
	*before = id
	return c
}

// farSteps is how many cells of a group are gone through before its cells are put into
// Table.far: more than events in a usual disorder go back.
const farSteps = 64

// setFar puts the cells of g into far.
func (t *Table) setFar(g *group) {
	if t.far == nil {
		t.far = map[farCell]uint32{}
	}
	for id := g.cell.next; id != 0; {
		c := t.cells.at(id)
		t.far[farCell{g, c.number}] = id
		id = c.next
	}
	g.far = true
}

// farCell is cellOf for a number below the highest of a group whose cells are in far. The
// place of a new cell in the list is left to orderCells.
func (t *Table) farCell(g *group, number uint32) *cell {
	id, ok := t.far[farCell{g, number}]
	if !ok {
		id = t.cells.add()
		*t.cells.at(id) = cell{number: number, next: g.cell.next, oldest: math.MaxInt64}
		g.cell.next = id
		t.far[farCell{g, number}] = id
	}
	return t.cells.at(id)
}

// orderCells puts the cells of g into the order of falling numbers.
func (t *Table) orderCells(g *group) {
	var ids []uint32
	for id := g.cell.next; id != 0; id = t.cells.at(id).next {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uint32) int { return cmp.Compare(t.cells.at(b).number, t.cells.at(a).number) })
	before := &g.cell.next
	for _, id := range ids {
		*before = id
		before = &t.cells.at(id).next
	}
	*before = 0
}

func (t *Table) ip6Number(ip [16]byte) uint32 {
	n, ok := t.ip6Of[ip]
	if !ok {
		n = uint32(len(t.ip6))
		t.ip6 = append(t.ip6, ip)
		t.ip6Of[ip] = n
	}
	return n
}

// count counts an address in the Space-Saving summary of c: a new address that finds it full
// replaces the smallest entry, the first of several, and takes its count + 1.
func (t *Table) count(c *cell, ip, family uint32) {
	var smallest *ipEntry
	for i := range min(c.entries, uint32(len(c.first))) {
		e := &c.first[i]
		if e.ip == ip && e.count&isIP6 == family {
			e.inc()
			return
		}
		if smallest == nil || e.count&maxCount < smallest.count&maxCount {
			smallest = e
		}
	}
	left := int(c.entries) - len(c.first)
	for id := c.more; left > 0; {
		chunk := t.ips.at(id)
		n := (left-1)%len(chunk.entries) + 1 // only the last chunk, which comes first, may have room
		for i := range n {
			e := &chunk.entries[i]
			if e.ip == ip && e.count&isIP6 == family {
				e.inc()
				return
			}
			if e.count&maxCount < smallest.count&maxCount {
				smallest = e
			}
		}
		left -= n
		id = chunk.next
	}
	if int(c.entries) == t.cfg.SummaryEntries {
		count := smallest.count & maxCount
		*smallest = ipEntry{ip, family | count}
		smallest.inc()
		return
	}
	i := int(c.entries)
	c.entries++
	if i < len(c.first) {
		c.first[i] = ipEntry{ip, family | 1}
		return
	}
	i = (i - len(c.first)) % 4
	if i == 0 {
		id := t.ips.add()
		t.ips.at(id).next = c.more
		c.more = id
	}
	t.ips.at(c.more).entries[i] = ipEntry{ip, family | 1}
}

// inc counts one more; a count that has reached its highest value stays there.
func (e *ipEntry) inc() {
	if e.count&maxCount != maxCount {
		e.count++
	}
}

func (t *Table) keepTime(c *cell, nanos int64) {
	if c.times == 0 {
		c.times = t.times.add()
	}
	k := t.times.at(c.times)
	if int(k.kept) == t.cfg.CellTimes {
		k.lost++
		return
	}
	i := k.kept % chunkTimes
	if i == 0 {
		id := t.chunks.add()
		t.chunks.at(id).next = k.chunk
		k.chunk = id
	}
	t.chunks.at(k.chunk).times[i] = nanos
	k.kept++
}

// Seal ends the gathering. After it a table can be viewed.
func (t *Table) Seal() {
	if t.sealed {
		return
	}
	t.sealed = true
	t.slots, t.ip6Of, t.far = nil, nil, nil // they are looked at while events come
	for id := uint32(1); id <= t.groups.used; id++ {
		g := t.groups.at(id)
		t.flush(g)
		if g.disorder {
			t.settle(g)
		}
		if g.far {
			t.orderCells(g)
		}
		// A view goes from the oldest cell to the newest.
		var behind uint32
		for id := g.cell.next; id != 0; {
			c := t.cells.at(id)
			id, behind, c.next = c.next, id, behind
		}
		g.cell.next = behind
	}
	t.sorted = nil
}
