package pawl_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/memory"
)

// countedThrottle counts what it is told to remember: of an address first that it
// is known to the account, then that it is used.
type countedThrottle struct {
	pawl.Throttle
	mu    sync.Mutex
	told  int
	fails bool
}

func (c *countedThrottle) Remember(ctx context.Context, k pawl.ThrottleKey, now, until time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told++
	if c.fails {
		return errors.New("no")
	}
	return c.Throttle.Remember(ctx, k, now, until)
}

// A reissue costs one write, not two: that an address is known is said again
// after hours only, and sooner where nobody heard it.
func TestReissuesSeldomSayThatAnAddressIsKnown(t *testing.T) {
	throttle := &countedThrottle{Throttle: memory.NewThrottle()}
	f := newFixture(t, func(c *pawl.Config) { c.Throttle = throttle })
	tok := f.login()
	turn := func() {
		f.advance(2 * time.Minute)
		tok = f.mustReissue(tok.RefreshToken, "", "")
	}
	told := func(what string, want int) {
		t.Helper()
		if throttle.told != want {
			t.Errorf("%s: told %d times, want %d", what, throttle.told, want)
		}
		throttle.told = 0
	}
	told("the sign-in", 2)
	for range 20 {
		turn()
	}
	told("twenty advances", 0)
	f.advance(13 * time.Hour)
	turn()
	told("half a day later", 2)
	turn()
	told("and then", 0)
	throttle.fails = true
	f.advance(13 * time.Hour)
	turn()
	turn()
	told("a throttle that fails", 2)
	f.login()
	told("another sign-in", 1)
}
