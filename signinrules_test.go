package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/token"
)

// tracedThrottle and tracedUsers write down what is asked of them.
type trace struct {
	mu    sync.Mutex
	calls []string
}

func (t *trace) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = append(t.calls, fmt.Sprintf(format, args...))
}

// since returns what was asked since the last time.
func (t *trace) since() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer func() { t.calls = nil }()
	return strings.Join(t.calls, " ")
}

type tracedThrottle struct {
	pawl.Throttle
	*trace
}

func (t tracedThrottle) Take(ctx context.Context, now time.Time, tries ...pawl.Try) (time.Duration, error) {
	t.note("take:%d", len(tries))
	return t.Throttle.Take(ctx, now, tries...)
}

func (t tracedThrottle) GiveBack(ctx context.Context, now time.Time, tries ...pawl.Try) error {
	t.note("give-back:%d", len(tries))
	return t.Throttle.GiveBack(ctx, now, tries...)
}

func (t tracedThrottle) Remembers(ctx context.Context, k pawl.ThrottleKey, now time.Time) (bool, error) {
	t.note("remembers")
	return t.Throttle.Remembers(ctx, k, now)
}

type tracedUsers struct {
	pawl.UserStore
	*trace
}

func (t tracedUsers) ByLogin(ctx context.Context, login string) (pawl.User, error) {
	t.note("by-login")
	return t.UserStore.ByLogin(ctx, login)
}

func (t tracedUsers) ByID(ctx context.Context, id string) (pawl.User, error) {
	t.note("by-id")
	return t.UserStore.ByID(ctx, id)
}

// The rules of decision 0020 as a table (SECURITY 41, 42). Limits: an account at
// an address 3, the account 30, an address 50, its network 200. ann is known at
// home; bob has an account and is not; no account is called carol. What is "told
// apart" may differ; where one of the shared limits is used up, every other
// answer is the same, to the byte, after the same calls.
func TestWhatASignInIsToldWhereLimitsAreUsedUp(t *testing.T) {
	const free, refused = "200 for a right password, else 401", "429 for all"
	const guarded = "200 for a right password of ann, else 429"
	for _, c := range []struct {
		name  string
		fill  func(*fixture)
		login string // whose tries are looked at; empty: of all three
		want  string
	}{
		{"nothing", func(*fixture) {}, "", free},
		{"ann at home", func(f *fixture) { f.fail(3, "ann", home.Address) }, "ann", refused},
		{"bob at home", func(f *fixture) { f.fail(3, "bob", home.Address) }, "bob", refused},
		{"carol at home", func(f *fixture) { f.fail(3, "carol", home.Address) }, "carol", refused},
		{"each account from everywhere", func(f *fixture) {
			for _, login := range []string{"ann", "bob", "carol"} {
				f.hammer(login)
			}
		}, "", guarded},
		{"home's address", func(f *fixture) { f.spray(home.Address, 50) }, "", guarded},
		{"home's network", func(f *fixture) {
			for n := range 4 {
				f.spray(fmt.Sprintf("192.0.2.%d", 100+n), 50)
			}
		}, "", guarded},
		{"ten times home's address", func(f *fixture) { f.spray(home.Address, 550) }, "", refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := &trace{}
			f, _ := limited(t, func(cfg *pawl.Config) {
				cfg.Throttle = tracedThrottle{cfg.Throttle, seen}
				cfg.Users = tracedUsers{cfg.Users.(pawl.UserStore), seen}
			})
			f.addUser("bob", pawl.User{})
			f.login()
			c.fill(f)
			same := map[string][]string{}
			for _, try := range []struct{ login, password string }{
				{"carol", "seven purple cows"},
				{"carol", goodPassword},
				{"bob", "seven purple cows"},
				{"bob", goodPassword},
				{"ann", "seven purple cows"},
				{"ann", goodPassword},
			} {
				if c.login != "" && try.login != c.login {
					continue
				}
				seen.since()
				err := f.try(try.login, try.password, home.Address)
				right := try.password == goodPassword && try.login != "carol"
				status := 200
				if err != nil {
					status = api.AsError(err).Status
					e := api.AsError(err)
					answer := fmt.Sprint(e.Status, " ", e.Code, " ", e.Detail, " ", e.RetryAfter, " after ", seen.since())
					same[answer] = append(same[answer], try.login)
				}
				want := 401
				if c.want == refused || c.want == guarded {
					want = 429
				}
				if right && (c.want == free || c.want == guarded && try.login == "ann") {
					want = 200
				}
				if status != want {
					t.Errorf("%s with %q: %d, want %d", try.login, try.password, status, want)
				}
			}
			if len(same) > 1 {
				t.Errorf("answers differ: %q", same)
			}
		})
	}
}

// hammer uses up what an account may fail from everywhere.
func (f *fixture) hammer(login string) {
	f.t.Helper()
	for n := range 10 {
		f.fail(3, login, fmt.Sprintf("203.0.%d.9", n))
	}
}

var sprayed atomic.Int64

// spray makes so many failures for made-up names, whatever they are answered.
func (f *fixture) spray(address string, n int) {
	f.t.Helper()
	for range n {
		_ = f.try(fmt.Sprint("made-up ", sprayed.Add(1)), cheap, address)
	}
}

// A neighbour cannot see by the place in the queue which accounts are used at the
// address: it is the address that goes ahead.
func TestAPlaceInTheQueueTellsNothingOfAccounts(t *testing.T) {
	f, _ := limited(t)
	if pawl.GoesAhead(t.Context(), f.Service, home.Address) {
		t.Error("an address that was never used goes ahead")
	}
	f.login()
	if !pawl.GoesAhead(t.Context(), f.Service, home.Address) {
		t.Error("an address that is in use does not go ahead")
	}
}

// SECURITY 42: a right password that is refused is kept as a wrong one is, or the
// number of tries that are left would tell it.
func TestARightGuessThatIsRefusedCountsAsAFailure(t *testing.T) {
	f, _ := limited(t)
	f.hammer("ann")
	for n := range 3 {
		if f.refused("198.51.100.9") == 0 {
			t.Fatalf("right guess %d from an unknown address is taken", n+1)
		}
	}
	f.advance(2 * time.Second) // one try of the account's
	if wait := f.refused("198.51.100.9"); wait != 18*time.Second {
		t.Errorf("after three right guesses the address waits %v, as after three wrong ones: 18s", wait)
	}
}

// Tries under way are no failures: as many right sign-ins as there are, at once,
// are all served, though each limit is for fewer.
func TestRightSignInsAtOnceAreAllServed(t *testing.T) {
	for _, c := range []struct {
		name     string
		failures int
		account  func(n int) string
		address  func(n int) string
	}{
		{"one account at one address", 0, func(int) string { return "ann" }, func(int) string { return home.Address }},
		{"where all but one try failed", 2, func(int) string { return "ann" }, func(int) string { return home.Address }},
		{"a crowd behind one address", 0, func(n int) string { return fmt.Sprint("user-", n) }, func(int) string { return home.Address }},
		{"a crowd in one network", 0, func(n int) string { return fmt.Sprint("user-", n) }, func(n int) string { return fmt.Sprint("192.0.2.", n) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, _ := limited(t, func(cfg *pawl.Config) {
					cfg.Hasher, _ = password.New(password.Options{Queue: 100, Wait: time.Minute})
					cfg.SignInLimits.PerAddress = 3
				})
				for n := range 15 {
					f.addUser(fmt.Sprint("user-", n), pawl.User{})
				}
				f.fail(c.failures, "ann", home.Address)
				var all sync.WaitGroup
				for n := range 15 {
					all.Go(func() {
						if err := f.try(c.account(n), goodPassword, c.address(n)); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
			})
		})
	}
}

// The wait for others is bounded, by time and by the caller.
func TestTheWaitForTriesUnderWayIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		f, _ := limited(t, func(cfg *pawl.Config) {
			cfg.Users = slowUsers{cfg.Users.(pawl.UserStore), held}
		})
		var tries sync.WaitGroup
		for range 3 {
			tries.Go(func() { _ = f.try("ann", cheap, home.Address) })
		}
		synctest.Wait()
		began := time.Now()
		if err := f.try("ann", cheap, home.Address); !errors.Is(err, api.ErrRateLimited) || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		_, err := f.Login(ctx, pawl.SignIn{Login: "ann", Password: cheap, Client: home})
		if !errors.Is(err, api.ErrRateLimited) || time.Since(began) != time.Second {
			t.Errorf("a caller who goes: %v after %v", err, time.Since(began))
		}
		close(held)
		tries.Wait()
		if f.refused(home.Address) == 0 {
			t.Error("the three were no failures")
		}
	})
}

type slowUsers struct {
	pawl.UserStore
	held chan struct{}
}

func (s slowUsers) ByLogin(ctx context.Context, login string) (pawl.User, error) {
	<-s.held
	return s.UserStore.ByLogin(ctx, login)
}

// SECURITY 42: what an attacker with many addresses learns of one account in a
// simulated hour is what the account's limit lets through, and the user is let in
// at home all the while, on the first try.
func TestASiegeOfOneAccount(t *testing.T) {
	f, _ := limited(t)
	f.login()
	learnt := 0
	for second := range 3600 {
		for n := range 4 {
			address := fmt.Sprintf("198.18.%d.9", (4*second+n)%250)
			switch err := f.try("ann", cheap, address); {
			case errors.Is(err, api.ErrInvalidCredentials):
				learnt++
			case !errors.Is(err, api.ErrRateLimited):
				t.Fatal(err)
			}
		}
		if second%600 == 599 && f.refused(home.Address) != 0 {
			t.Errorf("after %d s the user is kept out", second)
		}
		f.advance(time.Second)
	}
	if most := 30 + 60*30; learnt > most || learnt < most*9/10 {
		t.Errorf("%d guesses were answered, want about %d", learnt, most)
	}
}

// A flood from one network is looked at ten times its limit, and then no more.
func TestAFloodCostsWhatItsLimitSays(t *testing.T) {
	f, users := limited(t)
	for n := range 5000 {
		_ = f.try(fmt.Sprint("made-up ", n), cheap, fmt.Sprintf("192.0.2.%d", n%10))
	}
	if got, most := users.lookups.Load(), int64(200+2000); got > most || got < most*9/10 {
		t.Errorf("%d of 5000 were looked at, want about %d", got, most)
	}
}

// SECURITY 42: one account's sign-ins from 130,000 networks push no other user's
// address out; the account goes on to know what it knew.
func TestOneAccountMakesFewAddressesKnown(t *testing.T) {
	f, _ := limited(t)
	ctx := t.Context()
	victim := func(n int) (login, address string) {
		return fmt.Sprint("victim-", n), fmt.Sprintf("10.%d.%d.1", n/250, n%250)
	}
	for n := range 200 {
		login, address := victim(n)
		pawl.Know(ctx, f.Service, login, address)
	}
	networks := 130_000
	if testing.Short() {
		networks = 20_000
	}
	for n := range networks {
		pawl.Know(ctx, f.Service, "mallory", fmt.Sprintf("2001:db8:%x:%x::1", n>>16, n&0xffff))
	}
	known := 0
	for n := range networks {
		if pawl.IsKnown(ctx, f.Service, "mallory", fmt.Sprintf("2001:db8:%x:%x::1", n>>16, n&0xffff)) {
			known++
		}
	}
	if known != 20 {
		t.Errorf("%d addresses are known to one account, want 20", known)
	}
	for n := range 200 {
		if login, address := victim(n); !pawl.IsKnown(ctx, f.Service, login, address) {
			t.Errorf("%s is not known at %s any more", login, address)
		}
	}
	f.advance(29 * 24 * time.Hour)
	pawl.Know(ctx, f.Service, "mallory", "2001:db8::1") // known already: costs nothing
	f.advance(24 * time.Hour)
	if !pawl.IsKnown(ctx, f.Service, "mallory", "2001:db8::1") {
		t.Error("a known address was not known for longer")
	}
	pawl.Know(ctx, f.Service, "mallory", "2001:db8:ffff::1")
	if !pawl.IsKnown(ctx, f.Service, "mallory", "2001:db8:ffff::1") {
		t.Error("a month later there is no new address")
	}
}

// Right sign-ins to one account are limited over all addresses; what makes no
// session is not counted, other accounts and reissues go on, and the words are
// true.
func TestSignInsOfOneAccountAreLimited(t *testing.T) {
	f, _ := limited(t, func(c *pawl.Config) { c.SignInLimits.SignIns = 4 })
	f.addUser("bob", pawl.User{})
	f.addUser("eve", pawl.User{Disabled: true})
	for range 6 {
		if err := f.try("eve", goodPassword, home.Address); !errors.Is(err, api.LoginRequired(api.ReasonDisabled)) {
			t.Fatal(err)
		}
	}
	var last api.Tokens
	for n := range 4 {
		in := pawl.SignIn{Login: "ann", Password: goodPassword, Client: pawl.Client{Address: fmt.Sprintf("192.0.%d.1", n)}}
		tokens, err := f.Login(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		last = tokens
	}
	err := f.try("ann", goodPassword, home.Address)
	wantError(t, "the fifth", err, api.ErrRateLimited)
	if e := api.AsError(err); e.RetryAfter != 15*time.Second || strings.Contains(e.Detail, "fail") {
		t.Errorf("%q, %v", e.Detail, e.RetryAfter)
	}
	wantError(t, "a wrong password then", f.try("ann", cheap, home.Address), api.ErrInvalidCredentials)
	wantError(t, "another account", f.try("bob", goodPassword, home.Address), nil)
	_, err = f.Start(t.Context(), "id-ann", home)
	wantError(t, "a session that a client starts", err, nil)
	f.advance(14 * time.Second)
	f.mustReissue(last.RefreshToken, "", "")
	wantError(t, "a second early", f.try("ann", goodPassword, home.Address), api.ErrRateLimited)
	f.advance(time.Second)
	wantError(t, "in time", f.try("ann", goodPassword, home.Address), nil)
}

// SECURITY 42: a change of password is one guess, at the current password.
func TestAChangeOfPasswordIsOneGuess(t *testing.T) {
	const next, third = "nine yellow herons", "eleven quiet lanterns"
	for name, change := range map[string]func(*pawl.Config){
		"with a throttle": func(c *pawl.Config) { c.Throttle = memory.NewThrottle() },
		"without one":     func(*pawl.Config) {},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, change)
			mine, other := f.login(), f.login()
			ask := func(who *token.Access, current, next string) error {
				f.advance(5 * time.Second) // changes in one second wait for the next
				_, err := f.ChangePassword(t.Context(), who, current, next)
				return err
			}
			me, them := f.claims(mine.AccessToken), f.claims(other.AccessToken)
			wrong := ask(me, "seven purple cows", next)
			wantError(t, "a wrong current one", wrong, api.ErrInvalidCredentials)
			right := ask(me, "seven purple cows", goodPassword)
			wantError(t, "a wrong current one with the right new one", right, api.ErrInvalidCredentials)
			if api.AsError(wrong).Detail != api.AsError(right).Detail {
				t.Errorf("told apart: %v, %v", wrong, right)
			}
			wantError(t, "a new one that will not do is not looked at", ask(me, "seven purple cows", "short"), api.ErrInvalidCredentials)
			wantError(t, "the one that there is", ask(me, goodPassword, goodPassword), api.ErrInvalidRequest)
			if _, err := f.guard.Check(other.AccessToken); err != nil {
				t.Errorf("a refused change ended a session: %v", err)
			}

			wantError(t, "a change", ask(me, goodPassword, next), nil)
			wantError(t, "the same again", ask(me, goodPassword, next), nil)
			wantError(t, "the same from another session", ask(them, goodPassword, next), api.ErrInvalidCredentials)
			wantError(t, "the former current one and another new one", ask(me, goodPassword, third), api.ErrInvalidCredentials)
			wantError(t, "another current one and the same new one", ask(me, "seven purple cows", next), api.ErrInvalidCredentials)
			wantError(t, "another change", ask(me, next, third), nil)
			wantError(t, "the first again, that is over", ask(me, goodPassword, next), api.ErrInvalidCredentials)
			f.advance(21 * time.Minute)
			wantError(t, "the second again, too late", ask(me, next, third), api.ErrInvalidCredentials)
		})
	}
}

// A wrong setup code costs no hash, nor does any once there is an administrator:
// what is hashed is what is made.
func TestAWrongSetupCodeIsNotHashed(t *testing.T) {
	seen := &trace{}
	f := newFixture(t, func(c *pawl.Config) { c.Users = tracedSetup{c.Users.(pawl.UserStore), seen} })
	code, err := f.OfferSetup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	setup := func(code, want string) {
		t.Helper()
		_, err := f.Setup(t.Context(), code, "root", goodPassword)
		if got := seen.since(); got != want || (err == nil) != (want == "check hash+create") {
			t.Errorf("%v after %q, want %q", err, got, want)
		}
	}
	setup("guess", "check")
	setup("", "check")
	setup(code, "check hash+create")
	setup(code, "check")
	setup("guess", "check")
}

// tracedSetup sees by the user to be created that a password was hashed.
type tracedSetup struct {
	pawl.UserStore
	*trace
}

func (s tracedSetup) CheckSetup(ctx context.Context, code [32]byte) error {
	s.note("check")
	return s.UserStore.CheckSetup(ctx, code)
}

func (s tracedSetup) CreateFirst(ctx context.Context, code [32]byte, u pawl.User) error {
	if u.PasswordHash != "" {
		s.note("hash+create")
	}
	return s.UserStore.CreateFirst(ctx, code, u)
}

const (
	bcrypt4 = "$2b$04$hashOfNoPasswordAtAllOTh5kFk0OtbJ1vBLqGPBvHGJUEI2uAm6" // costs little
	bcrypt5 = "$2b$05$hashOfNoPasswordAtAllOTh5kFk0OtbJ1vBLqGPBvHGJUEI2uAm6"
)

// SECURITY 41: a login without a hash costs what one of the stored hashes costs,
// always the same one, and each kind as often as it is stored.
func TestUnknownLoginsCostWhatStoredHashesCost(t *testing.T) {
	f := newFixture(t)
	f.addUser("bob", pawl.User{})
	for n := range 6 {
		u := pawl.User{ID: fmt.Sprint("imported-", n), Login: fmt.Sprint("imported-", n), PasswordHash: bcrypt4}
		if n == 5 {
			u.PasswordHash = "" // no password: no kind
		}
		if err := f.store.CreateUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.store.CreateUser(t.Context(), pawl.User{ID: "i", Login: "i", PasswordHash: bcrypt5}); err != nil {
		t.Fatal(err)
	}
	if err := pawl.LearnHashes(t.Context(), f.Service); err != nil {
		t.Fatal(err)
	}
	ours, _ := password.Decoy(goodHash())
	four, _ := password.Decoy(bcrypt4)
	five, _ := password.Decoy(bcrypt5)
	const names = 8000
	counts := map[string]int{}
	for n := range names {
		login := fmt.Sprint("nobody-", n)
		decoy := pawl.DecoyOf(f.Service, login)
		if decoy != pawl.DecoyOf(f.Service, login) {
			t.Fatalf("%s: another one the second time", login)
		}
		counts[decoy]++
	}
	for decoy, share := range map[string]int{ours: 2, four: 5, five: 1} {
		if want := names * share / 8; counts[decoy] < want*8/10 || counts[decoy] > want*12/10 {
			t.Errorf("%d of %d logins cost %s, want about %d", counts[decoy], names, decoy, want)
		}
		if ok, _, err := hasher.Verify(t.Context(), decoy, goodPassword); ok || err != nil {
			t.Errorf("%s: %v, %v", decoy, ok, err)
		}
	}
	for n := range 20 {
		wantError(t, "an unknown login", f.try(fmt.Sprint("nobody-", n), goodPassword, ""), api.ErrInvalidCredentials)
	}
	wantError(t, "a user without a password", f.try("imported-5", goodPassword, ""), api.ErrInvalidCredentials)
}

// As users of a kind grow fewer, logins leave it, and no login comes to it.
func TestDecoysChangeAsUsersDo(t *testing.T) {
	secret := [32]byte{1}
	before := map[string]int{"current": 400, "bcrypt 10": 500, "bcrypt 12": 100}
	after := map[string]int{"current": 800, "bcrypt 10": 180, "bcrypt 12": 20}
	moved := map[string]int{}
	for n := range 10_000 {
		login := fmt.Sprint("nobody-", n)
		from, to := pawl.Choose(secret, before, login), pawl.Choose(secret, after, login)
		if from != to {
			moved[from+" to "+to]++
		}
	}
	for move, n := range moved {
		if strings.HasPrefix(move, "current") {
			t.Errorf("%d logins moved from %s", n, move)
		}
	}
	if strange := moved["bcrypt 10 to bcrypt 12"] + moved["bcrypt 12 to bcrypt 10"]; strange > 300 {
		t.Errorf("%d of 10,000 logins moved between kinds that grow fewer", strange)
	}
	if pawl.Choose([32]byte{1}, before, "x") == "" || pawl.Choose(secret, nil, "x") != "" {
		t.Error("no kinds, no decoy")
	}
	other := 0
	for n := range 1000 {
		login := fmt.Sprint("nobody-", n)
		if pawl.Choose(secret, before, login) != pawl.Choose([32]byte{2}, before, login) {
			other++
		}
	}
	if other == 0 {
		t.Error("the choice does not depend on the key")
	}
	many := map[string]int{}
	for n := range 1000 {
		many[fmt.Sprint("kind ", n)] = n
	}
	seen := map[string]bool{}
	for n := range 10_000 {
		seen[pawl.Choose(secret, many, fmt.Sprint(n))] = true
	}
	if len(seen) > 32 || slices.ContainsFunc([]string{"kind 0", "kind 967"}, func(k string) bool { return seen[k] }) {
		t.Errorf("%d kinds", len(seen))
	}
}
