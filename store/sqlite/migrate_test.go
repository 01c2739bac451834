package sqlite

import (
	"slices"
	"strings"
	"sync"
	"testing"

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
