//go:build cgo

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fresnel/internal/config"
	"fresnel/internal/store"
)

// TestConfigShowKnowsWhatWasSaved shows settings beside a database, as serve and run see them.
func TestConfigShowKnowsWhatWasSaved(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("FRESNEL_CONFIG", "")
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "my.yaml")
	if err := os.WriteFile(file, []byte("beacon: {max_jitter: 0.1, min_not_empty: 0.4}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	show := func(args ...string) (out, log string, err error) {
		t.Helper()
		return execute(t, []string{"FRESNEL_BEACON_MIN_NUMBER_PERIODS=7"}, append([]string{"config", "show", "--config", file}, args...)...)
	}
	save := func(key, value string) {
		t.Helper()
		a := &app{stderr: os.Stderr, configFile: file}
		err := a.withStore(&serveFlags{data: dir}, false, func(_ *config.Loaded, s database) error {
			data := `{"value":"` + value + `","by":"anna","at":"2026-01-01T06:10:00Z"}`
			return s.Change(t.Context(), []store.Record{{Kind: "setting", ID: key, Data: []byte(data)}}, nil)
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	if _, _, err := show("--data", dir); err == nil || !strings.Contains(err.Error(), "got no main.duckdb there") {
		t.Errorf("got %v for an empty folder, want an error", err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("got %v and %v, want a folder that is still empty", list, err)
	}
	if _, _, err := show("--data", filepath.Join(dir, "none")); err == nil {
		t.Error("got no error for a folder that is not there")
	}
	save("beacon.max_jitter", "0.2")
	save("beacon.min_number_periods", "5")
	out, log, err := show("--data", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  max_jitter: 0.2 # set by anna at 2026-01-01T06:10:00Z in the service\n", "  min_not_empty: 0.4 # " + file + ":1\n",
		"  min_number_periods: 7 # FRESNEL_BEACON_MIN_NUMBER_PERIODS\n", "  dir: " + dir + " # --data\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("got %s without %q", out, want)
		}
	}
	if log != "" {
		t.Errorf("got %q on standard error, want nothing", log)
	}
	if out, _, err := show(); err != nil || !strings.Contains(out, "  max_jitter: 0.1 # "+file+":1\n") {
		t.Errorf("got %v and %s, want the file alone without the folder", err, out)
	}

	save("beacon.max_jitter", "9")
	out, log, err = show("--data", dir)
	if err != nil || !strings.Contains(out, "  max_jitter: 0.1 # "+file+":1\n") || !strings.Contains(log, "what was saved in the service does not count") {
		t.Errorf("got %v, %q and %s, want the settings that the service would have, and why", err, log, out)
	}
}

// execute runs a command line, and returns what it writes.
func execute(t *testing.T, env []string, args ...string) (out, log string, err error) {
	t.Helper()
	text := func(f *os.File) string {
		b, err := os.ReadFile(f.Name())
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	stdout, stderr := temporary(t), temporary(t)
	a := &app{stdin: os.Stdin, stdout: stdout, stderr: stderr, env: env}
	cmd := a.command()
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return text(stdout), text(stderr), err
}

func temporary(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "stream")
	if err != nil {
		t.Fatal(err)
	}
	return f
}
