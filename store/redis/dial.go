package redis

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/redis/rueidis"
)

// dialBy has the client connect by dial, if there is one; Sentinels, too, are
// reached that way.
func dialBy(o *rueidis.ClientOption, dial func(context.Context, string) (net.Conn, error)) {
	if dial == nil {
		return
	}
	o.DialCtxFn = func(ctx context.Context, addr string, d *net.Dialer, c *tls.Config) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, d.Timeout)
		defer cancel()
		conn, err := dial(ctx, addr)
		if err != nil || c == nil {
			return conn, err
		}
		return secured(ctx, conn, addr, c)
	}
}

// secured speaks TLS on a connection, and closes it where that fails.
func secured(ctx context.Context, conn net.Conn, addr string, c *tls.Config) (net.Conn, error) {
	if c.ServerName == "" {
		c = c.Clone()
		c.ServerName, _, _ = net.SplitHostPort(addr)
	}
	client := tls.Client(conn, c)
	if err := client.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return client, nil
}
