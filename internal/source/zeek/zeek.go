// Package zeek reads the logs of Zeek, as tab-separated text and as JSON lines.
//
// The connections of conn.log are the events. Where dns, ssl and http logs lie in the same
// folder they are read first and give the connections their names. An http.log without a
// conn.log beside it is read as events itself, one for each request.
package zeek

import (
	"errors"
	"strings"

	"fresnel/internal/event"
	"fresnel/internal/jsonlines"
	"fresnel/internal/source"
)

// Format is the input "zeek".
var Format = source.Format{
	Name:     "zeek",
	Summary:  "Zeek conn.log as TSV or JSON, named by dns, ssl and http logs beside it; http.log alone",
	Detect:   detect,
	Document: `{"_path":"conn","ts":0}`,
	New:      newRun,
}

// detect reports whether a file is a Zeek log of any kind.
func detect(h source.Head) bool {
	_, ok := logOf(h)
	return ok
}

// The phases of reading: names first.
const (
	unread      = -1
	namesPhase  = 0
	eventsPhase = 1
)

// A run is what the Zeek logs of one run share.
type run struct {
	fields  event.FieldSet
	growing bool
	folders map[string]*folder
	names   *names
}

// A folder is what is known of the logs that lie side by side.
type folder struct {
	id            uint32
	conn          bool // it has a log of connections: the others serve to name them
	uids, answers bool // names of connections by uid and by DNS answer are read
}

var _ source.Source = (*run)(nil)

func newRun(o source.Options) (source.Source, error) {
	return &run{fields: o.Fields, growing: o.Growing, folders: map[string]*folder{}}, nil
}

func (r *run) Plan(files []source.File) []int {
	for _, f := range files {
		if r.folders[f.Dir] == nil {
			r.folders[f.Dir] = &folder{id: uint32(len(r.folders))}
		}
		if l, _ := logOf(f.Head); l.kind == connLog {
			r.folders[f.Dir].conn = true
		}
	}
	phases := make([]int, len(files))
	for i, f := range files {
		phases[i] = r.phase(f)
	}
	return phases
}

func (r *run) phase(f source.File) int {
	l, ok := logOf(f.Head)
	dir := r.folders[f.Dir]
	switch {
	case !ok:
		return unread
	case r.naming(l.kind, dir):
		if r.names == nil && r.growing {
			r.names = newAgingNames(growingUIDs, growingAnswers)
		} else if r.names == nil {
			r.names = newNames(maxUIDs, maxAnswers)
		}
		if l.kind == dnsLog {
			dir.answers = true
		} else {
			dir.uids = true
		}
		return namesPhase
	case l.kind == connLog, l.kind == httpLog && !dir.conn:
		return eventsPhase
	case dir.conn && l.kind != otherLog:
		return unread // it could only give names that nobody asked for
	case l.says(f.Head.Name):
		return unread
	}
	// The start of the file is a log without events. As its name does not say the same, it
	// may hold others further on: read it, count what is skipped.
	return eventsPhase
}

// naming reports whether logs of kind k in dir are read for the names they give.
func (r *run) naming(k logKind, dir *folder) bool {
	if !dir.conn {
		return false
	}
	var gives event.FieldSet
	switch k {
	case dnsLog:
		gives = event.SetOf(event.DestinationDomain)
	case sslLog:
		gives = event.SetOf(event.DestinationDomain, event.TLSServerName, event.TLSClientJA3)
	case httpLog:
		gives = event.SetOf(event.DestinationDomain, event.UserAgent)
	}
	return r.fields&gives != 0
}

func (r *run) Open(f source.File) (source.Input, error) {
	l, ok := logOf(f.Head)
	if !ok {
		return nil, errors.New("got a file that is no Zeek log, want #fields, a line of column names, or JSON")
	}
	dir := r.folders[f.Dir]
	if dir == nil {
		return nil, errors.New("got a file that was not planned, want one of the run")
	}
	in := &input{form: l.form, kind: l.kind, folder: dir.id, names: r.names, first: true, documents: f.Path == ""}
	if r.naming(l.kind, dir) {
		in.naming = true
	} else if l.kind == connLog {
		in.byUID, in.byAnswer = dir.uids, dir.answers && r.fields.Has(event.DestinationDomain)
	}
	in.columns = r.columns(in)
	if in.form == jsonForm {
		in.schema = schemaOf(in)
	}
	in.header.reset()
	return in, nil
}

// columns returns the columns that are read of a file.
func (r *run) columns(in *input) columnSet {
	want := columnSet(r.fields)
	switch {
	case in.naming && in.kind == dnsLog:
		want = columnSet(event.SetOf(event.Timestamp, event.SourceIP, event.DestinationDomain)) | 1<<answersColumn
	case in.naming:
		if want.has(column(event.DestinationDomain)) {
			want |= columnSet(event.SetOf(event.TLSServerName))
		}
		want &= columnSet(event.SetOf(event.DestinationDomain, event.TLSServerName, event.TLSClientJA3, event.UserAgent))
		want |= columnSet(event.SetOf(event.Timestamp)) | 1<<uidColumn
	default:
		if in.byUID {
			want |= 1 << uidColumn
		}
		if in.byAnswer {
			want |= columnSet(event.SetOf(event.SourceIP, event.DestinationIP))
		}
	}
	return want
}

// An input is one Zeek log that is being read.
type input struct {
	form   form
	kind   logKind
	naming bool // it is read for the names it gives, not for events

	documents bool // its lines may be of any kind, though they do not say so

	columns         columnSet
	schema          *jsonlines.Schema // of the columns, for JSON
	folder          uint32            // whose names are given or taken
	names           *names
	byUID, byAnswer bool // which names connections take

	// The state of Split.
	first  bool // nothing was read yet
	header header
	layout *layout
}

var _ source.Input = (*input)(nil)

// Ordered reports that decoders may work side by side: all that lines mean by those before
// them is in the state that Split returns.
func (in *input) Ordered() bool { return false }

// NewDecoder returns a decoder for blocks of this file.
func (in *input) NewDecoder() source.Decoder {
	d := &decoder{in: in}
	if in.form == jsonForm {
		d.scanner = jsonlines.NewScanner(in.schema)
	}
	return d
}

// A logKind is what the lines of a log are about.
type logKind uint8

const (
	otherLog logKind = iota
	connLog
	httpLog
	dnsLog
	sslLog
)

// reasons say why the lines of a log were skipped.
var reasons = [...]string{
	otherLog: "zeek log of a kind without connections",
	connLog:  "zeek conn log within another",
	httpLog:  "zeek http log within another",
	dnsLog:   "zeek dns log within another",
	sslLog:   "zeek ssl log within another",
}

// kindOf returns the kind of the log that Zeek calls path. Sites that split the log of
// connections call its parts conn-something.
func kindOf[T string | []byte](path T) logKind {
	switch s := string(path); s { // does not allocate: s does not escape
	case "conn":
		return connLog
	case "http":
		return httpLog
	case "dns":
		return dnsLog
	case "ssl":
		return sslLog
	default:
		if strings.HasPrefix(s, "conn-") || strings.HasPrefix(s, "conn.") {
			return connLog
		}
	}
	return otherLog
}

// A log is what the start of a file says of it.
type log struct {
	form form
	kind logKind
	path string // what Zeek calls it; "" when it does not say
}

type form uint8

const (
	tsvForm  form = iota // lines that start with # name the columns
	bareForm             // the first line names the columns
	jsonForm
)

// says reports whether the name of a file says what its text does: dns.log, dns.10:00.log.
func (l log) says(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	if l.path == "" {
		return l.kind != otherLog && kindOf(stem) == l.kind
	}
	return stem == l.path
}
