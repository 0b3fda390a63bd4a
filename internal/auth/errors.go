package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Why a request is refused. Refuse tells what to answer.
var (
	ErrNoCredentials  = errors.New("not logged in: want a session, or an Authorization header with an API key or a user's name and password")
	ErrCredentials    = errors.New("wrong or unknown credentials") // says no more, so that nobody learns which names there are
	ErrAuthorization  = errors.New("header Authorization: got what cannot be read, want ApiKey, Bearer or Basic and base64 of id:secret")
	ErrSessionEnded   = errors.New("the session has ended: log in again")
	ErrPasswordChange = errors.New("the password must be changed first")
	ErrCrossOrigin    = errors.New("the request was made by a page of another origin")
	ErrBusy           = errors.New("more passwords are being checked than can be: try again")
)

// What a change is refused with, beside *InvalidError, *ForbiddenError, store.ErrNotFound and
// the errors of the store.
var (
	ErrExists      = errors.New("there is one of this name already")
	ErrLastAdmin   = errors.New("the last admin cannot be disabled, removed or given another role")
	ErrOldPassword = errors.New("the old password is wrong") // not ErrCredentials: who asks is logged in and stays so
)

// A ForbiddenError says that who asks is known and may not do what was asked.
type ForbiddenError struct {
	Want Permission
	Has  string // permissions, by name
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("got the permissions %s, want %v", e.Has, e.Want)
}

// A LimitedError says that too many logins failed.
type LimitedError struct {
	RetryAfter time.Duration
}

func (e *LimitedError) Error() string {
	return fmt.Sprintf("too many failed logins: try again in %v", (e.RetryAfter + time.Second - 1).Truncate(time.Second))
}

// An InvalidError says what is wrong with a value that was given. Got never holds a password.
type InvalidError struct {
	Field, Got, Want string
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("%s: got %s, want %s", e.Field, e.Got, e.Want)
}

func invalid(field, got, want string) error { return &InvalidError{field, got, want} }

// quote shows what somebody gave, cut, since it may be long.
func quote(s string) string {
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "") + "..."
	}
	return strconv.Quote(s)
}

// A Refusal is what to answer when a request is refused, for the writers of the several
// protocols.
type Refusal struct {
	Status     int    // 401, 403, 429 or 503
	Type       string // one word for programs
	Reason     string // a sentence for people, without anything that came with the request
	RetryAfter time.Duration
}

// Refuse turns the errors of Authenticate, Login and Check into what to answer; ok is false for
// any other error.
func Refuse(err error) (r Refusal, ok bool) {
	var forbidden *ForbiddenError
	var limited *LimitedError
	switch {
	case errors.Is(err, ErrNoCredentials):
		r = Refusal{Status: http.StatusUnauthorized, Type: "no_credentials"}
	case errors.Is(err, ErrCredentials):
		r = Refusal{Status: http.StatusUnauthorized, Type: "wrong_credentials"}
	case errors.Is(err, ErrAuthorization):
		r = Refusal{Status: http.StatusUnauthorized, Type: "unreadable_credentials"}
	case errors.Is(err, ErrSessionEnded):
		r = Refusal{Status: http.StatusUnauthorized, Type: "session_ended"}
	case errors.Is(err, ErrPasswordChange):
		r = Refusal{Status: http.StatusForbidden, Type: "password_change_required"}
	case errors.Is(err, ErrCrossOrigin):
		r = Refusal{Status: http.StatusForbidden, Type: "cross_origin"}
	case errors.As(err, &forbidden):
		r = Refusal{Status: http.StatusForbidden, Type: "forbidden"}
	case errors.As(err, &limited):
		r = Refusal{Status: http.StatusTooManyRequests, Type: "too_many_logins", RetryAfter: limited.RetryAfter}
	case errors.Is(err, ErrBusy):
		r = Refusal{Status: http.StatusServiceUnavailable, Type: "busy", RetryAfter: time.Second}
	default:
		return Refusal{}, false
	}
	r.Reason = err.Error()
	return r, true
}

// SetHeaders sets the headers that go with r: WWW-Authenticate and Retry-After.
//
// Browsers are not offered Basic: they would open a window of their own instead of showing the
// login page, and then send the password along with every request, whoever causes it.
func (r Refusal) SetHeaders(h http.Header, req *http.Request) {
	if r.Status == http.StatusUnauthorized {
		h.Add("WWW-Authenticate", "ApiKey")
		if !strings.HasPrefix(req.UserAgent(), "Mozilla/") { // as that of every browser
			h.Add("WWW-Authenticate", `Basic realm="login", charset="UTF-8"`)
		}
	}
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((r.RetryAfter+time.Second-1)/time.Second), 10))
	}
}
