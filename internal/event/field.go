package event

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// A Field names one field of an Event by its ECS name.
type Field uint8

// The fields, in the order of Fields.
const (
	Timestamp Field = iota
	Ingested
	Duration
	SourceIP
	DestinationIP
	SourcePort
	DestinationPort
	SourceBytes
	DestinationBytes
	HostName
	UserName
	ProcessName
	ProcessPID
	ProcessEntityID
	ProcessExecutable
	ProcessHashSHA256
	ProcessParentName
	ProcessParentHashSHA256
	SignatureExists
	SignatureTrusted
	SignatureValid
	SignatureStatus
	SignatureSubjectName
	DestinationDomain
	NetworkTransport
	NetworkProtocol
	ConnectionState
	TLSServerName
	TLSClientJA3
	UserAgent
	EventAction
	EventCategory

	NumFields int = iota
)

// A Kind tells what the values of a field are.
type Kind uint8

// The kinds of fields.
const (
	KindText  Kind = iota // a string; "" is missing
	KindIP                // an address; the zero netip.Addr is missing
	KindCount             // an integer; 0 is missing
	KindBool              // a Tristate
	KindTime              // nanoseconds since 1970 UTC; 0 is missing
)

var fields = [NumFields]struct {
	name string
	kind Kind
}{
	Timestamp:               {"@timestamp", KindTime},
	Ingested:                {"event.ingested", KindTime},
	Duration:                {"event.duration", KindCount},
	SourceIP:                {"source.ip", KindIP},
	DestinationIP:           {"destination.ip", KindIP},
	SourcePort:              {"source.port", KindCount},
	DestinationPort:         {"destination.port", KindCount},
	SourceBytes:             {"source.bytes", KindCount},
	DestinationBytes:        {"destination.bytes", KindCount},
	HostName:                {"host.name", KindText},
	UserName:                {"user.name", KindText},
	ProcessName:             {"process.name", KindText},
	ProcessPID:              {"process.pid", KindCount},
	ProcessEntityID:         {"process.entity_id", KindText},
	ProcessExecutable:       {"process.executable", KindText},
	ProcessHashSHA256:       {"process.hash.sha256", KindText},
	ProcessParentName:       {"process.parent.name", KindText},
	ProcessParentHashSHA256: {"process.parent.hash.sha256", KindText},
	SignatureExists:         {"process.code_signature.exists", KindBool},
	SignatureTrusted:        {"process.code_signature.trusted", KindBool},
	SignatureValid:          {"process.code_signature.valid", KindBool},
	SignatureStatus:         {"process.code_signature.status", KindText},
	SignatureSubjectName:    {"process.code_signature.subject_name", KindText},
	DestinationDomain:       {"destination.domain", KindText},
	NetworkTransport:        {"network.transport", KindText},
	NetworkProtocol:         {"network.protocol", KindText},
	ConnectionState:         {"connection.state", KindText},
	TLSServerName:           {"tls.client.server_name", KindText},
	TLSClientJA3:            {"tls.client.ja3", KindText},
	UserAgent:               {"user_agent.original", KindText},
	EventAction:             {"event.action", KindText},
	EventCategory:           {"event.category", KindText},
}

// Fields returns all fields in their order.
func Fields() []Field {
	all := make([]Field, NumFields)
	for i := range all {
		all[i] = Field(i)
	}
	return all
}

// String returns the ECS name of f.
func (f Field) String() string { return fields[f].name }

// Kind tells what the values of f are.
func (f Field) Kind() Kind { return fields[f].kind }

// ParseField returns the field with the ECS name s.
func ParseField(s string) (Field, error) {
	for i, f := range fields {
		if f.name == s {
			return Field(i), nil
		}
	}
	return 0, fmt.Errorf("got %q, want an event field: %s", s, strings.Join(fieldNames(), ", "))
}

func fieldNames() []string {
	names := make([]string, NumFields)
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// Text returns a pointer to the text of a field of KindText, and nil for any other.
func (e *Event) Text(f Field) *string {
	switch f {
	case HostName:
		return &e.HostName
	case UserName:
		return &e.UserName
	case ProcessName:
		return &e.ProcessName
	case ProcessEntityID:
		return &e.ProcessEntityID
	case ProcessExecutable:
		return &e.ProcessExecutable
	case ProcessHashSHA256:
		return &e.ProcessHashSHA256
	case ProcessParentName:
		return &e.ProcessParentName
	case ProcessParentHashSHA256:
		return &e.ProcessParentHashSHA256
	case SignatureStatus:
		return &e.SignatureStatus
	case SignatureSubjectName:
		return &e.SignatureSubjectName
	case DestinationDomain:
		return &e.DestinationDomain
	case NetworkTransport:
		return &e.NetworkTransport
	case NetworkProtocol:
		return &e.NetworkProtocol
	case ConnectionState:
		return &e.ConnectionState
	case TLSServerName:
		return &e.TLSServerName
	case TLSClientJA3:
		return &e.TLSClientJA3
	case UserAgent:
		return &e.UserAgent
	case EventAction:
		return &e.EventAction
	case EventCategory:
		return &e.EventCategory
	}
	return nil
}

// IP returns the value of a field of KindIP, and the zero Addr for any other.
func (e *Event) IP(f Field) netip.Addr {
	switch f {
	case SourceIP:
		return e.SourceIP
	case DestinationIP:
		return e.DestinationIP
	}
	return netip.Addr{}
}

// Bool returns the value of a field of KindBool, and Unknown for any other.
func (e *Event) Bool(f Field) Tristate {
	switch f {
	case SignatureExists:
		return e.SignatureExists
	case SignatureTrusted:
		return e.SignatureTrusted
	case SignatureValid:
		return e.SignatureValid
	}
	return Unknown
}

// Count returns the value of a field of KindCount or KindTime, and 0 for any other.
func (e *Event) Count(f Field) int64 {
	switch f {
	case Timestamp:
		return e.TimeNanos
	case Ingested:
		return e.IngestedNanos
	case Duration:
		return e.DurationNanos
	case SourcePort:
		return int64(e.SourcePort)
	case DestinationPort:
		return int64(e.DestinationPort)
	case SourceBytes:
		return e.SourceBytes
	case DestinationBytes:
		return e.DestinationBytes
	case ProcessPID:
		return e.ProcessPID
	}
	return 0
}

// SetIP sets a field of KindIP, and does nothing for any other.
func (e *Event) SetIP(f Field, a netip.Addr) {
	switch f {
	case SourceIP:
		e.SourceIP = a
	case DestinationIP:
		e.DestinationIP = a
	}
}

// SetBool sets a field of KindBool, and does nothing for any other.
func (e *Event) SetBool(f Field, b Tristate) {
	switch f {
	case SignatureExists:
		e.SignatureExists = b
	case SignatureTrusted:
		e.SignatureTrusted = b
	case SignatureValid:
		e.SignatureValid = b
	}
}

// SetCount sets a field of KindCount or KindTime, and does nothing for any other. n fits the
// field: a port is at most 65535.
func (e *Event) SetCount(f Field, n int64) {
	switch f {
	case Timestamp:
		e.TimeNanos = n
	case Ingested:
		e.IngestedNanos = n
	case Duration:
		e.DurationNanos = n
	case SourcePort:
		e.SourcePort = uint16(n)
	case DestinationPort:
		e.DestinationPort = uint16(n)
	case SourceBytes:
		e.SourceBytes = n
	case DestinationBytes:
		e.DestinationBytes = n
	case ProcessPID:
		e.ProcessPID = n
	}
}

// Has reports whether e has a value in f.
func (e *Event) Has(f Field) bool {
	switch f.Kind() {
	case KindText:
		return *e.Text(f) != ""
	case KindIP:
		return e.IP(f).IsValid()
	case KindBool:
		return e.Bool(f) != Unknown
	}
	return e.Count(f) != 0
}

// AppendKey appends a form of the value of f that is equal for equal values and that
// ReadKey takes apart again: the bytes of a text or of an address behind their length, 8
// bytes for a number, 1 for a boolean.
func (e *Event) AppendKey(dst []byte, f Field) []byte {
	switch f.Kind() {
	case KindText:
		return appendText(dst, *e.Text(f))
	case KindIP:
		return appendIP(dst, e.IP(f))
	case KindBool:
		return append(dst, byte(e.Bool(f)))
	}
	return binary.BigEndian.AppendUint64(dst, uint64(e.Count(f)))
}

// Hash returns a hash of what AppendKey appends for f, mixed with h; ok is false when e has no
// value in f. It is different in each run of a program, so that nobody can make events whose
// hashes collide.
func (e *Event) Hash(h uint64, f Field) (hash uint64, ok bool) {
	switch f.Kind() {
	case KindText:
		s := *e.Text(f)
		return mix(h, maphash.String(seed, s)), s != ""
	case KindIP:
		a := e.IP(f)
		if a.Is4() {
			b := a.As4()
			return mix(h, uint64(binary.LittleEndian.Uint32(b[:]))), true
		}
		b := a.As16()
		return mix(mix(h, binary.LittleEndian.Uint64(b[:])), binary.LittleEndian.Uint64(b[8:])), a.IsValid()
	case KindBool:
		b := e.Bool(f)
		return mix(h, uint64(b)), b != Unknown
	}
	n := e.Count(f)
	return mix(h, uint64(n)), n != 0
}

var (
	seed  = maphash.MakeSeed()
	salts = [2]uint64{maphash.String(seed, "0"), maphash.String(seed, "1")}
)

// mix mixes x into h by a multiplication of which both halves count.
func mix(h, x uint64) uint64 {
	high, low := bits.Mul64(h^salts[0], x^salts[1])
	return high ^ low
}

// ReadKey reads what AppendKey wrote for f at the start of key and returns the value as
// text, as it is shown and written, and the rest of key.
func ReadKey(key []byte, f Field) (value string, rest []byte) {
	switch f.Kind() {
	case KindText:
		n, w := binary.Uvarint(key)
		end := w + int(n)
		return string(key[w:end]), key[end:]
	case KindIP:
		end := 1 + key[0]
		a, _ := netip.AddrFromSlice(key[1:end])
		return a.String(), key[end:]
	case KindBool:
		return strconv.FormatBool(Tristate(key[0]) == True), key[1:]
	}
	return strconv.FormatInt(int64(binary.BigEndian.Uint64(key)), 10), key[8:]
}

// SetKey sets f to what AppendKey wrote at the start of key, and returns the rest of key. Texts
// share the memory of key.
func (e *Event) SetKey(key string, f Field) (rest string) {
	switch f.Kind() {
	case KindText:
		n, w := uint64(0), 0
		for shift := 0; ; shift += 7 {
			b := key[w]
			w++
			n |= uint64(b&0x7f) << shift
			if b < 0x80 {
				break
			}
		}
		end := w + int(n)
		*e.Text(f) = key[w:end]
		return key[end:]
	case KindIP:
		end := 1 + key[0]
		var a netip.Addr
		switch key[0] {
		case 4:
			a = netip.AddrFrom4([4]byte([]byte(key[1:end])))
		case 16:
			a = netip.AddrFrom16([16]byte([]byte(key[1:end])))
		}
		e.SetIP(f, a)
		return key[end:]
	case KindBool:
		e.SetBool(f, Tristate(key[0]))
		return key[1:]
	}
	var n uint64
	for i := range 8 {
		n = n<<8 | uint64(key[i])
	}
	e.SetCount(f, int64(n))
	return key[8:]
}

// A FieldSet is a set of fields.
type FieldSet uint64

// SetOf returns the set of the given fields.
func SetOf(fs ...Field) FieldSet {
	var s FieldSet
	for _, f := range fs {
		s |= 1 << f
	}
	return s
}

// AllFields is the set of all fields.
const AllFields FieldSet = 1<<NumFields - 1

// Has reports whether f is in s.
func (s FieldSet) Has(f Field) bool { return s&(1<<f) != 0 }

// With returns s and the given fields.
func (s FieldSet) With(fs ...Field) FieldSet { return s | SetOf(fs...) }

// Len returns the number of fields in s.
func (s FieldSet) Len() int { return bits.OnesCount64(uint64(s)) }
