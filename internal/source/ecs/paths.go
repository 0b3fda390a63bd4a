package ecs

import (
	"fresnel/internal/event"
	"fresnel/internal/jsonlines"
)

// The slots of the paths: event fields, two words about the document, and from firstSecond
// on the second places of event fields.
const (
	flowFinal   = event.NumFields + iota // Packetbeat's flow.final
	docAsUpsert                          // of the body of an update
	firstSecond
)

// paths are what is looked at in a document.
type paths struct {
	schema  *jsonlines.Schema
	seconds []second // by slot, from firstSecond on
}

// A second is a place of a field that counts when the first place of another field, mostly
// the same one, has no value.
type second struct {
	field, unless event.Field
	upsert        bool // it counts in the body of an update only that says that it is a whole document
}

// also are other first places of fields: what Filebeat's modules call the state of a
// connection.
var also = map[string]event.Field{
	"zeek.connection.state":   event.ConnectionState,
	"suricata.eve.flow.state": event.ConnectionState,
}

func newPaths(wanted event.FieldSet) *paths {
	p := &paths{}
	slots := map[string]int{}
	add := func(path string, slot int) {
		slots[path] = slot
		slots["_source."+path] = slot
	}
	addSecond := func(path string, s second) {
		if wanted.Has(s.field) {
			add(path, firstSecond+len(p.seconds))
			p.seconds = append(p.seconds, s)
		}
	}
	wanted = wanted.With(event.Timestamp)
	for _, f := range event.Fields() {
		if wanted.Has(f) {
			add(f.String(), int(f))
		}
		addSecond("doc."+f.String(), second{f, event.Timestamp, true})
	}
	for path, f := range also {
		if wanted.Has(f) {
			add(path, int(f))
		}
	}
	addSecond("host.hostname", second{event.HostName, event.HostName, false})
	add("flow.final", flowFinal)
	add("doc_as_upsert", docAsUpsert)
	p.schema = jsonlines.NewSchema(slots)
	return p
}
