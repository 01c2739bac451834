package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl/api"
)

func (s *server) mountReissue() {
	handle(s, http.MethodPost, "/api/reissue", optionalBody, reissue)
}

// reissue never touches the cookie when it refuses: a parallel request may just
// have set a newer one.
func reissue(c *call, in api.ReissueBody) (any, error) {
	p, from, err := c.presented(in.RefreshToken)
	if err != nil {
		return nil, err
	}
	p.Audience = in.Audience
	t, err := c.svc.Reissue(c.r.Context(), p)
	if err != nil {
		return nil, err
	}
	if from == fromOldCookie {
		c.o.LegacyCookie.Clear(c.w, c.o.Cookie)
	}
	return c.tokens(t, from == fromBody), nil
}
