package event

import (
	"encoding/binary"
	"net/netip"
)

// The fields of an event lie in four parts. Three of them are values that many events share; the
// fourth are its numbers, which Columns has by name.
var (
	// CallerFields say who called.
	CallerFields = []Field{
		SourceIP, HostName, UserName, ProcessName, ProcessPID, ProcessEntityID, ProcessExecutable,
		ProcessHashSHA256, ProcessParentName, ProcessParentHashSHA256,
		SignatureExists, SignatureTrusted, SignatureValid, SignatureStatus, SignatureSubjectName,
	}
	// CalleeFields say who was called.
	CalleeFields = []Field{
		DestinationIP, DestinationPort, DestinationDomain, NetworkTransport, NetworkProtocol,
		TLSServerName, TLSClientJA3, UserAgent,
	}
	// KindFields say what kind of event it is.
	KindFields = []Field{ConnectionState, EventAction, EventCategory}
)

// Columns are some events by column: their numbers, and of the values that they share with others
// where these stand. Whoever looks at many events can so look at what they share once.
type Columns struct {
	TimeNanos, IngestedNanos, DurationNanos []int64
	SourceBytes, DestinationBytes           []int64
	SourcePort                              []uint16

	Caller, Callee, Kind []uint32 // places in Shared
	Shared               Shared
}

// Shared are the values that events share. What stands at a place stays there, and two that are
// equal (==) are the same. It is safe for concurrent use.
type Shared interface {
	// Len returns how many places each part has.
	Len() (callers, callees, kinds int)
	// Caller sets all CallerFields of e to those at a place. The texts stay valid.
	Caller(e *Event, place uint32)
	Callee(e *Event, place uint32)
	Kind(e *Event, place uint32)
}

// Len returns the number of events.
func (c *Columns) Len() int { return len(c.TimeNanos) }

// Event sets all fields of e to those of an event.
func (c *Columns) Event(e *Event, i int) {
	c.Numbers(e, i)
	c.Shared.Caller(e, c.Caller[i])
	c.Shared.Callee(e, c.Callee[i])
	c.Shared.Kind(e, c.Kind[i])
}

// Numbers sets the fields of e that no events share.
func (c *Columns) Numbers(e *Event, i int) {
	e.TimeNanos, e.IngestedNanos, e.DurationNanos = c.TimeNanos[i], c.IngestedNanos[i], c.DurationNanos[i]
	e.SourceBytes, e.DestinationBytes, e.SourcePort = c.SourceBytes[i], c.DestinationBytes[i], c.SourcePort[i]
}

// AppendCaller appends what AppendKey does for each of CallerFields. It and the two behind it are
// written out: every event that is stored comes by here.
func (e *Event) AppendCaller(dst []byte) []byte {
	dst = appendIP(dst, e.SourceIP)
	dst = appendText(dst, e.HostName)
	dst = appendText(dst, e.UserName)
	dst = appendText(dst, e.ProcessName)
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.ProcessPID))
	dst = appendText(dst, e.ProcessEntityID)
	dst = appendText(dst, e.ProcessExecutable)
	dst = appendText(dst, e.ProcessHashSHA256)
	dst = appendText(dst, e.ProcessParentName)
	dst = appendText(dst, e.ProcessParentHashSHA256)
	dst = append(dst, byte(e.SignatureExists), byte(e.SignatureTrusted), byte(e.SignatureValid))
	dst = appendText(dst, e.SignatureStatus)
	return appendText(dst, e.SignatureSubjectName)
}

// AppendCallee appends what AppendKey does for each of CalleeFields.
func (e *Event) AppendCallee(dst []byte) []byte {
	dst = appendIP(dst, e.DestinationIP)
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.DestinationPort))
	dst = appendText(dst, e.DestinationDomain)
	dst = appendText(dst, e.NetworkTransport)
	dst = appendText(dst, e.NetworkProtocol)
	dst = appendText(dst, e.TLSServerName)
	dst = appendText(dst, e.TLSClientJA3)
	return appendText(dst, e.UserAgent)
}

// AppendKind appends what AppendKey does for each of KindFields.
func (e *Event) AppendKind(dst []byte) []byte {
	dst = appendText(dst, e.ConnectionState)
	dst = appendText(dst, e.EventAction)
	return appendText(dst, e.EventCategory)
}

// appendText appends a text as AppendKey does.
func appendText(dst []byte, s string) []byte {
	if len(s) < 1<<7 {
		dst = append(dst, byte(len(s))) // what AppendUvarint makes of it
	} else {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
	}
	return append(dst, s...)
}

// appendIP appends an address as AppendKey does.
func appendIP(dst []byte, a netip.Addr) []byte {
	switch {
	case a.Is4():
		b := a.As4()
		return append(dst, 4, b[0], b[1], b[2], b[3])
	case a.IsValid():
		b := a.As16()
		return append(append(dst, 16), b[:]...)
	}
	return append(dst, 0)
}
