package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"fresnel/internal/finding"
	"fresnel/internal/testkit"
)

// TestDocumentsOfTheSampleKeepToTheSchema holds what real scans write to the schema.
func TestDocumentsOfTheSampleKeepToTheSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(finding.Schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("finding.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("finding.json")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir()) // whatever the user has
	sample := filepath.Join(testkit.Root(t), "testdata", "sample")
	for _, args := range [][]string{
		{"scan", "-q", "-o", "ndjson", sample},
		{"scan", "-q", "-o", "ndjson", "--all", "--end", "latest", sample},
		{"scan", "-q", "-o", "ndjson", "--set", "timing.lookback=3h", sample}, // several looks
		{"scan", "-q", "-o", "ndjson", "--detector", "reference", sample},
	} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		a := &app{stdin: os.Stdin, stdout: out, stderr: os.Stderr}
		cmd := a.command()
		cmd.SetArgs(args)
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		n := 0
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			n++
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(lines.Bytes()))
			if err == nil {
				err = schema.Validate(v)
			}
			if err != nil {
				t.Fatalf("%v: %v\n%s", args, err, lines.Text())
			}
		}
		if err := lines.Err(); err != nil || n == 0 {
			t.Errorf("%v: got %d documents and error %v, want some", args, n, err)
		}
	}
}
