// Package postgres keeps everything in a PostgreSQL database (14 or later): the
// store of a Pawl that runs on several machines. Any number of nodes share it.
//
// What a reissue does is one statement each: a read, a conditional UPDATE. It
// works on a direct connection, and behind PgBouncer in transaction mode, which
// it notices by itself. Its tables are in a schema of their own, pawl.
//
// An error that is not one of the root's means that nothing is known of the
// outcome. A read is repeated once where the connection broke, a write only
// where nothing of it was sent.
package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pawlauth/pawl"
)

var (
	_ pawl.SessionStore  = (*Store)(nil)
	_ pawl.RecordScanner = (*Store)(nil)
	_ pawl.UserStore     = (*Store)(nil)
	_ pawl.KeyStore      = (*Store)(nil)
	_ pawl.AuditStore    = (*Store)(nil)
	_ pawl.ClientStore   = (*Store)(nil)
	_ pawl.Throttle      = (*Store)(nil)
)

// Options of [Open]. The zero value is what a server wants.
type Options struct {
	// Listen is the URL of a direct connection, on which the store hears at once
	// that the revocation log has grown (LISTEN does not pass a pooler in
	// transaction mode). Empty: callers poll.
	Listen string

	// Conns is how many connections there are at most; 0 means what the URL says
	// (pool_max_conns), else 20.
	Conns int

	// Log is told once, at Open, of a connection that may go unencrypted; nil means
	// slog.Default.
	Log *slog.Logger
}

const defaultConns = 20

// Store is a session store, a user table, a key store, an audit log, a table of
// registered clients and a throttle in one database. All methods are safe for
// concurrent use.
type Store struct {
	name     string // of the database, for people
	epoch    string // of cursors
	pool     *pgxpool.Pool
	era      atomic.Int64  // grows when the connections made so far are given up
	checkDue atomic.Bool   // of the settings behind a pooler, once a second
	waiting  atomic.Int64  // callers that wait for a connection
	bytes    atomic.Int64  // as last measured
	long     chan struct{} // held by whoever looks at a whole table
	audit    *appender
	nudges   *listener // nil: none
	sweep    sweeping
	forget   forgetting
	closing  sync.Once
}

// Open connects to the database that url names (postgres://user@host:5432/name,
// several hosts too: it uses the one that can be written to) and brings its schema
// up to date. Of several nodes that start at once, one does so. An error says
// what to do, and holds no password.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	s := &Store{long: make(chan struct{}, 1)}
	cfg, err := s.config(url, o.Conns)
	if err == nil && o.Listen != "" {
		s.nudges, err = newListener(o.Listen)
	}
	if err != nil {
		return nil, err
	}
	warnOfClearText(ctx, o, url)
	if err := s.prepare(ctx, cfg); err != nil {
		return nil, s.fault(err)
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, s.fault(err)
	}
	s.audit = newAppender(s)
	s.nudges.start()
	return s, nil
}

// prepare brings the schema up to date and learns what it must know of the server.
func (s *Store) prepare(ctx context.Context, cfg *pgxpool.Config) (err error) {
	ctx, cancel := context.WithTimeout(ctx, longPatience)
	defer cancel()
	c, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	if err := s.meet(ctx, c, cfg); err != nil {
		return err
	}
	if err := migrate(ctx, c); err != nil {
		return err
	}
	return c.QueryRow(ctx, `SELECT value FROM pawl.meta WHERE name = 'epoch'`, pgx.QueryExecModeExec).Scan(&s.epoch)
}

// meet refuses a server that cannot keep what is promised, and notices a pooler:
// the process that it names is not the one that answers. Behind one, statements
// are not prepared, because the next one may run on another connection, and
// nothing is set, because others use it too.
func (s *Store) meet(ctx context.Context, c *pgx.Conn, cfg *pgxpool.Config) error {
	var version string
	var number, pid int64
	err := c.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('server_version_num')::bigint,
		pg_backend_pid()::bigint`, pgx.QueryExecModeExec).Scan(&version, &number, &pid)
	switch {
	case err != nil:
		return err
	case number < 140000:
		return fmt.Errorf("the server is PostgreSQL %s: version 14 or later is needed", version)
	case uint32(pid) == c.PgConn().PID():
		keepAlive(cfg.ConnConfig)
		return checkSettings(ctx, c, settle(cfg.ConnConfig))
	case cfg.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement:
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	s.checkDue.Store(true)
	return checkSettings(ctx, c, settings)
}

// Close finishes the audit entries that were handed in and closes the
// connections. Calls that start after it fail.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.nudges.close()
		s.audit.close()
		s.pool.Close()
	})
	return nil
}

// Now gives the server's time.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var micros int64
	err := s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, selectNow).Scan(&micros)
	})
	if err != nil {
		return time.Time{}, err
	}
	return time.UnixMicro(micros).UTC(), nil
}

// selectNow asks for a number: how a time is written depends on the session.
const selectNow = `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

// Nudges gives a value when something was appended to the revocation log, or
// may have been. It is nil where Options.Listen is empty. It only hastens: who
// reads the log must also look by themselves from time to time.
func (s *Store) Nudges() <-chan struct{} {
	if s.nudges == nil {
		return nil
	}
	return s.nudges.c
}

// Stats gives how many callers wait for a connection, and the size of the
// database in bytes, as last known where it cannot be asked.
func (s *Store) Stats() (waiting int, bytes int64) {
	waiting = int(s.waiting.Load())
	ctx, cancel := context.WithTimeout(context.Background(), statsPatience)
	defer cancel()
	err := s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&bytes)
	})
	if err != nil {
		return waiting, s.bytes.Load()
	}
	s.bytes.Store(bytes)
	return waiting, bytes
}
