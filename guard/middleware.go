package guard

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

type principalKey struct{}

// Principal gives the access token that Required or Optional found valid; false
// for an anonymous request. It is shared: it must not be changed.
func Principal(ctx context.Context) (*token.Access, bool) {
	a, ok := ctx.Value(principalKey{}).(*token.Access)
	return a, ok
}

// Required lets a request pass that carries a valid access token and, where
// roles are named, has one of them. Others get a problem document: 401 with
// WWW-Authenticate, or 403 for a lacking role.
func (g *Guard) Required(h http.Handler, roles ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := g.fromRequest(r)
		if err == nil && !allowed(a, roles) {
			err = api.ErrAccessDenied.With("This needs the role %s.", strings.Join(roles, " or "))
		}
		if err != nil {
			g.told(r, err)
			api.WriteProblem(w, err)
			return
		}
		h.ServeHTTP(w, withPrincipal(r, a))
	})
}

// Optional lets every request pass: with a principal if it carries a valid
// access token, anonymous otherwise. The handler decides. Where it cannot be
// known who asks (ErrUnavailable) the answer is 503: the handler would take
// somebody for a stranger who is signed in. A request that only Inline could
// have authenticated, by its cookie, goes on as anonymous.
func (g *Guard) Optional(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := g.fromRequest(r)
		if err != nil && !errors.Is(err, api.ErrUnauthenticated) {
			g.told(r, err)
		}
		switch {
		case refused(r) != nil: // Inline has said so: anonymous
		case errors.Is(err, api.ErrUnavailable):
			api.WriteProblem(w, err)
			return
		case err == nil:
			r = withPrincipal(r, a)
		}
		h.ServeHTTP(w, r)
	})
}

func (g *Guard) fromRequest(r *http.Request) (*token.Access, error) {
	if err := refused(r); err != nil {
		return nil, err
	}
	bearer, err := Bearer(r)
	if err != nil {
		return nil, err
	}
	if bearer == "" {
		return nil, api.ErrUnauthenticated
	}
	return g.Check(bearer)
}

func withPrincipal(r *http.Request, a *token.Access) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), principalKey{}, a))
}

func allowed(a *token.Access, roles []string) bool {
	return len(roles) == 0 || slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(a.Roles, role) })
}

// Bearer gives the token of the Authorization header (RFC 6750 §2.1), or "" if
// there is none. Another scheme is none: a browser repeats what a proxy in front
// asked for, such as Basic, with every request. A token in the query is refused:
// it would end up in logs and histories (§2.3). Two headers, or a Bearer without
// a token, are ErrInvalidRequest.
func Bearer(r *http.Request) (string, error) {
	if strings.Contains(r.URL.RawQuery, "access_token") && r.URL.Query().Has("access_token") {
		return "", api.ErrInvalidRequest.With("Send the access token in the Authorization header, never in the URL.")
	}
	values := r.Header.Values("Authorization")
	switch len(values) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", api.ErrInvalidRequest.With("The request carries two Authorization headers. Send one.")
	}
	if !api.HasScheme(values[0], "Bearer") {
		return "", nil
	}
	_, value, _ := strings.Cut(values[0], " ")
	value = strings.TrimLeft(value, " ")
	if value == "" {
		return "", api.ErrInvalidRequest.With("The Authorization header must be: Bearer, a space, and the access token.")
	}
	return value, nil
}
