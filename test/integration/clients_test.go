//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An apiKey is one as it was made: for ApiKey, and for Basic.
type apiKey struct {
	Encoded  string `json:"encoded"`
	User     string `json:"user"`
	Password string `json:"password"`
}

// key makes an API key.
func (c *client) key(t testing.TB, scopes ...string) apiKey {
	t.Helper()
	var made struct {
		Key             struct{ ID string }
		Secret, Encoded string
	}
	c.call(t, http.MethodPost, "/keys", map[string]any{"name": "of a test", "scopes": scopes}, &made)
	return apiKey{Encoded: made.Encoded, User: made.Key.ID, Password: made.Secret}
}

// A shipment is what a client is to send, and how. The programs in the folder clients read it.
type shipment struct {
	URL       string   `json:"url"`
	Index     string   `json:"index"`
	Scheme    string   `json:"scheme"` // ApiKey or Basic
	Gzip      bool     `json:"gzip"`
	Key       apiKey   `json:"key"`
	Stranger  apiKey   `json:"stranger"` // a key that there is not
	Documents shipping `json:"documents"`
}

// A shipping is documents by the way in which they are sent.
type shipping struct {
	New      []shipped       `json:"new"`      // by the bulk helper, created, created again, and indexed
	Nameless []shipped       `json:"nameless"` // without an _id
	Mixed    []shipped       `json:"mixed"`    // among them one that is bad
	Single   []shipped       `json:"single"`   // three, by requests of their own
	Bad      json.RawMessage `json:"bad"`
}

type shipped struct {
	ID     string          `json:"id,omitempty"`
	Source json.RawMessage `json:"source"`
}

// A bulkSum is what a bulk helper says of the documents that it was given.
type bulkSum struct {
	OK     int            `json:"ok"`
	Failed int            `json:"failed"`
	Why    map[string]int `json:"why"` // status and type of the errors
	IDs    []string       `json:"ids"` // of the documents that failed
}

// A clientReport is what a client made of the answers.
type clientReport struct {
	Client string             `json:"client"`
	Server string             `json:"server"` // version
	Ping   bool               `json:"ping"`
	Bulk   map[string]bulkSum `json:"bulk"`
	Single map[string]string  `json:"single"` // result, or status and type of the error
}

const badID = "mixed-50"

// shippingOf makes documents that all differ, and returns them with the lines of those that
// are good.
func shippingOf(now time.Time) (all shipping, good []byte) {
	n := 0
	next := func() json.RawMessage {
		n++
		return fmt.Appendf(nil, `{"@timestamp":%q,"event":{"category":["network"],"action":"disconnect_received","duration":%d},"host":{"name":"ws-%02d"},`+
			`"user":{"name":"zoë"},"process":{"name":"agent-%d.exe","executable":"C:\\Program Files\\agent-%[4]d.exe","pid":%d},"source":{"ip":"10.0.0.%d","port":%d,"bytes":%d},`+
			`"destination":{"ip":"198.51.100.%d","port":443,"bytes":%d},"network":{"transport":"tcp"}}`,
			now.Add(-time.Hour+time.Duration(n)*time.Second/7).UTC().Format("2006-01-02T15:04:05.000Z"), n*1000, n%23, n%5, 100+n, 1+n%200, 20000+n, n, 1+n%90, 2*n)
	}
	add := func(list *[]shipped, prefix string, count int) {
		for i := range count {
			d := shipped{Source: next()}
			if prefix != "" {
				d.ID = fmt.Sprintf("%s-%d", prefix, i)
			}
			good = append(append(good, d.Source...), '\n')
			*list = append(*list, d)
		}
	}
	add(&all.New, "new", 3000)
	add(&all.Nameless, "", 200)
	add(&all.Single, "", 3)
	all.Bad = bytes.Replace(next(), []byte(`"@timestamp":"20`), []byte(`"@timestamp":"the year 20`), 1)
	add(&all.Mixed, "mixed", 50)
	all.Mixed = append(all.Mixed, shipped{badID, all.Bad})
	add(&all.Mixed, "later", 50)
	return all, good
}

// wantReport is what every client is to say of a shipping.
func wantReport(all *shipping) clientReport {
	const conflict, bad = "409 version_conflict_engine_exception", "400 document_parsing_exception"
	n := len(all.New)
	var ids []string
	for _, d := range all.New {
		ids = append(ids, d.ID)
	}
	slices.Sort(ids)
	return clientReport{
		Server: "8.19.0", Ping: true,
		Bulk: map[string]bulkSum{
			"new":           {OK: n},
			"created again": {Failed: n, Why: map[string]int{conflict: n}, IDs: ids},
			"indexed again": {OK: n},
			"nameless":      {OK: len(all.Nameless)},
			"mixed":         {OK: len(all.Mixed) - 1, Failed: 1, Why: map[string]int{bad: 1}, IDs: []string{badID}},
		},
		Single: map[string]string{
			"index": "created", "index again": "noop", "create": "created", "create again": conflict,
			"nameless": "created", "bad": bad, "stranger": "401 security_exception",
		},
	}
}

// TestClients lets the official clients of Elasticsearch and OpenSearch send documents, and
// holds what they say, and what is stored, to what it should be.
func TestClients(t *testing.T) {
	script := filepath.Join(filepath.Dir(installed(t, "node_modules")), "sender.mjs") // beside the modules that it imports
	text, err := os.ReadFile(path(t, "test", "integration", "clients", "sender.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, text, 0o644); err != nil {
		t.Fatal(err)
	}
	python := path(t, "test", "integration", "clients", "sender.py")
	clients := []struct {
		name    string
		command []string
		client  string // what it calls itself, with the version that is pinned
	}{
		{"python-elasticsearch-8", []string{installed(t, "elasticsearch8", "bin", "python"), python, "elasticsearch"}, "elasticsearch 8.19.3"},
		{"python-elasticsearch-9", []string{installed(t, "venv", "bin", "python"), python, "elasticsearch"}, "elasticsearch 9.5.1"},
		{"python-opensearch", []string{installed(t, "venv", "bin", "python"), python, "opensearch"}, "opensearchpy 3.2.0"},
		{"javascript-elasticsearch-8", []string{"node", script, "elasticsearch8"}, "@elastic/elasticsearch 8.19.2"},
		{"javascript-elasticsearch-9", []string{"node", script, "elasticsearch9"}, "@elastic/elasticsearch 9.4.3"},
		{"javascript-opensearch", []string{"node", script, "@opensearch-project/opensearch"}, "@opensearch-project/opensearch 3.9.0"},
		{"go-elasticsearch-8", []string{installed(t, "sender"), "elasticsearch8"}, "github.com/elastic/go-elasticsearch/v8 v8.19.7"},
		{"go-elasticsearch-9", []string{installed(t, "sender"), "elasticsearch9"}, "github.com/elastic/go-elasticsearch/v9 v9.5.2"},
		{"go-opensearch", []string{installed(t, "sender"), "opensearch"}, "github.com/opensearch-project/opensearch-go/v4 v4.8.1"},
	}
	s := serve(t, filepath.Join(t.TempDir(), "data"), "--set", "ingest.anonymous=false")
	admin := s.login(t)
	key := admin.key(t, "ingest")
	all, good := shippingOf(time.Now())
	file := filepath.Join(t.TempDir(), "good.ndjson")
	if err := os.WriteFile(file, good, 0o644); err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{}
	for _, c := range clients {
		labels[c.name+"-apikey"], labels[c.name+"-basic"] = file, file
	}

	// Two at a time: there are two cores, and clients side by side are what there is in life.
	t.Run("send", func(t *testing.T) {
		for _, c := range clients {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				for _, way := range []struct {
					scheme string
					gzip   bool
				}{{"ApiKey", true}, {"Basic", false}} { // gzip is no client's default
					r := newRelay(t, s.bulk)
					sh := shipment{
						URL: r.url, Index: c.name + "-" + strings.ToLower(way.scheme), Scheme: way.scheme, Gzip: way.gzip, Key: key, Documents: all,
						Stranger: apiKey{Encoded: "a2V5X25vYm9keTpub3RoaW5n", User: "key_nobody", Password: "nothing"},
					}
					if strings.HasPrefix(c.name, "python-opensearch") && way.scheme == "Basic" {
						sh.Key.User, sh.Key.Password = "admin", adminPassword // a user may send as well
					}
					got := ship(t, c.command, &sh)
					want := wantReport(&all)
					want.Client = c.client
					if d := cmp.Diff(want, got, nothingIsEmpty); d != "" {
						t.Errorf("%s: the client says (-want +got):\n%s", way.scheme, d)
					}
					r.check(t, sh.Index, way.scheme, way.gzip)
				}
			})
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	each := bytes.Count(good, []byte("\n"))
	checkCounts(t, s, admin, len(labels)*each)
	s.stop(t)
	checkStored(t, s.data, labels)
}

// checkCounts holds what the service says it has to what it should have.
func checkCounts(t *testing.T, s *service, c *client, want int) {
	t.Helper()
	if got := s.events(t); got != int64(want) {
		t.Errorf("metric fresnel_store_events: got %d, want %d", got, want)
	}
	var version struct{ Store struct{ Events int } }
	c.call(t, http.MethodGet, "/version", nil, &version)
	if got := version.Store.Events; got != want {
		t.Errorf("GET /version: got %d events, want %d", got, want)
	}
}

// checkStored holds what a store has under labels to the lines of files, event for event and field for field.
func checkStored(t *testing.T, data string, labels map[string]string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "export")
	run(t, path(t), path(t, "build", "fresnel"), "export", "--data", data, dir)
	args := []string{path(t, "test", "integration", "clients", "stored.py"), dir}
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		args = append(args, label+"="+labels[label])
	}
	type labelled struct {
		Label                 string
		Events, Missing, More int
		Examples              json.RawMessage
	}
	decode(t, run(t, path(t), installed(t, "venv", "bin", "python"), args...), func(l *labelled) {
		if l.Missing != 0 || l.More != 0 || l.Events == 0 {
			t.Errorf("%s: got %d events, of which %d should not be there, and %d are missing: %s", l.Label, l.Events, l.More, l.Missing, l.Examples)
		}
	})
}

// nothingIsEmpty takes lists and maps that are empty, or not there, for the same, and lists in any order.
var nothingIsEmpty = cmp.Options{
	cmp.Transformer("ids", func(list []string) []string {
		if len(list) == 0 {
			return nil
		}
		return slices.Sorted(slices.Values(list)) // of requests side by side
	}),
	cmp.Transformer("why", func(m map[string]int) map[string]int {
		if len(m) == 0 {
			return nil
		}
		return m
	}),
}

// ship lets a program send a shipment.
func ship(t *testing.T, command []string, sh *shipment) (r clientReport) {
	t.Helper()
	in, err := json.Marshal(sh)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", sh.Index, err, stderr.Bytes())
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%s: %v in %s", sh.Index, err, out)
	}
	return r
}

// A relay hands the bytes of connections on as they are, and reads the requests among them.
type relay struct {
	net.Listener
	url, to string
	wait    sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	seen  map[string]int // requests, by what they look like
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, url: "http://" + l.Addr().String(), to: strings.TrimPrefix(to, "http://"), seen: map[string]int{}}
	r.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.wait.Go(func() { r.hand(c) })
		}
	})
	t.Cleanup(r.close)
	return r
}

func (r *relay) close() {
	r.Close()
	r.mu.Lock()
	for _, c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.wait.Wait()
}

func (r *relay) hand(c net.Conn) {
	defer c.Close()
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		return // as if nobody listened
	}
	defer server.Close()
	r.mu.Lock()
	r.conns = append(r.conns, c, server)
	r.mu.Unlock()
	in, out := io.Pipe()
	r.wait.Go(func() { r.read(in) })
	r.wait.Go(func() {
		_, _ = io.Copy(c, server)
		c.Close()
	})
	_, _ = io.Copy(server, io.TeeReader(c, out))
	out.Close()
}

// read notes what the requests of a connection look like.
func (r *relay) read(in io.Reader) {
	b := bufio.NewReader(in)
	for {
		req, err := http.ReadRequest(b)
		if err != nil {
			_, _ = io.Copy(io.Discard, b)
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		scheme, _, _ := strings.Cut(req.Header.Get("Authorization"), " ")
		text := strings.Join([]string{req.Method + " " + req.URL.Path, req.Header.Get("Content-Type"), req.Header.Get("Content-Encoding"), scheme}, " | ")
		r.mu.Lock()
		r.seen[text]++
		r.mu.Unlock()
	}
}

// check checks that all bulk requests were as they were wanted, and tells how they looked.
func (r *relay) check(t *testing.T, index, scheme string, gzip bool) {
	t.Helper()
	r.close()
	bulks := 0
	for _, text := range slices.Sorted(maps.Keys(r.seen)) {
		part := strings.Split(text, " | ")
		if !strings.HasSuffix(part[0], "/_bulk") {
			continue
		}
		bulks += r.seen[text]
		if !strings.EqualFold(part[3], scheme) || (part[2] == "gzip") != gzip {
			t.Errorf("got a bulk request %s, want one with %s, gzip %v", text, scheme, gzip)
		}
		t.Logf("%d times %s", r.seen[text], strings.Replace(text, index, "INDEX", 1))
	}
	if bulks < 5 {
		t.Errorf("got %d bulk requests, want one for each step at least", bulks)
	}
}
