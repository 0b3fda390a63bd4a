package bulk

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"fresnel/internal/ingest"
)

// sample returns the body of a bulk request of n documents of 1.3 KB that differ. # in
// action stands for a number.
func sample(n int, action string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(action, "#", strconv.Itoa(1e9+i)))
		fmt.Fprintf(&b, "\n"+`{"@timestamp":"2026-11-24T10:%02d:%02d.%03dZ","host":{"name":"host-%d"},"destination":{"ip":"10.%d.%d.%d","port":443},"pad":"`, i/60%60, i%60, i%1000, i%97, i%200, i*7%251, i*31%251)
		for j := range 80 {
			fmt.Fprintf(&b, "field-%d=%d ", j, (i*j*2654435761)%100000)
		}
		b.WriteString("\"}\n")
	}
	return b.String()
}

// A silent is an answer that nobody reads.
type silent struct {
	header http.Header
	status int
}

func (s *silent) Header() http.Header              { return s.header }
func (s *silent) Write(p []byte) (int, error)      { return len(p), nil }
func (s *silent) WriteHeader(status int)           { s.status = status }
func (s *silent) SetReadDeadline(time.Time) error  { return nil }
func (s *silent) SetWriteDeadline(time.Time) error { return nil }

// post serves a request again and again.
func post(tb testing.TB, h http.Handler, target, encoding string, body []byte) func() {
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, target, nil)
	r.Header.Set("Content-Encoding", encoding)
	var in bytes.Reader
	return func() {
		in.Reset(body)
		r.Body = bytesBody{&in}
		w := &silent{header: http.Header{}}
		if h.ServeHTTP(w, r); w.status != http.StatusOK {
			tb.Fatalf("got status %d", w.status)
		}
	}
}

func BenchmarkBulk(b *testing.B) {
	const docs = 20000
	for _, bb := range []struct{ name, action, encoding, query string }{
		{"plain", `{"create":{}}`, "", "?filter_path=errors"},
		{"plain, whole answer", `{"create":{}}`, "", ""},
		{"plain, an id and an index each", `{"create":{"_index":"logs-x","_id":"AZq7-00000#"}}`, "", ""},
		{"gzip", `{"create":{}}`, "gzip", "?filter_path=errors"},
		{"zstd", `{"create":{}}`, "zstd", "?filter_path=errors"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			text := sample(docs, bb.action)
			body := packed(b, bb.encoding, text)
			h := handler(b, nothing, nil)
			serve := post(b, h, "/i/_bulk"+bb.query, bb.encoding, body)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
			b.ReportMetric(docs*float64(b.N)/b.Elapsed().Seconds(), "docs/s")
		})
	}
}

type bytesBody struct{ *bytes.Reader }

func (bytesBody) Close() error { return nil }

func BenchmarkAction(b *testing.B) {
	for _, line := range []string{`{"create":{}}`, `{"create":{"_index":"logs-x","_id":"AZq7-000000000000001"}}`, `{"create":{"_index":"logs-x","require_alias":false}}`} {
		b.Run(line, func(b *testing.B) {
			text := []byte(line)
			var a action
			b.ReportAllocs()
			for b.Loop() {
				if f := a.parse(text, 1); f != nil {
					b.Fatal(f.reason)
				}
			}
		})
	}
}

// TestAllocations checks that documents without an id cost no allocation, and the others one
// a batch. What a garbage collection takes out of the pools is let pass.
func TestAllocations(t *testing.T) {
	if testing.Short() {
		t.Skip("under the race detector pools forget at random")
	}
	h := handler(t, nothing, nil)
	count := func(n int, action string) float64 {
		return testing.AllocsPerRun(10, post(t, h, "/i/_bulk", "", []byte(sample(n, action))))
	}
	const few, many = 100, 4000
	for _, action := range []string{`{"create":{}}`, `{"index":{"_index":"x"}}`, `{"create":{"_id":"a-#"}}`} {
		a, b := count(few, action), count(many, action)
		if b-a > (many-few)/100 {
			t.Errorf("%s: got %.0f allocations for %d documents, %.0f for %d", action, a, few, b, many)
		}
	}
}

var _ ingest.Sink = (*memory)(nil)
