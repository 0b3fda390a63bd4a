package zeek

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"fresnel/internal/event"
)

// A column is what is read of a column: the event field of that number, or one of those
// below.
type column uint8

const (
	uidColumn column = column(event.NumFields) + iota
	answersColumn
	pathColumn // of a JSON line: which log it belongs to
)

// A columnSet is a set of columns; the event fields among them are those of the FieldSet
// of the same value.
type columnSet uint64

func (s columnSet) has(c column) bool { return s&(1<<c) != 0 }

// columnsOf are, by kind of log, the columns that mean something here. The keys of
// connections, id.orig_h and so on, are also found as id_orig_h.
var columnsOf = [...]map[string]column{
	otherLog: {},
	connLog: {
		"ts":         column(event.Timestamp),
		"uid":        uidColumn,
		"id.orig_h":  column(event.SourceIP),
		"id.orig_p":  column(event.SourcePort),
		"id.resp_h":  column(event.DestinationIP),
		"id.resp_p":  column(event.DestinationPort),
		"proto":      column(event.NetworkTransport),
		"service":    column(event.NetworkProtocol),
		"duration":   column(event.Duration),
		"orig_bytes": column(event.SourceBytes),
		"resp_bytes": column(event.DestinationBytes),
		"conn_state": column(event.ConnectionState),
	},
	httpLog: {
		"ts":                column(event.Timestamp),
		"uid":               uidColumn,
		"id.orig_h":         column(event.SourceIP),
		"id.orig_p":         column(event.SourcePort),
		"id.resp_h":         column(event.DestinationIP),
		"id.resp_p":         column(event.DestinationPort),
		"host":              column(event.DestinationDomain),
		"user_agent":        column(event.UserAgent),
		"request_body_len":  column(event.SourceBytes),
		"response_body_len": column(event.DestinationBytes),
	},
	dnsLog: {
		"ts":        column(event.Timestamp),
		"id.orig_h": column(event.SourceIP),
		"query":     column(event.DestinationDomain),
		"answers":   answersColumn,
	},
	sslLog: {
		"ts":          column(event.Timestamp),
		"uid":         uidColumn,
		"server_name": column(event.TLSServerName),
		"ja3":         column(event.TLSClientJA3),
	},
}

// columnOf returns what the column name of a log of kind k is read for.
func columnOf(k logKind, name string) (column, bool) {
	if rest, ok := strings.CutPrefix(name, "id_"); ok {
		name = "id." + rest
	}
	c, ok := columnsOf[k][name]
	return c, ok
}

// A header collects what the # lines say.
type header struct {
	separator    byte
	badSeparator string // what #separator says when it is not one byte
	setSeparator byte
	unset, empty string
	path         string
	names        []string
	changed      bool // since the layout was compiled
}

// reset forgets everything: a new header begins.
func (h *header) reset() {
	*h = header{separator: '\t', setSeparator: ',', unset: "-", empty: "(empty)", changed: true}
}

// line reads one # line and returns its key.
func (h *header) line(line []byte) (key string) {
	line = bytes.TrimRight(line, "\r\n")
	end := bytes.IndexAny(line, " \t")
	if i := bytes.IndexByte(line, h.separator); i >= 0 && (end < 0 || i < end) {
		end = i
	}
	if end < 0 {
		return string(line)
	}
	key = string(line[:end])
	value := line[end+1:]
	switch key {
	case "#separator": // its own value stands behind a space
		h.reset()
		if s := unescape(nil, value); len(s) == 1 && s[0] != '\n' {
			h.separator = s[0]
		} else {
			h.badSeparator = string(value)
		}
	case "#set_separator":
		if s := unescape(nil, value); len(s) == 1 {
			h.setSeparator = s[0]
		}
	case "#unset_field":
		h.unset = string(value)
	case "#empty_field":
		h.empty = string(value)
	case "#path":
		h.path = string(value)
	case "#fields":
		h.names = splitNames(value, h.separator)
	default:
		return key // #open, #close, #types or a remark
	}
	h.changed = true
	return key
}

// kind returns what the lines below the header are.
func (h *header) kind() logKind {
	if h.path != "" {
		return kindOf(h.path)
	}
	return kindOfColumns(h.names)
}

// maxColumns is far above what logs have: a header cannot exhaust memory.
const maxColumns = 4096

// splitNames returns the names of columns. Of more than maxColumns the last holds all the
// rest, so that a row of as many columns does not fit.
func splitNames(line []byte, separator byte) []string {
	return strings.SplitN(string(line), string([]byte{separator}), maxColumns)
}

// bareColumns returns the column names and the separator of a first line without #.
func bareColumns(line []byte) (names []string, separator byte, ok bool) {
	line = bytes.TrimRight(line, "\r\n")
	for _, sep := range []byte("\t|;") {
		names := splitNames(line, sep)
		seen := 0
		for _, n := range names {
			switch n {
			case "ts", "id.orig_h", "id.resp_h", "id_orig_h", "id_resp_h":
				seen++
			}
		}
		if seen == 3 {
			return names, sep, true
		}
	}
	return nil, 0, false
}

// A layout is how the rows below one header are read. It is immutable.
type layout struct {
	use    use
	want   string // for rows that cannot be read: what is missing
	got    string // and what stands in its place
	kind   logKind
	names  []string // of the columns
	steps  []step   // in the order of the columns
	behind int      // columns behind that of the last step
	head   []byte   // the line of column names, when it has no #; a row like it is none
	sep    [1]byte
	seps   uint64 // the separator in each of eight bytes
	set    byte
	unset  []byte
	empty  []byte
}

// A use is what is done with rows.
type use uint8

const (
	decodeRows use = iota
	skipRows       // they belong to another log
	passRows       // they are the header
	refuseRows
)

// A step reads one column.
type step struct {
	skip   int // columns to pass over before it
	column column
	index  int // of the column
	text   bool
}

var (
	headerOnly = &layout{use: passRows}
	noHeader   = &layout{use: refuseRows, got: "a row", want: "a line #fields before it"}
)

// compile returns the layout of the rows below h in a file of the given kind, of which the
// given columns are wanted.
func (h *header) compile(kind logKind, want columnSet) *layout {
	switch {
	case h.badSeparator != "":
		return &layout{use: refuseRows, got: fmt.Sprintf("#separator %q", h.badSeparator), want: "a separator of one byte"}
	case h.names == nil:
		return noHeader
	case h.kind() != kind || kind == otherLog:
		return &layout{use: skipRows, kind: h.kind()}
	}
	l := &layout{
		kind:  kind,
		names: h.names,
		sep:   [1]byte{h.separator},
		seps:  uint64(h.separator) * 0x0101010101010101,
		set:   h.setSeparator,
		unset: []byte(h.unset),
		empty: []byte(h.empty),
	}
	var seen columnSet
	next := 0
	for i, name := range h.names {
		c, ok := columnOf(kind, name)
		if !ok || !want.has(c) || seen.has(c) {
			continue
		}
		seen |= 1 << c
		l.steps = append(l.steps, step{skip: i - next, column: c, index: i, text: isText(c)})
		next = i + 1
	}
	l.behind = len(h.names) - next
	if c := column(event.Timestamp); want.has(c) && !seen.has(c) {
		return &layout{use: refuseRows, got: "#fields without ts", want: "a column ts"}
	}
	return l
}

// Split cuts text before the next line that starts with #. The # lines at its start change
// the layout of what follows and are part of the block.
func (in *input) Split(text []byte) (n int, state any) {
	if in.form == jsonForm {
		return len(text), nil
	}
	if in.first {
		in.first = false
		line := text[:lineEnd(text)]
		mark := bytes.HasPrefix(line, byteOrderMark)
		line = bytes.TrimPrefix(line, byteOrderMark)
		if in.form == bareForm {
			if len(bytes.TrimRight(line, "\r\n")) == 0 {
				in.first = true // an empty line before the names
				return len(line), headerOnly
			}
			in.header.names, in.header.separator, _ = bareColumns(line)
			in.layout = in.header.compile(in.kind, in.columns)
			in.header.changed = false
			in.layout.head = bytes.Clone(bytes.TrimRight(line, "\r\n"))
			return lineEnd(text), headerOnly
		}
		if mark {
			in.header.line(line)
			return lineEnd(text), headerOnly
		}
	}
	for n < len(text) && text[n] == '#' {
		end := n + lineEnd(text[n:])
		in.header.line(text[n:end])
		n = end
	}
	if in.header.changed {
		in.header.changed = false
		in.layout = in.header.compile(in.kind, in.columns)
	}
	if in.layout == nil {
		in.layout = noHeader
	}
	for i := n; ; i++ { // # is rare: to look for it is faster than for "\n#"
		k := bytes.IndexByte(text[i:], '#')
		if k < 0 {
			return len(text), in.layout
		}
		if i += k; i > n && text[i-1] == '\n' {
			return i, in.layout
		}
	}
}

// lineEnd returns the length of the first line of text with its end.
func lineEnd(text []byte) int {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// unescape appends b to dst with each \xNN replaced by the byte it stands for, which is how
// Zeek writes a separator within a value.
func unescape(dst, b []byte) []byte {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		b = b[i:]
		if len(b) >= 4 && b[1] == 'x' {
			if v, err := strconv.ParseUint(string(b[2:4]), 16, 8); err == nil {
				dst = append(dst, byte(v))
				b = b[4:]
				continue
			}
		}
		dst = append(dst, '\\')
		b = b[1:]
	}
	return dst
}
