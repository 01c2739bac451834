package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/sqlite"
	"github.com/pawlauth/pawl/token"
)

// seed puts n live sessions of as many people into the database, past the
// server: signing in that often would measure Argon2.
func seed(path string, n int) error {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	const writers = 64 // share commits
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += writers {
				_, errs[w] = store.Create(ctx, seeded(time.Now().UTC()), pawl.Mark{}, 0)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errors.Join(errs...), store.Close()); err != nil {
		return fmt.Errorf("seed %s: %w", path, err)
	}
	return nil
}

func seeded(now time.Time) pawl.Session {
	now = now.Truncate(time.Millisecond)
	return pawl.Session{
		SessionKey: pawl.SessionKey{User: token.NewID(), ID: token.SessionID(token.NewSecret())},
		Created:    now, Rotated: now, Opened: now,
		IdleExpires: now.Add(pawl.DefaultRefreshTTL), Ends: now.Add(pawl.DefaultSessionTTL), AuthTime: now.Truncate(time.Second),
		Client: pawl.Client{Address: "203.0.113.7", Agent: "Firefox on Linux"},
	}
}
