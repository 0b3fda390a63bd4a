// Package filter decides which events are looked at.
//
// A filter is data: clauses of conditions on the fields of an event, and named sets of
// values that the conditions refer to. Config is that data, Compile makes it fast. Whoever
// reads the same data for another engine (SQL, a query language) walks Config.Include and
// Config.Exclude and asks Config.Values for what a condition compares with;
// testdata/cases.yaml holds the cases that every reader must answer alike.
//
// Source: beacon-statistics.md, section 8.
package filter

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"fresnel/internal/event"
)

// A Config is a filter as data.
//
// An event is looked at when no clause of Exclude matches it and, unless Include is empty,
// at least one clause of Include does.
type Config struct {
	Enabled    bool           `yaml:"enabled" doc:"false looks at every event"`
	IgnoreCase bool           `yaml:"ignore_case" doc:"compare text without regard to the case of ASCII letters"`
	Sets       map[string]Set `yaml:"sets" doc:"changes to the named sets, by name; a name of one's own with replace makes a new set"`
	Include    Clauses        `yaml:"include" type:"list of clauses" doc:"an event is looked at when one of these matches; a clause named like an earlier one replaces it, {name: NAME, remove: true} drops it; with none left everything matches"`
	Exclude    Clauses        `yaml:"exclude" type:"list of clauses" doc:"and none of these does; they are asked first, in their order"`
}

// A Set changes a named set: first Replace, then Remove, then Add.
type Set struct {
	Add     []string `yaml:"add" doc:"values that join the set"`
	Remove  []string `yaml:"remove" doc:"values that leave the set; each must be there"`
	Replace []string `yaml:"replace" doc:"values instead of the built-in ones; [] empties the set, leaving it out keeps them"`
}

// A Clause matches an event when all its conditions hold.
type Clause struct {
	Name  string     `yaml:"name"`
	Where Conditions `yaml:"where"`
}

// A Condition compares one field of an event with values.
type Condition struct {
	Field event.Field
	Op    Op

	// Values are literals and names of sets, these with a "$" before them; a literal that
	// begins with "$" is written with "$$". They are empty for Exists and NotExists.
	Values []string
}

// An Op is what a condition asks of its field.
//
// Each has its negation, which holds exactly where the other does not; so on a missing
// field the positive ones never hold and the negated ones always do.
type Op uint8

// The operators.
const (
	In          Op = iota // the field is one of the values
	NotIn                 // in a configuration: not_in
	Wildcard              // the text matches one of the patterns: * is any text, ? one character
	NotWildcard           // in a configuration: not_wildcard
	Network               // the address lies in one of the networks
	NotNetwork            // in a configuration: not_network
	Exists                // the field has a value; in a configuration: exists: true
	NotExists             // in a configuration: exists: false

	numOps = iota
)

var opNames = [numOps]string{"in", "not_in", "wildcard", "not_wildcard", "network", "not_network", "exists", "not exists"}

// String returns the name of o.
func (o Op) String() string { return opNames[o] }

// Negated reports whether o is a negation.
func (o Op) Negated() bool { return o&1 == 1 }

// Positive returns o without its negation.
func (o Op) Positive() Op { return o &^ 1 }

//go:embed defaults.yaml
var defaultsYAML []byte

// builtin are the sets that every filter starts from.
var builtin = func() map[string][]string {
	var sets map[string][]string
	if err := yaml.Unmarshal(defaultsYAML, &sets); err != nil {
		panic(err) // the file is part of the program
	}
	return sets
}()

// Default returns the filter of the reference.
func Default() Config {
	return Config{
		Enabled: true,
		Include: Clauses{
			{"private-source", Conditions{
				{event.SourceIP, Network, []string{"$private_sources"}},
				{event.DestinationIP, NotNetwork, []string{"$local_destinations"}},
			}},
			{"remote-only-processes", Conditions{
				{event.ProcessName, In, []string{"$remote_only_processes"}},
				{event.DestinationIP, NotNetwork, []string{"$local_destinations", "$microsoft_destinations"}},
			}},
		},
		Exclude: Clauses{
			{"not-network", Conditions{
				{event.EventCategory, NotIn, []string{"network"}},
			}},
			{"no-destination", Conditions{
				{event.DestinationIP, NotExists, nil},
			}},
			{"other-actions", Conditions{
				{event.EventAction, Exists, nil},
				{event.EventAction, NotIn, []string{"$finished_connection_actions"}},
			}},
			{"common-processes", Conditions{
				{event.ProcessName, In, []string{"$common_processes"}},
			}},
		},
	}
}

// Remote returns the filter of what the rank looks at beside what c keeps: every event with a
// remote destination, whatever process it is of. The exclusions of c that look at the process
// are left out, for a name is evidence to be weighed and no proof.
func (c Config) Remote() Config {
	r := Config{Enabled: c.Enabled, IgnoreCase: c.IgnoreCase, Sets: c.Sets}
	r.Include = Clauses{{"remote-destination", Conditions{{event.DestinationIP, NotNetwork, []string{"$local_destinations"}}}}}
	for _, clause := range c.Exclude {
		if !slices.ContainsFunc(clause.Where, func(cond Condition) bool {
			return strings.HasPrefix(cond.Field.String(), "process.")
		}) {
			r.Exclude = append(r.Exclude, clause)
		}
	}
	return r
}

// BuiltinSets returns the names of the built-in sets, sorted.
func BuiltinSets() []string {
	names := make([]string, 0, len(builtin))
	for name := range builtin {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// setNames returns the names of all sets of c, sorted.
func (c Config) setNames() []string {
	names := BuiltinSets()
	for name, s := range c.Sets {
		if _, ok := builtin[name]; !ok && s.Replace != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Set returns the values of a named set after the changes of c, and whether there is one.
func (c Config) Set(name string) ([]string, bool) {
	values, ok := builtin[name]
	change := c.Sets[name]
	if change.Replace != nil {
		values, ok = change.Replace, true
	}
	if !ok {
		return nil, false
	}
	values = slices.Clone(values)
	values = slices.DeleteFunc(values, func(v string) bool { return slices.Contains(change.Remove, v) })
	for _, v := range change.Add {
		if !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values, true
}

// Values returns what a condition compares with: its literals and the members of its sets.
// A set that c does not have is an error.
func (c Config) Values(cond Condition) ([]string, error) {
	var values []string
	for _, v := range cond.Values {
		name, literal := reference(v)
		if name == "" {
			values = append(values, literal)
			continue
		}
		members, ok := c.Set(name)
		if !ok {
			return nil, fmt.Errorf("got $%s, want a set: %s", name, strings.Join(c.setNames(), ", "))
		}
		values = append(values, members...)
	}
	return values, nil
}

// reference returns the name of the set that a value of a condition refers to, or the
// literal that it is.
func reference(v string) (set, literal string) {
	switch {
	case strings.HasPrefix(v, "$$"):
		return "", v[1:]
	case len(v) > 1 && v[0] == '$':
		return v[1:], ""
	}
	return "", v
}

// String returns c as one reads it: "destination.ip not_network $local_destinations".
func (c Condition) String() string {
	switch {
	case c.Op == Exists:
		return c.Field.String() + " exists"
	case c.Op == NotExists:
		return c.Field.String() + " is missing"
	case len(c.Values) == 1:
		return fmt.Sprintf("%v %v %s", c.Field, c.Op, c.Values[0])
	}
	return fmt.Sprintf("%v %v [%s]", c.Field, c.Op, strings.Join(c.Values, ", "))
}

// String returns the conditions of c as one reads them.
func (c Clause) String() string {
	parts := make([]string, len(c.Where))
	for i, cond := range c.Where {
		parts[i] = cond.String()
	}
	return strings.Join(parts, " and ")
}
