// Package ecs reads events of the Elastic Common Schema as JSON: what Elastic Defend,
// Packetbeat and Winlogbeat write, exported by hand, by a dump tool or as a _bulk body.
package ecs

import (
	"bytes"
	"io"

	"fresnel/internal/event"
	"fresnel/internal/jsonlines"
	"fresnel/internal/jsontext"
	"fresnel/internal/source"
	"fresnel/internal/source/parse"
)

// Format is the input "ecs".
var Format = source.Format{
	Name:     "ecs",
	Summary:  "Elastic Common Schema events as JSON: Elastic Defend, Packetbeat, Winlogbeat; bare, out of a search, or a _bulk body",
	Detect:   detect,
	Document: "{}",
	New: func(o source.Options) (source.Source, error) {
		return &files{newPaths(o.Fields)}, nil
	},
}

// detect looks for the time of an event, or for what holds events, in JSON of any shape.
func detect(h source.Head) bool {
	text := bytes.TrimLeft(h.Text, "\ufeff\x1e \t\r\n")
	if !startsJSON(text) { // the first line may be the end of one, in the end of a file
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		if !bytes.HasSuffix(bytes.TrimRight(line, "\r"), []byte("}")) || !startsJSON(rest) {
			return false
		}
		text = rest
	}
	for _, mark := range []string{`"@timestamp"`, `"_source"`, `"_scroll_id"`, `"pit_id"`, `"_shards"`} {
		if bytes.Contains(text, []byte(mark)) {
			return true
		}
	}
	return kindOf(text) == action
}

func startsJSON(text []byte) bool {
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// files are the files of one run.
type files struct{ *paths }

var (
	_ source.Source   = (*files)(nil)
	_ source.Reshaper = (*files)(nil)
	_ source.Input    = (*files)(nil)
	_ source.Decoder  = (*decoder)(nil)
)

// Plan reads all files in one phase.
func (s *files) Plan(all []source.File) []int { return make([]int, len(all)) }

// Open returns s: a file has no state of its own.
func (s *files) Open(source.File) (source.Input, error) { return s, nil }

// Reshape returns text with one document a line.
func (s *files) Reshape(f source.File, text io.Reader) io.Reader {
	return jsontext.Lines(f.Head.Text, text)
}

// Split makes one block of all lines.
func (s *files) Split(text []byte) (int, any) { return len(text), nil }

// Ordered is false: each line stands for itself.
func (s *files) Ordered() bool { return false }

// NewDecoder returns a decoder with a layout of its own.
func (s *files) NewDecoder() source.Decoder {
	d := &decoder{paths: s.paths, scanner: jsonlines.NewScanner(s.schema)}
	for f := range event.Field(event.NumFields) {
		// How these are written, and which of several values counts, is looked at.
		if f != event.EventCategory && f != event.NetworkTransport && f != event.NetworkProtocol {
			d.texts[f] = d.event.Text(f)
		}
	}
	return d
}

type decoder struct {
	*paths
	scanner *jsonlines.Scanner
	event   event.Event
	texts   [event.NumFields]*string // of event, by field; nil for one that is no plain text
	seen    event.FieldSet           // fields of the event that have a value
	lower   []byte                   // network.protocol in lower case
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

var byteOrderMark = []byte("\ufeff")

func (d *decoder) line(line []byte, number int, out source.Sink) {
	values, err := d.scanner.Scan(line)
	if err != nil {
		switch {
		case bytes.HasPrefix(line, byteOrderMark): // of the first file of several put together
			for bytes.HasPrefix(line, byteOrderMark) { // all of them: a line of nothing else must not nest
				line = line[len(byteOrderMark):]
			}
			d.line(line, number, out)
		case len(bytes.TrimSpace(line)) > 0:
			out.Bad(source.RecordError{Line: number, Got: source.Shorten(line), Want: jsonlines.Wanted(err)})
		}
		return
	}
	d.event, d.seen, d.lower = event.Event{}, 0, d.lower[:0]
	final, upsert, seconds := true, false, false
	for i := range values {
		switch v := &values[i]; {
		case v.Kind == jsonlines.Null:
		case v.Slot < event.NumFields:
			if old := d.texts[v.Slot]; old != nil && !d.seen.Has(event.Field(v.Slot)) {
				*old = parse.Text(v.Text)
				d.seen |= 1 << v.Slot
			} else if !d.first(event.Field(v.Slot), v) && !d.set(event.Field(v.Slot), v) {
				d.bad(number, out)
				return
			}
		case v.Slot == flowFinal:
			final = v.Kind != jsonlines.False
		case v.Slot == docAsUpsert:
			upsert = v.Kind == jsonlines.True
		default:
			seconds = true
		}
	}
	if seconds && !d.second(values, upsert) {
		d.bad(number, out)
		return
	}
	switch {
	case !d.seen.Has(event.Timestamp):
		switch kindOf(line) {
		case action:
			out.Skip("_bulk action", 1)
		case update:
			out.Skip("_bulk update", 1)
		default:
			out.Bad(source.RecordError{Line: number, Field: event.Timestamp.String(), Got: "none", Want: "a time"})
		}
	case !final:
		out.Skip("flow that is not final", 1)
	default:
		out.Event(&d.event)
	}
}

func (d *decoder) bad(number int, out source.Sink) {
	d.err.Line = number
	out.Bad(d.err)
}

// second sets what is said in a second place and in no first one.
func (d *decoder) second(values []jsonlines.Value, upsert bool) bool {
	firsts := d.seen
	for i := range values {
		v := &values[i]
		if v.Slot < firstSecond || v.Kind == jsonlines.Null {
			continue
		}
		s := d.seconds[v.Slot-firstSecond]
		if !firsts.Has(s.unless) && (upsert || !s.upsert) && !d.set(s.field, v) {
			return false
		}
	}
	return true
}

// A kind of line says what its first key tells.
type kind uint8

const (
	document kind = iota
	action        // of a _bulk body: what to do with the document in the next line
	update        // the line behind the action "update"
)

var firstKeys = []struct {
	key  string
	kind kind
}{
	{`"index"`, action}, {`"create"`, action}, {`"delete"`, action}, {`"update"`, action},
	{`"doc"`, update}, {`"script"`, update}, {`"upsert"`, update}, {`"scripted_upsert"`, update},
	{`"doc_as_upsert"`, update}, {`"detect_noop"`, update},
}

// kindOf tells what line is by its first key.
func kindOf(line []byte) kind {
	line = bytes.TrimLeft(line, " \t")
	if len(line) == 0 || line[0] != '{' {
		return document
	}
	line = bytes.TrimLeft(line[1:], " \t")
	for _, k := range firstKeys {
		if value, ok := bytes.CutPrefix(line, []byte(k.key)); ok {
			value = bytes.TrimLeft(value, " \t:")
			if k.kind == update || len(value) > 0 && value[0] == '{' {
				return k.kind
			}
		}
	}
	return document
}
