package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/token"
)

// counted are users who count how often a sign-in looks somebody up: the hasher
// is reached by those only.
type counted struct {
	pawl.UserStore
	lookups atomic.Int64
	fail    atomic.Bool
}

func (c *counted) ByLogin(ctx context.Context, login string) (pawl.User, error) {
	c.lookups.Add(1)
	if c.fail.Load() {
		return pawl.User{}, errStoreDown
	}
	return c.UserStore.ByLogin(ctx, login)
}

// limited is a fixture whose failures are limited: 3 a minute for an account at
// an address, 30 for it from everywhere, 50 for an address, 200 for a network.
func limited(t *testing.T, change ...func(*pawl.Config)) (*fixture, *counted) {
	t.Helper()
	users := &counted{}
	set := func(c *pawl.Config) {
		users.UserStore = c.Users.(pawl.UserStore)
		c.Users, c.Throttle = users, memory.NewThrottle()
		c.SignInLimits = pawl.SignInLimits{PerAccount: 3, PerAddress: 50, Period: time.Minute}
	}
	return newFixture(t, append([]func(*pawl.Config){set}, change...)...), users
}

func (f *fixture) try(login, password, address string) error {
	_, err := f.Login(f.t.Context(), pawl.SignIn{Login: login, Password: password, Client: pawl.Client{Address: address}})
	return err
}

// cheap is a wrong password that costs no hashing: longer than any.
var cheap = string(make([]byte, password.MaxBytes+1))

// fail fails n sign-ins, each of which must be let through.
func (f *fixture) fail(n int, login, address string) {
	f.t.Helper()
	for i := range n {
		if err := f.try(login, cheap, address); !errors.Is(err, api.ErrInvalidCredentials) {
			f.t.Fatalf("failure %d of %s from %s: %v", i+1, login, address, err)
		}
	}
}

// refused gives how long a right password of ann is refused; 0: it is not.
func (f *fixture) refused(address string) time.Duration {
	f.t.Helper()
	err := f.try("ann", goodPassword, address)
	if err != nil && !errors.Is(err, api.ErrRateLimited) {
		f.t.Fatalf("from %s: %v", address, err)
	}
	if err == nil {
		return 0
	}
	return api.AsError(err).RetryAfter
}

// SECURITY 41, 42: one rule for accounts that exist and for those that do not.
func TestFailuresAreLimitedAndTheWaitIsTrue(t *testing.T) {
	for _, login := range []string{"ann", "nobody"} {
		f, users := limited(t)
		f.fail(3, login, home.Address)
		for range 5 {
			err := f.try(login, goodPassword, home.Address)
			if !errors.Is(err, api.ErrRateLimited) || api.AsError(err).RetryAfter != 20*time.Second {
				t.Fatalf("%s: %v, wait %v", login, err, api.AsError(err).RetryAfter)
			}
		}
		if n := users.lookups.Load(); n != 3 {
			t.Errorf("%s: %d tries were looked at, want 3", login, n)
		}
		if n := len(f.happened(pawl.EventSignInFailed)); n != 8 {
			t.Errorf("%s: %d events, want 8", login, n)
		}
		f.advance(20*time.Second - time.Millisecond)
		if err := f.try(login, cheap, home.Address); !errors.Is(err, api.ErrRateLimited) {
			t.Errorf("%s: a moment early: %v", login, err)
		}
		f.advance(time.Millisecond)
		f.fail(1, login, home.Address)
		f.advance(time.Minute)
		f.fail(3, login, home.Address)
	}
}

// SECURITY 42: what is tried is counted before it is looked at.
func TestParallelGuessesCannotPassTheLimit(t *testing.T) {
	f, users := limited(t)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			err := f.try("ann", fmt.Sprintf("wrong password %d", i), home.Address)
			if !errors.Is(err, api.ErrInvalidCredentials) && !errors.Is(err, api.ErrRateLimited) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := users.lookups.Load(); n != 3 {
		t.Errorf("%d of 200 reached the hasher, want 3", n)
	}
}

// SECURITY 42: a stranger with many addresses keeps nobody out.
func TestAStrangerKeepsNobodyOut(t *testing.T) {
	hammer := func(f *fixture) {
		f.t.Helper()
		for n := range 10 {
			f.fail(3, "ann", fmt.Sprintf("203.0.%d.9", n))
		}
		for n := range 50 {
			if err := f.try("ann", cheap, fmt.Sprintf("198.18.%d.9", n)); !errors.Is(err, api.ErrRateLimited) {
				f.t.Fatalf("a stranger's further address is let through: %v", err)
			}
		}
	}
	for _, c := range []struct {
		name  string
		known func(*fixture)
		from  string
		want  time.Duration
	}{
		{"an unknown address waits for one try", func(*fixture) {}, "192.0.2.1", 2 * time.Second},
		{"an address signed in from", func(f *fixture) { f.login() }, "192.0.2.1", 0},
		{"its neighbour is another connection", func(f *fixture) { f.login() }, "192.0.2.2", 2 * time.Second},
		{"29 days later", func(f *fixture) { f.login(); f.advance(29 * 24 * time.Hour) }, "192.0.2.1", 0},
		{"30 days later", func(f *fixture) { f.login(); f.advance(30 * 24 * time.Hour) }, "192.0.2.1", 2 * time.Second},
		{"signed out since", func(f *fixture) { _, _ = f.login(), f.EndAll(f.t.Context(), api.ReasonEndedByAdmin) }, "192.0.2.1", 0},
		{"an address reissued from", func(f *fixture) {
			t, err := f.Login(f.t.Context(), pawl.SignIn{Login: "ann", Password: goodPassword, Client: elsewhere})
			if err != nil {
				f.t.Fatal(err)
			}
			f.advance(time.Hour)
			f.mustReissue(t.RefreshToken, "", "")
		}, "192.0.2.1", 0},
		{"an IPv6 connection is a /64", func(f *fixture) {
			if err := f.try("ann", goodPassword, "2001:db8:1:2::1"); err != nil {
				f.t.Fatal(err)
			}
		}, "2001:db8:1:2:ffff::2", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _ := limited(t)
			c.known(f)
			hammer(f)
			got := f.refused(c.from)
			if got != c.want {
				t.Errorf("refused for %v, want %v", got, c.want)
			}
			f.advance(got)
			if got := f.refused(c.from); got != 0 {
				t.Errorf("refused for %v after the wait", got)
			}
		})
	}
}

func TestGuessesFromAKnownAddressAreLimitedToo(t *testing.T) {
	f, _ := limited(t)
	f.login()
	f.fail(3, "ann", home.Address)
	if f.refused(home.Address) == 0 {
		t.Error("no limit")
	}
}

// One password tried on many accounts (spraying).
func TestAnAddressAndItsNetworkAreLimited(t *testing.T) {
	for _, c := range []struct{ first, same, network, beyond string }{
		{"203.0.113.%d", "203.0.113.1", "203.0.113.99", "203.0.114.1"},
		{"2001:db8:1:%d::7", "2001:db8:1:1::8", "2001:db8:1:99::7", "2001:db8:2:1::7"},
	} {
		f, _ := limited(t)
		spray := func(address string) {
			for n := range 50 {
				f.fail(1, fmt.Sprintf("person-%s-%d", address, n), address)
			}
		}
		spray(fmt.Sprintf(c.first, 1))
		if f.refused(c.same) == 0 || f.refused(c.network) != 0 {
			t.Errorf("%s: the address alone is to wait", c.same)
		}
		for n := 2; n <= 4; n++ {
			spray(fmt.Sprintf(c.first, n))
		}
		if err := f.try("bob", cheap, c.network); !errors.Is(err, api.ErrRateLimited) {
			t.Errorf("%s: the network is to wait: %v", c.network, err)
		}
		if f.refused(c.network) != 0 {
			t.Errorf("%s: ann is known there", c.network)
		}
		if f.refused(c.beyond) != 0 {
			t.Errorf("%s: another network waits too", c.beyond)
		}
	}
}

func TestOnlyFailuresCount(t *testing.T) {
	f, users := limited(t)
	f.addUser("bob", pawl.User{Disabled: true})
	for range 4 {
		if f.refused(home.Address) != 0 {
			t.Fatal("right passwords count")
		}
		if err := f.try("bob", goodPassword, home.Address); !errors.Is(err, api.ErrLoginRequired) {
			t.Fatal(err)
		}
	}
	users.fail.Store(true)
	for range 10 {
		if err := f.try("ann", cheap, home.Address); !errors.Is(err, api.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	users.fail.Store(false)
	f.fail(2, "ann", home.Address)
	if f.refused(home.Address) != 0 {
		t.Fatal("a failing store counts")
	}
	f.fail(1, "ann", home.Address)
	if f.refused(home.Address) == 0 {
		t.Error("a success washed failures away")
	}
}

// Embedders may know no address: then nobody shares one, and the account's own
// limit is what is left.
func TestWithoutAnAddress(t *testing.T) {
	f, _ := limited(t)
	f.fail(30, "ann", "")
	if f.refused("") == 0 {
		t.Error("no limit")
	}
	f.advance(time.Minute)
	f.fail(30, "ann", "not an address")
}

func TestAClockThatIsSetBackExtendsNoWait(t *testing.T) {
	f, _ := limited(t)
	f.fail(3, "ann", home.Address)
	f.advance(-24 * time.Hour)
	wait := f.refused(home.Address)
	if wait != 20*time.Second {
		t.Errorf("the wait is %v", wait)
	}
	f.advance(wait)
	if got := f.refused(home.Address); got != 0 {
		t.Errorf("and then another %v", got)
	}
}

func TestAWrongCurrentPasswordIsLimited(t *testing.T) {
	f, _ := limited(t)
	who := func(t api.Tokens) *token.Access {
		a, err := f.guard.Check(t.AccessToken)
		if err != nil {
			f.t.Fatal(err)
		}
		return a
	}
	thief, owner := who(f.login()), who(f.login())
	for range 3 {
		if _, err := f.ChangePassword(t.Context(), thief, cheap, "nine yellow herons"); !errors.Is(err, api.ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	if _, err := f.ChangePassword(t.Context(), thief, goodPassword, "nine yellow herons"); !errors.Is(err, api.ErrRateLimited) {
		t.Errorf("the session that guessed: %v", err)
	}
	if _, err := f.ChangePassword(t.Context(), owner, goodPassword, "nine yellow herons"); err != nil {
		t.Errorf("another session: %v", err)
	}
}

func TestWrongSetupCodesAreLimited(t *testing.T) {
	f, _ := limited(t, func(c *pawl.Config) { c.SignInLimits.PerAddress = 2 })
	code, err := f.OfferSetup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	setup := func(code string, c pawl.Client) error {
		_, err := f.Setup(pawl.WithActor(t.Context(), pawl.Actor{Client: c}), code, "root", "nine yellow herons")
		return err
	}
	for range 2 {
		if err := setup("guess", elsewhere); !errors.Is(err, api.ErrAccessDenied) {
			t.Fatal(err)
		}
	}
	if err := setup(code, elsewhere); !errors.Is(err, api.ErrRateLimited) {
		t.Errorf("the address that guessed: %v", err)
	}
	if err := setup(code, home); err != nil {
		t.Errorf("another: %v", err)
	}
}

// brokenThrottle is one whose store is down.
type brokenThrottle struct{ pawl.Throttle }

func (brokenThrottle) Take(context.Context, time.Time, ...pawl.Try) (time.Duration, error) {
	return 0, errStoreDown
}

func TestAFailingThrottleLetsNobodyGuess(t *testing.T) { // SECURITY 62
	f, users := limited(t, func(c *pawl.Config) { c.Throttle = brokenThrottle{c.Throttle} })
	if err := f.try("ann", goodPassword, home.Address); !errors.Is(err, api.ErrUnavailable) || users.lookups.Load() != 0 {
		t.Errorf("%v after %d look-ups", err, users.lookups.Load())
	}
}

func TestLimitsCanBeSwitchedOff(t *testing.T) {
	for name, change := range map[string]func(*pawl.Config){
		"no throttle":     func(c *pawl.Config) { c.Throttle = nil },
		"negative limits": func(c *pawl.Config) { c.SignInLimits = pawl.SignInLimits{PerAccount: -1, PerAddress: -1} },
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := limited(t, change)
			f.fail(100, "ann", home.Address)
		})
	}
	for _, l := range []pawl.SignInLimits{{Period: -1}, {Period: time.Millisecond}, {PerAccount: 1 << 40}, {PerAddress: 1 << 40}} {
		_, err := pawl.New(t.Context(), pawl.Config{
			Issuer: "https://id.example", Audience: []string{"a"}, Sessions: memory.New(), Users: memory.New(), Keys: memory.New(),
			MasterKey: pawl.NewMasterKey(), SignInLimits: l,
		})
		if err == nil {
			t.Errorf("%+v is accepted", l)
		}
	}
}
