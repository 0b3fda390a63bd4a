// Command sender sends documents with an official Go client, and says what the client made of
// the answers.
//
//	sender elasticsearch8|elasticsearch9|opensearch < settings.json
//
// The settings and what is said are those of clients_test.go. It is a module of its own: the
// clients are no dependencies of the program.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
)

type settings struct {
	URL, Index, Scheme string
	Gzip               bool
	Key, Stranger      key
	Documents          struct {
		New, Nameless, Mixed, Single []document
		Bad                          json.RawMessage
	}
}

type key struct{ Encoded, User, Password string }

// basic returns what to log in with by Basic, if that is asked for.
func (s *settings) basic(k key) (user, password string) {
	if s.Scheme == "ApiKey" {
		return "", ""
	}
	return k.User, k.Password
}

// apiKey returns the key as ApiKey takes it, if that is asked for.
func (s *settings) apiKey(k key) string {
	if s.Scheme == "ApiKey" {
		return k.Encoded
	}
	return ""
}

type document struct {
	ID     string
	Source json.RawMessage
}

func (d document) body() *bytes.Reader { return bytes.NewReader(d.Source) }

// A sum is what a bulk helper said.
type sum struct {
	mu     sync.Mutex
	OK     uint64         `json:"ok"`
	Failed uint64         `json:"failed"`
	Why    map[string]int `json:"why"`
	IDs    []string       `json:"ids"`
}

// failed notes an item that was refused, or never answered, which is an error.
func (s *sum) failed(id string, status int, kind string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	why := fmt.Sprintf("%d %s", status, kind)
	if err != nil {
		why = err.Error()
	}
	s.Why[why]++
	s.IDs = append(s.IDs, id)
}

func (s *sum) error(_ context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Why["error: "+err.Error()]++
}

// An answer is what is read of the answers to GET / and to single documents.
type answer struct {
	Version struct{ Number string }
	Result  string
	Error   struct{ Type string }
}

// A client is one of the official ones. A single document has its result or its error.
type client interface {
	info(ctx context.Context) (version string, err error)
	ping(ctx context.Context) (bool, error)
	bulk(ctx context.Context, docs []document, action string, out *sum) error
	index(ctx context.Context, id string, body io.Reader) (string, error)
	create(ctx context.Context, id string, body io.Reader) (string, error)
}

var clients = map[string]struct {
	module string
	open   func(s *settings, k key) (client, error)
}{
	"elasticsearch8": {"github.com/elastic/go-elasticsearch/v8", openElastic8},
	"elasticsearch9": {"github.com/elastic/go-elasticsearch/v9", openElastic9},
	"opensearch":     {"github.com/opensearch-project/opensearch-go/v4", openOpenSearch},
}

// flushBytes makes several requests of the documents, some of them at a time.
const flushBytes = 100_000

type told struct {
	Client string            `json:"client"`
	Server string            `json:"server"`
	Ping   bool              `json:"ping"`
	Bulk   map[string]*sum   `json:"bulk"`
	Single map[string]string `json:"single"`
}

func run(ctx context.Context, name string) (*told, error) {
	var s settings
	if err := json.NewDecoder(os.Stdin).Decode(&s); err != nil {
		return nil, err
	}
	kind := clients[name]
	c, err := kind.open(&s, s.Key)
	if err != nil {
		return nil, err
	}
	out := &told{Bulk: map[string]*sum{}, Single: map[string]string{}}
	build, _ := debug.ReadBuildInfo()
	for _, m := range build.Deps {
		if m.Path == kind.module {
			out.Client = m.Path + " " + m.Version
		}
	}
	if out.Server, err = c.info(ctx); err != nil {
		return nil, fmt.Errorf("info: %w", err)
	}
	if out.Ping, err = c.ping(ctx); err != nil {
		return nil, fmt.Errorf("ping: %w", err)
	}
	for _, step := range []struct {
		name, action string
		docs         []document
	}{
		{"new", "create", s.Documents.New},
		{"created again", "create", s.Documents.New},
		{"indexed again", "index", s.Documents.New},
		{"nameless", "index", s.Documents.Nameless},
		{"mixed", "create", s.Documents.Mixed},
	} {
		sum := &sum{Why: map[string]int{}, IDs: []string{}}
		if err := c.bulk(ctx, step.docs, step.action, sum); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
		out.Bulk[step.name] = sum
	}
	stranger, err := kind.open(&s, s.Stranger)
	if err != nil {
		return nil, err
	}
	a, b, nameless := s.Documents.Single[0], s.Documents.Single[1], s.Documents.Single[2]
	for _, step := range []struct {
		name string
		call func(context.Context, string, io.Reader) (string, error)
		id   string
		doc  document
	}{
		{"index", c.index, "a", a},
		{"index again", c.index, "a", a},
		{"create", c.create, "b", b},
		{"create again", c.create, "b", b},
		{"nameless", c.index, "", nameless},
		{"bad", c.index, "", document{Source: s.Documents.Bad}},
		{"stranger", stranger.index, "c", a},
	} {
		if out.Single[step.name], err = step.call(ctx, step.id, step.doc.body()); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return out, nil
}

func main() {
	out, err := run(context.Background(), os.Args[1])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
