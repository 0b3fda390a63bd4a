package query_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"fresnel/internal/query"
)

// The plain evaluator: it takes a document apart into a list of all its values and asks a
// regular expression, package net and strconv.

// An entry is a value of a document, other than an array, and its path.
type entry struct {
	path  string
	value any // nil, bool, json.Number, string or []entry, what is below an object with paths from there
}

// entriesOf returns the values of a well-formed document.
func entriesOf(t testing.TB, text string) []entry {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var value func(path string, token json.Token) []entry
	next := func() json.Token {
		token, err := dec.Token()
		if err != nil && err != io.EOF {
			t.Fatalf("%v in %s", err, text)
		}
		return token
	}
	value = func(path string, token json.Token) []entry {
		switch token {
		case json.Delim('{'):
			var below []entry
			for key := next(); key != json.Delim('}'); key = next() {
				below = append(below, value(key.(string), next())...)
			}
			all := []entry{{path, below}}
			for _, e := range below {
				all = append(all, entry{path + "." + e.path, e.value})
			}
			return all
		case json.Delim('['):
			var all []entry
			for token := next(); token != json.Delim(']'); token = next() {
				all = append(all, value(path, token)...)
			}
			return all
		}
		return []entry{{path, any(token)}}
	}
	return value("", next())[0].value.([]entry)
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return []rune(strings.ToLower(string(r)))[0]
		}
		return r
	}, s)
}

func regexpOf(p query.Pattern) *regexp.Regexp {
	var parts []string
	for _, part := range p {
		parts = append(parts, regexp.QuoteMeta(part))
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*") + `\z`)
}

func lowerPattern(p query.Pattern) query.Pattern {
	var low query.Pattern
	for _, part := range p {
		low = append(low, asciiLower(part))
	}
	return low
}

func isJSONNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s)) && strings.TrimSpace(s) == s
}

func compareNumbers(a, b string) int {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	f, _ := strconv.ParseFloat(a, 64)
	g, _ := strconv.ParseFloat(b, 64)
	switch {
	case errX == nil && errY == nil && x < y, (errX != nil || errY != nil) && f < g:
		return -1
	case errX == nil && errY == nil && x > y, (errX != nil || errY != nil) && f > g:
		return 1
	}
	return 0
}

func momentOf(s string) (t time.Time, ok bool) {
	return t, t.UnmarshalText([]byte(s)) == nil
}

// evaluate answers what Match answers.
func evaluate(n query.Node, doc []entry, now time.Time) bool {
	switch n := n.(type) {
	case query.All:
		return true
	case query.And:
		for _, n := range n.Nodes {
			if !evaluate(n, doc, now) {
				return false
			}
		}
		return true
	case query.Or:
		for _, n := range n.Nodes {
			if evaluate(n, doc, now) {
				return true
			}
		}
		return false
	case query.Not:
		return !evaluate(n.Node, doc, now)
	case query.Is:
		return anyValue(doc, n.Field, func(v any) bool { return is(v, n.Value, now) })
	case query.Contains:
		return anyValue(doc, query.Pattern{"", ""}, func(v any) bool {
			s, ok := v.(string)
			around := append(append(query.Pattern{""}, lowerPattern(n.Value)...), "")
			return is(v, n.Value, now) || ok && regexpOf(around).MatchString(asciiLower(s))
		})
	case query.Range:
		return anyValue(doc, n.Field, func(v any) bool { return inRange(v, n, now) })
	case query.Exists:
		_, plain := n.Field.Literal()
		return anyValue(doc, n.Field, func(v any) bool {
			if below, ok := v.([]entry); ok {
				return plain && evaluate(query.Exists{Field: query.Pattern{"", ""}}, below, now)
			}
			return v != nil
		})
	case query.Nested:
		return anyValue(doc, query.Pattern{n.Field}, func(v any) bool {
			below, ok := v.([]entry)
			return ok && evaluate(n.Node, below, now)
		})
	}
	panic(fmt.Sprintf("unknown node %T", n))
}

func anyValue(doc []entry, field query.Pattern, holds func(any) bool) bool {
	fits := regexpOf(field)
	for _, e := range doc {
		if fits.MatchString(e.path) && holds(e.value) {
			return true
		}
	}
	return false
}

func is(v any, value query.Pattern, now time.Time) bool {
	l, plain := value.Literal()
	switch v := v.(type) {
	case bool:
		return plain && asciiLower(string(l)) == strconv.FormatBool(v)
	case json.Number:
		return plain && isJSONNumber(string(l)) && compareNumbers(string(v), string(l)) == 0
	case string:
		if regexpOf(lowerPattern(value)).MatchString(asciiLower(v)) {
			return true
		}
		if !plain {
			return false
		}
		if ip := net.ParseIP(v); ip != nil {
			_, network, err := net.ParseCIDR(string(l))
			switch {
			case err == nil && len(network.IP) == net.IPv6len: // of IPv4 package net says that none lies in it
				for i, b := range ip.To16() {
					if b&network.Mask[i] != network.IP[i] {
						return false
					}
				}
				return true
			case err == nil:
				return network.Contains(ip)
			}
			return ip.Equal(net.ParseIP(string(l)))
		}
		if t, ok := l.Time(); ok {
			at, ok := momentOf(v)
			begin, end := t.Span(now)
			return ok && at.Compare(begin) >= 0 && at.Compare(end) < 0
		}
	}
	return false
}

func inRange(v any, r query.Range, now time.Time) bool {
	holds := func(order int) bool {
		return map[query.Op]bool{query.Less: order < 0, query.LessOrEqual: order <= 0, query.Greater: order > 0, query.GreaterOrEqual: order >= 0}[r.Op]
	}
	switch v := v.(type) {
	case json.Number:
		return isJSONNumber(string(r.Bound)) && holds(compareNumbers(string(v), string(r.Bound)))
	case string:
		if a, b := net.ParseIP(v), net.ParseIP(string(r.Bound)); a != nil && b != nil {
			return holds(bytes.Compare(a.To16(), b.To16()))
		}
		t, isTime := r.Bound.Time()
		at, ok := momentOf(v)
		if !isTime || !ok {
			return false
		}
		begin, end := t.Span(now)
		switch { // the span is equal to all within it
		case at.Compare(begin) < 0:
			return holds(-1)
		case at.Compare(end) >= 0:
			return holds(1)
		}
		return holds(0)
	}
	return false
}

// compareWithReference fails when Match and the plain evaluator differ.
func compareWithReference(t *testing.T, q *query.Query, text string) {
	t.Helper()
	d, err := query.NewDocument([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if got, want := q.Match(d, now), evaluate(q.Root(), entriesOf(t, text), now); got != want {
		t.Errorf("%q of %s: got %t, the plain evaluator says %t", q, text, got, want)
	}
}

// Small vocabularies, so that queries often match.
var (
	someKeys = []string{"a", "b", "a.b", "b.a", "", "ab", "n\u00e9", "a b"}
	someText = []string{
		"", "x", "X", "Xy", "a*b", "x yx", "xyxyy", "10", "1e1", "true", "null", "10.0.0.1", "::ffff:10.0.0.1", "10.1.2.3", "2001:db8::5", "2001:DB8:0::5", "fe80::1%e",
		"2026-01-01T05:59:59.5Z", "2026-01-01T08:00:00+02:00", "2026-01-01", "and", "not x", "\u00c9\u00e9", "C:\\x\\y", "\"", "\u2028\x00", "k\u212a", "\U0001f600",
	}
	someValues = []string{
		"x", "X*", "*y", "*y*x*", "x*y", "*", "\"\"", "10", "10.0", "1e1", "true", "False", "10.0.0.0/8", "10.0.0.1", "::/0", "::ffff:0:0/96", "2001:db8::/32", "2001:db8::5", "now", "now/d", "now-1h",
		"2026", "2026-01-01", "\"2026-01-01T06:00:00Z\"", "\"2026-01-01T05:59:59.5Z\"", "\"and\"", "not\\ x", "\"not x\"", "\u00e9*", "\u00c9\u00e9", "C\\:\\\\X*", "\"a*b\"", "a\\**", "\\u2028*", "\"\U0001f600\"", "k*",
	}
	someBounds = []string{"10", "9.5", "-1", "1e2", "10.0.0.1", "2001:db8::4", "now", "now-1s", "now/d", "2026", "2026-01-01", "\"2026-01-01T05:59:59Z\""}
	someFields = []string{"a", "b", "a.b", "b.a", "a.b.a", "*", "a*", "*b", "*.a", "a.*b", "ab", "n\u00e9", "\"a b\"", "\"\""}
)

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

func randomDocument(r *rand.Rand, depth int) any {
	kind := r.IntN(10)
	if depth == 0 {
		kind = 9
	}
	switch {
	case depth > 3, kind < 3 && depth > 0:
		return map[bool]any{true: nil, false: pick(r, someText)}[r.IntN(8) == 0]
	case kind == 3:
		return json.Number([]string{"10", "10.0", "9", "-1", "1e1", "0.1", "9007199254740993"}[r.IntN(7)])
	case kind == 4:
		return r.IntN(2) == 0
	case kind < 7:
		list := []any{}
		for range r.IntN(3) {
			list = append(list, randomDocument(r, depth+1))
		}
		return list
	}
	object := map[string]any{}
	for range 1 + r.IntN(3) {
		object[pick(r, someKeys)] = randomDocument(r, depth+1)
	}
	return object
}

func randomQuery(r *rand.Rand, depth int, values bool) string {
	kind := r.IntN(12)
	if depth > 3 {
		kind = 6 + r.IntN(6)
	}
	switch {
	case kind < 2:
		return randomQuery(r, depth+1, values) + " AND " + randomQuery(r, depth+1, values)
	case kind < 4:
		return randomQuery(r, depth+1, values) + " or " + randomQuery(r, depth+1, values)
	case kind == 4:
		return "not " + randomQuery(r, depth+1, values)
	case kind == 5:
		return "(" + randomQuery(r, depth+1, values) + ")"
	case values, kind == 6:
		return pick(r, someValues)
	case kind == 7:
		return pick(r, someFields) + []string{"<", "<=", ">", ">="}[r.IntN(4)] + pick(r, someBounds)
	case kind == 8:
		return pick(r, someFields) + ": (" + randomQuery(r, depth+1, true) + ")"
	case kind == 9:
		return pick(r, []string{"a", "b", "a.b"}) + ": {" + randomQuery(r, depth+1, false) + "}"
	}
	return pick(r, someFields) + ": " + pick(r, someValues)
}

func TestMatchAgainstThePlainEvaluator(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	accepted, matched := 0, 0
	for range 20_000 {
		text := randomQuery(r, 0, false)
		q, err := query.Parse(text)
		if err != nil {
			continue // an empty name, half of an escape
		}
		accepted++
		checkRoundTrip(t, q)
		document, err := json.Marshal(randomDocument(r, 0))
		if err != nil {
			t.Fatal(err)
		}
		compareWithReference(t, q, string(document))
		if d, err := query.NewDocument(document); err == nil && q.Match(d, now) {
			matched++
		}
	}
	if accepted < 10_000 || matched < accepted/10 || matched > accepted*9/10 {
		t.Errorf("got %d queries and %d that match: these say little", accepted, matched)
	}
}

func FuzzMatch(f *testing.F) {
	for _, row := range matches {
		for _, d := range documents {
			f.Add(row.query, d.text)
		}
	}
	f.Fuzz(func(t *testing.T, text, document string) {
		q, err := query.Parse(text)
		if err != nil || !utf8.ValidString(document) { // encoding/json replaces what is no UTF-8
			return
		}
		if _, err := query.NewDocument([]byte(document)); err == nil {
			compareWithReference(t, q, document)
		}
	})
}
