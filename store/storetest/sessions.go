package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Sessions checks a [pawl.SessionStore].
func Sessions(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"a session is read as it was stored", roundTrip},
		{"nobody's session is not found", unknownSession},
		{"a second handle sees each write at once", secondHandle},
		{"a context that has ended does nothing", endedContext},
		{"create refuses a session that exists", createTwice},
		{"create refuses a sign-in that an end overtook", createEnded},
		{"create ends the oldest above the limit", createLimit},
		{"create ends a batch above the limit at most", createBatch},
		{"rotate replaces what may change", rotateReplaces},
		{"rotate applies to the state it was made from only", rotateConditions},
		{"end ends once", endOnce},
		{"end each ends what end would", endEach},
		{"end each ends a batch", endEachBatch},
		{"end each ends what nothing else has ended", endEachOver},
		{"list gives what has not ended, oldest first", list},
		{"list goes on behind a place", listPages},
		{"scan gives every session once, with its mark", scanAll},
		{"scan misses nothing that stays", scanMoves},
		{"live sessions are counted", countLive},

		{"a mark ends what was signed in before", markEnds},
		{"a mark never moves back", markMonotonic},
		{"a mark reaches the latest sign-in", markReachesLatest},
		{"signing in right after a mark works", markSameSecond},
		{"end user keeps one session", endUserKeeps},
		{"end user keeps no session that is over", endUserKeepsLiveOnly},
		{"end user counts what it ended", endUserCounts},
		{"end all ends everything by one mark", endAll},
		{"two marks count as the later one", twoMarks},

		{"SECURITY 29: the end of a session that was lost is made again", sessionAgain},
		{"SECURITY 85: the end of a session that the store does not know is logged", unknownAgain},
		{"SECURITY 29: the end of a user's sessions that was lost is made again", userAgain},
		{"a user's end made again ends nobody who signed in later", userAgainLater},
		{"a user's end made again keeps the session that was to go on", userAgainKeeps},
		{"SECURITY 29: the end of everyone's sessions that was lost is made again", allAgain},
		{"an end that holds is not made again", againHolds},
		{"SECURITY 85: an end that holds and was not seen in the log is logged again", againUnlogged},
		{"nodes that make ends again at once agree", raceAgain},

		{"each end has one log entry", logEntries},
		{"the log is read in pages", logPages},
		{"a cursor of another log starts anew", logReset},

		{"sweep deletes what is due and nothing else", sweepExact},
		{"sweep deletes at most the limit of each", sweepLimit},
		{"sweep looks through the whole store", sweepWhole},
		{"sweep for another moment starts anew", sweepAnew},
		{"a cursor outlives the entries it points at", sweepCursor},

		{"SECURITY 23: racing rotations make one generation", raceRotate},
		{"no rotation is lost", raceNoLostUpdate},
		{"SECURITY 24: no rotation applies after an end has answered", raceRotateEnd},
		{"SECURITY 24: no sign-in survives an end that it raced", raceCreateEnd},
		{"no more sessions live than the limit", raceLimit},
		{"racing ends of one session log one entry", raceEnd},
		{"racing ends of many sessions log one entry of each", raceEndEach},
		{"SECURITY 24: no rotation applies after an end of many has answered", raceRotateEndEach},
		{"marks of racing ends all count", raceMarks},
		{"a follower misses nothing", raceFollower},
		{"sweeping disturbs no rotation", raceSweep},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(newFixture(t, open))
		})
	}
}

func roundTrip(f *fixture) {
	at := noon.Add(123 * ms)
	plain := NewSession("u", at)
	full := Advanced(NewSession("ユーザー 7/ü\x00'\"%;", at), at.Add(3*ms))
	full.Opened = full.Rotated.Add(7 * ms)
	full.Generation = 1<<40 + 1
	full.Client = pawl.Client{Address: "2001:db8::7", Agent: strings.Repeat("長い名前のブラウザ", 100), Label: "Kim’s “Läppi” 😀"}
	bare := pawl.Session{SessionKey: NewSession("v", at).SessionKey}
	last := NewSession("u", time.UnixMilli(253402300799999).UTC())
	for _, want := range []pawl.Session{plain, full, bare, last} {
		f.create(want, pawl.Mark{})
		for _, node := range []Node{f.Node, f.Second} {
			got, mark, err := node.Sessions.Get(f.ctx, want.SessionKey)
			f.must(err)
			if diff := cmp.Diff(want, got); diff != "" {
				f.Errorf("session of %q (-want +got):\n%s", want.User, diff)
			}
			if mark != (pawl.Mark{}) {
				f.Errorf("mark %v where nothing was ended", mark)
			}
		}
	}
}

func unknownSession(f *fixture) {
	have := f.signIn("u", noon)
	want, _ := f.endUser("u", have.ID, noon)
	for name, k := range map[string]pawl.SessionKey{
		"id":             {User: "u", ID: NewSession("u", noon).ID},
		"user":           {User: "v", ID: have.ID},
		"empty id":       {User: "u"},
		"malformed id":   {User: "u", ID: have.ID + "A"},
		"not base64url":  {User: "u", ID: strings.Repeat("*", 22)},
		"id in disguise": {User: "u", ID: disguised(have.ID)},
		"line feed":      {User: "u", ID: have.ID + "\n"},
		"line break":     {User: "u", ID: "\r\n" + have.ID},
		"broken in two":  {User: "u", ID: have.ID[:11] + "\n" + have.ID[11:]},
		"padded":         {User: "u", ID: have.ID + "=="},
		"spaced":         {User: "u", ID: " " + have.ID},
	} {
		_, mark, err := f.Sessions.Get(f.ctx, k)
		f.is(err, pawl.ErrNotFound)
		if k.User == "u" && mark != want {
			f.Errorf("unknown %s: mark %v, not %v", name, mark, want)
		}
		next := Advanced(pawl.Session{SessionKey: k}, noon)
		if f.rotate(pawl.Session{SessionKey: k}, next) {
			f.Errorf("unknown %s: rotated", name)
		}
		if ended, err := f.Sessions.End(f.ctx, k, api.ReasonSignedOut, noon); err != nil || ended {
			f.Errorf("unknown %s: ended %v, %v", name, ended, err)
		}
	}
	if n := len(f.log()); n != 1 {
		f.Errorf("%d log entries, not 1", n)
	}
}

// disguised changes the bits of the last character that carry nothing.
func disguised(id string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, id[len(id)-1])
	return id[:len(id)-1] + alphabet[last^1:last^1+1]
}

func secondHandle(f *fixture) {
	other := *f
	other.Node = f.Second
	for i := range 50 {
		at := noon.Add(time.Duration(i) * time.Second)
		s := f.signIn("u", at)
		if !other.live(s.SessionKey, at) {
			f.Fatal("a new session is not seen")
		}
		next := Advanced(s, at)
		if !other.rotate(s, next) {
			f.Fatal("a new session does not rotate")
		}
		if got, _ := f.get(s.SessionKey); got.Generation != next.Generation {
			f.Fatal("a rotation is not seen")
		}
		mark, _ := other.endUser("u", "", at)
		if got := f.mark("u"); got != mark {
			f.Fatalf("mark %v, not %v", got, mark)
		}
	}
}

func endedContext(f *fixture) {
	s := f.signIn("u", noon)
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	for name, call := range map[string]func() error{
		"Mark": func() error { _, err := f.Sessions.Mark(ctx, "u"); return err },
		"Get":  func() error { _, _, err := f.Sessions.Get(ctx, s.SessionKey); return err },
		"EndEach": func() error {
			_, err := f.Sessions.EndEach(ctx, "u", []string{s.ID}, api.ReasonSignedOut, noon)
			return err
		},
		"List":   func() error { _, _, err := f.Sessions.List(ctx, "u", pawl.ListPlace{}, 0); return err },
		"Create": func() error { _, err := f.Sessions.Create(ctx, NewSession("u", noon), pawl.Mark{}, 0); return err },
		"Rotate": func() error { _, err := f.Sessions.Rotate(ctx, s, Advanced(s, noon)); return err },
		"End":    func() error { _, err := f.Sessions.End(ctx, s.SessionKey, api.ReasonSignedOut, noon); return err },
		"EndUser": func() error {
			_, _, err := f.Sessions.EndUser(ctx, "u", "", api.ReasonEndedByAdmin, noon)
			return err
		},
		"EndAll": func() error { _, err := f.Sessions.EndAll(ctx, api.ReasonEndedByAdmin, noon); return err },
		"EndAgain": func() error {
			_, err := f.Sessions.EndAgain(ctx, again(token.KindSession, s.ID, noon, api.ReasonSignedOut, s.User, ""), true)
			return err
		},
		"EndAgain of a user": func() error {
			_, err := f.Sessions.EndAgain(ctx, again(token.KindUser, "u", noon, api.ReasonSignedOut, "", ""), true)
			return err
		},
		"EndAgain of all": func() error {
			_, err := f.Sessions.EndAgain(ctx, again(token.KindAll, "", noon, api.ReasonSignedOut, "", ""), true)
			return err
		},
		"Revocations": func() error { _, err := f.Sessions.Revocations(ctx, "", 1); return err },
		"Sweep": func() error {
			_, err := f.Sessions.Sweep(ctx, noon.AddDate(9, 0, 0), noon, 1)
			return err
		},
	} {
		if err := call(); err == nil {
			f.Errorf("%s does not say that it did nothing", name)
		}
	}
	got, mark := f.get(s.SessionKey)
	if diff := cmp.Diff(s, got); diff != "" || mark != (pawl.Mark{}) || len(f.log()) != 0 {
		f.Errorf("something was done: mark %v, %s", mark, diff)
	}
}

func (f *fixture) missing(k pawl.SessionKey) bool {
	_, _, err := f.Sessions.Get(f.ctx, k)
	return errors.Is(err, pawl.ErrNotFound)
}

func list(f *fixture) {
	var want []pawl.Session
	for _, at := range []time.Duration{2, 0, 1} {
		want = append(want, f.signIn("u", noon.Add(at*time.Hour)))
	}
	want = []pawl.Session{want[1], want[2], want[0]}
	want[0].IdleExpires = noon.Add(ms) // expiry is not judged
	if !f.rotate(want[0], want[0]) {
		f.Fatal("not rotated")
	}
	ended := f.signIn("u", noon)
	if ok, err := f.Sessions.End(f.ctx, ended.SessionKey, api.ReasonSignedOut, noon); err != nil || !ok {
		f.Fatal(ok, err)
	}
	f.signIn("v", noon)
	for user, want := range map[string][]pawl.Session{"u": want, "nobody": nil} {
		got, mark, err := f.Sessions.List(f.ctx, user, pawl.ListPlace{}, 0)
		f.must(err)
		if diff := cmp.Diff(want, got); diff != "" || mark != (pawl.Mark{}) {
			f.Errorf("list of %s: mark %v (-want +got):\n%s", user, mark, diff)
		}
	}
	everyone := f.endAll(noon.Add(time.Hour)) // it ends the latest as well
	got, mark, err := f.Sessions.List(f.ctx, "u", pawl.ListPlace{}, 0)
	f.must(err)
	if mark != everyone || len(got) > 0 {
		f.Errorf("list: mark %v, not %v; %v", mark, everyone, got)
	}
}
