package pawl_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// ended waits until the store says that ann's session was ended.
func (n *nodes) ended(t *testing.T, tok api.Tokens) {
	t.Helper()
	await(t, "the store has it ended again", func() bool {
		rec, mark, err := n.Get(t.Context(), pawl.SessionKey{User: "id-ann", ID: tok.SessionID})
		return err == nil && (!rec.Ended.IsZero() || mark.Covers(rec.AuthTime))
	})
}

// SECURITY 85: an end that was lost before any node had read it is noticed, also
// where an earlier end of everyone's sessions covers whatever has no time.
func TestAnUnreadEndIsMissedWhateverElseIsRevoked(t *testing.T) {
	for name, before := range map[string]func(*testing.T, *nodes){
		"nothing": func(*testing.T, *nodes) {},
		"everyone's end": func(t *testing.T, n *nodes) {
			wantError(t, "end all", n.here.EndAll(t.Context(), api.ReasonEndedByAdmin), nil)
		},
		"the user's end": func(t *testing.T, n *nodes) {
			_, err := n.here.EndUser(t.Context(), "id-ann", api.ReasonEndedByAdmin)
			wantError(t, "end user", err, nil)
		},
	} {
		for kind, end := range map[string]func(*testing.T, *nodes, api.Tokens) error{
			"a session's": func(t *testing.T, n *nodes, tok api.Tokens) error {
				return n.here.Logout(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken})
			},
			"a user's": func(t *testing.T, n *nodes, _ api.Tokens) error {
				_, err := n.here.EndUser(t.Context(), "id-ann", api.ReasonEndedByAdmin)
				return err
			},
			"everyone's": func(t *testing.T, n *nodes, _ api.Tokens) error {
				return n.here.EndAll(t.Context(), api.ReasonEndedByAdmin)
			},
		} {
			t.Run(name+" before "+kind, func(t *testing.T) {
				n := newNodes(t)
				old := n.here.login()
				before(t, n)
				if name != "nothing" {
					n.heard(t, old)
				}
				for _, f := range []*fixture{n.here, n.there} {
					f.advance(5 * time.Minute)
				}
				tok := n.here.login()
				n.lags.Store(true)
				n.hollow.Store(true)
				n.falls.Store(true)
				wantError(t, "the end", end(t, n, tok), nil)
				n.ended(t, tok)
				_, err := n.there.reissue(tok.RefreshToken, "", "")
				if !errors.Is(err, api.ErrLoginRequired) {
					t.Errorf("the other node answers its refresh token: %v", err)
				}
			})
		}
	}
}

// replyLost is a store whose next reply to an end is lost: the end is made, and the
// caller does not learn of it.
type replyLost struct {
	*replicated
	end atomic.Bool
}

func (l *replyLost) lost(err error) error {
	if err == nil && l.end.CompareAndSwap(true, false) {
		return errBroken
	}
	return err
}

func (l *replyLost) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	ok, err := l.replicated.End(ctx, k, reason, at)
	return ok, l.lost(err)
}

// SECURITY 85: an end whose first reply was lost is everyone's to apply again: the
// node that was asked once more, and each that read the log.
func TestAnEndWhoseReplyWasLostIsAppliedAgain(t *testing.T) {
	for name, end := range map[string]func(f *fixture, tok api.Tokens) error{
		"a sign-out": func(f *fixture, tok api.Tokens) error {
			return f.Logout(context.Background(), api.ReissueRequest{RefreshToken: tok.RefreshToken})
		},
		"of another session": func(f *fixture, tok api.Tokens) error {
			return f.EndSession(context.Background(), f.claims(f.login().AccessToken), tok.SessionID, pawl.Client{})
		},
		"by an administrator": func(f *fixture, tok api.Tokens) error {
			return f.EndSessionOf(context.Background(), pawl.SessionKey{User: "id-ann", ID: tok.SessionID}, pawl.Client{})
		},
	} {
		for _, unread := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				l := &replyLost{replicated: newReplicated()}
				key := pawl.NewMasterKey()
				on := func(c *pawl.Config) { c.Sessions, c.Users, c.Keys, c.MasterKey = l, l.Store, l.Store, key }
				n := &nodes{replicated: l.replicated, here: newFixture(t, on)}
				n.here.store = l.Store
				n.here.addUser("ann", pawl.User{})
				tok := n.here.login()
				n.lags.Store(true)
				n.hollow.Store(unread)
				l.end.Store(true)
				wantError(t, "the end whose reply is lost", end(n.here, tok), api.ErrUnavailable)
				wantError(t, "the retry", end(n.here, tok), nil)
				if _, err := n.here.guard.Check(tok.AccessToken); !errors.Is(err, api.ErrLoginRequired) {
					t.Errorf("the access token right after the answer: %v", err)
				}
				n.failOver()
				n.hollow.Store(false)
				n.ended(t, tok)
				fresh := newFixture(t, on) // a node that starts now
				_, err := fresh.reissue(tok.RefreshToken, "", "")
				if !errors.Is(err, api.ErrLoginRequired) {
					t.Errorf("a node that starts now answers: %v", err)
				}
			})
		}
	}
}

// A reuse whose answer was lost: the retry is refused by the record, and the node
// remembers what the record told it.
func TestAnEndThatARecordTellsOfIsRemembered(t *testing.T) {
	l := &replyLost{replicated: newReplicated()}
	key := pawl.NewMasterKey()
	n := &nodes{replicated: l.replicated, here: newFixture(t, func(c *pawl.Config) {
		c.Sessions, c.Users, c.Keys, c.MasterKey = l, l.Store, l.Store, key
	})}
	n.here.store = l.Store
	n.here.addUser("ann", pawl.User{})
	first := n.here.login()
	n.here.advance(2 * time.Minute)
	second := n.here.mustReissue(first.RefreshToken, "", "")
	n.here.advance(2 * time.Minute)
	n.here.mustReissue(second.RefreshToken, "", "")
	n.here.advance(2 * time.Minute)
	n.lags.Store(true)
	n.hollow.Store(true)
	l.end.Store(true)
	_, err := n.here.reissue(first.RefreshToken, "", "")
	wantError(t, "reuse whose answer is lost", err, api.ErrUnavailable)
	_, err = n.here.reissue(first.RefreshToken, "", "")
	wantError(t, "reuse", err, api.LoginRequired(api.ReasonReused))
	n.failOver()
	n.hollow.Store(false)
	n.ended(t, first)
}

// SECURITY 85: a session whose sign-in the store has lost is signed out all the
// same: every node refuses its access token, and an old primary that brings it back
// does not bring it back to life.
func TestALostSessionIsSignedOut(t *testing.T) {
	for name, signOut := range map[string]func(f *fixture, tok api.Tokens) error{
		"by its refresh token": func(f *fixture, tok api.Tokens) error {
			return f.Logout(context.Background(), api.ReissueRequest{RefreshToken: tok.RefreshToken})
		},
		"by its access token": func(f *fixture, tok api.Tokens) error {
			return f.Logout(context.Background(), api.ReissueRequest{AccessToken: tok.AccessToken})
		},
		"by its own list": func(f *fixture, tok api.Tokens) error {
			return f.EndSession(context.Background(), f.claims(tok.AccessToken), tok.SessionID, pawl.Client{})
		},
		"by the sign-in that replaces it": func(f *fixture, tok api.Tokens) error {
			_, err := f.Login(context.Background(), pawl.SignIn{Login: "ann", Password: goodPassword, Replaces: tok.RefreshToken})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNodes(t)
			n.lags.Store(true)
			tok := n.here.login()
			n.failOver()
			_, err := n.there.reissue(tok.RefreshToken, "", "")
			wantError(t, "reissue of a lost session", err, api.LoginRequired(api.ReasonUnknown))
			wantError(t, "sign-out", signOut(n.there, tok), nil)
			n.heard(t, tok)
			if _, err := n.here.guard.Check(tok.AccessToken); !errors.Is(err, api.ErrLoginRequired) {
				await(t, "the first node hears of it", func() bool {
					_, err := n.here.guard.Check(tok.AccessToken)
					return errors.Is(err, api.ErrLoginRequired)
				})
			}
			n.over.Store(false) // the old primary comes back with its data
			n.ended(t, tok)
		})
	}
}

// Sign-outs of a lost session write one log entry, however often they are repeated,
// and none for a session that could not live any more.
func TestASignOutOfALostSessionIsLoggedOnce(t *testing.T) {
	n := newNodes(t)
	n.lags.Store(true)
	tok, old := n.here.login(), n.here.login()
	n.failOver()
	for _, f := range []*fixture{n.here, n.there} { // nothing is left to be applied again
		await(t, "the node is ready", func() bool { return f.Ready(t.Context()) == nil })
	}
	for range 5 {
		wantError(t, "sign-out", n.here.Logout(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken}), nil)
	}
	n.here.advance(100 * 24 * time.Hour)
	wantError(t, "sign-out", n.here.Logout(t.Context(), api.ReissueRequest{RefreshToken: old.RefreshToken}), nil)
	page, err := n.replica.Revocations(t.Context(), "", 100)
	if err != nil || len(page.Entries) != 1 || page.Entries[0].ID != tok.SessionID {
		t.Errorf("the log: %v, %v", page.Entries, err)
	}
}

// The clock of the server that takes over may be ahead: what a node remembers ages
// by the time that passes, not by what a clock shows.
func TestAClockThatLeapsForgetsNoEnd(t *testing.T) {
	for _, by := range []time.Duration{2 * time.Minute, -2 * time.Minute, 48 * time.Hour} {
		n := newNodes(t)
		tok := n.here.login()
		n.lags.Store(true)
		wantError(t, "sign-out", n.here.Logout(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken}), nil)
		n.heard(t, tok)
		n.here.leap(by)
		n.there.leap(by)
		n.failOver()
		n.ended(t, tok)
	}
}

// While the log cannot be read nothing is forgotten: what was lost shows only when
// it can be read again.
func TestNothingIsForgottenWhileTheLogCannotBeRead(t *testing.T) {
	n := newNodes(t)
	tok := n.here.login()
	n.lags.Store(true)
	wantError(t, "sign-out", n.here.Logout(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken}), nil)
	n.heard(t, tok)
	n.away.Store(true)
	wantError(t, "ready while the store is away", n.here.Ready(t.Context()), api.ErrUnavailable)
	wantError(t, "ready while the store is away", n.there.Ready(t.Context()), api.ErrUnavailable)
	n.here.advance(5 * time.Minute)
	n.there.advance(5 * time.Minute)
	n.failOver()
	n.away.Store(false)
	n.ended(t, tok)
}

// What the log still shows after a fail-over holds: only what it has lost is made
// again, however many ends there were.
func TestOnlyWhatIsLostIsMadeAgain(t *testing.T) {
	n := newNodes(t)
	out := func(tok api.Tokens) {
		wantError(t, "sign-out", n.here.Logout(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken}), nil)
		n.heard(t, tok)
	}
	lost := n.here.login()
	for range 5 {
		out(n.here.login())
	}
	n.lags.Store(true)
	out(lost)
	n.failOver()
	n.ended(t, lost)
	for _, f := range []*fixture{n.here, n.there} {
		await(t, "the node is ready", func() bool { return f.Ready(t.Context()) == nil })
	}
	if got := n.remade.Load(); got > 2 { // each node once
		t.Errorf("%d ends were made again, one was lost", got)
	}
}

// A password change that was lost is applied again by a node that only read of it,
// too, with the session that goes on.
func TestAPasswordChangeIsAppliedAgainByAnyNode(t *testing.T) {
	n := newNodes(t)
	mine, other := n.here.login(), n.here.login()
	n.lags.Store(true)
	if _, err := n.here.ChangePassword(t.Context(), n.here.claims(mine.AccessToken), goodPassword, newPassword); err != nil {
		t.Fatal(err)
	}
	n.heard(t, other)
	n.here.Close() // the node that made the change is gone with the primary
	n.failOver()
	n.ended(t, other)
	await(t, "the session that changed the password goes on", func() bool {
		tok, err := n.there.reissue(mine.RefreshToken, "", "")
		if err != nil {
			return false
		}
		_, err = n.there.guard.Check(tok.AccessToken)
		return err == nil
	})
}

// A part of the store lost everyone's end without a trace in the log: whoever reads
// of that end looks after it, at once and as long as it counts.
func TestEveryonesEndIsLookedAfter(t *testing.T) {
	n := newNodes(t)
	tok := n.here.login()
	n.lags.Store(true)
	n.quiet.Store(true)
	n.over.Store(true) // marks are read and made in what lags; the log is that of the other
	if _, err := n.Store.EndAll(t.Context(), api.ReasonEndedByAdmin, n.here.clock()); err != nil {
		t.Fatal(err)
	}
	n.ended(t, tok)
}

// partly is a store of which a part cannot be reached: what is read of the log
// comes with an error, and ends of bob's sessions cannot be made.
type partly struct {
	*replicated
	away atomic.Bool
}

func (p *partly) Revocations(ctx context.Context, after string, limit int) (pawl.RevocationPage, error) {
	page, err := p.replicated.Revocations(ctx, after, limit)
	if err == nil && p.away.Load() {
		err = errBroken
	}
	return page, err
}

func (p *partly) EndAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool) (bool, error) {
	if p.away.Load() && e.User == "id-bob" {
		return false, errBroken
	}
	return p.replicated.EndAgain(ctx, e, unlogged)
}

// One part of the store that cannot be reached keeps a node from being ready, and
// keeps nothing else: what the others lost is noticed and applied again, and their
// users are served.
func TestAPartThatIsAwayHoldsUpNoOther(t *testing.T) {
	p := &partly{replicated: newReplicated()}
	n := &nodes{replicated: p.replicated, here: newFixture(t, func(c *pawl.Config) {
		c.Sessions, c.Users, c.Keys = p, p.Store, p.Store
	})}
	n.here.store = p.Store
	n.here.addUser("ann", pawl.User{})
	n.here.addUser("bob", pawl.User{})
	out, in := n.here.login(), n.here.login()
	bobs, err := n.here.Start(t.Context(), "id-bob", pawl.Client{})
	wantError(t, "bob signs in", err, nil)
	n.lags.Store(true)
	for _, tok := range []api.Tokens{out, bobs} {
		wantError(t, "sign-out", n.here.Logout(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken}), nil)
	}
	wantError(t, "ready", n.here.Ready(t.Context()), nil)
	p.away.Store(true)
	n.failOver()
	n.ended(t, out)
	wantError(t, "ready while a part is away", n.here.Ready(t.Context()), api.ErrUnavailable)
	await(t, "users of the other parts are served", func() bool {
		_, err := n.here.reissue(in.RefreshToken, "", "")
		return err == nil
	})
	p.away.Store(false)
	await(t, "what belongs there is applied, too", func() bool {
		rec, _, err := n.Get(t.Context(), pawl.SessionKey{User: "id-bob", ID: bobs.SessionID})
		return err == nil && !rec.Ended.IsZero()
	})
	wantError(t, "ready", n.here.Ready(t.Context()), nil)
}

// A clock that leaps ahead deletes nothing and forgets no revocation.
func TestAClockThatLeapsDeletesNothing(t *testing.T) {
	f := newFixture(t)
	tok := f.login()
	wantError(t, "sign-out", f.Logout(t.Context(), api.ReissueRequest{RefreshToken: f.login().RefreshToken}), nil)
	f.leap(200 * 24 * time.Hour)
	wantError(t, "sweep", pawl.SweepOnce(t.Context(), f.Service), nil)
	f.leap(-200 * 24 * time.Hour)
	f.mustReissue(tok.RefreshToken, "", "")
	if n := f.Revoked().Len(); n != 1 {
		t.Errorf("%d revocations are known", n)
	}
	page, err := f.store.Revocations(t.Context(), "", 10)
	if err != nil || len(page.Entries) != 1 {
		t.Errorf("the log: %v, %v", page.Entries, err)
	}
	f.advance(200 * 24 * time.Hour) // time that passes does
	wantError(t, "sweep", pawl.SweepOnce(t.Context(), f.Service), nil)
	if _, _, err := f.store.Get(t.Context(), pawl.SessionKey{User: "id-ann", ID: tok.SessionID}); !errors.Is(err, pawl.ErrNotFound) {
		t.Errorf("a session that ran out: %v", err)
	}
}

// A node that cannot read the log for long does not know what others have ended:
// it reissues nothing, starts nothing, and is not ready.
func TestANodeThatDoesNotReadTheLogServesNobody(t *testing.T) {
	blind := &blindStore{}
	f := newFixture(t, func(c *pawl.Config) { blind.SessionStore = c.Sessions; c.Sessions = blind })
	tok := f.login()
	f.mustReissue(tok.RefreshToken, "", "")
	blind.down.Store(true)
	wantError(t, "ready", f.Ready(t.Context()), api.ErrUnavailable)
	pawl.LogUnreadFor(f.Service, 6*time.Second)
	f.mustReissue(tok.RefreshToken, "", "")
	pawl.LogUnreadFor(f.Service, 9*time.Second)
	_, err := f.reissue(tok.RefreshToken, "", "")
	wantError(t, "reissue", err, api.ErrUnavailable)
	_, err = f.Start(t.Context(), "id-ann", pawl.Client{})
	wantError(t, "sign-in", err, api.ErrUnavailable)
	blind.down.Store(false)
	f.mustReissue(tok.RefreshToken, "", "")
}
