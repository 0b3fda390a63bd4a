package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"fresnel/internal/auth"
)

// Me is who asks, and what they may do.
type Me struct {
	Kind        string       `json:"kind" enum:"user,key"`
	Name        string       `json:"name" doc:"of the user, or what the key is called"`
	KeyID       string       `json:"key_id,omitempty"`
	Role        auth.Role    `json:"role,omitempty" doc:"of users"`
	Scopes      []auth.Scope `json:"scopes,omitempty" doc:"of keys"`
	Permissions []string     `json:"permissions" enum:"self,read,write,ingest,manage"`
	MustChange  bool         `json:"must_change" doc:"the password, before anything else"`
}

func meOf(p *auth.Principal) *Me {
	return &Me{Kind: p.Kind.String(), Name: p.Name, KeyID: p.KeyID, Role: p.Role, Scopes: p.Scopes, Permissions: p.Permissions(), MustChange: p.MustChange}
}

// Login is a name and a password.
type Login struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

func (a *API) login(_ context.Context, c *call, _ *none, b *Login) (*Me, error) {
	p, err := a.o.Auth.Login(c.w, c.r, b.Name, b.Password)
	if err != nil {
		return nil, err
	}
	return meOf(p), nil
}

func (a *API) logout(_ context.Context, c *call, _ *none, _ *none) (*none, error) {
	return nil, a.o.Auth.Logout(c.w, c.r)
}

func (a *API) me(_ context.Context, c *call, _ *none, _ *none) (*Me, error) { return meOf(c.by), nil }

// PasswordChange changes one's own password.
type PasswordChange struct {
	Old      string `json:"old"`
	Password string `json:"password" minlen:"12" maxlen:"1024" doc:"the new one"`
}

func (a *API) changePassword(_ context.Context, c *call, _ *none, b *PasswordChange) (*none, error) {
	return nil, a.o.Auth.ChangePassword(c.w, c.r, c.by, b.Old, b.Password)
}

// UserList is all users.
type UserList struct {
	Users []auth.User `json:"users" doc:"by name"`
}

func (a *API) listUsers(context.Context, *call, *none, *none) (*UserList, error) {
	return &UserList{a.o.Auth.Users()}, nil
}

// userParams name a user.
type userParams struct {
	Name string `path:"name" doc:"of the user"`
}

func (a *API) getUser(_ context.Context, _ *call, p *userParams, _ *none) (*auth.User, error) {
	u, err := a.o.Auth.User(p.Name)
	return &u, err
}

// NewUser is a user to be made.
type NewUser struct {
	Name       string    `json:"name" pattern:"^[a-z0-9][a-z0-9._@-]{0,63}$" doc:"a lower-case letter or digit, then up to 63 of these or . _ @ -; not key_ at its start"`
	Role       auth.Role `json:"role"`
	Password   string    `json:"password,omitempty" minlen:"12" maxlen:"1024" doc:"without one a random one is made, which must be changed at the first login"`
	MustChange bool      `json:"must_change,omitempty" doc:"the password, at the first login"`
}

// NewUserAnswer is a user that was made.
type NewUserAnswer struct {
	User     auth.User `json:"user"`
	Password string    `json:"password,omitempty" doc:"the one that was made; nothing can show it again"`
}

func (a *API) createUser(ctx context.Context, c *call, _ *none, b *NewUser) (*NewUserAnswer, error) {
	password, err := a.o.Auth.CreateUser(ctx, c.by, auth.NewUser{Name: b.Name, Role: b.Role, Password: b.Password, MustChange: b.MustChange})
	if err != nil {
		return nil, err
	}
	out := &NewUserAnswer{}
	if out.User, err = a.o.Auth.User(b.Name); err != nil {
		return nil, err
	}
	if b.Password == "" {
		out.Password = password
	}
	return out, nil
}

// UserChange is one change of a user: either field, not both.
type UserChange struct {
	_        struct{}   `fields:"1"`
	Role     *auth.Role `json:"role,omitempty"`
	Disabled *bool      `json:"disabled,omitempty" doc:"true keeps the user out, also of open sessions"`
}

func (a *API) changeUser(ctx context.Context, c *call, p *userParams, b *UserChange) (*auth.User, error) {
	var err error
	switch {
	case (b.Role == nil) == (b.Disabled == nil):
		return nil, refuse(http.StatusBadRequest, "bad_value", "body: want one of role and disabled: each is a change of its own")
	case b.Role != nil:
		err = a.o.Auth.SetRole(ctx, c.by, p.Name, *b.Role)
	default:
		err = a.o.Auth.SetDisabled(ctx, c.by, p.Name, *b.Disabled)
	}
	if err != nil {
		return nil, err
	}
	u, err := a.o.Auth.User(p.Name)
	return &u, err
}

func (a *API) removeUser(ctx context.Context, c *call, p *userParams, _ *none) (*none, error) {
	return nil, a.o.Auth.RemoveUser(ctx, c.by, p.Name)
}

func (a *API) endSessions(ctx context.Context, c *call, p *userParams, _ *none) (*none, error) {
	return nil, a.o.Auth.EndSessions(ctx, c.by, p.Name)
}

// PasswordReset gives a user another password.
type PasswordReset struct {
	Password   string `json:"password,omitempty" minlen:"12" maxlen:"1024" doc:"without one a random one is made, which must be changed at the next login"`
	MustChange bool   `json:"must_change,omitempty" doc:"the password, at the next login"`
}

// PasswordAnswer is a password that was made.
type PasswordAnswer struct {
	Password string `json:"password,omitempty" doc:"the one that was made; nothing can show it again. Missing where one was given"`
}

func (a *API) resetPassword(ctx context.Context, c *call, p *userParams, b *PasswordReset) (*PasswordAnswer, error) {
	password, err := a.o.Auth.SetPassword(ctx, c.by, p.Name, b.Password, b.MustChange)
	if err != nil {
		return nil, err
	}
	out := &PasswordAnswer{}
	if b.Password == "" {
		out.Password = password
	}
	return out, nil
}

// KeyList is all API keys.
type KeyList struct {
	Keys []auth.Key `json:"keys" doc:"the oldest first"`
}

func (a *API) listKeys(context.Context, *call, *none, *none) (*KeyList, error) {
	return &KeyList{a.o.Auth.Keys()}, nil
}

// NewKey is an API key to be made.
type NewKey struct {
	Name      string       `json:"name" minlen:"1" maxlen:"64" doc:"what it is for"`
	Scopes    []auth.Scope `json:"scopes" minitems:"1" doc:"what it may be used for"`
	ExpiresAt time.Time    `json:"expires_at,omitzero" doc:"a time to come; without one it never expires"`
}

// NewKeyAnswer is an API key at the one moment when it can be shown whole.
type NewKeyAnswer struct {
	Key     auth.Key `json:"key"`
	Secret  string   `json:"secret" doc:"the password, where the id is the name for Basic; nothing can show it again"`
	Encoded string   `json:"encoded" doc:"what follows ApiKey in the header Authorization"`
}

func (a *API) createKey(ctx context.Context, c *call, _ *none, b *NewKey) (*NewKeyAnswer, error) {
	k, secret, err := a.o.Auth.CreateKey(ctx, c.by, auth.NewKey{Name: b.Name, Scopes: b.Scopes, ExpiresAt: b.ExpiresAt})
	if err != nil {
		return nil, err
	}
	return &NewKeyAnswer{Key: k, Secret: secret.Secret, Encoded: secret.Encoded()}, nil
}

// keyParams name a key.
type keyParams struct {
	ID string `path:"id" doc:"of the key"`
}

func (a *API) revokeKey(ctx context.Context, c *call, p *keyParams, _ *none) (*none, error) {
	return nil, a.o.Auth.RevokeKey(ctx, c.by, p.ID)
}

// auditParams are what the trail is asked for with.
type auditParams struct {
	Before int `query:"before" min:"0" max:"9007199254740991" default:"0" doc:"number of an entry: the ones before it; 0 begins with the newest"`
	Limit  int `query:"limit" min:"1" max:"500" default:"100" doc:"most entries in the answer"`
}

// Trail is a page of the audit trail.
type Trail struct {
	Entries []TrailEntry `json:"entries" doc:"the newest first"`
	Next    *int64       `json:"next,omitempty" doc:"before of the next request; missing on the last page"`
}

// TrailEntry says who changed what.
type TrailEntry struct {
	Number  int64           `json:"number" min:"1"`
	At      time.Time       `json:"at"`
	User    string          `json:"user" doc:"name of a user, key:ID of a key, (program) of the program itself; empty where nobody was known"`
	From    string          `json:"from,omitempty" doc:"address of the client"`
	Action  string          `json:"action" doc:"such as user.create"`
	Subject string          `json:"subject"`
	Detail  json.RawMessage `json:"detail,omitempty"`
}

func (a *API) audit(ctx context.Context, _ *call, p *auditParams, _ *none) (*Trail, error) {
	entries, err := a.o.Store.Trail(ctx, int64(p.Before), p.Limit+1)
	if err != nil {
		return nil, err
	}
	t := &Trail{Entries: []TrailEntry{}}
	for _, e := range entries[:min(len(entries), p.Limit)] {
		one := TrailEntry{Number: e.Number, At: e.At.UTC(), User: e.User, From: e.From, Action: e.Action, Subject: e.Subject}
		if e.Detail != "" {
			one.Detail = json.RawMessage(e.Detail)
		}
		t.Entries = append(t.Entries, one)
	}
	if len(entries) > p.Limit {
		t.Next = &entries[p.Limit-1].Number
	}
	return t, nil
}
