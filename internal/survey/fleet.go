package survey

import (
	"math"
	"math/bits"
	"net/netip"

	"fresnel/internal/event"
	"fresnel/internal/identity"
	"fresnel/internal/rank"
	"fresnel/internal/timeline"
)

// A names numbers values.
type names[K comparable] struct{ of map[K]uint32 }

func (n *names[K]) number(k K) uint32 {
	if i, ok := n.of[k]; ok {
		return i
	}
	if n.of == nil {
		n.of = map[K]uint32{}
	}
	i := uint32(len(n.of)) + 1
	n.of[k] = i
	return i
}

func (n *names[K]) len() int { return len(n.of) }

// A tally counts the different seconds of each first.
type tally struct {
	pairs map[uint64]struct{}
	of    map[uint32]int32
}

func newTally() *tally { return &tally{map[uint64]struct{}{}, map[uint32]int32{}} }

// add counts second for first, unless one of them is 0, which stands for nothing known.
func (t *tally) add(first, second uint32) {
	if first == 0 || second == 0 {
		return
	}
	key := uint64(first)<<32 | uint64(second)
	if _, ok := t.pairs[key]; !ok {
		t.pairs[key] = struct{}{}
		t.of[first]++
	}
}

// info is a row's identity as numbers; 0 is not known.
type info struct {
	group     uint32
	unit      uint32 // name, or address without a name
	dest      uint32 // registrable domain, or address without a name
	addr      uint32
	host      uint32
	process   uint32
	both      uint32 // process and destination
	hash      uint32
	ja3       uint32
	userAgent uint32
}

// A fleet counts who does what, over all hosts of the data.
type fleet struct {
	end, begin int64

	strings names[string]
	addrs   names[netip.Addr]
	hosts   names[string]
	groups  names[string] // keys
	pairs   names[uint64] // process and destination; host and process
	domains map[string]string

	hostsOfDest, hostsOfAddr, hostsOfProcess, hostsOfBoth *tally
	destsOfProcess, destsOfHostProcess                    *tally
	hostsOfHash, hashesOfProcess                          *tally
	hostsOfJA3, hostsOfUserAgent, namesOfAddr             *tally
	timersOfProcess                                       *tally
	loneOfProcess, loneTimersOfProcess                    map[uint32]int32

	firstHost, firstDest, firstHostProcess map[uint32]int64
	rows, signed, named                    int
}

func newFleet(end int64) *fleet {
	return &fleet{
		end: end, begin: math.MaxInt64, domains: map[string]string{},
		hostsOfDest: newTally(), hostsOfAddr: newTally(), hostsOfProcess: newTally(), hostsOfBoth: newTally(),
		destsOfProcess: newTally(), destsOfHostProcess: newTally(),
		hostsOfHash: newTally(), hashesOfProcess: newTally(),
		hostsOfJA3: newTally(), hostsOfUserAgent: newTally(), namesOfAddr: newTally(), timersOfProcess: newTally(),
		loneOfProcess: map[uint32]int32{}, loneTimersOfProcess: map[uint32]int32{},
		firstHost: map[uint32]int64{}, firstDest: map[uint32]int64{}, firstHostProcess: map[uint32]int64{},
	}
}

// registrable is identity.RegistrableDomain, remembered.
func (f *fleet) registrable(domain string) string {
	r, ok := f.domains[domain]
	if !ok {
		r = identity.RegistrableDomain(domain)
		f.domains[domain] = r
	}
	return r
}

// see numbers the rows of a table. Rows whose first call is after the end get an empty info.
func (f *fleet) see(rows []timeline.Row) []info {
	infos := make([]info, len(rows))
	for i := range rows {
		r := &rows[i]
		in := &infos[i]
		if r.FirstNanos > f.end {
			continue
		}
		key, e := readText(r.Text)
		host := e.HostName
		if host == "" && e.SourceIP.IsValid() {
			host = e.SourceIP.String()
		}
		if host == "" {
			host = string(key)
		}
		in.host = f.hosts.number(host)
		in.group = f.groups.number(string(key))
		in.addr = f.addrs.number(r.Destination)
		text := func(kind, s string) uint32 {
			if s == "" {
				return 0
			}
			return f.strings.number(kind + s)
		}
		if name := nameOf(&e); name != "" {
			in.unit = text("d", name)
			in.dest = text("d", f.registrable(name))
			f.named++
		} else {
			in.unit = text("a", r.Destination.String())
			in.dest = in.unit
		}
		in.process = text("p", e.ProcessName)
		if in.process != 0 {
			in.both = f.pairs.number(uint64(in.process)<<32 | uint64(in.dest))
		}
		in.hash, in.ja3, in.userAgent = text("h", e.ProcessHashSHA256), text("j", e.TLSClientJA3), text("u", e.UserAgent)
		f.rows++
		if e.SignatureExists|e.SignatureTrusted|e.SignatureValid != event.Unknown || e.SignatureStatus != "" || e.SignatureSubjectName != "" {
			f.signed++
		}

		f.begin = min(f.begin, r.FirstNanos)
		f.hostsOfDest.add(in.dest, in.host)
		f.hostsOfAddr.add(in.addr, in.host)
		if nameOf(&e) != "" {
			f.namesOfAddr.add(in.addr, in.dest)
		}
		first(f.firstHost, in.host, r.FirstNanos)
		first(f.firstDest, in.dest, r.FirstNanos)
		if in.process != 0 {
			f.hostsOfProcess.add(in.process, in.host)
			f.hostsOfBoth.add(in.both, in.host)
			f.destsOfProcess.add(in.process, in.dest)
			both := f.hostProcess(in)
			f.destsOfHostProcess.add(both, in.dest)
			first(f.firstHostProcess, both, r.FirstNanos)
			f.hashesOfProcess.add(in.process, in.hash)
		}
		f.hostsOfHash.add(in.hash, in.host)
		f.hostsOfJA3.add(in.ja3, in.host)
		f.hostsOfUserAgent.add(in.userAgent, in.host)
	}
	return infos
}

// hostProcess numbers a process name on a host.
func (f *fleet) hostProcess(in *info) uint32 {
	return f.pairs.number(1<<63 | uint64(in.host)<<32 | uint64(in.process))
}

func first(m map[uint32]int64, k uint32, nanos int64) {
	if old, ok := m[k]; !ok || nanos < old {
		m[k] = nanos
	}
}

// count finds the destinations that only one host calls with a process.
func (f *fleet) count() {
	for key := range f.destsOfProcess.pairs {
		if f.hostsOfBoth.of[f.pairs.of[key]] == 1 {
			f.loneOfProcess[uint32(key>>32)]++
		}
	}
}

// isRare reports that hardly any host calls a destination.
func (f *fleet) isRare(dest uint32) bool {
	return int(f.hostsOfDest.of[dest]) <= max(1, f.hosts.len()/100)
}

// timer takes note of a unit that is called on a timer.
func (f *fleet) timer(u *unit) {
	if u.info.process != 0 {
		f.timersOfProcess.add(u.info.process, u.info.dest)
	}
}

// countTimers counts the lone destinations that are called on a timer.
func (f *fleet) countTimers() {
	for key := range f.timersOfProcess.pairs {
		if f.hostsOfBoth.of[f.pairs.of[key]] == 1 {
			f.loneTimersOfProcess[uint32(key>>32)]++
		}
	}
}

// sighting returns what is to be said of a unit. Everything that it reads of f is complete
// and not written any more.
func (f *fleet) sighting(u *unit, m *rank.Model) Sighting {
	key, e := readText(u.row.Text)
	e.DestinationIP = u.row.Destination
	in, t := &u.info, &u.timing
	s := Sighting{
		GroupKey: key, Scope: u.scope, Source: e.SourceIP, Address: e.DestinationIP, Domain: nameOf(&e), Port: e.DestinationPort,
		Calls: u.calls, Found: u.found, FirstNanos: u.first, LastNanos: u.last, Timing: u.timing, QValue: u.q, Tested: u.tested,
		Case: -1, group: in.group, host: in.host, dest: in.dest, process: in.process,
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
	x.HasBytes = u.sourceBytes > 0 || u.destBytes > 0
	x.SourceBytes, x.DestinationBytes, x.SourceBytesSpread, x.DestinationBytesSpread = u.sourceBytes, u.destBytes, u.sourceSpread, u.destSpread

	x.Hosts = f.hosts.len()
	x.HostsOfDestination, x.HostsOfAddress = int(f.hostsOfDest.of[in.dest]), int(f.hostsOfAddr.of[in.addr])
	if in.process != 0 {
		x.HostsOfProcess, x.HostsOfProcessDestination = int(f.hostsOfProcess.of[in.process]), int(f.hostsOfBoth.of[in.both])
		x.ProcessDestinations, x.ProcessLoneDestinations = int(f.destsOfProcess.of[in.process]), int(f.loneOfProcess[in.process])
		x.ProcessLoneTimers = int(f.loneTimersOfProcess[in.process])
		both := f.pairs.of[1<<63|uint64(in.host)<<32|uint64(in.process)]
		x.HostDestinations = int(f.destsOfHostProcess.of[both])
		x.ProcessFirst = since(f.firstHostProcess[both])
		x.HashesOfProcess = int(f.hashesOfProcess.of[in.process])
	}
	x.NamesOfAddress = int(f.namesOfAddr.of[in.addr])

	x.DataSeconds = since(f.end)
	x.HostFirst, x.DestinationFirst, x.RowFirst = since(f.firstHost[in.host]), since(f.firstDest[in.dest]), since(u.firstOf)

	x.HostName, x.ProcessName, x.ProcessExecutable, x.ParentName = e.HostName, e.ProcessName, e.ProcessExecutable, e.ProcessParentName
	x.HasHash, x.HostsOfHash = in.hash != 0, int(f.hostsOfHash.of[in.hash])
	x.SignatureExists, x.SignatureTrusted, x.SignatureValid = e.SignatureExists, e.SignatureTrusted, e.SignatureValid
	x.SignatureStatus, x.SignatureSubject = e.SignatureStatus, e.SignatureSubjectName
	if f.rows > 0 {
		x.SignatureShare = float64(f.signed) / float64(f.rows)
		x.NamedShare = float64(f.named) / float64(f.rows)
	}
	x.Address, x.Domain, x.Port = s.Address, s.Domain, s.Port
	x.Transport, x.Protocol, x.TLSClientJA3, x.UserAgent = e.NetworkTransport, e.NetworkProtocol, e.TLSClientJA3, e.UserAgent
	x.HostsOfJA3, x.HostsOfUserAgent = int(f.hostsOfJA3.of[in.ja3]), int(f.hostsOfUserAgent.of[in.userAgent])
	s.Assessment = m.Assess(x)
	return s
}
