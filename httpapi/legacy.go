package httpapi

import "github.com/pawlauth/pawl/api"

// dropOld uses up the old system's tokens beside Pawl's own.
func (c *call) dropOld() error {
	from := c.client()
	return c.o.LegacyCookie.Drop(c.w, c.r, c.o.Cookie, func(old string) error {
		return c.svc.Logout(c.r.Context(), api.ReissueRequest{RefreshToken: old, Address: from.Address, Agent: from.Agent})
	})
}
