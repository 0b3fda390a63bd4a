package detect

import (
	"net/netip"
	"runtime"

	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/series"
)

// Events that come by column share most of what is looked at: which conditions of the filter hold,
// and which group they are of. It is found out once for each value that is shared, and not for each
// event.

// shared is what a Gathering knows of the values that events share.
type shared struct {
	of      event.Shared
	callers []sharedCaller // by place, as all of these
	callees []sharedCallee
	kinds   []filter.Holding
	keys    []byte   // of groups
	ends    []int    // of the keys in keys, by places of callers
	groups  []uint32 // by places of callers, each in the table of its shard; 0 as long as it is not known
	single  bool     // most callers tell nothing of the group: events are looked at one by one
}

// A sharedCaller is small: those of a day lie all over memory.
type sharedCaller struct {
	holding filter.Holding
	hash    uint64 // of the group
	details uint32
	group   callerGroup
}

// A callerGroup says what a caller tells of the group of its events.
type callerGroup uint8

const (
	ofOthers callerGroup = iota // nothing: the group depends on what else an event has
	ofCaller                    // which one it is
	unwanted                    // that nobody asks for it
)

type sharedCallee struct {
	holding filter.Holding
	address netip.Addr
}

var (
	callerFields = event.SetOf(event.CallerFields...)
	calleeFields = event.SetOf(event.CalleeFields...)
	kindFields   = event.SetOf(event.KindFields...)
)

// byParts reports whether g can look at parts of events. What calls are told apart by is too
// much for it.
func (g *Gathering) byParts() bool {
	return (g.o.Rank == nil || g.o.Takes == StatisticsOnly) && g.o.Filter.ByParts() && g.o.Filter.Fields()&^(callerFields|calleeFields|kindFields) == 0
}

// sharedOf returns what there is to know of values that events share; nil when events must be looked at
// one by one. Others who ask for the same wait until it is there.
func (g *Gathering) sharedOf(values event.Shared) *shared {
	if !g.byParts() {
		return nil
	}
	g.sharedMu.Lock()
	defer g.sharedMu.Unlock()
	if g.shared == nil || g.shared.of != values {
		g.shared = g.newShared(values)
	}
	return g.shared
}

// newShared looks at values that events share.
func (g *Gathering) newShared(values event.Shared) *shared {
	callers, callees, kinds := values.Len()
	s := &shared{
		of: values, callers: make([]sharedCaller, callers), callees: make([]sharedCallee, callees), kinds: make([]filter.Holding, kinds),
		ends: make([]int, 0, callers), groups: make([]uint32, callers),
	}
	var e event.Event
	for i := range s.kinds {
		values.Kind(&e, uint32(i))
		s.kinds[i] = g.o.Filter.Holding(&e, kindFields)
	}
	const atOnce = 1 << 13
	g.o.each((callees+atOnce-1)/atOnce, func(_, part int) {
		var e event.Event
		for i := part * atOnce; i < min((part+1)*atOnce, callees); i++ {
			values.Callee(&e, uint32(i))
			s.callees[i] = sharedCallee{g.o.Filter.Holding(&e, calleeFields), e.DestinationIP}
		}
	})
	e = event.Event{} // for what a caller tells alone
	var key, details []byte
	known := 0
	for i := range s.callers {
		values.Caller(&e, uint32(i))
		c := &s.callers[i]
		c.holding = g.o.Filter.Holding(&e, callerFields)
		key = key[:0]
		if list, hash, ok := g.keys.ofPart(&e, callerFields); ok {
			known++
			key = g.keys.append(key, &e, list)
			c.group, c.hash = ofCaller, hash
			if g.o.Only != nil && !g.keys.is(key, g.o.Only) {
				c.group = unwanted
			}
			if details = appendDetails(details[:0], &e); len(details) > 0 && !g.o.Filter.Excludes(c.holding) {
				c.details = g.details.Number(details)
			}
		}
		s.keys = append(s.keys, key...)
		s.ends = append(s.ends, len(s.keys))
	}
	s.single = known < callers/2
	return s
}

// key returns the key of the group of a caller that tells it.
func (s *shared) key(caller uint32) []byte {
	if caller == 0 {
		return s.keys[:s.ends[0]]
	}
	return s.keys[s.ends[caller-1]:s.ends[caller]]
}

// Columns takes events by column, as Event would one after the other. It reports false, and takes none, when
// to hand them to Event costs less.
func (w *Worker) Columns(c *event.Columns) bool {
	if w.shared == nil || w.shared.of != c.Shared {
		w.shared = w.g.sharedOf(c.Shared)
	}
	s := w.shared
	if s == nil || s.single {
		return false
	}
	var touched filter.Holding
	for begin := 0; begin < c.Len(); begin += touchedAtOnce {
		end := min(begin+touchedAtOnce, c.Len())
		// Waiting for the memory of many at a time takes a fraction of waiting for one after the other.
		for i := begin; i < end; i++ {
			touched += s.callers[c.Caller[i]].holding + s.callees[c.Callee[i]].holding
		}
		for i := begin; i < end; i++ {
			w.column(s, c, i)
		}
	}
	runtime.KeepAlive(touched)
	return true
}

const touchedAtOnce = 32

// column takes one event, as Event does.
func (w *Worker) column(s *shared, c *event.Columns, i int) {
	g, nanos := w.g, c.TimeNanos[i]
	caller, callee := &s.callers[c.Caller[i]], &s.callees[c.Callee[i]]
	if caller.group == ofOthers {
		c.Event(&w.event, i)
		w.Event(&w.event)
		return
	}
	if nanos < series.MinNanos || nanos > series.MaxNanos {
		w.outOfRange++
		return
	}
	outcome := g.o.Filter.Outcome(caller.holding | callee.holding | s.kinds[c.Kind[i]])
	w.filter[outcome]++
	if !g.kept[outcome] {
		return
	}
	if !g.plan.holds(nanos) {
		w.outsideRuns++
		return
	}
	if caller.group == unwanted {
		return
	}
	w.first, w.last = min(w.first, nanos), max(w.last, nanos)
	b := w.batch(caller.hash % shardCount)
	b.shared = s
	it := b.add(nanos, c.IngestedNanos[i], c.SourceBytes[i], c.DestinationBytes[i], callee.address, ofStatistics|ofShared)
	it.agent, it.details = c.Caller[i], caller.details
}
