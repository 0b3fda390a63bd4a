//go:build integration

// Package integration tests the built program together with what people use beside it: a
// browser that opens its report, DuckDB as a second opinion on what a file holds, the other
// platforms, and the shared captures. `make test-integration` installs what is needed.
package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fresnel/internal/testkit"
)

// path returns the path of something in the repository.
func path(t *testing.T, parts ...string) string {
	t.Helper()
	return filepath.Join(append([]string{testkit.Root(t)}, parts...)...)
}

// installed returns the path of something that setup installs.
func installed(t *testing.T, parts ...string) string {
	t.Helper()
	p := path(t, append([]string{"build", "integration"}, parts...)...)
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("%v (make test-integration installs it)", err)
	}
	return p
}

// run runs a program without any setting of the user's and returns its standard output.
func run(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "FRESNEL_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}
