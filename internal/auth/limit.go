package auth

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// How many logins may fail. Each bound is a bucket of tokens: a login takes one of each
// bucket, gives them back when the password was right, and is refused without a look at the
// password when one is empty.
//
//   - For a user from an address: somebody who mistypes waits a minute. Guessing gets 1,440
//     tries a day, with passwords of at least 12 characters.
//   - For an address, whatever the users: trying one password with every user.
//   - For a user from all addresses at once: guessing from many machines. It does not count for
//     addresses that the user has logged in from before, nor for the machine itself: otherwise
//     whoever knows a name could keep its owner out for as long as they like. So an attacker
//     keeps a user out of new places only, and of known ones only from within them. Sessions
//     and API keys are never affected.
//
// There is no state "locked", and so nothing that must be unlocked.
var (
	perUserAndAddress = rate{burst: 5, every: time.Minute}
	perAddress        = rate{burst: 20, every: 10 * time.Second}
	perUser           = rate{burst: 50, every: time.Minute}
)

// A rate lets burst through at once and then one after each time.
type rate struct {
	burst int64
	every time.Duration
}

// A bucket is full of tokens at a time; before it lacks one for each rate.every.
type bucket struct {
	full     int64 // nanoseconds since 1970 UTC
	reported bool  // that it was empty, since it was full
}

// wait returns how long it takes until b has a token.
func (b *bucket) wait(now int64, r rate) time.Duration {
	if b.full <= now {
		b.full, b.reported = now, false
	}
	span := r.burst * int64(r.every)
	b.full = min(b.full, now+span) // the clock may have been set back
	return time.Duration(max(0, b.full+int64(r.every)-now-span))
}

// attemptBuckets is a power of two. All three tables take 3 MiB.
const attemptBuckets = 1 << 16

// An attempts is the memory of failed logins. Its buckets are found by a keyed hash, and names
// and addresses of the same hash share one: unlike a list that forgets the oldest, a flood of
// names or addresses can then not win back tries by making it forget. Nor can it use up the
// buckets of others: a hasher checks some hundred passwords a second at most, and no token is
// taken for one that it does not check.
type attempts struct {
	mu     sync.Mutex
	seed   maphash.Seed
	tables [3][]bucket
}

// A try is one login that has taken its tokens.
type try [3]*bucket

var tryRates = [3]rate{perUserAndAddress, perAddress, perUser}

// tryNames are how the trail calls the bounds.
var tryNames = [3]string{"user and address", "address", "user"}

func newAttempts() *attempts {
	a := &attempts{seed: maphash.MakeSeed()}
	for i := range a.tables {
		a.tables[i] = make([]bucket, attemptBuckets)
	}
	return a
}

// take takes the tokens of one login, or returns how long to wait and, once until the bucket is
// full again, the name of the bound that was met.
func (a *attempts) take(now int64, name string, network netip.Prefix, known bool) (t try, wait time.Duration, bound string) {
	type userAndAddress struct {
		name    string
		address [16]byte
	}
	address := network.Addr().As16()
	places := [3]uint64{
		maphash.Comparable(a.seed, userAndAddress{name, address}),
		maphash.Comparable(a.seed, address),
		maphash.String(a.seed, name),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range t {
		if known && i == 2 {
			continue
		}
		t[i] = &a.tables[i][places[i]%attemptBuckets]
		if w := t[i].wait(now, tryRates[i]); w > 0 {
			wait = max(wait, w)
			if !t[i].reported {
				t[i].reported, bound = true, tryNames[i]
			}
		}
	}
	if wait > 0 {
		return try{}, wait, bound
	}
	for i, b := range t {
		if b != nil {
			b.full += int64(tryRates[i].every)
		}
	}
	return t, 0, ""
}

// giveBack returns the tokens of a login that was right, or was not looked at.
func (a *attempts) giveBack(t try) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, b := range t {
		if b != nil {
			b.full -= int64(tryRates[i].every)
		}
	}
}

// networkOf returns what counts as one address: an IPv4 address, or the 64 bits of an IPv6
// address that a provider gives to one customer.
func networkOf(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.Prefix(bits) // of no address: the zero prefix, which those share that have none
	return p
}

// A trailBound keeps a flood of failed logins from filling the trail: what is beyond it is
// counted, and told in the next entry.
type trailBound struct {
	mu     sync.Mutex
	bucket bucket
	held   int64
}

var trailRate = rate{burst: 30, every: time.Minute}

// pass reports whether an entry may be written, and how many were held back before it.
func (l *trailBound) pass(now int64) (ok bool, held int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bucket.wait(now, trailRate) > 0 {
		l.held++
		return false, 0
	}
	l.bucket.full += int64(trailRate.every)
	held, l.held = l.held, 0
	return true, held
}
