// Package auth knows who asks and what they may do: users with passwords and sessions, API
// keys, and the limit on logins that fail.
//
// # What is kept
//
// Users, keys and sessions are records of a store.Records, read once by Open and written with
// every change, together with an entry of the trail. In memory and in the store there is of a
// password its argon2id hash, of the secret of a key and of the token of a session their
// SHA-256. That is enough for these two: they are 256 random bits, and no one can go through
// that many, however fast the hash is. A slow hash is for what people choose.
//
// When each user, key and session was last seen is written by Run, at most once a minute.
//
// # How a client says who it is
//
// By one of these, looked at in this order; schemes are taken in any case, since clients differ:
//
//	Authorization: ApiKey base64(id:secret)   also spelled APIKey; Bearer means the same
//	Authorization: Basic  base64(id:secret)   a key again
//	Authorization: Basic  base64(name:password)
//	Cookie: fresnel_session=TOKEN
//
// A password that was right is remembered for a minute under a keyed hash, so that a client
// with Basic does not cost an argon2 for each request.
//
// # Requests that a foreign page causes
//
// A browser sends cookies along with requests that a page of another origin causes, and a name
// and password that it was once given for Basic too. Requests with one of these, and logins,
// are therefore held to http.CrossOriginProtection: unless the method is GET, HEAD or OPTIONS, a
// request must come from the same origin by its Sec-Fetch-Site, or by its Origin in browsers that
// do not send that. Programs send neither and pass. Requests with ApiKey or Bearer are not
// asked: no browser adds these by itself. No token in forms is needed, and nothing rests on
// SameSite, which is Lax: with Strict a link to a finding in a mail would lead to the login
// page. It follows that a GET must never change anything.
//
// # Logins that fail
//
// See the rates in limit.go: they say what is bounded, and why nobody can be locked out for long
// by others.
package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"fresnel/internal/store"
)

// A Config is what an Auth is made from.
type Config struct {
	Records store.Records
	Log     *slog.Logger
	Now     func() time.Time

	// IdleLifetime ends a session that is not used, Lifetime one that is.
	IdleLifetime, Lifetime time.Duration
	// TrustedProxies are whose X-Forwarded-For and X-Forwarded-Proto are believed. Without them
	// all clients behind a proxy count as one when logins fail.
	TrustedProxies []netip.Prefix
	// PasswordCost is for new passwords, and for old ones at their next login.
	PasswordCost Cost
}

// DefaultConfig returns the settings, without what they are for.
//
// The lifetimes are those of NIST SP 800-63B-4 for its middle level: an hour, and a day.
func DefaultConfig() Config {
	return Config{IdleLifetime: time.Hour, Lifetime: 24 * time.Hour, PasswordCost: DefaultCost()}
}

// Validate returns everything that is wrong with c, joined.
func (c Config) Validate() error {
	var errs []error
	if c.Records == nil || c.Log == nil || c.Now == nil {
		errs = append(errs, errors.New("auth: got no records, log or clock, want all three"))
	}
	if c.IdleLifetime < time.Minute {
		errs = append(errs, fmt.Errorf("idle lifetime: got %v, want at least 1m", c.IdleLifetime))
	}
	if c.Lifetime < c.IdleLifetime {
		errs = append(errs, fmt.Errorf("lifetime: got %v, want at least the idle lifetime, %v", c.Lifetime, c.IdleLifetime))
	}
	if err := c.PasswordCost.validate(); err != nil {
		errs = append(errs, fmt.Errorf("password cost: %w", err))
	}
	return errors.Join(errs...)
}

// An Auth knows the users, keys and sessions of a store, which nobody else may change. It is
// safe for concurrent use.
type Auth struct {
	config   Config
	hasher   *hasher
	attempts *attempts
	trail    trailBound
	proofs   *proofs
	nobody   *account // stands for unknown users, so that their passwords take as long to check
	cross    http.CrossOriginProtection

	// changing is held from the look at what a change is based on until it is stored and
	// made visible. It comes before mu.
	changing sync.Mutex

	mu       sync.RWMutex        // guards what follows
	users    map[string]*account // by name; an account is not changed but replaced
	unsaved  map[string]bool     // names of accounts that differ from what is stored
	keys     map[string]*apiKey  // by id
	sessions map[tokenHash]*session
	ended    map[tokenHash]bool // sessions that may still be stored
}

// The kinds of records.
const (
	kindUser    = "user"
	kindKey     = "key"
	kindSession = "session"
)

// Open reads what is stored. A record that cannot be read is an error: without it somebody
// might have a right that was taken away.
func Open(ctx context.Context, c Config) (*Auth, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a := &Auth{
		config:   c,
		hasher:   newHasher(c.PasswordCost),
		attempts: newAttempts(),
		proofs:   newProofs(),
		nobody:   &account{},
		users:    make(map[string]*account),
		unsaved:  make(map[string]bool),
		keys:     make(map[string]*apiKey),
		sessions: make(map[tokenHash]*session),
		ended:    make(map[tokenHash]bool),
	}
	a.nobody.withPassword(newPasswordHash(randomToken(), c.PasswordCost))
	for _, kind := range []struct {
		name string
		read func(store.Record) error
	}{{kindUser, a.readUser}, {kindKey, a.readKey}, {kindSession, a.readSession}} {
		records, err := c.Records.Records(ctx, kind.name)
		if err != nil {
			return nil, fmt.Errorf("records of kind %s: %w", kind.name, err)
		}
		for _, r := range records {
			if err := kind.read(r); err != nil {
				return nil, fmt.Errorf("record %s %q: %w", kind.name, r.ID, err)
			}
		}
	}
	return a, nil
}

func (a *Auth) now() time.Time { return a.config.Now().UTC().Round(0) }

// flushEvery is how often Run writes when somebody was last seen.
const flushEvery = time.Minute

// Run writes, every minute and once more when ctx ends, who was last seen when, and forgets
// the sessions that have ended. It returns the error of the last write, and logs the others.
func (a *Auth) Run(ctx context.Context) error {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			// The end of the program does not wait for long.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return a.flush(last)
		case <-ticker.C:
			if err := a.flush(ctx); err != nil {
				a.config.Log.Warn("users and sessions not stored, will be tried again", "error", err)
			}
		}
	}
}

// flush writes everything that differs from what is stored.
func (a *Auth) flush(ctx context.Context) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	now := a.now()

	var put []store.Record
	var stored []func() // to be called when all is
	a.mu.Lock()
	for hash, s := range a.sessions {
		used := s.used.Load()
		switch {
		case a.over(s, now):
			delete(a.sessions, hash)
			a.ended[hash] = true
		case used != s.stored:
			put = append(put, s.record())
			stored = append(stored, func() { s.stored = used })
		}
	}
	for _, k := range a.keys {
		if used := k.used.Load(); used != k.stored {
			put = append(put, k.record())
			stored = append(stored, func() { k.stored = used })
		}
	}
	unsaved := a.unsaved
	a.unsaved = make(map[string]bool)
	for name := range unsaved {
		put = append(put, a.users[name].record())
	}
	nothing := len(put)+len(a.ended) == 0
	a.mu.Unlock()
	if nothing {
		return nil
	}

	if err := a.write(ctx, put, nil); err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		maps.Copy(a.unsaved, unsaved)
		return err
	}
	for _, f := range stored {
		f()
	}
	return nil
}

// change stores records and an entry and then makes the change visible. The caller holds
// changing. That the client has gone does not stop it: nobody could tell whether it was stored.
func (a *Auth) change(ctx context.Context, put, remove []store.Record, e store.Entry, apply func()) error {
	if err := a.write(context.WithoutCancel(ctx), put, remove, e); err != nil {
		return fmt.Errorf("%s: %w", e.Action, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	apply()
	return nil
}

// write stores records and entries and removes, with any of them, the sessions that could not be
// removed before: a new password must not leave one of them for the next start. The caller
// holds changing.
func (a *Auth) write(ctx context.Context, put, remove []store.Record, trail ...store.Entry) error {
	a.mu.RLock()
	ended := slices.Collect(maps.Keys(a.ended))
	a.mu.RUnlock()
	if err := a.config.Records.Change(ctx, put, append(remove, sessionRecords(ended)...), trail...); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, hash := range ended {
		delete(a.ended, hash)
	}
	return nil
}

// entry makes an entry of the trail. Nothing secret may be among the details.
func (a *Auth) entry(by *Principal, action, subject string, detail map[string]any) store.Entry {
	e := store.Entry{At: a.now(), User: by.Actor(), Action: action, Subject: subject}
	if by.From.IsValid() {
		e.From = by.From.String()
	}
	if len(detail) > 0 {
		e.Detail = string(encode(detail))
	}
	return e
}

// encode is for values that have no way to fail.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // a type of this package that JSON does not know: a mistake in the program
	}
	return data
}
