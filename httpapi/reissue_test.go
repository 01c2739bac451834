package httpapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
)

// The rotation table of docs/rotation.md, as it looks over HTTP. What Decide
// makes of each row is tested there; here it is status, cookie and body.
func TestTheRowsOverHTTP(t *testing.T) {
	const window = pawl.DefaultReuseWindow
	const key = "Idempotency-Key: 0123456789abcdefghijkl"
	s := start(t)
	u, _ := s.anna()

	t.Run("0: malformed, or another kind of token", func(t *testing.T) {
		access := s.SignIn(u.ID).AccessToken
		for _, token := range []string{"garbage", "a.b.c", access, strings.Repeat(".", 4000)} {
			s.send("POST", "/api/reissue", "", cookie(token), own).is(401, "invalid_token").keepsCookie()
			s.send("POST", "/api/reissue", refreshBody(token)).is(401, "invalid_token").keepsCookie()
		}
	})
	t.Run("1: the user is disabled", func(t *testing.T) { // SECURITY 25
		tokens := s.SignIn(u.ID)
		s.Disable(u.ID, true)
		s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(401, "login_required disabled").keepsCookie()
		s.Disable(u.ID, false)
		s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(401, "login_required disabled").keepsCookie()
		s.Advance(2 * time.Second) // past the mark
	})
	t.Run("3: idle for too long", func(t *testing.T) {
		tokens := s.SignIn(u.ID)
		s.Advance(pawl.DefaultRefreshTTL)
		s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(401, "login_required expired").keepsCookie()
		s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), bearer(tokens.AccessToken), own).is(401, "login_required expired")
	})
	t.Run("4: the window is open: no Set-Cookie", func(t *testing.T) {
		tokens := s.SignIn(u.ID)
		a := s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(200, "").keepsCookie()
		if a.tokens.RefreshToken != "" || a.tokens.AccessToken == "" {
			t.Error("an access token, and only that")
		}
	})
	t.Run("5, 6: the token turns, and a parallel request gets the same one", func(t *testing.T) {
		first := s.SignIn(u.ID).RefreshToken
		second := s.turn(first)
		a := s.send("POST", "/api/reissue", "", cookie(first), own).is(200, "")
		if a.cookie == nil || a.cookie.Value != second {
			t.Error("the loser of the race does not hold the winner's token")
		}
	})
	t.Run("5, 6 in the body", func(t *testing.T) {
		first := s.SignIn(u.ID).RefreshToken
		s.Advance(window)
		a := s.send("POST", "/api/reissue", refreshBody(first)).is(200, "").keepsCookie()
		b := s.send("POST", "/api/reissue", refreshBody(first)).is(200, "").keepsCookie()
		if a.tokens.RefreshToken == "" || a.tokens.RefreshToken == first || a.tokens.RefreshToken != b.tokens.RefreshToken {
			t.Error("the body client did not get the new refresh token, twice the same")
		}
	})
	t.Run("6: at any delay with the key", func(t *testing.T) {
		first := s.SignIn(u.ID).RefreshToken
		s.Advance(window)
		a := s.send("POST", "/api/reissue", "", cookie(first), key).is(200, "")
		s.Advance(24 * time.Hour)
		b := s.send("POST", "/api/reissue", "", cookie(first), key).is(200, "")
		if a.cookie == nil || b.cookie == nil || a.cookie.Value != b.cookie.Value {
			t.Error("the retry did not get the answer that was lost")
		}
	})
	t.Run("7: reuse ends the session, and leaves the cookie alone", func(t *testing.T) {
		tokens := s.SignIn(u.ID)
		second := s.turn(tokens.RefreshToken)
		s.Advance(window)
		s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(401, "login_required reused").keepsCookie()
		s.send("POST", "/api/reissue", "", cookie(second), own).is(401, "login_required reused").keepsCookie()
		s.send("GET", "/api/session", "", bearer(tokens.AccessToken)).is(401, "login_required reused")
	})
	t.Run("8: the store fails", func(t *testing.T) { // SECURITY 62
		tokens := s.SignIn(u.ID)
		s.StoreDown(true)
		a := s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(503, "unavailable").keepsCookie()
		if a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		s.StoreDown(false)
		s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(200, "")
	})
	t.Run("1: no such session on record", func(t *testing.T) {
		tokens := s.SignIn(u.ID)
		far := s.Clock.Now().AddDate(10, 0, 0)
		for n := 1; n > 0; {
			var err error
			if n, err = s.store.Sweep(t.Context(), far, far, 1000); err != nil {
				t.Fatal(err)
			}
		}
		s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(401, "login_required unknown").keepsCookie()
	})
}

func TestCase3LetsAnIdleSessionGoOn(t *testing.T) { // SYSTEM A7
	s := start(t, withPolicy(func(p *pawl.Policy) { p.AccessTTL, p.RefreshTTL = time.Hour, 10*time.Minute }))
	_, tokens := s.anna()
	s.Advance(30 * time.Minute)
	s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(401, "login_required expired")
	// The cookie beside the Bearer is two credentials, not two methods (SECURITY 52).
	a := s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), bearer(tokens.AccessToken)).is(200, "")
	if a.cookie == nil {
		t.Error("no new refresh token")
	}
}

func TestMaxAgeNeverPassesTheAbsoluteEnd(t *testing.T) { // SECURITY 22, 33
	s := start(t, withPolicy(func(p *pawl.Policy) { p.SessionTTL = 20 * time.Hour }))
	_, tokens := s.anna()
	s.Advance(19*time.Hour + 59*time.Minute)
	a := s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(200, "")
	if a.cookie == nil || a.cookie.MaxAge != 60 {
		t.Errorf("cookie: %v", a.cookie)
	}
	if a.tokens.ExpiresIn != 60 {
		t.Errorf("the access token outlives the session: %d s", a.tokens.ExpiresIn)
	}
	s.Advance(time.Minute)
	s.send("POST", "/api/reissue", "", cookie(a.cookie.Value), bearer(a.tokens.AccessToken)).is(401, "login_required expired")
}

func TestWhereTheRefreshTokenComesFrom(t *testing.T) {
	s := start(t)
	u, tokens := s.anna()
	good := tokens.RefreshToken
	for _, c := range []struct {
		name    string
		body    string
		headers []string
		status  int
		code    string
		says    string
	}{
		{"nothing at all", "", []string{own}, 401, "invalid_token", "No refresh token"},
		{"an empty object", "{}", []string{own}, 401, "invalid_token", "No refresh token"},
		{"an access token alone", "", []string{bearer(tokens.AccessToken)}, 401, "invalid_token", "No refresh token"},
		{"the cookie", "", []string{cookie(good), own}, 200, "", ""},
		{"the cookie and an empty object", "{}", []string{cookie(good), own}, 200, "", ""},
		{"the body", refreshBody(good), nil, 200, "", ""},
		{"both, the same", refreshBody(good), []string{cookie(good), own}, 400, "invalid_request", "in the cookie and in the body"},
		{"both, different", refreshBody(s.SignIn(u.ID).RefreshToken), []string{cookie(good), own}, 400, "invalid_request", "in the cookie and in the body"},
		{"SECURITY 32: two cookies", "", []string{cookie(good) + "; " + api.CookieName + "=" + good, own}, 400, "invalid_request", "2 cookies named"},
		{"SECURITY 32: two cookies, one planted", "", []string{cookie(good) + "; " + api.CookieName + "=x", own}, 400, "invalid_request", "2 cookies named"},
		{"SECURITY 32: in two header lines", "", []string{cookie(good), cookie("x"), own}, 400, "invalid_request", "2 cookies named"},
		{"SECURITY 32: a cookie that no browser keeps", "", []string{cookie(strings.Repeat("x", 4096)), own}, 401, "invalid_token", ""},
		{"SECURITY 30: the name without prefix is ignored", "", []string{"Cookie: refreshToken=" + good, own}, 401, "invalid_token", "No refresh token"},
		{"SECURITY 30: even beside the right one", "", []string{cookie(good) + "; refreshToken=x", own}, 200, "", ""},
		{"a proxy's Basic beside it", "", []string{cookie(good), "Authorization: Basic YTpi", own}, 200, "", ""},
		{"a proxy's Basic beside a body", refreshBody(good), []string{"Authorization: Basic YTpi"}, 200, "", ""},
		{"Negotiate beside it", "", []string{cookie(good), "Authorization: Negotiate YII=", own}, 200, "", ""},
		{"an empty Bearer beside it", "", []string{cookie(good), "Authorization: Bearer"}, 400, "invalid_request", "Bearer"},
		{"two Authorizations", "", []string{cookie(good), bearer("a"), bearer("b")}, 400, "invalid_request", "two Authorization"},
		{"a malformed Idempotency-Key", "", []string{cookie(good), "Idempotency-Key: short"}, 400, "invalid_request", "Idempotency-Key"},
		{"two Idempotency-Keys", "", []string{cookie(good), "Idempotency-Key: 0123456789abcdefghijkl", "Idempotency-Key: 0123456789abcdefghijkl"}, 400, "invalid_request", "Idempotency-Key twice"},
		{"an expired or foreign access token beside it does no harm", "", []string{cookie(good), bearer("garbage")}, 200, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.send("POST", "/api/reissue", c.body, c.headers...).is(c.status, c.code).says(c.says).keepsCookie()
		})
	}
}

func TestNoErrorCodeWhereNoTokenWasSent(t *testing.T) { // SECURITY 53
	s := start(t)
	for _, c := range []struct{ path, header, want string }{
		{"/api/reissue", "Accept: */*", `Bearer realm="pawl"`},
		{"/api/reissue", "Cookie: theme=dark", `Bearer realm="pawl"`},
		{"/api/logout", "Accept: */*", `Bearer realm="pawl"`},
		{"/api/reissue", "Authorization: Basic YTpi", `Bearer realm="pawl"`},
		{"/api/logout", "Authorization: Digest x=y", `Bearer realm="pawl"`},
		{"/api/reissue", cookie("garbage"), `Bearer realm="pawl", error="invalid_token", error_description="invalid_token"`},
		{"/api/logout", bearer("garbage"), `Bearer realm="pawl", error="invalid_token", error_description="invalid_token"`},
	} {
		a := s.send("POST", c.path, "", c.header, own)
		if got := a.header.Get("WWW-Authenticate"); a.status != 401 || got != c.want {
			t.Errorf("%s with %s: %d, WWW-Authenticate: %s, want %s", c.path, c.header, a.status, got, c.want)
		}
	}
}

func TestAnUnprefixedCookieServesPlainHTTPOnly(t *testing.T) {
	s := start(t, withAPI(func(o *httpapi.Options) { o.Cookie.UnsafeHTTP = true }))
	_, tokens := s.anna()
	s.send("POST", "/api/reissue", "", "Cookie: refreshToken="+tokens.RefreshToken, own).is(200, "")
	s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(401, "invalid_token")
}

func TestALostReplySignsNobodyOut(t *testing.T) {
	s := start(t)
	_, tokens := s.anna()
	s.Advance(pawl.DefaultReuseWindow)
	s.DropNextReply()
	if _, err := s.http.Do(s.request("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own)); err == nil {
		t.Fatal("the reply came through")
	}
	a := s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(200, "")
	if a.cookie == nil || a.cookie.Value == tokens.RefreshToken {
		t.Error("the retry did not get what the lost reply held")
	}
}
