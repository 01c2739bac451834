package api

import (
	"net/http"
	"time"
)

// Cookie names. The prefix makes browsers refuse the cookie unless it is
// Secure, without Domain and with Path=/, so that a sibling subdomain cannot
// plant one (RFC 6265bis §4.1.3.2).
const (
	CookieName         = "__Host-refreshToken"
	InsecureCookieName = "refreshToken" // only with unsafe_http_cookies
)

// maxCookie is what browsers keep of one cookie, name and value together.
const maxCookie = 4096

// Cookie is how the refresh token travels to and from a browser. The zero
// value is right for production.
type Cookie struct {
	// UnsafeHTTP drops the prefix and Secure, for test networks without TLS:
	// whoever can read the network then has the session.
	UnsafeHTTP bool
	// Strict makes the cookie SameSite=Strict: a link from another site then
	// arrives signed out. Lax otherwise.
	Strict bool
}

// Name is the cookie's name.
func (c Cookie) Name() string {
	if c.UnsafeHTTP {
		return InsecureCookieName
	}
	return CookieName
}

// Read gives the refresh token that r carries, or "" where it carries none.
// Two cookies of the name are refused, whichever is right: one was planted
// (SECURITY 32). The name without prefix is ignored unless UnsafeHTTP.
func (c Cookie) Read(r *http.Request) (string, error) {
	found := r.CookiesNamed(c.Name())
	switch {
	case len(found) == 0:
		return "", nil
	case len(found) > 1:
		return "", ErrInvalidRequest.With("The request carries %d cookies named %s. Clear this site's cookies and sign in again.", len(found), c.Name())
	case len(c.Name())+len(found[0].Value) > maxCookie:
		return "", ErrInvalidToken
	}
	return found[0].Value, nil
}

// Set writes the refresh token. The browser keeps it until the session's
// absolute end, though the token itself expires sooner by idleness: case 3
// needs it then.
func (c Cookie) Set(w http.ResponseWriter, refreshToken string, ends, now time.Time) {
	http.SetCookie(w, c.cookie(refreshToken, secondsUntil(ends, now)))
}

// Line is what Set would write, the value of a Set-Cookie header, for a back end
// that sends it to the browser itself.
func (c Cookie) Line(refreshToken string, ends, now time.Time) string {
	return c.cookie(refreshToken, secondsUntil(ends, now)).String()
}

func secondsUntil(ends, now time.Time) int { return max(1, int(ends.Sub(now)/time.Second)) }

// Clear deletes the cookie. Only a logout may: see WriteProblem.
func (c Cookie) Clear(w http.ResponseWriter) { http.SetCookie(w, c.cookie("", -1)) }

func (c Cookie) cookie(value string, maxAge int) *http.Cookie {
	same := http.SameSiteLaxMode
	if c.Strict {
		same = http.SameSiteStrictMode
	}
	return &http.Cookie{
		Name: c.Name(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: !c.UnsafeHTTP, SameSite: same,
	}
}
