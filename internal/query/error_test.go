package query_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/query"
)

const (
	wantBound = "want a number, a time or an IP address; times are such as 2026-01-31, \"2026-01-31T06:00:00Z\", now-1h, now/d"
	wantEnd   = `want "and", "or" or the end of the query`
	wantColon = `want the end of the value; a value with a colon is written in quotes, or with \: for :`
)

var parseErrors = []struct{ name, query, want string }{
	{"a field alone", "host.name:", "column 11: got the end of the query, want a value of host.name; any value is written *"},
	{"a field alone in parentheses", "(host.name: )", "column 13: got ), want a value of host.name; any value is written *"},
	{"nothing in parentheses", "()", "column 2: got ), want a field or a value"},
	{"no value in parentheses", "a: ( )", "column 6: got ), want a value of a"},
	{"parentheses that are not closed", "(a: b", `column 6: got the end of the query, want "and", "or" or ); the ( in column 1 is open`},
	{"parentheses that are not open", "a: b)", "column 5: got ), " + wantEnd},
	{"a list that is not closed", "a: (b or", "column 9: got the end of the query, want a value"},
	{"and at the begin", "and a", `column 1: got and, want a field or a value; the word itself is written "and"`},
	{"and at the end", "a and ", "column 7: got the end of the query, want a field or a value"},
	{"or twice", "a or OR b", `column 6: got OR, want a field or a value; the word itself is written "OR"`},
	{"not alone", "not", "column 4: got the end of the query, want a field or a value"},
	{"not behind a value", "a not b", "column 3: got not, " + wantEnd},
	{"not before a value", "a: not b", `column 4: got not, want a value; the word itself is written "not", its negation is not a: VALUE`},
	{"a keyword for a value", "state: OR", `column 8: got OR, want a value; the word itself is written "OR"`},
	{"no operator before a field", "chrome host.name: a", `column 8: got host.name, want "and" or "or" before it`},
	{"no operator behind a value", "process.name: a host.name: b", `column 17: got host.name:, want "and" or "or" before it; a value with blanks and a colon is written in quotes`},
	{"no operator behind a value in quotes", `a: "b" c`, "column 8: got c, " + wantEnd},
	{"no operator before quotes", `a: b "c d" e`, `column 6: got "c d", ` + wantEnd},
	{"no operator before parentheses", "foo(bar)", "column 4: got (, " + wantEnd},
	{"a colon in a value", `process.executable: C:\Users`, "column 22: got :, " + wantColon},
	{"a colon in a list", "a: (b: c)", "column 6: got :, " + wantColon},
	{"a colon in an address with a star", "ip: 2001:db8::*", "column 9: got :, " + wantColon},
	{"a time without T", "@timestamp >= 2026-01-01 06:00:00", "column 28: got :, " + wantColon},
	{"no field before a colon", ": a", "column 1: got :, want a field or a value"},
	{"an empty field", `"": a`, `column 1: got "", want the name of a field`},
	{"a range as of Lucene", "score: >= 5", "column 8: got >=, want a value of score; a range is written score >= BOUND"},
	{"a range without a bound", "score >", "column 8: got the end of the query, " + wantBound[:len("want a number, a time or an IP address")]},
	{"a range up to a word", "score > high", "column 9: got high, " + wantBound},
	{"a range up to several words", "score > 5 6", "column 9: got 5 6, " + wantBound},
	{"a range with a star", "score > 5*", "column 9: got 5*, " + wantBound},
	{"a range of a network", "ip > 10.0.0.0/8", "column 6: got 10.0.0.0/8, " + wantBound},
	{"a range to a day that is none", "t > 2026-02-30", "column 5: got 2026-02-30, " + wantBound},
	{"a range to a time that is none", "t > now-1x", "column 5: got now-1x, " + wantBound},
	{"a range to a number that is none", "f > 0x10", "column 5: got 0x10, " + wantBound},
	{"a range on both sides", "1 < f < 5", "column 5: got f, " + wantBound},
	{"an operator that is not there", "f => 5", `column 3: got =, want ":" (field: value); the text itself is written "="`},
	{"an equals sign", `f == "a"`, `column 3: got ==, want ":" (field: value); the text itself is written "=="`},
	{"a sign of regular expressions", "f =~ a", `column 3: got =~, want ":" (field: value, with * for any text); the text itself is written "=~"`},
	{"an unequals sign", "f != a", `column 3: got !=, want "not" (not field: value); the text itself is written "!="`},
	{"and of other languages", "f: a && g: b", `column 6: got &&, want "and"; the text itself is written "&&"`},
	{"or of other languages", "f: a || g: b", `column 6: got ||, want "or"; the text itself is written "||"`},
	{"not of other languages", "! f: a", `column 1: got !, want "not"; the text itself is written "!"`},
	{"single quotes", "f: 'a b'", `column 4: got ', want "; a text that begins with ' is written "'..."`},
	{"quotes of a word processor", "f: “a”", `column 4: got “, want "; a text that begins with “ is written "“..."`},
	{"a quote that is not closed", `f: "a and g: b`, `column 4: got a quote that is not closed, want another "`},
	{"a backslash of a path", `f: "C:\Users"`, `column 7: got \U, want \\ for a backslash`},
	{"a backslash that others read as a tab", `f: "C:\temp"`, `column 7: got \t, want \\ for a backslash; a tab is written \u0009`},
	{"a backslash that others read as a line end", `f: C\:\new`, `column 7: got \n, want \\ for a backslash; a line end is written \u000a`},
	{"a star with a backslash in quotes", `f: "a\*"`, `column 6: got \*, want \\ for a backslash`},
	{"a backslash at the end", `f: a\`, `column 5: got \ at the end of the query, want \\ for a backslash`},
	{"an escape that is cut", `f: "\u12"`, `column 5: got \u, want \\ for a backslash`},
	{"half of a pair", `f: "\ud83dx"`, "column 5: got one half of a surrogate pair, want both"},
	{"the other half of a pair", `f: \ude00`, "column 4: got one half of a surrogate pair, want both"},
	{"braces without a field", "{a: b}", "column 1: got {, want a field or a value"},
	{"nothing in braces", "a: {}", "column 5: got }, want a field or a value"},
	{"braces that are not closed", "a: {b: c)", `column 9: got ), want "and", "or" or }; the { in column 4 is open`},
	{"braces behind a field with stars", "a*: {b: c}", "column 1: got a*, want a field without stars before {"},
	{"braces in a list", "a: (b or {c: d})", "column 10: got {, want a value"},
	{"bytes that are no text", "é: \xff", `column 4: got a byte that is no UTF-8, want UTF-8`},
	{"what a terminal would run", "a: (\x1b[31m:", `column 10: got :, ` + wantColon},
	{"the second line", "a: b\n  and c: )", "line 2, column 10: got ), want a value of c; any value is written *"},
	{"too long", strings.Repeat("é", 4096) + "é", "column 4097: got a query of 8194 bytes, want at most 8192"},
	{"too long once it is written out", strings.Repeat("a>1 and ", 1000) + "b:c", "column 8004: got a query of 10004 bytes in its canonical form, want at most 8192"},
	{"too many parentheses", strings.Repeat("(", 97), "column 97: got too much nesting, want at most 32 levels"},
	{"too many nots", strings.Repeat("not ", 97), "column 385: got too much nesting, want at most 32 levels"},
	{"too many braces", strings.Repeat("a:{", 32) + "b" + strings.Repeat("}", 32), "column 1: got too much nesting, want at most 32 levels"},
	{"too many levels of and and or", strings.Repeat("(a and (a or ", 16) + "b" + strings.Repeat("))", 16), "column 2: got too much nesting, want at most 32 levels"},
	{"too many clauses", strings.Repeat("a or ", 1024) + "b", "column 5121: got another clause, want at most 1024"},
	{"too many objects", strings.Repeat("a or ", 1023) + "b:{c}", "column 5116: got another clause, want at most 1024"},
}

func TestParseErrors(t *testing.T) {
	for _, row := range parseErrors {
		t.Run(row.name, func(t *testing.T) {
			_, err := query.Parse(row.query)
			if err == nil {
				t.Fatal("got no error")
			}
			if diff := cmp.Diff(row.want, err.Error()); diff != "" {
				t.Errorf("%s: error (-want +got):\n%s", row.query, diff)
			}
		})
	}
}

func TestBoundsAreInclusive(t *testing.T) {
	for name, text := range map[string]string{
		"bytes":       strings.Repeat("é", 4096),
		"parentheses": strings.Repeat("(", 96) + "a" + strings.Repeat(")", 96),
		"braces":      strings.Repeat("a:{", 31) + "b" + strings.Repeat("}", 31),
		"levels":      strings.Repeat("(a and (a or ", 15) + "b" + strings.Repeat("))", 15),
		"lists":       "a: (" + strings.Repeat("a and (a or ", 15) + "b" + strings.Repeat(")", 16),
		"clauses":     strings.Repeat("a or ", 1023) + "b",
	} {
		t.Run(name, func(t *testing.T) { checkRoundTrip(t, parse(t, text)) })
	}
}

func TestErrorSaysWhere(t *testing.T) {
	_, err := query.Parse("é: a\n and b == c")
	var e *query.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Offset != 13 || e.Length != 2 || e.Line != 2 || e.Column != 8 {
		t.Errorf("got offset %d, length %d, line %d, column %d, want 13, 2, 2, 8", e.Offset, e.Length, e.Line, e.Column)
	}
}

func TestCaret(t *testing.T) {
	for _, row := range []struct{ name, query, want string }{
		{"in the middle", "host.name == a", "host.name == a\n          ^~"},
		{"at the end", "host.name:", "host.name:\n          ^"},
		{"of the line that is wrong", "a: b\n  and c == d\n  and e: f", "  and c == d\n        ^~"},
		{"wide letters", "é: 界 == b", "é: 界 == b\n      ^~"},
		{"letters that are not shown as they are", "\x1b: \u202e == b", `\x1b: \u202e == b` + "\n" + `             ^~`},
		{"a long line", strings.Repeat("a: b or ", 20) + "c == d or " + strings.Repeat("a: b or ", 20), "..." + strings.Repeat("a: b or ", 5)[2:] + "c == d or a: b or a: b or a: b o...\n" + strings.Repeat(" ", 43) + "^~"},
		{"a long mark", strings.Repeat("a: b or ", 20) + `"` + strings.Repeat("c", 200), "..." + strings.Repeat("a: b or ", 5) + `"` + strings.Repeat("c", 29) + "...\n" + strings.Repeat(" ", 43) + "^" + strings.Repeat("~", 32)},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := query.Parse(row.query)
			var e *query.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if diff := cmp.Diff(row.want, e.Caret()); diff != "" {
				t.Errorf("caret (-want +got):\n%s", diff)
			}
		})
	}
}
