package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl/api"
)

func (s *server) mountLogout() {
	handle(s, http.MethodPost, "/api/logout", optionalBody, logout)
}

// logout clears the cookie, and only once the session has ended: if the store
// failed, the person must be able to try again.
func logout(c *call, in api.LogoutBody) (any, error) {
	p, from, err := c.presented(in.RefreshToken)
	if err != nil {
		return nil, err
	}
	if err := c.svc.Logout(c.r.Context(), p); err != nil {
		return nil, err
	}
	if from == fromBody {
		return nil, nil
	}
	if err := c.dropOld(); err != nil {
		return nil, err
	}
	c.o.Cookie.Clear(c.w)
	if c.o.VerifyReissue {
		c.o.Cookie.ClearAccess(c.w)
	}
	return nil, nil
}
