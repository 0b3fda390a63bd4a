// Package survey looks at the calls of all groups to all destinations at one time: it times
// each, counts who else does the same, weighs the evidence, and folds what belongs together
// into cases. It is pure: tables in, findings out.
package survey

import (
	"encoding/binary"
	"net/netip"

	"fresnel/internal/event"
	"fresnel/internal/timeline"
)

// A Collector turns events into observations for tables. The text of a row is sent with the
// first of its calls that comes this way; where several collectors work on events in turn,
// the first call of all has it.
type Collector struct {
	told [1 << 13]uint64 // hashes of rows whose text was sent, as far as they are remembered
	key  []byte
	text []byte
}

// Add adds the call of e, whose group has the given hash, to b.
func (c *Collector) Add(b *timeline.Batch, e *event.Event, group uint64, k Keys) {
	row := rowHash(group, e)
	told := &c.told[row%uint64(len(c.told))]
	c.text = c.text[:0]
	if *told != row {
		*told = row
		c.key = k.AppendKey(c.key[:0], e)
		c.text = appendText(c.text, c.key, e)
	}
	b.Add(&timeline.Observation{
		Group: group, Row: row, TimeNanos: e.TimeNanos, SourceBytes: e.SourceBytes, DestBytes: e.DestinationBytes,
		Destination: e.DestinationIP, Agent: agent(e), Failed: failed(e),
	}, c.text)
}

// Keys tell the key of the group of an event.
type Keys interface {
	AppendKey(dst []byte, e *event.Event) []byte
}

// identityFields are what is kept of a row's first event.
var identityFields = []event.Field{
	event.HostName, event.SourceIP, event.ProcessName, event.DestinationDomain, event.TLSServerName,
	event.DestinationPort, event.NetworkTransport, event.NetworkProtocol, event.TLSClientJA3, event.UserAgent,
	event.ProcessExecutable, event.ProcessHashSHA256, event.ProcessParentName,
	event.SignatureExists, event.SignatureTrusted, event.SignatureValid, event.SignatureStatus, event.SignatureSubjectName,
}

// Fields are the fields of events that a survey needs.
var Fields = event.SetOf(append([]event.Field{
	event.Timestamp, event.SourceBytes, event.DestinationBytes, event.DestinationIP,
	event.ProcessEntityID, event.ProcessPID, event.ConnectionState,
}, identityFields...)...)

// appendText appends the text of a row to dst: the key of its group and what its first event
// says of who calls and where to.
func appendText(dst, groupKey []byte, e *event.Event) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(groupKey)))
	dst = append(dst, groupKey...)
	for _, f := range identityFields {
		dst = e.AppendKey(dst, f)
	}
	return dst
}

// readText reads what appendText wrote.
func readText(text []byte) (groupKey []byte, e event.Event) {
	n, size := binary.Uvarint(text)
	groupKey, text = text[size:size+int(n)], text[size+int(n):]
	for _, f := range identityFields {
		switch f.Kind() {
		case event.KindBool: // ReadKey does not tell false from unknown
			e.SetBool(f, event.Tristate(text[0]))
			text = text[1:]
		case event.KindIP:
			var value string
			value, text = event.ReadKey(text, f)
			if a, err := netip.ParseAddr(value); err == nil && a != netip.IPv6Unspecified() { // which stands for no address
				e.SetIP(f, a)
			}
		case event.KindText:
			*e.Text(f), text = event.ReadKey(text, f)
		default:
			e.SetCount(f, int64(binary.BigEndian.Uint64(text)))
			text = text[8:]
		}
	}
	return groupKey, e
}

// rowHash returns the hash of a row, from that of its group: by address and name of the
// destination.
func rowHash(group uint64, e *event.Event) uint64 {
	hash, _ := e.Hash(group, event.DestinationIP)
	if e.DestinationDomain != "" {
		hash, _ = e.Hash(hash, event.DestinationDomain)
	} else if e.TLSServerName != "" {
		hash, _ = e.Hash(hash, event.TLSServerName)
	}
	return hash
}

// agent returns what tells processes of one name apart, 0 when nothing does.
func agent(e *event.Event) uint32 {
	var hash uint64
	switch {
	case e.ProcessEntityID != "":
		hash, _ = e.Hash(1, event.ProcessEntityID)
	case e.ProcessPID != 0:
		hash, _ = e.Hash(1, event.ProcessPID)
	default:
		return 0
	}
	return uint32(hash>>32) | 1
}

// failed reports that a call was not answered: its source says so, or nothing came back.
func failed(e *event.Event) bool {
	switch e.ConnectionState {
	case "":
		return e.DestinationBytes == 0 && e.SourceBytes > 0
	case "S0", "REJ", "SH", "RSTOS0", "RSTRH":
		return true
	case "new": // Suricata's word for one side only
		return e.DestinationBytes == 0
	}
	return false
}
