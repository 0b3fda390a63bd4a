// Package survey looks at the calls of all groups to all destinations at one time: it times
// each, counts who else does the same, weighs the evidence, and folds what belongs together
// into cases. It is pure: tables in, findings out.
package survey

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"fresnel/internal/event"
	"fresnel/internal/timeline"
)

// Add adds the call of e, whose group has the given hash and key, to t.
func Add(t *timeline.Table, e *event.Event, group uint64, k Keys) {
	t.Add(
		timeline.Name{Group: group, Row: RowHash(group, e), Text: AppendText(nil, k.AppendKey(nil, e), e)},
		&timeline.Observation{TimeNanos: e.TimeNanos, SourceBytes: e.SourceBytes, DestBytes: e.DestinationBytes, Agent: Agent(e), Failed: Failed(e)},
	)
}

// Keys tell the key of the group of an event.
type Keys interface {
	AppendKey(dst []byte, e *event.Event) []byte
}

// Fields are the fields of events that a survey needs.
var Fields = event.SetOf(
	event.Timestamp, event.SourceBytes, event.DestinationBytes, event.DestinationIP,
	event.ProcessEntityID, event.ProcessPID, event.ConnectionState,
	// What AppendText keeps of a row's first event.
	event.HostName, event.SourceIP, event.ProcessName, event.DestinationDomain, event.TLSServerName,
	event.DestinationPort, event.NetworkTransport, event.NetworkProtocol, event.TLSClientJA3, event.UserAgent,
	event.ProcessExecutable, event.ProcessHashSHA256, event.ProcessParentName,
	event.SignatureExists, event.SignatureTrusted, event.SignatureValid, event.SignatureStatus, event.SignatureSubjectName,
)

// AppendText appends the text of a row to dst: the key of its group and what its first event
// says of who calls and where to.
func AppendText(dst, groupKey []byte, e *event.Event) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(groupKey)))
	dst = append(dst, groupKey...)
	at := len(dst)
	dst = append(dst, 0, 0)
	var has uint32 // one bit for each
	// Written out, since every event of a row that is not remembered comes by here.
	dst, has = appendString(dst, has, 0, e.HostName)
	if e.SourceIP.IsValid() {
		has |= 1 << 1
		dst = e.AppendKey(dst, event.SourceIP)
	}
	dst, has = appendString(dst, has, 2, e.ProcessName)
	dst, has = appendString(dst, has, 3, e.DestinationDomain)
	dst, has = appendString(dst, has, 4, e.TLSServerName)
	if e.DestinationPort != 0 {
		has |= 1 << 5
		dst = binary.BigEndian.AppendUint16(dst, e.DestinationPort)
	}
	dst, has = appendString(dst, has, 6, e.NetworkTransport)
	dst, has = appendString(dst, has, 7, e.NetworkProtocol)
	dst, has = appendString(dst, has, 8, e.TLSClientJA3)
	dst, has = appendString(dst, has, 9, e.UserAgent)
	dst, has = appendString(dst, has, 10, e.ProcessExecutable)
	dst, has = appendString(dst, has, 11, e.ProcessHashSHA256)
	dst, has = appendString(dst, has, 12, e.ProcessParentName)
	if e.SignatureExists|e.SignatureTrusted|e.SignatureValid != event.Unknown {
		has |= 1 << 13
		dst = append(dst, byte(e.SignatureExists), byte(e.SignatureTrusted), byte(e.SignatureValid))
	}
	dst, has = appendString(dst, has, 14, e.SignatureStatus)
	dst, has = appendString(dst, has, 15, e.SignatureSubjectName)
	dst = e.AppendKey(dst, event.DestinationIP)
	dst[at], dst[at+1] = byte(has), byte(has>>8)
	return dst
}

func appendString(dst []byte, has uint32, bit int, s string) ([]byte, uint32) {
	if s == "" {
		return dst, has
	}
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...), has | 1<<bit
}

// readText reads what AppendText wrote.
func readText(text []byte) (groupKey []byte, e event.Event) {
	n, size := binary.Uvarint(text)
	groupKey, text = text[size:size+int(n)], text[size+int(n):]
	has := uint32(text[0]) | uint32(text[1])<<8
	text = text[2:]
	str := func(bit int, s *string) {
		if has>>bit&1 != 0 {
			n, size := binary.Uvarint(text)
			*s, text = string(text[size:size+int(n)]), text[size+int(n):]
		}
	}
	str(0, &e.HostName)
	if has>>1&1 != 0 {
		e.SourceIP, _ = netip.AddrFromSlice(text[1 : 1+text[0]])
		text = text[1+text[0]:]
	}
	str(2, &e.ProcessName)
	str(3, &e.DestinationDomain)
	str(4, &e.TLSServerName)
	if has>>5&1 != 0 {
		e.DestinationPort, text = binary.BigEndian.Uint16(text), text[2:]
	}
	str(6, &e.NetworkTransport)
	str(7, &e.NetworkProtocol)
	str(8, &e.TLSClientJA3)
	str(9, &e.UserAgent)
	str(10, &e.ProcessExecutable)
	str(11, &e.ProcessHashSHA256)
	str(12, &e.ProcessParentName)
	if has>>13&1 != 0 {
		e.SignatureExists, e.SignatureTrusted, e.SignatureValid = event.Tristate(text[0]), event.Tristate(text[1]), event.Tristate(text[2])
		text = text[3:]
	}
	str(14, &e.SignatureStatus)
	str(15, &e.SignatureSubjectName)
	e.DestinationIP, _ = netip.AddrFromSlice(text[1 : 1+text[0]])
	return groupKey, e
}

// An outline is what of a row's text is counted over the fleet. It shares the text's memory.
type outline struct {
	key, host, source, process, name, address, hash, ja3, userAgent []byte
	signed                                                          bool
}

// readOutline reads what AppendText wrote, without a copy.
func readOutline(text []byte) (o outline) {
	n, size := binary.Uvarint(text)
	o.key, text = text[size:size+int(n)], text[size+int(n):]
	has := uint32(text[0]) | uint32(text[1])<<8
	text = text[2:]
	str := func(bit int) (s []byte) {
		if has>>bit&1 != 0 {
			n, size := binary.Uvarint(text)
			s, text = text[size:size+int(n)], text[size+int(n):]
		}
		return s
	}
	o.host = str(0)
	if has>>1&1 != 0 {
		o.source, text = text[1:1+text[0]], text[1+text[0]:]
	}
	o.process = str(2)
	domain, server := str(3), str(4)
	if o.name = domain; len(domain) == 0 {
		o.name = server
	}
	if has>>5&1 != 0 {
		text = text[2:]
	}
	str(6)
	str(7)
	o.ja3, o.userAgent = str(8), str(9)
	str(10)
	o.hash = str(11)
	str(12)
	if o.signed = has>>13&7 != 0; has>>13&1 != 0 {
		text = text[3:]
	}
	str(14)
	str(15)
	o.address = text[1 : 1+text[0]]
	return o
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

// Agent returns what tells processes of one name apart, 0 when nothing does. It is the same
// in each run of a program, since slices hold it; two processes that share it by intent only
// look like one.
func Agent(e *event.Event) uint32 {
	const offset, prime = 14695981039346656037, 1099511628211 // of FNV-1a
	hash := uint64(offset)
	switch {
	case e.ProcessEntityID != "":
		for i := range len(e.ProcessEntityID) {
			hash = (hash ^ uint64(e.ProcessEntityID[i])) * prime
		}
	case e.ProcessPID != 0:
		hash = (hash ^ uint64(e.ProcessPID)) * prime
	default:
		return 0
	}
	return uint32((hash^hash>>29)*prime>>32) | 1
}

// HashesOf returns the hashes that Add gives the row with a text, where hash tells that of
// its group from the group's key. A text that is not one of a row gives an error.
func HashesOf(text []byte, hash func(groupKey []byte) (uint64, error)) (group, row uint64, err error) {
	defer func() { // texts are read without looking where they end
		if recover() != nil {
			err = errText
		}
	}()
	o := readOutline(text)
	if group, err = hash(o.key); err != nil {
		return 0, 0, err
	}
	e := event.Event{DestinationDomain: string(o.name)}
	e.DestinationIP, _ = netip.AddrFromSlice(o.address)
	return group, RowHash(group, &e), nil
}

var errText = errors.New("not the text of a row")

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
