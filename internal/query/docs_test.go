package query_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fresnel/internal/query"
	"fresnel/internal/testkit"
)

// TestDocs runs every example of docs/query.md: queries find the document there, and errors
// are those that come.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "query.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := func(language string) (all []string) {
		for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(page), -1) {
			all = append(all, m[1])
		}
		return all
	}
	var queries []string
	for _, block := range blocks("kql") {
		queries = append(queries, strings.Split(strings.TrimSpace(block), "\n")...)
	}
	for _, m := range regexp.MustCompile("(?m)^\\| [^|]* \\| `([^`|]+)` \\| [^|]* \\|$").FindAllStringSubmatch(string(page), -1) {
		queries = append(queries, m[1])
	}
	if len(queries) != 38 {
		t.Errorf("got %d queries, want 38: the test no longer reads the page", len(queries))
	}
	document := blocks("json")[0]
	d, err := query.NewDocument([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	fields := schemaFields(t)
	for _, e := range entriesOf(t, document) {
		if _, ok := e.value.([]entry); !ok && !slices.Contains(fields, e.path) {
			t.Errorf("no finding has the field %s", e.path)
		}
	}
	for _, text := range queries {
		q := parse(t, text)
		if err := q.Check(fields); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if !q.Match(d, now) {
			t.Errorf("%s: does not find the document", text)
		}
		checkRoundTrip(t, q)
	}

	for _, block := range blocks("error") {
		text, _, _ := strings.Cut(block, "\n")
		q, err := query.Parse(text)
		if err == nil {
			err = q.Check(fields)
		}
		var e *query.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want an *Error", text, err)
			continue
		}
		if got := e.Caret() + "\n" + e.Error() + "\n"; got != block {
			t.Errorf("got\n%swant\n%s", got, block)
		}
	}
	if n := len(blocks("error")); n != 2 {
		t.Errorf("got %d errors, want 2: the test no longer reads the page", n)
	}

	for what, n := range map[string]int{" bytes": query.MaxBytes, " clauses": query.MaxClauses, " levels": query.MaxDepth} {
		if text := regexp.MustCompile(`(\d+)` + what).FindStringSubmatch(string(page)); text == nil || text[1] != strconv.Itoa(n) {
			t.Errorf("got the bound %q, want %d%s", text, n, what)
		}
	}
}
