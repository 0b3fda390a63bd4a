package human

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Safe returns s for a terminal, a page or a picture: every rune that is not printed as
// itself becomes visible. Control characters turn into \x1b, line ends into \n, invalid bytes
// into \xff, and what reorders or hides text (bidirectional overrides, zero-width characters,
// blanks other than the space) into \u202e. A backslash stays one: paths are full of them.
func Safe(s string) string {
	clean := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r) && !blank(r):
			b.WriteString(s[i : i+n])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += n
	}
	return b.String()
}

// blank tells of letters that are drawn as nothing at all.
func blank(r rune) bool {
	switch r {
	case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0:
		return true
	}
	return 0x180b <= r && r <= 0x180f || 0xfe00 <= r && r <= 0xfe0f || 0xe0100 <= r && r <= 0xe01ef
}

// wide are the ranges of runes that take two columns: East Asian wide and full-width forms and
// emoji, after Unicode's EastAsianWidth.txt (neighbouring ranges joined over unassigned runes).
var wide = [][2]rune{
	{0x1100, 0x115f}, {0x231a, 0x231b}, {0x2329, 0x232a}, {0x23e9, 0x23ec}, {0x23f0, 0x23f0},
	{0x23f3, 0x23f3}, {0x25fd, 0x25fe}, {0x2614, 0x2615}, {0x2648, 0x2653}, {0x267f, 0x267f},
	{0x2693, 0x2693}, {0x26a1, 0x26a1}, {0x26aa, 0x26ab}, {0x26bd, 0x26be}, {0x26c4, 0x26c5},
	{0x26ce, 0x26ce}, {0x26d4, 0x26d4}, {0x26ea, 0x26ea}, {0x26f2, 0x26f3}, {0x26f5, 0x26f5},
	{0x26fa, 0x26fa}, {0x26fd, 0x26fd}, {0x2705, 0x2705}, {0x270a, 0x270b}, {0x2728, 0x2728},
	{0x274c, 0x274c}, {0x274e, 0x274e}, {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2795, 0x2797},
	{0x27b0, 0x27b0}, {0x27bf, 0x27bf}, {0x2b1b, 0x2b1c}, {0x2b50, 0x2b50}, {0x2b55, 0x2b55},
	{0x2e80, 0x303e}, {0x3041, 0x33ff}, {0x3400, 0x4dbf}, {0x4e00, 0xa4cf}, {0xa960, 0xa97f},
	{0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe10, 0xfe19}, {0xfe30, 0xfe6f}, {0xff01, 0xff60},
	{0xffe0, 0xffe6}, {0x16fe0, 0x18cff}, {0x1aff0, 0x1b2ff}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf},
	{0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c},
	{0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4},
	{0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e},
	{0x1f550, 0x1f567}, {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f},
	{0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6df}, {0x1f6eb, 0x1f6ec},
	{0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7f0}, {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945}, {0x1f947, 0x1faff},
	{0x20000, 0x3fffd},
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	lo, hi := 0, len(wide)
	for lo < hi {
		mid := (lo + hi) / 2
		switch {
		case r < wide[mid][0]:
			hi = mid
		case r > wide[mid][1]:
			lo = mid + 1
		default:
			return 2
		}
	}
	return 1
}

// Width returns how many columns of a terminal s takes. s is safe text.
func Width(s string) int {
	w := 0
	for _, r := range s {
		w += runeWidth(r)
	}
	return w
}

// Shorten returns s in at most width columns, its end replaced by tail ("…" or "...") where it
// is longer. A tail that does not fit is left out.
func Shorten(s string, width int, tail string) string {
	// Marks without a width would let a text of any length through.
	if Width(s) <= width && len(s) <= 16*max(width, 1) {
		return s
	}
	tailWidth := Width(tail)
	if tailWidth > width {
		tail, tailWidth = "", 0
	}
	w, end := 0, 0
	for i, r := range s {
		rw := runeWidth(r)
		if w+rw > width-tailWidth || i > 16*width {
			break
		}
		w += rw
		end = i + utf8.RuneLen(r)
	}
	return s[:end] + tail
}

// Pad returns s with blanks up to width columns, before it when right is set.
func Pad(s string, width int, right bool) string {
	n := width - Width(s)
	if n <= 0 {
		return s
	}
	if right {
		return strings.Repeat(" ", n) + s
	}
	return s + strings.Repeat(" ", n)
}

var (
	sparks      = []rune("▁▂▃▄▅▆▇█")
	asciiSparks = []rune("_.:-=+*#")
)

// Sparkline draws values, the first leftmost, one column each. The scale starts at 0, which is
// a blank; the largest value fills its column. Values are not negative.
func Sparkline(values []float32, ascii bool) string {
	levels := sparks
	if ascii {
		levels = asciiSparks
	}
	var most float32
	for _, v := range values {
		most = max(most, v)
	}
	out := make([]rune, len(values))
	for i, v := range values {
		out[i] = ' '
		if v > 0 {
			out[i] = levels[int(v/most*float32(len(levels)-1)+0.5)]
		}
	}
	return string(out)
}

// Columns returns counts, bucket 0 the newest, as at most n columns, the oldest first. A column
// is the mean of its buckets, so that a steady signal stays steady where n does not divide
// their number.
func Columns(counts []int64, n int) []float32 {
	if len(counts) == 0 || n < 1 {
		return nil
	}
	oldest := make([]float32, len(counts))
	for i, c := range counts {
		oldest[len(counts)-1-i] = float32(c)
	}
	return Narrow(oldest, n)
}

// Narrow returns values as at most n columns, each the mean of its values.
func Narrow(values []float32, n int) []float32 {
	if n >= len(values) {
		return values
	}
	out := make([]float32, max(n, 0))
	for i := range out {
		lo, hi := i*len(values)/n, (i+1)*len(values)/n
		for _, v := range values[lo:hi] {
			out[i] += v
		}
		out[i] /= float32(hi - lo)
	}
	return out
}
