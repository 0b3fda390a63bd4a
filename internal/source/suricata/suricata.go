// Package suricata reads the eve.json log of Suricata: its flow and netflow records are
// events, and what tls, quic, http and dns records say before them gives their names.
package suricata

import (
	"bytes"
	"io"
	"net/netip"

	"fresnel/internal/event"
	"fresnel/internal/jsonlines"
	"fresnel/internal/jsontext"
	"fresnel/internal/source"
	"fresnel/internal/source/parse"
)

// Format is the input "suricata".
var Format = source.Format{
	Name:     "suricata",
	Summary:  "Suricata eve.json: flow and netflow records, with the names of tls, quic, http and dns records",
	Detect:   detect,
	Document: "{}",
	New:      func(o source.Options) (source.Source, error) { return files{growing: o.Growing}, nil },
}

// The slots: what is looked at in a record.
const (
	eventType = iota
	timestamp
	flowID
	sourceIP
	sourcePort
	destinationIP
	destinationPort
	proto
	appProto
	host
	flowStart
	flowEnd
	flowToServer
	flowToClient
	flowState
	netflowStart
	netflowEnd
	netflowBytes
	serverName
	ja3
	httpHost
	userAgent
	dnsQuery
	dnsData // there may be several

	numSlots
)

// paths are where the slots stand in a record.
var paths = [numSlots][]string{
	eventType:       {"event_type"},
	timestamp:       {"timestamp"},
	flowID:          {"flow_id"},
	sourceIP:        {"src_ip"},
	sourcePort:      {"src_port"},
	destinationIP:   {"dest_ip"},
	destinationPort: {"dest_port"},
	proto:           {"proto"},
	appProto:        {"app_proto"},
	host:            {"host"},
	flowStart:       {"flow.start"},
	flowEnd:         {"flow.end"},
	flowToServer:    {"flow.bytes_toserver"},
	flowToClient:    {"flow.bytes_toclient"},
	flowState:       {"flow.state"},
	netflowStart:    {"netflow.start"},
	netflowEnd:      {"netflow.end"},
	netflowBytes:    {"netflow.bytes"},
	serverName:      {"tls.sni", "quic.sni"},
	ja3:             {"tls.ja3.hash", "quic.ja3.hash"},
	httpHost:        {"http.hostname"},
	userAgent:       {"http.http_user_agent"},
	dnsQuery:        {"dns.rrname", "dns.queries.rrname"},
	dnsData:         {"dns.rdata", "dns.answers.rdata", "dns.grouped.A", "dns.grouped.AAAA"},
}

// schema has all paths, as they stand in a bare record and in one of a search.
var schema = func() *jsonlines.Schema {
	slots := map[string]int{}
	for slot, all := range paths {
		for _, p := range all {
			slots[p] = slot
			slots["_source."+p] = slot
		}
	}
	return jsonlines.NewSchema(slots)
}()

// detect looks at the first record.
func detect(h source.Head) bool {
	text := bytes.TrimLeft(jsontext.Head(h.Text), " \t\r\n")
	line, _, _ := bytes.Cut(text, []byte("\n"))
	d := newDecoder()
	if err := d.scan(line); err != nil {
		return false
	}
	return d.has(eventType) && d.has(timestamp) && (d.has(sourceIP) || d.has(flowID) || d.text(eventType) == "stats")
}

// files are the files of one run. Each file has its own names, in its decoder.
type files struct{ growing bool }

// Plan reads all files in one phase.
func (files) Plan(all []source.File) []int { return make([]int, len(all)) }

// Open returns the one Input that serves all files.
func (f files) Open(source.File) (source.Input, error) { return f, nil }

// Reshape returns text with one record a line.
func (files) Reshape(f source.File, text io.Reader) io.Reader {
	return jsontext.Lines(f.Head.Text, text)
}

// Split makes one block of all lines.
func (files) Split(text []byte) (int, any) { return len(text), nil }

// Ordered is true: the names of a flow stand before it.
func (files) Ordered() bool { return true }

// NewDecoder returns a decoder that knows no names yet.
func (f files) NewDecoder() source.Decoder {
	d := newDecoder()
	if f.growing {
		d.names = newNames(growingFlows, growingAnswers)
	}
	return d
}

// decoder decodes the blocks of one file.
type decoder struct {
	scanner *jsonlines.Scanner
	values  [numSlots]jsonlines.Value // the first of each slot; Null where missing
	present []int                     // the slots with values
	answers []netip.Addr              // of a dns record
	names   *names
	e       event.Event
	lower   []byte
	line    int
	out     source.Sink
	reasons map[string]string // by event type
}

func newDecoder() *decoder {
	return &decoder{scanner: jsonlines.NewScanner(schema), names: newNames(maxFlows, maxAnswers), reasons: map[string]string{}}
}

// Decode decodes the lines of block.
func (d *decoder) Decode(block []byte, _ any, out source.Sink) (lines int) {
	d.out = out
	for ; len(block) > 0; lines++ {
		line := block
		if end := bytes.IndexByte(block, '\n'); end >= 0 {
			line, block = block[:end], block[end+1:]
		} else {
			block = nil
		}
		d.line = lines
		if err := d.scan(line); err != nil {
			if len(bytes.TrimSpace(line)) > 0 {
				d.bad("", source.Shorten(line), jsonlines.Wanted(err))
			}
			continue
		}
		d.record()
	}
	d.out = nil
	return lines
}

// scan reads the values of a record.
func (d *decoder) scan(line []byte) error {
	for _, slot := range d.present {
		d.values[slot] = jsonlines.Value{}
	}
	d.present, d.answers = d.present[:0], d.answers[:0]
	values, err := d.scanner.Scan(line)
	if err != nil {
		return err
	}
	for _, v := range values {
		if v.Kind == jsonlines.Null || len(v.Text) == 0 {
			continue
		}
		if v.Slot == dnsData {
			// The names that aliases lead to stand here as well.
			if a, ok := parse.IP(v.Text); ok {
				d.answers = append(d.answers, a)
			}
		} else if d.values[v.Slot].Kind == jsonlines.Null {
			d.values[v.Slot] = v
			d.present = append(d.present, v.Slot)
		}
	}
	return nil
}

func (d *decoder) has(slot int) bool { return d.values[slot].Kind != jsonlines.Null }

// text returns the text of a slot; "" when missing.
func (d *decoder) text(slot int) string { return parse.Text(d.values[slot].Text) }

func (d *decoder) bad(field, got, want string) bool {
	d.out.Bad(source.RecordError{Line: d.line, Field: field, Got: got, Want: want})
	return false
}

// badValue reports the value of a slot.
func (d *decoder) badValue(slot int, want string) bool {
	return d.bad(paths[slot][0], source.Shorten(d.values[slot].Text), want)
}

// record decides what a record is for.
func (d *decoder) record() {
	switch d.text(eventType) {
	case "flow":
		if d.fill() && d.count(flowToServer, &d.e.SourceBytes) && d.count(flowToClient, &d.e.DestinationBytes) && d.times(flowStart, flowEnd) {
			d.e.ConnectionState = d.text(flowState)
			d.names.name(&d.e, d.values[flowID].Text)
			d.out.Event(&d.e)
		}
		d.names.end(d.values[flowID].Text)
		return
	case "netflow":
		if d.fill() && d.count(netflowBytes, &d.e.SourceBytes) && d.times(netflowStart, netflowEnd) {
			d.names.name(&d.e, d.values[flowID].Text)
			d.out.Event(&d.e)
		}
		return
	case "tls", "quic":
		if n := d.names.addTLS(d.values[flowID].Text, d.text(serverName), d.text(ja3)); n > 0 {
			d.out.Skip(reasonFlows, n)
		}
	case "http":
		name := d.text(httpHost)
		if _, isIP := parse.IP(d.values[httpHost].Text); isIP {
			name = ""
		}
		if n := d.names.addHTTP(d.values[flowID].Text, name, d.text(userAgent)); n > 0 {
			d.out.Skip(reasonFlows, n)
		}
	case "dns":
		d.answer()
	}
	d.skip()
}

// maxReasons bounds how many event types are told apart in the reasons of skipped records.
const maxReasons = 100

func (d *decoder) skip() {
	if !d.has(eventType) {
		d.out.Skip("no event type", 1)
		return
	}
	kind := d.text(eventType)
	reason, ok := d.reasons[kind]
	if !ok {
		if len(d.reasons) >= maxReasons || len(kind) > maxReasons {
			reason = "another event type"
		} else {
			reason = "event type " + kind
			d.reasons[reason[len("event type "):]] = reason
		}
	}
	d.out.Skip(reason, 1)
}

// fill makes the event but for times and bytes. It reports whether the values are good.
func (d *decoder) fill() bool {
	e := &d.e
	*e = event.Event{EventCategory: "network"}
	var ok bool
	if e.SourceIP, ok = parse.IP(d.values[sourceIP].Text); !ok {
		return d.badValue(sourceIP, "an IP address")
	}
	if e.DestinationIP, ok = parse.IP(d.values[destinationIP].Text); !ok {
		return d.badValue(destinationIP, "an IP address")
	}
	if d.has(sourcePort) {
		if e.SourcePort, ok = parse.Port(d.values[sourcePort].Text); !ok {
			return d.badValue(sourcePort, "a port")
		}
	}
	if d.has(destinationPort) {
		if e.DestinationPort, ok = parse.Port(d.values[destinationPort].Text); !ok {
			return d.badValue(destinationPort, "a port")
		}
	}
	d.lower = d.lower[:0]
	if e.NetworkTransport, ok = parse.Transport(d.values[proto].Text); !ok {
		e.NetworkTransport = parse.Lower(d.values[proto].Text, &d.lower)
	}
	if p := d.text(appProto); p != "failed" && p != "unknown" {
		e.NetworkProtocol = p
	}
	e.HostName = d.text(host)
	return true
}

// count sets *n to the number in a slot, when there is one.
func (d *decoder) count(slot int, n *int64) bool {
	if !d.has(slot) {
		return true
	}
	var ok bool
	if *n, ok = parse.Count(d.values[slot].Text); !ok {
		return d.badValue(slot, "a count")
	}
	return true
}

// times sets the time of the event to the start of the flow, and without one to that of the
// record, which is written when the flow has ended.
func (d *decoder) times(start, end int) bool {
	slot := start
	if !d.has(slot) {
		slot = timestamp
	}
	var ok bool
	if d.e.TimeNanos, ok = parse.RFC3339(d.values[slot].Text); !ok {
		return d.badValue(slot, "a time")
	}
	if slot == start && d.has(end) {
		last, ok := parse.RFC3339(d.values[end].Text)
		if !ok {
			return d.badValue(end, "a time")
		}
		if n := last - d.e.TimeNanos; last > d.e.TimeNanos && n > 0 { // else the clock was set back, or n overflows
			d.e.DurationNanos = n
		}
	}
	return true
}

// answer keeps the addresses of a dns record. Its client is the side that is not port 53:
// Suricata has had both orders in answers.
func (d *decoder) answer() {
	if !d.has(dnsQuery) || len(d.answers) == 0 {
		return
	}
	client := sourceIP
	if d.text(sourcePort) == "53" {
		client = destinationIP
	}
	from, _ := parse.IP(d.values[client].Text)
	lost := 0
	for _, a := range d.answers {
		lost += d.names.addAnswer(from, a, d.text(dnsQuery))
	}
	if lost > 0 {
		d.out.Skip(reasonAnswers, lost)
	}
}
