package pawl_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/memory"
)

// oldSystem is a system that Pawl takes the place of. Its tokens say what they
// are; internal/legacy has the real ones.
type oldSystem struct {
	tokens map[string]pawl.LegacyToken
	gone   map[string]bool // signed out there
	down   atomic.Bool
	asked  atomic.Int32
	during func() // called while it is asked; nil: nothing
}

var errOldDown = errors.New("the old system is down")

func (o *oldSystem) Verify(_ context.Context, compact string) (pawl.LegacyToken, error) {
	t, ok := o.tokens[compact]
	if !ok {
		return t, fmt.Errorf("%w: never issued", pawl.ErrNotLegacy)
	}
	return t, nil
}

func (o *oldSystem) Current(_ context.Context, _ pawl.LegacyToken, compact string) (bool, error) {
	o.asked.Add(1)
	if o.during != nil {
		o.during()
	}
	if o.down.Load() {
		return false, errOldDown
	}
	return !o.gone[compact], nil
}

// issue makes a token of the old system.
func (o *oldSystem) issue(t pawl.LegacyToken) string {
	compact := fmt.Sprintf("old %d", len(o.tokens))
	sum := sha256.Sum256([]byte(compact))
	copy(t.Secret[:], sum[:])
	o.tokens[compact] = t
	return compact
}

// moving is a service into which the sessions of an old system move.
type moving struct {
	*fixture
	old *oldSystem
}

func newMoving(t *testing.T, change ...func(*pawl.Config)) *moving {
	t.Helper()
	old := &oldSystem{tokens: map[string]pawl.LegacyToken{}, gone: map[string]bool{}}
	change = append(change, func(c *pawl.Config) { c.Legacy, c.UserCache = old, -1 })
	return &moving{newFixture(t, change...), old}
}

// ann makes a token that ann got some time ago.
func (m *moving) ann(ago, life time.Duration) string {
	issued := m.clock().Add(-ago)
	return m.old.issue(pawl.LegacyToken{User: "id-ann", Issued: issued, Expires: issued.Add(life)})
}

func (m *moving) use(compact string) (api.Tokens, error) {
	return m.Reissue(m.t.Context(), api.ReissueRequest{RefreshToken: compact, Address: home.Address, Agent: home.Agent})
}

func (m *moving) refused(compact, reason string) {
	m.t.Helper()
	if _, err := m.use(compact); !errors.Is(err, api.LoginRequired(reason)) {
		m.t.Errorf("%v, want login_required %s", err, reason)
	}
}

const fortnight = 14 * 24 * time.Hour

func TestTheSessionThatAnOldTokenBecomes(t *testing.T) {
	for _, c := range []struct {
		name       string
		ago        time.Duration // since it was issued
		proved     time.Duration // since auth_time; 0: not said
		auth, ends time.Duration // of the session, from now
		idle       time.Duration
	}{
		{"the person proved who they are when it was issued", time.Hour, 0, -time.Hour, 90*24*time.Hour - time.Hour, fortnight},
		{"or before, if it says so", time.Hour, 80 * 24 * time.Hour, -80 * 24 * time.Hour, 10 * 24 * time.Hour, 10 * 24 * time.Hour},
		{"but never after", time.Hour, time.Minute, -time.Hour, 90*24*time.Hour - time.Hour, fortnight},
		{"never later than now, whatever the old clock says", -30 * time.Second, 0, 0, 90 * 24 * time.Hour, fortnight},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMoving(t)
			now := m.clock()
			old := pawl.LegacyToken{User: "ann", Issued: now.Add(-c.ago), Expires: now.Add(fortnight)}
			if c.proved > 0 {
				old.AuthTime = now.Add(-c.proved)
			}
			if _, err := m.use(m.old.issue(old)); err != nil {
				t.Fatal(err)
			}
			live, err := m.SessionsOf(t.Context(), "id-ann", "", 0)
			if err != nil || len(live.Sessions) != 1 {
				t.Fatal(live, err)
			}
			got := live.Sessions[0]
			if got.Generation != 1 || !got.Created.Equal(now) || !got.Rotated.Equal(now) || !got.Opened.Equal(now) || got.Client != home {
				t.Errorf("%+v", got)
			}
			if got.AuthTime.Sub(now) != c.auth || got.Ends.Sub(now) != c.ends || got.IdleExpires.Sub(now) != c.idle {
				t.Errorf("auth_time %v, ends %v, idle %v from now; want %v, %v, %v", got.AuthTime.Sub(now), got.Ends.Sub(now), got.IdleExpires.Sub(now), c.auth, c.ends, c.idle)
			}
		})
	}
}

func TestMovingInIsAnEventOfRow5(t *testing.T) { // SECURITY 55
	m := newMoving(t)
	got, err := m.use(m.ann(time.Hour, fortnight))
	if err != nil {
		t.Fatal(err)
	}
	e := m.happened(pawl.EventMovedIn)
	if len(e) != 1 || e[0].Row != 5 || e[0].User != "id-ann" || e[0].Session != got.SessionID || e[0].Client != home || !pawl.Audited(e[0]) {
		t.Errorf("%+v", e)
	}
	m.refused(m.ann(2*time.Hour, time.Hour), api.ReasonExpired)
	m.refused(m.old.issue(pawl.LegacyToken{User: "nobody", Expires: m.clock().Add(time.Hour)}), api.ReasonUnknown)
	if r := m.happened(pawl.EventReissueRefused); len(r) != 2 || r[0].Row != 1 || r[0].User != "id-ann" || r[1].User != "" {
		t.Errorf("%+v", r)
	}
}

func TestEndsOfTheUserEndOldTokensToo(t *testing.T) {
	ctx := context.Background()
	t.Run("24: a token issued before the end is refused with its reason", func(t *testing.T) {
		m := newMoving(t)
		before := m.ann(time.Hour, fortnight)
		if _, err := m.EndUser(ctx, "id-ann", api.ReasonEndedByAdmin); err != nil {
			t.Fatal(err)
		}
		m.refused(before, api.ReasonEndedByAdmin)
		m.advance(2 * time.Second)
		if _, err := m.use(m.ann(0, fortnight)); err != nil {
			t.Errorf("issued after the end: %v", err)
		}
	})
	t.Run("28: everybody's", func(t *testing.T) {
		m := newMoving(t)
		before := m.ann(time.Hour, fortnight)
		if err := m.EndAll(ctx, api.ReasonEndedByAdmin); err != nil {
			t.Fatal(err)
		}
		m.refused(before, api.ReasonEndedByAdmin)
	})
	t.Run("one that does not say when it was issued was perhaps issued before", func(t *testing.T) {
		m := newMoving(t)
		silent := m.old.issue(pawl.LegacyToken{User: "ann", Expires: m.clock().Add(fortnight)})
		if _, err := m.EndUser(ctx, "id-ann", api.ReasonEndedByAdmin); err != nil {
			t.Fatal(err)
		}
		m.refused(silent, api.ReasonEndedByAdmin)
	})
	t.Run("24: an end while the old system is asked", func(t *testing.T) {
		m := newMoving(t)
		m.old.during = func() {
			if _, err := m.EndUser(ctx, "id-ann", api.ReasonEndedByAdmin); err != nil {
				t.Error(err)
			}
		}
		m.refused(m.ann(time.Hour, fortnight), api.ReasonEndedByAdmin)
	})
	t.Run("25: disabled, and enabled again", func(t *testing.T) {
		var users *memory.Store
		m := newMoving(t, func(c *pawl.Config) { users = c.Users.(*memory.Store) })
		old := m.ann(time.Hour, fortnight)
		yes, no := true, false
		if _, _, err := users.UpdateUser(ctx, "id-ann", pawl.UserChange{Disabled: &yes}); err != nil {
			t.Fatal(err)
		}
		m.refused(old, api.ReasonDisabled)
		if _, _, err := users.UpdateUser(ctx, "id-ann", pawl.UserChange{Disabled: &no}); err != nil {
			t.Fatal(err)
		}
		m.refused(old, api.ReasonDisabled)
	})
	t.Run("deleted", func(t *testing.T) {
		m := newMoving(t)
		old := m.ann(time.Hour, fortnight)
		if err := m.store.DeleteUser(ctx, "id-ann"); err != nil {
			t.Fatal(err)
		}
		m.refused(old, api.ReasonUnknown)
	})
}

func TestTheOldSystemIsAskedBeforeTheFirstUseOnly(t *testing.T) {
	m := newMoving(t)
	old, gone := m.ann(time.Hour, fortnight), m.ann(time.Minute, fortnight)
	m.old.gone[gone] = true
	m.refused(gone, api.ReasonUnknown)
	m.old.down.Store(true)
	if _, err := m.use(old); !errors.Is(err, api.ErrUnavailable) { // SECURITY 62
		t.Errorf("down: %v", err)
	}
	m.old.down.Store(false)
	if _, err := m.use(old); err != nil {
		t.Fatal(err)
	}
	asked := m.old.asked.Load()
	m.old.down.Store(true)
	if _, err := m.use(old); err != nil || m.old.asked.Load() != asked {
		t.Errorf("a sibling tab: %v, asked %d times more", err, m.old.asked.Load()-asked)
	}
}

// sessions_per_user: 1 is what article B does: a sign-in takes the place of the
// one before.
func TestAnOldSessionDoesNotDriveOutANewerOne(t *testing.T) {
	m := newMoving(t, func(c *pawl.Config) { c.SessionsPerUser = 1 })
	older, newer, newest := m.ann(3*time.Hour, fortnight), m.ann(2*time.Hour, fortnight), m.ann(time.Hour, fortnight)
	if _, err := m.use(newer); err != nil {
		t.Fatal(err)
	}
	m.refused(older, api.ReasonSessionLimit)
	if _, err := m.use(newest); err != nil {
		t.Errorf("a newer one takes the place: %v", err)
	}
	m.refused(newer, api.ReasonSessionLimit)
	own := m.login()
	m.refused(newest, api.ReasonSessionLimit)
	last := m.ann(time.Minute, fortnight)
	m.refused(last, api.ReasonSessionLimit)
	if err := m.Logout(t.Context(), api.ReissueRequest{RefreshToken: own.RefreshToken}); err != nil {
		t.Fatal(err)
	}
	m.refused(last, api.ReasonSessionLimit) // for good
}

// The record of the session must outlast the old token, or a swept record would
// make it good again: after a sign-out, a theft, an end.
func TestASweptRecordNeverMakesAnOldTokenGoodAgain(t *testing.T) {
	const day = 24 * time.Hour
	for _, refresh := range []time.Duration{time.Hour, 14 * day, 200 * day} {
		for _, session := range []time.Duration{time.Hour, 90 * day} {
			for _, life := range []time.Duration{30 * time.Minute, 14 * day, 400 * day} {
				for _, ago := range []time.Duration{-time.Minute, 0, 29 * time.Minute, 13 * day} {
					for _, says := range []string{"when", "when, and auth_time", "nothing"} {
						p := pawl.Policy{AccessTTL: time.Second, RefreshTTL: refresh, SessionTTL: session, ReuseWindow: time.Second}
						name := fmt.Sprintf("refresh %v, session %v, life %v, issued %v ago, says %s", refresh, session, life, ago, says)
						sweptRecord(t, name, p, says, life, ago)
					}
				}
			}
		}
	}
}

func sweptRecord(t *testing.T, name string, p pawl.Policy, says string, life, ago time.Duration) {
	m := newMoving(t, func(c *pawl.Config) { c.Policy = p })
	defer m.Close()
	began := m.clock()
	issued := began.Add(-ago)
	old := pawl.LegacyToken{User: "id-ann", Issued: issued, Expires: issued.Add(life)}
	if says == "nothing" {
		old.Issued = time.Time{}
	}
	if strings.HasSuffix(says, "auth_time") {
		old.AuthTime = issued.Add(-10 * time.Minute)
	}
	compact := m.old.issue(old)
	if _, err := m.use(compact); err != nil {
		return // not good at all
	}
	if err := m.Logout(t.Context(), api.ReissueRequest{RefreshToken: compact}); err != nil {
		t.Fatal(err)
	}
	var moments []time.Time
	for _, from := range []time.Time{began, issued, old.Expires} {
		for _, d := range []time.Duration{0, life, p.RefreshTTL, p.SessionTTL} {
			for _, around := range []time.Duration{-time.Minute, -time.Second, 0, time.Second, time.Minute, 2 * time.Minute, 3 * time.Minute} {
				moments = append(moments, from.Add(d+around))
			}
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	for _, at := range moments {
		if at.Before(began) {
			continue
		}
		m.advance(at.Sub(m.clock()))
		// As the service does it, with the shortest access tokens there can be.
		if _, err := m.store.Sweep(t.Context(), at.Add(-p.AccessTTL-time.Minute), at, 100); err != nil {
			t.Fatal(err)
		}
		if _, err := m.use(compact); err == nil {
			t.Fatalf("%s: good again %v after its session was signed out", name, at.Sub(began))
		}
	}
}

func TestManyPresentationsAtOnceMakeOneSession(t *testing.T) { // SECURITY 23
	m := newMoving(t)
	old := m.ann(time.Hour, fortnight)
	const n = 200
	var all sync.WaitGroup // none goes on before all have seen that there is no record
	all.Add(n)
	m.old.during = func() { all.Done(); all.Wait() }
	got := make(chan string, n)
	for range n {
		go func() {
			tokens, err := m.use(old)
			if err != nil {
				t.Error(err)
			}
			got <- tokens.RefreshToken
		}()
	}
	seen := map[string]bool{}
	for range n {
		seen[<-got] = true
	}
	if len(seen) != 1 || len(m.happened(pawl.EventMovedIn)) != 1 {
		t.Errorf("%d refresh tokens, %d moves", len(seen), len(m.happened(pawl.EventMovedIn)))
	}
}
