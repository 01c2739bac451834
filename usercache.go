package pawl

import (
	"context"
	"sync"
	"time"
)

// userCache keeps what a reissue needs of users for a few seconds: of those in
// good standing only, as whoever is let in again must not be signed out by what
// was true a moment ago. It holds two generations of entries and drops the older one as a whole, so it needs
// no clock of its own per entry to stay bounded.
type userCache struct {
	users Users
	keep  time.Duration
	now   func() time.Time

	mu       sync.RWMutex
	young    map[string]cachedUser
	old      map[string]cachedUser
	youngest time.Time // when young was begun
}

type cachedUser struct {
	User
	at time.Time
}

const maxCachedUsers = 10_000 // per generation

func newUserCache(users Users, keep time.Duration, now func() time.Time) *userCache {
	return &userCache{users: users, keep: keep, now: now, young: map[string]cachedUser{}}
}

// byID gives a user no staler than keep; found is false for nobody.
func (c *userCache) byID(ctx context.Context, id string) (u User, found bool, err error) {
	now := c.now()
	if e, ok := c.look(id); ok && c.keep > 0 {
		if age := now.Sub(e.at); age >= 0 && age < c.keep {
			return e.User, true, nil
		}
	}
	u, found, err = freshUser(ctx, c.users, id)
	if err == nil && found && !u.Disabled && c.keep > 0 {
		c.put(id, cachedUser{User: u, at: now})
	}
	return u, found, err
}

func (c *userCache) look(id string) (cachedUser, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e, ok := c.young[id]; ok {
		return e, true
	}
	e, ok := c.old[id]
	return e, ok
}

func (c *userCache) put(id string, e cachedUser) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= maxCachedUsers || e.at.Sub(c.youngest) > c.keep {
		c.old, c.young, c.youngest = c.young, map[string]cachedUser{}, e.at
	}
	c.young[id] = e
}

// forget makes the next look fresh.
func (c *userCache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, id)
	delete(c.old, id)
}
