// Package event holds the one shape that every input is turned into: a network event.
//
// Its fields are those of the Elastic Common Schema (ECS) that detection and its evidence
// look at. The package knows no file, no format and no clock.
package event

import "net/netip"

// An Event is one network event, usually one finished connection.
//
// The zero value is an event without any field. Strings may point into the buffer of
// whoever decoded the event and are then valid only until the next event is decoded:
// keep a copy (strings.Clone), never the string.
type Event struct {
	TimeNanos     int64 // ECS @timestamp, nanoseconds since 1970 UTC
	IngestedNanos int64 // ECS event.ingested, nanoseconds since 1970 UTC; 0 when missing
	DurationNanos int64 // ECS event.duration; 0 when missing

	SourceIP         netip.Addr // ECS source.ip; never an IPv4-mapped IPv6 address
	DestinationIP    netip.Addr // ECS destination.ip; never an IPv4-mapped IPv6 address
	SourcePort       uint16     // ECS source.port; 0 when missing
	DestinationPort  uint16     // ECS destination.port; 0 when missing
	SourceBytes      int64      // ECS source.bytes; 0 when missing
	DestinationBytes int64      // ECS destination.bytes; 0 when missing

	HostName    string // ECS host.name
	UserName    string // ECS user.name
	ProcessName string // ECS process.name

	ProcessPID              int64  // ECS process.pid; 0 when missing
	ProcessEntityID         string // ECS process.entity_id
	ProcessExecutable       string // ECS process.executable
	ProcessHashSHA256       string // ECS process.hash.sha256
	ProcessParentName       string // ECS process.parent.name
	ProcessParentHashSHA256 string // ECS process.parent.hash.sha256

	SignatureExists      Tristate // ECS process.code_signature.exists
	SignatureTrusted     Tristate // ECS process.code_signature.trusted
	SignatureValid       Tristate // ECS process.code_signature.valid
	SignatureStatus      string   // ECS process.code_signature.status
	SignatureSubjectName string   // ECS process.code_signature.subject_name

	DestinationDomain string // ECS destination.domain
	NetworkTransport  string // ECS network.transport, lower case: tcp, udp, icmp
	NetworkProtocol   string // ECS network.protocol, lower case: http, tls, dns
	ConnectionState   string // how the connection ended, in its source's words: S0, SF, established
	TLSServerName     string // ECS tls.client.server_name
	TLSClientJA3      string // ECS tls.client.ja3
	UserAgent         string // ECS user_agent.original

	EventAction   string // ECS event.action
	EventCategory string // ECS event.category: "network" when that is among its values, else the smallest
}

// A Tristate is a boolean that may be missing.
type Tristate uint8

// The values of a Tristate; the zero value is Unknown.
const (
	Unknown Tristate = iota
	False
	True
)

// TristateOf returns True or False.
func TristateOf(b bool) Tristate {
	if b {
		return True
	}
	return False
}
