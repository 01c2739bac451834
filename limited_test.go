package pawl_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// SECURITY 60: a limited actor stays away from administrators, whatever it calls.
func TestLimitedActors(t *testing.T) {
	f := newFixture(t)
	f.addUser("boss", pawl.User{Roles: []string{pawl.RoleAdmin}})
	tokens, err := f.Start(t.Context(), "id-boss", home)
	if err != nil {
		t.Fatal(err)
	}
	ctx := pawl.WithActor(t.Context(), backEnd)
	admin := []string{"x", pawl.RoleAdmin}
	from := f.count()
	for name, call := range map[string]func() error{
		"make one":    func() error { _, err := f.CreateUser(ctx, pawl.NewUser{Login: "new", Roles: admin}); return err },
		"promote":     func() error { _, err := f.UpdateUser(ctx, "id-ann", pawl.UserChange{Roles: &admin}); return err },
		"rename":      func() error { _, err := f.UpdateUser(ctx, "id-boss", pawl.UserChange{Login: ptr("eve")}); return err },
		"demote":      func() error { _, err := f.UpdateUser(ctx, "id-boss", pawl.UserChange{Roles: &[]string{}}); return err },
		"delete":      func() error { return f.DeleteUser(ctx, "id-boss") },
		"reset":       func() error { _, err := f.OfferReset(ctx, "id-boss"); return err },
		"end all":     func() error { _, err := f.EndUser(ctx, "id-boss", api.ReasonEndedByAdmin); return err },
		"end one":     func() error { return f.EndSessionOf(ctx, pawl.SessionKey{User: "id-boss", ID: tokens.SessionID}, home) },
		"start":       func() error { _, err := f.Start(ctx, "id-boss", home); return err },
		"start for":   func() error { _, err := f.StartFor(ctx, pawl.Newcomer{UserID: "id-boss"}); return err },
		"start as":    func() error { _, err := f.StartFor(ctx, pawl.Newcomer{UserID: "id-ann", Roles: &admin}); return err },
		"start a new": func() error { _, err := f.StartFor(ctx, pawl.Newcomer{UserID: "id-new", Roles: &admin}); return err },
	} {
		wantError(t, name, call(), api.ErrAccessDenied)
	}
	if got := f.kinds(from); len(got) > 0 {
		t.Errorf("it happened: %v", got)
	}
	f.claims(tokens.AccessToken) // still good
}

// promotes makes the user an administrator between two reads of a sign-in.
type promotes struct {
	pawl.UserStore
	when int // which read
	then func()
	mu   sync.Mutex
}

func (p *promotes) ByID(ctx context.Context, id string) (pawl.User, error) {
	u, err := p.UserStore.ByID(ctx, id)
	p.mu.Lock()
	p.when--
	now := p.when == 0
	p.mu.Unlock()
	if now {
		p.then()
	}
	return u, err
}

// Whenever a promotion happens while a registered client starts a session, the
// client holds no session of an administrator.
func TestASessionThatRacesAPromotionIsNone(t *testing.T) {
	for when := 1; when <= 5; when++ {
		p := &promotes{}
		f := newFixture(t, func(c *pawl.Config) { p.UserStore = c.Users.(pawl.UserStore); c.Users = p })
		admin := []string{pawl.RoleAdmin}
		p.then = func() {
			if _, err := f.UpdateUser(t.Context(), "id-ann", pawl.UserChange{Roles: &admin}); err != nil {
				t.Error(err)
			}
		}
		p.when = when
		tokens, err := f.StartFor(pawl.WithActor(t.Context(), backEnd), pawl.Newcomer{UserID: "id-ann"})
		if err != nil {
			continue
		}
		if p.when > 0 {
			if when == 1 {
				t.Error("it never raced")
			}
			continue // the session came first: nothing was promoted yet
		}
		if _, err := f.guard.Check(tokens.AccessToken); err == nil {
			t.Errorf("read %d: a registered client holds %v", when, f.claims(tokens.AccessToken).Roles)
		}
		if _, err := f.reissue(tokens.RefreshToken, "", ""); err == nil {
			t.Errorf("read %d: it can be reissued", when)
		}
	}
}

// offers calls then in the middle of an offer, before the code is kept.
type offers struct {
	pawl.UserStore
	then func()
}

func (o *offers) OfferReset(ctx context.Context, id string, code [32]byte, expires time.Time) error {
	if then := o.then; then != nil {
		o.then = nil
		then()
	}
	return o.UserStore.OfferReset(ctx, id, code, expires)
}

// Nor does it hold a code that sets an administrator's password.
func TestACodeThatRacesAPromotionIsNone(t *testing.T) {
	o := &offers{}
	f := newFixture(t, func(c *pawl.Config) { o.UserStore = c.Users.(pawl.UserStore); c.Users = o })
	o.then = func() {
		if _, err := f.UpdateUser(t.Context(), "id-ann", pawl.UserChange{Roles: &[]string{pawl.RoleAdmin}}); err != nil {
			t.Error(err)
		}
	}
	got, err := f.OfferReset(pawl.WithActor(t.Context(), backEnd), "id-ann")
	wantError(t, "offer", err, api.ErrAccessDenied)
	if got.Code != "" {
		t.Error("it has the code")
	}
}
