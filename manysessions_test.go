package pawl_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/storetest"
)

// sessionsOf stores n sessions of the user, from before there was a limit.
func (f *fixture) sessionsOf(user string, n int) (all []pawl.Session) {
	f.t.Helper()
	for i := range n {
		s := storetest.NewSession(user, f.clock().Add(time.Duration(i-n)*time.Second))
		if _, err := f.store.Create(f.t.Context(), s, pawl.Mark{}, 0); err != nil {
			f.t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// SECURITY 47: what the setting means, and what becomes of a user who has more.
func TestTheLimitOfSessions(t *testing.T) {
	for _, test := range []struct {
		limit, had int
		live       []int // after each sign-in
	}{
		{0, 0, []int{1, 2}},
		{0, pawl.DefaultSessionsPerUser - 1, []int{100, 100}},
		{0, pawl.DefaultSessionsPerUser + 2*pawl.EndBatch - 1, []int{350, 101, 100, 100}},
		{3, 2, []int{3, 3}},
		{-1, 300, []int{301, 302}},
	} {
		t.Run(fmt.Sprintf("limit %d, had %d", test.limit, test.had), func(t *testing.T) {
			f := newFixture(t, func(c *pawl.Config) { c.SessionsPerUser = test.limit })
			had := f.sessionsOf("id-ann", test.had)
			for i, want := range test.live {
				f.advance(time.Second)
				f.login()
				left, _, err := f.store.List(t.Context(), "id-ann", pawl.ListPlace{}, 0)
				if err != nil || len(left) != want {
					t.Fatalf("after sign-in %d: %d sessions, %v; want %d", i+1, len(left), err, want)
				}
			}
			gone := test.had + len(test.live) - test.live[len(test.live)-1]
			if n := len(f.happened(pawl.EventSessionEnded)); n != gone {
				t.Errorf("%d events of %d ends", n, gone)
			}
			for i, s := range had[:min(gone, test.had)] { // the oldest
				if rec, _, err := f.store.Get(t.Context(), s.SessionKey); err != nil || rec.EndReason != api.ReasonSessionLimit {
					t.Fatalf("session %d: %q, %v", i, rec.EndReason, err)
				}
			}
		})
	}
}

// SECURITY 48: a list comes in pages, each session once, whatever ends meanwhile.
func TestSessionsComeInPages(t *testing.T) {
	f := newFixture(t, func(c *pawl.Config) { c.SessionsPerUser = -1 })
	had := f.sessionsOf("id-ann", 450)
	me := f.claims(f.login().AccessToken)
	for _, test := range []struct{ limit, first int }{{0, 100}, {1, 1}, {200, 200}, {100_000, 200}} {
		list, err := f.Sessions(t.Context(), me, "", test.limit)
		if err != nil || len(list.Sessions) != test.first || list.Next == "" {
			t.Errorf("limit %d: %d sessions, next %q, %v", test.limit, len(list.Sessions), list.Next, err)
		}
	}
	seen, next := map[string]bool{}, ""
	for i := 0; i == 0 || next != ""; i++ {
		list, err := f.Sessions(t.Context(), me, next, 60)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list.Sessions {
			if seen[s.ID] || s.Current != (s.ID == me.SessionID) {
				t.Errorf("%+v: again %v", s, seen[s.ID])
			}
			seen[s.ID] = true
		}
		next = list.Next
		if i == 2 { // the session of the cursor ends, and one that was not listed yet
			for _, s := range []pawl.Session{had[179], had[200]} {
				if err := f.EndSession(t.Context(), me, s.ID, home); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if len(seen) != 450 || !seen[me.SessionID] {
		t.Errorf("%d sessions in all, want 450", len(seen))
	}
	for _, after := range []string{"x", "x.", ".AAAAAAAAAAAAAAAAAAAAAA", "1.AAAAAAAAAAAAAAAAAAAAAB", "1.AAAAAAAAAAAAAAAAAAAA\r\n", "1.AAAA"} {
		_, err := f.Sessions(t.Context(), me, after, 10)
		wantError(t, after, err, api.ErrInvalidRequest)
	}
}

// SECURITY 48: all others end, each with its entry in the log, and their access
// tokens are refused at once.
func TestManyOthersEnd(t *testing.T) {
	f := newFixture(t, func(c *pawl.Config) { c.SessionsPerUser = -1 })
	f.sessionsOf("id-ann", 2*pawl.EndBatch+30)
	phone, here := f.login(), f.login()
	me := f.claims(here.AccessToken)
	if n, err := f.EndOthers(t.Context(), me, home); n != 2*pawl.EndBatch+31 || err != nil {
		t.Fatalf("%d ended, %v", n, err)
	}
	_, err := f.guard.Check(phone.AccessToken)
	wantError(t, "the phone's access token", err, api.LoginRequired(api.ReasonSignedOutElsewhere))
	f.claims(here.AccessToken)
	if n := len(f.happened(pawl.EventSessionEnded)); n != 2*pawl.EndBatch+31 {
		t.Errorf("%d events", n)
	}
	logged := map[string]bool{}
	for cursor, more := "", true; more; {
		page, err := f.store.Revocations(t.Context(), cursor, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			logged[e.User+" "+e.ID] = true
		}
		cursor, more = page.Cursor, page.More
	}
	if len(logged) != 2*pawl.EndBatch+31 {
		t.Errorf("%d log entries", len(logged))
	}
	if n, err := f.EndOthers(t.Context(), me, home); n != 0 || err != nil {
		t.Errorf("again: %d ended, %v", n, err)
	}
}
