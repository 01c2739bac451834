package chaostest

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/redis"
	"github.com/pawlauth/pawl/store/sqlite"
)

// open opens the stores that the role names, and goes by the clock of the one
// that has the sessions.
func (r role) open(ctx context.Context) (s stores, err error) {
	if s, err = r.openStores(ctx); err != nil {
		return s, err
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

// openStores is as open, without a clock.
func (r role) openStores(ctx context.Context) (s stores, err error) {
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
		sessions, err := redis.Open(ctx, r.Sessions, redis.Options{Dial: r.dial()})
		if err != nil {
			_ = s.database.Close()
			return stores{}, err
		}
		s.sessions = sessions
	}
	return s, nil
}

// dial goes by the proxies, if there are any. A server without one is not reached.
func (r role) dial() func(context.Context, string) (net.Conn, error) {
	if r.Proxies == nil {
		return nil
	}
	return func(ctx context.Context, addr string) (net.Conn, error) {
		proxy, ok := r.Proxies[addr]
		if !ok {
			return nil, fmt.Errorf("no proxy leads to %s", addr)
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", proxy)
	}
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
