package simulate

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"fresnel/internal/labels"
)

// A pick is a rule by which a caller chooses among its destinations.
type pick uint8

const (
	pickSticky   pick = iota // stays with one for about dwell, then any
	pickAny                  // any, each call anew
	pickTurn                 // one after the other, each call the next
	pickSequence             // one for about dwell, then the next, never back
	pickNear                 // the first of the list more often
	pickFailover             // the next when one has not answered twice
)

// targets are the destinations of a caller.
type targets struct {
	of    []int32 // indices of world.dests
	rule  pick
	dwell float64 // seconds
	cur   int
	until float64
}

// choose returns the destination of a call at now. failures are the calls without answer just before.
func (t *targets) choose(r *rand.Rand, now float64, failures int) int32 {
	if len(t.of) == 1 {
		return t.of[0]
	}
	switch t.rule {
	case pickAny:
		return oneOf(r, t.of)
	case pickTurn:
		t.cur = (t.cur + 1) % len(t.of)
	case pickNear:
		f := r.Float64()
		return t.of[int(f*f*float64(len(t.of)))]
	case pickFailover:
		if failures > 0 && failures%2 == 0 {
			t.cur = (t.cur + 1) % len(t.of)
		}
	case pickSticky, pickSequence:
		if now < t.until {
			break
		}
		first := t.until == 0
		t.until = now + t.dwell*between(r, 0.5, 1.5)
		switch {
		case t.rule == pickSticky:
			t.cur = r.IntN(len(t.of))
		case !first:
			t.cur = min(t.cur+1, len(t.of)-1)
		}
	}
	return t.of[t.cur]
}

// retreat is how the gaps grow while a server does not answer.
type retreat uint8

const (
	retreatNone retreat = iota
	retreatLinear
	retreatExponential
)

// A change is another timing from a time on.
type change struct {
	at   float64
	gaps gaps
}

// A caller is one loop of one program on one host: it calls its destinations again and again.
type caller struct {
	r     *rand.Rand
	host  *host
	procs []*proc // the program; several where it migrates or forks anew
	to    targets
	gaps  gaps
	size  sizes
	spans []span // when it may call

	lag      float64 // mean seconds that a call takes, which a sleep loop adds to its gap
	loss     float64 // share of calls that do not appear, or fail
	down     []span  // when no server answers
	retreat  retreat
	retries  int     // attempts that follow a failed one within seconds
	tasks    float64 // share of callbacks after which an operator works for some minutes
	tasked   sizes
	changes  []change
	moveAt   float64 // seconds; from then on it runs in procs[1]; 0 is never
	forks    int     // calls until it starts again in another of procs; 0 is never
	extra    float64 // mean number of connections beside each call
	beside   targets
	besize   sizes
	duration float64 // mean seconds of a connection

	truth *truth // nil for what gets no label

	cur, boot, proc int // proc indexes procs
	fails, busy     int // failed calls in a row; calls left of a task
	calls           int
}

// A truth gathers what is to be said about the rows of one caller.
type truth struct {
	label labels.Label // what all rows have in common
	rows  []row        // few
	last  int          // of rows, the one that was called last
}

// A row is what one program calls at one destination.
type row struct {
	proc, dest  int32
	calls       int
	first, last float64
}

func (t *truth) add(proc, dest int32, at float64) {
	if len(t.rows) == 0 || t.rows[t.last].dest != dest || t.rows[t.last].proc != proc {
		t.last = slices.IndexFunc(t.rows, func(r row) bool { return r.dest == dest && r.proc == proc })
		if t.last < 0 {
			t.last = len(t.rows)
			t.rows = append(t.rows, row{proc: proc, dest: dest, first: at})
		}
	}
	r := &t.rows[t.last]
	r.calls++
	r.last = at
}

// start sets the first call of c. old programs ran before the data began.
func (c *caller) start() float64 {
	if len(c.spans) == 0 {
		return math.Inf(1)
	}
	c.boot = c.spans[0].boot
	from := c.spans[0].from
	if c.gaps.kind == gapClock {
		return from + c.gaps.next(c.r, from)
	}
	g := c.gaps // a copy: the first gap is a part of one
	if c.gaps.kind == gapDoubling && from == 0 {
		c.gaps.n = 40
		return from + c.r.Float64()*c.gaps.high
	}
	return from + c.r.Float64()*g.next(c.r, from)
}

// fill puts the calls from next to until into w and returns when the one after them is due.
func (c *caller) fill(w *world, next, until float64) float64 {
	for next < until {
		for c.cur < len(c.spans) && next >= c.spans[c.cur].to {
			c.cur++
		}
		if c.cur == len(c.spans) {
			return math.Inf(1)
		}
		if s := &c.spans[c.cur]; next < s.from {
			next = c.wake(s)
			continue
		}
		c.call(w, next)
		next += c.step(next)
	}
	return next
}

// wake returns the first call after a pause.
func (c *caller) wake(s *span) float64 {
	if s.boot != c.boot { // the host started again, and so did the program
		c.boot = s.boot
		c.gaps.n, c.fails, c.busy = 0, 0, 0
		if c.gaps.kind != gapClock {
			return s.from + between(c.r, 5, 90)
		}
	}
	if c.gaps.kind == gapClock {
		return s.from + c.gaps.next(c.r, s.from)
	}
	if !c.gaps.loops() {
		return s.from + c.r.Float64()*min(c.gaps.next(c.r, s.from), 900)
	}
	// A sleep that ended meanwhile ends now; one that stood still goes on.
	most := 20.0
	if chance(c.r, 0.5) {
		most = 300
	}
	return s.from + c.r.Float64()*min(c.gaps.next(c.r, s.from), most)
}

// step returns the seconds from a call to the next.
func (c *caller) step(now float64) float64 {
	for len(c.changes) > 0 && now >= c.changes[0].at {
		c.gaps, c.changes = c.changes[0].gaps, c.changes[1:]
	}
	if c.busy > 0 {
		c.busy--
		if c.busy == 0 {
			c.gaps.n = 0
		}
		return c.lag + 0.2 + 2.5*c.r.ExpFloat64()
	}
	d := c.gaps.next(c.r, now)
	if c.fails > 0 {
		switch c.retreat {
		case retreatLinear:
			d *= float64(min(c.fails, 12))
		case retreatExponential:
			d *= math.Exp2(float64(min(c.fails-1, 6)))
		}
	}
	if c.gaps.loops() {
		d += c.lag * (0.6 + 0.4*c.r.ExpFloat64())
	}
	return d
}

// call puts one call into w.
func (c *caller) call(w *world, at float64) {
	switch {
	case c.moveAt > 0:
		if at >= c.moveAt {
			c.proc = 1
		}
	case c.forks > 0:
		c.proc = c.calls / c.forks % len(c.procs)
	}
	c.calls++
	dest := c.to.choose(c.r, at, c.fails)
	down := false
	if len(c.down) > 0 {
		i := sort.Search(len(c.down), func(i int) bool { return c.down[i].to > at })
		down = i < len(c.down) && at >= c.down[i].from
	}
	task := c.busy > 0
	if !down && c.loss > 0 && chance(c.r, c.loss) {
		if chance(c.r, 0.6) {
			return // nobody saw it
		}
		down = true
	}
	if down {
		c.fails++
		if w.put(c, at, dest, 0, 0, 0, failed) {
			c.seen(at, dest, task)
		}
		t := at
		for i := range c.retries {
			t += 3 * math.Exp2(float64(i)) * between(c.r, 0.95, 1.1)
			w.put(c, t, dest, 0, 0, 0, failed)
		}
		return
	}
	c.fails = 0
	size := &c.size
	if task {
		size = &c.tasked
	}
	sent, received := size.draw(c.r)
	if w.put(c, at, dest, sent, received, c.duration*c.r.ExpFloat64(), 0) {
		c.seen(at, dest, task)
	}
	if c.tasks > 0 && !task && chance(c.r, c.tasks) {
		c.busy = 3 + int(20*c.r.ExpFloat64())
	}
	if c.extra > 0 {
		t := at
		for range around(c.r, c.extra*c.r.ExpFloat64()) {
			t += 0.4 * c.r.ExpFloat64()
			sent, received := c.besize.draw(c.r)
			w.put(c, t, c.beside.choose(c.r, t, 0), sent, received, c.duration*c.r.ExpFloat64(), 0)
		}
	}
}

// seen counts a callback for the label. What an operator's task causes is none.
func (c *caller) seen(at float64, dest int32, task bool) {
	if c.truth == nil || task {
		return
	}
	c.truth.add(int32(c.proc), dest, at)
}
