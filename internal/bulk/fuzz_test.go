package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/ingest"
)

// A plainItem is an item as the plain reader sees it.
type plainItem struct {
	Kind, Index, ID string
	Refused         bool
}

// plain reads a bulk body the simple way, whole and by encoding/json alone. It returns false
// when the request is to be refused as a whole.
func plain(body []byte, index string, maxLine int) (found []plainItem, docs []ingest.Document, ok bool) {
	if !bytes.HasSuffix(body, []byte("\n")) {
		return nil, nil, false
	}
	lines := strings.Split(string(body[:len(body)-1]), "\n")
	for len(lines) > 0 {
		line := lines[0]
		lines = lines[1:]
		if len(line) > maxLine {
			return nil, nil, false
		}
		if strings.Trim(line, " \t\r") == "" {
			continue
		}
		var a action
		if a.slow([]byte(line)) != nil {
			return nil, nil, false
		}
		it := plainItem{Kind: kindNames[a.kind], Index: index, ID: string(a.id), Refused: a.kind >= kindUpdate || a.id != nil && len(a.id) == 0 || len(a.id) > maxIDBytes || len(a.index) > maxIndexBytes}
		if len(a.index) > 0 && len(a.index) <= maxIndexBytes {
			it.Index = string(a.index)
		}
		if len(a.id) > maxIDBytes {
			it.ID = ""
		}
		if a.kind != kindDelete {
			if len(lines) == 0 {
				return nil, nil, false
			}
			it.Refused = it.Refused || len(lines[0]) > maxLine
			if !it.Refused {
				docs = append(docs, ingest.Document{Source: []byte(strings.TrimSuffix(lines[0], "\r")), ID: it.ID, Index: it.Index})
			}
			lines = lines[1:]
		}
		found = append(found, it)
	}
	return found, docs, len(found) > 0
}

// FuzzBulk holds the reader in blocks to the plain one: the same documents, one item an
// action, whatever the blocks, the batches and the encoding.
func FuzzBulk(f *testing.F) {
	f.Add([]byte("{\"index\":{}}\n{}\n{\"create\":{\"_id\":\"a\",\"_index\":\"x\"}}\r\n{\"a\":1}\r\n\n"), uint8(3), uint8(1), uint8(0))
	f.Add([]byte("{\"delete\":{\"_id\":\"a\"}}\n{\"update\":{\"_id\":1}}\n\n"), uint8(1), uint8(0), uint8(1))
	f.Add([]byte("{\"index\":{\"_id\":\"\"}}\n"+strings.Repeat("x", 120)+"\n{\"index\":{\"_id\":\"é\"}}\n{}\n"), uint8(2), uint8(2), uint8(2))
	f.Add([]byte("{\"index\":{}}\n"+strings.Repeat("x", 100)+"\r\n{\"index\":{}}\n"+strings.Repeat("x", 99)+"\r\n"), uint8(2), uint8(0), uint8(0))
	f.Add([]byte("{\"index\":{}}\n{}\n{\"index\":{}}\n{}"), uint8(1), uint8(200), uint8(3))
	f.Add([]byte("{\"index\":{\"_id\":\""+strings.Repeat("y", 600)+"\"}}\n{}\n[\n"), uint8(9), uint8(255), uint8(0))
	f.Fuzz(func(t *testing.T, body []byte, docs, block, encoding uint8) {
		const maxLine = 100
		want, wantDocs, ok := plain(body, "i", maxLine)
		var got []ingest.Document
		puts := 0
		h := handler(t, sinkFunc(func(_ context.Context, docs []ingest.Document, outcomes []ingest.Outcome) error {
			puts++
			for i, d := range docs {
				got = append(got, ingest.Document{Source: bytes.Clone(d.Source), ID: d.ID, Index: d.Index})
				outcomes[i].Status = ingest.Status(len(got) % 4)
			}
			return nil
		}), func(o *Options) {
			o.MaxDocs, o.BatchBytes, o.MaxLineBytes, o.MaxBodyBytes = int(docs)+1, maxLine+1+int(block), maxLine, 1<<20
		})
		name := []string{"", "gzip", "deflate", "zstd"}[encoding%4]
		w := ask(t, h, "POST /i/_bulk", bytes.NewReader(packed(t, name, string(body))), "Content-Encoding: "+name)
		if !ok {
			if w.Code != http.StatusBadRequest || !json.Valid(w.Body.Bytes()) || puts == 1 && len(got) == 0 {
				t.Fatalf("%q: got %d %s, want 400", body, w.Code, w.Body)
			}
			if len(got) > len(wantDocs) && wantDocs != nil {
				t.Fatalf("%q: got %d documents of a bad request, want at most %d", body, len(got), len(wantDocs))
			}
			return
		}
		var answer struct{ Items []map[string]itemAnswer }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%q: got %d %s, %v", body, w.Code, w.Body, err)
		}
		var items []plainItem
		put := 0
		for _, action := range answer.Items {
			for kind, item := range action {
				it := plainItem{Kind: kind, Index: item.Index, ID: item.ID}
				if len(items) < len(want) && want[len(items)].Refused {
					it.Refused = item.Status == http.StatusBadRequest
				} else {
					put++
					outcome := map[ingest.Status]int{ingest.Stored: 201, ingest.Passed: 201, ingest.Rejected: 400, ingest.Known: 200}[ingest.Status(put%4)]
					if kind == "create" && outcome == 200 {
						outcome = 409
					}
					if item.Status != outcome {
						t.Fatalf("%q: item %d: got %+v, want status %d", body, len(items), item, outcome)
					}
				}
				if len(items) < len(want) && want[len(items)].ID == "" {
					it.ID = "" // made up
				}
				items = append(items, it)
			}
		}
		if diff := cmp.Diff(want, items); diff != "" {
			t.Fatalf("%q: items (-want +got):\n%s", body, diff)
		}
		if diff := cmp.Diff(wantDocs, got); diff != "" {
			t.Fatalf("%q: documents (-want +got):\n%s", body, diff)
		}
	})
}
