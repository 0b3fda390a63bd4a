package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Bounds of passwords.
const (
	MinPassword      = 12   // characters
	MaxPasswordBytes = 1024 // hashing must not be given megabytes
)

// A Cost is what hashing a password takes.
type Cost struct {
	MemoryKiB uint32
	Passes    uint32
	Threads   uint8
}

// DefaultCost returns what OWASP's Password Storage Cheat Sheet asks of argon2id.
func DefaultCost() Cost { return Cost{MemoryKiB: 19 << 10, Passes: 2, Threads: 1} }

// The bounds keep a hash that somebody put into the store from taking the machine's memory.
func (c Cost) validate() error {
	switch {
	case c.MemoryKiB < 8*uint32(c.Threads) || c.MemoryKiB > 1<<20:
		return fmt.Errorf("m: got %d, want 8 for each thread to %d", c.MemoryKiB, 1<<20)
	case c.Passes < 1 || c.Passes > 64:
		return fmt.Errorf("t: got %d, want 1 to 64", c.Passes)
	case c.Threads < 1 || c.Threads > 64:
		return fmt.Errorf("p: got %d, want 1 to 64", c.Threads)
	}
	return nil
}

// A passwordHash is an argon2id hash in its PHC string form, read:
//
//	$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH
//
// Source: https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
type passwordHash struct {
	cost       Cost
	salt, hash []byte
}

func newPasswordHash(password string, c Cost) passwordHash {
	salt := make([]byte, 16)
	rand.Read(salt)
	return passwordHash{c, salt, derive(password, salt, c, 32)}
}

func derive(password string, salt []byte, c Cost, length int) []byte {
	return argon2.IDKey([]byte(password), salt, c.Passes, c.MemoryKiB, c.Threads, uint32(length))
}

func (h passwordHash) matches(password string) bool {
	return subtle.ConstantTimeCompare(derive(password, h.salt, h.cost, len(h.hash)), h.hash) == 1
}

func (h passwordHash) String() string {
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.cost.MemoryKiB, h.cost.Passes, h.cost.Threads, enc.EncodeToString(h.salt), enc.EncodeToString(h.hash))
}

// parsePasswordHash reads what String wrote, and nothing else. Its errors do not show the hash.
func parsePasswordHash(s string) (passwordHash, error) {
	var h passwordHash
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return h, fmt.Errorf("got another hash, want $argon2id$v=%d$m=..,t=..,p=..$SALT$HASH", argon2.Version)
	}
	for param := range strings.SplitSeq(parts[3], ",") {
		name, value, _ := strings.Cut(param, "=")
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return h, errors.New("got other parameters, want m, t and p with numbers")
		}
		switch name {
		case "m":
			h.cost.MemoryKiB = uint32(n)
		case "t":
			h.cost.Passes = uint32(n)
		case "p":
			h.cost.Threads = uint8(min(n, 255))
		}
	}
	if err := h.cost.validate(); err != nil {
		return h, err
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	h.hash, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.hash) < 16 || len(h.hash) > 64 {
		return h, fmt.Errorf("got a salt of %d and a hash of %d bytes, want base64 of 8 to 64 and of 16 to 64", len(h.salt), len(h.hash))
	}
	if h.String() != s {
		return h, errors.New("got another spelling, want m, t and p in this order, and base64 without padding")
	}
	return h, nil
}

// validatePassword holds a new password to the rules. Which passwords are good is not asked: a
// length of 12 and the limit on logins stop guessing over the network.
func validatePassword(password, user string) error {
	switch {
	case len(password) > MaxPasswordBytes:
		return invalid("password", fmt.Sprintf("%d bytes", len(password)), fmt.Sprintf("at most %d", MaxPasswordBytes))
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		return invalid("password", "control characters or broken UTF-8", "characters that can be typed")
	case utf8.RuneCountInString(password) < MinPassword:
		return invalid("password", fmt.Sprintf("%d characters", utf8.RuneCountInString(password)), fmt.Sprintf("at least %d", MinPassword))
	case strings.ReplaceAll(strings.ToLower(password), user, "") == "":
		return invalid("password", "the name of the user", "another")
	}
	return nil
}

// A hasher hashes passwords, few at a time: each takes the memory and a core for some ten
// milliseconds, and whoever can reach the login page can ask for it. Others wait; who waits
// is bounded too. Of the places to wait, the second half is for those who have logged in from
// where they are before, so that a crowd of strangers does not keep them out.
type hasher struct {
	cost       Cost
	slots      chan struct{}
	waiting    atomic.Int64
	maxWaiting int64
}

func newHasher(c Cost) *hasher {
	slots := min(4, max(1, runtime.GOMAXPROCS(0)/2)) // the rest of the machine is for events
	return &hasher{cost: c, slots: make(chan struct{}, slots), maxWaiting: int64(64 * slots)}
}

// acquire waits for a slot, which release gives back, or returns ErrBusy.
func (h *hasher) acquire(ctx context.Context, stranger bool) error {
	room := h.maxWaiting
	if stranger {
		room /= 2
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > room {
		return ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

func (h *hasher) release() { <-h.slots }

// hash hashes a new password.
func (h *hasher) hash(ctx context.Context, password string) (passwordHash, error) {
	if err := h.acquire(ctx, false); err != nil {
		return passwordHash{}, err
	}
	defer h.release()
	return newPasswordHash(password, h.cost), nil
}
