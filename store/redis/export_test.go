package redis

import (
	"testing"
	"time"
)

// MovesTakeTheirTime has calls wait for a slot that moves as long as a busy
// machine may need.
func MovesTakeTheirTime(t testing.TB) {
	before := moveTries
	moveTries = 2400
	t.Cleanup(func() { moveTries = before })
}

// Restless has a store sweep at once again, however long a walk takes on a busy
// machine: the suite is about what a sweep deletes. TestSweepingRests is about the
// rest.
func Restless(s *Store) *Store {
	s.sweep.long = time.Hour
	return s
}
