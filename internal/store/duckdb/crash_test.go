//go:build cgo && unix

package duckdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	lib "github.com/duckdb/duckdb-go-bindings"

	"fresnel/internal/event"
	"fresnel/internal/store"
	"fresnel/internal/store/storetest"
)

// childFolder names the environment variable by which this program, run again, becomes
// a process that appends until it is killed, or one that only opens a store.
const childFolder = "FRESNEL_TEST_APPEND_TO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		if err := appendForever(dir); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	code := m.Run()
	// With the tag debug_bindings, what of DuckDB's memory was not given back is counted.
	if left := lib.GetAllocationCounts(); left != "" && code == 0 {
		fmt.Print("memory of DuckDB that was not given back:\n", left)
		code = 1
	}
	os.Exit(code)
}

func childOptions(dir string) Options {
	o := DefaultOptions()
	o.Dir = dir
	o.MemoryLimitMB = 128
	o.CommitRows = 4000
	o.SliceBytes = 2 << 20 // several files in each life
	o.Now = time.Now
	o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	return o
}

const crashWriters = 4

// appendForever appends batches of several writers, and prints each one that is acknowledged.
func appendForever(dir string) error {
	s, err := Open(childOptions(dir))
	if err != nil {
		return err
	}
	s.maxFresh = 10_000 // the file is closed and opened again more than once in each life
	var wg sync.WaitGroup
	for w := range crashWriters {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), uint64(os.Getpid())))
			b := &store.Batch{}
			for i := 0; ; i++ {
				b.Reset()
				rows := 1 + r.IntN(2500)
				batch := int64(os.Getpid())<<20 + int64(i)
				for row := range rows {
					b.Add(&event.Event{
						TimeNanos: batch, HostName: fmt.Sprint("writer-", w), ProcessEntityID: fmt.Sprintf("%x", r.Uint64()),
						SourceBytes: int64(row), DestinationBytes: int64(rows), DurationNanos: r.Int64(),
					}, "", 0)
				}
				if err := s.Append(context.Background(), b, []store.Mark{{Source: fmt.Sprint(w), Place: fmt.Sprint(batch)}}); err != nil {
					fmt.Println("error", err)
					return
				}
				fmt.Println("stored", w, batch, rows) // one write: lines of several writers do not mix
			}
		})
	}
	wg.Wait()
	return errors.New("no writer is left")
}

func TestKilledProcessLosesNothing(t *testing.T) {
	dir := t.TempDir()
	type key struct {
		writer int
		batch  int64
	}
	acknowledged := map[key]int{}
	last := map[int]int64{}
	rounds := 4
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childFolder+"="+dir)
		child.Stderr = t.Output()
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		// It is killed after so many lines, wherever it is then; what was said before counts.
		lines, kill := 0, 5+rand.IntN(150)
		in := bufio.NewScanner(out)
		for in.Scan() {
			var k key
			var rows int
			if _, err := fmt.Sscanf(in.Text(), "stored %d %d %d", &k.writer, &k.batch, &rows); err != nil {
				t.Fatalf("round %d: got %q from the child", round, in.Text())
			}
			acknowledged[k] = rows
			last[k.writer] = k.batch
			if lines++; lines == kill {
				if err := child.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); !strings.Contains(fmt.Sprint(err), "killed") {
			t.Fatalf("round %d: got %v from the child, want that it was killed", round, err)
		}

		s, err := Open(childOptions(dir))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		scan, err := s.Since(t.Context(), 0, store.Newest, store.Forever)
		got, claimed := map[key]int{}, map[key]int{}
		newest := map[int]int64{}
		for _, e := range storetest.Read(t, scan, err) {
			var k key
			fmt.Sscanf(e.HostName, "writer-%d", &k.writer)
			k.batch = e.TimeNanos
			if e.SourceBytes != int64(got[k]) {
				t.Fatalf("round %d: %v: got row %d, want %d", round, k, e.SourceBytes, got[k])
			}
			got[k]++
			claimed[k] = int(e.DestinationBytes)
			newest[k.writer] = k.batch
		}
		for k, n := range got {
			if n != claimed[k] {
				t.Errorf("round %d: %v: got %d rows, want all %d", round, k, n, claimed[k])
			}
		}
		for k, n := range acknowledged {
			if got[k] != n {
				t.Errorf("round %d: %v: got %d rows of the %d that were acknowledged", round, k, got[k], n)
			}
		}
		marks, err := s.Marks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range marks {
			var w int
			fmt.Sscan(m.Source, &w)
			if m.Place != fmt.Sprint(newest[w]) {
				t.Errorf("round %d: mark of writer %d: got %s, want that of its newest batch, %d", round, w, m.Place, newest[w])
			}
		}
		size, err := s.Size(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("round %d: killed after %d acknowledged batches, %d of %d stored batches are; %d files, %d events", round, lines, len(acknowledged), len(got), len(s.files), size.Events)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOneProcessHasAFolder(t *testing.T) {
	o := options(t)
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(o)
	if want := fmt.Sprintf("store %s: in use by another process, number %d", o.Dir, os.Getpid()); !errors.Is(err, store.ErrLocked) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childFolder+"="+o.Dir)
	out, err := child.Output()
	if want := fmt.Sprintf("error store %s: in use by another process, number %d\n", o.Dir, os.Getpid()); err == nil || string(out) != want {
		t.Errorf("another process: got %q and %v, want %q", out, err, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(o); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
