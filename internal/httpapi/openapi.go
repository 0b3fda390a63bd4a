package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"fresnel/internal/auth"
	"fresnel/internal/finding"
)

// failures say what the statuses of errors mean.
var failures = map[int]struct{ name, doc string }{
	http.StatusBadRequest:            {"BadRequest", "The request is not what it should be. code: bad_parameter, unknown_parameter, bad_query, bad_page, bad_json, bad_value, bad_settings, unknown_field, missing_field."},
	http.StatusUnauthorized:          {"Unauthorized", "Nobody, or nobody known. code: no_credentials, wrong_credentials, unreadable_credentials, session_ended."},
	http.StatusForbidden:             {"Forbidden", "Known, but not allowed. code: forbidden, password_change_required, cross_origin, wrong_old_password."},
	http.StatusNotFound:              {"NotFound", "There is none. code: not_found, no_events, grouped_otherwise."},
	http.StatusConflict:              {"Conflict", "It does not go with what is there. code: exists, last_admin."},
	http.StatusRequestEntityTooLarge: {"TooLarge", "The body is longer than is taken. code: too_large."},
	http.StatusUnsupportedMediaType:  {"UnsupportedMediaType", "The body is not JSON. code: unsupported_media_type."},
	http.StatusTooManyRequests:       {"TooManyRequests", "Too much at a time, or too many failed logins. Retry-After says when to come again. code: busy, too_many_logins."},
	http.StatusInternalServerError:   {"Internal", "The service failed; its log says why. code: internal."},
	http.StatusServiceUnavailable:    {"Unavailable", "Not now. code: busy, too_slow, closing, not_ready."},
	http.StatusInsufficientStorage:   {"Full", "There is no room left to store it. code: full."},
}

// failuresOf returns the statuses of errors that a route may be answered with.
func failuresOf(r *route) []int {
	all := []int{http.StatusBadRequest, http.StatusInternalServerError, http.StatusServiceUnavailable}
	all = append(all, r.also...)
	if r.want != 0 {
		// Whoever sends a name and a password with each request logs in with each.
		all = append(all, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	}
	if r.reads != readsLittle {
		all = append(all, http.StatusTooManyRequests)
	}
	if r.op.body != nil {
		all = append(all, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if strings.Contains(r.path, "{") {
		all = append(all, http.StatusNotFound)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// document returns the OpenAPI document of a table of routes. It is the same for the same table.
func document(table []route, o Options) ([]byte, error) {
	s := &schemas{named: object{}, types: map[string]reflect.Type{}}
	if err := s.addSchema("Finding", finding.Schema); err != nil {
		return nil, err
	}
	s.named["Event"] = eventSchema()
	failure, err := s.of(reflect.TypeFor[Failure]())
	if err != nil {
		return nil, err
	}
	paths := object{}
	for i := range table {
		r := &table[i]
		op, err := operationOf(r, s)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
		}
		item, _ := paths[r.path].(object)
		if item == nil {
			item = object{}
			paths[r.path] = item
		}
		item[strings.ToLower(r.method)] = op
	}
	responses := object{}
	for status, f := range failures {
		one := object{"description": f.doc, "content": object{"application/json": object{"schema": failure}}}
		switch status {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			one["headers"] = object{"Retry-After": object{"schema": object{"type": "integer", "minimum": 1}, "description": "seconds to wait"}}
		case http.StatusUnauthorized:
			one["headers"] = object{"WWW-Authenticate": object{"schema": object{"type": "string"}, "description": "the schemes that are taken"}}
		}
		responses[f.name] = one
	}
	var tags []object
	for _, t := range tagDocs {
		tags = append(tags, object{"name": t.name, "description": t.doc})
	}
	return json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": o.Product + " API", "version": o.Version, "description": docOf(o.Limits),
			"license": object{"name": "Apache 2.0", "identifier": "Apache-2.0"},
		},
		"servers": []object{{"url": "/"}},
		"tags":    tags,
		"paths":   paths,
		"components": object{
			"schemas":   s.named,
			"responses": responses,
			"securitySchemes": object{
				"session": object{"type": "apiKey", "in": "cookie", "name": auth.CookieName, "description": "set by POST /api/v1/login"},
				"key":     object{"type": "apiKey", "in": "header", "name": "Authorization", "description": "ApiKey BASE64, where BASE64 is encoded as a new key says; Bearer means the same"},
				"basic":   object{"type": "http", "scheme": "basic", "description": "name and password of a user, or id and secret of a key"},
			},
		},
	}, "", " ")
}

// operationOf describes one route.
func operationOf(r *route, s *schemas) (object, error) {
	op := object{"operationId": r.id, "tags": []string{r.tag}, "summary": r.summary}
	doc := r.doc
	if r.want != 0 {
		op["security"] = []object{{"session": []string{}}, {"key": []string{}}, {"basic": []string{}}}
		op["x-permission"] = r.want.String()
		doc = strings.TrimSpace(doc + " Needs the permission " + r.want.String() + ".")
	} else {
		op["security"] = []object{}
	}
	if doc != "" {
		op["description"] = doc
	}
	var params []object
	for _, p := range r.op.params {
		schema, err := s.of(p.field.Type)
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", p.name, err)
		}
		schema = withTags(schema, p.field)
		one := object{"name": p.name, "in": p.in, "schema": schema}
		if text, ok := schema["description"]; ok {
			one["description"] = text
			delete(schema, "description")
		}
		if p.in == "path" {
			one["required"] = true
		}
		params = append(params, one)
	}
	if len(params) > 0 {
		op["parameters"] = params
	}
	if r.op.body != nil {
		schema, err := s.of(r.op.body)
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": schema}}}
	}
	good := object{"description": http.StatusText(r.code())}
	switch {
	case r.op.answer != nil:
		schema, err := s.of(r.op.answer)
		if err != nil {
			return nil, fmt.Errorf("answer: %w", err)
		}
		good["content"] = object{"application/json": object{"schema": schema}}
	case r.op.content == "application/json":
		good["content"] = object{r.op.content: object{"schema": object{"type": "object"}}}
	case r.op.content != "":
		good["content"] = object{r.op.content: object{"schema": object{"type": "string"}}}
	}
	links := object{}
	for _, l := range r.links {
		for _, id := range l.to {
			links[id] = object{"operationId": id, "parameters": object{l.param: "$response.body#" + l.at}}
		}
	}
	if len(links) > 0 {
		good["links"] = links
	}
	responses := object{strconv.Itoa(r.code()): good}
	for _, status := range failuresOf(r) {
		if status < http.StatusBadRequest {
			responses[strconv.Itoa(status)] = object{"description": http.StatusText(status)}
			continue
		}
		responses[strconv.Itoa(status)] = object{"$ref": "#/components/responses/" + failures[status].name}
	}
	op["responses"] = responses
	return op, nil
}

// etagOf returns the tag of a text that is served as it is.
func etagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

// eventSchema describes what eventOf returns.
func eventSchema() object {
	root := object{"type": "object", "additionalProperties": false, "properties": object{}, "description": "a network event as the Elastic Common Schema spells it; fields that it does not have are missing"}
	for _, f := range eventOrder {
		at := root
		for _, key := range f.path[:len(f.path)-1] {
			below, _ := at["properties"].(object)[key].(object)
			if below == nil {
				below = object{"type": "object", "additionalProperties": false, "properties": object{}}
				at["properties"].(object)[key] = below
			}
			at = below
		}
		at["properties"].(object)[f.path[len(f.path)-1]] = maps.Clone(f.schema)
	}
	return root
}
