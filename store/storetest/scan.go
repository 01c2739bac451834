package storetest

import (
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
)

// scanned reads everything, in pages of limit.
func (f *fixture) scanned(limit int) map[pawl.SessionKey]pawl.MarkedSession {
	f.Helper()
	all := map[pawl.SessionKey]pawl.MarkedSession{}
	for cursor, more := "", true; more; {
		page, err := f.Second.Sessions.Scan(f.ctx, cursor, limit)
		f.must(err)
		if len(page.Sessions) > limit {
			f.Fatalf("%d sessions, limit %d", len(page.Sessions), limit)
		}
		if page.More && page.Cursor == cursor {
			f.Fatal("the cursor does not move")
		}
		for _, s := range page.Sessions {
			if _, twice := all[s.SessionKey]; twice {
				f.Errorf("%v was given twice", s.SessionKey)
			}
			all[s.SessionKey] = s
		}
		cursor, more = page.Cursor, page.More
	}
	return all
}

// scanAll: every session that was not ended by itself, once, with its mark.
func scanAll(f *fixture) {
	if got := f.scanned(3); len(got) != 0 {
		f.Errorf("an empty store gave %v", got)
	}
	want := map[pawl.SessionKey]pawl.MarkedSession{}
	for i := range 20 {
		for range i%3 + 1 {
			s := f.signIn(fmt.Sprintf("user.%d/ü", i), noon.Add(time.Duration(i)*time.Second))
			want[s.SessionKey] = pawl.MarkedSession{Session: s}
		}
	}
	gone := f.signIn("gone", noon)
	if _, err := f.Sessions.End(f.ctx, gone.SessionKey, "signed_out", noon); err != nil {
		f.Fatal(err)
	}
	f.endUser("user.4/ü", "", noon.Add(time.Minute))
	for k := range want {
		if k.User == "user.4/ü" {
			delete(want, k)
		}
	}
	later := f.signIn("user.4/ü", noon.Add(2*time.Minute))
	want[later.SessionKey] = pawl.MarkedSession{Session: later}
	for k, s := range want {
		s.Mark = f.mark(k.User)
		want[k] = s
	}
	for _, limit := range []int{1, 7, 1000} {
		if diff := cmp.Diff(want, f.scanned(limit)); diff != "" {
			f.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
	for _, cursor := range []string{"?", "x.y", "0.0.0.0"} {
		_, err := f.Sessions.Scan(f.ctx, cursor, 1)
		f.is(err, pawl.ErrNotFound)
	}
}

// scanMoves: what is there all the time is given, whatever comes and goes.
func scanMoves(f *fixture) {
	stay := map[pawl.SessionKey]bool{}
	for i := range 50 {
		stay[f.signIn(fmt.Sprint("stay", i), noon).SessionKey] = true
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			s := NewSession(fmt.Sprint("stay", i%50), noon)
			if _, err := f.Sessions.Create(f.ctx, s, pawl.Mark{}, 0); err != nil {
				f.Error(err)
				return
			}
			if _, err := f.Sessions.End(f.ctx, s.SessionKey, "signed_out", noon); err != nil {
				f.Error(err)
				return
			}
		}
	}()
	for range 10 {
		got := f.scanned(4)
		for k := range stay {
			if _, ok := got[k]; !ok {
				f.Errorf("%v was not given", k)
			}
		}
	}
	close(stop)
	<-done
}

func countLive(f *fixture) {
	count := func(at time.Time, want int) {
		f.Helper()
		if n, err := f.Second.Sessions.CountLive(f.ctx, at); err != nil || n != want {
			f.Errorf("%d live, %v; want %d", n, err, want)
		}
	}
	count(noon, 0)
	a, b := f.signIn("a", noon), f.signIn("b", noon)
	f.signIn("b", noon)
	c := NewSession("c", noon)
	c.IdleExpires = noon.Add(time.Hour)
	f.create(c, pawl.Mark{})
	count(noon, 4)
	count(noon.Add(time.Hour), 3) // c is idle
	if _, err := f.Sessions.End(f.ctx, a.SessionKey, "signed_out", noon); err != nil {
		f.Fatal(err)
	}
	count(noon, 3)
	f.endUser("b", b.ID, noon)
	count(noon, 2)
	f.endAll(noon.Add(time.Minute))
	count(noon.Add(time.Minute), 0)
	f.signIn("d", noon.Add(2*time.Minute))
	count(noon.Add(2*time.Minute), 1)
}
