package pawl

import (
	"context"
	"time"
)

// SweepOnce sweeps now.
func SweepOnce(ctx context.Context, s *Service) error { return s.sweepOnce(ctx) }

// LogUnreadFor has the log count as unread for so long.
func LogUnreadFor(s *Service, d time.Duration) {
	began := time.Now().Add(-d)
	s.readings.good.Store(&began)
}

// Know has the address be used by the account, as a sign-in does.
func Know(ctx context.Context, s *Service, login, address string) {
	s.limiter.know(ctx, login, address)
}

// IsKnown reports whether the address is known to the account.
func IsKnown(ctx context.Context, s *Service, login, address string) bool {
	ok, err := s.limiter.isKnown(ctx, login, address)
	return ok && err == nil
}

// GoesAhead reports whether a sign-in from the address waits ahead of others.
func GoesAhead(ctx context.Context, s *Service, address string) bool {
	return s.limiter.line(ctx, address).Known
}

// LearnHashes counts the kinds of stored hashes now.
func LearnHashes(ctx context.Context, s *Service) error {
	return s.decoys.learn(ctx, s.cfg.Users.(UserLister))
}

// DecoyOf is the hash that is checked for a login without one.
func DecoyOf(s *Service, login string) string { return s.decoys.of(login) }

// Choose is the rule by which a decoy is chosen.
func Choose(secret [32]byte, counts map[string]int, login string) string {
	return choose(secret, frequent(counts), login)
}
