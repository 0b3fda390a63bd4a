package query_test

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/query"
)

// now is the end of the window of all documents: 2026-01-01T06:00:00Z.
var now = time.Unix(findingtest.RunEnd, 0)

func parse(t testing.TB, text string) *query.Query {
	t.Helper()
	q, err := query.Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return q
}

func TestParseReadsTheTree(t *testing.T) {
	is := func(field, value string) query.Node {
		return query.Is{Field: query.Pattern{field}, Value: query.Pattern(strings.Split(value, "*"))}
	}
	a, b, c, d := is("f", "a"), is("f", "b"), is("g", "c"), is("h", "d")
	text := func(s string) query.Node { return query.Contains{Value: query.Pattern(strings.Split(s, "*"))} }
	and := func(nodes ...query.Node) query.Node { return query.And{Nodes: nodes} }
	or := func(nodes ...query.Node) query.Node { return query.Or{Nodes: nodes} }
	not := func(n query.Node) query.Node { return query.Not{Node: n} }
	exists := func(s string) query.Node { return query.Exists{Field: query.Pattern(strings.Split(s, "*"))} }

	for _, row := range []struct {
		name, query string
		want        query.Node
		canonical   string
	}{
		{"nothing is all", "", query.All{}, "*"},
		{"blanks are nothing", " \t\r\n\u00a0", query.All{}, "*"},
		{"a star is all", " * ", query.All{}, "*"},
		{"a field and a value", "f:a", a, "f: a"},
		{"blanks around the colon", " f \n : \t a ", a, "f: a"},
		{"no-break spaces, as web pages have them", "f:\u00a0a\u00a0and\u00a0g:\u00a0c", and(a, c), "f: a and g: c"},
		{"a value in quotes", `f: "a"`, a, "f: a"},
		{"a value in quotes that needs them", `f: "a: (b)"`, is("f", "a: (b)"), `f: "a: (b)"`},
		{"the empty value", `f: ""`, is("f", ""), `f: ""`},
		{"a value of several words", "f: Google  Chrome\tHelper", is("f", "Google Chrome Helper"), "f: Google Chrome Helper"},
		{"blanks within quotes stay", `f: " a  b"`, is("f", " a  b"), `f: " a  b"`},
		{"and binds closer than or", "f: a or g: c and h: d", or(a, and(c, d)), "f: a or g: c and h: d"},
		{"not binds closer than and", "not f: a and g: c", and(not(a), c), "not f: a and g: c"},
		{"parentheses", "(f: a or g: c) and h: d", and(or(a, c), d), "(f: a or g: c) and h: d"},
		{"parentheses that are not needed", "((f: a) and ((g: c and (h: d))))", and(a, c, d), "f: a and g: c and h: d"},
		{"or within or", "f: a or (g: c or h: d)", or(a, c, d), "f: a or g: c or h: d"},
		{"not of parentheses", "not (g: c and h: d)", not(and(c, d)), "not (g: c and h: d)"},
		{"not without a blank", "not(g: c)and(h: d)", and(not(c), d), "not g: c and h: d"},
		{"not twice is nothing", "not not f: a", a, "f: a"},
		{"not twice, in parentheses", "not (NOT (f: a and g: c)) and h: d", and(a, c, d), "f: a and g: c and h: d"},
		{"keywords in any case", "f: a AND g: c Or Not h: d", or(and(a, c), not(d)), "f: a and g: c or not h: d"},
		{"a list of values", "f: (a or b)", or(a, b), "f: (a or b)"},
		{"a list with all there is", "f: (a or b and not (c or d*))", or(a, and(b, not(or(is("f", "c"), is("f", "d*"))))), "f: (a or b and not (c or d*))"},
		{"a list of one", "f: (a)", a, "f: a"},
		{"what is a list is written as one", "f: a or f: b", or(a, b), "f: (a or b)"},
		{"neighbours become a list", "g: c or f: a or f: b and not f: x or h: d", or(c, a, and(b, not(is("f", "x"))), d), "g: c or f: (a or b and not x) or h: d"},
		{"a list under not", "not f: (a or b)", not(or(a, b)), "not f: (a or b)"},
		{"a list within a conjunction", "f: (a and b) and g: c", and(a, b, c), "f: (a and b) and g: c"},
		{"existence", "f: *", exists("f"), "f: *"},
		{"existence with more stars", "f: **", exists("f"), "f: *"},
		{"existence in a list", "f: (a or *)", or(a, exists("f")), "f: (a or *)"},
		{"a star in quotes is a star", `f: "*"`, is("f", "\x00"), `f: "*"`},
		{"an escaped star is a star", `f: \*`, is("f", "\x00"), `f: "*"`},
		{"wildcards", "f: *po**wer*.exe", is("f", "*po*wer*.exe"), "f: *po*wer*.exe"},
		{"wildcards in words", "f: a b* c", is("f", "a b* c"), "f: a b* c"},
		{"wildcards in fields", "p*.name: a", query.Is{Field: query.Pattern{"p", ".name"}, Value: query.Pattern{"a"}}, "p*.name: a"},
		{"any field", "*: a", query.Is{Field: query.Pattern{"", ""}, Value: query.Pattern{"a"}}, "*: a"},
		{"any field exists", "*:*", exists("*"), "*: *"},
		{"a field in quotes", `"a b": c`, is("a b", "c"), `"a b": c`},
		{"a field that is a keyword", `not: c and "or": d`, and(is("not", "c"), is("or", "d")), `"not": c and "or": d`},
		{"free text", "chrome", text("chrome"), "chrome"},
		{"free text of several words", "google chrome and not edge", and(text("google chrome"), not(text("edge"))), "google chrome and not edge"},
		{"free text in quotes", `"chrome.exe -x"`, text("chrome.exe -x"), "chrome.exe -x"},
		{"free text with stars", "c*e", text("c*e"), "c*e"},
		{"words that only begin like keywords", "f: (order or android or nothing)", or(is("f", "order"), is("f", "android"), is("f", "nothing")), "f: (order or android or nothing)"},
		{"escapes of special characters", `f: C\:\\x\(1\)\<\>\"\{\}`, is("f", `C:\x(1)<>"{}`), `f: "C:\\x(1)<>\"{}"`},
		{"escapes with wildcards", `f: C\:\\*\*`, is("f", "C:\\*\x00"), `f: C\:\\*\*`},
		{"escaped keywords", `f: \and or f: big \OR small*`, or(is("f", "and"), is("f", "big OR small*")), `f: ("and" or big \OR small*)`},
		{"escapes in quotes", `f: "C:\\x \"y\" \u00e9 \ud83d\ude00 \u0009"`, is("f", "C:\\x \"y\" é 😀 \t"), `f: "C:\\x \"y\" é 😀 \u0009"`},
		{"unicode escapes in words", `f: \u0020a\u003d*`, is("f", " a=*"), `f: \u0020a=*`},
		{"a sign of comparison that is text", `f: "=" or f: \u003d\u003d a*`, or(is("f", "="), is("f", "== a*")), `f: ("=" or \u003d= a*)`},
		{"quotes of other kinds in the text", `f: "'a'" or f: "“b”" or f: O'Neill`, or(is("f", "'a'"), is("f", "“b”"), is("f", "O'Neill")), `f: ("'a'" or "“b”" or O'Neill)`},
		{"what cannot be seen is escaped", "f: a\u200bb or f: c\u00adc*", or(is("f", "a\u200bb"), is("f", "c\u00adc*")), `f: ("a\u200bb" or c\u00adc*)`},
		{"what cannot be seen and takes a pair of escapes", `f: "\udb40\udc01"`, is("f", "\U000e0001"), `f: "\udb40\udc01"`},
		{"a network", "ip: 10.0.0.0/8", is("ip", "10.0.0.0/8"), "ip: 10.0.0.0/8"},
		{"IPv6 without quotes", "ip: (2001:db8::/32 or ::1)", or(is("ip", "2001:db8::/32"), is("ip", "::1")), `ip: ("2001:db8::/32" or "::1")`},
		{"IPv6 as free text", "2001:db8::5", text("2001:db8::5"), `"2001:db8::5"`},
		{"a time without quotes", "t: 2026-01-01T06:00:00Z", is("t", "2026-01-01T06:00:00Z"), `t: "2026-01-01T06:00:00Z"`},
		{"ranges", "f>1 and f >= 2 and f<3 and f <= -4.5e1", and(
			query.Range{Field: query.Pattern{"f"}, Op: query.Greater, Bound: "1"}, query.Range{Field: query.Pattern{"f"}, Op: query.GreaterOrEqual, Bound: "2"},
			query.Range{Field: query.Pattern{"f"}, Op: query.Less, Bound: "3"}, query.Range{Field: query.Pattern{"f"}, Op: query.LessOrEqual, Bound: "-4.5e1"},
		), "f > 1 and f >= 2 and f < 3 and f <= -4.5e1"},
		{"ranges of times", "t >= now-1h/h and t < 2026-01-01T06:00", and(
			query.Range{Field: query.Pattern{"t"}, Op: query.GreaterOrEqual, Bound: "now-1h/h"}, query.Range{Field: query.Pattern{"t"}, Op: query.Less, Bound: "2026-01-01T06:00"},
		), `t >= now-1h/h and t < "2026-01-01T06:00"`},
		{"a range of addresses", "ip > 10.0.0.255", query.Range{Field: query.Pattern{"ip"}, Op: query.Greater, Bound: "10.0.0.255"}, "ip > 10.0.0.255"},
		{"nested", "r: {f: a and g: c} or h: d", or(query.Nested{Field: "r", Node: and(a, c)}, d), "r: {f: a and g: c} or h: d"},
		{"nested in nested", "r:{s:{f:a}}", query.Nested{Field: "r", Node: query.Nested{Field: "s", Node: a}}, "r: {s: {f: a}}"},
		{"several lines", "f: a\n  and not g: c\n", and(a, not(c)), "f: a and not g: c"},
	} {
		t.Run(row.name, func(t *testing.T) {
			q := parse(t, row.query)
			want := row.want
			if strings.Contains(row.name, "star") || strings.Contains(row.query, `\*`) { // where a NUL of this table is a literal star
				want = starred(want)
			}
			if diff := cmp.Diff(want, q.Root()); diff != "" {
				t.Errorf("tree (-want +got):\n%s", diff)
			}
			if got := q.String(); got != row.canonical {
				t.Errorf("got the canonical form\n%s\nwant\n%s", got, row.canonical)
			}
			checkRoundTrip(t, q)
		})
	}
}

func starred(n query.Node) query.Node {
	is, ok := n.(query.Is)
	if !ok {
		return n
	}
	var value query.Pattern
	for _, part := range is.Value {
		value = append(value, strings.ReplaceAll(part, "\x00", "*"))
	}
	return query.Is{Field: is.Field, Value: value}
}

// checkRoundTrip fails when the canonical form of q is read as something else.
func checkRoundTrip(t *testing.T, q *query.Query) {
	t.Helper()
	again, err := query.Parse(q.String())
	if err != nil {
		t.Fatalf("canonical form %q: %v", q, err)
	}
	if !reflect.DeepEqual(q.Root(), again.Root()) {
		t.Fatalf("canonical form %q is read as something else:\n%s", q, cmp.Diff(q.Root(), again.Root()))
	}
	if again.String() != q.String() {
		t.Errorf("canonical form %q has another one, %q", q, again)
	}
}

func FuzzParse(f *testing.F) {
	for _, row := range matches {
		f.Add(row.query)
	}
	for _, row := range parseErrors {
		f.Add(row.query)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := query.Parse(text)
		if err == nil {
			checkRoundTrip(t, q)
			q.Check([]string{"host.name", "process.name", "a"})
			return
		}
		e := err.(*query.Error)
		if e.Offset < 0 || e.Offset > len(text) || e.Length < 0 || e.Offset+e.Length > len(text) || e.Line < 1 || e.Column < 1 || e.Got == "" || e.Want == "" {
			t.Errorf("%q: got the error %#v", text, e)
		}
		if caret := e.Caret(); strings.Count(caret, "\n") != 1 || len(caret) > 2000 {
			t.Errorf("%q: got %d bytes of caret:\n%s", text, len(caret), caret)
		}
	})
}

func TestFields(t *testing.T) {
	q := parse(t, "host.name: (a or b) and chrome and r: {c: x or s: {d >= 1}} and p*: * and host.name: z")
	if got, want := q.Fields(), []string{"host.name", "p*", "r", "r.c", "r.s", "r.s.d"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := parse(t, "").Fields(); len(got) != 0 {
		t.Errorf("got %q of the empty query, want none", got)
	}
}

func TestMatchMayBeCalledConcurrently(t *testing.T) {
	q := parse(t, `process.executable: *\\roaming\\* and @timestamp >= now-1d and fresnel.reasons: {code: folder} and updater`)
	d, err := query.NewDocument(finding.AppendJSON(nil, findingtest.Ranked()))
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 100 {
				if !q.Match(d, now) {
					t.Error("got no match")
				}
			}
		})
	}
	wait.Wait()
}
