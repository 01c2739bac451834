package chaostest

import (
	"context"
	"io"
	"strings"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/redis"
	"github.com/pawlauth/pawl/store/sqlite"
)

// open opens the stores that the role names, and goes by the clock of the one
// that has the sessions.
func (r role) open(ctx context.Context) (s stores, err error) {
	s.now = r.clock
	if strings.HasPrefix(r.Database, "postgres://") {
		db, err := postgres.Open(ctx, r.Database, postgres.Options{Listen: r.Listen})
		if err != nil {
			return s, err
		}
		s.database, s.sessions = db, db
	} else {
		db, err := sqlite.Open(ctx, r.Database, sqlite.Options{})
		if err != nil {
			return s, err
		}
		s.database, s.sessions = db, db
	}
	if r.Sessions != "" {
		if s.sessions, err = redis.Open(ctx, r.Sessions, redis.Options{}); err != nil {
			return s, err
		}
	}
	if source, ok := s.sessions.(pawl.TimeSource); ok {
		if s.clock, err = pawl.NewClock(ctx, source, pawl.ClockOptions{LocalNow: r.clock}); err != nil {
			s.close()
			return s, err
		}
		s.now = s.clock.Now
	}
	return s, nil
}

// close closes what was opened.
func (s stores) close() {
	if s.clock != nil {
		s.clock.Close()
	}
	if c, ok := s.sessions.(io.Closer); ok {
		_ = c.Close()
	}
	if any(s.database) != any(s.sessions) {
		_ = s.database.Close()
	}
}
