//go:build cgo

package duckdb

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"time"
)

// An idSet is a set of numbers other than 0.
type idSet struct {
	slots []uint64 // open addressing, a power of two, 0 is free
	n     int
}

// salt keeps senders, who choose what ids are hashes of, from filling one corner of the slots.
var salt = maphash.Comparable(maphash.MakeSeed(), 0) | 1

// slot returns where id stands, or would stand.
func (s *idSet) slot(id uint64) uint64 {
	mask := uint64(len(s.slots) - 1)
	high, low := bits.Mul64(id^salt, 0x9e3779b97f4a7c15^salt)
	i := (high ^ low) & mask
	for s.slots[i] != 0 && s.slots[i] != id {
		i = (i + 1) & mask
	}
	return i
}

func (s *idSet) has(id uint64) bool { return s.n > 0 && s.slots[s.slot(id)] == id }

// add adds id, and reports whether it is new.
func (s *idSet) add(id uint64) bool {
	if (s.n+1)*5 > len(s.slots)*4 {
		old := s.slots
		s.slots = make([]uint64, max(1024, 2*len(old)))
		for _, id := range old {
			if id != 0 {
				s.slots[s.slot(id)] = id
			}
		}
	}
	i := s.slot(id)
	if s.slots[i] == id {
		return false
	}
	s.slots[i] = id
	s.n++
	return true
}

// reset empties s and keeps its memory.
func (s *idSet) reset() {
	if s.n > 0 {
		clear(s.slots)
		s.n = 0
	}
}

// recentIDs are the ids of the last day: of at least as many events as maxIDs, or of all that came in
// the last idAge.
type recentIDs struct {
	mu         sync.RWMutex
	young, old idSet
	begun      time.Time // when young was
}

const (
	maxIDs = 1 << 23 / 5 * 4 // in each of two sets, which then take 64 MiB each
	idAge  = 24 * time.Hour
)

// has reports whether id is among them.
func (r *recentIDs) has(id uint64) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.young.has(id) || r.old.has(id)
}

// look sets known[i] where ids[i] is among them.
func (r *recentIDs) look(ids []uint64, known []bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i, id := range ids {
		known[i] = id != 0 && (r.young.has(id) || r.old.has(id))
	}
}

// add adds the members of s.
func (r *recentIDs) add(s *idSet, now time.Time) {
	if s.n == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.young.n == 0 {
		r.begun = now
	}
	for _, id := range s.slots {
		if id == 0 {
			continue
		}
		if r.young.n >= maxIDs || now.Sub(r.begun) >= idAge {
			r.old, r.young, r.begun = r.young, idSet{}, now
		}
		r.young.add(id)
	}
}
