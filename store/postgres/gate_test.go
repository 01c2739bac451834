package postgres_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
	"github.com/pawlauth/pawl/token"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// hold runs a statement in a transaction that is open until release is called.
func hold(t *testing.T, url, query string, args ...any) (release func()) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	tx, err := c.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), query, args...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// call is a call of the store that may have to wait.
type call struct {
	applied bool
	err     error
	done    chan struct{}
}

func begin(f func() (bool, error)) *call {
	c := &call{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.applied, c.err = f()
	}()
	return c
}

func (c *call) answered() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// waits returns when so many backends wait for locks, or the call has answered.
func (c *call) waits(t *testing.T, url string, n int) {
	t.Helper()
	for ; !c.answered(); time.Sleep(5 * time.Millisecond) {
		waiting := sql(t, url, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
		if got, err := strconv.Atoi(waiting); err != nil || got >= n {
			return
		}
	}
}

func (c *call) is(t *testing.T, name string, applied bool, err error) {
	t.Helper()
	<-c.done
	if c.applied != applied || !errors.Is(c.err, err) {
		t.Errorf("%s: applied %v, %v; want %v, %v", name, c.applied, c.err, applied, err)
	}
}

type writeCase struct {
	name  string
	write func(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error)
	ended error // what it answers behind a mark
}

func writes() []writeCase {
	return []writeCase{
		{"rotate", func(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
			return s.Rotate(ctx, rec, storetest.Advanced(rec, noon.Add(time.Minute)))
		}, nil},
		{"end", func(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
			return s.End(ctx, rec.SessionKey, api.ReasonSignedOut, noon)
		}, nil},
		{"create", func(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
			_, err := s.Create(ctx, storetest.NewSession(rec.User, noon), pawl.Mark{}, 1) // writes to the session that is there
			return err == nil, err
		}, pawl.ErrEnded},
	}
}

// everyonesEnds are the ways in which everyone's mark is moved.
func everyonesEnds() map[string]func(context.Context, *postgres.Store) (bool, error) {
	return map[string]func(context.Context, *postgres.Store) (bool, error){
		"EndAll": func(ctx context.Context, s *postgres.Store) (bool, error) {
			_, err := s.EndAll(ctx, "x", noon)
			return true, err
		},
		"EndAgain": func(ctx context.Context, s *postgres.Store) (bool, error) {
			return s.EndAgain(ctx, pawl.LoggedEnd{Revocation: token.Revocation{Kind: token.KindAll, NotBefore: noon, At: noon}}, false)
		},
	}
}

// eachEnd runs a test for every end of everyone's sessions and every write that
// races it.
func eachEnd(t *testing.T, run func(*testing.T, writeCase, func(context.Context, *postgres.Store) (bool, error))) {
	for name, end := range everyonesEnds() {
		for _, w := range writes() {
			t.Run(name+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				run(t, w, end)
			})
		}
	}
}

// SECURITY 24: a mark does not overtake a write that has begun, which would then
// apply after the mark's answer.
func TestAMarkWaitsForWhatHasBegun(t *testing.T) {
	eachEnd(t, func(t *testing.T, w writeCase, endAll func(context.Context, *postgres.Store) (bool, error)) {
		url, s, rec := withSession(t)
		release := hold(t, url, "SELECT 1 FROM pawl.sessions FOR UPDATE")
		write := begin(func() (bool, error) { return w.write(t.Context(), s, rec) })
		write.waits(t, url, 1)
		end := begin(func() (bool, error) { return endAll(t.Context(), s) })
		end.waits(t, url, 2)
		if write.answered() || end.answered() {
			t.Error("the end has answered though a write is under way")
		}
		release()
		write.is(t, "the write", true, nil)
		end.is(t, "the end", true, nil)
	})
}

// SECURITY 24: a write that begins while a mark is made comes behind it.
func TestNoWritePassesAMark(t *testing.T) {
	eachEnd(t, func(t *testing.T, w writeCase, endAll func(context.Context, *postgres.Store) (bool, error)) {
		url, s, rec := withSession(t)
		release := hold(t, url, "INSERT INTO pawl.revocations (kind, subject, reason, not_before, at) VALUES ('x', '', '', 0, 0)")
		end := begin(func() (bool, error) { return endAll(t.Context(), s) })
		end.waits(t, url, 1)
		write := begin(func() (bool, error) { return w.write(t.Context(), s, rec) })
		write.waits(t, url, 2)
		if write.answered() || end.answered() {
			t.Errorf("answered while a mark is made: %v, %v", write.answered(), end.answered())
		}
		release()
		end.is(t, "the end", true, nil)
		write.is(t, "the write", false, w.ended)
	})
}

// The session to keep has run out, so that nothing but the mark ends it.
func TestAUsersMarkWaitsForTheOneItKeeps(t *testing.T) {
	at := noon.Add(time.Minute)
	for name, end := range map[string]func(context.Context, *postgres.Store, pawl.Session) (bool, error){
		"EndUser": func(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
			_, _, err := s.EndUser(ctx, rec.User, rec.ID, "x", at)
			return true, err
		},
		"EndAgain": func(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
			r := token.Revocation{Kind: token.KindUser, ID: rec.User, NotBefore: at, At: at}
			return s.EndAgain(ctx, pawl.LoggedEnd{Revocation: r, Keep: rec.ID}, false)
		},
	} {
		t.Run(name, func(t *testing.T) { aUsersMarkWaits(t, end) })
	}
}

func aUsersMarkWaits(t *testing.T, endUser func(context.Context, *postgres.Store, pawl.Session) (bool, error)) {
	t.Parallel()
	url, s, rec := withSession(t)
	idle := rec
	idle.IdleExpires = noon
	if ok, err := s.Rotate(t.Context(), rec, idle); !ok || err != nil {
		t.Fatal(ok, err)
	}
	release := hold(t, url, "SELECT 1 FROM pawl.sessions FOR UPDATE")
	write := begin(func() (bool, error) { // case 3
		return s.Rotate(t.Context(), idle, storetest.Advanced(idle, noon.Add(time.Minute)))
	})
	write.waits(t, url, 1)
	end := begin(func() (bool, error) { return endUser(t.Context(), s, rec) })
	end.waits(t, url, 2)
	if write.answered() || end.answered() {
		t.Error("the end has answered though a write is under way")
	}
	release()
	write.is(t, "the rotation", true, nil)
	end.is(t, "the end", true, nil)
}

func withSession(t *testing.T) (url string, s *postgres.Store, rec pawl.Session) {
	t.Helper()
	srv := start(t)
	url = srv.URL(srv.database(t))
	s = openAt(t, url, postgres.Options{})
	rec = storetest.NewSession("u", noon)
	if _, err := s.Create(t.Context(), rec, pawl.Mark{}, 0); err != nil {
		t.Fatal(err)
	}
	return url, s, rec
}
