package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
)

// server is shared by the tests of the package: each has a database of its own.
type server struct {
	*servertest.Postgres
	bouncer *servertest.PgBouncer
}

var (
	shared    server
	startOnce sync.Once
	atExit    cleanups
	databases atomic.Int64
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

const template = "pawl_template"

// start starts the shared server at the first call; without the programs the
// test is skipped.
func start(t testing.TB) *server {
	t.Helper()
	servertest.Program(t, "initdb", "postgresql")
	servertest.Program(t, "pgbouncer", "pgbouncer")
	startOnce.Do(func() {
		atExit.TB = t
		shared.Postgres = servertest.StartPostgres(&atExit, servertest.PostgresOptions{})
		shared.bouncer = servertest.StartPgBouncer(&atExit, shared.Postgres)
		shared.Exec("postgres", "CREATE DATABASE "+template)
		if err := errors.Join(migrated(t, shared.URL(template))); err != nil {
			t.Fatal(err)
		}
	})
	return &shared
}

func migrated(t testing.TB, url string) error {
	s, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		return err
	}
	return s.Close()
}

// database makes a new, empty one, as Open leaves it.
func (s *server) database(t testing.TB, from string) string {
	t.Helper()
	name := fmt.Sprintf("t%d", databases.Add(1))
	s.Exec("postgres", fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, from))
	t.Cleanup(func() { s.Exec("postgres", fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)) })
	return name
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

// direct opens two stores on a new database, as two nodes do.
func direct(t testing.TB) storetest.Backend {
	s := start(t)
	url := s.URL(s.database(t, template))
	return storetest.Backend{Node: node(openAt(t, url, postgres.Options{})), Second: node(openAt(t, url, postgres.Options{}))}
}

// pooled does so behind a pooler in transaction mode.
func pooled(t testing.TB) storetest.Backend {
	s := start(t)
	url := s.bouncer.URL(s.database(t, template))
	return storetest.Backend{Node: node(openAt(t, url, postgres.Options{})), Second: node(openAt(t, url, postgres.Options{}))}
}

func TestStore(t *testing.T)                     { storetest.Run(t, direct) }
func TestStoreBehindPgBouncer(t *testing.T)      { storetest.Run(t, pooled) }
func BenchmarkStore(b *testing.B)                { storetest.Bench(b, direct) }
func BenchmarkStoreBehindPgBouncer(b *testing.B) { storetest.Bench(b, pooled) }

func throttle(t testing.TB) pawl.Throttle       { return direct(t).Sessions.(*postgres.Store) }
func pooledThrottle(t testing.TB) pawl.Throttle { return pooled(t).Sessions.(*postgres.Store) }

func TestThrottle(t *testing.T)                { storetest.Throttle(t, throttle) }
func TestThrottleBehindPgBouncer(t *testing.T) { storetest.Throttle(t, pooledThrottle) }
