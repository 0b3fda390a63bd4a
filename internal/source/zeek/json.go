package zeek

import (
	"bytes"

	"fresnel/internal/event"
	"fresnel/internal/jsonlines"
	"fresnel/internal/source"
)

// schemaOf returns the schema of the columns that are wanted of in: their slots are the
// columns.
func schemaOf(in *input) *jsonlines.Schema {
	slots := map[string]int{"_path": int(pathColumn), "@stream": int(pathColumn)}
	for name, c := range columnsOf[in.kind] {
		if !in.columns.has(c) {
			continue
		}
		slots[name] = int(c)
		if len(name) > 3 && name[:3] == "id." {
			slots["id_"+name[3:]] = int(c)
		}
	}
	return jsonlines.NewSchema(slots)
}

// decodeJSON decodes lines that are JSON objects.
func (d *decoder) decodeJSON(block []byte, out source.Sink) (lines int) {
	var skipped [len(reasons)]int
	for ; len(block) > 0; lines++ {
		line := block
		if n := bytes.IndexByte(block, '\n'); n >= 0 {
			line, block = block[:n], block[n+1:]
		} else {
			block = nil
		}
		line = bytes.TrimPrefix(line, byteOrderMark)
		if blankLine(line) {
			continue
		}
		values, err := d.scanner.Scan(line)
		if err != nil {
			out.Bad(source.RecordError{Line: lines, Got: source.Shorten(line), Want: jsonlines.Wanted(err)})
			continue
		}
		if k := d.kindOf(values); k != d.in.kind || k == otherLog {
			skipped[k]++
			continue
		}
		bad, ok := d.object(values)
		switch {
		case !ok:
			bad.Line = lines
			out.Bad(bad)
		case d.in.documents && d.seen&connColumns == 0: // the address columns are the same in other logs
			skipped[otherLog]++
		default:
			d.finish(out)
		}
	}
	for k, n := range skipped {
		if n > 0 {
			out.Skip(reasons[k], n)
		}
	}
	return lines
}

// connColumns are those that only a log of connections has.
const connColumns = 1<<column(event.ConnectionState) | 1<<column(event.SourceBytes) | 1<<column(event.DestinationBytes) | 1<<column(event.Duration)

func blankLine(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// kindOf returns the kind of the log that a line belongs to: what it says itself, or what
// the start of the file was.
func (d *decoder) kindOf(values []jsonlines.Value) logKind {
	for i := range values {
		if v := &values[i]; v.Slot == int(pathColumn) && v.Kind == jsonlines.String {
			return kindOf(v.Text)
		}
	}
	return d.in.kind
}

// object reads the values of one line. Of several values of a column the first counts. When
// ok is false bad says why, but for the line.
func (d *decoder) object(values []jsonlines.Value) (bad source.RecordError, ok bool) {
	d.blank(d.in.kind)
	d.seen = 0
	for i := range values {
		v := &values[i]
		c := column(v.Slot)
		if v.Kind == jsonlines.Null || c == pathColumn || d.seen.has(c) && c != answersColumn {
			continue
		}
		d.seen |= 1 << c
		text := v.Text
		if c == column(event.NetworkProtocol) {
			text = firstOf(text, ',')
		}
		if v.Kind != jsonlines.String && v.Kind != jsonlines.Number || !d.set(c, text) {
			return source.RecordError{Field: d.nameOf(c), Got: gotOf(v), Want: wanted(c)}, false
		}
	}
	if d.in.columns.has(timeColumn) && !d.seen.has(timeColumn) {
		return source.RecordError{Field: d.nameOf(timeColumn), Got: "nothing", Want: wanted(timeColumn)}, false
	}
	return source.RecordError{}, true
}

// nameOf returns what Zeek calls column c.
func (d *decoder) nameOf(c column) string {
	for name, named := range columnsOf[d.in.kind] {
		if named == c {
			return name
		}
	}
	return ""
}

func gotOf(v *jsonlines.Value) string {
	switch v.Kind {
	case jsonlines.True:
		return "true"
	case jsonlines.False:
		return "false"
	}
	return source.Shorten(v.Text)
}
