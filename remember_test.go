package pawl_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/token"
)

// replicated is a store with a replica that can lag and take over: what was
// written since it lags is lost then.
type replicated struct {
	*memory.Store
	replica *memory.Store
	lags    atomic.Bool
	over    atomic.Bool  // the replica has taken over
	quiet   atomic.Bool  // the log does not show that it has
	broken  atomic.Bool  // nothing can be ended
	hollow  atomic.Bool  // the log has lost what was not yet read
	swallow atomic.Bool  // the next end of a session is lost once more
	falls   atomic.Bool  // the replica takes over right after the next end
	away    atomic.Bool  // the log cannot be read
	remade  atomic.Int64 // how often an end was made again
}

func newReplicated() *replicated { return &replicated{Store: memory.New(), replica: memory.New()} }

func (r *replicated) now() *memory.Store {
	if r.over.Load() {
		return r.replica
	}
	return r.Store
}

// both writes to the primary, and to the replica while it keeps up.
func (r *replicated) both(write func(*memory.Store) error) error {
	if !r.over.Load() && !r.lags.Load() {
		if err := write(r.replica); err != nil {
			return err
		}
	}
	return write(r.now())
}

func (r *replicated) Mark(ctx context.Context, user string) (pawl.Mark, error) {
	return r.now().Mark(ctx, user)
}

func (r *replicated) Get(ctx context.Context, k pawl.SessionKey) (pawl.Session, pawl.Mark, error) {
	return r.now().Get(ctx, k)
}

func (r *replicated) List(ctx context.Context, user string, after pawl.ListPlace, limit int) ([]pawl.Session, pawl.Mark, error) {
	return r.now().List(ctx, user, after, limit)
}

func (r *replicated) Scan(ctx context.Context, after string, limit int) (pawl.SessionPage, error) {
	return r.now().Scan(ctx, after, limit)
}

func (r *replicated) Revocations(ctx context.Context, after string, limit int) (pawl.RevocationPage, error) {
	if r.away.Load() {
		return pawl.RevocationPage{}, errBroken
	}
	if r.hollow.Load() {
		page, err := r.Store.Revocations(ctx, after, limit)
		page.Entries = nil
		return page, err
	}
	if r.quiet.Load() {
		return r.Store.Revocations(ctx, after, limit)
	}
	return r.now().Revocations(ctx, after, limit)
}

func (r *replicated) Create(ctx context.Context, s pawl.Session, seen pawl.Mark, limit int) (evicted []pawl.Session, err error) {
	err = r.both(func(m *memory.Store) (err error) { evicted, err = m.Create(ctx, s, seen, limit); return err })
	return evicted, err
}

func (r *replicated) Rotate(ctx context.Context, from, next pawl.Session) (applied bool, err error) {
	err = r.both(func(m *memory.Store) (err error) { applied, err = m.Rotate(ctx, from, next); return err })
	return applied, err
}

var errBroken = errors.New("nothing can be ended")

func (r *replicated) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (ended bool, err error) {
	if r.broken.Load() {
		return false, errBroken
	}
	err = r.both(func(m *memory.Store) (err error) { ended, err = m.End(ctx, k, reason, at); return err })
	r.fall()
	return ended, err
}

// fall has the replica take over, where the test has asked for that.
func (r *replicated) fall() {
	if r.falls.CompareAndSwap(true, false) {
		r.over.Store(true)
	}
}

func (r *replicated) EndEach(ctx context.Context, user string, ids []string, reason string, at time.Time) (ended []string, err error) {
	if r.broken.Load() {
		return nil, errBroken
	}
	err = r.both(func(m *memory.Store) (err error) { ended, err = m.EndEach(ctx, user, ids, reason, at); return err })
	r.fall()
	return ended, err
}

func (r *replicated) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (mark pawl.Mark, n int, err error) {
	if r.broken.Load() {
		return mark, 0, errBroken
	}
	err = r.both(func(m *memory.Store) (err error) { mark, n, err = m.EndUser(ctx, user, keep, reason, at); return err })
	r.fall()
	return mark, n, err
}

func (r *replicated) EndAll(ctx context.Context, reason string, at time.Time) (mark pawl.Mark, err error) {
	err = r.both(func(m *memory.Store) (err error) { mark, err = m.EndAll(ctx, reason, at); return err })
	r.fall()
	return mark, err
}

func (r *replicated) EndAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool) (wrote bool, err error) {
	r.remade.Add(1)
	if r.broken.Load() {
		return false, errBroken
	}
	if r.swallow.CompareAndSwap(true, false) {
		return true, nil
	}
	err = r.both(func(m *memory.Store) (err error) { wrote, err = m.EndAgain(ctx, e, unlogged); return err })
	return wrote, err
}

// pair is two nodes on a store with a replica.
type nodes struct {
	*replicated
	here, there *fixture
}

func newNodes(t *testing.T) *nodes {
	r := newReplicated()
	key := pawl.NewMasterKey()
	on := func(c *pawl.Config) {
		c.Sessions, c.Users, c.Keys, c.MasterKey, c.Log = r, r.Store, r.Store, key, slog.New(slog.DiscardHandler)
	}
	n := &nodes{replicated: r, here: newFixture(t, on)}
	n.there = newFixture(t, on)
	n.here.store = r.Store
	n.here.addUser("ann", pawl.User{})
	return n
}

// heard waits until the other node refuses what was ended.
func (n *nodes) heard(t *testing.T, tok api.Tokens) {
	t.Helper()
	await(t, "the other node hears of it", func() bool {
		_, err := n.there.guard.Check(tok.AccessToken)
		return errors.Is(err, api.ErrLoginRequired)
	})
}

// failOver has the replica take over, with all lost since it lags.
func (n *nodes) failOver() { n.over.Store(true) }

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

// SECURITY 29: a store that loses ends, and says nothing of it, revives nobody
// on any node that knows of them.
func TestAnEndThatTheStoreLostHolds(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(*fixture, api.Tokens) error
		reason string
	}{
		"signed out": {func(f *fixture, tok api.Tokens) error {
			return f.Logout(context.Background(), api.ReissueRequest{RefreshToken: tok.RefreshToken})
		}, api.ReasonSignedOut},
		"all others": {func(f *fixture, _ api.Tokens) error {
			me := f.claims(f.login().AccessToken)
			_, err := f.EndOthers(context.Background(), me, home)
			return err
		}, api.ReasonSignedOutElsewhere},
		"the user's": {func(f *fixture, _ api.Tokens) error {
			_, err := f.EndUser(context.Background(), "id-ann", api.ReasonEndedByAdmin)
			return err
		}, api.ReasonEndedByAdmin},
		"everyone's": {func(f *fixture, _ api.Tokens) error {
			return f.EndAll(context.Background(), api.ReasonEndedByAdmin)
		}, api.ReasonEndedByAdmin},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNodes(t)
			tok := n.here.login()
			n.lags.Store(true)
			wantError(t, "the end", c.end(n.here, tok), nil)
			n.heard(t, tok)
			n.quiet.Store(true)
			n.failOver()
			if rec, mark, err := n.Get(t.Context(), pawl.SessionKey{User: "id-ann", ID: tok.SessionID}); err != nil || !rec.Live(mark, n.here.clock()) {
				t.Fatal("the store has lost nothing:", rec, err)
			}
			if list, err := n.there.SessionsOf(t.Context(), "id-ann", "", 0); err != nil || len(list.Sessions) > 0 {
				t.Errorf("listed: %v, %v", list, err)
			}
			if found, err := n.there.FindSessions(t.Context(), pawl.SessionQuery{Limit: 10}); err != nil || len(found.Sessions) > 0 {
				t.Errorf("found: %v, %v", found, err)
			}
			_, err := n.there.reissue(tok.RefreshToken, "", "")
			wantError(t, "reissue", err, api.LoginRequired(c.reason))
			rec, mark, err := n.Get(t.Context(), pawl.SessionKey{User: "id-ann", ID: tok.SessionID})
			if err != nil || rec.EndReason != c.reason && (!mark.Covers(rec.AuthTime) || mark.Reason != c.reason) {
				t.Errorf("the store holds %v, mark %v, %v", rec, mark, err)
			}
		})
	}
}

// SECURITY 29: nodes apply the ends of the last minute again, in a store that
// lost them, and whoever has signed in since stays in.
func TestEndsAreAppliedAgain(t *testing.T) {
	n := newNodes(t)
	out, others := n.here.login(), n.here.login()
	n.lags.Store(true)
	wantError(t, "sign-out", n.here.Logout(t.Context(), api.ReissueRequest{RefreshToken: out.RefreshToken}), nil)
	_, err := n.here.EndUser(t.Context(), "id-ann", api.ReasonEndedByAdmin)
	wantError(t, "the end of the user's sessions", err, nil)
	n.here.advance(3 * time.Second)
	since := pawl.Session{
		SessionKey: pawl.SessionKey{User: "id-bob", ID: token.SessionID(token.NewSecret())},
		AuthTime:   n.here.clock(), IdleExpires: n.here.clock().Add(time.Hour), Ends: n.here.clock().Add(time.Hour),
	}
	if _, err := n.replica.Create(t.Context(), since, pawl.Mark{}, 0); err != nil {
		t.Fatal(err)
	}
	n.failOver()
	ended := func(id, reason string) {
		t.Helper()
		await(t, "it is ended again", func() bool {
			rec, _, err := n.Get(t.Context(), pawl.SessionKey{User: "id-ann", ID: id})
			return err == nil && rec.EndReason == reason
		})
	}
	ended(out.SessionID, api.ReasonSignedOut)
	ended(others.SessionID, api.ReasonEndedByAdmin)
	if rec, mark, err := n.Get(t.Context(), since.SessionKey); err != nil || !rec.Live(mark, n.here.clock()) {
		t.Errorf("another's session: %v %v, %v", rec, mark, err)
	}
}

// SECURITY 29: so is the end of everybody's sessions.
func TestTheEndOfEverybodyIsAppliedAgain(t *testing.T) {
	n := newNodes(t)
	n.here.login()
	n.lags.Store(true)
	wantError(t, "the end of everybody's sessions", n.here.EndAll(t.Context(), api.ReasonEndedByAdmin), nil)
	n.failOver()
	await(t, "the mark is set again", func() bool {
		mark, err := n.Mark(t.Context(), "anybody")
		return err == nil && mark.Covers(n.here.clock())
	})
}

// An end that a node made, and the store lost before anybody had read it in the
// log, leaves no trace there: that it is not in the log is reason enough.
func TestAnEndThatNobodyHadReadIsAppliedAgain(t *testing.T) {
	n := newNodes(t)
	tok := n.here.login()
	n.lags.Store(true)
	n.hollow.Store(true)
	n.falls.Store(true)
	wantError(t, "sign-out", n.here.Logout(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken}), nil)
	await(t, "it is ended again", func() bool {
		rec, _, err := n.Get(t.Context(), pawl.SessionKey{User: "id-ann", ID: tok.SessionID})
		return err == nil && rec.EndReason == api.ReasonSignedOut
	})
}

// An end that was applied again, and that the next fail-over lost before it was
// read, is applied once more.
func TestAnEndThatIsLostTwiceIsAppliedAgain(t *testing.T) {
	n := newNodes(t)
	tok := n.here.login()
	n.lags.Store(true)
	wantError(t, "sign-out", n.here.Logout(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken}), nil)
	n.heard(t, tok)
	n.swallow.Store(true)
	n.failOver()
	await(t, "it is ended again, twice", func() bool {
		rec, _, err := n.Get(t.Context(), pawl.SessionKey{User: "id-ann", ID: tok.SessionID})
		return err == nil && rec.EndReason == api.ReasonSignedOut
	})
}

// A user's mark is not raised past where it was: a session begun after the
// fail-over, before the ends were applied again, goes on.
func TestWhoSignsInAfterTheFailOverStaysIn(t *testing.T) {
	n := newNodes(t)
	old := n.here.login()
	n.lags.Store(true)
	_, err := n.here.EndUser(t.Context(), "id-ann", api.ReasonEndedByAdmin)
	wantError(t, "the end of the user's sessions", err, nil)
	since := pawl.Session{
		SessionKey: pawl.SessionKey{User: "id-ann", ID: token.SessionID(token.NewSecret())},
		AuthTime:   n.here.clock().Add(5 * time.Second), IdleExpires: n.here.clock().Add(time.Hour), Ends: n.here.clock().Add(time.Hour),
	}
	if _, err := n.replica.Create(t.Context(), since, pawl.Mark{}, 0); err != nil {
		t.Fatal(err)
	}
	n.failOver()
	await(t, "the old session is ended again", func() bool {
		rec, _, err := n.Get(t.Context(), pawl.SessionKey{User: "id-ann", ID: old.SessionID})
		return err == nil && rec.EndReason == api.ReasonEndedByAdmin
	})
	if rec, mark, err := n.Get(t.Context(), since.SessionKey); err != nil || !rec.Live(mark, n.here.clock()) {
		t.Errorf("the new session: %v %v, %v", rec, mark, err)
	}
}

// Who signs in again right after an end that the store lost is not taken for
// whom it ended: every node that knows of the end takes the new session.
func TestWhoSignsInRightAfterALostEndStaysIn(t *testing.T) {
	n := newNodes(t)
	old := n.here.login()
	n.lags.Store(true)
	_, err := n.here.EndUser(t.Context(), "id-ann", api.ReasonEndedByAdmin)
	wantError(t, "the end of the user's sessions", err, nil)
	n.heard(t, old)
	n.quiet.Store(true)
	n.failOver()
	again := n.here.login() // time stands still: in the second of the end
	for name, node := range map[string]*fixture{"here": n.here, "there": n.there} {
		_, err := node.reissue(again.RefreshToken, "", "")
		wantError(t, "reissue "+name, err, nil)
		_, err = node.guard.Check(again.AccessToken)
		wantError(t, "the access token "+name, err, nil)
		_, err = node.reissue(old.RefreshToken, "", "")
		wantError(t, "the old session "+name, err, api.LoginRequired(api.ReasonEndedByAdmin))
	}
}

// A password change that the store lost ends the others again, and not the
// session that made it: neither on the node that knows which one that is, nor
// on one that does not.
func TestAPasswordChangeThatTheStoreLost(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		n := newNodes(t)
		mine, other := n.here.login(), n.here.login()
		n.lags.Store(true)
		if _, err := n.here.ChangePassword(t.Context(), n.here.claims(mine.AccessToken), goodPassword, newPassword); err != nil {
			t.Fatal(err)
		}
		n.heard(t, other)
		n.quiet.Store(quiet)
		n.failOver()
		if _, err := n.there.reissue(mine.RefreshToken, "", ""); err != nil && !errors.Is(err, api.ErrUnavailable) {
			t.Errorf("quiet %v: the session that goes on, at the other node: %v", quiet, err)
		}
		if quiet {
			n.here.mustReissue(mine.RefreshToken, "", "")
		} else {
			await(t, "the kept session goes on everywhere", func() bool {
				_, err := n.there.reissue(mine.RefreshToken, "", "")
				return err == nil
			})
		}
		await(t, "the other one is ended again", func() bool {
			_, err := n.here.reissue(other.RefreshToken, "", "")
			return errors.Is(err, api.LoginRequired(api.ReasonPasswordChanged))
		})
	}
}

// While the ends cannot be applied again nobody is served: 503, not 401.
func TestNobodyIsServedBeforeTheEndsAreApplied(t *testing.T) {
	n := newNodes(t)
	out, in := n.here.login(), n.here.login()
	n.lags.Store(true)
	wantError(t, "sign-out", n.here.Logout(t.Context(), api.ReissueRequest{RefreshToken: out.RefreshToken}), nil)
	n.broken.Store(true)
	n.failOver()
	await(t, "the node notices", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := n.here.Reissue(ctx, api.ReissueRequest{RefreshToken: in.RefreshToken})
		return errors.Is(err, api.ErrUnavailable)
	})
	_, err := n.here.reissue(out.RefreshToken, "", "")
	wantError(t, "the revived session", err, api.ErrUnavailable)
	n.broken.Store(false)
	await(t, "all is well again", func() bool {
		_, err := n.here.reissue(in.RefreshToken, "", "")
		return err == nil
	})
	_, err = n.here.reissue(out.RefreshToken, "", "")
	wantError(t, "the session that was ended", err, api.LoginRequired(api.ReasonSignedOut))
}
