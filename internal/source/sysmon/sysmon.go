// Package sysmon reads the network events of Windows as JSON lines in the names of their
// makers: event 3 of Sysmon and event 5156 of the Security log, as NXLog and Winlogbeat
// write them. Where a Winlogbeat module has renamed the fields to ECS, the input "ecs" reads
// them.
package sysmon

import (
	"bytes"
	"io"
	"strconv"

	"fresnel/internal/event"
	"fresnel/internal/jsonlines"
	"fresnel/internal/jsontext"
	"fresnel/internal/source"
	"fresnel/internal/source/parse"
)

// Format is the input "sysmon".
var Format = source.Format{
	Name:     "sysmon",
	Summary:  "Sysmon event 3 and Windows Security event 5156 as JSON lines of NXLog or Winlogbeat",
	Detect:   detect,
	Document: "{}",
	New:      func(source.Options) (source.Source, error) { return files{}, nil },
}

// The slots: what is looked at in a document.
const (
	eventID = iota
	provider
	timestamp
	utcTime
	ingested
	hostName
	collector // host.name, which is the machine itself when the event was not forwarded
	image
	application
	processID
	processGUID
	user
	protocol
	initiated
	sourceIP
	sourcePort
	destinationIP
	destinationPort
	destinationHostname
	sourceAddress
	destAddress
	destPort
	mapped // fields that only documents in ECS have

	numSlots
)

// envelope are the paths of the fields around the data of an event: of NXLog, of Winlogbeat
// up to 6 and of Winlogbeat from 7.
var envelope = map[int][]string{
	eventID:   {"EventID", "event_id", "winlog.event_id", "event.code"},
	provider:  {"SourceName", "source_name", "winlog.provider_name", "event.provider"},
	timestamp: {"@timestamp"},
	ingested:  {"event.ingested"},
	hostName:  {"Hostname", "computer_name", "winlog.computer_name"},
	collector: {"host.name"},
	mapped:    {"source.ip", "destination.ip", "process.executable", "process.name", "event.category"},
}

// data are the names of the data of an event, which stand at the top, in event_data or in
// winlog.event_data.
var data = map[int][]string{
	utcTime:             {"UtcTime"},
	image:               {"Image"},
	application:         {"Application"},
	processID:           {"ProcessId"},
	processGUID:         {"ProcessGuid"},
	user:                {"User"},
	protocol:            {"Protocol"},
	initiated:           {"Initiated"},
	sourceIP:            {"SourceIp"},
	sourcePort:          {"SourcePort"},
	destinationIP:       {"DestinationIp"},
	destinationPort:     {"DestinationPort"},
	destinationHostname: {"DestinationHostname"},
	sourceAddress:       {"SourceAddress"},
	destAddress:         {"DestAddress"},
	destPort:            {"DestPort"},
}

// schema has all paths, as they stand in a bare document and in one of a search.
var schema = func() *jsonlines.Schema {
	slots := map[string]int{}
	add := func(path string, slot int) {
		slots[path] = slot
		slots["_source."+path] = slot
	}
	for slot, paths := range envelope {
		for _, p := range paths {
			add(p, slot)
		}
	}
	for slot, names := range data {
		for _, n := range names {
			add(n, slot)
			add("event_data."+n, slot)
			add("winlog.event_data."+n, slot)
		}
	}
	// 5156 calls it so itself. At the top, NXLog has under this name the process that wrote
	// the log.
	add("event_data.ProcessID", processID)
	add("winlog.event_data.ProcessID", processID)
	return jsonlines.NewSchema(slots)
}()

// detectLines is how many lines of a file are looked at.
const detectLines = 20

// detect looks for the first document of Sysmon or of the Security log, whatever its event.
func detect(h source.Head) bool {
	d := newDecoder()
	text := jsontext.Head(h.Text)
	for range detectLines {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if len(line) == 0 && !whole {
			return false
		}
		text = rest
		if err := d.scan(line); err != nil {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			return false
		}
		switch {
		case !d.has(eventID):
		case d.has(mapped):
			return false
		case d.has(provider):
			if d.isOf(sysmonProvider) || d.isOf(securityProvider) {
				return true
			}
		case d.has(utcTime) && d.has(image), d.has(sourceAddress) && d.has(destAddress):
			return true
		}
	}
	return false
}

// files are the files of one run. A file has no state.
type files struct{}

// Plan reads all files in one phase.
func (files) Plan(all []source.File) []int { return make([]int, len(all)) }

// Open returns the one Input that serves all files.
func (files) Open(source.File) (source.Input, error) { return files{}, nil }

// Reshape returns text with one document a line.
func (files) Reshape(f source.File, text io.Reader) io.Reader {
	return jsontext.Lines(f.Head.Text, text)
}

// Split makes one block of all lines.
func (files) Split(text []byte) (int, any) { return len(text), nil }

// Ordered is false: each line stands for itself.
func (files) Ordered() bool { return false }

// NewDecoder returns a decoder.
func (files) NewDecoder() source.Decoder { return newDecoder() }

const (
	sysmonProvider   = "Microsoft-Windows-Sysmon"
	securityProvider = "Microsoft-Windows-Security-Auditing"
)

// decoder decodes blocks.
type decoder struct {
	scanner *jsonlines.Scanner
	values  [numSlots]jsonlines.Value // Null where missing
	present []int                     // the slots with values
	e       event.Event
	line    int
	out     source.Sink
	reasons map[int64]string // by event id
}

func newDecoder() *decoder {
	return &decoder{scanner: jsonlines.NewScanner(schema), reasons: map[int64]string{}}
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
		if id := d.networkEvent(); id != 0 && d.fill(id == 3) {
			out.Event(&d.e)
		}
	}
	d.out = nil
	return lines
}

// scan reads the values of a document; the first that is one counts where several stand for
// the same.
func (d *decoder) scan(line []byte) error {
	for _, slot := range d.present {
		d.values[slot] = jsonlines.Value{}
	}
	d.present = d.present[:0]
	values, err := d.scanner.Scan(line)
	if err != nil {
		return err
	}
	for _, v := range values {
		// Windows writes - for what it does not know.
		if v.Kind != jsonlines.Null && !(v.Kind == jsonlines.String && (len(v.Text) == 0 || string(v.Text) == "-")) && d.values[v.Slot].Kind == jsonlines.Null {
			d.values[v.Slot] = v
			d.present = append(d.present, v.Slot)
		}
	}
	return nil
}

func (d *decoder) has(slot int) bool { return d.values[slot].Kind != jsonlines.Null }

// text returns the text of a slot; "" when missing.
func (d *decoder) text(slot int) string { return parse.Text(d.values[slot].Text) }

func (d *decoder) isOf(name string) bool { return d.text(provider) == name }

func (d *decoder) bad(field, got, want string) bool {
	d.out.Bad(source.RecordError{Line: d.line, Field: field, Got: got, Want: want})
	return false
}

// maxReasons bounds how many event ids are told apart in the reasons of skipped records.
const maxReasons = 1000

// networkEvent returns the id of a network event, and 0 for any other document, which it
// counts.
func (d *decoder) networkEvent() (id int64) {
	if !d.has(eventID) {
		d.out.Skip("no event id", 1)
		return 0
	}
	id, ok := parse.Count(d.values[eventID].Text)
	switch {
	case !ok:
		d.bad("event id", source.Shorten(d.values[eventID].Text), "a number")
		return 0
	case id == 3 && (d.isOf(sysmonProvider) || !d.has(provider) && d.has(utcTime)),
		id == 5156 && (d.isOf(securityProvider) || !d.has(provider)):
		return id
	case id == 3 || id == 5156:
		d.out.Skip("event 3 or 5156 of another log", 1)
		return 0
	}
	reason, known := d.reasons[id]
	if !known {
		reason = "event " + strconv.FormatInt(id, 10)
		if len(d.reasons) >= maxReasons {
			reason = "another event"
		} else {
			d.reasons[id] = reason
		}
	}
	d.out.Skip(reason, 1)
	return 0
}

// endpoints are the slots of the two ends of a connection.
type endpoints struct {
	sourceIP, sourcePort, destinationIP, destinationPort int
}

// fill makes the event from one of Sysmon or of the Security log. It reports whether the
// values are good.
func (d *decoder) fill(sysmon bool) bool {
	e := &d.e
	*e = event.Event{EventCategory: "network"}
	n := endpoints{sourceAddress, sourcePort, destAddress, destPort}
	path := d.text(application)
	if sysmon {
		n = endpoints{sourceIP, sourcePort, destinationIP, destinationPort}
		path = d.text(image)
	}

	if !d.time(sysmon) {
		return false
	}
	var ok bool
	if e.SourceIP, ok = parse.IP(d.values[n.sourceIP].Text); !ok {
		return d.badValue(n.sourceIP, "an IP address")
	}
	if e.DestinationIP, ok = parse.IP(d.values[n.destinationIP].Text); !ok {
		return d.badValue(n.destinationIP, "an IP address")
	}
	if d.has(n.sourcePort) {
		if e.SourcePort, ok = parse.Port(d.values[n.sourcePort].Text); !ok {
			return d.badValue(n.sourcePort, "a port")
		}
	}
	if d.has(n.destinationPort) {
		if e.DestinationPort, ok = parse.Port(d.values[n.destinationPort].Text); !ok {
			return d.badValue(n.destinationPort, "a port")
		}
	}
	if d.has(processID) {
		if e.ProcessPID, ok = parse.Count(d.values[processID].Text); !ok {
			return d.badValue(processID, "a count")
		}
	}
	if d.has(protocol) {
		if e.NetworkTransport, ok = parse.Transport(d.values[protocol].Text); !ok {
			e.NetworkTransport = d.text(protocol)
		}
	}
	if e.HostName = d.text(hostName); e.HostName == "" {
		e.HostName = d.text(collector)
	}
	e.ProcessExecutable = path
	e.ProcessName = parse.BaseName(path)
	e.ProcessEntityID = d.text(processGUID)
	e.UserName = parse.BaseName(d.text(user)) // without the domain before the backslash
	e.DestinationDomain = d.text(destinationHostname)

	// The source of an event is who opened the connection. Event 5156 says it so in both
	// directions. Sysmon has the near side as the source, whoever began.
	if sysmon && (d.values[initiated].Kind == jsonlines.False || d.text(initiated) == "false") {
		e.SourceIP, e.DestinationIP = e.DestinationIP, e.SourceIP
		e.SourcePort, e.DestinationPort = e.DestinationPort, e.SourcePort
		e.DestinationDomain = "" // it was the name of the far side
	}
	return true
}

// time sets the times of the event. Sysmon's own is that of the connection, to the
// millisecond; the time of the document may be that of its arrival at a collector.
func (d *decoder) time(sysmon bool) bool {
	if d.has(ingested) {
		d.e.IngestedNanos, _ = d.moment(ingested)
	}
	slot, name := timestamp, "@timestamp"
	if sysmon && d.has(utcTime) {
		slot, name = utcTime, "UtcTime"
	}
	var ok bool
	if d.e.TimeNanos, ok = d.moment(slot); !ok {
		return d.bad(name, source.Shorten(d.values[slot].Text), "a time")
	}
	return true
}

// moment returns the time in a slot, which is text or milliseconds since 1970.
func (d *decoder) moment(slot int) (nanos int64, ok bool) {
	v := d.values[slot]
	if v.Kind != jsonlines.Number {
		return parse.RFC3339(v.Text)
	}
	ms, ok := parse.Count(v.Text)
	const most = (1<<63 - 1) / 1_000_000
	return ms * 1e6, ok && ms <= most
}

// badValue reports the value of a slot of the data.
func (d *decoder) badValue(slot int, want string) bool {
	return d.bad(data[slot][0], source.Shorten(d.values[slot].Text), want)
}
