package filter

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"fresnel/internal/event"
)

var (
	setName    = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	clauseName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
)

// Validate returns everything that is wrong with c, joined; nil when c is sound. Each error
// begins with its key and a colon: "sets.common_processes.remove: got ..., want ...".
func (c Config) Validate() error {
	v := &validator{config: c, told: make(map[string]bool)}
	for _, name := range slices.Sorted(maps.Keys(c.Sets)) {
		v.set(name, c.Sets[name])
	}
	v.clauses("include", c.Include)
	v.clauses("exclude", c.Exclude)
	return errors.Join(v.errs...)
}

type validator struct {
	config Config
	errs   []error
	told   map[string]bool // errors that several clauses share are told once
}

func (v *validator) fail(key, got, want string) {
	text := fmt.Sprintf("%s: got %s, want %s", key, got, want)
	if !v.told[text] {
		v.told[text] = true
		v.errs = append(v.errs, errors.New(text))
	}
}

func (v *validator) set(name string, s Set) {
	key := "sets." + name
	values, known := builtin[name]
	if !setName.MatchString(name) {
		v.fail(key, quote(name), "a name of lower-case letters, digits and _")
	}
	if s.Replace != nil {
		values = s.Replace
	} else if !known {
		v.fail(key, "a new set without replace", "replace: [VALUES], or one of "+strings.Join(v.config.setNames(), ", "))
		return
	}
	for _, gone := range s.Remove {
		if !slices.Contains(values, gone) {
			v.fail(key+".remove", quote(gone), "a member of the set")
		}
	}
}

func (v *validator) clauses(list string, clauses Clauses) {
	seen := make(map[string]bool)
	for _, c := range clauses {
		key := list + "." + c.Name
		if !clauseName.MatchString(c.Name) {
			v.fail(list, quote(c.Name), "a name of lower-case letters, digits, - and _")
		}
		if seen[c.Name] {
			v.fail(key, "a second clause of this name", "one")
		}
		seen[c.Name] = true
		if len(c.Where) == 0 {
			v.fail(key+".where", "no condition", "one or more")
		}
		type question struct {
			field event.Field
			op    Op
		}
		asked := make(map[question]bool)
		for _, cond := range c.Where {
			if int(cond.Field) >= event.NumFields || cond.Op >= numOps {
				v.fail(key+".where", fmt.Sprintf("field %d and operator %d", cond.Field, cond.Op), "fields and operators that there are")
				continue
			}
			q := question{cond.Field, cond.Op}
			name := cond.Op.String()
			if cond.Op.Positive() == Exists {
				q.op, name = Exists, "exists" // one key of a configuration says both
			}
			condKey := fmt.Sprintf("%s.where.%v.%s", key, cond.Field, name)
			if asked[q] {
				v.fail(condKey, "the operator twice", "it once")
			}
			asked[q] = true
			v.condition(condKey, cond)
		}
	}
}

// condition checks that the values of cond suit its operator and its field.
func (v *validator) condition(key string, cond Condition) {
	op, kind := cond.Op.Positive(), cond.Field.Kind()
	var want string
	switch {
	case op == Exists && len(cond.Values) > 0:
		v.fail(key, "values", "none")
	case op == Exists:
	case kind == event.KindTime:
		want = "exists, the one operator for times"
	case op == Network && kind != event.KindIP:
		want = "another operator: the field is no address"
	case op == Wildcard && kind != event.KindText:
		want = "another operator: the field is no text"
	}
	if want != "" {
		v.fail(key, cond.Op.String(), want)
		return
	}
	for _, value := range cond.Values {
		name, literal := reference(value)
		if name == "" {
			if want := wanted(op, kind, literal); want != "" {
				v.fail(key, quote(literal), want)
			}
			continue
		}
		members, ok := v.config.Set(name)
		if !ok {
			v.fail(key, quote(value), "a set: $"+strings.Join(v.config.setNames(), ", $"))
			continue
		}
		v.members(key, name, members, op, kind)
	}
}

// members checks the members of a set that a condition refers to. It tells the first wrong
// one: a whole set of the wrong kind is one mistake.
func (v *validator) members(key, name string, members []string, op Op, kind event.Kind) {
	for _, m := range members {
		want := wanted(op, kind, m)
		if want == "" {
			continue
		}
		change := v.config.Sets[name]
		switch {
		case slices.Contains(change.Add, m):
			v.fail("sets."+name+".add", quote(m), want)
		case slices.Contains(change.Replace, m):
			v.fail("sets."+name+".replace", quote(m), want)
		default:
			v.fail(key, fmt.Sprintf("%q of $%s", m, name), want)
		}
		return
	}
}

// wanted says what a value should have been for an operator and a kind of field; "" when it
// is right.
func wanted(op Op, kind event.Kind, value string) string {
	switch {
	case op == Network:
		if _, err := parseNetwork(value); err != nil {
			return err.Error()
		}
	case kind == event.KindIP:
		if a, err := netip.ParseAddr(value); err != nil || a.Zone() != "" {
			return "an IP address (for a block of them there is the operator network)"
		}
	case kind == event.KindCount:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != value || n < 1 {
			return "a whole number of 1 or more (0 counts as missing)"
		}
	case kind == event.KindBool:
		if value != "true" && value != "false" {
			return "true or false"
		}
	case value == "":
		return "some text (an empty one counts as missing: exists: false)"
	case !utf8.ValidString(value):
		return "UTF-8"
	}
	return ""
}
