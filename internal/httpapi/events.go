package httpapi

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/identity"
	"fresnel/internal/store"
)

// eventParams are what the events of a finding are asked for with.
type eventParams struct {
	idParams
	spanParams
	pageParams
	Scope string `query:"scope" enum:"finding,group" default:"finding" doc:"finding: events of the group to the destination of the finding, where it has one; group: all of the group"`
	Order string `query:"order" enum:"desc,asc" default:"desc" doc:"the newest first, or the oldest"`
	Limit int    `query:"limit" min:"1" max:"500" default:"100" doc:"most events in the answer"`
}

// EventList is a page of events.
type EventList struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Total  int       `json:"total" min:"0" doc:"on all pages"`
	Events []Event   `json:"events" doc:"as they were stored, also those that the filter leaves out"`
	Next   string    `json:"next,omitempty" doc:"page of the next request; missing on the last page"`
}

// eventSpan is the window of the run of a finding, or one as long up to the last call where
// the finding is of calls before it.
func (a *API) eventSpan(f *store.Finding, s *stored) span {
	length := a.o.Params().WindowSeconds()
	end := f.RunEnd
	if last := s.Fresnel.Timing.Last.Unix(); s.Fresnel.Destination != nil && last < end-length {
		end = last + 1
	}
	return span{max(firstSecond, end-length), end}
}

// A groupMatch tells the events of a group.
type groupMatch struct {
	before [][]event.Field // lists of fields that are taken first: an event with all of one is of another group
	fields []event.Field
	values []string
	ips    []netip.Addr // values of addresses
}

func (a *API) groupMatch(f *store.Finding, s *stored) (*groupMatch, error) {
	g, list, err := a.groupOf(f, s)
	if err != nil {
		return nil, err
	}
	m := &groupMatch{before: groupLists(a.o.GroupBy())[:list], fields: g.Fields, values: g.Values, ips: make([]netip.Addr, len(g.Fields))}
	for i, field := range g.Fields {
		if field.Kind() == event.KindIP {
			if m.ips[i], err = netip.ParseAddr(g.Values[i]); err != nil {
				return nil, badDocument(f, err)
			}
		}
	}
	return m, nil
}

func (m *groupMatch) has(e *event.Event) bool {
	for i, f := range m.fields {
		switch f.Kind() {
		case event.KindText:
			if *e.Text(f) != m.values[i] {
				return false
			}
		case event.KindIP:
			if e.IP(f) != m.ips[i] {
				return false
			}
		default:
			if value, _ := event.ReadKey(e.AppendKey(nil, f), f); value != m.values[i] {
				return false
			}
		}
	}
	for _, fields := range m.before {
		if !slices.ContainsFunc(fields, func(f event.Field) bool { return !e.Has(f) }) {
			return false
		}
	}
	return true
}

// nameOf returns the name that an event gives its destination.
func nameOf(e *event.Event) string { return cmp.Or(e.DestinationDomain, e.TLSServerName) }

// destinationMatch returns what tells the events to the destination of a finding.
func destinationMatch(s *stored) func(e *event.Event) bool {
	d := s.Fresnel.Destination
	if d == nil {
		return func(*event.Event) bool { return true }
	}
	domain := strings.ToLower(d.Domain)
	switch {
	case d.Scope == "destination" && domain == "":
		return func(e *event.Event) bool { return e.DestinationIP == d.IP }
	case d.Scope == "destination": // the name may have been learned from other events to the address
		return func(e *event.Event) bool {
			name := nameOf(e)
			return strings.EqualFold(name, domain) || name == "" && e.DestinationIP == d.IP
		}
	case d.Scope == "domain" && domain != "":
		domain = identity.RegistrableDomain(domain)
		return func(e *event.Event) bool {
			name := nameOf(e)
			return isOrBelow(name, domain) || name == "" && e.DestinationIP == d.IP
		}
	}
	return func(*event.Event) bool { return true }
}

// isOrBelow reports whether name is domain or a name below it, whatever the case.
func isOrBelow(name, domain string) bool {
	n := len(name) - len(domain)
	return n >= 0 && strings.EqualFold(name[n:], domain) && (n == 0 || name[n-1] == '.')
}

// events hands out the events of a part of time in the order in which they came.
func (a *API) events(ctx context.Context, s span, f func(e *event.Event)) (err error) {
	// No event is of a time beyond what 64 bits of nanoseconds tell.
	const most = math.MaxInt64/1_000_000_000 - 1
	scan, err := a.o.Store.In(ctx, min(s.from, most)*1e9-1, min(s.to+1, most)*1e9-1, store.Newest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scan.Close()) }()
	for {
		b, err := scan.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b.Each(f)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// An eventRow is an event in its place: by time, then in the order in which they came.
type eventRow struct {
	nanos  int64
	number int // among all events that are wanted
	text   Event
}

// eventPage keeps the first events behind a place, the last of them on top.
type eventPage struct {
	falling bool
	limit   int
	rows    []eventRow
}

func (p *eventPage) compare(a, b *eventRow) int {
	c := cmp.Compare(a.nanos, b.nanos)
	if p.falling {
		c = -c
	}
	return cmp.Or(c, cmp.Compare(a.number, b.number))
}

// Len implements heap.Interface.
func (p *eventPage) Len() int { return len(p.rows) }

// Less implements heap.Interface.
func (p *eventPage) Less(i, j int) bool { return p.compare(&p.rows[i], &p.rows[j]) > 0 }

// Swap implements heap.Interface.
func (p *eventPage) Swap(i, j int) { p.rows[i], p.rows[j] = p.rows[j], p.rows[i] }

// Push implements heap.Interface.
func (p *eventPage) Push(x any) { p.rows = append(p.rows, x.(eventRow)) }

// Pop implements heap.Interface.
func (p *eventPage) Pop() any {
	last := p.rows[len(p.rows)-1]
	p.rows = p.rows[:len(p.rows)-1]
	return last
}

func (p *eventPage) add(e *event.Event, number int) {
	r := eventRow{nanos: e.TimeNanos, number: number}
	if len(p.rows) == p.limit && p.compare(&r, &p.rows[0]) > 0 {
		return
	}
	r.text = eventOf(e) // the event is not valid for longer
	if len(p.rows) < p.limit {
		heap.Push(p, r)
		return
	}
	p.rows[0] = r
	heap.Fix(p, 0)
}

func (a *API) findingEvents(ctx context.Context, c *call, p *eventParams, _ *none) (*EventList, error) {
	hash := asked("events", p.ID, p.From, p.To, p.Scope, p.Order)
	after, further, err := p.read(hash)
	if err != nil {
		return nil, err
	}
	f, s, err := a.finding(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	part := span{after.From, after.To}
	if !further {
		if part, err = p.span(c.now, a.eventSpan(f, s)); err != nil {
			return nil, err
		}
	}
	group, err := a.groupMatch(f, s)
	if err != nil {
		return nil, err
	}
	destination := func(*event.Event) bool { return true }
	if p.Scope == "finding" {
		destination = destinationMatch(s)
	}
	list := &EventList{From: at(part.from), To: at(part.to), Events: []Event{}}
	best := &eventPage{falling: p.Order == "desc", limit: p.Limit + 1} // one more tells that there are more
	sameTime := 0                                                      // events of the time of the last one of the page before
	err = a.events(ctx, part, func(e *event.Event) {
		if !group.has(e) || !destination(e) {
			return
		}
		list.Total++
		if further {
			nanos, border := e.TimeNanos, after.Place.At
			switch {
			case nanos == border:
				if sameTime++; sameTime <= after.Place.Skip {
					return
				}
			case (nanos > border) == best.falling:
				return
			}
		}
		best.add(e, list.Total)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(best.rows, func(a, b eventRow) int { return best.compare(&a, &b) })
	rows := best.rows[:min(len(best.rows), p.Limit)]
	for _, r := range rows {
		list.Events = append(list.Events, r.text)
	}
	if len(best.rows) > len(rows) {
		border := place{At: rows[len(rows)-1].nanos}
		if further && border.At == after.Place.At {
			border.Skip = after.Place.Skip
		}
		for _, r := range rows {
			if r.nanos == border.At {
				border.Skip++
			}
		}
		list.Next = token{Asked: hash, From: part.from, To: part.to, Now: c.now.Unix(), Place: border}.String()
	}
	return list, nil
}

// destinationParams are what the destinations of a finding are asked for with.
type destinationParams struct {
	idParams
	spanParams
	Limit int `query:"limit" min:"1" max:"100" default:"20" doc:"most destinations in the answer"`
}

// DestinationList is whom a group called.
type DestinationList struct {
	From         time.Time     `json:"from"`
	To           time.Time     `json:"to"`
	Total        int           `json:"total" min:"0" doc:"addresses; no more than 10000 are told apart"`
	Destinations []Destination `json:"destinations" doc:"by falling number of events"`
}

// Destination is an address that a group called.
type Destination struct {
	IP               string    `json:"ip"`
	OfFinding        bool      `json:"of_finding" doc:"the finding is of calls to it"`
	Events           int       `json:"events" min:"1"`
	First            time.Time `json:"first" doc:"first event of the group to it in the time range"`
	Last             time.Time `json:"last"`
	SourceBytes      int64     `json:"source_bytes"`
	DestinationBytes int64     `json:"destination_bytes"`
	Names            []string  `json:"names" doc:"that the group's events give it, at most 10"`
	Ports            []int     `json:"ports" doc:"at most 20"`
	Hosts            int       `json:"hosts" min:"1" doc:"that called it in the time range, whatever the process; no more than 10000 are told apart"`
	OtherHosts       []string  `json:"other_hosts" doc:"of these, those of other groups, at most 20"`
	FirstOfAll       time.Time `json:"first_of_all" doc:"first event to it in the time range, of any host"`
}

// Bounds of what is told of destinations.
const (
	maxAddresses = 10_000
	maxHosts     = 10_000
	maxNames     = 10
	maxPorts     = 20
	maxOthers    = 20
)

// A census gives hosts numbers, so that sets of them are small.
type census struct {
	numbers map[string]uint32
	names   []string
}

// maxCensus bounds the hosts that are told apart in one request.
const maxCensus = 100_000

// number returns the number of the host of an event; ok is false when it is not known, or one
// too many.
func (c *census) number(e *event.Event) (n uint32, ok bool) {
	host := e.HostName
	if host == "" && e.SourceIP.IsValid() {
		host = e.SourceIP.String()
	}
	if n, ok = c.numbers[host]; ok || host == "" || len(c.names) == maxCensus {
		return n, ok
	}
	n, host = uint32(len(c.names)), strings.Clone(host)
	c.names = append(c.names, host)
	c.numbers[host] = n
	return n, true
}

// A called is what is gathered of one address.
type called struct {
	Destination
	names  map[string]bool
	ports  map[int]bool
	hosts  map[uint32]bool
	others map[uint32]bool
}

func newCalled(ip netip.Addr) *called {
	return &called{Destination: Destination{IP: ip.String()}, names: map[string]bool{}, ports: map[int]bool{}, hosts: map[uint32]bool{}, others: map[uint32]bool{}}
}

// own notes an event of the group.
func (d *called) own(e *event.Event) {
	when := time.Unix(0, e.TimeNanos).UTC()
	if d.Events == 0 || when.Before(d.First) {
		d.First = when
	}
	if when.After(d.Last) {
		d.Last = when
	}
	d.Events++
	d.SourceBytes += e.SourceBytes
	d.DestinationBytes += e.DestinationBytes
	if name := nameOf(e); name != "" && len(d.names) < maxNames && !d.names[name] {
		d.names[strings.Clone(name)] = true
	}
	if port := int(e.DestinationPort); port != 0 && len(d.ports) < maxPorts {
		d.ports[port] = true
	}
}

// anyone notes an event of any group.
func (d *called) anyone(e *event.Event, c *census, ofGroup bool) {
	if when := time.Unix(0, e.TimeNanos).UTC(); d.FirstOfAll.IsZero() || when.Before(d.FirstOfAll) {
		d.FirstOfAll = when
	}
	host, ok := c.number(e)
	if !ok {
		return
	}
	if len(d.hosts) < maxHosts {
		d.hosts[host] = true
	}
	if !ofGroup && len(d.others) < maxOthers {
		d.others[host] = true
	}
}

func (a *API) findingDestinations(ctx context.Context, c *call, p *destinationParams, _ *none) (*DestinationList, error) {
	f, s, err := a.finding(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	part, err := p.span(c.now, a.eventSpan(f, s))
	if err != nil {
		return nil, err
	}
	group, err := a.groupMatch(f, s)
	if err != nil {
		return nil, err
	}
	// Who else calls an address is known after one look for those that the document names. Only
	// where the group called others as often a second look is needed.
	all := map[netip.Addr]*called{}
	looked := map[netip.Addr]bool{}
	for _, ip := range s.Stats.DestinationIPs[:min(len(s.Stats.DestinationIPs), p.Limit)] { // by falling count
		looked[ip] = true
	}
	if d := s.Fresnel.Destination; d != nil && d.IP.IsValid() {
		looked[d.IP] = true
	}
	for ip := range looked {
		all[ip] = newCalled(ip)
	}
	hosts := &census{numbers: map[string]uint32{}}
	wanted := destinationMatch(s)
	if err := a.events(ctx, part, func(e *event.Event) {
		ofGroup := group.has(e)
		d := all[e.DestinationIP]
		if d == nil && ofGroup && e.DestinationIP.IsValid() && len(all) < maxAddresses {
			d = newCalled(e.DestinationIP)
			all[e.DestinationIP] = d
		}
		if d == nil {
			return
		}
		if ofGroup {
			d.own(e)
			d.OfFinding = d.OfFinding || s.Fresnel.Destination != nil && wanted(e)
		}
		if looked[e.DestinationIP] {
			d.anyone(e, hosts, ofGroup)
		}
	}); err != nil {
		return nil, err
	}
	maps.DeleteFunc(all, func(_ netip.Addr, d *called) bool { return d.Events == 0 })
	list := &DestinationList{From: at(part.from), To: at(part.to), Total: len(all), Destinations: []Destination{}}
	addresses := slices.SortedFunc(maps.Keys(all), func(x, y netip.Addr) int {
		return cmp.Or(cmp.Compare(all[y].Events, all[x].Events), x.Compare(y))
	})
	addresses = addresses[:min(len(addresses), p.Limit)]

	missing := map[netip.Addr]*called{}
	for _, ip := range addresses {
		if !looked[ip] {
			missing[ip] = all[ip]
		}
	}
	if len(missing) > 0 {
		if err := a.events(ctx, part, func(e *event.Event) {
			if d := missing[e.DestinationIP]; d != nil {
				d.anyone(e, hosts, group.has(e))
			}
		}); err != nil {
			return nil, err
		}
	}
	for _, ip := range addresses {
		d := all[ip]
		d.Names, d.Ports, d.Hosts, d.OtherHosts = sorted(d.names), sorted(d.ports), max(1, len(d.hosts)), []string{}
		for n := range d.others {
			d.OtherHosts = append(d.OtherHosts, hosts.names[n])
		}
		slices.Sort(d.OtherHosts)
		list.Destinations = append(list.Destinations, d.Destination)
	}
	return list, nil
}

// sorted returns what is in a set; never nil.
func sorted[T cmp.Ordered](set map[T]bool) []T {
	return append([]T{}, slices.Sorted(maps.Keys(set))...)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
