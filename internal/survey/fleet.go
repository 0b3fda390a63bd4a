package survey

import (
	"hash/maphash"
	"math"
	"math/bits"

	"fresnel/internal/identity"
	"fresnel/internal/rank"
	"fresnel/internal/timeline"
)

// Names, addresses and hosts are told apart by hashes of 64 bits, which are different in each
// run of a program; 0 is not known.

var seed = maphash.MakeSeed()

// hashOf returns the hash of a text of a kind; 0 when it is empty.
func hashOf(kind uint64, text []byte) uint64 {
	if len(text) == 0 {
		return 0
	}
	return mix(kind, maphash.Bytes(seed, text))
}

// mix returns a hash of two numbers.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xbf58476d1ce4e5b9)
	return high ^ low | 1 // never 0
}

// The kinds of texts.
const (
	kindHost = 2 * iota
	kindProcess
	kindName
	kindAddress
	kindHash
	kindJA3
	kindUserAgent
)

// info is a row's identity as hashes.
type info struct {
	unit    uint64 // name, or address without a name
	dest    uint64 // registrable domain, or address without a name
	addr    uint64
	host    uint64
	process uint64
	hash    uint64
	ja3     uint64
	agent   uint64 // user agent
}

// both is the hash of a process and a destination.
func (in *info) both() uint64 { return mix(in.process, in.dest) }

// caller is the hash of a host and a process name on it.
func (in *info) caller() uint64 { return mix(in.host, in.process) }

// A fleet counts who does what, over all hosts of the data.
type fleet struct {
	end, begin          int64
	rows, signed, named int

	hosts                              tally // by host: itself
	hostsOfDest, hostsOfAddr           tally
	hostsOfProcess, hostsOfBoth        tally
	destsOfProcess, destsOfCaller      tally
	hostsOfHash, hashesOfProcess       tally
	hostsOfJA3, hostsOfAgent           tally
	namesOfAddr                        tally
	loneOfProcess, loneTimersOfProcess map[uint64]int
	hostCount                          int
	counted                            map[uint64]bool // processes whose destinations were counted
	common                             map[uint64]bool // destinations that more than a hundredth of the hosts call
}

// A census is what one table adds to a fleet.
type census struct {
	fleet
	registrable map[uint64]uint64 // hash of the registrable domain by that of a name
}

// see takes note of the rows of a table. Rows whose first call is after the end get an empty info.
func (c *census) see(rows []timeline.Row) []info {
	c.begin = math.MaxInt64
	c.registrable = map[uint64]uint64{}
	infos := make([]info, len(rows))
	c.hostsOfDest.entries = make([]entry, 0, len(rows))
	var before info
	for i := range rows {
		r := &rows[i]
		if r.FirstNanos > c.end {
			continue
		}
		o := readOutline(r.Text)
		in := &infos[i]
		switch {
		case len(o.host) > 0:
			in.host = hashOf(kindHost, o.host)
		case len(o.source) > 0:
			in.host = hashOf(kindHost, o.source)
		default:
			in.host = hashOf(kindHost, o.key)
		}
		in.process = hashOf(kindProcess, o.process)
		in.addr = hashOf(kindAddress, o.address)
		in.unit, in.dest = in.addr, in.addr
		if len(o.name) > 0 {
			in.unit = hashOf(kindName, o.name)
			in.dest = c.registrable[in.unit]
			if in.dest == 0 {
				in.dest = hashOf(kindName, []byte(identity.RegistrableDomain(string(o.name))))
				c.registrable[in.unit] = in.dest
			}
			c.named++
			c.namesOfAddr.add(in.addr, in.dest, r.FirstNanos)
			c.hostsOfAddr.add(in.addr, in.host, r.FirstNanos)
		}
		in.hash, in.ja3, in.agent = hashOf(kindHash, o.hash), hashOf(kindJA3, o.ja3), hashOf(kindUserAgent, o.userAgent)
		c.rows++
		if o.signed {
			c.signed++
		}
		c.begin = min(c.begin, r.FirstNanos)
		c.hostsOfDest.add(in.dest, in.host, r.FirstNanos)
		// Rows of a group stand together: most of this was noted with the row before, but for
		// an earlier time.
		if in.host != before.host || r.FirstNanos < rows[i-1].FirstNanos {
			c.hosts.add(in.host, in.host, r.FirstNanos)
		}
		if in.process != before.process || in.host != before.host {
			c.hostsOfProcess.add(in.process, in.host, r.FirstNanos)
		}
		if in.hash != before.hash || in.host != before.host || in.process != before.process {
			c.hostsOfHash.add(in.hash, in.host, r.FirstNanos)
			c.hashesOfProcess.add(in.process, in.hash, r.FirstNanos)
		}
		if in.ja3 != before.ja3 || in.host != before.host {
			c.hostsOfJA3.add(in.ja3, in.host, r.FirstNanos)
		}
		if in.agent != before.agent || in.host != before.host {
			c.hostsOfAgent.add(in.agent, in.host, r.FirstNanos)
		}
		before = *in
	}
	return infos
}

// newFleet adds up what the tables have.
func newFleet(parts []*census, parallel func(n int, f func(worker, i int))) *fleet {
	f := &fleet{begin: math.MaxInt64, loneOfProcess: map[uint64]int{}, loneTimersOfProcess: map[uint64]int{}}
	for _, p := range parts {
		f.end = p.end
		f.begin = min(f.begin, p.begin)
		f.rows += p.rows
		f.signed += p.signed
		f.named += p.named
	}
	lists := []func(*fleet) *tally{
		func(f *fleet) *tally { return &f.hosts }, func(f *fleet) *tally { return &f.hostsOfDest },
		func(f *fleet) *tally { return &f.hostsOfAddr }, func(f *fleet) *tally { return &f.hostsOfProcess },
		func(f *fleet) *tally { return &f.hostsOfHash }, func(f *fleet) *tally { return &f.hashesOfProcess },
		func(f *fleet) *tally { return &f.hostsOfJA3 }, func(f *fleet) *tally { return &f.hostsOfAgent },
		func(f *fleet) *tally { return &f.namesOfAddr },
	}
	parallel(len(lists), func(_, i int) {
		of := make([]*tally, len(parts))
		for j, p := range parts {
			of[j] = lists[i](&p.fleet)
		}
		lists[i](f).seal(of...)
	})
	f.hostCount = len(f.hosts.keys)
	f.common = map[uint64]bool{}
	limit := max(1, f.hostCount/100)
	for _, k := range f.hostsOfDest.keys {
		if k.values > limit {
			f.common[k.key] = true
		}
	}
	return f
}

// processes counts the destinations of the wanted processes, nil for all: it takes as much
// memory as they have rows.
func (f *fleet) processes(wanted map[uint64]bool, found []*unit, infos [][]info, rows [][]timeline.Row, parallel func(n int, f func(worker, i int))) {
	f.counted = map[uint64]bool{}
	n := 0
	each := func(visit func(in *info, first int64)) {
		for i := range infos {
			for j := range infos[i] {
				if in := &infos[i][j]; in.process != 0 && (wanted == nil || wanted[in.process]) {
					visit(in, rows[i][j].FirstNanos)
				}
			}
		}
	}
	each(func(*info, int64) { n++ })
	lists := []*tally{&f.destsOfProcess, &f.destsOfCaller, &f.hostsOfBoth}
	for _, t := range lists {
		*t = tally{entries: make([]entry, 0, n)}
	}
	clear(f.loneOfProcess)
	clear(f.loneTimersOfProcess)
	each(func(in *info, first int64) {
		f.destsOfProcess.add(in.process, in.dest, first)
		f.destsOfCaller.add(in.caller(), in.dest, first)
		f.hostsOfBoth.add(in.both(), in.host, first)
	})
	parallel(len(lists), func(_, i int) { lists[i].seal() })
	for _, e := range f.destsOfProcess.entries {
		f.counted[e.key] = true
		if f.hostsOfBoth.count(mix(e.key, e.value)) == 1 {
			f.loneOfProcess[e.key]++
		}
	}
	seen := map[uint64]bool{}
	for _, u := range found {
		if both := u.info.both(); u.info.process != 0 && !seen[both] {
			seen[both] = true
			if f.hostsOfBoth.count(both) == 1 {
				f.loneTimersOfProcess[u.info.process]++
			}
		}
	}
}

// isRare reports that at most one host in a hundred calls a destination.
func (f *fleet) isRare(dest uint64) bool { return !f.common[dest] }

// sighting returns what is to be said of a unit. Everything that it reads of f is complete
// and not written any more.
func (f *fleet) sighting(u *unit, m *rank.Model) Sighting {
	key, e := readText(u.row.Text)
	in, t := u.info, u.timing()
	s := Sighting{
		GroupKey: key, Scope: u.scope, Source: e.SourceIP, Address: e.DestinationIP, Domain: nameOf(&e), Port: e.DestinationPort,
		Calls: u.calls, Found: u.found, FirstNanos: u.first, LastNanos: u.last, Timing: t, QValue: u.q, Tested: u.tested,
		Case: -1, host: in.host, dest: in.dest, process: in.process,
	}
	since := func(nanos int64) float64 { return float64(nanos-f.begin) / 1e9 }
	x := &s.Facts
	x.Kind, x.QValue, x.PeriodSeconds, x.Jitter = t.Kind.String(), u.q, t.Period, t.Jitter
	x.Callbacks, x.Missed, x.Regimes = t.Callbacks, t.Missed, len(t.Regimes)
	x.SpanSeconds = float64(u.last-u.first) / 1e9
	x.ActiveHours = bits.OnesCount32(t.Hours)
	if u.calls > 0 {
		x.FailedShare = float64(u.failed) / float64(u.calls)
	}
	x.Siblings = u.siblings
	if p := u.timer; p != nil {
		x.HasBytes = p.sourceBytes > 0 || p.destBytes > 0
		x.SourceBytes, x.DestinationBytes, x.SourceBytesSpread, x.DestinationBytesSpread = p.sourceBytes, p.destBytes, p.sourceSpread, p.destSpread
	}

	x.Hosts = f.hostCount
	hosts, destFirst := f.hostsOfDest.of(in.dest)
	x.HostsOfDestination, x.HostsOfAddress = hosts, hosts
	if s.Domain != "" {
		x.HostsOfAddress = f.hostsOfAddr.count(in.addr)
	}
	if in.process != 0 {
		x.HostsOfProcess, x.HostsOfProcessDestination = f.hostsOfProcess.count(in.process), f.hostsOfBoth.count(in.both())
		x.ProcessDestinations, x.ProcessLoneDestinations = f.destsOfProcess.count(in.process), f.loneOfProcess[in.process]
		x.ProcessLoneTimers = f.loneTimersOfProcess[in.process]
		var processFirst int64
		x.HostDestinations, processFirst = f.destsOfCaller.of(in.caller())
		x.ProcessFirst = since(min(processFirst, u.firstOf))
		x.HashesOfProcess = f.hashesOfProcess.count(in.process)
	}
	x.NamesOfAddress = f.namesOfAddr.count(in.addr)

	_, hostFirst := f.hosts.of(in.host)
	x.DataSeconds = since(f.end)
	x.HostFirst, x.DestinationFirst, x.RowFirst = since(hostFirst), since(destFirst), since(u.firstOf)

	x.HostName, x.ProcessName, x.ProcessExecutable, x.ParentName = e.HostName, e.ProcessName, e.ProcessExecutable, e.ProcessParentName
	x.HasHash, x.HostsOfHash = in.hash != 0, f.hostsOfHash.count(in.hash)
	x.SignatureExists, x.SignatureTrusted, x.SignatureValid = e.SignatureExists, e.SignatureTrusted, e.SignatureValid
	x.SignatureStatus, x.SignatureSubject = e.SignatureStatus, e.SignatureSubjectName
	if f.rows > 0 {
		x.SignatureShare = float64(f.signed) / float64(f.rows)
		x.NamedShare = float64(f.named) / float64(f.rows)
	}
	x.Address, x.Domain, x.Port = s.Address, s.Domain, s.Port
	x.Transport, x.Protocol, x.TLSClientJA3, x.UserAgent = e.NetworkTransport, e.NetworkProtocol, e.TLSClientJA3, e.UserAgent
	x.HostsOfJA3, x.HostsOfUserAgent = f.hostsOfJA3.count(in.ja3), f.hostsOfAgent.count(in.agent)
	s.Assessment = m.Assess(x)
	return s
}
