// Package bulk speaks that part of Elasticsearch's HTTP API with which shippers send
// documents, and hands these to an ingest.Sink.
//
// Documents come by POST or PUT to /_bulk and /{index}/_bulk, and one at a time to
// /{index}/_doc, /{index}/_doc/{id} and /{index}/_create/{id}. What shippers ask before they
// send (version, licence, health, nodes, templates, lifecycle policies, pipelines, data
// streams, aliases) is answered so that they go on: what they ask for is there already, what
// they create is acknowledged and not kept. Index names are labels.
//
// A bulk request is read in blocks and its documents are put while it is still coming in.
// When it turns out to be damaged later on (a malformed action line, a truncated body, a
// bound exceeded) it is answered by an error as a whole, but the documents of earlier blocks
// are stored and stay. Sent again, those with an _id are kept once; a request that fits one
// block (Options.BatchBytes, Options.MaxDocs) is put all or not at all.
//
// The actions are index and create. A document whose _id is there already is not stored
// again: create answers it with 409 as Elasticsearch does, index with 200 and the result
// "noop", because nothing was overwritten; clients retry neither. A document that is
// well-formed and no network event is answered as created: there is nothing that a client
// could do about it. Update and delete are refused one by one.
package bulk

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"fresnel/internal/ingest"
)

// Options are the bounds and the identity of a Handler.
//
// At most MaxRequests * (BatchBytes + MaxAnswerBytes + about 10 MiB) are held at a time,
// the last for decoding zstd; the usual request holds its own size, or BatchBytes.
type Options struct {
	MaxBodyBytes    int64 // of a body as it is sent
	MaxDecodedBytes int64 // of a body behind its Content-Encoding
	MaxRatio        int64 // of the two, once a body has more than 1 MiB
	MaxLineBytes    int   // of an action or a document; a longer document is refused, those behind it are taken
	MaxAnswerBytes  int   // of what is remembered of a request until it is answered: the ids, and a byte or two an action
	MaxDocs         int   // of one Put
	BatchBytes      int   // of the documents of one Put
	MaxRequests     int   // with documents that are served at a time; others are answered by 429

	// ClientTimeout is the longest wait for a client to send more of its body or to take
	// more of its answer. Both must also go faster than 4 KiB/s in the mean behind their
	// first ClientTimeout, or a few clients could take all places.
	ClientTimeout time.Duration

	Version     string // of Elasticsearch that is answered to those who ask: MAJOR.MINOR.PATCH
	Name        string // of this node
	ClusterName string
	ClusterUUID string

	// Authorize says whether a request may be served: it returns nil, or a *Refusal. Any
	// other error is logged and answered by 500. Without it all are served.
	Authorize func(*http.Request) error

	// Observe is called once a request, when it has been answered.
	Observe func(Tally)

	Now func() time.Time // time.Now
	Log *slog.Logger     // gets what a client must not be told, a line a request at most, and who is refused what
}

// A Refusal is the error of a request that may not be served.
type Refusal struct {
	Status     int           // 401, 403, or what else the client is to make of it, such as 429
	Reason     string        // told to the client
	RetryAfter time.Duration // 0 when another try will not help
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

// DefaultOptions returns the bounds that suit shippers as they come. Now and Log are for the
// caller to set.
func DefaultOptions() Options {
	return Options{
		MaxBodyBytes:    100 << 20, // as Elasticsearch's http.max_content_length
		MaxDecodedBytes: 1 << 30,
		MaxRatio:        500, // documents that are all alike reach 300, zeros 1030
		MaxLineBytes:    1 << 20,
		MaxAnswerBytes:  8 << 20,
		MaxDocs:         5000,
		BatchBytes:      4 << 20,
		MaxRequests:     64,
		ClientTimeout:   time.Minute,
		Version:         "8.19.0",
		Name:            "ingest",
		ClusterName:     "ingest",
		ClusterUUID:     "_na_", // as Elasticsearch calls a cluster that has none yet
	}
}

var versionPattern = regexp.MustCompile(`^([7-9]|[1-9]\d)\.\d{1,3}\.\d{1,3}$`)

// Validate returns everything that is wrong with o.
func (o Options) Validate() error {
	var errs []error
	want := func(ok bool, name string, got any, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: got %v, want %s", name, got, want))
		}
	}
	want(o.MaxBodyBytes > 0, "MaxBodyBytes", o.MaxBodyBytes, "more than 0")
	want(o.MaxDecodedBytes > 0, "MaxDecodedBytes", o.MaxDecodedBytes, "more than 0")
	want(o.MaxRatio > 0, "MaxRatio", o.MaxRatio, "more than 0")
	want(o.MaxAnswerBytes > 0, "MaxAnswerBytes", o.MaxAnswerBytes, "more than 0")
	want(o.MaxDocs > 0, "MaxDocs", o.MaxDocs, "more than 0")
	want(o.BatchBytes > 0 && o.BatchBytes <= 1<<30, "BatchBytes", o.BatchBytes, "more than 0 and at most 1 GiB")
	want(o.MaxLineBytes > 0 && o.MaxLineBytes < o.BatchBytes, "MaxLineBytes", o.MaxLineBytes, "more than 0 and less than BatchBytes")
	want(o.MaxRequests > 0, "MaxRequests", o.MaxRequests, "more than 0")
	want(o.ClientTimeout > 0, "ClientTimeout", o.ClientTimeout, "more than 0")
	want(versionPattern.MatchString(o.Version), "Version", strconv.Quote(o.Version), "MAJOR.MINOR.PATCH from 7.0.0 on")
	want(o.Name != "", "Name", `""`, "a name")
	want(o.ClusterName != "", "ClusterName", `""`, "a name")
	want(o.ClusterUUID != "", "ClusterUUID", `""`, "a name")
	want(o.Now != nil, "Now", "nil", "a clock")
	want(o.Log != nil, "Log", "nil", "a logger")
	return errors.Join(errs...)
}

// A Tally says what a request was and what became of it.
type Tally struct {
	Route         string // one of the routes of the API, such as "bulk", "doc" or "info"; "unknown" for others
	Status        int    // of the answer
	Took          time.Duration
	BytesReceived int64 // of the body as sent
	BytesDecoded  int64 // of the body behind its Content-Encoding

	// Documents by what became of them.
	Stored, Known, Passed int64
	Rejected              int64  // by the sink or here, for what they are
	Reason                string // of the first of these
	Refused               int64  // by the sink, for want of time or room, when others of the request were stored

	// Failed is why the sink did not take documents; nil when it did, or when the client was gone.
	Failed error
}

// A Handler serves the API. It is safe for concurrent use.
type Handler struct {
	o        Options
	sink     ingest.Sink
	major    int // of the version
	places   chan struct{}
	requests sync.Pool // *request
	blocks   sync.Pool // *[]byte of BatchBytes
	decoders decoders
	sequence atomic.Int64 // _seq_no of the next item
	told     told
}

// New returns a handler that hands documents to sink. It validates o.
func New(sink ingest.Sink, o Options) (*Handler, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	major, _ := strconv.Atoi(versionPattern.FindStringSubmatch(o.Version)[1])
	h := &Handler{o: o, sink: sink, major: major, places: make(chan struct{}, o.MaxRequests)}
	h.requests.New = func() any { return newRequest(h) }
	h.blocks.New = func() any {
		block := make([]byte, o.BatchBytes)
		return &block
	}
	return h, nil
}

// Serving returns how many requests with documents are served now, of at most MaxRequests.
func (h *Handler) Serving() int64 { return int64(len(h.places)) }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Clients refuse any answer without it, and the Python client only after its data was
	// taken, so that it would send all again.
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", contentType(r))
	c := h.call(w, r)
	f := c.serve()
	if f != nil {
		c.refuse(f)
	}
	h.tell(c, f)
	if h.o.Observe != nil {
		c.tally.Took = h.o.Now().Sub(c.began)
		c.tally.BytesReceived = c.body.received
		h.o.Observe(c.tally)
	}
	c.end()
}

// A call is one request and its answer.
type call struct {
	h     *Handler
	w     http.ResponseWriter
	r     *http.Request
	body  body
	began time.Time
	tally Tally

	answering time.Time // since when
	sent      int64     // bytes of the answer
}

func (h *Handler) call(w http.ResponseWriter, r *http.Request) *call {
	return &call{h: h, w: w, r: r, began: h.o.Now(), body: body{
		raw: r.Body, control: http.NewResponseController(w), now: h.o.Now, timeout: h.o.ClientTimeout,
		limit: h.o.MaxBodyBytes, awaited: r.Header.Get("Expect") != "",
	}}
}

// serve answers, or returns what to answer.
func (c *call) serve() *failure {
	route, f := c.route()
	c.tally.Route = route.name
	// Who may not come in is not told what is there.
	if refused := c.authorize(); refused != nil {
		return refused
	}
	if f != nil {
		return f
	}
	if !route.documents {
		c.body.discard() // or the connection could not be used again
		return route.serve(c, route)
	}
	select {
	case c.h.places <- struct{}{}:
		defer func() { <-c.h.places }()
	default:
		return busy(fmt.Sprintf("%d requests are being served, no more at a time", c.h.o.MaxRequests))
	}
	return route.serve(c, route)
}

func (c *call) authorize() *failure {
	if c.h.o.Authorize == nil {
		return nil
	}
	err := c.h.o.Authorize(c.r)
	if err == nil {
		return nil
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return c.unauthorized(refusal)
	}
	c.h.o.Log.Error("request not authorized", "route", c.tally.Route, "err", err)
	return &failure{status: http.StatusInternalServerError, kind: "exception", reason: "the credentials could not be checked"}
}

// write sends a whole answer.
func (c *call) write(status int, text []byte) {
	c.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	c.start(status)
	if c.r.Method != http.MethodHead {
		c.send(text)
	}
}

// start begins an answer.
func (c *call) start(status int) {
	c.tally.Status, c.answering = status, c.h.o.Now()
	c.w.WriteHeader(status)
}

// send sends some of an answer, and ends the wait for a client that does not read.
func (c *call) send(text []byte) {
	now, timeout := c.h.o.Now(), c.h.o.ClientTimeout
	left := timeout + time.Duration(c.sent/minRate)*time.Second - now.Sub(c.answering)
	_ = c.body.control.SetWriteDeadline(now.Add(min(left, timeout)))
	_, _ = c.w.Write(text) // a client that is gone needs no answer
	c.sent += int64(len(text))
}

// end sends what is left of an answer. The next one of the connection has its own deadline.
func (c *call) end() {
	_ = c.body.control.Flush()
	_ = c.body.control.SetWriteDeadline(time.Time{})
}

// compatible finds the version in the media types application/vnd.elasticsearch+json and
// application/vnd.elasticsearch+x-ndjson.
var compatible = regexp.MustCompile(`(?i)application/vnd\.elasticsearch\+[a-z-]+\s*;\s*compatible-with\s*=\s*"?(\d{1,2})\b`)

// contentType returns the media type of the answers to r: the versioned one where the
// client asks for it, or, when it says nothing of answers, sends it.
func contentType(r *http.Request) string {
	asked := r.Header.Get("Accept")
	if asked == "" || asked == "*/*" {
		asked = r.Header.Get("Content-Type")
	}
	if m := compatible.FindStringSubmatch(asked); m != nil {
		return "application/vnd.elasticsearch+json;compatible-with=" + m[1]
	}
	return "application/json"
}
