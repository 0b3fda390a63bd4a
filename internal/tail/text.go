package tail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"time"

	"fresnel/internal/files"
	"fresnel/internal/source"
)

// A text is one log, wherever it lies.
type text struct {
	place
	slot    int  // of its mark; noSlot before the first
	changed bool // since its last mark
	removed bool // it is remembered no longer

	spot     *spot // where it lies; nil when it is lost
	searched bool  // for where a lost one has gone

	raw    *os.File // open, of a growing file
	stream *stream  // open, of a whole one
	bom    int64    // bytes of the byte order mark before a growing one
	hash   hash.Hash

	format   *opened // once it is known
	phase    int
	planned  bool
	head     []byte // its first bytes, at most keptHead; nil when not loaded
	headSize int    // bytes that were known when its format was told
	input    source.Input
	decoder  source.Decoder
	state    any // what input.Split said last

	looked  stamp     // of the file when it was read last
	readTo  int64     // bytes of the file that have been looked at, those of an unfinished line too
	atEnd   bool      // nothing was left when it was read last
	caught  bool      // it was at its end before, so that it is read before old files
	grew    time.Time // when it was seen to grow last
	partial bool      // it ends within a line
	tried   bool      // that line was tried in vain
	passed  int64     // bytes of it that were passed over as it is too long
	retry   time.Time // when it is tried again after an error

	bad bad
}

// bad are the bad records of a text since they were logged last.
type bad struct {
	count  int64
	first  source.RecordError
	logged int
}

// noSlot is the slot of a text without a mark.
const noSlot = -1

// touch notes that a mark is to be written.
func (t *Tail) touch(x *text) {
	if x.slot == noSlot {
		if n := len(t.free); n > 0 {
			x.slot, t.free = t.free[n-1], t.free[:n-1]
			delete(t.freed, x.slot)
		} else {
			x.slot = t.slots
			t.slots++
		}
	}
	if !x.changed {
		x.changed = true
		t.changed = append(t.changed, x)
	}
}

// end returns how much of its file a growing text has been read, in bytes on disk.
func (x *text) end() int64 { return x.bom + x.Offset }

// limit returns up to where a growing text is read in this round, in bytes on disk: not
// beyond what was there when the round began. Names come before what they name: a text that is
// given names by others is read up to where it was a round before.
func (x *text) limit() int64 {
	if x.phase > 0 {
		return min(x.spot.before, x.spot.at.Size)
	}
	return x.spot.at.Size
}

// behind returns how many bytes on disk are still to be read of a text that is not lost.
func (x *text) behind() int64 {
	switch {
	case x.phase < 0, x.Whole && x.Ended:
		return 0
	case x.Whole && x.stream != nil:
		return max(1, x.spot.at.Size-x.stream.read.Load())
	case x.Whole:
		return x.spot.at.Size
	}
	return max(0, x.spot.at.Size-max(x.end(), x.readTo))
}

// written returns when its file was written last, nanoseconds since 1970.
func (x *text) written() int64 {
	if x.spot != nil {
		return x.spot.at.Modified
	}
	return x.Stamp.Modified
}

// complete reports whether all that is in its file has been read, of a text that is not lost.
func (x *text) complete() bool {
	if x.Whole {
		return x.Ended
	}
	return x.readTo == x.spot.at.Size
}

// due reports whether it is time to read x.
func (x *text) due(now time.Time) bool {
	switch {
	case !x.planned || x.phase < 0 || now.Before(x.retry):
		return false
	case x.spot == nil:
		return x.raw != nil
	case x.Whole:
		return !x.Ended
	}
	return x.spot.at != x.looked || x.limit() != x.readTo || x.waited(now)
}

// waited reports whether the unfinished line at the end of x has waited long enough.
func (x *text) waited(now time.Time) bool {
	return x.partial && !x.tried && now.Sub(x.grew) >= linger
}

// open opens the file of a growing text and checks that the text is in it; errOther says that
// it is not.
func (t *Tail) open(x *text) error {
	if x.raw == nil {
		raw, err := os.Open(x.spot.path)
		if err != nil {
			return err
		}
		info, err := raw.Stat()
		if err != nil || !t.stampOf(info).sameAs(x.spot.at) {
			raw.Close()
			return errors.Join(err, errLater) // it was renamed a moment ago: the next round knows
		}
		x.raw = raw
	}
	return x.verify()
}

// What open says of a file that is not what it was taken for.
var (
	errOther = errors.New("another text")
	errLater = errors.New("another file")
)

// verify checks that the text begins as it did. Where the file was truncated and written
// again it does not.
func (x *text) verify() error {
	head, bom, err := headOf(x.raw, x.Head)
	if errors.Is(err, files.ErrUTF16) {
		return errOther
	} else if err != nil {
		return err
	}
	x.bom = bom
	return x.begins(head)
}

// begins checks that head is the beginning of the text.
func (x *text) begins(head []byte) error {
	if len(head) < x.Head || x.Head > 0 && printOf(head[:x.Head]) != x.Print {
		return errOther
	}
	if x.hash == nil && x.Head < printBytes {
		x.hash = sha256.New()
		x.hash.Write(head[:x.Head])
	}
	return nil
}

// extend goes on with the fingerprint by bytes that are read at an offset.
func (x *text) extend(offset int64, b []byte) {
	if x.hash == nil || offset != int64(x.Head) || x.Shaped {
		return
	}
	b = b[:min(len(b), printBytes-x.Head)]
	x.hash.Write(b)
	x.Head += len(b)
	x.Print = hex.EncodeToString(x.hash.Sum(nil)[:16])
	if x.Head == printBytes {
		x.hash = nil
	}
}

// close closes what is open of x.
func (x *text) close() {
	if x.raw != nil {
		x.raw.Close()
		x.raw = nil
	}
	if x.stream != nil {
		x.stream.text.Close()
		x.stream = nil
	}
}

// forget forgets what can be made again: the state of decoding.
func (x *text) forget() { x.input, x.decoder, x.state = nil, nil, nil }

// file names x to its source.
func (x *text) file() source.File {
	return source.File{Path: x.Path, Dir: folderOf(x.Path), Head: source.Head{Name: textName(x.Path), Text: x.head}}
}

// A spot is a path that is looked at.
type spot struct {
	path   string
	at     stamp // what lies there, as of this round
	before int64 // its size in the round before
	since  time.Time
	listed int64 // round in which it was listed last
	extra  bool  // none of the paths, but a text that was read lies there
	text   *text // what lies there, once it is known

	// Where it is not known:
	wait      wait
	looked    stamp     // of the file when it was looked at
	of        *text     // what it may be a copy of
	ofHead    int       // as much of that was known
	retry     time.Time // when it is tried again after an error
	short     time.Time // when it was first seen shorter than what was read of its text
	shortSize int64     // of it then, without a byte order mark
	unknown   bool      // no input knows it
	full      bool      // nor will any: all that is looked at was there
	said      bool      // that is logged
}

// A wait says what a spot that is not known waits for. Every one ends when the file changes.
type wait uint8

const (
	forNothing wait = iota
	forChange       // alone
	forRest         // until nobody writes it
	forOther        // until what it may be a copy of has been read
	forRetry
)

// settled reports whether the file lies untouched for some time: nobody is writing it.
func (s *spot) settled(now time.Time) bool {
	return now.Sub(s.since) >= settleTime || now.Sub(time.Unix(0, s.at.Modified)) >= settled
}

// ready reports whether it is time to find out what lies at s. Copies are told apart once
// what was known before has been read.
func (s *spot) ready(now time.Time, copies bool) bool {
	if s.text != nil || s.at.Size == 0 {
		return false
	}
	if s.wait == forOther && s.of.spot != nil {
		return copies && (s.at != s.looked || s.of.complete() || s.of.Head != s.ofHead)
	}
	if copies {
		return false
	}
	if s.at != s.looked {
		return !s.full || !s.at.sameAs(s.looked) || s.at.Size < s.looked.Size
	}
	switch s.wait {
	case forChange:
		return false
	case forRest:
		return s.settled(now)
	case forRetry:
		return !now.Before(s.retry)
	}
	return true
}

// pause notes what s waits for.
func (s *spot) pause(w wait) { s.wait, s.looked = w, s.at }

// maxMark is the length of the longest byte order mark.
const maxMark = 3

// headOf returns the first bytes of a file, at most n, without a byte order mark, and the
// length of that.
func headOf(raw *os.File, n int) (head []byte, bom int64, err error) {
	head = make([]byte, maxMark+n)
	k, err := raw.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	head = head[:k]
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return nil, 0, files.ErrUTF16
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		head, bom = head[maxMark:], maxMark
	}
	return head[:min(len(head), n)], bom, nil
}
