package auth

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fresnel/internal/store"
)

func TestSessionLifetimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := withUsers(t, f)
		begin := time.Now()
		left, used := login(t, a, "anna", annasPassword), login(t, a, "anna", annasPassword)
		time.Sleep(time.Hour - time.Nanosecond)
		want(t, "just within the idle lifetime", who(a, used), "anna")
		time.Sleep(time.Nanosecond)
		want(t, "idle", who(a, left), ErrSessionEnded.Error())
		for time.Since(begin) < 23*time.Hour {
			time.Sleep(30 * time.Minute)
			want(t, "used all the time", who(a, used), "anna")
		}
		time.Sleep(30 * time.Minute)
		want(t, "used all the time", who(a, used), "anna")
		time.Sleep(30*time.Minute - time.Nanosecond)
		want(t, "just within the lifetime", who(a, used), "anna")
		time.Sleep(time.Nanosecond)
		want(t, "at the end", who(a, used), ErrSessionEnded.Error())

		if err := a.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(a.sessions) != 0 || len(f.kind(t, kindSession)) != 0 {
			t.Errorf("got %d sessions in memory and %d stored, want none", len(a.sessions), len(f.kind(t, kindSession)))
		}
	})
}

func TestSessionsOutliveARestart(t *testing.T) {
	f := newFake()
	a := withUsers(t, f)
	cookie, other := login(t, a, "anna", annasPassword), login(t, a, "bob", bobsPassword)
	again := open(t, testConfig(f))
	want(t, "after a restart", who(again, cookie), "anna")
	if err := again.Logout(httptest.NewRecorder(), request("POST", "192.0.2.7", "Cookie", cookie)); err != nil {
		t.Fatal(err)
	}
	want(t, "logged out", who(again, cookie), ErrSessionEnded.Error())
	again = open(t, testConfig(f))
	want(t, "logged out, after a restart", who(again, cookie), ErrSessionEnded.Error())
	want(t, "the other", who(again, other), "bob")
	want(t, "no token", who(again, CookieName+"="), ErrSessionEnded.Error())
}

func TestWhatEndsSessions(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(a *Auth) error
		ends bool
	}{
		{"a new password does", func(a *Auth) error {
			_, err := a.SetPassword(t.Context(), Program(), "bob", "another password", false)
			return err
		}, true},
		{"being disabled does", func(a *Auth) error { return a.SetDisabled(t.Context(), Program(), "bob", true) }, true},
		{"being removed does", func(a *Auth) error { return a.RemoveUser(t.Context(), Program(), "bob") }, true},
		{"an admin can", func(a *Auth) error { return a.EndSessions(t.Context(), Program(), "bob") }, true},
		{"the user can", func(a *Auth) error {
			return a.EndSessions(t.Context(), &Principal{Kind: KindUser, Name: "bob", Role: Viewer}, "bob")
		}, true},
		{"another role does not", func(a *Auth) error { return a.SetRole(t.Context(), Program(), "bob", Admin) }, false},
		{"being enabled does not", func(a *Auth) error { return a.SetDisabled(t.Context(), Program(), "bob", false) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			a := withUsers(t, f)
			// One of the sessions ended when the store had no room, and is still there.
			ghost := login(t, a, "bob", bobsPassword)
			f.refuse(errors.New("full"))
			if err := a.Logout(httptest.NewRecorder(), request("POST", "192.0.2.7", "Cookie", ghost)); err != nil {
				t.Fatal(err)
			}
			f.refuse(nil)
			want(t, "the ghost", who(a, ghost), ErrSessionEnded.Error())

			anna, x, y := login(t, a, "anna", annasPassword), login(t, a, "bob", bobsPassword), login(t, a, "bob", bobsPassword)
			if err := c.do(a); err != nil {
				t.Fatal(err)
			}
			outcome := "bob"
			if c.ends {
				outcome = ErrSessionEnded.Error()
			}
			for _, a := range []*Auth{a, open(t, testConfig(f))} {
				want(t, "a session", who(a, x), outcome)
				want(t, "another", who(a, y), outcome)
				want(t, "one that had ended", who(a, ghost), ErrSessionEnded.Error())
				want(t, "that of somebody else", who(a, anna), "anna")
			}
		})
	}
}

func TestLoginTurnsSessionsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := withUsers(t, f)
		first := login(t, a, "bob", bobsPassword)
		w := httptest.NewRecorder()
		if _, err := a.Login(w, request("POST", "192.0.2.7", "Cookie", first), "anna", annasPassword); err != nil {
			t.Fatal(err)
		}
		second := cookieOf(t, w)
		want(t, "the session of before", who(a, first), ErrSessionEnded.Error())
		want(t, "the new one", who(a, second), "anna")
		w = httptest.NewRecorder()
		if _, err := a.Login(w, request("POST", "192.0.2.7", "Cookie", CookieName+"=chosen"), "anna", annasPassword); err != nil {
			t.Fatal(err)
		}
		want(t, "a token that somebody chose", who(a, CookieName+"=chosen"), ErrSessionEnded.Error())

		cookies := make([]string, maxSessions+1)
		for i := range cookies {
			time.Sleep(time.Second)
			cookies[i] = login(t, a, "bob", bobsPassword)
			want(t, "the first is in use", who(a, cookies[0]), "bob")
		}
		want(t, "the one not used for the longest time", who(a, cookies[1]), ErrSessionEnded.Error())
		want(t, "the next", who(a, cookies[2]), "bob")
		if got := len(f.kind(t, kindSession)); got != maxSessions+2 {
			t.Errorf("got %d sessions stored, want %d", got, maxSessions+2)
		}
	})
}

func TestAPasswordThatIsChangedDuringTheLogin(t *testing.T) {
	for name, change := range map[string]func(a *Auth) error{
		"another password": func(a *Auth) error {
			_, err := a.SetPassword(t.Context(), Program(), "bob", "another password", false)
			return err
		},
		"disabled": func(a *Auth) error { return a.SetDisabled(t.Context(), Program(), "bob", true) },
		"removed":  func(a *Auth) error { return a.RemoveUser(t.Context(), Program(), "bob") },
	} {
		a := withUsers(t, newFake())
		r := request("POST", "192.0.2.7")
		proven, err := a.verify(t.Context(), "bob", bobsPassword, a.Client(r))
		if err != nil {
			t.Fatal(err)
		}
		if err := change(a); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if _, err := a.enter(w, r, proven); !errors.Is(err, ErrCredentials) || len(w.Result().Cookies()) != 0 || len(a.sessions) != 0 {
			t.Errorf("%s: got %v, want ErrCredentials and no session", name, err)
		}
	}
}

func TestWithoutRoomInTheStore(t *testing.T) {
	f := newFake()
	a := withUsers(t, f)
	before := login(t, a, "bob", bobsPassword)
	f.refuse(store.ErrFull)
	w := httptest.NewRecorder()
	if _, err := a.Login(w, request("POST", "192.0.2.7", "Cookie", before), "anna", annasPassword); err != nil {
		t.Fatal(err)
	}
	cookie := cookieOf(t, w)
	want(t, "logged in all the same", who(a, cookie), "anna")
	if err := a.flush(t.Context()); !errors.Is(err, store.ErrFull) {
		t.Errorf("got %v, want store.ErrFull", err)
	}
	f.refuse(nil)
	if err := a.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := open(t, testConfig(f))
	want(t, "after a restart", who(again, cookie), "anna")
	want(t, "the session of before, after a restart", who(again, before), ErrSessionEnded.Error())
	if anna, _ := again.User("anna"); anna.LastLogin.IsZero() {
		t.Error("when anna was seen is not stored")
	}
}

func TestChangePassword(t *testing.T) {
	f := newFake()
	a := withUsers(t, f)
	cookie := login(t, a, "bob", bobsPassword)
	r := request("POST", "192.0.2.7", "Cookie", cookie)
	p, err := a.Authenticate(r)
	if err != nil {
		t.Fatal(err)
	}
	const fresh = "a fresh password"
	for _, c := range []struct {
		name, old, password, want string
		p                         *Principal
	}{
		{"nobody has none", bobsPassword, fresh, "password: got no user, want a user, who alone has one", nil},
		{"a key has none", bobsPassword, fresh, "password: got no user, want a user, who alone has one", &Principal{Kind: KindKey}},
		{"a short one", bobsPassword, "short", "password: got 5 characters, want at least 12", p},
		{"the same", bobsPassword, bobsPassword, "password: got the old one, want another", p},
		{"the old one is wrong", fresh + "x", fresh, ErrOldPassword.Error(), p},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := a.ChangePassword(w, r, c.p, c.old, c.password); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			want(t, "the session", who(a, cookie), "bob")
		})
	}
	var limited *LimitedError
	for range 5 {
		err = a.ChangePassword(httptest.NewRecorder(), r, p, "a wrong guess", fresh)
	}
	if !errors.As(err, &limited) {
		t.Errorf("guesses: got %v, want a LimitedError", err)
	}

	// With Basic there is no session to begin.
	w := httptest.NewRecorder()
	r = request("POST", "192.0.2.8", "Authorization", basic("bob", bobsPassword))
	if p, err = a.Authenticate(r); err != nil {
		t.Fatal(err)
	}
	if err := a.ChangePassword(w, r, p, bobsPassword, fresh); err != nil || len(w.Result().Cookies()) != 0 {
		t.Errorf("with Basic: got %v and %d cookies, want none", err, len(w.Result().Cookies()))
	}
	want(t, "the session of before", who(a, cookie), ErrSessionEnded.Error())
	want(t, "the new password", verify(a, "bob", fresh, "192.0.2.8"), "right")
}

func TestCookie(t *testing.T) {
	for _, secure := range []bool{false, true} {
		a := withUsers(t, newFake())
		r := request("POST", "192.0.2.7")
		if secure {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		if _, err := a.Login(w, r, "bob", bobsPassword); err != nil {
			t.Fatal(err)
		}
		cookie := w.Result().Cookies()[0]
		if len(cookie.Value) != 43 {
			t.Errorf("got %d characters, want 43, of 256 bits", len(cookie.Value))
		}
		cookie.Value, cookie.Raw = "TOKEN", ""
		text := "fresnel_session=TOKEN; Path=/; HttpOnly; SameSite=Lax"
		if secure {
			text = "fresnel_session=TOKEN; Path=/; HttpOnly; Secure; SameSite=Lax"
		}
		want(t, "login", cookie.String(), text)
		r.Header.Set("Cookie", CookieName+"=other")
		w = httptest.NewRecorder()
		if err := a.Logout(w, r); err != nil {
			t.Fatal(err)
		}
		want(t, "logout", w.Header().Get("Set-Cookie"), strings.Replace(strings.Replace(text, "TOKEN", "", 1), "Path=/;", "Path=/; Max-Age=0;", 1))
	}
}

func TestRequestsThatAForeignPageCauses(t *testing.T) {
	a := withUsers(t, newFake())
	_, s, err := a.CreateKey(t.Context(), Program(), NewKey{Name: "k", Scopes: Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	cookie := []string{"Cookie", login(t, a, "anna", annasPassword)}
	password := []string{"Authorization", basic("anna", annasPassword)}
	keyBasic := []string{"Authorization", basic(s.ID, s.Secret)}
	key := []string{"Authorization", "ApiKey " + s.Encoded()}
	foreign := []string{"Sec-Fetch-Site", "cross-site"}
	sibling := []string{"Sec-Fetch-Site", "same-site"}
	own := []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://fresnel.test"}
	oldForeign := []string{"Origin", "http://evil.test"}
	oldNull := []string{"Origin", "null"}
	oldOwn := []string{"Origin", "http://fresnel.test"}
	for _, c := range []struct {
		name, method string
		who, where   []string
		ok           bool
	}{
		{"a cookie is not enough from elsewhere", "POST", cookie, foreign, false},
		{"nor from a sibling of the host", "DELETE", cookie, sibling, false},
		{"nor in an old browser", "PUT", cookie, oldForeign, false},
		{"nor from a sandboxed frame", "POST", cookie, oldNull, false},
		{"our pages may", "POST", cookie, own, true},
		{"in an old browser too", "POST", cookie, oldOwn, true},
		{"to look is not to change", "GET", cookie, foreign, true},
		{"a program with a cookie may", "POST", cookie, nil, true},
		{"browsers keep Basic as they keep cookies", "POST", password, foreign, false},
		{"with a key too", "POST", keyBasic, oldForeign, false},
		{"curl sends neither header", "POST", password, nil, true},
		{"nor does rsyslog", "POST", keyBasic, nil, true},
		{"no browser adds a key by itself", "POST", key, foreign, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := a.Authenticate(request(c.method, "192.0.2.7", append(c.who, c.where...)...))
			if c.ok && err != nil || !c.ok && !errors.Is(err, ErrCrossOrigin) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := a.Login(httptest.NewRecorder(), request("POST", "192.0.2.7", foreign...), "bob", bobsPassword); !errors.Is(err, ErrCrossOrigin) {
		t.Errorf("login: got %v, want ErrCrossOrigin", err)
	}
	if err := a.Logout(httptest.NewRecorder(), request("POST", "192.0.2.7", append(cookie, foreign...)...)); !errors.Is(err, ErrCrossOrigin) {
		t.Errorf("logout: got %v, want ErrCrossOrigin", err)
	}
}

func TestRequire(t *testing.T) {
	a := withUsers(t, newFake())
	refuse := func(w http.ResponseWriter, _ *http.Request, r Refusal) {
		w.WriteHeader(r.Status)
		fmt.Fprint(w, r.Type)
	}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello "+From(r.Context()).Name) })
	for _, c := range []struct {
		name    string
		want    Permission
		headers []string
		status  int
		body    string
		offers  string
	}{
		{"one who may", Read, []string{"Authorization", basic("bob", bobsPassword)}, 200, "hello bob", ""},
		{"one who may not", Write, []string{"Authorization", basic("bob", bobsPassword)}, 403, "forbidden", ""},
		{"nobody", Self, nil, 401, "no_credentials", `ApiKey, Basic realm="login", charset="UTF-8"`},
		{"nobody with a browser", Self, []string{"User-Agent", "Mozilla/5.0 (X11)"}, 401, "no_credentials", "ApiKey"},
		{"a wrong password", Read, []string{"Authorization", basic("bob", "x")}, 401, "wrong_credentials", `ApiKey, Basic realm="login", charset="UTF-8"`},
		{"an old cookie", Read, []string{"Cookie", CookieName + "=x"}, 401, "session_ended", `ApiKey, Basic realm="login", charset="UTF-8"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			a.Require(c.want, refuse, next).ServeHTTP(w, request("GET", "192.0.2.7", c.headers...))
			want(t, "status", fmt.Sprint(w.Code), fmt.Sprint(c.status))
			want(t, "body", w.Body.String(), c.body)
			want(t, "WWW-Authenticate", strings.Join(w.Header().Values("WWW-Authenticate"), ", "), c.offers)
			want(t, "Cache-Control", w.Header().Get("Cache-Control"), "no-store")
		})
	}
	if From(t.Context()) != nil {
		t.Error("a principal from nowhere")
	}
}

func TestRefuse(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Refusal
	}{
		{ErrNoCredentials, Refusal{Status: 401, Type: "no_credentials"}},
		{fmt.Errorf("wrapped: %w", ErrCredentials), Refusal{Status: 401, Type: "wrong_credentials"}},
		{ErrAuthorization, Refusal{Status: 401, Type: "unreadable_credentials"}},
		{ErrSessionEnded, Refusal{Status: 401, Type: "session_ended"}},
		{ErrPasswordChange, Refusal{Status: 403, Type: "password_change_required"}},
		{ErrCrossOrigin, Refusal{Status: 403, Type: "cross_origin"}},
		{&ForbiddenError{Want: Manage}, Refusal{Status: 403, Type: "forbidden"}},
		{&LimitedError{RetryAfter: 1500 * time.Millisecond}, Refusal{Status: 429, Type: "too_many_logins", RetryAfter: 1500 * time.Millisecond}},
		{ErrBusy, Refusal{Status: 503, Type: "busy", RetryAfter: time.Second}},
	} {
		c.want.Reason = c.err.Error()
		got, ok := Refuse(c.err)
		if !ok || got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.err, got, c.want)
		}
	}
	for _, err := range []error{nil, store.ErrFull, ErrOldPassword, ErrLastAdmin} {
		if r, ok := Refuse(err); ok {
			t.Errorf("%v: got %+v, want none", err, r)
		}
	}
	h := make(http.Header)
	Refusal{Status: 429, RetryAfter: 1500 * time.Millisecond}.SetHeaders(h, request("GET", "192.0.2.7"))
	want(t, "Retry-After", h.Get("Retry-After"), "2")
	want(t, "WWW-Authenticate", h.Get("WWW-Authenticate"), "")
}

func TestClient(t *testing.T) {
	for _, c := range []struct {
		name, peer, forwarded, want string
		trusted                     []string
	}{
		{"without a proxy the header counts for nothing", "198.51.100.9:1", "192.0.2.1", "198.51.100.9", nil},
		{"nor from one that is not trusted", "198.51.100.9:1", "192.0.2.1", "198.51.100.9", []string{"10.0.0.0/8"}},
		{"of a trusted one the last counts", "10.0.0.1:1", "6.6.6.6, 192.0.2.1", "192.0.2.1", []string{"10.0.0.0/8"}},
		{"and what is before it, when that is trusted too", "10.0.0.1:1", "6.6.6.6, 192.0.2.1,10.0.0.2", "192.0.2.1", []string{"10.0.0.0/8"}},
		{"a client among the proxies", "10.0.0.1:1", "10.0.0.3", "10.0.0.3", []string{"10.0.0.0/8"}},
		{"no header", "10.0.0.1:1", "", "10.0.0.1", []string{"10.0.0.0/8"}},
		{"what is no address ends it", "10.0.0.1:1", "192.0.2.1, unknown, 10.0.0.2", "10.0.0.2", []string{"10.0.0.0/8"}},
		{"IPv4 within IPv6", "[::ffff:10.0.0.1]:1", "::ffff:192.0.2.1", "192.0.2.1", []string{"10.0.0.0/8"}},
		{"IPv6 with a zone", "[fe80::1%eth0]:1", "", "fe80::1", nil},
		{"a socket has no address", "@", "192.0.2.1", "invalid IP", []string{"10.0.0.0/8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := testConfig(newFake())
			for _, p := range c.trusted {
				config.TrustedProxies = append(config.TrustedProxies, netip.MustParsePrefix(p))
			}
			a := open(t, config)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
			want(t, "client", a.Client(r).String(), c.want)
			r.Header.Set("X-Forwarded-Proto", "https")
			if got, proxy := a.secure(r), strings.Contains(c.peer, "10.0.0.1") && c.trusted != nil; got != proxy {
				t.Errorf("TLS: got %v, want %v", got, proxy)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	a := open(t, testConfig(newFake()))
	h := a.Headers(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	plain, secure := httptest.NewRecorder(), httptest.NewRecorder()
	r := request("GET", "192.0.2.7")
	h.ServeHTTP(plain, r)
	r.TLS = &tls.ConnectionState{}
	h.ServeHTTP(secure, r)
	for name, text := range map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		want(t, name, plain.Header().Get(name), text)
	}
	policy := plain.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("got %s, want %s in it", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Errorf("got %s, want nothing unsafe", policy)
	}
	if !strings.Contains(plain.Header().Get("Permissions-Policy"), "camera=()") {
		t.Error("pages may use the camera")
	}
	want(t, "without TLS", plain.Header().Get("Strict-Transport-Security"), "")
	want(t, "with TLS", secure.Header().Get("Strict-Transport-Security"), "max-age=2592000")
}

func TestCheckListen(t *testing.T) {
	for _, c := range []struct {
		addr          string
		tls, insecure bool
		want          string // beginning of the error
	}{
		{"127.0.0.1:9200", false, false, ""},
		{"127.8.8.8:0", false, false, ""},
		{"localhost:9200", false, false, ""},
		{"[::1]:9200", false, false, ""},
		{"[::ffff:127.0.0.1]:9200", false, false, ""},
		{":9200", false, false, `listen: got ":9200", which other machines can reach, without TLS;`},
		{"0.0.0.0:9200", false, false, `listen: got "0.0.0.0:9200", which other machines can reach, without TLS;`},
		{"[::]:9200", false, false, `listen: got "[::]:9200", which other machines can reach, without TLS;`},
		{"192.0.2.1:9200", false, false, `listen: got "192.0.2.1:9200", which other machines can reach, without TLS;`},
		{"localhost.example:9200", false, false, `listen: got "localhost.example:9200", which other machines can reach, without TLS;`},
		{"127.0.0.1.example:9200", false, false, `listen: got "127.0.0.1.example:9200", which other machines can reach, without TLS;`},
		{":9200", true, false, ""},
		{":9200", false, true, ""},
		{"9200", true, false, `listen: got "9200", want HOST:PORT`},
		{"", true, true, `listen: got "", want HOST:PORT`},
		{"127.0.0.1:http", true, false, `listen: got the port "http" in "127.0.0.1:http", want 0 to 65535`},
		{"127.0.0.1:65536", true, false, `listen: got the port "65536" in "127.0.0.1:65536", want 0 to 65535`},
		{"127.0.0.1:09200", true, false, `listen: got the port "09200" in "127.0.0.1:09200", want 9200`},
	} {
		err := CheckListen(c.addr, c.tls, c.insecure)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%q, TLS %v, insecure %v: got %v, want %q", c.addr, c.tls, c.insecure, err, c.want)
		}
	}
}

func FuzzParseAuthorization(f *testing.F) {
	f.Add("ApiKey a2V5X3g6eQ==")
	f.Add("bASIC  Ym9iOng")
	f.Add("Bearer \xff")
	f.Fuzz(func(t *testing.T, header string) {
		basic, id, secret, err := parseAuthorization(header)
		if err != nil {
			if err != ErrAuthorization || id != "" || secret != "" {
				t.Errorf("got %v, %q, %q", err, id, secret)
			}
			return
		}
		if strings.Contains(id, ":") || len(id)+len(secret) > len(header) {
			t.Errorf("got %q, %q", id, secret)
		}
		again := "ApiKey " + Secret{id, secret}.Encoded()
		if basic {
			again = "basic " + Secret{id, secret}.Encoded()
		}
		if b, i, s, err := parseAuthorization(again); len(again) <= maxAuthorization && (b != basic || i != id || s != secret || err != nil) {
			t.Errorf("%s: got %v, %q, %q, %v, want %v, %q, %q", again, b, i, s, err, basic, id, secret)
		}
	})
}
