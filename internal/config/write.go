package config

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"fresnel/internal/filter"
)

// WriteDefault writes a settings file with every setting, its description and its default.
// Loaded, it changes nothing.
func WriteDefault(w io.Writer) error {
	t := &tree{
		about: func(f reflect.StructField, key string) string {
			doc := f.Tag.Get("doc")
			if key == "filter.sets" {
				doc += "\nbuilt-in sets: " + strings.Join(filter.BuiltinSets(), ", ")
				for _, below := range settings(f.Type.Elem()) {
					doc += fmt.Sprintf("\n  NAME.%s: %s", yamlName(below), below.Tag.Get("doc"))
				}
			}
			return doc
		},
	}
	n := t.fields(reflect.ValueOf(Default()), "")
	n.Content[0].HeadComment = "# Every setting with its default. What is left out keeps its default; unknown keys are errors.\n# Environment variables (" + envName("beacon.max_jitter") + ") and --set beacon.max_jitter=0.2 come before this file.\n" + n.Content[0].HeadComment
	return encode(w, n)
}

// Show writes the settings as a file, each with a comment that says where it came from.
// Loaded, the file gives the same settings.
func (l *Loaded) Show(w io.Writer) error {
	t := &tree{origin: l.Origin}
	return encode(w, t.fields(reflect.ValueOf(l.Config), ""))
}

func encode(w io.Writer, n *yaml.Node) error {
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// A tree makes YAML of settings.
type tree struct {
	about  func(f reflect.StructField, key string) string // comment above a setting; nil for none
	origin func(key string) string                        // comment behind a value; nil for none
}

// value returns v, which has the given key, as YAML.
func (t *tree) value(v reflect.Value, key string) *yaml.Node {
	if clauses, ok := v.Interface().(filter.Clauses); ok {
		return t.clauses(clauses, key)
	}
	switch {
	case v.Kind() == reflect.Struct:
		return t.fields(v, key)
	case v.Kind() == reflect.Map && v.Len() > 0:
		return t.entries(v, key)
	}
	n := leaf(v)
	if t.origin != nil {
		n.LineComment = "# " + t.origin(key)
	}
	return n
}

// leaf returns v as YAML on one line.
func leaf(v reflect.Value) *yaml.Node {
	n := &yaml.Node{}
	x := v.Interface()
	switch {
	case v.Type() == durationType:
		x = duration(x.(time.Duration))
	case v.Kind() == reflect.Slice && v.IsNil():
		x = []string{}
	case v.Kind() == reflect.Map && v.IsNil():
		x = map[string]string{}
	}
	if err := n.Encode(x); err != nil {
		panic(err) // numbers, texts and lists of them have no errors
	}
	flow(n)
	return n
}

// flow puts n on one line.
func flow(n *yaml.Node) {
	if n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode {
		n.Style = yaml.FlowStyle
	}
	for _, child := range n.Content {
		flow(child)
	}
}

// oneLine returns v as YAML text on one line; for a list of clauses their names.
func oneLine(v reflect.Value) string {
	if clauses, ok := v.Interface().(filter.Clauses); ok {
		names := make([]string, len(clauses))
		for i, c := range clauses {
			names[i] = c.Name
		}
		return strings.Join(names, ", ")
	}
	text, err := yaml.Marshal(leaf(v))
	if err != nil {
		panic(err) // as in leaf
	}
	return strings.TrimSpace(string(text))
}

func (t *tree) fields(v reflect.Value, key string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range settings(v.Type()) {
		key := join(key, yamlName(f))
		name := &yaml.Node{Kind: yaml.ScalarNode, Value: yamlName(f)}
		if t.about != nil {
			name.HeadComment = comment(t.about(f, key))
			if !strings.Contains(key, ".") {
				name.HeadComment = "\n" + name.HeadComment // an empty line before a section
			}
		}
		n.Content = append(n.Content, name, t.value(v.FieldByIndex(f.Index), key))
	}
	return n
}

// comment makes comment lines of doc, broken between words.
func comment(doc string) string {
	const most = 96
	var lines []string
	for line := range strings.SplitSeq(doc, "\n") {
		for len(line) > most {
			i := strings.LastIndexByte(line[:most+1], ' ')
			if i <= 0 {
				break
			}
			lines = append(lines, "# "+line[:i])
			line = line[i+1:]
		}
		lines = append(lines, "# "+line)
	}
	return strings.Join(lines, "\n")
}

// entries returns the entries of a map. Of structs in it what is not set is left out.
func (t *tree) entries(v reflect.Value, key string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	names := v.MapKeys()
	slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range names {
		key, elem := join(key, k.String()), v.MapIndex(k)
		name := &yaml.Node{}
		name.SetString(k.String())
		if elem.Kind() != reflect.Struct {
			n.Content = append(n.Content, name, t.value(elem, key))
			continue
		}
		below := &yaml.Node{Kind: yaml.MappingNode}
		for _, f := range settings(elem.Type()) {
			if field := elem.FieldByIndex(f.Index); !field.IsZero() {
				below.Content = append(below.Content,
					&yaml.Node{Kind: yaml.ScalarNode, Value: yamlName(f)}, t.value(field, join(key, yamlName(f))))
			}
		}
		n.Content = append(n.Content, name, below)
	}
	return n
}

// clauses returns a list of clauses. Default clauses that were dropped are in it as such.
func (t *tree) clauses(clauses filter.Clauses, key string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	item := func(name string, what string, value *yaml.Node) {
		first := &yaml.Node{}
		first.SetString(name)
		if t.origin != nil {
			first.LineComment = "# " + t.origin(join(key, name))
		}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			{Kind: yaml.ScalarNode, Value: "name"}, first, {Kind: yaml.ScalarNode, Value: what}, value,
		}})
	}
	for _, c := range clauses {
		where := &yaml.Node{}
		if err := where.Encode(c.Where); err != nil {
			panic(err) // Conditions return none
		}
		item(c.Name, "where", where)
	}
	defaults := map[string]filter.Clauses{"filter.include": filter.Default().Include, "filter.exclude": filter.Default().Exclude}
	for _, c := range defaults[key] {
		kept := slices.ContainsFunc(clauses, func(k filter.Clause) bool { return k.Name == c.Name })
		if !kept {
			item(c.Name, "remove", leaf(reflect.ValueOf(true)))
		}
	}
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n
}
