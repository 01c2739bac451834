package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/postgres"
)

// What is wrong with the address or the server is said with what to do, and
// without the password (SECURITY 56).
func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const canary = "hunter2-canary"
	srv := start(t)
	name := srv.database(t)
	sql(t, srv.URL("postgres"), "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN; DROP ROLE IF EXISTS hasty; CREATE ROLE hasty LOGIN SUPERUSER; ALTER ROLE hasty SET synchronous_commit = off")
	t.Cleanup(func() { sql(t, srv.URL("postgres"), "DROP ROLE guest; DROP ROLE hasty") })
	with := func(user, database string) string {
		return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", user, canary, srv.Addr, database)
	}
	for _, test := range []struct{ name, url, says string }{
		{"not an address", "postgres://u:" + canary + "@[::1/x", "it looks like postgres://"},
		{"a password that is not encoded", "postgres://u:" + canary + "%zz@host/x", "it looks like postgres://"},
		{"an unknown setting", "postgres://u:" + canary + "@host/x?sslmode=" + canary, "it looks like postgres://"},
		{"nobody there", fmt.Sprintf("postgres://u:%s@%s/x", canary, servertest.FreeAddr(t)), "check that it runs and can be reached"},
		{"no such database", with("postgres", "nothing"), "createdb"},
		{"no such user", with("nobody", name), "check user and password"},
		{"a user who may not make tables", with("guest", name), "must own the database"},
		{"commits that do not last", with("hasty", name), "synchronous_commit is off"},
	} {
		s, err := postgres.Open(t.Context(), test.url, postgres.Options{})
		switch {
		case err == nil:
			t.Errorf("%s: opened", test.name)
			_ = s.Close()
		case !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), canary) || strings.Contains(fmt.Sprintf("%+v", err), canary):
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// A pooler is noticed: no statement has a name there, and nothing is set. On a
// direct connection the server is to notice when a node is gone.
func TestAPoolerIsNoticed(t *testing.T) {
	t.Parallel()
	srv := start(t)
	name := srv.database(t)
	for via, want := range map[string]string{
		srv.URL(name):         "1 5",
		srv.bouncer.URL(name): "0 " + sql(t, srv.URL(name), "SHOW tcp_keepalives_idle"),
		srv.URL(name) + "&default_query_exec_mode=simple_protocol&tcp_keepalives_idle=30": "0 30",
	} {
		s := openAt(t, via, postgres.Options{Conns: 1})
		if _, err := s.Mark(t.Context(), "u"); err != nil {
			t.Fatal(err)
		}
		got, err := s.Ask(t.Context(), `SELECT (SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%pawl.everyone%') || ' ' || current_setting('tcp_keepalives_idle')`)
		if err != nil || got != want {
			t.Errorf("%s: %s, not %s, %v", via, got, want, err)
		}
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	srv := start(t)
	s := openAt(t, srv.URL(srv.database(t)), postgres.Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Mark(t.Context(), "u"); err == nil {
		t.Error("it answers after it was closed")
	}
	if err := s.Append(t.Context(), pawl.Event{Kind: pawl.EventSignIn}); err == nil {
		t.Error("it appends after it was closed")
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	srv := start(t)
	s := openAt(t, srv.URL(srv.database(t)), postgres.Options{})
	if waiting, bytes := s.Stats(); waiting != 0 || bytes < 1<<20 {
		t.Errorf("%d wait, %d bytes", waiting, bytes)
	}
	if now, err := s.Now(t.Context()); err != nil || now.IsZero() {
		t.Error(now, err)
	}
	if s.Nudges() != nil {
		t.Error("nudges without a connection for them")
	}
}
