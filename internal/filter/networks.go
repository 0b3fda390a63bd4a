package filter

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// An address is an IP address by its 128 bits, IPv4 as IPv4-mapped.
type address struct{ hi, lo uint64 }

func addressOf(a netip.Addr) address {
	b := a.As16()
	return address{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a address) compare(b address) int {
	return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo))
}

// next returns the address after a, and false after the last.
func (a address) next() (address, bool) {
	a.lo++
	if a.lo == 0 {
		a.hi++
	}
	return a, a != address{}
}

// A span holds the addresses from first to last, both included.
type span struct{ first, last address }

// parseNetwork reads a network in CIDR notation or a single address. Its error says what
// was wanted.
func parseNetwork(s string) (span, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return span{addressOf(a), addressOf(a)}, nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return span{}, errors.New("an IP address or a network such as 10.0.0.0/8")
	}
	if p != p.Masked() {
		return span{}, fmt.Errorf("%v, the network without bits of a host", p.Masked())
	}
	hostBits := p.Addr().BitLen() - p.Bits()
	s128 := span{addressOf(p.Addr()), addressOf(p.Addr())}
	if hostBits > 64 {
		s128.last.hi |= 1<<(hostBits-64) - 1 // a shift by 64 gives 0, and 0 - 1 all bits
		hostBits = 64
	}
	s128.last.lo |= 1<<hostBits - 1
	return s128, nil
}

// IPv4 addresses as 128 bits.
var ipv4 = span{address{0, 0xffff_0000_0000}, address{0, 0xffff_ffff_ffff}}

// A span4 holds the IPv4 addresses from first to last, both included.
type span4 struct{ first, last uint32 }

// Networks is a set of addresses that is fast to ask.
type networks struct {
	spans  []span  // sorted, apart
	spans4 []span4 // what of spans is IPv4, sorted, apart

	// table has two bits for each first 16 bits of an IPv4 address: all, none or some of
	// the addresses are in the set. 16 KiB: most of it stays in the first cache.
	table [1 << 16 * 2 / 64]uint64
}

// The values of networks.table.
const (
	none = iota
	all
	some
)

// newNetworks returns the set of all addresses in the spans.
func newNetworks(spans []span) *networks {
	n := &networks{}
	slices.SortFunc(spans, func(a, b span) int { return a.first.compare(b.first) })
	for _, s := range spans {
		if len(n.spans) > 0 {
			prev := &n.spans[len(n.spans)-1]
			if after, ok := prev.last.next(); !ok || s.first.compare(after) <= 0 {
				if prev.last.compare(s.last) < 0 {
					prev.last = s.last
				}
				continue
			}
		}
		n.spans = append(n.spans, s)
	}
	for _, s := range n.spans {
		if s.last.compare(ipv4.first) < 0 || s.first.compare(ipv4.last) > 0 {
			continue
		}
		s4 := span4{0, 1<<32 - 1}
		if s.first.compare(ipv4.first) > 0 {
			s4.first = uint32(s.first.lo)
		}
		if s.last.compare(ipv4.last) < 0 {
			s4.last = uint32(s.last.lo)
		}
		n.spans4 = append(n.spans4, s4)
		n.fill(s4)
	}
	return n
}

// fill enters s into the table.
func (n *networks) fill(s span4) {
	for top := s.first >> 16; top <= s.last>>16; top++ {
		value := uint64(some)
		if s.first <= top<<16 && s.last >= top<<16|0xffff {
			value = all
		}
		// Spans are apart: where two share a top, both set "some".
		n.table[top/32] |= value << (top % 32 * 2)
	}
}

// has reports whether a is in the set. The zero Addr, a missing field, never is.
func (n *networks) has(a netip.Addr) bool {
	if a.Is4() {
		b := a.As4()
		x := binary.BigEndian.Uint32(b[:])
		switch n.table[x>>21] >> (x >> 16 % 32 * 2) & 3 {
		case none:
			return false
		case all:
			return true
		}
		return n.search4(x)
	}
	return a.IsValid() && n.search(addressOf(a))
}

func (n *networks) search4(x uint32) bool {
	lo, hi := 0, len(n.spans4) // the first span that ends at x or later
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if n.spans4[mid].last < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(n.spans4) && n.spans4[lo].first <= x
}

func (n *networks) search(x address) bool {
	i, _ := slices.BinarySearchFunc(n.spans, x, func(s span, x address) int { return s.last.compare(x) })
	return i < len(n.spans) && n.spans[i].first.compare(x) <= 0
}
