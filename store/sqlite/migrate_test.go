package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/storetest"
)

func TestMigrate(t *testing.T) {
	list, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	s := openTest(t)
	storetest.Seed(t, s, 20, noon)
	next := migration{int64(len(list) + 1), "next", "CREATE TABLE next (x); INSERT INTO next VALUES (7); ALTER TABLE users ADD COLUMN next TEXT"}
	bad := migration{int64(len(list) + 2), "bad", "CREATE TABLE bad (x); INSERT INTO nowhere VALUES (1)"}
	use := func(f func(*conn) error) error {
		c, err := connect(t.Context(), s.path)
		if err != nil {
			return err
		}
		defer c.close()
		return f(c)
	}
	upTo := func(m ...migration) func(*conn) error {
		return func(c *conn) error { return migrateTo(c, append(slices.Clone(list), m...)) }
	}

	if err := use(upTo(next, bad)); err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("a migration that fails: %v", err)
	}
	if err := use(func(c *conn) error { _, err := c.int("SELECT x FROM next"); return err }); err == nil {
		t.Error("half of the migrations was kept")
	}
	var wg sync.WaitGroup
	for range 8 { // processes that start at once
		wg.Go(func() {
			if err := use(upTo(next)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	err = use(func(c *conn) error {
		n, err := c.int("SELECT count(*) FROM next")
		if n != 1 {
			t.Errorf("migrated %d times", n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if n, err := liveSessions(s); err != nil || n != 20 { // a server of before goes on
		t.Errorf("%d sessions, %v", n, err)
	}
	if err := use(upTo()); err == nil || !strings.Contains(err.Error(), "newer Pawl") {
		t.Errorf("a program of before: %v", err)
	}
}

// A database that the first release made is brought up to date with all that is
// in it.
func TestUpgradeFromTheFirstSchema(t *testing.T) {
	list, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pawl.db")
	old, err := connect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(migrateTo(old, list[:1]), old.script(fmt.Sprintf("PRAGMA application_id = %d", applicationID)), old.script(`
		INSERT INTO sessions VALUES ('u', zeroblob(16), 3, 1, 2, 2, 9000000000000, 9000000000000, 1, 'a', 'b', 'c', NULL, 0, '');
		INSERT INTO users VALUES ('u', 'ada', 'ada', 'hash', 0, '["admin"]', '');
		INSERT INTO revocations (kind, subject, reason, not_before, at) VALUES ('user', 'v', 'disabled', 1, 2);
		INSERT INTO keys (id, use, algorithm, sealed, created, signs_from) VALUES ('k', 'access', 'ES256', x'01', 1, 2)`),
		old.close(), os.Chmod(path, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sessions, _, err := s.List(t.Context(), "u", pawl.ListPlace{}, 0)
	if err != nil || len(sessions) != 1 || sessions[0].Generation != 3 {
		t.Errorf("sessions %v, %v", sessions, err)
	}
	if u, err := s.ByLogin(t.Context(), "ada"); err != nil || u.ID != "u" || !slices.Equal(u.Roles, []string{"admin"}) {
		t.Errorf("user %v, %v", u, err)
	}
	if log, err := s.Revocations(t.Context(), "", 10); err != nil || len(log.Entries) != 1 {
		t.Errorf("revocations %v, %v", log, err)
	}
	if keys, err := s.Keys(t.Context()); err != nil || len(keys) != 1 {
		t.Errorf("keys %v, %v", keys, err)
	}
	if err := s.Append(t.Context(), pawl.Event{At: noon, Kind: pawl.EventSignIn}); err != nil {
		t.Error(err)
	}
	if page, err := s.Audit(t.Context(), pawl.AuditQuery{Limit: 10}); err != nil || len(page.Entries) != 1 {
		t.Errorf("audit %v, %v", page, err)
	}
}

// SECURITY 58: not even a mistake in this package can change an entry.
func TestAuditEntriesAreNeverChanged(t *testing.T) {
	s := openTest(t)
	if err := s.Append(t.Context(), pawl.Event{At: noon, Kind: pawl.EventReused}); err != nil {
		t.Fatal(err)
	}
	err := s.writing(t.Context(), func(c *conn) error {
		_, err := c.exec("UPDATE audit SET kind = 'sign_in'")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "never changed") {
		t.Errorf("an update: %v", err)
	}
	if page, err := s.Audit(t.Context(), pawl.AuditQuery{}); err != nil || page.Entries[0].Kind != pawl.EventReused {
		t.Errorf("audit %v, %v", page, err)
	}
}
