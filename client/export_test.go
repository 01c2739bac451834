package client

import (
	"context"
	"time"
)

// NoWaiting lets waits pass at once, and tells how long they would have been.
func (c *Client) NoWaiting(told func(time.Duration)) {
	c.wait = func(_ context.Context, d time.Duration) error {
		told(d)
		return nil
	}
}

// The life of a key.
func (k Key) Restarted(now time.Time) Key             { return k.restarted(now) }
func (k Key) Next(now time.Time) Key                  { return k.next(now) }
func (k Key) Succeeded(now time.Time, doubt bool) Key { return k.succeeded(now, doubt) }
