// Gen writes made-up telemetry for benchmarks to standard output.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"time"

	"fresnel/internal/testkit/telemetry"
)

func main() {
	kind := flag.String("kind", "ecs", "ecs or zeek")
	events := flag.Int("events", 1_000_000, "number of events")
	span := flag.Duration("span", 6*time.Hour, "time from the first event to the last")
	hosts := flag.Int("hosts", 400, "number of hosts")
	processes := flag.Int("processes", 25, "number of process names")
	destinations := flag.Int("destinations", 5000, "number of destination addresses")
	flag.Parse()
	g := telemetry.New(telemetry.Spec{
		Seed: 1, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Span: *span, Events: *events,
		Hosts: *hosts, Processes: *processes, Destinations: *destinations,
	})
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	var line []byte
	if *kind == "zeek" {
		line = telemetry.AppendZeekHeader(nil)
	}
	for range *events {
		if *kind == "zeek" {
			line = g.AppendZeek(line)
		} else {
			line = g.AppendECS(line)
		}
		if _, err := w.Write(line); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		line = line[:0]
	}
	if err := w.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
