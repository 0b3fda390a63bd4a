package detect

import (
	"math"

	"fresnel/internal/event"
	"fresnel/internal/series"
	"fresnel/internal/survey"
)

// A Worker takes events for one goroutine.
type Worker struct {
	g       *Gathering
	batches [shardCount]*batch
	places  [shardCount]*places // nil before the first event of a shard
	mover   mover
	key     []byte
	details []byte
	known   map[string]uint32 // numbers of details: a small part of the dictionary, without its lock
	shared  *shared           // what the events of Columns share; nil before the first
	event   event.Event       // one of these

	filter                    []int64
	noGroup                   map[string]int64
	outOfRange                int64
	outsideRuns, outsideTimed int64
	first, last               int64 // of the events that the statistics take
	firstCall, lastCall       int64 // of those that the rank takes
}

// Worker returns a new worker.
func (g *Gathering) Worker() *Worker {
	return &Worker{
		g: g, filter: make([]int64, len(g.summary.Filter), max(len(g.summary.Filter), lineCounts)), noGroup: map[string]int64{}, known: map[string]uint32{},
		first: math.MaxInt64, last: math.MinInt64, firstCall: math.MaxInt64, lastCall: math.MinInt64,
	}
}

// lineCounts is how many counts fill two lines of the processor's cache, which it fetches
// together: the counts of a worker share none with those of another.
const lineCounts = 16

// Event takes one event. It keeps nothing of e but copies.
func (w *Worker) Event(e *event.Event) {
	g := w.g
	if e.TimeNanos < series.MinNanos || e.TimeNanos > series.MaxNanos {
		w.outOfRange++
		return
	}
	outcome := g.o.Filter.Match(e)
	w.filter[outcome]++
	kept := g.kept[outcome]
	r := g.o.Rank
	ranked := r != nil && g.o.Takes != StatisticsOnly && g.plan.looksAt(e.TimeNanos) && (kept || r.Filter.Keeps(e))
	kept = kept && g.o.Takes != CallsOnly
	outside := kept && !g.plan.holds(e.TimeNanos)
	if outside {
		w.outsideRuns++
		kept = false
	}
	if !kept && !ranked {
		return
	}
	list, hash, missing, ok := g.keys.of(e)
	if !ok {
		w.noGroup[missing.String()]++
		return
	}
	if only := g.o.Only; only != nil {
		if w.key = g.keys.append(w.key[:0], e, list); !g.keys.is(w.key, only) {
			return
		}
	}
	if kept {
		w.first, w.last = min(w.first, e.TimeNanos), max(w.last, e.TimeNanos)
	}
	if ranked {
		w.firstCall, w.lastCall = min(w.firstCall, e.TimeNanos), max(w.lastCall, e.TimeNanos)
		if outside && e.TimeNanos > (g.plan.runs.End-r.Lookback)*1e9 {
			w.outsideTimed++
		}
	}
	var is kinds
	row := hash
	if kept {
		is = ofStatistics
	}
	if ranked {
		is |= ofCalls
		row = survey.RowHash(hash, e)
		if survey.Failed(e) {
			is |= notAnswered
		}
	}
	shard := hash % shardCount
	b := w.batch(shard)
	if b.len() == 0 {
		b.places = w.placesOf(shard)
	}
	var place uint16
	news, fresh := is&(ofStatistics|ofCalls), true
	if b.places != nil {
		place, news, fresh = b.places.of(row, news)
		is |= placed
	}
	if news != 0 {
		w.introduce(b, e, list, hash, row, news, fresh)
		is |= introduction
	}
	it := b.add(e.TimeNanos, e.IngestedNanos, e.SourceBytes, e.DestinationBytes, e.DestinationIP, is)
	it.place = place
	if kept {
		it.details = w.detailsOf(e)
	}
	if ranked {
		it.agent = survey.Agent(e)
	}
}

// placesOf returns the places for a batch of a shard, nil where none serve.
func (w *Worker) placesOf(shard uint64) *places {
	p := w.places[shard]
	switch {
	case p == nil:
		p = newPlaces(leastSets)
	case !p.small():
	case w.g.o.Rank == nil: // a key is handed on with less than it takes to look through many places
		return nil
	case len(p.met) < mostSets:
		p = newPlaces(2 * len(p.met))
	}
	w.places[shard] = p
	return p
}

// batch returns the batch for a shard.
func (w *Worker) batch(shard uint64) *batch {
	b := w.batches[shard]
	if b == nil {
		b = w.g.shards[shard].batch()
		w.batches[shard] = b
	}
	return b
}

// detailsOf returns the number of the details of e.
func (w *Worker) detailsOf(e *event.Event) uint32 {
	w.details = appendDetails(w.details[:0], e)
	if len(w.details) == 0 {
		return 0
	}
	n, ok := w.known[string(w.details)]
	if !ok {
		const most = 1 << 14
		if len(w.known) == most {
			clear(w.known)
		}
		n = w.g.details.Number(w.details)
		w.known[string(w.details)] = n
	}
	return n
}

// Deliver hands on the events since the last call: those of a block. Blocks are numbered
// from 0 on in the order that their events have, and each is delivered once, by whichever
// worker took it.
func (w *Worker) Deliver(block int64) {
	for i, batch := range w.batches {
		w.g.shards[i].deliver(block, batch, &w.mover)
		w.batches[i] = nil
	}
}

// Close ends the work of w: what it counted is in the summary.
func (w *Worker) Close() {
	g := w.g
	g.mu.Lock()
	defer g.mu.Unlock()
	s := &g.summary
	for i, n := range w.filter {
		s.Filter[i] += n
	}
	for field, n := range w.noGroup {
		s.NoGroup[field] += n
	}
	s.OutOfRange += w.outOfRange
	s.OutsideRuns += w.outsideRuns
	s.OutsideTimed += w.outsideTimed
	s.First, s.Last = min(s.First, w.first), max(s.Last, w.last)
	g.firstCall, g.lastCall = min(g.firstCall, w.firstCall), max(g.lastCall, w.lastCall)
}
