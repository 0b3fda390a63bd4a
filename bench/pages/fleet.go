//go:build cgo

package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
	"fresnel/internal/timing"
)

// A fleet of 500 hosts, on which some programs call out in each run and others come and go.
const (
	runs      = 14 * 24
	hosts     = 500
	processes = 64
	domains   = 400
	lasting   = 180 // beacons that are there in all runs
	passing   = 10  // others that come with each run, as as many go
)

// A beacon is a program on a host that calls a server on a timer.
type beacon struct {
	host, process, domain string
	address, source       netip.Addr
	period, jitter        float64 // seconds, and a share of them
	score                 float64
	caseID                string // of four beacons of one program and server; or empty
	first                 int    // run that first saw it
}

// beaconOf returns a beacon by its number: the lasting ones come first.
func beaconOf(n int) beacon {
	rng := rand.New(rand.NewPCG(7, uint64(n)))
	kind := n
	var b beacon
	if n%3 == 0 { // a third of them are in cases
		kind = n / 12
		b.caseID = fmt.Sprintf("%032x", kind+1)
	}
	of := rand.New(rand.NewPCG(8, uint64(kind))) // what those of a case share
	b.process = fmt.Sprintf("%s-%02d.exe", []string{"updater", "sync", "agent", "relay"}[of.IntN(4)], of.IntN(processes/4))
	d := of.IntN(domains)
	b.address = netip.AddrFrom4([4]byte{45, 77, byte(d >> 8), byte(d)})
	if d%4 > 0 { // of the others no name is known
		b.domain = fmt.Sprintf("%s%d.example.net", []string{"api", "cdn", "img", "telemetry-edge-"}[d%4], d)
	}
	b.period = []float64{30, 60, 60, 90, 120, 300, 300, 600}[of.IntN(8)]
	b.jitter = []float64{0.01, 0.02, 0.1, 0.2}[of.IntN(4)]
	host := rng.IntN(hosts)
	b.host = fmt.Sprintf("ws-%04d", host)
	b.source = netip.AddrFrom4([4]byte{10, 1, byte(host >> 8), byte(host)})
	b.score = 100 * rng.Float64() * rng.Float64() // few are high
	return b
}

// beacons returns those that a run sees.
func beacons(run, perRun int) []beacon {
	var all []beacon
	for n := range min(lasting, perRun) {
		all = append(all, beaconOf(n))
	}
	for k := range perRun - len(all) {
		n := run*passing + k
		b := beaconOf(lasting + n)
		b.first = max(0, (n-(perRun-lasting))/passing+1)
		all = append(all, b)
	}
	return all
}

// runOf returns a run and what it found, as the service stores it.
func runOf(run int, end int64, perRun int) (*store.Run, []store.Finding) {
	rng := rand.New(rand.NewPCG(9, uint64(run)))
	var all []store.Finding
	for _, b := range beacons(run, perRun) {
		all = append(all, schedule.Stored(b.result(end, run, rng)))
	}
	slices.SortStableFunc(all, func(a, b store.Finding) int { return cmp.Compare(b.Score, a.Score) })
	at := time.Unix(end, 0).UTC().Add(2 * time.Minute)
	return &store.Run{End: end, StartedAt: at, FinishedAt: at.Add(3 * time.Second), Events: 1_000_000, Groups: 10_000, Rows: 12_000, Timed: 4000, Findings: int64(len(all))}, all
}

// result returns what a run says of b.
func (b *beacon) result(end int64, run int, rng *rand.Rand) *finding.Result {
	r := findingtest.Ranked()
	w := r.Row
	age := int64(run-b.first)*3600 + 6*3600
	last := end - rng.Int64N(int64(b.period)) - 1
	r.RunEnd, r.Group.Values, r.Trace = end, []string{b.host, b.process}, nil
	r.FirstNanos, r.LastNanos, r.IngestedNanos = (end-21600+int64(b.period))*1e9, last*1e9, last*1e9+21e9
	r.Destinations = []finding.Destination{{IP: b.address, Count: int64(21600 / b.period)}}
	w.Address, w.Domain, w.Port = b.address, b.domain, 443
	w.FirstNanos, w.LastNanos, w.Calls = (end-age)*1e9, r.LastNanos, age/int64(b.period)
	t := &w.Timing
	t.Period, t.Jitter, t.Callbacks, t.Missed = b.period*(1+b.jitter*(rng.Float64()-0.5)/50), b.jitter, int(w.Calls), rng.IntN(4)
	t.Regimes = []timing.Regime{{FirstMillis: (end - age) * 1e3, LastMillis: last * 1e3, Callbacks: t.Callbacks, PeriodSeconds: t.Period}}
	w.Assessment.Score = min(100, b.score*(0.97+0.06*rng.Float64()))
	w.Case, w.CaseRows = b.caseID, 0
	if b.caseID != "" {
		w.CaseRows = 4
	}
	return r
}

// appendEvents stores the calls that the beacons of the last run made in its window, and others at
// random times up to a number.
func appendEvents(ctx context.Context, s store.Store, end int64, perRun, events int) error {
	rng := rand.New(rand.NewPCG(1, 2))
	type call struct {
		nanos int64
		event event.Event
	}
	var calls []call
	for _, b := range beacons(runs-1, perRun) {
		e := event.Event{HostName: b.host, ProcessName: b.process, SourceIP: b.source, DestinationIP: b.address, DestinationDomain: b.domain}
		for at := float64(end-21600) + b.period*rng.Float64(); at < float64(end); at += b.period * (1 + b.jitter*(2*rng.Float64()-1)) {
			e.SourceBytes, e.DestinationBytes = 400+rng.Int64N(9), 1300+rng.Int64N(25)
			calls = append(calls, call{int64(at * 1e9), e})
		}
	}
	const groups = 10_000
	for i := range max(0, events-len(calls)) {
		g := int(groups * rng.Float64() * rng.Float64()) // some are busier than others
		host := g % hosts
		calls = append(calls, call{(end-21600)*1e9 + int64(i)*(21600*1e9/int64(events)), event.Event{
			HostName: fmt.Sprintf("ws-%04d", host), ProcessName: fmt.Sprintf("app-%03d.exe", g/hosts), SourceIP: netip.AddrFrom4([4]byte{10, 1, byte(host >> 8), byte(host)}),
			DestinationIP: netip.AddrFrom4([4]byte{52, byte(g), byte(g >> 8), byte(rng.IntN(4))}),
			SourceBytes:   rng.Int64N(4000), DestinationBytes: rng.Int64N(40_000),
		}})
	}
	slices.SortStableFunc(calls, func(a, b call) int { return cmp.Compare(a.nanos, b.nanos) })
	var batch store.Batch
	for i := range calls {
		e := &calls[i].event
		e.TimeNanos, e.SourcePort, e.DestinationPort = calls[i].nanos, uint16(32768+rng.IntN(28000)), 443
		e.EventCategory, e.EventAction, e.NetworkTransport, e.NetworkProtocol = "network", "disconnect_received", "tcp", "tls"
		batch.Add(e, "logs", 0)
		if batch.Len() == 10_000 || i == len(calls)-1 {
			if err := s.Append(ctx, &batch, nil); err != nil {
				return err
			}
			batch.Reset()
		}
	}
	return nil
}
