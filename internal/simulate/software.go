package simulate

import (
	"slices"
	"strings"

	"fresnel/internal/labels"
)

// makeSoftware installs the known programs of the scenario on its hosts.
func (w *world) makeSoftware() {
	for i := range programs {
		p := &programs[i]
		if !slices.Contains(w.sc.Software, p.group) {
			continue
		}
		// One host in four is a version behind, and updates while the data run or not at all.
		for _, h := range w.hostsOf(p.on) {
			r := stream(h.seed, "software", p.group, p.name)
			if !chance(r, p.share) {
				continue
			}
			im := p.onKind(h.kind)
			im.version = "2"
			procs := []*proc{}
			moveAt := 0.0
			switch u := r.Float64(); {
			case u < 0.06:
				im.version = "1"
				procs = append(procs, w.run(h, im, "old"))
				im.version = "2"
				moveAt = r.Float64() * w.length
			case u < 0.15:
				im.version = "1"
			}
			procs = append(procs, w.run(h, im, ""))
			for j := range p.polls {
				w.poll(h, procs, moveAt, p.name, &p.polls[j])
			}
		}
	}
}

// poll adds one loop of a known program.
func (w *world) poll(h *host, procs []*proc, moveAt float64, program string, q *poll) {
	r := stream(h.seed, "poll", program, q.to.domain, q.class)
	if q.share > 0 && !chance(r, q.share) {
		return
	}
	c := &caller{r: r, host: h, procs: procs, spans: h.awake, gaps: q.gaps, size: q.size, moveAt: moveAt, duration: logBetween(r, 0.1, 4)}
	if len(procs) < 2 {
		c.moveAt = 0
	}
	s := q.to
	if shard, ok := strings.CutPrefix(s.domain, "{}."); ok {
		s.domain = hex(r, 6) + "." + shard
		c.to.of = w.service(r, s)
	} else {
		c.to.of = w.common(program+"\x00"+s.domain, s)
	}
	c.to.rule, c.to.dwell = q.rule, logBetween(r, 600, 20000)
	if q.when == whileUsed {
		c.spans = h.active
		if !c.gaps.loops() && w.sc.Activity > 0 {
			c.gaps.period /= w.sc.Activity
		}
	}
	w.usual(c)
	if q.class != "" {
		c.truth = benign(q.class, &c.gaps)
	}
	w.add(c)
}

// usual gives a benign caller what happens to any: losses, and now and then a server that is
// down while the program backs off.
func (w *world) usual(c *caller) {
	if chance(c.r, 0.4) {
		c.loss = logBetween(c.r, 0.002, 0.08)
	}
	if chance(c.r, 0.05) {
		from := c.r.Float64() * w.length
		c.down = []span{{from: from, to: from + logBetween(c.r, 300, 4*3600)}}
		c.retreat = retreat(c.r.IntN(3))
		c.retries = c.r.IntN(3)
	}
}

// benign returns the label of the rows of a benign timer.
func benign(class string, g *gaps) *truth {
	no, yes := false, true
	l := labels.Label{Beacon: &no, Periodic: &yes, Framework: class, Period: g.period, Jitter: g.jitter}
	return &truth{label: l}
}
