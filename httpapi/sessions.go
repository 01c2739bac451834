package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl/api"
)

func (s *server) mountSessions() {
	handleFor(s, http.MethodGet, "/api/session", noBody, me)
	handleFor(s, http.MethodGet, "/api/account", noBody, account)
	handleFor(s, http.MethodGet, "/api/events", noBody, ownEvents)
	handleFor(s, http.MethodGet, "/api/sessions", noBody, listSessions)
	handleFor(s, http.MethodDelete, "/api/sessions", noBody, endOthers)
	handleFor(s, http.MethodDelete, "/api/sessions/{sid}", noBody, endSession)
}

func me(c *call, _ none) (any, error) {
	a := c.who()
	return api.Me{
		Subject: a.Subject, SessionID: a.SessionID, Roles: append([]string{}, a.Roles...),
		AuthTime: a.AuthTime, ExpiresAt: a.Expires, Claims: a.Extra,
	}, nil
}

func account(c *call, _ none) (any, error) {
	return c.svc.Account(c.r.Context(), c.who())
}

func ownEvents(c *call, _ none) (any, error) {
	if err := c.list(); err != nil {
		return nil, err
	}
	list, err := c.svc.OwnEvents(c.r.Context(), c.who())
	if err != nil {
		return nil, err
	}
	return api.OwnEventList{Events: list}, nil
}

func listSessions(c *call, _ none) (any, error) {
	after, limit, err := c.query().page(sessionsDefault)
	if err != nil {
		return nil, err
	}
	if err := c.list(); err != nil {
		return nil, err
	}
	list, err := c.svc.Sessions(c.r.Context(), c.who(), after, limit)
	if err != nil {
		return nil, err
	}
	return list, nil
}

func endOthers(c *call, _ none) (any, error) {
	n, err := c.svc.EndOthers(c.r.Context(), c.who(), c.client())
	if err != nil {
		return nil, err
	}
	return api.Ended{Ended: n}, nil
}

func endSession(c *call, _ none) (any, error) {
	return nil, c.svc.EndSession(c.r.Context(), c.who(), c.r.PathValue("sid"), c.client())
}
