package chaostest

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
)

// kind is a way in which sessions end.
type kind struct {
	name, reason string
	// begin signs in what the end needs; done has the session ended, and returns
	// once that was answered.
	begin func(*testing.T, *house) *subject
	done  func(*testing.T, *house, *subject)
	// orphans: it ends also what the store does not know to have been signed in.
	orphans  bool
	everyone bool // one end is all subjects'
}

// subject is a session that is to end.
type subject struct {
	end
	kind kind
	// other is the user's other session, which goes on, or the thief; or nil.
	other *jar
	lost  bool // its sign-in was lost: nodes may not know the session
}

// oneUsers are the kinds that leave other users alone.
func oneUsers() []kind {
	return []kind{
		{name: "sign-out", reason: api.ReasonSignedOut, begin: begins, done: signOut, orphans: true},
		{name: "sign-out whose first reply was lost", reason: api.ReasonSignedOut, begin: begins, done: signOutUnheard},
		{name: "a user's", reason: api.ReasonEndedByAdmin, begin: begins, done: ban, orphans: true},
		{name: "eviction", reason: api.ReasonSessionLimit, begin: begins, done: evict},
		{name: "password change", reason: api.ReasonPasswordChanged, begin: beginChange, done: change},
		{name: "caught thief", reason: api.ReasonReused, begin: beginTheft, done: catch},
	}
}

// everyones is the one that ends all.
func everyones() []kind {
	return []kind{{name: "everyone's", reason: api.ReasonEndedByAdmin, begin: begins, done: endEveryone, orphans: true, everyone: true}}
}

func begins(t *testing.T, h *house) *subject {
	return &subject{end: end{jar: h.person(t, "")}}
}

func signOut(t *testing.T, _ *house, s *subject) {
	if r := s.logout(t.Context()); r.status != http.StatusNoContent {
		t.Errorf("sign-out is answered %v", r)
	}
}

// signOutUnheard: the store has ended the session, and the node that did so has
// not learned of it; another node is asked again. Now and then it is the reply to
// something before that is dropped, and nothing is written: that is tried again.
func signOutUnheard(t *testing.T, h *house, s *subject) {
	n := h.nodes[0]
	for range 50 {
		signOutAt(t, h, n, h.person(t, "")) // the node is connected, and everything prepared
		n.network(servertest.DropReplies)
		r := h.send(t.Context(), n, http.MethodPost, "/api/logout", s.header(), nil)
		n.network(servertest.Pass)
		if r.answered() {
			s.jar = h.person(t, "")
			continue
		}
		if rec, _, found := h.record(t, s.jar); found && !rec.Ended.IsZero() {
			signOutAt(t, h, h.nodes[1], s.jar)
			return
		}
	}
	t.Error("no reply was dropped after the write")
}

func signOutAt(t *testing.T, h *house, n *node, j *jar) {
	eventually(t.Context(), t, "a node answers a sign-out", func() error {
		return wants(h.send(t.Context(), n, http.MethodPost, "/api/logout", j.header(), nil), http.StatusNoContent)
	})
}

func ban(t *testing.T, h *house, s *subject) {
	if r := h.endUser(t.Context(), s.user); r.status != http.StatusOK {
		t.Errorf("a ban is answered %v", r)
	}
}

func evict(t *testing.T, h *house, s *subject) {
	for range sessionsPerUser {
		if h.signIn(t.Context(), s.user, "newer") == nil {
			t.Error("cannot sign in")
		}
	}
}

func beginChange(t *testing.T, h *house) *subject {
	user := changer(int(h.changes.Add(1)))
	one, other := h.signIn(t.Context(), user, ""), h.signIn(t.Context(), user, changing)
	if one == nil || other == nil {
		t.Fatal("cannot sign in")
	}
	return &subject{end: end{jar: one}, other: other}
}

func change(t *testing.T, _ *house, s *subject) {
	if r := s.other.changePassword(t.Context()); r.status != http.StatusOK {
		t.Errorf("a password change is answered %v", r)
	}
}

// beginTheft: the owner is at generation 2, and the thief has generation 0.
func beginTheft(t *testing.T, h *house) *subject {
	j := h.person(t, "")
	thief := *j
	thief.key = ""
	for range 2 {
		time.Sleep(2 * window)
		j.newKey()
		if r := j.reissue(t.Context()); !j.take(r) {
			t.Fatalf("the answer is %v", r)
		}
	}
	return &subject{end: end{jar: j}, other: &thief}
}

func catch(t *testing.T, _ *house, s *subject) {
	if r := s.other.reissue(t.Context()); r.status != http.StatusUnauthorized || r.problem.Reason != api.ReasonReused {
		t.Errorf("a thief is answered %v", r)
	}
	s.other = nil
}

func endEveryone(t *testing.T, h *house, _ *subject) {
	if !h.endAll(t.Context()) {
		t.Error("an end of everyone's sessions is not answered")
	}
}

// record is a session as the store has it, as soon as it can be asked.
func (h *house) record(t *testing.T, j *jar) (rec pawl.Session, mark pawl.Mark, found bool) {
	t.Helper()
	eventually(t.Context(), t, "the store answers", func() error {
		s, err := h.engine.role(h.engine.addrs).openStores(t.Context())
		if err != nil {
			return err
		}
		defer s.close()
		rec, mark, err = s.sessions.Get(t.Context(), pawl.SessionKey{User: j.user, ID: j.id})
		if found = err == nil; errors.Is(err, pawl.ErrNotFound) {
			return nil
		}
		return err
	})
	return rec, mark, found
}
