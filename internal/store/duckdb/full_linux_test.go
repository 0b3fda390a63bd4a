//go:build cgo && linux

package duckdb

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/store"
	"fresnel/internal/store/storetest"
)

// smallDisk returns a folder with room for so many bytes.
func smallDisk(t *testing.T, options string) string {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("no file system of a known size can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// A fullDisk is a store on a small disk.
type fullDisk struct {
	*Store
	stored int // events that were acknowledged
	tag    int64
}

// fill appends until there is no room, and then some more.
func (d *fullDisk) fill(t *testing.T, rows int) {
	t.Helper()
	for refused := 0; refused < 5; {
		b := &store.Batch{}
		for i := range rows {
			d.tag++
			// Numbers that do not compress.
			b.Add(&event.Event{TimeNanos: d.tag, DurationNanos: d.tag * 0x1e3779b97f4a7c15, SourceBytes: d.tag * 0x3c6ef372fe94f82b, DestinationBytes: int64(i)}, "", 0)
		}
		switch err := d.Append(t.Context(), b, nil); {
		case err == nil:
			d.stored += rows
		case errors.Is(err, store.ErrFull):
			if refused++; refused == 1 {
				t.Logf("after %d events: %v", d.stored, err)
			}
		default:
			t.Fatalf("after %d events: got %v, want ErrFull", d.stored, err)
		}
		if d.stored > 10_000_000 {
			t.Fatal("got no end, want ErrFull")
		}
	}
}

// more appends single events, of which so many must find room.
func (d *fullDisk) more(t *testing.T, atLeast int) {
	t.Helper()
	before := d.stored
	for range 3 {
		if err := d.Append(t.Context(), storetest.Batch(event.Event{TimeNanos: 1}), nil); err == nil {
			d.stored++
		} else if !errors.Is(err, store.ErrFull) {
			t.Errorf("got %v, want ErrFull at most", err)
		}
	}
	if n := d.stored - before; n < atLeast {
		t.Errorf("got room for %d events, want it for %d", n, atLeast)
	}
}

// expect counts the events.
func (d *fullDisk) expect(t *testing.T) {
	t.Helper()
	scan, err := d.Since(t.Context(), 0, store.Newest, store.Forever)
	if err != nil {
		t.Fatal(err)
	}
	defer scan.Close()
	n := 0
	for {
		b, err := scan.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n += b.Len()
	}
	if n != d.stored {
		t.Errorf("got %d events, want the %d that were acknowledged", n, d.stored)
	}
}

// TestFullDisk fills a disk, with and without knowing how much room there is: others may fill it, too.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("numbers more than goroutines: left to the tests without the race detector")
	}
	for _, tt := range []struct {
		name    string
		options string
		slice   int64
		fresh   int
		blind   bool
		fatal   bool
	}{
		{"one file", "size=40m", 1 << 30, maxFresh, false, false},
		{"one file, opened again and again", "size=40m", 1 << 30, 20_000, false, false},
		{"several files", "size=32m", 3 << 20, maxFresh, false, false},
		{"the log finds no room", "size=24m", 1 << 30, maxFresh, true, false},
		{"a file that is opened again finds no room", "size=24m", 1 << 30, 20_000, true, false},
		{"a file that takes in its log finds no room", "size=100m", 1 << 30, maxFresh, true, true},
		{"there are several files, and no room", "size=24m", 2 << 20, maxFresh, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			disk := smallDisk(t, tt.options)
			ballast := filepath.Join(disk, "ballast")
			if err := os.WriteFile(ballast, make([]byte, 6<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			o := options(t)
			o.Dir, o.TempDir = filepath.Join(disk, "store"), t.TempDir()
			o.SliceBytes = tt.slice
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			s.maxFresh = tt.fresh
			if tt.blind {
				s.free = func(string) (int64, bool) { return 0, false }
			}
			d := &fullDisk{Store: s}
			d.fill(t, 20_000)
			if tt.fatal && !strings.Contains(log.String(), "opened again") {
				t.Errorf("got an engine that survived, want one that did not; log:\n%s", &log)
			}
			d.expect(t)
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			d.more(t, 3)
			d.fill(t, 1000)
			d.fill(t, 1)
			saveRun := func(size int) error {
				return s.SaveRun(t.Context(), &store.Run{End: 1}, nil, store.SliceChange{Add: []store.Slice{{Parts: [][]byte{make([]byte, size)}}}})
			}
			if err := saveRun(12 << 20); !errors.Is(err, store.ErrFull) {
				t.Errorf("SaveRun: got %v, want ErrFull", err)
			}
			if !tt.blind {
				// What is found, and who logs in, has room when events have none.
				if err := saveRun(1 << 20); err != nil {
					t.Errorf("SaveRun: %v", err)
				}
				if err := s.SaveRun(t.Context(), &store.Run{End: 2}, []store.Finding{{ID: "a", Doc: []byte("{}")}}, store.SliceChange{}); err != nil {
					t.Errorf("SaveRun: %v", err)
				}
				if n, err := s.ForgetRuns(t.Context(), 2); n != 1 || err != nil {
					t.Errorf("ForgetRuns: got %d and %v, want one run gone", n, err)
				}
				if err := s.Change(t.Context(), []store.Record{{Kind: "user", ID: "a"}}, nil); err != nil {
					t.Errorf("Change: %v", err)
				}
			}
			d.expect(t)
			if n, err := s.Retain(t.Context(), time.Time{}, 8<<20); err != nil {
				t.Error(err)
			} else if d.stored -= int(n); (n > 0) != (tt.slice < 1<<30) {
				t.Errorf("got %d events forgotten, want some of several files, and none of one", n)
			} else if n > 0 {
				d.more(t, 3)
				d.expect(t)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if !tt.blind && log.Len() > 0 {
				t.Errorf("got a log, want none: room was left for all that must be written\n%s", &log)
			}
			if d.Store, err = Open(o); err != nil {
				t.Fatal(err)
			}
			d.expect(t)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
