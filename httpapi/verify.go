package httpapi

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
)

const verifyPath = "/api/verify"

// mountVerify answers reverse proxies that ask before they pass a request on
// (nginx auth_request, Traefik forwardAuth, Caddy forward_auth). They forward
// the method and the headers of a request to another application, so neither
// the method nor its origin is judged here: no cookie is looked at.
func (s *server) mountVerify() {
	s.routes.add(anyMethod, verifyPath, endpoint(s, noBody, verify))
}

// verify answers 204 with who it is, or 401: nginx makes a 500 of anything
// else.
func verify(c *call, _ none) (any, error) {
	bearer, err := guard.Bearer(c.r)
	if e, ok := errors.AsType[*api.Error](err); ok {
		return nil, api.ErrInvalidToken.With("%s", e.Detail)
	}
	if bearer == "" {
		return nil, api.ErrUnauthenticated
	}
	a, err := c.guard.Check(bearer)
	if err != nil {
		return nil, err
	}
	roles := make([]string, len(a.Roles))
	for i, r := range a.Roles {
		roles[i] = headerValue(r)
	}
	// All are set, empty ones too: the proxy then overwrites what the client
	// may have sent under these names.
	h := c.w.Header()
	h.Set("Pawl-Subject", headerValue(a.Subject))
	h.Set("Pawl-Session", headerValue(a.SessionID))
	h.Set("Pawl-Roles", strings.Join(roles, ","))
	return nil, nil
}

// headerValue percent-encodes what cannot stand in a header, and the comma that
// separates roles. Two different values never become one, which could make one
// person another (SECURITY 57).
func headerValue(v string) string {
	var b strings.Builder
	for _, c := range []byte(v) {
		if c <= ' ' || c >= 0x7f || c == '%' || c == ',' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
