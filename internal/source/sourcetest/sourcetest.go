// Package sourcetest runs the inputs in tests, without internal/scan.
package sourcetest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/testkit"
)

// A Result is what an input made of a text.
type Result struct {
	Events  []event.Event
	Bad     []source.RecordError // lines count from 1 within the text
	Skipped map[string]int       // by reason
	Lines   int

	first int // line of the block, from 0
}

// sink fills a Result.
type sink struct{ r *Result }

// Event keeps a copy of e that outlives the text.
func (s sink) Event(e *event.Event) {
	c := *e
	for _, f := range event.Fields() {
		if text := c.Text(f); text != nil {
			*text = strings.Clone(*text)
		}
	}
	s.r.Events = append(s.r.Events, c)
}

func (s sink) Bad(err source.RecordError) {
	err.Line += s.r.first + 1
	s.r.Bad = append(s.r.Bad, err)
}

func (s sink) Skip(reason string, n int) { s.r.Skipped[reason] += n }

// Messages returns the messages of the bad records.
func (r *Result) Messages() []string {
	var all []string
	for _, e := range r.Bad {
		all = append(all, e.Error())
	}
	return all
}

// Open opens text as the one file of a run.
func Open(t testing.TB, f source.Format, o source.Options, name string, text []byte) source.Input {
	t.Helper()
	s, err := f.New(o)
	if err != nil {
		t.Fatal(err)
	}
	file := source.File{Path: name, Head: Head(name, text)}
	if phases := s.Plan([]source.File{file}); len(phases) != 1 || phases[0] < 0 {
		t.Fatalf("Plan: got %v, want one phase from 0", phases)
	}
	in, err := s.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// Head returns the head of text.
func Head(name string, text []byte) source.Head {
	return source.Head{Name: strings.TrimSuffix(name, ".gz"), Text: text[:min(len(text), 64<<10)]}
}

// Read reads text to its end, in one block where the input lets it.
func Read(t testing.TB, f source.Format, o source.Options, name string, text []byte) *Result {
	t.Helper()
	return read(Open(t, f, o, name, text), text, len(text))
}

// read reads text in blocks of at least block bytes, by two decoders in turn where the
// order does not matter.
func read(in source.Input, text []byte, block int) *Result {
	r := &Result{Skipped: map[string]int{}}
	decoders := []source.Decoder{in.NewDecoder()}
	if !in.Ordered() {
		decoders = append(decoders, in.NewDecoder())
	}
	for turn := 0; len(text) > 0; turn++ {
		n := len(text)
		if block < n {
			if i := bytes.IndexByte(text[block:], '\n'); i >= 0 {
				n = block + i + 1
			}
		}
		n, state := in.Split(text[:n])
		// A copy that is overwritten: events must not be read through an old one.
		buffer := bytes.Clone(text[:n])
		lines := decoders[turn%len(decoders)].Decode(buffer, state, sink{r})
		for i := range buffer {
			buffer[i] = '#'
		}
		r.first += lines
		text = text[n:]
	}
	r.Lines = r.first
	return r
}

// Check holds an input to its contract on text: the count of lines is right, lines of bad
// records are among them, counts are not negative, nothing depends on where the text is cut
// into blocks, and f.Detect does not panic.
func Check(t testing.TB, f source.Format, o source.Options, name string, text []byte) {
	t.Helper()
	for _, e := range CheckSigned(t, f, o, name, text).Events {
		if e.SourceBytes < 0 || e.DestinationBytes < 0 || e.DurationNanos < 0 {
			t.Fatalf("got the event %+v, want none with negative counts", e)
		}
	}
}

// CheckSigned is Check for inputs whose counts may be negative. It returns what the input
// made of text.
func CheckSigned(t testing.TB, f source.Format, o source.Options, name string, text []byte) *Result {
	t.Helper()
	f.Detect(Head(name, text))
	s, err := f.New(o)
	if err != nil {
		t.Fatal(err)
	}
	file := source.File{Path: name, Head: Head(name, text)}
	s.Plan([]source.File{file})
	open := func() source.Input {
		in, err := s.Open(file)
		if err != nil {
			return nil
		}
		return in
	}
	in := open()
	if in == nil {
		return &Result{}
	}
	whole := read(in, text, len(text))
	want := bytes.Count(text, []byte("\n"))
	if len(text) > 0 && text[len(text)-1] != '\n' {
		want++
	}
	if whole.Lines != want {
		t.Fatalf("lines: got %d, want %d", whole.Lines, want)
	}
	for _, e := range whole.Bad {
		if e.Line < 1 || e.Line > want || e.Want == "" {
			t.Fatalf("bad record %+v: want a line of 1 to %d and what was wanted", e, want)
		}
	}
	for _, e := range whole.Events {
		if e.SourceIP.Is4In6() || e.DestinationIP.Is4In6() {
			t.Fatalf("got the event %+v, want none with mapped addresses", e)
		}
	}
	for _, block := range []int{0, 100} {
		// The state of a source may go on from file to file: a new one for each way to cut.
		if s, err = f.New(o); err != nil {
			t.Fatal(err)
		}
		s.Plan([]source.File{file})
		if diff := cmp.Diff(whole, read(open(), text, block), Compare...); diff != "" {
			t.Fatalf("in blocks of %d (-whole +cut):\n%s", block, diff)
		}
	}
	return whole
}

// Reshape returns text as the source.Reshaper of f gives it to the input.
func Reshape(t testing.TB, f source.Format, o source.Options, name string, text []byte) []byte {
	t.Helper()
	s, err := f.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r, ok := s.(source.Reshaper)
	if !ok {
		t.Fatalf("%s: got %T, want a source.Reshaper", f.Name, s)
	}
	lines, err := io.ReadAll(r.Reshape(source.File{Path: name, Head: Head(name, text)}, bytes.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// Compare are the options to compare Results and events with go-cmp.
var Compare = []cmp.Option{cmpopts.IgnoreUnexported(Result{}), cmpopts.EquateComparable(event.Event{})}

// File returns the text of the file at path, decompressed.
func File(t testing.TB, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var r io.Reader = bufio.NewReader(file)
	if filepath.Ext(path) == ".gz" {
		if r, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Example returns block n, from 0, of those of language lang in the docs page of an input.
func Example(t testing.TB, page, lang string, n int) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "inputs", page))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```")
	for i := 1; i < len(blocks); i += 2 { // what stands between two fences
		first, rest, _ := strings.Cut(blocks[i], "\n")
		if first != lang {
			continue
		}
		if n == 0 {
			return []byte(rest)
		}
		n--
	}
	t.Fatalf("docs/inputs/%s: got too few blocks of %q", page, lang)
	return nil
}

// CountBy counts the events of r by the value of key.
func (r *Result) CountBy(key func(e *event.Event) string) map[string]int {
	counts := map[string]int{}
	for i := range r.Events {
		counts[key(&r.Events[i])]++
	}
	return counts
}

// ReferenceFields are the fields that a scan by the reference statistics looks at, with the
// default filter and grouping. That of the rank looks at those of survey.Fields as well.
var ReferenceFields = event.SetOf(
	event.Timestamp, event.Ingested, event.SourceBytes, event.DestinationBytes, event.SourceIP, event.DestinationIP,
	event.HostName, event.ProcessName, event.EventAction, event.EventCategory,
	event.ProcessExecutable, event.ProcessHashSHA256, event.ProcessParentHashSHA256, event.SignatureExists,
	event.SignatureTrusted, event.SignatureValid, event.SignatureStatus, event.SignatureSubjectName,
)

// Discard is a source.Sink that counts, for benchmarks.
type Discard struct{ Events, BadRecords, Skipped int }

// Event counts e.
func (d *Discard) Event(*event.Event) { d.Events++ }

// Bad counts a bad record.
func (d *Discard) Bad(source.RecordError) { d.BadRecords++ }

// Skip counts n records.
func (d *Discard) Skip(_ string, n int) { d.Skipped += n }

// Benchmark measures how fast text is decoded, and fails when
// that allocates for each line in the steady state.
func Benchmark(b *testing.B, f source.Format, o source.Options, name string, text []byte) {
	b.Helper()
	in := Open(b, f, o, name, text)
	d := in.NewDecoder()
	n, state := in.Split(text)
	block := text[:n]
	var out Discard
	lines := d.Decode(block, state, &out)
	if allocs := testing.AllocsPerRun(1, func() { d.Decode(block, state, &out) }); allocs > float64(lines)/100 {
		b.Errorf("got %v allocations for %d lines, want none in the steady state", allocs, lines)
	}
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(block, state, &out)
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
}
