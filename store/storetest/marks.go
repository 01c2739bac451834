package storetest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// second is a moment within the i-th second after noon.
func second(i int) time.Time { return noon.Add(time.Duration(i)*time.Second + 345*ms) }

// whole is that second itself.
func whole(i int) time.Time { return second(i).Truncate(time.Second) }

func markEnds(f *fixture) {
	s, other := f.signIn("u", second(0)), f.signIn("v", second(0))
	mark, n, err := f.Sessions.EndUser(f.ctx, "u", "", api.ReasonPasswordChanged, second(5))
	f.must(err)
	want := pawl.Mark{NotBefore: whole(5), Reason: api.ReasonPasswordChanged, Version: mark.Version}
	if mark != want || mark.Version == 0 || n != 1 {
		f.Errorf("mark %v, ended %d", mark, n)
	}
	got, seen := f.get(s.SessionKey)
	if !got.Ended.Equal(second(5)) || got.EndReason != api.ReasonPasswordChanged || seen != mark || f.mark("u") != mark {
		f.Errorf("ended %v %s, mark %v", got.Ended, got.EndReason, seen)
	}
	if !f.live(other.SessionKey, second(5)) || f.mark("v") != (pawl.Mark{}) {
		f.Error("another user's session ended")
	}
	if mark, n := f.endUser("nobody", "", second(5)); n != 0 || mark.Version == 0 || f.mark("nobody") != mark {
		f.Errorf("a user without sessions: mark %v, ended %d", mark, n)
	}
}

func markMonotonic(f *fixture) {
	for _, test := range []struct {
		name, user string
		end        func(at time.Time)
	}{
		{"user", "u", func(at time.Time) { f.endUser("u", "", at) }},
		{"all", "nobody", func(at time.Time) { f.endAll(at) }},
	} {
		before := f.mark(test.user)
		for _, i := range []int{50, 20, 20, -1000, 51, 50, 52} {
			test.end(second(i))
			mark := f.mark(test.user)
			if mark.NotBefore.Before(before.NotBefore) || mark.NotBefore.Before(whole(i)) || mark.Version <= before.Version {
				f.Errorf("%s at %d: %v after %v", test.name, i, mark, before)
			}
			before = mark
		}
	}
}

func markReachesLatest(f *fixture) {
	ahead := f.signIn("u", second(9)) // by a node whose clock is ahead
	mark, _ := f.endUser("u", "", second(3))
	if !mark.NotBefore.Equal(ahead.AuthTime) {
		f.Errorf("user: %v, latest sign-in %v", mark, ahead.AuthTime)
	}
	ahead = f.signIn("v", second(100))
	next := Advanced(ahead, second(101))
	if !f.rotate(ahead, next) {
		f.Fatal("not rotated")
	}
	if mark = f.endAll(second(3)); !mark.NotBefore.Equal(ahead.AuthTime) || f.live(ahead.SessionKey, second(102)) {
		f.Errorf("all: %v, latest sign-in %v", mark, ahead.AuthTime)
	}
	kept := f.signIn("w", second(200))
	f.endUser("w", kept.ID, second(200)) // stamps the kept one a second ahead
	if f.endAll(second(200)); f.live(kept.SessionKey, second(201)) {
		f.Error("all: a kept session lives on")
	}
}

// Time creeps a second ahead with each mark in the same second, and a clock
// that steps back changes nothing.
func markSameSecond(f *fixture) {
	before := pawl.Mark{}
	for i := range 5 {
		at := second(-i)
		s := f.signIn("u", at)
		if !f.live(s.SessionKey, at) || !f.rotate(s, Advanced(s, at)) {
			f.Fatalf("round %d: a sign-in right after a mark does not live", i)
		}
		mark, n := f.endUser("u", "", at)
		if i%2 == 1 {
			f.endAll(at)
			mark = f.mark("u")
		}
		if n != 1 || f.live(s.SessionKey, at) || !mark.Covers(s.AuthTime) || mark.Version <= before.Version {
			f.Errorf("round %d: mark %v, ended %d", i, mark, n)
		}
		if want := before.NotBefore.Add(time.Second); i > 0 && !mark.NotBefore.Equal(want) {
			f.Errorf("round %d: mark %v, not %v", i, mark.NotBefore, want)
		}
		before = mark
	}
}

func endUserKeeps(f *fixture) {
	kept, ended := f.signIn("u", second(0)), f.signIn("u", second(1))
	for i := range 3 { // in one second: it stays ahead of the mark
		mark, n := f.endUser("u", kept.ID, second(7))
		if want := whole(7 + i); !mark.NotBefore.Equal(want) || n != 1-min(i, 1) {
			f.Errorf("round %d: mark %v, ended %d", i, mark, n)
		}
		kept.AuthTime = mark.NotBefore.Add(time.Second)
		got, _ := f.get(kept.SessionKey)
		if diff := cmp.Diff(kept, got); diff != "" || !got.Live(mark, second(8)) {
			f.Errorf("round %d: kept (-want +got):\n%s", i, diff)
		}
		if f.live(ended.SessionKey, second(7)) {
			f.Error("the other one lives")
		}
	}
	if !f.rotate(kept, Advanced(kept, second(8))) {
		f.Error("the kept session does not rotate")
	}
}

func endUserKeepsLiveOnly(f *fixture) {
	for name, prepare := range map[string]func(*pawl.Session){
		"ended": func(s *pawl.Session) {
			_, err := f.Sessions.End(f.ctx, s.SessionKey, api.ReasonSignedOut, second(1))
			f.must(err)
		},
		"idle expired": func(s *pawl.Session) {
			idle := *s
			idle.IdleExpires = second(1)
			f.rotate(*s, idle)
		},
		"covered":    func(*pawl.Session) { f.endAll(second(1)) },
		"no such id": func(s *pawl.Session) { s.ID = "nonsense" },
		"line break": func(s *pawl.Session) { s.ID += "\n" },
	} {
		stored := f.signIn(name, second(0))
		named := stored
		prepare(&named)
		mark, _ := f.endUser(name, named.ID, second(2))
		got, _ := f.get(stored.SessionKey)
		if got.Live(mark, second(2)) || !got.AuthTime.Equal(stored.AuthTime) {
			f.Errorf("%s: %v lives after %v", name, got, mark)
		}
	}
}

func endUserCounts(f *fixture) {
	for range 3 {
		f.signIn("u", second(0))
	}
	ended := f.signIn("u", second(0))
	_, err := f.Sessions.End(f.ctx, ended.SessionKey, api.ReasonSignedOut, second(1))
	f.must(err)
	if _, n := f.endUser("u", "", second(2)); n != 3 {
		f.Errorf("ended %d, not 3", n)
	}
	if _, n := f.endUser("u", "", second(2)); n != 0 {
		f.Errorf("ended %d again", n)
	}
	if got, _ := f.get(ended.SessionKey); got.EndReason != api.ReasonSignedOut || !got.Ended.Equal(second(1)) {
		f.Errorf("an ended session ended anew: %v", got)
	}
	late := f.signIn("u", second(10))
	f.endAll(second(10))
	if _, n := f.endUser("u", "", second(11)); n != 0 {
		f.Errorf("ended %d after everyone's end", n)
	}
	if f.live(late.SessionKey, second(11)) {
		f.Error("it lives")
	}
}

func endAll(f *fixture) {
	var all []pawl.Session
	for _, user := range []string{"u", "v", "w"} {
		all = append(all, f.signIn(user, second(0)), f.signIn(user, second(1)))
	}
	mark, err := f.Sessions.EndAll(f.ctx, api.ReasonEndedByAdmin, second(2))
	f.must(err)
	if want := (pawl.Mark{NotBefore: whole(2), Reason: api.ReasonEndedByAdmin, Version: mark.Version}); mark != want {
		f.Errorf("mark %v, not %v", mark, want)
	}
	for _, user := range []string{"u", "new", ""} {
		if got := f.mark(user); got != mark {
			f.Errorf("mark of %q is %v, not %v", user, got, mark)
		}
	}
	for _, s := range all {
		if f.live(s.SessionKey, second(2)) || f.rotate(s, Advanced(s, second(3))) {
			f.Errorf("%v goes on", s.SessionKey)
		}
	}
	s := f.signIn("u", second(2))
	if !f.live(s.SessionKey, second(2)) || !f.rotate(s, Advanced(s, second(3))) {
		f.Error("nobody can sign in any more")
	}
}

func twoMarks(f *fixture) {
	reasons := map[bool]string{true: api.ReasonPasswordChanged, false: api.ReasonEndedByAdmin}
	for i, userLater := range []bool{true, false, true} {
		at := map[bool]time.Time{true: second(10*i + 9), false: second(10*i + 5)}
		own, _, err := f.Sessions.EndUser(f.ctx, "u", "", reasons[true], at[userLater])
		f.must(err)
		all, err := f.Sessions.EndAll(f.ctx, reasons[false], at[!userLater])
		f.must(err)
		got := f.mark("u")
		if !got.NotBefore.Equal(whole(10*i+9)) || got.Reason != reasons[userLater] || got.Version <= own.Version {
			f.Errorf("round %d: %v of %v and %v", i, got, own, all)
		}
	}
}
