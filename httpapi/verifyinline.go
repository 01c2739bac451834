package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/token"
)

// originalMethod is where the proxy says what the client's method was: what it
// asks with is often GET, whatever the client sent.
const originalMethod = "X-Forwarded-Method"

// Headers that repeat the Set-Cookie lines, each in one of its own: nginx before
// 1.23 has a variable for the first line only.
const (
	refreshLine = "Pawl-Refresh-Cookie"
	accessLine  = "Pawl-Access-Cookie"
)

// verifyInline reissues where the access token has expired or is missing, for
// gateways that have proved themselves, and pass the answer's Set-Cookie and
// Authorization on to the client. One that did not would lose every rotation.
func verifyInline(c *call, in *guard.Inliner) (*token.Access, error) {
	method, err := single(c.r, originalMethod)
	if err != nil {
		return nil, err // the gateway adds its own to the client's
	}
	if method == "" {
		return verifyBearer(c) // taken for a GET, another site's POST would be let through
	}
	r := *c.r
	r.Method = method
	found := in.Resolve(&r)
	for name, values := range in.Headers(found) {
		c.w.Header()[name] = values
	}
	c.repeatLines()
	return found.Access, found.Err
}

func (c *call) repeatLines() {
	for _, line := range c.w.Header().Values("Set-Cookie") {
		name := accessLine
		if k, err := http.ParseSetCookie(line); err == nil && k.Name == c.o.Cookie.Name() {
			name = refreshLine
		}
		c.w.Header().Set(name, line)
	}
}

func (s *server) inlineOptions() guard.InlineOptions {
	return guard.InlineOptions{
		Cookie: s.o.Cookie, AccessCookie: true, CrossOrigin: s.cross,
		Client: func(r *http.Request) (address, agent string) {
			return s.clientAddress(r), api.ShortAgent(r.UserAgent())
		},
	}
}
