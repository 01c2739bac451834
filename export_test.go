package pawl

import (
	"context"
	"time"
)

// SweepOnce sweeps now.
func SweepOnce(ctx context.Context, s *Service) error { return s.sweepOnce(ctx) }

// LogUnreadFor has the log count as unread for so long.
func LogUnreadFor(s *Service, d time.Duration) {
	s.readings.mu.Lock()
	defer s.readings.mu.Unlock()
	s.readings.good = time.Now().Add(-d)
}
