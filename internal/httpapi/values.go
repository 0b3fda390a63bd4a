package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"fresnel/internal/jsonlines"
	"fresnel/internal/store"
)

// valueParams are what the values of a field are asked for with.
type valueParams struct {
	Name string `path:"name" maxlen:"200" doc:"of a field, as /api/v1/fields lists it, whose values are texts, addresses, or true and false"`
	spanParams
	Prefix string `query:"prefix" maxlen:"200" doc:"begin of the values, whatever the case; without one all are wanted"`
	Limit  int    `query:"limit" min:"1" max:"100" default:"20" doc:"most values in the answer"`
}

// FieldValues is the values that findings have in a field, each group and destination by its
// newest document.
type FieldValues struct {
	Reach
	Field  string  `json:"field"`
	Values []Facet `json:"values" doc:"by falling number of findings"`
	More   bool    `json:"more" doc:"there are others that begin so"`
}

// Bounds of what is looked at for the values of a field.
const (
	maxValues         = 50_000 // that are told apart
	maxValueDocuments = 20_000 // that are read, of fields that the index does not have
)

// A valueCount counts the values of a field.
type valueCount struct {
	prefix string // in lower case
	by     map[string]*Facet
	more   bool
}

func (v *valueCount) add(value string, score float64) {
	if value == "" || !strings.HasPrefix(strings.ToLower(value), v.prefix) {
		return
	}
	one := v.by[value]
	if one == nil {
		if len(v.by) == maxValues {
			v.more = true
			return
		}
		one = &Facet{Value: value}
		v.by[value] = one
	}
	one.Findings++
	one.MaxScore = higher(one.MaxScore, score)
}

func (a *API) fieldValues(ctx context.Context, c *call, p *valueParams, _ *none) (*FieldValues, error) {
	i := slices.IndexFunc(a.fields, func(f Field) bool { return f.Name == p.Name })
	if i < 0 {
		return nil, refuse(http.StatusNotFound, "not_found", "there is no field of the name %s: /api/v1/fields lists all", quote(p.Name))
	}
	if kind := a.fields[i].Type; kind != "text" && kind != "ip" && kind != "boolean" {
		return nil, invalid("bad_parameter", "name", "a field of the type "+kind, "one of text, ip or boolean")
	}
	l := &look{now: c.now}
	var err error
	if l.span, err = p.span(c.now, back(c.now, twoWeeks)); err != nil {
		return nil, err
	}
	count := &valueCount{prefix: strings.ToLower(p.Prefix), by: map[string]*Facet{}}
	out := &FieldValues{Field: p.Name}
	if of := entryText(p.Name); of != nil {
		out.Reach, err = a.each(ctx, l, func(s *seen) (bool, error) {
			count.add(s.text(of(s.entry)), s.score)
			return true, nil
		})
	} else {
		out.Reach, err = a.valuesOfDocuments(ctx, l, p.Name, count)
	}
	if err != nil {
		return nil, err
	}
	out.Values = top(count.by, p.Limit)
	out.More = count.more || len(count.by) > p.Limit
	return out, nil
}

// valuesOfDocuments counts the values of a field in the newest documents.
func (a *API) valuesOfDocuments(ctx context.Context, l *look, name string, count *valueCount) (Reach, error) {
	scanner := jsonlines.NewScanner(jsonlines.NewSchema(map[string]int{name: 0}))
	n := 0
	var last int64 // end of the run that was read last, where there are more
	var own []string
	reach, err := a.read(ctx, l, func(f *store.Finding, _ bool) (bool, error) {
		if n++; n > maxValueDocuments {
			last = f.RunEnd
			return false, nil
		}
		values, err := scanner.Scan(f.Doc)
		if err != nil {
			return false, badDocument(f, err)
		}
		own = own[:0]
		for _, v := range values {
			text := ""
			switch v.Kind {
			case jsonlines.String:
				text = string(v.Text)
			case jsonlines.True:
				text = "true"
			case jsonlines.False:
				text = "false"
			}
			if !slices.Contains(own, text) { // a list may have a value twice
				own = append(own, text)
				count.add(text, f.Score)
			}
		}
		return true, nil
	})
	if n > maxValueDocuments {
		reach.Complete, reach.From = false, at(last)
	}
	return reach, err
}
