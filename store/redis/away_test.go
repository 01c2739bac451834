package redis

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/pawlauth/pawl/internal/servertest"
)

// primaryOf is which primary of a new cluster has a user.
func primaryOf(s *Store, user string) int {
	return int(slot(s.layout.tags[partition(user)])) * 3 / slots
}

// on is a user whom that primary has, other than those before.
func on(s *Store, primary, n int) string {
	for i := 0; ; i++ {
		user := fmt.Sprint("user-", i)
		if primaryOf(s, user) != primary {
			continue
		}
		if n--; n < 0 {
			return user
		}
	}
}

// SECURITY 86: while a primary of a Cluster is away, the logs of the others are read, and what
// they lose shows; what it has lost itself shows when it is back.
func TestOnePrimaryIsAway(t *testing.T) {
	servers := servertest.StartCluster(t, "--cluster-node-timeout", "60000")
	s := openTest(t, servers.URL)
	away, here, later := on(s, 0, 0), on(s, 1, 0), on(s, 1, 1)
	endUser(t, s, away, noon)
	endUser(t, s, here, noon)
	cursor := after(t, s, "", 10).Cursor
	gone := servers.Nodes[0]

	gone.Signal(syscall.SIGSTOP)
	endUser(t, s, later, noon)
	page, err := s.Revocations(t.Context(), cursor, 10)
	if err == nil || page.Cursor == "" || page.Reset || len(page.Entries) != 1 || page.Entries[0].ID != later {
		t.Errorf("one primary hangs: %+v, %v", page, err)
	}
	gone.Signal(syscall.SIGCONT)
	servertest.Await(t, func() error { _, err := s.Revocations(t.Context(), cursor, 10); return err })

	gone.Kill()
	p := partition(later)
	servers.Nodes[1].Do("DEL", s.layout.log(p), s.layout.head(p))
	page, err = s.Revocations(t.Context(), page.Cursor, 10)
	if err == nil || page.Cursor == "" || !page.Reset || len(page.Entries) != 1 || page.Entries[0].ID != here {
		t.Errorf("another one has lost an entry: %+v, %v", page, err)
	}
	if next, err := s.Revocations(t.Context(), page.Cursor, 10); err == nil || next.Reset || len(next.Entries) > 0 {
		t.Errorf("and then: %+v, %v", next, err)
	}
	gone.Restart()
	servertest.Await(t, func() error { page, err = s.Revocations(t.Context(), page.Cursor, 10); return err })
	if !page.Reset || len(page.Entries) != 2 {
		t.Errorf("it is back: %+v", page)
	}
	if next := after(t, s, page.Cursor, 10); next.Reset || len(next.Entries) > 0 {
		t.Errorf("and then: %+v", next)
	}
}
