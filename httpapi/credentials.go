package httpapi

import (
	"net/http"
	"strings"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
)

// source is where a refresh token came from.
type source int

const (
	fromCookie source = iota // or from nowhere
	fromBody
	fromOldCookie // the old system's
)

// presented gathers the credentials of a reissue or a logout: the refresh
// token from the cookie or the body, never both, and the optional access token
// beside it.
func (c *call) presented(inBody string) (p api.ReissueRequest, from source, err error) {
	if p.RefreshToken, from, err = c.refreshToken(inBody); err != nil {
		return p, from, err
	}
	if from != fromBody && p.RefreshToken != "" {
		if err := api.OriginProof(c.r); err != nil {
			return p, from, err
		}
	}
	if p.AccessToken, err = guard.Bearer(c.r); err != nil {
		return p, from, err
	}
	if p.IdempotencyKey, err = single(c.r, "Idempotency-Key"); err != nil {
		return p, from, err
	}
	client := c.client()
	p.Address, p.Agent = client.Address, client.Agent
	return p, from, nil
}

// refreshToken finds the refresh token. The old system's cookie is looked at
// only where there is no other: who has moved in is done with it.
func (c *call) refreshToken(inBody string) (string, source, error) {
	cookie, err := c.o.Cookie.Read(c.r)
	switch {
	case err != nil:
		return "", fromCookie, err
	case cookie != "" && inBody != "":
		return "", fromCookie, api.ErrInvalidRequest.With("The refresh token came in the cookie and in the body. Send one of them.")
	case cookie != "":
		return cookie, fromCookie, nil
	case inBody != "":
		return inBody, fromBody, nil
	}
	old, err := c.o.LegacyCookie.Read(c.r)
	if err != nil || old == "" {
		return "", fromCookie, err
	}
	return old, fromOldCookie, nil
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
