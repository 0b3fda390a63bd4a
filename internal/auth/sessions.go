package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"fresnel/internal/store"
)

// maxSessions is how many sessions a user has; a further login ends the one that was not used
// for the longest time.
const maxSessions = 32

// A tokenHash stands for a session: whoever reads the store or the memory of the program
// cannot make the cookie from it.
type tokenHash [sha256.Size]byte

func hashToken(token string) tokenHash { return sha256.Sum256([]byte(token)) }

func (h tokenHash) String() string { return hex.EncodeToString(h[:]) }

type session struct {
	hash    tokenHash
	user    string
	from    string // address at the login
	created int64  // nanoseconds since 1970 UTC, as the following
	used    atomic.Int64
	stored  int64 // used, as it is stored, 0 when it is not; guarded by Auth.changing
}

type sessionRecord struct {
	User    string    `json:"user"`
	From    string    `json:"from"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"`
}

func (s *session) record() store.Record {
	return store.Record{Kind: kindSession, ID: s.hash.String(), Data: encode(sessionRecord{
		s.user, s.from, timeOf(s.created), timeOf(s.used.Load()),
	})}
}

func (a *Auth) readSession(r store.Record) error {
	var rec sessionRecord
	if err := json.Unmarshal(r.Data, &rec); err != nil {
		return err
	}
	id, err := hex.DecodeString(r.ID)
	if err != nil || len(id) != sha256.Size {
		return errors.New("got another id, want 64 hexadecimal digits")
	}
	if u := a.users[rec.User]; u == nil || u.Disabled {
		a.ended[tokenHash(id)] = true
		return nil
	}
	s := &session{hash: tokenHash(id), user: rec.User, from: rec.From, created: rec.Created.UnixNano(), stored: rec.Used.UnixNano()}
	s.used.Store(s.stored)
	a.sessions[s.hash] = s
	return nil
}

// over reports whether s has ended by its age.
func (a *Auth) over(s *session, now time.Time) bool {
	return now.UnixNano()-s.used.Load() >= int64(a.config.IdleLifetime) || now.UnixNano()-s.created >= int64(a.config.Lifetime)
}

// session returns the session of a token and its user, and notes that it is used.
func (a *Auth) session(token string, now time.Time) (*session, *account, error) {
	a.mu.RLock()
	s := a.sessions[hashToken(token)]
	var u *account
	if s != nil {
		u = a.users[s.user]
	}
	a.mu.RUnlock()
	if s == nil || u == nil || u.Disabled || a.over(s, now) {
		return nil, nil, ErrSessionEnded
	}
	s.used.Store(now.UnixNano())
	return s, u, nil
}

// begin begins a session of a user whose password was right, in place of the one that the
// browser had, and returns its token.
//
// It begins also when it cannot be stored, or a full disk would keep out who can make room.
func (a *Auth) begin(ctx context.Context, proven *account, p *Principal, before string) (token string, s *session, err error) {
	a.changing.Lock()
	defer a.changing.Unlock()
	u := a.account(proven.Name)
	if u == nil || u.Disabled || u.Hash != proven.Hash { // changed since the password was checked
		return "", nil, ErrCredentials
	}
	now := a.now()
	token = randomToken()
	s = &session{hash: hashToken(token), user: u.Name, created: now.UnixNano()}
	if p.From.IsValid() {
		s.from = p.From.String()
	}
	s.used.Store(s.created)

	gone := a.sessionsOf(u.Name)
	gone = gone[:max(0, len(gone)-maxSessions+1)]
	a.mu.RLock()
	if old := a.sessions[hashToken(before)]; old != nil && !slices.Contains(gone, old.hash) {
		gone = append(gone, old.hash)
	}
	a.mu.RUnlock()

	err = a.write(context.WithoutCancel(ctx), []store.Record{s.record()}, sessionRecords(gone), a.entry(p, "session.begin", u.Name, nil))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sessions[s.hash] = s
	a.forget(gone)
	if err != nil {
		a.config.Log.Error("login not stored, will be tried again without its entry in the trail", "user", u.Name, "from", s.from, "error", err)
		a.remember(gone)
		return token, s, nil
	}
	s.stored = s.created
	return token, s, nil
}

// end ends one session. It ends also when that cannot be stored; flush tries again.
func (a *Auth) end(ctx context.Context, s *session, p *Principal) {
	a.changing.Lock()
	defer a.changing.Unlock()
	gone := []tokenHash{s.hash}
	a.mu.Lock()
	_, there := a.sessions[s.hash]
	a.forget(gone)
	a.mu.Unlock()
	if !there { // another request was faster
		return
	}
	err := a.write(context.WithoutCancel(ctx), nil, sessionRecords(gone), a.entry(p, "session.end", s.user, nil))
	if err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.remember(gone)
		a.config.Log.Error("logout not stored, will be tried again without its entry in the trail", "user", s.user, "error", err)
	}
}

// sessionsOf returns the sessions of a user, the one that was used last at the end.
func (a *Auth) sessionsOf(user string) []tokenHash {
	a.mu.RLock()
	defer a.mu.RUnlock()
	type use struct {
		hash tokenHash
		used int64
	}
	var all []use
	for hash, s := range a.sessions {
		if s.user == user {
			all = append(all, use{hash, s.used.Load()})
		}
	}
	slices.SortFunc(all, func(x, y use) int { return int(min(1, max(-1, x.used-y.used))) })
	hashes := make([]tokenHash, len(all))
	for i, s := range all {
		hashes[i] = s.hash
	}
	return hashes
}

// forget drops sessions. The caller holds mu.
func (a *Auth) forget(gone []tokenHash) {
	for _, hash := range gone {
		delete(a.sessions, hash)
	}
}

// remember keeps in mind that sessions are still to be removed from the store. The caller holds mu.
func (a *Auth) remember(gone []tokenHash) {
	for _, hash := range gone {
		a.ended[hash] = true
	}
}

func sessionRecords(hashes []tokenHash) []store.Record {
	records := make([]store.Record, len(hashes))
	for i, hash := range hashes {
		records[i] = store.Record{Kind: kindSession, ID: hash.String()}
	}
	return records
}
