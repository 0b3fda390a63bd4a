package human

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"},
		{500 * time.Microsecond, "0s"},
		{250 * time.Millisecond, "250ms"},
		{45 * time.Second, "45s"},
		{time.Second + 250*time.Millisecond, "1s"},
		{5 * time.Minute, "5m"},
		{90 * time.Second, "1m 30s"},
		{90 * time.Minute, "1h 30m"},
		{time.Hour + time.Second, "1h"},
		{51 * time.Hour, "2d 3h"},
		{-90 * time.Minute, "-1h 30m"},
		{math.MinInt64, "-106751d 23h"},
	} {
		if got := Duration(c.d); got != c.want {
			t.Errorf("Duration(%d): got %q, want %q", c.d, got, c.want)
		}
	}
	if got := Seconds(math.MaxInt64); got != "106751d 23h" {
		t.Errorf("Seconds of the largest number: got %q", got)
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(0), "0"},
		{Count(999), "999"},
		{Count(-1234567), "-1,234,567"},
		{Plural(1, "event"), "1 event"},
		{Plural(1234, "event"), "1,234 events"},
		{Plural(2, "query"), "2 queries"},
		{Plural(2, "key"), "2 keys"},
		{Number(0), "0"},
		{Number(0.98123), "0.9812"},
		{Number(412.54), "412.5"},
		{Number(12345.6), "12346"},
		{Number(999.96), "1000"},
		{Number(0.00001), "1.00e-05"},
		{Number(1), "1"},
		{Bytes(0), "0 B"},
		{Bytes(512), "512 B"},
		{Bytes(412.5434), "413 B"},
		{Bytes(999.7), "1 kB"},
		{Bytes(1400), "1.4 kB"},
		{Bytes(3.0512e6), "3.05 MB"},
		{Bytes(2.5e21), "2500 EB"},
		{Percent(0.05), "5%"},
		{Percent(0.125), "12.5%"},
		{Percent(0.1588), "15.88%"},
		{Percent(0.0005), "0.05%"},
		{Percent(math.Inf(1)), "no share"},
		{Noun(1, "run"), "run"},
		{Noun(0, "run"), "runs"},
		{Time(1767225600e9), "2026-01-01 00:00:00"},
		{ShortTime(1767225600e9), "01-01 00:00"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestSafe(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain text stays", `C:\Windows\System32\svchost.exe`, `C:\Windows\System32\svchost.exe`},
		{"letters of other scripts stay", "日本 ünï 🦀", "日本 ünï 🦀"},
		{"an escape sequence is visible", "a\x1b[31mred", `a\x1b[31mred`},
		{"line ends and tabs are visible", "a\r\n\tb", `a\r\n\tb`},
		{"DEL and C1 controls are visible", "\x7f\u009b31m", `\x7f\x9b31m`},
		{"a bidirectional override is visible", "exe.\u202etxt", `exe.\u202etxt`},
		{"isolates and marks are visible", "\u2066\u200f\u061c", `\u2066\u200f\u061c`},
		{"zero-width characters are visible", "a\u200bb\ufeff", `a\u200bb\ufeff`},
		{"blanks other than the space are visible", "a\u00a0b\u3164", `a\xa0b\u3164`},
		{"invalid bytes are visible", "a\xffb\xc3", `a\xffb\xc3`},
		{"tags are visible", "\U000e0041", `\U000e0041`},
	} {
		if got := Safe(c.in); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWidthAndShorten(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"e\u0301te\u0301", 3, "e\u0301te\u0301"},
		{"abc", 0, ""},
		{"a" + strings.Repeat("\u0301", 1000), 4, "a" + strings.Repeat("\u0301", 32) + "…"},
	} {
		if got := Shorten(c.in, c.width, "…"); got != c.want {
			t.Errorf("Shorten(%.20q, %d): got %q, want %q", c.in, c.width, got, c.want)
		}
	}
	if got := Pad("日", 4, true); got != "  日" {
		t.Errorf("Pad: got %q", got)
	}
}

func TestSparkline(t *testing.T) {
	if got := Sparkline(Columns([]int64{8, 0, 1, 4}, 10), false); got != "▅▂ █" {
		t.Errorf("newest bucket is not rightmost: got %q", got)
	}
	if got := Sparkline(Columns([]int64{8, 0, 1, 4}, 4), true); got != "=. #" {
		t.Errorf("ascii: got %q", got)
	}
	steady := make([]int64, 100)
	for i := range steady {
		steady[i] = 3
	}
	if got := Sparkline(Columns(steady, 24), false); got != strings.Repeat("█", 24) {
		t.Errorf("a steady signal in columns of uneven width: got %q", got)
	}
	if got := Sparkline(nil, false); got != "" {
		t.Errorf("nothing: got %q", got)
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("a\x1b[31m\u202e\xff", 5)
	f.Fuzz(func(t *testing.T, s string, width int) {
		safe := Safe(s)
		if !utf8.ValidString(safe) {
			t.Fatalf("got invalid UTF-8 %q", safe)
		}
		for _, r := range safe {
			if !unicode.IsPrint(r) {
				t.Fatalf("got %q in %q, want only what is printed", r, safe)
			}
		}
		if safe2 := Safe(safe); safe2 != safe {
			t.Fatalf("safe text changed: got %q, want %q", safe2, safe)
		}
		width = int(uint(width) % 100)
		if got := Width(Shorten(safe, width, "…")); got > width {
			t.Fatalf("Shorten(%q, %d): got %d columns", safe, width, got)
		}
	})
}
