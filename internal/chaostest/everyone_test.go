package chaostest

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/pawlauth/pawl/api"
)

const (
	everyoneAfter = 5 * time.Second // from the beginning of a run
	everyoneEvery = 15 * time.Second
	// witnesses are sessions of many users: a clustered store keeps everyone's end
	// in many places.
	witnesses = 20
)

// everyones ends everyone's sessions now and then, which is the administrator's.
func (h *house) everyones(ctx, run context.Context, gone *ends) {
	for pause(run, everyoneAfter); run.Err() == nil; pause(run, everyoneEvery) {
		var seen []*jar
		for i := range witnesses {
			if j := h.signIn(ctx, fmt.Sprint("witness-", i), "witness"); j != nil {
				seen = append(seen, j)
			}
		}
		if !h.endAll(ctx) {
			return
		}
		for _, j := range seen {
			h.ended(ctx, gone, j, api.ReasonEndedByAdmin)
		}
		h.sum.everyoneFelt()
	}
}

// endAll ends everyone's sessions, the administrator's too: who is not answered
// signs in again before the next try.
func (h *house) endAll(ctx context.Context) bool {
	answered := h.sum.everyone()
	for ; ctx.Err() == nil; pause(ctx, 20*time.Millisecond) {
		r := h.insist(ctx, http.MethodPost, "/api/login", nil, api.LoginRequest{UserID: admin, Password: passwords[0], Delivery: api.DeliveryBody})
		if r.status == http.StatusOK {
			r = h.insist(ctx, http.MethodPost, "/api/reissue", nil, api.ReissueBody{RefreshToken: r.tokens.RefreshToken, Audience: api.AdminAudience(issuer)})
		}
		if r.status == http.StatusOK {
			r = h.send(ctx, h.any(), http.MethodDelete, "/admin/api/sessions?why=chaos", bearer(r.tokens.AccessToken), nil)
		}
		switch {
		case r.status == http.StatusNoContent:
			answered()
			return true
		case r.answered() && r.status != http.StatusUnauthorized:
			h.sum.fault("an end of everyone's sessions is answered %v", r)
			return false
		}
		h.sum.lost.Add(1)
	}
	return false
}

func bearer(access string) http.Header {
	return http.Header{"Authorization": {"Bearer " + access}}
}

// wentWithEveryone reports whether the reason is one that everyone's end explains.
// A password change that it overtakes ends the session that was to go on, too.
func (j *jar) wentWithEveryone(reason string) bool {
	known := reason == api.ReasonEndedByAdmin || reason == api.ReasonPasswordChanged && j.label == changing
	return known && j.h.sum.everyoneSince(j.asked)
}
