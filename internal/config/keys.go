package config

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// A Key describes one setting.
type Key struct {
	Name    string // such as "beacon.max_jitter"; NAME stands for a name of the user's choice
	Type    string // in words
	Default string // as YAML on one line; "" for settings below a NAME
	Doc     string
}

// Env returns the name of the environment variable that sets k.
func (k Key) Env() string { return envName(k.Name) }

const envPrefix = "FRESNEL_"

func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Keys returns all settings in the order of the default file.
func Keys() []Key { return slices.Clone(keys()) }

var keys = sync.OnceValue(func() []Key { return appendKeys(nil, reflect.ValueOf(Default()), "") })

func appendKeys(keys []Key, v reflect.Value, prefix string) []Key {
	for _, f := range settings(v.Type()) {
		value := v.FieldByIndex(f.Index)
		name := join(prefix, yamlName(f))
		switch {
		case f.Type.Kind() == reflect.Struct:
			keys = appendKeys(keys, value, name)
			continue
		case f.Type.Kind() == reflect.Map && documented(f.Type.Elem()):
			below := appendKeys(nil, reflect.Zero(f.Type.Elem()), name+".NAME")
			for i := range below {
				below[i].Default = ""
			}
			keys = append(keys, below...)
			continue
		}
		k := Key{Name: name, Type: f.Tag.Get("type"), Default: oneLine(value), Doc: f.Tag.Get("doc")}
		if k.Type == "" {
			k.Type = typeName(f.Type)
		}
		keys = append(keys, k)
	}
	return keys
}

// settings returns the fields of t that are settings.
func settings(t reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for _, f := range reflect.VisibleFields(t) {
		if name := yamlName(f); name != "" && name != "-" {
			fields = append(fields, f)
		}
	}
	return fields
}

func yamlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

// documented reports whether t is a struct whose fields describe themselves.
func documented(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for _, f := range settings(t) {
		if f.Tag.Get("doc") == "" {
			return false
		}
	}
	return true
}

// join joins two keys, either of which may be empty.
func join(prefix, name string) string {
	if prefix == "" || name == "" {
		return prefix + name
	}
	return prefix + "." + name
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	unmarshalerType = reflect.TypeFor[yaml.Unmarshaler]()
)

// unmarshals reports whether t reads itself from YAML.
func unmarshals(t reflect.Type) bool { return reflect.PointerTo(t).Implements(unmarshalerType) }

// typeName says in words what values t has.
func typeName(t reflect.Type) string {
	if t == durationType {
		return "duration"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "list of " + plural(t.Elem())
	case reflect.Array:
		return "two " + plural(t.Elem())
	case reflect.Map:
		return "mapping"
	}
	return t.String()
}

func plural(t reflect.Type) string {
	if t.Kind() == reflect.String {
		return "texts"
	}
	return typeName(t) + "s"
}

// duration writes d without the zeros at its end: 1h, not 1h0m0s.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// nearest returns the candidate that takes the fewest changes of a letter to become of s,
// and "" when none is near.
func nearest(s string, candidates []string) string {
	best, fewest := "", max(2, len(s)/4)+1
	for _, c := range candidates {
		if d := distance(s, c, fewest); d < fewest {
			best, fewest = c, d
		}
	}
	return best
}

// distance returns how many letters must be inserted, deleted or changed to make b of a, or
// most when it is more.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d >= most || -d >= most {
		return most // which bounds the work: candidates are short
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], most)
}
