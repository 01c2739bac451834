package pawl_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// present reissues and holds the answer, and what it did to the record, against
// the laws.
func (w *modelWorld) present(refresh, access, key, who string) (api.Tokens, error) {
	claims := rotClaims(w.t, refresh)
	s := w.known[rotSessionID(w.t, refresh)]
	before, mark, _ := w.store.Get(w.t.Context(), s.key)
	now := w.clock.now()
	got, err := w.svc.Reissue(w.t.Context(), api.ReissueRequest{RefreshToken: refresh, AccessToken: access, IdempotencyKey: key})
	after, _, _ := w.store.Get(w.t.Context(), s.key)
	w.tell("  %s presents generation %d of %d: %s", who, claims.Gen, before.Generation, outcomeOf(got, after, err))

	l := modelLaws{w, s, before, after, claims, key, now, got, err}
	if !before.Ended.IsZero() || mark.Covers(before.AuthTime) {
		l.staysEnded()
		return got, err
	}
	l.record()
	if err != nil {
		l.refusal()
	} else {
		l.answer()
	}
	return got, err
}

func outcomeOf(got api.Tokens, after pawl.Session, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("record at %d, cookie %v", after.Generation, got.SetCookie)
}

type modelLaws struct {
	w             *modelWorld
	s             *modelSession
	before, after pawl.Session
	shown         rotClaim
	key           string
	now           time.Time
	got           api.Tokens
	err           error
}

// staysEnded: after an end has answered nothing is reissued, whatever a
// fail-over lost.
func (l *modelLaws) staysEnded() {
	if !errors.Is(l.err, api.ErrLoginRequired) {
		l.w.fail("an ended session answered %v", l.err)
	}
}

// record: what must hold of the record however it went.
func (l *modelLaws) record() {
	from := max(l.before.Generation, l.shown.Gen) // what a fail-over lost, the token brings back
	switch {
	case l.s.over != "" && l.err == nil:
		l.w.fail("the session had ended (%s) and got tokens", l.s.over)
	case l.after.Generation < l.before.Generation || l.after.Generation > from+1:
		l.w.fail("generation %d became %d, %d presented", l.before.Generation, l.after.Generation, l.shown.Gen)
	case !l.after.Ends.Equal(l.s.ends) || l.after.IdleExpires.After(l.s.ends):
		l.w.fail("the absolute end moved: %v, idle %v, was %v", l.after.Ends, l.after.IdleExpires, l.s.ends)
	case l.shown.Gen <= l.before.Generation && l.after.Generation > l.before.Generation && l.now.Sub(l.before.Opened) < pawl.DefaultReuseWindow:
		l.w.fail("a generation %v young was advanced", l.now.Sub(l.before.Opened))
	case l.shown.Gen == l.before.Generation && l.after.Generation == l.before.Generation && !l.after.Opened.Equal(l.before.Opened):
		l.w.fail("the current generation opened its own window")
	}
	if l.after.Generation == l.before.Generation && !l.after.Opened.Equal(l.before.Opened) {
		made := fmt.Sprint(l.after.Generation, l.after.Rotated)
		if l.s.reopened[made]++; l.s.reopened[made] > 1 {
			l.w.fail("generation %d was opened again %d times", l.after.Generation, l.s.reopened[made])
		}
	}
}

// proves: a key that is absent proves nothing.
func (l *modelLaws) proves() bool {
	return l.key != "" && sha256.Sum256([]byte(l.key)) == l.before.LastKey
}

func (l *modelLaws) open() bool { return l.now.Sub(l.before.Opened) < pawl.DefaultReuseWindow }

// mayHaveParent: the token is one behind, and answered by the window or the key.
func (l *modelLaws) mayHaveParent() bool {
	return l.shown.Gen+1 == l.before.Generation && (l.open() || l.proves())
}

func (l *modelLaws) refusal() {
	e := api.AsError(l.err)
	switch e.Reason {
	case api.ReasonExpired:
		idle := l.before.IdleExpires
		if l.shown.Gen > l.before.Generation {
			idle = time.Unix(l.shown.Exp, 0)
		}
		if l.now.Before(idle) && l.now.Before(l.before.Ends) {
			l.w.fail("refused as expired before its time")
		}
	case api.ReasonReused:
		if l.shown.Gen >= l.before.Generation || l.mayHaveParent() {
			l.w.fail("an honest token counted as reused")
		}
		if l.after.EndReason != api.ReasonReused {
			l.w.fail("a reused token did not end its session")
		}
		l.s.over = api.ReasonReused
	default:
		l.w.fail("a live session was refused: %v", l.err)
	}
}

func (l *modelLaws) answer() {
	switch {
	case !l.now.Before(l.before.Ends):
		l.w.fail("tokens past the absolute end")
	case l.got.AccessExpires.After(l.before.Ends) || !l.got.Ends.Equal(l.s.ends):
		l.w.fail("tokens that outlive the absolute end")
	case l.shown.Gen < l.before.Generation && !l.mayHaveParent():
		l.w.fail("an old token was answered")
	case l.shown.Gen < l.before.Generation && l.after.Generation != l.before.Generation:
		l.w.fail("an old token advanced the session")
	}
	given := rotClaims(l.w.t, l.got.RefreshToken)
	if given.Gen != l.after.Generation {
		l.w.fail("generation %d was given while the record is at %d", given.Gen, l.after.Generation)
	}
	// Row 4: nothing newer, no cookie.
	if l.got.SetCookie != (given.Gen != l.shown.Gen) {
		l.w.fail("generation %d presented, %d given, cookie set: %v", l.shown.Gen, given.Gen, l.got.SetCookie)
	}
	// Row 6: sent again without having been kept, byte for byte.
	what := fmt.Sprint(given.Gen, l.after.Rotated.Unix(), l.after.IdleExpires.Unix(), l.after.AuthTime.Unix())
	if old := l.s.bytes[what]; old != "" && old != l.got.RefreshToken {
		l.w.fail("generation %d was given with other bytes than before", given.Gen)
	}
	l.s.bytes[what] = l.got.RefreshToken
}

// modelEvents counts what happened, so that a model which tries nothing fails.
type modelEvents struct {
	mu   sync.Mutex
	rows [8]int
	kind map[string]int
}

func (e *modelEvents) note(_ context.Context, event pawl.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.kind == nil {
		e.kind = map[string]int{}
	}
	e.kind[event.Kind]++
	if event.Row > 0 {
		e.rows[event.Row]++
	}
}

func (e *modelEvents) check(t *testing.T, steps int) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	t.Logf("%d steps took rows 1–7 %v times", steps, e.rows[1:])
	if steps < 20_000 {
		return
	}
	for row, n := range e.rows[1:] {
		if n < 10 {
			t.Errorf("row %d was taken %d times in %d steps: the model does not try it", row+1, n, steps)
		}
	}
}
