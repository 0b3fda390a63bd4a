package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

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
	held    atomic.Int64 // of waiting
	formats []*format
	scratch sync.Pool // of *scratch

	mu      sync.Mutex
	labels  map[string]*label // by index
	ordered map[orderedKey]*ordered
	uses    int64
}

var _ Sink = (*Documents)(nil)

// A format is one way to read a document.
type format struct {
	nothing  string // why a document was Passed that its decoder says nothing of
	detect   func(h source.Head) bool
	input    source.Input
	decoders sync.Pool // of source.Decoder; for formats whose documents stand for themselves
}

// A label is what is known of an index: what its last document was.
type label struct{ format atomic.Pointer[format] }

// maxLabels bounds the indices that are remembered. With more, all are forgotten.
const maxLabels = 4096

// An ordered decodes the documents of an index whose format has them tell about each other.
type ordered struct {
	mu      sync.Mutex // of decoder
	decoder source.Decoder
	used    int64 // greater means later; held by Documents.mu
}

type orderedKey struct {
	index  string
	format *format
}

// maxOrdered bounds the decoders of such indices: one of Suricata comes to 30 MB of names, and
// senders begin an index a day. The one that was used last longest ago is forgotten.
const maxOrdered = 32

// New returns Documents.
func New(o Options) (*Documents, error) {
	o.Source.Fields, o.Source.Growing = event.AllFields, true
	d := &Documents{o: o, waiting: semaphore.NewWeighted(o.MaxWaiting), labels: map[string]*label{}, ordered: map[orderedKey]*ordered{}}
	d.scratch.New = func() any { return &scratch{inBatch: map[uint64]bool{}} }
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
	d.held.Add(weight)
	defer d.held.Add(-weight)
	s := d.scratch.Get().(*scratch)
	defer d.scratch.Put(s)
	s.reset(len(docs))
	if err := s.known(ctx, d.o.Store.HasIDs, docs); err != nil {
		return refusal(err)
	}
	for i := range docs {
		s.doc, s.id, s.outcome = &docs[i], s.ids[i], &outcomes[i]
		if s.isKnown[i] || s.inBatch[s.id] {
			*s.outcome = Outcome{Status: Known}
			continue
		}
		*s.outcome = Outcome{}
		d.decode(s)
		if s.id != 0 && s.outcome.Status == Stored {
			s.inBatch[s.id] = true
		}
	}
	if s.batch.Len() == 0 {
		return nil
	}
	return refusal(d.o.Store.Append(ctx, &s.batch, nil))
}

// Waiting returns how many documents wait to be stored now, of at most MaxWaiting.
func (d *Documents) Waiting() int64 { return d.held.Load() }

// refusal says an error of the store in the words of Sink.
func refusal(err error) error {
	if errors.Is(err, store.ErrFull) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// decode decodes the document of s. What the last document of its index was is tried first.
func (d *Documents) decode(s *scratch) {
	if len(bytes.TrimSpace(s.doc.Source)) == 0 { // decoders pass over lines without anything
		*s.outcome = Outcome{Rejected, "got a blank line, want one JSON object"}
		return
	}
	if s.label == nil || s.index != s.doc.Index {
		s.label, s.index = d.label(s.doc.Index), s.doc.Index
	}
	f := s.label.format.Load()
	if f != nil && d.with(f, s) {
		return
	}
	head := source.Head{Text: s.doc.Source}
	for _, g := range d.formats {
		if g != f && g.detect(head) {
			if d.with(g, s) {
				s.label.format.Store(g)
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
func (d *Documents) with(f *format, s *scratch) bool {
	if f.input.Ordered() {
		o := d.orderedOf(orderedKey{s.doc.Index, f})
		o.mu.Lock()
		defer o.mu.Unlock()
		return s.decode(f, o.decoder)
	}
	dec := f.decoders.Get().(source.Decoder)
	defer f.decoders.Put(dec)
	return s.decode(f, dec)
}

// orderedOf returns the decoder of an index and a format, a new one where none is remembered.
func (d *Documents) orderedOf(key orderedKey) *ordered {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.ordered[key]
	if o == nil {
		if len(d.ordered) == maxOrdered {
			oldest := key
			for k, other := range d.ordered {
				if oldest == key || other.used < d.ordered[oldest].used {
					oldest = k
				}
			}
			delete(d.ordered, oldest) // who is decoding with it goes on
		}
		o = &ordered{decoder: key.format.input.NewDecoder()}
		d.ordered[key] = o
	}
	d.uses++
	o.used = d.uses
	return o
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
	inBatch map[uint64]bool // ids

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

// known finds out which documents are stored already.
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
	return stored(ctx, s.ids, s.isKnown)
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
	events := s.batch.Len()
	*s.outcome = Outcome{Status: Passed, Reason: f.nothing}
	_, state := f.input.Split(s.doc.Source)
	if lines := dec.Decode(s.doc.Source, state, s); lines != 1 {
		*s.outcome = Outcome{Rejected, fmt.Sprintf("got %d lines, want one JSON object", lines)}
	}
	if s.outcome.Status == Rejected {
		s.batch.Rows = s.batch.Rows[:events]
		return false
	}
	return true
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
