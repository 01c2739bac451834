package pawl

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
)

// Defaults of SignInLimits.
const (
	DefaultFailuresPerAccount = 10
	DefaultFailuresPerAddress = 100
	DefaultFailuresPeriod     = 15 * time.Minute
)

// SignInLimits bound how many sign-ins may fail. What they are counted by is in
// docs/decisions/0020: an account at one address, the account from all unknown
// addresses together (ten times as many), an address over all accounts, and the
// network around it (four times as many). An address from which the account has
// signed in or reissued lately is known: only the first of them binds it, so
// that nobody elsewhere can keep the person out.
type SignInLimits struct {
	PerAccount int           // at one address, in Period; 0: DefaultFailuresPerAccount; negative: no limit
	PerAddress int           // over all accounts, in Period; 0: DefaultFailuresPerAddress; negative: no limit
	Period     time.Duration // 0: DefaultFailuresPeriod
}

const (
	// everywhere is how many addresses at once it takes to use up what an
	// account may fail from unknown ones.
	everywhere = 10
	// around is how many addresses it takes to use up what their network may fail.
	around = 4
	// knownFor is how long an address stays known.
	knownFor = 30 * 24 * time.Hour
)

func (l SignInLimits) withDefaults() (SignInLimits, error) {
	if l.PerAccount == 0 {
		l.PerAccount = DefaultFailuresPerAccount
	}
	if l.PerAddress == 0 {
		l.PerAddress = DefaultFailuresPerAddress
	}
	if l.Period == 0 {
		l.Period = DefaultFailuresPeriod
	}
	const most = math.MaxInt32 / everywhere
	if l.PerAccount > most || l.PerAddress > most || l.Period < time.Second {
		return l, errors.New("pawl: Config.SignInLimits: the numbers must be below 200 million and the period at least a second")
	}
	return l, nil
}

// place is where a request comes from. A customer's connection is one IPv4
// address or an IPv6 /64, in which whoever has it can choose addresses at will;
// its network is a /24 or a /48, which is what one can rent at little cost.
type place struct{ near, network string }

// placeOf gives the zero place for text that is no address.
func placeOf(address string) place {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return place{}
	}
	a = a.Unmap().WithZone("")
	near, network := 32, 24
	if a.Is6() {
		near, network = 64, 48
	}
	return place{prefix(a, near), prefix(a, network)}
}

func prefix(a netip.Addr, bits int) string {
	p, err := a.Prefix(bits)
	if err != nil {
		panic(err) // the bits fit the family
	}
	return p.String()
}

// limiter holds the failures of a service against its limits.
type limiter struct {
	store  Throttle // nil: no limits
	limits SignInLimits
	secret [32]byte
	told   *told
}

// newLimiter derives the secret of the keys from the master key, so that nodes
// that share a Throttle agree on them.
func newLimiter(t Throttle, l SignInLimits, k MasterKey) limiter {
	mac := hmac.New(sha256.New, k.b[:])
	mac.Write([]byte("pawl throttle keys 1"))
	return limiter{t, l, [32]byte(mac.Sum(nil)), new(told)}
}

// key hashes what a bucket is of. No part holds the separator: logins have no
// control characters.
func (l *limiter) key(parts ...string) (k ThrottleKey) {
	mac := hmac.New(sha256.New, l.secret[:])
	mac.Write([]byte(strings.Join(parts, "\x00")))
	copy(k[:], mac.Sum(nil))
	return k
}

func (l *limiter) add(tries []Try, limit, times int, parts ...string) []Try {
	if limit < 0 {
		return tries
	}
	return append(tries, Try{l.key(parts...), Rate{limit * times, l.limits.Period}})
}

// hereOnly is what binds a known address, too.
func (l *limiter) hereOnly(login string, p place) []Try {
	if p.near == "" {
		return nil // everybody's place: one stranger would use it up for all
	}
	return l.add(nil, l.limits.PerAccount, 1, "here", login, p.near)
}

// address is what an address and its network may fail.
func (l *limiter) address(tries []Try, p place) []Try {
	if p.near == "" {
		return tries
	}
	tries = l.add(tries, l.limits.PerAddress, 1, "near", p.near)
	return l.add(tries, l.limits.PerAddress, around, "network", p.network)
}

// hold is a try under way, taken before the password is looked at, so that
// parallel guesses cannot pass the limits.
type hold struct {
	l     *limiter
	tries []Try
}

// take gives ErrRateLimited, with the time after which a try is left.
func (l *limiter) take(ctx context.Context, now time.Time, tries []Try) (hold, error) {
	if l.store == nil || len(tries) == 0 {
		return hold{}, nil
	}
	switch retry, err := l.store.Take(ctx, now, tries...); {
	case err != nil:
		return hold{}, unavailable(err)
	case retry > 0:
		return hold{}, api.ErrRateLimited.With("Too many failed tries. Wait %v, then try again.", roundUp(retry)).After(retry)
	}
	return hold{l, tries}, nil
}

func roundUp(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// signIn takes the try of a sign-in. Nothing in it depends on whether there is
// such an account (SECURITY 41).
func (l *limiter) signIn(ctx context.Context, now time.Time, login, address string) (hold, error) {
	if l.store == nil {
		return hold{}, nil
	}
	p := placeOf(address)
	here := l.hereOnly(login, p)
	all := l.address(l.add(here, l.limits.PerAccount, everywhere, "account", login), p)
	h, limited := l.take(ctx, now, all)
	if !errors.Is(limited, api.ErrRateLimited) || p.near == "" {
		return h, limited
	}
	known, err := l.store.Remembers(ctx, l.key("known", login, p.near), now)
	switch {
	case err != nil:
		return hold{}, unavailable(err)
	case !known:
		return hold{}, limited
	}
	return l.take(ctx, now, here)
}

// settle ends the try: what was not wrong is given back. A right guess gives
// back its own try only, or whoever has an account could wash away the failures
// of an address by signing in.
func (h hold) settle(ctx context.Context, now time.Time, err error) {
	if h.l == nil || errors.Is(err, api.ErrInvalidCredentials) || errors.Is(err, api.ErrAccessDenied) {
		return
	}
	// Lost at worst is a try, which comes back with time.
	_ = h.l.store.GiveBack(context.WithoutCancel(ctx), now, h.tries...)
}

// line is where a sign-in waits for its turn to hash: behind others of its
// network only, and ahead of strangers where the account was used from there
// before. A flood of guesses fills its own lines.
func (l *limiter) line(ctx context.Context, now time.Time, login, address string) password.Line {
	p := placeOf(address)
	line := password.Line{Name: p.network}
	if l.store != nil && p.near != "" {
		known, err := l.store.Remembers(ctx, l.key("known", login, p.near), now)
		line.Known = known && err == nil // a failing store has been answered by signIn
	}
	return line
}

// change takes the try of a change of password. Only who has the session can
// guess there, and only that session has to wait.
func (l *limiter) change(ctx context.Context, now time.Time, user, sid string) (hold, error) {
	return l.take(ctx, now, l.add(nil, l.limits.PerAccount, 1, "change", user, sid))
}

// setup takes the try of a setup code from the address of whoever ctx says.
func (l *limiter) setup(ctx context.Context, now time.Time) (hold, error) {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return l.take(ctx, now, l.address(nil, placeOf(a.Client.Address)))
}
