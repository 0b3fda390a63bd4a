package all_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fresnel/internal/source/all"
	"fresnel/internal/testkit"
)

// TestListOfInputs holds docs/inputs/README.md to the list of inputs; with -update it is
// written. Every input has a page there, and no page is left over.
func TestListOfInputs(t *testing.T) {
	dir := filepath.Join(testkit.Root(t), "docs", "inputs")
	var page bytes.Buffer
	page.WriteString("# Inputs\n\nMade from the list of inputs by `go test ./internal/source/all -update`; change the summaries there, not this page.\n\n" +
		"Files are found out automatically, in this order; `--input NAME` names one. All are read plain, gzip or zstd, from a file,\n" +
		"a folder, a pattern or standard input, several kinds in one run.\n\n| input | what |\n|---|---|\n")
	pages := map[string]bool{"README.md": true}
	for _, f := range all.Formats {
		fmt.Fprintf(&page, "| [`%s`](%s.md) | %s |\n", f.Name, f.Name, f.Summary)
		pages[f.Name+".md"] = true
		if _, err := os.Stat(filepath.Join(dir, f.Name+".md")); err != nil {
			t.Errorf("input %q has no page: %v", f.Name, err)
		}
	}
	page.WriteString("\n## Shippers\n\nPrograms that send events to [the service](../serve.md).\n\n| program | what |\n|---|---|\n")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if pages[e.Name()] {
			continue
		}
		title, summary, ok := shipper(t, filepath.Join(dir, e.Name()))
		if !ok {
			t.Errorf("%s: got a page of no input and no shipper", e.Name())
		}
		fmt.Fprintf(&page, "| [%s](%s) | %s |\n", title, e.Name(), summary)
	}
	testkit.Golden(t, filepath.Join(dir, "README.md"), page.Bytes())
}

// shipper returns the title of the page of a shipper, and the line below it; ok is false for a
// page without settings in deploy/shippers.
func shipper(t *testing.T, path string) (title, summary string, ok bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	return strings.TrimPrefix(lines[0], "# "), lines[2], strings.Contains(string(text), "../../deploy/shippers/")
}

// TestLinksOfDocs follows the links between the pages of the repository.
func TestLinksOfDocs(t *testing.T) {
	root := testkit.Root(t)
	link := regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)|src="([^":]+)"`)
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "testdata/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	for _, path := range pages {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := m[1] + m[2]
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), target)); err != nil {
				t.Errorf("%s: link to %s: %v", path, target, err)
			}
		}
	}
}
