package api_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
)

func TestTheCookieAsItIsWritten(t *testing.T) { // SECURITY 30, 33
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name   string
		cookie api.Cookie
		ends   time.Duration
		want   string
	}{
		{"in production", api.Cookie{}, 90 * 24 * time.Hour, "__Host-refreshToken=t; Path=/; Max-Age=7776000; HttpOnly; Secure; SameSite=Lax"},
		{"strict", api.Cookie{Strict: true}, time.Hour, "__Host-refreshToken=t; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Strict"},
		{"without TLS", api.Cookie{UnsafeHTTP: true}, time.Hour, "refreshToken=t; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"},
		{"rounded down: never past the end", api.Cookie{}, 1999 * time.Millisecond, "__Host-refreshToken=t; Path=/; Max-Age=1; HttpOnly; Secure; SameSite=Lax"},
		{"a last second is no deletion", api.Cookie{}, time.Millisecond, "__Host-refreshToken=t; Path=/; Max-Age=1; HttpOnly; Secure; SameSite=Lax"},
	} {
		w := httptest.NewRecorder()
		c.cookie.Set(w, "t", now.Add(c.ends), now)
		if got := w.Header().Get("Set-Cookie"); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
	w := httptest.NewRecorder()
	api.Cookie{}.Clear(w)
	if got, want := w.Header().Get("Set-Cookie"), "__Host-refreshToken=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"; got != want {
		t.Errorf("cleared: %s\nwant %s", got, want)
	}
}

func TestTheCookieAsItIsRead(t *testing.T) { // SECURITY 30, 32
	longest := strings.Repeat("x", 4096-len(api.CookieName))
	for _, c := range []struct {
		name    string
		cookie  api.Cookie
		headers []string
		want    string
		err     error
	}{
		{"none", api.Cookie{}, nil, "", nil},
		{"one", api.Cookie{}, []string{"__Host-refreshToken=t"}, "t", nil},
		{"among others", api.Cookie{}, []string{"a=b; __Host-refreshToken=t; c=d"}, "t", nil},
		{"the longest", api.Cookie{}, []string{"__Host-refreshToken=" + longest}, longest, nil},
		{"a byte longer", api.Cookie{}, []string{"__Host-refreshToken=" + longest + "x"}, "", api.ErrInvalidToken},
		{"two", api.Cookie{}, []string{"__Host-refreshToken=t; __Host-refreshToken=u"}, "", api.ErrInvalidRequest},
		{"two alike", api.Cookie{}, []string{"__Host-refreshToken=t; __Host-refreshToken=t"}, "", api.ErrInvalidRequest},
		{"two, in two lines", api.Cookie{}, []string{"__Host-refreshToken=t", "__Host-refreshToken=u"}, "", api.ErrInvalidRequest},
		{"the name without prefix", api.Cookie{}, []string{"refreshToken=planted"}, "", nil},
		{"both names", api.Cookie{}, []string{"refreshToken=planted; __Host-refreshToken=t"}, "t", nil},
		{"another case", api.Cookie{}, []string{"__host-refreshtoken=planted"}, "", nil},
		{"without TLS", api.Cookie{UnsafeHTTP: true}, []string{"refreshToken=t"}, "t", nil},
		{"without TLS, the prefixed name", api.Cookie{UnsafeHTTP: true}, []string{"__Host-refreshToken=t"}, "", nil},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		for _, h := range c.headers {
			r.Header.Add("Cookie", h)
		}
		got, err := c.cookie.Read(r)
		if got != c.want || (c.err == nil) != (err == nil) || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %.20q, %v", c.name, got, err)
		}
	}
}

func TestTheAccessCookie(t *testing.T) { // SECURITY 30, 32
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name, want string
		got        string
	}{
		{"in production", "__Host-accessToken=t; Path=/; Max-Age=1800; HttpOnly; Secure; SameSite=Lax", api.Cookie{}.AccessLine("t", now.Add(30*time.Minute), now)},
		{"without TLS", "accessToken=t; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", api.Cookie{UnsafeHTTP: true}.AccessLine("t", now.Add(time.Minute), now)},
		{"too long for browsers", "", api.Cookie{}.AccessLine(strings.Repeat("x", 4096), now.Add(time.Minute), now)},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, c.got, c.want)
		}
	}
	for header, want := range map[string]string{
		"__Host-accessToken=t": "t", "a=b; __Host-accessToken=t": "t", "accessToken=planted": "",
		"__Host-accessToken=t; __Host-accessToken=u": "", "__Host-accessToken=" + strings.Repeat("x", 4096): "", "a=b": "",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", header)
		if got := (api.Cookie{}).ReadAccess(r); got != want {
			t.Errorf("%.60s: %q, want %q", header, got, want)
		}
	}
	w := httptest.NewRecorder()
	api.Cookie{}.ClearAccess(w)
	if got, want := w.Header().Get("Set-Cookie"), "__Host-accessToken=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"; got != want {
		t.Errorf("cleared: %s", got)
	}
}
