package postgres_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/postgres"
)

func appendEvents(t *testing.T, s *postgres.Store, n int) {
	t.Helper()
	for i := range n {
		if err := s.Append(t.Context(), pawl.Event{At: noon, Kind: pawl.EventSignIn, User: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// A fail-over can lose audit entries, and their ids are given again: a reader whose
// cursor is at one of those begins again, and skips nothing.
func TestAnAuditCursorOfEntriesThatWereLost(t *testing.T) {
	for _, lost := range []int{1, 10, 100} { // a sequence is logged 32 ahead
		t.Run(strconv.Itoa(lost), func(t *testing.T) { auditCursorOfLostEntries(t, lost) })
	}
}

func auditCursorOfLostEntries(t *testing.T, lost int) {
	t.Parallel()
	needServers(t)
	pg := servertest.StartPostgres(t, servertest.PostgresOptions{})
	s := openAt(t, pg.URL("postgres"), postgres.Options{})
	appendEvents(t, s, 5)
	early, err := s.Audit(t.Context(), pawl.AuditQuery{Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	standby := pg.Standby(t)
	await(t, func() bool { return standby.Exec("postgres", "SELECT count(*) FROM pawl.audit") == "5" })
	standby.Stall()
	appendEvents(t, s, lost)
	page, err := s.Audit(t.Context(), pawl.AuditQuery{Limit: 1000})
	if err != nil || len(page.Entries) != 5+lost {
		t.Fatal(len(page.Entries), err)
	}
	pg.Kill()
	standby.Promote()
	s = openAt(t, standby.URL("postgres"), postgres.Options{})
	for _, n := range []int{0, 1, 200} {
		appendEvents(t, s, n)
		if next, err := s.Audit(t.Context(), pawl.AuditQuery{After: page.Cursor, Limit: 1000}); !errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("after %d more: the reader goes on with %d entries, %v", n, len(next.Entries), err)
		}
	}
	if next, err := s.Audit(t.Context(), pawl.AuditQuery{After: early.Cursor, Limit: 1000}); err != nil || len(next.Entries) != 2+201 {
		t.Errorf("a cursor of an entry that was kept: %d entries, %v", len(next.Entries), err)
	}
}

// A cursor stays good when the entry that it is at is swept, by hand too.
func TestAnAuditCursorOfAnEntryThatWasSwept(t *testing.T) {
	t.Parallel()
	url, s, _ := withSession(t)
	appendEvents(t, s, 10)
	page, err := s.Audit(t.Context(), pawl.AuditQuery{Limit: 6})
	if err != nil {
		t.Fatal(err)
	}
	sql(t, url, "DELETE FROM pawl.audit WHERE id <= 4 OR id = 6") // as a release does that knows of no trigger
	after := func(cursor string) string {
		next, err := s.Audit(t.Context(), pawl.AuditQuery{After: cursor, Limit: 100})
		return fmt.Sprint(len(next.Entries), " ", errors.Is(err, pawl.ErrNotFound))
	}
	if got := after(page.Cursor); got != "4 false" {
		t.Errorf("its entry was swept: %s", got)
	}
	at5 := page.Cursor[:strings.LastIndex(page.Cursor, "6:")] + "5:" + sql(t, url, "SELECT tag FROM pawl.audit WHERE id = 5")
	if got := after(at5); got != "4 false" {
		t.Errorf("before one that was swept: %s", got)
	}
	if got := after(at5 + "1"); got != "0 true" {
		t.Errorf("another entry's: %s", got)
	}
	if n, err := s.SweepAudit(t.Context(), noon.Add(time.Hour), 100); n != 5 || err != nil {
		t.Error(n, err)
	}
	if got := after(at5); got != "0 false" {
		t.Errorf("all were swept: %s", got)
	}
}

// An audit log that an earlier release has written is not rewritten, and a release
// that is still running goes on writing and sweeping; its cursors are good.
func TestAnAuditLogOfAnEarlierRelease(t *testing.T) {
	t.Parallel()
	srv := start(t)
	url := srv.URL(srv.database(t))
	if err := postgres.MigrateTo(t.Context(), url, 4); err != nil {
		t.Fatal(err)
	}
	write := func(n int) {
		sql(t, url, fmt.Sprintf(`INSERT INTO pawl.audit (at, rule, kind, user_id, login, session, reason, address, agent, label, key_id, actor, why, object)
			SELECT %d + i, 0, 'sign_in', 'u', '', '', '', '', '', '', '', '', '', '' FROM generate_series(1, %d) i`, noon.UnixMilli(), n))
	}
	write(10)
	sql(t, url, "DELETE FROM pawl.audit WHERE id <= 3")
	file := sql(t, url, "SELECT pg_relation_filenode('pawl.audit')")
	s := openAt(t, url, postgres.Options{})
	if now := sql(t, url, "SELECT pg_relation_filenode('pawl.audit')"); now != file {
		t.Error("the table was rewritten")
	}
	write(5)
	epoch := sql(t, url, "SELECT value FROM pawl.meta WHERE name = 'epoch'")
	for cursor, want := range map[string]int{":0": 12, ":2": 12, ":10": 5, ":12": 3, ":15": 0, ":15:0": -1, ":10:0": 5, ":10:7": -1, ":16": -1} {
		page, err := s.Audit(t.Context(), pawl.AuditQuery{After: epoch + cursor, Limit: 100})
		if (want < 0) != errors.Is(err, pawl.ErrNotFound) || len(page.Entries) != max(want, 0) {
			t.Errorf("cursor %s: %d entries, %v; want %d", cursor, len(page.Entries), err, want)
		}
	}
}
