package survey

import (
	"context"
	"os"
	"testing"

	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/rank"
	"fresnel/internal/simulate"
	"fresnel/internal/timeline"
)

type hostProcess struct{}

func (hostProcess) AppendKey(dst []byte, e *event.Event) []byte {
	return e.AppendKey(e.AppendKey(dst, event.HostName), event.ProcessName)
}

// BenchmarkRun surveys the simulated day: rows/s is what one core times and ranks.
func BenchmarkRun(b *testing.B) {
	text, err := os.ReadFile("../../scenarios/day.yaml")
	if err != nil {
		b.Fatal(err)
	}
	sc, err := simulate.Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	keep, err := filter.Compile(filter.Default().Remote())
	if err != nil {
		b.Fatal(err)
	}
	table := timeline.NewTable(0)
	var last int64
	if _, err := sc.Run(1, func(e *event.Event) error {
		if keep.Keeps(e) {
			h, _ := e.Hash(0, event.HostName)
			h, _ = e.Hash(h, event.ProcessName)
			Add(table, e, h, hostProcess{})
			last = max(last, e.TimeNanos)
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	rows, groups := 0, 0
	for b.Loop() {
		s, err := Run(context.Background(), []*timeline.Table{table}, Config{
			EndNanos: last, LookbackNanos: 7 * 86400 * 1e9, MaxFalse: 0.05, Model: rank.Default(),
		})
		if err != nil {
			b.Fatal(err)
		}
		rows += s.Rows
		groups += len(s.tops)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(groups)/b.Elapsed().Seconds(), "groups/s")
}
