package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/token"
)

// call is one request on its way through a feature's handler.
type call struct {
	*server
	r      *http.Request
	w      http.ResponseWriter
	status int  // of a success that has a body; 0: 200
	lists  bool // has a place in server.lists
}

// none is the body of requests that have none; whatever comes is not read.
type none struct{}

// handle mounts a handler. It decodes a body of type In strictly; a nil result
// is answered with 204, an error with its problem document, anything else as
// JSON. Nothing is ever to be cached, unless the handler says so.
func handle[In any](s *server, method, pattern string, body bodyRule, f func(*call, In) (any, error)) {
	s.routes.add(method, pattern, s.protect(endpoint(s, body, f)))
}

// handleFor is handle for those who carry a valid access token; who they are
// is call.who.
func handleFor[In any](s *server, method, pattern string, body bodyRule, f func(*call, In) (any, error)) {
	s.routes.add(method, pattern, s.protect(s.guard.Required(endpoint(s, body, f))))
}

func endpoint[In any](s *server, body bodyRule, f func(*call, In) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{server: s, r: r, w: w, status: http.StatusOK}
		w.Header().Set("Cache-Control", "no-store") // SECURITY 50
		text, err := answer(c, body, f)
		switch {
		case err != nil:
			fail(w, r, err)
		case text == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			_, _ = w.Write(text) // what fails now is the connection
		}
	})
}

// answer is what f gives, encoded; nil for no body. A client that does not read
// holds this text until the write times out, and nothing else.
func answer[In any](c *call, body bodyRule, f func(*call, In) (any, error)) ([]byte, error) {
	defer c.made()
	var in In
	if err := readBody(c.w, c.r, body, &in); err != nil {
		return nil, err
	}
	out, err := f(c, in)
	if err != nil || out == nil {
		return nil, err
	}
	text, err := json.Marshal(out)
	return append(text, '\n'), err
}

const (
	// listPlaces is how many lists are made at once: what they are made from takes
	// several times the memory of the answer.
	listPlaces = 8
	listWait   = 5 * time.Second
)

// list waits for a place to make a list in. It is given back once the answer is
// encoded, before any of it is sent.
func (c *call) list() error {
	wait := time.NewTimer(listWait)
	defer wait.Stop()
	select {
	case c.listing <- struct{}{}:
		c.lists = true
		return nil
	case <-wait.C:
	case <-c.r.Context().Done():
	}
	return api.ErrUnavailable.With("Too many lists are asked for at once. Try again.")
}

func (c *call) made() {
	if c.lists {
		c.lists = false
		<-c.listing
	}
}

// fail answers with a problem document. Where the request carried no token, the
// challenge of a 401 names no error (RFC 6750 §3.1, SECURITY 53).
func fail(w http.ResponseWriter, r *http.Request, err error) {
	if rec, ok := w.(*recorder); ok {
		rec.err = err
	}
	if !tokenSent(r) && api.AsError(err).Status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="pawl"`)
	}
	api.WriteProblem(w, err)
}

func tokenSent(r *http.Request) bool {
	isBearer := func(v string) bool { return api.HasScheme(v, "Bearer") }
	return slices.ContainsFunc(r.Header.Values("Authorization"), isBearer) || strings.Contains(r.Header.Get("Cookie"), api.InsecureCookieName+"=")
}

// who is the person that handleFor let pass.
func (c *call) who() *token.Access {
	a, _ := guard.Principal(c.r.Context())
	return a
}

// client is where the request comes from.
func (c *call) client() pawl.Client {
	return pawl.Client{Address: c.clientAddress(c.r), Agent: api.ShortAgent(c.r.UserAgent())}
}

// actor is the request's context, for calls that do not take the client.
func (c *call) actor() context.Context {
	return pawl.WithActor(c.r.Context(), pawl.Actor{Client: c.client()})
}

// tokens turns what the service gave into the response, and sets the cookie
// where it should be set. body says that the client keeps its refresh token
// itself.
func (c *call) tokens(t api.Tokens, body bool) api.TokenResponse {
	now := c.svc.Now()
	out := api.TokenResponse{
		AccessToken: t.AccessToken, TokenType: "Bearer",
		ExpiresIn: int64(t.AccessExpires.Sub(now).Seconds()),
		SessionID: t.SessionID,
	}
	if body {
		out.RefreshToken = t.RefreshToken
	} else if t.SetCookie {
		c.o.Cookie.Set(c.w, t.RefreshToken, t.Ends, now)
	}
	return out
}
