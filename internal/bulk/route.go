package bulk

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A route is what a request asks for.
type route struct {
	name      string
	documents bool // it has documents as its body
	index     string
	id        string // of the document, or the name of what is asked for
	hasID     bool
	kind      kind
	setup     *setup
	serve     func(*call, route) *failure
}

var (
	reading = []string{http.MethodGet, http.MethodHead}
	writing = []string{http.MethodPost, http.MethodPut}
	posting = []string{http.MethodPost}
	setting = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut}
	making  = []string{http.MethodGet, http.MethodHead, http.MethodPut}
)

// route finds the route of a request. As with Elasticsearch, slashes at the end do not
// count; Fluent Bit sends one.
func (c *call) route() (route, *failure) {
	var keys []string
	for key := range strings.SplitSeq(c.r.URL.EscapedPath(), "/") {
		if key == "" {
			continue
		}
		text, err := url.PathUnescape(key)
		if err != nil || len(keys) > 4 {
			return route{name: "unknown"}, noHandler(c.r)
		}
		keys = append(keys, text)
	}
	found, methods := find(keys)
	switch {
	case found.serve == nil:
		return route{name: "unknown"}, noHandler(c.r)
	case !slices.Contains(methods, c.r.Method):
		return found, wrongMethod(c.r, methods)
	}
	return found, nil
}

// find returns the route of a path and the methods it has.
func find(keys []string) (route, []string) {
	if len(keys) == 0 {
		return route{name: "info", serve: (*call).info}, reading
	}
	if !strings.HasPrefix(keys[0], "_") {
		return findIndex(keys)
	}
	switch path := strings.Join(keys, "/"); {
	case path == "_bulk":
		return route{name: "bulk", documents: true, serve: (*call).bulk}, writing
	case path == "_license" || path == "_xpack/license":
		return route{name: "license", serve: (*call).license}, reading
	case path == "_xpack":
		return route{name: "xpack", serve: (*call).xpack}, reading
	case path == "_cat/health":
		return route{name: "health", serve: (*call).catHealth}, reading
	case strings.HasPrefix(path+"/", "_cluster/health/") && len(keys) <= 3:
		return route{name: "health", serve: (*call).health}, reading
	case keys[0] == "_nodes" && !slices.Contains(keys, "stats"):
		return route{name: "nodes", serve: (*call).nodes}, reading
	}
	for i := range setups {
		s := &setups[i]
		n := strings.Count(s.path, "/") + 1
		if len(keys) == n+1 && strings.Join(keys[:n], "/") == s.path {
			return route{name: "setup", id: keys[n], hasID: true, setup: s, serve: (*call).setUp}, setting
		}
	}
	return route{}, nil
}

// findIndex returns the route of a path that begins with the name of an index.
func findIndex(keys []string) (route, []string) {
	r := route{index: keys[0]}
	switch {
	case len(keys) == 1:
		r.name, r.serve = "index", (*call).index
		return r, making
	case len(keys) == 2 && keys[1] == "_bulk":
		r.name, r.documents, r.serve = "bulk", true, (*call).bulk
		return r, writing
	case len(keys) == 2 && keys[1] == "_doc":
		r.name, r.documents, r.serve = "doc", true, (*call).document
		return r, posting
	case len(keys) == 3 && (keys[1] == "_doc" || keys[1] == "_create"):
		r.name, r.documents, r.serve = "doc", true, (*call).document
		r.id, r.hasID = keys[2], true
		if keys[1] == "_create" {
			r.kind = kindCreate
		}
		return r, writing
	}
	return route{}, nil
}
