package store

import (
	"hash/maphash"
	"unsafe"

	"fresnel/internal/event"
)

// A Tuple is a list of distinct combinations of the values of one part of events, see event.Columns:
// a batch holds each of them once. It is what event.Event.AppendKey writes of the part's fields, one
// after the other; behind those of event.KindFields stands the label of the batch's Add.
type Tuple struct {
	slots  []slot // open addressing, a power of two
	texts  []string
	hashes []uint64
	free   []byte // where the next text is written, to stay there
}

const (
	textBytes = 32 << 10 // that are made room for together
	usualText = 1 << 10  // most texts are shorter
)

// key returns where to append the key of a combination, for number.
func (t *Tuple) key() []byte {
	if cap(t.free) < usualText {
		t.free = make([]byte, 0, textBytes)
	}
	return t.free
}

type slot struct {
	number uint32 // of a combination + 1; 0 for none
	check  uint32 // the upper half of its hash
}

// seed is known to nobody outside, so that nobody can make combinations of one hash.
var seed = maphash.MakeSeed()

// number returns the number of a combination, from 0 on. Its key was appended to what key returned.
func (t *Tuple) number(key []byte) uint32 {
	if len(t.texts)*3 >= len(t.slots)*2 {
		t.grow()
	}
	h := maphash.Bytes(seed, key)
	check, mask := uint32(h>>32), uint64(len(t.slots)-1)
	for i := h & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.number == 0 {
			// Nobody writes there any more.
			t.texts = append(t.texts, unsafe.String(unsafe.SliceData(key), len(key)))
			t.free = key[len(key):]
			t.hashes = append(t.hashes, h)
			s.number, s.check = uint32(len(t.texts)), check
			return s.number - 1
		}
		if s.check == check && t.texts[s.number-1] == string(key) {
			return s.number - 1
		}
	}
}

func (t *Tuple) grow() {
	t.slots = make([]slot, max(64, 2*len(t.slots)))
	mask := uint64(len(t.slots) - 1)
	for n, h := range t.hashes {
		i := h & mask
		for t.slots[i].number != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = slot{uint32(n + 1), uint32(h >> 32)}
	}
}

// Texts returns the combinations by number.
func (t *Tuple) Texts() []string { return t.texts }

// Hashes returns hashes of the combinations by number, the same for the same text in all batches of a process.
func (t *Tuple) Hashes() []uint64 { return t.hashes }

func (t *Tuple) reset() {
	clear(t.slots)
	t.texts, t.hashes = t.texts[:0], t.hashes[:0]
}

// A Row is the numbers of one event.
type Row struct {
	TimeNanos, IngestedNanos, DurationNanos int64
	SourceBytes, DestinationBytes           int64
	ID                                      uint64 // 0 for none
	Caller, Callee, Kind                    uint32 // numbers in the batch's tuples
	SourcePort                              uint16
}

// A Batch holds events on their way into a store. It keeps copies, so that whoever fills it
// can go on to the next event. The zero value is an empty batch. It is used by one goroutine
// at a time.
type Batch struct {
	Callers, Callees, Kinds Tuple
	Rows                    []Row
}

// Add adds an event. The label is what its sender called the place it goes to; the id is a
// hash of the sender's name for the event, 0 when it has none.
func (b *Batch) Add(e *event.Event, label string, id uint64) {
	// Written where it stays: one that is made elsewhere and copied makes the processor wait until all of it is there.
	b.Rows = append(b.Rows, Row{})
	r := &b.Rows[len(b.Rows)-1]
	r.TimeNanos, r.IngestedNanos, r.DurationNanos = e.TimeNanos, e.IngestedNanos, e.DurationNanos
	r.SourceBytes, r.DestinationBytes, r.SourcePort, r.ID = e.SourceBytes, e.DestinationBytes, e.SourcePort, id
	r.Caller = b.Callers.number(e.AppendCaller(b.Callers.key()))
	r.Callee = b.Callees.number(e.AppendCallee(b.Callees.key()))
	r.Kind = b.Kinds.number(append(e.AppendKind(b.Kinds.key()), label...))
}

// Len returns the number of events.
func (b *Batch) Len() int { return len(b.Rows) }

// Reset empties b and keeps its memory.
func (b *Batch) Reset() {
	b.Callers.reset()
	b.Callees.reset()
	b.Kinds.reset()
	b.Rows = b.Rows[:0]
}

// Fill sets those fields of e that a tuple's text holds, and returns what follows them: of
// kinds, the label. The event's texts share the memory of text.
func Fill(e *event.Event, fields []event.Field, text string) (rest string) {
	for _, f := range fields {
		text = e.SetKey(text, f)
	}
	return text
}

// Event returns the event of a row and its label. Its texts share the memory of the batch.
func (b *Batch) Event(row int) (e event.Event, label string) {
	r := &b.Rows[row]
	Fill(&e, event.CallerFields, b.Callers.texts[r.Caller])
	Fill(&e, event.CalleeFields, b.Callees.texts[r.Callee])
	label = Fill(&e, event.KindFields, b.Kinds.texts[r.Kind])
	e.TimeNanos, e.IngestedNanos, e.DurationNanos = r.TimeNanos, r.IngestedNanos, r.DurationNanos
	e.SourceBytes, e.DestinationBytes, e.SourcePort = r.SourceBytes, r.DestinationBytes, r.SourcePort
	return e, label
}
