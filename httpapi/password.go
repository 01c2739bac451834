package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl/api"
)

func (s *server) mountPassword() {
	handleFor(s, http.MethodPost, "/api/password", requiredBody, changePassword)
}

// changePassword answers with an access token that the change does not end; the
// refresh token stays good.
func changePassword(c *call, in api.PasswordRequest) (any, error) {
	t, err := c.svc.ChangePassword(c.actor(), c.who(), in.CurrentPassword, in.NewPassword)
	if err != nil {
		return nil, err
	}
	return c.tokens(t, false), nil
}
