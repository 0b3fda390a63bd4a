package simulate

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
)

// Names of domains, programs and vendors are made up of the same parts for good and bad, so
// that no spelling, ending, network or port gives an implant away.

var words = strings.Fields(`able acorn active air alpha amber anchor apex arbor archive arrow ash asset atlas aurora
azure bay beacon bell birch blue board bolt book border box branch breeze bridge bright brook cable calm campus canvas
cape card cargo cedar center chart check cinder circle city clear cliff clip cloud coast cobalt coin comet compass
content copper coral core corner craft crane creek crest crown crystal current data dawn deck deep delta desk device
direct dock dove draft drift dune eagle earth east echo edge elm ember engine even ever fair falcon fast feather fern
field file finch fire first fjord flag flash fleet flint flow focus forest forge form fox frame fresh front frost
garden gate gear gem glade glass global gold grain granite graph gray green grid grove guide gull harbor hawk hazel
health heart hill hive home honey horizon house hub ice index info ink inlet inter iris iron island ivory jade jet join
keep key kite lake lamp land lark laser launch lead leaf ledger legend level light lime linden line link lion list live
local lodge log loop lotus lumen lunar lynx mango map maple mark market marsh media mesa meter metric mint mirror mist
mobile moon moss motion mountain nest net next node noble north note nova oak ocean olive onyx open orbit orchid origin
otter owl page palm panel paper park patch path peak pearl pebble pilot pine pixel plain plan plate play plum point
polar pond pool port post prairie press prime print pro pulse quartz quest quick quiet rain range rapid raven ray reach
real record red reef relay remote report ridge river road robin rock rose ruby safe sage sail sand scale scan scope
search secure seed sense serve shade shell shield shift shore signal silver simple site sky slate smart snow soft solar
sound source south spark spring spruce square stack star state station stay steel step stone storm stream street stride
studio summit sun swift sync table tech tempo terra thread tide tiger time token tool top torch tower track trail tree
trend true trust turn union unit update urban valley vault vector verde vertex view villa vine violet vista voice walk
wave way web well west wheat white wild wind wing winter wire wise wolf wood work world yard zen zinc zone`)

var syllables = strings.Fields(`al an ar ba be bo ca ce co da de di do el en er fa fi fo ga ge go ha he hi in ja jo ka
ke ki ko la le li lo lu ma me mi mo na ne ni no nu ol on or pa pe po qua ra re ri ro ru sa se si so su ta te ti to tu
un va ve vi vo wa we wi xa ya yo za ze zi zo`)

// endings of domains, the usual ones more often.
var endings = strings.Fields(`com com com com com com com com com com com com com com com com com com com com net net
net net net org org org io io io io co co app app dev dev cloud cloud ai de de eu fr nl se co.uk ca us me tv info info
biz xyz site online tech systems services live tools`)

// platforms lend subdomains to anyone, good and bad.
var platforms = strings.Fields(`cloudfront.net azurewebsites.net azureedge.net herokuapp.com web.app pages.dev
workers.dev s3.amazonaws.com amazonaws.com blob.core.windows.net appspot.com netlify.app fastly.net github.io
ngrok.io trafficmanager.net`)

var prefixes = strings.Fields(`www api api www api2 cdn static app update updates telemetry events data gateway gw
portal sync push files img assets login auth metrics status a b c1 n1 eu us-east-1 eu-west edge ws cloud agent ingest
collector license svc mail dl`)

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func letters(r *rand.Rand, n int) string {
	const of = "abcdefghijklmnopqrstuvwxyz"
	b := make([]byte, n)
	for i := range b {
		b[i] = of[r.IntN(len(of))]
	}
	return string(b)
}

func hex(r *rand.Rand, n int) string {
	const of = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = of[r.IntN(len(of))]
	}
	return string(b)
}

// brand returns a made-up name of a company or product, in small letters.
func brand(r *rand.Rand) string {
	switch u := r.Float64(); {
	case u < 0.45:
		return oneOf(r, words) + oneOf(r, words)
	case u < 0.80:
		var b strings.Builder
		for range 2 + r.IntN(2) {
			b.WriteString(oneOf(r, syllables))
		}
		b.WriteString(oneOf(r, []string{"", "n", "x", "r", "ra", "ix", "ly", "io", "on"}))
		return b.String()
	case u < 0.93:
		return oneOf(r, words) + oneOf(r, []string{"ly", "ify", "io", "soft", "ware", "sys", "hq", "lab", "labs", "tech", "net", "it", "works"})
	}
	return letters(r, 3+r.IntN(3))
}

// registrable returns a made-up registrable domain.
func registrable(r *rand.Rand) string {
	switch u := r.Float64(); {
	case u < 0.62:
		return brand(r) + "." + oneOf(r, endings)
	case u < 0.82:
		return oneOf(r, words) + "-" + oneOf(r, words) + "." + oneOf(r, endings)
	case u < 0.90:
		return oneOf(r, words) + strconv.Itoa(1+r.IntN(365)) + "." + oneOf(r, endings)
	}
	return letters(r, 5+r.IntN(8)) + "." + oneOf(r, endings)
}

// domainName returns a made-up name of a server.
func domainName(r *rand.Rand) string {
	switch u := r.Float64(); {
	case u < 0.10:
		return brand(r) + oneOf(r, []string{"", "", "-" + hex(r, 4), "-prod", "-api"}) + "." + oneOf(r, platforms)
	case u < 0.16:
		return "d" + hex(r, 13) + ".cloudfront.net"
	case u < 0.40:
		return registrable(r)
	case u < 0.46:
		return oneOf(r, prefixes) + "." + oneOf(r, prefixes) + "." + registrable(r)
	}
	return oneOf(r, prefixes) + "." + registrable(r)
}

// program names.
var roles = strings.Fields(`Agent Client Service Svc Updater Update Sync Helper Host Launcher Monitor Tray Connector
Manager Notifier Bridge Daemon Core Tool Desktop Assistant Worker Link Gateway Scheduler`)

// programName returns a made-up name of an executable.
func programName(r *rand.Rand, windows bool) string {
	b := brand(r)
	if !windows {
		switch r.IntN(4) {
		case 0:
			return b + "d"
		case 1:
			return b + "-" + strings.ToLower(oneOf(r, roles))
		case 2:
			return b
		}
		return strings.ToLower(oneOf(r, roles)) + "-" + oneOf(r, words)
	}
	switch u := r.Float64(); {
	case u < 0.45:
		return title(b) + oneOf(r, roles) + ".exe"
	case u < 0.60:
		return b + ".exe"
	case u < 0.72:
		return title(b) + ".exe"
	case u < 0.82:
		return b + "_" + strings.ToLower(oneOf(r, roles)) + ".exe"
	case u < 0.92:
		return b + strings.ToLower(oneOf(r, []string{"svc", "upd", "mon", "cli", "srv", "agent", "host"})) + oneOf(r, []string{"", "", "32", "64"}) + ".exe"
	}
	return oneOf(r, roles) + oneOf(r, []string{"", "64", "_x64"}) + ".exe"
}

func vendorName(r *rand.Rand) string {
	return title(brand(r)) + oneOf(r, []string{" Inc.", ", Inc.", " LLC", " GmbH", " Ltd.", " Limited", " AG", " Software", " Corp.", " B.V.", " AB", " S.A.", " Technologies", " s.r.o."})
}

func userName(r *rand.Rand) string { return letters(r, 1) + oneOf(r, words) }

// A block is a network that servers have addresses in.
type block uint8

const (
	anyBlock block = iota // hosters and clouds, the usual ones more often
	microsoftBlock
	googleBlock
	homeBlock // customers of access providers: peers, relays, scanners
	cdnBlock  // shared addresses with many names
)

var blocks = [...][]netip.Prefix{
	anyBlock: parsePrefixes(`3.64.0.0/12 3.208.0.0/12 18.192.0.0/11 34.192.0.0/10 52.0.0.0/11 54.144.0.0/12 54.224.0.0/12 44.192.0.0/11
		34.64.0.0/11 35.184.0.0/13 20.64.0.0/10 40.112.0.0/13 52.224.0.0/11 46.4.0.0/16 78.46.0.0/15 88.198.0.0/16 95.216.0.0/15 116.202.0.0/15
		135.181.0.0/16 51.38.0.0/16 51.68.0.0/16 51.75.0.0/16 54.36.0.0/14 137.74.0.0/16 145.239.0.0/16 104.131.0.0/16 138.68.0.0/16
		159.89.0.0/16 165.227.0.0/16 167.99.0.0/16 178.62.0.0/16 188.166.0.0/16 45.32.0.0/16 45.76.0.0/16 45.77.0.0/16 149.28.0.0/16 108.61.0.0/16
		139.162.0.0/16 172.104.0.0/15 85.214.0.0/16 217.160.0.0/16 81.169.0.0/16 185.199.108.0/22 193.142.0.0/16 194.61.0.0/16 91.92.0.0/15
		5.188.0.0/16 185.220.0.0/16 146.70.0.0/16 203.104.0.0/16 150.95.0.0/16 163.172.0.0/16 212.83.0.0/16 62.210.0.0/16`),
	microsoftBlock: parsePrefixes(`13.107.0.0/16 20.190.0.0/16 20.42.0.0/15 20.50.0.0/15 20.189.0.0/16 40.126.0.0/18 40.90.0.0/16 52.96.0.0/12 52.112.0.0/14 51.104.0.0/15`),
	googleBlock:    parsePrefixes(`142.250.0.0/15 172.217.0.0/16 216.58.192.0/19 74.125.0.0/16`),
	homeBlock: parsePrefixes(`24.0.0.0/10 67.160.0.0/11 71.192.0.0/10 84.128.0.0/10 87.128.0.0/10 93.192.0.0/10 77.0.0.0/11 2.200.0.0/13
		90.0.0.0/9 86.128.0.0/10 95.24.0.0/13 109.160.0.0/11 116.0.0.0/10 125.64.0.0/11 179.0.0.0/10 187.0.0.0/10 201.0.0.0/9`),
	cdnBlock: parsePrefixes(`104.16.0.0/13 172.64.0.0/13 151.101.0.0/16 199.232.0.0/16 23.32.0.0/11 23.192.0.0/11 13.224.0.0/14 99.84.0.0/16 143.204.0.0/16 152.199.0.0/16`),
}

func parsePrefixes(list string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range strings.Fields(list) {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// address returns an address of a block.
func address(r *rand.Rand, b block) netip.Addr {
	p := oneOf(r, blocks[b])
	ip := p.Addr().As4()
	free := 32 - p.Bits()
	n := uint32(ip[0])<<24 | uint32(ip[1])<<16 | uint32(ip[2])<<8 | uint32(ip[3])
	n |= r.Uint32() & (1<<free - 1)
	if last := n & 255; last == 0 || last == 255 {
		n ^= 1
	}
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}
