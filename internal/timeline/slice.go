package timeline

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A table can be written down and merged into another one later: what was gathered over a
// stretch of time is then a slice. Merging the slices of a time one after the other gives what
// gathering that time in one table gives, but for rows that were thinned, or had more agents
// than are told apart, within a slice.

// A Stored is one row of a slice. It shares the memory of the slice.
type Stored struct {
	Text        []byte
	Calls       int64 // all of them
	Failed      int64 // of these, not answered
	first, last int64 // ticks
	agents      []byte
	calls       []byte
}

// AppendSlice appends to dst the table's rows that were called since a time, with those of
// their calls that are after another. A row without any of these is written too: that it was
// there is worth knowing.
func (t *Table) AppendSlice(dst []byte, afterNanos, sinceNanos int64) []byte {
	var calls []call
	for i := range t.rows {
		r := &t.rows[i]
		if r.last*TickNanos < sinceNanos {
			continue
		}
		text := t.labels[i].text
		dst = binary.AppendUvarint(dst, uint64(len(text)))
		dst = append(dst, text...)
		dst = binary.AppendUvarint(dst, uint64(r.total))
		dst = binary.AppendUvarint(dst, uint64(t.labels[i].failed))
		dst = binary.AppendVarint(dst, r.first)
		dst = binary.AppendUvarint(dst, uint64(r.last-r.first))
		var agents []uint32
		if r.agents != 0 {
			agents = t.agents[r.agents][:]
			for len(agents) > 0 && agents[len(agents)-1] == 0 {
				agents = agents[:len(agents)-1]
			}
		}
		dst = append(dst, byte(len(agents)))
		for _, a := range agents {
			dst = binary.LittleEndian.AppendUint32(dst, a)
		}
		calls = t.load(calls[:0], r)
		kept := calls[:0]
		for _, c := range calls {
			if (r.base+int64(c.tick))*TickNanos > afterNanos {
				kept = append(kept, c)
			}
		}
		dst = binary.AppendUvarint(dst, uint64(len(kept)))
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0) // bytes of the calls, so that a reader can pass over them
		before := r.first
		for _, c := range kept {
			tick := r.base + int64(c.tick)
			dst = binary.AppendVarint(dst, tick-before)
			dst = binary.LittleEndian.AppendUint32(dst, c.word)
			before = tick
		}
		binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}

// errSlice is the error of a slice that AppendSlice did not write.
var errSlice = errors.New("not a slice of timelines")

// EachStored shows the rows of a slice in their order, and at which byte each begins. The
// Stored is overwritten when the next one is shown.
func EachStored(slice []byte, show func(at int, s *Stored) error) error {
	var s Stored
	for at := 0; at < len(slice); {
		next, err := s.read(slice, at)
		if err != nil {
			return err
		}
		if err := show(at, &s); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// read reads the row that begins at a byte of a slice, and returns where the next one does.
func (s *Stored) read(slice []byte, at int) (next int, err error) {
	d := decoder{rest: slice[at:]}
	s.Text = d.bytes(d.uvarint())
	s.Calls, s.Failed = int64(d.uvarint()), int64(d.uvarint())
	s.first = d.varint()
	s.last = s.first + int64(d.uvarint())
	agents := d.bytes(1)
	if d.bad || agents[0] > maxAgents {
		return 0, fmt.Errorf("%w: at byte %d", errSlice, at)
	}
	s.agents = d.bytes(4 * uint64(agents[0]))
	d.uvarint()
	if size := d.bytes(4); !d.bad {
		s.calls = d.bytes(uint64(binary.LittleEndian.Uint32(size)))
	}
	if d.bad || s.Calls < 0 || s.Failed < 0 || s.last < s.first {
		return 0, fmt.Errorf("%w: at byte %d", errSlice, at)
	}
	return len(slice) - len(d.rest), nil
}

// A Place is a row of a slice, as EachStored showed it, with the hashes of Observation.
type Place struct {
	Group, Row uint64
	At         int
}

// Merge adds rows of a slice in the order of places.
func (t *Table) Merge(slice []byte, places []Place) error {
	const atOnce = 32
	for len(places) > 0 {
		n := min(len(places), atOnce)
		t.touch(slice, places[:n])
		for _, p := range places[:n] {
			if err := t.merge(slice, p); err != nil {
				return err
			}
		}
		places = places[n:]
	}
	return nil
}

// touch brings what merge will need into the processor's cache: as in Apply, each loop waits for memory
// that the one before it found the place of.
func (t *Table) touch(slice []byte, places []Place) {
	touched, mask := uint32(0), uint64(len(t.slots)-1)
	for _, p := range places {
		touched += uint32(slice[p.At]) + t.slots[p.Row>>20&mask]
	}
	for _, p := range places {
		if id := t.slots[p.Row>>20&mask]; id != 0 { // mostly that of the row
			touched += t.rows[id-1].tail
		}
	}
	for _, p := range places {
		if id := t.slots[p.Row>>20&mask]; id != 0 && t.rows[id-1].head != 0 {
			r := &t.rows[id-1]
			touched += t.at(r.tail + uint32(r.used)).tick
		}
	}
	t.touched += touched
}

// merge adds a row of a slice.
func (t *Table) merge(slice []byte, p Place) error {
	var s Stored
	if _, err := s.read(slice, p.At); err != nil {
		return err
	}
	full := t.full()
	id := t.find(p.Row)
	if id == 0 {
		if full {
			t.dropped += s.Calls
			return nil
		}
		id = t.insert(&Name{p.Group, p.Row, s.Text})
	}
	r := &t.rows[id-1]
	r.total += s.Calls
	t.labels[id-1].failed += s.Failed
	r.first, r.last = min(r.first, s.first), max(r.last, s.last)
	d := decoder{rest: s.calls}
	for tick := s.first; len(d.rest) > 0; {
		tick += d.varint()
		word := d.bytes(4)
		if d.bad {
			return fmt.Errorf("%w: calls", errSlice)
		}
		c := call{word: binary.LittleEndian.Uint32(word)}
		if n := c.word >> agentAt & maxAgents; n != 0 {
			if 4*n > uint32(len(s.agents)) {
				return fmt.Errorf("%w: agents", errSlice)
			}
			c.word &^= maxAgents << agentAt
			c.word |= t.agent(r, binary.LittleEndian.Uint32(s.agents[4*(n-1):])) << agentAt
		}
		var ok bool
		if c.tick, ok = r.offset(tick); !ok {
			t.dropped++
			continue
		}
		t.put(r, c, full)
	}
	return nil
}

// A decoder takes numbers from the front of bytes; bad is set once there are too few.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) varint() int64 {
	n, size := binary.Varint(d.rest)
	if size <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}
