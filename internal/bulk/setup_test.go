package bulk

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// look returns what stands at a path of keys in JSON.
func look(t *testing.T, text string, path ...string) any {
	t.Helper()
	var at any
	if err := json.Unmarshal([]byte(text), &at); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for _, key := range path {
		switch node := at.(type) {
		case map[string]any:
			at = node[key]
		case []any:
			at = node[0]
		default:
			return nil
		}
	}
	return at
}

// TestSetup has what shippers ask before they send, and what they look for in the answer.
func TestSetup(t *testing.T) {
	h := handler(t, nothing, nil)
	for _, tt := range []struct {
		asked, path string
		want        any
	}{
		{"GET /", "version.number", "8.19.0"}, // Beats, Logstash, Vector, every client
		{"GET /", "version.build_flavor", "default"},
		{"GET /", "tagline", "You Know, for Search"},
		{"GET /", "version.minimum_wire_compatibility_version", "7.17.0"},
		{"HEAD /", "", nil},
		{"GET /_license?human=false", "license.status", "active"}, // Beats, Logstash
		{"GET /_license", "license.type", "basic"},
		{"GET /_xpack/license", "license.uid", "00000000-0000-0000-0000-000000000000"},
		{"GET /_xpack", "features.ilm.enabled", false}, // Beats 7
		{"GET /_xpack", "license.mode", "basic"},
		{"GET /_cluster/health", "status", "green"}, // Vector
		{"GET /_cluster/health/i?wait_for_status=yellow", "timed_out", false},
		{"GET /_nodes/http", "nodes.AAAAAAAAAAAAAAAAAAAAAA.http.publish_address", "example.com:80"}, // sniffers
		{"GET /_nodes/_all/http", "_nodes.total", 1.0},
		{"GET /_nodes", "nodes.AAAAAAAAAAAAAAAAAAAAAA.version", "8.19.0"},
		{"GET /_nodes/_local", "nodes.AAAAAAAAAAAAAAAAAAAAAA.roles.0", "data"},
		{"HEAD /_index_template/filebeat-8.19.0", "", nil}, // Beats
		{"GET /_index_template/logs", "index_templates.0.name", "logs"},
		{"PUT /_index_template/logs", "acknowledged", true},
		{"HEAD /_template/logstash", "", nil}, // Telegraf, older Logstash
		{"GET /_template/logstash", "logstash.order", 0.0},
		{"POST /_template/logstash", "acknowledged", true},
		{"GET /_component_template/c", "component_templates.0.name", "c"},
		{"GET /_ilm/policy/filebeat", "filebeat.version", 1.0}, // Beats, Logstash
		{"PUT /_ilm/policy/filebeat", "acknowledged", true},
		{"GET /_ingest/pipeline/filebeat-8.19.0-system-auth-pipeline", "filebeat-8.19.0-system-auth-pipeline.processors", []any{}},
		{"PUT /_ingest/pipeline/p", "acknowledged", true},
		{"GET /_data_stream/filebeat-8.19.0", "data_streams.0.name", "filebeat-8.19.0"}, // Beats 8
		{"PUT /_data_stream/filebeat-8.19.0", "acknowledged", true},
		{"HEAD /_alias/filebeat", "", nil}, // Beats 7
		{"GET /_alias/filebeat", "filebeat.aliases.filebeat.is_write_index", true},
		{"HEAD /logs-x", "", nil}, // Logstash, Kafka Connect
		{"GET /logs-x", "logs-x.mappings", map[string]any{}},
		{"PUT /%3Clogstash-%7Bnow%2Fd%7D-000001%3E", "index", "<logstash-{now/d}-000001>"},
		{"GET /_alias/q%22", `q".aliases.q".is_write_index`, true},
	} {
		w := ask(t, h, tt.asked, nil)
		if w.Code != http.StatusOK {
			t.Errorf("%s: got %d %s, want 200", tt.asked, w.Code, w.Body)
			continue
		}
		if strings.HasPrefix(tt.asked, "HEAD") {
			if w.Body.Len() > 0 {
				t.Errorf("%s: got a body: %s", tt.asked, w.Body)
			}
			continue
		}
		keys := regexp.MustCompile(`(8\.19\.0[a-z-]*|[^.])+`).FindAllString(tt.path, -1) // the dots of a version are no path
		got, _ := json.Marshal(look(t, w.Body.String(), keys...))
		if want, _ := json.Marshal(tt.want); string(got) != string(want) {
			t.Errorf("%s: got %s at %s of %s, want %s", tt.asked, got, tt.path, w.Body, want)
		}
	}
	w := ask(t, handler(t, nothing, func(o *Options) { o.Now = func() time.Time { return time.Unix(1e9, 0) } }), "GET /_cat/health", nil)
	if got, want := w.Body.String(), "1000000000 01:46:40 ingest green 1 1 1 1 0 0 0 0 - 100.0%\n"; got != want || w.Header().Get("Content-Type") != "text/plain; charset=UTF-8" {
		t.Errorf("GET /_cat/health: got %q, %s", got, w.Header())
	}
	w = ask(t, h, "PUT /"+strings.Repeat("x", 256), nil)
	if w.Code != 400 || look(t, w.Body.String(), "error", "type") != "invalid_index_name_exception" {
		t.Errorf("an index name that is too long: got %d %s", w.Code, w.Body)
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string][3]string{
		"7.17.29": {"8.11.3", "6.8.0", "6.0.0"},
		"8.19.0":  {"9.12.2", "7.17.0", "7.0.0"},
		"9.1.2":   {"10.2.2", "8.19.0", "8.0.0"},
	} {
		body := ask(t, handler(t, nothing, func(o *Options) { o.Version = version }), "GET /", nil).Body.String()
		for i, key := range []string{"lucene_version", "minimum_wire_compatibility_version", "minimum_index_compatibility_version"} {
			if got := look(t, body, "version", key); got != want[i] {
				t.Errorf("%s: got %s %v, want %s", version, key, got, want[i])
			}
		}
		if got := look(t, body, "version", "number"); got != version {
			t.Errorf("got version %v, want %s", got, version)
		}
	}
}

func TestNodesAddress(t *testing.T) {
	h := handler(t, nothing, nil)
	for _, tt := range []struct {
		host string
		tls  bool
		want string
	}{
		{"127.0.0.1:9200", false, "127.0.0.1:9200"},
		{"ingest.example", false, "ingest.example:80"},
		{"ingest.example", true, "ingest.example:443"},
		{"[::1]:9200", true, "[::1]:9200"},
		{"[::1]", false, "[::1]:80"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/_nodes/http", nil)
		r.Host = tt.host
		if tt.tls {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := look(t, w.Body.String(), "nodes", "AAAAAAAAAAAAAAAAAAAAAA", "http", "publish_address"); got != tt.want {
			t.Errorf("%s, TLS %v: got %v, want %s", tt.host, tt.tls, got, tt.want)
		}
	}
}

func TestContentType(t *testing.T) {
	const plain, v8 = "application/json", "application/vnd.elasticsearch+json;compatible-with=8"
	for _, tt := range []struct{ accept, sent, want string }{
		{"", "", plain},
		{"*/*", "", plain},
		{"application/json", "application/vnd.elasticsearch+json;compatible-with=8", plain},
		{"application/vnd.elasticsearch+json;compatible-with=8", "application/json", v8},
		{"application/vnd.elasticsearch+json; compatible-with=8", "", v8},
		{"Application/Vnd.Elasticsearch+JSON ; Compatible-With = \"8\"", "", v8},
		{"text/plain, application/vnd.elasticsearch+x-ndjson;compatible-with=8", "", v8},
		{"", "application/vnd.elasticsearch+x-ndjson;compatible-with=8", v8},
		{"*/*", "application/vnd.elasticsearch+x-ndjson;compatible-with=8", v8},
		{"application/vnd.elasticsearch+json;compatible-with=12", "", "application/vnd.elasticsearch+json;compatible-with=12"},
		{"application/vnd.elasticsearch+json;compatible-with=8\r\nX: y", "", v8},
		{"application/vnd.elasticsearch+json;compatible-with=888", "", plain},
	} {
		r := &http.Request{Header: http.Header{"Accept": {tt.accept}, "Content-Type": {tt.sent}}}
		if got := contentType(r); got != tt.want {
			t.Errorf("accept %q, sent %q: got %q, want %q", tt.accept, tt.sent, got, tt.want)
		}
	}
}
