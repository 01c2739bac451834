package storetest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// again is an end as a node knows it. It was made a while after the mark's second.
func again(kind, id string, notBefore time.Time, reason, user, keep string) pawl.LoggedEnd {
	return pawl.LoggedEnd{
		Revocation: token.Revocation{Kind: kind, ID: id, Reason: reason, NotBefore: notBefore, At: noon.Add(345 * ms)},
		User:       user, Keep: keep,
	}
}

func ofSession(s pawl.Session) pawl.LoggedEnd {
	return again(token.KindSession, s.ID, time.Time{}, api.ReasonSignedOut, s.User, "")
}

// endAgain makes an end again, and checks what it says and whether the log has it.
func (f *fixture) endAgain(e pawl.LoggedEnd, want bool) {
	f.Helper()
	before := len(f.log())
	wrote, err := f.Sessions.EndAgain(f.ctx, e, false)
	f.must(err)
	log := f.log()
	if wrote != want || len(log) > before != want {
		f.Errorf("%s %s: wrote %v, %d entries more; want %v", e.Kind, e.ID, wrote, len(log)-before, want)
	}
	if wrote {
		if diff := cmp.Diff(e, log[len(log)-1]); diff != "" {
			f.Errorf("the log entry (-want +got):\n%s", diff)
		}
	}
}

func sessionAgain(f *fixture) {
	s, other := f.signIn("u", noon), f.signIn("u", noon)
	e := ofSession(s)
	f.endAgain(e, true)
	got, _ := f.get(s.SessionKey)
	if got.EndReason != e.Reason || !got.Ended.Equal(e.At) || !f.live(other.SessionKey, noon) {
		f.Errorf("ended %v %q; the other session lives: %v", got.Ended, got.EndReason, f.live(other.SessionKey, noon))
	}
	f.endAgain(e, false)
}

func unknownAgain(f *fixture) {
	lost := NewSession("u", noon)
	f.endAgain(ofSession(lost), true)
	if !f.missing(lost.SessionKey) {
		f.Error("a session has come into being")
	}
	f.endAgain(ofSession(lost), true) // by another node
	// The session comes back, with an old primary.
	f.create(lost, pawl.Mark{})
	f.endAgain(ofSession(lost), true)
	if f.live(lost.SessionKey, noon) {
		f.Error("it lives")
	}
}

func userAgain(f *fixture) {
	var all []pawl.Session
	for i := range 3 {
		all = append(all, f.signIn("u", second(i)))
	}
	gone := f.signIn("u", second(0))
	_, err := f.Sessions.End(f.ctx, gone.SessionKey, api.ReasonSignedOut, second(1))
	f.must(err)
	other := f.signIn("v", second(0))
	before := f.mark("u")
	e := again(token.KindUser, "u", whole(2), api.ReasonEndedByAdmin, "", "")
	f.endAgain(e, true)
	mark := f.mark("u")
	if !mark.NotBefore.Equal(whole(2)) || mark.Reason != e.Reason || mark.Version <= before.Version {
		f.Errorf("mark %v after %v", mark, before)
	}
	for _, s := range all {
		got, _ := f.get(s.SessionKey)
		if got.EndReason != e.Reason || !got.Ended.Equal(e.At) || f.rotate(s, Advanced(s, second(3))) {
			f.Errorf("%v goes on", got)
		}
	}
	if got, _ := f.get(gone.SessionKey); got.EndReason != api.ReasonSignedOut || !f.live(other.SessionKey, second(3)) {
		f.Errorf("what was over says %q; another user's session lives: %v", got.EndReason, f.live(other.SessionKey, second(3)))
	}
	_, err = f.Sessions.Create(f.ctx, NewSession("u", second(9)), before, 0) // a sign-in that had seen the mark before
	f.is(err, pawl.ErrEnded)
	f.endAgain(again(token.KindUser, "nobody", whole(2), api.ReasonEndedByAdmin, "", ""), true)
}

func userAgainLater(f *fixture) {
	old, later := f.signIn("u", second(1)), f.signIn("u", second(3))
	f.endAgain(again(token.KindUser, "u", whole(2), api.ReasonEndedByAdmin, "", ""), true)
	if f.live(old.SessionKey, second(4)) || !f.live(later.SessionKey, second(4)) {
		f.Errorf("the old session lives: %v; the later one: %v", f.live(old.SessionKey, second(4)), f.live(later.SessionKey, second(4)))
	}
	if !f.mark("u").NotBefore.Equal(whole(2)) {
		f.Errorf("the mark moved to %v", f.mark("u").NotBefore)
	}
}

func userAgainKeeps(f *fixture) {
	kept, other := f.signIn("u", second(0)), f.signIn("u", second(1))
	f.endAgain(again(token.KindUser, "u", whole(2), api.ReasonPasswordChanged, "", kept.ID), true)
	kept.AuthTime = whole(3)
	got, mark := f.get(kept.SessionKey)
	if diff := cmp.Diff(kept, got); diff != "" || !got.Live(mark, second(4)) || f.live(other.SessionKey, second(4)) {
		f.Errorf("kept (-want +got):\n%s\nthe other one lives: %v", diff, f.live(other.SessionKey, second(4)))
	}
	// It is stamped later than everyone's mark can end it without a new one.
	if f.endAll(second(0)); f.live(kept.SessionKey, second(4)) {
		f.Error("everyone's end does not reach the kept session")
	}
	// One that was over is not brought back.
	over := f.signIn("w", second(0))
	f.endAll(second(5))
	f.endAgain(again(token.KindUser, "w", whole(20), api.ReasonPasswordChanged, "", over.ID), true)
	if f.live(over.SessionKey, second(5)) {
		f.Error("a session that was over lives again")
	}
}

func allAgain(f *fixture) {
	old, later := []pawl.Session{}, f.signIn("v", second(3))
	for _, user := range []string{"u", "v", "w"} {
		old = append(old, f.signIn(user, second(1)))
	}
	before := f.mark("")
	e := again(token.KindAll, "", whole(2), api.ReasonEndedByAdmin, "", "")
	f.endAgain(e, true)
	for _, user := range []string{"", "u", "w", "nobody"} {
		if mark := f.mark(user); !mark.NotBefore.Equal(whole(2)) || mark.Reason != e.Reason || mark.Version <= before.Version {
			f.Errorf("mark of %q: %v after %v", user, mark, before)
		}
	}
	for _, s := range old {
		if f.live(s.SessionKey, second(3)) || f.rotate(s, Advanced(s, second(3))) {
			f.Errorf("%v goes on", s.SessionKey)
		}
	}
	if !f.live(later.SessionKey, second(4)) {
		f.Error("who signed in later is ended")
	}
}

func againHolds(f *fixture) {
	f.signIn("u", second(1))
	mark, _ := f.endUser("u", "", second(5))
	f.endAgain(again(token.KindUser, "u", whole(5), api.ReasonPasswordChanged, "", ""), false)
	f.endAgain(again(token.KindUser, "u", whole(4), api.ReasonPasswordChanged, "", ""), false)
	all := f.endAll(second(6))
	f.endAgain(again(token.KindAll, "", whole(6), api.ReasonPasswordChanged, "", ""), false)
	f.endAgain(again(token.KindAll, "", whole(1), api.ReasonPasswordChanged, "", ""), false)
	if got := f.mark("u"); got != mark.Later(all) {
		f.Errorf("mark %v, not %v", got, mark.Later(all))
	}
	s := f.signIn("u", second(9))
	_, err := f.Sessions.End(f.ctx, s.SessionKey, api.ReasonSignedOut, second(9))
	f.must(err)
	f.endAgain(ofSession(s), false)
	if got, _ := f.get(s.SessionKey); !got.Ended.Equal(second(9)) {
		f.Errorf("it ended once more, at %v", got.Ended)
	}
	covered := f.signIn("x", second(9))
	f.endAll(second(10))
	f.endAgain(ofSession(covered), false) // everyone's mark has ended it
}

func againUnlogged(f *fixture) {
	s := f.signIn("u", second(1))
	_, err := f.Sessions.End(f.ctx, s.SessionKey, api.ReasonReused, second(1))
	f.must(err)
	f.endUser("v", "", second(5))
	f.endAll(second(6))
	rec, own := f.get(s.SessionKey)
	other := f.mark("v")
	for _, e := range []pawl.LoggedEnd{
		ofSession(s),
		again(token.KindUser, "v", whole(4), api.ReasonPasswordChanged, "", ""),
		again(token.KindAll, "", whole(1), api.ReasonPasswordChanged, "", ""),
	} {
		before := len(f.log())
		wrote, err := f.Sessions.EndAgain(f.ctx, e, true)
		f.must(err)
		log := f.log()
		if !wrote || len(log) != before+1 {
			f.Fatalf("%s: wrote %v, %d entries more", e.Kind, wrote, len(log)-before)
		}
		if diff := cmp.Diff(e, log[before]); diff != "" {
			f.Errorf("%s: the entry (-want +got):\n%s", e.Kind, diff)
		}
	}
	got, mark := f.get(s.SessionKey)
	if diff := cmp.Diff(rec, got); diff != "" || mark != own || f.mark("v") != other {
		f.Errorf("something else was written: mark %v, of v %v (-want +got):\n%s", mark, f.mark("v"), diff)
	}
	f.endAgain(again(token.KindUser, "w", whole(4), api.ReasonEndedByAdmin, "", ""), true)
}

// All nodes make the same ends again at the same time, and a session that is to go
// on goes on.
func raceAgain(f *fixture) {
	kept, other, out := f.signIn("u", second(0)), f.signIn("u", second(0)), f.signIn("v", second(0))
	ends := []pawl.LoggedEnd{
		ofSession(out),
		again(token.KindUser, "u", whole(2), api.ReasonPasswordChanged, "", kept.ID),
		again(token.KindAll, "", whole(0).Add(-time.Hour), api.ReasonEndedByAdmin, "", ""),
	}
	f.together(12, func(i int, store pawl.SessionStore) {
		_, err := store.EndAgain(f.ctx, ends[i%len(ends)], false)
		f.check(err)
	})
	kept.AuthTime = whole(3)
	got, mark := f.get(kept.SessionKey)
	if diff := cmp.Diff(kept, got); diff != "" || !got.Live(mark, second(4)) {
		f.Errorf("kept (-want +got):\n%s", diff)
	}
	if f.live(other.SessionKey, second(4)) || f.live(out.SessionKey, second(4)) {
		f.Error("what was ended lives")
	}
	count := map[string]int{}
	for _, e := range f.log() {
		count[e.Kind]++
	}
	if count[token.KindSession] != 1 || count[token.KindUser] != 1 || count[token.KindAll] == 0 {
		f.Errorf("log entries: %v", count)
	}
}
