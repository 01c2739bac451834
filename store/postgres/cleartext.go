package postgres

import (
	"context"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// warnOfClearText says which connections may go unencrypted over a network without
// anyone having chosen that: where sslmode is not given, PostgreSQL's clients ask
// for TLS, and go on without it if the server has none or somebody in between says
// so.
func warnOfClearText(ctx context.Context, o Options, url string) {
	var hosts []string
	for _, u := range []string{url, o.Listen} {
		hosts = append(hosts, clearTextHosts(u)...)
	}
	if hosts = slices.Compact(slices.Sorted(slices.Values(hosts))); len(hosts) == 0 {
		return
	}
	log := o.Log
	if log == nil {
		log = slog.Default()
	}
	log.LogAttrs(ctx, slog.LevelWarn, "the connection to the database may go unencrypted: the URL has no sslmode; add sslmode=verify-full and sslrootcert=<file>, or sslmode=disable where nobody can listen",
		slog.Any("hosts", hosts))
}

// clearTextHosts gives the hosts of a URL to which a connection may go unencrypted
// because it does not say how to go.
func clearTextHosts(url string) (hosts []string) {
	cfg, err := pgconn.ParseConfig(url)
	if url == "" || err != nil || strings.Contains(url, "sslmode") || os.Getenv("PGSSLMODE") != "" {
		return nil
	}
	all := append([]*pgconn.FallbackConfig{{Host: cfg.Host, TLSConfig: cfg.TLSConfig}}, cfg.Fallbacks...)
	for _, f := range all {
		if f.TLSConfig == nil && !onThisHost(f.Host) {
			hosts = append(hosts, f.Host)
		}
	}
	return hosts
}

// onThisHost reports whether a host is a Unix socket or the loopback.
func onThisHost(host string) bool {
	network, _ := pgconn.NetworkAddress(host, 0)
	ip := net.ParseIP(host)
	return network == "unix" || host == "localhost" || ip != nil && ip.IsLoopback()
}
