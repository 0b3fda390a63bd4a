package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"fresnel/internal/store"
)

// A Key is what is shown of an API key. Keys belong to the installation, not to who made them.
type Key struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"` // what it is for, in the words of who made it
	Scopes    []Scope   `json:"scopes"`
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero for never
	LastUsed  time.Time `json:"last_used,omitzero"`  // after a restart to the minute
}

// keyPrefix begins the ids of keys, and no name of a user, so that Basic can carry either.
const keyPrefix = "key_"

func isKeyID(s string) bool { return strings.HasPrefix(s, keyPrefix) }

type apiKey struct {
	Key    // LastUsed is in used
	hash   [sha256.Size]byte
	used   atomic.Int64 // nanoseconds since 1970 UTC; 0 for never
	stored int64        // used, as it is stored; guarded by Auth.changing
}

type keyRecord struct {
	Key
	Hash string `json:"hash"` // SHA-256 of the secret, hexadecimal
}

func (k *apiKey) shown() Key {
	s := k.Key
	s.Scopes = slices.Clone(s.Scopes)
	s.LastUsed = timeOf(k.used.Load())
	return s
}

func timeOf(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

func (k *apiKey) record() store.Record {
	return store.Record{Kind: kindKey, ID: k.ID, Data: encode(keyRecord{k.shown(), hex.EncodeToString(k.hash[:])})}
}

func (a *Auth) readKey(r store.Record) error {
	var rec keyRecord
	if err := json.Unmarshal(r.Data, &rec); err != nil {
		return err
	}
	if rec.ID != r.ID || !isKeyID(r.ID) {
		return fmt.Errorf("id: got %s, want that of the record, with %s at its start", quote(rec.ID), keyPrefix)
	}
	if err := validateScopes(rec.Scopes); err != nil {
		return err
	}
	k := &apiKey{Key: rec.Key}
	hash, err := hex.DecodeString(rec.Hash)
	if err != nil || copy(k.hash[:], hash) != len(k.hash) || len(hash) > len(k.hash) {
		return fmt.Errorf("hash: got %d characters, want %d hexadecimal digits", len(rec.Hash), 2*len(k.hash))
	}
	if !rec.LastUsed.IsZero() {
		k.stored = rec.LastUsed.UnixNano()
		k.used.Store(k.stored)
	}
	a.keys[k.ID] = k
	return nil
}

// Keys returns all keys, the oldest first.
func (a *Auth) Keys() []Key {
	a.mu.RLock()
	defer a.mu.RUnlock()
	keys := make([]Key, 0, len(a.keys))
	for _, k := range a.keys {
		keys = append(keys, k.shown())
	}
	slices.SortFunc(keys, func(x, y Key) int { return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.ID, y.ID)) })
	return keys
}

// A NewKey is a key to be made.
type NewKey struct {
	Name      string
	Scopes    []Scope
	ExpiresAt time.Time // zero for never
}

func (n NewKey) validate(now time.Time) error {
	if length := utf8.RuneCountInString(n.Name); length < 1 || length > maxName || !utf8.ValidString(n.Name) ||
		strings.ContainsFunc(n.Name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return invalid("name", quote(n.Name), fmt.Sprintf("1 to %d characters that can be seen", maxName))
	}
	if !n.ExpiresAt.IsZero() && (!n.ExpiresAt.After(now) || n.ExpiresAt.Year() > 9999) {
		return invalid("expires_at", n.ExpiresAt.Format(time.RFC3339), "a time to come, before the year 10000") // as JSON can write it
	}
	return validateScopes(n.Scopes)
}

// A Secret is a key at the one moment when it can be shown whole.
type Secret struct {
	ID, Secret string
}

// Encoded returns what follows "ApiKey" in the Authorization header.
func (s Secret) Encoded() string {
	return base64.StdEncoding.EncodeToString([]byte(s.ID + ":" + s.Secret))
}

// CreateKey makes a key and returns it with its secret, which nothing can show again.
func (a *Auth) CreateKey(ctx context.Context, by *Principal, n NewKey) (Key, Secret, error) {
	if err := by.Check(Manage); err != nil {
		return Key{}, Secret{}, err
	}
	now := a.now()
	n.ExpiresAt = n.ExpiresAt.UTC().Round(0)
	if err := n.validate(now); err != nil {
		return Key{}, Secret{}, err
	}
	s := Secret{ID: keyPrefix + strings.ToLower(rand.Text()), Secret: randomToken()}
	k := &apiKey{
		Key: Key{
			ID: s.ID, Name: n.Name, Scopes: slices.Clone(n.Scopes),
			CreatedBy: by.Actor(), CreatedAt: now, ExpiresAt: n.ExpiresAt,
		},
		hash: sha256.Sum256([]byte(s.Secret)),
	}
	detail := map[string]any{"name": k.Name, "scopes": k.Scopes}
	if !k.ExpiresAt.IsZero() {
		detail["expires_at"] = k.ExpiresAt
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	err := a.change(ctx, []store.Record{k.record()}, nil, a.entry(by, "key.create", k.ID, detail), func() { a.keys[k.ID] = k })
	if err != nil {
		return Key{}, Secret{}, err
	}
	return k.shown(), s, nil
}

// RevokeKey removes a key; store.ErrNotFound when there is none of the id.
func (a *Auth) RevokeKey(ctx context.Context, by *Principal, id string) error {
	if err := by.Check(Manage); err != nil {
		return err
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	a.mu.RLock()
	k := a.keys[id]
	a.mu.RUnlock()
	if k == nil {
		return fmt.Errorf("key %s: %w", quote(id), store.ErrNotFound)
	}
	e := a.entry(by, "key.revoke", id, map[string]any{"name": k.Name})
	return a.change(ctx, nil, []store.Record{{Kind: kindKey, ID: id}}, e, func() { delete(a.keys, id) })
}

// key returns the key of an id and a secret. That an id is unknown may be told from the time that
// the answer takes: it is no secret, and a secret cannot be guessed.
func (a *Auth) key(id, secret string, now time.Time) (*apiKey, error) {
	a.mu.RLock()
	k := a.keys[id]
	a.mu.RUnlock()
	hash := sha256.Sum256([]byte(secret))
	if k == nil || subtle.ConstantTimeCompare(hash[:], k.hash[:]) != 1 || !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return nil, ErrCredentials
	}
	k.used.Store(now.UnixNano())
	return k, nil
}

// randomToken returns 256 random bits as text.
func randomToken() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
