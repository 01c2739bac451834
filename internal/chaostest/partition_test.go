package chaostest

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/pawlauth/pawl/internal/servertest"
)

// cutOffFrom: a node that does not reach some of the servers answers what it can,
// and "later" to the rest; it never answers what another node has ended. It is
// whole again once it reaches them.
func (h *house) cutOffFrom(t *testing.T, p part) {
	n, lot := h.nodes[0], rand.New(rand.NewPCG(1, 2))
	for _, f := range []servertest.Fault{servertest.Refuse, servertest.Hold} {
		t.Run(f.String(), func(t *testing.T) {
			var people []*jar
			for range 10 { // on several servers, where there are
				people = append(people, h.person(t, ""))
			}
			out := h.person(t, "")
			addrs := p.addrs(lot)
			n.networkTo(addrs, f)
			var all sync.WaitGroup
			for _, j := range people {
				all.Go(func() { h.later(t, n, j) })
			}
			all.Wait()
			signOutAt(t, h, h.nodes[1], out)
			n.networkTo(addrs, servertest.Pass)
			for _, j := range people {
				h.back(t, []*node{n}, j)
			}
			eventually(t.Context(), t, "the node hears of what was ended meanwhile", func() error {
				return wants(h.check(t.Context(), n, out.access), http.StatusUnauthorized)
			})
		})
	}
}

// missedFailOver: a node that was cut off from some of the servers while the store
// failed over is whole again once it reaches them, and answers nothing that was
// ended meanwhile.
func (h *house) missedFailOver(t *testing.T, p part) {
	n := h.nodes[0]
	j := h.person(t, "")
	s := &scene{house: h}
	s.begin(t, oneUsers()[:1])
	addrs := p.addrs(rand.New(rand.NewPCG(1, 2)))
	n.networkTo(addrs, servertest.Refuse)
	h.engine.lose(h, func() {
		for _, one := range s.subjects {
			signOutAt(t, h, h.nodes[1], one.jar)
		}
	})
	n.networkTo(addrs, servertest.Pass)
	h.back(t, []*node{n}, j)
	s.endedAgain(t)
	s.refused(t)
}

// later: the node answers, or says when to come back; others answer.
func (h *house) later(t *testing.T, n *node, j *jar) {
	t.Helper()
	if r := j.try(t.Context(), n); !j.take(r) && r.status != http.StatusServiceUnavailable {
		t.Errorf("a node that is cut off answers %v, want 200 or 503", r)
	}
	if r := j.try(t.Context(), h.nodes[1]); !j.take(r) {
		t.Errorf("a node that is not cut off answers %v", r)
	}
}
