package parse_test

import (
	"bytes"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"fresnel/internal/source/parse"
)

func TestIP(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"an IPv4 address", "192.168.100.7", "192.168.100.7"},
		{"the shortest IPv4 address", "0.0.0.0", "0.0.0.0"},
		{"the longest IPv4 address", "255.255.255.255", "255.255.255.255"},
		{"an octet above 255 is refused", "1.2.3.256", ""},
		{"a leading zero is refused", "1.2.3.04", ""},
		{"three octets are refused", "1.2.3", ""},
		{"five octets are refused", "1.2.3.4.5", ""},
		{"an empty octet is refused", "1..3.4", ""},
		{"a long octet does not wrap around", "1.2.3.4294967297", ""},
		{"a zone on IPv4 is refused", "1.2.3.4%eth0", ""},
		{"a port is refused", "1.2.3.4:80", ""},
		{"a shortened IPv6 address", "fe80::c8f:f724:910a:bb99", "fe80::c8f:f724:910a:bb99"},
		{"an upper-case IPv6 address", "FE80::ABCD", "fe80::abcd"},
		{"an IPv6 address that starts with a digit", "2001:db8::1", "2001:db8::1"},
		{"the empty IPv6 address", "::", "::"},
		{"a zone is dropped", "fe80::1%eth0", "fe80::1"},
		{"an empty zone is refused", "fe80::1%", ""},
		{"an IPv4-mapped address is IPv4", "::ffff:10.0.0.1", "10.0.0.1"},
		{"an IPv4-mapped address in hex is IPv4", "::FFFF:0a00:0001", "10.0.0.1"},
		{"nothing is refused", "", ""},
		{"one byte is refused", "1", ""},
		{"a dash is refused", "-", ""},
		{"a name is refused", "example.com", ""},
	} {
		got, ok := parse.IP([]byte(c.in))
		if ok != (c.want != "") || ok && got.String() != c.want {
			t.Errorf("%s: IP(%q): got %v %v, want %q", c.name, c.in, got, ok, c.want)
		}
	}
}

func TestCountAndPort(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     int64
		ok       bool
	}{
		{"zero", "0", 0, true},
		{"a count", "2776719", 2776719, true},
		{"leading zeros", "00000000000000000000000012", 12, true},
		{"the largest", "9223372036854775807", math.MaxInt64, true},
		{"one more is refused", "9223372036854775808", 0, false},
		{"twenty digits are refused", "99999999999999999999", 0, false},
		{"nothing is refused", "", 0, false},
		{"a sign is refused", "-1", 0, false},
		{"a fraction is refused", "1.5", 0, false},
		{"a letter is refused", "1x", 0, false},
	} {
		if got, ok := parse.Count([]byte(c.in)); got != c.want || ok != c.ok {
			t.Errorf("%s: Count(%q): got %d %v, want %d %v", c.name, c.in, got, ok, c.want, c.ok)
		}
	}
	if got, ok := parse.Port([]byte("65535")); got != 65535 || !ok {
		t.Errorf("Port(65535): got %d %v", got, ok)
	}
	if got, ok := parse.Port([]byte("65536")); ok {
		t.Errorf("Port(65536): got %d %v, want none", got, ok)
	}
}

func TestUnixTime(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     int64
		ok       bool
	}{
		{"six digits of fraction", "1588205199.824375", 1588205199824375000, true},
		{"five digits of fraction", "1588205199.82437", 1588205199824370000, true},
		{"no fraction", "1588205199", 1588205199000000000, true},
		{"a point and no fraction", "1588205199.", 1588205199000000000, true},
		{"nine digits of fraction", "1588205199.123456789", 1588205199123456789, true},
		{"digits below a nanosecond are dropped", "0.5392000675201416", 539200067, true},
		{"many digits below a nanosecond", "1." + strings.Repeat("9", 100), 1999999999, true},
		{"counted from the start of a capture", "7.360425", 7360425000, true},
		{"an exponent", "9.5367431640625e-07", 953, true},
		{"an upper-case exponent with a sign", "1.5E+3", 1500000000000, true},
		{"an exponent that leaves nothing", "1e-400", 0, true},
		{"a huge exponent of zero", "0e99999999999999999999", 0, true},
		{"a huge exponent is refused", "1e99999999999999999999", 0, false},
		{"long zeros and an exponent", "0." + strings.Repeat("0", 50) + "1e51", 1000000000, true},
		{"negative", "-0.5", -500000000, true},
		{"no digit before the point", ".5", 500000000, true},
		{"the year 2262", "9223372036.854775", 9223372036854775000, true},
		{"the latest", "9223372036.854775807", math.MaxInt64, true},
		{"after the year 2262 is refused", "9223372037.000000", 0, false},
		{"milliseconds are refused", "1588205199824", 0, false},
		{"nothing is refused", "", 0, false},
		{"a dash is refused", "-", 0, false},
		{"a point is refused", ".", 0, false},
		{"two points are refused", "1.2.3", 0, false},
		{"an exponent without digits is refused", "1e-", 0, false},
		{"a letter in the usual shape is refused", "158820519x.824375", 0, false},
		{"a letter behind the point is refused", "1588205199.82437x", 0, false},
	} {
		if got, ok := parse.UnixTime([]byte(c.in)); got != c.want || ok != c.ok {
			t.Errorf("%s: UnixTime(%q): got %d %v, want %d %v", c.name, c.in, got, ok, c.want, c.ok)
		}
	}
}

func TestRFC3339(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"milliseconds and Z", "2026-01-01T05:36:47.303Z", "2026-01-01T05:36:47.303Z"},
		{"no fraction", "2026-01-01T05:36:47Z", "2026-01-01T05:36:47Z"},
		{"one digit of fraction", "2026-01-01T05:36:47.3Z", "2026-01-01T05:36:47.3Z"},
		{"nine digits of fraction", "2026-01-01T05:36:47.123456789Z", "2026-01-01T05:36:47.123456789Z"},
		{"digits below a nanosecond are dropped", "2026-01-01T05:36:47.1234567899999999999999Z", "2026-01-01T05:36:47.123456789Z"},
		{"a zone", "2026-01-01T05:36:47.303+02:00", "2026-01-01T03:36:47.303Z"},
		{"a zone without colon", "2026-01-01T05:36:47-0530", "2026-01-01T11:06:47Z"},
		{"a zone without minutes", "2026-01-01T05:36:47+02", "2026-01-01T03:36:47Z"},
		{"no zone is UTC", "2026-01-01T05:36:47.303", "2026-01-01T05:36:47.303Z"},
		{"a space and lower-case letters", "2026-01-01 05:36:47z", "2026-01-01T05:36:47Z"},
		{"a comma for the point", "2026-01-01t05:36:47,5Z", "2026-01-01T05:36:47.5Z"},
		{"a leap day", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
		{"no leap day is refused", "2023-02-29T00:00:00Z", ""},
		{"no leap day in 1900", "1900-02-29T00:00:00Z", ""},
		{"a leap day in 2000", "2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"},
		{"31 April is refused", "2024-04-31T00:00:00Z", ""},
		{"month 13 is refused", "2024-13-01T00:00:00Z", ""},
		{"month 0 is refused", "2024-00-01T00:00:00Z", ""},
		{"day 0 is refused", "2024-01-00T00:00:00Z", ""},
		{"hour 24 is refused", "2024-01-01T24:00:00Z", ""},
		{"a leap second is refused", "2016-12-31T23:59:60Z", ""},
		{"before 1970", "1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z"},
		{"year 0 is refused", "0000-01-01T00:00:00Z", ""},
		{"year 9999 is refused", "9999-12-31T00:00:00Z", ""},
		{"a point without digits is refused", "2026-01-01T05:36:47.Z", ""},
		{"text behind the zone is refused", "2026-01-01T05:36:47Zx", ""},
		{"a bad zone is refused", "2026-01-01T05:36:47+2:00", ""},
		{"a date alone is refused", "2026-01-01", ""},
		{"a letter is refused", "2026-01-01T05:3x:47Z", ""},
		{"a wrong mark is refused", "2026/01/01T05:36:47Z", ""},
		{"a byte above 127 is refused", "202\xb6-01-01T05:36:47Z", ""},
	} {
		got, ok := parse.RFC3339([]byte(c.in))
		if text := time.Unix(0, got).UTC().Format(time.RFC3339Nano); ok != (c.want != "") || ok && text != c.want {
			t.Errorf("%s: RFC3339(%q): got %s %v, want %q", c.name, c.in, text, ok, c.want)
		}
	}
}

func TestEveryDayIsThatOfTheCalendar(t *testing.T) {
	for day := time.Date(1680, 1, 1, 12, 0, 0, 0, time.UTC); day.Year() < 2262; day = day.AddDate(0, 0, 1) {
		text := day.Format(time.RFC3339)
		if got, ok := parse.RFC3339([]byte(text)); !ok || got != day.UnixNano() {
			t.Fatalf("RFC3339(%q): got %d %v, want %d", text, got, ok, day.UnixNano())
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	inputs := []string{"10.0.0.1", "fe80::1%eth0", "::ffff:1.2.3.4", "1588205199.824375", "9.5e-07", "2026-01-01T05:36:47.303Z", "12345"}
	for _, s := range inputs {
		b := []byte(s)
		if n := testing.AllocsPerRun(100, func() {
			parse.IP(b)
			parse.Count(b)
			parse.Port(b)
			parse.UnixTime(b)
			parse.RFC3339(b)
		}); n != 0 {
			t.Errorf("%q: got %v allocations, want 0", s, n)
		}
	}
}

func FuzzIP(f *testing.F) {
	for _, s := range []string{"1.2.3.4", "255.255.255.255", "::1", "fe80::1%eth0", "::ffff:1.2.3.4", "1.2.3.4%x", "12:34::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parse.IP([]byte(s))
		want, err := netip.ParseAddr(s)
		if err == nil {
			want = want.WithZone("").Unmap()
		}
		if len(s) <= 256 && (ok != (err == nil) || ok && got != want) {
			t.Errorf("IP(%q): got %v %v, want %v %v", s, got, ok, want, err)
		}
	})
}

func FuzzCount(f *testing.F) {
	f.Add("0")
	f.Add("9223372036854775808")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parse.Count([]byte(s))
		want, err := strconv.ParseUint(s, 10, 63)
		if ok != (err == nil) || ok && got != int64(want) {
			t.Errorf("Count(%q): got %d %v, want %d %v", s, got, ok, want, err)
		}
	})
}

var number = regexp.MustCompile(`^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$`)

func FuzzUnixTime(f *testing.F) {
	for _, s := range []string{"1588205199.824375", "0.5392000675201416", "9.5367431640625e-07", "-1.5", "9223372036.854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parse.UnixTime([]byte(s))
		if !number.MatchString(s) {
			if ok {
				t.Errorf("UnixTime(%q): got %d, want none", s, got)
			}
			return
		}
		if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 5 {
			return // big.Rat would need that many digits
		}
		r, valid := new(big.Rat).SetString(s)
		if !valid {
			return
		}
		r.Mul(r, big.NewRat(1_000_000_000, 1))
		want := new(big.Int).Quo(r.Num(), r.Denom())
		fits := want.CmpAbs(big.NewInt(math.MaxInt64)) <= 0
		if ok != fits || ok && got != want.Int64() {
			t.Errorf("UnixTime(%q): got %d %v, want %v", s, got, ok, want)
		}
	})
}

var strict = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:[0-5]\d)$`)

func FuzzRFC3339(f *testing.F) {
	for _, s := range []string{"2026-01-01T05:36:47.303Z", "2026-01-01T05:36:47+02:00", "2024-02-29T23:59:59.999999999-11:30", "2026-01-01 05:36:47"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parse.RFC3339([]byte(s))
		if !strict.MatchString(s) {
			return
		}
		want, err := time.Parse(time.RFC3339Nano, s)
		fits := err == nil && want.Unix() >= math.MinInt64/1_000_000_000 && want.Unix() < math.MaxInt64/1_000_000_000
		if ok != fits || ok && got != want.UnixNano() {
			t.Errorf("RFC3339(%q): got %d %v, want %v %v", s, got, ok, want, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name, in string
		f        func([]byte) bool
	}{
		{"IPv4", "192.168.100.7", func(b []byte) bool { _, ok := parse.IP(b); return ok }},
		{"IPv6", "fe80::c8f:f724:910a:bb99", func(b []byte) bool { _, ok := parse.IP(b); return ok }},
		{"Count", "48915", func(b []byte) bool { _, ok := parse.Count(b); return ok }},
		{"UnixTime", "1588205199.824375", func(b []byte) bool { _, ok := parse.UnixTime(b); return ok }},
		{"UnixTimeAnyShape", "1588205199.82437", func(b []byte) bool { _, ok := parse.UnixTime(b); return ok }},
		{"RFC3339", "2026-01-01T05:36:47.303Z", func(b []byte) bool { _, ok := parse.RFC3339(b); return ok }},
	} {
		b.Run(c.name, func(b *testing.B) {
			in := bytes.Clone([]byte(c.in))
			b.ReportAllocs()
			for b.Loop() {
				if !c.f(in) {
					b.Fatal("refused")
				}
			}
		})
	}
}
