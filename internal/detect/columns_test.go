package detect_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/beacon"
	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
)

// shared are events that stand for what they share.
type shared []event.Event

func (s *shared) Len() (callers, callees, kinds int) { return len(*s), len(*s), len(*s) }

func (s *shared) Caller(e *event.Event, place uint32) { set(e, &(*s)[place], event.CallerFields) }
func (s *shared) Callee(e *event.Event, place uint32) { set(e, &(*s)[place], event.CalleeFields) }
func (s *shared) Kind(e *event.Event, place uint32)   { set(e, &(*s)[place], event.KindFields) }

func set(e, from *event.Event, fields []event.Field) {
	for _, f := range fields {
		e.SetKey(string(from.AppendKey(nil, f)), f)
	}
}

// random returns events of all kinds: of beacons and others, with and without a host, kept by the
// filter and not, within a window and outside of it.
func random(rng *rand.Rand, n int, end int64) *event.Columns {
	values := make(shared, 40)
	for i := range values {
		e := &values[i]
		e.SourceIP = netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 10)})
		e.DestinationIP = netip.AddrFrom4([4]byte{byte(52 - 42*(i%7/6)), 1, 1, byte(i % 9)})
		if i%5 == 1 {
			e.DestinationIP = netip.MustParseAddr(fmt.Sprintf("2600::%d", i%3+1))
		}
		if i%4 > 0 {
			e.HostName = fmt.Sprint("host-", i%3)
			e.ProcessName = []string{"a.exe", "b.exe", "chrome.exe"}[i%3]
			e.ProcessPID = int64(i) // callers of one group
		}
		if i%2 == 0 {
			e.ProcessExecutable = fmt.Sprint(`c:\`, i, ".exe")
		}
		e.EventCategory = []string{"network", "network", "network", "file"}[i%4]
		e.EventAction = []string{"", "disconnect_received", "lookup_requested"}[i%3]
	}
	c := &event.Columns{Shared: &values}
	for i := range n {
		caller, callee, kind := rng.Uint32N(40), rng.Uint32N(40), rng.Uint32N(6)
		second := end - int64(i)*10 - rng.Int64N(30) + 100
		if caller < 10 && i%12 == 0 { // a timer
			second = end - int64(i)*10
		}
		c.TimeNanos = append(c.TimeNanos, second*1e9)
		c.IngestedNanos, c.DurationNanos = append(c.IngestedNanos, second*1e9+int64(i)), append(c.DurationNanos, int64(i))
		c.SourceBytes, c.DestinationBytes = append(c.SourceBytes, rng.Int64N(1000)), append(c.DestinationBytes, rng.Int64N(1000))
		c.SourcePort = append(c.SourcePort, uint16(i))
		c.Caller, c.Callee, c.Kind = append(c.Caller, caller), append(c.Callee, callee), append(c.Kind, kind)
	}
	c.TimeNanos[n/2] = -1 // no window holds it
	return c
}

func TestColumnsAreTakenAsTheirEventsAre(t *testing.T) {
	const end = 1_800_000_000
	compile := func(c filter.Config) *filter.Filter {
		f, err := filter.Compile(c)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	numbers := filter.Default()
	numbers.Exclude = append(numbers.Exclude, filter.Clause{Name: "one-port", Where: filter.Conditions{{Field: event.SourcePort, Op: filter.In, Values: []string{"7"}}}})
	usual := compile(filter.Default())
	for _, tt := range []struct {
		name    string
		o       detect.Options
		columns bool // they are not left to Event
	}{
		{"the usual filter and groups", detect.Options{Filter: usual}, true},
		{"no filter", detect.Options{Filter: compile(filter.Config{})}, true},
		{"all groups", detect.Options{Filter: usual, All: true, Pictures: detect.Callbacks}, true},
		{"one group", detect.Options{Filter: usual, All: true, Only: &finding.Group{Values: []string{"host-1", "b.exe"}}}, true},
		{"calls come otherwise", detect.Options{Filter: usual, Rank: &detect.Rank{Filter: usual, Lookback: 86400}, Takes: detect.StatisticsOnly}, true},
		{"groups by a field of the caller", detect.Options{Filter: usual, GroupBy: []event.Field{event.SourceIP}}, true},
		{"groups by fields of both sides", detect.Options{Filter: usual, GroupBy: []event.Field{event.SourceIP, event.DestinationIP}}, false},
		{"a filter that looks at numbers", detect.Options{Filter: compile(numbers)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Params, tt.o.Workers = beacon.DefaultParams(), 2
			tt.o.Runs = detect.Runs{Mode: detect.At, End: end}
			look := func(take func(w *detect.Worker, c *event.Columns)) (results []finding.Result, s detect.Summary) {
				g, err := detect.New(tt.o)
				if err != nil {
					t.Fatal(err)
				}
				rng := rand.New(rand.NewPCG(1, 2))
				w := g.Worker()
				for block := range int64(3) { // of values of their own
					take(w, random(rng, 4000, end))
					w.Deliver(block)
				}
				w.Close()
				g.Seal()
				if err := g.Detect(t.Context(), func(r *finding.Result) error {
					results = append(results, *r)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				return results, g.Summary()
			}
			want, wantSummary := look(func(w *detect.Worker, c *event.Columns) {
				for i := range c.Len() {
					var e event.Event
					c.Event(&e, i)
					w.Event(&e)
				}
			})
			got, summary := look(func(w *detect.Worker, c *event.Columns) {
				if took := w.Columns(c); took != tt.columns {
					t.Fatalf("Columns: got %v, want %v", took, tt.columns)
				} else if took {
					return
				}
				for i := range c.Len() {
					var e event.Event
					c.Event(&e, i)
					w.Event(&e)
				}
			})
			if len(want) == 0 && tt.o.All {
				t.Fatal("got no results of the events, want some")
			}
			addresses := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
			if diff := cmp.Diff(want, got, addresses); diff != "" {
				t.Errorf("results (-of events +of columns):\n%s", diff)
			}
			if diff := cmp.Diff(wantSummary, summary); diff != "" {
				t.Errorf("summary (-of events +of columns):\n%s", diff)
			}
		})
	}
}
