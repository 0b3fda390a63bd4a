package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// verify tries a password from an address and tells the outcome in a word.
func verify(a *Auth, name, password, from string) string {
	_, err := a.verify(context.Background(), name, password, netip.MustParseAddr(from))
	var limited *LimitedError
	switch {
	case err == nil:
		return "right"
	case errors.Is(err, ErrCredentials):
		return "wrong"
	case errors.As(err, &limited):
		return "wait " + limited.RetryAfter.String()
	default:
		return err.Error()
	}
}

// fail fails n times and returns the last outcome.
func fail(a *Auth, n int, name, from string) (last string) {
	for i := range n {
		last = verify(a, name, fmt.Sprintf("wrong guess %d", i), from)
	}
	return last
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestLimitForAUserFromAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := withUsers(t, f)
		for _, name := range []string{"bob", "carl"} { // carl is unknown: nothing tells
			want(t, name+", five times", fail(a, 5, name, "192.0.2.1"), "wrong")
			want(t, name+", once more", fail(a, 1, name, "192.0.2.1"), "wait 1m0s")
			want(t, "in capitals", fail(a, 1, strings.ToUpper(name), "192.0.2.1"), "wait 1m0s")
		}
		want(t, "the right password", verify(a, "bob", bobsPassword, "192.0.2.1"), "wait 1m0s")
		want(t, "another user", verify(a, "anna", annasPassword, "192.0.2.1"), "right")
		want(t, "another address", verify(a, "bob", bobsPassword, "192.0.2.2"), "right")

		time.Sleep(time.Minute - time.Millisecond)
		want(t, "a moment too early", fail(a, 1, "bob", "192.0.2.1"), "wait 1ms")
		time.Sleep(time.Millisecond)
		want(t, "after a minute", fail(a, 1, "bob", "192.0.2.1"), "wrong")
		want(t, "and once more", fail(a, 1, "bob", "192.0.2.1"), "wait 1m0s")
		time.Sleep(time.Minute)
		for i := range 20 { // one that is right costs nothing
			time.Sleep(proofLifetime)
			want(t, fmt.Sprintf("right, %d", i), verify(a, "bob", bobsPassword, "192.0.2.1"), "right")
		}
		want(t, "five times after a long pause", fail(a, 5, "bob", "192.0.2.1"), "wrong")
		want(t, "and once more", fail(a, 1, "bob", "192.0.2.1"), "wait 1m0s")

		// What was right lately is let through, so that a guesser behind the same address does
		// not stop a client that sends its password with every request.
		want(t, "elsewhere", verify(a, "bob", bobsPassword, "192.0.2.3"), "right")
		want(t, "right lately", verify(a, "bob", bobsPassword, "192.0.2.1"), "right")
	})
}

func TestLimitForAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := withUsers(t, newFake())
		for i := range 20 {
			want(t, "a spray over users", fail(a, 1, fmt.Sprintf("user%d", i), "2001:db8:1:2::1"), "wrong")
		}
		want(t, "one more", fail(a, 1, "user99", "2001:db8:1:2::1"), "wait 10s")
		want(t, "from another address of the network", fail(a, 1, "user99", "2001:db8:1:2:ffff::1"), "wait 10s")
		want(t, "from the next network", fail(a, 1, "user99", "2001:db8:1:3::1"), "wrong")
		time.Sleep(10 * time.Second)
		want(t, "after ten seconds", fail(a, 1, "user99", "2001:db8:1:2::1"), "wrong")
		want(t, "and once more", fail(a, 1, "user99", "2001:db8:1:2::1"), "wait 10s")
	})
}

// Whoever knows a name must not be able to keep its owner out.
func TestNobodyIsLockedOutByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := withUsers(t, f)
		cookie := login(t, a, "bob", bobsPassword) // from 192.0.2.7
		time.Sleep(2 * proofLifetime)
		crowd := func(a *Auth) string {
			var last string
			for i := range 200 {
				last = fail(a, 1, "bob", fmt.Sprintf("198.51.100.%d", i))
			}
			return last
		}
		want(t, "the crowd", crowd(a), "wait 1m0s")
		want(t, "bob from a new place", verify(a, "bob", bobsPassword, "203.0.113.1"), "wait 1m0s")
		want(t, "bob from where he was", verify(a, "bob", bobsPassword, "192.0.2.7"), "right")
		want(t, "bob's session", who(a, cookie), "bob")
		time.Sleep(2 * proofLifetime)
		crowd(a)
		want(t, "bob at the machine itself", verify(a, "bob", bobsPassword, "127.0.0.1"), "right")
		want(t, "another user from a new place", verify(a, "anna", annasPassword, "203.0.113.2"), "right")

		if err := a.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		again := open(t, testConfig(f))
		want(t, "the crowd, after a restart", crowd(again), "wait 1m0s")
		want(t, "bob from where he was, after a restart", verify(again, "bob", bobsPassword, "192.0.2.7"), "right")

		for i := range 3 * maxKnown {
			a.seen(a.users["anna"], netip.MustParsePrefix(fmt.Sprintf("203.0.113.%d/32", i)), nil)
		}
		if known := a.users["anna"].Known; len(known) != maxKnown || known[maxKnown-1].String() != "203.0.113.23/32" {
			t.Errorf("got %v, want the last %d", known, maxKnown)
		}
	})
}

func TestAttemptsWhenTheClockIsSetBack(t *testing.T) {
	a := newAttempts()
	network := netip.MustParsePrefix("192.0.2.1/32")
	now := int64(1e18)
	for range 5 {
		if _, wait, _ := a.take(now, "bob", network, true); wait != 0 {
			t.Fatalf("got %v, want none", wait)
		}
	}
	if _, wait, _ := a.take(now-int64(2*time.Hour), "bob", network, true); wait != time.Minute {
		t.Errorf("got %v, want no more than a minute", wait)
	}
}

func TestTokensAreNotTakenForWhatIsNotChecked(t *testing.T) {
	a := withUsers(t, newFake())
	for range cap(a.hasher.slots) {
		if err := a.hasher.acquire(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	// Both wait: an unknown user takes a hash too.
	for _, name := range []string{"bob", "carl"} {
		for range 2 * perAddress.burst {
			if _, err := a.verify(gone, name, bobsPassword, netip.MustParseAddr("192.0.2.1")); !errors.Is(err, ErrBusy) {
				t.Fatalf("%s: got %v, want ErrBusy", name, err)
			}
		}
	}
	if len(a.proofs.locks) != 0 {
		t.Errorf("got %d locks left, want none", len(a.proofs.locks))
	}
}

func TestManyRequestsAtOnceAreOneLogin(t *testing.T) {
	for _, c := range []struct {
		password string
		want     map[string]int
	}{
		{bobsPassword, map[string]int{"right": 50}},
		{"wrong", map[string]int{"wrong": 5, "wait 1m0s": 45}},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := withUsers(t, newFake())
			var mu sync.Mutex
			got := make(map[string]int)
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					outcome := verify(a, "bob", c.password, "192.0.2.1")
					mu.Lock()
					got[outcome]++
					mu.Unlock()
				})
			}
			wg.Wait()
			want(t, c.password, fmt.Sprint(got), fmt.Sprint(c.want))
		})
	}
}

func TestPasswordsThatWereRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := withUsers(t, newFake())
		have := func() bool {
			return a.proofs.have(a.proofs.of("bob", a.users["bob"].Hash, bobsPassword), time.Now())
		}
		try := func() string { return verify(a, "bob", bobsPassword, "192.0.2.1") }
		want(t, "at first", try(), "right")
		if !have() {
			t.Error("it is not remembered")
		}
		time.Sleep(proofLifetime)
		if have() {
			t.Error("it is remembered for too long")
		}

		want(t, "again", try(), "right")
		if err := a.SetDisabled(t.Context(), Program(), "bob", true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		want(t, "disabled", try(), "wrong")
		if bob, _ := a.User("bob"); bob.LastLogin.Equal(time.Now()) {
			t.Error("a disabled user counts as logged in")
		}
		if err := a.SetDisabled(t.Context(), Program(), "bob", false); err != nil {
			t.Fatal(err)
		}
		want(t, "enabled", try(), "right")
		if _, err := a.SetPassword(t.Context(), Program(), "bob", "another password", false); err != nil {
			t.Fatal(err)
		}
		want(t, "the old password", try(), "wrong")
		if err := a.RemoveUser(t.Context(), Program(), "bob"); err != nil {
			t.Fatal(err)
		}
		want(t, "removed", verify(a, "bob", "another password", "192.0.2.1"), "wrong")

		for i := range 3 * maxProofs {
			a.proofs.add(a.proofs.of("x", "", fmt.Sprint(i)), time.Now())
		}
		if got := len(a.proofs.until); got != maxProofs {
			t.Errorf("got %d proofs, want %d", got, maxProofs)
		}
	})
}

func TestOldHashesAreMadeNew(t *testing.T) {
	f := newFake()
	withUsers(t, f)
	c := testConfig(f)
	c.PasswordCost = Cost{MemoryKiB: 16, Passes: 2, Threads: 1}
	a := open(t, c)
	want(t, "wrong", fail(a, 1, "anna", "192.0.2.1"), "wrong")
	if got := a.users["anna"].hash.cost; got != cheap {
		t.Errorf("a wrong password: got the cost %v, want %v", got, cheap)
	}
	w := httptest.NewRecorder()
	if _, err := a.Login(w, request("POST", "192.0.2.1"), "anna", annasPassword); err != nil {
		t.Fatal(err)
	}
	if got := a.users["anna"].hash.cost; got != c.PasswordCost {
		t.Errorf("got the cost %v, want %v", got, c.PasswordCost)
	}
	want(t, "the session", who(a, cookieOf(t, w)), "anna")
	if err := a.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := open(t, c).users["anna"]; got.hash.cost != c.PasswordCost || !got.hash.matches(annasPassword) {
		t.Errorf("after a restart: got the cost %v, want %v", got.hash.cost, c.PasswordCost)
	}
}

func TestFailedLoginsInTheTrail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := withUsers(t, f)
		limits := func() (list []string) {
			for _, text := range f.actions(t) {
				if strings.Contains(text, "login.limit") {
					list = append(list, text)
				}
			}
			return list
		}
		fail(a, 5, "bob", "192.0.2.1")
		if got := limits(); len(got) != 0 {
			t.Errorf("before the limit: got %v, want nothing", got)
		}
		fail(a, 100, "bob", "192.0.2.1")
		fail(a, 100, "my password?", "192.0.2.2")
		want := []string{` login.limit bob {"bound":"user and address"}`, ` login.limit  {"bound":"user and address"}`}
		if got := limits(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if entries := f.entries(t); entries[len(entries)-1].From != "192.0.2.2" {
			t.Errorf("got %+v, want the address 192.0.2.2", entries[len(entries)-1])
		}
		for range 30 { // as long as it goes on, it is one
			time.Sleep(time.Minute)
			fail(a, 2, "bob", "192.0.2.1")
		}
		if got := limits(); len(got) != 2 {
			t.Errorf("while it goes on: got %v, want no more", got)
		}
		time.Sleep(time.Hour)
		fail(a, 6, "bob", "192.0.2.1")
		if got := limits(); len(got) != 3 {
			t.Errorf("after a pause: got %v, want one more", got)
		}

		time.Sleep(time.Hour)
		for i := range 100 {
			fail(a, 6, fmt.Sprintf("user%d", i), fmt.Sprintf("198.51.100.%d", i))
		}
		if got := len(limits()); got != 33 {
			t.Errorf("from a hundred addresses: got %d entries, want 30 and the three before", got)
		}
		time.Sleep(time.Minute)
		fail(a, 6, "bob", "198.51.100.200")
		// Now and then two of the hundred share a bucket.
		last := limits()[len(limits())-1]
		var held int
		if _, err := fmt.Sscanf(last, ` login.limit bob {"bound":"user and address","held_back":%d}`, &held); err != nil || held > 70 || held < 60 {
			t.Errorf("got %s, want one with 60 to 70 held back", last)
		}
	})
}
