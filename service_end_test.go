package pawl_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// SECURITY 27: idempotent, works with what the client still has.
func TestLogout(t *testing.T) {
	type have struct{ refresh, access bool }
	for _, c := range []struct {
		name string
		have have
		wait time.Duration
	}{
		{"both tokens", have{true, true}, 0},
		{"the refresh token alone", have{true, false}, 0},
		{"the access token alone", have{false, true}, 0},
		{"the access token has expired", have{true, true}, time.Hour},
		{"both have expired", have{true, false}, 20 * 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			tok := f.login()
			f.advance(c.wait)
			var r api.ReissueRequest
			if c.have.refresh {
				r.RefreshToken = tok.RefreshToken
			}
			if c.have.access {
				r.AccessToken = tok.AccessToken
			}
			for range 2 {
				wantError(t, "logout", f.Logout(t.Context(), r), nil)
			}
			_, err := f.reissue(tok.RefreshToken, tok.AccessToken, "")
			wantError(t, "reissue after it", err, api.LoginRequired(api.ReasonSignedOut))
			if c.wait == 0 {
				_, err = f.guard.Check(tok.AccessToken)
				wantError(t, "the access token, at once", err, api.LoginRequired(api.ReasonSignedOut))
			}
			if n := len(f.happened(pawl.EventSessionEnded)); n != 1 {
				t.Errorf("%d end events, want 1", n)
			}
		})
	}
	t.Run("a generation long past still signs out", func(t *testing.T) {
		f := newFixture(t)
		first := f.login()
		last := first
		for range 3 {
			f.advance(time.Hour)
			last = f.mustReissue(last.RefreshToken, "", "")
		}
		wantError(t, "logout", f.Logout(t.Context(), api.ReissueRequest{RefreshToken: first.RefreshToken}), nil)
		_, err := f.reissue(last.RefreshToken, "", "")
		wantError(t, "reissue", err, api.LoginRequired(api.ReasonSignedOut))
	})
	t.Run("nothing, or nothing authentic", func(t *testing.T) {
		f := newFixture(t)
		wantError(t, "nothing", f.Logout(t.Context(), api.ReissueRequest{}), api.ErrUnauthenticated)
		wantError(t, "garbage", f.Logout(t.Context(), api.ReissueRequest{RefreshToken: "x.y.z"}), api.ErrInvalidToken)
		tok := f.login()
		f.advance(time.Hour)
		wantError(t, "an expired access token", f.Logout(t.Context(), api.ReissueRequest{AccessToken: tok.AccessToken}), api.ErrTokenExpired)
	})
	t.Run("a failing store: 503, and the session goes on", func(t *testing.T) {
		down := &downStore{}
		f := newFixture(t, func(c *pawl.Config) { down.SessionStore = c.Sessions; c.Sessions = down })
		tok := f.login()
		down.set(true)
		wantError(t, "logout", f.Logout(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken}), api.ErrUnavailable)
		down.set(false)
		f.mustReissue(tok.RefreshToken, "", "")
	})
}

// SECURITY 48: people see and end their sessions, and are told why one ended.
func TestSessions(t *testing.T) {
	f := newFixture(t)
	f.advance(34*time.Minute + 56*time.Second)
	here, phone, tablet := f.login(), f.login(), f.login()
	f.addUser("bob", pawl.User{})
	bob, err := f.Login(t.Context(), pawl.SignIn{Login: "bob", Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	me := f.claims(here.AccessToken)

	list, err := f.Sessions(t.Context(), me, "", 0)
	if err != nil || len(list.Sessions) != 3 {
		t.Fatalf("%d sessions, %v", len(list.Sessions), err)
	}
	for _, s := range list.Sessions {
		if s.Current != (s.ID == here.SessionID) || s.Address != home.Address || s.Agent != home.Agent {
			t.Errorf("%+v", s)
		}
		for _, at := range []time.Time{s.CreatedAt, s.LastUse, s.IdleAt, s.EndsAt} {
			if !at.Equal(at.Truncate(time.Hour)) {
				t.Errorf("%v is finer than an hour", at)
			}
		}
	}
	ended := func(what string, tok api.Tokens, reason string) {
		t.Helper()
		_, err := f.reissue(tok.RefreshToken, "", "")
		wantError(t, what, err, api.LoginRequired(reason))
		_, err = f.guard.Check(tok.AccessToken)
		wantError(t, what+": access", err, api.LoginRequired(reason))
	}
	wantError(t, "end one", f.EndSession(t.Context(), me, phone.SessionID, home), nil)
	wantError(t, "end it again", f.EndSession(t.Context(), me, phone.SessionID, home), nil)
	ended("the phone", phone, api.ReasonSignedOutElsewhere)

	wantError(t, "somebody else's", f.EndSession(t.Context(), me, bob.SessionID, home), api.ErrNotFound)
	wantError(t, "nobody's", f.EndSession(t.Context(), me, "AAAAAAAAAAAAAAAAAAAAAA", home), api.ErrNotFound)
	f.claims(bob.AccessToken)

	if n, err := f.EndOthers(t.Context(), me, home); n != 1 || err != nil {
		t.Errorf("ended %d others, %v; want 1", n, err)
	}
	ended("the tablet", tablet, api.ReasonSignedOutElsewhere)
	f.mustReissue(here.RefreshToken, "", "")

	wantError(t, "end one's own", f.EndSession(t.Context(), me, here.SessionID, home), nil)
	ended("this one", here, api.ReasonSignedOut)

	if n, err := f.EndUser(t.Context(), "id-bob", api.ReasonEndedByAdmin); n != 1 || err != nil {
		t.Errorf("ended %d of bob's, %v; want 1", n, err)
	}
	ended("bob", bob, api.ReasonEndedByAdmin)
}

// SECURITY 28: end-all, and nobody who signs in again right after is refused.
func TestSignInRightAfterAnEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(f *fixture) error
	}{
		{"of the user", func(f *fixture) error {
			_, err := f.EndUser(f.t.Context(), "id-ann", api.ReasonEndedByAdmin)
			return err
		}},
		{"of everyone", func(f *fixture) error { return f.EndAll(f.t.Context(), api.ReasonEndedByAdmin) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			for range 3 { // all within one second
				before := f.login()
				wantError(t, "end", c.end(f), nil)
				_, err := f.reissue(before.RefreshToken, "", "")
				wantError(t, "reissue of what was ended", err, api.LoginRequired(api.ReasonEndedByAdmin))
				_, err = f.guard.Check(before.AccessToken)
				wantError(t, "its access token", err, api.LoginRequired(api.ReasonEndedByAdmin))
				if live, _ := f.SessionsOf(t.Context(), "id-ann", "", 0); len(live.Sessions) != 0 {
					t.Errorf("%d sessions are listed after the end", len(live.Sessions))
				}
				after := f.login()
				f.claims(after.AccessToken)
				f.mustReissue(after.RefreshToken, "", "")
			}
		})
	}
}

func TestSessionsPerUser(t *testing.T) {
	for _, c := range []struct{ limit, logins, live int }{{0, 5, 5}, {1, 3, 1}, {3, 5, 3}} {
		f := newFixture(t, func(cfg *pawl.Config) { cfg.SessionsPerUser = c.limit })
		var all []api.Tokens
		for range c.logins {
			all = append(all, f.login())
			f.advance(time.Minute)
		}
		gone := c.logins - c.live
		for i, tok := range all {
			_, err := f.reissue(tok.RefreshToken, "", "")
			var want error
			if i < gone {
				want = api.LoginRequired(api.ReasonSessionLimit)
				_, denied := f.guard.Check(tok.AccessToken)
				wantError(t, "its access token", denied, want)
			}
			wantError(t, "reissue", err, want)
		}
	}
}

func TestChangePassword(t *testing.T) {
	const next = "eleven quiet lanterns"
	t.Run("ends the other sessions, and this one goes on", func(t *testing.T) {
		f := newFixture(t)
		here, there := f.login(), f.login()
		got, err := f.ChangePassword(t.Context(), f.claims(here.AccessToken), goodPassword, next)
		if err != nil {
			t.Fatal(err)
		}
		if a := f.claims(got.AccessToken); a.SessionID != here.SessionID {
			t.Errorf("a token of session %s", a.SessionID)
		}
		_, err = f.guard.Check(here.AccessToken)
		wantError(t, "this session's old access token", err, api.LoginRequired(api.ReasonPasswordChanged))
		_, err = f.guard.Check(there.AccessToken)
		wantError(t, "the other's access token", err, api.LoginRequired(api.ReasonPasswordChanged))
		_, err = f.reissue(there.RefreshToken, "", "")
		wantError(t, "the other's refresh token", err, api.LoginRequired(api.ReasonPasswordChanged))
		f.claims(f.mustReissue(here.RefreshToken, "", "").AccessToken)

		_, err = f.Login(t.Context(), pawl.SignIn{Login: "ann", Password: goodPassword})
		wantError(t, "the old password", err, api.ErrInvalidCredentials)
		_, err = f.Login(t.Context(), pawl.SignIn{Login: "ann", Password: next})
		wantError(t, "the new password", err, nil)
	})
	t.Run("a failure on the way: the same request completes it", func(t *testing.T) {
		down := &downStore{}
		f := newFixture(t, func(c *pawl.Config) { down.SessionStore = c.Sessions; c.Sessions = down })
		here, there := f.login(), f.login()
		me := f.claims(here.AccessToken)
		down.set(true)
		_, err := f.ChangePassword(t.Context(), me, goodPassword, next)
		wantError(t, "store down", err, api.ErrUnavailable)
		down.set(false)
		_, err = f.ChangePassword(t.Context(), me, goodPassword, next)
		wantError(t, "again", err, nil)
		_, err = f.reissue(there.RefreshToken, "", "")
		wantError(t, "the other session", err, api.LoginRequired(api.ReasonPasswordChanged))
	})
	t.Run("refusals", func(t *testing.T) {
		f := newFixture(t)
		me := f.claims(f.login().AccessToken)
		_, err := f.ChangePassword(t.Context(), me, "seven purple heron", next)
		wantError(t, "wrong current password", err, api.ErrInvalidCredentials)
		_, err = f.ChangePassword(t.Context(), me, goodPassword, "short")
		wantError(t, "weak new password", err, api.ErrInvalidRequest)
		table := &oneUser{User: pawl.User{ID: "id-ann", Login: "ann", PasswordHash: goodHash()}}
		foreign := newFixture(t, func(c *pawl.Config) { c.Users = table })
		_, err = foreign.ChangePassword(t.Context(), foreign.claims(foreign.login().AccessToken), goodPassword, next)
		wantError(t, "a user table without passwords to set", err, api.ErrNotFound)
	})
}

func TestStart(t *testing.T) {
	f := newFixture(t)
	tok, err := f.Start(t.Context(), "id-ann", home)
	if err != nil {
		t.Fatal(err)
	}
	if a := f.claims(tok.AccessToken); a.Subject != "id-ann" {
		t.Errorf("subject %s", a.Subject)
	}
	_, err = f.Start(t.Context(), "id-nobody", home)
	wantError(t, "nobody", err, api.ErrNotFound)
	f.addUser("bob", pawl.User{Disabled: true})
	_, err = f.Start(t.Context(), "id-bob", home)
	wantError(t, "disabled", err, api.LoginRequired(api.ReasonDisabled))
}

// SECURITY 44: the first administrator comes by a one-time code.
func TestSetup(t *testing.T) {
	f := newFixture(t)
	const root, pw = "root", "nine copper kettles"
	stale, _ := f.OfferSetup(t.Context())
	code, err := f.OfferSetup(t.Context())
	if err != nil || code == "" || code == stale {
		t.Fatalf("code %q, %v", code, err)
	}
	for _, c := range []struct {
		name, code, login, password string
		want                        error
	}{
		{"no code", "", root, pw, api.ErrAccessDenied},
		{"another code", "aaaaaaaaaaaaaaaaaaaaaaaaaa", root, pw, api.ErrAccessDenied},
		{"an earlier code", stale, root, pw, api.ErrAccessDenied},
		{"a weak password leaves the code good", code, root, "root", api.ErrInvalidRequest},
		{"a taken login leaves the code good", code, "ann", pw, api.ErrConflict},
		{"the code", " " + code + "\n", root, pw, nil},
		{"the code again", code, "other", pw, api.ErrAccessDenied},
	} {
		_, err := f.Setup(t.Context(), c.code, c.login, c.password)
		wantError(t, c.name, err, c.want)
	}
	tok, err := f.Login(t.Context(), pawl.SignIn{Login: root, Password: pw})
	if err != nil || !slices.Contains(f.claims(tok.AccessToken).Roles, pawl.RoleAdmin) {
		t.Errorf("the administrator: %v", err)
	}
	if code, err := f.OfferSetup(t.Context()); code != "" || err != nil {
		t.Errorf("offered %q, %v though there is an administrator", code, err)
	}
}

// SECURITY 39: a weak hash is replaced at the next sign-in.
func TestHashUpgrade(t *testing.T) {
	f := newFixture(t)
	spring := func(pw string) string {
		h, err := bcrypt.GenerateFromPassword([]byte(pw), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		return "{bcrypt}" + string(h)
	}("abc123xyz") // shorter than today's rule: an old password still signs in
	if err := f.store.CreateUser(t.Context(), pawl.User{ID: "id-old", Login: "old", PasswordHash: spring}); err != nil {
		t.Fatal(err)
	}
	_, err := f.Login(t.Context(), pawl.SignIn{Login: "old", Password: "not that"})
	wantError(t, "wrong password", err, api.ErrInvalidCredentials)
	_, err = f.Login(t.Context(), pawl.SignIn{Login: "old", Password: "abc123xyz"})
	wantError(t, "the right password", err, nil)
	u, _ := f.store.ByID(t.Context(), "id-old")
	if !strings.HasPrefix(u.PasswordHash, "$argon2id$") || len(f.happened(pawl.EventPasswordUpgraded)) != 1 {
		t.Errorf("the hash was not upgraded: %.12s", u.PasswordHash)
	}
	_, err = f.Login(t.Context(), pawl.SignIn{Login: "old", Password: "abc123xyz"})
	wantError(t, "against the upgraded hash", err, nil)
}

// SECURITY 17: keys turn while tokens live, and none is refused for it.
func TestKeysTurnWithoutARefusedToken(t *testing.T) {
	counted := &countedKeys{}
	f := newFixture(t, func(c *pawl.Config) {
		counted.KeyStore, c.Keys = c.Keys, counted
		c.KeyPolicy = pawl.KeyPolicy{Every: 2 * time.Hour, Publish: 20 * time.Minute, Reload: time.Millisecond}
		c.Policy.AccessTTL = 10 * time.Minute
	})
	signers := map[string]bool{}
	tok := f.login()
	for range 100 {
		f.advance(5 * time.Minute)
		f.claims(tok.AccessToken)
		counted.await()
		tok = f.mustReissue(tok.RefreshToken, "", "")
		info, err := token.Inspect(tok.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		signers[string(info.Header)] = true
	}
	if len(signers) < 4 {
		t.Errorf("only %d keys signed in 500 minutes with one every 120", len(signers))
	}
	if n := len(f.KeySet().Keys()); n > 3 {
		t.Errorf("%d keys are kept", n)
	}
}

// countedKeys counts how often the service has read the keys.
type countedKeys struct {
	pawl.KeyStore
	reads atomic.Int64
}

func (c *countedKeys) Keys(ctx context.Context) ([]pawl.KeyRecord, error) {
	c.reads.Add(1)
	return c.KeyStore.Keys(ctx)
}

// await waits until a whole reload has begun and ended after now.
func (c *countedKeys) await() {
	for n := c.reads.Load(); c.reads.Load() < n+3; {
		time.Sleep(time.Millisecond)
	}
}
