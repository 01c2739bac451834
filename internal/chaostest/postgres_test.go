package chaostest

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/pawlauth/pawl/internal/servertest"
)

// postgresEngine is PostgreSQL with, for a fail-over, a standby that streams. A
// pooler stays where it is and is shown the way to the new primary.
func postgresEngine(pooled bool) func(*testing.T) engine {
	return func(t *testing.T) engine { return startPostgres(t, pooled) }
}

func startPostgres(t *testing.T, pooled bool) engine {
	t.Helper()
	pg := servertest.StartPostgres(t, servertest.PostgresOptions{Durable: true})
	e := engine{addrs: []string{pg.Addr}, clock: true}
	var way *servertest.Proxy // from the pooler to the server
	if pooled {
		way = servertest.StartProxy(t, pg.Addr)
		process, by := *pg.Process, *pg
		process.Addr = way.Addr
		by.Process = &process
		e.addrs = []string{servertest.StartPgBouncer(t, &by).Addr}
	}
	e.role = func(addrs []string) role {
		r := role{Database: "postgres://postgres@" + addrs[0] + "/postgres?sslmode=disable"}
		if !pooled {
			r.Listen = r.Database
		}
		return r
	}
	var standby *servertest.Postgres
	follow := func() *servertest.Postgres {
		if standby == nil {
			standby = pg.Standby(t)
		}
		return standby
	}
	follow()
	e.restart = func(kill bool) func() {
		if kill {
			pg.Kill()
		} else {
			pg.Stop()
		}
		return func() { pg.Restart() }
	}
	e.lose = func(h *house, during func()) {
		next := follow()
		standby = nil
		defer h.sum.losing()() // what is written before this is there when it has caught up
		caughtUp(t, pg, next)
		next.Stall()
		during()
		pg.Kill()
		next.Promote()
		if way != nil {
			way.Target(next.Addr)
			way.Cut()
		} else {
			h.moved(0, next.Addr)
		}
		pg = next
	}
	e.fails = func(h *house, _ *rand.Rand, during func()) { e.lose(h, during) }
	e.faults = append(restarts(), losses()...)
	return e
}

// caughtUp waits until the standby has what the primary has now: after a restart
// of the primary it takes a few seconds to ask again.
func caughtUp(t *testing.T, primary, standby *servertest.Postgres) {
	t.Helper()
	at := primary.Exec("postgres", "SELECT pg_current_wal_flush_lsn()")
	eventually(t.Context(), t, "the standby has caught up", func() error {
		if got := standby.Exec("postgres", "SELECT pg_last_wal_replay_lsn() >= '"+at+"'"); got != "t" {
			return errors.New("it lags")
		}
		return nil
	})
}

func TestChaosPostgres(t *testing.T) {
	chaos(t, postgresEngine(false), usual())
}

func TestChaosPgBouncer(t *testing.T) {
	chaos(t, postgresEngine(true), usual())
}

func TestFailuresPostgres(t *testing.T) {
	failures(t, postgresEngine(false))
}

func TestFailuresPgBouncer(t *testing.T) {
	failures(t, postgresEngine(true))
}
