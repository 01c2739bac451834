package api

import "net/netip"

// ThisMachine reports whether a host, without a port, can be nothing but the
// machine itself: localhost or a loopback address. Only to it may secrets and
// tokens go without TLS.
func ThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
