package filter_test

import (
	"math/big"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"fresnel/internal/event"
	"fresnel/internal/filter"
)

// evaluate answers like Match, slowly and plainly.
func evaluate(c filter.Config, e *event.Event) int {
	if !c.Enabled {
		return 0
	}
	for i, clause := range c.Exclude {
		if clauseHolds(c, clause, e) {
			return i
		}
	}
	for i, clause := range c.Include {
		if clauseHolds(c, clause, e) {
			return len(c.Exclude) + i
		}
	}
	return len(c.Exclude) + len(c.Include)
}

func clauseHolds(c filter.Config, clause filter.Clause, e *event.Event) bool {
	for _, cond := range clause.Where {
		values, err := c.Values(cond)
		if err != nil {
			panic(err)
		}
		holds := false
		if e.Has(cond.Field) {
			holds = cond.Op.Positive() == filter.Exists
			for _, v := range values {
				holds = holds || compares(c, e, cond, v)
			}
		}
		if holds == cond.Op.Negated() {
			return false
		}
	}
	return true
}

// compares reports whether the value that e has in the field stands in the relation of
// cond, without its negation, to v.
func compares(c filter.Config, e *event.Event, cond filter.Condition, v string) bool {
	asciiLower := func(s string) string {
		if !c.IgnoreCase {
			return s
		}
		b := []byte(s)
		for i := range b {
			if b[i] >= 'A' && b[i] <= 'Z' {
				b[i] |= 0x20
			}
		}
		return string(b)
	}
	switch cond.Op.Positive() {
	case filter.Network:
		p, err := netip.ParsePrefix(v)
		if err != nil {
			a := netip.MustParseAddr(v)
			p = netip.PrefixFrom(a, a.BitLen())
		}
		bits := p.Bits()
		if p.Addr().Is4() {
			bits += 96
		}
		top := func(a netip.Addr) *big.Int {
			b := a.As16()
			n := new(big.Int).SetBytes(b[:])
			return n.Rsh(n, uint(128-bits))
		}
		return top(p.Addr()).Cmp(top(e.IP(cond.Field))) == 0
	case filter.Wildcard:
		pattern := regexp.QuoteMeta(asciiLower(v))
		pattern = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(pattern)
		return regexp.MustCompile(`(?s)\A` + pattern + `\z`).MatchString(asciiLower(*e.Text(cond.Field)))
	}
	switch cond.Field.Kind() {
	case event.KindIP:
		return e.IP(cond.Field) == netip.MustParseAddr(v).Unmap()
	case event.KindCount:
		return strconv.FormatInt(e.Count(cond.Field), 10) == v
	case event.KindBool:
		return strconv.FormatBool(e.Bool(cond.Field) == event.True) == v
	}
	return asciiLower(*e.Text(cond.Field)) == asciiLower(v)
}

// FuzzMatch holds Match to evaluate: any filter, any event.
func FuzzMatch(f *testing.F) {
	for _, c := range cases(f) {
		text, err := yaml.Marshal(&c.Filter)
		if c.Filter.IsZero() {
			text, err = nil, nil
		}
		if err != nil {
			f.Fatal(err)
		}
		for _, row := range c.Events {
			fields, err := yaml.Marshal(row.Event)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text, fields)
		}
	}
	f.Fuzz(func(t *testing.T, text, fields []byte) {
		config := filter.Default()
		if yaml.Unmarshal(text, &config) != nil {
			return
		}
		compiled, err := filter.Compile(config)
		if err != nil {
			return
		}
		var values map[string]string
		if yaml.Unmarshal(fields, &values) != nil {
			return
		}
		e := &event.Event{}
		for name, value := range values {
			if setField(e, name, value) != nil {
				return
			}
		}
		if got, want := compiled.Match(e), evaluate(config, e); got != want {
			t.Errorf("got outcome %d, want %d", got, want)
		}
	})
}

// FuzzWildcard holds the patterns to regular expressions.
func FuzzWildcard(f *testing.F) {
	for _, s := range [][2]string{
		{"*a*b", "aXbXab"}, {"?*?", "é"}, {"*?x", "éx"}, {"a**b?", "ab\xff"}, {"*\u00e9", "\xc3"}, {"**", ""}, {"*.A?", "x.ab"},
		{"\x80", "\x80"}, {"*ab?ab*", "ababab"},
	} {
		f.Add(s[0], s[1], true)
		f.Add(s[0], s[1], false)
	}
	f.Fuzz(func(t *testing.T, pattern, text string, ignoreCase bool) {
		config := filter.Config{Enabled: true, IgnoreCase: ignoreCase, Include: filter.Clauses{
			{Name: "a", Where: filter.Conditions{{Field: event.HostName, Op: filter.Wildcard, Values: []string{"$$" + pattern}}}},
			{Name: "b", Where: filter.Conditions{{Field: event.UserName, Op: filter.Wildcard, Values: []string{"$$" + pattern + "*"}}}},
		}}
		compiled, err := filter.Compile(config)
		if err != nil {
			return
		}
		for _, e := range []*event.Event{{HostName: "$" + text}, {UserName: "$" + text}} {
			if got, want := compiled.Match(e), evaluate(config, e); got != want {
				t.Errorf("%q on %q: got outcome %d, want %d", pattern, text, got, want)
			}
		}
	})
}

// FuzzNetworks holds sets of networks to their members asked one by one, with addresses at
// and beside their edges.
func FuzzNetworks(f *testing.F) {
	f.Add([]byte{10, 0, 0, 0, 8, 10, 255, 0, 0, 16, 192, 168, 1, 0, 25}, []byte{10, 255, 255, 255})
	f.Add([]byte{0, 0, 0, 0, 0}, []byte{255, 255, 255, 255})
	f.Add([]byte{1, 2, 3, 4, 32, 1, 2, 3, 5, 32, 1, 2, 3, 6, 31}, []byte{1, 2, 3, 7})
	f.Fuzz(func(t *testing.T, networks, asked []byte) {
		var values []string
		var edges []netip.Addr
		for ; len(networks) >= 5 && len(values) < 64; networks = networks[5:] {
			a := netip.AddrFrom4([4]byte(networks))
			bits := int(networks[4]) % 33
			if networks[4] >= 128 { // the same bits at the top of an IPv6 address
				var b [16]byte
				copy(b[:], networks[:4])
				a, bits = netip.AddrFrom16(b), int(networks[4])-127
			}
			p := netip.PrefixFrom(a, bits).Masked()
			values = append(values, p.String())
			first := p.Addr()
			last := first.AsSlice()
			for bit := p.Bits(); bit < len(last)*8; bit++ {
				last[bit/8] |= 1 << (7 - bit%8)
			}
			end, _ := netip.AddrFromSlice(last)
			edges = append(edges, first, first.Prev(), end, end.Next())
		}
		for ; len(asked) >= 4 && len(edges) < 512; asked = asked[4:] {
			edges = append(edges, netip.AddrFrom4([4]byte(asked)))
		}
		config := filter.Config{Enabled: true, Include: filter.Clauses{
			{Name: "a", Where: filter.Conditions{{Field: event.SourceIP, Op: filter.Network, Values: values}}},
		}}
		compiled, err := filter.Compile(config)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range edges {
			e := &event.Event{SourceIP: a.Unmap()}
			if got, want := compiled.Match(e), evaluate(config, e); got != want {
				t.Errorf("%v in %v: got outcome %d, want %d", a, values, got, want)
			}
		}
	})
}
