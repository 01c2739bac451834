package redis

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// links are the connections that are open. A primary behind one name (a managed
// Redis, an address that moves) may be demoted without closing them: as long as they
// are open, the name is not asked where the new primary is.
type links struct {
	by func(ctx context.Context, addr string) (net.Conn, error) // Options.Dial

	mu      sync.Mutex
	open    map[*link]bool
	dropped time.Time
}

// dropEvery is how often connections may be dropped: the name may lead to the
// replica still.
const dropEvery = time.Second

type link struct {
	net.Conn
	raw net.Conn // without TLS
	of  *links
}

func (l *links) dial(ctx context.Context, address string, d *net.Dialer, c *tls.Config) (net.Conn, error) {
	raw, err := l.connect(ctx, address, d)
	if err != nil {
		return nil, err
	}
	conn := &link{Conn: raw, raw: raw, of: l}
	if c != nil {
		if conn.Conn, err = encrypted(ctx, raw, address, c, d.Timeout); err != nil {
			_ = raw.Close()
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[*link]bool{}
	}
	l.open[conn] = true
	return conn, nil
}

func (l *links) connect(ctx context.Context, address string, d *net.Dialer) (net.Conn, error) {
	if l.by == nil {
		return d.DialContext(ctx, "tcp", address)
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	return l.by(ctx, address)
}

// encrypted is what tls.Dialer does.
func encrypted(ctx context.Context, raw net.Conn, address string, c *tls.Config, patience time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if c.ServerName == "" {
		c = c.Clone()
		c.ServerName, _, _ = net.SplitHostPort(address)
	}
	conn := tls.Client(raw, c)
	return conn, conn.HandshakeContext(ctx)
}

func (c *link) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// drop closes all connections, so that the next call dials.
func (l *links) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now() //nolint:forbidigo // a span of time by the node's own clock
	if now.Sub(l.dropped) < dropEvery {
		return
	}
	l.dropped = now
	for c := range l.open {
		_ = c.raw.Close()
	}
}

// noticeDemoted drops the connections to a single server that says that it is a
// replica. Sentinels and a Cluster tell by themselves who the primary is.
func (s *Store) noticeDemoted(err error) {
	e, ok := rueidis.IsRedisErr(err)
	if !ok || s.client.Mode() != rueidis.ClientModeStandalone {
		return
	}
	if word, _, _ := strings.Cut(e.Error(), " "); word == "READONLY" || word == "MASTERDOWN" {
		s.links.drop()
	}
}
