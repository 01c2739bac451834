package pawl_test

import (
	"errors"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/memory"
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

// SECURITY 18: a wrong master key adds no key and drops none, though both are
// due: else the right one would not open the database afterwards.
func TestAWrongMasterKeyChangesNothing(t *testing.T) {
	store, now := memory.New(), time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	cfg := pawl.Config{
		Issuer: "https://app.example", Audience: []string{"https://app.example"},
		Sessions: store, Keys: store, Users: store, MasterKey: pawl.NewMasterKey(),
		Now: func() time.Time { return now },
	}
	start := func(key pawl.MasterKey) error {
		c := cfg
		c.MasterKey = key
		svc, err := pawl.New(t.Context(), c)
		if err == nil {
			svc.Close()
		}
		return err
	}
	if err := start(cfg.MasterKey); err != nil {
		t.Fatal(err)
	}
	now = now.Add(40 * 24 * time.Hour)
	before, _ := store.Keys(t.Context())
	if err := start(pawl.NewMasterKey()); !errors.Is(err, pawl.ErrMasterKey) {
		t.Errorf("started with another master key: %v", err)
	}
	if after, _ := store.Keys(t.Context()); len(after) != len(before) {
		t.Errorf("%d keys became %d", len(before), len(after))
	}
	if err := start(cfg.MasterKey); err != nil {
		t.Errorf("with the right master key again: %v", err)
	}
}
