package bulk

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"strconv"
	"unicode/utf8"
)

const (
	maxReasonBytes = 512  // of the reason for one item
	maxReasons     = 1000 // different ones in one answer
	flushBytes     = 64 << 10
	answerKept     = 1 << 20 // bytes that are kept for the next request of a state
)

// An answer remembers what became of the items of a request until its end: most clients do
// not read the answer before they have sent their body.
//
// Each item takes a byte of its code (4 bits), its kind (2), whether an id and whether
// another index than before follows, then these, and the number of its reason.
type answer struct {
	log         []byte
	name        uint32 // of the item before
	count       int64
	errors      bool
	reasons     []string
	numbers     map[string]uint32 // of the reasons
	reasonBytes int
	out         []byte
}

const (
	flagID   = 1 << 6
	flagName = 1 << 7
)

func newAnswer() answer { return answer{numbers: make(map[string]uint32)} }

func (a *answer) reset() {
	if cap(a.log) > answerKept {
		a.log = nil
	}
	clear(a.reasons)
	clear(a.numbers)
	*a = answer{log: a.log[:0], reasons: a.reasons[:0], numbers: a.numbers, out: a.out[:0]}
}

// size returns the bytes that a holds.
func (a *answer) size() int { return len(a.log) + a.reasonBytes }

// hasReason reports whether items of c have a reason of their own.
func (c code) hasReason() bool { return c == codeRejected || c == codeIllegal || c == codeBadIndex }

// add notes an item.
func (a *answer) add(it *item, id []byte) {
	head := byte(it.code) | byte(it.kind)<<4
	if len(id) > 0 {
		head |= flagID
	}
	if it.name != a.name {
		head |= flagName
	}
	a.log = append(a.log, head)
	if len(id) > 0 {
		a.log = binary.AppendUvarint(a.log, uint64(len(id)))
		a.log = append(a.log, id...)
	}
	if it.name != a.name {
		a.name = it.name
		a.log = binary.AppendUvarint(a.log, uint64(it.name))
	}
	if it.code.hasReason() {
		a.log = binary.AppendUvarint(a.log, uint64(a.reason(it.reason)))
	}
	a.errors = a.errors || it.code > codeNoop
	a.count++
}

// reason returns the number of a reason. Many documents are refused for the same one, or
// for more of them than anybody reads.
func (a *answer) reason(text string) uint32 {
	text = cut(text, maxReasonBytes)
	number, ok := a.numbers[text]
	if ok {
		return number
	}
	if len(a.reasons) >= maxReasons {
		text = "refused, as were others of the request, for more reasons than are kept"
		if number, ok = a.numbers[text]; ok {
			return number
		}
	}
	number = uint32(len(a.reasons))
	a.reasons = append(a.reasons, text)
	a.numbers[text] = number
	a.reasonBytes += len(text) + nameOverhead
	return number
}

// next takes the first item of log and returns it, its id, and the rest. name is that of
// the item before.
func (a *answer) next(log []byte, name uint32) (it item, id, rest []byte) {
	head := log[0]
	log = log[1:]
	number := func() uint64 {
		n, k := binary.Uvarint(log)
		log = log[k:]
		return n
	}
	it = item{code: code(head & 15), kind: kind(head >> 4 & 3), name: name}
	if head&flagID != 0 {
		n := number()
		id, log = log[:n], log[n:]
	}
	if head&flagName != 0 {
		it.name = uint32(number())
	}
	if it.code.hasReason() {
		it.reason = a.reasons[number()]
	}
	return it, id, log
}

// respond answers a bulk request whose body was read.
func (c *call) respond(q *request, wanted *fields) {
	a := &q.answer
	s := stream{call: c, out: append(a.out[:0], '{')}
	if wanted.errors {
		s.out = append(s.out, `"errors":`...)
		s.out = append(strconv.AppendBool(s.out, a.errors), ',')
	}
	if wanted.took {
		s.out = append(s.out, `"took":`...)
		s.out = append(strconv.AppendInt(s.out, c.h.o.Now().Sub(c.began).Milliseconds(), 10), ',')
	}
	sequence := c.h.sequence.Add(a.count) - a.count
	some := false
	var it item
	var id []byte
	for log := a.log; len(log) > 0; sequence++ {
		it, id, log = a.next(log, it.name)
		leaves := wanted.item[it.kind] & it.code.leaves()
		if leaves == 0 {
			continue // an empty object is left out
		}
		if !some {
			s.out = append(s.out, `"items":[`...)
			some = true
		}
		s.out = append(s.out, `{"`...)
		s.out = append(s.out, kindNames[it.kind]...)
		s.out = append(s.out, `":{`...)
		s.out = c.h.appendItem(s.out, &it, q.names.list[it.name], id, sequence, leaves)
		s.out = append(s.out, "}},"...)
		s.send()
	}
	if some {
		s.out[len(s.out)-1] = ']'
		s.out = append(s.out, '}')
	} else {
		s.out = closed(s.out)
	}
	s.end()
	a.out = s.out
}

// closed closes an object behind whose members stand commas.
func closed(b []byte) []byte {
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, '}')
}

// A stream is an answer of any length. A short one is sent as a whole, with its length.
type stream struct {
	call *call
	out  []byte
	sent bool
}

// send sends what there is once it is enough. It keeps the last byte, for the caller to
// replace.
func (s *stream) send() {
	if len(s.out) < flushBytes {
		return
	}
	if !s.sent {
		s.sent = true
		s.call.start(http.StatusOK)
	}
	last := len(s.out) - 1
	s.call.send(s.out[:last])
	s.out = append(s.out[:0], s.out[last])
}

// end sends the rest.
func (s *stream) end() {
	if !s.sent {
		s.call.write(http.StatusOK, s.out)
		return
	}
	s.call.send(s.out)
}

// status returns the HTTP status of c.
func (c code) status() int {
	switch c {
	case codeCreated:
		return http.StatusCreated
	case codeNoop:
		return http.StatusOK
	case codeConflict:
		return http.StatusConflict
	case codeBusy, codeFull:
		return http.StatusTooManyRequests
	case codeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// leaves returns what the answer to an item of c has.
func (c code) leaves() leaves {
	const always = leafIndex | leafID | leafStatus
	switch {
	case c <= codeNoop:
		return leavesAll &^ leavesError
	case c == codeConflict:
		return always | leavesError
	}
	return always | leafErrorType | leafErrorReason
}

// appendItem appends the members of the answer to an item, without the braces around them.
// wanted is not empty and holds only what the item has.
func (h *Handler) appendItem(b []byte, it *item, index string, id []byte, sequence int64, wanted leaves) []byte {
	if wanted&leafIndex != 0 {
		b = append(b, `"_index":`...)
		b = append(appendText(b, index), ',')
	}
	if wanted&leafID != 0 {
		b = append(b, `"_id":`...)
		b = append(appendID(b, id, it.code <= codeNoop), ',')
	}
	if it.code <= codeNoop {
		b = appendResult(b, it.code, sequence, wanted)
	}
	if wanted&leafStatus != 0 {
		b = append(b, `"status":`...)
		b = append(strconv.AppendInt(b, int64(it.code.status()), 10), ',')
	}
	if wanted&leavesError != 0 {
		b = append(b, `"error":{`...)
		b = h.appendError(b, it, index, id, wanted)
		b = append(closed(b), ',')
	}
	return b[:len(b)-1]
}

// result says what became of a document that is there.
func (c code) result() string {
	if c == codeNoop {
		return "noop"
	}
	return "created"
}

func appendResult(b []byte, c code, sequence int64, wanted leaves) []byte {
	if wanted&leafVersion != 0 {
		b = append(b, `"_version":1,`...)
	}
	if wanted&leafResult != 0 {
		b = append(b, `"result":"`...)
		b = append(b, c.result()...)
		b = append(b, `",`...)
	}
	switch wanted & leavesShards {
	case 0:
	case leavesShards:
		b = append(b, `"_shards":{"total":1,"successful":1,"failed":0},`...)
	default:
		b = append(b, `"_shards":{`...)
		if wanted&leafShardsTotal != 0 {
			b = append(b, `"total":1,`...)
		}
		if wanted&leafShardsSuccessful != 0 {
			b = append(b, `"successful":1,`...)
		}
		if wanted&leafShardsFailed != 0 {
			b = append(b, `"failed":0,`...)
		}
		b = append(closed(b), ',')
	}
	if wanted&leafSeqNo != 0 {
		b = append(b, `"_seq_no":`...)
		b = append(strconv.AppendInt(b, sequence, 10), ',')
	}
	if wanted&leafPrimaryTerm != 0 {
		b = append(b, `"_primary_term":1,`...)
	}
	return b
}

func (h *Handler) appendError(b []byte, it *item, index string, id []byte, wanted leaves) []byte {
	kind, reason := h.fault(it, index, id)
	if wanted&leafErrorType != 0 {
		b = append(b, `"type":"`...)
		b = append(b, kind...)
		b = append(b, `",`...)
	}
	if wanted&leafErrorReason != 0 {
		b = append(b, `"reason":`...)
		b = append(appendText(b, reason), ',')
	}
	if wanted&leafErrorUUID != 0 {
		b = append(b, `"index_uuid":"_na_",`...)
	}
	if wanted&leafErrorShard != 0 {
		b = append(b, `"shard":"0",`...)
	}
	if wanted&leafErrorIndex != 0 {
		b = append(b, `"index":`...)
		b = append(appendText(b, index), ',')
	}
	return b
}

// fault words the error of an item as Elasticsearch does.
func (h *Handler) fault(it *item, index string, id []byte) (kind, reason string) {
	switch it.code {
	case codeConflict:
		return "version_conflict_engine_exception", conflict(string(id))
	case codeRejected:
		return h.parsingException(), it.reason
	case codeBadIndex:
		return "invalid_index_name_exception", it.reason
	case codeBusy:
		return "es_rejected_execution_exception", "rejected execution of coordinating operation: " + busyReason
	case codeFull:
		return "cluster_block_exception", blocked(index)
	case codeUnavailable:
		return "unavailable_shards_exception", unavailableReason
	}
	return "illegal_argument_exception", it.reason
}

func conflict(id string) string {
	return "[" + id + "]: version conflict, document already exists (current version [1])"
}

// parsingException is what Elasticsearch calls a document that is not what it should be.
func (h *Handler) parsingException() string {
	if h.major < 8 {
		return "mapper_parsing_exception"
	}
	return "document_parsing_exception"
}

// appendID appends an id as JSON: a made-up one where there is none and the document was
// taken, as Elasticsearch would have given it one. Nobody can ask for it.
func appendID(b, id []byte, taken bool) []byte {
	switch {
	case len(id) > 0:
		return appendText(b, id)
	case !taken:
		return append(b, "null"...)
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b = append(b, '"')
	for range 2 {
		bits := rand.Uint64()
		for range 10 {
			b = append(b, digits[bits&63])
			bits >>= 6
		}
	}
	return append(b, '"')
}

// appendText appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendText[T string | []byte](b []byte, s T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = append(b, s[from:i]...)
		switch {
		case c >= utf8.RuneSelf:
			b = append(b, "\ufffd"...)
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i += size
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
