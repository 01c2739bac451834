package httpapi

import "net/http"

// health is the body of /healthz and /readyz.
type health struct {
	Status  string `json:"status"` // always ok: whatever is not is a problem document
	Version string `json:"version,omitempty"`
}

func (s *server) mountHealth() {
	handle(s, http.MethodGet, "/healthz", noBody, live)
	handle(s, http.MethodGet, "/readyz", noBody, ready)
}

// live says that the process runs: restart it when this fails.
func live(c *call, _ none) (any, error) {
	return health{Status: "ok", Version: c.o.Version}, nil
}

// ready says that the store answers too: send no requests while this fails.
func ready(c *call, _ none) (any, error) {
	if err := c.svc.Ready(c.r.Context()); err != nil {
		return nil, err
	}
	return health{Status: "ok"}, nil
}
