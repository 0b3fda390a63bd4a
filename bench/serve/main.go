//go:build cgo

// Serve measures the service's two costs on made-up events: how fast they are stored, and how
// long a run over them takes.
//
//	go run ./bench/serve -events 10000000 -groups 100000
//
// To measure the last run alone, fill a store with -hours 5 -dir D and go on with -hours 6 on copies of D.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"fresnel/internal/config"
	"fresnel/internal/event"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
	"fresnel/internal/store/duckdb"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	events := flag.Int("events", 10_000_000, "events, over six hours")
	groups := flag.Int("groups", 100_000, "hosts with their processes")
	dir := flag.String("dir", "", "folder of the store; empty for a new one; one with events is not filled")
	hours := flag.Int("hours", 6, "the run after so many hours is the last one")
	profile := flag.String("cpuprofile", "", "file for a profile of the runs")
	memory := flag.Int("memory", 1024, "memory limit of the database, in MiB")
	detector := flag.String("detector", "fresnel", "fresnel or reference")
	flag.Parse()
	ctx := context.Background()
	if *dir == "" {
		if *dir, err = os.MkdirTemp("", "serve-bench"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(*dir)) }()
	}
	end := time.Date(2026, 1, 1, 6, 0, 0, 0, time.UTC)
	o := duckdb.DefaultOptions()
	o.Dir, o.MemoryLimitMB, o.Now, o.Log = *dir, *memory, time.Now, slog.New(slog.DiscardHandler)
	s, err := duckdb.Open(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	size, err := s.Size(ctx)
	if err != nil {
		return err
	}
	if size.Events == 0 {
		if err := fill(ctx, s, *events, *groups, end.Add(-6*time.Hour)); err != nil {
			return err
		}
	}
	c := config.Default()
	c.Detector = *detector
	if err := c.Validate(); err != nil {
		return err
	}
	what, err := c.Detect()
	if err != nil {
		return err
	}
	what.Workers = runtime.GOMAXPROCS(0)
	// As the service does it: a run every hour. The last one looks at all events, of which
	// those of the hours before are in slices.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	last := end.Add(time.Duration(*hours-6) * time.Hour)
	switch r, err := s.LastRun(ctx); {
	case err == nil && r.End >= last.Unix():
		return fmt.Errorf("%s: got a run at %v already, want none after hour %d: measure on a copy made before it", *dir, time.Unix(r.End, 0).UTC().Format(time.TimeOnly), *hours-1)
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, f.Close())
		}()
	}
	begun, cpu := time.Now(), processorTime()
	var failed error
	sched, err := schedule.New(schedule.Options{
		Store: s, Detect: what, Every: time.Hour, CatchUp: 7 * time.Hour, Remember: 24 * time.Hour, Log: o.Log, Now: func() time.Time { return last.Add(time.Minute) },
		Done: func(r *store.Run, err error) {
			if failed = err; err == nil {
				fmt.Printf("run over %d events, %d groups, %d rows: %v, %v of processor, %d findings; %d MB resident at most so far\n",
					r.Events, r.Groups, r.Rows, time.Since(begun).Round(time.Millisecond), (processorTime() - cpu).Round(time.Millisecond), r.Findings, peakMB())
			}
			if err != nil || r.End == last.Unix() {
				cancel()
			}
			begun, cpu = time.Now(), processorTime()
		},
	})
	if err != nil {
		return err
	}
	return errors.Join(sched.Run(ctx), failed)
}

// fill stores events of groups that call at random times, and says what that took.
func fill(ctx context.Context, s store.Store, events, groups int, start time.Time) error {
	const processes = 25
	begun, cpu := time.Now(), processorTime()
	rng := rand.New(rand.NewPCG(1, 2))
	names := make([]string, processes)
	for i := range names {
		names[i] = fmt.Sprintf("process-%02d.exe", i)
	}
	step := 6 * time.Hour / time.Duration(events)
	var b store.Batch
	for i := range events {
		group := int(float64(groups) * rng.Float64() * rng.Float64()) // some are busier than others
		host := group / processes
		e := event.Event{
			TimeNanos: start.Add(time.Duration(i) * step).UnixNano(),
			HostName:  fmt.Sprintf("host-%05d", host), ProcessName: names[group%processes],
			SourceIP:      netip.AddrFrom4([4]byte{10, byte(host >> 16), byte(host >> 8), byte(host)}),
			DestinationIP: netip.AddrFrom4([4]byte{52, byte(group), byte(group >> 8), byte(rng.IntN(4))}),
			SourceBytes:   rng.Int64N(4000), DestinationBytes: rng.Int64N(40_000), SourcePort: uint16(32768 + rng.IntN(28000)), DestinationPort: 443,
			EventCategory: "network", EventAction: "disconnect_received", NetworkTransport: "tcp", NetworkProtocol: "tls",
		}
		b.Add(&e, "logs", 0)
		if b.Len() == 10_000 || i == events-1 {
			if err := s.Append(ctx, &b, nil); err != nil {
				return err
			}
			b.Reset()
		}
	}
	took := time.Since(begun)
	size, err := s.Size(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("stored %d events in %v: %.2f M/s, %.2f M a second of processor; %.1f bytes an event on disk\n",
		events, took.Round(time.Millisecond), float64(events)/took.Seconds()/1e6, float64(events)/(processorTime()-cpu).Seconds()/1e6, float64(size.Bytes)/float64(events))
	return nil
}

// processorTime returns what the process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMB returns the most memory that the process had resident.
func peakMB() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss >> 10
}
