package zeek

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"fresnel/internal/event"
	"fresnel/internal/source"
)

// A text is a file for the tests.
type text struct{ path, body string }

// A heard is a Sink that keeps copies of what it is given.
type heard struct {
	events  []event.Event
	bad     []source.RecordError
	skipped map[string]int
	lines   int
	base    int // lines before the block
}

func (h *heard) Event(e *event.Event) {
	c := *e
	for _, f := range event.Fields() {
		if s := c.Text(f); s != nil {
			*s = strings.Clone(*s)
		}
	}
	h.events = append(h.events, c)
}

func (h *heard) Bad(err source.RecordError) {
	err.Line += h.base + 1
	h.bad = append(h.bad, err)
}

func (h *heard) Skip(reason string, n int) { h.skipped[reason] += n }

// A cut says where blocks end beyond where Split ends them.
type cut int

const (
	whole    cut = iota // Split is given all that is left
	everyRow            // Split is given one line at a time
	someRows            // Split is given a few lines at a time
)

func fileOf(tx text) source.File {
	dir, name := filepath.Split(tx.path)
	name = strings.TrimSuffix(name, ".gz")
	head := []byte(tx.body)
	return source.File{Path: tx.path, Dir: filepath.Clean(dir), Head: source.Head{Name: name, Text: head[:min(len(head), 64<<10)]}}
}

// read reads files as a run does, in the order of their phases.
func read(t testing.TB, fields event.FieldSet, c cut, texts ...text) heard {
	t.Helper()
	out := heard{skipped: map[string]int{}}
	src, err := Format.New(source.Options{Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	files := make([]source.File, len(texts))
	for i, tx := range texts {
		files[i] = fileOf(tx)
	}
	phases := src.Plan(files)
	for phase := range 2 {
		for i := range files {
			if phases[i] == phase {
				in, err := src.Open(files[i])
				if err != nil {
					t.Fatal(err)
				}
				readText(in, []byte(texts[i].body), c, &out)
			}
		}
	}
	return out
}

func readText(in source.Input, body []byte, c cut, out *heard) {
	decoders := [2]source.Decoder{in.NewDecoder(), in.NewDecoder()}
	out.base = 0
	for turn := 0; len(body) > 0; turn++ {
		part := len(body)
		switch c {
		case everyRow:
			part = lineEnd(body)
		case someRows:
			part = 0
			for range turn%7 + 1 {
				part += lineEnd(body[part:])
			}
		}
		n, state := in.Split(body[:part])
		lines := decoders[turn%2].Decode(body[:n:n], state, out)
		out.base += lines
		out.lines += lines
		body = body[n:]
	}
}

// readSide is read with several goroutines that decode blocks side by side.
func readSide(t testing.TB, fields event.FieldSet, texts ...text) (skipped map[string]int, names *names) {
	t.Helper()
	src, err := Format.New(source.Options{Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	files := make([]source.File, len(texts))
	for i, tx := range texts {
		files[i] = fileOf(tx)
	}
	phases := src.Plan(files)
	var mu sync.Mutex
	skipped = map[string]int{}
	for phase := range 2 {
		var wg sync.WaitGroup
		for i := range files {
			if phases[i] != phase {
				continue
			}
			in, err := src.Open(files[i])
			if err != nil {
				t.Fatal(err)
			}
			for body := []byte(texts[i].body); len(body) > 0; {
				part := 0
				for range 50 {
					part += lineEnd(body[part:])
				}
				n, state := in.Split(body[:part])
				block := body[:n:n]
				wg.Go(func() {
					out := heard{skipped: map[string]int{}}
					in.NewDecoder().Decode(block, state, &out)
					mu.Lock()
					defer mu.Unlock()
					for reason, n := range out.skipped {
						skipped[reason] += n
					}
				})
				body = body[n:]
			}
		}
		wg.Wait()
	}
	return skipped, src.(*run).names
}

// load returns the text of a file, gunzipped where its name ends in .gz.
func load(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".gz") {
		zr, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(zr); err != nil {
			t.Fatal(err)
		}
	}
	return string(b)
}

func total(counts map[string]int) (n int) {
	for v := range maps.Values(counts) {
		n += v
	}
	return n
}
