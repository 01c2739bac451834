package pawl

import (
	"sync"
	"time"
)

// monotonic returns how much time has passed since the call, by the machine's
// monotonic clock, which no step of the time of day moves.
func monotonic() func() time.Duration {
	began := time.Now()                                      //nolint:forbidigo // a span of time, not a moment
	return func() time.Duration { return time.Since(began) } //nolint:forbidigo // as above
}

// steadyClock follows a clock that may leap, for what must not be deleted too early:
// it is never ahead of it, and runs at most twice as fast as time passes. A primary
// that takes over with a clock days ahead makes nothing old. Safe for concurrent use.
type steadyClock struct {
	mu  sync.Mutex
	now time.Time
	at  time.Duration
}

// read returns the time, given what the clock shows and how much time has passed.
func (c *steadyClock) read(shown time.Time, elapsed time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if most := c.now.Add(2 * (elapsed - c.at)); c.now.IsZero() || shown.Before(most) {
		c.now = shown
	} else {
		c.now = most
	}
	c.at = elapsed
	return c.now
}
