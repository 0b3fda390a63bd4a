package detect

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"

	"fresnel/internal/event"
	"fresnel/internal/series"
	"fresnel/internal/survey"
	"fresnel/internal/timeline"
)

// A batch is what a block has for one shard: its events, each once for both tables and as small as
// may be, since all of them go through memory from one goroutine to another.
type batch struct {
	items  []item
	intros []intro // of the items that are introductions, in their order
	wide   []wide  // of the items that are wide, in their order
	text   []byte  // of the introductions
	places *places
	shared *shared // of the items whose group is that of a caller; nil when there are none
}

// An item is an event. It fills half a line of the processor's cache.
type item struct {
	timeNanos    int64
	source, dest uint32 // bytes, unless it is wide
	ip           uint32 // the destination where it is IPv4, the number among the wide ones where it is wide
	details      uint32
	agent        uint32 // or the place of the caller in shared
	place        uint16 // of the row
	is           kinds
}

// kinds are what an item is.
type kinds uint16

const (
	ofStatistics kinds = 1 << iota // the statistics take it
	ofCalls                        // the timing model takes it
	introduction                   // its row is introduced
	placed                         // the row has a place
	isWide                         // there is a wide for it
	isIPv4                         // it has a destination, in ip
	notAnswered                    // nothing came back
	ofShared                       // its group is that of a caller in shared
)

// An intro is what the tables must know of a row but once.
type intro struct {
	group, row uint64 // hashes
	at         uint32 // where the texts are
	key, text  uint32 // lengths of the group's key, for the statistics, and of the row's text, behind it, for the calls; 0 where that is known
	fresh      bool   // another row had the place
}

// A wide is what finds no room in an item.
type wide struct {
	source, dest, ingested int64
	ip                     [16]byte
	bits                   uint8 // of the address, 0 without one
}

func (w *wide) address() netip.Addr {
	ip := netip.AddrFrom16(w.ip)
	switch w.bits {
	case 0:
		return netip.Addr{}
	case 32:
		return ip.Unmap()
	}
	return ip
}

func (b *batch) len() int { return len(b.items) }

func (b *batch) reset() {
	*b = batch{items: b.items[:0], intros: b.intros[:0], wide: b.wide[:0], text: b.text[:0]}
}

// fewItems is how many items a batch has room for when it is made: hundreds of batches wait at a time.
const fewItems = 96

// add adds what both tables ask for of an event, and returns where the rest is to be said.
func (b *batch) add(timeNanos, ingested, source, dest int64, ip netip.Addr, is kinds) *item {
	if len(b.items) == cap(b.items) {
		b.items = slices.Grow(b.items, fewItems)
	}
	b.items = b.items[:len(b.items)+1]
	// Field by field: an item made elsewhere and copied here would be read before it is written
	// back to the cache, which stalls.
	it := &b.items[len(b.items)-1]
	it.timeNanos = timeNanos
	it.source, it.dest = uint32(source), uint32(dest)
	it.ip, it.details, it.agent, it.place = 0, 0, 0, 0
	switch {
	case uint64(source) > math.MaxUint32, uint64(dest) > math.MaxUint32, ingested != 0, ip.Is6():
		it.ip = uint32(len(b.wide))
		w := wide{source: source, dest: dest, ingested: ingested, bits: uint8(ip.BitLen())}
		if w.bits > 0 {
			w.ip = ip.As16()
		}
		b.wide = append(b.wide, w)
		is |= isWide
	case ip.IsValid():
		a := ip.As4()
		it.ip = binary.BigEndian.Uint32(a[:])
		is |= isIPv4
	}
	it.is = is
	return it
}

// A mover hands the items of batches on to the tables of a shard. It is memory that serves again and again.
type mover struct {
	groupNames []series.Name
	rowNames   []timeline.Name
	groups     []uint32 // the numbers of these
	rows       []uint32
	callers    []uint32 // whose groups are asked for

	items  []item // of all batches, as these
	wide   []wide
	found  []found
	sorted []found
	begins []uint32 // by group: where its items come to stand

	series   series.Batch
	timeline timeline.Batch
}

// A found is an item with the numbers of its group and row in the tables, 0 where it has none. Neither
// it nor the rest has pointers, in which the garbage collector would look around.
type found struct{ item, group, row uint32 }

// moveAtOnce is how many items are handed on at once: few, since what the tables take stays in the
// fastest cache then, and enough for the tables to wait for the memory of many at a time.
const moveAtOnce = 256

// move gives the items of batches to the tables, calls being nil when nobody asks for a rank. Those of
// one group are given together, in their order, so that what the tables have of a group is fetched from
// memory once for many of them. The order of different groups counts for nothing.
func (m *mover) move(batches []*batch, table *series.Table, calls *timeline.Table) {
	n := 0
	for _, b := range batches {
		n += len(b.items)
	}
	m.items, m.wide, m.found = slices.Grow(m.items[:0], n), m.wide[:0], slices.Grow(m.found[:0], n)
	for _, b := range batches {
		m.find(b, table, calls)
	}
	items := m.found
	if groups := table.Groups(); groups < len(items) {
		items = m.sort(groups)
	}
	for len(items) > 0 {
		n = min(len(items), moveAtOnce)
		for i := range items[:n] {
			m.add(&items[i])
		}
		items = items[n:]
		table.Apply(&m.series)
		m.series.Reset()
		if calls != nil {
			calls.Apply(&m.timeline)
			m.timeline.Reset()
		}
	}
}

// find finds the groups and rows of the items of b, those that are introduced first.
func (m *mover) find(b *batch, table *series.Table, calls *timeline.Table) {
	if b.shared != nil {
		m.findCallers(b, table)
	}
	m.groupNames, m.rowNames = m.groupNames[:0], m.rowNames[:0]
	for i := range b.intros {
		in := &b.intros[i]
		if text := b.text[in.at+in.key:][:in.text]; in.text > 0 {
			m.rowNames = append(m.rowNames, timeline.Name{Group: in.group, Row: in.row, Text: text})
		}
		if key := b.text[in.at:][:in.key]; in.key > 0 {
			m.groupNames = append(m.groupNames, series.Name{Hash: in.group, Key: key})
		}
	}
	m.groups, m.rows = table.Numbers(m.groups[:0], m.groupNames), m.rows[:0]
	if len(m.rowNames) > 0 {
		m.rows = calls.Numbers(m.rows, m.rowNames)
	}
	intros, groups, rows := b.intros, m.groups, m.rows
	first, wide := len(m.items), uint32(len(m.wide))
	m.items, m.wide = append(m.items, b.items...), append(m.wide, b.wide...)
	var nowhere numbers
	for i := first; i < len(m.items); i++ {
		it := &m.items[i]
		if it.is&isWide != 0 {
			it.ip += wide
		}
		if it.is&ofShared != 0 {
			m.found = append(m.found, found{item: uint32(i), group: b.shared.groups[it.agent]})
			continue
		}
		at := &nowhere
		if it.is&placed != 0 {
			at = &b.places.numbers[it.place]
		}
		if it.is&introduction != 0 {
			in := &intros[0]
			intros = intros[1:]
			if in.fresh {
				*at = numbers{}
			}
			if in.key > 0 {
				at.group, groups = groups[0], groups[1:]
			}
			if in.text > 0 {
				at.row, rows = rows[0], rows[1:]
			}
		}
		m.found = append(m.found, found{uint32(i), at.group, at.row})
	}
}

// findCallers finds the groups of callers that no item had before.
func (m *mover) findCallers(b *batch, table *series.Table) {
	m.callers, m.groupNames = m.callers[:0], m.groupNames[:0]
	const asked = math.MaxUint32
	for i := range b.items {
		it := &b.items[i]
		if it.is&ofShared != 0 && b.shared.groups[it.agent] == 0 {
			b.shared.groups[it.agent] = asked
			m.callers = append(m.callers, it.agent)
			m.groupNames = append(m.groupNames, series.Name{Hash: b.shared.callers[it.agent].hash, Key: b.shared.key(it.agent)})
		}
	}
	m.groups = table.Numbers(m.groups[:0], m.groupNames)
	for i, group := range m.groups {
		b.shared.groups[m.callers[i]] = group
	}
}

// sort returns what was found, by group, of which there are so many.
func (m *mover) sort(groups int) []found {
	m.begins = slices.Grow(m.begins[:0], groups+2)[:groups+2]
	clear(m.begins)
	begins := m.begins[1:]
	for i := range m.found {
		begins[m.found[i].group]++
	}
	begins, sum := m.begins[:groups+1], uint32(0)
	for i := range begins {
		sum += begins[i]
		begins[i] = sum
	}
	m.sorted = slices.Grow(m.sorted[:0], len(m.found))[:len(m.found)]
	for i := range m.found {
		f := &m.found[i]
		m.sorted[begins[f.group]] = *f
		begins[f.group]++
	}
	return m.sorted
}

// add adds an item to what is handed on.
func (m *mover) add(f *found) {
	it := &m.items[f.item]
	o := series.Observation{TimeNanos: it.timeNanos, SourceBytes: int64(it.source), DestinationBytes: int64(it.dest), Details: it.details}
	switch {
	case it.is&isIPv4 != 0:
		o.DestinationIP = netip.AddrFrom4([4]byte{byte(it.ip >> 24), byte(it.ip >> 16), byte(it.ip >> 8), byte(it.ip)})
	case it.is&isWide != 0:
		w := &m.wide[it.ip]
		o.SourceBytes, o.DestinationBytes, o.IngestedNanos, o.DestinationIP = w.source, w.dest, w.ingested, w.address()
	}
	if it.is&ofStatistics != 0 {
		m.series.Add(f.group, &o)
	}
	if it.is&ofCalls != 0 {
		m.timeline.Add(f.row, &timeline.Observation{
			TimeNanos: it.timeNanos, SourceBytes: o.SourceBytes, DestBytes: o.DestinationBytes, Agent: it.agent, Failed: it.is&notAnswered != 0,
		})
	}
}

// places are the rows of one shard that one worker has met and not forgotten: each has a place, by
// which both tables know it, so that neither its texts nor its hash have to be handed on again.
type places struct {
	met       [][placeWays]uint64 // hashes of rows, but for the bits of introduced; by set, of which there is a power of two
	oldest    []uint8             // by set
	forgotten int                 // rows

	numbers []numbers // of the shard alone: what it knows the row and its group by
}

type numbers struct{ group, row uint32 }

// Few places stay in a processor's cache. More are made for a worker that forgets many rows, since
// to introduce them again and again costs more; the last of them take a quarter of a megabyte.
const (
	placeWays = 4
	leastSets = 1 << 9
	mostSets  = 1 << 12
)

// introduced are the bits of a hash in whose stead places remember to which tables a row was introduced.
const introduced = uint64(ofStatistics | ofCalls)

func newPlaces(sets int) *places {
	return &places{met: make([][placeWays]uint64, sets), oldest: make([]uint8, sets), numbers: make([]numbers, sets*placeWays)}
}

// small reports whether p was too small for the rows that came.
func (p *places) small() bool { return p.forgotten > len(p.numbers) }

// of returns the place of the row with a hash, for which of the tables that take an event of it
// the row must be introduced, and whether another row had the place until now.
func (p *places) of(row uint64, takes kinds) (place uint16, news kinds, fresh bool) {
	set := row >> 8 & uint64(len(p.met)-1)
	met := &p.met[set]
	for way, m := range met {
		if (m^row)&^introduced == 0 {
			if news = takes &^ kinds(m); news != 0 {
				met[way] |= uint64(takes)
			}
			return uint16(set*placeWays + uint64(way)), news, false
		}
	}
	way := p.oldest[set]
	p.oldest[set] = (way + 1) % placeWays
	if met[way] != 0 {
		p.forgotten++
	}
	met[way] = row&^introduced | uint64(takes)
	return uint16(set*placeWays + uint64(way)), takes, true
}

// introduce adds what the tables must know of the row of e to b.
func (w *Worker) introduce(b *batch, e *event.Event, list int, group, row uint64, news kinds, fresh bool) {
	if len(b.intros) == cap(b.intros) {
		b.intros, b.text = slices.Grow(b.intros, 8), slices.Grow(b.text, 1024)
	}
	b.intros = b.intros[:len(b.intros)+1]
	in := &b.intros[len(b.intros)-1] // field by field, as in add
	in.group, in.row, in.at, in.key, in.text, in.fresh = group, row, uint32(len(b.text)), 0, 0, fresh
	key := w.key[:0]
	if news&ofStatistics != 0 {
		b.text = w.g.keys.append(b.text, e, list)
		key = b.text[in.at:]
		in.key = uint32(len(key))
	} else {
		key = w.g.keys.append(key, e, list)
		w.key = key
	}
	if news&ofCalls != 0 {
		b.text = survey.AppendText(b.text, key, e)
		in.text = uint32(len(b.text)) - in.at - in.key
	}
}
