package bulk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	"fresnel/internal/ingest"
)

// document serves a request that has one document as its body.
func (c *call) document(route route) *failure {
	it := item{kind: route.kind}
	if c.r.URL.Query().Get("op_type") == "create" {
		it.kind = kindCreate
	}
	switch {
	case len(route.index) > maxIndexBytes:
		return &failure{status: http.StatusBadRequest, kind: "invalid_index_name_exception", reason: badIndex(route.index)}
	case route.hasID && badID([]byte(route.id)) != "":
		return illegal("%s", badID([]byte(route.id)))
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
	source, f := q.readAll(dec)
	if f != nil {
		return f
	}
	c.body.discard()
	docs := [1]ingest.Document{{Source: source, ID: route.id, Index: route.index}}
	var outcomes [1]ingest.Outcome
	if err := c.h.sink.Put(c.r.Context(), docs[:], outcomes[:]); err != nil {
		f, _ := c.refusalOf(err, route.index)
		return f
	}
	it.code, it.reason = c.tally.count(it.kind, outcomes[0])
	if it.code > codeNoop {
		kind, reason := c.h.fault(&it, route.index, []byte(route.id))
		return &failure{status: it.code.status(), kind: kind, reason: reason, conflict: route.index}
	}
	if route.hasID && it.code == codeCreated {
		c.w.Header().Set("Location", "/"+url.PathEscape(route.index)+"/_doc/"+url.PathEscape(route.id))
	}
	out := c.h.appendItem([]byte("{"), &it, route.index, []byte(route.id), c.h.sequence.Add(1)-1, it.code.leaves()&^leafStatus)
	c.write(it.code.status(), append(out, '}'))
	return nil
}

// readAll reads a body that is one document, and makes one line of it.
func (q *request) readAll(dec *decoder) ([]byte, *failure) {
	var in io.Reader = &q.call.body
	if dec != nil {
		in = dec
	}
	block, end := q.small, 0
	for {
		if end == len(block) { // that of BatchBytes is longer than a document may be
			q.large = q.h.blocks.Get().(*[]byte)
			copy(*q.large, block)
			block = *q.large
		}
		n, err := in.Read(block[end:])
		end += n
		q.bytes += int64(n)
		q.call.tally.BytesDecoded = q.bytes
		if end > q.h.o.MaxLineBytes {
			return nil, tooLarge("bytes of a document", int64(end), int64(q.h.o.MaxLineBytes))
		}
		if f := q.bounds(); f != nil {
			return nil, f
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, q.call.unreadable(err, dec)
		}
	}
	source := bytes.TrimRight(block[:end], " \t\r\n")
	if len(source) == 0 {
		return nil, &failure{status: http.StatusBadRequest, kind: "parse_exception", reason: "request body is required"}
	}
	if bytes.ContainsAny(source, "\r\n") {
		var line bytes.Buffer
		if err := json.Compact(&line, source); err == nil { // what is no JSON is for the sink to refuse
			source = line.Bytes()
		}
	}
	return source, nil
}
