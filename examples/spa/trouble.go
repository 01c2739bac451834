package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// clock is the server's, which the buttons put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// trouble is what the buttons have set up.
type trouble struct {
	drop   atomic.Bool // the next reply to a reissue gets lost
	mu     sync.Mutex
	stolen string // the thief's refresh token
}

// mountTrouble adds the buttons. None of this belongs into a real application.
func (a *app) mountTrouble(mux *http.ServeMux) {
	own := http.NewCrossOriginProtection() // another site must not press them
	for path, press := range map[string]http.HandlerFunc{
		"expire":    a.expire,
		"drop":      a.dropReply,
		"steal":     a.steal,
		"thief":     a.thief,
		"elsewhere": a.elsewhere,
	} {
		mux.Handle("POST /demo/"+path, own.Handler(press))
	}
}

// expire lets an hour pass at the server: every access token has expired, and the
// reuse window is closed.
func (a *app) expire(w http.ResponseWriter, _ *http.Request) {
	a.clock.advance(time.Hour)
	a.journal.add("time", "An hour passes. The access token has expired; the page does not know.")
	w.WriteHeader(http.StatusNoContent)
}

func (a *app) dropReply(w http.ResponseWriter, r *http.Request) {
	a.trouble.drop.Store(true)
	a.expire(w, r)
}

// mayDrop lets the request do its work, and breaks the connection within another
// answer: one that is closed before it has begun is repeated by browsers
// themselves.
func (t *trouble) mayDrop(j *journal, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/reissue" || !t.drop.CompareAndSwap(true, false) {
			h.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		j.add("network", "The connection broke before the answer was there. The browser still has the old cookie.")
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")) // it is meant to fail
		_ = conn.Close()
	})
}

// steal copies the refresh cookie, as malware on the machine could, and uses it.
func (a *app) steal(w http.ResponseWriter, r *http.Request) {
	stolen, err := cookie.Read(r)
	if err != nil || stolen == "" {
		api.WriteProblem(w, api.ErrUnauthenticated)
		return
	}
	a.clock.advance(2 * time.Minute)
	a.journal.add("thief", "A thief copies the refresh token out of your browser, and uses it.")
	if a.tryStolen(r, stolen) {
		a.journal.add("thief", "He is in. Nobody can know yet: his request looked like yours.")
	}
	a.clock.advance(time.Hour)
	a.journal.add("time", "An hour passes. Your page comes back with its own token, which the thief has used up.")
	w.WriteHeader(http.StatusNoContent)
}

// thief tries again with what he has.
func (a *app) thief(w http.ResponseWriter, r *http.Request) {
	a.trouble.mu.Lock()
	stolen := a.trouble.stolen
	a.trouble.mu.Unlock()
	if a.tryStolen(r, stolen) {
		a.journal.add("thief", "He is still in.")
	} else {
		a.journal.add("thief", "He tries again, and is out, too.")
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *app) tryStolen(r *http.Request, token string) bool {
	got, err := a.svc.Reissue(r.Context(), api.ReissueRequest{RefreshToken: token, Address: "203.0.113.9", Agent: "a thief"})
	if err != nil {
		return false
	}
	a.trouble.mu.Lock()
	defer a.trouble.mu.Unlock()
	a.trouble.stolen = got.RefreshToken
	return true
}

// elsewhere is you, with a phone, ending all your other sessions.
func (a *app) elsewhere(w http.ResponseWriter, r *http.Request) {
	if err := a.endOthers(r.Context()); err != nil {
		api.WriteProblem(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *app) endOthers(ctx context.Context) error {
	phone := pawl.Client{Address: "198.51.100.7", Agent: "a phone"}
	tokens, err := a.svc.Start(ctx, "anna", phone)
	if err != nil {
		return err
	}
	who, err := a.guard.Check(tokens.AccessToken)
	if err != nil {
		return err
	}
	a.journal.add("you", "On your phone, you sign out everywhere else.")
	_, err = a.svc.EndOthers(ctx, who, phone)
	return err
}
