package pawl_test

import (
	"context"
	"sync"
	"testing"

	"github.com/pawlauth/pawl"
)

// lossyStore can lose the last writes of a session, as a fail-over to a replica
// that lags does. Ends are kept: nodes apply them again.
type lossyStore struct {
	rotStore
	mu   sync.Mutex
	past map[pawl.SessionKey][]pawl.Session // records before each write, oldest first
}

func newLossyStore(s rotStore) *lossyStore {
	return &lossyStore{rotStore: s, past: map[pawl.SessionKey][]pawl.Session{}}
}

func (s *lossyStore) Rotate(ctx context.Context, from, next pawl.Session) (bool, error) {
	applied, err := s.rotStore.Rotate(ctx, from, next)
	if applied {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.past[from.SessionKey] = append(s.past[from.SessionKey], from)
	}
	return applied, err
}

// rollBack loses up to n writes and says how many it lost.
func (s *lossyStore) rollBack(t *testing.T, k pawl.SessionKey, n int) int {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	past := s.past[k]
	n = min(n, len(past))
	now, mark, err := s.Get(t.Context(), k)
	if n == 0 || err != nil || !now.Ended.IsZero() || mark.Covers(now.AuthTime) {
		return 0
	}
	applied, err := s.rotStore.Rotate(t.Context(), now, past[len(past)-n])
	if err != nil || !applied {
		t.Errorf("cannot roll back: applied %v, error %v", applied, err)
	}
	s.past[k] = past[:len(past)-n]
	return n
}
