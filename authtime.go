package pawl

import (
	"context"
	"sync"
	"time"

	"github.com/pawlauth/pawl/api"
)

// authTime is stamped later than the mark, so that nobody who signs in again
// right after being ended is refused for it.
func authTime(now time.Time, mark Mark) time.Time {
	t := now.Truncate(time.Second)
	if !t.After(mark.NotBefore) {
		t = mark.NotBefore.Add(time.Second)
	}
	return t
}

// aheadBy is the most that an auth_time is ahead of the clock. Services that ask
// for a recent sign-in go by it.
const aheadBy = time.Second

// stampable waits until a session can be stamped later than the mark and no more
// than aheadBy ahead of the clock, but for no longer than that itself. Each end is
// at least as late as the sign-in before it, and each sign-in later than the end
// before it: without the wait, both together would move the stamps on by a second
// each time. Where a mark is further ahead (a restored database's is by a minute),
// a second's wait for a second's move keeps the lead from growing.
func (s *Service) stampable(ctx context.Context, mark Mark) error {
	return pause(ctx, min(mark.NotBefore.Sub(s.now()), aheadBy))
}

// pause waits, unless ctx ends first, whose error it returns.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keeping are the users of whom a session is about to be kept while the others
// end. There is one such end of a user at a time here: each stamps the session
// that it keeps later than all others, so that many at once would move the stamps
// on by a second each.
type keeping struct {
	mu    sync.Mutex
	users map[string]bool
}

func (k *keeping) begin(user string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users[user] {
		return false
	}
	if k.users == nil {
		k.users = map[string]bool{}
	}
	k.users[user] = true
	return true
}

func (k *keeping) finish(user string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.users, user)
}

// mayKeep waits until an end of the user's sessions that keeps one stamps it no
// more than aheadBy ahead of the clock: until all that were stamped after the mark
// are of the past. done must be called after that end. ErrConflict while another
// one of the user is under way here, ErrUnavailable where the mark is further
// ahead of the clock than that explains.
func (s *Service) mayKeep(ctx context.Context, user string) (done func(), err error) {
	if !s.keeping.begin(user) {
		return nil, api.ErrConflict.With("The password is being changed by another request at this moment.")
	}
	done = func() { s.keeping.finish(user) }
	if err := s.outwaited(ctx, user); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

func (s *Service) outwaited(ctx context.Context, user string) error {
	mark, err := s.markFor(ctx, user)
	if err != nil {
		return unavailable(err)
	}
	wait := mark.NotBefore.Add(aheadBy).Sub(s.now())
	if wait > 2*aheadBy {
		return api.ErrUnavailable.After(wait)
	}
	if err := pause(ctx, wait); err != nil {
		return unavailable(err)
	}
	return nil
}
