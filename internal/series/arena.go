package series

import "unsafe"

// An arena holds values of one type in slabs that are never moved, and names them by
// numbers from 1 on, so that 0 can stand for none. Values hold no pointers: the garbage
// collector has nothing to look for in them.
type arena[T any] struct {
	slabs [][]T
	used  uint32
	free  []uint32 // numbers that were given back
}

const (
	slabBits = 9
	slabLen  = 1 << slabBits
)

// at returns the value with number id.
func (a *arena[T]) at(id uint32) *T {
	return &a.slabs[(id-1)>>slabBits][(id-1)&(slabLen-1)]
}

// add returns the number of a new zero value.
func (a *arena[T]) add() uint32 {
	if n := len(a.free); n > 0 {
		id := a.free[n-1]
		a.free = a.free[:n-1]
		var zero T
		*a.at(id) = zero
		return id
	}
	if int(a.used)>>slabBits == len(a.slabs) {
		a.slabs = append(a.slabs, make([]T, slabLen))
	}
	a.used++
	return a.used
}

// bytes returns the memory that the slabs take.
func (a *arena[T]) bytes() int64 {
	var zero T
	return int64(len(a.slabs)) * slabLen * int64(unsafe.Sizeof(zero))
}

// A span is a run of bytes in a byteArena.
type span struct {
	slab, at, length uint32
}

// A byteArena holds byte strings that are never moved nor given back.
type byteArena struct {
	slabs [][]byte
	size  int64
}

const byteSlab = 64 << 10

// add keeps a copy of b.
func (a *byteArena) add(b []byte) span {
	last := len(a.slabs) - 1
	if last < 0 || len(a.slabs[last])+len(b) > cap(a.slabs[last]) {
		size := max(byteSlab, len(b))
		if last < 0 { // most tables of a small input stay small
			size = max(byteSlab/16, len(b))
		}
		a.slabs = append(a.slabs, make([]byte, 0, size))
		a.size += int64(size)
		last++
	}
	s := span{uint32(last), uint32(len(a.slabs[last])), uint32(len(b))}
	a.slabs[last] = append(a.slabs[last], b...)
	return s
}

func (a *byteArena) at(s span) []byte {
	return a.slabs[s.slab][s.at : s.at+s.length : s.at+s.length]
}
