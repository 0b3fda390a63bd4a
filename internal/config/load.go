package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxFileBytes is the longest settings file that is read.
const MaxFileBytes = 1 << 20

// Sources are where settings come from. Later ones win: the defaults, the file, Saved, the
// environment, Set, Flags.
type Sources struct {
	// File is the settings file. When it is "", FRESNEL_CONFIG of Env names it; without
	// either there is no file.
	File string

	// FileData is the text of the file; File then only names it. Load reads File itself
	// when FileData is nil.
	FileData []byte

	// Saved holds what people set while the service ran, as KEY=VALUE behind the words that say
	// who did: {"set by anna", "beacon.max_jitter=0.2"}. Values are YAML.
	Saved [][2]string

	// Env holds variables as os.Environ returns them. Those that begin with FRESNEL_ are
	// settings: FRESNEL_BEACON_MAX_JITTER=0.2. Values are YAML.
	Env []string

	// Set holds the values of the flag --set: beacon.max_jitter=0.2. Values are YAML.
	Set []string

	// Flags holds what other flags set, in the form of Saved behind the name of the flag:
	// {"--every", "schedule.every=2h"}.
	Flags [][2]string
}

// Variables that begin with FRESNEL_ and are no settings.
const (
	fileVariable   = envPrefix + "CONFIG" // names the settings file
	sharedVariable = envPrefix + "SHARED" // tells tests where the shared data lies
)

// Loaded are settings and where they came from.
type Loaded struct {
	Config  Config
	File    string // the settings file that was read; "" for none
	origins map[string]string
	sources Sources
}

// FromDefault is the origin of a value that nobody set.
const FromDefault = "default"

// Origin tells where the value of a key came from: "fresnel.yaml:12", the name of an
// environment variable, the name of a flag, the words of Sources.Saved, or FromDefault. For a
// key below a setting it is the setting's.
func (l *Loaded) Origin(key string) string {
	for key != "" {
		if where, ok := l.origins[key]; ok {
			return where
		}
		key = key[:max(0, strings.LastIndexByte(key, '.'))]
	}
	return FromDefault
}

// Has reports whether a value of the key, or of one below it, came from where.
func (l *Loaded) Has(key, where string) bool {
	for k, from := range l.origins {
		if from == where && (k == key || strings.HasPrefix(k, key+".")) {
			return true
		}
	}
	return false
}

// Load reads the settings. Its error joins everything that is wrong, each an *Error.
func Load(s Sources) (*Loaded, error) {
	loaded := &Loaded{Config: Default(), File: s.File, origins: make(map[string]string)}
	var errs []error

	env, setEnv := variables(s.Env)
	if loaded.File == "" && s.FileData == nil {
		loaded.File = env[fileVariable]
	}
	if s.FileData == nil && loaded.File != "" {
		text, err := readFile(loaded.File)
		if err != nil {
			return nil, err
		}
		s.FileData = text
	}
	errs = append(errs, loaded.file(s.FileData)...)

	for _, f := range s.Saved {
		errs = append(errs, loaded.set(f[0], f[1])...)
	}
	for _, name := range setEnv {
		errs = append(errs, loaded.variable(name, env[name])...)
	}
	for _, assignment := range s.Set {
		errs = append(errs, loaded.set("--set", assignment)...)
	}
	for _, f := range s.Flags {
		errs = append(errs, loaded.set(f[0], f[1])...)
	}
	for _, err := range unjoin(loaded.Config.Validate()) {
		key, problem, _ := strings.Cut(err.Error(), ": ")
		errs = append(errs, &Error{loaded.Origin(key), key, problem})
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	s.File = loaded.File
	loaded.sources = s
	return loaded, nil
}

// Again loads the settings once more, from the same sources but for what change does to them.
// The file is not read again: its text counts that was read for l.
func (l *Loaded) Again(change func(*Sources)) (*Loaded, error) {
	s := l.sources
	s.Saved, s.Env, s.Set, s.Flags = slices.Clone(s.Saved), slices.Clone(s.Env), slices.Clone(s.Set), slices.Clone(s.Flags)
	change(&s)
	return Load(s)
}

// readFile returns the text of a settings file.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	return text, nil
}

// variables returns the variables of env that begin with FRESNEL_, and the names of those
// that are settings, sorted: so FRESNEL_A comes before FRESNEL_A_B, which is more special.
func variables(env []string) (values map[string]string, settings []string) {
	values = make(map[string]string)
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		if _, ok := values[name]; !ok && name != fileVariable && name != sharedVariable {
			settings = append(settings, name)
		}
		values[name] = value
	}
	slices.Sort(settings)
	return values, settings
}

// file takes the settings of the file.
func (l *Loaded) file(text []byte) []error {
	y := &layer{origins: l.origins, where: func(line int) string {
		if line == 0 {
			return l.File
		}
		return fmt.Sprintf("%s:%d", l.File, line)
	}}
	if len(text) > MaxFileBytes {
		y.fail(0, "", "more bytes", fmt.Sprintf("at most %d", MaxFileBytes))
		return y.errs
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	n, err := document(dec)
	if err != nil {
		return []error{&Error{l.File, "", err.Error()}}
	}
	if n == nil {
		return nil
	}
	if second, err := document(dec); second != nil || err != nil {
		line := 0
		if second != nil {
			line = second.Line
		}
		y.fail(line, "", "a second document", "one")
	}
	l.take(y, n, "")
	return y.errs
}

// document returns the next document of dec, nil at the end.
func document(dec *yaml.Decoder) (*yaml.Node, error) {
	var n yaml.Node
	switch err := dec.Decode(&n); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return n.Content[0], nil
}

// take puts the settings of n into l. key names n in errors.
func (l *Loaded) take(y *layer, n *yaml.Node, key string) {
	// An alias of an alias of an alias can stand for more than fits in memory, and no
	// setting needs one.
	if alias := findAlias(n); alias != nil {
		y.fail(alias.Line, key, "an anchor or alias", "the value itself")
		return
	}
	y.assign(reflect.ValueOf(&l.Config).Elem(), n, "", n.Line)
}

func findAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return n
	}
	for _, child := range n.Content {
		if found := findAlias(child); found != nil {
			return found
		}
	}
	return nil
}

// variable takes the setting of one environment variable.
func (l *Loaded) variable(name, value string) []error {
	y := &layer{origins: l.origins, where: func(int) string { return name }}
	path := envPath(reflect.TypeFor[Config](), strings.TrimPrefix(name, envPrefix))
	if path == nil {
		var names []string
		for _, k := range keys() {
			names = append(names, k.Env())
		}
		want := nearest(name, append(names, fileVariable))
		if want == "" {
			want = "the name of a setting, such as " + envName("beacon.max_jitter")
		}
		y.fail(0, "", "an unknown variable", want)
		return y.errs
	}
	l.assignment(y, path, value)
	return y.errs
}

// envPath returns the key, in parts, that an environment variable sets: rest is what is
// left of its name. It returns nil when there is none. Names of the user's choice are in
// lower case.
func envPath(t reflect.Type, rest string) []string {
	switch {
	case t.Kind() == reflect.Struct && !unmarshals(t):
		for _, f := range settings(t) {
			name := yamlName(f)
			if below, ok := strings.CutPrefix(rest, strings.ToUpper(name)); ok {
				if below == "" {
					return []string{name}
				}
				if path := envPath(f.Type, strings.TrimPrefix(below, "_")); path != nil && below[0] == '_' {
					return append([]string{name}, path...)
				}
			}
		}
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		for _, f := range settings(t.Elem()) {
			name, ok := strings.CutSuffix(rest, "_"+strings.ToUpper(yamlName(f)))
			if ok && name != "" {
				return []string{strings.ToLower(name), yamlName(f)}
			}
		}
	}
	return nil
}

// set takes the assignment of one flag.
func (l *Loaded) set(flag, assignment string) []error {
	y := &layer{origins: l.origins, where: func(int) string { return flag }}
	key, value, ok := strings.Cut(assignment, "=")
	key = strings.TrimSpace(key)
	if !ok || key == "" {
		y.fail(0, "", shorten(assignment), "KEY=VALUE, such as beacon.max_jitter=0.2")
		return y.errs
	}
	l.assignment(y, keyPath(reflect.TypeFor[Config](), key), value)
	return y.errs
}

// keyPath returns the parts of a key. Parts of a name of the user's choice that has no
// settings below it are one: in columns.a.b of a column map, a.b is a column.
func keyPath(t reflect.Type, key string) []string {
	head, rest, more := strings.Cut(key, ".")
	if !more {
		return []string{key}
	}
	var below reflect.Type
	switch {
	case unmarshals(t):
	case t.Kind() == reflect.Struct:
		for _, f := range settings(t) {
			if yamlName(f) == head {
				below = f.Type
			}
		}
		if below == nil {
			return []string{head} // unknown: assign says so
		}
	case t.Kind() == reflect.Map && (t.Elem().Kind() == reflect.Struct || t.Elem().Kind() == reflect.Map):
		below = t.Elem()
	}
	if below == nil {
		return []string{key}
	}
	return append([]string{head}, keyPath(below, rest)...)
}

// assignment takes the YAML text value for the key with the parts path.
func (l *Loaded) assignment(y *layer, path []string, value string) {
	n, err := document(yaml.NewDecoder(strings.NewReader(value)))
	if err != nil {
		y.errs = append(y.errs, &Error{y.where(0), strings.Join(path, "."), "got " + shorten(value) + ", want YAML: " + err.Error()})
		return
	}
	if n == nil {
		n = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	}
	for _, name := range slices.Backward(path) {
		n = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: name}, n}}
	}
	l.take(y, n, strings.Join(path, "."))
}
