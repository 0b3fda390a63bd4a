package series

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
)

// A View goes through the windows of a sealed table in order of time. It is used by one
// goroutine at a time; several views of one table can be used side by side.
type View struct {
	t       *Table
	buckets int   // of a window
	ratio   int64 // stored buckets per bucket of a window

	cursors []cursor // by group: its first point that is not older than the last window
	cells   []uint32 // by group: its first cell that is not older; 0 for the inline one
	active  []uint32 // groups that may have points in the next window
	asleep  wakeList // groups without a point in the last window, by their next one

	// The group that Each shows.
	last   int64 // stored buckets of its window: first < bucket <= last
	first  int64
	window Window
	filled []int32 // memory for Series.Filled, which is written from the end
}

// A cursor names a point of a group.
type cursor struct {
	chunk, index uint32
	left         uint32 // points from this one on
}

// A Window is one group in one window. Its vectors are overwritten when the next group is
// shown.
type Window struct {
	Series

	// NonEmptyBuckets is the number of buckets with events; Interval spans from the first
	// of them to the last, both included.
	NonEmptyBuckets int
	Interval        int
	Events          int64

	id    uint32 // of the group
	group *group
	view  *View
}

// View returns a view of windows of n buckets of length seconds each. The length is a
// multiple of the grid's BucketSeconds.
func (t *Table) View(n int, length int64) *View {
	t.Seal()
	v := &View{
		t: t, buckets: n, ratio: length / t.cfg.Grid.BucketSeconds,
		cursors: make([]cursor, t.groups.used+1),
		cells:   make([]uint32, t.groups.used+1),
		asleep:  make(wakeList, 0, t.groups.used),
		filled:  make([]int32, n),
	}
	v.window.Series = Series{Counts: make([]int64, n), SourceBytes: make([]float64, n), DestinationBytes: make([]float64, n)}
	v.window.view = v
	for id := uint32(1); id <= t.groups.used; id++ {
		g := t.groups.at(id)
		v.cursors[id] = cursor{chunk: g.first, left: g.total}
		v.cells[id] = g.cell.next
		v.asleep.push(wake{t.points.at(g.first).buckets[0], id})
	}
	return v
}

// Idle reports that no group had events in the last window, or that there was none yet.
// Then no group has events in a window that ends before next, in seconds, which is
// math.MaxInt64 when all events have been seen.
func (v *View) Idle() (next int64, idle bool) {
	switch {
	case len(v.active) > 0:
		return 0, false
	case len(v.asleep) == 0:
		return math.MaxInt64, true
	}
	return v.t.cfg.Grid.End(int64(v.asleep[0].bucket)), true
}

// Each shows every group that has events in the window that ends at end, in seconds, a
// boundary of the grid. Windows are asked for in order of time. The *Window is valid during
// the call only.
func (v *View) Each(end int64, show func(w *Window)) {
	v.last = v.t.cfg.Grid.bucketOfSecond(end)
	v.first = v.last - int64(v.buckets)*v.ratio
	awake := len(v.active)
	for len(v.asleep) > 0 && int64(v.asleep[0].bucket) <= v.last {
		v.active = append(v.active, v.asleep.pop().group)
	}
	slices.Sort(v.active[awake:]) // as they lie in memory
	kept := v.active[:0]
	for i, id := range v.active {
		if i%fetched == 0 {
			v.fetch(v.active[i:min(i+fetched, len(v.active))])
		}
		c := &v.cursors[id]
		for c.left > 0 && int64(v.bucket(c)) <= v.first {
			v.advance(c)
		}
		if c.left == 0 {
			continue // nothing of it will be seen again
		}
		if next := v.bucket(c); int64(next) > v.last {
			v.asleep.push(wake{next, id})
			continue
		}
		kept = append(kept, id)
		v.fill(id)
		show(&v.window)
		v.clear()
	}
	v.active = kept
}

// fetched is how many groups fetch is given at a time.
const fetched = 16

// fetch brings the points of some groups into the processor's cache: their lists side by
// side, so that it waits for several chunks at a time. The chunks behind the first fetchChunks
// of a group are left out.
func (v *View) fetch(groups []uint32) {
	const fetchChunks = 16
	var chunks [fetched]uint32
	for i, id := range groups {
		chunks[i] = v.cursors[id].chunk
	}
	more := true
	for k := 0; k < fetchChunks && more; k++ {
		more = false
		for i, id := range chunks[:len(groups)] {
			if id != 0 {
				chunks[i] = v.t.points.at(id).next
				more = true
			}
		}
	}
}

func (v *View) bucket(c *cursor) uint32 { return v.t.points.at(c.chunk).buckets[c.index] }

func (v *View) advance(c *cursor) {
	c.left--
	if c.index++; c.index == chunkPoints {
		c.chunk, c.index = v.t.points.at(c.chunk).next, 0
	}
}

// fill sets the vectors of the group id.
func (v *View) fill(id uint32) {
	w := &v.window
	w.id, w.group = id, v.t.groups.at(id)
	w.Events = 0
	free := len(v.filled)
	bucket := -1 // of these sums
	var count, source, dest int64
	for c := v.cursors[id]; c.left > 0; v.advance(&c) {
		p := v.t.unpack(v.t.points.at(c.chunk), c.index)
		if int64(p.bucket) > v.last {
			break
		}
		b := int(v.last - int64(p.bucket))
		if v.ratio != 1 {
			b /= int(v.ratio)
		}
		if b != bucket { // points ascend, so buckets descend
			free--
			v.filled[free] = int32(b)
			bucket, count, source, dest = b, 0, 0, 0
		}
		count += int64(p.count)
		source += p.source
		dest += p.dest
		w.Events += int64(p.count)
		w.Counts[b], w.SourceBytes[b], w.DestinationBytes[b] = count, float64(source)/float64(count), float64(dest)/float64(count)
	}
	w.Filled = v.filled[free:]
	w.NonEmptyBuckets = len(w.Filled)
	w.Interval = int(w.Filled[len(w.Filled)-1]-w.Filled[0]) + 1
}

func (v *View) clear() {
	w := &v.window
	for _, b := range w.Filled {
		w.Counts[b], w.SourceBytes[b], w.DestinationBytes[b] = 0, 0, 0
	}
}

// Key returns the key of the group. It must not be changed.
func (w *Window) Key() []byte { return w.view.t.key(&w.group.key) }

// cells calls f for each cell of the group in the window, the oldest first.
func (w *Window) cells(f func(c *cell)) {
	v, grid := w.view, &w.view.t.cfg.Grid
	low, high := int64(-1), int64(grid.cell(v.last)) // low < number <= high
	if grid.CellBuckets > 0 && v.first >= 0 {
		low = int64(grid.cell(v.first))
	}
	next := &v.cells[w.id]
	for *next != 0 && int64(v.t.cells.at(*next).number) <= low {
		*next = v.t.cells.at(*next).next // no later window holds it
	}
	for id := *next; id != 0; {
		c := v.t.cells.at(id)
		if int64(c.number) > high {
			return
		}
		f(c)
		id = c.next
	}
	if c := &w.group.cell; int64(c.number) > low && int64(c.number) <= high {
		f(c)
	}
}

// Times returns the times of the group's oldest and newest event in the window and of its
// newest event.ingested, 0 when there is none.
func (w *Window) Times() (oldest, newest, ingested int64) {
	oldest = math.MaxInt64
	w.cells(func(c *cell) {
		oldest, newest, ingested = min(oldest, c.oldest), max(newest, c.newest), max(ingested, c.ingested)
	})
	return oldest, newest, ingested
}

// Details returns the number of the details of the group's newest event in the window.
func (w *Window) Details() uint32 {
	var details uint32
	w.cells(func(c *cell) { details = c.details }) // the newest comes last
	return details
}

// A Destination is an address that a group called, and how often: exactly while the group
// called no more addresses than a summary has entries.
type Destination struct {
	IP    netip.Addr
	Count int64
}

// Destinations returns the k addresses with the highest counts, by falling count, then by
// address.
func (w *Window) Destinations(k int) []Destination {
	counts := map[uint64]int64{}
	t := w.view.t
	w.cells(func(c *cell) {
		t.entries(c, func(e ipEntry) {
			counts[uint64(e.count&isIP6)<<32|uint64(e.ip)] += int64(e.count & maxCount)
		})
	})
	all := make([]Destination, 0, len(counts))
	for key, n := range counts {
		all = append(all, Destination{t.addr(key), n})
	}
	slices.SortFunc(all, func(a, b Destination) int {
		if a.Count != b.Count {
			return int(b.Count - a.Count)
		}
		return a.IP.Compare(b.IP)
	})
	return all[:min(k, len(all))]
}

func (t *Table) entries(c *cell, f func(e ipEntry)) {
	for i := range min(int(c.entries), len(c.first)) {
		f(c.first[i])
	}
	left := int(c.entries) - len(c.first)
	for id := c.more; left > 0; {
		chunk := t.ips.at(id)
		n := (left-1)%len(chunk.entries) + 1
		for _, e := range chunk.entries[:n] {
			f(e)
		}
		left -= n
		id = chunk.next
	}
}

func (t *Table) addr(key uint64) netip.Addr {
	if key>>32 != 0 {
		return netip.AddrFrom16(t.ip6[uint32(key)])
	}
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], uint32(key))
	return netip.AddrFrom4(a)
}

// CallbackTimes returns the times of the group's events in the window that were kept, oldest
// first, and how many were not.
func (w *Window) CallbackTimes() (nanos []int64, lost int64) {
	t := w.view.t
	w.cells(func(c *cell) {
		if c.times == 0 {
			return
		}
		k := t.times.at(c.times)
		lost += int64(k.lost)
		left := k.kept
		for id := k.chunk; left > 0; {
			chunk := t.chunks.at(id)
			n := (left-1)%chunkTimes + 1
			nanos = append(nanos, chunk.times[:n]...)
			left -= n
			id = chunk.next
		}
	})
	slices.Sort(nanos)
	return nanos, lost
}

// A wakeList is a binary heap of groups by the bucket of their next point.
type wakeList []wake

type wake struct {
	bucket, group uint32
}

func (l *wakeList) push(w wake) {
	h := append(*l, w)
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up].bucket <= h[i].bucket {
			break
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
	*l = h
}

func (l *wakeList) pop() wake {
	h := *l
	first := h[0]
	n := len(h) - 1
	h[0], h = h[n], h[:n]
	for i := 0; ; {
		down := 2*i + 1
		if down >= n {
			break
		}
		if down+1 < n && h[down+1].bucket < h[down].bucket {
			down++
		}
		if h[i].bucket <= h[down].bucket {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	*l = h
	return first
}
