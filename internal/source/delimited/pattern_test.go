package delimited

import (
	"regexp"
	"strings"
	"testing"
)

// compareWithRegexp holds a matcher to the package regexp, group by group.
func compareWithRegexp(t *testing.T, expr string, lines ...string) {
	t.Helper()
	re, err := regexp.Compile(expr)
	if err != nil {
		return
	}
	p, names, err := compilePattern(expr)
	if err != nil {
		return
	}
	for g := 1; g < len(names); g++ {
		p.want(g)
	}
	m := newMatcher(p)
	for _, line := range lines {
		want := re.FindStringSubmatchIndex(line)
		got, ok := m.match([]byte(line))
		if ok != (want != nil) {
			t.Fatalf("%q in %q: got a match %v, want %v", expr, line, ok, want != nil)
		}
		if !ok {
			continue
		}
		for g := 1; g < len(names); g++ {
			if int(got[2*g-2]) != want[2*g] || int(got[2*g-1]) != want[2*g+1] {
				t.Fatalf("%q in %q, group %d: got %v, want %v", expr, line, g, got[2*g-2:2*g], want[2*g:2*g+2])
			}
		}
	}
}

func TestPatternAgreesWithRegexp(t *testing.T) {
	lines := []string{
		"", "a", "ab", "aab", "b", "xaby", "10.0.0.1:80", "key=value other=2", "ünï cödé", "\xff\xfe", "aaaaaaaaaaab", "KELVIN \u212a k", "a\x00b",
		`[10.30 16:49:06] chrome.exe *64 - proxy.example:5070 close, 1228 bytes (1.19 KB) sent, 0 bytes received, lifetime <1 sec`,
	}
	for _, expr := range []string{
		``, `a`, `(a)(b)?`, `(a+)(b+)`, `(a+?)(a*)b`, `(a|ab)(c|bcd)?`, `^(.*)$`, `(.*?)(\d+)`, `^$`, `$^`, `(^a)|(b$)`, `(?m)^(.)$`, `(?:(a)|(b)|(ab))+`,
		`(\w+)=(\w+)`, `(?i)(k+)`, `([^ ]+) ([^ ]+)$`, `(a*)*`, `(a*)+b`, `(a|b)*?b`, `(\pL+)`, `(x?)(a?)(b?)y`, `([\x{80}-\x{10ffff}]+)`, `(?s)(.)`, `()`, `(a{2,5})(a*)`,
		ready["proxifier"].Pattern,
	} {
		compareWithRegexp(t, expr, lines...)
	}
}

func TestPatternForgetsStates(t *testing.T) {
	// The first a of the last 14 runes: an automaton of 2^14 states.
	expr := `(a)[ab]{13}$`
	text := strings.Repeat("abbaabababbbaaabbabaabbbababaabb", 1)
	var lines []string
	for i := range 3000 {
		line := make([]byte, 40)
		for k := range line {
			line[k] = "ab"[(i>>(k%12)^k*i>>3)&1]
		}
		lines = append(lines, string(line))
	}
	compareWithRegexp(t, expr, append(lines, text)...)
	p, _, err := compilePattern(expr)
	if err != nil {
		t.Fatal(err)
	}
	m := newMatcher(p)
	for _, line := range lines {
		m.match([]byte(line))
		if len(m.states) > maxStates {
			t.Fatalf("got %d states, want at most %d", len(m.states), maxStates)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add(`^(a+?)(a|b)*(c)?$`, "aabac")
	f.Add(`(\d+)\.(\d+)|(x)`, "12.5 x")
	f.Add(`(?i)é(.)`, "Éß")
	f.Fuzz(func(t *testing.T, expr, line string) {
		if len(expr) > 60 || len(line) > 200 || strings.ContainsAny(line, "\n") {
			return
		}
		compareWithRegexp(t, expr, line, line+line, line[:len(line)/2])
	})
}
