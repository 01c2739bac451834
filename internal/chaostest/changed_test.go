package chaostest

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/pawlauth/pawl/api"
)

// changing is the label of sessions in which the password is changed.
const changing = "changer"

// changed: the user changes the password in another session, which goes on.
func (h *house) changed(ctx, run context.Context, j *jar) string {
	other := h.signIn(ctx, j.user, changing)
	if other == nil || !j.turnsFirst(ctx, run) {
		return ""
	}
	r := other.changePassword(ctx)
	if r.status == http.StatusUnauthorized { // ended by everyone's end, or lost
		other.judge(r, time.Now())
		return ""
	}
	reason := h.done(r, http.StatusOK, "a password change", api.ReasonPasswordChanged)
	if reason != "" {
		other.newKey()
		other.once(ctx)
	}
	return reason
}

// mostSwaps bounds how often a change is tried the other way round. These nodes share
// no Throttle, so that each answer that is lost after the hash was set costs one.
const mostSwaps = 20

// changePassword changes it from one of the two to the other, whichever it is: a
// change of another session's may have been the last. A first try whose answer was
// lost has ended its own access token, too: a new one is asked for.
func (j *jar) changePassword(ctx context.Context) reply {
	one := rand.N(2)
	in := api.PasswordRequest{CurrentPassword: passwords[one], NewPassword: passwords[1-one]}
	swaps := 0
	for {
		r := j.h.insist(ctx, http.MethodPost, "/api/password", bearer(j.access), in)
		switch {
		case ctx.Err() != nil:
			return r
		case r.status == http.StatusOK:
			j.access = r.tokens.AccessToken
			return r
		case r.status == http.StatusConflict: // the try before it came late
		case r.status == http.StatusUnauthorized && r.problem.Code == api.CodeInvalidCredentials && swaps < mostSwaps:
			swaps++
			in.CurrentPassword, in.NewPassword = in.NewPassword, in.CurrentPassword
		case r.status == http.StatusUnauthorized && r.problem.Reason == api.ReasonPasswordChanged:
			j.newKey()
			if r := j.reissue(ctx); !j.take(r) {
				return r
			}
		default:
			return r
		}
	}
}
