package detect

import (
	"slices"

	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/human"
)

// keys turn events into the keys of their groups and back. A key is a byte that tells by
// which fields, then their values as event.AppendKey writes them.
type keys struct {
	by [][]event.Field // the first list whose fields an event has is taken
}

func newKeys(groupBy []event.Field) keys {
	if len(groupBy) > 0 {
		return keys{[][]event.Field{groupBy}}
	}
	return keys{[][]event.Field{{event.HostName, event.ProcessName}, {event.SourceIP, event.DestinationIP}}}
}

func (k keys) fields() event.FieldSet {
	return event.SetOf(slices.Concat(k.by...)...)
}

// of returns which list of fields makes the key of e, and a hash of the key. When e lacks a
// field of every list, it names one that is missing in the last.
func (k keys) of(e *event.Event) (list int, hash uint64, missing event.Field, ok bool) {
next:
	for i, fields := range k.by {
		hash = uint64(i)
		for _, f := range fields {
			var has bool
			if hash, has = e.Hash(hash, f); !has {
				missing = f
				continue next
			}
		}
		return i, hash, 0, true
	}
	return 0, 0, missing, false
}

// ofPart is of for an event that has a part of its fields, and none of the others; ok is false
// when that part does not tell the group.
func (k keys) ofPart(e *event.Event, part event.FieldSet) (list int, hash uint64, ok bool) {
	list, hash, _, ok = k.of(e)
	for _, fields := range k.by[:list+1] {
		ok = ok && event.SetOf(fields...)&^part == 0
	}
	return list, hash, ok
}

// append appends the key of e, which is made by a list of fields.
func (k keys) append(dst []byte, e *event.Event, list int) []byte {
	dst = append(dst, byte(list))
	for _, f := range k.by[list] {
		dst = e.AppendKey(dst, f)
	}
	return dst
}

// group returns the group of a key.
func (k keys) group(key []byte) finding.Group {
	g := finding.Group{Fields: k.by[key[0]]}
	key = key[1:]
	for _, f := range g.Fields {
		var value string
		value, key = event.ReadKey(key, f)
		g.Values = append(g.Values, value)
	}
	return g
}

// is reports whether a key is that of g, whose values may be spelled as they are shown, with
// what is not safe to show escaped.
func (k keys) is(key []byte, g *finding.Group) bool {
	return slices.EqualFunc(k.group(key).Values, g.Values, func(value, want string) bool {
		return value == want || human.Safe(value) == want
	})
}

// detailFields are kept of a group's newest event in each cell.
var detailFields = []event.Field{
	event.ProcessExecutable, event.ProcessHashSHA256, event.ProcessParentHashSHA256,
	event.SignatureStatus, event.SignatureSubjectName, event.SignatureExists, event.SignatureTrusted, event.SignatureValid,
}

// appendDetails appends the details of e; nothing when it has none.
func appendDetails(dst []byte, e *event.Event) []byte {
	if e.ProcessExecutable == "" && e.ProcessHashSHA256 == "" && e.ProcessParentHashSHA256 == "" && e.SignatureStatus == "" &&
		e.SignatureSubjectName == "" && e.SignatureExists|e.SignatureTrusted|e.SignatureValid == event.Unknown {
		return dst
	}
	for _, f := range detailFields {
		dst = e.AppendKey(dst, f)
	}
	return dst
}

// readDetails reads what appendDetails wrote.
func readDetails(text string) finding.Details {
	if text == "" {
		return finding.Details{}
	}
	var e event.Event
	for b, i := []byte(text), 0; i < len(detailFields); i++ {
		f := detailFields[i]
		if f.Kind() == event.KindBool { // ReadKey does not tell false from unknown
			e.SetBool(f, event.Tristate(b[0]))
			b = b[1:]
		} else {
			*e.Text(f), b = event.ReadKey(b, f)
		}
	}
	return finding.Details{
		ProcessExecutable:       e.ProcessExecutable,
		ProcessHashSHA256:       e.ProcessHashSHA256,
		ProcessParentHashSHA256: e.ProcessParentHashSHA256,
		SignatureExists:         e.SignatureExists,
		SignatureTrusted:        e.SignatureTrusted,
		SignatureValid:          e.SignatureValid,
		SignatureStatus:         e.SignatureStatus,
		SignatureSubjectName:    e.SignatureSubjectName,
	}
}
