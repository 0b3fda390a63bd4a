// Compare times whole processes side by side: the program against what a user would run
// instead, in turn, on the same generated files, and prints medians and their ratios.
//
//	go run ./bench/compare -program build/fresnel -python build/venv/bin/python
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// A file is a generated input.
type file struct {
	name string
	args []string // of bench/gen
	kind string
}

// A contender is a command that reads a file.
type contender struct {
	name string
	argv []string
}

func run() error {
	program := flag.String("program", "build/fresnel", "the program")
	python := flag.String("python", "", "a Python that has duckdb; empty to leave DuckDB out")
	dir := flag.String("dir", filepath.Join(os.TempDir(), "bench-data"), "folder for generated files, which are kept")
	rounds := flag.Int("rounds", 5, "rounds of each comparison")
	scale := flag.Float64("scale", 1, "share of the usual number of events")
	flag.Parse()

	events := func(n int) string { return fmt.Sprint(int(float64(n) * *scale)) }
	files := []file{
		{"zeek-20k-pairs.log", []string{"-kind", "zeek", "-events", events(10_000_000), "-hosts", "100", "-destinations", "200"}, "zeek"},
		{"zeek-240k-pairs.log", []string{"-kind", "zeek", "-events", events(10_000_000), "-hosts", "400", "-destinations", "600"}, "zeek"},
		{"ecs-10k-groups.ndjson", []string{"-kind", "ecs", "-events", events(2_000_000), "-hosts", "400", "-processes", "25"}, "ecs"},
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(*dir, f.name)
		if err := generate(path, f.args); err != nil {
			return err
		}
		scan := []string{*program, "scan", "--quiet", "--no-filter", "--output", "ndjson", "--input", f.kind, path}
		contenders := []contender{{"reference", append(slices.Clone(scan), "--detector", "reference")}, {"fresnel", scan}}
		if *python != "" {
			contenders = append(contenders, contender{"duckdb", []string{*python, "bench/duckdb_scan.py", f.kind, path}})
		}
		if err := compare(f.name, path, contenders, *rounds); err != nil {
			return err
		}
	}

	// One gzip file against gunzip alone.
	path := filepath.Join(*dir, files[0].name)
	if _, err := os.Stat(path + ".gz"); err != nil {
		if err := exec.Command("gzip", "-k", "-6", path).Run(); err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
	}
	return compare(files[0].name+".gz", path+".gz", []contender{
		{"reference", []string{*program, "scan", "--quiet", "--no-filter", "--detector", "reference", "--output", "ndjson", path + ".gz"}},
		{"gunzip", []string{"gunzip", "-c", path + ".gz"}},
	}, *rounds)
}

func generate(path string, args []string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	fmt.Fprintln(os.Stderr, "writing", path)
	out, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	cmd := exec.Command("go", append([]string{"run", "./bench/gen"}, args...)...)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := errors.Join(cmd.Run(), out.Close()); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

// compare runs the contenders in turn. The first round warms the page cache up and does not
// count.
func compare(name, path string, contenders []contender, rounds int) error {
	wall := make([][]float64, len(contenders))
	cpu := make([][]float64, len(contenders))
	memory := make([]int64, len(contenders))
	for round := range rounds + 1 {
		for i, c := range contenders {
			cmd := exec.Command(c.argv[0], c.argv[1:]...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			start := time.Now()
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%s: %w: %s", strings.Join(c.argv, " "), err, stderr.String())
			}
			if round == 0 {
				continue
			}
			wall[i] = append(wall[i], time.Since(start).Seconds())
			cpu[i] = append(cpu[i], (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
			if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
				memory[i] = max(memory[i], usage.Maxrss>>10)
			}
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d MB, median of %d rounds in turn\n", name, info.Size()>>20, rounds)
	for i, c := range contenders {
		fmt.Printf("  %-9s %6.2f s wall, %6.2f s CPU, %5d MB, %7.0f MB/s", c.name, median(wall[i]), median(cpu[i]), memory[i], float64(info.Size())/1e6/median(wall[i]))
		if i > 0 {
			ratios := make([]float64, rounds)
			for k := range ratios {
				ratios[k] = wall[i][k] / wall[0][k]
			}
			fmt.Printf("; %s takes %.2f times as long as %s (%.2f to %.2f)", c.name, median(ratios), contenders[0].name, slices.Min(ratios), slices.Max(ratios))
		}
		fmt.Println()
	}
	return nil
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return s[len(s)/2]
}
