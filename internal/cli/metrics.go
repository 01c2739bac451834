package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/internal/telemetry"
)

// monitor serves the metrics on a listener of their own. The nil *monitor is
// one that is switched off.
type monitor struct {
	*telemetry.Metrics
	registry *prometheus.Registry
	listener net.Listener
	log      *slog.Logger
}

// openMonitor opens the port of the metrics; nil where there is to be none.
func openMonitor(cfg *config.Config, log *slog.Logger) (*monitor, error) {
	if cfg.MetricsListen == "" {
		return nil, nil
	}
	l, err := listen(cfg.MetricsListen, "--metrics-listen")
	if err != nil {
		return nil, err
	}
	reg := prometheus.NewRegistry()
	m, err := telemetry.New(reg, telemetry.Options{Version: Version()})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &monitor{m, reg, l, log}, nil
}

// over puts the metrics around what the service is made of.
func (m *monitor) over(c *pawl.Config) {
	if m == nil {
		return
	}
	c.Sessions = m.Sessions(c.Sessions)
	log := c.OnEvent
	c.OnEvent = func(ctx context.Context, e pawl.Event) {
		m.OnEvent(ctx, e)
		log(ctx, e)
	}
}

// onRequest is what the HTTP API is to call after each request.
func (m *monitor) onRequest() func(route string, status int, took time.Duration) {
	if m == nil {
		return nil
	}
	return m.Request
}

// start serves until the function that it returns is called.
func (m *monitor) start(state telemetry.State) (stop func(), err error) {
	if m == nil {
		return func() {}, nil
	}
	if err := m.Watch(state); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	srv := httpapi.Server(telemetry.Handler(m.registry, m.log), httpapi.ServerOptions{Log: m.log})
	m.log.Info("metrics", "listen", m.listener.Addr().String())
	running.Go(func() { m.CountLive(ctx, state.Service) })
	running.Go(func() {
		err := httpapi.Serve(ctx, srv, m.listener, time.Second)
		if err != nil && ctx.Err() == nil { // people can still sign in
			m.log.Error("the metrics are not served any more", "error", err)
		}
	})
	return func() { cancel(); running.Wait() }, nil
}

// close closes the port where start was not called.
func (m *monitor) close() {
	if m != nil {
		_ = m.listener.Close() // it may be closed already
	}
}
