package bulk

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const filterBody = "{\"create\":{\"_id\":\"a\"}}\n{}\n{\"create\":{\"_id\":\"a\"}}\n{}\n{\"index\":{\"_id\":\"a\"}}\n{}\n{\"index\":{\"_id\":\"b\"}}\n[]\n{\"update\":{\"_id\":\"c\"}}\n{}\n{\"delete\":{\"_id\":\"d\"}}\n"

func TestFilterPath(t *testing.T) {
	for _, tt := range []struct{ filter, want string }{
		{"errors,items.*.error.type,items.*.status", `{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":409,"error":{"type":"version_conflict_engine_exception"}}},{"index":{"status":200}},` +
			`{"index":{"status":400,"error":{"type":"document_parsing_exception"}}},{"update":{"status":400,"error":{"type":"illegal_argument_exception"}}},{"delete":{"status":400,"error":{"type":"illegal_argument_exception"}}}]}`},
		{"items.create.status", `{"items":[{"create":{"status":201}},{"create":{"status":409}}]}`},
		{"items.create.error.index", `{"items":[{"create":{"error":{"index":"i"}}}]}`},
		{"items.index._shards.total,items.index._version", `{"items":[{"index":{"_version":1,"_shards":{"total":1}}}]}`},
		{"errors", `{"errors":true}`},
		{"nothing", `{}`},
		{"items.*.nothing", `{}`},
		{"**._id,-items.create,-items.delete", `{"items":[{"index":{"_id":"a"}},{"index":{"_id":"b"}},{"update":{"_id":"c"}}]}`},
		{" errors , items.i*x.res*lt ", `{"errors":true,"items":[{"index":{"result":"noop"}}]}`},
		{"-took,-items", `{"errors":true}`},
	} {
		w := ask(t, handler(t, &memory{}, nil), "POST /i/_bulk?filter_path="+strings.ReplaceAll(tt.filter, " ", "%20"), strings.NewReader(filterBody))
		if diff := cmp.Diff(tt.want, w.Body.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.filter, diff)
		}
	}
	w := ask(t, handler(t, nothing, nil), "POST /i/_bulk?filter_path=errors,items.*.error", strings.NewReader("{\"index\":{}}\n{}\n"))
	if got, want := w.Body.String(), `{"errors":false}`; got != want {
		t.Errorf("without errors: got %s, want %s", got, want)
	}
}

// keep filters any JSON, one path after the other. It returns nil for what is left out.
func keep(at any, path []string, include, exclude [][]string) any {
	switch at := at.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(at)) {
			if v := keep(at[key], append(slices.Clone(path), key), include, exclude); v != nil {
				out[key] = v
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	case []any:
		var out []any
		for _, element := range at {
			if v := keep(element, path, include, exclude); v != nil {
				out = append(out, v)
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	}
	covered := func(pattern []string) bool {
		for n := range len(path) + 1 {
			if exactly(pattern, path[:n]) {
				return true
			}
		}
		return false
	}
	if slices.ContainsFunc(exclude, covered) || len(include) > 0 && !slices.ContainsFunc(include, covered) {
		return nil
	}
	return at
}

// exactly reports whether pattern names path exactly, the plain way.
func exactly(pattern, path []string) bool {
	switch {
	case len(pattern) == 0:
		return len(path) == 0
	case pattern[0] == "**":
		return exactly(pattern[1:], path) || len(path) > 0 && exactly(pattern, path[1:])
	case len(path) == 0:
		return false
	}
	return like(pattern[0], path[0]) && exactly(pattern[1:], path[1:])
}

func like(pattern, key string) bool {
	switch {
	case pattern == "":
		return key == ""
	case pattern[0] == '*':
		return like(pattern[1:], key) || key != "" && like(pattern, key[1:])
	}
	return key != "" && key[0] == pattern[0] && like(pattern[1:], key[1:])
}

// FuzzFilter holds the answers to those of a filter of any JSON.
func FuzzFilter(f *testing.F) {
	for _, filter := range []string{"errors,items.*.error,items.*.status", "**", "-**.s*", "i*.**.*a*", "items.create.**.t*l,took", ",,-", "*.*.*,-items.*.error.*e*", "**.**.**", "items.**.error"} {
		f.Add(filter)
	}
	m := &memory{}
	h := handler(f, m, nil)
	serve := func(t testing.TB, filter string) any {
		q := newRequest(h)
		m.ids = nil
		h.sequence.Store(0)
		c, w := newCall(t, h, "POST /i/_bulk", strings.NewReader(filterBody))
		q.call = c
		q.names.add("i")
		if f := q.read(t.Context(), nil); f != nil {
			t.Fatal(f.reason)
		}
		wanted, fail := parseFilter(filter)
		if fail != nil {
			t.Skip(fail.reason)
		}
		c.respond(q, &wanted)
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%q: %v: %s", filter, err, w.Body)
		}
		if _, ok := got["took"]; ok {
			got["took"] = 0.0
		}
		return got
	}
	all := serve(f, "**")
	f.Fuzz(func(t *testing.T, filter string) {
		var include, exclude [][]string
		if len(filter) > 200 || strings.Count(filter, "*") > 20 { // the plain way takes its time
			return
		}
		for pattern := range strings.SplitSeq(filter, ",") {
			pattern = strings.TrimSpace(pattern)
			if rest, out := strings.CutPrefix(pattern, "-"); out && rest != "" {
				exclude = append(exclude, strings.Split(rest, "."))
			} else if pattern != "" && !out {
				include = append(include, strings.Split(pattern, "."))
			}
		}
		want := keep(all, nil, include, exclude)
		if want == nil {
			want = map[string]any{}
		}
		if diff := cmp.Diff(want, serve(t, filter)); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", filter, diff)
		}
	})
}
