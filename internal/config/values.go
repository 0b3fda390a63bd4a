package config

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Value is one setting in force.
type Value struct {
	Key     string
	Value   string // as YAML on one line
	Default string // likewise; "" below a name of the user's choice
	From    string // as Loaded.Origin says
	Doc     string
}

// Values returns all settings in force, in the order of the default file. What is below a name
// of the user's choice, or a list of clauses, is there once it is set.
func (l *Loaded) Values() []Value {
	var values []Value
	all := Keys()
	flatten((&tree{}).fields(reflect.ValueOf(l.Config), ""), "", func(key string, n *yaml.Node) {
		v := Value{Key: key, Value: text(n), From: l.Origin(key)}
		if i := slices.IndexFunc(all, func(k Key) bool { return matches(k.Name, key) }); i >= 0 {
			v.Doc, v.Default = all[i].Doc, all[i].Default
		}
		values = append(values, v)
	})
	return values
}

// flatten calls f for each setting below n.
func flatten(n *yaml.Node, key string, f func(key string, n *yaml.Node)) {
	if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 {
		f(key, n)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		flatten(n.Content[i+1], join(key, n.Content[i].Value), f)
	}
}

// text returns n as YAML on one line.
func text(n *yaml.Node) string {
	flow(n)
	b, err := yaml.Marshal(n)
	if err != nil {
		panic(err) // it was made from values that have no errors
	}
	return strings.Join(strings.Fields(string(b)), " ")
}

// matches reports whether a key is the one of a Key's name, in which NAME stands for any name.
func matches(name, key string) bool {
	before, after, ok := strings.Cut(name, ".NAME.")
	if !ok {
		return name == key
	}
	return strings.HasPrefix(key, before+".") && strings.HasSuffix(key, "."+after)
}

// A Change is a setting that is not what it was.
type Change struct {
	Key, From, To string // To or From is "" where it is not set
}

// detection are the sections that say what the detection looks for, and not where and when.
var detection = []string{"beacon", "filter", "detector", "timing", "rank", "group_by", "limits"}

// Detection reports whether the setting says what the detection looks for.
func (c Change) Detection() bool {
	section, _, _ := strings.Cut(c.Key, ".")
	return slices.Contains(detection, section)
}

// Diff returns what is different in other, by key.
func (l *Loaded) Diff(other *Loaded) []Change {
	before := map[string]string{}
	for _, v := range l.Values() {
		before[v.Key] = v.Value
	}
	var changes []Change
	for _, v := range other.Values() {
		if from := before[v.Key]; from != v.Value {
			changes = append(changes, Change{v.Key, from, v.Value})
		}
		delete(before, v.Key)
	}
	for key, from := range before {
		changes = append(changes, Change{Key: key, From: from})
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Key, b.Key) })
	return changes
}
