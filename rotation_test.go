package pawl

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// The table of docs/rotation.md, row by row (SECURITY 21). The session is at
// generation 7, which was made at 12:00:00 by a request with key K; G is 60 s,
// idle 14 days, absolute 90 days. Times are offsets from 12:00:00.
func TestDecideIsTheTable(t *testing.T) {
	const (
		second = time.Second
		day    = 24 * time.Hour
	)
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	keyK, keyL, none := [32]byte{'K'}, [32]byte{'L'}, [32]byte{}
	pol := Policy{AccessTTL: 30 * time.Minute, RefreshTTL: 14 * day, SessionTTL: 90 * day, ReuseWindow: 60 * second}
	home, cafe := Client{Address: "192.0.2.1", Agent: "Firefox", Label: "laptop"}, Client{Address: "198.51.100.7", Agent: "Safari"}
	record := Session{
		SessionKey: SessionKey{User: "u", ID: "s"}, Generation: 7,
		Created: noon.Add(-10 * day), Rotated: noon, Opened: noon,
		IdleExpires: noon.Add(14 * day), Ends: noon.Add(80 * day), AuthTime: noon.Add(-10 * day),
		Client: home, LastKey: keyK,
	}
	with := func(change func(*Session)) *Session {
		rec := record
		change(&rec)
		return &rec
	}
	live := &record
	reopened := with(func(s *Session) { s.Opened = noon.Add(3 * day) })
	keyless := with(func(s *Session) { s.LastKey = none })
	nearEnd := with(func(s *Session) { s.Ends = noon.Add(5 * day); s.IdleExpires = noon.Add(5 * day) })
	ended := with(func(s *Session) { s.Ended = noon; s.EndReason = api.ReasonSignedOut })
	young := with(func(s *Session) { s.Generation = 0; s.LastKey = none })
	absolute := with(func(s *Session) { s.Ends = noon.Add(day); s.IdleExpires = noon.Add(day) })

	ok := Standing{}
	marked := func(at time.Duration) Standing {
		return Standing{Mark: Mark{NotBefore: noon.Add(at), Reason: api.ReasonPasswordChanged, Version: 1}}
	}
	known := func(r token.Revocation) Standing {
		r.Reason = api.ReasonSignedOut
		return Standing{Known: r}
	}
	advancedAt := func(from *Session, at time.Duration, key [32]byte, idle time.Duration) Session {
		next := *from
		next.Generation++
		next.Rotated, next.Opened = noon.Add(at), noon.Add(at)
		next.IdleExpires = noon.Add(idle)
		next.LastKey = key
		next.Client = Client{Address: cafe.Address, Agent: cafe.Agent, Label: from.Client.Label}
		return next
	}

	for _, row := range []struct {
		row     int
		name    string
		rec     *Session
		who     Standing
		gen     uint64
		key     [32]byte
		access  bool          // a valid access token of the same session came along
		now     time.Duration // after noon
		outcome Outcome
		reason  string
		next    Session
	}{
		{1, "record unknown", nil, ok, 7, none, false, second, Refuse, api.ReasonUnknown, Session{}},
		{1, "ended: says why", ended, ok, 7, keyK, true, second, Refuse, api.ReasonSignedOut, Session{}},
		{1, "ended beats a token ahead of the record", ended, ok, 9, none, false, second, Refuse, api.ReasonSignedOut, Session{}},
		{1, "ended beats reuse", ended, ok, 2, none, false, second, Refuse, api.ReasonSignedOut, Session{}},
		{1, "absolute end, to the millisecond", absolute, ok, 7, none, false, day, Refuse, api.ReasonExpired, Session{}},
		{1, "absolute end: no case 3", absolute, ok, 7, none, true, 2 * day, Refuse, api.ReasonExpired, Session{}},
		{1, "user disabled or gone", live, Standing{Disabled: true}, 7, none, false, second, Refuse, api.ReasonDisabled, Session{}},
		{1, "auth_time before the mark", live, marked(-day), 7, none, false, second, Refuse, api.ReasonPasswordChanged, Session{}},
		{1, "auth_time equal to the mark", live, marked(-10 * day), 7, none, false, second, Refuse, api.ReasonPasswordChanged, Session{}},
		{1, "known to be ended, whatever the record says", live, known(token.Revocation{Kind: token.KindSession, ID: "s"}), 7, keyK, true, second, Refuse, api.ReasonSignedOut, Session{}},
		{1, "known to be ended beats a token ahead of the record", live, known(token.Revocation{Kind: token.KindSession, ID: "s"}), 9, none, false, second, Refuse, api.ReasonSignedOut, Session{}},
		{1, "known: the user's, auth_time equal to it", live, known(token.Revocation{Kind: token.KindUser, ID: "u", NotBefore: noon.Add(-10 * day)}), 7, none, false, second, Refuse, api.ReasonSignedOut, Session{}},
		{1, "known: everybody's", live, known(token.Revocation{Kind: token.KindAll, NotBefore: noon}), 7, none, false, second, Refuse, api.ReasonSignedOut, Session{}},
		{1, "known, but the record says why", with(func(s *Session) { s.Ended, s.EndReason = noon, api.ReasonReused }), known(token.Revocation{Kind: token.KindAll, NotBefore: noon}), 7, none, false, second, Refuse, api.ReasonReused, Session{}},
		{4, "known: another session's", live, known(token.Revocation{Kind: token.KindSession, ID: "t"}), 7, none, false, second, AccessOnly, "", Session{}},
		{4, "known: the user's, auth_time later", live, known(token.Revocation{Kind: token.KindUser, ID: "u", NotBefore: noon.Add(-10*day - second)}), 7, none, false, second, AccessOnly, "", Session{}},
		{4, "auth_time later than the mark", live, marked(-10*day - second), 7, none, false, second, AccessOnly, "", Session{}},

		{2, "ahead by one", live, ok, 8, none, false, second, Restore, "", Session{}},
		{2, "ahead by any number", live, ok, 700, keyK, false, 20 * day, Restore, "", Session{}},

		{3, "idle for too long, to the millisecond", live, ok, 7, none, false, 14 * day, Refuse, api.ReasonExpired, Session{}},
		{3, "idle: the previous generation has no case 3", live, ok, 6, keyK, true, 14 * day, Refuse, api.ReasonExpired, Session{}},
		{3, "idle: an old generation is told the same", live, ok, 1, none, false, 15 * day, Refuse, api.ReasonExpired, Session{}},
		{5, "case 3: idle, but a valid access token and the current generation", live, ok, 7, none, true, 14 * day, Advance, "", advancedAt(live, 14*day, none, 28*day)},

		{4, "current, window open", live, ok, 7, none, false, 59999 * time.Millisecond, AccessOnly, "", Session{}},
		{4, "current, window open: a key changes nothing", live, ok, 7, keyL, false, 0, AccessOnly, "", Session{}},
		{4, "current, window re-opened", reopened, ok, 7, none, false, 3*day + 59*second, AccessOnly, "", Session{}},
		{4, "current, the clock stepped back", live, ok, 7, none, false, -time.Hour, AccessOnly, "", Session{}},

		{5, "current, window closed to the millisecond", live, ok, 7, none, false, 60 * second, Advance, "", advancedAt(live, 60*second, none, 14*day+60*second)},
		{5, "current, window closed: keeps the key", live, ok, 7, keyL, false, day, Advance, "", advancedAt(live, day, keyL, 15*day)},
		{5, "the same key again is a new advance all the same", live, ok, 7, keyK, false, day, Advance, "", advancedAt(live, day, keyK, 15*day)},
		{5, "idle_expires never passes ends", nearEnd, ok, 7, none, false, day, Advance, "", advancedAt(nearEnd, day, none, 5*day)},

		{6, "previous, window open, without a key", live, ok, 6, none, false, 59 * second, Resend, "", Session{}},
		{6, "previous, window open, with another key", live, ok, 6, keyL, false, 59 * second, Resend, "", Session{}},
		{6, "previous, window open, with the key: no write", live, ok, 6, keyK, false, 59 * second, Resend, "", Session{}},
		{6, "previous, window closed, with the key: re-opens", live, ok, 6, keyK, false, 60 * second, Reopen, "", *with(func(s *Session) { s.Opened = noon.Add(60 * second) })},
		{6, "previous, after days, with the key", live, ok, 6, keyK, false, 3 * day, Reopen, "", *reopened},
		{6, "previous, re-opened before, with the key: once a generation", reopened, ok, 6, keyK, false, 5 * day, Resend, "", Session{}},
		{6, "previous, re-opened window still open, without a key", reopened, ok, 6, none, false, 3*day + second, Resend, "", Session{}},

		{7, "previous, window closed, without a key", live, ok, 6, none, false, 60 * second, EndReused, api.ReasonReused, Session{}},
		{7, "previous, window closed, another key", live, ok, 6, keyL, false, day, EndReused, api.ReasonReused, Session{}},
		{7, "absent never equals absent", keyless, ok, 6, none, false, day, EndReused, api.ReasonReused, Session{}},
		{7, "re-opened window closed again, without the key", reopened, ok, 6, none, false, 4 * day, EndReused, api.ReasonReused, Session{}},
		{7, "two behind, window open", live, ok, 5, none, false, second, EndReused, api.ReasonReused, Session{}},
		{7, "two behind, with the key", live, ok, 5, keyK, false, second, EndReused, api.ReasonReused, Session{}},
		{7, "two behind, a valid access token helps nobody", live, ok, 5, none, true, second, EndReused, api.ReasonReused, Session{}},
		{7, "the first of all", live, ok, 0, keyK, false, 13 * day, EndReused, api.ReasonReused, Session{}},

		{4, "generation 0 has no previous", young, ok, 0, none, false, second, AccessOnly, "", Session{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := Presented{Refresh: token.Refresh{Generation: row.gen}, KeyHash: row.key, AccessValid: row.access, Client: cafe}
			if row.outcome == Restore {
				p.Refresh.Issued, p.Refresh.Expires, p.Refresh.End = noon.Add(day), noon.Add(15*day), noon.Add(100*day)
				row.next = *with(func(s *Session) {
					s.Generation = row.gen
					s.Rotated, s.Opened, s.IdleExpires, s.LastKey = noon.Add(day), noon.Add(day), noon.Add(15*day), none
				})
			}
			got := Decide(row.rec, row.who, p, noon.Add(row.now), pol)
			want := Decision{Row: row.row, Outcome: row.outcome, Next: row.next}
			if row.reason != "" {
				want.Err = api.LoginRequired(row.reason)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(api.Error{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}

	t.Run("SECURITY 22: a token that claims a later end does not move it", func(t *testing.T) {
		p := Presented{Refresh: token.Refresh{Generation: 8, Issued: noon, Expires: noon.Add(200 * day), End: noon.Add(200 * day)}}
		next := Decide(live, ok, p, noon, pol).Next
		if !next.Ends.Equal(live.Ends) || next.IdleExpires.After(live.Ends) {
			t.Errorf("ends %v, idle %v; the record ends %v", next.Ends, next.IdleExpires, live.Ends)
		}
	})
	t.Run("a window of zero never opens", func(t *testing.T) {
		closed := pol
		closed.ReuseWindow = 0
		if d := Decide(live, ok, Presented{Refresh: token.Refresh{Generation: 7}}, noon, closed); d.Outcome != Advance {
			t.Errorf("got %s, want advance", d.Outcome)
		}
	})
}
