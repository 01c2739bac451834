package chaostest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
)

// failures plays each kind of failure by itself. What an engine cannot do (a
// file has no network) is not part of its promise.
func failures(t *testing.T, e func(*testing.T) engine) {
	t.Parallel()
	leftToTheFullRun(t)
	h := newHouse(t, e(t), 3, func(r *role) { r.Stops = true })
	t.Run("clocks", h.clocks)
	t.Run("node killed between commit and reply", h.killedAfterCommit)
	if len(h.engine.addrs) > 0 {
		t.Run("reply dropped after the commit", h.replyDropped)
		t.Run("partition", h.partition)
		for _, p := range h.engine.parts {
			t.Run(p.name, func(t *testing.T) { h.cutOffFrom(t, p) })
			t.Run(p.name+" during a fail-over", func(t *testing.T) { h.missedFailOver(t, p) })
		}
	}
	if h.engine.restart != nil {
		t.Run("restart", func(t *testing.T) { h.restart(t, false) })
		t.Run("power cut", func(t *testing.T) { h.restart(t, true) })
	}
	if h.engine.lose != nil {
		t.Run("fail-over that loses rotations", h.rotationsLost)
		t.Run("fail-over that loses ends", h.endsUndone)
	}
	for _, f := range h.engine.faults {
		if f.quiet {
			t.Run(f.name, func(t *testing.T) { h.underLoad(t, f) })
		}
	}
	h.clean(t)
}

// underLoad plays a fault while people turn: none of them is told anything but
// "later".
func (h *house) underLoad(t *testing.T, f fault) {
	h.busy(t, f.name, func() { f.do(t.Context(), h, rand.New(rand.NewPCG(1, 2))) })
}

// busy has people turn before, during and after something.
func (h *house) busy(t *testing.T, name string, during func()) {
	t.Helper()
	var people sync.WaitGroup
	run, over := context.WithCancel(t.Context())
	before := h.sum.signOuts.Load()
	for i := range 10 {
		people.Go(func() { h.chain(t.Context(), run, fmt.Sprint(name, "-", i), window) })
	}
	time.Sleep(2 * window)
	during()
	time.Sleep(2 * window)
	over()
	people.Wait()
	if n := h.sum.signOuts.Load() - before; n != 0 {
		t.Errorf("%d people were signed out", n)
	}
}

// clean: nothing was answered that must never be.
func (h *house) clean(t *testing.T) {
	t.Helper()
	for _, w := range h.sum.wrong {
		t.Error(w)
	}
}

// person signs in, in the test's own time.
func (h *house) person(t *testing.T, label string) *jar {
	t.Helper()
	j := h.signIn(t.Context(), fmt.Sprintf("person-%x", rand.Uint64()), label)
	if j == nil {
		t.Fatal("cannot sign in")
	}
	j.newKey()
	return j
}

// want reissues at a node, and holds the answer to a row of the table.
func (j *jar) want(t *testing.T, n *node, row int, generation uint64) {
	t.Helper()
	name := fmt.Sprintf("%d-reissue", row)
	before := j.h.count(name)
	r := j.try(t.Context(), n)
	if !j.take(r) || j.generation() != generation {
		t.Fatalf("the answer is %v, generation %d, want generation %d", r, j.generation(), generation)
	}
	eventually(t.Context(), t, "a node says row "+name, func() error {
		if j.h.count(name) == before {
			return fmt.Errorf("%d times so far", before)
		}
		return nil
	})
}

// clocks: the nodes' own clocks are ten seconds apart, the window is 200 ms, and
// yet they agree on whether it is open.
func (h *house) clocks(t *testing.T) {
	for i, n := range h.nodes {
		next := h.nodes[(i+1)%len(h.nodes)]
		for tries := 1; ; tries++ {
			j := h.person(t, "")
			j.key = ""
			old := *j
			time.Sleep(2 * window)
			began := time.Now()
			advanced := j.take(j.try(t.Context(), n)) && j.generation() == 1
			inWindow := []reply{j.try(t.Context(), next), old.try(t.Context(), next)}
			if time.Since(began) >= window && tries < 20 { // the machine is busy: this proves nothing
				continue
			}
			if !advanced || !j.take(inWindow[0]) || inWindow[0].touched || !old.take(inWindow[1]) || old.cookie != j.cookie {
				t.Errorf("in the window, whose clock is another: advanced %v, the same token is answered %v, the one before %v", advanced, inWindow[0], inWindow[1])
			}
			time.Sleep(2 * window)
			j.want(t, next, 5, 2)
			if r := h.check(t.Context(), n, j.access); r.status != http.StatusOK {
				t.Errorf("an access token of another node is answered %v", r)
			}
			break
		}
	}
}

// awaitStop waits until the node has come to where it stops.
func (n *node) awaitStop(t *testing.T, label string) {
	t.Helper()
	select {
	case s := <-n.stopped:
		if s.Kind != label {
			t.Fatalf("the node %s, want one that %s", s.Kind, label)
		}
	case <-time.After(patience):
		t.Fatalf("no node %s", label)
	}
}

func (n *node) goOn(t *testing.T) {
	t.Helper()
	if _, err := fmt.Fprintln(n.in); err != nil {
		t.Error(err)
	}
}

// killedAfterCommit: the client, which heard nothing, is answered by another node
// with what was committed, however late.
func (h *house) killedAfterCommit(t *testing.T) {
	j := h.person(t, stopsAfter)
	time.Sleep(2 * window)
	n := h.nodes[0]
	lost := make(chan reply, 1)
	go func() { lost <- j.try(t.Context(), n) }()
	n.awaitStop(t, stopsAfter)
	n.kill()
	if r := <-lost; r.status != 0 {
		t.Errorf("a killed node answers %v", r)
	}
	time.Sleep(2 * window)
	j.want(t, h.nodes[1], 6, 1)
	n.start()
}

// replyDropped: the store has written, and the node does not learn of it.
func (h *house) replyDropped(t *testing.T) {
	n := h.nodes[0]
	j := h.unheard(t, n)
	time.Sleep(2 * window)
	first := *j
	j.want(t, h.nodes[1], 6, 1)
	first.want(t, h.nodes[2], 6, 1) // the window is open again
	if first.cookie != j.cookie {
		t.Error("the same retry is given another refresh token")
	}
	if r := h.check(t.Context(), n, j.access); r.status != http.StatusOK {
		t.Errorf("the access token is answered %v", r)
	}
}

// unheard gives somebody whose rotation was written without the node's learning
// of it. Now and then it is the reply to something before that is dropped, and
// nothing is written: that is tried again.
func (h *house) unheard(t *testing.T, n *node) *jar {
	t.Helper()
	for range 50 {
		j, before := h.person(t, stopsBefore), h.person(t, "")
		time.Sleep(2 * window)
		before.want(t, n, 5, 1) // whatever is prepared on a connection is
		lost := make(chan reply, 1)
		go func() { lost <- j.try(t.Context(), n) }()
		n.awaitStop(t, stopsBefore)
		n.network(servertest.DropReplies)
		n.goOn(t)
		r := <-lost
		n.network(servertest.Pass)
		if r.status != http.StatusServiceUnavailable {
			t.Fatalf("a node that cannot know is answered %v, want 503", r)
		}
		if rec, _, _ := h.record(t, j); rec.Generation == 1 {
			return j
		}
	}
	t.Fatal("no reply was dropped after the write")
	return nil
}

// partition: a node that does not reach the store says so, within a bounded time,
// and serves again by itself. The others go on.
func (h *house) partition(t *testing.T) {
	n := h.nodes[0]
	for _, f := range []servertest.Fault{servertest.Refuse, servertest.Hold} {
		t.Run(f.String(), func(t *testing.T) {
			j := h.person(t, "")
			n.network(f)
			h.away(t, []*node{n}, j)
			if r := j.try(t.Context(), h.nodes[1]); !j.take(r) {
				t.Errorf("a node that reaches the store answers %v", r)
			}
			n.network(servertest.Pass)
			h.back(t, []*node{n}, j)
		})
	}
}

// away: nodes that do not reach the store refuse for a while, never for good, and
// go on checking access tokens.
func (h *house) away(t *testing.T, nodes []*node, j *jar) {
	t.Helper()
	for _, n := range nodes {
		began := time.Now()
		r := j.try(t.Context(), n)
		t.Attr("answered_after", fmt.Sprint(time.Since(began).Round(time.Millisecond)))
		if r.status != http.StatusServiceUnavailable || r.problem.Code != api.CodeUnavailable || r.problem.RetryAfter <= 0 {
			t.Errorf("without the store the answer is %v, want 503 with Retry-After", r)
		}
		if r := h.check(t.Context(), n, j.access); r.status != http.StatusOK {
			t.Errorf("without the store an access token is answered %v", r)
		}
	}
}

// back: they serve again, and nothing was lost.
func (h *house) back(t *testing.T, nodes []*node, j *jar) {
	t.Helper()
	began := time.Now()
	for _, n := range nodes {
		eventually(t.Context(), t, "the node serves again", func() error {
			if r := j.try(t.Context(), n); !j.take(r) {
				if r.answered() {
					t.Fatalf("the answer is %v", r)
				}
				return fmt.Errorf("the answer is %v", r)
			}
			return nil
		})
	}
	t.Attr("served_again_after", fmt.Sprint(time.Since(began).Round(time.Millisecond)))
}

// restart: people turn all the while; none of them is told anything but "later".
func (h *house) restart(t *testing.T, kill bool) {
	j := h.person(t, "")
	h.busy(t, fmt.Sprint("restart ", kill), func() {
		up := h.engine.restart(kill)
		h.away(t, h.nodes, j)
		up()
		h.back(t, h.nodes, j)
	})
}

// rotationsLost: tokens are ahead of the records that are left, which are taken
// back from the tokens (row 2).
func (h *house) rotationsLost(t *testing.T) {
	people := make([]*jar, 20)
	for i := range people {
		people[i] = h.person(t, "")
	}
	before := h.count("2-restored")
	h.engine.lose(h, func() {
		for range 3 {
			time.Sleep(2 * window)
			for _, j := range people {
				j.newKey()
				if r := j.try(t.Context(), h.any()); !j.take(r) {
					t.Fatalf("before the fail-over the answer is %v", r)
				}
			}
		}
	})
	for _, j := range people {
		if r := j.reissue(t.Context()); !j.take(r) {
			t.Errorf("generation %d is answered %v", j.generation(), r)
		}
	}
	restored := h.count("2-restored") - before
	t.Attr("restored", fmt.Sprintf("%d of %d sessions", restored, len(people)))
	if restored < len(people) {
		t.Errorf("%d sessions were restored, want %d: the fail-over lost less than it should", restored, len(people))
	}
}
