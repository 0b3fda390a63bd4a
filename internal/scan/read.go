package scan

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"

	"fresnel/internal/files"
	"fresnel/internal/source"
)

// blockBytes is the text that is read and decoded at a time: little enough to stay in a
// processor's cache between the two.
const blockBytes = 512 << 10

// A block is some whole lines of a file on their way to a decoder.
type block struct {
	number  int64 // of all blocks of the scan
	file    *input
	inFile  int64 // number within its file
	text    []byte
	state   any  // what source.Input.Split said
	tooLong bool // one line longer than source.MaxLineBytes, whose text was not kept
	buffer  *buffer
}

// A buffer holds the text of one or more blocks and goes back to its slot after the last.
type buffer struct {
	bytes []byte
	users atomic.Int32
	slot  chan *buffer
}

func (b *buffer) release() {
	if b.users.Add(-1) == 0 {
		b.slot <- b
	}
}

// A slot is the memory of one file that is being read. It is handed from file to file.
type slot chan *buffer

func newSlot(buffers int) slot {
	s := make(slot, buffers)
	for range buffers {
		s <- &buffer{bytes: make([]byte, blockBytes), slot: s}
	}
	return s
}

// A reader cuts the text of one file into blocks.
type reader struct {
	file *input
	text io.Reader
	slot slot
	out  chan<- *block
	n    int64 // blocks so far
}

// run reads to the end of the file. What it could read is handed on even when it returns an
// error.
func (r *reader) run(ctx context.Context) error {
	var rest []byte // of the last buffer: the beginning of a line
	skipping := false
	for {
		var b *buffer
		select {
		case b = <-r.slot:
		case <-ctx.Done():
			return ctx.Err()
		}
		b.users.Store(1)
		if len(rest)+blockBytes > len(b.bytes) {
			b.bytes = append(make([]byte, 0, len(rest)+blockBytes), rest...)[:len(rest)+blockBytes]
		} else {
			copy(b.bytes, rest)
		}
		n, err := readFull(r.text, b.bytes[len(rest):])
		text := b.bytes[:len(rest)+n]
		end := bytes.LastIndexByte(text, '\n') + 1
		for end == 0 && err == nil && !skipping && len(text) <= source.MaxLineBytes {
			// The line goes on: this buffer grows, so that no other need do.
			b.bytes = make([]byte, 2*len(text))
			copy(b.bytes, text)
			n, err = readFull(r.text, b.bytes[len(text):])
			text = b.bytes[:len(text)+n]
			end = bytes.LastIndexByte(text, '\n') + 1
		}
		if err != nil {
			end = len(text) // the last line may lack its end
		}
		if skipping {
			start := bytes.IndexByte(text, '\n') + 1
			if start == 0 {
				start = len(text)
			} else {
				skipping = false
			}
			if end < start {
				end = start
			}
			text, end = text[start:], end-start
		}
		tooLong := len(text)-end > source.MaxLineBytes
		if rest = rest[:0]; !tooLong {
			rest = append(rest, text[end:]...)
		}
		if !r.split(ctx, text[:end], b) {
			return ctx.Err()
		}
		if tooLong {
			skipping = true
			if !r.send(ctx, &block{tooLong: true, buffer: b}) {
				return ctx.Err()
			}
		}
		b.release()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// readFull reads until p is full. Unlike io.ReadFull it leaves errors as they are.
func readFull(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		k, err = r.Read(p[n:])
		n += k
	}
	return n, err
}

// split sends whole lines, those that are too long apart.
func (r *reader) split(ctx context.Context, text []byte, b *buffer) bool {
	for len(text) > source.MaxLineBytes { // a buffer that a long line has made grow
		if end := bytes.LastIndexByte(text[:source.MaxLineBytes+1], '\n') + 1; end > 0 {
			if !r.blocks(ctx, text[:end], b) {
				return false
			}
			text = text[end:]
			continue
		}
		if !r.send(ctx, &block{tooLong: true, buffer: b}) {
			return false
		}
		end := bytes.IndexByte(text, '\n') + 1
		if end == 0 { // the last line
			return true
		}
		text = text[end:]
	}
	return r.blocks(ctx, text, b)
}

// blocks sends the blocks that the input wants text to be cut into.
func (r *reader) blocks(ctx context.Context, text []byte, b *buffer) bool {
	for len(text) > 0 {
		n, state := r.file.in.Split(text)
		if !r.send(ctx, &block{text: text[:n:n], state: state, buffer: b}) {
			return false
		}
		text = text[n:]
	}
	return true
}

func (r *reader) send(ctx context.Context, b *block) bool {
	b.file, b.inFile = r.file, r.n
	r.n++
	b.buffer.users.Add(1)
	select {
	case r.out <- b:
		return true
	case <-ctx.Done():
		return false
	}
}

// read reads one file through r and returns what went wrong with it, if anything did.
func (r *reader) read(ctx context.Context, text *files.Text, reshape source.Reshaper) error {
	r.text = text
	if reshape != nil {
		r.text = reshape.Reshape(r.file.source, text)
	}
	err := r.run(ctx)
	if err == nil {
		err = text.Changed()
	}
	return errors.Join(err, text.Close())
}
