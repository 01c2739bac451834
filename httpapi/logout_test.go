package httpapi_test

import (
	"testing"
	"time"

	"github.com/pawlauth/pawl"
)

// clearing is the Set-Cookie that deletes the cookie.
const clearing = "__Host-refreshToken=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"

func TestLogout(t *testing.T) {
	s := start(t)
	u, _ := s.anna()
	for _, c := range []struct {
		name      string
		body      func(refresh string) string
		headers   func(refresh, access string) []string
		before    func(refresh string)
		setCookie string
	}{
		{"by the cookie", none, func(r, _ string) []string { return []string{cookie(r), own} }, nil, clearing},
		{"by the cookie, long after the access token and the refresh token expired", none, // SECURITY 27
			func(r, _ string) []string { return []string{cookie(r), own} }, func(string) { s.Advance(pawl.DefaultRefreshTTL + time.Hour) }, clearing},
		{"by the cookie of an older generation", none, func(r, _ string) []string { return []string{cookie(r), own} }, func(r string) { s.turn(r); s.Advance(time.Hour) }, clearing},
		{"by the body: no cookie is touched", refreshBody, func(_, _ string) []string { return nil }, nil, ""},
		{"by the access token alone", none, func(_, a string) []string { return []string{bearer(a)} }, nil, clearing},
		{"by both", none, func(r, a string) []string { return []string{cookie(r), bearer(a)} }, nil, clearing},
		{"by the cookie, with an access token that is no good", none, func(r, _ string) []string { return []string{cookie(r), bearer("x")} }, nil, clearing},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokens := s.SignIn(u.ID)
			if c.before != nil {
				c.before(tokens.RefreshToken)
			}
			for range 2 { // SECURITY 27: idempotent
				a := s.send("POST", "/api/logout", c.body(tokens.RefreshToken), c.headers(tokens.RefreshToken, tokens.AccessToken)...).is(204, "")
				if got := a.header.Get("Set-Cookie"); got != c.setCookie {
					t.Errorf("Set-Cookie: %s, want %s", got, c.setCookie)
				}
			}
			a := s.send("POST", "/api/reissue", refreshBody(tokens.RefreshToken)) // SECURITY 24
			if a.status != 401 || a.problem.Code != "login_required" {
				t.Errorf("after signing out, reissue answers %d %s", a.status, a.body)
			}
			if s.Clock.Now().Before(tokens.AccessExpires) {
				s.send("GET", "/api/session", "", bearer(tokens.AccessToken)).is(401, "login_required signed_out")
			}
		})
	}
}

func none(string) string { return "" }

func TestLogoutRefuses(t *testing.T) {
	s := start(t)
	_, tokens := s.anna()
	t.Run("neither token", func(t *testing.T) { // SYSTEM B8
		s.send("POST", "/api/logout", "", own).is(401, "access_denied").keepsCookie()
	})
	t.Run("a refresh token as Bearer", func(t *testing.T) { // SECURITY 2
		s.send("POST", "/api/logout", "", bearer(tokens.RefreshToken)).is(401, "invalid_token").keepsCookie()
	})
	t.Run("a cookie that is not ours", func(t *testing.T) {
		s.send("POST", "/api/logout", "", cookie("garbage"), own).is(401, "invalid_token").keepsCookie()
	})
	t.Run("while the store fails: the cookie stays, to try again", func(t *testing.T) { // SECURITY 62
		s.StoreDown(true)
		s.send("POST", "/api/logout", "", cookie(tokens.RefreshToken), own).is(503, "unavailable").keepsCookie()
		s.StoreDown(false)
		s.send("POST", "/api/logout", "", cookie(tokens.RefreshToken), own).is(204, "")
	})
}
