package storetest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

func rotateReplaces(f *fixture) {
	s := f.signIn("u", noon)
	next := Advanced(s, noon.Add(1234*ms))
	next.Opened = next.Rotated.Add(ms)
	next.Client.Address, next.Client.Agent = "2001:db8::1", "Safari on iPhone"
	ask := next
	ask.Created, ask.Ends = noon.AddDate(1, 0, 0), noon.AddDate(1, 0, 0) // SECURITY 22
	ask.AuthTime = noon.AddDate(1, 0, 0)
	ask.Client.Label = "changed"
	if !f.rotate(s, ask) {
		f.Fatal("not applied")
	}
	got, _ := f.get(s.SessionKey)
	if diff := cmp.Diff(next, got); diff != "" {
		f.Errorf("after rotation (-want +got):\n%s", diff)
	}
	last := Advanced(next, noon.Add(time.Hour))
	last.LastKey = [32]byte{} // a key that is forgotten
	last.Generation += 40     // a restore skips generations
	if !f.rotate(next, last) {
		f.Fatal("not applied")
	}
	if got, _ = f.get(s.SessionKey); cmp.Diff(last, got) != "" {
		f.Errorf("after restore: %v", got)
	}
}

func rotateConditions(f *fixture) {
	for _, test := range []struct {
		name string
		// before changes the store, or what the caller believes it to hold
		before func(from *pawl.Session)
		want   bool
	}{
		{"as read", func(*pawl.Session) {}, true},
		{"another generation", func(from *pawl.Session) { from.Generation++ }, false},
		{"another opening", func(from *pawl.Session) { from.Opened = from.Opened.Add(ms) }, false},
		{"only the rest differs", func(from *pawl.Session) { from.Rotated, from.Client.Agent = noon, "?" }, true},
		{"ended", func(from *pawl.Session) {
			_, err := f.Sessions.End(f.ctx, from.SessionKey, api.ReasonSignedOut, noon)
			f.must(err)
		}, false},
		{"ended with the user's", func(from *pawl.Session) { f.endUser(from.User, "", noon) }, false},
		{"kept at the end of the user's", func(from *pawl.Session) { f.endUser(from.User, from.ID, noon) }, true},
		{"another user's ended", func(*pawl.Session) { f.endUser("other", "", noon.Add(time.Hour)) }, true},
		{"idle for too long", func(from *pawl.Session) { // not the store's to judge: case 3 goes on
			idle := *from
			idle.IdleExpires = noon.AddDate(-1, 0, 0)
			f.rotate(*from, idle)
		}, true},
		{"ended with everyone's", func(*pawl.Session) { f.endAll(noon) }, false},
		{"ended with everyone's by a clock that is behind", func(*pawl.Session) { f.endAll(noon.Add(-time.Hour)) }, false},
	} {
		s := f.signIn(test.name, noon.Add(5*ms))
		test.before(&s)
		before, _ := f.get(s.SessionKey)
		next := Advanced(s, noon.Add(time.Minute))
		applied := f.rotate(s, next)
		after, _ := f.get(s.SessionKey)
		if applied != test.want || !applied && cmp.Diff(before, after) != "" || applied && after.Generation != next.Generation {
			f.Errorf("%s: applied is %v; before %v, after %v", test.name, applied, before, after)
		}
	}
}

func endOnce(f *fixture) {
	at := noon.Add(77 * ms)
	s := f.signIn("u", noon)
	sibling := f.signIn("u", noon)
	for i, reason := range []string{api.ReasonReused, api.ReasonSignedOut} {
		ended, err := f.Sessions.End(f.ctx, s.SessionKey, reason, at.Add(time.Duration(i)*time.Second))
		if err != nil || ended != (i == 0) {
			f.Errorf("end %d: %v, %v", i, ended, err)
		}
	}
	s.Ended, s.EndReason = at, api.ReasonReused
	if got, _ := f.get(s.SessionKey); cmp.Diff(s, got) != "" {
		f.Errorf("ended: %v", got)
	}
	if !f.live(sibling.SessionKey, noon) {
		f.Error("a sibling ended too")
	}
	f.endAll(at) // a mark has ended the sibling, so nothing is left to end
	if ended, err := f.Sessions.End(f.ctx, sibling.SessionKey, api.ReasonSignedOut, at); err != nil || ended {
		f.Errorf("end after everyone's end: %v, %v", ended, err)
	}
	want := []pawl.LoggedEnd{
		{Revocation: token.Revocation{Kind: token.KindSession, ID: s.ID, Reason: api.ReasonReused, At: at}, User: "u"},
		{Revocation: token.Revocation{Kind: token.KindAll, Reason: api.ReasonEndedByAdmin, NotBefore: noon, At: at}},
	}
	if diff := cmp.Diff(want, f.log()); diff != "" {
		f.Errorf("log (-want +got):\n%s", diff)
	}
}
