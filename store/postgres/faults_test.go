package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
)

// chain is a client that rotates one session on and on, and knows what the store
// may hold.
type chain struct {
	s       *postgres.Store
	rec     pawl.Session  // as the store last said
	pending *pawl.Session // a rotation of which nothing is known
	done    int           // rotations that were answered
	failed  int           // calls that gave an error
}

// turn reads and rotates once. An error that is an answer, a session that is
// neither of the two possible ones, or a rotation that nobody took part in and
// did not apply, is a fault of the store.
func (c *chain) turn(ctx context.Context) error {
	rec, _, err := c.s.Get(ctx, c.rec.SessionKey)
	if err != nil {
		c.failed++
		return answered(err)
	}
	if rec != c.rec && (c.pending == nil || rec != *c.pending) {
		return fmt.Errorf("generation %d was read, %d was answered", rec.Generation, c.rec.Generation)
	}
	c.rec, c.pending = rec, nil
	next := storetest.Advanced(rec, rec.Opened.Add(time.Millisecond))
	switch applied, err := c.s.Rotate(ctx, rec, next); {
	case err != nil:
		c.failed++
		c.pending = &next
		return answered(err)
	case !applied:
		return fmt.Errorf("a rotation to generation %d did not apply", next.Generation)
	}
	c.rec = next
	c.done++
	return nil
}

// answered gives an error that should not be one of the store's answers.
func answered(err error) error {
	if errors.Is(err, pawl.ErrNotFound) || errors.Is(err, pawl.ErrConflict) || errors.Is(err, pawl.ErrEnded) {
		return fmt.Errorf("a fault was taken for an answer: %w", err)
	}
	return nil
}

// under runs clients while trouble is made, and then until each of them has got
// on again.
func under(t *testing.T, s *postgres.Store, trouble func()) {
	t.Helper()
	var over atomic.Bool
	var clients sync.WaitGroup
	var failed atomic.Int64
	for i := range 8 {
		rec := storetest.NewSession(fmt.Sprint("u", i), noon)
		if _, err := s.Create(t.Context(), rec, pawl.Mark{}, 0); err != nil {
			t.Fatal(err)
		}
		clients.Go(func() {
			c := &chain{s: s, rec: rec}
			deadline := time.Now().Add(time.Minute)
			for after := 0; after < 5; {
				was, before := c.done, over.Load()
				if err := c.turn(t.Context()); err != nil {
					t.Error(err)
					return
				}
				if before && c.done > was {
					after++
				}
				if time.Now().After(deadline) {
					t.Errorf("client %d does not get on: %d rotations, %d errors", i, c.done, c.failed)
					return
				}
			}
			failed.Add(int64(c.failed))
		})
	}
	trouble()
	over.Store(true)
	clients.Wait()
	t.Logf("%d calls failed", failed.Load())
}

// A server that stops or crashes costs errors, while it is away. What was
// answered is there afterwards, and the store goes on by itself.
func TestServerThatComesBack(t *testing.T) {
	t.Parallel()
	needServers(t)
	pg := servertest.StartPostgres(t, servertest.PostgresOptions{Durable: true})
	bouncer := servertest.StartPgBouncer(t, pg)
	for name, s := range map[string]*postgres.Store{
		"direct":           openAt(t, pg.URL("postgres"), postgres.Options{}),
		"behind PgBouncer": openAt(t, bouncer.URL("postgres"), postgres.Options{}),
	} {
		t.Run(name, func(t *testing.T) {
			under(t, s, func() {
				pg.Restart()
				pg.Kill()
				pg.Restart()
			})
		})
	}
}

// With all hosts in the URL the store finds the one that takes writes.
func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()
	needServers(t)
	primary := servertest.StartPostgres(t, servertest.PostgresOptions{Durable: true, Settings: []string{"synchronous_standby_names=*"}})
	primary.Exec("postgres", "ALTER SYSTEM SET synchronous_commit = local") // until there is one
	primary.Exec("postgres", "SELECT pg_reload_conf()")
	standby := primary.Standby(t)
	primary.Exec("postgres", "ALTER SYSTEM RESET synchronous_commit")
	primary.Exec("postgres", "SELECT pg_reload_conf()")
	await(t, func() bool {
		return primary.Exec("postgres", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1"
	})
	url := fmt.Sprintf("postgres://postgres@%s,%s/postgres?sslmode=disable", standby.Addr, primary.Addr)
	s := openAt(t, url, postgres.Options{})
	under(t, s, func() {
		primary.Kill()
		standby.Promote()
		standby.Exec("postgres", "ALTER SYSTEM SET synchronous_standby_names = ''")
		standby.Exec("postgres", "SELECT pg_reload_conf()")
	})
}

// Behind a pooler a standby may come in the place of the primary without a word.
// What it has may be old, so that it has nothing to say.
func TestPoolerTurnsToAStandby(t *testing.T) {
	t.Parallel()
	needServers(t)
	primary := servertest.StartPostgres(t, servertest.PostgresOptions{})
	bouncer := servertest.StartPgBouncer(t, primary)
	s := openAt(t, bouncer.URL("postgres"), postgres.Options{})
	rec := storetest.NewSession("u", noon)
	if _, err := s.Create(t.Context(), rec, pawl.Mark{}, 0); err != nil {
		t.Fatal(err)
	}
	standby := primary.Standby(t)
	bouncer.Point(standby)
	calls := map[string]func() error{
		"Get":         func() error { _, _, err := s.Get(t.Context(), rec.SessionKey); return err },
		"Mark":        func() error { _, err := s.Mark(t.Context(), "u"); return err },
		"List":        func() error { _, _, err := s.List(t.Context(), "u", pawl.ListPlace{}, 0); return err },
		"Revocations": func() error { _, err := s.Revocations(t.Context(), "", 1); return err },
		"Rotate":      func() error { _, err := s.Rotate(t.Context(), rec, storetest.Advanced(rec, noon)); return err },
		"End":         func() error { _, err := s.End(t.Context(), rec.SessionKey, "x", noon); return err },
		"Create":      func() error { _, err := s.Create(t.Context(), rec, pawl.Mark{}, 0); return err },
	}
	await(t, func() bool { return calls["Get"]() != nil })
	for name, call := range calls {
		if err := call(); err == nil || answered(err) != nil {
			t.Errorf("%s on a standby: %v", name, err)
		}
	}
	standby.Promote()
	await(t, func() bool { return calls["Rotate"]() == nil })
	for name, call := range calls {
		if err := call(); name != "Create" && err != nil {
			t.Errorf("%s afterwards: %v", name, err)
		}
	}
}

// A server that becomes read-only under the store takes no writes: an error, not
// an answer. Its connections are given up, so that others can be found.
func TestServerThatTakesNoWritesAnyMore(t *testing.T) {
	t.Parallel()
	srv := start(t)
	name := srv.database(t)
	s := openAt(t, srv.URL(name), postgres.Options{})
	readOnly := func(on string) {
		sql(t, srv.URL("postgres"), fmt.Sprintf("ALTER DATABASE %s SET default_transaction_read_only = %s", name, on))
	}
	t.Cleanup(func() { readOnly("off") })
	under(t, s, func() {
		readOnly("on") // for connections that are made from now on
		sql(t, srv.URL("postgres"), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '"+name+"'")
		await(t, func() bool {
			_, err := s.EndAll(t.Context(), "x", noon.AddDate(-1, 0, 0))
			return err != nil && answered(err) == nil
		})
		readOnly("off")
	})
}

// A server that does not answer keeps nobody for long.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	url, s, rec := withSession(t)
	release := hold(t, url, "LOCK TABLE pawl.everyone")
	for _, given := range []time.Duration{50 * time.Millisecond, time.Hour} {
		ctx, cancel := context.WithTimeout(t.Context(), given)
		_, _, err := s.Get(ctx, rec.SessionKey)
		if cancel(); err == nil || answered(err) != nil {
			t.Errorf("given %v: %v", given, err)
		}
		if given == time.Hour && !strings.Contains(err.Error(), "did not answer in time") {
			t.Errorf("it does not say what to look at: %v", err)
		}
	}
	release()
	if _, _, err := s.Get(t.Context(), rec.SessionKey); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := postgres.Open(ctx, "postgres://u@"+silent.Addr().String()+"/x?sslmode=disable", postgres.Options{}); err == nil {
		t.Error("opened what does not answer")
	}
}

// Nudges come with each entry of the log, on whatever node, and again after the
// connection for them was lost.
func TestNudges(t *testing.T) {
	t.Parallel()
	needServers(t)
	pg := servertest.StartPostgres(t, servertest.PostgresOptions{})
	bouncer := servertest.StartPgBouncer(t, pg)
	s := openAt(t, bouncer.URL("postgres"), postgres.Options{Listen: pg.URL("postgres")})
	other := openAt(t, bouncer.URL("postgres"), postgres.Options{})
	for range 2 {
		await(t, func() bool {
			return pg.Exec("postgres", "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN pawl_revocations' AND state = 'idle'") == "1"
		})
		nudged(t, s) // that it listens from now on
		for i := range 5 {
			if _, _, err := other.EndUser(t.Context(), fmt.Sprint("u", i), "", "x", noon); err != nil {
				t.Fatal(err)
			}
			nudged(t, s)
		}
		pg.Restart()
		await(t, func() bool { _, err := other.Mark(t.Context(), "u"); return err == nil })
	}
}

func nudged(t *testing.T, s *postgres.Store) {
	t.Helper()
	select {
	case <-s.Nudges():
	case <-time.After(time.Minute):
		t.Fatal("no nudge came")
	}
}
