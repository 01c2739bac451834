package pawl

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
)

// Defaults of SignInLimits.
const (
	DefaultFailuresPerAccount = 10
	DefaultFailuresPerAddress = 100
	DefaultSignInsPerAccount  = 100
	DefaultFailuresPeriod     = 15 * time.Minute
)

// SignInLimits bound how many sign-ins may fail, and how many of one account may
// succeed. What failures are counted by is in docs/decisions/0020: an account at
// one address, the account from all addresses together (ten times as many), an
// address over all accounts, and the network around it (four times as many). The
// first binds every caller. Where one of the others is used up, only a right
// password from an address that the account signed in or reissued from lately is
// taken, so that no stranger can keep the user out; the answer to everything
// else is the same, whether or not there is such an account.
type SignInLimits struct {
	PerAccount int           // failures at one address, in Period; 0: DefaultFailuresPerAccount; negative: no limit
	PerAddress int           // failures over all accounts, in Period; 0: DefaultFailuresPerAddress; negative: no limit
	SignIns    int           // sign-ins of one account by password, in Period; 0: DefaultSignInsPerAccount; negative: no limit
	Period     time.Duration // 0: DefaultFailuresPeriod
}

const (
	// everywhere is how many addresses at once it takes to use up what an
	// account may fail from unknown ones.
	everywhere = 10
	// around is how many addresses it takes to use up what their network may fail.
	around = 4
	// flooding is how many times its limit an address or a network may fail again
	// while the limit is used up, before nothing from there is looked at.
	flooding = 10
)

func (l SignInLimits) withDefaults() (SignInLimits, error) {
	for _, d := range []struct {
		v   *int
		def int
	}{{&l.PerAccount, DefaultFailuresPerAccount}, {&l.PerAddress, DefaultFailuresPerAddress}, {&l.SignIns, DefaultSignInsPerAccount}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	if l.Period == 0 {
		l.Period = DefaultFailuresPeriod
	}
	const most = math.MaxInt32 / (around * flooding)
	if max(l.PerAccount, l.PerAddress, l.SignIns) > most || l.Period < time.Second {
		return l, fmt.Errorf("pawl: Config.SignInLimits: the numbers must be at most %d and the period at least a second", most)
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
	now    func() time.Time
	told   *recent   // known addresses
	passed *recent   // changes of password, where there is no store
	flying *underWay // tries of this node
}

// newLimiter derives the secret of the keys from the master key, so that nodes
// that share a Throttle agree on them.
func newLimiter(t Throttle, l SignInLimits, k MasterKey, now func() time.Time) limiter {
	mac := hmac.New(sha256.New, k.b[:])
	mac.Write([]byte("pawl throttle keys 1"))
	return limiter{t, l, [32]byte(mac.Sum(nil)), now, newRecent(toldFor), newRecent(2 * retriedFor), newUnderWay()}
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

// here is what binds every caller who tries the account at the address.
func (l *limiter) here(login string, p place) []Try {
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

// flood is what they may fail once that, or what the account may fail, is used
// up: it bounds what they cost.
func (l *limiter) flood(p place) []Try {
	tries := l.add(nil, l.limits.PerAddress, flooding, "near flood", p.near)
	return l.add(tries, l.limits.PerAddress, around*flooding, "network flood", p.network)
}

// hold is a try under way, taken before the password is looked at, so that
// parallel guesses cannot pass the limits.
type hold struct {
	l     *limiter
	tries []Try

	// guarded is the refusal of every outcome but a right password from an
	// address that is known to the account; nil: none.
	guarded error
}

// take returns ErrRateLimited, with the time after which a try is left, once that
// is not for the sake of tries under way at this node.
func (l *limiter) take(ctx context.Context, tries []Try) (hold, error) {
	return l.takeOr(ctx, tries, (*asking).wait)
}

// takeNow does not wait for any.
func (l *limiter) takeNow(ctx context.Context, tries []Try) (hold, error) {
	return l.takeOr(ctx, tries, func(*asking, context.Context) bool { return false })
}

func (l *limiter) takeOr(ctx context.Context, tries []Try, wait func(*asking, context.Context) bool) (hold, error) {
	if l.store == nil || len(tries) == 0 {
		return hold{}, nil
	}
	asking := l.flying.ask(tries)
	for {
		retry, err := l.store.Take(ctx, l.now(), tries...)
		switch {
		case err != nil:
			asking.leave()
			return hold{}, unavailable(err)
		case retry == 0:
			asking.begin()
			return hold{l: l, tries: tries}, nil
		case !wait(asking, ctx):
			asking.leave()
			return hold{}, limited(retry)
		}
	}
}

// limited is true in every case: where the tries failed, and where they are under
// way at another node.
func limited(retry time.Duration) error {
	return api.ErrRateLimited.With("Too many tries have failed, or are under way. Wait %v, then try again.", roundUp(retry)).After(retry)
}

func roundUp(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// signIn takes the try of a sign-in. Nothing in it depends on whether there is
// such an account, nor on whether it is known at the address (SECURITY 41).
func (l *limiter) signIn(ctx context.Context, login, address string) (hold, error) {
	p := placeOf(address)
	here := l.here(login, p)
	others := l.address(l.add(nil, l.limits.PerAccount, everywhere, "account", login), p)
	h, used := l.takeNow(ctx, slices.Concat(here, others))
	if !errors.Is(used, api.ErrRateLimited) {
		return h, used
	}
	// One by one: what follows depends on which is used up.
	h, err := l.take(ctx, here)
	if err != nil {
		return hold{}, longer(err, used)
	}
	free, used := l.take(ctx, others)
	if used == nil {
		return h.and(free), nil
	}
	if !errors.Is(used, api.ErrRateLimited) || p.near == "" {
		h.end(ctx, true)
		return hold{}, used
	}
	flood, err := l.take(ctx, l.flood(p))
	if err != nil {
		h.end(ctx, true)
		return hold{}, longer(err, used)
	}
	h = h.and(flood)
	h.guarded = used
	return h, nil
}

// longer is the refusal that asks for the longer wait, if the first is one.
func longer(a, b error) error {
	if errors.Is(a, api.ErrRateLimited) && api.AsError(a).RetryAfter < api.AsError(b).RetryAfter {
		return b
	}
	return a
}

func (h hold) and(other hold) hold {
	if h.l == nil {
		return other
	}
	h.tries = append(slices.Clip(h.tries), other.tries...)
	return h
}

// settle ends the try: what was not wrong is given back. A right guess gives
// back its own try only, or a user could wash away the failures of an address by
// signing in.
func (h hold) settle(ctx context.Context, err error) {
	wrong := errors.Is(err, api.ErrInvalidCredentials) || errors.Is(err, api.ErrAccessDenied) || errors.Is(err, api.ErrRateLimited)
	h.end(ctx, !wrong)
}

// end ends the try, and gives it back or not.
func (h hold) end(ctx context.Context, back bool) {
	if h.l == nil {
		return
	}
	if back {
		// Lost at worst is a try, which comes back with time.
		_ = h.l.store.GiveBack(context.WithoutCancel(ctx), h.l.now(), h.tries...)
	}
	h.l.flying.settle(h.tries, back)
}

// judge is what a sign-in is answered, by what the password proved: nothing but
// a right one from a known address where the try is guarded.
func (h hold) judge(known bool, err error) error {
	if h.guarded == nil || errors.Is(err, api.ErrUnavailable) || err == nil && known {
		return err
	}
	return h.guarded
}

// succeed takes one of the sign-ins of an account. It is given back where no
// session comes of it.
func (l *limiter) succeed(ctx context.Context, user string) (hold, error) {
	h, err := l.take(ctx, l.add(nil, l.limits.SignIns, 1, "sign-ins", user))
	if errors.Is(err, api.ErrRateLimited) {
		retry := api.AsError(err).RetryAfter
		return h, api.ErrRateLimited.With("There were %d sign-ins to this account in a short time, as many as may be. Wait %v, then sign in again.",
			l.limits.SignIns, roundUp(retry)).After(retry)
	}
	return h, err
}

// line is where a sign-in waits for its turn to hash: behind others of its
// network only, and ahead where users have signed in from the address before. A
// flood of guesses fills its own lines. Nothing in it depends on the account, or
// a neighbour could see by the time which ones are used at the address.
func (l *limiter) line(ctx context.Context, address string) password.Line {
	p := placeOf(address)
	line := password.Line{Name: p.network}
	if l.store != nil && p.near != "" {
		used, err := l.store.Remembers(ctx, l.key("used", p.near), l.now())
		line.Known = used && err == nil // a failing store has been answered by signIn
	}
	return line
}

// change takes the try of a change of password. Only who has the session can
// guess there, and only that session has to wait.
func (l *limiter) change(ctx context.Context, user, sid string) (hold, error) {
	return l.take(ctx, l.add(nil, l.limits.PerAccount, 1, "change", user, sid))
}

// setup takes the try of a setup code from the address of whoever ctx says.
func (l *limiter) setup(ctx context.Context) (hold, error) {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return l.take(ctx, l.address(nil, placeOf(a.Client.Address)))
}
