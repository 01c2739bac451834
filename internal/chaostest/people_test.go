package chaostest

import (
	"context"
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
	if goesOn && rand.N(4) == 0 {
		j.accepted(ctx)
	}
	return goesOn
}

// accepted: any node's guard takes the token of any other, until everyone is ended.
func (j *jar) accepted(ctx context.Context) {
	sent := time.Now()
	r := j.h.check(ctx, j.h.any(), j.access)
	switch {
	case !r.answered():
	case r.status == http.StatusOK && r.me.SessionID == j.id && r.me.Subject == j.user:
		j.outlives(sent, "the access token", feltAt)
	case r.status == http.StatusUnauthorized && j.h.sum.everyoneSince(j.asked):
	default:
		j.h.sum.fault("the access token of a live session is answered %v", r)
	}
}

func (j *jar) once(ctx context.Context) bool {
	sent := time.Now()
	return j.judge(j.reissue(ctx), sent)
}

func (j *jar) twice(ctx context.Context) bool {
	sent := time.Now()
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
	if !j.judge(older, sent) {
		return false
	}
	if replies[1].touched { // both answer what was presented
		newer := j.cookie
		j.cookie = had
		if !j.judge(replies[1], sent) {
			return false
		}
		if claimsOf(j.cookie).Generation < claimsOf(newer).Generation {
			j.cookie = newer
		}
		return true
	}
	return j.judge(replies[1], sent)
}

// judge takes an answer to somebody who has done nothing wrong; sent is when the
// request was made.
func (j *jar) judge(r reply, sent time.Time) bool {
	switch {
	case j.take(r):
		j.h.sum.reissued.Add(1)
		j.outlives(sent, "a reissue", answeredAt)
		return true
	case !r.answered(): // the run is over
	case r.problem != nil && j.notStored(r.problem.Reason, j.born):
		j.h.sum.lostAtBirth.Add(1)
	case r.problem != nil && j.wentWithEveryone(r.problem.Reason): // it signs in again
	case r.problem != nil && r.problem.Reason == api.ReasonEndedByAdmin && j.h.sum.failingOver(j.born):
		j.h.sum.bannedAgain.Add(1)
	default:
		j.h.sum.signOuts.Add(1)
		j.h.sum.fault("signed out: %s (%s), session %s of %v ago, generation %d: %v", j.user, j.label, j.id, time.Since(j.born).Round(time.Millisecond), j.generation(), r)
	}
	return false
}

// notStored reports whether the reason is one that a lost sign-in explains: there
// is no such session, or no such user, whom the first sign-in makes a step before.
func (j *jar) notStored(reason string, until time.Time) bool {
	known := reason == api.ReasonUnknown || reason == api.ReasonDisabled
	return known && j.h.sum.mayHaveLost(j.asked, until)
}
