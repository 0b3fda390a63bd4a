// Package output writes results for people and for programs: one Writer a form, all in the
// list Formats.
package output

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/human"
)

// A Writer writes the results of the runs of a scan, in the order in which they come: by run,
// then by finding.Compare. It is not safe for concurrent use.
type Writer interface {
	// Write writes r and keeps nothing of it. Some writers show nothing before Close.
	Write(r *finding.Result) error
	// Close writes what is left. It does not close what is written to.
	Close(s finding.Summary) error
}

// Options are what the writers need to know. Only the table looks at more than Fields, Ranked and Terminal.
type Options struct {
	Fields        []event.Field // that the results are grouped by
	Ranked        bool          // the results have rows of the rank
	BucketSeconds int64         // length of a bucket
	Top           int           // rows of the table, a case as one row; 0: all, each by itself

	Terminal bool // it is a terminal, which would act on control characters in the values of logs

	Width int  // columns of the terminal; 0: wide, nothing is shortened
	Color bool // escape sequences for colours
	ASCII bool // nothing beyond ASCII, except in the values of logs
}

// A Format is one form of output.
type Format struct {
	Name   string
	Help   string // for the command line, lower case
	Traces bool   // it draws Result.Trace.Counts where there are any
	New    func(w io.Writer, o Options) Writer
}

// Formats are all forms, the default of a terminal first.
var Formats = []Format{
	{Name: "table", Help: "a ranked table for people, one row a group and destination", Traces: true, New: newTable},
	{Name: "ndjson", Help: "one result document a line, per group and run", New: newNDJSON},
	{Name: "csv", Help: "one row per group, destination and run, with a header", New: newCSV},
	{Name: "json", Help: "one array of the result documents", New: newJSON},
}

// ByName returns the format with the given name.
func ByName(name string) (Format, error) {
	for _, f := range Formats {
		if f.Name == name {
			return f, nil
		}
	}
	return Format{}, fmt.Errorf("got %q, want %s", name, strings.Join(Names(), ", "))
}

// Names returns the names of all formats.
func Names() []string {
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = f.Name
	}
	return names
}

const bufferBytes = 64 << 10

// documents writes result documents with something before, between and behind them.
type documents struct {
	w                     *bufio.Writer
	buf                   []byte
	encoder               finding.Encoder
	first, between, after string
	any                   bool
	terminal              bool
}

var _ Writer = (*documents)(nil)

func newNDJSON(w io.Writer, o Options) Writer {
	return &documents{terminal: o.Terminal, w: bufio.NewWriterSize(w, bufferBytes), after: "\n"}
}

func newJSON(w io.Writer, o Options) Writer {
	return &documents{terminal: o.Terminal, w: bufio.NewWriterSize(w, bufferBytes), first: "[\n", between: ",\n", after: "\n]\n"}
}

func (d *documents) Write(r *finding.Result) error {
	d.buf = d.buf[:0]
	switch {
	case !d.any:
		d.buf = append(d.buf, d.first...)
	case d.between != "":
		d.buf = append(d.buf, d.between...)
	default:
		d.buf = append(d.buf, d.after...)
	}
	d.any = true
	d.buf = d.encoder.Append(d.buf, r)
	if d.terminal {
		d.buf = escape(d.buf)
	}
	_, err := d.w.Write(d.buf)
	return err
}

func (d *documents) Close(finding.Summary) error {
	if end := d.after; d.any {
		d.w.WriteString(end) // a bufio.Writer keeps its error for Flush
	} else if d.first != "" {
		d.w.WriteString("[]\n")
	}
	return d.w.Flush()
}

// escape returns the JSON text doc with what a terminal would act on instead of showing it as
// escapes of the same value. JSON has the controls below 0x20 as escapes already; U+009B begins
// an escape sequence too, and other runes reorder or hide what stands around them.
func escape(doc []byte) []byte {
	var dst []byte
	start := 0
	for i := 0; i < len(doc); {
		r, n := utf8.DecodeRune(doc[i:])
		if r >= 0x7f && human.Safe(string(doc[i:i+n])) != string(doc[i:i+n]) {
			dst = append(dst, doc[start:i]...)
			for _, unit := range utf16.AppendRune(nil, r) {
				dst = fmt.Appendf(dst, `\u%04x`, unit)
			}
			start = i + n
		}
		i += n
	}
	if start == 0 {
		return doc
	}
	return append(dst, doc[start:]...)
}
