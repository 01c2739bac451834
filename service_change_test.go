package pawl_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/store/memory"
)

// SECURITY 26: what was ended stays ended for tokens that were made when
// lifetimes were longer, whatever the configuration was changed to since.
func TestEndsOutliveALongerAccessLifetimeOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, master := memory.New(), pawl.NewMasterKey()
		if err := store.CreateUser(t.Context(), pawl.User{ID: "id-ann", Login: "ann"}); err != nil {
			t.Fatal(err)
		}
		start := func(accessTTL time.Duration) (*pawl.Service, *guard.Guard) {
			svc, err := pawl.New(t.Context(), pawl.Config{
				Issuer: "https://id.example", Audience: []string{"https://api.example"},
				Sessions: store, Users: store, Keys: store, MasterKey: master, Hasher: hasher,
				Policy: pawl.Policy{AccessTTL: accessTTL},
			})
			if err != nil {
				t.Fatal(err)
			}
			g, err := guard.New(svc, guard.Options{Issuer: svc.Issuer(), Audience: svc.Audience()})
			if err != nil {
				t.Fatal(err)
			}
			return svc, g
		}

		svc, _ := start(2 * time.Hour)
		ended, err := svc.Start(t.Context(), "id-ann", home)
		if err != nil {
			t.Fatal(err)
		}
		live, err := svc.Start(t.Context(), "id-ann", home)
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, "logout", svc.Logout(t.Context(), api.ReissueRequest{RefreshToken: ended.RefreshToken}), nil)
		svc.Close()

		for _, ttl := range []time.Duration{5 * time.Minute, 2 * time.Hour} { // shorter, and back
			svc, g := start(ttl)
			time.Sleep(20 * time.Minute)
			_, err = g.Check(ended.AccessToken)
			wantError(t, "the ended session's token", err, api.LoginRequired(api.ReasonSignedOut))
			_, err = g.Check(live.AccessToken)
			wantError(t, "the other's: its key is kept", err, nil)
			svc.Close()
		}
	})
}

// closedPage is stores behind a page that is closed as soon as the service
// writes: the request's context ends, and with it every call that heeds it.
type closedPage struct {
	*memory.Store
	close context.CancelFunc
}

func (c closedPage) SetPasswordHash(ctx context.Context, id, old, new string) error {
	c.close()
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.Store.SetPasswordHash(ctx, id, old, new)
}

func (c closedPage) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	c.close()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return c.Store.End(ctx, k, reason, at)
}

func (c closedPage) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	c.close()
	if err := ctx.Err(); err != nil {
		return pawl.Mark{}, 0, err
	}
	return c.Store.EndUser(ctx, user, keep, reason, at)
}

// Whoever signs out, changes their password or replays a stolen token and hangs
// up in the same instant does not thereby stop what follows from it.
func TestAPageThatIsClosedStopsNoEnd(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(context.Context, *fixture, api.Tokens) api.Tokens // gives the session's newest
		reason string
	}{
		{"sign-out", func(ctx context.Context, f *fixture, here api.Tokens) api.Tokens {
			_ = f.Logout(ctx, api.ReissueRequest{RefreshToken: here.RefreshToken})
			return here
		}, api.ReasonSignedOut},
		{"a used token comes back", func(ctx context.Context, f *fixture, here api.Tokens) api.Tokens {
			f.advance(2 * time.Minute)
			next := f.mustReissue(here.RefreshToken, "", "")
			f.advance(2 * time.Minute)
			_, _ = f.Reissue(ctx, api.ReissueRequest{RefreshToken: here.RefreshToken})
			return next
		}, api.ReasonReused},
		{"a change of password from another session", func(ctx context.Context, f *fixture, here api.Tokens) api.Tokens {
			_, _ = f.ChangePassword(ctx, f.claims(f.login().AccessToken), goodPassword, "eleven quiet lanterns")
			return here
		}, api.ReasonPasswordChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			f := newFixture(t, func(cfg *pawl.Config) {
				page := closedPage{cfg.Sessions.(*memory.Store), cancel}
				cfg.Sessions, cfg.Users = page, page
			})
			newest := c.do(ctx, f, f.login())
			if ctx.Err() == nil {
				t.Fatal("nothing was written")
			}
			_, err := f.reissue(newest.RefreshToken, "", "")
			wantError(t, "the session", err, api.LoginRequired(c.reason))
		})
	}
}

// failingKeys is a key store that can be cut off.
type failingKeys struct {
	pawl.KeyStore
	down  atomic.Bool
	tries atomic.Int64
}

func (k *failingKeys) Keys(ctx context.Context) ([]pawl.KeyRecord, error) {
	k.tries.Add(1)
	if k.down.Load() {
		return nil, errStoreDown
	}
	return k.KeyStore.Keys(ctx)
}

// SECURITY 17, 62: a key that is not known here may be another node's newest.
// As long as the keys cannot be read, the token is not called invalid, however
// many ask.
func TestAnUnknownKeyIsInvalidOnlyOnceTheKeysWereRead(t *testing.T) {
	keys := &failingKeys{}
	f := newFixture(t, func(c *pawl.Config) {
		keys.KeyStore, c.Keys = c.Keys, keys
		c.KeyPolicy.Reload = time.Minute // in the background
	})
	foreign := newFixture(t).login().RefreshToken // another house's
	ask := func() error { _, err := f.reissue(foreign, "", ""); return err }

	keys.down.Store(true)
	before := keys.tries.Load()
	for range 20 {
		wantError(t, "the key store is down", ask(), api.ErrUnavailable)
		wantError(t, "sign-out", f.Logout(t.Context(), api.ReissueRequest{RefreshToken: foreign, AccessToken: f.login().AccessToken}), api.ErrUnavailable)
	}
	if n := keys.tries.Load() - before; n > 2 { // ours and perhaps the background's
		t.Errorf("the keys were read %d times within a second", n)
	}
	keys.down.Store(false)
	f.advance(time.Second)
	wantError(t, "the keys were read", ask(), api.ErrInvalidToken)
}

// countedReads counts what is read of users and marks.
type countedReads struct {
	*memory.Store
	n *atomic.Int64
}

func (c countedReads) ByID(ctx context.Context, id string) (pawl.User, error) {
	c.n.Add(1)
	return c.Store.ByID(ctx, id)
}

func (c countedReads) Mark(ctx context.Context, user string) (pawl.Mark, error) {
	c.n.Add(1)
	return c.Store.Mark(ctx, user)
}

// SECURITY 41: the same reads, too: a user table across a network would tell by
// its time who exists.
func TestAnUnknownUserCostsTheSameReads(t *testing.T) {
	var n atomic.Int64
	f := newFixture(t, func(c *pawl.Config) {
		counted := countedReads{c.Sessions.(*memory.Store), &n}
		c.Sessions, c.Users = counted, counted
	})
	reads := func(login string) int64 {
		n.Store(0)
		_, err := f.Login(t.Context(), pawl.SignIn{Login: login, Password: "seven purple heron"})
		wantError(t, login, err, api.ErrInvalidCredentials)
		return n.Load()
	}
	if known, unknown := reads("ann"), reads("nobody"); known != unknown || known == 0 {
		t.Errorf("%d reads for a known user, %d for an unknown one", known, unknown)
	}
}

// endsMeanwhile ends everything of a user, or everybody's, once, while a sign-in
// reads what it will check the password against.
type endsMeanwhile struct {
	*memory.Store
	end func()
}

func (e *endsMeanwhile) ByID(ctx context.Context, id string) (pawl.User, error) {
	u, err := e.Store.ByID(ctx, id)
	if end := e.end; end != nil {
		e.end = nil
		end()
	}
	return u, err
}

// A sign-in that races a ban or a change of password loses: it was checked
// against what was true before.
func TestASignInThatRacesAnEndLoses(t *testing.T) {
	users := &endsMeanwhile{}
	f := newFixture(t, func(c *pawl.Config) { users.Store = c.Users.(*memory.Store); c.Users = users })
	for name, signIn := range map[string]func() error{
		"by password": func() error {
			_, err := f.Login(t.Context(), pawl.SignIn{Login: "ann", Password: goodPassword})
			return err
		},
		"by other means": func() error { _, err := f.Start(t.Context(), "id-ann", home); return err },
	} {
		users.end = func() { _, _ = f.EndUser(t.Context(), "id-ann", api.ReasonDisabled) }
		wantError(t, name+", while the user is ended", signIn(), api.LoginRequired(api.ReasonDisabled))
		users.end = func() { _ = f.EndAll(t.Context(), api.ReasonEndedByAdmin) }
		wantError(t, name+", while everybody is ended", signIn(), api.ErrLoginRequired)
		wantError(t, name+", afterwards", signIn(), nil)
	}
}

// A service that cannot see what others end is not ready to serve.
func TestNotReadyWhileTheLogCannotBeRead(t *testing.T) {
	blind := &blindStore{}
	f := newFixture(t, func(c *pawl.Config) { blind.SessionStore = c.Sessions; c.Sessions = blind })
	wantError(t, "at first", f.Ready(t.Context()), nil)
	for _, down := range []bool{true, false} {
		blind.down.Store(down)
		var want error
		if down {
			want = api.ErrUnavailable
		}
		wantError(t, "then", f.Ready(t.Context()), want)
	}
}

// blindStore fails to give the revocation log while it is down.
type blindStore struct {
	pawl.SessionStore
	down atomic.Bool
}

func (b *blindStore) Revocations(ctx context.Context, after string, limit int) (pawl.RevocationPage, error) {
	if b.down.Load() {
		return pawl.RevocationPage{}, errStoreDown
	}
	return b.SessionStore.Revocations(ctx, after, limit)
}
