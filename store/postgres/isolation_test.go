package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
)

// setDatabase gives a database another default until the test ends. Connections
// that the pooler has are given up, so that its next ones have it.
func setDatabase(t *testing.T, srv *server, name, setting, value string) {
	t.Helper()
	giveUp := func() {
		sql(t, srv.URL("postgres"), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '"+name+"'")
	}
	t.Cleanup(func() {
		sql(t, srv.URL("postgres"), "ALTER DATABASE "+name+" RESET "+setting)
		giveUp()
	})
	sql(t, srv.URL("postgres"), fmt.Sprintf("ALTER DATABASE %s SET %s = '%s'", name, setting, value))
	giveUp()
}

// SECURITY 24, whatever isolation the database gives by default: a write that begins
// while a mark is made comes behind it, prepared or not.
func TestNoWritePassesAMarkUnderAnotherIsolation(t *testing.T) {
	for _, level := range []string{"repeatable read", "serializable"} {
		for _, w := range writes() {
			t.Run(level+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				srv := start(t)
				name := srv.database(t)
				setDatabase(t, srv, name, "default_transaction_isolation", level)
				url := srv.URL(name)
				s, one := openAt(t, url, postgres.Options{Conns: 2}), openAt(t, url, postgres.Options{Conns: 1})
				prepared(t, one, w)
				for _, writer := range []*postgres.Store{s, one} {
					noWritePassesAMark(t, url, s, writer, w)
				}
			})
		}
	}
}

// prepared has a store's one connection know the statements of a write.
func prepared(t *testing.T, s *postgres.Store, w writeCase) {
	t.Helper()
	for range 6 { // a plan is kept after the fifth
		other := storetest.NewSession("v", noon)
		if _, err := s.Create(t.Context(), other, pawl.Mark{}, 0); err != nil {
			t.Fatal(err)
		}
		if ok, err := w.write(t.Context(), s, other); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
}

func noWritePassesAMark(t *testing.T, url string, s, writer *postgres.Store, w writeCase) {
	t.Helper()
	mark, err := s.Mark(t.Context(), "u")
	if err != nil {
		t.Fatal(err)
	}
	rec := storetest.NewSession("u", noon.Add(time.Duration(mark.Version)*time.Second))
	if _, err := s.Create(t.Context(), rec, mark, 0); err != nil {
		t.Fatal(err)
	}
	release := hold(t, url, "INSERT INTO pawl.revocations (kind, subject, reason, not_before, at) VALUES ('x', '', '', 0, 0)")
	end := begin(func() (bool, error) { _, err := s.EndAll(t.Context(), "x", rec.AuthTime); return true, err })
	end.waits(t, url, 1)
	write := begin(func() (bool, error) { return w.write(t.Context(), writer, rec) })
	write.waits(t, url, 2)
	release()
	end.is(t, "the end", true, nil)
	write.is(t, "the write", false, w.ended)
}

// Of several rotations of one generation one applies, and none is an error.
func TestRacingRotationsUnderAnotherIsolation(t *testing.T) {
	t.Parallel()
	srv := start(t)
	name := srv.database(t)
	setDatabase(t, srv, name, "default_transaction_isolation", "repeatable read")
	s := openAt(t, srv.URL(name), postgres.Options{})
	for i := range 20 {
		rec := storetest.NewSession(fmt.Sprint("u", i), noon)
		if _, err := s.Create(t.Context(), rec, pawl.Mark{}, 0); err != nil {
			t.Fatal(err)
		}
		var calls []*call
		for range 8 {
			calls = append(calls, begin(func() (bool, error) {
				return s.Rotate(t.Context(), rec, storetest.Advanced(rec, noon.Add(time.Minute)))
			}))
		}
		won := 0
		for _, c := range calls {
			<-c.done
			if c.err != nil {
				t.Errorf("round %d: %v", i, c.err)
			}
			if c.applied {
				won++
			}
		}
		if won != 1 {
			t.Errorf("round %d: %d rotations applied", i, won)
		}
	}
}

// Behind a pooler the connection to the server can be newer than what was checked:
// another isolation is noticed before long, and every call is refused then, and so
// are new connections, until the database is set right.
func TestIsolationThatChangesBehindThePooler(t *testing.T) {
	t.Parallel()
	srv := start(t)
	name := srv.database(t)
	s := openAt(t, srv.bouncer.URL(name), postgres.Options{Conns: 1})
	rec := storetest.NewSession("u", noon)
	if _, err := s.Create(t.Context(), rec, pawl.Mark{}, 0); err != nil {
		t.Fatal(err)
	}
	setDatabase(t, srv, name, "default_transaction_isolation", "repeatable read")
	const advice = "ALTER DATABASE <name> SET default_transaction_isolation = 'read committed'"
	await(t, func() bool {
		_, err := s.Mark(t.Context(), "u")
		return err != nil && strings.Contains(err.Error(), advice)
	})
	for _, w := range writes() {
		if applied, err := w.write(t.Context(), s, rec); applied || err == nil || !strings.Contains(err.Error(), advice) {
			t.Errorf("%s: %v %v", w.name, applied, err)
		}
	}
	if _, err := postgres.Open(t.Context(), srv.bouncer.URL(name), postgres.Options{}); err == nil || !strings.Contains(err.Error(), advice) {
		t.Errorf("opened, or without a word: %v", err)
	}
	setDatabase(t, srv, name, "default_transaction_isolation", "read committed")
	await(t, func() bool {
		ok, err := s.Rotate(t.Context(), rec, storetest.Advanced(rec, noon.Add(time.Minute)))
		return ok && err == nil
	})
}
