package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func ptr[T any](v T) *T { return &v }

// kinds gives what has happened since the fixture had so many events.
func (f *fixture) kinds(from int) (kinds []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events[from:] {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func (f *fixture) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.events)
}

var (
	root    = pawl.Actor{By: "user:root", Why: "ticket 7"}
	backEnd = pawl.Actor{By: "client:shop", Limited: true}
)

func TestUpdateUser(t *testing.T) {
	f := newFixture(t)
	f.addUser("bob", pawl.User{})
	ctx := pawl.WithActor(t.Context(), root)
	for _, c := range []struct {
		name   string
		change pawl.UserChange
		kinds  []string
		err    error
	}{
		{"nothing", pawl.UserChange{}, nil, nil},
		{"the same", pawl.UserChange{Roles: &[]string{"editor"}}, nil, nil},
		{"a login, folded", pawl.UserChange{Login: ptr("  Anna ")}, []string{pawl.EventUserUpdated}, nil},
		{"a login that is taken", pawl.UserChange{Login: ptr("BOB"), Roles: &[]string{"x"}}, nil, api.ErrConflict},
		{"no login", pawl.UserChange{Login: ptr(" ")}, nil, api.ErrInvalidRequest},
		{"a registered claim", pawl.UserChange{Claims: &map[string]any{"sid": "x"}}, nil, api.ErrInvalidRequest},
		{"an empty role", pawl.UserChange{Roles: &[]string{""}}, nil, api.ErrInvalidRequest},
		{"claims", pawl.UserChange{Claims: &map[string]any{"plan": "gold", "seats": 3.0}}, []string{pawl.EventUserUpdated}, nil},
		{"disabled, and roles", pawl.UserChange{Disabled: ptr(true), Roles: &[]string{"y"}}, []string{pawl.EventUserDisabled, pawl.EventUserUpdated, pawl.EventUserEnded}, nil},
		{"disabled again, for what a failure left", pawl.UserChange{Disabled: ptr(true)}, []string{pawl.EventUserEnded}, nil},
		{"enabled", pawl.UserChange{Disabled: ptr(false)}, []string{pawl.EventUserEnabled}, nil},
		{"an administrator", pawl.UserChange{Roles: &[]string{"y", pawl.RoleAdmin}}, []string{pawl.EventUserUpdated, pawl.EventUserEnded}, nil},
		{"an administrator still", pawl.UserChange{Roles: &[]string{pawl.RoleAdmin}}, []string{pawl.EventUserUpdated}, nil},
	} {
		from := f.count()
		before, _ := f.User(ctx, "id-ann")
		u, err := f.UpdateUser(ctx, "id-ann", c.change)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := f.kinds(from); !slices.Equal(got, c.kinds) {
			t.Errorf("%s: %v, want %v", c.name, got, c.kinds)
		}
		now, err := f.User(ctx, "id-ann")
		if err != nil {
			t.Fatal(err)
		}
		if want := before; c.err != nil && fmt.Sprint(now) != fmt.Sprint(want) {
			t.Errorf("%s: refused, but now %+v", c.name, now)
		}
		if c.err == nil && fmt.Sprint(u) != fmt.Sprint(now) {
			t.Errorf("%s: gave %+v, is %+v", c.name, u, now)
		}
	}
	for _, e := range f.happened(pawl.EventUserUpdated) {
		if e.By != root.By || e.Why != root.Why || e.User != "id-ann" {
			t.Errorf("%+v", e)
		}
	}
	_, err := f.UpdateUser(ctx, "nobody", pawl.UserChange{Disabled: ptr(true)})
	wantError(t, "nobody", err, api.ErrNotFound)
	wantError(t, "deleting nobody", f.DeleteUser(ctx, "nobody"), api.ErrNotFound)
}

// SECURITY 25: what a disabled or deleted person holds is dead at once, and they
// find out why.
func TestDisabledAndDeletedAreOut(t *testing.T) {
	for name, out := range map[string]func(*fixture) error{
		"disabled": func(f *fixture) error {
			_, err := f.UpdateUser(f.t.Context(), "id-ann", pawl.UserChange{Disabled: ptr(true)})
			return err
		},
		"deleted": func(f *fixture) error { return f.DeleteUser(f.t.Context(), "id-ann") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			held := f.login()
			if err := out(f); err != nil {
				t.Fatal(err)
			}
			_, err := f.guard.Check(held.AccessToken)
			wantError(t, "access token", err, api.LoginRequired(api.ReasonDisabled))
			_, err = f.reissue(held.RefreshToken, "", "")
			wantError(t, "reissue", err, api.LoginRequired(api.ReasonDisabled))
			_, err = f.Start(t.Context(), "id-ann", home)
			if err == nil {
				t.Error("a session was started")
			}
		})
	}
}

// refusesOnce fails one method once, before or after it has done its work.
type refusesOnce struct {
	pawl.UserStore
	pawl.SessionStore
	method string
	after  bool
}

func (r *refusesOnce) fails(method string) bool {
	if r.method != method {
		return false
	}
	r.method = ""
	return true
}

func (r *refusesOnce) UpdateUser(ctx context.Context, id string, c pawl.UserChange) (before, after pawl.User, err error) {
	if fails := r.fails("UpdateUser"); fails && !r.after {
		return before, after, errStoreDown
	} else if before, after, err = r.UserStore.UpdateUser(ctx, id, c); fails {
		err = errStoreDown
	}
	return before, after, err
}

func (r *refusesOnce) DeleteUser(ctx context.Context, id string) error {
	if r.fails("DeleteUser") {
		return errStoreDown
	}
	return r.UserStore.DeleteUser(ctx, id)
}

func (r *refusesOnce) ResetPassword(ctx context.Context, code [32]byte, now time.Time, hash string) error {
	fails := r.fails("ResetPassword")
	if fails && !r.after {
		return errStoreDown
	}
	if err := r.UserStore.ResetPassword(ctx, code, now, hash); err != nil || !fails {
		return err
	}
	return errStoreDown
}

func (r *refusesOnce) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	if r.fails("EndUser") {
		return pawl.Mark{}, 0, errStoreDown
	}
	return r.SessionStore.EndUser(ctx, user, keep, reason, at)
}

// Asking again after a failure completes what was asked for.
func TestAskingAgainCompletesAChange(t *testing.T) {
	for _, c := range []struct {
		act    string
		method string
		after  bool
	}{
		{"disable", "UpdateUser", false},
		{"disable", "UpdateUser", true},
		{"disable", "EndUser", false},
		{"promote", "UpdateUser", false},
		{"promote", "UpdateUser", true},
		{"promote", "EndUser", false},
		{"delete", "UpdateUser", true},
		{"delete", "EndUser", false},
		{"delete", "DeleteUser", false},
		{"reset", "ResetPassword", false},
		{"reset", "ResetPassword", true},
		{"reset", "EndUser", false},
	} {
		t.Run(fmt.Sprint(c.act, " ", c.method, " ", c.after), func(t *testing.T) {
			var r *refusesOnce
			f := newFixture(t, func(cfg *pawl.Config) {
				r = &refusesOnce{UserStore: cfg.Users.(pawl.UserStore), SessionStore: cfg.Sessions}
				cfg.Users, cfg.Sessions = r, r
			})
			held := f.login()
			offer, err := f.OfferReset(t.Context(), "id-ann")
			if err != nil {
				t.Fatal(err)
			}
			act := func() error {
				switch c.act {
				case "disable":
					_, err := f.UpdateUser(t.Context(), "id-ann", pawl.UserChange{Disabled: ptr(true)})
					return err
				case "promote":
					_, err := f.UpdateUser(t.Context(), "id-ann", toAdmin)
					return err
				case "delete":
					return f.DeleteUser(t.Context(), "id-ann")
				}
				return f.ResetPassword(t.Context(), offer.Code, "another fine password")
			}
			r.method, r.after = c.method, c.after
			wantError(t, "the first time", act(), api.ErrUnavailable)
			if err := act(); err != nil {
				t.Errorf("the second time: %v", err)
			}
			if _, err := f.guard.Check(held.AccessToken); err == nil {
				t.Error("the access token is good")
			}
			if _, err := f.reissue(held.RefreshToken, "", ""); err == nil {
				t.Error("the refresh token is good")
			}
			if _, err := f.User(t.Context(), "id-ann"); (err != nil) != (c.act == "delete") {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}
