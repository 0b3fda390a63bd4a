package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"fresnel/internal/ingest"
)

// A memory is a sink that keeps documents by index and id. Documents that are not JSON
// objects are Rejected, those with "event":false Passed.
type memory struct {
	mu      sync.Mutex
	docs    []string // index, id and source
	puts    []int    // documents of each
	ids     map[string]bool
	failing []error // of the next Puts, nil for none
}

func (m *memory) Put(ctx context.Context, docs []ingest.Document, outcomes []ingest.Outcome) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.failing) > 0 {
		err := m.failing[0]
		m.failing = m.failing[1:]
		if err != nil {
			return err
		}
	}
	m.puts = append(m.puts, len(docs))
	for i, d := range docs {
		var fields map[string]any
		key := d.Index + "/" + d.ID
		switch {
		case json.Unmarshal(d.Source, &fields) != nil:
			outcomes[i] = ingest.Outcome{Status: ingest.Rejected, Reason: fmt.Sprintf("got %q, want a JSON object", cut(string(d.Source), 8))}
		case fields["event"] == false:
			outcomes[i] = ingest.Outcome{Status: ingest.Passed, Reason: "no network event"}
		case d.ID != "" && m.ids[key]:
			outcomes[i] = ingest.Outcome{Status: ingest.Known}
		default:
			if m.ids == nil {
				m.ids = make(map[string]bool)
			}
			m.ids[key] = true
			m.docs = append(m.docs, key+" "+string(d.Source))
		}
	}
	return nil
}

// A sinkFunc is a sink of one function.
type sinkFunc func(ctx context.Context, docs []ingest.Document, outcomes []ingest.Outcome) error

func (f sinkFunc) Put(ctx context.Context, docs []ingest.Document, outcomes []ingest.Outcome) error {
	return f(ctx, docs, outcomes)
}

// nothing takes everything.
var nothing = sinkFunc(func(context.Context, []ingest.Document, []ingest.Outcome) error { return nil })

func handler(t testing.TB, sink ingest.Sink, change func(*Options)) *Handler {
	t.Helper()
	o := DefaultOptions()
	o.Now = time.Now
	o.Log = slog.New(slog.DiscardHandler)
	if change != nil {
		change(&o)
	}
	h, err := New(sink, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func packed(t testing.TB, encoding, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "":
		return []byte(text)
	case "gzip", "x-gzip":
		w, _ = gzip.NewWriterLevel(&b, gzip.BestSpeed)
	case "deflate":
		w, _ = zlib.NewWriterLevel(&b, zlib.BestSpeed)
	case "zstd":
		w, _ = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(64<<10))
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ask serves one request. target is "METHOD /path", headers are "Name: value".
func ask(t testing.TB, h http.Handler, target string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	method, path, _ := strings.Cut(target, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, path, body)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got := w.Header().Get("X-Elastic-Product"); got != "Elasticsearch" {
		t.Errorf("%s: got X-Elastic-Product %q", target, got)
	}
	return w
}

// newCall returns the call of a request without serving it.
func newCall(t testing.TB, h *Handler, target string, body io.Reader) (*call, *httptest.ResponseRecorder) {
	t.Helper()
	method, path, _ := strings.Cut(target, " ")
	w := httptest.NewRecorder()
	return h.call(w, httptest.NewRequestWithContext(t.Context(), method, path, body)), w
}

// An itemAnswer is the answer to one action.
type itemAnswer struct {
	Action string `json:"-"`
	Index  string `json:"_index"`
	ID     string `json:"_id"`
	Result string `json:"result"`
	Status int    `json:"status"`
	Error  struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	} `json:"error"`
}

func (i itemAnswer) String() string {
	s := fmt.Sprintf("%s %s/%s %d", i.Action, i.Index, i.ID, i.Status)
	if i.Result != "" {
		s += " " + i.Result
	}
	if i.Error.Type != "" {
		s += " " + i.Error.Type + ": " + i.Error.Reason
	}
	return s
}

// items reads the answer to a bulk request. Made-up ids become "*".
func items(t testing.TB, w *httptest.ResponseRecorder) []string {
	t.Helper()
	var answer struct {
		Took   *int64                  `json:"took"`
		Errors *bool                   `json:"errors"`
		Items  []map[string]itemAnswer `json:"items"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK || answer.Took == nil || answer.Errors == nil {
		t.Fatalf("got %d %s, %v", w.Code, w.Body, err)
	}
	var all []string
	errs := false
	for _, action := range answer.Items {
		for name, item := range action {
			item.Action = name
			if len(item.ID) == 20 {
				item.ID = "*"
			}
			errs = errs || item.Error.Type != ""
			all = append(all, item.String())
		}
	}
	if errs != *answer.Errors {
		t.Errorf("got errors %v for %q", *answer.Errors, all)
	}
	return all
}

const doc = `{"@timestamp":"2026-11-24T10:00:00Z","destination":{"ip":"10.0.0.1"}}`

// TestClients has the requests that the clients of servers.md, section 6 sent to a dummy
// server, and those that other shippers send by their documentation.
func TestClients(t *testing.T) {
	const v9 = "application/vnd.elasticsearch+json; compatible-with=9"
	for _, tt := range []struct {
		name, target string
		headers      []string
		encoding     string
		body         string
		contentType  string
		docs, items  []string
	}{
		{
			"rsyslog omelasticsearch", "POST /_bulk",
			[]string{"Content-Type: application/json; charset=utf-8", "Authorization: Basic dTpw"}, "",
			"{\"create\":{\"_index\": \"i\", \"_id\":\"u1\"}}\n" + doc + "\n{\"create\":{\"_index\": \"i\", \"_id\":\"u2\"}}\n" + doc + "\n",
			"application/json",
			[]string{"i/u1 " + doc, "i/u2 " + doc}, []string{"create i/u1 201 created", "create i/u2 201 created"},
		},
		{
			"syslog-ng elasticsearch-http", "POST /_bulk", []string{"Content-Type: application/x-ndjson", "Authorization: Basic dTpw"}, "",
			"{\"index\":{\"_index\":\"logs-x\",\"_type\":\"\"}}\n" + doc + "\n",
			"application/json",
			[]string{"logs-x/ " + doc}, []string{"index logs-x/* 201 created"},
		},
		{
			"elasticsearch-py helpers.bulk", "PUT /_bulk",
			[]string{"Content-Type: application/vnd.elasticsearch+x-ndjson; compatible-with=9", "Accept: " + v9, "Authorization: ApiKey eA=="}, "gzip",
			"{\"index\":{\"_id\":\"1\",\"_index\":\"p\"}}\n" + doc + "\n",
			"application/vnd.elasticsearch+json;compatible-with=9",
			[]string{"p/1 " + doc}, []string{"index p/1 201 created"},
		},
		{
			"elasticsearch-js helpers.bulk", "POST /_bulk",
			[]string{"Content-Type: application/vnd.elasticsearch+x-ndjson; compatible-with=8", "Accept: application/vnd.elasticsearch+json; compatible-with=8,text/plain"}, "gzip",
			"{\"index\":{\"_index\":\"j\"}}\n" + doc + "\n",
			"application/vnd.elasticsearch+json;compatible-with=8",
			[]string{"j/ " + doc}, []string{"index j/* 201 created"},
		},
		{
			"opensearch-py", "POST /_bulk", []string{"Content-Type: application/json", "Authorization: Basic dTpw"}, "gzip",
			"{\"index\":{\"_index\":\"o\"}}\n" + doc + "\n",
			"application/json",
			[]string{"o/ " + doc}, []string{"index o/* 201 created"},
		},
		{
			"go-elasticsearch and opensearch-go", "POST /g/_bulk", []string{"Content-Type: application/json", "Authorization: APIKey eA=="}, "gzip",
			"{\"create\":{}}\n" + doc + "\n{\"create\":{}}\n" + doc + "\n",
			"application/json",
			[]string{"g/ " + doc, "g/ " + doc}, []string{"create g/* 201 created", "create g/* 201 created"},
		},
		{
			"Fluent Bit with a pipeline and types", "POST /_bulk/?pipeline=p", nil, "",
			"{\"create\":{\"_index\":\"fluent-bit\",\"_type\":\"_doc\"}}\n" + doc + "\n",
			"application/json",
			[]string{"fluent-bit/ " + doc}, []string{"create fluent-bit/* 201 created"},
		},
		{
			"Vector to a data stream", "POST /_bulk?timeout=60s", []string{"Content-Type: application/x-ndjson"}, "zstd",
			"{\"create\":{\"_index\":\"logs-generic-default\",\"_type\":\"_doc\"}}\n" + doc + "\n",
			"application/json",
			[]string{"logs-generic-default/ " + doc}, []string{"create logs-generic-default/* 201 created"},
		},
		{
			"zlib and CRLF", "PUT /x/_bulk", nil, "deflate", "{\"index\":{}}\r\n" + doc + "\r\n\r\n", "application/json",
			[]string{"x/ " + doc}, []string{"index x/* 201 created"},
		},
		{
			"an index name that is date mathematics", "POST /%3Clogs-%7Bnow%2Fd%7D%3E/_bulk", nil, "x-gzip", "{\"index\":{}}\n" + doc + "\n", "application/json",
			[]string{"<logs-{now/d}>/ " + doc}, []string{"index <logs-{now/d}>/* 201 created"},
		},
		{
			"no index at all", "POST /_bulk", nil, "", "{\"create\":{}}\n" + doc + "\n", "application/json",
			[]string{"/ " + doc}, []string{"create /* 201 created"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &memory{}
			if tt.encoding != "" {
				tt.headers = append(tt.headers, "Content-Encoding: "+tt.encoding)
			}
			w := ask(t, handler(t, m, nil), tt.target, bytes.NewReader(packed(t, tt.encoding, tt.body)), tt.headers...)
			if diff := cmp.Diff(tt.items, items(t, w)); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.docs, m.docs); diff != "" {
				t.Errorf("documents (-want +got):\n%s", diff)
			}
			if got := w.Header().Get("Content-Type"); got != tt.contentType {
				t.Errorf("got Content-Type %q, want %q", got, tt.contentType)
			}
		})
	}
}

func TestItems(t *testing.T) {
	long := strings.Repeat("x", 600)
	for _, tt := range []struct {
		name, body string
		want       []string
	}{
		{"a second document of an id", `{"create":{"_id":"a"}} {} {"create":{"_id":"a"}} {} {"index":{"_id":"a"}} {} {"index":{"_id":"a","_index":"other"}} {}`, []string{
			"create i/a 201 created",
			"create i/a 409 version_conflict_engine_exception: [a]: version conflict, document already exists (current version [1])",
			"index i/a 200 noop",
			"index other/a 201 created",
		}},
		{"an index that is a create", `{"index":{"_id":"a","op_type":"create"}} {} {"index":{"_id":"a","op_type":"create"}} {}`, []string{
			"create i/a 201 created",
			"create i/a 409 version_conflict_engine_exception: [a]: version conflict, document already exists (current version [1])",
		}},
		{"what is no document, and what is no event", `{"index":{}} [1] {"create":{"_id":"b"}} {"event":false} {"index":{}} {}`, []string{
			`index i/ 400 document_parsing_exception: got "[1]", want a JSON object`,
			"create i/b 201 created",
			"index i/* 201 created",
		}},
		{"update and delete", `{"update":{"_id":"a"}} {"doc":{}} {"delete":{"_id":"a","_index":"x"}} {"index":{}} {}`, []string{
			"update i/a 400 illegal_argument_exception: update is not supported: documents are only added, by index or create",
			"delete x/a 400 illegal_argument_exception: delete is not supported: documents are only added, by index or create",
			"index i/* 201 created",
		}},
		{"ids that are none", `{"index":{"_id":""}} {} {"index":{"_id":"` + long + `"}} {} {"index":{"_id":null}} {} {"index":{"_id":17}} {} {"index":{"_id":true}} {}`, []string{
			"index i/ 400 illegal_argument_exception: if _id is specified it must not be empty",
			"index i/ 400 illegal_argument_exception: id [" + long[:64] + "…] is too long, must be no longer than 512 bytes but was: 600",
			"index i/* 201 created",
			"index i/17 201 created",
			"index i/true 201 created",
		}},
		{"index names that are none", `{"index":{"_index":""}} {} {"index":{"_index":"` + long + `"}} {} {"index":{"_index":null}} {}`, []string{
			"index i/* 201 created",
			"index i/ 400 invalid_index_name_exception: Invalid index name [" + long[:64] + "…], index name is too long, (600 > 255)",
			"index i/* 201 created",
		}},
		{"texts that must be escaped", `{"create":{"_id":"q\"\\\n\u0001é\ud83d\ude00"}} {} {"create":{"_id":"q\"\\\n\u0001é😀"}} {}`, []string{
			"create i/q\"\\\n\x01é😀 201 created",
			"create i/q\"\\\n\x01é😀 409 version_conflict_engine_exception: [q\"\\\n\x01é😀]: version conflict, document already exists (current version [1])",
		}},
		{"parameters that mean nothing here", `{"index":{"routing":"r","pipeline":"p","require_alias":false,"dynamic_templates":{"a":{"b":["c"]}},"version":3,"_source":true,"_id":"z"}} {}`, []string{
			"index i/z 201 created",
		}},
		{"blank lines between", ` {"index":{}} {}  {"create":{}} {}   `, []string{"index i/* 201 created", "create i/* 201 created"}},
		{"an empty document", `{"index":{}}  {"index":{}} {}`, []string{`index i/ 400 document_parsing_exception: got "", want a JSON object`, "index i/* 201 created"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := strings.ReplaceAll(tt.body, " ", "\n") + "\n"
			got := items(t, ask(t, handler(t, &memory{}, nil), "POST /i/_bulk", strings.NewReader(body)))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswerAsText(t *testing.T) {
	h := handler(t, &memory{}, nil)
	body := "{\"create\":{\"_id\":\"a\"}}\n{}\n{\"create\":{\"_id\":\"a\"}}\n{}\n{\"index\":{}}\n[]\n"
	w := ask(t, h, "POST /i/_bulk", strings.NewReader(body))
	want := `{"errors":true,"took":N,"items":[` +
		`{"create":{"_index":"i","_id":"a","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}},` +
		`{"create":{"_index":"i","_id":"a","status":409,"error":{"type":"version_conflict_engine_exception","reason":"[a]: version conflict, document already exists (current version [1])","index_uuid":"_na_","shard":"0","index":"i"}}},` +
		`{"index":{"_index":"i","_id":null,"status":400,"error":{"type":"document_parsing_exception","reason":"got \"[]\", want a JSON object"}}}]}`
	_, rest, _ := strings.Cut(w.Body.String(), `"took":`)
	took, _, _ := strings.Cut(rest, ",")
	if diff := cmp.Diff(want, strings.Replace(w.Body.String(), `"took":`+took, `"took":N`, 1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w = ask(t, handler(t, &memory{}, func(o *Options) { o.Version = "7.17.29" }), "POST /i/_bulk?filter_path=items.*.error.type", strings.NewReader("{\"index\":{}}\n[]\n"))
	if got, want := w.Body.String(), `{"items":[{"index":{"error":{"type":"mapper_parsing_exception"}}}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestRefusals has the answers to whole requests that are errors.
func TestRefusals(t *testing.T) {
	cause := func(status int, kind, reason string) string {
		text, _ := json.Marshal(reason)
		text = bytes.ReplaceAll(text, []byte(`\u003e`), []byte(">"))
		cause := fmt.Sprintf(`"type":%q,"reason":%s`, kind, text)
		return fmt.Sprintf(`%d {"error":{"root_cause":[{%s}],%s},"status":%d}`, status, cause, cause, status)
	}
	illegal := func(reason string) string { return cause(400, "illegal_argument_exception", reason) }
	for _, tt := range []struct {
		name, target, body string
		want               string
	}{
		{"no body", "POST /_bulk", "", cause(400, "parse_exception", "request body is required")},
		{"only blank lines", "POST /_bulk", "\n\r\n", cause(400, "action_request_validation_exception", "Validation Failed: 1: no requests added;")},
		{"a last line without an end", "POST /_bulk", "{\"index\":{}}\n{}", illegal(`The bulk request must be terminated by a newline [\n]`)},
		{"an action without a document", "POST /_bulk", "{\"index\":{}}\n", illegal("Malformed action/metadata line [1], expected a source line behind it but found the end of the request")},
		{"an array", "POST /_bulk", "[1]\n", illegal("Malformed action/metadata line [1], expected START_OBJECT but found [START_ARRAY]")},
		{"a text", "POST /_bulk", "\"x\"\n", illegal("Malformed action/metadata line [1], expected START_OBJECT but found [VALUE_STRING]")},
		{"an empty object", "POST /_bulk", "\n{}\n{}\n", illegal("Malformed action/metadata line [2], expected FIELD_NAME but found [END_OBJECT]")},
		{"an unknown action", "POST /_bulk", "{\"index\":{}}\n{}\n{\"upsert\":{}}\n{}\n", illegal("Malformed action/metadata line [3], expected field [create], [delete], [index] or [update] but found [upsert]")},
		{"a value for an action", "POST /_bulk", "{\"index\":1}\n", illegal("Malformed action/metadata line [1], expected START_OBJECT but found [VALUE_NUMBER]")},
		{"null for an action", "POST /_bulk", "{\"index\":null}\n", illegal("Malformed action/metadata line [1], expected START_OBJECT but found [VALUE_NULL]")},
		{"two actions in a line", "POST /_bulk", "{\"index\":{},\"create\":{}}\n", illegal("Malformed action/metadata line [1], expected END_OBJECT but found [FIELD_NAME]")},
		{"something behind an action", "POST /_bulk", "{\"index\":{}} {}\n", illegal("Malformed action/metadata line [1], unexpected data after the closing brace")},
		{"an array for a name", "POST /_bulk", "{\"index\":{\"_index\":[\"a\"]}}\n", illegal("Malformed action/metadata line [1], expected a simple value for field [_index] but found [START_ARRAY]")},
		{"an object for a name", "POST /_bulk", "{\"index\":{\"_id\":{}}}\n", illegal("Malformed action/metadata line [1], expected a simple value for field [_id] but found [START_OBJECT]")},
		{"an unknown parameter", "POST /_bulk", "{\"index\":{\"id\":\"a\"}}\n", illegal("Action/metadata line [1] contains an unknown parameter [id]")},
		{"no JSON", "POST /_bulk", "#fields ts uid\n", illegal("Malformed action/metadata line [1], expected a JSON object but found [#fields ts uid]")},
		{"a document where an action should be", "POST /_bulk", doc + "\n", illegal("Malformed action/metadata line [1], expected field [create], [delete], [index] or [update] but found [@timestamp]")},
		{"an action that is cut off", "POST /_bulk", "{\"index\":{\"_index\":\n", illegal(`Malformed action/metadata line [1], expected a JSON object but found [{"index":{"_index":]`)},
		{"a filter that is too long", "POST /_bulk?filter_path=" + strings.Repeat("a", 5000), "{\"index\":{}}\n{}\n", illegal("filter_path: got 5000 bytes, want at most 4096")},
		{"a document that is none", "POST /i/_doc", "[1]", cause(400, "document_parsing_exception", `got "[1]", want a JSON object`)},
		{"no document", "POST /i/_doc", " \n", cause(400, "parse_exception", "request body is required")},
		{"a document that is too long", "POST /i/_doc", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, cause(413, "content_too_long_exception", "entity content is too long [1048584] for the configured buffer limit [1048576]: bytes of a document")},
		{"a null for an object of parameters", "POST /_bulk", "{\"index\":{\"dynamic_templates\":[1]}}\n", illegal("Malformed action/metadata line [1], expected a simple value for field [dynamic_templates] but found [START_ARRAY]")},
		{"parameters that have no end", "POST /_bulk", "{\"index\":{\"_source\":{\"a\":[\n", illegal(`Malformed action/metadata line [1], expected a JSON object but found [{"index":{"_source":{"a":[]`)},
		{"true for an action", "POST /_bulk", "{\"index\":true}\n", illegal("Malformed action/metadata line [1], expected START_OBJECT but found [VALUE_BOOLEAN]")},
		{"a long unknown action", "POST /_bulk", "{\"" + strings.Repeat("x", 63) + "éy\":{}}\n", illegal("Malformed action/metadata line [1], expected field [create], [delete], [index] or [update] but found [" + strings.Repeat("x", 63) + "…]")},
		{"an id that is too long", "PUT /i/_doc/" + strings.Repeat("x", 513), "{}", illegal("id [" + strings.Repeat("x", 64) + "…] is too long, must be no longer than 512 bytes but was: 513")},
		{"an index name that is too long", "POST /" + strings.Repeat("x", 256) + "/_doc", "{}", cause(400, "invalid_index_name_exception", "Invalid index name ["+strings.Repeat("x", 64)+"…], index name is too long, (256 > 255)")},
		{"an unknown path", "GET /_search?q=1", "", `400 {"error":"no handler found for uri [/_search?q=1] and method [GET]"}`},
		{"a long path", "GET /a/b/c/d/e/f", "", `400 {"error":"no handler found for uri [/a/b/c/d/e/f] and method [GET]"}`},
		{"an unknown path below an index", "GET /i/_mapping/x/y/z", "", `400 {"error":"no handler found for uri [/i/_mapping/x/y/z] and method [GET]"}`},
		{"a wrong method", "GET /_bulk", "", `405 {"error":"Incorrect HTTP method for uri [/_bulk] and method [GET], allowed: [POST, PUT]","status":405}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &memory{}
			w := ask(t, handler(t, m, nil), tt.target, strings.NewReader(tt.body))
			if diff := cmp.Diff(tt.want, fmt.Sprintf("%d %s", w.Code, w.Body)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(m.docs) > 0 {
				t.Errorf("got documents %q of a request that fits one block, want none", m.docs)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("got Content-Type %q", got)
			}
		})
	}
}

func TestDocument(t *testing.T) {
	m := &memory{}
	h := handler(t, m, nil)
	for _, tt := range []struct{ target, body, want string }{
		{"POST /i/_doc", doc, `201 {"_index":"i","_id":"*","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1}`},
		{"PUT /i/_doc/a%2Fb", "{\n  \"a\": \"x y\",\r\n  \"b\": 1\n}\n", `201 {"_index":"i","_id":"a/b","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":1,"_primary_term":1} at /i/_doc/a%2Fb`},
		{"POST /i/_doc/a%2Fb", "{}", `200 {"_index":"i","_id":"a/b","_version":1,"result":"noop","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":2,"_primary_term":1}`},
		{"PUT /i/_create/a%2Fb", "{}", `409 {"error":{"root_cause":[{"type":"version_conflict_engine_exception","reason":"[a/b]: version conflict, document already exists (current version [1])","index_uuid":"_na_","shard":"0","index":"i"}],` +
			`"type":"version_conflict_engine_exception","reason":"[a/b]: version conflict, document already exists (current version [1])","index_uuid":"_na_","shard":"0","index":"i"},"status":409}`},
		{"POST /i/_doc/c?op_type=create", "{}", `201 {"_index":"i","_id":"c","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":3,"_primary_term":1} at /i/_doc/c`},
		{"POST /i/_create/d", `{"event":false}`, `201 {"_index":"i","_id":"d","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":4,"_primary_term":1} at /i/_doc/d`},
		{"PUT /i%FF%0A/_doc/x%FF%00%22", "{}", `201 {"_index":"i�\n","_id":"x�\u0000\"","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":5,"_primary_term":1} at /i%FF%0A/_doc/x%FF%00%22`},
		{"POST /i/_doc", `{"a":"` + strings.Repeat("x", 100<<10) + `"}`, `201 {"_index":"i","_id":"*","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":6,"_primary_term":1}`},
	} {
		w := ask(t, h, tt.target, bytes.NewReader(packed(t, "gzip", tt.body)), "Content-Encoding: gzip")
		got := w.Body.String()
		var answer itemAnswer
		if json.Unmarshal(w.Body.Bytes(), &answer) == nil && len(answer.ID) == 20 {
			got = strings.Replace(got, answer.ID, "*", 1)
		}
		got = fmt.Sprintf("%d %s", w.Code, got)
		if at := w.Header().Get("Location"); at != "" {
			got += " at " + at
		}
		if got != tt.want {
			t.Errorf("%s: got %s\nwant %s", tt.target, got, tt.want)
		}
	}
	if want := []string{"i/ " + doc, `i/a/b {"a":"x y","b":1}`, "i/c {}"}; !slices.Equal(m.docs[:3], want) {
		t.Errorf("got documents %q, want %q", m.docs[:3], want)
	}
}

func TestSinkRefuses(t *testing.T) {
	broken := errors.New("disk /secret/path on fire")
	body := strings.Repeat("{\"create\":{}}\n{}\n", 5)
	two := func(o *Options) { o.MaxDocs = 2 }
	reasons := map[string]string{
		"es_rejected_execution_exception": "rejected execution of coordinating operation: more is being ingested than can be stored",
		"cluster_block_exception":         "index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];",
		"unavailable_shards_exception":    "the documents could not be stored",
	}
	for _, tt := range []struct {
		err    error
		status int
		kind   string
		after  string
	}{
		{ingest.ErrBusy, 429, "es_rejected_execution_exception", "1"},
		{fmt.Errorf("slice 7: %w", ingest.ErrFull), 429, "cluster_block_exception", "30"},
		{broken, 503, "unavailable_shards_exception", "1"},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			for _, target := range []string{"POST /i/_bulk", "POST /i/_doc"} {
				var log bytes.Buffer
				h := handler(t, &memory{failing: []error{tt.err}}, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
				w := ask(t, h, target, strings.NewReader(body))
				want := fmt.Sprintf(`"type":%q,"reason":%q},"status":%d}`, tt.kind, reasons[tt.kind], tt.status)
				if w.Code != tt.status || !strings.HasSuffix(w.Body.String(), want) || w.Header().Get("Retry-After") != tt.after {
					t.Errorf("%s: nothing stored yet: got %d %s, Retry-After %q, want %d …%s", target, w.Code, w.Body, w.Header().Get("Retry-After"), tt.status, want)
				}
				if logged := strings.Contains(log.String(), "on fire"); logged != errors.Is(tt.err, broken) {
					t.Errorf("%s: got log %q", target, &log)
				}
			}
			m := &memory{failing: []error{nil, tt.err, nil}}
			var tally Tally
			h := handler(t, m, func(o *Options) { two(o); o.Observe = func(got Tally) { tally = got } })
			refused := fmt.Sprintf("create i/ %d %s: %s", tt.status, tt.kind, reasons[tt.kind])
			want := []string{"create i/* 201 created", "create i/* 201 created", refused, refused, refused}
			if diff := cmp.Diff(want, items(t, ask(t, h, "POST /i/_bulk", strings.NewReader(body)))); diff != "" {
				t.Errorf("some stored already (-want +got):\n%s", diff)
			}
			if !slices.Equal(m.puts, []int{2}) {
				t.Errorf("got puts %v, want none behind the failure", m.puts)
			}
			if tally.Stored != 2 || tally.Refused != 3 || !errors.Is(tally.Failed, tt.err) {
				t.Errorf("got tally %+v, want 2 stored, 3 refused, and %v", tally, tt.err)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	puts := 0
	h := handler(t, sinkFunc(func(ctx context.Context, _ []ingest.Document, _ []ingest.Outcome) error {
		if puts++; puts == 2 {
			cancel()
		}
		return ctx.Err()
	}), func(o *Options) { o.MaxDocs = 1 })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/_bulk", strings.NewReader(strings.Repeat("{\"index\":{}}\n{}\n", 9))))
	if puts != 2 || w.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d puts and status %d, want no put behind the end of the request, and no success", puts, w.Code)
	}
}

// TestBatches checks that what is stored and answered does not depend on how the body is
// cut into blocks.
func TestBatches(t *testing.T) {
	var body strings.Builder
	for i := range 300 {
		switch i % 7 {
		case 0:
			fmt.Fprintf(&body, "{\"create\":{\"_id\":\"id-%d\",\"_index\":\"n%d\"}}\n", i/14, i%3)
		case 1:
			body.WriteString("{\"delete\":{\"_id\":\"gone\"}}\n\n")
			continue
		case 2:
			fmt.Fprintf(&body, "{\"index\":{\"_id\":\"%s\"}}\r\n", strings.Repeat("i", i))
		case 3:
			fmt.Fprintf(&body, "{\"update\":{\"_id\":\"%d\"}}\n", i)
		case 4:
			fmt.Fprintf(&body, "{\"create\":{\"_id\":\"é%d\"}}\n{\"a\":\"%s\"}\n", i, strings.Repeat("long ", 400))
			continue
		default:
			body.WriteString("{\"index\":{}}\n")
		}
		fmt.Fprintf(&body, "{\"n\":%d,\"pad\":\"%s\"}\n", i, strings.Repeat("x", i%50))
	}
	var first []string
	var docs []string
	for _, tt := range []struct {
		name  string
		docs  int
		bytes int
		read  func(io.Reader) io.Reader
	}{
		{"in one", 5000, 4 << 20, nil},
		{"in small blocks", 5000, 1200, nil},
		{"in few documents", 1, 1200, nil},
		{"byte by byte", 13, 2000, func(r io.Reader) io.Reader { return &oneByte{r} }},
	} {
		m := &memory{}
		h := handler(t, m, func(o *Options) { o.MaxDocs, o.BatchBytes, o.MaxLineBytes = tt.docs, tt.bytes, 1000 })
		var in io.Reader = strings.NewReader(body.String())
		if tt.read != nil {
			in = tt.read(in)
		}
		got := items(t, ask(t, h, "POST /i/_bulk", in))
		if first == nil {
			first, docs = got, m.docs
			if len(got) != 300 || len(docs) < 100 || !strings.Contains(got[4], "the document is too long: want at most 1000 bytes") {
				t.Fatalf("got %d items, %d documents; %s", len(got), len(docs), got[4])
			}
			continue
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("%s: items (-in one +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(docs, m.docs); diff != "" {
			t.Errorf("%s: documents (-in one +got):\n%s", tt.name, diff)
		}
		if len(m.puts) < 10 || slices.Max(m.puts) > tt.docs {
			t.Errorf("%s: got puts %v", tt.name, m.puts)
		}
	}
}

type oneByte struct{ r io.Reader }

func (o *oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(len(p), 1)]) }

func TestAuthorize(t *testing.T) {
	missing := `{"type":"security_exception","reason":"missing authentication credentials for REST request [/_bulk?x=1]","header":{"WWW-Authenticate":["Basic realm=\"security\", charset=\"UTF-8\"","ApiKey"]}}`
	for _, tt := range []struct {
		name   string
		err    error
		header string
		status int
		want   string
	}{
		{"no credentials", fmt.Errorf("request: %w", &Refusal{Status: 401, Reason: "no credentials"}), "", 401, `{"error":{"root_cause":[` + missing + `],` + missing[1:] + `,"status":401}`},
		{"wrong credentials", &Refusal{Status: 401, Reason: "wrong or unknown credentials"}, "Authorization: Basic eDp5", 401, `"reason":"unable to authenticate with provided credentials and anonymous access is not allowed for this request: wrong or unknown credentials"`},
		{"credentials for something else", &Refusal{Status: 403, Reason: "got the permissions read, want ingest"}, "", 403, `"type":"security_exception","reason":"action [bulk] is unauthorized for these credentials: got the permissions read, want ingest"`},
		{"too many attempts", &Refusal{Status: 429, Reason: "too many failed logins", RetryAfter: 1500 * time.Millisecond}, "", 429, `"type":"es_rejected_execution_exception","reason":"too many failed logins"`},
		{"credentials that cannot be checked", errors.New("users.db is gone"), "", 500, `"reason":"the credentials could not be checked"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &memory{}
			h := handler(t, m, func(o *Options) { o.Authorize = func(*http.Request) error { return tt.err } })
			w := ask(t, h, "POST /_bulk?x=1", strings.NewReader("{\"index\":{}}\n{}\n"), tt.header)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || len(m.docs) > 0 {
				t.Errorf("got %d %s, documents %q, want %d …%s…", w.Code, w.Body, m.docs, tt.status, tt.want)
			}
			if got := w.Header().Values("WWW-Authenticate"); (tt.status == 401) != (len(got) == 2) {
				t.Errorf("got WWW-Authenticate %q", got)
			}
			if got := w.Header().Get("Retry-After"); (tt.status == 429) != (got == "2") {
				t.Errorf("got Retry-After %q", got)
			}
			if w := ask(t, h, "GET /", nil); w.Code != tt.status {
				t.Errorf("GET /: got %d, want %d", w.Code, tt.status)
			}
		})
	}
	h := handler(t, &memory{}, func(o *Options) { o.Authorize = func(*http.Request) error { return nil } })
	if w := ask(t, h, "POST /_bulk", strings.NewReader("{\"index\":{}}\n{}\n")); w.Code != 200 {
		t.Errorf("good credentials: got %d %s", w.Code, w.Body)
	}
}

func TestObserve(t *testing.T) {
	var got Tally
	now := time.Unix(0, 0)
	h := handler(t, &memory{}, func(o *Options) {
		o.Observe = func(tally Tally) { got = tally }
		o.Now = func() time.Time { now = now.Add(time.Millisecond); return now }
	})
	body := "{\"create\":{\"_id\":\"a\"}}\n{}\n{\"create\":{\"_id\":\"a\"}}\n{}\n{\"index\":{}}\n[]\n{\"index\":{}}\n{\"event\":false}\n{\"delete\":{}}\n"
	zipped := packed(t, "gzip", body)
	ask(t, h, "POST /_bulk", bytes.NewReader(zipped), "Content-Encoding: gzip")
	want := Tally{Route: "bulk", Status: 200, Took: got.Took, BytesReceived: int64(len(zipped)), BytesDecoded: int64(len(body)), Stored: 1, Known: 1, Passed: 1, Rejected: 2, Reason: `got "[]", want a JSON object`}
	if diff := cmp.Diff(want, got); diff != "" || got.Took <= 0 {
		t.Errorf("took %v (-want +got):\n%s", got.Took, diff)
	}
	for target, want := range map[string]Tally{
		"GET /":               {Route: "info", Status: 200},
		"POST /i/_doc":        {Route: "doc", Status: 201, BytesReceived: 2, BytesDecoded: 2, Stored: 1},
		"GET /x/y":            {Route: "unknown", Status: 400},
		"DELETE /i":           {Route: "index", Status: 405},
		"PUT /_ilm/policy/p":  {Route: "setup", Status: 200, BytesReceived: 2},
		"HEAD /_xpack":        {Route: "xpack", Status: 200},
		"POST /i/_doc?x=%zz&": {Route: "doc", Status: 201, BytesReceived: 2, BytesDecoded: 2, Stored: 1},
	} {
		var body io.Reader
		if strings.HasPrefix(target, "P") {
			body = strings.NewReader("{}")
		}
		ask(t, h, target, body)
		got.Took = 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
	}
}

func TestOptionsValidate(t *testing.T) {
	_, err := New(nothing, Options{MaxLineBytes: 10, BatchBytes: 10, Version: "8.19"})
	want := `MaxBodyBytes: got 0, want more than 0
MaxDecodedBytes: got 0, want more than 0
MaxRatio: got 0, want more than 0
MaxAnswerBytes: got 0, want more than 0
MaxDocs: got 0, want more than 0
MaxLineBytes: got 10, want more than 0 and less than BatchBytes
MaxRequests: got 0, want more than 0
ClientTimeout: got 0s, want more than 0
Version: got "8.19", want MAJOR.MINOR.PATCH from 7.0.0 on
Name: got "", want a name
ClusterName: got "", want a name
ClusterUUID: got "", want a name
Now: got nil, want a clock
Log: got nil, want a logger`
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
