package chaostest

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
)

// TestTheRunFindsFaults: each of the figures that must be 0 is not, where Pawl
// itself is at fault.
func TestTheRunFindsFaults(t *testing.T) {
	t.Parallel()
	leftToTheFullRun(t)
	found := map[string]func(*tally) bool{
		forgetful: func(s *tally) bool { return s.signOuts.Load() > 0 },
		keyless:   func(s *tally) bool { return s.signOuts.Load() > 0 },
		lenient:   func(s *tally) bool { return s.reuseAccepted.Load() > 0 },
		revenant:  func(s *tally) bool { return s.revived.Load() > 0 },
		deaf:      func(s *tally) bool { return s.guarded.Load() > 0 },
	}
	for how, is := range found {
		t.Run(how, func(t *testing.T) {
			h := newHouse(t, sqliteEngine(t), 2, func(r *role) { r.Sabotage = how })
			h.bound = time.Second
			h.run(t, settings{clients: 60, took: patience, pace: window, until: func() bool { return is(h.sum) }})
			if !is(h.sum) {
				t.Error("the run has not found it")
			}
		})
	}
}

// Faults of Pawl itself, any of which a run must find.
const (
	forgetful = "forgetful" // the store answers "not found" when it means "I do not know"
	lenient   = "lenient"   // the store's records say that the reuse window is open
	revenant  = "revenant"  // the store says that it has ended a session, and has not
	keyless   = "keyless"   // the store loses the hash of the Idempotency-Key
	deaf      = "deaf"      // the log of revocations misses entries
)

// sabotaged is the store with the fault that the role names, now and then.
func (r role) sabotaged(s pawl.SessionStore) pawl.SessionStore {
	if r.Stops {
		return &stopping{SessionStore: s}
	}
	if r.Sabotage == "" {
		return s
	}
	return &saboteur{SessionStore: s, how: r.Sabotage}
}

type saboteur struct {
	pawl.SessionStore
	how string
}

func (s *saboteur) Get(ctx context.Context, k pawl.SessionKey) (pawl.Session, pawl.Mark, error) {
	rec, mark, err := s.SessionStore.Get(ctx, k)
	if err != nil || rand.N(2) != 0 {
		return rec, mark, err
	}
	switch s.how {
	case forgetful:
		return pawl.Session{}, mark, pawl.ErrNotFound
	case lenient:
		rec.Opened = time.Now().UTC().Truncate(time.Millisecond)
	case keyless:
		rec.LastKey = [32]byte{}
	}
	return rec, mark, nil
}

func (s *saboteur) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	if s.how == revenant && rand.N(3) == 0 {
		return true, nil
	}
	return s.SessionStore.End(ctx, k, reason, at)
}

func (s *saboteur) Revocations(ctx context.Context, after string, limit int) (pawl.RevocationPage, error) {
	page, err := s.SessionStore.Revocations(ctx, after, limit)
	if s.how == deaf && rand.N(3) == 0 {
		page.Entries = nil
	}
	return page, err
}
