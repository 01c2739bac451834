package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl/api"
)

// clientAddress is the address of who sent r, as far as it can be believed.
func (s *server) clientAddress(r *http.Request) string {
	return api.Proxies(s.o.TrustedProxies).ClientAddress(r)
}

// byTLS reports whether the client's connection is encrypted.
func (s *server) byTLS(r *http.Request) bool { return api.Proxies(s.o.TrustedProxies).ByTLS(r) }
