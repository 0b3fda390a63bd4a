package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func TestPasswordHash(t *testing.T) {
	// From the tests of the reference implementation, https://github.com/P-H-C/phc-winner-argon2, src/test.c.
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h, err := parsePasswordHash(reference)
	if err != nil {
		t.Fatal(err)
	}
	if !h.matches("password") || h.matches("passwore") {
		t.Error("the reference's hash is not that of its password alone")
	}
	if got := h.String(); got != reference {
		t.Errorf("got %s, want %s", got, reference)
	}

	x, y := newPasswordHash(annasPassword, DefaultCost()), newPasswordHash(annasPassword, DefaultCost())
	if x.String() == y.String() {
		t.Error("two hashes have the same salt")
	}
	if !strings.HasPrefix(x.String(), "$argon2id$v=19$m=19456,t=2,p=1$") || !x.matches(annasPassword) {
		t.Errorf("got %s", x)
	}
}

var badHashes = []struct{ name, hash, want string }{
	{"nothing", "", "got another hash"},
	{"another kind", "$argon2i$v=19$m=16,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "got another hash"},
	{"another version", "$argon2id$v=16$m=16,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "got another hash"},
	{"memory that the machine has not", "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "m: got 4294967295, want 8 for each thread to 1048576"},
	{"passes without end", "$argon2id$v=19$m=16,t=4294967295,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "t: got 4294967295, want 1 to 64"},
	{"no threads", "$argon2id$v=19$m=16,t=1,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "p: got 0, want 1 to 64"},
	{"threads modulo 256", "$argon2id$v=19$m=4096,t=1,p=257$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "p: got 255, want 1 to 64"},
	{"no number", "$argon2id$v=19$m=x,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "got other parameters"},
	{"another order", "$argon2id$v=19$t=1,m=16,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "got another spelling"},
	{"a parameter too many", "$argon2id$v=19$m=16,t=1,p=1,k=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "got another spelling"},
	{"a short hash", "$argon2id$v=19$m=16,t=1,p=1$c29tZXNhbHQ$AAAA", "got a salt of 8 and a hash of 3 bytes"},
	{"no salt", "$argon2id$v=19$m=16,t=1,p=1$$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "got a salt of 0 and a hash of 32 bytes"},
}

func TestParsePasswordHashRefuses(t *testing.T) {
	for _, c := range badHashes {
		t.Run(c.name, func(t *testing.T) {
			if _, err := parsePasswordHash(c.hash); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func FuzzParsePasswordHash(f *testing.F) {
	f.Add(newPasswordHash("x", cheap).String())
	for _, c := range badHashes {
		f.Add(c.hash)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parsePasswordHash(s)
		if err != nil {
			return
		}
		if h.String() != s {
			t.Errorf("got %s, want %s", h, s)
		}
		if err := h.cost.validate(); err != nil || len(h.salt) > 64 || len(h.hash) > 64 {
			t.Errorf("beyond its bounds: %s", s)
		}
	})
}

func TestHasherIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(cheap)
		for range cap(h.slots) {
			if err := h.acquire(t.Context(), true); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wait := func(stranger bool) {
			wg.Go(func() {
				if err := h.acquire(ctx, stranger); !errors.Is(err, ErrBusy) || !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want ErrBusy for want of patience", err)
				}
			})
		}
		for range h.maxWaiting / 2 {
			wait(true)
		}
		synctest.Wait()
		if err := h.acquire(t.Context(), true); !errors.Is(err, ErrBusy) {
			t.Errorf("a stranger too many: got %v, want ErrBusy", err)
		}
		for range h.maxWaiting / 2 {
			wait(false)
		}
		synctest.Wait()
		if err := h.acquire(t.Context(), false); !errors.Is(err, ErrBusy) {
			t.Errorf("one too many: got %v, want ErrBusy", err)
		}
		cancel()
		wg.Wait()
		h.release()
		if err := h.acquire(t.Context(), true); err != nil {
			t.Errorf("when one has gone: got %v", err)
		}
	})
}

func BenchmarkPasswordHash(b *testing.B) {
	h := newPasswordHash(annasPassword, DefaultCost())
	b.ReportAllocs()
	for b.Loop() {
		if !h.matches(annasPassword) {
			b.Fatal("wrong")
		}
	}
}
