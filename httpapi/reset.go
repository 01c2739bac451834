package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl/api"
)

func (s *server) mountReset() {
	handle(s, http.MethodPost, "/api/password/reset", requiredBody, resetPassword)
}

// resetPassword signs nobody in and touches no cookie: whoever holds the code
// has not shown yet that they know the password.
func resetPassword(c *call, in api.ResetRequest) (any, error) {
	return nil, c.svc.ResetPassword(c.actor(), in.Code, in.NewPassword)
}
