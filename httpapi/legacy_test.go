package httpapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/internal/legacy"
	"github.com/pawlauth/pawl/internal/legacy/legacytest"
	"github.com/pawlauth/pawl/pawltest"
)

const (
	oldLife   = 14 * 24 * time.Hour
	oldName   = "refreshToken" // article B's cookie
	oldPrefix = "REFRESH_TOKEN:"
	clearOld  = "refreshToken=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"
)

var oldSecret = []byte("the old system's secret, as it stood in its application.yaml: 64.")

func oldCookie(token string) string { return "Cookie: " + oldName + "=" + token }

// oldToken is what the old system gave a user some time ago.
func (s *server) oldToken(user string, ago time.Duration) string {
	issued := s.Clock.Now().Add(-ago)
	return legacytest.Sign(legacytest.HeaderHS512, legacytest.Claims(user, issued, issued.Add(oldLife)), oldSecret)
}

// withOld lets the sessions of an old system move in.
func withOld(change func(*legacy.Options)) []pawltest.Option {
	return []pawltest.Option{
		withConfig(func(c *pawl.Config) {
			o := legacy.Options{Secret: oldSecret, Now: c.Now}
			if change != nil {
				change(&o)
			}
			v, err := legacy.New(o)
			if err != nil {
				panic(err)
			}
			c.Legacy = v
		}),
		withAPI(func(o *httpapi.Options) { o.LegacyCookie = api.LegacyCookie{Name: oldName} }),
	}
}

func TestAnOldSessionMovesIn(t *testing.T) {
	s := start(t, withOld(nil)...)
	u, _ := s.anna()
	for name, user := range map[string]string{"named by its ID": u.ID, "named by its login": u.Login, "by another spelling of it": strings.ToUpper(u.Login)} {
		t.Run(name, func(t *testing.T) {
			old := s.oldToken(user, time.Hour)
			a := s.send("POST", "/api/reissue", "", oldCookie(old), own).is(200, "")
			if a.cookie == nil || a.cookie.Value == "" || a.tokens.AccessToken == "" || a.tokens.RefreshToken != "" {
				t.Fatalf("no pair: %s", a.body)
			}
			if got := a.header.Values("Set-Cookie"); len(got) != 2 || got[0] != clearOld {
				t.Errorf("the old cookie is not cleared: %q", got)
			}
			who := s.send("GET", "/api/session", "", bearer(a.tokens.AccessToken)).is(200, "")
			if !strings.Contains(who.body, u.ID) {
				t.Errorf("it is somebody else: %s", who.body)
			}
			s.Advance(pawl.DefaultReuseWindow)
			s.send("POST", "/api/reissue", "", cookie(a.cookie.Value), own).is(200, "")
		})
	}
	t.Run("in the body, for clients that keep it themselves", func(t *testing.T) {
		a := s.send("POST", "/api/reissue", refreshBody(s.oldToken(u.ID, 2*time.Hour))).is(200, "").keepsCookie()
		s.Advance(pawl.DefaultReuseWindow)
		s.send("POST", "/api/reissue", refreshBody(a.tokens.RefreshToken)).is(200, "")
	})
}

// The old token is generation 0: the rows of docs/rotation.md judge it.
func TestAnOldTokenIsGoodOnce(t *testing.T) {
	const key = "Idempotency-Key: 0123456789abcdefghijkl"
	s := start(t, withOld(nil)...)
	u, _ := s.anna()
	ago := time.Hour
	fresh := func() string { ago += time.Second; return s.oldToken(u.ID, ago) }
	move := func(old string, headers ...string) string {
		t.Helper()
		a := s.send("POST", "/api/reissue", "", append(headers, oldCookie(old), own)...).is(200, "")
		if a.cookie == nil {
			t.Fatal("no cookie")
		}
		return a.cookie.Value
	}
	t.Run("6: within the window, the same successor", func(t *testing.T) {
		old := fresh()
		first := move(old)
		s.Advance(pawl.DefaultReuseWindow - time.Second)
		if again := move(old); again != first {
			t.Error("a sibling tab got another session")
		}
	})
	t.Run("6: a lost reply", func(t *testing.T) {
		old := fresh()
		s.DropNextReply()
		if _, err := s.http.Do(s.request("POST", "/api/reissue", "", oldCookie(old), own)); err == nil {
			t.Fatal("the reply came through")
		}
		move(old)
	})
	t.Run("6: at any delay with the key", func(t *testing.T) {
		old := fresh()
		first := move(old, key)
		s.Advance(24 * time.Hour)
		if again := move(old, key); again != first {
			t.Error("a retry got another session")
		}
	})
	for name, wait := range map[string]time.Duration{"7: after the window": pawl.DefaultReuseWindow, "7: long after it expired": oldLife + time.Hour} {
		t.Run(name, func(t *testing.T) {
			old := fresh()
			next := move(old)
			for range int(wait/(24*time.Hour)) + 1 { // its owner goes on using it
				s.Advance(wait / (wait/(24*time.Hour) + 1))
				next = s.send("POST", "/api/reissue", "", cookie(next), own).is(200, "").cookie.Value
			}
			s.send("POST", "/api/reissue", "", oldCookie(old), own).is(401, "login_required reused").keepsCookie()
			s.send("POST", "/api/reissue", "", cookie(next), own).is(401, "login_required reused").keepsCookie()
		})
	}
	t.Run("1: after the sign-out", func(t *testing.T) {
		old := fresh()
		s.send("POST", "/api/logout", "", cookie(move(old)), own).is(204, "")
		s.send("POST", "/api/reissue", "", oldCookie(old), own).is(401, "login_required signed_out").keepsCookie()
	})
	t.Run("8: while the store fails", func(t *testing.T) {
		old := fresh()
		s.StoreDown(true)
		s.send("POST", "/api/reissue", "", oldCookie(old), own).is(503, "unavailable").keepsCookie()
		s.StoreDown(false)
		move(old)
	})
}

func TestSigningOutWithAnOldTokenUsesItUp(t *testing.T) {
	s := start(t, withOld(nil)...)
	u, tokens := s.anna()
	refused := func(t *testing.T, old string) {
		t.Helper()
		s.send("POST", "/api/reissue", "", oldCookie(old), own).is(401, "login_required signed_out").keepsCookie()
	}
	t.Run("by the cookie, before it moved in", func(t *testing.T) {
		old := s.oldToken(u.ID, 1*time.Hour)
		a := s.send("POST", "/api/logout", "", oldCookie(old), own).is(204, "")
		if got := a.header.Values("Set-Cookie"); len(got) != 2 || got[0] != clearOld {
			t.Errorf("Set-Cookie: %q", got)
		}
		refused(t, old)
	})
	t.Run("by the body", func(t *testing.T) {
		old := s.oldToken(u.ID, 2*time.Hour)
		for range 2 {
			s.send("POST", "/api/logout", refreshBody(old)).is(204, "").keepsCookie()
		}
		refused(t, old)
	})
	t.Run("after it moved in", func(t *testing.T) {
		old := s.oldToken(u.ID, 3*time.Hour)
		next := s.send("POST", "/api/reissue", "", oldCookie(old), own).is(200, "").cookie.Value
		s.send("POST", "/api/logout", "", oldCookie(old), own).is(204, "")
		s.send("POST", "/api/reissue", "", cookie(next), own).is(401, "login_required signed_out")
		refused(t, old)
	})
	// A browser that has both: the old one must not sign the person in again.
	t.Run("beside Pawl's cookie", func(t *testing.T) {
		old := s.oldToken(u.ID, 4*time.Hour)
		a := s.send("POST", "/api/logout", "", cookie(tokens.RefreshToken)+"; "+oldName+"="+old, own).is(204, "")
		if len(a.header.Values("Set-Cookie")) != 2 {
			t.Errorf("Set-Cookie: %q", a.header.Values("Set-Cookie"))
		}
		refused(t, old)
	})
	t.Run("planted beside it: both go", func(t *testing.T) {
		old, other := s.oldToken(u.ID, 5*time.Hour), s.oldToken(u.ID, 6*time.Hour)
		s.send("POST", "/api/logout", "", cookie(s.SignIn(u.ID).RefreshToken)+"; "+oldName+"="+old+"; "+oldName+"="+other, own).is(204, "")
		refused(t, old)
		refused(t, other)
	})
	t.Run("a new sign-in replaces it", func(t *testing.T) { // SECURITY 46
		s.AddUser("bea", pass)
		old := s.oldToken("bea", 7*time.Hour)
		a := s.send("POST", "/api/login", `{"userId":"bea","password":"`+pass+`"}`, oldCookie(old), own).is(200, "")
		if len(a.header.Values("Set-Cookie")) != 2 {
			t.Errorf("Set-Cookie: %q", a.header.Values("Set-Cookie"))
		}
		refused(t, old)
	})
	t.Run("while the store fails: the cookie stays, to try again", func(t *testing.T) { // SECURITY 62
		old := s.oldToken(u.ID, 8*time.Hour)
		s.StoreDown(true)
		s.send("POST", "/api/logout", "", oldCookie(old), own).is(503, "unavailable").keepsCookie()
		s.StoreDown(false)
		s.send("POST", "/api/logout", "", oldCookie(old), own).is(204, "")
		refused(t, old)
	})
	t.Run("of nobody that Pawl knows", func(t *testing.T) {
		s.send("POST", "/api/logout", "", oldCookie(s.oldToken("nobody", time.Hour)), own).is(204, "")
	})
}

func TestOldTokensThatAreRefused(t *testing.T) {
	s := start(t, withOld(func(o *legacy.Options) { o.Issuer = "old" })...)
	u, tokens := s.anna()
	now := s.Clock.Now()
	claims := func(user string, iat, exp time.Time) string {
		return strings.Replace(legacytest.Claims(user, iat, exp), "{", `{"iss":"old",`, 1)
	}
	sign := func(claims string) string { return legacytest.Sign(legacytest.HeaderHS256, claims, oldSecret) }
	good := sign(claims(u.ID, now.Add(-time.Hour), now.Add(oldLife)))
	for _, c := range []struct{ name, token, code string }{
		{"expired", sign(claims(u.ID, now.Add(-oldLife), now)), "login_required expired"},
		{"SECURITY 47: idle for longer than a session may be", sign(claims(u.ID, now.Add(-pawl.DefaultRefreshTTL), now.Add(time.Hour))), "login_required expired"},
		{"of nobody", sign(claims("nobody", now, now.Add(oldLife))), "login_required unknown"},
		{"of a name that cannot be one", sign(claims(" ", now, now.Add(oldLife))), "login_required unknown"},
		{"issued in the future", sign(claims(u.ID, now.Add(2*time.Minute), now.Add(oldLife))), "invalid_token"},
		{"without iat, and longer than a session", sign(`{"iss":"old","sub":"` + u.ID + `","exp":9999999999}`), "invalid_token"},
		{"another issuer", sign(strings.Replace(claims(u.ID, now, now.Add(oldLife)), "old", "other", 1)), "invalid_token"},
		{"SECURITY 3: alg none", legacytest.Encode(`{"alg":"none"}`) + "." + strings.Split(good, ".")[1] + ".", "invalid_token"},
		{"SECURITY 2: an access token of Pawl's", tokens.AccessToken, "invalid_token"},
		{"another secret", legacytest.Sign(legacytest.HeaderHS256, claims(u.ID, now, now.Add(oldLife)), []byte(strings.Repeat("x", 40))), "invalid_token"},
		{"SECURITY 9: oversize", sign(strings.Replace(claims(u.ID, now, now.Add(oldLife)), "{", `{"x":"`+strings.Repeat("x", 8<<10)+`",`, 1)), "invalid_token"},
		{"SECURITY 8: two subjects", sign(strings.Replace(claims(u.ID, now, now.Add(oldLife)), "{", `{"sub":"admin",`, 1)), "invalid_token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.send("POST", "/api/reissue", refreshBody(c.token)).is(401, c.code).keepsCookie()
			if len(c.token) < 4000 {
				s.send("POST", "/api/reissue", "", oldCookie(c.token), own).is(401, c.code).keepsCookie()
			}
		})
	}
	t.Run("an old token as Bearer", func(t *testing.T) { // SECURITY 2
		s.send("GET", "/api/session", "", bearer(good)).is(401, "invalid_token")
	})
	t.Run("SECURITY 35: by another site", func(t *testing.T) {
		s.send("POST", "/api/reissue", "", oldCookie(good), "Sec-Fetch-Site: cross-site").is(403, "cross_site").keepsCookie()
		s.send("POST", "/api/reissue", "", oldCookie(good), "Sec-Fetch-Site: same-site").is(403, "cross_site").keepsCookie()
		s.send("POST", "/api/reissue", "", oldCookie(good)).is(403, "cross_site").keepsCookie()
		s.send("POST", "/api/logout", "", oldCookie(good)).is(403, "cross_site").keepsCookie()
	})
	t.Run("SECURITY 32: two old cookies", func(t *testing.T) {
		s.send("POST", "/api/reissue", "", oldCookie(good)+"; "+oldName+"=x", own).is(400, "invalid_request").says("2 cookies named refreshToken").keepsCookie()
	})
	t.Run("and it is still good", func(t *testing.T) { s.send("POST", "/api/reissue", "", oldCookie(good), own).is(200, "") })
	t.Run("beside Pawl's cookie it is not looked at", func(t *testing.T) {
		a := s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken)+"; "+oldName+"="+good, own).is(200, "").keepsCookie()
		if a.tokens.SessionID != tokens.SessionID {
			t.Error("the old cookie won")
		}
	})
}

func TestWithoutALegacyVerifierOldTokensAreNothing(t *testing.T) { // SECURITY 30
	s := start(t)
	u, _ := s.anna()
	old := s.oldToken(u.ID, time.Hour)
	s.send("POST", "/api/reissue", "", oldCookie(old), own).is(401, "invalid_token").says("No refresh token")
	s.send("POST", "/api/reissue", refreshBody(old)).is(401, "invalid_token")
	s.send("POST", "/api/logout", refreshBody(old)).is(401, "invalid_token")
}

// On a network without TLS Pawl's cookie has the old one's name.
func TestThePlainCookieIsReplacedNotCleared(t *testing.T) {
	s := start(t, append(withOld(nil), withAPI(func(o *httpapi.Options) { o.Cookie.UnsafeHTTP = true }))...)
	u, _ := s.anna()
	a := s.send("POST", "/api/reissue", "", oldCookie(s.oldToken(u.ID, time.Hour)), own).is(200, "")
	if got := a.header.Values("Set-Cookie"); len(got) != 1 || a.cookie.MaxAge <= 0 {
		t.Errorf("Set-Cookie: %q", got)
	}
	s.send("POST", "/api/reissue", "", oldCookie(a.cookie.Value), own).is(200, "")
}

func TestTheOldSystemsOwnSignOutCounts(t *testing.T) {
	r := legacytest.StartRedis(t)
	s := start(t, withOld(func(o *legacy.Options) { o.Redis, o.RedisKey = r.URL, oldPrefix+legacy.UserPart })...)
	u, _ := s.anna()
	kept, left, replaced := s.oldToken(u.Login, time.Hour), s.oldToken(u.Login, 2*time.Hour), s.oldToken(u.Login, 3*time.Hour)
	r.SetAll(oldPrefix, map[string]string{u.Login: kept}, oldLife)
	s.send("POST", "/api/reissue", "", oldCookie(replaced), own).is(401, "login_required unknown").keepsCookie()
	s.send("POST", "/api/reissue", "", oldCookie(kept), own).is(200, "")
	r.Do("DEL", oldPrefix+u.Login)
	s.send("POST", "/api/reissue", "", oldCookie(left), own).is(401, "login_required unknown").keepsCookie()
	s.send("POST", "/api/reissue", "", oldCookie(kept), own).is(200, "") // Redis is asked before the first use only
	r.Stop()
	s.send("POST", "/api/reissue", "", oldCookie(left), own).is(503, "unavailable").keepsCookie() // SECURITY 62
	s.send("POST", "/api/reissue", "", oldCookie(kept), own).is(200, "")
}
