package files

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func paths(dir string, files []File) []string {
	var all []string
	for _, f := range files {
		rel, err := filepath.Rel(dir, f.Path)
		if err != nil {
			rel = f.Path
		}
		all = append(all, filepath.ToSlash(rel))
	}
	return all
}

func TestExpand(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.log", "a/2.log", "a/1.log", "a/deep/3.log", ".hidden/x.log", "a/.DS_Store"} {
		write(t, filepath.Join(dir, name), []byte("x"))
	}
	for link, target := range map[string]string{"a/loop": dir, "same.log": filepath.Join(dir, "b.log"), "a/deep/up": ".."} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "a", "dangling")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		name     string
		args     []string
		want     []string
		problems []string
	}{
		{"a folder, its links and its loops", []string{"."}, []string{"a/1.log", "a/2.log", "a/deep/3.log", "b.log"}, []string{"a/dangling", "a/deep/up", "a/loop"}},
		{"a pattern", []string{"a/*.log"}, []string{"a/1.log", "a/2.log"}, nil},
		{"a pattern without a match", []string{"*.gz"}, nil, []string{"*.gz"}},
		{"arguments that overlap", []string{"b.log", "same.log", "a/2.log", "a"}, []string{"b.log", "a/2.log", "a/1.log", "a/deep/3.log"}, []string{"a/dangling", "a/deep/up"}},
		{"a missing file", []string{"none.log", "b.log"}, []string{"b.log"}, []string{"none.log"}},
		{"an empty folder", []string{"empty"}, nil, []string{"empty"}},
		{"standard input", []string{Stdin, Stdin}, []string{Stdin}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(dir)
			files, problems := Expand(tt.args)
			got := paths(".", files)
			if tt.name == "a folder, its links and its loops" {
				// The loop leads back to the folder itself, which has been seen.
				slices.Sort(got)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			var bad []string
			for _, p := range problems {
				bad = append(bad, filepath.ToSlash(p.Path))
			}
			if !slices.Equal(bad, tt.problems) {
				t.Errorf("got problems %v, want at %q", problems, tt.problems)
			}
		})
	}
}

// TestProblemsTellWhatWasNamed holds a problem below a folder apart from one of an argument.
func TestProblemsTellWhatWasNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "logs", "x.log"), []byte("x"))
	if err := os.Symlink("nowhere", filepath.Join(dir, "logs", "dangling")); err != nil {
		t.Skip("no links here:", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	_, problems := Expand([]string{"logs", "logs/d*", "nowhere.log", "*.gz", "empty", "["})
	want := map[string]bool{filepath.Join("logs", "dangling"): false, "nowhere.log": true, "*.gz": true, "empty": true, "[": true}
	for _, p := range problems {
		if named, ok := want[p.Path]; !ok || p.Named != named {
			t.Errorf("%v: got named %v, want %v", p, p.Named, named)
		}
	}
	if len(problems) != len(want)+1 { // the link once more, by the pattern
		t.Errorf("got %v, want %d problems", problems, len(want)+1)
	}
}

func compress(t *testing.T, suffix string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch suffix {
	case ".gz":
		w = gzip.NewWriter(&b)
	case ".zst":
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	default:
		return text
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lines is text that compresses, but not to nothing.
func lines(n int) []byte {
	var b bytes.Buffer
	x := uint32(1)
	for b.Len() < n {
		x = x*1664525 + 1013904223
		b.WriteString(strings.Repeat("ab", int(x>>28)) + string(rune('a'+x>>27)) + "\n")
	}
	return b.Bytes()
}

func TestOpen(t *testing.T) {
	text := lines(300_000)
	for _, suffix := range []string{"", ".gz", ".zst"} {
		whole := compress(t, suffix, text)
		for _, tt := range []struct {
			name string
			data []byte
			want []byte
			err  error
		}{
			{"whole", whole, text, nil},
			{"two in one", append(slices.Clone(whole), whole...), append(slices.Clone(text), text...), nil},
			{"short", compress(t, suffix, []byte("ab\n")), []byte("ab\n"), nil},
			{"empty", compress(t, suffix, nil), nil, nil},
			{"with a byte order mark", compress(t, suffix, []byte("\xef\xbb\xbfab\n")), []byte("ab\n"), nil},
		} {
			t.Run(tt.name+suffix, func(t *testing.T) {
				path := write(t, filepath.Join(t.TempDir(), "x.log"+suffix), tt.data)
				var read atomic.Int64
				f, err := Open(t.Context(), File{Path: path}, nil, &read)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(f)
				if err != nil || !bytes.Equal(got, tt.want) {
					t.Errorf("got %d bytes and error %v, want %d", len(got), err, len(tt.want))
				}
				if head := f.Head(); !bytes.HasPrefix(tt.want, head) || len(head) < min(len(tt.want), HeadBytes-3) {
					t.Errorf("got a head of %d bytes", len(head))
				}
				if f.Name() != "x.log" {
					t.Errorf("got name %q, want x.log", f.Name())
				}
				if err := f.Changed(); err != nil {
					t.Error(err)
				}
				if read.Load() != int64(len(tt.data)) {
					t.Errorf("counted %d bytes, want %d", read.Load(), len(tt.data))
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestReadsWhatIsThereOfACutFile(t *testing.T) {
	text := lines(300_000)
	for _, suffix := range []string{".gz", ".zst"} {
		whole := compress(t, suffix, text)
		for _, keep := range []int{len(whole) / 2, len(whole) - 3, 30} {
			path := write(t, filepath.Join(t.TempDir(), "x"+suffix), whole[:keep])
			var read atomic.Int64
			f, err := Open(t.Context(), File{Path: path}, nil, &read)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(f)
			if !errors.Is(err, ErrTruncated) || !bytes.HasPrefix(text, got) {
				t.Errorf("%s: got %d bytes and error %v, want the first bytes and %v", suffix, len(got), err, ErrTruncated)
			}
			if suffix == ".gz" && keep > 30 && len(got) < 100_000 {
				t.Errorf("got %d bytes of half a file, want more", len(got))
			}
			f.Close()
		}
	}
}

func TestSaysThatAFileIsCutInItsHeader(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "x.gz"), compress(t, ".gz", []byte("ab\n"))[:9])
	var read atomic.Int64
	if _, err := Open(t.Context(), File{Path: path}, nil, &read); !errors.Is(err, ErrTruncated) {
		t.Errorf("got %v, want %v", err, ErrTruncated)
	}
}

func TestRefusesAZstdWindowThatIsTooLarge(t *testing.T) {
	frame := []byte("\x28\xb5\x2f\xfd\x00\x90\x09\x00\x00a") // a window of 256 MiB, and one byte of text
	path := write(t, filepath.Join(t.TempDir(), "x.zst"), frame)
	var read atomic.Int64
	f, err := Open(t.Context(), File{Path: path}, nil, &read)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.ReadAll(f); !errors.Is(err, ErrWindow) {
		t.Errorf("got %v, want %v", err, ErrWindow)
	}
}

func TestSaysThatAFileChanged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(path string) error
		want   string
	}{
		{"it grew", func(p string) error { return os.WriteFile(p, lines(200_000), 0o644) }, "now it has"},
		{"it shrank", func(p string) error { return os.Truncate(p, 10) }, "now it has 10"},
		{"it is gone", os.Remove, "it is gone"},
	} {
		path := write(t, filepath.Join(t.TempDir(), "x.log"), lines(100_000))
		var read atomic.Int64
		f, err := Open(t.Context(), File{Path: path}, nil, &read)
		if err != nil {
			t.Fatal(err)
		}
		if err := tt.change(path); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, f); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err := f.Changed(); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		f.Close()
	}
}

func TestRefusesUTF16(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "x.log"), []byte("\xff\xfe{\x00"))
	var read atomic.Int64
	if _, err := Open(t.Context(), File{Path: path}, nil, &read); !errors.Is(err, ErrUTF16) {
		t.Errorf("got %v, want %v", err, ErrUTF16)
	}
}
