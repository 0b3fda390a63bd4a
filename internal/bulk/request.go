package bulk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"fresnel/internal/ingest"
)

const (
	smallBlockBytes = 64 << 10 // enough for most requests; others get a block of BatchBytes
	maxIDBytes      = 512      // as in Elasticsearch
	maxIndexBytes   = 255      // as in Elasticsearch
	maxNamesKept    = 256      // index names that are remembered for the next request of a state
)

// A code says what became of an item, as its answer words it.
type code uint8

const (
	codePending     code = iota // its document is to be put
	codeCreated                 // 201
	codeNoop                    // 200, the document is there already
	codeConflict                // 409, the document is there already
	codeRejected                // 400, the document is not what it should be
	codeIllegal                 // 400, the action is not what it should be
	codeBadIndex                // 400
	codeBusy                    // 429
	codeFull                    // 429
	codeUnavailable             // 503
)

// An item is an action of a bulk request.
type item struct {
	kind     kind
	code     code
	name     uint32 // of the index, in names
	from, to uint32 // of the id, in ids
	reason   string // for the codes that have one of their own
}

// A request is the state of one bulk request. It is pooled, and allocates nothing for a
// document without an id in the steady state.
type request struct {
	h     *Handler
	call  *call
	small []byte  // the block to begin with
	large *[]byte // nil until it is needed

	items    []item // of the batch, in their order
	docs     []ingest.Document
	outcomes []ingest.Outcome
	ids      []byte // of the batch, and of the current action

	current  item // its source line comes next, when open is set
	open     bool
	skipping bool // the rest of a line that is too long
	lines    int
	bytes    int64 // decoded

	names  names
	stored bool // a Put has succeeded
	code   code // of the items that are not put any more, once a Put has failed behind another
	answer answer
}

func newRequest(h *Handler) *request {
	return &request{h: h, small: make([]byte, min(smallBlockBytes, h.o.BatchBytes)), names: newNames(), answer: newAnswer()}
}

// release makes q ready for another request and gives it back.
func (q *request) release() {
	if q.large != nil {
		q.h.blocks.Put(q.large)
	}
	q.forget()
	q.names.reset()
	q.answer.reset()
	*q = request{
		h: q.h, small: q.small, items: q.items, docs: q.docs, outcomes: q.outcomes, ids: q.ids[:0],
		names: q.names, answer: q.answer,
	}
	q.h.requests.Put(q)
}

// forget drops the batch, and keeps neither texts nor blocks alive.
func (q *request) forget() {
	clear(q.items)
	clear(q.docs)
	clear(q.outcomes)
	q.items, q.docs, q.outcomes = q.items[:0], q.docs[:0], q.outcomes[:0]
}

// bulk serves a bulk request; index is that of actions that name none.
func (c *call) bulk(route route) *failure {
	wanted := allFields
	if filter := strings.Join(c.r.URL.Query()["filter_path"], ","); filter != "" {
		var f *failure
		if wanted, f = parseFilter(filter); f != nil {
			return f
		}
	}
	if f := c.fits(); f != nil {
		return f
	}
	dec, f := c.h.decoders.decoder(c.r.Header, &c.body)
	if f != nil {
		return f
	}
	defer dec.close()
	q := c.h.requests.Get().(*request)
	defer q.release()
	q.call = c
	q.names.add(route.index)
	if f = q.read(c.r.Context(), dec); f != nil {
		if q.stored && f.status < http.StatusInternalServerError {
			f.reason += fmt.Sprintf(" (%d documents before it are stored; sent again, those with an _id are kept once)", c.tally.Stored)
		}
		return f
	}
	c.body.discard() // what stands behind a compressed stream
	c.respond(q, &wanted)
	return nil
}

// fits refuses a body that says itself that it is too long.
func (c *call) fits() *failure {
	if c.r.ContentLength > c.h.o.MaxBodyBytes {
		return tooLarge("bytes of the body", c.r.ContentLength, c.h.o.MaxBodyBytes)
	}
	return nil
}

// read reads the body, taken through dec when that is not nil, and puts its documents.
func (q *request) read(ctx context.Context, dec *decoder) *failure {
	var in io.Reader = &q.call.body
	if dec != nil {
		in = dec
	}
	block := q.small
	start, end := 0, 0 // of what is not taken yet
	seen := 0          // no line ends in block[start:seen]
	for {
		for {
			i := bytes.IndexByte(block[seen:end], '\n')
			if i < 0 {
				seen = end
				break
			}
			line := block[start : seen+i]
			seen += i + 1
			start = seen
			if f := q.line(ctx, line); f != nil {
				return f
			}
		}
		if end-start > q.h.o.MaxLineBytes || q.skipping {
			if f := q.skip(); f != nil {
				return f
			}
			start = end
		}
		if end == len(block) {
			if q.large == nil {
				// The documents so far stay where they are until they are put.
				q.large = q.h.blocks.Get().(*[]byte)
				end = copy(*q.large, block[start:end])
				block = *q.large
			} else {
				if f := q.put(ctx); f != nil {
					return f
				}
				end = copy(block, block[start:end])
			}
			start, seen = 0, end
		}
		n, err := in.Read(block[end:])
		end += n
		q.bytes += int64(n)
		q.call.tally.BytesDecoded = q.bytes
		if f := q.bounds(); f != nil {
			return f
		}
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return q.call.unreadable(err, dec)
		case bytes.IndexByte(block[seen:end], '\n') < 0:
			return q.finish(ctx, end > start || q.skipping)
		default:
			in = ended{}
		}
	}
}

// ended is a body behind its end, when there are still lines to take of it.
type ended struct{}

func (ended) Read([]byte) (int, error) { return 0, io.EOF }

// bounds checks how much the body has become.
func (q *request) bounds() *failure {
	o := &q.h.o
	if q.bytes > o.MaxDecodedBytes {
		return tooLarge("bytes of the decoded body", q.bytes, o.MaxDecodedBytes)
	}
	if received := q.call.body.received; q.bytes > ratioFreeBytes && q.bytes/o.MaxRatio > received {
		return tooLarge(fmt.Sprintf("bytes that %d bytes of compressed body may unpack to", received), q.bytes, received*o.MaxRatio)
	}
	return nil
}

// finish puts what is left at the end of the body; cut is that its last line has no end.
func (q *request) finish(ctx context.Context, cut bool) *failure {
	switch {
	case q.bytes == 0:
		return &failure{status: http.StatusBadRequest, kind: "parse_exception", reason: "request body is required"}
	case cut:
		return illegal(`The bulk request must be terminated by a newline [\n]`)
	case q.open:
		return illegal("Malformed action/metadata line [%d], expected a source line behind it but found the end of the request", q.lines)
	}
	if f := q.put(ctx); f != nil {
		return f
	}
	if q.answer.count == 0 {
		return &failure{status: http.StatusBadRequest, kind: "action_request_validation_exception", reason: "Validation Failed: 1: no requests added;"}
	}
	return nil
}

// skip drops what has come of a line that is too long.
func (q *request) skip() *failure {
	if !q.open {
		return q.tooLongAction()
	}
	q.skipping = true
	return nil
}

func (q *request) tooLongAction() *failure {
	return illegal("Malformed action/metadata line [%d], expected at most %d bytes", q.lines+1, q.h.o.MaxLineBytes)
}

// line takes one line.
func (q *request) line(ctx context.Context, line []byte) *failure {
	if q.open {
		q.lines++
		q.source(line)
	} else {
		if len(line) > q.h.o.MaxLineBytes {
			return q.tooLongAction()
		}
		q.lines++
		if blankFrom(line, 0) == len(line) {
			return nil
		}
		if f := q.action(line); f != nil {
			return f
		}
	}
	if len(q.items) >= q.h.o.MaxDocs {
		return q.put(ctx)
	}
	return nil
}

// source takes the source line of the current action.
func (q *request) source(line []byte) {
	q.open = false
	if q.skipping || len(line) > q.h.o.MaxLineBytes {
		q.skipping = false
		if q.current.code == codePending {
			q.current.code, q.current.reason = codeRejected, q.h.tooLongDocument()
		}
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if q.current.code == codePending {
		// Cut off from what stands behind it: whoever appends to it writes elsewhere.
		q.docs = append(q.docs, ingest.Document{Source: line[:len(line):len(line)], Index: q.names.list[q.current.name]})
	}
	q.items = append(q.items, q.current)
}

func (h *Handler) tooLongDocument() string {
	return fmt.Sprintf("the document is too long: want at most %d bytes", h.o.MaxLineBytes)
}

// action takes an action line.
func (q *request) action(line []byte) *failure {
	var a action
	if f := a.parse(line, q.lines); f != nil {
		return f
	}
	q.current = item{kind: a.kind}
	if len(a.index) > maxIndexBytes {
		q.current.code = codeBadIndex
		q.current.reason = badIndex(string(a.index))
		a.index = nil
	}
	if len(a.index) > 0 {
		q.current.name = q.names.find(a.index)
	}
	switch {
	case q.current.code != codePending:
	case a.kind == kindUpdate || a.kind == kindDelete:
		q.current.code = codeIllegal
		q.current.reason = kindNames[a.kind] + " is not supported: documents are only added, by index or create"
	case a.id != nil:
		if reason := badID(a.id); reason != "" {
			q.current.code, q.current.reason = codeIllegal, reason
		}
	}
	if len(a.id) > maxIDBytes {
		a.id = nil
	}
	q.current.from = uint32(len(q.ids))
	q.ids = append(q.ids, a.id...)
	q.current.to = uint32(len(q.ids))
	if a.kind == kindDelete {
		q.items = append(q.items, q.current)
	} else {
		q.open = true
	}
	return nil
}

func badIndex(name string) string {
	return fmt.Sprintf("Invalid index name [%s], index name is too long, (%d > %d)", short(name), len(name), maxIndexBytes)
}

// badID returns what is wrong with the id of a document.
func badID(id []byte) string {
	switch {
	case len(id) == 0:
		return "if _id is specified it must not be empty"
	case len(id) > maxIDBytes:
		return fmt.Sprintf("id [%s] is too long, must be no longer than %d bytes but was: %d", short(string(id[:maxIDBytes])), maxIDBytes, len(id))
	}
	return ""
}

// put hands the batch to the sink and notes what became of its items.
func (q *request) put(ctx context.Context) *failure {
	if len(q.docs) > 0 && q.code == codePending {
		if f := q.hand(ctx); f != nil {
			return f
		}
	}
	tally := &q.call.tally
	doc := 0
	for i := range q.items {
		it := &q.items[i]
		switch {
		case it.code != codePending:
			tally.reject(it.reason)
		case q.code != codePending:
			it.code = q.code
			tally.Refused++
			doc++
		default:
			it.code, it.reason = tally.count(it.kind, q.outcomes[doc])
			doc++
		}
		q.answer.add(it, q.ids[it.from:it.to])
	}
	if kept := q.answer.size() + q.names.bytes; kept > q.h.o.MaxAnswerBytes {
		return tooLarge("bytes to remember for the answer", int64(kept), int64(q.h.o.MaxAnswerBytes))
	}
	q.forget()
	kept := 0
	if q.open { // its id is still needed
		kept = copy(q.ids, q.ids[q.current.from:q.current.to])
		q.current.from, q.current.to = 0, uint32(kept)
	}
	q.ids = q.ids[:kept]
	return nil
}

// hand puts the documents of the batch. After a failure behind an earlier success nothing
// is put any more: what is stored and what is not can be told item by item. Without one the
// request fails as a whole, which every client tries again.
func (q *request) hand(ctx context.Context) *failure {
	ids := string(q.ids) // one allocation for all of them; who keeps one of them for long clones it
	doc := 0
	for i := range q.items {
		if it := &q.items[i]; it.code == codePending {
			q.docs[doc].ID = ids[it.from:it.to]
			doc++
		}
	}
	if cap(q.outcomes) < len(q.docs) {
		q.outcomes = make([]ingest.Outcome, cap(q.docs))
	}
	q.outcomes = q.outcomes[:len(q.docs)] // all zero: they were forgotten
	err := q.h.sink.Put(ctx, q.docs, q.outcomes)
	if err == nil {
		q.stored = true
		return nil
	}
	f, code := q.call.refusalOf(err, q.docs[0].Index)
	if !q.stored || ctx.Err() != nil {
		return f
	}
	q.code = code
	return nil
}

// count counts an outcome and returns how it is answered.
func (t *Tally) count(k kind, o ingest.Outcome) (code, string) {
	switch o.Status {
	case ingest.Known:
		t.Known++
		if k == kindCreate {
			return codeConflict, ""
		}
		return codeNoop, ""
	case ingest.Passed:
		t.Passed++
	case ingest.Rejected:
		t.reject(o.Reason)
		return codeRejected, o.Reason
	default:
		t.Stored++
	}
	return codeCreated, ""
}

// reject counts a document, or an action, that is not what it should be.
func (t *Tally) reject(reason string) {
	if t.Rejected == 0 {
		t.Reason = reason
	}
	t.Rejected++
}

// names are the index names of a request, the first of them that of the URL.
type names struct {
	list  []string
	index map[string]uint32
	last  uint32
	bytes int // of what is not that of the URL
}

func newNames() names { return names{index: make(map[string]uint32)} }

func (n *names) reset() {
	if len(n.list) > maxNamesKept {
		*n = newNames() // a map keeps the size it once had
		return
	}
	clear(n.list)
	clear(n.index)
	n.list, n.last, n.bytes = n.list[:0], 0, 0
}

func (n *names) add(name string) uint32 {
	at := uint32(len(n.list))
	n.list = append(n.list, name)
	n.index[name] = at
	return at
}

// find returns the place of name in list.
func (n *names) find(name []byte) uint32 {
	if n.list[n.last] != string(name) {
		at, ok := n.index[string(name)]
		if !ok {
			at = n.add(string(name))
			n.bytes += len(name) + nameOverhead
		}
		n.last = at
	}
	return n.last
}

// nameOverhead is what the list and the map need for a name beside its text, about.
const nameOverhead = 64
