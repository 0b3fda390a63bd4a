// Package ecs reads events of the Elastic Common Schema as JSON lines: what Elastic Defend,
// Packetbeat and Winlogbeat write, exported by hand, by a dump tool or as a _bulk body.
package ecs

import (
	"bytes"

	"fresnel/internal/event"
	"fresnel/internal/jsonlines"
	"fresnel/internal/source"
)

// Format is the input "ecs".
var Format = source.Format{
	Name:    "ecs",
	Summary: "Elastic Common Schema events as JSON lines: Elastic Defend, Packetbeat, Winlogbeat; bare, in _source, or a _bulk body",
	Detect:  detect,
	New: func(o source.Options) (source.Source, error) {
		return &files{schema: newSchema(o.Fields)}, nil
	},
}

// detect looks at the first document: it has a time, or what holds documents with one.
func detect(h source.Head) bool {
	text := bytes.TrimLeft(h.Text, " \t\r\n")
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false
	}
	for _, mark := range []string{`"@timestamp"`, `"_source"`} {
		if bytes.Contains(text, []byte(mark)) {
			return true
		}
	}
	return false
}

// flowFinal is the slot of Packetbeat's flow.final. The other slots are event fields.
const flowFinal = event.NumFields

// also are other paths of fields: what Filebeat's modules call the state of a connection.
var also = map[string]event.Field{
	"zeek.connection.state":   event.ConnectionState,
	"suricata.eve.flow.state": event.ConnectionState,
}

func newSchema(wanted event.FieldSet) *jsonlines.Schema {
	slots := map[string]int{}
	add := func(path string, slot int) {
		slots[path] = slot
		slots["_source."+path] = slot
	}
	for _, f := range event.Fields() {
		if wanted.Has(f) || f == event.Timestamp {
			add(f.String(), int(f))
		}
	}
	for path, f := range also {
		if wanted.Has(f) {
			add(path, int(f))
		}
	}
	add("flow.final", flowFinal)
	return jsonlines.NewSchema(slots)
}

// files are the files of one run.
type files struct {
	schema *jsonlines.Schema
}

var (
	_ source.Source  = (*files)(nil)
	_ source.Input   = (*files)(nil)
	_ source.Decoder = (*decoder)(nil)
)

// Plan reads all files in one phase.
func (s *files) Plan(all []source.File) []int { return make([]int, len(all)) }

// Open returns s: a file has no state of its own.
func (s *files) Open(source.File) (source.Input, error) { return s, nil }

// Split makes one block of all lines.
func (s *files) Split(text []byte) (int, any) { return len(text), nil }

// Ordered is false: each line stands for itself.
func (s *files) Ordered() bool { return false }

// NewDecoder returns a decoder with a layout of its own.
func (s *files) NewDecoder() source.Decoder {
	return &decoder{scanner: jsonlines.NewScanner(s.schema)}
}

type decoder struct {
	scanner *jsonlines.Scanner
	event   event.Event
	seen    event.FieldSet // fields of the event that have a value
	err     source.RecordError
}

// Decode decodes the lines of block. It implements source.Decoder.
func (d *decoder) Decode(block []byte, _ any, out source.Sink) (lines int) {
	for len(block) > 0 {
		line := block
		if end := bytes.IndexByte(block, '\n'); end >= 0 {
			line, block = block[:end], block[end+1:]
		} else {
			block = nil
		}
		d.line(line, lines, out)
		lines++
	}
	return lines
}

func (d *decoder) line(line []byte, number int, out source.Sink) {
	values, err := d.scanner.Scan(line)
	if err != nil {
		if len(bytes.TrimSpace(line)) > 0 {
			out.Bad(source.RecordError{Line: number, Got: source.Shorten(line), Want: "a JSON object: " + err.Error()})
		}
		return
	}
	d.event, d.seen = event.Event{}, 0
	final := true
	for i := range values {
		v := &values[i]
		switch {
		case v.Kind == jsonlines.Null:
		case v.Slot == flowFinal:
			final = v.Kind != jsonlines.False
		case !d.set(event.Field(v.Slot), v):
			d.err.Line = number
			out.Bad(d.err)
			return
		}
	}
	switch {
	case !d.seen.Has(event.Timestamp) && isAction(line):
		out.Skip("_bulk action", 1)
	case !d.seen.Has(event.Timestamp):
		out.Bad(source.RecordError{Line: number, Field: event.Timestamp.String(), Got: "none", Want: "a time"})
	case !final:
		out.Skip("flow that is not final", 1)
	default:
		out.Event(&d.event)
	}
}

// isAction reports whether line is the action of a _bulk body, which has no time.
func isAction(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	if len(line) == 0 || line[0] != '{' {
		return false
	}
	line = bytes.TrimLeft(line[1:], " \t")
	for _, action := range []string{`"index"`, `"create"`, `"delete"`, `"update"`} {
		if bytes.HasPrefix(line, []byte(action)) {
			return true
		}
	}
	return false
}
