package cli

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
)

// Serving is a server without its listener, for tests that look at what a
// configuration does.
type Serving struct {
	Config  pawl.Config
	Service *pawl.Service
	Handler http.Handler
	Close   func() error
}

// Open opens what cfg names.
func Open(cfg *config.Config) (*Serving, error) {
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	s, key, err := openForServer(ctx, cfg)
	if err != nil {
		return nil, err
	}
	c, err := serviceConfig(cfg, s, key, log)
	if err != nil {
		return nil, err
	}
	svc, stop, err := newService(ctx, cfg, s, key, log, nil)
	if err != nil {
		return nil, err
	}
	srv, err := newServer(svc, cfg, log, nil)
	if err != nil {
		return nil, err
	}
	return &Serving{c, svc, srv.Handler, func() error { stop(); return s.Close() }}, nil
}

// NewTLS gives the TLS settings for cfg.
func NewTLS(cfg *config.Config, log *slog.Logger, now func() time.Time) (*tls.Config, error) {
	return (&app{now: now}).newTLS(cfg, log)
}

// NewLog gives the log that cfg asks for.
func NewLog(cfg *config.Config, w io.Writer) *slog.Logger { return (&app{stderr: w}).newLog(cfg) }

// LogEvents, WarnOfLegacy, Printable, EscapeJSON and the demo's person, for their tests.
var (
	LogEvents    = logEvents
	WarnOfLegacy = warnOfLegacy
	Printable    = printable
	EscapeJSON   = escapeJSON
)

const DemoLogin, DemoPassword = demoLogin, demoPassword
