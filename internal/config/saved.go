package config

import (
	"bytes"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// setKeys are what keys look like that are set while the service runs: less than YAML allows,
// so that none needs quotes anywhere.
var setKeys = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// Tunable returns an *Error unless key is that of a setting of what detection looks for, which
// can be changed while the service runs.
func Tunable(key string) error {
	i := slices.IndexFunc(keys(), func(k Key) bool { return k.has(key) })
	if i < 0 || !setKeys.MatchString(key) {
		var names []string
		for _, k := range keys() {
			names = append(names, k.Name)
		}
		want := nearest(key, names)
		if want == "" {
			want = keyNamed(key)
		}
		if want == "" {
			want = "the key of a setting, such as beacon.max_jitter"
		}
		return &Error{Key: shorten(key), Problem: "got an unknown key, want " + want}
	}
	if !(Change{Key: key}).Detection() {
		return &Error{Key: key, Problem: "got a setting of the service, want one of what detection looks for: " + strings.Join(detection, ", ")}
	}
	return nil
}

// has reports whether a key is that of k, or of an entry of the mapping that k is.
func (k Key) has(key string) bool {
	return matches(k.Name, key) || k.Default == "{}" && strings.HasPrefix(key, k.Name+".")
}

// YAML returns settings, values in YAML by their keys, as a file has them.
func YAML(set map[string]string) (string, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		value, err := document(yaml.NewDecoder(strings.NewReader(set[key])))
		if err != nil {
			return "", &Error{Key: key, Problem: "got " + shorten(set[key]) + ", want YAML: " + err.Error()}
		}
		if value == nil {
			value = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
		}
		path := keyPath(reflect.TypeFor[Config](), key)
		at := root
		for _, name := range path[:len(path)-1] {
			at = below(at, name)
		}
		at.Content = append(at.Content, nameNode(path[len(path)-1]), value)
	}
	if len(root.Content) == 0 {
		return "", nil
	}
	var b bytes.Buffer
	err := encode(&b, root)
	return b.String(), err
}

// below returns the mapping below a name of another, which it makes where there is none.
func below(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name && n.Content[i+1].Kind == yaml.MappingNode {
			return n.Content[i+1]
		}
	}
	m := &yaml.Node{Kind: yaml.MappingNode}
	n.Content = append(n.Content, nameNode(name), m)
	return m
}

func nameNode(name string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(name)
	return n
}
