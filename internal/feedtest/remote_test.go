package feedtest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/pawltest"
	"github.com/pawlauth/pawl/store/memory"
)

// world is an issuer, a line, and what is needed for guards at its other end.
type world struct {
	*pawltest.Server
	t      *testing.T
	line   *line
	store  *memory.Store
	secret string
	asked  requests
	skew   atomic.Int64 // what the guards' clock is ahead of the issuer's
}

// requests counts what was asked of the issuer, by path.
type requests struct{ keys, feed atomic.Int64 }

func (q *requests) count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		switch {
		case strings.HasSuffix(r.URL.Path, "jwks.json"):
			q.keys.Add(1)
		case r.URL.Path == api.FeedPath:
			q.feed.Add(1)
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func newWorld(t *testing.T, change ...func(*pawl.Config)) *world {
	t.Helper()
	w := &world{t: t, store: memory.New()}
	w.Server = pawltest.NewServer(t, pawltest.WithConfig(func(c *pawl.Config) {
		c.SessionsPerUser = -1             // a test signs in all the while
		c.Policy.AccessTTL = 3 * time.Hour // longer than any cut
		c.Sessions = w.store
		for _, f := range change {
			f(c)
		}
	}))
	w.line = newLine(t, strings.TrimPrefix(w.URL, "https://"))
	w.Add(pawl.User{ID: "id-ann", Login: "ann"})
	_, secret, err := w.Service.AddClient(t.Context(), "orders", []string{pawl.ScopeFeed})
	if err != nil {
		t.Fatal(err)
	}
	w.secret = secret
	return w
}

func (w *world) now() time.Time { return w.Clock.Now().Add(time.Duration(w.skew.Load())) }

func (w *world) options(change ...func(*guard.RemoteOptions)) guard.RemoteOptions {
	o := guard.RemoteOptions{
		Issuer: w.URL, URL: "https://" + w.line.address(), ClientID: "orders", Secret: w.secret,
		Stale: guard.GoOn, StaleAfter: 3 * time.Second, Now: w.now, Log: quiet,
		Transport: w.asked.count(w.Client().Transport),
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

// service is an API at the other end of the line.
type service struct {
	*guard.Guard
	remote *guard.RemoteIssuer
	t      *testing.T
}

func (w *world) service(change ...func(*guard.RemoteOptions)) *service {
	w.t.Helper()
	remote, err := guard.Remote(w.t.Context(), w.options(change...))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(remote.Close)
	g, err := guard.New(remote, guard.Options{Issuer: w.URL, Audience: []string{pawltest.Audience}, Now: w.now})
	if err != nil {
		w.t.Fatal(err)
	}
	return &service{g, remote, w.t}
}

func (w *world) signIn() api.Tokens { return w.SignIn("id-ann") }

func (w *world) logout(a api.Tokens) {
	w.t.Helper()
	if err := w.Service.Logout(context.Background(), api.ReissueRequest{RefreshToken: a.RefreshToken}); err != nil {
		w.t.Fatal(err)
	}
}

// is checks what the service says of a token now.
func (s *service) is(what string, a api.Tokens, want error) {
	s.t.Helper()
	if _, err := s.Check(a.AccessToken); !same(err, want) {
		s.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func same(err, want error) bool {
	if want == nil {
		return err == nil
	}
	return errors.Is(err, want) && api.AsError(err).Reason == api.AsError(want).Reason
}

// becomes waits until the service says so; the test's own time runs out
// otherwise.
func (s *service) becomes(what string, a api.Tokens, want error) {
	s.t.Helper()
	eventually(s.t, what, func() bool {
		_, err := s.Check(a.AccessToken)
		return same(err, want)
	})
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !f() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("this never came true: %s", what)
		}
	}
}

var signedOut = api.LoginRequired(api.ReasonSignedOut)

func TestARemoteGuardRefusesWhatWasEnded(t *testing.T) {
	w := newWorld(t)
	before := w.signIn()
	w.logout(before)
	s := w.service()
	s.is("ended before the guard started", before, signedOut)

	a, b := w.signIn(), w.signIn()
	s.is("signed in", a, nil)
	w.logout(a)
	s.becomes("signed out", a, signedOut)
	s.is("another session", b, nil)
	if _, err := w.Service.EndUser(t.Context(), "id-ann", api.ReasonEndedByAdmin); err != nil {
		t.Fatal(err)
	}
	s.becomes("a user's sessions ended", b, api.LoginRequired(api.ReasonEndedByAdmin))
	w.Advance(2 * time.Second)
	c := w.signIn()
	s.is("signed in again", c, nil)
	if err := w.Service.EndAll(t.Context(), api.ReasonEndedByAdmin); err != nil {
		t.Fatal(err)
	}
	s.becomes("everybody's sessions ended", c, api.LoginRequired(api.ReasonEndedByAdmin))
}

// SECURITY 26, 62: what a guard does that has heard nothing for a minute, or for
// an hour: by policy. And what it had missed, it is told.
func TestTheFeedIsCut(t *testing.T) {
	for _, c := range []struct {
		name   string
		length time.Duration
		stale  guard.Staleness
		after  time.Duration
		during error // of a token that is good
		status int
	}{
		{"a minute, going on", time.Minute, guard.GoOn, 3 * time.Second, nil, 200},
		{"an hour, going on", time.Hour, guard.GoOn, 3 * time.Second, nil, 200},
		{"a minute, failing closed after ten", time.Minute, guard.FailClosed, 10 * time.Minute, nil, 200},
		{"an hour, failing closed after ten minutes", time.Hour, guard.FailClosed, 10 * time.Minute, api.ErrUnavailable, 503},
		{"a minute, failing closed after ten seconds", time.Minute, guard.FailClosed, 10 * time.Second, api.ErrUnavailable, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := w.service(func(o *guard.RemoteOptions) { o.Stale, o.StaleAfter = c.stale, c.after })
			known, missed, good := w.signIn(), w.signIn(), w.signIn()
			w.logout(known)
			s.becomes("known before the cut", known, signedOut)

			w.line.cut()
			eventually(t, "the cut is noticed", func() bool { return s.remote.Stats().Connected.IsZero() })
			w.logout(missed)
			w.Advance(c.length)
			s.is("a good token", good, c.during)
			s.is("one that was ended meanwhile", missed, c.during)
			s.is("one that was known as ended", known, signedOut)
			s.is("garbage", api.Tokens{AccessToken: "a.b.c"}, api.ErrInvalidToken)
			for name, h := range map[string]http.Handler{"required": s.Required(ok), "optional": s.Optional(ok)} {
				if got := call(h, good.AccessToken).Code; got != c.status {
					t.Errorf("%s: %d, want %d", name, got, c.status)
				}
			}
			st := s.remote.Stats()
			if st.Age != c.length || st.Stale != (c.length > c.after) || len(st.Trouble) == 0 {
				t.Errorf("stats: %+v", st)
			}

			w.line.join()
			s.becomes("told after the cut", missed, signedOut)
			s.becomes("a good token, after it", good, nil)
			if st := s.remote.Stats(); st.Resets != 1 || st.Reconnects == 0 {
				t.Errorf("it did not go on where it was: %+v", st)
			}
		})
	}
}

// A line on which nothing comes through any more, but which nobody closes.
func TestASilentLineIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.service()
	a := w.signIn()
	w.line.hold()
	w.logout(a)
	eventually(t, "the silence is noticed", func() bool { return s.remote.Stats().Connected.IsZero() })
	if st := s.remote.Stats(); !strings.Contains(st.Trouble[0], "fell silent") {
		t.Errorf("%q", st.Trouble)
	}
	w.line.release()
	s.becomes("told on the next line", a, signedOut)
}

// A store that was put back in time knows other cursors: all is told anew, and
// what it has forgotten stays ended here.
func TestAResetBringsNothingBack(t *testing.T) {
	t.Parallel()
	var swap swapping
	swap.in(memory.New())
	w := newWorld(t, func(c *pawl.Config) { c.Sessions = &swap })
	s := w.service()
	a := w.signIn()
	w.logout(a)
	s.becomes("ended", a, signedOut)

	swap.in(memory.New())
	b := w.signIn()
	w.logout(b)
	s.becomes("ended in the other store", b, signedOut)
	s.is("what that one does not know", a, signedOut)
	if st := s.remote.Stats(); st.Resets != 2 {
		t.Errorf("%+v", st)
	}
}

// SECURITY 18: a key that is taken out of use in an emergency. Its tokens are
// refused, and those of the new one are never called invalid.
func TestAKeyIsRemovedInAnEmergency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.service()
	stolen := w.signIn()
	s.is("before", stolen, nil)
	old := w.Service.KeySet().Signing().ID()
	if _, err := w.Service.RemoveKeys(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	fresh := w.signIn()
	if _, err := s.Check(fresh.AccessToken); err != nil && !errors.Is(err, api.ErrUnavailable) {
		t.Errorf("the new key's first token: %v", err)
	}
	s.becomes("the old key's token", stolen, api.ErrInvalidToken)
	s.becomes("the new key's token", fresh, nil)
	if st := s.remote.Stats(); len(st.Keys) != 1 || st.Keys[0] == old {
		t.Errorf("keys: %v", st.Keys)
	}

	// And where the line is down meanwhile, when it is up again.
	w.line.cut()
	eventually(t, "the cut is noticed", func() bool { return s.remote.Stats().Connected.IsZero() })
	if _, err := w.Service.RemoveKeys(t.Context(), w.Service.KeySet().Signing().ID()); err != nil {
		t.Fatal(err)
	}
	w.Advance(6 * time.Second) // longer than an answer about unknown keys is good for
	newest := w.signIn()
	s.is("a key that cannot be fetched", newest, api.ErrUnavailable)
	s.is("a key that was removed meanwhile", fresh, nil)
	w.line.join()
	s.becomes("after the cut", fresh, api.ErrInvalidToken)
	s.becomes("the newest key", newest, nil)
}

// SECURITY 17: keys that turn by the schedule have no token refused.
func TestKeysTurnUnderARemoteGuard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.service()
	if _, _, err := w.Service.RotateKeys(t.Context(), pawl.UseAccess); err != nil {
		t.Fatal(err)
	}
	signer, old := w.Service.KeySet().Signing(), w.signIn()
	eventually(t, "the next key is known", func() bool { return len(s.remote.Stats().Keys) == 2 })
	w.Advance(2 * time.Hour)
	eventually(t, "the next key signs", func() bool {
		s.is("a token of this moment", w.signIn(), nil)
		return w.Service.KeySet().Signing() != signer
	})
	s.is("the next key's", w.signIn(), nil)
	s.is("the key's before", old, nil)
}

// SECURITY 18: ten thousand distinct tokens of unknown keys neither have the
// keys fetched nor push out what is remembered.
func TestAFloodOfGarbage(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	a := w.signIn()
	s.is("good", a, nil)
	before := w.asked.keys.Load()
	_, rest, _ := strings.Cut(a.AccessToken, ".")
	for i := range 10_000 {
		if _, err := s.Check(header(i) + "." + rest); !errors.Is(err, api.ErrInvalidToken) && !errors.Is(err, api.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if got := w.asked.keys.Load() - before; got > 2 {
		t.Errorf("the keys were fetched %d times", got)
	}
	if n := testing.AllocsPerRun(100, func() { s.is("good still, and remembered", a, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A wrong clock is told as such.
func TestAClockFiveMinutesOff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		skew time.Duration
		says string
	}{
		{5 * time.Minute, "This machine's clock is 5m0s ahead of the issuer's: tokens count as expired too early. Set the clock."},
		{-5 * time.Minute, "This machine's clock is 5m0s behind the issuer's"},
		{5 * time.Second, ""},
	} {
		w := newWorld(t)
		w.skew.Store(int64(c.skew))
		s := w.service()
		trouble := strings.Join(s.remote.Stats().Trouble, "\n")
		if c.says == "" && trouble != "" || !strings.Contains(trouble, c.says) {
			t.Errorf("%v: %q", c.skew, trouble)
		}
		if got := s.remote.Stats().ClockOffset; got != -c.skew {
			t.Errorf("%v: offset %v", c.skew, got)
		}
	}
}

// By a clock that lags, a token lives longer: its end is remembered as long.
func TestALaggingClockRevivesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.skew.Store(int64(-5 * time.Minute))
	s := w.service()
	a := w.signIn()
	w.logout(a)
	eventually(t, "told", func() bool { return s.remote.Stats().Entries == 1 })
	w.Advance(3*time.Hour + 2*time.Minute) // here it has three minutes to live
	later := w.now()
	eventually(t, "a heartbeat of then", func() bool { return !s.remote.Stats().LastBeat.Before(later) })
	s.is("ended, and not expired here", a, signedOut)
}

// Entries are forgotten when no token can be alive that they concern.
func TestOldEntriesAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.service()
	a := w.signIn()
	w.logout(a)
	s.becomes("ended", a, signedOut)
	w.Advance(3*time.Hour + 2*time.Minute)
	eventually(t, "forgotten", func() bool { return s.remote.Stats().Entries == 0 })
}
