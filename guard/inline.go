package guard

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Reissuer turns a refresh token into new tokens, by the issuer's rotation rule.
// Errors are those of package api; any other means that the issuer cannot be
// asked. Safe for concurrent use. *pawl.Service is one in the same process,
// *client.Reissuer one over HTTP.
type Reissuer interface {
	Reissue(ctx context.Context, r api.ReissueRequest) (api.Tokens, error)
}

// InlineOptions of Inline and NewInliner. The zero value is right for a program
// that browsers reach directly.
type InlineOptions struct {
	// Cookie is the refresh cookie as the issuer writes it. Because of its
	// __Host- prefix, browsers send it to the one host that set it: issuer and
	// application must be reached under the same.
	Cookie api.Cookie
	// AccessCookie keeps the access token in an HttpOnly cookie too, for pages
	// that hold none themselves; without it each of their requests is a reissue.
	AccessCookie bool
	// CrossOrigin says which other origins may act with the cookies; nil: none.
	CrossOrigin *http.CrossOriginProtection
	// Client says where a request comes from, for the list of sessions and the
	// audit log: needed behind a proxy. nil: the peer's address, and the browser
	// in the words of api.ShortAgent.
	Client func(*http.Request) (address, agent string)
}

// Inline gives a middleware that reissues in the middle of a request: one whose
// access token has expired, or that brings none, but has a refresh cookie that
// is good, goes on as authenticated, and the answer carries the new tokens
// (SYSTEM A6 to A8, A10). It goes around Required and Optional, or around a whole
// mux of them:
//
//	handler := g.Inline(svc, guard.InlineOptions{})(mux)
//
// What it cannot authenticate goes on as it came: Required then answers with the
// reason (503 where the issuer cannot be asked), Optional lets it pass as
// anonymous. The cookie is never cleared.
func (g *Guard) Inline(re Reissuer, o InlineOptions) func(http.Handler) http.Handler {
	return g.NewInliner(re, o).Wrap
}

// An Inliner is what Inline does, in parts, for those who answer for another
// program. It is safe for concurrent use.
type Inliner struct {
	g *Guard
	r Reissuer
	o InlineOptions
}

// NewInliner makes an Inliner.
func (g *Guard) NewInliner(re Reissuer, o InlineOptions) *Inliner {
	if o.CrossOrigin == nil {
		o.CrossOrigin = http.NewCrossOriginProtection()
	}
	if o.Client == nil {
		o.Client = peer
	}
	return &Inliner{g: g, r: re, o: o}
}

func peer(r *http.Request) (address, agent string) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return host, api.ShortAgent(r.UserAgent())
}

// Inlined is what Resolve found.
type Inlined struct {
	Access *token.Access // who asks; nil where Err is set
	Err    error         // why nobody is authenticated
	Bearer string        // the access token in force
	Tokens *api.Tokens   // what was reissued, for the answer; nil: nothing was

	cookie bool // a cookie authenticated the request
	asCame bool // the bearer alone decided: whoever looks at the request finds the same
}

// Resolve says who sent r, asking the issuer where the access token has expired
// or is missing and a refresh cookie came along. The cases, by what came:
//
//	access token  refresh cookie
//	valid         any            goes on; nothing is rotated (case 4)
//	valid         past its exp   the issuer is asked, with both (case 3); goes on in any case
//	expired       good           reissued (case 2)
//	none          good           reissued (case 2)
//	expired, none refused        the issuer's reason (case 1)
//	expired       of another     token_expired: the page belongs to somebody else
//	              person
//	otherwise bad any            its own error: the issuer is not asked
func (in *Inliner) Resolve(r *http.Request) Inlined {
	bearer, err := Bearer(r)
	if err != nil {
		return Inlined{Err: err, asCame: true}
	}
	refresh, cookieErr := in.o.Cookie.Read(r)
	if bearer == "" {
		return in.byCookie(r, refresh, cookieErr)
	}
	a, err := in.g.Check(bearer)
	switch {
	case err == nil:
		return in.renew(r, Inlined{Access: a, Bearer: bearer}, refresh)
	case !errors.Is(err, api.ErrTokenExpired), refresh == "" && cookieErr == nil:
		return Inlined{Err: err, asCame: true}
	case cookieErr != nil:
		return Inlined{Err: cookieErr}
	case differ(peek(bearer).Subject, peek(refresh).Subject):
		return Inlined{Err: err}
	}
	return in.reissue(r, refresh, "")
}

// byCookie is for requests without a Bearer. The access cookie counts only
// beside the refresh cookie of its own session: one that an earlier session left
// behind is not who has signed in since.
func (in *Inliner) byCookie(r *http.Request, refresh string, err error) Inlined {
	if err == nil && refresh == "" {
		err = api.ErrUnauthenticated
	}
	if err != nil {
		return Inlined{Err: err}
	}
	if !in.o.AccessCookie {
		return in.reissue(r, refresh, "")
	}
	access := in.o.Cookie.ReadAccess(r)
	if access == "" || peek(access).SessionID != peek(refresh).SessionID {
		return in.reissue(r, refresh, "")
	}
	a, err := in.g.Check(access)
	if errors.Is(err, api.ErrUnavailable) {
		return Inlined{Err: err}
	}
	if err != nil {
		return in.reissue(r, refresh, "")
	}
	if err := in.sameOrigin(r); err != nil {
		return Inlined{Err: err}
	}
	return in.renew(r, Inlined{Access: a, Bearer: access, cookie: true}, refresh)
}

// renew is case 3: a refresh token that says of itself that it has expired,
// beside a valid access token. The issuer decides; the request, which is
// authenticated, goes on whatever it says.
func (in *Inliner) renew(r *http.Request, found Inlined, refresh string) Inlined {
	if refresh == "" {
		return found
	}
	p := peek(refresh)
	if p.Expires.IsZero() || in.g.now().Before(p.Expires) || p.SessionID != found.Access.SessionID {
		return found
	}
	if again := in.reissue(r, refresh, found.Bearer); again.Err == nil {
		return again
	}
	return found
}

// reissue asks the issuer. No Idempotency-Key goes along: one that stands in the
// request is the application's, and a key of the guard's would prove nothing
// about the browser.
func (in *Inliner) reissue(r *http.Request, refresh, access string) Inlined {
	if err := in.sameOrigin(r); err != nil {
		return Inlined{Err: err}
	}
	req := api.ReissueRequest{RefreshToken: refresh, AccessToken: access}
	req.Address, req.Agent = in.o.Client(r)
	t, err := in.r.Reissue(r.Context(), req)
	if err != nil {
		return Inlined{Err: issuerError(err)}
	}
	a, err := in.g.Check(t.AccessToken)
	if err != nil {
		return Inlined{Err: newTokenError(err), Tokens: &t}
	}
	return Inlined{Access: a, Bearer: t.AccessToken, Tokens: &t, cookie: true}
}

// sameOrigin is what SECURITY 35 asks of a request that a cookie authenticates:
// here it is the application's own, so that another site must not be able to
// send it. A handshake that opens a WebSocket is a GET and still an act.
func (in *Inliner) sameOrigin(r *http.Request) error {
	method := r.Method
	if r.Header.Get("Upgrade") != "" || r.Header.Get("Sec-WebSocket-Key") != "" {
		method = http.MethodPost
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	judged := *r
	judged.Method = method
	if in.o.CrossOrigin.Check(&judged) != nil {
		return api.ErrCrossSite.With("The request comes from another site. Send it from a page of this origin.")
	}
	return api.OriginProof(r)
}

// issuerError keeps the two refusals that the rotation rule knows. Whatever else
// failed, or something in between said, is not the session's end (SECURITY 62).
func issuerError(err error) error {
	if errors.Is(err, api.ErrLoginRequired) || errors.Is(err, api.ErrInvalidToken) {
		return err
	}
	return api.ErrUnavailable.Wrap(err).After(max(api.AsError(err).RetryAfter, api.ErrUnavailable.RetryAfter))
}

// newTokenError: a token just made that does not pass was ended in this moment,
// or this guard is not set up for its issuer, which no sign-in would mend.
func newTokenError(err error) error {
	if errors.Is(err, api.ErrLoginRequired) {
		return err
	}
	return api.ErrUnavailable.Wrap(err)
}
