package event

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// one sets field f of e to some value, and returns that as ReadKey shows it.
func one(e *Event, f Field, text string, ip netip.Addr, n int64, b Tristate) string {
	switch f.Kind() {
	case KindText:
		*e.Text(f) = text
		return text
	case KindIP:
		e.SetIP(f, ip)
		return ip.String()
	case KindBool:
		e.SetBool(f, b)
		return strconv.FormatBool(b == True)
	default:
		if f == SourcePort || f == DestinationPort {
			n = int64(uint16(n))
		}
		e.SetCount(f, n)
		return strconv.FormatInt(n, 10)
	}
}

func TestFieldsAreNamedOnce(t *testing.T) {
	names := map[string]bool{}
	for i, f := range Fields() {
		if int(f) != i || f.String() == "" || names[f.String()] {
			t.Errorf("field %d: got %d and the name %q, want a name of its own", i, f, f.String())
		}
		names[f.String()] = true
		got, err := ParseField(f.String())
		if err != nil || got != f {
			t.Errorf("ParseField(%q): got %d and %v, want %d", f.String(), got, err, f)
		}
	}
	if len(names) != NumFields || AllFields.Len() != NumFields {
		t.Errorf("got %d names and %d fields of all, want %d", len(names), AllFields.Len(), NumFields)
	}
}

func TestParseFieldRefuses(t *testing.T) {
	for _, name := range []string{"", "host", "Host.name", "host.name ", "source.mac"} {
		_, err := ParseField(name)
		if err == nil || !strings.HasPrefix(err.Error(), "got "+strconv.Quote(name)+", want an event field: @timestamp, ") || !strings.HasSuffix(err.Error(), ", event.category") {
			t.Errorf("ParseField(%q): got %v, want what was got and the names of all fields", name, err)
		}
	}
}

func TestEachFieldIsOneOfAnEvent(t *testing.T) {
	ip := netip.MustParseAddr("10.0.0.1")
	seen := map[Event]Field{}
	for _, f := range Fields() {
		var e Event
		if e.Has(f) {
			t.Errorf("%v: an event without fields has one", f)
		}
		one(&e, f, "x", ip, 7, False)
		for _, g := range Fields() {
			if e.Has(g) != (f == g) {
				t.Errorf("%v is set: got Has(%v) = %v", f, g, e.Has(g))
			}
		}
		if other, ok := seen[e]; ok {
			t.Errorf("%v and %v are the same", f, other)
		}
		seen[e] = f
	}
}

func TestValuesOfAnotherKindAreMissing(t *testing.T) {
	var e Event
	for _, f := range Fields() {
		one(&e, f, "x", netip.MustParseAddr("::1"), 7, True)
	}
	for _, f := range Fields() {
		k := f.Kind()
		if (e.Text(f) != nil) != (k == KindText) || e.IP(f).IsValid() != (k == KindIP) || (e.Bool(f) != Unknown) != (k == KindBool) || (e.Count(f) != 0) != (k == KindCount || k == KindTime) {
			t.Errorf("%v: got a value of another kind than %d", f, k)
		}
	}
}

func TestFieldSet(t *testing.T) {
	s := SetOf(Timestamp, EventCategory)
	if !s.Has(Timestamp) || !s.Has(EventCategory) || s.Has(HostName) || s.Len() != 2 {
		t.Errorf("got %b, want the first and the last field", s)
	}
	if w := s.With(HostName, Timestamp); !w.Has(HostName) || w.Len() != 3 || s.Len() != 2 {
		t.Errorf("got %b, want one field more and the old set as it was", w)
	}
	if SetOf() != 0 || SetOf(Fields()...) != AllFields {
		t.Error("got a set of no fields or of all that is none")
	}
}

func TestReadKey(t *testing.T) {
	for _, tt := range []struct {
		name string
		e    Event
		f    Field
		want string
	}{
		{"a text", Event{HostName: "h"}, HostName, "h"},
		{"a missing text", Event{}, HostName, ""},
		{"a text of any bytes", Event{ProcessName: "a\x00\xff\n"}, ProcessName, "a\x00\xff\n"},
		{"a text longer than one byte can tell", Event{UserAgent: strings.Repeat("x", 300)}, UserAgent, strings.Repeat("x", 300)},
		{"IPv4", Event{SourceIP: netip.MustParseAddr("10.0.0.1")}, SourceIP, "10.0.0.1"},
		{"IPv6", Event{DestinationIP: netip.MustParseAddr("2001:DB8::1")}, DestinationIP, "2001:db8::1"},
		{"a port", Event{DestinationPort: 65535}, DestinationPort, "65535"},
		{"negative bytes", Event{SourceBytes: math.MinInt64}, SourceBytes, "-9223372036854775808"},
		{"a time", Event{TimeNanos: 1e9}, Timestamp, "1000000000"},
		{"true", Event{SignatureTrusted: True}, SignatureTrusted, "true"},
		{"false", Event{SignatureTrusted: False}, SignatureTrusted, "false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := append(tt.e.AppendKey([]byte("before"), tt.f), "behind"...)
			got, rest := ReadKey(key[len("before"):], tt.f)
			if got != tt.want || string(rest) != "behind" || !bytes.HasPrefix(key, []byte("before")) {
				t.Errorf("got %q, rest %q, want %q", got, rest, tt.want)
			}
		})
	}
}

// FuzzKey holds that keys of several fields are equal for equal values only, and are taken
// apart again.
func FuzzKey(f *testing.F) {
	f.Add("a", "", []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}, int64(1), int64(-1), byte(0), byte(2))
	f.Add("\x01a", "a\x01", make([]byte, 16), []byte{0, 0, 0, 0}, int64(65536), int64(0), byte(1), byte(1))
	f.Fuzz(func(t *testing.T, textA, textB string, ipA, ipB []byte, nA, nB int64, boolA, boolB byte) {
		fields := append(Fields(), HostName, SourceIP) // one field may stand in a key twice
		fill := func(text string, ip []byte, n int64, b byte) (e Event, shown []string, key []byte) {
			addr, ok := netip.AddrFromSlice(ip)
			if !ok || addr.Is4In6() { // no event has these
				addr = netip.IPv4Unspecified()
			}
			for _, f := range fields {
				shown = append(shown, one(&e, f, text, addr, n, Tristate(b%3)))
			}
			for _, f := range fields {
				key = e.AppendKey(key, f)
			}
			return e, shown, key
		}
		a, shown, keyA := fill(textA, ipA, nA, boolA)
		b, _, keyB := fill(textB, ipB, nB, boolB)
		if (a == b) != bytes.Equal(keyA, keyB) {
			t.Errorf("got keys %q and %q for\n%+v\n%+v", keyA, keyB, a, b)
		}
		rest := keyA
		for i, f := range fields {
			var got string
			if got, rest = ReadKey(rest, f); got != shown[i] {
				t.Errorf("%v: got %q, want %q", f, got, shown[i])
			}
		}
		if len(rest) != 0 {
			t.Errorf("got %q behind the key, want nothing", rest)
		}
		for _, f := range fields {
			same := bytes.Equal(a.AppendKey(nil, f), b.AppendKey(nil, f))
			hashA, okA := a.Hash(1, f)
			hashB, okB := b.Hash(1, f)
			if okA != a.Has(f) || okB != b.Has(f) {
				t.Errorf("%v: got %v and %v from Hash, want %v and %v as from Has", f, okA, okB, a.Has(f), b.Has(f))
			}
			if okA && okB && same != (hashA == hashB) {
				t.Errorf("%v: got hashes %x and %x for values of which it is %v that they are the same", f, hashA, hashB, same)
			}
		}
	})
}

func TestTristateOf(t *testing.T) {
	if diff := cmp.Diff([]Tristate{True, False}, []Tristate{TristateOf(true), TristateOf(false)}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(Event{}, Event{SignatureExists: Unknown}, cmpopts.EquateComparable(Event{})); diff != "" {
		t.Errorf("the zero value is not unknown (-want +got)\n%s", diff)
	}
}

func TestKeysAllocateNothing(t *testing.T) {
	e := Event{HostName: "h", ProcessName: "p", SourceIP: netip.MustParseAddr("10.0.0.1"), DestinationIP: netip.MustParseAddr("::1"), SignatureExists: True}
	key := make([]byte, 0, 1024)
	if allocs := testing.AllocsPerRun(100, func() {
		key = key[:0]
		for f := range Field(NumFields) {
			key = e.AppendKey(key, f)
		}
	}); allocs != 0 {
		t.Errorf("got %v allocations, want none", allocs)
	}
}
