package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how much of X-Forwarded-For is looked at.
const maxHops = 32

// Proxies are the networks of the reverse proxies in front. Only what comes
// from them says whom it comes from (SECURITY 43).
type Proxies []netip.Prefix

// ClientAddress is the address of who sent r: the peer's, or where the peer is
// a trusted proxy, the right-most address of X-Forwarded-For that is not one.
// Everything to the left of it was written by the client, who could otherwise
// pass for anybody, in the audit trail and against the limits. "" where the
// peer has no address.
func (p Proxies) ClientAddress(r *http.Request) string {
	client, ok := ParseAddress(r.RemoteAddr)
	if !ok {
		return ""
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i, hop := range slices.Backward(hops) {
		next, ok := ParseAddress(strings.TrimSpace(hop))
		if !p.has(client) || !ok || len(hops)-i > maxHops {
			break
		}
		client = next
	}
	return client.String()
}

// ByTLS reports whether the client's connection is encrypted, as far as we or a
// trusted proxy can tell.
func (p Proxies) ByTLS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	peer, ok := ParseAddress(r.RemoteAddr)
	return ok && p.has(peer) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func (p Proxies) has(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// ParseNetwork reads a network, such as 192.0.2.0/24, or an address, which is the
// network of itself. The error says what is wrong: IPv4 in IPv6 is a form in which
// addresses are not compared (see [ParseAddress]), so that such a network has
// none in it.
func ParseNetwork(text string) (netip.Prefix, error) {
	if a, ok := parseAddr(text); ok {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, errors.New("must be an address or a network, such as 192.0.2.7 or 192.0.2.0/24")
	case p.Addr().Is4In6() && p.Bits() >= mappedBits:
		return netip.Prefix{}, fmt.Errorf("must be written as IPv4: %s", netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits))
	}
	return p, nil
}

// mappedBits is how many bits of an IPv4 address in IPv6 stand before it.
const mappedBits = 96

// ParseAddress reads an address with or without port, in the forms that proxies
// write. IPv4 in IPv6 becomes IPv4, and zones are dropped: prefixes do not match
// them.
func ParseAddress(text string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	return parseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
}

func parseAddr(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	return a.Unmap().WithZone(""), err == nil
}
