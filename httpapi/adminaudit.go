package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func (s *server) mountAdminAudit() {
	ask := []string{"user", "session", "kind", "from", "to", "after", "limit"}
	handleAdmin(s, http.MethodGet, "/admin/api/audit", rule{query: ask}, audit)
}

// audit always gives the cursor, so that a collector can ask for what is new.
func audit(c *call, _ none) (any, error) {
	q, err := c.query().audit()
	if err != nil {
		return nil, err
	}
	if err := c.list(); err != nil {
		return nil, err
	}
	page, err := c.svc.Audit(c.r.Context(), q)
	if err != nil {
		return nil, err
	}
	out := api.AuditPage{Entries: []api.AuditEntry{}, More: page.More, Next: page.Cursor}
	for _, e := range page.Entries {
		out.Entries = append(out.Entries, auditEntry(e))
	}
	return out, nil
}

func (q query) audit() (out pawl.AuditQuery, err error) {
	out.User, out.Session, out.Kind = q.Get("user"), q.Get("session"), q.Get("kind")
	if out.From, out.To, err = q.between(); err != nil {
		return out, err
	}
	out.After, out.Limit, err = q.page(pageDefault)
	return out, err
}

func auditEntry(e pawl.AuditEntry) api.AuditEntry {
	return api.AuditEntry{
		ID: e.ID, At: e.At, Kind: e.Kind, User: e.User, Login: e.Login, Session: e.Session,
		Reason: e.Reason, Row: e.Row, Address: e.Client.Address, Agent: e.Client.Agent,
		Key: e.Key, Object: e.Object, By: e.By, Why: e.Why,
	}
}
