package rank

import (
	"math"

	"fresnel/internal/identity"
)

// A Side says what a level may do to the score.
type Side int8

// The sides.
const (
	Against Side = -1 // speaks against a beacon: never more than 0 points
	Plain   Side = 0  // usual: always 0 points
	For     Side = +1 // speaks for a beacon: never less than 0 points
)

// String returns the side as the documentation writes it.
func (s Side) String() string { return [...]string{"against", "plain", "for"}[s+1] }

// A Level is one answer that a piece of evidence can give.
type Level struct {
	Name string // as in the settings: "since_start"
	Side Side
	Doc  string // when a row is at this level
}

// A Piece is one piece of evidence: what it looks at, and the levels that it tells apart.
//
// Level 0 is not in Levels: nothing is known, which gives no points. Levels 1 and up are
// Levels[0] and up. Unless the piece is Free, they stand in order: all that speak against,
// then plain ones, then all that speak for; a later one never gives fewer points.
type Piece struct {
	Name   string
	Doc    string
	Free   bool // its levels have no order, and may give points of either sign except where they are Plain
	Levels []Level

	level func(v view) uint8
	say   func(b []byte, v view, level uint8) []byte // appends the fact in words; level is not 0
}

// Pieces returns all pieces of evidence. The slice and its levels must not be changed.
func Pieces() []Piece { return pieces }

// Levels appends the level of each piece to dst, in the order of Pieces: 0 where nothing is
// known. It allocates only when dst is too short.
func Levels(f *Facts, dst []uint8) []uint8 {
	v := viewOf(f)
	for i := range pieces {
		dst = append(dst, pieces[i].level(v))
	}
	return dst
}

// A view is the facts of a row with what several pieces need of them.
type view struct {
	f *Facts
	identity.Image
	signer  signer
	process uint8 // rarity of the process
	pair    uint8 // rarity of the destination among the hosts that run the process
	target  uint8 // rarity of the destination
	timed   bool  // there is a timer, which is hardly chance
}

// Above chance a series is described, but nothing that is said of it can be trusted. At most
// counted it stands among the timers of its process: that is the default rate of false
// discoveries.
const chance, counted = 0.05, 0.01

// leastTold is the p-value below which the timing model tells no difference.
const leastTold = 1e-290

func viewOf(f *Facts) view {
	v := view{
		f:       f,
		timed:   f.Kind != "" && f.QValue <= chance,
		process: rarity(f.HostsOfProcess, f.Hosts),
		pair:    rarity(f.HostsOfProcessDestination, f.HostsOfProcess),
		target:  rarity(f.HostsOfDestination, f.Hosts),
	}
	if f.ProcessName != "" {
		v.Image = identity.Inspect(f.ProcessName, f.ProcessExecutable)
		v.signer = signerOf(f)
	}
	return v
}

// nameCredited reports whether nothing speaks against the program being what its name says.
func (v view) nameCredited() bool {
	return v.Place != identity.Misplaced && v.Folder != identity.Temp && v.Folder != identity.Downloads && v.signer != signedByNobody && v.signer != signatureBad
}

// kind returns what the program is for.
func (v view) kind() identity.Kind {
	if v.Program == nil {
		return identity.Ordinary
	}
	return v.Program.Kind
}

// Levels of rarity, from common to rare. A share of a few hosts says little, so that one host
// of nine is told from one of ninety.
const (
	onAll uint8 = iota + 1
	onMost
	onMany
	onSeveral
	onSome
	oneOfFew
	onFew
	oneOfTens
	oneOfMany
)

// rarity returns the level of n hosts of a number of hosts; 0 when that is too small to tell.
func rarity(n, of int) uint8 {
	if n <= 0 || of < 4 {
		return 0
	}
	switch share := float64(n) / float64(of); {
	case n == 1 && of >= 50:
		return oneOfMany
	case n == 1 && of >= 10:
		return oneOfTens
	case n == 1:
		return oneOfFew
	case share >= 0.8:
		return onAll
	case share >= 0.5:
		return onMost
	case share >= 0.2:
		return onMany
	case n <= max(2, of/100):
		return onFew
	case share >= 0.05:
		return onSeveral
	}
	return onSome
}

// rare tells of a level of rarity that few reach.
func rare(level uint8) bool { return level >= oneOfFew }

// rarityLevels are the levels of rarity; what stands for "hosts" in their descriptions.
func rarityLevels(hosts string) []Level {
	return []Level{
		{"all", Against, "at least 80 % of " + hosts},
		{"most", Against, "50 to 80 %"},
		{"many", Against, "20 to 50 %"},
		{"several", Against, "5 to 20 %"},
		{"some", Plain, "less than 5 %, but more than a few"},
		{"one_of_few", For, "one of 4 to 9"},
		{"few", For, "two, or at most 1 %; less than 20 %"},
		{"one_of_tens", For, "one of 10 to 49"},
		{"one_of_many", For, "one of 50 or more"},
	}
}

// Levels of age: how long after a beginning something was first seen.
const (
	sinceStart uint8 = iota + 1
	afterHours
	sameDay
	nextDay
	daysLater
	weekLater
)

const hour, day = 3600.0, 86400.0

// age returns the level of what was first seen at a time when what it belongs to was first
// seen at start, both in seconds after the beginning of the data; 0 when the data are too
// short to tell.
//
// What begins within an hour, two periods or a twentieth of the data counts as there since
// the start: it may have been there before the data begin.
func (v view) age(at, start float64) uint8 {
	if v.f.DataSeconds < 4*hour {
		return 0
	}
	switch late := at - start; {
	case math.IsNaN(late):
		return 0
	case late <= max(hour, 2*v.f.PeriodSeconds, v.f.DataSeconds/20):
		return sinceStart
	case late < 6*hour:
		return afterHours
	case late < day:
		return sameDay
	case late < 2*day:
		return nextDay
	case late < 7*day:
		return daysLater
	}
	return weekLater
}

func ageLevels(start Side, since string) []Level {
	return []Level{
		{"since_start", start, "within an hour, two periods, or a twentieth of the data after " + since},
		{"hours", Plain, "less than 6 hours after"},
		{"same_day", For, "6 to 24 hours after"},
		{"next_day", For, "1 to 2 days after"},
		{"days", For, "2 to 7 days after"},
		{"week", For, "7 days after, or later"},
	}
}

// A signer is a level of the piece "signer".
type signer uint8

const (
	signedByTrusted   signer = iota + 1
	signedByMicrosoft        // excuses less: injected code runs in the system's own programs
	signedUnproven
	signatureSilent
	signedByNobody
	signatureBad
)

// signerOf returns who signed the program. Where few rows carry a signature, its lack says
// nothing.
func signerOf(f *Facts) signer {
	const most, some = 0.5, 0.2
	switch identity.SignerClass(f.SignatureExists, f.SignatureTrusted, f.SignatureValid, f.SignatureStatus, f.SignatureSubject) {
	case identity.SignerMicrosoft:
		return signedByMicrosoft
	case identity.SignerTrusted:
		return signedByTrusted
	case identity.SignerUnproven:
		return signedUnproven
	case identity.SignerBad:
		return signatureBad
	case identity.SignerNone:
		if f.SignatureShare >= some {
			return signedByNobody
		}
	case identity.SignerUnknown:
		if f.SignatureShare >= most {
			return signatureSilent
		}
	}
	return 0
}

// steps returns 1 and one more for each limit that x reaches; the limits rise.
func steps(x float64, limits ...float64) uint8 {
	level := uint8(1)
	for _, limit := range limits {
		if x >= limit {
			level++
		}
	}
	return level
}

// stepsDown returns 1 and one more for each limit that x does not exceed; the limits fall.
func stepsDown(x float64, limits ...float64) uint8 {
	level := uint8(1)
	for _, limit := range limits {
		if x <= limit {
			level++
		}
	}
	return level
}
