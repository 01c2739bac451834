// Package stores opens the stores that a configuration names, and joins them: one
// database for everything, or a database and beside it a Redis for the sessions.
package stores

import (
	"context"
	"errors"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/redis"
	"github.com/pawlauth/pawl/store/sqlite"
)

// Database is what is never in Redis.
type Database interface {
	pawl.UserStore
	pawl.KeyStore
	pawl.AuditStore
	pawl.ClientStore
	engine
}

// Set is all that a server or a command keeps things in.
type Set struct {
	Database
	pawl.SessionStore
	Throttle pawl.Throttle
	Clock    pawl.TimeSource // nil: the machine's own; one server has the store to itself
	Parts    []Part
	PutBack  time.Time // of which time the backup was that stood in the database's place; zero: none (sqlite.Store.PutBack)
}

// Part is one engine of a set.
type Part struct {
	Name string // sqlite, postgres or redis
	engine
}

// Unacknowledged returns the count of ends that no replica had acknowledged in time,
// where the engine has one; else nil.
func (p Part) Unacknowledged() func() uint64 {
	if e, ok := p.engine.(interface{ Unacknowledged() uint64 }); ok {
		return e.Unacknowledged
	}
	return nil
}

type engine interface {
	// Stats gives the calls that wait for their turn, and the size in bytes.
	Stats() (waiting int, bytes int64)
	Close() error
}

var (
	_ Database          = (*sqlite.Store)(nil)
	_ Database          = (*postgres.Store)(nil)
	_ pawl.TimeSource   = (*postgres.Store)(nil)
	_ pawl.TimeSource   = (*redis.Store)(nil)
	_ pawl.Nudger       = (*postgres.Store)(nil)
	_ pawl.Nudger       = (*redis.Store)(nil)
	_ engine            = (*redis.Store)(nil)
	_ pawl.UserStore    = (*Set)(nil)
	_ pawl.SessionStore = (*Set)(nil)
)

// Open opens what cfg names. An SQLite database that is not there is made, and
// the tables of an empty PostgreSQL database.
func Open(ctx context.Context, cfg *config.Config) (*Set, error) {
	if !cfg.InPostgres() {
		return OpenSQLite(ctx, cfg.DatabasePath(), sqlite.Options{})
	}
	db, err := postgres.Open(ctx, cfg.Database.Reveal(), postgres.Options{Listen: cfg.DatabaseListen.Reveal()})
	if err != nil {
		return nil, err
	}
	set := &Set{Database: db, SessionStore: db, Throttle: db, Clock: db, Parts: []Part{{"postgres", db}}}
	if cfg.Sessions == "" {
		return set, nil
	}
	sessions, err := redis.Open(ctx, cfg.Sessions.Reveal(), redis.Options{})
	if err != nil {
		return nil, errors.Join(err, set.Close())
	}
	set.SessionStore, set.Throttle, set.Clock = sessions, sessions, sessions
	set.Parts = append(set.Parts, Part{"redis", sessions})
	return set, nil
}

// OpenSQLite opens an SQLite database, which holds everything. How often
// sign-ins failed is kept in memory.
func OpenSQLite(ctx context.Context, path string, o sqlite.Options) (*Set, error) {
	db, err := sqlite.Open(ctx, path, o)
	if err != nil {
		return nil, err
	}
	putBack, _ := db.PutBack()
	return &Set{Database: db, SessionStore: db, Throttle: memory.NewThrottle(), Parts: []Part{{"sqlite", db}}, PutBack: putBack}, nil
}

// Close closes all, the one that was opened last first.
func (s *Set) Close() error {
	var errs error
	for i := len(s.Parts) - 1; i >= 0; i-- {
		errs = errors.Join(errs, s.Parts[i].Close())
	}
	return errs
}
