package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/store"
)

// Options say how documents become events.
type Options struct {
	Formats []source.Format // in the order of detection; documents of those with a Document are read
	Source  source.Options  // Fields are filled in by New

	Store interface {
		Append(ctx context.Context, b *store.Batch, marks []store.Mark) error
		HasIDs(ctx context.Context, ids []uint64, known []bool) error
	}

	// MaxWaiting bounds the documents that wait to be stored at a time, of all callers.
	MaxWaiting int64
}

// Documents is the Sink that decodes documents and stores them.
type Documents struct {
	o       Options
	waiting *semaphore.Weighted
	formats []*format
	scratch sync.Pool // of *scratch

	mu     sync.Mutex
	labels map[string]*label // by index
}

var _ Sink = (*Documents)(nil)

// A format is one way to read a document.
type format struct {
	nothing  string // why a document was Passed that its decoder says nothing of
	detect   func(h source.Head) bool
	input    source.Input
	decoders sync.Pool // of source.Decoder; for formats whose documents stand for themselves
}

// A label is what is known of an index: what its documents were so far.
type label struct {
	mu      sync.Mutex
	format  *format
	ordered map[*format]source.Decoder // of formats whose documents tell about each other; held by mu
}

// maxLabels bounds the indices that are remembered. With more, all are forgotten.
const maxLabels = 4096

// New returns Documents.
func New(o Options) (*Documents, error) {
	o.Source.Fields, o.Source.Growing = event.AllFields, true
	d := &Documents{o: o, waiting: semaphore.NewWeighted(o.MaxWaiting), labels: map[string]*label{}}
	d.scratch.New = func() any { return new(scratch) }
	for _, f := range o.Formats {
		if f.Document == "" {
			continue
		}
		s, err := f.New(o.Source)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", f.Name, err)
		}
		file := source.File{Head: source.Head{Text: []byte(f.Document)}}
		s.Plan([]source.File{file})
		in, err := s.Open(file)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", f.Name, err)
		}
		d.formats = append(d.formats, &format{nothing: "nothing in it that input " + f.Name + " reads", detect: f.Detect, input: in, decoders: sync.Pool{New: func() any { return in.NewDecoder() }}})
	}
	return d, nil
}

// Put implements Sink. A document without a time, or that is no JSON object, is Rejected.
func (d *Documents) Put(ctx context.Context, docs []Document, outcomes []Outcome) error {
	if len(docs) == 0 {
		return nil
	}
	weight := min(int64(len(docs)), d.o.MaxWaiting)
	if !d.waiting.TryAcquire(weight) {
		return ErrBusy
	}
	defer d.waiting.Release(weight)
	s := d.scratch.Get().(*scratch)
	defer d.scratch.Put(s)
	s.reset(len(docs))
	if err := s.known(ctx, d.o.Store.HasIDs, docs); err != nil {
		return refusal(err)
	}
	for i := range docs {
		s.doc, s.id, s.outcome = &docs[i], s.ids[i], &outcomes[i]
		switch {
		case s.isKnown[i]:
			*s.outcome = Outcome{Status: Known}
		default:
			d.decode(s)
		}
	}
	if s.batch.Len() == 0 {
		return nil
	}
	return refusal(d.o.Store.Append(ctx, &s.batch, nil))
}

// refusal says an error of the store in the words of Sink.
func refusal(err error) error {
	if errors.Is(err, store.ErrFull) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// decode decodes the document of s. What the last document of its index was is tried first.
func (d *Documents) decode(s *scratch) {
	if s.label == nil || s.index != s.doc.Index {
		s.label, s.index = d.label(s.doc.Index), s.doc.Index
	}
	l := s.label
	l.mu.Lock()
	f := l.format
	l.mu.Unlock()
	if f != nil && d.with(f, l, s) {
		return
	}
	head := source.Head{Text: s.doc.Source}
	for _, g := range d.formats {
		if g != f && g.detect(head) {
			if d.with(g, l, s) {
				l.mu.Lock()
				l.format = g
				l.mu.Unlock()
				return
			}
			break
		}
	}
	if s.outcome.Reason == "" {
		*s.outcome = Outcome{Rejected, "got " + source.Shorten(s.doc.Source) + ", want an event of a known input"}
	}
}

// with decodes the document of s as f reads it; false when f finds it bad.
func (d *Documents) with(f *format, l *label, s *scratch) bool {
	if f.input.Ordered() {
		l.mu.Lock()
		defer l.mu.Unlock()
		dec := l.ordered[f]
		if dec == nil {
			if l.ordered == nil {
				l.ordered = map[*format]source.Decoder{}
			}
			dec = f.input.NewDecoder()
			l.ordered[f] = dec
		}
		return s.decode(f, dec)
	}
	dec := f.decoders.Get().(source.Decoder)
	defer f.decoders.Put(dec)
	return s.decode(f, dec)
}

func (d *Documents) label(index string) *label {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.labels[index]
	if l == nil {
		if len(d.labels) == maxLabels {
			clear(d.labels)
		}
		l = new(label)
		d.labels[index] = l
	}
	return l
}

// A scratch is the memory of one Put. It is the source.Sink of the decoders.
type scratch struct {
	batch   store.Batch
	ids     []uint64
	isKnown []bool
	inBatch map[uint64]struct{}

	doc     *Document
	index   string // of the document before
	label   *label // of index
	id      uint64
	outcome *Outcome
}

func (s *scratch) reset(n int) {
	s.batch.Reset()
	s.ids = append(s.ids[:0], make([]uint64, n)...)
	s.isKnown = append(s.isKnown[:0], make([]bool, n)...)
	clear(s.inBatch)
	s.label = nil
}

// known finds out which documents are stored already, or stand twice among these.
func (s *scratch) known(ctx context.Context, stored func(context.Context, []uint64, []bool) error, docs []Document) error {
	ids := false
	for i := range docs {
		if docs[i].ID != "" {
			s.ids[i] = IDOf(docs[i].Index, docs[i].ID)
			ids = true
		}
	}
	if !ids {
		return nil
	}
	if err := stored(ctx, s.ids, s.isKnown); err != nil {
		return err
	}
	if s.inBatch == nil {
		s.inBatch = map[uint64]struct{}{}
	}
	for i, id := range s.ids {
		if id == 0 || s.isKnown[i] {
			continue
		}
		if _, twice := s.inBatch[id]; twice {
			s.isKnown[i] = true
		}
		s.inBatch[id] = struct{}{}
	}
	return nil
}

// IDOf returns the hash that a store knows a document by, from its index and id; never 0.
func IDOf(index, id string) uint64 {
	h := sha256.New()
	h.Write([]byte(index))
	h.Write([]byte{0})
	h.Write([]byte(id))
	var sum [sha256.Size]byte
	return max(1, binary.LittleEndian.Uint64(h.Sum(sum[:0])))
}

func (s *scratch) decode(f *format, dec source.Decoder) bool {
	*s.outcome = Outcome{Status: Passed, Reason: f.nothing}
	_, state := f.input.Split(s.doc.Source)
	dec.Decode(s.doc.Source, state, s)
	return s.outcome.Status != Rejected
}

// Event implements source.Sink.
func (s *scratch) Event(e *event.Event) {
	s.batch.Add(e, s.doc.Index, s.id)
	*s.outcome = Outcome{Status: Stored}
}

// Bad implements source.Sink.
func (s *scratch) Bad(err source.RecordError) {
	*s.outcome = Outcome{Rejected, fmt.Sprintf("%s: got %s, want %s", err.Field, err.Got, err.Want)}
	if err.Field == "" {
		s.outcome.Reason = fmt.Sprintf("got %s, want %s", err.Got, err.Want)
	}
}

// Skip implements source.Sink.
func (s *scratch) Skip(reason string, _ int) {
	*s.outcome = Outcome{Status: Passed, Reason: reason}
}
