// Package findingtest makes results as runs make them, for the tests of what shows results.
// It is for tests only.
package findingtest

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"

	"fresnel/internal/beacon"
	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/rank"
	"fresnel/internal/series"
	"fresnel/internal/timing"
)

// RunEnd is the end of the window of all results: 2026-01-01T06:00:00Z.
const RunEnd = 1767247200

// A callback is one event of a group.
type callback struct {
	nanos           int64
	source, dest    int64
	destinationAddr string
}

// build makes a result of callbacks under the default parameters.
func build(fields []event.Field, values []string, calls []callback) *finding.Result {
	p := beacon.DefaultParams()
	n := p.NumberBucketsInRange
	t := &finding.Trace{
		BucketSeconds: int64(p.TimeBucketLength), Counts: make([]int64, n),
		SourceBytes: make([]float64, n), DestinationBytes: make([]float64, n),
	}
	slices.SortFunc(calls, func(a, b callback) int { return int(a.nanos/1e6 - b.nanos/1e6) })
	destinations := map[string]int64{}
	for _, c := range calls {
		b := (RunEnd - c.nanos/1e9) / t.BucketSeconds
		t.Counts[b]++
		t.SourceBytes[b] += float64(c.source)
		t.DestinationBytes[b] += float64(c.dest)
		t.TimesNanos = append(t.TimesNanos, c.nanos)
		destinations[c.destinationAddr]++
	}
	for b, c := range t.Counts {
		if c > 0 {
			t.SourceBytes[b] /= float64(c)
			t.DestinationBytes[b] /= float64(c)
		}
	}
	r := &finding.Result{
		RunEnd: RunEnd, Group: finding.Group{Fields: fields, Values: values},
		FirstNanos: calls[0].nanos, LastNanos: calls[len(calls)-1].nanos, Events: int64(len(calls)), Trace: t,
	}
	for a, c := range destinations {
		r.Destinations = append(r.Destinations, finding.Destination{IP: netip.MustParseAddr(a), Count: c})
	}
	slices.SortFunc(r.Destinations, func(a, b finding.Destination) int {
		if a.Count != b.Count {
			return int(b.Count - a.Count)
		}
		return a.IP.Compare(b.IP)
	})
	a, err := beacon.NewAnalyzer(p)
	if err == nil {
		err = a.Analyze(&series.Series{Counts: t.Counts, SourceBytes: t.SourceBytes, DestinationBytes: t.DestinationBytes}, &r.Stats)
	}
	if err != nil {
		panic(err) // a mistake in this package
	}
	t.Autocovariance = slices.Clone(a.Autocovariances())
	return r
}

// every returns callbacks at a period up to the end of the window, each late by up to jitter
// seconds.
func every(rnd *rand.Rand, periodSeconds, jitter float64, call func(i int) callback) []callback {
	var calls []callback
	for i := 0; ; i++ {
		at := 17 + float64(i)*periodSeconds + jitter*rnd.Float64()
		if at >= 21590 {
			return calls
		}
		c := call(i)
		c.nanos = (RunEnd-21600)*1e9 + int64(math.Round(at*1e6))*1e3
		calls = append(calls, c)
	}
}

// FiveMinute is a beacon of a process that calls one server every five minutes with steady
// sizes: three points.
func FiveMinute() *finding.Result {
	rnd := rand.New(rand.NewPCG(1, 2))
	calls := every(rnd, 300, 4, func(int) callback {
		return callback{source: 408 + rnd.Int64N(9), dest: 1368 + rnd.Int64N(25), destinationAddr: "203.0.113.9"}
	})
	calls[40].source, calls[40].dest = 9120, 52311 // one tasking
	r := build([]event.Field{event.HostName, event.ProcessName}, []string{"ws-0142", "updater.exe"}, calls)
	r.IngestedNanos = r.LastNanos + 21e9
	r.Details = finding.Details{
		ProcessExecutable: `C:\Users\m.ito\AppData\Roaming\updater.exe`,
		ProcessHashSHA256: "9f2d7c1b0e5a48863f12c4d7b6a90e1182736455aabbccddeeff001122334455",
		SignatureExists:   event.False,
	}
	return r
}

// Fast is a pair of addresses that talks every 15 seconds, faster than a bucket: only the
// count test and the bytes to the server are steady.
func Fast() *finding.Result {
	rnd := rand.New(rand.NewPCG(3, 4))
	calls := every(rnd, 15, 3, func(int) callback {
		return callback{source: 120, dest: 200 + rnd.Int64N(4000), destinationAddr: "198.51.100.77"}
	})
	r := build([]event.Field{event.SourceIP, event.DestinationIP}, []string{"10.20.0.31", "198.51.100.77"}, calls)
	return r
}

// Quarter is a process that calls one of many servers every quarter of an hour with sizes of
// any kind: one point, from the periodic test.
func Quarter() *finding.Result {
	rnd := rand.New(rand.NewPCG(5, 6))
	servers := []string{"192.0.2.10", "192.0.2.11", "2001:db8::5", "198.51.100.4", "203.0.113.200"}
	calls := every(rnd, 900, 30, func(i int) callback {
		return callback{source: 300 + rnd.Int64N(90000), dest: 500 + rnd.Int64N(2e6), destinationAddr: servers[i%len(servers)]}
	})
	r := build([]event.Field{event.HostName, event.ProcessName}, []string{"srv-sharepoint-01.corp.example.com", "WindowsTelemetryRelay.exe"}, calls)
	return r
}

// Hostile is FiveMinute with values that attack who shows them.
func Hostile() *finding.Result {
	r := FiveMinute()
	r.Group.Values = []string{"=cmd|' /C calc'!A0", "<img src=x onerror=alert(1)>\u202egpj.exe\x1b[31m"}
	r.Details.ProcessExecutable = "</script><script>alert(2)</script>\x00"
	return r
}

// Browser is a group with enough events that is not beaconing.
func Browser() *finding.Result {
	rnd := rand.New(rand.NewPCG(7, 8))
	var calls []callback
	for range 40 {
		start := rnd.Int64N(21000)
		for range 1 + rnd.IntN(30) {
			calls = append(calls, callback{
				nanos:  (RunEnd-21600+start+rnd.Int64N(300))*1e9 + 5e8,
				source: 300 + rnd.Int64N(9000), dest: 500 + rnd.Int64N(900000), destinationAddr: "192.0.2.80",
			})
		}
	}
	r := build([]event.Field{event.HostName, event.ProcessName}, []string{"ws-0142", "firefox.exe"}, calls)
	return r
}

// Few is a group with too few events for the tests.
func Few() *finding.Result {
	calls := every(rand.New(rand.NewPCG(9, 9)), 7200, 0, func(int) callback {
		return callback{source: 10, dest: 10, destinationAddr: "192.0.2.1"}
	})
	r := build([]event.Field{event.HostName, event.ProcessName}, []string{"ws-0007", "onedrive.exe"}, calls)
	return r
}

// Ranked is FiveMinute with all that the timing model and the rank can say: a sleep loop that
// paused for a night, for and against it, and a case of three rows.
func Ranked() *finding.Result {
	r := FiveMinute()
	const hour = 3600
	end := int64(RunEnd - 282) // in the second of the newest event
	r.Row = &finding.Row{
		Address: netip.MustParseAddr("203.0.113.9"), Domain: "cdn-sync.example.net", Port: 8443, Scope: finding.OneDestination,
		Found: true, Calls: 291, FirstNanos: (end - 40*hour) * 1e9, LastNanos: r.LastNanos,
		Timing: timing.Result{
			Kind: timing.Sleep, PValue: 4.3e-160, Period: 299.973, Jitter: 0.0207, Callbacks: 285, Missed: 3, Failed: 2,
			Hours: 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<14 | 1<<15,
			Regimes: []timing.Regime{
				{FirstMillis: (end - 40*hour) * 1e3, LastMillis: (end - 23*hour) * 1e3, Callbacks: 204, PeriodSeconds: 300.1},
				{FirstMillis: (end - 7*hour) * 1e3, LastMillis: end * 1e3, Callbacks: 81, PeriodSeconds: 299.95},
			},
		},
		PValue: 4.3e-160, QValue: 1.25e-158,
		Assessment: rank.Assessment{Score: 93.40109905087813, Points: 4.2, Reasons: []rank.Reason{
			{Code: "timing", Text: "called 285 times, every 300 s +-2.1 %, over 40 h", Points: 20},
			{Code: "folder", Text: "process runs from a folder where users write", Points: 12},
			{Code: "signer", Text: "signed by nobody", Points: 9},
			{Code: "new_row", Text: "there since the host was first seen", Points: -7.25},
			{Code: "destination_hosts", Text: "only 3 of 412 hosts talk to it", Points: 6},
			{Code: "jitter", Text: "hardly any jitter, 2.1 %", Points: -2},
			{Code: "period", Text: "period of 300 s", Points: 0.1},
		}},
		Case: "b8cf43113d9c41d97e074f3058fe2396", CaseRows: 3,
	}
	return r
}

// Case is Ranked and the further rows of its case: the same process on two other hosts.
func Case() []*finding.Result {
	all := []*finding.Result{Ranked()}
	for i, host := range []string{"ws-0311", "srv-sharepoint-01.corp.example.com"} {
		r := Ranked()
		r.Group.Values = []string{host, "updater.exe"}
		r.Row.Assessment.Score -= float64(3 * (i + 1))
		all = append(all, r)
	}
	return all
}

// More is a further destination of the group of Ranked: one of several addresses without a
// name, whose gaps grow, called by a group that the tests do not see.
func More() *finding.Result {
	r := Ranked()
	r.Row.Address, r.Row.Domain, r.Row.Port, r.Row.Scope = netip.MustParseAddr("2001:db8::5"), "", 443, "rare destinations"
	r.Row.Timing.Kind, r.Row.Timing.Period, r.Row.Timing.Jitter, r.Row.Timing.Callbacks = timing.Growing, 5412, 0.4, 25
	r.Row.Timing.Regimes = r.Row.Timing.Regimes[:1]
	r.Row.Assessment.Score, r.Row.Assessment.Reasons = 31.5, r.Row.Assessment.Reasons[3:5]
	r.Row.Case, r.Row.CaseRows, r.Row.More = "", 0, true
	return r
}

// Several is Ranked with More among its other rows, as scans of all groups make it.
func Several() *finding.Result {
	r, other := Ranked(), More().Row
	other.More = false
	r.Others = []*finding.Row{other}
	return r
}

// Unseen is what is said of a group that only the timing model found, outside of the window of
// the run: no test, no trace, no destination but that of its row.
func Unseen() *finding.Result {
	r := Ranked()
	r.Group.Values = []string{"ws-0021", "sync-agent.exe"}
	u := &finding.Result{RunEnd: r.RunEnd, Group: r.Group, FirstNanos: r.Row.FirstNanos, LastNanos: r.Row.FirstNanos + 17*3600e9, Row: r.Row}
	u.Row.LastNanos = u.LastNanos
	u.Row.Timing.Regimes = u.Row.Timing.Regimes[:1]
	u.Row.Assessment.Score, u.Row.Case, u.Row.CaseRows = 55.5, "", 0
	return u
}

// Untimed is Few with a row of which next to nothing is known: too few calls to be timed, no
// address, no name, no port, no reason.
func Untimed() *finding.Result {
	r := Few()
	r.Row = &finding.Row{
		Scope: finding.OneDestination, Calls: 3, FirstNanos: r.FirstNanos, LastNanos: r.LastNanos,
		Timing: timing.Result{PValue: 1, Callbacks: 3}, PValue: 1, QValue: 1,
	}
	return r
}

// HostileRow is Ranked with texts that attack who shows them.
func HostileRow() *finding.Result {
	r := Ranked()
	h := Hostile()
	r.Group, r.Details = h.Group, h.Details
	r.Row.Domain = "=1+1</td><script>alert(4)</script>\u202e\x1b[2Jmoc.elpmaxe\r\nspoofed.example"
	r.Row.Assessment.Reasons[0].Text = "=cmd|' /C calc'!A0 <img src=x onerror=alert(5)>\u202e\x1b]0;owned\x07"
	r.Row.Case = ""
	return r
}
