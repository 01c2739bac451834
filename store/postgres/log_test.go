package postgres_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
)

// rounds of a race: many where time does not matter.
func rounds(n int) int {
	if os.Getenv("CI") == "true" {
		return 10 * n
	}
	return n
}

// slowly appends entries in transactions that stay open for a while, and takes
// every third one back. What it committed, it says.
func slowly(t *testing.T, url string, n int, subject func(i int) string, committed func(string)) {
	ctx := t.Context()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close(ctx)
	for i := range n {
		tx, err := c.Begin(ctx)
		if err == nil {
			_, err = tx.Exec(ctx, "INSERT INTO pawl.revocations (kind, subject, reason, not_before, at) VALUES ('session', $1, '', 0, 1)", []byte(subject(i)))
		}
		if err == nil {
			_, err = tx.Exec(ctx, "SELECT pg_sleep(0.002)")
		}
		if err == nil && i%3 == 2 {
			err = tx.Rollback(ctx)
		} else if err == nil {
			committed(subject(i))
			err = tx.Commit(ctx)
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// follow reads the log with small pages, to its end after done was closed.
func follow(ctx context.Context, s *postgres.Store, limit int, done <-chan struct{}) (ids []string, err error) {
	for cursor, last := "", false; ; {
		select {
		case <-done:
			last = true
		default:
		}
		page, err := s.Revocations(ctx, cursor, limit)
		if err != nil {
			return ids, err
		}
		if page.Reset && len(ids) > 0 {
			return ids, fmt.Errorf("reset after %d entries", len(ids))
		}
		for _, e := range page.Entries {
			ids = append(ids, e.ID)
		}
		if cursor = page.Cursor; last && !page.More {
			return ids, nil
		}
	}
}

// No entry is committed behind the back of a follower: whoever ends, however long
// a transaction takes, and whatever else is open in the database.
func TestAFollowerSkipsNothing(t *testing.T) {
	t.Parallel()
	srv := start(t)
	url := srv.URL(srv.database(t))
	one, two := openAt(t, url, postgres.Options{}), openAt(t, srv.bouncer.URL(urlDatabase(url)), postgres.Options{})
	defer hold(t, url, "SELECT pg_current_xact_id()")() // an old transaction elsewhere keeps nobody back

	var mu sync.Mutex
	want := map[string]bool{}
	note := func(id string) { mu.Lock(); want[id] = true; mu.Unlock() }
	done := make(chan struct{})

	var enders, followers sync.WaitGroup
	for w := range 6 {
		enders.Go(func() {
			s := []*postgres.Store{one, two}[w%2]
			for i := range rounds(15) {
				rec := storetest.NewSession(fmt.Sprint("u", w), noon)
				_, err := s.Create(t.Context(), rec, pawl.Mark{}, 0)
				if err == nil {
					note(rec.ID)
					_, err = s.End(t.Context(), rec.SessionKey, api.ReasonSignedOut, noon)
				}
				if err != nil {
					t.Errorf("end %d: %v", i, err)
				}
			}
		})
	}
	for w := range 3 {
		enders.Go(func() {
			slowly(t, url, rounds(15), func(i int) string { return fmt.Sprintf("slow %d %d", w, i) }, note)
		})
	}
	seen := make([][]string, 3)
	for i := range seen {
		followers.Go(func() {
			var err error
			if seen[i], err = follow(t.Context(), []*postgres.Store{one, two}[i%2], 1+4*i, done); err != nil {
				t.Error(err)
			}
		})
	}
	enders.Wait()
	close(done)
	followers.Wait()
	for i, ids := range seen {
		distinct := slices.Compact(slices.Sorted(slices.Values(ids)))
		if len(ids) != len(want) || len(distinct) != len(want) || !slices.Equal(ids, seen[0]) {
			t.Errorf("follower %d had %d entries, %d of them different ones, of %d; in one order for all: %v", i, len(ids), len(distinct), len(want), slices.Equal(ids, seen[0]))
		}
	}
}

func urlDatabase(url string) string {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return ""
	}
	return c.Database
}

// A standby that takes over may lack the last entries, and give their ids to
// others: a cursor that points behind them is void, and nothing is skipped.
func TestACursorOfEntriesThatWereLost(t *testing.T) {
	for _, lost := range []int{100, 5} { // 5: less than a sequence is ahead of what it has given
		t.Run(fmt.Sprint(lost), func(t *testing.T) { cursorOfLostEntries(t, lost) })
	}
}

func cursorOfLostEntries(t *testing.T, lost int) {
	t.Parallel()
	needServers(t)
	primary := servertest.StartPostgres(t, servertest.PostgresOptions{})
	s := openAt(t, primary.URL("postgres"), postgres.Options{})
	end := func(s *postgres.Store, n int) {
		for i := range n {
			if _, _, err := s.EndUser(t.Context(), fmt.Sprint("user ", i), "", "x", noon); err != nil {
				t.Fatal(err)
			}
		}
	}
	end(s, 3)
	standby := primary.Standby(t)
	await(t, func() bool {
		return primary.Exec("postgres", "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()") == "1"
	})
	standby.Exec("postgres", "ALTER SYSTEM SET primary_conninfo = ''")
	standby.Exec("postgres", "SELECT pg_reload_conf()")
	await(t, func() bool { return primary.Exec("postgres", "SELECT count(*) FROM pg_stat_replication") == "0" })
	end(s, lost)
	page, err := s.Revocations(t.Context(), "", 1000)
	if err != nil || len(page.Entries) != 3+lost {
		t.Fatal(len(page.Entries), err)
	}
	early, err := s.Revocations(t.Context(), "", 2)
	if err != nil {
		t.Fatal(err)
	}
	primary.Kill()
	if _, err := postgres.Open(t.Context(), standby.URL("postgres")+"&connect_timeout=1", postgres.Options{}); err == nil {
		t.Error("opened on a standby")
	}
	standby.Promote()
	after := openAt(t, standby.URL("postgres"), postgres.Options{})
	check := func(name string, want int) {
		t.Helper()
		got, err := after.Revocations(t.Context(), page.Cursor, 1000)
		if err != nil || !got.Reset || len(got.Entries) != want {
			t.Errorf("%s: reset %v, %d entries, %v", name, got.Reset, len(got.Entries), err)
		}
	}
	check("before anything was appended", 3)
	end(after, 10)
	check("when something was appended", 13)
	end(after, 100)
	check("with another entry where the cursor is, or behind it", 113)
	if got, err := after.Revocations(t.Context(), early.Cursor, 1000); err != nil || got.Reset || len(got.Entries) != 111 {
		t.Errorf("a cursor of an entry that was kept: reset %v, %d entries, %v", got.Reset, len(got.Entries), err)
	}
}

func await(t *testing.T, what func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !what(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come about")
		}
	}
}
