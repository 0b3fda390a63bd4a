package auth

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// verify returns the user of a name and a password. Nothing in its answers, nor in the time
// that they take, tells an unknown or disabled user from a wrong password.
func (a *Auth) verify(ctx context.Context, name, password string, from netip.Addr) (*account, error) {
	if len(password) > MaxPasswordBytes {
		return nil, ErrCredentials
	}
	name = strings.ToLower(name)
	u, exists, proof, err := a.claim(ctx, name, password)
	if err != nil {
		return nil, err
	}
	defer a.proofs.unlock(proof)
	now := a.now()
	if a.proofs.have(proof, now) && !u.Disabled {
		return u, nil
	}

	network := networkOf(from)
	known := from.IsLoopback() || exists && u.knows(network)
	t, wait, bound := a.attempts.take(now.UnixNano(), name, network, known)
	if wait > 0 {
		if bound != "" {
			a.reportLimit(ctx, u, from, bound)
		}
		return nil, &LimitedError{RetryAfter: wait}
	}
	right, rehashed, err := a.compare(ctx, u, password, !known)
	if err != nil {
		a.attempts.giveBack(t)
		return nil, err
	}
	if !right || !exists || u.Disabled {
		return nil, ErrCredentials
	}
	a.attempts.giveBack(t)
	if u = a.seen(u, network, rehashed); u == nil || u.Disabled {
		return nil, ErrCredentials
	}
	a.proofs.add(a.proofs.of(name, u.Hash, password), now)
	return u, nil
}

// claim returns the user of a name, or a stand-in, and the proof of the password, which is locked.
func (a *Auth) claim(ctx context.Context, name, password string) (u *account, exists bool, p proof, err error) {
	for {
		before := cmp.Or(a.account(name), a.nobody)
		p = a.proofs.of(name, before.Hash, password)
		if err := a.proofs.lock(ctx, p); err != nil {
			return nil, false, p, err
		}
		// While it waited, the user may have been changed.
		if u = cmp.Or(a.account(name), a.nobody); u.Hash == before.Hash {
			return u, u != a.nobody, p, nil
		}
		a.proofs.unlock(p)
	}
}

// compare compares a password with that of u, and hashes it again when it was not hashed as
// new ones are.
func (a *Auth) compare(ctx context.Context, u *account, password string, stranger bool) (right bool, rehashed *passwordHash, err error) {
	if err := a.hasher.acquire(ctx, stranger); err != nil {
		return false, nil, err
	}
	defer a.hasher.release()
	if !u.hash.matches(password) {
		return false, nil, nil
	}
	if u.hash.cost != a.hasher.cost {
		h := newPasswordHash(password, a.hasher.cost)
		rehashed = &h
	}
	return true, rehashed, nil
}

// reportLimit tells the trail and the log that logins are being refused. Names that are unknown
// are not told: people type passwords into the wrong field.
func (a *Auth) reportLimit(ctx context.Context, u *account, from netip.Addr, bound string) {
	pass, held := a.trail.pass(a.now().UnixNano())
	if !pass {
		return
	}
	detail := map[string]any{"bound": bound}
	if held > 0 {
		detail["held_back"] = held // entries like this one
	}
	e := a.entry(&Principal{From: from}, "login.limit", u.Name, detail)
	a.config.Log.Warn("too many failed logins", "bound", bound, "user", e.Subject, "from", e.From, "held_back", held)
	if err := a.config.Records.Change(context.WithoutCancel(ctx), nil, nil, e); err != nil {
		a.config.Log.Error("failed logins not in the trail", "error", err)
	}
}

// A proof stands for a user and a password that is right, without telling either.
type proof [sha256.Size]byte

// maxProofs bounds the memory; there are few clients that log in with every request.
const maxProofs = 1024

// proofLifetime is how long a password is taken for right without another look at it.
const proofLifetime = time.Minute

// A proofs is a short memory of passwords that were right.
type proofs struct {
	key [sha256.Size]byte // random: what is kept is of no use outside of this process

	mu    sync.Mutex
	until map[proof]time.Time
	locks map[proof]chan struct{} // closed by unlock
}

func newProofs() *proofs {
	p := &proofs{until: make(map[proof]time.Time), locks: make(map[proof]chan struct{})}
	rand.Read(p.key[:])
	return p
}

// of returns the proof of a password. The stored hash is part of it, so that none outlives a
// change of the password.
func (p *proofs) of(name, hash, password string) proof {
	h := hmac.New(sha256.New, p.key[:])
	for _, s := range []string{name, hash} {
		var length [8]byte
		binary.LittleEndian.PutUint64(length[:], uint64(len(s)))
		h.Write(length[:])
		h.Write([]byte(s))
	}
	h.Write([]byte(password))
	return proof(h.Sum(nil))
}

// lock lets one request at a time ask about a password. A client that begins with many
// requests at once costs one hash, and not one token of the limit for each of them.
func (p *proofs) lock(ctx context.Context, id proof) error {
	for {
		p.mu.Lock()
		held, ok := p.locks[id]
		if !ok {
			p.locks[id] = make(chan struct{})
		}
		p.mu.Unlock()
		if !ok {
			return nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
		}
	}
}

func (p *proofs) unlock(id proof) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.locks[id])
	delete(p.locks, id)
}

func (p *proofs) have(id proof, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.until[id]
	return ok && now.Before(until)
}

func (p *proofs) add(id proof, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.until) >= maxProofs {
		for other, until := range p.until {
			if !now.Before(until) {
				delete(p.until, other)
			}
		}
	}
	for other := range p.until {
		if len(p.until) < maxProofs {
			break
		}
		delete(p.until, other) // any: it costs its client one hash
	}
	p.until[id] = now.Add(proofLifetime)
}
