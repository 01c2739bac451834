package httpapi

import (
	"errors"
	"net/http"

	"github.com/pawlauth/pawl/api"
)

// LegacyCookie is the cookie in which the system that Pawl takes the place of
// kept its refresh token. It is read at reissue, sign-out and sign-in, under
// the same protection against other sites as Pawl's own, and cleared once what
// was in it is used up.
type LegacyCookie struct {
	Name string // empty: there is none
	Path string // as it was set; "/" if empty
}

// maxOldCookie is what browsers keep of one cookie, name and value together.
const maxOldCookie = 4096

// read gives the value, or "" where there is none. Two of the name are refused,
// as api.Cookie does it (SECURITY 32).
func (l LegacyCookie) read(r *http.Request) (string, error) {
	if l.Name == "" {
		return "", nil
	}
	found := r.CookiesNamed(l.Name)
	switch {
	case len(found) == 0:
		return "", nil
	case len(found) > 1:
		return "", api.ErrInvalidRequest.With("The request carries %d cookies named %s. Clear this site's cookies and sign in again.", len(found), l.Name)
	case len(l.Name)+len(found[0].Value) > maxOldCookie:
		return "", api.ErrInvalidToken
	}
	return found[0].Value, nil
}

func (l LegacyCookie) clear(w http.ResponseWriter, secure bool) {
	path := l.Path
	if path == "" {
		path = "/"
	}
	http.SetCookie(w, &http.Cookie{Name: l.Name, Path: path, MaxAge: -1, HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode})
}

// withoutOwn forgets the old cookie where it has the name of Pawl's own, as on
// a network without TLS: what is in that one is looked at anyway, and clearing
// it would take the new token with it.
func (l LegacyCookie) withoutOwn(own api.Cookie) LegacyCookie {
	if l.Name == own.Name() {
		return LegacyCookie{}
	}
	return l
}

// dropOld uses up the old system's tokens that a browser still has beside
// Pawl's cookie, and clears their cookie: once Pawl's is gone, an old one would
// sign the person in again.
func (c *call) dropOld() error {
	if c.o.LegacyCookie.Name == "" {
		return nil
	}
	found := c.r.CookiesNamed(c.o.LegacyCookie.Name)
	from := c.client()
	for _, old := range found {
		err := c.svc.Logout(c.r.Context(), api.ReissueRequest{RefreshToken: old.Value, Address: from.Address, Agent: from.Agent})
		if errors.Is(err, api.ErrUnavailable) {
			return err
		}
	}
	if len(found) > 0 {
		c.o.LegacyCookie.clear(c.w, !c.o.Cookie.UnsafeHTTP)
	}
	return nil
}
