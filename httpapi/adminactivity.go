package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl/api"
)

func (s *server) mountAdminActivity() {
	handleAdmin(s, http.MethodGet, "/admin/api/activity", rule{}, activity)
}

func activity(c *call, _ none) (any, error) {
	a := c.svc.Activity(c.r.Context())
	out := api.Activity{Now: c.svc.Now(), Since: a.Since, Minutes: []api.ActivityMinute{}}
	for _, m := range a.Minutes {
		am := api.ActivityMinute{
			At: m.At, SignIns: m.SignIns, SignInsFailed: m.SignInsFailed,
			Row4: m.Row4, Row5: m.Row5, Row6: m.Row6, Refused: m.Refused, Reused: m.Reused, Ended: m.Ended,
		}
		if m.Counted {
			am.LiveSessions = &m.Live
		}
		out.Minutes = append(out.Minutes, am)
	}
	return out, nil
}
