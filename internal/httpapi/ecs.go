package httpapi

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"fresnel/internal/event"
)

// An Event is an event as the Elastic Common Schema spells it, in JSON.
type Event json.RawMessage

// MarshalJSON implements json.Marshaler.
func (e Event) MarshalJSON() ([]byte, error) { return e, nil }

// An eventField is a field of events and where it stands in a document.
type eventField struct {
	field  event.Field
	path   []string
	schema object
}

// eventOrder are the fields of events in the order of the document, in which fields of one
// object are neighbours: by name, @timestamp first.
var eventOrder = func() []eventField {
	var all []eventField
	for _, f := range event.Fields() {
		name := f.String()
		if f == event.ConnectionState { // ECS has no name for it; this is where Zeek's integration puts it
			name = "zeek.connection.state"
		}
		one := eventField{field: f, path: strings.Split(name, ".")}
		switch f.Kind() {
		case event.KindText:
			one.schema = object{"type": "string"}
		case event.KindIP:
			one.schema = object{"type": "string", "anyOf": []object{{"format": "ipv4"}, {"format": "ipv6"}}}
		case event.KindCount:
			one.schema = object{"type": "integer"}
		case event.KindBool:
			one.schema = object{"type": "boolean"}
		case event.KindTime:
			one.schema = object{"type": "string", "format": "date-time"}
		}
		if f == event.EventCategory { // several in ECS
			one.schema = object{"type": "array", "items": object{"type": "string"}}
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b eventField) int { return slices.Compare(a.path, b.path) })
	return all
}()

// eventOf returns e as one document of ECS. Numbers that are 0 are missing, but for the bytes
// of an event that says of one direction how many there were.
func eventOf(e *event.Event) Event {
	dst := append(make([]byte, 0, 512), '{')
	var open []string // keys of the objects that are open
	comma := false
	for i := range eventOrder {
		f := &eventOrder[i]
		if !e.Has(f.field) && !(isBytes(f.field) && (e.SourceBytes != 0 || e.DestinationBytes != 0)) {
			continue
		}
		objects, key := f.path[:len(f.path)-1], f.path[len(f.path)-1]
		shared := 0
		for shared < min(len(open), len(objects)) && open[shared] == objects[shared] {
			shared++
		}
		for range len(open) - shared {
			dst = append(dst, '}')
		}
		for _, o := range objects[shared:] {
			dst = appendKey(dst, o, comma)
			dst, comma = append(dst, '{'), false
		}
		dst = appendKey(dst, key, comma)
		dst, comma = appendEventValue(dst, e, f.field), true
		open = objects
	}
	for range open {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

func isBytes(f event.Field) bool { return f == event.SourceBytes || f == event.DestinationBytes }

func appendKey(dst []byte, key string, comma bool) []byte {
	if comma {
		dst = append(dst, ',')
	}
	return append(append(append(dst, '"'), key...), `":`...)
}

func appendEventValue(dst []byte, e *event.Event, f event.Field) []byte {
	switch f.Kind() {
	case event.KindIP:
		return append(e.IP(f).WithZone("").AppendTo(append(dst, '"')), '"')
	case event.KindCount:
		return strconv.AppendInt(dst, e.Count(f), 10)
	case event.KindBool:
		return strconv.AppendBool(dst, e.Bool(f) == event.True)
	case event.KindTime:
		return append(time.Unix(0, e.Count(f)).UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	}
	if f == event.EventCategory {
		return append(appendText(append(dst, '['), *e.Text(f)), ']')
	}
	return appendText(dst, *e.Text(f))
}

// appendText appends s as encoding/json does: what is no UTF-8 becomes U+FFFD.
func appendText(dst []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		plain = plain && s[i] >= 0x20 && s[i] < utf8.RuneSelf && s[i] != '"' && s[i] != '\\' && s[i] != '<' && s[i] != '>' && s[i] != '&'
	}
	if plain {
		return append(append(append(dst, '"'), s...), '"')
	}
	text, err := json.Marshal(s)
	if err != nil { // there is none for a string
		return append(dst, `""`...)
	}
	return append(dst, text...)
}
