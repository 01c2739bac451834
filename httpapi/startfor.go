package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func (s *server) mountStart() {
	handleAdmin(s, http.MethodPost, "/api/sessions", rule{scope: pawl.ScopeSessions, noAdmin: true, body: requiredBody}, startSession)
}

// startSession is the sign-in of a person whose password a back end has checked.
// The back end sets the cookie: the answer goes to it, not to the browser.
func startSession(c *call, in api.StartRequest) (any, error) {
	from, err := person(in)
	if err != nil {
		return nil, err
	}
	t, err := c.svc.StartFor(c.r.Context(), pawl.Newcomer{UserID: in.UserID, Roles: in.Roles, Claims: in.Claims, Client: from})
	if err != nil {
		return nil, err
	}
	out := c.tokens(t, true)
	out.SetCookie = c.o.Cookie.Line(t.RefreshToken, t.Ends, c.svc.Now())
	c.status = http.StatusCreated
	return out, nil
}

// person is where the person is, as the back end says.
func person(in api.StartRequest) (pawl.Client, error) {
	out := pawl.Client{Agent: api.ShortAgent(in.Agent)}
	if in.Address != "" {
		a, ok := api.ParseAddress(in.Address)
		if !ok {
			return out, api.ErrInvalidRequest.With("address must be an IP address, the person's: leave it out where it is not known.")
		}
		out.Address = a.String()
	}
	var err error
	out.Label, err = deviceLabel(in.Label)
	return out, err
}
