package ecs

import (
	"testing"

	"fresnel/internal/event"
	"fresnel/internal/jsonlines"
	"fresnel/internal/source"
)

// TestFirstIsAsSet holds that what is taken the short way is what the long way gives, for each field and
// values of all kinds and shapes.
func TestFirstIsAsSet(t *testing.T) {
	taken := 0
	for f := range event.Field(event.NumFields) {
		for kind := jsonlines.Null + 1; kind <= jsonlines.String; kind++ {
			for _, text := range []string{
				"", "0", "7", "-7", "443", "65535", "65536", "1.5e3", "9223372036854775807", "12345678901234567890", "192.0.2.1", "192.0.2.01", "::ffff:192.0.2.1", "2001:db8::1",
				"2026-03-02T00:00:00.25Z", "1772409600000", "tcp", "TCP", "udp", "6", "HTTP", "http", "true", "network",
			} {
				v := &jsonlines.Value{Slot: int(f), Kind: kind, Text: []byte(text)}
				short, long := newDecoder(t), newDecoder(t)
				if !short.first(f, v) {
					if short.event != (event.Event{}) || short.seen != 0 {
						t.Errorf("%v, kind %d, %q: refused, and set to %+v", f, kind, text, short.event)
					}
					continue
				}
				taken++
				if ok := long.set(f, v); !ok || short.event != long.event || short.seen != long.seen {
					t.Errorf("%v, kind %d, %q: got %+v, want %v, %+v", f, kind, text, short.event, ok, long.event)
				}
			}
		}
	}
	if taken < 30 {
		t.Errorf("got %d values that are taken the short way, want more", taken)
	}
	d := newDecoder(t)
	d.seen = event.AllFields
	if d.first(event.DestinationPort, &jsonlines.Value{Kind: jsonlines.Number, Text: []byte("1")}) {
		t.Error("a second value was taken for the first")
	}
}

func newDecoder(t *testing.T) *decoder {
	t.Helper()
	s, err := Format.New(source.Options{Fields: event.AllFields})
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Open(source.File{})
	if err != nil {
		t.Fatal(err)
	}
	return in.NewDecoder().(*decoder)
}
