//go:build cgo

package main

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"fresnel/internal/config"
	"fresnel/internal/event"
	"fresnel/internal/store"
)

// appendAt stores events of some times, in nanoseconds since 1970.
func appendAt(ctx context.Context, s database, nanos ...int64) error {
	var b store.Batch
	for _, n := range nanos {
		b.Add(&event.Event{TimeNanos: n}, "", 0)
	}
	return s.Append(ctx, &b, nil)
}

// TestExportIsOfAllTimes exports events of clocks that are wrong, and of captures whose times
// begin at 0, without being told of times.
func TestExportIsOfAllTimes(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("FRESNEL_CONFIG", "")
	data, out := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "out")
	a := &app{stderr: os.Stderr}
	if err := a.withStore(&serveFlags{data: data}, false, func(_ *config.Loaded, s database) error {
		return appendAt(t.Context(), s, -1e18, 0, 1, 5e18, math.MaxInt64)
	}); err != nil {
		t.Fatal(err)
	}
	if _, log, err := execute(t, nil, "export", "--data", data, out); err != nil || !strings.HasPrefix(log, "fresnel: 5 events written to ") {
		t.Errorf("got %q and %v, want all 5 events", log, err)
	}
	if _, log, err := execute(t, nil, "export", "--data", data, "--from", "1970-01-01T00:00:00Z", out+"2"); err != nil || !strings.HasPrefix(log, "fresnel: 3 events written to ") {
		t.Errorf("from 1970 on: got %q and %v, want 3 events", log, err)
	}
	if _, _, err := execute(t, nil, "export", "--data", data, "--to", "2500-01-01T00:00:00Z", out+"3"); err == nil || !strings.Contains(err.Error(), "between 1677 and 2262") {
		t.Errorf("to 2500: got %v, want a time that events can have", err)
	}
}

// TestCommandsMakeNoDatabase runs what looks at a database, with the name of another folder.
func TestCommandsMakeNoDatabase(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("FRESNEL_CONFIG", "")
	for _, args := range [][]string{{"export", filepath.Join(t.TempDir(), "out")}, {"run"}, {"user", "reset", "admin"}} {
		data := filepath.Join(t.TempDir(), "dta")
		want := "store " + data + ": got no main.duckdb there, want the folder of a store"
		if out, _, err := execute(t, nil, append(args, "--data", data)...); err == nil || err.Error() != want {
			t.Errorf("%s: got %q and %v, want %s", args[0], out, err, want)
		}
		if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want no folder", args[0], err)
		}
	}
}

// TestTheDatabaseIsNobodyElsesBusiness makes one in a folder that others may look into.
func TestTheDatabaseIsNobodyElsesBusiness(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have the rights of their folder")
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("FRESNEL_CONFIG", "")
	data := t.TempDir()
	if err := os.Chmod(data, 0o755); err != nil {
		t.Fatal(err)
	}
	a := &app{stderr: os.Stderr}
	if err := a.withStore(&serveFlags{data: data}, false, func(_ *config.Loaded, s database) error {
		if err := appendAt(t.Context(), s, 1); err != nil {
			return err
		}
		return filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == data {
				return err
			}
			if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: got %v and %v, want that nobody else may read it", path, info.Mode(), err)
			}
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
}

// TestARunByHandIsToldAsTheServiceTellsIt has times as the API has them, and takes the ends that it takes.
func TestARunByHandIsToldAsTheServiceTellsIt(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("FRESNEL_CONFIG", "")
	data := filepath.Join(t.TempDir(), "data")
	a := &app{stderr: os.Stderr}
	if err := a.withStore(&serveFlags{data: data}, false, func(*config.Loaded, database) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if out, _, err := execute(t, nil, "run", "--data", data, "--at", "2026-01-01T07:00:00+01:00"); err != nil || !strings.HasPrefix(out, `{"end":"2026-01-01T06:00:00Z",`) {
		t.Errorf("got %s and %v, want the end as a time in UTC", out, err)
	}
	for at, want := range map[string]string{
		"1969-12-31T23:00:00Z": "want whole seconds, from 1970 on", "2026-01-01T06:00:00.5Z": "want whole seconds, from 1970 on", "2200-01-01T00:00:00Z": "want a time that is not to come",
	} {
		if _, _, err := execute(t, nil, "run", "--data", data, "--at", at); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it refused: %s", at, err, want)
		}
	}
}

// TestTheTrailKnowsWhatIsDoneBesideTheService looks for what commands change.
func TestTheTrailKnowsWhatIsDoneBesideTheService(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("FRESNEL_CONFIG", "")
	data, out := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "out")
	a := &app{stderr: os.Stderr}
	if err := a.withStore(&serveFlags{data: data}, false, func(_ *config.Loaded, s database) error {
		return appendAt(t.Context(), s, 1)
	}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", "--at", "2026-01-01T06:00:00Z"}, {"export", out}, {"import", out}} {
		if _, log, err := execute(t, nil, append(args, "--data", data)...); err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, log)
		}
	}
	var got []string
	if err := a.withStore(&serveFlags{data: data}, true, func(_ *config.Loaded, s database) error {
		entries, err := s.Trail(t.Context(), 0, 10)
		for _, e := range entries {
			got = append(got, e.User+" "+e.Action+" "+e.Subject)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"(program) events.import " + out, "(program) run.make 2026-01-01T06:00:00Z"}; !slices.Equal(got, want) {
		t.Errorf("got the trail %q, want %q", got, want)
	}
}
