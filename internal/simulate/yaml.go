package simulate

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A decoder fills structs from YAML and gathers all errors, each with its line and key.
type decoder struct{ errs []error }

func (d *decoder) fail(n *yaml.Node, key, got, want string) {
	d.errs = append(d.errs, fmt.Errorf("line %d: %s: got %s, want %s", n.Line, key, got, want))
}

// decode reads text into the struct that into points to.
func decode(text []byte, into any) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	if len(doc.Content) == 0 {
		return nil // an empty file: all defaults
	}
	d := &decoder{}
	d.value(doc.Content[0], "scenario", reflect.ValueOf(into).Elem())
	return errors.Join(d.errs...)
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
)

func (d *decoder) value(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case v.Type() == durationType:
		t, err := parseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.fail(n, key, shown(n), "a duration such as 90s, 6h or 3d")
			return
		}
		v.SetInt(int64(t))
	case v.Type() == timeType:
		t, err := time.Parse(time.RFC3339, n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.fail(n, key, shown(n), "a time such as 2026-03-02T00:00:00Z")
			return
		}
		v.Set(reflect.ValueOf(t))
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, key, v.Elem())
	case v.Kind() == reflect.Struct:
		d.mapping(n, key, v)
	case v.Kind() == reflect.Map:
		d.amounts(n, key, v)
	case v.Kind() == reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.fail(n, key, shown(n), "a list")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			d.value(item, fmt.Sprintf("%s[%d]", key, i), v.Index(i))
		}
	default:
		d.scalar(n, key, v)
	}
}

func (d *decoder) scalar(n *yaml.Node, key string, v reflect.Value) {
	want := map[reflect.Kind]string{reflect.String: "a text", reflect.Int: "a whole number", reflect.Float64: "a number", reflect.Bool: "true or false"}[v.Kind()]
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.Decode(v.Addr().Interface()) != nil {
		d.fail(n, key, shown(n), want)
	}
}

// mapping reads the keys of a struct; those that are missing keep their value.
func (d *decoder) mapping(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, key, shown(n), "keys and values")
		return
	}
	fields := make(map[string]int)
	var names []string
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "" && name != "-" {
			fields[name] = i
			names = append(names, name)
		}
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		path := strings.TrimPrefix(key+"."+k.Value, "scenario.")
		at, ok := fields[k.Value]
		switch {
		case !ok:
			d.fail(k, path, "an unknown key", "one of "+strings.Join(names, ", "))
		case seen[k.Value]:
			d.fail(k, path, "the key twice", "it once")
		default:
			seen[k.Value] = true
			d.value(n.Content[i+1], path, v.Field(at))
		}
	}
}

// amounts reads names and numbers over those that are there. Which names there are, the map
// itself says: it holds all of them.
func (d *decoder) amounts(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, key, shown(n), "names and numbers")
		return
	}
	var names []string
	for _, k := range v.MapKeys() {
		names = append(names, k.String())
	}
	slices.Sort(names)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, item := n.Content[i], n.Content[i+1]
		path := key + "." + k.Value
		if !slices.Contains(names, k.Value) {
			d.fail(k, path, "an unknown key", "one of "+strings.Join(names, ", "))
			continue
		}
		amount := reflect.New(v.Type().Elem()).Elem()
		d.scalar(item, path, amount)
		v.SetMapIndex(reflect.ValueOf(k.Value), amount)
	}
}

func shown(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	case len(n.Value) > 64:
		return strconv.Quote(n.Value[:64]) + "..."
	}
	return strconv.Quote(n.Value)
}

// parseDuration reads what time.ParseDuration reads, and days: 3d.
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		return time.Duration(n * 24 * float64(time.Hour)), err
	}
	return time.ParseDuration(s)
}
