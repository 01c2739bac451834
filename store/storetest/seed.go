package storetest

import (
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
)

var benchSessions = flag.Int("storetest.sessions", 1000, "sessions to seed before a benchmark of a store")

// SessionCount is how many sessions benchmarks seed: the flag -storetest.sessions.
func SessionCount() int { return *benchSessions }

// Seed stores n sessions of n/10 users, signed in at the given time.
// Creating them from several goroutines lets a store share its commits.
func Seed(tb testing.TB, s pawl.SessionStore, n int, at time.Time) []pawl.Session {
	tb.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	all := make([]pawl.Session, n)
	for range 64 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				rec := NewSession(benchUser(i/10), at)
				if _, err := s.Create(tb.Context(), rec, pawl.Mark{}, 0); err != nil {
					tb.Error(err)
					return
				}
				all[i] = rec
			}
		})
	}
	wg.Wait()
	return all
}

// benchUser has the length of an ID of Pawl's own.
func benchUser(i int) string { return fmt.Sprintf("user-%017d", i*7919%100_000_007) }
