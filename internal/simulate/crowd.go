package simulate

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// makeCrowd adds all benign callers beside the known programs.
func (w *world) makeCrowd() {
	if len(w.hosts) == 0 {
		return
	}
	w.makeSites()
	for _, h := range w.hostsOf(office | mac) {
		w.browse(h)
	}
	for _, class := range slices.Sorted(maps.Keys(w.sc.Tools)) {
		r := w.stream("tools", class)
		for i := range around(r, w.sc.Tools[class]) {
			w.tool(class, i)
		}
	}
	for _, class := range slices.Sorted(maps.Keys(w.sc.PerHost)) {
		m := perHost[class]
		hosts := w.hostsOf(m.on)
		r := w.stream("per host", class)
		mean := w.sc.PerHost[class]
		whole := int(math.Floor(mean))
		more := quota(r, len(hosts), mean-float64(whole))
		// Traits of the rare tools are shared out, so that each world has its share.
		n := 0
		for i := range hosts {
			n += whole
			if more[i] {
				n++
			}
		}
		traits := w.rareTraits(r, n)
		for i, h := range hosts {
			k := whole
			if more[i] {
				k++
			}
			for j := range k {
				m.add(w, h, stream(h.seed, "crowd", class, strconv.Itoa(j)), traits[0])
				traits = traits[1:]
			}
		}
	}
}

// traits are what is shared out among tools that one host has.
type traits struct{ signed, program, old bool }

func (w *world) rareTraits(r *rand.Rand, n int) []traits {
	signed, program, old := quota(r, n, w.sc.Rare.Signed), quota(r, n, w.sc.Rare.Program), quota(r, n, w.sc.Rare.Old)
	out := make([]traits, n)
	for i := range out {
		out[i] = traits{signed[i], program[i], old[i]}
	}
	return out
}

// makeSites makes what people browse: sites, and what pages load beside.
func (w *world) makeSites() {
	r := w.stream("sites")
	for range 300 + 12*len(w.hosts) {
		s := server{domain: "www." + registrable(r), addresses: 1 + r.IntN(3), shared: chance(r, 0.4)}
		if chance(r, 0.5) {
			s.domain = domainName(r)
		}
		w.sites = append(w.sites, w.service(r, s))
	}
	for range 160 {
		w.ads = append(w.ads, w.service(r, server{domain: domainName(r), addresses: 1 + r.IntN(3), shared: chance(r, 0.5)})...)
	}
}

// site returns a site, popular ones more often.
func (w *world) site(r *rand.Rand) []int32 {
	return w.sites[int(math.Pow(r.Float64(), 2.2)*float64(len(w.sites)))]
}

var browserNames = []string{"chrome.exe", "msedge.exe", "firefox.exe", "chrome", "msedge", "firefox"}

// browser returns the browser that the user of h has, nil when none is installed.
func (w *world) browser(r *rand.Rand, h *host) *proc {
	var all []*proc
	for _, p := range h.order {
		if slices.Contains(browserNames, p.image.name) {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[r.IntN(len(all))]
}

// browse adds the sessions of a user.
func (w *world) browse(h *host) {
	r := stream(h.seed, "browse")
	p := w.browser(r, h)
	if p == nil || w.sc.Activity == 0 {
		return
	}
	var own []int32
	for range 60 + r.IntN(80) {
		own = append(own, w.site(r)...)
	}
	c := &caller{
		r: r, host: h, procs: []*proc{p}, spans: h.active, gaps: spread(logBetween(r, 25, 110)/w.sc.Activity, 1.3),
		size: heavySizes(1900, 24000), to: targets{of: own, rule: pickNear},
		extra: logBetween(r, 1.2, 3.5), beside: targets{of: w.ads, rule: pickNear}, besize: heavySizes(1300, 9000), duration: 6,
	}
	w.add(c)
}

// pollerPort is the port of a program that polls, good or bad.
func pollerPort(r *rand.Rand) uint16 {
	switch u := r.Float64(); {
	case u < 0.76:
		return 443
	case u < 0.86:
		return 80
	case u < 0.93:
		return oneOf(r, []uint16{8443, 8080, 8443, 4443, 8000})
	}
	return uint16(1025 + r.IntN(40000))
}

// pollerPeriod is what people set: round numbers more often than not.
func pollerPeriod(r *rand.Rand, low, high float64) float64 {
	t := logBetween(r, low, high)
	if chance(r, 0.3) {
		return t
	}
	usual := []float64{5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1200, 1800, 3600, 5400, 7200, 10800, 14400}
	best := usual[0]
	for _, u := range usual {
		if math.Abs(math.Log(u/t)) < math.Abs(math.Log(best/t)) {
			best = u
		}
	}
	return best
}

// pollerGaps is the loop of a benign program that polls.
func pollerGaps(r *rand.Rand, period float64) gaps {
	switch u := r.Float64(); {
	case u < 0.40:
		return fixed(period)
	case u < 0.60:
		return about(period, logBetween(r, 0.005, 0.4))
	case u < 0.70:
		return normal(period, logBetween(r, 0.005, 0.1))
	case u < 0.80:
		return added(period, logBetween(r, 0.02, 0.6))
	case u < 0.85:
		return below(period, logBetween(r, 0.05, 0.5))
	case u < 0.92:
		return clock(period, min(period/10, logBetween(r, 0.2, 20)))
	}
	return spread(period, between(r, 0.05, 0.3))
}

// madeUp returns the file of a made-up program of a kind of host. Folders and names are of
// the same kinds for tools and implants.
func madeUp(r *rand.Rand, k kind, signed, program bool) image {
	win := k&windows != 0
	im := image{name: programName(r, win), version: "1", ja3: oneOf(r, []string{"schannel", "schannel", "schannel", "go", "dotnet", "openssl", "chromium", "python", "java", "node"})}
	im.agent = oneOf(r, []string{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", "Mozilla/5.0", "Go-http-client/1.1", "curl/8.4.0", "python-requests/2.31.0", strings.TrimSuffix(im.name, ".exe") + "/" + strconv.Itoa(1+r.IntN(9)) + "." + strconv.Itoa(r.IntN(20))})
	if !win {
		im.dir, im.parent = oneOf(r, []string{"/usr/bin", "/usr/sbin", "/opt/" + brand(r) + "/bin", "/usr/local/bin"}), "systemd"
		if !program {
			im.dir = oneOf(r, []string{"/home/{user}/bin", "/tmp", "/var/tmp", "/home/{user}/.local/bin", "/opt/tools"})
		}
		if k == mac {
			im.dir, im.parent = "/Applications/"+title(im.name)+".app/Contents/MacOS", "launchd"
		}
	} else {
		b := title(brand(r))
		im.dir = oneOf(r, []string{programFiles, programFiles, `C:\Program Files (x86)`}) + `\` + b
		if !program {
			im.dir = oneOf(r, []string{
				appData + `\` + b, appData + `\Programs\` + b, appData + `\` + b, `C:\Users\{user}\AppData\Roaming\` + b,
				`C:\ProgramData\` + b, `C:\ProgramData\` + b, `C:\Users\{user}\Downloads`, appData + `\Temp`, `C:\` + b, `C:\Users\{user}\Desktop`,
			})
		}
		im.parent = oneOf(r, []string{"services.exe", "explorer.exe", "svchost.exe", "explorer.exe", "cmd.exe", "services.exe"})
	}
	if signed {
		im.signer = vendorName(r)
	} else if chance(r, 0.1) {
		im.signer = "!" + vendorName(r)
	}
	return im
}

// pollerServer is where a made-up program calls.
func pollerServer(r *rand.Rand) server {
	s := server{addresses: 1, port: pollerPort(r)}
	switch u := r.Float64(); {
	case u < 0.15: // a raw address
	case u < 0.35:
		s.domain, s.shared = domainName(r), true
	default:
		s.domain, s.addresses = domainName(r), 1
		if chance(r, 0.3) {
			s.addresses = 2 + r.IntN(3)
		}
	}
	return s
}

// tool adds a made-up program that many hosts have.
func (w *world) tool(class string, i int) {
	name := strconv.Itoa(i)
	r := w.stream("tool", class, name)
	on, share := office|winServer|mac, between(r, 0.6, 1)
	low, high := 150.0, 1200.0
	spans := func(h *host) []span { return h.awake }
	signed := 0.95
	switch class {
	case "updater":
		low, high = 3600, 6*3600
	case "shard":
		low, high = 90, 1200
	case "rollout":
		begin, slow := between(r, 0.2, 0.7)*w.length, between(r, 0.02, 0.2)*w.length
		spans = func(h *host) []span {
			return clip(h.awake, begin+stream(h.seed, "rollout", name).Float64()*slow, w.length)
		}
	case "department":
		share, signed = logBetween(r, 0.02, 0.2), 0.8
	case "relay":
		share = between(r, 0.1, 0.6)
		low, high = 45, 300
	case "server-agent":
		on, low = winServer|linServer, 60
	}
	base := madeUp(r, windows, chance(r, signed), class != "department" || chance(r, 0.8))
	g := pollerGaps(r, pollerPeriod(r, low, high))
	if class == "heartbeat" {
		g = about(pollerPeriod(r, 200, high), logBetween(r, 0.005, 0.2))
	}
	size := timerSizes(r)
	where := pollerServer(r)
	if where.domain == "" && class != "relay" {
		where.domain = domainName(r)
	}
	where.addresses = 1 + r.IntN(8)
	used := chance(r, 0.2) // only while the user works
	for _, h := range w.hostsOf(on) {
		own := stream(h.seed, "tool", class, name)
		if !chance(own, share) {
			continue
		}
		im := base.onKind(h.kind)
		im.version = strconv.Itoa(1 + own.IntN(2))
		c := &caller{r: own, host: h, procs: []*proc{w.run(h, im, "")}, spans: spans(h), gaps: g, size: size, duration: logBetween(own, 0.1, 3)}
		if g.kind == gapClock {
			c.gaps.phase = own.Float64() * g.period // spread over the fleet
		}
		if used {
			c.spans = cross(c.spans, h.active)
		}
		switch class {
		case "shard":
			s := where
			_, after, _ := strings.Cut(where.domain, ".")
			s.domain, s.addresses = hex(own, 8)+"."+after, 1
			c.to.of = w.service(own, s)
		case "relay":
			s := server{addresses: 1 + own.IntN(3), block: oneOf(own, []block{anyBlock, homeBlock}), port: where.port, udp: chance(own, 0.3)}
			c.to.of = w.service(own, s)
		default:
			c.to.of = w.common("tool\x00"+class+name, where)
		}
		c.to.dwell = logBetween(own, 600, 40000)
		w.usual(c)
		c.truth = benign(class, &c.gaps)
		w.add(c)
	}
}

// A maker adds one benign caller, or a few that belong together, to a host.
type maker struct {
	on  kind
	add func(w *world, h *host, r *rand.Rand, t traits)
}

// perHost are the classes that single hosts have.
var perHost = map[string]maker{
	"rare-poller":    {office | winServer | linServer | mac, rarePoller},
	"tab-refresh":    {office | mac, tab(5, 300, false)},
	"tab-pinned":     {office | mac, tab(15, 900, true)},
	"extension":      {office | mac, extension},
	"video":          {office | mac, segments(4, 10, 1_100_000)},
	"music":          {office | mac, segments(60, 240, 3_500_000)},
	"softphone":      {office | mac, softphone},
	"peer":           {office | mac, peer},
	"cron":           {windows | linServer | mac, cron},
	"backoff":        {windows | linServer | mac, backingOff},
	"steady-noise":   {windows | linServer | mac, noise(func(r *rand.Rand) gaps { return poisson(logBetween(r, 40, 2400)) }, true)},
	"bursts":         {windows | linServer | mac, noise(func(r *rand.Rand) gaps { return bursts(logBetween(r, 300, 5000)) }, false)},
	"heavy-tail":     {windows | linServer | mac, noise(func(r *rand.Rand) gaps { return heavy(logBetween(r, 5, 120), between(r, 0.6, 1.3), 30000) }, false)},
	"sessions":       {office | mac, sessions},
	"script":         {developer | linServer, script},
	"mail-poll":      {office | mac, mailPoll},
	"remote-desktop": {office | winServer, noise(func(r *rand.Rand) gaps { return spread(logBetween(r, 2000, 9000), 1) }, false)},
	"two-timers":     {windows | linServer, twoTimers},
	"iot-telemetry":  {iot, device(10, 300)},
	"camera":         {iot, device(5, 60)},
}

func rarePoller(w *world, h *host, r *rand.Rand, t traits) {
	im := madeUp(r, h.kind, t.signed, t.program)
	c := &caller{
		r: r, host: h, procs: []*proc{w.run(h, im, "")}, spans: h.awake, gaps: pollerGaps(r, pollerPeriod(r, 15, 7200)), size: timerSizes(r),
		to:       targets{of: w.service(r, pollerServer(r)), rule: oneOf(r, []pick{pickSticky, pickAny, pickTurn}), dwell: logBetween(r, 600, 40000)},
		duration: logBetween(r, 0.1, 5), lag: logBetween(r, 0.03, 1),
	}
	if chance(r, 0.2) {
		c.spans = h.active
	}
	if !t.old {
		c.spans = clip(c.spans, between(r, 0.05, 0.8)*w.length, w.length)
	}
	if chance(r, 0.25) { // it does something else too
		c.extra, c.beside, c.besize = between(r, 0.05, 0.5), c.to, heavySizes(1500, 8000)
	}
	w.usual(c)
	c.truth = benign("rare-poller", &c.gaps)
	w.add(c)
}

// stretch returns a part of spans that lasts about as long as asked.
func stretch(r *rand.Rand, spans []span, seconds float64) []span {
	if len(spans) == 0 {
		return nil
	}
	s := oneOf(r, spans)
	from := between(r, s.from, s.to)
	return clip(spans, from, from+seconds)
}

// tab returns the maker of a page that reloads itself in a browser.
func tab(low, high float64, pinned bool) func(*world, *host, *rand.Rand, traits) {
	return func(w *world, h *host, r *rand.Rand, _ traits) {
		p := w.browser(r, h)
		if p == nil {
			return
		}
		c := &caller{
			r: r, host: h, procs: []*proc{p}, spans: h.active, gaps: about(pollerPeriod(r, low, high), logBetween(r, 0.002, 0.1)), size: timerSizes(r),
			to: targets{of: w.site(r), rule: pickSticky, dwell: logBetween(r, 1000, 40000)},
		}
		class := "tab-refresh"
		switch {
		case pinned:
			class = "tab-pinned"
			if chance(r, 0.5) {
				c.spans = h.awake
			}
			if chance(r, 0.5) { // a service of its own that few people use
				c.to.of = w.service(r, server{domain: domainName(r), shared: chance(r, 0.3), addresses: 1 + r.IntN(2)})
			}
		default:
			c.spans = stretch(r, h.active, logBetween(r, 1200, 20000))
		}
		w.usual(c)
		c.truth = benign(class, &c.gaps)
		w.add(c)
	}
}

func extension(w *world, h *host, r *rand.Rand, _ traits) {
	p := w.browser(r, h)
	if p == nil {
		return
	}
	c := &caller{r: r, host: h, procs: []*proc{p}, spans: h.active, gaps: pollerGaps(r, pollerPeriod(r, 60, 3600)), size: timerSizes(r)}
	if chance(r, 0.6) { // one of those that many people have
		k := r.IntN(8)
		own := w.stream("extension", strconv.Itoa(k))
		c.to.of = w.common("extension"+strconv.Itoa(k), server{domain: domainName(own), shared: chance(own, 0.5), addresses: 2})
	} else {
		c.to.of = w.service(r, server{domain: domainName(r), shared: chance(r, 0.3)})
	}
	w.usual(c)
	c.truth = benign("extension", &c.gaps)
	w.add(c)
}

// segments returns the maker of a film or a song that is loaded piece by piece.
func segments(low, high, bytes float64) func(*world, *host, *rand.Rand, traits) {
	return func(w *world, h *host, r *rand.Rand, _ traits) {
		p := w.browser(r, h)
		if p == nil {
			return
		}
		k := r.IntN(6)
		own := w.stream("streaming", strconv.Itoa(k))
		all := w.common("streaming"+strconv.Itoa(k), server{domain: domainName(own), addresses: 12, block: oneOf(own, []block{googleBlock, cdnBlock})})
		c := &caller{
			r: r, host: h, procs: []*proc{p}, gaps: about(logBetween(r, low, high), 0.15), size: sizes{sent: 1100, received: bytes, noise: 0.02, receivedNoise: 0.35},
			to: targets{of: []int32{oneOf(r, all)}}, duration: 1.5,
		}
		c.spans = stretch(r, h.active, logBetween(r, 600, 6000))
		c.truth = benign("video", &c.gaps)
		w.add(c)
	}
}

func softphone(w *world, h *host, r *rand.Rand, _ traits) {
	im := oneOf(r, []image{
		{name: "linphone.exe", dir: programFiles + `\Linphone\bin`, signer: "BELLEDONNE COMMUNICATIONS", parent: "explorer.exe"},
		{name: "Bria.exe", dir: programFiles + `\CounterPath\Bria`, signer: "CounterPath Corporation", parent: "explorer.exe"},
		{name: "MicroSIP.exe", dir: appData + `\MicroSIP`, parent: "explorer.exe"},
	}).onKind(h.kind)
	registrar := w.common("softphone"+im.name, server{addresses: 2, port: 5060, udp: true})
	p := []*proc{w.run(h, im, "")}
	keep := &caller{r: r, host: h, procs: p, spans: h.awake, gaps: fixed(oneOf(r, []float64{15, 20, 30, 60})), size: constant(460, 390), to: targets{of: []int32{oneOf(r, registrar)}}}
	keep.truth = benign("softphone", &keep.gaps)
	w.add(keep)
	own := stream(h.seed, "softphone calls")
	w.add(&caller{
		r: own, host: h, procs: p, spans: h.active, gaps: spread(2400, 1), size: heavySizes(900000, 900000), duration: 200,
		to: targets{of: w.service(own, server{addresses: 4, block: homeBlock, port: uint16(10000 + own.IntN(20000)), udp: true}), rule: pickAny},
	})
}

func peer(w *world, h *host, r *rand.Rand, t traits) {
	im := oneOf(r, []image{
		{name: "qbittorrent.exe", dir: programFiles + `\qBittorrent`, parent: "explorer.exe"},
		{name: "syncthing.exe", dir: appData + `\Syncthing`, parent: "explorer.exe"},
		{name: "tailscaled.exe", dir: programFiles + `\Tailscale`, signer: "Tailscale Inc.", parent: "services.exe"},
		{name: "anydesk.exe", dir: `C:\Program Files (x86)\AnyDesk`, signer: "AnyDesk Software GmbH", parent: "services.exe"},
	}).onKind(h.kind)
	p := []*proc{w.run(h, im, "")}
	port := uint16(6881 + r.IntN(40000))
	w.add(&caller{
		r: r, host: h, procs: p, spans: h.active, gaps: spread(45, 1.2), size: heavySizes(2000, 3000),
		to: targets{of: w.service(r, server{addresses: 50, block: homeBlock, port: port, udp: chance(r, 0.5)}), rule: pickAny},
	})
	for i := range 1 + r.IntN(3) { // a relay or a peer that is always there
		own := stream(h.seed, "peer", strconv.Itoa(i))
		c := &caller{
			r: own, host: h, procs: p, spans: h.awake, gaps: about(pollerPeriod(own, 20, 300), 0.05), size: noisy(180, 160, 0.05),
			to: targets{of: w.service(own, server{block: oneOf(own, []block{anyBlock, homeBlock}), port: port})},
		}
		if !t.old {
			c.spans = clip(c.spans, own.Float64()*w.length, w.length)
		}
		c.truth = benign("peer", &c.gaps)
		w.add(c)
	}
}

// shells are what runs other people's scripts, by kind of host.
func shell(r *rand.Rand, k kind) image {
	if k&windows == 0 {
		return oneOf(r, []image{
			{name: "curl", dir: "/usr/bin", parent: "cron", ja3: "openssl", agent: "curl/8.4.0"},
			{name: "python3", dir: "/usr/bin", parent: "cron", ja3: "python", agent: "python-requests/2.31.0"},
			{name: "wget", dir: "/usr/bin", parent: "cron", ja3: "openssl", agent: "Wget/1.21"},
			{name: "rsync", dir: "/usr/bin", parent: "cron"},
		})
	}
	return oneOf(r, []image{
		{name: "python.exe", dir: appData + `\Programs\Python\Python312`, signer: "Python Software Foundation", parent: "cmd.exe", ja3: "python", agent: "python-requests/2.31.0"},
		{name: "python.exe", dir: `C:\Users\{user}\src\` + oneOf(r, words) + `\.venv\Scripts`, parent: "Code.exe", ja3: "python", agent: "python-requests/2.31.0"},
		{name: "node.exe", dir: programFiles + `\nodejs`, signer: "OpenJS Foundation", parent: "cmd.exe", ja3: "node"},
		{name: "curl.exe", dir: system32, signer: msWindows, parent: "cmd.exe", ja3: "schannel", agent: "curl/8.4.0"},
		{name: "powershell.exe", dir: system32 + `\WindowsPowerShell\v1.0`, signer: msWindows, parent: "svchost.exe"},
		{name: oneOf(r, words) + ".exe", dir: `C:\Users\{user}\go\bin`, parent: "powershell.exe", ja3: "go", agent: "Go-http-client/1.1"},
		{name: oneOf(r, words) + "-server.exe", dir: `C:\Users\{user}\src\` + oneOf(r, words) + `\target\debug`, parent: "powershell.exe", ja3: "rustls"},
	})
}

func cron(w *world, h *host, r *rand.Rand, t traits) {
	c := &caller{
		r: r, host: h, procs: []*proc{w.run(h, shell(r, h.kind), "cron")}, spans: h.awake,
		gaps: clock(oneOf(r, []float64{60, 300, 300, 600, 900, 900, 1800, 3600, 3600}), logBetween(r, 0.3, 8)), size: timerSizes(r),
		to: targets{of: w.service(r, pollerServer(r))},
	}
	if chance(r, 0.3) {
		c.gaps.phase = float64(r.IntN(60)) * 60
	}
	if !t.old {
		c.spans = clip(c.spans, r.Float64()*w.length, w.length)
	}
	w.usual(c)
	c.truth = benign("cron", &c.gaps)
	w.add(c)
}

func backingOff(w *world, h *host, r *rand.Rand, t traits) {
	im := madeUp(r, h.kind, t.signed, t.program)
	c := &caller{
		r: r, host: h, procs: []*proc{w.run(h, im, "")}, spans: h.awake, gaps: backoff(logBetween(r, 1, 30), logBetween(r, 600, 7200), 0.05), size: timerSizes(r),
		to: targets{of: w.service(r, pollerServer(r))}, retries: r.IntN(3),
	}
	if chance(r, 0.7) {
		c.down = []span{{from: 0, to: w.length}}
	}
	c.truth = benign("backoff", &c.gaps)
	w.add(c)
}

// idler returns the file of a caller without a timer: a program of the crowd, else one of its own.
func (w *world) idler(r *rand.Rand, k kind, t traits) image {
	n := w.sc.Crowd.Programs
	if n == 0 {
		return madeUp(r, k, t.signed, t.program)
	}
	own := w.stream("crowd program", strconv.Itoa(int(math.Pow(r.Float64(), 1.5)*float64(n)))) // some run nearly everywhere
	return madeUp(own, k, chance(own, w.sc.Rare.Signed), chance(own, w.sc.Rare.Program))
}

// idlerServers returns where a caller without a timer calls: a server of the crowd, else one of its own.
func (w *world) idlerServers(r *rand.Rand) []int32 {
	c := &w.sc.Crowd
	if c.Servers == 0 || !chance(r, c.Shared) {
		return w.service(r, pollerServer(r))
	}
	key := "crowd server " + strconv.Itoa(int(math.Pow(r.Float64(), 2)*float64(c.Servers)))
	return w.common(key, pollerServer(w.stream(key)))
}

// noise returns the maker of a caller without a timer.
func noise(draw func(*rand.Rand) gaps, steady bool) func(*world, *host, *rand.Rand, traits) {
	return func(w *world, h *host, r *rand.Rand, t traits) {
		c := &caller{
			r: r, host: h, procs: []*proc{w.run(h, w.idler(r, h.kind, t), "")}, spans: h.awake, gaps: draw(r), size: timerSizes(r),
			to: targets{of: w.idlerServers(r), rule: pickAny},
		}
		if steady { // of one size, which fools what looks at sizes
			c.size = constant(logBetween(r, 200, 3000), logBetween(r, 150, 5000))
			c.to.of = c.to.of[:1]
		}
		if !t.old {
			c.spans = clip(c.spans, r.Float64()*w.length, w.length)
		}
		w.add(c)
	}
}

func sessions(w *world, h *host, r *rand.Rand, t traits) {
	n := 1 + r.IntN(6)
	var of []int32
	for range n {
		of = append(of, w.idlerServers(r)...)
	}
	w.add(&caller{
		r: r, host: h, procs: []*proc{w.run(h, w.idler(r, h.kind, t), "")}, spans: h.active,
		gaps: spread(logBetween(r, 60, 1200)/max(w.sc.Activity, 0.01), between(r, 0.9, 1.7)), size: heavySizes(logBetween(r, 600, 6000), logBetween(r, 900, 30000)),
		to: targets{of: of, rule: pickAny},
	})
}

func script(w *world, h *host, r *rand.Rand, t traits) {
	period := pollerPeriod(r, 5, 900)
	c := &caller{
		r: r, host: h, procs: []*proc{w.run(h, shell(r, h.kind), "script")}, spans: h.awake, gaps: pollerGaps(r, period), size: timerSizes(r),
		to: targets{of: w.service(r, pollerServer(r)), rule: pickAny}, lag: logBetween(r, 0.1, 3),
	}
	if chance(r, 0.6) { // runs for an afternoon
		c.spans = stretch(r, h.active, logBetween(r, 1800, 30000))
	} else if !t.old {
		c.spans = clip(c.spans, r.Float64()*w.length, w.length)
	}
	w.usual(c)
	c.truth = benign("script", &c.gaps)
	w.add(c)
}

func mailPoll(w *world, h *host, r *rand.Rand, _ traits) {
	im := oneOf(r, []image{
		{name: "thunderbird.exe", dir: programFiles + `\Mozilla Thunderbird`, signer: "Mozilla Corporation", parent: "explorer.exe", ja3: "firefox"},
		{name: "HxTsr.exe", dir: programFiles + `\WindowsApps\microsoft.windowscommunicationsapps`, signer: microsoft, parent: "svchost.exe"},
		{name: "eM Client.exe", dir: programFiles + `\eM Client`, signer: "eM Client s.r.o.", parent: "explorer.exe", ja3: "dotnet"},
	}).onKind(h.kind)
	c := &caller{
		r: r, host: h, procs: []*proc{w.run(h, im, "")}, spans: h.awake, gaps: about(oneOf(r, []float64{60, 300, 600, 600, 900, 1740}), 0.01), size: noisy(1100, 1900, 0.1),
		duration: 2,
	}
	k := r.IntN(5)
	own := w.stream("mail", strconv.Itoa(k))
	c.to = targets{of: w.common("mail"+strconv.Itoa(k), server{domain: "imap." + registrable(own), addresses: 2, port: 993}), dwell: 20000}
	if chance(r, 0.5) {
		c.spans = h.active
	}
	w.usual(c)
	c.truth = benign("mail-poll", &c.gaps)
	w.add(c)
}

func twoTimers(w *world, h *host, r *rand.Rand, t traits) {
	im := madeUp(r, h.kind, t.signed, t.program)
	to := targets{of: w.service(r, pollerServer(r))}
	for i := range 2 {
		own := stream(h.seed, "two timers", strconv.Itoa(i))
		g := fixed(pollerPeriod(own, 30, 1800))
		if i == 1 && chance(own, 0.3) {
			g = gaps{kind: gapTwo, period: g.period, high: g.period * between(own, 1.2, 3), jitter: 0.01}
		}
		c := &caller{r: own, host: h, procs: []*proc{w.run(h, im, "")}, spans: h.awake, gaps: g, size: timerSizes(own), to: to}
		c.truth = benign("two-timers", &c.gaps)
		w.add(c)
	}
}

// device returns the maker of what a thing without a user does.
func device(low, high float64) func(*world, *host, *rand.Rand, traits) {
	return func(w *world, h *host, r *rand.Rand, _ traits) {
		model := r.IntN(12) // several of each are in the house
		own := w.stream("device", strconv.Itoa(model), fmt.Sprint(low))
		im := image{name: programName(own, false), dir: "/usr/bin", parent: "init", ja3: "mbedtls"}
		g := about(pollerPeriod(own, low, high), logBetween(own, 0.001, 0.05))
		size := timerSizes(own)
		where := server{domain: domainName(own), addresses: 1 + own.IntN(3), port: oneOf(own, []uint16{443, 8883, 1883, 5683, 6667, 32100, 80, 10001}), block: anyBlock}
		where.udp = where.port == 5683 || where.port == 32100
		if chance(own, 0.3) {
			where.domain = ""
		}
		c := &caller{r: r, host: h, procs: []*proc{w.run(h, im, "")}, spans: h.awake, gaps: g, size: size}
		c.to.of = w.common(fmt.Sprint("device", low, model), where)
		if chance(r, 0.3) { // one that nobody else in the house has
			c.to.of = w.service(r, where)
		}
		w.usual(c)
		c.truth = benign("iot", &c.gaps)
		w.add(c)
	}
}
