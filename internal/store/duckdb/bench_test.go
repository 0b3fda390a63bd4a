//go:build cgo && unix

package duckdb

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"fresnel/internal/event"
	"fresnel/internal/store"
)

// benchBatches returns batches as a busy hour makes them: a hundred thousand callers and
// fifty thousand callees, in no order.
func benchBatches(n, rows int) []*store.Batch {
	r := rand.New(rand.NewPCG(1, 2))
	batches := make([]*store.Batch, n)
	ts := int64(1_770_000_000_000_000_000)
	for i := range batches {
		b := &store.Batch{}
		for range rows {
			ts += 200_000
			host, process := r.IntN(2000), r.IntN(50)
			to := r.IntN(50_000)
			b.Add(&event.Event{
				TimeNanos: ts + r.Int64N(1e9), IngestedNanos: ts + 2e9, DurationNanos: r.Int64N(1e10), SourceBytes: r.Int64N(5000), DestinationBytes: r.Int64N(100_000),
				SourcePort: uint16(r.Uint32()), SourceIP: netip.AddrFrom4([4]byte{10, 0, byte(host >> 8), byte(host)}),
				HostName: fmt.Sprintf("workstation-%04d.example.com", host), UserName: fmt.Sprintf("user-%04d", host),
				ProcessName: fmt.Sprintf("process-%d.exe", process), ProcessPID: int64(1000 + process), ProcessEntityID: fmt.Sprintf("%016x%016x", host, process),
				ProcessExecutable: fmt.Sprintf(`C:\Program Files\Vendor\process-%d.exe`, process),
				DestinationIP:     netip.AddrFrom4([4]byte{198, 18, byte(to >> 8), byte(to)}), DestinationPort: 443, NetworkTransport: "tcp", NetworkProtocol: "tls",
				EventCategory: "network", EventAction: "connection_attempted",
			}, "logs-endpoint", 0)
		}
		batches[i] = b
	}
	return batches
}

func openBench(b *testing.B, threads int) *Store {
	o := options(b)
	o.Threads = threads
	o.CommitEvery = DefaultOptions().CommitEvery
	o.MemoryLimitMB = 1024
	s, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// cpuSeconds returns how long processors have worked for this process.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// report tells the speed by the clock, and by the processors' time, which others on the machine disturb less.
func report(b *testing.B, events int, cpu float64) {
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(events)/cpu, "events/cpu-s")
}

// BenchmarkAppend appends batches of ten thousand events, as several clients do that wait for the answer.
func BenchmarkAppend(b *testing.B) {
	const rows = 10_000
	batches := benchBatches(100, rows)
	for _, clients := range []int{1, 4, 8, 16} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s := openBench(b, 1)
			var wg sync.WaitGroup
			next := make(chan *store.Batch)
			for range clients {
				wg.Go(func() {
					for batch := range next {
						if err := s.Append(b.Context(), batch, nil); err != nil {
							b.Error(err)
						}
					}
				})
			}
			i, cpu := 0, cpuSeconds()
			for b.Loop() {
				next <- batches[i%len(batches)]
				i++
			}
			close(next)
			wg.Wait()
			report(b, i*rows, cpuSeconds()-cpu)
		})
	}
}

// BenchmarkIn reads all events of a file, one block after the other.
func BenchmarkIn(b *testing.B) {
	s := openBench(b, 1)
	batches := benchBatches(200, 10_000)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := i; k < len(batches); k += 8 {
				if err := s.Append(b.Context(), batches[k], nil); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, bm := range []struct {
		name  string
		after int64
		to    int64
	}{
		{"all", math.MinInt64, math.MaxInt64},
		{"a tenth", 1_770_000_000_000_000_000, 1_770_000_000_000_000_000 + 40e9},
		{"a minute in a thousand", 1_770_000_000_000_000_000, 1_770_000_000_000_000_000 + 4e8},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			n, cpu := 0, cpuSeconds()
			for b.Loop() {
				n = 0
				scan, err := s.In(b.Context(), bm.after, bm.to, store.Newest)
				if err != nil {
					b.Fatal(err)
				}
				var bytes int64
				for {
					block, err := scan.Next(b.Context())
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					block.Each(func(e *event.Event) { bytes += e.SourceBytes + int64(len(e.HostName)); n++ })
				}
				scan.Close()
			}
			report(b, n*b.N, cpuSeconds()-cpu)
		})
	}
}
