package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// sweepAll sweeps until nothing is left to delete.
func (f *fixture) sweepAll(sessions, log time.Time, limit int) (deleted int) {
	f.Helper()
	for {
		n, err := f.Sessions.Sweep(f.ctx, sessions, log, limit)
		f.must(err)
		if n == 0 {
			return deleted
		}
		deleted += n
	}
}

func sweepExact(f *fixture) {
	due := noon.Add(500 * ms)
	var stays, goes []pawl.SessionKey
	for i := range 40 {
		s := NewSession(fmt.Sprint("user ", i%7), noon)
		s.IdleExpires = due.Add(time.Duration(i-20) * ms)
		f.create(s, pawl.Mark{})
		if i%3 == 0 { // whether it has ended makes no difference
			_, err := f.Sessions.End(f.ctx, s.SessionKey, api.ReasonSignedOut, noon.Add(time.Hour))
			f.must(err)
		}
		if s.IdleExpires.Before(due) {
			goes = append(goes, s.SessionKey)
		} else {
			stays = append(stays, s.SessionKey)
		}
	}
	// Entries are not in the order of their times where clocks differ.
	for i, at := range []int{-5, 3, -9, 0, -1, 1} {
		f.endUser(fmt.Sprint("log ", i), "", due.Add(time.Duration(at)*ms))
	}
	if n := f.sweepAll(due, due, 7); n != len(goes)+3 {
		f.Errorf("%d deleted, not %d", n, len(goes)+3)
	}
	for _, k := range goes {
		if !f.missing(k) {
			f.Errorf("%v was not deleted", k)
		}
	}
	for _, k := range stays {
		if f.missing(k) {
			f.Errorf("%v was deleted", k)
		}
	}
	var left []string
	for _, e := range f.log() {
		if e.Kind == token.KindUser {
			left = append(left, e.ID)
		}
	}
	if want := []string{"log 1", "log 3", "log 5"}; !slices.Equal(left, want) {
		f.Errorf("log: %v, not %v", left, want)
	}
	if f.mark("log 0").Version == 0 {
		f.Error("a mark was forgotten with its entry")
	}
}

func sweepLimit(f *fixture) {
	for range 25 {
		f.signIn("u", noon.AddDate(-1, 0, 0))
	}
	for range 25 {
		f.endUser("v", "", noon)
	}
	total, later := 0, noon.Add(time.Hour)
	for {
		n, err := f.Sessions.Sweep(f.ctx, later, later, 4)
		f.must(err)
		if n == 0 {
			break
		}
		if total += n; n > 8 {
			f.Errorf("deleted %d at once: more than 4 of each", n)
		}
	}
	if total != 50 {
		f.Errorf("deleted %d, not 50", total)
	}
}

// What is due lies far apart, and each sweep is for another moment.
func sweepWhole(f *fixture) {
	f.together(300, func(i int, store pawl.SessionStore) {
		s := NewSession(fmt.Sprintf("user %03d", i), noon)
		if i%100 == 99 {
			s.IdleExpires = noon.Add(time.Duration(i) * ms)
		}
		_, err := store.Create(f.ctx, s, pawl.Mark{}, 0)
		f.check(err)
	})
	for i, want := range []int{1, 1, 1, 0} {
		at := noon.Add(time.Duration(i+1) * 100 * ms)
		if got := f.sweepAll(at, noon, 1); got != want {
			f.Errorf("sweep %d deleted %d, not %d", i, got, want)
		}
	}
	f.signIn("user 000", noon.AddDate(-1, 0, 0))
	f.signIn("user 999", noon.AddDate(-1, 0, 0))
	if n, err := f.Sessions.Sweep(f.ctx, noon, noon, 1); err != nil || n != 1 {
		f.Errorf("deleted %d, %v", n, err)
	}
	f.signIn("a user before", noon.AddDate(-1, 0, 0)) // the walk may be past it: the next one finds it
	if n := f.sweepAll(noon, noon, 1) + f.sweepAll(noon, noon, 1); n != 2 {
		f.Errorf("deleted %d, not 2", n)
	}
}

// A pass for another moment looks at what the pass before it has left behind.
func sweepAnew(f *fixture) {
	f.together(60, func(i int, store pawl.SessionStore) {
		s := NewSession(fmt.Sprintf("user %03d", i), noon)
		s.IdleExpires = second(i % 2)
		_, err := store.Create(f.ctx, s, pawl.Mark{}, 0)
		f.check(err)
	})
	for range 15 { // of 30
		n, err := f.Sessions.Sweep(f.ctx, second(1), noon, 1)
		if f.must(err); n != 1 {
			f.Fatalf("deleted %d", n)
		}
	}
	if n := f.sweepAll(second(2), noon, 1); n != 45 {
		f.Errorf("deleted %d, not the 45 that were left", n)
	}
}

func sweepCursor(f *fixture) {
	for i := range 5 {
		f.endUser(fmt.Sprint(i), "", second(i))
	}
	page, err := f.Sessions.Revocations(f.ctx, "", 2)
	f.must(err)
	f.sweepAll(noon, second(9), 10)
	for range 2 {
		page, err = f.Sessions.Revocations(f.ctx, page.Cursor, 2)
		if err != nil || len(page.Entries) != 0 || page.Reset {
			f.Errorf("after the sweep: %+v, %v", page, err)
		}
	}
	f.endUser("new", "", second(10)) // cursors are never given twice
	page, err = f.Sessions.Revocations(f.ctx, page.Cursor, 2)
	if err != nil || len(page.Entries) != 1 || page.Entries[0].ID != "new" || page.Reset {
		f.Errorf("the next entry: %+v, %v", page, err)
	}
}
