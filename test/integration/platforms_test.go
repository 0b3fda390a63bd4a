//go:build integration

package integration

import (
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherPlatforms builds the program without a C compiler for the platforms that are
// promised, and looks at what came out.
func TestOtherPlatforms(t *testing.T) {
	for _, p := range []struct {
		os, arch string
		check    func(t *testing.T, file string)
	}{
		{"linux", "amd64", func(t *testing.T, file string) {
			f, err := elf.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if libraries, err := f.ImportedLibraries(); f.Machine != elf.EM_X86_64 || err == nil && len(libraries) > 0 {
				t.Errorf("got %v with libraries %q, want a static x86-64 program", f.Machine, libraries)
			}
		}},
		{"darwin", "arm64", func(t *testing.T, file string) {
			f, err := macho.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Cpu != macho.CpuArm64 {
				t.Errorf("got %v, want arm64", f.Cpu)
			}
		}},
		{"windows", "amd64", func(t *testing.T, file string) {
			f, err := pe.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Machine != pe.IMAGE_FILE_MACHINE_AMD64 {
				t.Errorf("got machine %#x, want amd64", f.Machine)
			}
		}},
	} {
		t.Run(p.os+" "+p.arch, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "fresnel")
			cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", file, "./cmd/fresnel")
			cmd.Dir = path(t)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			p.check(t, file)
		})
	}
}

// TestNoTestMissesTheSharedData runs the tests that read the shared captures and fails where
// one was skipped because they are not there: a green run must have seen them.
func TestNoTestMissesTheSharedData(t *testing.T) {
	packages := map[string]bool{}
	files, err := filepath.Glob(path(t, "internal", "*", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob(path(t, "internal", "*", "*", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, deeper...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "testkit.Shared(") {
			packages[filepath.Dir(file)] = true
		}
	}
	if len(packages) == 0 {
		t.Fatal("no package reads the shared data")
	}
	args := []string{"test", "-v"}
	for p := range packages {
		args = append(args, p)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = path(t)
	out, err := cmd.CombinedOutput()
	ran, skipped := strings.Count(string(out), "--- PASS"), 0
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "of the shared data, which is not here") {
			skipped++
			t.Error(strings.TrimSpace(line))
		}
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%d packages, %d tests passed, %d skipped for want of the shared data", len(packages), ran, skipped)
}
