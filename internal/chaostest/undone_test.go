package chaostest

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
)

// soon is how long a store and its nodes, all of them there, may take to make an
// end hold again. It bounds a hang, and says nothing of speed.
const soon = patience / 4

// scene is what a fail-over is to undo.
type scene struct {
	*house
	subjects []*subject
	before   []*jar // bystanders, who signed in before
}

// undoing is a fail-over, and what it takes away.
type undoing struct {
	name string
	play func(*testing.T, *scene, []kind)
}

func undoings() []undoing {
	return []undoing{
		{"the end is lost", func(t *testing.T, s *scene, kinds []kind) {
			s.begin(t, kinds)
			s.engine.lose(s.house, func() { s.end(t) })
		}},
		{"the session is lost with its end", func(t *testing.T, s *scene, kinds []kind) {
			s.engine.lose(s.house, func() {
				s.begin(t, kinds)
				s.end(t)
			})
			s.lost()
		}},
		{"the end is lost twice in a row", func(t *testing.T, s *scene, kinds []kind) {
			s.begin(t, kinds)
			s.engine.lose(s.house, func() {
				s.end(t)
				s.network(servertest.Refuse) // what is applied again comes after the next copy
			})
			s.engine.lose(s.house, func() {
				s.network(servertest.Pass)
				s.endedAgain(t)
			})
		}},
	}
}

// endsUndone plays every kind of end with every loss. Those that leave other users
// alone are lost by one fail-over.
func (h *house) endsUndone(t *testing.T) {
	for _, l := range undoings() {
		t.Run(l.name, func(t *testing.T) { h.undone(t, oneUsers(), l) })
		t.Run(l.name+", everyone's", func(t *testing.T) { h.undone(t, everyones(), l) })
	}
	if h.engine.comeBack == nil {
		return
	}
	for _, kinds := range [][]kind{oneUsers(), everyones()} {
		kinds = slices.DeleteFunc(kinds, func(k kind) bool { return !k.orphans })
		t.Run("the sign-in is lost, and comes back after "+kinds[0].name, func(t *testing.T) { h.undone(t, kinds, orphans) })
	}
}

// orphans: the sign-in is lost, the session is ended, and what had failed takes
// over again, with the session in it.
var orphans = undoing{"orphans", func(t *testing.T, s *scene, kinds []kind) {
	back := s.engine.comeBack(s.house, func() { s.begin(t, kinds) })
	s.lost()
	for _, one := range s.subjects {
		if _, _, found := s.record(t, one.jar); found {
			t.Fatal("the fail-over has lost nothing")
		}
	}
	s.end(t)
	back()
}}

// undone: what has ended is ended again, and is refused by every node, also by
// those that start later. Nobody else is ended.
func (h *house) undone(t *testing.T, kinds []kind, l undoing) {
	s := &scene{house: h}
	if !kinds[0].everyone {
		s.before = append(s.before, h.person(t, ""))
	}
	// The copy knows of an end, too: a log that is empty is too easily told apart.
	signOutAt(t, h, h.nodes[0], h.person(t, ""))
	l.play(t, s, kinds)
	after := h.person(t, "")
	s.endedAgain(t)
	s.refused(t)
	for _, n := range h.nodes { // who starts now knows only what the store says
		n.kill()
		n.start()
	}
	s.refused(t)
	for _, j := range append(s.before, after) {
		j.alive(t, "a bystander")
	}
	for _, one := range s.subjects {
		if one.other != nil && !one.lost {
			one.other.alive(t, "the session that goes on after "+one.kind.name)
		}
	}
}

func (s *scene) begin(t *testing.T, kinds []kind) {
	for _, k := range kinds {
		for range 3 { // in several partitions of a clustered store
			one := k.begin(t, s.house)
			one.kind, one.reason = k, k.reason
			s.subjects = append(s.subjects, one)
		}
	}
}

// end ends all, and waits until every node has heard of it.
func (s *scene) end(t *testing.T) {
	everyone := false
	for _, one := range s.subjects {
		if !everyone {
			one.kind.done(t, s.house, one)
		}
		everyone = one.kind.everyone
	}
	s.refusedAccess(t)
}

func (s *scene) lost() {
	for _, one := range s.subjects {
		one.lost = true
	}
}

func (s *scene) network(f servertest.Fault) {
	for _, n := range s.nodes {
		n.network(f)
	}
}

// endedAgain waits until the store has every end that it has the session of:
// nobody need come back for that.
func (s *scene) endedAgain(t *testing.T) {
	t.Helper()
	s.each(t, "what the store lost is applied again", func(one *subject) error {
		rec, mark, found := s.record(t, one.jar)
		if found && rec.Ended.IsZero() && !mark.Covers(rec.AuthTime) || !found && !one.lost {
			return fmt.Errorf("the store has ended=%v, found=%v", !rec.Ended.IsZero(), found)
		}
		return nil
	})
}

// refused: every node refuses the session with its reason, and its access token.
func (s *scene) refused(t *testing.T) {
	t.Helper()
	s.each(t, "an ended session is refused with its reason", func(one *subject) error {
		for i, n := range s.nodes {
			r := one.try(t.Context(), n)
			if r.status == http.StatusOK {
				t.Errorf("REVIVED: %s: node %d answers %v", one.kind.name, i, r)
				return nil
			}
			if !r.answered() || r.problem.Reason != one.reason && !(one.lost && r.problem.Reason == api.ReasonUnknown) {
				return fmt.Errorf("node %d answers %v, want reason %s", i, r, one.reason)
			}
		}
		return nil
	})
	s.refusedAccess(t)
}

func (s *scene) refusedAccess(t *testing.T) {
	t.Helper()
	s.each(t, "the access token of an ended session is refused", func(one *subject) error {
		for i, n := range s.nodes {
			if r := s.check(t.Context(), n, one.access); r.status != http.StatusUnauthorized {
				return fmt.Errorf("node %d answers %v", i, r)
			}
		}
		return nil
	})
}

// each waits until f returns nil for every subject, and says for which it did not.
func (s *scene) each(t *testing.T, what string, f func(*subject) error) {
	t.Helper()
	deadline := time.Now().Add(soon)
	for _, one := range s.subjects {
		err := f(one)
		for err != nil && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
			err = f(one)
		}
		if err != nil {
			t.Errorf("%s: it does not come to pass that %s: %v", one.kind.name, what, err)
		}
	}
}

// alive: the session goes on.
func (j *jar) alive(t *testing.T, who string) {
	t.Helper()
	j.newKey()
	if r := j.reissue(t.Context()); !j.take(r) {
		t.Errorf("%s is answered %v", who, r)
	}
}
