package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/files"
	"fresnel/internal/source"
)

// work returns what is to be read: growing texts, or all others.
func (t *Tail) work(growing bool) (texts []*text) {
	for _, x := range t.texts {
		if (x.caught && !x.Whole || x.spot == nil) == growing && x.due(t.now) {
			texts = append(texts, x)
		}
	}
	order(texts)
	return texts
}

// read reads texts, each up to a bound.
func (t *Tail) read(ctx context.Context, texts []*text) error {
	type group struct {
		companions
		rest string
	}
	behind := map[group]int{} // phases that are not at their ends
	for _, x := range texts {
		g := group{companions{x.format, folderOf(x.Path)}, companion(x.Path)}
		if phase, ok := behind[g]; ok && x.phase > phase {
			continue
		}
		if !x.caught && x.spot != nil && t.left <= 0 {
			t.unfinished = true
			return nil
		}
		more, err := t.readOne(ctx, x)
		switch {
		case err == nil:
			t.clear(x.Path)
		case errors.Is(err, errRefused), ctx.Err() != nil:
			return err
		case errors.Is(err, errOther):
			t.lose(x, false) // and found out in the next round
		case errors.Is(err, errLater), errors.Is(err, fs.ErrNotExist):
		default:
			t.report(x.Path, err)
			x.retry = t.now.Add(retryAfter)
		}
		if more {
			t.unfinished = true
			if _, ok := behind[g]; !ok {
				behind[g] = x.phase
			}
		}
	}
	return nil
}

func (t *Tail) readOne(ctx context.Context, x *text) (more bool, err error) {
	if x.Whole {
		return t.readWhole(ctx, x)
	}
	more, err = t.readGrowing(ctx, x)
	t.keep(x)
	return more, err
}

// keep keeps a growing text open and its decoder, among a bounded number of others.
func (t *Tail) keep(x *text) {
	if t.anonymous {
		x.close()
	}
	if x.spot != nil && x.atEnd && t.now.Sub(x.grew) >= quiet {
		x.close()
		x.forget()
	}
	open, decoders := 0, 0
	t.kept = append(slices.DeleteFunc(t.kept, func(y *text) bool { return y == x || y.raw == nil && y.input == nil }), x)
	for _, y := range slices.Backward(t.kept) {
		if y.raw != nil {
			if open++; open > t.bounds.open && y.spot != nil { // the rest of one that is gone is nowhere else
				y.close()
			}
		}
		if y.input != nil {
			if decoders++; decoders > t.bounds.inputs {
				y.forget()
			}
		}
	}
}

// readGrowing reads what has been added to a text.
func (t *Tail) readGrowing(ctx context.Context, x *text) (more bool, err error) {
	var limit, written int64
	var at stamp
	if x.spot != nil {
		if err := t.open(x); err != nil {
			return false, err
		}
		at = x.spot.at
		limit, written = x.limit(), at.Modified
	} else {
		info, err := x.raw.Stat()
		if err != nil {
			return false, err
		}
		limit, written = info.Size(), t.now.UnixNano()
		if limit < x.end() {
			return false, errOther
		}
		if err := x.verify(); err != nil {
			return false, err
		}
	}
	if limit != x.readTo {
		x.tried = false
		if x.grew = t.now; x.readTo == 0 { // it may have lain here for long
			x.grew = time.Unix(0, min(written, t.now.UnixNano()))
		}
	}
	if x.input == nil {
		if err := t.resume(ctx, x); err != nil {
			x.forget()
			return false, err
		}
	}
	most := t.bounds.file
	if !x.caught {
		most = min(most, t.left)
	}
	x.atEnd = false
	from := x.end() + x.passed
	t.lines.reset(io.NewSectionReader(x.raw, from, max(0, limit-from)), x.passed)
	for most > 0 {
		text, passed, err := t.lines.next()
		if errors.Is(err, io.EOF) {
			x.passed = t.lines.passed
			x.partial = x.passed > 0 || len(t.lines.rest()) > 0
			if x.waited(t.now) {
				t.take(x, t.lines.rest())
			}
			x.readTo, x.looked = limit, at
			x.atEnd, x.caught = true, true
			return false, nil
		}
		if err != nil {
			return false, err
		}
		most -= t.lines.cost(text)
		if !x.caught {
			t.left -= t.lines.cost(text)
		}
		if passed > 0 {
			t.tooLong(x, passed)
		} else {
			t.decode(x, text)
		}
		x.passed = t.lines.passed
		x.readTo, x.partial = x.end()+x.passed, x.passed > 0
		if err := t.stow(ctx); err != nil {
			return false, err
		}
	}
	return true, nil
}

// take takes the unfinished line at the end of a text that has not grown for some time: of one
// that still lies where it is written only when it is good, for then it may be whole.
func (t *Tail) take(x *text, rest []byte) {
	gone := x.Moved || x.spot == nil
	switch {
	case x.passed > 0:
		if x.tried = !gone; gone {
			t.tooLong(x, x.passed)
		}
	default:
		t.decoding.trial = !gone
		x.tried = !t.decode(x, rest)
		t.decoding.trial = false
		x.Cut = x.Cut || !x.tried
	}
	if !x.tried {
		x.partial, x.passed = false, 0
	}
}

// A stream is the text of a file that is read from its start.
type stream struct {
	text  *files.Text
	lines lines
	pos   int64 // in the text, reshaped where it is
	read  atomic.Int64
}

// readWhole reads a file that is not written any more.
func (t *Tail) readWhole(ctx context.Context, x *text) (more bool, err error) {
	if x.stream == nil {
		if err := t.openStream(ctx, x); err != nil {
			return false, t.ended(x, err)
		}
	}
	s := x.stream
	for t.left > 0 {
		text, passed, err := s.lines.next()
		if err != nil {
			if rest := s.lines.rest(); errors.Is(err, io.EOF) {
				if s.lines.passed > 0 && s.pos >= x.Offset {
					t.tooLong(x, s.lines.passed)
				} else if len(rest) > 0 {
					t.readOn(x, rest)
					x.Cut = x.Cut || s.pos == x.Offset
				}
				err = nil
			}
			return false, t.ended(x, err)
		}
		t.left -= s.lines.cost(text)
		switch {
		case passed == 0:
			t.readOn(x, text)
		case s.pos >= x.Offset:
			t.tooLong(x, passed)
			s.pos += passed
		default:
			s.pos += passed
		}
		if err := t.stow(ctx); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (t *Tail) openStream(ctx context.Context, x *text) error {
	s := &stream{lines: lines{block: t.bounds.block}}
	var err error
	if s.text, err = files.Open(ctx, files.File{Path: x.Path}, nil, &s.read); err != nil {
		return err
	}
	if err = x.begins(s.text.Head()); err == nil {
		err = t.begin(x)
	}
	if err != nil {
		s.text.Close()
		return err
	}
	var r io.Reader = s.text
	if x.Shaped {
		r = x.format.source.(source.Reshaper).Reshape(x.file(), r)
	}
	s.lines.reset(r, 0)
	x.stream = s
	return nil
}

// readOn decodes the next lines of a stream but for those that are stored.
func (t *Tail) readOn(x *text, text []byte) {
	s := x.stream
	if stored := min(x.Offset-s.pos, int64(len(text))); stored > 0 {
		t.pass(x, text[:stored], t.replays(x))
		s.pos += stored
		text = text[stored:]
	}
	s.pos += int64(len(text))
	t.decode(x, text)
}

// ended notes that a whole text has been read as far as can be.
func (t *Tail) ended(x *text, err error) error {
	var path *fs.PathError
	if errors.Is(err, errOther) || errors.As(err, &path) {
		x.close()
		return err // the file is at fault, not what is in it
	}
	x.close()
	x.forget()
	x.Ended, x.Stamp, x.caught, x.head = true, x.spot.at, true, nil
	t.touch(x)
	return err
}

// decode decodes lines that follow what has been read. In a trial it reports whether they are
// good; what is not remains unread.
func (t *Tail) decode(x *text, text []byte) (ok bool) {
	if len(text) == 0 {
		return true
	}
	d, c := &t.decoding, &t.filling.counts
	if x.Cut && text[0] == '\n' { // the end of a line that was read without
		x.extend(x.Offset, text[:1])
		x.Offset++
		c.Bytes++
		text = text[1:]
	}
	d.x = x
	for len(text) > 0 {
		events := t.filling.batch.Len()
		n, state := x.input.Split(text)
		lines := x.decoder.Decode(text[:n:n], state, d)
		if d.failed {
			t.filling.batch.Rows = t.filling.batch.Rows[:events]
			d.failed = false
			clear(d.skipped)
			return false
		}
		if !same(state, x.state) {
			x.state, x.Header = state, x.Offset
		}
		x.extend(x.Offset, text[:n])
		x.Offset += int64(n)
		x.Line += int64(lines)
		c.Bytes += int64(n)
		c.Lines += int64(lines)
		c.Events += int64(t.filling.batch.Len() - events)
		text = text[n:]
	}
	for reason, n := range d.skipped {
		c.Skipped[x.format.name+": "+reason] += n
	}
	clear(d.skipped)
	x.Cut = false
	t.advanced(x)
	return true
}

// tooLong passes over a line.
func (t *Tail) tooLong(x *text, length int64) {
	t.decoding.x = x
	t.decoding.Bad(source.RecordError{Got: fmt.Sprintf("a line of more than %d MiB", source.MaxLineBytes>>20), Want: "a shorter one"})
	if int64(x.Head) == x.Offset && len(x.head) > x.Head {
		x.extend(x.Offset, x.head[x.Head:]) // the line was not kept, but its beginning is known
	}
	x.Offset += length
	x.Line++
	t.filling.counts.Bytes += length
	t.filling.counts.Lines++
	t.advanced(x)
}

func (t *Tail) advanced(x *text) {
	if x.spot != nil {
		x.Stamp = x.spot.at
	}
	t.touch(x)
}

// A decoding takes what comes of a text. It implements source.Sink.
type decoding struct {
	t       *Tail
	x       *text
	skipped map[string]int64 // by reason
	trial   bool             // a bad record is none
	failed  bool             // there was one
}

// Event adds an event to the batch.
func (d *decoding) Event(e *event.Event) { d.t.filling.batch.Add(e, d.t.o.Label, 0) }

// Bad counts a bad record and keeps the first.
func (d *decoding) Bad(err source.RecordError) {
	if d.trial {
		d.failed = true
		return
	}
	d.t.filling.counts.Bad++
	b := &d.x.bad
	if b.count++; b.count == 1 {
		err.Line += int(d.x.Line) + 1
		b.first = err
		d.t.bad = append(d.t.bad, d.x)
	}
}

// Skip counts records.
func (d *decoding) Skip(reason string, n int) { d.skipped[reason] += int64(n) }

// badLogged bounds how often the bad records of a file are logged: at the end of so many
// rounds.
const badLogged = 5

// sayBad logs the bad records of the round.
func (t *Tail) sayBad() {
	for _, x := range t.bad {
		if x.bad.logged++; x.bad.logged <= badLogged {
			t.log.Warn("bad records", "file", x.Path, "count", x.bad.count, "first_error", x.bad.first.Error())
		}
		if x.bad.logged == badLogged {
			t.log.Warn("further bad records of this file are counted and not logged", "file", x.Path)
		}
		x.bad.count = 0
	}
	t.bad = t.bad[:0]
}
