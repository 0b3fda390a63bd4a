package event

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
	e.TimeNanos, e.IngestedNanos, e.DurationNanos = c.TimeNanos[i], c.IngestedNanos[i], c.DurationNanos[i]
	e.SourceBytes, e.DestinationBytes, e.SourcePort = c.SourceBytes[i], c.DestinationBytes[i], c.SourcePort[i]
	c.Shared.Caller(e, c.Caller[i])
	c.Shared.Callee(e, c.Callee[i])
	c.Shared.Kind(e, c.Kind[i])
}
