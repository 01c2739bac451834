package chaostest

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl/internal/servertest"
)

func TestFailuresPostgresSync(t *testing.T) {
	failures(t, syncEngine)
}

// TestFailuresSynchronousStandby: what was answered outlives its primary.
func TestFailuresSynchronousStandby(t *testing.T) {
	t.Parallel()
	leftToTheFullRun(t)
	e, store := startSynchronous(t)
	h := newHouse(t, e, 3, nil)
	t.Run("fail-over", func(t *testing.T) { h.nothingLost(t, store) })
	t.Run("the standby stalls", func(t *testing.T) { h.standbyStalls(t, store) })
	t.Run("the standby stalls, then a fail-over", func(t *testing.T) { h.stallThenFailOver(t, store) })
	h.clean(t)
}

// nothingLost kills the primary as soon as sign-ins, rotations and ends were
// answered. Nodes do not reach the new one before it was looked at: nothing is
// applied again.
func (h *house) nothingLost(t *testing.T, store *synchronous) {
	s := &scene{house: h}
	rotated := h.person(t, "")
	time.Sleep(2 * window)
	s.begin(t, oneUsers())
	store.failOver(h, func() {
		rotated.want(t, h.nodes[1], 5, 1)
		s.end(t)
		s.network(servertest.Refuse)
	})
	for _, one := range s.subjects {
		if rec, mark, found := h.record(t, one.jar); !found || rec.Ended.IsZero() && !mark.Covers(rec.AuthTime) {
			t.Errorf("%s: the new primary has ended=%v, found=%v", one.kind.name, !rec.Ended.IsZero(), found)
		}
	}
	if rec, _, found := h.record(t, rotated); !found || rec.Generation != 1 {
		t.Errorf("the new primary has generation %d, found=%v, want 1", rec.Generation, found)
	}
	s.network(servertest.Pass)
	s.refused(t)
	rotated.alive(t, "the session that was rotated")
}

// standbyStalls: nothing is answered that the standby does not have, also by a node
// that finds it written already; and everything once the standby has it.
func (h *house) standbyStalls(t *testing.T, store *synchronous) {
	s := &scene{house: h}
	people := s.signingOut(t)
	resume := store.standby.Freeze()
	for i, r := range h.signedOutEverywhere(t, people) {
		if r.status != http.StatusServiceUnavailable {
			t.Errorf("while the standby stalls, try %d to sign out is answered %v, want 503", i%len(h.nodes), r)
		}
	}
	resume()
	for _, j := range people {
		signOutAt(t, h, h.nodes[2], j)
	}
	s.refused(t)
}

// stallThenFailOver: an end that was answered holds, also where its first reply
// was a 503 and the retry was answered; and so does one whose retry comes after
// the fail-over.
func (h *house) stallThenFailOver(t *testing.T, store *synchronous) {
	s := &scene{house: h}
	people := s.signingOut(t)
	var replies []reply
	store.stalled(h, func() {
		replies = h.signedOutEverywhere(t, people)
		s.network(servertest.Refuse)
	})
	for i, r := range replies {
		j := people[i/len(h.nodes)]
		if rec, _, found := h.record(t, j); r.status == http.StatusNoContent && (!found || rec.Ended.IsZero()) {
			t.Errorf("try %d to sign out was answered 204, and the new primary has not ended the session", i%len(h.nodes))
		}
	}
	s.network(servertest.Pass)
	for _, j := range people {
		signOutAt(t, h, h.nodes[1], j)
	}
	s.endedAgain(t)
	s.refused(t)
}

// signingOut signs in who is to sign out.
func (s *scene) signingOut(t *testing.T) (people []*jar) {
	s.begin(t, oneUsers()[:1])
	for _, one := range s.subjects {
		people = append(people, one.jar)
	}
	return people
}

// signedOutEverywhere has each sign out at one node after the other, and returns the
// answers of all nodes, one user's behind the other's.
func (h *house) signedOutEverywhere(t *testing.T, people []*jar) []reply {
	replies := make([]reply, len(people)*len(h.nodes))
	var all sync.WaitGroup
	for i, j := range people {
		all.Go(func() {
			for k, n := range h.nodes {
				replies[i*len(h.nodes)+k] = h.send(t.Context(), n, http.MethodPost, "/api/logout", j.header(), nil)
			}
		})
	}
	all.Wait()
	return replies
}
