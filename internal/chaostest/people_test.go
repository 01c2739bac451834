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

// pause waits, or less if the run is over.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// chain reissues until the run is over, mostly beyond the window, and signs in
// again where the session is gone.
func (h *house) chain(ctx, run context.Context, user string, pace time.Duration) {
	for run.Err() == nil {
		j := h.signIn(ctx, user, "chain")
		for j != nil && run.Err() == nil && j.turn(ctx, run) {
			d := window + rand.N(pace)
			if rand.N(4) == 0 {
				d = rand.N(window)
			}
			pause(run, d)
		}
	}
}

// turn is one reissue, in one of the ways in which browsers do that.
func (j *jar) turn(ctx, run context.Context) bool {
	j.newKey()
	before := *j
	var goesOn bool
	switch rand.N(8) {
	case 0: // two tabs at once, which share the jar and its key
		goesOn = j.twice(ctx)
	case 1: // it crashes before the answer is on the disk, and comes back later
		if goesOn = j.once(ctx); goesOn {
			pause(run, rand.N(2*window))
			*j = before
			goesOn = j.once(ctx)
		}
	default:
		goesOn = j.once(ctx)
	}
	if goesOn && rand.N(4) == 0 { // any node's guard takes the token of any other
		if r := j.h.check(ctx, j.h.any(), j.access); r.answered() && (r.status != http.StatusOK || r.me.SessionID != j.id || r.me.Subject != j.user) {
			j.h.sum.fault("the access token of a live session is answered %v", r)
		}
	}
	return goesOn
}

func (j *jar) once(ctx context.Context) bool { return j.judge(j.reissue(ctx)) }

func (j *jar) twice(ctx context.Context) bool {
	var replies [2]reply
	var both sync.WaitGroup
	for i := range replies {
		both.Go(func() { replies[i] = j.reissue(ctx) })
	}
	both.Wait()
	older := replies[0]
	if claimsOf(older.cookie).Generation > claimsOf(replies[1].cookie).Generation {
		older, replies[1] = replies[1], older
	}
	had := j.cookie
	if !j.judge(older) {
		return false
	}
	if replies[1].touched { // both answer what was presented
		newer := j.cookie
		j.cookie = had
		if !j.judge(replies[1]) {
			return false
		}
		if claimsOf(j.cookie).Generation < claimsOf(newer).Generation {
			j.cookie = newer
		}
		return true
	}
	return j.judge(replies[1])
}

// judge takes an answer to somebody who has done nothing wrong.
func (j *jar) judge(r reply) bool {
	switch {
	case j.take(r):
		j.h.sum.reissued.Add(1)
		return true
	case !r.answered(): // the run is over
	case r.problem != nil && r.problem.Reason == api.ReasonUnknown && j.h.sum.mayHaveLost(j.born, j.born):
		j.h.sum.lostAtBirth.Add(1)
	case r.problem != nil && r.problem.Reason == api.ReasonEndedByAdmin && j.h.sum.failingOver(j.born):
		j.h.sum.bannedAgain.Add(1)
	default:
		j.h.sum.signOuts.Add(1)
		j.h.sum.fault("signed out: %s, session %s of %v ago, generation %d: %v", j.user, j.id, time.Since(j.born).Round(time.Millisecond), j.generation(), r)
	}
	return false
}

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

// any gives one by lot, if there is one.
func (e *ends) any() (one end, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.all) == 0 {
		return one, false
	}
	return e.all[rand.N(len(e.all))], true
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
	if r.status == http.StatusOK && s.failingOver(e.at) {
		s.early.Add(1)
		*e.revived = true
	} else if r.status == http.StatusOK {
		s.revived.Add(1)
		s.fault("revived: %v", e)
	} else if *e.revived && r.problem.Reason == api.ReasonReused {
		return // its newer token is with nobody
	} else if r.problem.Reason != e.reason && !(r.problem.Reason == api.ReasonUnknown && s.mayHaveLost(e.born, e.at)) {
		s.fault("%v is told %v", e, r)
	}
}

// String tells what is known of an end.
func (e end) String() string {
	ago := func(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }
	return fmt.Sprintf("session %s of %s, begun %v ago, ended %v ago, %s, generation %d", e.id, e.user, ago(e.born), ago(e.at), e.reason, e.generation())
}

// orphaned reports whether the store has lost the session's sign-in, and a node
// says so: there is then nothing that could be ended, and its first access token
// lives on.
func (e end) orphaned(ctx context.Context) bool {
	if !e.h.sum.mayHaveLost(e.born, e.born) {
		return false
	}
	r := e.reissue(ctx)
	if r.answered() {
		e.judge(r)
	}
	return r.problem != nil && r.problem.Reason == api.ReasonUnknown
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
			if e.orphaned(ctx) {
				return
			}
			if time.Since(e.at) > e.h.bound {
				s.guarded.Add(1)
				s.fault("the access token of %v is answered %v", e, r)
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
		if r.status == http.StatusUnauthorized {
			continue
		}
		if e.orphaned(ctx) {
			e.h.sum.orphans.Add(1)
			continue
		}
		e.h.sum.guarded.Add(1)
		e.h.sum.fault("the access token of %v, which was refused, is answered %v", e, r)
	}
}

// ender signs in, turns a few times, has the session ended, and sees to it that
// it stays so.
func (h *house) ender(ctx, run context.Context, name string, gone *ends, how func(context.Context, *jar) (reason string)) {
	for round := 0; run.Err() == nil; round++ {
		// Twice the same person: a mark is a second ahead if one follows another,
		// and with dozens of them a minute it would be far ahead.
		j := h.signIn(ctx, fmt.Sprint(name, "-", round/2), "ender")
		if j == nil {
			return
		}
		if reason := how(run, j); reason != "" {
			e := end{jar: j, at: time.Now(), reason: reason, revived: new(bool)}
			h.sum.ended.Add(1)
			e.over(ctx, h.any())
			e.felt(ctx)
			gone.add(e)
		}
		if e, ok := gone.any(); ok {
			e.over(ctx, h.any())
			e.refused(ctx)
		}
		pause(run, rand.N(4*window))
	}
}

// signsOut is the person's own way.
func (h *house) signsOut(ctx context.Context) func(context.Context, *jar) string {
	return func(run context.Context, j *jar) string {
		if rand.N(2) == 0 && !j.turn(ctx, run) {
			return ""
		}
		j.key = ""
		if r := j.logout(ctx); r.status != http.StatusNoContent {
			if r.answered() {
				h.sum.fault("sign-out is answered %v", r)
			}
			return ""
		}
		return api.ReasonSignedOut
	}
}

// banned is the administrator's.
func (h *house) banned(ctx context.Context) func(context.Context, *jar) string {
	return func(run context.Context, j *jar) string {
		if rand.N(2) == 0 && !j.turn(ctx, run) {
			return ""
		}
		j.key = ""
		if r := h.endUser(ctx, j.user); r.status != http.StatusOK {
			if r.answered() {
				h.sum.fault("an end of all sessions is answered %v", r)
			}
			return ""
		}
		return api.ReasonEndedByAdmin
	}
}

// robbed is the thief's: an older token comes back, without the key.
func (h *house) robbed(ctx context.Context) func(context.Context, *jar) string {
	return func(run context.Context, j *jar) string {
		used, since := j.cookie, time.Now()
		for n := rand.N(3); n >= 0; {
			pause(run, window+50*time.Millisecond)
			j.newKey()
			before := j.generation()
			if run.Err() != nil || !j.once(ctx) {
				return ""
			}
			if j.generation() > before {
				n--
			}
		}
		pause(ctx, 2*window)
		thief := *j
		thief.cookie, thief.key = used, ""
		return h.caught(since, thief.reissue(ctx))
	}
}

// caught judges how a thief is answered; since is when the token was current.
func (h *house) caught(since time.Time, r reply) (reason string) {
	switch {
	case !r.answered():
		return ""
	case r.status == http.StatusOK && h.sum.mayHaveLost(since, time.Now()):
		h.sum.lostRotation.Add(1)
		return ""
	case r.status == http.StatusOK:
		h.sum.reuseAccepted.Add(1)
		h.sum.fault("reuse is accepted")
		return ""
	case r.problem.Reason == api.ReasonUnknown && h.sum.mayHaveLost(since, since):
		h.sum.lostAtBirth.Add(1)
		return ""
	case r.problem.Reason != api.ReasonReused:
		h.sum.fault("a thief is told %v, want reason reused", r)
	}
	h.sum.reuseTried.Add(1)
	return api.ReasonReused
}
