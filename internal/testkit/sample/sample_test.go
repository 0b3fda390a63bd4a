package sample

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"

	"fresnel/internal/testkit"
)

// maxBytes bounds what the sample adds to the repository.
const maxBytes = 600 << 10

// TestFilesAreInTheRepository compares testdata/sample with what this package makes; with
// -update it writes the folder.
func TestFilesAreInTheRepository(t *testing.T) {
	dir := filepath.Join(testkit.Root(t), "testdata", "sample")
	update := flag.Lookup("update").Value.String() == "true"
	var size int
	for _, f := range Files() {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if update {
			write(t, path, f.Text)
		}
		packed, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		size += len(packed)
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, f.Text) {
			t.Errorf("%s: got %d bytes of text that differ from the %d that are made (run with -update)", f.Name, len(text), len(f.Text))
		}
	}
	if size > maxBytes {
		t.Errorf("got %d bytes in all, want at most %d", size, maxBytes)
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
