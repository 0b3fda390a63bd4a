// Package identity tells from the names that telemetry carries what a program is: where its
// file lies, who signed it, whether it is well-known software, and whether a name of the
// system is where the system has it.
//
// All functions are pure, take hostile input of any length, and do no I/O. Whoever calls may
// do so from several goroutines.
package identity

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"

	"fresnel/internal/event"
	"fresnel/internal/filter"
)

// RegistrableDomain returns the part of a domain that somebody registered: "example.co.uk"
// for "a.b.example.co.uk". Names below a public suffix that is rented out, such as
// cloudfront.net, count as registered. An address, a name without dots, or a suffix alone is
// returned as it is, in lower case and without a dot at its end.
//
// It costs about a microsecond: cache it.
func RegistrableDomain(domain string) string {
	d := strings.ToLower(strings.TrimSuffix(domain, "."))
	if _, err := netip.ParseAddr(d); err == nil {
		return d
	}
	if r, err := publicsuffix.EffectiveTLDPlusOne(d); err == nil {
		return r
	}
	return d
}

// A Signer says who signed a program.
type Signer uint8

// Who signed a program, in the order of trust.
const (
	SignerUnknown   Signer = iota // nothing is said of a signature
	SignerMicrosoft               // Microsoft, or Apple on its own system
	SignerTrusted                 // somebody whom the system trusts
	SignerUnproven                // a signature of which nobody says whether it is trusted
	SignerNone                    // not signed
	SignerBad                     // a signature that is invalid or not trusted
)

// SignerClass tells from the fields of ECS process.code_signature who signed a program. A
// subject alone proves nothing: anybody can write a name into a certificate.
func SignerClass(exists, trusted, valid event.Tristate, status, subject string) Signer {
	good := trusted == event.True || trusted == event.Unknown && equalFold(status, "trusted")
	switch {
	case exists == event.False || equalFold(status, "noSignature"):
		return SignerNone
	case trusted == event.False || valid == event.False || containsFold(status, "error") || containsFold(status, "revoked"):
		return SignerBad
	case good && (containsFold(subject, "microsoft ") || equalFold(subject, "microsoft") || equalFold(subject, "software signing")):
		return SignerMicrosoft
	case good:
		return SignerTrusted
	case exists == event.True || valid == event.True || status != "" || subject != "":
		return SignerUnproven
	}
	return SignerUnknown
}

// Inside tells of addresses that no host of the internet has: private, shared, link-local,
// loopback, multicast, reserved.
func Inside(a netip.Addr) bool { return a.IsPrivate() || networks().inside.contains(a) }

// MicrosoftAddress tells of addresses in the blocks that the reference calls Microsoft's.
func MicrosoftAddress(a netip.Addr) bool { return networks().microsoft.contains(a) }

// A block is a list of prefixes that do not overlap, by first address.
type block []netip.Prefix

func (b block) contains(a netip.Addr) bool {
	lo, hi := 0, len(b)
	for lo < hi {
		mid := (lo + hi) / 2
		switch {
		case b[mid].Contains(a):
			return true
		case a.Less(b[mid].Addr()):
			hi = mid
		default:
			lo = mid + 1
		}
	}
	return false
}

var networks = sync.OnceValue(func() (n struct{ inside, microsoft block }) {
	n.inside, n.microsoft = blockOf("local_destinations"), blockOf("microsoft_destinations")
	return n
})

// blockOf returns a set of the default filter; those of networks are sound.
func blockOf(set string) block {
	values, _ := filter.Default().Set(set)
	var b block
	for _, v := range values {
		if p, err := netip.ParsePrefix(v); err == nil {
			b = append(b, p.Masked())
		}
	}
	slices.SortFunc(b, netip.Prefix.Compare) // a wider prefix stands before those inside it
	kept := b[:0]
	for _, p := range b {
		if len(kept) == 0 || !kept[len(kept)-1].Contains(p.Addr()) {
			kept = append(kept, p)
		}
	}
	return kept
}
