// Package parse turns the bytes of log fields into addresses, numbers and times.
//
// Its functions allocate nothing for what they accept, read no further than their
// argument and keep no part of it, Text and Lower excepted.
package parse

import (
	"encoding/binary"
	"math"
	"net/netip"
	"unsafe"
)

// Text returns b as a string that shares its memory: valid as long as b is neither
// changed nor reused.
func Text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Lower returns b with its ASCII letters in lower case, as a string that shares its memory,
// or where there is a capital, that of *scratch, to which it is appended: valid as long as
// neither is changed nor reused.
func Lower(b []byte, scratch *[]byte) string {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			start := len(*scratch)
			*scratch = append(*scratch, b...)
			low := (*scratch)[start:]
			for ; i < len(low); i++ {
				if c := low[i]; 'A' <= c && c <= 'Z' {
					low[i] = c + 'a' - 'A'
				}
			}
			return Text(low)
		}
	}
	return Text(b)
}

// Count returns the value of b, decimal digits and nothing else. ok is false for anything
// else and for numbers above math.MaxInt64.
func Count(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 { // 18 digits always fit
		return longCount(b)
	}
	for _, c := range b {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return n, true
}

func longCount(b []byte) (int64, bool) {
	var n int64
	for _, c := range b {
		c -= '0'
		if c > 9 || n > (math.MaxInt64-int64(c))/10 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return n, len(b) > 0
}

// Port returns the value of b, a decimal number up to 65535.
func Port(b []byte) (port uint16, ok bool) {
	n, ok := Count(b)
	if !ok || n > math.MaxUint16 {
		return 0, false
	}
	return uint16(n), true
}

// IP returns the address that b spells as netip.ParseAddr reads it, with two differences:
// the zone of an IPv6 address is dropped, and an IPv4-mapped one becomes the IPv4 address.
func IP(b []byte) (addr netip.Addr, ok bool) {
	if len(b) < 2 { // "::" is the shortest
		return netip.Addr{}, false
	}
	var ip, octet uint32
	dots, digits := 0, 0
	for i, c := range b {
		if d := c - '0'; d <= 9 {
			octet = octet*10 + uint32(d)
			digits++
			continue
		}
		if c != '.' {
			if dots > 0 { // in IPv6 a dot stands behind colons only
				return netip.Addr{}, false
			}
			return ip6(b, i)
		}
		if !octetOK(octet, digits) {
			return netip.Addr{}, false
		}
		ip = ip<<8 | octet
		octet, digits = 0, 0
		dots++
	}
	if dots != 3 || !octetOK(octet, digits) {
		return netip.Addr{}, false
	}
	ip = ip<<8 | octet
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}), true
}

// octetOK reports whether digits digits, of value octet when they are at most three, are
// one part of an IPv4 address. A leading zero is refused: some read it as octal.
func octetOK(octet uint32, digits int) bool {
	switch digits {
	case 1:
		return true
	case 2:
		return octet >= 10
	case 3:
		return octet >= 100 && octet <= 255
	}
	return false
}

// ip6 returns the IPv6 address b, whose byte at is the first that is no digit. It looks at
// that byte first: what cannot be an address does not cost an error value.
func ip6(b []byte, at int) (netip.Addr, bool) {
	if c := b[at] | 0x20; b[at] != ':' && (c < 'a' || c > 'f') || len(b) > maxIPBytes {
		return netip.Addr{}, false
	}
	colon := false // without one it is a name such as cafe.example
	for i := at; i < len(b); i++ {
		colon = colon || b[i] == ':'
		if b[i] == '%' {
			if i == len(b)-1 {
				return netip.Addr{}, false
			}
			b = b[:i]
			break
		}
	}
	if !colon {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(Text(b))
	if err != nil || addr.Is4() {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// maxIPBytes bounds the text of an address with its zone; the longest without is 45.
const maxIPBytes = 256

// UnixTime returns the nanoseconds that b says in seconds, such as 1588205199.82437 or
// -0.5 or 9.5e-07: a JSON number, or one with leading zeros or without digits on one side
// of the point. Digits below a nanosecond are dropped; no digit above is lost, as it would
// be on the way through a float64. ok is false for anything else and outside of the years
// 1677 to 2262. It serves durations as well.
func UnixTime(b []byte) (nanos int64, ok bool) {
	// The usual shape in logs: ten digits, a point, six digits.
	if len(b) == 17 && b[10] == '.' {
		high, ok1 := eightDigits(binary.LittleEndian.Uint64(b))
		low, ok2 := eightDigits(uint64(b[8]) | uint64(b[9])<<8 | uint64(binary.LittleEndian.Uint32(b[11:]))<<16 | uint64(binary.LittleEndian.Uint16(b[15:]))<<48)
		if ok1 && ok2 && high < 92233720 {
			return int64(high*100_000_000+low) * 1000, true
		}
	}
	// Digits and at most one point, with digits on both sides of it.
	var n int64
	point := len(b)
	for i, c := range b {
		if d := c - '0'; d <= 9 && i < 18 { // n cannot overflow
			n = n*10 + int64(d)
		} else if c == '.' && i > 0 && point == len(b) {
			point = i
		} else {
			return decimal(b)
		}
	}
	digits := len(b) - point - 1 // of the fraction; -1 without a point
	if digits > 9 || digits == 0 || len(b) == 0 || point > 9 && n > maxSeconds*powersOf10[max(digits, 0)] {
		return decimal(b)
	}
	return n * powersOf10[9-max(digits, 0)], true
}

// maxSeconds is below what fits, in nanoseconds, with any fraction.
const maxSeconds = math.MaxInt64/1_000_000_000 - 1

// eightDigits returns the value of eight decimal digits, the first in the lowest byte of w.
func eightDigits(w uint64) (n uint64, ok bool) {
	w ^= 0x3030303030303030
	if ((w+0x7676767676767676)|w)&0x8080808080808080 != 0 {
		return 0, false
	}
	w = (w*10 + w>>8) & 0x00ff00ff00ff00ff       // pairs
	w = (w*100 + w>>16) & 0x0000ffff0000ffff     // fours
	return (w*10_000 + w>>32) & 0xffffffff, true // all eight
}

// decimal is UnixTime for every shape.
func decimal(b []byte) (int64, bool) {
	negative := false
	if len(b) > 0 && b[0] == '-' {
		negative, b = true, b[1:]
	}
	// The digits without leading zeros, kept up to 19 of them: digits x 10^exponent.
	var digits uint64
	kept, seen, exponent, i := 0, false, 0, 0
	point := false
	for ; i < len(b); i++ {
		c := b[i]
		if c == '.' && !point {
			point = true
			continue
		}
		c -= '0'
		if c > 9 {
			break
		}
		seen = true
		if point {
			exponent--
		}
		switch {
		case kept == 19: // below a nanosecond of all that fits: dropped
			exponent++
		case digits != 0 || c != 0:
			digits = digits*10 + uint64(c)
			kept++
		}
	}
	if !seen {
		return 0, false
	}
	if i < len(b) {
		e, ok := exponentOf(b[i:])
		if !ok {
			return 0, false
		}
		exponent += e
	}
	if digits == 0 {
		return 0, true
	}
	for exponent += 9; exponent < 0 && digits != 0; {
		n := min(-exponent, 9)
		digits /= uint64(powersOf10[n])
		exponent += n
	}
	for ; exponent > 0; exponent-- {
		if digits > math.MaxInt64/10 {
			return 0, false
		}
		digits *= 10
	}
	if digits > math.MaxInt64 {
		return 0, false
	}
	if negative {
		return -int64(digits), true
	}
	return int64(digits), true
}

// exponentOf returns the value of an exponent such as e-07 or E5, cut to maxExponent either
// way.
func exponentOf(b []byte) (int, bool) {
	if b[0]|0x20 != 'e' || len(b) < 2 {
		return 0, false
	}
	b = b[1:]
	negative := b[0] == '-'
	if negative || b[0] == '+' {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	e := 0
	for _, c := range b {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		e = min(e*10+int(c), maxExponent)
	}
	if negative {
		e = -e
	}
	return e, true
}

// maxExponent is more than the digits of the longest line (source.MaxLineBytes), so that
// cutting to it changes no result, and ten times as much fits an int of 32 bits.
const maxExponent = 1 << 24

// RFC3339 returns the time that b spells, in nanoseconds since 1970 UTC. Beside RFC 3339
// it takes a space for the T, lower-case letters, a comma for the point, zones without
// colon (+0200) or minutes (+02), and no zone at all, which means UTC. Digits below a
// nanosecond are dropped. ok is false for anything else, for dates that do not exist, for
// leap seconds, and outside of the years 1677 to 2262.
func RFC3339(b []byte) (nanos int64, ok bool) {
	if len(b) < len("2006-01-02T15:04:05") {
		return 0, false
	}
	date := binary.LittleEndian.Uint64(b) ^ datePattern
	clock := binary.LittleEndian.Uint64(b[11:]) ^ clockPattern
	d1, d0 := b[8]-'0', b[9]-'0'
	if ((date+dateLimit)|date|(clock+clockLimit)|clock)&0x8080808080808080 != 0 || d1 > 9 || d0 > 9 {
		return 0, false
	}
	if c := b[10]; c != 'T' && c != ' ' && c != 't' {
		return 0, false
	}
	date = date*10 + date>>8 // each byte is now the value of the digit there and the next
	clock = clock*10 + clock>>8
	year := int(date&0xff*100 + date>>16&0xff)
	month := int(date >> 40 & 0xff)
	day := int(d1)*10 + int(d0)
	hour, minute, second := int64(clock&0xff), int64(clock>>24&0xff), int64(clock>>48&0xff)
	if month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	if day > 28 && day > daysIn(year, month) {
		return 0, false
	}

	rest := b[19:]
	var fraction int64
	if len(rest) > 0 && (rest[0] == '.' || rest[0] == ',') {
		i := 1
		for ; i < len(rest); i++ {
			c := rest[i] - '0'
			if c > 9 {
				break
			}
			if i <= 9 {
				fraction = fraction*10 + int64(c)
			}
		}
		if i == 1 {
			return 0, false
		}
		fraction *= powersOf10[9-min(i-1, 9)]
		rest = rest[i:]
	}
	var offset int64
	if len(rest) > 0 && (len(rest) > 1 || rest[0]|0x20 != 'z') {
		if offset, ok = zone(rest); !ok {
			return 0, false
		}
	}
	seconds := daysSince1970(year, month, day)*86400 + hour*3600 + minute*60 + second - offset
	if seconds < math.MinInt64/1_000_000_000 || seconds >= math.MaxInt64/1_000_000_000 {
		return 0, false
	}
	return seconds*1_000_000_000 + fraction, true
}

var powersOf10 = [10]int64{1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000}

// Exclusive or with a pattern leaves the value of each digit and 0 for each mark; adding
// the limit then sets the top bit of each byte that is neither.
const (
	datePattern  = 0x2d30302d30303030 // "0000-00-"
	dateLimit    = 0x7f76767f76767676
	clockPattern = 0x30303a30303a3030 // "00:00:00"
	clockLimit   = 0x76767f76767f7676
)

// zone returns the seconds by which the clocks of a zone such as +02:00 are ahead of UTC.
func zone(b []byte) (seconds int64, ok bool) {
	if b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	var d [4]byte
	switch {
	case len(b) == 6 && b[3] == ':':
		d = [4]byte{b[1], b[2], b[4], b[5]}
	case len(b) == 5:
		d = [4]byte(b[1:5])
	case len(b) == 3:
		d = [4]byte{b[1], b[2], '0', '0'}
	default:
		return 0, false
	}
	for i := range d {
		if d[i] -= '0'; d[i] > 9 {
			return 0, false
		}
	}
	hours, minutes := int64(d[0])*10+int64(d[1]), int64(d[2])*10+int64(d[3])
	if hours > 24 || minutes > 59 {
		return 0, false
	}
	seconds = hours*3600 + minutes*60
	if b[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// beforeMonth holds the days from 1 March to the first of each month; January and February
// belong to the year before, so that a leap day is the last of its year.
var beforeMonth = [13]int32{1: 306, 2: 337, 3: 0, 4: 31, 5: 61, 6: 92, 7: 122, 8: 153, 9: 184, 10: 214, 11: 245, 12: 275}

// daysSince1970 returns the days from 1970-01-01 to a date of the Gregorian calendar.
func daysSince1970(year, month, day int) int64 {
	y := uint32(year) + 400 // never below 0 after the next line; 400 years are a whole number of cycles
	if month < 3 {
		y--
	}
	days := y*365 + y/4 - y/100 + y/400 + uint32(beforeMonth[month]) + uint32(day) - 1
	return int64(days) - daysTo1970
}

// daysTo1970 is what daysSince1970 counts from its year -400, 1 March, to 1970-01-01.
const daysTo1970 = 2369*365 + 2369/4 - 2369/100 + 2369/400 + 306

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
