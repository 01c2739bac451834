package httpapi

import (
	"net/http"
	"strings"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
)

// presented gathers the credentials of a reissue or a logout: the refresh
// token from the cookie or the body, never both, and the optional access token
// beside it. inBody says where the refresh token came from.
func (c *call) presented(body api.ReissueBody) (p api.ReissueRequest, inBody bool, err error) {
	cookie, err := c.o.Cookie.Read(c.r)
	if err != nil {
		return p, false, err
	}
	if cookie != "" {
		if body.RefreshToken != "" {
			return p, false, api.ErrInvalidRequest.With("The refresh token came in the cookie and in the body. Send one of them.")
		}
		if err := sameOriginProof(c.r); err != nil {
			return p, false, err
		}
	}
	if p.AccessToken, err = guard.Bearer(c.r); err != nil {
		return p, false, err
	}
	if p.IdempotencyKey, err = single(c.r, "Idempotency-Key"); err != nil {
		return p, false, err
	}
	from := c.client()
	p.Address, p.Agent = from.Address, from.Agent
	p.RefreshToken = cookie + body.RefreshToken // one of them is empty
	return p, body.RefreshToken != "", nil
}

// single gives a header that may come once at most.
func single(r *http.Request, name string) (string, error) {
	switch v := r.Header.Values(name); len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], nil
	}
	return "", api.ErrInvalidRequest.With("The request carries the header %s twice. Send it once.", name)
}

// tokenNames are what people call tokens in query strings.
var tokenNames = []string{"access_token", "accesstoken", "refresh_token", "refreshtoken", "token", "id_token"}

// noTokenInQuery refuses tokens in the URL, which ends up in logs, histories
// and Referer (SECURITY 31, 52; RFC 6750 §5.3).
func noTokenInQuery(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	for name := range r.URL.Query() {
		for _, bad := range tokenNames {
			if strings.EqualFold(name, bad) {
				return api.ErrInvalidRequest.With("Send tokens in a header, the cookie or the body, never in the URL.")
			}
		}
	}
	return nil
}
