package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"fresnel/internal/auth"
	"fresnel/internal/query"
	"fresnel/internal/store"
)

// An Error is what every request that fails is answered with, as {"error": {...}}.
type Error struct {
	Code       string       `json:"code" pattern:"^[a-z][a-z_]*$" doc:"a word for programs"`
	Message    string       `json:"message" doc:"a sentence for people: what was got, and what was wanted"`
	Field      string       `json:"field,omitempty" doc:"the parameter, or the field of the body, that is wrong"`
	Known      []string     `json:"known,omitempty" doc:"what there is, where something unknown was asked for"`
	Position   *int         `json:"position,omitempty" min:"0" doc:"of a query: characters (code points) before what is wrong"`
	Length     int          `json:"length,omitempty" min:"0" doc:"of a query: characters that are wrong; missing where something is missing"`
	Suggestion string       `json:"suggestion,omitempty" doc:"of a query: what to write instead"`
	Others     []QueryError `json:"others,omitempty" doc:"of a query: what else is wrong"`

	Settings []SettingProblem `json:"settings,omitempty" doc:"of settings: everything that is wrong with them, at most 100"`
}

// A QueryError is one thing that is wrong with a query, beside the first.
type QueryError struct {
	Message    string `json:"message"`
	Position   int    `json:"position" min:"0"`
	Length     int    `json:"length,omitempty" min:"0"`
	Suggestion string `json:"suggestion,omitempty"`
}

// Failure is the body of an answer that is an error.
type Failure struct {
	Error Error `json:"error"`
}

// A problem is an error of a request, with what to answer.
type problem struct {
	status     int
	retryAfter time.Duration
	body       Error
}

func (p *problem) Error() string { return p.body.Message }

func refuse(status int, code, format string, args ...any) *problem {
	return &problem{status: status, body: Error{Code: code, Message: fmt.Sprintf(format, args...)}}
}

// invalid says that a parameter or field has a value that it cannot have.
func invalid(code, field, got, want string) *problem {
	p := refuse(http.StatusBadRequest, code, "%s: got %s, want %s", field, got, want)
	p.body.Field = field
	return p
}

// unknown says that there is no such parameter or field.
func unknown(code, field string, known []string) *problem {
	p := refuse(http.StatusBadRequest, code, "got %s, want one of: %s", quote(field), strings.Join(known, ", "))
	if len(known) == 0 {
		p = refuse(http.StatusBadRequest, code, "got %s, want none", quote(field))
	}
	p.body.Field, p.body.Known = field, known
	return p
}

// quote shows what a client sent, cut, since it may be long.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strconv.Quote(s)
}

// problemOf is the one function from errors to answers. Of an error that is not the client's
// only that it happened is told.
func problemOf(err error) *problem {
	var p *problem
	var invalidValue *auth.InvalidError
	var tooLong *http.MaxBytesError
	var settings *SettingsError
	if refusal, ok := auth.Refuse(err); ok {
		return &problem{status: refusal.Status, retryAfter: refusal.RetryAfter, body: Error{Code: refusal.Type, Message: refusal.Reason}}
	}
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &settings):
		return settings.problem()
	case errors.As(err, &invalidValue):
		return invalid("bad_value", invalidValue.Field, invalidValue.Got, invalidValue.Want)
	case errors.As(err, &tooLong):
		return refuse(http.StatusRequestEntityTooLarge, "too_large", "got a body of more than %d bytes, want at most that", tooLong.Limit)
	case errors.Is(err, auth.ErrOldPassword):
		return refuse(http.StatusForbidden, "wrong_old_password", "%v", auth.ErrOldPassword)
	case errors.Is(err, auth.ErrExists):
		return refuse(http.StatusConflict, "exists", "%v", err)
	case errors.Is(err, auth.ErrLastAdmin):
		return refuse(http.StatusConflict, "last_admin", "%v", auth.ErrLastAdmin)
	case errors.Is(err, store.ErrNotFound):
		return refuse(http.StatusNotFound, "not_found", "%v", err)
	case errors.Is(err, store.ErrFull):
		return refuse(http.StatusInsufficientStorage, "full", "%v", store.ErrFull)
	case errors.Is(err, context.DeadlineExceeded):
		p := refuse(http.StatusServiceUnavailable, "too_slow", "got no answer from the store in time, want a shorter time range")
		p.retryAfter = time.Second
		return p
	case errors.Is(err, store.ErrClosed):
		return refuse(http.StatusServiceUnavailable, "closing", "the service is ending")
	}
	return refuse(http.StatusInternalServerError, "internal", "the service could not do it; its log says why")
}

// queryProblem turns what is wrong with a query into an answer.
func queryProblem(field, text string, err error) error {
	var list []*query.Error
	var gather func(err error)
	gather = func(err error) {
		var one *query.Error
		switch e := err.(type) { //nolint:errorlint // the tree is walked node by node
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				gather(err)
			}
		default:
			if errors.As(err, &one) {
				list = append(list, one)
			}
		}
	}
	gather(err)
	if len(list) == 0 {
		return err
	}
	p := refuse(http.StatusBadRequest, "bad_query", "%v", list[0])
	first := characters(text, list[0])
	b := &p.body
	b.Field, b.Position, b.Length, b.Suggestion = field, &first.Position, first.Length, first.Suggestion
	const most = 20 // of a query of thousands of misspelt fields
	for _, e := range list[1:min(len(list), most)] {
		b.Others = append(b.Others, characters(text, e))
	}
	return p
}

// characters returns e with its place in characters.
func characters(text string, e *query.Error) QueryError {
	at := min(e.Offset, len(text))
	end := min(at+e.Length, len(text))
	return QueryError{Message: e.Error(), Position: utf8.RuneCountInString(text[:at]), Length: utf8.RuneCountInString(text[at:end]), Suggestion: e.Hint}
}

// writeProblem answers with p.
func writeProblem(w http.ResponseWriter, p *problem) {
	h := w.Header()
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((p.retryAfter+time.Second-1)/time.Second), 10))
	}
	writeJSON(w, p.status, Failure{p.body})
}

// writeJSON answers with a value that has a form in JSON.
func writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"the answer could not be written"}}`)
	}
	h := w.Header()
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(data)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // a client that is gone needs no answer
}
