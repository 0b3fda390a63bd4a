package query

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// A use is one place of a query that names a field, or free text.
type use struct {
	prefix     string // of a Nested around it
	pattern    Pattern
	start, end int // in the query
	as         purpose
	freeText   bool
}

// A purpose says what is asked of a field.
type purpose uint8

const (
	asValue  purpose = iota // it has values
	asAny                   // it, or what is below it, has any
	asObject                // it has objects
)

// Check reports whether q asks for fields that there are: those given, with dots in their
// names. What is wrong is returned as *Errors, joined, each with what may have been meant. A
// field with stars must fit one or more.
//
// Without it, what is misspelt matches nothing, and its negation everything.
func (q *Query) Check(fields []string) error {
	k := known{fields: fields}
	for _, f := range fields {
		for i := range len(f) {
			if f[i] == '.' {
				k.objects = append(k.objects, f[:i])
			}
		}
	}
	slices.Sort(k.objects)
	k.objects = slices.Compact(k.objects)
	var errs []error
	for _, u := range q.uses {
		if got, want, hint := k.check(u); want != "" {
			errs = append(errs, newError(q.text, u.start, u.end, got, want, hint))
		}
	}
	return errors.Join(errs...)
}

// known are the names that there are.
type known struct {
	fields  []string
	objects []string // names of what fields stand in, sorted
}

// check returns what is wrong with a use; an empty want when nothing is.
func (k *known) check(u use) (got, want, hint string) {
	got = u.pattern.source()
	if u.freeText {
		return k.checkText(u.pattern)
	}
	name := u.prefix + got
	if len(u.pattern) > 1 {
		full := slices.Clone(u.pattern)
		full[0] = u.prefix + full[0]
		if slices.ContainsFunc(k.fields, full.covers) {
			return "", "", ""
		}
		if object, ok := strings.CutSuffix(got, ".*"); ok && !strings.Contains(object, "*") {
			names := nearest(object, below(u.prefix, k.objects))
			for i := range names {
				names[i] += ".*"
			}
			hint = didYouMean(names)
		}
		return got, "what one or more known fields fit", hint
	}
	isField := slices.Contains(k.fields, name)
	_, isObject := slices.BinarySearch(k.objects, name)
	switch {
	case u.as == asObject && isObject, u.as == asAny && (isField || isObject), u.as == asValue && isField:
		return "", "", ""
	case u.as == asObject && isField:
		return got, "a field with others below it before {", ""
	case u.as == asValue && isObject:
		names := below(name+".", k.fields)
		names = names[:min(len(names), maxSuggestions)]
		for i := range names {
			names[i] = got + "." + names[i]
		}
		return got, "one of the fields below it", didYouMean(names)
	}
	names := k.fields
	if u.as == asObject {
		names = k.objects
	}
	if strings.Contains(got, "*") {
		return got, "a known field", "in quotes a star is not a wildcard"
	}
	return got, "a known field", didYouMean(nearest(got, below(u.prefix, names)))
}

// below returns the names that begin with prefix, without it.
func below(prefix string, names []string) []string {
	if prefix == "" {
		return names
	}
	var all []string
	for _, n := range names {
		if rest, ok := strings.CutPrefix(n, prefix); ok {
			all = append(all, rest)
		}
	}
	return all
}

// checkText finds free text that was meant for a field: "host.name=ws-01", "host.name ws-01".
func (k *known) checkText(p Pattern) (got, want, hint string) {
	text := p.source()
	field, value := text, "*"
	not := ""
	if i := strings.IndexAny(text, "=!~ "); i >= 0 {
		field, value = text[:i], strings.TrimLeft(text[i:], "=!~ ")
		if text[i] == '!' {
			not = "not "
		}
	}
	if !slices.Contains(k.fields, field) {
		return "", "", ""
	}
	return text, "a colon behind the field", didYouMean([]string{not + field + ": " + value})
}

// maxSuggestions is how many names are suggested.
const maxSuggestions = 3

func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(names, " or ") + "?"
}

// nearest returns the names that are most like name, if any are like it: the same in another
// case, with something before it or without, or with few other letters.
func nearest(name string, names []string) []string {
	const longest = 64 // longer ones are no misspelling, and cost
	low := strings.ToLower(name)
	if low == "" || len(low) > longest {
		return nil
	}
	limit := max(1, len(low)/3)
	distance := func(other string) int {
		other = strings.ToLower(other)
		switch {
		case other == low:
			return 0
		case strings.HasSuffix(other, "."+low), strings.HasSuffix(low, "."+other):
			return 1
		case len(other) > longest:
			return limit + 1
		}
		return editDistance(low, other)
	}
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	for _, other := range names {
		if d := distance(other); d <= limit {
			near = append(near, candidate{other, d})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	var best []string
	for _, c := range near {
		if c.distance > near[0].distance || len(best) == maxSuggestions {
			break
		}
		best = append(best, c.name)
	}
	return best
}

// editDistance returns how many bytes must be added, taken away, replaced, or exchanged with
// their neighbour to make b of a.
func editDistance(a, b string) int {
	var before, last, row [65]int // of the table, for prefixes of b, which has at most 64 bytes
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
