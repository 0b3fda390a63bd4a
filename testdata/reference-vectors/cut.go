//go:build ignore

// Cut writes a cut of the reference vectors into the folder it is run in: the lines of the
// groups that are wanted, as they stand and in their order.
//
//	cd testdata/reference-vectors && go run cut.go ../../../shared/data/reference-vectors
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// most is how many events a group may have: the many small groups show more of the rules
// per kilobyte than the few large ones.
const most = 200

// large are groups that are taken although they have more events: their buckets are
// (nearly) all filled.
var large = map[group]bool{
	{"edge", "constant"}: true,
	{"h0", "p34"}:        true,
	{"h1", "p86"}:        true, // a tie that only rounding decides, at max_jitter 0.2
	{"h12", "p12"}:       true,
	{"h4", "p89"}:        true,
	{"h5", "p56"}:        true,
}

type group struct{ host, process string }

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run cut.go FOLDER")
		os.Exit(1)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder string) error {
	events := func(line []byte) (group, error) {
		var e struct{ Host, Process struct{ Name string } }
		err := json.Unmarshal(line, &e)
		return group{e.Host.Name, e.Process.Name}, err
	}
	expected := func(line []byte) (group, error) {
		var e struct {
			Host    string `json:"host.name"`
			Process string `json:"process.name"`
		}
		err := json.Unmarshal(line, &e)
		return group{e.Host, e.Process}, err
	}

	size := map[group]int{}
	err := read(filepath.Join(folder, "events.ndjson.gz"), events, func(g group, _ []byte) error {
		size[g]++
		return nil
	})
	if err != nil {
		return err
	}
	wanted := func(g group) bool { return size[g] <= most || large[g] }
	if err := cut(folder, "events.ndjson.gz", events, wanted); err != nil {
		return err
	}
	return cut(folder, "expected.ndjson.gz", expected, wanted)
}

// cut copies the lines of the wanted groups from folder/name to name.
func cut(folder, name string, groupOf func([]byte) (group, error), wanted func(group) bool) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	err = read(filepath.Join(folder, name), groupOf, func(g group, line []byte) error {
		if !wanted(g) {
			return nil
		}
		_, err := z.Write(line)
		return err
	})
	if err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}

// read calls take for each line, with its line feed, and the group that it belongs to.
func read(path string, groupOf func([]byte) (group, error), take func(group, []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	r := bufio.NewReader(z)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		g, err := groupOf(line)
		if err != nil {
			return fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		if err := take(g, line); err != nil {
			return err
		}
	}
}
