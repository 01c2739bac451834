package chaostest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pawlauth/pawl/api"
)

// reply is what came back from a node; status 0 where nothing did.
type reply struct {
	status  int
	tokens  api.TokenResponse
	me      api.Me
	cookie  string // of a Set-Cookie, its value
	touched bool   // there was a Set-Cookie
	problem *api.Error
}

func (r reply) String() string {
	if r.problem != nil {
		return fmt.Sprintf("%d %v", r.status, r.problem)
	}
	return fmt.Sprint(r.status)
}

// answered: not refused for a while, and not lost.
func (r reply) answered() bool { return r.status != 0 && r.status < http.StatusInternalServerError }

// jar is a browser: what is in its cookie jar, and its pending Idempotency-Key,
// outlast whatever happens.
type jar struct {
	h     *house
	user  string
	label string

	id     string // of the session
	cookie string
	access string
	key    string
	asked  time.Time // for the session, which began between the two
	born   time.Time
}

// send makes one request of one node.
func (h *house) send(ctx context.Context, n *node, method, path string, header http.Header, body any) (r reply) {
	var in io.Reader
	if body != nil {
		encoded, _ := json.Marshal(body)
		in = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, n.url+path, in)
	if err != nil {
		return r
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Pawl-Request", "1")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := h.http.Do(req)
	if err != nil {
		return r
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, bodyRoom))
	if err != nil {
		return r
	}
	return h.read(resp, answer)
}

func (h *house) read(resp *http.Response, answer []byte) reply {
	r := reply{status: resp.StatusCode}
	for _, c := range resp.Cookies() {
		if c.Name == api.CookieName {
			r.cookie, r.touched = c.Value, true
		}
	}
	if r.status >= http.StatusBadRequest {
		r.problem = api.ReadProblem(resp.StatusCode, resp.Header, answer)
		if r.touched {
			h.sum.fault("a refusal touched the cookie: %v", r)
		}
		if r.status == http.StatusServiceUnavailable && r.problem.RetryAfter <= 0 {
			h.sum.fault("a 503 without Retry-After: %v", r)
		}
		if r.status == http.StatusInternalServerError {
			h.sum.fault("a fault of Pawl itself: %v", r)
		}
		return r
	}
	if len(answer) == 0 {
		return r
	}
	if strings.HasSuffix(resp.Request.URL.Path, "/api/session") {
		_ = json.Unmarshal(answer, &r.me)
	} else {
		_ = json.Unmarshal(answer, &r.tokens)
	}
	return r
}

// insist repeats a request, each time with another node, until one has answered.
// How long that took counts as refused, by the fault that was on.
func (h *house) insist(ctx context.Context, method, path string, header http.Header, body any) reply {
	var refused time.Time
	var why string
	for {
		r := h.send(ctx, h.any(), method, path, header, body)
		if r.answered() || ctx.Err() != nil {
			if !refused.IsZero() && r.answered() {
				h.sum.refused(why, time.Since(refused))
			}
			return r
		}
		h.sum.lost.Add(1)
		if refused.IsZero() {
			refused, why = time.Now(), h.sum.now()
		}
		if time.Since(refused) > patience {
			h.sum.fault("%s is refused for %v: %v", path, patience, r)
			return r
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// backend is what the registered client sends.
func (h *house) backend() http.Header {
	basic := base64.StdEncoding.EncodeToString([]byte("backend:" + h.secret))
	return http.Header{"Authorization": {"Basic " + basic}}
}

// signIn starts a session. Where its answer was lost there is another, which
// nobody uses.
func (h *house) signIn(ctx context.Context, user, label string) *jar {
	began := time.Now()
	r := h.insist(ctx, http.MethodPost, "/api/sessions", h.backend(), api.StartRequest{UserID: user, Label: label})
	if h.signsInAgain(r, began) {
		return h.signIn(ctx, user, label)
	}
	if r.status != http.StatusCreated {
		if ctx.Err() == nil {
			h.sum.fault("sign-in is answered %v", r)
		}
		return nil
	}
	return &jar{
		h: h, user: user, label: label, id: r.tokens.SessionID,
		cookie: r.tokens.RefreshToken, access: r.tokens.AccessToken, asked: began, born: time.Now(),
	}
}

// signsInAgain: the user, too, is made by a sign-in, and a fail-over in the middle
// may lose them again, also where only what was answered is kept; and one that everyone's end overtakes is refused.
func (h *house) signsInAgain(r reply, began time.Time) bool {
	switch {
	case r.status == http.StatusNotFound:
		return h.engine.durable || h.sum.mayHaveLost(began, time.Now())
	case r.status == http.StatusUnauthorized:
		return r.problem.Reason == api.ReasonEndedByAdmin && h.sum.everyoneSince(began)
	}
	return false
}

// endUser is what an administrator's program does.
func (h *house) endUser(ctx context.Context, user string) reply {
	return h.insist(ctx, http.MethodDelete, "/admin/api/users/"+url.PathEscape(user)+"/sessions?why=chaos", h.backend(), nil)
}

func (j *jar) header() http.Header {
	h := http.Header{"Cookie": {api.CookieName + "=" + j.cookie}}
	if j.key != "" {
		h.Set("Idempotency-Key", j.key)
	}
	return h
}

// newKey makes the key of the requests to come, until one has succeeded.
func (j *jar) newKey() { j.key = rand.Text() }

func (j *jar) logout(ctx context.Context) reply {
	return j.h.insist(ctx, http.MethodPost, "/api/logout", j.header(), nil)
}

// try presents what the jar holds, to a node of its own choice, and takes nothing.
func (j *jar) try(ctx context.Context, n *node) reply {
	return j.h.send(ctx, n, http.MethodPost, "/api/reissue", j.header(), nil)
}

func (j *jar) reissue(ctx context.Context) reply {
	return j.h.insist(ctx, http.MethodPost, "/api/reissue", j.header(), nil)
}

// check asks a node's guard about an access token.
func (h *house) check(ctx context.Context, n *node, access string) reply {
	return h.send(ctx, n, http.MethodGet, "/api/session", bearer(access), nil)
}

// claims of a refresh token that concern a client of this test.
type claims struct {
	Subject    string `json:"sub"`
	Generation uint64 `json:"gen"`
}

func claimsOf(compact string) (c claims) {
	parts := strings.Split(compact, ".")
	if len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &c)
	}
	return c
}

func (j *jar) generation() uint64 { return claimsOf(j.cookie).Generation }

// take checks an answer and puts it into the jar. It says whether the session
// goes on.
func (j *jar) take(r reply) bool {
	if r.status != http.StatusOK {
		return false
	}
	if r.tokens.SessionID != j.id {
		j.h.sum.fault("session %s was given a token of %s", j.id, r.tokens.SessionID)
	}
	if r.touched {
		had, got := claimsOf(j.cookie), claimsOf(r.cookie)
		if got.Subject != j.user {
			j.h.sum.fault("%s was given a refresh token of %s", j.user, got.Subject)
		}
		if got.Generation < had.Generation || got.Generation > had.Generation+1 {
			j.h.sum.fault("generation %d was followed by %d", had.Generation, got.Generation)
		}
		j.cookie = r.cookie
	}
	j.access = r.tokens.AccessToken
	return true
}
