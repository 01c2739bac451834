package httpapi_test

import (
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
)

// followers gives the list when it is as it should be, or the test runs out of
// time.
func (s *staffed) followers(is func([]api.FollowerInfo) bool) []api.FollowerInfo {
	s.t.Helper()
	for {
		list := read[api.FollowerList](s.send("GET", "/admin/api/feed", "", s.root).is(200, "")).Followers
		if is(list) {
			return list
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Who follows, from where, since when, up to where and how fresh.
func TestFollowersAreListed(t *testing.T) {
	t.Parallel()
	s := startStaffed(t)
	gone := func(list []api.FollowerInfo) bool { return len(list) == 0 }
	s.followers(gone)
	since := s.Service.Now()
	l := s.listen("")
	_, _, cursor := l.all()
	f := s.followers(func(list []api.FollowerInfo) bool { return len(list) == 1 && list[0].CurrentAt != nil })[0]
	if f.ClientID != "only-feed" || f.Address != "127.0.0.1" || !f.ConnectedAt.Equal(since) || !f.CurrentAt.Equal(since) || f.BehindSeconds != 0 || f.Position != cursor {
		t.Errorf("%+v, the cursor is %q", f, cursor)
	}

	s.StoreDown(true) // the feed falls silent
	s.Advance(10 * time.Second)
	for _, f := range s.Service.Followers() {
		if got := f.Behind(s.Service.Now()); got != 10*time.Second {
			t.Errorf("after 10 s of silence it is behind by %v", got)
		}
	}
	s.StoreDown(false)
	now := s.Service.Now()
	_, a := s.anna()
	s.send("POST", "/api/logout", "", bearer(a.AccessToken)).is(204, "")
	told := l.next(api.FeedRevoked)
	s.followers(func(list []api.FollowerInfo) bool {
		return list[0].Position == told.id && list[0].CurrentAt.Equal(now) && list[0].BehindSeconds == 0 && list[0].ConnectedAt.Equal(since)
	})
	l.stop()
	s.followers(gone)
}

// A follower that does not read what is live has no picture yet: it is behind
// since it connected.
func TestAFollowerThatCatchesUpIsNotCurrent(t *testing.T) {
	s := startStaffed(t)
	s.stuckFollower(s.handler(nil))
	s.followers(func(list []api.FollowerInfo) bool { return len(list) == 1 && list[0].Position != "" })
	s.Advance(3 * time.Second)
	s.followers(func(list []api.FollowerInfo) bool { return list[0].CurrentAt == nil && list[0].BehindSeconds >= 3 })
}
