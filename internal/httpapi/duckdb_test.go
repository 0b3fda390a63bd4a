//go:build cgo && unix

package httpapi

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"fresnel/internal/config"
	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
	"fresnel/internal/store/duckdb"
)

// openDuckDB returns a site over the database that the service has.
func openDuckDB(b *testing.B) *site {
	b.Helper()
	o := duckdb.DefaultOptions()
	o.Dir, o.Now, o.Log = b.TempDir(), func() time.Time { return time.Unix(now, 0) }, slog.New(slog.DiscardHandler)
	d, err := duckdb.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := d.Close(); err != nil {
			b.Error(err)
		}
	})
	return openOver(b, Limits{}, d)
}

// BenchmarkHundredThousandInDuckDB asks over 100,800 findings in the database: first a service
// that has just started, then one that knows what lists need.
func BenchmarkHundredThousandInDuckDB(b *testing.B) {
	s := openDuckDB(b)
	fill(b, s.store, 300)
	for _, one := range questions() {
		b.Run("first "+one.name, func(b *testing.B) {
			begun := processorTime(b)
			for b.Loop() {
				b.StopTimer()
				s.api.index = newIndex(s.store, s.api.o.Limits.Findings)
				b.StartTimer()
				s.quick(b, one.target)
			}
			b.ReportMetric((processorTime(b)-begun).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
	s.quick(b, "/api/v1/overview?from=now-14d")
	for _, one := range questions() {
		b.Run(one.name, func(b *testing.B) {
			begun := processorTime(b)
			for b.Loop() {
				s.quick(b, one.target)
			}
			b.ReportMetric((processorTime(b)-begun).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
	b.Run("FindingsIn", func(b *testing.B) {
		begun := processorTime(b)
		for b.Loop() {
			n := 0
			if err := s.store.FindingsIn(b.Context(), 0, 1<<40, func(*store.Finding) bool { n++; return true }); err != nil || n < 100_800 {
				b.Fatal(n, err)
			}
		}
		b.ReportMetric((processorTime(b)-begun).Seconds()/float64(b.N), "cpu-s/op")
	})
}

// processorTime returns what the process has used so far.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMillionEvents asks for what reads the events of a window: a million, of 10,000 groups
// over six hours, in the database.
func BenchmarkMillionEvents(b *testing.B) {
	s := openDuckDB(b)
	const events, groups = 1_000_000, 10_000
	rng := rand.New(rand.NewPCG(1, 2))
	start := int64(findingtest.RunEnd-6*3600+1) * 1e9
	var batch store.Batch
	for i := range int64(events) {
		g := int(groups * rng.Float64() * rng.Float64())
		batch.Add(&event.Event{
			TimeNanos: start + i*(6*3600*1e9/events), HostName: fmt.Sprintf("host-%04d", g/25), ProcessName: fmt.Sprintf("process-%02d.exe", g%25),
			SourceIP: netip.AddrFrom4([4]byte{10, 0, byte(g / 25 >> 8), byte(g / 25)}), DestinationIP: netip.AddrFrom4([4]byte{52, byte(g), byte(g >> 8), byte(rng.IntN(4))}),
			SourceBytes: rng.Int64N(4000), DestinationBytes: rng.Int64N(40_000), SourcePort: uint16(32768 + rng.IntN(28000)), DestinationPort: 443,
			EventCategory: "network", EventAction: "disconnect_received", NetworkTransport: "tcp", NetworkProtocol: "tls",
		}, "logs", 0)
		if batch.Len() == 10_000 {
			if err := s.store.Append(b.Context(), &batch, nil); err != nil {
				b.Fatal(err)
			}
			batch.Reset()
		}
	}
	c := config.Default()
	what, err := detection(&c)
	if err != nil {
		b.Fatal(err)
	}
	plan, err := schedule.New(schedule.Options{Store: s.store, Every: time.Hour, CatchUp: time.Hour, Remember: 24 * time.Hour, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now }, Detect: what})
	if err != nil {
		b.Fatal(err)
	}
	s.tuner = newTuner(b, plan, s.store)
	s.api.o.Detector, s.api.o.Tuner = plan, s.tuner
	if _, err := plan.RunAt(b.Context(), findingtest.RunEnd); err != nil {
		b.Fatal(err)
	}
	const ends = `{"end":"2026-01-01T06:00:00Z","set":`
	for _, row := range []struct{ name, method, target, body string }{
		{"what if, the same", "POST", "/api/v1/whatif", ends + `{}}`},
		{"what if, another parameter", "POST", "/api/v1/whatif", ends + `{"beacon.max_jitter":"0.2"}}`},
		{"what if, another filter", "POST", "/api/v1/whatif", ends + `{"filter.sets.common_processes.add":"[process-01.exe]"}}`},
		{"preview", "POST", "/api/v1/filter/preview", ends + `{"filter.sets.common_processes.add":"[process-01.exe]"}}`},
		{"callbacks", "GET", "/api/v1/findings/" + finding.ID(moved(findingtest.Ranked(), 1)) + "/callbacks", ""},
		{"cases", "GET", "/api/v1/cases", ""},
		{"cases with strips", "GET", "/api/v1/cases?strip=96", ""},
	} {
		b.Run(row.name, func(b *testing.B) {
			headers := s.as("carl")
			begun := processorTime(b)
			for b.Loop() {
				r := httptest.NewRequest(row.method, row.target, strings.NewReader(row.body))
				r.Header.Set(headers[0], headers[1])
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				s.api.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
			b.ReportMetric((processorTime(b)-begun).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}
