// Package web is the dashboards: what Vite builds of src, inside the program.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed dist
var dist embed.FS

// A file is one file of the dashboards.
type file struct {
	text   []byte
	zipped []byte // text in gzip; nil where that is no shorter
	kind   string // its content type
	etag   string
	kept   string // its Cache-Control
}

const index = "index.html"

// types are the content types of what is built. The tables of the machine are not asked: they
// differ, and a script of another type is not run.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
}

// Handler returns what serves the dashboards, and hands on to next what is not theirs: all below
// /api/, and what probes and Prometheus ask.
//
// Files with a hash of their content in their names are kept by browsers for good, others are
// asked for again by their tags. A path that is no file and looks like none is a page, which the
// dashboards show by themselves.
func Handler(next http.Handler) http.Handler {
	files, err := load(dist)
	if err != nil {
		panic(err) // what is embedded was read by the compiler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; p == "/api" || strings.HasPrefix(p, "/api/") || p == "/metrics" || p == "/healthz" || p == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		serve(w, r, files)
	})
}

// load reads the files of the dashboards by their paths.
func load(from fs.FS) (map[string]*file, error) {
	root, err := fs.Sub(from, "dist")
	if err != nil {
		return nil, err
	}
	files := map[string]*file{}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		f := &file{text: text, kind: types[path.Ext(name)], etag: `"` + hex.EncodeToString(sum[:12]) + `"`, kept: "no-cache"}
		if f.kind == "" {
			if f.kind = mime.TypeByExtension(path.Ext(name)); f.kind == "" {
				return fmt.Errorf("%s: got a file of no known content type", name)
			}
		}
		if f.zipped, err = zip(text); err != nil {
			return err
		}
		if strings.HasPrefix(name, "assets/") {
			f.kept = "public, max-age=31536000, immutable"
		}
		files["/"+name] = f
		return nil
	})
	if err == nil && files["/"+index] == nil {
		err = fmt.Errorf("%s: got none, want it: run npm run build in web", index)
	}
	return files, err
}

func zip(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(text)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil || b.Len() >= len(text) {
		return nil, err
	}
	return b.Bytes(), nil
}

func serve(w http.ResponseWriter, r *http.Request, files map[string]*file) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "got "+r.Method+", want GET", http.StatusMethodNotAllowed)
		return
	}
	f := files[r.URL.Path]
	if f == nil {
		if strings.HasPrefix(r.URL.Path, "/assets/") || strings.Contains(path.Base(r.URL.Path), ".") {
			// A page in the place of a script of an older version would be an error that nobody understands.
			http.Error(w, "there is no such file", http.StatusNotFound)
			return
		}
		f = files["/"+index]
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.kept)
	h.Set("Vary", "Accept-Encoding")
	text, etag := f.text, f.etag
	if f.zipped != nil && takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		text, etag = f.zipped, strings.TrimSuffix(f.etag, `"`)+`-gzip"`
	}
	h.Set("ETag", etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// takesGzip reports whether a client says that it takes gzip; one that weighs it down to 0 does not.
func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return !strings.HasPrefix(weight, "q=0") || strings.Trim(weight, "q=0.") != ""
		}
	}
	return false
}
