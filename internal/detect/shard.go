package detect

import (
	"sync"

	"fresnel/internal/series"
	"fresnel/internal/timeline"
)

// shardCount is the number of tables; each group is in one of them, by its hash. With several,
// the part of a table that a batch touches stays in the processor's caches, and goroutines
// find one to work on. With more (64 were tried) a block's events are scattered over so many
// places that writing them down costs a tenth of the scan.
const shardCount = 16

// applyAt is how many events a shard lets gather before they are applied: enough for the groups to
// come several times, so that what the tables have of them is fetched from memory once for all. A
// batch of long lines has few events; then so many batches are enough. Which events are applied
// together hangs on their blocks alone, not on who is busy: a table that becomes full drops the same.
// Where names are so long that a few events take megabytes, these are enough, for memory's sake.
const (
	applyAt      = 8192
	applyBatches = 32
	applyBytes   = 8 << 20
)

// A shard gives batches to its tables in the order of the blocks that they come from.
type shard struct {
	table *series.Table
	calls *timeline.Table // nil when nobody asks for a rank

	mu      sync.Mutex
	room    sync.Cond // the queue has become shorter
	next    int64     // number of the block whose batch comes next
	early   map[int64]*batch
	filling []*batch // in order, until they are enough
	batches int      // in filling, and a part of enough at first
	filled  int      // events, likewise
	bytes   int      // of texts in filling
	queue   [][]*batch
	working bool // a goroutine is applying
	spare   []*batch
}

// newShard returns the shard with a number. Shards have enough in turn, a part of them at each block: when all had at the
// same, one worker would be busy with them for so long that the others must wait for it.
func newShard(number int, cfg series.Config, ranked bool) *shard {
	s := &shard{early: map[int64]*batch{}, batches: applyBatches * number / shardCount, filled: applyAt * number / shardCount}
	if ranked { // both kinds of memory share the bound
		cfg.MaxBytes /= 2
		s.calls = timeline.NewTable(cfg.MaxBytes)
	}
	s.table = series.NewTable(cfg)
	s.room.L = &s.mu
	return s
}

// batch returns an empty batch.
func (s *shard) batch() *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.spare); n > 0 {
		b := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return b
	}
	return new(batch)
}

// deliver takes the batch of a block, nil when the block had nothing for this shard. It
// applies what has gathered, when that is enough and nobody else does, and makes those wait
// who bring more than can be applied.
func (s *shard) deliver(block int64, b *batch, m *mover) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.early[block] = b
	for {
		b, ok := s.early[s.next]
		if !ok {
			break
		}
		delete(s.early, s.next)
		s.next++
		if b != nil {
			s.filling = append(s.filling, b)
			s.batches++
			s.filled += b.len()
			s.bytes += len(b.text)
		}
		if s.filled >= applyAt || s.batches >= applyBatches || s.bytes >= applyBytes {
			s.enough()
		}
	}
	for s.working && len(s.queue) > 4 {
		s.room.Wait()
	}
	if !s.working && len(s.queue) > 0 {
		s.apply(m)
	}
}

// enough puts what has gathered into the queue.
func (s *shard) enough() {
	s.queue = append(s.queue, s.filling)
	s.filling, s.batches, s.filled, s.bytes = make([]*batch, 0, applyBatches), 0, 0, 0
}

// apply applies the queue. s.mu is held, but not while the table works.
func (s *shard) apply(m *mover) {
	s.working = true
	queue := s.queue
	s.queue = nil
	s.room.Broadcast()
	s.mu.Unlock()
	for _, batches := range queue {
		m.move(batches, s.table, s.calls)
		for _, b := range batches {
			b.reset()
		}
	}
	s.mu.Lock()
	for _, batches := range queue {
		s.spare = append(s.spare, batches...)
	}
	s.working = false
	s.room.Broadcast()
}

// finish applies what is left.
func (s *shard) finish(m *mover) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enough()
	s.apply(m)
	s.spare = nil
	s.table.Seal()
}
