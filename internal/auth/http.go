package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// CookieName is the name of the cookie of a session.
const CookieName = "fresnel_session"

// Authenticate returns who makes a request, or an error for Refuse. It does not look at what
// they may do. The comment of the package says which forms it takes.
//
// A request with an Authorization header that is wrong is refused, even if it has a session too.
func (a *Auth) Authenticate(r *http.Request) (*Principal, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		return a.authorization(r, h)
	}
	c, err := r.Cookie(CookieName)
	if err != nil {
		return nil, ErrNoCredentials
	}
	if a.cross.Check(r) != nil {
		return nil, ErrCrossOrigin
	}
	s, u, err := a.session(c.Value, a.now())
	if err != nil {
		return nil, err
	}
	return a.user(u, s, r), nil
}

// maxAuthorization has room for the longest name and password.
const maxAuthorization = (maxName+MaxPasswordBytes)*4/3 + 64

// parseAuthorization reads an Authorization header. ApiKey and Bearer mean the same.
func parseAuthorization(header string) (basic bool, id, secret string, err error) {
	if len(header) > maxAuthorization {
		return false, "", "", ErrAuthorization
	}
	scheme, encoded, _ := strings.Cut(header, " ")
	basic = strings.EqualFold(scheme, "Basic")
	if !basic && !strings.EqualFold(scheme, "ApiKey") && !strings.EqualFold(scheme, "Bearer") {
		return false, "", "", ErrAuthorization
	}
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(encoded), "="))
	if err != nil {
		return false, "", "", ErrAuthorization
	}
	id, secret, found := strings.Cut(string(decoded), ":")
	if !found {
		return false, "", "", ErrAuthorization
	}
	return basic, id, secret, nil
}

func (a *Auth) authorization(r *http.Request, header string) (*Principal, error) {
	basic, id, secret, err := parseAuthorization(header)
	if err != nil {
		return nil, err
	}
	if basic && a.cross.Check(r) != nil {
		return nil, ErrCrossOrigin
	}
	if !basic || isKeyID(id) {
		k, err := a.key(id, secret, a.now())
		if err != nil {
			return nil, err
		}
		return &Principal{Kind: KindKey, Name: k.Name, KeyID: k.ID, Scopes: k.Scopes, From: a.Client(r)}, nil
	}
	u, err := a.verify(r.Context(), id, secret, a.Client(r))
	if err != nil {
		return nil, err
	}
	return a.user(u, nil, r), nil
}

func (a *Auth) user(u *account, s *session, r *http.Request) *Principal {
	return &Principal{Kind: KindUser, Name: u.Name, Role: u.Role, MustChange: u.MustChange, From: a.Client(r), session: s}
}

// A Refuser writes a refusal in the words of a protocol. The headers of the refusal are set already.
type Refuser func(http.ResponseWriter, *http.Request, Refusal)

// Require lets requests through to next whose principal has a permission; next finds it with
// From. Others are answered by refuse. Answers are not to be kept by caches, unless next says
// otherwise.
func (a *Auth) Require(want Permission, refuse Refuser, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		p, err := a.Authenticate(r)
		if err == nil {
			err = p.Check(want)
		}
		if err != nil {
			refusal, _ := Refuse(err)
			refusal.SetHeaders(w.Header(), r)
			refuse(w, r, refusal)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, p)))
	})
}

type principalKey struct{}

// From returns the principal of a request that Require has let through; nil for any other.
func From(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey{}).(*Principal)
	return p
}

// Login begins a session for a name and a password and sets its cookie. The session that the
// browser had before ends.
func (a *Auth) Login(w http.ResponseWriter, r *http.Request, name, password string) (*Principal, error) {
	if a.cross.Check(r) != nil { // or a page could log its reader in as somebody else
		return nil, ErrCrossOrigin
	}
	u, err := a.verify(r.Context(), name, password, a.Client(r))
	if err != nil {
		return nil, err
	}
	return a.enter(w, r, u)
}

func (a *Auth) enter(w http.ResponseWriter, r *http.Request, u *account) (*Principal, error) {
	var before string
	if c, err := r.Cookie(CookieName); err == nil {
		before = c.Value
	}
	p := a.user(u, nil, r)
	token, s, err := a.begin(r.Context(), u, p, before)
	if err != nil {
		return nil, err
	}
	p.session = s
	a.setCookie(w, r, token, 0)
	return p, nil
}

// Logout ends the session of a request, if it has one, and takes its cookie back.
func (a *Auth) Logout(w http.ResponseWriter, r *http.Request) error {
	c, _ := r.Cookie(CookieName)
	if c == nil {
		return nil
	}
	if a.cross.Check(r) != nil {
		return ErrCrossOrigin
	}
	if s, u, err := a.session(c.Value, a.now()); err == nil {
		a.end(r.Context(), s, a.user(u, s, r))
	}
	a.setCookie(w, r, "", -1)
	return nil
}

// ChangePassword changes the password of the user who makes a request that Require has let
// through. All sessions of the user end; a browser gets a new one.
//
// A wrong old password is ErrOldPassword and counts as a failed login: whoever finds an open
// session cannot guess it.
func (a *Auth) ChangePassword(w http.ResponseWriter, r *http.Request, p *Principal, old, password string) error {
	if p == nil || p.Kind != KindUser {
		return invalid("password", "no user", "a user, who alone has one")
	}
	if err := validatePassword(password, p.Name); err != nil {
		return err
	}
	if password == old {
		return invalid("password", "the old one", "another")
	}
	proven, err := a.verify(r.Context(), p.Name, old, p.From)
	if errors.Is(err, ErrCredentials) {
		return ErrOldPassword
	}
	if err != nil {
		return err
	}
	h, err := a.hasher.hash(r.Context(), password)
	if err != nil {
		return err
	}
	var changed *account
	err = a.replace(r.Context(), p, p.Name, "user.password", func(u *account) (map[string]any, bool, error) {
		if u.Hash != proven.Hash {
			return nil, false, ErrOldPassword // somebody has changed it meanwhile
		}
		u.withPassword(h)
		u.PasswordAt, u.MustChange = a.now(), false
		changed = u
		return nil, true, nil
	})
	if err != nil || p.session == nil {
		return err
	}
	_, err = a.enter(w, r, changed)
	return err
}

// setCookie sets the cookie of a session. It ends with the browser or with the session,
// whichever is first, and is no business of scripts.
func (a *Auth) setCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: CookieName, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.secure(r),
	})
}

// secure reports whether the client speaks TLS, with this program or with a proxy before it.
func (a *Auth) secure(r *http.Request) bool {
	return r.TLS != nil || a.trusts(peer(r)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// Client returns the address of the client: that of the connection, or what a trusted proxy
// says. Without a proxy anybody could write any X-Forwarded-For, and so it is not looked at.
func (a *Auth) Client(r *http.Request) netip.Addr {
	addr := peer(r)
	if len(a.config.TrustedProxies) == 0 || !a.trusts(addr) {
		return addr
	}
	// Each proxy adds whom it was called by at the end: from there, the first that is no proxy
	// of ours is the client. What is before it may be invented.
	rest := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for rest != "" {
		comma := strings.LastIndexByte(rest, ',')
		next, err := netip.ParseAddr(strings.TrimSpace(rest[comma+1:]))
		if err != nil {
			return addr
		}
		addr = next.Unmap().WithZone("")
		if !a.trusts(addr) {
			return addr
		}
		rest = rest[:max(comma, 0)]
	}
	return addr
}

func (a *Auth) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(a.config.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// peer returns the address at the other end of the connection, the zero Addr when it has none.
func peer(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap().WithZone("")
}
