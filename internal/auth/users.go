package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fresnel/internal/store"
)

// A User is what is shown of a user.
type User struct {
	Name       string    `json:"name"`
	Role       Role      `json:"role"`
	Disabled   bool      `json:"disabled"`
	MustChange bool      `json:"must_change"` // the password, before anything else
	CreatedAt  time.Time `json:"created_at"`
	CreatedBy  string    `json:"created_by"`
	PasswordAt time.Time `json:"password_at"` // when it was set
	LastLogin  time.Time `json:"last_login,omitzero"`
}

// An account is a user with what is not shown. It is not changed but replaced.
type account struct {
	User
	Hash string `json:"hash"` // a passwordHash
	// Known are the networks that the user has lately logged in from, the newest last.
	Known []netip.Prefix `json:"known,omitempty"`

	hash passwordHash // Hash, read
}

// maxKnown is how many networks are remembered of a user.
const maxKnown = 8

func (u *account) record() store.Record {
	return store.Record{Kind: kindUser, ID: u.Name, Data: encode(u)}
}

func (u *account) withPassword(h passwordHash) {
	u.hash, u.Hash = h, h.String()
}

func (u *account) knows(network netip.Prefix) bool { return slices.Contains(u.Known, network) }

func (a *Auth) readUser(r store.Record) error {
	u := &account{}
	if err := json.Unmarshal(r.Data, u); err != nil {
		return err
	}
	if u.Name != r.ID {
		return fmt.Errorf("name: got %s, want that of the record", quote(u.Name))
	}
	if err := u.Role.validate(); err != nil {
		return err
	}
	var err error
	if u.hash, err = parsePasswordHash(u.Hash); err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	a.users[u.Name] = u
	return nil
}

const maxName = 64

// validateUserName wants names that look like what they are, and that fit Basic (no colon).
func validateUserName(name string) error {
	const want = "a lower-case letter or digit, then up to 63 of these or . _ @ -, and not key_ at its start"
	wrong := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune("._@-", c))
	}
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, wrong) || strings.ContainsRune("._@-", rune(name[0])) || isKeyID(name) {
		return invalid("name", quote(name), want)
	}
	return nil
}

// account returns a user by the name that somebody typed, nil when there is none.
func (a *Auth) account(name string) *account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.users[name]
}

// Users returns all users by name.
func (a *Auth) Users() []User {
	a.mu.RLock()
	defer a.mu.RUnlock()
	users := make([]User, 0, len(a.users))
	for _, u := range a.users {
		users = append(users, u.User)
	}
	slices.SortFunc(users, func(x, y User) int { return cmp.Compare(x.Name, y.Name) })
	return users
}

// User returns one user; store.ErrNotFound when there is none of the name.
func (a *Auth) User(name string) (User, error) {
	u := a.account(name)
	if u == nil {
		return User{}, fmt.Errorf("user %s: %w", quote(name), store.ErrNotFound)
	}
	return u.User, nil
}

// Bootstrap makes the user "admin" when there is no user at all, and returns its password, which
// nothing else can show again. It must be changed at the first login: where the program is a
// service, what it prints is kept in a log.
func (a *Auth) Bootstrap(ctx context.Context) (password string, created bool, err error) {
	if len(a.Users()) > 0 {
		return "", false, nil
	}
	password, err = a.CreateUser(ctx, Program(), NewUser{Name: "admin", Role: Admin})
	if err != nil {
		return "", false, err
	}
	return password, true, nil
}

// A NewUser is a user to be made.
type NewUser struct {
	Name       string
	Role       Role
	Password   string // "" for a random one, which must be changed
	MustChange bool
}

// CreateUser makes a user and returns the password. It returns ErrExists when the name is taken.
func (a *Auth) CreateUser(ctx context.Context, by *Principal, n NewUser) (password string, err error) {
	if err := by.Check(Manage); err != nil {
		return "", err
	}
	if err := validateUserName(n.Name); err != nil {
		return "", err
	}
	if err := n.Role.validate(); err != nil {
		return "", err
	}
	password, h, err := a.newPassword(ctx, n.Name, n.Password)
	if err != nil {
		return "", err
	}

	a.changing.Lock()
	defer a.changing.Unlock()
	if a.account(n.Name) != nil {
		return "", fmt.Errorf("user %q: %w", n.Name, ErrExists)
	}
	now := a.now()
	u := &account{User: User{
		Name: n.Name, Role: n.Role, MustChange: n.MustChange || n.Password == "",
		CreatedAt: now, CreatedBy: by.Actor(), PasswordAt: now,
	}}
	u.withPassword(h)
	e := a.entry(by, "user.create", u.Name, map[string]any{"role": u.Role, "must_change": u.MustChange})
	err = a.change(ctx, []store.Record{u.record()}, nil, e, func() { a.users[u.Name] = u })
	if err != nil {
		return "", err
	}
	return password, nil
}

// newPassword checks and hashes a password, or a random one in place of "".
func (a *Auth) newPassword(ctx context.Context, user, password string) (string, passwordHash, error) {
	if password == "" {
		password = rand.Text() // 130 bits
	} else if err := validatePassword(password, user); err != nil {
		return "", passwordHash{}, err
	}
	h, err := a.hasher.hash(ctx, password)
	return password, h, err
}

// SetRole gives a user another role, which counts from the next request on.
func (a *Auth) SetRole(ctx context.Context, by *Principal, name string, role Role) error {
	if err := by.Check(Manage); err != nil {
		return err
	}
	if err := role.validate(); err != nil {
		return err
	}
	return a.replace(ctx, by, name, "user.role", func(u *account) (detail map[string]any, logout bool, err error) {
		detail = map[string]any{"from": u.Role, "to": role}
		u.Role = role
		return detail, false, nil
	})
}

// SetDisabled keeps a user out, also of open sessions, or lets the user in again. Keys that the
// user has made stay: they belong to what uses them.
func (a *Auth) SetDisabled(ctx context.Context, by *Principal, name string, disabled bool) error {
	if err := by.Check(Manage); err != nil {
		return err
	}
	action := "user.enable"
	if disabled {
		action = "user.disable"
	}
	return a.replace(ctx, by, name, action, func(u *account) (map[string]any, bool, error) {
		u.Disabled = disabled
		return nil, disabled, nil
	})
}

// SetPassword gives a user a password, a random one for "", which must then be changed, and
// returns it. It ends all sessions of the user. Users change their own with ChangePassword.
func (a *Auth) SetPassword(ctx context.Context, by *Principal, name, password string, mustChange bool) (string, error) {
	if err := by.Check(Manage); err != nil {
		return "", err
	}
	mustChange = mustChange || password == ""
	if _, err := a.User(name); err != nil {
		return "", err
	}
	password, h, err := a.newPassword(ctx, name, password)
	if err != nil {
		return "", err
	}
	err = a.replace(ctx, by, name, "user.password", func(u *account) (map[string]any, bool, error) {
		u.withPassword(h)
		u.PasswordAt, u.MustChange = a.now(), mustChange
		return map[string]any{"must_change": mustChange}, true, nil
	})
	if err != nil {
		return "", err
	}
	return password, nil
}

// EndSessions ends all sessions of a user. Users may do that for themselves.
func (a *Auth) EndSessions(ctx context.Context, by *Principal, name string) error {
	want := Manage
	if by != nil && by.Kind == KindUser && by.Name == name {
		want = Self
	}
	if err := by.Check(want); err != nil {
		return err
	}
	return a.replace(ctx, by, name, "session.end_all", func(*account) (map[string]any, bool, error) {
		return nil, true, nil
	})
}

// replace replaces a user by one that edit has changed, and ends the sessions if edit says so.
func (a *Auth) replace(ctx context.Context, by *Principal, name, action string, edit func(*account) (detail map[string]any, logout bool, err error)) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	old := a.account(name)
	if old == nil {
		return fmt.Errorf("user %s: %w", quote(name), store.ErrNotFound)
	}
	u := *old
	detail, logout, err := edit(&u)
	if err != nil {
		return err
	}
	if a.isLastAdmin(old) && (u.Role != Admin || u.Disabled) {
		return ErrLastAdmin
	}
	var gone []tokenHash
	if logout {
		gone = a.sessionsOf(name)
	}
	return a.change(ctx, []store.Record{u.record()}, sessionRecords(gone), a.entry(by, action, name, detail), func() {
		a.users[name] = &u
		a.forget(gone)
	})
}

// RemoveUser removes a user with all sessions.
func (a *Auth) RemoveUser(ctx context.Context, by *Principal, name string) error {
	if err := by.Check(Manage); err != nil {
		return err
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	u := a.account(name)
	if u == nil {
		return fmt.Errorf("user %s: %w", quote(name), store.ErrNotFound)
	}
	if a.isLastAdmin(u) {
		return ErrLastAdmin
	}
	gone := a.sessionsOf(name)
	remove := append(sessionRecords(gone), store.Record{Kind: kindUser, ID: name})
	return a.change(ctx, nil, remove, a.entry(by, "user.remove", name, nil), func() {
		delete(a.users, name)
		delete(a.unsaved, name)
		a.forget(gone)
	})
}

// isLastAdmin reports whether there is no other who could undo a mistake.
func (a *Auth) isLastAdmin(u *account) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for other := range maps.Values(a.users) {
		if other.Name != u.Name && other.Role == Admin && !other.Disabled {
			return false
		}
	}
	return u.Role == Admin && !u.Disabled
}

// seen remembers that a user has given the right password from a network, and returns the user;
// nil when there is another password meanwhile. When rehashed is set, it is the same
// password hashed as new ones are.
func (a *Auth) seen(proven *account, network netip.Prefix, rehashed *passwordHash) *account {
	a.changing.Lock() // a change that is being stored would undo this one
	defer a.changing.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.users[proven.Name]
	if old == nil || old.Hash != proven.Hash {
		return nil
	}
	u := *old
	u.LastLogin = a.now()
	if network.IsValid() {
		u.Known = slices.DeleteFunc(slices.Clone(u.Known), func(p netip.Prefix) bool { return p == network })
		u.Known = append(u.Known, network)
		u.Known = u.Known[max(0, len(u.Known)-maxKnown):]
	}
	if rehashed != nil {
		u.withPassword(*rehashed)
	}
	a.users[u.Name] = &u
	a.unsaved[u.Name] = true
	return &u
}
