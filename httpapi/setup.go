package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl/api"
)

func (s *server) mountSetup() {
	handle(s, http.MethodPost, "/api/setup", requiredBody, setup)
}

func setup(c *call, in api.SetupRequest) (any, error) {
	u, err := c.svc.Setup(c.actor(), in.Code, in.UserID, in.Password)
	if err != nil {
		return nil, err
	}
	c.status = http.StatusCreated
	return api.Created{ID: u.ID, UserID: u.Login}, nil
}
