// Fresnel finds command-and-control beacons in network telemetry.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// version is set by the Makefile.
var version = "dev"

// Exit codes. They are documented in docs/usage.md and in the man page.
const (
	exitOK      = 0
	exitError   = 1
	exitFinding = 2 // --fail-on-finding was given and something was found
)

// errFound makes the program end with exitFinding.
var errFound = errors.New("found")

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Environ()}
	err := a.command().ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFound):
		return exitFinding
	case errors.Is(err, syscall.EPIPE): // whoever reads has seen enough, as with head
		return exitOK
	}
	for _, line := range messages(err) {
		fmt.Fprintf(a.stderr, "fresnel: %s\n", line)
	}
	return exitError
}

// messages returns the messages of joined errors, one each.
func messages(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, messages(e)...)
		}
		return all
	}
	return []string{err.Error()}
}

// An app is what the commands share: the streams and the environment.
type app struct {
	stdin          *os.File
	stdout, stderr *os.File
	env            []string

	configFile string
	sets       []string

	cpuProfile  string
	stopProfile func() error // nil when there is none
}

// terminal returns the width of the terminal that w is, and whether it is one.
func terminal(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return width, true
}

// color reports whether w takes colours: a terminal, and NO_COLOR is not set
// (https://no-color.org).
func (a *app) color(w io.Writer) bool {
	_, ok := terminal(w)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
