package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func (s *server) mountAdminClients() {
	const all = "/admin/api/clients"
	handleAdmin(s, http.MethodGet, all, rule{query: []string{"after", "limit"}}, listClients)
	handleAdmin(s, http.MethodPost, all, rule{why: mayWhy, body: requiredBody}, addClient)
	handleAdmin(s, http.MethodDelete, all+"/{id}", rule{why: mustWhy}, removeClient)
}

func clientInfo(c pawl.RegisteredClient) api.ClientInfo {
	return api.ClientInfo{ID: c.ID, Scopes: append([]string{}, c.Scopes...), CreatedAt: c.Created}
}

func listClients(c *call, _ none) (any, error) {
	after, limit, err := c.query().placed(pageMost)
	if err != nil {
		return nil, err
	}
	if err := c.list(); err != nil {
		return nil, err
	}
	list, err := c.svc.Clients(c.r.Context())
	if err != nil {
		return nil, err
	}
	out := api.ClientList{Clients: []api.ClientInfo{}}
	for _, rc := range list {
		switch {
		case rc.ID <= after:
		case len(out.Clients) == limit:
			out.Next = writePlace(out.Clients[limit-1].ID)
			return out, nil
		default:
			out.Clients = append(out.Clients, clientInfo(rc))
		}
	}
	return out, nil
}

func addClient(c *call, in api.NewClient) (any, error) {
	rc, secret, err := c.svc.AddClient(c.r.Context(), in.ID, in.Scopes)
	if err != nil {
		return nil, err
	}
	c.status = http.StatusCreated
	return api.AddedClient{ID: rc.ID, Scopes: rc.Scopes, CreatedAt: rc.Created, Secret: secret}, nil
}

func removeClient(c *call, _ none) (any, error) {
	return nil, c.svc.RemoveClient(c.r.Context(), c.r.PathValue("id"))
}
