package tail

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"fresnel/internal/event"
	"fresnel/internal/files"
	"fresnel/internal/source"
)

// keptHead is how much of a head source.Source is shown and is kept.
const keptHead = 4 << 10

// An opened is an input that is used.
type opened struct {
	name   string // the word for it
	format *source.Format
	source source.Source
}

// openFormats prepares all inputs, or the one that is named.
func (t *Tail) openFormats() error {
	word, mapped, _ := strings.Cut(t.o.Format, ":")
	for i := range t.o.Formats {
		f := &t.o.Formats[i]
		if word != "" && f.Name != word {
			continue
		}
		name, o := f.Name, t.o.Source
		if word != "" {
			name, o.Map = t.o.Format, mapped
		}
		s, err := f.New(o)
		if err != nil {
			return fmt.Errorf("format %s: %w", name, err)
		}
		t.formats[name] = &opened{name: name, format: f, source: s}
	}
	if len(t.formats) == 0 {
		var names []string
		for _, f := range t.o.Formats {
			names = append(names, f.Name)
		}
		return fmt.Errorf("format: got %q, want one of %s", t.o.Format, strings.Join(names, ", "))
	}
	return nil
}

// detect returns the input that knows a head; nil when none does.
func (t *Tail) detect(h source.Head) *opened {
	if t.o.Format != "" {
		return t.formats[t.o.Format] // a named one has all files
	}
	for i := range t.o.Formats {
		if f := &t.o.Formats[i]; f.Detect(h) {
			return t.formats[f.Name]
		}
	}
	return nil
}

// shapes reports whether the text of f does not have one document a line. The offsets in such
// a text are those in what is made of it.
func (o *opened) shapes(f source.File) bool {
	r, ok := o.source.(source.Reshaper)
	if !ok {
		return false
	}
	shaped, _ := io.ReadAll(r.Reshape(f, bytes.NewReader(f.Head.Text))) // that it is cut is no matter here
	return !bytes.Equal(shaped, f.Head.Text)
}

// archiveHead returns the head of the text of a compressed file.
func archiveHead(ctx context.Context, path string) ([]byte, error) {
	text, err := files.Open(ctx, files.File{Path: path}, nil, new(atomic.Int64))
	if err != nil {
		return nil, err
	}
	defer text.Close()
	head := text.Head()
	if len(head) == 0 { // it may be one of which nothing can be read
		if _, err := text.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	return head, nil
}

// companions are the files of a format in a folder: they are planned together.
type companions struct {
	format *opened
	folder string
}

// A plan is what is known of the companions.
type plan struct {
	top   int      // the last phase
	kinds []string // of files and their phases
}

// plan asks the inputs in which phase to read the texts that they have not been asked for, and
// shows them all that lies in the same folders.
func (t *Tail) plan(ctx context.Context) {
	var asked []companions
	for _, x := range t.texts {
		if x.spot == nil || x.planned || x.Whole && x.Ended || x.format == nil {
			continue
		}
		if !x.Whole && x.headSize < keptHead && x.headSize < int(min(keptHead, x.spot.at.Size-x.bom)) && !t.rehead(x) {
			continue
		}
		if key := (companions{x.format, folderOf(x.Path)}); !slices.Contains(asked, key) {
			asked = append(asked, key)
		}
	}
	for _, key := range asked {
		t.planFolder(ctx, key)
	}
}

func (t *Tail) planFolder(ctx context.Context, key companions) {
	var texts []*text
	var all []source.File
	kinds := map[string]*text{} // archives that have been read stand for their kind alone
	for _, x := range t.texts {
		if x.spot == nil || x.Format != key.format.name || folderOf(x.Path) != key.folder {
			continue
		}
		kind, _, _ := strings.Cut(textName(x.Path), ".")
		if x.Whole && x.Ended {
			if _, ok := kinds[kind]; !ok {
				kinds[kind] = x
			}
			continue
		}
		kinds[kind] = nil
		if x.head != nil {
			texts = append(texts, x)
			all = append(all, x.file())
		}
	}
	for _, x := range kinds {
		if x == nil {
			continue
		}
		if x.head == nil {
			head, err := archiveHead(ctx, x.Path)
			if err != nil {
				continue // it was read and is no longer of use
			}
			x.head = bytes.Clone(head[:min(len(head), keptHead)])
		}
		all = append(all, x.file())
	}
	phases := key.format.source.Plan(all)
	old := t.plans[key]
	now := plan{top: old.top}
	for i, x := range texts {
		kind, _, _ := strings.Cut(textName(x.Path), ".")
		now.top = max(now.top, phases[i])
		now.kinds = append(now.kinds, fmt.Sprint(kind, " ", phases[i]))
	}
	slices.Sort(now.kinds)
	now.kinds = slices.Compact(now.kinds)
	t.plans[key] = now
	same := slices.Equal(old.kinds, now.kinds)
	for i, x := range texts {
		// Those that are read last begin again when there is more to name them by.
		if !x.planned || x.phase != phases[i] || !same && x.stream == nil && !t.replays(x) {
			if x.stream != nil {
				x.close()
			}
			x.forget()
		}
		x.phase, x.planned = phases[i], true
	}
}

// rehead reads the head of a growing text again, of which little was known.
func (t *Tail) rehead(x *text) bool {
	raw, err := os.Open(x.Path)
	if err != nil {
		return false
	}
	defer raw.Close()
	info, err := raw.Stat()
	if err != nil || !t.stampOf(info).sameAs(x.spot.at) {
		return false
	}
	head, _, err := headOf(raw, keptHead)
	if err != nil {
		return false
	}
	if x.begins(head) != nil {
		t.lose(x, false) // truncated and written again
		return false
	}
	x.head, x.headSize = head, len(head)
	return true
}

// replays reports whether what stands before a place in x matters behind it, so that it is
// read again before x is gone on with: for files whose lines hang together, and for those
// that give names to others.
func (t *Tail) replays(x *text) bool {
	return x.phase < t.plans[companions{x.format, folderOf(x.Path)}].top || x.input != nil && x.input.Ordered()
}

// begin prepares the decoding of x.
func (t *Tail) begin(x *text) error {
	input, err := x.format.source.Open(x.file())
	if err != nil {
		return err
	}
	x.input, x.decoder, x.state = input, input.NewDecoder(), nil
	return nil
}

// resume prepares the decoding of a growing text behind what has been read: the lines that
// change the meaning of others, and those that matter to others, are read again.
func (t *Tail) resume(ctx context.Context, x *text) error {
	if err := t.begin(x); err != nil || x.Offset == 0 {
		return err
	}
	again := func(from, to int64, decode bool) error {
		t.lines.reset(io.NewSectionReader(x.raw, x.bom+from, to-from), 0)
		for {
			text, _, err := t.lines.next()
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			t.pass(x, text, decode)
		}
	}
	// Headers stand at the beginning, and where Header says.
	const most = files.HeadBytes
	from := int64(0)
	if !x.input.Ordered() {
		from = min(x.Offset, most)
		if err := again(0, from, false); err != nil {
			return err
		}
		if x.Header >= from {
			if err := again(x.Header, min(x.Offset, x.Header+most), false); err != nil {
				return err
			}
		}
		if !t.replays(x) {
			return nil
		}
		from = 0
		if x.Offset > t.bounds.replay {
			from = x.Offset - t.bounds.replay
			at := make([]byte, source.MaxLineBytes)
			n, err := x.raw.ReadAt(at, x.bom+from)
			if err != nil && err != io.EOF {
				return err
			}
			from += int64(bytes.IndexByte(at[:n], '\n') + 1)
		}
	}
	return again(from, x.Offset, true)
}

// pass reads text that is stored: for what it means to the lines behind it.
func (t *Tail) pass(x *text, text []byte, decode bool) {
	for len(text) > 0 {
		n, state := x.input.Split(text)
		x.state = state
		if decode {
			x.decoder.Decode(text[:n:n], state, discard{})
		}
		text = text[n:]
	}
}

// A discard takes what was taken before.
type discard struct{}

func (discard) Event(*event.Event)     {}
func (discard) Bad(source.RecordError) {}
func (discard) Skip(string, int)       {}

// same reports whether two states of source.Input.Split are one.
func same(a, b any) bool {
	ta, tb := reflect.TypeOf(a), reflect.TypeOf(b)
	return ta == tb && (ta == nil || ta.Comparable() && a == b)
}

// order sorts texts into the order in which they are read: by when they and their companions
// were written last, and companions by phase, so that names are known before what they name.
func order(texts []*text) {
	type group struct{ folder, rest string }
	groupOf := func(x *text) group { return group{folderOf(x.Path), companion(x.Path)} }
	last := map[group]int64{}
	groups := map[*text]group{}
	for _, x := range texts {
		g := groupOf(x)
		groups[x] = g
		last[g] = max(last[g], x.written())
	}
	slices.SortStableFunc(texts, func(a, b *text) int {
		g, h := groups[a], groups[b]
		return cmp.Or(
			cmp.Compare(last[g], last[h]), cmp.Compare(g.folder, h.folder), cmp.Compare(g.rest, h.rest),
			cmp.Compare(a.phase, b.phase), cmp.Compare(a.Path, b.Path),
		)
	})
}
