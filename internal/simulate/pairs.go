package simulate

import (
	"math/rand/v2"
	"net/netip"
	"strconv"

	"fresnel/internal/labels"
)

// makePairs adds what is told by addresses alone: bots and the noise of the Internet.
func (w *world) makePairs() {
	for i := range w.sc.Bots {
		w.bot(i, &w.sc.Bots[i])
	}
	w.makeNoise()
}

// outsider returns a host of which only the address is known.
func (w *world) outsider(a netip.Addr, seed uint64) *host {
	return &host{addr: a, seed: seed, named: true, procs: make(map[string]*proc), habit: habit{awake: []span{{from: 0, to: w.length}}}}
}

// bot adds a machine that calls one server for hours and then the next. Its servers are
// called a second time later now and then, and two of them may be in use at once.
func (w *world) bot(i int, b *Bot) {
	name := strconv.Itoa(i)
	r := w.stream("bot", name)
	h := w.outsider(netip.AddrFrom4([4]byte{10, 77, byte(i), byte(2 + r.IntN(250))}), r.Uint64())
	p := []*proc{w.run(h, image{name: programName(r, true), dir: `C:\Users\Public`}, "bot")}
	yes := true
	step := (w.length - b.Dwell.Seconds()) / float64(b.Servers)
	for k := range b.Servers {
		own := w.stream("bot", name, "server", strconv.Itoa(k))
		from := max(0, (float64(k)+between(own, -0.3, 0.3))*step)
		dwell := b.Dwell.Seconds() * between(own, 0.5, 1.6)
		g := gaps{kind: gapPauses, period: b.Period.Seconds() * between(own, 0.6, 1.6), jitter: b.Jitter * between(own, 0.3, 1.5)}
		port := oneOf(r, []uint16{80, 443, 443, 443, 8080, 447, 449, 6667})
		c := &caller{
			r: own, host: h, procs: p, spans: clip(h.awake, from, from+dwell), gaps: g, size: timerSizes(own), lag: logBetween(own, 0.05, 2),
			to: targets{of: w.service(own, server{port: port})}, loss: between(own, 0, 0.06), retries: own.IntN(3), retreat: retreat(own.IntN(3)),
		}
		if chance(own, 0.2) {
			at := between(own, from, from+dwell)
			c.down = []span{{from: at, to: at + logBetween(own, 300, 5000)}}
		}
		if chance(own, 0.25) { // and comes back to it
			again := min(w.length, from+dwell+logBetween(own, 3600, 86400))
			c.spans = append(c.spans, clip(h.awake, again, again+dwell/3)...)
		}
		c.truth = &truth{label: labels.Label{
			Beacon: &yes, Periodic: &yes, Framework: "bot", Implant: "bot-" + name, Period: g.period, Jitter: g.jitter,
		}}
		w.add(c)
	}
	for k := range b.Background {
		w.pair(w.stream("bot", name, "background", strconv.Itoa(k)), h, false)
	}
}

// pair adds the calls of one address to another that are no beacon. Most pairs meet a few
// times, some thousands of times.
func (w *world) pair(r *rand.Rand, h *host, inbound bool) {
	n := heavyCount(r)
	life := w.length * r.Float64()
	if chance(r, 0.4) {
		life = w.length
	}
	from := r.Float64() * (w.length - life)
	rate := max(life, 60) / n
	c := &caller{r: r, host: h, procs: []*proc{w.run(h, image{}, "")}, spans: clip(h.awake, from, from+life), duration: logBetween(r, 0.01, 20)}
	class := ""
	switch u := r.Float64(); {
	case u < 0.34:
		c.gaps = poisson(rate)
	case u < 0.52:
		c.gaps = bursts(rate * 6)
	case u < 0.66:
		c.gaps = spread(rate/2, between(r, 0.8, 2))
	case u < 0.80:
		c.gaps = heavy(rate/6, between(r, 0.7, 1.3), 50*rate+1)
	case u < 0.90: // sessions
		c.gaps = spread(min(rate, 60), 1.2)
		var spans []span
		for t := from; t < from+life; t += logBetween(r, 1800, 40000) {
			spans = append(spans, span{from: t, to: t + logBetween(r, 60, 1700)})
		}
		c.spans = clip(spans, 0, w.length)
	case u < 0.94:
		c.gaps, class = backoff(logBetween(r, 1, 20), logBetween(r, 600, 7200), 0.1), "backoff"
	case u < 0.96:
		c.gaps, class = doubling(64, 1024), "time"
	case u < 0.975:
		c.gaps, class = clock(oneOf(r, []float64{300, 600, 900, 3600}), logBetween(r, 0.3, 30)), "scan-schedule"
	default:
		c.gaps, class = spread(max(rate, 30), between(r, 0.15, 0.5)), "keepalive"
	}
	switch u := r.Float64(); {
	case u < 0.45:
		c.size = constant(float64(40+r.IntN(400)), float64(40+r.IntN(300)))
	case u < 0.7:
		c.size = timerSizes(r)
	default:
		c.size = heavySizes(logBetween(r, 60, 4000), logBetween(r, 60, 9000))
	}
	s := server{port: oneOf(r, []uint16{443, 80, 53, 22, 23, 25, 123, 445, 3389, 6881, 8080, 5060, uint16(1024 + r.IntN(60000))}), block: oneOf(r, []block{anyBlock, anyBlock, homeBlock, cdnBlock})}
	s.udp = s.port == 53 || s.port == 123 || chance(r, 0.2)
	if inbound {
		inside := w.common("inside"+strconv.Itoa(r.IntN(max(1, w.sc.Noise.Sources))), server{addresses: 1})
		c.to.of = []int32{w.newDest(dest{addr: w.dests[inside[0]].addr, port: s.port})}
	} else {
		c.to.of = w.service(r, s)
	}
	if chance(r, 0.35) { // nobody answers a scan
		c.down = []span{{from: 0, to: w.length}}
	}
	if class != "" {
		c.truth = benign(class, &c.gaps)
	}
	w.add(c)
}

// heavyCount draws how often a pair of addresses meets.
func heavyCount(r *rand.Rand) float64 {
	count := heavy(1.5, 0.75, 4000) // a Pareto number, which here is no time
	return count.next(r, 0)
}

// makeNoise adds pairs of addresses inside and outside, and the few beacons among them.
func (w *world) makeNoise() {
	n := &w.sc.Noise
	if n.Pairs == 0 {
		return
	}
	r := w.stream("noise")
	var inside []*host
	for i := range n.Sources {
		inside = append(inside, w.outsider(netip.AddrFrom4([4]byte{10, 80, byte(i / 250), byte(1 + i%250)}), r.Uint64()))
	}
	yes := true
	for i := range n.Pairs {
		own := w.stream("noise", strconv.Itoa(i))
		if i < n.Beacons {
			h := oneOf(own, inside)
			g := about(n.Period.Seconds(), n.Jitter)
			c := &caller{
				r: own, host: h, procs: []*proc{w.run(h, image{}, "")}, spans: h.awake, gaps: g, size: plain(own), loss: between(own, 0.01, 0.08),
				to: targets{of: w.service(own, server{})},
			}
			c.truth = &truth{label: labels.Label{Beacon: &yes, Periodic: &yes, Framework: "beacon", Implant: "beacon-" + strconv.Itoa(i+1), Period: g.period, Jitter: g.jitter}}
			w.add(c)
			continue
		}
		if chance(own, 0.55) {
			w.pair(own, w.outsider(w.newAddress(own, oneOf(own, []block{homeBlock, anyBlock})), own.Uint64()), true)
			continue
		}
		w.pair(own, oneOf(own, inside), false)
	}
}
