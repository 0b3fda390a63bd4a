package bulk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

const (
	// minRate is in bytes per second, of bodies and of answers, behind the first ClientTimeout.
	minRate = 4 << 10
	// discardBytes is how much of a body that nobody wants is read so that its client
	// gets to read its answer.
	discardBytes = 16 << 20
	// discardPatience is how long such a client may pause: its answer waits for it.
	discardPatience = 2 * time.Second
	// ratioFreeBytes may be unpacked from however little: short bodies are often very
	// uniform, and do no harm.
	ratioFreeBytes = 1 << 20
	// maxWindowBytes of zstd is what RFC 8878 asks of every decoder.
	maxWindowBytes = 8 << 20
)

// errLimit is that a body is longer than allowed.
var errLimit = errors.New("body too long")

// A body reads the bytes of a request as they are sent. It counts and bounds them, and ends
// the wait for a client that does not send.
type body struct {
	raw      io.Reader
	control  *http.ResponseController
	now      func() time.Time
	timeout  time.Duration
	limit    int64
	awaited  bool // the client waits for leave to send it, which the first read gives
	received int64
	waited   time.Duration
	err      error // how raw ended
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	before := b.now()
	left := b.timeout + time.Duration(b.received/minRate)*time.Second - b.waited
	_ = b.control.SetReadDeadline(before.Add(min(left, b.timeout))) // what has none, such as a recorder, never waits
	if most := b.limit - b.received + 1; int64(len(p)) > most {
		p = p[:most]
	}
	n, err := b.raw.Read(p)
	b.received += int64(n)
	b.waited += b.now().Sub(before)
	if err == nil && b.received > b.limit {
		err = errLimit
	}
	if err != nil {
		return n, b.end(err)
	}
	return n, nil
}

// end notes how the body ended. Behind its end the server reads on, to learn when the client
// goes away, and a deadline would look like that. A body that did not come to its end keeps
// the deadline: the server tries to read the rest of it.
func (b *body) end(err error) error {
	b.err = err
	if errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return err
}

// discard reads what is left of the body, within bounds.
func (b *body) discard() {
	if b.err != nil || b.raw == nil || b.raw == http.NoBody || b.awaited && b.received == 0 {
		return
	}
	b.limit = min(b.limit, b.received+discardBytes)
	b.timeout = min(b.timeout, discardPatience)
	_, _ = io.Copy(io.Discard, b)
}

// decoders keeps decoders for the next body.
type decoders struct {
	gzip, zlib, zstd sync.Pool // *decoder
}

// A decoder undoes a Content-Encoding.
type decoder struct {
	name string
	pool *sync.Pool
	in   *bufio.Reader
	out  io.Reader
	gzip *gzip.Reader
	zlib io.ReadCloser
	zstd *zstd.Decoder
}

// decoder returns one for the Content-Encoding of a request, nil for none.
func (d *decoders) decoder(header http.Header, raw io.Reader) (*decoder, *failure) {
	name := strings.ToLower(strings.TrimSpace(strings.Join(header.Values("Content-Encoding"), ",")))
	var pool *sync.Pool
	switch name {
	case "", "identity":
		return nil, nil
	case "gzip", "x-gzip":
		name, pool = "gzip", &d.gzip
	case "deflate":
		pool = &d.zlib
	case "zstd":
		pool = &d.zstd
	default:
		return nil, &failure{
			status: http.StatusUnsupportedMediaType, kind: "media_type_header_exception",
			reason: fmt.Sprintf("Content-Encoding header [%s] is not supported, want gzip, deflate, zstd or identity", name),
		}
	}
	dec, _ := pool.Get().(*decoder)
	if dec == nil {
		dec = &decoder{name: name, pool: pool, in: bufio.NewReaderSize(nil, 64<<10)}
	}
	dec.in.Reset(raw)
	return dec, nil
}

// Read implements io.Reader.
func (d *decoder) Read(p []byte) (int, error) {
	if d.out == nil {
		if err := d.open(); err != nil {
			return 0, err
		}
	}
	return d.out.Read(p)
}

// open reads the header of the stream, or makes ready to.
func (d *decoder) open() (err error) {
	switch {
	case d.name == "gzip" && d.gzip != nil:
		err = d.gzip.Reset(d.in)
	case d.name == "gzip":
		d.gzip, err = gzip.NewReader(d.in)
	case d.name == "deflate" && d.zlib != nil:
		err = d.zlib.(zlib.Resetter).Reset(d.in, nil)
	case d.name == "deflate":
		d.zlib, err = zlib.NewReader(d.in)
	case d.zstd != nil:
		err = d.zstd.Reset(d.in)
	default:
		d.zstd, err = zstd.NewReader(d.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindowBytes))
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // there should have been a header
		}
		return err
	}
	switch d.name {
	case "gzip":
		d.out = d.gzip
	case "deflate":
		d.out = d.zlib
	default:
		d.out = d.zstd
	}
	return nil
}

// close keeps d for another body.
func (d *decoder) close() {
	if d == nil {
		return
	}
	d.out = nil
	d.in.Reset(nil)
	if d.zstd != nil {
		_ = d.zstd.Reset(nil) // it lets go of the body
	}
	d.pool.Put(d)
}

// unreadable says why a body could not be read to its end, when reading gave err.
func (c *call) unreadable(err error, dec *decoder) *failure {
	switch {
	case errors.Is(c.body.err, errLimit):
		return tooLarge("bytes of the body", c.body.received, c.body.limit)
	case errors.Is(c.body.err, os.ErrDeadlineExceeded):
		return &failure{status: http.StatusRequestTimeout, kind: "timeout_exception", reason: fmt.Sprintf("the body did not come on: got %d bytes, want more of it within %v and at least %d bytes a second", c.body.received, c.body.timeout, minRate), broken: true}
	case c.body.err != nil && !errors.Is(c.body.err, io.EOF):
		f := illegal("the body ends before its end: got %d bytes, then %v", c.body.received, c.body.err)
		f.broken = true
		return f
	case errors.Is(err, io.ErrUnexpectedEOF):
		return illegal("the body is cut off: got %d bytes of %s, want the end of the stream", c.body.received, dec.name)
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return illegal("the body cannot be decoded: want a zstd window of at most %d bytes", maxWindowBytes)
	}
	return illegal("the body cannot be decoded as %s: %v", dec.name, err)
}
