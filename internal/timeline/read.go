package timeline

import (
	"cmp"
	"slices"
)

// A Row is a group's calls to a destination.
type Row struct {
	Hash, Group           uint64
	Text                  []byte // of the first observation; belongs to the table
	Calls                 int64  // all of them
	Failed                int64  // of these, not answered
	FirstNanos, LastNanos int64  // of all of them

	id int
}

// A Call is one call that was kept.
type Call struct {
	Millis      int64 // since 1970 UTC
	SourceBytes int64 // to a part in 512, rounded down
	DestBytes   int64 // to a part in 256, rounded down
	Agent       uint8 // 0 when nothing tells; the same for the same process, at most 7
	Failed      bool
	Hole        bool // calls between this one and the one before were not kept
}

// All returns the rows in an order that depends on what they are alone: those of a group
// stand together.
func (t *Table) All() []Row {
	order := make([]uint32, len(t.rows))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(t.labels[a].group, t.labels[b].group), cmp.Compare(t.rows[a].hash, t.rows[b].hash))
	})
	rows := make([]Row, len(order))
	for i, id := range order {
		r, l := &t.rows[id], &t.labels[id]
		rows[i] = Row{
			Hash: r.hash, Group: l.group, Text: l.text,
			Calls: r.total, Failed: l.failed, FirstNanos: r.first * TickNanos, LastNanos: r.last * TickNanos, id: int(id),
		}
	}
	return rows
}

// Calls appends the kept calls of a row after one time and up to another to dst, oldest first.
func (t *Table) Calls(dst []Call, r *Row, afterNanos, toNanos int64) []Call {
	stored := &t.rows[r.id]
	s := t.load(t.scratch[:0], stored)
	t.scratch = s
	if !slices.IsSortedFunc(s, compareCalls) {
		slices.SortStableFunc(s, compareCalls)
	}
	for _, c := range s {
		nanos := (stored.base + int64(c.tick)) * TickNanos
		if nanos <= afterNanos || nanos > toNanos {
			continue
		}
		dst = append(dst, Call{
			Millis:      nanos / 1e6,
			SourceBytes: unpackBytes(c.word>>sourceAt&(1<<(5+sourceMantissa)-1), sourceMantissa),
			DestBytes:   unpackBytes(c.word&(1<<(5+destMantissa)-1), destMantissa),
			Agent:       uint8(c.word >> agentAt & maxAgents),
			Failed:      c.word&failedBit != 0,
			Hole:        c.word&holeBit != 0,
		})
	}
	return dst
}
