//go:build unix

package scan

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"fresnel/internal/files"
	"fresnel/internal/finding"
)

// pipe returns a standard input that holds text.
func pipe(t *testing.T, text string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	go func() {
		defer w.Close()
		_, _ = io.WriteString(w, text)
	}()
	return r
}

func TestPipesGiveWhatFilesGive(t *testing.T) {
	text := strings.Join(mixture(8), "")
	dir := t.TempDir()
	packed := write(t, filepath.Join(dir, "packed.zst"), text)
	want, s := documents(t, every(t, write(t, filepath.Join(dir, "plain"), text)))
	if s.Events == 0 {
		t.Fatal("got no events")
	}
	t.Run("standard input", func(t *testing.T) {
		o := every(t, files.Stdin)
		o.Stdin = pipe(t, text)
		got, s := documents(t, o)
		same(t, got, want)
		if s.Files != 1 {
			t.Errorf("got %d files, want 1", s.Files)
		}
	})
	t.Run("compressed standard input", func(t *testing.T) {
		b, err := os.ReadFile(packed)
		if err != nil {
			t.Fatal(err)
		}
		o := every(t, files.Stdin)
		o.Stdin = pipe(t, string(b))
		got, _ := documents(t, o)
		same(t, got, want)
	})
	t.Run("a named pipe", func(t *testing.T) {
		path := filepath.Join(dir, "fifo")
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Skipf("needs named pipes: %v", err)
		}
		go func() {
			if w, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
				defer w.Close()
				_, _ = io.WriteString(w, text)
			}
		}()
		o := every(t, path)
		o.Progress = new(Progress)
		got, _ := documents(t, o)
		same(t, got, want)
		if n := o.Progress.Bytes.Load(); n != int64(len(text)) || o.Progress.Total.Load() != 0 {
			t.Errorf("got %d bytes of %d, want %d of an unknown number", n, o.Progress.Total.Load(), len(text))
		}
	})
}

// A line without an end costs no memory: 200 MB of it pass through a few buffers.
func TestEndlessLineIsMetWithABound(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		defer w.Close()
		good := ecs(day, "h", "p", "203.0.113.9", 1)
		_, _ = io.WriteString(w, good)
		junk := strings.Repeat("x", 1<<20)
		for range 200 {
			_, _ = io.WriteString(w, junk)
		}
		_, _ = io.WriteString(w, "\n"+good)
	}()
	o := every(t, files.Stdin)
	o.Stdin = r
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, s := scanned(t, o)
	runtime.ReadMemStats(&after)
	if s.Events != 2 || s.Bad != 1 || !strings.Contains(s.BadShown[0], "line 2: ") {
		t.Errorf("got %d events, %d bad records %q, want 2 and one, at line 2", s.Events, s.Bad, s.BadShown)
	}
	// All that was ever allocated: until a line has 8 MiB and is given up, the few buffers
	// grow with it.
	if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 160 {
		t.Errorf("got %d MiB allocated, want 160 at most", n)
	}
}

func TestEmptyStandardInputIsNoError(t *testing.T) {
	o := every(t, files.Stdin)
	o.Stdin = pipe(t, "")
	results, s := scanned(t, o)
	if len(results) != 0 || s.Failed != 0 || s.Events != 0 {
		t.Errorf("got %d results, %d failed, %d events, want none", len(results), s.Failed, s.Events)
	}
}

// Whoever stops a scan of a quiet pipe (tail -f x | scan) does not wait for its next line.
func TestCancelledScanOfAQuietPipeEnds(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"before the first byte", ""},
		{"within the first 64 KiB", calls(day, 300, 10, "p")},
		{"later", calls(day, 300, 10_000, "p")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			go func() { _, _ = io.WriteString(w, tt.text) }() // and does not close it
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := every(t, files.Stdin)
			o.Stdin = r
			o.Progress = new(Progress)
			ended := make(chan error, 1)
			go func() {
				_, err := Run(ctx, o, func(*finding.Result) error { return nil })
				ended <- err
			}()
			for o.Progress.Bytes.Load() < int64(len(tt.text)) {
				time.Sleep(time.Millisecond)
			}
			cancel()
			select {
			case err = <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got error %v, want %v", err, context.Canceled)
				}
			case <-time.After(3 * time.Second):
				t.Error("the scan waits for the pipe though it is cancelled")
			}
			w.Close()
			if t.Failed() {
				select {
				case <-ended:
				case <-time.After(3 * time.Second):
					t.Fatal("it does not end when the pipe is closed either")
				}
			}
			settled(t, before)
		})
	}
}
