package files

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// HeadBytes is how much of a file's text is looked at to tell what it is.
const HeadBytes = 64 << 10

// maxZstdWindow bounds the memory that a zstd file can ask for: 128 MiB is what the zstd
// tool itself accepts without being told to.
const maxZstdWindow = 128 << 20

// Errors of a Text. What was read before them is good.
var (
	ErrTruncated = errors.New("compressed data ends too early: the file is cut off or still being written")
	ErrChanged   = errors.New("the file changed while it was read")
	ErrWindow    = errors.New("got zstd data that needs a window of more than 128 MiB, want no more")
	ErrUTF16     = errors.New("got UTF-16 text, want UTF-8")
)

// A Text is the text of one file, decompressed.
type Text struct {
	file   File
	raw    *os.File
	size   int64 // when it was opened; -1 when it is not known
	read   counter
	head   []byte
	text   io.Reader
	finish func()
}

// counter counts the bytes that are read from a file, into a total shared by many files.
type counter struct {
	r     io.Reader
	n     int64
	total *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.total.Add(int64(n))
	return n, err
}

// A patient reader waits for r no longer than its context lasts. The goroutine that reads
// is then left to itself: nothing can end a read from a pipe that nobody writes to.
type patient struct {
	ctx    context.Context
	r      io.Reader
	buffer []byte
	result chan result
}

type result struct {
	n   int
	err error
}

func (p *patient) Read(b []byte) (int, error) {
	if p.result == nil {
		p.result = make(chan result, 1)
	}
	if len(p.buffer) < len(b) {
		p.buffer = make([]byte, len(b))
	}
	r, buffer := p.r, p.buffer[:len(b)] // not b, which the caller may go on to use
	go func() {
		n, err := r.Read(buffer)
		p.result <- result{n, err}
	}()
	select {
	case got := <-p.result:
		copy(b, buffer[:got.n])
		return got.n, got.err
	case <-p.ctx.Done():
		p.r = failed{p.ctx.Err()}
		return 0, p.ctx.Err()
	}
}

// open opens the file at path, but waits no longer than ctx lasts: to open a named pipe that
// nobody has opened for writing waits for ever, and no signal ends that.
func open(ctx context.Context, path string) (*os.File, error) {
	if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() {
		return os.Open(path)
	}
	type opened struct {
		raw *os.File
		err error
	}
	result := make(chan opened, 1)
	go func() {
		raw, err := os.Open(path)
		if raw != nil && ctx.Err() != nil {
			raw.Close() // nobody waits any more
		}
		result <- opened{raw, err}
	}()
	select {
	case got := <-result:
		return got.raw, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Open opens f and reads its head. The bytes that are read from it, as they lie on disk,
// are added to read. Once ctx is done, reads from pipes and terminals, which may wait for
// ever, return its error, and so does Open. Close must be called.
func Open(ctx context.Context, f File, stdin *os.File, read *atomic.Int64) (*Text, error) {
	t := &Text{file: f, size: -1, finish: func() {}}
	if f.Path == Stdin {
		t.raw = stdin
	} else {
		raw, err := open(ctx, f.Path)
		if err != nil {
			return nil, err
		}
		t.raw = raw
		if info, err := raw.Stat(); err == nil && info.Mode().IsRegular() {
			t.size = info.Size()
		}
	}
	t.read = counter{r: t.raw, total: read}
	if t.size < 0 {
		t.read.r = &patient{ctx: ctx, r: t.raw}
	}
	if err := t.decompress(); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Text) decompress() error {
	raw := bufio.NewReaderSize(&t.read, HeadBytes)
	magic, err := raw.Peek(4)
	if err != nil && err != io.EOF {
		return err
	}
	err = nil // a file of less than 4 bytes ends below
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(raw)
		if errors.Is(err, io.EOF) {
			return ErrTruncated // within the header
		} else if err != nil {
			return explain(err)
		}
		t.text = z
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return err
		}
		t.text, t.finish = z, z.Close
	default:
		t.text = raw
	}
	t.head = make([]byte, HeadBytes)
	n := 0
	for n < len(t.head) && err == nil {
		var k int
		k, err = t.text.Read(t.head[n:])
		n += k
	}
	t.head = t.head[:n]
	if err != nil && err != io.EOF {
		t.text = failed{err} // after the head, which is good
	}
	if bytes.HasPrefix(t.head, []byte{0xff, 0xfe}) || bytes.HasPrefix(t.head, []byte{0xfe, 0xff}) {
		return ErrUTF16
	}
	t.head = bytes.TrimPrefix(t.head, []byte("\xef\xbb\xbf"))
	t.text = io.MultiReader(bytes.NewReader(t.head), t.text)
	return nil
}

// failed is a text that ended in an error.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// explain turns the errors of decompressors into what they mean to the user.
func explain(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return ErrTruncated
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return ErrWindow
	case errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("bytes behind the end of the gzip data, or a damaged header: %w", err)
	}
	return err
}

// Head returns the first bytes of the text, at most HeadBytes, which Read returns too.
func (t *Text) Head() []byte { return t.head }

// Name returns the base name of the file without the suffix of its compression; "" for
// standard input.
func (t *Text) Name() string {
	if t.file.Path == Stdin {
		return ""
	}
	name := filepath.Base(t.file.Path)
	for _, suffix := range []string{".gz", ".zst", ".zstd"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// Read reads the text. After what could be read of a damaged file it returns ErrTruncated or
// what else is the matter.
func (t *Text) Read(p []byte) (int, error) {
	n, err := t.text.Read(p)
	return n, explain(err)
}

// Changed returns ErrChanged when the file has become shorter or longer since it was opened,
// and the error when it is gone. It is to be asked at the end of the text.
func (t *Text) Changed() error {
	if t.size < 0 {
		return nil
	}
	info, err := os.Stat(t.file.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: it is gone", ErrChanged)
	case err != nil:
		return err
	case info.Size() != t.size || t.read.n != t.size:
		return fmt.Errorf("%w: it had %d bytes, %d were read, now it has %d", ErrChanged, t.size, t.read.n, info.Size())
	}
	return nil
}

// Close closes the file.
func (t *Text) Close() error {
	t.finish()
	if t.file.Path == Stdin {
		return nil
	}
	return t.raw.Close()
}
