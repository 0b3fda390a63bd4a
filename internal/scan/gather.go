package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/files"
	"fresnel/internal/source"
)

// An input is one file of the scan.
type input struct {
	file   files.File
	source source.File
	format *opened
	phase  int
	text   *files.Text // kept open where it cannot be opened twice
	in     source.Input
	err    error

	blocks chan *block

	// For inputs whose blocks are decoded in order.
	turn    sync.Mutex
	turned  sync.Cond
	decoder source.Decoder
	inTurn  int64

	lines int // decoded so far, by blocks in order
}

// An opened is a format that is used in this scan.
type opened struct {
	name   string
	source source.Source
	inputs []*input
}

// A gathering reads files into tables.
type gathering struct {
	o       *Options
	events  *detect.Gathering
	summary *Summary
	cancel  context.CancelFunc // ends all reading

	mu       sync.Mutex
	advanced sync.Cond
	done     map[int64]*outcome // blocks that are decoded, until all before them are
	next     int64              // the first block that is not
	strict   error
}

func newGathering(o *Options, events *detect.Gathering, s *Summary) *gathering {
	g := &gathering{o: o, events: events, summary: s, done: map[int64]*outcome{}}
	g.advanced.L = &g.mu
	return g
}

// files reads all files.
func (g *gathering) files(ctx context.Context) error {
	ctx, g.cancel = context.WithCancel(ctx)
	defer g.cancel()
	inputs, err := g.open(ctx)
	if err != nil {
		return err
	}
	for _, in := range inputs {
		if in.file.Size > 0 {
			g.o.Progress.Total.Add(in.file.Size)
		}
	}
	// Files of the same phase stand together, those of an earlier one before them.
	slices.SortStableFunc(inputs, func(a, b *input) int { return cmp.Compare(a.phase, b.phase) })
	for len(inputs) > 0 && err == nil {
		n := 1
		for n < len(inputs) && inputs[n].phase == inputs[0].phase {
			n++
		}
		err = g.phase(ctx, inputs[:n])
		inputs = inputs[n:]
	}
	g.events.Seal()
	if g.strict != nil {
		return g.strict
	}
	return err
}

// open finds out what each file is and asks the formats in which phase to read it.
func (g *gathering) open(ctx context.Context) ([]*input, error) {
	formats := map[string]*opened{}
	var inputs []*input
	for _, f := range g.o.Files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in, err := g.probe(ctx, f, formats)
		switch {
		case ctx.Err() != nil: // it may be why there is an error
			return nil, ctx.Err()
		case err != nil:
			g.summary.Problems = append(g.summary.Problems, files.Problem{Path: f.Path, Named: f.Named, Err: err})
			if f.Named {
				g.summary.Failed++
			}
		case in == nil:
			g.summary.Unknown = append(g.summary.Unknown, f.Path)
		default:
			inputs = append(inputs, in)
		}
	}
	kept := inputs[:0]
	for _, of := range formats {
		all := make([]source.File, len(of.inputs))
		for i, in := range of.inputs {
			all[i] = in.source
		}
		for i, phase := range of.source.Plan(all) {
			of.inputs[i].phase = phase
		}
	}
	for _, in := range inputs {
		if in.phase >= 0 {
			g.summary.Formats[in.format.name]++
			kept = append(kept, in)
		} else {
			g.summary.Unneeded[in.format.name]++
		}
	}
	g.summary.Files = len(kept)
	return kept, nil
}

// errUnknown is the problem of a named file that no input knows.
var errUnknown = errors.New("got text that no input knows; name the input with --input")

// probe reads the head of f and finds its format; both results are nil for a file that
// nobody named and no format knows.
func (g *gathering) probe(ctx context.Context, f files.File, formats map[string]*opened) (*input, error) {
	read := &g.o.Progress.Bytes
	if f.Size >= 0 {
		read = new(atomic.Int64) // it will be read again, from its start
	}
	text, err := files.Open(ctx, f, g.o.Stdin, read)
	if err != nil {
		return nil, err
	}
	head := source.Head{Name: text.Name(), Text: text.Head()}
	name, format := g.detect(head)
	if format == nil {
		defer text.Close()
		if len(head.Text) == 0 { // an empty file, or one of which nothing can be read
			if _, err := text.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				return nil, err
			}
			return nil, nil
		}
		if f.Named {
			return nil, errUnknown
		}
		return nil, nil
	}
	of, ok := formats[name]
	if !ok {
		o := g.o.Source
		_, o.Map, _ = strings.Cut(name, ":")
		s, err := format.New(o)
		if err != nil {
			text.Close()
			return nil, fmt.Errorf("input %s: %w", name, err)
		}
		of = &opened{name: name, source: s}
		formats[name] = of
	}
	in := &input{file: f, format: of}
	in.turned.L = &in.turn
	if f.Size < 0 {
		in.text = text
	} else {
		// Thousands of files would be too many to keep open, and their heads to keep whole.
		head.Text = slices.Clone(head.Text[:min(len(head.Text), keptHead)])
		if err := text.Close(); err != nil {
			return nil, err
		}
	}
	in.source = source.File{Path: f.Path, Dir: f.Dir(), Head: head}
	of.inputs = append(of.inputs, in)
	return in, nil
}

// keptHead is how much of a head source.Source.Plan is shown.
const keptHead = 4 << 10

// detect returns the input that knows a head, by the word of --input for it.
func (g *gathering) detect(h source.Head) (string, *source.Format) {
	for i := range g.o.Formats {
		f := &g.o.Formats[i]
		if len(g.o.Inputs) == 0 {
			if f.Detect(h) {
				return f.Name, f
			}
			continue
		}
		for _, name := range g.o.Inputs {
			// The only input that is named has all files; of several each has what it knows.
			if word, _, _ := strings.Cut(name, ":"); word == f.Name && (len(g.o.Inputs) == 1 || f.Detect(h)) {
				return name, f
			}
		}
	}
	return "", nil
}

// phase reads files side by side and decodes their blocks in order of their numbers.
func (g *gathering) phase(ctx context.Context, inputs []*input) error {
	group, ctx := errgroup.WithContext(ctx)
	defer context.AfterFunc(ctx, func() { // wake those who wait for a block that will not come
		g.mu.Lock()
		defer g.mu.Unlock()
		g.advanced.Broadcast()
	})()
	readers := min(g.o.Workers, len(inputs))
	slots := make(chan slot, readers)
	for range readers {
		slots <- newSlot(g.o.Workers + 3)
	}
	for _, in := range inputs {
		in.blocks = make(chan *block, 2)
	}
	group.Go(func() error {
		for _, in := range inputs { // in order, so that the first has a slot whenever another has
			select {
			case s := <-slots:
				group.Go(func() error {
					in.err = g.read(ctx, in, s)
					close(in.blocks)
					slots <- s
					return ctx.Err()
				})
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	work := make(chan *block)
	group.Go(func() error {
		defer close(work)
		number := g.next
		for _, in := range inputs {
			for {
				var b *block
				var more bool
				select {
				case b, more = <-in.blocks:
				case <-ctx.Done(): // which may have kept the file from being opened
					return ctx.Err()
				}
				if !more {
					break
				}
				b.number = number
				number++
				if !g.wait(ctx, b.number-int64(4*g.o.Workers)) {
					return ctx.Err()
				}
				select {
				case work <- b:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if in.err != nil {
				g.problem(in)
			}
		}
		return nil
	})
	for range g.o.Workers {
		group.Go(func() error {
			d := decoding{g: g, worker: g.events.Worker()}
			return d.run(ctx, work)
		})
	}
	return group.Wait()
}

// read opens one file and reads it.
func (g *gathering) read(ctx context.Context, in *input, s slot) error {
	text := in.text
	var err error
	if text == nil {
		if text, err = files.Open(ctx, in.file, g.o.Stdin, &g.o.Progress.Bytes); err != nil {
			return err
		}
	}
	if in.in, err = in.format.source.Open(in.source); err != nil {
		text.Close()
		return err
	}
	reshape, _ := in.format.source.(source.Reshaper)
	r := &reader{file: in, slot: s, out: in.blocks}
	return r.read(ctx, text, reshape)
}

// problem notes what went wrong with a file.
func (g *gathering) problem(in *input) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.summary.Problems = append(g.summary.Problems, files.Problem{Path: in.file.Path, Named: in.file.Named, Err: in.err})
	if in.in == nil && in.file.Named {
		g.summary.Failed++
	}
}

// wait waits until all blocks before number are decoded; false when ctx ends first.
func (g *gathering) wait(ctx context.Context, number int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.next < number && ctx.Err() == nil {
		g.advanced.Wait()
	}
	return ctx.Err() == nil
}

// An outcome is what came of a block beside its events.
type outcome struct {
	file    *input
	lines   int
	bad     []source.RecordError // the first ones
	badMore int64
	skipped map[string]int64
	events  int64
}

// finish takes the outcome of a block and, in order, those that are complete.
func (g *gathering) finish(number int64, o *outcome) error {
	g.o.Progress.Events.Add(o.events)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done[number] = o
	for {
		o, ok := g.done[g.next]
		if !ok {
			break
		}
		delete(g.done, g.next)
		g.next++
		g.account(o)
	}
	g.advanced.Broadcast()
	return g.strict
}

func (g *gathering) account(o *outcome) {
	s := g.summary
	for _, bad := range o.bad {
		bad.Line += o.file.lines + 1
		message := o.file.file.Path + ": " + bad.Error()
		if len(s.BadShown) < g.o.BadShown {
			s.BadShown = append(s.BadShown, message)
		}
		if g.o.Strict && g.strict == nil {
			g.strict = fmt.Errorf("%w: %s", ErrStrict, message)
		}
	}
	s.Bad += int64(len(o.bad)) + o.badMore
	for reason, n := range o.skipped {
		s.Skipped[o.file.format.name+": "+reason] += n
	}
	s.Events += o.events
	o.file.lines += o.lines
}

// A decoding is one goroutine that decodes blocks and hands the events on. It is the
// source.Sink of its decoder.
type decoding struct {
	g       *gathering
	worker  *detect.Worker
	file    *input
	decoder source.Decoder
	out     *outcome
}

func (d *decoding) run(ctx context.Context, work <-chan *block) error {
	defer d.worker.Close()
	for b := range work {
		d.out = &outcome{file: b.file}
		d.decode(b)
		b.buffer.release()
		d.worker.Deliver(b.number)
		if err := d.g.finish(b.number, d.out); err != nil {
			d.g.cancel() // a pipe may be waited for that will say no more
			return err
		}
	}
	return ctx.Err()
}

func (d *decoding) decode(b *block) {
	in := b.file
	if in.in.Ordered() {
		in.turn.Lock()
		defer in.turn.Unlock()
		for in.inTurn != b.inFile {
			in.turned.Wait() // for a block that another goroutine has already taken
		}
		if in.decoder == nil {
			in.decoder = in.in.NewDecoder()
		}
		d.decoder, d.file = in.decoder, nil
		defer func() {
			in.inTurn++
			in.turned.Broadcast()
		}()
	} else if d.file != in {
		d.decoder, d.file = in.in.NewDecoder(), in
	}
	if b.tooLong {
		d.Bad(source.RecordError{Got: fmt.Sprintf("a line of more than %d MiB", source.MaxLineBytes>>20), Want: "a shorter one"})
		d.out.lines = 1
		return
	}
	d.out.lines = d.decoder.Decode(b.text, b.state, d)
}

// Bad implements source.Sink.
func (d *decoding) Bad(err source.RecordError) {
	if len(d.out.bad) < max(1, d.g.o.BadShown) {
		d.out.bad = append(d.out.bad, err)
	} else {
		d.out.badMore++
	}
}

// Skip implements source.Sink.
func (d *decoding) Skip(reason string, n int) {
	if d.out.skipped == nil {
		d.out.skipped = map[string]int64{}
	}
	d.out.skipped[reason] += int64(n)
}

// Event implements source.Sink.
func (d *decoding) Event(e *event.Event) {
	d.out.events++
	d.worker.Event(e)
}
