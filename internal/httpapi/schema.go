package httpapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"fresnel/internal/auth"
)

// An object is a JSON object of the document, whose keys encoding/json sorts.
type object = map[string]any

// schemas are the schemas that others of the document refer to, by name.
type schemas struct {
	named object
	types map[string]reflect.Type // of those that were made from Go types
}

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// of returns the schema of the values that encoding/json makes of t. Structs with a name are
// referred to.
func (s *schemas) of(t reflect.Type) (object, error) {
	switch t {
	case timeType:
		return object{"type": "string", "format": "date-time"}, nil
	case reflect.TypeFor[auth.Role]():
		return object{"type": "string", "enum": auth.Roles()}, nil
	case reflect.TypeFor[auth.Scope]():
		return object{"type": "string", "enum": auth.Scopes()}, nil
	case reflect.TypeFor[Document]():
		return ref("Finding"), nil
	case reflect.TypeFor[Event]():
		return ref("Event"), nil
	case reflect.TypeFor[json.RawMessage]():
		return object{"type": "object"}, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return object{"type": "string"}, nil
	case reflect.Bool:
		return object{"type": "boolean"}, nil
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}, nil
	case reflect.Float64:
		return object{"type": "number"}, nil
	case reflect.Slice:
		items, err := s.of(t.Elem())
		return object{"type": "array", "items": items}, err
	case reflect.Map:
		values, err := s.of(t.Elem())
		return object{"type": "object", "additionalProperties": values}, err
	case reflect.Struct:
		return s.structOf(t)
	}
	return nil, fmt.Errorf("%v: got a type that no schema stands for", t)
}

func (s *schemas) structOf(t reflect.Type) (object, error) {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if known, ok := s.types[name]; ok {
		if known != t {
			return nil, fmt.Errorf("%v and %v: got two types of one name", known, t)
		}
		return ref(name), nil
	}
	if _, ok := s.named[name]; ok {
		return nil, fmt.Errorf("%v: got a name that another schema has", t)
	}
	s.types[name] = t
	properties, required := object{}, []string{}
	for _, f := range bodyFields(t) {
		one, err := s.of(f.field.Type)
		if err != nil {
			return nil, fmt.Errorf("%v.%s: %w", t, f.field.Name, err)
		}
		properties[f.name] = withTags(one, f.field)
		if f.required {
			required = append(required, f.name)
		}
	}
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Name == "_" { // stands for the struct itself
			if n, ok := numberTag(f, "fields"); ok {
				o["minProperties"], o["maxProperties"] = n, n
			}
		}
	}
	s.named[name] = o
	return ref(name), nil
}

// withTags adds to a schema what the tags of a field say.
func withTags(o object, f reflect.StructField) object {
	to := o
	if items, ok := o["items"].(object); ok { // what values may be is said of a list's elements
		to = items
	}
	if enum, ok := f.Tag.Lookup("enum"); ok {
		to["enum"] = strings.Split(enum, ",")
	}
	if pattern, ok := f.Tag.Lookup("pattern"); ok {
		to["pattern"] = pattern
	}
	for tag, key := range map[string]string{"min": "minimum", "max": "maximum", "minlen": "minLength", "maxlen": "maxLength"} {
		if n, ok := numberTag(f, tag); ok {
			to[key] = n
		}
	}
	if n, ok := numberTag(f, "minitems"); ok {
		o["minItems"], o["uniqueItems"] = n, true
	}
	if text, ok := f.Tag.Lookup("default"); ok {
		var value any = text
		if o["type"] != "string" {
			value = json.RawMessage(text)
		}
		o["default"] = value
	}
	if doc := f.Tag.Get("doc"); doc != "" {
		o["description"] = doc
	}
	return o
}

// addSchema adds a schema that stands for itself under a name. The schemas in its $defs become
// schemas of the document: many tools that read OpenAPI know no other place for them.
func (s *schemas) addSchema(name string, text []byte) error {
	var root object
	if err := json.Unmarshal(text, &root); err != nil {
		return err
	}
	delete(root, "$id")
	delete(root, "$schema")
	definitions, _ := root["$defs"].(object)
	delete(root, "$defs")
	newName := func(old string) string { return name + strings.ToUpper(old[:1]) + old[1:] }
	var rename func(v any)
	rename = func(v any) {
		switch v := v.(type) {
		case object:
			if to, ok := v["$ref"].(string); ok {
				v["$ref"] = ref(newName(strings.TrimPrefix(to, "#/$defs/")))["$ref"]
			}
			for _, child := range v {
				rename(child)
			}
		case []any:
			for _, child := range v {
				rename(child)
			}
		}
	}
	rename(root)
	s.named[name] = root
	for old, one := range definitions {
		rename(one)
		if s.named[newName(old)] != nil {
			return fmt.Errorf("%s: got a name that another schema has", newName(old))
		}
		s.named[newName(old)] = one
	}
	return nil
}

// A Field is a name that queries may use.
type Field struct {
	Name   string   `json:"name" doc:"as queries spell it"`
	Type   string   `json:"type" enum:"text,number,boolean,time,ip,objects" doc:"objects: a list whose elements queries may ask about by NAME: {...}"`
	Values []string `json:"values,omitempty" doc:"all values that there can be, where these are few"`
	Doc    string   `json:"doc,omitempty" doc:"what the field means"`
}

// fieldsOf returns the fields of documents of a JSON schema by name, and the lists of objects.
func fieldsOf(schema []byte) ([]Field, error) {
	var root object
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, err
	}
	w := fieldWalk{definitions: root, found: map[string]*Field{}}
	if err := w.walk("", root, ""); err != nil {
		return nil, err
	}
	var all []Field
	for _, f := range w.found {
		slices.Sort(f.Values)
		f.Values = slices.Compact(f.Values)
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

type fieldWalk struct {
	definitions object
	found       map[string]*Field
}

// walk notes what o, the schema of the field name, and all below it describe.
func (w *fieldWalk) walk(name string, o object, doc string) error {
	if own, ok := o["description"].(string); ok {
		doc = own
	}
	if to, ok := o["$ref"].(string); ok {
		var at any = w.definitions
		for key := range strings.SplitSeq(strings.TrimPrefix(to, "#/"), "/") {
			step, _ := at.(object)
			at = step[key]
		}
		target, ok := at.(object)
		if !ok {
			return fmt.Errorf("%s: got a reference to %s, which is not there", name, to)
		}
		if err := w.walk(name, target, doc); err != nil {
			return err
		}
	}
	for _, key := range []string{"oneOf", "allOf"} {
		list, _ := o[key].([]any)
		for _, one := range list {
			if err := w.walk(name, one.(object), doc); err != nil {
				return err
			}
		}
	}
	if properties, ok := o["properties"].(object); ok {
		for key, one := range properties {
			child, ok := one.(object)
			if !ok {
				continue // "never there"
			}
			below := key
			if name != "" {
				below = name + "." + key
			}
			if err := w.walk(below, child, ""); err != nil {
				return err
			}
		}
		return nil
	}
	switch o["type"] {
	case "array":
		items, _ := o["items"].(object)
		if err := w.walk(name, items, doc); err != nil {
			return err
		}
		if w.found[name] == nil { // the elements are objects
			w.note(name, "objects", doc, nil)
		}
		return nil
	case "string":
		kind := "text"
		if o["format"] == "date-time" {
			kind = "time"
		}
		if o["anyOf"] != nil { // one format of addresses or the other
			kind = "ip"
		}
		w.note(name, kind, doc, nil)
	case "integer", "number":
		w.note(name, "number", doc, nil)
	case "boolean":
		w.note(name, "boolean", doc, nil)
	}
	values, ok := o["enum"].([]any)
	if c, isConst := o["const"]; isConst {
		values, ok = []any{c}, true
	}
	if ok {
		texts := make([]string, len(values))
		kind := "text"
		for i, v := range values {
			texts[i] = fmt.Sprint(v)
			if _, isBool := v.(bool); isBool {
				kind, texts[i] = "boolean", ""
			}
		}
		w.note(name, kind, doc, texts)
	}
	return nil
}

func (w *fieldWalk) note(name, kind, doc string, values []string) {
	f := w.found[name]
	if f == nil {
		f = &Field{Name: name, Type: kind}
		w.found[name] = f
	}
	if f.Doc == "" {
		f.Doc = doc
	}
	for _, v := range values {
		if v != "" {
			f.Values = append(f.Values, v)
		}
	}
}
