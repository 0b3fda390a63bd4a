package tail

import (
	"bytes"
	"io"

	"fresnel/internal/source"
)

// lines cuts text into pieces of whole lines.
type lines struct {
	r        io.Reader
	err      error // of r
	block    int   // bytes that are read at a time
	buffer   []byte
	start, n int   // buffer[start:n] has been read and not handed out
	passed   int64 // bytes of a line that is too long, passed over so far; 0 when there is none
}

// reset begins to read from r. passed is not 0 within a line that is too long.
func (l *lines) reset(r io.Reader, passed int64) {
	if len(l.buffer) > 2*l.block {
		l.buffer = nil // grown for a long line
	}
	if l.buffer == nil {
		l.buffer = make([]byte, l.block)
	}
	l.r, l.err, l.start, l.n, l.passed = r, nil, 0, 0, passed
}

// next returns the next whole lines, or the length of a line that is too long, its end
// included; neither within such a line, which may go on for ever, for the caller to do other
// things. Text is valid until the next call. With the error of r, rest is what is behind the
// last line.
func (l *lines) next() (text []byte, passed int64, err error) {
	for {
		if l.err == nil {
			l.n = copy(l.buffer, l.buffer[l.start:l.n])
			l.start = 0
			for l.n < len(l.buffer) && l.err == nil {
				var k int
				k, l.err = l.r.Read(l.buffer[l.n:])
				l.n += k
			}
		}
		got := l.buffer[l.start:l.n]
		if l.passed > 0 {
			end := bytes.IndexByte(got, '\n') + 1
			if end > 0 {
				passed = l.passed + int64(end)
				l.start, l.passed = l.start+end, 0
				return nil, passed, nil
			}
			l.passed += int64(len(got))
			l.start, l.n = 0, 0
		} else if end := bytes.LastIndexByte(got, '\n') + 1; end > 0 {
			l.start += end
			return got[:end:end], 0, nil
		} else if len(got) > source.MaxLineBytes {
			l.passed = int64(len(got))
			l.start, l.n = 0, 0
		} else if l.err == nil {
			grown := make([]byte, min(2*len(l.buffer), source.MaxLineBytes+1))
			copy(grown, l.buffer[:l.n])
			l.buffer = grown
		}
		if l.err != nil || l.passed > 0 {
			return nil, 0, l.err
		}
	}
}

// cost returns how many bytes were read for what next returned, about.
func (l *lines) cost(text []byte) int64 {
	if text == nil {
		return int64(len(l.buffer)) // of a line that is too long
	}
	return int64(len(text))
}

// rest returns what stands behind the last line once next has returned an error.
func (l *lines) rest() []byte { return l.buffer[l.start:l.n] }
