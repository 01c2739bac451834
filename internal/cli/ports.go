package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/internal/config"
)

// listeners are the open ports; admin is nil where the administration has none
// of its own.
type listeners struct {
	public, admin net.Listener
}

// listenAll opens the ports that the configuration names.
func listenAll(cfg *config.Config) (l listeners, err error) {
	if l.public, err = listen(cfg.Listen, "--listen"); err != nil || cfg.AdminListen == "" {
		return l, err
	}
	if l.admin, err = listen(cfg.AdminListen, "--admin-listen"); err != nil {
		l.close()
	}
	return l, err
}

// close closes what serving has not closed.
func (l listeners) close() {
	_ = l.public.Close()
	if l.admin != nil {
		_ = l.admin.Close()
	}
}

// port is a listener and what is served on it.
type port struct {
	listener net.Listener
	server   *http.Server
}

// ports gives what the listeners serve.
func (l listeners) ports(svc *pawl.Service, cfg *config.Config, log *slog.Logger, mon *monitor, tlsConfig *tls.Config) ([]port, error) {
	srv, err := newServer(svc, cfg, log, mon)
	if err != nil {
		return nil, err
	}
	srv.TLSConfig = tlsConfig
	if l.admin == nil {
		return []port{{l.public, srv}}, nil
	}
	own, err := newAdminServer(svc, cfg, log, mon)
	if err != nil {
		return nil, err
	}
	own.TLSConfig = tlsConfig
	log.Info("administration", "listen", l.admin.Addr().String())
	return []port{{l.public, srv}, {l.admin, own}}, nil
}

func newAdminServer(svc *pawl.Service, cfg *config.Config, log *slog.Logger, mon *monitor) (*http.Server, error) {
	h, err := httpapi.NewAdmin(svc, apiOptions(cfg, log, mon))
	if err != nil {
		return nil, err
	}
	return httpapi.Server(h, httpapi.ServerOptions{Log: log}), nil
}

// serveAll serves every port until ctx is done, or until one fails: that ends
// the others.
func serveAll(ctx context.Context, all []port, grace time.Duration) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error)
	for _, p := range all {
		go func() { ended <- httpapi.Serve(ctx, p.server, p.listener, grace) }()
	}
	for range all {
		err = errors.Join(err, <-ended)
		cancel()
	}
	return err
}
