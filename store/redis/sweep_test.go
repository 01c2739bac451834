package redis

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/storetest"
)

func newIdle(t *testing.T, s *Store, user string) pawl.Session {
	t.Helper()
	rec := storetest.NewSession(user, noon)
	if _, err := s.Create(t.Context(), rec, pawl.Mark{}, 0); err != nil {
		t.Fatal(err)
	}
	return rec
}

// swept sweeps twice: the first walk may have begun before.
func swept(t *testing.T, s *Store) (deleted int) {
	t.Helper()
	for range 2 {
		n, err := s.Sweep(t.Context(), noon.AddDate(1, 0, 0), noon.AddDate(1, 0, 0), 1000)
		if err != nil {
			t.Fatal(err)
		}
		deleted += n
	}
	return deleted
}

// Of two nodes one sweeps, until it is gone.
func TestOneNodeSweeps(t *testing.T) {
	server := servertest.StartRedis(t)
	first, second := openTest(t, server.URL), openTest(t, server.URL)
	for round, node := range []*Store{first, second, first, first} {
		newIdle(t, first, fmt.Sprint(round))
		if n := swept(t, node); (n > 0) != (node == first) {
			t.Errorf("round %d: deleted %d", round, n)
		}
	}
	newIdle(t, second, "left")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if n := swept(t, second); n != 1 {
		t.Errorf("the other one did not take over: deleted %d", n)
	}
}

// After a long walk nothing is swept for a while.
func TestSweepingRests(t *testing.T) {
	s := openTest(t, servertest.StartRedis(t).URL)
	newIdle(t, s, "u")
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.sweep.begun = now.Add(-time.Minute)
	if err := s.endWalk(t.Context()); err != nil || s.sweep.rest.Before(now.Add(9*time.Minute)) {
		t.Fatalf("rests until %v, %v", s.sweep.rest, err)
	}
	if n := swept(t, s); n != 0 {
		t.Errorf("deleted %d while it rests", n)
	}
	s.sweep.before, s.sweep.rest = time.Time{}, now
	if n := swept(t, s); n != 1 {
		t.Errorf("deleted %d after the rest", n)
	}
}

// Whatever is kept of a user runs out by itself, and what is left of everybody is
// a few keys of each partition.
func TestNothingOutlivesItsUse(t *testing.T) {
	server := servertest.StartRedis(t)
	s := openTest(t, server.URL)
	hours := func(user string) int {
		ms, err := strconv.Atoi(server.Do("PTTL", s.layout.user(user)))
		if err != nil || ms < 0 {
			t.Fatalf("%s: %d, %v", user, ms, err)
		}
		return (ms + 1000) / 3_600_000
	}
	rec := newIdle(t, s, "u")
	idle := int((14*24*time.Hour + slack).Hours())
	if got := hours("u"); got != idle {
		t.Errorf("a new session is kept for %d hours, not %d", got, idle)
	}
	server.Do("PEXPIRE", s.layout.user("u"), "3600000") // as if the rest had passed
	if ok, err := s.Rotate(t.Context(), rec, storetest.Advanced(rec, noon.Add(time.Hour))); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if got := hours("u"); got != idle {
		t.Errorf("a session that rotated is kept for %d hours, not %d", got, idle)
	}
	if _, _, err := s.EndUser(t.Context(), "nobody", "", api.ReasonDisabled, noon); err != nil {
		t.Fatal(err)
	}
	if got, want := hours("nobody"), int(markLife.Hours()); got != want {
		t.Errorf("a mark is kept for %d hours, not %d", got, want)
	}
	for i := range 200 {
		newIdle(t, s, fmt.Sprint("user ", i))
	}
	server.Do("DEL", s.layout.user("user 7")) // as if it had run out
	for swept(t, s) > 0 {
	}
	if keys := server.Do("KEYS", "*u:*"); keys != s.layout.user("nobody") {
		t.Errorf("there is still %s", keys)
	}
	for p := range partitions {
		if n := server.Do("XLEN", s.layout.register(p)); n != "0" && (n != "1" || p != partition("nobody")) {
			t.Errorf("partition %d: %s users are registered", p, n)
		}
		if n := server.Do("XLEN", s.layout.log(p)); n != "0" {
			t.Errorf("partition %d: %s entries", p, n)
		}
	}
	for key := range strings.FieldsSeq(strings.ReplaceAll(server.Do("KEYS", "*"), s.layout.user("nobody"), "")) {
		if what := key[strings.Index(key, "}")+1:]; !strings.Contains("everyone log head users sweeper", what) {
			t.Errorf("the key %q", key)
		}
	}
}

// A user whose hash ran out, and who came back, is met once by each walk.
func TestAUserWhoCameBackIsMetOnce(t *testing.T) {
	server := servertest.StartRedis(t)
	s := openTest(t, server.URL)
	newIdle(t, s, "u")
	server.Do("DEL", s.layout.user("u")) // as if it had run out
	rec := newIdle(t, s, "u")
	page, err := s.Scan(t.Context(), "", 10)
	if err != nil || len(page.Sessions) != 1 || page.Sessions[0].Session != rec {
		t.Errorf("scan: %+v, %v", page, err)
	}
	if n, err := s.CountLive(t.Context(), noon); err != nil || n != 1 {
		t.Errorf("%d live, %v", n, err)
	}
	if _, err := s.Sweep(t.Context(), noon, noon, 10); err != nil {
		t.Fatal(err)
	}
	if n := server.Do("XLEN", s.layout.register(partition("u"))); n != "1" {
		t.Errorf("%s entries of the register are left", n)
	}
}
