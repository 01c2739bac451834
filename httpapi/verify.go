package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/token"
)

const verifyPath = "/api/verify"

// mountVerify answers reverse proxies that ask before they pass a request on
// (nginx auth_request, Traefik forwardAuth, Caddy forward_auth). They forward
// the headers of a request to another application, so what protect would judge
// is not this request; verifyInline judges that one.
//
// Anyone may ask whose an access token is that they hold. Cookies, and what the
// client's method was, are for gateways that prove themselves.
func (s *server) mountVerify() {
	inline := verifyBearer
	if s.o.VerifyReissue {
		in := s.guard.NewInliner(s.svc, s.inlineOptions())
		inline = func(c *call) (*token.Access, error) { return verifyInline(c, in) }
	}
	look := func(c *call) (*token.Access, error) {
		proven, err := c.fromGateway()
		switch {
		case err != nil:
			return nil, err
		case proven:
			return inline(c)
		}
		return verifyBearer(c)
	}
	s.routes.add(anyMethod, verifyPath, endpoint(s, noBody, func(c *call, _ none) (any, error) {
		if err := c.verify(look); err != nil {
			return nil, err
		}
		if c.r.URL.Query().Get("ok") == "200" { // Envoy's ext_authz takes every other status for a refusal
			return struct{}{}, nil
		}
		return nil, nil
	}))
}

// verify says in headers who it is, which is 204, or refuses: 401; 403 for a gateway
// whose secret is wrong; with reissue also 403 for what another site sent, and 503.
// nginx makes a 500 of anything else. The body of a refusal does not get through
// nginx: code and reason are in headers too.
func (c *call) verify(look func(*call) (*token.Access, error)) error {
	a, err := look(c)
	h := c.w.Header()
	if err != nil {
		err = forProxy(err)
		h.Set("Pawl-Code", api.AsError(err).Code)
		h.Set("Pawl-Reason", api.AsError(err).Reason)
		return err
	}
	roles := make([]string, len(a.Roles))
	for i, r := range a.Roles {
		roles[i] = headerValue(r)
	}
	// All are set, empty ones too: the proxy then overwrites what the client
	// may have sent under these names.
	h.Set("Pawl-Subject", headerValue(a.Subject))
	h.Set("Pawl-Session", headerValue(a.SessionID))
	h.Set("Pawl-Roles", strings.Join(roles, ","))
	return nil
}

func forProxy(err error) error {
	if e := api.AsError(err); e.Status == http.StatusBadRequest {
		return api.ErrInvalidToken.With("%s", e.Detail)
	}
	return err
}

// verifyBearer looks at Authorization only.
func verifyBearer(c *call) (*token.Access, error) {
	bearer, err := guard.Bearer(c.r)
	if err != nil {
		return nil, err
	}
	if bearer == "" && c.o.VerifyReissue {
		return nil, api.ErrUnauthenticated.With("No access token came. Cookies are looked at only for a gateway that proves itself in %s and sends the client's method in %s: see docs/gateways.md.", gatewayHeader, originalMethod)
	}
	if bearer == "" {
		return nil, api.ErrUnauthenticated
	}
	return c.guard.Check(bearer)
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
