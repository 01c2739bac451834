package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
)

func TestLoginGivesBothTokens(t *testing.T) {
	s := start(t)
	s.AddUser("anna", pass, "reader")
	a := s.send("POST", "/api/login", loginBody("Anna", pass), own).is(200, "")
	if a.tokens.TokenType != "Bearer" || a.tokens.ExpiresIn != 1800 || a.tokens.SessionID == "" {
		t.Errorf("tokens: %s, %d s, session %q", a.tokens.TokenType, a.tokens.ExpiresIn, a.tokens.SessionID)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("SECURITY 50: Cache-Control: %s", got)
	}
	if a.tokens.RefreshToken != "" || strings.Contains(a.body, a.cookie.Value) {
		t.Error("SECURITY 31: the refresh token is in the body, unasked")
	}
	s.send("GET", "/api/session", "", bearer(a.tokens.AccessToken)).is(200, "")
}

func TestTheRefreshCookie(t *testing.T) {
	for _, c := range []struct {
		name   string
		cookie api.Cookie
		want   string
	}{
		{"SECURITY 30: as browsers want it", api.Cookie{}, "__Host-refreshToken=…; Path=/; Max-Age=7776000; HttpOnly; Secure; SameSite=Lax"},
		{"strict", api.Cookie{Strict: true}, "__Host-refreshToken=…; Path=/; Max-Age=7776000; HttpOnly; Secure; SameSite=Strict"},
		{"on a test network without TLS", api.Cookie{UnsafeHTTP: true}, "refreshToken=…; Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, withAPI(func(o *httpapi.Options) { o.Cookie = c.cookie }))
			s.AddUser("anna", pass)
			a := s.send("POST", "/api/login", loginBody("anna", pass), own).is(200, "")
			got := strings.Replace(a.header.Get("Set-Cookie"), a.cookie.Value, "…", 1)
			if got != c.want { // SECURITY 33: Max-Age is what is left of the 90 days
				t.Errorf("Set-Cookie: %s\nwant        %s", got, c.want)
			}
			if n := len(a.cookie.Name) + len(a.cookie.Value); n > 4096 {
				t.Errorf("SECURITY 32: the cookie takes %d bytes", n)
			}
		})
	}
}

func TestLoginWithDeliveryInTheBodySetsNoCookie(t *testing.T) {
	s := start(t)
	s.AddUser("anna", pass)
	a := s.send("POST", "/api/login", `{"userId":"anna","password":"`+pass+`","delivery":"body"}`).is(200, "").keepsCookie()
	if a.tokens.RefreshToken == "" {
		t.Fatal("no refresh token in the body")
	}
	b := s.send("POST", "/api/reissue", refreshBody(a.tokens.RefreshToken)).is(200, "").keepsCookie()
	if b.tokens.RefreshToken != a.tokens.RefreshToken {
		t.Error("row 4: a body client gets the same refresh token again")
	}
}

func TestLoginRefuses(t *testing.T) {
	s := start(t)
	s.AddUser("anna", pass)
	banned := s.AddUser("banned", pass)
	s.Disable(banned.ID, true)
	for _, c := range []struct {
		name, body string
		status     int
		code       string
		says       string
	}{
		{"a wrong password", loginBody("anna", "not the password"), 401, "invalid_credentials", "not right"},
		{"an unknown user", loginBody("nobody", pass), 401, "invalid_credentials", "not right"},
		{"a disabled user with a wrong password", loginBody("banned", "not the password"), 401, "invalid_credentials", "not right"},
		{"a disabled user with the right one", loginBody("banned", pass), 401, "login_required disabled", "disabled"},
		{"no user", `{"password":"x"}`, 400, "invalid_request", "userId is missing"},
		{"no password", `{"userId":"anna"}`, 401, "invalid_credentials", ""},
		{"an unknown delivery", `{"userId":"anna","password":"x","delivery":"pigeon"}`, 400, "invalid_request", "delivery must be"},
		{"a label that is too long", `{"userId":"anna","password":"x","label":"` + strings.Repeat("é", 65) + `"}`, 400, "invalid_request", "label"},
		{"no body", "", 400, "invalid_request", "userId, password, delivery, label"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.send("POST", "/api/login", c.body, own).is(c.status, c.code).says(c.says).keepsCookie()
			if got := a.header.Get("WWW-Authenticate"); a.status == 401 && got != `Bearer realm="pawl"` {
				t.Errorf("SECURITY 53: WWW-Authenticate: %s: no token was sent", got)
			}
		})
	}
}

func TestAnUnknownUserAndAWrongPasswordLookAlike(t *testing.T) { // SECURITY 41
	s := start(t)
	s.AddUser("anna", pass)
	unknown := s.send("POST", "/api/login", loginBody("nobody", pass), own)
	wrong := s.send("POST", "/api/login", loginBody("anna", "not the password"), own)
	for _, h := range []http.Header{unknown.header, wrong.header} {
		h.Del("Pawl-Request-Id")
		h.Del("Date")
	}
	if unknown.status != wrong.status || unknown.body != wrong.body || fmt.Sprint(unknown.header) != fmt.Sprint(wrong.header) {
		t.Errorf("unknown user: %+v\nwrong password: %+v", unknown, wrong)
	}
}

func TestLoginEndsTheSessionOfTheCookieThatCameAlong(t *testing.T) {
	s := start(t)
	u := s.AddUser("anna", pass)
	for _, c := range []struct {
		name, body string
		ended      bool
	}{
		{"the new cookie replaces the old one", loginBody("anna", pass), true},
		{"delivery in the body leaves the cookie in the jar", `{"userId":"anna","password":"` + pass + `","delivery":"body"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := s.SignIn(u.ID)
			s.send("POST", "/api/login", c.body, cookie(before.RefreshToken), own).is(200, "")
			a := s.send("POST", "/api/reissue", "", cookie(before.RefreshToken), own)
			if c.ended {
				a.is(401, "login_required signed_out")
			} else {
				a.is(200, "")
			}
		})
	}
	t.Run("a failed sign-in ends nothing", func(t *testing.T) {
		before := s.SignIn(u.ID)
		s.send("POST", "/api/login", loginBody("anna", "not the password"), cookie(before.RefreshToken), own).is(401, "invalid_credentials")
		s.send("POST", "/api/reissue", "", cookie(before.RefreshToken), own).is(200, "")
	})
	t.Run("a cookie that is not ours is no hindrance", func(t *testing.T) {
		s.send("POST", "/api/login", loginBody("anna", pass), cookie("garbage"), own).is(200, "")
		s.send("POST", "/api/login", loginBody("anna", pass), cookie(strings.Repeat("x", 5000)), own).is(200, "")
	})
}

func TestEveryLoginIsANewSession(t *testing.T) { // SECURITY 46
	s := start(t, withConfig(func(c *pawl.Config) { c.SessionsPerUser = 1 }))
	s.AddUser("anna", pass)
	first := s.send("POST", "/api/login", loginBody("anna", pass), own).is(200, "")
	second := s.send("POST", "/api/login", loginBody("anna", pass), own).is(200, "")
	if first.tokens.SessionID == second.tokens.SessionID {
		t.Error("two sign-ins, one session")
	}
	s.send("POST", "/api/reissue", "", cookie(first.cookie.Value), own).is(401, "login_required session_limit").keepsCookie()
	s.send("GET", "/api/session", "", bearer(first.tokens.AccessToken)).is(401, "login_required session_limit")
}

// A browser with a real cookie jar: sign in, reissue, sign out.
func TestABrowserFromSignInToSignOut(t *testing.T) {
	s := start(t)
	s.AddUser("anna", pass)
	s.http = s.Client()
	s.send("POST", "/api/login", loginBody("anna", pass), own).is(200, "")
	s.Advance(2 * pawl.DefaultReuseWindow)
	s.send("POST", "/api/reissue", "", own).is(200, "")
	s.send("POST", "/api/logout", "", own).is(204, "")
	s.send("POST", "/api/reissue", "", own).is(401, "invalid_token")
	s.send("POST", "/api/logout", "", own).is(401, "access_denied")
}
