package chaostest

import (
	"context"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
)

// amnesiac: a node says that it has made an end hold again, and has not.
const amnesiac = "amnesiac"

func (s *saboteur) EndAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool) (bool, error) {
	if s.how == amnesiac || s.how == revenant { // else nodes would mend it before it is seen
		return false, nil
	}
	return s.SessionStore.EndAgain(ctx, e, unlogged)
}

// TestTheRunFindsForgottenEnds: a node that started after a fail-over knows only
// what the store says, and would answer what the other nodes refuse.
func TestTheRunFindsForgottenEnds(t *testing.T) {
	t.Parallel()
	leftToTheFullRun(t)
	h := newHouse(t, postgresEngine(false)(t), 3, func(r *role) { r.Sabotage = amnesiac })
	h.bound = time.Second
	found := func() bool { return h.sum.revived.Load()+h.sum.guarded.Load() > 0 }
	h.run(t, settings{clients: 60, took: 2 * patience, pace: window, faults: true, alternate: true, until: found})
	if !found() {
		t.Error("the run has not found it")
	}
}
