package finding

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"fresnel/internal/event"
)

// ID returns the id of the document of r: a SHA-256 over the group's identity (its fields
// and their values) and @timestamp, in hexadecimal. A repeated run over the same data gives
// the same id, a group with newer events another. The order in which the fields were listed
// does not matter. Of several results of one group in one run, which differ in their
// destination, all but the first have the destination in their id as well.
func ID(r *Result) string {
	sum := id(r)
	return hex.EncodeToString(sum[:])
}

func id(r *Result) [sha256.Size]byte {
	var buf [256]byte
	b := appendIdentity(buf[:0], &r.Group)
	b = binary.BigEndian.AppendUint64(b, uint64(r.LastNanos))
	if w := r.Row; w != nil && w.More {
		b = appendCounted(b, w.Domain)
		b = appendCounted(b, string(w.Address.AsSlice()))
	}
	return sha256.Sum256(b)
}

// appendIdentity appends a form of g that differs for different groups: the number of fields,
// then each name and value behind its length.
func appendIdentity(dst []byte, g *Group) []byte {
	at := func(i int) event.Field { return g.Fields[i] }
	var places [event.NumFields]int
	n := len(g.Fields)
	ordered := places[:0]
	for i := range n {
		ordered = append(ordered, i)
	}
	slices.SortStableFunc(ordered, func(a, b int) int { return cmp.Compare(at(a).String(), at(b).String()) })

	dst = binary.AppendUvarint(dst, uint64(n))
	for _, i := range ordered {
		dst = appendCounted(dst, at(i).String())
		dst = appendCounted(dst, g.Values[i])
	}
	return dst
}

func appendCounted(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// Compare orders the results of one run: by falling risk score where there is one, by falling
// score of the reference, then by group, whose values are compared one after the other, byte
// by byte, then by destination.
func Compare(a, b *Result) int {
	if c := cmp.Or(
		cmp.Compare(b.Risk(), a.Risk()),
		cmp.Compare(b.Stats.BeaconingScore, a.Stats.BeaconingScore),
		slices.Compare(a.Group.Values, b.Group.Values),
	); c != 0 || a.Row == nil {
		return c
	}
	return cmp.Or(cmp.Compare(a.Row.Domain, b.Row.Domain), a.Row.Address.Compare(b.Row.Address))
}
