package chaostest

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// settle waits until every node is whole after a fault: an end that each of them
// makes is felt by all, and each says that it is ready. It is false, and the run
// fails, where that does not come to pass.
func (h *house) settle(ctx context.Context) bool {
	deadline := time.Now().Add(patience)
	for i, n := range h.nodes {
		if !h.heardEverywhere(ctx, fmt.Sprint("settler-", i), n, deadline) {
			return false
		}
	}
	return h.awaitReady(ctx)
}

// heardEverywhere has a node end a session, and waits until all nodes refuse its
// access token.
func (h *house) heardEverywhere(ctx context.Context, user string, by *node, deadline time.Time) bool {
	j := h.signIn(ctx, user, "settler")
	if j == nil {
		return false // which was noted, or the run is over
	}
	ok := h.within(ctx, deadline, 20*time.Millisecond, "a node that signs a session out", func() error {
		return wants(h.send(ctx, by, http.MethodPost, "/api/logout", j.header(), nil), http.StatusNoContent)
	})
	for _, n := range h.nodes {
		ok = ok && h.within(ctx, deadline, 5*time.Millisecond, "a node that hears of an end", func() error {
			return wants(h.check(ctx, n, j.access), http.StatusUnauthorized)
		})
	}
	return ok
}

// awaitReady waits until all nodes say that they are ready: they have read the
// log to its end, and have nothing left to apply again.
func (h *house) awaitReady(ctx context.Context) bool {
	deadline := time.Now().Add(patience)
	for _, n := range h.nodes {
		ok := h.within(ctx, deadline, 20*time.Millisecond, "a node that is ready", func() error {
			return wants(h.send(ctx, n, http.MethodGet, "/readyz", nil, nil), http.StatusOK)
		})
		if !ok {
			return false
		}
	}
	return true
}

func wants(r reply, status int) error {
	if r.status != status {
		return fmt.Errorf("the answer is %v, want %d", r, status)
	}
	return nil
}

// within repeats f until it gives nil; after the deadline the run has failed.
func (h *house) within(ctx context.Context, deadline time.Time, every time.Duration, what string, f func() error) bool {
	for ctx.Err() == nil {
		err := f()
		if err == nil {
			return true
		}
		if time.Now().After(deadline) {
			h.sum.fault("not settled: no %s within %v: %v", what, patience, err)
			return false
		}
		pause(ctx, every)
	}
	return false
}
