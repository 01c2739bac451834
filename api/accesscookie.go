package api

import (
	"net/http"
	"time"
)

// Names of the cookie that carries the access token of a browser which holds
// none itself: pages behind a gateway, and pages made by the server (SYSTEM A4).
const (
	AccessCookieName         = "__Host-accessToken"
	InsecureAccessCookieName = "accessToken" // only with unsafe_http_cookies
)

// AccessName is the name of the access token's cookie.
func (c Cookie) AccessName() string {
	if c.UnsafeHTTP {
		return InsecureAccessCookieName
	}
	return AccessCookieName
}

// ReadAccess gives the access token that r carries in a cookie, or "". A doubled
// or oversize one is none: the refresh cookie beside it makes another.
func (c Cookie) ReadAccess(r *http.Request) string {
	found := r.CookiesNamed(c.AccessName())
	if len(found) != 1 || len(c.AccessName())+len(found[0].Value) > maxCookie {
		return ""
	}
	return found[0].Value
}

// AccessLine is the value of the Set-Cookie header that keeps an access token
// until it expires; "" for one too long for browsers to keep.
func (c Cookie) AccessLine(accessToken string, expires, now time.Time) string {
	if len(c.AccessName())+len(accessToken) > maxCookie {
		return ""
	}
	return c.access(accessToken, secondsUntil(expires, now)).String()
}

// ClearAccess deletes the access token's cookie.
func (c Cookie) ClearAccess(w http.ResponseWriter) { http.SetCookie(w, c.access("", -1)) }

func (c Cookie) access(value string, maxAge int) *http.Cookie {
	k := c.cookie(value, maxAge)
	k.Name = c.AccessName()
	return k
}
