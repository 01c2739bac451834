package pawl_test

import (
	"testing"
	"time"

	"github.com/pawlauth/pawl"
)

// SECURITY 17: a copy of the keys is never believed for so long that it misses
// one before it signs.
func TestKeyMaxAge(t *testing.T) {
	for _, c := range []struct{ publish, reload, want time.Duration }{
		{0, 0, time.Minute},
		{30 * time.Second, 5 * time.Second, 25 * time.Second},
		{time.Hour, 10 * time.Second, time.Minute},
	} {
		f := newFixture(t, func(cfg *pawl.Config) {
			cfg.KeyPolicy = pawl.KeyPolicy{Publish: c.publish, Reload: c.reload}
		})
		if got := f.KeyMaxAge(); got != c.want {
			t.Errorf("published %v ahead, read every %v: %v, want %v", c.publish, c.reload, got, c.want)
		}
	}
}
