package survey

import (
	"net/netip"
	"testing"

	"fresnel/internal/rank"
)

func TestBudget(t *testing.T) {
	inside, outside, server := netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("81.2.69.142"), netip.MustParseAddr("8.8.4.4")
	row := func(host string, source, dest netip.Addr, score, days float64, siblings int) *Sighting {
		return &Sighting{
			Source: source, Address: dest, Assessment: rank.Assessment{Score: score},
			Facts: rank.Facts{HostName: host, Hosts: 1, DataSeconds: days * 86400, Siblings: siblings},
		}
	}
	of := func(hosts int, rows ...*Sighting) []*Sighting {
		for _, r := range rows {
			r.Facts.Hosts = hosts
		}
		return rows
	}
	for _, c := range []struct {
		name string
		rows []*Sighting
		want []bool
	}{
		{"two a day", of(2, row("a", inside, server, 50, 0.5, 0), row("a", inside, server, 40, 0.5, 0), row("a", inside, server, 30, 0.5, 0), row("b", inside, server, 30, 0.5, 0)), []bool{true, true, false, true}},
		{"longer data", []*Sighting{row("a", inside, server, 50, 2, 0), row("a", inside, server, 40, 2, 0), row("a", inside, server, 30, 2, 0), row("a", inside, server, 20, 2, 0), row("a", inside, server, 10, 2, 0)}, []bool{true, true, true, true, false}},
		{"high scores take room and need none", []*Sighting{row("a", inside, server, 90, 1, 0), row("a", inside, server, 80, 1, 0), row("a", inside, server, 70, 1, 0), row("a", inside, server, 50, 1, 0)}, []bool{true, true, true, false}},
		{"a timer that moves", []*Sighting{row("a", inside, server, 9, 1, 6), row("a", inside, server, 8, 1, 6), row("a", inside, server, 7, 1, 6), row("a", inside, server, 6, 1, 0)}, []bool{true, true, true, true}},
		{"a host of one", []*Sighting{row("a", inside, server, 50, 1, 0), row("a", inside, server, 40, 1, 0), row("a", inside, server, 30, 1, 0)}, []bool{true, true, false}},
		{
			"the best rows of a fleet", of(3, row("a", inside, server, 59, 1, 0), row("a", inside, server, 58, 1, 0), row("a", inside, server, 57, 1, 0), row("a", inside, server, 56, 1, 0),
				row("b", inside, server, 55, 1, 0), row("c", inside, server, 54, 1, 0), row("b", inside, server, 53, 1, 0), row("c", inside, server, 52, 1, 0), row("c", inside, server, 70, 1, 0)),
			[]bool{true, true, true, false, true, true, true, false, true},
		},
		{"by address", []*Sighting{row("", inside, server, 50, 1, 0), row("", inside, outside, 40, 1, 0), row("", inside, server, 30, 1, 0)}, []bool{true, true, false}},
		{"own host at an address outside", []*Sighting{row("", outside, server, 50, 1, 0), row("", server, outside, 40, 1, 0), row("", netip.MustParseAddr("9.9.9.9"), outside, 30, 1, 0)}, []bool{true, true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := Budget{PerDay: 2}
			for i, r := range c.rows {
				if got := b.Allows(r); got != c.want[i] {
					t.Errorf("row %d: got %v, want %v", i, got, c.want[i])
				}
			}
		})
	}
	b := Budget{}
	for range 5 {
		if !b.Allows(row("a", inside, server, 1, 1, 0)) {
			t.Error("no bound: got false")
		}
	}
}
