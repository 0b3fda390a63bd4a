package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/rogpeppe/go-internal/testscript"

	"fresnel/internal/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fresnel": main})
}

// TestScripts runs the scripts of testdata/scripts against the program; with -update it
// rewrites the outputs that they compare with. testdata/README.md tells of the commands below.
func TestScripts(t *testing.T) {
	root := testkit.Root(t)
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join(root, "testdata", "scripts"),
		UpdateScripts: flag.Lookup("update").Value.String() == "true",
		Setup: func(e *testscript.Env) error {
			// A settings folder of the script's own, whatever the user has.
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("SAMPLE", filepath.Join(root, "testdata", "sample"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"beacon": scriptBeacon,
			"gzip":   scriptGzip,
			"cut":    scriptCut,
			"status": scriptStatus,
			"lines":  scriptLines,
		},
	})
}

// scriptBeacon appends ECS events at even times to a file.
//
//	beacon FILE HOST PROCESS START PERIOD COUNT
//
// START is a time in RFC 3339, PERIOD a duration. HOST and PROCESS may hold the escapes of Go.
func scriptBeacon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 6 {
		ts.Fatalf("usage: beacon FILE HOST PROCESS START PERIOD COUNT")
	}
	unquoted := func(s string) string {
		s, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
		ts.Check(err)
		return s
	}
	start, err := time.Parse(time.RFC3339, args[3])
	ts.Check(err)
	period, err := time.ParseDuration(args[4])
	ts.Check(err)
	count, err := strconv.Atoi(args[5])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	ts.Check(err)
	defer f.Close()
	for i := range count {
		line, err := json.Marshal(map[string]any{
			"@timestamp":  start.Add(time.Duration(i) * period).Format(time.RFC3339Nano),
			"host":        map[string]any{"name": unquoted(args[1])},
			"process":     map[string]any{"name": unquoted(args[2])},
			"source":      map[string]any{"ip": "10.0.0.5", "bytes": 500},
			"destination": map[string]any{"ip": "28.1.2.3", "port": 443, "bytes": 900},
			"event":       map[string]any{"category": []string{"network"}, "action": "disconnect_received"},
		})
		ts.Check(err)
		_, err = fmt.Fprintf(f, "%s\n", line)
		ts.Check(err)
	}
}

// scriptGzip compresses a file into another.
//
//	gzip FROM TO
func scriptGzip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gzip FROM TO")
	}
	f, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	defer f.Close()
	z := gzip.NewWriter(f)
	_, err = z.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(z.Close())
}

// scriptCut cuts the last bytes of a file off.
//
//	cut FILE BYTES
func scriptCut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cut FILE BYTES")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	size := len(ts.ReadFile(args[0]))
	ts.Check(os.Truncate(ts.MkAbs(args[0]), int64(size-n)))
}

// scriptStatus runs a program and compares its exit code.
//
//	status CODE PROGRAM [ARG...]
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("got exit code %d, want %s", code, args[0])
	}
}

// scriptLines counts the lines of what the last program wrote, or of a file.
//
//	lines N FILE
func scriptLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines N FILE")
	}
	if n := strings.Count(ts.ReadFile(args[1]), "\n"); strconv.Itoa(n) != args[0] {
		ts.Fatalf("%s: got %d lines, want %s", args[1], n, args[0])
	}
}
