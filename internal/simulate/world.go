package simulate

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	hexcode "encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"fresnel/internal/event"
	"fresnel/internal/labels"
)

// A kind is a kind of host. Kinds are bits, so that a program can name several.
type kind uint8

const (
	desktop kind = 1 << iota
	laptop
	developer
	winServer
	linServer
	mac
	iot

	office  = desktop | laptop | developer
	windows = office | winServer
)

var kinds = []struct {
	name   string
	kind   kind
	prefix []string
}{
	{"desktop", desktop, []string{"ws", "pc", "desk"}},
	{"laptop", laptop, []string{"lt", "nb", "lap"}},
	{"developer", developer, []string{"dev", "eng", "ws-dev"}},
	{"windows-server", winServer, []string{"srv", "app", "dc", "file"}},
	{"linux-server", linServer, []string{"lx", "web", "db", "k8s"}},
	{"mac", mac, []string{"mac", "mbp"}},
	{"iot", iot, []string{"iot", "cam", "prn", "gw"}},
}

// A host is a machine with its program instances.
type host struct {
	index int
	name  string // "" for an address of which nothing more is known
	kind  kind
	seed  uint64
	habit
	addr     netip.Addr
	away     netip.Addr // of a laptop that travels
	trips    []span     // when it is away
	user     string
	unsigned bool // the sensor sends no signatures
	named    bool // the sensor knows names of destinations
	procs    map[string]*proc
	order    []*proc // the same, in the order of their start
}

func (h *host) sourceAt(at float64) netip.Addr {
	for _, t := range h.trips {
		if at >= t.from && at < t.to {
			return h.away
		}
	}
	return h.addr
}

// image is a program file and where it comes from.
type image struct {
	name, dir string
	signer    string // "" for an unsigned one
	parent    string
	version   string // files of other versions have other hashes
	ja3       string
	agent     string // user agent of plain HTTP
}

// A proc is a program that runs on a host. Each start of the host gives it a new pid.
type proc struct {
	image image
	event event.Event // what its events have in common
	seed  uint64
	host  *host
	ja3   string
	boot  int32 // that event tells of; -1 before the first
}

// A dest is a server: an address, a port and the name that it is called by.
type dest struct {
	addr      netip.Addr
	domain    string
	port      uint16
	transport string
	protocol  string
}

// A record is one event before it is written out.
type record struct {
	at       float64
	proc     *proc
	dest     int32
	sent     uint32
	received uint32
	millis   uint32
	boot     int32
	port     uint16
	flags    uint8
}

// Flags of a record.
const (
	failed  = 1 << iota // no answer
	named               // the sensor knows the name of the destination
	travels             // the host's address depends on the time
)

// A world is a scenario with all that was drawn.
type world struct {
	sc     *Scenario
	seed   uint64
	length float64 // seconds
	hosts  []*host
	dests  []dest
	used   map[netip.Addr]bool
	known  map[string][]int32 // destinations of services that several hosts call
	cdn    []netip.Addr       // shared addresses
	sites  [][]int32          // what people browse
	ads    []int32            // what pages load beside

	callers []*caller
	next    []float64 // when each caller is due

	until float64
	buf   []record // of this slice of time
	late  []record // of later ones
}

func newWorld(sc *Scenario, seed uint64) *world {
	return &world{
		sc: sc, seed: stream(seed, sc.Name).Uint64(), length: sc.Length.Seconds(),
		used: make(map[netip.Addr]bool), known: make(map[string][]int32),
	}
}

func (w *world) stream(parts ...string) *rand.Rand { return stream(w.seed, parts...) }

// newAddress returns an address that no other server has.
func (w *world) newAddress(r *rand.Rand, b block) netip.Addr {
	for {
		if a := address(r, b); !w.used[a] {
			w.used[a] = true
			return a
		}
	}
}

// sharedAddress returns one that many names stand behind.
func (w *world) sharedAddress(r *rand.Rand) netip.Addr {
	if len(w.cdn) == 0 {
		own := w.stream("cdn")
		for range 60 {
			w.cdn = append(w.cdn, w.newAddress(own, cdnBlock))
		}
	}
	return oneOf(r, w.cdn)
}

func (w *world) newDest(d dest) int32 {
	if d.port == 0 {
		d.port = 443
	}
	if d.transport == "" {
		d.transport = "tcp"
	}
	if d.protocol == "" && d.transport == "tcp" {
		switch d.port {
		case 443, 8443, 993, 465:
			d.protocol = "tls"
		case 80, 8080, 8000:
			d.protocol = "http"
		}
	}
	if d.port == 53 {
		d.protocol = "dns"
	}
	w.dests = append(w.dests, d)
	return int32(len(w.dests) - 1)
}

// A server says where a service is.
type server struct {
	domain    string // "" for a raw address
	addresses int
	block     block
	shared    bool // behind addresses of a CDN
	port      uint16
	udp       bool
}

// service returns the destinations of s, drawn from r.
func (w *world) service(r *rand.Rand, s server) []int32 {
	var out []int32
	d := dest{domain: s.domain, port: s.port}
	if s.udp {
		d.transport = "udp"
	}
	for range max(1, s.addresses) {
		if s.shared {
			d.addr = w.sharedAddress(r)
		} else {
			d.addr = w.newAddress(r, s.block)
		}
		out = append(out, w.newDest(d))
	}
	return out
}

// common returns the destinations of a service that several hosts call, the same for each.
func (w *world) common(key string, s server) []int32 {
	ds, ok := w.known[key]
	if !ok {
		ds = w.service(w.stream("service", key), s)
		w.known[key] = ds
	}
	return ds
}

// run returns the process of a program on h, the same one for the same name and role.
func (w *world) run(h *host, im image, role string) *proc {
	key := im.name + "\x00" + im.dir + "\x00" + im.version + "\x00" + role
	if p := h.procs[key]; p != nil {
		return p
	}
	s := w.sc.Sensor
	p := &proc{image: im, host: h, boot: -1, seed: stream(h.seed, "process", key).Uint64()}
	e := &p.event
	e.SourceIP = h.addr
	if s.View == ViewHosts {
		e.HostName, e.ProcessName, e.UserName = h.name, im.name, h.user
		if strings.HasPrefix(im.parent, "services") || h.kind&(winServer|linServer|iot) != 0 {
			e.UserName = "SYSTEM"
			if h.kind&(linServer|iot) != 0 {
				e.UserName = "root"
			}
		}
		if s.Identity {
			w.identify(h, im, e)
		}
	}
	p.ja3 = fileHash("ja3", cmp.Or(im.ja3, "schannel"))[:32]
	e.EventCategory, e.EventAction = "network", "disconnect_received"
	h.procs[key] = p
	h.order = append(h.order, p)
	return p
}

// identify fills in what Elastic Defend tells of a program.
func (w *world) identify(h *host, im image, e *event.Event) {
	dir := strings.ReplaceAll(im.dir, "{user}", h.user)
	sep := `\`
	if strings.HasPrefix(dir, "/") {
		sep = "/"
	}
	e.ProcessExecutable = dir + sep + im.name
	e.ProcessHashSHA256 = fileHash(im.name, dir0(im.dir), im.version)
	e.ProcessParentName = im.parent
	if im.parent != "" {
		e.ProcessParentHashSHA256 = fileHash(im.parent, "", "")
	}
	if h.unsigned || h.kind&(linServer|iot) != 0 {
		return
	}
	e.SignatureExists = event.TristateOf(im.signer != "")
	if im.signer == "" {
		return
	}
	e.SignatureSubjectName = im.signer
	if strings.HasPrefix(im.signer, "!") { // a signature that nobody vouches for
		e.SignatureSubjectName = im.signer[1:]
		e.SignatureTrusted, e.SignatureValid, e.SignatureStatus = event.False, event.False, "errorUntrustedRoot"
		return
	}
	e.SignatureTrusted, e.SignatureValid, e.SignatureStatus = event.True, event.True, "trusted"
}

// dir0 is the folder of a program for its hash: files of the same name elsewhere are others.
func dir0(dir string) string { return strings.ReplaceAll(dir, "{user}", "") }

func fileHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hexcode.EncodeToString(sum[:])
}

// start gives p the pid and the entity id that it has after a number of starts of its host.
func (p *proc) start(boot int32) {
	p.boot = boot
	x := mix(p.seed + uint64(boot)*0x9e3779b97f4a7c15)
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:], x)
	binary.LittleEndian.PutUint64(b[8:], mix(x+1))
	binary.LittleEndian.PutUint64(b[16:], mix(x+2))
	p.event.ProcessPID = 4 * int64(200+x>>40%8000)
	p.event.ProcessEntityID = base64.StdEncoding.EncodeToString(b[:])
}

// add puts a caller into the world.
func (w *world) add(c *caller) {
	c.lag = cmp.Or(c.lag, 0.15)
	c.duration = cmp.Or(c.duration, 0.8)
	w.callers = append(w.callers, c)
	w.next = append(w.next, c.start())
}

// put keeps one event of the caller that is being filled, unless the sensor loses it.
func (w *world) put(c *caller, at float64, dest int32, sent, received uint32, duration float64, flags uint8) bool {
	if at >= w.length || w.sc.Sensor.Loss > 0 && chance(c.r, w.sc.Sensor.Loss) {
		return false
	}
	rec := record{
		at: at, proc: c.procs[c.proc], dest: dest, sent: sent, received: received, millis: uint32(duration * 1000),
		boot: int32(c.boot), port: uint16(49152 + c.r.Uint32()&16383), flags: flags,
	}
	if c.host.named {
		rec.flags |= named
	}
	if len(c.host.trips) > 0 {
		rec.flags |= travels
	}
	if at < w.until {
		w.buf = append(w.buf, rec)
	} else {
		w.late = append(w.late, rec)
	}
	return true
}

// emit calls f for every event, in order of time.
func (w *world) emit(f func(*event.Event) error) error {
	// Seconds that are made at once: few enough that a record is still in the cache when it is
	// written out, and that few callers are asked in vain.
	slice := max(60, min(1800, w.length*float64(len(w.callers))/32768))
	type key struct {
		at float64
		i  int32
	}
	var keys []key
	start := w.sc.Start.UnixNano()
	for from := 0.0; from < w.length; from += slice {
		w.until = min(from+slice, w.length)
		w.buf = w.buf[:0]
		kept := w.late[:0]
		for _, rec := range w.late {
			if rec.at < w.until {
				w.buf = append(w.buf, rec)
			} else {
				kept = append(kept, rec)
			}
		}
		w.late = kept
		for i, at := range w.next {
			if at < w.until {
				w.next[i] = w.callers[i].fill(w, at, w.until)
			}
		}
		keys = keys[:0]
		for i := range w.buf {
			keys = append(keys, key{w.buf[i].at, int32(i)})
		}
		slices.SortFunc(keys, func(a, b key) int {
			if a.at != b.at {
				if a.at < b.at {
					return -1
				}
				return 1
			}
			return int(a.i - b.i)
		})
		for _, k := range keys {
			if err := f(w.event(&w.buf[k.i], start)); err != nil {
				return err
			}
		}
	}
	return nil
}

// event returns rec as an event: that of its process, in which what differs from call to
// call is written over. Copying the whole of it costs half of all time.
func (w *world) event(rec *record, start int64) *event.Event {
	p := rec.proc
	d := &w.dests[rec.dest]
	s := &w.sc.Sensor
	e := &p.event
	e.TimeNanos = start + int64(rec.at*1e6)*1000 // microseconds
	e.DurationNanos = int64(rec.millis) * 1e6
	if rec.flags&travels != 0 {
		e.SourceIP = p.host.sourceAt(rec.at)
	}
	e.SourcePort = rec.port
	e.DestinationIP, e.DestinationPort = d.addr, d.port
	e.SourceBytes, e.DestinationBytes = int64(rec.sent), int64(rec.received)
	e.NetworkTransport, e.NetworkProtocol = d.transport, d.protocol
	if rec.flags&named != 0 {
		e.DestinationDomain = d.domain
	}
	if s.TLS {
		e.TLSServerName, e.TLSClientJA3, e.UserAgent = "", "", ""
		switch {
		case d.protocol == "tls" && rec.flags&failed == 0:
			e.TLSServerName, e.TLSClientJA3 = e.DestinationDomain, p.ja3
		case d.protocol == "http":
			e.UserAgent = p.image.agent
		}
	}
	if p.boot != rec.boot && s.Identity && s.View == ViewHosts {
		p.start(rec.boot)
	}
	if s.States {
		e.ConnectionState = "SF"
		if rec.flags&failed != 0 {
			e.ConnectionState = "S0"
			if rec.dest%3 == 0 { // a server that is gone answers with silence or a reset, always the same
				e.ConnectionState = "REJ"
			}
		}
	}
	return e
}

// labels returns what is true of the rows that were called.
func (w *world) labels(seed uint64) *labels.File {
	f := &labels.File{
		Dataset: w.sc.Name,
		Note: fmt.Sprintf("Made by fresnel simulate, seed %d. Rows without a label are benign. period_s is the sleep that was set, jitter its share of that; callbacks are those in the data, without tasks and retries.",
			seed),
	}
	at := make(map[string]int)
	start := float64(w.sc.Start.Unix())
	for _, c := range w.callers {
		if c.truth == nil {
			continue
		}
		for _, r := range c.truth.rows {
			d := &w.dests[r.dest]
			l := c.truth.label
			if !bad(&l) && l.Implant == "" && r.calls < leastLabelled {
				continue // too few to be called a timer
			}
			l.Period, l.Jitter = math.Round(l.Period*1e3)/1e3, math.Round(l.Jitter*1e4)/1e4
			e := &c.procs[r.proc].event
			l.Host, l.Process = e.HostName, e.ProcessName
			if e.HostName == "" {
				l.Source = e.SourceIP.String()
			}
			l.Dest = d.addr.String()
			if c.host.named {
				l.Domain = d.domain
			}
			l.Callbacks = r.calls
			l.First, l.Last = micros(start+r.first), micros(start+r.last)
			key := l.Host + "\x00" + l.Process + "\x00" + l.Source + "\x00" + l.Dest + "\x00" + l.Domain
			i, ok := at[key]
			if !ok {
				at[key] = len(f.Labels)
				f.Labels = append(f.Labels, l)
				continue
			}
			// Two loops share the row: an implant's wins, its calls are all that there are.
			old := &f.Labels[i]
			if bad(&l) && !bad(old) {
				l, *old = *old, l
			} else if bad(old) && !bad(&l) {
				continue
			}
			old.Callbacks += l.Callbacks
			old.First, old.Last = min(old.First, l.First), max(old.Last, l.Last)
		}
	}
	return f
}

// leastLabelled is how many calls a benign row has that gets a label.
const leastLabelled = 6

func bad(l *labels.Label) bool { return l.Beacon != nil && *l.Beacon }

func micros(t float64) float64 { return math.Round(t*1e6) / 1e6 }

// Run makes the world of sc for a seed and calls emit for each of its events in order of
// time; the event is valid until emit returns, and not to be changed. It returns the labels.
// The same scenario and seed give the same events. An error of emit ends the run.
func (sc *Scenario) Run(seed uint64, emit func(*event.Event) error) (*labels.File, error) {
	if err := sc.Validate(); err != nil {
		return nil, err
	}
	w := newWorld(sc, seed)
	w.makeHosts()
	w.makeSoftware()
	w.makeCrowd()
	if err := w.makeImplants(); err != nil {
		return nil, err
	}
	w.makePairs()
	if len(w.callers) == 0 {
		return nil, errors.New("scenario: got neither hosts nor bots nor noise, want some")
	}
	if err := w.emit(emit); err != nil {
		return nil, err
	}
	return w.labels(seed), nil
}

// makeHosts draws the fleet.
func (w *world) makeHosts() {
	r := w.stream("fleet")
	offset := w.sc.UTCOffset.Seconds()
	total := 0.0
	for _, k := range kinds {
		total += w.sc.Fleet[k.name]
	}
	style := r.IntN(4)
	site := oneOf(r, []string{"", "", "fra-", "lon-", "hq", "nyc", "b2-"})
	var fleet []int // index of kinds, one per host
	left := 0.0
	for i, k := range kinds {
		left += w.sc.Fleet[k.name] / max(total, 1e-9) * float64(w.sc.Hosts)
		for ; left >= 0.5 && len(fleet) < w.sc.Hosts; left-- {
			fleet = append(fleet, i)
		}
	}
	for i := range fleet {
		k := kinds[fleet[i]]
		own := w.stream("host", strconv.Itoa(i))
		h := &host{index: i, kind: k.kind, seed: own.Uint64(), procs: make(map[string]*proc)}
		number := fmt.Sprintf("%03d", i+1)
		if style == 1 {
			number = strings.ToUpper(hex(own, 7)) + strconv.Itoa(i)
		}
		h.name = site + k.prefix[i%len(k.prefix)] + "-" + number
		if style == 2 {
			h.name = strings.ToUpper(h.name)
		}
		h.user = userName(own)
		h.addr = netip.AddrFrom4([4]byte{10, byte(10 + i>>14), byte(i / 200), byte(10 + i%200)})
		h.habit = habits(own, k.kind, w.sc.Start, w.length, offset)
		h.unsigned = chance(own, w.sc.Sensor.Unsigned)
		h.named = chance(own, w.sc.Sensor.Names)
		if w.sc.Sensor.View == ViewHosts && k.kind&(laptop|mac) != 0 && chance(own, 0.4) {
			h.away = netip.AddrFrom4([4]byte{192, 168, byte(own.IntN(3)), byte(2 + own.IntN(200))})
			at := own.Float64() * w.length
			h.trips = []span{{from: at, to: at + between(own, 4, 30)*3600}}
		}
		w.hosts = append(w.hosts, h)
	}
}

// hostsOf returns the hosts of some kinds.
func (w *world) hostsOf(k kind) []*host {
	var out []*host
	for _, h := range w.hosts {
		if h.kind&k != 0 {
			out = append(out, h)
		}
	}
	return out
}
