package postgres_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
)

// server is shared by the tests of the package: each has a database of its own.
type server struct {
	*servertest.Postgres
	bouncer *servertest.PgBouncer

	mu   sync.Mutex
	free []string // databases that no test uses
	made int
}

var (
	shared    server
	startOnce sync.Once
	atExit    cleanups
)

// cleanups is a test that ends with the process: servers that all tests share
// are stopped then.
type cleanups struct {
	testing.TB
	mu  sync.Mutex
	all []func()
}

func (c *cleanups) Cleanup(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, f)
}

func (c *cleanups) Failed() bool { return false }

func TestMain(m *testing.M) {
	code := m.Run()
	for i := len(atExit.all) - 1; i >= 0; i-- {
		atExit.all[i]()
	}
	os.Exit(code)
}

// needServers skips a test where there is no time or no program for real servers.
func needServers(t testing.TB) {
	t.Helper()
	servertest.Program(t, "initdb", "postgresql")
	servertest.Program(t, "pgbouncer", "pgbouncer")
}

// start starts the shared server at the first call. Where it is measured, it waits
// for the disk.
func start(t testing.TB) *server {
	t.Helper()
	needServers(t)
	startOnce.Do(func() {
		atExit.TB = t
		_, measured := t.(*testing.B)
		shared.Postgres = servertest.StartPostgres(&atExit, servertest.PostgresOptions{Durable: measured})
		shared.bouncer = servertest.StartPgBouncer(&atExit, shared.Postgres)
	})
	return &shared
}

// database gives an empty one: most often one that another test has left, because
// making one takes longer than all that a test does.
func (s *server) database(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 {
		s.made++
		s.free = append(s.free, fmt.Sprint("t", s.made))
		sql(t, s.URL("postgres"), "CREATE DATABASE "+s.free[0])
	}
	name := s.free[0]
	s.free = s.free[1:]
	t.Cleanup(func() {
		sql(t, s.URL(name), "DROP SCHEMA IF EXISTS pawl CASCADE")
		s.mu.Lock()
		defer s.mu.Unlock()
		s.free = append(s.free, name)
	})
	return name
}

// sql runs a statement and gives the single value of its answer, if there is one.
func sql(t testing.TB, url, query string) string {
	t.Helper()
	ctx := context.Background() // clean-up, too
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	results, err := c.PgConn().Exec(ctx, query).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if last := results[len(results)-1]; len(last.Rows) > 0 {
		return string(last.Rows[0][0])
	}
	return ""
}

func openAt(t testing.TB, url string, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func node(s *postgres.Store) storetest.Node {
	return storetest.Node{Sessions: s, Users: s, Keys: s, Audit: s, Clients: s}
}

// backend opens two stores on a database, as two nodes do.
func backend(t testing.TB, url string) storetest.Backend {
	t.Helper()
	o := postgres.Options{Conns: 8} // most tests need few
	if _, measured := t.(*testing.B); measured {
		o = postgres.Options{}
	}
	return storetest.Backend{Node: node(openAt(t, url, o)), Second: node(openAt(t, url, o))}
}

func direct(t testing.TB) storetest.Backend {
	s := start(t)
	return backend(t, s.URL(s.database(t)))
}

// pooled is behind a pooler in transaction mode.
func pooled(t testing.TB) storetest.Backend {
	s := start(t)
	return backend(t, s.bouncer.URL(s.database(t)))
}

func TestStore(t *testing.T)                     { storetest.Run(t, direct) }
func TestStoreBehindPgBouncer(t *testing.T)      { storetest.Run(t, pooled) }
func BenchmarkStore(b *testing.B)                { storetest.Bench(b, direct) }
func BenchmarkStoreBehindPgBouncer(b *testing.B) { storetest.Bench(b, pooled) }

func throttle(t testing.TB) pawl.Throttle       { return direct(t).Sessions.(*postgres.Store) }
func pooledThrottle(t testing.TB) pawl.Throttle { return pooled(t).Sessions.(*postgres.Store) }

func TestRecords(t *testing.T)                 { storetest.Records(t, direct) }
func TestThrottle(t *testing.T)                { storetest.Throttle(t, throttle) }
func TestThrottleBehindPgBouncer(t *testing.T) { storetest.Throttle(t, pooledThrottle) }
