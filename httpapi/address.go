package httpapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how much of X-Forwarded-For is looked at.
const maxHops = 32

// clientAddress is the address of who sent r: the peer's, or where the peer is
// a trusted proxy, the right-most address of X-Forwarded-For that is not one.
// Everything to the left of it was written by the client, who could otherwise
// pass for anybody, in the audit trail and against the limits (SECURITY 43).
func (s *server) clientAddress(r *http.Request) string {
	client, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return ""
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i, hop := range slices.Backward(hops) {
		next, ok := parseAddress(strings.TrimSpace(hop))
		if !s.isProxy(client) || !ok || len(hops)-i > maxHops {
			break
		}
		client = next
	}
	return client.String()
}

// byTLS reports whether the client's connection is encrypted, as far as we or a
// trusted proxy can tell.
func (s *server) byTLS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	peer, ok := parseAddress(r.RemoteAddr)
	return ok && s.isProxy(peer) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func (s *server) isProxy(a netip.Addr) bool {
	return slices.ContainsFunc(s.o.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// parseAddress reads an address with or without port, in the forms that proxies
// write. IPv4 in IPv6 becomes IPv4, and zones are dropped: prefixes do not match
// them.
func parseAddress(text string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}
