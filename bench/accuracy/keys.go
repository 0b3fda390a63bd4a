package main

import (
	"fmt"
	"strings"

	"fresnel/internal/evaluate"
	"fresnel/internal/event"
)

// keys group events as a scan does by default: by host and process, those without a process by
// both addresses. A key begins with the number of its list of fields.
type keys struct{}

var groupFields = [][]event.Field{{event.HostName, event.ProcessName}, {event.SourceIP, event.DestinationIP}}

func list(e *event.Event) int {
	if e.HostName != "" && e.ProcessName != "" {
		return 0
	}
	return 1
}

func (keys) hash(e *event.Event) uint64 {
	n := list(e)
	hash := uint64(n)
	for _, f := range groupFields[n] {
		hash, _ = e.Hash(hash, f)
	}
	return hash
}

// AppendKey implements survey.Keys.
func (keys) AppendKey(dst []byte, e *event.Event) []byte {
	n := list(e)
	dst = append(dst, byte(n))
	for _, f := range groupFields[n] {
		dst = e.AppendKey(dst, f)
	}
	return dst
}

// subject returns what a key says of a group.
func (keys) subject(key []byte) evaluate.Subject {
	fields := groupFields[key[0]]
	var values []string
	rest := key[1:]
	for _, f := range fields {
		var v string
		v, rest = event.ReadKey(rest, f)
		values = append(values, v)
	}
	return subjectOf(fields, values)
}

// subjectOf returns what a group's fields say of it.
func subjectOf(fields []event.Field, values []string) (s evaluate.Subject) {
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

// nameOf names a subject for people.
func nameOf(s evaluate.Subject) string {
	var who []string
	for _, v := range []string{s.Host, s.Process, s.Source} {
		if v != "" {
			who = append(who, v)
		}
	}
	name := strings.Join(who, ", ")
	switch {
	case s.Domain != "" && s.IP != "":
		return fmt.Sprintf("%s → %s (%s)", name, s.Domain, s.IP)
	case s.Domain != "":
		return name + " → " + s.Domain
	case s.IP != "":
		return name + " → " + s.IP
	}
	return name
}
