package auth

import (
	"net/netip"
	"slices"
	"strings"
)

// A Permission is what a request may need.
type Permission uint8

// The permissions.
const (
	Self   Permission = 1 << iota // what concerns oneself alone: who am I, log out, change the password; everybody who is known has it
	Read                          // findings, events, runs, effective configuration
	Write                         // cases, tuning, runs by hand
	Ingest                        // send events
	Manage                        // users, keys, configuration
)

var permissionNames = map[Permission]string{Self: "self", Read: "read", Write: "write", Ingest: "ingest", Manage: "manage"}

func (p Permission) String() string { return permissionNames[p] }

// A Role is what a user is.
type Role string

// The roles.
const (
	Viewer  Role = "viewer"  // Read
	Analyst Role = "analyst" // and Write
	Admin   Role = "admin"   // everything
)

// Roles are all roles, the one that may least first.
func Roles() []Role { return []Role{Viewer, Analyst, Admin} }

func (r Role) permissions() Permission {
	switch r {
	case Viewer:
		return Self | Read
	case Analyst:
		return Self | Read | Write
	case Admin:
		return Self | Read | Write | Ingest | Manage
	default:
		return 0
	}
}

func (r Role) validate() error {
	if r.permissions() == 0 {
		return invalid("role", quote(string(r)), "viewer, analyst or admin")
	}
	return nil
}

// A Scope is what an API key is for. No scope manages: whoever finds a key cannot make
// another, nor a user.
type Scope string

// The scopes.
const (
	ScopeIngest Scope = "ingest"
	ScopeRead   Scope = "read"
	ScopeWrite  Scope = "write"
)

// Scopes are all scopes.
func Scopes() []Scope { return []Scope{ScopeIngest, ScopeRead, ScopeWrite} }

func (s Scope) permissions() Permission {
	switch s {
	case ScopeIngest:
		return Self | Ingest
	case ScopeRead:
		return Self | Read
	case ScopeWrite:
		return Self | Write
	default:
		return 0
	}
}

func validateScopes(scopes []Scope) error {
	if len(scopes) == 0 {
		return invalid("scopes", "none", "one or more of ingest, read, write")
	}
	for i, s := range scopes {
		if s.permissions() == 0 {
			return invalid("scopes", quote(string(s)), "ingest, read or write")
		}
		if slices.Contains(scopes[:i], s) {
			return invalid("scopes", quote(string(s))+" twice", "it once")
		}
	}
	return nil
}

// A Kind is a kind of principal.
type Kind uint8

// The kinds. The zero Kind is nobody's, and a principal of it can do nothing.
const (
	KindUser    Kind = iota + 1
	KindKey          // an API key
	KindProgram      // the program itself, at its start or by a command on its machine
)

func (k Kind) String() string {
	switch k {
	case KindUser:
		return "user"
	case KindKey:
		return "key"
	case KindProgram:
		return "program"
	default:
		return ""
	}
}

// A Principal is who asks, as they stood when the request came. It holds no secret.
type Principal struct {
	Kind       Kind
	Name       string // of the user, or what the key is called
	KeyID      string // of keys alone
	Role       Role   // of users alone
	Scopes     []Scope
	MustChange bool       // the user must change the password first, and can do nothing else
	From       netip.Addr // address of the client

	session *session // that the request came with, if any
}

// Program returns the principal of the program itself, which may do everything.
func Program() *Principal { return &Principal{Kind: KindProgram} }

// Can reports whether p has a permission. A user who must change the password has Self alone.
// A nil principal can do nothing.
func (p *Principal) Can(want Permission) bool {
	return want != 0 && p.permissions()&want == want
}

func (p *Principal) permissions() Permission {
	if p == nil {
		return 0
	}
	switch p.Kind {
	case KindUser:
		if p.MustChange {
			return p.Role.permissions() & Self
		}
		return p.Role.permissions()
	case KindKey:
		var all Permission
		for _, s := range p.Scopes {
			all |= s.permissions()
		}
		return all
	case KindProgram:
		return Admin.permissions()
	default:
		return 0
	}
}

// Permissions returns what p may do, by name, for whoever shows it.
func (p *Principal) Permissions() []string {
	var names []string
	for _, want := range []Permission{Self, Read, Write, Ingest, Manage} {
		if p.Can(want) {
			names = append(names, want.String())
		}
	}
	return names
}

// Actor returns how the trail calls p: a user by the name, a key as "key:ID". The names of users
// have neither colons nor parentheses, so that nobody can pass for another.
func (p *Principal) Actor() string {
	switch p.Kind {
	case KindUser:
		return p.Name
	case KindKey:
		return "key:" + p.KeyID
	case KindProgram:
		return "(program)"
	default:
		return ""
	}
}

// Check returns nil when p has a permission, or why not: ErrNoCredentials, ErrPasswordChange or
// a *ForbiddenError.
func (p *Principal) Check(want Permission) error {
	switch {
	case p.Can(want):
		return nil
	case p == nil:
		return ErrNoCredentials
	case p.MustChange:
		return ErrPasswordChange
	}
	return &ForbiddenError{Want: want, Has: strings.Join(p.Permissions(), ", ")}
}
