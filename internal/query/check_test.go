package query_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"fresnel/internal/finding"
	"fresnel/internal/query"
)

// schemaFields returns the fields that the schema of findings has.
func schemaFields(t testing.TB) []string {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal(finding.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	var fields []string
	var add func(path string, at map[string]any)
	add = func(path string, at map[string]any) {
		if ref, ok := at["$ref"].(string); ok {
			add(path, schema["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any))
			return
		}
		if items, ok := at["items"].(map[string]any); ok {
			add(path, items)
			return
		}
		if alternatives, ok := at["oneOf"].([]any); ok {
			for _, a := range alternatives {
				add(path, a.(map[string]any))
			}
			return
		}
		properties, ok := at["properties"].(map[string]any)
		if !ok {
			fields = append(fields, path)
			return
		}
		for key, below := range properties {
			add(strings.TrimPrefix(path+"."+key, "."), below.(map[string]any))
		}
	}
	add("", schema)
	slices.Sort(fields)
	return slices.Compact(fields)
}

func TestCheck(t *testing.T) {
	fields := schemaFields(t)
	for _, row := range []struct {
		name, query string
		want        []string
	}{
		{"fields that there are", "host.name: a and not (event.risk_score > 1 or process.pid: *) and fresnel.reasons.code: b", nil},
		{"none", "", nil},
		{"free text", "chrome and c*", nil},
		{"objects that exist", "process: * and fresnel.timing: *", nil},
		{"objects with braces", "fresnel.reasons: {code: a and points > 1} and fresnel.other_destinations: {reasons: {text: *} or timing: *}", nil},
		{"stars", "*.name: a and process.*: b and *: c and process.code_*.s*: *", nil},
		{"a letter is missing", "host.nme: a", []string{"column 1: got host.nme, want a known field; did you mean host.name?"}},
		{"letters are exchanged", "hots.name: a", []string{"column 1: got hots.name, want a known field; did you mean host.name?"}},
		{"another case", "Host.Name: a", []string{"column 1: got Host.Name, want a known field; did you mean host.name?"}},
		{"only the last name", "ja3: a", []string{"column 1: got ja3, want a known field; did you mean tls.client.ja3?"}},
		{"only the last names", "risk_score > 1", []string{"column 1: got risk_score, want a known field; did you mean event.risk_score or fresnel.other_destinations.risk_score?"}},
		{"one of many", "name: a", []string{"column 1: got name, want a known field; did you mean host.name or process.name or process.parent.name?"}},
		{"nothing like it", "dns.question.name: a", []string{"column 1: got dns.question.name, want a known field"}},
		{"all that is wrong", "host.nme: a and (proces.name: b or fresnel.timing.periods > 1)", []string{
			"column 1: got host.nme, want a known field; did you mean host.name?",
			"column 18: got proces.name, want a known field; did you mean process.name?",
			"column 36: got fresnel.timing.periods, want a known field; did you mean fresnel.timing.period_s?",
		}},
		{"a list is one use", "host.nme: (a or b)", []string{"column 1: got host.nme, want a known field; did you mean host.name?"}},
		{"a field within braces", "fresnel.reasons: {cod: a and fresnel.reasons.code: b}", []string{
			"column 19: got cod, want a known field; did you mean code?",
			"column 30: got fresnel.reasons.code, want a known field; did you mean code?",
		}},
		{"an object within braces", "fresnel.other_destinations: {reason: {code: a}}", []string{
			"column 30: got reason, want a known field; did you mean reasons?",
			"column 39: got code, want a known field",
		}},
		{"a value of an object", "tls.client: a", []string{"column 1: got tls.client, want one of the fields below it; did you mean tls.client.ja3 or tls.client.server_name?"}},
		{"braces behind what is no object", "host.name: {a: b}", []string{
			"column 1: got host.name, want a field with others below it before {",
			"column 13: got a, want a known field",
		}},
		{"stars that fit nothing", "procss.*: a and x*y: b", []string{
			"column 1: got procss.*, want what one or more known fields fit; did you mean process.*?",
			"column 17: got x*y, want what one or more known fields fit",
		}},
		{"stars within braces", "fresnel.reasons: {te*: a and pionts*: b}", []string{"column 30: got pionts*, want what one or more known fields fit"}},
		{"a star that is quoted", `"process.*": a`, []string{"column 1: got process.*, want a known field; in quotes a star is not a wildcard"}},
		{"an equals sign", "host.name=ws-01", []string{"column 1: got host.name=ws-01, want a colon behind the field; did you mean host.name: ws-01?"}},
		{"an unequals sign", "host.name!=ws-01", []string{"column 1: got host.name!=ws-01, want a colon behind the field; did you mean not host.name: ws-01?"}},
		{"no sign", "a or host.name ws-01", []string{"column 6: got host.name ws-01, want a colon behind the field; did you mean host.name: ws-01?"}},
		{"a field alone", "host.name", []string{"column 1: got host.name, want a colon behind the field; did you mean host.name: *?"}},
		{"a very long name", strings.Repeat("host.name", 800) + ": a", []string{"column 1: got " + strings.Repeat("host.name", 800) + ", want a known field"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			if err := parse(t, row.query).Check(fields); err != nil {
				got = strings.Split(err.Error(), "\n")
				var e *query.Error
				if !errors.As(err, &e) {
					t.Errorf("got %T, want an *Error", err)
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}
