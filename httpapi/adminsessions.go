package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func (s *server) mountAdminSessions() {
	const all, own = "/admin/api/sessions", "/admin/api/users/{user}/sessions"
	find := []string{"user", "address", "from", "to", "after", "limit"}
	handleAdmin(s, http.MethodGet, all, rule{scope: pawl.ScopeSessions, query: find}, findSessions)
	handleAdmin(s, http.MethodDelete, all, rule{why: mustWhy}, endEverybody)
	handleAdmin(s, http.MethodGet, own, rule{scope: pawl.ScopeSessions, query: []string{"after", "limit"}}, sessionsOfUser)
	handleAdmin(s, http.MethodDelete, own, rule{scope: pawl.ScopeSessions, why: mustWhy}, endSessionsOfUser)
	handleAdmin(s, http.MethodDelete, own+"/{sid}", rule{scope: pawl.ScopeSessions, why: mustWhy}, endSessionOfUser)
}

func findSessions(c *call, _ none) (any, error) {
	q, err := c.query().sessions()
	if err != nil {
		return nil, err
	}
	if err := c.list(); err != nil {
		return nil, err
	}
	found, err := c.svc.FindSessions(c.r.Context(), q)
	if err != nil {
		return nil, err
	}
	return adminSessionPage(found), nil
}

func adminSessionPage(found pawl.FoundSessions) api.SessionPage {
	p := api.SessionPage{Sessions: adminSessions(found.Sessions), More: found.More}
	if found.More {
		p.Next = found.Cursor
	}
	return p
}

func (q query) sessions() (out pawl.SessionQuery, err error) {
	out.User = q.Get("user")
	if out.Address, err = q.network("address"); err != nil {
		return out, err
	}
	if out.From, out.To, err = q.between(); err != nil {
		return out, err
	}
	out.After, out.Limit, err = q.page(pageDefault)
	return out, err
}

// adminSessions shows times as they are: an administrator is not the thief who
// would ride behind them (Service.Sessions).
func adminSessions(list []pawl.Session) []api.AdminSession {
	infos := []api.AdminSession{}
	for _, rec := range list {
		infos = append(infos, api.AdminSession{
			ID: rec.ID, User: rec.User,
			Address: rec.Client.Address, Agent: rec.Client.Agent, Label: rec.Client.Label,
			CreatedAt: rec.Created, LastUse: rec.Rotated, IdleAt: rec.IdleExpires, EndsAt: rec.Ends,
		})
	}
	return infos
}

func sessionsOfUser(c *call, _ none) (any, error) {
	after, limit, err := c.query().page(sessionsDefault)
	if err != nil {
		return nil, err
	}
	if err := c.list(); err != nil {
		return nil, err
	}
	found, err := c.svc.SessionsOf(c.r.Context(), c.r.PathValue("user"), after, limit)
	if err != nil {
		return nil, err
	}
	return adminSessionPage(found), nil
}

func endSessionsOfUser(c *call, _ none) (any, error) {
	n, err := c.svc.EndUser(c.r.Context(), c.r.PathValue("user"), api.ReasonEndedByAdmin)
	if err != nil {
		return nil, err
	}
	return api.Ended{Ended: n}, nil
}

func endSessionOfUser(c *call, _ none) (any, error) {
	key := pawl.SessionKey{User: c.r.PathValue("user"), ID: c.r.PathValue("sid")}
	return nil, c.svc.EndSessionOf(c.r.Context(), key, c.client())
}

func endEverybody(c *call, _ none) (any, error) {
	return nil, c.svc.EndAll(c.r.Context(), api.ReasonEndedByAdmin)
}
