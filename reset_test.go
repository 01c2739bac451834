package pawl_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/memory"
)

const newPassword = "nine orange otters"

// SECURITY 59: a one-time code, for whoever has it alone, and once.
func TestResetCode(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(*fixture, *string) // what happens between the offer and its use
		err    error
	}{
		{"fresh", func(*fixture, *string) {}, nil},
		{"typed in upper case, with space", func(_ *fixture, code *string) { *code = " " + strings.ToUpper(*code) + "\n" }, nil},
		{"just before it expires", func(f *fixture, _ *string) { f.advance(pawl.DefaultResetTTL - time.Millisecond) }, nil},
		{"expired", func(f *fixture, _ *string) { f.advance(pawl.DefaultResetTTL) }, api.ErrAccessDenied},
		{"another", func(_ *fixture, code *string) { *code = strings.Repeat("a", 26) }, api.ErrAccessDenied},
		{"empty", func(_ *fixture, code *string) { *code = "" }, api.ErrAccessDenied},
		{"replaced by a newer one", func(f *fixture, _ *string) {
			if _, err := f.OfferReset(f.t.Context(), "id-ann"); err != nil {
				f.t.Fatal(err)
			}
		}, api.ErrAccessDenied},
		{"voided by a change of password", func(f *fixture, _ *string) {
			if _, err := f.ChangePassword(f.t.Context(), f.claims(f.login().AccessToken), goodPassword, "eight yellow eels"); err != nil {
				f.t.Fatal(err)
			}
		}, api.ErrAccessDenied},
		{"voided by a promotion", func(f *fixture, _ *string) {
			if _, err := f.UpdateUser(f.t.Context(), "id-ann", pawl.UserChange{Roles: &[]string{pawl.RoleAdmin}}); err != nil {
				f.t.Fatal(err)
			}
		}, api.ErrAccessDenied},
		{"of somebody who was deleted", func(f *fixture, _ *string) {
			if err := f.DeleteUser(f.t.Context(), "id-ann"); err != nil {
				f.t.Fatal(err)
			}
		}, api.ErrAccessDenied},
		{"spent", func(f *fixture, code *string) {
			if err := f.ResetPassword(f.t.Context(), *code, "eight yellow eels"); err != nil {
				f.t.Fatal(err)
			}
		}, api.ErrAccessDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			o, err := f.OfferReset(t.Context(), "id-ann")
			if err != nil || len(o.Code) != 26 || !o.Expires.Equal(f.clock().Add(pawl.DefaultResetTTL)) {
				t.Fatalf("%v, a code of %d characters until %v", err, len(o.Code), o.Expires)
			}
			code := o.Code
			c.before(f, &code)
			err = f.ResetPassword(t.Context(), code, newPassword)
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			_, in := f.Login(t.Context(), pawl.SignIn{Login: "ann", Password: newPassword})
			if (in == nil) != (c.err == nil) {
				t.Errorf("signing in with it: %v", in)
			}
			if c.err != nil && len(f.happened(pawl.EventResetRefused)) != 1 {
				t.Error("the refusal is no event")
			}
		})
	}
}

func TestAResetEndsTheSessions(t *testing.T) {
	f := newFixture(t)
	held := f.login()
	o, err := f.OfferReset(pawl.WithActor(t.Context(), root), "id-ann")
	if err != nil {
		t.Fatal(err)
	}
	err = f.ResetPassword(t.Context(), o.Code, "short")
	wantError(t, "a short password", err, api.ErrInvalidRequest)
	if err := f.ResetPassword(t.Context(), o.Code, newPassword); err != nil {
		t.Fatalf("the code after a password that would not do: %v", err)
	}
	_, err = f.guard.Check(held.AccessToken)
	wantError(t, "access token", err, api.LoginRequired(api.ReasonPasswordChanged))
	_, err = f.reissue(held.RefreshToken, "", "")
	wantError(t, "refresh token", err, api.LoginRequired(api.ReasonPasswordChanged))

	// A repeated request, whose answer was lost, is fine; another password is not.
	if err := f.ResetPassword(t.Context(), o.Code, newPassword); err != nil {
		t.Errorf("the same once more: %v", err)
	}
	wantError(t, "another password", f.ResetPassword(t.Context(), o.Code, "eight yellow eels"), api.ErrAccessDenied)
	if e := f.happened(pawl.EventResetOffered); len(e) != 1 || e[0].By != root.By || e[0].Why != root.Why || e[0].User != "id-ann" {
		t.Errorf("%+v", e)
	}
	if s := fmt.Sprintf("%v %+v %#v", o, o, o); strings.Contains(s, o.Code) { // SECURITY 56
		t.Error("a code prints")
	}
	_, err = f.OfferReset(t.Context(), "nobody")
	wantError(t, "for nobody", err, api.ErrNotFound)
}

// Two who have the code: one of them sets the password.
func TestAResetCodeIsGoodOnce(t *testing.T) {
	f := newFixture(t)
	o, err := f.OfferReset(t.Context(), "id-ann")
	if err != nil {
		t.Fatal(err)
	}
	const racers = 6
	var won [racers]bool
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			err := f.ResetPassword(t.Context(), o.Code, fmt.Sprintf("password of racer %d", i))
			won[i] = err == nil
			if err != nil && !errors.Is(err, api.ErrAccessDenied) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	n := 0
	for i, w := range won {
		_, err := f.Login(t.Context(), pawl.SignIn{Login: "ann", Password: fmt.Sprintf("password of racer %d", i)})
		if w != (err == nil) {
			t.Errorf("racer %d: won %v, but signing in gives %v", i, w, err)
		}
		if w {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d won", n)
	}
}

// SECURITY 42: guessing is limited per address, and locks nobody else out.
func TestWrongResetCodesAreLimited(t *testing.T) {
	f := newFixture(t, func(c *pawl.Config) {
		c.Throttle = memory.NewThrottle()
		c.SignInLimits.PerAddress = 3
	})
	o, err := f.OfferReset(t.Context(), "id-ann")
	if err != nil {
		t.Fatal(err)
	}
	guesser := pawl.WithActor(t.Context(), pawl.Actor{Client: elsewhere})
	limited := false
	for range 40 {
		err := f.ResetPassword(guesser, "guess", newPassword)
		limited = limited || errors.Is(err, api.ErrRateLimited)
	}
	if !limited {
		t.Error("40 guesses were let through")
	}
	wantError(t, "the right code from there", f.ResetPassword(guesser, o.Code, newPassword), api.ErrRateLimited)
	honest := pawl.WithActor(t.Context(), pawl.Actor{Client: home})
	for i := range 5 { // what is right is not counted
		if err := f.ResetPassword(honest, o.Code, fmt.Sprint(newPassword, i)); err != nil {
			t.Errorf("from elsewhere: %v", err)
		}
		if o, err = f.OfferReset(t.Context(), "id-ann"); err != nil {
			t.Fatal(err)
		}
	}
}

// SECURITY 42: whoever finds a spent code cannot try passwords with it, from
// however many addresses.
func TestASpentCodeIsNoneToTryPasswordsWith(t *testing.T) {
	f := newFixture(t, func(c *pawl.Config) {
		c.Throttle = memory.NewThrottle()
		c.SignInLimits.PerAccount = 3
	})
	o, err := f.OfferReset(t.Context(), "id-ann")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.ResetPassword(t.Context(), o.Code, newPassword); err != nil {
		t.Fatal(err)
	}
	limited := false
	for i := range 20 {
		from := pawl.Actor{Client: pawl.Client{Address: fmt.Sprintf("2001:db8:%x::1", i)}}
		err := f.ResetPassword(pawl.WithActor(t.Context(), from), o.Code, fmt.Sprint("nine orange guesses ", i))
		limited = limited || errors.Is(err, api.ErrRateLimited)
	}
	if !limited {
		t.Error("20 guesses were let through")
	}
	if _, err := f.Login(t.Context(), pawl.SignIn{Login: "ann", Password: newPassword, Client: home}); err != nil {
		t.Errorf("the owner has to wait: %v", err)
	}
}
