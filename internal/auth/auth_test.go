package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/store"
)

func TestBootstrap(t *testing.T) {
	f := newFake()
	a := open(t, testConfig(f))
	password, created, err := a.Bootstrap(t.Context())
	if err != nil || !created || len(password) < MinPassword {
		t.Fatalf("got %d characters, %v, %v, want a password", len(password), created, err)
	}
	again, created, err := a.Bootstrap(t.Context())
	if again != "" || created || err != nil {
		t.Errorf("the second time: got %q, %v, %v, want nothing done", again, created, err)
	}

	cookie := login(t, a, "admin", password)
	p, err := a.Authenticate(request("GET", "192.0.2.7", "Cookie", cookie))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Permissions(), []string{"self"}; !slices.Equal(got, want) {
		t.Errorf("before the password is changed: got %v, want %v", got, want)
	}
	if err := p.Check(Read); !errors.Is(err, ErrPasswordChange) {
		t.Errorf("got %v, want ErrPasswordChange", err)
	}
	w := httptest.NewRecorder()
	if err := a.ChangePassword(w, request("POST", "192.0.2.7", "Cookie", cookie), p, password, annasPassword); err != nil {
		t.Fatal(err)
	}
	if got := who(a, cookie); got != ErrSessionEnded.Error() {
		t.Errorf("the session of before: got %v, want its end", got)
	}
	p, err = a.Authenticate(request("GET", "192.0.2.7", "Cookie", cookieOf(t, w)))
	if err != nil || !p.Can(Manage) {
		t.Errorf("got %v, %v, want an admin", p, err)
	}
	want := []string{
		`(program) user.create admin {"must_change":true,"role":"admin"}`,
		`admin session.begin admin`,
		`admin user.password admin`,
		`admin session.begin admin`,
	}
	if diff := cmp.Diff(want, f.actions(t)); diff != "" {
		t.Error(diff)
	}
}

func TestPermissions(t *testing.T) {
	for _, c := range []struct {
		name string
		p    *Principal
		want string
	}{
		{"nobody can do anything", nil, ""},
		{"nor can a principal without kind", &Principal{Role: Admin, Scopes: Scopes()}, ""},
		{"a viewer reads", &Principal{Kind: KindUser, Role: Viewer}, "self read"},
		{"an analyst writes too", &Principal{Kind: KindUser, Role: Analyst}, "self read write"},
		{"an admin does everything", &Principal{Kind: KindUser, Role: Admin}, "self read write ingest manage"},
		{"an unknown role does nothing", &Principal{Kind: KindUser, Role: "root"}, ""},
		{"a password to be changed comes first", &Principal{Kind: KindUser, Role: Admin, MustChange: true}, "self"},
		{"a user has no scopes", &Principal{Kind: KindUser, Role: Viewer, Scopes: Scopes()}, "self read"},
		{"a key has no role", &Principal{Kind: KindKey, Role: Admin, Scopes: []Scope{ScopeIngest}}, "self ingest"},
		{"a key of all scopes does not manage", &Principal{Kind: KindKey, Scopes: Scopes()}, "self read write ingest"},
		{"the program does everything", Program(), "self read write ingest manage"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(c.p.Permissions(), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.p.Can(0) {
				t.Error("no permission at all can be had")
			}
		})
	}
	var forbidden *ForbiddenError
	if err := (&Principal{Kind: KindUser, Role: Viewer}).Check(Manage); !errors.As(err, &forbidden) || err.Error() != "got the permissions self, read, want manage" {
		t.Errorf("got %v", err)
	}
}

func TestCreateUserRefuses(t *testing.T) {
	long := strings.Repeat("n", 65)
	for _, c := range []struct {
		name string
		n    NewUser
		want string
	}{
		{"a name is needed", NewUser{Role: Viewer}, `name: got "", want`},
		{"capitals look like another name", NewUser{Name: "Anna", Role: Viewer}, `name: got "Anna", want`},
		{"a colon does not fit Basic", NewUser{Name: "a:b", Role: Viewer}, `name: got "a:b", want`},
		{"letters that look like others", NewUser{Name: "аnna", Role: Viewer}, `name: got "аnna", want`},
		{"a dot at the start", NewUser{Name: ".anna", Role: Viewer}, `name: got ".anna", want`},
		{"keys have names of their own", NewUser{Name: "key_anna", Role: Viewer}, `name: got "key_anna", want`},
		{"a long name is cut in the error", NewUser{Name: long, Role: Viewer}, `name: got "` + long[:64] + `...", want`},
		{"an unknown role", NewUser{Name: "carl", Role: "root"}, `role: got "root", want viewer, analyst or admin`},
		{"a short password", NewUser{Name: "carl", Role: Viewer, Password: "elevenchars"}, "password: got 11 characters, want at least 12"},
		{"characters are counted, not bytes", NewUser{Name: "carl", Role: Viewer, Password: "ääääääääää"}, "password: got 10 characters, want at least 12"},
		{"a very long password", NewUser{Name: "carl", Role: Viewer, Password: strings.Repeat("x", 1025)}, "password: got 1025 bytes, want at most 1024"},
		{"the name as password", NewUser{Name: "carl.the.great", Role: Viewer, Password: "Carl.The.Great"}, "password: got the name of the user, want another"},
		{"the name over and over", NewUser{Name: "carl", Role: Viewer, Password: "carlcarlcarl"}, "password: got the name of the user, want another"},
		{"characters that nobody can type", NewUser{Name: "carl", Role: Viewer, Password: "twelve\x00twelve"}, "password: got control characters or broken UTF-8, want"},
		{"a name that is taken", NewUser{Name: "anna", Role: Viewer, Password: bobsPassword}, `user "anna": there is one of this name already`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			a := withUsers(t, f)
			before := f.changed()
			_, err := a.CreateUser(t.Context(), Program(), c.n)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if f.changed() != before {
				t.Error("something was stored")
			}
		})
	}
}

// changes are all that need Manage, by the name of what they write to the trail.
var changes = map[string]func(ctx context.Context, a *Auth, by *Principal) error{
	"user.create": func(ctx context.Context, a *Auth, by *Principal) error {
		_, err := a.CreateUser(ctx, by, NewUser{Name: "carl", Role: Viewer})
		return err
	},
	"user.role": func(ctx context.Context, a *Auth, by *Principal) error { return a.SetRole(ctx, by, "bob", Analyst) },
	"user.disable": func(ctx context.Context, a *Auth, by *Principal) error {
		return a.SetDisabled(ctx, by, "bob", true)
	},
	"user.enable": func(ctx context.Context, a *Auth, by *Principal) error {
		return a.SetDisabled(ctx, by, "bob", false)
	},
	"user.password": func(ctx context.Context, a *Auth, by *Principal) error {
		_, err := a.SetPassword(ctx, by, "bob", "", false)
		return err
	},
	"user.remove": func(ctx context.Context, a *Auth, by *Principal) error { return a.RemoveUser(ctx, by, "bob") },
	"session.end_all": func(ctx context.Context, a *Auth, by *Principal) error {
		return a.EndSessions(ctx, by, "bob")
	},
	"key.create": func(ctx context.Context, a *Auth, by *Principal) error {
		_, _, err := a.CreateKey(ctx, by, NewKey{Name: "shipper", Scopes: []Scope{ScopeIngest}})
		return err
	},
	"key.revoke": func(ctx context.Context, a *Auth, by *Principal) error {
		return a.RevokeKey(ctx, by, a.Keys()[0].ID)
	},
}

func TestChangesNeedManage(t *testing.T) {
	full := errors.New("no room")
	for action, change := range changes {
		t.Run(action, func(t *testing.T) {
			f := newFake()
			a := withUsers(t, f)
			if _, _, err := a.CreateKey(t.Context(), Program(), NewKey{Name: "k", Scopes: Scopes()}); err != nil {
				t.Fatal(err)
			}
			before := f.changed()
			var forbidden *ForbiddenError
			for _, by := range []*Principal{{Kind: KindUser, Name: "eve", Role: Analyst}, {Kind: KindKey, Scopes: Scopes()}} {
				if err := change(t.Context(), a, by); !errors.As(err, &forbidden) {
					t.Errorf("by %s: got %v, want a ForbiddenError", by.Kind, err)
				}
			}
			if err := change(t.Context(), a, nil); !errors.Is(err, ErrNoCredentials) {
				t.Errorf("by nobody: got %v, want ErrNoCredentials", err)
			}
			f.refuse(full)
			users, keys := a.Users(), a.Keys()
			if err := change(t.Context(), a, Program()); !errors.Is(err, full) {
				t.Errorf("without room: got %v, want %v", err, full)
			}
			if diff := cmp.Diff(users, a.Users()) + cmp.Diff(keys, a.Keys()); diff != "" {
				t.Errorf("changed without being stored:\n%s", diff)
			}
			f.refuse(nil)
			if f.changed() != before {
				t.Fatal("something was stored")
			}

			// A client that hangs up does not leave memory and store apart.
			gone, cancel := context.WithCancel(t.Context())
			anna := &Principal{Kind: KindUser, Name: "anna", Role: Admin, From: netip.MustParseAddr("192.0.2.1")}
			if action == "user.create" || action == "user.password" { // they wait for their turn to hash
				gone = t.Context()
			} else {
				cancel()
			}
			if err := change(gone, a, anna); err != nil {
				t.Fatal(err)
			}
			cancel()
			entries := f.entries(t)
			last := entries[len(entries)-1]
			if last.Action != action || last.User != "anna" || last.From != "192.0.2.1" || last.At.IsZero() {
				t.Errorf("got the entry %+v, want %s by anna from 192.0.2.1", last, action)
			}
			again := open(t, testConfig(f))
			if diff := cmp.Diff(a.Users(), again.Users()) + cmp.Diff(a.Keys(), again.Keys()); diff != "" {
				t.Errorf("after a restart:\n%s", diff)
			}
		})
	}
}

func TestPasswordsThatOthersSet(t *testing.T) {
	a := withUsers(t, newFake())
	for _, c := range []struct {
		name, password           string
		mustChange, wantsChanged bool
	}{
		{"a random one must be changed", "", false, true},
		{"one that was chosen need not", "chosen by an admin", false, false},
		{"unless it is asked for", "chosen by an admin", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			password, err := a.SetPassword(t.Context(), Program(), "bob", c.password, c.mustChange)
			if err != nil || c.password != "" && password != c.password || len(password) < MinPassword {
				t.Fatalf("got %d characters, %v", len(password), err)
			}
			p, err := a.Authenticate(request("GET", "192.0.2.7", "Authorization", basic("bob", password)))
			if err != nil {
				t.Fatal(err)
			}
			if p.MustChange != c.wantsChanged || p.Can(Read) == c.wantsChanged {
				t.Errorf("must change: got %v, want %v", p.MustChange, c.wantsChanged)
			}
		})
	}
	var wrong *InvalidError
	if _, err := a.SetPassword(t.Context(), Program(), "bob", "short", false); !errors.As(err, &wrong) {
		t.Errorf("got %v, want an InvalidError", err)
	}
}

func TestUnknownUsersAndKeysAreNotFound(t *testing.T) {
	a := withUsers(t, newFake())
	ctx, by := t.Context(), Program()
	_, errUser := a.User("carl")
	_, errPassword := a.SetPassword(ctx, by, "carl", "", false)
	for i, err := range []error{
		errUser, errPassword, a.SetRole(ctx, by, "carl", Admin), a.SetDisabled(ctx, by, "carl", true),
		a.RemoveUser(ctx, by, "carl"), a.EndSessions(ctx, by, "carl"), a.RevokeKey(ctx, by, "key_x"),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%d: got %v, want store.ErrNotFound", i, err)
		}
	}
}

func TestTheLastAdminStays(t *testing.T) {
	a := withUsers(t, newFake())
	ctx, by := t.Context(), Program()
	try := func() []error {
		return []error{a.SetRole(ctx, by, "anna", Analyst), a.SetDisabled(ctx, by, "anna", true), a.RemoveUser(ctx, by, "anna")}
	}
	for i, err := range try() {
		if !errors.Is(err, ErrLastAdmin) {
			t.Errorf("%d: got %v, want ErrLastAdmin", i, err)
		}
	}
	if err := a.SetRole(ctx, by, "bob", Admin); err != nil {
		t.Fatal(err)
	}
	if err := a.SetDisabled(ctx, by, "bob", true); err != nil {
		t.Fatal(err)
	}
	for i, err := range try() {
		if !errors.Is(err, ErrLastAdmin) {
			t.Errorf("with another who is disabled, %d: got %v, want ErrLastAdmin", i, err)
		}
	}
	if err := a.SetDisabled(ctx, by, "bob", false); err != nil {
		t.Fatal(err)
	}
	for i, err := range try() {
		if err != nil {
			t.Errorf("with another, %d: got %v", i, err)
		}
	}
}

func TestAuthorization(t *testing.T) {
	a := withUsers(t, newFake())
	_, s, err := a.CreateKey(t.Context(), Program(), NewKey{Name: "shipper", Scopes: []Scope{ScopeIngest}})
	if err != nil {
		t.Fatal(err)
	}
	encoded := s.Encoded()
	key := "key shipper"
	for _, c := range []struct {
		name, header, want string
	}{
		{"elasticsearch-py", "ApiKey " + encoded, key},
		{"go-elasticsearch", "APIKey " + encoded, key},
		{"in small letters", "apikey " + encoded, key},
		{"as bearer", "bearer " + encoded, key},
		{"Basic, as of rsyslog", "basic " + encoded, key},
		{"without padding", "ApiKey " + strings.TrimRight(encoded, "="), key},
		{"a user", basic("bob", bobsPassword), "user bob"},
		{"a user in capitals", basic("Bob", bobsPassword), "user bob"},
		{"a password with colons is read whole", basic("bob", "a:"+bobsPassword), "wrong or unknown credentials"},
		{"a wrong password", basic("bob", annasPassword), "wrong or unknown credentials"},
		{"an unknown user", basic("carl", annasPassword), "wrong or unknown credentials"},
		{"a long password", basic("bob", strings.Repeat("x", 1025)), "wrong or unknown credentials"},
		{"a wrong secret", basic(s.ID, s.Secret[:42]+"x"), "wrong or unknown credentials"},
		{"no secret", basic(s.ID, ""), "wrong or unknown credentials"},
		{"an unknown key", basic("key_unknown", s.Secret), "wrong or unknown credentials"},
		{"a user is no key", "ApiKey " + basic("bob", bobsPassword)[6:], "wrong or unknown credentials"},
		{"another scheme", "Digest username=bob", ErrAuthorization.Error()},
		{"a scheme alone", "Basic", ErrAuthorization.Error()},
		{"no base64", "ApiKey ???", ErrAuthorization.Error()},
		{"no colon", "ApiKey " + base64.StdEncoding.EncodeToString([]byte("key")), ErrAuthorization.Error()},
		{"a very long header", "ApiKey " + strings.Repeat("A", 10_000), ErrAuthorization.Error()},
		{"nothing", "", ErrNoCredentials.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request("PUT", "192.0.2.7")
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			p, err := a.Authenticate(r)
			got := fmt.Sprint(err)
			if err == nil {
				got = p.Kind.String() + " " + p.Name
				if p.From.String() != "192.0.2.7" {
					t.Errorf("got %v, want the address", p.From)
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	cookie := login(t, a, "anna", annasPassword)
	if _, err := a.Authenticate(request("GET", "192.0.2.7", "Cookie", cookie, "Authorization", "ApiKey eDp5")); !errors.Is(err, ErrCredentials) {
		t.Errorf("a wrong header beside a session: got %v, want ErrCredentials", err)
	}
}

func TestKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := withUsers(t, f)
		for _, c := range []struct {
			n    NewKey
			want string
		}{
			{NewKey{Scopes: Scopes()}, `name: got "", want 1 to 64 characters that can be seen`},
			{NewKey{Name: "a\nb", Scopes: Scopes()}, `name: got "a\nb", want 1 to 64 characters that can be seen`},
			{NewKey{Name: "k"}, "scopes: got none, want one or more of ingest, read, write"},
			{NewKey{Name: "k", Scopes: []Scope{"manage"}}, `scopes: got "manage", want ingest, read or write`},
			{NewKey{Name: "k", Scopes: []Scope{ScopeRead, ScopeRead}}, `scopes: got "read" twice, want it once`},
			{NewKey{Name: "k", Scopes: Scopes(), ExpiresAt: time.Now()}, "expires_at: got 2000-01-01T00:00:00Z, want a time to come, before the year 10000"},
			{NewKey{Name: "k", Scopes: Scopes(), ExpiresAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "expires_at: got 10000-01-01T00:00:00Z, want a time to come, before the year 10000"},
		} {
			if _, _, err := a.CreateKey(t.Context(), Program(), c.n); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		}

		k, s, err := a.CreateKey(t.Context(), Program(), NewKey{Name: "für rsyslog", Scopes: []Scope{ScopeIngest}, ExpiresAt: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if !k.LastUsed.IsZero() || k.CreatedBy != "(program)" || !k.CreatedAt.Equal(time.Now()) {
			t.Errorf("got %+v", k)
		}
		try := func(a *Auth) error {
			_, err := a.Authenticate(request("POST", "192.0.2.7", "Authorization", "ApiKey "+s.Encoded()))
			return err
		}
		time.Sleep(time.Hour - time.Nanosecond)
		if err := try(open(t, testConfig(f))); err != nil {
			t.Errorf("just before it expires, after a restart: got %v", err)
		}
		if err := try(a); err != nil {
			t.Errorf("just before it expires: got %v", err)
		}
		if got := a.Keys()[0].LastUsed; !got.Equal(time.Now()) {
			t.Errorf("last used: got %v, want %v", got, time.Now())
		}
		time.Sleep(time.Nanosecond)
		if err := try(a); !errors.Is(err, ErrCredentials) {
			t.Errorf("expired: got %v, want ErrCredentials", err)
		}

		_, s, err = a.CreateKey(t.Context(), Program(), NewKey{Name: "another", Scopes: Scopes()})
		if err != nil || try(a) != nil {
			t.Fatal(err, try(a))
		}
		if err := a.RevokeKey(t.Context(), Program(), s.ID); err != nil {
			t.Fatal(err)
		}
		if err := try(a); !errors.Is(err, ErrCredentials) {
			t.Errorf("revoked: got %v, want ErrCredentials", err)
		}
		if err := try(open(t, testConfig(f))); !errors.Is(err, ErrCredentials) {
			t.Errorf("revoked, after a restart: got %v, want ErrCredentials", err)
		}
	})
}

// What must never be seen in the trail, the log or the store: the test goes through all that
// handles secrets, and looks for them.
func TestNoSecretIsKept(t *testing.T) {
	f := newFake()
	var log bytes.Buffer
	c := testConfig(f)
	c.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := open(t, c)
	ctx := t.Context()
	var secrets []string
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	first, _, err := a.Bootstrap(ctx)
	check(err)
	random, err := a.CreateUser(ctx, Program(), NewUser{Name: "carl", Role: Analyst})
	check(err)
	reset, err := a.SetPassword(ctx, Program(), "carl", "", true)
	check(err)
	_, s, err := a.CreateKey(ctx, Program(), NewKey{Name: "k", Scopes: Scopes()})
	check(err)
	cookie := login(t, a, "admin", first)
	secrets = append(secrets, first, random, reset, s.Secret, s.Encoded(), strings.TrimPrefix(cookie, CookieName+"="), annasPassword, "typed into the wrong field", "a wrong guess of a password")
	p, err := a.Authenticate(request("GET", "192.0.2.7", "Cookie", cookie))
	check(err)
	w := httptest.NewRecorder()
	check(a.ChangePassword(w, request("POST", "192.0.2.7", "Cookie", cookie), p, first, annasPassword))
	secrets = append(secrets, strings.TrimPrefix(cookieOf(t, w), CookieName+"="))
	for range 40 {
		for _, name := range []string{"admin", "typed into the wrong field", "carl"} {
			_, err := a.Login(httptest.NewRecorder(), request("POST", "192.0.2.66"), name, "a wrong guess of a password")
			if err == nil {
				t.Fatal("a wrong password was right")
			}
			secrets = append(secrets, basic(name, "a wrong guess of a password")[6:])
		}
	}
	f.refuse(errors.New("full"))
	cookie = login(t, a, "admin", annasPassword)
	secrets = append(secrets, strings.TrimPrefix(cookie, CookieName+"="))
	check(a.Logout(httptest.NewRecorder(), request("POST", "192.0.2.7", "Cookie", cookie)))
	f.refuse(nil)
	check(a.flush(ctx))

	seen := log.String() + fmt.Sprint(f.actions(t)) + fmt.Sprintf("%+v", f.entries(t))
	for _, u := range a.users {
		if strings.Contains(seen, u.Hash) {
			t.Errorf("the hash of %s is in the trail or the log", u.Name)
		}
	}
	for _, kind := range []string{kindUser, kindKey, kindSession} {
		for _, r := range f.kind(t, kind) {
			seen += r.Kind + " " + r.ID + " " + string(r.Data) + "\n"
		}
	}
	for _, secret := range secrets {
		if len(secret) < 12 {
			t.Fatalf("%q is too short to look for", secret)
		}
		if i := strings.Index(seen, secret); i >= 0 {
			t.Errorf("%q is seen: %.200s", secret, seen[max(0, i-60):])
		}
	}
	for _, want := range []string{"too many failed logins", "login.limit admin", "login not stored", "logout not stored", "argon2id"} {
		if !strings.Contains(seen, want) {
			t.Errorf("the test does not see %q, and so proves nothing", want)
		}
	}
	shown := fmt.Sprintf("%+v %+v %+v", a.Users(), a.Keys(), p)
	if strings.Contains(shown, "argon2id") || strings.Contains(shown, s.Secret) {
		t.Errorf("what is shown of users and keys holds a hash or a secret")
	}
}

func TestOpenRefusesWhatItCannotRead(t *testing.T) {
	good := newPasswordHash(annasPassword, cheap).String()
	for _, c := range []struct {
		name, kind, id, data, want string
	}{
		{"no JSON", "user", "anna", "{", `record user "anna": unexpected end of JSON input`},
		{"another name", "user", "anna", `{"name":"bob","role":"admin","hash":"` + good + `"}`, `record user "anna": name: got "bob", want that of the record`},
		{"an unknown role", "user", "anna", `{"name":"anna","role":"root","hash":"` + good + `"}`, `record user "anna": role: got "root", want viewer, analyst or admin`},
		{"no hash", "user", "anna", `{"name":"anna","role":"admin"}`, `record user "anna": hash: got another hash, want $argon2id$v=19$m=..,t=..,p=..$SALT$HASH`},
		{"another id", "key", "key_a", `{"id":"key_b"}`, `record key "key_a": id: got "key_b", want that of the record, with key_ at its start`},
		{"a short hash", "key", "key_a", `{"id":"key_a","scopes":["read"],"hash":"00"}`, `record key "key_a": hash: got 2 characters, want 64 hexadecimal digits`},
		{"a long hash", "key", "key_a", `{"id":"key_a","scopes":["read"],"hash":"` + strings.Repeat("00", 33) + `"}`, `record key "key_a": hash: got 66 characters, want 64 hexadecimal digits`},
		{"an unknown scope", "key", "key_a", `{"id":"key_a","scopes":["all"],"hash":"00"}`, `record key "key_a": scopes: got "all", want ingest, read or write`},
		{"no hash of a token", "session", "x", `{}`, `record session "x": got another id, want 64 hexadecimal digits`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			if err := f.Change(t.Context(), []store.Record{{Kind: c.kind, ID: c.id, Data: []byte(c.data)}}, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), testConfig(f)); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	_, err := Open(t.Context(), Config{IdleLifetime: time.Second})
	want := "auth: got no records, log or clock, want all three\nidle lifetime: got 1s, want at least 1m\n" +
		"lifetime: got 0s, want at least the idle lifetime, 1s\npassword cost: t: got 0, want 1 to 64"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRunWritesWhoWasSeenOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := withUsers(t, f)
		_, s, err := a.CreateKey(t.Context(), Program(), NewKey{Name: "k", Scopes: Scopes()})
		if err != nil {
			t.Fatal(err)
		}
		cookie := login(t, a, "anna", annasPassword)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()

		before := f.changed()
		for range 120 { // two minutes
			time.Sleep(time.Second - time.Millisecond)
			for _, header := range [][]string{{"Authorization", "ApiKey " + s.Encoded()}, {"Cookie", cookie}, {"Authorization", basic("bob", bobsPassword)}} {
				if _, err := a.Authenticate(request("GET", "192.0.2.7", header...)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := f.changed() - before; got != 1 {
			t.Errorf("in two minutes less a little: got %d changes, want 1", got)
		}
		time.Sleep(time.Second)
		before = f.changed()
		time.Sleep(time.Hour / 2)
		if got := f.changed() - before; got != 0 {
			t.Errorf("in half an hour without requests: got %d changes, want none", got)
		}

		f.refuse(errors.New("full"))
		if who(a, cookie) != "anna" {
			t.Error("the session has ended")
		}
		used := time.Now()
		time.Sleep(2 * time.Minute)
		f.refuse(nil)
		time.Sleep(time.Minute)
		again := open(t, testConfig(f))
		for _, x := range again.sessions {
			if got := timeOf(x.used.Load()); !got.Equal(used) {
				t.Errorf("session used: got %v, want %v", got, used)
			}
		}
		if diff := cmp.Diff(a.Users(), again.Users()) + cmp.Diff(a.Keys(), again.Keys()); diff != "" {
			t.Error(diff)
		}
		if bob, _ := again.User("bob"); bob.LastLogin.IsZero() {
			t.Error("when bob was seen is not stored")
		}

		if who(a, cookie) != "anna" {
			t.Error("the session has ended")
		}
		before = f.changed()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := f.changed() - before; got != 1 {
			t.Errorf("at the end: got %d changes, want 1", got)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	f := newFake()
	a := withUsers(t, f)
	_, s, err := a.CreateKey(t.Context(), Program(), NewKey{Name: "k", Scopes: Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	cookie := login(t, a, "anna", annasPassword)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				a.Authenticate(request("GET", "192.0.2.7", "Authorization", "ApiKey "+s.Encoded()))
				a.Authenticate(request("GET", "192.0.2.7", "Cookie", cookie))
				a.Authenticate(request("GET", "192.0.2.7", "Authorization", basic("bob", bobsPassword)))
				a.Login(httptest.NewRecorder(), request("POST", "192.0.2.7"), "bob", bobsPassword)
				a.Login(httptest.NewRecorder(), request("POST", "192.0.2.8"), "bob", "wrong")
				a.SetRole(t.Context(), Program(), "bob", Roles()[i%3])
				a.flush(t.Context())
				a.Users()
				a.Keys()
			}
		})
	}
	wg.Wait()
	if err := a.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := open(t, testConfig(f))
	if diff := cmp.Diff(a.Users(), again.Users()) + cmp.Diff(a.Keys(), again.Keys()); diff != "" {
		t.Errorf("memory and store differ:\n%s", diff)
	}
	if len(again.sessions) != len(a.sessions) {
		t.Errorf("got %d sessions stored, want %d", len(again.sessions), len(a.sessions))
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	a := withUsers(b, newFake())
	for range 1000 {
		if _, _, err := a.CreateKey(b.Context(), Program(), NewKey{Name: "k", Scopes: Scopes()}); err != nil {
			b.Fatal(err)
		}
	}
	_, s, err := a.CreateKey(b.Context(), Program(), NewKey{Name: "k", Scopes: Scopes()})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		r    *http.Request
	}{
		{"key", request("POST", "192.0.2.7", "Authorization", "ApiKey "+s.Encoded())},
		{"key as Basic", request("POST", "192.0.2.7", "Authorization", "Basic "+s.Encoded())},
		{"session", request("POST", "192.0.2.7", "Cookie", login(b, a, "anna", annasPassword))},
		{"password that was right lately", request("POST", "192.0.2.7", "Authorization", basic("bob", bobsPassword))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Authenticate(c.r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
