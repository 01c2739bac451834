package pawl_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/pawltest"
	"github.com/pawlauth/pawl/token"
)

// Whoever watches the log is told of every end, in order and once, with a cursor
// from which the log goes on; and of the keys.
func TestWatch(t *testing.T) {
	s := pawltest.NewServer(t)
	s.Add(pawl.User{ID: "id-ann", Login: "ann"})
	var mu sync.Mutex
	var told []pawl.LoggedEnd
	var cursor string
	var keys []*token.KeySet
	changed := make(chan struct{}, 1)
	s.Service.Watch(func(l pawl.LogStep) {
		mu.Lock()
		defer mu.Unlock()
		told, cursor = append(told, l.Entries...), l.Cursor
		if len(keys) == 0 || keys[len(keys)-1] != l.Keys {
			keys = append(keys, l.Keys)
		}
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	wait := func(f func() bool) {
		t.Helper()
		for {
			mu.Lock()
			ok := f()
			mu.Unlock()
			if ok {
				return
			}
			<-changed // or the test runs out of time
		}
	}
	a := s.SignIn("id-ann")
	if err := s.Service.Logout(t.Context(), api.ReissueRequest{RefreshToken: a.RefreshToken}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Service.EndUser(t.Context(), "id-ann", api.ReasonEndedByAdmin); err != nil {
		t.Fatal(err)
	}
	if err := s.Service.EndAll(t.Context(), api.ReasonEndedByAdmin); err != nil {
		t.Fatal(err)
	}
	wait(func() bool { return len(told) == 3 })
	kinds := []string{told[0].Kind, told[1].Kind, told[2].Kind}
	if !slices.Equal(kinds, []string{token.KindSession, token.KindUser, token.KindAll}) || told[0].ID != a.SessionID {
		t.Errorf("%+v", told)
	}
	page, err := s.Service.Revocations(t.Context(), told[0].Cursor, 10)
	if err != nil || len(page.Entries) != 2 || page.Cursor != cursor {
		t.Errorf("%v %+v, at %q", err, page, cursor)
	}

	if _, err := s.Service.RemoveKeys(t.Context(), s.Service.KeySet().Signing().ID()); err != nil {
		t.Fatal(err)
	}
	wait(func() bool { return keys[len(keys)-1] == s.Service.KeySet() })

	s.StoreDown(true)
	if _, err := s.Service.Revocations(t.Context(), cursor, 10); api.AsError(err).Code != api.CodeUnavailable {
		t.Errorf("a store that is down: %v", err)
	}
	select {
	case <-s.Service.Closing():
		t.Error("it closes")
	default:
	}
	s.Service.Close()
	<-s.Service.Closing()
}
