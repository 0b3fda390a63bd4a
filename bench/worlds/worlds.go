// Package worlds is what the tools share that look at simulated worlds and labelled captures
// without going through files: how a scan groups events by default, the calls that it would
// gather of them, and the labels.
package worlds

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"fresnel/internal/evaluate"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/labels"
	"fresnel/internal/simulate"
	"fresnel/internal/survey"
	"fresnel/internal/timeline"
)

// Keys group events as a scan does by default: by host and process, those without a process by
// both addresses. A key begins with the number of its list of fields.
type Keys struct{}

var groupFields = [][]event.Field{{event.HostName, event.ProcessName}, {event.SourceIP, event.DestinationIP}}

// ByProcess reports that e is grouped by host and process.
func ByProcess(e *event.Event) bool { return e.HostName != "" && e.ProcessName != "" }

// list returns the number of the list of fields that e is grouped by.
func list(e *event.Event) int {
	if ByProcess(e) {
		return 0
	}
	return 1
}

// Hash returns the hash of the group of e.
func (Keys) Hash(e *event.Event) uint64 {
	n := list(e)
	hash := uint64(n)
	for _, f := range groupFields[n] {
		hash, _ = e.Hash(hash, f)
	}
	return hash
}

// AppendKey implements survey.Keys.
func (Keys) AppendKey(dst []byte, e *event.Event) []byte {
	n := list(e)
	dst = append(dst, byte(n))
	for _, f := range groupFields[n] {
		dst = e.AppendKey(dst, f)
	}
	return dst
}

// Subject returns what a key says of a group.
func (Keys) Subject(key []byte) evaluate.Subject {
	fields := groupFields[key[0]]
	var values []string
	rest := key[1:]
	for _, f := range fields {
		var v string
		v, rest = event.ReadKey(rest, f)
		values = append(values, v)
	}
	return SubjectOf(fields, values)
}

// SubjectOf returns what a group's fields say of it.
func SubjectOf(fields []event.Field, values []string) (s evaluate.Subject) {
	for i, f := range fields {
		switch f {
		case event.HostName:
			s.Host = values[i]
		case event.ProcessName:
			s.Process = values[i]
		case event.SourceIP:
			s.Source = values[i]
		case event.DestinationIP:
			s.IP = values[i]
		case event.DestinationDomain:
			s.Domain = values[i]
		default:
		}
	}
	return s
}

// SubjectOfSighting returns what a row is about.
func SubjectOfSighting(g *survey.Sighting) evaluate.Subject {
	s := evaluate.Subject{Host: g.Facts.HostName, Process: g.Facts.ProcessName, Domain: g.Domain, Port: int(g.Port)}
	if g.Address.IsValid() {
		s.IP = g.Address.String()
	}
	if s.Process == "" {
		s.Host, s.Source = "", g.Source.String()
	}
	return s
}

// Calls gathers the calls of events that a scan with default settings ranks.
type Calls struct {
	keep  *filter.Filter
	table *timeline.Table
}

// NewCalls returns an empty Calls.
func NewCalls() (*Calls, error) {
	keep, err := filter.Compile(filter.Default().Remote())
	if err != nil {
		return nil, err
	}
	return &Calls{keep: keep, table: timeline.NewTable(0)}, nil
}

// Add adds the call of e and returns the hash of its group; ok is false when a scan would not
// rank e.
func (c *Calls) Add(e *event.Event) (group uint64, ok bool) {
	if !c.keep.Keeps(e) {
		return 0, false
	}
	group = Keys{}.Hash(e)
	survey.Add(c.table, e, group, Keys{})
	return group, true
}

// Survey looks at what came so far, on one core.
func (c *Calls) Survey(how survey.Config) (*survey.Survey, error) {
	return survey.Run(context.Background(), []*timeline.Table{c.table}, how)
}

// SeeFromNetwork makes a world be seen by a sensor on the network: addresses, neither processes
// nor names.
func SeeFromNetwork(sc *simulate.Scenario) {
	sc.Sensor.View, sc.Sensor.Identity, sc.Sensor.Names = simulate.ViewNetwork, false, 0
}

// Labels reads the labels of a capture's folder.
func Labels(folder string) (*labels.File, error) {
	path := filepath.Join(folder, "labels.json")
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := labels.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// Seeds reads first-last, or one seed.
func Seeds(text string) ([]uint64, error) {
	a, b, more := strings.Cut(text, "-")
	if !more {
		b = a
	}
	first, err1 := strconv.ParseUint(a, 10, 32)
	last, err2 := strconv.ParseUint(b, 10, 32)
	if err1 != nil || err2 != nil || first > last {
		return nil, fmt.Errorf("got %q, want first-last", text)
	}
	var all []uint64
	for s := first; s <= last; s++ {
		all = append(all, s)
	}
	return all, nil
}
