package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/internal/stores"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/token"
)

// seedPassword is everybody's on an own server, whose data is thrown away.
const seedPassword = "sixty four chained clients"

func seedPerson(i int) Person { return Person{fmt.Sprintf("load-%d", i), seedPassword} }

// seed puts so many people, and live sessions of others, into a new database,
// past the server: hashing for each of them would take longer than to measure.
// It gives the people's subjects.
func seed(ctx context.Context, cfg *config.Config, people, sessions int) (subjects []string, err error) {
	hasher, err := password.New(password.Options{})
	if err != nil {
		return nil, err
	}
	phc, err := hasher.Hash(ctx, seedPassword)
	if err != nil {
		return nil, err
	}
	store, err := stores.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	subjects = make([]string, people)
	err = parallel(people, func(i int) error {
		subjects[i] = token.NewID()
		return store.CreateUser(ctx, pawl.User{ID: subjects[i], Login: seedPerson(i).Login, PasswordHash: phc})
	})
	if err == nil {
		err = parallel(sessions, func(int) error {
			_, err := store.Create(ctx, seeded(time.Now().UTC()), pawl.Mark{}, 0)
			return err
		})
	}
	if err = errors.Join(err, store.Close()); err != nil {
		return nil, fmt.Errorf("put people and sessions into the database: %w", err)
	}
	return subjects, nil
}

// parallel calls f for 0 to n-1, from so many goroutines that commits are shared.
func parallel(n int, f func(i int) error) error {
	const writers = 64
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += writers {
				errs[w] = f(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
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
