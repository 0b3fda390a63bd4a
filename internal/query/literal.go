package query

import (
	"bytes"
	"cmp"
	"net/netip"
	"strconv"
	"strings"
)

// A Literal is a text of a query, without stars, and all that it can mean beside the text.
type Literal string

// Number returns the number that l is, written as in JSON.
func (l Literal) Number() (float64, bool) {
	n, ok := parseNumber([]byte(l))
	return n.float, ok
}

// Bool returns what l says when it is true or false, in any case.
func (l Literal) Bool() (value, ok bool) {
	switch {
	case strings.EqualFold(string(l), "true"):
		return true, true
	case strings.EqualFold(string(l), "false"):
		return false, true
	}
	return false, false
}

// Network returns the network that l is in CIDR notation, without bits of a host, or the
// network of the one address that l is. IPv4 is written as such, never as IPv6. It is the
// ::ffff:0:0/96 of IPv6 all the same: ::/0 holds every address.
func (l Literal) Network() (netip.Prefix, bool) {
	if a, ok := parseAddress([]byte(l)); ok {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	if strings.IndexByte(string(l), '/') < 0 {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(string(l))
	if err != nil {
		return netip.Prefix{}, false
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// contains reports whether a lies in p, both as parseAddress and Network return them.
func contains(p netip.Prefix, a netip.Addr) bool {
	if p.Addr().Is6() && a.Is4() {
		a = netip.AddrFrom16(a.As16())
	}
	return p.Contains(a)
}

// maxAddressBytes is the length of the longest address: IPv6 with IPv4 at its end.
const maxAddressBytes = 45

// parseAddress returns the address that text is; an IPv4 one as such. Most texts are none and
// are known by their first bytes.
func parseAddress(text []byte) (netip.Addr, bool) {
	if len(text) < 2 || len(text) > maxAddressBytes {
		return netip.Addr{}, false
	}
	separated := false
	for _, c := range text {
		switch {
		case c == '.' || c == ':':
			separated = true
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
		default:
			return netip.Addr{}, false
		}
	}
	if !separated {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(text))
	return a.Unmap(), err == nil
}

// A number is a number of a query or of a document. Whole ones compare by their digits, also
// where a float64 has not enough of them: nanoseconds since 1970 are such.
type number struct {
	float float64
	whole int64
	exact bool // whole is the number
}

// parseNumber returns the number that text is, as JSON writes it.
func parseNumber(text []byte) (number, bool) {
	if end, ok := numberEnd(text, 0); !ok || end != len(text) {
		return number{}, false
	}
	if !bytes.ContainsAny(text, ".eE") {
		if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return number{float64(i), i, true}, true
		}
	}
	f, _ := strconv.ParseFloat(string(text), 64) // out of range: infinite, and beyond all others
	return number{float: f}, true
}

func (n number) compare(other number) int {
	if n.exact && other.exact {
		return cmp.Compare(n.whole, other.whole)
	}
	return cmp.Compare(n.float, other.float)
}

// numberEnd returns where the number that begins at i ends, and whether it is one.
func numberEnd(text []byte, i int) (end int, ok bool) {
	digits := func() bool {
		start := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		return i > start
	}
	if i < len(text) && text[i] == '-' {
		i++
	}
	if i < len(text) && text[i] == '0' {
		i++
	} else if !digits() {
		return i, false
	}
	if i < len(text) && text[i] == '.' {
		i++
		if !digits() {
			return i, false
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if !digits() {
			return i, false
		}
	}
	return i, true
}
