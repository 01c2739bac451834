package load

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/pawlauth/pawl/api"
)

// client is a device on which a person is signed in, or will be.
type client struct {
	conn
	Person
	window time.Duration // the server's reuse window where that is known; otherwise 0
	tidy   bool          // sign out what a sign-in was measured with

	subject string // of the person, once known
	pair           // zero: not signed in
	live    bool   // nobody has signed it out
	renewAt time.Time
	turned  time.Time // when the answer came that brought the refresh token
	step    int       // of the day (Mixed)
}

// pair is what a client holds of its session.
type pair struct {
	sid, access, refresh string
	generation           uint64
}

// tokens sends a request that must be answered with tokens of the person.
func (c *client) tokens(path string, body any) (pair, error) {
	what := http.MethodPost + " " + path
	a, err := c.do(request{method: http.MethodPost, path: path, body: body})
	if err != nil {
		return pair{}, err
	}
	if a.status != http.StatusOK {
		return pair{}, refusal(what, a)
	}
	var t api.TokenResponse
	if json.Unmarshal(a.body, &t) != nil || t.AccessToken == "" || t.RefreshToken == "" {
		return pair{}, wrong("no tokens", "%s: 200 without both tokens in the body", what)
	}
	access, err := decode(t.AccessToken)
	if err != nil {
		return pair{}, wrong("no JWT", "%s: the access token: %v", what, err)
	}
	refresh, err := decode(t.RefreshToken)
	if err != nil {
		return pair{}, wrong("no JWT", "%s: the refresh token: %v", what, err)
	}
	switch {
	case access.Subject == "" || c.subject != "" && access.Subject != c.subject || refresh.Subject != access.Subject:
		return pair{}, wrong("wrong subject", "%s: tokens of %q and %q, want %q", what, access.Subject, refresh.Subject, c.subject)
	case t.SessionID == "" || access.Session != t.SessionID || refresh.session() != t.SessionID:
		return pair{}, wrong("wrong session", "%s: tokens of the sessions %q and %q in an answer for %q", what, access.Session, refresh.session(), t.SessionID)
	case t.AccessToken == c.access:
		return pair{}, wrong("old access token", "%s: the access token is the one from before", what)
	}
	c.subject = access.Subject
	c.renewAt = time.Now().Add(time.Duration(t.ExpiresIn) * time.Second / 2)
	return pair{t.SessionID, t.AccessToken, t.RefreshToken, refresh.Generation}, nil
}

// signIn starts a session, which must be a new one.
func (c *client) signIn() error {
	p, err := c.tokens("/api/login", api.LoginRequest{UserID: c.Login, Password: c.Password, Delivery: api.DeliveryBody})
	if err != nil {
		return err
	}
	if p.sid == c.sid {
		return wrong("old session", "POST /api/login: the session is the one from before")
	}
	c.pair, c.turned, c.live = p, time.Now(), true
	return nil
}

// Which answers to a reissue are right.
type turn int

const (
	either turn = iota
	newer       // the next generation
	same        // the same refresh token
)

// reissue checks that the answer is of the wanted kind: one generation on, or
// the same refresh token.
func (c *client) reissue(want turn) error {
	p, err := c.tokens("/api/reissue", api.ReissueBody{RefreshToken: c.refresh})
	if err != nil {
		return err
	}
	late := c.window == 0 || time.Since(c.turned) >= c.window
	switch resent := p.refresh == c.refresh; {
	case p.sid != c.sid:
		return wrong("wrong session", "POST /api/reissue: tokens of the session %q, want %q", p.sid, c.sid)
	case resent && want == newer:
		return wrong("not advanced", "POST /api/reissue: the refresh token is the one from before (row 4), want the next")
	case !resent && p.generation != c.generation+1:
		return wrong("wrong generation", "POST /api/reissue: generation %d after %d", p.generation, c.generation)
	case !resent && want == same && !late:
		return wrong("advanced", "POST /api/reissue: a new refresh token (row 5) within the reuse window, want the same again")
	case !resent:
		c.turned = time.Now()
	}
	c.pair = p
	return nil
}

// check asks who the access token says this is.
func (c *client) check() error {
	const what = "GET /api/session"
	a, err := c.do(request{method: http.MethodGet, path: "/api/session", bearer: c.access})
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return refusal(what, a)
	}
	var me api.Me
	if json.Unmarshal(a.body, &me) != nil {
		return wrong("no JSON", "%s: 200 with a body that is not the documented one", what)
	}
	return c.mine(what, me.Subject, me.SessionID)
}

// verify asks as a reverse proxy does.
func (c *client) verify() error {
	const what = "GET /api/verify"
	a, err := c.do(request{method: http.MethodGet, path: "/api/verify", bearer: c.access})
	if err != nil {
		return err
	}
	if a.status != http.StatusNoContent {
		return refusal(what, a)
	}
	subject, err := url.PathUnescape(a.header.Get("Pawl-Subject"))
	if err != nil {
		return wrong("wrong subject", "%s: Pawl-Subject: %v", what, err)
	}
	return c.mine(what, subject, a.header.Get("Pawl-Session"))
}

func (c *client) mine(what, subject, sid string) error {
	switch {
	case subject != c.subject:
		return wrong("wrong subject", "%s: %q, want %q", what, subject, c.subject)
	case sid != c.sid:
		return wrong("wrong session", "%s: %q, want %q", what, sid, c.sid)
	}
	return nil
}

// signOut ends the session; the client keeps the tokens, to see them refused.
func (c *client) signOut() error {
	a, err := c.do(request{method: http.MethodPost, path: "/api/logout", body: api.ReissueBody{RefreshToken: c.refresh}})
	if err != nil {
		return err
	}
	if a.status != http.StatusNoContent {
		return refusal("POST /api/logout", a)
	}
	c.live = false
	return nil
}

// isOver checks that the signed-out session's access token is refused at once.
func (c *client) isOver() error {
	const what = "GET /api/session after the sign-out"
	a, err := c.do(request{method: http.MethodGet, path: "/api/session", bearer: c.access})
	if err != nil {
		return err
	}
	e := api.ReadProblem(a.status, a.header, a.body)
	if a.status == http.StatusUnauthorized && e.Code == api.CodeLoginRequired && e.Reason == api.ReasonSignedOut {
		return nil
	}
	if f := refusal(what, a); f.refused {
		return f
	}
	return wrong("signed out, and lives", "%s: %d %s %s, want 401 %s %s", what, a.status, e.Code, e.Reason, api.CodeLoginRequired, api.ReasonSignedOut)
}

// forget drops a session of which nothing is known any more.
func (c *client) forget() { c.pair, c.live = pair{}, false }
