// Package source is the contract between the inputs and whoever reads them.
//
// An input is one Format: one folder below this one and one line in the list of
// internal/source/all. A format knows lines of text, not files: opening, decompressing,
// cutting into blocks and running decoders side by side is the work of internal/scan.
package source

import (
	"fmt"
	"io"

	"fresnel/internal/event"
)

// MaxLineBytes is the longest line that is decoded. A longer one is one bad record: its
// bytes are passed over without being kept.
const MaxLineBytes = 8 << 20

// A Format is one kind of input.
type Format struct {
	Name    string // the word for --input
	Summary string // one line for help texts and the docs

	// Detect reports whether a file is of this format. The formats are asked in the order
	// of the list; the first that says yes has the file.
	Detect func(h Head) bool

	// New returns the state that the files of this format share in one run.
	New func(o Options) (Source, error)

	// Document is the head of a File whose Path is "": one that stands for JSON documents that
	// come one by one, of any of the kinds that the format has. "" where it is no JSON.
	Document string
}

// A Head is what is known of a file before it is read.
type Head struct {
	Name string // base name of the file without a compression suffix; "" for standard input
	Text []byte // the first bytes of its text, decompressed; up to 64 KiB, the last line may be cut
}

// Options are the settings of the inputs.
type Options struct {
	// Fields are the fields that this run looks at: a decoder need not fill any other.
	Fields event.FieldSet

	// Delimited are the column maps of the input "delimited", by name.
	Delimited map[string]ColumnMap

	// Map is the name of the map that the input "delimited" reads its files by, the NAME of
	// --input delimited:NAME. Where it is "", a file is read by the ready map that knows its
	// shape.
	Map string

	// Growing is true where files are followed as they grow, for days. What is remembered of
	// some records for the sake of others is then less than in a run that ends, and the oldest
	// of it makes room for the new.
	Growing bool
}

// A File names one input to a Source.
type File struct {
	Path string // as shown in messages; "-" for standard input, "" for documents that come one by one
	Dir  string // the folder it lies in; "" for standard input
	Head Head
}

// A Source is one format in one run. Plan is called once, before any Open; Open may be called
// from several goroutines at a time.
//
// Where files are followed as they grow, Plan is called again, while no other call runs, when
// new files have come to lie in a folder: with the files of that folder. It goes by these and
// by all that it was told before.
type Source interface {
	// Plan is told all files of the format. It returns for each the phase in which it is
	// read: all files of a phase are read to their ends before one of the next is opened.
	// A file with a phase below 0 is not read.
	Plan(files []File) []int

	// Open prepares the reading of one file.
	Open(f File) (Input, error)
}

// A Reshaper is a Source whose files may hold documents that do not stand one on a line. It
// returns text that does; where text already does, text itself.
type Reshaper interface {
	Reshape(f File, text io.Reader) io.Reader
}

// An Input is one file that is being read, from its first byte to its last.
type Input interface {
	// Split looks at text, the next whole lines of the file, and returns how many of its
	// bytes form one block, at least one line, and what a Decoder needs to know to decode
	// that block. It is called in the order of the file from one goroutine; it is the place
	// for headers that change the meaning of the lines that follow. The block it returns
	// may hold header lines: the decoder passes them over.
	Split(text []byte) (n int, state any)

	// NewDecoder returns a decoder for blocks of this file. When Ordered is false, several
	// decoders work on blocks of the file side by side; when it is true, there is one and
	// it is given the blocks in the order of the file.
	NewDecoder() Decoder
	Ordered() bool
}

// A Decoder turns blocks of lines into events. It is used by one goroutine at a time.
type Decoder interface {
	// Decode decodes the lines of block, each ending in "\n" but perhaps the last of the
	// file, and hands what it finds to out in the order of the lines. It returns how many
	// lines it saw. In the steady state it allocates nothing.
	Decode(block []byte, state any, out Sink) (lines int)
}

// A Sink takes what a Decoder finds.
type Sink interface {
	// Event takes one event. The decoder may overwrite *e as soon as Event returns.
	Event(e *event.Event)

	// Bad takes one bad record. Its Line counts from 0 within the block.
	Bad(err RecordError)

	// Skip counts n records that are well-formed and not network events, by reason, a
	// constant such as "event type alert".
	Skip(reason string, n int)
}

// A RecordError says what is wrong with one record.
type RecordError struct {
	Line  int    // of the record within its block, from 0; once reported, within its file, from 1
	Field string // the field as the file spells it; "" when the record as a whole is meant
	Got   string // what was found, shortened by Shorten
	Want  string // what would have been right
}

// Error says what was got and what was wanted: `line 812: orig_bytes: got "-1x", want a count`.
func (e RecordError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("line %d: got %s, want %s", e.Line, e.Got, e.Want)
	}
	return fmt.Sprintf("line %d: %s: got %s, want %s", e.Line, e.Field, e.Got, e.Want)
}

// Shorten quotes b for a RecordError: control characters escaped, at most 64 bytes of it.
func Shorten(b []byte) string {
	const most = 64
	if len(b) > most {
		return fmt.Sprintf("%q... (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("%q", b)
}

// A ColumnMap tells the input "delimited" how a text is cut into columns and what each
// means. Its keys in a configuration file are the yaml names.
type ColumnMap struct {
	// Separator stands between columns; "\t" by default. Exclusive with Pattern.
	Separator string `yaml:"separator"`
	// Header tells that the first line names the columns; otherwise they are called 1, 2, ...
	Header bool `yaml:"header"`
	// Comment starts a line that is passed over; "" for none.
	Comment string `yaml:"comment"`
	// Quote is true when columns may be quoted as in CSV (RFC 4180).
	Quote bool `yaml:"quote"`
	// Pattern is a regular expression (RE2) whose named groups are the columns, for text
	// that no separator cuts. A line that does not match is skipped and counted.
	Pattern string `yaml:"pattern"`
	// Time is the layout of @timestamp: "unix", "unix_ms", "rfc3339", or a Go layout.
	Time string `yaml:"time"`
	// Start is the moment, in RFC 3339, that a time of "unix" or "unix_ms" counts from, for
	// captures whose clock begins at 0; 1970-01-01T00:00:00Z by default.
	Start string `yaml:"start"`
	// Zone is the time zone of a layout without one, as in the tz database; UTC by default.
	Zone string `yaml:"zone"`
	// Year is the year of the first line, for a layout without a year; 1972 by default.
	Year int `yaml:"year"`
	// Duration is the unit of event.duration, and must be said when a column is mapped to
	// it: "ns", "us", "ms", "s", or "clock" for 01:02:03 and 02:03.
	Duration string `yaml:"duration"`
	// Columns maps columns, by name, to ECS field names; destination.address stands for
	// destination.ip where the value is an address and for destination.domain where not.
	// Several columns mapped to @timestamp, such as a date and a time, are joined by a space.
	Columns map[string]string `yaml:"columns"`
	// Keep holds, by column, the values that a line must have there to be an event. Lines
	// with another value are skipped and counted.
	Keep map[string][]string `yaml:"keep"`
	// Constants sets ECS fields to fixed values, such as host.name.
	Constants map[string]string `yaml:"constants"`
	// Missing are the values that stand for none, such as "-"; "" always does.
	Missing []string `yaml:"missing"`
}
