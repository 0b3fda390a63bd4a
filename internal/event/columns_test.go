package event

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestEachFieldIsOfOnePart(t *testing.T) {
	numbers := []Field{Timestamp, Ingested, Duration, SourceBytes, DestinationBytes, SourcePort}
	all := slices.Concat(CallerFields, CalleeFields, KindFields, numbers)
	if len(all) != NumFields || SetOf(all...) != AllFields {
		t.Errorf("got %d fields in the parts, %d different ones, want each of %d once", len(all), SetOf(all...).Len(), NumFields)
	}
}

// TestPartsAreTheKeysOfTheirFields holds what is written out against the lists of fields.
func TestPartsAreTheKeysOfTheirFields(t *testing.T) {
	for _, e := range []Event{{}, filled("x"), filled(strings.Repeat("long", 100))} {
		for _, part := range []struct {
			name   string
			fields []Field
			append func([]byte) []byte
		}{
			{"caller", CallerFields, e.AppendCaller},
			{"callee", CalleeFields, e.AppendCallee},
			{"kind", KindFields, e.AppendKind},
		} {
			want := []byte("before")
			for _, f := range part.fields {
				want = e.AppendKey(want, f)
			}
			if got := part.append([]byte("before")); string(got) != string(want) {
				t.Errorf("%s: got %q, want %q", part.name, got, want)
			}
		}
	}
}

// filled returns an event whose fields all have values of their own.
func filled(text string) Event {
	var e Event
	for _, f := range Fields() {
		switch f.Kind() {
		case KindText:
			*e.Text(f) = fmt.Sprint(text, f)
		case KindIP:
			e.SetIP(f, netip.AddrFrom4([4]byte{10, 0, 0, byte(f)}))
		case KindBool:
			e.SetBool(f, TristateOf(f == SignatureValid))
		default:
			e.SetCount(f, int64(f)+1)
		}
	}
	if len(text) > 1 {
		e.DestinationIP = netip.MustParseAddr("2001:db8::1")
	}
	return e
}
