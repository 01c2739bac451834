package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// Records is the suite for stores whose sessions can move to another one.
func Records(t *testing.T, open Open) {
	f := newFixture(t, open)
	store, ok := f.Second.Sessions.(pawl.RecordScanner)
	if !ok {
		t.Fatal("the store is no pawl.RecordScanner")
	}
	want := map[pawl.SessionKey]pawl.Session{}
	for i := range 12 {
		user := fmt.Sprintf("user.%d", i%5)
		s := f.signIn(user, noon.Add(time.Duration(i)*time.Second))
		if i%3 == 0 {
			_, err := f.Sessions.End(f.ctx, s.SessionKey, api.ReasonSignedOut, noon.Add(time.Minute))
			f.must(err)
			s.Ended, s.EndReason = noon.Add(time.Minute), api.ReasonSignedOut
		}
		want[s.SessionKey] = s
	}
	for _, limit := range []int{1, 5, 1000} {
		if diff := cmp.Diff(want, records(f, store, limit)); diff != "" {
			f.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
	_, err := store.ScanRecords(f.ctx, "?", 1)
	f.is(err, pawl.ErrNotFound)
}

// records reads everything, in pages, and sees that users come in one piece.
func records(f *fixture, store pawl.RecordScanner, limit int) map[pawl.SessionKey]pawl.Session {
	f.Helper()
	all, last, past := map[pawl.SessionKey]pawl.Session{}, "", map[string]bool{}
	for cursor, more := "", true; more; {
		page, err := store.ScanRecords(f.ctx, cursor, limit)
		f.must(err)
		for _, s := range page.Sessions {
			if past[last] = true; s.User != last && past[s.User] {
				f.Errorf("user %s comes in pieces", s.User)
			}
			all[s.SessionKey], last = s.Session, s.User
		}
		cursor, more = page.Cursor, page.More
	}
	return all
}
