package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"fresnel/internal/event"
)

// Clauses are a list of clauses. Read from YAML they change the list that is there: a
// clause with the name of an earlier one takes its place, {name: NAME, remove: true} drops
// it, any other is appended.
type Clauses []Clause

// Conditions are the conditions of a clause. In YAML they are fields with operators and
// their values: {source.ip: {network: $private_sources}, process.name: [a.exe, b.exe]}.
type Conditions []Condition

// A SyntaxError is one place of a YAML text that is no clause. Errors that the methods
// UnmarshalYAML return are SyntaxErrors joined.
type SyntaxError struct {
	Line int    // of the text, from 1
	Key  string // below the list of clauses: "private-source.where.source.ip"; "" for the list
	Got  string
	Want string
}

// Error says where, what was got and what was wanted.
func (e *SyntaxError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("line %d: got %s, want %s", e.Line, e.Got, e.Want)
	}
	return fmt.Sprintf("line %d: %s: got %s, want %s", e.Line, e.Key, e.Got, e.Want)
}

// UnmarshalYAML changes c by the list n. What is right in n takes effect beside errors.
func (c *Clauses) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return &SyntaxError{n.Line, "", kindOf(n), "a list of clauses"}
	}
	p := &parser{}
	clauses := slices.Clone(*c)
	named := make(map[string]bool) // in n
	for i, item := range n.Content {
		clause, remove := p.clause(item, fmt.Sprintf("clause %d", i+1))
		if clause.Name == "" {
			continue
		}
		if named[clause.Name] {
			p.fail(item, clause.Name, "a second clause of this name", "one")
			continue
		}
		named[clause.Name] = true
		at := slices.IndexFunc(clauses, func(old Clause) bool { return old.Name == clause.Name })
		switch {
		case remove && at < 0:
			p.fail(item, clause.Name+".remove", "the name of no clause", "one of "+strings.Join(names(*c), ", "))
		case remove:
			clauses = slices.Delete(clauses, at, at+1)
		case at >= 0:
			clauses[at] = clause
		default:
			clauses = append(clauses, clause)
		}
	}
	*c = clauses
	return errors.Join(p.errs...)
}

func names(c Clauses) []string {
	all := make([]string, len(c))
	for i, clause := range c {
		all[i] = clause.Name
	}
	return all
}

// A parser gathers all errors of a text.
type parser struct{ errs []error }

func (p *parser) fail(n *yaml.Node, key, got, want string) {
	p.errs = append(p.errs, &SyntaxError{n.Line, key, got, want})
}

// pairs calls f for each key of the mapping n; key names n in errors.
func (p *parser) pairs(n *yaml.Node, key, want string, f func(k, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, key, kindOf(n), want)
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if seen[k.Value] {
			p.fail(k, key+"."+k.Value, "the key twice", "it once")
			continue
		}
		seen[k.Value] = true
		f(k, n.Content[i+1])
	}
}

// clause reads one item of a list of clauses. Its name is empty when there is none to
// know it by.
func (p *parser) clause(n *yaml.Node, key string) (c Clause, remove bool) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if v := n.Content[i+1]; n.Content[i].Value == "name" && v.Kind == yaml.ScalarNode {
				c.Name = v.Value
			}
		}
	}
	if c.Name != "" {
		key = c.Name
	}
	var where *yaml.Node
	named := false
	p.pairs(n, key, "a clause: {name: NAME, where: {FIELD: CONDITION}}", func(k, v *yaml.Node) {
		switch k.Value {
		case "name":
			named = true
			if v.Kind != yaml.ScalarNode || v.ShortTag() == "!!null" || v.Value == "" {
				p.fail(v, key+".name", kindOf(v), "a name")
				c.Name = ""
			}
		case "where":
			where = v
		case "remove":
			if v.ShortTag() != "!!bool" || v.Decode(&remove) != nil || !remove {
				p.fail(v, key+".remove", kindOf(v), "true")
			}
		default:
			p.fail(k, key+"."+k.Value, "an unknown key", "name, where or remove")
		}
	})
	switch {
	case n.Kind != yaml.MappingNode:
	case !named:
		p.fail(n, key, "a clause without a name", "{name: NAME, ...}")
	case where == nil && !remove:
		p.fail(n, key, "a clause without conditions", "where: {FIELD: CONDITION}")
	case where != nil && remove:
		p.fail(n, key, "both where and remove", "one of them")
	case where != nil:
		c.Where = p.conditions(where, key+".where")
	}
	return c, remove
}

// UnmarshalYAML reads the conditions of one clause.
func (c *Conditions) UnmarshalYAML(n *yaml.Node) error {
	p := &parser{}
	*c = p.conditions(n, "where")
	return errors.Join(p.errs...)
}

func (p *parser) conditions(n *yaml.Node, key string) Conditions {
	var all Conditions
	p.pairs(n, key, "fields and conditions: {FIELD: CONDITION}", func(k, v *yaml.Node) {
		key := key + "." + k.Value
		field, err := event.ParseField(k.Value)
		if err != nil {
			p.fail(k, key, "an unknown field", "an event field, such as destination.ip")
			return
		}
		if v.Kind != yaml.MappingNode { // short for in
			if values, ok := p.values(v, key); ok {
				all = append(all, Condition{field, In, values})
			}
			return
		}
		if len(v.Content) == 0 {
			p.fail(v, key, "no operator", operatorsWanted)
		}
		p.pairs(v, key, "", func(k, v *yaml.Node) {
			key := key + "." + k.Value
			if k.Value == "exists" {
				var exists bool
				if v.ShortTag() != "!!bool" || v.Decode(&exists) != nil {
					p.fail(v, key, kindOf(v), "true or false")
					return
				}
				op := NotExists
				if exists {
					op = Exists
				}
				all = append(all, Condition{field, op, nil})
				return
			}
			op := slices.Index(opNames[:Exists], k.Value)
			if op < 0 {
				p.fail(k, key, "an unknown operator", operatorsWanted)
				return
			}
			if values, ok := p.values(v, key); ok {
				all = append(all, Condition{field, Op(op), values})
			}
		})
	})
	return all
}

var operatorsWanted = strings.Join(opNames[:Exists], ", ") + " or exists"

// values reads a value or a list of them.
func (p *parser) values(n *yaml.Node, key string) ([]string, bool) {
	if n.Kind == yaml.SequenceNode {
		values := make([]string, 0, len(n.Content))
		for _, item := range n.Content {
			if !isText(item) {
				p.fail(item, key, kindOf(item), "values")
				continue
			}
			values = append(values, item.Value)
		}
		return values, true
	}
	if !isText(n) {
		p.fail(n, key, kindOf(n), "a value or a list of values")
		return nil, false
	}
	return []string{n.Value}, true
}

// isText reports whether n can be taken as the text that it is written as: 443 is "443".
func isText(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode {
		return false
	}
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		return true
	}
	return false
}

// kindOf says what n is, for errors.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.ShortTag() == "!!null":
		return "nothing"
	}
	return quote(n.Value)
}

// quote quotes s for an error, at most 64 bytes of it.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// MarshalYAML returns c as UnmarshalYAML reads it.
func (c Conditions) MarshalYAML() (any, error) {
	where := &yaml.Node{Kind: yaml.MappingNode}
	operators := make(map[event.Field]*yaml.Node)
	for _, cond := range c {
		ops := operators[cond.Field]
		if ops == nil {
			ops = &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
			operators[cond.Field] = ops
			where.Content = append(where.Content, text(cond.Field.String()), ops)
		}
		switch cond.Op {
		case Exists, NotExists:
			v := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(cond.Op == Exists)}
			ops.Content = append(ops.Content, text("exists"), v)
		default:
			v := text("")
			if len(cond.Values) == 1 {
				v.SetString(cond.Values[0])
			} else {
				v = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
				for _, s := range cond.Values {
					v.Content = append(v.Content, text(s))
				}
			}
			ops.Content = append(ops.Content, text(cond.Op.String()), v)
		}
	}
	return where, nil
}

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}
