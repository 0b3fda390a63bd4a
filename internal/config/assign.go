package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"fresnel/internal/filter"
	"fresnel/internal/source"
)

// An Error is one thing that is wrong with the settings.
type Error struct {
	Where   string // "fresnel.yaml:12", the name of a variable or flag; "" when the key says it
	Key     string // such as "beacon.max_jitter"; "" when the whole is meant
	Problem string // "got X, want Y"
}

// Error says where, which setting, what was got and what was wanted.
func (e *Error) Error() string {
	text := e.Problem
	for _, before := range []string{e.Key, e.Where} {
		if before != "" {
			text = before + ": " + text
		}
	}
	return text
}

// GotWant returns what Problem says was got, and what was wanted; both are "" where it says neither.
func (e *Error) GotWant() (got, want string) {
	text, ok := strings.CutPrefix(e.Problem, "got ")
	i := strings.LastIndex(text, ", want ")
	if !ok || i < 0 {
		return "", ""
	}
	return text[:i], text[i+len(", want "):]
}

// A layer puts the values of one file, variable or flag into a Config.
type layer struct {
	where   func(line int) string
	origins map[string]string // key -> where; shared by all layers
	errs    []error
}

func (l *layer) fail(line int, key, got, want string) {
	l.errs = append(l.errs, &Error{l.where(line), key, "got " + got + ", want " + want})
}

// assign sets dst, which has the given key, to what n says. line is where the key stands.
// What is wrong is reported and leaves dst as it was.
func (l *layer) assign(dst reflect.Value, n *yaml.Node, key string, line int) {
	t := dst.Type()
	switch {
	case unmarshals(t):
		l.unmarshal(dst, n, key)
	case t == durationType:
		if d, err := time.ParseDuration(n.Value); n.Kind == yaml.ScalarNode && err == nil {
			dst.SetInt(int64(d))
			l.origins[key] = l.where(line)
			return
		}
		l.fail(n.Line, key, kindOf(n), "a duration such as 1h or 90s")
	case t.Kind() == reflect.Struct:
		l.fields(dst, n, key)
	case t.Kind() == reflect.Map:
		l.entries(dst, n, key)
	case t.Kind() == reflect.Slice:
		l.list(dst, n, key, line)
	case t.Kind() == reflect.Array:
		if n.Kind != yaml.SequenceNode || len(n.Content) != t.Len() {
			l.fail(n.Line, key, kindOf(n), typeName(t)+" such as [0.1, 0.9]")
			return
		}
		value, sound := reflect.New(t).Elem(), true
		for i, item := range n.Content {
			sound = l.element(value.Index(i), item, key, i) && sound
		}
		if sound {
			dst.Set(value)
			l.origins[key] = l.where(line)
		}
	default:
		if want := scalar(dst, n); want != "" {
			l.fail(n.Line, key, kindOf(n), want)
			return
		}
		l.origins[key] = l.where(line)
	}
}

// pairs calls f for each key of the mapping n. An empty n, as when all below a key is
// commented out, is an empty mapping.
func (l *layer) pairs(n *yaml.Node, key, want string, f func(name, v *yaml.Node)) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		l.fail(n.Line, key, kindOf(n), want)
		return
	}
	lines := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		if name.Kind != yaml.ScalarNode {
			l.fail(name.Line, key, kindOf(name)+" as a key", "a name")
			continue
		}
		if first, ok := lines[name.Value]; ok {
			l.fail(name.Line, join(key, name.Value), fmt.Sprintf("the key twice (line %d)", first), "it once")
			continue
		}
		lines[name.Value] = name.Line
		f(name, n.Content[i+1])
	}
}

func (l *layer) fields(dst reflect.Value, n *yaml.Node, key string) {
	all := settings(dst.Type())
	byName := make(map[string]reflect.StructField, len(all))
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = yamlName(f)
		byName[names[i]] = f
	}
	l.pairs(n, key, "a mapping of "+strings.Join(names, ", "), func(name, v *yaml.Node) {
		f, ok := byName[name.Value]
		if !ok {
			want := nearest(name.Value, names)
			if want == "" && key == "" {
				want = keyNamed(name.Value)
			}
			if want == "" {
				want = "one of " + strings.Join(names, ", ")
			}
			l.fail(name.Line, join(key, shorten(name.Value)), "an unknown key", want)
			return
		}
		l.assign(dst.FieldByIndex(f.Index), v, join(key, name.Value), name.Line)
	})
}

// keyNamed returns the setting whose last name is s, for who forgot the section; "" if
// there is none.
func keyNamed(s string) string {
	for _, k := range keys() {
		if strings.HasSuffix(k.Name, "."+s) {
			return k.Name
		}
	}
	return ""
}

// entries changes the entries of a map that n names and keeps the others.
func (l *layer) entries(dst reflect.Value, n *yaml.Node, key string) {
	t := dst.Type()
	l.pairs(n, key, "a mapping of names", func(name, v *yaml.Node) {
		value := reflect.New(t.Elem()).Elem()
		k := reflect.ValueOf(name.Value)
		if dst.IsNil() {
			dst.Set(reflect.MakeMap(t))
		} else if old := dst.MapIndex(k); old.IsValid() {
			value.Set(old)
		}
		before := len(l.errs)
		l.origins[join(key, name.Value)] = l.where(name.Line)
		l.assign(value, v, join(key, name.Value), name.Line)
		if len(l.errs) == before || t.Elem().Kind() == reflect.Struct {
			dst.SetMapIndex(k, value)
		}
	})
}

func (l *layer) list(dst reflect.Value, n *yaml.Node, key string, line int) {
	if n.Kind != yaml.SequenceNode {
		l.fail(n.Line, key, kindOf(n), "a list such as [a, b]")
		return
	}
	// Not nil when it is empty: a set with replace: [] has none, one without replace its own.
	values := reflect.MakeSlice(dst.Type(), 0, len(n.Content))
	for i, item := range n.Content {
		value := reflect.New(dst.Type().Elem()).Elem()
		if l.element(value, item, key, i) {
			values = reflect.Append(values, value)
		}
	}
	dst.Set(values)
	l.origins[key] = l.where(line)
}

// element sets dst to item i of a list and reports whether that is sound.
func (l *layer) element(dst reflect.Value, item *yaml.Node, key string, i int) bool {
	want := scalar(dst, item)
	if want != "" {
		l.fail(item.Line, fmt.Sprintf("%s[%d]", key, i), kindOf(item), want)
	}
	return want == ""
}

// unmarshal lets a value read itself. The items of a list that have names get origins of
// their own.
func (l *layer) unmarshal(dst reflect.Value, n *yaml.Node, key string) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return
	}
	err := dst.Addr().Interface().(yaml.Unmarshaler).UnmarshalYAML(n)
	for _, err := range unjoin(err) {
		var syntax *filter.SyntaxError
		if errors.As(err, &syntax) {
			l.fail(syntax.Line, join(key, syntax.Key), syntax.Got, syntax.Want)
		} else {
			l.errs = append(l.errs, &Error{l.where(n.Line), key, err.Error()})
		}
	}
	for _, item := range n.Content {
		for i := 0; i+1 < len(item.Content); i += 2 {
			if item.Content[i].Value == "name" {
				l.origins[join(key, item.Content[i+1].Value)] = l.where(item.Line)
			}
		}
	}
}

// scalar sets dst to the scalar n, or returns what it should have been.
func scalar(dst reflect.Value, n *yaml.Node) (want string) {
	tag := n.ShortTag()
	if n.Kind != yaml.ScalarNode {
		tag = ""
	}
	switch dst.Kind() {
	case reflect.Bool:
		var b bool
		if tag != "!!bool" || n.Decode(&b) != nil {
			return "true or false"
		}
		dst.SetBool(b)
	case reflect.Int, reflect.Int64:
		var i int64
		if tag != "!!int" || n.Decode(&i) != nil || dst.OverflowInt(i) {
			return "a whole number"
		}
		dst.SetInt(i)
	case reflect.Float64:
		var f float64
		if tag != "!!int" && tag != "!!float" || n.Decode(&f) != nil {
			return "a number"
		}
		dst.SetFloat(f)
	case reflect.String:
		switch tag {
		case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
			dst.SetString(n.Value) // as it is written: 443 is "443"
		default:
			return "text"
		}
	default:
		return typeName(dst.Type())
	}
	return ""
}

// kindOf says what n is, for errors.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode && len(n.Content) == 1:
		return "a list of one"
	case n.Kind == yaml.SequenceNode:
		return "a list of " + strconv.Itoa(len(n.Content))
	case n.ShortTag() == "!!null":
		return "nothing"
	case !strings.HasPrefix(n.ShortTag(), "!!"):
		return "the tag " + shorten(n.Tag)
	case n.ShortTag() == "!!str":
		return source.Shorten([]byte(n.Value))
	}
	return shorten(n.Value)
}

// shorten bounds what an error shows of s, and escapes control characters.
func shorten(s string) string {
	const most = 64
	if len(s) <= most && strconv.Quote(s) == `"`+s+`"` {
		return s
	}
	return source.Shorten([]byte(s))
}
