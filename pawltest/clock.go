package pawltest

import (
	"sync"
	"time"
)

// Clock is a clock that stands still until it is moved. It begins at the real
// time, in whole seconds. It is safe for concurrent use.
type Clock struct {
	mu      sync.Mutex
	now     time.Time
	elapsed time.Duration
}

func newClock() *Clock { return &Clock{now: time.Now().UTC().Truncate(time.Second)} } //nolint:forbidigo // where the test's time begins

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock; a negative d moves it back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.elapsed += max(d, 0)
}

// Elapsed is by how much the clock was moved forward.
func (c *Clock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed
}

// Advance moves the server's clock.
func (s *Server) Advance(d time.Duration) { s.Clock.Advance(d) }
