package pawl

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"
)

const (
	// knownFor is how long an address stays known.
	knownFor = 30 * 24 * time.Hour
	// newPlaces is how many addresses an account may make known in that time. One
	// that is known already costs nothing. Without a bound, sign-ins to one account
	// from many networks would push everybody else's addresses out of a table of
	// bounded size.
	newPlaces = 20
	// toldFor is how long a node does not say again that an address is known: a
	// small part of how long it stays so, and many reissues.
	toldFor = 12 * time.Hour
)

// maxRecent bounds what a node remembers of one thing, twice: 2 MiB.
const maxRecent = 20_000

// recent holds what happened lately at this node: told keeps what the Throttle
// was told to remember, without which each advance would cost a second write
// where the Throttle is another machine's. Like userCache, it drops the older half
// as a whole. Its methods are safe for concurrent use.
type recent struct {
	kept time.Duration // at most; half of it at least, unless there is too much

	mu         sync.Mutex
	young, old map[ThrottleKey]struct{}
	since      time.Time // when young was begun
}

func newRecent(kept time.Duration) *recent { return &recent{kept: kept} }

// news reports whether the key did not happen lately, and holds that it does now.
func (r *recent) news(k ThrottleKey, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.age(now)
	if r.holds(k) {
		return false
	}
	if len(r.young) >= maxRecent {
		r.old, r.young, r.since = r.young, nil, now
	}
	if r.young == nil {
		r.young = map[ThrottleKey]struct{}{}
	}
	r.young[k] = struct{}{}
	return true
}

// has reports whether the key happened lately.
func (r *recent) has(k ThrottleKey, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.age(now)
	return r.holds(k)
}

// forget has the key be news again.
func (r *recent) forget(k ThrottleKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, k)
	delete(r.old, k)
}

func (r *recent) holds(k ThrottleKey) bool {
	_, young := r.young[k]
	_, old := r.old[k]
	return young || old
}

// age drops what is older than it may be. r.mu is held.
func (r *recent) age(now time.Time) {
	age := now.Sub(r.since)
	if age <= r.kept/2 && age >= 0 {
		return
	}
	r.old, r.young, r.since = r.young, nil, now
	if age > r.kept || age < 0 {
		r.old = nil
	}
}

// isKnown reports whether the account was used from the address lately.
func (l *limiter) isKnown(ctx context.Context, login, address string) (bool, error) {
	return l.store.Remembers(ctx, l.key("known", login, placeOf(address).near), l.now())
}

// know remembers that the account is used from the address, if it may make
// another one known, and that the address is used. Once in a while is enough: a
// session that goes on there says so at each reissue.
func (l *limiter) know(ctx context.Context, login, address string) {
	p := placeOf(address)
	folded, err := FoldLogin(login)
	if err != nil || l.store == nil || p.near == "" {
		return
	}
	k := l.key("known", folded, p.near)
	if !l.told.news(k, l.now()) {
		return
	}
	// Lost at worst is that a stranger's guesses slow the user down.
	if err := l.learn(context.WithoutCancel(ctx), folded, k, l.key("used", p.near)); err != nil {
		l.told.forget(k)
	}
}

func (l *limiter) learn(ctx context.Context, login string, k, used ThrottleKey) error {
	now := l.now()
	known, err := l.store.Remembers(ctx, k, now)
	if err != nil {
		return err
	}
	if !known {
		retry, err := l.store.Take(ctx, now, Try{l.key("learn", login), Rate{newPlaces, knownFor}})
		if err != nil || retry > 0 {
			return err
		}
	}
	if err := l.store.Remember(ctx, k, now, now.Add(knownFor)); err != nil {
		return err
	}
	if !l.told.news(used, now) {
		return nil
	}
	err = l.store.Remember(ctx, used, now, now.Add(knownFor))
	if err != nil {
		l.told.forget(used)
	}
	return err
}

// changeOf names a change of password by all that it consists of: who made it, in
// which session, from what to what, and the hash that it set. A request is the same
// only if its current password was the one before, so that it guesses the new one
// or the current one, and never both.
func changeOf(user, sid, phc, current, next string) []string {
	digest := func(pw string) string { // a password may hold the separator of keys
		sum := sha256.Sum256([]byte(pw))
		return string(hex.AppendEncode(nil, sum[:]))
	}
	return []string{"changed", user, sid, phc, digest(current), digest(next)}
}

// noteChange is called before the hash is set, of which the name consists: where
// that fails, it names nothing.
func (l *limiter) noteChange(ctx context.Context, change []string) {
	k, now := l.key(change...), l.now()
	if l.store == nil {
		l.passed.news(k, now)
		return
	}
	// Lost at worst is that the request cannot be sent again.
	_ = l.store.Remember(ctx, k, now, now.Add(retriedFor))
}

// changedBy reports whether the change set the present hash.
func (l *limiter) changedBy(ctx context.Context, change []string) (bool, error) {
	k := l.key(change...)
	if l.store == nil {
		return l.passed.has(k, l.now()), nil
	}
	done, err := l.store.Remembers(ctx, k, l.now())
	if err != nil {
		return false, unavailable(err)
	}
	return done, nil
}
