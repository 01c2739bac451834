package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// SECURITY 23: a race of 1,000 makes one generation, and every winner and loser
// holds the same successor.
func TestRaceOfAThousandMakesOneGeneration(t *testing.T) {
	eachRotStore(t, func(t *testing.T, store rotStore) {
		clock := newRotClock()
		svc := newRotService(t, store, clock, newRotUsers("ann"), nil)
		last, err := svc.Start(t.Context(), "ann", pawl.Client{})
		if err != nil {
			t.Fatal(err)
		}
		for generation := uint64(1); generation <= 3; generation++ {
			clock.step(2 * time.Minute) // the window of the generation before is closed
			answers := raceReissue(t, svc, last.RefreshToken, 1000)
			rec, _, err := store.Get(t.Context(), pawl.SessionKey{User: "ann", ID: last.SessionID})
			if err != nil || rec.Generation != generation {
				t.Fatalf("after the race the record is at generation %d (error %v), want %d", rec.Generation, err, generation)
			}
			for i, a := range answers {
				if a.RefreshToken != answers[0].RefreshToken {
					t.Fatalf("racer %d holds another successor than racer 0", i)
				}
				if !a.SetCookie {
					t.Fatalf("racer %d presented the older token and got no cookie", i)
				}
			}
			if got := rotClaims(t, answers[0].RefreshToken); got.Gen != generation {
				t.Fatalf("the successor is of generation %d, want %d", got.Gen, generation)
			}
			last = answers[0]
		}
	})
}

func raceReissue(t *testing.T, svc *pawl.Service, refresh string, n int) []api.Tokens {
	t.Helper()
	answers, errs := make([]api.Tokens, n), make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			answers[i], errs[i] = svc.Reissue(context.Background(), api.ReissueRequest{RefreshToken: refresh})
		})
	}
	close(start)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("somebody was refused: %v", err)
	}
	return answers
}

// rotEnd is a way to end a session; its answer comes before any later reissue.
type rotEnd struct {
	name   string
	reason string
	end    func(ctx context.Context, r *endRace) error
}

// endRace is one round: a session that ends while it is being reissued.
type endRace struct {
	svc    *pawl.Service
	users  *rotUsers
	user   string
	tokens api.Tokens // of the session that ends
	other  string     // another session of the same user, which lives on where one does
}

var rotEnds = []rotEnd{
	{"logout by the refresh token", api.ReasonSignedOut, func(ctx context.Context, r *endRace) error {
		return r.svc.Logout(ctx, api.ReissueRequest{RefreshToken: r.tokens.RefreshToken})
	}},
	{"logout by the access token", api.ReasonSignedOut, func(ctx context.Context, r *endRace) error {
		return r.svc.Logout(ctx, api.ReissueRequest{AccessToken: r.tokens.AccessToken})
	}},
	{"an administrator", api.ReasonEndedByAdmin, func(ctx context.Context, r *endRace) error {
		return r.svc.EndSessionOf(ctx, pawl.SessionKey{User: r.user, ID: r.tokens.SessionID}, pawl.Client{})
	}},
	{"another device", api.ReasonSignedOutElsewhere, func(ctx context.Context, r *endRace) error {
		_, err := r.svc.EndOthers(ctx, &token.Access{Subject: r.user, SessionID: r.other}, pawl.Client{})
		return err
	}},
	{"a ban", api.ReasonEndedByAdmin, func(ctx context.Context, r *endRace) error {
		_, err := r.svc.EndUser(ctx, r.user, api.ReasonEndedByAdmin)
		return err
	}},
	{"everyone's end", api.ReasonEndedByAdmin, func(ctx context.Context, r *endRace) error {
		return r.svc.EndAll(ctx, api.ReasonEndedByAdmin)
	}},
	{"a password change in another session", api.ReasonPasswordChanged, func(ctx context.Context, r *endRace) error {
		_, err := r.svc.ChangePassword(ctx, &token.Access{Subject: r.user, SessionID: r.other}, rotPassword, rotPassword+" anew")
		return err
	}},
	// SECURITY 25: a disabled user cannot reissue.
	{"the user is disabled", api.ReasonDisabled, func(_ context.Context, r *endRace) error {
		r.users.disable(r.user)
		return nil
	}},
}

// SECURITY 24: after a revocation has answered, no reissue answers 200.
// SECURITY 25: nor after a user was disabled.
func TestNothingIsReissuedAfterAnEndHasAnswered(t *testing.T) {
	eachRotStore(t, func(t *testing.T, store rotStore) {
		clock, users := newRotClock(), newRotUsers()
		svc := newRotService(t, store, clock, users, nil)
		for _, end := range rotEnds {
			t.Run(end.name, func(t *testing.T) {
				rounds := rotScale(6, 60)
				if end.reason == api.ReasonPasswordChanged { // each costs three hashes
					rounds = rotScale(2, 20)
				}
				for i := range rounds {
					users.add(fmt.Sprintf("%s %d", end.name, i))
					r := newEndRace(t, svc, users, fmt.Sprintf("%s %d", end.name, i))
					advances := i%2 == 0 && end.name != "logout by the access token" // the clock would outrun it
					r.run(t, end, clock, advances)
				}
			})
		}
	})
}

func newEndRace(t *testing.T, svc *pawl.Service, users *rotUsers, user string) *endRace {
	t.Helper()
	r := &endRace{svc: svc, users: users, user: user}
	for range 2 {
		started, err := svc.Start(t.Context(), user, pawl.Client{})
		if err != nil {
			t.Fatal(err)
		}
		r.other, r.tokens = r.tokens.SessionID, started
	}
	return r
}

// run reissues from several sides until everybody is refused. Where advances is
// true one of them chains advances, the others send the first token again.
func (r *endRace) run(t *testing.T, end rotEnd, clock *rotClock, advances bool) {
	t.Helper()
	var answered atomic.Bool
	var wg sync.WaitGroup
	warm := make(chan struct{}, 1000)
	reissue := func(chain bool) {
		refresh := r.tokens.RefreshToken
		// Until the end has answered, however long it takes; the clock stands
		// still before the session could run out.
		for i := 0; ; i++ {
			if chain && i < 10_000 {
				clock.step(61 * time.Second)
			}
			late := answered.Load()
			got, err := r.svc.Reissue(context.Background(), api.ReissueRequest{RefreshToken: refresh})
			if err == nil && late {
				t.Errorf("a reissue that began after the end had answered got tokens")
				return
			}
			if err != nil {
				r.checkRefused(t, end, err)
				return
			}
			select {
			case warm <- struct{}{}:
			default:
			}
			if chain {
				refresh = got.RefreshToken
			}
		}
	}
	reissuers := 4
	if advances {
		reissuers = 1
	}
	for range reissuers {
		wg.Go(func() { reissue(advances) })
	}
	for range 3 { // the race is on
		<-warm
	}
	if err := end.end(context.Background(), r); err != nil {
		t.Errorf("the end failed: %v", err)
	}
	answered.Store(true)
	wg.Wait()
	_, err := r.svc.Reissue(context.Background(), api.ReissueRequest{RefreshToken: r.tokens.RefreshToken})
	r.checkRefused(t, end, err)
}

func (r *endRace) checkRefused(t *testing.T, end rotEnd, err error) {
	t.Helper()
	if e := api.AsError(err); !errors.Is(err, api.ErrLoginRequired) || e.Reason != end.reason {
		t.Errorf("refused with %v (reason %q), want login_required, reason %q", err, e.Reason, end.reason)
	}
}

// SECURITY 25: a disabled user's sessions end, all of them, at the first reissue.
func TestDisablingEndsEverySession(t *testing.T) {
	eachRotStore(t, func(t *testing.T, store rotStore) {
		users := newRotUsers("ann")
		svc := newRotService(t, store, newRotClock(), users, nil)
		r := newEndRace(t, svc, users, "ann")
		users.disable("ann")
		_, err := svc.Reissue(t.Context(), api.ReissueRequest{RefreshToken: r.tokens.RefreshToken})
		if e := api.AsError(err); e.Reason != api.ReasonDisabled {
			t.Fatalf("refused with %v, want reason %q", err, api.ReasonDisabled)
		}
		live, err := svc.SessionsOf(t.Context(), "ann", "", 0)
		if err != nil || len(live.Sessions) != 0 {
			t.Errorf("%d sessions live on (error %v), want none", len(live.Sessions), err)
		}
		if _, err := svc.Start(t.Context(), "ann", pawl.Client{}); api.AsError(err).Reason != api.ReasonDisabled {
			t.Errorf("a disabled user starts a session: %v", err)
		}
	})
}

// SECURITY 22: rotation never extends the absolute end.
func TestRotationNeverPassesTheEnd(t *testing.T) {
	eachRotStore(t, func(t *testing.T, store rotStore) {
		clock := newRotClock()
		svc := newRotService(t, store, clock, newRotUsers("ann"), func(c *pawl.Config) {
			c.Policy = pawl.Policy{AccessTTL: 30 * time.Minute, RefreshTTL: 2 * time.Hour, SessionTTL: 5*time.Hour + 500*time.Millisecond}
		})
		got, err := svc.Start(t.Context(), "ann", pawl.Client{})
		if err != nil {
			t.Fatal(err)
		}
		ends := got.Ends
		for clock.now().Before(ends.Add(-7 * time.Minute)) {
			clock.step(7 * time.Minute)
			if got, err = svc.Reissue(t.Context(), api.ReissueRequest{RefreshToken: got.RefreshToken}); err != nil {
				t.Fatalf("refused before the end: %v", err)
			}
			c := rotClaims(t, got.RefreshToken)
			if !got.Ends.Equal(ends) || c.End != ends.Unix() || c.Exp > ends.Unix() || got.AccessExpires.After(ends) {
				t.Fatalf("at %v: ends %v, refresh exp %d end %d, access expires %v; nothing may pass %v", clock.now(), got.Ends, c.Exp, c.End, got.AccessExpires, ends)
			}
		}
		clock.set(ends)
		_, err = svc.Reissue(t.Context(), api.ReissueRequest{RefreshToken: got.RefreshToken, AccessToken: got.AccessToken})
		if api.AsError(err).Reason != api.ReasonExpired {
			t.Errorf("at the absolute end: %v, want reason %q", err, api.ReasonExpired)
		}
	})
}
