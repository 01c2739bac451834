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
