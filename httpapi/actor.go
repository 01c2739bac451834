package httpapi

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
)

// rule says who may call a route of the administration, and with what.
type rule struct {
	scope   string   // of the registered clients who may; empty: none
	noAdmin bool     // registered clients only: an administrator becomes nobody else
	why     whyRule  // whether a reason is taken
	query   []string // the other query parameters that are taken
	body    bodyRule
}

// handleAdmin is handle for those whom the rule names. The actor is in the
// request's context.
func handleAdmin[In any](s *server, method, pattern string, ru rule, f func(*call, In) (any, error)) {
	next := endpoint(s, ru.body, f)
	s.routes.add(method, pattern, s.protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor, err := s.enter(w, r, ru)
		if err != nil {
			fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(pawl.WithActor(r.Context(), actor)))
	})))
}

// enter gives whoever may go on. What is wrong with the query is told only to
// them.
func (s *server) enter(w http.ResponseWriter, r *http.Request, ru rule) (pawl.Actor, error) {
	actor, err := s.admit(w.Header(), r, ru)
	if err != nil {
		return actor, err
	}
	actor.Why, err = ru.read(r)
	actor.Client = pawl.Client{Address: s.clientAddress(r), Agent: api.ShortAgent(r.UserAgent())}
	return actor, err
}

// byClient and an id is Actor.By of a registered client.
const byClient = "client:"

// challengeBasic is what a registered client is asked for (RFC 7617 §2).
const challengeBasic = `Basic realm="pawl"`

// admit says who calls: a registered client by HTTP Basic, or an administrator
// by an access token.
func (s *server) admit(h http.Header, r *http.Request, ru rule) (pawl.Actor, error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 { // SECURITY 52
		return pawl.Actor{}, api.ErrInvalidRequest.With("The request carries two Authorization headers. Send one: Basic for a registered client, or Bearer for an administrator.")
	}
	if len(values) == 1 && isBasic(values[0]) {
		h.Set("WWW-Authenticate", challengeBasic)
		a, err := s.admitClient(r, values[0], ru.scope)
		if api.AsError(err).Status != http.StatusUnauthorized {
			h.Del("WWW-Authenticate")
		}
		return a, err
	}
	if !ru.noAdmin {
		return s.admitAdmin(r)
	}
	bearer, err := guard.Bearer(r)
	if err != nil {
		return pawl.Actor{}, err
	}
	if bearer == "" {
		h.Set("WWW-Authenticate", challengeBasic)
		return pawl.Actor{}, api.ErrUnauthenticated.With("This is for registered clients: authenticate with HTTP Basic.")
	}
	return pawl.Actor{}, api.ErrAccessDenied.With("This is for registered clients only: authenticate with HTTP Basic.")
}

func isBasic(authorization string) bool { return api.HasScheme(authorization, "Basic") }

func (s *server) admitClient(r *http.Request, authorization, scope string) (pawl.Actor, error) {
	id, secret, ok := basicCredentials(authorization)
	if !ok {
		return pawl.Actor{}, api.ErrInvalidCredentials.With("The Authorization header must be: Basic, a space, and id:secret in base64, each percent-encoded (RFC 6749 section 2.3.1).")
	}
	client, err := s.svc.AuthenticateClient(r.Context(), id, secret)
	switch {
	case err != nil:
		return pawl.Actor{}, err
	case scope == "":
		return pawl.Actor{}, api.ErrAccessDenied.With("This is for administrators only.")
	case !client.Has(scope):
		return pawl.Actor{}, api.ErrAccessDenied.With("This needs the scope %s. Remove the client and add it again with that.", scope)
	}
	return pawl.Actor{By: byClient + client.ID, Limited: true}, nil
}

// basicCredentials reads the header as RFC 6749 section 2.3.1 wants it written:
// id and secret in the form encoding, so that a colon can be in them.
func basicCredentials(authorization string) (id, secret string, ok bool) {
	_, text, _ := strings.Cut(authorization, " ")
	b, err := base64.StdEncoding.DecodeString(strings.Trim(text, " "))
	if err != nil {
		return "", "", false
	}
	id, secret, ok = strings.Cut(string(b), ":")
	if !ok {
		return "", "", false
	}
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	return id, secret, errID == nil && errSecret == nil && id != "" && secret != ""
}

// admitAdmin takes a token that is for the administration and nothing else: other
// services are sent the others. It looks the bearer up again: a token's roles are as
// old as the token, and whoever was an administrator yesterday must not undo today
// what took the role away (SECURITY 60).
func (s *server) admitAdmin(r *http.Request) (pawl.Actor, error) {
	bearer, err := guard.Bearer(r)
	if err != nil {
		return pawl.Actor{}, err
	}
	if bearer == "" {
		return pawl.Actor{}, api.ErrUnauthenticated
	}
	who, err := s.admins.Check(bearer)
	if err != nil {
		return pawl.Actor{}, err
	}
	if !slices.Contains(who.Roles, pawl.RoleAdmin) {
		return pawl.Actor{}, api.ErrAccessDenied.With("This needs the role %s. If you were given it a moment ago, reissue your access token.", pawl.RoleAdmin)
	}
	if !slices.Equal(who.Audience, []string{s.svc.AdminAudience()}) {
		return pawl.Actor{}, api.ErrAccessDenied.With("This needs an access token for the administration alone, which no other service is sent. In a browser, reload the page. A program asks for one at POST /api/reissue with \"audience\": %q.", s.svc.AdminAudience())
	}
	u, err := s.svc.User(r.Context(), who.Subject)
	switch {
	case errors.Is(err, api.ErrNotFound), err == nil && u.Disabled:
		return pawl.Actor{}, api.LoginRequired(api.ReasonDisabled)
	case err != nil:
		return pawl.Actor{}, err
	case !slices.Contains(u.Roles, pawl.RoleAdmin):
		return pawl.Actor{}, api.ErrAccessDenied.With("This needs the role %s, which you have not any more.", pawl.RoleAdmin)
	}
	return pawl.Actor{By: "user:" + who.Subject}, nil
}
