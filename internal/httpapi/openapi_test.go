package httpapi

import (
	"bytes"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
)

func TestDocumentIsOpenAPI(t *testing.T) {
	s := open(t, Limits{})
	meta, err := os.Open("testdata/openapi-3.1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer meta.Close()
	v, err := jsonschema.UnmarshalJSON(meta)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("https://spec.openapis.org/oas/3.1/schema/2022-10-07", v); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("https://spec.openapis.org/oas/3.1/schema/2022-10-07")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.api.doc))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Error(err)
	}
}

// TestSchemasAreSchemas compiles every schema of the document, which checks it against
// JSON Schema 2020-12 and follows its references.
func TestSchemasAreSchemas(t *testing.T) {
	s := open(t, Limits{})
	d, err := describedBy(s.api)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(v any, keys []string)
	walk = func(v any, keys []string) {
		switch v := v.(type) {
		case map[string]any:
			for key, child := range v {
				at := append(slices.Clone(keys), key)
				if key == "schema" || len(keys) == 2 && keys[1] == "schemas" {
					n++
					if _, err := d.schema(at...); err != nil {
						t.Errorf("%s: %v", strings.Join(at, " "), err)
					}
					continue
				}
				walk(child, at)
			}
		case []any:
			for i, child := range v {
				walk(child, append(slices.Clone(keys), string(rune('0'+i))))
			}
		}
	}
	walk(d.doc["components"], []string{"components"})
	walk(d.doc["paths"], []string{"paths"})
	if n < 100 {
		t.Errorf("got %d schemas, want those of all parameters, bodies and answers", n)
	}
}

func TestDocumentAndRoutesAreTheSame(t *testing.T) {
	s := open(t, Limits{})
	d, err := describedBy(s.api)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	ids := map[string]bool{}
	for path, item := range lookup(d.doc, "paths").(map[string]any) {
		for method, op := range item.(map[string]any) {
			documented[strings.ToUpper(method)+" "+path] = true
			id, _ := lookup(op, "operationId").(string)
			if id == "" || ids[id] {
				t.Errorf("%s %s: got operationId %q, want one of its own", method, path, id)
			}
			ids[id] = true
			for _, name := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				params, _ := lookup(op, "parameters").([]any)
				if !slices.ContainsFunc(params, func(p any) bool { return lookup(p, "name") == name[1] && lookup(p, "in") == "path" }) {
					t.Errorf("%s %s: the parameter %s is not described", method, path, name[1])
				}
			}
		}
	}
	for _, r := range s.api.routes() {
		name := r.method + " " + r.path
		if !documented[name] {
			t.Errorf("%s is not in the document", name)
		}
		delete(documented, name)
		if r.summary == "" || !slices.ContainsFunc(tagDocs, func(tag struct{ name, doc string }) bool { return tag.name == r.tag }) {
			t.Errorf("%s: got summary %q and tag %q, want both", name, r.summary, r.tag)
		}
	}
	for name := range documented {
		t.Errorf("%s is in the document and not served", name)
	}
}

func TestDocumentIsServedByItsTag(t *testing.T) {
	s := open(t, Limits{})
	a := s.ask("", "GET", "/api/openapi.json", "")
	if a.Code != http.StatusOK || a.text != string(s.api.doc) || a.Header().Get("ETag") == "" {
		t.Fatalf("got status %d and %d bytes, want the document", a.Code, len(a.text))
	}
	if b := s.ask("", "GET", "/api/openapi.json", "", "If-None-Match", a.Header().Get("ETag")); b.Code != http.StatusNotModified || b.text != "" {
		t.Errorf("got status %d and %d bytes for its tag, want 304", b.Code, len(b.text))
	}
	if b := s.ask("", "GET", "/api/openapi.json", "", "If-None-Match", `"other"`); b.Code != http.StatusOK {
		t.Errorf("got status %d for another tag, want 200", b.Code)
	}
}

// TestDocumentsOfFindingsKeepToTheirSchema holds that the schema in the document is that of
// package finding: what keeps to one keeps to the other.
func TestDocumentsOfFindingsKeepToTheirSchema(t *testing.T) {
	s := open(t, Limits{})
	d, err := describedBy(s.api)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := d.schema("components", "schemas", "Finding")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range append(findingtest.Case(), findingtest.Several(), findingtest.Few(), findingtest.Fast(), findingtest.Untimed(), findingtest.HostileRow()) {
		doc := finding.AppendJSON(nil, r)
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%v: %v", r.Group.Values, err)
		}
		lookup(v, "fresnel").(map[string]any)["run"] = "later"
		if schema.Validate(v) == nil {
			t.Errorf("%v: got no error for a field of another type", r.Group.Values)
		}
	}
}

func TestFieldsOfTheSchema(t *testing.T) {
	fields, err := fieldsOf(finding.Schema)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Field{}
	for _, f := range fields {
		got[f.Name] = f
	}
	for _, want := range []Field{
		{Name: "@timestamp", Type: "time"}, {Name: "event.risk_score", Type: "number"}, {Name: "host.name", Type: "text"},
		{Name: "source.ip", Type: "ip"}, {Name: "process.code_signature.exists", Type: "boolean"}, {Name: "process.hash.sha256", Type: "text"},
		{Name: "beacon_stats.is_beaconing", Type: "boolean"}, {Name: "beacon_stats.destination_ips", Type: "ip"}, {Name: "beacon_stats.counts_percentiles", Type: "number"},
		{Name: "fresnel.reasons", Type: "objects"}, {Name: "fresnel.reasons.code", Type: "text"}, {Name: "fresnel.timing.kind", Type: "text", Values: []string{"clock", "growing", "mixture", "sleep"}},
		{Name: "fresnel.timing.found", Type: "boolean"}, {Name: "fresnel.timing.regimes.first", Type: "time"}, {Name: "fresnel.timing.active_hours", Type: "number"},
		{Name: "fresnel.run.end", Type: "time"}, {Name: "fresnel.schema", Type: "text", Values: []string{"1"}}, {Name: "fresnel.other_destinations.destination.ip", Type: "ip"},
	} {
		f, ok := got[want.Name]
		if !ok || f.Type != want.Type || !slices.Equal(f.Values, want.Values) {
			t.Errorf("%s: got %+v, want type %s and values %v", want.Name, f, want.Type, want.Values)
		}
	}
	for _, wrong := range []string{"fresnel", "host", "fresnel.timing", "beacon_stats", ""} {
		if f, ok := got[wrong]; ok {
			t.Errorf("got %+v, want no field for an object", f)
		}
	}
	if got["fresnel.timing.period_s"].Doc != "" || !strings.Contains(got["fresnel.timing.jitter"].Doc, "half the width") {
		t.Errorf("got %+v, want what the schema says of the field", got["fresnel.timing.jitter"])
	}
}
