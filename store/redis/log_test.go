package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
)

func endUser(t *testing.T, s *Store, user string, at time.Time) {
	t.Helper()
	if _, _, err := s.EndUser(t.Context(), user, "", api.ReasonDisabled, at); err != nil {
		t.Fatal(err)
	}
}

func after(t *testing.T, s *Store, cursor string, limit int) pawl.RevocationPage {
	t.Helper()
	page, err := s.Revocations(t.Context(), cursor, limit)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// An entry that was swept is not one that was lost; one that is missing is.
func TestSweptAndLostEntries(t *testing.T) {
	server := servertest.StartRedis(t)
	s := openTest(t, server.URL)
	for i := range 3 {
		endUser(t, s, "u", noon.Add(time.Duration(i)*time.Hour))
	}
	first := after(t, s, "", 1)
	if _, err := s.Sweep(t.Context(), noon, noon.Add(90*time.Minute), 10); err != nil {
		t.Fatal(err)
	}
	endUser(t, s, "u", noon.Add(3*time.Hour))
	if page := after(t, s, first.Cursor, 10); page.Reset || len(page.Entries) != 2 {
		t.Errorf("after an entry that was swept: %+v", page)
	}

	last := after(t, s, "", 10)
	log, head := s.layout.log(partition("u")), s.layout.head(partition("u"))
	at, _ := parsePosition(last.Cursor)
	id := at[partition("u")]
	// As after a fail-over: the entry is not there, another one is in its place.
	server.Do("DEL", log)
	other := entryID{id.micros, id.tag ^ 1}.String()
	server.Do("XADD", log, other, "k", "user", "i", "other", "r", api.ReasonDisabled, "n", "1", "a", "1")
	server.Do("SET", head, other)
	if page := after(t, s, last.Cursor, 10); !page.Reset || len(page.Entries) != 1 || page.Entries[0].ID != "other" {
		t.Errorf("another entry in the place of the last one: %+v", page)
	}
	server.Do("DEL", log, head)
	if page := after(t, s, last.Cursor, 10); !page.Reset || len(page.Entries) != 0 {
		t.Errorf("the log is gone: %+v", page)
	}
}

// What was swept before a follower has read it costs him no look more than once.
func TestAFollowerPassesWhatWasSwept(t *testing.T) {
	s := openTest(t, servertest.StartRedis(t).URL)
	endUser(t, s, "u", noon)
	if _, err := s.Sweep(t.Context(), noon, noon.Add(time.Hour), 10); err != nil {
		t.Fatal(err)
	}
	page := after(t, s, "", 10)
	at, _ := parsePosition(page.Cursor)
	l := look{Store: s}
	if heads := l.heads(t.Context()); joined(l.unread[:]) != nil || at != heads || len(page.Entries) != 0 {
		t.Errorf("he stands at %v, the log at %v: %v", at, heads, l.unread)
	}
}

// After a fail-over to a server whose clock is behind, the log goes on behind what
// it has.
func TestTheLogUnderAClockThatIsSetBack(t *testing.T) {
	server := servertest.StartRedis(t)
	s := openTest(t, server.URL)
	ahead := entryID{uint64(time.Now().Add(time.Hour).UnixMicro()), 7}.String()
	server.Do("XADD", s.layout.log(partition("u")), ahead, "k", "user", "i", "first", "r", api.ReasonDisabled, "n", "1", "a", "1")
	server.Do("SET", s.layout.head(partition("u")), ahead)
	first := after(t, s, "", 10)
	endUser(t, s, "u", noon)
	if page := after(t, s, first.Cursor, 10); page.Reset || len(page.Entries) != 1 || page.Entries[0].ID != "u" {
		t.Errorf("%+v", page)
	}
}

// Pages of any size of a log that lies unevenly in its partitions join without a
// gap, in the order of time.
func TestPagesOfManyPartitions(t *testing.T) {
	s := openTest(t, servertest.StartRedis(t, "--appendonly", "no").URL)
	const n = 300
	for i := range n {
		endUser(t, s, fmt.Sprint("user ", map[bool]int{true: 0, false: i}[i%3 == 0]), noon.Add(time.Duration(i)*time.Second))
	}
	for _, limit := range []int{1, 7, 100, n - 1, n, n + 1} {
		cursor, got := "", 0
		for more := true; more; {
			page := after(t, s, cursor, limit)
			if len(page.Entries) == 0 || len(page.Entries) > limit {
				t.Fatalf("limit %d: %d entries", limit, len(page.Entries))
			}
			for _, e := range page.Entries {
				if !e.At.Equal(noon.Add(time.Duration(got) * time.Second)) {
					t.Fatalf("limit %d: entry %d is %+v", limit, got, e)
				}
				got++
			}
			cursor, more = page.Cursor, page.More
		}
		if got != n {
			t.Errorf("limit %d: %d entries", limit, got)
		}
	}
}
