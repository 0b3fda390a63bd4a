// Package survey looks at the calls of all groups to all destinations at one time: it times
// each, counts who else does the same, weighs the evidence, and folds what belongs together
// into cases. It is pure: tables in, findings out.
package survey

import (
	"encoding/binary"
	"net/netip"

	"fresnel/internal/event"
)

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

// AppendText appends the text of a row to dst: the key of its group and what its first event
// says of who calls and where to.
func AppendText(dst, groupKey []byte, e *event.Event) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(groupKey)))
	dst = append(dst, groupKey...)
	for _, f := range identityFields {
		dst = e.AppendKey(dst, f)
	}
	return dst
}

// readText reads what AppendText wrote.
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
			if a, err := netip.ParseAddr(value); err == nil {
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

// RowHash returns the hash of a row, from that of its group: by address and name of the
// destination.
func RowHash(group uint64, e *event.Event) uint64 {
	hash, _ := e.Hash(group, event.DestinationIP)
	if e.DestinationDomain != "" {
		hash, _ = e.Hash(hash, event.DestinationDomain)
	} else if e.TLSServerName != "" {
		hash, _ = e.Hash(hash, event.TLSServerName)
	}
	return hash
}

// Agent returns what tells processes of one name apart, 0 when nothing does.
func Agent(e *event.Event) uint32 {
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

// Failed reports that a call was not answered: its source says so, or nothing came back.
func Failed(e *event.Event) bool {
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
