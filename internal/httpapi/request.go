package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Times that the API takes and gives: what RFC 3339 can write, from 1970 on.
const (
	firstSecond = 0
	lastSecond  = 253402300799 // 9999-12-31T23:59:59Z
)

// A parameter is a field of a struct that stands for the parameters of an operation. Its tags
// say the rest: query or path its name, doc what it is, and enum, min, max, maxlen and pattern
// what it may be; default is for one that is left out.
type parameter struct {
	name, in string // in "query" or "path"
	field    reflect.StructField
	enum     []string
	pattern  *regexp.Regexp
}

// parametersOf returns the parameters that t stands for, in their order.
func parametersOf(t reflect.Type) ([]parameter, error) {
	var all []parameter
	for _, f := range reflect.VisibleFields(t) {
		p := parameter{field: f}
		for _, in := range []string{"path", "query"} {
			if name, ok := f.Tag.Lookup(in); ok {
				p.name, p.in = name, in
			}
		}
		if p.in == "" {
			continue // an embedded struct, whose fields come as well
		}
		if enum, ok := f.Tag.Lookup("enum"); ok {
			p.enum = strings.Split(enum, ",")
		}
		if pattern, ok := f.Tag.Lookup("pattern"); ok {
			var err error
			if p.pattern, err = regexp.Compile(pattern); err != nil {
				return nil, fmt.Errorf("parameter %s: %w", p.name, err)
			}
		}
		all = append(all, p)
	}
	return all, nil
}

// readParameters sets the fields of v, a struct, to the parameters of a request.
func readParameters(r *http.Request, params []parameter, v reflect.Value) error {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return refuse(http.StatusBadRequest, "bad_parameter", "query string: got %s, want pairs of names and values with %% escapes", quote(r.URL.RawQuery))
	}
	var known []string
	for _, p := range params {
		if p.in == "query" {
			known = append(known, p.name)
		}
	}
	for name := range given {
		if !slices.Contains(known, name) {
			return unknown("unknown_parameter", name, known)
		}
	}
	for _, p := range params {
		text, ok := p.field.Tag.Lookup("default")
		switch values := given[p.name]; {
		case p.in == "path":
			text, ok = r.PathValue(p.name), true
		case len(values) > 1:
			return invalid("bad_parameter", p.name, fmt.Sprintf("it %d times", len(values)), "it once")
		case len(values) == 1:
			text, ok = values[0], true
		}
		if !ok {
			continue
		}
		if err := p.set(v.FieldByIndex(p.field.Index), text); err != nil {
			return err
		}
	}
	return nil
}

var timeType = reflect.TypeFor[time.Time]()

// set sets v to what text says.
func (p *parameter) set(v reflect.Value, text string) error {
	wrong := func(want string) error { return invalid("bad_parameter", p.name, quote(text), want) }
	if !utf8.ValidString(text) {
		return wrong("UTF-8")
	}
	switch {
	case v.Type() == timeType:
		t, err := time.Parse(time.RFC3339, text)
		if err != nil || t.Unix() < firstSecond || t.Unix() > lastSecond {
			return wrong("a time such as 2026-01-31T06:00:00Z, from 1970 to 9999")
		}
		v.Set(reflect.ValueOf(t.UTC()))
	case v.Kind() == reflect.String:
		if p.enum != nil && !slices.Contains(p.enum, text) {
			return wrong("one of: " + strings.Join(p.enum, ", "))
		}
		if most, ok := p.bound("maxlen"); ok && int64(utf8.RuneCountInString(text)) > most {
			return invalid("bad_parameter", p.name, fmt.Sprintf("%d characters", utf8.RuneCountInString(text)), fmt.Sprintf("at most %d", most))
		}
		if p.pattern != nil && !p.pattern.MatchString(text) {
			return wrong(p.field.Tag.Get("want"))
		}
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return wrong("true or false")
		}
		v.SetBool(text == "true")
	case v.Kind() == reflect.Int:
		least, _ := p.bound("min")
		most, _ := p.bound("max")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < least || n > most || strconv.FormatInt(n, 10) != text {
			return wrong(fmt.Sprintf("a whole number from %d to %d", least, most))
		}
		v.SetInt(n)
	}
	return nil
}

// bound returns a number that a tag holds.
func (p *parameter) bound(tag string) (int64, bool) { return numberTag(p.field, tag) }

func numberTag(f reflect.StructField, tag string) (int64, bool) {
	n, err := strconv.ParseInt(f.Tag.Get(tag), 10, 64)
	return n, err == nil
}

// readBody sets the fields of v, a struct, to those of the JSON object that a request carries.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, v reflect.Value) error {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Type: got %s, want application/json", quote(r.Header.Get("Content-Type")))
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Encoding: got %s, want none", quote(coding))
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		return err
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "bad_json", "body: got %d bytes and then none, want all of it", len(text))
	}
	if !utf8.Valid(text) {
		return refuse(http.StatusBadRequest, "bad_json", "body: got bytes that are no UTF-8, want UTF-8")
	}
	return readObject(text, v)
}

// readObject reads a JSON object. Unlike encoding/json it takes the names of fields letter for
// letter and once, and no null for a value.
func readObject(text []byte, v reflect.Value) error {
	malformed := func(err error) error {
		return refuse(http.StatusBadRequest, "bad_json", "body: got what is no JSON, want one JSON object: %v", err)
	}
	if !json.Valid(text) {
		return malformed(json.Unmarshal(text, new(any)))
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if begin, err := dec.Token(); err != nil || begin != json.Delim('{') {
		return refuse(http.StatusBadRequest, "bad_json", "body: got %s, want a JSON object", kindOf(text))
	}
	fields := bodyFields(v.Type())
	var known []string
	for _, f := range fields {
		known = append(known, f.name)
	}
	given := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return malformed(err)
		}
		name, _ := token.(string)
		i := slices.Index(known, name)
		if i < 0 {
			return unknown("unknown_field", name, known)
		}
		if given[name] {
			return invalid("bad_value", name, "it twice", "it once")
		}
		given[name] = true
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return malformed(err)
		}
		if err := fields[i].set(v, raw); err != nil {
			return err
		}
	}
	for _, f := range fields {
		if f.required && !given[f.name] {
			return invalid("missing_field", f.name, "nothing", wordFor(f.field.Type))
		}
	}
	return nil
}

// A bodyField is one field of a body.
type bodyField struct {
	name     string
	required bool
	field    reflect.StructField
}

// bodyFields returns the fields of a struct that stands for a JSON object.
func bodyFields(t reflect.Type) []bodyField {
	var all []bodyField
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			all = append(all, bodyField{name, !strings.Contains(options, "omit"), f})
		}
	}
	return all
}

func (f *bodyField) set(v reflect.Value, raw json.RawMessage) error {
	to := v.FieldByIndex(f.field.Index)
	got := kindOf(raw)
	if holdsNull(to.Kind(), raw) {
		got += " with null in it"
	} else if !bytes.Equal(raw, []byte("null")) && json.Unmarshal(raw, to.Addr().Interface()) == nil {
		return nil
	}
	if raw[0] == '"' && wordFor(f.field.Type) != "a text" {
		got = quote(strings.Trim(string(raw), `"`))
	}
	return invalid("bad_value", f.name, got, wordFor(f.field.Type))
}

// holdsNull reports whether a list or an object has null for a value, of which encoding/json makes
// an empty text.
func holdsNull(kind reflect.Kind, raw json.RawMessage) bool {
	isNull := func(one json.RawMessage) bool { return bytes.Equal(one, []byte("null")) }
	switch kind {
	case reflect.Slice:
		var list []json.RawMessage
		return json.Unmarshal(raw, &list) == nil && slices.ContainsFunc(list, isNull)
	case reflect.Map:
		var members map[string]json.RawMessage
		return json.Unmarshal(raw, &members) == nil && slices.ContainsFunc(slices.Collect(maps.Values(members)), isNull)
	}
	return false
}

// kindOf says in a word what a JSON text is.
func kindOf(text []byte) string {
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 {
		return "nothing"
	}
	switch text[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	}
	return "a number"
}

// wordFor says in a word what values a field of a body has.
func wordFor(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == timeType:
		return "a time such as 2026-01-31T06:00:00Z"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Slice:
		return "a list of texts"
	case t.Kind() == reflect.Map:
		return "an object of texts"
	}
	return "a text"
}
