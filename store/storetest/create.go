package storetest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func createTwice(f *fixture) {
	s := f.signIn("u", noon)
	again := Advanced(s, noon)
	_, err := f.Sessions.Create(f.ctx, again, pawl.Mark{}, 1)
	f.is(err, pawl.ErrConflict)
	if got, _ := f.get(s.SessionKey); cmp.Diff(s, got) != "" {
		f.Errorf("the session changed: %v", got)
	}
	elsewhere := again
	elsewhere.User = "v" // a session is named by both
	f.create(elsewhere, pawl.Mark{})
}

func createEnded(f *fixture) {
	old := f.signIn("u", noon)
	seen := f.mark("u")
	for name, end := range map[string]func(){
		"user": func() { f.endUser("u", old.ID, noon.Add(-time.Hour)) }, // the clock stepped back
		"all":  func() { f.endAll(noon.Add(-time.Hour)) },
	} {
		end()
		s := NewSession("u", noon.Add(time.Hour))
		_, err := f.Sessions.Create(f.ctx, s, seen, 1)
		if f.is(err, pawl.ErrEnded); !f.missing(s.SessionKey) {
			f.Errorf("%s: the session exists", name)
		}
		seen = f.mark("u")
	}
	if got, _ := f.get(old.SessionKey); !got.Ended.IsZero() {
		f.Error("a refused sign-in ended a session")
	}
	f.create(NewSession("v", noon), f.mark("v"))
}

func createLimit(f *fixture) {
	minute := func(i int) time.Time { return noon.Add(time.Duration(i) * time.Minute) }
	var have []pawl.Session
	for _, i := range []int{3, 1, 2} {
		have = append(have, f.signIn("u", minute(i)))
	}
	other := f.signIn("v", noon)
	ended := f.signIn("u", minute(0))
	if _, err := f.Sessions.End(f.ctx, ended.SessionKey, api.ReasonSignedOut, minute(4)); err != nil {
		f.Fatal(err)
	}
	expired := NewSession("u", minute(0))
	expired.IdleExpires = minute(5)
	f.create(expired, pawl.Mark{})

	s := NewSession("u", minute(5).Add(7*ms))
	evicted, err := f.Sessions.Create(f.ctx, s, pawl.Mark{}, 2)
	f.must(err)
	want := []pawl.Session{have[1], have[2]} // the two made first of three; others do not count
	for i := range want {
		want[i].Ended, want[i].EndReason = s.Created, api.ReasonSessionLimit
	}
	if diff := cmp.Diff(want, evicted); diff != "" {
		f.Errorf("evicted (-want +got):\n%s", diff)
	}
	for _, w := range want {
		if got, _ := f.get(w.SessionKey); cmp.Diff(w, got) != "" {
			f.Errorf("evicted, as read: %v", got)
		}
	}
	for _, k := range []pawl.SessionKey{have[0].SessionKey, other.SessionKey, s.SessionKey} {
		if !f.live(k, s.Created) {
			f.Errorf("%v does not live", k)
		}
	}
	if n := len(f.log()); n != 3 {
		f.Errorf("%d log entries, not 3", n)
	}
	if evicted, err := f.Sessions.Create(f.ctx, NewSession("u", minute(6)), pawl.Mark{}, 3); err != nil || len(evicted) != 0 {
		f.Errorf("room for one, but evicted %v, %v", evicted, err)
	}
}
