package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl"
)

// NewAdmin makes the handler of the administration alone, for a listener of its
// own: everything under /admin/api, and what says that it runs. Set
// Options.AdminElsewhere for the handler that New makes beside it.
func NewAdmin(svc *pawl.Service, o Options) (http.Handler, error) {
	s, err := newServer(svc, o)
	if err != nil {
		return nil, err
	}
	s.mountAdmin()
	s.mountHealth()
	s.mountOpenAPI()
	return s.handler(), nil
}

func (s *server) mountAdmin() {
	s.mountAdminUsers()
	s.mountAdminSessions()
	s.mountAdminClients()
	s.mountAdminKeys()
	s.mountAdminAudit()
	s.mountAdminActivity()
	s.mountAdminFeed()
}

// page is what lists are cut by.
func (q query) page(def int) (after string, limit int, err error) {
	if limit, err = q.limit(def); err != nil {
		return "", 0, err
	}
	return q.Get("after"), limit, nil
}
