package pawl

import (
	"context"
	"sync"
	"time"
)

// toldFor is how long a node does not say again that an address is known: a small
// part of how long it stays so, and many reissues.
const toldFor = 12 * time.Hour

// maxTold bounds what a node remembers of it, twice: 2 MiB.
const maxTold = 20_000

// told is what this node has lately told the Throttle to remember. Without it,
// each advance would cost a second write where the Throttle is another machine's.
// Like userCache, it drops the older half as a whole.
type told struct {
	mu         sync.Mutex
	young, old map[ThrottleKey]struct{}
	since      time.Time // when young was begun
}

// news reports whether the key was not told lately, and holds that it is now.
func (t *told) news(k ThrottleKey, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if age := now.Sub(t.since); t.young == nil || len(t.young) >= maxTold || age > toldFor/2 || age < 0 {
		t.old, t.young, t.since = t.young, map[ThrottleKey]struct{}{}, now
		if age > toldFor {
			t.old = nil
		}
	}
	if _, ok := t.young[k]; ok {
		return false
	}
	_, ok := t.old[k]
	if !ok {
		t.young[k] = struct{}{}
	}
	return !ok
}

// forget has the key told again.
func (t *told) forget(k ThrottleKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.young, k)
	delete(t.old, k)
}

// know remembers that the account has just signed in from the address.
func (l *limiter) know(ctx context.Context, now time.Time, login, address string) {
	p := placeOf(address)
	if l.store == nil || login == "" || p.near == "" {
		return
	}
	k := l.key("known", login, p.near)
	l.told.news(k, now)
	// Lost at worst is that a stranger's guesses slow the person down.
	if l.store.Remember(context.WithoutCancel(ctx), k, now, now.Add(knownFor)) != nil {
		l.told.forget(k)
	}
}

// knowStill is know for somebody who goes on from there: once in a while is
// enough.
func (l *limiter) knowStill(ctx context.Context, now time.Time, login, address string) {
	p := placeOf(address)
	if l.store != nil && login != "" && p.near != "" && l.told.news(l.key("known", login, p.near), now) {
		l.know(ctx, now, login, address)
	}
}
