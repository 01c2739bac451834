package pawl

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// longestTry is how long a caller waits for the tries of others: as long as
	// one takes to get its turn to hash, and to hash.
	longestTry = 3 * time.Second
	// maxAwaiting is how many wait for the tries of one bucket.
	maxAwaiting = 200
	// fewUnderWay is the part of a bucket that is too small to wait for: an
	// eleventh sign-in waits for one of ten, but a busy network's ordinary
	// sign-ins make no caller wait whose address is used up.
	fewUnderWay = 10
)

// underWay are the tries of this node that were taken and are not settled. Each
// may still turn out to be no failure, so that a caller who finds a bucket empty
// for their sake waits for them. Its methods are safe for concurrent use.
type underWay struct {
	mu      sync.Mutex
	buckets map[ThrottleKey]*flights
}

func newUnderWay() *underWay { return &underWay{buckets: map[ThrottleKey]*flights{}} }

// flights are the tries of one bucket.
type flights struct {
	under   int             // way
	asking  int             // callers who are about to take one, or wait
	freed   uint64          // how many were given back
	waiting []chan struct{} // of those who ask, first come, first; closed when there is news
}

// asking is a caller who takes from some buckets.
type asking struct {
	u     *underWay
	tries []Try
	of    []*flights
	freed uint64           // when it was last counted: before the take
	timer <-chan time.Time // when it has waited long enough
}

// ask is to be called before the tries are taken; then one of begin and leave.
func (u *underWay) ask(tries []Try) *asking {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := &asking{u: u, tries: tries}
	for _, t := range tries {
		f := u.buckets[t.Key]
		if f == nil {
			f = new(flights)
			u.buckets[t.Key] = f
		}
		f.asking++
		a.of = append(a.of, f)
		a.freed += f.freed
	}
	return a
}

// begin says that the tries were taken.
func (a *asking) begin() { a.done(1) }

// leave says that they were not.
func (a *asking) leave() { a.done(0) }

func (a *asking) done(taken int) {
	a.u.mu.Lock()
	defer a.u.mu.Unlock()
	for i, f := range a.of {
		f.asking--
		f.under += taken
		a.u.drop(a.tries[i].Key, f)
	}
}

// drop forgets what is not in use. u.mu is held.
func (u *underWay) drop(k ThrottleKey, f *flights) {
	if f.under == 0 && f.asking == 0 {
		delete(u.buckets, k)
	}
}

// settle ends tries that were begun; freed says that they were given back.
func (u *underWay) settle(tries []Try, freed bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, t := range tries {
		f := u.buckets[t.Key]
		f.under--
		wake := 0
		if freed {
			f.freed++
			wake = min(1, len(f.waiting))
		}
		if f.under == 0 {
			wake = len(f.waiting) // there is nothing left to wait for
		}
		f.wake(wake)
		u.drop(t.Key, f)
	}
}

// wake tells the first n of those who wait. u.mu is held.
func (f *flights) wake(n int) {
	for _, w := range f.waiting[:n] {
		close(w)
	}
	f.waiting = slices.Delete(f.waiting, 0, n)
}

// wait returns true once a try was given back since the last take, so that
// another one may succeed, and false when the refusal stands: nothing is under
// way, or it took too long.
func (a *asking) wait(ctx context.Context) bool {
	a.u.mu.Lock()
	defer a.u.mu.Unlock()
	for {
		if freed := a.count(); freed != a.freed {
			a.freed = freed
			return true
		}
		f := a.busy()
		if f == nil || !a.await(ctx, f) {
			return false
		}
	}
}

// count is how many tries were given back. u.mu is held.
func (a *asking) count() (freed uint64) {
	for _, f := range a.of {
		freed += f.freed
	}
	return freed
}

// busy is the first of the buckets that others may be about to fill again; nil:
// none. u.mu is held.
func (a *asking) busy() *flights {
	for i, f := range a.of {
		if f.under >= max(1, a.tries[i].Rate.Burst/fewUnderWay) && len(f.waiting) < maxAwaiting {
			return f
		}
	}
	return nil
}

// await waits for news of the bucket; false without any. u.mu is held, and let
// go while it waits.
func (a *asking) await(ctx context.Context, f *flights) (news bool) {
	if a.timer == nil {
		a.timer = time.After(longestTry)
	}
	w := make(chan struct{})
	f.waiting = append(f.waiting, w)
	a.u.mu.Unlock()
	select {
	case <-w:
		news = true
	case <-a.timer:
	case <-ctx.Done():
	}
	a.u.mu.Lock()
	if news {
		return true
	}
	if i := slices.Index(f.waiting, w); i >= 0 {
		f.waiting = slices.Delete(f.waiting, i, i+1)
	} else {
		f.wake(min(1, len(f.waiting))) // the news came too late for this one, and not for the next
	}
	return false
}
