package bulk

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTrouble looks at what the log says of clients that send what cannot be taken.
func TestTrouble(t *testing.T) {
	var log bytes.Buffer
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h := handler(t, &memory{}, func(o *Options) {
		o.Now = func() time.Time { return now }
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		o.Authorize = func(r *http.Request) error {
			if r.URL.Query().Has("key") {
				return &Refusal{Status: http.StatusUnauthorized, Reason: "wrong or unknown credentials"}
			}
			return nil
		}
	})
	const good, update = "{\"create\":{\"_id\":\"1\"}}\n{}\n", "{\"update\":{\"_id\":\"1\"}}\n{}\n"
	for _, tt := range []struct {
		name, request, body string
		after               time.Duration
		want                string
	}{
		{"what is taken is no trouble", "POST /i/_bulk", good, 0, ""},
		{"nor is what is there already", "POST /i/_create/1", "{}", 0, ""},
		{"a document that is rejected, with its reason", "POST /i/_bulk", good + update + update, 0,
			`level=WARN msg="documents rejected" from=192.0.2.1:1234 path=/i/_bulk count=2 first_error="update is not supported: documents are only added, by index or create" held_back=0`},
		{"others within a minute are counted", "POST /i/_bulk", update, 59 * time.Second, ""},
		{"and told behind it", "POST /i/_bulk", update, time.Second,
			`level=WARN msg="documents rejected" from=192.0.2.1:1234 path=/i/_bulk count=1 first_error="update is not supported: documents are only added, by index or create" held_back=1`},
		{"a wrong key, which is not told", "POST /i/_bulk?key=a-secret", good, 0,
			`level=WARN msg="request refused" from=192.0.2.1:1234 method=POST path=/i/_bulk status=401 err="missing authentication credentials for REST request [/i/_bulk]" held_back=0`},
		{"a request of another status has its own minute", "POST /i/_bulk", "{", 0,
			`level=WARN msg="request refused" from=192.0.2.1:1234 method=POST path=/i/_bulk status=400 err="The bulk request must be terminated by a newline [\\n]" held_back=0`},
		{"a clock that is set back holds nothing up", "POST /i/_bulk", "{", -time.Hour,
			`level=WARN msg="request refused" from=192.0.2.1:1234 method=POST path=/i/_bulk status=400 err="The bulk request must be terminated by a newline [\\n]" held_back=0`},
	} {
		log.Reset()
		now = now.Add(tt.after)
		ask(t, h, tt.request, strings.NewReader(tt.body))
		if d := cmp.Diff(tt.want, strings.TrimSpace(log.String())); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}
