package api

import (
	"errors"
	"net/http"
)

// LegacyCookie is the cookie in which the system that Pawl takes the place of
// kept its refresh token. It is read at reissue, sign-out and sign-in, under
// the same protection against other sites as Pawl's own, and cleared once what
// was in it is used up.
type LegacyCookie struct {
	Name string // empty: there is none
	Path string // as it was set; "/" if empty
}

// Read gives the value, or "" where there is none. Two of the name are refused,
// as Cookie does it (SECURITY 32).
func (l LegacyCookie) Read(r *http.Request) (string, error) {
	if l.Name == "" {
		return "", nil
	}
	found := r.CookiesNamed(l.Name)
	switch {
	case len(found) == 0:
		return "", nil
	case len(found) > 1:
		return "", ErrInvalidRequest.With("The request carries %d cookies named %s. Clear this site's cookies and sign in again.", len(found), l.Name)
	case len(l.Name)+len(found[0].Value) > maxCookie:
		return "", ErrInvalidToken
	}
	return found[0].Value, nil
}

// Clear deletes the cookie; own is Pawl's.
func (l LegacyCookie) Clear(w http.ResponseWriter, own Cookie) {
	path := l.Path
	if path == "" {
		path = "/"
	}
	http.SetCookie(w, &http.Cookie{Name: l.Name, Path: path, MaxAge: -1, HttpOnly: true, Secure: !own.UnsafeHTTP, SameSite: http.SameSiteLaxMode})
}

// Beside forgets the old cookie where it has the name of Pawl's own, as on a
// network without TLS: what is in that one is looked at anyway, and clearing it
// would take the new token with it.
func (l LegacyCookie) Beside(own Cookie) LegacyCookie {
	if l.Name == own.Name() {
		return LegacyCookie{}
	}
	return l
}

// Drop has the old system's tokens that a browser still has beside Pawl's cookie
// used up by signOut, and clears their cookie: once Pawl's is gone, an old one
// would sign the person in again. ErrUnavailable is signOut's.
func (l LegacyCookie) Drop(w http.ResponseWriter, r *http.Request, own Cookie, signOut func(refreshToken string) error) error {
	if l.Name == "" {
		return nil
	}
	found := r.CookiesNamed(l.Name)
	for _, old := range found {
		if err := signOut(old.Value); errors.Is(err, ErrUnavailable) {
			return err
		}
	}
	if len(found) > 0 {
		l.Clear(w, own)
	}
	return nil
}
