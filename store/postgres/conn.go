package postgres

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// How long a call may take, waiting for a connection and for locks included: a
// server that hangs gives errors, and keeps nobody.
const (
	patience      = 5 * time.Second
	longPatience  = time.Minute // of what looks at a whole table
	statsPatience = 2 * time.Second
	// finish is how much longer a statement that has begun may take when its
	// caller has gone: breaking a connection costs the server more than that.
	finish = time.Second
)

var errURL = errors.New("the address of the database cannot be read: it looks like postgres://user:password@host:5432/name (with ?sslmode=verify-full, say), with special characters of the password written as %XX")

// config reads the address. What the parser says of a bad one is not repeated:
// it may hold a part of the password.
func (s *Store) config(url string, conns int) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errURL
	}
	s.name = nameOf(cfg.ConnConfig)
	if conns > 0 {
		cfg.MaxConns = int32(conns)
	} else if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = defaultConns
	}
	tune(cfg.ConnConfig)
	if cfg.MaxConnLifetimeJitter == 0 { // those that were made at once do not end at once
		cfg.MaxConnLifetimeJitter = cfg.MaxConnLifetime / 4
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		c.PgConn().CustomData()[stateOf] = &connState{era: s.era.Load()}
		return checkSettings(ctx, c, settings)
	}
	return cfg, nil
}

// tune sets what every connection needs. None is made to a standby: what it has
// may be old, and it takes no writes.
func tune(c *pgx.ConnConfig) {
	if c.ValidateConnect == nil {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = patience
	}
	c.BuildContextWatcherHandler = func(p *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: p.Conn(), DeadlineDelay: finish}
	}
	c.OnNotice = noticed
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "pawl"
	}
}

// keepAlive lets the server notice within about ten seconds that a node was cut
// off, in the middle of what it sent too, and give its locks to the others.
func keepAlive(c *pgx.ConnConfig) {
	for name, value := range map[string]string{"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"} {
		if c.RuntimeParams[name] == "" {
			c.RuntimeParams[name] = value
		}
	}
}

// nameOf is host:port/database, without who signs in.
func nameOf(c *pgx.ConnConfig) string {
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database
}

// work is what a call does with a connection.
type work func(ctx context.Context, c *pgx.Conn) error

// reading runs f, and once more where the connection broke under it.
func (s *Store) reading(ctx context.Context, f work) error {
	return s.run(ctx, patience, lost, f)
}

// surveying is reading for what may look at a whole table. There is one at a
// time: a few searches would else keep every connection from the requests.
func (s *Store) surveying(ctx context.Context, f work) error {
	select {
	case s.long <- struct{}{}:
		defer func() { <-s.long }()
		return s.run(ctx, longPatience, lost, f)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writing runs f, and once more only where nothing of it was sent.
func (s *Store) writing(ctx context.Context, f work) error {
	return s.run(ctx, patience, pgconn.SafeToRetry, f)
}

// transacting is writing in a transaction. A node that is cut off in the middle
// of one does not keep its locks from the others for long.
func (s *Store) transacting(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	return s.writing(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return pgx.BeginTxFunc(ctx, c, pgx.TxOptions{BeginQuery: begin}, func(tx pgx.Tx) error { return f(ctx, tx) })
	})
}

const begin = `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '5s'`

func (s *Store) run(ctx context.Context, limit time.Duration, again func(error) bool, f work) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := s.with(bounded, f)
	if err != nil && again(err) && bounded.Err() == nil {
		err = s.with(bounded, f)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return s.fault(err)
}

// with runs f with a connection of the pool. If that turns out to be broken, or
// to be with a server that takes no writes any more, all that were made before
// are given up too: most often the server was restarted, or replaced.
func (s *Store) with(ctx context.Context, f work) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.waiting.Add(1)
	c, err := s.pool.Acquire(ctx)
	s.waiting.Add(-1)
	if err != nil {
		return err
	}
	defer c.Release()
	state := stateIn(c.Conn().PgConn())
	state.unconfirmed = false
	if err = s.recheck(ctx, c.Conn()); err == nil {
		err = f(ctx, c.Conn())
	}
	if err == nil && state.unconfirmed {
		err = errUnconfirmed
	}
	if err != nil && c.Conn().IsClosed() && ctx.Err() == nil {
		err = broken{err}
	}
	if (lost(err) || stale(err)) && s.era.CompareAndSwap(state.era, state.era+1) {
		s.pool.Reset()
	}
	return err
}
