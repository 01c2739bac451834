package pawl_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/token"
)

const goodPassword = "seven purple herons"

var (
	hasher, _    = password.New(password.Options{Wait: time.Minute}) // a busy machine is no failure
	goodHash     = sync.OnceValue(func() string { h, _ := hasher.Hash(context.Background(), goodPassword); return h })
	home         = pawl.Client{Address: "192.0.2.1", Agent: "Firefox on Linux"}
	elsewhere    = pawl.Client{Address: "198.51.100.7", Agent: "Safari on macOS"}
	someKey      = "0123456789abcdefghijklmnop"
	otherKey     = "ponmlkjihgfedcba9876543210"
	errStoreDown = errors.New("the store is down")
)

// fixture is a service on the memory store, with a clock to move.
type fixture struct {
	*pawl.Service
	t     *testing.T
	store *memory.Store
	guard *guard.Guard

	mu     sync.Mutex
	now    time.Time
	passed time.Duration
	events []pawl.Event
}

// SECURITY 10: a resource server cannot be given the audience of the administration.
func TestTheAdministrationsAudienceIsNotConfigured(t *testing.T) {
	for _, audience := range [][]string{{"https://id.example/admin"}, {"https://api.example", "https://id.example/admin"}} {
		store := memory.New()
		_, err := pawl.New(t.Context(), pawl.Config{
			Issuer: "https://id.example", Audience: audience, Sessions: store, Users: store, Keys: store, MasterKey: pawl.NewMasterKey(),
		})
		if err == nil || !strings.Contains(err.Error(), "for the administration alone") {
			t.Errorf("%v: %v", audience, err)
		}
	}
}

func newFixture(t *testing.T, change ...func(*pawl.Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, store: memory.New(), now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	cfg := pawl.Config{
		Issuer: "https://id.example", Audience: []string{"https://api.example"},
		Sessions: f.store, Users: f.store, Keys: f.store, MasterKey: pawl.NewMasterKey(),
		Hasher: hasher, Now: f.clock, Elapsed: f.elapsed, OnEvent: f.note,
	}
	for _, c := range change {
		c(&cfg)
	}
	svc, err := pawl.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.Close)
	f.Service = svc
	f.guard, err = guard.New(svc, guard.Options{Issuer: cfg.Issuer, Audience: cfg.Audience, Now: f.clock})
	if err != nil {
		t.Fatal(err)
	}
	f.addUser("ann", pawl.User{Roles: []string{"editor"}, Claims: map[string]any{"plan": "gold"}})
	return f
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) elapsed() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.passed
}

// advance lets time pass.
func (f *fixture) advance(d time.Duration) {
	f.leap(d)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passed += max(d, 0)
}

// leap moves the clock, and no time passes.
func (f *fixture) leap(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *fixture) note(_ context.Context, e pawl.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, e)
}

// happened gives the events of a kind.
func (f *fixture) happened(kind string) (found []pawl.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

func (f *fixture) addUser(login string, u pawl.User) {
	f.t.Helper()
	u.ID, u.Login, u.PasswordHash = "id-"+login, login, goodHash()
	if err := f.store.CreateUser(f.t.Context(), u); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) login() api.Tokens {
	f.t.Helper()
	t, err := f.Login(f.t.Context(), pawl.SignIn{Login: "ann", Password: goodPassword, Client: home})
	if err != nil {
		f.t.Fatal(err)
	}
	return t
}

func (f *fixture) reissue(refresh, access, key string) (api.Tokens, error) {
	return f.Reissue(f.t.Context(), api.ReissueRequest{
		RefreshToken: refresh, AccessToken: access, IdempotencyKey: key, Address: home.Address, Agent: home.Agent,
	})
}

func (f *fixture) mustReissue(refresh, access, key string) api.Tokens {
	f.t.Helper()
	t, err := f.reissue(refresh, access, key)
	if err != nil {
		f.t.Fatal(err)
	}
	return t
}

func (f *fixture) claims(access string) *token.Access {
	f.t.Helper()
	a, err := f.guard.Check(access)
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

// wantError compares by code, and by reason where want names one.
func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if want == nil && got != nil || want != nil && !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestLogin(t *testing.T) {
	f := newFixture(t)
	f.addUser("bob", pawl.User{Disabled: true})

	t.Run("issues both tokens at once", func(t *testing.T) {
		got := f.login()
		a := f.claims(got.AccessToken)
		if a.Subject != "id-ann" || a.SessionID != got.SessionID || a.ClientID != "pawl" || a.Extra["plan"] != "gold" || len(a.Roles) != 1 {
			t.Errorf("claims %+v", a)
		}
		if !a.AuthTime.Equal(f.clock()) || a.Expires.Sub(a.Issued) != 30*time.Minute || !got.SetCookie || got.RefreshToken == "" {
			t.Errorf("tokens %+v of claims %+v", got.SessionID, a)
		}
		if !got.Ends.Equal(f.clock().Add(90 * 24 * time.Hour)) {
			t.Errorf("ends %v", got.Ends)
		}
	})
	t.Run("SECURITY 46: a new session at every login", func(t *testing.T) {
		if one, two := f.login(), f.login(); one.SessionID == two.SessionID || one.RefreshToken == two.RefreshToken {
			t.Error("two logins share a session")
		}
	})
	t.Run("the session that the browser had before is ended", func(t *testing.T) {
		old := f.login()
		_, err := f.Login(t.Context(), pawl.SignIn{Login: "ann", Password: goodPassword, Replaces: old.RefreshToken})
		wantError(t, "login", err, nil)
		_, err = f.reissue(old.RefreshToken, "", "")
		wantError(t, "the old session", err, api.LoginRequired(api.ReasonSignedOut))
	})
	for _, c := range []struct {
		name, login, password string
		want                  error
	}{
		{"login in another case and with space around it", " ANN ", goodPassword, nil},
		{"SECURITY 41: unknown user", "nobody", goodPassword, api.ErrInvalidCredentials},
		{"wrong password", "ann", "seven purple heron", api.ErrInvalidCredentials},
		{"SECURITY 38: verified exactly as received", "ann", " " + goodPassword, api.ErrInvalidCredentials},
		{"empty password", "ann", "", api.ErrInvalidCredentials},
		{"no user ID", " ", goodPassword, api.ErrInvalidRequest},
		{"a user ID with a control character", "an\x00n", goodPassword, api.ErrInvalidRequest},
		{"a user ID that is no UTF-8", "an\xffn", goodPassword, api.ErrInvalidRequest},
		{"disabled, password right", "bob", goodPassword, api.LoginRequired(api.ReasonDisabled)},
		{"disabled, password wrong: not told", "bob", "seven purple heron", api.ErrInvalidCredentials},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := f.Login(t.Context(), pawl.SignIn{Login: c.login, Password: c.password})
			wantError(t, "login", err, c.want)
		})
	}
}

// The articles' four cases: access token and refresh token, each valid or expired.
func TestFourCases(t *testing.T) {
	const accessTTL, refreshTTL = 10 * time.Minute, time.Hour
	short := func(c *pawl.Config) { c.Policy.AccessTTL, c.Policy.RefreshTTL = accessTTL, refreshTTL }
	long := func(c *pawl.Config) { c.Policy.AccessTTL, c.Policy.RefreshTTL = 2*time.Hour, refreshTTL }

	t.Run("case 1, both expired: sign in again", func(t *testing.T) {
		f := newFixture(t, short)
		tok := f.login()
		f.advance(refreshTTL)
		_, err := f.guard.Check(tok.AccessToken)
		wantError(t, "access", err, api.ErrTokenExpired)
		_, err = f.reissue(tok.RefreshToken, tok.AccessToken, "")
		wantError(t, "reissue", err, api.LoginRequired(api.ReasonExpired))
	})
	t.Run("case 2, access expired: reissued, and the refresh token rotates", func(t *testing.T) {
		f := newFixture(t, short)
		tok := f.login()
		f.advance(accessTTL)
		next := f.mustReissue(tok.RefreshToken, tok.AccessToken, "")
		if next.RefreshToken == tok.RefreshToken || next.SessionID != tok.SessionID {
			t.Error("the refresh token did not rotate within its session")
		}
		f.claims(next.AccessToken)
	})
	t.Run("case 3, refresh expired by idleness: the access token proves who it is", func(t *testing.T) {
		f := newFixture(t, long)
		tok := f.login()
		f.advance(refreshTTL)
		_, err := f.reissue(tok.RefreshToken, "", "")
		wantError(t, "alone", err, api.LoginRequired(api.ReasonExpired))
		_, err = f.reissue(tok.RefreshToken, f.login().AccessToken, "")
		wantError(t, "with another session's access token", err, api.LoginRequired(api.ReasonExpired))
		next := f.mustReissue(tok.RefreshToken, tok.AccessToken, "")
		if next.RefreshToken == tok.RefreshToken {
			t.Error("the refresh token did not rotate")
		}
	})
	t.Run("case 3 ends with the session: no reissue past the absolute end", func(t *testing.T) {
		f := newFixture(t, long, func(c *pawl.Config) { c.Policy.SessionTTL = 90 * time.Minute })
		tok := f.login()
		if a := f.claims(tok.AccessToken); a.Expires.After(tok.Ends) {
			t.Errorf("the access token lives past the session's end: %v, %v", a.Expires, tok.Ends)
		}
		f.advance(90 * time.Minute)
		_, err := f.reissue(tok.RefreshToken, tok.AccessToken, "")
		wantError(t, "reissue", err, api.LoginRequired(api.ReasonExpired))
	})
	t.Run("case 4, both valid: carry on, nothing rotates", func(t *testing.T) {
		f := newFixture(t, short)
		tok := f.login()
		f.claims(tok.AccessToken)
		if next := f.mustReissue(tok.RefreshToken, tok.AccessToken, ""); next.RefreshToken != tok.RefreshToken || next.SetCookie {
			t.Error("a young refresh token rotated")
		}
	})
}

func TestReissueByRow(t *testing.T) {
	t.Run("row 0: garbage does not reach the store", func(t *testing.T) {
		down := &downStore{}
		f := newFixture(t, func(c *pawl.Config) { down.SessionStore = c.Sessions; c.Sessions = down })
		tok := f.login()
		down.set(true)
		for name, bad := range map[string]string{"none": "", "garbage": "a.b.c", "an access token": tok.AccessToken, "a flipped bit": flip(tok.RefreshToken)} {
			_, err := f.reissue(bad, "", "")
			wantError(t, name, err, api.ErrInvalidToken)
		}
	})
	t.Run("row 4: the same refresh token, no cookie; row 5: a new pair; row 6: byte for byte the pair again", func(t *testing.T) {
		f := newFixture(t)
		first := f.login()
		if again := f.mustReissue(first.RefreshToken, "", ""); again.SetCookie || again.RefreshToken != first.RefreshToken {
			t.Error("row 4")
		}
		f.advance(time.Hour)
		second := f.mustReissue(first.RefreshToken, "", someKey)
		if !second.SetCookie || second.RefreshToken == first.RefreshToken {
			t.Error("row 5")
		}
		f.advance(59 * time.Second)
		if resent := f.mustReissue(first.RefreshToken, "", ""); !resent.SetCookie || resent.RefreshToken != second.RefreshToken {
			t.Error("row 6, in the window")
		}
		f.advance(30 * time.Hour)
		if resent := f.mustReissue(first.RefreshToken, "", someKey); resent.RefreshToken != second.RefreshToken {
			t.Error("row 6, with the key")
		}
		if resent := f.mustReissue(first.RefreshToken, "", ""); resent.RefreshToken != second.RefreshToken {
			t.Error("row 6, in the re-opened window")
		}
		if n := len(f.happened(pawl.EventResentElsewhere)); n != 0 {
			t.Errorf("%d alarms about another address", n)
		}
		_, err := f.Reissue(t.Context(), api.ReissueRequest{RefreshToken: first.RefreshToken, Address: elsewhere.Address, Agent: elsewhere.Agent})
		wantError(t, "row 6 from elsewhere", err, nil)
		if n := len(f.happened(pawl.EventResentElsewhere)); n != 1 {
			t.Errorf("a re-send to another address raised %d events, want 1", n)
		}
	})
	t.Run("row 7: reuse ends the session, its access tokens too, and raises the alarm", func(t *testing.T) {
		f := newFixture(t)
		first := f.login()
		f.advance(time.Hour)
		second := f.mustReissue(first.RefreshToken, "", someKey)
		f.advance(2 * time.Minute)
		_, err := f.reissue(first.RefreshToken, "", otherKey)
		wantError(t, "the thief", err, api.LoginRequired(api.ReasonReused))
		_, err = f.reissue(second.RefreshToken, "", "")
		wantError(t, "the owner", err, api.LoginRequired(api.ReasonReused))
		_, err = f.guard.Check(second.AccessToken)
		wantError(t, "the access token", err, api.LoginRequired(api.ReasonReused))
		if alarms := f.happened(pawl.EventReused); len(alarms) != 1 || alarms[0].Session != first.SessionID || alarms[0].Row != 7 {
			t.Errorf("alarms %+v", alarms)
		}
	})
	t.Run("row 8: a failing store is 503 with Retry-After, never 401", func(t *testing.T) {
		down := &downStore{}
		f := newFixture(t, func(c *pawl.Config) { down.SessionStore = c.Sessions; c.Sessions = down })
		tok := f.login()
		f.advance(time.Hour)
		down.set(true)
		_, err := f.reissue(tok.RefreshToken, "", someKey)
		wantError(t, "down", err, api.ErrUnavailable)
		if e := api.AsError(err); e.Status != 503 || e.RetryAfter <= 0 {
			t.Errorf("status %d, Retry-After %v", e.Status, e.RetryAfter)
		}
		down.set(false)
		f.mustReissue(tok.RefreshToken, "", someKey)
	})
	t.Run("Idempotency-Key: 22 to 255 visible ASCII", func(t *testing.T) {
		f := newFixture(t)
		tok := f.login()
		for _, bad := range []string{"tooshort", "0123456789 abcdefghijklmnop", "0123456789\x7fabcdefghijklmnop", string(make([]byte, 300))} {
			_, err := f.reissue(tok.RefreshToken, "", bad)
			wantError(t, "key", err, api.ErrInvalidRequest)
		}
	})
	t.Run("SECURITY 49: auth_time survives reissue", func(t *testing.T) {
		f := newFixture(t)
		tok := f.login()
		at := f.claims(tok.AccessToken).AuthTime
		f.advance(time.Hour)
		if a := f.claims(f.mustReissue(tok.RefreshToken, "", "").AccessToken); !a.AuthTime.Equal(at) {
			t.Errorf("auth_time %v became %v", at, a.AuthTime)
		}
	})
	t.Run("SECURITY 25: a disabled user cannot reissue, and their sessions end", func(t *testing.T) {
		table := &oneUser{User: pawl.User{ID: "id-ann", Login: "ann", PasswordHash: goodHash()}}
		f := newFixture(t, func(c *pawl.Config) { c.Users = table })
		one, two := f.login(), f.login()
		f.advance(time.Hour)
		one, two = f.mustReissue(one.RefreshToken, "", ""), f.mustReissue(two.RefreshToken, "", "")
		table.disable()
		f.advance(pawl.DefaultUserCache)
		_, err := f.reissue(one.RefreshToken, "", "")
		wantError(t, "reissue", err, api.LoginRequired(api.ReasonDisabled))
		_, err = f.guard.Check(two.AccessToken)
		wantError(t, "another session's access token", err, api.LoginRequired(api.ReasonDisabled))
	})
}

func flip(compact string) string {
	b := []byte(compact)
	i := len(b) - 10
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

// downStore fails every call while it is down.
type downStore struct {
	pawl.SessionStore
	mu   sync.Mutex
	down bool
}

func (d *downStore) set(down bool) { d.mu.Lock(); d.down = down; d.mu.Unlock() }

func (d *downStore) fails() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return errStoreDown
	}
	return nil
}

func (d *downStore) Mark(ctx context.Context, user string) (pawl.Mark, error) {
	if err := d.fails(); err != nil {
		return pawl.Mark{}, err
	}
	return d.SessionStore.Mark(ctx, user)
}

func (d *downStore) Get(ctx context.Context, k pawl.SessionKey) (pawl.Session, pawl.Mark, error) {
	if err := d.fails(); err != nil {
		return pawl.Session{}, pawl.Mark{}, err
	}
	return d.SessionStore.Get(ctx, k)
}

func (d *downStore) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	if err := d.fails(); err != nil {
		return false, err
	}
	return d.SessionStore.End(ctx, k, reason, at)
}

func (d *downStore) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	if err := d.fails(); err != nil {
		return pawl.Mark{}, 0, err
	}
	return d.SessionStore.EndUser(ctx, user, keep, reason, at)
}

// oneUser is a user table of somebody else's: two methods.
type oneUser struct {
	pawl.User
	mu sync.Mutex
}

func (u *oneUser) ByID(_ context.Context, id string) (pawl.User, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if id != u.ID {
		return pawl.User{}, pawl.ErrNotFound
	}
	return u.User, nil
}

func (u *oneUser) ByLogin(ctx context.Context, login string) (pawl.User, error) {
	if login != u.Login {
		return pawl.User{}, pawl.ErrNotFound
	}
	return u.ByID(ctx, u.ID)
}

func (u *oneUser) disable() { u.mu.Lock(); u.Disabled = true; u.mu.Unlock() }

func TestFoldLogin(t *testing.T) {
	for in, want := range map[string]string{"  Ann ": "ann", "ANN@Example.COM": "ann@example.com", "H\u0331": "\u1e96", "\u00c9va": "\u00e9va", "E\u0301va": "\u00e9va"} {
		got, err := pawl.FoldLogin(in)
		if err != nil || got != want {
			t.Errorf("%q folds to %q, %v; want %q", in, got, err, want)
		}
		if again, _ := pawl.FoldLogin(got); again != got {
			t.Errorf("%q folds on to %q", got, again)
		}
	}
}

// SECURITY 56: people type passwords into the wrong field.
func TestFailedSignInsDoNotTellWhatAStrangerTyped(t *testing.T) {
	f := newFixture(t)
	for _, login := range []string{goodPassword, "ann"} {
		_, _ = f.Login(t.Context(), pawl.SignIn{Login: login, Password: "not that"})
	}
	failed := f.happened(pawl.EventSignInFailed)
	if len(failed) != 2 || failed[0].Login != "" || failed[1].Login != "ann" || failed[1].Reason != api.CodeInvalidCredentials {
		t.Errorf("%+v", failed)
	}
}
