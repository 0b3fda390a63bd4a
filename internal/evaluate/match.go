package evaluate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fresnel/internal/identity"
	"fresnel/internal/labels"
)

// A Subject is what a row is about: who calls, and whom. Fields that are not known are empty.
type Subject struct {
	Host, Process string
	Source        string   // address
	IP            string   // of the destination
	Domain        string   // of the destination
	Port          int      // of the destination
	Contacts      []string // addresses that a whole group called; only where neither IP nor Domain is known
}

// A Verdict is what the labels say of a subject.
type Verdict struct {
	Implants  []string // that it shows, by their names in Truth
	Undecided bool     // a label says not to score it, and none that it is an implant
	Labelled  bool     // there is a label
	Periodic  bool     // a label says that its timing is periodic
}

// A Matcher finds the labels of subjects. It is safe for concurrent use.
type Matcher struct {
	labels   []label
	byHost   map[string][]int
	bySource map[string][]int
	rest     []int // labels with neither
	implants []Implant
	file     labels.File
}

// A label is one prepared for comparing.
type label struct {
	host, process, source string
	address, domain, site string // site is the registrable part of domain
	port                  int
	beacon                *bool
	periodic              bool
	implant               string
}

// NewMatcher prepares the labels of f, which it does not keep.
func NewMatcher(f *labels.File) *Matcher {
	m := &Matcher{byHost: map[string][]int{}, bySource: map[string][]int{}, file: labels.File{Groups: f.Groups, Hosts: f.Hosts, Days: f.Days}}
	numbers := map[string]int{} // of implants, by name
	for i := range f.Labels {
		l := &f.Labels[i]
		p := label{
			host: strings.ToLower(l.Host), process: strings.ToLower(l.Process), source: address(l.Source),
			port: l.Port, beacon: l.Beacon, periodic: l.Periodic != nil && *l.Periodic,
		}
		if _, err := netip.ParseAddr(l.Dest); err == nil || l.Domain != "" {
			p.address, p.domain = address(l.Dest), domain(l.Domain)
		} else {
			p.domain = domain(l.Dest)
		}
		p.site = identity.RegistrableDomain(p.domain)
		if l.Beacon != nil && *l.Beacon {
			p.implant = l.Implant
			if p.implant == "" {
				p.implant = fmt.Sprintf("label %d: %s", i+1, name(l.Host, l.Process, l.Source, l.Dest))
			}
			m.implant(numbers, p.implant, l)
		}
		m.labels = append(m.labels, p)
		if p.host != "" {
			m.byHost[p.host] = append(m.byHost[p.host], i)
		}
		if p.source != "" {
			m.bySource[p.source] = append(m.bySource[p.source], i)
		}
		if p.host == "" && p.source == "" {
			m.rest = append(m.rest, i)
		}
	}
	return m
}

// implant adds what l says of the implant of this name.
func (m *Matcher) implant(numbers map[string]int, name string, l *labels.Label) {
	i, known := numbers[name]
	if !known {
		i = len(m.implants)
		numbers[name] = i
		m.implants = append(m.implants, Implant{Name: name})
	}
	p := &m.implants[i]
	if p.Framework == "" {
		p.Framework = l.Framework
	}
	if p.Period == 0 {
		p.Period, p.Jitter = l.Period, l.Jitter
	}
	if l.First > 0 && (p.First == 0 || l.First < p.First) {
		p.First = l.First
	}
}

// Truth returns what the labels say is to be found.
func (m *Matcher) Truth() Truth {
	return Truth{Implants: slices.Clone(m.implants), Groups: m.file.Groups, Hosts: m.file.Hosts, Days: m.file.Days}
}

// How well a label tells of the destination of a subject, in rising order.
const (
	elsewhere = iota // it tells of another destination
	anywhere         // it tells of none, or of one of a whole group's
	sameSite         // of one with the same registrable domain
	sameEnd          // of this one
)

// Match returns what the labels say of s. Labels that name its destination silence those that
// name only its registrable domain, and these silence those that name none.
func (m *Matcher) Match(s Subject) Verdict {
	p := label{host: strings.ToLower(s.Host), process: strings.ToLower(s.Process), source: address(s.Source), address: address(s.IP), domain: domain(s.Domain), port: s.Port}
	p.site = identity.RegistrableDomain(p.domain)
	contacts := make([]string, len(s.Contacts))
	for i, c := range s.Contacts {
		contacts[i] = address(c)
	}
	best := elsewhere
	var matched []int
	for _, list := range [][]int{m.byHost[p.host], m.bySource[p.source], m.rest} {
		for _, i := range list {
			l := &m.labels[i]
			if !l.agrees(&p) || slices.Contains(matched, i) {
				continue
			}
			how := l.destination(&p, contacts)
			if how == elsewhere || how < best {
				continue
			}
			if how > best {
				best, matched = how, matched[:0]
			}
			matched = append(matched, i)
		}
	}
	var v Verdict
	for _, i := range matched {
		l := &m.labels[i]
		v.Labelled = true
		v.Periodic = v.Periodic || l.periodic
		v.Undecided = v.Undecided || l.beacon == nil
		if l.implant != "" && !slices.Contains(v.Implants, l.implant) {
			v.Implants = append(v.Implants, l.implant)
		}
	}
	v.Undecided = v.Undecided && len(v.Implants) == 0
	return v
}

// agrees reports whether l speaks of who calls in p, and of the port. What one of them does not
// know is no reason against it, but a label that names a host or a source must agree in one.
func (l *label) agrees(p *label) bool {
	agree := func(a, b string) bool { return a == "" || b == "" || a == b }
	return agree(l.host, p.host) && agree(l.process, p.process) && agree(l.source, p.source) &&
		(l.port == 0 || p.port == 0 || l.port == p.port)
}

// destination tells how well l tells of the destination of p. A whole group, which has no
// destination, is spoken of by labels of any address among its contacts, and by labels of the
// group, all alike.
func (l *label) destination(p *label, contacts []string) int {
	switch {
	case p.address == "" && p.domain == "":
		if l.address == "" && l.domain == "" || l.address != "" && slices.Contains(contacts, l.address) {
			return anywhere
		}
		return elsewhere
	case l.address == "" && l.domain == "":
		return anywhere
	case l.domain != "" && p.domain != "": // an address may be shared by many domains
		switch {
		case l.domain == p.domain:
			return sameEnd
		case l.site == p.site:
			return sameSite
		}
		return elsewhere
	case l.address != "" && l.address == p.address:
		return sameEnd
	}
	return elsewhere
}

// address returns an address in its one spelling, and any other text in lower case.
func address(s string) string {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return strings.ToLower(s)
}

func domain(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }

// name joins what is known of a row for people.
func name(host, process, source, destination string) string {
	var who []string
	for _, s := range []string{host, process, source} {
		if s != "" {
			who = append(who, s)
		}
	}
	if destination == "" {
		return strings.Join(who, ", ")
	}
	return strings.Join(who, ", ") + " -> " + destination
}
