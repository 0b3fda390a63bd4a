package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"fresnel/internal/labels"
)

// A framework is how agents of one C2 framework time their calls and how much they send.
// Source: c2-timing.md, "C2 callback timing and size".
type framework struct {
	name           string
	model          gapKind
	period, jitter float64   // defaults
	low, high      float64   // seconds, what operators set
	jitters        []float64 // what operators set; none: the default only
	size           func(r *rand.Rand) sizes
	port           uint16 // 0: as usual
	udp            bool
	long           bool // one long connection, which is no matter of timing
	on             kind // hosts that its agents run on
}

var anyJitter = []float64{0, 0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.37, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}

var frameworks = []framework{
	{name: "cobalt-strike", model: gapBelow, period: 60, low: 10, high: 7200, jitters: anyJitter, size: timerSizes, on: windows},
	{name: "sliver", model: gapAdded, period: 60, jitter: 0.5, low: 15, high: 3600, jitters: []float64{0.1, 0.25, 0.5, 0.5, 1}, size: encoded, on: windows | linServer | mac},
	{name: "mythic-http", model: gapAbout, period: 10, jitter: 0.23, low: 10, high: 3600, jitters: anyJitter, size: plain, on: windows | linServer | mac},
	{name: "poseidon", model: gapLattice, period: 10, jitter: 0.23, low: 10, high: 1800, jitters: anyJitter, size: plain, on: windows | linServer | mac},
	{name: "apollo", model: gapAbout, period: 10, jitter: 0.23, low: 10, high: 3600, jitters: anyJitter, size: plain, on: windows},
	{name: "havoc", model: gapAbout, period: 2, jitter: 0.15, low: 2, high: 1800, jitters: anyJitter, size: plain, on: windows},
	{name: "empire", model: gapInteger, period: 5, low: 5, high: 1800, jitters: anyJitter, size: plain, on: windows},
	{name: "poshc2", model: gapAbout, period: 5, jitter: 0.2, low: 5, high: 1800, jitters: anyJitter, size: encoded, on: windows},
	{name: "covenant", model: gapRounded, period: 5, jitter: 0.1, low: 5, high: 1800, jitters: anyJitter, size: plain, on: windows},
	{name: "merlin", model: gapAdded, period: 30, jitter: 0.1, low: 10, high: 3600, jitters: []float64{0.05, 0.1, 0.1, 0.3}, size: padded, on: windows | linServer | mac},
	{name: "meterpreter-http", model: gapRamp, period: 10, low: 10, high: 10, size: tiny, on: windows | linServer | mac},
	{name: "meterpreter-tcp", model: gapLogNormal, period: 4 * 3600, jitter: 0.8, low: 4 * 3600, high: 12 * 3600, size: plain, long: true, on: windows | linServer | mac},
	{name: "pupy", model: gapLogNormal, period: 6 * 3600, jitter: 0.8, low: 4 * 3600, high: 12 * 3600, size: plain, long: true, on: windows | linServer | mac},
	{name: "koadic", model: gapAbout, period: 25, jitter: 0.04, low: 15, high: 60, jitters: []float64{0.02, 0.05}, size: tiny, on: windows},
	{name: "caldera", model: gapAbout, period: 45, jitter: 1.0 / 3, low: 45, high: 45, size: plain, on: windows | linServer | mac},
	{name: "dnscat2", model: gapFixed, period: 1, low: 1, high: 2, size: lookups, port: 53, udp: true, on: windows | linServer | mac},
	{name: "iodine", model: gapAbout, period: 4, jitter: 0.02, low: 4, high: 4, size: lookups, port: 53, udp: true, on: windows | linServer | mac},
	{name: "sunburst", model: gapAbout, period: 900, jitter: 0.1, low: 600, high: 5400, jitters: []float64{0.1, 0.1, 0.3, 0.5}, size: timerSizes, on: windows},
	{name: "brute-ratel", model: gapAbout, period: 60, jitter: 0.5, low: 20, high: 3600, jitters: []float64{0.5, 0.6, 0.7, 0.8, 0.9}, size: timerSizes, on: windows},
	{name: "nighthawk", model: gapAbout, period: 120, jitter: 0.3, low: 30, high: 7200, jitters: []float64{0.2, 0.4, 0.6, 0.8}, size: padded, on: windows},
	{name: "slow", model: gapAbout, period: 4 * 3600, jitter: 0.1, low: 3600, high: 24 * 3600, jitters: []float64{0, 0.05, 0.1, 0.2, 0.4}, size: timerSizes, on: windows | linServer | mac},
	{name: "fibonacci", model: gapFibonacci, period: 30, low: 10, high: 120, size: plain, on: windows | linServer | mac},
	{name: "bot", model: gapPauses, period: 240, jitter: 0.1, low: 120, high: 600, jitters: []float64{0.05, 0.1, 0.2}, size: timerSizes, on: windows},
}

func frameworkNames() []string {
	names := make([]string, len(frameworks))
	for i, f := range frameworks {
		names[i] = f.name
	}
	return names
}

func plain(r *rand.Rand) sizes {
	return noisy(logBetween(r, 280, 2500), logBetween(r, 150, 1800), oneOf(r, []float64{0, 0, 0.005, 0.02}))
}

func tiny(r *rand.Rand) sizes { return noisy(logBetween(r, 250, 600), logBetween(r, 120, 260), 0.01) }

// encoded messages change in length with their encoder and nonce.
func encoded(r *rand.Rand) sizes {
	return sizes{sent: logBetween(r, 400, 2500), received: logBetween(r, 300, 2500), noise: between(r, 0.1, 0.45)}
}

func padded(r *rand.Rand) sizes {
	return sizes{sent: logBetween(r, 300, 1500), received: logBetween(r, 250, 1500), padding: 4096}
}

func lookups(r *rand.Rand) sizes {
	return sizes{sent: between(r, 60, 160), received: between(r, 90, 250), noise: 0.05}
}

var gapModels = map[string]gapKind{
	"fixed": gapFixed, "below": gapBelow, "about": gapAbout, "added": gapAdded, "lattice": gapLattice, "integer": gapInteger,
	"rounded": gapRounded, "ramp": gapRamp, "fibonacci": gapFibonacci, "pauses": gapPauses, "clock": gapClock,
}

var orders = map[string]pick{"": pickFailover, "any": pickAny, "turn": pickTurn, "sequence": pickSequence, "failover": pickFailover}

var retreats = map[string]retreat{"": retreatNone, "none": retreatNone, "linear": retreatLinear, "exponential": retreatExponential}

// makeImplants adds all implants of the scenario.
func (w *world) makeImplants() error {
	r := w.stream("implants")
	var all []Implant
	im := &w.sc.Implants
	for _, f := range frameworks {
		for range im.Frameworks[f.name] {
			all = append(all, Implant{Framework: f.name})
		}
	}
	// What is not given is shared out, so that each world has its share.
	n := len(all)
	injected, recent, fronted := quota(r, n, im.Injected), quota(r, n, im.New), quota(r, n, im.Fronted)
	raw, failover := quota(r, n, im.Raw), quota(r, n, im.Failover)
	for i := range all {
		all[i].Injected, all[i].Fronted = &injected[i], &fronted[i]
		raw[i] = raw[i] && !fronted[i]
		all[i].Raw = &raw[i]
		own := w.stream("implant", all[i].Framework, strconv.Itoa(i), "trouble")
		if recent[i] {
			all[i].From = time.Duration(between(own, 0.05, 0.7) * float64(w.sc.Length))
		}
		if failover[i] {
			all[i].Servers = 2 + own.IntN(9)
			all[i].Order = oneOf(own, []string{"turn", "any", "sequence", "failover"})
		}
		w.trouble(own, &all[i])
	}
	for _, row := range im.Rows {
		for range max(1, row.Count) {
			all = append(all, row)
		}
	}
	hosts := w.hostsOf(windows | linServer | mac)
	r.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	taken := make(map[*host]int)
	servers := make(map[string]targets) // of the newest implant of a framework
	joins := quota(w.stream("implants", "campaign"), n, im.Campaign)
	signed, program := quota(r, len(all), im.Signed), quota(r, len(all), im.Program)
	disguised := quota(w.stream("implants", "disguised"), len(all), im.Disguised)
	for i := range all {
		spec := &all[i]
		f := frameworkOf(spec.Framework)
		h := place(hosts, taken, f, spec.From.Seconds())
		if h == nil {
			return fmt.Errorf("implants: %s: got no host in fleet that can have it, want %s", f.name, kindNames(f.on))
		}
		taken[h]++
		id := fmt.Sprintf("implant-%03d", i+1)
		if disguised[i] && spec.Process == "" && (spec.Injected == nil || !*spec.Injected) {
			spec.Process = w.idler(w.stream("implant", f.name, strconv.Itoa(i), "disguise"), h.kind, traits{}).name
		}
		c := w.implant(w.stream("implant", f.name, strconv.Itoa(i)), h, id, spec, nil, signed[i], program[i])
		if before, ok := servers[f.name]; ok && i < n && joins[i] {
			c.to = before
		} else {
			servers[f.name] = c.to
		}
		if spec.Twin {
			w.implant(w.stream("implant", f.name, strconv.Itoa(i), "twin"), h, id+"b", spec, c.procs[0], signed[i], program[i])
		}
	}
	return nil
}

func frameworkOf(name string) *framework {
	return &frameworks[slices.IndexFunc(frameworks, func(f framework) bool { return f.name == name })]
}

// place returns the host for an implant that comes at from: one of those that have the
// fewest implants, and on long enough afterwards for some callbacks.
func place(hosts []*host, taken map[*host]int, f *framework, from float64) *host {
	var best *host
	enough := false
	for _, h := range hosts {
		if h.kind&f.on == 0 {
			continue
		}
		life := total(clip(h.awake, from, math.Inf(1)))
		long := life >= 20*f.low || f.low > 1800 && life >= 8*f.low
		if best == nil || long && !enough || long == enough && taken[h] < taken[best] {
			best, enough = h, long
		}
	}
	return best
}

func kindNames(on kind) string {
	var names []string
	for _, k := range kinds {
		if k.kind&on != 0 {
			names = append(names, k.name)
		}
	}
	return strings.Join(names, ", ")
}

func total(spans []span) float64 {
	sum := 0.0
	for _, s := range spans {
		sum += s.to - s.from
	}
	return sum
}

// trouble draws what makes the calls of an implant uneven.
func (w *world) trouble(r *rand.Rand, im *Implant) {
	p := w.sc.Implants.Troubled
	if chance(r, 0.4) {
		im.Loss = logBetween(r, 0.005, 0.04)
	}
	if chance(r, p) {
		im.Loss = between(r, 0.02, 0.2)
		im.Retries = r.IntN(4)
	}
	if chance(r, p) {
		im.Down = time.Duration(logBetween(r, 600, 4*3600) * float64(time.Second))
		im.Retreat = oneOf(r, []string{"none", "linear", "exponential"})
		im.Retries = r.IntN(4)
	}
	im.WorkingHours = chance(r, p/2)
	if chance(r, p) {
		im.Tasks = logBetween(r, 0.003, 0.03)
	}
	if chance(r, p/2) {
		im.ChangeAfter = time.Duration(between(r, 0.15, 0.6) * float64(w.sc.Length-im.From))
	}
	im.Migrates = chance(r, p/3)
	im.Twin = chance(r, p/4)
}

// implant adds one implant to a host. A twin lives in another process of the same program as first.
func (w *world) implant(r *rand.Rand, h *host, id string, im *Implant, first *proc, signed, program bool) *caller {
	f := frameworkOf(im.Framework)
	from, to := im.From.Seconds(), w.length
	if im.To > 0 {
		to = min(to, im.To.Seconds())
	}
	spans := clip(h.awake, from, to)
	if im.WorkingHours {
		start, end := between(r, 7, 9.5), between(r, 16, 19)
		local := w.sc.Start.Add(w.sc.UTCOffset)
		if hours := cross(spans, daily(local, w.length, start, end, false)); len(hours) > 0 {
			spans = hours
		}
	}
	on := total(spans)
	g := f.draw(r, im, on)
	c := &caller{
		r: r, host: h, spans: spans, gaps: g, size: f.size(r), lag: logBetween(r, 0.03, 0.8), loss: im.Loss, retries: im.Retries,
		retreat: retreats[im.Retreat], tasks: im.Tasks, tasked: heavySizes(logBetween(r, 2000, 40000), logBetween(r, 500, 4000)), duration: logBetween(r, 0.05, 2),
	}
	if im.Padding > 0 {
		c.size.padding = float64(im.Padding)
	}
	if f.long {
		c.duration = g.period * 0.8
	}
	if g.kind == gapFixed || g.kind == gapRamp || f.udp { // bounds the events of those that call every second or so
		if most := 12000 * max(g.period, 2); on > most {
			last := spans[0].from
			for _, s := range spans {
				last = s.from + min(s.to-s.from, most)
				if most -= s.to - s.from; most <= 0 {
					break
				}
			}
			c.spans = clip(spans, 0, last)
		}
	}
	c.procs = w.implantProcs(r, h, im, f, signed, program)
	if first != nil {
		c.procs[0] = w.run(h, first.image, "twin "+id)
	}
	if im.Framework == "koadic" {
		c.forks = 10
	} else if len(c.procs) > 1 {
		c.moveAt = from + between(r, 0.25, 0.75)*(to-from)
	}
	c.to = w.implantServers(r, im, f, to-from)
	if im.Down > 0 {
		at := from + between(r, 0.2, 0.8)*(to-from)
		c.down = []span{{from: at, to: at + im.Down.Seconds()}}
	}
	if im.ChangeAfter > 0 {
		later := g
		later.period = im.ChangeTo.Seconds()
		if later.period == 0 {
			later.period = math.Round(g.period * oneOf(r, []float64{0.2, 0.5, 3, 10, 60}))
		}
		later.period = max(1, min(later.period, (to-from)/16))
		c.changes = []change{{at: from + im.ChangeAfter.Seconds(), gaps: later}}
	}
	yes := true
	l := labels.Label{Beacon: &yes, Periodic: &yes, Framework: f.name, Implant: id, Period: g.period, Jitter: g.jitter}
	if f.long {
		no := false
		l.Beacon, l.Periodic, l.Jitter = nil, &no, 0
		l.Evidence = "one connection that stays open: not a matter of the timing of calls"
	}
	c.truth = &truth{label: l}
	w.add(c)
	return c
}

// draw returns the timing of an implant that lives for so many seconds.
func (f *framework) draw(r *rand.Rand, im *Implant, life float64) gaps {
	g := gaps{kind: f.model, period: f.period, jitter: f.jitter}
	if !chance(r, 0.35) {
		g.period = pollerPeriod(r, f.low, f.high)
		if f.low == f.high {
			g.period = f.low
		}
	}
	g.period = max(min(g.period, life/20), min(f.low, f.period))
	if f.name == "slow" {
		g.period = logBetween(r, f.low, min(f.high, max(f.low, life/8)))
	}
	if len(f.jitters) > 0 {
		g.jitter = oneOf(r, f.jitters)
	}
	if im.Period > 0 {
		g.period = im.Period.Seconds()
	}
	if im.Jitter != nil {
		g.jitter = *im.Jitter
	}
	if im.Model != "" {
		g.kind = gapModels[im.Model]
	}
	switch g.kind {
	case gapLattice, gapInteger, gapRounded:
		g.period = max(1, math.Round(g.period)) // these are set in whole seconds
	case gapFibonacci:
		g.high = 3600
	}
	return g
}

var busyNames = []string{
	"svchost.exe", "explorer.exe", "chrome.exe", "msedge.exe", "Teams.exe", "OneDrive.exe", "OUTLOOK.EXE", "RuntimeBroker.exe",
	"taskhostw.exe", "backgroundTaskHost.exe", "firefox.exe", "slack.exe", "SearchApp.exe", "WINWORD.EXE",
}

// lolbins are programs of the system that run other people's code.
var lolbins = []image{
	{name: "rundll32.exe", dir: system32, signer: msWindows},
	{name: "powershell.exe", dir: system32 + `\WindowsPowerShell\v1.0`, signer: msWindows},
	{name: "regsvr32.exe", dir: system32, signer: msWindows},
	{name: "mshta.exe", dir: system32, signer: msWindows},
	{name: "dllhost.exe", dir: system32, signer: msWindows},
	{name: "MSBuild.exe", dir: `C:\Windows\Microsoft.NET\Framework64\v4.0.30319`, signer: microsoft},
	{name: "wscript.exe", dir: system32, signer: msWindows},
	{name: "python.exe", dir: appData + `\Programs\Python\Python312`, signer: "Python Software Foundation", ja3: "python"},
}

// implantProcs returns the processes that an implant runs in, the first of them first.
func (w *world) implantProcs(r *rand.Rand, h *host, im *Implant, f *framework, signed, program bool) []*proc {
	var procs []*proc
	n := 1
	if im.Migrates {
		n = 2
	}
	injected := im.Injected != nil && *im.Injected
	for i := range n {
		role := "implant " + strconv.FormatUint(r.Uint64(), 36)
		if injected || i == 1 {
			if p := busy(r, h); p != nil {
				if chance(r, 0.5) { // another process of the same name
					p = w.run(h, p.image, role)
				}
				procs = append(procs, p)
				continue
			}
		}
		procs = append(procs, w.run(h, implantImage(r, h.kind, im, signed, program), role))
	}
	if im.Process != "" {
		image := madeUp(r, h.kind, signed, program)
		image.name = im.Process
		for _, p := range h.order {
			if p.image.name == im.Process {
				image = p.image
			}
		}
		procs[0] = w.run(h, image, "implant "+strconv.FormatUint(r.Uint64(), 36))
	}
	if f.name == "koadic" {
		procs = nil
		for i := range 24 {
			of := oneOf(r, []image{lolbins[0], lolbins[2], lolbins[3], lolbins[3]})
			of.parent = "explorer.exe"
			procs = append(procs, w.run(h, of, "koadic "+strconv.Itoa(i)+" "+strconv.FormatUint(r.Uint64(), 36)))
		}
	}
	return procs
}

// busy returns a process of h that calls a lot anyway, nil when there is none.
func busy(r *rand.Rand, h *host) *proc {
	var all []*proc
	for _, p := range h.order {
		if slices.Contains(busyNames, p.image.name) || h.kind&(windows) == 0 && p.image.signer != "" {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[r.IntN(len(all))]
}

// implantImage returns the file that an implant runs from.
func implantImage(r *rand.Rand, k kind, im *Implant, signed, program bool) image {
	file := madeUp(r, k, signed, program)
	if k&windows == 0 {
		return file
	}
	if !program && chance(r, 0.5) {
		file.dir = oneOf(r, []string{appData + `\Temp`, `C:\Windows\Temp`, `C:\Users\Public`, `C:\ProgramData`, `C:\Users\{user}\Downloads`, `C:\Users\{user}\AppData\Roaming`, `C:\Windows`, `C:\PerfLogs`})
	}
	file.parent = oneOf(r, []string{"explorer.exe", "explorer.exe", "svchost.exe", "services.exe", "cmd.exe", "powershell.exe", "WINWORD.EXE", "OUTLOOK.EXE", "wscript.exe", "msiexec.exe"})
	switch u := r.Float64(); {
	case im.Framework == "caldera" && u < 0.7:
		file.name = "splunkd.exe"
	case u < 0.10:
		file.name = oneOf(r, []string{"svchost.exe", "taskhostw.exe", "OneDrive.exe", "RuntimeBroker.exe", "dllhost.exe", "chrome.exe", "GoogleUpdate.exe", "Teams.exe"})
	case u < 0.24:
		parent := file.parent
		file = oneOf(r, lolbins)
		file.parent = parent
	}
	return file
}

// implantServers returns where an implant calls.
func (w *world) implantServers(r *rand.Rand, im *Implant, f *framework, life float64) targets {
	yes := func(b *bool) bool { return b != nil && *b }
	port := pollerPort(r)
	if f.port != 0 {
		port = f.port
	}
	if im.Port != 0 {
		port = uint16(im.Port)
	}
	servers := max(1, im.Servers)
	t := targets{rule: orders[im.Order], dwell: im.Dwell.Seconds()}
	if t.dwell == 0 {
		t.dwell = life / float64(servers)
	}
	for range servers {
		s := server{port: port, udp: f.udp, shared: yes(im.Fronted)}
		if (!yes(im.Raw) || s.shared) && !f.udp {
			s.domain = domainName(r)
		}
		t.of = append(t.of, w.service(r, s)...)
	}
	return t
}
