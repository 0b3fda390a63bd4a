//go:build cgo

package duckdb

import (
	"context"
	"slices"
	"sync"
	"time"

	"fresnel/internal/store"
)

// A request is what one Append wants stored.
type request struct {
	batch *store.Batch
	marks []store.Mark
	done  chan error
}

func (r *request) rows() int { return r.batch.Len() }

// A queue is where requests wait for the next commit. It is bounded: who comes when it is full waits outside.
type queue struct {
	enough int // rows that are waited with no longer
	most   int // rows that may wait

	mu     sync.Mutex
	all    []*request
	rows   int
	closed bool
	room   chan struct{} // closed when there is room again
	wake   chan struct{} // of capacity 1, for the committer
}

func (q *queue) init(commitRows int) {
	q.enough, q.most = commitRows, 4*commitRows
	q.room, q.wake = make(chan struct{}), make(chan struct{}, 1)
}

// add waits until there is room, and appends r.
func (q *queue) add(ctx context.Context, r *request) error {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return store.ErrClosed
		}
		if len(q.all) == 0 || q.rows+r.rows() <= q.most {
			q.all = append(q.all, r)
			q.rows += r.rows()
			q.mu.Unlock()
			q.signal()
			return nil
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// cancel takes r out again, unless it is being stored already.
func (q *queue) cancel(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.all, r)
	if i < 0 {
		return false
	}
	q.all = slices.Delete(q.all, i, i+1)
	q.rows -= r.rows()
	q.makeRoom()
	return true
}

func (q *queue) makeRoom() {
	close(q.room)
	q.room = make(chan struct{})
}

// take waits until something is there, gives others the time to join it, and returns all; nil
// after the end. It waits with what is there for as long as others come in shorter pauses than
// the given one, not beyond latest.
func (q *queue) take(pause, latest time.Duration) []*request {
	for {
		n, _, closed := q.look()
		if n > 0 {
			break
		}
		if closed {
			return nil
		}
		<-q.wake
	}
	if latest > 0 {
		end, quiet := time.NewTimer(latest), time.NewTimer(pause)
		defer end.Stop()
		defer quiet.Stop()
		for waiting := true; waiting; {
			if n, rows, closed := q.look(); n == 0 || rows >= q.enough || closed {
				break
			}
			select {
			case <-q.wake:
				quiet.Reset(pause)
			case <-quiet.C:
				waiting = false
			case <-end.C:
				waiting = false
			}
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.all
	q.all, q.rows = nil, 0
	q.makeRoom()
	if all == nil {
		all = []*request{} // all were cancelled
	}
	return all
}

func (q *queue) look() (n, rows int, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.all), q.rows, q.closed
}

// close refuses further requests; those that are there will still be taken.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.makeRoom() // for those who wait for it to see
	q.mu.Unlock()
	q.signal()
}
