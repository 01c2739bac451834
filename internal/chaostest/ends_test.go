package chaostest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/pawlauth/pawl/api"
)

// end is an end that was answered.
type end struct {
	*jar
	at      time.Time
	reason  string
	revived *bool // while a fail-over that lost its end was under way
}

// ends keeps what has ended, to try it again and again.
type ends struct {
	mu  sync.Mutex
	all []end
}

func (e *ends) add(one end) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, one)
}

// any returns one at random, if there is one.
func (e *ends) any() (one end, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.all) == 0 {
		return one, false
	}
	return e.all[rand.N(len(e.all))], true
}

// ended takes an end that was just answered, and holds the nodes to it.
func (h *house) ended(ctx context.Context, gone *ends, j *jar, reason string) {
	e := end{jar: j, at: time.Now(), reason: reason, revived: new(bool)}
	h.sum.ended.Add(1)
	h.sum.kind(reason)
	e.over(ctx, h.any())
	e.felt(ctx)
	gone.add(e)
}

// over: no node gives a token for it any more. Only what was answered counts.
func (e end) over(ctx context.Context, n *node) {
	r := e.try(ctx, n)
	if !r.answered() {
		return
	}
	e.judge(r)
}

func (e end) judge(r reply) {
	s := e.h.sum
	s.revivalTried.Add(1)
	switch {
	case r.status == http.StatusOK && s.failingOver(e.at):
		s.early.Add(1)
		*e.revived = true
	case r.status == http.StatusOK:
		s.revived.Add(1)
		s.fault("revived: %v", e)
	case *e.revived && r.problem.Reason == api.ReasonReused: // its newer token is with nobody
	case !e.mayBeTold(r.problem.Reason):
		s.fault("%v is told %v", e, r)
	}
}

// mayBeTold: an end of everyone may have come before it, and of a session whose
// sign-in was lost the store knows nothing.
func (e end) mayBeTold(reason string) bool {
	s := e.h.sum
	return reason == e.reason ||
		e.notStored(reason, e.at) ||
		reason == api.ReasonEndedByAdmin && s.everyoneSince(e.asked)
}

// String tells what is known of an end.
func (e end) String() string {
	ago := func(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }
	return fmt.Sprintf("session %s of %s, begun %v ago, ended %v ago, %s, generation %d", e.id, e.user, ago(e.born), ago(e.at), e.reason, e.generation())
}

// felt waits until every node's guard refuses the access token, and then holds
// the nodes to it.
func (e end) felt(ctx context.Context) {
	s := e.h.sum
	for _, n := range e.h.nodes {
		for ctx.Err() == nil {
			r := e.h.check(ctx, n, e.access)
			if r.status == http.StatusUnauthorized {
				break
			}
			if time.Since(e.at) > e.h.bound {
				e.accepted(r)
				return
			}
			pause(ctx, 5*time.Millisecond)
		}
	}
	s.feltAfter(time.Since(e.at))
	e.refused(ctx)
}

// refused: no node takes the access token back.
func (e end) refused(ctx context.Context) {
	for _, n := range e.h.nodes {
		r := e.h.check(ctx, n, e.access)
		if !r.answered() {
			continue
		}
		e.h.sum.guardedTried.Add(1)
		if r.status != http.StatusUnauthorized {
			e.accepted(r)
		}
	}
}

// accepted notes an access token that must be refused, apart where its sign-in
// was lost: there is no record then that could end.
func (e end) accepted(r reply) {
	s := e.h.sum
	s.guarded.Add(1)
	if s.mayHaveLost(e.asked, e.born) {
		s.orphans.Add(1)
	}
	s.fault("the access token of %v is answered %v", e, r)
}
