package bulk

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fresnel/internal/ingest"
)

// A failure is an answer to a request as a whole that is an error.
type failure struct {
	status     int
	kind       string   // Elasticsearch's type of it; "" for those that it words as a text alone
	reason     string   // in Elasticsearch's words where it has some
	conflict   string   // the index, of a version conflict
	retryAfter int      // seconds; 0 when another try will not help
	challenges []string // WWW-Authenticate
	allow      string   // methods
	broken     bool     // the body cannot be read further
}

// retrySeconds is when to come again after ErrBusy, and retryFullSeconds after ErrFull, which
// lasts until somebody or the retention makes room.
const (
	retrySeconds     = 1
	retryFullSeconds = 30
)

func illegal(format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, kind: "illegal_argument_exception", reason: fmt.Sprintf(format, args...)}
}

func busy(reason string) *failure {
	return &failure{status: http.StatusTooManyRequests, kind: "es_rejected_execution_exception", reason: "rejected execution of coordinating operation: " + reason, retryAfter: retrySeconds}
}

// tooLarge names the bound. Clients know that status and send less at a time.
func tooLarge(what string, got, most int64) *failure {
	reason := fmt.Sprintf("entity content is too long [%d] for the configured buffer limit [%d]: %s", got, most, what)
	return &failure{status: http.StatusRequestEntityTooLarge, kind: "content_too_long_exception", reason: reason}
}

// blocked words a full disk as Elasticsearch does. Clients retry it.
func blocked(index string) string {
	return "index [" + index + "] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];"
}

const (
	busyReason        = "more is being ingested than can be stored"
	unavailableReason = "the documents could not be stored"
)

// refusalOf returns how a whole request of documents for an index is answered when Put
// returned err, and the code of single items.
func (c *call) refusalOf(err error, index string) (*failure, code) {
	gone := c.r.Context().Err() != nil
	if !gone {
		c.tally.Failed = err
	}
	switch {
	case errors.Is(err, ingest.ErrBusy):
		return busy(busyReason), codeBusy
	case errors.Is(err, ingest.ErrFull):
		return &failure{status: http.StatusTooManyRequests, kind: "cluster_block_exception", reason: blocked(index), retryAfter: retryFullSeconds}, codeFull
	case !gone:
		c.h.o.Log.Error("documents not stored", "err", err)
	}
	return &failure{status: http.StatusServiceUnavailable, kind: "unavailable_shards_exception", reason: unavailableReason, retryAfter: retrySeconds}, codeUnavailable
}

// unauthorized words a refusal of Authorize.
func (c *call) unauthorized(r *Refusal) *failure {
	f := &failure{status: r.Status, kind: "security_exception", reason: r.Reason, retryAfter: int((r.RetryAfter + time.Second - 1) / time.Second)}
	switch r.Status {
	case http.StatusUnauthorized:
		f.challenges = []string{`Basic realm="security", charset="UTF-8"`, "ApiKey"}
		if c.r.Header.Get("Authorization") == "" {
			f.reason = "missing authentication credentials for REST request [" + c.r.URL.RequestURI() + "]"
		} else {
			f.reason = "unable to authenticate with provided credentials and anonymous access is not allowed for this request: " + r.Reason
		}
	case http.StatusForbidden:
		f.reason = "action [" + c.tally.Route + "] is unauthorized for these credentials: " + r.Reason
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		f.kind = "es_rejected_execution_exception"
	}
	return f
}

func noHandler(r *http.Request) *failure {
	return &failure{status: http.StatusBadRequest, reason: "no handler found for uri [" + r.URL.RequestURI() + "] and method [" + r.Method + "]"}
}

func wrongMethod(r *http.Request, allowed []string) *failure {
	list := strings.Join(allowed, ", ")
	return &failure{
		status: http.StatusMethodNotAllowed, allow: list,
		reason: "Incorrect HTTP method for uri [" + r.URL.RequestURI() + "] and method [" + r.Method + "], allowed: [" + list + "]",
	}
}

// refuse answers a request by f.
func (c *call) refuse(f *failure) {
	header := c.w.Header()
	for _, challenge := range f.challenges {
		header.Add("WWW-Authenticate", challenge)
	}
	if f.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	if f.allow != "" {
		header.Set("Allow", f.allow)
	}
	if f.broken {
		header.Set("Connection", "close")
	} else {
		// A client that is still sending when the connection is closed sees a reset
		// connection instead of the answer.
		c.body.discard()
	}
	c.write(f.status, f.append(nil))
}

// append appends f as Elasticsearch words errors.
func (f *failure) append(b []byte) []byte {
	if f.kind == "" {
		b = append(b, `{"error":`...)
		b = appendText(b, f.reason)
		if f.status != http.StatusBadRequest {
			b = append(b, `,"status":`...)
			b = strconv.AppendInt(b, int64(f.status), 10)
		}
		return append(b, '}')
	}
	b = append(b, `{"error":{"root_cause":[{`...)
	b = f.cause(b)
	b = append(b, `}],`...)
	b = f.cause(b)
	b = append(b, `},"status":`...)
	b = strconv.AppendInt(b, int64(f.status), 10)
	return append(b, '}')
}

func (f *failure) cause(b []byte) []byte {
	b = append(b, `"type":`...)
	b = appendText(b, f.kind)
	b = append(b, `,"reason":`...)
	b = appendText(b, f.reason)
	if f.status == http.StatusConflict {
		b = append(b, `,"index_uuid":"_na_","shard":"0","index":`...)
		b = appendText(b, f.conflict)
	}
	if f.challenges != nil {
		b = append(b, `,"header":{"WWW-Authenticate":[`...)
		for i, challenge := range f.challenges {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, challenge)
		}
		b = append(b, `]}`...)
	}
	return b
}
