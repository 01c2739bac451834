package pawl_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/memory"
)

// sourceClock is a store's clock, and how long its answers take on the way there and back.
type sourceClock struct {
	mu          sync.Mutex
	ahead       time.Duration // of the true time
	there, back time.Duration
	down        bool
}

func (s *sourceClock) set(change func(*sourceClock)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *sourceClock) Now(ctx context.Context) (time.Time, error) {
	s.mu.Lock()
	now := sourceClock{ahead: s.ahead, there: s.there, back: s.back, down: s.down}
	s.mu.Unlock()
	if now.down {
		<-ctx.Done()
		return time.Time{}, ctx.Err()
	}
	time.Sleep(now.there)
	t := time.Now().Add(now.ahead)
	time.Sleep(now.back)
	return t, nil
}

// shifted is a node's clock that is ahead of the true time.
func shifted(d time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(d) } }

func startClock(t *testing.T, s *sourceClock, o pawl.ClockOptions) *pawl.Clock {
	t.Helper()
	c, err := pawl.NewClock(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// off is how far a clock is from the source's true time.
func off(c *pawl.Clock, s *sourceClock) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.Now().Sub(time.Now().Add(s.ahead))
}

func TestTheStoresClock(t *testing.T) {
	const ms = time.Millisecond
	t.Run("nodes ten seconds apart show one time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &sourceClock{ahead: -3 * time.Second, there: 2 * ms, back: 2 * ms}
			for _, d := range []time.Duration{-5 * time.Second, 0, 5 * time.Second} {
				c := startClock(t, s, pawl.ClockOptions{LocalNow: shifted(d)})
				if got := off(c, s); got.Abs() > ms {
					t.Errorf("a node %v ahead is %v off", d, got)
				}
				if got := c.Offset(); (got + 3*time.Second + d).Abs() > ms {
					t.Errorf("a node %v ahead: offset %v", d, got)
				}
				c.Close()
			}
		})
	})
	t.Run("the quickest answer is believed, not the latest", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &sourceClock{there: ms, back: ms}
			c := startClock(t, s, pawl.ClockOptions{})
			defer c.Close()
			s.set(func(s *sourceClock) { s.there, s.back = 0, 600*ms }) // half of it would be 300 ms wrong
			time.Sleep(10 * time.Second)
			if got := off(c, s); got.Abs() > 10*ms {
				t.Errorf("%v off", got)
			}
		})
	})
	t.Run("a store that does not answer: the clock runs on, and nobody waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &sourceClock{ahead: time.Hour, there: ms, back: ms}
			c := startClock(t, s, pawl.ClockOptions{})
			defer c.Close()
			s.set(func(s *sourceClock) { s.down = true })
			for range 60 {
				time.Sleep(time.Second)
				before := time.Now()
				if got := off(c, s); got.Abs() > ms || time.Now() != before {
					t.Fatalf("%v off, after %v", got, time.Since(before))
				}
			}
		})
	})
	t.Run("a fail-over to a machine whose clock is elsewhere is followed at the next look", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &sourceClock{there: ms, back: ms}
			c := startClock(t, s, pawl.ClockOptions{Every: time.Second})
			defer c.Close()
			s.set(func(s *sourceClock) { s.ahead = -10 * time.Second })
			time.Sleep(1500 * ms)
			if got := off(c, s); got.Abs() > 2*ms {
				t.Errorf("%v off", got)
			}
		})
	})
	t.Run("a small difference is taken in without running backwards", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &sourceClock{there: ms, back: ms}
			c := startClock(t, s, pawl.ClockOptions{Every: time.Second})
			defer c.Close()
			s.set(func(s *sourceClock) { s.ahead = -400 * ms })
			last := c.Now()
			for range 400 {
				time.Sleep(10 * ms)
				now := c.Now()
				if !now.After(last) {
					t.Fatalf("it went back by %v", last.Sub(now))
				}
				last = now
			}
			if got := off(c, s); got.Abs() > 2*ms {
				t.Errorf("still %v off", got)
			}
		})
	})
	t.Run("a store without an answer at the start is an error", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			if c, err := pawl.NewClock(t.Context(), &sourceClock{down: true}, pawl.ClockOptions{}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, %v", c, err)
			}
		})
	})
	t.Run("a machine whose clock is wrong is told of, once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var said bytes.Buffer
			s := &sourceClock{}
			c := startClock(t, s, pawl.ClockOptions{LocalNow: shifted(-4 * time.Second), Log: slog.New(slog.NewTextHandler(&said, nil))})
			time.Sleep(time.Minute)
			c.Close()
			if strings.Count(said.String(), "level=WARN") != 1 || !strings.Contains(said.String(), "ahead_of_it=4s") {
				t.Errorf("said %q", said.String())
			}
		})
	})
}

// nudgedStore tells of new entries in its log.
type nudgedStore struct {
	*memory.Store
	nudges chan struct{}
}

func (s *nudgedStore) Nudges() <-chan struct{} { return s.nudges }

// A store that says so has its log read at once, not at the next look.
func TestNudgesHaveTheLogRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &nudgedStore{memory.New(), make(chan struct{}, 1)}
		svc, err := pawl.New(t.Context(), pawl.Config{
			Issuer: "https://id.example", Audience: []string{"a"}, Sessions: store, Users: store, Keys: store, MasterKey: pawl.NewMasterKey(), Hasher: hasher,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer svc.Close()
		synctest.Wait()
		if _, _, err := store.EndUser(t.Context(), "u", "", "signed_out", time.Now()); err != nil {
			t.Fatal(err)
		}
		store.nudges <- struct{}{}
		synctest.Wait() // no time passes
		if svc.Revoked().Len() != 1 {
			t.Error("the log was not read")
		}
	})
}
