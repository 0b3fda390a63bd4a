package ecs

import (
	"math"
	"net/netip"
	"strconv"

	"fresnel/internal/event"
	"fresnel/internal/jsonlines"
	"fresnel/internal/source"
	"fresnel/internal/source/parse"
)

// set gives field f of the event the value v. Of several values the smallest counts,
// addresses compared by their 128 bits. It reports false, with d.err, for a value that is
// none of the field's kind.
func (d *decoder) set(f event.Field, v *jsonlines.Value) bool {
	first := !d.seen.Has(f)
	e := &d.event
	switch f.Kind() {
	case event.KindText:
		text, old := parse.Text(v.Text), e.Text(f)
		if f == event.EventCategory && !first && (text == "network") != (*old == "network") {
			first = text == "network" // the one value that matters beats smaller ones
		} else if !first {
			first = text < *old
		}
		if first {
			*old = text
		}
	case event.KindIP:
		ip, ok := parse.IP(v.Text)
		if !ok || v.Kind != jsonlines.String {
			return d.wrong(f, v, "an IP address")
		}
		old := &e.SourceIP
		if f == event.DestinationIP {
			old = &e.DestinationIP
		}
		if first || less(ip, *old) {
			*old = ip
		}
	case event.KindBool:
		b, ok := boolean(v)
		if !ok {
			return d.wrong(f, v, "true or false")
		}
		d.setBool(f, b, first)
	case event.KindTime:
		nanos, ok := date(v)
		if !ok {
			return d.wrong(f, v, "a time: RFC 3339 or milliseconds since 1970")
		}
		old := &e.TimeNanos
		if f == event.Ingested {
			old = &e.IngestedNanos
		}
		if first || nanos < *old {
			*old = nanos
		}
	case event.KindCount:
		n, ok := whole(v)
		if !ok {
			return d.wrong(f, v, "a whole number")
		}
		if !first {
			n = min(n, e.Count(f))
		}
		if !d.setCount(f, n) {
			return d.wrong(f, v, "a port, 0 to 65535")
		}
	}
	d.seen |= event.SetOf(f)
	return true
}

func (d *decoder) wrong(f event.Field, v *jsonlines.Value, want string) bool {
	d.err = source.RecordError{Field: f.String(), Got: source.Shorten(v.Text), Want: want}
	return false
}

// less compares addresses by their 128 bits, IPv4 as IPv4-mapped.
func less(a, b netip.Addr) bool {
	x, y := a.As16(), b.As16()
	return string(x[:]) < string(y[:])
}

func (d *decoder) setBool(f event.Field, b event.Tristate, first bool) {
	var old *event.Tristate
	switch f {
	case event.SignatureExists:
		old = &d.event.SignatureExists
	case event.SignatureTrusted:
		old = &d.event.SignatureTrusted
	case event.SignatureValid:
		old = &d.event.SignatureValid
	default:
		return
	}
	if first || b < *old {
		*old = b
	}
}

func (d *decoder) setCount(f event.Field, n int64) bool {
	e := &d.event
	switch f {
	case event.SourcePort, event.DestinationPort:
		if n < 0 || n > math.MaxUint16 {
			return false
		}
		if f == event.SourcePort {
			e.SourcePort = uint16(n)
		} else {
			e.DestinationPort = uint16(n)
		}
	case event.SourceBytes:
		e.SourceBytes = n
	case event.DestinationBytes:
		e.DestinationBytes = n
	case event.ProcessPID:
		e.ProcessPID = n
	case event.Duration:
		e.DurationNanos = n
	default:
	}
	return true
}

func boolean(v *jsonlines.Value) (event.Tristate, bool) {
	switch {
	case v.Kind == jsonlines.True, v.Kind == jsonlines.String && string(v.Text) == "true":
		return event.True, true
	case v.Kind == jsonlines.False, v.Kind == jsonlines.String && string(v.Text) == "false":
		return event.False, true
	}
	return event.Unknown, false
}

// whole reads a number as Elasticsearch reads one into a field of type long: also from a
// string, and with its fraction cut off.
func whole(v *jsonlines.Value) (int64, bool) {
	if v.Kind != jsonlines.Number && v.Kind != jsonlines.String {
		return 0, false
	}
	digits, negative := v.Text, false
	if len(digits) > 0 && digits[0] == '-' {
		digits, negative = digits[1:], true
	}
	if n, ok := parse.Count(digits); ok {
		if negative {
			n = -n
		}
		return n, true
	}
	f, err := strconv.ParseFloat(parse.Text(v.Text), 64)
	if err != nil || !(math.Abs(f) < 1<<63) {
		return 0, false
	}
	return int64(f), true
}

// date reads a time: RFC 3339, or milliseconds since 1970 as a number or in a string.
func date(v *jsonlines.Value) (nanos int64, ok bool) {
	if v.Kind == jsonlines.String {
		if nanos, ok = parse.RFC3339(v.Text); ok {
			return nanos, true
		}
	}
	millis, ok := parse.Count(v.Text)
	if ok && millis <= math.MaxInt64/1_000_000 {
		return millis * 1e6, true
	}
	f, err := strconv.ParseFloat(parse.Text(v.Text), 64)
	if err != nil || !(math.Abs(f) < math.MaxInt64/1_000_000) {
		return 0, false
	}
	return int64(f * 1e6), true
}
