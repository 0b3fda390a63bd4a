package ecs

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"

	"fresnel/internal/event"
	"fresnel/internal/jsonlines"
	"fresnel/internal/source"
	"fresnel/internal/source/parse"
)

// first gives field f of the event the value v where it is the first one, and of the shape that most
// have. It reports false, and does nothing, where set must look.
func (d *decoder) first(f event.Field, v *jsonlines.Value) bool {
	if d.seen.Has(f) {
		return false
	}
	e := &d.event
	switch f {
	case event.SourceIP, event.DestinationIP:
		ip, ok := parse.IP(v.Text)
		if !ok || v.Kind != jsonlines.String {
			return false
		}
		if f == event.SourceIP {
			e.SourceIP = ip
		} else {
			e.DestinationIP = ip
		}
	case event.SourceBytes, event.DestinationBytes, event.SourcePort, event.DestinationPort:
		n, ok := parse.Count(v.Text)
		if !ok || v.Kind != jsonlines.Number {
			return false
		}
		switch f {
		case event.SourceBytes:
			e.SourceBytes = n
		case event.DestinationBytes:
			e.DestinationBytes = n
		default:
			if n > math.MaxUint16 {
				return false
			}
			e.SetCount(f, n)
		}
	case event.Timestamp:
		nanos, ok := parse.RFC3339(v.Text)
		if !ok || v.Kind != jsonlines.String {
			return false
		}
		e.TimeNanos = nanos
	case event.NetworkTransport:
		switch string(v.Text) {
		case "tcp", "udp":
			e.NetworkTransport = parse.Text(v.Text)
		default:
			return false
		}
	case event.NetworkProtocol:
		e.NetworkProtocol = parse.Lower(v.Text, &d.lower)
	default:
		return false
	}
	d.seen |= 1 << f
	return true
}

// set gives field f of the event the value v. Of several values the smallest counts,
// addresses compared by their 128 bits. It reports false, with d.err, for a value that is
// none of the field's kind. As Elasticsearch does, it takes numbers and booleans out of
// strings, and an empty string for no number, address or time.
func (d *decoder) set(f event.Field, v *jsonlines.Value) bool {
	first := !d.seen.Has(f)
	e := &d.event
	kind := f.Kind()
	if len(v.Text) == 0 && kind != event.KindText && kind != event.KindBool {
		return true
	}
	switch kind {
	case event.KindText:
		d.setText(f, v.Text, first)
	case event.KindIP:
		ip, ok := parse.IP(v.Text)
		if !ok || v.Kind != jsonlines.String {
			return d.wrong(f, v, "an IP address")
		}
		if first || less(ip, e.IP(f)) {
			e.SetIP(f, ip)
		}
	case event.KindBool:
		b, ok := boolean(v)
		if !ok {
			return d.wrong(f, v, "true or false")
		}
		if first || b < e.Bool(f) {
			e.SetBool(f, b)
		}
	case event.KindTime:
		nanos, ok := date(v)
		if !ok {
			return d.wrong(f, v, "a time: RFC 3339 or milliseconds since 1970")
		}
		if first || nanos < e.Count(f) {
			e.SetCount(f, nanos)
		}
	case event.KindCount:
		n, ok := whole(v)
		if !ok {
			return d.wrong(f, v, "a whole number")
		}
		if (f == event.SourcePort || f == event.DestinationPort) && (n < 0 || n > math.MaxUint16) {
			return d.wrong(f, v, "a port, 0 to 65535")
		}
		if first || n < e.Count(f) {
			e.SetCount(f, n)
		}
	}
	d.seen |= 1 << f
	return true
}

func (d *decoder) wrong(f event.Field, v *jsonlines.Value, want string) bool {
	d.err = source.RecordError{Field: f.String(), Got: source.Shorten(v.Text), Want: want}
	return false
}

// setText sets the texts that are no plain ones.
func (d *decoder) setText(f event.Field, raw []byte, first bool) {
	text, old := parse.Text(raw), d.event.Text(f)
	switch f {
	case event.EventCategory:
		if !first && (text == "network") != (*old == "network") {
			first = text == "network" // the one value that matters beats smaller ones
			if !first {
				return
			}
		}
	case event.NetworkTransport:
		if name, ok := parse.Transport(raw); ok {
			text = name
		}
	case event.NetworkProtocol:
		text = parse.Lower(raw, &d.lower)
	default:
	}
	if first || text < *old {
		*old = text
	}
}

// less compares addresses by their 128 bits, IPv4 as IPv4-mapped.
func less(a, b netip.Addr) bool {
	x, y := a.As16(), b.As16()
	return string(x[:]) < string(y[:])
}

func boolean(v *jsonlines.Value) (event.Tristate, bool) {
	switch v.Kind {
	case jsonlines.True:
		return event.True, true
	case jsonlines.False:
		return event.False, true
	case jsonlines.String:
		switch string(v.Text) {
		case "true":
			return event.True, true
		case "false", "":
			return event.False, true
		}
	default:
	}
	return event.Unknown, false
}

// whole reads a number as Elasticsearch reads one into a field of type long: also from a
// string, and with its fraction cut off.
func whole(v *jsonlines.Value) (int64, bool) {
	if v.Kind != jsonlines.Number && v.Kind != jsonlines.String {
		return 0, false
	}
	if n, ok := parse.Count(v.Text); ok {
		return n, true
	}
	n, _, ok := decimal(v.Text)
	return n, ok
}

// date reads a time: RFC 3339, or milliseconds since 1970 as a number or in a string.
func date(v *jsonlines.Value) (nanos int64, ok bool) {
	switch v.Kind {
	case jsonlines.String:
		if nanos, ok = parse.RFC3339(v.Text); ok {
			return nanos, true
		}
	case jsonlines.Number:
	default:
		return 0, false
	}
	millis, rest, ok := decimal(v.Text)
	if !ok || millis <= -maxMillis || millis >= maxMillis {
		return 0, false
	}
	return millis*1e6 + rest, true
}

// maxMillis is the number of milliseconds whose nanoseconds no longer fit.
const maxMillis = math.MaxInt64 / 1_000_000

// decimal returns the whole part of a JSON number and what is behind the point in
// millionths, cut off, of the same sign.
func decimal(text []byte) (n, millionths int64, ok bool) {
	digits, negative := bytes.CutPrefix(text, []byte{'-'})
	integer, fraction, _ := bytes.Cut(digits, []byte{'.'})
	if n, ok = parse.Count(integer); ok {
		scale := int64(100_000)
		for _, c := range fraction {
			if c -= '0'; c > 9 {
				ok = false
				break
			}
			millionths += int64(c) * scale
			scale /= 10
		}
		if ok && negative {
			return -n, -millionths, true
		} else if ok {
			return n, millionths, true
		}
	}
	// What is left is 1.5e3 and its like, which float64 holds as well as its writer did.
	if len(text) > maxNumberBytes || bytes.ContainsFunc(text, func(r rune) bool {
		return r != '+' && r != '-' && r != '.' && r != 'e' && r != 'E' && (r < '0' || r > '9')
	}) {
		return 0, 0, false
	}
	f, err := strconv.ParseFloat(parse.Text(text), 64)
	if err != nil || !(math.Abs(f) < 1<<63) {
		return 0, 0, false
	}
	whole, part := math.Modf(f)
	return int64(whole), int64(part * 1e6), true
}

// maxNumberBytes is longer than any number that is meant.
const maxNumberBytes = 400
