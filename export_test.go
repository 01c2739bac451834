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
