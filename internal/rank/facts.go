// Package rank orders what was found as an analyst would: it weighs the evidence for and
// against each row, and says why.
package rank

import (
	"net/netip"

	"fresnel/internal/event"
)

// Facts are what is known of one row: the calls of one group to one destination, and who
// else does the same. They are plain numbers and names, so that evidence can be weighed
// without knowing where it came from.
//
// "The destination" is the registrable domain where a name is known, else the address. A
// fleet is all hosts of the data.
type Facts struct {
	// When it calls.
	Kind          string  // of the timing model: "sleep", "clock", "mixture", "growing"; empty when nothing looks like a timer. QValue tells whether that is more than chance
	QValue        float64 // p-value of the timing model, corrected over all rows looked at; 1 when it found nothing
	PeriodSeconds float64 // 0 when no timer was found
	Jitter        float64 // share of the period, 0 to 1
	Callbacks     int     // retries of one callback counted once
	Missed        int     // callbacks that the timer should have made and that are not there
	SpanSeconds   float64 // from the first callback to the last
	ActiveHours   int     // hours of the day (UTC) with callbacks, 0 to 24
	Regimes       int     // stretches of steady timing that pauses or changes of period divide
	FailedShare   float64 // share of the attempts that were not answered
	Siblings      int     // other destinations that the same process of the host, or the host where no process is known, called on a timer of about the same period before this one began or after it ended

	// What it sends. Spreads are (90th - 10th percentile) / median over the callbacks.
	HasBytes               bool
	SourceBytes            float64 // median of a callback
	DestinationBytes       float64 // median of a callback
	SourceBytesSpread      float64
	DestinationBytesSpread float64

	// Who else does it.
	Hosts                     int // of the fleet
	HostsOfDestination        int // hosts that call the destination
	HostsOfAddress            int // hosts that call the address
	HostsOfProcess            int // hosts that run a process of this name; 0 when there is no process name
	HostsOfProcessDestination int // hosts whose process of this name calls the destination
	ProcessDestinations       int // destinations that processes of this name call, over the fleet
	ProcessLoneDestinations   int // of these, the ones that processes of this name call from one host only
	ProcessLoneTimers         int // of these, the ones that are called on a timer
	HostDestinations          int // destinations that this host's process of this name calls
	NamesOfAddress            int // different domains that the address was seen under, over the fleet

	// Since when. Seconds after the beginning of the data; DataSeconds is the length of the data.
	DataSeconds      float64
	HostFirst        float64 // first event of this host
	DestinationFirst float64 // first call to the destination from any host
	ProcessFirst     float64 // first event of a process of this name on this host
	RowFirst         float64 // first call of this row

	// What calls.
	HostName          string
	ProcessName       string
	ProcessExecutable string // path; empty when events do not carry it
	ParentName        string
	HasHash           bool
	HostsOfHash       int // hosts that run a file of this hash
	HashesOfProcess   int // different hashes of processes of this name, over the fleet
	SignatureExists   event.Tristate
	SignatureTrusted  event.Tristate
	SignatureValid    event.Tristate
	SignatureStatus   string
	SignatureSubject  string
	SignatureShare    float64 // share of the fleet's rows that carry any signature field: a sensor that sends none must not make everything unsigned

	// Where to.
	Address          netip.Addr
	Domain           string // full name; empty when none is known
	Port             uint16
	Transport        string
	Protocol         string
	TLSClientJA3     string
	UserAgent        string
	HostsOfJA3       int     // hosts seen with this JA3; 0 when there is none
	HostsOfUserAgent int     // hosts seen with this user agent; 0 when there is none
	NamedShare       float64 // share of the fleet's rows whose destination has a name: a log without names must not make every address a raw one
}
