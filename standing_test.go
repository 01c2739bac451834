package pawl_test

import (
	"context"
	"testing"

	"github.com/pawlauth/pawl"
)

// What another process made of a user, this service has not been told: that
// somebody was disabled or missing a moment ago must not end the session that
// they have begun since.
func TestWhoIsInAgainStaysIn(t *testing.T) {
	for name, c := range map[string]struct{ out, in func(*fixture) error }{
		"enabled": {
			func(f *fixture) error {
				_, _, err := f.store.UpdateUser(f.t.Context(), "id-ann", pawl.UserChange{Disabled: ptr(true)})
				return err
			},
			func(f *fixture) error {
				_, _, err := f.store.UpdateUser(f.t.Context(), "id-ann", pawl.UserChange{Disabled: ptr(false)})
				return err
			},
		},
		"there again": {
			func(f *fixture) error { return f.store.DeleteUser(f.t.Context(), "id-ann") },
			func(f *fixture) error { f.addUser("ann", pawl.User{}); return nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			old := f.login()
			if err := c.out(f); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the first ends what they have, the second only looks
				if _, err := f.reissue(old.RefreshToken, "", ""); err == nil {
					t.Fatal("not out")
				}
			}
			if err := c.in(f); err != nil {
				t.Fatal(err)
			}
			in := f.login()
			f.mustReissue(in.RefreshToken, "", "")
			if _, err := f.guard.Check(in.AccessToken); err != nil {
				t.Error(err)
			}
		})
	}
}

// hangUp is a store whose client goes away while a write is under way: it is
// done, and nobody waits for the answer.
type hangUp struct {
	pawl.UserStore
	pawl.ClientStore
	cancel context.CancelFunc
}

func (h *hangUp) answer(ctx context.Context, err error) error {
	h.cancel()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (h *hangUp) CreateUser(ctx context.Context, u pawl.User) error {
	return h.answer(ctx, h.UserStore.CreateUser(context.WithoutCancel(ctx), u))
}

func (h *hangUp) CreateFirst(ctx context.Context, code [32]byte, u pawl.User) error {
	return h.answer(ctx, h.UserStore.CreateFirst(context.WithoutCancel(ctx), code, u))
}

func (h *hangUp) AddClient(ctx context.Context, c pawl.RegisteredClient) error {
	return h.answer(ctx, h.ClientStore.AddClient(context.WithoutCancel(ctx), c))
}

// SECURITY 55: a client that hangs up leaves nothing done and not audited.
func TestWhatIsDoneForAClientThatHangsUpIsAudited(t *testing.T) {
	for kind, call := range map[string]func(*fixture, context.Context) error{
		pawl.EventUserCreated: func(f *fixture, ctx context.Context) error {
			_, err := f.CreateUser(ctx, pawl.NewUser{Login: "new"})
			return err
		},
		pawl.EventUserCreated + " (first)": func(f *fixture, ctx context.Context) error {
			code, err := f.OfferSetup(ctx)
			if err == nil {
				_, err = f.Setup(ctx, code, "root", newPassword)
			}
			return err
		},
		pawl.EventUserCreated + " (newcomer)": func(f *fixture, ctx context.Context) error {
			_, err := f.StartFor(ctx, pawl.Newcomer{UserID: "shop/7"})
			return err
		},
		pawl.EventClientAdded: func(f *fixture, ctx context.Context) error {
			_, _, err := f.AddClient(ctx, "shop", []string{pawl.ScopeUsers})
			return err
		},
	} {
		t.Run(kind, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			f := newFixture(t, func(c *pawl.Config) {
				h := &hangUp{c.Users.(pawl.UserStore), c.Sessions.(pawl.ClientStore), cancel}
				c.Users, c.Clients = h, h
			})
			_ = call(f, ctx) // nobody reads it
			if n := len(f.happened(pawl.EventUserCreated)) + len(f.happened(pawl.EventClientAdded)); n != 1 {
				t.Errorf("%d events of it, want one", n)
			}
		})
	}
}
