// Package testkit holds what the tests of several packages need. It is for tests only.
package testkit

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files with what the code answers now")

// Root returns the path of the repository.
func Root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the test binary does not know where its sources are")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Shared returns the path of name below the shared folder that lies beside the repository,
// or where FRESNEL_SHARED says. The test is skipped where it is missing.
func Shared(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("FRESNEL_SHARED")
	if dir == "" {
		dir = filepath.Join(Root(t), "..", "shared")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs %s of the shared data, which is not here: %v", name, err)
	}
	return path
}

// Near fails the test unless got is within a relative tolerance of want.
func Near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if got == want {
		return
	}
	if d := math.Abs(got - want); !(d <= tolerance*math.Max(math.Abs(got), math.Abs(want))) {
		t.Errorf("%s: got %v, want %v (relative difference %.3g)", what, got, want, d/math.Abs(want))
	}
}

// Golden compares got with the file path. With -update it rewrites the file.
func Golden(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}
