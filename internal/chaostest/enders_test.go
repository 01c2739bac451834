package chaostest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/pawlauth/pawl/api"
)

// ender is a kind of client whose sessions end, one after the other. how has the
// session ended, and returns the reason once that was answered; empty: it was not.
type ender struct {
	name    string
	clients int
	how     func(ctx, run context.Context, j *jar) (reason string)
	user    func(client, round int) string // nil: by the name
}

// enders are all kinds but everyone's end: few clients of each, and fewer where an
// end takes many requests, or a password is hashed.
func (h *house) enders(few int) []ender {
	return []ender{
		{name: "leaver", clients: few, how: h.signsOut},
		{name: "banned", clients: few, how: h.banned},
		{name: "robbed", clients: few, how: h.robbed},
		{name: "evicted", clients: max(1, few/2), how: h.evicted},
		{name: "changed", clients: max(1, few/5), how: h.changed, user: func(client, round int) string { return changer(50*client + round) }},
	}
}

// userOf is whom the client signs in. Twice the same user: a mark is a second
// ahead if one follows another, and with dozens of them a minute it would be far
// ahead.
func (k ender) userOf(client, round int) string {
	if k.user != nil {
		return k.user(client, round/2)
	}
	return fmt.Sprint(k.name, "-", client, "-", round/2)
}

// ends signs in, has the session ended, and sees to it that it stays so.
func (h *house) ends(ctx, run context.Context, k ender, client int, gone *ends) {
	for round := 0; run.Err() == nil; round++ {
		j := h.signIn(ctx, k.userOf(client, round), "ender")
		if j == nil {
			return
		}
		if reason := k.how(ctx, run, j); reason != "" {
			h.ended(ctx, gone, j, reason)
		}
		if e, ok := gone.any(); ok {
			e.over(ctx, h.any())
			e.refused(ctx)
		}
		pause(run, rand.N(4*window))
	}
}

// turnsFirst reissues or not; false where the session is gone.
func (j *jar) turnsFirst(ctx, run context.Context) bool {
	if rand.N(2) == 0 && !j.turn(ctx, run) {
		return false
	}
	j.key = ""
	return true
}

// done holds an answer to the status that means "ended", and returns the reason.
func (h *house) done(r reply, status int, what, reason string) string {
	if r.status == status {
		return reason
	}
	if r.answered() {
		h.sum.fault("%s is answered %v", what, r)
	}
	return ""
}

// signsOut is the person's own way.
func (h *house) signsOut(ctx, run context.Context, j *jar) string {
	if !j.turnsFirst(ctx, run) {
		return ""
	}
	return h.done(j.logout(ctx), http.StatusNoContent, "sign-out", api.ReasonSignedOut)
}

// banned is the administrator's.
func (h *house) banned(ctx, run context.Context, j *jar) string {
	if !j.turnsFirst(ctx, run) {
		return ""
	}
	return h.done(h.endUser(ctx, j.user), http.StatusOK, "an end of all sessions", api.ReasonEndedByAdmin)
}

// robbed is the thief's: an older token comes back, without the key.
func (h *house) robbed(ctx, run context.Context, j *jar) string {
	used, since := j.cookie, j.asked
	for n := rand.N(3); n >= 0; {
		pause(run, window+window/4)
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
	return thief.caught(since, thief.reissue(ctx))
}

// evicted: newer sign-ins take the session's place. One that the store lost takes
// none.
func (h *house) evicted(ctx, run context.Context, j *jar) string {
	for n := 1; run.Err() == nil; n++ {
		if h.signIn(ctx, j.user, "newer") == nil {
			return ""
		}
		if n < sessionsPerUser {
			continue
		}
		if !h.sum.mayHaveLost(j.asked, j.born) && !h.sum.mayHaveLost(j.born, time.Now()) {
			return api.ReasonSessionLimit
		}
		if r := j.reissue(ctx); r.answered() && !j.take(r) {
			return j.evictedAs(r)
		}
	}
	return ""
}

// evictedAs judges how a session is refused of which it is not known whether it
// was evicted.
func (j *jar) evictedAs(r reply) string {
	reason := r.problem.Reason
	if reason != api.ReasonSessionLimit {
		j.judge(r, time.Now())
		return ""
	}
	return reason
}

// caught judges how a thief is answered; since is when the token was current.
func (j *jar) caught(since time.Time, r reply) (reason string) {
	s := j.h.sum
	switch {
	case !r.answered():
		return ""
	case r.status == http.StatusOK && s.mayHaveLostRotation(since, time.Now()):
		s.lostRotation.Add(1)
		return ""
	case r.status == http.StatusOK:
		s.reuseAccepted.Add(1)
		s.fault("reuse is accepted")
		return ""
	case j.notStored(r.problem.Reason, time.Now()):
		s.lostAtBirth.Add(1)
		return ""
	case r.problem.Reason == api.ReasonEndedByAdmin && s.everyoneSince(j.asked):
		return ""
	case r.problem.Reason != api.ReasonReused:
		s.fault("a thief is told %v, want reason reused", r)
	}
	s.reuseTried.Add(1)
	return api.ReasonReused
}
